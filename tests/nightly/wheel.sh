#!/usr/bin/env bash
# From nothing to an explanation: builds the wheel from the tree, installs it into an empty environment, and
# explains the koala in three lines; then the README's lines with a torchvision module, and what a type
# checker makes of the package. Downloads numpy, torch and torchvision, and no weights.
#   BUILD (build)    where the wheel and the environments are made
#   LIBRARY          a libvitlrp.so that is built already
set -euo pipefail
cd "$(dirname "$0")/../.."

mkdir -p "${BUILD:-build}"
build=$(realpath "${BUILD:-build}")
dist=$build/dist
rm -rf "$dist" "$build/wheel-venv"
python3 -B python/make_wheel.py --out "$dist" ${LIBRARY:+--library "$LIBRARY"}
python3 -m venv "$build/wheel-venv"
python=$build/wheel-venv/bin/python
"$python" -m pip install --quiet "$dist"/vitlrp-*.whl
photo=$PWD/data/koala.jpg
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset VITLRP_LIBRARY PYTHONPATH

cd "$folder"
"$python" -c "
import vitlrp
found = vitlrp.Model().explain('$photo')
found.save('koala.png')
assert found.target.label == 'koala', found
inside = [line for line in open('/proc/self/maps') if 'vitlrp' in line and '.so' in line]
assert inside and all('/wheel-venv/' in line for line in inside), inside
"
cd - >/dev/null
"$python" -m pip install --quiet torch==2.14.1 torchvision==0.29.1 mypy typing_extensions
# The lines of the README, with random weights in the place of those that it downloads.
"$python" -B tests/nightly/readme_torchvision.py README.md "$photo"
"$python" -m mypy --config-file python/pyproject.toml python/vitlrp tests/nightly/typing_sample.py
