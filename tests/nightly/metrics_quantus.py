"""The metrics of an evaluation against Quantus, an implementation by others (Hedström et al., JMLR 2023), and
the model's own forward pass by PyTorch.

usage: metrics_quantus.py VITLRP

VITLRP eval measures pictures that are made here, with tests/golden/parity/timm.safetensors, one patch a step.
From its record come the maps and the model's inputs; Quantus makes its numbers of these. It has no
comprehensiveness, no sufficiency in the sense of ERASER and no agreement, so those are compared nowhere else than
with the twins of tests/unit. torchcam's average drop multiplies the input by the map, which no metric of ours does.
"""

import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np
import quantus
import sklearn.metrics
import torch

PARITY = pathlib.Path(__file__).resolve().parents[1] / "golden" / "parity"
SIDE, PATCH, GRID, HEADS, DEPTH, EPS = 32, 8, 4, 4, 3, 1e-6
REGION = 2  # patches on a side
PATCHES, IMAGES = GRID * GRID, 6
METHODS = ["attnlrp", "occlusion", "random", "input-x-gradient"]


def weights():
    data = (PARITY / "timm.safetensors").read_bytes()
    size = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    return {
        name: torch.from_numpy(
            np.frombuffer(data[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]], "<f4")
            .reshape(entry["shape"]).copy()
        ).double()
        for name, entry in header.items()
    }


