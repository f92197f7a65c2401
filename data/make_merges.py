#!/usr/bin/env python3
"""Writes data/clip_merges.bin, CLIP's byte-pair merges for src/text: python3 data/make_merges.py MERGES

MERGES is bpe_simple_vocab_16e6.txt.gz of github.com/openai/CLIP, whose first 48,894 merges are all that CLIP uses, or
the merges.txt of a model of it. The result is one zlib stream of lines "LEFT RIGHT".
"""
import gzip
import pathlib
import sys
import zlib

COUNT = 48894


def main():
    source = pathlib.Path(sys.argv[1]).read_bytes()
    text = gzip.decompress(source) if source[:2] == b"\x1f\x8b" else source
    lines = text.split(b"\n")[1:COUNT + 1]  # behind the line with the version
    if len(lines) != COUNT or any(line.count(b" ") != 1 for line in lines):
        sys.exit(f"{sys.argv[1]}: not CLIP's {COUNT} merges")
    target = pathlib.Path(__file__).with_name("clip_merges.bin")
    target.write_bytes(zlib.compress(b"".join(line + b"\n" for line in lines), 9))
    print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
