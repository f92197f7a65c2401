"""torchvision's ViTs, reduced, as torchvision's files hold them: a state_dict. Nothing states the
heads; torchvision's models are square."""

import os

import torch
import torchvision
from architectures_case import HEADS, WIDTH, Built, Case
from architectures_draw import draw_input, draw_parameters

SIZE = 16


def forward(model, inputs):
    with torch.no_grad():
        return model(inputs)


def build(representation, folder, seed):
    model = torchvision.models.VisionTransformer(image_size=SIZE, patch_size=4, num_layers=2, num_heads=HEADS,
                                                 hidden_dim=WIDTH, mlp_dim=2 * WIDTH, num_classes=5,
                                                 representation_size=representation)
    draw_parameters(model, seed)
    torch.save(model.state_dict(), os.path.join(folder, "vit.pth"))
    return Built(model.double(), draw_input((1, 3, SIZE, SIZE), seed), forward, ("--heads", str(HEADS)), "vit.pth")


def cases():
    found = []
    for name in torchvision.models.list_models(include="vit_*"):
        weight = len(list(torchvision.models.get_model_weights(name)))
        found.append(Case(name, weight, lambda folder, seed: build(None, folder, seed)))
    found.append(Case("representation_size", 0, lambda folder, seed: build(24, folder, seed)))
    return found
