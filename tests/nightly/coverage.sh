#!/usr/bin/env bash
# Lines of the readers of hostile files, vit/load and imgio, that the tests and the fuzz corpora reach;
# fails below 95 %. Needs gcc and gcovr.   BUILD (build-coverage)
set -euo pipefail
cd "$(dirname "$0")/../.."

build=${BUILD:-build-coverage}
cmake -S . -B "$build" -G Ninja -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_C_FLAGS="--coverage -O0"
cmake --build "$build" -j "$(nproc)"
find "$build" -name '*.gcda' -delete
ctest --test-dir "$build" -j "$(nproc)" --output-on-failure \
    -R '^(fuzz/|fault/(torture|sizes)|cli/hostile|unit/test_(base|load|model|image|encode|preprocess|render|colormap|hostile|limits))'
gcovr --root . --object-directory "$build" --gcov-ignore-parse-errors --filter 'vit/load/' \
    --filter 'imgio/' --print-summary --fail-under-line 95
