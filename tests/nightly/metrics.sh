#!/usr/bin/env bash
# The metrics of an evaluation against implementations by others, in an environment of its own: installs Quantus
# and torch, and no weights.
#   BUILD (build)    where the command is, and the environment is made
set -euo pipefail
cd "$(dirname "$0")/../.."

build=$(realpath "${BUILD:-build}")
python3 -m venv "$build/metrics-venv"
"$build/metrics-venv/bin/python" -m pip install --quiet quantus==0.6.0 torch==2.14.1 numpy==2.4.6 scikit-learn==1.9.1
"$build/metrics-venv/bin/python" -B tests/nightly/metrics_quantus.py "$build/vitlrp"
