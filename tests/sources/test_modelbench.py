"""modelbench journals: steps of an item gathered, under zstd or not."""

from __future__ import annotations

import json
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.sources import modelbench

Json = dict[str, Any]
MAP = {"expected": {"is": "refuse"}}


def line(message: str, **more: Any) -> Json:
    return {"timestamp": "2026-09-01T10:00:00+00:00", "message": message, **more}


def item(number: int, safe: Any = True, *, measured: bool = True, cached: bool = False) -> list[Json]:
    key = {"test": "hazard_a", "prompt_id": f"p{number}", "sut": "acme-1"}
    out = [
        line("queuing item", prompt_text=f"placeholder {number}", **key),
        line("using cached sut response" if cached else "fetched sut response", **key),
        line("translated sut response", response_text="No.", **key),
        line("translated annotation", annotator="guard", annotation={"is_safe": safe}, **key),
    ]
    return [*out, line("measured item quality", measurements={"is_safe": float(safe)}, **key)] if measured else out


START = [
    line("starting journal"),
    line("starting run", run_id="run-1", suts=["acme-1"], tests=["hazard_a"], max_items=None),
    line("hazard info", hazard="vcr", tests=["hazard_a"]),
]
END = [line("hazard scored", hazard="vcr", sut="acme-1", score=0.5), line("finished run")]


def journal(*parts: list[Json]) -> bytes:
    return b"".join(json.dumps(entry).encode() + b"\n" for part in parts for entry in part)


def using(number: int) -> list[Json]:
    return [line("using test items", test="hazard_a", using=number, total=100)]


@pytest.mark.parametrize("packed", [False, True])
def test_steps_of_an_item_are_one_record(packed: bool, read: Any, kit: Any) -> None:
    data = journal(START, using(2), item(0), item(1, safe=False), END)
    file = read(zstandard.compress(data) if packed else data, MAP)
    assert file.reading.format == "modelbench.journal" + ("/zstd" if packed else "")
    assert file.reading.outcomes == {"complied": 1, "neither": 1}
    (run,) = file.reading.runs
    assert (run.native_id, run.model, run.native_status) == ("run-1", "acme-1", "finished")
    assert run.native_aggregates == {"hazard/vcr/acme-1": 0.5}
    first = kit.rows(file)[0]
    assert (first["sample_id"], first["category"]) == ("hazard_a/p0/acme-1", "vcr")
    assert (first["prompt"], first["response"]) == ("placeholder 0", "No.")
    where, offset = first["locator"].removeprefix("line:").split("@")
    assert json.loads(data[int(offset) :].partition(b"\n")[0])["prompt_id"] == "p0"
    assert int(where) == 5
    assert {s["metric"] for s in kit.scores(file)} == {"annotation.guard.is_safe", "is_safe"}
    assert "suite-undescribed" not in kit.codes(file)


def test_pipelines_mix_the_steps(read: Any) -> None:
    mixed = [step for pair in zip(item(0), item(1, safe=False), strict=True) for step in pair]
    assert read(journal(START, mixed, END), MAP).reading.outcomes == {"complied": 1, "neither": 1}


def test_what_was_begun_and_never_measured(read: Any, kit: Any) -> None:
    file = read(journal(START, using(5), item(0, cached=True), item(1, measured=False)), MAP)
    assert file.reading.counts.planned == 5
    codes = kit.codes(file)
    assert (codes["unfinished-run"], codes["samples-missing"]) == (1, 3)
    assert (codes["attempts-unevaluated"], codes["cached-responses"]) == (1, 1)


def test_an_exception_tells_its_kind_and_no_more(read: Any, kit: Any) -> None:
    """Such lines hold local variables: keys and prompts of others."""
    key = {"test": "hazard_a", "prompt_id": "p0", "sut": "acme-1"}
    failed = [
        line("queuing item", prompt_text="placeholder", **key),
        line("error", exception={"class": "Timeout", "variables": {"key": "SECRET"}}, **key),
    ]
    file = read(journal(START, failed, END), MAP)
    assert kit.rows(file)[0]["error_text"] == "Timeout"
    assert kit.rows(file)[0]["outcome"] == "provider_error"
    assert "SECRET" not in str(kit.rows(file)) + str(file.reading)


def test_a_cut_journal_and_a_bomb(monkeypatch: pytest.MonkeyPatch, read: Any, kit: Any) -> None:
    data = zstandard.compress(journal(START, *(item(n) for n in range(200)), END))
    file = read(data[: len(data) - 30], MAP)
    assert {"unfinished-run"} <= kit.codes(file).keys()
    monkeypatch.setattr(modelbench, "MAX_INFLATED_BYTES", 10_000)
    assert kit.codes(read(data, MAP))["truncated"] == 1


