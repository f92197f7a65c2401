"""transformers' Vision Transformers, reduced, as save_pretrained writes them."""

import torch
import transformers
from architectures_case import HEADS, IS_FULL, WIDTH, Built, Case, blocks
from architectures_draw import draw_input, draw_parameters

SIZES = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": HEADS, "intermediate_size": 2 * WIDTH,
         "patch_size": 4}
NON_SQUARE = (12, 20)
SQUARE = 16


def token(outputs):
    return outputs.last_hidden_state[:, 0]


def mean(outputs):
    return outputs.last_hidden_state.mean(1)


def pooled(outputs):
    return outputs.pooler_output


def logits(outputs):
    return outputs.logits


def embedding(outputs):
    return outputs.image_embeds


def patches_apart(outputs):
    return outputs


def unmasked(model, inputs):
    """MAE's encoder shuffles the patches, which CLS does not see, and leaves some out."""
    model.config.mask_ratio = 0.0
    return model.vit(inputs).last_hidden_state[:, 0]


def naflex(model, inputs):
    """SigLIP2's patches in a row, row by row, with the grid that they make up."""
    channels, height, width = inputs.shape[1:]
    side = model.config.vision_config.patch_size if hasattr(model.config, "vision_config") else model.config.patch_size
    rows, columns = height // side, width // side
    patches = inputs.reshape(1, channels, rows, side, columns, side).permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)
    mask = torch.ones(1, rows * columns, dtype=torch.int64)
    return model(patches, mask, torch.tensor([[rows, columns]]))


