"""Ids of SentencePiece and of Hugging Face's tokenizers against ours, for random texts.

usage: subword_ids.py PRINT_IDS ROOT FOLDER [TEXTS]

Reads the models of tests/golden/words, makes a tokenizer.json of SigLIP 2's as transformers does, random unigram and
BPE models whose scores tie often, with user-defined and unused pieces, and the texts; writes to FOLDER. Needs
sentencepiece, tokenizers and protobuf."""

import json
import os
import random
import subprocess
import sys
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers import Tokenizer

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
SPACE = "\u2581"


def load(path):
    with open(path, "rb") as file:
        return proto.ModelProto.FromString(file.read())


def added(i, text, special):
    return {"id": i, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": special}


def template(name, i):
    return {"type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": name, "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {name: {"id": name, "ids": [i], "tokens": [name]}}}


def merges_of(model):
    """As transformers' SentencePieceExtractor: every way to join two pieces to a third, the best third first."""
    ids = {piece.piece: i for i, piece in enumerate(model.pieces)}
    found = []
    for i, piece in enumerate(model.pieces):
        text = piece.piece
        if piece.type in (NORMAL, USER_DEFINED):
            pairs = [(text[:k], text[k:]) for k in range(1, len(text)) if text[:k] in ids and text[k:] in ids]
            found += [(piece.score, pair) for pair in sorted(pairs, key=lambda pair: (ids[pair[0]], ids[pair[1]]))]
    return [list(pair) for _, pair in sorted(found, key=lambda entry: -entry[0])]


def gemma_json(model):
    """The tokenizer.json of a BPE model with byte fallback, with SigLIP 2's lower case."""
    specials = [i for i, piece in enumerate(model.pieces) if piece.type in (UNKNOWN, CONTROL)]
    users = [i for i, piece in enumerate(model.pieces) if piece.type == USER_DEFINED]
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [added(i, model.pieces[i].piece, i in specials) for i in sorted(specials + users)],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Lowercase"}, {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}]},
        "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious",
                          "invert": False},
        "post_processor": template(model.pieces[1].piece, 1),
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": SPACE}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Fuse"}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                  "vocab": {piece.piece: i for i, piece in enumerate(model.pieces)}, "merges": merges_of(model)}}


def unigram_json(model, template_json, normalizer):
    """The tokenizer.json of a unigram model, with the steps of another one."""
    result = dict(template_json)
    result["normalizer"] = normalizer
    result["model"] = {"type": "Unigram", "unk_id": 2, "byte_fallback": False,
                       "vocab": [[piece.piece, piece.score] for piece in model.pieces]}
    result["added_tokens"] = [added(i, model.pieces[i].piece, True) for i in range(3)]
    result["post_processor"] = template("</s>", 1)
    return result


