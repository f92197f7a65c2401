"""Checks of arguments before they become C's.

ctypes cuts off numbers that are too large, and C strings at a zero byte.
"""

from __future__ import annotations

import ctypes
import difflib
import math
import operator
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from ._library import words
from .errors import UsageError

StrPath = Union[str, "os.PathLike[str]"]
Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

INT32_MAX = 2**31 - 1
MOST_THREADS = 1024
FLOAT32_MAX = float(np.finfo(np.float32).max)


_SHOWN = 60  # letters of a value in a message
_LISTED = 4  # values of a short list


def kind(value: Any) -> str:
    """What the value is, without its contents."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"{len(value)} bytes"
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, bool, int, float, np.generic))


def shown(value: Any) -> str:
    """The value for a message: short, and of a user's data only what it is."""
    is_list = isinstance(value, (list, tuple)) and len(value) <= _LISTED
    if not _is_plain(value) and not (is_list and all(map(_is_plain, value))):
        return kind(value)
    try:
        text = repr(value[:_SHOWN]) if isinstance(value, str) else repr(value)
    except Exception:  # of a number of many digits
        return kind(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def flag(name: str, value: Any) -> int:
    """The value as C's truth."""
    if isinstance(value, (bool, np.bool_)) or (isinstance(value, int) and value in (0, 1)):
        return int(value)
    raise UsageError(f"{name} must be True or False, not {shown(value)}")


def whole(name: str, value: Any, low: int, high: int) -> int:
    """The value as an int from low to high."""
    try:
        number = operator.index(value)
    except TypeError:
        raise UsageError(f"{name} must be a whole number, not {shown(value)}") from None
    if not low <= number <= high:
        raise UsageError(f"{name} must be from {low} to {high}, not {shown(number)}")
    return number


def threads(value: Any) -> int:
    """The number of threads for C, where 0 is one per available processor, as None is here."""
    return whole("threads", 0 if value is None else value, 0, MOST_THREADS)


def real(name: str, value: Any, low: float, high: float, infinite: bool = False) -> float:
    """The value as a float from low to high; infinity where it is allowed."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"{name} must be a number, not {shown(value)}") from None
    if low <= number <= high or (infinite and number == math.inf):
        return number
    raise UsageError(
        f"{name} must be from {low:g} to {high:g}{', or inf' if infinite else ''}, not {number!r}"
    )


def choice(name: str, value: str, enum: str) -> int:
    """The value's place in an enumeration of the library."""
    names = words(enum)
    if not isinstance(value, str) or value not in names:
        listed = f"{', '.join(names[:-1])} or {names[-1]}"
        raise UsageError(f"{name} must be {listed}, not {shown(value)}")
    return names.index(value)


def text(name: str, value: str) -> bytes:
    """The string for C."""
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a string, not {shown(value)}")
    if "\0" in value:
        raise UsageError(f"{name} must not hold a zero byte")
    try:
        return value.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raise UsageError(f"{name} is no text: {shown(value)}") from None


def path(name: str, value: StrPath) -> bytes:
    """The file name for C."""
    try:
        name_bytes = os.fsencode(value)
    except (TypeError, UnicodeEncodeError):
        raise UsageError(f"{name} must be a path, not {shown(value)}") from None
    if not name_bytes or b"\0" in name_bytes:
        raise UsageError(f"{name} must be a path, not {shown(value)}")
    return name_bytes


def names(name: str, values: Sequence[str]) -> list[bytes]:
    """Several strings for C: a sequence of them, not one string."""
    if isinstance(values, str):
        raise UsageError(f"{name} must be a list of names, as [{shown(values)}]")
    if not isinstance(values, Sequence):
        raise UsageError(f"{name} must be a list of names, not {shown(values)}")
    return [text(name, value) for value in values]


def mapping(name: str, value: Any) -> dict[Any, Any]:
    """The value as a dictionary; None is an empty one."""
    if value is not None and not isinstance(value, Mapping):
        raise UsageError(f"{name} must be a dictionary, not {shown(value)}")
    return dict(value or {})


def keywords(function: str, given: Iterable[str], known: Iterable[str]) -> None:
    """TypeError, as Python has it, for a keyword that there is not."""
    names = sorted(known)
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"; did you mean {near[0]}?" if near else f": there are {', '.join(names)}"
            raise TypeError(f"{function}() got an unexpected keyword argument {shown(name)}{hint}")


def photograph(name: str, value: Any) -> Pixels:
    """The value as pixels that C can be given: uint8 (height, width, 3), each behind the other.

    Checked where it is handed to C: an object may have been changed since it was made.
    """
    fits = isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 3
    if not fits or value.shape[2] != 3 or max(value.shape) > INT32_MAX:
        raise UsageError(
            f"{name} must be an array of uint8 and shape (height, width, 3), not {kind(value)}"
        )
    return np.ascontiguousarray(value)


def map_of_floats(name: str, value: Any) -> Floats:
    """The value as a map that C can be given: float32 (height, width), each behind the other."""
    fits = isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.ndim == 2
    if not fits or not all(0 < side <= INT32_MAX for side in value.shape):
        raise UsageError(
            f"{name} must be an array of float32 and shape (height, width), not {kind(value)}"
        )
    return np.ascontiguousarray(value, np.float32)


def floats(array: Floats) -> Any:
    """The data of a C-ordered float32 array, which must outlive the pointer."""
    if array.dtype != np.float32 or not array.flags.c_contiguous:
        raise UsageError(f"an array of float32 in C order is needed, not {kind(array)}")
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_float))


def shortest(value: float) -> float:
    """The shortest decimal that is this float32: 0.05, where its own value is 0.0500000007."""
    return float(str(np.float32(value)))
