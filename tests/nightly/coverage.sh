#!/usr/bin/env bash
# Lines and branches that the tests and the fuzz corpora reach, by room, and the functions that nothing calls; fails
# where fewer than 95 % of the lines of a reader of hostile files are reached. Needs gcc and gcovr. Code for another
# processor than this one counts as not reached. The tests of limits are left out: gcov's own files meet them first.
#   BUILD (build-coverage)
#   COVERAGE_TESTS  a regular expression of ctest (all that run our code)
set -euo pipefail
cd "$(dirname "$0")/../.."

mkdir -p "${BUILD:=build-coverage}"
build=$(realpath "$BUILD")
export build
cmake -S . -B "$build" -G Ninja -DVITLRP_TESTS=ON -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_C_FLAGS="--coverage -O1 -fno-inline"
find "$build" -name '*.gcda' -delete
cmake --build "$build" -j "$(nproc)" # which makes the manual page and completions

# Tests of the command have counters of their own: some kill it, or take its room away, while it writes them.
export COUNTERS=$build-counters GCOV_ERROR_FILE=/dev/null
rm -rf "$COUNTERS"
run_test() {
    local log=$build/coverage-${1//\//-}.log
    case $1 in
        cli/* | fault/*)
            export GCOV_PREFIX=$COUNTERS/${1//\//-} GCOV_PREFIX_STRIP
            GCOV_PREFIX_STRIP=$(tr -cd / <<<"$build" | wc -c)
            ;;
    esac
    ctest --test-dir "$build" --output-on-failure -R "^$1\$" >"$log" 2>&1 || { cat "$log"; return 1; }
}
export -f run_test
ctest --test-dir "$build" -N -E '^((checks|install|growth)/|fault/limits)' -R "${COVERAGE_TESTS:-.}" |
    sed -n 's/^ *Test *#[0-9]*: //p' | xargs -P "$(nproc)" -I {} bash -c 'run_test {}'
for folder in "$COUNTERS"/*; do
    if gcov-tool merge "$build" "$folder" -o "$COUNTERS/sum" 2>/dev/null; then
        cp -r "$COUNTERS/sum/." "$build"
    else
        echo "left out, its counters are damaged: ${folder##*/}"
    fi
    rm -rf "$COUNTERS/sum"
done
gcovr --root . --object-directory "$build" --gcov-ignore-parse-errors --exclude-unreachable-branches \
    --filter '(vit|imgio|eval|src)/' --json "$build/coverage.json"
python3 -B tests/nightly/coverage_rooms.py "$build/coverage.json" vit/load=95 imgio=95
