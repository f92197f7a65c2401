"""Evaluations at the scale of ImageNet: memory that does not grow with the results, shards in any order, and a merge
of records that are larger than memory may be. usage: journal.py VITLRP IMAGE [memory|shards|merge...]

- memory: 500 and 20,000 images, by links to IMAGE. The larger run may take what its list and the values of one
  metric take (eval/summary.h), and no results.
- shards: 8 of them, merged in three orders, have the bytes of one run.
- merge: a record set of 1.7 GB, which this script makes (4 shards of 14,000 images with 20 methods), in 200 MB.

How often eval and tune may be killed is `VITLRP_KILLS=50 ctest -R cli/journal`."""

import json
import os
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import small_model  # noqa: E402

FEW, MANY = 500, 20000
METHODS = ["attnlrp", "random"]
BYTES_OF_IMAGE = 600 + 15 * 8 * len(METHODS)  # its place in the list and in the journal; its values
NOISE_BYTES = 8 << 20
MERGE_LIMIT = 200 << 20
BIG = {"images": 14000, "methods": 20, "shards": 4, "steps": 28}


def peak_bytes(command):
    """Largest resident memory of a command that must succeed, and its seconds."""
    begin = time.time()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(command)[:200]}: status {status}")
    return usage.ru_maxrss * 1024, time.time() - begin


def link(image, folder, count):
    os.mkdir(folder)
    for i in range(count):
        os.symlink(image, os.path.join(folder, f"{i:06}.jpg"))


def evaluate(program, folder, name, *options):
    return [program, "eval", folder, "-q", "--steps", "2", "--methods", ",".join(METHODS), "--json", name, *options]


def check_memory(program, image):
    peaks = []
    for count in (FEW, MANY):
        link(image, f"list{count}", count)
        peak, seconds = peak_bytes(evaluate(program, f"list{count}", f"{count}.json"))
        print(f"memory: {count} images: at most {peak / 1e6:.1f} MB in {seconds:.0f} s", flush=True)
        peaks.append(peak)
    allowed = (MANY - FEW) * BYTES_OF_IMAGE + NOISE_BYTES
    return peaks[1] - peaks[0] <= allowed


def check_shards(program, image):
    link(image, "shards", 61)
    peak_bytes(evaluate(program, "shards", "whole.json"))
    names = [f"shard.{i}.json" for i in range(8)]
    for i, name in enumerate(names):
        peak_bytes(evaluate(program, "shards", name, "--shard", f"{i}/8"))
    with open("whole.json", "rb") as file:
        whole = file.read()
    for order in range(3):
        random.Random(order).shuffle(names)
        peak_bytes([program, "merge", "-q", *names, "-o", "merged.json"])
        with open("merged.json", "rb") as file:
            if file.read() != whole:
                return False
    print("shards: 8, in three orders: the bytes of one run", flush=True)
    return True


def result_text(rng, points):
    """One method of one image, as the program writes it."""
    curves = {}
    for name in ("morf_logit", "morf_prob", "lerf_logit", "lerf_prob"):
        curves[name] = "[" + ",".join(f"{rng.random():.9g}" for _ in range(points)) + "]"
    areas = f'"delta_logit":{rng.random():.9g},"delta_prob":{rng.random():.9g}'
    return ("{" + areas + "".join(f',"{name}":{curve}' for name, curve in curves.items()) +
            ',"pointing":null,"mass":null,"rank":null}')


def write_shard(path, head, shard, results):
    """A record whose images repeat some results; the rest of it is of a real run."""
    names = [f"method{m}" for m in range(BIG["methods"])]
    count = BIG["images"] * BIG["shards"]
    empty = dict.fromkeys(head["methods"]["random"], {"mean": None, "lo": None, "hi": None, "n": 0})
    head = {**head, "reference": None, "paired": {}, "gallery": [], "methods": dict.fromkeys(names, empty),
            "manifest": {**head["manifest"], "count": count}, "shard": {"index": shard, "count": BIG["shards"]}}
    whose = head["images"][0]
    images = head.pop("images")
    text = json.dumps(head)
    first = {key: whose[key] for key in ("sha256", "label", "class", "predicted", "logit", "probability")}
    common = json.dumps(first, separators=(",", ":"))[1:-1]
    del images
    with open(path, "w", encoding="utf-8") as file:
        file.write(text[:-1] + ',"images":[\n')
        for i in range(BIG["images"]):
            methods = ",".join(f'"{name}":{results[(i * 31 + m * 7) % len(results)]}' for m, name in enumerate(names))
            index = i * BIG["shards"] + shard
            file.write(("" if i == 0 else ",\n") + f'{{"id":"val/{index:08}.JPEG","index":{index},"status":"ok",'
                       f'{common},"methods":{{{methods}}}}}')
        file.write("]}\n")


def check_merge(program, image):
    link(image, "one", 1)
    peak_bytes([*evaluate(program, "one", "head.json")[:-2], "--steps", str(BIG["steps"]), "--json", "head.json"])
    with open("head.json", encoding="utf-8") as file:
        head = json.load(file)
    rng = random.Random(1)
    results = [result_text(rng, BIG["steps"] + 1) for _ in range(257)]
    names = [f"big.{i}.json" for i in range(BIG["shards"])]
    for shard, name in enumerate(names):
        write_shard(name, head, shard, results)
    size = sum(os.path.getsize(name) for name in names)
    peak, seconds = peak_bytes([program, "merge", "-q", *names[::-1], "-o", "merged.json"])
    print(f"merge: {size / 1e9:.2f} GB of {len(names)} shards: at most {peak / 1e6:.1f} MB in {seconds:.0f} s; the "
          f"merged record has {os.path.getsize('merged.json') / 1e9:.2f} GB", flush=True)
    return peak <= MERGE_LIMIT


def main():
    small_model.use()
    program, image = map(os.path.abspath, sys.argv[1:3])
    checks = {"memory": check_memory, "shards": check_shards, "merge": check_merge}
    wanted = sys.argv[3:] or list(checks)
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as base:
        os.chdir(base)
        failed = [name for name in wanted if not checks[name](program, image)]
        os.chdir("/")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
