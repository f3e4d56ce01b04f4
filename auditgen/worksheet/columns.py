"""The columns of the sheets that show lists of audit.yaml.

What a column means is taken from the model's own description of the key where it has one.
"""

from __future__ import annotations

import types
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from auditgen.project.governance import Remedy, Waiver
from auditgen.project.model import Attestation, Criterion, DocumentBlock, ExpectedItem, Principle
from auditgen.project.terms import Person
from auditgen.worksheet.sheets import Column, Kind

if TYPE_CHECKING:
    from pydantic import BaseModel

THRESHOLD, LIMIT, PRINCIPLE = "Threshold", "Limit", "Principle"
ANSWERED_BY = "Answered by"
THRESHOLDS = ("at_least", "at_most", "within")
_ID = "Its id, printed in every output. It cannot be changed here; a new row needs one of its own."


def column(
    model: type[BaseModel],
    name: str,
    title: str,
    width: int = 20,
    kind: Kind = Kind.TEXT,
    about: str = "",
    **more: Any,
) -> Column:
    """A column for one key of a model."""
    info = model.model_fields[name]
    said = " ".join(part for part in (about, info.description or "") if part)
    if not info.is_required() and info.default not in (None, ()):
        said += f" Empty means {info.default}."
    more.setdefault("path", (name,))
    return Column(
        title,
        said.strip(),
        kind=kind,
        width=width,
        choices=more.pop("choices", closed(info.annotation)),
        is_needed=more.pop("is_needed", info.is_required()),
        **more,
    )


def closed(annotation: Any) -> tuple[str, ...]:
    """The words that an annotation allows, where it lists them."""
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return tuple(word.value for word in annotation)
    if get_origin(annotation) is Literal:
        return tuple(str(word) for word in get_args(annotation))
    if get_origin(annotation) in {Union, types.UnionType}:
        return tuple(word for part in get_args(annotation) for word in closed(part))
    return ()


def person(path: tuple[str, ...], who: str, about: str, *, is_needed: bool = True) -> tuple[Column, Column]:
    """Two columns for a named person."""
    return (
        column(Person, "name", who, 22, about=about, path=(*path, "name"), is_needed=is_needed),
        column(
            Person, "role", f"Role of {who.lower()}", 24, about="What this person is in the organisation.",
            path=(*path, "role"), is_needed=is_needed,
        ),
    )  # fmt: skip


def principle_columns() -> tuple[Column, ...]:
    """`principles`, without their criteria."""
    return (
        column(Principle, "id", "Id", 12, about=_ID),
        column(Principle, "title", "Title", 28, about="A few words for headings."),
        column(Principle, "promise", "Promise", 60, about="The promise in the organisation's own words."),
        column(Principle, "promised_in", "Promised in", 32),
        column(Principle, "declared_on", "Declared on", 13, Kind.DAY),
        Column(
            "Answers",
            "Controls that its evidence speaks to. To change them, edit “Answered by” on the sheet Controls.",
            ("answers",), Kind.LIST, 40, is_locked=True,
        ),
    )  # fmt: skip


def criterion_columns(
    principles: tuple[str, ...], indicators: tuple[str, ...], models: tuple[str, ...]
) -> tuple[Column, ...]:
    """`principles[].criteria`, each with its principle."""
    return (
        column(Criterion, "id", "Id", 16, about=_ID),
        Column(
            PRINCIPLE, "The principle it belongs to. It cannot be changed here; a new row names one.",
            width=12, choices=principles, is_open=True, is_needed=True,
        ),
        column(Criterion, "indicator", "Indicator", 28, about="What is measured.", choices=indicators),
        column(
            Criterion, "sources", "Sources", 24, Kind.LIST,
            "Ids of the sheet Sources whose records are counted together.",
        ),
        Column(
            "Only records with", "Only records with these values count. It is changed in audit.yaml.",
            ("where",), width=24, is_locked=True,
        ),
        Column(
            THRESHOLD,
            "at_least: the lower bound of the interval must reach the limit. at_most: the upper bound must "
            "not exceed it. within: for gaps, the whole interval lies within plus and minus the limit.",
            kind=Kind.TEXT, width=12, choices=THRESHOLDS, is_needed=True,
        ),
        Column(LIMIT, "The declared number, between 0 and 1.", kind=Kind.NUMBER, width=9, is_needed=True),
        column(Criterion, "confidence", "Confidence", 12, Kind.NUMBER, "Of the interval, 0.8 to 0.999."),
        column(Criterion, "min_n", "Least n", 9, Kind.WHOLE),
        column(
            Criterion, "max_age_days", "Age in days", 12, Kind.WHOLE,
            "Evidence older than this is stale; 1 to 3660.",
        ),
        column(Criterion, "independence", "Independence", 20),
        column(
            Criterion, "models", "Models", 26, Kind.LIST,
            f"Of the deployed versions ({', '.join(models)[:120]}).",
        ),
        column(Criterion, "limit_hours", "Limit in hours", 13, Kind.NUMBER),
        column(Criterion, "min_coverage", "Least coverage", 15, Kind.NUMBER),
    )  # fmt: skip


