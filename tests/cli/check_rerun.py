"""vitlrp rerun: a run is repeated from its record, what has changed is found, and a record of anybody's
makes it write nothing. usage: check_rerun.py VITLRP DATA"""

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

import records  # noqa: E402
import small_model  # noqa: E402

PROGRAM, DATA = (os.path.abspath(path) for path in sys.argv[1:3])
small_model.use(backend="openblas")

EQUAL, DIFFERENT, USAGE, INPUT, OUTPUT, LIMIT = 0, 1, 2, 3, 4, 5


class Folder(unittest.TestCase):
    """A scratch folder with two images and a model of its own, and one for temporary files."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = os.path.join(scratch.name, "here")
        self.temporary = os.path.join(scratch.name, "tmp")
        os.mkdir(self.folder)
        os.mkdir(self.temporary)
        os.mkdir(self.path("images"))
        for name in ("koala.jpg", "goldfish.jpg"):
            shutil.copy(os.path.join(DATA, name), self.path("images", name))
        small_model.write_tiny(self.path("tiny"))

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def run_program(self, *words, expect=0, **environment):
        run = subprocess.run([PROGRAM, *words], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, check=False,
                             env={**os.environ, "TMPDIR": self.temporary, **environment})
        self.assertEqual(run.returncode, expect, (words, run.stdout, run.stderr))
        return run

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return json.load(file)

    def write(self, name, *values):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write("\n".join(json.dumps(value) for value in values) + "\n")

    def listing(self):
        """Every file with its bytes' identity: what was written over is another file."""
        found = {}
        for root, _, names in os.walk(self.folder):
            for name in names:
                info = os.lstat(os.path.join(root, name))
                found[os.path.relpath(os.path.join(root, name), self.folder)] = (info.st_ino, info.st_mtime_ns,
                                                                                 info.st_size)
        return found

    def rerun(self, record, *words, expect=EQUAL, **environment):
        """The report; nothing is left, and nothing is written over."""
        before = self.listing()
        run = self.run_program("rerun", record, "--json", "-", *words, expect=expect, **environment)
        self.assertEqual(self.listing(), before)
        self.assertEqual(os.listdir(self.temporary), [])
        if expect not in (EQUAL, DIFFERENT):
            return run.stderr
        self.assertEqual(records.check_text(run.stdout), [])
        report = json.loads(run.stdout)
        self.assertEqual(report["equal"], expect == EQUAL)
        return report

    def paths(self, report, of):
        return [found["path"] for found in report["differences"] if found["of"] == of]


class Verbs(Folder):
    def explain(self, *words, record="r.json"):
        self.run_program("explain", "images/koala.jpg", "-q", "--json", record, *words)
        with open(self.path(record), encoding="utf-8") as file:
            self.assertEqual(records.check_text(file.read()), [])
        return self.read(record)

    def test_explain(self):
        for words in ([], ["-c", "predicted,1", "-o", "x.png"], ["--method", "attnlrp-masked", "--seed", "3"],
                      ["--versus", "1", "--gamma-linear", "0.1", "--level", "pixel"],
                      ["--crop", "48", "--ignore-exif", "--style", "heat"], ["--edit", "1:fc1:3=0"]):
            self.explain(*words)
            self.assertGreater(self.rerun("r.json")["figures"], 10, words)

    def test_page(self):
        """A page of several methods has a record of the first."""
        self.explain("-o", "x.html", "--methods", "rollout,attnlrp", "--no-drops")
        self.rerun("r.json")

    def test_lines(self):
        self.run_program("explain", "images/koala.jpg", "images/goldfish.jpg", "-c", "top:2", "-q", "--json", "r.json")
        self.assertEqual(self.rerun("r.json")["differ"],
                         {"figures": 0, "inputs": 0, "options": 0, "circumstances": 0})

    def test_neurons(self):
        for words in ([], ["-o", "x.svg"], ["--raw", "x.npy", "--level", "pixel"], ["--site", "head", "--no-drops"]):
            self.run_program("neurons", "images/koala.jpg", "-q", "--blocks", "1", "--json", "r.json", *words)
            self.assertGreater(self.rerun("r.json")["figures"], 30, words)

    def test_compare(self):
        self.run_program("compare", "images/koala.jpg", "images/goldfish.jpg", "-q", "--steps", "2", "--gammas", "0,0.25",
                         "--json", "r.json")
        self.assertGreater(self.rerun("r.json")["figures"], 10)

    def test_names(self):
        """A model that a variable named is that of the record, whatever the variable says now."""
        self.explain()
        self.rerun("r.json", VITLRP_MODEL=self.path("tiny"), VITLRP_BACKEND="")

    def test_text(self):
        self.explain()
        found = self.run_program("rerun", "r.json").stdout
        self.assertRegex(found, r"\Ar\.json: equal: \d+ figures\n\Z")


