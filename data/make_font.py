#!/usr/bin/env python3
"""Renders data/font.bin, the glyphs of the pictures' captions, from DejaVu Sans with Pillow.

Run by hand when a glyph or a size changes: python3 data/make_font.py (Debian: python3-pil and
fonts-dejavu-core). The font is free (Bitstream Vera licence, data/LICENSES.md).

The file is two faces, regular and bold, one behind the other. All numbers are little-endian.
A face:  u32 bytes of the face, u16 glyphs, u8 ascent, u8 descent, u8 line height, 3 zero bytes;
         then the glyph records in ascending order of code points; then the coverage bytes, 0 to 255,
         row by row.
A glyph: u16 code point, u8 advance, i8 left, i8 top (rows over the base line), u8 width, u8 height,
         a zero byte, u32 offset of its coverage from the beginning of the face.
"""
import pathlib
import struct

from PIL import ImageFont

FONTS = pathlib.Path("/usr/share/fonts/truetype/dejavu")
FACES = [("DejaVuSans.ttf", 14), ("DejaVuSans-Bold.ttf", 14)]
PUNCTUATION = [0x2013, 0x2014, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2026, 0x2192, 0x2212]
CODE_POINTS = [*range(0x20, 0x7F), *range(0xA0, 0x100), *PUNCTUATION]


def rendered_glyph(font, code_point):
    """(advance, left, top, width, height, coverage) of one character."""
    text = chr(code_point)
    mask, (left, upper) = font.getmask2(text, mode="L", anchor="ls")
    width, height = mask.size
    advance = round(font.getlength(text))
    if width * height == 0 or not any(mask):
        return advance, 0, 0, 0, 0, b""
    return advance, left, -upper, width, height, bytes(mask)


def face_bytes(path, size):
    font = ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
    glyphs = [(point, rendered_glyph(font, point)) for point in CODE_POINTS]
    ascent = max(top for _, (_, _, top, _, _, _) in glyphs)
    descent = max(height - top for _, (_, _, top, _, height, _) in glyphs)
    records, coverage = b"", b""
    start = 12 + 12 * len(glyphs)
    for point, (advance, left, top, width, height, pixels) in glyphs:
        records += struct.pack("<HBbbBBxI", point, advance, left, top, width, height,
                               start + len(coverage))
        coverage += pixels
    line_height = round(size * 1.4)
    header = struct.pack("<IHBBB3x", start + len(coverage), len(glyphs), ascent, descent,
                         line_height)
    return header + records + coverage


def main():
    target = pathlib.Path(__file__).with_name("font.bin")
    target.write_bytes(b"".join(face_bytes(FONTS / name, size) for name, size in FACES))
    print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
