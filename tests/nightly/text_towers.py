"""Text and image towers of CLIP and SigLIP as open_clip and transformers run them: models of published shapes and
random weights, written as these libraries write them. The ids of 500 texts are the libraries' tokenizers', and
embeddings of texts and of an image theirs in float64, to 1e-4.

usage: text_towers.py PRINT_TEXTS ROOT [--only REGEX] [--texts N] [--blocks N]

--blocks reduces every tower to so many. VITLRP_LIBRARY and PYTHONPATH say where the library and the package are. Needs
torch, timm, transformers, open_clip, sentencepiece and protobuf. Ends with 1 if anything differs."""

import argparse
import copy
import dataclasses
import gzip
import json
import logging
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import typing
import warnings
import zlib

import numpy as np
import open_clip
import open_clip.tokenizer
import safetensors.torch
import torch
import transformers
from architectures_draw import draw_parameters

import vitlrp

TOLERANCE = 1e-4
AT_ONCE = 50
START, END = "<|startoftext|>", "<|endoftext|>"


@dataclasses.dataclass
class Built:
    texts: typing.Callable  # of a list of texts: ids, a list of lists, and embeddings
    image: typing.Callable  # of pixels (1, 3, height, width) in float64: the embedding
    side: int  # of the input


def strengthened(model, seed):
    """All parameters drawn anew; the scale stays what it was, so that it is one that training may give."""
    scale = model.logit_scale.detach().clone()
    model = draw_parameters(model.float(), seed)
    with torch.no_grad():
        model.logit_scale.copy_(scale)
    return model


def write_json(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(value, file)


def by_ids(ids, encode):
    """Embeddings of rows of equal length, a few at a time."""
    rows = torch.as_tensor(ids)
    with torch.no_grad():
        return torch.cat([encode(rows[i:i + AT_ONCE]) for i in range(0, len(rows), AT_ONCE)]).numpy()


def unpadded(ids, end):
    """CLIP's padding is behind the first end, and ours is left out."""
    return [row[:row.index(end) + 1] for row in ids]


# ---- open_clip ----

def open_clip_config(name, blocks):
    config = copy.deepcopy(open_clip.get_model_config(name))
    if blocks > 0:
        config["text_cfg"]["layers"] = blocks
        if "timm_model_name" in config["vision_cfg"]:
            config["vision_cfg"]["timm_model_kwargs"] = {"depth": blocks}
        else:
            config["vision_cfg"]["layers"] = blocks
    return config


def create_open_clip(config):
    keys = copy.deepcopy(config)
    kwargs = keys["vision_cfg"].pop("timm_model_kwargs", {})
    is_custom = keys.pop("custom_text", False)
    cls = open_clip.model.CustomTextCLIP if is_custom else open_clip.model.CLIP
    create = open_clip.timm_model.timm.create_model
    open_clip.timm_model.timm.create_model = lambda name, **more: create(name, **more, **kwargs)
    try:
        return cls(**keys)
    finally:
        open_clip.timm_model.timm.create_model = create


def write_open_clip(model, config, folder):
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    safetensors.torch.save_file(state, os.path.join(folder, "open_clip_model.safetensors"))
    write_json(folder, "open_clip_config.json", {"model_cfg": config, "preprocess_cfg": {}})


def build_open_clip(name, root, folder, blocks, seed):
    config = open_clip_config(name, blocks)
    is_siglip = "SigLIP" in name
    if is_siglip:
        words = os.path.join(root, "tests", "golden", "words", "siglip-tiny", "open_clip")
        shutil.copy(os.path.join(words, "tokenizer.json"), folder)
        write_json(folder, "tokenizer_config.json", {
            "tokenizer_class": "T5Tokenizer", "eos_token": "</s>", "pad_token": "</s>", "unk_token": "<unk>",
            "extra_ids": 0})
        config["text_cfg"]["vocab_size"] = 1000
        tokenizer = open_clip.tokenizer.HFTokenizer(folder, context_length=64, clean="canonicalize")
        os.unlink(os.path.join(folder, "tokenizer_config.json"))
    else:
        tokenizer = open_clip.tokenizer.SimpleTokenizer()
    model = strengthened(create_open_clip(config), seed)
    write_open_clip(model, config, folder)
    model = model.double()

    def texts(lines):
        ids = tokenizer(lines).tolist()
        return ids if is_siglip else unpadded(ids, 49407), by_ids(ids, model.encode_text)

    return Built(texts, model.encode_image, config["vision_cfg"]["image_size"])


# ---- transformers ----

def write_clip_words(folder):
    """The vocabulary that open_clip has in it, as transformers writes one."""
    known = open_clip.tokenizer.SimpleTokenizer()
    merges = sorted(known.bpe_ranks, key=known.bpe_ranks.get)
    vocabulary = dict(known.encoder)
    for name, i in ((START, 49406), (END, 49407)):
        vocabulary = {text: number for text, number in vocabulary.items() if number != i}
        vocabulary[name] = i
    write_json(folder, "vocab.json", vocabulary)
    with open(os.path.join(folder, "merges.txt"), "w", encoding="utf-8") as file:
        file.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    return transformers.CLIPTokenizer.from_pretrained(folder)


def clip_config(width, patch, text_width, blocks, vision_blocks, end_id):
    vision = {"hidden_size": width, "num_attention_heads": width // 64, "intermediate_size": 4 * width,
              "patch_size": patch, "image_size": 224, "num_hidden_layers": vision_blocks}
    text = {"hidden_size": text_width, "num_attention_heads": text_width // 64, "intermediate_size": 4 * text_width,
            "num_hidden_layers": blocks, "eos_token_id": end_id, "bos_token_id": 0 if end_id == 2 else 49406,
            "pad_token_id": 1}
    return transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=text_width)


