#!/bin/sh
# Make the safety team's garak report. Needs: faketime, and VENV with requirements-garak.txt.
# Usage: make-garak.sh VENV OUT_DIR
set -eu
here=$(cd "$(dirname "$0")" && pwd)
run=/srv/evals/garak # a neutral place: the report records paths
rm -rf "$run" && mkdir -p "$run/home"
ln -s "$1" "$run/venv"
cp "$here/mock_common.py" "$here/garak_target.py" "$here/garak.yaml" "$run/"
cd "$run"
env -i HOME="$run/home" PATH=/usr/bin:/bin TZ=UTC LANG=C.UTF-8 HF_HUB_OFFLINE=1 PYTHONPATH="$run" \
    XDG_DATA_HOME="$run/data" XDG_CONFIG_HOME="$run/config" XDG_CACHE_HOME="$run/cache" \
    faketime -f "@2026-09-16 14:02:11" venv/bin/python -m garak --config garak.yaml > run.log 2>&1
mkdir -p "$2"
cp data/garak/garak_runs/garak.report.jsonl "$2/garak.report.jsonl"
