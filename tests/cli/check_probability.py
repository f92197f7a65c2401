"""What outputs are: softmax, sigmoid or no probabilities (rows t08 and t09 of the trials), in texts, records,
reports and identities. usage: check_probability.py VITLRP GOLDEN [TEST...]"""

import json
import math
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import records  # noqa: E402
import torch_files  # noqa: E402

PROGRAM, GOLDEN = (os.path.abspath(path) for path in sys.argv[1:3])
TRIALS, ZOO = os.path.join(GOLDEN, "trials"), os.path.join(GOLDEN, "zoo")
ONE_LOGIT = [os.path.join(TRIALS, "one-logit.pth"), "--heads", "2"]
INPUT = os.path.join(TRIALS, "input.npy")
FEW = ["--methods", "attnlrp,rise", "--steps", "3"]


def sigmoid(logit):
    return 1 / (1 + math.exp(-logit))


def zoo(case):
    return os.path.join(ZOO, case, "model"), os.path.join(ZOO, case, "input.npy")


class Probability(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(scratch.name)
        os.mkdir("ds")
        for i in range(3):
            with open(f"ds/{i}.ppm", "wb") as file:
                file.write(b"P6 32 32 255\n" + bytes((x * (i + 3) + x // 7) % 256 for x in range(3072)))

    def run_program(self, *arguments, code=0):
        """What it says on standard output, and on standard error."""
        result = subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True)
        self.assertEqual(result.returncode, code, result.stderr.decode())
        return result.stdout.decode(), result.stderr.decode()

    def explain(self, model, *options, image=INPUT):
        """The record of an explanation."""
        self.run_program(image, "-m", *model, "-q", "-o", "o.png", "--json", "o.json", *options)
        return self.load("o.json")

    def load(self, path):
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
        self.assertEqual(records.check(value), [], path)
        return value

    def multi_label(self, problem, **changes):
        """A model whose file states the kind of its problem."""
        folder, image = zoo("hf-vit")
        shutil.copytree(folder, problem, dirs_exist_ok=True)
        with open(f"{problem}/config.json", encoding="utf-8") as file:
            config = dict(json.load(file), problem_type=problem, **changes)
        os.chmod(f"{problem}/config.json", 0o644)
        with open(f"{problem}/config.json", "w", encoding="utf-8") as file:
            json.dump(config, file)
        return [problem], image

    # ---- One logit

    def test_t08_one_logit_is_a_sigmoid_and_this_is_said(self):
        text, said = self.run_program(INPUT, "-m", *ONE_LOGIT, "-o", "o.png")
        self.assertIn("\n   22.3 %  class 0\n  not above 50 %: more likely none\n", text)
        self.assertIn("explained: class 0, 22.3 %, logit -1.246;", text)
        self.assertRegex(said, "it is a guess: .*probabilities sigmoid \\(--probability\\)")
        record = self.explain(ONE_LOGIT)
        self.assertAlmostEqual(record["logit"], -1.246155, delta=1e-4)
        self.assertAlmostEqual(record["probability"], 0.223366, delta=1e-5)
        self.assertEqual(record["top"][0]["probability"], record["probability"])
        self.assertEqual(record["configuration"]["probability"], "sigmoid")

    def test_t08_what_is_told_is_no_guess(self):
        _, said = self.run_program(INPUT, "-m", *ONE_LOGIT, "-o", "o.png", "--probability", "sigmoid")
        self.assertNotIn("probabilities", said)
        _, said = self.run_program(INPUT, "-m", *ONE_LOGIT, "--probability", "softmax", code=2)
        self.assertIn("the softmax of one logit is always 1", said)

    def test_zoo_timm_one_logit(self):
        folder, image = zoo("timm-one-logit")
        record = self.explain([folder], image=image)
        self.assertAlmostEqual(record["probability"], sigmoid(-1.29858780468438), delta=1e-5)

    def test_t09_an_evaluation_of_one_logit(self):
        self.run_program("eval", "ds", "-m", *ONE_LOGIT, *FEW, "-q", "--json", "e.json", "--html", "e.html")
        record = self.load("e.json")
        for method in FEW[1].split(","):
            self.assertGreater(abs(record["methods"][method]["delta_prob"]["mean"]), 1e-4)
        for image in record["images"]:
            self.assertAlmostEqual(image["probability"], sigmoid(image["logit"]), delta=1e-6)
            curves = image["methods"]["attnlrp"]
            for logit, probability in zip(curves["morf_logit"], curves["morf_prob"]):
                self.assertAlmostEqual(probability, sigmoid(logit), delta=1e-6)
        with open("e.html", encoding="utf-8") as file:
            self.assertIn("<dd>Logit and sigmoid probability of the predicted class;", file.read())

    # ---- What a file states

    def test_several_labels_of_a_file(self):
        model, image = self.multi_label("multi_label_classification")
        record = self.explain(model, image=image)
        for entry in record["top"]:
            self.assertAlmostEqual(entry["probability"], sigmoid(entry["logit"]), delta=1e-6)
        facts, _ = self.run_program("info", *model)
        self.assertRegex(facts, "probabilities +sigmoid +config.json, problem_type\n")
        softmax = self.explain(model, "--probability", "softmax", image=image)
        self.assertAlmostEqual(sum(e["probability"] for e in softmax["top"]), 1, delta=1e-6)
        self.assertEqual([e["index"] for e in softmax["top"]], [e["index"] for e in record["top"]])

    def test_no_class_is_likely(self):
        for case, likely in (("timm-rope-naver", False), ("hf-vit", True)):
            folder, image = zoo(case)
            text, _ = self.run_program(image, "-m", folder, "-o", "o.png", "--probability", "sigmoid")
            self.assertEqual("\n  none above 50 %\n" in text, not likely)

    def test_values_are_no_probabilities(self):
        model, image = self.multi_label("regression")
        text, _ = self.run_program(image, "-m", *model, "-o", "o.png")
        self.assertNotIn("%", text)
        record = self.explain(model, image=image)
        self.assertIsNone(record["probability"])
        self.assertEqual({entry["probability"] for entry in record["top"]}, {None})
        self.assertIn(f"explained: cat (2), {record['logit']:.4g};", text)

    def test_a_stated_softmax_of_one_logit_is_none(self):
        """One that is trained with a single label."""
        folder, image = zoo("timm-one-logit")
        shutil.copytree(folder, "m")
        with open("m/config.json", encoding="utf-8") as file:
            config = dict(json.load(file), problem_type="single_label_classification")
        os.chmod("m/config.json", 0o644)
        with open("m/config.json", "w", encoding="utf-8") as file:
            json.dump(config, file)
        self.assertAlmostEqual(self.explain(["m"], image=image)["probability"], 0.21440, delta=1e-4)

    def test_a_file_speaks_of_its_own_head(self):
        model, image = self.multi_label("regression")
        weight = torch_files.Tensor((1, 24), struct.pack("<24f", *range(24)))
        with open("head.safetensors", "wb") as file:
            file.write(torch_files.safetensors({"weight": weight}))
        head = ["--head", "head.safetensors"]
        record = self.explain(model, *head, image=image)
        self.assertAlmostEqual(record["probability"], sigmoid(record["logit"]), delta=1e-6)
        self.assertIsNone(self.explain(model, *head, "--probability", "none", image=image)["probability"])

    def test_features_are_no_probabilities(self):
        folder, image = zoo("hf-vit-headless")
        record = self.explain([folder], "--class", "1", image=image)
        self.assertIsNone(record["probability"])
        _, said = self.run_program(image, "-m", folder, "--probability", "softmax", code=2)
        self.assertIn("no head of classes, so its outputs are no probabilities", said)

    # ---- Records

    def test_an_evaluation_of_values(self):
        arguments = ["eval", "ds", "-m", *ONE_LOGIT, *FEW, "--probability", "none"]
        text, _ = self.run_program(*arguments, "--json", "e.json", "--html", "e.html", "--csv", "e.csv")
        record = self.load("e.json")
        self.assertEqual(record["methods"]["attnlrp"]["delta_prob"]["n"], 0)
        for image in record["images"]:
            self.assertIsNone(image["probability"])
            self.assertIsNone(image["methods"]["attnlrp"]["morf_prob"])
        with open("e.html", encoding="utf-8") as file:
            page = file.read()
        self.assertIn("<dd>Output of the predicted class;", page)
        for word in ("p = ", "Probability, ", "Deletion", "nan"):
            self.assertNotIn(word, page)
        merged, _ = self.run_program("merge", "e.json")
        self.assertEqual(merged, text.partition("\n")[2])  # without the line about the model

    def test_records_of_two_kinds_are_not_joined(self):
        for i, kind in enumerate(("none", "sigmoid")):
            self.run_program("eval", "ds", "-m", *ONE_LOGIT, *FEW, "-q", "--probability", kind, "--shard",
                             f"{i}/2", "--json", str(i))
        _, said = self.run_program("merge", "0", "1", code=3)
        self.assertIn('another model: probability was "none", is "sigmoid"', said)
        batch = ["batch", "ds", "-m", *ONE_LOGIT, "-o", "b", "-q", "--probability"]
        self.run_program(*batch, "sigmoid")
        _, said = self.run_program(*batch, "none", code=2)
        self.assertIn('another model: probability was "sigmoid", is "none"', said)

    def test_a_batch_has_the_probability_or_null(self):
        for kind in ("none", "sigmoid"):
            self.run_program("batch", "ds", "-m", *ONE_LOGIT, "-o", kind, "-q", "--probability", kind)
            with open(f"{kind}/results.jsonl", encoding="utf-8") as file:
                for line in map(json.loads, file):
                    self.assertEqual(records.check(line), [])
                    wanted = None if kind == "none" else sigmoid(line["logit"])
                    self.assertAlmostEqual(line["probability"], wanted, delta=1e-6) if wanted else \
                        self.assertIsNone(line["probability"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
