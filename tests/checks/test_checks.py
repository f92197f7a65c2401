"""The checks can fail: each is shown a small tree with one fault, which it must find, and the same
tree without it. usage: test_checks.py"""

import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LONG_FUNCTION = "int f(int a) {\n" + "    a++;\n" * 60 + "    return a;\n}\n"

with open(os.path.join(HERE, "..", "..", "Makefile"), encoding="utf-8") as makefile:
    MAKEFILE = makefile.read()
RULES = "| operation | code |\n| --- | --- |\n| linear | `{}` in `{}` |\n"
PLACES = "1. `vit/fine.c`: `g`, a row\n2. `{}`: `{}`, another row\n"

# What known_models.py reads, in its trees alone.
TABLES = {}
for name in ("docs/MODELS.md", "vit/load/published.def", "vit/load/layout_tables.c", "vit/load/facts_huggingface.c",
             "src/api/preprocess_huggingface.c", "src/api/preprocess_published.c"):
    with open(os.path.join(HERE, "..", "..", name), encoding="utf-8") as table:
        TABLES[name] = table.read()

# check, file, text with a fault
FAULTS = [
    ("layers.py", "imgio/a.c", '#include "vit/model/model.h"\n'),
    ("layers.py", "vit/a.c", '#include "imgio/image.h"\n'),
    ("layers.py", "vit/math/a.c", '#include "vit/model/model.h"\n'),
    ("layers.py", "vit/load/a.c", '#include "vit/program/session.h"\n'),
    ("layers.py", "src/base/a.c", '#include "vitlrp.h"\n'),
    ("layers.py", "include/vitlrp.h", '#include "base/mem.h"\n'),
    ("layers.py", "vit/a.c", '#include "vitlrp_eval.h"\n'),
    ("layers.py", "src/cli/a.c", '#include "vit/model/model.h"\n'),
    ("layers.py", "src/cli/a.c", "#include <png.h>\n"),
    ("layers.py", "src/text/a.c", '#include "vit/model/model.h"\n'),
    ("layers.py", "src/figure/a.c", '#include "imgio/image.h"\n'),
    ("layers.py", "vit/a.c", '#include "text/tokenizer.h"\n'),
    ("layers.py", "imgio/a.c", "#include <utf8proc.h>\n"),
    ("layers.py", "vit/a.c", "#include <cblas.h>\n"),
    ("banned.py", "vit/a.c", "int f(const char *s) {\n    return atoi(s);\n}\n"),
    ("banned.py", "vit/a.c", "void *f(void) {\n    return malloc(1);\n}\n"),
    ("banned.py", "imgio/a.c", 'void f(void) {\n    printf("x");\n}\n'),
    ("banned.py", "src/text/a.c", 'void f(void) {\n    printf("x");\n}\n'),
    ("banned.py", "src/figure/a.c", 'void f(void) {\n    printf("x");\n}\n'),
    ("banned.py", "src/cli/a.c", 'void f(void) {\n    rename("a", "b");\n}\n'),
    ("banned.py", "tests/a.c", "void f(char *a, char *b) {\n    strcpy(a, b);\n}\n"),
    ("banned.py", "src/cli/a.c", "long f(void) {\n    return (long) time(0);\n}\n"),
    ("banned.py", "eval/a.c", "int f(const char *a) {\n    return strcasecmp(a, a);\n}\n"),
    ("banned.py", "eval/a.c", 'void f(char *a) {\n    snprintf(a, 9,\n             "%.*g", 2, 0.5);\n}\n'),
    ("options.py", "vit/a.c", 'const char *f(void) {\n    return "give it (--heads)";\n}\n'),
    ("options.py", "src/api/a.c", 'const char *f(void) {\n    return "`vitlrp info` lists them";\n}\n'),
    ("shape.py", "vit/a.c", LONG_FUNCTION),
    ("shape.py", "vit/a.c", "int x;\n" * 800),
    ("shape.py", "vit/a.c", "/* " + "TODO" + ": later */\n"),
    ("shape.py", "vit/a.c", "#if" + " 0\n#endif\n"),
    ("shape.py", "vit/good.c", "int x;\n"),
    ("shape.py", "vit/a.h", "int f(int a, int b, int c, int d, int e, int f,\n      int g);\n"),
    ("shape.py", "vit/a.c", "int f(int a, int b, int c, int d, int e, int f, int g) {\n    return a;\n}\n"),
    ("rooms.py", "vit/math/a.h", '#include "vit/model/b.h"\n'),
    ("rooms.py", "vit/model/c.c", '#include "vit/program/d.h"\n'),
    ("columns.py", "docs/A.md", "x" * 121 + "\n"),
    ("links.py", "docs/B.md", "[there](C.md)\n"),
    ("links.py", "docs/B.md", "[there](../../A.md)\n"),
    ("links.py", "docs/B.md", "[there](A.md#what-is-not)\n"),
    ("links.py", "docs/B.md", "[there](A.md#x-1)\n"),
    ("links.py", "docs/B.md", "[there](../vit/fine.c#L1)\n"),
    ("links.py", "docs/B.md", "[there](http://example.org)\n"),
    ("links.py", "docs/B.md", "[there](https://example)\n"),
    ("links.py", "docs/B.md", "[there][a]\n\n[b]: A.md\n"),
    ("links.py", "docs/B.md", "[A]\n\n[A]: A.md\n[B]: A.md\n"),
    ("links.py", "docs/B.md", '<img src="../data/c.jpg">\n'),
    ("links.py", "docs/B.md", "![made by hand](../data/b.jpg)\n"),
    ("links.py", "docs/B.md", "It is in `vit/fine.h`.\n"),
    ("formats.py", "data/FORMATS.md", "Key `value`, format `vitlrp thing 1`.\n"),
    ("formats.py", "data/FORMATS.md", "Keys `other_*` and `value`, format `vitlrp thing 2`.\n"),
    ("formats.py", "data/schemas/other-1.json", '{"properties": {"another": {}}}\n'),
    ("places.py", "vit/RULES.md", RULES.format("h", "fine.c")),
    ("places.py", "vit/RULES.md", RULES.format("g", "bad.c")),
    ("places.py", "vit/RULES.md", "No table.\n"),
    ("places.py", "CONTRIBUTING.md", PLACES.format("vit/bad.c", "g")),
    ("places.py", "CONTRIBUTING.md", PLACES.format("vit/fine.c", "h")),
    ("places.py", "CONTRIBUTING.md", PLACES.format("vit/bad*.c", "g")),
    ("places.py", "CONTRIBUTING.md", "No list.\n"),
    ("places.py", "tests/nightly/run.sh", "part tests/nightly/a.sh\npart python3 -B tests/nightly/b.py build/vitlrp\n"),
    ("places.py", "tests/nightly/run.sh", "part env A=1 ctest -R 'cli/(c|d)'\n"),
    ("places.py", "tests/TESTING.md", "No table of `a.sh` and `c`.\n"),
    ("known_models.py", "docs/MODELS.md", "No markers.\n"),
    ("known_models.py", "docs/MODELS.md", TABLES["docs/MODELS.md"].replace("`vit_msn`", "`vit_msm`")),
    ("known_models.py", "vit/load/published.def",
     TABLES["vit/load/published.def"].replace('("test_vit",', '("test_vit9",')),
    ("check_front_door.sh", "Makefile", MAKEFILE.replace("\ncheck: need-packages", "\ncheck: deps")),
    ("check_front_door.sh", "Makefile", MAKEFILE.replace("\ncheck: need-packages", "\ncheck:")),
    ("check_front_door.sh", "Makefile", MAKEFILE.replace("-G Ninja", "-G Ninja -DVITLRP_WERROR=ON")),
    ("check_front_door.sh", "Makefile", MAKEFILE.replace("$(call say_missing,$(PACKAGES)); exit 1", "exit 1")),
    ("check_front_door.sh", "Makefile", MAKEFILE.replace('echo "    apt-get install', 'echo "    ')),
    ("check_format.sh", "vit/a.c", "int  f( void ){return 1;}\n"),
    ("check_header.sh", "include/vitlrp.h", "size_t f(void);\n"),
    ("check_header.sh", "include/vitlrp.h", "int class;\n"),
    ("check_header.sh", "include/vitlrp_eval.h", "int class;\n"),
]

