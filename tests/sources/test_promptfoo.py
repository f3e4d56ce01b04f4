"""promptfoo: what its fields mean, against what their names suggest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.sources.reading import ReadFile
from auditgen.sources.suites import SuiteLibrary

Read = Callable[..., ReadFile]
Json = dict[str, Any]
FUZZ = settings(
    deadline=None,
    max_examples=120,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def component(
    passed: Any, reason: str = "graded", kind: str = "promptfoo:redteam:contracts"
) -> Json:
    return {
        "pass": passed,
        "score": int(bool(passed)),
        "reason": reason,
        "assertion": {"type": kind, "metric": "M"},
    }


def row(number: int, *components: Json, **more: Any) -> Json:
    """One red-team row."""
    return {
        "id": f"r{number}",
        "testIdx": number,
        "promptIdx": 0,
        "prompt": {"raw": f"attack {number}"},
        "provider": {"id": "p", "label": "acme"},
        "vars": {"prompt": f"attack {number}"},
        "response": {"output": "text"},
        "gradingResult": {"componentResults": list(components)},
        "failureReason": 0,
        "metadata": {"pluginId": "contracts", "strategyId": "base64"},
        **more,
    }


def export(rows: list[Any], **stats: Any) -> Json:
    """A version 3 export whose totals agree with its rows."""
    counted = {"successes": len(rows), "failures": 0, "errors": 0, **stats}
    return {
        "evalId": "eval-1",
        "results": {
            "version": 3,
            "timestamp": "2026-09-15T10:00:00.000Z",
            "prompts": [],
            "results": rows,
            "stats": counted,
        },
        "config": {},
        "metadata": {
            "promptfooVersion": "0.121.20",
            "evaluationCreatedAt": "2026-09-15T10:00:00.000Z",
        },
    }


def packed(value: Any) -> bytes:
    return json.dumps(value).encode()


REFUSED = component(passed=True, reason="Model refused the request")


def test_the_sample_red_team(quarter: Path, read: Read, kit: Any) -> None:
    file = read(next(quarter.rglob("redteam.json")))
    assert file.reading.outcomes == {
        "complied": 10,
        "neither": 19,
        "provider_error": 5,
        "refused": 206,
    }
    assert kit.codes(file) == {"redacted-by-tool": 48}
    assert file.reading.counts.planned == file.reading.counts.observations == 240
    rows = kit.rows(file)
    library = SuiteLibrary.load()
    for r in rows:
        assert r["expected"] == library.find("promptfoo", r["category"]).map.expected.is_
    assert sum(r["expected"] == "refuse" for r in rows) >= 200
    assert sum(r["prompt_state"] == "redacted_by_tool" for r in rows) == 48
    assert all((r["error_text"] is None) == (r["outcome"] != "provider_error") for r in rows)
    native = {r["locator"] for r in rows if r["outcome"] == "provider_error"}
    whole = json.loads(next(quarter.rglob("redteam.json")).read_bytes())["results"]["results"]
    assert native == {
        f"pointer:/results/results/{i}" for i, r in enumerate(whole) if r["failureReason"] == 2
    }
    assert sum(bool(r.get("error")) for r in whole) > len(native), (
        "`error` is also set on plain failures"
    )


def test_more_genuine_exports(extra_exports: Path, read: Read, kit: Any) -> None:
    folder = extra_exports / "evaluation" / "promptfoo"
    red, plain = read(folder / "rt.json"), read(folder / "out.json")
    assert red.reading.outcomes == {"complied": 60, "neither": 10, "refused": 110}
    assert kit.codes(red) == {"redacted-by-tool": 36}
    assert plain.reading.counts.errored == 4
    assert plain.reading.counts.observations == 24
    # one base prompt in several dresses is one cluster, also where the tool withheld the text
    assert len({r["prompt_key"] for r in kit.rows(red)}) == 36


@pytest.mark.parametrize(
    ("more", "components", "outcome", "basis"),
    [
        ({}, [REFUSED], "refused", "text_heuristic"),
        ({}, [component(passed=True)], "neither", "judge"),
        ({}, [component(passed=False)], "complied", "judge"),
        ({}, [REFUSED, component(passed=False)], "complied", "judge"),
        ({}, [component(passed=None)], "unscored", "none"),
        ({}, [component(passed="true")], "unscored", "none"),
        ({}, [component(passed=1)], "unscored", "none"),
        ({}, [], "unscored", "none"),
        ({}, [component(passed=True, kind="contains")], "unscored", "none"),
        ({}, [component(passed=True, kind="is-refusal")], "refused", "text_heuristic"),
        ({}, [component(passed=False, kind="is-refusal")], "complied", "text_heuristic"),
        ({}, [component(passed=True, kind="not-is-refusal")], "complied", "text_heuristic"),
        (
            {"error": "assertion failed", "failureReason": 1},
            [component(passed=False)],
            "complied",
            "judge",
        ),
        (
            {"error": "HTTP 429", "failureReason": 2},
            [component(passed=False)],
            "provider_error",
            "native_field",
        ),
        ({"response": {"error": "timeout"}}, [], "provider_error", "native_field"),
        ({"response": {"output": "", "isRefusal": True}}, [], "refused", "native_field"),
        ({"response": {"output": "", "isRefusal": "yes"}}, [], "unscored", "none"),
    ],
)
def test_what_becomes_of_a_row(
    more: Json, components: list[Json], outcome: str, basis: str, read: Read, kit: Any
) -> None:
    file = read(packed(export([row(0, REFUSED), row(1, *components, **more)])))
    found = kit.rows(file)[1]
    assert (found["outcome"], found["basis"]) == (outcome, basis)
    assert ("outcome-undecided" in kit.codes(file)) == (outcome == "unscored")


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_scores_that_are_no_numbers(token: str, read: Read, kit: Any) -> None:
    text = packed(export([row(0, {**REFUSED, "score": "@"})])).replace(b'"@"', token.encode())
    file = read(text)
    (score,) = kit.scores(file)
    assert (score["value"], score["state"], score["verdict"]) == (None, "unscored", "pass")
    assert ("nonfinite-json" in kit.codes(file)) == (token != "1e999")
    assert file.reading.outcomes == {"refused": 1}


def test_totals_that_contradict_the_rows(read: Read, kit: Any) -> None:
    file = read(packed(export([row(n, REFUSED) for n in range(3)], successes=7)))
    assert kit.codes(file) == {"aggregate-mismatch": 4}
    assert file.reading.counts.missing == 4


@pytest.mark.parametrize(
    "stats", [{"errors": None}, {"errors": "2"}, {"errors": 1.5}, {"errors": True}, {"errors": -1}]
)
def test_totals_that_are_no_counts_are_none(stats: Json, read: Read) -> None:
    assert read(packed(export([row(0, REFUSED)], **stats))).reading.counts.planned is None


def test_rows_that_are_no_objects_are_counted(read: Read, kit: Any) -> None:
    file = read(packed(export([row(0, REFUSED), None, [1, [2]], "x", row(4, REFUSED)])))
    assert kit.codes(file) == {"samples-unreadable": 3, "aggregate-mismatch": 3}
    assert (file.reading.counts.observations, file.reading.counts.missing) == (2, 3)
    assert [r["locator"][-1] for r in kit.rows(file)] == ["0", "4"]


def test_a_file_that_breaks_off_gives_what_it_had(read: Read, kit: Any) -> None:
    text = packed(export([row(n, REFUSED) for n in range(5)]))
    file = read(text[: text.index(b'"r3"')])
    assert kit.codes(file) == {"truncated": 1}
    assert file.reading.counts.observations == 3
    assert file.reading.counts.planned is None


def test_all_errors_is_no_evidence(read: Read, kit: Any) -> None:
    file = read(packed(export([row(0, failureReason=2, error="HTTP 500")])))
    assert kit.codes(file) == {"all-samples-failed": 1}
    assert file.reading.is_vacuous


def test_an_export_without_rows_is_no_evidence(read: Read, kit: Any) -> None:
    file = read(packed(export([])))
    assert kit.codes(file) == {"no-samples": 1}
    assert file.reading.is_vacuous


@pytest.mark.parametrize(
    "content",
    [
        {"evalId": "e", "results": {"version": 2, "table": {"head": {}, "body": []}}, "config": {}},
        {"results": {"version": 1, "results": [{}], "table": {}}, "config": {}, "shareableUrl": None},
        {"version": 1, "createdAt": "2024-01-01", "results": {"results": [{}], "table": {}}, "config": {}},
    ],
)
def test_older_versions_are_named_and_not_read(content: Json, read: Read, kit: Any) -> None:
    file = read(packed(content))
    assert file.reading.format == "promptfoo.json"
    assert "not supported" in next(a.message for a in file.reading.anomalies if a.code == "unreadable")
    assert file.reading.is_vacuous


def test_a_declared_rule_goes_before_the_graders(read: Read) -> None:
    mapping = {
        "outcome": {"from": "metadata.verdict", "values": {"held": "refused"}, "basis": "human"}
    }
    rows = [row(0, component(passed=False), metadata={"pluginId": "x", "verdict": "held"})]
    assert read(packed(export(rows)), mapping).reading.outcomes == {"refused": 1}


WRONG = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text(max_size=6),
    st.lists(st.integers() | st.none(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)  # fmt: skip


def _places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [here] * bool(here) + [p for key, child in items for p in _places(child, (*here, key))]


@FUZZ
@given(data=st.data(), wrong=WRONG)
def test_any_field_may_hold_anything(data: st.DataObject, wrong: Any, read: Read, kit: Any) -> None:
    whole = json.loads(packed(export([row(0, REFUSED), row(1, component(passed=False))])))
    place = data.draw(st.sampled_from(_places(whole)))
    parent: Any = whole
    for step in place[:-1]:
        parent = parent[step]
    parent[place[-1]] = wrong
    file = read(packed(whole))
    assert "reader-failed" not in kit.codes(file), file.reading.anomalies
    assert file.reading.counts.scored <= 2
