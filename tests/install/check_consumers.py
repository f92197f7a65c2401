"""Installs to a scratch folder, moves it, and builds and runs the example program against it, in C and
C++, shared and static, by pkg-config and by find_package. The installed command must run too.
usage: check_consumers.py NAME=VALUE..."""

import os
import shutil
import sys
import tempfile

import scratch_install as scratch
from scratch_install import run

HERE = os.path.dirname(os.path.abspath(__file__))
INSTALLED = ["bin/vitlrp", "include/vitlrp.h", "include/vitlrp_eval.h", "include/vitlrp_words.h", "include/vitlrp_units.h",
             "include/vitlrp_concepts.h",
             "include/vitlrp_types.h",
             "share/man/man1/vitlrp.1",
             "share/bash-completion/completions/vitlrp", "share/zsh/site-functions/_vitlrp",
             "share/fish/vendor_completions.d/vitlrp.fish"]


class Installation:
    def __init__(self, settings, folder):
        self.settings = settings
        self.folder = folder
        self.prefix = os.path.join(folder, "there")
        built_for = os.path.join(folder, "here")
        run(settings["cmake"], "--install", settings["build"], "--prefix", built_for)
        os.rename(built_for, self.prefix)
        self.libraries = os.path.join(self.prefix, settings["libdir"])
        self.documents = os.path.join(self.prefix, settings["docdir"])
        self.soname = f"libvitlrp.so.{settings['abi']}"
        self.example = os.path.join(settings["source"], "tests/example/explain_example.c")
        self.data = os.path.join(settings["source"], "data")

    def compilers(self):
        """(compiler, the example's language) of those that there are."""
        if self.settings["cxx"]:
            return [(self.settings["cc"], "c"), (self.settings["cxx"], "c++")]
        print("no C++ compiler: C++ is left out")
        return [(self.settings["cc"], "c")]

    def check_program(self, program, is_shared, **options):
        said = run(program, os.path.join(self.data, "vit-tiny-patch4-64.safetensors"),
                   os.path.join(self.data, "goldfish.jpg"), program + ".png", **options)
        if not scratch.SAID.match(said):
            sys.exit(f"{program}: {said}")
        if (self.soname in scratch.needed(program)) != is_shared:
            sys.exit(f"{program}: linked with the wrong library: {scratch.needed(program)}")


def check_files(here):
    for path in INSTALLED + [os.path.join(here.settings["libdir"], name) for name in
                             ("libvitlrp.so", here.soname, "libvitlrp.a", "pkgconfig/vitlrp.pc")]:
        if not os.path.isfile(os.path.join(here.prefix, path)):
            sys.exit(f"{path} is not installed")
    scratch.check_links(os.path.join(here.documents, "README.md"))
    scratch.check_command(os.path.join(here.prefix, "bin/vitlrp"),
                          os.path.join(here.documents, "data/goldfish.jpg"), here.folder)


def check_pkg_config(here):
    environment = {**os.environ, "LD_LIBRARY_PATH": here.libraries,
                   "PKG_CONFIG_PATH": os.path.join(here.libraries, "pkgconfig")}
    # Without its name for linking, the shared library is out of the linker's sight.
    without_shared = os.path.join(here.folder, "static")
    shutil.copytree(here.prefix, without_shared, symlinks=True)
    os.remove(os.path.join(without_shared, here.settings["libdir"], "libvitlrp.so"))
    own_names = os.path.join(HERE, "consumer/own_names.c")
    for kind, prefix, flags in (("shared", here.prefix, []),
                                ("static", without_shared, ["--static"])):
        environment["PKG_CONFIG_PATH"] = os.path.join(prefix, here.settings["libdir"], "pkgconfig")
        words = run("pkg-config", *flags, "--cflags", "--libs", "vitlrp", env=environment).split()
        for compiler, language in here.compilers():
            program = os.path.join(here.folder, f"pkg_config_{language}_{kind}")
            more = [own_names] if (language, kind) == ("c", "static") else []
            run(compiler, "-x", language, here.example, *more, "-x", "none", "-o", program, *words)
            here.check_program(program, kind == "shared", env=environment)


def check_find_package(here):
    build = os.path.join(here.folder, "build")
    run(here.settings["cmake"], "-S", os.path.join(HERE, "consumer"), "-B", build,
        f"-DCMAKE_PREFIX_PATH={here.prefix}", f"-DEXAMPLE={here.example}",
        f"-DCMAKE_C_COMPILER={here.settings['cc']}",
        f"-DCMAKE_CXX_COMPILER={here.settings['cxx']}", "-DCMAKE_BUILD_TYPE=Release")
    run(here.settings["cmake"], "--build", build)
    for _, language in here.compilers():
        for kind in ("shared", "static"):
            name = f"{language.replace('+', 'x')}_{kind}"
            here.check_program(os.path.join(build, name), kind == "shared")


def main():
    with tempfile.TemporaryDirectory() as folder:
        here = Installation(scratch.settings(), folder)
        check_files(here)
        check_pkg_config(here)
        check_find_package(here)
    print("installed, linked with and run")


if __name__ == "__main__":
    main()
