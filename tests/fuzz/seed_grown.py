"""Inputs of megabytes whose work, or memory, could grow faster than their size.

usage: seed_grown.py FOLDER

FOLDER gets a folder for each target. They are read again within the bounds of bounds.h, and are no
seeds: a fuzzer stays with small inputs. The last bytes choose the target's options (fuzz.h)."""

import json
import os
import struct
import sys
import zipfile
import zlib

import seed_checkpoints as made
import seed_pictures
import seed_subwords

MB = 1 << 20


def repeat(begin, piece, end, size, comma=b","):
    """About `size` bytes; a piece with a '#' gets its number."""
    count = size // (len(piece) + len(comma))
    if b"#" in piece:
        pieces = [piece.replace(b"#", str(i).encode()) for i in range(count)]
    else:
        pieces = [piece] * count
    return begin + comma.join(pieces) + end


def jsons():
    found = {}
    for name, piece in {"arrays": b"[]", "objects": b"{}", "texts": b'""', "numbers": b"0",
                        "reals": b"-1.5e-300", "nested": b'{"a":[{"b":[[]]}]}'}.items():
        found[name] = repeat(b'{"a":[', piece, b"]}", 4 * MB) + b"\0"
        found["half_" + name] = repeat(b'{"a":[', piece, b"", MB) + b"\0"
    found["keys"] = repeat(b"{", b'"k#":0', b"}", 2 * MB) + b"\0"
    found["text"] = b'{"a":"' + b"x" * (4 * MB) + b'"}\0'
    found["escapes"] = b'{"a":"' + b"\\u00e9" * (MB // 2) + b'"}\0'
    found["key"] = b'{"' + b"x" * (4 * MB) + b'":1}\0'
    found["number"] = b'{"a":1' + b"0" * MB + b"}\0"
    found["real"] = b'{"a":0.' + b"12" * MB + b"}\0"
    found["blanks"] = b'{"a":' + b" " * (4 * MB) + b"1}\0"
    found["same_keys"] = repeat(b"{", b'"k":0', b"}", MB) + b"\0"
    found["deep"] = b'{"a":' + (b"[" * 62 + b"]" * 62 + b",") * 9000 + b"0}\0"
    found["list"] = b"a\n" * (MB // 2) + b"\2"
    found["list_blank"] = b"\n" * MB + b"\2"
    found["classes"] = b"\n".join(b"name %d" % i for i in range(100000)) + b"\5"
    found["class_line"] = b"n" * MB + b"\5"
    return found


def facts():
    labels = repeat(b"{", b'"#":"class #"', b"}", MB)
    return {"labels": b'{"model_type":"vit","id2label":' + labels + b"}\0",
            "keys": repeat(b"{", b'"k#":0', b"}", 2 * MB) + b"\3"}


def record(methods, images, steps=1, classes=1, measured=True):
    """A record of an evaluation: results as short as they can be, all different."""
    def result(image, method):
        curve = [method % 7 + image, image % 5]
        return {"morf_logit": curve, "morf_prob": curve, "lerf_logit": curve, "lerf_prob": curve,
                "pointing": image % 2, "mass": image % 3, "rank": 1}
    names = [f"m{i}" for i in range(methods)]
    sha256 = "0" * 64
    head = {
        "format": "vitlrp evaluation 2", "version": "0", "model": "m", "weights_sha256": sha256, "dataset": "d",
        "manifest": {"count": max(images, 1), "skipped": 0, "sha256": sha256}, "shard": {"count": 1, "index": 0},
        "cancelled": False, "settings": {}, "reference": None, "gallery": [], "methods": {name: {} for name in names},
        "protocol": {"unit": "patch", "steps": steps, "replace": "zero", "target": "predicted", "seed": 0,
                     "grid": [8, 8], "precision": "fp32"},
        "classes": [{"output": i, "index": i, "wnid": "", "label": ""} for i in range(classes)],
        "images": [{"id": "a", "index": i, "status": "ok", "label": None, "class": classes - 1, "predicted": classes - 1,
                    "logit": 1, "probability": 1,
                    "methods": {name: result(i, k) if measured else None for k, name in enumerate(names)}}
                   for i in range(images)],
    }
    return json.dumps(head, separators=(",", ":")).encode()


def records():
    return {
        "methods": record(64, 4), "images": record(1, 300), "results": record(10, 200),
        "steps": record(64, 0, steps=100000), "nothing": record(64, 1, steps=100000, measured=False),
        "classes": record(1, 10000, classes=30000, measured=False), "too_many": record(5000, 1, measured=False),
    }


def safetensors():
    def file(header, body=b"", heads=b"\2"):
        return struct.pack("<Q", len(header)) + header + body + heads
    entry = b'"#":{"dtype":"F32","shape":[],"data_offsets":[0,0]}'
    long_name = b'"' + b"n" * 500 + b'#":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    prefixes = b'"' + b"vit." * 120 + b'#":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    empty = b'"blocks.#.norm1.weight":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    inner = b'{\\"a\\":[' + b"[]," * (MB // 3) + b"[]]}"
    return {
        "tensors": file(repeat(b"{", entry, b"}", 3 * MB)),
        "names": file(repeat(b"{", long_name, b"}", 2 * MB)),
        "prefixes": file(repeat(b"{", prefixes, b"}", 2 * MB)),
        "blocks": file(repeat(b"{", empty, b"}", 73 * 1024)),
        "arrays": file(repeat(b'{"a":[', b"[]", b"]}", 4 * MB)),
        "metadata": file(b'{"__metadata__":' + repeat(b"{", b'"#":"x"', b"}", 2 * MB) + b"}"),
        "inner": file(b'{"__metadata__":{"vitlrp":"' + inner + b'"}}'),
        "shape": file(b'{"a":{"dtype":"F32","shape":[' + b"1," * MB + b'1],"data_offsets":[0,4]}}', bytes(4)),
        "blanks": made.safetensors(made.timm(), pad=2 * MB) + b"\2",
    }


def pickles():
    """For pickle_parse alone (way 3)."""
    head = b"\x80\x04"
    text = b"X" + struct.pack("<I", MB) + b"k" * MB
    key = b"X" + struct.pack("<I", 500) + b"k" * 500
    return {
        "tuples": head + b"N" + b"\x85" * MB + b".",
        "marks_tuples": head + b"(t0" * (MB // 3) + b"N.",
        "lists": head + b"]0" * (MB // 2) + b"N.",
        "append": head + b"]" + b"Na" * (MB // 2) + b".",
        "dups": head + b"N" + b"20" * (MB // 2) + b".",
        "memo": head + b"N" + b"\x94" * MB + b".",
        "far_memo": head + b"N" + b"".join(b"r" + struct.pack("<I", 9999 - i % 9999) for i in range(MB // 5)) + b".",
        "long_text": head + text + b"\x94" + b"0h\x00" * (MB // 3) + b".",
        "globals": head + b"ccollections\nOrderedDict\n0" * 40000 + b"N.",
        "storages": head + key + b"\x94" + b"0(X\7\0\0\0storagectorch\nFloatStorage\nh\0X\3\0\0\0cpuK\1tQ" * 9000 + b".",
        "no_line": head + b"c" + b"x" * MB,
        "numbers": head + b"\x8a\xff" + b"\1" * 255 + (b"0\x8a\xff" + b"\1" * 255) * 4000 + b".",
    }


def shared_views(views, elements, method):
    """A state_dict whose tensors, but for the first, lie at the end of one storage."""
    torch = made._fake_torch()
    storage = made._Storage(torch.FloatStorage, "0", elements)
    state = {f"blocks.{i}.norm1.weight": made._Tensor(storage, (4,)) for i in range(views)}
    text = made.dump(state, 2)
    out = made.io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("a/data.pkl", text, zipfile.ZIP_STORED)
        archive.writestr("a/data/0", bytes(4 * elements), method)
    return out.getvalue()


def whole_model(method, position):
    """A sound model whose storages are all views of one, as large as `position`."""
    torch = made._fake_torch()
    tensors = made.timm(12)
    storage = made._Storage(torch.FloatStorage, "0", position)
    state = {name: made._Tensor(storage, shape) for name, shape in tensors.items()}
    out = made.io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("a/data.pkl", made.dump(state, 2), zipfile.ZIP_STORED)
        archive.writestr("a/data/0", bytes(4 * position), method)
    return out.getvalue()


def torches():
    found = {name: data + b"\3" for name, data in pickles().items()}
    found["views"] = shared_views(1000, 3 * MB, zipfile.ZIP_DEFLATED) + b"\x08"
    found["model_deflated"] = whole_model(zipfile.ZIP_DEFLATED, 3 * MB) + b"\x08"
    found["model_stored"] = whole_model(zipfile.ZIP_STORED, MB) + b"\x08"
    return found


def archive(count, name, content, method=zipfile.ZIP_STORED):
    out = made.io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for i in range(count):
            file.writestr(name.replace("#", str(i)), content)
    return out.getvalue()


def numpies():
    small = made.npy((), bytes(4))
    long_head = b"\x93NUMPY\1\0" + struct.pack("<H", 65000) + b"{'descr': '<f4', 'fortran_order': False, 'shape': (),}".ljust(65000) + bytes(4)
    large = made.npy((3 * MB,), bytes(12 * MB))
    return {
        "entries": archive(9000, "#.npy", small) + b"\0",
        "too_many": archive(12000, "#.npy", small) + b"\0",
        "names": archive(400, "n" * 4000 + "#.npy", small) + b"\0",
        "heads": archive(4000, "#.npy", long_head, zipfile.ZIP_DEFLATED) + b"\0",
        "zeros": archive(20, "blocks.#.norm1.weight.npy", large, zipfile.ZIP_DEFLATED) + b"\0",
        "folders": archive(8000, "a/b/#", b"") + b"\0",
        "comment": archive(3, "#.npy", small) + b"PK\5\6" * (MB // 4) + b"\0",
        "blanks": (b"\x93NUMPY\2\0" + struct.pack("<I", 65000) + b" " * 65000) + b"\7",
        "array": made.npy((MB // 8,), bytes(MB // 2)) + b"\7",
    }


def pngs():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def file(side, depth, colour, interlaced, rest=b""):
        channels = {0: 1, 2: 3, 6: 4}[colour]
        head = struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, interlaced)
        rows = bytes((side * channels * depth // 8 + 1) * (side + 8) * (2 if interlaced else 1))
        return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + rest +
                chunk(b"IDAT", zlib.compress(rows[:len(rows)])) + chunk(b"IEND", b""))
    return {
        "zeros": file(1024, 8, 2, 0), "deep": file(1000, 16, 6, 0), "adam7": file(1000, 16, 2, 1),
        "chunks": file(64, 8, 0, 0, chunk(b"tEXt", b"a\0b") * 50000),
        "private": file(64, 8, 0, 0, chunk(b"prVt", b"") * 80000),
        "bomb": file(16, 8, 0, 0, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(16 * MB)))),
    }


def jpegs():
    found = {}
    for name, data in list(seed_pictures.jpegs().items())[:3]:
        for kind, marker in {"comments": b"\xff\xfe", "exifs": b"\xff\xe1"}.items():
            found[f"{name}_{kind}"] = data[:2] + (marker + b"\0\x08Exif\0\0") * 100000 + data[2:]
            found[f"{name}_long_{kind}"] = data[:2] + (marker + b"\xff\xffExif\0\0" + bytes(65527)) * 40 + data[2:]
        found[name + "_fill"] = data[:2] + b"\xff" * (2 * MB) + data[2:]
        found[name + "_tail"] = data + b"\xff\xd0" * MB
    return found


def bitmaps():
    row = b"255 0 255 " * 1024
    return {
        "ascii": b"P3 1024 100 255\n" + row * 300,
        "comments": b"P6\n" + b"# a comment\n" * 200000 + b"2 2 255\n" + bytes(12),
        "blanks": b"P2\n" + b" " * (4 * MB) + b"1 1 255 0",
        "raw": b"P6 1024 1024 255\n" + bytes(3 * MB),
        "wide": b"P5 16384 60 65535\n" + bytes(2 * 16384 * 60),
        "bits": b"P1 1024 1024\n" + b"1" * MB,
    }


def exifs():
    entries = struct.pack("<HHII", 0x112, 3, 1, 6) * 40000
    loop = struct.pack("<H", 1) + struct.pack("<HHII", 0x8769, 4, 1, 8) + struct.pack("<I", 8)
    return {
        "entries": b"II*\0\x08\0\0\0" + struct.pack("<H", 40000) + entries + b"\0\0\0\0\1\1",
        "loop": b"II*\0\x08\0\0\0" + loop + bytes(MB) + b"\1\1",
    }


def options():
    return {"words": b"\n".join(b"a%d.jpg" % i for i in range(63)), "long": b"--class\n" + b"9" * MB,
            "limits": b"a.jpg\n--limits\n" + b"side=1," * 100000 + b"side=2",
            "methods": b"eval\nd\n--methods\n" + b"rise," * 100000 + b"rise"}


def texts():
    """A quarter of what a text may have at most."""
    pieces = {"word": b"a", "entities": b"&amp;", "names": b"&" + b"a" * 32, "ampersands": b"&", "hints": b"&n",
              "expanding": b"&ThickSpace;", "nested": b"amp;", "numbers": b"&#1", "long_number": b"1",
              "marks": "\u0307\u0323".encode(), "sigmas": "\u03a3'".encode(), "after_sigma": b"'", "ligatures":
              "\ufb03".encode(), "widths": "\uffe3".encode(), "decomposing": "\u1f82".encode(), "lines": b"\n",
              "blanks": b" ", "tags": b"<", "emoji": "\U0001f600".encode(), "digits": b"1", "quotes": b"'"}
    begins = {"nested": b"&", "long_number": b"&#", "after_sigma": "a\u03a3".encode()}
    return {name: begins.get(name, b"") + piece * (MB // 4 // len(piece)) + b"\0" for name, piece in pieces.items()}


def gzip_of(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def merges(count):
    """Merges of different tokens: of two letters, then of two of these."""
    letters = [chr(c) for c in range(33, 127)]
    pairs = [f"{a} {b}" for a in letters for b in letters]
    longer = (f"{a.replace(' ', '')} {b.replace(' ', '')}" for a in pairs for b in pairs)
    return [*pairs, *(line for line, _ in zip(longer, range(count - len(pairs))))]


def tokenizers():
    lines = merges(300000)
    text = "\n".join(lines).encode()
    header = b'{"model":{"end_of_word_suffix":"</w>","merges":'
    return {
        "lines": b"#version: 0.2\n" + text + b"\0",
        "gzip": gzip_of(b"#version: 0.2\n" + text) + b"\0",
        "bomb": gzip_of(bytes(64 * MB)) + b"\0",
        "packed_blanks": gzip_of(b"#version: 0.2\n" + b"\n" * (15 * MB)) + b"\0",
        "half": (b"a b\n" + b"\n" * len(text)) + b'{"' + b"x" * len(text) + b'":1}' + b"\1",
        "json": header + json.dumps(lines).encode() + b"}}\0",
        "json_pairs": header + json.dumps([line.split() for line in lines[:100000]]).encode() + b"}}\0",
        "blank_lines": b"a b\n" + b"\n" * (4 * MB) + b"\0",
    }


def main():
    folder = sys.argv[1]
    makers = {"json": jsons, "facts": facts, "record": records, "safetensors": safetensors, "torch": torches,
              "numpy": numpies, "png": pngs, "jpeg": jpegs, "bitmap": bitmaps, "exif": exifs, "options": options,
              "text": texts, "tokenizer": tokenizers, "subwords": seed_subwords.grown}
    total = 0
    for target, maker in makers.items():
        os.makedirs(os.path.join(folder, target), exist_ok=True)
        for name, data in maker().items():
            with open(os.path.join(folder, target, name), "wb") as file:
                file.write(data)
            total += len(data)
    print(f"{total >> 20} MB")


if __name__ == "__main__":
    main()
