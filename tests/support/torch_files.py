"""Files as torch.save and safetensors write them, without torch: Python's own pickle over stand-ins for
torch's classes."""

import collections
import contextlib
import io
import json
import math
import pickle
import struct
import sys
import types
import zipfile

STORAGES = {"F32": "FloatStorage", "F16": "HalfStorage", "F64": "DoubleStorage", "I64": "LongStorage",
            "C64": "ComplexFloatStorage", "other": "QUInt8Storage"}


def read_safetensors(path):
    """{name: Tensor} of a file of F32 tensors."""
    with open(path, "rb") as file:
        data = file.read()
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    body = data[8 + size:]
    return {name: Tensor(tuple(entry["shape"]), body[slice(*entry["data_offsets"])])
            for name, entry in header.items()}


def safetensors(tensors, metadata=None):
    """The bytes of a file of these tensors."""
    header, body = {} if metadata is None else {"__metadata__": metadata}, b""
    for name, tensor in tensors.items():
        header[name] = {"dtype": tensor.kind, "shape": list(tensor.shape),
                        "data_offsets": [len(body), len(body) + len(tensor.data)]}
        body += tensor.data
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def npz(tensors):
    """The bytes of numpy.savez of these; a tensor whose axes lie the other way round is in Fortran order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, tensor in tensors.items():
            fortran = tensor.stride != strides(tensor.shape, range(len(tensor.shape)))
            text = (f"{{'descr': '<f{8 if tensor.kind == 'F64' else 4}', 'fortran_order': {fortran}, "
                    f"'shape': {tensor.shape}, }}")
            text += " " * (63 - (10 + len(text)) % 64) + "\n"
            archive.writestr(name + ".npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) +
                             text.encode() + tensor.data)
    return out.getvalue()


class Storage:
    def __init__(self, data, kind):
        self.data, self.kind = data, kind


class Tensor:
    """Bytes and how they are seen: `order` lists the axes from the slowest in memory to the fastest."""

    def __init__(self, shape, data, kind="F32", order=None, stride=None, maker="_rebuild_tensor_v2"):
        self.shape, self.data, self.kind, self.maker = shape, data, kind, maker
        self.storage = Storage(data, kind)
        self.stride = stride or strides(shape, order or range(len(shape)))

    def floats(self):
        return struct.unpack(f"<{math.prod(self.shape)}f", self.data)

    def as_double(self):
        return Tensor(self.shape, struct.pack(f"<{math.prod(self.shape)}d", *self.floats()), "F64")

    def permuted(self, order):
        """The same tensor with its axes in another order in memory."""
        old, new, numbers = self.stride, strides(self.shape, order), self.floats()
        moved = [0.0] * len(numbers)
        for place in places(self.shape):
            moved[sum(i * s for i, s in zip(place, new))] = \
                numbers[sum(i * s for i, s in zip(place, old))]
        return Tensor(self.shape, struct.pack(f"<{len(moved)}f", *moved), order=order)

    def parameter(self):
        return Parameter(self)

    def __reduce__(self):
        function = getattr(sys.modules["torch._utils"], self.maker)
        return function, (self.storage, 0, self.shape, self.stride, False, collections.OrderedDict())


class Parameter:
    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_parameter, (self.tensor, True,
                                                                 collections.OrderedDict())


def strides(shape, order):
    found, step = [0] * len(shape), 1
    for axis in reversed(list(order)):
        found[axis] = step
        step *= shape[axis]
    return tuple(found)


def places(shape):
    found = [()]
    for size in shape:
        found = [place + (i,) for place in found for i in range(size)]
    return found


def function(module, name):
    """A function that pickles by its name: nobody can call it who reads the pickle without it."""
    made = types.FunctionType((lambda *given: given).__code__, {}, name)
    made.__module__, made.__qualname__ = module, name
    return made


def made_class(module, name, **attributes):
    return type(name, (), dict(attributes, __module__=module, __qualname__=name))


@contextlib.contextmanager
def torch_names(*made):
    """Modules with the names that a pickle needs while it is written: torch's, and those of `made`."""
    kept = dict(sys.modules)
    known = [function("torch._utils", name) for name in
             ("_rebuild_tensor_v2", "_rebuild_parameter", "_rebuild_qtensor")]
    known += [made_class("torch", name) for name in STORAGES.values()]
    for one in known + list(made):
        parts = one.__module__.split(".")
        for i in range(1, len(parts) + 1):
            name = ".".join(parts[:i])
            if name not in sys.modules:
                sys.modules[name] = types.ModuleType(name)
        setattr(sys.modules[one.__module__], one.__qualname__, one)
    try:
        yield
    finally:
        for name in set(sys.modules) - set(kept):
            del sys.modules[name]


class _Pickler(pickle.Pickler):
    """Storages go by persistent ids."""

    def __init__(self, out, protocol):
        super().__init__(out, protocol)
        self.storages = []

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        self.storages.append(value.data)
        size = {"F16": 2, "F64": 8, "I64": 8, "C64": 8, "other": 1}.get(value.kind, 4)
        return ("storage", getattr(sys.modules["torch"], STORAGES[value.kind]),
                str(len(self.storages) - 1), "cpu", len(value.data) // size)


def torch_zip(value, protocol=2, made=(), folder="archive", extra=(), compression=zipfile.ZIP_STORED):
    """torch.save(value); `made` are the classes and functions that it needs the names of."""
    out, text = io.BytesIO(), io.BytesIO()
    with torch_names(*made):
        pickler = _Pickler(text, protocol)
        pickler.dump(value)
    with zipfile.ZipFile(out, "w", compression) as archive:
        archive.writestr(f"{folder}/data.pkl", text.getvalue())
        archive.writestr(f"{folder}/byteorder", b"little")
        for name, data in extra:
            archive.writestr(f"{folder}/{name}", data)
        for i, data in enumerate(pickler.storages):
            archive.writestr(f"{folder}/data/{i}", data)
        archive.writestr(f"{folder}/version", b"3\n")
    return out.getvalue()


def module_tree(tensors, module_class, buffers=()):
    """The tensors of a state_dict as objects with the attributes of torch.nn.Module."""
    root = module_class()
    root.__dict__.update(_parameters=collections.OrderedDict(), _buffers=collections.OrderedDict(),
                         _modules=collections.OrderedDict(), _forward_hooks=collections.OrderedDict(),
                         _non_persistent_buffers_set=set(), training=False)
    below = collections.OrderedDict()
    for name, tensor in tensors.items():
        first, _, rest = name.partition(".")
        if rest:
            below.setdefault(first, collections.OrderedDict())[rest] = tensor
        elif first in buffers:
            root._buffers[first] = tensor
        else:
            root._parameters[first] = tensor.parameter()
    for first, inner in below.items():
        root._modules[first] = module_tree(inner, module_class, buffers)
    return root


def script_tree(tensors, make_class):
    """The same as TorchScript pickles it: tensors and modules are the attributes themselves."""
    root = make_class()
    root.__dict__.update(training=False, _is_full_backward_hook=None)
    below = collections.OrderedDict()
    for name, tensor in tensors.items():
        first, _, rest = name.partition(".")
        if rest:
            below.setdefault(first, collections.OrderedDict())[rest] = tensor
        else:
            setattr(root, first, tensor)
    for first, inner in below.items():
        setattr(root, first, script_tree(inner, make_class))
    return root
