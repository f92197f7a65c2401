"""Fonts for tests: TrueType files whose characters are all one filled square, and a fontconfig that sees no others."""

import os
import struct

EM = 1000


def _glyph():
    """A square of 600 units on the base line."""
    points = [(100, 0), (100, 600), (700, 600), (700, 0)]
    xs = [points[0][0]] + [b[0] - a[0] for a, b in zip(points, points[1:])]
    ys = [points[0][1]] + [b[1] - a[1] for a, b in zip(points, points[1:])]
    body = struct.pack(">hhhhh", 1, 100, 0, 700, 600) + struct.pack(">HH", 3, 0) + bytes([1] * 4)
    body += struct.pack(">4h", *xs) + struct.pack(">4h", *ys)
    return body + b"\0" * (-len(body) % 4)


def _cmap(codes):
    """Format 12: a group for each character, all of them glyph 1 but the space, which is glyph 2."""
    groups = [(code, code, 2 if code == 0x20 else 1) for code in sorted(codes)]
    table = b"".join(struct.pack(">III", *group) for group in groups)
    table = struct.pack(">HHIII", 12, 0, 16 + len(table), 0, len(groups)) + table
    return struct.pack(">HHHHI", 0, 1, 3, 10, 12) + table


def _names(family):
    records, strings = b"", b""
    for number, text in ((1, family), (2, "Regular"), (4, family), (6, family.replace(" ", ""))):
        data = text.encode("utf-16-be")
        records += struct.pack(">HHHHHH", 3, 1, 0x409, number, len(data), len(strings))
        strings += data
    return struct.pack(">HHH", 0, 4, 6 + len(records)) + records + strings


def font_bytes(family, codes):
    """A font of that family with these code points."""
    glyph = _glyph()
    tables = {
        b"cmap": _cmap(codes),
        b"glyf": glyph * 2,
        b"head": struct.pack(">IIIIHHQQhhhhHHhhh", 0x10000, 0x10000, 0, 0x5F0F3CF5, 3, EM, 0, 0, 0, 0, 700, 800,
                             0, 8, 2, 1, 0),
        b"hhea": struct.pack(">IhhhHhhhhhhhhhhhH", 0x10000, 800, -200, 0, 800, 0, 0, 700, 1, 0, 0, 0, 0, 0, 0, 0, 3),
        b"hmtx": struct.pack(">6H", 800, 100, 800, 100, 400, 0),
        b"loca": struct.pack(">4I", 0, len(glyph), 2 * len(glyph), 2 * len(glyph)),
        b"maxp": struct.pack(">IHHHHHHHHHHHHHH", 0x10000, 3, 4, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
        b"name": _names(family),
        b"post": struct.pack(">IIhhIIIII", 0x30000, 0, -100, 50, 0, 0, 0, 0, 0),
    }
    header = struct.pack(">IHHHH", 0x10000, len(tables), 128, 3, len(tables) * 16 - 128)
    place, directory, body = len(header) + 16 * len(tables), b"", b""
    for tag, data in sorted(tables.items()):
        data += b"\0" * (-len(data) % 4)
        checksum = sum(struct.unpack(f">{len(data) // 4}I", data)) & 0xFFFFFFFF
        directory += tag + struct.pack(">III", checksum, place + len(body), len(data))
        body += data
    return header + directory + body


def environment(folder, name, fonts):
    """The environment in which these fonts are the only ones: {family: code points}."""
    place = os.path.join(folder, name)
    os.makedirs(os.path.join(place, "fonts"))
    for family, codes in fonts.items():
        with open(os.path.join(place, "fonts", family.replace(" ", "") + ".ttf"), "wb") as file:
            file.write(font_bytes(family, codes))
    settings = os.path.join(place, "fonts.conf")
    with open(settings, "w", encoding="utf-8") as file:
        file.write(f"<?xml version='1.0'?>\n<fontconfig><dir>{place}/fonts</dir>"
                   f"<cachedir>{place}/cache</cachedir></fontconfig>\n")
    return {**os.environ, "FONTCONFIG_FILE": settings}
