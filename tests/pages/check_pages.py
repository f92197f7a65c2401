"""The manual page and the completions have every option, verb and word of the option table and no
other, and the programs that read them accept them. What is not installed is told and left out. A copy
of each with one option misspelled must be found out.
usage: check_pages.py VITLRP OPTIONS_DEF PAGES CLI_TESTS"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import shells

CHOICES = re.compile(r"^CHOICES\((\w+),([^)]*)\)", re.MULTILINE)
WORDS = re.compile(r"^WORDS\((\w+), (\w+)\)", re.MULTILINE)
LIST = re.compile(r"\[WORDS_(\w+)\] = \{\"\w+\",\s*LIST\(([^)]*)\)")
REPLACEMENT = re.compile(r"^VITLRP_REPLACEMENT\(\w+, (\w+),", re.MULTILINE)
MORE_CHOICES = re.compile(r"^MORE_CHOICES\((\w+), ([A-Z_ |]+),([^)]*)\)", re.MULTILINE)
FILES = {shells.Bash: "vitlrp", shells.Zsh: "_vitlrp", shells.Fish: "vitlrp.fish"}

# Programs that say nothing about a good page.
READERS = [("vitlrp.1", "mandoc -T lint -W warning"), ("vitlrp.1", "groff -man -ww -z"),
           ("vitlrp.1", "man --warnings --local-file"), ("vitlrp", "bash -n"),
           ("vitlrp", "shellcheck --shell=bash --severity=warning"), ("_vitlrp", "zsh -n"), ("vitlrp.fish", "fish -n")]

# The only file where the shells look for files.
FILE = "e.jpg"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def missing(what, wanted, got):
    """Complaints about the difference of two sets."""
    return ([f"{what}: {word} is missing" for word in sorted(wanted - got)]
            + [f"{what}: {word} should not be there" for word in sorted(got - wanted)])


def read_lists(source):
    """{list: its words} of the enumerations that options take."""
    lists = {name: set(re.findall(r'"([^"]+)"', text))
             for name, text in LIST.findall(read(os.path.join(source, "src/base/words.c")))}
    table = read(os.path.join(source, "include/vitlrp_replacements.def"))
    return {**lists, "REPLACEMENT": set(REPLACEMENT.findall(table))}


def read_choices(table, lists, verbs, methods):
    """{long option: {verb: its words}}"""
    choices = {}

    def spelled(identifier):
        return "--" + re.search(rf'OPTION\({identifier}, "([^"]+)"', table).group(1)

    for identifier, text in CHOICES.findall(table):
        words = methods if "ANY_METHOD" in text else set(re.findall(r'"([^"]+)"', text))
        choices[spelled(identifier)] = {verb: set(words) for verb in verbs}
    for identifier, name in WORDS.findall(table):
        choices[spelled(identifier)] = {verb: set(lists[name]) for verb in verbs}
    for identifier, some, text in MORE_CHOICES.findall(table):
        for name in some.split(" | "):
            verb = name.replace("FOR_", "").lower()
            choices[spelled(identifier)][verb] |= set(re.findall(r'"([^"]+)"', text))
    return choices


def read_man(page):
    """{what stands before it in bold: text} of the page's lists, by section, without roff's marks."""
    sections = {}
    for section in re.split(r"^\.SH ", page, flags=re.MULTILINE)[1:]:
        title, text = section.split("\n", 1)
        entries = {}
        for entry in re.split(r"^\.[TP]P\n", text, flags=re.MULTILINE)[1:]:
            tag, body = re.sub(r"\\f[BIR]", "", entry).replace(r"\-", "-").split("\n", 1)
            entries[tag] = " ".join(re.sub(r"^\.S[HS].*", "", body, flags=re.MULTILINE).split())
        sections[title] = entries
    return sections


def check_man(page, options, choices, verbs, methods, whole_help):
    sections = read_man(page)
    tags = {}
    for tag, text in sections["OPTIONS"].items():
        names = [part.split(" ")[0] for part in tag.split(", ")]
        tags.update((name, (tag, text)) for name in names)
    yield from missing("vitlrp.1, options", {word for spelled, _, _ in options for word in spelled},
                       set(tags))
    for spelled, takes_value, _ in options:
        tag = tags.get(spelled[0], ("", ""))[0]
        if (" " in tag.split(", ")[-1]) != takes_value:
            yield f"vitlrp.1: {spelled[0]}: wrong about its value"
    for name, by_verb in choices.items():
        words = set().union(*by_verb.values())
        if words != methods and name in tags:
            said = set(re.findall(r"[\w-]+", tags[name][1]))
            yield from missing(f"help of {name}", words, words & said)
    yield from missing("vitlrp.1, verbs", verbs, set(sections["VERBS"]))
    yield from missing("vitlrp.1, methods", methods, set(sections["METHODS"]))
    squeezed = " ".join(whole_help.split())
    for title in ("EXAMPLES", "EXIT STATUS", "ENVIRONMENT"):
        if not sections[title]:
            yield f"vitlrp.1: {title} is empty"
        for tag, text in sections[title].items():
            plain = f"{tag} {text}".replace(r"\(aq", "'").strip()
            if plain not in squeezed:
                yield f"vitlrp.1, {title}: not in help all: {plain}"


def check_words(shell, options, choices, verbs):
    """By what the shell offers: options of each verb, words of each option, verbs in first place."""
    def offers(line, wanted, among=None):
        offered = shell.completions(line)
        return missing(f"{shell.name}, {line!r}", wanted,
                       offered if among is None else offered & among)

    for verb in sorted(verbs):
        wanted = {word for spelled, _, taken in options if verb in taken for word in spelled}
        yield from offers(f"vitlrp {verb} -", wanted)
        yield from offers(f"vitlrp {verb} {FILE} --", {word for word in wanted if word[1] == "-"})
        if verb == "explain":
            yield from offers("vitlrp -", wanted)
            yield from offers(f"vitlrp {FILE} -", wanted)
    for spelled, takes_value, taken in options:
        by_verb = choices.get(spelled[0])
        if by_verb is not None:
            # With one verb of those that have the same words.
            for verb in {tuple(sorted(by_verb[verb])): verb for verb in sorted(taken)}.values():
                line = f"vitlrp {verb} {spelled[0]}"
                yield from check_choices(shell, line, by_verb[verb], offers)
        elif takes_value:
            line = f"vitlrp {min(taken)} {spelled[0]} "
            yield from missing(f"{shell.name}, {line!r}", set(), shell.completions(line) - {FILE})
    for line in ("--model", "--adapter", "--concepts", "eval --boxes", "eval --journal", "rerun --input-root"):
        yield from offers(f"vitlrp {line} ", {FILE} if shell.completes_files else set())
    yield from offers("vitlrp --heads ", set())
    yield from offers("vitlrp ", verbs | {FILE})
    yield from offers("vitlrp --threads 2 ", verbs | {FILE})
    yield from offers(f"vitlrp {FILE} ", set(), verbs)
    yield from offers("vitlrp --threads 2 merge --st", set())


def check_choices(shell, line, words, offers):
    """The words of an option behind a blank, behind "=", and behind a comma."""
    yield from offers(line + " ", words)
    first, last = min(words), max(words)
    lines = [f"{line}={last[:-1]}"]
    if line.endswith("--methods"):
        lines.append(f"{line} {first},{last[:-1]}")
    for start in lines:
        # Some shells offer the whole argument, some what is behind the mark.
        if last not in {re.split("[=,]", offer)[-1] for offer in shell.completions(start)}:
            yield f"{shell.name}, {start!r}: {last} is missing"


def check_shell(kind, page, *facts):
    with tempfile.TemporaryDirectory() as work, tempfile.TemporaryDirectory() as home:
        with open(os.path.join(work, FILE), "wb"):
            pass
        shell = kind(page, work, home)
        try:
            yield from check_words(shell, *facts)
        finally:
            shell.close()


def check_all(pages, facts, whole_help):
    """(page, its complaints) of each."""
    yield "vitlrp.1", check_man(read(os.path.join(pages, "vitlrp.1")), *facts, whole_help)
    for kind, page in FILES.items():
        if shutil.which(kind.name) is not None:
            options, choices, verbs, _ = facts
            yield page, check_shell(kind, os.path.join(pages, page), options, choices, verbs)


def check_can_fail(pages, facts, whole_help):
    with tempfile.TemporaryDirectory() as spoiled:
        for name in ("vitlrp.1", *FILES.values()):
            text = read(os.path.join(pages, name)).replace("model", "modle")
            with open(os.path.join(spoiled, name), "w", encoding="ascii") as file:
                file.write(text)
        for page, complaints in check_all(spoiled, facts, whole_help):
            if next(complaints, None) is None:
                yield f"{page}: a misspelled option is not found out"


def check_readers(pages):
    for page, command in READERS:
        program, *arguments = command.split()
        if shutil.which(program) is None:
            print(f"{program} is not installed: it does not check {page}")
            continue
        result = subprocess.run([program, *arguments, os.path.join(pages, page)], text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env={**os.environ, "LC_ALL": "C.UTF-8"})
        said = result.stderr + (result.stdout if program != "man" else "")
        if result.returncode != 0 or said:
            yield f"{command} {page}: exit {result.returncode}: {said.strip()}"


def main():
    program, table_path, pages, cli_tests = map(os.path.abspath, sys.argv[1:5])
    sys.path.insert(0, cli_tests)
    import check_options
    options = list(check_options.read_table(table_path))
    verbs = set(check_options.VERBS.values())
    whole_help = check_options.show_help(program, "help", "all")
    listed = re.search(r"^Methods .*\n((?:  .*\n)+)", whole_help, re.MULTILINE).group(1)
    methods = set(re.findall(r"^  ([\w-]+)", listed, re.MULTILINE))
    lists = read_lists(os.path.join(os.path.dirname(table_path), "..", ".."))
    choices = read_choices(read(table_path), lists, verbs, methods)
    facts = (options, choices, verbs, methods)
    complaints = list(check_readers(pages))
    for _, found in check_all(pages, facts, whole_help):
        complaints += found
    complaints += check_can_fail(pages, facts, whole_help)
    print("\n".join(complaints[:100]))
    print(f"{len(options)} options, {len(choices)} lists of words, {len(complaints)} complaints")
    sys.exit(1 if complaints or not options or not choices else 0)


if __name__ == "__main__":
    main()
