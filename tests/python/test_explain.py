"""Model.explain: what it takes for an image and for a class, and what it returns."""

import dataclasses
import io
import os
import pickle
import signal
import struct
import threading
import time
import unittest
import unittest.mock
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

    def test_usual_forms(self):
        """Photographs as they are met: all of them are this one."""
        photo = self.wanted.photo
        opaque = np.dstack([photo, np.full(photo.shape[:2], 77, np.uint8)])
        for form in (
            photo.astype(np.float32) / 255,
            photo.astype(np.float64) / 255,
            opaque,
            opaque.astype(np.float32) / 255,
            np.moveaxis(photo, 2, 0),
            np.moveaxis(opaque, 2, 0),
            photo[None],
            io.BytesIO(support.read(support.KOALA)),
        ):
            self.same(form)
        grey = photo[..., 1]
        wanted = self.model.explain(np.dstack([grey] * 3)).heatmap.tobytes()
        for form in (grey, grey[..., None], grey[None], grey / 255.0):
            self.assertEqual(self.model.explain(form).heatmap.tobytes(), wanted)
        with support.scratch() as folder:
            path = os.path.join(folder, "photo.npy")
            np.save(path, photo)
            self.same(path)

    def test_usual_forms_of_inputs(self):
        values = self.model.preprocess(support.KOALA)

        class Tensor:
            """As torch's, that is trained."""

            dtype = "torch.float32"

            def __array__(self, *_, **__):
                raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

            def detach(self):
                return self

            def cpu(self):
                return values

        self.same(values[None])
        self.same(Tensor())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.same(values)
        with self.assertWarnsRegex(UserWarning, "lie from 0 to 1") as caught:
            self.model.explain(np.random.default_rng(1).random((3, 64, 64), np.float32))
        self.assertEqual(caught.filename, __file__)

    def test_input_of_another_size(self):
        values = np.zeros((3, 96, 128), np.float32)
        with self.assertRaisesRegex(errors.UsageError, "128 x 96 pixels, the model 64 x 64.*resample=True"):
            self.model.explain(values)
        larger = self.model.preprocessing.for_input(96)
        self.model.explain(values[..., :96], preprocessing=larger)
        found = self.model.explain(values, level="pixel", resample=True)
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
            (np.zeros((64, 64, 3), np.int64), errors.UsageError, r"int64 of shape \(64, 64, 3\)"),
            (np.zeros((64, 64, 3), np.uint16), errors.UsageError, "uint16"),
            (np.full((64, 64, 3), 1.5), errors.UsageError, "from 1.5 to 1.5"),
            (np.zeros((64, 64, 2), np.uint8), errors.UsageError, "this one is uint8"),
            (np.zeros((2, 3, 64, 64), np.float32), errors.UsageError, "explain_batch"),
            (np.zeros((0, 0, 3), np.uint8), errors.UsageError, r"\(0, 0, 3\)"),
            (np.zeros((1, 262145, 3), np.uint8), errors.LimitError, "262145"),
            (np.zeros((3, 60, 64), np.float32), errors.UsageError, "resample=True"),
            (np.broadcast_to(np.float32(0), (3, 1 << 20, 1 << 20)), errors.UsageError, "from 0 to 16384"),
            (io.StringIO("text"), errors.UsageError, "binary"),
            (nan, errors.NumericError, "not finite"),
        ]
        for image, kind, words in cases:
            with self.subTest(image=str(image)[:40]), self.assertRaisesRegex(kind, words):
                model.explain(image)

    def test_refused_npy(self):
        with support.scratch() as folder:
            path = os.path.join(folder, "x.npy")
            np.save(path, np.zeros((3, 64, 64), complex))
            with self.assertRaisesRegex(errors.UsageError, "x.npy: .*complex128"):
                self.model.explain(path)
            with open(path, "rb+") as file:
                file.truncate(200)
            with self.assertRaisesRegex(errors.FormatError, "x.npy"):
                self.model.explain(path)
            np.save(path, np.array([{}], dtype=object), allow_pickle=True)
            with self.assertRaisesRegex(errors.FormatError, "allow_pickle"):
                self.model.explain(path)
            shape = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000, 1000000000, 3), }"
            with open(path, "wb") as file:
                file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + shape.ljust(117) + b"\n")
            with self.assertRaisesRegex(errors.LimitError, "x.npy: "):
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
        with self.assertRaisesRegex(TypeError, "'gama_conv'; did you mean gamma_conv"):
            self.model.explain(support.KOALA, gama_conv=1)
        with self.assertRaisesRegex(errors.UnsupportedError, "mkl"):
            self.model.explain(support.KOALA, backend="mkl")

    def test_a_map_that_ignores_the_class_warns(self):
        with self.assertWarnsRegex(UserWarning, "same for every class"):
            self.model.explain(support.KOALA, 281, method="rollout")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.model.explain(support.KOALA, method="rollout")


