"""Every command in every document: it runs, or it stands in LEFT_OUT with the reason, and what it names is there.
usage: check_documents.py VITLRP PARITY GOLDEN [TEST...]

Commands run in the order of a document, in one folder for each document, which has the photographs, models and data
that they name: small ones, which lie where downloads would put them. Words in capitals (FILE, DIR) are places for the
reader's own: such a command is a form, of which verb and options are looked for in the help.

With BUILD set to a folder of CMake, every `ctest -R` of the documents must find tests. With HF set to an `hf` of
huggingface_hub, the options of every `hf download` are looked for in its help; without, that is the nightly's
(tests/nightly/libraries.sh)."""

import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import deep_model  # noqa: E402
import document_commands  # noqa: E402
import model_files  # noqa: E402
import torch_files  # noqa: E402
from model_files import GOLDEN, PROGRAM  # noqa: E402

ROOT = os.path.join(GOLDEN, "..", "..", "..")
# A model of golden/zoo of the kind that each repository has.
REPOSITORIES = {"timm/vit_base_patch16_224.augreg2_in21k_ft_in1k": "timm-plain",
                "google/vit-base-patch16-224": "hf-vit",
                "facebook/dinov2-base-imagenet1k-1-layer": "hf-dinov2-classifier",
                "laion/CLIP-ViT-B-16-laion2B-s34B-b88K": "open-clip-tower"}
COMMIT = "0123456789abcdef"
FORM = re.compile(r"(?<![\w.{-])(?:FILE|FOLDER|DIR|MODEL|RECORD|TEXT)\b")

# Commands that do not run here: document, what they begin with, and why. Each row is needed, and what the command
# names of the tree, its targets and its tests must be there nevertheless.
INSTALLS, HOURS, BUILDS = "installs", "of the nightly run, or of a measurement", "is the build that runs this"
TORCH, CLUSTER = "needs torch, or a download", "needs a cluster; jobs/README.md, tests/nightly/starters.py"
LEFT_OUT = [
    ("CONTRIBUTING.md", "make figures", HOURS),
    ("CONTRIBUTING.md", "make (deps|check)|git config |.ci/run|cmake |ctest ", BUILDS),
    ("CONTRIBUTING.md", "tests/checks/known_models.py", "changes the tree; checks/known_models runs it"),
    ("README.md", "make |cmake |sudo cmake ", INSTALLS + "; .ci/run and install/ run these"),
    ("README.md", "python3 python/make_wheel.py", "tests/nightly/wheel.sh runs it"),
    ("SECURITY.md", "(/usr/bin/)?python3 |build/tests/|(VITLRP_KILLS=200 )?ctest |tests/nightly/", HOURS),
    ("data/FORMATS.md", "sha256sum ", "a definition; cli/containers compares with it"),
    ("docs/BENCHMARKS.md", "vitlrp merge b16.json.journal", "is about a run that goes on; cli/journal has it"),
    ("docs/BENCHMARKS.md", r"vitlrp merge \*.json", "any shards; cli/journal merges some"),
    ("docs/DATASETS.md", "jq ", "another program"),
    ("docs/MODELS.md", "python3 -c |hf download$", TORCH),
    ("docs/PERFORMANCE.md", "vitlrp bench |ctest ", HOURS),
    ("docs/TROUBLESHOOTING.md", "head -c 100 FILE", "another program"),
    ("docs/VERSIONING.md", "make ", BUILDS),
    ("eval/PROTOCOL.md", "vitlrp bench ", HOURS),
    ("jobs/README.md", "job=|sbatch |SHARDS=|./(batch|eval)_parallel|vitlrp merge (FOLDER|/out)/shard", CLUSTER),
    ("python/README.md", "make |python3 |pip |venv/|VITLRP_LIBRARY=", INSTALLS + "; tests/nightly/wheel.sh, python/"),
    ("src/ARCHITECTURE.md", "ctest ", BUILDS),
    ("docs/tables/README.md", "tests/nightly/", HOURS),
    ("tests/TESTING.md", "make |cmake |python3 |tests/nightly/|vitlrp eval --maps", HOURS),
    ("tests/bench/README.md", "build/tests/bench/|python3 |vitlrp bench ", HOURS),
    ("tests/golden/architectures/README.md", "VITLRP_WIDTH=", HOURS),
]


def reason_of(command):
    """The row of LEFT_OUT that has it, or None."""
    rows = [row for row in LEFT_OUT if row[0] == command.page and re.match(row[1], command.text)]
    return rows[0] if rows else None


