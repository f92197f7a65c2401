"""open_clip's models with a Vision Transformer as their image tower, both towers reduced, as
open_clip writes them: open_clip_config.json and open_clip_model.safetensors."""

import copy
import functools
import json
import os
import unittest.mock

import open_clip
import open_clip.model
import safetensors.torch
import timm
import torch
from architectures_case import HEADS, IS_FULL, WIDTH, Built, Case, blocks
from architectures_draw import draw_input, draw_parameters
from architectures_timm import MODULES, REDUCED

EMBEDDING = 16
TEXT = {"context_length": 8, "vocab_size": 20, "width": 16, "heads": 2, "layers": 1}
OTHER_TEXT = ("hf_model_name", "hf_tokenizer_name", "hf_proj_type", "hf_pooler_type", "hf_model_pretrained",
              "hf_model_config", "proj", "proj_type", "tokenizer_kwargs")
TIMM_NAMES = {name for module in MODULES for name in timm.list_models(module=module)}


def is_isotropic(config):
    vision = config["vision_cfg"]
    name = vision.get("timm_model_name")
    return name in TIMM_NAMES if name else not isinstance(vision.get("layers"), list)


def reduced(config):
    config = copy.deepcopy(config)
    vision = config["vision_cfg"]
    if IS_FULL:
        vision.update({} if vision.get("timm_model_name") else blocks("layers"))
    elif vision.get("timm_model_name"):
        vision.update(timm_model_kwargs=dict(REDUCED), image_size=list(REDUCED["img_size"]))
        vision["timm_model_pretrained"] = False
    else:
        vision.update(image_size=[12, 20], width=WIDTH, layers=2, head_width=WIDTH // HEADS, patch_size=4)
    text = {key: value for key, value in config["text_cfg"].items() if key not in OTHER_TEXT}
    if not IS_FULL:
        config["embed_dim"] = EMBEDDING
    if len(text) < len(config["text_cfg"]):
        config["custom_text"] = True  # as for every text tower of another library
    config["text_cfg"] = {**text, **TEXT}
    if "multimodal_cfg" in config:
        config["multimodal_cfg"].update(TEXT)
    return config


def create(config):
    """timm_model_kwargs are given to timm, as newer versions of open_clip do."""
    keys = copy.deepcopy(config)
    kwargs = keys["vision_cfg"].pop("timm_model_kwargs", blocks("depth") if IS_FULL else {})
    is_custom = keys.pop("custom_text", False)
    cls = open_clip.model.CustomTextCLIP if is_custom else open_clip.model.CLIP
    if "multimodal_cfg" in keys:
        cls = open_clip.CoCa
    with unittest.mock.patch("timm.create_model", functools.partial(timm.create_model, **kwargs)):
        return cls(**keys)


def forward(model, inputs):
    output = model(inputs)
    return output[0] if isinstance(output, tuple) else output


def build(config, folder, seed):
    config = reduced(config)
    model = draw_parameters(create(config), seed)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    safetensors.torch.save_file(state, os.path.join(folder, "open_clip_model.safetensors"))
    with open(os.path.join(folder, "open_clip_config.json"), "w", encoding="utf-8") as file:
        json.dump({"model_cfg": config, "preprocess_cfg": {}}, file)
    size = config["vision_cfg"]["image_size"]
    sides = size if isinstance(size, list) else (size, size)
    patches = getattr(model.visual, "trunk", model.visual)
    patch = getattr(patches, "patch_embed", patches).patch_size[0]
    return Built(model.visual.double(), draw_input((1, 3, *sides), seed), forward, patch=patch)


def cases():
    found = []
    for name in open_clip.list_models():
        config = open_clip.get_model_config(name)
        if is_isotropic(config):
            weight = len(open_clip.list_pretrained_tags_by_model(name))
            found.append(Case(name, weight, lambda folder, seed, config=config: build(config, folder, seed)))
    return found
