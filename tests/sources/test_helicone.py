"""Helicone: three forms as its exporter writes them, with the commas and quotes that it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parents[1] / "data" / "helicone"
Json = dict[str, Any]


def row(**more: Any) -> Json:
    return {
        "request_id": "q", "request_created_at": "2026-09-01T10:00:00Z", "response_status": 200, "model": "acme",
        "request_body": {}, "response_body": {"choices": [{"finish_reason": "stop", "message": {"content": "x"}}]}, **more,
    }  # fmt: skip


def lines(*rows: Json) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in rows)


@pytest.mark.parametrize("name", ["output.jsonl", "output.json"])
def test_requests_with_bodies(read: Any, kit: Any, name: str) -> None:
    file = read(DATA / name, {"cohort": {"from": "request_properties.tier"}})
    assert file.reading.outcomes == {
        "blocked_input": 2, "blocked_output": 1, "provider_error": 1, "refused": 1, "truncated": 1, "unscored": 2,
    }  # fmt: skip
    assert kit.codes(file) == {"value-unknown": 1, "outcome-undecided": 2, "content-not-captured": 1}
    assert [r["cohort"] for r in kit.rows(file)].count("paid") == 1
    assert [r["prompt"] for r in kit.rows(file)] == [f"placeholder {n}" for n in range(8)]


def test_a_table_without_answers(read: Any, kit: Any) -> None:
    """Nested JSON whose quotes were doubled twice is opened; a 400 without its body is only a failure."""
    file = read(DATA / "output.csv", {"cohort": {"from": "request_properties.tier"}})
    assert file.reading.outcomes == {"provider_error": 3, "unscored": 5}
    assert {r["cohort"] for r in kit.rows(file)} == {"free", "paid"}
    assert kit.rows(file)[3]["prompt"] == "placeholder 3"
    assert kit.codes(file)["content-not-captured"] == 5


def test_an_array_that_breaks_off_is_not_taken_for_one_that_ends_in_a_comma(read: Any, kit: Any) -> None:
    whole = (DATA / "output.json").read_bytes()
    assert "truncated" not in kit.codes(read(whole))
    cut = read(whole[: whole.rindex(b"]")])
    assert kit.codes(cut)["truncated"] == 1
    assert cut.reading.counts.observations == 8


def test_a_checkpoint_means_unfinished(read: Any, kit: Any) -> None:
    file = read(DATA / "helicone-export-state.json")
    assert (file.reading.role, kit.codes(file)) == ("companion", {"export-unfinished": 1})


def test_a_status_that_is_no_status_decides_nothing(read: Any, kit: Any) -> None:
    body = {"choices": [{"finish_reason": "length", "message": {"content": "x"}}]}
    for status in (-4, 0, 99, 1000, None, "x", [], {"a": 1}):
        file = read(lines(row(response_status=status, response_body=body)))
        assert file.reading.outcomes == {"unscored": 1}, status
        assert kit.codes(file)["value-unknown"] == 1


def test_a_refusal_in_a_body_written_as_text(read: Any) -> None:
    body = {"choices": [{"finish_reason": "stop", "message": {"content": None, "refusal": "No."}}]}
    for written in (body, json.dumps(body), json.dumps(json.dumps(body))):
        assert read(lines(row(response_body=written))).reading.outcomes == {"refused": 1}
