"""torchvision's own ViT on the same random weights: logits, and input times the gradient that
autograd finds. Skipped where python3-torch and python3-torchvision are not installed."""

import os
import unittest
import warnings

import numpy as np

import support
import vitlrp
from vitlrp import _modules, _torch

try:
    import torch
    import torchvision

    MISSING = None
except ImportError as error:
    MISSING = f"{error} (Debian: python3-torch, python3-torchvision)"

SEED = 7
PREPROCESSING = vitlrp.Preprocessing("squash", 32, "bilinear", 0, 0, (0.5,) * 3, (0.5,) * 3)


def random_vit():
    """A small torchvision ViT, every parameter drawn, those it would begin at zero too."""
    torch.manual_seed(SEED)
    vit = torchvision.models.VisionTransformer(
        image_size=32,
        patch_size=8,
        num_layers=3,
        num_heads=4,
        hidden_dim=32,
        mlp_dim=64,
        num_classes=10,
    )
    with torch.no_grad():
        for name, parameter in vit.named_parameters():
            noise = torch.randn_like(parameter) * 0.2
            parameter.copy_(noise + 1.0 if "ln" in name and name.endswith("weight") else noise)
    return vit.eval()


@unittest.skipIf(MISSING, MISSING)
class Torchvision(unittest.TestCase):
    def setUp(self):
        self.vit = random_vit()
        self.image = torch.randn(1, 3, 32, 32)
        with support.scratch() as folder:
            path = os.path.join(folder, "vit.pth")
            torch.save(self.vit.state_dict(), path)
            self.model = vitlrp.Model(path, heads=4)
        self.addCleanup(self.model.close)

    def test_logits(self):
        with torch.no_grad():
            wanted = self.vit(self.image)[0].numpy()
        found = self.model.explain(self.image[0])  # a tensor is an array
        self.assertEqual(self.model.info.layout, "torchvision")
        self.assertLess(np.abs(found.logits - wanted).max(), 1e-4)
        self.assertGreater(wanted.std(), 0.1)

    def test_input_times_gradient(self):
        for target, versus in ((3, None), (8, 1)):
            image = self.image.clone().requires_grad_(True)
            logits = self.vit(image)[0]
            (logits[target] - (0 if versus is None else logits[versus])).backward()
            wanted = (image.detach() * image.grad)[0].numpy()
            found = self.model.explain(
                self.image[0], target, versus=versus, method="input-x-gradient", level="pixel"
            )
            self.assertLess(support.relative_error(found.pixels, wanted), support.EXACT)

    def test_both_compute_in_one_process(self):
        """Neither changes the other's threads or results."""
        threads = torch.get_num_threads()
        with torch.no_grad():
            before = self.vit(self.image)
            first = self.model.explain(self.image[0]).heatmap
            after = self.vit(self.image)
            second = self.model.explain(self.image[0]).heatmap
        self.assertTrue(torch.equal(before, after))
        self.assertEqual(first.tobytes(), second.tobytes())
        self.assertEqual(torch.get_num_threads(), threads)