class Batches(Explain):
    def test_same_as_one_by_one(self):
        values = self.model.preprocess(support.KOALA)
        several = np.stack([values, -values, values[::-1]])
        wanted = [self.model.explain(one).heatmap.tobytes() for one in several]
        told = []
        found = self.model.explain_batch(several, threads=2, progress=lambda *done: told.append(done))
        self.assertEqual([one.heatmap.tobytes() for one in found], wanted)
        self.assertEqual(told, [(1, 3), (2, 3), (3, 3)])
        found = self.model.explain_batch([support.KOALA, support.GOLDFISH], ["koala", "top:2"], method="gradcam")
        self.assertEqual(found[0].target.label, "koala")
        self.assertEqual(len(found[1]), 2)
        self.assertEqual(self.model.explain_batch([]), [])

    def test_refused(self):
        for wrong in (support.KOALA, np.zeros((3, 64, 64)), b"bytes"):
            with self.assertRaisesRegex(errors.UsageError, "images must be"):
                self.model.explain_batch(wrong)
        with self.assertRaisesRegex(errors.UsageError, "2 entries for 1 image"):
            self.model.explain_batch([support.KOALA], [1, 2])
        with self.assertRaisesRegex(errors.IoError, "nowhere"):
            self.model.explain_batch([support.KOALA, "nowhere.jpg"])
        with self.assertRaisesRegex(TypeError, "did you mean samples"):
            self.model.explain_batch([support.KOALA], smaples=3)


