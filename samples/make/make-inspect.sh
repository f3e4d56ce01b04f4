#!/bin/sh
# Make the external evaluator's logs. Needs: faketime, and VENV with requirements-inspect.txt.
# Usage: make-inspect.sh VENV OUT_DIR
set -eu
here=$(cd "$(dirname "$0")" && pwd)
run=/srv/evals/inspect # a neutral place: logs and tracebacks record paths
rm -rf "$run" && mkdir -p "$run/home"
ln -s "$1" "$run/venv"
cp "$here/mock_common.py" "$here/inspect_tasks.py" "$here/inspect_run.py" "$run/"
cd "$run"
once() { # start of the faked clock, name of the run
    env -i HOME="$run/home" PATH=/usr/bin:/bin TZ=UTC LANG=C.UTF-8 NO_COLOR=1 \
        faketime -f "@$1" venv/bin/python inspect_run.py "$2" logs
}
once "2026-09-08 09:12:40" policy
once "2026-09-10 13:05:10" watch
once "2026-09-11 08:47:05" cyber-first
once "2026-09-12 10:20:31" cyber-rerun
mkdir -p "$2"
rm -f "$2"/*.eval "$2"/*.json
cp logs/* "$2/"
