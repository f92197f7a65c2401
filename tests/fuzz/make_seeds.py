"""The inputs that the fuzz targets begin with. usage: make_seeds.py ROOT FOLDER

Small files, made without any library beyond Python's own; FOLDER gets a folder for each target. The
last bytes of an input choose the target's options (fuzz.h)."""

import gzip
import os
import struct
import sys

import seed_checkpoints
import seed_grown
import seed_index
import seed_pictures
import seed_subwords


def read(root, *path):
    with open(os.path.join(root, *path), "rb") as file:
        return file.read()


def texts():
    paths = b"a/b.jpg\nc.png\tn01443537\n\n./d e.ppm\t3\n"
    labels = b"ImageId,label\na/b.jpg,n01443537\nc.png,2\nd e.ppm,7\n        "
    boxes = b"path,xmin,ymin,xmax,ymax\nb.jpg,1,2,3,4\nc.png,0,0,9.5,7\n"
    return {
        "object": (b'{"a":[1,2.5,-3e-7,null,true,"\\u00e9"],"b":{"c":{}}}', 0),
        "deep": (b'{"a":' + b"[" * 70 + b"]" * 70 + b"}", 0),
        "twice": (b'{"a":1,"a":2}', 0),
        "list": (paths, 2),
        "labels": (paths.ljust(len(labels), b"\n") + labels, 3),
        "boxes": (paths.ljust(len(boxes), b"\n") + boxes, 4),
        "classes": (b"index\twnid\tname\n0\tn01440764\ttench\n5\tn01496331\telectric ray, ray\n", 5),
        "names": (b"\xef\xbb\xbftench\r\ngoldfish\r\n\r\n", 5),
    }


# Of fuzz_facts.c's kinds, those that are models of the zoo.
ZOO = {3: "timm-plain", 4: "timm-beit", 5: "timm-eva02-base", 6: "timm-dinov3", 7: "timm-siglip-map", 8: "hf-beit",
       9: "hf-dinov3", 10: "hf-siglip-vision", 11: "hf-clip-classifier", 12: "hf-aimv2-head", 13: "open-clip-tower",
       15: "hf-dinov2-swiglu"}


def facts(root):
    """Files beside weights, and the number of the kind that they are read as."""
    config = (b'{"model_type":"vit","hidden_size":32,"num_hidden_layers":3,"num_attention_heads":4,'
              b'"intermediate_size":128,"image_size":32,"patch_size":8,"hidden_act":"gelu",'
              b'"layer_norm_eps":1e-06,"id2label":{"0":"a","1":"b","9":"c"}}')
    preprocessor = (b'{"do_resize":true,"size":{"height":32,"width":32},"resample":2,'
                    b'"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5],"crop_size":32,'
                    b'"rescale_factor":0.00392156862745098}')
    nested = b'{"image_processor":' + preprocessor + b"}"
    adapter = (b'{"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["proj"],"bias":"none",'
               b'"use_rslora":false,"modules_to_save":null,"init_lora_weights":true}')
    found = {
        "config": (config, 0),
        "sidecars": (config + preprocessor.ljust(len(config)), 1),
        "processor": (preprocessor.ljust(len(nested)) + nested, 2),
        "adapter": (adapter, 14),
    }
    for kind, name in ZOO.items():
        file = "open_clip_config.json" if name == "open-clip-tower" else "config.json"
        found[name] = (read(root, "tests/golden/zoo", name, "model", file), kind)
    return found


def typed_texts():
    """Texts, and the number of the cleaning that they get."""
    lines = ["A photo of 2 dogs, isn't it?!'s ''ll 3.14", "na\u00efve cafe\u0301s \u65e5\u672c\u8a9e \U0001f600\u200d\U0001f468",
             "&amp;amp;lt;&EACUTE;&copy 2020 &notit; &#65;&#x1F600;&#128;&#0;", "<b>&rsquo;</b>\n&rsquo;\r\n\x85\x93",
             "\ufb01\u0132\uff21\uff82\u3000\u2018\u201f\u2028\ufeff", "x\u0345y '\u017f \u03a3\u0391\u03a3 \u0130",
             "a\u0323\u0307\u0301\u0316 \u1100\u1161\u11a8", "a <|EndOfText|>", " \t\n",
             "x_y-z, \u00bfhow?  {}/\\ \u2019s \u0130\u03a3 \u0587"]
    return {f"line{i}_{cleaning}": line.encode() + bytes([cleaning])
            for i, line in enumerate(lines) for cleaning in range(6)}


