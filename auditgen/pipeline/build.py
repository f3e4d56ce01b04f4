"""From readings to the document: requests, counters, register, judgement, composition."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from auditgen.assessment import Assessment, Register, assess
from auditgen.assessment.doubts import CODES
from auditgen.assessment.judge import holds
from auditgen.assessment.model import SilentWindow
from auditgen.canonical import canonical_json
from auditgen.diagnostics import did_you_mean, shown_name
from auditgen.errors import InputRefused, NothingToAssess
from auditgen.evidence.engine import Evidence, Period, open_evidence
from auditgen.evidence.model import Anomaly
from auditgen.indicators import Quantity, Request, measure
from auditgen.indicators.cells import Cells, read_cells
from auditgen.indicators.counters import (
    evaluated_models,
    model_shares,
    records_by_file,
    sliced,
    undated,
)
from auditgen.indicators.drift import drift_of
from auditgen.indicators.exhibits import AdverseRecord, adverse_records
from auditgen.indicators.ledger import Ledger, check_counter, ledgers
from auditgen.indicators.slicing import break_down
from auditgen.indicators.together import held_together
from auditgen.pipeline.published import told_twice
from auditgen.pipeline.queried import engine_words
from auditgen.pipeline.relabelled import relabelled_records
from auditgen.pipeline.unplaced import unplaced
from auditgen.report import Details, Document, TableRef, compose

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from auditgen.assessment import PreviousReport
    from auditgen.assessment.model import SealedPlan, SignedExports
    from auditgen.evidence.model import Incident, Reading
    from auditgen.evidence.repeats import Repeats
    from auditgen.indicators import Measured
    from auditgen.pipeline.counters import CounterReading
    from auditgen.pipeline.read import Inputs
    from auditgen.project import Project

EXHIBITS_PER_PRINCIPLE = 5
SILENT_HOURS = 6
"""Shorter silences are shown in the heat strip and are no finding."""
MAX_WINDOWS = 12
MAX_TABLE_ROWS = 50_000
RECORD_COLUMNS = (
    "source_id", "file_sha256", "locator", "sample_id", "epoch", "suite", "model", "outcome",
    "basis", "expected", "watch", "category", "strategy", "prompt_sha256",
)  # fmt: skip

Rows = tuple[tuple[object, ...], ...]


@dataclass(frozen=True, slots=True)
class Built:
    """A document with the tables it refers to, and the judgement behind it."""

    document: Document
    assessment: Assessment
    tables: Mapping[str, Rows]


@dataclass(frozen=True, slots=True)
class Seal:
    """What the document says about who will sign it."""

    certificate: str = ""
    is_development: bool = False


def build(
    project: Project,
    inputs: Inputs,
    as_of: date,
    *,
    previous: PreviousReport | None = None,
    plan: SealedPlan | None = None,
    signed: tuple[SignedExports, ...] = (),
    seal: Seal | None = None,
) -> Built:
    """Measure, assess, compose. Raises NothingToAssess when there is no evidence at all.

    Raises InputRefused when the day of judgement lies before the period.
    """
    _refuse_unknown_weaknesses(project)
    start, end = project.audit.period.start, project.audit.period.end
    if as_of < start:
        raise InputRefused(
            f"the day of judgement {as_of.isoformat()} is before the period begins on {start.isoformat()}",
            hint="name a later day with --as-of, or correct `period` in audit.yaml",
        )
    period = Period(start, min(end, as_of))  # hours that have not happened yet are not silent
    evidence = open_evidence(inputs.parts, period, inputs.logged, inputs.published)
    cells = read_cells(evidence)
    requests = {request.id: request for request in requests_of(project)}
    open_records = {name: unplaced(cells, request) for name, request in requests.items()}
    kept = _checked(ledgers(evidence, inputs.readings), inputs.counters, period)
    missing = _added(inputs.missing, _unlogged(kept))
    incidents = {source: _in_period(listed, period) for source, listed in inputs.incidents.items()}

    def measure_all(asked: Iterable[Request]) -> dict[str, Measured]:
        return {
            r.id: measure(cells, [r], _added(missing, open_records[r.id]), incidents)[r.id] for r in asked
        }

    measured = measure_all(requests.values())
    criteria = {c.id: c for p in project.audit.principles for c in p.criteria}
    together = held_together(
        [requests[name] for name in criteria],
        measured,
        measure_all,
        lambda name, quantity: holds(criteria[name], quantity),
    )
    breakdowns = {
        name: break_down(cells, request)
        for name, request in requests.items()
        if isinstance(measured[name], Quantity)
    }
    register = Register(
        readings=tuple(
            _with_repeats(r, evidence.shared.get(r.sha256))
            for r in told_twice(inputs.readings, evidence.published)
        ),
        documents=inputs.documents,
        empty_sources=inputs.empty_sources,
        production_models=_named(model_shares(cells, "monitoring")),
        evaluated_models=_named(evaluated_models(cells)),
        criterion_models=_criterion_models(project, cells, requests),
        silent_windows=tuple(_silent(kept, period)),
        ledgers=kept,
        in_period=records_by_file(cells, "monitoring"),
        unplaced={name: sum(found.values()) for name, found in open_records.items()},
        breakdowns=breakdowns,
        drifts={
            name: drift
            for name, request in requests.items()
            if (drift := drift_of(cells, request, measured[name])) is not None
        },
        together=together,
        undated={name: undated(cells, request) for name, request in requests.items()},
        relabelled=relabelled_records(project, inputs.relabelled, evidence, requests, measured),
        previous=previous,
        plan=plan,
        signed=signed,
        incidents=incidents,
        void_attestations=inputs.void_attestations,
        broken_plugins=inputs.broken_plugins,
    )
    assessment = assess(project.audit, project.checklists, measured, register, as_of)
    if assessment.is_vacuous:
        raise NothingToAssess(
            "no evidence says anything: nothing was measured and no document was found",
            hint="run `auditgen inspect` on the files to see what they hold",
        )
    rows, reference = _records(evidence)
    details = Details(
        audit=project.audit,
        breakdowns=breakdowns,
        exhibits=_exhibits(project, evidence, requests, measured),
        mapping_digests=inputs.mapping_digests,
        file_digests={b.name: b.sha256 for b in inputs.beside},
        tables=(reference,) if reference.rows else (),
        plugins=inputs.third_party,
        evidence_digest=inputs.evidence_digest,
        engines=engine_words(inputs.queried, inputs.logged),
        signer_certificate=seal.certificate if seal else "",
        is_development_key=bool(seal and seal.is_development),
    )
    tables = {reference.name: rows} if reference.rows else {}
    return Built(compose(project, assessment, details), assessment, tables)


def _refuse_unknown_weaknesses(project: Project) -> None:
    """A remedy is of a criterion, a control or a finding's code; a slip of the pen would leave it unread."""
    known = {c.id for p in project.audit.principles for c in p.criteria}
    known |= {f"{k.framework.id}:{c.id}" for k in project.checklists for c in k.controls}
    faults = [
        project.document.fault(
            "unknown-weakness",
            f"`{remedy.of}` is no criterion, no control and no code of a finding",
            ("remediation", number, "of"),
            helps=did_you_mean(remedy.of, {*known, *CODES}),
        )
        for number, remedy in enumerate(project.audit.remediation)
        if remedy.of not in known and remedy.of not in CODES
    ]
    if faults:
        raise InputRefused("audit.yaml cannot be used as written; nothing was assessed", diagnostics=faults)


