"""`info` lists the tensors of any file whose container is read (row t31 of the trials), and what is near.
usage: check_listing.py VITLRP GOLDEN [TEST...]"""

import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import records  # noqa: E402

PROGRAM, GOLDEN = (os.path.abspath(path) for path in sys.argv[1:3])
OTHER = os.path.join(GOLDEN, "trials", "other-names.pth")
BLOCK = "transformer.layers.0."


def linear(name, outputs, inputs):
    return {name + ".weight": [outputs, inputs], name + ".bias": [outputs]}


def norm(name):
    return {name + ".weight": [32], name + ".bias": [32]}


OTHER_TENSORS = {
    "pos_embedding": [1, 17, 32], "cls_token": [1, 1, 32], **linear("patch_to_embedding", 32, 192),
    **norm("mlp_head.0"), **linear("mlp_head.1", 5, 32), **norm(BLOCK + "0.fn.norm"),
    **linear(BLOCK + "0.fn.fn.to_out.0", 32, 32), **norm(BLOCK + "1.fn.norm"),
    **linear(BLOCK + "1.fn.fn.net.0", 64, 32), **linear(BLOCK + "1.fn.fn.net.3", 32, 64),
    BLOCK + "0.fn.fn.to_qkv.weight": [96, 32]}


def write_safetensors(path, shapes, kind="F32"):
    header, end = {}, 0
    for name, shape in shapes.items():
        size = 4
        for side in shape:
            size *= side
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + bytes(end))


class Listing(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(scratch.name)

    def info(self, *arguments, code=3):
        result = subprocess.run([PROGRAM, "info", *arguments], stdin=subprocess.DEVNULL, capture_output=True)
        self.assertEqual(result.returncode, code, result.stderr.decode())
        return result.stdout.decode(), result.stderr.decode()

    def load(self, text):
        value = json.loads(text)
        self.assertEqual(records.check(value), [])
        return value

    def test_t31_a_refused_file_is_listed(self):
        text, said = self.info(OTHER)
        self.assertEqual(said.count("\n"), 1)
        self.assertEqual(len(OTHER_TENSORS), 19)
        self.assertIn("tensors       19 in pytorch zip: 1 recognised, 0 left out, 18 unknown\n", text)
        self.assertIn("nearest       timm; the file lacks patch_embed.proj.weight, blocks.#.norm1.weight, ", text)
        for name, shape in OTHER_TENSORS.items():
            use = "recognised" if name == "cls_token" else "unknown"
            self.assertRegex(text, f"(?m)^{name} +{str(shape)} +F16 +{use}$".replace("[", r"\[").replace("]", r"\]"))

    def test_t31_as_json(self):
        text, said = self.info(OTHER, "--json", "-")
        record = self.load(text)
        self.assertEqual((record["format"], record["nearest"], record["used"]), ("vitlrp file 1", "timm", 1))
        self.assertIn(record["refused"], said)
        self.assertEqual({tensor["name"]: tensor["shape"] for tensor in record["tensors"]}, OTHER_TENSORS)

    def test_a_model_is_listed_where_more_is_wanted(self):
        model = os.path.join(GOLDEN, "zoo", "hf-vit", "model")
        text, _ = self.info(model, code=0)
        self.assertRegex(text, r"(?m)^tensors +\d+ in safetensors: \d+ recognised, 0 left out, 0 unknown "
                               r"\(-v lists them\)$")
        self.assertNotIn("classifier.bias", text)
        self.assertRegex(self.info(model, "-v", code=0)[0], r"(?m)^classifier.bias +\[5\] +F32 +recognised$")
        record = self.load(self.info(model, "--json", "-", code=0)[0])
        self.assertIn({"name": "classifier.bias", "shape": [5], "type": "F32", "use": "used"}, record["tensors"])

    def test_many_tensors_are_bounded(self):
        write_safetensors("many.safetensors", {f"layer.{i}.w": [1] for i in range(1000)})
        text, _ = self.info("many.safetensors")
        self.assertEqual(text.count("\nlayer."), 200)
        self.assertIn("and 800 more (-v lists them)\n", text)
        self.assertIn("nearest       no layout has any of these names\n", text)
        self.assertEqual(self.info("many.safetensors", "-v")[0].count("\nlayer."), 1000)
        text, said = self.info("many.safetensors", "--limits", "tensors=999", code=5)
        self.assertEqual(text, "")
        self.assertIn("has more than 999 tensors (--limits", said)

    def test_names_reach_no_terminal_as_they_are(self):
        write_safetensors("m.safetensors", {"a\x1b[2J\n": [1], "b\u202e": [2], "x" * 500: [3]})
        text, _ = self.info("m.safetensors")
        for hostile in ("\x1b", "\u202e"):
            self.assertNotIn(hostile, text)
        self.assertIn("a\\x1B[2J\\x0A", text)
        self.assertEqual(len(text.splitlines()), 7)
        self.load(self.info("m.safetensors", "--json", "-")[0])

    def test_what_is_refused_by_name_is_listed(self):
        write_safetensors("q.safetensors", {"blocks.0.mlp.fc1.qweight": [4], "blocks.0.norm1.weight": [8],
                                            "criterion.weight": [2]})
        text, said = self.info("q.safetensors")
        self.assertIn("quantised weights", said)
        self.assertRegex(text, r"(?m)^blocks.0.mlp.fc1.qweight +\[4\] +F32 +unknown$")
        self.assertRegex(text, r"(?m)^blocks.0.norm1.weight +\[8\] +F32 +recognised$")

    def test_what_lies_beside_a_network_is_left_out(self):
        write_safetensors("c.safetensors", {"criterion.weight": [2], "head.weight": [2, 8]})
        self.assertRegex(self.info("c.safetensors")[0], r"(?m)^criterion.weight +\[2\] +F32 +left out$")

    def test_f06_files_of_the_model_are_not_written_over(self):
        write_safetensors("model.safetensors", {"layer.w": [1]})
        for name in ("config.json", "open_clip_config.json", "model.safetensors"):
            with open(name, "a", encoding="utf-8") as file:
                file.write("{}" if name.endswith("json") else "")
            with open(name, "rb") as file:
                before = file.read()
            _, said = self.info("model.safetensors", "--json", name, code=2)
            self.assertIn("--json would overwrite this input", said)
            with open(name, "rb") as file:
                self.assertEqual(file.read(), before)

    def test_no_container_no_list(self):
        with open("page.pth", "w", encoding="utf-8") as file:
            file.write("<!DOCTYPE html><html></html>")
        text, said = self.info("page.pth")
        self.assertEqual((text, said.count("\n")), ("", 1))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
