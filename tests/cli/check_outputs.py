"""What the command's outputs do to other files: its inputs, files of other runs, what links lead to.
usage: check_outputs.py VITLRP DATA PARITY [TEST...]

Tests are named after the rows of faults that they hold down. No test trusts a message alone: files are
compared byte for byte."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import small_model  # noqa: E402

PROGRAM, DATA, PARITY = (os.path.abspath(path) for path in sys.argv[1:4])
TIME_LIMIT = 240
GOLDFISH = os.path.join(DATA, "goldfish.jpg")
TINY = os.path.join(PARITY, "timm.safetensors")
LITTLE = ("--methods", "random", "--steps", "1", "-q")
small_model.use(small_model.TINY, "openblas")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def contents(folder):
    """Every file below the folder by its path: its bytes, or where a link leads."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in files + folders:
            path = os.path.join(place, name)
            key = os.path.relpath(path, folder)
            if os.path.islink(path):
                found[key] = "-> " + os.readlink(path)
            elif os.path.isfile(path):
                found[key] = read(path)
            else:
                found[key] = "folder"
    return found


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def photos(self, folder, count=2):
        for i in range(1, count + 1):
            write(self.path(folder, f"{i}.jpg"), read(GOLDFISH))

    def run_command(self, *arguments, **more):
        return subprocess.run([PROGRAM, *arguments], cwd=self.folder,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=TIME_LIMIT, **more)

    def assert_refused(self, output, *arguments, code=2, word="would overwrite this input"):
        """The command is refused with one line that names the output, and nothing has changed."""
        before = contents(self.folder)
        result = self.run_command(*arguments)
        said = result.stderr.decode()
        self.assertEqual(contents(self.folder), before, said)
        self.assertEqual(result.returncode, code, said)
        self.assertEqual(said.count("\n"), 1, said)
        self.assertIn(word, said)
        self.assertTrue(said.startswith(f"vitlrp: {output}: "), said)


class Stopped(Case):
    """A signal in the middle of several images."""

    def stop(self, verb, *arguments, after=3):
        """The records that are there when a signal has come behind the report of so many images."""
        self.photos("ds", 200)
        names = [f"ds/{i}.jpg" for i in range(1, 201)]
        with subprocess.Popen([PROGRAM, verb, *names, "-m", small_model.PATH, "--json", "r.json", *arguments],
                              cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL)) as process:
            while after > 0:
                after -= process.stdout.readline().startswith(b"explained: ")
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=TIME_LIMIT)
        self.assertEqual(process.returncode, 143, said)
        self.assertTrue(said.endswith(b"vitlrp: warning: stopped; what was done is written\n"), said)
        lines = [json.loads(line) for line in read(self.path("r.json")).splitlines()]
        self.assertEqual([line["image"] for line in lines], names[:len(lines)])
        return lines

    def test_explain(self):
        lines = self.stop("explain", "-o", "out")
        self.assertLessEqual(3, len(lines))
        self.assertLess(len(lines), 200)
        self.assertLessEqual({f"{i}.heat.png" for i in range(1, len(lines) + 1)}, set(os.listdir(self.path("out"))))

    def test_neurons(self):
        self.assertLess(len(self.stop("neurons", "--no-maps", "--no-drops", after=2)), 200)


