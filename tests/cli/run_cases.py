"""Runs cases.txt, or another file of that form. usage: run_cases.py VITLRP DATA PARITY [FILE.txt] [NAME...]

With VITLRP_PREFIX set (say "valgrind -q --error-exitcode=99"), the command runs under it."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile

import bad_inputs

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))

import records  # noqa: E402
import small_model  # noqa: E402
# What takes more than a second says so: on a busy machine or with a sanitizer, whatever the case is about.
ESTIMATE = re.compile(r"^vitlrp: ([\w-]+|reading \d+ texts) takes about \d+ \w+( for a map)?\n", re.MULTILINE)
TIME_LIMIT = 1200 if os.environ.get("VITLRP_PREFIX") else 600


def read_cases(path):
    cases = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if line.startswith("== "):
                cases.append({"name": line[3:], "checks": [], "line": number})
            elif line.startswith("$ "):
                cases[-1]["command"] = line[2:]
            elif line.strip() and not line.startswith("#"):
                word, _, rest = line.partition(" ")
                cases[-1]["checks"].append((word, rest))
    return cases


def all_files(folder):
    found = set()
    for place, folders, files in os.walk(folder):
        found.update(os.path.relpath(os.path.join(place, name), folder) for name in folders + files)
    return found


def check(word, rest, result, folder):
    """None if it holds, else what is wrong."""
    if word == "exit":
        return None if result.returncode == int(rest) else f"exit code is {result.returncode}"
    if word in ("stdout", "stderr"):
        return None if re.search(rest, getattr(result, word), re.MULTILINE) else "no match"
    if word == "quiet":
        return None if not getattr(result, rest) else "something was said"
    if word == "line":
        lines = getattr(result, rest).count("\n")
        return None if lines == 1 else f"{lines} lines"
    if word == "file":
        path = os.path.join(folder, rest)
        return None if os.path.isfile(path) and os.path.getsize(path) > 0 else "not there"
    if word == "only":
        wanted = set() if rest == "-" else set(rest.split())
        found = all_files(folder)
        return None if found == wanted else f"there are {sorted(found)}"
    return "unknown check"


def heed_signals():
    """A shell cannot undo that its starter, nohup say, ignored a signal."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def wrong_records(result, folder, command):
    """JSON that the case wrote itself is its own affair."""
    own = re.findall(r">+ ?([\w./-]+\.jsonl?)", command)
    errors = records.check_folder(folder, {os.path.basename(path) for path in own})
    for text in (result.stdout, result.stderr):
        if "| tr -d" not in command:
            errors += records.check_text(text)
    return errors


def run_case(case, environment):
    """"" if the case holds, else a report of what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        command = 'vitlrp() { $VITLRP_PREFIX "$program" "$@"; }\n' + case["command"]
        result = subprocess.run(["sh", "-c", command], cwd=folder, env=environment, text=True,
                                errors="backslashreplace", timeout=TIME_LIMIT,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, preexec_fn=heed_signals)
        if not any("takes about" in rest for _, rest in case["checks"]):
            result.stderr = ESTIMATE.sub("", result.stderr)
        wrong = [f"{word} {rest}: {problem}" for word, rest in case["checks"]
                 if (problem := check(word, rest, result, folder)) is not None]
        wrong += [f"record: {error}" for error in wrong_records(result, folder, case["command"])]
    if "Sanitizer" in result.stderr or "runtime error:" in result.stderr:
        wrong.append("a sanitizer complained")
    if not wrong:
        return ""
    lines = [f"FAILED {case['name']} (line {case['line']})", f"  $ {case['command']}"]
    lines += [f"  {line}" for line in wrong]
    lines.append(f"  stdout: {result.stdout[:1500]!r}\n  stderr: {result.stderr[:1500]!r}")
    return "\n".join(lines)


def plain_path(path, folder):
    """The path, or a link to it where the tree lies in a folder with blanks: the cases have no quotes around $data."""
    if re.fullmatch(r"[\w./+-]+", path):
        return path
    link = os.path.join(folder, os.path.basename(path))
    os.symlink(path, link)
    return link


def main():
    program, data, parity = (os.path.abspath(path) for path in sys.argv[1:4])
    rest = sys.argv[4:]
    file = rest.pop(0) if rest and rest[0].endswith(".txt") else "cases.txt"
    cases = [case for case in read_cases(os.path.join(HERE, file))
             if not rest or case["name"] in rest]
    with tempfile.TemporaryDirectory() as bad, tempfile.TemporaryDirectory() as links:
        bad_inputs.make(bad, data, parity)
        small_model.use(backend="openblas")
        places = {"data": data, "parity": parity, "small": small_model.PATH, "tiny": small_model.TINY}
        places = {name: plain_path(path, links) for name, path in places.items()}
        environment = {**os.environ, **places, "program": program, "bad": bad, "VITLRP_MODEL": places["small"]}
        environment.setdefault("VITLRP_PREFIX", "")
        # Processes, not threads: heed_signals runs between fork and exec.
        with multiprocessing.Pool(os.cpu_count()) as pool:
            reports = pool.starmap(run_case, [(case, environment) for case in cases], chunksize=1)
    failed = [report for report in reports if report]
    print("\n".join(failed + [f"{len(cases)} cases, {len(failed)} failed"]))
    sys.exit(1 if failed or not cases else 0)


if __name__ == "__main__":
    main()
