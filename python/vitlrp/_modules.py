"""What a torch module states about itself: facts, by the names of Model.facts, and what lies beside
its weights. A module is known by its class; what is not known is refused by name. The C library
judges the rest."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

from . import _check
from .errors import UnsupportedError

Facts = dict[str, Any]


@dataclasses.dataclass
class Found:
    """What was read of a module."""

    module: Any  # whose tensors they are
    facts: Facts
    config: dict[str, Any] | None = None
    prefix: str = ""  # of the tensors' names
    renames: Callable[[Any, Any], Any] | None = None  # of module and state_dict: as in its files


def _class(thing: Any) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def _is_a(thing: Any, *names: str) -> bool:
    """Whether its class, or one that it is made from, is called like this."""
    return any(kind.__name__ in names for kind in type(thing).__mro__)


def _same(what: str, values: Iterable[Any]) -> Any:
    """The one value that all of them are."""
    found = list(dict.fromkeys(values))
    if len(found) != 1:
        listed = ", ".join(_check.shown(value) for value in found[:4])
        raise UnsupportedError(f"from_torch: {what} must be the same in the whole module, not {listed or 'none'}")
    return found[0]


# ---- Parts that all libraries have

_ACTIVATIONS = {
    "QuickGELU": "quick_gelu", "QuickGELUActivation": "quick_gelu", "GELUTanh": "gelu_tanh",
    "PytorchGELUTanh": "gelu_tanh", "GELUActivation": "gelu", "NewGELUActivation": "gelu_tanh",
    "FastGELUActivation": "gelu_tanh", "AccurateGELUActivation": "gelu_tanh", "SiLU": "silu",
    "SiLUActivation": "silu", "Swish": "silu", "ReLU": "relu", "Tanh": "tanh",
}  # fmt: skip
_LEAVES = ("Linear", "Dropout", "Identity")
_NORMS = {"LayerNorm": "LayerNorm", "LayerNormFp32": "LayerNorm", "RMSNorm": "RMSNorm", "RmsNorm": "RMSNorm"}


def _activation(name: str, act: Any) -> str:
    kind = type(act).__name__
    if kind == "GELU":
        return "gelu_tanh" if getattr(act, "approximate", "none") == "tanh" else "gelu"
    if kind not in _ACTIVATIONS:
        raise UnsupportedError(f"from_torch: {name}, a {_class(act)}, is no activation that vitlrp knows")
    return _ACTIVATIONS[kind]


def _norms(module: Any) -> Facts:
    """Kind and eps of all norms but those inside of an attention, which in a parallel block are the block's."""
    inner = ("q_norm", "k_norm", "sub_norm")
    parts = [part for path, part in module.named_modules() if ".attn." not in path and not path.endswith(inner)]
    norms = [part for part in parts if _is_a(part, *_NORMS)]
    kinds = (next(_NORMS[k.__name__] for k in type(part).__mro__ if k.__name__ in _NORMS) for part in norms)
    return {
        "norm": _same("the kind of norm", kinds),
        "norm_eps": _same("the eps of norms", (float(_eps(part)) for part in norms)),
    }


def _eps(norm: Any) -> Any:
    return norm.eps if hasattr(norm, "eps") else norm.variance_epsilon


def _head(name: str, head: Any) -> Facts:
    """The activation of a head of two layers; whatever else it does is refused."""
    leaves = [(f"{name}.{path}".rstrip("."), part) for path, part in head.named_modules() if not list(part.children())]
    linear = [part for _, part in leaves if type(part).__name__ in ("Linear", "NonDynamicallyQuantizableLinear")]
    others = [(path, part) for path, part in leaves if type(part).__name__ not in _LEAVES]
    if len(linear) < 2 and others:
        raise UnsupportedError(
            f"from_torch: {others[0][0]}, a {_class(others[0][1])}, is no part of a head that vitlrp knows"
        )
    acts = [_activation(path, part) for path, part in others]
    return {"head_activation": _same("the head's activation", acts)} if len(linear) == 2 else {}


def _size(facts: Facts, name: str, value: Any) -> None:
    """A number for both sides, or (height, width)."""
    height, width = value if isinstance(value, (tuple, list)) else (value, value)
    facts[f"{name}_height"], facts[f"{name}_width"] = int(height), int(width)


# ---- torchvision


def _torchvision(module: Any) -> Found:
    layers = module.encoder.layers
    acts = (_activation(f"encoder.layers.{name}.mlp.1", layer.mlp[1]) for name, layer in layers.named_children())
    facts = {
        "heads": _same("the number of heads", (layer.self_attention.num_heads for layer in layers)),
        "activation": _same("the activation", acts),
        "pool": "cls",
        **_norms(module.encoder),
        **_head("heads", module.heads),
    }
    _size(facts, "image", module.image_size)
    _size(facts, "patch", module.patch_size)
    return Found(module, facts)


# ---- timm