class Inputs(Case):
    """Outputs that are inputs."""

    def model_folder(self):
        shutil.copytree(os.path.join(PARITY, "huggingface"), self.path("hf"))
        write(self.path("hf/preprocessor_config.json"), b"{}")
        weights, = (name for name in os.listdir(self.path("hf")) if not name.endswith(".json"))
        return ["hf/" + weights, "hf/config.json", "hf/preprocessor_config.json"]

    def test_f06_model_folder(self):
        """Weights and what lies beside them, of every verb that writes and reads a model."""
        self.photos("ds")
        for output in self.model_folder():
            self.assert_refused(output, GOLDFISH, "-m", "hf", "--json", output)
            self.assert_refused(output, "info", "hf", "--json", output)
            self.assert_refused(output, "eval", "ds", "-m", "hf", "--csv", output, *LITTLE)
            self.assert_refused(output, "tune", "ds", "-m", "hf", "-o", output, "--steps", "1")
            self.assert_refused(output, "bench", "-m", "hf", "--json", output, "--runs", "1")
            self.assert_refused(output, "bench", "--batch", "ds", "-m", "hf", "--json", output)
        os.link(self.path("hf/config.json"), self.path("other.json"))
        self.assert_refused("other.json", GOLDFISH, "-m", "hf", "--json", "other.json")

    def test_f06_config_beside_timm_weights(self):
        write(self.path("m/model.safetensors"), read(TINY))
        write(self.path("m/config.json"), b'{"pretrained_cfg": {}}')
        self.assert_refused("m/config.json", GOLDFISH, "-m", "m/model.safetensors", "--json",
                            "m/config.json")

    def test_f06_beside_the_inputs(self):
        """A file that is not read may lie in the model's folder, and be replaced again."""
        self.model_folder()
        for _ in range(2):
            result = self.run_command(GOLDFISH, "-m", "hf", "--json", "hf/report.json", "-q")
            self.assertEqual((result.returncode, result.stderr), (0, b""))

    def test_f06_images_of_a_dataset(self):
        self.photos("ds", 3)
        for more in ((), ("--limit", "1"), ("--shard", "0/3")):
            for image in ("ds/1.jpg", "ds/2.jpg", "ds/3.jpg"):
                self.assert_refused(image, "eval", "ds", "--html", image, *more, *LITTLE)
        self.assert_refused("ds/2.jpg", "tune", "ds", "-o", "ds/2.jpg", "--steps", "1")
        self.assert_refused("ds/2.jpg", "bench", "--batch", "ds", "--json", "ds/2.jpg", "-m",
                            small_model.PATH)
        write(self.path("list.txt"), b"ds/1.jpg\nds/2.jpg\n")
        self.assert_refused("ds/2.jpg", "eval", "list.txt", "--csv", "ds/2.jpg", *LITTLE)
        self.assert_refused("list.txt", "eval", "list.txt", "--csv", "list.txt", *LITTLE)

    def test_f06_labels_that_it_found(self):
        self.photos("ds", 3)
        write(self.path("ds/val.csv"), b"1.jpg,1\n2.jpg,2\n3.jpg,3\n")
        self.assert_refused("ds/val.csv", "eval", "ds", "--csv", "ds/val.csv", *LITTLE)
        self.assert_refused("ds/val.csv", "tune", "ds", "--json", "ds/val.csv", "--steps", "1")

    def test_f06_names_of_classes(self):
        write(self.path("labels.1.npy"), b"".join(b"class %d\n" % i for i in range(5)))
        model = small_model.PATH
        self.assert_refused("labels.1.npy", GOLDFISH, "-c", "1", "--labels", "labels.1.npy", "--raw",
                            "labels.{class}.npy")
        shutil.copy(model, self.path("m.1.npy"))
        self.assert_refused("m.1.npy", GOLDFISH, "-c", "1", "-m", "m.1.npy", "--raw", "m.{class}.npy")
        write(self.path("1.jpg"), read(GOLDFISH))
        os.symlink("1.jpg", self.path("1.png"))
        self.assert_refused("1.png", "1.jpg", "-c", "1", "-o", "{class}.png")

    def test_f06_batch_over_its_list(self):
        """A photograph of the list that bears the name of a result, in a folder that has the run already."""
        self.photos("ds", 1)
        arguments = ("batch", "list.txt", "-o", "out", "-q")
        write(self.path("list.txt"), b"ds/1.jpg\nout/ds/1.heat.png\n")
        self.assertEqual(self.run_command(*arguments).returncode, 0)
        write(self.path("out/ds/1.heat.png"), read(GOLDFISH))
        result = self.run_command(*arguments)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn(b"out/ds/1.heat.png: -o would overwrite this input", result.stderr)
        self.assertEqual(read(self.path("out/ds/1.heat.png")), read(GOLDFISH))

    def test_f06_batch_over_its_list_by_class(self):
        picture = read(GOLDFISH)
        self.photos("ds", 1)
        write(self.path("list.txt"), b"ds/1.jpg\n")
        top = ("-q", "--write", "jpg", "--class", "top:2")
        self.assertEqual(self.run_command("batch", "list.txt", "-o", "out", *top).returncode, 0)
        written = [name for name in contents(self.path("out")) if name.endswith(".jpg") and "thumbs" not in name]
        self.assertEqual(len(written), 2)
        for name in written:
            write(self.path("new", name), picture)
            write(self.path("list.txt"), f"ds/1.jpg\nnew/{name}\n".encode())
            result = self.run_command("batch", "list.txt", "-o", "new", *top)
            self.assertEqual(read(self.path("new", name)), picture)
            self.assertEqual(result.returncode, 2, result.stderr)
            shutil.rmtree(self.path("new"))

    def test_f06_page_of_somebody_else(self):
        """index.html in a folder that batch and merge have not written."""
        self.photos("ds")
        write(self.path("site/index.html"), b"mine")
        self.assert_refused("site/index.html", "batch", "ds", "-o", "site", word="exists without")
        self.assert_refused("site/index.html", "batch", "ds", "-o", "site", "--dry-run",
                            word="exists without run.json")
        self.run_command("batch", "ds", "-o", "whole", "-q")
        self.assert_refused("whole/index.html", "batch", "ds", "-o", "whole", "--shard", "0/2",
                            word="exists without run.0-of-2.json, so it is another run's")
        for shard in ("0/2", "1/2"):
            self.run_command("batch", "ds", "-o", "parts", "--shard", shard, "-q")
        result = self.run_command("merge", "parts", "-o", "site")
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(contents(self.path("site")), {"index.html": b"mine"})

    def test_n05_many_images_with_classes(self):
        """An output that is there already costs a look, not one for each image."""
        names = [f"{i:03}.ppm" for i in range(50)]
        for name in names:
            write(self.path(name), b"P6 8 8 255\n" + bytes(192))
        trace = shutil.which("strace")
        if trace is None:
            self.skipTest("strace is not installed")
        arguments = [*names, "-q", "--raw", "{stem}.{class}.npy", "-c", "1"]
        self.assertEqual(self.run_command(*arguments).returncode, 0)
        subprocess.run([trace, "-f", "-o", self.path("calls"), "-e",
                        "trace=stat,newfstatat,lstat,statx", PROGRAM, *arguments],
                       cwd=self.folder, timeout=TIME_LIMIT, check=True,
                       env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
        calls = re.findall(rb'stat\w*\([^"]*"[^"]', read(self.path("calls")))  # of a name, not of what is open
        self.assertGreater(len(calls), len(names))
        self.assertLess(len(calls), 20 * len(names))


class Folders(Case):
    """What lies in a folder of results, and whose it is."""

    def batch(self, *more, code=0, data="ds", out="out"):
        result = self.run_command("batch", data, "-o", out, *more)
        self.assertEqual(result.returncode, code, result.stderr)
        return result

    def test_f14_hidden_folders_that_are_links(self):
        self.photos("ds")
        write(self.path("victim/thesis.tex"), b"mine")
        for link in ("out/.vitlrp/staging", "out/.vitlrp"):
            os.makedirs(self.path(os.path.dirname(link)))
            os.symlink(self.path("victim"), self.path(link))
            for verb in (("batch", "ds", "-o", "out"), ("merge", "out")):
                result = self.run_command(*verb)
                self.assertEqual(result.returncode, 4, result.stderr)
                self.assertIn(b"is a symbolic link", result.stderr)
                self.assertEqual(contents(self.path("victim")), {"thesis.tex": b"mine"})
            shutil.rmtree(self.path("out"))

    def test_f14_only_own_names_are_deleted(self):
        self.photos("ds")
        write(self.path("out/.vitlrp/staging/notes.txt"), b"mine")
        write(self.path("out/.vitlrp/staging/.vitlrp-1-0.tmp"), b"half a file")
        self.batch("-q")
        self.assertEqual(contents(self.path("out/.vitlrp")),
                         {"staging": "folder", "staging/notes.txt": b"mine"})

    def test_f14_result_folder_that_is_a_link(self):
        self.photos("ds/a")
        os.makedirs(self.path("victim"))
        os.makedirs(self.path("out"))
        os.symlink(self.path("victim"), self.path("out/a"))
        result = self.batch(code=4)
        self.assertIn(b"a: is a symbolic link", result.stderr)
        self.assertEqual(contents(self.path("victim")), {})

    def test_f14_lock_that_is_a_link(self):
        self.photos("ds")
        write(self.path("victim"), b"mine")
        os.makedirs(self.path("out/.vitlrp"))
        os.symlink(self.path("victim"), self.path("out/.vitlrp/lock"))
        self.batch(code=4)
        self.assertEqual(read(self.path("victim")), b"mine")

    def shards(self):
        self.photos("ds")
        for shard in ("0/2", "1/2"):
            self.batch("--shard", shard, "-q", out="s")

    def merge(self, code, *more):
        result = self.run_command("merge", "s", "-o", "t", *more)
        self.assertEqual(result.returncode, code, result.stderr)
        return result

    def test_f26_merge_of_a_link(self):
        self.shards()
        write(self.path("secret"), bytes(os.path.getsize(self.path("s/1.heat.png"))))
        os.remove(self.path("s/1.heat.png"))
        os.symlink("../secret", self.path("s/1.heat.png"))
        self.assertIn(b"1.heat.png: is not a file of the run", self.merge(3).stderr)
        self.assertFalse(os.path.exists(self.path("t")))

    def test_f26_merge_of_other_names(self):
        """Names that are no result's: control files, other images', paths that leave the folder."""
        self.shards()
        line = read(self.path("s/results.0-of-2.jsonl"))
        for name in (b".vitlrp/lock", b"run.json", b"2.heat.png", b"../s/1.heat.png", b"/etc/passwd",
                     b"./1.heat.png"):
            write(self.path("s/results.0-of-2.jsonl"), line.replace(b"1.heat.png", name))
            result = self.merge(3)
            self.assertIn(b"is not a file of the run", result.stderr)
            self.assertFalse(os.path.exists(self.path("t")))

    def test_f26_merge_of_a_file_that_was_cut(self):
        self.shards()
        os.truncate(self.path("s/1.heat.png"), 100)
        self.assertIn(b"1.heat.png: is not a file of the run", self.merge(3).stderr)

    def test_f26_merge_over_other_files(self):
        self.shards()
        write(self.path("t/1.heat.png"), b"mine")
        self.merge(2)
        self.assertEqual(contents(self.path("t")), {"1.heat.png": b"mine"})
        shutil.copy(self.path("s/1.heat.png"), self.path("t/1.heat.png"))
        self.merge(0)

    def test_n06_merge_of_nothing(self):
        os.makedirs(self.path("s"))
        self.merge(3)
        self.assertEqual(contents(self.folder), {"s": "folder"})

    def test_f19_results_that_are_not_whole(self):
        self.photos("ds", 6)
        self.batch("-q")
        whole = contents(self.path("out"))
        write(self.path("out/1.heat.png"), b"")
        os.truncate(self.path("out/2.heat.png"), 1000)
        os.remove(self.path("out/3.heat.png"))
        os.symlink("nowhere", self.path("out/3.heat.png"))
        shutil.copy(self.path("out/4.heat.png"), self.path("other.png"))
        os.remove(self.path("out/4.heat.png"))
        os.symlink(self.path("other.png"), self.path("out/4.heat.png"))
        self.assertIn(b"2 already there", self.batch().stdout)
        self.assertEqual(contents(self.path("out")), whole)
        self.assertEqual(read(self.path("other.png")), whole["4.heat.png"])

    def test_f19_folder_in_the_place_of_a_result(self):
        self.photos("ds")
        self.batch("-q")
        os.remove(self.path("out/1.heat.png"))
        os.makedirs(self.path("out/1.heat.png"))
        self.assertIn(b"1.heat.png", self.batch(code=4).stderr)

    def test_f19_lines_that_are_another_images(self):
        self.photos("ds", 3)
        self.batch("-q")
        lines = read(self.path("out/results.jsonl"))
        whole = contents(self.path("out"))
        for before, after in ((rb'"id":"1.jpg"', b'"id":"2.jpg"'),
                              (rb'\["1.heat.png"\],"bytes":\[\d+\]', b'[],"bytes":[]'),
                              (rb'\["1.heat.png"\]', b'["2.heat.png"]')):
            self.assertRegex(lines, before)
            write(self.path("out/results.jsonl"), re.sub(before, after, lines))
            self.assertIn(b"2 already there", self.batch().stdout, after)
            self.assertEqual(contents(self.path("out")), whole)

    def test_f19_failure_that_is_another_images(self):
        for name in ("1.jpg", "2.jpg"):
            write(self.path("ds", name), b"no picture")
        self.batch("-q", code=1)
        lines = read(self.path("out/results.jsonl"))
        write(self.path("out/results.jsonl"), lines.replace(b'"id":"1.jpg"', b'"id":"2.jpg"'))
        self.assertIn(b"1 already there", self.batch(code=1).stdout)
        self.assertEqual(read(self.path("out/results.jsonl")), lines)

    def test_f19_lines_without_sizes(self):
        """Those of program 0.1."""
        self.photos("ds", 3)
        self.batch("-q")
        lines = read(self.path("out/results.jsonl"))
        write(self.path("out/results.jsonl"), re.sub(rb',"bytes":\[\d+\]', b"", lines.replace(
            b'"format":"vitlrp batch image 3"', b'"v":1')))
        write(self.path("out/1.heat.png"), b"")
        self.assertIn(b"2 already there", self.batch().stdout)

    def test_f15_two_runs_in_one_folder(self):
        """The lock was removed by hand: a run that meets another one's lines ends with 4."""
        self.photos("ds", 60)
        slow = ("-m", small_model.PATH)  # so that the runs meet
        for delay in (0.05, 0.15):
            command = [PROGRAM, "batch", "ds", "-o", "out", "-q", "-j", "1", *slow]
            first = subprocess.Popen(command, cwd=self.folder, stderr=subprocess.PIPE)
            time.sleep(delay)
            lock = self.path("out/.vitlrp/lock")
            if os.path.exists(lock):
                os.remove(lock)
            second = self.run_command(*command[1:])
            first.communicate()
            text = read(self.path("out/results.jsonl"))
            broken = [line for line in text.splitlines() if not line.endswith(b"}")]
            for line in text.splitlines():
                json.loads(line)
            self.assertEqual(broken, [])
            self.batch("-q", *slow)
            self.assertEqual(read(self.path("out/results.jsonl")).count(b"\n"), 60)
            self.assertIn(first.returncode, (0, 4))
            self.assertIn(second.returncode, (0, 4))
            shutil.rmtree(self.path("out"))

    def test_f15_journal_that_grows(self):
        """Another's line appears while the run works."""
        self.photos("ds", 200)
        run = subprocess.Popen([PROGRAM, "batch", "ds", "-o", "out", "-q", "-j", "1", "-m", small_model.PATH],
                               cwd=self.folder, stderr=subprocess.PIPE)
        journal = self.path("out/results.jsonl")
        while run.poll() is None and not (os.path.exists(journal) and os.path.getsize(journal)):
            time.sleep(0.002)
        line = read(journal).split(b"\n")[0] + b"\n"
        with open(journal, "ab", buffering=0) as file:
            file.write(line)
        said = run.communicate()[1]
        self.assertEqual(run.returncode, 4, said)
        self.assertIn(b"another process writes here", said)

    def test_f22_file_beyond_the_limit(self):
        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
        self.photos("ds")
        for arguments in ((GOLDFISH, "-o", "o.png"), ("eval", "ds", *LITTLE, "--json", "o.json"),
                          ("info", "--classes", "--json", "o.json"),
                          ("batch", "ds", "-o", "out"),
                          ("tune", "ds", "--steps", "1", "-o", "o.json")):
            result = self.run_command(*arguments, preexec_fn=small_files)
            self.assertEqual(result.returncode, 4, (arguments, result.stderr))
            self.assertIn(b"File too large", result.stderr)
        self.assertEqual([name for name in contents(self.folder) if "tmp" in name], [])

    def test_f23_rights_of_a_file_that_is_replaced(self):
        for mode in (0o600, 0o640, 0o444, 0o666):
            write(self.path("o.json"), b"")
            os.chmod(self.path("o.json"), mode)
            if os.geteuid() == 0:
                os.chown(self.path("o.json"), 12345, 23456)
            self.assertEqual(self.run_command(GOLDFISH, "-q", "--json", "o.json").returncode, 0)
            info = os.stat(self.path("o.json"))
            self.assertEqual(info.st_mode & 0o7777, mode)
            self.assertGreater(info.st_size, 0)
            if os.geteuid() == 0:
                self.assertEqual((info.st_uid, info.st_gid), (12345, 23456))
            os.remove(self.path("o.json"))


class Runs(Case):
    """Several outputs, small stacks, names that are too long."""

    def test_f32_eval(self):
        self.photos("ds")
        for failing, others in (("--json", ("--csv", "--html")), ("--csv", ("--json", "--html")),
                                ("--html", ("--json", "--csv"))):
            result = self.run_command("eval", "ds", *LITTLE[:-1], failing, "/dev/full", others[0],
                                      "a.out", others[1], "b.out")
            self.assertEqual(result.returncode, 4, result.stderr)
            self.assertIn(b"random", result.stdout)
            for name in ("a.out", "b.out"):
                self.assertGreater(os.path.getsize(self.path(name)), 100)
                os.remove(self.path(name))

    def test_f32_each_failure_is_said(self):
        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        result = self.run_command(GOLDFISH, "-o", "o.png", "--raw", "a.npy", "--json", "j.json",
                                  "--logits", "l.npy", "--dump-input", "i.npy",
                                  preexec_fn=small_files)
        said = result.stderr.decode()
        self.assertEqual(result.returncode, 4)
        for name in ("o.png", "j.json", "i.npy"):
            self.assertIn(f"{name}: cannot write: File too large", said)
        self.assertEqual(said.count("\n"), 3, said)
        self.assertEqual(sorted(os.listdir(self.folder)), ["a.npy", "l.npy"])
        self.assertIn(b"goldfish", result.stdout)

    def test_f32_tune_info_bench(self):
        bench = ("--runs", "1", "-m", small_model.PATH)
        self.photos("ds")
        result = self.run_command("tune", "ds", "--steps", "1", "-o", "/dev/full", "--json", "t.json")
        self.assertEqual(result.returncode, 4, result.stderr)
        self.assertIn(b"tuned", result.stdout)
        self.assertGreater(os.path.getsize(self.path("t.json")), 100)
        for verb in (("info",), ("bench", *bench), ("bench", "--throughput", "-j", "1", *bench)):
            result = self.run_command(*verb, "--json", "/dev/full")
            self.assertEqual(result.returncode, 4, result.stderr)
            self.assertGreater(len(result.stdout), 100)

    def test_f16_small_stack(self):
        # Frames of a sanitizer's build are many times as large.
        stack = (1024 if b"__asan_init" in read(PROGRAM) else 64) << 10

        def small_stack():
            resource.setrlimit(resource.RLIMIT_STACK, (stack, resource.RLIM_INFINITY))

        bench = ("--runs", "1", "-m", small_model.PATH)
        self.photos("ds", 3)
        for arguments in ((GOLDFISH, "-o", "o.png"), ("batch", "ds", "-o", "out"),
                          ("batch", "ds", "-o", "s", "--shard", "0/2"),
                          ("batch", "ds", "-o", "s", "--shard", "1/2"), ("merge", "s"),
                          ("eval", "ds", *LITTLE, "--html", "e.html"), ("info",),
                          ("tune", "ds", "--steps", "1", "-o", "t.json"), ("bench", *bench),
                          ("bench", "--throughput", "-j", "1", *bench)):
            result = self.run_command(*arguments, "-q", preexec_fn=small_stack)
            self.assertEqual((result.returncode, result.stderr), (0, b""), arguments)


class Names(Case):
    """Names that meet, names that are too long, folders without rights: known before the work."""

    def assert_meets(self, data, *more):
        for dry in ((), ("--dry-run",)):
            result = self.run_command("batch", data, "-o", "out", *more, *dry)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertEqual(result.stderr.count(b"\n"), 1)
            self.assertFalse(os.path.exists(self.path("out")))

    def test_f18_folder_named_as_a_result(self):
        for kind, name in (("png", "a.heat.png"), ("jpg", "a.heat.jpg"), ("raw", "a.raw.npy"),
                           ("logits", "a.logits.npy"), ("json", "a.heat.json"),
                           ("input", "a.input.npy")):
            for below in ("", "x/"):
                write(self.path("ds", below, "a.jpg"), read(GOLDFISH))
                write(self.path("ds", below, name, "b.jpg"), read(GOLDFISH))
                self.assert_meets("ds", "--write", kind)
                other = "png" if kind == "jpg" else "jpg"
                result = self.run_command("batch", "ds", "-o", "out", "-q", "--write", other)
                self.assertEqual(result.returncode, 0, result.stderr)
                shutil.rmtree(self.path("out"))
                shutil.rmtree(self.path("ds"))

    def test_f18_folder_named_as_a_result_with_class(self):
        write(self.path("ds/a.jpg"), read(GOLDFISH))
        write(self.path("ds/a.heat.7.png/b.jpg"), read(GOLDFISH))
        self.assert_meets("ds", "--class", "top:2")
        self.assertEqual(self.run_command("batch", "ds", "-o", "out", "-q").returncode, 0)

    def test_f18_folders_named_as_files_of_the_run(self):
        for name in ("run.json", "results.jsonl", "index.html", "run.1-of-3.json",
                     "results.1-of-3.jsonl"):
            write(self.path("ds", name, "b.jpg"), read(GOLDFISH))
            self.assert_meets("ds")
            shutil.rmtree(self.path("ds"))
            write(self.path("ds/x", name, "b.jpg"), read(GOLDFISH))
            result = self.run_command("batch", "ds", "-o", "out", "-q")
            self.assertEqual(result.returncode, 0, result.stderr)
            shutil.rmtree(self.path("out"))
            shutil.rmtree(self.path("ds"))
        write(self.path(".vitlrp/staging/x.jpg"), read(GOLDFISH))
        write(self.path("list.txt"), b".vitlrp/staging/x.jpg\n")
        self.assert_meets("list.txt")

    def test_f24_long_names(self):
        long = "x" * 251 + ".jpg"
        self.photos(".", 2)
        write(self.path(long), read(GOLDFISH))
        before = set(os.listdir(self.folder))
        result = self.run_command("1.jpg", long, "2.jpg", "-o", "out")
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn(b"bytes, and the file system takes 255", result.stderr)
        self.assertFalse(os.path.exists(self.path("out/1.heat.png")))
        os.makedirs(self.path("ds"))
        write(self.path("ds/1.jpg"), read(GOLDFISH))
        for arguments in (("eval", "ds", *LITTLE, "--csv"), ("tune", "ds", "--steps", "1", "-o"),
                          ("info", "--json"), ("bench", "--json"), ("1.jpg", "--json"),
                          ("1.jpg", "-q", "--raw")):
            result = self.run_command(*arguments, "y" * 256)
            self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(set(os.listdir(self.folder)) - before - {"ds", "out"}, set())

    @unittest.skipUnless(os.geteuid() != 0 or shutil.which("setpriv"), "root without setpriv")
    def test_f28_folder_without_rights(self):
        self.photos("ds", 2)
        os.makedirs(self.path("ds/lost+found"), mode=0)
        os.makedirs(self.path("out"))
        os.chmod(self.path("out"), 0o777)
        os.chmod(self.folder, 0o755)
        as_nobody = []
        if os.geteuid() == 0:
            as_nobody = ["setpriv", "--reuid", "65534", "--clear-groups"]
        # The tree may lie where only root may look.
        program, model = self.path("vitlrp"), self.path("m.safetensors")
        shutil.copy(PROGRAM, program)
        shutil.copy(small_model.PATH, model)
        for arguments in (("batch", "ds", "-o", "out/b"), ("eval", "ds", *LITTLE[:-1]),
                          ("tune", "ds", "--steps", "1", "-o", "out/t.json")):
            result = subprocess.run([*as_nobody, program, *arguments], cwd=self.folder,
                                    env={**os.environ, "VITLRP_MODEL": model},
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    timeout=TIME_LIMIT, check=False)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn(b"lost+found", result.stderr)
        os.chmod(self.path("ds/lost+found"), 0o755)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
