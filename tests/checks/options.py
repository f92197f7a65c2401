"""Messages of the library name no option and no verb of the command: a program that uses the library has
none. The library states the fact and its topic; the command adds its option (src/cli/console.c).
usage: options.py ROOT"""

import re
import sys

import sources

LIBRARY = ("src/base/", "imgio/", "src/text/", "vit/", "eval/", "src/figure/", "src/api/")
# Pages for people, with CSS whose variables begin with two dashes too; names of formats.
NO_MESSAGES = ("eval/report_", "src/base/page_frame.c", "src/base/formats.h")
OPTION = re.compile(r"--[a-z]|vitlrp (?:explain|info|batch|eval|merge|tune|bench)\b")


def check(root):
    complaints = []
    for path in sources.c_files(root, endings=(".c", ".h", ".def")):
        if not path.startswith(LIBRARY) or path.startswith(NO_MESSAGES):
            continue
        for token in sources.TOKENS.findall(sources.read(root, path)):
            if token.startswith('"') and OPTION.search(token):
                complaints.append(f"{path}: {token} names an option of the command")
    return complaints


if __name__ == "__main__":
    sources.finish("options", check(sys.argv[1]))
