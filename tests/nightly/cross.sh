#!/usr/bin/env bash
# The library and the command for another processor, by Debian's cross compiler, and their tests under qemu: arm64,
# whose chars are unsigned, and s390x, which is big-endian too. Libraries come from this machine's release of Debian
# into a folder, which stays for the next run; nothing is installed.
#   cross.sh arm64|s390x [REGEX]
#   REGEX   of the unit tests (default: OF_THE_PROCESSOR; "." takes all)
#   CROSS   folder for libraries and the build (build-cross-ARCH)
# Needs the compilers and qemu of `make nightly-deps`. The last lines name the tests that failed.
set -euo pipefail
cd "$(dirname "$0")/../.."

case ${1:-} in
    arm64) triplet=aarch64-linux-gnu ;;
    s390x) triplet=s390x-linux-gnu ;;
    *) sed -n '2,9s/^# \?//p' "$0" >&2; exit 2 ;;
esac
arch=$1
mkdir -p "${CROSS:-build-cross-$arch}"
cross=$(realpath "${CROSS:-build-cross-$arch}")
root=$cross/root
emulator="qemu-${triplet%%-*}-static -L $root"
packages="libc6-dev libjpeg62-turbo-dev libpng-dev zlib1g-dev libjansson-dev libopenblas-openmp-dev libcmocka-dev
    libssl-dev libutf8proc-dev libwebp-dev libtiff-dev libavif-dev libpango1.0-dev"

# An apt of its own: another architecture, nothing installed, the sources of Debian alone.
foreign_apt() {
    local sources=/etc/apt/sources.list.d/debian.sources
    [ -f "$sources" ] || sources=/etc/apt/sources.list
    apt-get -q -y -o "APT::Architecture=$arch" -o "APT::Architectures=$arch" -o APT::Install-Recommends=false \
        -o APT::Sandbox::User=root -o "Dir::State=$cross/apt" -o "Dir::State::status=$cross/apt/status" \
        -o "Dir::Cache=$cross/apt" -o "Dir::Etc::sourcelist=$sources" -o Dir::Etc::sourceparts=/dev/null "$@"
}

# Links within the folder, to which qemu and the linker hold.
relink() {
    local link target
    find "$root" -type l -lname '/*' -print0 | while IFS= read -r -d '' link; do
        target=$(readlink "$link")
        case $target in
            "$root"/*) ;;
            *) ln -sfn "$root$target" "$link" ;;
        esac
    done
    # Which OpenBLAS is used, the package's scripts would say.
    ln -sf openblas-openmp/libopenblas.so.0 "$root/usr/lib/$triplet/libopenblas.so.0"
}

make_root() {
    local archive
    [ ! -e "$root/complete" ] || return 0
    mkdir -p "$cross/apt/lists/partial" "$cross/apt/archives/partial" "$root"
    : >"$cross/apt/status"
    # shellcheck disable=SC2086 # names without blanks
    foreign_apt update && foreign_apt install --download-only $packages || return 1
    for archive in "$cross"/apt/archives/*.deb; do
        dpkg -x "$archive" "$root" || return 1
    done
    relink && touch "$root/complete"
}

# Files, numbers and pictures. The others are of threads, memory and protocols, and take long under an emulator.
readers='load_.*|adapter|head_file|facts|identity|dataset|map_folder'
texts='prompts|tokenizer|subword_files|siglip_ids|text_clean'
pictures='image_.*|stream|preprocess|model_preprocess'
written='record|eval_journal|unit_index|topk|concepts_make|draft|encode'
OF_THE_PROCESSOR="^test_(base|kernels|parity|zoo|architectures|$readers|$texts|$pictures|$written)\$"

unit_tests() {
    find tests/unit -name 'test_*.c' -printf '%f\n' | sed 's/\.c$//' | sort | grep -E "$1"
}

make_root >"$cross/root.log" 2>&1 || { cat "$cross/root.log" >&2; exit 1; }
mapfile -t tests < <(unit_tests "${2:-$OF_THE_PROCESSOR}")
cmake -S . -B "$cross/build" -G Ninja -DVITLRP_WERROR=ON -DVITLRP_TESTS=ON -DVITLRP_ONEDNN=OFF -DVITLRP_TIFF=ON \
    -DVITLRP_AVIF=ON -DCMAKE_TOOLCHAIN_FILE=cmake/CrossDebian.cmake -DVITLRP_CROSS="$triplet" \
    -DVITLRP_CROSS_ROOT="$root" >"$cross/configure.log"
cmake --build "$cross/build" --target vitlrp "${tests[@]}"

failed=0
for name in "${tests[@]}"; do
    began=$SECONDS
    # shellcheck disable=SC2086 # the emulator and its option
    if $emulator "$cross/build/tests/$name" >"$cross/$name.log" 2>&1; then
        echo "passed $name, $((SECONDS - began)) s"
    else
        echo "FAILED $name, $((SECONDS - began)) s: $cross/$name.log"
        failed=1
    fi
done

# The command, as a program that this machine can start.
printf '#!/bin/sh\nexec %s %s "$@"\n' "$emulator" "$cross/build/vitlrp" >"$cross/vitlrp"
chmod +x "$cross/vitlrp"
command_test() {
    local began=$SECONDS
    if python3 -B "tests/cli/$1" "$cross/vitlrp" "${@:2}" >"$cross/$1.log" 2>&1; then
        echo "passed $1, $((SECONDS - began)) s"
    else
        echo "FAILED $1, $((SECONDS - began)) s: $cross/$1.log"
        failed=1
    fi
}
parity=tests/golden/parity
command_test check_parity.py "$parity"
command_test check_containers.py "$parity" tests/golden/zoo
command_test check_identity.py data "$parity"
command_test check_records.py data
exit "$failed"
