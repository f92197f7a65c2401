#!/usr/bin/env bash
# The command under valgrind: no error, no byte used that was not written, nothing lost. Built without
# oneDNN, whose generated code reads beyond its own scratch; BLAS kernels are ones that valgrind knows.
#   BUILD (build-valgrind)
set -euo pipefail
cd "$(dirname "$0")/../.."

build=${BUILD:-build-valgrind}
cmake -S . -B "$build" -G Ninja -DVITLRP_ONEDNN=OFF
cmake --build "$build" -j "$(nproc)" --target vitlrp
export OPENBLAS_CORETYPE=Haswell
export VITLRP_PREFIX="valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite"
run() {
    python3 -B tests/cli/run_cases.py "$build/vitlrp" data tests/golden/parity "$@"
}
run hostile.txt 'I1 one byte' 'I6 I9 sides beyond the limit' 'I14 a size below zero' \
    'W11 an archive with all its numbers in zip64 fields' 'W13 labels that are not UTF-8' \
    'A1 a class with a letter behind it' 'I2 a PNG named as a JPEG'
run 'truncated JPEG' 'a pickle that calls a function' 'overlapping tensors' 'weights cut short' \
    'weights without one tensor' 'a contrast is the difference of its logits' 'ledger closes' \
    'info lists classes' 'evaluation of a flat folder' 'merging what is no record'
# Every verb to its end.
python3 -B tests/fault/every_verb.py "$build/vitlrp"
