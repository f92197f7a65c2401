"""Words of files, names and labels reach people as one harmless line, whatever bytes they hold, and a
list of names costs its length. The tests are named after the rows of the table of bad inputs
(tests/TESTING.md). usage: check_texts.py VITLRP DATA"""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import small_model  # noqa: E402

PROGRAM, DATA = (os.path.abspath(path) for path in sys.argv[1:3])
GOLDFISH = os.path.join(DATA, "goldfish.jpg")
TINY = small_model.PATH
LITTLE = ("-m", TINY, "--methods", "random", "--steps", "1")
SILENT = ("--progress", "never")  # whose line begins with a carriage return; a slow machine would show it
# Escape and bell, a line's end, DEL, C1, U+2028, and marks of direction.
EVIL = "a\x1b]0;P\x07\x1b[2J\r\n\x7f\x9b\u2028\u202e\u2066\u200f\u061cz"
HOSTILE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
TIME_LIMIT = 300


class Case(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8", newline="") as file:
            file.write(text)

    def photo(self, name):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        shutil.copy(GOLDFISH, self.path(name))

    def run_command(self, *arguments, code=0):
        result = subprocess.run([PROGRAM, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIME_LIMIT,
                                check=False)
        said = result.stderr.decode()
        self.assertEqual(result.returncode, code, said)
        return result.stdout.decode(), said

    def on_terminal(self, *arguments):
        """What a terminal is given on standard output and standard error together."""
        ours, terminal = os.openpty()
        with subprocess.Popen([PROGRAM, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=terminal, stderr=terminal) as process:
            os.close(terminal)
            given = b""
            try:
                while part := os.read(ours, 65536):
                    given += part
            except OSError:  # the other side is closed
                pass
            process.wait(TIME_LIMIT)
        os.close(ours)
        return given.decode().replace("\r\n", "\n")  # of the terminal itself

    def assert_harmless(self, text, lines=None):
        self.assertIsNone(HOSTILE.search(text), ascii(text))
        if lines is not None:
            self.assertEqual(text.count("\n"), lines, text)


class Escapes(Case):
    def test_f05_message_of_a_record(self):
        self.write("ds/bad.jpg", "no picture")
        self.photo("ds/good.jpg")
        self.run_command("eval", "ds", *LITTLE, "--json", "r.json", "-q", code=1)
        with open(self.path("r.json"), encoding="utf-8") as file:
            text = file.read()
        message = re.search(r'"message": *"((?:[^"\\]|\\.)*)"', text).group(1)
        self.write("r.json", text.replace(message, json.dumps(EVIL)[1:-1]))
        _, said = self.run_command("merge", "r.json", code=1)
        self.assertIn("a\\x1B]0;P\\x07", said)
        self.assert_harmless(said, 1)

    def test_f05_names_and_labels(self):
        name = EVIL.replace("/", "") + ".jpg"
        self.photo("ds/" + name)
        self.write("ds/b.jpg", "no picture")
        self.write("labels.txt", "".join(f"{EVIL}{i}\n".replace("\r\n", "") for i in range(1000)))
        labels = ("--labels", "labels.txt")
        for words in (("ds/" + name, "-m", TINY, *labels, "-o", "x.png", *SILENT),
                      ("batch", "ds", "-m", TINY, *labels, "-o", "out", "-v", *SILENT),
                      ("eval", "ds", *LITTLE, *labels, *SILENT),
                      ("info", TINY, *labels, "--classes"),
                      ("merge", "ds/" + name), ("ds/" + name, "--method", EVIL),
                      ("ds/" + name, "-c", EVIL), ("--" + EVIL,), ("batch", EVIL, "-o", "none")):
            given = self.on_terminal(*words)
            self.assert_harmless(given)
            self.assertTrue(given, words)

    def test_f05_data_on_a_terminal(self):
        name = EVIL + ".jpg"
        self.photo("ds/" + name)
        for words in (("ds/" + name, "-m", TINY, "--json", "-"), ("eval", "ds", *LITTLE, "--json", "-"),
                      ("eval", "ds", *LITTLE, "--csv", "-"), ("eval", "ds", *LITTLE, "--html", "-")):
            self.assert_harmless(self.on_terminal(*words, *SILENT))

    def test_n01_json_keeps_its_values(self):
        name = "ds/" + EVIL + ".jpg"
        self.photo(name)
        for words in ((name, "-m", TINY, "--json", "-"), ("eval", "ds", *LITTLE, "--json", "-")):
            text, _ = self.run_command(*words)
            self.assert_harmless(text)
            value = json.loads(text)
            known = value["image"] if "image" in value else value["images"][0]["id"]
            self.assertEqual(os.path.basename(known), EVIL + ".jpg")


class Messages(Case):
    """A bad record is the input's fault: its name, the place and the reason, exit code 3 or 5."""

    def record(self):
        self.photo("ds/1.jpg")
        self.run_command("eval", "ds", *LITTLE, "--json", "r.json", "-q")
        with open(self.path("r.json"), encoding="utf-8") as file:
            return json.load(file)

    def test_f25_picture_of_a_gallery(self):
        record = self.record()
        record["gallery"][0]["jpeg"] = "AAAA"
        self.write("bad.json", json.dumps(record))
        for outputs in (("--html", "h.html"), ("--json", "j.json")):
            _, said = self.run_command("merge", "bad.json", *outputs, "-q", code=3)
            self.assertTrue(said.startswith("vitlrp: bad.json: gallery[0]: "), said)
            self.assertFalse(os.path.exists(self.path(outputs[1])))

    def test_f25_settings_beyond_their_limit(self):
        record = self.record()
        record["settings"]["more"] = "x" * 2000000
        self.write("bad.json", json.dumps(record))
        _, said = self.run_command("merge", "bad.json", "-q", code=5)
        self.assertIn("bad.json: ", said)
        self.assertIn("settings: longer than the limit of 1048576 bytes", said)
        self.assertNotIn("out of memory", said)

    def test_f25_files_that_match_nothing(self):
        """A list, table or folder of other things than wanted: its name, what was looked for, exit code 3."""
        for i in range(3):
            self.photo(f"ds/{i}.jpg")
        self.write("notes/readme.md", "")
        self.write("blank", "\n\n")
        self.write("gone", "nope.jpg\nnope2.jpg\n")
        self.write("truth", "zzz.jpg 1\n")
        self.write("classes", "".join(f"{i}.jpg nothing\n" for i in range(3)))
        self.write("boxes", "path,xmin,ymin,xmax,ymax\nzz.jpg,1,2,3,4\n")
        cases = (("notes", (), r"^vitlrp: notes: has no images \(\.jpg"), ("blank", (), "^vitlrp: blank: lists no images"),
                 ("ds", ("--truth", "truth"), r"^vitlrp: truth: names none of the 3 images of ds .*0\.jpg"),
                 ("ds", ("--truth", "classes", "--target", "label"),
                  "^vitlrp: classes: names 3 of the images, but the model knows none"),
                 ("ds", ("--boxes", "boxes"), "^vitlrp: boxes: names none of the 3 images of ds"),
                 ("gone", (), r"^vitlrp: none of the [12] \w*\s?images could be evaluated; the first: nope\.jpg: cannot open"))
        verbs = {"batch": ["-o", "out"], "eval": LITTLE, "tune": ["--steps", "1", "-o", "t.json"],
                 "bench": ["--runs", "1"]}
        for name, options, said in cases:
            for verb, more in verbs.items():
                if (("--boxes" in options or "--target" in options) and verb != "eval") or (verb == "bench" and options) or (
                        name == "gone" and verb in ("batch", "bench")):
                    continue
                operand = ["--batch", name] if verb == "bench" else [name]
                with self.subTest(verb=verb, name=name, options=options):
                    _, stderr = self.run_command(verb, *operand, *options, *more, "-q", code=3)
                    self.assertRegex(stderr, said)
                    self.assertEqual(stderr.count("\n"), 1)
                    self.assertFalse(os.path.exists(self.path("out")))


class Costs(Case):
    """What grew with rows times names, or with the square of the rows, takes a moment."""

    def seconds(self, *arguments):
        """Of the processor: the machine may be busy with others."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.run_command(*arguments)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime

    def test_f09_boxes_of_one_image(self):
        count = 64000
        rows = (f"a/1.jpg,{(i * 37 % count) * 320 / count:.4f},0,320,{i % 250}\n" for i in range(count))
        self.write("boxes.csv", "path,xmin,ymin,xmax,ymax\n" + "".join(rows))
        self.photo("ds/a/1.jpg")
        self.assertLess(self.seconds("eval", "ds", "--boxes", "boxes.csv", *LITTLE, "-q"), 2)

    def test_f07_labels_by_name(self):
        names = ["word " * 190 + f"end {i}" for i in range(1000)]
        self.write("labels.txt", "\n".join(names))
        self.write("truth.csv", "".join(f"{i}.jpg,{names[i * 7 % 1000]}\n" for i in range(500)))
        self.photo("ds/1.jpg")
        self.assertLess(self.seconds("batch", "ds", "-m", TINY, "--labels", "labels.txt", "--truth",
                                     "truth.csv", "-o", "b", "--dry-run"), 5)
        for i in range(500):
            self.write("many/" + "word " * 48 + f"{i}/1.jpg", "")
        self.assertLess(self.seconds("batch", "many", "-m", TINY, "--labels", "labels.txt", "-o", "b",
                                     "--dry-run"), 5)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
