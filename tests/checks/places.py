"""What documents say about places in the code is true: the table of vit/RULES.md, the lists of CONTRIBUTING.md, and
the nightly run's table in tests/TESTING.md. usage: places.py ROOT

RULES.md: the last column of the table whose header ends with "code" names functions and files of vit/.
CONTRIBUTING.md: an item begins with `a file` or `a file`: `a name` `another`; the file exists and has the names. A file
with a * in its name stands for several, of which there is one at least.
TESTING.md: the program or script of every part of tests/nightly/run.sh stands in the table whose header begins with
"part", or of `ctest -R` the names of the tests."""

import glob
import os
import re
import sys

import sources

NAME = re.compile(r"`([^`]+)`")
ITEM = re.compile(r"^\s*(?:[-*]|\d+\.) `([^`]+)`(?::((?: `[^`]+`,?)+))?")


def rules_names(text):
    """(line, name) of the last column of tables about code."""
    about_code = False
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("|"):
            about_code = False
            continue
        last = line.rstrip("| ").rsplit("|", 1)[-1].strip()
        about_code = about_code or last == "code"
        if about_code:
            yield from ((number, name) for name in NAME.findall(last))


def check_rules(root):
    path = "vit/RULES.md"
    if not os.path.exists(os.path.join(root, path)):
        return [f"{path} is not there"]
    files = sources.c_files(root, ("vit",), (".c", ".h", ".def"))
    code = "\n".join(sources.code_only(sources.read(root, file)) for file in files)
    complaints, names = [], list(rules_names(sources.read(root, path)))
    for number, name in names:
        if name.endswith((".c", ".h", ".def")):
            found = any(file == name or file.endswith("/" + name) for file in files)
        else:
            found = re.search(rf"\b{re.escape(name)}\(", code)
        if not found:
            complaints.append(f"{path}:{number}: there is no {name} in vit/")
    return complaints or ([] if names else [f"{path}: no table says where the code is"])


def check_contributing(root):
    path = "CONTRIBUTING.md"
    if not os.path.exists(os.path.join(root, path)):
        return [f"{path} is not there"]
    complaints, items = [], 0
    for number, line in enumerate(sources.read(root, path).splitlines(), 1):
        match = ITEM.match(line)
        if match is None or not re.search(r"[/.]", match.group(1)):
            continue
        items += 1
        files = [found for found in glob.glob(os.path.join(root, match.group(1)))]
        if not files:
            complaints.append(f"{path}:{number}: there is no {match.group(1)}")
        texts = [sources.read(root, os.path.relpath(found, root)) for found in files if os.path.isfile(found)]
        for name in NAME.findall(match.group(2) or ""):
            if texts and not any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for text in texts):
                complaints.append(f"{path}:{number}: {match.group(1)} has no {name}")
    return complaints or ([] if items else [f"{path}: no list of places"])


def parts_of(script):
    """(line, names that the table must have) of the parts of the nightly run."""
    for match in re.finditer(r"^(?:\[.*\|\| )?part ((?:.*\\\n)*.*)", script, re.MULTILINE):
        words = match.group(1).replace("\\\n", " ").split()
        files = [os.path.basename(word) for word in words if re.match(r"(?:tests|build)/.*\w$", word)]
        tests = re.findall(r"-R '?cli/\(?([a-z|]+)", match.group(1))
        programs = [name for name in files if not name.startswith(("vitlrp", "libvitlrp"))][:1] or words[:1]
        yield sources.line_of(script, match.start()), tests[0].split("|") if tests else programs


def check_nightly(root):
    page, path = "tests/TESTING.md", "tests/nightly/run.sh"
    if not os.path.exists(os.path.join(root, path)):
        return [f"{path} is not there"]
    table = re.search(r"^\| part \|.*\n((?:\|.*\n)+)", sources.read(root, page), re.MULTILINE)
    told = table.group(1) if table else ""
    parts = list(parts_of(sources.read(root, path)))
    complaints = [f"{path}:{line}: {name} has no row in {page}" for line, names in parts for name in names
                  if not re.search(rf"`{re.escape(name)}[` ]", told)]
    return complaints or ([] if parts else [f"{path}: no parts"])


if __name__ == "__main__":
    sources.finish("places", check_rules(sys.argv[1]) + check_contributing(sys.argv[1]) + check_nightly(sys.argv[1]))
