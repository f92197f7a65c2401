"""The conductance of hidden units in tests/golden/latent, made anew by NumPy in float64: forward and backward pass of
the model by hand. usage: conductance_twin.py LATENT [--write]

Its gradients are first compared with those of the program that made the folder, which is another one. --write replaces
the arrays, else they must agree. VITLRP_LIBRARY and PYTHONPATH say where the package is, which reads the images."""

import json
import math
import os
import struct
import sys

import numpy as np
import vitlrp

HEADS, DEPTH, STEPS, EPSILON, IMAGES = 4, 3, 8, 1e-6, (0, 5)
erf = np.vectorize(math.erf)


def read_weights(path):
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack("<Q", data[:8])[0]
    found = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            found[name] = np.frombuffer(data[begin:end], np.float32).reshape(entry["shape"]).astype(float)
    return found


def norm(x, weight, bias):
    mean = x.mean(-1, keepdims=True)
    deviation = np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + EPSILON)
    normal = (x - mean) / deviation
    return normal * weight + bias, (normal, deviation, weight)


def norm_back(g, kept):
    normal, deviation, weight = kept
    g = g * weight
    return (g - g.mean(-1, keepdims=True) - normal * (g * normal).mean(-1, keepdims=True)) / deviation


def gelu(z):
    return z * 0.5 * (1 + erf(z / math.sqrt(2)))


def gelu_slope(z):
    return 0.5 * (1 + erf(z / math.sqrt(2))) + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def split(x):
    return x.reshape(len(x), HEADS, -1).transpose(1, 0, 2)


def join(x):
    return x.transpose(1, 0, 2).reshape(x.shape[1], -1)


def embed(weights, image):
    kernel = weights["patch_embed.proj.weight"]
    channels, height, width = image.shape
    side = kernel.shape[-1]
    patches = image.reshape(channels, height // side, side, width // side, side).transpose(1, 3, 0, 2, 4)
    x = patches.reshape(-1, kernel[0].size) @ kernel.reshape(len(kernel), -1).T + weights["patch_embed.proj.bias"]
    return np.concatenate([weights["cls_token"][0], x]) + weights["pos_embed"][0]


def block(w, x):
    """The stream behind a block, and what its way back needs."""
    y, norm1 = norm(x, w["norm1.weight"], w["norm1.bias"])
    q, k, v = (split(part) for part in np.split(y @ w["attn.qkv.weight"].T + w["attn.qkv.bias"], 3, axis=1))
    a = np.exp(q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1]))
    a /= a.sum(-1, keepdims=True)
    heads = join(a @ v)
    x = x + heads @ w["attn.proj.weight"].T + w["attn.proj.bias"]
    y, norm2 = norm(x, w["norm2.weight"], w["norm2.bias"])
    z = y @ w["mlp.fc1.weight"].T + w["mlp.fc1.bias"]
    return x + gelu(z) @ w["mlp.fc2.weight"].T + w["mlp.fc2.bias"], (norm1, q, k, v, a, heads, norm2, z)


def block_back(w, g, kept):
    """The gradient in front of a block, and value and gradient of its units by site."""
    norm1, q, k, v, a, heads, norm2, z = kept
    g_hidden = g @ w["mlp.fc2.weight"]
    g = g + norm_back(g_hidden * gelu_slope(z) @ w["mlp.fc1.weight"], norm2)
    g_heads = g @ w["attn.proj.weight"]
    g_o = split(g_heads)
    g_a = g_o @ v.transpose(0, 2, 1)
    g_z = a * (g_a - (g_a * a).sum(-1, keepdims=True)) / math.sqrt(q.shape[-1])
    parts = (g_z @ k, g_z.transpose(0, 2, 1) @ q, a.transpose(0, 2, 1) @ g_o)
    g = g + norm_back(np.concatenate([join(part) for part in parts], axis=1) @ w["attn.qkv.weight"], norm1)
    return g, {"head": (heads, g_heads), "fc1": (gelu(z), g_hidden)}


def look(weights, image, output):
    """Value and gradient of all units: by site [blocks, tokens, width] each."""
    blocks = [{name[len(f"blocks.{b}."):]: value for name, value in weights.items() if name.startswith(f"blocks.{b}.")}
              for b in range(DEPTH)]
    x, kept = embed(weights, image), []
    for w in blocks:
        x, more = block(w, x)
        kept.append(more)
    _, last = norm(x, weights["norm.weight"], weights["norm.bias"])
    g = np.zeros_like(x)
    g[0] = weights["head.weight"][output]
    g, found = norm_back(g, last), []
    for w, more in zip(reversed(blocks), reversed(kept)):
        g, units = block_back(w, g, more)
        found.insert(0, units)
    return {site: tuple(np.stack([units[site][i] for units in found]) for i in range(2)) for site in ("head", "fc1")}


def sum_units(site, values):
    """[blocks, units] of values [blocks, tokens, width]."""
    values = values.sum(1)
    return values.reshape(DEPTH, HEADS, -1).sum(2) if site == "head" else values


def conductance(weights, image, output):
    passes = [look(weights, image * (k / STEPS), output) for k in range(STEPS + 1)]
    return {site: sum(sum_units(site, (after[site][1] + before[site][1]) / 2 * (after[site][0] - before[site][0]))
                      for before, after in zip(passes, passes[1:]))
            for site in passes[0]}


def distance(found, wanted):
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


def main():
    folder, write = os.path.join(sys.argv[1], "latent-vit"), "--write" in sys.argv[2:]
    weights = read_weights(os.path.join(folder, "model.safetensors"))
    with open(os.path.join(folder, "expected.json"), encoding="utf-8") as file:
        predicted = json.load(file)["predicted"]
    model, worst = vitlrp.Model(folder), 0.0
    for i in IMAGES:
        image = np.float64(model.preprocess(os.path.join(folder, "images", f"{i:02}.png")))
        for site, (a, g) in look(weights, image, predicted[i]).items():
            wanted = np.load(os.path.join(folder, f"{i}_gradient_{site}_relevance.npy"))
            worst = max(worst, distance(sum_units(site, a * g), wanted))
        for site, found in conductance(weights, image, predicted[i]).items():
            path = os.path.join(folder, f"{i}_conductance_{site}.npy")
            if write:
                np.save(path, found.astype(np.float32))
            worst = max(worst, distance(found, np.load(path)))
    print(f"conductance of {len(IMAGES)} images: relative L2 at most {worst:.1e}")
    return 0 if worst < 1e-6 else 1


if __name__ == "__main__":
    sys.exit(main())
