"""What explain returns: the map, what it explains, and pictures of it."""

from __future__ import annotations

import base64
import ctypes
import dataclasses
import html
import io
import math
import os
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from . import _capi, _check, _figure
from . import image as _image
from ._files import write_atomic
from ._library import call, lib, new_record, take_bytes, version, words
from .errors import UsageError
from .method import GAMMAS, describe

_CAPTION_SIZE = 1024  # VITLRP_CAPTION_SIZE
_CELL_SIDE = 400  # of a picture in a notebook, in pixels
_MOST_RELEVANCE = 1e30  # that can be drawn
_FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".svg": "svg", ".pdf": "pdf"}
_FIGURES = ("svg", "pdf")


@dataclasses.dataclass(frozen=True)
class Class:
    """One class of a model."""

    output: int  # position in the logits
    index: int  # the number that users know it by, ImageNet's for the built-in model
    wnid: str  # WordNet id, "" if unknown
    label: str  # "" if unknown

    def __str__(self) -> str:
        if self.index < 0:
            return self.label
        return f"{self.label} ({self.index})" if self.label else f"class {self.index}"


# What versus="others" stands for: all other classes, by their probability.
OTHERS = Class(output=-1, index=-1, wnid="", label="the others")


def others_of(logits: _check.Floats, target: int) -> dict[int, float]:
    """Of each other output its share in their softmax."""
    others = [output for output in range(len(logits)) if output != target]
    most = max(float(logits[output]) for output in others)
    shares = {output: math.exp(float(logits[output]) - most) for output in others}
    total = 0.0
    for share in shares.values():  # as the command adds them up
        total += share
    return {output: share / total for output, share in shares.items()}


@dataclasses.dataclass(frozen=True)
class Prediction(Class):
    """A class with the model's logit and probability."""

    logit: float
    probability: float | None  # 0 to 1; None where outputs are no probabilities