_TIMM_POOLS = {"token": "cls", "avg": "mean", "map": "map"}
_TIMM_BLOCKS = {
    "Block": "pre_norm", "LayerScaleBlock": "pre_norm", "EvaBlock": "pre_norm", "ResPostBlock": "post_norm",
    "EvaBlockPostNorm": "post_norm", "ParallelScalingBlock": "parallel", "DiffParallelScalingBlock": "parallel",
    "ParallelThingsBlock": "parallel_pairs",
}  # fmt: skip
_TIMM_GATES = {"Mlp": "none", "GluMlp": "packed", "SwiGLUPacked": "packed", "SwiGLU": "split"}
_TIMM_ROPES = {
    "RotaryEmbeddingCat": "axial", "RotaryEmbeddingMixed": "mixed", "RotaryEmbeddingDinoV3": "dinov3",
}  # fmt: skip


def _is_there(module: Any, name: str) -> bool:
    part = getattr(module, name, None)
    return part is not None and type(part).__name__ != "Identity"


def _timm_tokens(module: Any) -> Facts:
    facts: Facts = {"class_token": getattr(module, "cls_token", None) is not None}
    if hasattr(module, "num_reg_tokens"):
        facts["registers"] = module.num_reg_tokens
    if getattr(module, "pos_embed", None) is None:
        facts["positions"] = "none"
    elif getattr(module, "num_prefix_tokens", 1) > 0:
        facts["positions"] = "patches" if getattr(module, "no_embed_class", False) else "all"
    return facts


def _timm_blocks(module: Any) -> Facts:
    kind = _same("the kind of block", (type(block).__name__ for block in module.blocks))
    if kind not in _TIMM_BLOCKS:
        raise UnsupportedError(f"from_torch: blocks.0, a {_class(module.blocks[0])}, is no block that vitlrp knows")
    parts = [(f"blocks.{path}", part) for path, part in module.blocks.named_modules()]
    acts = [
        _activation(path, part)
        for path, part in parts
        if path.rsplit(".", 1)[-1] == "act"
    ]
    facts = {
        "block": _TIMM_BLOCKS[kind],
        "heads": _same("the number of heads", (part.num_heads for _, part in parts if hasattr(part, "num_heads"))),
        **_norms(module),
    }
    gates = [_TIMM_GATES[type(part).__name__] for _, part in parts if type(part).__name__ in _TIMM_GATES]
    if gates:
        facts["gate"] = _same("the kind of MLP", gates)
    if acts:
        facts["activation"] = _same("the activation", acts)
    return facts


def _timm_rope(module: Any) -> Facts:
    rope = getattr(module, "rope", None)
    if rope is None:
        return {"rope": "none"}
    if type(rope).__name__ not in _TIMM_ROPES:
        raise UnsupportedError(f"from_torch: rope, a {_class(rope)}, is not known")
    facts: Facts = {"rope": _TIMM_ROPES[type(rope).__name__]}
    if getattr(rope, "grid_indexing", None) is not None:
        facts["rope_order"] = "rows_first" if rope.grid_indexing == "ij" else "columns_first"
    if getattr(rope, "temperature", None) is not None:
        facts["rope_theta"] = float(rope.temperature)
    if getattr(rope, "rotate_half", None) is not None:
        facts["rope_pairing"] = "halves" if rope.rotate_half else "interleaved"
    if getattr(rope, "ref_feat_shape", None) is not None:
        facts["rope_reference_height"], facts["rope_reference_width"] = map(int, rope.ref_feat_shape)
    if getattr(rope, "grid_offset", None) is not None:
        facts["rope_offset"] = float(rope.grid_offset)
    return facts


def _timm_end(module: Any) -> Facts:
    facts: Facts = {}
    pool = module.global_pool
    if pool and pool not in _TIMM_POOLS:
        raise UnsupportedError(f"from_torch: global_pool {_check.shown(pool)} is not known")
    if pool:
        facts["pool"] = _TIMM_POOLS[pool]
    if pool == "map":
        facts["pool_heads"] = module.attn_pool.num_heads
        facts["pool_prefix"] = True  # Eva's, which has no word for it
    if hasattr(module, "pool_include_prefix") or pool == "avg":
        facts["pool_prefix"] = bool(getattr(module, "pool_include_prefix", False))
    if _is_there(module, "norm") and _is_there(module, "fc_norm"):
        raise UnsupportedError("from_torch: norms before and behind the pool are not supported")
    facts["final_norm"] = (
        "before_pool" if _is_there(module, "norm") else "after_pool" if _is_there(module, "fc_norm") else "none"
    )
    if hasattr(module, "norm_pre"):
        facts["pre_norm"] = _is_there(module, "norm_pre")
    return {**facts, **(_head("head", module.head) if _is_there(module, "head") else {})}


