"""What tests/fuzz/LOG.csv sums up to, by target: hours, executions, findings. usage: sum_log.py [ROOT] [--since COMMIT]

A row is a run of a target under the sanitizers: when it ended (UTC), the commit, seconds, executions (empty where
nobody wrote them down), findings, and a note. tests/nightly/fuzz.sh adds its own; those before 28 November 2026 are
from the commits that state them. A commit that ends in + had changes that were not committed. --since counts the runs
of that commit and of those behind it. Exit 1: the log is no such log, or names a target that there is not."""

import argparse
import csv
import os
import re
import subprocess
import sys

COLUMNS = ["ended", "commit", "target", "seconds", "executions", "findings", "note"]
FORMS = {"ended": r"\d{4}-\d\d-\d\dT\d\d:\d\d", "commit": r"[0-9a-f]{8,40}\+?", "target": r"[a-z_]+", "seconds": r"\d+",
         "executions": r"\d*", "findings": r"\d+", "note": r"[^,]*"}


def read(root):
    """(rows, complaints)"""
    with open(os.path.join(root, "tests", "fuzz", "LOG.csv"), encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    if not lines or lines[0] != COLUMNS:
        return [], ["LOG.csv:1: the columns are " + ",".join(COLUMNS)]
    rows, complaints = [], []
    for number, line in enumerate(lines[1:], 2):
        row = dict(zip(COLUMNS, line))
        wrong = [name for name in COLUMNS if not re.fullmatch(FORMS[name], row.get(name, ","))]
        if len(line) != len(COLUMNS) or wrong:
            complaints.append(f"LOG.csv:{number}: wrong {', '.join(wrong) or 'number of values'}")
        elif not os.path.exists(os.path.join(root, "tests", "fuzz", f"fuzz_{row['target']}.c")):
            complaints.append(f"LOG.csv:{number}: there is no target {row['target']}")
        else:
            rows.append(row)
    return rows, complaints


def is_behind(root, commit, row):
    """Whether the run is of the commit or of one behind it; None where the repository does not know the run's."""
    code = subprocess.run(["git", "-C", root, "merge-base", "--is-ancestor", commit, row["commit"].rstrip("+")],
                          stderr=subprocess.DEVNULL, check=False).returncode
    return {0: True, 1: False}.get(code)


def since(root, commit, rows):
    known = subprocess.run(["git", "-C", root, "cat-file", "-e", commit + "^{commit}"], check=False)
    if known.returncode:
        sys.exit(f"there is no commit {commit}")
    found = [(is_behind(root, commit, row), row) for row in rows]
    lost = sorted({row["commit"] for behind, row in found if behind is None})
    if lost:
        print("not counted, as their commits are not here: " + ", ".join(lost))
    return [row for behind, row in found if behind]


def table(rows):
    """Lines of a table, the sum last."""
    sums = {}
    for row in rows:
        for name in (row["target"], "all"):
            old = sums.get(name, (0, 0, 0))
            new = (int(row["seconds"]), int(row["executions"] or 0), int(row["findings"]))
            sums[name] = tuple(a + b for a, b in zip(old, new))
    yield f"{'target':12} {'hours':>7} {'executions':>14} {'findings':>9}"
    for name in sorted(sums, key=lambda key: (key == "all", key)):
        seconds, executions, findings = sums[name]
        yield f"{name:12} {seconds / 3600:7.2f} {executions:14,} {findings:9}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("root", nargs="?", default=".")
    parser.add_argument("--since", metavar="COMMIT")
    options = parser.parse_args()
    rows, complaints = read(options.root)
    if complaints:
        sys.exit("\n".join(complaints))
    print("\n".join(table(since(options.root, options.since, rows) if options.since else rows)))


if __name__ == "__main__":
    main()
