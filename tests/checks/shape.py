"""Functions of at most 60 lines and 6 parameters, files under 800 lines, file names that occur once, no leftovers.
usage: shape.py ROOT"""

import os
import re
import sys

import sources

FUNCTION_LINES = 60
PARAMETERS = 6
# Parameters are not counted in tests, whose naive twins of the kernels take every size by itself.
TESTS = "tests/"
FILE_LINES = 800
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX)\b|^\s*#\s*if\s+0\b", re.MULTILINE)
# A brace behind a closing parenthesis, or behind an attribute, opens a function's body; one behind
# "=" opens a table, which may be long.
BODY = re.compile(r"\)\s*\{")


def block_end(code, start):
    depth = 0
    for position in range(start, len(code)):
        if code[position] == "{":
            depth += 1
        elif code[position] == "}":
            depth -= 1
            if depth == 0:
                return position
    return len(code)


def long_functions(path, code):
    complaints = []
    position = 0
    while True:
        brace = code.find("{", position)
        if brace < 0:
            return complaints
        end = block_end(code, brace)
        lines = code.count("\n", brace, end) + 1
        is_body = BODY.search(code, max(0, brace - 200), brace + 1)
        if is_body and is_body.end() == brace + 1 and lines > FUNCTION_LINES:
            line = sources.line_of(code, brace)
            complaints.append(f"{path}:{line}: function of {lines} lines (limit {FUNCTION_LINES})")
        # `extern "C" {` holds declarations: look inside.
        position = brace + 1 if code[:brace].rstrip().endswith('""') else end + 1


def parameters_of(code, closing):
    """The parameters in front of the parenthesis that closes at `closing`, and where they begin."""
    depth, commas = 0, 0
    for position in range(closing, -1, -1):
        mark = code[position]
        depth += (mark == ")") - (mark == "(")
        if depth == 0:
            inside = code[position + 1:closing].strip()
            return (0 if inside in ("", "void") else commas + 1), position
        commas += mark == "," and depth == 1
    return 0, 0


def long_parameter_lists(path, code):
    """Of functions that are defined, and of those that headers declare."""
    complaints = []
    ends = [match.start() for match in BODY.finditer(code)]
    if path.endswith(".h"):
        ends += [match.start() for match in re.finditer(r"\)\s*;", code)]
    for closing in sorted(ends):
        count, opening = parameters_of(code, closing)
        name = re.search(r"[A-Za-z0-9_)]+$", code[:opening])
        if count > PARAMETERS and name:
            line = sources.line_of(code, opening)
            complaints.append(f"{path}:{line}: {count} parameters (limit {PARAMETERS})")
    return [] if path.startswith(TESTS) else complaints


def check(root):
    complaints = []
    names = {}
    for path in sources.c_files(root, endings=(".c", ".h", ".S", ".def")):
        text = sources.read(root, path)
        names.setdefault(os.path.basename(path), []).append(path)
        if text.count("\n") >= FILE_LINES:
            complaints.append(f"{path}: {text.count(chr(10))} lines (limit {FILE_LINES})")
        for match in LEFTOVER.finditer(text):
            line = sources.line_of(text, match.start())
            complaints.append(f"{path}:{line}: {match.group(0).strip()} left in the code")
        code = sources.code_only(text)
        complaints += long_functions(path, code) + long_parameter_lists(path, code)
    for name, paths in sorted(names.items()):
        if len(paths) > 1:
            complaints.append(f"{name}: is the name of {len(paths)} files: {', '.join(paths)}")
    return complaints


if __name__ == "__main__":
    sources.finish("shape", check(sys.argv[1]))
