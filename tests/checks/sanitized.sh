#!/usr/bin/env bash
# The tests under AddressSanitizer and UndefinedBehaviorSanitizer, with our assertions: sanitized.sh FOLDER [ARGUMENTS]
#   FOLDER     of the build
#   ARGUMENTS  of ctest; `-LE sanitized_nightly` leaves out what is for the nightly run
# CC is the compiler (cc).
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$1
shift

cmake -S . -B "$folder" -G Ninja -DVITLRP_WERROR=ON -DVITLRP_TESTS=ON -DVITLRP_SANITIZE=ON -DCMAKE_C_COMPILER="${CC:-cc}"
cmake --build "$folder" -j "$(nproc)"
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1
ctest --test-dir "$folder" --output-on-failure --no-tests=error -j "$(nproc)" "$@"
