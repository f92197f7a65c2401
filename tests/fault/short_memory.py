"""f13: memory that runs short while a run works is not written down as an image's fault. It stops the run with exit
code 5 and a line with the numbers; with memory again, the same command does everything. Whoever gives a limit
(--limits memory=N) has said that an image beyond it fails. usage: short_memory.py VITLRP IO_SHIM DATA"""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import preload  # noqa: E402
import small_model  # noqa: E402

PROGRAM, SHIM, DATA = (os.path.abspath(path) for path in sys.argv[1:4])
SHIM = preload.preloadable(SHIM)
IMAGES = ("dam.jpg", "goldfish.jpg", "koala.jpg", "panda.jpg")
MOST = 12


def run(*arguments, memory=None):
    environment = dict(os.environ)
    if memory is not None:
        options = environment.get("ASAN_OPTIONS", "")
        environment.update(LD_PRELOAD=SHIM, VITLRP_FAULT_MEMORY=str(memory),
                           ASAN_OPTIONS=options + ":verify_asan_link_order=0")
    return subprocess.run([PROGRAM, *arguments], env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)


def lines(folder):
    path = os.path.join(folder, "results.jsonl")
    if not os.path.exists(path):
        return []
    with open(path, "rb") as file:
        return [json.loads(line) for line in file]


def check_batch(scratch, data, memory, complaints):
    out = os.path.join(scratch, f"out{memory}")
    first = run("batch", data, "-o", out, "-q", "-j", "2", memory=memory)
    blamed = [line["id"] for line in lines(out) if line["status"] != "ok"]
    if first.returncode not in (0, 5) or blamed:
        complaints.append(f"batch, {memory}: code {first.returncode}, blamed {blamed}, {first.stderr!r}")
    if first.returncode == 5 and (first.stderr.count(b"\n") != 1 or b" MB" not in first.stderr):
        complaints.append(f"batch, {memory}: {first.stderr!r}")
    again = run("batch", data, "-o", out, "-q")
    if again.returncode != 0 or len(lines(out)) != len(IMAGES):
        complaints.append(f"batch again, {memory}: code {again.returncode}, {again.stderr!r}")
    return first.returncode == 5


def check_eval(scratch, data, memory, whole, complaints):
    """An evaluation in a journal, fresh, resumed and looked at by merge: how many of them had too little."""
    journal, out = os.path.join(scratch, f"j{memory}"), os.path.join(scratch, f"e{memory}.json")
    command = ["eval", data, "-q", "--methods", "random", "--steps", "1", "--journal", journal, "--json", out]
    short = 0
    for name, arguments in (("fresh", command), ("resumed", command),
                            ("merged", ["merge", journal, "-q", "--json", out])):
        done = run(*arguments, memory=memory)
        short += done.returncode == 5
        if done.returncode == 5 and (done.stderr.count(b"\n") != 1 or os.path.exists(out)):
            complaints.append(f"eval {name}, {memory}: {done.stderr!r}, JSON: {os.path.exists(out)}")
        if done.returncode not in (0, 5) and not (name == "merged" and not os.path.exists(journal)):
            complaints.append(f"eval {name}, {memory}: code {done.returncode}, {done.stderr!r}")
        if [line["id"] for line in lines(journal) if line["status"] != "ok"]:
            complaints.append(f"eval {name}, {memory}: an image is blamed")
    again = run(*command)
    if again.returncode != 0 or read(out) != whole:
        complaints.append(f"eval again, {memory}: code {again.returncode}, {again.stderr!r}")
    return short


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    small_model.use()
    complaints = []
    images = [os.path.join(DATA, name) for name in IMAGES]
    with tempfile.TemporaryDirectory() as scratch:
        data = os.path.join(scratch, "data")
        os.mkdir(data)
        for image in images:
            os.symlink(image, os.path.join(data, os.path.basename(image)))
        stopped = [check_batch(scratch, data, memory, complaints) for memory in range(2, MOST)]
        if sum(stopped) < 3:
            complaints.append(f"memory was short in {sum(stopped)} runs only")
        result = run("explain", *images, "-q", "-o", os.path.join(scratch, "maps"), memory=1)
        if result.returncode != 5 or result.stderr.count(b"\n") != 1:
            complaints.append(f"explain: code {result.returncode}, {result.stderr!r}")
        whole = run("eval", data, "-q", "--methods", "random", "--steps", "1", "--json", "-").stdout
        if sum(check_eval(scratch, data, memory, whole, complaints) for memory in (1, 2)) < 2:
            complaints.append("eval: memory was never short")
        result = run("explain", *images, "-q", "-o", os.path.join(scratch, "maps"), "--limits",
                     "memory=1MiB")
        if result.returncode != 1 or result.stderr.count(b"\n") != len(IMAGES):
            complaints.append(f"explain --limits: code {result.returncode}, {result.stderr!r}")
    print("\n".join(complaints + [f"{len(complaints)} complaints"]))
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
