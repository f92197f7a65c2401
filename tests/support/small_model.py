"""The models that most tests compute with: a forward pass of the built-in one costs ten times as much as the
small one's, which has ImageNet's classes, and a hundred times as much as the tiny one's, which has five.

They get it by VITLRP_MODEL, so they run the command as its users do. A test of the built-in model itself
empties the variable. support/small_model.h has the file for the tests in C.

A test that starts many processes and asks nothing of the arithmetic takes OpenBLAS: oneDNN compiles its kernels
in every process anew, which is most of what a short run costs."""

import json
import os
import shutil

PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data",
                    "vit-tiny-patch8-64.safetensors")

TINY = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "golden", "zoo", "timm-plain", "model")
WORDNET = ("n01443537", "n02509815", "n01882714", "n02132136", "n04536866")


def use(model=PATH, backend=""):
    """Every program that is started from now on has these for its defaults, and no other default of ours."""
    for name in ("VITLRP_THREADS", "VITLRP_LIMITS"):
        os.environ.pop(name, None)
    os.environ["VITLRP_MODEL"] = model
    os.environ["VITLRP_BACKEND"] = backend


def write_tiny(folder):
    """The tiny model with classes of WordNet, of which the goldfish is the first; the folder."""
    shutil.copytree(TINY, folder)
    path = os.path.join(folder, "config.json")
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    config["label_names"] = WORDNET
    config["label_descriptions"] = dict(zip(WORDNET, ("goldfish", "panda", "koala", "bear", "volleyball")))
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)
    return folder
