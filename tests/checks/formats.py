"""data/FORMATS.md names every format and every key that the schemas in data/schemas have. usage: formats.py ROOT

A key is named as a word in `code`; `attribution_*` names all that begin so."""

import glob
import json
import os
import re
import sys

import sources

PAGE = "data/FORMATS.md"


def keys_of(node, found):
    """Names of properties, and the words of constant formats."""
    if isinstance(node, dict):
        properties = node.get("properties")
        found.update(properties if isinstance(properties, dict) else ())
        if isinstance(node.get("const"), str) and node["const"].startswith("vitlrp "):
            found.add(node["const"])
        for value in node.values():
            keys_of(value, found)
    elif isinstance(node, list):
        for value in node:
            keys_of(value, found)
    return found


def check(root):
    code = " ".join(re.findall(r"`([^`]*)`", sources.read(root, PAGE)))
    words = set(re.findall(r"\w+", code))
    beginnings = tuple(re.findall(r"\b(\w+_)\*", code))
    complaints = []
    schemas = sorted(glob.glob(os.path.join(root, "data", "schemas", "*.json")))
    for path in schemas:
        with open(path, encoding="utf-8") as file:
            found = keys_of(json.load(file), set())
        for key in sorted(found):
            known = key in code if " " in key else key in words or bool(beginnings) and key.startswith(beginnings)
            if not known:
                complaints.append(f"{PAGE}: does not name {key} of {os.path.basename(path)}")
    return complaints or ([] if schemas else ["there are no schemas"])


if __name__ == "__main__":
    sources.finish("formats", check(sys.argv[1]))
