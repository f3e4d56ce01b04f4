#!/bin/sh
# Make all the sample evidence again, with pinned tool versions.
# Needs: faketime, Python 3.11 with venv, Node 20 with npm; about 3 GB for the tools.
# Usage: make-all.sh TOOLS_DIR     (outside the repository)
# Ids that the tools invent (run, eval and sample ids, file names) differ each time.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tools=$1
evidence=$(dirname "$here")/quarter/evidence
export PYTHONDONTWRITEBYTECODE=1
mkdir -p "$tools"

venv() { # name: a virtual environment with requirements-NAME.txt, made once
    [ -e "$tools/$1/ready" ] && return
    /usr/bin/python3 -m venv "$tools/$1"
    # The lists are complete, so no resolver has to look further (garak's takes very long).
    "$tools/$1/bin/pip" install -q --no-deps -r "$here/requirements-$1.txt"
    touch "$tools/$1/ready"
}

venv gateway
"$tools/gateway/bin/python" "$here/gateway.py" "$evidence/gateway"

venv inspect
"$here/make-inspect.sh" "$tools/inspect" "$evidence/lantern-rock"

venv garak
"$here/make-garak.sh" "$tools/garak" "$evidence/safety-team"

mkdir -p "$tools/promptfoo"
cp "$here/package.json" "$tools/promptfoo/"
(cd "$tools/promptfoo" && npm install --no-audit --no-fund --silent)
"$here/make-redteam.sh" "$tools/promptfoo" "$evidence/safety-team"
