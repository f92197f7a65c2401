"""Every call that writes a file made to fail in turn: the old file or the whole new one is there, no
temporary file is left, the exit code is 4 and one line names the file; after a short write or an
interruption all is as without. The calls come in the order that a loss of power asks for. A signal at any of
them leaves no temporary file (row f22).
usage: write_faults.py VITLRP IO_SHIM DATA"""

import errno
import itertools
import os
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import preload  # noqa: E402
import small_model  # noqa: E402

OUTPUTS = ("picture.png", "map.npy", "report.json", "logits.npy")
KINDS = ("create", "write", "fsync", "close", "rename")
OLD = b"what was there before\n"
MOST = 40


def run(program, shim, photo, folder, fault=None):
    """(exit code, standard error, whether the fault has happened)"""
    log = os.path.join(folder, os.pardir, "fault.log")
    environment = dict(os.environ, VITLRP_FAULT_LOG=log)
    if fault is not None:
        environment.update(LD_PRELOAD=shim, VITLRP_FAULT=fault)
        options = environment.get("ASAN_OPTIONS", "")
        environment["ASAN_OPTIONS"] = options + ":verify_asan_link_order=0"
    command = [program, photo, "-q", "-o", OUTPUTS[0], "--raw", OUTPUTS[1], "--json", OUTPUTS[2],
               "--logits", OUTPUTS[3], "--threads", "1"]
    done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    happened = os.path.exists(log)
    if happened:
        os.remove(log)
    return done.returncode, done.stderr.decode(errors="replace"), happened


def check_order(program, shim, photo):
    """Each file: made, written, on the disk before its name, and its name before the end."""
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "trace")
        environment = dict(os.environ, LD_PRELOAD=shim, VITLRP_FAULT_TRACE=path)
        environment["ASAN_OPTIONS"] = (environment.get("ASAN_OPTIONS", "") +
                                       ":verify_asan_link_order=0")
        subprocess.run([program, photo, "-q", "-o", "a.png", "--raw", "b.npy"], cwd=scratch,
                       env=environment, check=True, timeout=120)
        with open(path, encoding="ascii") as file:
            calls = file.read().split()
    order = [call for call, _ in itertools.groupby(calls) if call != "thread"]
    if order == ["create", "write", "fsync", "close", "rename", "fsync"] * 2:
        return []
    return [f"order of calls: {' '.join(calls)}"]


def contents(folder):
    found = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            found[name] = file.read()
    return found


def without_times(name, data):
    """A report has timings; everything else must be equal byte for byte."""
    return b"" if name == "report.json" else data


def judge(code, stderr, found, wanted, harmless):
    """None, or what is wrong."""
    if set(found) != set(OUTPUTS):
        return f"files {sorted(found)}"
    for name, data in found.items():
        new = without_times(name, data) == without_times(name, wanted[name]) and data != OLD
        if not new and (harmless or data != OLD):
            return f"{name} is neither the old nor the new file"
    if harmless:
        return None if code == 0 else f"exit code {code}"
    if code != 4:
        return f"exit code {code}"
    if stderr.count("\n") != 1 or not any(name in stderr for name in OUTPUTS):
        return f"message {stderr!r}"
    return None


def sweep(kind, what, most, context):
    """The first `most` calls of the kind fail, as far as there are so many: (faults, complaints)"""
    program, shim, photo, wanted = context
    harmless = what in ("short", str(errno.EINTR))
    complaints = []
    for nth in range(1, most + 1):
        with tempfile.TemporaryDirectory() as scratch:
            folder = os.path.join(scratch, "out")
            os.mkdir(folder)
            for name in OUTPUTS:
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(OLD)
            code, stderr, happened = run(program, shim, photo, folder, f"{kind}:{nth}:{what}")
            if not happened:
                return nth - 1, complaints
            wrong = judge(code, stderr, contents(folder), wanted, harmless)
            if wrong is not None:
                complaints.append(f"{kind} {nth}, {what}: {wrong}")
    return most, complaints


def check_signals(program, shim, photo):
    """The signals that users and shells send, while a file is written: it becomes whole, or stays the old one."""
    complaints = []
    for number, kind in itertools.product((signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE), KINDS[1:]):
        with tempfile.TemporaryDirectory() as scratch:
            folder = os.path.join(scratch, "out")
            os.mkdir(folder)
            code, _, happened = run(program, shim, photo, folder, f"{kind}:1:signal{int(number)}")
            if not happened or code == 0 or not set(contents(folder)) <= set(OUTPUTS):
                complaints.append(f"{number.name} at {kind}: exit code {code}, files {sorted(contents(folder))}")
    return complaints


def main():
    small_model.use(backend="openblas")
    program, shim, data = (os.path.abspath(path) for path in sys.argv[1:4])
    shim = preload.preloadable(shim)
    photo = os.path.join(data, "goldfish.jpg")
    with tempfile.TemporaryDirectory() as scratch:
        folder = os.path.join(scratch, "out")
        os.mkdir(folder)
        code, stderr, _ = run(program, shim, photo, folder)
        assert code == 0, stderr
        wanted = contents(folder)
    faults, complaints = 0, check_order(program, shim, photo) + check_signals(program, shim, photo)
    every = (str(errno.ENOSPC), str(errno.EINTR), "short")
    for kind in KINDS:
        codes = [errno.ENOSPC, errno.EIO]
        codes += {"create": [errno.EROFS, errno.EACCES, errno.EMFILE],
                  "write": [errno.EDQUOT, errno.EINTR], "rename": [errno.EROFS]}.get(kind, [])
        for what in [str(code) for code in codes] + (["short"] if kind == "write" else []):
            # Every call fails for one reason, and one call for every other.
            most = MOST if what in every else 1
            count, wrong = sweep(kind, what, most, (program, shim, photo, wanted))
            if count < min(most, len(OUTPUTS)):
                wrong.append(f"{kind}, {what}: only {count} faults")
            faults += count
            complaints += wrong
    print("\n".join(complaints + [f"{faults} faults, {len(complaints)} complaints"]))
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
