#!/usr/bin/env python3
"""Writes data/html_entities.tsv, the names of src/text/html_entity.c: python3 data/make_entities.py

The names are those of the HTML standard (13.5, "Named character references"), as Python's html.entities has them. ftfy
also takes the capital form of a name that is in lower case, unless HTML makes something of that form; these lines end
in a tab and "c".
A line: name, tab, code points in hexadecimal digits with blanks between them. The order is that of the bytes.
"""
import html
import html.entities
import pathlib


def capital_forms():
    """{NAME;: what ftfy makes of it}"""
    forms = {}
    for name, value in html.entities.html5.items():
        form = name.upper()
        if name.endswith(";") and name == name.lower() and html.unescape("&" + form) == "&" + form:
            forms[form] = value.upper()
    return forms


def line(name, value, mark):
    return f"{name}\t{' '.join(f'{ord(character):X}' for character in value)}{mark}\n"


def main():
    lines = [line(name, value, "") for name, value in html.entities.html5.items()]
    lines += [line(name, value, "\tc") for name, value in capital_forms().items()]
    target = pathlib.Path(__file__).with_name("html_entities.tsv")
    target.write_text("".join(sorted(lines)), encoding="ascii")
    print(f"{target}: {len(lines)} names, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
