"""Waivers, repairs and duties: decisions are shown, and change nothing but the word they are about."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from helpers import judging as j
from helpers.workshop import audit as audit_value
from hypothesis import given
from hypothesis import strategies as st

from auditgen.assessment.governance import (
    WAIVABLE,
    joined_duties,
    overdue_remedies,
    remediations,
    void_waivers,
    waive,
    weakness_key,
)
from auditgen.assessment.model import ControlResult, Finding, Severity, Verdict
from auditgen.checklists import available_checklists, load_checklist
from auditgen.project.governance import Remedy, Waiver
from auditgen.project.model import Audit

RULES = load_checklist(available_checklists()["eu-ai-act"])
OWED = next(c for c in RULES.controls if c.kind == "obligation")
FORBIDDEN = next(c for c in RULES.controls if c.kind == "prohibition")
PERSON = {"name": "C. Example", "role": "risk"}
DAY = timedelta(days=1)


def control(verdict: Verdict, made: Any = OWED) -> ControlResult:
    return ControlResult("eu-ai-act", made, verdict, "because", (), ())


def waiver(made: Any = OWED, **parts: Any) -> Waiver:
    base = {
        "id": "W1",
        "control": f"eu-ai-act:{made.id}",
        "reason": "moved",
        "approver": PERSON,
        "compensating": "by hand",
        "approved_on": date(2026, 9, 1),
        "last_day": j.AS_OF,
    }
    return Waiver.model_validate({**base, **parts})


def remedy(of: str, **parts: Any) -> Remedy:
    base = {
        "id": "R1",
        "of": of,
        "owner": PERSON,
        "action": "repair",
        "opened_on": date(2026, 9, 1),
        "due": date(2026, 12, 1),
        "status": "open",
    }
    return Remedy.model_validate({**base, **parts})


def an_audit(**parts: Any) -> Audit:
    return Audit.model_validate_json(orjson.dumps(audit_value(**parts)))


@given(st.sampled_from(list(Verdict)), st.integers(-3, 3), st.integers(-3, 3))
def test_the_verdict_without_the_waiver_is_never_lost(verdict: Verdict, since: int, until: int) -> None:
    first, last = sorted((j.AS_OF + since * DAY, j.AS_OF + until * DAY))
    given_ = waiver(approved_on=first, last_day=last)
    [result] = waive([control(verdict)], [given_], j.AS_OF)
    counts = first <= j.AS_OF <= last and verdict in WAIVABLE
    assert (result.verdict is Verdict.WAIVED) == (counts or verdict is Verdict.WAIVED)
    assert (result.underlying or result.verdict) is verdict
    assert bool(list(void_waivers([control(verdict)], [given_], j.AS_OF))) != counts


def test_the_last_day_is_included() -> None:
    kept = waive([control(Verdict.NOT_MET)], [waiver()], j.AS_OF)
    assert (kept[0].verdict, kept[0].underlying) == (Verdict.WAIVED, Verdict.NOT_MET)
    gone = waive([control(Verdict.NOT_MET)], [waiver()], j.AS_OF + DAY)
    assert gone[0].verdict is Verdict.NOT_MET
    [told] = void_waivers([control(Verdict.NOT_MET)], [waiver()], j.AS_OF + DAY)
    assert "its last day was 2026-10-05" in told


def test_a_prohibition_cannot_be_waived() -> None:
    result = control(Verdict.NOT_MET, FORBIDDEN)
    assert waive([result], [waiver(FORBIDDEN)], j.AS_OF) == (result,)
    [told] = void_waivers([result], [waiver(FORBIDDEN)], j.AS_OF)
    assert "a prohibition cannot be waived" in told


@pytest.mark.parametrize("parts", [{"last_day": date(2026, 8, 1)}, {"reason": ""}, {"approver": {"name": "X"}}])
def test_a_malformed_waiver_is_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="last_day|reason|role"):
        waiver(**parts)


class TestDuties:
    """Who prepares does not approve, review or evaluate."""

    def test_separate(self) -> None:
        assert list(joined_duties(an_audit())) == []

    @pytest.mark.parametrize("spelling", ["P. Reparer", "p.  reparer", "\N{FULLWIDTH LATIN CAPITAL LETTER P}. Reparer"])
    def test_one_person_prepares_and_approves(self, spelling: str) -> None:
        value = audit_value()
        value["report"]["prepared_by"] = {"name": "P. Reparer", "role": "officer"}
        value["report"]["approved_by"] = {"name": spelling, "role": "head"}
        [told] = joined_duties(Audit.model_validate_json(orjson.dumps(value)))
        assert told == "P. Reparer: prepared the report and approved the report"

    def test_a_preparer_who_made_the_evidence(self) -> None:
        value = audit_value()
        value["report"]["prepared_by"] = {"name": value["sources"][0]["provider"]["name"], "role": "officer"}
        [told] = joined_duties(Audit.model_validate_json(orjson.dumps(value)))
        assert "prepared the report and made the evidence" in told


class TestRepairs:
    """Every weakness is listed; a promise closes none."""

    def rows(self, *repairs: Remedy, earlier: frozenset[str] = frozenset()) -> dict[str, Any]:
        audit = replace_remediation(repairs)
        found = Finding("F01", "expected-missing", Severity.HIGH, "T", "D", "A", source_id="lab")
        note = Finding("F02", "late-rows", Severity.LOW, "T", "D", "A")
        criteria = [j.judged_as(Verdict.NOT_MET), replace(j.judged_as(Verdict.MET))]
        controls = [control(Verdict.STALE), control(Verdict.NOT_APPLICABLE, FORBIDDEN)]
        rows = remediations(audit, criteria, controls, [found, note], j.AS_OF, earlier)
        return {row.of: row for row in rows}

    def test_nobody_is_an_owner_too(self) -> None:
        rows = self.rows()
        assert set(rows) == {"C1", f"eu-ai-act:{OWED.id}", "expected-missing"}
        assert all(row.remedy is None for row in rows.values())

    def test_done_closes_nothing(self) -> None:
        done = remedy("C1", status="done", closed_on=date(2026, 9, 30))
        rows = self.rows(done)
        assert rows["C1"].remedy == done
        assert not rows["C1"].is_overdue
        assert rows["C1"].state == "not_met"

    def test_overdue_the_day_after(self) -> None:
        on_time, late = remedy("C1", due=j.AS_OF), remedy("C1", due=j.AS_OF - DAY)
        assert not self.rows(on_time)["C1"].is_overdue
        assert self.rows(late)["C1"].is_overdue
        assert list(overdue_remedies(replace_remediation((on_time,)), j.AS_OF)) == []
        [told] = overdue_remedies(replace_remediation((late,)), j.AS_OF)
        assert "due 2026-10-04, open" in told

    def test_of_one_source_only(self) -> None:
        assert self.rows(remedy("expected-missing", source="lab"))["expected-missing"].remedy is not None
        assert self.rows(remedy("expected-missing", source="other"))["expected-missing"].remedy is None

    def test_again(self) -> None:
        rows = self.rows(earlier=frozenset({"C1", weakness_key("expected-missing", "lab")}))
        assert [row.is_recurrent for row in rows.values()] == [True, False, True]

    @pytest.mark.parametrize(
        "parts",
        [{"status": "done"}, {"closed_on": date(2026, 9, 2)}, {"due": date(2026, 8, 1)}],
    )
    def test_dates_that_contradict_are_refused(self, parts: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="closed_on|due"):
            remedy("C1", **parts)


def replace_remediation(repairs: tuple[Remedy, ...]) -> Audit:
    return an_audit().model_copy(update={"remediation": repairs})
