"""From a path to what is known about it: recognise by content, read once, remember by content hash."""

from __future__ import annotations

import gc
import os
import stat
from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain, combinations
from typing import TYPE_CHECKING, Any

from auditgen.canonical import sha256_file
from auditgen.diagnostics import shown_name
from auditgen.errors import AuditgenError
from auditgen.evidence import secret_forms
from auditgen.evidence.columnar import count_rows
from auditgen.evidence.copying import COPY_VERSION, copy_key, copy_table, table_of_copy
from auditgen.evidence.fingerprints import Fingerprints, take
from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.model import (
    Alert,
    Anomaly,
    Basis,
    Counts,
    Incident,
    MetricPoint,
    Observation,
    Outcome,
    Presence,
    PublishedCount,
    Reading,
    Run,
)
from auditgen.evidence.packed import DAMAGED
from auditgen.evidence.pseudonym import key_id
from auditgen.evidence.tables import TableFault, connect
from auditgen.plugins import load_plugins
from auditgen.sources import refusal
from auditgen.sources.counting import count_alone
from auditgen.sources.database import DATABASES, open_database
from auditgen.sources.interface import Context, Facts, Probe, ReadFile, Recognition
from auditgen.sources.rows import read_rows
from auditgen.sources.spreadsheet import copy_sheet
from auditgen.sources.sqlite import journals
from auditgen.sources.suites import SuiteLibrary
from auditgen.sources.table import TableSource, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from auditgen.evidence.repeats import Repeats
    from auditgen.evidence.store import EvidenceStore
    from auditgen.evidence.tables import Table
    from auditgen.plugins import Plugin
    from auditgen.sources.interface import Item, Source
    from auditgen.sources.labels import RefusalLabels

_REFUSAL = {Outcome.REFUSED: True, Outcome.COMPLIED: False, Outcome.PARTIAL: False}
"""Outcomes that say whether a text is a refusal; the others say nothing about it."""
GROUP = "auditgen.sources"
ALLOCATIONS = 50_000
"""Of containers beyond those that were freed, before cycles are looked for while records are read."""


class RecogniserFailed(AuditgenError):
    """A reader raised while it looked at a file, and no other one claimed it."""


@dataclass(frozen=True, slots=True)
class SourceRegistry:
    """The readers at hand, built-in and third-party, and those that failed to load."""

    plugins: tuple[Plugin, ...]

    @classmethod
    def load(cls) -> SourceRegistry:
        """Every registered reader."""
        return cls(load_plugins(GROUP))

    @property
    def broken(self) -> tuple[Plugin, ...]:
        """Readers that could not be loaded."""
        return tuple(p for p in self.plugins if p.failure)

    def recognise(self, path: Path) -> tuple[Source, Recognition] | None:
        """The one reader that claims the file. Raises AuditgenError when two do."""
        probe = Probe(path)
        claims: list[tuple[bool, Source, Recognition]] = []
        failures: list[str] = []
        for plugin in self.plugins:
            if plugin.failure:
                continue
            try:
                source: Source = plugin.value()
                claim = source.recognise(probe)
            except Exception as error:  # a foreign reader must not stop the others
                failures.append(f"`{plugin.name}` ({type(error).__name__}: {str(error)[:80]})")
                continue
            if claim is not None:
                claims.append((getattr(source, "is_fallback", False), source, claim))
        specific = [claim for claim in claims if not claim[0]]
        chosen = specific or claims
        if len(chosen) > 1:
            names = ", ".join(f"`{source.name}`" for _, source, _ in chosen)
            raise AuditgenError(f"`{path}` is claimed by {names}", hint="report this to their authors")
        if not chosen and failures:
            raise RecogniserFailed(f"no reader claims it, and these failed: {', '.join(failures)}")
        return (chosen[0][1], chosen[0][2]) if chosen else None


