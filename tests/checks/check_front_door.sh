#!/bin/sh
# The Makefile: `make check` tests, installs nothing and makes no warning an error; where a package is missing it
# says which, and what installs it, as `make` does where CMake fails. `make deps` says what to ask for without rights. Exit 77 (skipped) without make. usage: check_front_door.sh ROOT
cd "$1" || exit 1
command -v make >/dev/null 2>&1 || { echo "make is not installed: skipped"; exit 77; }
failed=0
complain() {
    echo "$*"
    failed=1
}
# The variables of a make above this one would speak here too.
unset MAKEFLAGS MFLAGS MAKELEVEL CMAKE_FLAGS
planned=$(make --dry-run --no-print-directory check BUILD=build-nowhere) || complain "make check does not run"
case $planned in *apt-get*) complain "make check installs packages" ;; esac
case $planned in *WERROR*) complain "make check makes warnings errors" ;; esac
case $planned in *"packages are left out"*) ;; *) complain "make check does not look for packages" ;; esac
case $planned in *ctest*) ;; *) complain "make check runs no tests" ;; esac
case $(make --dry-run --no-print-directory deps) in *apt-get*install*) ;; *) complain "make deps installs nothing" ;; esac
case $(make --dry-run --no-print-directory demo BUILD=build-nowhere) in
    *apt-get*install*) ;;
    *) complain "make demo installs nothing" ;;
esac
if command -v dpkg-query >/dev/null 2>&1; then
    said=$(make --no-print-directory need-packages PACKAGES="dpkg no-such-package" 2>&1) &&
        complain "make check runs without a package that it needs"
    case $said in
        *"missing: no-such-package"*"make deps"*) ;;
        *) complain "make check says of a missing package: $said" ;;
    esac
    said=$(make --no-print-directory configure BUILD=/dev/null/nowhere PACKAGES="dpkg no-such-package" 2>&1) &&
        complain "make goes on where CMake failed"
    case $said in
        *"missing: no-such-package"*"make deps"*) ;;
        *) complain "make says of a missing package: $said" ;;
    esac
    said=$(make --no-print-directory deps SUDO=false PACKAGES="dpkg no-such-package" 2>&1) &&
        complain "make deps ends well without the rights to install"
    case $said in
        *"apt-get install --no-install-recommends no-such-package"*) ;;
        *) complain "make deps says without rights: $said" ;;
    esac
fi
exit "$failed"
