"""Texts as classes and what their words hold, from Python: the same numbers as the libraries that wrote the
models (golden/words), maps of words that add up, and what is refused."""

import json
import os
import unittest

import numpy as np

import support
import vitlrp
from vitlrp import errors

WORDS = os.path.join(support.SOURCE, "tests", "golden", "words")
CLIP, SIGLIP = os.path.join(WORDS, "clip-quickgelu"), os.path.join(WORDS, "siglip-tiny")


def expected(folder):
    with open(os.path.join(folder, "expected.json"), encoding="utf-8") as file:
        return json.load(file)


class Case(unittest.TestCase):
    def open(self, folder, texts=None, **options):
        encoder = vitlrp.Model(os.path.join(folder, "huggingface"))
        self.addCleanup(encoder.close)
        model = encoder.with_texts(texts or expected(folder)["prompts"], **options)
        self.addCleanup(model.close)
        return model

    def image(self, folder):
        return np.load(os.path.join(folder, "input.npy"))


class Texts(Case):
    def test_logits(self):
        for folder in (CLIP, SIGLIP):
            wanted = expected(folder)
            model = self.open(folder)
            self.assertEqual([found.label for found in model.classes], wanted["prompts"])
            found = model.explain(self.image(folder))
            np.testing.assert_allclose(found.logits, wanted["logits"], rtol=1e-4)
            self.assertEqual(found.target.output, int(np.argmax(wanted["logits"])))
            self.assertEqual(model.info.kind, "prompts")

    def test_names(self):
        """Prompts of one name are one class."""
        model = self.open(CLIP, ["a red bus", "a street", "a bus"], names=["bus", "street", "bus"])
        self.assertEqual([found.label for found in model.classes], ["bus", "street"])

    def test_templates(self):
        """A class is the mean over them, as over prompts of one name."""
        image = self.image(CLIP)
        templates = ["a photo of a {}.", "{} {}"]
        found = self.open(CLIP, ["dog", "cat"], templates=templates)
        texts = ["a photo of a dog.", "dog dog", "a photo of a cat.", "cat cat"]
        wanted = self.open(CLIP, texts, names=["dog", "dog", "cat", "cat"])
        self.assertEqual([one.label for one in found.classes], ["dog", "cat"])
        np.testing.assert_allclose(found.explain(image).logits, wanted.explain(image).logits, rtol=1e-5)
        seven = self.open(CLIP, ["dog"], templates="imagenet7")
        self.assertNotEqual(seven.explain(image).logits[0], found.explain(image).logits[0])
        with self.assertRaisesRegex(errors.UsageError, "mean of several texts"):
            seven.words(image)

    def test_facts(self):
        """What is known of the text tower, and what the caller states of it."""
        model = self.open(CLIP, ["a bus"])
        facts = {fact.name: fact for fact in model.text_facts}
        self.assertEqual((facts["heads"].source, facts["causal"].value), ("file", "yes"))
        self.assertNotIn("pool", facts)
        other = self.open(CLIP, ["a bus"], norm_eps=0.01)
        self.assertEqual({fact.name: fact.source for fact in other.text_facts}["norm_eps"], "user")
        image = self.image(CLIP)
        self.assertNotEqual(other.explain(image).logits[0], model.explain(image).logits[0])
        self.assertNotEqual(other.configuration()["texts"], model.configuration()["texts"])
        self.assertEqual(other.with_words(0).text_facts, other.text_facts)
        self.assertEqual(support.small().text_facts, ())

    def test_guesses(self):
        """What nothing states of a text tower is said."""
        folder = os.path.join(SIGLIP, "open_clip")
        with open(os.path.join(folder, "open_clip_model.safetensors"), "rb") as file:
            data = file.read()
        with support.scratch() as place:
            path = os.path.join(place, "bare.safetensors")
            with open(path, "wb") as file:
                file.write(data)
            bare = vitlrp.Model(path, heads=3, activation="gelu_tanh")
            self.addCleanup(bare.close)
            with self.assertLogs("vitlrp", "WARNING") as said:
                bare.with_texts(["a"], heads=2, activation="gelu_tanh", tokenizer=os.path.join(folder, "tokenizer.json"))
            self.assertIn("norm_eps of the text tower: 1e-06 is a guess", "".join(said.output))

    def test_refused(self):
        model = vitlrp.Model(os.path.join(CLIP, "huggingface"))
        self.addCleanup(model.close)
        for texts, options in (("a bus", {}), ([], {}), (3, {}), ([3], {}), ([b"a"], {}), (["a\0b"], {}),
                               (["a"], {"names": ["b", "c"]}), (["a"], {"templates": "none"}),
                               (["a"], {"templates": ["b"]}), (["a"], {"templates": 3}), (["a"], {"names": "b"}),
                               (["a"], {"cleaning": "soap"}), (["a"], {"heads": 0}), (["a"], {"norm_eps": 1}), (["a"], {"threads": -1}),
                               (["a"], {"activation": "tanh"}), (["a"], {"tokenizer": 3}),
                               (["a"], {"keep_tower": "yes"})):
            with self.assertRaises(errors.UsageError, msg=(texts, options)) as caught:
                model.with_texts(texts, **options)
            self.assertTrue(str(caught.exception).isprintable())
        with self.assertRaisesRegex(errors.UsageError, "has no text tower"):
            support.small().with_texts(["a"])
        with self.assertRaises(errors.VitlrpError):
            model.with_texts(["a"], tokenizer="nowhere")


