"""Other tools side by side: their maps, of the same weights and images, measured by `vitlrp eval --maps`.

usage: peers.py PROGRAM DATASET FOLDER [IMAGES [EVAL_OPTION...]]
    PROGRAM   the built command
    DATASET   as eval takes it; every n-th image of it, IMAGES in all (default 100)
    FOLDER    environments, inputs, maps and records; what is there is not made again
    EVAL_OPTION  more options of the evaluation (default: --replace zero,black,blur --steps 14)

Each tool has a virtual environment of its own with a stated version; torch, torchvision and timm lie in
one that all share. A tool that cannot be installed or run is a line with the reason. Prints a table in
Markdown: Delta of the logit under each replacement with its interval, and seconds an image on one thread
(the command's and the others' alike), with the versions."""

import json
import os
import pathlib
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BASE = ["torch==2.14.1", "torchvision==0.29.1", "timm==1.0.31", "safetensors", "numpy"]
# zennit 1.0 and hilrp ask for Python 3.11.11, for no reason that their code shows.
ALONE = ["--no-deps", "--ignore-requires-python"]
LXT = [*ALONE, "lxt==2.1", "tabulate", "zennit==1.0.0"]
LXT_NEEDS = ["transformers==4.57.1"]
# What each tool's environment gets: lists for one call of pip each.
TOOLS = {"lxt": [LXT_NEEDS, LXT],
         "hilrp": [LXT_NEEDS, LXT, [*ALONE, "hilrp==0.2.0"]],
         "autolrp": [["autolrp==0.2.0"]],
         "torchcam": [["torchcam==0.5.0"]],
         "daam": [["daam-timm-vit==0.2.1"]],
         "grad-cam": [["grad-cam==1.5.7"]],
         "captum": [["captum==0.9.0"]]}
METHODS = {"lxt-cp-gamma": "lxt", "hilrp": "hilrp", "hilrp-attnlrp": "hilrp", "autolrp-attnlrp": "autolrp",
           "autolrp-cp": "autolrp", "torchcam-legrad": "torchcam", "daam-timm-vit": "daam",
           "pytorch-grad-cam": "grad-cam", "captum-ig": "captum"}
OURS = "attnlrp,attnlrp-eps,cp-lrp,chefer,rollout,random"


def run(*words, **more):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, **more)


def last_line(text):
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no word"


def environment(folder, name, calls, shared=None):
    """The Python of a virtual environment with these packages; raises with pip's last word."""
    place = folder / "environments" / name
    python = place / "bin" / "python"
    if (place / "complete").exists():
        return python
    venv.create(place, with_pip=True, clear=True)
    if shared is not None:
        packages = next((shared.parents[1] / "lib").glob("python3*/site-packages"))
        own = next((place / "lib").glob("python3*/site-packages"))
        (own / "shared.pth").write_text(f"{packages}\n")
    for call in calls:
        done = run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *call)
        if done.returncode != 0:
            raise RuntimeError(f"pip install {' '.join(call)}: {last_line(done.stderr)}")
    (place / "complete").touch()
    return python


def sample(dataset, folder, count):
    """A list of every n-th image, and what the model sees of each."""
    images = sorted(path for path in pathlib.Path(dataset).resolve().rglob("*")
                    if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    chosen = images[::max(1, len(images) // count)][:count]
    listed = folder / "images.txt"
    listed.write_text("".join(f"{path}\n" for path in chosen))
    return listed, chosen


def prepare_inputs(program, folder, images):
    inputs = folder / "inputs"
    inputs.mkdir(exist_ok=True)
    for path in images:
        logits = inputs / f"{path.stem}.logits.npy"
        if not logits.exists():
            done = run(program, path, "--method", "random", "--dump-input", inputs / f"{path.stem}.npy",
                       "--logits", logits, "-q")
            if done.returncode != 0:
                sys.exit(f"{path}: {last_line(done.stderr)}")
    return inputs


def make_maps(folder, weights, inputs, shared):
    """What each method took, by name; and a line of reason for each that gave nothing."""
    made, missing = {}, {}
    for name, tool in METHODS.items():
        maps = folder / "maps" / name
        facts = maps.with_suffix(".json")
        maps.mkdir(parents=True, exist_ok=True)
        if not facts.exists():
            try:
                python = environment(folder, tool, TOOLS[tool], shared)
            except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
                missing[name] = str(error)
                continue
            done = run(python, "-B", HERE / "peers_maps.py", name, weights, inputs, maps)
            if done.returncode != 0:
                missing[name] = last_line(done.stderr)
                continue
            facts.write_text(last_line(done.stdout))
        made[name] = json.loads(facts.read_text())
    return made, missing


def seconds_of(program, image, method):
    """Of the command's own passes, its start and the picture's file left out."""
    best = []
    for _ in range(5):
        done = run(program, image, "--method", method, "-j", "1", "--json", "-", "-q")
        timing = json.loads(done.stdout)["timing_ms"]
        best.append((timing["forward"] + timing["backward"]) / 1000)
    return sorted(best)[len(best) // 2]


def cell(delta):
    return f"{delta['mean']:.2f} [{delta['lo']:.2f}, {delta['hi']:.2f}]"


def print_table(record, made, missing):
    parts = record["replacements"]
    print("| method | " + " | ".join(f"Delta, {name}" for name in parts) + " | seconds an image | of |")
    print("| --- " * (len(parts) + 3) + "|")
    first = next(iter(parts.values()))["methods"]
    for name in sorted(first, key=lambda name: -first[name]["delta_logit"]["mean"]):
        cells = [cell(part["methods"][name]["delta_logit"]) for part in parts.values()]
        print(f"| `{name}` | {' | '.join(cells)} | {made[name]['seconds']:.3g} | {made[name]['version']} |")
    for name, reason in missing.items():
        print(f"{name}: {reason}")


def main():
    program, dataset, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]).resolve()
    count = int(sys.argv[4]) if len(sys.argv) > 4 else 100
    options = sys.argv[5:] or ["--replace", "zero,black,blur", "--steps", "14"]
    weights = ROOT / "data" / "vit-tiny-patch4-64.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    shared = environment(folder, "shared", [BASE])
    listed, images = sample(dataset, folder, count)
    inputs = prepare_inputs(program, folder, images)
    made, missing = make_maps(folder, weights, inputs, shared)
    stored = folder / "peers.json"
    maps = ",".join(f"{name}={folder / 'maps' / name}" for name in made)
    done = subprocess.run([program, "eval", listed, "--methods", OURS, "--maps", maps, "--json", stored, *options])
    if done.returncode != 0:
        return done.returncode
    record = json.loads(stored.read_text())
    for name in OURS.split(","):
        made[name] = {"seconds": seconds_of(program, images[0], name), "version": f"vitlrp {record['version']}"}
    print_table(record, made, missing)
    return 0


if __name__ == "__main__":
    os.environ.pop("VITLRP_MODEL", None)
    sys.exit(main())
