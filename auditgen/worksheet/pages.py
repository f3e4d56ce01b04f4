"""The sheets of one audit, built from its audit.yaml and the checklists it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditgen.checklists import EVIDENCE_CODES, Profile, applicability
from auditgen.worksheet import columns as c
from auditgen.worksheet.facts import about_page, profile_page
from auditgen.worksheet.sheets import Column, Kind, Page, Row, Shown, locked, plain, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditgen.project import Project

SPARE = 25
LISTED = {"Principles": "principles", "Expected": "expected", "Documents": "documents", "Waivers": "waivers",
          "Remediation": "remediation"}  # fmt: skip
"""Sheets whose rows are the entries of one top-level list."""


def pages_of(project: Project) -> tuple[Page, ...]:
    """All sheets between the guide and the hidden ones, in order."""
    value, audit = project.document.value, project.audit
    sources = tuple(s.id for s in audit.sources)
    principles = tuple(p.id for p in audit.principles)
    controls = controls_page(project)
    codes = tuple(EVIDENCE_CODES)
    criteria = c.criterion_columns(principles, tuple(sorted(project.indicators)), audit.system.models)
    names = tuple(row.key for row in controls.rows)
    return (
        about_page(value),
        profile_page(project),
        _list_page("Principles", c.principle_columns(), value),
        Page("Criteria", criteria, tuple(_criteria(value, criteria)), SPARE, can_delete=True),
        _list_page("Expected", c.expected_columns(sources), value),
        _list_page("Documents", c.document_columns(codes), value),
        _attestations(value),
        _list_page("Waivers", c.waiver_columns(names), value),
        _list_page("Remediation", c.remedy_columns(sources), value),
        controls,
        _sources(value),
    )


def at(entry: Any, path: Sequence[str]) -> Any:
    """The value under some keys; None where one of them is not there."""
    for part in path:
        if not isinstance(entry, dict) or part not in entry:
            return None
        entry = entry[part]
    return entry


def _row(key: str, columns: tuple[Column, ...], entry: Any, **special: Shown) -> Row:
    """A row for an entry; its first cell is the key and locked."""
    rules = (locked(columns[0]), *columns[1:])
    cells = [special.get(col.title.lower(), show(at(entry, col.path), col.kind)) for col in rules[1:]]
    return Row(plain(key), rules, (Shown(plain(key)), *cells))


def _list_page(title: str, columns: tuple[Column, ...], value: dict[str, Any]) -> Page:
    entries = value.get(LISTED[title]) or []
    rows = tuple(_row(entry["id"], columns, entry) for entry in entries)
    return Page(title, columns, rows, SPARE, can_delete=True)


def _criteria(value: dict[str, Any], columns: tuple[Column, ...]) -> Iterator[Row]:
    belongs = tuple(locked(col) if col.title == c.PRINCIPLE else col for col in columns)
    for principle in value["principles"]:
        for entry in principle["criteria"]:
            kinds = [name for name in c.THRESHOLDS if entry.get(name) is not None]
            where = entry.get("where") or {}
            words = "; ".join(
                f"{k} = {', '.join([v] if isinstance(v, str) else v)}" for k, v in where.items()
            )
            special = {
                "principle": Shown(plain(principle["id"])),
                "threshold": Shown(kinds[0]),
                "limit": show(entry[kinds[0]], Kind.NUMBER),
                "only records with": Shown(plain(words)),
            }
            yield _row(entry["id"], belongs, entry, **special)


def _attestations(value: dict[str, Any]) -> Page:
    documents = value.get("documents") or []
    columns = c.attestation_columns(tuple(d["id"] for d in documents))
    rows = tuple(_row(entry["id"], columns, entry) for entry in documents)
    return Page("Attestations", columns, rows, SPARE, can_delete=True)


def controls_page(project: Project) -> Page:
    """Every control of the chosen checklists, with the principles that answer it."""
    profile = project.audit.profile
    declared = Profile(
        roles=None if profile.roles is None else frozenset(profile.roles),
        risk_classes=None if profile.risk_classes is None else frozenset(profile.risk_classes),
        facts=profile.facts,
    )
    last = project.audit.period.end
    columns = (
        Column("Control", "The checklist and the control in it.", width=26, is_locked=True),
        Column("Title", "Its title.", width=30, is_locked=True),
        Column("Requirement", "What it asks for, in our own words.", width=60, is_locked=True),
        Column(
            "Applies?", f"By the sheet Profile, on {last.isoformat()}, the last day of the period.",
            width=16, is_locked=True,
        ),
        Column("Why", "The reason for it.", width=36, is_locked=True),
        Column("Evidence", "Codes of what it needs; of those with “or” between them one is enough.",
            width=24, is_locked=True),
        Column(
            c.ANSWERED_BY, "Ids of the principles whose evidence speaks to it.", kind=Kind.LIST, width=18,
        ),
    )  # fmt: skip
    answered: dict[str, list[str]] = {}
    for principle in project.audit.principles:
        for name in dict.fromkeys(principle.answers):
            answered.setdefault(name, []).append(principle.id)
    rows: dict[str, Row] = {}
    for checklist in project.checklists:
        for control in checklist.controls:
            name = f"{checklist.framework.id}:{control.id}"
            word, reason = applicability(control, declared, last)
            texts = (
                name, control.title, control.statement, word.value.replace("_", " "), reason,
                "; ".join(" or ".join(need.any_of) for need in control.evidence),
            )  # fmt: skip
            by = show(answered.get(name, []), Kind.LIST)
            key = plain(name)
            rows.setdefault(key, Row(key, columns, (*(Shown(plain(text)) for text in texts), by)))
    return Page("Controls", columns, tuple(rows.values()))


def _sources(value: dict[str, Any]) -> Page:
    def col(title: str, about: str, width: int) -> Column:
        return Column(title, f"{about} It is changed in audit.yaml.", width=width, is_locked=True)

    columns = (
        col("Source", "The id that criteria name.", 20),
        col("Title", "As the report calls it.", 36),
        col("Provider", "Who made the evidence.", 36),
        col("Independence", "How far the maker stands from the developers of the system.", 20),
        col("Received", "Day and sender.", 36),
        col("Files", "Relative to audit.yaml; a name with * stands for several.", 50),
    )
    rows = []
    for entry in value["sources"]:
        files = entry.get("files") or []
        where = "\n".join(files) if files else f"table {entry.get('table')}"
        texts = (
            entry["id"], entry["title"], entry["provider"]["name"], entry["provider"]["independence"],
            f"{entry['custody']['received_on']} from {entry['custody']['received_from']}",
        )  # fmt: skip
        link = relative_link(files[0]) if len(files) == 1 else ""
        cells = (*(Shown(plain(text)) for text in texts), Shown(plain(where), link=link))
        rows.append(Row(cells[0].text, columns, cells))
    return Page("Sources", columns, tuple(rows))


def relative_link(name: str) -> str:
    """An address for a file below audit.yaml; for a pattern, for the folder. Empty where it would leave it.

    No scheme, no network path, no drive, no step upwards: a click must not lead anywhere else.
    """
    from urllib.parse import quote

    if "\\" in name or ":" in name or name.startswith(("/", "~")) or not name.isprintable():
        return ""
    kept: list[str] = []
    for part in name.split("/"):
        if any(sign in part for sign in "*?["):
            break
        kept.append(part)
    if not kept or any(part in {"", ".", ".."} for part in kept):
        return ""
    return quote("/".join(kept), safe="/")
