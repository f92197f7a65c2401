"""What a library gives to architectures.py: a name, how many published weights there are of it, and
a function that writes a small model into a folder."""

import dataclasses
import os
import typing

# Of every model. Fixtures are smaller.
WIDTH = int(os.environ.get("VITLRP_WIDTH", "48"))
HEADS = int(os.environ.get("VITLRP_HEADS", "3"))

# At full width: nothing but the blocks is reduced, to so many (0: not even these), and configurations
# are those of the published models.
IS_FULL = "VITLRP_BLOCKS" in os.environ
BLOCKS = int(os.environ.get("VITLRP_BLOCKS", "2"))


def blocks(key):
    """The argument of that name, or none."""
    return {key: BLOCKS} if BLOCKS > 0 else {}


@dataclasses.dataclass
class Built:
    model: typing.Any  # in float64
    inputs: typing.Any  # a tensor (1, channels, height, width) in float32
    forward: typing.Callable  # of model and inputs: a tensor (1, outputs)
    options: tuple = ()  # what no file states
    patch: int = 1  # of its side, where an input may end with pixels that are in no whole patch
    file: str = ""  # the weights, within the folder; "": the folder itself


@dataclasses.dataclass
class Case:
    name: str
    weight: int
    build: typing.Callable  # of folder and seed: Built
