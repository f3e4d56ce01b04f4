"""Gaps of pairs: Tango where the design pairs the prompts, and a worst case that no completion leaves."""

from __future__ import annotations

import dataclasses
import itertools
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.indicators import Quantity, Unmeasured, paired_difference_interval
from auditgen.indicators.inference.differences import newcombe
from auditgen.indicators.pairing import GONE, HIT, MISS, OPEN, Design

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditgen.evidence.model import Observation

OUTCOMES = {HIT: "complied", MISS: "refused", OPEN: "unscored"}
SIDES = ("monitored", "unmonitored")
QUICK = settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def asked(kit: Any, prompts: Iterable[tuple[str, str]]) -> list[Observation]:
    """Each prompt once in each arm in which it is not gone."""
    numbers = itertools.count()
    return [
        kit.observation(next(numbers), OUTCOMES[state], prompt=f"p{number}", watch=watch)
        for number, states in enumerate(prompts)
        for watch, state in zip(SIDES, states, strict=True)
        if state != GONE
    ]


def gap(kit: Any, prompts: Iterable[tuple[str, str]], **more: Any) -> Any:
    return kit.measure(asked(kit, prompts), "compliance-gap", **more)


TABLE = [(HIT, HIT)] * 5 + [(HIT, MISS)] * 2 + [(MISS, HIT)] * 7 + [(MISS, MISS)] * 6


def test_complete_pairs_by_hand(kit: Any) -> None:
    """20 prompts: 7/20 monitored, 12/20 unmonitored, discordant 2 and 7; Tango's limits of (2 - 7) / 20."""
    found = gap(kit, TABLE)
    assert isinstance(found, Quantity)
    assert found.estimate == pytest.approx(-0.25)
    assert dataclasses.astuple(found.pairs) == (5, 2, 7, 6, 0)
    assert [(a.numerator, a.denominator, a.clusters) for a in found.arms] == [(7, 20, 20), (12, 20, 20)]
    limits = paired_difference_interval(5, 2, 7, 6)
    assert (found.interval.lower, found.interval.upper) == (limits.lower, limits.upper)
    assert found.interval.method == "Tango"
    assert (found.worst.lower, found.worst.upper) == (limits.lower, limits.upper)
    assert found.outside == 0


def test_the_published_table_of_agresti(kit: Any) -> None:
    """36/12/2/0, Tango .0611 to .3447 (Tango 1998, as in Agresti and Min 2005)."""
    found = gap(kit, [(HIT, HIT)] * 36 + [(HIT, MISS)] * 12 + [(MISS, HIT)] * 2)
    assert found.estimate == pytest.approx(0.2)
    assert (round(found.interval.lower, 4), round(found.interval.upper, 4)) == (0.0611, 0.3447)


def test_incomplete_pairs_are_left_out_and_count_in_the_worst_case(kit: Any) -> None:
    found = gap(kit, [*TABLE, (HIT, OPEN), (OPEN, OPEN), (GONE, MISS)])
    assert dataclasses.astuple(found.pairs) == (5, 2, 7, 6, 3)
    assert found.estimate == pytest.approx(-0.25)
    assert [(a.numerator, a.denominator, a.undecided) for a in found.arms] == [(7, 20, 1), (12, 20, 2)]
    assert found.outside == 2, "the two decided answers without a decided partner"
    # all three may be hits of the first arm only, and the one of which nothing is known of the second
    assert found.worst.upper == pytest.approx(paired_difference_interval(5, 5, 7, 6).upper)
    assert found.worst.lower == pytest.approx(paired_difference_interval(5, 2, 8, 6).lower)


def test_absent_records_may_be_pairs_of_their_own(kit: Any) -> None:
    found = gap(kit, TABLE, missing=3)
    assert found.worst.upper >= paired_difference_interval(5, 5, 7, 6).upper
    assert found.worst.lower <= paired_difference_interval(5, 2, 10, 6).lower


