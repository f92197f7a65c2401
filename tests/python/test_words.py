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

    def test_contrast(self):
        """A text to contrast with is the last class, and never the likeliest: as the command has it."""
        image = self.image(CLIP)
        model = self.open(CLIP, ["a red bus", "a street"], contrast="")
        self.assertEqual([one.label for one in model.classes], ["a red bus", "a street", "the empty prompt"])
        found = model.explain(image, "a red bus", versus="the empty prompt")
        self.assertAlmostEqual(found.explained, float(found.logits[0] - found.logits[2]), delta=1e-4)
        self.assertEqual([one.output for one in found.top].count(2), 0)
        self.assertAlmostEqual(sum(one.probability for one in found.top), 1, delta=1e-6)
        self.assertIsNone(found.versus_probability)
        self.assertIsNone(model.explain(image, 2).probability)
        self.assertEqual(len(model.explain(image, "top:2")), 2)
        with self.assertRaisesRegex(errors.UsageError, "from 1 to 2"):
            model.explain(image, "top:3")
        self.assertIn("the empty prompt", found.caption)
        edited = model.explain_edited(image, {"0:fc1:0": 1})  # which changes nothing
        self.assertEqual(edited.before.top, edited.after.top)
        alone = self.open(CLIP, ["a red bus"], contrast="a bus").explain(image)
        self.assertEqual((alone.target.output, alone.probability), (0, None))
        self.assert_command(found, image, "a red bus", "--text", "a street", "--versus", "empty")

    def assert_command(self, found, image, text, *more):
        """The same map and logits as the command's, bit for bit."""
        with support.scratch() as folder:
            path = os.path.join(folder, "map.npy")
            given = os.path.join(folder, "input.npy")
            np.save(given, image)
            what = (given, "--model", os.path.join(CLIP, "huggingface"), "--text", text, "-c", text, *more)
            support.command(*what, "--raw", path, "-o", os.path.join(folder, "o.png"), "-q")
            np.testing.assert_array_equal(np.load(path), found.heatmap)

    def test_others(self):
        """The difference to all other classes by their probability."""
        image = self.image(CLIP)
        model = self.open(CLIP, ["a red bus", "a street", "a dog"])
        found = model.explain(image, "a red bus", versus="others")
        logits = found.logits.astype(np.float64)
        shares = np.exp(logits[1:]) / np.exp(logits[1:]).sum()
        self.assertAlmostEqual(found.explained, logits[0] - (shares * logits[1:]).sum(), delta=1e-4)
        self.assertEqual(str(found.versus), "the others")
        self.assertIn("the others", found.caption)
        self.assertIsNone(found.versus_probability)
        self.assert_command(found, image, "a red bus", "--text", "a street", "--text", "a dog", "--versus", "others")
        with self.assertRaisesRegex(errors.UsageError, "no other"):
            self.open(CLIP, ["a bus"], contrast="").explain(image, versus="others")
        small = support.small().explain(support.KOALA, "goldfish", versus="others")
        self.assertEqual(small.versus, found.versus)

    def test_token_ids(self):
        """Ids of another tokenizer are the same texts."""
        for folder in (CLIP, SIGLIP):
            wanted = expected(folder)
            encoder = vitlrp.Model(os.path.join(folder, "huggingface"))
            self.addCleanup(encoder.close)
            told = []
            model = encoder.with_token_ids(
                wanted["token_ids"], wanted["prompts"], progress=lambda *done: told.append(done)
            )
            self.addCleanup(model.close)
            texts = self.open(folder)
            # Texts have the contrast in their batch too, and last bits may depend on a batch's size.
            np.testing.assert_allclose(model.text_embeddings(), texts.text_embeddings(), rtol=0, atol=5e-7)
            self.assertEqual([one.label for one in model.classes], wanted["prompts"])
            self.assertEqual(told[-1], (len(wanted["prompts"]),) * 2)
            self.assertEqual(model.text_facts, texts.text_facts)
            for ids in ([], [[]], 3, "ab", [[1.5]], [["a"]], [[-2]], [[1], 2]):
                with self.assertRaises(errors.UsageError, msg=ids):
                    encoder.with_token_ids(ids)
            with self.assertRaises(errors.UsageError):
                encoder.with_token_ids(wanted["token_ids"], ["one"])
            with self.assertRaises(errors.MismatchError):
                encoder.with_token_ids([[10**6] * len(wanted["token_ids"][0])])

    def test_cosines(self):
        """Logits are scaled cosines; embeddings are rows of with_embeddings."""
        for folder in (CLIP, SIGLIP):
            model, image = self.open(folder), self.image(folder)
            found, info = model.cosines(image), model.info
            logits = model.explain(image).logits
            np.testing.assert_allclose(found.texts * info.logit_scale + info.logit_bias, logits, atol=1e-4)
            rows = model.text_embeddings()
            np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
            embedding = model.embedding(image)
            np.testing.assert_allclose(rows @ embedding / np.linalg.norm(embedding), found.texts, atol=1e-5)
            encoder = vitlrp.Model(os.path.join(folder, "huggingface"))
            self.addCleanup(encoder.close)
            given = encoder.with_embeddings(rows)
            self.addCleanup(given.close)
            self.assertIsNone(given.cosines(image).empty)
            empty = self.open(folder, [""], names=["none"]).cosines(image)
            self.assertAlmostEqual(empty.texts[0], found.empty, delta=1e-6)
            with self.assertRaisesRegex(errors.UsageError, "no texts"):
                encoder.text_embeddings()
            with self.assertRaisesRegex(errors.UsageError, "no texts"):
                encoder.cosines(image)
            larger = np.zeros((3, 2 * info.image_height, 2 * info.image_width), np.float32)
            for use in (model.cosines, model.embedding, model.words, lambda one: encoder.like([one])):
                with self.assertRaisesRegex(errors.UsageError, "resample=True"):
                    use(larger)
            self.assertEqual(model.embedding(larger, resample=True).shape, embedding.shape)

    def test_journal(self):
        """A call that was ended is gone on with; its rows have the same bits."""
        texts = [f"thing {i}" for i in range(60)]
        whole = self.open(CLIP, texts, templates="imagenet80").text_embeddings()
        encoder = vitlrp.Model(os.path.join(CLIP, "huggingface"))
        self.addCleanup(encoder.close)

        def end(done, total):
            raise KeyError(done)

        with support.scratch() as folder:
            journal = os.path.join(folder, "rows.journal")
            with self.assertRaises(KeyError):
                encoder.with_texts(texts, templates="imagenet80", journal=journal, progress=end)
            with open(journal, "rb") as file:
                self.assertIn(file.read().count(b"\n"), range(2, 60))
            model = self.open(CLIP, texts, templates="imagenet80", journal=journal)
            np.testing.assert_array_equal(model.text_embeddings(), whole)
            with self.assertRaises(errors.UsageError):
                encoder.with_texts(["another"], journal=journal)

    def test_facts(self):
        """What is known of the text tower, and what the caller states of it."""
        model = self.open(CLIP, ["a bus"])
        facts = {fact.name: fact for fact in model.text_facts}
        self.assertEqual((facts["heads"].source, facts["causal"].value), ("file", "yes"))
        for name in ("pool", "class_token", "pre_norm"):
            self.assertNotIn(name, facts)
        other = self.open(CLIP, ["a bus"], norm_eps=0.01)
        self.assertEqual({fact.name: fact.source for fact in other.text_facts}["norm_eps"], "user")
        with self.assertRaisesRegex(errors.MismatchError, "no token to fill them with"):
            self.open(CLIP, ["a bus"], tower="siglip")
        seeing = self.open(CLIP, ["a bus"], tower="clip")
        self.assertEqual({fact.name: fact.value for fact in seeing.text_facts}["text_end"], "largest_id")
        self.assertEqual(seeing.configuration()["texts"]["text_end"], "largest_id")
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
                               (["a"], {"templates": ["b"]}), (["a"], {"templates": 3}), (["a"], {"names": "b"}), (["a"], {"names": 1}),
                               (["a"], {"cleaning": "soap"}), (["a"], {"heads": 0}), (["a"], {"norm_eps": 1}), (["a"], {"threads": -1}),
                               (["a"], {"activation": "tanh"}), (["a"], {"tokenizer": 3}),
                               (["a"], {"keep_tower": "yes"}), (["a"], {"contrast": 3}), (["a"], {"journal": ""})):
            with self.assertRaises(errors.UsageError, msg=(texts, options)) as caught:
                model.with_texts(texts, **options)
            self.assertTrue(str(caught.exception).isprintable())
        with self.assertRaisesRegex(errors.UsageError, "has no text tower"):
            support.small().with_texts(["a"])
        with self.assertRaisesRegex(errors.UsageError, r"give it texts \(with_texts\), name one of"):
            model.explain(support.GOLDFISH)
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
