"""The picture of one explanation with its caption as text: SVG by this module, the same bytes as the
command's, and PDF by matplotlib, where that is installed."""

from __future__ import annotations

import base64
import dataclasses
import html
import io
import math
import re
from collections.abc import Callable
from typing import Any, Union

import numpy as np

from . import _capi, _check
from . import image as _image
from ._library import version, words
from .errors import UnsupportedError

# Points of 1/72 inch, as in src/cli/figure_single.c and figure_map.c, whose layout this is.
_SIDE = 360.0
_MARGIN = 10.0
_WIDTH_MIN = 240.0
_BAR_WIDTH = 150.0
_BAR_HEIGHT = 27.0
_BAR_THICKNESS = 6.0
_TITLE_SIZE = 11.0
_TEXT_SIZE = 9.0
_LABEL_SIZE = 7.0
_LINE = 1.45
_PIXELS = 2  # of the photograph and the map, for each point
_BAR_COLORS = 128
_TEXT_COLOR = 0x222222
_FAINT_COLOR = 0x666666
_FRAME_COLOR = 0xB0B0B0
_ANCHORS = {"start": "left", "middle": "center", "end": "right"}

# About how wide the printable ASCII characters of a sans serif are, in hundredths of the size.
_WIDTHS = (
    32, 40, 46, 84, 64, 95, 78, 28, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 78, 75, 30, 30, 66, 56, 86, 75, 79,
    60, 79, 69, 64, 61, 73, 68, 99, 69, 61, 69, 39, 34, 39, 84, 50, 50, 61, 64, 55, 64, 62, 35, 64,
    63, 28, 28, 58, 28, 97, 63, 61, 64, 64, 41, 52, 39, 63, 59, 82, 59, 59, 53, 64, 34, 64, 84,
)  # fmt: skip

# As is_hostile of src/base/text.c.
_HOSTILE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]"
)

Render = Callable[[_capi.RenderOptions, _check.Pixels, _image.Geometry, _check.Floats], bytes]


@dataclasses.dataclass(frozen=True)
class Drawn:
    """An area of one colour, or a picture: the bytes of a PNG file."""

    x: float
    y: float
    width: float
    height: float
    content: Union[int, bytes]


@dataclasses.dataclass(frozen=True)
class Words:
    """One line of text; what is wider than `width` loses its end."""

    x: float
    baseline: float
    size: float
    width: float
    text: str
    color: int = _TEXT_COLOR
    anchor: str = "start"
    is_bold: bool = False


@dataclasses.dataclass
class Figure:
    """Later items lie over earlier ones."""

    width: float
    height: float = 0.0
    items: list[Union[Drawn, Words]] = dataclasses.field(default_factory=list)

    def add_framed(self, x: float, y: float, width: float, height: float, png: bytes) -> None:
        line = 0.5
        self.items.append(
            Drawn(x - line, y - line, width + 2.0 * line, height + 2.0 * line, _FRAME_COLOR)
        )
        self.items.append(Drawn(x, y, width, height, png))


# ---- Layout ----


def _rounded(value: float) -> int:
    """As C's round does it."""
    return max(1, math.floor(value + 0.5))


def _scaled(place: _image.Geometry, width: int, height: int) -> _image.Geometry:
    across, down = width / place.image_width, height / place.image_height
    return dataclasses.replace(
        place,
        image_width=width,
        image_height=height,
        left=place.left * across,
        width=place.width * across,
        top=place.top * down,
        height=place.height * down,
    )


def _set_range(options: _capi.RenderOptions, heatmap: _check.Floats) -> None:
    """The values at the ends of the colours, where the options do not state them."""
    low, high = float(heatmap.min()), float(heatmap.max())
    is_signed = words("map_kind")[options.kind] == "signed" or low < 0.0
    peak = max(abs(low), abs(high))
    if options.range_low < options.range_high:
        return
    if options.scale > 0.0:
        options.range_low = -options.scale if is_signed else 0.0
        options.range_high = options.scale
    elif low < high or (is_signed and peak > 0.0):
        options.range_low = -peak if is_signed else low
        options.range_high = peak if is_signed else high


def _changed(options: _capi.RenderOptions, **fields: Any) -> _capi.RenderOptions:
    """A copy that draws a PNG file with other fields."""
    copy = _capi.RenderOptions.from_buffer_copy(options)
    copy.format = words("picture_format").index("png")
    for name, value in fields.items():
        setattr(copy, name, value)
    return copy


