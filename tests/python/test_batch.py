"""Model.batch and explain_each: results in a folder, resuming, failures, cancelling, memory."""

import dataclasses
import hashlib
import itertools
import json
import os
import shutil
import signal
import threading
import unittest

import numpy as np

import support
import vitlrp
from vitlrp import errors

NAMES = ("goldfish", "koala", "panda", "dam")


class Batch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = support.small()

    @classmethod
    def tearDownClass(cls):
        cls.model.close()

    def setUp(self):
        scratch = support.scratch()
        self.folder = scratch.__enter__()
        self.addCleanup(scratch.__exit__, None, None, None)
        for name, group in zip(NAMES, ("fish", "bears", "bears", "fish")):
            os.makedirs(self.path("in", group), exist_ok=True)
            shutil.copy(os.path.join(support.DATA, name + ".jpg"), self.path("in", group))

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def photographs(self):
        return [self.path("in", group, f"{name}.jpg") for name, group in zip(NAMES, ("fish", "bears", "bears", "fish"))]

    def lines(self, folder="out"):
        with open(self.path(folder, "results.jsonl"), encoding="utf-8") as file:
            return [support.document(line) for line in file]

    def batch(self, images=None, folder="out", *arguments, **options):
        return self.model.batch(images or self.path("in"), self.path(folder), *arguments, threads=1, **options)

    def test_files_are_those_of_explain(self):
        with open(self.path("in", "fish", "bad.jpg"), "wb") as file:
            file.write(b"no picture")
        told = []
        found = self.batch(write=("png", "raw", "logits"), look={"style": "panel"}, method="chefer",
                           progress=lambda *counts: told.append(counts))
        self.assertEqual((found.images, found.done, found.failed, found.resumed), (5, 4, 1, 0))
        self.assertEqual(told, [(done, 5) for done in range(1, 6)])
        alone = self.model.explain(support.KOALA, method="chefer")
        self.assertEqual(support.read(self.path("out", "bears", "koala.heat.png")), alone.encode(style="panel"))
        self.assertTrue((np.load(self.path("out", "bears", "koala.raw.npy")) == alone.heatmap).all())
        self.assertTrue((np.load(self.path("out", "bears", "koala.logits.npy")) == alone.logits).all())
        lines = {line["image"]: line for line in self.lines()}
        koala = lines["bears/koala.jpg"]["explained"][0]
        self.assertEqual((koala["class"], koala["logit"]), (alone.target.index, alone.logit))
        self.assertEqual(len(koala["files"]), 3)
        self.assertEqual(lines["fish/bad.jpg"]["status"], "format")
        self.assertEqual([line["image"] for line in found.results()], list(lines))
        support.document(support.read(self.path("out", "run.json")).decode())

    def test_resumes(self):
        """What has a line is not done again; what is torn, or failed and retried, is."""
        with open(self.path("in", "fish", "dam.jpg"), "r+b") as file:
            file.truncate(1000)
        self.assertEqual(self.batch().failed, 1)
        self.assertEqual((self.batch().resumed, len(self.lines())), (3, 4))
        kept = os.stat(self.path("out", "bears", "koala.heat.png")).st_ino
        with open(self.path("out", "results.jsonl"), "ab") as file:
            file.write(b'{"format": "vitlrp pyth')
        shutil.copy(os.path.join(support.DATA, "dam.jpg"), self.path("in", "fish"))
        found = self.batch(retry_failed=True)
        self.assertEqual((found.done, found.resumed, found.failed), (1, 3, 0))
        self.assertEqual(kept, os.stat(self.path("out", "bears", "koala.heat.png")).st_ino)
        self.assertEqual(sum("error" in line for line in found.results()), 0)
        for changed in ({"method": "rollout"}, {"gamma_conv": 1.0}, {"write": "jpg"}, {"look": {"style": "heat"}}):
            with self.subTest(**changed), self.assertRaisesRegex(errors.UsageError, "take another folder"):
                self.batch(**changed)

    def test_f17b_changed_image_is_done_again(self):
        """Another picture under the same name; a line knows the bytes that it is of."""
        self.batch(write="raw")
        koala = self.path("in", "bears", "koala.jpg")
        shutil.copy(os.path.join(support.DATA, "moose.jpg"), koala)
        found = self.batch(write="raw")
        self.assertEqual((found.done, found.resumed, found.failed), (1, 3, 0))
        last = self.lines()[-1]
        self.assertEqual((last["image"], last["sha256"]), ("bears/koala.jpg", hashlib.sha256(support.read(koala)).hexdigest()))
        moose = self.model.explain(os.path.join(support.DATA, "moose.jpg"))
        self.assertTrue((np.load(self.path("out", "bears", "koala.raw.npy")) == moose.heatmap).all())
        self.assertEqual(self.batch(write="raw").resumed, 4)

    def test_results_of_other_bytes_are_gone(self):
        """Classes give names, so those of another picture stayed; what no batch calls so stays."""
        several = (None, "out", "top:2")
        self.batch(*several, write=("raw", "logits"))
        line = next(line for line in self.lines() if line["image"] == "bears/koala.jpg")
        before = {name for one in line["explained"] for name in one["files"]}
        self.assertEqual(len(before), 3)
        with open(self.path("in", "bears", "koala.jpg"), "wb") as file:
            file.write(b"no picture")
        with open(self.path("out", "results.jsonl"), encoding="utf-8") as file:
            text = file.read()
        with open(self.path("out", "results.jsonl"), "w", encoding="utf-8") as file:
            file.write(text.replace('"bears/koala.logits.npy"', '"run.json"'))
        self.assertEqual(self.batch(*several, write=("raw", "logits")).failed, 1)
        left = {name for name in before if os.path.exists(self.path("out", name))}
        self.assertEqual(left, {"bears/koala.logits.npy"})
        self.assertTrue(os.path.exists(self.path("out", "run.json")))

    def test_interrupted(self):
        """Ctrl-C ends the image at work; the next call does what is left."""

        def press(done, _):
            if done == 2:
                signal.raise_signal(signal.SIGINT)

        with self.assertRaises(KeyboardInterrupt):
            self.batch(progress=press)
        self.assertEqual(len(self.lines()), 2)
        found = self.batch()
        self.assertEqual((found.done, found.resumed), (2, 2))

    def test_labels_and_classes(self):
        labels = self.path("labelled")
        os.makedirs(os.path.join(labels, "n01443537"))
        shutil.copy(support.KOALA, os.path.join(labels, "n01443537"))
        self.batch(labels, "by_label", "label")
        self.assertEqual(self.lines("by_label")[0]["explained"][0]["class"], 1)
        self.batch(labels, "top", "top:2", write="jpg")
        explained = self.lines("top")[0]["explained"]
        self.assertEqual([len(one["files"]) for one in explained], [1, 1])
        for one in explained:
            self.assertTrue(os.path.isfile(self.path("top", *one["files"])))
        with self.assertRaisesRegex(errors.UsageError, "label"):
            self.batch(self.photographs(), "list", "label")

    def test_paths_of_a_generator(self):
        """They are read as the work goes on."""
        taken = []

        def paths():
            for path in self.photographs():
                taken.append(path)
                yield path

        done = []
        self.batch(paths(), write="raw", progress=lambda count, _: done.append((count, len(taken))))
        self.assertEqual(done, [(1, 2), (2, 3), (3, 4), (4, 4)])
        each = self.model.explain_each(itertools.cycle(self.photographs()), threads=2, keep_photo=False)
        self.assertEqual([next(each).photo for _ in range(6)], [None] * 6)
        each.close()
        self.assertFalse([one for one in threading.enumerate() if one.name.startswith("vitlrp")])

    def test_refused(self):
        koala = self.path("in", "bears", "koala.jpg")
        with self.assertRaisesRegex(errors.UsageError, "the name of another image"):
            self.batch([koala, koala], "twice")
        for images, options, words in (
            (None, {"write": "tiff"}, "write must be of"),
            (None, {"write": ()}, "at least one"),
            (b"bytes", {}, "must be a folder or paths"),
            (None, {"target": "no such class"}, "no such class"),
            (None, {"method": "rolout"}, "rolout"),
            (support.KOALA, {}, "is an image: explain takes it"),
        ):
            with self.subTest(words), self.assertRaisesRegex(errors.UsageError, words):
                self.batch(images, "wrong", **options)
        self.batch([koala], "own", write="raw")
        inside = shutil.copy(support.GOLDFISH, self.path("own"))
        with self.assertRaisesRegex(errors.UsageError, "lies in the folder of the results"):
            self.batch([inside], "own", write="raw")
        with self.assertRaisesRegex(errors.UsageError, "neither empty"):
            self.model.batch([support.KOALA], self.path("in"))
        self.assertFalse(os.path.exists(self.path("wrong")))
        for wrong in ({"smaples": 3}, {"look": {"stile": "heat"}}):
            with self.assertRaisesRegex(TypeError, "did you mean s"):
                self.batch(None, "wrong", **wrong)
        with self.assertRaisesRegex(errors.UsageError, "written by the command"):
            self.model.explain(support.KOALA).save(self.path("x.apng"))
        os.mkdir(self.path("theirs"))
        with open(self.path("theirs", "run.json"), "w", encoding="utf-8") as file:
            json.dump({"format": "vitlrp batch 3"}, file)
        with self.assertRaisesRegex(errors.UsageError, "not the folder of a batch"):
            self.batch(None, "theirs")

    def test_nothing_is_written_beside_the_folder(self):
        with open(self.path("list.txt"), "w", encoding="utf-8") as file:
            file.write("../koala.jpg\n")
        with self.assertRaisesRegex(errors.UsageError, "list paths without"):
            self.batch(self.path("list.txt"))
        self.assertFalse(os.path.exists(self.path("out")))

    def test_wrong_arguments_bind_no_folder(self):
        """The corrected call goes on in the same one."""
        koala = [self.path("in", "bears", "koala.jpg")]
        for words, wrong in (
            ("style must be", {"look": {"style": "pannel"}}),
            ("rainboww", {"look": {"cmap": "rainboww"}}),
            ("openblass", {"backend": "openblass"}),
        ):
            with self.subTest(words), self.assertRaisesRegex(errors.VitlrpError, words):
                self.batch(koala, **wrong)
        self.assertEqual(self.batch(koala, look={"style": "panel"}).done, 1)
        self.assertEqual(support.read(self.path("out", "run.json")).count(b"panel"), 1)

    def test_preprocessing_of_arrays(self):
        own = dataclasses.replace(self.model.preprocessing, mean=np.full(3, 0.5), std=np.full(3, 0.25))
        found = self.batch([self.path("in", "bears", "koala.jpg")], preprocessing=own)
        self.assertEqual(found.done, 1)
        run = json.loads(support.read(self.path("out", "run.json")))
        self.assertEqual(run["options"]["preprocessing"]["mean"], [0.5] * 3)

    def test_one_call_at_a_time(self):
        def again(*_):
            self.batch()

        with self.assertRaisesRegex(errors.IoError, "another call of batch"):
            self.batch(progress=again)


if __name__ == "__main__":
    unittest.main()
