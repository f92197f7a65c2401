"""What the checks of installations share: their settings, and running programs."""

import os
import re
import subprocess
import sys

# What the example program and the command say about the goldfish.
SAID = re.compile(r"goldfish \(1\)")


def settings():
    """NAME=VALUE arguments as a dictionary."""
    return dict(argument.split("=", 1) for argument in sys.argv[1:])


def run(*command, **options):
    """Runs a program that must succeed; its output."""
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, **options)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}\nexit {result.returncode}\n{result.stdout}")
    return result.stdout


def needed(program):
    """The shared libraries that a program names itself."""
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "--dynamic", program)))


def check_command(program, photograph, scratch, **options):
    """The installed command draws the goldfish with its built-in model."""
    picture = os.path.join(scratch, "goldfish.heat.png")
    json = run(program, photograph, "-o", picture, "--json", "-", **options)
    if '"goldfish"' not in json or not os.path.getsize(picture):
        sys.exit(f"{program}: no goldfish:\n{json}")


def check_links(readme):
    """Every file that the installed README refers to is there."""
    folder = os.path.dirname(readme)
    with open(readme, encoding="utf-8") as file:
        links = re.findall(r"\]\(([^):#]+)\)", file.read())
    broken = [link for link in links if not os.path.isfile(os.path.join(folder, link))]
    if broken or not links:
        sys.exit(f"{readme}: refers to what is not installed: {broken}")
