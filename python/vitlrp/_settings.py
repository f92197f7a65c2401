"""The settings of an evaluation, as the library lists them: names, ranges, words, places.

A setting that this package has never heard of can be given and read by its name.
"""

from __future__ import annotations

import ctypes
import dataclasses
from collections.abc import Sequence
from typing import Any, Union

from . import _capi, _check
from ._library import call, lib, new_record, words
from .errors import LibraryError, UsageError

Value = Union[int, str, "tuple[str, ...]"]


@dataclasses.dataclass(frozen=True)
class Setting:
    """One of them. Its value is a whole number, or a word of the enumeration, or several of them."""

    name: str
    enumeration: str | None
    low: int
    high: int
    field: str  # of EvalOptions
    offset: int
    size: int
    is_set: bool

    def number(self, value: Any) -> int:
        """The value for C."""
        if self.is_set:
            return self._bits(value)
        if self.enumeration is not None:
            return _check.choice(self.name, value, self.enumeration)
        return _check.whole(self.name, value, self.low, self.high)

    def value(self, number: int) -> Value:
        """What C's value means."""
        if self.enumeration is None:
            return number
        known = words(self.enumeration)
        if not self.is_set:
            return known[number]
        chosen = tuple(word for place, word in enumerate(known) if number >> place & 1)
        return chosen if len(chosen) > 1 else chosen[0]

    def _bits(self, value: Any) -> int:
        """A set of words, or a single one, as C has it."""
        members = [value] if isinstance(value, str) or not isinstance(value, Sequence) else value
        if not members:
            raise UsageError(f"{self.name} is an empty list")
        bits = 0
        for member in members:
            bits |= 1 << _check.choice(self.name, member, self.enumeration or "")
        return bits


def _setting(index: int) -> Setting:
    told = new_record(_capi.EvalSetting, lib.vitlrp_eval_setting_init_sized)
    call(lib.vitlrp_eval_setting_at, index, ctypes.byref(told))
    return Setting(
        told.name.decode(),
        told.enumeration.decode() if told.enumeration else None,
        told.low,
        told.high,
        told.field.decode(),
        told.offset,
        told.size,
        told.is_set != 0,
    )


def _settings() -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    try:
        while True:
            setting = _setting(len(found))
            found[setting.name] = setting
    except UsageError:  # beyond the last
        return found


SETTINGS = _settings()


def _eval_options() -> type[_capi.EvalOptions]:
    """The record with the settings that lie behind what _capi declares."""
    more = [
        (setting.field, ctypes.c_int32 if setting.size == 4 else ctypes.c_uint64)
        for setting in sorted(SETTINGS.values(), key=lambda setting: setting.offset)
        if setting.offset >= ctypes.sizeof(_capi.EvalOptions)
    ]
    if not more:
        return _capi.EvalOptions
    # Not a subclass: ctypes would count its pointers and those of its base from the same number.
    fields = [*_capi.EvalOptions._fields_, *more]
    kind: Any = type("EvalOptions", (ctypes.Structure,), {"_fields_": fields})
    known, wider = ctypes.POINTER(_capi.EvalOptions), ctypes.POINTER(kind)
    for name in _capi.FUNCTIONS:
        function = getattr(lib, name)
        function.argtypes = [wider if type_ is known else type_ for type_ in function.argtypes]
    found: type[_capi.EvalOptions] = kind
    return found


EvalOptions = _eval_options()

for _known in SETTINGS.values():
    _place = getattr(EvalOptions, _known.field, None)
    if _place is None or (_place.offset, _place.size) != (_known.offset, _known.size):
        raise LibraryError(
            f"the setting {_known.name} of the library lies where this package cannot write it: "
            "one of the two is too old"
        )
