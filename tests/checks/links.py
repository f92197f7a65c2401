"""Every link of a document leads somewhere, and every path that a document names is there. usage: links.py ROOT

A link is [text](target), [text][name], a definition [name]: target, or href and src of HTML. Without a scheme, the
target is a file or folder of the tree, relative to the document, and what follows # is a heading of it, spelled as
GitHub does. Other targets are https addresses, whose form alone is looked at: a check asks no network. A picture is
made by data/make_figures.py or is a photograph with a row in data/LICENSES.md.

A path is `code` that begins with a folder of the tree and ends like a file; * stands for anything. The changelog also
names what is no longer there, so its paths are not looked at."""

import glob
import os
import re
import sys

import columns
import sources

FENCE = re.compile(r"^(```|~~~).*?^\1 *$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^(?: {4}|\t).*$", re.MULTILINE)
CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
INLINE = re.compile(r"\]\(\s*<?([^)\s>]*)>?[^)]*\)")
REFERENCE = re.compile(r"\]\[([^\]]+)\]")
DEFINITION = re.compile(r"^\[([^\]]+)\]:\s*(\S+)", re.MULTILINE)
HTML = re.compile(r"\b(?:href|src)=\"([^\"]*)\"")
EXTERNAL = re.compile(r"https://[a-z0-9-]+(\.[a-z0-9-]+)+(/[\w.~%/#?=&+-]*)?")
HEADING = re.compile(r"^#{1,6} +(.*?) *#* *$", re.MULTILINE)
PATH = re.compile(r"(?:\.ci|cmake|data|docs|eval|imgio|include|jobs|python|src|tests|vit)/[\w./*-]*\.\w{1,5}")
PICTURE = re.compile(r"\.(?:jpe?g|png|svg|gif|webp)$")


def _blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def prose(text):
    """The text without code; line numbers stay."""
    for kind in (FENCE, INDENTED, CODE):
        text = kind.sub(_blank, text)
    return text


def slug(heading):
    """What GitHub makes of a heading."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.replace("`", ""))
    return re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")


def anchors(text):
    found = []
    for heading in HEADING.findall(FENCE.sub(_blank, text)):
        name = slug(heading)
        found.append(f"{name}-{found.count(name)}" if name in found else name)
    return set(found)


def wrong_target(root, path, target):
    """What is wrong with where a link leads; "" if nothing is."""
    if re.match(r"[a-z][a-z0-9+.-]*:", target):
        return "" if EXTERNAL.fullmatch(target) else "is not the address of a page"
    place, _, anchor = target.partition("#")
    file = os.path.normpath(os.path.join(os.path.dirname(path), place)) if place else path
    if file.startswith("..") or os.path.isabs(file) or not os.path.exists(os.path.join(root, file)):
        return "is not there"
    if "#" in target and (not file.endswith(".md") or anchor not in anchors(sources.read(root, file))):
        return "has no such heading"
    return ""


def links(text):
    """(position, target) of every link, and complaints about references."""
    defined = {name.lower(): (match.start(), match.group(2)) for match in DEFINITION.finditer(text)
               for name in [match.group(1)]}
    found = [(match.start(), match.group(1)) for kind in (INLINE, HTML) for match in kind.finditer(text)]
    found += defined.values()
    missing = [(match.start(), match.group(1)) for match in REFERENCE.finditer(text)
               if match.group(1).lower() not in defined]
    unused = [(position, name) for name, (position, _) in defined.items()
              if len(re.findall(rf"\[{re.escape(name)}\]", text, re.IGNORECASE)) < 2]
    return sorted(found), missing, unused


def wrong_picture(known, target):
    name = os.path.basename(target.partition("#")[0])
    return bool(PICTURE.search(name)) and name not in known


def check_links(root, path, text, known):
    complaints = []
    found, missing, unused = links(prose(text))
    for position, target in found:
        fault = wrong_target(root, path, target)
        if not fault and wrong_picture(known, target):
            fault = "is made by no script, and is no photograph with a licence"
        if fault:
            complaints.append(f"{path}:{sources.line_of(text, position)}: {target} {fault}")
    for position, name in missing:
        complaints.append(f"{path}:{sources.line_of(text, position)}: [{name}] is not defined")
    for position, name in unused:
        complaints.append(f"{path}:{sources.line_of(text, position)}: [{name}] is never used")
    return complaints


def check_paths(root, path, text):
    if os.path.basename(path) == "CHANGELOG.md":
        return []
    complaints = []
    for match in CODE.finditer(INDENTED.sub(_blank, FENCE.sub(_blank, text))):
        for name in PATH.findall(match.group(2)) if PATH.match(match.group(2)) else []:
            if not glob.glob(os.path.join(root, name)):
                complaints.append(f"{path}:{sources.line_of(text, match.start())}: there is no {name}")
    return complaints


def check(root):
    known = "".join(sources.read(root, name) for name in ("data/make_figures.py", "data/LICENSES.md")
                    if os.path.exists(os.path.join(root, name)))
    complaints = []
    for path in columns.documents(root):
        if path.endswith(".md"):
            text = sources.read(root, path)
            complaints += check_links(root, path, text, known) + check_paths(root, path, text)
    return complaints


if __name__ == "__main__":
    sources.finish("links", check(sys.argv[1]))
