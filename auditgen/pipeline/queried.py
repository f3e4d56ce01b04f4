"""Sources that stay on the users' own engine: counted there, and only counters come here."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import orjson

from auditgen.canonical import digest_of
from auditgen.diagnostics import Diagnostic, did_you_mean
from auditgen.errors import EnvironmentRefused
from auditgen.evidence.account import DAY_DIGEST, accounts, embedded_engine
from auditgen.evidence.cube import file_totals
from auditgen.evidence.engine import Period, open_evidence
from auditgen.evidence.logged import Logged
from auditgen.evidence.model import Anomaly, Reading
from auditgen.evidence.tables import connect as embedded
from auditgen.indicators.exhibits import adverse_combinations
from auditgen.sources.table_summary import summarised

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date
    from pathlib import Path

    from auditgen.evidence.remote.canonical import Source, UnfitColumn
    from auditgen.evidence.remote.connection import Connection
    from auditgen.evidence.remote.model import Check, Counted, Queried
    from auditgen.evidence.store import EvidenceStore
    from auditgen.project import Project, SourceBlock
    from auditgen.project.monitoring import EngineBlock

EMBEDDED_ROLE = "adds up all counters, and reads logs of production that were handed in as files"
READER = "engine"
READER_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What was counted on another engine."""

    readings: tuple[Reading, ...] = ()
    logged: tuple[Logged, ...] = ()
    queried: tuple[Queried, ...] = ()


