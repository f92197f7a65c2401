"""Models whose hidden units are changed in every pass."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Literal, Union, cast

import numpy as np

from . import _capi, _check
from ._library import call, lib, words
from ._part import Part
from .concepts import Concepts
from .errors import UsageError
from .explanation import Class, EditedExplanation, Explanation
from .image import ImageLike, contents

if TYPE_CHECKING:
    from .model import Model

Constant = Union[float, "_check.Floats"]
Indexes = Union[Concepts, "_check.StrPath", Sequence[Union[Concepts, "_check.StrPath"]]]


@contextmanager
def _opened(concepts: Indexes | None) -> Iterator[dict[str, Concepts]]:
    """Indexes by their site; those that were given as folders are closed at the end."""
    is_list = isinstance(concepts, (list, tuple))
    given = () if concepts is None else concepts if is_list else (concepts,)
    with ExitStack() as stack:
        found: dict[str, Concepts] = {}
        for one in cast("Sequence[Any]", given):
            index = one if isinstance(one, Concepts) else stack.enter_context(Concepts(one))
            if index.site in found:
                raise UsageError(f"two indexes of site {index.site}")
            found[index.site] = index
        yield found


def _unit(name: str) -> _capi.Unit:
    text = _check.text("a unit", name)
    every = text.endswith(b":*")
    unit = _capi.Unit()
    call(lib.vitlrp_unit_parse, text[:-1] + b"0" if every else text, ctypes.byref(unit))
    if every:
        unit.index = -1
    return unit


def _constant(name: str, value: Any, outputs: int) -> _check.Floats:
    """Of CLS and of other tokens, for each output of the unit."""
    try:
        given = np.asarray(value, np.float32)
        return np.ascontiguousarray(np.broadcast_to(given, (outputs, 2)))
    except (TypeError, ValueError):
        raise UsageError(
            f"the constant of {name} must be a number, two (of the CLS token and of the others), or "
            f"an array of shape ({outputs}, 2), not {_check.shown(value)}"
        ) from None


class Editing(Part):
    """Hidden units with other values."""

    def edited(
        self,
        factors: Mapping[str, float | Literal["mean"]] | None = None,
        *,
        constants: Mapping[str, Constant] | None = None,
        concepts: Indexes | None = None,
        passes: int = 1,
    ) -> Model:
        """A model whose hidden units have other values in every pass: x -> factor * x + constant.

            off = model.edited({"4:fc1:136": 0, "5:head:2": 0})
            off.explain("goldfish.jpg", "goldfish")
            model.edited({"4:fc1:136": "mean"}, concepts="units")

        factors    of units, BLOCK:SITE:INDEX from 0: fc1, a neuron of an MLP behind its activation
                   or gate, or head, an attention head before proj; "4:fc1:*" is every one there;
                   "mean": the unit is at its mean over the images of an index
        constants  of units: a number, two numbers (of the CLS token and of all others, as for means),
                   or for a head an array (outputs, 2); the factor is 0 where factors has no other
        concepts   that index, a Concepts or its folder; several, of different sites, in a list
        passes     as of the constructor

        Relevance, measures and records are those of the edited model; configuration()["edits"] names
        the edits. It shares the weights of this one, and is closed apart from it. UsageError for a
        unit that the model has not, for a mean without an index of its site, and for a model that is
        edited already; MismatchError for an index of another model.
        """
        scaled, means = self._means(_check.mapping("factors", factors), concepts)
        given = _check.mapping("constants", constants)
        added: dict[str, Any] = {**given, **means}
        names = list(scaled) + [name for name in added if name not in scaled]
        edits = (_capi.Edit * max(len(names), 1))()
        head = words("site").index("head")
        kept = []
        for name, edit in zip(names, edits):
            edit.unit = _unit(name)
            edit.factor = _check.real(
                f"the factor of {name}", scaled.get(name, 0.0), -_check.FLOAT32_MAX, _check.FLOAT32_MAX
            )
            if name in added:
                outputs = self.info.dim // self.info.heads if edit.unit.site == head else 1
                kept.append(_constant(name, added[name], outputs))
                edit.constant = _check.floats(kept[-1])
        both = set(means) & set(given)
        if both:
            raise UsageError(f"{min(both)} is at its mean and has a constant: choose one")
        pointer = _capi.ModelPointer()
        with self._in_use() as model:
            call(lib.vitlrp_model_with_edits, model, edits, len(names), ctypes.byref(pointer))
        return self._made(pointer, passes, self._hidden)

    def explain_edited(
        self,
        image: ImageLike,
        factors: Mapping[str, float | Literal["mean"]] | None = None,
        target: int | str | Class | None = None,
        *,
        constants: Mapping[str, Constant] | None = None,
        concepts: Indexes | None = None,
        **options: Any,
    ) -> EditedExplanation:
        """Explains a class of an image without the edits and with them.

            found = model.explain_edited("goldfish.jpg", {"0:fc1:263": 0})
            found.before.top[0], found.after.top[0], found.difference

        target     as of explain, one class; None: the likeliest one before the edits
        options    as of explain

        All else as of edited.
        """
        image = contents(image)  # a file object is read once
        before = self.explain(image, target, **options)
        if not isinstance(before, Explanation):
            raise UsageError("target must be one class: an edit is shown for one")
        with self.edited(factors, constants=constants, concepts=concepts) as model:
            return EditedExplanation(before, model.explain(image, before.target, **options))

    def _means(
        self, factors: dict[str, Any], concepts: Indexes | None
    ) -> tuple[dict[str, float], dict[str, _check.Floats]]:
        """The factors that are numbers, and the means of the other units."""
        scaled = {name: value for name, value in factors.items() if not isinstance(value, str)}
        named = {name: _unit(name) for name, value in factors.items() if isinstance(value, str)}
        for name in named:
            if factors[name] != "mean":
                raise UsageError(
                    f'the factor of {name} must be a number or "mean", not {_check.shown(factors[name])}'
                )
        means: dict[str, _check.Floats] = {}
        with _opened(concepts if named else None) as indexes:
            for index in indexes.values():
                index.check(cast("Model", self))
            for name, unit in named.items():
                site = words("site")[unit.site]
                if site not in indexes:
                    raise UsageError(f"the mean of {name} needs an index of site {site}: give its concepts")
                index = indexes[site]
                every = range(index.width) if unit.index < 0 else (unit.index,)
                for place in every:
                    means[f"{unit.block}:{site}:{place}"] = index.mean(_capi.Unit(unit.site, unit.block, place))
        return scaled, means
