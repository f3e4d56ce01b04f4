"""Sources that stay on the users' own engine: counted there, and only counters come here."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import orjson

from auditgen.canonical import digest_of
from auditgen.diagnostics import Diagnostic, did_you_mean
from auditgen.errors import EnvironmentRefused
from auditgen.evidence.cube import file_totals
from auditgen.evidence.logged import Logged
from auditgen.evidence.model import Anomaly, Reading
from auditgen.evidence.tables import connect as embedded
from auditgen.sources.table_summary import summarised

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from auditgen.evidence.remote.canonical import UnfitColumn
    from auditgen.evidence.remote.connection import Connection
    from auditgen.evidence.remote.model import Counted, Queried
    from auditgen.evidence.store import EvidenceStore
    from auditgen.project import Project, SourceBlock
    from auditgen.project.model import EngineBlock

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

    found = []
    connection = connect(block.url, name=block.shown_name, secret=_secret(project, block))
    try:
        for source in sources:
            progress(f"counting {source.id} on {block.shown_name}", 0, len(sources))
            counted = _count(project, source, connection, last, diagnostics)
            if counted is not None:
                found.append(_kept(source, block, connection, counted, store))
    finally:
        connection.close()
    readings, logged, queried = zip(*found, strict=True) if found else ((), (), ())
    return Elsewhere(tuple(readings), tuple(logged), tuple(queried))


def engine_file(queried: Sequence[Queried]) -> bytes:
    """What the pack holds of the queries: `engine.json`."""
    about: dict[str, Any] = {
        "schema": "auditgen-engine-1",
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
) -> tuple[Counted, int] | None:
    """The counters of one source, and where its queries begin; None where audit.yaml is at fault."""
    from auditgen.evidence.remote.canonical import UnfitColumn
    from auditgen.evidence.remote.connection import NoSuchTable
    from auditgen.evidence.remote.counting import count_table

    at = ("sources", project.audit.sources.index(source))
    name, first = source.table or "", len(connection.queries)
    try:
        table = connection.source(name)
        faults = list(_unfit(table.unfit(source.map)))
        if not faults:
            return count_table(connection, table, source.map, (project.audit.period.start, last)), first
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
    found: tuple[Counted, int],
    store: EvidenceStore,
) -> tuple[Reading, Logged, Queried]:
    """The reading, with its counters in the store."""
    from auditgen.evidence.remote.files import counters_digest
    from auditgen.evidence.remote.model import Queried

    counted, first = found
    table = source.table or ""
    path = f"{table} on {block.shown_name}"
    digest = counters_digest(path, counted)
    cube, _ = store.derived(digest_of(["queried", digest])[:40], lambda out: _written(counted.cells, out))
    copies = None
    if counted.copies:
        key = digest_of(["queried copies", digest])[:40]
        copies, _ = store.derived(key, lambda out: _written(counted.copies, out))
    rows = sum(day.rows for day in counted.days)
    queries = tuple(connection.queries[first:])
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
        "its SHA-256 is over the counters that came back, not over the rows; of rows no exhibit is shown",
        f"checksums of {len(queried.days)} days in engine.json (SHA-256 over them {days}), with the queries",
    )
