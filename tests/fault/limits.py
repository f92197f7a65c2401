"""The command under limits of the system: it ends with its result or says in one line what it has too
little of, whatever the limit, and never hangs. usage: limits.py VITLRP IO_SHIM DATA [--whole]
--whole: every verb at every limit, some ten minutes."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

import every_verb  # noqa: E402
import preload  # noqa: E402
import small_model  # noqa: E402

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
    few = ["list.txt", "-q", "--limit", "2", "--steps", "2", *every_verb.model_options()]
    record = [program, "eval", *few, "--methods"]
    subprocess.run(record + ["attnlrp", "--json", "record.json"], cwd=folder, check=True)
    bench = [program, "bench", "-q", "--model", small_model.PATH]
    once = ["--runs", "1"]
    return {
        "explain": [program, picture, "-q", "-o", "a.png"],
        "batch": [program, "batch", "list.txt", "-q", "-o", "batch"],
        "concepts": [program, "concepts", "list.txt", "-q", "-o", "units"],
        "eval": record + ["attnlrp,rise,chefer", "--html", "a.html"],
        "tune": [program, "tune", *few],
        "merge": [program, "merge", "record.json", "-q", "--html", "b.html"],
        "rerun": [program, "rerun", "record.json", "-q"],
        "info": [program, "info", "-q"],
        "bench": bench + once,
        "bench --eval": [program, "bench", "-q", *every_verb.model_options(), "--eval"],
        "bench --throughput": bench + ["--throughput", *once],
        "bench --batch": bench + ["--batch", "list.txt"],
    }


RESUMED = "eval resumed"
# Verbs without products or with a journal of one backend, those that measure for long, and those that need one thread.
NO_BACKEND = ("merge", "rerun", "info", "eval in a journal", RESUMED, "merge of a journal")
ONE_BACKEND = ("bench --eval", "bench --throughput")
NO_THREADS = ("merge", "merge of folders", "merge of indexes", "info", "concepts --show")

MOST_OUTPUTS = 4
NOBODY = 65534
GROUP_MIB = (64, 256, 1024)


def journals(program, folder):
    """Evaluations in a journal, by name, as verbs has them: fresh, resumed behind their first image, and looked at."""
    command = [program, "eval", "list.txt", "-q", "--steps", "2", "--methods", "attnlrp,rise", *every_verb.model_options(),
               "--journal", "journal", "--json", "journal.json"]
    subprocess.run(command, cwd=folder, check=True)
    os.rename(os.path.join(folder, "journal.json"), os.path.join(folder, "whole.json"))
    shutil.copytree(os.path.join(folder, "journal"), os.path.join(folder, "half"))
    path = os.path.join(folder, "half", "results.jsonl")
    with open(path, "rb") as file:
        first = file.readline()
    os.truncate(path, len(first))
    return {"eval in a journal": command, RESUMED: command,
            "merge of a journal": [program, "merge", "half", "-q", "--json", "merge.json"]}


def set_up(name, folder):
    """No results of earlier runs; the journal of a run that was ended."""
    for results in ("batch", "units", "journal"):
        shutil.rmtree(os.path.join(folder, results), ignore_errors=True)
    for results in ("journal.json", "merge.json"):
        if os.path.exists(os.path.join(folder, results)):
            os.unlink(os.path.join(folder, results))
    if name == RESUMED:
        shutil.copytree(os.path.join(folder, "half"), os.path.join(folder, "journal"))


def judge_journal(command, code, folder):
    """None, or what is wrong with what an evaluation in a journal leaves: the next run must go on from it."""
    written = os.path.exists(os.path.join(folder, "journal.json"))
    if code == 5:
        code = None if written else run(command, folder)[0]
    with open(os.path.join(folder, "whole.json"), "rb") as whole:
        wanted = whole.read()
    try:
        with open(os.path.join(folder, "journal.json"), "rb") as file:
            return None if code == 0 and file.read() == wanted else f"the next run: {code}, or another record"
    except OSError:
        return f"no record, {code}"


def one_limit(name, command, limit, folder):
    """(exit code, complaint or None) of a command in so many MiB of address space."""
    set_up(name, folder)
    code, stderr = run(command, folder, (resource.RLIMIT_AS, limit * MIB))
    good = code in (0, 5) or (code == LOADER and limit < 200)
    wrong = None if good and (code != 5 or stderr.count("\n") == 1) else f"exit {code}, {stderr!r}"
    if wrong is None and "journal.json" in command and code != LOADER:
        wrong = judge_journal(command, code, folder)
    return code, wrong if wrong is None else f"F2: {name} in {limit} MiB of address space: {wrong}"


def address_space(commands, folder, whole):
    """F2: from too little to load the program to plenty, and then more than is needed."""
    complaints, seen = [], {}
    limits = [*range(200, 1001, 20), *range(1300, 4001, 300)] if whole else [160, 400, 700, 1500]
    for name, command in commands.items():
        one = name in NO_BACKEND or (name in ONE_BACKEND and not whole)
        for backend in (None,) if one else ("openblas", "onednn"):
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


def fresh(command, folder):
    """The command, with the folders of results of earlier runs gone: they would have nothing to do."""
    for name in ("maps", "together", "units", "sums", "index"):
        shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
    return command


def judge(row, what, found, codes):
    """A list of what is wrong with a run that may end with these exit codes. A failure is a line; of several
    outputs that meet the same, each has one, but a shortage of memory is said once."""
    code, stderr = found
    lines = stderr.splitlines()
    most = 1 if code == 5 else MOST_OUTPUTS
    good = code in codes and (code in (0, LOADER) or 1 <= len(lines) <= most and
                              all(line.startswith("vitlrp: ") for line in lines))
    return [] if good else [f"{row}: {what}: exit {code}, {stderr!r}"]


def descriptors(commands, folder, whole):
    """F4: too few of them, from none beside the standard streams to plenty."""
    complaints = []
    for name, command in commands.items():
        for count in (3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 64) if whole else (4, 6, 10, 64):
            found = run(fresh(command, folder), folder, (resource.RLIMIT_NOFILE, count))
            # With three the loader opens no library. The code is that of what could not be opened.
            codes = (LOADER,) if count == 3 else (0, 3, 4, 5) if count < 64 else (0,)
            what = f"{name} with {count} descriptors"
            complaints += judge("F4", what, found, codes)
            if found[0] in (3, 4) and "Too many open files" not in found[1]:
                complaints.append(f"F4: {what}: another reason: {found[1]!r}")
    return complaints


def stack(commands, folder):
    """F9: threads have stacks of their own size."""
    return [line for name, command in commands.items()
            for line in judge("F9", f"{name} with a stack of 64 KiB",
                              run(fresh(command, folder), folder, (resource.RLIMIT_STACK, 64 << 10)), (0,))]


def threads_codes(name):
    """A batch has threads that wait for disks, an index those that compute: without any they say so. All else works in
    the one it has."""
    return (5,) if "batch" in name or name in ("concepts", "concepts --class-sums", "rerun of a folder") else (0,)


def figure(program, picture):
    """Its texts are set by Pango, which works in threads of its own."""
    return [program, "compare", picture, "-q", *every_verb.model_options(), "--methods", "random", "--steps", "0", "-o",
            "c.png"]


def threads(commands, folder, shim):
    """F10: the system refuses threads; fewer do the work. The limit itself binds nobody who is root."""
    complaints, log = [], os.path.join(folder, os.pardir, "fault.log")
    found = run(figure(commands["info"][0], "0.ppm"), folder, None, LD_PRELOAD=shim, VITLRP_FAULT="thread:*:11",
                VITLRP_FAULT_LOG=log)
    complaints += judge("F10", "a figure without threads", found, (3, 5))  # 3: built without Pango
    for name, command in commands.items():
        found = run(fresh(command, folder), folder, None, LD_PRELOAD=shim, VITLRP_FAULT="thread:*:11", VITLRP_FAULT_LOG=log)
        complaints += judge("F10", f"{name} without threads", found, threads_codes(name))
        happened = os.path.exists(log)
        if happened:
            os.unlink(log)
        elif name not in NO_THREADS:
            complaints.append(f"F10: {name} asked for no thread")
    return complaints


def processes(commands, folder):
    """F10: ulimit -u, for a user who has no process yet."""
    if os.geteuid() != 0:
        return []
    complaints = []
    subprocess.run(["chmod", "-R", "a+rwX", folder], check=True)
    for name, command in commands.items():
        def become_nobody():
            resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        try:
            done = subprocess.run(fresh(command, folder), cwd=folder, preexec_fn=become_nobody, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIME_LIMIT, check=False)
        except PermissionError:
            print("F10: ulimit -u is left out: other users cannot run the program")
            return []
        complaints += judge("F10", f"{name} with ulimit -u 1",
                            (done.returncode, done.stderr.decode(errors="replace")), threads_codes(name))
    return complaints


def file_size(commands, folder):
    """F3: ulimit -f, from nothing to plenty."""
    return [line for name, command in commands.items() for size in (0, 1000, 1 << 30)
            for line in judge("F3", f"{name} with files of {size} bytes",
                              run(fresh(command, folder), folder, (resource.RLIMIT_FSIZE, size)),
                              (0,) if size > MIB else (0, 4))]


def make_group(name):
    """A control group with a limit of memory and the file of that limit; None where we may make none."""
    for base, limit in (("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")):
        path = os.path.join(base, name)
        try:
            os.mkdir(path)
        except OSError:
            continue
        if os.path.exists(os.path.join(path, limit)):
            return path, os.path.join(path, limit)
        os.rmdir(path)
    return None


def control_group(commands, folder):
    """F2: a container with too little memory; the system ends what takes more, so nothing may."""
    group = make_group(f"vitlrp-{os.getpid()}")
    if group is None:
        print("F2: control groups are left out: none can be made here")
        return []
    complaints = []

    def enter():
        with open(os.path.join(group[0], "cgroup.procs"), "w", encoding="ascii") as file:
            file.write(str(os.getpid()))
    for name, command in commands.items():
        for limit in GROUP_MIB:
            with open(group[1], "w", encoding="ascii") as file:
                file.write(str(limit * MIB))
            done = subprocess.run(fresh(command, folder), cwd=folder, preexec_fn=enter, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIME_LIMIT, check=False)
            complaints += judge("F2", f"{name} in a group of {limit} MiB",
                                (done.returncode, done.stderr.decode(errors="replace")), (0, 5))
    os.rmdir(group[0])
    return complaints


def main():
    program, shim, data = (os.path.abspath(path) for path in sys.argv[1:4])
    shim = preload.preloadable(shim)
    whole = sys.argv[4:] == ["--whole"]
    small_model.use()

    with tempfile.TemporaryDirectory() as base:
        os.chmod(base, 0o777)
        folder = os.path.join(base, "run")
        os.mkdir(folder)
        commands = verbs(program, data, folder)
        if whole:
            commands["compare"] = figure(program, os.path.join(data, "goldfish.jpg"))
            commands.update(journals(program, folder))
        complaints = address_space(commands, folder, whole)
        every_verb.make_inputs(program, folder)
        commands = {name: [program, *verb.arguments] for name, verb in every_verb.every_verb().items()
                    if whole or name in every_verb.quick_verbs()}
        complaints += (descriptors(commands, folder, whole) + stack(commands, folder) + threads(commands, folder, shim) +
                       file_size(commands, folder) + control_group(commands, folder) + processes(commands, folder))
    print("\n".join(complaints + [f"{len(complaints)} complaints"]))
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
