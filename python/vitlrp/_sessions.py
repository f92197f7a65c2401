"""The sessions of a model: all scratch memory of one line of work each, and never shared."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from . import _capi
from ._handle import Handle
from ._library import call, lib, new_record


class SessionSettings(NamedTuple):
    """What a session is opened for."""

    threads: int  # 0: one per available processor
    height: int  # of the model input
    width: int
    method: str
    several: bool  # attributions follow one forward pass
    backend: bytes
    precision: int


class SessionPool:
    """Idle sessions of a model, to be taken out by one call at a time.

    It keeps as many idle sessions as there were calls at the same time, and at least two, so that
    a program that alternates between two methods or sizes opens nothing again. It closes the oldest.
    """

    def __init__(self, model: Handle, passes: int) -> None:
        self._model = model
        self._passes = passes  # forward passes to be expected
        self._lock = threading.Lock()
        self._idle: list[tuple[SessionSettings, Handle]] = []
        self._taken = 0
        self._most_taken = 2

    @contextmanager
    def session(self, settings: SessionSettings) -> Iterator[_capi.SessionPointer]:
        """A session that is the caller's alone until the block ends."""
        handle = self._take(settings)
        try:
            if handle is None:
                handle = self._open(settings)
            yield handle.pointer
        finally:
            self._give_back(settings, handle)

    def close(self) -> None:
        """Closes the idle sessions."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, handle in idle:
            handle.close()

    def _take(self, settings: SessionSettings) -> Handle | None:
        with self._lock:
            self._taken += 1
            self._most_taken = max(self._most_taken, self._taken)
            for place in reversed(range(len(self._idle))):
                if self._idle[place][0] == settings:
                    return self._idle.pop(place)[1]
        return None

    def _open(self, settings: SessionSettings) -> Handle:
        options = new_record(_capi.SessionOptions, lib.vitlrp_session_options_init_sized)
        options.threads = settings.threads
        options.input_height, options.input_width = settings.height, settings.width
        options.backend, options.precision = settings.backend, settings.precision
        options.passes = self._passes
        options.methods = settings.method.encode()
        options.attributions = 2 if settings.several else 1
        pointer = _capi.SessionPointer()
        call(
            lib.vitlrp_session_open,
            self._model.pointer,
            ctypes.byref(options),
            ctypes.byref(pointer),
        )
        return Handle(pointer, lib.vitlrp_session_close, self._model)

    def _give_back(self, settings: SessionSettings, handle: Handle | None) -> None:
        surplus = []
        with self._lock:
            self._taken -= 1
            if handle is not None:
                self._idle.append((settings, handle))
            while len(self._idle) > self._most_taken:
                surplus.append(self._idle.pop(0)[1])
        for old in surplus:
            old.close()
