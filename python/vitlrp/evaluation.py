"""What evaluate returns: how faithful the methods are, as tables and reports."""

from __future__ import annotations

import ctypes
import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from . import _capi, _check, image, method
from ._files import write_atomic
from ._handle import Handle
from ._library import call, lib, logger, new_record, take_bytes, words
from ._settings import SETTINGS, EvalOptions, Value
from ._watching import LOOK_SECONDS
from .errors import UsageError, printable

METRICS = (
    "delta_logit", "delta_prob", "morf_logit", "morf_prob", "lerf_logit", "lerf_prob", "aopc_logit",
    "aopc_prob", "insertion", "deletion", "pointing", "mass", "rank", "morf_top1", "lerf_top1",
    "comprehensiveness", "sufficiency", "sparseness", "complexity", "rho_drop",
    "rho_shapley", "pixel_accuracy", "mean_iou", "average_precision", "rho_randomized",
    "max_sensitivity", "drop_1", "mean_drop_10", "units_to_lose", "rho_single", "pearson_single",
)  # fmt: skip
AUDITED_METRICS = METRICS[:6]
PAIRED_METRICS = ("delta_logit", "delta_prob")

Progress = Callable[[int, int, int], None]

# A replacement and a block; -1 is the first replacement, and all blocks.
_Place = tuple[int, int]
_FIRST = (-1, -1)

# Keeps a model open for the length of a block.
ModelInUse = Callable[[], AbstractContextManager[_capi.ModelPointer]]


class Statistic(NamedTuple):
    """A mean over n images with its 95 % bootstrap interval; NaN for n = 0."""

    mean: float
    lo: float
    hi: float
    n: int

    def __str__(self) -> str:
        if self.n == 0:
            return "not measured"
        return f"{self.mean:.3f} [{self.lo:.3f}, {self.hi:.3f}]"


class Audit(NamedTuple):
    """How a metric in bf16 differs from that in fp32, over n images; NaN for n = 0."""

    mean: float
    mean_abs: float
    max_abs: float
    per_half_width: float  # |mean|, to half the width of the metric's interval over all images
    n: int


class Under(NamedTuple):
    """What Evaluation.under tells of one replacement, and Evaluation.within of one block: tables as of
    Evaluation.metrics, paired and audit."""

    ranking: tuple[str, ...]  # methods by delta_logit, the best first
    metrics: dict[str, dict[str, Statistic]]
    paired: dict[str, dict[str, Statistic]]
    audit: dict[str, dict[str, Audit]]


