"""Reads .npy files of floats and whole numbers without NumPy."""

import math
import struct


def read_npy(path):
    """Shape and numbers."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:6] == b"\x93NUMPY"
    wide = data[6] > 1
    size = struct.unpack_from("<I" if wide else "<H", data, 8)[0]
    start = (12 if wide else 10) + size
    header = eval(data[start - size:start].decode("latin1"), {"__builtins__": {}})
    code = {"<f4": "f", "<f8": "d", "<u2": "H", "<u4": "I", "<i8": "q"}[header["descr"]]
    assert not header["fortran_order"]
    count = math.prod(header["shape"])
    return header["shape"], struct.unpack_from(f"<{count}{code}", data, start)
