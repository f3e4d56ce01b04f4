"""Tables written on the spot, read and opened as one view."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from auditgen.evidence.engine import COUNTED_COLUMNS, Evidence, Period, open_evidence
from auditgen.evidence.logged import Logged
from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.store import EvidenceStore
from auditgen.sources.counting import count_logged
from auditgen.sources.interface import ReadFile
from auditgen.sources.reading import SourceRegistry, read_file

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

    def logged(
        self, *files: ReadFile, mapping: Mapping[str, Any] = MAPPING, source: str = "s"
    ) -> tuple[Logged, ...]:
        """The files of one source, counted."""
        record_map = RecordMap.model_validate_json(json.dumps(mapping))
        store = EvidenceStore(Path(tempfile.mkdtemp(dir=self.directory)))
        return count_logged(files, source_id=source, mapping=record_map, store=store).logged

    def view(self, *files: ReadFile, mapping: Mapping[str, Any] = MAPPING) -> Evidence:
        """The views over files of one source; what is counted is what is there."""
        return self.open(self.logged(*files, mapping=mapping))

    def open(self, logged: Sequence[Logged]) -> Evidence:
        """The views over counted files."""
        evidence = open_evidence([], PERIOD, logged)
        listed = ", ".join(name for name in COUNTED_COLUMNS if name not in {"n", "first_at", "last_at"})
        for name in ("outcome", "cohort", "category", "guardrail_verdict", "model", "source_id, file_sha256"):
            assert name in listed
            one = evidence.count(f"SELECT {name}, count(*) FROM record GROUP BY ALL ORDER BY ALL")
            counted = f"SELECT {name}, sum(n) FROM observation GROUP BY ALL HAVING sum(n) <> 0 ORDER BY ALL"
            assert evidence.count(counted) == one
        assert evidence.count("SELECT coalesce(sum(n), 0) FROM hours") == evidence.count(
            "SELECT count(*) FROM record"
        )
        return evidence

    def copies(self, evidence: Evidence) -> int:
        """Rows left out because their record was logged before."""
        return sum(found.copies for found in evidence.shared.values())


@pytest.fixture
def kit() -> Iterator[Kit]:
    with tempfile.TemporaryDirectory() as name:
        yield Kit(Path(name))
