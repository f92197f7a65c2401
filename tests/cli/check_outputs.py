"""What the command's outputs do to other files: its inputs, files of other runs, what links lead to.
usage: check_outputs.py VITLRP DATA PARITY [TEST...]

Tests are named after the rows of faults that they hold down. No test trusts a message alone: files are
compared byte for byte."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, DATA, PARITY = (os.path.abspath(path) for path in sys.argv[1:4])
TIME_LIMIT = 240
GOLDFISH = os.path.join(DATA, "goldfish.jpg")
TINY = os.path.join(PARITY, "timm.safetensors")
LITTLE = ("--methods", "random", "--steps", "1", "-q")


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


class Outputs(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def photos(self, folder, count=2):
        for i in range(1, count + 1):
            write(self.path(folder, f"{i}.jpg"), read(GOLDFISH))

    def run_command(self, *arguments, **more):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("VITLRP_")}
        return subprocess.run([PROGRAM, *arguments], cwd=self.folder, env=environment,
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

    # ---- Outputs that are inputs ----

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
                            os.path.join(DATA, "vit-tiny-patch8-64.safetensors"))
        write(self.path("list.txt"), b"ds/1.jpg\nds/2.jpg\n")
        self.assert_refused("ds/2.jpg", "eval", "list.txt", "--csv", "ds/2.jpg", *LITTLE)
        self.assert_refused("list.txt", "eval", "list.txt", "--csv", "list.txt", *LITTLE)

    def test_f06_labels_that_it_found(self):
        self.photos("ds", 3)
        write(self.path("ds/val.csv"), b"1.jpg,1\n2.jpg,2\n3.jpg,3\n")
        self.assert_refused("ds/val.csv", "eval", "ds", "--csv", "ds/val.csv", *LITTLE)
        self.assert_refused("ds/val.csv", "tune", "ds", "--json", "ds/val.csv", "--steps", "1")

    def test_f06_names_of_classes(self):
        write(self.path("labels.1"), b"".join(b"class %d\n" % i for i in range(1000)))
        model = os.path.join(DATA, "vit-tiny-patch8-64.safetensors")
        self.assert_refused("labels.1", GOLDFISH, "-c", "1", "--labels", "labels.1", "--raw",
                            "labels.{class}")
        shutil.copy(model, self.path("m.1"))
        self.assert_refused("m.1", GOLDFISH, "-c", "1", "-m", "m.1", "--raw", "m.{class}")
        write(self.path("1.jpg"), read(GOLDFISH))
        os.symlink("1.jpg", self.path("1.png"))
        self.assert_refused("1.png", "1.jpg", "-c", "1", "-o", "{class}.png")

    def test_f06_batch_over_its_list(self):
        """Images of a list that bear the names of results, in a folder that has a run already."""
        self.photos("ds", 1)
        arguments = ("batch", "list.txt", "-o", "out", "-q")
        write(self.path("list.txt"), b"ds/1.jpg\n")
        self.assertEqual(self.run_command(*arguments).returncode, 0)
        picture = read(GOLDFISH)
        os.remove(self.path("out/ds/1.heat.png"))
        write(self.path("mine.png"), picture)
        os.link(self.path("mine.png"), self.path("out/ds/1.heat.png"))
        write(self.path("list.txt"), b"mine.png\nds/1.jpg\n")
        result = self.run_command("batch", "list.txt", "-o", "out", "-q")
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(read(self.path("mine.png")), picture)
        self.assertEqual(read(self.path("out/ds/1.heat.png")), picture)

    def test_f06_batch_over_its_list_by_class(self):
        picture = read(GOLDFISH)
        self.photos("ds", 1)
        write(self.path("list.txt"), b"ds/1.jpg\n")
        top = ("-q", "--write", "jpg", "--class", "top:2")
        self.assertEqual(self.run_command("batch", "list.txt", "-o", "out", *top).returncode, 0)
        written = [name for name in contents(self.path("out")) if name.endswith(".jpg")]
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
                            word="exists without")
        for shard in ("0/2", "1/2"):
            self.run_command("batch", "ds", "-o", "parts", "--shard", shard, "-q")
        result = self.run_command("merge", "parts", "-o", "site")
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(contents(self.path("site")), {"index.html": b"mine"})

    def test_n05_many_images_with_classes(self):
        """An output that is there already costs a look, not one for each image."""
        names = [f"{i:03}.ppm" for i in range(100)]
        for name in names:
            write(self.path(name), b"P6 8 8 255\n" + bytes(192))
        trace = shutil.which("strace")
        if trace is None:
            self.skipTest("strace is not installed")
        arguments = [*names, "-q", "--raw", "{stem}.{class}.npy", "-c", "1"]
        self.assertEqual(self.run_command(*arguments).returncode, 0)
        subprocess.run([trace, "-f", "-c", "-o", self.path("calls"), "-e",
                        "trace=stat,newfstatat,lstat,statx", PROGRAM, *arguments],
                       cwd=self.folder, timeout=TIME_LIMIT, check=True)
        rows = [line.split() for line in read(self.path("calls")).decode().splitlines()]
        calls = sum(int(row[3]) for row in rows if row and row[-1].endswith(("stat", "statx", "at")))
        self.assertLess(calls, 30 * len(names))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
