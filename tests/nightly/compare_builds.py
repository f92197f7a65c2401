"""Two builds of the command over everything that they compute: the same bits, or a difference that
compare_allowed.py names with its reason.

usage: compare_builds.py OLD NEW [DATA...] [--quick] [--only REGEX] [--jobs N] [-v] [--list]
    OLD, NEW      the commands: .../build/vitlrp
    DATA          folders with more models: each an input.npy and an expected.json that names the
                  model's file
    --quick       the selection that takes under a minute
    --only REGEX  the cases whose name has a match
    -v            show allowed differences too, and all of a case
    --list        print the names of the cases

Exit code 0: equal, or allowed; 1: something differs. Each build runs in folders of its own with the
same inputs: what is compared are files, standard output, standard error and exit codes."""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

import compare_allowed  # noqa: E402
import compare_cases  # noqa: E402
import compare_inputs  # noqa: E402
import compare_outputs  # noqa: E402
import small_model  # noqa: E402

SHOWN = 4
WIDTH = 160
TIMEOUT = 900


def environment():
    """Ours, without what would change the command's defaults, and one model for both builds."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VITLRP_")}
    return {**kept, "VITLRP_MODEL": small_model.PATH}


def run_case(program, case, folder):
    """Runs a case's commands in a folder that is made for it; its outputs: {name: bytes}."""
    folder.mkdir(parents=True)
    outputs = {}
    for index, command in enumerate(case.commands):
        result = subprocess.run([program, *command], cwd=folder, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
                                timeout=TIMEOUT, check=False)
        outputs[f"exit.{index}"] = str(result.returncode).encode()
        outputs[f"stdout.{index}"] = result.stdout
        outputs[f"stderr.{index}"] = result.stderr
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            outputs[str(path.relative_to(folder))] = path.read_bytes()
    shutil.rmtree(folder)
    return outputs


def differences_of(old, new):
    """What differs between a case's outputs of the two builds."""
    found = []
    for name in sorted({*old, *new}):
        if name.startswith("exit.") and old.get(name) != new.get(name):
            codes = [outputs[name].decode() for outputs in (old, new)]
            found.append(compare_outputs.Difference(name, "exit code", *codes))
        else:
            found += compare_outputs.differences(name, old.get(name), new.get(name))
    return found


def compare_case(programs, case, scratch):
    """What differs between the two builds, and how many outputs were compared."""
    old, new = (run_case(program, case, scratch / side / case.name.replace("/", "+"))
                for side, program in zip(("old", "new"), programs))
    return differences_of(old, new), len(old)


def shown(value):
    text = ascii(value) if isinstance(value, str) else str(value)
    return text if len(text) <= WIDTH else text[:WIDTH] + "..."


def described(difference):
    old, new = difference.old, difference.new
    text = f"    {difference.file}: {difference.key}: {shown(old)} -> {shown(new)}"
    if isinstance(old, compare_outputs.Array) and isinstance(new, compare_outputs.Array):
        text += f" (relative L2 {old.distance(new):.3g})"
    return text


class Report:
    """Counts, and prints a case when something in it is not allowed."""

    def __init__(self, verbose):
        self.verbose = verbose
        self.cases = self.files = self.different = 0
        self.allowed = collections.Counter()

    def add(self, case, found, files):
        self.cases += 1
        self.files += files
        wrong, permitted = [], []
        for difference in found:
            entry = compare_allowed.allowed_by(case.name, difference)
            if entry is None:
                wrong.append(difference)
            else:
                self.allowed[entry.name] += 1
                permitted.append((entry, difference))
        if wrong:
            self.different += 1
            self.show(case, wrong)
        if self.verbose:
            for entry, difference in permitted:
                print(f"{case.name}: allowed ({entry.name})\n{described(difference)}", flush=True)

    def show(self, case, wrong):
        print(f"DIFFERENT {case.name}")
        for command in case.commands if self.verbose else case.commands[:1]:
            print(f"    $ vitlrp {' '.join(command)}")
        for difference in wrong if self.verbose else wrong[:SHOWN]:
            print(described(difference))
        if len(wrong) > SHOWN and not self.verbose:
            print(f"    and {len(wrong) - SHOWN} more (-v)")
        sys.stdout.flush()

    def finish(self):
        print("Allowed differences, and how often they occurred:")
        for entry in compare_allowed.ALLOWED:
            print(f"  {self.allowed[entry.name]:7}  {entry.name}: {entry.reason}")
        print(f"{self.cases} cases, {self.files} outputs compared, {self.different} cases differ")
        return 1 if self.different or self.cases == 0 else 0


def selected(cases, options):
    wanted = re.compile(options.only or "")
    return [case for case in cases
            if wanted.search(case.name) and (case.quick or not options.quick)]


def compare(options, scratch):
    inputs_folder = scratch / "inputs"
    inputs_folder.mkdir()
    cases = selected(compare_cases.all_cases(compare_inputs.Inputs(inputs_folder, options.data)),
                     options)
    if options.list:
        print("\n".join(case.name for case in cases))
        return 0
    programs = [os.path.abspath(path) for path in (options.old, options.new)]
    report = Report(options.verbose)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        work = {pool.submit(compare_case, programs, case, scratch): case
                for case in compare_cases.shuffled(cases)}
        for done in concurrent.futures.as_completed(work):
            report.add(work[done], *done.result())
    return report.finish()


def main():
    parser = argparse.ArgumentParser(usage=__doc__.replace("%", "%%"))
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("data", nargs="*")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        sys.exit(compare(options, pathlib.Path(scratch)))


if __name__ == "__main__":
    main()
