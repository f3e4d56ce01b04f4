"""Audits as workbooks: a small project with something on every sheet, and ways to edit a workbook of it."""

from __future__ import annotations

import io
from datetime import date
from typing import TYPE_CHECKING, Any

import openpyxl

from auditgen.cli import run
from helpers import workshop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from helpers.workshop import Json

HOUSE = """\
schema: auditgen-checklist-1
framework:
  id: house
  title: House rules
  authority: Example Ltd
  citation: House rules, version 3
  source_version: "3"
  checklist_version: "1.0"
  binding: internal
  licence: {text: our own, policy: paraphrase_only, attribution: Example Ltd}
  review: {legal_review: none, last_checked: 2026-11-20, text_basis: read, sources: [the rules themselves]}
  scope: everything
vocabulary: {roles: [provider, deployer], risk_classes: [high, low]}
questions:
  - {id: talks, ask: Does it talk to people?, values: ["yes", "no"]}
  - {id: size, ask: How large is it?, values: [small, "large, very"]}
groups:
  - {id: one, title: First, cite: s. 1}
controls:
  - {id: "1", group: one, title: Refuse harm, requirement: It refuses., cite: s. 1, kind: obligation,
     applies: {role: provider}, severity: high, evidence: [{id: a, any_of: [EV-REF, EV-ASR]}]}
  - {id: "2", group: one, title: '=cmd|x', requirement: 'It watches _x0041_.', cite: s. 2, kind: obligation,
     applies: {fact: talks, equals: "yes"}, severity: low, evidence: [{id: a, any_of: [DO-IRP]}]}
"""
PERSON = {"name": "B. Reader", "role": "counsel"}
ATTESTED = {
    "reviewer": PERSON, "date": "2026-09-01", "passage": "s. 2", "statement": "It is in force.", "sha256": "a" * 64,
}  # fmt: skip


def document(name: str, **parts: Any) -> Json:
    """A block of `documents`."""
    return {"id": name, "kind": "DO-IRP", "title": "Policy", "file": "policy.md", "version": "1",
            "dated": "2026-05-01", "owner": "head of safety", **parts}  # fmt: skip


def waiver(name: str, **parts: Any) -> Json:
    """A block of `waivers`."""
    return {"id": name, "control": "house:2", "reason": "it is being moved", "approver": PERSON,
            "compensating": "a list by hand", "approved_on": "2026-09-01", "last_day": "2026-12-31", **parts}  # fmt: skip


def remedy(name: str, **parts: Any) -> Json:
    """A block of `remediation`."""
    return {"id": name, "of": "C1", "owner": PERSON, "action": "train again", "opened_on": "2026-09-01",
            "due": "2026-12-31", "status": "open", **parts}  # fmt: skip


def full(**changes: Any) -> Json:
    """An audit.yaml with an entry in every list that has a sheet."""
    first = workshop.audit()["principles"][0]
    parts: Json = {
        "standards": ["house.yaml"],
        "profile": {"roles": ["provider"], "facts": {"talks": "yes"}},
        "principles": [
            {**first, "declared_on": "2026-06-01", "answers": ["house:1"]},
            {"id": "P2", "title": "Withstands", "promise": "It withstands.", "criteria": [
                workshop.criterion("C2", where={"category": ["cyber"]}), workshop.criterion("C3", at_least=0.5),
            ]},
        ],
        "documents": [document("D1", attestation=ATTESTED), document("D2")],
        "expected": [{"id": "X1", "title": "All of it", "source": "lab", "due": "2026-09-30"}],
        "waivers": [waiver("W1")],
        "remediation": [remedy("R1"), remedy("R2", of="house:1")],
    }  # fmt: skip
    return workshop.audit(**{**parts, **changes})


def project(folder: Path, **changes: Any) -> Path:
    """Its audit.yaml, with the checklist beside it."""
    return workshop.write_project(folder, full(**changes), {"house.yaml": HOUSE})


def exported(audit: Path) -> Path:
    """The workbook of an audit.yaml."""
    assert run(["worksheet", "export", str(audit), "--force", "-q"]) == 0
    return audit.with_suffix(".xlsx")


def imported(audit: Path, *options: str) -> int:
    """The exit code of taking it back; the new file is `audit.new.yaml`."""
    return run(["worksheet", "import", str(audit.with_suffix(".xlsx")), str(audit), "--force", *options])


def edit(path: Path, change: Callable[[Any], None]) -> None:
    """Open a workbook, change it, save it."""
    book = openpyxl.load_workbook(path)
    change(book)
    out = io.BytesIO()
    book.save(out)
    path.write_bytes(out.getvalue())


def at(page: Any, key: str, title: str) -> Any:
    """The cell of a row under a heading."""
    heads = [cell.value for cell in page[1]]
    [row] = [cells for cells in page.iter_rows(min_row=2) if cells[0].value == key]
    return row[heads.index(title)]


def add(page: Any, *values: Any) -> int:
    """Fill in the first empty row, from the left; returns its number."""
    number = next(n for n in range(2, page.max_row + 1) if page.cell(n, 1).value is None)
    for position, value in enumerate(values, 1):
        page.cell(number, position).value = value
    return number


DAY = date(2026, 12, 24)
