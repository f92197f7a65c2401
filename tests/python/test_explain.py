"""Model.explain: what it takes for an image and for a class, and what it returns."""

import os
import pickle
import unittest
import warnings

import numpy as np

import support
import vitlrp
from vitlrp import errors


class Explain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = support.small()

    @classmethod
    def tearDownClass(cls):
        cls.model.close()


class Images(Explain):
    def setUp(self):
        self.wanted = self.model.explain(support.KOALA)

    def same(self, image, **options):
        found = self.model.explain(image, **options)
        self.assertEqual(found.heatmap.tobytes(), self.wanted.heatmap.tobytes())
        return found

    def test_path_bytes_and_pixels(self):
        class Path:
            def __fspath__(self):
                return support.KOALA

        photo = self.wanted.photo
        self.assertEqual((photo.dtype, photo.ndim, photo.shape[2]), (np.uint8, 3, 3))
        self.assertFalse(photo.flags.writeable)
        self.same(Path())
        self.same(support.read(support.KOALA))
        self.same(photo)
        self.same(np.asfortranarray(photo))
        self.same(np.repeat(photo, 2, axis=1)[:, ::2])

    def test_pil_duck(self):
        photo = self.wanted.photo

        class Picture:
            def convert(self, mode):
                self.mode = mode
                return photo

        picture = Picture()
        self.same(picture)
        self.assertEqual(picture.mode, "RGB")

    def test_pil(self):
        try:
            from PIL import Image
        except ImportError as error:
            self.skipTest(f"{error} (Debian: python3-pil)")
        self.same(Image.fromarray(self.wanted.photo))
        grey = Image.fromarray(self.wanted.photo).convert("L")
        self.assertEqual(self.model.explain(grey).photo.shape, self.wanted.photo.shape)

    def test_model_input(self):
        values = self.model.preprocess(support.KOALA)
        self.assertEqual((values.dtype, values.shape), (np.float32, (3, 64, 64)))
        found = self.same(values)
        self.assertEqual(found.photo.shape, (64, 64, 3))
        self.assertEqual(found.geometry, vitlrp.Geometry(64, 64, 64, 64, 0.0, 0.0, 64.0, 64.0))
        self.same(values.astype(np.float64))
        self.same(np.asfortranarray(values))
        self.same(values.astype(">f4"))
        with support.scratch() as folder:
            path = os.path.join(folder, "input.png")  # told by content
            with open(path, "wb") as file:
                np.save(file, values)
            self.same(path)

    def test_input_of_another_size(self):
        found = self.model.explain(np.zeros((3, 96, 128), np.float32), level="pixel")
        self.assertEqual(found.heatmap.shape, (96, 128))
        self.assertEqual(found.pixels.shape, (3, 96, 128))

    def test_geometry(self):
        geometry, (height, width, _) = self.wanted.geometry, self.wanted.photo.shape
        self.assertEqual((geometry.image_width, geometry.image_height), (width, height))
        self.assertEqual((geometry.input_width, geometry.input_height), (64, 64))
        self.assertAlmostEqual(geometry.width, geometry.height, delta=3.0)

    def test_refused(self):
        model = self.model
        nan = np.full((3, 64, 64), np.nan, np.float32)
        cases = [
            ("nowhere.jpg", errors.IoError, "nowhere.jpg: cannot open"),
            (support.DATA + "/LICENSES.md", errors.FormatError, "LICENSES.md: not a JPEG"),
            ("", errors.UsageError, "must be a path"),
            ("a\0b", errors.UsageError, "must be a path"),
            (b"", errors.FormatError, "empty"),
            (b"GIF89a" + bytes(20), errors.UnsupportedError, "GIF"),
            (None, errors.UsageError, "this one is object"),
            (np.zeros((64, 64), np.uint8), errors.UsageError, r"shape \(64, 64\)"),
            (np.zeros((3, 64, 64), np.uint8), errors.UsageError, "uint8"),
            (np.zeros((64, 64, 3)), errors.UsageError, "float64"),
            (np.zeros((1, 3, 64, 64), np.float32), errors.UsageError, "this one"),
            (np.zeros((0, 0, 3), np.uint8), errors.UsageError, "0 x 0"),
            (np.zeros((1, 20000, 3), np.uint8), errors.LimitError, "20000"),
            (np.zeros((3, 60, 64), np.float32), errors.MismatchError, "multiple"),
            (nan, errors.NumericError, "not finite"),
        ]
        for image, kind, words in cases:
            with self.subTest(image=str(image)[:40]), self.assertRaisesRegex(kind, words):
                model.explain(image)

    def test_refused_npy(self):
        with support.scratch() as folder:
            path = os.path.join(folder, "x.npy")
            np.save(path, np.zeros((3, 64, 64)))
            with self.assertRaisesRegex(errors.UsageError, "x.npy: .*float64"):
                self.model.explain(path)
            with open(path, "rb+") as file:
                file.truncate(200)
            with self.assertRaisesRegex(errors.FormatError, "x.npy"):
                self.model.explain(path)
            np.save(path, np.array([{}], dtype=object), allow_pickle=True)
            with self.assertRaisesRegex(errors.FormatError, "allow_pickle"):
                self.model.explain(path)

    def test_exif_orientation(self):
        jpeg = support.read(support.KOALA)
        exif = b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
        size = (len(exif) + 2).to_bytes(2, "big")
        turned = jpeg[:2] + b"\xff\xe1" + size + exif + jpeg[2:]
        height, width, _ = self.wanted.photo.shape
        self.assertEqual(self.model.explain(turned).photo.shape, (width, height, 3))
        self.same(turned, ignore_exif=True)

    def test_i07_missing_scans_are_a_warning(self):
        path = os.path.join(support.SOURCE, "tests", "golden", "pictures", "missing-scans.jpg")
        for explain in (self.model.explain, self.model.preprocess):
            with self.assertWarnsRegex(UserWarning, "missing-scans.jpg: scans of this JPEG are missing") as told:
                explain(path)
            self.assertEqual(told.filename, __file__)
        with self.assertWarnsRegex(UserWarning, "^scans of this JPEG are missing"):
            self.model.explain(support.read(path))


