#!/bin/sh
# Every C file is as clang-format 14 leaves it. Exit 77 (skipped) without it: other versions leave
# some lines otherwise.
# usage: check_format.sh ROOT
root=$1
program=
for name in clang-format-14 clang-format; do
    if [ -z "$program" ] && "$name" --version 2>/dev/null | grep -q 'version 14\.'; then
        program=$name
    fi
done
if [ -z "$program" ]; then
    echo "clang-format 14 is not installed: skipped"
    exit 77
fi
cd "$root" || exit 1
report=$(mktemp) || exit 1
trap 'rm -f "$report"' EXIT
folders=
for folder in src include vit imgio eval tests; do
    [ -d "$folder" ] && folders="$folders $folder"
done
# The folders' names hold no blanks.
# shellcheck disable=SC2086
if find $folders -name '*.[ch]' -print0 | xargs -0 "$program" --dry-run -Werror 2>"$report"; then
    exit 0
fi
grep error: "$report" | cut -d: -f1 | sort | uniq -c
echo "run clang-format -i on these files"
exit 1
