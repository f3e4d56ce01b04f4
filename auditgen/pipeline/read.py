"""From audit.yaml to readings: expand, read each file once, check the mappings against the tables."""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditgen.assessment import DocumentRecord
from auditgen.canonical import digest_of, sha256_file
from auditgen.diagnostics import Diagnostic, did_you_mean
from auditgen.errors import InputRefused
from auditgen.evidence.engine import Part
from auditgen.evidence.fingerprints import Fingerprints
from auditgen.evidence.logged import Logged
from auditgen.evidence.model import Anomaly, Incident, Reading
from auditgen.evidence.published import KIND as PUBLISHED
from auditgen.evidence.repeats import hold_the_same
from auditgen.evidence.secret_forms import without
from auditgen.pipeline import published
from auditgen.pipeline.beside import (
    Beside,
    counter_files,
    display_name,
    incidents,
    indicator_files,
    label_files,
    mapping_digest,
    suite_files,
)
from auditgen.pipeline.counters import CounterFault, CounterReading, read_counter
from auditgen.pipeline.files import evidence_files, expand
from auditgen.pipeline.queried import count_elsewhere
from auditgen.pipeline.relabelled import RelabelInput, read_relabelled, relabelled_files
from auditgen.pipeline.statements import SUFFIX, attest_documents, seal_files
from auditgen.sources.counting import count_logged
from auditgen.sources.interface import ReadFile
from auditgen.sources.labels import load_labels
from auditgen.sources.reading import SourceRegistry, read_file
from auditgen.sources.sqlite import journals
from auditgen.sources.suites import SuiteLibrary
from auditgen.sources.table_summary import missing_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from auditgen.evidence.published import PublishedPart
    from auditgen.evidence.remote.model import Queried
    from auditgen.evidence.store import EvidenceStore
    from auditgen.project import Project, SourceBlock
    from auditgen.sources.labels import RefusalLabels
    from auditgen.sources.suites import SuiteFile
    from auditgen.yamlspan import KeyPath

MAX_NAMES = 5


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that was read."""

    readings: tuple[Reading, ...]
    parts: tuple[Part, ...]
    published: tuple[PublishedPart, ...]
    """Tables of figures whose records nobody has seen."""
    logged: tuple[Logged, ...]
    """Groups of files of monitoring, counted."""
    queried: tuple[Queried, ...]
    """How sources were counted on another engine."""
    counters: tuple[CounterReading, ...]
    """What others counted."""
    relabelled: tuple[RelabelInput, ...]
    """Workbooks that people filled in."""
    incidents: Mapping[str, tuple[Incident, ...]]
    """By source."""
    documents: tuple[DocumentRecord, ...]
    void_attestations: tuple[str, ...]
    evidence_files: tuple[tuple[SourceBlock, Path], ...]
    """Every file of every source, in order."""
    empty_sources: tuple[str, ...]
    paths: dict[str, Path]
    """Evidence files and documents by the name the report gives them."""
    beside: tuple[Beside, ...]
    mapping_digests: dict[str, str]
    """By source: over its mapping, its labels and the project's own suite files."""
    broken_plugins: tuple[str, ...]
    third_party: tuple[str, ...]

    @property
    def evidence_digest(self) -> str:
        """Over path and digest of everything read, in order of path."""
        files = [[r.path, r.sha256] for r in self.readings]
        files += [[d.block.file, d.sha256 or ""] for d in self.documents]
        files += [[b.name, b.sha256] for b in self.beside]
        return digest_of(sorted(files))

    @property
    def missing(self) -> dict[str, int]:
        """Records that should count and cannot, by source: planned and absent, or without a time."""
        out: dict[str, int] = {}
        for reading in self.readings:
            if any(anomaly.code == "duplicate-file" for anomaly in reading.anomalies):
                continue
            gap = reading.counts.missing
            gap += sum(a.count for a in reading.anomalies if a.code == "undated-rows")
            if gap:
                out[reading.source_id] = out.get(reading.source_id, 0) + gap
        return out


