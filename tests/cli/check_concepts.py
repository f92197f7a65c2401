"""vitlrp concepts: the index of a program in float64; the same bytes by threads, by shards that are merged, and by runs
that were interrupted and killed; and what is refused. usage: check_concepts.py VITLRP LATENT [TEST...]

VITLRP_KILLS is how often a run is ended (4)."""

import json
import os
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
KILLS = int(os.environ.get("VITLRP_KILLS", "4"))
IMAGES = max(240, 100 * KILLS)
SCALES = (2 ** 32, 2 ** 32, 2 ** 20, 2 ** 20)
ARRAYS = {f"{kind}.{what}" for kind in ("relevance", "activation") for what in ("score", "image", "token", "class")}


def read_array(*path):
    return numpy_files.read_npy(os.path.join(*path))


def content(folder):
    """Every file of a run; run.json as its numbers, since it names the dataset as it was called."""
    found = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            found[name] = file.read()
    return found


def count_lines(name):
    try:
        with open(name, "rb") as file:
            return file.read().count(b"\n")
    except FileNotFoundError:
        return 0


class Concepts(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name
        small_model.use(os.path.join(MODEL, "model.safetensors"), "openblas")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def make_images(self, count):
        """The reference's images, over and over."""
        os.mkdir(self.path("set"))
        for i in range(count):
            os.symlink(os.path.join(MODEL, "images", f"{i % 12:02}.png"), self.path("set", f"{i:04}.png"))

    def run_command(self, *words, code=0):
        result = subprocess.run([PROGRAM, *words], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                check=False, text=True)
        self.assertEqual(result.returncode, code, result.stderr)
        return result.stdout + result.stderr

    def index(self, images, folder, *words, code=0):
        """Without a page, which check_gallery.py is about."""
        return self.run_command("concepts", images, "-o", folder, "--resize", "none", "--gallery", "0", *words,
                                code=code)

    def expect_same(self, name, whole):
        found = content(self.path(name))
        self.assertEqual(found.keys(), whole.keys())
        for file, data in whole.items():
            self.assertTrue(found[file] == data, file)

    # ---- The numbers ----

    def check_index(self, site):
        for kind in ("relevance", "activation"):
            for what in ("image", "token", "class"):
                found = read_array(self.path(site), f"{site}.{kind}.{what}.npy")
                # Not assertEqual, which takes an hour to say how two arrays differ.
                self.assertTrue(found == read_array(MODEL, f"index_{site}_{kind}_{what}.npy"), (kind, what))
            shape, found = read_array(self.path(site), f"{site}.{kind}.score.npy")
            expected, wanted = read_array(MODEL, f"index_{site}_{kind}_score.npy")
            self.assertEqual(shape, expected)
            largest = max(abs(value) for value in wanted)
            self.assertLess(max(abs(a - b) for a, b in zip(found, wanted)), 1e-5 * largest)

    def check_sums(self, site):
        """In the last block the reference's means are over all tokens; only CLS leaves that."""
        shape, found = read_array(self.path(site), f"{site}.sums.npy")
        expected, wanted = read_array(MODEL, f"index_{site}_sums.npy")
        self.assertEqual(shape, expected)
        last = (shape[0] - 1) * shape[1] * 4
        for place, (value, number) in enumerate(zip(found, wanted)):
            if place >= last and place % 4 == 3:
                self.assertEqual(value, 0)
            else:
                self.assertLess(abs(value / SCALES[place % 4] - number), 1e-4 * max(1, abs(number)))

    def check_means(self, site, outputs):
        """The reference has [.., kind, output], and in the last block the means of all tokens."""
        shape, found = read_array(self.path(site), f"{site}.mean.npy")
        _, wanted = read_array(MODEL, f"{site}_means.npy")
        self.assertEqual(shape[-1], 2)
        for place, value in enumerate(found):
            unit, output, kind = place // (2 * outputs), place // 2 % outputs, place % 2
            is_cut = kind == 1 and place >= len(found) // shape[0] * (shape[0] - 1)
            number = 0 if is_cut else wanted[(2 * unit + kind) * outputs + output]
            self.assertAlmostEqual(value, number, 4)

    def test_reference(self):
        for site in ("fc1", "head"):
            with self.subTest(site):
                self.index(os.path.join(MODEL, "images"), site, "--site", site, "--keep", "5")
                self.check_index(site)
                self.check_sums(site)
        self.check_means("fc1", 1)
        self.check_means("head", 12)
        self.assertEqual(records.check_folder(self.folder), [])

    def test_statistic(self):
        images = os.path.join(MODEL, "images")
        self.index(images, "sum", "--limit", "3", "--keep", "2")
        self.index(images, "max", "--limit", "3", "--keep", "2", "--statistic", "max", "--site", "stream")
        with open(self.path("max", "run.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["settings"]["units"], {"site": "stream", "statistic": "max", "keep": 2})
        names = {name[len("stream."):-len(".npy")] for name in os.listdir(self.path("max")) if name.endswith(".npy")}
        self.assertEqual(names, ARRAYS | {"sums", "mean"})

    def read_units(self, folder):
        with open(self.path(folder, "run.json"), encoding="utf-8") as file:
            return json.load(file)["settings"]["units"]

    def test_kinds(self):
        """An index of one kind has the arrays of one of both, bit for bit, also of shards and of heads."""
        self.make_images(30)
        for site in ("fc1", "head", "stream"):
            self.index("set", f"{site}-both", "--site", site)
            both = content(self.path(f"{site}-both"))
            self.assertNotIn("kinds", self.read_units(f"{site}-both"))
            for kind, other in (("relevance", "activation"), ("activation", "relevance")):
                with self.subTest(site=site, kind=kind):
                    name = f"{site}-{kind}"
                    self.index("set", name, "--site", site, "--kinds", kind)
                    found = content(self.path(name))
                    self.assertEqual(self.read_units(name)["kinds"], [kind])
                    self.assertEqual(both.keys() - found.keys(), {file for file in both if f".{other}." in file})
                    for file in (file for file in found if f".{kind}." in file or file.endswith(".mean.npy")):
                        self.assertTrue(found[file] == both[file], file)
                    self.check_columns(f"{site}-both", name, site, (0, 1, 2, 3) if kind == "relevance" else (2, 3))
        self.assertEqual(records.check_folder(self.folder), [])
        for shard in range(2):
            self.index("set", f"part{shard}", "--shard", f"{shard}/2", "--site", "head", "--kinds", "activation")
        self.run_command("merge", "part0", "part1", "-o", "joined", "--gallery", "0")
        self.expect_same("joined", content(self.path("head-activation")))
        self.index("set", "joined", "--site", "head", "--kinds", "activation")
        self.expect_same("joined", content(self.path("head-activation")))

    def check_columns(self, wanted, name, site, columns):
        _, sums = read_array(self.path(wanted), f"{site}.sums.npy")
        _, found = read_array(self.path(name), f"{site}.sums.npy")
        for place, (value, number) in enumerate(zip(found, sums)):
            self.assertEqual(value, number if place % 4 in columns else 0)

    def test_kinds_apart(self):
        """No image is taken for one of another kind, and no run for one of other kinds."""
        self.make_images(4)
        self.index("set", "active", "--kinds", "activation")
        self.assertIn("units.kinds", self.index("set", "active", code=2))
        with open(self.path("active", "results.jsonl"), encoding="utf-8") as file:
            self.assertFalse([line for line in map(json.loads, file) if "branches" in line])
        for shard, words in ((0, ()), (1, ("--kinds", "relevance"))):
            self.index("set", f"part{shard}", "--shard", f"{shard}/2", *words)
        self.assertIn("units.kinds", self.run_command("merge", "part0", "part1", "-o", "joined", code=3))
        words = ("neurons", os.path.join(MODEL, "images", "00.png"), "--resize", "none", "--blocks", "1", "--top", "2",
                 "--no-drops", "--concepts", "active", "-o", "units.html", "--json", "units.json")
        report = self.run_command(*words)
        self.assertIn("most active in", report)
        self.assertNotIn("most relevant in", report)
        self.assertIn("active keeps no images by relevance", report)
        with open(self.path("units.json"), encoding="utf-8") as file:
            record = json.load(file)
        self.assertEqual(record["concepts"]["kinds"], ["activation"])
        unit = record["blocks"][0]["units"][0]
        self.assertEqual((len(unit["most_relevant"]), len(unit["most_active"])), (0, 4))
        self.assertEqual(records.check(record), [])
        report = self.run_command("explain", os.path.join(MODEL, "images", "00.png"), "--resize", "none", "-o", "x.png",
                                  "--edit", "1:fc1:3=mean", "--concepts", "active")
        self.assertIn("%", report)

    def sums_of_class(self, folder, site, classes):
        """{class: sums of relevance} by indexes of one image each."""
        units, found = None, {}
        for image in range(12):
            os.mkdir(self.path(f"{folder}{image}"))
            os.symlink(os.path.join(MODEL, "images", f"{image:02}.png"), self.path(f"{folder}{image}", "x.png"))
            self.index(f"{folder}{image}", f"{folder}{image}.one", "--site", site)
            shape, sums = read_array(self.path(f"{folder}{image}.one"), f"{site}.sums.npy")
            units = shape[0] * shape[1]
            row = found.setdefault(classes[image], [0] * units)
            for unit in range(units):
                row[unit] += sums[4 * unit]
        return units, found

    def test_class_sums(self):
        """By class they are the sums of the class's images, exactly, also of shards that are merged."""
        self.make_images(12)
        for site in ("fc1", "head"):
            self.index("set", site, "--site", site, "--class-sums", "--threads", "3")
            with open(self.path(site, "results.jsonl"), encoding="utf-8") as file:
                classes = [json.loads(line)["class"] for line in file]
            units, wanted = self.sums_of_class(f"{site}.of", site, classes)
            shape, found = read_array(self.path(site), f"{site}.classes.npy")
            self.assertEqual(shape[1] * shape[2], units)
            self.assertLess(1, len(wanted))
            for row in range(shape[0]):
                self.assertTrue(list(found[row * units:(row + 1) * units]) == wanted.get(row, [0] * units), row)
        self.assertEqual(self.read_units("fc1")["class_sums"], True)
        self.assertEqual(records.check_folder(self.folder), [])
        for shard in range(3):
            self.index("set", f"part{shard}", "--shard", f"{shard}/3", "--site", "head", "--class-sums", "--threads", "1")
        self.run_command("merge", "part0", "part1", "part2", "-o", "joined", "--gallery", "0")
        whole = content(self.path("head"))
        self.assertNotIn("classes.bin", whole)
        self.expect_same("joined", whole)
        self.assertIn("already there", self.index("set", "joined", "--site", "head", "--class-sums"))
        self.expect_same("joined", whole)

    def test_class_sums_that_are_not_there(self):
        self.make_images(6)
        self.index("set", "run", "--class-sums", "--shard", "0/2")
        self.index("set", "other", "--class-sums", "--shard", "1/2")
        with open(self.path("run", "fc1.classes.npy"), "r+b") as file:
            file.seek(-8, os.SEEK_END)
            file.write(bytes(8))
            file.seek(128)
            file.write(b"\1" * (os.path.getsize(self.path("run", "fc1.classes.npy")) - 128))
        self.assertRegex(self.run_command("merge", "run", "other", "-o", "joined", code=4),
                         "run: no file has the sums of class")
        self.assertRegex(self.index("set", "run", "--class-sums", "--shard", "0/2", code=4),
                         "run: no file has the sums of class")
        os.unlink(self.path("run", "fc1.classes.npy"))
        os.mkdir(self.path("run", "fc1.classes.npy"))  # what cannot be read is not called missing
        self.assertRegex(self.run_command("merge", "run", "other", "-o", "joined", code=4),
                         "^vitlrp: run: fc1.classes.npy: cannot read: Is a directory\n$")
        os.rmdir(self.path("run", "fc1.classes.npy"))
        self.assertIn("class_sums", self.index("set", "run", "--shard", "0/2", code=2))
        self.assertIn("--class-sums", self.index("set", "new", "--class-sums", "--kinds", "activation", code=2))

    # ---- What reads an index ----

    def evaluate(self, *words, code=0):
        return self.run_command("eval", os.path.join(MODEL, "images"), "--resize", "none", "--methods",
                                "attnlrp,input-x-gradient,activation", *words, code=code)

    def test_means_of_curves(self):
        """Units that are off at their means, and scores that are counted from there, as the reference has them."""
        self.index(os.path.join(MODEL, "images"), "fc1")
        self.index(os.path.join(MODEL, "images"), "head", "--site", "head")
        with open(os.path.join(MODEL, "expected.json"), encoding="utf-8") as file:
            curves = json.load(file)["curves"]
        words = ("--units", "fc1", "--replace", "mean")
        self.evaluate(*words, "--concepts", "fc1", "--json", "fc1.json")
        with open(self.path("fc1.json"), encoding="utf-8") as file:
            record = json.load(file)
        self.assertEqual(len(record["settings"]["unit_means_sha256"]), 64)
        for image in (0, 5):
            for method in ("attnlrp", "input-x-gradient"):
                with self.subTest(image=image, method=method):
                    found = record["images"][image]["methods"][method]
                    wanted = curves[f"{image}_fc1_all_mean_{method}"]
                    for direction in ("morf", "lerf"):
                        for value, number in zip(found[f"{direction}_logit"], wanted[direction]["logit"]):
                            self.assertAlmostEqual(value, number, 3)
        self.evaluate("--units", "head", "--replace", "mean", "--concepts", "head", "--concepts", "fc1", "--json",
                      "head.json")
        self.assertIn("no index of site head",
                      self.evaluate("--units", "head", "--replace", "mean", "--concepts", "fc1", code=2))
        self.assertIn("no index of site fc1", self.evaluate(*words, code=2))
        self.assertIn("--replace mean", self.evaluate("--units", "fc1", "--concepts", "fc1", code=2))
        self.assertIn("a run has one of them",
                      self.evaluate("--units", "fc1", "--replace", "zero,mean", "--concepts", "fc1", code=2))

    # ---- The same bytes ----

    def test_threads_and_shards(self):
        self.make_images(30)
        self.index("set", "whole", "--threads", "1", "--site", "head")
        whole = content(self.path("whole"))
        self.index("set", "four", "--threads", "4", "--site", "head")
        self.expect_same("four", whole)
        for shard in range(4):
            self.index("set", f"part{shard}", "--shard", f"{shard}/4", "--site", "head")
        parts = [f"part{shard}" for shard in (2, 0, 3, 1)]
        self.run_command("merge", *parts, "-o", "joined", "--gallery", "0")
        self.expect_same("joined", whole)
        self.run_command("merge", *parts, "-o", "joined", "--gallery", "0")
        self.expect_same("joined", whole)
        self.assertIn("not the shards 0 to 3", self.run_command("merge", *parts[:3], "-o", "other", code=3))
        self.assertIn("-o FOLDER", self.run_command("merge", *parts, code=2))
        self.assertIn("--json", self.run_command("merge", *parts, "-o", "other", "--json", "x", code=2))
        self.assertFalse(os.path.exists(self.path("other")))
        self.assertEqual(records.check_folder(self.folder), [])

    def end_after(self, lines, number, words):
        """Ends a run when it has done so many images more than were there."""
        name = self.path("ended", "results.jsonl")
        wanted = lines + count_lines(name)
        process = subprocess.Popen([PROGRAM, "concepts", "set", "-o", "ended", "--resize", "none", "--gallery", "0",
                                    "-q", *words], cwd=self.folder, stderr=subprocess.DEVNULL)
        while process.poll() is None and count_lines(name) < wanted:
            time.sleep(0.001)
        process.send_signal(number)
        return process.wait()

    def test_ended(self):
        """A run that is interrupted has its images in the state, one that is killed those up to its last state: they
        begin behind some images, and each tenth behind a state of its own."""
        self.check_ended()

    def test_ended_class_sums(self):
        """Their files are changed while the state is not: whatever state is there has its rows."""
        self.check_ended("--class-sums")

    def check_ended(self, *words):
        self.make_images(IMAGES)
        self.index("set", "whole", *words)
        codes = []
        for i in range(KILLS):
            lines = 20 if i % 2 == 0 else 600 if i % 10 == 5 else 40
            codes.append(self.end_after(lines, (signal.SIGTERM, signal.SIGKILL)[i % 2], words))
        ended = sum(code == (143, -9)[i % 2] for i, code in enumerate(codes))
        self.assertGreaterEqual(ended, KILLS // 2, codes)  # on a busy machine a run may end before it is ended
        report = self.index("set", "ended", *words)
        self.assertIn("already there", report)
        self.expect_same("ended", content(self.path("whole")))

    # ---- What is refused ----

    def test_failed_images(self):
        self.make_images(5)
        os.remove(self.path("set", "0002.png"))
        with open(self.path("set", "0002.png"), "w", encoding="ascii") as file:
            file.write("no picture")
        self.assertIn("0002.png", self.index("set", "found", code=1))
        self.assertIn("1 failed", self.index("set", "found", code=1))
        self.assertEqual(records.check_folder(self.folder), [])
        self.assertIn("given up", self.index("set", "given", "--max-failures", "0", "--threads", "1", code=1))
        images = set(read_array(self.path("found"), "fc1.relevance.image.npy")[1])
        self.assertEqual(images, {0, 1, 3, 4, 2 ** 32 - 1})  # the last: places that are empty
        before = content(self.path("found"))
        self.index("set", "found", "--retry-failed", code=1)
        self.expect_same("found", before)

    # ---- Files that have changed ----

    def put(self, place, source):
        """The bytes of another of the reference's images, or those of no image, in the place of an image."""
        name = self.path("set", f"{place:04}.png")
        if os.path.lexists(name):
            os.remove(name)
        if source is None:
            with open(name, "w", encoding="ascii") as file:
                file.write("no picture")
        else:
            shutil.copy(os.path.join(MODEL, "images", f"{source:02}.png"), name)

    def test_repaired_images(self):
        """Images that failed are done again when their files are other ones; the index is that of a run that began
        with these files, also where a run was killed between its state and its record."""
        for words in ((), ("--class-sums",)):
            with self.subTest(words):
                self.make_images(6)
                self.put(2, None)
                self.put(4, None)
                self.index("set", "run", *words, code=1)
                self.put(2, 7)
                before = content(self.path("run"))
                self.assertIn("to do         1", self.index("set", "run", "--dry-run", *words))
                self.expect_same("run", before)
                self.index("set", "run", *words, code=1)
                self.put(4, 9)
                self.assertIn("1 in ", self.index("set", "run", "--retry-failed", *words))
                self.index("set", "new", *words)
                self.expect_same("run", content(self.path("new")))
                with open(self.path("run", "run.json"), "wb") as file:
                    file.write(before["run.json"])
                self.index("set", "run", *words)
                self.expect_same("run", content(self.path("new")))
                self.assertEqual(records.check_folder(self.folder), [])
                for name in ("set", "run", "new"):
                    shutil.rmtree(self.path(name))

    def test_file_that_was_missing(self):
        self.make_images(3)
        with open(self.path("list.txt"), "w", encoding="ascii") as file:
            file.writelines(f"set/{i:04}.png\n" for i in range(3))
        os.remove(self.path("set", "0001.png"))
        self.index("list.txt", "run", code=1)
        self.put(1, 1)
        self.assertIn("1 failed", self.index("list.txt", "run", code=1))
        self.index("list.txt", "run", "--retry-failed")
        self.index("list.txt", "new")
        self.expect_same("run", content(self.path("new")))

    def test_changed_image(self):
        """One that the index holds is named, and the folder stays as it is."""
        self.make_images(4)
        self.put(3, None)
        self.index("set", "run", code=1)
        before = content(self.path("run"))
        self.put(1, 7)
        self.put(3, 3)
        for words in ((), ("--retry-failed",)):
            self.assertRegex(self.index("set", "run", *words, code=2),
                             r"run: 0001\.png: its file has changed since .* \(make an index in another folder, or")
            self.expect_same("run", before)

    def test_changed_images_of_shards(self):
        """Their commands, given again, make shards of one set of images, or say which image has changed."""
        self.make_images(6)
        self.put(3, None)
        for shard, code in ((0, 0), (1, 1)):
            self.index("set", f"part{shard}", "--shard", f"{shard}/2", code=code)
        self.run_command("merge", "part0", "part1", "-o", "early", "--gallery", "0", code=1)
        self.put(3, 3)
        self.assertIn("no page is made: files of images that have failed are other ones now",
                      self.run_command("merge", "part0", "part1", "-o", "early", code=1))
        self.index("set", "early")
        self.index("set", "part1", "--shard", "1/2")
        self.assertIn("run the shards again", self.run_command("merge", "part0", "part1", "-o", "joined", code=3))
        self.assertIn("already there", self.index("set", "part0", "--shard", "0/2"))
        self.run_command("merge", "part0", "part1", "-o", "joined", "--gallery", "0")
        self.index("set", "new")
        self.expect_same("joined", content(self.path("new")))
        self.expect_same("early", content(self.path("new")))
        self.put(2, 7)
        self.assertIn("already there", self.index("set", "part1", "--shard", "1/2"))
        self.assertIn("part0: 0002.png", self.index("set", "part0", "--shard", "0/2", code=2))

    def test_other_runs(self):
        self.make_images(4)
        self.assertIn("to do         4", self.index("set", "run", "--dry-run"))
        self.assertFalse(os.path.exists(self.path("run")))
        self.index("set", "run")
        self.assertIn("done          4", self.index("set", "run", "--dry-run"))
        self.assertIn("settings.units.keep is 16", self.index("set", "run", "--keep", "3", code=2))
        with open(self.path("run", "state.bin"), "r+b") as file:
            file.seek(1000)
            byte = file.read(1)
            file.seek(1000)
            file.write(bytes([byte[0] ^ 1]))
        self.assertIn("state.bin: damaged", self.index("set", "run", code=4))
        whole = content(self.path("run"))
        os.remove(self.path("run", "state.bin"))
        self.index("set", "run")
        self.assertEqual({name for name, data in content(self.path("run")).items() if data != whole[name]},
                         {"state.bin"})
        shutil.copytree(self.path("run"), self.path("copy"))
        with open(self.path("copy", "results.jsonl"), encoding="utf-8") as file:
            lines = file.readlines()
        with open(self.path("copy", "results.jsonl"), "w", encoding="utf-8") as file:
            file.writelines(lines[:3])
        self.assertIn("1 of its 4 images still to do", self.run_command("merge", "copy", "-o", "other", code=3))

    def test_options(self):
        self.make_images(1)
        for words, message in ((("--method", "gradcam"), "which show hidden units"),
                               (("--class", "top:2"), "counts once"), (("--keep", "0"), "--keep"),
                               (("--site", "patch"), "--site"), (("--statistic", "mean"), "--statistic")):
            with self.subTest(words):
                self.assertIn(message, self.index("set", "run", *words, code=2))
        self.assertIn("needs a folder", self.run_command("concepts", "set", code=2))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
