"""Whether one build of the command is slower than another, or needs more memory.

usage: compare_speed.py OLD NEW [--pairs N] [--instructions] [--only REGEX] [--backend NAME]
    --pairs N         runs of each build and case, one beside the other in changing order (default 30)
    --instructions    count instructions under valgrind instead: one run of each, and no times
    --only REGEX      the cases whose name has a match
    --backend NAME    matrix products (default: auto; openblas with --instructions)

One thread, user time of the process. The ratio new / old of a case is the mean of the pairs' ratios
(of their logarithms), its 95 % interval is bootstrapped. A case is slower when the interval reaches
1.01 and the ratio is 1.005 or more. Memory is the largest resident size: it is above when every run
of the new build needed more than every run of the old, by half a percent, which longer code may take.
Exit code 1: something is slower or above."""

import argparse
import math
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import compare_builds
import compare_inputs

RESAMPLES = 4000
WIDE, NARROW = 1.01, 1.005
MEMORY = 1.005
COLLECTED = re.compile(r"Collected : (\d+)")


def photographs(inputs, times):
    """A folder of links, `times` to each photograph of the project."""
    folder = inputs.base / f"links{times}"
    folder.mkdir()
    for path in sorted(inputs.dataset.rglob("*.jpg")):
        for index in range(times):
            (folder / f"{path.stem}{index}.jpg").symlink_to(path)
    return str(folder)


def timed_cases(inputs):
    """{name: command}: what a run of a second or so can show."""
    links = photographs(inputs, 10)
    images = sorted(str(path) for path in pathlib.Path(links).iterdir())
    large, array = compare_inputs.write_model(inputs.base, "vit-b", compare_inputs.VIT_B)
    one = ["explain", array, "-m", large, "-c", "3", "--raw", "map.npy"]
    many = ["explain", *images, "-c", "top:3", "-o", "maps"]
    found = {"vit-b/forward": ["explain", array, "-m", large, "--method", "random", "--raw", "map.npy"],
             "vit-b/top-5": ["explain", array, "-m", large, "-c", "top:5", "-o", "{class}.npy"]}
    for method in ("attnlrp", "cp-lrp", "attnlrp-eps", "chefer"):
        found[f"vit-b/{method}"] = [*one, "--method", method]
        found[f"small-vit/{method}"] = [*many, "--method", method]
    for precision in ("mixed", "bf16"):
        found[f"vit-b/{precision}"] = [*one, "--precision", precision]
        found[f"small-vit/{precision}"] = [*many, "--precision", precision]
    found["eval/three-methods"] = ["eval", str(inputs.dataset), "--methods", "attnlrp,rollout,random",
                                   "--json", "e.json"]
    found["eval/bf16"] = [*found["eval/three-methods"], "--precision", "bf16"]
    # Without pictures, which 0.2 draws with more in them: they are not the same work.
    found["batch"] = ["batch", links, "-o", "maps", "--write", "raw,json"]
    return found


def counted_cases(inputs):
    """{name: command}: short enough for an emulated processor."""
    pair = ["explain", inputs.photo, inputs.koala, "-c", "top:2", "-o", "maps"]
    timm = str(inputs.parity / "timm.safetensors")
    found = {f"small-vit/{method}": [*pair, "--method", method]
             for method in ("attnlrp", "cp-lrp", "attnlrp-eps", "chefer")}
    found["small/attnlrp"] = ["explain", str(inputs.parity / "input.npy"), "-m", timm, "--heads", "4",
                              "-c", "top:10", "-o", "{class}.npy"]
    many = next(made for made in inputs.made if made[0] == "many-tokens")
    found["many-tokens/attnlrp"] = ["explain", many[2], "-m", many[1], "-c", "top:5", "-o",
                                    "{class}.npy"]
    found["eval"] = ["eval", str(inputs.dataset), "--limit", "2", "--steps", "7", "--methods",
                     "attnlrp,rollout,random", "--json", "e.json"]
    found["batch"] = ["batch", str(inputs.dataset), "--limit", "3", "-o", "maps", "--write",
                      "png,raw,json"]
    return found


def measure(command, scratch):
    """(user seconds, largest resident kilobytes) of a run in an empty folder."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, env=compare_builds.environment())
        _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"failed: {' '.join(command)}")
    return usage.ru_utime, usage.ru_maxrss


def count(command, scratch):
    """Instructions of a run."""
    environment = {**compare_builds.environment(), "OPENBLAS_CORETYPE": "Haswell"}
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        result = subprocess.run(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command], cwd=folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=environment, check=False)
    found = COLLECTED.search(result.stderr)
    if result.returncode != 0 or found is None:
        sys.exit(f"failed: {' '.join(command)}\n{result.stderr}")
    return int(found[1])


def mean(values):
    return sum(values) / len(values)


def interval(logarithms, rng):
    """The mean of logarithms and its bootstrapped 95 % interval, as factors."""
    means = sorted(mean(rng.choices(logarithms, k=len(logarithms))) for _ in range(RESAMPLES))
    bounds = means[RESAMPLES // 40], means[-1 - RESAMPLES // 40]
    return [math.exp(value) for value in (mean(logarithms), *bounds)]


def run_pairs(programs, command, pairs, scratch):
    """The runs of both builds: two lists of measurements."""
    runs = [], []
    for pair in range(pairs + 1):
        for side in (0, 1) if pair % 2 else (1, 0):
            runs[side].append(measure([programs[side], *command], scratch))
    return runs[0][1:], runs[1][1:]  # the first ones warm the system's cache


def judge_time(name, old, new):
    """Prints a case's line; true if it is no slower and not above."""
    ratios = [math.log(after[0] / before[0]) for before, after in zip(old, new)]
    centre, low, high = interval(ratios, random.Random(name))
    memory = [[run[1] for run in runs] for runs in (old, new)]
    slower = high >= WIDE and centre >= NARROW
    above = min(memory[1]) > MEMORY * max(memory[0])
    print(f"{name:22} {mean([run[0] for run in old]):7.2f} s  ratio {centre:.4f} [{low:.4f}, {high:.4f}]  "
          f"memory {max(memory[0]) / 1024:.1f} -> {max(memory[1]) / 1024:.1f} MiB"
          f"{'  SLOWER' if slower else ''}{'  MEMORY' if above else ''}", flush=True)
    return not (slower or above)


def judge_count(name, old, new):
    ratio = new / old
    print(f"{name:22} {old / 1e6:10.1f} M instructions  ratio {ratio:.4f}"
          f"{'  SLOWER' if ratio >= NARROW else ''}", flush=True)
    return ratio < NARROW


def compare(options, scratch):
    inputs_folder = scratch / "inputs"
    inputs_folder.mkdir()
    inputs = compare_inputs.Inputs(inputs_folder, [])
    programs = [os.path.abspath(path) for path in (options.old, options.new)]
    backend = options.backend or ("openblas" if options.instructions else "auto")
    wanted, failed = re.compile(options.only or ""), 0
    cases = counted_cases(inputs) if options.instructions else timed_cases(inputs)
    for name, command in cases.items():
        if not wanted.search(name):
            continue
        command = [*command, "--backend", backend, "-j", "1", "-q"]
        if options.instructions:
            fine = judge_count(name, *(count([program, *command], scratch) for program in programs))
        else:
            fine = judge_time(name, *run_pairs(programs, command, options.pairs, scratch))
        failed += not fine
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__.replace("%", "%%"))
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--backend")
    with tempfile.TemporaryDirectory() as scratch:
        sys.exit(compare(parser.parse_args(), pathlib.Path(scratch)))


if __name__ == "__main__":
    main()
