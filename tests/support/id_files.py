"""Writes the ids of the prompts of a folder of golden/words as a .npy: id_files.py EXPECTED FILE [ID [TYPE [END]]]

ID takes the place of a token, and the ends of texts become nothing where END is given, so that something is wrong."""

import json
import struct
import sys

LETTERS = {"<i8": "q", "<i4": "i", "<f4": "f"}
WIDTH = 12


def main(expected, path, wrong=None, kind="<i8", end=None):
    with open(expected, encoding="utf-8") as file:
        texts = json.load(file)["token_ids"]
    rows = [ids + [-1] * (WIDTH - len(ids)) for ids in texts]
    if wrong is not None:
        rows[1][2] = int(wrong)
    numbers = [5 if end is not None and number == int(end) else number for row in rows for number in row]
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({len(rows)}, {WIDTH}), }}"
    head = head.ljust(117) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        file.write(struct.pack(f"<{len(numbers)}{LETTERS[kind]}", *numbers))


if __name__ == "__main__":
    main(*sys.argv[1:])
