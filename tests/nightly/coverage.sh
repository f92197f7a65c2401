#!/usr/bin/env bash
# Lines and branches that the tests and the fuzz corpora reach, by room, and the functions that nothing calls; fails
# where fewer than 95 % of the lines of a reader of hostile files are reached. Needs gcc and gcovr. Code for another
# processor than this one counts as not reached. The tests of limits are left out: gcov's own files meet them first.
#   BUILD (build-coverage)
#   COVERAGE_TESTS  a regular expression of ctest (all that run our code)
set -euo pipefail
cd "$(dirname "$0")/../.."

build=${BUILD:-build-coverage}
cmake -S . -B "$build" -G Ninja -DVITLRP_TESTS=ON -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_C_FLAGS="--coverage -O1 -fno-inline"
find "$build" -name '*.gcda' -delete
cmake --build "$build" -j "$(nproc)" # which makes the manual page and completions
export GCOV_ERROR_FILE=/dev/null
ctest --test-dir "$build" -j "$(nproc)" --output-on-failure -E '^((checks|install|growth)/|fault/limits)' \
    -R "${COVERAGE_TESTS:-.}"
gcovr --root . --object-directory "$build" --gcov-ignore-parse-errors --exclude-unreachable-branches \
    --filter '(vit|imgio|eval|src)/' --json "$build/coverage.json"
python3 -B tests/nightly/coverage_rooms.py "$build/coverage.json" vit/load=95 imgio=95
