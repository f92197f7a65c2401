"""Heads of people's own networks, of which no file states what they read: the guess is said, and the option that it
names gives the other network. Logits are computed by NumPy from features of transformers' own.
usage: check_ends.py VITLRP GOLDEN [TEST...]"""

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import torch_files  # noqa: E402

PROGRAM, GOLDEN = (os.path.abspath(path) for path in sys.argv[1:3])
CLASSES = 5
INPUT_ERROR = 3
VIT = ("--heads", "3", "--norm-eps", "1e-12", "--activation", "gelu")
OPEN = "has a pooler .* nothing states whether the head reads"


def zoo(case, *names):
    return os.path.join(GOLDEN, "zoo", case, *names)


def features(case):
    """What transformers computes of the case's input."""
    return np.load(zoo(case, "logits.npy")).ravel()


def read(case):
    found = torch_files.read_safetensors(zoo(case, "model", "model.safetensors"))
    return {name: np.frombuffer(tensor.data, "<f4").reshape(tensor.shape) for name, tensor in found.items()}


def write(path, tensors):
    as_stored = {name: torch_files.Tensor(values.shape, values.astype("<f4").tobytes())
                 for name, values in tensors.items()}
    with open(path, "wb") as file:
        file.write(torch_files.safetensors(as_stored))


def rows(count, width):
    return np.random.default_rng(count).normal(size=(count, width)).astype(np.float32)


