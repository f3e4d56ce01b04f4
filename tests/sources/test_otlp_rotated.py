"""Traces that go on in the next file, and blocks that only the span around a request tells: none is lost."""

from __future__ import annotations

import gzip
import itertools
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.evidence.model import Anomaly, Observation, Outcome
from auditgen.sources.interface import Context
from auditgen.sources.otlp import OpenTelemetrySource
from auditgen.sources.otlp_joins import Traces

SOURCE = OpenTelemetrySource()
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "acme-1"}
ANSWERED = CHAT | {"gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"x"}],"finish_reason":"stop"}]'}
GUARD = {"gen_ai.operation.name": "run_guardrail"}
DENY = {"gen_ai.guardrail.verdict.type": "deny", "gen_ai.guardrail.action.type": "block"}
ALLOW = {"gen_ai.guardrail.verdict.type": "allow", "gen_ai.guardrail.action.type": "allow"}
INPUT, OUTPUT = ({"gen_ai.guardrail.target.type": stage} for stage in ("input", "output"))
Spans = list[dict[str, Any]]


def span(number: int, plain: dict[str, Any], *, parent: int = 0, trace: int = 1, at: int = 0, **more: Any) -> dict[str, Any]:
    start = 1_788_000_000_000_000_000 + (at or number) * 1_000_000_000
    made = {
        "traceId": f"{trace:032x}", "spanId": f"{number:016x}", "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 500_000_000),
        "attributes": [{"key": k, "value": {"arrayValue": {"values": [{"stringValue": t} for t in v]}} if isinstance(v, list) else {"stringValue": v}} for k, v in plain.items()],
        **more,
    }  # fmt: skip
    return made | ({"parentSpanId": f"{parent:016x}"} if parent else {})


def written(path: Path, spans: Spans, *, packed: bool = False) -> Path:
    data = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


def read_all(folder: Path, *files: Spans, packed: bool = False) -> tuple[list[tuple[str, Outcome]], dict[str, int]]:
    """What all files together give: span and outcome of each record, and the findings."""
    folder.mkdir(exist_ok=True)
    paths = [written(folder / f"{n}.json", spans, packed=packed) for n, spans in enumerate(files)]
    found, codes = [], dict[str, int]()
    for path in paths:
        beside = tuple(SOURCE.companions(path, paths))
        assert path not in beside
        for item in SOURCE.read(path, Context(companions=beside)):
            if isinstance(item, Observation):
                found.append((item.sample_id, item.outcome))
            elif isinstance(item, Anomaly) and item.code in {"annotations-orphaned", "blocks-disagree"}:
                codes[item.code] = codes.get(item.code, 0) + item.count
    return sorted(found), codes


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_guardrail_finds_its_request_in_the_next_file(swapped: bool, packed: bool, tmp_path: Path) -> None:
    guard, request = [span(2, GUARD | OUTPUT | DENY, at=3)], [span(1, ANSWERED)]
    files = (request, guard) if swapped else (guard, request)
    found, codes = read_all(tmp_path / "x", *files, packed=packed)
    assert [outcome for _, outcome in found] == [Outcome.BLOCKED_OUTPUT]
    assert codes == {}


def test_without_the_other_file_it_is_told(tmp_path: Path) -> None:
    found, codes = read_all(tmp_path / "x", [span(2, GUARD | OUTPUT | DENY, at=3)])
    assert (found, codes) == ([], {"annotations-orphaned": 1})


def test_a_request_that_was_stopped_is_one_record_in_one_file(tmp_path: Path) -> None:
    first, second = span(1, GUARD | INPUT | DENY), span(2, GUARD | INPUT | DENY)
    for files in (([first], [second]), ([second], [first]), ([first, second],)):
        found, codes = read_all(tmp_path / "x", *files)
        assert (len(found), found[0][1], codes) == (1, Outcome.BLOCKED_INPUT, {})


def test_a_wrapper_and_what_it_wraps_in_two_files_are_one_request(tmp_path: Path) -> None:
    guard = span(3, GUARD | INPUT | ALLOW, parent=1, at=1)
    for files in (([span(1, CHAT), guard], [span(2, ANSWERED, parent=1)]), ([span(2, ANSWERED, parent=1), guard], [span(1, CHAT)])):
        assert len(read_all(tmp_path / "x", *files)[0]) == 1


def test_other_traces_are_nobodys_companions(tmp_path: Path) -> None:
    guarded = written(tmp_path / "a.json", [span(1, GUARD | INPUT | ALLOW)])
    other = written(tmp_path / "b.json", [span(2, CHAT, trace=2)])
    plain = [written(tmp_path / f"p{n}.json", [span(n, CHAT, trace=9)]) for n in (7, 8)]
    files = [guarded, other, *plain]
    assert [SOURCE.companions(path, files) for path in files] == [[], [], plain[1:], plain[:1]]
    assert [SOURCE.companions(path, plain) for path in plain] == [[], []]  # nothing that could be lost


WAYS = st.lists(st.integers(0, 2), min_size=8, max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(cuts=WAYS, said=st.lists(st.sampled_from(["allow", "deny"]), min_size=3, max_size=3))
def test_however_files_are_cut_the_records_are_the_same(cuts: list[int], said: list[str], tmp_path: Path) -> None:
    verdict = {"allow": ALLOW, "deny": DENY}
    spans = [
        span(1, CHAT, at=1), span(2, ANSWERED, parent=1, at=4), span(3, GUARD | OUTPUT | verdict[said[0]], parent=1, at=6),
        span(4, ANSWERED, trace=2, at=2), span(5, GUARD | OUTPUT | verdict[said[1]], trace=2, at=5),
        span(6, GUARD | INPUT | verdict[said[2]], trace=3, at=1), span(7, CHAT, trace=4), span(8, GUARD | INPUT | ALLOW, trace=4, at=7),
    ]  # fmt: skip
    files: list[Spans] = [[], [], []]
    for one, where in zip(spans, cuts, strict=True):
        files[where].append(one)
    place = Path(tempfile.mkdtemp(dir=tmp_path))
    whole = read_all(place / "whole", spans)
    assert read_all(place / "cut", *(file for file in files if file)) == whole
    assert sum(outcome in {Outcome.BLOCKED_INPUT, Outcome.BLOCKED_OUTPUT} for _, outcome in whole[0]) == said.count("deny")


OUTER = {
    "its guardrail": (CHAT | {"gen_ai.guardrail.status": "x"} | DENY | OUTPUT, {}),
    "finish reason": (CHAT | {"gen_ai.response.finish_reasons": ["content_filter"]}, {}),
    "google": (CHAT | {"gen_ai.response.finish_reasons": ["SAFETY"]}, {}),
    "anthropic": (CHAT | {"gen_ai.response.finish_reasons": ["refusal"]}, {}),
    "error type": (CHAT | {"error.type": "litellm.ContentPolicyViolationError"}, {}),
    "status": (CHAT, {"status": {"code": 2, "message": "Error: content_filter"}}),
}


@pytest.mark.parametrize("kind", [k for k in OUTER if k != "its guardrail"])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_block_that_only_the_outermost_span_tells_reaches_the_record(kind: str, order: tuple[int, ...], tmp_path: Path) -> None:
    plain, more = OUTER[kind]
    spans = [span(1, plain, **more), span(2, CHAT, parent=1), span(3, ANSWERED, parent=2)]
    found, codes = read_all(tmp_path / "x", [spans[n] for n in order])
    assert found == [(f"{1:032x}/{3:016x}", Outcome.BLOCKED_OUTPUT)]
    assert codes == {}


def test_a_guardrail_on_the_outer_span_is_one_of_the_inner(tmp_path: Path) -> None:
    outer, inner = span(1, CHAT | DENY | OUTPUT), span(2, ANSWERED, parent=1)
    for files in (([outer, inner],), ([inner, outer],), ([inner], [outer]), ([outer], [inner])):
        found, codes = read_all(tmp_path / "x", *files)
        assert (found, codes) == ([(f"{1:032x}/{2:016x}", Outcome.BLOCKED_OUTPUT)], {})


def test_of_several_tries_within_it_the_last_has_the_block(tmp_path: Path) -> None:
    outer = span(1, CHAT | {"gen_ai.response.finish_reasons": ["content_filter"]})
    tries = [span(n, ANSWERED, parent=1) for n in (2, 3)]
    found, _ = read_all(tmp_path / "x", [*tries, outer])
    assert [outcome for _, outcome in found].count(Outcome.BLOCKED_OUTPUT) == 1
    assert found[-1][1] is Outcome.BLOCKED_OUTPUT


def test_an_outer_span_that_served_changes_nothing(tmp_path: Path) -> None:
    outer = span(1, ANSWERED)
    inner = span(2, CHAT | {"gen_ai.response.finish_reasons": ["content_filter"]}, parent=1)
    found, _ = read_all(tmp_path / "x", [inner, outer])
    assert [outcome for _, outcome in found] == [Outcome.BLOCKED_OUTPUT]


def test_the_files_that_share_most_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditgen.sources.otlp_joins.MAX_BESIDE", 2)
    traces = Traces()
    for file, names in enumerate(("abcd", "a", "abc", "ab", "", "x")):
        for name in names:
            traces.add(name, file)
    assert traces.shared()[0] == [2, 3]
    assert 5 not in traces.shared()
