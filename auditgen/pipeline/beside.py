"""Files without records of their own that decide what records say, and records that are no responses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from auditgen.canonical import digest_of, sha256_file
from auditgen.diagnostics import printable
from auditgen.evidence.pseudonym import key_id
from auditgen.evidence.series import stored_incidents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from auditgen.evidence.model import Incident
    from auditgen.pipeline.counters import CounterReading
    from auditgen.project import Project, SourceBlock
    from auditgen.sources.interface import ReadFile
    from auditgen.sources.labels import RefusalLabels


UNPACKABLE = re.compile(r"[^A-Za-z0-9._+=,@ /-]|^/|//|(^|/)\.\.?(/|$)|[. ](/|$)|(^|/) |^.{900,}")
"""Paths that do not travel as they are: absolute, upwards, or in letters that some system refuses."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A file without records of its own that decides what records say."""

    kind: Literal["labels", "suites", "indicators", "journal", "counter", "relabelled", "attestation", "seal"]
    name: str
    """As the report names it."""
    path: Path
    sha256: str
    note: str = ""
    """Of labels: who labelled; of suites: the id of the file."""


def display_name(path: Path, root: Path) -> str:
    """The path as the report prints it: relative to audit.yaml where it can be, and printable."""
    try:
        text = path.relative_to(root).as_posix()
    except ValueError:
        text = path.as_posix()
    shown = printable(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    return shown.replace("\n", "\N{REPLACEMENT CHARACTER}").replace("\t", "\N{REPLACEMENT CHARACTER}")


def suite_files(project: Project) -> Iterator[Beside]:
    """The project's own suite files: what they say is as weighty as the mapping."""
    for name, file in zip(project.audit.suites, project.suites.files, strict=False):
        path = project.resolve(name)
        yield Beside("suites", name, path, sha256_file(path), file.id)


def indicator_files(project: Project) -> Iterator[Beside]:
    """The project's own definitions of indicators."""
    for id_, name in project.own_indicators.items():
        path = project.resolve(name)
        yield Beside("indicators", name, path, sha256_file(path), id_)


def label_files(project: Project, labels: Mapping[str, RefusalLabels | None]) -> Iterator[Beside]:
    """Files of refusal labels, each once."""
    named: dict[str, RefusalLabels] = {}
    for found in labels.values():
        if found is not None:
            named.setdefault(found.name, found)
    for name, found in named.items():
        yield Beside("labels", name, project.resolve(name), found.sha256, found.by)


def counter_files(project: Project, counters: Sequence[CounterReading]) -> Iterator[Beside]:
    """Tables of independent counters."""
    for found in counters:
        for path, sha256 in found.files.items():
            yield Beside("counter", display_name(path, project.root), path, sha256, found.block.id)


def mapping_digest(source: SourceBlock, labels: RefusalLabels | None, beside: Sequence[Beside]) -> str:
    """Identity of everything that decides what a source's records say."""
    mapping = source.map.model_dump(mode="json", by_alias=True, exclude_none=True)
    suites = [b.sha256 for b in beside if b.kind == "suites"]
    if key_id(source.map):
        mapping["pseudonyms"] = key_id(source.map)
    if labels is None and not suites:
        return digest_of(mapping)
    by = [] if labels is None else [labels.sha256, labels.by, labels.kind]
    return digest_of({"map": mapping, "labels": by, "suites": suites})


def incidents(read: Sequence[ReadFile]) -> dict[str, tuple[Incident, ...]]:
    """Incidents by source; a second copy of a file adds none."""
    out: dict[str, tuple[Incident, ...]] = {}
    for file in read:
        table = None if file.records is None else file.records.parent / "incidents.parquet"
        is_copy = any(anomaly.code == "duplicate-file" for anomaly in file.reading.anomalies)
        if table is not None and table.exists() and not is_copy:
            source = file.reading.source_id
            out[source] = (*out.get(source, ()), *stored_incidents(table))
    return out


def own_member(number: int, file: Beside) -> str:
    """Where an own suite or definition lies in the pack: as audit.yaml names it, if that travels."""
    member = f"inputs/{file.name}"
    return f"{file.kind}/{number}/{file.path.name}" if UNPACKABLE.search(member) else member
