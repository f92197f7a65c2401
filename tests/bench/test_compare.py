"""compare.py: on results that the command has just written, and on results whose ratios were moved
by hand. usage: test_compare.py VITLRP MODEL"""

import copy
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT = os.path.join(HERE, "compare.py")
MEASUREMENTS = {"": ["--backend", "all", "--runs", "2"], ".throughput": ["--throughput", "--runs", "1"],
                ".eval": ["--eval"]}


def operation(ms, share, per_gemm):
    return {"ms": ms, "share": share, "gflop": 1.0, "gflops": 100.0, "per_gemm": per_gemm}


def passes():
    variant = {
        "backend": "openblas", "precision": "fp32", "threads": 2, "gemm_gflops": 160.0,
        "gemm_per_first": 1.0, "forward_ms": 200.0, "forward_per_gemm": 0.9,
        "forward_per_floor": 1.11, "first_forward_ms": 300.0, "first_forward_per_forward": 1.5,
        "forward_operations": {"fc1": operation(100.0, 0.5, 0.9), "head": operation(1.0, 0.01, 0.1)},
        "methods": {"attnlrp": {"attribution_ms": 600.0, "attribution_per_forward": 3.0,
                                "attribution_per_floor": 1.2}}}
    return {"format": "vitlrp bench 1", "model": "random", "input_size": [224, 224], "tokens": 197,
            "cpu": "AMD EPYC", "version": "0.1.0", **copy.deepcopy(variant), "variants": [variant]}


def run(*arguments):
    result = subprocess.run([sys.executable, "-B", SCRIPT, *arguments], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    return result.returncode, result.stdout, result.stderr


class Cases:
    """Counts what is wrong; files live in one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.count = 0
        self.wrong = 0

    def write(self, name, value):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(value if isinstance(value, str) else json.dumps(value))
        return path

    def expect(self, name, outcome, status, *texts, absent=()):
        code, said, complained = outcome
        self.count += 1
        missing = [text for text in texts if text not in said + complained]
        present = [text for text in absent if text in said]
        if code != status or missing or present or "Traceback" in complained:
            self.wrong += 1
            print(f"FAILED {name}: status {code}, missing {missing}, unwanted {present}\n"
                  f"{said}{complained}")

    def moved(self, name, change, status, *texts, absent=(), options=()):
        new = passes()
        change(new, new["variants"][0])
        old_path, new_path = self.write("old.json", passes()), self.write("new.json", new)
        self.expect(name, run(old_path, new_path, *options), status, *texts, absent=absent)


def set_value(*keys, value, top=False):
    def change(whole, variant):
        target = whole if top else variant
        for key in keys[:-1]:
            target = target[key]
        target[keys[-1]] = value
    return change


def check_moves(cases):
    fc1 = ("forward_operations", "fc1", "per_gemm")
    floor = ("methods", "attnlrp", "attribution_per_floor")
    cases.moved("nothing", lambda whole, variant: None, 0, "7 ratios, 0 moved")
    cases.moved("times", set_value("forward_ms", value=2000.0), 0, "0 moved")
    cases.moved("rate", set_value("gemm_gflops", value=80.0), 0, "0 moved")
    cases.moved("a ratio falls", set_value("forward_per_gemm", value=0.7), 1, "1 moved", "worse",
                "openblas fp32: forward_per_gemm", "-22.2 %")
    cases.moved("a ratio rises", set_value(*fc1, value=1.2), 0, "better",
                "forward_operations: fc1: per_gemm", absent=["worse"])
    cases.moved("less is better", set_value(*floor, value=1.5), 1, "worse", "+25.0 %")
    cases.moved("less was reached", set_value(*floor, value=1.0), 0, "better")
    cases.moved("both sides ours", set_value("methods", "attnlrp", "attribution_per_forward",
                                             value=4.0), 0, "moved   openblas fp32: attnlrp")
    cases.moved("share", set_value("forward_operations", "fc1", "share", value=0.6), 0, "1 moved")
    cases.moved("a short operation", set_value("forward_operations", "head", "per_gemm", value=0.9),
                0, "0 moved")
    cases.moved("measured once", set_value("first_forward_per_forward", value=9.0), 0, "0 moved")
    cases.moved("doubled at the top", set_value("forward_per_gemm", value=0.1, top=True), 0,
                "0 moved")
    cases.moved("within the tolerance", set_value("forward_per_gemm", value=0.7), 0, "0 moved",
                options=["--tolerance", "0.3"])
    cases.moved("another processor", set_value("cpu", value="Other", top=True), 0, "two processors")
    cases.moved("a key that is new", set_value("new_per_gemm", value=1.0), 0, "1 ratios are in one")


def check_refusals(cases):
    for key, value in (("threads", 4), ("model", "x"), ("tokens", 5), ("input_size", [1, 2])):
        cases.moved(f"another {key}", set_value(key, value=value, top=True), 2, f"{key} is")
    good = cases.write("good.json", passes())
    bad = {"no JSON": "{", "a list": "[]", "another object": {"format": "x"}}
    for name, value in bad.items():
        cases.expect(name, run(good, cases.write("bad.json", value)), 2, "bad.json")
    counted = {"format": "vitlrp bench eval 1", "precision": "fp32", "ratio": 0.9}
    pair = [cases.write(f"{precision}.json", {**counted, "precision": precision})
            for precision in ("fp32", "bf16")]
    cases.expect("another precision", run(*pair), 2, "precision is 'fp32' in one")
    cases.expect("no file", run(good, os.path.join(cases.folder, "none.json")), 2, "none.json")
    cases.expect("one file", run(good), 2, "two files")
    cases.expect("no tolerance", run(good, good, "--tolerance", "0"), 2, "above 0")
    cases.expect("nan", run(good, good, "--tolerance", "nan"), 2, "above 0")
    nothing = {**passes(), "variants": [{"backend": "openblas"}]}
    nothing = {key: value for key, value in nothing.items() if "per_" not in key and
               not isinstance(value, dict)}
    cases.expect("nothing in common", run(good, cases.write("nothing.json", nothing)), 2,
                 "no ratio in common")


def check_names(cases):
    names = {"AMD EPYC": "amd-epyc", "AMD Ryzen 7 5800X 8-Core Processor": "amd-ryzen-7-5800x",
             "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz": "intel-xeon-gold-6338", "": "unknown",
             "../x/y": "x-y"}
    for cpu, wanted in names.items():
        path = cases.write("cpu.json", {**passes(), "cpu": cpu})
        cases.expect(f"the name of {cpu!r}", run("--name", path), 0, f"0.1.0-{wanted}-2.json\n")


def check_command(cases, program, model):
    """Results of the command itself: compared with themselves, and each with another kind."""
    paths = {}
    for kind, options in MEASUREMENTS.items():
        path = os.path.join(cases.folder, f"real{kind}.json")
        subprocess.run([program, "bench", "--model", model, "--heads", "4", "-q", "-j", "2",
                        "--json", path, *options], check=True)
        cases.expect(f"itself{kind}", run(path, path), 0, " 0 moved")
        cases.expect(f"name{kind}", run("--name", path), 0, f"-2{kind}.json")
        paths[kind] = path
    cases.expect("two kinds", run(paths[""], paths[".eval"]), 2, "format is")


def main():
    program, model = (os.path.abspath(path) for path in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as folder:
        cases = Cases(folder)
        check_moves(cases)
        check_refusals(cases)
        check_names(cases)
        check_command(cases, program, model)
    print(f"{cases.count} cases, {cases.wrong} wrong")
    sys.exit(1 if cases.wrong else 0)


if __name__ == "__main__":
    main()
