#!/usr/bin/env bash
# Checks what a virtual environment and the PDF renderer need from the system. As root it installs what is
# missing; otherwise it prints the one command that would, and stops.
set -euo pipefail
python="${1:-python3}"
missing=()

"$python" - <<'PY' || { echo "auditgen needs Python 3.11 or newer" >&2; exit 1; }
import sys
sys.exit(sys.version_info < (3, 11))
PY

"$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)

# WeasyPrint opens these libraries by name
has_library() {
  "$python" - "$1" <<'PY'
import ctypes, sys
try:
    ctypes.CDLL(sys.argv[1])
except OSError:
    sys.exit(1)
PY
}
has_library libpango-1.0.so.0 || missing+=(libpango-1.0-0)
has_library libpangoft2-1.0.so.0 || missing+=(libpangoft2-1.0-0)
has_library libharfbuzz-subset.so.0 || missing+=(libharfbuzz-subset0)

if [ "${#missing[@]}" -eq 0 ]; then exit 0; fi
command="apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "installing ${missing[*]}" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $command
else
  echo "auditgen needs ${missing[*]}. As root, run:" >&2
  echo "  $command" >&2
  exit 1
fi
