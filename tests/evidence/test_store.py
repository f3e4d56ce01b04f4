"""The store: whole entries or none, damage is absence, and the same records come back."""

from __future__ import annotations

import dataclasses
import os
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.errors import EnvironmentRefused
from auditgen.evidence.mapping import lookup, text_of
from auditgen.evidence.model import (
    Anomaly,
    Basis,
    Counts,
    Observation,
    Outcome,
    Presence,
    Reading,
    Run,
    Score,
)
from auditgen.evidence.store import EvidenceStore

SHA = "ab" * 32
AT = datetime(2026, 7, 1, 12, 0, 0, 7, tzinfo=UTC)
READING = Reading(
    path="x.eval",
    sha256=SHA,
    bytes=5,
    source_id="s",
    format="made",
    runs=(Run("k", "n", "suite", "m", started_at=AT, native_aggregates={"a/b": 0.5}),),
    counts=Counts(planned=2, observations=2, executed=1, errored=1, scored=1, duplicates=1),
    outcomes={"refused": 1},
    models=("m",),
    first_at=AT,
    last_at=AT,
    anomalies=(Anomaly("code", "words", 2, blocks=True),),
    completeness={"time": Presence.PRESENT},
)


def observation(**more: Any) -> Observation:
    given: dict[str, Any] = {
        "run_key": "r",
        "sample_id": "s",
        "prompt_key": "p",
        "epoch": 1,
        "outcome": Outcome.REFUSED,
        "basis": Basis.JUDGE,
        "locator": "row:1",
    }
    return Observation(**{**given, **more})


def publish(store: EvidenceStore, *records: Observation, key: str = "key") -> None:
    writer = store.write(key, SHA)
    for record in records:
        writer.add(record)
    writer.publish(READING)


def test_a_reading_comes_back_equal(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path / "deep" / "store")
    publish(store, observation())
    assert store.cached("key") == READING
    assert store.cached("other") is None
    assert [p.name for p in store.directory.iterdir()] == ["key"]


@pytest.mark.parametrize(
    "name", ["reading.json", "observations.parquet", "scores.parquet", "digests.json"]
)
@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "flipped", "other"])
def test_a_damaged_entry_counts_as_absent(name: str, damage: str, tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    publish(store, observation())
    path = tmp_path / "key" / name
    data = path.read_bytes()
    match damage:
        case "gone":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(data[:-3])
        case "flipped":
            path.write_bytes(bytes([*data[:20], data[20] ^ 1, *data[21:]]))
        case _:
            path.write_bytes(b"[1, null]")
    assert store.cached("key") is None
    publish(store, observation())
    assert store.cached("key") == READING


def test_nothing_is_left_after_a_discarded_entry(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    writer = store.write("key", SHA)
    writer.add(observation())
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_the_second_of_two_writers_wins_whole(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    first, second = store.write("key", SHA), store.write("key", SHA)
    first.add(observation())
    second.add(observation())
    first.publish(READING)
    second.publish(READING)
    assert store.cached("key") == READING
    assert [p.name for p in tmp_path.iterdir()] == ["key"]


def test_a_store_that_cannot_be_written_is_the_environments_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(EnvironmentRefused, match="cannot be written") as refused:
        EvidenceStore(tmp_path / "file" / "store").write("key", SHA)
    assert refused.value.hint is not None
    (tmp_path / "key").write_text("in the way")
    writer = EvidenceStore(tmp_path).write("key", SHA)
    with pytest.raises(EnvironmentRefused, match="cannot be written"):
        writer.publish(READING)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(st.characters(), max_size=20))
def test_any_text_can_be_kept(text: str, tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    name = os.urandom(8).hex()
    score = Score(text, text, text, rationale=text)
    record = observation(
        prompt=text,
        response=text,
        error_text=text,
        sample_id=text,
        suite=text,
        cohort=text,
        locator=text,
        scores=(score,),
    )
    publish(store, record, key=name)
    (row,) = pq.read_table(store.observations(name)).to_pylist()
    wanted = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)
    if not any(
        0xDC00 <= ord(b) <= 0xDFFF and 0xD800 <= ord(a) <= 0xDBFF for a, b in pairwise(text)
    ):
        assert row["prompt"] == row["sample_id"] == row["locator"] == wanted


def test_tallies_and_duplicates(tmp_path: Path) -> None:
    writer = EvidenceStore(tmp_path).write("key", SHA)
    early = AT.replace(year=2020)
    for record in (
        observation(observed_at=AT, model="b"),
        observation(observed_at=early, model="a", outcome=Outcome.PROVIDER_ERROR),
        observation(epoch=2, outcome=Outcome.UNSCORED, prompt="x"),
    ):
        writer.add(record)
    counts = writer.counts(5)
    assert counts == Counts(
        planned=5, observations=3, executed=2, errored=1, scored=1, unscored=1, duplicates=1
    )
    assert counts.missing == 3
    assert (writer.tallies.first_at, writer.tallies.last_at) == (early, AT)
    writer.discard()


@pytest.mark.parametrize(
    ("planned", "observations", "duplicates", "missing"),
    [(None, 3, 0, 0), (3, 3, 0, 0), (5, 3, 0, 2), (2, 3, 0, 0), (3, 3, 2, 2), (0, 0, 0, 0)],
)
def test_missing_samples(
    planned: int | None, observations: int, duplicates: int, missing: int
) -> None:
    counts = Counts(planned=planned, observations=observations, duplicates=duplicates)
    assert counts.missing == missing


def test_keys_bind_bytes_reader_and_mapping(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    keys = {
        store.key(sha, reader, version, mapping)
        for sha in ("a", "b")
        for reader in ("r", "s")
        for version in ("1", "2")
        for mapping in ({}, {"x": 1})
    }
    assert len(keys) == 16
    assert store.key("a", "r", "1", {"x": 1, "y": 2}) == store.key("a", "r", "1", {"y": 2, "x": 1})


def test_many_batches_are_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditgen.evidence.store.BATCH_ROWS", 7)
    store = EvidenceStore(tmp_path)
    records = [
        dataclasses.replace(observation(), sample_id=str(n), locator=str(n)) for n in range(50)
    ]
    publish(store, *records)
    assert pq.read_metadata(store.observations("key")).num_rows == 50


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None), (True, "true"), (False, "false"), (1, "1"), (1.0, "1"), (-0.0, "0"),
        (0.5, "0.5"), (float("nan"), None), (float("inf"), None), (1e300, "1e+300"), ("", ""),
        ("NaN", "NaN"), ([1], None), ({}, None),
    ],
)  # fmt: skip
def test_raw_values_as_a_mapping_lists_them(value: Any, text: str | None) -> None:
    assert text_of(value) == text


def test_paths_into_a_record() -> None:
    record = {"a": {"b": 1, "b.c": 2}, "a.b.c": 3, "x": {"y": None}, "x.y": 4, "l": [1]}
    assert [lookup(record, p) for p in ("a.b", "a.b.c", "a.x", "x.y", "l.0", "", "a.")] == [
        1,
        3,
        None,
        4,
        None,
        None,
        None,
    ]
    assert lookup({"a": {"b.c": 2}}, "a.b.c") == 2
    assert lookup([], "a") is None
