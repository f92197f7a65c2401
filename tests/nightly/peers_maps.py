"""The maps of another tool, for the inputs that the command prepared: run by peers.py, in the
environment where that tool is installed.

usage: peers_maps.py METHOD WEIGHTS INPUTS MAPS
    METHOD    a key of METHODS
    WEIGHTS   safetensors with the names of timm, and "vitlrp" metadata
    INPUTS    a folder of NAME.npy, float32 (3, height, width), and NAME.logits.npy
    MAPS      receives NAME.npy, the map of the predicted class

Prints the seconds that one image took (the median), and the package's version. Ends with a message
where the tool's network gives other logits than the command's."""

import importlib.metadata
import json
import pathlib
import statistics
import struct
import sys
import time

import numpy as np
import torch

TOLERANCE = 2e-3  # of logits, absolute: two programs in float32


def read_weights(path):
    data = pathlib.Path(path).read_bytes()
    size = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + size])
    facts = json.loads(header.pop("__metadata__")["vitlrp"])
    kinds = {"F16": "<f2", "F32": "<f4"}
    tensors = {}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        values = np.frombuffer(data[8 + size + first:8 + size + end], kinds[entry["dtype"]])
        tensors[name] = torch.tensor(values.astype(np.float32).reshape(entry["shape"]))
    return facts, tensors


def timm_model(facts, tensors):
    from timm.models.vision_transformer import VisionTransformer
    classes, width = tensors["head.weight"].shape
    depth = 1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("blocks."))
    model = VisionTransformer(img_size=facts["image_size"], patch_size=facts["patch_size"], embed_dim=width,
                              depth=depth, num_heads=facts["num_heads"], num_classes=classes,
                              mlp_ratio=tensors["blocks.0.mlp.fc1.weight"].shape[0] / width)
    model.load_state_dict(tensors)
    return model.eval()


TORCHVISION = (("patch_embed.proj.", "conv_proj."), ("cls_token", "class_token"),
               ("pos_embed", "encoder.pos_embedding"), ("blocks.", "encoder.layers.encoder_layer_"),
               (".norm1.", ".ln_1."), (".norm2.", ".ln_2."),
               (".attn.qkv.", ".self_attention.in_proj_"), (".attn.proj.", ".self_attention.out_proj."),
               (".mlp.fc1.", ".mlp.0."), (".mlp.fc2.", ".mlp.3."), ("norm.", "encoder.ln."), ("head.", "heads.head."))


def torchvision_name(name):
    for ours, theirs in TORCHVISION:
        if name.startswith(ours) or (ours.startswith(".") and ours in name):
            name = name.replace(ours, theirs, 1)
    return name


def torchvision_model(facts, tensors):
    from torchvision.models.vision_transformer import VisionTransformer
    classes, width = tensors["head.weight"].shape
    depth = 1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("blocks."))
    model = VisionTransformer(image_size=facts["image_size"], patch_size=facts["patch_size"], hidden_dim=width,
                              num_layers=depth, num_heads=facts["num_heads"], num_classes=classes,
                              mlp_dim=tensors["blocks.0.mlp.fc1.weight"].shape[0])
    model.load_state_dict({torchvision_name(name): value for name, value in tensors.items()})
    return model.eval()


def grid_of(model, image):
    patch = model.patch_embed.patch_size[0]
    return image.shape[-2] // patch, image.shape[-1] // patch


# ---- The tools. Each takes a model and returns a function of an image (1, 3, height, width) and a class.

def input_times_gradient(model, composite):
    """The way of LXT: patched operations, and input times gradient."""
    def explain(image, target):
        image = image.clone().requires_grad_(True)
        with composite.context(model) as changed:
            changed(image)[0, target].backward()
        return (image * image.grad)[0].sum(0).detach()
    return explain


