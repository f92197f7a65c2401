"""Texts as the classes of a model, and what their words hold of a score."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from . import _capi, _check
from ._info import Fact
from ._library import call, lib, logger, new_record, tell, words
from ._watching import Progress, Watch
from .errors import UsageError
from .explanation import LedgerEntry
from .text import Cosines, Token, Word, Words


def _checked_names(names: Any, count: int, what: str) -> list[bytes] | None:
    """Names of classes for C, one for each of so many; None as it is."""
    if names is None:
        return None
    if isinstance(names, (str, bytes)) or not hasattr(names, "__len__") or len(names) != count:
        raise UsageError(f"names must be a list of {count}, one for each {what}")
    return [_check.text("names", name) for name in names]


def _pointers(names: list[bytes] | None) -> Any:
    """Of C strings; None is NULL."""
    return None if names is None else (ctypes.c_char_p * len(names))(*names)


class Texts:
    """Checked rows (texts, width) and their names."""

    def __init__(self, rows: Any, names: Sequence[str] | None, width: int) -> None:
        if width == 0:
            raise UsageError("the model has a head of classes, and no embedding to compare with texts")
        try:
            self.rows = np.ascontiguousarray(rows, np.float32)
        except (ValueError, TypeError, OverflowError, RuntimeError) as error:
            raise UsageError(f"rows must be of shape (texts, {width}): {_check.kind(rows)}: {error}") from None
        if self.rows.ndim != 2 or self.rows.shape[1] != width:
            raise UsageError(f"rows must be of shape (texts, {width}), not {self.rows.shape}")
        self.names = _pointers(_checked_names(names, len(self.rows), "row"))

    def bind(self, model: _capi.ModelPointer) -> _capi.ModelPointer:
        """A model over the weights of this one whose classes they are."""
        pointer = _capi.ModelPointer()
        rows = _check.floats(self.rows)
        call(
            lib.vitlrp_model_with_embeddings,
            *(model, rows, self.names, len(self.rows), ctypes.byref(pointer)),
        )
        return pointer


class Prompts:
    """Checked texts and the names of their classes."""

    def __init__(self, texts: Sequence[str], names: Sequence[str] | None) -> None:
        if isinstance(texts, (str, bytes)) or not isinstance(texts, Sequence) or len(texts) == 0:
            raise UsageError("texts must be a list of at least one text")
        given = _checked_names(names, len(texts), "text")
        self._names = [None] * len(texts) if given is None else given
        self._texts = [_check.text("texts", text) for text in texts]

    def bind(
        self, model: _capi.ModelPointer, options: _capi.TextOptions, progress: Progress | None
    ) -> _capi.ModelPointer:
        """A model over the weights of this one whose classes they are."""
        pairs = zip(self._names, self._texts)
        records = (_capi.Prompt * len(self._texts))(*(_capi.Prompt(name, text) for name, text in pairs))
        return _read(lib.vitlrp_model_with_texts, (model, records, len(self._texts)), options, progress)


class TokenIds:
    """Checked ids of the tokens of texts, and the names of their classes."""

    def __init__(self, ids: Any, names: Sequence[str] | None) -> None:
        rows = [ids[i] for i in range(len(ids))] if hasattr(ids, "__len__") else []
        try:
            width = max(len(row) for row in rows)
            self._ids = np.full((len(rows), width), -1, np.int32)
            for place, row in enumerate(rows):
                self._ids[place, : len(row)] = _check_ids(row)
        except (TypeError, ValueError):
            raise UsageError("ids must be whole numbers (texts, tokens), or a list of lists") from None
        self._names = _pointers(_checked_names(names, len(rows), "text"))

    def bind(
        self, model: _capi.ModelPointer, options: _capi.TextOptions, progress: Progress | None
    ) -> _capi.ModelPointer:
        """A model over the weights of this one whose classes they are."""
        place = self._ids.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        rows = _capi.TokenRows(place, self._names, *self._ids.shape)
        return _read(lib.vitlrp_model_with_token_ids, (model, ctypes.byref(rows)), options, progress)


def _check_ids(row: Any) -> Any:
    found = np.asarray(row)
    if found.dtype.kind not in "iu" or np.any(found < -1) or np.any(found > _check.INT32_MAX):
        raise ValueError
    return found


def _read(
    function: Any, what: tuple[Any, ...], options: _capi.TextOptions, progress: Progress | None
) -> _capi.ModelPointer:
    """What the text tower makes of texts. Ctrl-C, and what `progress` raises, end it."""
    pointer, watch = _capi.ModelPointer(), Watch()
    options.observer = watch.record
    with watch.calls(progress, None):
        call(function, *what, ctypes.byref(options), ctypes.byref(pointer))
    return pointer


def embeddings(model: _capi.ModelPointer, classes: int, width: int) -> _check.Floats:
    """Of the texts of a model."""
    rows = np.empty((classes, width), np.float32)
    call(lib.vitlrp_model_text_embeddings, model, _check.floats(rows))
    return rows


def cosines(model: _capi.ModelPointer, embedding: _check.Floats, classes: int) -> Cosines:
    """Of an image and the texts of a model."""
    found, empty = np.empty(classes, np.float64), ctypes.c_double()
    place = found.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
    call(lib.vitlrp_model_cosines, model, _check.floats(embedding), place, ctypes.byref(empty))
    return Cosines(found, None if np.isnan(empty.value) else empty.value)


def text_options(
    tokenizer: Any = None,
    cleaning: str = "auto",
    heads: int | None = None,
    activation: str = "stated",
    norm_eps: float | None = None,
    tower: str = "stated",
    threads: int | None = None,
    keep_tower: bool = False,
) -> _capi.TextOptions:
    """Checked."""
    options = new_record(_capi.TextOptions, lib.vitlrp_text_options_init_sized)
    options.log = logger()
    if tokenizer is not None:
        options.tokenizer = _check.path("tokenizer", tokenizer)
    options.cleaning = _check.text("cleaning", cleaning)
    if heads is not None:
        options.heads = _check.whole("heads", heads, 1, _check.INT32_MAX)
    options.activation = _check.choice("activation", activation, "activation")
    options.tower = _check.choice("tower", tower, "text_tower")
    if norm_eps is not None:
        options.norm_eps = _check.real("norm_eps", norm_eps, 1e-37, 0.99)
    options.threads = _check.threads(threads)
    options.keep_tower = _check.flag("keep_tower", keep_tower)
    return options


def tell_guesses(facts: Iterable[Fact]) -> None:
    """What decides about every number, and nothing may show."""
    for fact in facts:
        if fact.source == "guess" and fact.name in ("heads", "activation", "norm_eps", "causal", "text_end"):
            tell(f"nothing states {fact.name} of the text tower: {fact.value} is a guess")


def set_templates(options: _capi.TextOptions, templates: str | Sequence[str] | None) -> object:
    """What the options point to: a published list by its name, or the caller's."""
    if templates is None:
        return None
    if isinstance(templates, str):
        found, count = ctypes.POINTER(ctypes.c_char_p)(), ctypes.c_size_t()
        name = _check.text("templates", templates)
        call(lib.vitlrp_templates, name, ctypes.byref(found), ctypes.byref(count))
        options.templates, options.template_count = found, count.value
        return None
    given = _check.names("templates", templates)
    texts = (ctypes.c_char_p * len(given))(*given)
    options.templates = texts
    options.template_count = len(given)
    return texts


