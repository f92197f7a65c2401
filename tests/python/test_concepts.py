"""Indexes of hidden units from Python: a folder of the command, read back, and made alike; units at their
means against a program in float64 (golden/latent); where heads look; and what is refused."""

import dataclasses
import hashlib
import json
import os
import pickle
import shutil
import subprocess
import threading
import unittest

import numpy as np

import support
import vitlrp
from vitlrp import errors

LATENT = os.path.join(support.SOURCE, "tests", "golden", "latent", "latent-vit")
IMAGES = os.path.join(LATENT, "images")
KINDS = {"relevant": "relevance", "active": "activation"}


class Indexed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = support.scratch()
        cls.addClassCleanup(folder.__exit__, None, None, None)
        cls.folder = folder.__enter__()
        for site in ("fc1", "head"):
            options = ("--site", site, "--keep", "5", "--resize", "none", "-q")
            support.command("concepts", IMAGES, "--model", LATENT, "-o", cls.at(site), *options)
        cls.model = vitlrp.Model(LATENT)
        cls.addClassCleanup(cls.model.close)

    @classmethod
    def at(cls, site):
        return os.path.join(cls.folder, site)

    def open(self, site):
        index = vitlrp.Concepts(self.at(site))
        self.addCleanup(index.close)
        return index


class Concepts(Indexed):
    def test_what_it_is_of(self):
        index = self.open("fc1")
        self.assertEqual((index.site, index.blocks, index.width, index.keep), ("fc1", 3, 192, 5))
        self.assertEqual((index.images, index.total, len(index)), (12, 12, 3 * 192))
        self.assertEqual((index.method, index.statistic, index.dataset), ("attnlrp", "sum", IMAGES))
        self.assertEqual(index.weights_sha256, self.model.sha256())
        self.assertEqual(list(index)[193], "1:fc1:1")
        self.assertIn("3 blocks of 192 units of fc1, 12 images", repr(index))
        index.check(self.model)

    def test_means_for_an_evaluation(self):
        """An index is read for hidden units whose replacement is their mean, and refused elsewhere."""
        own = {"concepts": self.at("fc1"), "limit": 1, "methods": ["random"]}
        found = self.model.evaluate(IMAGES, units="fc1", replace="mean", **own)
        self.assertEqual(found.failed, 0)
        for wrong in ({}, {"replace": "mean"}, {"units": "fc1"}):
            with self.subTest(**wrong), self.assertRaisesRegex(errors.UsageError, "an index has the means"):
                self.model.evaluate(IMAGES, **wrong, **own)

    def test_references_are_the_arrays(self):
        for site in ("fc1", "head"):
            index = self.open(site)
            arrays = {
                (kind, what): np.load(os.path.join(self.at(site), f"{site}.{kind}.{what}.npy"))
                for kind in KINDS.values()
                for what in ("score", "image", "token", "class")
            }
            for name in list(index)[:: 7 if site == "fc1" else 1]:
                block, _, unit = name.split(":")
                place = int(block), int(unit)
                for field, kind in KINDS.items():
                    found = getattr(index[name], field)
                    for what, key in (("score", "score"), ("image", "image"), ("token", "token"), ("target", "class")):
                        wanted = arrays[kind, key][place]
                        np.testing.assert_array_equal([getattr(one, what) for one in found], wanted, name)

    def test_references_name_their_files(self):
        one = self.open("head")["1:head:2"].relevant[0]
        self.assertEqual(one.path, os.path.join(IMAGES, one.id))
        self.assertEqual(one.id, f"{one.image:02}.png")
        with open(one.path, "rb") as file:
            self.assertEqual(one.sha256, hashlib.sha256(file.read()).hexdigest())
        with open(os.path.join(self.at("head"), "results.jsonl"), encoding="utf-8") as file:
            line = json.loads(file.read().splitlines()[one.image])
        self.assertEqual((line["class"], line["name"]), (one.target, one.label))
        self.assertIn(one.id, str(self.open("head")["1:head:2"]))

    def test_means(self):
        neurons, heads = self.open("fc1"), self.open("head")
        np.testing.assert_array_equal(neurons.means("fc1"), np.load(os.path.join(self.at("fc1"), "fc1.mean.npy")))
        np.testing.assert_array_equal(heads.means(), np.load(os.path.join(self.at("head"), "head.mean.npy")))
        np.testing.assert_array_equal(neurons["1:fc1:134"].mean, neurons.means()[1, 134])
        np.testing.assert_array_equal(heads.mean("1:head:1"), heads.means()[1, 1])
        self.assertEqual(heads["1:head:1"].mean.shape, (12, 2))

    def test_threads(self):
        index = self.open("fc1")
        wanted = [str(vitlrp.Concepts(self.at("fc1"))[name]) for name in list(index)[::40]]
        found = [[] for _ in range(4)]
        threads = [
            threading.Thread(target=lambda out=out: out.extend(str(index[name]) for name in list(index)[::40]))
            for out in found
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, [wanted] * 4)

    def test_refused(self):
        index = self.open("fc1")
        for name in ("1:head:1", "3:fc1:0", "0:fc1:192", "1:fc1", "1:fc1:*", 5):
            with self.subTest(name=name), self.assertRaises(errors.UsageError):
                index[name]
        with self.assertRaisesRegex(errors.UsageError, "of site fc1, not 'head'"):
            index.means("head")
        with vitlrp.Model() as other, self.assertRaisesRegex(errors.MismatchError, "of other weights"):
            index.check(other)
        with self.assertRaises(errors.IoError):
            vitlrp.Concepts(os.path.join(self.folder, "none"))
        with self.assertRaises(errors.IoError):
            vitlrp.Concepts(IMAGES)
        with self.assertRaises(TypeError):
            pickle.dumps(index)
        index.close()
        index.close()
        with self.assertRaisesRegex(errors.UsageError, "closed"):
            index.means()


