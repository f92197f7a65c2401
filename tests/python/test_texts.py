"""What Python hands to C is checked at the call, and every refusal is an exception of ours, of one
short line. The tests are named after the rows of the table of bad inputs (tests/TESTING.md)."""

import copy
import dataclasses
import os
import pickle
import unittest
import warnings

import numpy as np

import support
import vitlrp
from vitlrp import errors

HUGE = 10**5000
MANY = "9" * 5000
EVIL = "a\x1b[2J\u202e\x9b\u2028\r\n"


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = support.small()
        cls.found = cls.model.explain(support.KOALA)

    @classmethod
    def tearDownClass(cls):
        cls.model.close()

    def assert_refused(self, function, *arguments, **named):
        """An exception of ours, of one short line."""
        with self.assertRaises(errors.VitlrpError) as caught:
            function(*arguments, **named)
        said = str(caught.exception)
        self.assertLess(len(said), 400, said)
        self.assertTrue(said.isprintable(), ascii(said))

    def assert_usage(self, function, *arguments, **named):
        with self.assertRaises(errors.UsageError) as caught:
            function(*arguments, **named)
        said = str(caught.exception)
        self.assertLess(len(said), 400, said)
        self.assertTrue(said.isprintable(), ascii(said))
        return said


class Pointers(Case):
    def drawings(self, found):
        with support.scratch() as folder:
            for draw in (
                found.encode,
                found.picture,
                found._repr_html_,
                lambda: found.save(os.path.join(folder, "a.png")),
                lambda: found.save(os.path.join(folder, "a.jpg"), style="panel"),
            ):
                yield draw

    def test_f11_photographs(self):
        height, width, _ = self.found.photo.shape
        for photo in (
            np.zeros((4096, 4096, 1), np.uint8),
            np.zeros((height, width, 4), np.uint8),
            np.zeros((height, width, 3), np.float32),
            np.zeros((height, width, 3), np.int8),
            np.zeros((height, width), np.uint8),
            np.zeros((3, height, width), np.uint8),
            np.zeros((height, width, 3), object),
            b"pixels",
        ):
            changed = dataclasses.replace(self.found, photo=photo)
            for found in (changed, pickle.loads(pickle.dumps(changed)), copy.copy(changed)):
                for draw in self.drawings(found):
                    self.assertIn("uint8 and shape (height, width, 3)", self.assert_usage(draw))

    def test_f11_maps(self):
        for heatmap in (
            np.zeros((4, 4, 4), np.float32),
            np.zeros(16, np.float32),
            np.zeros((0, 8), np.float32),
            np.zeros((4, 4), complex),
            np.zeros((4, 4), "U8"),
            [[1.0]],
            None,
        ):
            changed = dataclasses.replace(self.found, heatmap=heatmap)
            for draw in self.drawings(changed):
                self.assertIn("float32 and shape (height, width)", self.assert_usage(draw))

    def test_f11_strides(self):
        """Views, other orders and kinds of numbers are drawn as what they hold."""
        photo = self.found.photo
        wide = np.repeat(np.repeat(photo, 2, axis=1), 2, axis=0)
        heatmap = self.found.heatmap
        for changes in (
            {"photo": wide[::2, ::2]},
            {"photo": np.asfortranarray(photo)},
            {"photo": np.ascontiguousarray(photo[::-1])[::-1]},
            {"heatmap": np.asfortranarray(heatmap)},
            {"heatmap": heatmap.astype(np.float64)},
            {"heatmap": np.repeat(heatmap, 3, axis=1)[:, ::3]},
            {"heatmap": heatmap.astype(">f4")},
        ):
            found = dataclasses.replace(self.found, **changes)
            self.assertEqual(found.encode(), self.found.encode())

    def test_f11_geometries(self):
        for changes in (
            {"image_width": 2**40},
            {"input_height": -1},
            {"left": "a"},
            {"width": float("nan")},
            {"top": HUGE},
        ):
            geometry = dataclasses.replace(self.found.geometry, **changes)
            self.assert_usage(dataclasses.replace(self.found, geometry=geometry).encode)

    def test_f11_buffers_follow_the_library(self):
        """The number of logits is not for the caller to say."""
        with self.assertRaises(AttributeError):
            self.model.info = dataclasses.replace(self.model.info, classes=1)

    def test_f11_images(self):
        for image in ([[1], [1, 2]], np.zeros((3, 0, 4), np.float32), np.zeros((0, 4, 3), np.uint8)):
            with self.assertRaises(errors.VitlrpError):
                self.model.explain(image)
        self.assert_usage(vitlrp.Evaluation.merge, [self.model])
        self.assert_usage(vitlrp.Evaluation.merge, 3)


