"""What a source is: something that recognises an export by its content and streams its records."""

from __future__ import annotations

import os
import struct
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import ijson

from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.model import (
    Alert,
    Anomaly,
    Incident,
    MetricPoint,
    Observation,
    Presence,
    PublishedCount,
    Reading,
    Run,
)
from auditgen.evidence.packed import beginning
from auditgen.sources.jsontext import FiniteStream, is_irregular, loads, parse_events
from auditgen.sources.labels import RefusalLabels
from auditgen.sources.lines import DAMAGED, open_unpacked, packing
from auditgen.sources.suites import SuiteLibrary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from auditgen.evidence.tables import Table

HEAD_BYTES = 1 << 16
ZIP_FAULTS = (
    zipfile.BadZipFile,
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,
    struct.error,
)
"""What `zipfile` raises for a hostile directory."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """A source's claim to a file."""

    format: str
    """Such as `inspect.eval/zstd`."""
    reason: str
    """What in the content says so, in words."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file says about itself, yielded once, at the end."""

    tool: str
    tool_version: str = ""
    planned: int | None = None
    completeness: Mapping[str, Presence] | None = None
    suites: Mapping[str, str] | None = None
    """Suite as recorded to what it was read by: `FieldReader.suites`."""
    role: str = "records"
    """`companion` for a file that holds no records of its own and describes those of others."""
    kind: str = "evaluation"
    """`monitoring` for exports of production: gateways, tracers, guardrails, monitors; `published` for
    figures whose records nobody has seen."""


@dataclass(frozen=True, slots=True)
class ReadFile:
    """One file after reading: what is known, and where its records are."""

    reading: Reading
    records: Path | None = None
    """Parquet of observations, for formats that a reader streams."""
    table: Table | None = None
    """The table itself; of monitoring it is read in place, or out of the copy of its columns."""
    mapped: Table | None = None
    """Of a text table of monitoring, the file as it was handed in."""

    @property
    def is_logged(self) -> bool:
        """Whether it holds rows of monitoring that can be counted."""
        if self.reading.kind != "monitoring" or any(a.code in _UNCOUNTED for a in self.reading.anomalies):
            return False
        if self.table is not None:
            return True
        return self.records is not None and self.reading.counts.observations > 0


_UNCOUNTED = frozenset({"mapping-missing", "unreadable"})


@dataclass(frozen=True, slots=True)
class Context:
    """What a reader is given beside the file."""

    mapping: RecordMap = field(default_factory=RecordMap)
    suites: SuiteLibrary = field(default_factory=SuiteLibrary)
    labels: RefusalLabels | None = None
    companions: tuple[Path, ...] = ()
    """Files that the reader asked for with `companions`, in that order."""


Item = Run | Observation | MetricPoint | PublishedCount | Alert | Incident | Anomaly | Facts
"""What a reader yields, in any order."""


class Source(Protocol):
    """One export format."""

    name: ClassVar[str]
    version: ClassVar[str]
    """Changes whenever the same bytes would be read differently: it is part of the cache key."""

    def recognise(self, probe: Probe) -> Recognition | None:
        """A claim to the file, or None. Must not raise for any content."""

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Stream the records. Faults inside the file are yielded as anomalies.

        A reader may also have `companions(path, available) -> Sequence[Path]`: which of the available
        files must be read together with `path` (by name and content, among those handed in).
        """


class Probe:
    """The beginning of a file, parsed in the few ways recognisers need, each at most once."""

    def __init__(self, path: Path, head: bytes | None = None) -> None:
        self.path = path
        self.size = os.stat(path).st_size
        if head is not None:  # of a packed file: how long the whole is, nobody knows yet
            self.head = head
            self.size = len(head) if len(head) < HEAD_BYTES else max(self.size, len(head) + 1)
            return
        with path.open("rb") as stream:
            self.head = stream.read(HEAD_BYTES)

    @cached_property
    def packed(self) -> str:
        """`gzip` or `zstd` where the file is a packed one, else nothing."""
        return packing(self.head)

    @cached_property
    def unpacked(self) -> Probe:
        """The beginning of what a gzip or zstd file holds; of any other file, this."""
        if not self.packed:
            return self
        try:
            with open_unpacked(self.path) as stream:
                return Probe(self.path, stream.read(HEAD_BYTES))
        except DAMAGED:
            head = beginning(self.head, HEAD_BYTES)
            return Probe(self.path, head) if head else self

    @cached_property
    def first_line(self) -> Any:
        """The first line as JSON, None when it is none or longer than the head."""
        line, newline, _ = self.head.partition(b"\n")
        if not newline and self.size > len(self.head):
            return None
        try:
            return loads(line)[0]
        except ValueError:
            return None

    @cached_property
    def top_keys(self) -> frozenset[str]:
        """Keys of the outermost JSON object that begin within the head."""
        keys = set()
        try:
            head = BytesIO(self.head)
            stream = FiniteStream(head) if is_irregular(self.head) else head
            for prefix, event, value in parse_events(stream):
                if prefix == "" and event == "map_key":
                    keys.add(str(value))
        except (ijson.JSONError, ValueError, RecursionError):
            pass  # the head ends somewhere in the middle
        return frozenset(keys)

    @cached_property
    def sqlite_tables(self) -> frozenset[str]:
        """Names of an SQLite file's tables and views; empty for any other file."""
        if not self.head.startswith(b"SQLite format 3\x00"):
            return frozenset()
        from auditgen.sources.sqlite import table_names

        return table_names(self.path)

    @cached_property
    def item_keys(self) -> frozenset[str]:
        """Keys of the first object of an outermost JSON array, as far as they begin within the head."""
        keys = set()
        try:
            head = BytesIO(self.head)
            stream = FiniteStream(head) if is_irregular(self.head) else head
            for prefix, event, value in parse_events(stream):
                if prefix == "item" and event == "map_key":
                    keys.add(str(value))
                elif (prefix == "item" and event == "end_map") or (prefix == "" and event == "start_map"):
                    break
        except (ijson.JSONError, ValueError, RecursionError):
            pass  # the head ends somewhere in the middle
        return frozenset(keys)

    @cached_property
    def zip_names(self) -> frozenset[str]:
        """Member names of a zip; of a truncated one, the first name at least."""
        if not self.head.startswith(b"PK\x03\x04"):
            return frozenset()
        try:
            with zipfile.ZipFile(self.path) as archive:
                return frozenset(archive.namelist())
        except ZIP_FAULTS:
            length = int.from_bytes(self.head[26:28], "little")
            return frozenset({self.head[30 : 30 + length].decode("utf-8", "replace")})