class Progress(Explain):
    """A long call tells how far it is, and ends when it is no longer wanted."""

    LONG = {"method": "rise", "samples": 200000}

    def test_told(self):
        told = []
        self.model.explain(support.KOALA, method="rise", samples=64, progress=lambda *done: told.append(done))
        self.assertEqual(told[-1], (64, 64))
        self.assertEqual(told, sorted(set(told)))

    def test_what_it_raises_ends_the_call(self):
        class Enough(Exception):
            pass

        def progress(done, total):
            raise Enough

        with self.assertRaises(Enough):
            self.model.explain(support.KOALA, progress=progress, **self.LONG)
        self.model.explain(support.KOALA, method="rise", samples=8)

    def test_interrupt_that_is_held_back(self):
        """As passes hold signals back: a waiting Ctrl-C ends the call, and is raised when it is let through."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            with self.assertRaises(errors.CancelledError):
                self.model.explain(support.KOALA, method="rise", samples=2000)
        finally:
            with self.assertRaises(KeyboardInterrupt):
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def interrupt(self, send):
        """Ctrl-C by `send` ends a call within 0.2 seconds, alone and among others; the model stays usable."""
        for work in (
            lambda: self.model.explain(support.KOALA, **self.LONG),
            lambda: self.model.explain_batch([support.KOALA] * 3, threads=2, **self.LONG),
        ):
            sent = []

            def interrupt():
                sent.append(time.monotonic())
                send()

            timer = threading.Timer(0.3, interrupt)
            timer.start()
            with self.assertRaises(KeyboardInterrupt):
                work()
            late = time.monotonic() - sent[0]
            timer.join()
            self.assertLess(late, 2.0, "a loaded machine is slow, but not so slow")
        self.assertIsNotNone(self.model.explain(support.KOALA).heatmap)

    def test_interrupt(self):
        self.interrupt(lambda: os.kill(os.getpid(), signal.SIGINT))

    def test_interrupt_in_another_thread(self):
        """As the system may choose: the handler of the signal runs there, and wakes nobody."""
        self.interrupt(lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT))


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
        self.assertTrue(self.found.encode("jpeg").startswith(b"\xff\xd8"))

    def test_photo_that_is_not_kept(self):
        found = self.model.explain(support.GOLDFISH, keep_photo=False)
        self.assertIsNone(found.photo)
        self.assertLess(len(pickle.dumps(found)), 8000)
        self.assertEqual(found.heatmap.tobytes(), self.found.heatmap.tobytes())
        for photo in (support.GOLDFISH, self.found.photo, support.read(support.GOLDFISH)):
            self.assertEqual(found.encode(photo=photo), self.found.encode())
        self.assertIn("goldfish", found._repr_html_())
        with self.assertRaisesRegex(errors.UsageError, "photo="):
            found.picture()
        with self.assertRaisesRegex(errors.UsageError, "this one is float32"):
            found.picture(photo=self.model.preprocess(support.GOLDFISH))

    def test_pixels_that_are_not_kept(self):
        """The library's rows become the input: no pixel of the photograph is copied, and the bits are the same."""
        wanted = self.model.preprocess(np.asarray(self.found.photo))
        with unittest.mock.patch("vitlrp.image.pixels_of_image", side_effect=AssertionError):
            for photo in (support.GOLDFISH, support.read(support.GOLDFISH), io.BytesIO(support.read(support.GOLDFISH))):
                self.assertEqual(self.model.preprocess(photo).tobytes(), wanted.tobytes())
            found = self.model.explain(support.GOLDFISH, keep_photo=False)
            with self.assertRaisesRegex(OSError, "nowhere.jpg"):
                self.model.preprocess("nowhere.jpg")
            with self.assertRaisesRegex(errors.FormatError, "not a JPEG"):
                self.model.preprocess(b"no picture")
        self.assertEqual(found.geometry, self.found.geometry)
        self.assertTrue(wanted.flags.writeable and self.model.preprocess(support.GOLDFISH).flags.writeable)

    def test_shared_scale(self):
        """Pictures that are compared: a value has one colour in all of them."""
        first, second = self.model.explain(support.GOLDFISH, "top:2")
        largest = max(np.abs(one.heatmap).max() for one in (first, second))
        for one in (first, second):
            self.assertEqual(one.encode(scale=[first, second]), one.encode(scale=largest))
        unsigned = self.model.explain(support.GOLDFISH, method="rollout")
        other = dataclasses.replace(unsigned, heatmap=unsigned.heatmap * 2)
        low, high = float(unsigned.heatmap.min()), float(other.heatmap.max())
        self.assertEqual(unsigned.encode(scale=[unsigned, other]), unsigned.encode(range=(low, high)))
        with self.assertRaisesRegex(errors.UsageError, "list of explanations"):
            first.encode(scale=[1.0, 2.0])
        with self.assertRaisesRegex(errors.UsageError, "heatmap must be an array"):
            first.encode(scale=[first, dataclasses.replace(second, heatmap=None)])

    def test_notebook(self):
        """A cell is small, whatever the photograph's size, and escapes names."""
        photo = np.repeat(np.repeat(self.found.photo, 6, axis=0), 6, axis=1)
        large = self.model.explain(photo)
        large = dataclasses.replace(large, target=dataclasses.replace(large.target, label="<b>&"))
        cell = large._repr_html_()
        self.assertLess(len(cell), 60000)
        self.assertIn("&lt;b&gt;&amp;", cell)
        self.assertNotIn("<b>", cell)
        small = large._smaller()
        self.assertLessEqual(max(small.photo.shape), 400)
        self.assertAlmostEqual(
            small.geometry.left / small.geometry.image_width, large.geometry.left / large.geometry.image_width, 2
        )

    def test_plot(self):
        drawn = []

        class Axes:
            def imshow(self, picture):
                drawn.append(picture)

            def set_axis_off(self):
                drawn.append("off")

            def set_title(self, title):
                drawn.append(title)

        axes = Axes()
        self.assertIs(self.found.plot(axes, style="heat"), axes)
        self.assertEqual(drawn[0].tobytes(), self.found.picture("heat").tobytes())
        self.assertIn("goldfish", drawn[2])

    def test_figures(self):
        """Labels of any letters are text; what has several panes is the command's."""
        label = "<b>&\x01" + "a long label " * 40
        odd = dataclasses.replace(self.found, target=dataclasses.replace(self.found.target, label=label))
        drawn = odd.encode("svg").decode()
        self.assertIn("&lt;b&gt;&amp;\\x01a long label", drawn)
        self.assertIn("\N{HORIZONTAL ELLIPSIS}</text>", drawn)
        even = dataclasses.replace(self.found, heatmap=np.zeros_like(self.found.heatmap))
        self.assertIn("the same value everywhere", even.encode("svg").decode())
        for format in ("svg", "pdf"):
            with self.assertRaisesRegex(errors.UsageError, "style panel has no"):
                self.found.encode(format, style="panel")
        try:
            import matplotlib
        except ImportError:
            with self.assertRaisesRegex(errors.UnsupportedError, "pip install matplotlib"):
                self.found.encode("pdf")
            return
        drawn = self.found.encode("pdf")
        self.assertTrue(drawn.startswith(b"%PDF"))
        self.assertEqual(drawn, self.found.encode("pdf"), matplotlib.__version__)

    def test_names_of_other_tools(self):
        for wrong, right in (("grad-cam", "gradcam"), ("IntegratedGradients", "integrated-gradients"),
                             ("attn_last_layer", "raw-attention"), ("attention rollout", "rollout"),
                             ("Saliency", "input-x-gradient"), ("feature_ablation", "occlusion")):
            with self.assertRaisesRegex(errors.UsageError, rf"'{wrong}' \(did you mean {right}\?\)"):
                self.model.explain(support.GOLDFISH, method=wrong)
            with self.assertRaisesRegex(errors.UsageError, rf"'{wrong}' \(did you mean {right}\?\)"):
                self.model.evaluate(support.DATA, ["attnlrp", wrong])
        with self.assertRaisesRegex(errors.UsageError, r"'lime': there are attnlrp, cp-lrp, .* and centre$"):
            self.model.explain(support.GOLDFISH, method="lime")

    def test_table(self):
        cells = self.found._cells()
        self.assertEqual({len(column) for column in cells.values()}, {self.found.heatmap.size})
        self.assertAlmostEqual(cells["right"].max(), self.found.geometry.left + self.found.geometry.width)
        try:
            import pandas
        except ImportError:
            return
        self.assertIsInstance(self.found.to_dataframe(), pandas.DataFrame)
        self.assertEqual(len(self.found.to_dataframe("ledger")), len(self.found.ledger))
        self.assertEqual(list(self.found.to_dataframe("top")["label"])[0], "goldfish")

    def test_ledger_outside_of_blocks(self):
        """None, as JSON has null."""
        self.assertIsNone(self.found.ledger[0].block)
        self.assertEqual({entry.block for entry in self.found.ledger} - {None}, set(range(self.model.info.depth)))

    def test_picture_larger_than_images_may_be(self):
        wide = np.zeros((8, 16000, 3), np.uint8)
        found = self.model.explain(wide, preprocessing=self.squash())
        self.assertGreaterEqual(found.picture("panel").shape[1], 1)

    def squash(self):
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
