"""What is known of a model."""

from __future__ import annotations

import ctypes
import dataclasses
import os
from typing import Any

from . import _capi, _check
from ._library import call, lib, new_record, words


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """What is in a weights file. Sizes in pixels."""

    name: str  # the path that it was opened with
    layout: str  # whose names its tensors have: "torchvision", "timm", "huggingface", "jax"
    container: str  # "safetensors", "pytorch zip", "pytorch legacy", "npz", "memory"
    stored_as: str  # element type in the file: "F32", "F16", "BF16"
    image_height: int  # of the inputs that it was trained on
    image_width: int
    patch_height: int
    patch_width: int
    dim: int
    depth: int
    heads: int
    mlp_dim: int
    classes: int
    tokens: int  # CLS and patches at the trained size
    layer_norm_eps: float
    activation: str  # "gelu" (erf), "gelu_tanh", "quick_gelu", "silu"
    parameters: int
    weight_bytes: int  # of memory held
    outputs: str = "classes"  # or "feature" (there is no head), "embedding", "likeness" (one number)
    probability: str = "softmax"  # or "sigmoid" (each class by itself), "none" (outputs are values)
    kind: str = "image"  # or "image_text" (compared with embeddings of texts), "prompts" (its classes are texts)
    embed_dim: int = 0  # numbers of an image's embedding; 0: the model has classes of its own
    logit_scale: float = 0.0  # of cosines with texts; 0: nothing states it
    logit_bias: float = 0.0


@dataclasses.dataclass(frozen=True)
class Fact:
    """Something that tensors alone do not determine, and who states it."""

    name: str  # "heads", "norm_eps", "activation", "pool" ...
    value: str  # "12", "1e-06", "gelu", "yes"
    source: str  # "user", "file", "class", "table", "tensors", "guess"
    origin: str  # for people: "config.json, num_attention_heads"


def list_facts(model: _capi.ModelPointer, of_texts: bool) -> tuple[Fact, ...]:
    """Of the model, or of the text tower that has read its texts."""
    found = _capi.Fact()
    info = new_record(_capi.ModelInfo, lib.vitlrp_model_info_init_sized)
    lib.vitlrp_model_describe(model, ctypes.byref(info))
    take = lib.vitlrp_model_text_fact if of_texts else lib.vitlrp_model_fact
    listed = []
    for number in range(info.text_facts if of_texts else info.facts):
        call(take, model, number, ctypes.byref(found))
        name, value, origin = (os.fsdecode(text) for text in (found.name, found.value, found.origin))
        listed.append(Fact(name, value, words("fact_source")[found.source], origin))
    return tuple(listed)


def describe(model: _capi.ModelPointer) -> ModelInfo:
    info = new_record(_capi.ModelInfo, lib.vitlrp_model_info_init_sized)
    lib.vitlrp_model_describe(model, ctypes.byref(info))
    found: dict[str, Any] = {
        field.name: getattr(info, field.name) for field in dataclasses.fields(ModelInfo)
    }
    found["layer_norm_eps"] = _check.shortest(info.layer_norm_eps)
    found["outputs"] = words("outputs")[info.outputs]
    found["probability"] = words("probability")[info.probability]
    found["kind"] = words("model_kind")[info.kind]
    for name, value in found.items():
        found[name] = os.fsdecode(value) if isinstance(value, bytes) else value
    return ModelInfo(**found)
