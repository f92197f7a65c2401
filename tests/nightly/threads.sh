#!/usr/bin/env bash
# Sessions in threads on one model, and the pool, under ThreadSanitizer.   BUILD (build-tsan)
set -euo pipefail
cd "$(dirname "$0")/../.."

build=${BUILD:-build-tsan}
cmake -S . -B "$build" -G Ninja -DCMAKE_C_COMPILER=gcc -DVITLRP_TSAN=ON
cmake --build "$build" -j "$(nproc)" --target test_hostile test_base
export TSAN_OPTIONS=halt_on_error=1
"$build/tests/test_base"
"$build/tests/test_hostile"
