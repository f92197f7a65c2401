"""The list of bad inputs in tests/TESTING.md has every row once, and what it names exists.
usage: rows.py ROOT"""

import os
import re
import sys

import sources

TABLES = (("I", 15), ("W", 14), ("A", 6), ("F", 12), ("T", 6), ("X", 5))
ROWS = [f"{letter}{number}" for letter, count in TABLES for number in range(1, count + 1)]
OTHERS = {"checks/rows", "../", "-", "name", '"name"', "path"}


ITEM = re.compile(r"^- \*\*([A-Z]\d+)\*\* ((?:.*\n)(?:  .*\n)*)", re.MULTILINE)


def matches(root, path, pattern):
    return re.findall(pattern, sources.read(root, path), re.MULTILINE)


def check(root):
    items = ITEM.findall(sources.read(root, "tests/TESTING.md"))
    found = [row for row, _ in items]
    complaints = [f"row {row}: there {found.count(row)} times" for row in ROWS
                  if found.count(row) != 1]
    functions = set()
    for path in sources.c_files(root, ("tests",)):
        functions.update(matches(root, path, r"^static void (test_\w+)\("))
    for folder, _, names in os.walk(os.path.join(root, "tests")):
        for name in sorted(name for name in names if name.endswith(".py")):
            path = os.path.relpath(os.path.join(folder, name), root)
            functions.update(matches(root, path, r"^    def (test_\w+)\("))
    cases = set()
    for name in sorted(os.listdir(os.path.join(root, "tests/cli"))):
        if name.endswith(".txt"):
            cases.update(matches(root, "tests/cli/" + name, r"^== (.*)$"))
    for row, text in items:
        for name in re.findall(r"`([^`]*)`", text):
            exists = (name in OTHERS or name in functions or name.strip('"') in cases or
                      ("/" in name and os.path.exists(os.path.join(root, name))))
            if not exists:
                complaints.append(f"row {row}: there is no {name}")
    return complaints


if __name__ == "__main__":
    sources.finish("rows", check(sys.argv[1]))
