"""A model for the commands and lines of the documents, which name units of the built-in one."""

import array
import json
import math
import os
import random
import struct

import torch_files

BUILT_IN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "data", "vit-tiny-patch4-64.safetensors")


def content():
    """The bytes of a model in the place of the built-in one: 12 blocks of 3 heads and 768 neurons, but 24 wide and of
    5 tokens, so that units of the documents exist and passes cost nothing. Its weights have a short period."""
    random.seed(1)
    shapes = {"cls_token": (1, 1, 24), "pos_embed": (1, 5, 24), "patch_embed.proj.weight": (24, 3, 32, 32),
              "patch_embed.proj.bias": (24,), "norm.weight": (24,), "norm.bias": (24,), "head.weight": (200, 24),
              "head.bias": (200,)}
    for block in range(12):
        shapes.update({f"blocks.{block}.{part}": shape for part, shape in (
            ("norm1.weight", (24,)), ("norm1.bias", (24,)), ("norm2.weight", (24,)), ("norm2.bias", (24,)),
            ("attn.qkv.weight", (72, 24)), ("attn.qkv.bias", (72,)), ("attn.proj.weight", (24, 24)),
            ("attn.proj.bias", (24,)), ("mlp.fc1.weight", (768, 24)), ("mlp.fc1.bias", (768,)),
            ("mlp.fc2.weight", (24, 768)), ("mlp.fc2.bias", (24,)))})
    period = array.array("f", (random.gauss(0, 0.1) for _ in range(4099))).tobytes()
    with open(BUILT_IN, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        metadata = json.loads(file.read(size))["__metadata__"]
    stated = {**json.loads(metadata["vitlrp"]), "patch_size": 32}
    tensors = {name: torch_files.Tensor(shape, (period * (math.prod(shape) // 4099 + 1))[:4 * math.prod(shape)])
               for name, shape in shapes.items()}
    return torch_files.safetensors(tensors, {**metadata, "vitlrp": json.dumps(stated)})