def _bar_picture(options: _capi.RenderOptions, render: Render) -> bytes:
    """The colours: those of a map that rises from the first to the last value."""
    bar = _changed(
        options,
        style=words("style").index("heat"),
        upsample=words("upsample").index("nearest"),
        contours=0,
        top_percent=0.0,
    )
    part = np.arange(_BAR_COLORS, dtype=np.float32) / np.float32(_BAR_COLORS - 1)
    low, high = np.float32(bar.range_low), np.float32(bar.range_high)
    place = _image.Geometry(_BAR_COLORS, 1, _BAR_COLORS, 1, 0.0, 0.0, _BAR_COLORS, 1.0)
    blank = np.zeros((1, _BAR_COLORS, 3), np.uint8)
    return render(bar, blank, place, (low + part * (high - low)).reshape(1, -1))


def _number(value: float, with_sign: bool) -> str:
    sign = "\N{MINUS SIGN}" if value < 0.0 else "+" if with_sign and value > 0.0 else ""
    return f"{sign}{abs(value):.2g}"


def _add_bar(figure: Figure, options: _capi.RenderOptions, unit: str, y: float, render: Render) -> None:
    low, high = options.range_low, options.range_high

    def write(baseline: float, text: str, color: int, part: float = 0.0, anchor: str = "start") -> None:
        x = _MARGIN + part * _BAR_WIDTH
        figure.items.append(Words(x, baseline, _LABEL_SIZE, _BAR_WIDTH, text, color, anchor))

    if not low < high:
        write(y + _LABEL_SIZE, "the same value everywhere", _FAINT_COLOR)
        return
    write(y + _LABEL_SIZE, unit, _FAINT_COLOR)
    top = y + _LABEL_SIZE + 3.0
    figure.add_framed(_MARGIN, top, _BAR_WIDTH, _BAR_THICKNESS, _bar_picture(options, render))
    labels = [(0.0, low, "start"), (1.0, high, "end")]
    if low < 0.0 and abs(low + 0.5 * (high - low)) <= 1e-6 * (high - low):
        labels.insert(1, (0.5, 0.0, "middle"))
    for part, value, anchor in labels:
        baseline = top + _BAR_THICKNESS + _LABEL_SIZE + 1.0
        write(baseline, _number(value, low < 0.0), _TEXT_COLOR, part, anchor)


def _is_whole(place: _image.Geometry) -> bool:
    """Whether the model saw all of the photograph."""
    right = place.image_width - (place.left + place.width)
    bottom = place.image_height - (place.top + place.height)
    return max(place.left, place.top, right, bottom) < 0.5


def _add_caption(figure: Figure, caption: str, y: float) -> float:
    """Returns where it ends."""
    for place, line in enumerate(caption.split("\n")):
        is_title = place == 0
        size = _TITLE_SIZE if is_title else _TEXT_SIZE
        color = _TEXT_COLOR if is_title else _FAINT_COLOR
        width = figure.width - 2.0 * _MARGIN
        figure.items.append(Words(_MARGIN, y + size, size, width, line, color, is_bold=is_title))
        y += size * _LINE
    return y + 2.0


def compose(
    photo: _check.Pixels,
    place: _image.Geometry,
    heatmap: _check.Floats,
    options: _capi.RenderOptions,
    caption: str | None,
    unit: str,
    render: Render,
) -> Figure:
    """The picture of a map [rows, columns] on its photograph as the options say, and the caption and
    the colour bar below it; `unit` is that of the bar."""
    _set_range(options, heatmap)
    factor = _SIDE * _PIXELS / max(place.image_width, place.image_height)
    wide, high = _rounded(place.image_width * factor), _rounded(place.image_height * factor)
    pane = _image.resized(photo, wide, high)
    width, height = wide / _PIXELS, high / _PIXELS
    figure = Figure(max(width, _WIDTH_MIN) + 2.0 * _MARGIN)
    scaled = _scaled(place, wide, high)
    png = render(_changed(options, caption=None, comment=None), pane, scaled, heatmap)
    figure.add_framed(_MARGIN, _MARGIN, width, height, png)
    y = _MARGIN + height + 8.0
    if caption is not None:
        hatching = "" if _is_whole(scaled) else "\nhatched: not seen by the model"
        y = _add_caption(figure, caption + hatching, y)
        if options.top_percent == 0.0:
            _add_bar(figure, options, unit, y, render)
            y += _BAR_HEIGHT + 4.0
    figure.height = y + _MARGIN - 4.0
    return figure


# ---- SVG ----


def _width(text: str, size: float, is_bold: bool) -> float:
    """About how wide a text is: ideographs and emoji are as wide as they are high."""
    total = 0
    for mark in text:
        code = ord(mark)
        total += _WIDTHS[code - 0x20] if 0x20 <= code < 0x7F else 66 if code < 0x800 else 100
    return total * size / 100.0 * (1.12 if is_bold else 1.0)


