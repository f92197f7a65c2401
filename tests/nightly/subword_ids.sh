#!/usr/bin/env bash
# Ids of texts against sentencepiece's and tokenizers', in an environment of its own.
#   BUILD (build)    where the programs are, and the environment is made
#   TEXTS (20000)    for each model
set -euo pipefail
cd "$(dirname "$0")/../.."

build=$(realpath "${BUILD:-build}")
python3 -m venv "$build/ids-venv"
"$build/ids-venv/bin/python" -m pip install --quiet sentencepiece==0.2.3 tokenizers==0.23.3 protobuf==7.36.2
"$build/ids-venv/bin/python" -B tests/nightly/subword_ids.py "$build/tests/nightly/print_ids" . "$build/ids" \
    "${TEXTS:-20000}"
