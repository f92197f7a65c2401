#!/usr/bin/env bash
# The project as somebody meets it who has never seen it, on Debian systems made for the occasion: without packages,
# without rights, in a folder with blanks and letters beyond ASCII, without a terminal, in German and Turkish, with
# another compiler, on one processor with 1 GB; its wheel in an empty environment; its Debian packages, new, after those
# of version 0.1, beside them, removed and purged; programs that were made with 0.1.
#   strangers.sh [RELEASE...]   bookworm and trixie, if none is named
#   ROOTS    where the systems are made and kept (a scratch folder, removed at the end): run again, they are not
#            made again
#   MIRROR   of Debian packages
#   PARTS    some of the parts, for systems that are kept: sources front_door little ... (the end of this file)
# Needs root, debootstrap, this repository's history and the network; without the first two it says so and does nothing.
# shellcheck disable=SC2016,SC2317
set -euo pipefail
ROOTS=${ROOTS:+$(realpath "$ROOTS")}
cd "$(dirname "$0")/../.."

old_revision=1801620 # version 0.1.0
if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
    echo "strangers.sh needs root and debootstrap: left out"
    exit 0
fi
scratch=
[ -n "$ROOTS" ] || scratch=$(mktemp -d)
roots=${ROOTS:-$scratch}
folder="/home/stranger/Wärme Karten İı/vitlrp"

mounted=()
leave() {
    [ "${#mounted[@]}" = 0 ] || umount "${mounted[@]}"
    [ -z "$scratch" ] || rm -rf --one-file-system "$scratch"
}
trap leave EXIT

# Of commands inside: fails COMMAND..., since what `!` turns round does not end a shell.
FAILS='fails() { if "$@"; then echo "this was to fail: $*"; exit 1; fi; }'

# inside USER COMMAND: in the system $root, without a terminal and with an empty environment but for the network's.
inside() {
    local home=/home/$1 network
    [ "$1" != root ] || home=/root
    mapfile -t network < <(env | grep -E '^((https?|no|all)_proxy|(HTTPS?|NO|ALL)_PROXY)=' || true)
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$home" LANG=C.UTF-8 TERM=dumb \
        "${network[@]}" PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
        setsid -w chroot --userspec="$1": "$root" /bin/bash -ec "$FAILS"$'\n'"$2" </dev/null
}
stranger() {
    inside stranger "cd '$folder'; $1"
}
say() {
    echo "== $release: $* ($SECONDS s)"
}
# refused WORDS COMMAND: it fails, and says these words.
refused() {
    local said
    if said=$(stranger "$2" 2>&1) || [[ $said != *"$1"* ]]; then
        printf '%s\n' "$said" "$release: '$2' was to fail and to say: $1"
        return 1
    fi
}

# attach TYPE PLACE [OPTION...]
attach() {
    mountpoint -q "$2" || { mount -t "$1" "${@:3}" "$1" "$2" && mounted+=("$2"); }
}

make_system() {
    if [ ! -d "$root" ]; then
        debootstrap --variant=minbase --include=make,ca-certificates "$release" "$root.part" \
            ${MIRROR:+"$MIRROR"} >"$root.log" 2>&1 || { tail "$root.log"; return 1; }
        find /etc/apt/apt.conf.d -name '*proxy*' -exec cp {} "$root.part/etc/apt/apt.conf.d/" \;
        mv "$root.part" "$root"
    fi
    # What every running system has: processes, semaphores, terminals.
    attach proc "$root/proc"
    attach tmpfs "$root/dev/shm" -o mode=1777
    attach devpts "$root/dev/pts" -o newinstance,ptmxmode=0666
    ln -sf pts/ptmx "$root/dev/ptmx"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    echo 'Dpkg::Use-Pty "0";' >"$root/etc/apt/apt.conf.d/99without-terminal"
    # Whom this machine trusts: a network may have a certificate of its own.
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    chroot "$root" id stranger >/dev/null 2>&1 || chroot "$root" useradd -m stranger
}

sources() {
    rm -rf "$root$folder" "$root/root/old" "$root/root/new"
    mkdir -p "$root$folder" "$root/root/old" "$root/root/new"
    git ls-files -z | tar -c --null -T - | tee >(tar -x -C "$root$folder") | tar -x -C "$root/root/new"
    git archive "$old_revision" | tar -x -C "$root/root/old"
    chroot "$root" chown -R stranger: /home/stranger
}