class Numbers(Case):
    def test_n04_targets(self):
        said = self.assert_usage(self.model.explain, support.KOALA, "top:" + MANY)
        self.assertIn("from 1 to 200", said)
        self.assertEqual(len(self.model.explain(support.KOALA, "top:" + "0" * 5000 + "2")), 2)
        for target in (HUGE, -HUGE, MANY, EVIL, [HUGE], "\ud800", 2**63, 1.5, b"1", object()):
            self.assert_usage(self.model.explain, support.KOALA, target)
            self.assert_usage(self.model.explain, support.KOALA, 1, versus=target)

    def test_n04_arguments_of_explain(self):
        values = (HUGE, -HUGE, MANY, EVIL, "\ud800", [HUGE], np.zeros(3), object())
        for name in ("threads", "samples", "seed", "gamma_conv", "epsilon", "noise", "level", "method",
                     "backend", "precision", "head_fusion", "discard_ratio", "ignore_exif"):
            method = {"samples": "rise", "seed": "rise", "noise": "smoothgrad"}.get(name, "attnlrp")
            chosen = {} if name == "method" else {"method": method}
            for value in values:
                if name == "gamma_conv" and value is MANY:
                    continue  # which is inf
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self.assert_refused(
                        self.model.explain, support.KOALA, 1, **{**chosen, name: value}
                    )

    def test_n04_arguments_of_others(self):
        for value in (HUGE, MANY, "\ud800", [1, 2], object()):
            for name in ("heads", "passes", "max_bytes"):
                self.assert_usage(vitlrp.Model, **{name: value})
            for name in ("limit", "steps", "target", "replace", "seed", "threads", "shard",
                         "backend", "precision", "epsilon", "methods", "reference"):
                if (name, value) not in (("shard", [1, 2]),):
                    self.assert_refused(self.model.evaluate, support.DATA, **{name: value})
            for name in ("opacity", "scale", "style", "cmap", "upsample"):
                self.assert_usage(self.found.encode, **{name: value})
            self.assert_usage(self.model.preprocessing.for_input, value)
            for name in ("resize_to", "crop_width", "mean", "interpolation", "channels"):
                preprocessing = dataclasses.replace(self.model.preprocessing, **{name: value})
                self.assert_usage(
                    self.model.preprocess, support.KOALA, preprocessing=preprocessing
                )

    def test_n04_settings(self):
        with support.scratch() as folder:
            path = os.path.join(folder, "s.json")
            for text in ("1" + "0" * 400, MANY, "[" * 100000):
                with open(path, "w", encoding="utf-8") as file:
                    file.write('{"format": "vitlrp settings 1", "gamma_conv": %s}' % text)
                with self.assertRaises(errors.VitlrpError):
                    vitlrp.read_settings(path)


class Messages(Case):
    def test_f05_exceptions(self):
        """Names in the messages of exceptions, and what objects say of themselves."""
        with support.scratch() as folder:
            path = os.path.join(folder, EVIL + ".npy")
            np.save(path, np.zeros(3, np.float32))
            self.assert_usage(self.model.explain, path)
            with open(path, "wb") as file:
                file.write(b"\x93NUMPY\x01\x00\x10\x00{'\x1b[2J\xe2\x80\xae': 1}")
            for function in (self.model.explain, vitlrp.read_settings, vitlrp.Evaluation.read,
                             vitlrp.Model):
                with self.assertRaises(errors.VitlrpError) as caught:
                    function(path)
                self.assertTrue(str(caught.exception).isprintable(), ascii(str(caught.exception)))
            self.assert_usage(self.found.save, path + ".gif")

    def test_f05_errors_stay_what_they_are(self):
        for kind in errors.BY_STATUS:
            error = pickle.loads(pickle.dumps(kind("a\x1bb")))
            self.assertEqual((type(error), str(error)), (kind, "a\\x1bb"))


if __name__ == "__main__":
    unittest.main()
