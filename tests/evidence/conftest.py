"""Tables written on the spot, read and opened as one view."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from auditgen.evidence.engine import Evidence, Part, Period, open_evidence
from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.store import EvidenceStore
from auditgen.sources.reading import ReadFile, SourceRegistry, read_file

PERIOD = Period(date(2026, 7, 1), date(2026, 9, 30))
MAPPING = {
    "time": {"from": "t"},
    "record": {"from": "id"},
    "outcome": {"from": "r", "values": {"answered": "complied", "refused": "refused"}},
}


class Kit:
    """What the tests of this room make."""

    period = PERIOD
    mapping = MAPPING

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.registry = SourceRegistry.load()

    def file(self, data: bytes | str, name: str = "table", *, packed: bool = False) -> Path:
        """A new file in a directory of its own."""
        raw = data.encode() if isinstance(data, str) else data
        path = Path(tempfile.mkdtemp(dir=self.directory)) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(raw) if packed else raw)
        return path

    def read(self, path: Path, mapping: Mapping[str, Any] | None = MAPPING) -> ReadFile:
        """Read a file under a mapping."""
        record_map = None if mapping is None else RecordMap.model_validate_json(json.dumps(mapping))
        store = EvidenceStore(Path(tempfile.mkdtemp(dir=self.directory)))
        return read_file(
            path,
            name=path.name,
            source_id="s",
            mapping=record_map,
            store=store,
            registry=self.registry,
        )

    def codes(self, file: ReadFile) -> dict[str, int]:
        """The anomalies of a reading, code to count."""
        out: dict[str, int] = {}
        for anomaly in file.reading.anomalies:
            out[anomaly.code] = out.get(anomaly.code, 0) + anomaly.count
        return out

    def part(self, file: ReadFile, mapping: Mapping[str, Any] = MAPPING, source: str = "s") -> Part:
        """The file's contribution to the view."""
        record_map = RecordMap.model_validate_json(json.dumps(mapping))
        return Part(source, file.reading.sha256, table=file.table, mapping=record_map)

    def view(self, *files: ReadFile, mapping: Mapping[str, Any] = MAPPING) -> Evidence:
        """The view over files of one source."""
        return open_evidence([self.part(file, mapping) for file in files], PERIOD)


@pytest.fixture
def kit() -> Iterator[Kit]:
    with tempfile.TemporaryDirectory() as name:
        yield Kit(Path(name))
