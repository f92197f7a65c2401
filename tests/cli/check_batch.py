"""vitlrp batch and the merge of its shards: what it writes, and what it makes of being killed, stopped,
locked out, out of disk, or asked for something else. usage: check_batch.py VITLRP DATA [TEST...]

Runs are compared byte for byte, file by file. VITLRP_KILLS is how often a run is killed at a random
moment (default 5). What a run writes, and from what it goes on, is tried with a tiny model, in Batch; what is to
meet a run at work, with one that takes longer, and with the backend that users have, in Stopped."""

import contextlib
import fcntl
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import records  # noqa: E402
import small_model  # noqa: E402

PROGRAM, DATA = (os.path.abspath(path) for path in sys.argv[1:3])
KILLS = int(os.environ.get("VITLRP_KILLS", "5"))
FEW = ("--limit", "12")  # where what is refused does not depend on their number
TIME_LIMIT = 240
GOLDFISH = os.path.join(DATA, "goldfish.jpg")
MISSING_SCANS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "pictures",
                             "missing-scans.jpg")
ODD_NAMES = (b"sp ace.ppm", b"<script>alert(1)<img>.ppm", "\u00e4.ppm".encode(), b"bad\xff\\name.ppm",
             b"per%41cent#.ppm", b'quo"te\'.ppm', b"line\nbreak.ppm")
CONTROL = ("results.jsonl", "run.json", "index.html")


