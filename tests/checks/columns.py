"""No line of a document is longer than 120 columns. usage: columns.py ROOT"""

import os
import sys

import sources

COLUMNS = 120


def documents(root):
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != ".git" and not name.startswith("build")]
        found += [os.path.join(folder, name) for name in names if name.endswith((".md", ".cff"))]
    return sorted(os.path.relpath(path, root) for path in found)


def check(root):
    return [f"{path}:{number}: {len(line)} columns (limit {COLUMNS})"
            for path in documents(root)
            for number, line in enumerate(sources.read(root, path).splitlines(), 1)
            if len(line) > COLUMNS]


if __name__ == "__main__":
    sources.finish("columns", check(sys.argv[1]))