@unittest.skipIf(MISSING, MISSING)
class FromTorch(unittest.TestCase):
    """The module itself, without a file."""

    def setUp(self):
        self.vit = random_vit()
        self.image = torch.randn(1, 3, 32, 32)

    def wanted(self, module):
        with torch.no_grad():
            return module(self.image)[0].float().numpy()

    def assert_same(self, module, **options):
        wanted = self.wanted(module)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with vitlrp.Model.from_torch(module, **options) as model:
                found = model.explain(self.image[0]).logits
                facts = {fact.name: fact for fact in model.facts}
        self.assertLess(np.abs(found - wanted).max(), 1e-4)
        return model, facts

    def warned(self, module, **options):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            vitlrp.Model.from_torch(module, transform=PREPROCESSING, **options).close()
        self.assertTrue(all(one.filename == __file__ for one in caught))
        return [str(one.message) for one in caught]

    def test_logits(self):
        _, facts = self.assert_same(self.vit, labels=[f"thing {i}" for i in range(10)])
        self.assertEqual((facts["heads"].value, facts["heads"].origin), ("4", "what was stated"))
        self.assert_same(torch.nn.DataParallel(self.vit))
        before = self.vit.state_dict()["conv_proj.weight"].clone()
        self.assertTrue(torch.equal(before, self.vit.state_dict()["conv_proj.weight"]))

    def test_heads(self):
        linear, act = torch.nn.Linear, torch.nn.GELU("tanh")
        for head in (
            linear(32, 5),
            torch.nn.Sequential(torch.nn.Dropout(0.5), linear(32, 5)),
            torch.nn.Sequential(linear(32, 16), act, linear(16, 5)),
        ):
            self.vit.heads = head.eval()
            self.assert_same(self.vit)
        self.vit.heads = torch.nn.Sequential(linear(32, 5), torch.nn.Softmax(-1))
        with self.assertRaisesRegex(vitlrp.errors.UnsupportedError, "heads.1, a torch.*Softmax"):
            vitlrp.Model.from_torch(self.vit)

    def test_what_is_said(self):
        self.assertEqual(self.warned(self.vit), [])
        self.vit.train()
        self.vit.encoder.ln.register_forward_hook(lambda *_: None)
        messages = self.warned(self.vit)
        self.assertTrue(self.vit.training and self.vit.encoder.layers[0].dropout.training)
        self.assertEqual(len(messages), 2)
        self.assertIn("training mode", messages[0])
        self.assertIn("encoder.ln", messages[1])
        half = random_vit().to(torch.bfloat16)
        self.assertIn("torch.bfloat16", "".join(self.warned(half)))
        self.assertIs(half.conv_proj.weight.dtype, torch.bfloat16)
        with self.assertWarnsRegex(UserWarning, "transform="):
            vitlrp.Model.from_torch(random_vit())

    def test_what_is_changed(self):
        """An eps and an activation of one's own are read; what does not show is found by comparing."""
        for part in self.vit.modules():
            if isinstance(part, torch.nn.LayerNorm):
                part.eps = 1e-3
        for layer in self.vit.encoder.layers:
            layer.mlp[1] = torch.nn.SiLU()
        model, _ = self.assert_same(self.vit)
        self.assertEqual((model.info.layer_norm_eps, model.info.activation), (1e-3, "silu"))
        self.vit.encoder.layers[1].mlp[1] = torch.nn.ReLU()
        with self.assertRaisesRegex(vitlrp.errors.UnsupportedError, "the activation must be the same"):
            vitlrp.Model.from_torch(self.vit)
        self.vit.encoder.layers[1].mlp[1] = torch.nn.Mish()
        with self.assertRaisesRegex(vitlrp.errors.UnsupportedError, "layers.*Mish"):
            vitlrp.Model.from_torch(self.vit)

    def test_what_does_not_show(self):
        self.vit.encoder.forward = lambda tokens: self.vit.encoder.ln(tokens)
        with self.assertRaisesRegex(vitlrp.errors.MismatchError, "something else"):
            vitlrp.Model.from_torch(self.vit, transform=PREPROCESSING)
        vitlrp.Model.from_torch(self.vit, transform=PREPROCESSING, check=False).close()

    def test_refused(self):
        class Mine(torch.nn.Linear):
            pass

        self.vit.encoder.layers[0].mlp[0] = Mine(32, 64)
        for wrong, kind, words in (
            (self.vit, vitlrp.errors.UnsupportedError, "mlp.0, a .*Mine"),
            (torch.nn.Linear(3, 3), vitlrp.errors.UnsupportedError, "torch.nn.modules.linear.Linear is no module"),
            (random_vit().state_dict(), vitlrp.errors.UsageError, "takes a torch.nn.Module"),
        ):
            with self.assertRaisesRegex(kind, words):
                vitlrp.Model.from_torch(wrong)

    def test_transforms(self):
        transforms = torchvision.transforms
        normalise = transforms.Normalize((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
        bicubic = transforms.InterpolationMode.BICUBIC
        composed = [transforms.Resize(36, bicubic), transforms.CenterCrop(32), transforms.ToTensor(), normalise]
        with vitlrp.Model.from_torch(self.vit, transform=transforms.Compose(composed)) as model:
            found = model.preprocessing
            photo = np.random.default_rng(1).integers(0, 255, (50, 40, 3), np.uint8)
            ours = model.preprocess(photo)
        self.assertEqual((found.resize, found.resize_to, found.interpolation), ("short", 36, "bicubic"))
        theirs = transforms.Compose(composed)(transforms.functional.to_pil_image(photo)).numpy()
        self.assertLess(np.abs(ours - theirs).max(), 1e-6)
        preset = torchvision.models.ViT_B_16_Weights.DEFAULT.transforms()
        with vitlrp.Model.from_torch(self.vit, transform=preset) as model:
            self.assertEqual((model.preprocessing.resize_to, model.preprocessing.crop_height), (256, 224))
        for wrong, kind in (
            (transforms.Compose([transforms.RandomCrop(32)]), vitlrp.errors.UnsupportedError),
            (transforms.Compose([normalise, composed[0]]), vitlrp.errors.UnsupportedError),
            (lambda image: image, vitlrp.errors.UsageError),
        ):
            with self.assertRaisesRegex(kind, "transform"):
                vitlrp.Model.from_torch(self.vit, transform=wrong)


class Part:
    """As much of a torch module as is looked at before its tensors are."""

    def __init__(self, **parts):
        self.__dict__.update(parts)

    def named_modules(self):
        return [("", self)]


def made_class(module, name):
    return type(name, (Part,), {"__module__": module})


class Refused(unittest.TestCase):
    """Modules of a library that are known, and are not supported. Needs no torch."""

    def assert_refused(self, module, words):
        with self.assertRaisesRegex(vitlrp.errors.UnsupportedError, words):
            _modules.read(module)

    def test_pools_of_open_clip(self):
        tower, coca, clip = (made_class("open_clip." + module, name) for module, name in (
            ("transformer", "VisionTransformer"), ("coca_model", "CoCa"), ("model", "CLIP")))
        many = tower(pool_type="tok", attn_pool=Part())
        for module in (many, coca(visual=many), clip(visual=many)):
            self.assert_refused(module, r"many queries \(CoCa\).*explain a CLIP of that size")
        self.assert_refused(clip(visual=tower(pool_type="none", attn_pool=None)), "the pool 'none' of the tower")

    def test_outputs_of_a_tower_with_its_tokens(self):
        """open_clip's "output_tokens"."""
        pooled, tokens = Part(numpy=id), Part(numpy=id)
        tower = Part(forward=lambda values: (pooled, tokens))
        self.assertEqual(list(_torch._outputs(tower, None)), [pooled, tokens])


if __name__ == "__main__":
    unittest.main()
