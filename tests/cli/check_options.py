"""Every option of options.def is in --help and is taken by the verbs that it names, and by no other;
the fuzzer knows it. usage: check_options.py VITLRP OPTIONS_DEF DICTIONARY"""

import re
import subprocess
import sys

VERBS = {f"FOR_{verb.upper()}": verb
         for verb in ("explain", "batch", "eval", "merge", "tune", "info", "bench")}
SETS = {"FOR_MAPS": {"explain", "batch"}, "FOR_DATASET": {"batch", "eval", "tune"}}
SETS["FOR_IMAGES"] = SETS["FOR_MAPS"] | SETS["FOR_DATASET"]
SETS["FOR_RULES"] = SETS["FOR_IMAGES"] | {"bench"}
SETS["FOR_MODEL"] = SETS["FOR_RULES"] | {"info"}
SETS["FOR_ALL"] = SETS["FOR_MODEL"] | {"merge"}
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


def run(program, *arguments):
    return subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)


def is_shown(word, text):
    """True if a line of the help is about this option, not only one that mentions it."""
    name = re.escape(word)
    line = rf"^(  -\w, | {{6}}){name}(?![\w-])" if word[1] == "-" else rf"^  {name}[, ]"
    return re.search(line, text, re.MULTILINE) is not None


def check_option(program, spelled, takes_value, verbs, helps):
    """Yields complaints. An option is taken if the complaint is about something else: its value is
    one that no option accepts silently, and the verb's file does not exist."""
    for verb in VERBS.values():
        for word in spelled:
            if is_shown(word, helps[verb]) != (verb in verbs):
                yield f"{word}: wrong in vitlrp {verb} --help"
            value = ["\x01"] if takes_value else []
            arguments = [verb, word, *value, "--", "/nonexistent/a", "/nonexistent/b"]
            said = run(program, *arguments).stderr
            refused = "unknown option" in said or "' is not an option of" in said
            if refused == (verb in verbs):
                yield f"{word}: {'refused' if refused else 'taken'} by {verb}: {said.strip()}"
        if takes_value and verb in verbs and "needs a value" not in run(program, verb,
                                                                        spelled[0]).stderr:
            yield f"{spelled[0]}: a missing value is not told by {verb}"


def main():
    program, table, dictionary = sys.argv[1:4]
    with open(dictionary, encoding="utf-8") as file:
        known = set(file.read().split())
    helps = {verb: run(program, verb, "--help").stdout for verb in VERBS.values()}
    whole = run(program, "--help").stdout
    complaints = []
    entries = list(read_table(table))
    for spelled, takes_value, verbs in entries:
        complaints += check_option(program, spelled, takes_value, verbs, helps)
        complaints += [f"{word}: not in vitlrp --help" for word in spelled
                       if not is_shown(word, whole)]
        complaints += [f"{word}: not in {dictionary}" for word in spelled
                       if word.startswith("--") and f'"{word}"' not in known]
    too_long = [line for line in whole.splitlines() if len(line) > 90]
    complaints += [f"--help has a long line: {line}" for line in too_long]
    print("\n".join(complaints))
    print(f"{len(entries)} options, {len(complaints)} complaints")
    sys.exit(1 if complaints or not entries else 0)


if __name__ == "__main__":
    main()
