"""Small checkpoints of every container and naming, sound ones and strange ones."""

import argparse
import collections
import io
import json
import pickle
import struct
import sys
import types
import zipfile
import zlib

DIM, MLP, CLASSES, PATCH, TOKENS = 4, 8, 2, 2, 5

TIMM = {"patch_embed.proj.weight": (DIM, 3, PATCH, PATCH), "patch_embed.proj.bias": (DIM,),
        "cls_token": (1, 1, DIM), "pos_embed": (1, TOKENS, DIM),
        "norm.weight": (DIM,), "norm.bias": (DIM,),
        "head.weight": (CLASSES, DIM), "head.bias": (CLASSES,)}
TIMM_BLOCK = {"norm1.weight": (DIM,), "norm1.bias": (DIM,), "attn.qkv.weight": (3 * DIM, DIM),
              "attn.qkv.bias": (3 * DIM,), "attn.proj.weight": (DIM, DIM), "attn.proj.bias": (DIM,),
              "norm2.weight": (DIM,), "norm2.bias": (DIM,), "mlp.fc1.weight": (MLP, DIM),
              "mlp.fc1.bias": (MLP,), "mlp.fc2.weight": (DIM, MLP), "mlp.fc2.bias": (DIM,)}
JAX = {"embedding/kernel": (PATCH, PATCH, 3, DIM), "embedding/bias": (DIM,), "cls": (1, 1, DIM),
       "Transformer/posembed_input/pos_embedding": (1, TOKENS, DIM),
       "Transformer/encoder_norm/scale": (DIM,), "Transformer/encoder_norm/bias": (DIM,),
       "head/kernel": (DIM, CLASSES), "head/bias": (CLASSES,)}
_ATTENTION = "MultiHeadDotProductAttention_1/"
JAX_BLOCK = {"LayerNorm_0/scale": (DIM,), "LayerNorm_0/bias": (DIM,),
             "LayerNorm_2/scale": (DIM,), "LayerNorm_2/bias": (DIM,),
             _ATTENTION + "query/kernel": (DIM, 2, 2), _ATTENTION + "query/bias": (2, 2),
             _ATTENTION + "key/kernel": (DIM, 2, 2), _ATTENTION + "key/bias": (2, 2),
             _ATTENTION + "value/kernel": (DIM, 2, 2), _ATTENTION + "value/bias": (2, 2),
             _ATTENTION + "out/kernel": (2, 2, DIM), _ATTENTION + "out/bias": (DIM,),
             "MlpBlock_3/Dense_0/kernel": (DIM, MLP), "MlpBlock_3/Dense_0/bias": (MLP,),
             "MlpBlock_3/Dense_1/kernel": (MLP, DIM), "MlpBlock_3/Dense_1/bias": (DIM,)}


CLIP = {"visual.conv1.weight": (DIM, 3, PATCH, PATCH), "visual.class_embedding": (DIM,),
        "visual.positional_embedding": (TOKENS, DIM), "visual.ln_pre.weight": (DIM,),
        "visual.ln_pre.bias": (DIM,), "visual.ln_post.weight": (DIM,), "visual.ln_post.bias": (DIM,),
        "visual.proj": (DIM, CLASSES), "token_embedding.weight": (7, DIM),
        "positional_embedding": (3, DIM), "ln_final.weight": (DIM,), "ln_final.bias": (DIM,),
        "text_projection": (DIM, CLASSES), "logit_scale": ()}
CLIP_BLOCK = {"ln_1.weight": (DIM,), "ln_1.bias": (DIM,), "attn.in_proj_weight": (3 * DIM, DIM),
              "attn.in_proj_bias": (3 * DIM,), "attn.out_proj.weight": (DIM, DIM),
              "attn.out_proj.bias": (DIM,), "ln_2.weight": (DIM,), "ln_2.bias": (DIM,),
              "mlp.c_fc.weight": (MLP, DIM), "mlp.c_fc.bias": (MLP,),
              "mlp.c_proj.weight": (DIM, MLP), "mlp.c_proj.bias": (DIM,)}


