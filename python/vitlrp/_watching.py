"""Progress and cancellation of a call of the library.

Its callbacks run in the thread that called it. No exception may leave one, and in the main thread the
interpreter raises KeyboardInterrupt at the beginning of any Python function. So C calls none: what it
tells is packed by a builtin, and what it asks is answered by a generator that waits inside of a try.
"""

from __future__ import annotations

import collections
import concurrent.futures
import functools
import signal
import struct
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from . import _capi
from .errors import CancelledError

Progress = Callable[[int, int], None]

# Between two looks of a waiting main thread. The system may give a signal to another thread, whose handler wakes
# nobody: the interpreter raises KeyboardInterrupt when the main thread runs again.
LOOK_SECONDS = 0.05

_TOLD = struct.Struct("?QQ")  # the user pointer, which is NULL; done; total


class Watch:
    """The observer of a session. One call at a time."""

    def __init__(self) -> None:
        self._told = bytearray(_TOLD.size)
        self._progress: Progress | None = None
        self._cancelled: Callable[[], bool] | None = None
        self._shown = (0, 0)
        self._error: BaseException | None = None
        answers = self._answers()
        next(answers)
        self.record = _capi.SessionObserver(
            progress=_capi.SessionProgress(functools.partial(_TOLD.pack_into, self._told, 0)),
            cancelled=_capi.SessionCancelled(answers.send),
        )

    @contextmanager
    def calls(self, progress: Progress | None, cancelled: Callable[[], bool] | None) -> Iterator[None]:
        """For the length of a block; raises what progress raised, or the interpreter in between."""
        self._progress, self._cancelled, self._error = progress, cancelled, None
        _TOLD.pack_into(self._told, 0, False, 0, 0)
        self._shown = (0, 0)
        try:
            yield
            self._tell()
        except CancelledError:
            if self._error is None:
                raise
        finally:
            error, self._error = self._error, None
            self._progress = self._cancelled = None
        if error is not None:
            raise error

    def _answers(self) -> Generator[int, Any, None]:
        answer = 0
        while True:
            try:
                while True:
                    yield answer
                    self._tell()
                    answer = int(self._is_over())
            except GeneratorExit:
                return
            except BaseException as error:
                # Who clears the frames of a traceback would end this generator.
                behind = error.__traceback__ and error.__traceback__.tb_next
                self._error = error.with_traceback(behind)
                answer = 1

    def _is_over(self) -> bool:
        wanted = self._error is None and (self._cancelled is None or not self._cancelled())
        return not wanted or _is_interrupted()

    def _tell(self) -> None:
        _, done, total = _TOLD.unpack(self._told)
        if self._progress is not None and (done, total) != self._shown:
            self._shown = (done, total)
            self._progress(done, total)


def _is_interrupted() -> bool:
    """A Ctrl-C waits for the end of the pass: the library holds signals back from threads that compute, and
    where the main thread is the only one it is in nobody's hands. It is raised when the call has ended."""
    return (
        threading.current_thread() is threading.main_thread()
        and signal.SIGINT in signal.sigpending()
        and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
    )


_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


def _result(job: concurrent.futures.Future[_Found]) -> _Found:
    """What a job gives, waited for by looks."""
    while not job.done():
        concurrent.futures.wait((job,), LOOK_SECONDS)
    return job.result()


def run_each(
    work: Callable[[_Item, Callable[[], bool]], _Found], items: Iterable[_Item], threads: int
) -> Iterator[tuple[_Item, _Found]]:
    """Each item with work(item, cancelled), in their order, so many at the same time.

    Items are taken when there is room for them, so that an iterator of any length is fine. The
    calling thread waits, so that it takes a Ctrl-C; that, the first failure, and closing the
    generator end the others.
    """
    stop = threading.Event()
    pool = concurrent.futures.ThreadPoolExecutor(max(1, threads), "vitlrp")
    waiting: collections.deque[tuple[_Item, concurrent.futures.Future[_Found]]] = collections.deque()
    try:
        for item in items:
            waiting.append((item, pool.submit(work, item, stop.is_set)))
            if len(waiting) >= 2 * threads:
                first, job = waiting.popleft()
                yield first, _result(job)
        while waiting:
            first, job = waiting.popleft()
            yield first, _result(job)
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
