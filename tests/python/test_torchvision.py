"""torchvision's own ViT on the same random weights: logits, and input times the gradient that
autograd finds. Skipped where python3-torch and python3-torchvision are not installed."""

import os
import unittest

import numpy as np

import support
import vitlrp

try:
    import torch
    import torchvision

    MISSING = None
except ImportError as error:
    MISSING = f"{error} (Debian: python3-torch, python3-torchvision)"

SEED = 7


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


if __name__ == "__main__":
    unittest.main()
