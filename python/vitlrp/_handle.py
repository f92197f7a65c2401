"""Ownership of the library's objects."""

from __future__ import annotations

import os
import weakref
from typing import Any


def _release(close: Any, pointer: Any, owner: int, _kept: tuple[object, ...]) -> None:
    # In a forked child the object's threads are missing: closing it would wait for them for ever.
    if os.getpid() == owner:
        close(pointer)


class Handle:
    """One object of the library, closed once: by close(), or when it is no longer referred to.

    `kept` is what must outlive it, and what is made of it. Nothing is closed at the interpreter's exit: another thread may
    still be at work with it, and the system takes the memory back.
    """

    def __init__(self, pointer: Any, close: Any, *kept: object) -> None:
        self.pointer = pointer
        self.kept = kept
        self.owner = os.getpid()
        self._finalizer = weakref.finalize(self, _release, close, pointer, self.owner, kept)
        self._finalizer.atexit = False

    def close(self) -> None:
        self._finalizer()
