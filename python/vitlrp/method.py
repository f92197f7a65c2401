"""The methods that can explain, and their parameters."""

from __future__ import annotations

import ctypes
import dataclasses
import inspect
import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypedDict, cast

from . import _capi, _check
from ._library import call, lib, new_record, words
from .errors import FormatError, MismatchError, UsageError

GAMMAS = tuple(f"gamma_{role}" for role in words("role"))
_LINEAR = ("gamma_fc1", "gamma_fc2", "gamma_head")
_SETTINGS_FORMAT = "vitlrp settings 1"


class RuleParameters(TypedDict, total=False):
    """Rule parameters that override a method's own; a gamma is 0 or more, or inf."""

    gamma_conv: float  # patch embedding
    gamma_linear: float  # fc1, fc2 and head together; the gamma of a single layer overrides it
    gamma_qkv: float
    gamma_proj: float
    gamma_fc1: float
    gamma_fc2: float
    gamma_head: float
    epsilon: float  # stabiliser of the layers whose gamma is 0
    attention_share: float  # what attention weights get: 0, as CP-LRP, 0.5, as AttnLRP, to 1


class Parameters(RuleParameters, total=False):
    """All parameters of methods. Method.parameters lists those that a method reads."""

    head_fusion: str  # "mean", "max", "min" of the attention heads
    discard_ratio: float  # share of the smallest attention entries left out, below 1
    samples: int
    noise: float  # standard deviation as a share of the input's range
    seed: int
    score: str  # what of a class is explained: "logit", "log-odds" or "contrast"
    masks: str  # of attnlrp-masked's copies: "random" or, two of them, "halves"


_READS = {
    "rules": (*GAMMAS, "gamma_linear", "epsilon", "attention_share"),
    "head_fusion": ("head_fusion", "discard_ratio"),
    "samples": ("samples",),
    "noise": ("noise",),
    "seed": ("seed",),
    "score": ("score",),
    "masks": ("masks",),
}
_WORDS = ("head_fusion", "score", "masks")
_RULES = words("attention_rule")


@dataclasses.dataclass(frozen=True)
class Method:
    """One method of the table."""

    name: str
    summary: str  # one line, with its reference
    has_pixels: bool  # False: a map of patches only
    has_ledger: bool  # True: it shows where relevance was absorbed
    ignores_class: bool  # True: the same map for every class
    kind: str  # of its maps: "signed" or "unsigned"
    unit: str  # of their values: "logit" or "score"
    parameters: tuple[str, ...]  # of Parameters, those that it reads
    relevance: str | None = None  # the method whose relevance is a part of its maps


def describe(name: str) -> Method:
    """The method of that name; UsageError for another, with the one that was meant or with all."""
    info = new_record(_capi.MethodInfo, lib.vitlrp_method_info_init_sized)
    call(lib.vitlrp_method_describe, _check.text("method", name), ctypes.byref(info))
    read = [_READS[kind] for kind, flag in _capi.METHOD_READS.items() if info.reads & flag]
    return Method(
        name,
        info.summary.decode(),
        bool(info.has_pixels),
        bool(info.has_ledger),
        bool(info.ignores_class),
        words("map_kind")[info.kind],
        info.unit.decode(),
        tuple(parameter for group in read for parameter in group),
        info.relevance.decode() if info.relevance else None,
    )


def methods() -> dict[str, Method]:
    """All methods by name, "attnlrp" first."""
    count = lib.vitlrp_method_count()
    return {
        name: describe(name) for name in (lib.vitlrp_method_name(i).decode() for i in range(count))
    }


def rule_values(changes: Mapping[str, Any]) -> dict[str, float]:
    """Rule parameters by the names of the library's fields, gamma_linear spread out."""
    values = {}
    for name in ("gamma_linear", *GAMMAS):
        if changes.get(name) is not None:
            gamma = _check.real(name, changes[name], 0.0, _check.FLOAT32_MAX, infinite=True)
            values.update(dict.fromkeys(_LINEAR if name == "gamma_linear" else (name,), gamma))
    if changes.get("epsilon") is not None:
        values["epsilon"] = _check.real("epsilon", changes["epsilon"], 0.0, _check.FLOAT32_MAX)
    if changes.get("attention_share") is not None:
        values["attention_share"] = _check.real("attention_share", changes["attention_share"], 0.0, 1.0)
    return values


def set_rules(rules: _capi.Rules | _capi.RuleChanges, values: Mapping[str, float]) -> None:
    """Puts what rule_values gave into a record."""
    for name, number in values.items():
        if name == "epsilon":
            rules.epsilon = number
        elif name == "attention_share":
            rules.attention_share = number
            if isinstance(rules, _capi.Rules):
                rule = {0.0: "cp", 0.5: "attnlrp"}.get(rules.attention_share, "share")
                rules.attention = _RULES.index(rule)
        else:
            rules.gamma[GAMMAS.index(name)] = number