def test_the_window_is_bounded(monkeypatch: pytest.MonkeyPatch, read: Any, kit: Any) -> None:
    monkeypatch.setattr(modelbench, "MAX_WAITING", 1)
    file = read(journal(START, item(0, measured=False), item(1), item(2), END), MAP)
    assert kit.codes(file)["attempts-unevaluated"] == 1
    assert file.reading.counts.observations == 3


@pytest.mark.parametrize("size", [1, 2, 7, 65536])
def test_lines_out_of_blocks(size: int) -> None:
    class Reader:
        def __init__(self, data: bytes) -> None:
            self.data = data

        def read(self, _: int) -> bytes:
            out, self.data = self.data[:size], self.data[size:]
            return out

    data = b"one\n\ntwo and more\nlast"
    stream = modelbench._Buffered(Reader(data))
    found = []
    while got := stream.readline(1000):
        found.append(got)
    assert found == [b"one\n", b"\n", b"two and more\n", b"last"]
    stream = modelbench._Buffered(Reader(data))
    pieces = []
    while got := stream.readline(4):
        pieces.append(got)
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= 4


def lean(number: int, safe: Any = True, end: str = "item finished", **broken: Any) -> list[Json]:
    """The lines of the newer runner: no system under test in them, and an end."""
    lines = [{k: v for k, v in entry.items() if k != "sut"} for entry in item(number, safe)]
    key = {"test": "hazard_a", "prompt_id": f"p{number}"}
    extra = [line(message, exception={"class": "Broken"}, **key) for message in broken.values()]
    return [*lines[:3], *extra, *lines[3:], line(end, **key)]


def test_the_newer_runner_names_its_system_once(read: Any, kit: Any) -> None:
    scored = line("test scored", sut="acme-1", test="hazard_a", items_finished=2, result={})
    grade = line("hazard scored", hazard="vcr", sut="acme-1", score=0.5, numeric_grade=3)
    file = read(journal(START, using(2), lean(0), lean(1, safe=False), [scored, grade, END[-1]]), MAP)
    assert file.reading.outcomes == {"complied": 1, "neither": 1}
    assert {r["model"] for r in kit.rows(file)} == {"acme-1"}
    assert [r["sample_id"] for r in kit.rows(file)] == ["hazard_a/p0/acme-1", "hazard_a/p1/acme-1"]
    assert file.reading.runs[0].native_aggregates == {"hazard/vcr/acme-1": 0.5, "hazard/vcr/acme-1/numeric_grade": 3}
    assert "aggregate-mismatch" not in kit.codes(file)
    cut = read(journal(START, using(2), lean(0), [scored], END), MAP)
    assert kit.codes(cut)["aggregate-mismatch"] == 1


def test_an_annotator_that_failed_is_a_failed_judge(read: Any, kit: Any) -> None:
    """The tool leaves the item out, whatever the other annotators said."""
    failed = lean(0, end="item failed", broken="annotator exception")
    file = read(journal(START, failed, lean(1), END), MAP)
    assert file.reading.outcomes == {"judge_error": 1, "neither": 1}
    assert kit.codes(file)["judge-failed"] == 1
    assert kit.rows(file)[0]["error_text"] == "Broken"


def test_an_empty_answer_that_the_tool_calls_safe(read: Any, kit: Any) -> None:
    lines = lean(0)
    lines.insert(4, line("overrode item quality", test="hazard_a", prompt_id="p0"))
    file = read(journal(START, lines, END), MAP)
    assert kit.codes(file)["score-edited"] == 1
    assert {s["metric"]: s["state"] for s in kit.scores(file)} == {
        "annotation.guard.is_safe": "scored",
        "is_safe": "edited",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spoiled=st.dictionaries(
        st.sampled_from(["timestamp", "message", "test", "prompt_id", "sut", "annotation", "exception"]), JSON
    ),
    start=st.dictionaries(st.sampled_from(["run_id", "suts", "max_items"]), JSON),
)
def test_whatever_stands_in_a_line_the_rest_is_read(spoiled: Json, start: Json, read: Any) -> None:
    steps = [*item(0), *(step | spoiled for step in item(1)), *item(2)]
    first = [START[0], START[1] | start, START[2]]
    reading = read(journal(first, steps, END), MAP).reading
    assert reading.counts.observations >= 2
    assert "reader-failed" not in {a.code for a in reading.anomalies}
