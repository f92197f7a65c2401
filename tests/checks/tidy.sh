#!/usr/bin/env bash
# clang-tidy over every C file of ours, once each, with our assertions, which it believes.
#   tidy.sh COMMANDS SCRATCH [STATES]
#   COMMANDS   compile_commands.json of a build by clang
#   SCRATCH    an empty folder
#   STATES     the most states of a function that the analyser looks at (its own default is 225,000)
# Tests compile many files of ours again, from the same text: clang-tidy would take each of them.
set -euo pipefail
cd "$(dirname "$0")/../.."
commands=$1 scratch=$2 states=${3:-225000}

python3 -c 'import json, sys
rows = {row["file"]: row for row in reversed(json.load(sys.stdin))}
json.dump(list(rows.values()), sys.stdout)' <"$commands" >"$scratch/compile_commands.json"
limit=()
for word in -analyzer-config "max-nodes=$states"; do
    limit+=(-extra-arg=-Xclang "-extra-arg=$word")
done
find src imgio vit eval -name '*.c' -print0 | sort -z |
    nice xargs -0 -P "$(nproc)" -n 8 clang-tidy -p "$scratch" --quiet -extra-arg=-UNDEBUG "${limit[@]}"
