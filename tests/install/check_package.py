"""The Debian packages: made, unpacked into a scratch root, the command run there; lintian has nothing
to say but what CPack is to blame for (cmake/Package.cmake). Exit 77 (skipped) where this is not Debian.
usage: check_package.py NAME=VALUE..."""

import glob
import gzip
import os
import shutil
import sys
import tempfile

import scratch_install as scratch
from scratch_install import run

# Of lintian; Package.cmake has the reasons.
OF_CPACK = "maintscript-calls-ldconfig"
# Of packages from a build for another prefix than /usr, which `make package` sets.
OF_PREFIX = "pkg-config-unavailable-for-cross-compilation"


def fields(package):
    """{name: value} of a package's control file."""
    text = run("dpkg-deb", "--field", package)
    # Lines of the description, which begin with a blank, do no harm.
    return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)


def check_fields(packages, abi):
    library, development, command = (fields(packages[name]) for name in
                                     (f"libvitlrp{abi}", "libvitlrp-dev", "vitlrp"))
    version = library["Version"]
    wanted = [(library, "libc6"), (library, "libjansson4"), (library, "libopenblas0-openmp"),
              (command, "libc6"), (command, "libopenblas0-openmp"),
              (development, f"libvitlrp{abi} (= {version})"), (development, "libjansson-dev"),
              (library, "libwebp7"), (development, "libwebp-dev"),
              (library, "libutf8proc"), (development, "libutf8proc-dev")]
    for control, dependency in wanted:
        if dependency not in control["Depends"]:
            sys.exit(f"{control['Package']} does not depend on {dependency}: {control['Depends']}")


def check_control(package):
    """The control files of the library's package: the trigger is there, and the rights are Debian's."""
    listed = run("sh", "-c", 'dpkg-deb --ctrl-tarfile "$0" | tar tv', package).splitlines()
    rights = {line.split()[-1].removeprefix("./"): line.split()[0] for line in listed}
    for name, found in rights.items():
        wanted = "-rwxr-xr-x" if name in ("postinst", "postrm") else "-rw-r--r--"
        if not name.endswith("/") and found != wanted:
            sys.exit(f"{name} has the rights {found}, not {wanted}")
    if "activate-noawait ldconfig" not in run("dpkg-deb", "--info", package, "triggers"):
        sys.exit("the library's package has no trigger that runs ldconfig")


def check_rights(package):
    """Everybody reads what is installed, though the packages were made under a umask that keeps others out."""
    for line in run("dpkg-deb", "--contents", package).splitlines():
        if not line.startswith(("drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x", "l")):
            sys.exit(f"{package}: wrong rights: {line}")


def check_root(packages, root, abi):
    for package in packages.values():
        run("dpkg-deb", "--extract", package, root)
    documents = os.path.join(root, "usr/share/doc")
    for name in packages:
        for file in ("copyright", "changelog.gz"):
            if not os.path.isfile(os.path.join(documents, name, file)):
                sys.exit(f"{name}: no {file}")
    scratch.check_links(os.path.join(documents, "vitlrp/README.md"))
    scratch.check_command(os.path.join(root, "usr/bin/vitlrp"),
                          os.path.join(documents, "vitlrp/data/goldfish.jpg"), root)
    with gzip.open(os.path.join(root, "usr/share/man/man1/vitlrp.1.gz"), "rt") as page:
        if ".TH VITLRP 1" not in page.read():
            sys.exit("vitlrp.1.gz is not the manual page")
    shared = glob.glob(os.path.join(root, f"usr/lib/**/libvitlrp.so.{abi}"), recursive=True)
    if len(shared) != 1 or os.access(os.path.realpath(shared[0]), os.X_OK):
        sys.exit(f"one shared library, not executable, is wanted: {shared}")


def main():
    if shutil.which("dpkg-shlibdeps") is None:
        print("dpkg-dev is not installed: no packages are made")
        sys.exit(77)
    settings = scratch.settings()
    abi = settings["abi"]
    with tempfile.TemporaryDirectory() as folder:
        made = os.path.join(folder, "packages")
        run(os.path.join(os.path.dirname(settings["cmake"]), "cpack"), "-G", "DEB", "-B", made,
            "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=gzip", cwd=settings["build"], umask=0o077)
        packages = {os.path.basename(path).split("_")[0]: path
                    for path in glob.glob(os.path.join(made, "*.deb"))}
        if set(packages) != {f"libvitlrp{abi}", "libvitlrp-dev", "vitlrp"}:
            sys.exit(f"wrong packages: {sorted(packages)}")
        check_fields(packages, abi)
        check_control(packages[f"libvitlrp{abi}"])
        for path in packages.values():
            check_rights(path)
        check_root(packages, os.path.join(folder, "root"), abi)
        if shutil.which("lintian") is None:
            print("lintian is not installed: it does not check the packages")
        else:
            tags = OF_CPACK if "/" in settings["libdir"] else f"{OF_CPACK},{OF_PREFIX}"
            print(run("lintian", "--allow-root", "--fail-on", "error,warning", "--suppress-tags",
                      tags, *packages.values()))
    print("packed, unpacked and run")


if __name__ == "__main__":
    main()