def count_elsewhere(
    project: Project,
    store: EvidenceStore,
    last: date,
    diagnostics: list[Diagnostic],
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Elsewhere:
    """Count the sources that name a `table`. Faults of audit.yaml are added to `diagnostics`.

    `last`: the last day on which copies are looked for. Raises EnvironmentRefused when the engine cannot be
    used.
    """
    block = project.audit.engine
    sources = [source for source in project.audit.sources if source.table is not None]
    if block is None or not sources:
        return Elsewhere()
    from auditgen.evidence.remote.connection import connect

    found: list[tuple[Reading, Logged, Queried]] = []
    connection = connect(block.url, name=block.shown_name, secret=_secret(project, block))
    try:
        for source in sources:
            progress(f"counting {source.id} on {block.shown_name}", 0, len(sources))
            counted = _count(project, source, connection, last, diagnostics)
            if counted is not None:
                kept = _kept(source, block, connection, counted, store)
                found.append(_with_exhibits(project, source, connection, counted, kept, last, store))
    finally:
        connection.close()
    readings, logged, queried = zip(*found, strict=True) if found else ((), (), ())
    return Elsewhere(tuple(readings), tuple(logged), tuple(queried))


@dataclass(frozen=True, slots=True)
class Answer:
    """What an engine said of one table."""

    table: Source
    check: Check
    counted: Counted
    first: int
    """Where its queries begin among those of the connection."""


def engine_file(queried: Sequence[Queried], logged: Sequence[Logged], readings: Sequence[Reading]) -> bytes:
    """What the pack holds of how logs were counted: `engine.json`."""
    names = {reading.sha256: reading.path for reading in reversed(readings) if reading.sha256}
    here = {
        "engine": embedded_engine(),
        "role": EMBEDDED_ROLE,
        "day": DAY_DIGEST,
        "sources": [asdict(one) for one in accounts(logged, names)],
    }
    about: dict[str, Any] = {
        "schema": "auditgen-engine-1",
        "embedded": here,
        "note": (
            "Queried, not held: these rows stayed where they are. Ask the engine the same and compare. "
            "A day's checksum notices change; it is no proof against somebody who looks for "
            "rows with the same sum."
        ),
        "checksum": (
            "For each row the MD5 of its canonical columns, each as its length, a colon and its text, or `-` "
            "for none; of the first and the second eight hexadecimal digits the sum of all rows modulo 2^32."
        ),
        "sources": [asdict(one) for one in queried],
    }
    return orjson.dumps(about, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)


def engine_words(queried: Sequence[Queried], logged: Sequence[Logged]) -> tuple[str, ...]:
    """Which engines took part and in which role, for the report's section on its method."""
    here = f"Query engine, embedded: {embedded_engine()}. It {EMBEDDED_ROLE}."
    if any(not group.is_elsewhere for group in logged):
        here += " Its queries and a digest of each day are in engine.json."
    there = (
        f"Query engine of {one.source_id}: {one.engine} ({one.backend} {one.version}, asked through "
        f"{one.client}). It counted rows that stayed there; when this report is recomputed from its "
        "pack, that source is left out, for the pack holds no rows of it."
        for one in queried
    )
    return (here, *there)


def left_out_words(one: Queried) -> str:
    """Why a source is left out when a report is recomputed from its pack."""
    kept = f"at snapshot {one.snapshot}, as declared" if one.snapshot else "without a snapshot"
    return f"queried, not held: its {one.rows:,} rows stayed on {one.engine}, {kept}"


def _secret(project: Project, block: EngineBlock) -> str:
    if block.secret_env is None:
        return ""
    text = os.environ.get(block.secret_env, "")
    if not text:
        raise EnvironmentRefused(
            f"the environment variable `{block.secret_env}` is empty or not set, so the engine "
            f"`{block.shown_name}` was not asked; nothing was written",
            hint=f"`engine.secret_env` in {project.path.name} names it",
        )
    return text


def _count(
    project: Project,
    source: SourceBlock,
    connection: Connection,
    last: date,
    diagnostics: list[Diagnostic],
) -> Answer | None:
    """The counters of one source, after the check; None where audit.yaml is at fault."""
    from auditgen.evidence.remote.canonical import UnfitColumn
    from auditgen.evidence.remote.conformance import conform
    from auditgen.evidence.remote.connection import NoSuchTable
    from auditgen.evidence.remote.counting import count_table

    at = ("sources", project.audit.sources.index(source))
    name = source.table or ""
    try:
        table = connection.source(name)
        faults = list(_unfit(table.unfit(source.map)))
        if not faults:
            first = len(connection.queries)
            check = conform(connection, table, source.map)
            counted = count_table(connection, table, source.map, (project.audit.period.start, last))
            return Answer(table, check, counted, first)
    except NoSuchTable as missing:
        shown = ", ".join(missing.known[:20])
        listed = (f"its tables: {shown}",) if shown else ()
        helps: tuple[str, ...] = did_you_mean(name, missing.known) or listed
        message = f"`{connection.name}` has no table or view `{name}`"
        diagnostics.append(project.document.fault("unknown-table", message, (*at, "table"), helps=helps))
        return None
    except UnfitColumn as unfit:
        faults = [unfit]
    for fault in faults:
        helps = ()
        if fault.known:
            shown = ", ".join(fault.known[:20])
            helps = did_you_mean(fault.column, fault.known) or (f"its columns: {shown}",)
        code = "unknown-column" if fault.known else "unfit-column"
        place = (*at, "map", fault.field)
        diagnostics.append(project.document.fault(code, fault.message, place, helps=helps))
    return None


def _unfit(faults: Sequence[UnfitColumn]) -> Sequence[UnfitColumn]:
    seen: dict[tuple[str, str], UnfitColumn] = {}
    for fault in faults:
        seen.setdefault((fault.field, fault.column), fault)
    return list(seen.values())


def _kept(
    source: SourceBlock,
    block: EngineBlock,
    connection: Connection,
    found: Answer,
    store: EvidenceStore,
) -> tuple[Reading, Logged, Queried]:
    """The reading, with its counters in the store."""
    from auditgen.evidence.remote.files import counters_digest
    from auditgen.evidence.remote.model import Queried

    counted = found.counted
    table = source.table or ""
    path = f"{table} on {block.shown_name}"
    digest = counters_digest(path, counted)
    cube, _ = store.derived(digest_of(["queried", digest])[:40], lambda out: _written(counted.cells, out))
    copies = None
    if counted.copies:
        key = digest_of(["queried copies", digest])[:40]
        copies, _ = store.derived(key, lambda out: _written(counted.copies, out))
    rows = sum(day.rows for day in counted.days)
    queries = tuple(connection.queries[found.first :])
    queried = Queried(
        source_id=source.id,
        engine=block.shown_name,
        backend=connection.backend,
        version=connection.version,
        client=f"ibis {version('ibis-framework')}",
        table=table,
        snapshot=source.snapshot,
        rows=rows,
        counters_sha256=digest,
        queries=queries,
        days=counted.days,
        check=found.check,
    )
    base = Reading(
        path=path,
        sha256=digest,
        bytes=0,
        source_id=source.id,
        format=f"engine.{connection.backend}",
        recognised_by="declared in audit.yaml",
        tool=connection.backend,
        tool_version=connection.version,
        reader=READER,
        reader_version=READER_VERSION,
        kind="monitoring",
        anomalies=(_not_held(source),),
        about=_about(queried),
    )
    left_open = {"unmapped": counted.unmapped, "undated": counted.undated}
    reading = summarised(base, file_totals(embedded(), cube).get(0), left_open, source.map)
    logged = Logged(
        source_id=source.id,
        cube=cube,
        digests=(digest,),
        mapping=source.map,
        aliases={alias.recorded: alias.is_ for alias in source.aliases},
        repeats=counted.repeats,
        copies=copies,
    )
    return reading, logged, queried


def _with_exhibits(
    project: Project,
    source: SourceBlock,
    connection: Connection,
    found: Answer,
    kept: tuple[Reading, Logged, Queried],
    last: date,
    store: EvidenceStore,
) -> tuple[Reading, Logged, Queried]:
    """The same with a few rows that may be shown: of each criterion those that speak against the promise."""
    from auditgen.evidence.remote.exhibits import VALUES, draw_rows
    from auditgen.evidence.remote.files import write_drawn
    from auditgen.pipeline.build import EXHIBITS_PER_PRINCIPLE, requests_of

    reading, logged, queried = kept
    period = Period(project.audit.period.start, last)
    evidence = open_evidence((), period, (logged,))
    criteria = {c.id for p in project.audit.principles for c in p.criteria}
    asked: set[str] = set()
    rows: dict[str, dict[str, Any]] = {}
    for request in requests_of(project):
        if request.id not in criteria or source.id not in request.sources:
            continue
        if request.indicator.shape == "coverage":
            continue
        combinations = adverse_combinations(evidence, request, VALUES)
        combinations.sort(key=lambda one: digest_of([one[name] for name in VALUES]))
        key = digest_of([[one[name] for name in VALUES] for one in combinations])
        if not combinations or key in asked:
            continue
        asked.add(key)
        drawn = draw_rows(
            connection,
            found.table,
            source.map,
            combinations,
            (period.start, period.end),
            EXHIBITS_PER_PRINCIPLE,
            aliases=logged.aliases,
        )
        rows |= {row["digest"]: row for row in drawn}
    queried = replace(queried, queries=tuple(connection.queries[found.first :]))
    reading = replace(reading, about=_about(queried))
    if not rows:
        return reading, logged, queried
    place = f"{source.table}@{source.snapshot}" if source.snapshot else source.table or ""
    digest = digest_of(["drawn", reading.sha256, place, sorted(rows)])

    def write(out: Path) -> dict[str, Any]:
        record = source.map.record.from_ if source.map.record else None
        found = [rows[name] for name in sorted(rows)]
        write_drawn(
            found, out, source_id=source.id, digest=reading.sha256, place=place, id_column=record or "id"
        )
        return {}

    path, _ = store.derived(digest[:40], write)
    return reading, replace(logged, drawn=path), queried


def _written(lines: Sequence[Any], out: Any) -> dict[str, Any]:
    from auditgen.evidence.remote.files import write_lines

    write_lines(lines, out)
    return {}


def _not_held(source: SourceBlock) -> Anomaly:
    if source.snapshot is None:
        message = "counted where it lies, without a snapshot: nobody can count the same rows again"
        return Anomaly("queried-not-held", message)
    message = f"counted where it lies; declared to be snapshot `{source.snapshot}`"
    return Anomaly("queried-snapshot", message)


def _about(queried: Queried) -> tuple[str, ...]:
    days = digest_of([[day.day, day.rows, day.checksum] for day in queried.days])
    snapshot = f"snapshot `{queried.snapshot}`, as declared" if queried.snapshot else "no snapshot declared"
    return (
        f"queried, not held: {queried.rows:,} rows of `{queried.table}` were counted on {queried.engine} "
        f"({queried.backend} {queried.version}) by {len(queried.queries)} queries; {snapshot}",
        "its SHA-256 is over the counters that came back, not over the rows",
        "left out when this report is recomputed from its pack, which holds no rows of it",
        f"before it was asked, the engine read and counted {queried.check.rows} rows of values that engines "
        f"disagree about as {queried.check.expected_by} does: {queried.check.values:,} values and "
        f"{queried.check.lines} lines of counters",
        f"checksums of {len(queried.days)} days in engine.json (SHA-256 over them {days}), with the queries",
    )
