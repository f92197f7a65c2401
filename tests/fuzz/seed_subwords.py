"""Small files of SentencePiece and tokenizer.json, with texts, for fuzz_subwords.c and fuzz_tokenizer.c."""

import base64
import json
import struct

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
SPACE = "\u2581"
WORDS = [SPACE, "a", "b", "c", "ab", SPACE + "a", "abc", SPACE + "red", "r", "e", "d", "re", "\u65e5"]


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def data(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def piece(text, score, kind):
    return data(1, data(1, text.encode()) + varint(2 << 3 | 5) + struct.pack("<f", score) + number(3, kind))


def charsmap():
    """'a' becomes "b"."""
    units = [0] * 256
    units[97] = 97 | 256 | 96 << 10
    units[1] = 1 << 31
    return struct.pack("<257I", 1024, *units) + b"b\0"


def model(kind, mapped=False):
    bpe = kind == 2
    pieces = piece("<pad>", 0, CONTROL) + piece("</s>", 0, CONTROL) + piece("<unk>", 0, UNKNOWN)
    if bpe:
        pieces += b"".join(piece(f"<0x{i:02X}>", 0, BYTE) for i in range(256))
    pieces += b"".join(piece(text, -1.5 - i, NORMAL) for i, text in enumerate(WORDS)) + piece("  ", 0, USER_DEFINED)
    trainer = number(3, kind) + (number(35, 1) if bpe else b"") + number(40, 2) + number(42, 1) + number(43, 0)
    normalizer = (data(2, charsmap()) if mapped else b"") + number(3, 0 if bpe else 1) + number(4, 0 if bpe else 1)
    return pieces + data(2, trainer) + data(3, normalizer)


def unigram_json():
    steps = [{"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap()).decode()},
             {"type": "Lowercase"}, {"type": "Strip", "strip_left": False, "strip_right": True},
             {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": SPACE}, {"type": "Prepend", "prepend": " "}]
    before = [{"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "first"}]
    after = {"type": "TemplateProcessing",
             "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
             "special_tokens": {"</s>": {"id": "</s>", "ids": [0], "tokens": ["</s>"]}}}
    added = [{"id": 0, "content": "</s>", "special": True}, {"id": 20, "content": "\n\n", "special": False}]
    vocab = [["</s>", 0.0], ["<unk>", 0.0]] + [[text, -1.5 - i] for i, text in enumerate(WORDS)]
    return json.dumps({"added_tokens": added, "normalizer": {"type": "Sequence", "normalizers": steps},
                       "pre_tokenizer": {"type": "Sequence", "pretokenizers": before}, "post_processor": after,
                       "padding": {"direction": "Right", "pad_id": 0},
                       "model": {"type": "Unigram", "unk_id": 1, "vocab": vocab}}).encode()


def bpe_json():
    vocab = {f"<0x{i:02X}>": i for i in range(256)}
    vocab.update({text: 256 + i for i, text in enumerate(WORDS)})
    split = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    return json.dumps({"normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
                       "pre_tokenizer": split,
                       "model": {"type": "BPE", "byte_fallback": True, "vocab": vocab,
                                 "merges": [["a", "b"], "ab c", [SPACE, "a"], "r e"]}}).encode()


FILES = {"unigram": model(1), "mapped": model(1, True), "bpe": model(2), "unigram_json": unigram_json(),
         "bpe_json": bpe_json()}
TEXTS = ["a red abc", "  \u65e5\u672c \n\n ab\tab </s>x"]


def with_texts():
    """Inputs of fuzz_subwords.c."""
    return {f"{name}{i}": file + text.encode() + struct.pack("<H", len(text.encode())) + bytes([2])
            for name, file in FILES.items() for i, text in enumerate(TEXTS)}


def grown():
    """Inputs of megabytes, or that would make them: pieces, merges, and texts that one thing fills."""
    text = "ab" * 30000
    end = text.encode() + struct.pack("<H", len(text)) + bytes([2])
    many = b"".join(piece(f"p{i}", -1.0, NORMAL) for i in range(100000))
    same = b"".join(piece("x" * 500 + str(i), -1.0, NORMAL) for i in range(4000))
    vocab = json.dumps([["</s>", 0.0]] + [[f"p{i}", -1.0] for i in range(100000)]).encode()
    found = {f"text_{name}": file + end for name, file in FILES.items()}
    found["pieces"] = model(1) + many + end
    found["alike"] = model(1) + same + end
    run = "x" * 20000
    nested = b"".join(piece("x" * length, -1.0, NORMAL) for length in range(1, 513))
    for kind in (1, 2):
        found[f"nested{kind}"] = model(kind) + nested + run.encode() + struct.pack("<H", len(run)) + bytes([2])
    found["vocabulary"] = b'{"model":{"type":"Unigram","unk_id":0,"vocab":' + vocab + b"}}" + end
    found["keys"] = b'{"model":{"type":"Unigram","unk_id":0,"vocab":[]' + b',"vocab":[]' * 100000 + b"}}" + end
    return found