def clip():
    found = dict(CLIP)
    for tower in ("visual.", ""):
        found.update({f"{tower}transformer.resblocks.0.{name}": shape
                      for name, shape in CLIP_BLOCK.items()})
    return found


def timm(depth=1, scales=False):
    found = dict(TIMM)
    for block in range(depth):
        found.update({f"blocks.{block}.{name}": shape for name, shape in TIMM_BLOCK.items()})
        if scales:
            found[f"blocks.{block}.ls1.gamma"] = (DIM,)
            found[f"blocks.{block}.ls2.gamma"] = (DIM,)
    return found


def jax():
    found = dict(JAX)
    found.update({"Transformer/encoderblock_0/" + name: shape for name, shape in JAX_BLOCK.items()})
    return found


def count(shape):
    total = 1
    for size in shape:
        total *= size
    return total


def values(name, shape):
    seed = zlib.crc32(name.encode())
    return struct.pack(f"<{count(shape)}f",
                       *(((seed >> i % 16) % 256 - 128) / 512 for i in range(count(shape))))


def narrow(data, kind):
    numbers = struct.unpack(f"<{len(data) // 4}f", data)
    if kind == "F16":
        return struct.pack(f"<{len(numbers)}e", *numbers)
    return b"".join(struct.pack("<f", number)[2:] for number in numbers)


