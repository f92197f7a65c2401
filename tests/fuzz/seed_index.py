"""States of runs over hidden units, for the fuzz target unit_index: its last byte says how the rest is read."""

import hashlib
import struct

SETTINGS = b"0123456789abcdef" * 4
BOTH = 3  # kinds: a bit for relevance, one for activation
EMPTY = (float("-inf"), 2 ** 32 - 1, 0, 0)


def kept(units, keep, images):
    """The places of all units: what the images leave, with equal scores in pairs."""
    entries = []
    for unit in range(units):
        found = sorted((-(image // 2 * 7 + unit) % 5 / 4, image, image % 3, image % 7) for image in images)
        found = [(-score, *rest) for score, *rest in found][:keep]
        entries += found + [EMPTY] * (keep - len(found))
    columns = list(zip(*entries))
    return b"".join(struct.pack(f"<{len(column)}{code}", *column) for column, code in zip(columns, "fIIH"))


def body(blocks, width, parts, keep, images, kinds, classes, done):
    units = blocks * width
    bits = bytearray((images + 7) // 8)
    for image in done:
        bits[image // 8] |= 1 << image % 8
    sums = struct.pack(f"<{units * 4}q", *(unit * 1000 - 7 for unit in range(units * 4)))
    if parts > 1:
        sums += struct.pack(f"<{units * parts * 2}q", *range(units * parts * 2))
    if classes:
        sums += struct.pack(f"<{classes}Q", len(done), *[0] * (classes - 1))
        sums += b"0123456789abcdef" * 4 + bytes(64) * (classes - 1)
    return kept(units, keep, done) * (2 if kinds == BOTH else 1) + sums + bytes(bits)


def state(blocks, width, parts, keep, images, kinds, classes, done):
    is_first = kinds == BOTH and classes == 0
    version = b"1" if is_first else b"2"
    header = b"vitlrp index " + version + b"\n\0" + struct.pack("<5Q", blocks, width, parts, keep, images) + SETTINGS
    more = b"" if is_first else struct.pack("<2Q", kinds, classes)
    data = header + more + body(blocks, width, parts, keep, images, kinds, classes, done)
    return data, hashlib.sha256(data).hexdigest().encode()


def shape_bytes(blocks, width, parts, keep, images, kinds, classes):
    """As the target takes them, from the last one on."""
    of_classes = (classes,) if kinds & 1 else ()
    return bytes((*of_classes, kinds - 1, images - 1, keep - 1, parts - 1, width - 1, blocks - 1))


def states():
    found = {}
    for name, shape, done in (("fc1", (2, 3, 1, 2, 9, BOTH, 0), range(0, 9, 2)),
                              ("heads", (2, 2, 3, 3, 12, BOTH, 2), range(12)), ("one", (1, 1, 1, 1, 1, BOTH, 0), range(1)),
                              ("empty", (1, 2, 2, 2, 8, BOTH, 0), range(0)), ("relevance", (2, 3, 1, 2, 9, 1, 1), range(9)),
                              ("activation", (1, 2, 3, 2, 9, 2, 0), range(0, 9, 2))):
        data, digest = state(*shape, done)
        found[f"whole_{name}"] = data + digest + b"\0"
        found[f"signed_{name}"] = data + b"\1"
        found[f"body_{name}"] = body(*shape, done) + shape_bytes(*shape) + b"\2"
        images = bytes((k * 29 + 3) & 0xFF for k in range(60 * shape[4]))
        found[f"images_{name}"] = images + shape_bytes(*shape) + b"\3"
    return found