without_packages() {
    chroot "$root" which cmake >/dev/null && return # a system that is kept
    refused "These packages are missing: build-essential" make
    refused "These packages are missing: build-essential" "make check"
    refused "These packages are missing: build-essential" "make package"
    refused "apt-get install --no-install-recommends build-essential" "make deps"
    refused "apt-get install --no-install-recommends build-essential" "make demo"
}

# make demo and make check of README's, in the language that is given. Where strace is not allowed to trace, those tests
# say so themselves.
front_door() {
    inside root "cd '$folder'; make deps; apt-get install -q -y --no-install-recommends clang libstb-dev locales \
        man-db python3-pip python3-venv; sed -i -E 's/^# ((de_DE|tr_TR)\.UTF-8)/\1/' /etc/locale.gen; locale-gen" \
        >"$root.log" 2>&1 || { tail "$root.log"; return 1; }
    stranger "make demo" >"$root.log" 2>&1 || { tail "$root.log"; return 1; }
    stranger "export LC_ALL=$1; make check" >"$root.log" 2>&1 || { tail -n 40 "$root.log"; return 1; }
    tail -n 8 "$root.log"
}

# Everything that the command writes, in both languages, is what it writes in C.
languages() {
    stranger '
        vitlrp=$PWD/build/vitlrp data=$PWD/data
        export VITLRP_MODEL=$PWD/tests/data/vit-tiny-patch8-64.safetensors VITLRP_THREADS=1
        out=$(mktemp -d); cd "$out"
        mkdir "Bilder İ"; cp "$data/goldfish.jpg" "Bilder İ/Fisch ı.JPG"; cp "$data/koala.jpg" "Bilder İ/KOALA.JPEG"
        for language in C de_DE.UTF-8 tr_TR.UTF-8; do
            export LC_ALL=$language LANGUAGE=${language%%_*}
            mkdir now
            "$vitlrp" -q "Bilder İ/Fisch ı.JPG" --gamma-conv 0.5 --opacity 0.75 -o now/a.svg --raw now/a.npy
            "$vitlrp" -q "Bilder İ/Fisch ı.JPG" --style panel -o now/a.png
            "$vitlrp" -q "Bilder İ/Fisch ı.JPG" -o now/a.html
            "$vitlrp" -q compare "Bilder İ/Fisch ı.JPG" --gammas 0,0.05,0.1:0.25 -o now/c.svg --json now/c.json
            "$vitlrp" neurons "Bilder İ/Fisch ı.JPG" -o now/n.html >now/said
            "$vitlrp" -q eval "Bilder İ" --steps 3 --json now/e.json --csv now/e.csv --html now/e.html
            "$vitlrp" -q batch "Bilder İ" -o now/b
            fails "$vitlrp" /nowhere.jpg 2>>now/said
            fails "$vitlrp" a.jpg --gamma-conv 0,5 2>>now/said
            if [ -d first ]; then
                diff -r -x run.json -x results.jsonl -x manifest.jsonl first now
                rm -r now
            else
                mv now first
            fi
        done
        rm -r "$out"'
}

little() {
    stranger 'ulimit -v 1048576
        out=$(mktemp -d); run="taskset -c $(taskset -cp $$ | sed "s/.*: //;s/[,-].*//") build/vitlrp"
        $run -q data/goldfish.jpg -o "$out/a.png"
        $run -q compare data/goldfish.jpg -o "$out/a.svg"
        $run -q neurons data/goldfish.jpg -o "$out/n.html"
        $run -q eval data --limit 2 --steps 3 --json "$out/e.json"
        $run -q batch data -o "$out/b"
        $run -q concepts data -o "$out/c" --model tests/data/vit-tiny-patch8-64.safetensors --no-pictures
        rm -r "$out"'
}

# As in many a sandbox: who has no /proc is refused nothing for a reason that is none.
without_proc() {
    unshare --mount sh -ec 'umount "$0/proc"; chroot --userspec=stranger: "$0" sh -ec "cd \"$1\"
        build/vitlrp -q compare data/goldfish.jpg -o build/figure.png
        build/vitlrp -q data/goldfish.jpg -j 2 -o build/map.png"' "$root" "$folder"
}

other_compiler() {
    stranger 'cmake -S . -B build-clang -G Ninja -DVITLRP_TESTS=OFF -DCMAKE_C_COMPILER=clang >/dev/null
        cmake --build build-clang --target vitlrp >/dev/null
        build-clang/vitlrp -q data/goldfish.jpg -o build-clang/a.png --json build-clang/a.json
        grep -q "\"goldfish\"" build-clang/a.json'
}

