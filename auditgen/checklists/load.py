"""Loading checklist files: every fault with its line and column, all at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auditgen.checklists import cache, tailoring
from auditgen.checklists.checks import check_document
from auditgen.errors import InputRefused
from auditgen.resources import resource_dir
from auditgen.yamlspan import read_yaml_bytes, yaml_bytes

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


def load_checklist(path: Path) -> Checklist:
    """One checklist, or a tailoring resolved to one. Raises InputRefused with every fault found."""
    return _load(path, ())


def checklist_files(path: Path) -> tuple[Path, ...]:
    """The file and every file its tailoring rests on, nearest first. Raises InputRefused."""
    out = [path]
    while (base := _base_of(out[-1])) is not None:
        if base.resolve() in {known.resolve() for known in out} or len(out) > tailoring.MAX_CHAIN:
            load_checklist(path)  # says where the circle is
            break
        out.append(base)
    return tuple(out)


def _base_of(path: Path) -> Path | None:
    raw, fault = yaml_bytes(path)
    if fault is not None or tailoring.SCHEMA.encode() not in raw:
        return None
    value = read_yaml_bytes(raw, str(path)).value
    if not tailoring.is_tailoring(value):
        return None
    extends = value.get("extends")
    return tailoring.base_path(str(extends), path, available_checklists())


def _load(path: Path, above: tuple[Path, ...]) -> Checklist:
    raw, fault = yaml_bytes(path)
    if fault is not None:
        raise _refusal(path, [fault])
    known = cache.find(raw)
    if known is not None:
        return known
    document = read_yaml_bytes(raw, str(path))
    if tailoring.is_tailoring(document.value):
        chain = (*above, path)
        checklist, diagnostics = tailoring.resolve(
            document, chain, available_checklists(), lambda base: _load(base, chain)
        )
        if checklist is None or diagnostics:
            raise _refusal(path, diagnostics, "docs/checklists.md says what a tailoring may change")
        return checklist
    checklist, diagnostics = check_document(document)
    if checklist is None or diagnostics:
        raise _refusal(path, diagnostics)
    cache.keep(raw, checklist)
    return checklist


_NEEDED = "every control needs id, group, title, requirement, cite, applies and evidence"


def _refusal(path: Path, diagnostics: Sequence[Diagnostic], hint: str = _NEEDED) -> InputRefused:
    count = len(diagnostics)
    return InputRefused(
        f"{count} fault{'s' if count != 1 else ''} in `{path}`; it was not used",
        hint=hint,
        diagnostics=diagnostics,
    )
