#!/bin/sh
# Every C file is as clang-format leaves it. Exit 77 (skipped) without clang-format.
# usage: check_format.sh ROOT
root=$1
if ! command -v clang-format >/dev/null 2>&1; then
    echo "clang-format is not installed: skipped"
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
if find $folders -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run -Werror 2>"$report"; then
    exit 0
fi
grep error: "$report" | cut -d: -f1 | sort | uniq -c
echo "run clang-format -i on these files"
exit 1
