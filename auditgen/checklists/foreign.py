"""One door for files of other tools: what it is decides the importer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditgen.checklists.ciso import import_library
from auditgen.checklists.oscal import import_oscal

if TYPE_CHECKING:
    from pathlib import Path

    from auditgen.checklists.imported import Imported, Wish

LOOKED_AT = 4096


def import_file(path: Path, wish: Wish) -> Imported:
    """A checklist from an OSCAL catalog or profile (JSON) or a CISO Assistant library (YAML).

    What it is is seen from its first character, not from its name. Raises InputRefused.
    """
    return import_oscal(path, wish) if _is_json(path) else import_library(path, wish)


def _is_json(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            begin = stream.read(LOOKED_AT)
    except OSError:
        return path.suffix.lower() == ".json"
    return begin.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"{", b"["} or path.suffix.lower() == ".json"
