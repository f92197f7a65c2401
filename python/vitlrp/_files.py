"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import stat
from collections.abc import Iterator

from ._check import StrPath


def write_atomic(path: StrPath, data: bytes) -> None:
    """Writes beside the final name, then renames; an OSError leaves everything as it was.

    The file behind a link is replaced, not the link; a device or a pipe is written to as it is.
    """
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        with open(path, "wb") as device:
            device.write(data)
        return
    try:
        _replace(target, data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None


def _take_rights(descriptor: int, old: os.stat_result) -> None:
    """The mode of the file that is replaced, and its owner where that is allowed."""
    new = os.fstat(descriptor)
    mode = stat.S_IMODE(old.st_mode)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except OSError:
            mode &= 0o777
    with contextlib.suppress(OSError):
        os.fchmod(descriptor, mode)


@contextlib.contextmanager
def _without_signals() -> Iterator[None]:
    """This thread takes none meanwhile: none ends it between a temporary file and its removal."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _replace(target: str, data: bytes) -> None:
    folder = os.path.dirname(target)
    temporary = os.path.join(folder, f".vitlrp-{secrets.token_hex(8)}.tmp")
    old = os.stat(target) if os.path.exists(target) else None
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with _without_signals():
        descriptor = os.open(temporary, flags, 0o666 if old is None else 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                if old is not None:
                    _take_rights(descriptor, old)
                os.fsync(descriptor)
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
