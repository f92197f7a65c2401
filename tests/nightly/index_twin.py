"""An index of hidden units, made anew by NumPy of values that come another way. usage: index_twin.py VITLRP DIR [SITE...]

The command indexes the images of DIR (`vitlrp concepts`). Every image is then read and explained through the Python
package, alone, and this program makes the index of these values by its definition in data/FORMATS.md: arrays, means
and state.bin must be equal, bit for bit, also of indexes of one kind. VITLRP_LIBRARY and PYTHONPATH say where the
library and the package are, VITLRP_LIMIT takes so many images, evenly spread."""

import ctypes
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import numpy as np  # noqa: E402
import small_model  # noqa: E402
import vitlrp  # noqa: E402
from vitlrp import _capi, _check, _looking  # noqa: E402
from vitlrp._library import call, lib, new_record, words  # noqa: E402

SITES = ("fc1", "head")
KINDS = ("relevance", "activation")
KEEP = 16
MANY_PASSES = 32  # as a run over a data set: weights are arranged, which changes the last bits
EMPTY = {"score": -np.inf, "image": 2 ** 32 - 1, "token": 0, "class": 0}
TYPES = {"score": np.float32, "image": np.uint32, "token": np.uint16, "class": np.uint32}
SCALES = np.array([2.0 ** 32, 2.0 ** 32, 2.0 ** 20, 2.0 ** 20])


class Values(_looking.Looking):
    """Instead of what Model.neurons shows, everything that the session says of the units."""

    def look(self, classes, wanted, choice, options):
        self._hidden = wanted.hidden
        self._forward(classes, 1)
        info = new_record(_capi.ModelInfo, lib.vitlrp_model_info_init_sized)
        lib.vitlrp_model_describe(self._model, ctypes.byref(info))
        site = words("site").index(choice.site)
        shape = info.depth, lib.vitlrp_model_site_width(self._model, site)
        parts = info.dim // info.heads if choice.site == "head" else 1
        found = {name: np.empty(shape, np.float32) for name in ("relevance", "relevance_max", "activation_max")}
        found["activation_mean"] = np.empty((*shape, 2), np.float32)
        found["column_mean"] = np.empty((*shape, parts, 2), np.float32)
        tokens = {name: np.empty(shape, np.int32) for name in ("relevance_token", "activation_token")}
        record = _capi.UnitValues(site=site)
        for name, array in found.items():
            setattr(record, name, _check.floats(array))
        for name, array in tokens.items():
            setattr(record, name, array.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)))
        inside = _capi.Inside(units=ctypes.pointer(record), unit_sites=1)
        targets = self._targets(self._ranked[0], None)
        call(lib.vitlrp_session_inside, self._session, targets, 1, ctypes.byref(self._options), ctypes.byref(inside))
        return {**found, **tokens, "class": self._ranked[0].index}


def share(relevance):
    """T: the sum of a block one after the other, as the definition has it; cumsum does, sum does not."""
    wide = relevance.astype(np.float64)
    whole = np.cumsum(np.abs(wide), axis=1)[:, -1:]
    return np.divide(wide, whole, out=np.zeros_like(wide), where=whole != 0).astype(np.float32)


def take_values(model, paths, site):
    """Arrays with an axis of images in front."""
    images = []
    for path in paths:
        found = model.neurons(path, site=site, top=1, maps=False, drops=False)
        images.append({**found, "score": share(found["relevance"])})
    return {name: np.stack([image[name] for image in images]) for name in images[0]}


def best(scores, tokens, classes):
    """What each unit keeps of one kind: {what: [blocks, units, KEEP]}."""
    order = np.argsort(-scores, axis=0, kind="stable")[:KEEP]
    columns = {"score": np.take_along_axis(scores, order, 0), "image": order,
               "token": np.take_along_axis(tokens, order, 0), "class": classes[order]}
    found = {}
    for what, column in columns.items():
        found[what] = np.full((*scores.shape[1:], KEEP), EMPTY[what], TYPES[what])
        found[what][..., :len(order)] = np.moveaxis(column, 0, -1)
    return found


