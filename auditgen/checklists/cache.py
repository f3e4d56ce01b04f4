"""Sound checklists, kept so that a file that did not change is not parsed again.

Parsing YAML costs thirty times what validating costs. The key is a digest of the file's bytes, of the
program's version and of the code that judges it; what is kept is JSON with its own digest in front, and
it is validated again when it is used. Whatever is wrong with the cache, the work goes on without it.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from functools import lru_cache
from pathlib import Path

from auditgen import __version__, yamlspan
from auditgen.canonical import sha256_bytes
from auditgen.checklists.model import Checklist

SWITCH = "AUDITGEN_CHECKLIST_CACHE"
"""Environment variable: `off`, or the directory to use instead of the user's own cache."""
MAX_ENTRIES = 128
_DIGEST_CHARS = 64


def cache_dir() -> Path | None:
    """Where entries lie; None when it is switched off or there is no home."""
    wanted = os.environ.get(SWITCH, "")
    if wanted.lower() == "off":
        return None
    if wanted:
        return Path(wanted)
    given = os.environ.get("XDG_CACHE_HOME", "")
    if given and Path(given).is_absolute():  # the XDG specification: a relative one is ignored
        return Path(given) / "auditgen" / "checklists"
    try:
        return Path.home() / ".cache" / "auditgen" / "checklists"
    except RuntimeError:
        return None


def find(raw: bytes) -> Checklist | None:
    """The checklist these bytes were once found to hold, or None."""
    path = _entry(raw)
    if path is None:
        return None
    try:
        head, _, payload = path.read_bytes().partition(b"\n")
        if head.decode("ascii") != sha256_bytes(payload):
            return None
        return Checklist.model_validate_json(payload)
    except (OSError, ValueError):  # absent, damaged, or another model's: all the same
        return None


def keep(raw: bytes, checklist: Checklist) -> None:
    """Remember that these bytes hold this sound checklist; without a word when that cannot be done."""
    path = _entry(raw)
    if path is None:
        return
    payload = checklist.model_dump_json(by_alias=True, exclude_unset=True).encode()
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".new")
        try:
            with open(handle, "wb") as stream:
                stream.write(sha256_bytes(payload).encode() + b"\n" + payload)
            os.replace(name, path)
        except OSError:
            os.unlink(name)
            raise
        _prune(path.parent)


def _entry(raw: bytes) -> Path | None:
    folder = cache_dir()
    if folder is None:
        return None
    return folder / f"{sha256_bytes(raw)}-{_judged_by()}.json"


@lru_cache(maxsize=1)
def _judged_by() -> str:
    """A digest of the version and of the code that decides whether a file is sound."""
    here = Path(__file__).parent
    files = [*sorted(here.glob("*.py")), Path(yamlspan.__file__)]
    parts = [__version__.encode()]
    for path in files:
        with contextlib.suppress(OSError):
            parts.append(path.read_bytes())
    return sha256_bytes(b"\0".join(parts))[: _DIGEST_CHARS // 4]


def _prune(folder: Path) -> None:
    """Remove the entries that were written first, beyond `MAX_ENTRIES`."""
    entries = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    for path in entries[:-MAX_ENTRIES]:
        path.unlink(missing_ok=True)
