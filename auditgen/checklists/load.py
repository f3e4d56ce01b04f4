"""Loading checklist files: every fault with its line and column, all at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auditgen.checklists import cache, tailoring
from auditgen.checklists.checks import check_document
from auditgen.errors import InputRefused
from auditgen.resources import resource_dir
from auditgen.yamlspan import read_yaml_bytes, read_yaml_raw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditgen.checklists.model import Checklist
    from auditgen.diagnostics import Diagnostic

SUFFIX = ".yaml"


def available_checklists() -> dict[str, Path]:
    """The checklists that ship, by framework id (the file's stem)."""
    return {path.stem: path for path in sorted(resource_dir("standards").glob(f"*{SUFFIX}"))}


def load_checklists(names: Sequence[str | Path]) -> tuple[Checklist, ...]:
    """Several checklists by shipped id or path. Raises InputRefused with the faults of all of them."""
    out: list[Checklist] = []
    diagnostics: list[Diagnostic] = []
    shipped = available_checklists()
    for name in names:
        path = shipped.get(str(name), Path(name))
        try:
            out.append(load_checklist(path))
        except InputRefused as refusal:
            diagnostics += refusal.diagnostics
    if diagnostics:
        count = len(diagnostics)
        raise InputRefused(
            f"{count} fault{'s' if count != 1 else ''} in checklists; nothing was assessed",
            diagnostics=diagnostics,
        )
    return tuple(out)


