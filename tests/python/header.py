"""Reads the headers in include: their structures, enumerations and functions, as text. Not a C parser: it
knows the forms that the headers use, and complains about any other.

usage: header.py FOLDER OUTPUT    writes the lines for layout_dump.c"""

import glob
import os
import re
import sys

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
DIRECTIVE = re.compile(r"^\s*#(?:.*\\\n)*.*$", re.MULTILINE)
STRUCT = re.compile(r"\bstruct (vitlrp_\w+) \{(.*?)\};", re.DOTALL)
ENUM = re.compile(r"\benum (vitlrp_\w+) \{(.*?)\};", re.DOTALL)
FUNCTION = re.compile(r"\bVITLRP_API\s+([^;{}]*?)\b(vitlrp_\w+)\(([^;]*)\);", re.DOTALL)
FUNCTION_FIELD = re.compile(r"(?:enum )?\w+ \(\*(\w+)\)\((.*)\)", re.DOTALL)
TABLE = re.compile(
    r"#define (VITLRP_\w+)\(constant, name, text\) (.*)\n#include \"(vitlrp_\w+\.def)\"\n#undef \1\n"
)
DECLARATOR = re.compile(r"(.*?[\s*])(\w+)((?:\[\w+\])?)$", re.DOTALL)


def spaced(text):
    return " ".join(text.replace("*", " * ").split())


def split_fields(body):
    """[(name, type)] of a structure's body; a function pointer's type is "function"."""
    fields = []
    for declaration in (part.strip() for part in body.split(";")):
        pointer = FUNCTION_FIELD.fullmatch(declaration)
        if pointer:
            fields.append((pointer.group(1), "function"))
            continue
        if not declaration:
            continue
        first, *others = [part.strip() for part in declaration.split(",")]
        kind, name, array = DECLARATOR.fullmatch(first).groups()
        fields.append((name, spaced(kind) + array))
        for other in others:
            name, array = re.fullmatch(r"(\w+)((?:\[\w+\])?)", other).groups()
            fields.append((name, spaced(kind) + array))
    return fields


def parameter_type(text):
    """The type of one parameter, its name left out."""
    kind, _, array = DECLARATOR.fullmatch(text.strip()).groups()
    return spaced(kind) + (" *" if array else "")


def rows_of(match, folder):
    """The lines that the preprocessor makes of a table."""
    macro, line, table = match.groups()
    with open(os.path.join(folder, table), encoding="utf-8") as file:
        rows = re.findall(rf"^{macro}\((\w+),", COMMENT.sub(" ", file.read()), re.MULTILINE)
    return "\n".join(line.replace("##constant", row) for row in rows) + "\n"


def code(path):
    """The text of a header without comments and preprocessor lines."""
    with open(path, encoding="utf-8") as file:
        text = TABLE.sub(lambda match: rows_of(match, os.path.dirname(path)), file.read())
    return COMMENT.sub(" ", DIRECTIVE.sub("", text))


class Header:
    """What all headers of a folder declare."""

    def __init__(self, folder):
        text = "\n".join(code(path) for path in sorted(glob.glob(os.path.join(folder, "*.h"))))
        self.structs = {name: split_fields(body) for name, body in STRUCT.findall(text)}
        self.enums = {
            name: [part.split("=")[0].strip() for part in body.split(",") if part.strip()]
            for name, body in ENUM.findall(text)
        }
        self.functions = {
            name: (spaced(result), self.parameters(parameters))
            for result, name, parameters in FUNCTION.findall(text)
        }

    @staticmethod
    def parameters(text):
        return [] if text.strip() == "void" else [parameter_type(p) for p in text.split(",")]


def main():
    header = Header(sys.argv[1])
    lines = []
    for struct, fields in header.structs.items():
        lines.append(f"STRUCT({struct})")
        lines += [f"FIELD({struct}, {name})" for name, _ in fields]
    for names in header.enums.values():
        lines += [f"VALUE({name})" for name in names]
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
