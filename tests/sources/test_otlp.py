"""OpenTelemetry: one set of spans in eight forms, read alike; what belongs to them from elsewhere."""

from __future__ import annotations

import gzip
import json
import struct
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard

from auditgen.evidence.cube import LATE
from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.model import Anomaly, Basis, MetricPoint, Observation, Outcome
from auditgen.evidence.tables import connect
from auditgen.sources import otlp_files
from auditgen.sources.interface import Context, Facts, Item, Probe
from auditgen.sources.otlp import OpenTelemetrySource
from auditgen.sources.otlp_files import Export, form_of
from auditgen.sources.otlp_requests import Requests
from auditgen.sources.otlp_spans import Span

DATA = Path(__file__).parents[1] / "data" / "otlp"
TRACES = ("traces.json", "traces-base64.json", "traces.jsonl", "traces.jsonl.gz", "traces.jsonl.zst", "traces.pb",
          "traces.frames", "traces-zstd.frames", "console.json")  # fmt: skip
FORMS = {
    "traces.json": "otlp.json", "traces-base64.json": "otlp.json", "traces.jsonl": "otlp.json",
    "traces.jsonl.gz": "otlp.json+gzip", "traces.jsonl.zst": "otlp.json+zstd", "traces.pb": "otlp.protobuf",
    "traces.frames": "otlp.frames", "traces-zstd.frames": "otlp.frames", "console.json": "otlp.console",
}  # fmt: skip
SOURCE = OpenTelemetrySource()
BLOCKED = "b0000000000000000000000000000007/a000000000000009"


def read(path: Path, *companions: Path, mapping: dict[str, Any] | None = None) -> list[Item]:
    record_map = RecordMap.model_validate_json(json.dumps(mapping or {}))
    return list(SOURCE.read(path, Context(record_map, companions=companions)))


def observations(items: list[Item]) -> list[Observation]:
    return [item for item in items if isinstance(item, Observation)]


def codes(items: list[Item]) -> dict[str, int]:
    out: Counter[str] = Counter()
    for item in items:
        if isinstance(item, Anomaly):
            out[item.code] += item.count
    return dict(out)


def facts(items: list[Item]) -> Facts:
    assert isinstance(items[-1], Facts)
    return items[-1]


def by_id(items: list[Item]) -> dict[str, Observation]:
    return {item.sample_id.rpartition("/")[2][-2:]: item for item in observations(items)}


@pytest.mark.parametrize("name", TRACES)
def test_every_form_is_read_alike(name: str) -> None:
    claim = SOURCE.recognise(Probe(DATA / name))
    assert claim is not None
    assert claim.format == FORMS[name]

    def plain(items: list[Item]) -> list[Observation]:
        whole = [replace(item, locator="") for item in observations(items)]
        return sorted(whole, key=lambda item: item.sample_id)

    logs = DATA / "logs.json"
    found, wanted = read(DATA / name, logs), read(DATA / "traces.json", logs)
    assert plain(found) == plain(wanted)
    assert codes(found) == codes(wanted)
    assert len({item.locator for item in observations(found)}) == 10


def test_each_request_is_what_became_of_it() -> None:
    items = read(DATA / "traces.json", DATA / "logs.json")
    found = {key: (item.outcome, item.basis) for key, item in by_id(items).items()}
    undecided = (Outcome.UNSCORED, Basis.NONE)
    assert found == {
        "03": undecided,  # within an agent, called a tool
        "06": undecided,  # within the same agent: two requests, not three
        "0d": (Outcome.BLOCKED_OUTPUT, Basis.GUARDRAIL_RECORD),
        "10": undecided,  # detected, and let through
        "16": (Outcome.GUARDRAIL_ERROR, Basis.GUARDRAIL_RECORD),  # although the guardrail fell back to allow
        "18": (Outcome.BLOCKED_OUTPUT, Basis.FINISH_REASON),
        "1a": (Outcome.PROVIDER_ERROR, Basis.NATIVE_FIELD),
        "1c": (Outcome.TRUNCATED, Basis.FINISH_REASON),
        "1d": undecided,
        "09": (Outcome.BLOCKED_INPUT, Basis.GUARDRAIL_RECORD),  # there is no span of a request
    }
    doubts = {"sampled-log": 1, "outcome-undecided": 4, "guardrail-errors": 1, "rows-beside": 12}
    assert codes(items) == doubts
    assert facts(items).kind == "monitoring"
    assert facts(items).role == "records"