def _timm_config(module: Any) -> dict[str, Any]:
    """As timm's config.json has it."""
    cfg = getattr(module, "pretrained_cfg", None) or {}
    cfg = cfg if isinstance(cfg, dict) else dataclasses.asdict(cfg)
    plain = {name: value for name, value in cfg.items() if isinstance(value, (str, bool, int, float, tuple, list))}
    name = plain.pop("architecture", None) or ""
    plain.pop("num_classes", None)
    if module.patch_embed.img_size is not None:  # and not the size that the name stands for
        plain["input_size"] = [module.patch_embed.proj.in_channels, *module.patch_embed.img_size]
    found = {"num_classes": module.num_classes, "pretrained_cfg": plain, "model_args": {"embed_dim": module.embed_dim}}
    return {"architecture": name, **found} if name else found


def _timm(module: Any) -> Found:
    embed = module.patch_embed
    facts = {
        "channels": embed.proj.in_channels,
        **_timm_tokens(module),
        **_timm_blocks(module),
        **_timm_rope(module),
        **_timm_end(module),
    }
    _size(facts, "patch", embed.patch_size)
    if embed.img_size is not None:
        _size(facts, "image", embed.img_size)
    return Found(module, facts, _timm_config(module))


# ---- transformers


def _drop_labels_of_another_head(module: Any, config: dict[str, Any]) -> None:
    """A head that was put in the place of the configuration's own has classes without names."""
    head = getattr(module, "classifier", None)
    sizes = [layer.out_features for layer in head.modules() if hasattr(layer, "out_features")] if head is not None else []
    if sizes and sizes[-1] != len(config.get("id2label") or {}):
        config.pop("id2label", None)
        config.pop("label2id", None)


def _transformers(module: Any) -> Found:
    if _is_a(module, "TimmWrapperForImageClassification", "TimmWrapperModel"):
        return read(module.timm_model)
    config = json.loads(module.config.to_json_string())
    names = [kind.__name__ for kind in type(module).__mro__ if kind.__module__.startswith("transformers.")]
    config["architectures"] = names[:1]
    _drop_labels_of_another_head(module, config)
    loading = sys.modules.get("transformers.core_model_loading")  # since version 5
    return Found(module, {}, config, renames=getattr(loading, "revert_weight_conversion", None))


# ---- open_clip

_OPEN_CLIP_POOLS = {"tok": "cls", "avg": "mean"}


def _open_clip(module: Any) -> Found:
    tower = getattr(module, "visual", module)
    if _is_a(tower, "TimmModel") and _is_a(getattr(tower, "trunk", None), *_READERS["timm"][1]):
        return Found(module, _timm(tower.trunk).facts, None, "" if tower is not module else "visual.")
    if not _is_a(tower, "VisionTransformer"):
        raise UnsupportedError(f"from_torch: {_class(tower)} is no tower that vitlrp knows")
    if getattr(tower, "attn_pool", None) is not None:
        raise UnsupportedError(
            "from_torch: the tower pools by attention of many queries (CoCa), which is not supported: explain a CLIP of "
            "that size"
        )
    if tower.pool_type not in _OPEN_CLIP_POOLS:
        raise UnsupportedError(f"from_torch: the pool {_check.shown(tower.pool_type)} of the tower is not supported")
    blocks = tower.transformer.resblocks
    acts = (_activation("resblocks.mlp.gelu", block.mlp.gelu) for block in blocks)
    facts = {
        "heads": _same("the number of heads", (block.attn.num_heads for block in blocks)),
        "activation": _same("the activation", acts),
        "pool": _OPEN_CLIP_POOLS[tower.pool_type],
        "pre_norm": _is_there(tower, "ln_pre"),
        "final_norm": "after_pool" if tower.final_ln_after_pool else "before_pool",
        **_norms(tower),
    }
    _size(facts, "image", tower.image_size)
    _size(facts, "patch", tower.patch_size)
    return Found(module, facts, None, "" if tower is not module else "visual.")


_READERS: dict[str, tuple[Callable[[Any], Found], tuple[str, ...]]] = {
    "torchvision": (_torchvision, ("VisionTransformer",)),
    "timm": (_timm, ("VisionTransformer", "Eva", "Beit")),
    "transformers": (_transformers, ("PreTrainedModel",)),
    "open_clip": (_open_clip, ("VisionTransformer", "TimmModel", "CLIP", "CustomTextCLIP", "CoCa")),
}
_LIBRARIES = ("torch", *_READERS)


def _check_parts(module: Any) -> None:
    """No part is of a class of somebody's own: what that computes is not known."""
    for path, part in module.named_modules():
        if path and type(part).__module__.split(".")[0] not in _LIBRARIES:
            raise UnsupportedError(f"from_torch: {path}, a {_class(part)}, is no part that vitlrp knows")


def read(module: Any) -> Found:
    """What the module states. UnsupportedError, naming it, for what is not known."""
    for kind in type(module).__mro__:
        reader, classes = _READERS.get(kind.__module__.split(".")[0], (None, ()))
        if reader is not None and kind.__name__ in classes:
            _check_parts(module)
            return reader(module)
    raise UnsupportedError(
        f"from_torch: {_class(module)} is no module that vitlrp knows: VisionTransformer, Eva and Beit of timm, "
        "torchvision's VisionTransformer, a model of transformers, a tower of open_clip. Is the network a part of it?"
    )
