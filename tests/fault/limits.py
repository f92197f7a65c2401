"""The command under limits of the system: it ends with its result or says in one line what it has too
little of, whatever the limit, and never hangs. usage: limits.py VITLRP IO_SHIM DATA [--whole]
--whole: every verb at every limit, some ten minutes."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile

MIB = 1 << 20
TIME_LIMIT = 600  # a hang lasts; a busy machine does not make one
LOADER = 127  # the program loader had too little itself


def run(command, folder, limit=None, **variables):
    """(exit code, standard error); the code is None after a hang."""
    def set_limit():
        if limit is not None:
            resource.setrlimit(limit[0], (limit[1], limit[1]))
    try:
        done = subprocess.run(command, cwd=folder, env=dict(os.environ, **variables),
                              preexec_fn=set_limit, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stderr.decode(errors="replace")


def verbs(program, data, folder):
    """A short run of every verb, by name."""
    picture = os.path.join(data, "goldfish.jpg")
    with open(os.path.join(folder, "list.txt"), "w", encoding="utf-8") as file:
        for name in ("goldfish", "koala", "moose", "panda"):
            file.write(os.path.join(data, name + ".jpg") + "\n")
    record = [program, "eval", "list.txt", "-q", "--limit", "2", "--steps", "2", "--methods", "attnlrp"]
    subprocess.run(record + ["--json", "record.json"], cwd=folder, check=True)
    bench = [program, "bench", "-q", "--model", os.path.join(data, "vit-tiny-patch8-64.safetensors")]
    once = ["--runs", "1"]
    tiny = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../golden/parity/timm.safetensors")
    return {
        "explain": [program, picture, "-q", "-o", "a.png"],
        "batch": [program, "batch", "list.txt", "-q", "-o", "batch"],
        "eval": record[:-1] + ["attnlrp,rise,chefer", "--html", "a.html"],
        "tune": [program, "tune", "list.txt", "-q", "--limit", "2", "--steps", "2"],
        "merge": [program, "merge", "record.json", "-q", "--html", "b.html"],
        "info": [program, "info", "-q"],
        "bench": bench + once,
        "bench --eval": [program, "bench", "-q", "--model", tiny, "--heads", "4", "--eval"],
        "bench --throughput": bench + ["--throughput", *once],
        "bench --batch": bench + ["--batch", "list.txt"],
    }


# Verbs without products.
NO_BACKEND = ("merge", "info")


def one_limit(name, command, limit, folder):
    """(exit code, complaint or None) of a command in so many MiB of address space."""
    shutil.rmtree(os.path.join(folder, "batch"), ignore_errors=True)
    code, stderr = run(command, folder, (resource.RLIMIT_AS, limit * MIB))
    good = code in (0, 5) or (code == LOADER and limit < 200)
    if good and (code != 5 or stderr.count("\n") == 1):
        return code, None
    return code, f"F2: {name} in {limit} MiB of address space: exit {code}, {stderr!r}"


def address_space(commands, folder, whole):
    """F2: from too little to load the program to plenty, and then more than is needed."""
    complaints, seen = [], {}
    limits = [*range(200, 1001, 20), *range(1300, 4001, 300)] if whole else [160, 400, 700, 1500]
    for name, command in commands.items():
        for backend in (None,) if name in NO_BACKEND else ("openblas", "onednn"):
            options = [] if backend is None else ["--backend", backend]
            codes = seen.setdefault((name, backend), {})
            for limit in limits:
                what = " ".join([name, *options])
                codes[limit], complaint = one_limit(what, command + options, limit, folder)
                complaints += [] if complaint is None else [complaint]
            if whole:
                print(f"{name:20} {backend or '-':10}", *(f"{m}:{c}" for m, c in codes.items()), flush=True)
    for (name, backend), codes in seen.items():
        if not {0, 5} <= set(codes.values()):
            complaints.append(f"F2: {name} {backend}: only the exit codes {set(codes.values())}")
    return complaints


def descriptors(explain, folder):
    """F4: too few of them."""
    code, stderr = run(explain("1"), folder, (resource.RLIMIT_NOFILE, 4))
    good = code == 4 and stderr.count("\n") == 1 and "Too many open files" in stderr
    return [] if good else [f"F4: 4 descriptors: exit {code}, {stderr!r}"]


def stack(explain, folder):
    """F9: threads have stacks of their own size."""
    code, stderr = run(explain("2"), folder, (resource.RLIMIT_STACK, 64 << 10))
    return [] if code == 0 else [f"F9: a stack of 64 KiB: exit {code}, {stderr!r}"]


def threads(explain, folder, shim):
    """F10: the system refuses threads; fewer do the work."""
    code, stderr = run(explain("4"), folder, None, LD_PRELOAD=shim, VITLRP_FAULT="thread:*:11",
                       VITLRP_FAULT_LOG=os.path.join(folder, "fault.log"))
    happened = os.path.exists(os.path.join(folder, "fault.log"))
    return [] if code == 0 and happened else [f"F10: no threads: exit {code}, {stderr!r}"]


def main():
    program, shim, data = (os.path.abspath(path) for path in sys.argv[1:4])
    whole = sys.argv[4:] == ["--whole"]

    def explain(count):
        return [program, os.path.join(data, "goldfish.jpg"), "-q", "-o", "a.png", "--threads", count]

    with tempfile.TemporaryDirectory() as folder:
        commands = verbs(program, data, folder)
        complaints = (address_space(commands, folder, whole) + descriptors(explain, folder) +
                      stack(explain, folder) + threads(explain, folder, shim))
    print("\n".join(complaints + [f"{len(complaints)} complaints"]))
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
