"""Records name the bytes that decided about them, and runs of other bytes are not taken for one: rows f01,
f02, f02b, f17 and f17b. usage: check_identity.py VITLRP DATA PARITY [TEST...]"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import records  # noqa: E402
import small_model  # noqa: E402

PROGRAM, DATA, PARITY = (os.path.abspath(path) for path in sys.argv[1:4])
FEW = ["--methods", "attnlrp", "--steps", "2", "-q"]
small_model.use(backend="openblas")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def sha256(path):
    return hashlib.sha256(read(path)).hexdigest()


class Identity(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(scratch.name)
        os.mkdir("hf")
        shutil.copy(os.path.join(PARITY, "huggingface", "model.safetensors"), "hf")
        self.configure()
        os.mkdir("ds")
        for i in range(1, 5):
            shutil.copy(os.path.join(DATA, "goldfish.jpg"), f"ds/{i}.jpg")

    def configure(self, **changes):
        config = json.loads(read(os.path.join(PARITY, "huggingface", "config.json")))
        write("hf/config.json", json.dumps(dict(config, **changes)).encode())

    def run_program(self, *arguments, code=0):
        result = subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True)
        self.assertEqual(result.returncode, code, result.stderr.decode())
        return result.stderr.decode()

    def load(self, path):
        value = json.loads(read(path))
        self.assertEqual(records.check(value), [], path)
        return value

    def lines(self, folder):
        found = [json.loads(line) for line in read(f"{folder}/results.jsonl").splitlines()]
        for line in found:
            self.assertEqual(records.check(line), [])
        return found

    def keep_lines(self, folder, count):
        """As if the run had been killed."""
        lines = read(f"{folder}/results.jsonl").splitlines(True)
        write(f"{folder}/results.jsonl", b"".join(lines[:count]))

    # ---- f01: what makes the model

    def test_f01_batch_is_resumed_with_another_configuration(self):
        batch = ["batch", "ds", "-m", "hf", "-o", "b", "-q"]
        self.run_program(*batch)
        before = read("b/run.json")
        self.keep_lines("b", 2)
        self.configure(hidden_act="quick_gelu")
        self.assertIn('another model: activation was "gelu", is "quick_gelu"',
                      self.run_program(*batch, code=2))
        self.configure(layer_norm_eps=0.5)
        self.assertIn("another model: layer_norm_eps was ", self.run_program(*batch, code=2))
        self.configure(id2label={str(i): f"Klasse {i}" for i in range(10)})
        self.assertIn("another model: classes_sha256 was ", self.run_program(*batch, code=2))
        self.configure(_comment="nothing follows from it")
        self.assertIn("another model: files.config.json was ", self.run_program(*batch, code=2))
        write("labels", b"\n".join(b"%d" % i for i in range(10)))
        self.configure()
        self.assertIn("another model: classes_sha256 was ",
                      self.run_program(*batch, "--labels", "labels", code=2))
        self.assertEqual(read("b/run.json"), before)
        self.run_program(*batch)
        self.assertEqual(len(self.lines("b")), 4)

    def test_f01_batch_shards_of_two_models(self):
        for i, change in enumerate(({}, {"hidden_act": "quick_gelu"})):
            self.configure(**change)
            self.run_program("batch", "ds", "-m", "hf", "-o", "b", "--shard", f"{i}/2", "-q")
        self.assertIn('shard 1: another model: activation was "gelu", is "quick_gelu"',
                      self.run_program("merge", "b", "-q", code=3))

    def test_f01_eval_shards_of_two_models(self):
        for i, change in enumerate(({}, {"layer_norm_eps": 0.5})):
            self.configure(**change)
            self.run_program("eval", "ds", "-m", "hf", *FEW, "--shard", f"{i}/2", "--json", f"{i}")
        self.assertIn("another model: layer_norm_eps was ", self.run_program("merge", "0", "1", code=3))
        timm = os.path.join(PARITY, "timm.safetensors")
        for i, heads in enumerate(("2", "4")):
            self.run_program("eval", "ds", "-m", timm, "--heads", heads, *FEW, "--shard", f"{i}/2", "--json",
                             f"h{i}")
        self.assertIn("another model: heads was 2, is 4", self.run_program("merge", "h0", "h1", code=3))

    # ---- f02, f02b: hashes of what was read

    def start(self, *arguments):
        """A run that is at its work: its progress says so."""
        child = subprocess.Popen([PROGRAM, *arguments, "--progress", "json", "-j", "1"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while b"progress" not in child.stderr.readline():
            self.assertIsNone(child.poll())
        return child

    def finish(self, child):
        child.stderr.read()
        child.stderr.close()
        return child.wait()

    def replace(self, path):
        """Another file under that name."""
        data = bytearray(read(path))
        data[-1] ^= 1
        write("new", data)
        os.rename("new", path)

    def test_f02_eval_names_what_it_used(self):
        for i in range(5, 40):
            shutil.copy("ds/1.jpg", f"ds/{i}.jpg")
        write("boxes.csv", b"path,xmin,ymin,xmax,ymax\n1.jpg,1,1,100,100\n")
        hashes = [sha256("hf/model.safetensors"), sha256("hf/config.json"), sha256("boxes.csv")]
        child = self.start("eval", "ds", "-m", "hf", "--boxes", "boxes.csv", "--methods", "attnlrp", "--steps",
                           "28", "--json", "r.json")
        self.replace("hf/model.safetensors")
        os.unlink("hf/config.json")
        os.unlink("boxes.csv")
        self.assertEqual(self.finish(child), 0)
        told = self.load("r.json")
        self.assertEqual([told["weights_sha256"], told["configuration"]["files"]["config.json"],
                          told["settings"]["boxes_sha256"]], hashes)

    def test_f02b_tune_names_what_it_used(self):
        weights = sha256("hf/model.safetensors")
        child = self.start("tune", "ds", "-m", "hf", "--steps", "2", "-o", "t.json")
        self.replace("hf/model.safetensors")
        os.unlink("hf/config.json")
        self.assertEqual(self.finish(child), 0)
        told = self.load("t.json")["search"]
        self.assertEqual(told["weights_sha256"], weights)
        self.assertEqual(told["configuration"]["heads"], 4)

    def test_f02b_tune_images_change_between_trials(self):
        child = self.start("tune", "ds", "-m", "hf", "--steps", "2", "-o", "t.json")
        for i in range(1, 5):
            shutil.copy(os.path.join(DATA, "koala.jpg"), "new")
            os.rename("new", f"ds/{i}.jpg")
        self.assertNotEqual(self.finish(child), 0)
        self.assertFalse(os.path.exists("t.json"))

    def test_explain_names_every_file(self):
        write("labels", b"\n".join(b"%d" % i for i in range(10)))
        self.run_program("explain", "ds/1.jpg", "-m", "hf", "--labels", "labels", "--json", "e.json", "-q")
        told = self.load("e.json")
        self.assertEqual(told["weights_sha256"], sha256("hf/model.safetensors"))
        self.assertEqual(told["image_sha256"], sha256("ds/1.jpg"))
        self.assertEqual(told["configuration"]["files"],
                         {"config.json": sha256("hf/config.json"), "labels": sha256("labels")})

    # ---- f17, f17b: photographs under their names

    def test_f17_eval_shards_of_two_data_sets(self):
        shard = ["eval", "ds", "-m", "hf", *FEW]
        self.run_program(*shard, "--shard", "0/2", "--json", "0")
        for line in self.load("0")["images"]:
            self.assertEqual(line["sha256"], sha256(os.path.join("ds", line["id"])))
        shutil.copy(os.path.join(DATA, "koala.jpg"), "ds/3.jpg")
        self.run_program(*shard, "--shard", "1/2", "--json", "1")
        self.assertIn("another data set: manifest.content_sha256 was ",
                      self.run_program("merge", "0", "1", code=3))
        same = bytearray(read(os.path.join(DATA, "goldfish.jpg")))
        same[-3] ^= 1  # of equal size
        write("ds/3.jpg", same)
        self.run_program(*shard, "--shard", "1/2", "--json", "1")
        self.run_program("merge", "0", "1", code=3)

    def make_many(self):
        """40 images, of which the third is none of the 32 that are read whole; all of one size."""
        os.mkdir("many")
        for i in range(40):
            shutil.copy(self.picture(), f"many/{i:02}.ppm")
        self.other = bytearray(read(self.picture()))
        self.other[len(self.other) // 2] ^= 255
        return "many/02.ppm"

    @staticmethod
    def picture():
        if not os.path.exists("picture"):
            write("picture", b"P6 120 120 255\n" + bytes(i % 251 for i in range(3 * 120 * 120)))
        return "picture"

    def test_f17_eval_one_image_of_many(self):
        changed = self.make_many()
        run = ["eval", "many", "-m", "hf", "--methods", "random", "--steps", "1", "-q"]
        first = [*run, "--shard", "0/2", "--journal", "j0", "--json", "0"]
        self.run_program(*first)
        write(changed, self.other)
        self.run_program(*run, "--shard", "1/2", "--journal", "j1", "--json", "1")
        for merged in (("0", "1"), ("j1", "j0")):
            self.assertIn("another data set: manifest.content_sha256 was ",
                          self.run_program("merge", *merged, "--json", "-", code=3))
        # The shard does again what has changed, and nothing else.
        self.assertIn("files of 1 image have changed since it was done: it is done again", self.run_program(*first, "-v"))
        lines = read("j0/results.jsonl").splitlines()
        self.assertEqual([json.loads(line)["index"] for line in lines[20:]], [2, 2])
        self.run_program("merge", "0", "1", "--json", "merged")
        self.run_program(*run, "--json", "whole")
        self.assertEqual(read("merged"), read("whole"))

    def test_f17_eval_killed_while_doing_changed_images_again(self):
        """No result of the old bytes is left under the new record."""
        changed = self.make_many()
        run = ["eval", "many", "-m", "hf", "--methods", "random", "--steps", "1", "-q", "--journal", "j"]
        self.run_program(*run)
        write(changed, self.other)
        before = read("j/results.jsonl")
        self.run_program(*run)
        line = b'{"index":2,"status":"open"}\n'
        self.assertTrue(read("j/results.jsonl").startswith(before + line))
        write("j/results.jsonl", before + line)
        self.run_program("merge", "j", "--json", "part")
        self.assertEqual([len(self.load("part")["images"]), self.load("part")["cancelled"]], [39, True])

    def test_f17_eval_image_that_comes_back(self):
        """Neither another run nor a failure for ever: it is done when it can be read."""
        write("list", b"ds/1.jpg\nlate.jpg\n")
        run = ["eval", "list", "-m", "hf", *FEW, "--journal", "j", "--json", "e"]
        self.run_program(*run, code=1)
        self.run_program(*run, code=1)
        self.assertEqual(read("j/results.jsonl").count(b"\n"), 2)
        shutil.copy("ds/2.jpg", "late.jpg")
        self.run_program(*run)
        told = [json.loads(line)["status"] for line in read("j/results.jsonl").splitlines()]
        self.assertEqual([set(told[:2]), *told[2:]], [{"ok", "io"}, "open", "ok"])
        self.assertEqual([image["status"] for image in self.load("e")["images"]], ["ok", "ok"])

    def test_f17b_batch_one_image_of_many(self):
        changed = self.make_many()
        run = ["batch", "many", "-m", "hf", "-o", "b", "-q", "--shard"]
        self.run_program(*run, "0/2")
        write(changed, self.other)
        self.run_program(*run, "1/2")
        self.assertIn("another data set: manifest.content_sha256 was ",
                      self.run_program("merge", "b", "-q", code=3))
        self.run_program(*run, "0/2")
        self.run_program("merge", "b", "-q")

    def test_f17_labels_are_a_file(self):
        write("truth", b"".join(b"%d.jpg %d\n" % (i, i) for i in range(1, 5)))
        shard = ["eval", "ds", "-m", "hf", *FEW, "--truth", "truth"]
        self.run_program(*shard, "--shard", "0/2", "--json", "0")
        self.assertEqual(self.load("0")["manifest"]["truth_sha256"], sha256("truth"))
        write("truth", read("truth") + b"other.jpg 1\n")
        self.run_program(*shard, "--shard", "1/2", "--json", "1")
        self.assertIn("manifest.truth_sha256 was ", self.run_program("merge", "0", "1", code=3))

    # ---- Maps that were made elsewhere

    def test_maps_are_measured_as_their_method(self):
        shutil.copy(os.path.join(DATA, "koala.jpg"), "ds/3.jpg")
        self.run_program("batch", "ds", "-m", "hf", "-o", "maps", "--write", "raw", "-q")
        run = ["eval", "ds", "-m", "hf", *FEW, "--json", "e"]
        self.run_program(*run, "--maps", "own=maps")
        for image in self.load("e")["images"]:
            method, own = image["methods"]["attnlrp"], image["methods"]["own"]
            file = os.path.join("maps", image["id"].replace(".jpg", ".raw.npy"))
            self.assertEqual(own.pop("map_sha256"), sha256(file))
            self.assertEqual(own, method)
        self.assertIn("maps/4.raw.npy: --json would overwrite this input",
                      self.run_program(*run[:-1], "maps/4.raw.npy", "--maps", "own=maps", code=2))
        os.remove("maps/4.raw.npy")
        self.assertIn("no map of 4.jpg is there", self.run_program(*run, "--maps", "own=maps", code=3))
        for wrong in ("attnlrp=maps", "maps", "a b=maps", "own=maps,own=maps"):
            self.run_program(*run, "--maps", wrong, code=2)

    def test_f17b_batch_shards_of_two_data_sets(self):
        self.run_program("batch", "ds", "-m", "hf", "-o", "b", "--shard", "0/2", "-q")
        for i in range(1, 5):
            shutil.copy(os.path.join(DATA, "koala.jpg"), f"ds/{i}.jpg")
        self.run_program("batch", "ds", "-m", "hf", "-o", "b", "--shard", "1/2", "-q")
        self.assertIn("another data set: manifest.content_sha256 was ",
                      self.run_program("merge", "b", "-q", code=3))

    def test_f17b_batch_does_changed_images_again(self):
        batch = ["batch", "ds", "-m", "hf", "-o", "b", "--write", "png,raw"]
        write("ds/4.jpg", b"broken")
        self.run_program(*batch, code=1)
        first = self.lines("b")
        content = self.load("b/run.json")["manifest"]["content_sha256"]
        unchanged = read("b/1.raw.npy")
        shutil.copy(os.path.join(DATA, "koala.jpg"), "ds/2.jpg")
        shutil.copy(os.path.join(DATA, "koala.jpg"), "ds/4.jpg")
        os.unlink("b/3.raw.npy")
        self.run_program(*batch)
        second = self.lines("b")
        self.assertEqual([a == b for a, b in zip(first, second)], [True, False, True, False])
        for line in second:
            self.assertEqual(line["sha256"], sha256(os.path.join("ds", line["id"])))
        self.assertEqual(read("b/1.raw.npy"), unchanged)
        self.assertEqual(read("b/2.raw.npy"), read("b/4.raw.npy"))
        self.assertNotEqual(self.load("b/run.json")["manifest"]["content_sha256"], content)
        self.assertTrue(os.path.exists("b/3.raw.npy"))
        before = read("b/results.jsonl")
        self.run_program(*batch)
        self.assertEqual(read("b/results.jsonl"), before)

    def test_f17b_killed_while_doing_changed_images_again(self):
        """No result of the old bytes is left under the new record."""
        for i in range(5, 60):
            shutil.copy("ds/1.jpg", f"ds/{i}.jpg")
        batch = ["batch", "ds", "-m", "hf", "-o", "b"]
        self.run_program(*batch, "-q")
        for name in os.listdir("ds"):
            shutil.copy(os.path.join(DATA, "koala.jpg"), os.path.join("ds", name))
        child = self.start(*batch)
        child.kill()
        self.finish(child)
        told = {line["id"]: line for line in self.lines("b")}
        self.assertIn("open", {line["status"] for line in told.values()})
        koala = sha256(os.path.join(DATA, "koala.jpg"))
        for line in told.values():
            self.assertTrue(line["status"] == "open" or line["sha256"] == koala, line)
        self.assertIn("still to do", self.run_program("merge", "b", "-q", code=3))
        self.run_program(*batch, "-q")
        self.assertEqual({line["sha256"] for line in self.lines("b")}, {koala})

    def test_f17b_shards_agree_again_after_both_are_resumed(self):
        shard = ["batch", "ds", "-m", "hf", "-o", "b", "-q", "--shard"]
        self.run_program(*shard, "0/2")
        shutil.copy(os.path.join(DATA, "koala.jpg"), "ds/3.jpg")
        self.run_program(*shard, "1/2")
        self.run_program("merge", "b", "-q", code=3)
        self.run_program(*shard, "0/2")
        self.run_program("merge", "b", "-q")
        self.assertEqual([line["sha256"] for line in self.lines("b")],
                         [sha256(f"ds/{i}.jpg") for i in range(1, 5)])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *(f"Identity.{name}" for name in sys.argv[4:])])