def _fitting(item: Words) -> str:
    if item.width <= 0.0 or _width(item.text, item.size, item.is_bold) <= item.width:
        return item.text
    room = item.width - _width("...", item.size, item.is_bold)
    used = 0.0
    for end, mark in enumerate(item.text):
        used += _width(mark, item.size, item.is_bold)
        if used > room:
            return item.text[:end] + "\N{HORIZONTAL ELLIPSIS}"
    return item.text


def _escaped(text: str) -> str:
    """As text of XML: what is no character of it, or turns the direction of a text, as bytes."""
    plain = _HOSTILE.sub(_spelled, re.sub(r"[\n\t]", " ", text))
    return html.escape(plain).replace("&#x27;", "&#39;")


def _spelled(found: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02X}" for byte in found[0].encode(errors="surrogatepass"))


def _element(item: Union[Drawn, Words]) -> str:
    if isinstance(item, Words):
        anchor = "" if item.anchor == "start" else f' text-anchor="{item.anchor}"'
        bold = ' font-weight="bold"' if item.is_bold else ""
        return (
            f'<text x="{item.x:.2f}" y="{item.baseline:.2f}" font-size="{item.size:.2f}" '
            f'fill="#{item.color:06x}"{anchor}{bold}>{_escaped(_fitting(item))}</text>\n'
        )
    box = f'x="{item.x:.2f}" y="{item.y:.2f}" width="{item.width:.2f}" height="{item.height:.2f}"'
    if isinstance(item.content, int):
        return f'<rect {box} fill="#{item.content:06x}"/>\n'
    data = base64.b64encode(item.content).decode()
    return f'<image {box} preserveAspectRatio="none" href="data:image/png;base64,{data}"/>\n'


def svg(figure: Figure, comment: str) -> bytes:
    """The figure as the bytes of an SVG file, with text as text."""
    size = f"{figure.width:.2f}", f"{figure.height:.2f}"
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}pt" height="{size[1]}pt" '
        f'viewBox="0 0 {size[0]} {size[1]}" font-family="\'DejaVu Sans\', Verdana, sans-serif">\n'
    )
    desc = f"<desc>{_escaped(comment)}</desc>\n"
    return (head + desc + "".join(map(_element, figure.items)) + "</svg>\n").encode()


# ---- PDF ----


def _draw(page: Any, figure: Figure, item: Union[Drawn, Words], decode: Callable[[bytes], Any]) -> None:
    """The item on a figure of matplotlib, whose coordinates go from 0 to 1 and upwards."""
    if isinstance(item, Words):
        page.text(
            item.x / figure.width,
            1.0 - item.baseline / figure.height,
            _fitting(item),
            fontsize=item.size,
            color=f"#{item.color:06x}",
            weight="bold" if item.is_bold else "normal",
            ha=_ANCHORS[item.anchor],
            va="baseline",
            parse_math=False,
        )
        return
    left, bottom = item.x / figure.width, 1.0 - (item.y + item.height) / figure.height
    axes = page.add_axes((left, bottom, item.width / figure.width, item.height / figure.height))
    axes.set_axis_off()
    if isinstance(item.content, int):
        red, green, blue = item.content >> 16, item.content >> 8 & 255, item.content & 255
        pixels = np.full((1, 1, 3), (red, green, blue), np.uint8)
    else:
        pixels = decode(item.content)
    axes.imshow(pixels, aspect="auto", interpolation="none")


def pdf(figure: Figure, comment: str, decode: Callable[[bytes], Any]) -> bytes:
    """The figure as the bytes of a PDF file, with text as text and its fonts inside. `decode` turns a
    PNG file into pixels. UnsupportedError without matplotlib."""
    try:
        import matplotlib
        import matplotlib.figure
    except ImportError:
        raise UnsupportedError(
            "a PDF file needs matplotlib here (pip install matplotlib); .svg needs nothing, and the "
            "command writes both: vitlrp IMAGE -o NAME.pdf"
        ) from None
    buffer = io.BytesIO()
    with matplotlib.rc_context({"pdf.fonttype": 42, "font.family": "sans-serif"}):
        page = matplotlib.figure.Figure(figsize=(figure.width / 72.0, figure.height / 72.0))
        for item in figure.items:
            _draw(page, figure, item, decode)
        facts = {"Creator": f"vitlrp {version()}", "Subject": comment, "CreationDate": None}
        page.savefig(buffer, format="pdf", metadata=facts)
    return buffer.getvalue()