def safetensors(tensors, kind="F32", metadata=None, pad=0):
    header, body = {}, b""
    if metadata is not None:
        header["__metadata__"] = {"format": "pt", "vitlrp": json.dumps(metadata)}
    for name, shape in tensors.items():
        data = values(name, shape)
        data = data if kind == "F32" else narrow(data, kind)
        header[name] = {"dtype": kind, "shape": list(shape),
                        "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode() + b" " * pad
    return struct.pack("<Q", len(text)) + text + body


def safetensors_files():
    whole = {"architecture": "vit", "num_heads": 2, "activation": "gelu_tanh", "pool": "cls",
             "layer_norm_eps": 1e-6, "image_size": [4, 4], "class_index": [3, 7],
             "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic",
             "resize": "short", "resize_to": 4, "crop": 4}
    small = {"a": (2, 3), "b": ()}
    return {
        "clip": safetensors(clip()),
        "timm": safetensors(timm()), "timm_scales": safetensors(timm(2, True)),
        "half": safetensors(timm(), "F16"), "bfloat": safetensors(timm(), "BF16", whole),
        "metadata": safetensors(timm(), metadata=whole, pad=7),
        "other": safetensors(small), "empty": safetensors({"a": (0, 4)}),
        "long": struct.pack("<Q", 1 << 40) + b"{}",
        "pointer": b"version https://git-lfs.github.com/spec/v1\n",
    }


class _Storage:
    def __init__(self, kind, key, size):
        self.id = ("storage", kind, key, "cpu", size)


class _Tensor:
    def __init__(self, storage, shape, parameter=False):
        self.storage, self.shape, self.parameter = storage, shape, parameter

    def __reduce__(self):
        utils = sys.modules["torch._utils"]
        stride = tuple(count(self.shape[i + 1:]) for i in range(len(self.shape)))
        if self.parameter:
            return utils._rebuild_parameter, (_Tensor(self.storage, self.shape), True,
                                              collections.OrderedDict())
        return utils._rebuild_tensor_v2, (self.storage, 0, self.shape, stride, False,
                                          collections.OrderedDict())


def _fake_torch():
    """Modules with the names that torch's pickles ask for."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("_rebuild_tensor_v2", "_rebuild_parameter"):
        function = types.FunctionType((lambda *given: given).__code__, {}, name)
        function.__module__, function.__qualname__ = "torch._utils", name
        setattr(utils, name, function)
    for name in ("FloatStorage", "HalfStorage", "LongStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))
    torch._utils = utils
    sys.modules["torch"], sys.modules["torch._utils"] = torch, utils
    return torch


class _Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return value.id if isinstance(value, _Storage) else None


def _module(parameters, **modules):
    """An object with the attributes of a torch.nn.Module, under a class's name that exists."""
    made = types.SimpleNamespace(_parameters=parameters, _buffers={}, _modules=modules)
    made._non_persistent_buffers_set = set()
    return made


def dump(value, protocol):
    out = io.BytesIO()
    _Pickler(out, protocol).dump(value)
    return out.getvalue()


def state(tensors, parameters=False):
    torch = sys.modules["torch"]
    found = collections.OrderedDict()
    for i, (name, shape) in enumerate(tensors.items()):
        found[name] = _Tensor(_Storage(torch.FloatStorage, str(i), count(shape)), shape, parameters)
    return found


def _script_object(name, attributes):
    """An object as TorchScript pickles it: of a class of the program's, its attributes put in by BUILD."""
    sys.modules.setdefault("__torch__", types.ModuleType("__torch__"))
    module = sys.modules.setdefault("__torch__.m", types.ModuleType("__torch__.m"))
    if not hasattr(module, name):
        setattr(module, name, type(name, (), {"__module__": "__torch__.m"}))
    found = getattr(module, name)()
    found.__dict__.update(attributes)
    return found


def script(tensors):
    """The modules that the names of tensors tell, with the class by which OpenAI's archives are known."""
    root = {"training": False}
    for name, tensor in state(tensors).items():
        *path, last = name.split(".")
        place = root
        for step in path:
            place = place.setdefault(step, {"training": False})
        place[last] = tensor
    for tower in (root["visual"], root):
        tower["transformer"]["resblocks"]["0"]["mlp"]["gelu"] = {"training": False}

    def made(attributes, name):
        return _script_object(name, {key: made(value, "QuickGELU" if key == "gelu" else f"M{len(key)}")
                                     if isinstance(value, dict) else value for key, value in attributes.items()})
    return made(root, "Multimodal")


def torch_zip(value, tensors, protocol=2, program=False):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        def put(name, data):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
        put("a/data.pkl", dump(value, protocol))
        if program:
            put("a/code/__torch__/m.py", b"class Multimodal(Module):\n  pass\n")
            put("a/constants.pkl", b"\x80\x02).")
        put("a/byteorder", b"little")
        for i, (name, shape) in enumerate(tensors.items()):
            put(f"a/data/{i}", values(name, shape))
        put("a/version", b"3\n")
    return out.getvalue()


def torch_legacy(value, tensors):
    out = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    out += pickle.dumps({"protocol_version": 1001, "little_endian": True, "type_sizes": {}}, 2)
    out += dump(value, 2) + pickle.dumps([str(i) for i in range(len(tensors))], 2)
    for name, shape in tensors.items():
        out += struct.pack("<q", count(shape)) + values(name, shape)
    return out


def torch_files():
    """{name: (bytes, way)}; the ways are those of fuzz_torch.c."""
    torch = _fake_torch()
    tensors = timm()
    small = {"w": (2, 3)}
    wrapped = {"model": state(tensors, True), "epoch": 3, "optimizer": {"state": {}, "lr": 0.1}}
    found = {
        "zip": (torch_zip(state(tensors), tensors), 1),
        "zip_wrapped": (torch_zip(wrapped, tensors), 1),
        "zip_4": (torch_zip(state(small), small, 4), 1),
        "zip64": (zip64(torch_zip(state(tensors), tensors)), 1),
        "legacy": (torch_legacy(state(tensors), tensors), 0),
        "legacy_small": (torch_legacy(state(small), small), 0),
    }
    shared = _Storage(torch.FloatStorage, "0", 6)
    pickles = {
        "state": {"w": _Tensor(shared, (2, 3)), "v": _Tensor(shared, (6,), True)},
        "object": {"args": argparse.Namespace(a=1, b=[None]), "model": _module({"w": _Tensor(shared, (2, 3))})},
        "plain": {"a": [1, -2, 1 << 40, 1 << 90, 2.5, None, True, b"x", "y" * 300, (1, 2, 3, 4)],
                  "b": {1, 2}, "c": frozenset([3]), "d": bytearray(b"zz")},
    }
    for name, value in pickles.items():
        for protocol in (2, 4, 5):
            text = dump(value, protocol)
            found[f"{name}_{protocol}"] = (text, 3)
            found[f"{name}_{protocol}_zip"] = (text + struct.pack("<H", 24), 2)
    found["script_zip"] = (torch_zip(script(clip()), clip(), program=True), 1)
    found["script_pickle"] = (dump(script({name: shape for name, shape in clip().items() if "0." in name}), 2), 3)
    found["script"] = (b"\x80\x02c__torch__.a\nB\n)\x81}X\x01\x00\x00\x00cc__torch__.a\nC\n)\x81}bsb.", 3)
    found["system"] = (b"\x80\x02cposix\nsystem\nU\x02lsR.", 3)
    found["marks"] = (b"\x80\x02" + b"(" * 100, 3)
    return found


def npy(shape, data, descr="<f4", version=1, order=False):
    text = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {tuple(shape)}, }}\n".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + data


