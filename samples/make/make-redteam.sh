#!/bin/sh
# Make the safety team's promptfoo red-team results. Needs: faketime, Node 20, and
# MODULES, a directory in which package.json's promptfoo is installed.
# Usage: make-redteam.sh MODULES OUT_DIR
set -eu
here=$(cd "$(dirname "$0")" && pwd)
run=/srv/evals/redteam # a neutral place: the results record paths
rm -rf "$run" && mkdir -p "$run/home"
cp "$here/redteam.yaml" "$here/target.cjs" "$here/attacker.cjs" "$run/"
cd "$run"
# One at a time, so that the attacker numbers its prompts in the same order each time.
promptfoo() { # start of the faked clock, arguments
    at=$1 && shift
    env -i HOME="$run/home" PATH=/usr/bin:/bin:"$(dirname "$(command -v node)")" TZ=UTC LANG=C.UTF-8 NO_COLOR=1 \
        PROMPTFOO_CONFIG_DIR="$run/home/promptfoo" PROMPTFOO_DISABLE_REMOTE_GENERATION=true \
        PROMPTFOO_DISABLE_ADAPTIVE_SCHEDULER=true PROMPTFOO_REQUEST_BACKOFF_MS=1 PROMPTFOO_DISABLE_TELEMETRY=1 PROMPTFOO_DISABLE_UPDATE=1 PROMPTFOO_AUTHOR= CI=1 \
        faketime -f "@$at" node "$modules/node_modules/promptfoo/dist/src/entrypoint.js" "$@"
}
modules=$1
promptfoo "2026-09-15 09:30:02" redteam generate -c redteam.yaml -o tests.yaml --max-concurrency 1 --no-cache > generate.log 2>&1
# promptfoo may crash while it closes its own log file ("write after end"): try again.
for try in 1 2 3; do
    promptfoo "2026-09-15 10:05:44" redteam eval -c tests.yaml -o redteam.json --max-concurrency 1 --no-cache > eval.log 2>&1 || [ $? -eq 100 ] || continue # 100: some tests failed
    break
done
mkdir -p "$2"
cp redteam.json "$2/redteam.json"