class Words(Case):
    def test_relevance(self):
        for folder in (CLIP, SIGLIP):
            model = self.open(folder)
            bias = model.info.logit_bias
            for prompt, wanted in expected(folder)["words"].items():
                found = model.words(self.image(folder), int(prompt))
                tokens = [token for word in found.words for token in word.tokens]
                relevance = [token.relevance for token in tokens]
                self.assertEqual([token.id for token in tokens], expected(folder)["token_ids"][int(prompt)])
                np.testing.assert_allclose(relevance, wanted["attnlrp"]["tokens"], atol=1e-4)
                values = [word.relevance for word in found.words]
                np.testing.assert_allclose(values, wanted["attnlrp"]["words"], atol=1e-4)
                absorbed = sum(entry.absorbed for entry in found.ledger)
                logit = float(model.explain(self.image(folder), int(prompt)).logits[int(prompt)])
                self.assertAlmostEqual(found.relevance_sum + absorbed, logit - bias, delta=1e-4)
                self.assertAlmostEqual(found.explained, logit - bias, delta=1e-4)
                cp = model.words(self.image(folder), int(prompt), attention="cp")
                values = [token.relevance for word in cp.words for token in word.tokens]
                np.testing.assert_allclose(values, wanted["cp-lrp"]["tokens"], atol=1e-4)
                self.assertEqual((found.attention, cp.attention), ("attnlrp", "cp"))

    def test_kept_tower(self):
        """The same words, whether the tower is opened again for them or not."""
        again, kept = (self.open(SIGLIP, ["a dog"], keep_tower=keep) for keep in (False, True))
        image = self.image(SIGLIP)
        self.assertEqual(kept.words(image, 0), again.words(image, 0))
        self.assertEqual(kept.with_words(0).classes, again.with_words(0).classes)

    def test_what_a_word_is(self):
        model = self.open(CLIP, ["Affenpinscher 日本", "a dog"])
        found = model.words(self.image(CLIP), 0)
        self.assertEqual(found.text, "affenpinscher 日本")
        self.assertEqual([word.text for word in found.words], ["[start]", "affenpinscher", "日本", "[end]"])
        self.assertEqual([word.special for word in found.words], [True, False, False, True])
        self.assertEqual(found.words[1].tokens[-1].text[-4:], "</w>")
        self.assertIn("affenpinscher ", str(found))
        likeliest = int(np.argmax(model.explain(self.image(CLIP)).logits))
        self.assertEqual(model.words(self.image(CLIP)), model.words(self.image(CLIP), likeliest))

    def test_maps(self):
        """Outputs are the words' relevance, and maps add up to the text's."""
        for folder in (CLIP, SIGLIP):
            model = self.open(folder)
            image = self.image(folder)
            words = model.with_words(1)
            self.addCleanup(words.close)
            found = model.words(image, 1)
            self.assertEqual(words.classes[-1].label, "[rest]")
            maps = words.explain(image, list(words.classes), gamma_head=0)
            np.testing.assert_allclose(
                maps[0].logits[:-1], [word.relevance for word in found.words], atol=1e-4
            )
            self.assertIsNone(maps[0].probability)
            whole = model.explain(image, 1, gamma_head=0)
            total = np.sum([one.heatmap for one in maps], axis=0, dtype=np.float64)
            self.assertLess(support.relative_error(total, whole.heatmap), 1e-5)

    def test_refused(self):
        model = self.open(CLIP, ["a", "b", "c"], names=["x", "x", "y"])
        encoder = vitlrp.Model(os.path.join(CLIP, "huggingface"))
        self.addCleanup(encoder.close)
        rows = encoder.with_embeddings(np.ones((1, encoder.info.embed_dim), np.float32))
        image = self.image(CLIP)
        for refused, message in (
            (lambda: model.words(image, "x"), "mean of several texts"),
            (lambda: model.with_words("x"), "mean of several texts"),
            (lambda: model.words(image, "z"), "z"),
            (lambda: model.words(image, "y", attention="share"), "attention must be"),
            (lambda: rows.words(image), "embeddings were given"),
            (lambda: rows.with_words(0), "embeddings were given"),
            (lambda: support.small().words(support.KOALA), "and no embedding"),
        ):
            with self.assertRaisesRegex(errors.UsageError, message):
                refused()


if __name__ == "__main__":
    unittest.main()