def npz(tensors, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, shape in tensors.items():
            archive.writestr(zipfile.ZipInfo(name + ".npy", (1980, 1, 1, 0, 0, 0)),
                             npy(shape, values(name, shape)), method)
    return out.getvalue()


def zip64(data):
    """The archive with every size, and the place of its directory, in the fields of zip64."""
    end = data.rindex(b"PK\5\6")
    entries, size, start = struct.unpack("<HII", data[end + 10:end + 20])
    directory, at = b"", start
    for _ in range(entries):
        fields = list(struct.unpack("<4s6H3I5H2I", data[at:at + 46]))
        name_length, extra_length = fields[10], fields[11]
        name = data[at + 46:at + 46 + name_length]
        extra = struct.pack("<HHQQQ", 1, 24, fields[9], fields[8], fields[16])
        at += 46 + name_length + extra_length + fields[12]
        fields[8] = fields[9] = fields[16] = 0xFFFFFFFF
        fields[11], fields[12] = len(extra) + 8, 0
        directory += struct.pack("<4s6H3I5H2I", *fields) + name + struct.pack("<HHI", 9, 4, 7) + extra
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, entries, entries,
                         len(directory), start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, start + len(directory), 1)
    last = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return data[:start] + directory + record + locator + last


def strange_npz():
    """Archives whose only array is what no checkpoint has."""
    def one(content, name="embedding/bias.npy"):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
        return out.getvalue()
    return {
        "other_entry": one(b"text", "readme.txt"), "no_array": one(b"text"), "empty": one(b""),
        "doubles": one(npy((2,), bytes(16), "<f8")), "half": one(npy((2,), bytes(4), "<f2")),
        "odd": one(npy((2,), bytes(6), "<f3")), "int": one(npy((2,), bytes(8), "<i4")),
        "fortran": one(npy((2, 2), bytes(16), order=True)), "more": one(npy((2,), bytes(12))),
        "less": one(npy((9,), bytes(12))), "overflow": one(npy((1 << 62, 1 << 62), b"")),
    }


def numpy_files():
    """{name: (bytes, way)}; the ways are those of fuzz_numpy.c."""
    found = {"jax": (npz(jax()), 1), "jax_deflated": (npz(jax(), zipfile.ZIP_DEFLATED), 0),
             "timm": (npz(timm()), 9), "small": (npz({"a": (2, 2)}), 1)}
    found.update({"zip64": (zip64(npz(jax())), 1), "zip64_small": (zip64(npz({"a": (2, 2)})), 1)})
    found.update({name: (data, 1) for name, data in strange_npz().items()})
    arrays = {"one": npy((3,), bytes(12)), "two": npy((2, 3), bytes(24), version=2),
              "none": npy((), bytes(4), version=3), "zero": npy((0, 5), b""),
              "double": npy((2,), bytes(16), "<f8"), "big": npy((2,), bytes(8), ">f4"),
              "fortran": npy((2, 2), bytes(16), order=True), "object": npy((1,), b"", "|O")}
    for rank, (name, data) in zip((1, 2, 0, 2, 1, 1, 2, 1), arrays.items()):
        found["array_" + name] = (data, 3 | rank << 2)
        found["entry_" + name] = (data, 2)
    return found
