"""Texts, given by their embeddings, as the classes of a model."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _capi, _check
from ._library import call, lib
from .errors import UsageError


class Texts:
    """Checked rows (texts, width) and their names."""

    def __init__(self, rows: Any, names: Sequence[str] | None, width: int) -> None:
        if width == 0:
            raise UsageError("the model has a head of classes, and no embedding to compare with texts")
        self.rows = np.ascontiguousarray(rows, np.float32)
        if self.rows.ndim != 2 or self.rows.shape[1] != width:
            raise UsageError(f"rows must be of shape (texts, {width}), not {self.rows.shape}")
        if names is not None and (isinstance(names, str) or len(names) != len(self.rows)):
            raise UsageError(f"names must be a list of {len(self.rows)}, one for each row")
        self.names: Any = None
        if names is not None:
            self.names = (ctypes.c_char_p * len(names))(*(str(name).encode() for name in names))

    def bind(self, model: _capi.ModelPointer) -> _capi.ModelPointer:
        """A model over the weights of this one whose classes they are."""
        pointer = _capi.ModelPointer()
        rows = _check.floats(self.rows)
        call(
            lib.vitlrp_model_with_embeddings,
            *(model, rows, self.names, len(self.rows), ctypes.byref(pointer)),
        )
        return pointer
