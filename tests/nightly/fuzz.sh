#!/usr/bin/env bash
# Every fuzz target for a while, with AddressSanitizer and UndefinedBehaviorSanitizer (clang with
# libFuzzer: Debian's clang and its libclang-rt-N-dev). Prints what each has run, and fails on a
# finding; the input of a finding is left in BUILD/fuzz/TARGET/found.
#   FUZZ_SECONDS  for each target (1200)      FUZZ_JOBS  targets at the same time (1)
#   FUZZ_TARGETS  names (all built)          BUILD      (build-fuzz)
#   FUZZ_CODECS   sources of the image libraries, to be instrumented too (codecs.sh); none: the
#                 system's, into which no coverage leads
#   FUZZ_LOG      gets a line for each target (tests/fuzz/LOG.csv, which tests/fuzz/sum_log.py sums up and which is
#                 to be committed; /dev/null: no line)
# What is found goes into tests/bad/TARGET, what reaches new code into tests/fuzz/corpus/TARGET
# (fuzz_TARGET -merge=1), as tests/TESTING.md says.
set -euo pipefail
cd "$(dirname "$0")/../.."

export BUILD=${BUILD:-build-fuzz}
export FUZZ_SECONDS=${FUZZ_SECONDS:-1200}
export FUZZ_LOG=${FUZZ_LOG:-tests/fuzz/LOG.csv}
jobs=${FUZZ_JOBS:-1}
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1

settings=()
if [ -n "${FUZZ_CODECS:-}" ]; then
    read -r -d '' -a settings < <(tests/nightly/codecs.sh "$FUZZ_CODECS" "$BUILD/codecs" && printf '\0')
fi
for library in TIFF:libtiff-4 AVIF:libavif; do
    ! pkg-config --exists "${library#*:}" || settings+=("-DVITLRP_${library%:*}=ON")
done
cmake -S . -B "$BUILD" -G Ninja -DCMAKE_C_COMPILER=clang -DVITLRP_FUZZ=ON -DVITLRP_SANITIZE=ON \
    "${settings[@]}"
cmake --build "$BUILD" --target fuzzers
targets=${FUZZ_TARGETS:-$(find "$BUILD/tests/fuzz" -maxdepth 1 -type f -executable -name 'fuzz_*' -printf '%f\n' | sed 's/^fuzz_//' | sort)}
python3 -B tests/fuzz/make_seeds.py . "$BUILD/fuzz-seeds"

commit=$(git rev-parse --short=12 HEAD 2>/dev/null || echo 00000000)
[ -z "$(git status --porcelain --untracked-files=no -- . ':!tests/fuzz/LOG.csv' 2>/dev/null)" ] || commit=$commit+
export commit

run_target() {
    local target=$1
    local folder=$BUILD/fuzz/$target
    local known=("$BUILD/fuzz-seeds/$target")
    local limits=(-max_len=16384)
    mkdir -p "$folder/corpus" "$folder/found"
    touch "$folder/begun"
    for place in tests/fuzz/corpus tests/bad; do
        [ ! -d "$place/$target" ] || known+=("$place/$target")
    done
    case $target in
        exif | geometry) limits=(-max_len=512) ;;
        unit_index) limits=(-max_len=4096) ;;
        options) limits=(-max_len=2048 -dict=tests/fuzz/options.dict) ;;
        explain) limits=(-max_len=2048) ;;
        json | facts | record | journal | tokenizer | subwords) limits=(-max_len=32768 -dict=tests/fuzz/json.dict) ;;
        safetensors) limits+=(-dict=tests/fuzz/json.dict) ;;
        torch | numpy) limits+=(-dict=tests/fuzz/torch.dict) ;;
    esac
    local code=0 begin=$SECONDS
    "$BUILD/tests/fuzz/fuzz_$target" "$folder/corpus" "${known[@]}" "${limits[@]}" \
        "-max_total_time=$FUZZ_SECONDS" -rss_limit_mb=2048 -timeout=10 \
        "-artifact_prefix=$folder/found/" -print_final_stats=1 >"$folder/log" 2>&1 || code=$?
    local runs coverage findings
    findings=$(find "$folder/found" -type f -newer "$folder/begun" | wc -l)
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/log")
    coverage=$(grep -o 'cov: [0-9]*' "$folder/log" | tail -1)
    printf '%-12s %5s s %12s executions  %-10s %s findings\n' "$target" "$FUZZ_SECONDS" \
        "${runs:-?}" "${coverage:-cov: ?}" "$findings"
    printf '%s,%s,%s,%d,%s,%d,\n' "$(date -u +%FT%H:%M)" "$commit" "$target" "$((SECONDS - begin))" "$runs" "$findings" \
        >>"$FUZZ_LOG"
    return "$code"
}
export -f run_target

# shellcheck disable=SC2086 # names without blanks
printf '%s\n' $targets | xargs -P "$jobs" -I {} bash -c 'run_target {}'