# Class, changes of its configuration, size of configuration and of input, what it gives, and
# roughly how many official weights it has (ZOO.md, 1.5).
CLASSES = (
    ("ViTForImageClassification", {}, NON_SQUARE, NON_SQUARE, logits, 10),
    ("ViTForImageClassification", {"hidden_act": "gelu_new", "qkv_bias": False}, NON_SQUARE, NON_SQUARE, logits, 0),
    ("ViTForImageClassification", {"hidden_act": "relu"}, NON_SQUARE, NON_SQUARE, logits, 0),
    ("ViTModel", {}, NON_SQUARE, NON_SQUARE, token, 9),
    ("ViTMSNForImageClassification", {}, NON_SQUARE, NON_SQUARE, logits, 0),
    ("ViTMSNModel", {}, NON_SQUARE, NON_SQUARE, token, 5),
    ("ViTMAEForPreTraining", {}, SQUARE, (SQUARE, SQUARE), unmasked, 3),
    ("DeiTForImageClassification", {}, NON_SQUARE, NON_SQUARE, logits, 2),
    ("DeiTForImageClassificationWithTeacher", {}, NON_SQUARE, NON_SQUARE, logits, 2),
    ("DeiTModel", {}, NON_SQUARE, NON_SQUARE, token, 0),
    ("Dinov2ForImageClassification", {}, SQUARE, NON_SQUARE, logits, 3),
    ("Dinov2ForImageClassification", {"use_swiglu_ffn": True}, SQUARE, NON_SQUARE, logits, 1),
    ("Dinov2Model", {}, SQUARE, NON_SQUARE, token, 4),
    ("Dinov2WithRegistersForImageClassification", {}, SQUARE, NON_SQUARE, logits, 3),
    ("Dinov2WithRegistersForImageClassification", {"use_swiglu_ffn": True}, SQUARE, NON_SQUARE, logits, 1),
    ("Dinov2WithRegistersModel", {}, SQUARE, NON_SQUARE, token, 4),
    ("DINOv3ViTModel", {"num_register_tokens": 4}, SQUARE, NON_SQUARE, token, 5),
    ("DINOv3ViTModel", {"num_register_tokens": 4, "use_gated_mlp": True, "hidden_act": "silu"}, SQUARE, NON_SQUARE,
     token, 3),
    ("BeitForImageClassification", {"use_relative_position_bias": True}, SQUARE, (SQUARE, SQUARE), logits, 9),
    ("BeitForImageClassification", {"use_absolute_position_embeddings": True, "use_mean_pooling": False}, SQUARE,
     (SQUARE, SQUARE), logits, 0),
    ("BeitForImageClassification", {"use_shared_relative_position_bias": True}, SQUARE, (SQUARE, SQUARE), logits, 0),
    ("Data2VecVisionForImageClassification", {"use_relative_position_bias": True}, SQUARE, (SQUARE, SQUARE), logits,
     4),
    ("IJepaForImageClassification", {}, NON_SQUARE, NON_SQUARE, logits, 0),
    ("IJepaModel", {}, NON_SQUARE, NON_SQUARE, mean, 4),
    ("CLIPForImageClassification", {}, SQUARE, (SQUARE, SQUARE), logits, 0),
    ("CLIPVisionModelWithProjection", {}, SQUARE, (SQUARE, SQUARE), embedding, 0),
    ("CLIPVisionModel", {}, SQUARE, (SQUARE, SQUARE), pooled, 0),
    ("CLIPModel", {}, SQUARE, (SQUARE, SQUARE), embedding, 4),
    ("CLIPModel", {"hidden_act": "gelu"}, SQUARE, (SQUARE, SQUARE), embedding, 8),
    ("MetaClip2Model", {}, SQUARE, (SQUARE, SQUARE), embedding, 8),
    ("MetaClip2ForImageClassification", {}, SQUARE, (SQUARE, SQUARE), logits, 0),
    ("MetaClip2VisionModelWithProjection", {}, SQUARE, (SQUARE, SQUARE), embedding, 0),
    ("MetaClip2VisionModel", {}, SQUARE, (SQUARE, SQUARE), pooled, 0),
    ("SiglipForImageClassification", {}, SQUARE, (SQUARE, SQUARE), logits, 0),
    ("SiglipVisionModel", {}, SQUARE, (SQUARE, SQUARE), pooled, 0),
    ("SiglipVisionModel", {"patch_size": 6}, 20, (20, 20), pooled, 0),
    ("SiglipVisionModel", {"vision_use_head": False}, SQUARE, (SQUARE, SQUARE), mean, 0),
    ("SiglipModel", {}, SQUARE, (SQUARE, SQUARE), pooled, 22),
    ("Siglip2ForImageClassification", {"num_patches": 16}, SQUARE, (SQUARE, SQUARE), patches_apart, 0),
    ("Siglip2VisionModel", {"num_patches": 16}, SQUARE, (SQUARE, SQUARE), patches_apart, 2),
    ("Aimv2VisionModel", {}, SQUARE, (SQUARE, SQUARE), pooled, 18),
    ("Aimv2VisionModel", {"use_head": False}, SQUARE, (SQUARE, SQUARE), mean, 0),
    ("Aimv2VisionModel", {"is_native": True}, SQUARE, (SQUARE, SQUARE), pooled, 0),
    ("Aimv2Model", {}, SQUARE, (SQUARE, SQUARE), embedding, 1),
    ("PixtralVisionModel", {}, SQUARE, (SQUARE, SQUARE), token, 2),
    # Near to these: right or refused.
    ("ViTForImageClassification", {"layer_norm_eps": 1e-3, "num_channels": 1}, NON_SQUARE, NON_SQUARE, logits, 0),
    ("Dinov2Model", {"hidden_act": "gelu_new"}, SQUARE, (SQUARE, SQUARE), token, 0),
    ("DINOv3ViTModel", {"num_register_tokens": 4, "key_bias": True, "query_bias": False, "rope_theta": 50.0}, SQUARE,
     NON_SQUARE, token, 0),
    ("DINOv3ViTModel", {"num_register_tokens": 4, "mlp_bias": False, "proj_bias": False, "value_bias": False}, SQUARE,
     NON_SQUARE, token, 0),
    ("DINOv3ViTModel", {}, SQUARE, NON_SQUARE, token, 0),  # of no registers: a tensor without rows
    ("Dinov2WithRegistersModel", {"num_register_tokens": 0}, SQUARE, NON_SQUARE, token, 0),
    ("BeitForImageClassification", {"layer_scale_init_value": 0.0, "use_relative_position_bias": True}, SQUARE,
     (SQUARE, SQUARE), logits, 0),
    ("SiglipVisionModel", {"hidden_act": "gelu", "layer_norm_eps": 1e-4}, SQUARE, (SQUARE, SQUARE), pooled, 0),
    ("Aimv2VisionModel", {"qkv_bias": True, "mlp_bias": True, "rms_norm_eps": 1e-3}, SQUARE, (SQUARE, SQUARE),
     pooled, 0),
    ("Dinov2ForImageClassification", {"qkv_bias": False}, SQUARE, NON_SQUARE, logits, 0),
    ("Data2VecVisionModel", {"use_relative_position_bias": True}, SQUARE, (SQUARE, SQUARE), token, 0),
    ("BeitModel", {"use_relative_position_bias": True}, SQUARE, (SQUARE, SQUARE), pooled, 0),
    ("AltCLIPVisionModel", {}, SQUARE, (SQUARE, SQUARE), pooled, 0),
    ("ChineseCLIPVisionModel", {}, SQUARE, (SQUARE, SQUARE), pooled, 0),
    ("CLIPSegVisionModel", {}, SQUARE, (SQUARE, SQUARE), pooled, 0),
    ("BlipVisionModel", {}, SQUARE, (SQUARE, SQUARE), pooled, 0),
    ("FlavaImageModel", {}, SQUARE, (SQUARE, SQUARE), token, 0),
    ("MLCDVisionModel", {}, SQUARE, (SQUARE, SQUARE), pooled, 0),
    ("InternVLVisionModel", {}, SQUARE, (SQUARE, SQUARE), token, 0),
    ("OwlViTVisionModel", {}, SQUARE, (SQUARE, SQUARE), pooled, 0),
    ("YolosModel", {}, NON_SQUARE, NON_SQUARE, token, 0),
    ("GitVisionModel", {}, SQUARE, (SQUARE, SQUARE), token, 0),
    ("Idefics3VisionTransformer", {}, SQUARE, (SQUARE, SQUARE), token, 0),
)