def embedding_of(output):
    """Older versions give the embedding itself."""
    return output if isinstance(output, torch.Tensor) else output.pooler_output


def saved(model, folder, seed):
    model = strengthened(model, seed)
    model.save_pretrained(folder)
    return model.double()


def build_clip(shape, root, folder, blocks, seed):
    del root
    width, patch, text_width, depth, end_id = shape
    config = clip_config(width, patch, text_width, blocks or 12, blocks or depth, end_id)
    tokenizer = write_clip_words(folder)
    model = saved(transformers.CLIPModel(config), folder, seed)

    def texts(lines):
        ids = tokenizer(lines, padding="max_length", max_length=77, truncation=True)["input_ids"]
        found = by_ids(ids, lambda rows: embedding_of(model.get_text_features(input_ids=rows)))
        return unpadded(ids, 49407), found

    return Built(texts, lambda pixels: embedding_of(model.get_image_features(pixel_values=pixels)), 224)


def build_siglip(shape, root, folder, blocks, seed):
    width, patch = shape
    depth = blocks or 12
    vision = {"hidden_size": width, "num_attention_heads": width // 64, "intermediate_size": 4 * width,
              "patch_size": patch, "image_size": 224, "num_hidden_layers": depth}
    text = {"hidden_size": width, "num_attention_heads": width // 64, "intermediate_size": 4 * width,
            "num_hidden_layers": depth, "vocab_size": 1000, "max_position_embeddings": 64, "projection_size": width}
    words = os.path.join(root, "tests", "golden", "words", "siglip-tiny", "huggingface")
    shutil.copy(os.path.join(words, "spiece.model"), folder)
    tokenizer = transformers.SiglipTokenizer(os.path.join(folder, "spiece.model"))
    model = saved(transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=vision)),
                  folder, seed)

    def texts(lines):
        ids = tokenizer(lines, padding="max_length", max_length=64, truncation=True)["input_ids"]
        return ids, by_ids(ids, lambda rows: embedding_of(model.get_text_features(input_ids=rows)))

    return Built(texts, lambda pixels: embedding_of(model.get_image_features(pixel_values=pixels)), 224)


# ---- Both ----

L14 = 4  # blocks, of 24 and 12: it is the largest
CASES = {
    "open_clip ViT-B-32-quickgelu": (build_open_clip, "ViT-B-32-quickgelu", 0),
    "open_clip ViT-B-16": (build_open_clip, "ViT-B-16", 0),
    "open_clip ViT-L-14-quickgelu": (build_open_clip, "ViT-L-14-quickgelu", L14),
    "open_clip ViT-B-16-SigLIP": (build_open_clip, "ViT-B-16-SigLIP", 0),
    "transformers CLIP B/32": (build_clip, (768, 32, 512, 12, 2), 0),
    "transformers CLIP B/16": (build_clip, (768, 16, 512, 12, 49407), 0),
    "transformers CLIP L/14": (build_clip, (1024, 14, 768, 24, 49407), L14),
    "transformers SigLIP B/16": (build_siglip, (768, 16), 0),
}


def ours(program, folder, texts):
    """Ids and embeddings; None of a text that is refused, which is printed."""
    data = b"".join(b"%d\n%s" % (len(text), text) for text in (text.encode() for text in texts))
    done = subprocess.run([program, folder], input=data, stdout=subprocess.PIPE, check=True)
    found = []
    for text, line in zip(texts, done.stdout.decode().split("\n")):
        ids, colon, numbers = line.partition(":")
        if not colon:
            print(f"  refused: {ascii(text)}: {line}")
        found.append((ids.split(), numbers.split()) if colon else None)
    return [one and ([int(i) for i in one[0]], np.array(one[1], np.float64)) for one in found]


def error_of(found, wanted):
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def compare_texts(program, folder, built, texts):
    ids, embeddings = built.texts(texts)
    wrong, worst = 0, 0.0
    for text, one, wanted, row in zip(texts, ours(program, folder, texts), ids, embeddings):
        if one is None or one[0] != list(wanted):
            print(f"  ids of {ascii(text)}: {wanted}, not {one and one[0]}")
            wrong += 1
        elif not error_of(one[1], row) <= TOLERANCE:
            print(f"  embedding of {ascii(text)} is off by {error_of(one[1], row):.1e}")
            wrong += 1
        else:
            worst = max(worst, error_of(one[1], row))
    return wrong, worst


def compare_image(folder, built, seed):
    pixels = torch.randn((1, 3, built.side, built.side), generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        wanted = built.image(pixels.double())[0].numpy()
    return error_of(vitlrp.Model(folder).embedding(pixels[0].numpy()), wanted)


def read_texts(root, count):
    """A prompt of ours ends at a NUL."""
    path = os.path.join(root, "tests", "golden", "text", "tokens.jsonl.gz")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    texts = [text for text in texts if "\0" not in text]
    return random.Random(7).sample(texts, count)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("root")
    parser.add_argument("--only", default="")
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument("--blocks", type=int, default=0)
    settings = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    transformers.utils.logging.disable_progress_bar()
    texts = read_texts(settings.root, settings.texts)
    failed = 0
    for name, (build, shape, blocks) in CASES.items():
        if not re.search(settings.only, name):
            continue
        seed = zlib.crc32(name.encode())
        with tempfile.TemporaryDirectory() as folder:
            built = build(shape, settings.root, folder, settings.blocks or blocks, seed)
            wrong, worst = compare_texts(settings.program, folder, built, texts)
            image = compare_image(folder, built, seed)
        failed += wrong > 0 or not image <= TOLERANCE
        print(f"{name}: {len(texts)} texts, {wrong} differ, the others by {worst:.1e}; the image by {image:.1e}",
              flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
