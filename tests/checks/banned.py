"""No calls of functions that are unsafe, or that belong to one place only. usage: banned.py ROOT"""

import re
import sys

import sources

EVERYWHERE = ("atoi atol atoll atof strtok sprintf vsprintf strcpy strcat gets alloca rand srand "
              "system setlocale popen tmpnam mktemp").split()
# All allocation, and all files that are written, go through src/base.
OUTSIDE_BASE = ("malloc calloc realloc free strdup strndup aligned_alloc posix_memalign fopen "
                "freopen rename renameat").split()
# The library neither talks nor ends the process.
IN_LIBRARY = ("exit _exit abort quick_exit printf fprintf vprintf vfprintf puts fputs putchar perror "
              "getenv secure_getenv signal sigaction").split()
# What they say depends on the locale of the program around the library: src/base/ascii.h and print_plain.h do not.
BY_LOCALE = ("isalnum isalpha iscntrl isdigit isgraph islower isprint ispunct isspace isupper isxdigit tolower toupper "
             "strcasecmp strncasecmp strcasestr strcoll strftime strerror strtod strtof vsnprintf").split()
PRINTS_NUMBERS = re.compile(r"\bsnprintf\s*\([^;]*%[-+ #0]*[\d*]*(\.[\d*]+)?[aefgAEFG]")
# Clocks that can be set, and a second way to the one that only goes forward (row n07).
OUTSIDE_CLOCK = "clock_gettime gettimeofday time clock ftime".split()
LIBRARY = ("src/base/", "imgio/", "src/text/", "vit/", "eval/", "src/figure/", "src/api/")


def banned_for(path):
    names = set(EVERYWHERE)
    if not path.startswith(("src/base/", "tests/")):
        names.update(OUTSIDE_BASE)
    if not path.startswith(("src/base/clock", "tests/")):
        names.update(OUTSIDE_CLOCK)
    if path.startswith(LIBRARY):
        names.update(IN_LIBRARY)
        names.update(() if path.startswith("src/base/print_plain") else BY_LOCALE)
    return names


def check(root):
    complaints = []
    for path in sources.c_files(root):
        code = sources.code_only(sources.read(root, path))
        names = "|".join(sorted(banned_for(path)))
        for match in re.finditer(rf"(?<![\w.>])({names})\s*\(", code):
            line = sources.line_of(code, match.start())
            complaints.append(f"{path}:{line}: {match.group(1)} is banned here")
        if path.startswith(LIBRARY):
            text = sources.read(root, path)
            complaints += [f"{path}:{sources.line_of(text, match.start())}: snprintf of a number: print_plain"
                           for match in PRINTS_NUMBERS.finditer(text)]
    return complaints


if __name__ == "__main__":
    sources.finish("banned", check(sys.argv[1]))
