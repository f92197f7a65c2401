"""How photographs become inputs, read from the objects that other libraries do it with. None of them
is imported: an object is known by its class's name."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import _check
from .errors import UnsupportedError, UsageError
from .image import Preprocessing

_NO_RESIZE = Preprocessing("none", 0, "bilinear", 0, 0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

# Steps that change no pixel of a photograph, or only its type.
_PLAIN = (
    "ToTensor", "PILToTensor", "ToImage", "ToPILImage", "ConvertImageDtype", "ToDtype", "MaybeToTensor",
    "MaybePILToTensor", "RGB", "_convert_image_to_rgb", "_convert_to_rgb", "convert_to_rgb", "ToRGB",
)  # fmt: skip

# Of these, what divides by 255.
_SCALING = ("ToTensor", "ConvertImageDtype", "ToDtype", "MaybeToTensor")


def _sides(name: str, size: Any) -> tuple[int, ...]:
    sides = tuple(size) if isinstance(size, Sequence) else (size,)
    if len(sides) not in (1, 2):
        raise UnsupportedError(f"transform: a size of {name} is {_check.shown(size)}")
    return tuple(_check.whole(f"the size of {name}", side, 1, 65536) for side in sides)


def _interpolation(step: Any) -> str:
    found = getattr(step, "interpolation", "bilinear")
    return str(getattr(found, "value", found)).lower()


def _resize(step: Any, size: Any, old: Preprocessing) -> Preprocessing:
    if getattr(step, "antialias", True) is False or getattr(step, "max_size", None) is not None:
        raise UnsupportedError("transform: a resize without antialias, or with max_size, is not supported")
    sides = _sides("Resize", size)
    new = dataclasses.replace(old, resize_to=sides[0], interpolation=_interpolation(step))
    if len(sides) == 1:
        return dataclasses.replace(new, resize="short")
    return dataclasses.replace(new, resize="squash", resize_width=sides[1] if sides[1] != sides[0] else 0)


def _crop(size: Any, old: Preprocessing) -> Preprocessing:
    sides = _sides("CenterCrop", size)
    return dataclasses.replace(old, crop_height=sides[0], crop_width=sides[-1])


def _three(values: Any) -> tuple[float, float, float]:
    """Of a tensor, a list or a number for all."""
    listed = values.flatten().tolist() if callable(getattr(values, "flatten", None)) else values
    listed = list(listed) if isinstance(listed, Sequence) else [listed]
    red, green, blue = listed * 3 if len(listed) == 1 else listed
    return float(red), float(green), float(blue)


def _normalise(step: Any, old: Preprocessing) -> Preprocessing:
    return dataclasses.replace(old, mean=_three(step.mean), std=_three(step.std))


_STEPS: dict[str, tuple[int, Callable[[Any, Preprocessing], Preprocessing]]] = {
    "Resize": (0, lambda step, old: _resize(step, step.size, old)),
    "CenterCrop": (1, lambda step, old: _crop(step.size, old)),
    "Normalize": (2, _normalise),
}


def _listed(transform: Any) -> Sequence[Any] | None:
    """The steps of a Compose, or of a torch.nn.Sequential."""
    steps = getattr(transform, "transforms", None)
    if isinstance(steps, (list, tuple)):
        return steps
    return list(transform) if type(transform).__name__ == "Sequential" else None


def _is_scaled(name: str, step: Any, scaled: bool) -> bool:
    """Whether values go from 0 to 1 after the step. UnsupportedError for floats up to 255."""
    if name != "ToDtype" or getattr(step, "scale", False):
        return scaled or name in _SCALING
    kinds = step.dtype.values() if isinstance(step.dtype, Mapping) else (step.dtype,)
    if not scaled and any(getattr(kind, "is_floating_point", True) for kind in kinds):
        raise UnsupportedError(
            "transform: ToDtype without scale=True leaves values from 0 to 255, which is not supported; give it "
            "scale=True, with mean and std of values from 0 to 1, or a vitlrp.Preprocessing"
        )
    return scaled


def _compose(steps: Sequence[Any]) -> Preprocessing:
    found, last, scaled = _NO_RESIZE, -1, False
    for step in steps:
        name = getattr(step, "__name__", type(step).__name__)
        scaled = _is_scaled(name, step, scaled)
        if name in _PLAIN:
            continue
        if name not in _STEPS:
            raise UnsupportedError(
                f"transform: the step {_check.shown(name)} is not known; give a vitlrp.Preprocessing"
            )
        place, apply = _STEPS[name]
        if place <= last:
            raise UnsupportedError("transform: the order must be Resize, CenterCrop, Normalize, each at most once")
        found, last = apply(step, found), place
    return found


def read(transform: Any) -> Preprocessing | str:
    """As this package has it, or an image processor of transformers as the text of its file."""
    if isinstance(transform, Preprocessing):
        return transform
    steps = _listed(transform)
    if steps is not None:
        return _compose(steps)
    if all(hasattr(transform, name) for name in ("crop_size", "resize_size", "mean", "std")):
        resized = _resize(transform, transform.resize_size, _NO_RESIZE)
        return _normalise(transform, _crop(transform.crop_size, resized))
    to_json = getattr(transform, "to_json_string", None)
    if callable(to_json):
        text = to_json()
        json.loads(text)
        return str(text)
    raise UsageError(
        f"transform must be one of torchvision's or timm's, an image processor or a vitlrp.Preprocessing, not "
        f"{_check.kind(transform)}"
    )
