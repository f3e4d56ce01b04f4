"""Suite files written for a test, and Inspect logs of known tasks read with a library."""

from __future__ import annotations

import io
import json
import tempfile
import textwrap
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.store import EvidenceStore
from auditgen.sources.reading import ReadFile, SourceRegistry, read_file
from auditgen.sources.suites import SuiteLibrary

Json = dict[str, Any]
Write = Callable[..., Path]
ReadLog = Callable[..., ReadFile]


@pytest.fixture(scope="session")
def library() -> SuiteLibrary:
    """The shipped descriptions."""
    return SuiteLibrary.load()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A suite file with the given body under `suites:` and `strategies:`."""

    def write(body: str, name: str = "own.yaml", head: str | None = None) -> Path:
        path = tmp_path / name
        start = head if head is not None else "schema: auditgen-suites-1\nid: own\ntitle: Own suites\n"
        path.write_text(start + textwrap.dedent(body).lstrip("\n"))
        return path

    return write


@pytest.fixture(scope="session")
def registry() -> SourceRegistry:
    return SourceRegistry.load()


@pytest.fixture
def workdir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
def read_log(registry: SourceRegistry, workdir: Path, library: SuiteLibrary) -> ReadLog:
    """An Inspect archive of one task, made of samples (scores, metadata), read with a library."""

    def read(
        task: str,
        samples: list[Json],
        *,
        version: int | str = 5,
        suites: SuiteLibrary | None = None,
        mapping: Json | None = None,
    ) -> ReadFile:
        place = Path(tempfile.mkdtemp(dir=workdir))
        path = place / "log.eval"
        path.write_bytes(_archive(task, version, samples))
        record_map = None if mapping is None else RecordMap.model_validate_json(json.dumps(mapping))
        return read_file(
            path,
            name=path.name,
            source_id="s",
            mapping=record_map,
            store=EvidenceStore(place / "store"),
            registry=registry,
            suites=library if suites is None else suites,
        )

    return read


def _archive(task: str, version: int | str, samples: list[Json]) -> bytes:
    header = {
        "version": 2,
        "status": "success",
        "eval": {
            "eval_id": "run-1",
            "task": task,
            "task_version": version,
            "created": "2026-09-01T10:00:00+00:00",
            "model": "acme/model",
            "dataset": {"samples": len(samples)},
            "config": {"epochs": 1},
            "packages": {"inspect_ai": "0.3.285"},
        },
        "stats": {
            "started_at": "2026-09-01T10:00:00+00:00",
            "completed_at": "2026-09-01T11:00:00+00:00",
        },
        "results": None,
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("_journal/start.json", json.dumps({"version": 2, "eval": header["eval"]}))
        for number, sample in enumerate(samples):
            answer = sample.get("answer", "some answer")
            whole = {
                "id": f"s{number}",
                "epoch": 1,
                "input": f"placeholder {number}",
                "output": {
                    "choices": [{"message": {"content": answer}, "stop_reason": "stop"}],
                    "completion": answer,
                },
                "scores": {n: {"value": v, "history": []} for n, v in sample.get("scores", {}).items()},
                "metadata": sample.get("metadata", {}),
            }
            made.writestr(f"samples/s{number}_epoch_1.json", json.dumps(whole))
        made.writestr("header.json", json.dumps(header))
    return out.getvalue()


class Look:
    """What the tests look at."""

    @staticmethod
    def rows(file: ReadFile) -> list[Json]:
        assert file.records is not None
        out: list[Json] = pq.read_table(file.records).to_pylist()
        return sorted(out, key=lambda row: int(row["sample_id"].removeprefix("s")))

    @staticmethod
    def scores(file: ReadFile) -> list[Json]:
        assert file.records is not None
        out: list[Json] = pq.read_table(file.records.with_name("scores.parquet")).to_pylist()
        return out

    @staticmethod
    def codes(file: ReadFile) -> dict[str, int]:
        out: dict[str, int] = {}
        for anomaly in file.reading.anomalies:
            out[anomaly.code] = out.get(anomaly.code, 0) + anomaly.count
        return out

    @classmethod
    def outcomes(cls, file: ReadFile) -> list[str]:
        return [row["outcome"] for row in cls.rows(file)]

    @classmethod
    def expected(cls, file: ReadFile) -> list[str | None]:
        return [row["expected"] for row in cls.rows(file)]


@pytest.fixture(scope="session")
def look() -> type[Look]:
    return Look
