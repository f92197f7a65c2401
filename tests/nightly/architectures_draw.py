"""Every parameter of a model drawn anew, so that one that is forgotten or taken for another shows:
norms, biases, LayerScale, tokens and tables far from their initial values, embeddings so faint that
the eps of a norm shows."""

import re

import torch

FAINT = 0.02
EMBEDDINGS = re.compile(r"patch_embed|patchifier\.proj|pos_embed|position_embedding|embed_positions|cls_token|"
                        r"reg_token|register_tokens|dist_token|distillation_token|class_embedding|class_token|"
                        r"positional_embedding|conv1|conv_proj|pos_embedding")
NORMS = re.compile(r"norm|ln_|\.ln\.|layrnorm")
SCALES = re.compile(r"gamma|lambda_?[12]$|\.ls")


def normal(parameter, generator, scale):
    return torch.randn(parameter.shape, generator=generator) * scale


def drawn_vector(name, parameter, generator):
    if "lambda_q" in name or "lambda_k" in name:
        return normal(parameter, generator, 0.3)
    if SCALES.search(name):
        return normal(parameter, generator, 0.7)
    if name.endswith("bias"):
        is_faint = EMBEDDINGS.search(name) and not NORMS.search(name)
        return normal(parameter, generator, FAINT if is_faint else 0.3)
    if NORMS.search(name):
        return 1 + normal(parameter, generator, 0.3)
    return normal(parameter, generator, FAINT if EMBEDDINGS.search(name) else 0.3)


def drawn(name, parameter, generator):
    if parameter.ndim < 2:
        return drawn_vector(name, parameter, generator)
    if "rope.freqs" in name:
        return parameter.detach() * (1 + normal(parameter, generator, 0.3))
    if "relative_position_bias_table" in name:
        return normal(parameter, generator, 0.7)
    if "latent" in name or "probe" in name:
        return normal(parameter, generator, 1.0)
    is_table = parameter.shape[0] == 1 or "position" in name
    spread = 1.0 if is_table else parameter[0].numel() ** -0.5
    if EMBEDDINGS.search(name):
        return normal(parameter, generator, FAINT * spread)
    return normal(parameter, generator, 1.5 * spread)


def draw_parameters(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            parameter.copy_(drawn(name, parameter, generator))
    return model.eval()


def draw_input(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + 1))
