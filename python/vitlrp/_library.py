"""Finds and loads the shared library, and calls it: all other modules go through this one."""

from __future__ import annotations

import ctypes
import functools
import itertools
import logging
import os
from typing import Any, TypeVar

from . import _capi, errors

VARIABLE = "VITLRP_LIBRARY"
NAMES = ("libvitlrp.so.1", "libvitlrp.so")

_ADVICE = (
    f"build and install vitlrp (make install, then ldconfig), or set {VARIABLE} to the file, "
    f"as {VARIABLE}=build/src/api/libvitlrp.so"
)

_Record = TypeVar("_Record", bound=ctypes.Structure)


def _open(path: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        raise errors.LibraryError(f"{path} cannot be loaded: {error}; {_ADVICE}") from None


def _find() -> ctypes.CDLL:
    """The one that the environment names, else the one beside this file, else the system's."""
    wanted = os.environ.get(VARIABLE)
    if wanted:
        return _open(os.path.abspath(wanted))
    here = os.path.dirname(os.path.abspath(__file__))
    for name in NAMES:
        path = os.path.join(here, name)
        if os.path.exists(path):
            return _open(path)
    refusals = []
    for name in NAMES:
        try:
            return ctypes.CDLL(name)
        except OSError as error:
            refusals.append(str(error))
    raise errors.LibraryError(
        f"{NAMES[0]} was not found: {_ADVICE} (the system says: {'; '.join(refusals)})"
    )


def _load() -> ctypes.CDLL:
    library = _find()
    for name, (result, parameters) in _capi.FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise errors.LibraryError(
                f"{library._name} has no {name}: it is older than this package, or not vitlrp's; "
                f"{_ADVICE}"
            ) from None
        function.restype, function.argtypes = result, list(parameters)
    return library


lib = _load()


@functools.lru_cache(maxsize=None)
def words(enumeration: str) -> tuple[str, ...]:
    """The words for the values of an enumeration of the library, a value's place being its number."""
    found = (lib.vitlrp_word(enumeration.encode(), value) for value in itertools.count())
    return tuple(word.decode() for word in itertools.takewhile(bool, found))


def call(function: Any, *arguments: Any) -> None:
    """Calls a function whose last parameter is the error record, and raises what it reports."""
    report = _capi.Error()
    status = function(*arguments, ctypes.byref(report))
    if status == 0:
        return
    known = 1 <= status <= len(errors.BY_STATUS)
    error = (errors.BY_STATUS[status - 1] if known else errors.VitlrpError)(
        report.message.decode(errors="replace")
    )
    if isinstance(error, OSError):
        error.errno = report.system_errno
    raise error


def new_record(kind: type[_Record], init: Any, *arguments: Any) -> _Record:
    """A record with a struct_size as the library's own `init` fills it.

    Libraries of other versions know more fields or fewer: the size shows them what this package
    knows.
    """
    record = kind()
    if init.restype is None:
        init(ctypes.byref(record), ctypes.sizeof(kind), *arguments)
    else:
        call(init, ctypes.byref(record), ctypes.sizeof(kind), *arguments)
    return record


def version() -> str:
    """Version of the library, as "0.2.0"."""
    return str(lib.vitlrp_version().decode())


def take_bytes(pointer: Any, size: int) -> bytes:
    """Copies what the library returned, and releases it."""
    try:
        return ctypes.string_at(pointer, size)
    finally:
        lib.vitlrp_free(ctypes.cast(pointer, ctypes.c_void_p))


_LEVELS = {1: logging.WARNING, 2: logging.INFO, 3: logging.DEBUG}
_logger = logging.getLogger("vitlrp")


def _log(_user: int | None, level: int, message: bytes) -> None:
    _logger.log(_LEVELS.get(level, logging.WARNING), "%s", message.decode(errors="replace"))


def tell(message: str) -> None:
    """A warning, as the library's."""
    _logger.warning("%s", message)


_write_log = _capi.LogWrite(_log)


def logger() -> _capi.Log:
    """The library's messages, as those of Python's logger "vitlrp"."""
    return _capi.Log(write=_write_log)
