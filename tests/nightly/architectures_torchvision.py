"""torchvision's ViTs, reduced, as torchvision's files hold them: a state_dict. Nothing states the
heads but the files' names; torchvision's models are square."""

import os
import unittest.mock

import torch
import torchvision
from architectures_case import HEADS, IS_FULL, WIDTH, Built, Case, blocks
from architectures_draw import draw_input, draw_parameters

SIZE = 16


def forward(model, inputs):
    return model(inputs)


def build(representation, folder, seed):
    model = torchvision.models.VisionTransformer(image_size=SIZE, patch_size=4, num_layers=2, num_heads=HEADS,
                                                 hidden_dim=WIDTH, mlp_dim=2 * WIDTH, num_classes=5,
                                                 representation_size=representation)
    draw_parameters(model, seed)
    torch.save(model.state_dict(), os.path.join(folder, "vit.pth"))
    return Built(model.double(), draw_input((1, 3, SIZE, SIZE), seed), forward, ("--heads", str(HEADS)), file="vit.pth")


def build_full(name, weights, folder, seed):
    """Under the name of its published file."""
    file = os.path.basename(weights.url)
    size = weights.meta["min_size"][0]
    changed = blocks("num_layers")
    create = torchvision.models.vision_transformer._vision_transformer

    def shallow(*args, **words):
        return create(*args, **{**words, **changed})

    with unittest.mock.patch("torchvision.models.vision_transformer._vision_transformer", shallow):
        model = draw_parameters(torchvision.models.get_model(name, weights=None, image_size=size), seed)
    torch.save(model.state_dict(), os.path.join(folder, file))
    return Built(model.double(), draw_input((1, 3, size, size), seed), forward, file=file)


def full_cases():
    return [Case(f"{name} {weights.name}", 1,
                 lambda folder, seed, name=name, weights=weights: build_full(name, weights, folder, seed))
            for name in torchvision.models.list_models(include="vit_*")
            for weights in torchvision.models.get_model_weights(name)]


def cases():
    if IS_FULL:
        return full_cases()
    found = []
    for name in torchvision.models.list_models(include="vit_*"):
        weight = len(list(torchvision.models.get_model_weights(name)))
        found.append(Case(name, weight, lambda folder, seed: build(None, folder, seed)))
    found.append(Case("representation_size", 0, lambda folder, seed: build(24, folder, seed)))
    return found