def random_model(base, rng, kind, users):
    """Short pieces of few letters, whose scores tie often."""
    model = proto.ModelProto()
    model.CopyFrom(base)
    kept = [piece for piece in base.pieces if piece.type != NORMAL]
    del model.pieces[:]
    model.pieces.extend(kept)
    texts = {SPACE, "a", "b", "c"}
    while len(texts) < 80:
        texts.add("".join(rng.choice("abc" + SPACE) for _ in range(rng.randint(1, 6))))
    texts = sorted(texts)
    rng.shuffle(texts)
    for i, text in enumerate(texts):
        score = rng.choice([-1.0, -2.0, -2.1, -3.3]) * (len(text) if kind == "unigram" else 1)
        user = users and len(text) > 1 and rng.random() < 0.1
        unused = kind == "unigram" and len(text) > 1 and rng.random() < 0.1
        model.pieces.add(piece=text, score=0.0 if user else score if kind == "unigram" else -float(i // 4),
                         type=USER_DEFINED if user else UNUSED if unused else NORMAL)
    return model


CHARACTERS = [*"aaabbbccc   ", *"etaoin shrdlu,.!'A B-_0129", "\t", "\n", "\r\n", "\u00a0", "\u3000", "e\u0301",
              "a\u030a", "\ufb01", "\ufb01\u0301", "\uff21", "\u1e9b\u0323", "\u00bd", "\u2460", "\u03a3", "\u0130",
              "\u65e5\u672c", "\U0001f600", "\U0001f468\u200d\U0001f469", "\u1100\u1161\u11a8", "\ufdfa", SPACE,
              "\u200b", "\u0915\u094d\u0937\u093f", "\u2126", "\u00e9", "\u0345", "\U0001d400"]


def random_character(rng):
    """One that Python's Unicode knows: of newer ones, what their lower case is depends on the library's age."""
    while True:
        found = chr(rng.randrange(0x20, 0x3000))
        if unicodedata.category(found) != "Cn":
            return found


def random_text(rng, few):
    letters = "abc " if few else CHARACTERS
    text = "".join(rng.choice(letters) for _ in range(rng.randint(0, 40)))
    if not few and rng.random() < 0.2:
        text += "".join(random_character(rng) for _ in range(6))
    return text


def ours(program, path, cleaning, texts):
    data = b"".join(b"%d\n%s" % (len(text), text) for text in (text.encode() for text in texts))
    done = subprocess.run([program, path, cleaning], input=data, stdout=subprocess.PIPE, check=True)
    return [[int(i) for i in line.split()] for line in done.stdout.decode().split("\n")[:-1]]


def compare(name, wanted, found, texts):
    wrong = [i for i in range(len(texts)) if wanted[i] != found[i]]
    print(f"{name}: {len(texts)} texts, {len(wrong)} differ")
    for i in wrong[:5]:
        print(f"  {ascii(texts[i])}: {wanted[i]}, not {found[i]}")
    return len(wrong)


def main():
    program, root, folder = sys.argv[1:4]
    count = int(sys.argv[4]) if len(sys.argv) > 4 else 20000
    words = os.path.join(root, "tests", "golden", "words")
    os.makedirs(folder, exist_ok=True)
    rng = random.Random(7)
    texts = [random_text(rng, False) for _ in range(count)]
    few = [random_text(rng, True) for _ in range(count)]
    wrong = 0

    def by_sentencepiece(name, path, texts):
        processor = sentencepiece.SentencePieceProcessor(model_file=path)
        wanted = [processor.encode(text) + [1] for text in texts]
        return compare(name, wanted, ours(program, path, "none", texts), texts)

    def by_tokenizers(name, path, texts):
        tokenizer = Tokenizer.from_file(path)
        wanted = [tokenizer.encode(text).ids for text in texts]
        return compare(name, wanted, ours(program, path, "none", texts), texts)

    def write(name, value):
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(value if isinstance(value, bytes) else json.dumps(value).encode())
        return path

    t5_model = os.path.join(words, "siglip-tiny", "huggingface", "spiece.model")
    t5_file = os.path.join(words, "siglip-tiny", "open_clip", "tokenizer.json")
    gemma_model = os.path.join(words, "siglip2-tiny", "huggingface", "tokenizer.model")
    wrong += by_sentencepiece("unigram", t5_model, texts)
    wrong += by_tokenizers("unigram, JSON", t5_file, texts)
    wrong += by_sentencepiece("BPE", gemma_model, texts)
    gemma = gemma_json(load(gemma_model))
    with open(os.path.join(words, "siglip2-tiny", "tokenizers", "tokenizer.json"), "rb") as file:
        if json.load(file) != gemma:
            print("siglip2-tiny/tokenizers/tokenizer.json is another one than this script makes")
            wrong += 1
    wrong += by_tokenizers("BPE, JSON", write("gemma.json", gemma), texts)
    with open(t5_file, "rb") as file:
        t5 = json.load(file)
    charsmap = t5["normalizer"]
    steps = {"type": "Sequence", "normalizers": [
        charsmap, {"type": "Strip", "strip_left": False, "strip_right": True},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": SPACE}]}
    metaspace = {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always", "split": True}
    newer = dict(t5, normalizer=steps, pre_tokenizer=metaspace)
    wrong += by_tokenizers("newer T5, JSON", write("newer.json", newer), texts)
    for scheme in ("first", "never"):
        path = write(f"{scheme}.json", dict(newer, pre_tokenizer=dict(metaspace, prepend_scheme=scheme, split=False)))
        wrong += by_tokenizers(f"Metaspace {scheme}, JSON", path, texts)
    for seed in range(10):
        rng = random.Random(seed)
        unigram = random_model(load(t5_model), rng, "unigram", seed % 2 == 1)
        path = write(f"unigram{seed}.model", unigram.SerializeToString())
        wrong += by_sentencepiece(f"random unigram {seed}", path, few)
        if seed % 2 == 0:
            plain = random_model(load(t5_model), rng, "unigram", False)
            path = write(f"unigram{seed}.json", unigram_json(plain, newer, charsmap))
            wrong += by_tokenizers(f"random unigram {seed}, JSON", path, few)
        bpe = random_model(load(gemma_model), rng, "bpe", seed % 2 == 1)
        path = write(f"bpe{seed}.model", bpe.SerializeToString())
        wrong += by_sentencepiece(f"random BPE {seed}", path, few)
        wrong += by_tokenizers(f"random BPE {seed}, JSON", write(f"bpe{seed}.json", gemma_json(bpe)), few)
    sys.exit(1 if wrong else 0)


main()
