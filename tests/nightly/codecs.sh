#!/usr/bin/env bash
# libjpeg-turbo, libpng and zlib as static libraries with libFuzzer's and AddressSanitizer's
# instrumentation, so that the fuzzer is led into them and sees what they do to memory.
# usage: codecs.sh SOURCES OUTPUT
#   SOURCES  a folder with libjpeg-turbo-*/, libpng*/ and zlib-*/ as `apt-get source libjpeg-turbo
#            libpng1.6 zlib` leaves them (deb-src must be among apt's Types)
#   OUTPUT   gets lib/ and include/
# Prints the settings for CMake that make vitlrp use them.
set -euo pipefail
[ $# = 2 ] || { sed -n '2,8s/^# \?//p' "$0" >&2; exit 2; }

mkdir -p "$2"
sources=$(realpath "$1")
output=$(realpath "$2")
flags="-O1 -g -fno-omit-frame-pointer -fsanitize=address,fuzzer-no-link -fPIC"
export CC=clang ASAN_OPTIONS=detect_leaks=0

find_source() {
    local found
    found=$(find "$sources" -maxdepth 1 -type d -name "$1" | sort | tail -1)
    [ -n "$found" ] || { echo "codecs.sh: $sources has no $1" >&2; return 1; }
    echo "$found"
}

build_zlib() {
    cd "$(find_source 'zlib-*')"
    CFLAGS=$flags ./configure --static --prefix="$output"
    make -j "$(nproc)" install
}

build_png() {
    cd "$(find_source 'libpng*')"
    CFLAGS=$flags CPPFLAGS=-I$output/include LDFLAGS="-L$output/lib -fsanitize=address" \
        ./configure --disable-shared --prefix="$output"
    make -j "$(nproc)" install
}

# Without its assembly, which nothing instruments.
build_jpeg() {
    cmake -S "$(find_source 'libjpeg-turbo-*')" -B "$output/libjpeg" -G Ninja \
        -DCMAKE_C_COMPILER=clang -DCMAKE_C_FLAGS="$flags" -DWITH_SIMD=0 -DENABLE_SHARED=0 \
        -DWITH_TURBOJPEG=0 -DCMAKE_INSTALL_PREFIX="$output" -DCMAKE_INSTALL_DEFAULT_LIBDIR=lib
    cmake --build "$output/libjpeg"
    cmake --install "$output/libjpeg"
}

for codec in zlib png jpeg; do
    (set -e; "build_$codec") >"$output/$codec.log" 2>&1 || {
        echo "codecs.sh: $codec was not built: $output/$codec.log says why" >&2
        exit 1
    }
done

settings() {
    echo "-D$1_LIBRARY=$output/lib/$2" "-D$1_LIBRARY_RELEASE=$output/lib/$2" \
        "-D$3=$output/include"
}
settings JPEG libjpeg.a JPEG_INCLUDE_DIR
settings PNG libpng16.a PNG_PNG_INCLUDE_DIR
settings ZLIB libz.a ZLIB_INCLUDE_DIR
