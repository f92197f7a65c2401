"""Models with edited units, from Python: what a program in float64 makes of them (golden/latent), and what is
refused."""

import json
import os
import unittest

import numpy as np

import support
import vitlrp
from vitlrp import errors

LATENT = os.path.join(support.SOURCE, "tests", "golden", "latent", "latent-vit")


class Edited(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = vitlrp.Model(LATENT)
        cls.addClassCleanup(cls.model.close)
        cls.image = os.path.join(LATENT, "images", "00.png")
        with open(os.path.join(LATENT, "expected.json"), encoding="utf-8") as file:
            cls.expected = json.load(file)["edits"]

    def edited(self, *arguments, **options):
        model = self.model.edited(*arguments, **options)
        self.addCleanup(model.close)
        return model

    def check(self, name, model):
        found = model.explain(self.image, self.expected[name]["class_"], level="pixel")
        wanted = np.load(os.path.join(LATENT, f"edit_{name}_logits.npy"))
        pixels = np.load(os.path.join(LATENT, f"edit_{name}_pixels.npy")).sum(axis=0)
        np.testing.assert_allclose(found.logits, wanted, atol=1e-5)
        self.assertLess(np.linalg.norm(found.heatmap - pixels), 1e-4 * np.linalg.norm(pixels))

    def test_against_the_fixtures(self):
        neurons = np.load(os.path.join(LATENT, "fc1_means.npy"))
        heads = np.load(os.path.join(LATENT, "head_means.npy"))
        self.check("ablate", self.edited({"1:fc1:134": 0}))
        self.check("clamp", self.edited(constants={"1:fc1:134": 0.7}))
        self.check("layer", self.edited({"1:fc1:*": 0}))
        self.check("mean", self.edited(constants={"1:fc1:134": neurons[1, 134]}))
        self.check("head_mean", self.edited(constants={"1:head:1": heads[1, 1].T}))
        several = {"0:fc1:159": 0, "0:fc1:114": 2, "1:head:1": 0.5}
        self.check("several", self.edited(several, constants={"2:fc1:51": -0.2, "1:fc1:81": neurons[1, 81]}))

    def test_before_and_after(self):
        expected = self.expected["ablate"]
        found = self.model.explain_edited(self.image, {"1:fc1:134": 0}, level="pixel")
        self.assertEqual(found.before.target.output, found.after.target.output)
        logits = [one.logits[expected["class_"]] for one in (found.before, found.after)]
        np.testing.assert_allclose(logits, [expected["logit_before"], expected["logit_after"]], atol=1e-5)
        self.assertEqual(found.changed, expected["predicted_after"] != expected["class_"])
        np.testing.assert_array_equal(found.difference, found.after.heatmap - found.before.heatmap)
        self.assertIn(f"{logits[0]:.4g} -> {logits[1]:.4g}", str(found))
        other = self.model.explain_edited(self.image, {"1:fc1:*": 0}, 3, constants={"2:fc1:1": 0.5})
        self.assertEqual(other.after.target.output, 3)
        with open(self.image, "rb") as file:
            again = self.model.explain_edited(file, {"1:fc1:134": 0}, level="pixel")
        np.testing.assert_array_equal(again.difference, found.difference)
        for wrong in ([1, 2], "top:2"):
            with self.subTest(wrong=wrong), self.assertRaisesRegex(errors.UsageError, "one class"):
                self.model.explain_edited(self.image, {"1:fc1:1": 0}, wrong)

    def test_names(self):
        model = self.edited({"2:fc1:3": 0.5, "0:head:1": 2}, constants={"2:fc1:3": (1, 0)})
        self.assertEqual(model.configuration()["edits"], ["0:head:1=2", "2:fc1:3=0.5:=1/0"])
        self.assertNotIn("edits", self.model.configuration())

    def test_refused(self):
        for arguments, options in (
            (({},), {}),
            (({"1:stream:1": 0},), {}),
            (({"1:fc1": 0},), {}),
            (({"1:fc1:999": 0},), {}),
            (({"1:fc1:1": "x"},), {}),
            (({"1:fc1:1": float("inf")},), {}),
            ((), {"constants": {"1:head:1": np.zeros((3, 2))}}),
            ((), {"constants": {"1:fc1:1": float("nan")}}),
            (({"1:fc1:1": 0, "1:fc1:*": 0},), {}),
        ):
            with self.subTest(arguments=arguments), self.assertRaises(errors.UsageError):
                self.model.edited(*arguments, **options)
        with self.assertRaises(errors.UsageError):
            self.edited({"1:fc1:1": 0}).edited({"1:fc1:2": 0})


if __name__ == "__main__":
    unittest.main()
