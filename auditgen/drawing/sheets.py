"""What the workbook holds: every sheet with its columns and rows, out of the document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditgen.drawing.columns import (
    CODED,
    CODED_NOTE,
    CONFIGURATIONS,
    CONTROLS,
    CRITERIA,
    EXHIBITS,
    FILES,
    INCIDENTS,
    MEASURES,
    MEASURES_NOTE,
    POAM,
    SHIFTS,
    SLICES,
    TREND,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from auditgen.report import Document
    from auditgen.report.figures import Measure, Status

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: columns as (heading, width, number format), then rows."""

    title: str
    columns: tuple[tuple[str, int, str], ...]
    rows: tuple[Row, ...]
    note: str = ""
    """A line above the headings."""


@dataclass(frozen=True, slots=True)
class Toned:
    """A status word that carries its colour."""

    status: Status


def sheets(document: Document, tables: Mapping[str, Sequence[Row]]) -> Iterator[Sheet]:
    """Every sheet in order; the tables that the document refers to come last."""
    meta = document.meta
    yield Sheet(
        "Summary",
        (
            ("Principle", 10, ""),
            ("Title", 28, ""),
            ("Promise", 55, ""),
            ("Conclusion", 24, ""),
            ("Why", 70, ""),
            ("Evidence by", 40, ""),
            ("Findings", 18, ""),
        ),
        tuple(
            (p.id, p.title, p.promise, Toned(p.status), p.reason, p.evidence, ", ".join(p.findings))
            for p in document.principles
        ),
        f"{meta.title}, {meta.system}, {meta.period_words}; {meta.mode_words}; "
        f"{document.signature.words}. {document.headline}",
    )
    yield Sheet("Criteria", CRITERIA, tuple(_criteria(document)))
    yield Sheet("Measures", MEASURES, tuple(_measures(document)), MEASURES_NOTE)
    yield Sheet("Breakdowns", SLICES, tuple(_slices(document)))
    if any(m.trend and len(m.trend.points) > 1 for m in _all_measures(document)):
        yield Sheet("Trend", TREND, tuple(_trend(document)))
    if document.relabelled:
        yield Sheet("Labels by people", CODED, tuple(_coded(document)), CODED_NOTE)
    if any(p.ladder for p in document.principles):
        yield Sheet(
            "Claims ladder",
            (
                ("Principle", 12, ""), ("Rung", 8, "0"), ("Claim", 44, ""), ("Reached?", 22, ""),
                ("Because", 90, ""),
            ),
            tuple(
                (p.id, rung.number, rung.title, Toned(rung.status), rung.reason)
                for p in document.principles
                if p.ladder
                for rung in p.ladder.rungs
            ),
            " ".join(f"{p.id}: {p.ladder.text}" for p in document.principles if p.ladder),
        )  # fmt: skip
    yield Sheet(
        "Not tested",
        (("What", 45, ""), ("Why", 90, ""), ("Principle", 12, "")),
        tuple((u.title, u.detail, u.principle_id) for u in document.untested),
    )
    yield Sheet(
        "Findings",
        (
            ("Id", 7, ""),
            ("Weight", 10, ""),
            ("Code", 24, ""),
            ("Finding", 34, ""),
            ("Detail", 70, ""),
            ("Count", 10, "#,##0"),
            ("To ask", 50, ""),
            ("Source", 20, ""),
            ("Touches", 14, ""),
            ("Files", 50, ""),
        ),
        tuple(
            (f.id, f.severity, f.code, f.title, f.detail, f.count, f.ask, f.source_id,
             ", ".join(f.principles), "\n".join(f.files))
            for f in document.findings
        ),
    )  # fmt: skip
    yield Sheet("Evidence", FILES, tuple(_files(document)))
    yield Sheet(
        "Expected",
        (("Id", 8, ""), ("What should exist", 50, ""), ("State", 16, ""), ("Detail", 70, "")),
        tuple((e.id, e.title, Toned(e.status), e.detail) for e in document.expected),
    )
    yield Sheet(
        "Documents",
        (
            ("Id", 18, ""),
            ("Kind", 10, ""),
            ("Title", 36, ""),
            ("Version", 10, ""),
            ("Dated", 12, ""),
            ("Owner", 30, ""),
            ("State", 18, ""),
            ("Detail", 50, ""),
            ("File", 44, ""),
            ("SHA-256", 66, ""),
        ),
        tuple(
            (x.id, x.kind, x.title, x.version, x.dated, x.owner, Toned(x.status), x.detail, x.file,
             x.sha256)
            for x in document.documents
        ),
    )  # fmt: skip
    yield Sheet("Controls", CONTROLS, tuple(_controls(document)))
    if document.shifts:
        yield Sheet(
            "Changes",
            SHIFTS,
            tuple(
                (
                    s.kind, s.id, s.title, s.word, "yes" if s.is_worse else "",
                    "" if s.was is None else Toned(s.was), s.was_text,
                    "" if s.now is None else Toned(s.now), s.now_text, s.change, "\n".join(s.definitions),
                )
                for s in document.shifts
            ),
            document.changes_note,
        )  # fmt: skip
    yield Sheet(
        "Incidents",
        INCIDENTS,
        tuple(
            (
                i.source_id, i.incident, i.title, Toned(i.status), i.why, i.deadline, i.trigger, i.clock,
                i.to, i.starts, i.due, i.reported, i.basis,
            )
            for i in document.incidents
        ),
    )  # fmt: skip
    yield Sheet(
        "Configurations",
        CONFIGURATIONS,
        tuple(
            (c.first_day, c.last_day, c.system_prompt, c.safeguards, c.records, c.share, c.evaluated)
            for c in document.configurations
        ),
    )
    yield Sheet(
        "POA&M",
        POAM,
        tuple(
            (
                r.id, r.of, r.source_id, r.kind, r.state, r.weakness, r.owner, r.action, r.opened_on, r.due,
                r.status, r.closed_on, "yes" if r.is_overdue else "", "yes" if r.is_recurrent else "",
                r.waiver,
            )
            for r in document.remediation
        ),
    )  # fmt: skip
    yield Sheet(
        "Versions",
        (
            ("Model version", 34, ""),
            ("Production records", 18, "#,##0"),
            ("Share", 30, ""),
            ("Evaluated", 34, ""),
        ),
        tuple((v.model, v.records, v.share, v.evaluated) for v in document.versions),
    )
    yield Sheet(
        "Coverage by day",
        (("Source", 16, ""), ("Day (UTC)", 12, ""), ("Records", 12, "#,##0"), ("Silent hours", 12, "0")),
        tuple(
            (c.source_id, day, sum(hours), sum(1 for n in hours if not n))
            for c in document.coverage
            for day, hours in zip(c.days, c.hourly, strict=True)
        ),
    )
    yield Sheet(
        "Coverage by hour",
        (
            ("Source", 16, ""), ("Hour (UTC)", 18, ""), ("Records", 12, "#,##0"), ("Late rows", 12, "#,##0"),
            ("Repeats", 12, "#,##0"), ("Blocked by guardrail", 20, "#,##0"),
            ("Blocked by transport", 20, "#,##0"),
        ),
        tuple((c.source_id, *line) for c in document.coverage for line in c.ledger),
        "An empty cell: no record of this log says anything about it.",
    )  # fmt: skip
    yield Sheet(
        "Balance",
        (
            ("Source", 16, ""), ("Rows read", 12, "#,##0"), ("Accepted", 12, "#,##0"),
            ("Repeats", 12, "#,##0"), ("Quarantined", 12, "#,##0"), ("In words", 110, ""),
        ),
        tuple(
            (c.source_id, c.read, c.accepted, c.duplicates, c.quarantined, c.balance)
            for c in document.coverage
        ),
    )  # fmt: skip
    yield Sheet("Exhibits", EXHIBITS, tuple(_exhibits(document)))
    for table in document.tables:
        columns = tuple((name, 22, "") for name in table.columns)
        note = f"{table.note} {table.rows} rows, digest {table.digest}"
        yield Sheet(table.title, columns, tuple(tables.get(table.name, ())), note)
    yield Sheet("About", (("What", 26, ""), ("", 110, "")), tuple(_about(document)))


