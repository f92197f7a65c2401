"""Every isotropic Vision Transformer that timm, transformers, torchvision and open_clip register:
small models with every parameter drawn anew, written as that library writes them, and what vitlrp makes of
them: logits against the library's own in float64, relevance against architectures_rules.py.

usage: architectures.py VITLRP [--library NAME]... [--only REGEX] [--full BLOCKS] [--logits] [--verbose]
       [--keep FOLDER]

Prints what is refused and what is wrong, and counts weighted by the published weights of each
architecture. Ends with 1 if any is wrong, or less than 95 % (by weight) right. Needs the libraries
(pip install, in a virtual environment); nothing is downloaded."""

import argparse
import contextlib
import importlib
import logging
import os
import re
import subprocess
import sys
import tempfile
import traceback
import warnings
import zlib

import architectures_rules
import numpy as np
import torch

LIBRARIES = ("timm", "transformers", "torchvision", "open_clip")
TOLERANCE = 1e-4
LEAST_RIGHT = 0.95
CRASHED = 64  # exit codes from here are none of vitlrp's own


def whole_patches(array, patch):
    """What a model of such patches reads."""
    height, width = (side // patch * patch for side in array.shape[-2:])
    return array[..., :height, :width]


def run(command, model, built, folder):
    """(status, message, logits or None); the map of output 0 is in map.npy."""
    inputs = os.path.join(folder, "input.npy")
    logits = os.path.join(folder, "logits.npy")
    np.save(inputs, whole_patches(built.inputs[0].numpy(), built.patch))
    words = [command, "explain", inputs, "--model", model, "--class", "0", "--logits", logits, "--quiet",
             "--level", "pixel", "--raw", os.path.join(folder, "map.npy"),
             *built.options]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        is_own = 0 < done.returncode < CRASHED
        return ("refused" if is_own else "wrong"), (done.stderr.strip() or str(done.returncode)), None
    return "right", "", np.load(logits)


def compare(ours, theirs):
    """(status, message) of the logits."""
    if ours.shape != theirs.shape:
        return "wrong", f"{ours.shape[0]} outputs instead of {theirs.shape[0]}"
    difference = float(np.abs(ours - theirs).max())
    if difference <= TOLERANCE:
        return "right", f"{difference:.1e}"
    return "wrong", f"off by {difference:.3g} of {np.abs(theirs).max():.3g}"


def compare_maps(built, folder):
    """(status, message) of the relevance."""
    ours = np.load(os.path.join(folder, "map.npy"))
    theirs = architectures_rules.relevance(built, 0)
    theirs = whole_patches(theirs, built.patch)
    difference = float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))
    if difference <= TOLERANCE:
        return "right", f"relevance {difference:.1e}"
    return "wrong", f"relevance is off by {difference:.3g}"


def check(case, settings, folder):
    model = os.path.join(folder, "model")
    os.mkdir(model)
    built = case.build(model, zlib.crc32(case.name.encode()))
    with torch.no_grad():
        theirs = built.forward(built.model, built.inputs.double())[0].numpy()
    np.save(os.path.join(folder, "expected.npy"), theirs.astype(np.float32))
    status, message, ours = run(settings.command, os.path.join(model, built.file), built, folder)
    if ours is not None:
        status, message = compare(ours, theirs)
    if status != "right" or settings.logits or settings.full is not None:
        return status, message
    return compare_maps(built, folder)


@contextlib.contextmanager
def scratch(keep, name):
    """A folder for one model, which stays under `keep`."""
    if keep is None:
        with tempfile.TemporaryDirectory() as folder:
            yield folder
        return
    folder = os.path.join(keep, re.sub(r"[^\w.=]+", "_", name))
    os.makedirs(folder)
    yield folder


def check_library(library, settings):
    """{status: [case]}"""
    found = {"right": [], "refused": [], "wrong": []}
    for case in importlib.import_module("architectures_" + library).cases():
        if not re.search(settings.only, case.name):
            continue
        with scratch(settings.keep, case.name) as folder:
            try:
                status, message = check(case, settings, folder)
            except Exception:
                status, message = "wrong", "not built: " + traceback.format_exc(limit=-1)
        found[status].append(case)
        if status != "right" or settings.verbose:
            print(f"{status} {case.name} ({case.weight}): {message}", flush=True)
    return found


def share(found, status):
    weight = sum(case.weight for case in found[status])
    return f"{len(found[status])} {status} (weight {weight})"


def report(library, found):
    """True if nothing is wrong and enough is right."""
    total = sum(case.weight for cases in found.values() for case in cases)
    right = sum(case.weight for case in found["right"])
    part = right / total if total else 1.0
    counts = ", ".join(share(found, status) for status in ("right", "refused", "wrong"))
    print(f"{library}: {counts}; right by weight: {100 * part:.1f} %", flush=True)
    return not found["wrong"] and part >= LEAST_RIGHT


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.add_argument("--library", action="append", choices=LIBRARIES)
    parser.add_argument("--only", default="")
    parser.add_argument("--full", metavar="BLOCKS", help="at full width, with so many blocks; 0: with all")
    parser.add_argument("--logits", action="store_true", help="compare no relevance")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--keep", help="a folder in which the models stay")
    settings = parser.parse_args()
    if settings.full is not None:
        os.environ["VITLRP_BLOCKS"] = settings.full
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    good = [report(library, check_library(library, settings)) for library in settings.library or LIBRARIES]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