def read_file(
    path: Path,
    *,
    name: str,
    source_id: str,
    mapping: RecordMap | None,
    store: EvidenceStore,
    registry: SourceRegistry,
    suites: SuiteLibrary | None = None,
    available: Sequence[Path] = (),
    labels: RefusalLabels | None = None,
    is_alone: bool = True,
    fingerprints: Fingerprints | None = None,
) -> ReadFile:
    """Read one file. A fault in it becomes an anomaly of its reading, never an exception.

    Rows of monitoring are counted at once when it `is_alone`, else by `counting.count_logged` together
    with those of its source.

    `name` is the path as the user gave it, made printable. Without a mapping, tables are described
    and not scanned. `available` are the files that were handed in with it, for exports of several files.
    """
    fault = _not_readable(path)
    if fault is not None:
        return ReadFile(_unread(name, source_id, "", 0, fault))
    try:
        taken = take(path) if fingerprints is None else fingerprints.of(path)
        size, sha256 = taken.size, taken.sha256
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        return ReadFile(_unread(name, source_id, "", 0, Anomaly("unreadable", message, blocks=True)))
    try:
        claim = registry.recognise(path)
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        anomaly = Anomaly("unreadable", message, blocks=True)
        return ReadFile(_unread(name, source_id, sha256, size, anomaly))
    except AuditgenError as error:
        code = "reader-failed" if isinstance(error, RecogniserFailed) else "ambiguous-format"
        anomaly = Anomaly(code, str(error), blocks=True)
        return ReadFile(_unread(name, source_id, sha256, size, anomaly))
    if claim is None:
        message = "empty file" if size == 0 else "no reader recognises this content"
        anomaly = Anomaly("unrecognised", message, blocks=True)
        return ReadFile(_unread(name, source_id, sha256, size, anomaly))
    source, recognition = claim
    base = Reading(
        path=name,
        sha256=sha256,
        bytes=size,
        source_id=source_id,
        format=recognition.format,
        recognised_by=recognition.reason,
        reader=source.name,
        reader_version=source.version,
    )
    if isinstance(source, TableSource):
        context = Context(mapping or RecordMap(), suites or SuiteLibrary(), labels)
        read = _read_table(path, base, mapping, store, context, taken.lines)
        return count_alone(read, mapping=mapping, store=store) if is_alone and read.is_logged else read
    companions = _companions(source, path, available, fingerprints)
    if isinstance(companions, Anomaly):
        return ReadFile(replace(base, anomalies=(companions,)))
    context = Context(
        mapping or RecordMap(), suites or SuiteLibrary(), labels, tuple(companions)
    )
    base = replace(base, companions={_beside(p, path): digest for p, digest in companions.items()})
    read = _read_records(path, base, lambda: source.read(path, context), context, store)
    return count_alone(read, mapping=mapping, store=store) if is_alone and read.is_logged else read


def _beside(companion: Path, path: Path) -> str:
    """How a companion is called: by the way to it from the file it belongs to."""
    try:
        return companion.relative_to(path.parent).as_posix()
    except ValueError:
        return companion.name


def _companions(
    source: Source, path: Path, available: Sequence[Path], fingerprints: Fingerprints | None
) -> dict[Path, str] | Anomaly:
    """The files that the reader wants beside this one, with their digests."""
    wanted = getattr(source, "companions", None)
    if wanted is None:
        return {}
    try:
        known = {*available, *journals(path)}  # a database that was not closed goes on in its journal
        chosen = [p for p in wanted(path, available) if p in known and _not_readable(p) is None]
        if fingerprints is None:
            return {p: sha256_file(p) for p in chosen}
        return {p: fingerprints.once(p).sha256 for p in chosen}
    except Exception as error:  # a foreign reader must not stop the others
        message = f"the reader failed: {type(error).__name__}"
        return Anomaly("reader-failed", message, blocks=True)