def test_fields_of_a_request() -> None:
    found = by_id(read(DATA / "traces.json", DATA / "logs.json"))
    second = found["06"]
    assert second.sample_id == "b0000000000000000000000000000001/a000000000000006"
    assert second.prompt_key == second.sample_id
    assert second.run_key == second.suite == "production"
    assert second.observed_at == datetime(2026, 8, 29, 10, 40, 7, tzinfo=UTC)
    assert second.zone_written
    assert second.model == "acme-1-2026-08"
    assert (second.prompt, second.response) == ("question 2", "an answer")
    assert (second.endpoint, second.transport) == ("chat", "served")
    assert second.sampling_rate is None
    assert [(s.metric, s.raw, s.value, s.verdict, s.rationale) for s in second.scores] == [
        ("harm", "0.9", 0.9, "fail", "because"),
        ("harm.label", "fail", None, "fail", "because"),
    ]
    assert found["1d"].sampling_rate == 0.125
    assert found["1a"].error_text == "timed out"
    assert found["1a"].transport == "failed"
    assert (found["1c"].prompt, found["1c"].response) == ("question 8", "an answer cut")
    assert found["18"].response == "hidden"  # out of an event of the log
    assert (found["0d"].guardrail_verdict, found["0d"].guardrail_action) == ("deny", "block")
    assert (found["10"].guardrail_verdict, found["10"].guardrail_action) == ("warn", "pass")
    assert found["09"].sample_id == BLOCKED
    assert found["09"].transport is None


def test_what_is_no_request_is_counted_by_what_it_is() -> None:
    path = DATA / "traces.json"
    form = form_of(Probe(path))
    assert form is not None
    requests = Requests(Context(), "opentelemetry", "")
    spans = [record for record in Export(path, form).records() if isinstance(record, Span)]
    requests.gather(spans)
    requests.guards.assign()
    made = [item for span in spans for item in requests.take(span)]
    assert requests.log.skipped == {
        "`(no model operation)`": 3,
        "`run_guardrail`": 5,
        "`execute_tool`": 1,
        "`embeddings`": 1,
        "`invoke_agent`": 1,
        "`chat` (asked by a guardrail or an evaluator)": 1,
    }
    assert len(spans) == requests.spans == len(made) + requests.log.skipped.total() == 21


def test_declared_rules_look_into_attributes_and_resource() -> None:
    mapping = {
        "cohort": {"from": "user.tier"},
        "category": {"from": "resource.region"},
        "outcome": {"from": "scores.harm.label", "values": {"fail": "complied"}, "basis": "judge"},
    }
    found = by_id(read(DATA / "traces.json", DATA / "logs.json", mapping=mapping))
    assert (found["03"].cohort, found["06"].cohort) == ("free", "paid")
    assert found["06"].category == "eu"
    assert (found["06"].outcome, found["06"].basis) == (Outcome.COMPLIED, Basis.JUDGE)
    assert found["0d"].outcome is Outcome.BLOCKED_OUTPUT  # no rule turns a block into an answer


@pytest.mark.parametrize("name", ["logs.json", "logs.pb"])
def test_a_file_of_evaluations_is_a_companion_and_counts_its_orphans(name: str) -> None:
    alone, beside = read(DATA / name), read(DATA / name, DATA / "traces.pb")
    assert facts(alone).role == facts(beside).role == "companion"
    assert observations(beside) == []
    assert codes(alone) == {"annotations-orphaned": 4}
    assert codes(beside) == {"annotations-orphaned": 1}


def test_companions_are_of_the_other_kind() -> None:
    available = sorted(DATA.iterdir())
    logs = [DATA / "logs.json", DATA / "logs.pb"]
    spans = [DATA / name for name in TRACES if name != "traces.pb"]  # one trace in many files
    assert SOURCE.companions(DATA / "traces.pb", available) == sorted([*logs, *spans])
    assert SOURCE.companions(DATA / "traces.pb", [*logs, DATA / "traces.pb"]) == logs
    assert SOURCE.companions(DATA / "logs.pb", available) == sorted(DATA / name for name in TRACES)
    assert SOURCE.companions(DATA / "metrics.pb", available) == []
    assert SOURCE.companions(DATA / "make.py", available) == []


