#!/usr/bin/env bash
# The tests under AddressSanitizer and UndefinedBehaviorSanitizer, with our assertions: sanitized.sh FOLDER [ARGUMENTS]
#   FOLDER     of the build
#   ARGUMENTS  of ctest; `-LE sanitized_nightly` leaves out what is for the nightly run
# CC is the compiler (cc), CXX that of C++ (CMake's choice), CMAKE_FLAGS are more arguments of CMake (none). By clang,
# Python's tests are left out: tests/python/CMakeLists.txt says why.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$1
shift

# shellcheck disable=SC2086
cmake -S . -B "$folder" -G Ninja -DVITLRP_WERROR=ON -DVITLRP_TESTS=ON -DVITLRP_SANITIZE=ON \
    -DCMAKE_C_COMPILER="${CC:-cc}" ${CMAKE_FLAGS:-}
cmake --build "$folder" -j "$(nproc)"
# addr2line: clang's runtime complains in every report where there is no llvm-symbolizer of its own version.
symbolizer=$(command -v addr2line)
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:detect_stack_use_after_return=1
ASAN_OPTIONS+=:external_symbolizer_path=$symbolizer
export UBSAN_OPTIONS=print_stacktrace=1
ctest --test-dir "$folder" --output-on-failure --no-tests=error -j "$(nproc)" "$@"
