"""Heat maps of many images, into a folder. The same call does what an interruption has left.

The folder holds run.json, what all maps were made with, and results.jsonl, a line for each image
that is done: it is written when the image's files have their names. So a process may be killed at
any time, and the next call repeats the images without a line.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import fcntl
import hashlib
import inspect
import io
import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from . import _capi, _check
from . import image as _image
from ._files import write_atomic
from ._handle import Handle
from ._library import call, lib, new_record, version
from ._watching import Progress, run_each
from .errors import (
    CancelledError,
    ForkError,
    FormatError,
    InternalError,
    IoError,
    OutOfMemoryError,
    UsageError,
    VitlrpError,
    printable,
)
from .explanation import Class, Explanation

RUN_FORMAT = "vitlrp python batch 1"
LINE_FORMAT = "vitlrp python batch image 1"
WRITES = {"png": ".heat", "jpg": ".heat", "raw": ".raw", "logits": ".logits"}
_ENDINGS = {"png": ".png", "jpg": ".jpg", "raw": ".npy", "logits": ".npy"}

# What would meet every other image too.
OF_ALL = (UsageError, OutOfMemoryError, ForkError, CancelledError, InternalError)


@dataclasses.dataclass(frozen=True)
class Batch:
    """What a call of Model.batch has done."""

    folder: str
    images: int  # that it was given
    done: int  # of these, by this call
    resumed: int  # by earlier calls
    failed: int  # that could not be explained, by this call or earlier ones

    def results(self) -> Iterator[dict[str, Any]]:
        """A dictionary for each image of the folder: "image", and "explained" or "error"."""
        path = os.path.join(self.folder, "results.jsonl")
        places = _Journal.places(path)
        with open(path, "rb") as file:
            for place, _, _ in places.values():
                file.seek(place)
                line: dict[str, Any] = json.loads(file.readline())
                yield line


@dataclasses.dataclass(frozen=True)
class Item:
    """An image: where it is, what its results are called, and its label if it has one."""

    path: Any
    name: str
    label: int | None


def open_dataset(model: _capi.ModelPointer, path: _check.StrPath, with_labels: bool, limit: int = 0) -> Handle:
    """A folder of images or a file that lists them; of so many of them, if there is a limit."""
    options = new_record(_capi.DatasetOptions, lib.vitlrp_dataset_options_init_sized)
    options.path = _check.path("images", path)
    options.target = _check.choice("target", "label" if with_labels else "predicted", "eval_target")
    options.limit = limit
    pointer = _capi.DatasetPointer()
    try:
        call(lib.vitlrp_dataset_open, model, ctypes.byref(options), ctypes.byref(pointer))
    except FormatError:
        _refuse_picture(path)
        raise
    return Handle(pointer, lib.vitlrp_dataset_close)


def list_items(dataset: Handle) -> list[Item]:
    """Its images, in the order of the command."""
    info = new_record(_capi.DatasetInfo, lib.vitlrp_dataset_info_init_sized)
    lib.vitlrp_dataset_describe(dataset.pointer, ctypes.byref(info))
    found, items = _capi.DatasetImage(), []
    for place in range(info.images):
        call(lib.vitlrp_dataset_image_at, dataset.pointer, place, ctypes.byref(found))
        name = os.fsdecode(found.id)
        if ".." in name.split("/"):
            raise UsageError(f"{printable(name)}: has no place below the output folder (list paths without '..')")
        items.append(Item(os.fsdecode(found.path), os.path.basename(name) if os.path.isabs(name) else name,
                          found.label if found.label >= 0 else None))
    return items


def _refuse_picture(path: _check.StrPath) -> None:
    """UsageError for what somebody takes for a folder of one."""
    try:
        _image.read_photo(path)
    except VitlrpError:
        return
    raise UsageError(f"{os.fspath(path)}: is an image: explain takes it, and batch a list, as [path]")


def path_items(images: Iterable[Any]) -> Iterator[Item]:
    """Paths, one after the other: a generator of millions is read as the work goes on."""
    if isinstance(images, (bytes, bytearray, memoryview, np.ndarray)) or not isinstance(images, Iterable):
        raise UsageError(f"images must be a folder or paths, not {_check.kind(images)}")
    return (_path_item(path) for path in images)


def _path_item(path: Any) -> Item:
    name = os.fsdecode(_check.path("an image of a batch", path))
    return Item(path, os.path.basename(name), None)


class _Journal:
    """run.json and results.jsonl of a folder, which is one call's at a time."""

    def __init__(self, folder: str, run: Mapping[str, Any]) -> None:
        self._path = os.path.join(folder, "results.jsonl")
        self._lock = _locked(folder)
        try:
            places, end = self._read(self._path)
            _check_run(folder, run, is_bound=len(places) > 0)
            self._places = places
            with contextlib.suppress(FileNotFoundError):
                os.truncate(self._path, end)  # a torn line
            self._file = open(self._path, "ab")  # noqa: SIM115: it is open as long as the journal
        except BaseException:
            os.close(self._lock)
            raise

    def known(self, image: str) -> tuple[bool, str | None] | None:
        """Of an image that an earlier call has done: whether it failed, the hash of its file."""
        found = self._places.get(image)
        return None if found is None else found[1:]

    def files(self, image: str) -> list[str]:
        """What the line of an earlier call names, below the folder."""
        if image not in self._places:
            return []
        with open(self._path, "rb") as file:
            file.seek(self._places[image][0])
            line = json.loads(file.readline())
        return [name for one in line.get("explained", []) for name in one["files"]]

    @classmethod
    def places(cls, path: str) -> dict[str, tuple[int, bool, str | None]]:
        """Of each image, in the order of their first lines, where its last line begins, whether it
        is of a failure, and the hash of its file. A torn end is passed over."""
        return cls._read(path)[0]

    @staticmethod
    def _read(path: str) -> tuple[dict[str, tuple[int, bool, str | None]], int]:
        """The places, and where the last whole line ends."""
        found: dict[str, tuple[int, bool, str | None]] = {}
        place = 0
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
            for number, data in enumerate(file, 1):
                if not data.endswith(b"\n"):
                    break
                try:
                    line = json.loads(data)
                    found[line["image"]] = (place, "error" in line, line.get("sha256"))
                except (ValueError, KeyError, TypeError, AttributeError):
                    raise FormatError(f"{path}: line {number} is no result of a batch") from None
                place += len(data)
        return found, place

    def add(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps({"format": LINE_FORMAT, **line}).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
        os.close(self._lock)


def digest(path: Any) -> str | None:
    """The SHA-256 of a file; None of what cannot be read, or is a pipe or a device."""
    found = hashlib.sha256()
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        with open(path, "rb") as file:
            while data := file.read(1 << 20):
                found.update(data)
    except OSError:
        return None
    return found.hexdigest()


def _locked(folder: str) -> int:
    lock = os.open(os.path.join(folder, ".vitlrp-lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise IoError(f"{folder}: another call of batch is at work in this folder") from None
    return lock


def _check_run(folder: str, run: Mapping[str, Any], is_bound: bool) -> None:
    """Writes run.json, or compares it: one folder has maps of one kind. One without a result, of a
    call whose arguments were wrong, is not bound to them."""
    path = os.path.join(folder, "run.json")
    wanted = json.loads(json.dumps(run))
    try:
        with open(path, "rb") as file:
            before = json.load(file)
    except FileNotFoundError:
        if set(os.listdir(folder)) - {".vitlrp-lock"}:
            raise UsageError(f"{folder}: is neither empty nor the folder of a batch") from None
        write_atomic(path, (json.dumps(wanted, indent=2) + "\n").encode())
        return
    except ValueError:
        before = None
    if not isinstance(before, dict) or before.get("format") != RUN_FORMAT:
        raise UsageError(f"{folder}: is not the folder of a batch of this package")
    other = [name for name, value in wanted.items() if name != "version" and before.get(name) != value]
    if other and is_bound:
        name = other[0]
        raise UsageError(
            f"{folder}: was made with another {name}: {_check.shown(str(before.get(name)))}, not "
            f"{_check.shown(str(wanted[name]))}; take another folder"
        )
    if other:
        write_atomic(path, (json.dumps(wanted, indent=2) + "\n").encode())


def _plain(value: Any) -> Any:
    """An argument as JSON has it."""
    if isinstance(value, Class):
        return value.index
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    return value


def run_record(
    model: Mapping[str, Any], target: Any, options: Mapping[str, Any], write: Sequence[str], look: Mapping[str, Any]
) -> dict[str, Any]:
    """run.json: what decides about the files of a batch."""
    return {
        "format": RUN_FORMAT,
        **model,
        "target": _plain(target),
        "options": {name: _plain(value) for name, value in sorted(options.items())},
        "write": list(write),
        "look": {name: _plain(value) for name, value in sorted(look.items())},
        "version": version(),
    }


def check_write(write: Any) -> tuple[str, ...]:
    """The kinds of files; UsageError for one that there is not."""
    if not isinstance(write, (str, Sequence)):
        raise UsageError(f"write must be a list of kinds of files, not {_check.shown(write)}")
    kinds = (write,) if isinstance(write, str) else tuple(write)
    for kind in kinds:
        if kind not in WRITES:
            raise UsageError(f"write must be of {', '.join(WRITES)}, not {_check.shown(kind)}")
    if not kinds or len(set(kinds)) != len(kinds):
        raise UsageError("write must name at least one kind of file, and each once")
    return kinds


def check_look(look: Mapping[str, Any]) -> Mapping[str, Any]:
    """How pictures look; TypeError for what encode does not know."""
    known = set(inspect.signature(Explanation.encode).parameters) - {"self", "format", "photo"}
    _check.keywords("look of batch", look, known)
    return look


class Saving:
    """Writes the files of an image's explanations."""

    def __init__(self, folder: str, write: Sequence[str], look: Mapping[str, Any]) -> None:
        self._folder, self._write, self._look = folder, write, look

    def save(self, item: Item, found: Any) -> list[dict[str, Any]]:
        several = isinstance(found, list)
        explained = []
        for one in found if several else [found]:
            files = [self._save_kind(item, one, kind, several) for kind in self._write]
            explained.append({
                "class": one.target.index,
                "label": one.target.label,
                "probability": one.probability,
                "logit": one.logit,
                "relevance_sum": one.relevance_sum,
                "files": files,
            })  # fmt: skip
        return explained

    def _save_kind(self, item: Item, one: Explanation, kind: str, several: bool) -> str:
        stem = os.path.splitext(item.name)[0]
        of_class = f".{one.target.index}" if several and kind != "logits" else ""
        name = f"{stem}{WRITES[kind]}{of_class}{_ENDINGS[kind]}"
        path = os.path.join(self._folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if kind == "logits":
            buffer = io.BytesIO()
            np.save(buffer, one.logits)
            write_atomic(path, buffer.getvalue())
        else:
            one.save(path, **({} if kind == "raw" else self._look))
        return name

    def remove(self, item: Item, before: Sequence[str], line: Mapping[str, Any]) -> None:
        """Of an image that was done again, the files of before that its new line has no more: those of another
        class, or all where it fails now. Lines may come from anywhere: only names that are given here."""
        stem = re.escape(os.path.splitext(item.name)[0])
        own = "|".join(re.escape(WRITES[kind]) + r"(\.\d+)?" + re.escape(_ENDINGS[kind]) for kind in WRITES)
        kept = {name for one in line.get("explained", []) for name in one["files"]}
        for name in before:
            if name not in kept and re.fullmatch(f"{stem}({own})", name):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(self._folder, name))


def _fresh(items: Iterable[Item], folder: str) -> Iterator[Item]:
    """The images, of which no two have the same results, and none lies among the results."""
    inside = os.path.join(os.path.realpath(folder), "")
    stems: dict[str, str] = {}
    for item in items:
        stem = os.path.splitext(item.name)[0]
        if stem in stems:
            raise UsageError(f"{item.path}: has the name of another image, {stems[stem]}, and so its results")
        if os.path.realpath(item.path).startswith(inside):
            raise UsageError(f"{item.path}: lies in the folder of the results")
        stems[stem] = item.name
        yield item


@dataclasses.dataclass(frozen=True)
class Work:
    """A batch: what explains an image, what is written, and who is told."""

    explain: Callable[[Item, Callable[[], bool]], Any]
    saving: Saving
    record: Mapping[str, Any]  # run_record
    threads: int
    retry_failed: bool
    progress: Progress | None

    def line(self, item: Item, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """The files of an image, and its line. What would meet every other image is raised."""
        before = digest(item.path)
        try:
            found = self.explain(item, cancelled)
            if before != digest(item.path):
                raise IoError(f"{os.fspath(item.path)}: changed while it was read")
        except VitlrpError as error:
            if isinstance(error, OF_ALL):
                raise
            return {"image": item.name, "sha256": before, "status": error.status, "error": str(error)}
        return {"image": item.name, "sha256": before, "explained": self.saving.save(item, found)}

    def is_left(self, item: Item, known: tuple[bool, str | None] | None) -> bool:
        """Whether an image is to be done, of which this is known: a failure, the hash of its file."""
        if known is None:
            return True
        failed, before = known
        return (failed and self.retry_failed) or (before is not None and digest(item.path) not in (before, None))


def run(work: Work, items: Iterable[Item], folder: str) -> Batch:
    """Explains what the folder's journal has no line of."""
    os.makedirs(folder, exist_ok=True)
    journal = _Journal(folder, work.record)
    total = len(items) if isinstance(items, list) else 0
    counts = {"images": 0, "resumed": 0, "done": 0, "failed": 0}

    def left() -> Iterator[Item]:
        for item in _fresh(items, folder):
            counts["images"] += 1
            known = journal.known(item.name)
            if work.is_left(item, known):
                yield item
            elif known is not None:
                counts["failed" if known[0] else "resumed"] += 1

    def line_of(item: Item, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Before the new line is there: a call that is killed in between finds the old one, and does this again."""
        made = work.line(item, cancelled)
        work.saving.remove(item, journal.files(item.name), made)
        return made

    try:
        for _, line in run_each(line_of, left(), work.threads):
            journal.add(line)
            counts["failed" if "error" in line else "done"] += 1
            if work.progress is not None:
                done = counts["done"] + counts["failed"] + counts["resumed"]
                work.progress(done, total or counts["images"])
    finally:
        journal.close()
    return Batch(folder=folder, **counts)
