"""A setting is written once, so that a key has one meaning in every format: a model whose input is not
square, whose crop must be [height, width] in all of them. usage: check_records.py VITLRP DATA"""

import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import bad_inputs  # noqa: E402
import records  # noqa: E402
import small_model  # noqa: E402

PROGRAM, DATA = (os.path.abspath(path) for path in sys.argv[1:3])
HEIGHT, WIDTH = 56, 48
RULES = ["attention", "gamma_conv", "gamma_qkv", "gamma_proj", "gamma_fc1", "gamma_fc2", "gamma_head",
         "epsilon"]


def wide_model(path):
    """The small model, its crop changed."""
    header, body = bad_inputs.read_safetensors(small_model.PATH)
    own = json.loads(header["__metadata__"]["vitlrp"])
    own["preprocess"]["crop"] = [HEIGHT, WIDTH]
    header["__metadata__"]["vitlrp"] = json.dumps(own)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


def members(value, key):
    """Every member of that name, however deep."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        if name == key and isinstance(inner, dict):
            yield inner
        yield from members(inner, key)


class Records(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = cls.scratch.name
        wide_model(os.path.join(cls.folder, "wide.safetensors"))
        os.mkdir(os.path.join(cls.folder, "images"))
        for name in ("goldfish.jpg", "koala.jpg"):
            os.symlink(os.path.join(DATA, name), os.path.join(cls.folder, "images", name))
        model = ["--model", "wide.safetensors", "-q"]
        few = ["--steps", "2", "--methods", "attnlrp,rollout"]
        cls.run_program("explain", "images/koala.jpg", *model, "-o", "x.png", "--json", "explain.json")
        cls.run_program("info", *model, "--json", "info.json")
        cls.run_program("batch", "images", *model, "-o", "batch", "--write", "json")
        cls.run_program("eval", "images", *model, *few, "--json", "eval.json")
        cls.names = ["explain.json", "info.json", "batch/run.json", "batch/koala.heat.json", "eval.json"]

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    @classmethod
    def run_program(cls, *arguments):
        subprocess.run([PROGRAM, *arguments], cwd=cls.folder, check=True, stdin=subprocess.DEVNULL)

    def read(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return json.load(file)

    def test_schemas(self):
        self.assertEqual(records.check_folder(self.folder), [])

    def test_crop_is_height_and_width(self):
        for name in self.names:
            crops = [found["crop"] for found in members(self.read(name), "preprocess")]
            self.assertEqual(crops, [[HEIGHT, WIDTH]] * len(crops), name)
            self.assertTrue(crops, name)

    def test_preprocess_is_the_same(self):
        keys = ("resize", "resize_to", "interpolation", "crop", "mean", "std")
        told = [[found[key] for key in keys] for name in self.names
                for found in members(self.read(name), "preprocess")]
        self.assertEqual(told, [told[0]] * len(told))
        self.assertGreaterEqual(len(told), len(self.names))

    def test_rules_are_the_same(self):
        told = [[self.read(name)["parameters"][key] for key in RULES]
                for name in ("explain.json", "batch/koala.heat.json")]
        told.append([self.read("batch/run.json")["settings"]["parameters"][key] for key in RULES])
        self.assertEqual(told, [told[0]] * 3)

    def test_batch_records_its_arithmetic(self):
        used = self.read("batch/run.json")["settings"]["arithmetic"]
        told = self.read("info.json")
        self.assertEqual((used["backend"], used["kernels"]), (told["backend"], told["instruction_set"]))
        self.assertRegex(used["library"], r"^[A-Za-z]+ \d+\.\d+")
        self.assertEqual(used["precision"], "fp32")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *(f"Records.{name}" for name in sys.argv[3:])])
