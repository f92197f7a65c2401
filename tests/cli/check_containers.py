"""Every container and everything that may lie around the weights in it: the command must see the same
weights. Rows t11, t18, t19. usage: check_containers.py VITLRP PARITY GOLDEN [TEST...]"""

import argparse
import collections
import functools
import hashlib
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import records  # noqa: E402
import torch_files  # noqa: E402
from check_parity import read_npy  # noqa: E402

PROGRAM, PARITY, GOLDEN = (os.path.abspath(path) for path in sys.argv[1:4])
PLAIN = os.path.join(PARITY, "timm.safetensors")


def other(tensors):
    """Another model of these shapes: the logits turn their signs."""
    found = dict(tensors)
    for name in ("head.weight", "head.bias"):
        tensor = tensors[name]
        flipped = bytearray(tensor.data)
        flipped[3::4] = bytes(byte ^ 0x80 for byte in flipped[3::4])
        found[name] = torch_files.Tensor(tensor.shape, bytes(flipped))
    return found


class Containers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tensors = torch_files.read_safetensors(PLAIN)
        cls.wanted = None

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(scratch.name)
        self.environment = {"PATH": os.environ["PATH"], "HOME": os.getcwd()}

    def run_program(self, *arguments, code=0):
        result = subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=self.environment)
        self.assertEqual(result.returncode, code, result.stderr)
        return result.stderr

    def logits(self, model, *options, picture=os.path.join(PARITY, "input.npy")):
        said = self.run_program(picture, "--model", model, "--logits", "y.npy", "-o", "-", "-q",
                                *options)
        return read_npy("y.npy")[1], said

    def expect_same(self, model, *options):
        """The logits of the plain model, to the bit."""
        found, said = self.logits(model, "--heads", "4", *options)
        self.assertEqual(found, self.plain())
        return said

    def plain(self):
        if self.wanted is None:
            type(self).wanted, _ = self.logits(PLAIN, "--heads", "4")
        return self.wanted

    def expect_refused(self, model, pattern, *options, code=3):
        said = self.run_program("info", model, "--heads", "4", *options, code=code)
        self.assertRegex(said, pattern)
        self.assertEqual(said.count("\n"), 1, said)

    def save(self, value, name="model.pth", **options):
        with open(name, "wb") as file:
            file.write(torch_files.torch_zip(value, **options))
        return name

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
                                    "--raw", name, "-o", "-", code=2)
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
                self.environment = {"PATH": os.environ["PATH"], variable: value}
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
        self.assertEqual(self.run_program("info", "model.pth", "--heads", "4", "--weights", "raw"), "")

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

    def expect_golden(self, case):
        folder = os.path.join(GOLDEN, case)
        with open(os.path.join(folder, "expected.json"), encoding="utf-8") as file:
            expected = json.load(file)
        options = [re.sub("^model/", folder + "/model/", option) for option in expected["options"]]
        found, _ = self.logits(os.path.join(folder, expected["model"]), *options,
                               picture=os.path.join(folder, "input.npy"))
        self.assertLess(max(abs(a - b) for a, b in zip(found, expected["logits"], strict=True)), 1e-4)

    def test_deit_training_checkpoint(self):
        self.expect_golden("deit-training-checkpoint")


if __name__ == "__main__":
    del sys.argv[1:4]
    unittest.main()