class Evaluation:
    """Measurements of methods on images, and their statistics. It does not need the model."""

    def __init__(self, handle: Handle) -> None:
        """Evaluations come from Model.evaluate, read and merge."""
        info = new_record(_capi.EvaluationInfo, lib.vitlrp_evaluation_info_init_sized)
        lib.vitlrp_evaluation_describe(handle.pointer, ctypes.byref(info))
        self._handle = handle
        self.methods: tuple[str, ...] = tuple(
            lib.vitlrp_evaluation_method(handle.pointer, i).decode() for i in range(info.methods)
        )
        self.reference: str | None = info.reference.decode() if info.reference else None
        self.images: int = info.images  # in it, failed ones included
        self.failed: int = info.failed  # that could not be measured
        self.skipped: int = info.skipped  # left out: no label that the model knows
        self.manifest: int = info.manifest  # images of the whole dataset, all shards together
        self.precision: str = words("precision")[info.precision]  # in use
        self.audited: int = info.audited  # images whose curves were computed in fp32 too
        self.shard: tuple[int, int] = (info.shard, info.shards)  # number and count
        self.first_failed: tuple[str, str] | None = None  # image and reason
        if info.first_failed:
            self.first_failed = (
                info.first_failed.decode(errors="replace"),
                info.first_error.decode(errors="replace"),
            )

    @classmethod
    def read(cls, source: _check.StrPath | bytes) -> Evaluation:
        """From a file that json() or `vitlrp eval --json` wrote, or its bytes: the same numbers."""
        if not isinstance(source, bytes):
            with open(_check.path("source", source), "rb") as file:
                source = file.read()
        return cls(_make(lib.vitlrp_evaluation_read, source, len(source)))

    @classmethod
    def open(cls, *paths: _check.StrPath) -> Evaluation:
        """From files as of read, and from journals, whose run may still be going on: the shards of one
        run, joined. Memory does not grow with the images: they stay where they are."""
        if not paths:
            raise UsageError("nothing to open: the path of a file or of a journal is needed")
        names = (ctypes.c_char_p * len(paths))(*(_check.path("paths", path) for path in paths))
        return cls(_make(lib.vitlrp_evaluation_open, names, len(paths)))

    @classmethod
    def merge(cls, parts: Sequence[Evaluation]) -> Evaluation:
        """The shards of a run as the run that was not divided; MismatchError if one is missing."""
        if not isinstance(parts, Sequence) or not parts:
            raise UsageError("nothing to merge: a list of evaluations is needed")
        for part in parts:
            if not isinstance(part, cls):
                raise UsageError(f"an evaluation is needed, not {_check.shown(part)}")
        pointers = (_capi.EvaluationPointer * len(parts))(*(p._handle.pointer for p in parts))
        return cls(_make(lib.vitlrp_evaluation_merge, pointers, len(parts)))

    @property
    def settings(self) -> dict[str, Value]:
        """What the run was made with, as in the record's "protocol": {"steps": 28, ...}."""
        found = ctypes.c_int64()
        values = {}
        for setting in SETTINGS.values():
            which = self._handle.pointer, setting.name.encode()
            call(lib.vitlrp_evaluation_setting, *which, ctypes.byref(found))
            values[setting.name] = setting.value(found.value)
        return values

    @property
    def metrics(self) -> dict[str, dict[str, Statistic]]:
        """metrics[method][metric]: how each method did, by METRICS.

        "delta_logit", the area between the curves of least and most relevant patches first, is the
        one to rank by: higher is better, a random order gives 0.
        """
        return self._table(METRICS)

    @property
    def paired(self) -> dict[str, dict[str, Statistic]]:
        """paired[method][metric]: each method less the reference, image by image."""
        return self._table(PAIRED_METRICS, "paired_")

    @property
    def audit(self) -> dict[str, dict[str, Audit]]:
        """audit[method][metric]: what bf16 has changed in areas and deltas; {} if it was not used."""
        return self._audits(_FIRST)

    def under(self, replacement: str) -> Under:
        """What was measured under one of several replacements; the tables above are of the first."""
        return self._under((_check.choice("replacement", replacement, "replacement"), -1))

    def within(self, block: int) -> Under:
        """What was measured over the hidden units of one block by itself, with each_block; the tables
        above are of all blocks in one ranking."""
        return self._under((-1, _check.whole("block", block, 0, _check.INT32_MAX)))

    def _under(self, place: _Place) -> Under:
        ranks = {method: self._query(method, METRICS[0], place).rank for method in self.methods}
        return Under(
            tuple(sorted(self.methods, key=lambda method: ranks[method])),
            self._table(METRICS, "", place),
            self._table(PAIRED_METRICS, "paired_", place),
            self._audits(place),
        )

    @property
    def shapley(self) -> dict[str, Statistic]:
        """What the Shapley values are worth that "rho_shapley" compares with: "shapley_error", the
        standard error of a patch's value, and "shapley_split_half", the rank correlation of two
        halves of their samples; {} without coalitions."""
        if self.settings["coalitions"] == 0:
            return {}
        return {
            name: _statistic(self._query(None, name).statistic)
            for name in ("shapley_error", "shapley_split_half")
        }

    def json(self, path: _check.StrPath | None = None) -> str:
        """Everything as JSON (data/FORMATS.md), which read() reads; with a path, also to a file."""
        return self._report(lib.vitlrp_evaluation_json, path)

    def csv(self, path: _check.StrPath | None = None) -> str:
        """One row for each image and method; with a path, also to a file."""
        return self._report(lib.vitlrp_evaluation_csv, path)

    def html(self, path: _check.StrPath | None = None) -> str:
        """One page that loads nothing from elsewhere; with a path, also to a file."""
        return self._report(lib.vitlrp_evaluation_html, path)

    def __str__(self) -> str:
        return self._report(lib.vitlrp_evaluation_table, None)

    def __repr__(self) -> str:
        return printable(f"<Evaluation: {self.images} images, {', '.join(self.methods)}>")

    def _query(self, method: str | None, metric: str, place: _Place = _FIRST) -> _capi.MetricQuery:
        """A metric in a place."""
        query = new_record(_capi.MetricQuery, lib.vitlrp_metric_query_init_sized)
        query.method = None if method is None else method.encode()
        query.metric = metric.encode()
        query.replacement, query.block = place
        call(lib.vitlrp_evaluation_query, self._handle.pointer, ctypes.byref(query))
        return query

    def _table(
        self, metrics: Sequence[str], prefix: str = "", place: _Place = _FIRST
    ) -> dict[str, dict[str, Statistic]]:
        return {
            method: {
                metric: _statistic(self._query(method, prefix + metric, place).statistic)
                for metric in metrics
            }
            for method in self.methods
        }

    def _audits(self, place: _Place) -> dict[str, dict[str, Audit]]:
        if self.precision != "bf16":
            return {}
        return {
            method: {metric: self._audit(method, metric, place) for metric in AUDITED_METRICS}
            for method in self.methods
        }

    def _audit(self, method: str, metric: str, place: _Place) -> Audit:
        found = self._query(method, metric, place).audit
        return Audit(
            found.mean, found.mean_abs, found.max_abs, found.per_half_width, found.n
        )

    def _report(self, function: Any, path: _check.StrPath | None) -> str:
        data, size = ctypes.c_void_p(), ctypes.c_size_t()
        call(function, self._handle.pointer, ctypes.byref(data), ctypes.byref(size))
        report = take_bytes(data, size.value)
        if path is not None:
            write_atomic(path, report)
        return report.decode()


