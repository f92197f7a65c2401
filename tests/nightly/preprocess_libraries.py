"""Model inputs of ours against those of torchvision, timm and transformers, for random pictures and
random configurations beside the weights.

usage: preprocess_libraries.py LIBRARY [COUNT [SEED]]
    LIBRARY    build/src/api/libvitlrp.so
    COUNT      configurations; default 1000

Needs torch, torchvision, timm, transformers and Pillow 13 (pip install, in a virtual environment). Pixels
must be equal, and inputs to 1e-6 of the largest value: libraries divide by 255 in other orders."""

import json
import logging
import os
import random
import shutil
import sys
import tempfile
import warnings

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PARITY = os.path.join(ROOT, "tests", "golden", "parity")
os.environ["VITLRP_LIBRARY"] = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
sys.path.insert(0, os.path.join(ROOT, "python"))

import numpy as np
import timm.data
from PIL import Image
from transformers.models.beit.image_processing_pil_beit import BeitImageProcessorPil
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

import vitlrp

PROCESSORS = (BeitImageProcessorPil, BitImageProcessorPil, CLIPImageProcessorPil, ConvNextImageProcessorPil,
              DeiTImageProcessorPil, SiglipImageProcessorPil, ViTImageProcessorPil)
TOLERANCE = 1e-6


def side():
    return random.randint(8, 60)


def pair():
    return {"height": side(), "width": side()}


def some(choices):
    """Each key with its chance, its value from a list of values or functions."""
    chosen = {}
    for key, chance, values in choices:
        if random.random() < chance:
            value = random.choice(values)
            chosen[key] = value() if callable(value) else value
    return chosen


def huggingface_keys(processor):
    sizes = [side, lambda: [side(), side()], pair, lambda: {"shortest_edge": side()}]
    keys = some([("size", .7, sizes),
                 ("crop_size", .4, [side, pair]),
                 ("do_center_crop", .4, [True, False, None]),
                 ("resample", .5, [1, 2, 3, 4, 5]),
                 ("do_resize", .2, [False]),
                 ("rescale_factor", .2, [1 / 255, 1 / 127.5, 0.01]),
                 ("do_rescale", .15, [False]),
                 ("do_normalize", .15, [False]),
                 ("image_mean", .4, [[.1, .2, .3], .4]),
                 ("image_std", .4, [[.1, .2, .3], .4]),
                 ("default_to_square", .1, [True, False])])
    if processor is ConvNextImageProcessorPil:
        keys.pop("do_center_crop", None)
        keys.update(some([("crop_pct", .4, [.9, .95, .7])]))
        if "size" in keys:
            keys["size"] = {"shortest_edge": random.choice([side(), 400])}
    if keys.get("do_center_crop"):
        keys.setdefault("crop_size", side())
    return keys


def huggingface_case(folder, picture):
    """(what, the library's input); the folder gets the configuration."""
    processor = random.choice(PROCESSORS)
    keys = huggingface_keys(processor)
    name = processor.__name__.removesuffix("Pil") + random.choice(["", "Fast"])
    with open(os.path.join(folder, "preprocessor_config.json"), "w", encoding="utf-8") as file:
        json.dump({**keys, "image_processor_type": name}, file)
    return (name, keys), processor(**keys)(picture, return_tensors="np")["pixel_values"][0]


def timm_case(folder, picture):
    keys = some([("input_size", .8, [lambda: [3, side(), side()], lambda: [3] + [side()] * 2]),
                 ("crop_pct", .7, [.9, .875, .95, 1.0, None, .77, 1.2]),
                 ("crop_mode", .5, ["center", "squash"]),
                 ("interpolation", .6, ["bilinear", "bicubic", "lanczos", "box", "hamming"]),
                 ("mean", .5, [[.1, .2, .3]]),
                 ("std", .5, [[.1, .2, .3]])])
    config = {"architecture": "vit_x", "pretrained_cfg": keys}
    if any(keys.get(key) for key in ("input_size", "crop_pct", "interpolation", "mean", "std")):
        config = random.choice([config, {"architecture": "vit_x", **keys}])
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)
    resolved = timm.data.resolve_data_config(pretrained_cfg={"architecture": "vit_x", **keys})
    if "input_size" not in keys:
        resolved["input_size"] = (3, 32, 32)  # the model's, where timm has 224
    return ("timm", config), timm.data.create_transform(**resolved)(picture).numpy()


def difference(ours, theirs):
    """What is wrong, or None."""
    if ours.shape != theirs.shape:
        return f"shape {ours.shape}, the library's is {theirs.shape}"
    largest = float(np.abs(ours - theirs).max() / max(1.0, np.abs(theirs).max()))
    return f"differs by {largest:.3g}" if largest > TOLERANCE else None


def check_one(folder, case):
    height, width = random.randint(8, 90), random.randint(8, 90)
    pixels = np.frombuffer(random.randbytes(height * width * 3), np.uint8).reshape(height, width, 3)
    what, theirs = case(folder, Image.fromarray(pixels))
    ours = np.asarray(vitlrp.Model(folder, heads=4).preprocess(pixels))
    wrong = difference(ours, theirs)
    if wrong is not None:
        print(f"{what}, a picture of {width} x {height}: {wrong}")
    return wrong is None


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    random.seed(int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as scratch:
        cases = []
        for name, case, weights in (("hf", huggingface_case, "huggingface/model.safetensors"),
                                    ("timm", timm_case, "timm.safetensors")):
            folder = os.path.join(scratch, name)
            os.mkdir(folder)
            shutil.copy(os.path.join(PARITY, weights), os.path.join(folder, "model.safetensors"))
            cases.append((folder, case))
        shutil.copy(os.path.join(PARITY, "huggingface", "config.json"), cases[0][0])
        right = sum(check_one(*cases[i % 2]) for i in range(count))
    print(f"{right} of {count} as the libraries")
    return 0 if right == count else 1


if __name__ == "__main__":
    sys.exit(main())
