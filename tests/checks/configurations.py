"""CMake's options, flags and presets mean what they say: each is configured in a folder of its own, and the commands
that would be run are looked at. Nothing is compiled. usage: configurations.py ROOT CMAKE [--whole]
Without --whole, two of the presets are configured: one that is for users, one with assertions."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

UNUSED = "Manually-specified variables were not used"


def configure(root, cmake, folder, *arguments):
    """CMake's output; its commands lie in FOLDER."""
    command = [cmake, "-S", root, "-B", folder, "-G", "Ninja", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *arguments]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=root)
    if result.returncode != 0 or UNUSED in result.stdout:
        sys.exit(f"{' '.join(command)}\nexit {result.returncode}\n{result.stdout}")
    return result.stdout


def commands(folder):
    """{path of a C file: the words of the command that compiles it}"""
    with open(os.path.join(folder, "compile_commands.json"), encoding="utf-8") as file:
        return {entry["file"]: entry["command"].split() for entry in json.load(file) if entry["file"].endswith(".c")}


def expect(condition, what):
    if not condition:
        sys.exit(what)


def asserts(words):
    """Whether a command leaves assertions in: the last of -DNDEBUG and -UNDEBUG decides."""
    said = [word for word in words if word in ("-DNDEBUG", "-UNDEBUG")]
    return not said or said[-1] == "-UNDEBUG"


FEW = ("release", "sanitize")


def check_presets(root, cmake, scratch, whole):
    with open(os.path.join(root, "CMakePresets.json"), encoding="utf-8") as file:
        presets = [preset for preset in json.load(file)["configurePresets"] if not preset.get("hidden")]
    names = [preset["name"] for preset in presets]
    wanted = ["release", "debug", "sanitize", "tsan", "no-onednn", "fuzz"]
    expect(names == wanted, f"presets are {names}, not {wanted}")
    for preset in presets if whole else [preset for preset in presets if preset["name"] in FEW]:
        compiler = preset.get("cacheVariables", {}).get("CMAKE_C_COMPILER", "cc")
        if shutil.which(compiler) is None:
            print(f"{compiler} is not installed: the preset {preset['name']} is not tried")
            continue
        folder = os.path.join(scratch, preset["name"])
        configure(root, cmake, folder, "--preset", preset["name"])
        checked = preset["name"] in ("debug", "sanitize", "tsan", "fuzz")
        for path, words in commands(folder).items():
            expect("-Werror" not in words, f"preset {preset['name']}: warnings are errors in {path}")
            expect(asserts(words) == checked, f"preset {preset['name']}: assertions are wrong in {path}")


def check_release_flags(root, cmake, scratch):
    folder = os.path.join(scratch, "release")  # the preset's: what was found is known there
    configure(root, cmake, folder, "-DCMAKE_C_FLAGS_RELEASE=-O1 -DOF_THE_USER", "-DVITLRP_WERROR=ON")
    for path, words in commands(folder).items():
        expect("-DOF_THE_USER" in words and "-O2" not in words, f"the user's flags are not those of {path}")
        expect("-Werror" in words, f"VITLRP_WERROR says nothing about {path}")


def check_without_onednn(root, cmake, scratch):
    """Also where an earlier run of CMake has found oneDNN."""
    folder = os.path.join(scratch, "release")
    with open(os.path.join(folder, "CMakeCache.txt"), encoding="utf-8") as file:
        expect("ONEDNN_LIBRARY:FILEPATH=" in file.read(), "the preset release did not look for oneDNN")
    configure(root, cmake, folder, "-DVITLRP_ONEDNN=OFF")
    with open(os.path.join(folder, "build.ninja"), encoding="utf-8") as file:
        rules = file.read()
    expect(not re.search(r"gemm_onednn|libdnnl|VIT_HAVE_ONEDNN", rules), "oneDNN is built without being wanted")
    expect("--no-undefined" in rules, "the shared library may lack symbols")


def main():
    root, cmake = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as scratch:
        check_presets(root, cmake, scratch, sys.argv[3:] == ["--whole"])
        check_release_flags(root, cmake, scratch)
        check_without_onednn(root, cmake, scratch)
    print("presets, options and flags mean what they say")


if __name__ == "__main__":
    main()
