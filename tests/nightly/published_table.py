"""Compares vit/load/published.def with what timm passes to its constructors: every architecture that
timm registers for isotropic Vision Transformers, every fact of its row. Needs timm; builds no model.
usage: published_table.py ROOT"""

import functools
import inspect
import os
import re
import sys

import timm
import timm.models.beit
import timm.models.deit
import timm.models.eva
import timm.models.vision_transformer as vision_transformer

CLASSES = (vision_transformer.VisionTransformer, timm.models.deit.VisionTransformerDistilled,
           timm.models.eva.Eva, timm.models.beit.Beit)
MODULES = ("vision_transformer", "deit", "eva", "beit")
# Grouped queries: no row, so that the files are refused by their shapes.
WITHOUT_ROW = re.compile("sapiens")

PLAIN = {
    "norm": "FACT_NORM_LAYER", "norm_eps": 1e-6, "activation": "FACT_GELU_ERF",
    "gate": "FACT_GATE_NONE", "block": "FACT_BLOCK_PRE_NORM", "differential": 0, "class_token": 1,
    "distillation_token": 0, "registers": 0, "positions": "FACT_POSITIONS_ALL", "embed_norm": 0,
    "pre_norm": 0, "qk_norm": 0, "attention_norm": 0, "mlp_norm": 0, "relative_positions": 0,
    "rope": "FACT_ROPE_NONE", "pool": "FACT_POOL_TOKEN", "pool_prefix": 0, "pool_heads": None,
    "final_norm": None,
}
ROPE = {"rope_theta": None, "rope_reference_height": 0, "rope_reference_width": 0, "rope_offset": 0,
        "rope_order": "FACT_ROPE_COLUMNS_FIRST", "rope_pairing": "FACT_ROPE_INTERLEAVED"}


class Captured(Exception):
    """In the place of a model: the class and its arguments."""


def capture(cls):
    signature = inspect.signature(cls.__init__)

    def init(self, *args, **kwargs):
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        raise Captured(cls, dict(bound.arguments))

    cls.__init__ = init


def plain_name(value):
    if isinstance(value, functools.partial):
        words = {key: plain_name(word) for key, word in value.keywords.items()}
        return plain_name(value.func) + str(words)
    return getattr(value, "__name__", value)


def arguments_of(name):
    try:
        timm.create_model(name)
    except Captured as caught:
        cls, found = caught.args
    if "kwargs" in found:
        defaults = VISION_DEFAULTS.copy()
        defaults.update(found["kwargs"])
        found = defaults
    return cls.__name__, {key: plain_name(value) for key, value in found.items()}


def choice(value, table, prefix):
    return prefix + table[value]


def shared_facts(args):
    norm = str(args["norm_layer"]).lower()
    return {
        "norm": "FACT_NORM_RMS" if "rms" in norm else "FACT_NORM_LAYER",
        "norm_eps": 1e-5 if "1e-05" in norm else 1e-6,
        "pool": choice(args["global_pool"], {"token": "TOKEN", "avg": "MEAN", "map": "MAP"},
                       "FACT_POOL_"),
    }


def pooled_norm(fc_norm):
    return {None: None, True: "FACT_FINAL_NORM_POOLED", False: "FACT_FINAL_NORM_TOKENS"}[fc_norm]


def vit_facts(args, is_distilled):
    block = args["block_fn"]
    mlp = str(args["mlp_layer"])
    return {
        "activation": "FACT_" + {"none": "GELU_ERF", "gelu": "GELU_ERF", "gelu_tanh": "GELU_TANH",
                                 "quick_gelu": "GELU_QUICK",
                                 "silu": "SILU"}[str(args["act_layer"]).lower()],
        "gate": "FACT_GATE_PACKED" if mlp.startswith("GluMlp") and "False" in mlp
                else choice(mlp, {"SwiGLU": "SPLIT", "Mlp": "NONE"}, "FACT_GATE_"),
        "block": choice(block, {"Block": "PRE_NORM", "ParallelScalingBlock": "PARALLEL",
                                "DiffParallelScalingBlock": "PARALLEL", "ResPostBlock": "POST_NORM",
                                "ParallelThingsBlock": "PARALLEL_PAIRS"}, "FACT_BLOCK_"),
        "differential": int(block.startswith("Diff") or args["attn_layer"] == "diff"),
        "class_token": int(args["class_token"]),
        "distillation_token": int(is_distilled),
        "registers": args["reg_tokens"],
        "positions": "FACT_POSITIONS_PATCHES" if args["no_embed_class"] else "FACT_POSITIONS_ALL",
        "embed_norm": int(args["embed_norm_layer"] is not None),
        "pre_norm": int(args["pre_norm"]),
        "qk_norm": int(args["qk_norm"]),
        "attention_norm": int(args["scale_attn_norm"]),
        "mlp_norm": int(args["scale_mlp_norm"]),
        "pool_prefix": int(args["pool_include_prefix"]),
        "final_norm": pooled_norm(args["fc_norm"]) if args["final_norm"]
                      else "FACT_FINAL_NORM_NONE",
    }


def gate_of(args):
    if not args["swiglu_mlp"]:
        return "FACT_GATE_NONE"
    is_split = args["scale_mlp"] or args.get("swiglu_align_to")
    return "FACT_GATE_SPLIT" if is_split else "FACT_GATE_PACKED"