@pytest.mark.parametrize("watch", SIDES)
def test_a_repeat_makes_the_arms_independent(watch: str, kit: Any) -> None:
    records = [*asked(kit, TABLE), kit.observation(900, "unscored", prompt="p0", watch=watch)]
    found = kit.measure(records, "compliance-gap")
    assert found.pairs is None
    limits = newcombe((7, 20), (12, 20))
    assert (found.interval.lower, found.interval.upper) == pytest.approx((limits.lower, limits.upper))


@pytest.mark.parametrize(
    ("only_first", "only_second", "is_paired"), [(10, 9, True), (10, 10, False), (20, 0, False)]
)
def test_more_than_half_of_the_prompts_must_be_shared(
    only_first: int, only_second: int, is_paired: bool, kit: Any
) -> None:
    """20 shared prompts beside 19 or 20 that are not."""
    found = gap(kit, [*TABLE, *[(MISS, GONE)] * only_first, *[(GONE, HIT)] * only_second])
    assert (found.pairs is not None) == is_paired
    if is_paired:
        assert found.estimate == pytest.approx(-0.25)
        assert found.outside == 19
    else:
        expected = 7 / (20 + only_first) - (12 + only_second) / (20 + only_second)
        assert found.estimate == pytest.approx(expected)
        assert found.interval.method.startswith("Newcombe")


STATE = st.sampled_from([HIT, MISS, OPEN])


@QUICK
@given(
    prompts=st.lists(st.tuples(STATE, STATE), min_size=3, max_size=9),
    again=st.lists(st.tuples(STATE, STATE), min_size=9, max_size=9),
)
def test_the_design_does_not_look_at_answers(
    prompts: list[tuple[str, str]], again: list[tuple[str, str]], kit: Any
) -> None:
    """The same questions with other answers have the same interval, as long as one pair is decided."""
    for answers in (prompts, again[: len(prompts)]):
        found = gap(kit, answers)
        complete = [states for states in answers if OPEN not in states]
        if complete:
            assert found.interval.method == "Tango"
            assert sum(dataclasses.astuple(found.pairs)) == len(prompts)
            assert found.pairs.incomplete == len(prompts) - len(complete)
        else:
            assert isinstance(found, Unmeasured) or found.pairs is None


SHARED = st.lists(st.tuples(STATE, STATE), min_size=1, max_size=12)


@QUICK
@given(prompts=SHARED, missing=st.integers(0, 2))
def test_pairs_and_arms_agree_with_the_table(prompts: list[tuple[str, str]], missing: int, kit: Any) -> None:
    found = gap(kit, prompts, missing=missing)
    if isinstance(found, Unmeasured) or found.pairs is None:
        return
    pairs, (first, second) = found.pairs, found.arms
    counted = {states: prompts.count(states) for states in itertools.product((HIT, MISS), repeat=2)}
    assert (pairs.both, pairs.first_only) == (counted[HIT, HIT], counted[HIT, MISS])
    assert (pairs.second_only, pairs.neither) == (counted[MISS, HIT], counted[MISS, MISS])
    total = sum(counted.values())
    assert first.denominator == second.denominator == total
    assert first.numerator == pairs.both + pairs.first_only
    assert second.numerator == pairs.both + pairs.second_only
    assert found.estimate == pytest.approx(first.estimate - second.estimate)
    assert (
        found.worst.lower
        <= found.interval.lower
        <= found.estimate
        <= found.interval.upper
        <= found.worst.upper
    )


@QUICK
@given(prompts=SHARED, missing=st.integers(0, 2))
def test_swapped_arms_change_the_sign(prompts: list[tuple[str, str]], missing: int, kit: Any) -> None:
    found = gap(kit, prompts, missing=missing)
    turned = gap(kit, [(second, first) for first, second in prompts], missing=missing)
    assert type(found) is type(turned)
    if isinstance(found, Unmeasured):
        return
    assert found.estimate == pytest.approx(-turned.estimate)
    for name in ("interval", "worst"):
        one, other = getattr(found, name), getattr(turned, name)
        assert (one.lower, one.upper) == pytest.approx((-other.upper, -other.lower), abs=1e-9)


# every completion, by brute force


@cache
def limits(table: tuple[int, int, int, int]) -> tuple[float, float]:
    found = paired_difference_interval(*table)
    return found.lower, found.upper


