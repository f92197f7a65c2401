"""What the two builds are given to read: models of many shapes with random weights, photographs as a
dataset, and pictures of every kind. All of it is made from the project's own files and seeded."""

import array
import json
import math
import pathlib
import random
import shutil
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "fuzz"))
import seed_pictures  # noqa: E402

# Folders of the dataset, named by WordNet id, and the photographs in them.
CLASSES = {"n01443537": ["goldfish"], "n01882714": ["koala", "panda"], "n03160309": ["dam"],
           "n04540053": ["volleyball"], "n02403003": ["moose"]}
CLASS_COUNT = 7
REPEATED = 262139

# name: (input height, width, patch height, width, dim, heads, depth, mlp, further facts)
SHAPES = {
    "wide": (24, 64, 8, 8, 32, 4, 2, 64, {}),
    "tall-flat-patch": (48, 30, 12, 6, 24, 3, 3, 40, {"layer_norm_eps": 1e-12}),
    "one-block": (16, 16, 8, 8, 8, 1, 1, 12, {"activation": "gelu_new"}),
    "odd": (21, 35, 7, 7, 33, 3, 2, 51, {"activation": "quick_gelu"}),
    "many-tokens": (96, 96, 4, 4, 48, 2, 2, 96, {}),
    "broad": (64, 64, 16, 16, 256, 4, 2, 640, {}),
}
VIT_B = (224, 224, 16, 16, 768, 12, 12, 3072, {})