class Made(Indexed):
    """Indexes that Model.concepts makes, against those of the command."""

    def make(self, images=IMAGES, model=None, **options):
        folder = os.path.join(self.folder, self.id().rsplit(".", 1)[1] + str(len(os.listdir(self.folder))))
        index = (model or self.model).concepts(images, folder, **options)
        self.addCleanup(index.close)
        return index

    def same(self, made, run):
        """All files, but for the command in run.json and the page."""
        names = sorted(os.listdir(made))
        pages = {"index.html", "gallery.json", "crops"}
        self.assertEqual(names, sorted(set(os.listdir(run)) - pages))
        for name in names:
            found, wanted = (support.read(os.path.join(folder, name)) for folder in (made, run))
            if name == "run.json":
                found, wanted = support.document(found.decode()), support.document(wanted.decode())
                del wanted["run"]
            with self.subTest(name):
                self.assertEqual(found, wanted)

    def run_command(self, name, images, *options):
        folder = os.path.join(self.folder, name)
        support.command("concepts", images, "--model", LATENT, "-o", folder, "--gallery", "0", "-q", *options)
        return folder

    def test_it_is_that_of_the_command(self):
        as_they_are = dataclasses.replace(self.model.preprocessing, resize="none", resize_to=0)
        for site in ("fc1", "head"):
            index = self.make(site=site, keep=5, preprocessing=as_they_are)
            self.same(index.folder, self.at(site))
            self.assertEqual((index.images, index.failed()), (12, {}))

    def test_settings_are_recorded(self):
        index = self.make(site="stream", keep=2, statistic="max", limit=7, method="cp-lrp", gamma_fc1=0.5, threads=3)
        settings = ("--site", "stream", "--keep", "2", "--statistic", "max", "--limit", "7")
        rules = ("--method", "cp-lrp", "--gamma-fc1", "0.5")
        self.same(index.folder, self.run_command("settings", IMAGES, *settings, *rules))
        self.assertEqual((index.images, index.statistic, index.method), (7, "max", "cp-lrp"))

    def test_kinds(self):
        as_they_are = dataclasses.replace(self.model.preprocessing, resize="none", resize_to=0)
        for kind, other in (("relevance", "activation"), ("activation", "relevance")):
            for site in ("fc1", "head"):
                index = self.make(site=site, keep=5, kinds=[kind], preprocessing=as_they_are)
                name = f"{site}-{kind}"
                wanted = self.run_command(name, IMAGES, "--site", site, "--keep", "5", "--kinds", kind, "--resize", "none")
                self.same(index.folder, wanted)
                self.assertEqual(index.kinds, (kind,))
                both = self.open(site)
                self.assertEqual(both.kinds, ("relevance", "activation"))
                for unit in (f"1:{site}:0", f"2:{site}:3"):
                    found, whole = (of[unit] for of in (index, both))
                    fields = {kind: field for field, kind in KINDS.items()}
                    self.assertEqual(getattr(found, fields[kind]), getattr(whole, fields[kind]))
                    self.assertEqual(getattr(found, fields[other]), ())
                    self.assertEqual(str(found) == str(whole), kind == "relevance")
                    np.testing.assert_array_equal(found.mean, whole.mean)
        for wrong in ((), "relevance", ["size"], [1]):
            with self.subTest(wrong), self.assertRaises(errors.UsageError):
                self.model.concepts(IMAGES, os.path.join(self.folder, "new"), kinds=wrong)

    def test_class_sums(self):
        index = self.make(site="head", class_sums=True, limit=7)
        options = ("--site", "head", "--class-sums", "--limit", "7")
        self.same(index.folder, self.run_command("class-sums", IMAGES, *options))
        wanted = np.load(os.path.join(index.folder, "head.classes.npy"))
        self.assertEqual((index.classes, wanted.shape[1:]), (len(wanted), (index.blocks, index.width)))
        found = [index.class_sums(output) for output in range(index.classes)]
        np.testing.assert_array_equal([sums for sums, _ in found], wanted)
        self.assertEqual(sum(count for _, count in found), 7)
        with self.assertRaises(errors.UsageError):
            index.class_sums(index.classes)
        with self.assertRaisesRegex(errors.MismatchError, "without sums by class"):
            self.open("head").class_sums(0)
        with self.assertRaises(errors.UsageError):
            self.make(class_sums=True, kinds=["activation"])

    def labelled(self):
        """A folder of classes, as the built-in model has them, with a file that is no picture."""
        folder = os.path.join(self.folder, "labelled")
        for wnid, picture in (("n01443537", support.GOLDFISH), ("n01882714", support.KOALA)):
            os.makedirs(os.path.join(folder, wnid), exist_ok=True)
            shutil.copy(picture, os.path.join(folder, wnid))
        with open(os.path.join(folder, "n01443537", "broken.jpg"), "wb") as file:
            file.write(b"no picture")
        return folder

    def test_labels_and_failures(self):
        folder, told = self.labelled(), []
        with support.small() as model:
            index = self.make(folder, model, target="label", progress=lambda *at: told.append(at))
            for line in support.read(os.path.join(index.folder, "results.jsonl")).decode().splitlines():
                line = support.document(line)
                self.assertEqual(line["status"] == "ok", line.get("class") == line["label"])
        self.assertEqual((index.images, index.total), (2, 3))
        self.assertEqual(list(index.failed()), ["n01443537/broken.jpg"])
        self.assertEqual(told, [(1, 3), (2, 3), (3, 3)])
        wanted = os.path.join(self.folder, "labels")
        command = [support.PROGRAM, "concepts", folder, "-o", wanted, "--class", "label", "--gallery", "0", "-q"]
        subprocess.run(command, stderr=subprocess.DEVNULL)  # it ends with the code of a failed image
        for name in ("state.bin", "fc1.relevance.score.npy", "fc1.sums.npy"):
            self.assertEqual(*(support.read(os.path.join(at, name)) for at in (index.folder, wanted)))

    def test_the_command_makes_its_page(self):
        index, short = self.make(site="head", keep=5), ("--no-pictures", "--test-images", "0")
        same = ("--model", LATENT, "-o", index.folder, "--site", "head", "--keep", "5")
        said = support.command("concepts", IMAGES, *same, *short)
        self.assertIn("12 already there", said)
        self.assertTrue(os.path.exists(os.path.join(index.folder, "index.html")))

    def test_of_an_edited_model(self):
        with self.model.edited({"1:fc1:3": 0}) as model:
            index = self.make(model=model)
            index.check(model)
        self.same(index.folder, self.run_command("edited", IMAGES, "--edit", "1:fc1:3=0"))
        with self.assertRaises(errors.MismatchError):
            index.check(self.model.edited({"1:fc1:4": 0}))

    def test_nothing_is_left_of_a_call_that_ends(self):
        def stop(done, _):
            if done == 3:
                raise KeyboardInterrupt

        before = os.listdir(self.folder)
        with self.assertRaises(KeyboardInterrupt):
            self.model.concepts(IMAGES, os.path.join(self.folder, "ended"), progress=stop)
        self.assertEqual(os.listdir(self.folder), before)

    def test_refused(self):
        new = os.path.join(self.folder, "new")
        for options, reason in (
            ({"target": "tabby"}, '"predicted" or "label"'),
            ({"site": "fc2"}, "site"),
            ({"keep": 1001}, "keep must be from 1 to 1000"),
            ({"statistic": "mean"}, "statistic must be"),
            ({"method": "rollout"}, "rollout shows no hidden units"),
            ({"folder": self.at("fc1")}, "is there already"),
            ({"folder": LATENT + "/model.safetensors"}, "is there already"),
        ):
            with self.subTest(reason), self.assertRaisesRegex(errors.UsageError, reason):
                self.model.concepts(**{"images": IMAGES, "folder": new, **options})
        with self.assertRaisesRegex(TypeError, "versus"):
            self.model.concepts(IMAGES, new, versus="tabby")
        with self.assertRaises(errors.VitlrpError):
            self.model.concepts(os.path.join(self.folder, "none"), new)
        self.assertFalse(os.path.exists(new))


