"""The whole way through the command against the reference program's float64 values: every model file,
every rule case, logits, pixel map, patch map and ledger. usage: check_parity.py VITLRP PARITY"""

import json
import math
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from numpy_files import read_npy  # noqa: E402

MODELS = {
    "timm.safetensors": 1e-4, "timm_wrapped.pth": 1e-4, "torchvision.pth": 1e-4,
    "torchvision_legacy_container.pth": 1e-4, "torchvision_legacy_names.pth": 1e-4,
    "jax.npz": 1e-4, "huggingface": 1e-4, "huggingface/model.safetensors": 1e-4,
    "timm_f16.safetensors": 2e-2, "timm_bf16.safetensors": 2e-2,
}
# The reference's own weights are float32; files of less precision are compared by their logits.
EXACT = 1e-4
GAMMAS = ("conv", "qkv", "proj", "fc1", "fc2", "head")


def relative_error(found, wanted):
    difference = math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(found, wanted)))
    return difference / math.sqrt(math.fsum(b * b for b in wanted))


class Checker:
    def __init__(self, program, parity):
        self.program, self.parity = program, parity
        self.checked = self.failed = 0
        self.worst = {}

    def say(self, what, kind, error, limit):
        self.checked += 1
        self.worst[kind] = max(self.worst.get(kind, 0.0), error)
        if not error < limit:
            self.failed += 1
            print(f"FAILED {what}: {kind} error {error:.3g}, limit {limit:g}")

    def run(self, folder, model, options):
        command = [self.program, os.path.join(self.parity, "input.npy"), "--model",
                   os.path.join(self.parity, model), "--heads", "4", "--raw", folder + "/raw.npy",
                   "--logits", folder + "/logits.npy", "--json", folder + "/out.json", "-q"]
        result = subprocess.run(command + options, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True)
        if result.returncode != 0:
            self.failed += 1
            print(f"FAILED {model} {options}: exit code {result.returncode}: {result.stdout}")
            return None
        with open(folder + "/out.json", encoding="utf-8") as file:
            return json.load(file)

    def check_logits(self, folder, what, limit):
        _, wanted = read_npy(os.path.join(self.parity, "logits.npy"))
        shape, found = read_npy(folder + "/logits.npy")
        if shape != (len(wanted),):
            self.failed += 1
            print(f"FAILED {what}: logits have shape {shape}")
        error = max(abs(a - b) for a, b in zip(found, wanted))
        self.say(what, f"logits ({limit:g})", error, limit)

    def check_ledger(self, what, report, minus):
        explained = report["logit"] - (report["versus_logit"] if minus else 0.0)
        absorbed = math.fsum(entry["absorbed"] for entry in report["ledger"])
        gap = abs(explained - report["relevance_sum"] - absorbed)
        self.say(what, "ledger", gap / abs(report["logit"]), EXACT)

    def check_case(self, model, name, case, folder, logit_limit):
        options = ["--class", str(case["target"]),
                   "--method", "cp-lrp" if case["attention"] == "cp" else "attnlrp"]
        for kind in GAMMAS:
            options += [f"--gamma-{kind}", repr(case["gamma"][kind])]
        if "minus" in case:
            options += ["--versus", str(case["minus"])]
        what = f"{model} {name}"
        report = self.run(folder, model, options + ["--level", "pixel"])
        if report is None:
            return
        self.check_logits(folder, what, logit_limit)
        self.check_ledger(what, report, "minus" in case)
        if logit_limit > EXACT:
            return
        _, wanted = read_npy(os.path.join(self.parity, f"relevance_{name}.npy"))
        plane = len(wanted) // 3
        summed = [math.fsum(wanted[i::plane]) for i in range(plane)]
        shape, found = read_npy(folder + "/raw.npy")
        if shape != (32, 32):
            self.failed += 1
            print(f"FAILED {what}: the pixel map has shape {shape}")
        self.say(what, "pixel map", relative_error(found, summed), EXACT)
        if self.run(folder, model, options + ["--level", "patch"]) is not None:
            _, wanted = read_npy(os.path.join(self.parity, f"patches_{name}.npy"))
            shape, found = read_npy(folder + "/raw.npy")
            if shape != (4, 4):
                self.failed += 1
                print(f"FAILED {what}: the patch map has shape {shape}")
            self.say(what, "patch map", relative_error(found, wanted), EXACT)


def main():
    checker = Checker(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]))
    with open(os.path.join(checker.parity, "expected.json"), encoding="utf-8") as file:
        cases = json.load(file)["cases"]
    rules = {name: case for name, case in cases.items() if "gamma" in case}
    with tempfile.TemporaryDirectory() as folder:
        for model, limit in MODELS.items():
            for name, case in rules.items():
                checker.check_case(model, name, case, folder, limit)
    for kind, error in sorted(checker.worst.items()):
        print(f"worst {kind} error: {error:.2e}")
    print(f"{checker.checked} comparisons, {checker.failed} failed")
    sys.exit(1 if checker.failed or checker.checked < 200 or len(rules) != 7 else 0)


if __name__ == "__main__":
    main()
