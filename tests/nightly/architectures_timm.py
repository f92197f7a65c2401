"""timm's isotropic Vision Transformers, reduced, as timm writes them: model.safetensors and
config.json with the reduction as model_args."""

import timm
import timm.models._hub
import torch
from architectures_case import HEADS, IS_FULL, WIDTH, Built, Case, blocks
from architectures_draw import draw_input, draw_parameters

MODULES = ("vision_transformer", "deit", "eva", "beit")

GRID_SIZE = (12, 20)  # 3 x 5 patches: 16 tokens with a class token, a square of it
REDUCED = {"embed_dim": WIDTH, "depth": 2, "num_heads": HEADS, "patch_size": 4, "img_size": GRID_SIZE}

# Models of other modules that are near to these: right or refused, and of no weight. None keeps a
# size of the model's own.
NEAR = (("naflexvit_base_patch16_gap", {"img_size": None}), ("naflexvit_base_patch16_siglip", {"img_size": None}),
        ("vit_relpos_base_patch16_224", {}), ("vit_relpos_base_patch16_clsgap_224", {}),
        ("vit_srelpos_small_patch16_224", {}), ("vit_base_r50_s16_224", {"patch_size": None, "img_size": (64, 64)}),
        ("samvit_base_patch16", {"img_size": (64, 64)}), ("cait_xxs24_224", {"img_size": (32, 32), "patch_size": 8}),
        ("xcit_nano_12_p16_224", {"img_size": (64, 64), "patch_size": 16}))
# Changes that model_args may state, of models that nothing is published of.
CHANGED = {
    "vit_base_patch16_224": (
        {"act_layer": "relu"}, {"act_layer": "silu"}, {"act_layer": "gelu_tanh"}, {"act_layer": "quick_gelu"},
        {"attn_layer": "diff", "num_heads": 4}, {"class_token": False, "global_pool": "avg"},
        {"class_token": False, "global_pool": "avg", "no_embed_class": True}, {"final_norm": False},
        {"fc_norm": True}, {"global_pool": "avg"}, {"global_pool": "avg", "fc_norm": False},
        {"global_pool": "avg", "pool_include_prefix": True}, {"global_pool": "map"}, {"global_pool": "max"},
        {"global_pool": "map", "pool_include_prefix": True}, {"in_chans": 1}, {"in_chans": 4},
        {"init_values": 1.0, "reg_tokens": 2}, {"init_values": 1.0, "reg_tokens": 2, "no_embed_class": True},
        {"mlp_ratio": 3.3}, {"norm_layer": "layernorm"}, {"norm_layer": "rmsnorm"}, {"patch_size": (4, 2)},
        {"pos_embed": "none"}, {"pre_norm": True}, {"qk_norm": True}, {"qkv_bias": False, "proj_bias": False},
        {"scale_attn_norm": True, "scale_mlp_norm": True}),
    "vit_base_patch16_clip_224": ({"act_layer": "gelu"}, {"norm_layer": "layernorm"}),
    "beit_base_patch16_224": (
        {"use_shared_rel_pos_bias": True, "use_rel_pos_bias": False}, {"use_abs_pos_emb": True},
        {"use_rel_pos_bias": False, "use_abs_pos_emb": True}, {"global_pool": "token"}),
    "eva02_base_patch14_448": (
        {"class_token": False}, {"global_pool": "token"}, {"no_embed_class": True, "num_reg_tokens": 2},
        {"num_reg_tokens": 2}, {"ref_feat_shape": (4, 8), "rope_grid_indexing": "xy"}, {"rope_grid_offset": 1.0},
        {"rope_rotate_half": True}, {"rope_type": "dinov3"}, {"rope_type": "mixed"}, {"rope_type": "mrope"},
        {"rope_type": "mixed", "rope_grid_indexing": "xy"}, {"rope_temperature": 100.0}, {"scale_mlp": False},
        {"scale_mlp": False, "swiglu_align_to": 8}, {"swiglu_mlp": False}, {"use_fc_norm": False},
        {"use_post_norm": True}, {"use_rot_pos_emb": False}, {"qk_norm": True}, {"scale_attn_inner": True}),
    "vit_base_patch16_dinov3": (
        {"global_pool": "token"}, {"rope_grid_indexing": "xy"}, {"rope_grid_offset": 0.5},
        {"rope_rotate_half": False}, {"rope_temperature": 50.0}, {"use_fc_norm": True}),
    "vit_pe_core_base_patch16_224": (
        {"attn_pool_mlp_ratio": 2.0}, {"attn_pool_num_heads": 3}, {"global_pool": "avg"}, {"global_pool": "token"},
        {"use_post_transformer_norm": False}),
}


def tags_of(name):
    """{tag: configuration} of the weights that are published."""
    found = {}
    for tagged in timm.list_models(name + "*", pretrained=True, include_tags=True):
        if tagged.split(".")[0] == name:
            found[tagged] = timm.models.get_pretrained_cfg(tagged)
    return found


def kinds_of(name):
    """[(what to build, classes, published tags)]: without a head where weights have none."""
    tags = tags_of(name)
    headless = [tag for tag, cfg in tags.items() if cfg.num_classes == 0]
    classifiers = [tag for tag in tags if tag not in headless]
    kinds = []
    if headless:
        kinds.append((headless[0], 0, len(headless)))
    if classifiers or not headless:
        kinds.append((classifiers[0] if classifiers else name, 5, len(classifiers)))
    return kinds


def create(tagged, classes, changes):
    """The model and what its configuration states beside its name."""
    if IS_FULL:
        return timm.create_model(tagged, pretrained=False, num_classes=classes, **blocks("depth")), None
    grouped = {"num_kv_heads": (3, 1)} if "sapiens2" in tagged else {}  # one for each block
    args = {**REDUCED, "num_classes": classes, **grouped, **changes}
    args = {key: value for key, value in args.items() if value is not None}
    return timm.create_model(tagged, pretrained=False, **args), args


def input_shape(model, args):
    if args is None:
        return (1, 3, *model.patch_embed.img_size)
    return (1, args.get("in_chans", 3), *args.get("img_size", GRID_SIZE))


def forward(model, inputs):
    return model(inputs)


def build(tagged, classes, changes, folder, seed):
    model, args = create(tagged, classes, changes)
    draw_parameters(model, seed)
    inputs = draw_input(input_shape(model, args), seed)
    timm.models._hub.save_for_hf(model, folder, model_args=args, safe_serialization=True)
    patch = model.patch_embed.patch_size[0] if IS_FULL else 1
    return Built(model.double(), inputs, forward, patch=patch)


def case_of(tagged, classes, weight, changes=None):
    words = "".join(f" {key}={value}" for key, value in (changes or {}).items())
    name = tagged + (" headless" if classes == 0 else "") + words
    return Case(name, weight, lambda folder, seed: build(tagged, classes, changes or {}, folder, seed))


def cases():
    names = [name for module in MODULES for name in timm.list_models(module=module)]
    found = [case_of(*kind) for name in names for kind in kinds_of(name)]
    if IS_FULL:
        return [case for case in found if "sapiens2" not in case.name or blocks("depth") == {}]
    changed = [(name, changes) for name, rows in CHANGED.items() for changes in rows]
    return found + [case_of(name, 5, 0, changes) for name, changes in [*NEAR, *changed]]