class Classes(Explain):
    def test_the_most_likely_one(self):
        found = self.model.explain(support.KOALA)
        best = found.top[0]
        self.assertEqual(len(found.top), 5)
        self.assertEqual(found.target.output, int(np.argmax(found.logits)))
        self.assertEqual((best.index, best.wnid), (found.target.index, found.target.wnid))
        self.assertEqual(best.logit, float(found.logits.max()))
        self.assertEqual(found.explained, found.logit)
        self.assertAlmostEqual(found.probability, best.probability)
        self.assertTrue(all(a.logit >= b.logit for a, b in zip(found.top, found.top[1:])))
        softmax = np.exp(found.logits.astype(np.float64))
        self.assertAlmostEqual(best.probability, softmax.max() / softmax.sum(), places=12)

    def test_names(self):
        wanted = self.model.explain(support.KOALA, 105)
        for name in ("105", "koala", "KOALA", "n01882714", np.int64(105), wanted.target):
            found = self.model.explain(support.KOALA, name)
            self.assertEqual(found.target, wanted.target)
            self.assertEqual(found.heatmap.tobytes(), wanted.heatmap.tobytes())
        self.assertEqual(wanted.target.label, "koala")

    def test_several_after_one_forward_pass(self):
        one_by_one = [self.model.explain(support.KOALA, c, level="pixel") for c in (105, 281)]
        several = self.model.explain(support.KOALA, [105, "tabby"], level="pixel")
        for found, wanted in zip(several, one_by_one):
            self.assertEqual(found.target, wanted.target)
            self.assertEqual(found.heatmap.tobytes(), wanted.heatmap.tobytes())
            self.assertEqual(found.ledger, wanted.ledger)
        self.assertEqual(len(several), 2)
        self.assertEqual(len(self.model.explain(support.KOALA, ["koala"])), 1)

    def test_top(self):
        found = self.model.explain(support.KOALA, "top:7")
        self.assertEqual(len(found), 7)
        self.assertEqual(len(found[0].top), 7)
        self.assertEqual([f.target.output for f in found], [t.output for t in found[0].top])
        self.assertIsInstance(self.model.explain(support.KOALA, "top:1"), list)
        self.assertEqual(len(self.model.explain(support.KOALA, found[0].top[1:3])), 2)

    def test_contrast(self):
        koala, tabby = self.model.explain(support.KOALA, ["koala", "tabby"], method="attnlrp-eps")
        found = self.model.explain(support.KOALA, "koala", versus="tabby", method="attnlrp-eps")
        self.assertAlmostEqual(found.explained, koala.logit - tabby.logit, places=5)
        error = support.relative_error(found.heatmap, koala.heatmap - tabby.heatmap)
        self.assertLess(error, support.EXACT)
        self.assertEqual(found.versus, tabby.target)
        self.assertIn("versus tabby (281)", repr(found))
        left_out = self.model.explain(support.KOALA, "top:3", versus="koala")
        self.assertEqual(len(left_out), 2)

    def test_refused(self):
        cases = [
            ({"target": 9999}, "out of range"),
            ({"target": -1}, "class"),
            ({"target": "no such animal"}, "no class"),
            ({"target": 1.5}, "1.5"),
            ({"target": []}, "empty"),
            ({"target": "top:0"}, "from 1 to 200"),
            ({"target": "top:201"}, "from 1 to 200"),
            ({"target": "top:x"}, "top:3"),
            ({"target": "top:-1"}, "top:3"),
            ({"target": "koala", "versus": 105}, "same class"),
            ({"versus": "koala"}, "same class"),
            ({"level": "layer"}, "level"),
            ({"method": "lime"}, "rollout"),
            ({"method": "rollout", "level": "pixel"}, "patches only"),
            ({"method": "rollout", "gamma_conv": 1}, "not a parameter"),
            ({"gama_conv": 1}, "no parameter 'gama_conv'"),
            ({"gamma_conv": -1}, "gamma_conv"),
            ({"gamma_conv": float("nan")}, "gamma_conv"),
            ({"gamma_conv": 1e39}, "gamma_conv"),
            ({"gamma_conv": "much"}, "gamma_conv"),
            ({"epsilon": float("inf")}, "epsilon"),
            ({"method": "rise", "samples": 0}, "samples"),
            ({"method": "rise", "samples": 2.5}, "samples"),
            ({"method": "rise", "seed": -1}, "seed"),
            ({"method": "rollout", "discard_ratio": 1}, "discard_ratio"),
            ({"method": "rollout", "head_fusion": "median"}, "head_fusion"),
            ({"method": "smoothgrad", "noise": -1}, "noise"),
            ({"threads": -1}, "threads"),
            ({"threads": 2**40}, "threads"),
            ({"backend": 3}, "backend"),
            ({"precision": "fp16"}, "bf16"),
            ({"preprocessing": "short:64"}, "preprocessing"),
        ]
        for arguments, words in cases:
            with self.subTest(**arguments):
                with self.assertRaisesRegex(errors.UsageError, words) as caught:
                    self.model.explain(support.KOALA, **arguments)
                self.assertIsInstance(caught.exception, ValueError)
        with self.assertRaisesRegex(errors.UnsupportedError, "mkl"):
            self.model.explain(support.KOALA, backend="mkl")

    def test_a_map_that_ignores_the_class_warns(self):
        with self.assertWarnsRegex(UserWarning, "same for every class"):
            self.model.explain(support.KOALA, 281, method="rollout")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.model.explain(support.KOALA, method="rollout")