def _statistic(found: _capi.Statistic) -> Statistic:
    return Statistic(found.mean, found.lo, found.hi, found.n)


def _make(function: Any, *arguments: Any) -> Handle:
    pointer = _capi.EvaluationPointer()
    call(function, *arguments, ctypes.byref(pointer))
    return Handle(pointer, lib.vitlrp_evaluation_close)


class _Run:
    """One call of vitlrp_evaluate, in a thread of its own: the calling one can take a Ctrl-C."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._cancelled = False
        self._done = threading.Event()
        self._error: BaseException | None = None
        self._found: Any = None
        self.observer = _capi.EvalObserver(
            progress=_capi.EvalProgress(self._tell), cancelled=_capi.EvalCancelled(self._ask)
        )

    def _tell(self, _user: int | None, done: int, total: int, failed: int) -> None:
        try:
            if self._progress is not None and self._error is None:
                self._progress(done, total, failed)
        except BaseException as error:
            self._error = error

    def _ask(self, _user: int | None) -> int:
        return int(self._cancelled or self._error is not None)

    def _work(self, model_in_use: ModelInUse, work: Callable[[_capi.ModelPointer], Any]) -> None:
        try:
            with model_in_use() as model:
                self._found = work(model)
        except BaseException as error:
            self._error = self._error or error
        finally:
            self._done.set()

    def finish(self, model_in_use: ModelInUse, work: Callable[[_capi.ModelPointer], Any]) -> Any:
        """What work gives; after an interrupt no more images are begun, and it is raised."""
        what = (model_in_use, work)
        threading.Thread(target=self._work, args=what, name="vitlrp-evaluate").start()
        try:
            while not self._done.wait(LOOK_SECONDS):
                pass
        except BaseException:
            self._cancelled = True
            self._done.wait()
            raise
        if self._error is not None:
            raise self._error
        return self._found


@dataclasses.dataclass(frozen=True)
class Settings:
    """The arguments of Model.evaluate and Model.tune, beside the rules and the protocol."""

    limit: int | None = None
    reference: str | None = None
    truth: _check.StrPath | None = None
    boxes: _check.StrPath | None = None
    truth_masks: _check.StrPath | None = None
    maps: Mapping[str, _check.StrPath] | None = None
    shard: tuple[int, int] = (0, 1)
    preprocessing: image.Preprocessing | None = None
    ignore_exif: bool = False
    threads: int | None = None
    backend: str = "auto"
    journal: _check.StrPath | None = None
    retry_failed: bool = False
    concepts: _check.StrPath | None = None


# What a search does not measure.
_UNREAD_BY_TUNE = {
    "reference", "boxes", "truth_masks", "maps", "shard", "retry_failed", "concepts", "coalitions", "randomized",
    "sensitivity",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is to be measured, and how."""

    dataset: _check.StrPath
    methods: Sequence[str] | None
    own: Settings
    preprocessing: image.Preprocessing
    protocol: Mapping[str, Any]  # values of _settings.SETTINGS
    rules: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        function: str,
        dataset: _check.StrPath,
        methods: Sequence[str] | None,
        options: Mapping[str, Any],
        preprocessing: image.Preprocessing,
    ) -> Wanted:
        """From the keywords of a function; TypeError for one that there is not. `preprocessing` is
        the model's."""
        names = {field.name for field in dataclasses.fields(Settings)}
        rules = {*method.RuleParameters.__annotations__}
        known = {*names, *rules, *SETTINGS}
        _check.keywords(function, options, known - _UNREAD_BY_TUNE if function == "tune" else known)
        own = Settings(**{name: value for name, value in options.items() if name in names})
        return cls(
            dataset=dataset,
            methods=methods,
            own=own,
            preprocessing=preprocessing if own.preprocessing is None else own.preprocessing,
            protocol={name: value for name, value in options.items() if name in SETTINGS},
            rules={name: value for name, value in options.items() if name in rules},
        )

    def record(self) -> _capi.EvalOptions:
        """For C; it keeps what it points to."""
        options = new_record(EvalOptions, lib.vitlrp_eval_options_init_sized)
        options.dataset = _check.path("dataset", self.dataset)
        self._set_protocol(options)
        self._set_methods(options)
        own = self.own
        for name in ("truth", "boxes", "truth_masks", "journal"):
            if getattr(own, name) is not None:
                setattr(options, name, _check.path(name, getattr(own, name)))
        options.retry_failed = _check.flag("retry_failed", own.retry_failed)
        maps = _check.mapping("maps", own.maps)
        if maps:
            listed = [
                _capi.EvalMaps(_check.text("maps", name), _check.path("maps", folder))
                for name, folder in maps.items()
            ]
            options.maps = (_capi.EvalMaps * len(listed))(*listed)
            options.map_count = len(listed)
        options.preprocess = ctypes.pointer(image.record_of(self.preprocessing))
        options.ignore_exif = _check.flag("ignore_exif", own.ignore_exif)
        options.threads = _check.threads(own.threads)
        options.backend = _check.text("backend", own.backend)
        options.log = logger()
        return options

    def index(self) -> Handle | None:
        """The index of hidden units that was named, open."""
        pointer = _capi.ConceptsPointer()
        if self.own.concepts is None:
            return None
        call(lib.vitlrp_concepts_open, _check.path("concepts", self.own.concepts), ctypes.byref(pointer))
        return Handle(pointer, lib.vitlrp_concepts_close)

    def _set_protocol(self, options: _capi.EvalOptions) -> None:
        most, own = _check.INT32_MAX, self.own
        try:
            shard, shards = own.shard
        except (TypeError, ValueError):
            raise UsageError(f"shard must be two numbers, as (0, 4), not {_check.shown(own.shard)}") from None
        options.shards = _check.whole("the number of shards", shards, 1, most)
        options.shard = _check.whole("shard", shard, 0, shards - 1)
        if own.limit is not None:
            options.limit = _check.whole("limit", own.limit, 1, 2**63 - 1)
        for name, value in self.protocol.items():
            setattr(options, SETTINGS[name].field, SETTINGS[name].number(value))

    def _set_methods(self, options: _capi.EvalOptions) -> None:
        if self.methods is not None:
            names = _check.names("methods", self.methods)
            if not names:
                raise UsageError("methods is an empty list")
            options.methods = (ctypes.c_char_p * len(names))(*names)
            options.method_count = len(names)
        if self.own.reference is not None:
            options.reference = _check.text("reference", self.own.reference)
        changes = _capi.RuleChanges()
        lib.vitlrp_rule_changes_init(ctypes.byref(changes))
        method.set_rules(changes, method.rule_values(self.rules))
        options.rules = ctypes.pointer(changes)


