"""Writes the public headers as a later version could have them: every record with a struct_size has one more
field at its end. usage: grow_headers.py INCLUDE OUTPUT"""

import glob
import os
import re
import shutil
import sys

GROWABLE = re.compile(r"(\bstruct vitlrp_\w+ \{\n    size_t struct_size;.*?\n)(\};)", re.DOTALL)
FIELD = "    int64_t added_later;\n"


def main():
    source, output = sys.argv[1:3]
    os.makedirs(output, exist_ok=True)
    grown = 0
    for path in sorted(glob.glob(os.path.join(source, "*"))):
        target = os.path.join(output, os.path.basename(path))
        if not path.endswith(".h"):
            shutil.copy(path, target)
            continue
        with open(path, encoding="utf-8") as file:
            text, count = GROWABLE.subn(rf"\1{FIELD}\2", file.read())
        grown += count
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)
    if grown < 15:
        sys.exit(f"only {grown} records were found: is struct_size still their first field?")


if __name__ == "__main__":
    main()