def _in_period(incidents: Sequence[Incident], period: Period) -> tuple[Incident, ...]:
    """Incidents of the period, by the first time that is known of each; undated ones stay, undecided."""
    out = []
    for incident in incidents:
        times = (incident.occurred_at, incident.aware_at, incident.reported_at, incident.closed_at)
        first = next((at.date() for at in times if at is not None), None)
        if first is None or period.start <= first <= period.end:
            out.append(incident)
    return tuple(out)


def _checked(
    kept: Sequence[Ledger], counters: Sequence[CounterReading], period: Period
) -> tuple[Ledger, ...]:
    """The ledgers with what independent counters say of them."""
    out = []
    for ledger in kept:
        checks = tuple(
            check_counter(
                ledger,
                counter.windows,
                period,
                name=counter.block.id,
                title=counter.block.title,
                counts=counter.block.counts,
                tolerance=counter.block.tolerance,
            )
            for counter in counters
            if counter.block.of == ledger.source_id
        )
        unread = {counter.block.id: counter.left_out for counter in counters}
        checks = tuple(replace(check, left_out=unread[check.id]) for check in checks)
        out.append(replace(ledger, counters=checks))
    return tuple(out)


def _unlogged(kept: Sequence[Ledger]) -> dict[str, int]:
    """Requests that a counter saw and the log does not hold: of several counters, the one that saw most."""
    return {
        ledger.source_id: max(missing)
        for ledger in kept
        if (missing := [c.missing for c in ledger.counters if c.counts == "records" and c.missing])
    }


def _with_repeats(reading: Reading, shared: Repeats | None) -> Reading:
    """What shows only when all files of a source lie side by side: what their rows share an id with."""
    if shared is None or reading.kind != "monitoring" or not reading.counts.observations:
        return reading
    found = []
    if shared.copies:
        message = "rows that repeat a record, in this file or in another one; each record counts once"
        found.append(Anomaly("duplicate-rows", message, shared.copies))
    if shared.reused:
        message = "rows that share a record's id but not its time or text; each counts"
        found.append(Anomaly("ids-reused", message, shared.reused))
    if shared.contradicting:
        message = "rows that share a record's id and contradict each other; each counts"
        found.append(Anomaly("records-contradict", message, shared.contradicting))
    return replace(reading, anomalies=(*reading.anomalies, *found))