@pytest.mark.parametrize("name", ["metrics.json", "metrics.pb"])
def test_metrics_are_no_records(name: str) -> None:
    items = read(DATA / name)
    points = [item for item in items if isinstance(item, MetricPoint)]
    assert [(p.series, p.value, p.raw, p.kind, p.n) for p in points] == [
        ("acme.requests", 41.0, "41", "counter", None),
        ("acme.queue", 2.5, "2.5", "gauge", None),
        ("gen_ai.client.operation.duration.count", 2.0, "2", "counter", 2),
        ("gen_ai.client.operation.duration.sum", 0.5, "0.5", "counter", 2),
    ]
    assert points[0].window_start == datetime(2026, 8, 29, 10, 40, tzinfo=UTC)
    assert points[0].window_end == datetime(2026, 8, 29, 11, 40, tzinfo=UTC)
    assert points[0].labels == {"service.name": "lantern-gateway", "unit": "{request}", "tier": "free"}
    assert codes(items) == {"aggregates-only": 4}


def test_large_documents_are_read_a_record_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = by_id(read(DATA / "traces.json"))
    for name in ("traces.json", "traces.jsonl", "traces.jsonl.gz"):
        monkeypatch.setattr(otlp_files, "MAX_OBJECT", 700)
        items = read(DATA / name)
        monkeypatch.undo()
        found = by_id(items)
        assert {k: replace(v, locator="") for k, v in found.items()} == {
            k: replace(v, locator="") for k, v in wanted.items()
        }
        assert len({item.locator for item in found.values()}) == 10
        assert "truncated" not in codes(items)


def test_whatever_is_whole_in_a_cut_file_is_read(tmp_path: Path) -> None:
    for name in ("traces.json", "traces.jsonl", "traces.pb", "traces.frames", "traces-zstd.frames", "console.json"):
        whole = (DATA / name).read_bytes()
        path = tmp_path / name
        path.write_bytes(whole[: len(whole) * 9 // 10])
        items = read(path)
        assert codes(items).get("truncated") == 1, name
        complete = name == "traces.pb"  # one message: nothing in it is whole
        assert len(observations(items)) == 0 if complete else len(observations(items)) > 3, name


def test_a_torn_line_loses_only_itself(tmp_path: Path) -> None:
    first, second = (DATA / "traces.jsonl").read_bytes().splitlines(keepends=True)
    path = tmp_path / "torn.jsonl"
    path.write_bytes(first + first[:300] + b"\n" + second + b"[]\n")
    items = read(path)
    assert len(observations(items)) == 10
    assert codes(items)["lines-unreadable"] == 2


def test_lines_may_end_as_on_windows(tmp_path: Path) -> None:
    path = tmp_path / "crlf.jsonl"
    path.write_bytes((DATA / "traces.jsonl").read_bytes().replace(b"\n", b"\r\n"))
    items = read(path)
    assert len(observations(items)) == 10
    assert "lines-unreadable" not in codes(items)


def test_a_bomb_in_a_frame_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from auditgen.sources import otlp_protobuf

    monkeypatch.setattr(otlp_protobuf, "MAX_MESSAGE", 100_000)
    bomb = zstandard.compress(b'{"resourceSpans":[' + b" " * 10_000_000 + b"]}")
    path = tmp_path / "bomb.frames"
    frames = (DATA / "traces-zstd.frames").read_bytes()
    path.write_bytes(struct.pack(">I", len(bomb)) + bomb + frames)
    items = read(path)
    assert codes(items)["truncated"] == 1
    assert len(observations(items)) == 10


def test_a_packed_file_that_is_damaged_ends_there(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl.gz"
    lines = (DATA / "traces.jsonl").read_bytes() * 50
    path.write_bytes(gzip.compress(lines)[:-2000])
    items = read(path)
    assert codes(items)["truncated"] == 1


def write(path: Path, *spans: dict[str, Any], schema: str = "", logs: tuple[dict[str, Any], ...] = ()) -> Path:
    value: dict[str, Any] = {"resourceSpans": [{"scopeSpans": [{"spans": list(spans), "schemaUrl": schema}]}]}
    if logs:
        value["resourceLogs"] = [{"scopeLogs": [{"logRecords": list(logs)}]}]
    path.write_text(json.dumps(value))
    return path


def attributes(plain: dict[str, Any]) -> list[dict[str, Any]]:
    def value(raw: Any) -> dict[str, Any]:
        if isinstance(raw, list):
            return {"arrayValue": {"values": [value(item) for item in raw]}}
        kind = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}[type(raw)]
        return {kind: raw}

    return [{"key": key, "value": value(raw)} for key, raw in plain.items()]


def span(number: int, plain: dict[str, Any], *, parent: int = 0, trace: int = 1, at: int = 0, **more: Any) -> Any:
    start = 1_788_000_000_000_000_000 + (at or number) * 1_000_000_000
    made = {
        "traceId": f"{trace:032x}",
        "spanId": f"{number:016x}",
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 500_000_000),
        "attributes": attributes(plain),
        **more,
    }
    return made | ({"parentSpanId": f"{parent:016x}"} if parent else {})


CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "acme-1"}
GUARD = {"gen_ai.operation.name": "run_guardrail", "gen_ai.guardrail.target.type": "input"}
DENY = {"gen_ai.guardrail.verdict.type": "deny", "gen_ai.guardrail.action.type": "block"}
ALLOW = {"gen_ai.guardrail.verdict.type": "allow", "gen_ai.guardrail.action.type": "allow"}