class Vit(torch.nn.Module):
    """The plain ViT of the weights, in float64."""

    def __init__(self, of_probabilities):
        super().__init__()
        self.w, self.of_probabilities = weights(), of_probabilities
        self.eval()

    def layer(self, name, x):
        return torch.nn.functional.linear(x, self.w[f"{name}.weight"], self.w[f"{name}.bias"])

    def norm(self, name, x):
        shape = x.shape[-1:]
        return torch.nn.functional.layer_norm(x, shape, self.w[f"{name}.weight"], self.w[f"{name}.bias"], EPS)

    def attend(self, block, x):
        count, tokens, width = x.shape
        qkv = self.layer(f"{block}.attn.qkv", x).reshape(count, tokens, 3, HEADS, width // HEADS)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        found = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(width // HEADS), -1) @ v
        return self.layer(f"{block}.attn.proj", found.transpose(1, 2).reshape(count, tokens, width))

    def forward(self, x):
        weight, bias = self.w["patch_embed.proj.weight"], self.w["patch_embed.proj.bias"]
        x = torch.nn.functional.conv2d(x.double(), weight, bias, stride=PATCH).flatten(2).transpose(1, 2)
        x = torch.cat([self.w["cls_token"].expand(len(x), -1, -1), x], 1) + self.w["pos_embed"]
        for index in range(DEPTH):
            block = f"blocks.{index}"
            x = x + self.attend(block, self.norm(f"{block}.norm1", x))
            hidden = torch.nn.functional.gelu(self.layer(f"{block}.mlp.fc1", self.norm(f"{block}.norm2", x)))
            x = x + self.layer(f"{block}.mlp.fc2", hidden)
        logits = self.layer("head", self.norm("norm", x)[:, 0])
        return torch.softmax(logits, -1) if self.of_probabilities else logits


def write_pictures(folder):
    """Pictures of the model's size, and for each a box that patches fill, and its mask."""
    random = np.random.default_rng(7)
    boxes, rows = [], ["path,xmin,ymin,xmax,ymax"]
    (folder / "set").mkdir()
    (folder / "masks").mkdir()
    for index in range(IMAGES):
        coarse = random.integers(0, 256, (8, 8, 3))
        picture = np.kron(coarse, np.ones((4, 4, 1))).astype(np.uint8)
        (folder / "set" / f"{index}.ppm").write_bytes(b"P6 32 32 255\n" + picture.tobytes())
        top, left = random.integers(0, 3, 2)
        height, width = random.integers(1, 5 - top), random.integers(1, 5 - left)
        mask = np.zeros((GRID, GRID), bool)
        mask[top:top + height, left:left + width] = True
        boxes.append(mask)
        pixels = np.kron(mask[..., None], np.full((PATCH, PATCH, 3), 255)).astype(np.uint8)
        (folder / "masks" / f"{index}.png").write_bytes(b"P6 32 32 255\n" + pixels.tobytes())
        edges = [PATCH * left, PATCH * top, PATCH * (left + width) - 1, PATCH * (top + height) - 1]
        rows.append(f"{index}.ppm," + ",".join(map(str, edges)))
    (folder / "boxes.csv").write_text("\n".join(rows) + "\n")
    return np.stack(boxes)


def evaluate(program, folder):
    model = ["--model", str(PARITY / "timm.safetensors"), "--heads", str(HEADS), "--norm-eps", str(EPS),
             "--resize", "none", "--crop", str(SIDE), "--mean", "0.5,0.5,0.5", "--std", "0.5,0.5,0.5"]
    run = [program, "eval", "set", *model, "--methods", ",".join(METHODS), "-q"]
    truth = ["--boxes", "boxes.csv", "--truth-masks", "masks", "--steps", str(PATCHES), "--json", "record.json"]
    subprocess.run([*run, *truth], cwd=folder, check=True)
    regions = ["--regions", str(REGION), "--steps", str(PATCHES // REGION**2), "--json", "regions.json"]
    subprocess.run([*run, *regions], cwd=folder, check=True)
    batch = [program, "batch", "set", *model, "--write", "input", "-o", "inputs", "-q"]
    subprocess.run(batch, cwd=folder, check=True)
    inputs = [np.load(next((folder / "inputs").rglob(f"{index}*.npy"))) for index in range(IMAGES)]
    records = [json.loads((folder / name).read_text()) for name in ("record.json", "regions.json")]
    return *records, np.stack(inputs).reshape(-1, 3, SIDE, SIDE)


class Checks:
    def __init__(self):
        self.failed = 0

    def same(self, what, mine, theirs, within):
        off = float(np.max(np.abs(np.asarray(mine, float) - np.asarray(theirs, float))))
        if not off <= within:
            self.failed += 1
        print(f"{'ok  ' if off <= within else 'FAIL'} {what}: {off:.1e} (allowed {within:g})")


def ask(metric, **arguments):
    return np.asarray(metric(device="cpu", channel_first=True, **arguments), float)


def curves(images, method, name):
    return np.array([image["methods"][method][name] for image in images])


def check_curves(checks, images, inputs, method, maps):
    """One patch at a time: Samek et al. 2017 call it region perturbation; RISE's deletion is its area."""
    classes = np.array([image["class"] for image in images])
    pixels = np.kron(maps, np.ones((1, 1, PATCH, PATCH))) / PATCH**2
    common = {"disable_warnings": True, "normalise": False, "perturb_baseline": 0.0}
    given = {"x_batch": inputs, "y_batch": classes, "a_batch": pixels}
    for part, plain in (("logit", Vit(False)), ("prob", Vit(True))):
        for order in ("morf", "lerf"):
            curve = curves(images, method, f"{order}_{part}")
            metric = quantus.RegionPerturbation(
                patch_size=PATCH, order=order, regions_evaluation=PATCHES, perturb_func=fill, **common)
            drops = ask(metric, model=plain, softmax=False, **given)
            checks.same(f"{method}: RegionPerturbation, {order}, {part}", curve[:, :1] - curve[:, 1:], drops, 1e-4)
        # The three colours of a patch have one value, so every third step has a patch more.
        metric = quantus.PixelFlipping(features_in_step=PATCH**2, perturb_func=fill, **common)
        values = ask(metric, model=plain, softmax=False, **given)[:, 2::3]
        checks.same(f"{method}: PixelFlipping, {part}", curves(images, method, f"morf_{part}")[:, 1:], values, 1e-4)
        if part == "prob":
            area = np.trapezoid(np.column_stack([curves(images, method, "morf_prob")[:, 0], values])) / PATCHES
            mine = curves(images, method, "morf_prob")
            checks.same(f"{method}: deletion", np.trapezoid(mine) / PATCHES, area, 1e-4)


def check_regions(checks, images, inputs, method, maps):
    """Squares of several patches."""
    classes = np.array([image["class"] for image in images])
    given = {"x_batch": inputs, "y_batch": classes, "a_batch": np.kron(maps, np.ones((1, 1, PATCH, PATCH)))}
    for order in ("morf", "lerf"):
        curve = curves(images, method, f"{order}_logit")
        metric = quantus.RegionPerturbation(
            patch_size=REGION * PATCH, order=order, regions_evaluation=PATCHES // REGION**2, perturb_func=fill,
            disable_warnings=True, normalise=False, perturb_baseline=0.0)
        drops = ask(metric, model=Vit(False), softmax=False, **given)
        checks.same(f"{method}: RegionPerturbation, regions, {order}", curve[:, :1] - curve[:, 1:], drops, 1e-4)


def fill(arr, indices, **_):
    """0 after normalisation at the features of each row."""
    arr = np.array(arr)
    np.put_along_axis(arr, np.asarray(indices), 0.0, 1)
    return arr


def check_maps(checks, images, method, maps, boxes):
    small = np.zeros((len(images), 3, GRID, GRID))
    given = {"model": Vit(False), "x_batch": small, "y_batch": np.zeros(len(images), int), "softmax": False}
    plain = {"disable_warnings": True, "normalise": False}
    size = np.abs(maps)
    found = ask(quantus.Sparseness(abs=True, **plain), a_batch=size.copy(), **given)
    # Quantus adds 1e-7 to every value.
    checks.same(f"{method}: Sparseness", curves(images, method, "sparseness"), found, 1e-4)
    found = ask(quantus.Complexity(abs=True, **plain), a_batch=size.copy(), **given)
    checks.same(f"{method}: Complexity", curves(images, method, "complexity"), found, 1e-6)
    masks = boxes[:, None]
    for name, metric, values in (
        ("pointing", quantus.PointingGame, maps),
        ("mass", quantus.RelevanceMassAccuracy, np.maximum(maps, 0.0)),
        ("rank", quantus.RelevanceRankAccuracy, maps),
    ):
        found = ask(metric(abs=False, **plain), a_batch=values.copy(), s_batch=masks, **given)
        checks.same(f"{method}: {metric.__name__}", curves(images, method, name), found, 1e-6)


def check_masks(checks, images, method, maps, boxes):
    """The protocol of Chefer et al., CVPR 2021, with PyTorch's interpolation and scikit-learn's precision."""
    masks = np.kron(boxes, np.ones((PATCH, PATCH), int))
    accuracy, precision, pixels = [], [], np.zeros((2, 2))
    for values, mask in zip(maps, masks):
        large = torch.nn.functional.interpolate(torch.from_numpy(values[None]).double(), scale_factor=PATCH,
                                                mode="bilinear")[0, 0].numpy()
        large = (large - large.min()) / (large.max() - large.min())
        found = large > large.mean()
        accuracy.append((found == mask).mean())
        wanted, scores = np.concatenate([1 - mask, mask]), np.concatenate([1 - large, large])
        precision.append(sklearn.metrics.average_precision_score(wanted.ravel(), scores.ravel().astype("f4")))
        for of_class in (0, 1):
            mine, theirs = found == of_class, mask == of_class
            pixels[of_class] += (mine & theirs).sum(), (mine | theirs).sum()
    checks.same(f"{method}: pixel accuracy", curves(images, method, "pixel_accuracy"), accuracy, 1e-6)
    checks.same(f"{method}: average precision", curves(images, method, "average_precision"), precision, 1e-6)
    mine = curves(images, method, "intersection_union").sum(0).reshape(2, 2)
    checks.same(f"{method}: intersections and unions", mine, pixels, 0)
    return (pixels[:, 0] / pixels[:, 1]).mean()


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    checks = Checks()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        boxes = write_pictures(folder)
        record, regions, inputs = evaluate(program, folder)
    images = record["images"]
    logits = Vit(False)(torch.from_numpy(inputs)).numpy()
    mine = [image["logit"] for image in images]
    checks.same("logits", mine, logits[np.arange(IMAGES), [image["class"] for image in images]], 1e-4)
    for method in METHODS:
        # The digits of a record are those of float32.
        maps = curves(images, method, "patches").astype("f4").astype(float).reshape(IMAGES, 1, GRID, GRID)
        check_curves(checks, images, inputs, method, maps)
        check_regions(checks, regions["images"], inputs, method, maps)
        check_maps(checks, images, method, maps, boxes)
        iou = check_masks(checks, images, method, maps, boxes)
        checks.same(f"{method}: mean IoU", record["methods"][method]["mean_iou"]["mean"], iou, 1e-6)
    print(f"{checks.failed} failed")
    return checks.failed > 0


if __name__ == "__main__":
    sys.exit(main())