def read_inputs(
    project: Project,
    store: EvidenceStore,
    progress: Callable[[str, int, int], None] = lambda *_: None,
    *,
    as_of: date | None = None,
) -> Inputs:
    """Read all sources and documents. Raises InputRefused when a mapping does not fit its table."""
    registry = SourceRegistry.load()
    found = evidence_files(project)
    read: list[ReadFile] = []
    parts: list[Part] = []
    paths: dict[str, Path] = {}
    seen: dict[str, str] = {}
    runs: dict[tuple[str, str | None], str] = {}
    held: dict[str, Path] = {}
    diagnostics: list[Diagnostic] = []
    labels = {s.id: _labels(project, s, paths, diagnostics) for s in project.audit.sources}
    beside = [*suite_files(project), *indicator_files(project), *label_files(project, labels)]
    fingerprints = Fingerprints(store.directory)
    fingerprints.prepare(
        (path for _, path in found if path.is_file()), lambda path: progress(path.name, 0, len(found))
    )
    for number, (source, path) in enumerate(found, 1):
        name = display_name(path, project.root)
        progress(name, number, len(found))
        file = read_file(
            path,
            name=name,
            source_id=source.id,
            mapping=source.map,
            store=store,
            registry=registry,
            available=[other for owner, other in found if owner is source],
            labels=labels[source.id],
            suites=project.suites,
            is_alone=False,
            fingerprints=fingerprints,
        )
        file = replace(file, reading=_overruled(project, _placeless(file.reading, path)))
        sha256 = file.reading.sha256
        if sha256 and file.reading.format and sha256 in seen:
            text = f"the same bytes as `{seen[sha256]}`; counted once"
            file = _set_aside(file, "duplicate-file", text)
        elif file.reading.role == "companion":
            pass  # the run it tells of is the one whose records stand elsewhere
        elif sha256:
            seen[sha256] = name
            native = {(file.reading.tool, r.native_id) for r in file.reading.runs if r.native_id}
            again = sorted(native & runs.keys())
            if again:
                first = runs[again[0]]
                text = f"run `{again[0][1]}` is also in `{first}`; only that file was counted"
                is_same = file.records and first in held and hold_the_same(file.records, held[first])
                if not is_same:
                    text += ", and this one says something else"
                file = _set_aside(file, "duplicate-run" if is_same else "runs-contradict", text)
            else:
                runs |= dict.fromkeys(native, name)
                held |= {name: file.records} if file.records else {}
        if sha256:
            paths[name] = path
            signature = path.with_name(path.name + SUFFIX)
            if source.provider.signed_by and signature.is_file():  # it travels with what it signs
                beside.append(Beside("seal", name + SUFFIX, signature, sha256_file(signature)))
            for journal in _journals(project, path, file.reading):
                paths[journal.name] = journal.path
                beside.append(journal)
        diagnostics += _mapping_faults(project, source, file)
        read.append(file)
        is_usable = not any(a.code in {"mapping-missing", "unreadable"} for a in file.reading.anomalies)
        if file.records and is_usable and file.reading.kind not in {"monitoring", PUBLISHED}:
            parts.append(
                Part(
                    source_id=source.id,
                    file_sha256=sha256,
                    records=file.records,
                    aliases=_aliases(source),
                    has_repeats=file.reading.counts.duplicates > 0,
                )
            )
    read = published.apart(read)
    diagnostics += published.mixed_faults(project, read)
    last = project.audit.period.end
    last = last if as_of is None else max(project.audit.period.start, min(last, as_of))
    elsewhere = count_elsewhere(project, store, last, diagnostics, progress)
    if diagnostics:
        raise _refusal(diagnostics)
    fingerprints.save()
    counters = _counters(project, read, paths, diagnostics)
    if diagnostics:
        raise _refusal(diagnostics)
    read, logged = _count(project, read, paths, store, progress)
    attested = attest_documents(project, tuple(_documents(project)))
    documents = attested.documents
    beside += [*attested.files, *seal_files(project)]
    paths |= {file.name: file.path for file in beside if file.kind in {"attestation", "seal"}}
    relabelled = read_relabelled(project, paths)
    beside += [*counter_files(project, counters), *relabelled_files(project, relabelled)]
    for document in documents:
        if document.sha256 is not None:
            paths[document.block.file] = project.resolve(document.block.file)
    with_files = {source.id for source, _ in found} | {r.source_id for r in elsewhere.readings}
    return Inputs(
        readings=(*(file.reading for file in read), *elsewhere.readings),
        parts=tuple(parts),
        published=published.published_parts(read, {s.id: _aliases(s) for s in project.audit.sources}),
        logged=(*logged, *elsewhere.logged),
        queried=elsewhere.queried,
        counters=counters,
        relabelled=relabelled,
        incidents=incidents(read),
        documents=documents,
        void_attestations=attested.void,
        evidence_files=tuple(found),
        empty_sources=tuple(s.id for s in project.audit.sources if s.id not in with_files),
        paths=paths,
        beside=tuple(sorted(beside, key=lambda b: (b.kind, b.name))),
        mapping_digests={s.id: mapping_digest(s, labels[s.id], beside) for s in project.audit.sources},
        broken_plugins=tuple(f"{p.name} ({p.distribution}): {p.failure}" for p in registry.broken),
        third_party=tuple(
            f"{p.distribution} {p.version}: {p.name}" for p in registry.plugins if p.is_third_party
        ),
    )


def _refusal(diagnostics: list[Diagnostic]) -> InputRefused:
    count = len(diagnostics)
    return InputRefused(
        f"{count} fault{'s' if count != 1 else ''} in mappings, labels or counters; nothing was written",
        diagnostics=diagnostics,
    )


def _counters(
    project: Project, read: Sequence[ReadFile], paths: dict[str, Path], diagnostics: list[Diagnostic]
) -> tuple[CounterReading, ...]:
    out = []
    for number, block in enumerate(project.audit.counters):
        try:
            found = read_counter(block, expand(project, block.files), read)
        except CounterFault as fault:
            place: KeyPath = ("counters", number, *fault.key.split("."))
            diagnostics.append(
                project.document.fault("counter-unread", fault.message, place, helps=fault.helps)
            )
            continue
        paths |= {display_name(path, project.root): path for path in found.files}
        out.append(found)
    return tuple(out)