def lxt(model):
    from lxt.efficient import monkey_patch, monkey_patch_zennit
    from torchvision.models import vision_transformer
    from zennit import rules
    from zennit.composites import LayerMapComposite
    monkey_patch(vision_transformer)
    monkey_patch_zennit()
    return input_times_gradient(model, LayerMapComposite([(torch.nn.Conv2d, rules.Gamma(0.25)),
                                                          (torch.nn.Linear, rules.Gamma(0.05))]))


def hilrp(mode):
    def prepare(model):
        import hilrp as package
        return lambda image, target: package.attribute(model, image, target, arch="vit", attn_mode=mode)["pixel_map"]
    return prepare


def autolrp(preset):
    def prepare(model):
        import autolrp as package
        config = package.LRPConfig(rule={**package.BASE, **getattr(package, preset)})

        def explain(image, target):
            wrapped = package.tensor(image)
            model(wrapped)[0, target].lrp(config=config)
            return wrapped.relevance[0].sum(0).detach()
        return explain
    return prepare


def torchcam(model):
    from torchcam.methods import LeGrad
    extractor = LeGrad(model, list(model.encoder.layers))
    return lambda image, target: extractor(target, model(image))[0][0].detach()


def daam(model):
    from daam import DAAM
    explainer = DAAM(model)
    return lambda image, target: explainer(image, target=target).maps[0][-1].detach()


def grad_cam(model):
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    def as_picture(tokens):
        rows, columns = grid_of(model, as_picture.image)
        return tokens[:, 1:].reshape(1, rows, columns, -1).permute(0, 3, 1, 2)

    explainer = GradCAM(model, [model.blocks[-1].norm1], reshape_transform=as_picture)

    def explain(image, target):
        as_picture.image = image
        return explainer(image, [ClassifierOutputTarget(target)])[0]
    return explain


def captum(model):
    from captum.attr import IntegratedGradients
    explainer = IntegratedGradients(model)
    return lambda image, target: explainer.attribute(image, target=target, n_steps=50,
                                                     internal_batch_size=10)[0].sum(0).detach()


METHODS = {"lxt-cp-gamma": ("lxt", torchvision_model, lxt),
           "hilrp": ("hilrp", timm_model, hilrp("cp")),
           "hilrp-attnlrp": ("hilrp", timm_model, hilrp("attnlrp")),
           "autolrp-attnlrp": ("autolrp", timm_model, autolrp("ATTNLRP")),
           "autolrp-cp": ("autolrp", timm_model, autolrp("CPLRP")),
           "torchcam-legrad": ("torchcam", torchvision_model, torchcam),
           "daam-timm-vit": ("daam-timm-vit", timm_model, daam),
           "pytorch-grad-cam": ("grad-cam", timm_model, grad_cam),
           "captum-ig": ("captum", timm_model, captum)}


def main():
    name, weights, inputs, maps = sys.argv[1:]
    package, build, prepare = METHODS[name]
    torch.set_num_threads(1)
    model = build(*read_weights(weights))
    images = sorted(path for path in pathlib.Path(inputs).iterdir() if not path.name.endswith(".logits.npy"))
    logits = [np.load(path.with_suffix(".logits.npy")) for path in images]
    with torch.no_grad():
        off = max(float(np.abs(model(torch.tensor(np.load(path)[None]))[0].numpy() - stated).max())
                  for path, stated in zip(images, logits))
    if off > TOLERANCE:
        sys.exit(f"{name}: the logits of its network are off by {off:.2g}")
    explain = prepare(model)
    seconds = []
    for path, stated in zip(images, logits):
        image = torch.tensor(np.load(path)[None])
        start = time.perf_counter()
        made = explain(image, int(stated.argmax()))
        seconds.append(time.perf_counter() - start)
        np.save(pathlib.Path(maps) / path.name, np.ascontiguousarray(made, dtype=np.float32))
    version = f"{package} {importlib.metadata.version(package)}"
    print(json.dumps({"seconds": statistics.median(seconds), "version": version}))


main()
