"""Every verb while calls that write files fail under it, or while it is killed there. It ends by itself, with
its results or with the documented exit code and one line. Under each name is the old file or the whole new
one, no temporary file stays, also none in TMPDIR, and the next run works.
What has no times in it is then the same byte for byte.
usage: verb_faults.py VITLRP SHIM writes|creates|kills|moments DENSITY [all|VERB...]
writes: the first DENSITY calls of each kind fail, by io_shim; creates: those that make files. kills: the process is
killed there.
moments: it is killed DENSITY times, each time at a random moment."""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import every_verb  # noqa: E402
import preload  # noqa: E402
import small_model  # noqa: E402

HANG = 600  # a hang lasts; a busy machine does not make one
OLD = b"what was there before\n"
KILLED = -signal.SIGKILL
KINDS = ("create", "write", "fsync", "close", "rename")
ROWS = ("pwrite", "fdatasync")  # of classes.bin
VERBS = {**every_verb.every_verb(), **every_verb.figures()}


def is_journal(path):
    """An evaluation's or of texts, from which the next run goes on."""
    return ".json.journal" + os.sep in path or path.endswith(".npy.journal")


def is_temporary(path):
    """What the next run removes: a hidden file of ours, or a file in such a folder, or the lock of a run's folder."""
    names = path.split(os.sep)
    return any(name.startswith(".vitlrp-") for name in names) or names[-1] == "lock"


def files_of(folder):
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


