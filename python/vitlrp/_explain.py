"""The way from a model input to explanations."""

from __future__ import annotations

import ctypes
import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _capi, _check
from . import method as _method
from ._library import call, lib, new_record, words
from ._watching import Progress
from .errors import UsageError
from .explanation import OTHERS, Class, Explanation, LedgerEntry, Prediction, others_of
from .image import Input, Preprocessing

# Number of likely classes that every explanation lists.
TOP_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class Request:
    """The arguments of Model.explain beside image and target."""

    versus: Any = None
    method: str = "attnlrp"
    level: str = "patch"
    preprocessing: Preprocessing | None = None
    ignore_exif: bool = False
    resample: bool = False
    keep_photo: bool = True
    threads: int | None = None
    backend: str = "auto"
    precision: str = "fp32"
    progress: Progress | None = None
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # of the method


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which classes are to be explained: those listed, or the `top` most likely ones."""

    listed: tuple[Class, ...]
    top: int  # 0 if they are listed
    versus: Class | None
    several: bool  # the caller gets a list
    hidden: int = 0  # classes at the end that are not predicted

    @property
    def count(self) -> int:
        return max(len(self.listed), self.top)


class Explaining:
    """One image in one session: a forward pass, and any number of classes after it."""

    def __init__(
        self,
        model: _capi.ModelPointer,
        session: _capi.SessionPointer,
        source: Input,
        method: _method.Method,
        options: _capi.MethodOptions,
    ) -> None:
        self._model, self._session = model, session
        self._source, self._method, self._options = source, method, options
        info = new_record(_capi.SessionInfo, lib.vitlrp_session_info_init_sized)
        lib.vitlrp_session_describe(session, ctypes.byref(info))
        self._grid = info.grid_height, info.grid_width
        self._tokens = info.tokens
        described = new_record(_capi.ModelInfo, lib.vitlrp_model_info_init_sized)
        lib.vitlrp_model_describe(model, ctypes.byref(described))
        self._name = described.name.decode(errors="replace")
        of_classes = words("outputs")[described.outputs] == "classes"
        self._unit = method.unit if of_classes or method.unit != "logit" else "output"
        self.precision = words("precision")[info.precision]  # in use
        self._logits = np.empty(0, np.float32)
        self._hidden = 0
        self._units: _capi.UnitValues | None = None  # whose activations a forward pass fills
        self._softmax = words("probability")[described.probability] == "softmax"
        self._ranked: list[Class] = []  # most likely first
        self._top: tuple[Prediction, ...] = ()
        self._likely: list[float | None] = []  # by output

    def run(self, classes: tuple[Class, ...], wanted: Wanted, level: str) -> list[Explanation]:
        """Everything that is wanted, of a model with these classes."""
        self._hidden = wanted.hidden
        self._forward(classes, max(wanted.top, TOP_SHOWN))
        targets = wanted.listed or tuple(self._ranked[: wanted.top])
        if wanted.several:
            targets = tuple(target for target in targets if target != wanted.versus)
        for target in targets:
            check_contrast(target, wanted.versus)
        return [self._explain(target, wanted.versus, level) for target in targets]

    def _forward(self, classes: tuple[Class, ...], shown: int) -> None:
        self._logits = np.empty(len(classes), np.float32)
        values, logits = _check.floats(self._source.values), _check.floats(self._logits)
        if self._units is None:
            call(lib.vitlrp_session_forward, self._session, values, logits)
        else:
            call(lib.vitlrp_session_forward_units, self._session, values, logits, ctypes.byref(self._units), 1)
        self._likely = self._probabilities()
        order = np.argsort(-self._shown(), kind="stable")
        self._ranked = [classes[i] for i in order]
        self._top = tuple(
            Prediction(
                **dataclasses.asdict(classes[i]),
                logit=float(self._logits[i]),
                probability=self._likely[i],
            )
            for i in order[:shown]
        )

    def _probabilities(self) -> list[float | None]:
        """Of the outputs, by the library."""
        found = np.empty(len(self._logits), np.float64)
        place = found.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
        shown = self._logits.copy()
        shown[len(self._shown()) :] = np.finfo(np.float32).min  # without a share
        call(lib.vitlrp_model_probabilities, self._model, _check.floats(shown), place)
        found[len(self._shown()) :] = np.nan
        if self._hidden > 0 and len(self._shown()) == 1 and self._softmax:
            found[:] = np.nan  # a softmax of one says nothing
        return [None if np.isnan(p) else float(p) for p in found]

    def _shown(self) -> _check.Floats:
        """The logits of what is predicted."""
        return self._logits[: len(self._logits) - self._hidden]

    def _explain(self, target: Class, versus: Class | None, level: str) -> Explanation:
        relevance = new_record(_capi.Relevance, lib.vitlrp_relevance_init_sized)
        pixels = None
        if level == "pixel":
            pixels = np.empty(self._source.values.shape, np.float32)
            relevance.pixels = _check.floats(pixels)
            ledger = self._attribute(relevance, target, versus)
            heatmap = pixels.sum(axis=0, dtype=np.float64).astype(np.float32)
        else:
            heatmap = np.empty(self._grid, np.float32)
            relevance.patches = _check.floats(heatmap)
            ledger = self._attribute(relevance, target, versus)
        return Explanation(
            heatmap=heatmap,
            pixels=pixels,
            logits=self._logits.copy(),
            target=target,
            versus=versus,
            top=self._top,
            probability=self._likely[target.output],
            versus_probability=(
                None if versus is None or versus.output < 0 else self._likely[versus.output]
            ),
            explained=relevance.explained,
            relevance_sum=relevance.sum,
            ledger=ledger,
            method=self._method.name,
            unit=self._unit,
            model=self._name,
            parameters={
                **_method.parameters_in_use(self._method, self._options),
                "precision": self.precision,
            },
            photo=self._source.photo,
            geometry=self._source.geometry,
            hidden=self._hidden,
        )

    def _targets(self, target: Class, versus: Class | None) -> Any:
        """The outputs whose weighted sum is explained."""
        targets = [_capi.Target(target.output, 1.0)]
        if versus == OTHERS:
            shares = others_of(self._shown(), target.output)
            weights = {output: np.float32(-share) for output, share in shares.items()}
            targets += [_capi.Target(output, weight) for output, weight in weights.items() if weight != 0]
        elif versus is not None:
            targets.append(_capi.Target(versus.output, -1.0))
        return (_capi.Target * len(targets))(*targets)

    def _attribute(
        self, relevance: _capi.Relevance, target: Class, versus: Class | None
    ) -> tuple[LedgerEntry, ...] | None:
        """Fills the record's maps; returns the ledger, if the method has one."""
        targets = self._targets(target, versus)
        what: Any = (self._session, targets, len(targets))
        ledger = None
        if self._method.has_ledger:
            ledger = (_capi.LedgerEntry * lib.vitlrp_ledger_length(self._model))()
            relevance.ledger = ledger
        options = ctypes.byref(self._options)
        call(lib.vitlrp_session_attribute, *what, options, ctypes.byref(relevance))
        if ledger is None:
            return None
        return tuple(
            LedgerEntry(None if e.block < 0 else e.block, e.kind.decode(), e.absorbed) for e in ledger
        )


def warn_of_precision(wanted: str, used: str, level: int) -> None:
    """Of arithmetic that is another one than was asked for, in the name of the caller that is `level`
    frames up."""
    if used != wanted:
        message = f"nothing faster for {wanted} here: computed in {used}"
        warnings.warn(message, stacklevel=level)


def check_contrast(target: Class, versus: Class | None) -> None:
    """UsageError for a class that is its own contrast."""
    if target == versus:
        raise UsageError(f"target and versus are the same class, {target}")


def check_level(level: str, method: _method.Method) -> None:
    """UsageError for an unknown level, or one that the method has no map of."""
    # An array compared with a word is an array.
    if not isinstance(level, str) or level not in ("patch", "pixel"):
        raise UsageError(f'level must be "patch" or "pixel", not {_check.shown(level)}')
    if level == "pixel" and not method.has_pixels:
        raise UsageError(f'level "pixel": {method.name} has a map of patches only')
