"""The commands in the documents: lines of code blocks, and `code` between words, that begin with a program."""

import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "checks"))

import columns  # noqa: E402
import links  # noqa: E402
import sources  # noqa: E402

PROGRAM = re.compile(r"(?:\w+=\S* +)*(?:\w+=\$\(|(?:sudo|bash|env|time) +)?(?:vitlrp|make|cmake|ctest|git|hf|head|jq|pip|"
                     r"python3|sbatch|export|sha256sum|(?:/usr|\.)?/?(?:\.ci|bin|build|python|tests|venv)/[\w./-]+|"
                     r"\./\w+)(?= |$)")
# Code of another kind: what a format is called, C's enumeration and Python's names, a phrase of the option table.
FORMAT = re.compile(r"vitlrp [a-z][a-z ]* \d+")
# Blocks without a command, by how they begin: drawings, formulas, Python, YAML. Those of README.md that are
# Python run in python/test_package and, what needs torchvision, in tests/nightly/wheel.sh.
OTHER = (("src/ARCHITECTURE.md", "include/vitlrp_types.h, "), ("src/ARCHITECTURE.md", "bytes --imgio/decode--> "),
         ("src/ARCHITECTURE.md", "one reader --bytes--> "), ("vit/RULES.md", "denominator "), ("vit/RULES.md", "s   = "),
         ("vit/RULES.md", "tokens + everything absorbed"), ("vit/RULES.md", "explained logit = "),
         ("README.md", "import vitlrp"), ("README.md", "pip install "), ("jobs/README.md", "apiVersion: "))


class Command:
    def __init__(self, page, line, text, is_block):
        self.page, self.line, self.text, self.is_block = page, line, text, is_block

    def __str__(self):
        return f"{self.page}:{self.line}: {self.text}"


def text_of(page):
    return sources.read(ROOT, page)


def documents():
    return [path for path in columns.documents(ROOT) if path.endswith(".md") and path != "CHANGELOG.md"]


def _joined(lines):
    """Lines that end in a backslash, with those that follow."""
    joined, start = [], None
    for number, text in lines:
        start = start or number
        joined.append(text)
        if not text.endswith("\\"):
            yield start, "\n".join(joined)
            joined, start = [], None


def _block_commands(page, lines):
    """(commands, lines that are none); a $ stands before each command where what it prints follows."""
    prompted = any(text.startswith("$ ") for _, text in lines)
    found, others = [], []
    for number, text in _joined(lines):
        text = text.removeprefix("$ ") if prompted and text.startswith(("$ ", "vitlrp ")) else text
        if PROGRAM.match(text) and not (prompted and text.startswith("vitlrp: ")):
            found.append(Command(page, number, text, True))
        elif text.strip() and not text.startswith("#") and not prompted:
            others.append(f"{page}:{number}: {text}")
    return found, others


def _blocks(text):
    """What is indented behind a blank line or a heading, and fences without a language: lists of (number, line)."""
    lines, block = text.split("\n"), []
    fence = ""
    for number, line in enumerate([*lines, ""], 1):
        before = lines[number - 2] if number > 1 else ""
        if line.startswith("```"):
            fence = "" if fence else line
            continue
        inside = fence in ("```", "```sh") if fence else line.startswith("    ")
        if inside and (block or fence or not before.strip() or before.startswith("#")):
            block.append((number, line if fence else line[4:]))
        elif block and (line.strip() or fence):
            yield block
            block = []
    if block:
        yield block


def _spans(page, text):
    text = links.INDENTED.sub(links._blank, links.FENCE.sub(links._blank, text))
    for match in links.CODE.finditer(text):
        words = " ".join(match.group(2).split())
        if PROGRAM.match(words) and " " in words and not FORMAT.fullmatch(words):
            yield Command(page, sources.line_of(text, match.start()), words, False)


def read(page):
    """(commands, complaints) of a document: those of its blocks first."""
    text = sources.read(ROOT, page)
    found, complaints = [], []
    for block in _blocks(text):
        commands, others = _block_commands(page, block)
        if not any(page == name and block[0][1].startswith(begin) for name, begin in OTHER):
            found += commands
            complaints += others
    return found + list(_spans(page, text)), complaints


def read_all():
    found, complaints = [], []
    for page in documents():
        commands, wrong = read(page)
        found += commands
        complaints += wrong
    for page, begin in OTHER:
        if not re.search(rf"^ {{4}}{re.escape(begin)}", sources.read(ROOT, page), re.MULTILINE):
            complaints.append(f"{page} has no block that begins with {begin}")
    return found, complaints
