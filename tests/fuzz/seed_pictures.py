"""Small pictures of every kind that the decoders read, written byte by byte."""

import struct
import zlib


def exif(orientation, order="<", kind=3, tag=0x0112):
    """A TIFF block with one entry."""
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *([orientation, 0][:2 if kind == 3 else 1]))
    return ((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8) +
            struct.pack(order + "HHHI", 1, tag, kind, 1) + value + struct.pack(order + "I", 0))


class _Bits:
    def __init__(self):
        self.text = ""

    def put(self, value, length):
        if length:
            self.text += format(value, f"0{length}b")

    def data(self):
        text = self.text + "1" * (-len(self.text) % 8)
        packed = bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8))
        return packed.replace(b"\xff", b"\xff\0")


def _segment(marker, body):
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _blocks(count, progressive, position=0):
    """Entropy-coded blocks of one grey each: a category in 4 bits, its bits, and an end of block."""
    bits = _Bits()
    for i in range(count):
        category = (i + position) % 7
        bits.put(category, 4)
        bits.put((1 << category) - 1 - (i % 2) * (1 << category >> 1), category)
        if not progressive:
            bits.put(0, 1)
    return bits.data()


def jpeg(width, height, components=3, progressive=False, app=b"", scans=1, precision=8, restart=0,
         frame=None, sampling=0x11):
    """A JPEG whose blocks have no coefficient but the first."""
    out = b"\xff\xd8" + app + _segment(0xDB, b"\0" + bytes([16] * 64))
    names = bytes(range(1, components + 1))
    frame = frame or (0xC2 if progressive else 0xC0)
    body = struct.pack(">BHHB", precision, height, width, components)
    for i, name in enumerate(names):
        body += bytes([name, sampling if i == 0 else 0x11, 0])
    out += _segment(frame, body)
    out += _segment(0xC4, b"\x00" + bytes([0, 0, 0, 12] + [0] * 12) + bytes(range(12)))
    out += _segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\0")
    if restart:
        out += _segment(0xDD, struct.pack(">H", restart))
    blocks = -(-width // 8) * -(-height // 8) * components
    for scan in range(scans):
        body = bytes([components]) + b"".join(bytes([name, 0]) for name in names)
        if progressive:
            body += bytes([0, 0, 0x01 if scan == 0 else 0x10])
        else:
            body += bytes([0, 63, 0])
        out += _segment(0xDA, body)
        if progressive and scan > 0:
            out += bytes(-(-blocks // 8))
        else:
            out += _blocks(blocks, progressive, scan)
    return out + b"\xff\xd9"


def adobe(transform):
    return _segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))


def chunk(kind, body, crc=None):
    if crc is None:
        crc = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)


SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))


