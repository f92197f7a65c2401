"""Models from memory: the bytes of a file, arrays by name, and what lies beside them as arguments; class
names as a list. No torch: test_torchvision.py has its modules."""

import gc
import io
import json
import os
import struct
import sys
import unittest

import numpy as np

import support
import vitlrp
from vitlrp import errors

TIMM = os.path.join(support.PARITY, "timm.safetensors")
HUGGINGFACE = os.path.join(support.PARITY, "huggingface")
TYPES = {"F32": "<f4", "F16": "<f2"}


def tensors_of(path):
    """A safetensors file as arrays."""
    data = support.read(path)
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    found = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            array = np.frombuffer(data[begin:end], TYPES[entry["dtype"]])
            found[name] = array.reshape(entry["shape"])
    return found


def weights_in(folder):
    (name,) = (name for name in os.listdir(folder) if name.endswith(".safetensors"))
    return os.path.join(folder, name)


def object_in(folder, name):
    return json.loads(support.read(os.path.join(folder, name)))


class Memory(unittest.TestCase):
    def logits(self, model):
        with model:
            return model.explain(support.golden("input"), method="random").logits.tobytes()

    def setUp(self):
        self.wanted = self.logits(support.parity_model())

    def test_bytes(self):
        data = support.read(TIMM)
        with open(TIMM, "rb") as file:
            for source in (data, bytearray(data), memoryview(data), io.BytesIO(data), file):
                self.assertEqual(self.logits(vitlrp.Model(source, 4)), self.wanted)
        with vitlrp.Model(data, 4) as model, support.parity_model() as of_file:
            self.assertEqual(model.sha256(), of_file.sha256())
        for wrong in (b"", b"no weights at all, only words", data[:5000]):
            with self.assertRaisesRegex(errors.FormatError, "^weights in memory: "):
                vitlrp.Model(wrong)
        with self.assertRaisesRegex(errors.UsageError, "binary"):
            vitlrp.Model(io.StringIO("text"))

    def test_what_lies_beside(self):
        """As in the folder: Hugging Face's configuration says the heads and the class names."""
        config = object_in(HUGGINGFACE, "config.json")
        data = support.read(weights_in(HUGGINGFACE))
        with vitlrp.Model(HUGGINGFACE) as model:
            facts = model.facts
        for given in (config, json.dumps(config), json.dumps(config).encode()):
            with vitlrp.Model(data, config=given) as model:
                self.assertEqual(model.facts, facts)
        with vitlrp.Model(data, config=config, facts={"norm_eps": 1e-5}) as model:
            self.assertEqual(model.info.layer_norm_eps, 1e-5)
            files = model.configuration()["files"]
            self.assertEqual(sorted(files), ["config.json", "facts"])
        cases = (
            ({"config": "{"}, errors.FormatError, "config.json"),
            ({"config": {"hidden_act": "mish"}, "facts": {}}, errors.UnsupportedError, "hidden_act"),
            ({"config": {1, 2}}, errors.UsageError, "a set$"),
            ({"config": {"a": np.float32}}, errors.UsageError, "no JSON"),
            ({"facts": {"heads": "many"}}, errors.UsageError, '"heads" must be a whole number from 1'),
            ({"facts": {"heads": 4.5}}, errors.UsageError, '"heads" must be'),
            ({"facts": {"heads": 4, "activation": "tanh"}}, errors.UnsupportedError, "silu and relu are$"),
            ({"facts": {"pool": "max"}}, errors.UsageError, '"pool" must be one of: cls, mean'),
            ({"facts": {"nose": 1}}, errors.UsageError, 'no fact "nose"'),
            ({"facts": {"depth": 7}}, errors.MismatchError, "blocks: 7"),
        )
        for given, kind, words in cases:
            with self.subTest(**given), self.assertRaisesRegex(kind, words):
                vitlrp.Model(data, **given)
        with self.assertRaisesRegex(errors.UsageError, "from memory"):
            vitlrp.Model(HUGGINGFACE, config=config)
        with vitlrp.Model(TIMM, facts={"heads": 8}) as model:
            self.assertEqual(model.info.heads, 8)

    def test_preprocessing(self):
        own = vitlrp.Preprocessing("squash", 32, "lanczos", 0, 0, (0.1, 0.2, 0.3), (1.0, 2.0, 3.0))
        with vitlrp.Model(TIMM, 4, preprocessing=own) as model:
            self.assertEqual(model.preprocessing, own)
            self.assertEqual(model.configuration()["preprocess"]["interpolation"], "lanczos")
        data = support.read(weights_in(HUGGINGFACE))
        processor = {"image_mean": [0.1] * 3, "image_std": [0.7] * 3, "do_normalize": True}
        config = object_in(HUGGINGFACE, "config.json")
        with vitlrp.Model(data, config=config, preprocessor=processor) as model:
            self.assertEqual(model.preprocessing.mean, (0.1, 0.1, 0.1))

    def test_arrays(self):
        tensors = tensors_of(TIMM)
        with vitlrp.Model.from_tensors(tensors, heads=4) as model:
            self.assertEqual((model.info.container, model.info.name), ("memory", "tensors"))
            digest = model.sha256()
            self.assertEqual(self.logits(model), self.wanted)
        turned = {name: np.asfortranarray(array) for name, array in tensors.items()}
        wider = {name: array.astype(np.float64) for name, array in tensors.items()}
        for given in (turned, wider):
            made = vitlrp.Model.from_tensors(given, name="mine", facts={"heads": 4})
            self.assertEqual(made.info.name, "mine")
            self.assertEqual(self.logits(made), self.wanted)
        for order in "<>":  # one of them is the other byte order than the processor's
            given = {name: array.astype(array.dtype.newbyteorder(order)) for name, array in tensors.items()}
            with vitlrp.Model.from_tensors(given, heads=4) as model:
                self.assertEqual(model.sha256(), digest)
                self.assertEqual(self.logits(model), self.wanted)
        tensors["norm.bias"] = tensors["norm.bias"] + np.float32(1.0)
        with vitlrp.Model.from_tensors(tensors, heads=4) as model:
            self.assertNotEqual(model.sha256(), digest)
            self.assertEqual(model.configuration()["files"], {})

    def test_hash_of_what_is_made_of_them(self):
        """It is the base's, whatever has become of the base and of its memory."""
        tensors = {name: array.copy() for name, array in tensors_of(TIMM).items()}
        base = vitlrp.Model.from_tensors(tensors, heads=4)
        wanted, off = base.sha256(), base.edited({"0:fc1:0": 0})
        base.close()
        for array in tensors.values():
            array[...] = 7
        with off:
            self.assertEqual(off.sha256(), wanted)
        data = bytes(bytearray(support.read(TIMM)))  # nobody else's
        alone = sys.getrefcount(data)
        off = vitlrp.Model(data, 4).edited({"0:fc1:0": 0})
        gc.collect()
        self.assertGreater(sys.getrefcount(data), alone)
        with vitlrp.Model(TIMM, 4) as of_file:
            self.assertEqual(off.sha256(), of_file.sha256())
        off.close()
        del off
        self.assertEqual(sys.getrefcount(data), alone)

    def test_halves(self):
        path = os.path.join(support.PARITY, "timm_f16.safetensors")
        made = vitlrp.Model.from_tensors(tensors_of(path), heads=4)
        self.assertEqual(made.info.stored_as, "F16")
        self.assertEqual(self.logits(made), self.logits(vitlrp.Model(path, 4)))

    def test_arrays_refused(self):
        tensors = tensors_of(TIMM)
        cases = (
            ({}, errors.UsageError, "must be a dictionary"),
            ([tensors], errors.UsageError, "not a list$"),
            ({**tensors, "head.bias": np.zeros(10, complex)}, errors.UsageError, "'head.bias'.*complex128"),
            ({**tensors, "head.bias": np.zeros(11, np.float32)}, errors.MismatchError, "head.bias"),
            ({**tensors, "head.bias": np.full(10, np.nan, np.float32)}, errors.NumericError, "head.bias"),
            ({**tensors, "neck.bias": np.zeros(1, np.float32)}, errors.VitlrpError, "neck.bias"),
            ({**tensors, 3: np.zeros(1, np.float32)}, errors.UsageError, "name of a tensor"),
            ({"a\nb": np.zeros(1, np.float32)}, errors.VitlrpError, "^tensors: "),
            ({"head.bias": [[1.0], [2.0, 3.0]]}, errors.UsageError, "head.bias': a list is no array"),
        )
        for given, kind, words in cases:
            with self.subTest(words=words), self.assertRaisesRegex(kind, words):
                vitlrp.Model.from_tensors(given, heads=4)
        with self.assertRaisesRegex(errors.UsageError, "config is no text"):
            vitlrp.Model.from_tensors(tensors, heads=4, config="\ud800")
        with self.assertRaisesRegex(errors.LimitError, "limit of 100 bytes"):
            vitlrp.Model.from_tensors(tensors, heads=4, max_bytes=100)
        with self.assertRaisesRegex(TypeError, "'hedas'; did you mean heads"):
            vitlrp.Model.from_tensors(tensors, hedas=4)