def tensors_of(shape, layer_scale):
    """Names of timm's and extents of every tensor of such a model."""
    height, width, patch_height, patch_width, dim, _, depth, mlp, _ = shape
    patches = (height // patch_height) * (width // patch_width)
    found = {"cls_token": [1, 1, dim], "pos_embed": [1, patches + 1, dim],
             "patch_embed.proj.weight": [dim, 3, patch_height, patch_width],
             "patch_embed.proj.bias": [dim], "norm.weight": [dim], "norm.bias": [dim],
             "head.weight": [CLASS_COUNT, dim], "head.bias": [CLASS_COUNT]}
    layers = {"attn.qkv": (3 * dim, dim), "attn.proj": (dim, dim), "mlp.fc1": (mlp, dim),
              "mlp.fc2": (dim, mlp)}
    for block in range(depth):
        prefix = f"blocks.{block}."
        for name, (outputs, inputs) in layers.items():
            found[f"{prefix}{name}.weight"] = [outputs, inputs]
            found[f"{prefix}{name}.bias"] = [outputs]
        for norm in ("norm1", "norm2"):
            found[f"{prefix}{norm}.weight"] = [dim]
            found[f"{prefix}{norm}.bias"] = [dim]
        for scale in ("ls1", "ls2") if layer_scale else ():
            found[f"{prefix}{scale}.gamma"] = [dim]
    return found


def random_values(rng, name, extents):
    """Large enough that every part of the model matters, small enough that softmax does not saturate.
    Many values are few ones repeated, of a count that divides no row."""
    count = math.prod(extents)
    drawn = min(count, REPEATED)
    if "norm" in name and name.endswith("weight") or name.endswith("gamma"):
        return array.array("f", (rng.uniform(0.5, 1.5) for _ in range(count)))
    inputs = 16 if len(extents) == 1 or extents[0] == 1 else count // extents[0]
    size = (3.0 / inputs) ** 0.5
    values = array.array("f", (rng.uniform(-size, size) for _ in range(drawn)))
    return (values * -(-count // drawn))[:count]


def write_safetensors(path, extents_of, values_of, facts):
    """Tensors by name, made one after the other; `facts` in the project's own field of the metadata."""
    header, offset = {"__metadata__": {"vitlrp": json.dumps(facts)}}, 0
    for name, extents in extents_of.items():
        end = offset + 4 * math.prod(extents)
        header[name] = {"dtype": "F32", "shape": extents, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, extents in extents_of.items():
            values_of(name, extents).tofile(file)


def write_npy(path, extents, values):
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {tuple(extents)}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + values.tobytes())


def write_model(folder, name, shape, layer_scale=False):
    """Weights and an input beside them: (model, input)."""
    rng = random.Random(name)
    target = folder / f"{name}.safetensors"
    facts = {"architecture": "vit", "image_size": list(shape[:2]), "num_heads": shape[5], **shape[8]}
    write_safetensors(target, tensors_of(shape, layer_scale),
                      lambda tensor, extents: random_values(rng, tensor, extents), facts)
    height, width = shape[:2]
    values = array.array("f", (rng.gauss(0, 1) for _ in range(3 * height * width)))
    write_npy(folder / f"{name}.npy", (3, height, width), values)
    return str(target), str(folder / f"{name}.npy")


def write_pictures(folder):
    """Every kind of picture that the decoders know, and some that they refuse."""
    folder.mkdir()
    kinds = {"jpg": seed_pictures.jpegs(), "png": seed_pictures.pngs()}
    for ending, pictures in kinds.items():
        for name, data in pictures.items():
            (folder / f"{ending}-{name}.{ending}").write_bytes(data)
    for name, data in seed_pictures.bitmaps().items():
        ending = "bmp" if data[:2] == b"BM" else "pnm"
        (folder / f"{ending}-{name}.{ending}").write_bytes(data)
    # A block of EXIF as the seeds have it, two bytes of the target's own behind it.
    for name, block in seed_pictures.exifs().items():
        app = seed_pictures._segment(0xE1, b"Exif\0\0" + block[:-2])
        (folder / f"exif-{name}.jpg").write_bytes(seed_pictures.jpeg(24, 16, app=app))


def write_dataset(folder):
    """An ImageFolder of the project's photographs, one damaged file among them."""
    for name, photographs in CLASSES.items():
        (folder / name).mkdir(parents=True)
        for photograph in photographs:
            shutil.copy(ROOT / "data" / f"{photograph}.jpg", folder / name)
    return folder


def write_lists(base, dataset):
    """Lists, labels and boxes of that dataset."""
    paths = sorted(path for path in dataset.rglob("*.jpg"))
    (base / "list.txt").write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
    (base / "labelled.txt").write_text(
        "".join(f"{path}\t{index}\n" for index, path in enumerate(paths)), encoding="utf-8")
    (base / "truth.csv").write_text(
        "name,label\n" + "".join(f"{path.name},{CLASSES_OF[path.stem]}\n" for path in paths),
        encoding="utf-8")
    rows = [f"{path.relative_to(dataset)},{10 + index},{20},{150},{140 + index}\n"
            for index, path in enumerate(paths)]
    (base / "boxes.csv").write_text("path,xmin,ymin,xmax,ymax\n" + "".join(rows), encoding="utf-8")


CLASSES_OF = {photograph: name for name, photographs in CLASSES.items()
              for photograph in photographs}


class Inputs:
    """Paths of everything; `models` holds (name, model, input, options) of each model."""

    def __init__(self, base, data_folders):
        self.base = pathlib.Path(base)
        self.parity = ROOT / "tests" / "golden" / "parity"
        self.photo = str(ROOT / "data" / "goldfish.jpg")
        self.koala = str(ROOT / "data" / "koala.jpg")
        self.dataset = write_dataset(self.base / "photos")
        self.damaged = write_dataset(self.base / "damaged")
        (self.damaged / "n01443537" / "cut.jpg").write_bytes(
            (ROOT / "data" / "goldfish.jpg").read_bytes()[:3000])
        (self.damaged / "none").mkdir()
        (self.damaged / "none" / "empty.png").write_bytes(b"")
        self.pictures = self.base / "pictures"
        write_pictures(self.pictures)
        write_lists(self.base, self.dataset)
        self.made = [(name, *write_model(self.base, name, shape), [])
                     for name, shape in SHAPES.items()]
        self.layer_scale = ("layer-scale", *write_model(self.base, "layer-scale", SHAPES["wide"],
                                                        layer_scale=True), [])
        self.stored = self._parity_models()
        for folder in data_folders:
            self.stored += self._found_models(pathlib.Path(folder))

    def _parity_models(self):
        names = [path for path in sorted(self.parity.iterdir())
                 if path.suffix in (".safetensors", ".pth", ".npz") or path.is_dir()]
        return [(f"parity-{path.name}", str(path), str(self.parity / "input.npy"), ["--heads", "4"])
                for path in names]

    @staticmethod
    def _found_models(folder):
        """Folders that hold an expected.json, which names the model, beside an input.npy."""
        found = []
        for path in sorted(folder.rglob("expected.json")):
            facts = json.loads(path.read_text(encoding="utf-8"))
            if "model" in facts and (path.parent / "input.npy").exists():
                heads = ["--heads", str(facts["heads"])] if isinstance(facts.get("heads"), int) else []
                found.append((path.parent.name, str(path.parent / facts["model"]),
                              str(path.parent / "input.npy"), heads))
        return found