class Ends(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(scratch.name)

    def run_program(self, *arguments, code=0):
        """What it says on standard error."""
        result = subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        self.assertEqual(result.returncode, code, result.stderr.decode())
        return result.stderr.decode()

    def explain(self, case, *options):
        """Logits, relevance, and what is said."""
        said = self.run_program(zoo(case, "input.npy"), *options, "--class", "1", "--logits", "l.npy",
                                "--raw", "r.npy", "-o", "o.png")
        return np.load("l.npy"), np.load("r.npy"), said


class Pooler(Ends):
    """ViTModel with a head of somebody's own: of its class token, or of its pooler_output."""

    CASE = "hf-vit-headless"

    def setUp(self):
        super().setUp()
        tensors = read(self.CASE)
        self.token = features(self.CASE)
        self.layer = tensors["pooler.dense.weight"], tensors["pooler.dense.bias"]
        self.pooled = np.tanh(self.layer[0] @ self.token + self.layer[1])
        self.head, self.bias = rows(CLASSES, len(self.token)), rows(1, CLASSES).ravel()
        self.tensors = {"vit." + name: values for name, values in tensors.items()}
        self.save("classifier.")

    def save(self, name):
        write("own.safetensors", {**self.tensors, name + "weight": self.head, name + "bias": self.bias})

    def check(self, found, read_by_head):
        self.assertLess(np.abs(found - (self.head @ read_by_head + self.bias)).max(), 1e-4)

    def test_the_guess_is_said(self):
        found, _, said = self.explain(self.CASE, "-m", "own.safetensors", *VIT)
        self.check(found, self.token)
        self.assertRegex(said, OPEN)
        self.assertRegex(said, r"it is a guess: pooling cls \(--pool\)\n")

    def test_a_choice_is_taken(self):
        for name in ("classifier.", "head.1."):
            self.save(name)
            for pool, read_by_head in (("cls", self.token), ("pooler", self.pooled)):
                found, _, said = self.explain(self.CASE, "-m", "own.safetensors", *VIT, "--pool", pool)
                self.check(found, read_by_head)
                self.assertEqual(said, "")

    def test_it_is_a_layer_of_the_head(self):
        """The same network, given as a head of two layers, has the same map."""
        write("head.safetensors", {"0.weight": self.layer[0], "0.bias": self.layer[1],
                                   "2.weight": self.head, "2.bias": self.bias})
        ours = self.explain(self.CASE, "-m", "own.safetensors", *VIT, "--pool", "pooler")
        other = self.explain(self.CASE, "-m", "own.safetensors", *VIT, "--pool", "cls", "--head", "head.safetensors",
                             "--head-activation", "tanh")
        np.testing.assert_array_equal(ours[0], other[0])
        np.testing.assert_array_equal(ours[1], other[1])

    def test_no_class_without_a_head_speaks_of_one(self):
        """The configuration of a ViTModel beside a file with a head, or a head beside the file."""
        folder = zoo(self.CASE, "model")
        shutil.copytree(folder, "own")
        os.chmod("own/model.safetensors", 0o644)
        shutil.copy("own.safetensors", "own/model.safetensors")
        write("head.safetensors", {"weight": self.head, "bias": self.bias})
        for model in (["own"], [folder, "--head", "head.safetensors"]):
            found, _, said = self.explain(self.CASE, "-m", *model)
            self.check(found, self.token)
            self.assertRegex(said, OPEN)
            found, _, said = self.explain(self.CASE, "-m", *model, "--pool", "pooler")
            self.check(found, self.pooled)
            self.assertNotRegex(said, OPEN)

    def test_no_head(self):
        """pooler_output itself, which no model without a head gives by itself."""
        folder = zoo(self.CASE, "model")
        self.assertEqual(self.explain(self.CASE, "-m", folder)[2], "")
        found, _, _ = self.explain(self.CASE, "-m", folder, "--pool", "pooler")
        self.assertLess(np.abs(found - self.pooled).max(), 1e-4)

    def test_the_activation_that_is_stated(self):
        shutil.copytree(zoo(self.CASE, "model"), "own")
        with open("own/config.json", encoding="utf-8") as file:
            config = json.load(file)
        os.chmod("own/config.json", 0o644)
        for word, code in (("relu", 0), ("mish", INPUT_ERROR)):
            with open("own/config.json", "w", encoding="utf-8") as file:
                json.dump({**config, "pooler_act": word}, file)
            self.run_program("info", "own")
            said = self.run_program("info", "own", "--pool", "pooler", code=code)
            self.assertEqual('"pooler_act" is mish' in said, code != 0)
        with open("own/config.json", "w", encoding="utf-8") as file:
            json.dump({**config, "pooler_act": "relu"}, file)
        found, _, _ = self.explain(self.CASE, "-m", "own", "--pool", "pooler")
        self.assertLess(np.abs(found - np.maximum(self.layer[0] @ self.token + self.layer[1], 0)).max(), 1e-4)

    def test_refused(self):
        said = self.run_program("info", zoo("hf-vit", "model"), "--pool", "pooler", code=INPUT_ERROR)
        self.assertIn("the file has none: tensor 'pooler.dense.weight' is missing", said)
        write("two.safetensors", {**self.tensors, "classifier.0.weight": rows(8, len(self.token)),
                                  "classifier.2.weight": rows(CLASSES, 8)})
        said = self.run_program("info", "two.safetensors", *VIT, "--pool", "pooler", code=INPUT_ERROR)
        self.assertIn("it is of two layers: not supported behind a pooler", said)
        write("other.safetensors", {**self.tensors, "classifier.weight": rows(CLASSES, 2 * len(self.token))})
        self.assertNotRegex(self.run_program("info", "other.safetensors", *VIT), OPEN)  # it cannot read the pooler
        said = self.run_program("info", "other.safetensors", *VIT, "--pool", "pooler", code=INPUT_ERROR)
        self.assertIn("pooler.dense.weight' has shape [24, 24] instead of [48, 24]", said)


class AttentionPool(Ends):
    """SigLIP's, which its own classifier does not read and those of other people may."""

    SIGLIP = ("--heads", "3", "--norm-eps", "1e-6", "--activation", "gelu_tanh")
    GUESS = r"it is a guess: .*pooling (mean|map) \(--pool\)"

    def own(self, case):
        """The tensors of a network around the case's model."""
        return {("backbone." if name.startswith("vision") else "") + name: values
                for name, values in read(case).items()}

    def test_the_mean_is_a_guess(self):
        write("own.safetensors", self.own("hf-siglip-classifier"))
        for options, is_guess in (((), True), (("--pool", "mean"), False)):
            found, _, said = self.explain("hf-siglip-classifier", "-m", "own.safetensors", *self.SIGLIP, *options)
            self.assertLess(np.abs(found - features("hf-siglip-classifier")).max(), 1e-4)
            self.assertEqual("pooling mean (--pool)" in said, is_guess)

    def test_the_pool_is_told(self):
        for case, model in (("hf-siglip-vision", ("own.safetensors", *self.SIGLIP)),
                            ("hf-aimv2-head", (zoo("hf-aimv2-head", "model"), "--head", "head.safetensors"))):
            wanted = features(case)
            head = rows(CLASSES, len(wanted))
            write("own.safetensors", {**self.own(case), "classifier.weight": head})
            write("head.safetensors", {"weight": head})
            found, _, said = self.explain(case, "-m", *model, "--pool", "map")
            self.assertLess(np.abs(found - head @ wanted).max(), 1e-4)
            self.assertNotIn("guess", said)

    def test_no_class_without_a_head_speaks_of_one(self):
        """A head for SiglipVisionModel: most likely of what that gives, and only likely."""
        wanted = features("hf-siglip-vision")
        head = rows(CLASSES, len(wanted))
        write("head.safetensors", {"weight": head})
        found, _, said = self.explain("hf-siglip-vision", "-m", zoo("hf-siglip-vision", "model"),
                                      "--head", "head.safetensors")
        self.assertLess(np.abs(found - head @ wanted).max(), 1e-4)
        self.assertRegex(said, self.GUESS)


def norm(values, eps=1e-6):
    return (values - values.mean(-1, keepdims=True)) / np.sqrt(values.var(-1, keepdims=True) + eps)


def tokens_of(tensors, pixels, heads):
    """timm's VisionTransformer of one block, whose norms have no weights here, up to its last norm."""
    width, _, side, _ = tensors["patch_embed.proj.weight"].shape
    count = pixels.shape[1] // side
    patches = pixels.reshape(3, count, side, count, side).transpose(1, 3, 0, 2, 4).reshape(count * count, -1)
    rows_of = patches @ tensors["patch_embed.proj.weight"].reshape(width, -1).T
    x = np.concatenate([tensors["cls_token"][0], rows_of]) + tensors["pos_embed"][0]
    query, key, value = (part.reshape(len(x), heads, -1).transpose(1, 0, 2)
                         for part in np.split(norm(x) @ tensors["blocks.0.attn.qkv.weight"].T, 3, axis=-1))
    weights = np.exp(query @ key.transpose(0, 2, 1) / np.sqrt(width // heads))
    mixed = (weights / weights.sum(-1, keepdims=True) @ value).transpose(1, 0, 2).reshape(len(x), width)
    x = x + mixed @ tensors["blocks.0.attn.proj.weight"].T
    hidden = norm(x) @ tensors["blocks.0.mlp.fc1.weight"].T
    hidden = hidden * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2))) / 2
    return x + hidden @ tensors["blocks.0.mlp.fc2.weight"].T


