"""How a model is opened: its options for C, and weights that are in memory."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np

from . import _capi, _check
from . import image as _image
from ._library import call, lib, logger, new_record
from .errors import UsageError

# Class names: a file, a list in the order of the outputs, or a dictionary by output.
LabelsLike = Union[_check.StrPath, Sequence[str], Mapping[Any, str]]

# What lies beside the weights: an object of JSON as a dictionary, or its text.
JsonLike = Union[Mapping[str, Any], str, bytes]

_TYPES = {
    "float32": b"F32", "float16": b"F16", "bfloat16": b"BF16", "float64": b"F64", "int64": b"I64",
    "int32": b"I32", "int16": b"I16", "int8": b"I8", "uint8": b"U8", "bool": b"BOOL",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Opening:
    """The arguments of Model."""

    heads: int | None = None
    labels: LabelsLike | None = None
    weights: str = "auto"
    ignore_tensors: str | None = None
    adapter: _check.StrPath | None = None
    head: _check.StrPath | None = None
    head_activation: str | None = None
    max_bytes: int | None = None
    activation: str = "stated"
    pool: str = "stated"
    norm_eps: float | None = None
    probability: str = "stated"
    config: JsonLike | None = None
    preprocessor: JsonLike | None = None
    facts: Mapping[str, Any] | None = None
    preprocessing: _image.Preprocessing | None = None

    def record(self) -> _capi.ModelOptions:
        """For C; it keeps what it points to."""
        options = new_record(_capi.ModelOptions, lib.vitlrp_model_options_init_sized)
        options.log = logger()
        if self.heads is not None:
            options.heads = _check.whole("heads", self.heads, 1, _check.INT32_MAX)
        for name in ("weights", "activation", "pool", "probability"):
            setattr(options, name, _check.choice(name, getattr(self, name), name))
        if self.norm_eps is not None:
            options.norm_eps = _check.real("norm_eps", self.norm_eps, 1e-37, 0.99)
        if self.max_bytes is not None:
            options.limits.max_bytes = _check.whole("max_bytes", self.max_bytes, 1, 2**64 - 1)
        self._set_files(options)
        self._set_texts(options)
        return options

    def _set_files(self, options: _capi.ModelOptions) -> None:
        if isinstance(self.labels, (str, os.PathLike)):
            options.labels_path = _check.path("labels", self.labels)
        elif self.labels is not None:
            options.labels = _lines(self.labels)
        if self.adapter is not None:
            options.adapter_path = _check.path("adapter", self.adapter)
        if self.head is not None:
            options.head_path = _check.path("head", self.head)

    def _set_texts(self, options: _capi.ModelOptions) -> None:
        for name in ("ignore_tensors", "head_activation"):
            value = getattr(self, name)
            if value is not None:
                setattr(options, name, _check.text(name, value))
        for name in ("config", "preprocessor", "facts"):
            value = getattr(self, name)
            if value is not None:
                setattr(options, name, _json(name, value))
        if self.preprocessing is not None:
            options.preprocess = ctypes.pointer(_image.record_of(self.preprocessing))


def _json(name: str, value: JsonLike) -> bytes:
    """An object of JSON as text."""
    if isinstance(value, (str, bytes)):
        text = value
    elif isinstance(value, Mapping):
        try:
            text = json.dumps(dict(value))
        except (TypeError, ValueError) as error:
            raise UsageError(f"{name} is no JSON: {error}") from None
    else:
        raise UsageError(f"{name} must be a dictionary or a text of JSON, not {_check.kind(value)}")
    found = _check.text(name, text) if isinstance(text, str) else bytes(text)
    if b"\0" in found:
        raise UsageError(f"{name} must not hold a zero byte")
    return found


def _lines(labels: Sequence[str] | Mapping[Any, str]) -> bytes:
    """Names of classes as the text of a file of labels."""
    if isinstance(labels, Mapping):
        try:
            labels = [labels[output] if output in labels else labels[str(output)] for output in range(len(labels))]
        except KeyError as error:
            raise UsageError(f"labels must have a name for every output: {error} is missing") from None
    if not isinstance(labels, (Sequence, np.ndarray)) or isinstance(labels, (bytes, bytearray, memoryview)):
        raise UsageError(f"labels must be a path or a list of names, not {_check.kind(labels)}")
    if len(labels) == 0:
        raise UsageError("labels is an empty list")
    for output, label in enumerate(labels):
        if not isinstance(label, str) or not label.strip() or any(c in label for c in "\t\n\r\0"):
            raise UsageError(
                f"label {output} must be a text of one line without tabs, not {_check.shown(label)}"
            )
    return b"\n".join(_check.text("labels", str(label)) for label in labels)


def read_bytes(source: Any) -> bytes | None:
    """The bytes of weights in memory; None for a path."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, (bytearray, memoryview)):
        return bytes(source)
    read = getattr(source, "read", None)
    if callable(read) and not isinstance(source, (str, os.PathLike)):
        data = read()
        if not isinstance(data, bytes):
            raise UsageError(f"a file of weights must be opened as binary: it gives {_check.kind(data)}")
        return data
    return None