def _set(options: _capi.MethodOptions, name: str, value: Any) -> None:
    if name in _WORDS:
        setattr(options, name, _check.choice(name, value, name))
    elif name == "samples":
        options.samples = _check.whole(name, value, 1, 1000000)
    elif name == "seed":
        options.seed = _check.whole(name, value, 0, 2**64 - 1)
    elif name == "discard_ratio":
        options.discard_ratio = _check.real(name, value, 0.0, math.nextafter(1.0, 0.0))
    else:
        options.noise = _check.real(name, value, 0.0, 1000.0)


def check_keywords(function: Callable[..., Any], given: Iterable[str]) -> None:
    """TypeError for a keyword that is neither the function's own nor a parameter of methods."""
    own = inspect.signature(function).parameters.values()
    names = (parameter.name for parameter in own if parameter.kind is parameter.KEYWORD_ONLY)
    _check.keywords(function.__name__, given, (*names, *Parameters.__annotations__))


def method_options(method: Method, changes: Mapping[str, Any]) -> _capi.MethodOptions:
    """The method's defaults with the changes over them, by names of Parameters; None leaves a default."""
    init = lib.vitlrp_method_options_init_sized
    options = new_record(_capi.MethodOptions, init, method.name.encode())
    for name, value in changes.items():
        if value is not None and name not in method.parameters:
            raise UsageError(
                f"{name} is not a parameter of the method {method.name}, which reads "
                f"{', '.join(method.parameters) or 'none'}"
            )
        if value is not None and name not in _READS["rules"]:
            _set(options, name, value)
    set_rules(options.rules, rule_values(changes))
    if _halves(options) and changes.get("samples") is not None:
        raise UsageError("samples: masks of halves are always two copies")
    return options


def _halves(options: _capi.MethodOptions) -> bool:
    return bool(words("masks")[options.masks] == "halves")


def values_of_rules(method: str, rules: _capi.Rules) -> dict[str, float]:
    """A record's gammas and epsilon, and its attention share where that is not the method's own, by
    the names of RuleParameters."""
    own = new_record(_capi.MethodOptions, lib.vitlrp_method_options_init_sized, method.encode()).rules
    found = {name: _check.shortest(rules.gamma[place]) for place, name in enumerate(GAMMAS)}
    found["epsilon"] = _check.shortest(rules.epsilon)
    if rules.attention != own.attention:
        shares = {"cp": 0.0, "attnlrp": 0.5, "share": _check.shortest(rules.attention_share)}
        found["attention_share"] = shares[_RULES[rules.attention]]
    return found


def parameters_in_use(method: Method, options: _capi.MethodOptions) -> dict[str, Any]:
    """What the method was run with, by the names of Parameters: a share, score or masks only where
    they are not the usual ones, as in the command's records."""
    values: dict[str, Any] = {}
    rules = values_of_rules(method.name, options.rules)
    for name in method.parameters:
        if name in _READS["rules"]:
            values.update({name: rules[name]} if name in rules else {})
        elif name == "head_fusion":
            values[name] = words(name)[options.head_fusion]
        elif name in _WORDS:
            number = getattr(options, name)
            values.update({name: words(name)[number]} if number else {})
        elif name != "samples" or not ("masks" in method.parameters and _halves(options)):
            values[name] = getattr(options, name)
    return values


def read_settings(path: _check.StrPath) -> RuleParameters:
    """Gammas, epsilon and attention share from a file that `vitlrp tune` wrote: model.explain(image, **settings)."""
    with open(_check.path("path", path), encoding="utf-8") as file:
        try:
            settings = json.load(file)
        except (ValueError, RecursionError) as error:
            raise FormatError(f"{path}: {error}") from None
    if not isinstance(settings, dict) or settings.get("format") != _SETTINGS_FORMAT:
        raise FormatError(f"{path}: not a settings file of vitlrp tune")
    known = (*GAMMAS, "epsilon", "attention_share")
    found: Any = {name: settings[name] for name in known if name in settings}
    for name, value in found.items():
        number = math.inf if value == "inf" and name in GAMMAS else value
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not number >= 0:
            raise MismatchError(f'{path}: "{name}" must be a number from 0, or "inf" for a gamma')
        if name == "attention_share" and number > 1:
            raise MismatchError(f'{path}: "attention_share" must be a number from 0 to 1')
        try:
            found[name] = float(number)
        except OverflowError:
            raise MismatchError(f'{path}: "{name}" is too large') from None
    return cast(RuleParameters, found)