def configuration(cls, changes, size):
    """The class's own, or one of a vision tower inside."""
    keys = {**blocks("num_hidden_layers"), **changes} if IS_FULL else {**SIZES, "image_size": size, **changes}
    kind = cls.config_class
    if "intermediate_size" not in kind().to_dict() and "vision_config" not in kind().to_dict():
        keys.pop("intermediate_size", None)  # DINOv2's classes, and those of text towers
    if "vision_config" in kind().to_dict():
        text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
                "vocab_size": 50, "max_position_embeddings": 16}
        return kind(vision_config=keys, text_config=text, projection_dim=16, num_labels=5)
    if "num_labels" in dir(kind()) and "ForImageClassification" in cls.__name__:
        keys["num_labels"] = 5
    return kind(**keys)


def forward_of(read):
    def forward(model, inputs):
        if read is unmasked:
            return unmasked(model, inputs)
        if read is patches_apart:
            found = naflex(model, inputs)
            return found.logits if hasattr(found, "logits") else found.pooler_output
        if read is embedding and hasattr(model, "get_image_features"):
            found = model.get_image_features(inputs)
            return found if isinstance(found, torch.Tensor) else found.pooler_output
        return read((model.vision_model if hasattr(model, "text_model") else model)(inputs))

    return forward


def build(row, folder, seed):
    name, changes, size, input_size, read, _ = row
    cls = getattr(transformers, name)
    config = configuration(cls, changes, size)
    config._attn_implementation = "eager"
    model = draw_parameters(cls(config), seed)
    model.save_pretrained(folder)
    if IS_FULL:
        side = getattr(getattr(config, "vision_config", config), "image_size", 256)
        input_size = (side, side)
    channels = changes.get("num_channels", 3)
    patch = getattr(getattr(config, "vision_config", config), "patch_size", 1)
    patch = patch if isinstance(patch, int) else patch[0]
    return Built(model.double(), draw_input((1, channels, *input_size), seed), forward_of(read), patch=patch)


def build_wrapper(folder, seed):
    config = transformers.TimmWrapperConfig(architecture="vit_base_patch16_224", num_labels=5, model_args={
        "img_size": list(NON_SQUARE), "patch_size": 4, "embed_dim": WIDTH, "depth": 2, "num_heads": HEADS})
    model = draw_parameters(transformers.TimmWrapperForImageClassification(config), seed)
    model.save_pretrained(folder)
    return Built(model.double(), draw_input((1, 3, *NON_SQUARE), seed), forward_of(logits))


def cases():
    transformers.utils.logging.disable_progress_bar()
    found = [Case("TimmWrapperForImageClassification", 0, build_wrapper)]
    for row in CLASSES:
        if IS_FULL and row[-1] == 0:
            continue
        name = row[0] + "".join(f" {key}={value}" for key, value in row[1].items())
        found.append(Case(name, row[-1], lambda folder, seed, row=row: build(row, folder, seed)))
    return found