class Sweep:
    """The faults of one verb, in a folder of every_verb.make_inputs."""
    def __init__(self, program, shim, folder, name):
        self.program, self.shim, self.folder, self.name = program, shim, folder, name
        self.verb = VERBS[name]
        self.faults, self.complaints = 0, []
        begin = time.monotonic()
        self.wanted, again = self.whole(), self.whole()
        self.seconds = (time.monotonic() - begin) / 2
        # What has times in it is not compared.
        self.steady = {path for path, data in self.wanted.items() if again[path] == data}
        self.in_folder = any(os.path.isdir(os.path.join(folder, path)) for path in self.verb.outputs)
        self.clear()

    def run(self, **variables):
        """(exit code or None after a hang, standard error, whether there was a fault)"""
        log = os.path.join(self.folder, os.pardir, "fault.log")
        more = {"LD_PRELOAD": self.shim, "VITLRP_FAULT_LOG": log} if variables else {}
        more["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        try:
            done = subprocess.run([self.program, *self.verb.arguments], cwd=self.folder,
                                  env=dict(os.environ, **more, **variables), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=HANG, check=False)
        except subprocess.TimeoutExpired:
            return None, "hangs", True
        happened = os.path.exists(log)
        if happened:
            os.unlink(log)
        return done.returncode, done.stderr.decode(errors="replace"), happened

    def whole(self):
        self.clear()
        code, stderr, _ = self.run()
        assert code == 0, (self.name, code, stderr)
        return files_of(self.folder)

    def clear(self):
        """No output is there, and nothing of a process that was killed in TMPDIR."""
        temporary = os.path.join(self.folder, every_verb.TEMPORARY)
        for path in (*(os.path.join(self.folder, name) for name in self.verb.outputs),
                     *(os.path.join(temporary, name) for name in os.listdir(temporary))):
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.unlink(path)

    def set_old(self):
        """Old files are where files will be."""
        self.clear()
        for name in () if self.in_folder else self.verb.outputs:
            with open(os.path.join(self.folder, name), "wb") as file:
                file.write(OLD)

    def judge_files(self, found, killed=False):
        """None, or what is wrong with the files after a failure."""
        for path, data in found.items():
            results = self.in_folder and path.split(os.sep)[0] in self.verb.outputs
            if is_journal(path) or (killed and is_temporary(path)):
                continue
            if path not in self.wanted and not results:
                return f"{path} stays behind"
            # Of a folder of results, journals grow, and what is hidden is the next run's to remove.
            if results and not path.endswith((".png", ".html")) or os.sep + "." in path:
                continue
            if data != OLD and data != self.wanted.get(path) and (path in self.steady or results):
                return f"{path} is neither the old nor the new file"
        return None

    def judge(self, expected, code, stderr, found):
        left = os.listdir(os.path.join(self.folder, every_verb.TEMPORARY))
        if code != KILLED and left:
            return f"exit {code}, {left} in TMPDIR"
        if code == 0:
            whole = set(found) == set(self.wanted) and OLD not in found.values()
            other = [path for path in self.steady if found.get(path) != self.wanted[path]]
            return f"exit 0, {sorted(found)}" if not whole else f"exit 0, other bytes: {other}" if other else None
        if code != expected or stderr.count("\n") != (0 if code == KILLED else 1):
            return f"exit {code}, {stderr!r}"
        return self.judge_files(found, code == KILLED)

    def fail(self, fault, expected):
        """One fault; false if the verb comes to its end before."""
        self.set_old()
        code, stderr, happened = self.run(VITLRP_FAULT=fault)
        if not happened:
            return False
        wrong = self.judge(expected, code, stderr, files_of(self.folder))
        if wrong is None and code != 0:
            code, stderr, _ = self.run()
            wrong = self.judge(0, code, stderr, files_of(self.folder))
            wrong = wrong if wrong is None else "the next run: " + wrong
        if wrong is not None:
            self.complaints.append(f"{self.name}, {fault}: {wrong}")
        self.faults += 1
        return True

    def kill_after(self, seconds):
        """The program is killed after this time; true if it had not come to its end."""
        process = subprocess.Popen([self.program, *self.verb.arguments], cwd=self.folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.kill()
        return process.wait(HANG) == KILLED

    def moments(self, density):
        """Every other time the files are those that the kill before has left."""
        moments = random.Random(7)
        tries = 0
        while self.faults < density and tries < 3 * density:
            tries += 1
            if tries % 2 == 1:
                self.set_old()
            if not self.kill_after(moments.uniform(0, self.seconds)):
                continue
            wrong = self.judge_files(files_of(self.folder), True)
            if wrong is None and tries % 2 == 0:
                code, stderr, _ = self.run()
                wrong = self.judge(0, code, stderr, files_of(self.folder))
                wrong = wrong if wrong is None else "the next run: " + wrong
            if wrong is not None:
                self.complaints.append(f"{self.name}, killed for the {tries}th time: {wrong}")
            self.faults += 1

    def every_write(self, density, what, expected, kinds=()):
        for kind in kinds or KINDS + (ROWS if "--class-sums" in self.verb.arguments else ()):
            for nth in range(1, density + 1):
                if not self.fail(f"{kind}:{nth}:{what}", expected):
                    break

    def writes(self, density):
        self.every_write(density, errno.ENOSPC, 4)

    def creates(self, density):
        self.every_write(density, errno.ENOSPC, 4, ("create",))

    def kills(self, density):
        self.every_write(density, "kill", KILLED)


def main():
    program, shim = os.path.abspath(sys.argv[1]), preload.preloadable(sys.argv[2])
    what, density, chosen = sys.argv[3], int(sys.argv[4]), sys.argv[5:]
    complaints = []
    small_model.use(backend="openblas")
    with tempfile.TemporaryDirectory() as base:
        folder = os.path.join(base, "run")
        os.mkdir(folder)
        every_verb.make_inputs(program, folder)
        os.environ["TMPDIR"] = os.path.join(folder, every_verb.TEMPORARY)
        for name in VERBS if chosen == ["all"] else chosen or every_verb.quick_verbs():
            sweep = Sweep(program, shim, folder, name)
            getattr(sweep, what)(density)
            sweep.clear()
            found = sweep.complaints + ([] if sweep.faults > 0 else [f"{name}: no fault"])
            print("\n".join([f"{name:20} {sweep.faults:5} faults", *found]), flush=True)
            complaints += found
    print(f"{len(complaints)} complaints")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
