"""Files that are somebody else's: where a run would put its journal, its lock, its record or its page, and what a
record of anybody's names. Nothing of them is lost, and the exit code is the documented one.
usage: check_foreign.py VITLRP GOLDEN"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fault"))

import every_verb  # noqa: E402
import small_model  # noqa: E402

PROGRAM, GOLDEN = (os.path.abspath(path) for path in sys.argv[1:3])
WORDS = os.path.join(GOLDEN, "words", "clip-eos2", "huggingface")
USAGE, INPUT, OUTPUT = 2, 3, 4
small_model.use(backend="openblas")


class Foreign(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name
        for i in range(2):
            every_verb.write_picture(self.path(f"{i}.ppm"), i)
        self.write("list.txt", "0.ppm\n1.ppm\n")
        small_model.write_tiny(self.path("tiny"))
        os.mkdir(self.path("there"))

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def files(self):
        found = {}
        for place, _, names in os.walk(self.folder):
            for name in names:
                with open(os.path.join(place, name), "rb") as file:
                    found[os.path.join(place, name)] = file.read()
        return found

    def run_program(self, *words, expect=0, **environment):
        run = subprocess.run([PROGRAM, *words, "-q"], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, check=False, env={**os.environ, **environment})
        self.assertEqual(run.returncode, expect, (words, run.stderr))
        return run.stderr

    def refused(self, *words, expect=USAGE, **environment):
        """One line, and every file is as it was."""
        before = self.files()
        said = self.run_program(*words, expect=expect, **environment)
        self.assertEqual(said.count("\n"), 1, said)
        self.assertEqual(self.files(), before)
        return said

    def test_journal_of_texts(self):
        save = ("info", "--model", WORDS, "--text", "a bus", "--save-text-embeddings", "t.npy")
        for text in ("my notes", '{"mine": 1}', "two\nlines"):
            self.write("t.npy.journal", text)
            self.assertIn("t.npy.journal: ", self.refused(*save, expect=OUTPUT))
        self.write("t.npy.journal", '{"index": 0, "sta')
        self.run_program(*save)
        self.assertFalse(os.path.exists(self.path("t.npy.journal")))

    def test_journal_that_is_read(self):
        self.write("t.npy.journal", "a bus")
        for words in (["--prompts", "t.npy.journal"], ["--text", "a {}", "--templates", "t.npy.journal"],
                      ["--text", "a bus", "--json", "t.npy.journal"]):
            self.refused("info", "--model", WORDS, *words, "--save-text-embeddings", "t.npy")

    def test_run_folder(self):
        runs = (["concepts", "list.txt", "-m", "tiny", "-o", "there"],
                ["eval", "list.txt", "-m", "tiny", "--methods", "random", "--steps", "1", "--journal", "there"],
                ["tune", "list.txt", "-m", "tiny", "--steps", "1", "--journal", "there", "-o", "t.json"])
        for name in ("run.json", "lock"):
            self.write(f"there/{name}", '{"mine": 1}')
            for words in runs:
                self.assertIn("no run has written it", self.refused(*words))
            os.remove(self.path("there", name))
        self.run_program("concepts", "list.txt", "-m", "tiny", "--class-sums", "-o", "whole")
        for i in range(2):
            self.run_program(*runs[0][:4], "-o", f"half{i}", "--shard", f"{i}/2", "--class-sums")
        written = set(os.listdir(self.path("whole"))) - {"run.json", "results.jsonl", "lock"}
        self.assertLess({"index.html", "crops", "state.bin", "fc1.mean.npy", "fc1.classes.npy"}, written)
        for name in sorted(written | {"classes.bin"}):
            self.write(f"there/{name}", "mine")
            for words in (runs[0], ["merge", "half0", "half1", "-o", "there"]):
                self.assertIn(f"{name} exists without run.json", self.refused(*words))
            os.remove(self.path("there", name))
        self.run_program(*runs[0])

    def test_inputs_of_a_record(self):
        """rerun writes over nothing that it, or the run that it repeats, reads."""
        self.run_program("explain", "0.ppm", "-m", "tiny", "-o", "0.svg", "--json", "r.json")
        self.run_program("batch", "list.txt", "-m", "tiny", "-o", "maps")
        self.run_program("concepts", "list.txt", "-m", "tiny", "-o", "units", "--gallery", "0")
        os.link(self.path("0.ppm"), self.path("hard"))
        os.symlink("0.ppm", self.path("soft"))
        for name in ("r.json", "0.ppm", "hard", "soft", "tiny/config.json"):
            self.refused("rerun", "r.json", "--json", name)
        for record, names in (("maps", ("maps/run.json", "maps/0.heat.png", "maps/index.html")),
                              ("units", ("units/results.jsonl", "units/fc1.sums.npy"))):
            for name in (*names, "list.txt", "0.ppm", "tiny/config.json"):
                self.refused("rerun", record, "--json", name)
        self.write("report.json", "an old report")
        self.run_program("rerun", "maps", "--json", "report.json")
        with open(self.path("report.json"), encoding="utf-8") as file:
            self.assertTrue(json.load(file)["equal"])

    def test_folders_that_are_not_there(self):
        self.run_program("explain", "0.ppm", "-m", "tiny", "-o", "0.svg", "--json", "r.json")
        shutil.copytree(WORDS, self.path("words"))
        for words in (["compare", "0.ppm", "-m", "tiny", "--methods", "random", "--steps", "0", "-o", "none/a.png"],
                      ["compare", "0.ppm", "-m", "tiny", "--methods", "random", "--steps", "0", "--json", "none/a.json"],
                      ["info", "tiny", "--json", "none/a.json"],
                      ["info", "-m", "words", "--text", "a", "--save-text-embeddings", "none/a.npy"],
                      ["rerun", "r.json", "--json", "none/a.json"]):
            self.refused(*words, expect=OUTPUT)
        self.refused("rerun", "r.json", expect=OUTPUT, TMPDIR=self.path("none"))
        self.refused("rerun", "r.json", expect=OUTPUT, TMPDIR=self.path("r.json"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
