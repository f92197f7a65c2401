"""vitlrp neurons against the numbers of a program in float64: every unit, the blocks, the maps.
usage: check_neurons.py VITLRP LATENT"""

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import numpy_files  # noqa: E402
import records  # noqa: E402
import small_model  # noqa: E402

PROGRAM, LATENT = (os.path.abspath(path) for path in sys.argv[1:3])
FOLDERS = ("latent-vit", "latent-registers")
small_model.use(backend="openblas")


def read_array(*path):
    return numpy_files.read_npy(os.path.join(LATENT, *path))


def distance(found, wanted):
    """Relative, in the L2 norm."""
    return math.dist(found, wanted) / math.hypot(*wanted)


class Neurons(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_command(self, latent, image, *arguments):
        expected = self.expected(latent)
        subprocess.run([PROGRAM, "neurons", os.path.join(LATENT, latent, "images", f"{image:02}.png"), "--model",
                        os.path.join(LATENT, latent, "model.safetensors"), "--json", "n.json", "--scores", "s.npy", "-q",
                        "-c", str(expected["values"][str(image)]["class_"]), "--resize", "none", *arguments],
                       cwd=self.folder, check=True)
        self.assertEqual(records.check_folder(self.folder), [])
        with open(self.path("n.json"), encoding="utf-8") as file:
            return json.load(file)

    def expected(self, latent):
        with open(os.path.join(LATENT, latent, "expected.json"), encoding="utf-8") as file:
            return json.load(file)

    def check_units(self, record, key, latent, name):
        """Every unit is shown, so the report is the array."""
        shape, wanted = read_array(latent, name)
        for block in record["blocks"]:
            row = wanted[block["block"] * shape[1]:][:shape[1]]
            units = sorted(block["units"], key=lambda unit: unit["index"])
            self.assertEqual([unit["index"] for unit in units], list(range(shape[1])))
            self.assertLess(distance([unit[key] for unit in units], row), 1e-4, (name, block["block"]))

    def check_order(self, record, key):
        for block in record["blocks"]:
            values = [unit[key] for unit in block["units"]]
            self.assertEqual(values, sorted(values, reverse=not record["smallest"]))
        self.assertEqual([block["block"] for block in record["blocks"]], [2, 1, 0])

    def test_relevance(self):
        for latent in FOLDERS:
            for image in (0, 5):
                for site in ("fc1", "head", "stream"):
                    record = self.run_command(latent, image, "--site", site, "--top", "1000", "--no-maps", "--no-drops")
                    start = f"{image}_attnlrp_{site}_relevance"
                    self.check_units(record, "relevance", latent, f"{start}.npy")
                    self.check_units(record, "relevance_max", latent, f"{start}_max.npy")
                    self.check_units(record, "activation", latent, f"{image}_{site}_activation.npy")
                    self.check_units(record, "first_order_drop", latent, f"{image}_gradient_{site}_relevance.npy")
                    self.check_order(record, "relevance")
                    shape, scores = numpy_files.read_npy(self.path("s.npy"))
                    wanted = read_array(latent, f"{start}.npy")
                    self.assertEqual(shape, wanted[0])
                    self.assertLess(distance(scores, wanted[1]), 1e-4)

    def test_arrays_of_tokens(self):
        """Where heads look, and the relevance of the tokens between blocks: it adds up to that of the stream."""
        for latent in FOLDERS:
            record = self.run_command(latent, 0, "--site", "head", "--no-maps", "--no-drops", "--attention", "a.npy")
            tokens = record["prefix_tokens"] + math.prod(record["grid"])
            shape, attention = numpy_files.read_npy(self.path("a.npy"))
            self.assertEqual(shape, (3, read_array(latent, "0_attnlrp_head_relevance.npy")[0][1], tokens))
            for row in range(0, len(attention), tokens):
                self.assertAlmostEqual(sum(attention[row:row + tokens]), 1, 5)
            self.run_command(latent, 0, "--site", "stream", "--no-maps", "--tokens", "t.npy")
            shape, found = numpy_files.read_npy(self.path("t.npy"))
            self.assertEqual(shape, (4, tokens))
            (_, width), stream = read_array(latent, "0_attnlrp_stream_relevance.npy")
            for block in range(3):
                self.assertAlmostEqual(sum(found[(block + 1) * tokens:][:tokens]),
                                       sum(stream[block * width:][:width]), 4)

    def test_methods(self):
        """Another method, and a difference of two classes."""
        versus = str(self.expected("latent-vit")["values"]["0"]["versus"])
        for options, name in ((("--method", "attnlrp-eps"), "attnlrp-eps"), (("--method", "cp-lrp"), "cp-lrp"),
                              (("--versus", versus), "versus")):
            record = self.run_command("latent-vit", 0, *options, "--top", "1000", "--no-maps", "--no-drops")
            self.check_units(record, "relevance", "latent-vit", f"0_{name}_fc1_relevance.npy")

    def test_flow(self):
        """What leaves a block, by its branches and past them."""
        for latent in FOLDERS:
            record = self.run_command(latent, 0, "--no-maps", "--no-drops", "--top", "1")
            wanted = self.expected(latent)["values"]["0"]["blocks"]
            for block in record["blocks"]:
                for key, value in wanted[str(block["block"])].items():
                    if key in block:
                        self.assertAlmostEqual(block[key], value, delta=1e-4 * abs(record["explained"]), msg=key)
                self.assertAlmostEqual(block["units"][0]["share"],
                                       block["units"][0]["relevance"] / record["explained"], places=6)

    def test_drops(self):
        """A forward pass without each unit."""
        for latent in FOLDERS:
            for site in ("fc1", "head"):
                record = self.run_command(latent, 0, "--site", site, "--top", "1000", "--no-maps", "--by", "drop",
                                          "--negative")
                self.check_units(record, "drop", latent, f"0_{site}_exact_drop.npy")
                self.check_order(record, "first_order_drop")

    def test_shown(self):
        """Units by name have the numbers that they have among all."""
        names = ["1:fc1:5", "2:fc1:30", "1:fc1:0"]
        shown = self.run_command("latent-vit", 0, "--show", ",".join(names), "--no-first-order", "--raw", "m.npy")
        units = {unit["unit"]: unit for block in shown["blocks"] for unit in block["units"]}
        self.assertEqual((shown["by"], list(units)), ("name", [names[1], names[0], names[2]]))
        self.assertEqual(numpy_files.read_npy(self.path("m.npy"))[0][0], 3)
        among_all = self.run_command("latent-vit", 0, "--top", "1000", "--no-maps")
        for block in among_all["blocks"]:
            for unit in block["units"]:
                if unit["unit"] in units:
                    found = units[unit["unit"]]
                    self.assertIsNone(found["first_order_drop"])
                    self.assertAlmostEqual(found["drop"], unit["drop"], places=4)
                    for key in ("relevance", "activation_max", "relevance_at"):
                        self.assertEqual(found[key], unit[key])

    def test_maps(self):
        """Where the relevance of the unit with the most of it comes from, at the pixels and at the patches."""
        for latent in FOLDERS:
            side = self.expected(latent)["image_size"]
            for place, wanted in self.expected(latent)["conditional"].items():
                block, site = place.split(":")
                where = ("--site", site, "--blocks", block, "--top", "1", "--no-drops", "--raw", "m.npy")
                record = self.run_command(latent, 0, *where, "--level", "pixel")
                unit = record["blocks"][0]["units"][0]
                self.assertEqual(unit["index"], wanted["top"])
                self.assertAlmostEqual(unit["map_sum"], wanted["sum_top"], delta=1e-4 * abs(wanted["R_top"]))
                shape, pixels = numpy_files.read_npy(self.path("m.npy"))
                self.assertEqual(shape, (1, side, side))
                values = read_array(latent, f"map_{site}_{block}_{wanted['top']}.npy")[1]
                self.assertLess(distance(pixels, values), 1e-4, place)
                self.run_command(latent, 0, *where)
                shape, patches = numpy_files.read_npy(self.path("m.npy"))
                self.assertEqual(shape, (1, *record["grid"]))
                self.assertAlmostEqual(math.fsum(patches), math.fsum(pixels), delta=1e-4 * abs(wanted["R_top"]))

    def test_maps_of_all(self):
        """The maps of all units of a block are in their order, and add up."""
        for latent in FOLDERS:
            for place, wanted in self.expected(latent)["conditional"].items():
                block, site = place.split(":")
                record = self.run_command(latent, 0, "--site", site, "--blocks", block, "--top", "1000", "--no-drops",
                                          "--raw", "m.npy")
                shape, maps = numpy_files.read_npy(self.path("m.npy"))
                units = record["blocks"][0]["units"]
                self.assertEqual(shape, (len(units), *record["grid"]))
                size = math.prod(record["grid"])
                for i, unit in enumerate(units):
                    self.assertAlmostEqual(math.fsum(maps[i * size:][:size]), unit["map_sum"], places=5)
                self.assertAlmostEqual(math.fsum(maps), wanted["sum_all"], delta=1e-4 * abs(wanted["R_all"]) + 1e-6)

    def make_index(self, latent, *arguments):
        """Of copies of the images, in this folder."""
        shutil.copytree(os.path.join(LATENT, latent, "images"), self.path("val"))
        subprocess.run([PROGRAM, "concepts", "val", "-o", "index", "-q", "--resize", "none", "--model",
                        os.path.join(LATENT, latent, "model.safetensors"), *arguments], cwd=self.folder, check=True)

    def test_references(self):
        """The images of an index: what its arrays have."""
        self.make_index("latent-vit", "--keep", "5")
        record = self.run_command("latent-vit", 0, "--concepts", "index", "--top", "3", "--no-drops", "-o", "n.svg")
        self.assertEqual((record["concepts"]["folder"], record["concepts"]["images"]), ("index", 12))
        names = sorted(os.listdir(self.path("val")))
        for key, kind in (("most_relevant", "relevance"), ("most_active", "activation")):
            shape, scores = read_array(self.path("index"), f"fc1.{kind}.score.npy")
            tokens = read_array(self.path("index"), f"fc1.{kind}.token.npy")[1]
            images = read_array(self.path("index"), f"fc1.{kind}.image.npy")[1]
            for unit in (unit for block in record["blocks"] for unit in block["units"]):
                at = (int(unit["unit"].split(":")[0]) * shape[1] + unit["index"]) * shape[2]
                count = len([image for image in images[at:at + 5] if image != 2**32 - 1])
                self.assertEqual([found["image"] for found in unit[key]], list(images[at:at + count]))
                self.assertEqual([found["path"] for found in unit[key]],
                                 [f"val/{names[image]}" for image in images[at:at + count]])
                self.assertEqual([found["token"] for found in unit[key]], list(tokens[at:at + count]))
                for found, score in zip(unit[key], scores[at:at + count]):
                    self.assertAlmostEqual(found["score"], score, places=5)
        with open(self.path("n.svg"), encoding="utf-8") as file:
            self.assertEqual(file.read().count("<image"), 2 + 1 + 3 * (1 + 3 + 6 * 3))

    def test_references_that_are_gone(self):
        """Images that are not there, or others now, have no picture; the index of other weights is refused."""
        self.make_index("latent-vit")
        command = [PROGRAM, "neurons", os.path.join(LATENT, "latent-vit", "images", "00.png"), "--concepts", "index",
                   "--resize", "none", "--no-drops", "--top", "1", "--blocks", "1", "-o", "n.svg", "--model"]
        model = os.path.join(LATENT, "latent-vit", "model.safetensors")
        for name in os.listdir(self.path("val"))[1:]:
            os.remove(self.path(os.path.join("val", name)))
        with open(self.path(os.path.join("val", os.listdir(self.path("val"))[0])), "ab") as file:
            file.write(b" ")
        result = subprocess.run([*command, model], cwd=self.folder, check=True, capture_output=True, text=True)
        self.assertRegex(result.stderr, r"([0-9]) of \1 pictures of reference images are left out")
        for more, message in ((["--site", "head"], "no index is of --site head"),
                              ([], "of other weights")):
            other = model.replace("latent-vit", "latent-registers") if not more else model
            result = subprocess.run([*command, other, *more], cwd=self.folder, capture_output=True, text=True)
            self.assertEqual(result.returncode, 2 if more else 3, result.stderr)
            self.assertIn(message, result.stderr)

    def test_edits(self):
        """Of an edited model: the neuron that is gone has nothing, and what was said before is said."""
        record = self.run_command("latent-vit", 0, "--edit", "1:fc1:134=0", "--top", "1000", "--no-maps", "--no-drops")
        wanted = self.expected("latent-vit")["edits"]["ablate"]
        self.assertAlmostEqual(record["before"]["logit"], wanted["logit_before"], places=4)
        self.assertAlmostEqual(record["logit"], wanted["logit_after"], places=4)
        gone = [unit for unit in record["blocks"][1]["units"] if unit["unit"] == "1:fc1:134"]
        self.assertEqual([(unit["relevance"], unit["activation"]) for unit in gone], [(0, 0)])

    def test_tokens(self):
        """The token with the most activation, by name: CLS, registers, then patches."""
        for latent in FOLDERS:
            shape, wanted = read_array(latent, "0_fc1_activation_max.npy")
            record = self.run_command(latent, 0, "--by", "activation", "--top", "3", "--no-maps", "--no-drops")
            prefix, columns = record["prefix_tokens"], record["grid"][1]
            self.assertEqual(prefix, self.expected(latent)["prefix_tokens"])
            for block in record["blocks"]:
                for unit in block["units"]:
                    token = unit["activation_token"]
                    patch = token - prefix
                    name = ("CLS" if token == 0 else f"register {token - 1}" if patch < 0 else
                            f"patch {patch // columns},{patch % columns}")
                    self.assertEqual(unit["activation_at"], name)
                    self.assertAlmostEqual(unit["activation_max"], wanted[block["block"] * shape[1] + unit["index"]],
                                           delta=1e-4)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
