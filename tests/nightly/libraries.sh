#!/usr/bin/env bash
# What the libraries that publish models make of them, and what we do: installs timm, transformers,
# torchvision and open_clip into a virtual environment, and compares architectures, text towers, the
# table of published models, and preprocessing with them. The newest huggingface_hub, in an environment of its
# own, must know the options of the documents' downloads. Downloads no weights.
#   VENV (build/libraries)
#   BUILD (build)
set -euo pipefail
cd "$(dirname "$0")/../.."

build=${BUILD:-build}
venv=${VENV:-$build/libraries}
python=$venv/bin/python
[ -x "$python" ] || python3 -m venv "$venv"
"$python" -m pip install --quiet torch==2.14.1 torchvision==0.29.1 timm==1.0.31 transformers==5.24.0 \
    open_clip_torch==3.3.0 sentencepiece==0.2.3 protobuf==7.36.2 safetensors numpy 'Pillow>=13'
hub=$build/hub
[ -x "$hub/bin/python" ] || python3 -m venv "$hub"
"$hub/bin/python" -m pip install --quiet --upgrade huggingface_hub
failed=0
"$python" -B tests/nightly/published_table.py . || failed=1
"$python" -B tests/nightly/architectures.py "$build/vitlrp" || failed=1
VITLRP_LIBRARY=$build/src/api/libvitlrp.so PYTHONPATH=python "$python" -B tests/nightly/from_torch.py || failed=1
VITLRP_LIBRARY=$build/src/api/libvitlrp.so PYTHONPATH=python "$python" -B tests/nightly/text_towers.py \
    "$build/tests/nightly/print_texts" . || failed=1
"$python" -B tests/nightly/preprocess_libraries.py "$build/src/api/libvitlrp.so" || failed=1
HF=$hub/bin/hf "$python" -B tests/cli/check_documents.py "$build/vitlrp" tests/golden/parity tests/golden/zoo || failed=1
exit "$failed"
