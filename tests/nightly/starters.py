"""The starters with GNU parallel, for real: what they leave has the bytes of one run, also where the starter and all that
it has started were killed, and where it is started again; other options are refused. usage: starters.py VITLRP DATA
JOBS. Needs the package parallel."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import small_model  # noqa: E402

PROGRAM, DATA, JOBS = map(os.path.abspath, sys.argv[1:4])
IMAGES, SEEN = 40, 6
EVAL = ["--steps", "4", "--methods", "attnlrp,random"]
BATCH = ["--write", "json"]


def children(process):
    """A process and all below it, which have groups of their own."""
    found = [process]
    for number in found:
        try:
            with open(f"/proc/{number}/task/{number}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
        except FileNotFoundError:
            pass
    return found


def count_lines(folder):
    lines = 0
    for place, _, names in os.walk(folder):
        for name in names:
            if name.startswith("results") and name.endswith(".jsonl"):
                with open(os.path.join(place, name), "rb") as file:
                    lines += file.read().count(b"\n")
    return lines


class Starters(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name
        os.chdir(self.folder)
        self.addCleanup(os.chdir, "/")
        os.mkdir("set")
        for i in range(IMAGES):
            os.symlink(os.path.join(DATA, ("koala.jpg", "goldfish.jpg")[i % 2]), f"set/{i:02}.jpg")
        os.mkdir("bin")
        os.symlink(PROGRAM, "bin/vitlrp")
        small_model.use()
        self.environment = dict(os.environ, PATH=f"{self.folder}/bin:{os.environ['PATH']}")

    def start(self, name, folder, *options):
        return subprocess.Popen([os.path.join(JOBS, name), "set", folder, *options], env=self.environment,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def run_starter(self, *words):
        process = self.start(*words)
        return process.communicate()[1], process.returncode

    def kill(self, *words):
        process = self.start(*words)
        while process.poll() is None and count_lines(words[1]) < SEEN:
            time.sleep(0.01)
        for number in children(process.pid):
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                pass
        process.communicate()
        self.assertEqual(process.returncode, -signal.SIGKILL)
        self.assertLess(count_lines(words[1]), IMAGES)

    def expect_same(self, found, whole):
        with open(found, "rb") as file, open(whole, "rb") as other:
            self.assertTrue(file.read() == other.read(), found)

    def check(self, name, options, found, whole, other):
        """`found` lies in the folder; `other` are options of another run."""
        for folder in ("fresh", "killed"):
            if folder == "killed":
                self.kill(name, folder, *options)
            for _ in range(2):
                error, code = self.run_starter(name, folder, *options)
                self.assertEqual(code, 0, error)
                self.expect_same(os.path.join(folder, found), whole)
        error, code = self.run_starter(name, "fresh", *other)
        self.assertNotEqual(code, 0)
        self.assertIn("another run", error)
        self.expect_same(os.path.join("fresh", found), whole)

    def test_eval(self):
        subprocess.run([PROGRAM, "eval", "set", "-q", *EVAL, "--json", "whole.json"], check=True)
        self.check("eval_parallel", EVAL, "all.json", "whole.json", ["--steps", "5", *EVAL[2:]])

    def test_batch(self):
        subprocess.run([PROGRAM, "batch", "set", "-q", *BATCH, "-o", "whole"], check=True)
        self.check("batch_parallel", BATCH, "results.jsonl", "whole/results.jsonl", [*BATCH, "--method", "rollout"])
        self.expect_same("fresh/index.html", "whole/index.html")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
