"""The model that most tests compute with: a forward pass of the built-in one costs ten times as much.

They get it by VITLRP_MODEL, so they run the command as its users do. A test of the built-in model itself
empties the variable. support/small_model.h has the file for the tests in C."""

import os

PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data",
                    "vit-tiny-patch8-64.safetensors")


def use():
    """Every program that is started from now on has it for its default, and no other default of ours."""
    for name in ("VITLRP_THREADS", "VITLRP_LIMITS"):
        os.environ.pop(name, None)
    os.environ["VITLRP_MODEL"] = PATH
