"""Small models of situations that users meet, whose right values are the libraries' (golden/trials).
usage: check_trials.py VITLRP PARITY GOLDEN [TEST...]"""

import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import model_files  # noqa: E402
import torch_files  # noqa: E402
from model_files import GOLDEN, PARITY  # noqa: E402
from numpy_files import read_npy  # noqa: E402

TRIALS = os.path.join(GOLDEN, "..", "trials")
PHOTO = os.path.join(GOLDEN, "..", "preprocess", "trials", "photo.png")


class Trials(model_files.ModelFiles):
    def expect_close(self, found, wanted, limit=1e-4):
        self.assertEqual(len(found), len(wanted))
        self.assertLessEqual(max(abs(a - b) for a, b in zip(found, wanted)), limit)

    def test_t02_heads_of_80(self):
        """torchvision's vit_h_14 has 16 heads, where the width over 64 is 20: by its name, a fact, else by its
        width, a guess. One block with its weights in a short period has the shape."""
        tensors = model_files.torchvision_model(1280, patch=14, classes=4)
        picture = os.path.join(TRIALS, "input28.npy")
        found = {}
        for name, heads in (("vit_h_14_swag-80465313.pth", None), ("mine.pth", None), ("mine.pth", 16), ("mine.pth", 20)):
            if heads is None:
                self.save(tensors, name)
            options = [] if heads is None else ["--heads", str(heads)]
            found[name, heads], _ = self.logits(name, *options, picture=picture)
        self.assertEqual(found["vit_h_14_swag-80465313.pth", None], found["mine.pth", 16])
        self.assertEqual(found["mine.pth", None], found["mine.pth", 16])
        self.assertNotEqual(found["mine.pth", 20], found["mine.pth", 16])
        self.assertIn("attention heads 16 (--heads)", self.run_program("info", "mine.pth"))
        self.assertRegex(self.info("vit_h_14_swag-80465313.pth"),
                         "attention heads +16 +table of published models, vit_h_14_swag")

    def test_t10_one_channel(self):
        options = ("--heads", "2", "--dump-input", "x.npy")
        found, _ = self.logits(os.path.join(TRIALS, "one-channel.pth"), *options,
                               picture=os.path.join(TRIALS, "digit.png"))
        self.assertEqual(read_npy("x.npy"), read_npy(os.path.join(TRIALS, "one-channel-input.npy")))
        self.expect_close(found, (-4.492454, -0.480963, 0.207852, -0.740127, -3.570554))

    def test_t12_positions_of_torchvision(self):
        options = ("--crop", "64", "--resize", "squash:64", "--interpolation", "bilinear", "--heads", "2",
                   "--mean", ".485,.456,.406", "--std", ".229,.224,.225")
        found, _ = self.logits(os.path.join(TRIALS, "torchvision-six.pth"), *options, picture=PHOTO)
        self.expect_close(found, (-4.706356, 0.418385, -3.963875, 0.396291, -4.844810))

    def with_head(self, name):
        """The plain model with a head of that name."""
        return {re.sub("^head[.]", name + ".", key): tensor for key, tensor in self.tensors.items()}

    def of_torchvision(self, tensors):
        found = {}
        for name, tensor in tensors.items():
            for old, new in (("^cls_token", "class_token"), ("^patch_embed.proj", "conv_proj"),
                             ("^pos_embed", "encoder.pos_embedding"), ("^norm[.]", "encoder.ln."),
                             ("^blocks[.]", "encoder.layers.encoder_layer_"), ("[.]norm", ".ln_"),
                             ("attn.qkv.", "self_attention.in_proj_"), ("attn.proj", "self_attention.out_proj"),
                             ("mlp.fc1", "mlp.0"), ("mlp.fc2", "mlp.3")):
                name = re.sub(old, new, name)
            found[name] = tensor
        return found

    def test_t22_head_replaced(self):
        self.save(self.of_torchvision(self.with_head("heads")))
        self.expect_same("model.pth")

    def test_t23_head_in_sequence(self):
        self.save(self.of_torchvision(self.with_head("heads.0")))
        self.expect_same("model.pth")

    def test_heads_of_users(self):
        """A linear layer under any of the usual names, alone or in a sequence."""
        for name in ("fc", "fc.2", "classifier", "classifier.1", "linear_head.0"):
            self.save(self.with_head(name))
            self.expect_same("model.pth")

    def test_t24_head_behind_dropout(self):
        self.save(self.with_head("head.1"))
        self.expect_same("model.pth")

    def test_t25_head_without_bias(self):
        tensors = dict(self.tensors)
        bias = tensors.pop("head.bias").floats()
        self.save(tensors)
        found, _ = self.logits("model.pth", "--heads", "4")
        self.expect_close(found, [a - b for a, b in zip(self.plain(), bias)], 1e-5)

    def test_t28_names_of_transformers_5(self):
        """The names in memory, which torch.save of a state_dict writes."""
        folder = os.path.join(PARITY, "huggingface")
        tensors = torch_files.read_safetensors(os.path.join(folder, "model.safetensors"))
        names = (("vit.encoder.layer.", "vit.layers."), ("attention.attention.query", "attention.q_proj"),
                 ("attention.attention.key", "attention.k_proj"), ("attention.attention.value", "attention.v_proj"),
                 ("attention.output.dense", "attention.o_proj"), ("intermediate.dense", "mlp.fc1"),
                 ("output.dense", "mlp.fc2"))
        found = {}
        for name, tensor in tensors.items():
            for old, new in names:
                name = name.replace(old, new)
            found[name] = tensor
        self.save(found, "pytorch_model.bin")
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        with open("config.json", "w", encoding="utf-8") as file:
            json.dump(config, file)
        self.assertEqual(self.logits("pytorch_model.bin")[0], self.logits(folder)[0])


if __name__ == "__main__":
    model_files.main()
