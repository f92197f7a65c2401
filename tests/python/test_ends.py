"""What a model ends with: heads in files of their own, no head, likeness, one channel."""

import json
import os
import unittest

import numpy as np

import support
import vitlrp
from vitlrp.errors import MismatchError, NumericError, UsageError

ZOO = os.path.join(support.SOURCE, "tests", "golden", "zoo")


def zoo(case, name):
    return os.path.join(ZOO, case, name)


def dinov2(**options):
    return vitlrp.Model(zoo("dinov2-hub", "model/dinov2_vits14_pretrain.pth"), heads=3, **options)


def one_channel():
    return vitlrp.Model(zoo("hf-vit-one-channel", "model"))


class Heads(unittest.TestCase):
    def test_file_of_its_own(self):
        folder = zoo("dinov2-hub-linear4-head", "model")
        head = os.path.join(folder, "dinov2_vits14_reg4_linear4_head.pth")
        weights = os.path.join(folder, "dinov2_vits14_reg4_pretrain.pth")
        with vitlrp.Model(weights, heads=3, head=head) as model:
            self.assertEqual((model.info.outputs, model.info.classes), ("classes", 5))
            self.assertIn("head", model.configuration()["files"])
            found = model.explain(np.load(zoo("dinov2-hub-linear4-head", "input.npy")))
        wanted = np.load(zoo("dinov2-hub-linear4-head", "logits.npy"))
        self.assertLess(np.abs(found.logits - wanted).max(), 1e-4)

    def test_activation(self):
        for wrong in ({"head_activation": "silu"}, {"head_activation": "tanh"}):
            with self.assertRaises(UsageError):
                dinov2(**wrong)


class Probabilities(unittest.TestCase):
    def test_kinds(self):
        image = np.load(zoo("timm-one-logit", "input.npy"))
        logit = np.load(zoo("timm-one-logit", "logits.npy"))[0]
        with vitlrp.Model(zoo("timm-one-logit", "model")) as model:
            self.assertEqual(model.info.probability, "sigmoid")
            self.assertIn(("probability", "guess"), [(fact.name, fact.source) for fact in model.facts])
            found = model.explain(image)
            self.assertAlmostEqual(found.probability, 1 / (1 + np.exp(-logit)), 5)
            self.assertEqual(found.top[0].probability, found.probability)
        with vitlrp.Model(zoo("timm-one-logit", "model"), probability="none") as model:
            found = model.explain(image)
            self.assertIsNone(found.probability)
            self.assertIsNone(found.top[0].probability)
            self.assertIn(f"{found.logit:.4g}\nattnlrp", found.caption)
        for wrong in ("softmax", "logistic"):
            with self.assertRaises(UsageError):
                vitlrp.Model(zoo("timm-one-logit", "model"), probability=wrong)


class Files(unittest.TestCase):
    def test_t31_tensors_of_a_file_that_is_no_model(self):
        path = os.path.join(os.path.dirname(ZOO), "trials", "other-names.pth")
        found = vitlrp.file_tensors(path)
        self.assertEqual((found["nearest"], len(found["tensors"])), ("timm", 19))
        self.assertIn({"name": "cls_token", "shape": [1, 1, 32], "type": "F16", "use": "used"},
                      found["tensors"])
        with self.assertRaises(OSError):
            vitlrp.file_tensors("nowhere.pth")


class Headless(unittest.TestCase):
    def setUp(self):
        self.input = np.load(zoo("dinov2-hub", "input.npy"))

    def test_asks(self):
        with dinov2() as model:
            self.assertEqual(model.info.outputs, "feature")
            for target in (None, "top:2"):
                with self.assertRaises(UsageError):
                    model.explain(self.input, target)
            found = model.explain(self.input, 7).explained
        self.assertAlmostEqual(found, np.load(zoo("dinov2-hub", "logits.npy"))[7], 4)

    def test_likeness(self):
        with dinov2() as model:
            feature = model.explain(self.input, 0).logits.astype(np.float64)
            other = model.explain(-self.input, 0).logits.astype(np.float64)
            itself = model.like([self.input])
            both = model.like([self.input, -self.input])
        with itself, both:
            self.assertEqual((itself.info.outputs, itself.info.classes), ("likeness", 1))
            self.assertAlmostEqual(itself.explain(self.input).explained, 1, 6)
            unit, unit_other = feature / np.linalg.norm(feature), other / np.linalg.norm(other)
            mean = unit + unit_other
            wanted = unit @ mean / np.linalg.norm(mean)
            self.assertAlmostEqual(both.explain(self.input).explained, wanted, 6)
            self.assertIn("like", both.configuration()["files"])
            for method in ("cp-lrp", "rise", "gradcam", "chefer", "input-x-gradient"):
                self.assertTrue(np.isfinite(both.explain(self.input, method=method).heatmap).all())

    def test_refused(self):
        with dinov2() as model, support.parity_model() as other:
            for images in ([], zoo("dinov2-hub", "input.npy")):
                with self.assertRaises(UsageError):
                    model.like(images)
            with self.assertRaises(UsageError):
                other.like([support.GOLDFISH])
            with self.assertRaises(UsageError):
                model.evaluate(support.DATA)


