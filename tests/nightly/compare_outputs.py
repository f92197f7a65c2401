"""Two outputs of the same name, one of each build, compared by what they hold: every element of an
array, every pixel, every key and number of JSON and CSV. The bytes of a picture's container and the
words of a text are kept apart from what they carry.

differences(name, old, new) returns a list of Difference. A key is a path with dots: "top.0.logit",
"3.delta_prob" for the third line of a table, "shape", "pixels" or "text"."""

import array
import ast
import base64
import collections
import csv
import io
import json
import re
import struct
import zlib

Difference = collections.namedtuple("Difference", "file key old new")
ABSENT = "(absent)"

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
EMBEDDED = re.compile(rb"data:image/(?:jpeg|png);base64,([A-Za-z0-9+/=]+)")
DRAWN = re.compile(r' (?:points|d|x|y|x1|x2|y1|y2|cx|cy|r|width|height)="([^"]*)"')
CELL = re.compile(r"<t[dh][^>]*>(.*?)</t[dh]>", re.DOTALL)
TAG = re.compile(r"<[^>]*>")


class Array:
    """A float32 array of a .npy file; equal where every bit is."""

    def __init__(self, shape, data):
        self.shape, self.data = shape, data

    def values(self):
        found = array.array("f")
        found.frombytes(self.data)
        return found

    def distance(self, other):
        """Relative L2 distance; infinite between different shapes."""
        if self.shape != other.shape:
            return float("inf")
        old, new = self.values(), other.values()
        size = sum(x * x for x in old)
        moved = sum((x - y) ** 2 for x, y in zip(old, new))
        return (moved / size) ** 0.5 if size > 0 else float("inf") if moved > 0 else 0.0

    def __str__(self):
        values = self.values()
        return f"float32{list(self.shape)} of sum {sum(values):.9g}"


def read_npy(data):
    wide = data[6] > 1
    size = struct.unpack_from("<I" if wide else "<H", data, 8)[0]
    start = (12 if wide else 10) + size
    header = ast.literal_eval(data[start - size:start].decode("latin1"))
    if header["descr"] != "<f4" or header["fortran_order"]:
        raise ValueError(f"an array of type {header['descr']}")
    return Array(header["shape"], data[start:])


def compare_npy(name, old, new):
    before, after = read_npy(old), read_npy(new)
    if before.shape == after.shape and before.data == after.data:
        return []
    return [Difference(name, "array", before, after)]


def read_png(data):
    """(header, rows as filtered, texts): equal rows are equal pixels."""
    at, header, rows, texts = 8, b"", b"", []
    while at + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + size]
        header += body if kind in (b"IHDR", b"PLTE", b"tRNS") else b""
        rows += body if kind == b"IDAT" else b""
        texts += [body] if kind in (b"tEXt", b"zTXt", b"iTXt") else []
        at += 12 + size
    return header, zlib.decompress(rows), b"\n".join(texts)


def read_jpeg(data):
    """(tables, the rest with the coded pixels, comments)."""
    at, tables, comments = 2, b"", []
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        size = struct.unpack_from(">H", data, at + 2)[0]
        segment = data[at:at + 2 + size]
        if data[at + 1] == 0xFE:
            comments.append(segment[4:])
        else:
            tables += segment
        at += 2 + size
    return tables, data[at:], b"\n".join(comments)


def compare_picture(name, old, new):
    read = read_png if old[:4] == b"\x89PNG" else read_jpeg
    before, after = read(old), read(new)
    found = []
    for key, a, b in zip(("form", "pixels", "text"), before, after):
        if a != b:
            shown = (a.decode("latin1"), b.decode("latin1")) if key == "text" else \
                (f"{len(a)} bytes", f"{len(b)} bytes")
            found.append(Difference(name, key, *shown))
    return found


def compare_values(name, key, old, new):
    """JSON values; numbers of one kind, booleans apart from them. A pair, a size say, is one value."""
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for part in [*old, *(part for part in new if part not in old)]:
            found += compare_values(name, f"{key}.{part}" if key else part, old.get(part, ABSENT),
                                    new.get(part, ABSENT))
        return found
    pair = isinstance(old, list) and len(old) == 2 and not isinstance(old[0], (dict, list))
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new) and not pair:
        return [difference for index, pair in enumerate(zip(old, new))
                for difference in compare_values(name, f"{key}.{index}", *pair)]
    if type(old) is not type(new) or repr(old) != repr(new):
        return [Difference(name, key, old, new)]
    return []


def compare_json(name, old, new):
    return compare_values(name, "", json.loads(old), json.loads(new))


def compare_lines(name, old, new):
    """One JSON value a line."""
    parsed = [[json.loads(line) for line in data.splitlines()] for data in (old, new)]
    return compare_values(name, "lines", *parsed)


def compare_csv(name, old, new):
    """By column, whose order does not matter."""
    tables = []
    for data in (old, new):
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))
        tables.append(rows)
    return compare_values(name, "lines", *tables)


def split_page(data):
    """(embedded pictures, numbers that are drawn or stand in tables, words)."""
    pictures = [base64.b64decode(found) for found in EMBEDDED.findall(data)]
    page = EMBEDDED.sub(b"", data).decode("utf-8", "backslashreplace")
    cells = [TAG.sub("", cell) for cell in CELL.findall(page)]
    numbers = [NUMBER.findall(cell) for cell in cells] + DRAWN.findall(page)
    return pictures, numbers, page


def compare_html(name, old, new):
    before, after = split_page(old), split_page(new)
    found = []
    if len(before[0]) != len(after[0]):
        return [Difference(name, "pictures", len(before[0]), len(after[0]))]
    for index, pair in enumerate(zip(before[0], after[0])):
        found += differences(f"{name}#{index}", *pair)
    if before[1] != after[1]:
        found += compare_values(name, "numbers", before[1], after[1])
    if before[2] != after[2]:
        found.append(Difference(name, "text", *first_lines(before[2], after[2])))
    return found


def first_lines(old, new):
    """The first line in which two texts differ."""
    before, after = old.splitlines(), new.splitlines()
    for pair in zip(before, after):
        if pair[0] != pair[1]:
            return pair
    longer = before[len(after):] or after[len(before):] or ["a line's end"]
    return (longer[0], ABSENT) if len(before) > len(after) else (ABSENT, longer[0])


def compare_text(name, old, new):
    pair = (data.decode("utf-8", "backslashreplace") for data in (old, new))
    return [Difference(name, "text", *first_lines(*pair))]


def kind_of(name, data):
    """How a file is compared: by its first bytes, and by its name where those say nothing."""
    if data[:6] == b"\x93NUMPY":
        return compare_npy
    if data[:4] == b"\x89PNG" or data[:2] == b"\xff\xd8":
        return compare_picture
    if data[:9].lower() == b"<!doctype":
        return compare_html
    if name.endswith(".csv"):
        return compare_csv
    if data[:1] == b"{":
        return compare_lines if data.startswith((b'{"', b"{}")) else compare_json
    return compare_text


def differences(name, old, new):
    """What differs between the bytes of two files (None: no such file)."""
    if old == new:
        return []
    if old is None or new is None:
        return [Difference(name, "file", *(ABSENT if data is None else f"{len(data)} bytes"
                                           for data in (old, new)))]
    compare = kind_of(name, old)
    if compare is not kind_of(name, new):
        return [Difference(name, "kind", compare.__name__[8:], kind_of(name, new).__name__[8:])]
    try:
        return compare(name, old, new)
    except (ValueError, KeyError, IndexError, struct.error, zlib.error) as problem:
        return [Difference(name, "unreadable", str(problem), "")]
