"""Every option of options.def is in --help and is taken by the verbs that it names, and by no other;
the fuzzer knows it. usage: check_options.py VITLRP PARSE_LINES OPTIONS_DEF DICTIONARY
PARSE_LINES (parse_lines.c) asks the command's parser: a process for each question would take a minute."""

import re
import subprocess
import sys

VERBS = {f"FOR_{verb.upper()}": verb
         for verb in ("explain", "compare", "neurons", "batch", "concepts", "eval", "merge", "tune", "rerun", "info",
                      "bench", "help")}
SETS = {"FOR_MAPS": {"explain", "compare", "batch"}, "FOR_DATASET": {"batch", "eval", "tune"}}
SETS["FOR_IMAGES"] = SETS["FOR_MAPS"] | SETS["FOR_DATASET"] | {"neurons", "concepts"}
SETS["FOR_RULES"] = SETS["FOR_IMAGES"] | {"bench"}
SETS["FOR_MODEL"] = SETS["FOR_RULES"] | {"info"}
SETS["FOR_ALL"] = SETS["FOR_MODEL"] | {"merge", "rerun", "help"}
ENTRY = re.compile(r'OPTION\(\w+, (NULL|"[^"]+"), (0|\'.\'), (NULL|"[^"]+"),\s+([A-Z_ |]+), GROUP')


def read_table(path):
    with open(path, encoding="utf-8") as file:
        text = file.read().split("*/", 1)[1]
    entries = ENTRY.findall(text)
    lines = re.findall(r"^OPTION\(", text, re.MULTILINE)
    assert len(entries) == len(lines), "a line of the table was not understood"
    for name, letter, argument, verbs in entries:
        spelled = [f"--{name[1:-1]}"] if name != "NULL" else []
        spelled += [f"-{letter[1]}"] if letter != "0" else []
        words = [word.strip() for word in verbs.split("|")]
        taken = set().union(*(SETS.get(word, {VERBS.get(word)}) for word in words))
        yield spelled, argument != "NULL", taken


def show_help(program, *arguments):
    return subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          check=True, text=True).stdout


def parse_all(parser, lines):
    """What the parser says of each command line, "" where it takes it."""
    text = "".join("\t".join(words) + "\n" for words in lines)
    said = subprocess.run([parser], input=text, stdout=subprocess.PIPE, check=True, text=True).stdout
    assert said.count("\n") == len(lines), "the parser has not answered every question"
    return said.split("\n")[:-1]


def is_shown(word, text):
    """True if a line of the help is about this option, not only one that mentions it."""
    name = re.escape(word)
    line = rf"^(  -\w, | {{6}}){name}(?![\w-])" if word[1] == "-" else rf"^  {name}[, ]"
    return re.search(line, text, re.MULTILINE) is not None


def check_help(spelled, verbs, helps):
    for verb in VERBS.values():
        for word in spelled:
            if is_shown(word, helps[verb]) != (verb in verbs):
                yield f"{word}: wrong in vitlrp {verb} --help"


def questions(entries):
    """(command line, what is asked of it: a word and whether the verb has it, or None where the value is left out)"""
    for spelled, takes_value, verbs in entries:
        value = ["\x01"] if takes_value else []
        for verb in VERBS.values():
            for word in spelled:
                yield [verb, word, *value, "--", "/nonexistent/a", "/nonexistent/b"], (word, verb in verbs)
            if takes_value and verb in verbs:
                yield [verb, spelled[0]], None


def check_parser(parser, entries):
    """Yields complaints."""
    asked = list(questions(entries))
    for (line, wanted), said in zip(asked, parse_all(parser, [line for line, _ in asked])):
        refused = "unknown option" in said or "' is not an option of" in said
        if wanted is None and "needs a value" not in said:
            yield f"{line[1]}: a missing value is not told by {line[0]}"
        elif wanted is not None and refused == wanted[1]:
            yield f"{line[1]}: {'refused' if refused else 'taken'} by {line[0]}: {said}"
        elif wanted is not None and said and not refused:
            yield f"{line[1]}: {line[0]} says {said}"


def main():
    program, parser, table, dictionary = sys.argv[1:5]
    with open(dictionary, encoding="utf-8") as file:
        known = set(file.read().split())
    helps = {verb: show_help(program, verb, "--help") for verb in VERBS.values()}
    whole = show_help(program, "help", "all")
    entries = list(read_table(table))
    complaints = list(check_parser(parser, entries))
    for spelled, _, verbs in entries:
        complaints += check_help(spelled, verbs, helps)
        complaints += [f"{word}: not in vitlrp help all" for word in spelled
                       if not is_shown(word, whole)]
        complaints += [f"{word}: not in {dictionary}" for word in spelled
                       if word.startswith("--") and f'"{word}"' not in known]
    too_long = [line for line in whole.splitlines() if len(line) > 90]
    complaints += [f"help all has a long line: {line}" for line in too_long]
    print("\n".join(complaints))
    print(f"{len(entries)} options, {len(complaints)} complaints")
    sys.exit(1 if complaints or not entries else 0)


if __name__ == "__main__":
    main()
