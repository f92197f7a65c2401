"""The containers of CLIP: open_clip's folders, OpenAI's archives.
usage: check_clip.py VITLRP PARITY GOLDEN [TEST...]"""

import collections
import json
import math
import os
import random
import shutil
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import model_files  # noqa: E402
import torch_files  # noqa: E402
from model_files import GOLDEN  # noqa: E402
from numpy_files import read_npy  # noqa: E402


class Clip(model_files.ModelFiles):
    def test_openai_clip(self):
        """The archive states all but its heads, which are not 64 wide here."""
        folder = os.path.join(GOLDEN, "..", "openai")
        model = os.path.join(folder, "ViT-tiny.pt")
        found, _ = self.logits(model, "--heads", "3", "--class", "0",
                               picture=os.path.join(folder, "input.npy"))
        wanted = read_npy(os.path.join(folder, "image_embedding.npy"))[1]
        self.assertLess(max(abs(a - b) for a, b in zip(found, wanted, strict=True)), 1e-4)
        told = self.info(model, "--heads", "3")
        self.assertRegex(told, r"\nactivation +quick_gelu +TorchScript archive, QuickGELU\n")
        self.assertRegex(told, r"\nnorm eps +1e-05 +TorchScript archive, OpenAI's CLIP\n")
        self.assertRegex(told, "short side to 32, bicubic, centre crop 32x32, mean 0.4815 0.4578 0.4082, .*"
                               r"\n +\(OpenAI's CLIP\)")
        self.assertIn("no multiple of 64", self.run_program("info", model, code=3))

    def test_open_clip_folder(self):
        """A tower of timm's, in a folder that has timm's own files of the same model, too."""
        timm = os.path.join(GOLDEN, "timm-siglip-map", "model")
        picture = os.path.join(GOLDEN, "timm-siglip-map", "input.npy")
        wanted, _ = self.logits(timm, "--class", "0", picture=picture)
        tower = torch_files.read_safetensors(os.path.join(timm, "model.safetensors"))
        tensors = {f"visual.trunk.{name}": tensor for name, tensor in tower.items()}
        bias = tower["norm.bias"]
        tensors.update({"text.ln_final.bias": bias, "logit_scale": torch_files.Tensor((), b"\0" * 4)})
        config = {"timm_model_name": "vit_base_patch16_siglip_224", "timm_pool": "map", "timm_proj": "none",
                  "timm_model_kwargs": {"embed_dim": 24, "num_heads": 3}}
        stated = {"mean": 0.25, "std": [0.5, 0.25, 0.125], "interpolation": "bilinear", "resize_mode": "squash"}
        with open("open_clip_config.json", "w", encoding="utf-8") as file:
            json.dump({"model_cfg": {"vision_cfg": config}, "preprocess_cfg": stated}, file)
        with open("open_clip_model.safetensors", "wb") as file:
            file.write(torch_files.safetensors(tensors))
        for files in ((), ("config.json", "model.safetensors")):
            for name in files:
                shutil.copy(os.path.join(timm, name), name)
            model = "open_clip_model.safetensors" if files else "."
            self.assertEqual(self.logits(model, "--class", "0", picture=picture)[0], wanted)
            self.assertRegex(self.info(model), "both sides to 24, bilinear, .*mean 0.25 0.25 0.25, std 0.5 0.25 "
                                               r"0.125\n +\(open_clip_config.json\)")
        self.assertRegex(self.info("."), r"bicubic, .*\n +\(config.json\)")
        rows = torch_files.Tensor((24, 24), tower["blocks.0.attn.proj.weight"].data)
        for name, pattern in (("visual.head.mlp.fc1.weight", "'visual.head.mlp.fc1.weight'"),
                              ("visual.head.proj.weight", None)):
            with open("open_clip_model.safetensors", "wb") as file:
                file.write(torch_files.safetensors(dict(tensors, **{name: rows})))
            if pattern is not None:
                self.expect_refused("open_clip_model.safetensors", pattern)
        found, _ = self.logits("open_clip_model.safetensors", "--class", "0", picture=picture)
        numbers = rows.floats()
        for row, number in enumerate(found):
            self.assertAlmostEqual(number, sum(a * b for a, b in zip(numbers[24 * row:], wanted)), delta=1e-5)

    def test_open_clip_custom_text(self):
        tensors = dict(self.tower(64), **{"text.ln_final.bias": torch_files.Tensor((), b"\0" * 4)})
        self.save(collections.OrderedDict(tensors))
        self.run_program("info", "model.pth", "--activation", "gelu")

    def tower(self, width):
        """A CLIP of random weights; the text tower has no tensors but its scale."""
        random.seed(width)
        shapes = {"conv1.weight": (width, 3, 8, 8), "class_embedding": (width,),
                  "positional_embedding": (17, width), "proj": (width, 8)}
        for norm in ("ln_pre", "ln_post", "transformer.resblocks.0.ln_1", "transformer.resblocks.0.ln_2"):
            shapes.update({f"{norm}.weight": (width,), f"{norm}.bias": (width,)})
        for name, rows, columns in (("attn.in_proj_", 3 * width, width), ("attn.out_proj.", width, width),
                                    ("mlp.c_fc.", 16, width), ("mlp.c_proj.", width, 16)):
            name = "transformer.resblocks.0." + name
            shapes.update({f"{name}weight": (rows, columns), f"{name}bias": (rows,)})
        found = {f"visual.{name}": torch_files.Tensor(shape, struct.pack(
            f"<{math.prod(shape)}f", *(random.gauss(0, 0.2) for _ in range(math.prod(shape)))))
            for name, shape in shapes.items()}
        found["logit_scale"] = torch_files.Tensor((), struct.pack("<f", 4.6))
        return found

    def test_openai_clip_heads(self):
        """Heads are 64 wide in OpenAI's code; what lies beside the archive is another model's."""
        tensors = self.tower(128)
        made = []

        def make(name="Module"):
            made.append(torch_files.made_class(
                f"__torch__.multimodal.model.multimodal_transformer.___torch_mangle_{len(made)}", name))
            return made[-1]()

        self.save(collections.OrderedDict(tensors), "plain.pt")
        picture = os.path.join(GOLDEN, "..", "openai", "input.npy")
        options = ("--heads", "2", "--activation", "quick_gelu", "--norm-eps", "1e-5", "--class", "0")
        wanted, _ = self.logits("plain.pt", *options, picture=picture)
        tree = torch_files.script_tree(tensors, make)
        self.save(tree, "other.pt", folder="ViT", made=made)
        getattr(tree.visual.transformer.resblocks, "0").mlp.gelu = make("QuickGELU")
        self.save(tree, "ViT.pt", folder="ViT", made=made)
        with open("open_clip_config.json", "w", encoding="utf-8") as file:
            json.dump({"model_cfg": {"vision_cfg": {"width": 128, "head_width": 32}}}, file)
        found, _ = self.logits("ViT.pt", "--class", "0", picture=picture)
        self.assertEqual(found, wanted)
        self.assertRegex(self.info("ViT.pt"), r"attention heads +2 +TorchScript archive, OpenAI's CLIP\n")
        os.remove("open_clip_config.json")
        self.assertIn("nothing states the activation", self.run_program("info", "other.pt", code=3))


if __name__ == "__main__":
    model_files.main()