class LedgerEntry(NamedTuple):
    """Relevance absorbed by one kind of operation: what enters it less what leaves it."""

    block: int | None  # None outside the blocks, as in the command's JSON
    kind: str  # "head", "norm", "fc2", "fc1", "norm2", "proj", "softmax", "qkv", ...
    absorbed: float  # in units of the logit


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """A map of relevance: red, positive values speak for what is explained, blue ones against it.

    Plain data: it needs no model any more, can be pickled, and belongs to no thread.
    """

    heatmap: _check.Floats  # float32 (height, width), or (rows, columns) of patches
    pixels: _check.Floats | None  # (channels, height, width); None at level "patch"
    logits: _check.Floats  # float32 (classes,)
    target: Class
    versus: Class | None  # the class that it is contrasted with; output -1: all others
    top: tuple[Prediction, ...]  # the most likely classes, best first
    probability: float | None  # of target, 0 to 1; None where outputs are no probabilities
    versus_probability: float | None  # of versus, likewise
    explained: float  # logit of target, less that of versus (of all others: their mean)
    relevance_sum: float  # of the map; explained = relevance_sum + all absorbed, up to rounding
    ledger: tuple[LedgerEntry, ...] | None  # from the output to the input; None if there is none
    method: str
    unit: str  # of the map's values: "logit", "output" or "score"
    model: str  # its name
    parameters: dict[str, Any]  # that the method was run with, and the precision
    photo: _check.Pixels | None  # uint8 (height, width, 3), upright, read-only; None: not kept
    geometry: _image.Geometry  # where the map lies on it
    hidden: int = 0  # outputs at the end that are no class to predict: a text to contrast with

    @property
    def logit(self) -> float:
        """Of target."""
        return float(self.logits[self.target.output])

    def picture(
        self,
        style: str = "overlay",
        cmap: str = "auto",
        *,
        upsample: str = "bicubic",
        opacity: float | None = None,
        scale: float | Sequence[Explanation] | None = None,
        range: tuple[float, float] | None = None,
        underlay: str = "grey",
        contours: int = 0,
        top_percent: float | None = None,
        top_as: str = "mask",
        caption: bool = False,
        photo: _image.ImageLike | None = None,
    ) -> _check.Pixels:
        """The picture as uint8 (height, width, 3), in the coordinates of the photograph.

        style     "overlay", "heat" or "panel" (photograph, map, overlay, colour bar, caption)
        cmap      "auto" (by the method's kind: "bwr" or "viridis"); with zero in the middle "bwr",
                  "seismic", "coldnhot", "coolwarm", "RdBu", "PuOr"; "viridis", "cividis", "inferno",
                  "magma", "gray"; "turbo", "jet"
        upsample  "nearest", "bilinear" or "bicubic"
        opacity   of the overlay, 0 to 1; None: follows the strength of the relevance
        scale     the value of the map that gets the full colour; None: its largest; a list of
                  explanations: the largest of them all, for pictures that are compared
        range     the values of the first and the last colour, in the place of scale
        underlay  of the overlay: the photograph in "grey" or "colour", or "none"
        contours  lines between the colours, 0 to 9 of each sign
        top_percent, top_as  in the place of the map, the part of the photograph with the largest
                  values, in per cent: the rest dark ("mask") or blurred ("blur"), or a "box"
        caption   below overlay and panel: class, method, model; with the overlay, the colours too
        photo     the photograph, of an explanation that did not keep it (keep_photo=False)
        """
        data = self.encode(
            "png",
            style=style,
            cmap=cmap,
            upsample=upsample,
            opacity=opacity,
            scale=scale,
            range=range,
            underlay=underlay,
            contours=contours,
            top_percent=top_percent,
            top_as=top_as,
            caption=caption,
            photo=photo,
        )
        return _pixels_of_file(data)

    def encode(
        self,
        format: str = "png",
        *,
        style: str = "overlay",
        cmap: str = "auto",
        upsample: str = "bicubic",
        opacity: float | None = None,
        scale: float | Sequence[Explanation] | None = None,
        range: tuple[float, float] | None = None,
        underlay: str = "grey",
        contours: int = 0,
        top_percent: float | None = None,
        top_as: str = "mask",
        caption: bool = True,
        photo: _image.ImageLike | None = None,
    ) -> bytes:
        """The picture as the bytes of a "png", "jpeg", "svg" or "pdf" file; the rest as of picture().

        In "svg" and "pdf" the caption is text. "pdf" needs matplotlib.
        """
        options = new_record(_capi.RenderOptions, lib.vitlrp_render_options_init_sized)
        options.style = _check.choice("style", style, "style")
        options.colormap = _check.text("cmap", cmap)
        options.upsample = _check.choice("upsample", upsample, "upsample")
        options.format = _check.choice("format", "svg" if format == "pdf" else format, "picture_format")
        options.underlay = _check.choice("underlay", underlay, "underlay")
        options.contours = _check.whole("contours", contours, 0, 9)
        options.top_as = _check.choice("top_as", top_as, "top_as")
        if top_percent is not None:
            smallest = float(np.finfo(np.float32).tiny)
            options.top_percent = _check.real("top_percent", top_percent, smallest, 100.0)
        words_below = self._caption(options.top_percent)
        options.caption = words_below.encode(errors="replace") if caption else None
        options.comment = self._comment().encode(errors="replace")
        options.kind = _check.choice("kind", describe(self.method).kind, "map_kind")
        options.unit = _check.text("unit", self.unit)
        self._warn_of_colors(options)
        if opacity is not None:
            options.opacity = _check.real("opacity", opacity, 0.0, 1.0)
        if scale is not None and range is not None:
            raise UsageError("scale and range: give one of them")
        if range is not None:
            options.range_low, options.range_high = _range(range)
        elif isinstance(scale, (list, tuple)):
            _share_scale(scale, options)
        elif scale is not None:
            smallest = float(np.finfo(np.float32).tiny)
            options.scale = _check.real("scale", scale, smallest, _check.FLOAT32_MAX)
        if format in _FIGURES and style == "panel":
            raise UsageError(f"style panel has no .{format} (vitlrp compare writes figures of several pictures)")
        drawn = self._render(options, self._photo(photo))
        return _figure.pdf(drawn, self._comment(), _pixels_of_file) if format == "pdf" else drawn

    def save(
        self, path: _check.StrPath, style: str = "overlay", cmap: str = "auto", **look: Any
    ) -> None:
        """Writes the picture as .png, .jpg, .svg or .pdf, or the map as .npy; the file appears whole.

        `look` is the rest of encode(). OSError if it cannot be written.
        """
        ending = os.path.splitext(os.fsdecode(_check.path("path", path)))[1].lower()
        if ending == ".npy":
            buffer = io.BytesIO()
            np.save(buffer, self.heatmap)
            data = buffer.getvalue()
        elif ending in _FORMATS:
            data = self.encode(_FORMATS[ending], style=style, cmap=cmap, **look)
        else:
            known = ".png, .jpg, .svg, .pdf or .npy"
            raise UsageError(f"{path}: the picture's name must end in {known}{_hint(ending)}")
        write_atomic(path, data)

    def _warn_of_colors(self, options: _capi.RenderOptions) -> None:
        """Colours that say what the map does not."""
        kind = ctypes.c_int()
        name = options.colormap.decode()
        if name == "auto":
            return
        call(lib.vitlrp_colormap_describe, options.colormap, ctypes.byref(kind))
        if words("colormap_kind")[kind.value] == "rainbow":
            message = f"{name}: a rainbow shows edges where the map has none"
            warnings.warn(message, stacklevel=3)
        elif words("colormap_kind")[kind.value] != "diverging" and (
            words("map_kind")[options.kind] == "signed"
        ):
            message = f"{name} does not tell the signs apart: bwr, RdBu and PuOr do"
            warnings.warn(message, stacklevel=3)

    @property
    def caption(self) -> str:
        """What a picture says of itself: class, method and model, how much the map holds."""
        return self._caption(0.0)

    def _caption(self, percent: float) -> str:
        """Likewise of a picture of a part of the photograph."""
        told = new_record(_capi.Caption, lib.vitlrp_caption_init_sized)
        told.target = self._likely(self.target, self.probability)
        if self.versus is not None:
            told.versus = self._likely(self.versus, self.versus_probability)
            told.has_versus = 1
        of_logits = self.unit == "logit" and "score" in self.parameters
        whole = "sum of logits" if of_logits else self.unit
        told.model, told.method, told.unit = (
            text.replace("\0", " ").encode(errors="replace") for text in (self.model, self.method, whole)
        )
        told.has_sums = int(self.ledger is not None)
        told.explained, told.sum, told.top_percent = self.explained, self.relevance_sum, percent
        text = ctypes.create_string_buffer(_CAPTION_SIZE)
        call(lib.vitlrp_caption_compose, ctypes.byref(told), text, _CAPTION_SIZE)
        return text.value.decode(errors="replace")

    def _likely(self, found: Class, likely: float | None) -> _capi.Likely:
        """The class with what the model says of it."""
        label = found.label.replace("\0", " ").encode(errors="replace")
        told = _capi.Class(found.output, found.index, b"", label)
        return _capi.Likely(told, self._logit_of(found), math.nan if likely is None else likely)

    def _logit_of(self, found: Class) -> float:
        """Of all others, the mean by their shares."""
        if found.output >= 0:
            return float(self.logits[found.output])
        shown = self.logits[: len(self.logits) - self.hidden]
        shares = others_of(shown, self.target.output)
        return sum(share * float(shown[output]) for output, share in shares.items())

    def _comment(self) -> str:
        """What a picture's file says about itself: program, class, method and its parameters."""
        versus = ""
        if self.versus is not None:
            versus = f" versus {self.versus.index if self.versus.index >= 0 else 'others'}"
        rules = _parameters_text(self.parameters)
        return f"vitlrp {version()}; class {self.target.index}{versus}; {self.method}{rules}"

    def _photo(self, given: _image.ImageLike | None) -> _check.Pixels:
        """To draw on."""
        found = self.photo if given is None else _image.read_photo(given)
        if found is None:
            raise UsageError("the photograph was not kept: give it as photo=")
        return found

    def _render(self, options: _capi.RenderOptions, photo: _check.Pixels) -> bytes:
        values = _check.map_of_floats("heatmap", self.heatmap)
        drawn = _capi.Map(_check.floats(values), *values.shape, ctypes.pointer(self.geometry._record()))
        data, size = ctypes.POINTER(ctypes.c_ubyte)(), ctypes.c_size_t()
        image = _image.image_of_pixels("photo", photo)
        try:
            call(
                lib.vitlrp_render,
                image.pointer,
                ctypes.byref(drawn),
                ctypes.byref(options),
                ctypes.byref(data),
                ctypes.byref(size),
            )
        finally:
            image.close()
        return take_bytes(data, size.value)

    def plot(self, ax: Any = None, *, style: str = "overlay", **look: Any) -> Any:
        """Draws the picture into axes of matplotlib (None: the current ones), which it returns.

        `look` is the rest of picture(). The title is the class with its probability.
        """
        if ax is None:
            import matplotlib.pyplot

            ax = matplotlib.pyplot.gca()
        ax.imshow(self.picture(style, **look))
        ax.set_axis_off()
        ax.set_title(self.caption.partition("\n")[0])
        return ax

    def to_dataframe(self, what: str = "map") -> Any:
        """A DataFrame of pandas: of the "map", with a row for each value and the part of the
        photograph that it stands for, in pixels; of the "ledger"; or of the "top" classes."""
        import pandas

        if what == "map":
            return pandas.DataFrame(self._cells())
        if what == "ledger":
            return pandas.DataFrame(self.ledger or (), columns=list(LedgerEntry._fields))
        if what == "top":
            return pandas.DataFrame([dataclasses.asdict(one) for one in self.top])
        raise UsageError(f'what must be "map", "ledger" or "top", not {_check.shown(what)}')

    def _cells(self) -> dict[str, _check.Array]:
        """The map as columns of a table, by rows."""
        rows, columns = self.heatmap.shape
        row, column = (place.ravel() for place in np.indices((rows, columns)))
        place = self.geometry
        high, wide = place.height / rows, place.width / columns
        return {
            "row": row,
            "column": column,
            "relevance": self.heatmap.ravel(),
            "left": place.left + wide * column,
            "top": place.top + high * row,
            "right": place.left + wide * (column + 1),
            "bottom": place.top + high * (row + 1),
        }

    def _smaller(self) -> Explanation:
        """The same on a photograph of at most _CELL_SIDE pixels a side, for notebooks."""
        photo = _check.photograph("photo", self.photo)
        height, width, _ = photo.shape
        step = -(-max(height, width) // _CELL_SIDE)
        if step <= 1 or min(height, width) < step:
            return self
        kept = photo[: height // step * step, : width // step * step]
        blocks = kept.reshape(height // step, step, width // step, step, 3)
        smaller = np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)
        place = self.geometry
        geometry = dataclasses.replace(
            place,
            image_width=width // step,
            image_height=height // step,
            left=place.left / step,
            top=place.top / step,
            width=place.width / step,
            height=place.height / step,
        )
        return dataclasses.replace(self, photo=smaller, geometry=geometry)

    def _repr_html_(self) -> str:
        """A notebook's cell: a small picture, whatever the size of the photograph."""
        lines = "<br>".join(html.escape(line) for line in self.caption.split("\n"))
        if self.photo is None:
            return f"<div>{lines}</div>"
        data = base64.b64encode(self._smaller().encode("jpeg", caption=False)).decode()
        alt = html.escape(self.caption.partition("\n")[0], quote=True)
        return f'<figure><img alt="{alt}" src="data:image/jpeg;base64,{data}"><figcaption>{lines}</figcaption></figure>'

    def __repr__(self) -> str:
        rows, columns = self.heatmap.shape
        title = self.caption.partition("\n")[0]
        return f"<Explanation: {title}  {self.method}, map of {rows} x {columns}>"


def _pixels_of_file(data: bytes) -> _check.Pixels:
    """Of a picture that this module has drawn, whatever its size."""
    options = new_record(_capi.ImageOptions, lib.vitlrp_image_options_init_sized)
    limits = options.limits
    limits.max_side = _check.INT32_MAX
    limits.max_pixels = limits.max_whole_pixels = 2**63 - 1
    limits.max_file_bytes = len(data)
    image = _image.handle_of(lib.vitlrp_image_open_memory, data, len(data), ctypes.byref(options))
    try:
        return _image.pixels_of_image(image)
    finally:
        image.close()


def _hint(ending: str) -> str:
    """What writes the pictures that the package does not."""
    if ending in (".html", ".apng"):
        return f"; {ending} is written by the command (vitlrp IMAGE -o NAME{ending})"
    return ""


def _share_scale(explanations: Sequence[Any], options: _capi.RenderOptions) -> None:
    """One scale for all of them, by the kind of the map that is drawn."""
    if not explanations or not all(isinstance(one, Explanation) for one in explanations):
        raise UsageError("scale must be a number or a list of explanations")
    maps = [_check.map_of_floats("heatmap", one.heatmap) for one in explanations]
    low = min(float(one.min()) for one in maps)
    high = max(float(one.max()) for one in maps)
    if words("map_kind")[options.kind] != "signed":
        options.range_low, options.range_high = _range((low, high)) if low < high else (0.0, 0.0)
    else:
        options.scale = max(abs(low), abs(high))


def _range(value: Any) -> tuple[float, float]:
    """Two rising numbers."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise UsageError(f"range must be two numbers, not {_check.shown(value)}")
    low, high = (_check.real("range", part, -_MOST_RELEVANCE, _MOST_RELEVANCE) for part in value)
    if not low < high:
        raise UsageError(f"range must be two rising numbers, not {_check.shown(value)}")
    return low, high


def _parameters_text(parameters: dict[str, Any]) -> str:
    """The parameters as the command writes them into its pictures."""
    parts = []
    if "epsilon" in parameters:
        gammas = " ".join(f"{name[6:]} {parameters[name]:g}" for name in GAMMAS)
        if "attention_share" in parameters:
            parts.append(f"attention share {parameters['attention_share']:g}")
        parts += [f"gamma {gammas}", f"epsilon {parameters['epsilon']:g}"]
    if "head_fusion" in parameters:
        parts += [
            f"{parameters['head_fusion']} of heads",
            f"discard ratio {parameters['discard_ratio']:g}",
        ]
    if "score" in parameters:
        parts.append(f"score {parameters['score']}")
    if "masks" in parameters:
        parts.append("two halves")
    if "samples" in parameters:
        parts.append(f"{parameters['samples']} samples")
    if "noise" in parameters:
        parts.append(f"noise {parameters['noise']:g}")
    if "seed" in parameters:
        parts.append(f"seed {parameters['seed']}")
    return "".join(f", {part}" for part in parts)


@dataclasses.dataclass(frozen=True, eq=False)
class EditedExplanation:
    """One class of an image, before hidden units of the model are edited and after that."""

    before: Explanation
    after: Explanation

    @property
    def difference(self) -> _check.Floats:
        """What changed in the map: after less before."""
        found: _check.Floats = self.after.heatmap - self.before.heatmap
        return found

    @property
    def changed(self) -> bool:
        """True if another class is the likeliest one now."""
        return self.after.top[0].output != self.before.top[0].output

    def __str__(self) -> str:
        logits = (float(one.logits[one.target.output]) for one in (self.before, self.after))
        return f"{self.before.target}: logit " + " -> ".join(f"{logit:.4g}" for logit in logits)
