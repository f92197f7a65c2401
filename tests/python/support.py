"""What the tests have in common: where things are, the command to compare with, golden values."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

import vitlrp

SOURCE = os.environ["VITLRP_SOURCE"]
PROGRAM = os.environ["VITLRP_PROGRAM"]
LIBRARY = os.environ["VITLRP_LIBRARY"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))

import records  # noqa: E402
import small_model  # noqa: E402

DATA = os.path.join(SOURCE, "data")
PARITY = os.path.join(SOURCE, "tests", "golden", "parity")
GOLDFISH, KOALA = os.path.join(DATA, "goldfish.jpg"), os.path.join(DATA, "koala.jpg")

# Allowed relative L2 error against the float64 reference (tests/TESTING.md).
EXACT = 1e-4
small_model.use()


def small(**options):
    """The model that the command uses here."""
    return vitlrp.Model(small_model.PATH, **options)


def parity_model(name="timm.safetensors"):
    return vitlrp.Model(os.path.join(PARITY, name), heads=4)


def golden(name):
    return np.load(os.path.join(PARITY, name + ".npy"))


def golden_cases():
    with open(os.path.join(PARITY, "expected.json"), encoding="utf-8") as file:
        return json.load(file)["cases"]


def relative_error(found, wanted):
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


@contextlib.contextmanager
def scratch():
    """A folder of the test's own."""
    with tempfile.TemporaryDirectory() as folder:
        yield folder


def command(*arguments, **variables):
    """Runs the command with these variables; returns what it says."""
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    result = subprocess.run(
        [PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**environment, **variables}
    )
    if result.returncode != 0:
        raise AssertionError(f"vitlrp {' '.join(arguments)}: {result.stdout.decode()}")
    return result.stdout.decode()


def document(text):
    """A record as an object, whose format's schema it fits."""
    wrong = records.check_text(text)
    if wrong:
        raise AssertionError("\n".join(wrong))
    return json.loads(text)


def read(path):
    with open(path, "rb") as file:
        return file.read()
