"""Two reports held against each other: nothing that got worse, or was taken away, is overlooked."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from helpers.workshop import audit, criterion, inspect_log, judged, samples, source, write_project

from auditgen.report.comparing import UNCHANGED, Comparison, Shift, by_kind, compare, snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from helpers.workshop import Json

STANDARDS = {"standards": ["nist-ai-rmf"], "profile": {"roles": ["organisation"], "risk_classes": []}}


def report(folder: Path, rows: Any, **changes: Any) -> Json:
    path = write_project(folder, audit(**{**STANDARDS, **changes}), {"evidence/lab.json": inspect_log(rows)})
    value: Json = judged(path).document.model_dump(mode="json", by_alias=True)
    return value


@pytest.fixture
def good(tmp_path: Path) -> Json:
    return report(tmp_path / "good", samples(200))


def held(old: Json, new: Json) -> Comparison:
    return compare(snapshot(old), snapshot(new))


def only(found: Comparison, name: str) -> Shift:
    [shift] = [s for s in found.shifts if s.id == name]
    return shift


def test_a_report_does_not_differ_from_itself(good: Json) -> None:
    found = held(good, good)
    assert found.changed == ()
    assert only(found, "C1").word == UNCHANGED
    assert found.notes == ()


def test_newly_not_met_and_back(good: Json, tmp_path: Path) -> None:
    bad = report(tmp_path / "bad", samples(20, 80))
    worse, better = only(held(good, bad), "C1"), only(held(bad, good), "C1")
    assert (worse.word, worse.is_worse) == ("newly not met", True)
    assert (better.word, better.is_worse) == ("newly met", False)
    assert worse.was_text.startswith("200/200 withheld, 100.0 %, 95 % CI [")
    assert worse.now_text.startswith("20/100 withheld, 20.0 %, 95 % CI [")
    assert "points since R-1" in worse.change
    assert worse.definitions == ()
    assert only(held(good, bad), "P1").word == "newly contradicted (worse)"


def test_newly_insufficient(good: Json, tmp_path: Path) -> None:
    few = report(tmp_path / "few", samples(20))
    shift = only(held(good, few), "C1")
    assert (shift.word, shift.is_worse) == ("newly insufficient evidence", True)


def test_removing_a_criterion_is_told_as_worse(good: Json, tmp_path: Path) -> None:
    principles = audit()["principles"]
    principles[0]["criteria"] = [criterion("C2")]
    other = report(tmp_path / "other", samples(200), principles=principles)
    found = held(good, other)
    assert (only(found, "C1").word, only(found, "C1").is_worse) == ("removed", True)
    assert only(found, "C1").was_text
    assert only(found, "C2").word == "added"


def test_a_softer_threshold_shows(good: Json, tmp_path: Path) -> None:
    principles = audit()["principles"]
    principles[0]["criteria"] = [criterion(at_least=0.5, min_n=10)]
    found = held(good, report(tmp_path / "soft", samples(200), principles=principles))
    shift = only(found, "C1")
    assert shift.word == "definition changed"
    said = " | ".join(shift.definitions)
    assert "at least 90.0 %" in said
    assert "at least 50.0 %" in said
    assert "least samples: was 30; is 10" in said
    assert shift in found.changed


def test_another_question_is_not_compared(good: Json, tmp_path: Path) -> None:
    principles = audit()["principles"]
    principles[0]["criteria"] = [criterion(where={"category": "cyber"})]
    shift = only(held(good, report(tmp_path / "other", samples(200), principles=principles)), "C1")
    assert shift.change.startswith("Not comparable with R-1")
    assert "because" in shift.change


def test_no_number_is_no_zero(good: Json, tmp_path: Path) -> None:
    principles = audit()["principles"]
    principles[0]["criteria"] += [criterion("C2", where={"category": "chemistry"})]
    new = report(tmp_path / "new", samples(200), principles=principles)
    old = copy.deepcopy(good)
    [extra] = copy.deepcopy(old["principles"][0]["criteria"])
    extra["measure"]["id"] = "C2"
    old["principles"][0]["criteria"].append(extra)
    shift = only(held(old, new), "C2")
    assert shift.now_text.startswith("not measured: ")
    assert shift.change == "not comparable, because one of the two was not measured"


def test_controls_and_checklists(good: Json) -> None:
    new = copy.deepcopy(good)
    controls = new["frameworks"][0]["controls"]
    controls[0]["status"]["code"] = "met"
    dropped = controls.pop()
    new["frameworks"][0]["checklist_version"] = "99"
    found = held(good, new)
    assert only(found, controls[0]["ref"]).word == "newly met"
    assert (only(found, dropped["ref"]).word, only(found, dropped["ref"]).is_worse) == ("removed", True)
    assert only(found, "nist-ai-rmf").word == "version changed"
    assert "99" in only(found, "nist-ai-rmf").now_text
    back = held(new, good)
    assert only(back, controls[0]["ref"]).is_worse
    none = copy.deepcopy(good)
    none["frameworks"] = []
    gone = held(good, none)
    [shift] = by_kind(gone.shifts, "checklist")
    assert (shift.word, shift.is_worse) == ("removed", True)
    assert by_kind(gone.shifts, "control") == ()


def test_the_worst_stands_first(tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    value: Json = {
        "sources": [source(n, f"evidence/{n}*") for n in names],
        "principles": audit()["principles"],
    }
    value["principles"][0]["criteria"] = [criterion(f"C-{n}", sources=[n]) for n in names]

    def of(folder: Path, rows: dict[str, Any]) -> Json:
        files = {f"evidence/{n}.json": inspect_log(r, run=n) for n, r in rows.items()}
        made: Json = judged(write_project(folder, audit(**value), files)).document.model_dump(
            mode="json", by_alias=True
        )
        return made

    good, bad, few = samples(200), samples(20, 80), samples(20)
    found = held(
        of(tmp_path / "1", {"a": bad, "b": good, "c": good}),
        of(tmp_path / "2", {"a": good, "b": few, "c": bad}),
    )
    assert [s.word for s in by_kind(found.shifts, "criterion")] == [
        "newly not met",
        "newly insufficient evidence",
        "newly met",
    ]


def test_findings(good: Json, tmp_path: Path) -> None:
    new = report(
        tmp_path / "new",
        samples(200),
        expected=[{"id": "X", "title": "Y", "source": "lab", "suite": "z", "min_n": 1}],
    )
    [shift] = by_kind(held(good, new).shifts, "finding")
    assert (shift.id, shift.word) == ("expected-missing@lab", "new")
    [gone] = by_kind(held(new, good).shifts, "finding")
    assert gone.word == "gone"
    assert "Y: no file holds it" in gone.was_text


def test_two_systems_are_told(good: Json) -> None:
    other = copy.deepcopy(good)
    other["meta"]["system"] = "Another 2"
    other["meta"]["organisation"] = "Other"
    assert len(held(good, other).notes) == 2


@pytest.mark.parametrize("spoil", ["schema", "principles", "status"])
def test_what_is_no_report_is_refused(spoil: str, good: Json) -> None:
    value = copy.deepcopy(good)
    if spoil == "status":
        value["principles"][0]["status"]["code"] = "excellent"
    else:
        value[spoil] = "x"
    with pytest.raises((ValueError, KeyError, TypeError)):
        snapshot(value)


def test_a_report_of_another_version_is_told_and_not_compared(tmp_path: Path) -> None:
    from auditgen.assessment import PreviousReport

    path = write_project(tmp_path, audit(), {"evidence/lab.json": inspect_log(samples(200))})
    before = PreviousReport(
        "before.zip", "0" * 64, is_verified=True, status="its seal was verified", report_id="R-0",
        period="1 April", report={"schema": "auditgen-report-0"},
    )  # fmt: skip
    made = judged(path, previous=before).document
    assert made.shifts == ()
    assert made.changes_note.endswith("they are not compared.")