def test_a_wrapper_and_what_it_wraps_are_one_request(tmp_path: Path) -> None:
    inner, outer = span(2, CHAT, parent=1), span(1, CHAT)
    for order in ((inner, outer), (outer, inner)):
        items = read(write(tmp_path / "x.json", *order))
        assert len(observations(items)) == 1


def test_a_guardrail_of_a_wrapper_is_one_of_what_it_wraps(tmp_path: Path) -> None:
    outer, inner = span(1, CHAT, at=1), span(2, CHAT, parent=1, at=4)
    for stage, at in (("input", 2), ("output", 6)):
        guard = span(3, GUARD | DENY | {"gen_ai.guardrail.target.type": stage}, parent=1, at=at)
        for order in ((outer, inner, guard), (guard, inner, outer)):
            found = observations(read(write(tmp_path / "x.json", *order)))
            if stage == "output":
                assert [(o.sample_id[-1], o.outcome) for o in found] == [("2", Outcome.BLOCKED_OUTPUT)]
            else:  # it stopped something before; what was asked afterwards was not blocked
                assert [o.outcome for o in found] == [Outcome.UNSCORED, Outcome.BLOCKED_INPUT]


def test_spans_that_are_each_others_parents_are_not_lost(tmp_path: Path) -> None:
    guard = span(9, GUARD | ALLOW, trace=2)
    items = read(write(tmp_path / "x.json", span(1, CHAT, parent=2), span(2, CHAT, parent=1), span(3, CHAT, parent=3), guard))
    assert {o.sample_id[-1] for o in observations(items)} == {"2", "3"}


def test_an_input_guardrail_watches_the_next_request_of_its_trace(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.json",
        span(1, {}, at=1),
        span(2, GUARD | ALLOW, parent=1, at=2),
        span(3, CHAT, parent=1, at=3),
        span(4, GUARD | {"gen_ai.guardrail.verdict.type": "warn"}, parent=1, at=4),
        span(5, CHAT, parent=1, at=5),
        span(6, GUARD | DENY, parent=1, at=6),
        span(7, CHAT, trace=2, at=7),
    )
    items = read(path)
    assert {key: (o.outcome, o.guardrail_verdict) for key, o in by_id(items).items()} == {
        "03": (Outcome.UNSCORED, "allow"),
        "05": (Outcome.UNSCORED, "warn"),
        "07": (Outcome.UNSCORED, None),  # of another trace
        "06": (Outcome.BLOCKED_INPUT, "deny"),  # what it stopped was never asked
    }


