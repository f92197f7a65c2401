#!/usr/bin/env bash
# Everything that takes too long for every change: `make nightly-deps` first. One part that fails does
# not keep the others from running. At the end a table has each part's seconds, seconds of a processor, and the last
# line that it printed; all of it is in the log too. tests/TESTING.md has the figures of the last runs.
#   NIGHTLY_PARTS  only parts whose line matches this regular expression
#   NIGHTLY_LOG    (build/nightly/TIME.log)
#   PHOTOGRAPHS    a folder of more photographs than the samples
#   PEERS          a data set on which other tools are measured beside this one
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C.UTF-8

log=${NIGHTLY_LOG:-build/nightly/$(date -u +%Y%m%dT%H%M).log}
mkdir -p "$(dirname "$log")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
: >"$log"
: >"$scratch/table"
failed=0

# What the table calls a part: its words without interpreters, variables and folders.
name_of() {
    local word name=""
    for word in "$@"; do
        case $word in
            python3 | */python3 | -B | env | *=*) ;;
            *) name+="${word##*/} " ;;
        esac
    done
    echo "${name:0:44}"
}

part() {
    [[ "$*" =~ ${NIGHTLY_PARTS:-} ]] || return 0
    local code=0 TIMEFORMAT='%R %U %S' line
    printf '== %s\n' "$*" | tee -a "$log"
    { time "$@" 2>&1 | tee -a "$log" "$scratch/said"; code=${PIPESTATUS[0]}; } 2>"$scratch/times"
    [ "$code" = 0 ] || failed=1
    line=$(grep -v '^ *$' "$scratch/said" | tail -n 1)
    printf '%-44s %8.0f %8.0f  %-8s %s\n' "$(name_of "$@")" \
        "$(cut -d " " -f 1 "$scratch/times")" "$(awk '{print $2 + $3}' "$scratch/times")" \
        "$([ "$code" = 0 ] && echo passed || echo "exit $code")" "${line:0:90}" >>"$scratch/table"
}

make build BUILD=build
part build/tests/fault/torture 0
part build/tests/cli/full_size build/vitlrp data/koala.jpg build whole
part python3 -B tests/checks/configurations.py . cmake --whole
part tests/nightly/compare.sh
part python3 -B tests/fault/limits.py build/vitlrp build/tests/fault/libio_shim.so data --whole
part python3 -B tests/fault/verb_faults.py build/vitlrp build/tests/fault/libio_shim.so writes 40 all
part python3 -B tests/fault/verb_faults.py build/vitlrp build/tests/fault/libio_shim.so kills 40 all
part python3 -B tests/fault/verb_faults.py build/vitlrp build/tests/fault/libio_shim.so moments 200 tune eval batch \
    merge "merge of folders" concepts "concepts --show" "merge of indexes" explain texts page animation compare neurons \
    "neurons page" rerun "rerun of a folder" "info of texts"
mapfile -d '' -t photographs < <(find "${PHOTOGRAPHS:-data}" -iname '*.jp*g' -print0)
part build/tests/test_render_signs "${photographs[@]}"
part tests/checks/tidy.sh build-tidy
part tests/checks/sanitized.sh build-asan
part tests/nightly/valgrind.sh
part tests/nightly/threads.sh
part tests/nightly/coverage.sh
part python3 -B tests/nightly/mutations.py --count 400
part env VITLRP_KILLS=200 ctest --test-dir build -R cli/batch --output-on-failure
part env VITLRP_KILLS=50 ctest --test-dir build -R 'cli/(journal|concepts)' --output-on-failure
part python3 -B tests/nightly/journal.py build/vitlrp data/goldfish.jpg
part python3 -B tests/nightly/index_runs.py build/vitlrp "${PHOTOGRAPHS:-data}"
part env VITLRP_LIBRARY=build/src/api/libvitlrp.so PYTHONPATH=python /usr/bin/python3 -B tests/nightly/index_twin.py \
    build/vitlrp "${PHOTOGRAPHS:-data}"
part env VITLRP_LIBRARY=build/src/api/libvitlrp.so PYTHONPATH=python /usr/bin/python3 -B \
    tests/nightly/conductance_twin.py tests/golden/latent
part python3 -B tests/nightly/methods_reference.py
part python3 -B tests/nightly/starters.py build/vitlrp data jobs
part python3 -B tests/nightly/soak.py build/vitlrp data/goldfish.jpg
part /usr/bin/python3 -B tests/nightly/oracles.py build/tests/fuzz/read_as 20000
part tests/nightly/libraries.sh
part tests/nightly/wheel.sh
part tests/nightly/strangers.sh
part tests/nightly/cross.sh arm64
part tests/nightly/cross.sh s390x
part tests/nightly/metrics.sh
part tests/nightly/subword_ids.sh
[ -z "${PEERS:-}" ] || part python3 -B tests/nightly/peers.py build/vitlrp "$PEERS" build/peers
part tests/nightly/fuzz.sh
{
    printf '\n%-44s %8s %8s  %-8s %s\n' "part of $(git rev-parse --short HEAD 2>/dev/null)" seconds cpu result "last line"
    cat "$scratch/table"
} | tee -a "$log"
echo "log: $log"
exit "$failed"
