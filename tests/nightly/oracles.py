"""Our readers against independent ones on the same bytes: Pillow for pictures, NumPy for .npy and
.npz, PyTorch for its checkpoints, sound files and damaged ones. What both read must be equal; what
only the other reads is counted by our reason; what only we read is shown.

usage: oracles.py READ_AS [FILES] [FOLDER]...
    READ_AS   the program made of tests/fuzz/read_as.c
    FILES     how many of each kind (default 2000)
    FOLDER    more files to begin from: corpora of the fuzz targets jpeg, png and bitmap

Needs python3-pil, python3-numpy and python3-torch; a kind whose package is missing is left out, and
said to be. Exit code 1: something differs."""

import collections
import hashlib
import io
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import warnings
import zlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "fuzz"))
import seed_pictures  # noqa: E402

STATUS = ["ok", "usage", "io", "format", "unsupported", "limit", "nomem", "mismatch", "numeric",
          "cancelled", "internal"]


def sha(data):
    return hashlib.sha256(data).hexdigest()


def damaged(rng, data):
    """None, a few or many bytes changed, or the end cut off."""
    data = bytearray(data)
    kind = rng.randrange(8)
    if kind < 2 or not data:
        return bytes(data)
    if kind == 2:
        return bytes(data[:rng.randrange(len(data))])
    for _ in range(rng.choice([1, 1, 1, 2, 3, 10])):
        at = rng.randrange(min(len(data), rng.choice([64, 512, len(data)])))
        data[at] = rng.choice([0, 1, 255, data[at] ^ 1 << rng.randrange(8), rng.randrange(256)])
    return bytes(data)


# ---- Pictures

