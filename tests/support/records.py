"""Every JSON that the program writes says its format, and fits that format's schema in data/schemas.

    check(value)         what is wrong with an object, as a list of sentences
    check_text(text)     the same of a text: one object, or one a line
    check_folder(path)   the same of every .json and .jsonl below a folder

Text that is no JSON is nobody's record: tests make such files too. As a program it checks the files and
folders that it is given, and that the formats of src/base/formats.h and of the Python package are those of the schemas:
records.py SOURCE [FILE...]

Only the keywords of JSON Schema below are known; a schema with another one is refused, since it would
promise what nobody checks."""

import json
import os
import re
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCHEMAS = os.path.join(SOURCE, "data", "schemas")
NOTES = {"$schema", "title", "description", "$defs"}
KINDS = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def load(name, cache={}):
    if name not in cache:
        with open(os.path.join(SCHEMAS, name), encoding="utf-8") as file:
            cache[name] = json.load(file)
    return cache[name]


def formats():
    """The schema files by their formats."""
    found = {}
    for name in sorted(os.listdir(SCHEMAS)):
        constant = load(name).get("properties", {}).get("format", {}).get("const")
        if constant is not None:
            found[constant] = name
    return found


def look_up(name, reference):
    """The file and the part of it that a $ref of the file `name` means."""
    file, _, path = reference.partition("#")
    part = load(file or name)
    for step in path.strip("/").split("/"):
        part = part[step]
    return file or name, part


def same(a, b):
    """True and 1 are two values in JSON."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


class Validator:
    """One pass over a value; each keyword is a method that yields what is wrong."""

    def __init__(self, name):
        self.name = name

    def errors(self, value, schema, path):
        if not isinstance(schema, dict):
            raise ValueError(f"{self.name}: a schema must be an object")
        for keyword, rule in schema.items():
            if keyword in NOTES:
                continue
            method = getattr(self, "key_" + keyword.lstrip("$"), None)
            if method is None:
                raise ValueError(f"{self.name}: the keyword {keyword} is not known here")
            yield from method(value, rule, path, schema)

    def key_ref(self, value, rule, path, _):
        name, part = look_up(self.name, rule)
        yield from Validator(name).errors(value, part, path)

    def key_type(self, value, rule, path, _):
        kinds = [rule] if isinstance(rule, str) else rule
        if not any(KINDS[kind](value) for kind in kinds):
            yield f"{path}: {value!r:.60} is no {' or '.join(kinds)}"

    def key_const(self, value, rule, path, _):
        if not same(value, rule):
            yield f"{path}: {value!r:.60} is not {rule!r}"

    def key_enum(self, value, rule, path, _):
        if not any(same(value, one) for one in rule):
            yield f"{path}: {value!r:.60} is none of {rule}"

    def key_anyOf(self, value, rule, path, _):
        all_errors = [list(self.errors(value, one, path)) for one in rule]
        if all(all_errors):
            yield ", nor: ".join(errors[0] for errors in all_errors)

    def key_pattern(self, value, rule, path, _):
        if isinstance(value, str) and not re.search(rule, value):
            yield f"{path}: {value!r:.60} does not match {rule}"

    def key_minimum(self, value, rule, path, _):
        if KINDS["number"](value) and not value >= rule:
            yield f"{path}: {value} is below {rule}"

    def key_maximum(self, value, rule, path, _):
        if KINDS["number"](value) and not value <= rule:
            yield f"{path}: {value} is above {rule}"

    def key_minItems(self, value, rule, path, _):
        if isinstance(value, list) and len(value) < rule:
            yield f"{path}: {len(value)} items are fewer than {rule}"

    def key_maxItems(self, value, rule, path, _):
        if isinstance(value, list) and len(value) > rule:
            yield f"{path}: {len(value)} items are more than {rule}"

    def key_items(self, value, rule, path, _):
        for i, item in enumerate(value if isinstance(value, list) else ()):
            yield from self.errors(item, rule, f"{path}[{i}]")

    def key_required(self, value, rule, path, _):
        for key in rule if isinstance(value, dict) else ():
            if key not in value:
                yield f"{path}: {key} is missing"

    def key_properties(self, value, rule, path, _):
        for key in rule if isinstance(value, dict) else ():
            if key in value:
                yield from self.errors(value[key], rule[key], f"{path}.{key}")

    def key_additionalProperties(self, value, rule, path, schema):
        for key in value if isinstance(value, dict) else ():
            if key in schema.get("properties", {}):
                continue
            if rule is False:
                yield f"{path}: the schema has no {key}"
            elif rule is not True:
                yield from self.errors(value[key], rule, f"{path}.{key}")


def check(value):
    told = value.get("format") if isinstance(value, dict) else None
    if told is None:
        return ["an object without a format"]
    if next(iter(value)) != "format":
        return [f"{told}: format is not the first member"]
    name = formats().get(told)
    if name is None:
        return [f"there is no schema of {told!r}"]
    return list(Validator(name).errors(value, load(name), told))


def objects_of(text):
    """The objects of a text: it is one, or has one a line among others."""
    for part in [text] if text.lstrip().startswith("{") and "\n" in text.strip() else []:
        try:
            yield json.loads(part)
            return
        except ValueError:
            pass
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:
                pass


def check_text(text):
    return [error for value in objects_of(text) for error in check(value)]


def check_images(text):
    """The lines of an evaluation's journal, which are images of its record."""
    image = load("evaluation-4.json")["properties"]["images"]["items"]
    return [error for value in objects_of(text)
            for error in Validator("evaluation-4.json").errors(value, image, "an image")]


def check_folder(folder, besides=()):
    """`besides` are names of files that the test made itself."""
    errors = []
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if name.endswith((".json", ".jsonl")) and name not in besides and os.path.isfile(path):
                with open(path, encoding="utf-8", errors="surrogateescape") as file:
                    lines = place.endswith(".journal") and name == "results.jsonl"
                    errors += [f"{name}: {error}" for error in (check_images if lines else check_text)(file.read())]
    return errors


def check_formats(source):
    """Formats that the program knows and no schema has, and the other way round. A constant whose name
    ends in _OLD is read, not written."""
    with open(os.path.join(source, "src/base/formats.h"), encoding="utf-8") as file:
        found = dict(re.findall(r'#define (\w+) "(vitlrp [a-z ]+ \d+)"', file.read()))
    with open(os.path.join(source, "python/vitlrp/batch.py"), encoding="utf-8") as file:
        found.update(re.findall(r'(?m)^(\w+) = "(vitlrp [a-z ]+ \d+)"', file.read()))
    written = {text for name, text in found.items() if not name.endswith("_OLD")}
    return [f"{text}: has no schema" for text in sorted(written - set(formats()))] + [
        f"{text}: has a schema, and nobody writes it" for text in sorted(set(formats()) - written)]


if __name__ == "__main__":
    complaints = check_formats(sys.argv[1])
    for argument in sys.argv[2:]:
        complaints += check_folder(argument) if os.listdir(argument) else [f"{argument}: is empty"]
    print("\n".join(complaints) if complaints else "every format has its schema")
    sys.exit(1 if complaints else 0)
