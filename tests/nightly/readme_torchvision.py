"""Runs the README's lines that explain a torchvision module, as they stand, but for the weights, which are
random here: nothing is downloaded.

usage: readme_torchvision.py README.md PHOTOGRAPH"""

import os
import re
import sys
import tempfile

import numpy as np
import torch
import torchvision

import vitlrp


def lines_of(readme):
    """The indented block that has from_torch in it."""
    with open(readme, encoding="utf-8") as file:
        blocks = re.findall(r"(?:^ {4}.*\n)+", file.read(), re.MULTILINE)
    (block,) = (block for block in blocks if "from_torch" in block)
    return [line[4:] for line in block.splitlines() if not line.strip().startswith("pip ")]


def main():
    readme, photo = sys.argv[1:]
    create = torchvision.models.vit_b_16
    torch.manual_seed(3)
    torchvision.models.vit_b_16 = lambda weights: create(weights=None)
    lines = lines_of(readme)
    with tempfile.TemporaryDirectory() as folder, open(photo, "rb") as file:
        os.chdir(folder)
        with open("cat.jpg", "wb") as copy:
            copy.write(file.read())
        found = {}
        exec("\n".join(lines), found)
        assert os.path.getsize("cat.heat.png") > 10000
        explanation = vitlrp.Model.from_torch(found["vit"], transform=found["prepare"]).explain("cat.jpg")
    assert explanation.heatmap.shape == (14, 14) and np.isfinite(explanation.heatmap).all()
    print(f"{len(lines)} lines of the README: {explanation}")


if __name__ == "__main__":
    main()
