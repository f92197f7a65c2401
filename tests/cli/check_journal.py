"""vitlrp eval that is killed, stopped and looked at: the same command goes on, and its reports have the bytes of
a run that nobody disturbed. unit/test_eval_journal has the rest. usage: check_journal.py VITLRP DATA [TEST...]

VITLRP_KILLS is how often the run is killed (3)."""

import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import small_model  # noqa: E402

PROGRAM, DATA = map(os.path.abspath, sys.argv[1:3])
KILLS = int(os.environ.get("VITLRP_KILLS", "3"))
IMAGES = max(16, 3 * KILLS)
REPORTS = ("json", "csv", "html")


class Journal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        small_model.use()
        cls.base = tempfile.TemporaryDirectory()
        os.chdir(cls.base.name)
        os.mkdir("list")
        for i in range(IMAGES):
            os.symlink(os.path.join(DATA, "koala.jpg" if i % 2 else "goldfish.jpg"), f"list/{i:04}.jpg")
        with open("list/0005.png", "w", encoding="ascii") as file:
            file.write("no picture")
        cls.check_run(cls.command("whole", "--threads", "2"))

    @classmethod
    def tearDownClass(cls):
        os.chdir("/")
        cls.base.cleanup()

    @staticmethod
    def command(name, *options):
        reports = [word for kind in REPORTS for word in ("--" + kind, f"{name}.{kind}")]
        return [PROGRAM, "eval", "list", "-q", "--steps", "2", "--methods", "attnlrp,random", *reports, *options]

    @staticmethod
    def check_run(command, code=1):
        """One image of the list is none."""
        result = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        assert result.returncode == code, result
        return result.stderr.decode()

    @staticmethod
    def lines(journal):
        try:
            with open(os.path.join(journal, "results.jsonl"), "rb") as file:
                return file.read().count(b"\n")
        except OSError:
            return 0

    def kill_when(self, command, journal, lines):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while process.poll() is None and self.lines(journal) < lines:
            time.sleep(0.002)
        process.kill()
        return process.wait()

    def expect_whole(self, name):
        for kind in REPORTS:
            with open(f"whole.{kind}", "rb") as whole, open(f"{name}.{kind}", "rb") as found:
                self.assertEqual(found.read(), whole.read(), kind)

    def test_killed(self):
        killed = 0
        for i in range(KILLS):
            code = self.kill_when(self.command("killed"), "killed.json.journal", (i + 1) * IMAGES // (KILLS + 1))
            killed += code == -9
            self.assertFalse(os.path.exists("killed.json"))
        self.assertEqual(killed, KILLS)
        done = self.lines("killed.json.journal")
        self.assertGreater(done, 0)
        os.environ["VITLRP_THREADS"] = "1"
        error = self.check_run([*self.command("killed"), "-v"])
        del os.environ["VITLRP_THREADS"]
        self.expect_whole("killed")
        self.assertFalse(os.path.exists("killed.json.journal"))
        self.assertNotIn("resumes", error)

    def test_looked_at_and_refused(self):
        command = [*self.command("other"), "--journal", "kept"]
        self.kill_when(command, "kept", 3)
        error = self.check_run([PROGRAM, "merge", "kept", "--json", "part.json", "--html", "part.html"], 0)
        with open("part.json", encoding="utf-8") as file:
            part = json.load(file)
        self.assertTrue(part["cancelled"])
        self.assertEqual(len(part["images"]), self.lines("kept"))
        self.assertIn(f"of {part['manifest']['count']} images", error)
        error = self.check_run([*command, "--steps", "3"], 2)
        self.assertIn("kept: holds another run: its protocol differs (steps)", error)
        self.check_run(command)
        self.assertEqual(self.lines("kept"), part["manifest"]["count"])  # asked for by name, it stays
        self.check_run(command)
        self.expect_whole("other")

    def test_tune_killed(self):
        """A search goes on where it was killed: the calibration and the held-out images are done once each."""
        os.mkdir("tuned")
        for i in range(5):
            os.symlink(os.path.join(DATA, ("koala.jpg", "goldfish.jpg")[i % 2]), f"tuned/{i}.jpg")
        tune = [PROGRAM, "tune", "tuned", "-q", "--steps", "1", "--replace", "zero,donor", "--score", "contrast", "-o"]
        self.check_run([*tune, "once.tuned"], 0)
        last = self.count_lines(tune)
        for i in range(KILLS):
            code = self.kill_when([*tune, "killed.tuned"], "killed.tuned.journal", (i + 1) * last // (KILLS + 1))
            self.assertEqual(code, -9)
            self.assertFalse(os.path.exists("killed.tuned"))
        done = self.lines("killed.tuned.journal")
        error = self.check_run([*tune, "killed.tuned", "--steps", "2"], 2)
        self.assertIn("killed.tuned.journal: holds another run: its protocol differs (steps)", error)
        error = self.check_run([PROGRAM, "eval", "tuned", "--journal", "killed.tuned.journal"], 4)
        self.assertIn("killed.tuned.journal/run.json: ", error)
        self.assertGreaterEqual(self.lines("killed.tuned.journal"), done)
        self.check_run([*tune, "killed.tuned"], 0)
        self.assertFalse(os.path.exists("killed.tuned.journal"))
        with open("once.tuned", "rb") as once, open("killed.tuned", "rb") as found:
            self.assertEqual(found.read(), once.read())

    def count_lines(self, tune):
        """Lines of a whole search, whose journal stays where it was asked for."""
        self.check_run([*tune, "kept.tuned", "--journal", "kept.journal"], 0)
        whole = self.lines("kept.journal")
        self.check_run([*tune, "kept.tuned", "--journal", "kept.journal"], 0)
        self.assertEqual(self.lines("kept.journal"), whole)
        return whole

    def test_failed_ones_again(self):
        """An image that failed is done until it is asked for again; the others stay."""
        os.mkdir("mended")
        for i in range(5):
            os.symlink(os.path.join(DATA, "koala.jpg"), f"mended/{i}.jpg")
        with open("mended/5.jpg", "w", encoding="ascii") as file:
            file.write("no picture")
        run = [PROGRAM, "eval", "mended", "-q", "--steps", "2", "--methods", "random", "--json", "kept.json",
               "--journal", "failed"]
        self.check_run(run)
        self.check_run(run)
        self.assertEqual(self.lines("failed"), 6)
        with open("kept.json", "rb") as file:
            once = file.read()
        self.check_run([*run, "--retry-failed"])
        self.assertEqual(self.lines("failed"), 8)  # "open", and failed again
        with open("kept.json", "rb") as file:
            self.assertEqual(file.read(), once)

    @staticmethod
    def write_files(folder, ending, contents):
        os.makedirs(folder, exist_ok=True)
        for i, content in enumerate(contents):
            with open(f"{folder}/{i}{ending}", "wb") as file:
                file.write(content)

    @staticmethod
    def make_map(factor):
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (8, 8), }".ljust(117) + b"\n"
        numbers = [(factor * i) % 64 for i in range(64)]
        return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + struct.pack("<64f", *numbers)

    @staticmethod
    def make_picture(factor):
        return b"P6 64 64 255\n" + bytes(255 * (factor * (i // 3) % 64 < 20) for i in range(3 * 64 * 64))

    def expect_new(self, run, message, name):
        """The command goes on with other files, says so, and ends as one without the journal does."""
        error = self.check_run([*run, "--journal", "read", "--json", "resumed.json", "-v"], 0)
        self.assertIn(message, error)
        self.check_run([*run, "--json", name], 0)
        with open("resumed.json", "rb") as resumed, open(name, "rb") as whole:
            self.assertEqual(resumed.read(), whole.read())

    def test_other_maps_and_masks(self):
        """An image whose map or mask is another one by now is done again, and no result of the old one stays."""
        self.write_files("read_images", ".ppm", map(self.make_picture, (3, 5, 7)))
        for folder, factor in (("maps", 1), ("other_maps", 5)):
            self.write_files(folder, ".npy", [self.make_map(factor)] * 3)
        for folder, factor in (("masks", 1), ("other_masks", 9)):
            self.write_files(folder, ".png", [self.make_picture(factor)] * 3)
        start = [PROGRAM, "eval", "read_images", "-q", "--steps", "2"]
        first, maps, masks = ([*start, "--maps", f"mine={folder}", "--truth-masks", truth] for folder, truth in
                              (("maps", "masks"), ("other_maps", "masks"), ("other_maps", "other_masks")))
        self.check_run([*first, "--journal", "read"], 0)
        self.expect_new(first, "3 of 3 images are done already", "first.json")
        self.expect_new(maps, "files of 3 images have changed since they were done: they are done again", "maps.json")
        self.expect_new(masks, "files of 3 images have changed since they were done", "masks.json")
        self.write_files("other_maps", ".npy", [self.make_map(11)])
        self.expect_new(masks, "files of 1 image have changed since it was done: it is done again", "mended.json")
        lines = self.lines("read")
        os.remove("other_maps/2.npy")
        error = self.check_run([*masks, "--journal", "read"], 3)
        self.assertIn("other_maps: no map of 2.ppm is there", error)
        self.assertEqual(self.lines("read"), lines)
        os.remove("other_masks/1.png")
        self.write_files("other_maps", ".npy", [self.make_map(11)] * 3)
        self.assertIn("other_masks: no mask of 1.ppm is there", self.check_run([*masks, "--journal", "read"], 3))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
