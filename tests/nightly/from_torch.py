"""Model.from_torch over every module of architectures.py: logits against the module's own in float64.
What architectures.py finds refused may be refused here, and nothing may be wrong.

usage: from_torch.py [--library NAME]... [--only REGEX] [--verbose]

VITLRP_LIBRARY and PYTHONPATH say where the library and the package are. Ends with 1 if a module gives
other logits, is refused by the comparison, or less than 90 % (by weight of published models) are right."""

import argparse
import importlib
import logging
import re
import sys
import tempfile
import traceback
import warnings
import zlib

import numpy as np
import torch

import vitlrp

LIBRARIES = ("torchvision", "timm", "transformers", "open_clip")
TOLERANCE = 1e-4
LEAST_RIGHT = 0.9  # a pre-training MAE leaves most patches out, so its outputs cannot be compared


def check(case):
    """(status, message)"""
    with tempfile.TemporaryDirectory() as folder:
        built = case.build(folder, zlib.crc32(case.name.encode()))
    with torch.no_grad():
        theirs = built.forward(built.model, built.inputs.double())[0].numpy()
    try:
        model = vitlrp.Model.from_torch(built.model)
    except vitlrp.VitlrpError as error:
        compared = "from_torch: the module" in str(error) and "has no output of" not in str(error)
        return ("wrong" if compared else "refused"), str(error)
    height, width = (side // built.patch * built.patch for side in built.inputs.shape[-2:])
    ours = model._forward(np.ascontiguousarray(built.inputs[0].numpy()[..., :height, :width]))
    difference = float(np.abs(ours - theirs).max()) if ours.shape == theirs.shape else np.inf
    return ("right" if difference <= TOLERANCE else "wrong"), f"{difference:.1e}"


def check_library(library, settings):
    found = {"right": 0, "refused": 0, "wrong": 0}
    weights = dict(found)
    for case in importlib.import_module("architectures_" + library).cases():
        if not re.search(settings.only, case.name):
            continue
        try:
            status, message = check(case)
        except Exception:
            status, message = "wrong", traceback.format_exc(limit=-1)
        found[status] += 1
        weights[status] += case.weight
        if status != "right" or settings.verbose:
            print(f"{status} {case.name} ({case.weight}): {message}", flush=True)
    total = sum(weights.values())
    part = weights["right"] / total if total else 1.0
    print(f"{library}: {found}; right by weight: {100 * part:.1f} %", flush=True)
    return found["wrong"] == 0 and part >= LEAST_RIGHT


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", action="append", choices=LIBRARIES)
    parser.add_argument("--only", default="")
    parser.add_argument("--verbose", action="store_true")
    settings = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    good = [check_library(library, settings) for library in settings.library or LIBRARIES]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