def test_a_guardrail_that_blocked_does_not_block_the_request_behind_it(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", span(1, GUARD | DENY), span(2, CHAT))
    found = by_id(read(path))
    assert found["01"].outcome is Outcome.BLOCKED_INPUT
    assert found["02"].outcome is Outcome.UNSCORED


def test_an_output_guardrail_without_its_request_is_an_orphan(tmp_path: Path) -> None:
    output = GUARD | DENY | {"gen_ai.guardrail.target.type": "output"}
    items = read(write(tmp_path / "x.json", span(1, output), span(2, CHAT, trace=2)))
    assert len(observations(items)) == 1
    assert codes(items)["annotations-orphaned"] == 1


def test_a_guardrail_of_a_tool_is_none_of_the_request(tmp_path: Path) -> None:
    tool = GUARD | DENY | {"gen_ai.guardrail.target.subtype": "tool_call"}
    items = read(write(tmp_path / "x.json", span(1, CHAT), span(2, tool, parent=1)))
    assert [o.outcome for o in observations(items)] == [Outcome.UNSCORED]


def test_a_word_that_nobody_knows_decides_nothing(tmp_path: Path) -> None:
    strange = GUARD | {"gen_ai.guardrail.verdict.type": "deny", "gen_ai.guardrail.action.type": "vaporise"}
    refused = {**CHAT, "gen_ai.response.finish_reasons": ["length"]}
    items = read(write(tmp_path / "x.json", span(1, strange), span(2, refused)))
    assert [o.outcome for o in observations(items)] == [Outcome.UNSCORED]
    assert codes(items)["value-unknown"] == 1
    items = read(write(tmp_path / "x.json", span(1, {"gen_ai.operation.name": "divine"})))
    assert codes(items)["value-unknown"] == 1
    assert codes(items)["no-samples"] == 1


def test_two_generations_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    both = {**CHAT, "llm.request.model": "acme-9", "gen_ai.system": "a", "gen_ai.provider.name": "b"}
    for schema, model in (("https://opentelemetry.io/schemas/1.40.0", "acme-1"), ("", "acme-1"), ("odd", "acme-1")):
        items = read(write(tmp_path / "x.json", span(1, both), schema=schema))
        assert observations(items)[0].model == model
        assert codes(items)["records-contradict"] == 1
    items = read(write(tmp_path / "x.json", span(1, {**CHAT, "llm.request.type": "chat"})))
    assert "records-contradict" not in codes(items)


def test_a_filter_is_known_by_its_error(tmp_path: Path) -> None:
    failed = {"status": {"code": 2, "message": "Error code: 400 - {'code': 'content_filter'}"}}
    path = write(
        tmp_path / "x.json",
        span(1, CHAT, **failed),
        span(2, {**CHAT, "error.type": "litellm.ContentPolicyViolationError"}),
        span(3, {**CHAT, "http.response.status_code": 503}),
        span(4, {**CHAT, "error.type": "RateLimitError"}),
    )
    found = by_id(read(path))
    assert [found[f"0{n}"].outcome for n in (1, 2)] == [Outcome.BLOCKED_INPUT] * 2
    assert [found[f"0{n}"].outcome for n in (3, 4)] == [Outcome.PROVIDER_ERROR] * 2
    assert found["01"].transport == "blocked"


def test_an_event_that_describes_a_request_alone_is_one(tmp_path: Path) -> None:
    details = {
        "eventName": "gen_ai.client.inference.operation.details",
        "timeUnixNano": "1788000000000000000",
        "observedTimeUnixNano": "1788000001000000000",
        "traceId": f"{1:032x}",
        "spanId": f"{1:016x}",
        "attributes": attributes({**CHAT, "gen_ai.output.messages": '[{"parts":[{"content":"x","type":"text"}]}]'}),
    }
    alone = tmp_path / "logs.json"
    alone.write_text(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [details]}]}]}))
    (found,) = observations(read(alone))
    assert (found.response, found.model) == ("x", "acme-1")
    assert found.received_at == datetime(2026, 8, 29, 10, 40, 1, tzinfo=UTC)
    spans = write(tmp_path / "spans.json", span(1, CHAT))
    assert observations(read(alone, spans)) == []
    (joined,) = observations(read(spans, alone))
    assert joined.response == "x"
    (once,) = observations(read(write(tmp_path / "both.json", span(1, CHAT), logs=(details,))))
    assert once.response == "x"


DAY = 24 * 3600 * 10**9


