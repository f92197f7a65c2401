"""Checks of arguments before they become C's.

ctypes cuts off numbers that are too large, and C strings at a zero byte.
"""

from __future__ import annotations

import ctypes
import math
import operator
import os
from collections.abc import Sequence
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from ._library import words
from .errors import UsageError

StrPath = Union[str, "os.PathLike[str]"]
Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

INT32_MAX = 2**31 - 1
FLOAT32_MAX = float(np.finfo(np.float32).max)


def whole(name: str, value: Any, low: int, high: int) -> int:
    """The value as an int from low to high."""
    try:
        number = operator.index(value)
    except TypeError:
        raise UsageError(f"{name} must be a whole number, not {value!r}") from None
    if not low <= number <= high:
        raise UsageError(f"{name} must be from {low} to {high}, not {number}")
    return number


def real(name: str, value: Any, low: float, high: float, infinite: bool = False) -> float:
    """The value as a float from low to high; infinity where it is allowed."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise UsageError(f"{name} must be a number, not {value!r}") from None
    if low <= number <= high or (infinite and number == math.inf):
        return number
    raise UsageError(
        f"{name} must be from {low:g} to {high:g}{', or inf' if infinite else ''}, not {number!r}"
    )


def choice(name: str, value: str, enum: str) -> int:
    """The value's place in an enumeration of the library."""
    names = words(enum)
    if not isinstance(value, str) or value not in names:
        raise UsageError(f"{name} must be {', '.join(names[:-1])} or {names[-1]}, not {value!r}")
    return names.index(value)


def text(name: str, value: str) -> bytes:
    """The string for C."""
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a string, not {value!r}")
    if "\0" in value:
        raise UsageError(f"{name} must not hold a zero byte")
    return value.encode(errors="surrogateescape")


def path(name: str, value: StrPath) -> bytes:
    """The file name for C."""
    try:
        name_bytes = os.fsencode(value)
    except TypeError:
        raise UsageError(f"{name} must be a path, not {value!r}") from None
    if not name_bytes or b"\0" in name_bytes:
        raise UsageError(f"{name} must be a path, not {value!r}")
    return name_bytes


def names(name: str, values: Sequence[str]) -> list[bytes]:
    """Several strings for C: a sequence of them, not one string."""
    if isinstance(values, str):
        raise UsageError(f"{name} must be a list of names, as [{values!r}]")
    return [text(name, value) for value in values]


def floats(array: Floats) -> Any:
    """The data of a C-ordered float32 array, which must outlive the pointer."""
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_float))


def shortest(value: float) -> float:
    """The shortest decimal that is this float32: 0.05, where its own value is 0.0500000007."""
    return float(str(np.float32(value)))