# Looks like faults and is none.
GOOD = {
    "include/vitlrp.h": "#include <stddef.h>\nsize_t f(void);\n",
    "imgio/good.c": '#include "base/mem.h"\n\n/* malloc(1) is not called, nor "printf(". */\n'
                    'const char *const text = "atoi(\\"1\\")";\n\n'
                    "int vitlrp_free(int a);\n\nint g(int a) {\n    return vitlrp_free(a);\n}\n",
    "vit/fine.c": "int g(int a) {\n    return a;\n}\n",
    "vit/many.c": "int f(int a, int b, int c, int d, int (*e)(int, int, int), int f) {\n    return a;\n}\n",
    "vit/model/b.h": "int b(void);\n",
    "vit/model/c.c": '#include "vit/math/a.h"\n#include "vit/model/b.h"\n',
    "vit/math/a.c": '#include "vit/math/a.h"\n',
    "vit/math/a.h": "int a(void);\n",
    "vit/program/d.h": '#include "vit/math/a.h"\n#include "vit/model/b.h"\n',
    "vit/RULES.md": RULES.format("g", "fine.c"),
    "CONTRIBUTING.md": PLACES.format("vit/fi*.c", "g"),
    "docs/A.md": "x" * 118 + "é\n\n# X\n## What `is`, and *where*\n",
    "docs/B.md": "[a](A.md#what-is-and-where) [b](../vit) [c](#b) [A]\n\n# B\n![d](../data/a.jpg) `vit/*.c` `[no](no)`\n"
                 "    [no](code.md)\n\n[A]: https://example.org/a_b\n",
    "data/FORMATS.md": "Keys `other_*`, `a.value` and `format`: `vitlrp thing 1`.\n",
    "data/schemas/thing-1.json": '{"properties": {"format": {"const": "vitlrp thing 1"}, "value": {"properties": '
                                 '{"other_key": {}}}}}\n',
    "tests/nightly/run.sh": "part tests/nightly/a.sh build/vitlrp\npart env A=1 ctest -R cli/c\n",
    "tests/TESTING.md": "| part | takes |\n| --- | --- |\n| `a.sh` | |\n| `c` | |\n",
    "data/a.jpg": "a\n",
    "data/b.jpg": "b\n",
    "data/LICENSES.md": "a.jpg\n",
    "src/cli/main.c": '#include "cli/verb/verb.h"\n',
    "src/cli/verb/verb.h": '#include "cli/table.h"\n',
    "src/cli/table.h": "int table(void);\n",
    "Makefile": MAKEFILE,
    "src/cli/table.c": '#include "vitlrp.h"\n\nconst char *const table[] = {\n'
                       + f'    "{"x" * 60}",\n' * 90 + "};\n",
}


def run(check, root):
    command = [sys.executable, "-B"] if check.endswith(".py") else ["sh"]
    command += [os.path.join(HERE, check), root]
    if check == "check_header.sh":
        command += [os.environ.get("CC", "cc"), os.environ.get("CXX", "")]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def tree(root, files):
    shutil.copy(os.path.join(HERE, "..", "..", ".clang-format"), root)
    for path, text in files.items():
        os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
        with open(os.path.join(root, path), "w", encoding="utf-8") as file:
            file.write(text)


def main():
    failed = 0
    cases = [(check, None, None) for check in sorted({fault[0] for fault in FAULTS})] + FAULTS
    for check, path, text in cases:
        with tempfile.TemporaryDirectory() as root:
            files = {**GOOD, **TABLES} if check == "known_models.py" else GOOD
            tree(root, files if path is None else {**files, path: text})
            result = run(check, root)
        if result.returncode == 77:
            continue
        if (result.returncode == 0) != (path is None):
            failed += 1
            fault = "a good tree" if path is None else f"{path}: {text[:60]!r}"
            print(f"{check}: wrong about {fault}\n{result.stdout}")
    print(f"{len(cases)} trees, {failed} wrong")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