def _not_readable(path: Path) -> Anomaly | None:
    """Directories, pipes, sockets and devices are named, not opened: a FIFO would wait for ever."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return Anomaly("unreadable", f"cannot be read: {error.strerror or error}", blocks=True)
    if not stat.S_ISREG(mode):
        return Anomaly("not-a-file", "this is not a regular file", blocks=True)
    return None


def _unread(name: str, source_id: str, sha256: str, size: int, anomaly: Anomaly) -> Reading:
    return Reading(
        path=name, sha256=sha256, bytes=size, source_id=source_id, format="", anomalies=(anomaly,)
    )


def _read_records(
    path: Path,
    base: Reading,
    items: Callable[[], Iterable[Item]],
    context: Context,
    store: EvidenceStore,
) -> ReadFile:
    if context.labels is not None:
        with_labels = dict(base.companions) | {context.labels.name: context.labels.sha256}
        base = replace(base, companions=with_labels)
    read_by = {
        "labelled": context.labels.kind if context.labels is not None else "",
        "map": context.mapping.model_dump(mode="json", by_alias=True),
        "suites": context.suites.digest,
        "companions": sorted(base.companions.items()),
        "refusal": refusal.VERSION,
        "credentials": secret_forms.VERSION,
    }
    if key_id(context.mapping):
        read_by["pseudonym"] = key_id(context.mapping)
    key = store.key(base.sha256, base.reader, base.reader_version, read_by)
    cached = store.cached(key)
    # what failed once is tried again: the cause may have been the disk, not the bytes
    if cached is not None and not any(a.code == "reader-failed" for a in cached.anomalies):
        known = replace(
            cached, path=base.path, source_id=base.source_id, companions=base.companions
        )
        return ReadFile(known, store.observations(key))
    writer = store.write(key, base.sha256)
    runs: list[Run] = []
    anomalies: list[Anomaly] = []
    facts = Facts(tool="")
    agreement: dict[str, Counter[str]] = {}
    before = _stamp(path)
    try:
        try:
            for item in rarely_collected(items()):
                match item:
                    case Observation():
                        detected, judged = _labels_of(item, context.labels)
                        _compare(item, detected, judged, agreement)
                        writer.add(item, detected=detected, judged=judged)
                    case Run():
                        runs.append(item)
                    case MetricPoint() | PublishedCount() | Alert() | Incident():
                        writer.add_beside(item)
                    case Anomaly():
                        anomalies.append(item)
                    case Facts():
                        facts = item
        except (AuditgenError, MemoryError):
            raise
        except Exception as error:
            message = f"the reader failed: {type(error).__name__}"
            anomalies.append(Anomaly("reader-failed", message, blocks=True))
        if _stamp(path) != before:
            message = "the file changed while it was read: its digest is not that of these records"
            anomalies.append(Anomaly("reader-failed", message, blocks=True))
        is_monitoring = facts.kind == "monitoring"
        if not is_monitoring:  # rows of monitoring are compared across all files of their source
            anomalies += _repeat_anomalies(writer.repeats())
        counts = writer.counts(facts.planned)
        completeness = dict(facts.completeness or {})
        completeness["prompt"] = Presence.of(writer.tallies.with_prompt)
        completeness["response"] = Presence.of(writer.tallies.with_response)
        reading = replace(
            base,
            tool=facts.tool,
            tool_version=facts.tool_version,
            runs=tuple(runs),
            kind=facts.kind,
            counts=replace(counts, duplicates=0) if is_monitoring else counts,
            outcomes=dict(sorted((str(k), v) for k, v in writer.tallies.outcomes.items())),
            models=tuple(sorted({shown_name(name) for name in writer.tallies.models})),
            first_at=writer.tallies.first_at,
            last_at=writer.tallies.last_at,
            anomalies=tuple(anomalies),
            completeness=dict(sorted(completeness.items())),
            role=facts.role,
            beside=dict(sorted(writer.beside.items())),
            suites=dict(facts.suites or {}),
            agreement={pair: dict(sorted(table.items())) for pair, table in sorted(agreement.items())},
            scores={metric: dict(sorted(v.items())) for metric, v in sorted(writer.scores.items())},
        )
        writer.publish(reading)
    except BaseException:
        writer.discard()
        raise
    return ReadFile(reading, store.observations(key))


def _repeat_anomalies(repeats: Repeats) -> Iterator[Anomaly]:
    if repeats.copies:
        message = "samples that occur more than once under the same id and epoch; each counts once"
        yield Anomaly("duplicate-samples", message, repeats.copies)
    if repeats.reused:
        message = "samples under the id and epoch of another one, with another text or time; each counts"
        yield Anomaly("ids-reused", message, repeats.reused)
    if repeats.contradicting:
        message = "samples that share an id and epoch and contradict each other; none of them is decided"
        yield Anomaly("samples-contradict", message, repeats.contradicting)


def rarely_collected(items: Iterable[Item]) -> Iterator[Item]:
    """The items, while cycles of garbage are looked for less often than in a program that makes them.

    Records are trees of thousands of small objects; to walk through all that are alive again and again takes
    a fifth of the time, and finds nothing.
    """
    before = gc.get_threshold()
    gc.set_threshold(ALLOCATIONS, *before[1:])
    try:
        yield from items
    finally:
        gc.set_threshold(*before)


def _labels_of(observation: Observation, labels: RefusalLabels | None) -> tuple[bool | None, bool | None]:
    """The refusal labels that do not come from the file: by the text heuristic, and handed in."""
    response = observation.response
    if response is None:
        return observation.refusal_detected, observation.refusal_judged
    return refusal.detect(response), None if labels is None else labels.of(response)


def _compare(
    observation: Observation,
    detected: bool | None,
    judged: bool | None,
    agreement: dict[str, Counter[str]],
) -> None:
    """Count how the separate refusal labels of one response agree."""
    if judged is None and detected is None:  # there is no pair of which one is not of these
        return
    native = observation.refusal_native
    if native is None and observation.basis in {Basis.NATIVE_FIELD, Basis.JUDGE, Basis.HUMAN}:
        native = _REFUSAL.get(observation.outcome)
    labels = {"native": native, "judged": judged, "detected": detected}
    for one, other in combinations(labels, 2):
        if labels[one] is None or labels[other] is None:
            continue
        cell = {(True, True): "both", (True, False): one, (False, True): other}
        table = agreement.setdefault(f"{other}/{one}", Counter())
        table[cell.get((bool(labels[one]), bool(labels[other])), "neither")] += 1


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def _read_table(
    path: Path,
    base: Reading,
    mapping: RecordMap | None,
    store: EvidenceStore,
    context: Context,
    lines: int,
) -> ReadFile:
    is_evaluation = mapping is not None and mapping.records == "evaluation"
    base = replace(base, kind="evaluation" if is_evaluation else "monitoring", tool="table")
    left_out: tuple[Anomaly, ...] = ()
    whole: Table | None = None
    try:
        if base.format == "table.xlsx":
            sheet = mapping.sheet if mapping is not None else None
            key = store.key(base.sha256, "sheet", base.reader_version, {"sheet": sheet})
            copy, left_out = _copied_sheet(path, sheet, key, store)
            table = table_of(copy, "table.parquet")
        elif base.format in DATABASES:
            opened = open_database(path, base, mapping, store)
            base, whole = opened.base, opened.whole
            if opened.refused is not None or opened.table is None:
                return opened.refused or ReadFile(base)
            left_out, table = base.anomalies, opened.table
        else:
            table = table_of(path, base.format)
    except (TableFault, *DAMAGED) as error:
        message = getattr(error, "message", str(error))
        anomaly = Anomaly("unreadable", message, blocks=True)
        return ReadFile(replace(base, anomalies=(anomaly,)))
    if is_evaluation:
        base = replace(base, anomalies=())
        read = _read_records(
            path, base, lambda: chain(read_rows(table, context), left_out), context, store
        )
        return replace(read, table=whole or table)
    base = replace(base, anomalies=left_out)
    if mapping is None or mapping.time is None:
        columns = ", ".join(map(secret_forms.without, table.columns[:30]))  # a first row may be no header
        anomaly = Anomaly("mapping-missing", f"a table needs a mapping; its columns: {columns}")
        try:
            rows = count_rows(connect(), table)
        except TableFault as error:
            anomaly = Anomaly("unreadable", error.message, blocks=True)
            return ReadFile(replace(base, anomalies=(anomaly,)), table=table)
        counts = Counts(observations=rows)
        return ReadFile(replace(base, counts=counts, anomalies=(*left_out, anomaly)), table=table)
    if table.format == "parquet":
        return ReadFile(base, table=table, mapped=whole)
    key = store.key(base.sha256, f"copy {COPY_VERSION}", base.format, copy_key(mapping))
    try:
        copy, about = store.derived(key, lambda out: copy_table(table, mapping, out, lines))
    except TableFault as error:
        anomaly = Anomaly("unreadable", error.message, blocks=True)
        return ReadFile(replace(base, anomalies=(*left_out, anomaly)), table=table)
    if about["rejected"]:
        shown = ", ".join(str(number) for number in about["lines"])
        rejected = Anomaly("lines-unreadable", f"lines that are no record (line {shown})", about["rejected"])
        base = replace(base, anomalies=(*left_out, rejected))
    return ReadFile(base, table=table_of_copy(copy, mapping), mapped=table)


def _copied_sheet(
    path: Path, sheet: str | None, key: str, store: EvidenceStore
) -> tuple[Path, tuple[Anomaly, ...]]:
    def make(out: Path) -> dict[str, Any]:
        return {"left_out": [[a.code, a.message, a.count] for a in copy_sheet(path, sheet, out)]}

    copy, about = store.derived(key, make)
    return copy, tuple(Anomaly(*item) for item in about["left_out"])