def rules_of(attention: str) -> _capi.Rules:
    """The setting for language: every gamma 0."""
    rules = _capi.Rules()
    if not isinstance(attention, str) or attention not in ("attnlrp", "cp"):
        raise UsageError(f'attention must be "attnlrp" or "cp", not {_check.shown(attention)}')
    rules.attention = words("attention_rule").index(attention)
    return rules


def explain(
    model: _capi.ModelPointer,
    output: int,
    options: _capi.TextOptions,
    rules: _capi.Rules,
    embedding: _check.Floats,
) -> Words:
    """What the words of a text hold of the score of an image's embedding."""
    text = _capi.TextPointer()
    options.log = _capi.Log()  # what there was to say was said when the model was made
    call(lib.vitlrp_text_open, model, output, ctypes.byref(options), ctypes.byref(text))
    try:
        return _explain(text, rules, embedding)
    finally:
        lib.vitlrp_text_close(text)


def _explain(text: _capi.TextPointer, rules: _capi.Rules, embedding: _check.Floats) -> Words:
    info = new_record(_capi.TextInfo, lib.vitlrp_text_info_init_sized)
    lib.vitlrp_text_describe(text, ctypes.byref(info))
    tokens = np.empty(info.tokens, np.float32)
    found = np.empty(info.words, np.float32)
    ledger = (_capi.LedgerEntry * info.ledger)()
    relevance = new_record(_capi.TextRelevance, lib.vitlrp_text_relevance_init_sized)
    relevance.tokens, relevance.words = _check.floats(tokens), _check.floats(found)
    relevance.ledger = ledger
    what = (text, _check.floats(embedding), ctypes.byref(rules))
    call(lib.vitlrp_text_explain, *what, ctypes.byref(relevance))
    return Words(
        text=_shown(info.text),
        words=tuple(_word(text, number, value, tokens) for number, value in enumerate(found)),
        explained=relevance.explained,
        relevance_sum=relevance.sum,
        ledger=tuple(
            LedgerEntry(None if e.block < 0 else e.block, e.kind.decode(), e.absorbed) for e in ledger
        ),
        attention=words("attention_rule")[rules.attention],
    )


def _word(text: _capi.TextPointer, number: int, relevance: float, values: _check.Floats) -> Word:
    found = _capi.Word()
    call(lib.vitlrp_text_word, text, number, ctypes.byref(found))
    places = range(found.first, found.first + found.tokens)
    tokens = tuple(_token(text, place, float(values[place])) for place in places)
    return Word(_shown(found.text), float(relevance), tokens, bool(found.is_special))


def _token(text: _capi.TextPointer, number: int, relevance: float) -> Token:
    found = _capi.Token()
    call(lib.vitlrp_text_token, text, number, ctypes.byref(found))
    return Token(_shown(found.piece), found.id, relevance)


def _shown(value: bytes) -> str:
    """Tokens may be parts of a character."""
    return value.decode(errors="backslashreplace")
