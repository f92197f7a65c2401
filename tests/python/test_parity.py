"""The float64 reference, by way of Python: logits, pixel maps, patch maps, ledger, in every layout
and container; and the same bits as the command's."""

import math
import os
import unittest
import warnings

import numpy as np

import support
import vitlrp

KINDS = ("conv", "qkv", "proj", "fc1", "fc2", "head")
FILES = (
    "timm.safetensors", "timm_wrapped.pth", "torchvision.pth", "torchvision_legacy_container.pth",
    "torchvision_legacy_names.pth", "jax.npz", "huggingface",
)  # fmt: skip


def arguments_of(case):
    """The keywords of explain for a case of the reference."""
    gammas = {f"gamma_{kind}": case["gamma"][kind] for kind in KINDS}
    method = "cp-lrp" if case["attention"] == "cp" else "attnlrp"
    return dict(target=case["target"], versus=case.get("minus"), method=method, **gammas)


class Parity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cases = support.golden_cases()
        cls.cases = {name: case for name, case in cases.items() if "gamma" in case}
        cls.input = support.golden("input").astype(np.float32)

    def check(self, found, wanted, what):
        self.assertEqual(found.size, wanted.size, what)
        wanted = wanted.reshape(found.shape)
        self.assertLess(support.relative_error(found, wanted), support.EXACT, what)

    def check_case(self, model, name, case):
        wanted = support.golden("relevance_" + name)
        of_pixels = model.explain(self.input, level="pixel", **arguments_of(case))
        self.assertEqual(of_pixels.heatmap.dtype, np.float32)
        self.assertEqual(of_pixels.pixels.shape, (3, 32, 32))
        self.check(of_pixels.pixels, wanted, name)
        self.check(of_pixels.heatmap, wanted.sum(axis=0), name)
        gap = np.abs(of_pixels.logits - support.golden("logits")).max()
        self.assertLess(gap, support.EXACT, name)
        of_patches = model.explain(self.input, level="patch", **arguments_of(case))
        self.check(of_patches.heatmap, support.golden("patches_" + name), name)
        self.assertEqual(of_patches.heatmap.shape, (4, 4))
        self.assertIsNone(of_patches.pixels)
        for found in (of_pixels, of_patches):
            self.assertAlmostEqual(found.relevance_sum, float(found.heatmap.sum()), places=4)
            absorbed = math.fsum(entry.absorbed for entry in found.ledger)
            gap = found.explained - found.relevance_sum - absorbed
            self.assertLess(abs(gap), support.EXACT * abs(found.logit), name)

    def test_rules(self):
        self.assertEqual(len(self.cases), 7)
        for file in FILES:
            with support.parity_model(file) as model:
                for name, case in self.cases.items():
                    with self.subTest(file=file, case=name):
                        self.check_case(model, name, case)

    def test_methods(self):
        cases = {
            "input_x_gradient": ("input-x-gradient", {}),
            "integrated_gradients_32": ("integrated-gradients", {"samples": 32}),
            "raw_attention": ("raw-attention", {}),
            "grad_rollout": ("grad-rollout", {}),
            "chefer_generic": ("chefer", {}),
            "attention_gradcam": ("attn-gradcam", {}),
            "gradcam_norm1": ("gradcam", {}),
            "rollout_mean": ("rollout", {"head_fusion": "mean", "discard_ratio": 0.0}),
            "rollout_max": ("rollout", {"head_fusion": "max", "discard_ratio": 0.0}),
            "rollout_min": ("rollout", {"head_fusion": "min", "discard_ratio": 0.0}),
            "rollout_max_discard0.9": ("rollout", {"head_fusion": "max", "discard_ratio": 0.9}),
        }
        target = support.golden_cases()["attnlrp_paper"]["target"]
        with support.parity_model() as model:
            for name, (method, parameters) in cases.items():
                with self.subTest(case=name):
                    of_class = not vitlrp.methods()[method].ignores_class
                    found = model.explain(
                        self.input, target if of_class else None, method=method, **parameters
                    )
                    self.check(found.heatmap, support.golden("patches_" + name), name)
                    self.assertIsNone(found.ledger)

    def test_a_flipped_weight_is_noticed(self):
        """The comparison can fail: half-precision weights are beyond what is allowed."""
        case = self.cases["attnlrp_paper"]
        with support.parity_model("timm_bf16.safetensors") as model:
            found = model.explain(self.input, level="pixel", **arguments_of(case))
        wanted = support.golden("relevance_attnlrp_paper")
        self.assertGreater(support.relative_error(found.pixels, wanted), support.EXACT)