def run(model_in_use: ModelInUse, settings: Wanted, progress: Progress | None) -> Evaluation:
    """Evaluates a model, and reports every image to `progress`."""
    options = settings.record()
    work = _Run(progress)
    options.observer = work.observer
    index = settings.index()
    if index is not None:
        options.concepts = index.pointer
    handle = work.finish(model_in_use, lambda model: _make(lib.vitlrp_evaluate, model, ctypes.byref(options)))
    return Evaluation(handle)


@dataclasses.dataclass(frozen=True)
class TuningGain:
    """What tuning came to under one replacement, as the fields of the same names in Tuning."""

    calibration_preset: Statistic
    calibration_tuned: Statistic
    preset: Statistic
    tuned: Statistic
    gain: Statistic


@dataclasses.dataclass(frozen=True)
class Tuning:
    """What tune found. `rules` are keywords of Model.explain and evaluate."""

    method: str
    rules: dict[str, float]  # the best found
    trials: int
    calibration_images: int
    held_out_images: int
    calibration_preset: Statistic  # Delta (logit) with the method's own rules, and with these
    calibration_tuned: Statistic
    preset: Statistic  # likewise on the images held out, which the search has not seen
    tuned: Statistic
    gain: Statistic  # tuned less preset there, image by image
    replacements: dict[str, TuningGain]  # each one's figures; those above are the first's

    def __str__(self) -> str:
        rules = ", ".join(f"{name} {value:g}" for name, value in self.rules.items())
        gains = "; ".join(f"{name}: gain {found.gain}" for name, found in self.replacements.items())
        return f"{self.method}: {rules}; {gains}, on {self.held_out_images} images"


