"""From a workbook that came back to a new audit.yaml, or to every reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditgen.diagnostics import shown_value
from auditgen.errors import InputRefused
from auditgen.worksheet.applying import Applied, apply, named
from auditgen.worksheet.bookreading import read_book
from auditgen.worksheet.edits import find_edits, told
from auditgen.worksheet.faults import Fault, Unusable
from auditgen.worksheet.pages import pages_of
from auditgen.worksheet.rewriting import rewrite
from auditgen.worksheet.sheets import lines_of, same
from auditgen.yamlspan import read_yaml_text

if TYPE_CHECKING:
    from pathlib import Path

    from auditgen.diagnostics import Diagnostic
    from auditgen.project import Project
    from auditgen.worksheet.sheets import Lines

MAX_DIFFERENCES = 20


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a workbook makes of audit.yaml; with faults nothing in it counts."""

    text: str = ""
    changes: tuple[str, ...] = ()
    """Every change in a line."""
    anew: tuple[str, ...] = ()
    """Top-level keys that were written anew, without the comments inside."""
    faults: tuple[Fault, ...] = ()
    is_other: bool = False
    """The workbook was made from another audit.yaml; the faults tell what differs."""
    applied: Applied | None = None


def propose(data: bytes, project: Project, digest: str, *, is_merge: bool = False) -> Proposal:
    """The new text. `digest` is the SHA-256 of audit.yaml; `is_merge` allows a workbook of another."""
    try:
        returned = read_book(data)
    except Unusable as stop:
        return Proposal(faults=(stop.fault,))
    pages = pages_of(project)
    now = lines_of(pages)
    differences = _differences(returned.lines, now)
    if not is_merge and (returned.audit != digest or differences):
        return Proposal(faults=tuple(_other(differences, is_changed=returned.audit != digest)), is_other=True)
    sheets = find_edits(returned, pages, returned.lines if is_merge else now, now)
    applied = apply(project.document.value, sheets) if not sheets.faults else Applied({})
    faults = (*sheets.faults, *applied.faults)
    if faults:
        return Proposal(faults=faults)
    rewritten = rewrite(project.document, applied.value)
    changes = tuple(told(sheets.edits, sheets))
    return Proposal(rewritten.text, changes, rewritten.anew, applied=applied)


def _differences(base: Lines, now: Lines) -> list[tuple[tuple[str, str, str], str | None, str | None]]:
    """What the workbook was made from against what audit.yaml and the checklists say now."""
    plain = {tuple(part.replace("x005F_", "") for part in place): text for place, text in base.items()}
    out: list[tuple[tuple[str, str, str], str | None, str | None]] = []
    seen = set()
    for place, text in now.items():
        name = tuple(part.replace("x005F_", "") for part in place)
        seen.add(name)
        before = plain.get(name)
        if before is None or not same(before, text):
            out.append((place, before, text))
    out += [(place, text, None) for place, text in base.items()
            if tuple(part.replace("x005F_", "") for part in place) not in seen]  # fmt: skip
    return out


def _other(
    differences: list[tuple[tuple[str, str, str], str | None, str | None]], *, is_changed: bool
) -> list[Fault]:
    what = "audit.yaml is not the one" if is_changed else "the checklists, or this program, are not those"
    first = f"{what} that the workbook was made from"
    if not differences:
        first += "; what differs stands in none of the sheets"
    out = [Fault("workbook-other-audit", first)]
    for (sheet, key, column), before, after in differences[:MAX_DIFFERENCES]:
        if before is None or after is None:
            where = "now only in audit.yaml" if before is None else "now only in the workbook"
            message = f"`{key}`, `{column}`: {where}"
        else:
            message = f"`{key}`, `{column}`: was {shown_value(before)}, is now {shown_value(after)}"
        out.append(Fault("workbook-other-audit", message, sheet))
    if len(differences) > MAX_DIFFERENCES:
        out.append(Fault("workbook-other-audit", f"and {len(differences) - MAX_DIFFERENCES:,} more"))
    return out


def candidate_faults(proposal: Proposal, path: Path) -> list[Fault]:
    """What is wrong with the new text, which lies at `path`, with the cells where it comes from."""
    from auditgen.project import load_project

    try:
        load_project(path, needs_signer=False)
    except InputRefused as refusal:
        return [_at_cell(diagnostic, proposal, str(path)) for diagnostic in refusal.diagnostics]
    return []


def _at_cell(diagnostic: Diagnostic, proposal: Proposal, name: str) -> Fault:
    message = "; ".join([diagnostic.message, *diagnostic.helps[:1]])
    applied = proposal.applied
    if diagnostic.file != name or applied is None:
        return Fault(diagnostic.code, f"{diagnostic.file}: {message}" if diagnostic.file != name else message)
    document = read_yaml_text(proposal.text, name)
    found = [(path, False) for path, span in document.values.items() if span == diagnostic.span]
    found += [(path, True) for path, span in document.keys.items() if span == diagnostic.span]
    for path, is_key in sorted(found, key=lambda pair: -len(pair[0])):
        where = named(applied.value, path)
        place = applied.place(where, key=is_key)
        if place is not None:
            return Fault(diagnostic.code, message, *place)
        return Fault(diagnostic.code, f"{'.'.join(where)} in audit.yaml, which has no cell: {message}")
    return Fault(diagnostic.code, message)
