"""Indexes of hidden units, as the command `vitlrp concepts` and Model.concepts make them."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from . import _capi, _check
from ._handle import Handle
from ._library import call, lib, new_record, words
from .errors import ForkError, UsageError, printable

if TYPE_CHECKING:
    from .model import Model


@dataclasses.dataclass(frozen=True)
class Reference:
    """An image that a unit chose."""

    score: float  # by relevance a share of its block's, by activation the largest of a token
    image: int  # its place in the list of images, from 0
    token: int  # where the unit was strongest: CLS 0, registers, patches
    target: int  # the class that was explained, by the number that users know
    label: str  # its name; "" if it has none
    id: str  # the image's name in the data set
    path: str  # where the run read it, with the data set as it was named then
    sha256: str  # of its file then

    def __str__(self) -> str:
        return f"{self.id} {self.score:.4g}"


@dataclasses.dataclass(frozen=True, eq=False)
class Concept:
    """What a unit stands for in an index."""

    name: str  # BLOCK:SITE:INDEX, from 0
    relevant: tuple[Reference, ...]  # the images for which it was most relevant; () if the index has none
    active: tuple[Reference, ...]  # those that activated it most; likewise
    mean: _check.Floats  # (2,): its activation at CLS, and at the other tokens; of a head (outputs, 2)

    def __str__(self) -> str:
        return f"{self.name}: " + ", ".join(map(str, self.relevant or self.active))


def _is_whole(line: str) -> bool:
    """Of a run that is at work the last one may be torn."""
    return line.endswith("\n")


class Concepts:
    """A folder of `vitlrp concepts` or of Model.concepts, open for reading. Immutable, and shared by any number of threads.

        index = vitlrp.Concepts("units")
        index["4:fc1:65"].relevant[0].path
        index.means()                      # (blocks, units, 2)

    folder   of a run, of one of its shards, or of one that has not ended: then of its images that
             are saved
    """

    folder: str
    site: str  # "fc1", "head" or "stream"
    blocks: int  # of the model
    width: int  # units of a block
    keep: int  # images that a unit keeps of each kind
    images: int  # that are in the index
    total: int  # of the run's list
    dataset: str  # as the run named it
    method: str  # by which relevance was computed
    statistic: str  # "sum" or "max"
    weights_sha256: str  # of the model
    classes: int  # outputs of the model, of which class_sums has sums; 0: it has none
    kinds: tuple[str, ...]  # of images that a unit keeps: "relevance", "activation"

    def __init__(self, folder: _check.StrPath) -> None:
        pointer = _capi.ConceptsPointer()
        call(lib.vitlrp_concepts_open, _check.path("folder", folder), ctypes.byref(pointer))
        self._handle = Handle(pointer, lib.vitlrp_concepts_close)
        self._lock = threading.Lock()
        self._closed = False
        info = new_record(_capi.ConceptsInfo, lib.vitlrp_concepts_info_init_sized)
        lib.vitlrp_concepts_describe(pointer, ctypes.byref(info))
        self.site = words("site")[info.site]
        self.blocks, self.width, self.keep = info.blocks, info.width, info.keep
        self.images, self.total = info.images, info.total
        self._parts = info.parts
        self.classes = info.classes
        self.folder, self.dataset = os.fsdecode(info.folder), os.fsdecode(info.dataset)
        self.method, self.statistic = info.method.decode(), info.statistic.decode()
        self.weights_sha256 = info.weights_sha256.decode()
        self.kinds = tuple(kind for place, kind in enumerate(words("concept_kind")) if info.kinds >> place & 1)

    # ---- Lifetime

    def close(self) -> None:
        """Releases the index. A second call does nothing."""
        with self._lock:
            self._closed = True
            self._handle.close()

    def __enter__(self) -> Concepts:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return printable(
            f"<Concepts: {self.folder}, {self.blocks} blocks of {self.width} units of {self.site}, "
            f"{self.images} images>"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError("a vitlrp.Concepts cannot be pickled: open it in every process")

    @contextmanager
    def _in_use(self) -> Iterator[_capi.ConceptsPointer]:
        if os.getpid() != self._handle.owner:
            raise ForkError("this index was opened before the process was forked: open it in the child")
        with self._lock:
            if self._closed:
                raise UsageError("the index is closed")
            yield self._handle.pointer

    # ---- Units

    def __len__(self) -> int:
        return self.blocks * self.width

    def __getitem__(self, name: str) -> Concept:
        """The images of a unit, "BLOCK:SITE:INDEX". UsageError for one that the index does not have."""
        unit = _capi.Unit()
        call(lib.vitlrp_unit_parse, _check.text("a unit", name), ctypes.byref(unit))
        mean = self.mean(unit)
        kinds = words("concept_kind")
        relevant, active = (self._references(unit, kinds.index(kind)) for kind in ("relevance", "activation"))
        return Concept(name=name, relevant=relevant, active=active, mean=mean)

    def __iter__(self) -> Iterator[str]:
        """The names of the units."""
        return (f"{block}:{self.site}:{unit}" for block in range(self.blocks) for unit in range(self.width))

    def mean(self, unit: _capi.Unit | str) -> _check.Floats:
        """The mean activation of a unit over the images, as Concept.mean."""
        if isinstance(unit, str):
            named, unit = unit, _capi.Unit()
            call(lib.vitlrp_unit_parse, _check.text("a unit", named), ctypes.byref(unit))
        found = np.empty((self._parts, 2), np.float32)
        with self._in_use() as index:
            call(lib.vitlrp_concepts_mean, index, ctypes.byref(unit), _check.floats(found))
        return found[0] if self._parts == 1 else found

    def means(self, site: str | None = None) -> _check.Floats:
        """Of all units: (blocks, units, 2), at CLS and at the other tokens; of heads
        (blocks, heads, outputs, 2). UsageError if the site is another one than the index's."""
        if site is not None and site != self.site:
            raise UsageError(f"this is an index of site {self.site}, not {_check.shown(site)}")
        found = np.empty((self.blocks, self.width, self._parts, 2), np.float32)
        with self._in_use() as index:
            call(lib.vitlrp_concepts_means, index, _check.floats(found))
        return found[:, :, 0] if self._parts == 1 else found

    def class_sums(self, output: int) -> tuple[np.ndarray, int]:
        """The sums of relevance over the images of the class that is this output of the model, int64
        (blocks, units) of shares * 2 ** 32, and over how many images. MismatchError for an index
        that was made without them."""
        found = np.empty((self.blocks, self.width), np.int64)
        count = ctypes.c_size_t()
        place = _check.whole("output", output, 0, _check.INT32_MAX)
        with self._in_use() as index:
            sums = found.ctypes.data_as(ctypes.POINTER(ctypes.c_int64))
            call(lib.vitlrp_concepts_class_sums, index, place, sums, ctypes.byref(count))
        return found, count.value

    def failed(self) -> dict[str, str]:
        """The images of the list that could not be explained, and are in no unit's: why, by their ids."""
        found = {}
        with contextlib.suppress(FileNotFoundError), open(
            os.path.join(self.folder, "results.jsonl"), encoding="utf-8"
        ) as file:
            for line in map(json.loads, filter(_is_whole, file)):
                found[line["id"]] = line.get("message")
        return {name: message for name, message in found.items() if message is not None}

    def check(self, model: Model) -> None:
        """MismatchError if the index is of other weights than the model, or of one that has been
        edited otherwise. A model that was edited since is fine."""
        with model._in_use() as pointer, self._in_use() as index:
            call(lib.vitlrp_concepts_check_model, index, pointer)

    def _references(self, unit: _capi.Unit, kind: int) -> tuple[Reference, ...]:
        found = (_capi.ConceptReference * self.keep)()
        count = ctypes.c_size_t()
        with self._in_use() as index:
            call(
                lib.vitlrp_concepts_references, index, ctypes.byref(unit), kind, found, ctypes.byref(count)
            )
            return tuple(
                Reference(
                    score=one.score,
                    image=one.image,
                    token=one.token,
                    target=one.target,
                    label=one.label.decode(errors="replace"),
                    id=os.fsdecode(one.id),
                    path=os.fsdecode(one.path),
                    sha256=one.sha256.decode(),
                )
                for one in found[: count.value]
            )
