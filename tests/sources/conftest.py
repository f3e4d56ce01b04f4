"""Reading one file with a store of its own, and small exports made to measure."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from auditgen.evidence.cube import CELL, cube_of
from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.store import EvidenceStore
from auditgen.evidence.tables import connect
from auditgen.sources.counting import count_logged
from auditgen.sources.reading import ReadFile, SourceRegistry, read_file
from auditgen.sources.suites import SuiteLibrary

Json = dict[str, Any]
Read = Callable[..., ReadFile]

OUTCOME = {
    "outcome": [
        {"from": "scores.judge.refused", "values": {"1": "refused"}, "basis": "judge"},
        {
            "from": "scores.judge.complied",
            "values": {"1": "complied", "0": "neither"},
            "basis": "judge",
        },
    ]
}


@pytest.fixture(scope="session")
def registry() -> SourceRegistry:
    return SourceRegistry.load()


@pytest.fixture(scope="session")
def suites() -> SuiteLibrary:
    return SuiteLibrary.load()


@pytest.fixture
def workdir() -> Iterator[Path]:
    """A directory for files and stores; safe under hypothesis, every use makes new names in it."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
def read(registry: SourceRegistry, suites: SuiteLibrary, workdir: Path) -> Read:
    """Read a path, or bytes written to a new file, into a new store.

    With `is_counted` false, rows of monitoring are left for `counted_together`.
    """

    def read(
        content: Path | bytes, mapping: Mapping[str, Any] | None = None, name: str = "export", *, is_counted: bool = True
    ) -> ReadFile:
        place = Path(tempfile.mkdtemp(dir=workdir))
        path = content if isinstance(content, Path) else place / name
        if isinstance(content, bytes):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        record_map = None if mapping is None else RecordMap.model_validate_json(json.dumps(mapping))
        return read_file(
            path,
            name=path.name,
            source_id="s",
            mapping=record_map,
            store=EvidenceStore(place / "store"),
            registry=registry,
            suites=suites,
            is_alone=is_counted,
        )

    return read


def rows(file: ReadFile) -> list[Json]:
    """The observations of a file that was read."""
    assert file.records is not None
    out: list[Json] = pq.read_table(file.records).to_pylist()
    return out


def counted_together(files: list[ReadFile], folder: Path) -> int:
    """Count rows of monitoring of many files in one pass; how many there are. Raises where one cannot be."""
    logged = [file for file in files if file.is_logged and file.records is not None]
    if not logged:
        return 0
    counted = count_logged(logged, source_id="s", mapping=None, store=EvidenceStore(folder))
    assert all("unreadable" not in codes(file) for file in counted.files)
    [group] = counted.logged
    found = connect().execute(f"SELECT coalesce(sum(n), 0) FROM ({cube_of(group.cube)}) WHERE level = {CELL}").fetchone()
    assert found is not None
    assert found[0] == sum(file.reading.counts.observations for file in logged)
    return int(found[0])


def scores(file: ReadFile) -> list[Json]:
    """The scores beside them."""
    assert file.records is not None
    out: list[Json] = pq.read_table(file.records.with_name("scores.parquet")).to_pylist()
    return out


def codes(file: ReadFile) -> dict[str, int]:
    """The anomalies of a reading, code to count."""
    out: dict[str, int] = {}
    for anomaly in file.reading.anomalies:
        out[anomaly.code] = out.get(anomaly.code, 0) + anomaly.count
    return out


def header(planned: int = 2, **more: Any) -> Json:
    """The header of a finished run."""
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "eval_id": "run-1",
            "task": "policy",
            "created": "2026-09-01T10:00:00+00:00",
            "model": "acme/model",
            "dataset": {"samples": planned},
            "config": {"epochs": 1},
            "packages": {"inspect_ai": "0.3.285"},
        },
        "stats": {
            "started_at": "2026-09-01T10:00:00+00:00",
            "completed_at": "2026-09-01T11:00:00+00:00",
        },
        "results": None,
        **more,
    }


def sample(number: int, refused: float = 1, **more: Any) -> Json:
    """A scored sample."""
    return {
        "id": f"s{number}",
        "epoch": 1,
        "input": f"placeholder {number}",
        "output": {
            "choices": [{"message": {"content": "no"}, "stop_reason": "stop"}],
            "completion": "no",
        },
        "scores": {
            "judge": {"value": {"refused": refused, "complied": 1 - refused}, "history": []}
        },
        "metadata": {"tier": "free"},
        **more,
    }


def archive(members: Mapping[str, Any] | list[tuple[str, Any]]) -> bytes:
    """A deflated archive; values that are no bytes are written as JSON."""
    out = io.BytesIO()
    pairs = members.items() if isinstance(members, Mapping) else members
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, value in pairs:
            made.writestr(name, value if isinstance(value, bytes) else json.dumps(value))
    return out.getvalue()


def log(samples: list[Json], **more: Any) -> bytes:
    """A whole run."""
    members: Json = {"_journal/start.json": {"version": 2, "eval": header(len(samples))["eval"]}}
    members |= {f"samples/{s.get('id')}_epoch_{s.get('epoch')}.json": s for s in samples}
    return archive({**members, "header.json": header(len(samples), **more)})


class Kit:
    """What the tests of this room make and look at."""

    outcome = OUTCOME
    rows = staticmethod(rows)
    scores = staticmethod(scores)
    codes = staticmethod(codes)
    counted_together = staticmethod(counted_together)
    header = staticmethod(header)
    sample = staticmethod(sample)
    archive = staticmethod(archive)
    log = staticmethod(log)


@pytest.fixture(scope="session")
def kit() -> type[Kit]:
    return Kit
