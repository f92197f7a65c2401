"""Lists of classes, and the words predicted and label, in --class and --versus.
usage: check_classes.py VITLRP GOLDEN [TEST...]"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import records  # noqa: E402

PROGRAM, GOLDEN = (os.path.abspath(path) for path in sys.argv[1:3])
CASE = os.path.join(GOLDEN, "zoo", "hf-vit")  # ant, bee, cat, dog, elk; its input is a cat
MODEL = ["-m", os.path.join(CASE, "model"), "-q"]


class Classes(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(scratch.name)
        for name in ("cat", "dog", "zebra"):
            os.mkdir(name)
            shutil.copy(os.path.join(CASE, "input.npy"), name)

    def run_program(self, *arguments, code=0):
        result = subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True)
        self.assertEqual(result.returncode, code, result.stderr.decode())
        return result.stdout.decode(), result.stderr.decode()

    def explain(self, image, *options):
        text, _ = self.run_program(image, *MODEL, "--json", "-", "-o", "o.png", *options)
        value = json.loads(text)
        self.assertEqual(records.check(value), [])
        return value

    def fail(self, image, *options, code=2):
        return self.run_program(image, *MODEL, "-o", "o.png", *options, code=code)[1]

    def test_predicted_and_label_are_one_record(self):
        record = self.explain("dog/input.npy", "-c", "predicted,label")
        alone = {c: self.explain("dog/input.npy", "-c", str(c)) for c in (2, 3)}
        self.assertEqual((record["class"], record["label"]), (2, 3))
        for key in ("logit", "probability", "relevance_sum", "ledger"):
            self.assertEqual(record[key], alone[2][key])
        self.assertEqual(record["further"], [{
            "class": 3, "wnid": "", "name": "dog",
            **{key: alone[3][key] for key in ("logit", "probability", "relevance_sum", "ledger")}}])
        difference = record["difference"]
        self.assertEqual((difference["class"], difference["versus"]), (2, 3))
        for key in ("logit", "probability"):
            self.assertAlmostEqual(difference[key], alone[2][key] - alone[3][key], delta=1e-6)
        self.assertEqual(sorted(name for name in os.listdir() if name.startswith("o.")),
                         ["o.2.png", "o.3.png", "o.png"])

    def test_texts_say_the_difference(self):
        text, _ = self.run_program("dog/input.npy", "-m", MODEL[1], "-c", "predicted,label", "-o", "o.png")
        record = self.explain("dog/input.npy", "-c", "predicted,label")["difference"]
        self.assertIn(f"difference: cat (2) less dog (3), logit {record['logit']:.4g}, probability "
                      f"{record['probability']:.3f}\n", text)

    def test_the_label_may_be_predicted(self):
        record = self.explain("cat/input.npy", "-c", "predicted,label")
        self.assertNotIn("further", record)
        self.assertEqual(record["difference"], {"class": 2, "versus": 2, "logit": 0, "probability": 0})

    def test_a_contrast_with_the_label(self):
        record = self.explain("dog/input.npy", "-c", "predicted", "--versus", "label")
        self.assertEqual(record, self.explain("dog/input.npy", "-c", "cat", "--versus", "3") | {
            "timing_ms": record["timing_ms"], "run": record["run"], "label": 3})
        self.assertIn("there is no difference to explain",
                      self.fail("cat/input.npy", "-c", "predicted", "--versus", "label", code=3))

    def test_lists_of_classes(self):
        record = self.explain("dog/input.npy", "-c", "ant,1,elk")
        self.assertEqual([record["class"]] + [entry["class"] for entry in record["further"]], [0, 1, 4])
        self.assertNotIn("difference", record)
        self.assertNotIn("label", record)
        self.assertIn("--class names 'ant' twice", self.fail("cat/input.npy", "-c", "0,bee,ant"))
        self.assertIn("must be a class, or up to 32", self.fail("cat/input.npy", "-c", "0,,1"))
        self.assertIn("no class is called 'predicted, label'",
                      self.fail("cat/input.npy", "-c", "predicted, label"))
        self.assertIn("{class}, {label} and {prob} have no meaning", self.fail("cat/input.npy", "-c", "0,1", "--json", "{class}"))

    def test_a_folder_without_a_class(self):
        self.assertIn("its folder 'zebra' has the name of no class",
                      self.fail("zebra/input.npy", "-c", "label", code=3))
        os.chdir("cat")
        for path in ("input.npy", "./input.npy", "../input.npy"):
            if path.startswith(".."):
                shutil.copy("input.npy", "..")
            self.assertIn("its path has none", self.fail(path, "-c", "label", code=3))

    def test_batches(self):
        for folder in ("ds/cat", "ds/dog", "ds/elk", "ds/zebra"):
            os.makedirs(folder)
            with open(f"{folder}/x.ppm", "wb") as file:
                file.write(b"P6 24 24 255\n" + bytes(ord(folder[3]) * i % 251 for i in range(1728)))
        batch = ["batch", "ds", *MODEL, "-c", "predicted,label", "--write", "png,json", "-o"]
        self.run_program(*batch, "b")
        with open("b/results.jsonl", encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        self.assertEqual([line["label"] for line in lines], [2, 3, 4])  # no zebra
        for line in lines:
            self.assertEqual(records.check(line), [])
            with open(os.path.join("b", os.path.splitext(line["id"])[0] + ".heat.json"),
                      encoding="utf-8") as file:
                record = json.load(file)
            self.assertEqual(records.check(record), [])
            self.assertEqual(record["difference"], line["difference"])
            self.assertEqual((record["class"], record["label"]), (line["class"], line["label"]))
            self.assertEqual(line["difference"]["versus"], line["label"])
            self.assertEqual([line["label"]] if line["label"] != line["class"] else [],
                             [entry["class"] for entry in line.get("further", [])])
        before = os.stat(os.path.join("b", lines[0]["files"][0])).st_mtime_ns
        self.run_program(*batch, "b")
        self.assertEqual(os.stat(os.path.join("b", lines[0]["files"][0])).st_mtime_ns, before)
        for i in range(2):
            self.run_program(*batch, "s", "--shard", f"{i}/2")
        self.run_program("merge", "s", "-q")
        for name in ("results.jsonl", "run.json", "index.html"):
            with open(f"b/{name}", "rb") as one, open(f"s/{name}", "rb") as other:
                self.assertEqual(one.read(), other.read())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
