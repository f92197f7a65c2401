"""Every container and everything that may lie around the weights in it: the command must see the same
weights. Rows t11, t18, t19. usage: check_containers.py VITLRP PARITY GOLDEN [TEST...]"""

import argparse
import collections
import functools
import hashlib
import json
import math
import os
import pathlib
import random
import re
import struct
import sys
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import model_files  # noqa: E402
import records  # noqa: E402
import torch_files  # noqa: E402
from model_files import GOLDEN, PARITY, PLAIN, other  # noqa: E402


class Containers(model_files.ModelFiles):
    # ---- What lies beside the weights

    def test_objects_beside_the_weights(self):
        state = collections.OrderedDict(self.tensors)
        inner = torch_files.made_class("project.config", "Config")()
        inner.path = pathlib.PurePosixPath("/data")
        inner.itself = inner
        hook = torch_files.function("project.config", "hook")
        cases = {
            "t18 namespace": {"args": argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("x"))},
            "class": {"hyper_parameters": {"config": inner}},
            "function": {"callbacks": {"f": hook}},
            "partial": {"scheduler": functools.partial(sorted, key=len)},
            "defaultdict": {"state": collections.defaultdict(list, {"a": [1]})},
            "counter": {"steps": collections.Counter("abc")},
            "complex": {"z": complex(1, 2), "r": range(3), "e": ValueError("x")},
            "set": {"s": {1, 2}, "f": frozenset({3})},
            "ordered": {"o": collections.OrderedDict(a=1)},
        }
        for name, beside in cases.items():
            for protocol in (2, 4):
                with self.subTest(name=name, protocol=protocol):
                    value = dict(beside, state_dict=state, epoch=3)
                    self.expect_same(self.save(value, protocol=protocol,
                                               made=(type(inner), hook)))

    def test_t19_numpy_scalar(self):
        dtype = torch_files.made_class("numpy", "dtype")
        scalar = torch_files.function("numpy.core.multiarray", "scalar")
        made = torch_files.made_class("numpy", "float64", __reduce__=lambda self: (scalar, (dtype(), b"x" * 8)))
        value = {"model": self.tensors, "best": made()}
        self.expect_same(self.save(value, made=(dtype, scalar, made)))

    def test_objects_of_the_state_dict(self):
        """A subclass of a dictionary, and an entry that is an object: it is needed by nobody."""
        kind = type("StateDict", (collections.OrderedDict,),
                    {"__module__": "project", "__qualname__": "StateDict"})
        state = kind(self.tensors)
        state["_extra_state"] = argparse.Namespace(a=1)
        self.expect_same(self.save(state, made=(kind,)))
        said = self.run_program("info", "model.pth", "--heads", "4", "-v")
        self.assertIn("'_extra_state' is made by argparse.Namespace, which is not run", said)

    def test_a_tensor_that_an_object_stands_for(self):
        state = dict(self.tensors)
        state["head.weight"] = argparse.Namespace()
        self.expect_refused(self.save(state), "head.weight")
        self.expect_refused(self.save(argparse.Namespace(state_dict=1)),
                            "argparse.Namespace, of which nothing is run")
        state["head.weight"] = torch_files.Tensor((10, 32), bytes(320), "other")
        self.expect_refused(self.save(state), "'head.weight': its elements are of torch.QUInt8Storage")

    def test_storages_of_other_types_beside(self):
        odd = {"z": torch_files.Tensor((2,), bytes(16), "C64"), "q": torch_files.Tensor((2,), bytes(2), "other")}
        self.expect_same(self.save({"model": self.tensors, "fft": odd}))

    # ---- How the elements lie

    def test_permuted_strides(self):
        """Any order of the axes is read, in stored and in deflated records; other views are not."""
        orders = {"patch_embed.proj.weight": (0, 2, 3, 1), "head.weight": (1, 0), "cls_token": (2, 0, 1),
                  "pos_embed": (1, 2, 0), "blocks.1.mlp.fc1.weight": (1, 0), "blocks.0.attn.qkv.weight": (1, 0)}
        state = {name: tensor.permuted(orders[name]) if name in orders else tensor
                 for name, tensor in self.tensors.items()}
        self.expect_same(self.save(state))
        self.expect_same(self.save(state, compression=zipfile.ZIP_DEFLATED))
        weight = self.tensors["patch_embed.proj.weight"]
        state["patch_embed.proj.weight"] = weight.permuted((3, 1, 0, 2))
        self.expect_same(self.save(state))
        state["head.bias"] = torch_files.Tensor((10,), self.tensors["head.bias"].data, stride=(0,))
        self.expect_refused(self.save(state), "'head.bias': it is not contiguous")
        del state["head.bias"]
        state["norm.weight"] = torch_files.Tensor((32,), bytes(256), stride=(2,))
        state["unknown"] = torch_files.Tensor((2,), bytes(256), stride=(2,))
        self.expect_refused(self.save(state), "'unknown'")  # it is refused by its name first

    def test_t26_doubles(self):
        """F64 is rounded to F32, which these have been."""
        state = {name: tensor.as_double() for name, tensor in self.tensors.items()}
        self.expect_same(self.save(state))
        with open("model.safetensors", "wb") as file:
            file.write(torch_files.safetensors(state))
        self.expect_same("model.safetensors")
        with open("model.npz", "wb") as file:
            file.write(torch_files.npz(state))
        self.expect_same("model.npz")
        state["head.bias"] = torch_files.Tensor((10,), struct.pack("<10d", *[1e300] * 10), "F64")
        self.expect_refused(self.save(state), "'head.bias': holds NaN or infinity")

    def test_a_tensor_of_no_registers(self):
        """transformers writes it of a DINOv3 without any; of another tensor no rows are a mistake."""
        state = dict(self.tensors, reg_token=torch_files.Tensor((1, 0, 32), b""))
        self.expect_same(self.save(state))
        with open("model.safetensors", "wb") as file:
            file.write(torch_files.safetensors(state))
        self.expect_same("model.safetensors")
        del state["reg_token"]
        state["cls_token"] = torch_files.Tensor((1, 0, 32), b"")
        self.expect_refused(self.save(state), "'cls_token' has shape \[1, 0, 32\] instead of \[1, 1, 32\]")

    def test_fortran_order(self):
        with open("model.npz", "wb") as file:
            file.write(torch_files.npz({name: tensor.permuted(range(len(tensor.shape) - 1, -1, -1))
                                        for name, tensor in self.tensors.items()}))
        self.expect_same("model.npz")

    # ---- Shards

    def write_shards(self, parts=None, weight_map=None, names=("a-00001-of-00002.safetensors",
                                                              "a-00002-of-00002.safetensors")):
        """`parts` are the tensors of each shard; the map is what it should be, with changes."""
        listed = list(self.tensors.items())
        parts = parts or (dict(listed[:9]), dict(listed[9:]))
        found = {name: file for part, file in zip(parts, names) for name in part}
        found.update(weight_map or {})
        for part, name in zip(parts, names):
            with open(name, "wb") as file:
                file.write(torch_files.safetensors(part) if name.endswith("s") else
                           torch_files.torch_zip(part))
        index = f"a.{names[0].rsplit('.')[-1]}.index.json"
        with open(index, "w", encoding="utf-8") as file:
            json.dump({"metadata": {"total_size": 1},
                       "weight_map": {k: v for k, v in found.items() if v is not None}}, file)
        return index

    def test_t29_shards(self):
        index = self.write_shards()
        self.expect_same(index)
        said = self.run_program("info", "a-00002-of-00002.safetensors", "--heads", "4")
        self.assertRegex(said, "is a part of a model: all parts that its index names are read")
        self.expect_same("./a-00001-of-00002.safetensors")
        os.rename(index, "model.safetensors.index.json")
        self.expect_same(".")
        index = self.write_shards(names=("a-00001-of-00002.bin", "a-00002-of-00002.bin"))
        self.expect_same(index)
        os.remove(index)
        self.expect_refused("a-00002-of-00002.bin", "missing")

    def test_shards_that_differ_from_their_index(self):
        listed = list(self.tensors.items())
        first, second = dict(listed[:9]), dict(listed[9:])
        name = listed[0][0]
        for weight_map, pattern in (
                ({name: "../a-00001-of-00002.safetensors"}, "in no file of the index's folder"),
                ({name: "/etc/passwd"}, "in no file of the index's folder"),
                ({name: "x/y"}, "in no file"), ({name: ".."}, "in no file"), ({name: 3}, "in no file"),
                ({name: ""}, "in no file"), ({name: "none.safetensors"}, "none.safetensors: cannot open"),
                ({name: "a-00002-of-00002.safetensors"}, "has the tensor '.*', which the index has in another"),
                ({name: None}, "which the index has nowhere"),
                ({"other": "a-00001-of-00002.safetensors"}, "tensor 'other' is missing in a-00001"),
                ({name: "a.safetensors.index.json"}, "is a JSON file|which the index has in another")):
            with self.subTest(weight_map=weight_map):
                self.expect_refused(self.write_shards(weight_map=weight_map), pattern)
        self.expect_refused(self.write_shards((first, dict(second, **{name: first[name]}))),
                            "which the index has in another file|occurs twice")
        index = self.write_shards()
        self.expect_refused(index, "the shards have more than the limit of 60000 bytes",
                            "--limits", "weights=60000", code=5)
        for text, pattern in ((b"{}", "weight_map is missing"), (b"[]", "JSON"), (b"", "JSON"),
                              (b'{"weight_map": []}', "weight_map is missing")):
            with open(index, "wb") as file:
                file.write(text)
            self.expect_refused(index, pattern)

    def test_records_name_the_shards(self):
        index = self.write_shards()
        self.logits(index, "--heads", "4", "--json", "r.json")
        with open("r.json", encoding="utf-8") as file:
            record = json.load(file)
        self.assertEqual(records.check(record), [])
        lines = ""
        for name in sorted(["a-00001-of-00002.safetensors", "a-00002-of-00002.safetensors", index]):
            with open(name, "rb") as file:
                digest = hashlib.sha256(file.read()).hexdigest()
            self.assertEqual(record["configuration"]["files"][name], digest)
            lines += f"{digest}  {name}\n"
        self.assertEqual(record["weights_sha256"], hashlib.sha256(lines.encode()).hexdigest())

    def test_outputs_overwrite_no_shard(self):
        index = self.write_shards()
        for name in (index, "a-00001-of-00002.safetensors"):
            with open(name, "rb") as file:
                kept = file.read()
            said = self.run_program(os.path.join(PARITY, "input.npy"), "--model", index, "--heads", "4",
                                    "--json", name, "-o", "-", code=2)
            self.assertIn("would overwrite", said)
            with open(name, "rb") as file:
                self.assertEqual(file.read(), kept)

    # ---- Folders

    def test_order_of_names(self):
        names = ["model.safetensors", "pytorch_model.bin", "pytorch_model.pth",
                 "open_clip_model.safetensors", "open_clip_pytorch_model.safetensors",
                 "open_clip_pytorch_model.bin"]
        os.mkdir("f")
        for i, name in enumerate(names):
            state = self.tensors if i == 0 else other(self.tensors)
            with open(f"f/{name}", "wb") as file:
                file.write(torch_files.safetensors(state) if name.endswith("s") else
                           torch_files.torch_zip(state))
        self.expect_same("f")
        said = self.run_program("info", "f", "--heads", "4", "-v")
        self.assertIn("of the files of weights in the folder, model.safetensors is used", said)
        os.remove("f/model.safetensors")
        for name in names[1:]:
            found, _ = self.logits("f", "--heads", "4")
            self.assertEqual(found, tuple(-number for number in self.plain()))
            os.remove(f"f/{name}")
        self.expect_refused("f", "neither model.safetensors nor pytorch_model.bin")
        for name, pattern in (("flax_model.msgpack", "Flax"), ("tf_model.h5", "TensorFlow"),
                              ("adapter_model.safetensors", "an adapter, not a model")):
            with open(f"f/{name}", "wb"):
                pass
            self.expect_refused("f", pattern)
            os.remove(f"f/{name}")

    def lay_out_hub(self, root, commits=("0123456789abcdef",), main=True):
        """The cache as huggingface_hub lays it out: links into blobs."""
        folder = os.path.join(root, "models--org--vit-x")
        os.makedirs(f"{folder}/blobs")
        with open(f"{folder}/blobs/1", "wb") as file:
            file.write(torch_files.safetensors(self.tensors))
        with open(f"{folder}/blobs/2", "w", encoding="utf-8") as file:
            json.dump({"num_classes": 10, "model_args": {}, "pretrained_cfg": {"mean": [0.1, 0.2, 0.3]}}, file)
        for commit in commits:
            os.makedirs(f"{folder}/snapshots/{commit}")
            os.symlink("../../blobs/1", f"{folder}/snapshots/{commit}/model.safetensors")
            os.symlink("../../blobs/2", f"{folder}/snapshots/{commit}/config.json")
        if main:
            os.makedirs(f"{folder}/refs")
            with open(f"{folder}/refs/main", "w", encoding="utf-8") as file:
                file.write(commits[-1])
        return folder

    def test_t30_hub_folder(self):
        folder = self.lay_out_hub("hub", ("ab12", "cd34"))
        self.expect_same(folder)
        os.remove(f"{folder}/snapshots/ab12/model.safetensors")
        self.expect_same(folder)
        with open(f"{folder}/refs/main", "w", encoding="utf-8") as file:
            file.write("ffff")
        self.expect_refused(folder, "refs/main names the snapshot ffff, which is not there")
        os.remove(f"{folder}/refs/main")
        self.expect_refused(folder, "2 snapshots and no refs/main")
        with open(f"{folder}/refs/main", "w", encoding="utf-8") as file:
            file.write("../../x")
        self.expect_refused(folder, "2 snapshots and no refs/main")
        folder = self.lay_out_hub("other", main=False)
        self.expect_same(folder)

    def test_name_of_the_hub(self):
        cases = (("HF_HUB_CACHE", "a", "a"), ("HF_HOME", "b", "b/hub"),
                 ("XDG_CACHE_HOME", "c", "c/huggingface/hub"), ("HOME", "d", "d/.cache/huggingface/hub"))
        for variable, value, root in cases:
            with self.subTest(variable=variable):
                self.environment = {"PATH": os.environ["PATH"], "VITLRP_BACKEND": "openblas", variable: value}
                said = self.run_program("info", "org/vit-x", "--heads", "4", code=3)
                self.assertRegex(said, rf"org/vit-x: there is no such file, and it is not in the hub's cache "
                                       rf"\(\${variable}.*\); `hf download org/vit-x` fetches it")
                self.lay_out_hub(root)
                self.expect_same("org/vit-x")
                self.logits("org/vit-x", "--heads", "4", "--json", "r.json")
                with open("r.json", encoding="utf-8") as file:
                    self.assertEqual(json.load(file)["configuration"]["preprocess"]["mean"], [0.1, 0.2, 0.3])
        for name in ("../vit-x", "org/..", "a/b/c", "org/", "/org"):
            self.assertNotIn("hf download", self.run_program("info", name, code=3))

    # ---- Which weights

    def test_t11_average(self):
        self.save({"state_dict": other(self.tensors), "state_dict_ema": self.tensors, "epoch": 1})
        self.expect_same("model.pth")
        self.expect_same("model.pth", "--weights", "ema")
        found, _ = self.logits("model.pth", "--heads", "4", "--weights", "raw")
        self.assertEqual(found, tuple(-number for number in self.plain()))
        said = self.run_program("info", "model.pth", "--heads", "4")
        self.assertRegex(said, r"weights \(state_dict\) and their average over the training "
                               r"\(state_dict_ema\): the average is used")
        self.assertNotIn("average", self.run_program("info", "model.pth", "--heads", "4", "--weights", "raw"))

    def test_average_of_other_keys(self):
        for raw, average in (("model", "model_ema"), ("student", "teacher"), ("state_dict", "ema_state_dict")):
            with self.subTest(average=average):
                self.expect_same(self.save({raw: other(self.tensors), average: self.tensors}))
        self.save({"model": self.tensors, "model_ema": {"decay": self.tensors["head.bias"]}})
        self.expect_same("model.pth")  # no copy of the model
        self.save({"model": self.tensors, "teacher": other(self.tensors)})
        self.expect_same("model.pth")  # another network
        self.save({"model": self.tensors})
        self.expect_refused("model.pth", "no average", "--weights", "ema")
        self.save({"model_ema": self.tensors})
        self.expect_same("model.pth")
        self.expect_refused("model.pth", "no weights but their average", "--weights", "raw")
        self.expect_refused(PLAIN, "no average", "--weights", "ema")

    def test_records_name_the_set(self):
        self.save({"state_dict": other(self.tensors), "state_dict_ema": self.tensors})
        for options, wanted in ((["--weights", "raw"], "raw"), ([], "ema")):
            self.logits("model.pth", "--heads", "4", "--json", "r.json", *options)
            with open("r.json", encoding="utf-8") as file:
                self.assertEqual(json.load(file)["configuration"]["weights"], wanted)

    def test_keys_around_the_weights(self):
        for key in ("state_dict", "model", "module", "net", "encoder", "params", "target", "teacher"):
            self.expect_same(self.save({key: self.tensors, "optimizer": {"m": self.tensors}}))
        self.expect_same(self.save({"encoder": self.tensors, "target_encoder": other(self.tensors)}))

    # ---- Names

    def renamed(self, rename):
        return self.save({rename(name): tensor for name, tensor in self.tensors.items()})

    def test_t27_prefixes(self):
        for prefix in ("student.", "timm_model.", "trunk.", "visual.trunk.", "a.b.c.", "net.", "base_model.model.",
                       "my_vit.backbone.", "params/img/", "module.model.vision_model."):
            with self.subTest(prefix=prefix):
                self.expect_same(self.renamed(lambda name, prefix=prefix: prefix + name))
        said = self.run_program("info", self.renamed(lambda name: "a.b." + name), "--heads", "4", "-v")
        self.assertIn("all names begin with 'a.b.', which is left out", said)

    def test_wrappers_inside_names(self):
        self.expect_same(self.renamed(lambda name: name.replace("blocks.", "_orig_mod.blocks.")
                                      .replace(".mlp.", "._checkpoint_wrapped_module.mlp.")))
        self.expect_same(self.renamed(lambda name: "model._orig_mod." + name))
        state = dict(self.tensors, **{"_orig_mod.cls_token": self.tensors["cls_token"]})
        self.expect_refused(self.save(state), "'cls_token' occurs twice")

    def test_t20_t21_training_beside_the_network(self):
        state = {"model." + name: tensor for name, tensor in self.tensors.items()}
        state["criterion.pos_weight"] = self.tensors["head.bias"]
        self.expect_same(self.save({"state_dict": state}))
        state = {"module." + name: tensor for name, tensor in self.tensors.items()}
        state["n_averaged"] = torch_files.Tensor((), bytes(8), "I64")
        self.expect_same(self.save(state))
        said = self.run_program("info", "model.pth", "--heads", "4", "-v")
        self.assertIn("tensor 'n_averaged' is left out", said)

    def test_two_networks_in_one(self):
        for average, raw in (("teacher.", "student."), ("model_ema.module.", "model."), ("ema.", "model.")):
            state = {average + name: tensor for name, tensor in self.tensors.items()}
            state.update({raw + name: tensor for name, tensor in other(self.tensors).items()})
            self.expect_same(self.save({"state_dict": state}))
            self.expect_same("model.pth", "--weights", "ema")
            found, _ = self.logits("model.pth", "--heads", "4", "--weights", "raw")
            self.assertEqual(found, tuple(-number for number in self.plain()))
            said = self.run_program("info", "model.pth", "--heads", "4")
            self.assertRegex(said, "and their average over the training .*: the average is used")

    def test_ignored_tensors(self):
        state = dict(self.tensors, **{"aux.0.weight": self.tensors["head.bias"],
                                      "aux.1.weight": self.tensors["head.bias"], "z": self.tensors["head.bias"]})
        self.expect_refused(self.save(state), "is not supported")
        self.expect_same("model.pth", "--ignore-tensors", "aux.*,z")
        said = self.run_program("info", "model.pth", "--heads", "4", "--ignore-tensors", "aux.?.weight,z")
        self.assertIn("2 of 47 tensors are ignored: aux.?.weight", said)
        self.logits("model.pth", "--heads", "4", "--ignore-tensors", "aux.*,z", "--json", "r.json")
        with open("r.json", encoding="utf-8") as file:
            record = json.load(file)
        self.assertEqual(records.check(record), [])
        self.assertEqual(record["configuration"]["ignored_tensors"], "aux.*,z")
        self.expect_refused("model.pth", "no tensor has a name like 'none", "--ignore-tensors", "none*")
        self.expect_refused("model.pth", "empty or too long", "--ignore-tensors", ",aux.*", code=2)
        self.expect_refused("model.pth", "all tensors are ignored", "--ignore-tensors", "*")

    def test_refused_by_name(self):
        cases = {"blocks.0.attn.qkv.qweight": "quantised", "blocks.0.mlp.fc1.weight.absmax": "quantised",
                 "blocks.0.mlp.fc1.SCB": "quantised", "blocks.0.attn.qkv.lora_A.default.weight": "merge_and_unload",
                 "layers.0.blocks.0.attn.qkv.weight": "Swin", "stages.0.blocks.0.norm.weight": "Swin",
                 "patch_embed.conv1.weight": "Swin", "patch_embed.backbone.stages.0.conv.weight": "convolutional stem",
                 "blocks.0.attns.0.attn.qkv.weight": "branches in pairs", "blocks.0.norm11.weight": "branches in pairs",
                 "text_decoder.resblocks.0.ln_1.weight": "CoCa.*explain a CLIP", "visual.attn_pool.query": "CoCa",
                 "text_decoder.bert.embeddings.position_ids": "BLIP.*explain a CLIP",
                 "embeds.proj.weight": "NaFlexViT.*fixed size", "patch_conv.weight": "Pixtral",
                 "encoder.layers.0.self_attn.projection.weight": "BLIP.*explain a CLIP",
                 "vision_model.class_pos_emb": "MLCD.*explain a CLIP",
                 "encoder.layer.0.attention.projection_layer.weight": "InternVL.*vit_intern300m_patch14_448",
                 "vision_model.encoder.layers.0.attn.qkv.bias": "InternViT.*vit_intern300m_patch14_448",
                 "blocks.0.attn.rel_pos.mlp.fc1.weight": "vit_relpos.*explain a DeiT III",
                 "blocks.0.attn.rel_pos.relative_position_bias_table": "vit_relpos.*explain a DeiT III",
                 "shared_rel_pos.mlp.fc2.weight": "vit_srelpos.*explain a DeiT III",
                 "blocks.0.attn.rel_pos_h": "SAM.*samvit.*explain a plain",
                 "vision_encoder.layers.0.attn.rel_pos_h": "SAM.*explain a plain",
                 "encoder.layer.0.attention.rel_pos_h": "ViTDet.*explain a plain",
                 "owlvit.vision_model.pre_layernorm.weight": "OWL-ViT.*the CLIP",
                 "vit.embeddings.detection_tokens": "YOLOS.*the DeiT",
                 "blocks_token_only.0.attn.q.weight": "CaiT.*DeiT III", "cls_attn_blocks.0.gamma1": "XCiT.*DeiT III"}
        for name, pattern in cases.items():
            with self.subTest(name=name):
                state = dict(self.tensors, **{name: self.tensors["head.bias"]})
                self.expect_refused(self.save(state), pattern + r".*\(tensor '" + name)

    def test_refused_by_shape(self):
        """Architectures that differ from a known one in the shapes of its tensors only."""
        state = dict(self.tensors)
        for block in range(3):
            stacked = state.pop(f"blocks.{block}.attn.qkv.weight").data
            part = len(stacked) // 3
            for i, name in enumerate("qkv"):
                data = stacked[i * part:][:part // 2 if block == 1 and name != "q" else part]
                state[f"blocks.{block}.attn.{name}_proj.weight"] = torch_files.Tensor((len(data) // 128, 32), data)
        self.expect_refused(self.save(state), r"Sapiens2.*'blocks.1.attn.k_proj.weight' has shape \[16, 32\]")
        siglip = os.path.join(GOLDEN, "hf-siglip-vision", "model", "model.safetensors")
        state = torch_files.read_safetensors(siglip)
        name, = (name for name in state if name.endswith("embeddings.patch_embedding.weight"))
        width, *rest = state[name].shape
        state[name] = torch_files.Tensor((width, math.prod(rest)), state[name].data)
        self.expect_refused(self.save(state), "NaFlex.*the network of a fixed size")

    # ---- Adapters

    def write_adapter(self, tensors, **changes):
        config = {"peft_type": "LORA", "r": 4, "lora_alpha": 6, "target_modules": ["qkv"], "lora_dropout": 0.1,
                  "bias": "none", "use_rslora": False, "use_dora": False, "fan_in_fan_out": False,
                  "rank_pattern": {}, "alpha_pattern": {}, "modules_to_save": ["head"], "task_type": None,
                  "init_lora_weights": True, "layer_replication": None, "loftq_config": {}}
        config.update(changes)
        os.makedirs("lora", exist_ok=True)
        with open("lora/adapter_config.json", "w", encoding="utf-8") as file:
            json.dump(config, file)
        with open("lora/adapter_model.safetensors", "wb") as file:
            file.write(torch_files.safetensors(
                {"base_model.model." + name: tensor for name, tensor in tensors.items()}, {"format": "pt"}))

    def factors(self, layers, rank=4):
        """Random A and B for layers, and the model's tensors with them beside those of the layers."""
        rng, found, merged = random.Random(5), {}, dict(self.tensors)
        for layer in layers:
            weight = self.tensors[layer + ".weight"]
            outputs, inputs = weight.shape[0], math.prod(weight.shape[1:])
            a, b = (struct.pack(f"<{count}f", *(rng.uniform(-.5, .5) for _ in range(count)))
                    for count in (rank * inputs, outputs * rank))
            behind = (1, 1) if len(weight.shape) == 4 else ()
            found[layer + ".lora_A.weight"] = torch_files.Tensor((rank,) + weight.shape[1:], a)
            found[layer + ".lora_B.weight"] = torch_files.Tensor((outputs, rank) + behind, b)
            merged[layer + ".weight"] = (weight, struct.unpack(f"<{rank * inputs}f", a),
                                         struct.unpack(f"<{outputs * rank}f", b))
        return found, merged

    def merge(self, merged, scale, rank=4):
        found = {}
        for name, value in merged.items():
            if isinstance(value, tuple):
                weight, a, b = value
                outputs, inputs = weight.shape[0], math.prod(weight.shape[1:])
                old = weight.floats()
                new = [old[o * inputs + i] + scale * sum(b[o * rank + k] * a[k * inputs + i] for k in range(rank))
                       for o in range(outputs) for i in range(inputs)]
                value = torch_files.Tensor(weight.shape, struct.pack(f"<{len(new)}f", *new))
            found[name] = value
        return found

    def test_adapter_equals_the_formula(self):
        layers = ["blocks.0.attn.qkv", "blocks.1.attn.qkv", "blocks.2.mlp.fc1", "patch_embed.proj"]
        tensors, merged = self.factors(layers)
        for name in ("head.weight", "head.bias"):
            tensors[name] = merged[name] = other(self.tensors)[name]
        for changes, scale in (({}, 6 / 4), ({"use_rslora": True}, 6 / 2)):
            self.write_adapter(tensors, **changes)
            wanted, _ = self.logits(self.save(self.merge(merged, scale)), "--heads", "4")
            found, _ = self.logits(PLAIN, "--heads", "4", "--adapter", "lora", "--json", "r.json")
            self.assertNotEqual(wanted, self.plain())
            self.assertLess(max(abs(a - b) for a, b in zip(found, wanted)), 1e-5)
        with open("r.json", encoding="utf-8") as file:
            record = json.load(file)
        self.assertEqual(records.check(record), [])
        self.assertLessEqual({"timm.safetensors", "adapter_config.json", "adapter_model.safetensors"},
                             set(record["configuration"]["files"]))
        index = self.write_shards()
        found, _ = self.logits(index, "--heads", "4", "--adapter", "lora")
        self.assertLess(max(abs(a - b) for a, b in zip(found, wanted)), 1e-5)

    def test_adapters_that_are_refused(self):
        tensors, _ = self.factors(["blocks.0.attn.qkv"])

        def refused(pattern):
            self.expect_refused(PLAIN, pattern, "--adapter", "lora")
        refused("adapter_config.json: cannot open")
        for changes, pattern in (
                ({"peft_type": "IA3"}, "peft_type is 'IA3'"), ({"use_dora": True}, "'use_dora' is set"),
                ({"fan_in_fan_out": True}, "'fan_in_fan_out' is set"), ({"bias": "all"}, "'bias' is set"),
                ({"alpha_pattern": {"x": 1}}, "'alpha_pattern' is set"), ({"rank_pattern": {"x": 1}}, "rank_pattern"),
                ({"init_lora_weights": "pissa"}, "init_lora_weights"), ({"new_key": 1}, "'new_key' is set"),
                ({"lora_alpha": None}, "lora_alpha"), ({"lora_alpha": "x"}, "lora_alpha")):
            with self.subTest(changes=changes):
                self.write_adapter(tensors, **changes)
                refused(pattern)
        for extra, pattern in (
                ({"blocks.9.attn.qkv.lora_A.weight": tensors["blocks.0.attn.qkv.lora_A.weight"],
                  "blocks.9.attn.qkv.lora_B.weight": tensors["blocks.0.attn.qkv.lora_B.weight"]}, "the model has no"),
                ({"blocks.1.attn.qkv.lora_A.weight": tensors["blocks.0.attn.qkv.lora_A.weight"]}, "the adapter has no"),
                ({"blocks.1.attn.qkv.lora_B.weight": tensors["blocks.0.attn.qkv.lora_B.weight"]}, "2 B and 1 A"),
                ({"blocks.1.attn.proj.lora_A.weight": tensors["blocks.0.attn.qkv.lora_A.weight"],
                  "blocks.1.attn.proj.lora_B.weight": tensors["blocks.0.attn.qkv.lora_B.weight"]}, "do not fit"),
                ({"blocks.0.attn.qkv.lora_magnitude_vector": self.tensors["head.bias"]}, "no part of a plain LoRA"),
                ({"norm.weight": self.tensors["norm.weight"]}, "'base_model.model.norm.weight': it is no part")):
            with self.subTest(extra=list(extra)):
                self.write_adapter(dict(tensors, **extra))
                refused(pattern)
        self.write_adapter(tensors)
        self.assertIn("an adapter needs a model from a file",
                      self.run_program("info", "--adapter", "lora", code=2))

    # ---- Whole modules

    def test_pickled_module(self):
        module = torch_files.made_class("timm.models.vision_transformer", "VisionTransformer")
        tree = torch_files.module_tree(self.tensors, module)
        tree._buffers["shown"] = self.tensors["head.bias"]
        tree._non_persistent_buffers_set.add("shown")
        tree._modules["norm"].forward_hook = torch_files.function("project", "hook")
        made = (module, tree._modules["norm"].forward_hook)
        for protocol in (2, 5):
            self.expect_same(self.save(tree, protocol=protocol, made=made))
            self.expect_same(self.save({"model": tree, "args": argparse.Namespace()}, protocol=protocol,
                                       made=made))

    def test_torchscript(self):
        count = iter(range(1000))
        made = []

        def make():
            made.append(torch_files.made_class(f"__torch__.timm.___torch_mangle_{next(count)}", "Module"))
            return made[-1]()

        tree = torch_files.script_tree(self.tensors, make)
        self.save(tree, "ViT.pt", folder="ViT", made=made, extra=[
            ("constants.pkl", b"\x80\x02)."), ("code/__torch__.py", b"raise SystemExit(1)")])
        self.expect_same("ViT.pt")

    def test_modules_that_share_each_other(self):
        """Each holds the next one twice: as many paths as 2 to the power of the depth."""
        module = torch_files.made_class("torch.nn", "Module")
        for depth, pattern, code in ((30, "not a Vision", 3), (40, "deeper in each other than 32", 5)):
            parts = [torch_files.module_tree({"w": self.tensors["head.bias"]}, module)]
            for _ in range(depth):
                outer = torch_files.module_tree({"w": self.tensors["head.bias"]}, module)
                outer._modules.update(a=parts[-1], b=parts[-1])
                parts.append(outer)
            self.save({"parts": parts, "model": parts[-1]}, made=(module,))
            self.expect_refused("model.pth", pattern, code=code)

    # ---- Files of the libraries themselves

    def expect_golden(self, case, *more):
        folder = os.path.join(GOLDEN, case)
        with open(os.path.join(folder, "expected.json"), encoding="utf-8") as file:
            expected = json.load(file)
        options = [re.sub("^model/", folder + "/model/", option) for option in expected["options"]]
        found, _ = self.logits(os.path.join(folder, expected["model"]), *options, *more,
                               picture=os.path.join(folder, "input.npy"))
        self.assertLess(max(abs(a - b) for a, b in zip(found, expected["logits"], strict=True)), 1e-4)

    def test_timm_wrapper(self):
        """Every name begins with timm_model."""
        self.expect_golden("hf-timm-wrapper", "--heads", "3")

    def test_deit_training_checkpoint(self):
        self.expect_golden("deit-training-checkpoint")


if __name__ == "__main__":
    model_files.main()
