"""Maps of scores, of attention shares, of token-drop, of Libra-chefer and of DAAM by a program of its own: float64,
NumPy, no code of the library. It made tests/golden/parity/ARRAY.npy of the names below; without a
folder it compares with what is there.

usage: methods_reference.py [FOLDER]
    FOLDER    receives the arrays

The model is tests/golden/parity/timm.safetensors (32 pixels, patches of 8, 17 tokens of 32, 3 blocks,
4 heads), the input is input.npy beside it, and the class is number 8. Rules are LRP-0 in all linear
layers. What another program made is repeated: so the walk is right."""

import json
import math
import pathlib
import struct
import sys

import numpy as np

PARITY = pathlib.Path(__file__).resolve().parents[1] / "golden" / "parity"
HEADS, DEPTH, EPS, PATCH, TARGET = 4, 3, 1e-6, 8, 8
TOLERANCE = 1e-6
OTHERS = ("attnlrp_epsilon", "input_x_gradient", "chefer_generic")  # made by another program

erf = np.vectorize(math.erf)


def weights():
    data = (PARITY / "timm.safetensors").read_bytes()
    size = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        raw = np.frombuffer(data[8 + size + first:8 + size + end], "<f4")
        found[name] = raw.reshape(entry["shape"]).astype(np.float64)
    return found


W = weights()


def layer(name, x):
    return x @ W[f"{name}.weight"].T + W[f"{name}.bias"]


class Norm:
    def __init__(self, name, x):
        self.name, self.std = name, np.sqrt(x.var(-1, keepdims=True) + EPS)
        self.out = (x - x.mean(-1, keepdims=True)) / self.std * W[f"{name}.weight"] + W[f"{name}.bias"]

    def back(self, g, plain):
        """LRP holds the standard deviation constant; the gradient does not."""
        u = g * W[f"{self.name}.weight"]
        normed = (self.out - W[f"{self.name}.bias"]) / W[f"{self.name}.weight"]
        moved = normed * (u * normed).mean(-1, keepdims=True) if plain else 0.0
        return (u - u.mean(-1, keepdims=True) - moved) / self.std


def softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


class Block:
    def __init__(self, i, x):
        self.name = f"blocks.{i}"
        self.norm1 = Norm(f"{self.name}.norm1", x)
        qkv = layer(f"{self.name}.attn.qkv", self.norm1.out)
        rows, width = x.shape
        self.size = width // HEADS
        self.q, self.k, self.v = qkv.reshape(rows, 3, HEADS, self.size).transpose(1, 2, 0, 3)
        self.a = softmax(self.q @ self.k.transpose(0, 2, 1) / math.sqrt(self.size))
        heads = (self.a @ self.v).transpose(1, 0, 2).reshape(rows, width)
        x = x + layer(f"{self.name}.attn.proj", heads)
        self.norm2 = Norm(f"{self.name}.norm2", x)
        self.z = layer(f"{self.name}.mlp.fc1", self.norm2.out)
        self.phi = 0.5 * (1.0 + erf(self.z / math.sqrt(2.0)))
        self.out = x + layer(f"{self.name}.mlp.fc2", self.z * self.phi)

    def back(self, g, share):
        """G of the input from G of the output; share None: the plain gradient. Keeps G of the heads and of A."""
        plain = share is None
        density = np.exp(-0.5 * self.z**2) / math.sqrt(2.0 * math.pi)
        hidden = g @ W[f"{self.name}.mlp.fc2.weight"] * (self.phi + (self.z * density if plain else 0.0))
        g = g + self.norm2.back(hidden @ W[f"{self.name}.mlp.fc1.weight"], plain)
        self.g_heads = g @ W[f"{self.name}.attn.proj.weight"]
        rows, width = g.shape
        g_o = self.g_heads.reshape(rows, HEADS, self.size).transpose(1, 0, 2)
        matrix, value, score = (1.0, 1.0, 1.0) if plain else (share, 1.0 - share, 0.5)
        self.g_a = g_o @ self.v.transpose(0, 2, 1)
        g_a = matrix * self.g_a
        g_v = value * (self.a.transpose(0, 2, 1) @ g_o)
        g_s = self.a * (g_a - (self.a * g_a).sum(-1, keepdims=True)) * score / math.sqrt(self.size)
        g_q, g_k = g_s @ self.k, g_s.transpose(0, 2, 1) @ self.q
        g_qkv = np.stack([g_q, g_k, g_v]).transpose(2, 0, 1, 3).reshape(rows, 3 * width)
        return g + self.norm1.back(g_qkv @ W[f"{self.name}.attn.qkv.weight"], plain)