class PublishedName(Ends):
    """A file that is called after an architecture of timm, which was made with another pool."""

    HEADS, WIDTH, SIDE = 2, 64, 8  # of test_vit, but for the patches

    def setUp(self):
        super().setUp()
        width, random = self.WIDTH, np.random.default_rng(3)
        shapes = {"cls_token": (1, 1, width), "pos_embed": (1, 10, width), "head.weight": (CLASSES, width),
                  "patch_embed.proj.weight": (width, 3, self.SIDE, self.SIDE), "blocks.0.attn.qkv.weight": (3 * width, width),
                  "blocks.0.attn.proj.weight": (width, width), "blocks.0.mlp.fc1.weight": (2 * width, width),
                  "blocks.0.mlp.fc2.weight": (width, 2 * width)}
        self.tensors = {name: random.normal(size=shape) * 0.2 for name, shape in shapes.items()}
        self.pixels = random.normal(size=(3, 3 * self.SIDE, 3 * self.SIDE)).astype(np.float32)
        np.save("input.npy", self.pixels)

    def write_model(self, last):
        norms = ("blocks.0.norm1", "blocks.0.norm2", last)
        gains = {f"{name}.weight": np.ones(self.WIDTH) for name in norms}
        shifts = {f"{name}.bias": np.zeros(self.WIDTH) for name in norms}
        write("test_vit.safetensors", {**self.tensors, **gains, **shifts})

    def logits(self, *options):
        said = self.run_program("input.npy", "-m", "test_vit.safetensors", *options, "--logits", "l.npy", "-o", "o.png")
        return np.load("l.npy"), said

    def test_the_norm_behind_the_pool(self):
        tokens = tokens_of(self.tensors, self.pixels.astype(np.float64), self.HEADS)
        self.write_model("fc_norm")
        wanted = norm(tokens[1:].mean(axis=0)) @ self.tensors["head.weight"].T
        for options, is_guess in (((), True), (("--pool", "mean"), False)):
            found, said = self.logits(*options)
            self.assertLess(np.abs(found - wanted).max(), 1e-4)
            self.assertEqual("pooling mean (--pool)" in said, is_guess)
            self.assertNotIn("heads", said)

    def test_its_own_pool(self):
        tokens = tokens_of(self.tensors, self.pixels.astype(np.float64), self.HEADS)
        self.write_model("norm")
        found, said = self.logits()
        self.assertLess(np.abs(found - norm(tokens[0]) @ self.tensors["head.weight"].T).max(), 1e-4)
        self.assertNotIn("guess: ", said)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
