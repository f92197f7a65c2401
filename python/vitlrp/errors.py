"""What can go wrong, as exceptions.

Every status of the library is a class of its own below VitlrpError, and where Python has an
exception for the same thing it is one of those too: a bad argument is a ValueError, a file that
cannot be read an OSError.
"""

from __future__ import annotations


def printable(text: str) -> str:
    """The text as one line that a terminal can be given: what is not printable is escaped.

    Messages quote names and contents of files, which may hold control characters and marks that
    turn the direction of a text.
    """
    return "".join(
        letter if letter.isprintable() else repr(letter)[1:-1] for letter in text
    )


class VitlrpError(Exception):
    """Base of all errors of this package; `status` is the library's word for the kind."""

    status = "unknown"

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


class UsageError(VitlrpError, ValueError):
    """An argument is out of its documented range, or an object is used after it was closed."""

    status = "usage"


class IoError(VitlrpError, OSError):
    """The operating system refused; `errno` says why."""

    status = "io"


class FormatError(VitlrpError, ValueError):
    """A file is damaged or not what it claims to be."""

    status = "format"


class UnsupportedError(VitlrpError):
    """Valid, but outside what the library handles."""

    status = "unsupported"


class LimitError(VitlrpError):
    """Larger than a resource limit."""

    status = "limit"


class OutOfMemoryError(VitlrpError, MemoryError):
    """Memory is short."""

    status = "nomem"


class MismatchError(VitlrpError, ValueError):
    """Two inputs do not fit each other."""

    status = "mismatch"


class NumericError(VitlrpError, ArithmeticError):
    """NaN or infinity in weights, input or result."""

    status = "numeric"


class CancelledError(VitlrpError):
    """Stopped on request."""

    status = "cancelled"


class InternalError(VitlrpError):
    """A bug of the library's."""

    status = "internal"


class ForkError(VitlrpError, RuntimeError):
    """A model was opened before this process was forked; its threads do not exist in the child."""

    status = "fork"


class LibraryError(VitlrpError, ImportError):
    """The shared library was not found, or is not one that this package can use."""

    status = "library"


# In the order of enum vitlrp_status, from 1.
BY_STATUS = (
    UsageError,
    IoError,
    FormatError,
    UnsupportedError,
    LimitError,
    OutOfMemoryError,
    MismatchError,
    NumericError,
    CancelledError,
    InternalError,
)