def _aliases(source: SourceBlock) -> dict[str, str]:
    return {alias.recorded: alias.is_ for alias in source.aliases}


def _count(
    project: Project,
    read: Sequence[ReadFile],
    paths: Mapping[str, Path],
    store: EvidenceStore,
    progress: Callable[[str, int, int], None],
) -> tuple[list[ReadFile], tuple[Logged, ...]]:
    """Count what was logged, source by source; the files stay in their order."""
    out = list(read)
    logged: list[Logged] = []
    for source in project.audit.sources:
        numbers = [n for n, file in enumerate(read) if file.reading.source_id == source.id and file.is_logged]
        if not numbers:
            continue
        progress(f"counting {source.id}", len(read), len(read))
        counted = count_logged(
            [read[number] for number in numbers],
            source_id=source.id,
            mapping=source.map,
            store=store,
            aliases=_aliases(source),
        )
        for number, file in zip(numbers, counted.files, strict=True):
            out[number] = replace(file, reading=_placeless(file.reading, paths[file.reading.path]))
        logged += counted.logged
    return out, tuple(logged)


def _journals(project: Project, path: Path, reading: Reading) -> Iterator[Beside]:
    """What belongs to a database and was read with it, whether or not a glob names it."""
    for journal in journals(path):
        sha256 = reading.companions.get(journal.name)
        if sha256 is not None:
            yield Beside("journal", display_name(journal, project.root), journal, sha256)


def _overruled(project: Project, reading: Reading) -> Reading:
    """Say where the project's own description was taken before a shipped one of the same suite."""
    own, shipped = _own_and_shipped(project)
    names = sorted(
        name
        for name, by in reading.suites.items()
        if by in {suite.id for file in own for suite in file.suites}
        and shipped.find(reading.reader, name) is not None
    )
    if not names:
        return reading
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    shown = ", ".join(f"`{name}`" for name in names[:MAX_NAMES]) + more
    message = f"audit.yaml's own suite files say what the scores of {shown} mean, not the shipped description"
    anomaly = Anomaly("suite-overruled", message, len(names))
    return replace(reading, anomalies=(*reading.anomalies, anomaly))


def _own_and_shipped(project: Project) -> tuple[tuple[SuiteFile, ...], SuiteLibrary]:
    """The project's own suite files, and a library of the shipped ones alone."""
    count = len(project.audit.suites)
    return project.suites.files[:count], SuiteLibrary.of(project.suites.files[count:])


def _labels(
    project: Project, source: SourceBlock, paths: dict[str, Path], diagnostics: list[Diagnostic]
) -> RefusalLabels | None:
    """The refusal labels of a source; what is wrong with them is added to `diagnostics`."""
    block = source.labels
    if block is None:
        return None
    place = ("sources", project.audit.sources.index(source), "labels", "file")
    path = project.resolve(block.file)
    try:
        if not path.is_file():
            raise FileNotFoundError(errno.ENOENT, "it is no regular file")
        found, faults = load_labels(path, name=block.file, by=block.by, kind=block.kind)
    except OSError as error:
        message = f"`{block.file}` cannot be read: {error.strerror or error}"
        diagnostics.append(project.document.fault("labels-unreadable", message, place))
        return None
    diagnostics += faults
    paths[block.file] = path
    return found


def _placeless(reading: Reading, path: Path) -> Reading:
    """Messages of libraries name the file by its place on this machine; the report names it by ours."""
    anomalies = tuple(
        replace(a, message=a.message.replace(str(path), reading.path)) for a in reading.anomalies
    )
    return replace(reading, anomalies=anomalies)


def _set_aside(file: ReadFile, code: str, message: str) -> ReadFile:
    """What was handed in before, in the same bytes or as the same run, counts once."""
    anomaly = Anomaly(code, message, blocks=True)
    anomalies = (*file.reading.anomalies, anomaly)
    return ReadFile(replace(file.reading, anomalies=anomalies))


def _mapping_faults(project: Project, source: SourceBlock, file: ReadFile) -> Iterator[Diagnostic]:
    """A column that the table does not have is the user's mistake, answered at its place."""
    table = file.mapped or file.table
    if table is None or (source.map.time is None and source.map.records != "evaluation"):
        return
    index = project.audit.sources.index(source)
    for field, column in missing_columns(table, source.map).items():
        helps = did_you_mean(column, table.columns)
        shown = ", ".join(map(without, table.columns[:20]))
        yield project.document.fault(
            "unknown-column",
            f"`{column}` is no column of `{file.reading.path}`",
            ("sources", index, "map", field),
            helps=helps or (f"its columns: {shown}",),
        )


def _documents(project: Project) -> Iterator[DocumentRecord]:
    for block in project.audit.documents:
        path = project.resolve(block.file)
        if not path.is_file():
            yield DocumentRecord(block, None, fault=f"no file `{block.file}`")
            continue
        try:
            yield DocumentRecord(block, sha256_file(path), path.stat().st_size)
        except OSError as error:
            yield DocumentRecord(block, None, fault=f"cannot be read: {error.strerror or error}")