def whole(values, scales):
    return np.rint(values.astype(np.float64) * scales).astype(np.int64).sum(axis=0)


def make_index(values, kinds):
    """{name of an array: array}, and the sums of a head's outputs."""
    score, means = values["score"], values["activation_mean"]
    scores = {"relevance": score, "activation": values["activation_max"]}
    found = {f"{kind}.{what}": array for kind in kinds
             for what, array in best(scores[kind], values[f"{kind}_token"], values["class"]).items()}
    if "relevance" not in kinds:
        score = np.zeros_like(score)
    four = np.stack([score, np.maximum(score, 0), means[..., 0], means[..., 1]], axis=-1)
    found["sums"] = whole(four, SCALES)
    has_parts = values["column_mean"].shape[-2] > 1
    parts = whole(values["column_mean"], SCALES[2]) if has_parts else np.empty(0, np.int64)
    of = parts if has_parts else found["sums"][..., 2:]
    found["mean"] = (of.astype(np.float64) / (SCALES[2] * len(score))).astype(np.float32)
    return found, parts


def make_state(index, parts, count, kinds, settings):
    blocks, units, _ = index["sums"].shape
    numbers = parts.shape[2] if parts.size else 1
    data = [b"vitlrp index 1\n\0" if kinds == KINDS else b"vitlrp index 2\n\0",
            struct.pack("<5Q", blocks, units, numbers, KEEP, count), settings]
    if kinds != KINDS:
        data.append(struct.pack("<2Q", sum(1 << KINDS.index(kind) for kind in kinds), 0))
    data += [index[f"{kind}.{what}"].tobytes() for kind in kinds
             for what in ("score", "image", "class", "token")]
    data += [index["sums"].tobytes(), parts.tobytes(), np.packbits(np.ones(count, bool), bitorder="little").tobytes()]
    text = b"".join(data)
    return text + hashlib.sha256(text).hexdigest().encode()


def read_lines(folder):
    with open(os.path.join(folder, "results.jsonl"), encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    if [line["index"] for line in lines] != list(range(len(lines))) or any(line["status"] != "ok" for line in lines):
        sys.exit("the images are not all there, in their order")
    return lines


def check_kinds(folder, site, values, kinds):
    """What differs."""
    lines = read_lines(folder)
    index, parts = make_index(values, kinds)
    found = [name for name, array in index.items()
             if np.load(os.path.join(folder, f"{site}.{name}.npy")).tobytes() != array.tobytes()]
    with open(os.path.join(folder, "state.bin"), "rb") as file:
        state = file.read()
    if state != make_state(index, parts, len(lines), kinds, state[56:120]):
        found.append("state.bin")
    if list(values["class"]) != [line["class"] for line in lines]:
        found.append("classes")
    print(f"{site}, {' and '.join(kinds)}: {len(lines)} images, {index['sums'].shape[0]} blocks of {index['sums'].shape[1]} units: "
          f"{', '.join(found) or 'every array and the state, bit for bit'}", flush=True)
    return found


def check_site(program, model, images, site, folder):
    limit = os.environ.get("VITLRP_LIMIT")
    found = []
    values = None
    for kinds in (KINDS, KINDS[:1], KINDS[1:]):
        made = f"{folder}.{len(kinds)}.{kinds[0]}"
        subprocess.run([program, "concepts", images, "-o", made, "--site", site, "--keep", str(KEEP), "-q",
                        "--gallery", "0", "--kinds", ",".join(kinds), *(["--limit", limit] if limit else [])],
                       check=True)
        if values is None:
            values = take_values(model, [os.path.join(images, line["id"]) for line in read_lines(made)], site)
        found += check_kinds(made, site, values, kinds)
    return found


def main():
    program, images = map(os.path.abspath, sys.argv[1:3])
    small_model.use()
    _looking.Looking = Values
    failed = []
    with tempfile.TemporaryDirectory() as base, vitlrp.Model(small_model.PATH, passes=MANY_PASSES) as model:
        for site in sys.argv[3:] or SITES:
            failed += check_site(program, model, images, site, os.path.join(base, site))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