def expected_columns(sources: tuple[str, ...]) -> tuple[Column, ...]:
    """`expected`."""
    model = ExpectedItem
    return (
        column(model, "id", "Id", 12, about=_ID),
        column(model, "title", "What should exist", 44, about="In words; printed."),
        column(model, "source", "Source", 20, choices=sources, about="This or the suite, or both."),
        column(model, "suite", "Suite", 20, about="The suite's name as the tool recorded it."),
        column(model, "model", "Model", 26, about="The version it should be about."),
        column(model, "min_n", "Least n", 9, Kind.WHOLE),
        column(
            model, "provider", "Provider", 28, about="The name of the source's provider, where it matters."
        ),
        column(model, "due", "Due", 13, Kind.DAY, "The day on which it should be there."),
        column(model, "criteria", "Criteria", 22, Kind.LIST),
    )


def document_columns(codes: tuple[str, ...]) -> tuple[Column, ...]:
    """`documents`, without their attestations."""
    model = DocumentBlock
    return (
        column(model, "id", "Id", 18, about=_ID),
        column(model, "kind", "Kind", 11, choices=codes),
        column(model, "title", "Title", 34, about="As the report calls it."),
        column(model, "file", "File", 40, about="Its path, relative to audit.yaml."),
        column(model, "version", "Version", 10, about="Its own version."),
        column(model, "dated", "Dated", 13, Kind.DAY, "Its own date."),
        column(model, "owner", "Owner", 28, about="Who keeps it."),
    )


def attestation_columns(documents: tuple[str, ...]) -> tuple[Column, ...]:
    """`documents[].attestation`, a row for each document."""
    model, above = Attestation, ("attestation",)

    def one(name: str, title: str, width: int, kind: Kind = Kind.TEXT, about: str = "") -> Column:
        return column(model, name, title, width, kind, about, path=(*above, name))

    return (
        Column(
            "Document", "The id of the document.", width=18, choices=documents, is_open=True, is_needed=True
        ),
        *person((*above, "reviewer"), "Reviewer", "Who gives the word."),
        one("date", "Date", 13, Kind.DAY, "The day of the review."),
        one("method", "Method", 12),
        one("passage", "Passage", 26),
        one("statement", "Statement", 50, about="What the reviewer found; printed."),
        one("sha256", "SHA-256", 34),
        one("expires", "Expires", 13, Kind.DAY, "The last day on which it counts."),
    )


def waiver_columns(controls: tuple[str, ...]) -> tuple[Column, ...]:
    """`waivers`."""
    return (
        column(Waiver, "id", "Id", 12, about=_ID),
        column(
            Waiver, "control", "Control", 26, choices=controls, is_open=not controls,
            about="As on the sheet Controls, written",
        ),
        column(Waiver, "reason", "Reason", 44, about="Why it is accepted."),
        *person(("approver",), "Approver", "Who accepts it."),
        column(Waiver, "compensating", "Instead", 44),
        column(Waiver, "approved_on", "Approved on", 13, Kind.DAY, "The first day on which it counts."),
        column(Waiver, "last_day", "Last day", 13, Kind.DAY),
    )  # fmt: skip


def remedy_columns(sources: tuple[str, ...]) -> tuple[Column, ...]:
    """`remediation`."""
    return (
        column(Remedy, "id", "Id", 12, about=_ID),
        column(Remedy, "of", "Of", 28, about="What is weak:"),
        column(Remedy, "source", "Source", 20, choices=sources),
        *person(("owner",), "Owner", "Who sees to it."),
        column(Remedy, "action", "Action", 50, about="What will be done."),
        column(Remedy, "opened_on", "Opened on", 13, Kind.DAY, "The day on which somebody took it on."),
        column(Remedy, "due", "Due", 13, Kind.DAY, "After it, and not done, it is a finding."),
        column(Remedy, "status", "Status", 13, about="What is true today."),
        column(Remedy, "closed_on", "Closed on", 13, Kind.DAY, "Only with the status done: the day of it."),
    )
