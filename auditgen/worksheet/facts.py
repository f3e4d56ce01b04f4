"""The two sheets with one fact a row: what the report is about, and what decides which controls apply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditgen.project.model import Organisation, PeriodBlock, Practitioner, ReportBlock, System
from auditgen.project.terms import Person
from auditgen.worksheet.columns import closed
from auditgen.worksheet.sheets import Column, Kind, Page, Row, Shown, plain, show

if TYPE_CHECKING:
    from pydantic import BaseModel

    from auditgen.project import Project

VALUE, ANSWER = "Value", "Answer"
YES_NO = ("yes", "no")
LISTS_OF_WORDS = (("roles", "Role"), ("risk_classes", "Risk class"))

_ABOUT: tuple[tuple[type[BaseModel], str, Kind, str], ...] = (
    (Organisation, "organisation.name", Kind.TEXT, "Who makes the promises; printed on every page."),
    (Organisation, "organisation.contact", Kind.TEXT, "Where to ask; not printed yet."),
    (System, "system.name", Kind.TEXT, "What the promises are about."),
    (System, "system.version", Kind.TEXT, "Its version."),
    (System, "system.models", Kind.LIST, ""),
    (System, "system.description", Kind.TEXT, "What it does; not printed yet."),
    (PeriodBlock, "period.start", Kind.DAY, "The first day of the report, UTC."),
    (PeriodBlock, "period.end", Kind.DAY, "The last day of the report, UTC."),
    (ReportBlock, "report.id", Kind.TEXT, "The report's id: letters, digits, dots, dashes."),
    (ReportBlock, "report.version", Kind.TEXT, "Of the report; 1.0 when empty."),
    (ReportBlock, "report.mode", Kind.TEXT, "Decides title, wording and signature block."),
    (ReportBlock, "report.prepared_for", Kind.TEXT, "Who will read it."),
    (Person, "report.prepared_by.name", Kind.TEXT, "Who made it."),
    (Person, "report.prepared_by.role", Kind.TEXT, "What this person is in the organisation."),
    (
        Person,
        "report.approved_by.name",
        Kind.TEXT,
        "Who answers for it; another person than the one who made it.",
    ),
    (Person, "report.approved_by.role", Kind.TEXT, "What this person is in the organisation."),
    (ReportBlock, "report.classification", Kind.TEXT, "Printed at the head of every page."),
    (ReportBlock, "report.page_size", Kind.TEXT, "Of the PDF."),
    (ReportBlock, "report.redaction", Kind.TEXT, ""),
    (ReportBlock, "report.pack_evidence", Kind.TEXT, ""),
    (Practitioner, "report.practitioner.name", Kind.TEXT, "Only for independent_assurance: who gives it."),
    (Practitioner, "report.practitioner.firm", Kind.TEXT, "The firm."),
    (Practitioner, "report.practitioner.standard", Kind.TEXT, "The assurance standard that was followed."),
    (Practitioner, "report.practitioner.level", Kind.TEXT, "The level of assurance."),
    (
        Practitioner,
        "report.practitioner.independence_statement",
        Kind.TEXT,
        "Why the practitioner is independent.",
    ),
)


def about_page(value: dict[str, Any]) -> Page:
    """Organisation, system, period and report."""
    columns = (
        Column("Key", "Where it stands in audit.yaml.", width=34, is_locked=True),
        Column(VALUE, "What you declare.", width=60),
        Column("What it means", "What the report does with it.", width=70, is_locked=True),
    )
    rows = []
    for model, key, kind, about in _ABOUT:
        path = tuple(key.split("."))
        info = model.model_fields[path[-1]]
        at: Any = value
        for part in path:
            at = at.get(part) if isinstance(at, dict) else None
        is_optional = len(path) > 2 and path[1] != "prepared_by"
        rule = Column(
            VALUE, columns[1].about, path, kind, 60, closed(info.annotation),
            is_needed=info.is_required() and not is_optional,
        )  # fmt: skip
        words = about or info.description or ""
        if kind is Kind.LIST:
            words += " Several: with commas between them."
        cells = (Shown(key), show(at, kind), Shown(words))
        rows.append(Row(key, (columns[0], rule, columns[2]), cells))
    return Page("About", columns, tuple(rows))


def profile_page(project: Project) -> Page:
    """Roles, risk classes and questions of the chosen checklists, with the answers now."""
    answer = Column(
        ANSWER, "Empty is an answer too: open. Controls that depend on it then need a legal view.", width=16
    )
    columns = (
        Column("Key", "Where it stands in audit.yaml.", width=44, is_locked=True),
        Column("Question", "As the checklists ask it.", width=80, is_locked=True),
        answer,
        Column("Allowed answers", "The words that are understood.", width=30, is_locked=True),
    )
    profile = project.document.value.get("profile") or {}
    rows: dict[str, Row] = {}

    def add(key: str, question: str, now: Shown, words: tuple[str, ...]) -> None:
        rule = Column(ANSWER, answer.about, ("profile", *key.split(".", 1)), width=16, choices=words)
        cells = (Shown(plain(key)), Shown(plain(question)), now, Shown(plain(", ".join(words))))
        rows.setdefault(plain(key), Row(plain(key), (columns[0], columns[1], rule, columns[3]), cells))

    for name, title in LISTS_OF_WORDS:
        now = profile.get(name)
        words = {word: None for x in project.checklists for word in getattr(x.vocabulary, name)}
        for word in [*words, *(w for w in now or () if w not in words)]:
            is_named = Shown() if now is None else Shown("yes" if word in now else "no")
            add(f"{name}.{word}", f"{title}: {word.replace('_', ' ')}?", is_named, YES_NO)
    facts = profile.get("facts") or {}
    questions = {q.id: q for checklist in project.checklists for q in checklist.questions}
    for name in [*questions, *(n for n in facts if n not in questions)]:
        asked = questions.get(name)
        now_shown = show(facts.get(name), Kind.TEXT)
        add(f"facts.{name}", asked.ask if asked else name, now_shown, asked.values if asked else ())
    return Page("Profile", columns, tuple(rows.values()))