class Means(Indexed):
    """Edits of units to their means."""

    def check(self, name, **options):
        with open(os.path.join(LATENT, "expected.json"), encoding="utf-8") as file:
            expected = json.load(file)["edits"][name]
        with self.model.edited({expected["edits"][0][:-5]: "mean"}, **options) as model:
            found = model.explain(os.path.join(IMAGES, "00.png"), expected["class_"], level="pixel")
        wanted = np.load(os.path.join(LATENT, f"edit_{name}_logits.npy"))
        pixels = np.load(os.path.join(LATENT, f"edit_{name}_pixels.npy")).sum(axis=0)
        np.testing.assert_allclose(found.logits, wanted, atol=1e-5)
        self.assertLess(np.linalg.norm(found.heatmap - pixels), 1e-4 * np.linalg.norm(pixels))

    def test_against_the_fixtures(self):
        self.check("mean", concepts=self.at("fc1"))
        self.check("head_mean", concepts=[self.open("fc1"), self.at("head")])

    def test_a_record_holds_the_numbers(self):
        index = self.open("head")
        with self.model.edited({"1:head:1": "mean", "0:head:0": 2}, concepts=index) as model:
            first, second = model.configuration()["edits"]
        self.assertEqual((first, second["unit"], second["factor"]), ("0:head:0=2", "1:head:1", 0))
        np.testing.assert_array_equal(np.float32(second["constant"]), index.mean("1:head:1"))

    def test_a_layer(self):
        index = self.open("fc1")
        with self.model.edited({"1:fc1:*": "mean"}, concepts=index) as model:
            found = model.explain(os.path.join(IMAGES, "03.png"))
        constants = {f"1:fc1:{unit}": index.means()[1, unit] for unit in range(192)}
        with self.model.edited(constants=constants) as model:
            wanted = model.explain(os.path.join(IMAGES, "03.png"))
        np.testing.assert_array_equal(found.logits, wanted.logits)

    def test_refused(self):
        neurons, heads = self.at("fc1"), self.at("head")
        with vitlrp.Model() as other, self.assertRaises(errors.MismatchError):
            other.edited({"1:fc1:1": "mean"}, concepts=neurons)
        for factors, options, reason in (
            ({"1:fc1:1": "mean"}, {}, "needs an index of site fc1"),
            ({"1:head:1": "mean"}, {"concepts": neurons}, "needs an index of site head"),
            ({"1:fc1:1": "mean"}, {"concepts": [neurons, neurons]}, "two indexes of site fc1"),
            ({"1:fc1:1": "median"}, {"concepts": neurons}, 'a number or "mean"'),
            ({"1:fc1:1": "mean"}, {"concepts": neurons, "constants": {"1:fc1:1": 1}}, "choose one"),
            ({"1:fc1:1": "mean"}, {"concepts": 5}, "must be a path"),
            ({"1:head:9": "mean"}, {"concepts": heads}, "units 0 to 3"),
        ):
            with self.subTest(reason=reason), self.assertRaisesRegex(errors.UsageError, reason):
                self.model.edited(factors, **options)


class Attention(unittest.TestCase):
    def test_where_heads_look(self):
        with vitlrp.Model() as model:
            found = model.attention(support.GOLDFISH)
            info = model.info
        self.assertEqual(found.weights.shape[:2], (info.depth, info.heads))
        np.testing.assert_allclose(found.weights.sum(axis=2), 1, atol=1e-5)
        self.assertTrue((found.weights >= 0).all())
        patches = found.heatmaps.shape[2] * found.heatmaps.shape[3]
        np.testing.assert_array_equal(found.heatmaps.reshape(*found.weights.shape[:2], -1), found.weights[:, :, -patches:])
        self.assertIn(f"{info.depth} blocks of {info.heads} heads", str(found))

    def test_of_the_last_block_it_is_raw_attention(self):
        """Which is the mean over the heads of what CLS attends to."""
        image = os.path.join(IMAGES, "00.png")
        with vitlrp.Model(LATENT) as model:
            heatmaps = model.attention(image).heatmaps
            wanted = model.explain(image, method="raw-attention").heatmap
        np.testing.assert_allclose(heatmaps[-1].mean(axis=0), wanted, rtol=1e-5)


if __name__ == "__main__":
    unittest.main()