class Labels(unittest.TestCase):
    def test_lists(self):
        names = [f"thing {i}" for i in range(10)]
        by_output = dict(enumerate(names))
        as_texts = {str(i): name for i, name in enumerate(names)}
        for given in (names, tuple(names), by_output, as_texts, np.array(names)):
            with vitlrp.Model(TIMM, 4, labels=given) as model:
                self.assertEqual([found.label for found in model.classes], names)
                self.assertEqual(model.find_class("thing 7").output, 7)
                self.assertIn("labels", model.configuration()["files"])

    def test_refused(self):
        cases = (
            (["one"], errors.MismatchError, "labels: lists 1 classes, the model has 10"),
            ([], errors.UsageError, "empty list"),
            ({0: "a", 2: "b"}, errors.UsageError, "1.? is missing"),
            (["a\nb"] * 10, errors.UsageError, "label 0 must be"),
            ([""] * 10, errors.UsageError, "label 0 must be"),
            ([7] * 10, errors.UsageError, "label 0 must be"),
            (b"bytes", errors.UsageError, "5 bytes"),
            (7, errors.UsageError, "an int"),
        )
        for given, kind, words in cases:
            with self.subTest(words=words), self.assertRaisesRegex(kind, words):
                vitlrp.Model(TIMM, 4, labels=given)