def _tuning_gain(found: _capi.TuneGain) -> TuningGain:
    names = (field.name for field in dataclasses.fields(TuningGain))
    return TuningGain(**{name: _statistic(getattr(found, name)) for name in names})


def _tuning(found: _capi.TuneResult) -> Tuning:
    gains = found.replacements[: found.replacement_count]
    replacements = {words("replacement")[gain.replacement]: _tuning_gain(gain) for gain in gains}
    first = next(iter(replacements.values()))
    return Tuning(
        method=found.method.decode(),
        rules=method.values_of_rules(found.method.decode(), found.rules),
        trials=found.trials,
        calibration_images=found.calibration_images,
        held_out_images=found.held_out_images,
        replacements=replacements,
        **vars(first),
    )


def tune(model_in_use: ModelInUse, settings: Wanted, progress: Progress | None) -> Tuning:
    """Searches the gammas of a method, and reports every image to `progress`."""
    evaluation, watch = settings.record(), _Run(progress)
    evaluation.observer = watch.observer
    options = new_record(_capi.TuneOptions, lib.vitlrp_tune_options_init_sized)
    options.evaluation = ctypes.cast(ctypes.pointer(evaluation), ctypes.POINTER(_capi.EvalOptions))
    found = new_record(_capi.TuneResult, lib.vitlrp_tune_result_init_sized)
    places = ctypes.byref(options), ctypes.byref(found)
    watch.finish(model_in_use, lambda model: call(lib.vitlrp_tune, model, *places))
    return _tuning(found)
