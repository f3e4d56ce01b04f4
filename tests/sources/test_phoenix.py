"""Phoenix: one set of spans in four forms, annotations in four, joined from the spans."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.model import Anomaly, Observation, Outcome
from auditgen.sources.interface import Context, Facts, Item, Probe
from auditgen.sources.outcomes import Normaliser
from auditgen.sources.phoenix import PhoenixSource, annotation_scores, span_of_row

DATA = Path(__file__).parents[1] / "data" / "phoenix"
SPANS = ("spans.parquet", "spans.csv", "spans.jsonl")
ANNOTATIONS = ("annotations.parquet", "annotations.csv", "annotations.jsonl", "rest-annotations.json")
SOURCE = PhoenixSource()
SAFE = [("harm", 0.1, None, "model"), ("harm.label", None, None, "model")]
PASSED = [("harm", None, "pass", "human")]


def read(path: Path, *companions: Path, mapping: dict[str, Any] | None = None) -> list[Item]:
    record_map = RecordMap.model_validate_json(json.dumps(mapping or {}))
    return list(SOURCE.read(path, Context(record_map, companions=companions)))


def observations(items: list[Item]) -> list[Observation]:
    return [item for item in items if isinstance(item, Observation)]


def codes(items: list[Item]) -> dict[str, int]:
    return {item.code: item.count for item in items if isinstance(item, Anomaly)}


def scores(observation: Observation) -> list[tuple[Any, ...]]:
    return [(s.metric, s.value, s.verdict, s.judge) for s in observation.scores]


@pytest.mark.parametrize("name", SPANS)
@pytest.mark.parametrize("beside", ANNOTATIONS)
def test_every_form_is_read_alike(name: str, beside: str) -> None:
    items = read(DATA / name, DATA / beside, mapping={"cohort": {"from": "metadata.tier"}})
    plain, refused, blocked = observations(items)
    assert (plain.outcome, plain.prompt, plain.response) == (Outcome.UNSCORED, "a plain one", "an answer")
    assert (refused.outcome, refused.refusal_native) == (Outcome.REFUSED, True)
    assert refused.response == "I can't help with that."
    assert (blocked.outcome, blocked.guardrail_action) == (Outcome.BLOCKED_INPUT, "block")
    assert [scores(o) for o in (plain, refused, blocked)] == [PASSED, SAFE, []]
    assert [o.cohort for o in (plain, refused, blocked)] == ["paid", "paid", None]
    assert plain.sample_id == "d0000000000000000000000000000005/c000000000000006"
    assert plain.observed_at is not None
    assert plain.observed_at.replace(microsecond=0) == datetime(2026, 11, 21, 8, 37, 22, tzinfo=UTC)
    assert plain.zone_written
    assert plain.endpoint == "ChatCompletion"
    # the evaluator stands around no request; annotations without a span are their own file's to count
    assert codes(items) == {"annotations-orphaned": 1, "outcome-undecided": 1, "rows-beside": 4}


def test_pages_of_the_interface() -> None:
    items = read(DATA / "rest-spans.json", DATA / "annotations.csv")
    assert [o.outcome for o in observations(items)] == [
        Outcome.UNSCORED, Outcome.REFUSED, Outcome.BLOCKED_OUTPUT, Outcome.BLOCKED_INPUT,
    ]  # fmt: skip
    assert [scores(o) for o in observations(items)] == [PASSED, SAFE, [("harm", 1.0, None, None)], []]
    assert "export-unfinished" not in codes(items)
    items = read(DATA / "rest-page.json")
    assert codes(items)["export-unfinished"] == 1
    assert codes(items)["no-samples"] == 1


@pytest.mark.parametrize("name", ANNOTATIONS)
def test_annotations_are_a_companion_and_count_their_orphans(name: str) -> None:
    for spans, orphans in (((), 3), (("spans.csv",), 1), (("spans.csv", "rest-spans.json"), 0)):
        items = read(DATA / name, *(DATA / span for span in spans))
        assert isinstance(items[-1], Facts)
        assert items[-1].role == "companion"
        assert observations(items) == []
        assert codes(items).get("annotations-orphaned", 0) == orphans


def test_companions_are_of_the_other_kind() -> None:
    available = sorted(DATA.iterdir())
    found = SOURCE.companions(DATA / "spans.csv", available)
    assert {path.name for path in found} == set(ANNOTATIONS)
    found = SOURCE.companions(DATA / "annotations.csv", available)
    assert {path.name for path in found} == {*SPANS, "rest-spans.json", "rest-page.json"}
    assert SOURCE.companions(DATA / "make.py", available) == []


def test_names_that_are_not_openinferences_are_nested_by_phoenix() -> None:
    inner = {"guardrail": {"verdict": {"type": "deny"}, "target": None}, "empty": None}
    span = span_of_row({"attributes.gen_ai": inner, "attributes.metadata": {"a": {"b": 1}}}, "")
    assert span.attributes == {
        "gen_ai.guardrail.verdict.type": "deny",
        "metadata": {"a": {"b": 1}},
        "openinference.span.kind": "UNKNOWN",
    }
    nested = {"llm": {"model_name": "m"}, "openinference": {"span": {"kind": "LLM"}}}
    assert span_of_row({"attributes": nested}, "").attributes == {
        "llm.model_name": "m",
        "openinference.span.kind": "LLM",
    }


def test_times_without_a_zone_take_the_declared_one(tmp_path: Path) -> None:
    path = tmp_path / "spans.jsonl"
    row = {"name": "x", "span_kind": "LLM", "context.span_id": "ab" * 8, "start_time": "2026-09-01 10:00:00"}
    path.write_text(json.dumps(row) + "\n")
    (found,) = observations(read(path))
    assert (found.observed_at, found.zone_written) == (datetime(2026, 9, 1, 10, tzinfo=UTC), False)
    (found,) = observations(read(path, mapping={"time_zone": "Europe/Paris"}))
    assert (found.observed_at, found.zone_written) == (datetime(2026, 9, 1, 8, tzinfo=UTC), True)


def test_annotations_within_a_span(tmp_path: Path) -> None:
    path = tmp_path / "spans.jsonl"
    mark = {"name": "tone", "annotator_kind": "HUMAN", "result": {"label": "rude", "score": 1, "explanation": None}}
    row = {"name": "x", "span_kind": "LLM", "context.span_id": "ab" * 8, "start_time": "2026-09-01T10:00:00Z"}
    path.write_text(json.dumps({**row, "annotations": [mark, 5]}) + "\n")
    (found,) = observations(read(path))
    assert scores(found)[:2] == [("tone", 1.0, None, "human"), ("tone.label", None, None, "human")]


def test_an_annotator_that_nobody_knows_is_named() -> None:
    words = Normaliser()
    (score,) = annotation_scores({"name": "x", "annotator_kind": "ORACLE", "score": 1}, words)
    assert score.judge is None
    assert [a.code for a in words.anomalies()] == ["value-unknown"]


def test_nobodys_files(tmp_path: Path) -> None:
    for text in ('{"data": [], "next_cursor": null}', '{"data": [{"id": 1}]}', "span_id,name\na,b\n", '{"data": 5}'):
        path = tmp_path / "x"
        path.write_text(text)
        assert SOURCE.recognise(Probe(path)) is None


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
COLUMNS = (
    "name", "span_kind", "parent_id", "start_time", "end_time", "status_code", "events", "context.span_id", "context",
    "context.trace_id", "attributes", "attributes.metadata", "attributes.llm.input_messages", "attributes.llm",
    "attributes.output.value", "annotations", "annotator_kind", "span_id", "result", "result.score", "data",
)  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(COLUMNS), ANY, max_size=14), st.booleans())
def test_anything_in_any_column(tmp_path: Path, row: dict[str, Any], is_span: bool) -> None:
    basis = {"context.span_id": "x", "span_kind": "LLM", "start_time": "x", "name": "x"}
    marks = {"span_id": "x", "annotator_kind": "LLM", "name": "x"}
    path = tmp_path / "x.jsonl"
    path.write_text((json.dumps({**(basis if is_span else marks), **row}) + "\n") * 2, "utf-8", "surrogatepass")
    SOURCE.recognise(Probe(path))
    assert isinstance(read(path)[-1], Facts)


def test_genuine_exports(extra_exports: Path) -> None:
    place = extra_exports / "monitoring"
    wanted = [Outcome.UNSCORED, Outcome.REFUSED, Outcome.BLOCKED_OUTPUT]
    for name in ("phoenix_spans.jsonl", "phoenix_spans.parquet"):
        items = read(place / name, place / "phoenix_annotations.jsonl")
        assert [o.outcome for o in observations(items)] == wanted
        assert [len(o.scores) for o in observations(items)] == [2, 2, 0]
    one, other = (observations(read(place / f"phoenix_spans.{form}")) for form in ("jsonl", "parquet"))
    for a, b in zip(one, other, strict=True):
        assert replace(a, locator="", observed_at=None) == replace(b, locator="", observed_at=None)
