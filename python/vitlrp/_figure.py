"""The SVG of one explanation as a PDF by matplotlib, where that is installed."""

from __future__ import annotations

import base64
import io
import xml.etree.ElementTree
from collections.abc import Callable
from typing import Any

import numpy as np

from ._library import version
from .errors import UnsupportedError

_ANCHORS = {"start": "left", "middle": "center", "end": "right"}


def _add_text(page: Any, size: tuple[float, float], element: Any) -> None:
    page.text(
        float(element.get("x")) / size[0],
        1.0 - float(element.get("y")) / size[1],
        element.text or "",
        fontsize=float(element.get("font-size")),
        color=element.get("fill"),
        weight=element.get("font-weight", "normal"),
        ha=_ANCHORS[element.get("text-anchor", "start")],
        va="baseline",
        parse_math=False,
    )


def _add_pixels(page: Any, size: tuple[float, float], element: Any, pixels: Any) -> None:
    """In the box of the element."""
    left, top, width, height = (float(element.get(name)) for name in ("x", "y", "width", "height"))
    axes = page.add_axes((left / size[0], 1.0 - (top + height) / size[1], width / size[0], height / size[1]))
    axes.set_axis_off()
    axes.imshow(pixels, aspect="auto", interpolation="none")


def _add(page: Any, size: tuple[float, float], element: Any, decode: Callable[[bytes], Any]) -> None:
    """The element on a figure of matplotlib, whose coordinates go from 0 to 1 and upwards."""
    kind = element.tag.rpartition("}")[2]
    if kind == "text":
        _add_text(page, size, element)
    elif kind == "rect":
        color = tuple(bytes.fromhex(element.get("fill")[1:]))
        _add_pixels(page, size, element, np.array([[color]], np.uint8))
    elif kind == "image":
        _add_pixels(page, size, element, decode(base64.b64decode(element.get("href").partition(",")[2])))


def pdf(svg: bytes, comment: str, decode: Callable[[bytes], Any]) -> bytes:
    """A figure that the library drew as SVG as the bytes of a PDF file, with text as text and its fonts
    inside. `decode` turns a PNG file into pixels. UnsupportedError without matplotlib."""
    try:
        import matplotlib
        import matplotlib.figure
    except ImportError:
        raise UnsupportedError(
            "a PDF file needs matplotlib here (pip install matplotlib); .svg needs nothing, and the "
            "command writes both: vitlrp IMAGE -o NAME.pdf"
        ) from None
    drawing = xml.etree.ElementTree.fromstring(svg)
    _, _, width, height = map(float, drawing.get("viewBox", "").split())
    buffer = io.BytesIO()
    with matplotlib.rc_context({"pdf.fonttype": 42, "font.family": "sans-serif"}):
        page = matplotlib.figure.Figure(figsize=(width / 72.0, height / 72.0))
        for element in drawing:
            _add(page, (width, height), element, decode)
        facts = {"Creator": f"vitlrp {version()}", "Subject": comment, "CreationDate": None}
        page.savefig(buffer, format="pdf", metadata=facts)
    return buffer.getvalue()