def repaired_png(data):
    """With every chunk's checksum put right, as far as chunks can be told."""
    out, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        size = struct.unpack_from(">I", data, at)[0]
        if size > len(data) - at - 12:
            break
        body = data[at + 4:at + 8 + size]
        out += data[at:at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + size
    return bytes(out) + data[at:]


def made_picture(rng, image):
    """A file of Pillow's own."""
    size = (rng.randrange(1, 40), rng.randrange(1, 40))
    mode = rng.choice(["1", "L", "LA", "P", "RGB", "RGBA"])
    pixels = image.frombytes("RGBA", size, rng.randbytes(4 * size[0] * size[1]))
    if rng.random() < 0.5:
        pixels = pixels.resize((4, 4)).resize(size)
    pixels = pixels.convert("RGB").quantize(rng.randrange(2, 257)) if mode == "P" \
        else pixels.convert(mode)
    out = io.BytesIO()
    kind = rng.choice(["PNG", "BMP", "PPM", "JPEG", "JPEG"])
    if kind == "JPEG":
        pixels = pixels.convert(rng.choice(["L", "RGB", "RGB", "CMYK"]))
        pixels.save(out, kind, quality=rng.randrange(1, 101), progressive=rng.random() < 0.5,
                    optimize=rng.random() < 0.5, subsampling=rng.randrange(3))
    elif kind == "PNG":
        pixels.save(out, kind)
    else:
        pixels.convert(rng.choice(["1", "L", "RGB"])).save(out, kind)
    return out.getvalue()


class Pictures:
    kind = "image"

    def __init__(self, folders):
        from PIL import Image
        self.image = Image
        self.bases = [data for made in (seed_pictures.jpegs(), seed_pictures.pngs(),
                                        seed_pictures.bitmaps()) for data in made.values()]
        self.bases += [path.read_bytes() for folder in folders
                       for path in sorted(pathlib.Path(folder).iterdir())]

    def file(self, rng):
        base = made_picture(rng, self.image) if rng.random() < 0.4 else rng.choice(self.bases)
        data = damaged(rng, base)
        return repaired_png(data) if data[:4] == b"\x89PNG" and rng.random() < 0.8 else data

    def read(self, path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with self.image.open(path, formats=["JPEG", "PNG", "BMP", "PPM"]) as image:
                image.load()
                width, height = image.size
                if image.mode in ("I", "I;16", "I;16B", "F"):
                    return None  # clipped where we scale (imgio/decode.h)
                return f"ok {width} {height} {sha(image.convert('RGB').tobytes())}"


# ---- Arrays and weights

def made_array(rng, numpy, types=("<f4",)):
    shape = tuple(rng.choice([0, 1, 2, 3, 7]) if rng.random() < 0.3 else rng.randrange(1, 6)
                  for _ in range(rng.randrange(5)))
    count = 1
    for extent in shape:
        count *= extent
    numbers = numpy.array([rng.uniform(-9, 9) for _ in range(count)])
    array = numbers.astype(rng.choice(types)).reshape(shape)
    return numpy.asfortranarray(array) if rng.random() < 0.2 else array


def shape_text(shape):
    return " ".join(map(str, (len(shape), *shape)))


def tensors_text(tensors):
    """As read_as tells them, in the order of the names."""
    parts = [f"{name.encode().hex()} {shape_text(shape)} {digest}"
             for name, (shape, digest) in sorted(tensors.items())]
    return " ".join([f"ok {len(parts)}", *parts])


class Arrays:
    kind = "array"

    def __init__(self, folders):
        import numpy
        self.numpy = numpy

    def file(self, rng):
        out = io.BytesIO()
        types = ("<f4", "<f4", "<f8", "<f2", ">f4", "<i4", "?")
        version = rng.choice([None, (1, 0), (2, 0), (3, 0)])
        self.numpy.lib.format.write_array(out, made_array(rng, self.numpy, types), version)
        return damaged(rng, out.getvalue())

    def read(self, path):
        array = self.numpy.load(path, allow_pickle=False)
        if array.dtype != "<f4" or not (array.flags.c_contiguous or array.size == 0):
            raise ValueError("not float32 in C order")
        return f"ok {shape_text(array.shape)} {sha(array.tobytes())}"


class Archives(Arrays):
    kind = "weights"

    def file(self, rng):
        out = io.BytesIO()
        arrays = {f"a/{i}": made_array(rng, self.numpy, ("<f4", "<f4", "<f2"))
                  for i in range(rng.randrange(1, 5))}
        (self.numpy.savez if rng.random() < 0.5 else self.numpy.savez_compressed)(out, **arrays)
        return damaged(rng, out.getvalue())

    def read(self, path):
        tensors = {}
        with self.numpy.load(path, allow_pickle=False) as archive:
            for name in archive.files:
                array = archive[name]
                if array.dtype.kind != "f" or not self.numpy.isfinite(array).all():
                    raise ValueError("not finite floats")
                tensors[name] = (array.shape, sha(array.astype("<f4").tobytes()))
        return tensors_text(tensors)


class Checkpoints:
    kind = "weights"

    def __init__(self, folders):
        import numpy
        import torch
        self.numpy, self.torch = numpy, torch

    def file(self, rng):
        torch, state = self.torch, collections.OrderedDict()
        for i in range(rng.randrange(1, 5)):
            tensor = torch.from_numpy(self.numpy.ascontiguousarray(
                made_array(rng, self.numpy, ("<f4", "<f4", "<f2")))).clone()
            if rng.random() < 0.2:
                tensor = tensor.to(torch.bfloat16)
            if rng.random() < 0.2 and tensor.dim() > 0:
                tensor = tensor[:1] if rng.random() < 0.5 else tensor.t() if tensor.dim() == 2 \
                    else torch.nn.Parameter(tensor)
            state[f"layer.{i}"] = tensor
            if rng.random() < 0.1:
                state[f"again.{i}"] = tensor
        whole = state if rng.random() < 0.7 else {"epoch": 3, "state_dict": state, "best": True}
        out = io.BytesIO()
        torch.save(whole, out, _use_new_zipfile_serialization=rng.random() < 0.5)
        return damaged(rng, out.getvalue())

    def read(self, path):
        whole = self.torch.load(path, weights_only=True, map_location="cpu")
        tensors = {}
        inner = [value for value in whole.values() if isinstance(value, dict)]
        for name, tensor in (inner[0] if inner else whole).items():
            if not self.torch.is_tensor(tensor):
                continue
            if not self.torch.isfinite(tensor).all():
                raise ValueError("not finite")
            numbers = tensor.detach().to(self.torch.float32).contiguous().numpy()
            tensors[name] = (tuple(tensor.shape), sha(numbers.tobytes()))
        return tensors_text(tensors)


# ---- Comparison

def sorted_tensors(line):
    """read_as's line of weights with the tensors in the order of their names."""
    words = line.split()
    at, parts = 2, []
    while at < len(words):
        end = at + 3 + int(words[at + 1])
        parts.append((bytes.fromhex(words[at]), " ".join(words[at:end])))
        at = end
    return " ".join(words[:2] + [text for _, text in sorted(parts)])


def compare(reader, program, count, folder, rng):
    """The number of differences; prints a line of what came of the files."""
    ours = subprocess.Popen([program, reader.kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            text=True, errors="backslashreplace")
    found, shown = collections.Counter(), []
    for i in range(count):
        data = reader.file(rng)
        path = os.path.join(folder, "input")
        with open(path, "wb") as file:
            file.write(data)
        try:
            theirs = reader.read(path)
        except Exception as problem:  # any: what they refuse, they refuse in many ways
            theirs = f"no: {type(problem).__name__}: {problem}"
        ours.stdin.write(path + "\n")
        ours.stdin.flush()
        line = ours.stdout.readline().strip()
        if line.startswith("ok") and reader.kind == "weights":
            line = sorted_tensors(line)
        if theirs is None:
            what = "not comparable"
        elif line.startswith("ok") and theirs.startswith("ok"):
            what = "equal" if line == theirs else "DIFFERENT"
        elif line.startswith("ok"):
            what = "only ours"
        elif not line:
            sys.exit(f"{program} ended at file {i}, which is left as {path}")
        else:
            status = STATUS[int(line.split()[0])]
            what = f"only theirs, ours: {status}" if theirs.startswith("ok") else "both refuse"
        found[what] += 1
        if what in ("DIFFERENT", "only ours") or what.startswith("only theirs"):
            shown.append((what, line, theirs, data))
    ours.stdin.close()
    ours.wait()
    print(f"{type(reader).__name__}: " + ", ".join(f"{n} {what}" for what, n in found.most_common()))
    return found["DIFFERENT"], shown


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    different = 0
    for kind in (Pictures, Arrays, Archives, Checkpoints):
        try:
            reader = kind(sys.argv[3:])
        except ImportError as missing:
            print(f"{kind.__name__}: left out: {missing}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            differences, shown = compare(reader, program, count, folder, random.Random(1))
        different += differences
        seen = collections.Counter()
        for what, ours, theirs, data in shown:
            seen[what] += 1
            if seen[what] <= 5 and "only theirs" not in what:
                print(f"  {what}\n    ours   {ours[:300]}\n    theirs {theirs[-300:]}\n    {len(data)} bytes")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