class SameAsTheCommand(unittest.TestCase):
    """The same bits, in maps, logits and inputs, and the same bytes of pictures."""

    def compare(self, options, picture="picture.png", **arguments):
        look = arguments.pop("look", {})
        with support.scratch() as folder, support.small() as model:
            raw, logits, values, drawn = (
                os.path.join(folder, name)
                for name in ("raw.npy", "logits.npy", "input.npy", picture)
            )
            support.command(
                support.KOALA, "-q", "--raw", raw, "--logits", logits, "--dump-input", values,
                "-o", drawn, *options,
            )  # fmt: skip
            found = model.explain(support.KOALA, **arguments)
            self.assertEqual(found.heatmap.tobytes(), np.load(raw).tobytes())
            self.assertEqual(found.heatmap.shape, np.load(raw).shape)
            self.assertEqual(found.logits.tobytes(), np.load(logits).tobytes())
            if "preprocessing" not in arguments:
                given = model.preprocess(support.KOALA)
                self.assertEqual(given.tobytes(), np.load(values).tobytes())
            mine = os.path.join(folder, "mine" + os.path.splitext(picture)[1])
            found.save(mine, **look)
            if mine.endswith(".npy"):
                self.assertEqual(np.load(mine).tobytes(), np.load(drawn).tobytes())
            else:
                self.assertEqual(support.read(mine), support.read(drawn))

    def test_defaults(self):
        self.compare([])

    def test_pixel_level(self):
        self.compare(["--level", "pixel", "-c", "105"], target=105, level="pixel")

    def test_contrast(self):
        options = ["-c", "koala", "--versus", "tabby", "--style", "panel"]
        self.compare(options, target="koala", versus="tabby", look={"style": "panel"})

    def test_rules(self):
        options = ["--gamma-linear", "0.1", "--gamma-fc2", "inf", "--epsilon", "0.25"]
        self.compare(options, gamma_linear=0.1, gamma_fc2=float("inf"), epsilon=0.25)

    def test_method_of_patches(self):
        options = ["--method", "rollout", "--head-fusion", "max", "--discard-ratio", "0.3"]
        self.compare(options, method="rollout", head_fusion="max", discard_ratio=0.3)

    def test_random_method(self):
        options = ["--method", "smoothgrad", "--samples", "3", "--noise", "0.2", "--seed", "9"]
        self.compare(options, method="smoothgrad", samples=3, noise=0.2, seed=9)

    def test_look(self):
        options = "--style heat --cmap turbo --upsample nearest --scale 0.002".split()
        look = {"style": "heat", "cmap": "turbo", "upsample": "nearest", "scale": 0.002}
        self.compare(options, look=look)
        self.compare(["--opacity", "0.5"], picture="picture.jpg", look={"opacity": 0.5})

    def test_figures(self):
        drawn = dict(picture="picture.svg")
        self.compare([], **drawn)
        self.compare(["--method", "rollout", "--opacity", "0.5"], method="rollout", look={"opacity": 0.5}, **drawn)
        options = ["--level", "pixel", "--style", "heat", "--contours", "3", "--range", "-0.1,0.2"]
        look = {"style": "heat", "contours": 3, "range": (-0.1, 0.2)}
        self.compare(options, level="pixel", look=look, **drawn)
        options = ["--versus", "tabby", "--top-percent", "20", "--top-as", "box"]
        self.compare(options, versus="tabby", look={"top_percent": 20, "top_as": "box"}, **drawn)
        self.compare(["--caption", "none"], look={"caption": False}, **drawn)

    def test_precision(self):
        for precision in ("mixed", "bf16"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # nothing faster on some processors
                self.compare(["--precision", precision], precision=precision)

    def test_other_input_size(self):
        preprocessing = support.small().preprocessing.for_input(96)
        self.compare(["--crop", "96"], preprocessing=preprocessing)

    def test_npy_as_picture(self):
        self.compare([], picture="picture.npy")
