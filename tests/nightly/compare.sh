#!/usr/bin/env bash
# This tree against an earlier one: the same bits but for what compare_allowed.py names.
#   compare.sh [REVISION [OPTION...]]
#   REVISION   default: 0.1.0, by its commit
#   OPTION     of compare_builds.py: --quick, --only, -v, folders with more models
#   BUILD      this tree's build (build)
set -euo pipefail
cd "$(dirname "$0")/../.."

revision=${1:-1801620}
build=${BUILD:-build}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

git archive --prefix=old/ "$revision" | tar -x -C "$scratch"
for tree in "$scratch/old" .; do
    folder=$([ "$tree" = . ] && echo "$build" || echo "$scratch/old/build")
    if ! { cmake -S "$tree" -B "$folder" &&
        cmake --build "$folder" -j "$(nproc)" --target vitlrp; } > "$scratch/log"; then
        cat "$scratch/log"
        exit 1
    fi
done
python3 -B tests/nightly/compare_builds.py "$scratch/old/build/vitlrp" "$build/vitlrp" "${@:2}"
