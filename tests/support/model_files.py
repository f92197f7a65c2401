"""Files of models that a test makes, and what the command says of them. A script's arguments are
VITLRP PARITY GOLDEN [TEST...]: the program, and the folders of golden/parity and golden/zoo."""

import array
import math
import os
import random
import subprocess
import sys
import tempfile
import unittest

import torch_files
from numpy_files import read_npy

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


def torchvision_model(width, patch, classes, hidden=16):
    """One block of random weights with a short period, for an input of 2 x 2 patches."""
    random.seed(width)
    period = array.array("f", (random.gauss(0, 0.05) for _ in range(4099)))
    shapes = {"class_token": (1, 1, width), "conv_proj.weight": (width, 3, patch, patch), "conv_proj.bias": (width,),
              "encoder.pos_embedding": (1, 5, width), "heads.head.weight": (classes, width),
              "heads.head.bias": (classes,)}
    block = "encoder.layers.encoder_layer_0."
    for norm in (block + "ln_1", block + "ln_2", "encoder.ln"):
        shapes.update({f"{norm}.weight": (width,), f"{norm}.bias": (width,)})
    for name, rows, columns in (("self_attention.in_proj_", 3 * width, width),
                                ("self_attention.out_proj.", width, width),
                                ("mlp.0.", hidden, width), ("mlp.3.", width, hidden)):
        shapes.update({f"{block}{name}weight": (rows, columns), f"{block}{name}bias": (rows,)})
    found = {}
    for name, shape in shapes.items():
        count = math.prod(shape)
        found[name] = torch_files.Tensor(shape, (period * (count // len(period) + 1))[:count].tobytes())
    return found


class ModelFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tensors = torch_files.read_safetensors(PLAIN)
        cls.wanted = None

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(scratch.name)
        self.environment = {"PATH": os.environ["PATH"], "HOME": os.getcwd(), "VITLRP_BACKEND": "openblas"}

    def run_program(self, *arguments, code=0):
        result = subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=self.environment)
        self.assertEqual(result.returncode, code, result.stderr)
        return result.stderr

    def info(self, *arguments):
        """What is told of a model of which nothing is a guess."""
        result = subprocess.run([PROGRAM, "info", *arguments], stdin=subprocess.DEVNULL, text=True,
                                capture_output=True, env=self.environment)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout

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


def main():
    del sys.argv[1:4]
    unittest.main()