def tokenizers(root):
    small = {name: read(root, "tests/golden/text/small", name) for name in
             ("merges.txt", "vocab.json", "tokenizer.json")}
    lines = b"#version: 0.2\na b\nb c</w>\nab c</w>\n"
    ids = small["vocab.json"]
    few = b'{"version":"1.0","added_tokens":[],"model":{"type":"BPE","end_of_word_suffix":"</w>",'
    return {
        "lines": lines + b"\0",
        "small": small["merges.txt"] + b"\0",
        "ids": small["merges.txt"].ljust(len(ids), b"\n") + ids + b"\1",
        "json": small["tokenizer.json"] + b"\0",
        "few": few + b'"vocab":{"a":0},"merges":["a b",["ab","c</w>"]]}}\0',
        "gzip": gzip.compress(b'"bpe_simple_vocab_16e6.txt' + lines, mtime=0) + b"\0",
    }


def command_lines():
    return [
        "a.jpg -o heat.png --class 281 --versus 285 --style panel --cmap viridis --opacity 0.5",
        "explain a.jpg b.png -o {stem}.{class}.png --class top:3 --method rollout -v --json -",
        "eval folder --methods attnlrp,rollout --steps 28 --limit 9 --seed 3 --shard 0/4 --html a",
        "tune folder --method attnlrp --limit 20 --json b.json",
        "merge a.json b.json --json c.json --csv d.csv",
        "info --model w.safetensors --heads 4 --labels l.txt --json -",
        "bench --runs 3 --threads 2 --backend openblas --precision bf16",
        "a.jpg --gamma-conv 0.25 --gamma-linear inf --gamma-fc1 0 --epsilon 1e-6 --ledger",
        "a.jpg --resize short:256 --crop 224 --interpolation bicubic --mean .5,.5,.5 --std 1,1,1",
        "a.jpg --method rise --samples 10 --seed 1 --progress json --level patch --scale 2",
        "batch folder -o maps --write png,raw --max-failures 5% --dry-run --retry-failed",
        "a.jpg --limits side=20000,pixels=1,weights=8GiB,memory=64KiB,opcodes=9223372036854775807",
        "-h", "-V", "--", "-", "--cla 1", "--class", "-o",
    ]


def seeds(root):
    """{target: {name: bytes}}"""
    found = {
        "jpeg": seed_pictures.jpegs(),
        "png": seed_pictures.pngs(),
        "bitmap": seed_pictures.bitmaps(),
        "webp": {name: read(root, "tests/golden/pictures", name + ".webp")
                 for name in ("lossy", "lossless-alpha", "lossy-alpha", "exif", "xmp", "animated")},
        "tiff": {name: read(root, "tests/golden/pictures", name + ".tif")
                 for name in ("rgb-lzw", "grey-packbits", "palette-deflate", "rgba", "ycbcr-jpeg")},
        "avif": {name: read(root, "tests/golden/pictures", name + ".avif")
                 for name in ("lossless", "lossy", "alpha", "ten-bits", "turned", "mirrored", "sequence")},
        "rows": {name: data + bytes(i * k & 0xFF for k in range(11, 17)) for i, (name, data) in
                 enumerate({**seed_pictures.jpegs(), **seed_pictures.pngs()}.items())},
        "exif": seed_pictures.exifs(),
        "safetensors": {name: data + b"\x02" for name, data in
                        seed_checkpoints.safetensors_files().items()},
        "torch": {name: data + bytes([8 | way]) for name, (data, way) in
                  seed_checkpoints.torch_files().items()},
        "numpy": {name: data + bytes([way]) for name, (data, way) in
                  seed_checkpoints.numpy_files().items()},
        "json": {name: data + bytes([way]) for name, (data, way) in texts().items()},
        "facts": {name: data + bytes([kind]) for name, (data, kind) in facts(root).items()},
        "record": {"small": seed_grown.record(2, 2)},
        "journal": {"record": seed_grown.record(2, 2) + b"\1",
                    **{f"map{form}_{name}": data + bytes([form, 3]) for form in (1, 5, 68)
                       for name, (data, way) in seed_checkpoints.numpy_files().items() if way == 2}},
        "text": typed_texts(),
        "tokenizer": tokenizers(root),
        "subwords": seed_subwords.with_texts(),
        "unit_index": seed_index.states(),
        "options": {f"line{i}": line.replace(" ", "\n").encode()
                    for i, line in enumerate(command_lines())},
        "geometry": {f"bytes{i}": bytes((k * (2 * i + 1) + i * 29) & 0xFF for k in range(64))
                     for i in range(24)},
        "explain": {f"bytes{i}": bytes((k * (4 * i + 3) + i * 53) % 244 + 12 for k in range(200 + i))
                    for i in range(24)},
    }
    found["exif"]["empty"] = b""
    found["bitmap"]["panda"] = struct.pack("<3s", b"BM\0")
    found["torch"]["parity"] = read(root, "tests/golden/parity/torchvision_legacy_container.pth") + b"\x10"
    return found


def main():
    root, folder = sys.argv[1:3]
    count = 0
    for target, files in seeds(root).items():
        os.makedirs(os.path.join(folder, target), exist_ok=True)
        for name, data in files.items():
            with open(os.path.join(folder, target, name), "wb") as file:
                file.write(data)
            count += 1
    print(f"{count} seeds")


if __name__ == "__main__":
    main()