@pytest.mark.parametrize(("after", "late"), [(3600 * 10**9, 0), (DAY, 0), (DAY + 1000, 1), (30 * DAY, 1)])
@pytest.mark.parametrize("event", ["gen_ai.client.inference.operation.details", "gen_ai.evaluation.result"])
def test_reader_and_ledger_agree_on_what_is_late(event: str, after: int, late: int, tmp_path: Path) -> None:
    """A request that its event describes, and an event about another one: each is counted once."""
    happened = 1788000000000000000
    record = {
        "eventName": event, "timeUnixNano": str(happened), "observedTimeUnixNano": str(happened + after),
        "traceId": f"{1:032x}", "spanId": f"{1:016x}", "attributes": attributes({**CHAT, "gen_ai.evaluation.name": "harm"}),
    }  # fmt: skip
    if event.endswith("details"):
        record["attributes"] = attributes(CHAT)
    path = tmp_path / "logs.json"
    path.write_text(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}))
    items = read(path)
    assert codes(items).get("late-rows", 0) == late
    relation = " UNION ALL ".join(
        f"SELECT TIMESTAMP '{o.observed_at:%Y-%m-%d %H:%M:%S.%f}' AS observed_at, TIMESTAMP '{o.received_at:%Y-%m-%d %H:%M:%S.%f}' AS received_at"
        for o in observations(items)
    )
    assert bool(relation) == event.endswith("details")
    if relation:
        counted = connect().execute(f"SELECT count(*) FROM ({relation}) WHERE received_at > observed_at + {LATE}").fetchone()
        assert counted == (late,)


def test_times_that_cannot_be_are_named(tmp_path: Path) -> None:
    backwards = span(1, CHAT, endTimeUnixNano="1700000000000000000")
    ancient = span(2, CHAT, startTimeUnixNano="946684800000000000")
    undated = span(3, CHAT, startTimeUnixNano="0", endTimeUnixNano="0")
    items = read(write(tmp_path / "x.json", backwards, ancient, undated))
    assert codes(items)["clock-suspect"] == 2
    assert codes(items)["undated-rows"] == 1
    assert by_id(items)["03"].observed_at is None


def test_an_answer_that_was_not_logged_is_said_so(tmp_path: Path) -> None:
    tokens = {**CHAT, "gen_ai.usage.output_tokens": 7, "gen_ai.response.finish_reasons": ["stop"]}
    items = read(write(tmp_path / "x.json", span(1, tokens), span(2, CHAT)))
    assert codes(items)["content-not-captured"] == 2


def test_choices_that_ended_differently_have_no_finish_reason(tmp_path: Path) -> None:
    mixed = {**CHAT, "gen_ai.response.finish_reasons": ["stop", "content_filter"]}
    items = read(write(tmp_path / "x.json", span(1, mixed)))
    assert [o.outcome for o in observations(items)] == [Outcome.UNSCORED]
    assert codes(items)["score-undecided"] == 1


def test_credentials_are_not_kept(tmp_path: Path) -> None:
    secret = "sk-abcdefgh1234567890ABCDEFGH"
    said = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": f"use {secret}"}]}])
    path = write(tmp_path / "x.json", span(1, {**CHAT, "gen_ai.output.messages": said}), span(2, CHAT))
    items = read(path)
    assert secret not in repr(items)
    assert codes(items)["secrets-in-log"] == 1
    assert by_id(items)["02"].model == "acme-1"


def test_genuine_exports(extra_exports: Path) -> None:
    place = extra_exports / "monitoring"
    items = read(place / "otlp_traces.json", place / "otlp_logs.json")
    wanted = [Outcome.UNSCORED, Outcome.BLOCKED_OUTPUT, Outcome.UNSCORED, Outcome.BLOCKED_OUTPUT]
    assert [o.outcome for o in observations(items)] == wanted
    assert [o.scores[0].value for o in observations(items)] == [0.02, 0.97, 0.61, 0.01]
    same = read(place / "otlp_traces.pb", place / "otlp_logs.json")
    assert [replace(o, locator="") for o in observations(same)] == [
        replace(o, locator="") for o in observations(items)
    ]
    items = read(place / "openai_v2_spans.jsonl")
    wanted = [Outcome.BLOCKED_OUTPUT, Outcome.UNSCORED, Outcome.UNSCORED]
    assert [o.outcome for o in observations(items)] == wanted  # nothing in it says that the second refused
    assert codes(items)["content-not-captured"] == 2
    items = read(place / "openinference_spans.jsonl")
    wanted = [Outcome.BLOCKED_OUTPUT, Outcome.REFUSED, Outcome.UNSCORED]
    assert [o.outcome for o in observations(items)] == wanted
