"""The command under limits of the system: it ends with a map or says in one line what it has too little
of, whatever the limit, and never hangs. usage: limits.py VITLRP IO_SHIM DATA"""

import os
import resource
import subprocess
import sys
import tempfile

MIB = 1 << 20
TIME_LIMIT = 120
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


def address_space(explain, folder):
    """F2: from too little to load the program to plenty."""
    complaints, seen = [], set()
    for limit in range(120, 1000, 40):
        code, stderr = run(explain("2"), folder, (resource.RLIMIT_AS, limit * MIB))
        seen.add(code)
        if code not in (0, 5, LOADER) or (code == 5 and stderr.count("\n") != 1):
            complaints.append(f"F2: {limit} MiB of address space: exit {code}, {stderr!r}")
    if not {0, 5} <= seen:
        complaints.append(f"F2: only the exit codes {seen}")
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

    def explain(count):
        return [program, os.path.join(data, "goldfish.jpg"), "-q", "-o", "a.png", "--threads", count]

    with tempfile.TemporaryDirectory() as folder:
        complaints = (address_space(explain, folder) + descriptors(explain, folder) +
                      stack(explain, folder) + threads(explain, folder, shim))
    print("\n".join(complaints + [f"{len(complaints)} complaints"]))
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