class Pass:
    """A forward pass of the input, if wanted without one of its patches."""

    def __init__(self, image, without=None):
        side = image.shape[1] // PATCH
        cut = image.reshape(3, side, PATCH, side, PATCH).transpose(1, 3, 0, 2, 4)
        self.patches = cut.reshape(side * side, -1)
        self.conv = W["patch_embed.proj.weight"].reshape(-1, self.patches.shape[1])
        embedded = self.patches @ self.conv.T + W["patch_embed.proj.bias"]
        x = np.concatenate([W["cls_token"][0], embedded]) + W["pos_embed"][0]
        if without is not None:
            x = np.delete(x, 1 + without, axis=0)
        self.blocks = []
        for i in range(DEPTH):
            self.blocks.append(Block(i, x))
            x = self.blocks[-1].out
        self.norm = Norm("norm", x)
        self.logits = layer("head", self.norm.out[0])

    def seed(self, k):
        """1 for the class, less k of the others' softmax."""
        others = np.delete(np.arange(len(self.logits)), TARGET)
        g = np.zeros(len(self.logits))
        g[TARGET], g[others] = 1.0, -k * softmax(self.logits[others])
        return g

    def score(self, k):
        others = np.delete(self.logits, TARGET)
        top = others.max()
        return self.logits[TARGET] - k * (top + math.log(np.exp(others - top).sum()))

    def map(self, k, share):
        g = np.zeros_like(self.norm.out)
        g[0] = self.seed(k) @ W["head.weight"]
        g = self.norm.back(g, share is None)
        for block in reversed(self.blocks):
            g = block.back(g, share)
        return (self.patches * (g[1:] @ self.conv)).sum(-1)

    def chefer(self, k, share):
        """R <- R + mean_h(relu(A * dA)) R with whole matrices; dA before any share is taken of it."""
        self.map(k, share)
        r = np.eye(len(self.patches) + 1)
        for block in self.blocks:
            r = r + np.maximum(block.a * block.g_a, 0.0).mean(0) @ r
        return r[0, 1:]

    def daam(self, k):
        self.map(k, None)
        total = 0.0
        for block in self.blocks:
            g = np.maximum(block.g_heads[0], 0.0).reshape(HEADS, block.size)
            row = (block.a[:, 0, :, None] * block.v * g[:, None, :]).sum((0, 2))
            total = total + np.maximum(row[1:], 0.0)
        return total


def drops(image, k):
    whole = Pass(image).score(k)
    patches = len(Pass(image).patches)
    return np.array([whole - Pass(image, without=p).score(k) for p in range(patches)])


def standardised(values):
    return (values - values.mean()) / values.std()


def arrays():
    image = np.load(PARITY / "input.npy").astype(np.float64)
    one = Pass(image)
    token_drop = drops(image, 0.0)
    relevance = np.load(PARITY / "patches_attnlrp_paper.npy").astype(np.float64)
    return one, {
        "attnlrp_epsilon": one.map(0.0, 0.5),
        "input_x_gradient": one.map(0.0, None),
        "chefer_generic": one.chefer(0.0, None),
        "libra": one.map(0.0, 0.0),
        "attnlrp_epsilon_log_odds": one.map(1.0, 0.5),
        "attnlrp_epsilon_contrast": one.map(0.5, 0.5),
        "input_x_gradient_log_odds": one.map(1.0, None),
        "attnlrp_epsilon_share_0.3": one.map(0.0, 0.3),
        "attnlrp_epsilon_share_1": one.map(0.0, 1.0),
        "token_drop": token_drop,
        "token_drop_contrast": drops(image, 0.5),
        "attnlrp_drop": 2.0 * standardised(relevance.ravel()) + standardised(token_drop),
        "libra_chefer": one.chefer(0.0, 0.0),
        "libra_chefer_contrast": one.chefer(0.5, 0.0),
        "daam": one.daam(0.0),
        "daam_contrast": one.daam(0.5),
    }


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else None
    one, made = arrays()
    worst = np.abs(one.logits - np.load(PARITY / "logits.npy")).max()
    failed = worst > TOLERANCE
    print(f"logits: differ by {worst:.1e}")
    for name, values in made.items():
        path = PARITY / f"patches_{name}.npy"
        if folder is not None and name not in OTHERS:
            np.save(folder / path.name, values.astype(np.float32))
        if folder is None or name in OTHERS:
            wanted = np.load(path).astype(np.float64).ravel()
            error = np.linalg.norm(values - wanted) / np.linalg.norm(wanted)
            failed |= not error < TOLERANCE
            print(f"{name}: relative difference {error:.1e}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