class Messages(unittest.TestCase):
    def test_no_message_prints_data(self):
        """Of a dictionary of weights, an array or bytes a message says what they are."""
        data = {f"blocks.{i}.weight": np.arange(1000) for i in range(100)}
        with self.assertRaisesRegex(errors.UsageError, "from_torch") as caught:
            vitlrp.Model(data)
        self.assertLess(len(str(caught.exception)), 150)
        model = support.small()
        self.addCleanup(model.close)
        for wrong in (data, np.arange(1000), list(range(1000)), b"x" * 1000, "x" * 1000, object()):
            for use in (
                lambda: model.find_class(wrong),
                lambda: model.explain(support.KOALA, threads=wrong),
                lambda: model.explain(support.KOALA, method=wrong),
                lambda: model.explain(support.KOALA, preprocessing=wrong),
            ):
                with self.assertRaises((errors.VitlrpError, TypeError)) as caught:
                    use()
                self.assertLess(len(str(caught.exception)), 400)
                self.assertNotIn("2, 3, 4", str(caught.exception))

    def test_wrong_kinds(self):
        """An argument that is something else altogether is named, whatever it is."""
        model, new = support.small(), os.path.join(support.DATA, "LICENSES.md", "new")
        self.addCleanup(model.close)
        clip = vitlrp.Model(os.path.join(support.SOURCE, "tests", "golden", "words", "clip-quickgelu", "huggingface"))
        self.addCleanup(clip.close)
        found = model.explain(support.KOALA)
        for wrong in (3, 1.5, object(), np.zeros(2)):
            for name, use in (
                ("factors", lambda: model.edited(wrong)),
                ("constants", lambda: model.edited(constants=wrong)),
                ("kinds", lambda: model.concepts(support.DATA, new, kinds=wrong)),
                ("preprocessing", lambda: model.concepts(support.DATA, new, preprocessing=wrong)),
                ("images", lambda: clip.like(wrong)),
                ("rows", lambda: clip.with_embeddings(wrong)),
                ("maps", lambda: model.evaluate(support.DATA, maps=wrong)),
                ("preprocessing", lambda: model.evaluate(support.DATA, preprocessing=wrong)),
                ("preprocessing", lambda: vitlrp.Model(preprocessing=wrong)),
                ("write", lambda: model.batch(support.DATA, new, write=wrong)),
                ("look", lambda: model.batch(support.DATA, new, look=wrong)),
                ("images", lambda: model.batch(wrong, new)),
                ("path", lambda: found.save(wrong)),
                ("path", lambda: vitlrp.read_settings(wrong)),
            ):
                with self.subTest(name, wrong=str(wrong)), self.assertRaisesRegex(errors.UsageError, f"^{name} must be "):
                    use()
        with self.assertRaisesRegex(errors.UsageError, "a class is an index"):
            model.explain(support.KOALA, versus=np.zeros(2))
        for wrong in ("a\0b", "\ud800"):
            with self.assertRaisesRegex(errors.UsageError, "image must be a path"):
                model.attention(wrong)


if __name__ == "__main__":
    unittest.main()