WORDS = os.path.join(support.SOURCE, "tests", "golden", "words", "siglip-tiny")


class Texts(unittest.TestCase):
    def setUp(self):
        self.rows = np.load(os.path.join(WORDS, "text_embeddings.npy"))
        self.input = np.load(os.path.join(WORDS, "input.npy"))
        with open(os.path.join(WORDS, "relevance.json"), encoding="utf-8") as file:
            self.wanted = json.load(file)
        self.names = [f"text {i}" for i in range(len(self.rows))]

    def test_zero_shot(self):
        with vitlrp.Model(os.path.join(WORDS, "huggingface")) as encoder:
            self.assertEqual((encoder.info.kind, encoder.info.embed_dim), ("image_text", 36))
            embedding = encoder.embedding(self.input)
            prompts = encoder.with_embeddings(self.rows.astype(np.float64), self.names)
        with prompts as model:
            info = model.info
            self.assertEqual((info.kind, info.classes, info.probability), ("prompts", 4, "sigmoid"))
            self.assertAlmostEqual(info.logit_scale, self.wanted["logit_scale"], 5)
            self.assertEqual(info.logit_bias, -6)
            found = model.explain(self.input, "text 1", versus="text 2")
            np.testing.assert_array_equal(model.embedding(self.input), embedding)
            for method in ("legrad", "rise", "chefer", "smoothgrad", "token-drop"):
                self.assertTrue(np.isfinite(model.explain(self.input, method=method).heatmap).all())
        self.assertLess(np.abs(found.logits - self.wanted["logits"]).max(), 1e-5)
        self.assertEqual(found.versus.label, "text 2")

    def test_stated_scale(self):
        facts = {"logit_scale": 60, "logit_bias": 0}
        with vitlrp.Model(os.path.join(WORDS, "huggingface"), facts=facts) as encoder:
            with encoder.with_embeddings(self.rows) as model:
                self.assertEqual((model.info.logit_scale, model.info.logit_bias), (60, 0))

    def test_refused(self):
        with vitlrp.Model(os.path.join(WORDS, "huggingface")) as encoder:
            for rows, names in ((self.rows[0], None), (self.rows[:, 1:], None), (self.rows, ["a"]), (self.rows, "abcd"),
                                (self.rows, 4), (self.rows, ["a", "b", "c", "d\0e"]), (self.rows, ["\ud800"] * 4)):
                with self.assertRaises(UsageError):
                    encoder.with_embeddings(rows, names)
            with self.assertRaises(NumericError):
                encoder.with_embeddings(0 * self.rows)
        with vitlrp.Model() as classifier:
            for call in (lambda: classifier.with_embeddings(self.rows), lambda: classifier.embedding(support.GOLDFISH)):
                with self.assertRaises(UsageError):
                    call()


class OneChannel(unittest.TestCase):
    def test_input(self):
        with one_channel() as model:
            values = np.load(zoo("hf-vit-one-channel", "input.npy"))
            found = model.explain(values, level="pixel")
            self.assertEqual(found.pixels.shape, (1, 24, 24))
            self.assertTrue((found.heatmap == found.pixels[0]).all())
            with self.assertRaises(UsageError):
                model.explain(np.zeros((3, 24, 24), np.float32))

    def test_photograph(self):
        """Colours are gone before anything is resized."""
        with one_channel() as model:
            self.assertEqual(model.preprocessing.channels, 1)
            rgb = np.random.default_rng(1).integers(0, 256, (30, 40, 3), np.uint8)
            red, green, blue = (rgb[:, :, c].astype(np.uint32) for c in range(3))
            grey = (19595 * red + 38470 * green + 7471 * blue + 0x8000 >> 16).astype(np.uint8)
            found = model.preprocess(rgb)
            self.assertEqual(found.shape, (1, 24, 24))
            same = model.preprocess(np.repeat(grey[:, :, None], 3, axis=2))
            self.assertTrue((found == same).all())

    def test_other_preprocessing(self):
        with one_channel() as model, support.parity_model() as other:
            with self.assertRaises(MismatchError):
                model.evaluate(support.DATA, preprocessing=other.preprocessing)


if __name__ == "__main__":
    unittest.main()
