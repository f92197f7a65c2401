"""The recipes of docs/MODELS.md and of the README's "Your own model" run: on small models that lie where the downloads
would put them. usage: check_recipes.py VITLRP PARITY GOLDEN [TEST...]

With HF set to an `hf` of huggingface_hub, the options of every `hf download` are looked for in its help; without, that
is the nightly's (tests/nightly/libraries.sh)."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import model_files  # noqa: E402
import small_model  # noqa: E402
import torch_files  # noqa: E402
from model_files import GOLDEN, PROGRAM  # noqa: E402

ROOT = os.path.join(GOLDEN, "..", "..", "..")
PAGES = (("docs/MODELS.md", "Recipes"), ("docs/MODELS.md", "Heads"), ("README.md", "Three commands"),
         ("README.md", "Your own model"))
# A model of golden/zoo of the kind that each repository has.
REPOSITORIES = {"timm/vit_base_patch16_224.augreg2_in21k_ft_in1k": "timm-plain",
                "google/vit-base-patch16-224": "hf-vit",
                "facebook/dinov2-base-imagenet1k-1-layer": "hf-dinov2-classifier",
                "laion/CLIP-ViT-B-16-laion2B-s34B-b88K": "open-clip-tower"}
COMMIT = "0123456789abcdef"


def lines_of(page, section):
    """The commands of a section."""
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        text = file.read()
    body = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.M | re.S).group(1)
    lines = re.findall("^    (.*)", body, re.M)
    if any(line.startswith("$ ") for line in lines):  # what a command prints stands below it; cli/cases compares it
        lines = [line.removeprefix("$ ") for line in lines if line.startswith(("$ ", "vitlrp "))]
    return [line.strip().split("     #")[0] for line in lines if line.strip() and not line.strip().startswith("#")]


class Recipes(model_files.ModelFiles):
    def setUp(self):
        super().setUp()
        os.makedirs(".cache/torch/hub/checkpoints")
        os.mkdir("bin")
        os.symlink(PROGRAM, "bin/vitlrp")
        self.environment["PATH"] = os.path.join(os.getcwd(), "bin") + ":" + self.environment["PATH"]
        self.environment["VITLRP_MODEL"] = small_model.PATH
        own = model_files.torchvision_model(64, patch=16, classes=3)
        self.save(model_files.torchvision_model(64, patch=16, classes=1000), "vit_b_16.pth")
        for name in (".cache/torch/hub/checkpoints/vit_b_16-c867db91.pth", "mine.pth"):
            self.save(own, name)
        with open("classes.txt", "w", encoding="utf-8") as file:
            file.write("cat\ndog\nowl\n")
        photograph = os.path.join(GOLDEN, "..", "preprocess", "trials", "photo.png")
        os.mkdir("my-cats")
        for name in ("cat.jpg", "scan.png", "street.jpg", "my-cats/a.png"):
            shutil.copy(photograph, name)
        for folder in ("data", "val/n02123045", "imagenet/val"):
            os.makedirs(folder)
        for name in ("data/goldfish.jpg", "val/n02123045/a.png", "imagenet/val/a.png"):
            shutil.copy(photograph, name)
        shutil.copytree(os.path.join(GOLDEN, "hf-vit", "model"), "vit-hf")
        for name in ("pretrain", "linear4_head"):
            self.save_dinov2(name)
        words = os.path.join(GOLDEN, "..", "words", "clip-quickgelu")
        shutil.copytree(os.path.join(words, "huggingface"), "clip-vit-base-patch16")
        shutil.copy(os.path.join(words, "text_embeddings.npy"), "texts.npy")
        with open(os.path.join(words, "expected.json"), encoding="utf-8") as file:
            prompts = json.load(file)["prompts"]
        with open("texts.txt", "w", encoding="utf-8") as file:
            file.write("\n".join(prompts) + "\n")
        shutil.copy("texts.txt", "names.txt")

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

    def run_line(self, line):
        words = shlex.split(line)
        if words[0] == "hf":
            self.download(words)
        elif words[0] == "vitlrp":
            before = set(os.listdir())
            result = subprocess.run(["bash", "-c", line], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                    env=self.environment)
            self.assertEqual(result.returncode, 0, f"{line}: {result.stderr}")
            written = set(os.listdir()) - before
            self.assertTrue(written, f"{line} has written nothing")
            for name in written:
                (shutil.rmtree if os.path.isdir(name) else os.remove)(name)
        else:
            self.assertEqual(words[:2], ["python3", "-c"], line)

    def test_recipes(self):
        for page, section in PAGES:
            lines = lines_of(page, section)
            self.assertGreater(sum(line.startswith("vitlrp ") for line in lines), 1)
            for line in lines:
                with self.subTest(page=page, line=line):
                    self.run_line(line)

    def test_troubleshooting(self):
        """Its options and verbs are the command's, and its messages are said."""
        with open(os.path.join(ROOT, "docs", "TROUBLESHOOTING.md"), encoding="utf-8") as file:
            text = file.read()
        told = subprocess.run([PROGRAM, "help", "all"], stdout=subprocess.PIPE, text=True, check=True).stdout
        known = re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", told)
        for option in set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", " ".join(re.findall("`([^`]*)`", text)))):
            self.assertTrue(option in known, option)
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
        for page, section in PAGES:
            for line in lines_of(page, section):
                words = shlex.split(line)
                for word in words if words[:2] == ["hf", "download"] else []:
                    if word.startswith("-"):
                        self.assertRegex(told, rf"(?<![\w-]){word}(?![\w-])", line)


if __name__ == "__main__":
    model_files.main()
