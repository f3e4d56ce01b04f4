"""Words of spans: operations, guardrails, sampling, and which request a guardrail watched."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditgen.evidence.model import GUARDRAIL_ACTIONS, GUARDRAIL_VERDICTS
from auditgen.sources.otlp_calls import call_of, rate_of
from auditgen.sources.otlp_guards import Said, guards_of
from auditgen.sources.otlp_joins import Guards, Known, Notes
from auditgen.sources.otlp_names import (
    ACTIONS,
    GENERATIONS,
    OPERATIONS,
    STAGES,
    VERDICTS,
    generations,
    name_table,
)
from auditgen.sources.otlp_spans import Origin, Span
from auditgen.sources.outcomes import Guard, Normaliser

NEW, OLD, OLDEST = GENERATIONS


def test_words_lead_into_our_vocabulary() -> None:
    assert set(VERDICTS.values()) <= {None, *GUARDRAIL_VERDICTS}
    assert set(ACTIONS.values()) <= {None, *GUARDRAIL_ACTIONS}
    assert set(STAGES.values()) == {"input", "output", None}
    assert set(OPERATIONS.values()) == {"request", "guardrail", "other"}


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ("https://opentelemetry.io/schemas/1.41.0", (NEW, OLD, OLDEST)),
        ("https://opentelemetry.io/schemas/1.37.0", (NEW, OLD, OLDEST)),
        ("https://opentelemetry.io/schemas/1.36.0", (OLD, OLDEST, NEW)),
        ("https://opentelemetry.io/schemas/1.27.0", (OLDEST, OLD, NEW)),
        ("https://opentelemetry.io/schemas/gen-ai/1.50.0", (NEW, OLD, OLDEST)),
        ("", (NEW, OLD, OLDEST)),
        ("https://elsewhere.example/1.2.3", (NEW, OLD, OLDEST)),
    ],
)
def test_the_schema_says_which_names_come_first(schema: str, wanted: tuple[Any, ...]) -> None:
    assert generations(schema) == wanted
    first = wanted[0].fields["provider"][0]
    assert name_table(schema)["provider"][0] == first


def test_of_two_finish_reasons_the_one_of_the_schema_is_read_and_both_are_named() -> None:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.response.finish_reasons": ["stop"],
        "llm.response.finish_reason": "length",
    }
    for schema, wanted in ((f"https://opentelemetry.io/schemas/1.{n}.0", f) for n, f in ((41, "stop"), (20, "length"))):
        call = call_of(Span("", Origin(schema_url=schema), attributes=attributes), Normaliser())
        assert call.finish == wanted
        assert call.conflicts == ("finish",)


def test_what_answered_comes_before_what_was_asked_for() -> None:
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "a", "gen_ai.response.model": "a-2026"}
    assert call_of(Span("", Origin(), attributes=attributes), Normaliser()).model == "a-2026"


GUARD = {"gen_ai.operation.name": "run_guardrail"}


@pytest.mark.parametrize(
    ("attributes", "wanted"),
    [
        ({"gen_ai.guardrail.verdict.type": "deny", "gen_ai.guardrail.action.type": "block"}, ("deny", "block")),
        ({"gen_ai.guardrail.verdict.type": "deny"}, ("deny", None)),  # detected is not blocked
        ({"gen_ai.guardrail.verdict.type": "warn", "gen_ai.guardrail.action.type": "allow"}, ("warn", "pass")),
        ({"gen_ai.security.decision.type": "audit"}, ("flag", None)),
        ({"gen_ai.guardrail.status": "FAILED"}, ("deny", None)),
        ({"gen_ai.guardrail.status": "PASSED"}, ("allow", None)),
        ({"gen_ai.guardrail.status": "ERROR"}, ("error", None)),
        ({"guardrail_status": "guardrail_intervened"}, ("flag", None)),  # blocked or modified: nobody says
        ({"guardrail_status": "guardrail_failed_to_respond"}, ("error", None)),
        ({"gen_ai.guardrail.verdict.type": "allow", "error.type": "TimeoutError"}, ("error", None)),
        ({"gen_ai.guardrail.action.type": "block", "error.type": "TimeoutError"}, ("error", "block")),
        ({"error.type": "agents.InputGuardrailTripwireTriggered"}, ("deny", "block")),
        ({}, (None, None)),
    ],
)
def test_verdict_and_action_are_two_things(attributes: dict[str, Any], wanted: tuple[str, str]) -> None:
    said = guards_of(GUARD | attributes, "x", has_failed=False, normaliser=Normaliser())
    assert said is not None
    assert (said.guard.verdict, said.guard.action) == wanted
    assert said.is_known


def test_a_failed_span_without_a_word_is_a_crash_and_with_one_is_not() -> None:
    said = guards_of(GUARD, "x", has_failed=True, normaliser=Normaliser())
    assert said is not None
    assert said.guard.verdict == "error"
    attributes = GUARD | {"gen_ai.guardrail.verdict.type": "deny"}
    said = guards_of(attributes, "x", has_failed=True, normaliser=Normaliser())
    assert said is not None
    assert said.guard.verdict == "deny"


@pytest.mark.parametrize("target", ["tool_call", "memory", "retrieval", "knowledge_query", "message"])
def test_other_targets_are_no_requests(target: str) -> None:
    for name in ("gen_ai.guardrail.target.subtype", "gen_ai.security.target.type"):
        assert guards_of(GUARD | {name: target}, "x", has_failed=False, normaliser=Normaliser()) is None


@pytest.mark.parametrize(
    ("state", "attributes", "wanted"),
    [
        ("ot=th:0", {}, 1.0),
        ("ot=th:8", {}, 0.5),
        ("ot=th:e", {}, 0.125),
        ("ot=th:fffffffffffffe", {}, 2 / 2**56),
        ("vendor=x,ot=rv:1;th:c", {}, 0.25),
        ("ot=p:3", {}, 0.125),
        ("ot=p:63", {}, None),
        ("ot=th:xyz", {}, None),
        ("ot=th:", {}, None),
        ("ot=th:fffffffffffffff", {}, None),
        ("th:8", {}, None),
        ("", {"sampling.probability": 0.1}, 0.1),
        ("", {"sampling.probability": 0}, None),
        ("", {"sampling.probability": 2}, None),
        ("", {"SampleRate": 4}, 0.25),
        ("", {"sampling.adjusted_count": "4"}, None),
        ("ot=th:8", {"sampling.probability": 0.1}, 0.5),
        ("", {}, None),
    ],
)
def test_the_share_that_a_sampler_kept(state: str, attributes: dict[str, Any], wanted: float | None) -> None:
    assert rate_of(Span("", Origin(), trace_state=state, attributes=attributes)) == wanted


@given(st.text(max_size=30))
def test_no_trace_state_gives_a_rate_that_is_none(state: str) -> None:
    rate = rate_of(Span("", Origin(), trace_state=f"ot={state}"))
    assert rate is None or 0 < rate <= 1


def test_a_note_is_about_its_response_before_its_span() -> None:
    notes = Notes()
    notes.add("score", "by span", trace="t", span="s")
    notes.add("score", "by response", trace="t", span="judge", response="r")
    notes.add("score", "of another response", trace="t", span="s", response="other")
    notes.add("score", "of another trace", trace="u", span="s")
    assert notes.of("t", "s", "r") == [("score", "by span"), ("score", "by response")]
    assert notes.unused("score") == 2
    assert notes.of("t", "s", "") == [("score", "by span"), ("score", "of another response")]
    known = Known()
    known.add("s", "")
    assert notes.unused("score", known) == 0


def test_no_name_is_no_name() -> None:
    notes, known = Notes(), Known()
    notes.add("score", "x")
    known.add("", "")
    assert notes.of("", "", "") == []
    assert notes.unused("score", known) == 1


def guards(*rows: tuple[str, str, str | None, str, int, int]) -> Guards:
    """(span, parent, stage, action, start, end); a row without a stage `-` is a request."""
    made = Guards()
    for span, parent, stage, action, start, end in rows:
        if action == "request":
            made.add_request("t", span, parent, (start, end))
            continue
        said = Said(Guard(span, "deny", action, stage))
        about: dict[str, Any] = {"locator": span, "name": "guard", "record": {}}
        made.add(said, trace="t", span=span, parent=parent, times=(start, end), **about)
    made.assign()
    return made


def test_who_is_watched() -> None:
    made = guards(
        ("a", "root", None, "request", 10, 20),
        ("b", "root", None, "request", 30, 40),
        ("c", "other", None, "request", 31, 32),
        ("before", "root", "input", "pass", 5, 6),
        ("between", "root", "input", "pass", 25, 26),
        ("meanwhile", "root", "input", "block", 12, 13),
        ("after", "root", "output", "block", 41, 42),
        ("inside", "c", "output", "pass", 31, 31),
        ("stopping", "root", "input", "block", 22, 23),
        ("last", "root", "input", "pass", 50, 51),
    )
    names = {span: [said.guard.name for said in made.of("t", span)] for span in "abc"}
    assert names == {"a": ["before", "meanwhile"], "b": ["between", "after"], "c": ["inside"]}
    assert [(b.span_id, [s.guard.name for s in b.said]) for b in made.blocked()] == [("stopping", ["stopping", "last"])]
    assert made.orphans() == 0


def test_who_watched_nobody_is_an_orphan() -> None:
    made = guards(("x", "", "output", "block", 1, 2), ("y", "", "input", "pass", 3, 4))
    assert list(made.blocked()) == []
    assert made.orphans() == 2
