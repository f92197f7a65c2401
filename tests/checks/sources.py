"""What the checks share: the project's C files, and their text without comments and strings."""

import os
import re
import sys

FOLDERS = ("src", "include", "vit", "imgio", "eval", "tests")
TOKENS = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)


def c_files(root, folders=FOLDERS, endings=(".c", ".h")):
    """Paths below root, with / and sorted."""
    found = []
    for folder in folders:
        for place, _, names in os.walk(os.path.join(root, folder)):
            found += [os.path.join(place, name) for name in names if name.endswith(endings)]
    return sorted(os.path.relpath(path, root) for path in found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def _blank(match):
    text = match.group(0)
    if text.startswith("/"):
        return " " + "\n" * text.count("\n")
    return text[0] + text[0]


def code_only(text):
    """The text with comments removed and strings emptied; line numbers stay."""
    return TOKENS.sub(_blank, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def finish(name, complaints):
    for complaint in complaints:
        print(complaint)
    print(f"{name}: {len(complaints)} complaint(s)")
    sys.exit(1 if complaints else 0)
