"""The sessions of a model: all scratch memory of one line of work each, and never shared."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from . import _capi
from ._handle import Handle
from ._library import call, lib, new_record
from ._watching import Progress, Watch


class SessionSettings(NamedTuple):
    """What a session is opened for."""

    threads: int  # 0: one per available processor
    height: int  # of the model input
    width: int
    methods: str  # between commas
    several: bool  # attributions follow one forward pass
    backend: bytes
    precision: int


class Session(NamedTuple):
    """One of them, and its observer, which must outlive it."""

    handle: Handle
    watch: Watch


class SessionPool:
    """Idle sessions of a model, to be taken out by one call at a time.

    It keeps as many idle sessions as there were calls at the same time, and at least two, so that
    a program that alternates between two methods or sizes opens nothing again. It closes the oldest.
    """

    def __init__(self, model: Handle, passes: int) -> None:
        self._model = model
        self._passes = passes  # forward passes to be expected
        self._lock = threading.Lock()
        self._idle: list[tuple[SessionSettings, Session]] = []
        self._taken = 0
        self._most_taken = 2

    @contextmanager
    def session(
        self,
        settings: SessionSettings,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Iterator[_capi.SessionPointer]:
        """A session that is the caller's alone until the block ends. KeyboardInterrupt, and what
        `progress` raises, end the calls in it; so does `cancelled` (CancelledError)."""
        session = self._take(settings)
        try:
            if session is None:
                session = self._open(settings)
            with session.watch.calls(progress, cancelled):
                yield session.handle.pointer
        finally:
            self._give_back(settings, session)

    def close(self) -> None:
        """Closes the idle sessions."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, session in idle:
            session.handle.close()

    def _take(self, settings: SessionSettings) -> Session | None:
        with self._lock:
            self._taken += 1
            self._most_taken = max(self._most_taken, self._taken)
            for place in reversed(range(len(self._idle))):
                if self._idle[place][0] == settings:
                    return self._idle.pop(place)[1]
        return None

    def _open(self, settings: SessionSettings) -> Session:
        options = new_record(_capi.SessionOptions, lib.vitlrp_session_options_init_sized)
        options.threads = settings.threads
        options.input_height, options.input_width = settings.height, settings.width
        options.backend, options.precision = settings.backend, settings.precision
        options.passes = self._passes
        options.methods = settings.methods.encode()
        options.attributions = 2 if settings.several else 1
        watch = Watch()
        options.observer = watch.record
        pointer = _capi.SessionPointer()
        call(
            lib.vitlrp_session_open,
            self._model.pointer,
            ctypes.byref(options),
            ctypes.byref(pointer),
        )
        return Session(Handle(pointer, lib.vitlrp_session_close, self._model, watch), watch)

    def _give_back(self, settings: SessionSettings, session: Session | None) -> None:
        surplus = []
        with self._lock:
            self._taken -= 1
            if session is not None:
                self._idle.append((settings, session))
            while len(self._idle) > self._most_taken:
                surplus.append(self._idle.pop(0)[1])
        for old in surplus:
            old.handle.close()
