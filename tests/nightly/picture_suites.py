"""Other projects' picture suites: every file is decoded by our library and by Pillow. Equal pixels, a
refusal with a known reason or a known difference; anything else is an error. Prints the table of
data/FORMATS.md.

usage: picture_suites.py LIBRARY FOLDER... [--show REASON]
    LIBRARY   build/src/api/libvitlrp.so
    FOLDER    suites, unpacked: Pillow's Tests/images, PngSuite, libjpeg-turbo's testimages and
              seed-corpora, bmpsuite, and so on. Every file below is tried, equal ones once.
    --show    names the files of a reason

Needs numpy and Pillow; the known differences are those of Pillow 13.0. None of the suites is part of
this repository. Exit code 1: something is neither equal nor known."""

import argparse
import collections
import ctypes
import hashlib
import os
import pathlib
import re
import sys
import warnings

import numpy as np
import PIL
from PIL import Image, ImageOps, features

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Our message, and the reason that the table names.
REFUSED = (
    ("truncated (JPEG|PNG|WebP|BMP|PNM)", "the file ends early"),
    ("bad WebP", "WebP: an error of libwebp, or of its container"),
    ("^the picture has|more than .* digits|dimension is", "larger than a limit"),
    ("more than .* scans|needs more than .* MiB|an image file of", "larger than a limit"),
    ("cannot have .* pixels", "a side of 0"),
    ("JPEG data: (premature|bad Huffman|bad arithmetic|found marker)", "JPEG: damage that libjpeg warns of"),
    ("extraneous bytes|Inconsistent progression", "JPEG: more than 100 warnings"),
    ("JPEG of .* bits a sample|lossless JPEG|hierarchical JPEG", "JPEG: not 8 bits, lossless or hierarchical"),
    ("JPEG of ", "JPEG: number of components, sampling, no height"),
    ("bad JPEG", "JPEG: an error of libjpeg"),
    ("palette index", "a palette index beyond the palette"),
    ("bad PNG: .*CRC error", "PNG: a checksum is wrong"),
    ("bad PNG", "PNG: another error of libpng"),
    ("compressed BMP", "BMP: compressed"),
    ("BMP (of|with) ", "BMP: depth or header that is not read"),
    ("bad BMP", "BMP: fields that contradict each other, runs beyond their row"),
    ("bad PNM", "PNM: no number, a value too large, no space"),
    ("(AVIF|HEIC|HEIF).* files are not read", "HEIF and AVIF"),
    ("files are not read", "another format, by name"),
    ("not a JPEG, PNG, .* image|the file is empty", "no picture, or an unknown format"),
)

# Pillow's message where only we read, by our format.
ONLY_OURS = (
    ("bmp", "bitfields layout|BMP compression|palette size|not enough image data",
     "BMP: fields and palettes that Pillow does not know, runs that end early"),
    ("png", "chunk|too large|cannot identify|APNG",
     "PNG: chunks that no pixel depends on, damaged or too large"),
    ("jpeg", "cannot identify", "JPEG: an empty JFIF segment"),
)


class Library:
    """The part of the Python package that decodes: the public functions over a file's bytes."""

    def __init__(self, path):
        os.environ["VITLRP_LIBRARY"] = path
        sys.path.insert(0, str(ROOT / "python"))
        from vitlrp import _capi, errors, image
        from vitlrp._library import lib
        self.capi, self.image, self.lib, self.error = _capi, image, lib, errors.VitlrpError

    def read(self, data):
        """Pixels and what is known of them, or a message."""
        try:
            handle = self.image.handle_of(self.lib.vitlrp_image_open_memory, data, len(data), None)
        except self.error as problem:
            return None, str(problem)
        info = self.capi.ImageInfo()
        self.lib.vitlrp_image_describe(handle.pointer, ctypes.byref(info))
        pixels = self.image.pixels_of_image(handle)
        handle.close()
        return (pixels, info.format.decode(), info.warning), None


def read_with_pillow(path):
    """Turned pixels, pixels as stored and the mode, or a message."""
    try:
        with Image.open(path) as picture:
            picture.load()
            try:
                turned = ImageOps.exif_transpose(picture)
            except Exception:  # any: damaged EXIF fails in many ways, and we leave the picture then
                turned = picture
            pixels, stored = (np.asarray(one.convert("RGB")) for one in (turned, picture))
            return (pixels, stored, picture.mode), None
    except Exception as problem:  # any: what they refuse, they refuse in many ways
        return None, f"{type(problem).__name__}: {problem}"


def reason_of_difference(ours, theirs, data):
    """Why both read it and the pixels differ; None: not known."""
    (pixels, kind, warning), (_, stored, mode) = ours, theirs
    if mode in ("I", "I;16", "I;16B"):
        return "16-bit grey: scaled here, clipped by Pillow"
    if warning:
        return "JPEG whose scans are missing: versions of libjpeg-turbo smooth differently"
    if kind == "bmp" and data[14] == 40 and data[30] in (1, 2):
        return "BMP: runs that fill up the last word of a row, which Pillow takes for the next row's"
    return None


def first_match(table, message):
    return next((reason for pattern, reason in table if re.search(pattern, message)), None)


def judge(library, path, data):
    """A class of the table and its reason; None for an unexpected one."""
    ours, refusal = library.read(data)
    theirs, their_refusal = read_with_pillow(path)
    if ours is None:
        kind = "refused by both" if theirs is None else "refused here"
        return kind, first_match(REFUSED, refusal), refusal
    if theirs is None:
        table = [(pattern, reason) for kind, pattern, reason in ONLY_OURS if kind == ours[1]]
        return "refused by Pillow", first_match(table, their_refusal), their_refusal
    if np.array_equal(ours[0], theirs[0]):
        return "equal", "", ""
    told = f"{ours[1]}, {ours[0].shape} and {theirs[0].shape}"
    return "different", reason_of_difference(ours, theirs, data), told


def files_of(folders):
    """Each content once."""
    seen = set()
    for folder in folders:
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                digest = hashlib.sha256(data).digest()
                if digest not in seen:
                    seen.add(digest)
                    yield path, data


def print_table(found):
    kinds = ("refused here", "refused by both", "refused by Pillow", "different")
    total = collections.Counter(kind for kind, _ in found.elements())
    print(f"{total['equal']} equal")
    print("\n| reason | " + " | ".join(kinds) + " |\n| --- | --- | --- | --- | --- |")
    for reason in sorted({reason for kind, reason in found if kind in kinds}):
        print(f"| {reason} | " + " | ".join(str(found[kind, reason] or "") for kind in kinds) + " |")
    print("| all | " + " | ".join(str(total[kind]) for kind in kinds) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library")
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--show", default=None)
    arguments = parser.parse_args()
    library = Library(arguments.library)
    warnings.simplefilter("ignore")
    found, unexpected = collections.Counter(), 0
    for path, data in files_of(arguments.folders):
        kind, reason, message = judge(library, path, data)
        if reason is None:
            unexpected += 1
            print(f"UNEXPECTED {path}: {kind}: {message}")
        elif reason and reason == arguments.show:
            print(f"{kind} {path}: {message}")
        found[kind, reason if reason is not None else "UNEXPECTED"] += 1
    print(f"Pillow {PIL.__version__} with libjpeg-turbo {features.version('libjpeg_turbo')}")
    print_table(found)
    sys.exit(1 if unexpected else 0)


if __name__ == "__main__":
    main()