def picture(seed, width=72, height=54):
    source = random.Random(seed)
    colours = [bytes(source.randrange(256) for _ in range(3)) for _ in range(4)]
    rows = [b"".join(colours[(x // 9 + y // 7 * (seed % 3 + 1)) % 4] for x in range(width))
            for y in range(height)]
    return b"P6 %d %d 255\n" % (width, height) + b"".join(rows)


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def command(*arguments):
    return [PROGRAM, *arguments]


def heed_signals():
    """Before a program starts: whatever this one was started with, under nohup, say."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def processor_seconds(process):
    """What a process that has not been waited for has taken."""
    fields = read(f"/proc/{process.pid}/stat").rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(*arguments, **more):
    return subprocess.run(command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=TIME_LIMIT, **more)


def files_of(folder):
    """Every file below the folder with its bytes, hidden ones too."""
    folder = os.fsencode(folder)
    return {os.path.relpath(os.path.join(place, name), folder): read(os.path.join(place, name))
            for place, _, names in os.walk(folder) for name in names}


def lines_of(folder, name="results.jsonl"):
    return [json.loads(line) for line in read(os.path.join(folder, name)).splitlines()]


class Runs(unittest.TestCase):
    """A folder of images, and a run over it that nothing has met."""

    @classmethod
    def make_whole(cls, images):
        cls.images = os.path.join(cls.base, "images")
        for i in range(images):
            write(os.path.join(cls.images, f"{'abc'[i % 3]}/deep/{i:03}.ppm"), picture(i))
        for name in ODD_NAMES:
            write(os.path.join(os.fsencode(cls.images), b"odd", name), picture(len(name)))
        write(os.path.join(cls.images, "a/cut.jpg"), read(GOLDFISH)[:2000])
        write(os.path.join(cls.images, "z/empty.png"), b"")
        cls.count = images + len(ODD_NAMES) + 2
        cls.whole = os.path.join(cls.base, "whole")
        cls.result = run("batch", cls.images, "-o", cls.whole)
        cls.files = files_of(cls.whole)

    @classmethod
    def setUpClass(cls):
        cls.base = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.base)

    def setUp(self):
        self.folder = os.path.join(self.base, "out")

    def tearDown(self):
        wrong = records.check_folder(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.assertEqual(wrong, [])

    def batch(self, *arguments, code=1, **more):
        result = run("batch", self.images, "-o", self.folder, *arguments, **more)
        self.assertEqual(result.returncode, code, result.stderr)
        return result

    def assert_whole(self, folder=None, besides=()):
        found = files_of(folder or self.folder)
        found = {name: data for name, data in found.items() if os.fsdecode(name) not in besides}
        self.assertEqual(sorted(found), sorted(self.files))
        self.assertEqual([name for name in found if found[name] != self.files[name]], [])

    def forecast(self, *arguments):
        """What --dry-run says, by the first word; it changes nothing."""
        def state():
            return [(entry, os.lstat(os.path.join(place, entry)).st_mtime_ns)
                    for place, folders, names in os.walk(self.base) for entry in folders + names]
        before = state()
        result = self.batch("--dry-run", *arguments, code=0)
        self.assertEqual(state(), before)
        self.assertEqual(result.stderr, b"")
        return dict(line.split(None, 1) for line in
                    result.stdout.decode().replace("to do", "to_do").splitlines())


class Batch(Runs):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        small_model.use(small_model.write_tiny(os.path.join(cls.base, "model")), "openblas")
        cls.make_whole(40)

    # ---- What it writes ----

    def test_results(self):
        self.assertEqual(self.result.returncode, 1, self.result.stderr)
        self.assertIn(f"{self.count} of {self.count} images, 2 failed".encode(), self.result.stdout)
        lines = lines_of(self.whole)
        self.assertEqual([line["index"] for line in lines], list(range(self.count)))
        failed = {line["id"]: line for line in lines if line["status"] != "ok"}
        self.assertEqual(set(failed), {"a/cut.jpg", "z/empty.png"})
        self.assertEqual(failed["a/cut.jpg"]["status"], "format")
        self.assertIn("truncated", failed["a/cut.jpg"]["message"])
        self.assertNotIn("files", failed["z/empty.png"])
        told = [name for line in lines for name in line.get("files", ())
                if not line.get("escaped")]
        self.assertEqual(len(told), self.count - 3)
        for name in told:
            self.assertTrue(self.files[os.fsencode(name)].startswith(b"\x89PNG"), name)
        self.assertEqual(len(self.files), 3 * (self.count - 2) + len(CONTROL))
        first = lines[1]
        self.assertEqual((lines[0]["id"], first["id"]), ("a/cut.jpg", "a/deep/000.ppm"))
        self.assertEqual(first["files"], ["a/deep/000.heat.png"])
        self.assertEqual(first["thumbnails"], ["thumbs/a/deep/000.photo.jpg", "thumbs/a/deep/000.thumb.jpg"])
        for name, size in zip(first["thumbnails"], first["thumbnail_bytes"], strict=True):
            self.assertTrue(self.files[name.encode()].startswith(b"\xff\xd8"), name)
            self.assertEqual(len(self.files[name.encode()]), size)
        self.assertEqual((first["predicted"], first["predicted_probability"]), (first["class"], first["probability"]))
        self.assertEqual((first["coarse"]["rows"], max(map(abs, first["coarse"]["percent"]))), (4, 100))
        self.assertEqual(first["method"], "attnlrp")
        self.assertTrue(0 < first["probability"] < 1 and first["name"] and first["wnid"])

    def test_order_is_that_of_the_bytes(self):
        ids = [os.path.relpath(os.path.join(os.fsencode(place), os.fsencode(name)),
                               os.fsencode(self.images))
               for place, _, names in os.walk(self.images) for name in names]
        plain = [name.decode() for name in sorted(ids) if b"\xff" not in name]
        told = [line["id"] for line in lines_of(self.whole) if not line.get("escaped")]
        self.assertEqual(told, plain)

    def test_names_that_are_not_utf8(self):
        line, = [line for line in lines_of(self.whole) if line.get("escaped")]
        self.assertEqual(line["id"], "odd/bad\\xFF\\x5Cname.ppm")
        self.assertIn(b"odd/bad\xff\\name.heat.png", self.files)

    def test_as_explain(self):
        self.batch("--write", "raw,png,json,logits,input,jpg", "--limit", "6", code=0)
        done = [line for line in lines_of(self.folder)
                if line["status"] == "ok" and not line.get("escaped")]
        self.assertGreater(len(done), 3)
        for line in done:
            stem = os.path.join(self.folder, line["files"][0][:-len(".heat.png")])
            with tempfile.TemporaryDirectory() as beside:
                result = run("explain", os.path.join(self.images, line["id"]), "-q", "-o",
                             "x.png", "--raw", "x.npy", "--logits", "l.npy", "--dump-input",
                             "i.npy", "--json", "x.json", cwd=beside)
                self.assertEqual(result.returncode, 0, result.stderr)
                for ours, theirs in ((".heat.png", "x.png"), (".raw.npy", "x.npy"),
                                     (".logits.npy", "l.npy"), (".input.npy", "i.npy")):
                    self.assertEqual(read(stem + ours), read(os.path.join(beside, theirs)), ours)
                told = json.loads(read(stem + ".heat.json"))
                wanted = json.loads(read(os.path.join(beside, "x.json")))
                wanted.pop("timing_ms")
                wanted.pop("run")  # the command, which is another one
                self.assertEqual(told.pop("image"), line["id"])
                wanted.pop("image")
                self.assertEqual(told, wanted)
                self.assertEqual(line["probability"], told["probability"])
            self.assertTrue(read(stem + ".heat.jpg").startswith(b"\xff\xd8"))
            self.assertEqual(len(line["files"]), 6)

    def test_several_classes(self):
        self.batch("--class", "top:3", "--limit", "4", "--write", "png,json", code=0)
        lines = [line for line in lines_of(self.folder) if not line.get("escaped")]
        self.assertGreater(len(lines), 2)
        for line in lines:
            classes = [line["class"]] + [entry["class"] for entry in line["further"]]
            self.assertEqual(len(set(classes)), 3)
            stem = line["id"].rsplit(".", 1)[0]
            self.assertEqual(line["files"],
                             [f"{stem}.heat.{classes[0]}.png", f"{stem}.heat.json"])
            self.assertEqual(line["further"][1]["files"], [f"{stem}.heat.{classes[2]}.png"])
            report = read(os.path.join(self.folder, stem + ".heat.json")).splitlines()
            self.assertEqual([json.loads(row)["class"] for row in report], classes)

    def test_threads_do_not_matter(self):
        for threads in ("1", "5"):
            self.batch("--threads", threads)
            self.assert_whole()
            shutil.rmtree(self.folder)

    def test_labels_as_classes(self):
        photos = os.path.join(self.base, "photos")
        write(os.path.join(photos, "n01443537/goldfish.jpg"), read(GOLDFISH))
        write(os.path.join(photos, "n00000000/x.ppm"), picture(1))
        write(os.path.join(photos, "n02509815/y.ppm"), picture(2))
        result = run("batch", photos, "-o", self.folder, "--class", "label")
        lines = lines_of(self.folder)
        self.assertTrue(lines)
        for line in lines:
            self.assertEqual(line["class"], line["label"])
            self.assertEqual(line["wnid"], line["id"].split("/")[0])
        self.assertNotIn("n00000000/x.ppm", [line["id"] for line in lines])
        self.assertIn(b"has no label that the model knows", result.stderr)

    def test_list_of_files(self):
        listing = os.path.join(self.base, "list.txt")
        path = os.path.join(self.images, "a/deep/000.ppm")
        write(listing, f"{path}\n{GOLDFISH}\n".encode())
        result = run("batch", listing, "-o", self.folder, "-q")
        self.assertEqual((result.returncode, result.stdout), (0, b""), result.stderr)
        for line in lines_of(self.folder):
            place, = line["files"]
            self.assertEqual(place, os.path.splitext(line["id"])[0].lstrip("/") + ".heat.png")
            self.assertTrue(os.path.isfile(os.path.join(self.folder, place)))

    def test_i07_warnings_are_in_the_lines(self):
        images = os.path.join(self.base, "few")
        write(os.path.join(images, "1.jpg"), read(MISSING_SCANS))
        write(os.path.join(images, "2.jpg"), read(GOLDFISH))
        result = run("batch", images, "-o", self.folder, "--write", "json")
        self.assertEqual(result.returncode, 0, result.stderr)
        first, second = lines_of(self.folder)
        self.assertIn("scans of this JPEG are missing", first["warning"])
        self.assertNotIn("warning", second)
        told = json.loads(read(os.path.join(self.folder, "1.heat.json")))
        self.assertEqual(told["warning"], first["warning"])

    def test_page(self):
        page = self.files[b"index.html"].decode()
        self.assertNotIn("<script>alert", page)
        self.assertNotRegex(page, "https?:")
        tiles = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL).group(1))
        self.assertEqual(len(tiles), self.count)
        addresses = {tile[0]: tile[1] for tile in tiles}
        self.assertEqual(addresses["odd/per%41cent#.ppm"], "odd/per%2541cent%23.heat.png")
        self.assertEqual(addresses["odd/bad\\xFF\\x5Cname.ppm"], "odd/bad%FF%5Cname.heat.png")
        self.assertIsNone(addresses["z/empty.png"])

    # ---- What it would do ----

    def test_dry_run_of_a_new_run(self):
        told = self.forecast("-j", "2")
        self.assertFalse(os.path.exists(self.folder))
        self.assertEqual([told[key] for key in ("images", "done", "failed", "to_do", "files")],
                         [str(self.count), "0", "0", str(self.count),
                          "1 for each image: {stem}.heat.png"])
        self.assertRegex(told["threads"], r"^2, with a session of (?!0\.0 )\d+\.\d MB each$")
        told = self.forecast("--class", "top:3", "--write", "png,raw,json", "--shard", "1/4")
        self.assertEqual(told["images"], f"{(self.count - 2) // 4 + 1} of {self.count}, shard 1 of 4")
        self.assertEqual(told["files"], "7 for each image: {stem}.heat.png, {stem}.raw.npy, "
                                        "{stem}.heat.json, of each class")
        self.assertEqual(self.batch("--dry-run", "-q", code=0).stdout, b"")

    def test_dry_run_refuses_what_the_run_refuses(self):
        self.batch("--limit", "5", code=0)
        meeting = os.path.join(self.base, "meeting")
        write(os.path.join(meeting, "x.ppm"), picture(1))
        write(os.path.join(meeting, "x.bmp"), picture(2))
        file = os.path.join(self.base, "file")
        write(file, b"")
        for arguments in ((self.images, "-o", self.folder, "--limit", "6"),
                          (self.images, "-o", self.folder, "--limit", "5", "--style", "heat"),
                          (self.images, "-o", self.folder, "--shard", "0/2"),
                          (meeting, "-o", file + "2"), (self.images, "-o", file),
                          (self.images, "-o", os.path.join(self.images, "a")),
                          (os.path.join(self.base, "none"), "-o", file + "2"),
                          (self.images, "-o", file + "2", "--method", "none")):
            wanted = run("batch", *arguments)
            result = run("batch", *arguments, "--dry-run")
            self.assertGreater(wanted.returncode, 1)
            self.assertEqual((result.returncode, result.stdout, result.stderr),
                             (wanted.returncode, b"", wanted.stderr))
        for place in ("none/out", "none/out/"):
            result = run("batch", self.images, "-o", os.path.join(self.base, place), "--dry-run")
            self.assertEqual(result.returncode, 4)
            self.assertIn(b"none: cannot write into this folder", result.stderr)
        result = run("batch", self.images, "-o", file + "2/", "--dry-run")
        self.assertEqual((result.returncode, os.path.exists(file + "2")), (0, False))

    # ---- After a stop ----

    def test_torn_line_and_missing_files(self):
        self.batch()
        path = os.path.join(self.folder, "results.jsonl")
        data = read(path)
        write(path, data[:-40])
        os.unlink(os.path.join(self.folder, "b/deep/001.heat.png"))
        os.unlink(os.path.join(self.folder, "index.html"))
        write(os.path.join(self.folder, ".vitlrp/staging/.vitlrp-1-0.tmp"), b"half a file")
        result = self.batch()
        self.assertIn(b"; 2 in ", result.stdout)
        self.assert_whole()

    def test_nothing_left_to_do(self):
        self.batch()
        self.assertNotIn(b" s, ", self.batch().stdout)
        self.assert_whole()

    def test_line_that_is_none(self):
        self.batch()
        path = os.path.join(self.folder, "results.jsonl")
        rows = read(path).splitlines(keepends=True)
        write(path, rows[0] + b"garbage\n" + b"".join(rows[1:]))
        self.assertIn(b"results.jsonl: line 2: not valid JSON", self.batch(code=4).stderr)
        write(path, rows[0].replace(b'"index":0', b'"index":999') + b"".join(rows[1:]))
        self.assertIn(b"image 999 is not one of this list", self.batch(code=4).stderr)

    def test_failed_images_again(self):
        images = os.path.join(self.base, "mended")
        write(os.path.join(images, "x.ppm"), b"P6 1 1 255\n")
        write(os.path.join(images, "y.ppm"), picture(3))
        arguments = ("batch", images, "-o", self.folder)
        self.assertEqual(run(*arguments).returncode, 1)
        for more, known in (((), b"2"), (("--retry-failed",), b"1")):
            result = run(*arguments, *more)
            self.assertEqual(result.returncode, 1)
            self.assertIn(b"; %s already there" % known, result.stdout)
            self.assertEqual(lines_of(self.folder)[0]["status"], "format")
        write(os.path.join(images, "x.ppm"), picture(4))  # mended: other bytes
        self.assertEqual(run(*arguments).returncode, 0)
        self.assertEqual([line["status"] for line in lines_of(self.folder)], ["ok", "ok"])

    def test_results_of_other_bytes_are_gone(self):
        """Classes give names, so those of another photograph stay beside its own; what is not the run's stays."""
        images = os.path.join(self.base, "replaced")
        arguments = ("batch", images, "-o", self.folder, "--class", "predicted,950", "--write",
                     "png,raw,json", "-m", small_model.PATH)
        for name in ("kept", "broken", "other"):
            write(os.path.join(images, f"d/{name}.jpg"), read(GOLDFISH))
        write(os.path.join(os.fsencode(images), b"d/\xff.jpg"), read(GOLDFISH))
        self.assertEqual(run(*arguments).returncode, 0)
        before = files_of(self.folder)
        own = {os.path.join(self.folder, f"d/broken.raw.{name}.npy"): b"mine" for name in ("7", "950")}
        for path, data in own.items():
            write(path, data)
        write(os.path.join(images, "d/broken.jpg"), b"no picture")
        for name in (b"other", b"\xff"):
            write(os.path.join(os.fsencode(images), b"d/%s.jpg" % name), read(os.path.join(DATA, "koala.jpg")))
        self.assertEqual(run(*arguments, "--dry-run").returncode, 0)
        self.assertEqual(set(before), set(files_of(self.folder)) - {b"d/broken.raw.7.npy"})
        os.unlink(os.path.join(self.folder, "d/other.heat.950.png"))  # a run was killed over them
        self.assertEqual(run(*arguments).returncode, 1)
        named = {b"run.json", b"results.jsonl", b"index.html"}
        for line in lines_of(self.folder):
            for one in (line, *line.get("further", ())):
                named.update(name.encode().replace(b"\\xFF", b"\xff")
                             for name in one.get("files", []) + one.get("thumbnails", []))
        found = files_of(self.folder)
        self.assertEqual(set(found) - named, {b"d/broken.raw.950.npy", b"d/broken.raw.7.npy"})
        self.assertEqual(named - set(found), set())
        self.assertEqual({name for name in set(before) - set(found) if b"other" in name},
                         {b"d/other.heat.1.png", b"d/other.raw.1.npy", b"thumbs/d/other.thumb.1.jpg"})
        self.assertEqual(found[b"d/kept.heat.950.png"], before[b"d/kept.heat.950.png"])

    def test_too_many_failures(self):
        """Bad pictures first, so that a run that does not stop would be seen to go on."""
        images = os.path.join(self.base, "mostly_bad")
        for i in range(80):
            bad = i < 40
            write(os.path.join(images, f"{i:02}.ppm"), b"P6 1 1 255\n" if bad else picture(i % 3))
        whole = os.path.join(self.base, "mostly_bad_whole")
        self.assertEqual(run("batch", images, "-o", whole).returncode, 1)
        arguments = ("batch", images, "-o", self.folder, "-j", "1", "--max-failures")
        for limit, least in (("3", 4), ("10%", 20)):
            result = run(*arguments, limit)
            self.assertEqual(result.returncode, 1)
            told = re.fullmatch(rb"vitlrp: given up: (\d+) of (\d+) images failed \(--max-failures " +
                                limit.encode() + rb"\); what was done is written\n", result.stderr)
            self.assertTrue(told, result.stderr)
            lines = lines_of(self.folder)
            self.assertEqual([int(number) for number in told.groups()], [len(lines)] * 2)
            self.assertTrue(least <= len(lines) < 40, len(lines))
            self.assertIn(b"the same command resumes the run", result.stdout)
            self.assertNotIn(b"index.html", files_of(self.folder))
            shutil.rmtree(self.folder)
        self.assertEqual(run(*arguments, "3").returncode, 1)
        before = len(lines_of(self.folder))
        result = run(*arguments, "40")
        self.assertEqual((result.returncode, result.stderr), (1, b""))
        self.assertIn(f"; {before} already there".encode(), result.stdout)
        self.assertEqual(files_of(self.folder), files_of(whole))
        shutil.rmtree(self.folder)
        result = run(*arguments, "39")
        self.assertIn(b"given up: 40 of ", result.stderr)

    def test_failures_of_the_last_images(self):
        self.batch("--max-failures", "1", "-j", "1")
        self.assert_whole()

    # ---- Folders of program 0.1 ----

    @staticmethod
    def take_configuration(run_record):
        """Until format 2 this was all that a run told of its model, beside the weights."""
        configuration = run_record.pop("configuration")
        run_record["settings"].update(heads=configuration["heads"],
                                      labels_sha256=configuration["files"].get("labels"))
        for key in ("truth_sha256", "content_sha256"):
            del run_record["manifest"][key]

    def make_old(self, name="run.json", results="results.jsonl"):
        """Makes the folder one of program 0.1: its format 1 differs from 3 in these members only."""
        path = os.path.join(self.folder, name)
        run_record = json.loads(read(path))
        settings = run_record["settings"]
        settings["backend"] = settings.pop("arithmetic")["backend"]
        settings["preprocess"]["crop"].reverse()
        self.take_configuration(run_record)
        run_record.update(format="vitlrp batch 1", version="0.1.0", settings_sha256="0" * 64)
        write(path, json.dumps(run_record, indent=2).encode() + b"\n")
        path = os.path.join(self.folder, results)
        write(path, read(path).replace(b'{"format":"vitlrp batch image 3",', b'{"v":1,'))

    @contextlib.contextmanager
    def old_records(self):
        """The schemas are those of what this program writes: an old folder is looked at apart."""
        try:
            yield
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def test_older_format_is_resumed(self):
        with self.old_records():
            self.batch()
            self.make_old()
            before = read(os.path.join(self.folder, "run.json"))
            os.unlink(os.path.join(self.folder, "a/deep/000.heat.png"))
            self.assertIn(b"; %d already there" % (self.count - 1), self.batch().stdout)
            found = files_of(self.folder)
            self.assertEqual(found[b"run.json"], before)
            for name, data in self.files.items():
                if name not in (b"run.json", b"results.jsonl"):
                    self.assertEqual(found[name], data, name)
            lines = lines_of(self.folder)
            self.assertEqual([line["index"] for line in lines], list(range(self.count)))
            self.assertEqual(sum("v" in line for line in lines), self.count - 1)
            said = self.batch("--gamma-conv", "1", code=2).stderr
            self.assertIn(b"settings.parameters.gamma_conv", said)

    def test_older_format_with_another_backend(self):
        with self.old_records():
            self.batch("--limit", "2", code=0)
            self.make_old()
            path = os.path.join(self.folder, "run.json")
            write(path, re.sub(rb'"backend": "\w+"', b'"backend": "abacus"', read(path)))
            said = self.batch("--limit", "2", code=2).stderr
            self.assertIn(b'settings.arithmetic.backend is "abacus" in the old run', said)

    def test_older_format_that_misses_members(self):
        with self.old_records():
            self.batch("--limit", "2", code=0)
            self.make_old()
            path = os.path.join(self.folder, "run.json")
            write(path, read(path).replace(b'"crop"', b'"corp"'))
            self.assertIn(b"lacks settings of a batch", self.batch("--limit", "2", code=4).stderr)

    def test_older_shard_is_merged(self):
        with self.old_records():
            self.shards(2)
            self.make_old("run.0-of-2.json", "results.0-of-2.jsonl")
            self.merge(self.folder)
            merged = json.loads(read(os.path.join(self.folder, "run.json")))
            self.assertEqual(records.check(merged), [])
            self.assertEqual(merged["upgraded_from"], "vitlrp batch 1")
            self.assertEqual(merged["settings"]["preprocess"]["crop"], [32, 32])
            self.assertEqual(len(lines_of(self.folder)), self.count)

    def test_other_arithmetic(self):
        for key in ("library", "kernels"):
            self.shards(2, "part{}", FEW)
            path = os.path.join(self.folder, "part1", "run.1-of-2.json")
            run_record = json.loads(read(path))
            run_record["settings"]["arithmetic"][key] = "another"
            write(path, json.dumps(run_record).encode())
            parts = [os.path.join(self.folder, f"part{i}") for i in range(2)]
            said = self.merge(*parts, "-o", os.path.join(self.folder, "together"), code=3).stderr
            self.assertIn(b"settings.arithmetic." + key.encode(), said)
            shutil.rmtree(self.folder)

    # ---- Other settings, other processes, other disks ----

    def test_other_settings(self):
        self.batch("--limit", "9", code=0)
        before = files_of(self.folder)
        for arguments, told in ((("--method", "rollout"), b"settings.method"),
                                (("--gamma-conv", "1"), b"settings.parameters.gamma_conv"),
                                (("--style", "heat"), b"settings.picture.style"),
                                (("--class", "1"), b"settings.target.class"),
                                (("--write", "raw"), b"settings.write"),
                                (("--limit", "8"), b"manifest.count is 9 in the old run")):
            result = self.batch("--limit", "9", *arguments, code=2)
            self.assertIn(told, result.stderr)
            self.assertEqual(result.stderr.count(b"\n"), 1)
        self.batch("--limit", "9", "--threads", "2", code=0)
        self.assertEqual(files_of(self.folder), before)

    def test_other_images(self):
        images = os.path.join(self.base, "growing")
        write(os.path.join(images, "x.ppm"), picture(1))
        self.assertEqual(run("batch", images, "-o", self.folder).returncode, 0)
        write(os.path.join(images, "y.ppm"), picture(2))
        result = run("batch", images, "-o", self.folder)
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"manifest.count is 1 in the old run and 2 in this one", result.stderr)

    def test_files_in_the_way(self):
        write(os.path.join(self.folder, "a/deep/000.heat.png"), b"mine")
        self.assertIn(b"a/deep/000.heat.png: exists, and no run of batch made it", self.batch(code=2).stderr)
        self.assertEqual(read(os.path.join(self.folder, "a/deep/000.heat.png")), b"mine")

    def test_disk_full(self):
        """On a small file system of its own; without leave to mount one, by a limit on files."""
        os.makedirs(self.folder)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", self.folder],
                                 stderr=subprocess.DEVNULL).returncode == 0
        try:
            if mounted:
                result = self.batch(code=4)
                self.assertIn(b"No space left on device", result.stderr)
            else:
                limit = max(len(data) for name, data in self.files.items() if name.endswith(b".png"))
                self.assertLess(limit, len(self.files[b"results.jsonl"]))
                result = self.batch(code=4, restore_signals=False, preexec_fn=lambda: (
                    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))))
                self.assertIn(b"File too large", result.stderr)
            self.assertEqual(result.stderr.count(b"\n"), 1)
            self.assertIn(b"the same command resumes the run", result.stdout)
            for name, data in files_of(self.folder).items():
                if name.endswith(b".png"):
                    self.assertEqual(data, self.files[name])
            self.assertGreater(len(lines_of(self.folder)), 1)
            if mounted:
                subprocess.run(["mount", "-o", "remount,size=64m", self.folder], check=True)
            self.batch()
            self.assert_whole()
        finally:
            if mounted:
                subprocess.run(["umount", self.folder], check=True)

    def test_no_file_descriptors(self):
        result = self.batch("-j", "1", code=4, preexec_fn=lambda: (
            resource.setrlimit(resource.RLIMIT_NOFILE, (7, 7))))
        self.assertIn(b"Too many open files", result.stderr)
        self.assertEqual(result.stderr.count(b"\n"), 1)
        self.batch()
        self.assert_whole()

    @unittest.skipUnless(shutil.which("strace"), "strace is not there")
    def test_on_the_disk_before_it_is_told(self):
        """A file is synced, renamed and its folder synced before its line is written."""
        trace = os.path.join(self.base, "trace")
        subprocess.run(["strace", "-f", "-y", "-o", trace, "-e", "trace=fsync,renameat,write",
                        *command("batch", self.images, "-o", self.folder, "-q", "--limit", "6")],
                       check=True, timeout=TIME_LIMIT,
                       # The search for leaks cannot trace what is traced already.
                       env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
        calls = {}
        for line in read(trace).decode(errors="replace").splitlines():
            thread, _, call = line.partition(" ")
            if not call.lstrip().startswith("<"): # the end of one that was told before
                calls.setdefault(thread, []).append(call.strip())
        files = 0
        for of_thread in calls.values():
            for place, call in enumerate(of_thread):
                if call.startswith("renameat") and (".heat.png" in call or "/thumbs" in call):
                    files += 1
                    before, after, line = (of_thread[place + step] for step in (-1, 1, 2))
                    self.assertRegex(before, r"^fsync\(\d+<.*/staging/\.vitlrp-.*\.tmp>")
                    self.assertRegex(after, r"^fsync\(\d+<.*/out")
                    if ".thumb.jpg" in call: # the last file of an image
                        self.assertRegex(line, r"^write\(\d+<.*/results\.jsonl>")
        self.assertEqual(files, 18)

    # ---- Shards ----

    def shards(self, count, folder="{}", few=()):
        for i in range(count):
            place = os.path.join(self.folder, folder.format(i) if folder != "{}" else "")
            os.makedirs(self.folder, exist_ok=True)
            result = run("batch", self.images, "-o", place, "--shard", f"{i}/{count}", *few)
            self.assertIn(result.returncode, (0, 1), result.stderr)

    def merge(self, *arguments, code=1):
        result = run("merge", *arguments)
        self.assertEqual(result.returncode, code, result.stderr)
        return result

    def test_merged_shards(self):
        for count in (2, 7):
            self.shards(count)
            self.merge(self.folder)
            parts = [f"{name}.{i}-of-{count}.{ending}" for i in range(count)
                     for name, ending in (("run", "json"), ("results", "jsonl"))]
            self.assert_whole(besides=parts)
            self.merge(self.folder)
            self.assert_whole(besides=parts)
            shutil.rmtree(self.folder)

    def test_more_shards_than_images(self):
        for i in range(5):
            self.batch("--limit", "3", "--shard", f"{i}/5", code=0)
        self.merge(self.folder, code=0)
        self.assertEqual(len(lines_of(self.folder)), 3)

    def test_shards_in_folders_of_their_own(self):
        self.shards(3, "part{}")
        parts = [os.path.join(self.folder, f"part{i}") for i in range(3)]
        self.merge(*parts, code=2)
        together = os.path.join(self.folder, "together")
        self.merge(*parts, "-o", together)
        self.assert_whole(together)

    def test_killed_shard(self):
        for i in (0, 1, 3):
            run("batch", self.images, "-o", self.folder, "--shard", f"{i}/4")
        self.assertIn(b"shard 2 of 4 is missing", self.merge(self.folder, code=3).stderr)
        for name in lines_of(self.folder, "results.1-of-4.jsonl")[3]["files"]:
            os.unlink(os.path.join(self.folder, name))
        path = os.path.join(self.folder, "results.1-of-4.jsonl")
        write(path, read(path)[:-3])
        self.batch("--shard", "2/4", code=0)
        self.assertIn(b"shard 1 of 4 has 1 of its", self.merge(self.folder, code=3).stderr)
        self.batch("--shard", "1/4", code=0)
        self.merge(self.folder)
        parts = [f"{name}.{i}-of-4.{ending}" for i in range(4)
                 for name, ending in (("run", "json"), ("results", "jsonl"))]
        self.assert_whole(besides=parts)

    def test_shards_that_do_not_fit(self):
        self.shards(2, "part{}", FEW)
        one, two = (os.path.join(self.folder, f"part{i}") for i in range(2))
        copy = os.path.join(self.folder, "copy")
        shutil.copytree(one, copy)
        together = os.path.join(self.folder, "together")
        said = self.merge(one, copy, two, "-o", together, code=3).stderr
        self.assertIn(b"shard 0 of 2 occurs twice", said)
        other = os.path.join(self.folder, "other")
        run("batch", self.images, "-o", other, "--shard", "1/2", "--method", "rollout", *FEW)
        said = self.merge(one, other, "-o", together, code=3).stderr
        self.assertIn(b'settings.method is "attnlrp" in shard 0 and "rollout" in shard 1', said)
        run("batch", self.images, "-o", other + "3", "--shard", "1/3", *FEW)
        said = self.merge(one, other + "3", "-o", together, code=3).stderr
        self.assertIn(b"some shards are of 2 and some are of 3", said)
        self.assertNotIn(b"results.jsonl", files_of(together))
        for option in ("--csv", "--html", "--json"):
            self.merge(one, two, "-o", together, option, "x", code=2)

    # ---- Records that are damaged ----

    def damaged(self, path, member, value):
        """The file, its second line or a record, gets another value (None: none) at a path of members."""
        data = read(path)
        lines = data.split(b"\n") if path.endswith("jsonl") else [data]
        chosen = 1 if path.endswith("jsonl") else 0
        record = json.loads(lines[chosen])
        place = record
        *way, key = member
        for step in way:
            place = place[step]
        place.update({key: value})
        if value is None:
            del place[key]
        lines[chosen] = json.dumps(record).encode()
        write(path, b"\n".join(lines))
        return data

    def test_f25_lines_without_sense(self):
        """Resume and merge refuse them by file, line and member: they would be in the joined run."""
        self.shards(2, "part{}", FEW)
        parts = [os.path.join(self.folder, f"part{i}") for i in range(2)]
        path = os.path.join(parts[1], "results.1-of-2.jsonl")
        values = {"format": ("x", 3, None, "vitlrp batch 3"), "index": ("1", 1.0, True, -1, None),
                  "id": (7, "", None), "escaped": (False, 1), "status": ("what", "OK", 1, None),
                  "sha256": ("0" * 63, "G" * 64, 5, []), "label": ("1", -1, 0.5, None), "method": (3, None),
                  "warning": (1, []), "class": ("1", -1, 2 ** 40, None), "wnid": (1, None), "name": ([], None),
                  "probability": ("1", -0.5, 1.5, None), "logit": ("1", True, None), "relevance_sum": ([], None),
                  "files": ({}, "a", [1], [""], None), "bytes": ([], ["1"], [-1], [1, 2], 5, None),
                  "further": ({}, [1], [{}])}
        for key, wrong in values.items():
            for value in wrong:
                with self.subTest(key=key, value=value):
                    kept = self.damaged(path, [key], value)
                    where = re.escape(path).encode() + b": line 2: .*"
                    where += key.encode() if key != "further" or value == {} else b"missing"
                    result = self.merge(*parts, "-o", os.path.join(self.folder, "together"), code=3)
                    self.assertRegex(result.stderr, where)
                    self.assertEqual(result.stderr.count(b"\n"), 1)
                    if value is wrong[0]:
                        result = run("batch", self.images, "-o", parts[1], "--shard", "1/2", *FEW)
                        self.assertEqual(result.returncode, 4, result.stderr)
                        self.assertRegex(result.stderr, where)
                    write(path, kept)
        self.merge(*parts, "-o", os.path.join(self.folder, "together"), code=0)

    def test_f25_files_of_another_choice(self):
        """A line whose files are not those of the run is done again; merge says which image."""
        self.shards(2, "part{}", FEW)
        parts = [os.path.join(self.folder, f"part{i}") for i in range(2)]
        path = os.path.join(parts[0], "results.0-of-2.jsonl")
        record = json.loads(read(path).split(b"\n")[1])
        self.assertEqual(record["status"], "ok")
        self.damaged(path, ["files"], [])
        self.damaged(path, ["bytes"], [])
        said = self.merge(*parts, "-o", os.path.join(self.folder, "together"), code=3).stderr
        self.assertIn(b"%s: the files of image %d are not" % (path.encode(), record["index"]), said)
        self.assertIn(b"; 1 ", run("batch", self.images, "-o", parts[0], "--shard", "0/2", *FEW).stdout)
        self.merge(*parts, "-o", os.path.join(self.folder, "together"), code=0)

    def test_f25_record_without_sense(self):
        self.shards(2, "part{}", FEW)
        parts = [os.path.join(self.folder, f"part{i}") for i in range(2)]
        path = os.path.join(parts[1], "run.1-of-2.json")
        values = {("version",): (1, None), ("model",): (1, None), ("dataset",): ([], None),
                  ("weights_sha256",): ("x", None), ("configuration",): (1, None), ("manifest",): ([], None),
                  ("manifest", "count"): ("67", 1.5, -1, None), ("manifest", "skipped"): ("0", None),
                  ("manifest", "sha256"): ("0", None), ("manifest", "content_sha256"): (1, "x"),
                  ("shard",): (1, None), ("shard", "index"): ("1", 2, 0), ("shard", "count"): (0, 3, "2"),
                  ("settings",): ("x", None), ("settings", "method"): (1, None),
                  ("settings", "write"): ("png", [], ["x"], [1], None),
                  ("settings", "target", "top"): ("1", 0, None), ("settings_sha256",): (1, None)}
        for member, wrong in values.items():
            for value in wrong:
                with self.subTest(member=member, value=value):
                    kept = self.damaged(path, member, value)
                    result = self.merge(*parts, "-o", os.path.join(self.folder, "together"), code=3)
                    self.assertIn(path.encode() + b": ", result.stderr)
                    self.assertEqual(result.stderr.count(b"\n"), 1)
                    write(path, kept)


class Stopped(Runs):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        small_model.use()
        cls.make_whole(40)

    def wait_for_lines(self, process, count, name="results.jsonl"):
        path = os.path.join(self.folder, name)
        while process.poll() is None:
            if os.path.exists(path) and read(path).count(b"\n") >= count:
                return
            time.sleep(0.002)

    def start(self, before=heed_signals, **more):
        return subprocess.Popen(command("batch", self.images, "-o", self.folder, "-j", "1"),
                                preexec_fn=before, **more)

    def test_killed_at_random_moments(self):
        moments = random.Random(7)
        for _ in range(KILLS):
            process = subprocess.Popen(command("batch", self.images, "-o", self.folder, "-q"))
            time.sleep(moments.uniform(0.01, 0.5))
            process.kill()
            process.wait()
            for name, data in files_of(self.folder).items() if os.path.isdir(self.folder) else ():
                if name.endswith(b".png") and not name.startswith(b".vitlrp"):
                    self.assertEqual(data, self.files[name])
            if moments.random() < 0.3:
                shutil.rmtree(self.folder, ignore_errors=True)
        self.batch()
        self.assert_whole()

    def test_interrupted(self):
        """One run, stopped and resumed again and again."""
        done = 0
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
            process = self.start(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.wait_for_lines(process, done + 5)
            process.send_signal(number)
            out, err = process.communicate(timeout=TIME_LIMIT)
            self.assertEqual(process.returncode, code, err)
            self.assertIn(b"the same command resumes the run", out)
            self.assertNotIn(b"index.html", files_of(self.folder))
            before, done = done, len(lines_of(self.folder))
            self.assertGreaterEqual(done, before + 5)
            self.assertEqual(f"; {before} already there".encode() in out, before > 0, out)
        self.assertIn(f"; {done} already there".encode(), self.batch().stdout)
        self.assert_whole()

    def test_interrupted_within_a_pass(self):
        """An image that has minutes to go is left to the next run, and what came of it is nowhere."""
        arguments = "batch", self.images, "-o", self.folder, "-j", "1", "--method", "rise", "--samples", "60000"
        process = subprocess.Popen(command(*arguments), preexec_fn=heed_signals, stdout=subprocess.DEVNULL)
        self.wait_for_lines(process, 1) # the photograph that cannot be read; the next one is begun
        begun = processor_seconds(process)
        while process.poll() is None and processor_seconds(process) < begun + 0.5:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(TIME_LIMIT), 130)
        self.assertEqual([line["status"] for line in lines_of(self.folder) if line["status"] == "ok"], [])
        self.assertEqual([name for name in files_of(self.folder) if name.endswith(b".png")], [])
        result = run(*arguments, "--dry-run")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_second_signal(self):
        process = self.start(stdout=subprocess.DEVNULL)
        self.wait_for_lines(process, 5)
        for number in (signal.SIGSTOP, signal.SIGINT, signal.SIGHUP, signal.SIGCONT):
            process.send_signal(number)
        self.assertIn(process.wait(TIME_LIMIT), (-signal.SIGINT, -signal.SIGHUP))
        self.batch()
        self.assert_whole()

    def test_ignored_signals(self):
        numbers = signal.SIGHUP, signal.SIGINT
        process = self.start(lambda: [signal.signal(number, signal.SIG_IGN) for number in numbers],
                             stdout=subprocess.DEVNULL)
        self.wait_for_lines(process, 5)
        for number in numbers:
            process.send_signal(number)
        self.assertEqual(process.wait(TIME_LIMIT), 1)
        self.assert_whole()

    def test_terminal_that_hangs_up(self):
        ours, terminal = os.openpty()
        process = self.start(lambda: (heed_signals(), fcntl.ioctl(1, termios.TIOCSCTTY, 0)),
                             start_new_session=True, stdin=terminal, stdout=terminal,
                             stderr=terminal)
        os.close(terminal)
        self.wait_for_lines(process, 5)
        os.close(ours)
        self.assertEqual(process.wait(TIME_LIMIT), 129)
        self.batch()
        self.assert_whole()

    def test_dry_run_of_one_that_was_stopped(self):
        process = self.start(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait_for_lines(process, 9)
        process.send_signal(signal.SIGTERM)
        process.wait(TIME_LIMIT)
        lines = lines_of(self.folder)
        failed = sum(line["status"] != "ok" for line in lines)
        done = len(lines) - failed
        with open(os.path.join(self.folder, "results.jsonl"), "ab") as results:
            results.write(b'{"index":')
        told = self.forecast()
        self.assertEqual((told["done"], told["to_do"]), (str(done), str(self.count - len(lines))))
        self.assertEqual(told["failed"].split()[0], str(failed))
        lost = next(line for line in lines if line["status"] == "ok" and not line.get("escaped"))
        os.unlink(os.path.join(self.folder, lost["files"][0]))
        told = self.forecast("--retry-failed")
        self.assertEqual((told["done"], told["failed"]), (str(done - 1), "0"))
        self.batch()
        self.assert_whole()
        self.assertEqual(self.forecast()["to_do"], "0")

    @contextlib.contextmanager
    def stopped_run(self, *arguments):
        """A run that holds its locks and does nothing."""
        process = subprocess.Popen(command("batch", self.images, "-o", self.folder, "-q", "-j",
                                           "1", *arguments))
        name = "results.jsonl" if not arguments else "results.0-of-4.jsonl"
        self.wait_for_lines(process, 1, name)
        process.send_signal(signal.SIGSTOP)
        self.assertIsNone(process.poll())
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            self.assertEqual(process.wait(), 1)

    def test_locked(self):
        with self.stopped_run() as process:
            owner = b"locked by process %d on " % process.pid
            self.assertIn(owner, self.batch(code=4).stderr)
            self.assertIn(owner, self.batch("--shard", "1/4", code=4).stderr)
        self.batch()
        self.assert_whole()

    def test_locked_shard(self):
        with self.stopped_run("--shard", "0/4") as process:
            owner = b"lock.0-of-4: is locked by process %d on " % process.pid
            self.assertIn(owner, self.batch("--shard", "0/4", code=4).stderr)
            self.batch("--shard", "1/4", code=0)
            self.assertIn(b"is locked by", self.batch(code=4).stderr)
            self.assertEqual(run("merge", self.folder).returncode, 4)

    def test_little_address_space(self):
        """Each worker asked for seven of them would wait for OpenBLAS for ever."""
        def limit(mib):
            return lambda: resource.setrlimit(resource.RLIMIT_AS, (mib << 20, mib << 20))
        if run("--version", preexec_fn=limit(1600)).returncode != 0:
            self.skipTest("the program does not start in so little, with a sanitizer say")
        for mib in (1200, 2000):
            result = self.batch("-j", "7", preexec_fn=limit(mib))
            told = re.fullmatch(rb"vitlrp: warning: (\d) threads? instead of 7: each may take "
                                rb"\d+ MB of address space \(ulimit -v\), of which \d+ MB are left\n",
                                result.stderr)
            self.assertTrue(told, result.stderr)
            self.assertTrue(1 <= int(told.group(1)) < 7)
            self.assert_whole()
            shutil.rmtree(self.folder)

    def test_dataset_that_goes_away(self):
        aside = self.images + ".aside"
        process = subprocess.Popen(command("batch", self.images, "-o", self.folder, "-j", "1"),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.wait_for_lines(process, 3)
        os.rename(self.images, aside)
        try:
            _, err = process.communicate(timeout=TIME_LIMIT)
        finally:
            os.rename(aside, self.images)
        self.assertEqual(process.returncode, 4, err)
        self.assertIn(b"images: the dataset is no longer there", err)
        self.batch()
        self.assert_whole()


def names():
    """The arguments as unittest wants them."""
    return [f"{kind.__name__}.{name}" for name in sys.argv[3:] for kind in (Batch, Stopped) if hasattr(kind, name)]


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *names()], verbosity=1)
