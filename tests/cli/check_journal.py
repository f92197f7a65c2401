"""vitlrp eval that is killed, stopped and looked at: the same command goes on, and its reports have the bytes of
a run that nobody disturbed. unit/test_eval_journal has the rest. usage: check_journal.py VITLRP DATA [TEST...]

VITLRP_KILLS is how often the run is killed (3)."""

import json
import os
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


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
