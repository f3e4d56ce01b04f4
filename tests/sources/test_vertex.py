"""Vertex AI: stopped prompts, stopped answers, streams, a log that is a sample."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data" / "vertex"


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in rows)


def test_rows_of_the_logging_table(read: Any, kit: Any) -> None:
    file = read(DATA / "requests.jsonl", {"cohort": {"from": "metadata.tier"}})
    rows = kit.rows(file)
    assert [row["outcome"] for row in rows] == [
        "unscored", "blocked_input", "blocked_output", "truncated", "unscored", "provider_error",
    ]  # fmt: skip
    assert [row["response"] for row in rows] == ["Fine.", None, None, "unfinis", "Fine.", None]
    assert [row["prompt"] for row in rows] == [f"placeholder {n}" for n in range(6)]
    assert {row["cohort"] for row in rows} == {"free"}
    assert {row["sampling_rate"] for row in rows} == {0.25}
    assert kit.codes(file) == {"outcome-undecided": 2, "sampled-log": 6}
    assert rows[0]["observed_at"].isoformat() == "2026-09-01T10:00:00+00:00"


def test_a_whole_log_is_no_sample_and_a_strange_rate_is_none(read: Any, kit: Any) -> None:
    row = json.loads((DATA / "requests.jsonl").read_text().splitlines()[0])
    for rate, kept in ((1, 1.0), ("0.5", 0.5), (0, None), (7, None), (True, None), ("x", None), (None, None)):
        file = read(lines({**row, "metadata": {"sampling_rate": rate}}))
        assert kit.rows(file)[0]["sampling_rate"] == kept, rate
        assert ("sampled-log" in kit.codes(file)) == (kept == 0.5)


def test_a_block_reason_nobody_knows(read: Any, kit: Any) -> None:
    file = read(lines({"promptFeedback": {"blockReason": "ASTROLOGY"}}))
    assert (file.reading.outcomes, kit.codes(file)["value-unknown"]) == ({"unscored": 1}, 1)


def test_what_is_declared_of_times_rates_and_transport(read: Any, kit: Any) -> None:
    row = {"promptFeedback": {}, "at": 1788256800000, "seen": "2026-09-03T10:00:00Z", "route": "/v1", "what": "served", "share": "0.1"}
    mapping = {
        "time": {"from": "at", "unit": "ms"}, "received": {"from": "seen"}, "endpoint": {"from": "route"},
        "transport": {"from": "what"}, "sampling_rate": {"from": "share"},
    }  # fmt: skip
    file = read(lines(row), mapping)
    (found,) = kit.rows(file)
    assert found["observed_at"].isoformat() == "2026-09-01T10:00:00+00:00"
    assert (found["received_at"] - found["observed_at"]).days == 2
    assert (found["endpoint"], found["transport"], found["sampling_rate"]) == ("/v1", "served", 0.1)
    assert kit.codes(file)["sampled-log"] == 1
    assert "field-not-found" not in kit.codes(file)
    without_unit = read(lines(row), {"time": {"from": "at"}})
    assert kit.codes(without_unit)["undated-rows"] == 1