def _criteria(document: Document) -> Iterator[Row]:
    for principle in document.principles:
        for c in principle.criteria:
            figure = c.measure.figure
            numbers: Row = (None,) * 11
            text = "not measured"
            if figure is not None:
                numbers = (
                    figure.numerator, figure.denominator, figure.estimate, figure.lower, figure.upper,
                    figure.confidence, figure.worst_lower, figure.worst_upper, figure.undecided,
                    figure.errors, figure.missing,
                )  # fmt: skip
                text = figure.text
            yield (
                principle.id, c.measure.id, c.statement, c.operator.replace("_", " "), c.threshold,
                Toned(c.status), *numbers, text, "; ".join(c.reasons), c.min_n, c.max_age_days,
                c.independence, c.declaration, c.digest,
            )  # fmt: skip


def _all_measures(document: Document) -> Iterator[Measure]:
    for principle in document.principles:
        for criterion in principle.criteria:
            yield criterion.measure
        yield from principle.beside
    yield from document.also_measured


def _measures(document: Document) -> Iterator[Row]:
    for m in _all_measures(document):
        sources, figure = ", ".join(m.sources), m.figure
        if figure is None:
            reason = m.unmeasured.reason if m.unmeasured else ""
            empty: Row = (None,) * 8
            yield (m.id, m.indicator_title, "", *empty, "not measured", sources, m.filters, reason, "")
            continue
        caveats = " ".join(figure.caveats)
        if figure.unit == "difference":
            yield (
                m.id, m.indicator_title, "difference", None, None, figure.estimate, figure.lower,
                figure.upper, None, figure.undecided, figure.errors, figure.method, sources, m.filters,
                figure.text, caveats,
            )  # fmt: skip
        for arm in figure.arms:
            exact = figure.lower is None
            yield (
                m.id, m.indicator_title, arm.name, arm.numerator, arm.denominator, arm.estimate,
                None if exact else arm.lower, None if exact else arm.upper, arm.clusters, arm.undecided,
                arm.errors, figure.method, sources, m.filters, figure.text if exact else arm.text,
                caveats if len(figure.arms) == 1 else "",
            )  # fmt: skip


