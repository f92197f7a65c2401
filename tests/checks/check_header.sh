#!/bin/sh
# Each public header compiles alone as C99, C11 and C++, without a warning.
# usage: check_header.sh ROOT CC [CXX]
root=$1
cc=$2
cxx=$3
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
flags="-Wall -Wextra -Wpedantic -Werror -fsyntax-only"
for header in "$root"/include/*.h; do
    printf '#include "%s"\n' "$(basename "$header")" >"$scratch/alone.c"
    cp "$scratch/alone.c" "$scratch/alone.cpp"
    # The flags are separate words on purpose.
    # shellcheck disable=SC2086
    {
        "$cc" -std=c99 $flags "-I$root/include" "$scratch/alone.c" || exit 1
        "$cc" -std=c11 $flags "-I$root/include" "$scratch/alone.c" || exit 1
        if [ -n "$cxx" ] && command -v "$cxx" >/dev/null 2>&1; then
            "$cxx" -std=c++11 $flags "-I$root/include" "$scratch/alone.cpp" || exit 1
        else
            echo "no C++ compiler: that part is skipped"
        fi
    }
    echo "$(basename "$header") compiles alone"
done