def beit_facts(args):
    return {
        "activation": "FACT_SILU" if args["swiglu_mlp"] else "FACT_GELU_ERF",
        "gate": gate_of(args),
        "mlp_norm": int(args["scale_mlp"]),
        "positions": "FACT_POSITIONS_ALL" if args["use_abs_pos_emb"] else "FACT_POSITIONS_NONE",
        "relative_positions": int(args["use_rel_pos_bias"]),
        "final_norm": pooled_norm(args["use_fc_norm"]),
    }


def rope_facts(args):
    if not args["use_rot_pos_emb"]:
        return {}
    rope = choice(args["rope_type"], {"cat": "AXIAL", "mixed": "MIXED", "dinov3": "DINOV3"},
                  "FACT_ROPE_")
    height, width = args["ref_feat_shape"] or (0, 0)
    facts = {
        "rope": rope,
        "rope_reference_height": height, "rope_reference_width": width,
        "rope_offset": args["rope_grid_offset"],
        "rope_order": choice(args["rope_grid_indexing"],
                             {"ij": "ROWS_FIRST", "xy": "COLUMNS_FIRST"}, "FACT_ROPE_"),
        "rope_pairing": "FACT_ROPE_HALVES" if args["rope_rotate_half"]
                        else "FACT_ROPE_INTERLEAVED",
    }
    if rope != "FACT_ROPE_MIXED":  # whose frequencies are stored
        facts["rope_theta"] = args["rope_temperature"]
    return facts


def eva_facts(args):
    facts = beit_facts({**args, "use_rel_pos_bias": False})
    if args["no_embed_class"] and args["use_abs_pos_emb"]:
        facts["positions"] = "FACT_POSITIONS_PATCHES"
    if args["use_post_transformer_norm"] is False and args["use_fc_norm"] is False:
        facts["final_norm"] = "FACT_FINAL_NORM_NONE"
    if args["attn_pool_num_heads"]:
        facts["pool_heads"] = args["attn_pool_num_heads"]
    facts.update(rope_facts(args))
    facts.update({
        "block": "FACT_BLOCK_POST_NORM" if args["use_post_norm"] else "FACT_BLOCK_PRE_NORM",
        "class_token": int(args["class_token"]), "registers": args["num_reg_tokens"],
        "pre_norm": int(args["use_pre_transformer_norm"]), "qk_norm": int(args["qk_norm"]),
        "attention_norm": int(args["scale_attn_inner"]),
        "pool_prefix": int(args["global_pool"] == "map"),
    })
    return facts


def library_row(name):
    cls, args = arguments_of(name)
    facts = {**PLAIN, **shared_facts(args)}
    if cls == "Eva":
        facts.update(eva_facts(args))
    elif cls == "Beit":
        facts.update(beit_facts(args))
    else:
        facts.update(vit_facts(args, cls.endswith("Distilled")))
    size = args.get("img_size", 224)
    sizes = (args["embed_dim"], args["num_heads"], size if isinstance(size, int) else size[0])
    return sizes, facts


def value_of(text):
    return text if text.startswith("FACT_") else float(text)


def read_table(root):
    """name: ((width, heads, size), facts)"""
    with open(os.path.join(root, "vit/load/published.def"), encoding="utf-8") as file:
        text = file.read()
    states, families, rows = {}, {}, {}
    for trait, member, value in re.findall(r"^STATES\((\w+), (\w+), (\S+)\)", text, re.M):
        states.setdefault(trait, {})[member] = value_of(value)
    for family, traits in re.findall(r"^FAMILY\((\w+),([^#]*?)\)$", text, re.M):
        families[family] = re.findall(r"T\((\w+)\)", traits + ")")
    pattern = r'^ARCHITECTURE\("(\w+)", (\w+), (\d+), (\d+), (\d+)\)'
    for name, family, *sizes in re.findall(pattern, text, re.M):
        facts = dict(PLAIN)
        for trait in families[family]:
            facts.update(states[trait])
        if facts["rope"] != "FACT_ROPE_NONE":
            facts = {**ROPE, **facts}
        rows[name] = (tuple(map(int, sizes)), facts)
    return rows


def complaints_of(name, table):
    if name not in table:
        return [f"{name}: no row"]
    sizes, facts = library_row(name)
    stated_sizes, stated = table[name]
    found = [] if sizes == stated_sizes else [f"{name}: {stated_sizes} instead of {sizes}"]
    for key in sorted(facts.keys() | stated.keys()):
        if facts.get(key) != stated.get(key):
            found.append(f"{name}: {key} {stated.get(key)} instead of {facts.get(key)}")
    return found


def main(root):
    table = read_table(root)
    names = [name for module in MODULES for name in timm.list_models(module=module)
             if not WITHOUT_ROW.search(name)]
    complaints = [line for name in names for line in complaints_of(name, table)]
    complaints += [f"{name}: timm {timm.__version__} has no such architecture"
                   for name in sorted(table.keys() - set(names))]
    print("\n".join(complaints + [f"{len(names)} architectures, {len(complaints)} complaints"]))
    return 1 if complaints else 0


VISION_DEFAULTS = {key: value.default for key, value in
                   inspect.signature(vision_transformer.VisionTransformer.__init__).parameters.items()}
for each in CLASSES:
    capture(each)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
