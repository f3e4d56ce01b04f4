"""Incidents and configurations: arithmetic is ours, decisions are people's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest
from helpers import judging as j
from helpers.workshop import MODEL, source
from helpers.workshop import audit as audit_value
from hypothesis import given
from hypothesis import strategies as st

from auditgen.assessment.deadlines import Duty, IncidentDuty, incident_duties, missed
from auditgen.assessment.deployed import configurations, unevaluated
from auditgen.checklists import available_checklists, incident_deadlines, load_checklist
from auditgen.evidence.model import Counts, Incident, Reading
from auditgen.indicators.ledger import Balance, Hour, Ledger
from auditgen.project.model import Audit

AWARE = datetime(2026, 9, 1, 12, tzinfo=UTC)
DUE = AWARE + timedelta(hours=72)
DEADLINES = incident_deadlines()
HOUR = Hour(0, 0, 0, 0, 0, 0)
LEDGER = Ledger("gw", {}, 24, Balance(0, 0, 0, 0, {}), 0, ())
SOMEBODY = {"name": "L. Example", "role": "counsel"}


def an_audit(**parts: Any) -> Audit:
    return Audit.model_validate_json(orjson.dumps(audit_value(**parts)))


def duty(deadline: str | None = "ny-raise-critical", **parts: Any) -> dict[str, Any]:
    base = {
        "source": "register",
        "incidents": ["I-1"],
        "deadline": deadline,
        "decided_by": SOMEBODY,
        "decided_on": "2026-09-02",
    }
    return {**base, **parts}


def incident(**parts: Any) -> Incident:
    return Incident(
        **{"incident_id": "I-1", "title": "It answered", "locator": "row:2", "aware_at": AWARE, **parts}
    )


def stands(
    one: Incident, *duties: dict[str, Any], as_of: date = date(2026, 9, 3), **parts: Any
) -> IncidentDuty:
    audit = an_audit(incident_duties=list(duties or (duty(),)), **parts)
    [found] = incident_duties(audit, DEADLINES, {"register": [one]}, as_of)
    return found


def test_every_deadline_is_of_a_checklist_that_ships() -> None:
    assert len(DEADLINES) == 14
    shipped = available_checklists()
    for deadline in DEADLINES.values():
        assert deadline.framework in shipped
    hours = {d.id: d.within_hours for d in DEADLINES.values()}
    assert [hours[f"eu-ai-act-73-{n}"] for n in (2, 3, 4)] == [15 * 24, 2 * 24, 10 * 24]
    assert [hours[f"gpai-code-9-3-{n}"] for n in (1, 2, 3, 4)] == [48, 120, 240, 360]
    assert hours["eu-ai-act-55-1-c"] is None
    assert [n for n in hours if n.endswith("imminent") and hours[n] != 24] == []
    ids = {c.id for c in load_checklist(shipped["eu-ai-act"]).controls}
    assert {"73(2)", "73(3)", "73(4)", "55(1)(c)"} <= ids


@pytest.mark.parametrize(
    ("reported", "as_of", "state"),
    [
        (DUE, date(2026, 9, 30), Duty.MET),
        (DUE + timedelta(seconds=1), date(2026, 9, 30), Duty.LATE),
        (None, date(2026, 9, 3), Duty.OPEN),
        (None, date(2026, 9, 4), Duty.OVERDUE),  # the day of judgement is over at its end, and 12:00 is past
        (AWARE - timedelta(hours=1), date(2026, 9, 30), Duty.PERSON),
    ],
)
def test_the_clock(reported: datetime | None, as_of: date, state: Duty) -> None:
    assert stands(incident(reported_at=reported), as_of=as_of).state is state


@given(st.integers(0, 400), st.sampled_from(sorted(n for n, d in DEADLINES.items() if d.within_hours)))
def test_in_time_is_not_a_second_later(hours: int, name: str) -> None:
    found = stands(incident(reported_at=AWARE + timedelta(hours=hours)), duty(name), as_of=date(2027, 1, 1))
    allowed = DEADLINES[name].within_hours
    assert allowed is not None
    assert found.state is (Duty.MET if hours <= allowed else Duty.LATE)
    assert found.due == AWARE + timedelta(hours=allowed)


def test_what_lies_after_the_day_of_judgement_counts_for_nothing() -> None:
    early = date(2026, 9, 2)
    assert stands(incident(reported_at=DUE), as_of=early).state is Duty.OPEN
    late = duty(None, reason="no", decided_on="2031-01-01")
    assert stands(incident(), late, as_of=early, standards=["us-ny-raise"]).state is Duty.PERSON
    far = datetime(9999, 12, 31, tzinfo=UTC)
    assert stands(incident(aware_at=far)).state is Duty.PERSON
    assert stands(incident(), as_of=date(9999, 12, 31)).state is Duty.OVERDUE


def test_what_a_person_must_decide() -> None:
    assert stands(incident(aware_at=None)).state is Duty.PERSON
    assert stands(incident(reported_at=DUE), duty("eu-ai-act-55-1-c")).state is Duty.PERSON
    other = duty(incidents=["I-2"])
    found = stands(incident(), other, standards=["us-ny-raise"])
    assert found.state is Duty.PERSON
    assert "Gen. Bus. Law 1422" in found.why
    [(code, told)] = missed([found])
    assert (code, told) == ("incident-undecided", "register: I-1")


def test_without_a_regime_nobody_is_asked() -> None:
    audit = an_audit(standards=["nist-ai-rmf"])
    assert incident_duties(audit, DEADLINES, {"register": [incident()]}, date(2026, 9, 3)) == ()


def test_a_person_may_say_that_there_is_no_duty() -> None:
    found = stands(incident(), duty(None, reason="nobody was harmed"))
    assert found.state is Duty.OUTSIDE
    assert "L. Example (counsel): nobody was harmed" in found.why
    assert list(missed([found])) == []
    with pytest.raises(ValueError, match="reason"):
        an_audit(incident_duties=[duty(None)])


def test_late_and_overdue_are_findings() -> None:
    late = stands(incident(reported_at=DUE + timedelta(hours=1)), as_of=date(2026, 10, 1))
    [(code, told)] = missed([late])
    assert code == "deadline-missed"
    assert "due 2026-09-04 12:00 UTC, late: reported after 73.0 of 72 hours" in told


class TestConfigurations:
    """Which system prompt and safeguards ran, and who evaluated them."""

    def found(self, *evaluated: tuple[str | None, str | None], decided: int = 10) -> Any:
        value = audit_value(
            sources=[
                source(f"s{n}", "x*", **{k: v for k, v in (("system_prompt", p), ("safeguards", g)) if v})
                for n, (p, g) in enumerate(evaluated)
            ]
            or [source("s0", "x*")]
        )
        value["principles"][0]["criteria"][0]["sources"] = ["s0"]
        value["system"]["deployments"] = [
            {"from": "2026-08-01", "system_prompt": "p2", "safeguards": "g1"},
            {"from": "2026-01-01", "system_prompt": "p1", "safeguards": "g1"},
            {"from": "2026-10-01", "system_prompt": "p3", "safeguards": "g1"},
        ]
        hours = {
            datetime(2026, 7, 31, 23, tzinfo=UTC): replace(HOUR, records=30),
            datetime(2026, 8, 1, 0, tzinfo=UTC): replace(HOUR, records=70),
        }
        readings = tuple(
            Reading(
                f"x{n}",
                "0" * 64,
                1,
                f"s{n}",
                "f",
                counts=Counts(observations=decided, scored=decided),
                models=(MODEL,),
            )
            for n in range(len(evaluated))
        )
        register = j.register(*readings, ledgers=(replace(LEDGER, hours=hours),))
        return configurations(Audit.model_validate_json(orjson.dumps(value)), register)

    def test_by_day_within_the_period(self) -> None:
        first, second = self.found(("p1", "g1"))
        assert (first.first_day, first.last_day, first.records) == (date(2026, 7, 1), date(2026, 7, 31), 30)
        assert (second.first_day, second.last_day, second.records) == (
            date(2026, 8, 1),
            date(2026, 9, 30),
            70,
        )
        assert (first.evaluated_by, second.evaluated_by) == (("s0",), ())
        [(code, told)] = unevaluated((first, second))
        assert code == "unevaluated-configuration"
        assert "70 of 100 production records" in told

    @pytest.mark.parametrize("said", [("p2", None), (None, "g1"), ("p2", "g2"), (None, None)])
    def test_both_versions_must_be_named(self, said: tuple[str | None, str | None]) -> None:
        assert [one.evaluated_by for one in self.found(said)] == [(), ()]

    def test_days_that_nobody_declared(self) -> None:
        value = audit_value()
        value["system"]["deployments"] = [{"from": "2026-08-01", "system_prompt": "p2", "safeguards": "g1"}]
        hours = {datetime(2026, 7, 5, 1, tzinfo=UTC): replace(HOUR, records=9)}
        audit = Audit.model_validate_json(orjson.dumps(value))
        found = configurations(audit, j.register(ledgers=(replace(LEDGER, hours=hours),)))
        assert [(one.system_prompt, one.records) for one in found] == [("not declared", 9), ("p2", 0)]
        assert any("9 of 9 production records" in told for _, told in unevaluated(found))

    def test_an_evaluation_that_decided_nothing_covers_nothing(self) -> None:
        assert [one.evaluated_by for one in self.found(("p1", "g1"), decided=0)] == [(), ()]