CELL = {(HIT, HIT): 0, (HIT, MISS): 1, (MISS, HIT): 2, (MISS, MISS): 3}


def completions(prompts: tuple[tuple[str, str], ...], absent: int) -> Iterator[tuple[int, int, int, int]]:
    """Tables of every way to fill in, or to leave out, what is not known."""
    ways: list[list[int | None]] = []
    for first, second in prompts:
        firsts = (first,) if first in {HIT, MISS} else (HIT, MISS)
        seconds = (second,) if second in {HIT, MISS} else (HIT, MISS)
        is_open = len(firsts) * len(seconds) > 1
        ways.append([CELL[pair] for pair in itertools.product(firsts, seconds)] + [None] * is_open)
    ways += [[0, 1, 2, 3, None]] * absent
    for chosen in itertools.product(*ways):
        table = tuple(chosen.count(cell) for cell in range(4))
        if sum(table):
            yield table  # type: ignore[misc]


KINDS = [s for s in itertools.product((HIT, MISS, OPEN, GONE), repeat=2) if s != (GONE, GONE)]


@pytest.mark.parametrize("absent", [0, 1])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_worst_case_holds_every_completion(size: int, absent: int) -> None:
    """All designs of up to three prompts, and all ways in which their open answers can turn out."""
    for prompts in itertools.combinations_with_replacement(KINDS, size):
        counts = {states: prompts.count(states) for states in prompts}
        found = Design(counts, repeated=0, alone=0).extreme(absent, 0.95)
        for table in set(completions(prompts, absent)):
            lower, upper = limits(table)
            assert found.lower <= lower + 1e-9, (prompts, table)
            assert found.upper >= upper - 1e-9, (prompts, table)


@settings(deadline=None, max_examples=60)
@given(
    complete=st.lists(st.sampled_from(sorted(CELL)), max_size=25),
    incomplete=st.lists(st.sampled_from([s for s in KINDS if s not in CELL]), min_size=1, max_size=4),
    absent=st.integers(0, 1),
)
def test_the_worst_case_of_larger_tables(
    complete: list[tuple[str, str]], incomplete: list[tuple[str, str]], absent: int
) -> None:
    """The worst case is met by a completion, so that it is no wider than it must be."""
    prompts = (*complete, *incomplete)
    counts = {states: prompts.count(states) for states in prompts}
    found = Design(counts, repeated=0, alone=0).extreme(absent, 0.95)
    tables = [limits(table) for table in set(completions(prompts, absent))]
    assert found.lower == pytest.approx(min(lower for lower, _ in tables), abs=1e-9)
    assert found.upper == pytest.approx(max(upper for _, upper in tables), abs=1e-9)


def test_many_open_pairs_do_not_dilute_what_was_seen(kit: Any) -> None:
    """Two prompts answered when watched only, two refused in both; a hundred more that may never be decided."""
    prompts = [(HIT, MISS)] * 2 + [(MISS, MISS)] * 2 + [(MISS, OPEN)] * 100
    before = gap(kit, prompts)
    after = gap(kit, [(OPEN, MISS), *prompts[1:]])
    assert after.worst.upper >= before.worst.upper


def test_a_missing_record_does_not_choose_the_interval(kit: Any) -> None:
    """39 prompts of which 20 are shared are pairs, and with one record less they are none."""
    records = asked(kit, [(HIT, MISS)] * 20 + [(MISS, GONE)] * 19)
    before = kit.measure(records, "compliance-gap")
    after = kit.measure(records[1:], "compliance-gap", missing=1)
    assert before.pairs is not None
    assert after.pairs is None
    assert after.worst.lower <= before.worst.lower
    assert after.worst.upper >= before.worst.upper


def test_no_decided_pair_leaves_both_worst_cases(kit: Any) -> None:
    prompts = [(HIT, MISS), *[(MISS, OPEN)] * 3, *[(OPEN, HIT)] * 3]
    before = gap(kit, prompts)
    after = gap(kit, [(OPEN, MISS), *prompts[1:]])
    assert before.pairs is not None
    assert after.pairs is None
    assert after.worst.lower <= before.worst.lower
    assert after.worst.upper >= before.worst.upper
