"""LoRA adapters as PEFT saves them, over bases as they are published: a model of the zoo is taken apart into a base
and an adapter, and both together have the logits that the library's own code has of the whole. usage:
check_adapters.py VITLRP GOLDEN [TEST...]"""

import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import torch_files  # noqa: E402
from numpy_files import read_npy  # noqa: E402

PROGRAM, GOLDEN = (os.path.abspath(path) for path in sys.argv[1:3])
ZOO = os.path.join(GOLDEN, "zoo")
RANK, ALPHA = 2, 6
HEAD = re.compile(r"(\w*classifier|head|visual_projection)\.(weight|bias)$")

# What transformers 5 calls the layers of a ViT, and files do not.
NEW_NAMES = ((r"encoder\.layer\.", "layers."), (r"attention\.attention\.query\.", "attention.q_proj."),
             (r"attention\.attention\.key\.", "attention.k_proj."),
             (r"attention\.attention\.value\.", "attention.v_proj."),
             (r"attention\.output\.dense\.", "attention.o_proj."), (r"intermediate\.dense\.", "mlp.fc1."),
             (r"output\.dense\.", "mlp.fc2."))


def new_name(name):
    for pattern, name_of_5 in NEW_NAMES:
        name = re.sub(pattern, name_of_5, name)
    return name


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)


def write_tensors(path, tensors):
    with open(path, "wb") as file:
        file.write(torch_files.safetensors(tensors, {"format": "pt"}))


def numbers_of(rng, *shape):
    count = shape[0] * shape[1]
    return torch_files.Tensor(shape, struct.pack(f"<{count}f", *(rng.uniform(-.5, .5) for _ in range(count))))


def without(weight, a, b):
    """The weight that alpha / rank times B A was added to."""
    (outputs, inputs), old = weight.shape, weight.floats()
    a, b = a.floats(), b.floats()
    found = [old[o * inputs + i] - ALPHA / RANK * sum(b[o * RANK + k] * a[k * inputs + i] for k in range(RANK))
             for o in range(outputs) for i in range(inputs)]
    return torch_files.Tensor(weight.shape, struct.pack(f"<{len(found)}f", *found))