class Results(Explain):
    def setUp(self):
        self.found = self.model.explain(support.GOLDFISH)

    def test_plain_data(self):
        again = pickle.loads(pickle.dumps(self.found))
        self.assertEqual(again.heatmap.tobytes(), self.found.heatmap.tobytes())
        self.assertEqual(again.encode(), self.found.encode())
        self.assertEqual(again.target, self.found.target)

    def test_several_share_nothing_that_can_be_changed(self):
        first, second = self.model.explain(support.GOLDFISH, "top:2")
        first.logits[:] = 0
        self.assertNotEqual(float(second.logits.max()), 0.0)

    def test_parameters(self):
        self.assertEqual(
            self.found.parameters,
            {
                "gamma_conv": 0.25, "gamma_qkv": 0.0, "gamma_proj": 0.0, "gamma_fc1": 0.05,
                "gamma_fc2": 0.05, "precision": "fp32", "gamma_head": 0.05, "epsilon": 0.0,
            },
        )  # fmt: skip
        again = self.model.explain(support.GOLDFISH, **self.found.parameters)
        self.assertEqual(again.heatmap.tobytes(), self.found.heatmap.tobytes())
        found = self.model.explain(support.GOLDFISH, method="rollout", head_fusion="max")
        self.assertEqual(found.parameters["head_fusion"], "max")
        found = self.model.explain(support.GOLDFISH, method="rise", samples=5, seed=3)
        self.assertEqual((found.parameters["samples"], found.parameters["seed"]), (5, 3))

    def test_picture(self):
        picture = self.found.picture()
        self.assertEqual((picture.dtype, picture.shape), (np.uint8, self.found.photo.shape))
        self.assertNotEqual(picture.tobytes(), self.found.photo.tobytes())
        clear = self.found.picture(opacity=0.0, underlay="colour").astype(int)
        (left, top), span = (int(self.found.geometry.left), 0), self.found.geometry
        seen = np.s_[top : int(span.height), left + 1 : left + int(span.width) - 1]
        self.assertLessEqual(np.abs(clear[seen] - self.found.photo[seen]).max(), 1)
        panel = self.found.picture("panel", "inferno")
        self.assertGreater(panel.shape[1], 2 * picture.shape[1])
        self.assertTrue(self.found._repr_png_().startswith(b"\x89PNG"))
        self.assertTrue(self.found.encode("jpeg").startswith(b"\xff\xd8"))

    def test_picture_larger_than_images_may_be(self):
        wide = np.zeros((8, 16000, 3), np.uint8)
        found = self.model.explain(wide, preprocessing=self.squash())
        self.assertGreaterEqual(found.picture("panel").shape[1], 1)

    def squash(self):
        import dataclasses

        own = self.model.preprocessing
        return dataclasses.replace(own, resize="squash", crop_height=0, crop_width=0)

    def test_save(self):
        with support.scratch() as folder:
            for name in ("a.png", "a.JPG", "a.jpeg", "a.npy"):
                self.found.save(os.path.join(folder, name))
            self.assertEqual(sorted(os.listdir(folder)), ["a.JPG", "a.jpeg", "a.npy", "a.png"])
            saved = np.load(os.path.join(folder, "a.npy"))
            self.assertEqual(saved.tobytes(), self.found.heatmap.tobytes())
            self.assertEqual(saved.dtype, np.float32)

    def test_f23_save_keeps_the_rights_of_a_file(self):
        with support.scratch() as folder:
            path = os.path.join(folder, "a.npy")
            for mode in (0o600, 0o640, 0o666):
                with open(path, "wb"):
                    os.chmod(path, mode)
                self.found.save(path)
                self.assertEqual(os.stat(path).st_mode & 0o7777, mode)

    def test_save_keeps_links_and_devices(self):
        with support.scratch() as folder:
            real, link = os.path.join(folder, "real.png"), os.path.join(folder, "link.png")
            os.symlink("real.png", link)
            self.found.save(link)
            self.assertTrue(os.path.islink(link))
            self.assertTrue(support.read(real).startswith(b"\x89PNG"))
            device = os.path.join(folder, "null.png")
            os.symlink("/dev/null", device)
            self.found.save(device)
            self.assertFalse(os.path.isfile("/dev/null"))
            full = os.path.join(folder, "full.png")
            os.symlink("/dev/full", full)
            with self.assertRaises(OSError):
                self.found.save(full)

    def test_save_refused(self):
        with support.scratch() as folder:
            for name, words in (("x.gif", "must end in"), ("x", "must end in"), (".png", "end in")):
                with self.assertRaisesRegex(errors.UsageError, words):
                    self.found.save(os.path.join(folder, name))
            missing = os.path.join(folder, "missing", "x.png")
            with self.assertRaises(FileNotFoundError) as caught:
                self.found.save(missing)
            self.assertEqual(caught.exception.filename, missing)
            os.mkdir(os.path.join(folder, "folder.png"))
            with self.assertRaises(IsADirectoryError):
                self.found.save(os.path.join(folder, "folder.png"))
            self.assertEqual(os.listdir(folder), ["folder.png"])

    def test_looks_refused(self):
        for look, words in (
            ({"style": "poster"}, "panel"),
            ({"cmap": "rainbow"}, "viridis"),
            ({"upsample": "cubic"}, "bicubic"),
            ({"opacity": 1.5}, "opacity"),
            ({"opacity": -0.5}, "opacity"),
            ({"scale": 0}, "scale"),
            ({"scale": float("inf")}, "scale"),
        ):
            with self.subTest(**look), self.assertRaisesRegex(errors.UsageError, words):
                self.found.picture(**look)
        with self.assertRaisesRegex(errors.UsageError, "format"):
            self.found.encode("gif")

    def test_labels_that_a_caption_cannot_show(self):
        with support.scratch() as folder:
            path = os.path.join(folder, "labels.txt")
            with open(path, "w", encoding="utf-8") as file:
                file.write("".join(f"n\x1b{i} {'ä' * 60 * (i % 2)}\n" for i in range(10)))
            weights = os.path.join(support.PARITY, "timm.safetensors")
            with vitlrp.Model(weights, heads=4, labels=path) as model:
                image = support.golden("input").astype(np.float32)
                short, long = model.explain(image, [2, 3])
            self.assertEqual(short.target.label.strip(), "n\\x1B2")
            self.assertRegex(long.caption, r"^n\\x1B3 ä+\.\.\. \(3\)")
            self.assertTrue(long.encode(style="panel").startswith(b"\x89PNG"))
            values, drawn = (os.path.join(folder, name) for name in ("input.npy", "panel.png"))
            np.save(values, image)
            model_options = ["--model", weights, "--heads", "4", "--labels", path]
            support.command(
                values, *model_options, "-q", "-c", "3", "--style", "panel", "-o", drawn
            )
            self.assertEqual(support.read(drawn), long.encode(style="panel"))