def open_memory(data: bytes, opening: Opening) -> _capi.ModelPointer:
    """The library's model of a file's bytes, which must outlive it."""
    options, pointer = opening.record(), _capi.ModelPointer()
    place = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p)
    what = (place, len(data), b"weights in memory", ctypes.byref(options))
    call(lib.vitlrp_model_open_memory, *what, ctypes.byref(pointer))
    return pointer


def open_path(path: Any, opening: Opening) -> _capi.ModelPointer:
    """The library's model of a file; None: the built-in one."""
    options, pointer = opening.record(), _capi.ModelPointer()
    places = (ctypes.byref(options), ctypes.byref(pointer))
    if path is None:
        call(lib.vitlrp_model_open_builtin, *places)
        return pointer
    if isinstance(path, Mapping):
        raise UsageError("a state_dict is no path: Model.from_torch takes the module, Model.from_tensors arrays")
    if callable(getattr(path, "state_dict", None)):
        raise UsageError("a module is no path: Model.from_torch takes it")
    call(lib.vitlrp_model_open, _check.path("path", path), *places)
    return pointer


def _tensor(name: Any, array: Any) -> tuple[_capi.Tensor, Any]:
    """A record, and the array that it points into."""
    try:
        found = np.ascontiguousarray(array) if np.ndim(array) else np.asarray(array)
    except (ValueError, TypeError, OverflowError, RuntimeError) as error:
        raise UsageError(f"tensor {_check.shown(name)}: {_check.kind(array)} is no array: {error}") from None
    kind = _TYPES.get(found.dtype.name)
    if kind is None:
        raise UsageError(f"tensor {_check.shown(name)}: elements of type {found.dtype} are not known")
    if found.dtype.isnative != (sys.byteorder == "little") and found.itemsize > 1:
        found = found.byteswap()  # C takes the bytes of a file
    shape = (ctypes.c_int64 * max(found.ndim, 1))(*found.shape)
    record = _capi.Tensor(
        _check.text("the name of a tensor", name), kind, shape, found.ndim, found.ctypes.data, found.nbytes
    )
    return record, found


def open_tensors(tensors: Mapping[str, Any], name: str, opening: Opening) -> _capi.ModelPointer:
    """The library's model of arrays, of which nothing is read afterwards: their hash is taken."""
    if not isinstance(tensors, Mapping) or not tensors:
        raise UsageError(f"tensors must be a dictionary of arrays by name, not {_check.kind(tensors)}")
    made = [_tensor(key, array) for key, array in tensors.items()]
    records = (_capi.Tensor * len(made))(*(record for record, _ in made))
    options, pointer = opening.record(), _capi.ModelPointer()
    what = (records, len(made), _check.text("name", name), ctypes.byref(options))
    call(lib.vitlrp_model_open_tensors, *what, ctypes.byref(pointer))
    try:
        call(lib.vitlrp_model_sha256, pointer, ctypes.create_string_buffer(65))
    except BaseException:
        lib.vitlrp_model_close(pointer)
        raise
    return pointer