class Folders(Folder):
    """Runs over a dataset whose record is a folder."""

    def setUp(self):
        super().setUp()
        self.run_program("batch", "images", "-o", "maps", "-q", "--write", "png,raw,json", "-c", "predicted,1", "-m",
                         "tiny", "-j", "2")

    def test_batch(self):
        report = self.rerun("maps", "-j", "1")
        self.assertEqual(report["files"], 10)
        self.assertGreater(report["figures"], 100)
        self.assertEqual(report["differ"]["circumstances"], 0)

    def test_merged(self):
        for part in ("0/2", "1/2"):
            self.run_program("batch", "images", "-o", "parts", "-q", "-m", "tiny", "--shard", part)
        self.assertIn("run.json", self.rerun("parts", expect=INPUT))
        self.run_program("merge", "parts", "-q")
        self.rerun("parts")

    def test_files_that_are_not_utf8(self):
        """A line has their names escaped."""
        shutil.copy(self.path("images", "koala.jpg"), self.path("images", "\udcff\udcfe.jpg"))
        self.run_program("batch", "images", "-o", "odd", "-q", "--write", "png,raw,json", "-c", "predicted,1", "-m",
                         "tiny")
        self.assertEqual(self.rerun("odd")["files"], 15)
        os.remove(self.path("odd", "\udcff\udcfe.raw.1.npy"))
        value = self.read("odd/\udcff\udcfe.heat.json")
        value["top"][0]["logit"] = 1.5
        self.write("odd/\udcff\udcfe.heat.json", value)
        self.assertEqual(self.paths(self.rerun("odd", expect=DIFFERENT), "figures"),
                         ["\\xFF\\xFE.heat.json[0].top[0].logit", "\\xFF\\xFE.raw.1.npy"])

    def test_concepts(self):
        self.run_program("concepts", "images", "-o", "index", "-q", "-m", "tiny", "--keep", "1")
        self.assertGreater(self.rerun("index")["files"], 5)
        with open(self.path("index", "fc1.sums.npy"), "r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\x7f")
        self.assertEqual(self.paths(self.rerun("index", expect=DIFFERENT), "figures"), ["fc1.sums.npy"])

    def test_changed_files(self):
        os.remove(self.path("maps", "koala.raw.1.npy"))
        os.symlink("../images/koala.jpg", self.path("maps", "koala.raw.1.npy"))
        value = self.read("maps/goldfish.heat.json")
        value["top"][0]["logit"] = 1.5
        self.write("maps/goldfish.heat.json", value)
        self.assertEqual(self.paths(self.rerun("maps", expect=DIFFERENT), "figures"),
                         ["goldfish.heat.json[0].top[0].logit", "koala.raw.1.npy"])

    def test_lines(self):
        with open(self.path("maps", "results.jsonl"), encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        lines[1]["relevance_sum"] += 1
        self.write("maps/results.jsonl", *lines)
        self.assertEqual(self.paths(self.rerun("maps", expect=DIFFERENT), "figures"), ["results[1].relevance_sum"])
        self.write("maps/results.jsonl", lines[0])
        self.assertIn("is not complete: it has 1 of 2 images", self.rerun("maps", expect=INPUT))

    def test_image(self):
        shutil.copy(self.path("images", "goldfish.jpg"), self.path("images", "koala.jpg"))
        self.assertIn("images/koala.jpg: is another file", self.rerun("maps", expect=INPUT))

    def test_hostile(self):
        """A folder decides no more than a file."""
        run = self.read("maps/run.json")
        for word, code in (("--output=maps", INPUT), ("--journal=maps", INPUT), ("--shard=0/2", INPUT),
                           ("--write=png,nothing", USAGE), ("--limit=x", USAGE)):
            self.write("maps/run.json", {**run, "run": {"verb": "batch", "options": ["--model=tiny", word]}})
            self.rerun("maps", expect=code)
        self.write("maps/run.json", {**run, "dataset": "../.."})
        self.rerun("maps", expect=INPUT)

    def test_file_of_a_batch(self):
        self.assertIn("of a batch (give its folder)", self.rerun("maps/koala.heat.json", expect=INPUT))
        self.assertIn("give the folder", self.rerun("maps/run.json", expect=USAGE))


class Evaluations(Folder):
    """What eval and tune have measured."""

    FEW = ("--steps", "2", "-q", "-m", "tiny")

    def test_eval(self):
        for words in (["--methods", "attnlrp,random"], ["--methods", "random", "--replace", "zero,blur", "--seed", "5"],
                      ["--methods", "attnlrp,random", "--reference", "random", "--gamma-fc1", "0.5", "--limit", "1"]):
            self.run_program("eval", "images", *self.FEW, "--json", "r.json", *words)
            report = self.rerun("r.json", "-j", "1")
            self.assertGreater(report["figures"], 40, words)
            self.assertEqual(report["differ"]["circumstances"], 0)

    def test_shards(self):
        """A shard is repeated alone; what merge makes is repeated whole, and states what one run states."""
        few = ("eval", "images", *self.FEW, "--methods", "random")
        self.run_program(*few, "--json", "r.json")
        for shard in range(2):
            self.run_program(*few, "--shard", f"{shard}/2", "--json", f"{shard}.json")
            self.rerun(f"{shard}.json")
        self.run_program("merge", "0.json", "1.json", "-q", "--json", "m.json")
        self.assertEqual(self.read("m.json"), self.read("r.json"))
        self.rerun("m.json")
        self.run_program(*few[:-1], "random,centre", "--json", "r.json")
        self.run_program("merge", "r.json", "-q", "--reference", "centre", "--json", "m.json")
        self.rerun("m.json")

    def test_figure(self):
        self.run_program("eval", "images", *self.FEW, "--methods", "random", "--json", "r.json")
        record = self.read("r.json")
        record["images"][1]["methods"]["random"]["morf_logit"][2] += 1
        self.write("r.json", record)
        self.assertEqual(self.paths(self.rerun("r.json", expect=DIFFERENT), "figures"),
                         ["images[1].methods.random.morf_logit[2]"])
        shutil.copy(self.path("images", "goldfish.jpg"), self.path("images", "koala.jpg"))
        self.assertIn("images/koala.jpg: is another file", self.rerun("r.json", expect=INPUT))

    def test_tune(self):
        for i in range(3):
            shutil.copy(self.path("images", "koala.jpg"), self.path("images", f"{i}.jpg"))
        self.run_program("tune", "images", *self.FEW, "-o", "r.json")
        self.assertGreater(self.rerun("r.json")["figures"], 10)
        value = self.read("r.json")
        value["gamma_fc1"] = 7.5
        self.write("r.json", value)
        self.assertEqual(self.paths(self.rerun("r.json", expect=DIFFERENT), "figures"), ["gamma_fc1"])


class Changes(Folder):
    def setUp(self):
        super().setUp()
        self.run_program("explain", "images/koala.jpg", "-q", "--json", "r.json", "-m", "tiny", "-j", "2")

    def change(self, **members):
        self.write("r.json", {**self.read("r.json"), **members})

    def test_figure(self):
        """Found in the last digit, with its place."""
        record = self.read("r.json")
        record["top"][1]["logit"] += 1e-6 * abs(record["top"][1]["logit"])
        self.write("r.json", record)
        report = self.rerun("r.json", "-j", "2", expect=DIFFERENT)
        self.assertEqual(self.paths(report, "figures"), ["top[1].logit"])
        self.assertLess(abs(report["differences"][0]["relative"] - 1e-6), 1e-7)
        text = self.run_program("rerun", "r.json", "-j", "2", expect=DIFFERENT).stdout
        self.assertRegex(text, r"\Ar\.json: different: 1 of \d+ figures\n  top\[1\]\.logit was .*\nno input, option")

    def test_many_figures(self):
        record = self.read("r.json")
        for line in record["ledger"]:
            line["absorbed"] = 1
        self.write("r.json", record)
        report = self.rerun("r.json", "-j", "2", expect=DIFFERENT)
        self.assertEqual(report["differ"]["figures"], len(record["ledger"]))
        self.assertEqual(len(report["differences"]), min(20, len(record["ledger"])))

    def test_missing_figure(self):
        record = self.read("r.json")
        del record["top"][2]
        del record["logit"]
        self.write("r.json", record)
        self.assertEqual(set(self.paths(self.rerun("r.json", expect=DIFFERENT), "figures")) & {"top[4]", "logit"},
                         {"top[4]", "logit"})

    def test_threads(self):
        """Another number of threads is said, and changes no figure."""
        self.assertEqual(self.paths(self.rerun("r.json", "-j", "1"), "circumstances"), ["run.threads"])

    def test_circumstances(self):
        run = self.read("r.json")["run"]
        run["processor"] = "Another One"
        run["arithmetic"]["kernels"] = "avx1024"
        self.change(run=run, version="0.1.9")
        self.assertEqual(self.paths(self.rerun("r.json", "-j", "2"), "circumstances"),
                         ["version", "run.processor", "run.arithmetic.kernels"])

    def test_option(self):
        """What the options decided is compared too."""
        run = self.read("r.json")["run"]
        run["options"].append("--gamma-fc1=0.5")
        self.change(run=run)
        report = self.rerun("r.json", expect=DIFFERENT)
        self.assertEqual(self.paths(report, "options"), ["parameters.gamma_fc1"])
        self.assertGreater(report["differ"]["figures"], 0)

    def test_image(self):
        shutil.copy(self.path("images", "goldfish.jpg"), self.path("images", "koala.jpg"))
        self.assertRegex(self.rerun("r.json", expect=INPUT), r"\Avitlrp: images/koala\.jpg: is another file than")
        os.remove(self.path("images", "koala.jpg"))
        self.assertRegex(self.rerun("r.json", expect=INPUT), r"\Avitlrp: images/koala\.jpg: cannot open")

    def test_model(self):
        config = os.path.join("tiny", "config.json")
        value = self.read(config)
        value["label_descriptions"]["n01443537"] = "shark"
        self.write(config, value)
        self.assertRegex(self.rerun("r.json", expect=INPUT), r"\Avitlrp: tiny: another model than the record's: ")
        self.assertRegex(self.rerun("r.json", "-m", small_model.PATH, expect=INPUT), "another model.*weights_sha256")

    def test_moved(self):
        """Found below another root, by as much of the name as is there."""
        os.mkdir(self.path("new"))
        os.rename(self.path("images", "koala.jpg"), self.path("new", "koala.jpg"))
        os.rename(self.path("tiny"), self.path("new", "small"))
        self.rerun("r.json", expect=INPUT)
        self.assertRegex(self.rerun("r.json", "--input-root", "new", expect=INPUT), "tiny")
        self.rerun("r.json", "--input-root", "new", "-m", "new/small")

    def test_names_that_are_not_utf8(self):
        """Records have no such bytes."""
        for name in ("images", "tiny"):
            shutil.copytree(self.path(name), self.path(name + "\udce9"))
        for i, words in enumerate((["images\udce9", "-m", "tiny"], ["images", "-m", "tiny\udce9"])):
            self.run_program("batch", *words, "-o", f"maps{i}", "-q")
            self.assertIn("a name that is not UTF-8", self.rerun(f"maps{i}", expect=INPUT))


class Hostile(Folder):
    """Records are read from anywhere: nothing is written, and what is refused is said in a line."""

    def setUp(self):
        super().setUp()
        self.run_program("explain", "images/koala.jpg", "-q", "--json", "r.json", "-m", "tiny")
        self.record = self.read("r.json")

    def refuse(self, expect=INPUT, **members):
        self.write("h.json", {**self.record, **members})
        said = self.rerun("h.json", expect=expect)
        self.assertEqual(said.count("\n"), 1, said)
        self.assertTrue(said.startswith("vitlrp: "), said)
        return said

    def test_options_that_write(self):
        for word in ("--output=x.png", "-o", "-ox.png", "--raw=x.npy", "--json=r.json", "--journal=j", "--html=x.html",
                     "--dump-input=x.npy", "--logits=x.npy", "--limits=pixels=99999999", "--threads=1000", "--help",
                     "--save-text-embeddings=x.npy", "--dry-run", "--no-such", "--out", "x.png", "--", "", "--=", "--class",
                     "--words=1", "--units=fc1", 1, None, ["--class=1"], {"class": 1}):
            self.assertIn("run.options[0]", self.refuse(run={"verb": "explain", "options": [word]}), word)

    def test_members(self):
        for run in ("explain", 1, [], {}, {"verb": "explain"}, {"verb": "batch", "options": []},
                    {"verb": 1, "options": []}, {"verb": "explain", "options": {}}):
            self.refuse(run=run)
        self.assertIn("does not state its command", self.refuse_without("run"))
        for image in ("", "-", 1, None, "images", "/dev/zero", "no\x1bne"):
            self.refuse(image=image)
        self.refuse(format="vitlrp model 2")
        self.refuse(format="vitlrp explanation 2")
        self.refuse(format=3)
        self.refuse(image_escaped=True)

    def refuse_without(self, key):
        self.write("h.json", {name: value for name, value in self.record.items() if name != key})
        return self.rerun("h.json", expect=INPUT)

    def test_types(self):
        """Anything in the place of anything: a verdict or a line, never more."""
        for key in self.record:
            for value in (None, 1, "x", [], {}, [[{}]], True, 1e308):
                self.write("h.json", {**self.record, key: value})
                before = self.listing()
                run = subprocess.run([PROGRAM, "rerun", "h.json", "-q"], cwd=self.folder, stdin=subprocess.DEVNULL,
                                     stderr=subprocess.PIPE, text=True, check=False,
                                     env={**os.environ, "TMPDIR": self.temporary})
                self.assertIn(run.returncode, (EQUAL, DIFFERENT, USAGE, INPUT), (key, value, run.stderr))
                self.assertEqual(self.listing(), before)

    def test_texts(self):
        for text in ("", "{}", "[]", "x", '{"a":' * 100000, '{"format":1}\n{', "\n\n", "\0", '{"a":"\0"}'):
            with open(self.path("h.json"), "w", encoding="utf-8") as file:
                file.write(text)
            said = self.rerun("h.json", expect=LIMIT if len(text) > 99999 else INPUT)
            self.assertEqual(said.count("\n"), 1, said)

    def test_two_commands(self):
        self.run_program("explain", "images/koala.jpg", "-q", "--json", "s.json", "-m", "tiny", "-c", "1")
        self.write("h.json", self.record, self.read("s.json"))
        self.assertIn("of two commands", self.rerun("h.json", expect=INPUT))

    def test_over_the_record(self):
        self.run_program("rerun", "r.json", "--json", "r.json", expect=USAGE)
        os.symlink("r.json", self.path("l.json"))
        self.run_program("rerun", "r.json", "--json", "l.json", expect=USAGE)
        self.assertEqual(self.read("r.json"), self.record)
        self.run_program("rerun", expect=USAGE)
        self.run_program("rerun", "r.json", "r.json", expect=USAGE)

    def test_ended(self):
        """A signal leaves nothing; what one leaves that cannot be caught is the next rerun's to remove."""
        self.run_program("explain", "images/koala.jpg", "images/goldfish.jpg", "-q", "-m", "tiny", "--method", "rise",
                         "--samples", "1500", "--json", "slow.json", "-o", "maps.{stem}.png")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            process = subprocess.Popen([PROGRAM, "rerun", "slow.json"], cwd=self.folder, stdin=subprocess.DEVNULL,
                                       env={**os.environ, "TMPDIR": self.temporary},
                                       preexec_fn=lambda: [signal.signal(n, signal.SIG_DFL) for n in (1, 2, 15)])
            while not os.listdir(self.temporary):
                self.assertIsNone(process.poll())
                time.sleep(0.001)
            process.send_signal(number)
            self.assertEqual(process.wait(), -number)
            self.assertEqual(len(os.listdir(self.temporary)), 1 if number == signal.SIGKILL else 0, number)
        os.mkdir(os.path.join(self.temporary, "vitlrp-rerun-abcdef"))
        self.run_program("rerun", "r.json")
        self.assertEqual(os.listdir(self.temporary), ["vitlrp-rerun-abcdef"])

    def test_no_folder(self):
        """Where nothing can be written, that is said."""
        self.run_program("rerun", "r.json", expect=OUTPUT, TMPDIR=self.path("none"))
        os.mkdir(self.path("a {stem}"))
        self.assertIn("TMPDIR", self.run_program("rerun", "r.json", expect=USAGE, TMPDIR=self.path("a {stem}")).stderr)
        self.assertEqual(os.listdir(self.path("a {stem}")), [])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
