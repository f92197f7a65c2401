"""A torch module as a model. Torch is not imported: a module brings its own.

What a module is, its reader says (_modules.py); here it becomes arrays, and is compared.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from . import _check, _modules, _opening, _transforms
from ._library import lib
from .errors import MismatchError, UnsupportedError, UsageError
from .image import Preprocessing

if TYPE_CHECKING:
    from .model import Model

    ModelKind = TypeVar("ModelKind", bound=Model)

# Largest relative error of the outputs: rounding in float32, and in half types.
_ERROR = {"torch.float32": 1e-3, "torch.float64": 1e-3}
_ERROR_HALF = 0.1
_SHOWN_HOOKS = 3


def _unwrap(module: Any) -> Any:
    """The network inside of what trains, compiles or spreads it."""
    if not callable(getattr(module, "state_dict", None)) or not callable(getattr(module, "named_modules", None)):
        raise UsageError(f"from_torch takes a torch.nn.Module, not {_check.kind(module)}")
    while type(module).__name__ in ("DataParallel", "DistributedDataParallel", "OptimizedModule"):
        inner = "_orig_mod" if type(module).__name__ == "OptimizedModule" else "module"
        module = getattr(module, inner)
    return module


def _warn(module: Any, types: set[str]) -> None:
    """Says what of the module is no part of the model."""
    level = 4  # who called from_torch
    if module.training:
        warnings.warn("the module is in training mode: it is explained as in eval()", stacklevel=level)
    hooked = [
        name or "the module"
        for name, part in module.named_modules()
        if part._forward_hooks or part._forward_pre_hooks
    ]
    if hooked:
        shown = ", ".join(hooked[:_SHOWN_HOOKS]) + (" and more" if len(hooked) > _SHOWN_HOOKS else "")
        warnings.warn(f"forward hooks are no part of the model: {shown}", stacklevel=level)
    others = sorted(types - {"torch.float32"})
    if others:
        warnings.warn(f"weights of {', '.join(others)} are taken as float32", stacklevel=level)


def _array(name: str, tensor: Any) -> Any:
    if tensor.device.type == "meta":
        raise UsageError(f"from_torch: the module has no weights yet ({name} is on the device meta)")
    try:
        found = tensor.detach().cpu()
        return (found.float() if found.is_floating_point() else found).contiguous().numpy()
    except (TypeError, RuntimeError, NotImplementedError) as error:
        kind = type(tensor).__name__
        raise UnsupportedError(f"from_torch: {name} is a {kind} of {tensor.dtype}: {error}") from None


def _arrays(module: Any, prefix: str, renames: Any) -> tuple[dict[str, Any], set[str]]:
    """The module's tensors, and the types of its floats."""
    state = module.state_dict()
    if renames is not None:
        state = renames(module, state)
    types = {str(tensor.dtype) for tensor in state.values() if tensor.is_floating_point()}
    return {prefix + name: _array(name, tensor) for name, tensor in state.items()}, types


def _options(found: _modules.Found, given: Mapping[str, Any], transform: Any) -> _opening.Opening:
    """What the module states, and what the caller does, who decides."""
    options = {"config": found.config, **given}
    options["facts"] = {**found.facts, **(given.get("facts") or {})}
    if transform is not None:
        read = _transforms.read(transform)
        options["preprocessing" if isinstance(read, Preprocessing) else "preprocessor"] = read
    return _opening.Opening(**options)


def open_module(
    kind: type[ModelKind],
    module: Any,
    transform: Any,
    given: Mapping[str, Any],
    passes: int,
    check: int,
) -> ModelKind:
    """Model.from_torch."""
    inner = _unwrap(module)
    found = _modules.read(inner)
    arrays, types = _arrays(found.module, found.prefix, found.renames)
    _warn(inner, types)
    opening = _options(found, given, transform)
    passes = _check.whole("passes", passes, 1, _check.INT32_MAX)
    made = kind.__new__(kind)
    made._adopt(_opening.open_tensors(arrays, type(inner).__name__, opening), passes)
    if transform is None and opening.preprocessing is None and opening.preprocessor is None:
        _warn_of_guess(made)
    if check and given.get("head") is None:
        try:
            _compare(made, inner, types)
        except BaseException:
            made.close()
            raise
    return made


def _warn_of_guess(model: Model) -> None:
    with model._in_use() as pointer:
        origin = lib.vitlrp_model_preprocess_origin(pointer)
    if origin is None:
        message = "how photographs become inputs is a guess (model.preprocessing): say it with transform="
        warnings.warn(message, stacklevel=4)


# ---- Comparison


@contextlib.contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    """The module in eval() for the length of a block; afterwards each part is as it was."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _outputs(module: Any, values: Any) -> Iterator[Any]:
    """What may be the module's output: logits, an embedding, or one of what a class pools."""
    names = (name for name in ("get_image_features", "encode_image") if hasattr(module, name))
    found = getattr(module, next(names, "forward"))(values)
    several = found if isinstance(found, tuple) else (found,)  # with its tokens, of a tower that gives them too
    tensors = [one for one in several if callable(getattr(one, "numpy", None))]
    if tensors:
        yield from tensors
        return
    for name in ("logits", "image_embeds", "pooler_output"):
        if getattr(found, name, None) is not None:
            yield getattr(found, name)
    hidden = getattr(found, "last_hidden_state", None)
    if hidden is not None:
        yield hidden[:, 0]
        yield hidden.mean(1)


def _theirs(module: Any, values: Any, classes: int) -> list[Any]:
    import torch  # the module's own

    first = next(module.parameters())
    tensor = torch.from_numpy(values)[None].to(device=first.device, dtype=first.dtype)
    with torch.no_grad(), _evaluating(module):
        found = [one.float().cpu().numpy().reshape(-1) for one in _outputs(module, tensor)]
    return [one for one in found if one.shape == (classes,)]


def _compare(model: Model, module: Any, types: set[str]) -> None:
    """MismatchError if the module computes something else."""
    info, channels = model.info, model.preprocessing.channels
    random = np.random.default_rng(0)
    shape = (channels, info.image_height, info.image_width)
    values = random.standard_normal(shape, np.float32)
    try:
        theirs = _theirs(module, values, info.classes)
    except Exception as error:
        raise MismatchError(
            f"from_torch: the module cannot be compared with the model, as it fails for an input of "
            f"{info.image_width} x {info.image_height} pixels ({type(error).__name__}: "
            f"{str(error)[:200]}); check=False does without"
        ) from None
    if not theirs:
        raise MismatchError(
            f"from_torch: the module has no output of {info.classes} numbers to compare the model with; "
            "check=False does without"
        )
    ours = model._forward(values)
    largest = max((_ERROR.get(one, _ERROR_HALF) for one in types), default=0.0)
    errors = [float(np.linalg.norm(ours - one) / max(float(np.linalg.norm(one)), 1e-30)) for one in theirs]
    if not min(errors) <= largest:
        raise MismatchError(
            f"from_torch: the module computes something else than what was read from it: its output for a "
            f"random input differs by {100 * min(errors):.2g} %. A part of it was changed in a way that does "
            "not show, or it is not supported"
        )