wheel() {
    stranger 'python3 -B python/make_wheel.py --library build/src/api/libvitlrp.so --out build/dist >/dev/null
        python3 -m venv --clear build/env; build/env/bin/pip install --quiet build/dist/vitlrp-*.whl
        picture=$PWD/data/koala.jpg python=$PWD/build/env/bin/python; cd /
        for language in C de_DE.UTF-8 tr_TR.UTF-8; do
            LC_ALL=$language "$python" -c "
import locale, os, vitlrp
locale.setlocale(locale.LC_ALL, \"\")
found = vitlrp.Model().explain(\"$picture\")
assert found.target.label == \"koala\" and b\",\" not in found.encode(\"svg\")[:99], found"
        done'
}

# The packages of both versions, made as `make package` makes them.
make_packages() {
    local version
    for version in old new; do
        inside root "cd /root/$version; cmake -S . -B build-package -G Ninja -DCMAKE_INSTALL_PREFIX=/usr \
            -DVITLRP_TESTS=OFF; cmake --build build-package --target package" >"$root.log" 2>&1 ||
            { tail "$root.log"; return 1; }
    done
}

# What CHANGELOG.md says of programs, done to the example of 0.1.
PORT='s/struct vitlrp_rules rules;/struct vitlrp_method_options rules;/
s/vitlrp_rules_init/vitlrp_method_options_init/
s/vitlrp_session_relevance/vitlrp_session_attribute/
s/session_info->grid_width};/session_info->grid_width, geometry};/
s/vitlrp_render(e->image, geometry, /vitlrp_render(e->image, /
s/{VITLRP_OK, 0, ""}/{.status = VITLRP_OK}/'

packages() {
    inside root "cd /root; sed '$PORT' old/tests/example/explain_example.c >port.c
        install() { DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \"\$@\" >/root/apt 2>&1 ||
            { cat /root/apt; return 1; }; }
        example() { \"\$1\" new/data/vit-tiny-patch4-64.safetensors new/data/goldfish.jpg /tmp/example.png |
            grep -q '^goldfish'; }
        apt-get purge -q -y '*vitlrp*' >/dev/null 2>&1 || true
        install ./old/build-package/*.deb
        gcc old/tests/example/explain_example.c -o with_old \$(pkg-config --cflags --libs vitlrp)
        fails example ./no_such_program 2>/dev/null
        vitlrp --version; example ./with_old; ldd with_old | grep -q libvitlrp.so.0

        install ./new/build-package/*.deb
        vitlrp --version; dpkg-query -W '*vitlrp*'; ldconfig -p | grep vitlrp
        gcc -Wall -Werror port.c -o with_new \$(pkg-config --cflags --libs vitlrp)
        ldd with_new | grep -q libvitlrp.so.1; example ./with_new; example ./with_old
        vitlrp -q new/data/goldfish.jpg -o /tmp/a.png; man -w vitlrp >/dev/null

        for package in vitlrp libvitlrp-dev libvitlrp1 libvitlrp0; do dpkg -L \$package; done | sort -u >files
        apt-get remove -q -y vitlrp libvitlrp-dev >/dev/null; example ./with_old; example ./with_new
        apt-get purge -q -y '*vitlrp*' >/dev/null
        dpkg-query -W -f '\${Package} \${db:Status-Status}\n' >left; fails grep vitlrp left
        ldconfig -p >left; fails grep vitlrp left; fails example ./with_new 2>/dev/null
        while read -r file; do [ -d \"\$file\" ] && [[ \$file != *vitlrp* ]] || [ ! -e \"\$file\" ] ||
            { echo \"\$file was left behind\"; exit 1; }; done <files"
}

failed=0
part() {
    [[ " ${PARTS:-$1} " == *" $1 "* ]] || return 0
    say "$*"
    # Not as a condition: there, bash would go on after a command that failed.
    (set -e; "$@") &
    wait $! || { failed=1; echo "== $release: $* FAILED"; }
}
releases=("$@")
[ $# -gt 0 ] || releases=(bookworm trixie)
for release in "${releases[@]}"; do
    root=$roots/$release
    language=de_DE.UTF-8
    [ "$release" = bookworm ] || language=tr_TR.UTF-8
    make_system
    part sources
    part without_packages
    part front_door "$language"
    part languages
    part little
    part without_proc
    part other_compiler
    part wheel
    part make_packages
    part packages
done
echo "== $SECONDS s"
exit "$failed"
