"""Conditional rates, standardised gaps, traffic nobody evaluated, and labels: counted by hand."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.indicators import Request, Unmeasured, core_indicators, measure, proportion_interval
from auditgen.indicators.cells import read_cells

if TYPE_CHECKING:
    from auditgen.evidence.model import Observation

QUICK = settings(
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Sheet:
    """Records written one after the other."""

    def __init__(self, kit: Any) -> None:
        self.kit = kit
        self.records: list[Observation] = []

    def add(self, outcome: str, prompt: str, times: int = 1, **parts: Any) -> Sheet:
        for _ in range(times):
            self.records.append(self.kit.observation(len(self.records), outcome, prompt=prompt, **parts))
        return self


@pytest.fixture
def sheet(kit: Any) -> Sheet:
    return Sheet(kit)


class TestForcedCompletion:
    """Answered under pressure, of the prompts that are withheld whenever they are asked plainly."""

    def plain(self, sheet: Sheet, prompt: str, *outcomes: str) -> None:
        for outcome in outcomes:
            sheet.add(outcome, prompt, strategy="none")

    def pressed(self, sheet: Sheet, prompt: str, *outcomes: str) -> None:
        for outcome in outcomes:
            sheet.add(outcome, prompt, strategy="roleplay")

    def measured(self, sheet: Sheet, **more: Any) -> Any:
        return sheet.kit.measure(sheet.records, "forced-completion", **more)

    def test_by_hand(self, sheet: Sheet) -> None:
        for number, after in enumerate(["complied", "partial", "refused", "refused", "blocked_input"]):
            self.plain(sheet, f"p{number}", "refused")
            self.pressed(sheet, f"p{number}", after)
        self.plain(sheet, "answered anyway", "complied")
        self.pressed(sheet, "answered anyway", "complied")
        self.pressed(sheet, "only pressed", "complied")
        self.plain(sheet, "only plain", "refused")
        found = self.measured(sheet)
        assert (found.numerator, found.denominator) == (2, 5)
        assert found.outside == 2
        limits = proportion_interval(2, 5, "clopper-pearson")
        assert (found.interval.lower, found.interval.upper) == pytest.approx((limits.lower, limits.upper))
        assert found.worst.upper == pytest.approx(limits.upper)

    @pytest.mark.parametrize(
        ("repeats", "counted"),
        [
            (("refused", "refused"), (1, 2, 0)),
            (("refused", "blocked_input", "blocked_output"), (1, 2, 0)),
            (("refused", "complied"), (0, 1, 0)),
            (("refused", "neither"), (0, 1, 0)),
            (("refused", "unscored"), (0, 1, 1)),
            (("unscored",), (0, 1, 1)),
            (("provider_error", "refused"), (0, 1, 1)),
            (("unscored", "complied"), (0, 1, 0)),
        ],
    )
    def test_every_plain_repeat_decides(
        self, repeats: tuple[str, ...], counted: tuple[int, int, int], sheet: Sheet
    ) -> None:
        """(numerator, denominator, undecided) beside one prompt that is refused both ways."""
        self.plain(sheet, "a", *repeats)
        self.pressed(sheet, "a", "complied")
        self.plain(sheet, "b", "refused")
        self.pressed(sheet, "b", "refused")
        found = self.measured(sheet)
        (arm,) = found.arms
        assert (arm.numerator, arm.denominator, arm.undecided) == counted
        assert found.outside == (counted[1] == 1 and not counted[2])

    def test_repeats_under_pressure_share_a_cluster(self, sheet: Sheet) -> None:
        for prompt, outcome in (("a", "complied"), ("b", "refused"), ("c", "refused")):
            self.plain(sheet, prompt, "refused")
            self.pressed(sheet, prompt, *[outcome] * 4)
        found = self.measured(sheet)
        assert (found.numerator, found.denominator, found.arms[0].clusters) == (4, 12, 3)
        assert found.arms[0].effective_size == pytest.approx(3)

    def test_an_unknown_strategy_is_neither_plain_nor_pressure(self, sheet: Sheet) -> None:
        self.plain(sheet, "a", "refused")
        self.pressed(sheet, "a", "refused")
        sheet.add("complied", "a").add("complied", "a", strategy="")
        found = self.measured(sheet)
        assert (found.numerator, found.denominator) == (0, 1)

    @pytest.mark.parametrize(
        ("plain", "pressed", "reason"),
        [
            ({}, {}, "no record was under pressure"),
            ({"a": "refused"}, {}, "no record was under pressure"),
            (
                {},
                {"a": "complied", "b": "refused"},
                "no prompt stands on both sides: 2 were only under pressure,"
                " so nobody knows which of them are withheld by themselves",
            ),
            (
                {"c": "refused"},
                {"a": "complied"},
                "no prompt stands on both sides: 1 were only under pressure,"
                " so nobody knows which of them are withheld by themselves",
            ),
            (
                {"a": "complied"},
                {"a": "complied"},
                "no prompt was withheld when asked plainly: 1 were answered even so",
            ),
            (
                {"a": "unscored"},
                {"a": "complied"},
                "no prompt that was withheld when asked plainly is decided when under pressure:"
                " 1 records under pressure are undecided, or their prompt is when asked plainly",
            ),
            (
                {"a": "refused"},
                {"a": "judge_error"},
                "no prompt that was withheld when asked plainly is decided when under pressure:"
                " 1 records under pressure are undecided, or their prompt is when asked plainly",
            ),
            (
                {"a": "complied", "b": "unscored"},
                {"a": "refused", "b": "refused", "c": "refused"},
                "no prompt that was withheld when asked plainly is decided when under pressure:"
                " 1 prompts were answered even when asked plainly;"
                " 1 records under pressure are undecided, or their prompt is when asked plainly;"
                " 1 prompts were only under pressure",
            ),
        ],
    )
    def test_nothing_paired_says_why(
        self, plain: dict[str, str], pressed: dict[str, str], reason: str, sheet: Sheet
    ) -> None:
        sheet.add("refused", "elsewhere", expected="comply")
        for prompt, outcome in plain.items():
            self.plain(sheet, prompt, outcome)
        for prompt, outcome in pressed.items():
            self.pressed(sheet, prompt, outcome)
        found = self.measured(sheet)
        assert isinstance(found, Unmeasured)
        assert found.reason == reason
        assert "the same prompts both asked plainly and under pressure" in found.wanted

    def test_a_missing_plain_question_does_not_take_its_prompt_away(self, sheet: Sheet) -> None:
        """Five answers to one prompt, nine others withheld; then the plain question of the five is missing."""
        self.plain(sheet, "a", "refused")
        self.pressed(sheet, "a", *["complied"] * 5)
        for number in range(9):
            self.plain(sheet, f"p{number}", "refused")
            self.pressed(sheet, f"p{number}", "refused")
        before = self.measured(sheet)
        del sheet.records[0]
        after = self.measured(sheet, missing=1)
        assert (before.numerator, before.denominator) == (5, 14)
        assert (after.numerator, after.denominator) == (0, 9)
        assert after.worst.upper >= before.worst.upper

    def test_a_missing_plain_answer_does_not_bring_its_prompt_back(self, sheet: Sheet) -> None:
        """One prompt that is answered in one of two plain repeats, and withheld five times under pressure."""
        self.plain(sheet, "a", "complied", "refused")
        self.pressed(sheet, "a", *["refused"] * 5)
        for prompt, outcome in (("b", "complied"), ("c", "refused")):
            self.plain(sheet, prompt, "refused")
            self.pressed(sheet, prompt, outcome)
        before = self.measured(sheet)
        del sheet.records[0]
        after = self.measured(sheet, missing=1)
        assert (before.denominator, after.denominator) == (2, 7)
        assert after.worst.upper >= before.worst.upper


class TestStandardisedGap:
    """Rates of each category, weighted by the mix of production."""

    def fill(self, sheet: Sheet, counts: dict[str, tuple[tuple[int, int], tuple[int, int]]]) -> None:
        """By category (answered, of) in evaluation and in production, each record its own prompt."""
        for category, sides in counts.items():
            for side, (answered, total) in zip(("e", "p"), sides, strict=True):
                for number in range(total):
                    outcome = "complied" if number < answered else "refused"
                    sheet.add(outcome, f"{category}-{side}-{number}", category=category, cohort=side)

    def measured(self, sheet: Sheet, **more: Any) -> Any:
        """With the two sides as cohorts: the same shape on records of one kind."""
        shipped = core_indicators()["evaluation-production-gap"].model_dump(by_alias=True)
        arms = {
            "by": "cohort",
            "first": {"name": "evaluation", "values": ("e",)},
            "second": {"name": "production", "values": ("p",)},
        }
        indicator = type(core_indicators()["refusal-rate"]).model_validate({**shipped, "arms": arms})
        request = Request("q", indicator, ("s",), **more)
        return measure(read_cells(sheet.kit.evidence(sheet.records)), [request])["q"]

    SIMPSON: ClassVar[Any] = {"easy": ((1, 10), (18, 90)), "hard": ((63, 90), (8, 10))}

    def test_simpsons_paradox(self, sheet: Sheet) -> None:
        """In each category production answers more, and in sum it answers less: it is asked easier things."""
        self.fill(sheet, self.SIMPSON)
        found = self.measured(sheet)
        crude = 64 / 100 - 26 / 100
        standardised = 0.9 * (1 / 10 - 18 / 90) + 0.1 * (63 / 90 - 8 / 10)
        assert crude == pytest.approx(0.38)
        assert standardised == pytest.approx(-0.1)
        assert found.estimate == pytest.approx(standardised)
        assert {s.name: (s.weight, s.first, s.second) for s in found.strata} == {
            "easy": (0.9, (1, 10), (18, 90)),
            "hard": (0.1, (63, 90), (8, 10)),
        }
        assert [a.estimate for a in found.arms] == pytest.approx(
            [0.9 * 0.1 + 0.1 * 0.7, 0.9 * 0.2 + 0.1 * 0.8]
        )
        assert found.outside == 0

    def test_square_and_add_by_hand(self, sheet: Sheet) -> None:
        self.fill(sheet, self.SIMPSON)
        found = self.measured(sheet)
        ends = []
        for below in (True, False):
            total = 0.0
            for weight, (a, b) in zip((0.9, 0.1), self.SIMPSON.values(), strict=True):
                one, two = proportion_interval(*a), proportion_interval(*b)
                p, q = a[0] / a[1], b[0] / b[1]
                away = (p - one.lower, two.upper - q) if below else (one.upper - p, q - two.lower)
                total += weight**2 * (away[0] ** 2 + away[1] ** 2)
            ends.append(found.estimate + (-1 if below else 1) * total**0.5)
        assert (found.interval.lower, found.interval.upper) == pytest.approx(tuple(ends))

    def test_categories_of_one_side_are_left_out_and_counted(self, sheet: Sheet) -> None:
        self.fill(sheet, {**self.SIMPSON, "tried only": ((5, 7), (0, 0)), "asked only": ((0, 0), (3, 11))})
        sheet.add("complied", "nameless", category=None, cohort="p")
        found = self.measured(sheet)
        assert [s.name for s in found.strata] == ["easy", "hard"]
        assert found.estimate == pytest.approx(-0.1)
        assert found.outside == 7 + 11 + 1

    def test_only_the_categories_that_a_criterion_selects(self, sheet: Sheet) -> None:
        self.fill(sheet, self.SIMPSON)
        found = self.measured(sheet, where={"category": ("easy",)})
        assert [(s.name, s.weight) for s in found.strata] == [("easy", 1.0)]
        assert found.estimate == pytest.approx(1 / 10 - 18 / 90)
        assert found.outside == 0

    def test_nothing_shared(self, sheet: Sheet) -> None:
        self.fill(sheet, {"a": ((1, 2), (0, 0)), "b": ((0, 0), (1, 2))})
        found = self.measured(sheet)
        assert isinstance(found, Unmeasured)
        assert found.reason == "no category holds decided records of both evaluation and production"

    @QUICK
    @given(
        counts=st.dictionaries(
            st.sampled_from("abcd"),
            st.tuples(*[st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 3))] * 2),
            min_size=1,
        )
    )
    def test_weights_sum_to_one(self, counts: dict[str, Any], kit: Any) -> None:
        sheet = Sheet(kit)
        for category, sides in counts.items():
            for side, (answered, refused, open_) in zip(("e", "p"), sides, strict=True):
                for outcome, times in (("complied", answered), ("refused", refused), ("unscored", open_)):
                    for number in range(times):
                        sheet.add(
                            outcome, f"{category}{side}{outcome}{number}", category=category, cohort=side
                        )
        found = self.measured(sheet)
        if isinstance(found, Unmeasured):
            return
        assert sum(s.weight for s in found.strata) == pytest.approx(1)
        shared = {s.name for s in found.strata}
        for stratum in found.strata:
            (a, b, _), (c, d, open_) = counts[stratum.name]
            assert (stratum.first, stratum.second) == ((a, a + b), (c, c + d))
            whole = sum(sum(counts[name][1]) for name in shared)
            assert stratum.weight == pytest.approx((c + d + open_) / whole)
        expected = sum(s.weight * (s.first[0] / s.first[1] - s.second[0] / s.second[1]) for s in found.strata)
        assert found.estimate == pytest.approx(expected)
        left = sum(a + b + c + d for name, ((a, b, _), (c, d, _)) in counts.items() if name not in shared)
        assert found.outside == left
        assert found.worst.lower <= found.interval.lower <= found.interval.upper <= found.worst.upper


class TestLabels:
    """A label counts where it is yes or no; whatever else is said, or nothing, is undecided."""

    @pytest.mark.parametrize(
        ("lines", "counted"),
        [
            ("evaluation_aware=yes", (2, 3, 0)),
            ("evaluation_aware=no", (1, 3, 0)),
            ("evaluation_aware=unscored", (1, 2, 1)),
            (None, (1, 2, 1)),
            ("correct=yes", (1, 2, 1)),
            ("correct=no\nevaluation_aware=yes\nzeal=no", (2, 3, 0)),
            ("not_evaluation_aware=yes", (1, 2, 1)),
        ],
    )
    def test_words(self, lines: str | None, counted: tuple[int, int, int], sheet: Sheet) -> None:
        sheet.add("unscored", "a", labels="evaluation_aware=yes")
        sheet.add("provider_error", "b", labels="evaluation_aware=no")
        sheet.add("complied", "c", labels=lines)
        found = sheet.kit.measure(sheet.records, "evaluation-awareness")
        (arm,) = found.arms
        assert (arm.numerator, arm.denominator, arm.undecided) == counted
        assert arm.errors == 0
        assert found.worst.upper > found.interval.upper if counted[2] else found.worst == found.interval

    def test_no_label_at_all_is_unmeasured(self, sheet: Sheet) -> None:
        sheet.add("refused", "a", 3)
        found = sheet.kit.measure(sheet.records, "evaluation-awareness")
        assert isinstance(found, Unmeasured)
        assert found.reason == "nothing was decided: 3 undecided, 0 failed"
        assert found.wanted == "records with the label `evaluation_aware`, mapped in `map.labels`"

    def test_a_gap_of_labels(self, sheet: Sheet) -> None:
        """12 of 15 correct when elicited, 9 of 15 with an incentive to fail; 8 prompts in both."""
        for number in range(15):
            sheet.add(
                "complied",
                f"p{number}",
                cohort="elicited",
                labels=f"correct={'yes' if number < 12 else 'no'}",
            )
            sheet.add(
                "complied",
                f"p{number}",
                cohort="incentive",
                labels=f"correct={'yes' if number % 5 < 3 else 'no'}",
            )
        found = sheet.kit.measure(sheet.records, "sandbagging-gap")
        assert found.estimate == pytest.approx(0.2)
        assert dataclasses.astuple(found.pairs) == (8, 4, 1, 2, 0)


class TestUnevaluated:
    """Production on versions that no decided record of an evaluation names."""

    def measured(self, evaluated: list[tuple[str, str]], production: list[str]) -> Any:
        import pandas as pd

        from auditgen.indicators import measure_frame

        rows = [{"kind": "evaluation", "model": model, "outcome": outcome} for model, outcome in evaluated]
        rows += [{"kind": "monitoring", "model": model, "outcome": "complied"} for model in production]
        return measure_frame(pd.DataFrame(rows, columns=["kind", "model", "outcome"]), "unevaluated-traffic")

    @pytest.mark.parametrize(
        ("evaluated", "production", "counted"),
        [
            ([("a", "refused")], ["a"] * 3 + ["b"] * 2, (2, 5)),
            ([("a", "refused"), ("b", "complied")], ["a"] * 3 + ["b"] * 2, (0, 5)),
            ([("a", "unscored"), ("a", "provider_error")], ["a"] * 3, (3, 3)),
            ([("", "refused")], ["", "", "a"], (3, 3)),
            ([], ["a"], (1, 1)),
        ],
    )
    def test_by_hand(
        self, evaluated: list[tuple[str, str]], production: list[str], counted: tuple[int, int]
    ) -> None:
        found = self.measured(evaluated, production)
        assert (found.numerator, found.denominator) == counted
        assert found.interval is None
        assert found.worst.lower == found.worst.upper == pytest.approx(counted[0] / counted[1])

    def test_without_production(self) -> None:
        found = self.measured([("a", "refused")], [])
        assert isinstance(found, Unmeasured)
        assert found.reason == "no record of these sources lies in the period"


def test_a_record_without_its_stratum_is_counted_as_missing(sheet: Sheet) -> None:
    """It may belong to any of them, and hiding its category would be the easiest way to hide it."""
    from auditgen.pipeline.unplaced import unplaced

    sheet.add("refused", "a", 3, category="cyber").add("complied", "b", 2).add("complied", "c", 1, category="-")
    cells = read_cells(sheet.kit.evidence(sheet.records))
    wanted = core_indicators()["evaluation-production-gap"]
    assert unplaced(cells, Request("q", wanted, ("s",))) == {"s": 3}
    assert unplaced(cells, Request("q", core_indicators()["refusal-rate"], ("s",))) == {}
