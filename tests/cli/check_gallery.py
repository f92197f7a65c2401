"""The page of vitlrp concepts: its record against the model with units edited away, its pictures, the same bytes by
threads, shards and interruptions, and what is refused. usage: check_gallery.py VITLRP LATENT [TEST...]"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import numpy_files  # noqa: E402
import records  # noqa: E402
import small_model  # noqa: E402

PROGRAM, LATENT = map(os.path.abspath, sys.argv[1:3])
MODEL = os.path.join(LATENT, "latent-vit")
TEXTS = os.path.join(LATENT, "..", "words", "clip-quickgelu", "huggingface")
ROW = 3  # of --keep: few, so that images are left to test on


def content(folder):
    """Every file below a folder, by its path in it."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


class Gallery(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name
        small_model.use(os.path.join(MODEL, "model.safetensors"), "openblas")
        shutil.copytree(os.path.join(MODEL, "images"), self.path("set"))

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def run_command(self, *words, code=0):
        result = subprocess.run([PROGRAM, *words], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                check=False, text=True)
        self.assertEqual(result.returncode, code, result.stderr)
        return result.stdout + result.stderr

    def make(self, folder, *words, code=0):
        return self.run_command("concepts", "set", "-o", folder, "--resize", "none", "--keep", str(ROW), *words,
                                code=code)

    def record(self, folder):
        with open(self.path(folder, "gallery.json"), encoding="utf-8") as file:
            return json.load(file)

    def logits(self, folder, *words):
        self.run_command("batch", "set", "-o", folder, "--resize", "none", "--write", "logits", "-q", *words)
        return [numpy_files.read_npy(self.path(folder, f"{i:02}.logits.npy"))[1] for i in range(12)]

    def expect_same(self, name, whole):
        found = content(self.path(name))
        self.assertEqual(found.keys(), whole.keys())
        for file, data in whole.items():
            self.assertTrue(found[file] == data, file)

    # ---- The numbers ----

    def check_unit(self, unit, before, without):
        """Against all logits of the model without it."""
        for row in ("relevance", "activation"):
            self.assertEqual(len(unit[row]), ROW)
            for entry in unit[row]:
                image, kind = entry["image"], entry["class"]
                self.assertAlmostEqual(entry["drop"], before[image][kind] - without[image][kind], 4)
                self.assertEqual(entry["class"], max(range(len(before[0])), key=lambda c, i=image: before[i][c]))
        kept = {entry["image"] for row in ("relevance", "activation") for entry in unit[row]}
        tested = set(range(12)) - kept - set(unit["test"]["random_images"])
        self.assertEqual(unit["test"]["images"], len(tested))
        drops = [sum(before[i][c] - without[i][c] for i in tested) / len(tested) for c in range(len(before[0]))]
        fallen = unit["test"]["class"]
        self.assertAlmostEqual(unit["test"]["drop"], max(drops), 4)
        self.assertAlmostEqual(drops[fallen], max(drops), 4)
        mean = sum(drops) / len(drops)
        spread = (sum((drop - mean) ** 2 for drop in drops) / len(drops)) ** 0.5
        self.assertAlmostEqual(unit["test"]["stands_out"], (max(drops) - mean) / spread, 2)
        for entry in unit["classes"]:
            self.assertAlmostEqual(entry["drop"], drops[entry["class"]], 4)
            for row in ("relevance", "activation"):
                self.assertEqual(entry[row], sum(one["class"] == entry["class"] for one in unit[row]))
        for row in ("relevance", "activation"):
            self.assertEqual(unit["test"][row], any(one["class"] == fallen for one in unit[row]))
        classes = {max(range(len(before[0])), key=lambda c, i=i: before[i][c]) for i in unit["test"]["random_images"]}
        self.assertEqual(unit["test"]["random"], fallen in classes)
        self.assertEqual(unit["shared"], len({one["image"] for one in unit["relevance"]} &
                                             {one["image"] for one in unit["activation"]}))

    def check_alone(self, unit, whole, kind, other):
        """A unit of an index of one kind, against that of an index of both, whose drops are computed beside others."""
        self.assertEqual([{**one, "drop": None} for one in unit[kind]], [{**one, "drop": None} for one in whole[kind]])
        for one, other_one in zip(unit[kind], whole[kind]):
            self.assertAlmostEqual(one["drop"], other_one["drop"], 5)
        self.assertEqual((unit[other], unit["shared"], unit["test"][other]), ([], None, None))
        self.assertEqual(unit["test"]["random_images"], whole["test"]["random_images"])
        self.assertEqual({entry[other] for entry in unit["classes"]}, {None})
        for key in ("mean", "positive"):
            self.assertEqual(unit[key], whole[key] if kind == "relevance" else None)

    def test_kinds(self):
        for kind in ("relevance", "activation"):
            self.make(kind, "--gallery", "2", "--kinds", kind)
        names = ",".join(unit["unit"] for unit in self.record("activation")["units"])
        self.make("both", "--gallery", "2", "--show", names)
        both = {unit["unit"]: unit for unit in self.record("both")["units"]}
        for kind, other, title in (("relevance", "activation", "ActMax"), ("activation", "relevance", "RelMax")):
            record = self.record(kind)
            self.assertEqual(len(record["units"]), 6)
            for unit in record["units"]:
                self.check_alone(unit, both[unit["unit"]], kind, other)
            self.assertIsNone(record["rates"][other])
            with open(self.path(kind, "index.html"), encoding="utf-8") as file:
                page = file.read()
            self.assertNotIn(f"({title})</h3>", page)
            self.assertEqual(page.count("</h3>"), 6)
            self.assertNotIn("nan", page)
        shape, scores = numpy_files.read_npy(self.path("activation", "fc1.activation.score.npy"))
        first = [scores[(2 * shape[1] + unit) * shape[2]] for unit in range(shape[1])]
        best = sorted(range(shape[1]), key=lambda unit: (-first[unit], unit))[:2]
        self.assertEqual([unit["unit"] for unit in self.record("activation")["units"]][:2],
                         [f"2:fc1:{unit}" for unit in best])
        self.assertEqual(records.check_folder(self.folder), [])

    def test_class_means(self):
        self.make("sums", "--gallery", "2", "--class-sums", "--test-images", "0", "--no-pictures")
        with open(self.path("sums", "results.jsonl"), encoding="utf-8") as file:
            classes = [json.loads(line)["class"] for line in file]
        shape, sums = numpy_files.read_npy(self.path("sums", "fc1.classes.npy"))
        for unit in self.record("sums")["units"]:
            block, _, number = unit["unit"].split(":")
            place = int(block) * shape[2] + int(number)
            means = {c: sums[c * shape[1] * shape[2] + place] / 2 ** 32 / classes.count(c) for c in set(classes)}
            best = sorted(means, key=lambda c, means=means: (-means[c], c))[:10]
            self.assertEqual([entry["class"] for entry in unit["class_means"]], best)
            for entry in unit["class_means"]:
                self.assertAlmostEqual(entry["mean"], means[entry["class"]], 6)
                self.assertEqual(entry["images"], classes.count(entry["class"]))
        with open(self.path("sums", "index.html"), encoding="utf-8") as file:
            self.assertEqual(file.read().count("Classes by mean relevance"), 6)
        self.assertEqual(records.check_folder(self.folder), [])

    def test_numbers(self):
        before = self.logits("before")
        for site in ("fc1", "head"):
            self.make(site, "--site", site, "--gallery", "2")
            record = self.record(site)
            self.assertEqual(len(record["units"]), 6)
            shape, sums = numpy_files.read_npy(self.path(site, f"{site}.sums.npy"))
            for place, unit in enumerate(record["units"]):
                with self.subTest(unit["unit"]):
                    without = self.logits(unit["unit"].replace(":", "-"), "--edit", unit["unit"] + "=0")
                    self.check_unit(unit, before, without)
                    block, index = (int(part) for part in unit["unit"].split(":")[::2])
                    self.assertEqual(block, 2 - place // 2)
                    own = [sums[(block * shape[1] + i) * 4] for i in range(shape[1])]
                    self.assertEqual(own[index], sorted(own, reverse=True)[place % 2])
                    self.assertAlmostEqual(unit["mean"], own[index] / 2 ** 32 / 12, 6)
        self.assertEqual(records.check_folder(self.folder), [])

    def test_rates(self):
        self.make("units", "--gallery", "4", "--show", "0:fc1:5")
        record = self.record("units")
        tested = [unit["test"] for unit in record["units"] if unit["ranked"]]
        self.assertEqual((len(tested), len(record["units"])), (12, 13))
        self.assertEqual(record["rates"]["units"], 12)
        for kind in ("relevance", "activation", "random"):
            rate = record["rates"][kind]
            self.assertEqual(rate["count"], sum(test[kind] for test in tested))
            self.assertAlmostEqual(rate["rate"], rate["count"] / 12, 6)
            for end in ("low", "high"):  # where the share is 1.96 standard errors of the true one away from it
                gap = abs(rate["rate"] - rate[end])
                self.assertAlmostEqual(gap, 1.959964 * (rate[end] * (1 - rate[end]) / 12) ** 0.5, 5)
        order = [unit["test"]["stands_out"] for name in record["clearest"] for unit in record["units"]
                 if unit["unit"] == name]
        self.assertEqual(order, sorted((unit["test"]["stands_out"] for unit in record["units"]), reverse=True))

    def test_stream(self):
        """A dimension of the stream cannot be taken away: it has pictures, and no drop."""
        self.make("stream", "--site", "stream", "--gallery", "1")
        unit = self.record("stream")["units"][0]
        self.assertIsNone(unit["test"])
        self.assertEqual({entry["drop"] for entry in unit["relevance"]}, {None})
        self.assertEqual(len(os.listdir(self.path("stream", "crops"))), 3 * 2 * ROW)
        self.assertEqual(records.check_folder(self.path("stream")), [])

    # ---- The page ----

    def page(self, folder):
        with open(self.path(folder, "index.html"), encoding="utf-8") as file:
            return file.read()

    def test_page(self):
        self.make("units", "--gallery", "2")
        page = self.page("units")
        names = [unit["unit"] for unit in self.record("units")["units"]]
        self.assertEqual(re.findall(r'<article id="([^"]*)"', page), names)
        self.assertEqual(page.count("data:image/jpeg;base64,"), 6 * 2 * ROW)
        self.assertNotRegex(page, r'(src|href)="(?!data:|#)')
        self.assertNotIn("img alt=\"\"", page)
        self.make("bare", "--gallery", "2", "--no-pictures", "--test-images", "0")
        self.assertNotIn("<img", self.page("bare"))
        self.assertNotIn('id="test"', self.page("bare"))
        self.assertFalse(os.path.exists(self.path("bare", "crops")))
        self.assertIsNone(self.record("bare")["rates"])
        self.make("none", "--gallery", "0")
        self.assertFalse(os.path.exists(self.path("none", "index.html")))

    def test_show(self):
        """Units join the page of a folder, by the options of its run; what is known is not computed again."""
        self.make("units", "--gallery", "1", "--test-images", "5", "--site", "head")
        before = content(self.path("units"))
        self.run_command("concepts", "units", "--show", "1:head:2")
        record = self.record("units")
        self.assertEqual(record["test_images"], 5)
        added = [unit for unit in record["units"] if not unit["ranked"]]
        known = {unit["unit"] for unit in json.loads(before["gallery.json"])["units"]}
        self.assertEqual([unit["unit"] for unit in added], ["1:head:2"] if "1:head:2" not in known else [])
        self.run_command("concepts", "units", "--show", "0:head:0,0:head:3")
        self.assertLessEqual({"1:head:2", "0:head:0", "0:head:3"},
                             {unit["unit"] for unit in self.record("units")["units"]})
        shown = content(self.path("units"))
        os.remove(self.path("units", "index.html"))
        shutil.move(self.path("set"), self.path("away"))
        os.mkdir(self.path("set"))
        self.assertIn("set", self.run_command("concepts", "units", code=3))
        os.rmdir(self.path("set"))
        shutil.move(self.path("away"), self.path("set"))
        self.run_command("concepts", "units")
        self.expect_same("units", shown)
        self.assertIn("--show", self.run_command("concepts", "units", "--show", "1:fc1:2", code=2))
        self.assertIn("--show", self.run_command("concepts", "units", "--show", "1:head:99", code=2))
        self.assertIn("--show", self.run_command("concepts", "units", "--show", "head", code=2))

    def test_list_of_standard_input(self):
        """Nobody waits for a list that came from there: the command of the run, with the list, makes the page."""
        names = "".join(f"set/{i:02}.png\n" for i in range(12))
        words = ("--resize", "none", "--gallery", "1", "--test-images", "1", "--keep", str(ROW))

        def run(*command, stdin=names, code=0):
            result = subprocess.run([PROGRAM, *command], cwd=self.folder, input=stdin, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, check=False, text=True)
            self.assertEqual(result.returncode, code, result.stdout)
            return result.stdout

        run("concepts", "-", "-o", "units", *words)
        for stdin in (names, ""):
            self.assertIn("units: its list of images came from standard input",
                          run("concepts", "units", "--show", "0:fc1:7", stdin=stdin, code=3))
        run("concepts", "-", "-o", "units", *words, "--show", "0:fc1:7")
        self.assertIn("0:fc1:7", {unit["unit"] for unit in self.record("units")["units"]})
        for shard in range(2):
            run("concepts", "-", "-o", f"part{shard}", "--shard", f"{shard}/2", *words)
        self.assertIn("no page is made: joined: its list of images came from standard input",
                      run("merge", "part0", "part1", "-o", "joined", stdin=""))
        run("concepts", "-", "-o", "joined", *words)
        self.assertTrue(os.path.exists(self.path("joined", "index.html")))

    def test_edited(self):
        """The page is of the edited model, also where the folder says which that is; a unit that is 0 has no effect."""
        self.make("units", "--gallery", "1", "--edit", "2:fc1:7=0,1:fc1:3=2", "--gamma-fc1", "0.1", "--crop", "24")
        self.run_command("concepts", "units", "--show", "2:fc1:7")
        unit, = (unit for unit in self.record("units")["units"] if unit["unit"] == "2:fc1:7")
        for entry in unit["relevance"]:
            self.assertAlmostEqual(entry["drop"], 0, 4)

    def test_several_values(self):
        """What an option was given each time counts where the folder says it, and for the page of merge."""
        few = ("--gallery", "1", "--test-images", "1")
        texts = ("-m", TEXTS, "--text", "a red bus", "--text", "a fish")
        self.run_command("concepts", "set", "-o", "texts", *texts, *few)
        self.run_command("concepts", "texts", "--show", "0:fc1:7")
        self.assertIn("0:fc1:7", {unit["unit"] for unit in self.record("texts")["units"]})
        self.assertIn("text", self.run_command("concepts", "texts", "--text", "a cat", code=2))
        self.make("means", *few)
        edit = ("--edit", "1:fc1:3=mean", "--concepts", "means")
        self.make("edited", *few, *edit)
        self.run_command("concepts", "edited", "--show", "0:fc1:7")
        self.assertIn("0:fc1:7", {unit["unit"] for unit in self.record("edited")["units"]})
        for shard in range(2):
            self.run_command("concepts", "set", "-o", f"part{shard}", "--shard", f"{shard}/2", *texts)
            self.make(f"half{shard}", "--shard", f"{shard}/2", *edit)
        for parts, joined in (("part", "of_texts"), ("half", "of_edited")):
            self.assertNotIn("no page", self.run_command("merge", f"{parts}0", f"{parts}1", "-o", joined, *few))
            self.assertTrue(os.path.exists(self.path(joined, "index.html")))

    def test_changed_image(self):
        self.make("units", "--gallery", "0")
        shutil.copy(self.path("set", "00.png"), self.path("set", "01.png"))
        self.assertIn("units: 01.png: its file has changed", self.make("units", code=2))
        self.assertIn("units: 01.png: its file has changed", self.run_command("concepts", "units", code=2))

    # ---- The same bytes ----

    def test_threads_and_shards(self):
        self.make("whole", "--threads", "1", "--gallery", "2")
        whole = content(self.path("whole"))
        self.make("three", "--threads", "3", "--gallery", "2")
        self.expect_same("three", whole)
        for shard in range(2):
            self.make(f"part{shard}", "--shard", f"{shard}/2", "--gallery", "2")
            self.assertFalse(os.path.exists(self.path(f"part{shard}", "index.html")))
        self.run_command("merge", "part0", "part1", "-o", "joined", "--gallery", "2")
        self.expect_same("joined", whole)
        shutil.rmtree(self.path("joined"))
        shutil.move(self.path("set"), self.path("away"))
        self.assertIn("no page is made", self.run_command("merge", "part0", "part1", "-o", "joined"))
        self.assertFalse(os.path.exists(self.path("joined", "index.html")))

    def test_ended(self):
        """Pictures that are there when a run is ended are used again."""
        self.make("whole", "--gallery", "9")
        whole = content(self.path("whole"))
        self.make("ended", "--gallery", "0")
        for number in (signal.SIGINT, signal.SIGKILL):
            process = subprocess.Popen([PROGRAM, "concepts", "set", "-o", "ended", "--resize", "none", "--keep",
                                        str(ROW), "--gallery", "9", "-q"], cwd=self.folder, stderr=subprocess.DEVNULL)
            crops = self.path("ended", "crops")
            while process.poll() is None and not (os.path.isdir(crops) and len(os.listdir(crops)) > 10):
                time.sleep(0.001)
            process.send_signal(number)
            self.assertIn(process.wait(), (128 + signal.SIGINT, -signal.SIGKILL, 0))
        for name in os.listdir(crops):  # of a draft that was killed
            if not name.endswith(".jpg"):
                os.remove(os.path.join(crops, name))
        self.make("ended", "--gallery", "9")
        self.expect_same("ended", whole)

    def test_pictures(self):
        """Each is a JPEG whose longer side has at most 96 pixels, and no two units have all alike."""
        self.make("units", "--gallery", "3")
        crops = content(self.path("units", "crops"))
        self.assertEqual(len(crops), 9 * 2 * ROW)
        for data in crops.values():
            self.assertEqual((data[:2], data[-2:]), (b"\xff\xd8", b"\xff\xd9"))
        self.assertGreater(len({hashlib.sha256(data).digest() for data in crops.values()}), len(crops) // 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