def _added(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    return {name: first.get(name, 0) + second.get(name, 0) for name in {*first, *second}}


def requests_of(project: Project) -> Iterator[Request]:
    """What every criterion and every figure beside them asks."""
    audit, indicators = project.audit, project.indicators
    for principle in audit.principles:
        for criterion in principle.criteria:
            indicator = indicators[criterion.indicator]
            where = criterion.filters
            if indicator.is_of_versions and "model" not in where:
                where = {**where, "model": tuple(criterion.models or audit.system.models)}
            yield Request(
                criterion.id, indicator, criterion.sources, where, criterion.confidence, criterion.limit_hours
            )
    for item in audit.also_measured:
        indicator = indicators[item.indicator]
        where = item.filters
        if indicator.is_of_versions and "model" not in where:
            where = {**where, "model": audit.system.models}
        yield Request(item.id, indicator, item.sources, where, limit_hours=item.limit_hours)


def _criterion_models(
    project: Project, cells: Cells, requests: Mapping[str, Request]
) -> dict[str, dict[str, int]]:
    """Decided records by model version, as if the criterion were bound to none."""
    out = {}
    for principle in project.audit.principles:
        for criterion in principle.criteria:
            request = requests[criterion.id]
            if not request.indicator.is_of_versions:
                continue
            free = replace(request, where={k: v for k, v in request.where.items() if k != "model"})
            found = sliced(cells, free, "model")
            out[criterion.id] = {model: n for model, (_, n) in found.items()}
    return out


def _named(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts by names as a report may print them."""
    out: Counter[str] = Counter()
    for name, number in counts.items():
        out[shown_name(name)] += number
    return dict(out)


def _silent(kept: Sequence[Ledger], period: Period) -> Iterator[SilentWindow]:
    """The longest runs of hours without a record, by source."""
    first = datetime.combine(period.start, time(), UTC)
    for ledger in kept:
        windows = []
        start: datetime | None = None
        for number in range(period.hours + 1):
            hour = first + timedelta(hours=number)
            seen = ledger.hours.get(hour)
            is_silent = number < period.hours and (seen is None or not seen.records)
            if is_silent and start is None:
                start = hour
            elif not is_silent and start is not None:
                length = int((hour - start).total_seconds() // 3600)
                if length >= SILENT_HOURS:
                    windows.append(SilentWindow(ledger.source_id, start, length))
                start = None
        windows.sort(key=lambda w: (-w.hours, w.start))
        yield from windows[:MAX_WINDOWS]


def _exhibits(
    project: Project,
    evidence: Evidence,
    requests: Mapping[str, Request],
    measured: Mapping[str, object],
) -> dict[str, list[AdverseRecord]]:
    out: dict[str, list[AdverseRecord]] = {}
    for principle in project.audit.principles:
        records: dict[tuple[str, str], AdverseRecord] = {}
        for criterion in principle.criteria:
            request = requests[criterion.id]
            if not request.indicator.is_of_versions:
                continue
            if not isinstance(measured[criterion.id], Quantity):
                continue
            for record in adverse_records(evidence, request, EXHIBITS_PER_PRINCIPLE):
                records.setdefault((record.file_sha256, record.locator), record)
        out[principle.id] = list(records.values())[:EXHIBITS_PER_PRINCIPLE]
    return out


def _records(evidence: Evidence) -> tuple[Rows, TableRef]:
    """Every evaluation record without its text, for the workbook and for recomputation."""
    import hashlib

    columns = ", ".join(RECORD_COLUMNS)
    total = int(str(evidence.count("SELECT count(*) FROM evaluated")[0][0]))
    found = evidence.count(
        f"SELECT {columns} FROM record WHERE kind = 'evaluation'"
        f" ORDER BY source_id, file_sha256, locator LIMIT {MAX_TABLE_ROWS}"
    )
    rows = tuple(tuple("" if cell is None else cell for cell in row) for row in found)
    digest = hashlib.sha256()
    for row in rows:
        digest.update(canonical_json(list(row)) + b"\n")
    note = "Every evaluation record that was read, without its text."
    if total > len(rows):
        note = f"The first {len(rows):,} of {total:,} evaluation records; the rest is in the evidence files."
    return rows, TableRef(
        name="records",
        title="Evaluation records",
        columns=RECORD_COLUMNS,
        rows=len(rows),
        digest=digest.hexdigest(),
        note=note,
    )
