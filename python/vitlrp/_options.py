"""The keywords of Model's functions, for type checkers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Union

from ._check import StrPath
from ._watching import Progress
from .explanation import Class
from .image import Preprocessing
from .method import Parameters, RuleParameters

ClassLike = Union[int, str, Class]


class BatchOptions(Parameters, total=False):
    """Keywords of Model.explain_batch."""

    versus: ClassLike | None
    method: str
    level: str
    preprocessing: Preprocessing | None
    ignore_exif: bool
    resample: bool
    keep_photo: bool
    backend: str
    precision: str


class ExplainOptions(BatchOptions, total=False):
    """Keywords of Model.explain."""

    threads: int | None
    progress: Progress | None


class MeasureOptions(RuleParameters, total=False):
    """Keywords that Model.tune and Model.evaluate share."""

    limit: int | None
    steps: int
    target: str
    truth: StrPath | None
    seed: int
    preprocessing: Preprocessing | None
    ignore_exif: bool
    threads: int | None
    backend: str
    precision: str
    score: str
    masks: str
    regions: int
    units: str
    first_block: int
    block_count: int
    each_block: int
    samples: int
    single: int
    replace: str | Sequence[str]
    journal: StrPath | None


class TuneOptions(MeasureOptions, total=False):
    """Keywords of Model.tune."""


class EvaluateOptions(MeasureOptions, total=False):
    """Keywords of Model.evaluate."""

    coalitions: int
    randomized: int
    sensitivity: int
    reference: str | None
    boxes: StrPath | None
    truth_masks: StrPath | None
    retry_failed: bool
    maps: Mapping[str, StrPath] | None
    concepts: StrPath | None
    shard: tuple[int, int]
