"""Both libraries show exactly the functions that the public headers declare with VITLRP_API, the
shared one all with the same version. usage: check_symbols.py FOLDER SHARED STATIC VERSION"""

import glob
import os
import re
import subprocess
import sys

DECLARATION = re.compile(r"\bVITLRP_API\b[^;{}]*?\b(\w+)\s*\([^;{}]*\)\s*;")


def declared(path):
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)
    text = re.sub(r"^#.*(\\\n.*)*", "", text, flags=re.MULTILINE)
    found = DECLARATION.findall(text)
    assert len(found) == len(re.findall(r"\bVITLRP_API\b", text)), "a declaration was not understood"
    return set(found)


def exported(*arguments):
    """Names of what a library defines for others, its version's own symbol apart."""
    lines = subprocess.run(["nm", "--extern-only", "--defined-only", *arguments], check=True,
                           stdout=subprocess.PIPE, text=True).stdout.splitlines()
    entries = [line.split() for line in lines]
    return {entry[2] for entry in entries if len(entry) == 3 and entry[1] != "A"}


def main():
    folder, shared, static, version = sys.argv[1:5]
    functions = set().union(*map(declared, glob.glob(os.path.join(folder, "*.h"))))
    checks = [(shared, {f"{name}@@{version}" for name in functions},
               exported("--dynamic", "--with-symbol-versions", shared)),
              (static, functions, exported(static))]
    complaints = []
    for library, wanted, got in checks:
        complaints += [f"{library}: {name} is missing" for name in sorted(wanted - got)]
        complaints += [f"{library}: {name} is not in a header" for name in sorted(got - wanted)]
    print("\n".join(complaints))
    print(f"{len(functions)} functions, {len(complaints)} complaints")
    sys.exit(1 if complaints or not functions else 0)


if __name__ == "__main__":
    main()
