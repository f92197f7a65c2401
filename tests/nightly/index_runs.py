"""Runs over hidden units: memory that does not grow with the images, shards in any order, and what an image costs.
usage: index_runs.py VITLRP DIR [memory|shards|cost...]

- memory: 500 and 5,000 images, by links to those of DIR. The larger run may take what its list takes.
- shards: 4 of the images of DIR, merged in three orders, have the bytes of one run.
- cost: user time of `concepts` over that of `batch` without pictures, one thread, pairs of runs in changing order over
  100 images: at most 1.3, the geometric mean of the pairs.

How often a run may be killed is `VITLRP_KILLS=50 ctest -R cli/concepts`."""

import math
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import small_model  # noqa: E402

FEW, MANY = 500, 5000
BYTES_OF_IMAGE = 600  # its place in the list and in the journal
NOISE_BYTES = 8 << 20
QUIET = ("-q", "--gallery", "0")
TIMED, PAIRS, MOST_COST = 100, 12, 1.3


def run(command):
    """Largest resident memory in bytes of a command that must succeed, and its user time."""
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(command)[:200]}: status {status}")
    return usage.ru_maxrss * 1024, usage.ru_utime


def photographs(folder):
    return sorted(os.path.join(place, name) for place, _, names in os.walk(folder) for name in names
                  if name.lower().endswith((".jpg", ".jpeg")))


def link(paths, folder, count):
    os.mkdir(folder)
    for i in range(count):
        os.symlink(paths[i % len(paths)], os.path.join(folder, f"{i:06}.jpg"))


def check_memory(program, images):
    peaks = []
    for count in (FEW, MANY):
        link(photographs(images), f"list{count}", count)
        peak, seconds = run([program, "concepts", f"list{count}", "-o", f"index{count}", *QUIET])
        print(f"memory: {count} images: at most {peak / 1e6:.1f} MB, {seconds:.0f} s of user time", flush=True)
        peaks.append(peak)
    return peaks[1] - peaks[0] <= (MANY - FEW) * BYTES_OF_IMAGE + NOISE_BYTES


def content(folder):
    found = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            found[name] = file.read()
    return found


def check_shards(program, images):
    run([program, "concepts", images, "-o", "whole", *QUIET])
    whole = content("whole")
    names = [f"shard{i}" for i in range(4)]
    for i, name in enumerate(names):
        run([program, "concepts", images, "-o", name, "--shard", f"{i}/4", *QUIET])
    for order in range(3):
        random.Random(order).shuffle(names)
        run([program, "merge", *names, "-o", f"merged{order}", *QUIET])
        if content(f"merged{order}") != whole:
            return False
    lines = whole["results.jsonl"].count(b"\n")
    print(f"shards: 4 of {lines} images, in three orders: every file of one run", flush=True)
    return True


def check_cost(program, images):
    link(photographs(images), "timed", TIMED)
    commands = [["batch", "timed", "--write", "json"], ["concepts", "timed", "--gallery", "0"]]
    logs = []
    for pair in range(PAIRS):
        seconds = [0.0, 0.0]
        for which in (0, 1) if pair % 2 == 0 else (1, 0):
            _, seconds[which] = run([program, *commands[which], "-o", f"timed.{pair}.{which}", "--threads", "1", "-q"])
        logs.append(math.log(seconds[1] / seconds[0]))
    ratio = math.exp(sum(logs) / PAIRS)
    spread = math.exp(max(logs)), math.exp(min(logs))
    print(f"cost: {ratio:.3f} attributions ({spread[1]:.3f} to {spread[0]:.3f} in {PAIRS} pairs of {TIMED} images)",
          flush=True)
    return ratio <= MOST_COST


def main():
    small_model.use()
    program, images = map(os.path.abspath, sys.argv[1:3])
    checks = {"memory": check_memory, "shards": check_shards, "cost": check_cost}
    with tempfile.TemporaryDirectory() as base:
        os.chdir(base)
        failed = [name for name in sys.argv[3:] or checks if not checks[name](program, images)]
        os.chdir("/")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
