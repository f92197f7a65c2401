"""Hidden units from Python: what a program in float64 makes of them (golden/latent), and what is refused."""

import json
import os
import unittest
import warnings
from unittest import mock

import numpy as np

import support
import vitlrp
from vitlrp import _looking, errors

FOLDERS = [os.path.join(support.SOURCE, "tests", "golden", "latent", name) for name in ("latent-vit", "latent-registers")]
SITES = ("fc1", "head", "stream")


class Neurons(unittest.TestCase):
    def open(self, folder):
        model = vitlrp.Model(folder)
        self.addCleanup(model.close)
        with open(os.path.join(folder, "expected.json"), encoding="utf-8") as file:
            return model, json.load(file)

    def photo(self, folder, number=0):
        return os.path.join(folder, "images", f"{number:02d}.png")

    def check(self, found, folder, name):
        wanted = np.load(os.path.join(folder, name + ".npy"))
        error = np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
        self.assertLess(error, 1e-4, name)

    def test_values(self):
        for folder in FOLDERS:
            model, expected = self.open(folder)
            for site in SITES:
                found = model.neurons(self.photo(folder), site=site, top=3, maps=False)
                self.assertEqual(found.target.output, expected["values"]["0"]["class_"])
                self.check(found.scores, folder, f"0_attnlrp_{site}_relevance")
                self.check(found.first_order_drops, folder, f"0_gradient_{site}_relevance")
                self.check(found.activations, folder, f"0_{site}_activation_max")
                for block in found.blocks:
                    order = np.argsort(-found.scores[block.index], kind="stable")[:3]
                    self.assertEqual([unit.index for unit in block.units], list(order))

    def test_drops(self):
        for folder in FOLDERS:
            model, _ = self.open(folder)
            for site in ("fc1", "head"):
                exact = np.load(os.path.join(folder, f"0_{site}_exact_drop.npy"))
                found = model.neurons(self.photo(folder), site=site, top=2, maps=False)
                units = [unit for block in found.blocks for unit in block.units]
                drops = np.array([unit.drop for unit in units])
                wanted = np.array([exact[unit.block, unit.index] for unit in units])
                np.testing.assert_allclose(drops, wanted, atol=1e-4)
            stream = model.neurons(self.photo(folder), site="stream", top=1)
            self.assertIsNone(stream.blocks[0].units[0].drop)

    def test_maps(self):
        """The maps of all units of a block add up to that of the block, patch by patch."""
        folder = FOLDERS[0]
        model, expected = self.open(folder)
        width = model.neurons(self.photo(folder), top=1).scores.shape[1]
        found = model.neurons(self.photo(folder), top=width, blocks=[1], drops=False)
        whole = np.load(os.path.join(folder, "map_fc1_1_all.npy"))
        patch = whole.shape[0] // found.blocks[0].units[0].heatmap.shape[0]
        rows = whole.shape[0] // patch
        wanted = whole.reshape(rows, patch, rows, patch).sum(axis=(1, 3))
        total = sum(unit.heatmap for unit in found.blocks[0].units)
        np.testing.assert_allclose(total, wanted, atol=1e-5)
        self.assertIsNone(found.blocks[0].units[0].drop)

    def test_blocks(self):
        folder = FOLDERS[1]
        model, expected = self.open(folder)
        wanted = expected["values"]["0"]["blocks"]["2"]
        mlp = model.neurons(self.photo(folder), blocks=[2], top=1).blocks[0]
        heads = model.neurons(self.photo(folder), site="head", blocks=[2], top=1).blocks[0]
        self.assertAlmostEqual(mlp.branch, wanted["mlp_branch"], delta=1e-4)
        self.assertAlmostEqual(mlp.shortcut, wanted["mlp_shortcut"], delta=1e-4)
        self.assertAlmostEqual(heads.branch, wanted["attention_branch"], delta=1e-4)
        self.assertAlmostEqual(heads.entering, wanted["entering"], delta=1e-4)
        self.assertAlmostEqual(heads.leaving, wanted["leaving"], delta=1e-4)

    def test_contrasts(self):
        folder = FOLDERS[0]
        model, expected = self.open(folder)
        values = expected["values"]["0"]
        found = model.neurons(self.photo(folder), values["class_"], versus=values["versus"], top=1, maps=False)
        self.check(found.scores, folder, "0_versus_fc1_relevance")
        unit = found.blocks[0].units[0]
        off = model.edited({unit.name: 0}).explain(self.photo(folder), values["class_"], versus=values["versus"])
        self.assertAlmostEqual(unit.drop, found.explained - off.explained, delta=1e-5)

    def test_places(self):
        folder = FOLDERS[1]
        model, _ = self.open(folder)
        found = model.neurons(self.photo(folder), top=20, maps=False, drops=False)
        places = np.load(os.path.join(folder, "0_fc1_activation_token.npy"))
        for unit in (unit for block in found.blocks for unit in block.units):
            self.assertEqual(unit.token, places[unit.block, unit.index])
            inside = unit.token - 5
            self.assertEqual(unit.place, None if inside < 0 else divmod(inside, 4))

    def test_refused(self):
        folder = FOLDERS[0]
        model, _ = self.open(folder)
        for wrong in (
            {"site": "fc2"},
            {"top": 0},
            {"blocks": [3]},
            {"blocks": "01"},
            {"method": "rollout"},
            {"target": [1, 2]},
            {"target": "top:2"},
        ):
            with self.assertRaises(errors.UsageError, msg=wrong):
                model.neurons(self.photo(folder), **wrong)
        likeliest = model.explain(self.photo(folder)).target
        with self.assertRaisesRegex(errors.UsageError, "target and versus are the same class"):
            model.neurons(self.photo(folder), versus=likeliest)
        with self.assertRaisesRegex(TypeError, r"^neurons\(\) .* 'tops'; did you mean top\?$"):
            model.neurons(self.photo(folder), tops=1)

    def test_drops_are_ended(self):
        """Passes without a unit ask whether to go on, as all do."""
        model, _ = self.open(FOLDERS[0])

        class Ended(_looking.Watch):
            def calls(self, progress, cancelled):
                return super().calls(progress, lambda: True)

        with mock.patch.object(_looking, "Watch", Ended), self.assertRaises(errors.CancelledError):
            model.neurons(self.photo(FOLDERS[0]))

    def test_blocks_are_named_once(self):
        model, _ = self.open(FOLDERS[0])
        found = model.neurons(self.photo(FOLDERS[0]), blocks=[1, 0, 1], top=2, maps=False, drops=False)
        self.assertEqual([block.index for block in found.blocks], [1, 0])
        self.assertEqual([len(block.units) for block in found.blocks], [2, 2])

    def test_warnings_name_the_caller(self):
        """Of a model input that was not normalised; and of arithmetic that the processor lacks."""
        model, _ = self.open(FOLDERS[0])
        info = model.info
        values = np.linspace(0, 1, 3 * info.image_height * info.image_width, dtype=np.float32)
        image = values.reshape(3, info.image_height, info.image_width)
        for look in (model.neurons, model.attention, model.explain):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                found = look(image, precision="bf16", backend="openblas")
            self.assertIsNotNone(found)
            told = [str(one.message) for one in caught]
            self.assertEqual([text[:15] for text in told], ["all values of t", "nothing faster "], look.__name__)
            for one in caught:
                self.assertEqual(one.filename, __file__, look.__name__)


if __name__ == "__main__":
    unittest.main()
