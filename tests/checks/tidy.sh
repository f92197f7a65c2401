#!/usr/bin/env bash
# clang-tidy over every C file of ours, once each, with our assertions, which it believes.
#   tidy.sh FOLDER [STATES]
#   FOLDER     is configured, by clang, and not built: no file that a build makes is needed
#   STATES     the most states of a function that the analyser looks at (its own default is 225,000)
# CC is the compiler (clang), CMAKE_FLAGS are more arguments of CMake (none).
# Tests compile many files of ours again, from the same text: clang-tidy would take each of them.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$1 states=${2:-225000}

# shellcheck disable=SC2086
cmake -S . -B "$folder" -G Ninja -DVITLRP_TESTS=ON -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
    -DCMAKE_C_COMPILER="${CC:-clang}" ${CMAKE_FLAGS:-}
mkdir -p "$folder/once"
python3 -c 'import json, sys
rows = {row["file"]: row for row in reversed(json.load(sys.stdin))}
json.dump(list(rows.values()), sys.stdout)' <"$folder/compile_commands.json" \
    >"$folder/once/compile_commands.json"
limit=()
for word in -analyzer-config "max-nodes=$states"; do
    limit+=(-extra-arg=-Xclang "-extra-arg=$word")
done
find src imgio vit eval -name '*.c' -print0 | sort -z |
    nice xargs -0 -P "$(nproc)" -n 8 clang-tidy -p "$folder/once" --quiet -extra-arg=-UNDEBUG "${limit[@]}"
