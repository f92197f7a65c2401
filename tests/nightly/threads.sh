#!/usr/bin/env bash
# What runs in threads, under ThreadSanitizer: the pool, sessions on one model, the workers of an
# evaluation and of a batch, every verb, and a batch that is stopped.   BUILD (build-tsan)
set -euo pipefail
cd "$(dirname "$0")/../.."

build=${BUILD:-build-tsan}
cmake -S . -B "$build" -G Ninja -DCMAKE_C_COMPILER=gcc -DVITLRP_TSAN=ON
cmake --build "$build" -j "$(nproc)" --target test_hostile test_base test_eval_run vitlrp
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export VITLRP_MODEL=tests/data/vit-tiny-patch8-64.safetensors
# Not instrumented, so that what it makes once for all threads looks like a race.
printf 'called_from_lib:libdnnl.so\nrace:libdnnl.so\n' >"$folder/suppressions"
export TSAN_OPTIONS=halt_on_error=1:suppressions=$folder/suppressions
"$build/tests/test_base"
"$build/tests/test_hostile"
"$build/tests/test_eval_run"
for backend in openblas auto; do
    "$build/vitlrp" eval data -j 4 --backend $backend --methods attnlrp,rollout --steps 5 -q \
        >"$folder/table"
    "$build/vitlrp" batch data -o "$folder/$backend" -j 4 --backend $backend -q
done
python3 -B tests/fault/every_verb.py "$build/vitlrp" 4
code=0
timeout --preserve-status -s TERM 2 "$build/vitlrp" batch data -o "$folder/stopped" -j 4 -q \
    --method rise --samples 200 || code=$?
[ "$code" = 143 ] || { echo "a stopped batch ended with $code" >&2; exit 1; }
echo "no warning"