class Adapters(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(scratch.name)
        self.environment = {"PATH": os.environ["PATH"], "HOME": os.getcwd(), "VITLRP_BACKEND": "openblas"}

    def take_apart(self, case, layers, base_name=lambda name: name, adapter_name=lambda name: name, head=None,
                   config=None, keep="$", **peft):
        """The folders base and lora of a case: layers is a pattern of those that were trained, keep of layers of the
        head that were not, head the base's own, config what its configuration has otherwise."""
        self.case = os.path.join(ZOO, case)
        rng, trained = random.Random(7), re.compile(layers)
        for folder in ("base", "lora"):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(os.path.join(self.case, "model"), "base")
        base, adapter = {}, {}
        for name, tensor in torch_files.read_safetensors("base/model.safetensors").items():
            if HEAD.match(name) and not re.match(keep, name):
                adapter["base_model.model." + name] = tensor
                continue
            if trained.search(name):
                a, b = numbers_of(rng, RANK, tensor.shape[1]), numbers_of(rng, tensor.shape[0], RANK)
                stem = "base_model.model." + adapter_name(name).removesuffix(".weight")
                adapter.update({stem + ".lora_A.weight": a, stem + ".lora_B.weight": b})
                tensor = without(tensor, a, b)
            base[base_name(name)] = tensor
        self.assertGreater(len(adapter), 2)
        write_tensors("base/model.safetensors", {**base, **(head or {})})
        os.mkdir("lora")
        write_tensors("lora/adapter_model.safetensors", adapter)
        saved = sorted({HEAD.match(name.removeprefix("base_model.model."))[1] for name in adapter
                        if ".lora_" not in name})
        self.write_peft(modules_to_save=saved, **peft)
        stated = {**read_json("base/config.json"), **(config or {})}
        write_json("base/config.json", {key: value for key, value in stated.items() if value is not None})

    def write_peft(self, **keys):
        write_json("lora/adapter_config.json", {
            "peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "lora_dropout": 0.1, "bias": "none",
            "use_dora": False, "fan_in_fan_out": False, "init_lora_weights": True, "task_type": None,
            "inference_mode": True, **keys})

    @staticmethod
    def trained_in(name, library="transformers.models.any.modeling_any"):
        return {"auto_mapping": {"base_model_class": name, "parent_library": library}}

    def run_program(self, *arguments, code=0):
        run = subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             env=self.environment, check=False)
        self.assertEqual(run.returncode, code, run.stderr)
        return run.stdout, run.stderr

    def explain(self, *options):
        """Logits, and what was said."""
        _, said = self.run_program(os.path.join(self.case, "input.npy"), "--model", "base", "--adapter", "lora",
                                   "--class", "0", "--logits", "y.npy", "-o", "o.png", *options)
        return read_npy("y.npy")[1], said

    def expect_whole(self, *options):
        """The logits are those of the whole model. What was said."""
        wanted = read_npy(os.path.join(self.case, "logits.npy"))[1]
        found, said = self.explain(*options)
        self.assertEqual(len(found), len(wanted))
        self.assertLess(max(abs(a - b) for a, b in zip(found, wanted)), 1e-4)
        return said

    # ---- Names

    def test_base_without_prefix(self):
        """A base without a head begins where the trained network has a module of its own."""
        for case, kind, layers in (("hf-vit", "vit", r"query\.weight|value\.weight"),
                                   ("hf-vit", "vit", r"dense\.weight"),
                                   ("hf-dinov2-classifier", "dinov2", r"query\.weight|fc1\.weight")):
            with self.subTest(case=case, layers=layers):
                self.take_apart(case, layers, lambda name, kind=kind: name.removeprefix(kind + "."))
                self.expect_whole()

    def test_names_of_transformers_5(self):
        layers = r"\d\.(attention|output|intermediate).*(query|value|dense)\.weight"
        self.take_apart("hf-vit", layers, adapter_name=new_name)
        self.expect_whole()
        self.take_apart("hf-vit", layers, lambda name: name.removeprefix("vit."), new_name)
        self.expect_whole()
        self.take_apart("hf-vit", layers, new_name)
        self.expect_whole()

    def test_wrapped_base(self):
        self.take_apart("timm-plain", r"qkv\.weight", lambda name: "module." + name)
        self.expect_whole()
        self.take_apart("timm-plain", r"qkv\.weight", lambda name: "net." + name, lambda name: "my.net." + name)
        self.expect_whole()

    def test_average_of_the_base(self):
        """Of weights and their average, the adapter is for the ones that are used."""
        self.take_apart("timm-plain", r"attn\.proj\.weight", lambda name: "ema." + name)
        base = torch_files.read_safetensors("base/model.safetensors")
        raw = {name.replace("ema.", "model."): torch_files.Tensor(tensor.shape, bytes(len(tensor.data)))
               for name, tensor in base.items()}
        write_tensors("base/model.safetensors", {**base, **raw})
        self.assertIn("the average is used", self.expect_whole())

    def test_names_that_are_refused(self):
        def refused(pattern):
            _, said = self.run_program("info", "base", "--adapter", "lora", code=3)
            self.assertRegex(said, pattern)
        self.take_apart("hf-vit", r"query\.weight", adapter_name=lambda name: name.replace("query", "quest"))
        refused("lora: tensor .*quest.*: the model has no tensor for it: is it of another model")
        self.take_apart("hf-vit", r"query\.weight", adapter_name=lambda name: name.replace("layer.1", "layer.7"))
        refused("layer.7.*: the model has no tensor for it")
        self.take_apart("hf-vit", r"query\.weight", adapter_name=lambda name: name.replace("vit.", "decoder."))
        refused("decoder.*: the model has no tensor for it")
        self.take_apart("hf-vit", r"query\.weight")
        adapter = torch_files.read_safetensors("lora/adapter_model.safetensors")
        write_tensors("lora/adapter_model.safetensors",
                      {**adapter, **{name.replace("vit.", ""): tensor for name, tensor in adapter.items()}})
        refused("the adapter has another tensor for the model's 'vit.encoder.layer.0.attention.attention.query.weight'")
        self.take_apart("hf-vit", r"query\.weight", adapter_name=lambda name: "model." + name)
        base = torch_files.read_safetensors("base/model.safetensors")
        write_tensors("base/model.safetensors", {**base, **{"backbone." + name: base[name] for name in base}})
        refused("tensors 'vit.enc.*' and 'backbone.*' of the model are for its place")

    # ---- Heads

    def random_head(self, classes, width, name="classifier"):
        rng = random.Random(3)
        return {name + ".weight": numbers_of(rng, classes, width),
                name + ".bias": torch_files.Tensor((classes,), numbers_of(rng, 1, classes).data)}

    def facts(self, *options):
        listed, _ = self.run_program("info", "base", "--adapter", "lora", "--json", "-", *options)
        return {fact["name"]: (fact["value"], fact["origin"]) for fact in json.loads(listed)["facts"]}

    def test_other_number_of_classes(self):
        """The base's head and what is stated of it give way without a word, as the trained network had them not."""
        names = {str(i): f"old {i}" for i in range(3)}
        timm = read_json(os.path.join(ZOO, "timm-plain", "model", "config.json"))["model_args"]
        timm["num_classes"] = 3
        for case, layers, keys, head in (
                ("hf-vit", r"query\.weight", {"id2label": names, "label2id": {}}, self.random_head(3, 24)),
                ("timm-plain", r"qkv\.weight", {"num_classes": 3, "model_args": timm, "label_names": ["a", "b", "c"]},
                 self.random_head(3, 24, "head"))):
            with self.subTest(case=case):
                self.take_apart(case, layers, head=head, config=keys)
                self.assertEqual(self.expect_whole(), "")
                self.assertEqual(self.facts()["classes"], ("5", "adapter_model.safetensors"))

    def test_base_of_no_classes(self):
        self.take_apart("hf-vit", r"query\.weight", lambda name: name.removeprefix("vit."),
                        config={"architectures": ["ViTModel"], "id2label": None, "label2id": None},
                        **self.trained_in("ViTForImageClassification"))
        self.assertEqual(self.expect_whole(), "")
        self.assertEqual(self.facts()["head"], ("linear", "adapter_model.safetensors"))
        self.assertIn(" % ", self.run_program(os.path.join(self.case, "input.npy"), "--model", "base", "--adapter",
                                              "lora", "-o", "o.png")[0])

    def test_names_of_classes(self):
        """Those beside the weights are of the base's own head."""
        config = read_json(os.path.join(ZOO, "hf-vit", "model", "config.json"))
        self.assertEqual(config["id2label"]["0"], "ant")
        self.take_apart("hf-vit", r"query\.weight", head=self.random_head(5, 24))
        listed, _ = self.run_program("info", "base", "--classes")
        self.assertIn("ant", listed)
        listed, _ = self.run_program("info", "base", "--adapter", "lora", "--classes")
        self.assertNotIn("ant", listed)
        with open("names.txt", "w", encoding="utf-8") as file:
            file.write("fly\ngnu\nhen\nibex\njay\n")
        listed, _ = self.run_program("info", "base", "--adapter", "lora", "--labels", "names.txt", "--classes")
        self.assertIn("fly", listed)

    def test_adapter_without_a_head(self):
        """Merges into the model's own, and leaves its classes as they are."""
        self.take_apart("hf-vit", r"query\.weight")
        adapter = torch_files.read_safetensors("lora/adapter_model.safetensors")
        base = torch_files.read_safetensors("base/model.safetensors")
        prefix = "base_model.model."
        saved = [name for name in adapter if ".lora_" not in name]
        write_tensors("base/model.safetensors", {**base, **{name.removeprefix(prefix): adapter[name] for name in saved}})
        write_tensors("lora/adapter_model.safetensors",
                      {name: adapter[name] for name in adapter if name not in saved})
        self.expect_whole()
        self.assertIn("ant", self.run_program("info", "base", "--adapter", "lora", "--classes")[0])

    def test_heads_of_several_layers(self):
        """A saved layer takes the place of the one of its name, a head under another name that of the whole head."""
        self.take_apart("hf-deit-teacher", r"query\.weight", keep="distillation_classifier",
                        head=self.random_head(5, 24, "cls_classifier"))
        self.expect_whole()
        self.take_apart("hf-deit", r"query\.weight", head={
            **self.random_head(5, 24, "cls_classifier"), **self.random_head(5, 24, "distillation_classifier")})
        self.expect_whole()

    def test_head_without_bias(self):
        self.take_apart("hf-vit", r"query\.weight", head=self.random_head(5, 24))
        adapter = torch_files.read_safetensors("lora/adapter_model.safetensors")
        bias = adapter.pop("base_model.model.classifier.bias").floats()
        write_tensors("lora/adapter_model.safetensors", adapter)
        wanted = read_npy(os.path.join(self.case, "logits.npy"))[1]
        found, _ = self.explain()
        self.assertLess(max(abs(a + b - c) for a, b, c in zip(found, bias, wanted)), 1e-4)

    def test_head_of_the_caller(self):
        """--head is in the place of the adapter's, too."""
        self.take_apart("hf-vit", r"query\.weight", head=self.random_head(3, 24))
        write_tensors("head.safetensors", self.random_head(4, 24))
        found, _ = self.explain("--head", "head.safetensors")
        self.assertEqual(len(found), 4)

    # ---- What a head reads

    TOWERS = (("hf-siglip-classifier", "Siglip", "mean", "map", "before_pool"),
              ("hf-clip-classifier", "CLIP", "mean", "cls", "none"),
              ("hf-dinov2-classifier", "Dinov2", "cls_mean", "cls", "before_pool"))

    def take_tower_apart(self, case, kind, **peft):
        """The base is published without a head of classes; CLIP's has a projection in its place."""
        head = {"visual_projection.weight": numbers_of(random.Random(5), 8, 24)} if kind == "CLIP" else None
        self.take_apart(case, r"(q_proj|query)\.weight", lambda name: name.removeprefix("dinov2."), head=head, config={
            "architectures": [kind + "Model"], "id2label": None, "label2id": None}, **peft)

    def test_class_that_is_stated(self):
        for case, kind, pool, _, norm in self.TOWERS:
            with self.subTest(case=case):
                name = kind + "ForImageClassification"
                self.take_tower_apart(case, kind, **self.trained_in(name))
                self.assertEqual(self.expect_whole(), "")
                facts = self.facts()
                self.assertEqual(facts["final_norm"], (norm, "adapter_config.json, " + name))
                self.assertEqual(facts["pool"][0], pool)
                self.assertEqual(facts["head"], ("linear", "adapter_model.safetensors"))
        self.take_tower_apart("hf-clip-classifier", "CLIP", **self.trained_in("CLIPForImageClassification"))
        self.expect_whole("--ignore-tensors", "visual_projection*")
        os.remove("base/config.json")
        self.expect_whole("--ignore-tensors", "visual_projection*", "--heads", "3", "--activation", "quick_gelu",
                          "--norm-eps", "1e-5", "--crop", "24")

    def test_class_that_is_not_stated(self):
        """What its head reads is a guess, which is said, with the option."""
        for peft in ({}, {"auto_mapping": None}, self.trained_in("Mine", "__main__"),
                     self.trained_in("SiglipForImageClassification", "transformers_modules.mine")):
            for case, kind, pool, own, _ in self.TOWERS[:2]:
                with self.subTest(case=case, peft=peft):
                    self.take_tower_apart(case, kind, **peft)
                    said = self.expect_whole()
                    self.assertRegex(said, rf"do not state, so it is a guess: pooling {pool} \(--pool\)\n$")
                    self.assertEqual(said.count("\n"), 1)
                    self.assertEqual(self.expect_whole("--pool", pool), "")
                    self.assertEqual(self.facts("--pool", own)["final_norm"], ("before_pool", "guessed"))
        self.take_tower_apart("hf-siglip-classifier", "Siglip")
        wanted, _ = self.explain()
        os.remove("base/config.json")
        options = "--heads", "3", "--activation", "gelu_tanh", "--norm-eps", "1e-6", "--crop", "24"
        found, said = self.explain(*options)
        self.assertEqual(found, wanted)
        self.assertRegex(said, r"guess: pooling mean \(--pool\)")

    def test_class_of_the_base(self):
        """One with a head of classes says what such a head reads."""
        self.take_apart("hf-clip-classifier", r"q_proj\.weight", head=self.random_head(3, 24))
        self.assertEqual(self.expect_whole(), "")
        self.assertEqual(self.facts()["pool"], ("mean", "config.json, CLIPForImageClassification"))
        self.take_apart("hf-clip-classifier", r"q_proj\.weight", **self.trained_in("Mine", "__main__"))
        self.assertRegex(self.expect_whole(), r"guess: pooling mean \(--pool\)")

    def test_classes_that_are_refused(self):
        for keys, pattern in ((self.trained_in("SiglipForDepth"), "adapter_config.json: auto_mapping: SiglipForDepth is "
                                                                  "not supported"),
                              (self.trained_in("SiglipModel"), "SiglipModel has no head of classes, and the adapter"),
                              ({"auto_mapping": {"base_model_class": 3}}, "lora: adapter_config.json: auto_mapping"),
                              ({"auto_mapping": "x"}, "lora: adapter_config.json: auto_mapping")):
            with self.subTest(keys=keys):
                self.take_tower_apart("hf-siglip-classifier", "Siglip", **keys)
                _, said = self.run_program("info", "base", "--adapter", "lora", code=3)
                self.assertRegex(said, pattern)


if __name__ == "__main__":
    del sys.argv[1:3]
    unittest.main()
