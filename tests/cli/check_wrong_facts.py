"""Ways to get a fact wrong: each model of the zoo is told one thing that it is not, in the file beside its
weights, and its logits, or the input that a photograph becomes, must show it, or the file must be
refused. A fact that could change without a trace would be tested by nothing.
usage: check_wrong_facts.py VITLRP GOLDEN PHOTO [TEST...]"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from check_parity import read_npy  # noqa: E402

PROGRAM, GOLDEN, PHOTO = (os.path.abspath(path) for path in sys.argv[1:4])
TOLERANCE = 1e-4
CONFIG, PROCESSOR = "config.json", "preprocessor_config.json"

# The way's name, the model, the file, the keys that change in it.
LOGITS = (
    ("eps of a class's key", "hf-vit", CONFIG, {"layer_norm_eps": 1e-6}),
    ("eps of the table", "timm-clip-classifier", CONFIG,
     {"architecture": "vit_base_patch32_224", "model_args.pre_norm": True}),
    ("eps of RMSNorm", "timm-aimv2", CONFIG, {"model_args.norm_layer": "rmsnorm"}),  # whose own is 1e-6
    ("RMSNorm for LayerNorm", "timm-aimv2", CONFIG, {"model_args.norm_layer": "layernorm"}),
    ("heads of a key", "timm-plain", CONFIG, {"model_args.num_heads": 2}),
    ("heads of the table", "timm-heads-only-in-table", CONFIG, {"architecture": "vit_unknown"}),
    ("heads of an attention pool", "timm-pe-core", CONFIG, {"model_args.attn_pool_num_heads": 2}),
    ("quick_gelu for gelu", "hf-vit", CONFIG, {"hidden_act": "quick_gelu"}),
    ("gelu for quick_gelu", "hf-clip-classifier", CONFIG, {"vision_config.hidden_act": "gelu"}),
    ("gelu for its tanh form", "timm-siglip-gap-tanh", CONFIG, {"architecture": "vit_so400m_patch14_siglip_gap_224"}),
    ("gelu for the SiLU of a gate", "hf-dinov3-gated", CONFIG, {"hidden_act": "gelu"}),
    ("mean for the class token", "timm-plain", CONFIG,
     {"model_args.global_pool": "avg", "model_args.fc_norm": False, "global_pool": "avg"}),
    ("class token for the mean", "hf-beit", CONFIG, {"use_mean_pooling": False}),
    ("patches alone for all tokens", "timm-test-vit3", CONFIG, {"model_args.pool_include_prefix": False}),
    ("one head for two", "hf-deit-teacher", CONFIG, {"architectures": ["DeiTForImageClassification"]}),
    ("two heads for one", "hf-deit", CONFIG, {"architectures": ["DeiTForImageClassificationWithTeacher"]}),
    ("norm before the branches for behind", "timm-eva02-enormous", CONFIG, {"model_args.use_post_norm": False}),
    ("no final norm for one", "timm-rope-naver", CONFIG,
     {"model_args.use_post_transformer_norm": False, "model_args.use_fc_norm": False}),
    ("RoPE reference", "timm-eva02-base", CONFIG, {"model_args.ref_feat_shape": [14, 14]}),
    ("RoPE base", "timm-rope-naver", CONFIG, {"model_args.rope_temperature": 10000.0}),
    ("RoPE offset", "timm-pe-core", CONFIG, {"model_args.rope_grid_offset": 0.0}),
    ("RoPE axes", "timm-rope-naver", CONFIG, {"model_args.rope_grid_indexing": "ij"}),
    ("RoPE axes, learned", "timm-rope-mixed", CONFIG, {"model_args.rope_grid_indexing": "ij"}),
    ("RoPE pairs", "timm-dinov3", CONFIG, {"model_args.rope_rotate_half": False}),
    ("tokens that have a position", "timm-so150m-reg4", CONFIG, {"model_args.no_embed_class": True}),
    ("kernel of positions", "hf-dinov2-headless-resampled", CONFIG,
     {"model_type": "dinov2_with_registers", "num_register_tokens": 0,
      "architectures": ["Dinov2WithRegistersModel"]}),
    ("rows and columns of the input", "timm-nonsquare", CONFIG,
     {"model_args.img_size": [40, 24], "pretrained_cfg.input_size": [3, 40, 24]}),
)
INPUTS = (
    ("interpolation", "hf-vit", PROCESSOR, {"resample": 3}),
    ("mean and std", "hf-vit", PROCESSOR, {"image_mean": [0.485, 0.456, 0.406]}),
    ("both sides for the short one", "hf-clip-classifier", PROCESSOR, {"size": {"height": 24, "width": 24}}),
    ("margin of the crop", "timm-plain", CONFIG, {"pretrained_cfg.crop_pct": 0.7}),
    ("squash for a crop", "timm-plain", CONFIG, {"pretrained_cfg.crop_mode": "squash"}),
    ("interpolation of timm", "timm-plain", CONFIG, {"pretrained_cfg.interpolation": "bilinear"}),
    ("mean and std of timm", "timm-plain", CONFIG, {"pretrained_cfg.mean": [0.485, 0.456, 0.406]}),
)
# What the tensors contradict, and what is of the wrong type (f27 of the table of faults).
REFUSED = (
    ("patch_size", CONFIG, {"patch_size": 4}),
    ("num_labels", CONFIG, {"num_labels": 7}),
    ("id2label", CONFIG, {"id2label": {"0": "ant"}}),
    ("hidden_size", CONFIG, {"hidden_size": 30}),
    ("hidden_act", CONFIG, {"hidden_act": 3}),
    ("qkv_bias", CONFIG, {"qkv_bias": "true"}),
    ("do_resize", PROCESSOR, {"do_resize": "false"}),
)


def change(file, changes):
    """Keys with dots lead into objects."""
    with open(file, encoding="utf-8") as source:
        content = json.load(source)
    for path, value in changes.items():
        *outer, key = path.split(".")
        place = content
        for name in outer:
            place = place[name]
        place[key] = value
    with open(file, "w", encoding="utf-8") as out:
        json.dump(content, out)


class WrongFacts(unittest.TestCase):
    def run_model(self, source, picture, file, changes):
        """Logits and input, or None where the model is refused."""
        with tempfile.TemporaryDirectory() as scratch:
            model = os.path.join(scratch, "model")
            shutil.copytree(source, model)
            change(os.path.join(model, file), changes)
            paths = [os.path.join(scratch, name) for name in ("logits.npy", "input.npy")]
            done = subprocess.run([PROGRAM, "explain", picture, "--model", model, "--class", "0", "--quiet",
                                   "--logits", paths[0], "--dump-input", paths[1]],
                                  capture_output=True, text=True, check=False)
            self.assertIn(done.returncode, range(0, 20), done.stderr)
            return [read_npy(path)[1] for path in paths] if done.returncode == 0 else None

    def check_logits(self, way, name, file, changes):
        folder = os.path.join(GOLDEN, "zoo", name)
        with open(os.path.join(folder, "expected.json"), encoding="utf-8") as source:
            right = json.load(source)["logits"]
        wrong = self.run_model(os.path.join(folder, "model"), os.path.join(folder, "input.npy"), file, changes)
        if wrong is not None:
            self.assertGreater(difference(wrong[0], right), 2 * TOLERANCE, way)

    def check_input(self, way, name, file, changes):
        model = os.path.join(GOLDEN, "zoo", name, "model")
        right = self.run_model(model, PHOTO, file, {})
        wrong = self.run_model(model, PHOTO, file, changes)
        self.assertGreater(difference(wrong[1], right[1]), 2 * TOLERANCE, way)

    def test_facts_of_the_model(self):
        for row in LOGITS:
            with self.subTest(row[0]):
                self.check_logits(*row)

    def test_facts_of_the_transform(self):
        for row in INPUTS:
            with self.subTest(row[0]):
                self.check_input(*row)

    def test_f27_what_the_tensors_contradict(self):
        folder = os.path.join(GOLDEN, "zoo", "hf-vit")
        for key, file, changes in REFUSED:
            with self.subTest(key), tempfile.TemporaryDirectory() as scratch:
                model = os.path.join(scratch, "model")
                shutil.copytree(os.path.join(folder, "model"), model)
                change(os.path.join(model, file), changes)
                done = subprocess.run([PROGRAM, "explain", PHOTO, "--model", model, "--quiet"],
                                      capture_output=True, text=True, check=False, cwd=scratch)
                self.assertEqual(done.returncode, 3, done.stderr)
                self.assertIn(key, done.stderr)
                self.assertIn(file, done.stderr)

    def test_a_fact_that_is_right(self):
        """The comparison can tell: the same value again changes nothing."""
        for name, keys in (("hf-vit", {"layer_norm_eps": 1e-12}), ("timm-plain", {"model_args.num_heads": 3})):
            with self.assertRaises(AssertionError):
                self.check_logits("none", name, CONFIG, keys)


def difference(ours, theirs):
    if len(ours) != len(theirs):
        return float("inf")
    return max(abs(a - b) for a, b in zip(ours, theirs))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