class Methods(unittest.TestCase):
    def test_table(self):
        table = vitlrp.methods()
        self.assertEqual(next(iter(table)), "attnlrp")
        self.assertGreaterEqual(len(table), 19)
        self.assertTrue(table["attnlrp"].has_ledger and table["attnlrp"].has_pixels)
        self.assertTrue(table["rollout"].ignores_class)
        self.assertEqual(table["rollout"].parameters, ("head_fusion", "discard_ratio"))
        self.assertEqual(table["rise"].parameters, ("samples", "seed"))
        known = set(vitlrp.Parameters.__annotations__)
        for name, method in table.items():
            self.assertEqual(method.name, name)
            self.assertGreater(len(method.summary), 10)
            self.assertLessEqual(set(method.parameters), known)

    def test_every_method_explains(self):
        with support.parity_model() as model:
            image = support.golden("input").astype(np.float32)
            for name, method in vitlrp.methods().items():
                found = model.explain(image, method=name)
                self.assertEqual(found.heatmap.shape, (4, 4), name)
                self.assertEqual(found.ledger is not None, method.has_ledger, name)
                self.assertTrue(np.isfinite(found.heatmap).all(), name)
                if method.has_pixels:
                    self.assertEqual(
                        model.explain(image, method=name, level="pixel").heatmap.shape, (32, 32)
                    )

    def test_settings(self):
        with support.scratch() as folder:
            path = os.path.join(folder, "tuned.json")

            def write(text):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)

            write('{"format": "vitlrp settings 1", "gamma_conv": "inf", "epsilon": 0, "x": 1}')
            settings = vitlrp.read_settings(path)
            self.assertEqual(settings, {"gamma_conv": float("inf"), "epsilon": 0.0})
            with support.parity_model() as model:
                found = model.explain(support.golden("input"), **settings)
            self.assertEqual(found.parameters["gamma_conv"], float("inf"))
            for text, kind in (
                ("{", errors.FormatError),
                ("[]", errors.FormatError),
                ('{"gamma_conv": 1}', errors.FormatError),
                ('{"format": "vitlrp settings 1", "gamma_conv": -1}', errors.MismatchError),
                ('{"format": "vitlrp settings 1", "gamma_conv": true}', errors.MismatchError),
                ('{"format": "vitlrp settings 1", "epsilon": "inf"}', errors.MismatchError),
            ):
                write(text)
                with self.subTest(text=text), self.assertRaisesRegex(kind, "tuned.json"):
                    vitlrp.read_settings(path)
            with self.assertRaises(FileNotFoundError):
                vitlrp.read_settings(os.path.join(folder, "nowhere.json"))
