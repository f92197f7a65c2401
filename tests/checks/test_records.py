"""The check of records can fail: each fault is found, and the same record without it is none."""

import copy
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import records  # noqa: E402

CONFIGURATION = {"layout": "timm", "container": "npz", "stored_as": "F32", "input_size": [8, 8],
                 "patch_size": [4, 4], "dim": 8, "depth": 1, "heads": 2, "mlp_dim": 8, "activation": "gelu",
                 "layer_norm_eps": 1e-6, "classes": 4, "classes_sha256": "0" * 64,
                 "preprocess": {"resize": "none", "resize_to": 0, "interpolation": "bicubic", "crop": [0, 0],
                                "mean": [0, 0, 0], "std": [1, 1, 1]},
                 "files": {"config.json": "0" * 64}}
GOOD = {"format": "vitlrp settings 1", "gamma_conv": 0.5, "gamma_fc1": "inf", "epsilon": 0,
        "search": {"model": "m", "weights_sha256": "0" * 64, "configuration": CONFIGURATION,
                   "dataset": "d", "manifest": {"count": 1, "sha256": "0" * 64, "truth_sha256": ""},
                   "trials": 3, "steps": 2,
                   "replace": "zero", "target": "label", "seed": 0,
                   "calibration": {"images": 1, "images_sha256": "0" * 64,
                                   "preset": {"mean": None, "lo": 1, "hi": 2, "n": 1},
                                   "tuned": {"mean": 0.5, "lo": 1, "hi": 2, "n": 1}},
                   "held_out": {"images": 0, "images_sha256": "0" * 64, **{name: {"mean": 0, "lo": 0, "hi": 0, "n": 0}
                                                for name in ("preset", "tuned", "gain")}}}}
FAULTS = [
    (("format",), "vitlrp settings 0", "no schema"),
    (("gamma_conv",), -1, "below 0"),
    (("gamma_conv",), "infinite", "is not 'inf'"),
    (("gamma_conv",), True, "is no number"),
    (("gamma_new",), 1, "the schema has no gamma_new"),
    (("search", "weights_sha256"), "0" * 63, "does not match"),
    (("search", "calibration", "preset", "n"), 1.5, "is no integer"),
    (("search", "held_out"), {"images": 0}, "preset is missing"),
    (("search", "configuration", "files", "other.json"), "0" * 63, "does not match"),
    (("search", "steps"), None, "is no integer"),
]


class Faults(unittest.TestCase):
    def test_good(self):
        self.assertEqual(records.check(GOOD), [])

    def test_faults(self):
        for path, value, told in FAULTS:
            bad = copy.deepcopy(GOOD)
            place = bad
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
            self.assertIn(told, "\n".join(records.check(bad)), path)

    def test_without_format(self):
        self.assertTrue(records.check_text('{"done": 1}'))
        self.assertTrue(records.check_text('{\n  "a": 1,\n  "format": "vitlrp settings 1"\n}\n'))

    def test_text(self):
        lines = json.dumps(GOOD) + "\nwords\n" + json.dumps(dict(GOOD, epsilon=-1)) + "\n"
        self.assertEqual(len(records.check_text(lines)), 1)
        self.assertEqual(records.check_text(json.dumps(GOOD, indent=2)), [])
        self.assertEqual(len(records.check_text(json.dumps(dict(GOOD, epsilon=-1), indent=2))), 1)

    def test_unknown_keyword(self):
        with self.assertRaisesRegex(ValueError, "exclusiveMinimum"):
            list(records.Validator("parts.json").errors(1, {"exclusiveMinimum": 0}, ""))


if __name__ == "__main__":
    unittest.main()