class Documents(model_files.ModelFiles):
    def setUp(self):
        super().setUp()
        self.top = os.getcwd()
        os.mkdir("bin")
        os.symlink(PROGRAM, "bin/vitlrp")
        self.environment["PATH"] = os.path.join(self.top, "bin") + ":" + self.environment["PATH"]
        with open("deep.safetensors", "wb") as file:
            file.write(deep_model.content())
        short, everything = (subprocess.run([PROGRAM, "help", *topic], stdout=subprocess.PIPE, text=True,
                                            check=True).stdout for topic in ((), ("all",)))
        self.verbs = re.findall(r"^  ([a-z]+)  ", short, re.MULTILINE)
        self.options = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", everything))

    def begin(self, page):
        """A folder for a document, with all that the documents name."""
        folder = os.path.join(self.top, page.replace("/", "-"))
        os.mkdir(folder)
        os.chdir(folder)
        self.environment.update({"HOME": folder, "VITLRP_MODEL": os.path.join(self.top, "deep.safetensors")})
        self.write_photographs()
        self.write_models()

    def write_photographs(self):
        photograph = os.path.join(GOLDEN, "..", "preprocess", "trials", "photo.png")
        for folder in ("val/n02123045", "imagenet/val/n02123045", "DIR/n02123045", "val/n02124075"):
            os.makedirs(folder)
        for folder in ("data", "my-cats", "val/n02124075"):
            os.makedirs(folder, exist_ok=True)
            shutil.copy(os.path.join(ROOT, "data", "koala.jpg"), f"{folder}/b.jpg")
        for name in ("cat.jpg", "scan.png", "street.jpg", "my-cats/a.png", "koala.jpg", "goldfish.jpg", "a.jpg",
                     "b.jpg", "data/goldfish.jpg", "val/n02123045/a.png", "imagenet/val/n02123045/a.png",
                     "DIR/n02123045/a.png"):
            shutil.copy(photograph, name)
        shutil.copy(os.path.join(ROOT, "data", "koala.jpg"), "imagenet/val/n02123045/b.jpg")
        shutil.copy(os.path.join(ROOT, "data", "goldfish.jpg"), "DIR/n02123045/b.jpg")
        os.makedirs("tests/data")  # any model will do
        os.symlink(os.path.join(self.top, "deep.safetensors"), "tests/data/vit-tiny-patch8-64.safetensors")
        for name, text in (("classes.txt", "cat\ndog\nowl\n"),
                           ("boxes.csv", "path,xmin,ymin,xmax,ymax\nn02123045/a.png,3,3,20,20\n")):
            with open(name, "w", encoding="utf-8") as file:
                file.write(text)

    def write_models(self):
        os.makedirs(".cache/torch/hub/checkpoints")
        own = model_files.torchvision_model(64, patch=16, classes=3)
        self.save(model_files.torchvision_model(64, patch=16, classes=1000), "vit_b_16.pth")
        for name in (".cache/torch/hub/checkpoints/vit_b_16-c867db91.pth", "mine.pth"):
            self.save(own, name)
        shutil.copytree(os.path.join(GOLDEN, "hf-vit", "model"), "vit-hf")
        for name in ("pretrain", "linear4_head"):
            self.save_dinov2(name)
        words = os.path.join(GOLDEN, "..", "words", "clip-quickgelu")
        shutil.copytree(os.path.join(words, "huggingface"), "clip-vit-base-patch16")
        shutil.copy(os.path.join(words, "openai", "ViT-tiny.pt"), "ViT-B-16.pt")
        shutil.copy(os.path.join(words, "text_embeddings.npy"), "texts.npy")
        with open(os.path.join(words, "expected.json"), encoding="utf-8") as file:
            prompts = json.load(file)["prompts"]
        with open("texts.txt", "w", encoding="utf-8") as file:
            file.write("\n".join(prompts) + "\n")
        with open("names.txt", "w", encoding="utf-8") as file:
            file.write("n02123045\ttabby cat\nn02124075\tEgyptian cat\n")

    def save_dinov2(self, name):
        """DINOv2's own files, whose heads are 64 wide: five blocks, and a head of the last four."""
        tensors = torch_files.read_safetensors(os.path.join(GOLDEN, "timm-plain", "model", "model.safetensors"))
        period = b"".join(tensor.data for tensor in tensors.values())
        shapes = {"weight": (3, 320), "bias": (3,)}
        if name == "pretrain":
            shapes = {"cls_token": (1, 1, 64), "pos_embed": (1, 5, 64), "mask_token": (1, 64),
                      "patch_embed.proj.weight": (64, 3, 14, 14), "patch_embed.proj.bias": (64,),
                      "norm.weight": (64,), "norm.bias": (64,)}
            for block in range(5):
                shapes.update({f"blocks.{block}.{part}": shape for part, shape in (
                    ("norm1.weight", (64,)), ("norm1.bias", (64,)), ("norm2.weight", (64,)), ("norm2.bias", (64,)),
                    ("attn.qkv.weight", (192, 64)), ("attn.qkv.bias", (192,)), ("attn.proj.weight", (64, 64)),
                    ("attn.proj.bias", (64,)), ("ls1.gamma", (64,)), ("ls2.gamma", (64,)),
                    ("mlp.fc1.weight", (16, 64)), ("mlp.fc1.bias", (16,)), ("mlp.fc2.weight", (64, 16)),
                    ("mlp.fc2.bias", (64,)))})
        state = {}
        for key, shape in shapes.items():
            size = 4
            for side in shape:
                size *= side
            state[key] = torch_files.Tensor(shape, (period * (size // len(period) + 1))[:size])
        self.save(state, f"dinov2_vits14_{name}.pth")

    def download(self, words):
        """What `hf download` leaves."""
        self.assertEqual(words[:2], ["hf", "download"])
        files = os.path.join(GOLDEN, REPOSITORIES[words[2]], "model")
        if "--local-dir" in words:
            shutil.copytree(files, words[words.index("--local-dir") + 1])
            return
        repository = ".cache/huggingface/hub/models--" + words[2].replace("/", "--")
        snapshot = f"{repository}/snapshots/{COMMIT}"
        os.makedirs(snapshot)
        os.mkdir(f"{repository}/blobs")
        os.mkdir(f"{repository}/refs")
        with open(f"{repository}/refs/main", "w", encoding="utf-8") as file:
            file.write(COMMIT)
        for name in os.listdir(files):
            shutil.copy(os.path.join(files, name), f"{repository}/blobs/{name}0")
            os.symlink(f"../../blobs/{name}0", f"{snapshot}/{name}")

    def run_command(self, command):
        """Runs it as a shell does; it must end well, and write or print something."""
        text = re.sub(r"^build/vitlrp", "vitlrp", command.text)
        text = text.replace("--model ViT-B-16.pt", "--model ViT-B-16.pt --heads 3 --text-heads 2")  # too small for 64
        name, _, value = text.removeprefix("export ").partition("=")
        if text.startswith("export "):
            self.environment[name] = value
            return
        words = shlex.split(text, comments=True)
        if words[:2] == ["hf", "download"]:
            self.download(words)
            return
        if not command.is_block:  # a run of its own, which goes on from nothing
            for target in (words[place + 1] for place, word in enumerate(words[:-1]) if word == "-o"):
                (shutil.rmtree if os.path.isdir(target) else os.remove)(target) if os.path.exists(target) else None
        shards = re.search(r"^vitlrp batch .*--shard 0/(\d+)", text)
        for shard in range(int(shards.group(1)) if shards else 1):
            self.run_shell(command, text.replace("--shard 0/", f"--shard {shard}/"))

    def run_shell(self, command, text):
        before = self.files()
        result = subprocess.run(["bash", "-c", text], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                env=self.environment)
        if result.returncode and "cairo" in result.stderr:  # a figure, in a build or on a machine without it
            return
        self.assertEqual(result.returncode, 0, f"{command}\n{result.stderr}")
        self.assertTrue(result.stdout or self.files() != before, f"{command} has written nothing")

    @staticmethod
    def files():
        found = {}
        for folder, _, names in os.walk("."):
            for name in names:
                status = os.lstat(os.path.join(folder, name))
                found[folder, name] = (status.st_size, status.st_mtime_ns)
        return found

    def look_at(self, command):
        """What a command that does not run names: verbs, options, places of the tree, targets of make, tests."""
        words = command.text.replace(command.text.partition("#")[2], "") if command.is_block else command.text
        verb = re.match(r"vitlrp ([a-z]+)\b(?!\.)", words)
        if verb:
            self.assertIn(verb.group(1), self.verbs, str(command))
        if words.startswith("vitlrp "):
            for option in re.findall(r"(?<=\s)--?[a-zA-Z][\w-]*", words):
                self.assertTrue(option in self.options or option in ("-vV", "-v", "-V"), f"{command}: {option}")
        for path in re.findall(r"(?<![\w./-])(?:\.ci|cmake|data|docs|eval|jobs|python|src|tests|vit)/[\w./-]+", words):
            self.assertTrue("OLD" in path or glob.glob(os.path.join(ROOT, path)), f"{command}: there is no {path}")
        for target in re.findall(r"(?<![\w.])make ((?!_)[a-z-]+)", words):
            with open(os.path.join(ROOT, "Makefile"), encoding="utf-8") as file:
                self.assertRegex(file.read(), rf"(?m)^{target}:", str(command))
        pattern = re.search(r"ctest .*-R (\S+)", words)
        if pattern and "BUILD" in os.environ:
            listed = subprocess.run(["ctest", "--test-dir", os.environ["BUILD"], "-N", "-R", pattern.group(1)],
                                    stdout=subprocess.PIPE, text=True, check=True).stdout
            self.assertNotIn("Total Tests: 0", listed, str(command))

    def is_run(self, command):
        if command.text.startswith("vitlrp ") and FORM.search(command.text):
            return command.page == "docs/BENCHMARKS.md"  # where DIR is a folder of ours
        is_name = re.fullmatch(r"vitlrp( [a-z]+)?( --units fc1)?", command.text) and not command.is_block
        return not is_name and reason_of(command) is None

    def test_commands(self):
        commands, complaints = document_commands.read_all()
        self.assertEqual(complaints, [])
        page, ran = "", 0
        for command in commands:
            with self.subTest(command=str(command)):
                if not self.is_run(command):
                    self.look_at(command)
                    continue
                if command.page != page:
                    self.begin(command.page)
                page, ran = command.page, ran + 1
                self.run_command(command)
        self.assertGreater(ran, 70)

    def test_reasons(self):
        """Every row of LEFT_OUT is needed."""
        commands, _ = document_commands.read_all()
        needed = [reason_of(command) for command in commands]
        for row in LEFT_OUT:
            self.assertIn(row, needed)

    def test_options(self):
        """Every option has a place in a document, beside the help."""
        told = "".join(document_commands.text_of(page) for page in document_commands.documents())
        for option in sorted(self.options):
            if option.startswith("--") and option != "--help":
                self.assertTrue(re.search(rf"{option}(?![\w-])", told), f"no document has a word about {option}")

    def test_counts(self):
        """How many methods there are, of which two are controls, is said alike."""
        with open(os.path.join(ROOT, "vit", "methods", "method_table.c"), encoding="utf-8") as file:
            count = len(re.findall(r"\.name = \"", file.read()))
        ones = ("", "-one", "-two", "-three", "-four", "-five", "-six", "-seven", "-eight", "-nine")
        words = ("twenty", "thirty", "forty")[(count - 2) // 10 - 2] + ones[(count - 2) % 10]
        for page, phrase in (("README.md", f"There are {words}, and two controls"),
                             ("SECURITY.md", f"there are {count};"), ("docs/COMPARISON.md", f"| {count - 3} for ViTs |")):
            self.assertIn(phrase, document_commands.text_of(page), page)

    def test_troubleshooting(self):
        """Its options and verbs are the command's, and its messages are said."""
        with open(os.path.join(ROOT, "docs", "TROUBLESHOOTING.md"), encoding="utf-8") as file:
            text = file.read()
        for option in set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", " ".join(re.findall("`([^`]*)`", text)))):
            self.assertIn(option, self.options)
        with open("junk.pth", "wb") as file:
            file.write(b"\x01" * 100)
        said = subprocess.run([PROGRAM, "cat.jpg", "--model", "junk.pth"], stderr=subprocess.PIPE, text=True,
                              check=False).stderr
        self.assertIn("is neither safetensors, PyTorch nor NumPy", said)
        self.assertIn("is neither safetensors, PyTorch nor NumPy", text)

    @unittest.skipUnless("HF" in os.environ, "the nightly's")
    def test_options_of_downloads(self):
        told = subprocess.run([os.environ["HF"], "download", "--help"], stdout=subprocess.PIPE, text=True,
                              check=True).stdout
        commands, _ = document_commands.read_all()
        for command in commands:
            words = shlex.split(command.text) if command.text.startswith("hf download ") else []
            for word in words:
                if word.startswith("-"):
                    self.assertRegex(told, rf"(?<![\w-]){word}(?![\w-])", str(command))


if __name__ == "__main__":
    model_files.main()
