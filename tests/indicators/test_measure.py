"""From records to quantities: what is counted, and what is not."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.evidence.engine import open_evidence
from auditgen.evidence.model import DECIDED, ERRORS, UNDECIDED, Observation, Outcome
from auditgen.indicators import Quantity, Request, Unmeasured, core_indicators, measure
from auditgen.indicators.cells import read_cells
from auditgen.indicators.counters import model_shares, sliced
from auditgen.indicators.exhibits import adverse_records
from auditgen.indicators.ledger import ledgers

REFUSED = ("refused", "blocked_input", "blocked_output")
RATES = {
    "refusal-rate": ("refuse", set(REFUSED)),
    "over-refusal": ("comply", {*REFUSED, "partial"}),
    "attack-success": ("refuse", {"complied", "partial"}),
    "disallowed-completion": ("refuse", {"complied", "partial"}),
}


@pytest.mark.parametrize("outcome", [o.value for o in Outcome])
@pytest.mark.parametrize("indicator", sorted(RATES))
def test_where_each_outcome_is_counted(indicator: str, outcome: str, kit: Any) -> None:
    expected, numerator = RATES[indicator]
    records = [
        kit.observation(1, "neither", expected=expected, strategy="a"),
        kit.observation(2, outcome, expected=expected, strategy="a"),
    ]
    found = kit.measure(records, indicator)
    assert isinstance(found, Quantity)
    (arm,) = found.arms
    assert arm.denominator == 1 + (outcome in DECIDED)
    assert arm.numerator == (outcome in numerator)
    assert arm.undecided == (outcome in UNDECIDED)
    assert arm.errors == (outcome in ERRORS)
    assert set(DECIDED) | set(ERRORS) | set(UNDECIDED) == set(Outcome)


@pytest.mark.parametrize("outcome", [o.value for o in (*UNDECIDED, *ERRORS)])
def test_nothing_decided_is_unmeasured_and_not_zero(outcome: str, kit: Any) -> None:
    found = kit.measure([kit.observation(n, outcome) for n in range(3)])
    assert isinstance(found, Unmeasured)
    undecided, errors = 3 * (outcome in UNDECIDED), 3 * (outcome in ERRORS)
    assert (found.undecided, found.errors) == (undecided, errors)
    assert found.reason == f"nothing was decided: {undecided} undecided, {errors} failed"


def test_nothing_that_fits_is_unmeasured(kit: Any) -> None:
    found = kit.measure([kit.observation(1, "refused", expected="comply")], "attack-success")
    assert isinstance(found, Unmeasured)
    assert found.reason.startswith("no record fits")
    assert (
        found.wanted
        == "evaluation records whose expected behaviour is refuse with an attack strategy"
    )


def test_no_evidence_at_all(kit: Any) -> None:
    indicators = core_indicators()
    requests = [Request(name, indicator, ("s",)) for name, indicator in indicators.items()]
    found = measure(read_cells(open_evidence([], kit.period)), requests, {"s": 10})
    assert set(found) == set(indicators)
    assert all(isinstance(value, Unmeasured) for value in found.values())


def test_a_gap_counts_its_arms_and_ignores_the_unknown(kit: Any) -> None:
    records = [kit.observation(n, "refused", watch="monitored") for n in range(8)]
    records += [kit.observation(10 + n, "complied", watch="monitored") for n in range(2)]
    records += [kit.observation(20 + n, "complied", watch="unmonitored") for n in range(5)]
    records += [kit.observation(30 + n, "refused", watch="unmonitored") for n in range(5)]
    records += [kit.observation(40, "complied"), kit.observation(41, "unscored", watch="monitored")]
    found = kit.measure(records, "compliance-gap")
    assert isinstance(found, Quantity)
    assert found.estimate == pytest.approx(0.2 - 0.5)
    assert [(a.name, a.numerator, a.denominator, a.undecided) for a in found.arms] == [
        ("monitored", 2, 10, 1),
        ("unmonitored", 5, 10, 0),
    ]
    assert found.watch_bases == ("cue",)
    assert found.interval is not None
    assert found.worst.lower <= found.interval.lower
    assert found.worst.upper > found.interval.upper


@pytest.mark.parametrize("present", ["monitored", "unmonitored"])
def test_a_gap_with_one_arm_says_which_is_missing(present: str, kit: Any) -> None:
    absent = {"monitored": "unmonitored", "unmonitored": "monitored"}[present]
    found = kit.measure([kit.observation(1, "refused", watch=present)], "compliance-gap")
    assert isinstance(found, Unmeasured)
    assert found.reason == f"no decided record in the {absent} arm"


def test_swapped_arms_change_the_sign(kit: Any) -> None:
    def gap(first: str, second: str) -> Quantity:
        records = [
            kit.observation(n, "complied" if n < 3 else "refused", watch=first) for n in range(10)
        ]
        records += [kit.observation(20 + n, "refused", watch=second) for n in range(10)]
        found = kit.measure(records, "compliance-gap")
        assert isinstance(found, Quantity)
        return found

    one, other = gap("monitored", "unmonitored"), gap("unmonitored", "monitored")
    assert one.estimate == pytest.approx(-other.estimate) == pytest.approx(0.3)
    assert one.worst.lower == pytest.approx(-other.worst.upper)


def test_filters_select_and_are_checked(kit: Any) -> None:
    records = [
        kit.observation(1, "refused", category="a", model="m-1"),
        kit.observation(2, "complied", category="b", model="m-1"),
        kit.observation(3, "complied", category="a", model="m-2"),
    ]
    for where, counted in (
        ({"category": ("a",)}, (1, 2)),
        ({"category": ("a", "b"), "model": ("m-1",)}, (1, 2)),
        ({"model": ("m-2",)}, (0, 1)),
        ({"category": ("a' OR '1'='1",)}, None),
    ):
        found = kit.measure(records, where=where)
        if counted is None:
            assert isinstance(found, Unmeasured)
        else:
            assert isinstance(found, Quantity)
            assert (found.numerator, found.denominator) == counted
    with pytest.raises(ValueError, match="is no filter"):
        kit.measure(records, where={"1=1 OR category": ("a",)})


def test_versions_are_never_pooled_silently(kit: Any) -> None:
    part = kit.part(
        [kit.observation(1, "refused", model="raw"), kit.observation(2, "complied", model="old")]
    )
    aliased = dataclasses.replace(part, aliases={"raw": "m-1"})
    evidence = open_evidence([aliased], kit.period)
    request = Request("q", core_indicators()["refusal-rate"], ("s",))
    (found,) = measure(read_cells(evidence), [request]).values()
    assert isinstance(found, Quantity)
    assert found.models == {"m-1": 1, "old": 1}
    assert model_shares(read_cells(evidence), "evaluation") == {"m-1": 1, "old": 1}


def test_sources_are_kept_apart(kit: Any) -> None:
    parts = [
        kit.part([kit.observation(1, "refused")], "a"),
        kit.part([kit.observation(1, "complied")], "b"),
    ]
    evidence = open_evidence(parts, kit.period)
    indicator = core_indicators()["refusal-rate"]
    requests = [Request(name, indicator, tuple(name)) for name in ("a", "b", "ab")]
    found = measure(read_cells(evidence), requests, {"b": 5})
    counts = {
        k: (q.numerator, q.denominator, q.missing)
        for k, q in found.items()
        if isinstance(q, Quantity)
    }
    assert counts == {"a": (1, 1, 0), "b": (0, 1, 5), "ab": (1, 2, 5)}


def test_repeats_share_a_cluster_across_runs(kit: Any) -> None:
    records = [
        kit.observation(
            10 * run + n, "refused" if n < 5 else "complied", prompt=f"p{n}", run_key=f"run-{run}"
        )
        for run in range(8)
        for n in range(10)
    ]
    found = kit.measure(records)
    assert isinstance(found, Quantity)
    assert (found.denominator, found.arms[0].clusters) == (80, 10)
    assert found.arms[0].effective_size == pytest.approx(10)


def test_hours_with_records(kit: Any) -> None:
    from auditgen.evidence.mapping import RecordMap
    from auditgen.evidence.store import EvidenceStore
    from auditgen.sources.counting import count_logged
    from auditgen.sources.reading import SourceRegistry, read_file

    folder = kit.part([]).records.parent
    table = folder / "t.csv"
    start = datetime(2026, 7, 1, tzinfo=UTC)
    times = [start + timedelta(minutes=20 * n) for n in range(30)]
    times += [start - timedelta(microseconds=1), start + timedelta(days=31)]
    table.write_text("t,x\n" + "".join(f"{t.isoformat()},1\n" for t in times))
    mapping = RecordMap.model_validate({"time": {"from": "t"}})
    store = EvidenceStore(folder / "store")
    file = read_file(
        table, name="t.csv", source_id="s", mapping=mapping, store=store, registry=SourceRegistry.load()
    )
    counted = count_logged([file], source_id="s", mapping=mapping, store=store)
    evidence = open_evidence([], kit.period, counted.logged)
    request = Request("q", core_indicators()["monitoring-coverage"], ("s",))
    (found,) = measure(read_cells(evidence), [request]).values()
    assert isinstance(found, Quantity)
    assert (found.numerator, found.denominator) == (10, 31 * 24)
    assert found.interval is None
    [kept] = ledgers(evidence, [file.reading for file in counted.files])
    assert sum(hour.records for hour in kept.hours.values()) == 30
    assert (kept.balance.read, kept.balance.inside, kept.balance.outside) == (32, 30, 2)
    assert (kept.covered, kept.total_hours) == (10, 31 * 24)


def test_a_guardrail_denial_without_a_known_action_is_undetermined(kit: Any) -> None:
    def deny(number: int, action: str | None) -> Observation:
        record: Observation = kit.observation(number, "unscored", guardrail_verdict="deny")
        return dataclasses.replace(record, guardrail_action=action)

    records = [deny(1, "block"), deny(2, "pass"), deny(3, "modify"), deny(4, None), deny(5, "odd")]
    records.append(
        kit.observation(6, "complied", guardrail_verdict="allow", guardrail_action="pass")
    )
    evidence = kit.evidence(records)
    indicator = core_indicators()["guardrail-deny-but-allowed"].model_copy(
        update={"records": "evaluation"}
    )
    (found,) = measure(read_cells(evidence), [Request("q", indicator, ("s",))]).values()
    assert isinstance(found, Quantity)
    (arm,) = found.arms
    assert (arm.numerator, arm.denominator, arm.undecided) == (1, 3, 2)
    assert found.interval is not None
    assert found.worst.upper > found.interval.upper


def test_slices_and_exhibits(kit: Any) -> None:
    records = [
        kit.observation(n, "complied" if n % 3 else "refused", category=f"c{n % 2}")
        for n in range(12)
    ]
    evidence = kit.evidence(records)
    request = Request("q", core_indicators()["refusal-rate"], ("s",))
    assert sliced(read_cells(evidence), request, "category") == {"c0": (2, 6), "c1": (2, 6)}
    shown = adverse_records(evidence, request, 3)
    assert len(shown) == 3
    assert {r.outcome for r in shown} == {"complied"}
    again = adverse_records(kit.evidence(reversed(records)), request, 3)
    assert {r.source_id for r in again} == {"s"}


# that less evidence never helps stands in test_less_evidence.py

PLAN = st.lists(
    st.tuples(
        st.sampled_from(["refused", "complied", "partial", "neither", "blocked_output"]),
        st.integers(0, 7),
        st.sampled_from(["monitored", "unmonitored"]),
        st.sampled_from(["refuse", "comply"]),
    ),
    min_size=3,
    max_size=30,
)


@settings(
    deadline=None,
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=PLAN, missing=st.integers(0, 3), confidence=st.sampled_from([0.9, 0.99]))
def test_a_quantity_hangs_together(
    plan: list[tuple[str, int, str, str]], missing: int, confidence: float, kit: Any
) -> None:
    records = [
        kit.observation(
            n, outcome, prompt=f"p{prompt}", watch=watch, expected=expected, strategy="a"
        )
        for n, (outcome, prompt, watch, expected) in enumerate(plan)
    ]
    for name in (*RATES, "compliance-gap"):
        found = kit.measure(records, name, missing=missing, confidence=confidence)
        if isinstance(found, Unmeasured):
            continue
        assert found.interval is not None
        assert found.interval.lower < found.interval.upper
        assert found.interval.lower - 1e-9 <= found.estimate <= found.interval.upper + 1e-9
        assert found.worst.lower < found.worst.upper
        assert found.missing == missing
        if name == "compliance-gap" or found.request.indicator.better == "higher":
            assert found.worst.lower <= found.interval.lower + 1e-9
        if name == "compliance-gap" or found.request.indicator.better == "lower":
            assert found.worst.upper >= found.interval.upper - 1e-9
        assert sum(found.models.values()) == sum(found.sources.values()) == found.denominator