def _slices(document: Document) -> Iterator[Row]:
    for m in _all_measures(document):
        for b in m.breakdowns:
            if not b.slices:
                yield (m.id, b.by, b.note, *(None,) * 6, "")
            for s in b.slices:
                breach = "breach" if s.is_breach else ""
                yield (
                    m.id, b.by, s.name, s.numerator, s.denominator, s.estimate, s.lower, s.upper, s.undecided,
                    breach,
                )  # fmt: skip


def _coded(document: Document) -> Iterator[Row]:
    for r in document.relabelled:
        head, sample = (r.id, r.measure_id, Toned(r.status)), (r.seed, r.drawn, r.population)
        about = f"{r.text} {r.sample}".rstrip()
        yield (*head, "Sample", about, None, None, None, None, None, " ".join(r.notes), "", *sample, "", "")
        for line in r.lines:
            yield (
                *head, line.name, line.text, line.numerator, line.denominator, line.estimate, line.lower,
                line.upper, line.meaning, line.code, *sample, "", "",
            )  # fmt: skip
        for f in r.files:
            yield (
                *head, "Workbook", f.name, None, None, None, None, None, "", "", *sample, f.by,
                f.sha256 or "not read",
            )  # fmt: skip


def _trend(document: Document) -> Iterator[Row]:
    for m in _all_measures(document):
        for point in () if m.trend is None else m.trend.points:
            yield (
                m.id, point.report_id, point.period, point.estimate, point.lower, point.upper, point.text,
                point.why_not or "comparable", ", ".join(point.suites), ", ".join(point.models),
            )  # fmt: skip


def _files(document: Document) -> Iterator[Row]:
    for source in document.sources:
        tail = (source.provider, source.independence, source.custody)
        if not source.files:
            empty: Row = (None,) * 16
            yield (source.id, "no file was found", "missing", *empty, *tail)
        for f in source.files:
            yield (
                source.id, f.path, Toned(f.status), f.format, f.tool, f.planned, f.observations,
                f.executed, f.errored, f.scored, f.unscored, f.first_at, f.last_at, ", ".join(f.models),
                f.grade, "\n".join(f.notes), ", ".join(f.doubts), f.bytes, f.sha256, *tail,
            )  # fmt: skip


def _controls(document: Document) -> Iterator[Row]:
    for framework in document.frameworks:
        for c in framework.controls:
            yield (
                framework.id, c.id, c.cite, c.title, c.requirement, c.basis, Toned(c.status),
                None if c.underlying is None else Toned(c.underlying), c.waiver, c.reason,
                ", ".join(c.principles), "\n".join(n.wanted for n in c.needs),
                ", ".join(dict.fromkeys(ref for n in c.needs for ref in n.found)), "\n".join(c.related),
                c.notes,
            )  # fmt: skip


def _exhibits(document: Document) -> Iterator[Row]:
    for principle in document.principles:
        for e in principle.exhibits:
            yield (
                e.id, principle.id, e.outcome, e.category, e.watch, e.source_id, e.sample, e.prompt,
                e.response, e.locator, e.file_sha256, e.record_id, e.prompt_sha256,
            )  # fmt: skip


def _about(document: Document) -> Iterator[Row]:
    meta = document.meta
    yield from (
        ("Report", f"{meta.title}, version {meta.version}"),
        ("Kind", meta.mode_words),
        ("Organisation", meta.organisation),
        ("System", f"{meta.system} ({', '.join(meta.models)})"),
        ("Period", meta.period_words),
        ("As of", meta.as_of),
        ("Prepared for", meta.prepared_for),
        ("Prepared by", meta.prepared_by),
        ("Approved by", meta.approved_by or "nobody named"),
        ("Classification", meta.classification),
        ("State", document.signature.words),
        ("Evidence manifest", meta.evidence_digest),
        ("Declaration", f"{meta.declaration_digest} ({meta.declaration_words})"),
        ("Tool", meta.tool),
    )
    for text in document.method:
        yield ("Method", text)
    for text in document.limitations:
        yield ("Limit", text)
    for text in document.signature.does_not_prove:
        yield ("The signature does not prove", text)
    for word, text in document.glossary:
        yield (word, text)
