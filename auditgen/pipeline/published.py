"""Published counts beside records: told apart by source, and never counted together."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from auditgen.evidence.model import Anomaly
from auditgen.evidence.published import KIND, PublishedPart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from auditgen.diagnostics import Diagnostic
    from auditgen.evidence.model import Reading
    from auditgen.evidence.published import PublishedFigure
    from auditgen.project import Project
    from auditgen.project.model import AlsoMeasured, Criterion
    from auditgen.sources.interface import ReadFile
    from auditgen.yamlspan import KeyPath

_UNUSABLE = frozenset({"duplicate-file", "unreadable"})


def apart(read: Sequence[ReadFile]) -> list[ReadFile]:
    """The files in their order; published counts in a source that also holds records are set aside."""
    mixed = _with_records(read) & {file.reading.source_id for file in read if file.reading.kind == KIND}
    message = (
        "this source also holds records, beside which a published count is not counted; give it a source of "
        "its own"
    )
    anomaly = Anomaly("published-beside-records", message, blocks=True)

    def marked(reading: Reading) -> Reading:
        return replace(reading, anomalies=(*reading.anomalies, anomaly))

    return [
        replace(file, reading=marked(file.reading), records=None)
        if file.reading.kind == KIND and file.reading.source_id in mixed
        else file
        for file in read
    ]


def _with_records(read: Sequence[ReadFile]) -> set[str]:
    return {
        file.reading.source_id
        for file in read
        if file.reading.format and file.reading.kind != KIND and file.reading.role == "records"
    }


def published_parts(
    read: Sequence[ReadFile], aliases: Mapping[str, Mapping[str, str]]
) -> tuple[PublishedPart, ...]:
    """The tables of published counts that are counted. `aliases`: of model names, by source."""
    out = []
    for file in read:
        reading = file.reading
        if reading.kind != KIND or file.records is None or not reading.beside:
            continue
        if any(anomaly.code in _UNUSABLE for anomaly in reading.anomalies):
            continue
        counts = file.records.parent / "published_counts.parquet"
        out.append(PublishedPart(reading.source_id, reading.sha256, counts, aliases[reading.source_id]))
    return tuple(out)


def mixed_faults(project: Project, read: Sequence[ReadFile]) -> Iterator[Diagnostic]:
    """Whatever lists sources of both kinds: the user's mistake, answered at its place."""
    audit = project.audit
    with_records = _with_records(read) | {s.id for s in audit.sources if s.table is not None}
    published = {file.reading.source_id for file in read if file.reading.kind == KIND} - with_records
    items: list[tuple[KeyPath, Criterion | AlsoMeasured]] = [
        (("principles", n, "criteria", k), criterion)
        for n, principle in enumerate(audit.principles)
        for k, criterion in enumerate(principle.criteria)
    ]
    items += [(("also_measured", n), item) for n, item in enumerate(audit.also_measured)]
    for at, item in items:
        if not with_records.intersection(item.sources):
            continue
        for index, source in enumerate(item.sources):
            if source in published:
                yield project.document.fault(
                    "published-among-records",
                    f"`{source}` holds published counts, which are not counted together with records",
                    (*at, "sources", index),
                    helps=("write a criterion of its own for it",),
                )


def told_twice(readings: Sequence[Reading], figures: Sequence[PublishedFigure]) -> Iterator[Reading]:
    """The readings; of what two files of a source say of one subject, each of the two says so."""
    copies = Counter((f.source_id, f.file_sha256) for f in figures if f.is_copy and f.is_across)
    differing = Counter((f.source_id, f.file_sha256) for f in figures if f.differs and f.is_across)
    for reading in readings:
        key = reading.source_id, reading.sha256
        found = []
        if reading.kind == KIND and copies[key]:
            message = "figures that repeat one of another file; each counts once"
            found.append(Anomaly("duplicate-rows", message, copies[key]))
        if reading.kind == KIND and differing[key]:
            message = (
                "figures of the same setting, model and arm as one of another file, which says something "
                "else; none of them decides anything"
            )
            found.append(Anomaly("records-contradict", message, differing[key]))
        yield replace(reading, anomalies=(*reading.anomalies, *found)) if found else reading
