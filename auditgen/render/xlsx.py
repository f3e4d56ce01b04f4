"""The workbook: real numbers, filters, frozen headers; text from logs can never become a formula."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from auditgen.drawing.cells import FORMULA_STARTS, cell_text, escaped, settle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from auditgen.report import Document
    from auditgen.report.figures import Measure, Status

FILE_NAME = "report.xlsx"
MAX_LINES = 12
FONT = "Calibri"
CUT = " [cut; see report.json]"
TONES = {"bad": "A11D2B", "good": "0F6B4F", "comment": "1D5C8F", "gap": "8A5A00", "none": "46505E"}

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


def render(
    document: Document, tables: Mapping[str, Sequence[tuple[object, ...]]], out: BinaryIO
) -> None:
    """Write the workbook; the same document gives the same bytes."""
    from openpyxl import Workbook

    workbook = Workbook(write_only=True)
    for sheet in _sheets(document, tables):
        _write(workbook, sheet)
    moment = datetime.combine(date.fromisoformat(document.meta.as_of), datetime.min.time())
    properties = workbook.properties
    properties.creator = document.meta.tool
    properties.title = document.meta.title
    properties.created = properties.modified = moment
    raw = io.BytesIO()
    workbook.save(raw)
    settle(raw, out, moment.replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def _sheets(document: Document, tables: Mapping[str, Sequence[Row]]) -> Iterator[Sheet]:
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
    yield Sheet("Criteria", _CRITERIA, tuple(_criteria(document)))
    yield Sheet("Measures", _MEASURES, tuple(_measures(document)), _MEASURES_NOTE)
    yield Sheet("Breakdowns", _SLICES, tuple(_slices(document)))
    if any(m.trend and len(m.trend.points) > 1 for m in _all_measures(document)):
        yield Sheet("Trend", _TREND, tuple(_trend(document)))
    if document.relabelled:
        yield Sheet("Labels by people", _CODED, tuple(_coded(document)), _CODED_NOTE)
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
    yield Sheet("Evidence", _FILES, tuple(_files(document)))
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
    yield Sheet("Controls", _CONTROLS, tuple(_controls(document)))
    if document.shifts:
        yield Sheet(
            "Changes",
            _SHIFTS,
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
        _INCIDENTS,
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
        _CONFIGURATIONS,
        tuple(
            (c.first_day, c.last_day, c.system_prompt, c.safeguards, c.records, c.share, c.evaluated)
            for c in document.configurations
        ),
    )
    yield Sheet(
        "POA&M",
        _POAM,
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
    yield Sheet("Exhibits", _EXHIBITS, tuple(_exhibits(document)))
    for table in document.tables:
        columns = tuple((name, 22, "") for name in table.columns)
        note = f"{table.note} {table.rows} rows, digest {table.digest}"
        yield Sheet(table.title, columns, tuple(tables.get(table.name, ())), note)
    yield Sheet("About", (("What", 26, ""), ("", 110, "")), tuple(_about(document)))


_CRITERIA = (
    ("Principle", 10, ""), ("Criterion", 18, ""), ("Rule", 70, ""), ("Operator", 10, ""),
    ("Threshold", 11, "0.0###%"), ("Verdict", 22, ""), ("Numerator", 11, "#,##0"),
    ("Denominator", 12, "#,##0"), ("Estimate", 11, "0.00##%"), ("Lower", 10, "0.00##%"),
    ("Upper", 10, "0.00##%"), ("Confidence", 11, "0.0##%"),
    ("Worst lower", 11, "0.00##%"), ("Worst upper", 11, "0.00##%"), ("Undecided", 11, "#,##0"),
    ("Failed", 9, "#,##0"), ("Missing", 9, "#,##0"), ("Number in words", 60, ""), ("Why", 70, ""),
    ("Least n", 9, "#,##0"), ("Oldest (days)", 12, "0"), ("Independence", 18, ""), ("Declared", 34, ""),
    ("Digest", 66, ""),
)  # fmt: skip
_MEASURES = (
    ("Id", 18, ""), ("Indicator", 28, ""), ("Arm", 14, ""), ("Numerator", 11, "#,##0"),
    ("Denominator", 12, "#,##0"), ("Estimate", 11, "0.00##%"), ("Lower", 10, "0.00##%"),
    ("Upper", 10, "0.00##%"), ("Prompts", 10, "#,##0"), ("Undecided", 11, "#,##0"), ("Failed", 9, "#,##0"),
    ("Method", 32, ""), ("Sources", 26, ""), ("Filter", 30, ""), ("In words", 90, ""), ("Caveats", 90, ""),
)  # fmt: skip
_MEASURES_NOTE = (
    "One row per arm; for a gap the row `difference` is monitored minus unmonitored. "
    "An empty number was not measured."
)
_SLICES = (
    ("Id", 18, ""), ("By", 12, ""), ("Value", 30, ""), ("Numerator", 11, "#,##0"),
    ("Denominator", 12, "#,##0"), ("Estimate", 11, "0.00##%"), ("Lower", 10, "0.00##%"),
    ("Upper", 10, "0.00##%"), ("Undecided or failed", 12, "#,##0"), ("Breach by itself", 12, ""),
)  # fmt: skip
_TREND = (
    ("Id", 18, ""), ("Report", 18, ""), ("Period", 26, ""), ("Estimate", 11, "0.00##%"),
    ("Lower", 10, "0.00##%"), ("Upper", 10, "0.00##%"), ("In words", 60, ""),
    ("Comparable with the last?", 50, ""), ("Suites", 40, ""), ("Model versions", 40, ""),
)  # fmt: skip
_CODED = (
    ("Id", 10, ""), ("Measure", 18, ""), ("State", 12, ""), ("What", 36, ""), ("Number in words", 60, ""),
    ("Numerator", 11, "#,##0"), ("Denominator", 12, "#,##0"), ("Estimate", 11, "0.0000"),
    ("Lower", 10, "0.0000"), ("Upper", 10, "0.0000"), ("What it means", 70, ""), ("Code", 16, ""),
    ("Seed", 10, "0"), ("Drawn", 9, "#,##0"), ("Drawn from", 11, "#,##0"), ("By", 40, ""),
    ("SHA-256", 66, ""),
)  # fmt: skip
_CODED_NOTE = (
    "How often the judge behind a number errs, by people's labels of a random sample. Rates and kappas as "
    "fractions. One row for each number, then one for each workbook."
)
_FILES = (
    ("Source", 18, ""), ("File", 60, ""), ("State", 20, ""), ("Format", 20, ""), ("Tool", 20, ""),
    ("Planned", 10, "#,##0"), ("In the file", 11, "#,##0"), ("Executed", 10, "#,##0"),
    ("Failed", 9, "#,##0"), ("Decided", 9, "#,##0"), ("Undecided", 10, "#,##0"), ("First (UTC)", 21, ""),
    ("Last (UTC)", 21, ""), ("Models recorded", 30, ""), ("Completeness", 30, ""), ("Notes", 40, ""),
    ("Doubts", 40, ""), ("Bytes", 12, "#,##0"),
    ("SHA-256", 66, ""), ("Provider", 34, ""), ("Independence", 18, ""), ("Custody", 60, ""),
)  # fmt: skip
_CONTROLS = (
    ("Framework", 14, ""), ("Control", 16, ""), ("Cite", 26, ""), ("Title", 40, ""),
    ("What it asks, in our words", 70, ""), ("How the text was known", 26, ""), ("Verdict", 22, ""),
    ("Without the waiver", 22, ""), ("Waiver", 60, ""),
    ("Why", 90, ""), ("Answered by", 14, ""),
    ("Evidence wanted", 60, ""), ("Evidence found", 34, ""),
)  # fmt: skip
_SHIFTS = (
    ("Kind", 11, ""), ("Id", 30, ""), ("Title", 40, ""), ("Became", 26, ""), ("Worse", 8, ""),
    ("Then", 22, ""), ("Number then", 60, ""), ("Now", 22, ""), ("Number now", 60, ""),
    ("Difference", 70, ""), ("Declared or defined differently", 80, ""),
)  # fmt: skip
_INCIDENTS = (
    ("Source", 18, ""), ("Incident", 16, ""), ("Title", 50, ""), ("State", 24, ""), ("Why", 60, ""),
    ("Deadline", 34, ""), ("Trigger", 50, ""), ("Begins", 50, ""), ("To", 34, ""), ("Aware", 22, ""),
    ("Due", 22, ""), ("Reported", 22, ""), ("How the text was known", 26, ""),
)  # fmt: skip
_CONFIGURATIONS = (
    ("First day", 12, ""), ("Last day", 12, ""), ("System prompt", 24, ""), ("Safeguards", 24, ""),
    ("Production records", 18, "#,##0"), ("Share", 30, ""), ("Evaluated by", 34, ""),
)  # fmt: skip
_POAM = (
    ("Remedy", 10, ""), ("Of", 30, ""), ("Source", 18, ""), ("Kind", 11, ""), ("State", 20, ""),
    ("Weakness", 70, ""), ("Owner", 34, ""), ("Planned action", 50, ""), ("Opened", 12, ""), ("Due", 12, ""),
    ("Status", 13, ""), ("Closed", 12, ""), ("Overdue", 9, ""), ("In the previous report", 12, ""),
    ("Waiver", 60, ""),
)  # fmt: skip
_EXHIBITS = (
    ("Id", 7, ""), ("Principle", 10, ""), ("Outcome", 18, ""), ("Category", 18, ""), ("Watch", 13, ""),
    ("Source", 18, ""), ("Sample", 36, ""), ("Asked", 70, ""), ("Answered", 70, ""), ("Place", 50, ""),
    ("File SHA-256", 66, ""), ("Record", 66, ""), ("Prompt SHA-256", 66, ""),
)  # fmt: skip


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
                ", ".join(dict.fromkeys(ref for n in c.needs for ref in n.found)),
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


def _write(workbook: Any, sheet: Sheet) -> None:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    page = workbook.create_sheet(sheet.title[:31])
    header = 3 if sheet.note else 1
    page.freeze_panes = f"A{header + 1}"
    page.sheet_view.showGridLines = False
    page.page_setup.orientation = "landscape"
    page.page_setup.fitToHeight = 0
    page.sheet_properties.pageSetUpPr.fitToPage = True
    page.print_title_rows = f"{header}:{header}"
    for index, (_, width, _) in enumerate(sheet.columns, 1):
        page.column_dimensions[get_column_letter(index)].width = width
    last = get_column_letter(len(sheet.columns))
    page.auto_filter.ref = f"A{header}:{last}{max(header + len(sheet.rows), header + 1)}"
    if sheet.note:
        note = _cell(WriteOnlyCell, page, sheet.note, "")
        note.font = Font(name=FONT, size=10, italic=True, color="5B6470")
        page.append([note])
        page.append([])
    headings = []
    for heading, _, _ in sheet.columns:
        cell = _cell(WriteOnlyCell, page, heading, "")
        cell.font = Font(name=FONT, size=10, bold=True)
        cell.fill = PatternFill("solid", fgColor="EEF1F4")
        cell.alignment = Alignment(vertical="center", wrap_text=True)
        headings.append(cell)
    page.append(headings)
    top = Alignment(vertical="top", wrap_text=True)
    plain = Font(name=FONT, size=10)
    for row_number, row in enumerate(sheet.rows, header + 1):
        cells: list[Any] = []
        for value, (_, _, number_format) in zip(row, sheet.columns, strict=True):
            if value is None or value == "":
                cells.append(None)
                continue
            if isinstance(value, Toned):
                cell = _cell(WriteOnlyCell, page, value.status.word, "")
                cell.font = Font(name=FONT, size=10, bold=True, color=TONES[value.status.tone])
            else:
                cell = _cell(WriteOnlyCell, page, value, number_format)
                cell.font = plain
            cell.alignment = top
            cells.append(cell)
        page.row_dimensions[row_number].height = _height(row, sheet.columns)
        page.append(cells)


def _height(row: Row, columns: tuple[tuple[str, int, str], ...]) -> float:
    """Points for the tallest wrapped cell, up to twelve lines: no program measures rows it did not write."""
    lines = 1
    for value, (_, width, _) in zip(row, columns, strict=True):
        text = value.status.word if isinstance(value, Toned) else str(value)
        needed = sum(1 + len(part) // max(1, int(width * 1.05)) for part in text[:2000].split("\n"))
        lines = max(lines, needed)
    return 14.5 * min(lines, MAX_LINES) + 2


def _cell(cell_type: Any, page: Any, value: object, number_format: str) -> Any:
    """A typed cell. Text is marked as text, so that no beginning can make it a formula."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = cell_text(str(value), CUT)
        cell = cell_type(page, escaped(text))
        cell.data_type = "s"
        cell.quotePrefix = text.startswith(FORMULA_STARTS)
        return cell
    cell = cell_type(page, value)
    if number_format:
        cell.number_format = number_format
    return cell
