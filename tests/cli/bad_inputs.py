"""Files that the command must refuse, made from good ones or by hand."""

import io
import json
import os
import pickle
import struct
import sys
import zipfile
import zlib


sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "fuzz"))
import seed_checkpoints


def safetensors(tensors, header=None):
    """A file of {name: (dtype, shape, offsets)}; data is zeros to the last offset."""
    if header is None:
        header = {name: {"dtype": dtype, "shape": shape, "data_offsets": offsets}
                  for name, (dtype, shape, offsets) in tensors.items()}
    text = json.dumps(header).encode()
    end = max(entry["data_offsets"][1] for entry in header.values() if "data_offsets" in entry)
    return struct.pack("<Q", len(text)) + text + bytes(min(end, 1 << 16))


def read_safetensors(path):
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:8 + size]), data[8 + size:]


def without_tensor(path, name):
    """The same weights less one tensor, the others moved together."""
    header, data = read_safetensors(path)
    kept, body = {}, b""
    for key, entry in header.items():
        if key == "__metadata__":
            kept[key] = entry
        elif key != name:
            begin, end = entry["data_offsets"]
            kept[key] = dict(entry, data_offsets=[len(body), len(body) + end - begin])
            body += data[begin:end]
    assert len(kept) == len(header) - 1
    text = json.dumps(kept).encode()
    return struct.pack("<Q", len(text)) + text + body


def with_weight(path, name, value):
    """The same weights but for the first element of one tensor."""
    header, data = read_safetensors(path)
    begin = header[name]["data_offsets"][0]
    text = json.dumps(header).encode()
    return (struct.pack("<Q", len(text)) + text + data[:begin] + struct.pack("<f", value) +
            data[begin + 4:])


def many_values(count):
    text = json.dumps({"a": [[]] * count}).encode()
    return struct.pack("<Q", len(text)) + text


class _Evil:
    def __reduce__(self):
        return os.system, ("touch executed",)


def evil_pth():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"w": _Evil()}, protocol=2))
        archive.writestr("archive/version", "3\n")
    return out.getvalue()


def png(width, height, data):
    """An RGB picture whose pixels are what `data` holds, deflated."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) +
            chunk(b"IEND", b""))


def pictures():
    return {
        "small.png": png(8, 8, bytes(25 * 8)),
        "million.png": png(1000000, 1000000, bytes(64)),
        "bomb.png": png(8, 8, bytes(200 << 20)),
        "one.byte": b"\xff",
        "wide.pgm": b"P5 99999999999 1 255\n",
        "huge.pgm": b"P5 65500 65500 255\n",
        "negative.ppm": b"P6 -3 4 255\n" + bytes(36),
        "names.txt": b"\xff\xfe\n" * 10,
    }


def make(folder, data, parity):
    with open(os.path.join(data, "goldfish.jpg"), "rb") as file:
        jpeg = file.read()
    timm = os.path.join(parity, "timm.safetensors")
    with open(timm, "rb") as file:
        weights = file.read()
    files = {
        "truncated.jpg": jpeg[:len(jpeg) // 2],
        "text.png": b"This is not a picture, whatever its name says.\n",
        "empty.jpg": b"",
        "page.pth": b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head></html>\n",
        "pointer.safetensors": b"version https://git-lfs.github.com/spec/v1\noid sha256:" +
                               b"0" * 64 + b"\nsize 346284714\n",
        "overlap.safetensors": safetensors({"a": ("F32", [4], [0, 16]), "b": ("F32", [4], [8, 24])}),
        "overflow.safetensors": safetensors({"a": ("F32", [1 << 32, 1 << 32], [0, 16])}),
        "short.safetensors": weights[:len(weights) // 2],
        "evil.pth": evil_pth(),
        "zip64.npz": seed_checkpoints.zip64(seed_checkpoints.npz(seed_checkpoints.jax())),
        "resnet.safetensors": safetensors({
            "conv1.weight": ("F32", [4, 3, 7, 7], [0, 2352]),
            "bn1.weight": ("F32", [4], [2352, 2368]),
            "fc.weight": ("F32", [10, 4], [2368, 2528])}),
        "huge_weight.safetensors": with_weight(timm, "blocks.0.norm1.weight", 1e38),
        "json.safetensors": many_values(600),
        "missing_tensor.safetensors": without_tensor(timm, "blocks.1.mlp.fc1.bias"),
    }
    files.update(pictures())
    os.makedirs(folder, exist_ok=True)
    for name, content in files.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
