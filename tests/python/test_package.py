"""The package as its users get it: pip, the README's code, the example."""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import unittest

import support
import vitlrp

import deep_model


def run(*arguments, **changes):
    """Runs Python; fails with what it said."""
    environment = {**os.environ, **changes}
    result = subprocess.run(
        [sys.executable, "-B", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=changes.get("PWD"),
    )
    if result.returncode != 0:
        raise AssertionError(f"python3 {' '.join(arguments)}: {result.stdout}")
    return result.stdout


def photographs(folder, *names):
    os.makedirs(folder, exist_ok=True)
    for name in names:
        shutil.copy(os.path.join(support.DATA, name), folder)


class Names(unittest.TestCase):
    def test_come_from_where_they_are_defined(self):
        """Type checkers refuse a name that a module only imports."""
        with open(vitlrp.__file__, encoding="utf-8") as file:
            imports = [node for node in ast.parse(file.read()).body if isinstance(node, ast.ImportFrom)]
        names = [(node.module, alias.name) for node in imports if node.module for alias in node.names]
        self.assertGreater(len(names), 20)
        for module, name in names:
            self.assertEqual(getattr(getattr(vitlrp, name), "__module__", f"vitlrp.{module}"), f"vitlrp.{module}", name)


def other_blocks():
    """The blocks of the package's README.md that are marked "py"."""
    with open(os.path.join(support.SOURCE, "python", "README.md"), encoding="utf-8") as file:
        return re.findall(r"```py\n(.*?)```", file.read(), re.DOTALL)


class Documents(unittest.TestCase):
    def test_readme(self):
        """Every block of README.md that is marked "python", one after the other; "py" are those that need
        more than the package has."""
        with open(os.path.join(support.SOURCE, "python", "README.md"), encoding="utf-8") as file:
            blocks = re.findall(r"```python\n(.*?)```", file.read(), re.DOTALL)
        self.assertEqual(len(blocks), 4)
        with support.scratch() as folder:
            photographs(folder, "goldfish.jpg")
            photographs(os.path.join(folder, "photos"), "goldfish.jpg", "koala.jpg")
            code = "\n".join(blocks).replace("steps=28", "steps=2")
            said = run("-c", code, PWD=folder)
            self.assertIn("goldfish (1) 91% (16, 16)", said)
            written = {"goldfish.heat.png", "report.html", "result.json"}
            self.assertLessEqual(written, set(os.listdir(folder)))

    def test_blocks_with_other_models(self):
        """Those marked "py" that need a model or data of other names, here small ones: many images, texts, and what
        is inside a model. The others need torch, matplotlib or a program around them."""
        blocks = [block for block in other_blocks() if "vit_b_16" not in block and "matplotlib" not in block]
        self.assertEqual(len(blocks), 3)
        begin = ('import numpy, vitlrp\nmodel, photo = vitlrp.Model("deep.safetensors"), "cat.jpg"\n'
                 'paths_of_any_number, names = ["a.jpg", "b.jpg"], ["tabby cat", "an owl"]\n')
        clip = os.path.join(support.SOURCE, "tests", "golden", "words", "clip-quickgelu", "huggingface")
        for block in blocks:
            with self.subTest(block=block.partition("\n")[0]), support.scratch() as folder:
                with open(os.path.join(folder, "deep.safetensors"), "wb") as file:
                    file.write(deep_model.content())
                shutil.copytree(clip, os.path.join(folder, "clip-vit-base-patch16"))
                for place in (".", "photos", "imagenet/val"):
                    photographs(os.path.join(folder, place), "goldfish.jpg", "koala.jpg")
                for name in ("a.jpg", "b.jpg", "cat.jpg", "street.jpg"):
                    shutil.copy(support.KOALA, os.path.join(folder, name))
                run("-c", begin + block, PWD=folder)

    def test_blocks_that_need_more(self):
        """Those marked "py" are Python, and what they call of the package and of a model is there."""
        blocks = other_blocks()
        self.assertGreater(len(blocks), 5)
        model = dir(vitlrp.Model)
        known = {"vitlrp": dir(vitlrp), "model": model, "clip": model, "off": model, "mean": model, "words": model}
        names = [(node.value.id, node.attr) for block in blocks for node in ast.walk(ast.parse(block))
                 if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known]
        self.assertGreater(len(names), 25)
        for owner, name in names:
            self.assertIn(name, known[owner], f"{owner}.{name}")

    def test_block_of_the_main_readme(self):
        """"In Python, and in C": its first lines run as they stand, with a small model of that name. Those that
        need torchvision run in tests/nightly/wheel.sh."""
        with open(os.path.join(support.SOURCE, "README.md"), encoding="utf-8") as file:
            blocks = re.findall(r"(?:^ {4}.*\n)+", file.read(), re.MULTILINE)
        (block,) = (block for block in blocks if 'vitlrp.Model("vit_b_16.pth")' in block)
        with support.scratch() as folder:
            shutil.copy(support.KOALA, os.path.join(folder, "cat.jpg"))
            shutil.copy(support.small_model.PATH, os.path.join(folder, "vit_b_16.pth"))
            lines = "".join(line[4:] for line in block.splitlines(True))
            said = run("-c", f"{lines}print(explained.target, len(explained.ledger), explained.logits.shape)", PWD=folder)
            self.assertRegex(said, r"tabby.* \(281\) \d+ \(200,\)")
            self.assertGreater(os.path.getsize(os.path.join(folder, "heat.png")), 10000)

    def test_example_makes_the_picture_of_the_readme(self):
        with support.scratch() as folder:
            examples = os.path.join(folder, "python", "examples")
            shutil.copytree(os.path.join(support.SOURCE, "python", "examples"), examples)
            photographs(os.path.join(folder, "data"), "goldfish.jpg")
            said = run("goldfish.py", PWD=examples)
            self.assertIn("goldfish (1)", said)
            wanted = os.path.join(folder, "wanted.jpg")
            support.command(support.GOLDFISH, "-q", "--style", "panel", "-o", wanted, VITLRP_MODEL="")
            drawn = support.read(os.path.join(examples, "goldfish.panel.jpg"))
            self.assertEqual(drawn, support.read(wanted))


class Wheel(unittest.TestCase):
    """tests/nightly/wheel.sh builds and installs it."""

    def test_what_the_library_needs(self):
        """Nothing that draws documents: that belongs to the command."""
        path = os.path.join(support.SOURCE, "python", "make_wheel.py")
        maker = importlib.util.module_from_spec(spec := importlib.util.spec_from_file_location("make_wheel", path))
        spec.loader.exec_module(maker)
        if shutil.which("readelf") is None:
            self.skipTest("no readelf (Debian: binutils)")
        told = subprocess.run(["readelf", "-d", support.LIBRARY], stdout=subprocess.PIPE, text=True, check=True)
        needed = re.findall(r"NEEDED.*\[(.*)\]", told.stdout)
        self.assertIn("libjansson.so.4", needed)
        self.assertEqual([name for name in needed if maker.COMMAND_ONLY.search(name)], [])
        self.assertEqual(maker.stem("libopenblasp-r0-3c5ecc47.3.21.so"), maker.stem("libopenblasp-r0.3.21.so"))


class Pip(unittest.TestCase):
    def test_install_from_the_tree(self):
        for module in ("pip", "setuptools", "wheel"):
            if importlib.util.find_spec(module) is None:
                self.skipTest(f"no {module} (Debian: python3-pip, which brings setuptools)")
        with support.scratch() as folder:
            tree, target = os.path.join(folder, "python"), os.path.join(folder, "site")
            shutil.copytree(os.path.join(support.SOURCE, "python"), tree)
            options = "--no-build-isolation --no-deps --no-index --quiet --target".split()
            run("-m", "pip", "install", *options, target, tree, PIP_DISABLE_PIP_VERSION_CHECK="1")
            code = "import vitlrp; print(vitlrp.__file__, vitlrp.Model().explain(%r))"
            said = run("-c", code % support.GOLDFISH, PYTHONPATH=target, PWD=folder)
            self.assertIn(os.path.join(target, "vitlrp"), said)
            self.assertIn("goldfish (1)", said)
            self.assertTrue(os.path.exists(os.path.join(target, "vitlrp", "py.typed")))
            metadata = [name for name in os.listdir(target) if name.endswith(".dist-info")]
            self.assertEqual(metadata, ["vitlrp-0.2.0.dist-info"])


if __name__ == "__main__":
    unittest.main()