def _rows(width, height, bits, salt):
    out = b""
    for y in range(height):
        row = bytes((x * 37 + y * 11 + salt) & 0xFF for x in range(-(-width * bits // 8)))
        out += bytes([0 if bits < 8 else y % 5]) + row
    return out


def png(width, height, kind=2, depth=8, interlaced=False, palette=None, before=b"", data=None):
    bits = SAMPLES[kind] * depth
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced))
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before
    if kind == 3:
        colours = palette if palette is not None else 1 << depth
        out += chunk(b"PLTE", bytes((i * 5) & 0xFF for i in range(3 * colours)))
    if data is None:
        data = b""
        for x, y, step_x, step_y in PASSES if interlaced else ((0, 0, 1, 1),):
            columns, rows = -(-(width - x) // step_x), -(-(height - y) // step_y)
            if columns > 0 and rows > 0:
                data += _rows(columns, rows, bits, x + y)
        data = zlib.compress(data)
    return out + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bmp(width, height, depth, core=False, top_down=False, compression=0, palette=None):
    row = (width * depth + 31) // 32 * 4
    colours = (1 << depth if depth <= 8 else 0) if palette is None else palette
    if core:
        info = struct.pack("<IHHHH", 12, width, height, 1, depth)
    else:
        info = struct.pack("<IiiHHIIiiII", 40, width, -height if top_down else height, 1, depth,
                           compression, 0, 0, 0, colours, 0)
    masks = b"" if compression != 3 else struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    table = bytes((i * 7) & 0xFF for i in range(colours * (3 if core else 4)))
    offset = 14 + len(info) + len(masks) + len(table)
    body = bytes((i * 3) & 0xFF for i in range(row * height))
    return (b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + info + masks + table +
            body)


def pnm(kind, width, height, maximum=255):
    head = f"P{kind} # comment\n{width} {height}\n"
    count = width * height * (3 if kind in (3, 6) else 1)
    if kind in (1, 4):
        maximum = 1
    else:
        head += f"{maximum}\n"
    if kind <= 3:
        return head.encode() + b" ".join(b"%d" % (i % (maximum + 1)) for i in range(count)) + b"\n"
    if kind == 4:
        return head.encode() + bytes(-(-width // 8) * height)
    return head.encode() + bytes(count * (2 if maximum > 255 else 1))


def jpegs():
    app1 = _segment(0xE1, b"Exif\0\0" + exif(6))
    return {
        "grey": jpeg(17, 9, 1), "colour": jpeg(16, 16), "cmyk": jpeg(9, 9, 4, app=adobe(0)),
        "ycck": jpeg(8, 8, 4, app=adobe(2)), "rgb": jpeg(8, 8, 3, app=adobe(0)),
        "progressive": jpeg(16, 16, 3, True), "refined": jpeg(16, 16, 1, True, scans=2),
        "restart": jpeg(24, 8, 1, restart=1), "exif": jpeg(20, 8, 3, app=app1),
        "twelve": jpeg(8, 8, 1, precision=12), "arithmetic": jpeg(8, 8, 1, frame=0xC9),
        "lossless": jpeg(8, 8, 1, frame=0xC3), "no_height": jpeg(8, 0, 1),
        "subsampled": jpeg(32, 32, 3, sampling=0x22), "two": jpeg(8, 8, 2),
        "many_scans": jpeg(64, 64, 1, True, scans=130),
    }


def pngs():
    found = {}
    for kind, depths in ((0, (1, 2, 4, 8, 16)), (2, (8, 16)), (3, (1, 2, 4, 8)), (4, (8, 16)),
                         (6, (8, 16))):
        for depth in depths:
            found[f"kind{kind}_{depth}"] = png(9, 5, kind, depth)
            found[f"kind{kind}_{depth}_adam7"] = png(9, 5, kind, depth, True)
    found["exif"] = png(6, 3, before=chunk(b"eXIf", exif(8, ">")))
    found["transparent"] = png(4, 4, 0, 8, before=chunk(b"tRNS", b"\0\5"))
    found["text"] = png(4, 4, before=chunk(b"tEXt", b"Comment\0words") +
                        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(9999))) +
                        chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(9999))) +
                        chunk(b"gAMA", struct.pack(">I", 45455)))
    found["short_palette"] = png(8, 8, 3, 8, palette=3)
    found["huge"] = png(1 << 20, 1 << 20, data=zlib.compress(bytes(64)))
    return found


def bitmaps():
    found = {f"pnm{kind}": pnm(kind, 5, 4) for kind in range(1, 7)}
    found["pnm5_16"] = pnm(5, 3, 3, 65535)
    found["pnm2_300"] = pnm(2, 3, 3, 300)
    for depth in (1, 4, 8, 16, 24, 32):
        found[f"bmp{depth}"] = bmp(5, 3, depth)
        found[f"bmp{depth}_down"] = bmp(5, 3, depth, top_down=True)
    found["bmp16_fields"] = bmp(5, 3, 16, compression=3)
    found["bmp8_core"] = bmp(4, 3, 8, core=True)
    found["bmp24_core"] = bmp(4, 3, 24, core=True)
    found["bmp8_short"] = bmp(4, 3, 8, palette=2)
    for name, head in (("gif", b"GIF89a"), ("webp", b"RIFF\0\0\0\0WEBP"), ("tiff", b"II*\0"),
                       ("html", b"<!DOCTYPE html>")):
        found[name] = head + bytes(20)
    return found


def exifs():
    found = {}
    for order in "<>":
        for orientation in range(0, 10):
            found[f"{'little' if order == '<' else 'big'}{orientation}"] = exif(orientation, order)
        found[f"long{ord(order)}"] = exif(5, order, 4)
    found["segment"] = b"Exif\0\0" + exif(3)
    found["loop"] = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 65535)
    found["beyond"] = b"MM\0*" + struct.pack(">I", 1 << 31)
    return {name: block + b"\x07\x04" for name, block in found.items()}
