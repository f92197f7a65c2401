#!/usr/bin/env bash
# The command's cases under valgrind: no error, no byte read that was not written, nothing lost.
# BLAS kernels are chosen that valgrind knows.   BUILD (build): where the command was built
set -euo pipefail
cd "$(dirname "$0")/../.."

build=${BUILD:-build}
export OPENBLAS_CORETYPE=Haswell
export DNNL_MAX_CPU_ISA=AVX2
export VITLRP_PREFIX="valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite"
export VITLRP_PREFIX="$VITLRP_PREFIX --suppressions=$PWD/tests/nightly/valgrind.supp"
python3 -B tests/cli/run_cases.py "$build/vitlrp" data tests/golden/parity hostile.txt
python3 -B tests/cli/run_cases.py "$build/vitlrp" data tests/golden/parity \
    'truncated JPEG' 'a pickle that calls a function' 'overlapping tensors' 'several images into a new folder' \
    'a contrast is the difference of its logits' 'ledger closes' 'info lists classes' \
    'evaluation of a flat folder' 'merged shards are the whole run' 'boxes'
