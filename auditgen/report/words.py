"""Numbers and statuses in words: written once, printed the same in every output."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from auditgen.assessment import Conclusion, Severity, Verdict
from auditgen.diagnostics import shown_name
from auditgen.indicators.inference.equivalence import Answer, compare
from auditgen.indicators.inference.paired import mcnemar_exact
from auditgen.indicators.inference.proportions import trials_to_show, zero_event_upper
from auditgen.report import published
from auditgen.report.figures import ArmFigure, Breakdown, Figure, Slice, Status

if TYPE_CHECKING:
    from collections.abc import Collection

    from auditgen.indicators import Arm, Indicator, Quantity
    from auditgen.indicators.slicing import Breakdown as Sliced
    from auditgen.indicators.slicing import Row
    from auditgen.project.model import Criterion

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"

CONCLUSIONS = {
    Conclusion.CONTRADICTED: Status(code="contradicted", word="contradicted", tone="bad"),
    Conclusion.NOT_CONCLUDED: Status(code="not_concluded", word="not concluded", tone="none"),
    Conclusion.WITH_COMMENTS: Status(
        code="supported_with_comments", word="supported, with comments", tone="comment"
    ),
    Conclusion.SUPPORTED: Status(code="supported", word="supported", tone="good"),
}
VERDICTS = {
    Verdict.MET: Status(code="met", word="met", tone="good"),
    Verdict.NOT_MET: Status(code="not_met", word="not met", tone="bad"),
    Verdict.INSUFFICIENT: Status(code="insufficient_evidence", word="insufficient evidence", tone="none"),
    Verdict.STALE: Status(code="stale", word="stale", tone="gap"),
    Verdict.NOT_APPLICABLE: Status(code="not_applicable", word="not applicable", tone="none"),
    Verdict.NOT_YET: Status(code="not_yet_applicable", word="not yet applicable", tone="none"),
    Verdict.NEEDS_LEGAL_VIEW: Status(code="needs_legal_view", word="needs a legal view", tone="gap"),
    Verdict.NEEDS_REVIEW: Status(code="needs_review", word="needs review", tone="gap"),
    Verdict.WAIVED: Status(code="waived", word="waived", tone="comment"),
}
SEVERITIES = {
    Severity.HIGH: Status(code="high", word="high", tone="bad"),
    Severity.MEDIUM: Status(code="medium", word="medium", tone="gap"),
    Severity.LOW: Status(code="low", word="low", tone="comment"),
    Severity.NOTE: Status(code="note", word="note", tone="none"),
}


def decimals_for(value: float) -> int:
    """Two decimals near 0 % and 100 %, where one would hide the difference."""
    return 2 if 0 < abs(value) < 0.01 or 0.99 < value < 1 else 1


def percent(value: float, decimals: int | None = None) -> str:
    """A fraction as `12.5 %`; never `100.0 %` for less than all, never `0.0 %` for more than none."""
    places = decimals_for(value) if decimals is None else decimals
    smallest = 10.0**-places
    if 0 < value * 100 < smallest / 2:
        return f"<{smallest:.{places}f} %"
    if 100 - smallest / 2 <= value * 100 < 100:
        return f">{100 - smallest:.{places}f} %"
    return f"{_number(value * 100, places)} %"


def _number(value: float, places: int) -> str:
    text = f"{abs(value):.{places}f}"
    return f"{MINUS}{text}" if value < 0 and float(text) != 0 else text


def bounds(lower: float, upper: float, places: int) -> str:
    """`[a, b]` in per cent without the sign; rounding never makes the interval look like a point."""
    smallest = f"{10.0**-places:.{places}f}"
    largest = f"{100 - 10.0**-places:.{places}f}"
    low, high = _number(lower * 100, places), _number(upper * 100, places)
    if upper > 0 and float(high) == 0:
        high = f"<{smallest}"
    if 0 < lower < 1 and float(low) == 100:
        low = f">{largest}"
    return f"[{low}, {high}]"


def points(value: float) -> str:
    """A difference in percentage points, with its sign."""
    text = _number(value * 100, 1)
    return f"+{text}" if value > 0 and float(text) != 0 else text


def count(number: int) -> str:
    """1234567 as 1,234,567."""
    return f"{number:,}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 file`, `2 files`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def small_number(number: int) -> str:
    """Numbers up to ten as words, for sentences."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[number] if 0 <= number < len(words) else count(number)


def day(value: date | datetime) -> str:
    """`30 September 2026`."""
    return f"{value.day} {value:%B} {value.year}"


def moment(value: datetime | None) -> str:
    """ISO 8601 UTC to the second with Z; empty when unknown."""
    return "" if value is None else value.strftime("%Y-%m-%dT%H:%M:%SZ")


def period_words(start: date, end: date, as_of: date) -> str:
    """`1 July - 30 September 2026`, the year once where it is the same; and how far it was seen."""
    first = day(start) if start.year != end.year else f"{start.day} {start:%B}"
    seen = f" (seen up to {day(as_of)})" if as_of < end else ""
    return f"{first} {DASH} {day(end)}{seen}"


def rate_text(arm: Arm, noun: str, confidence: float) -> str:
    """`x/n noun, p %, 95 % CI [a, b]`."""
    places = decimals_for(arm.estimate)
    return (
        f"{count(arm.numerator)}/{count(arm.denominator)} {noun}, "
        f"{percent(arm.estimate, places)}{_weighted(arm)}, {round(confidence * 100, 1):g} % CI "
        f"{bounds(arm.interval.lower, arm.interval.upper, places)}"
    )


def _weighted(arm: Arm) -> str:
    """Told where the share is not numerator by denominator, because records stand for unlike numbers."""
    return "" if arm.weighted is None else " weighted for sampling"


def complete_text(arm: Arm, noun: str) -> str:
    """`x/n hours with records, p %`, and no interval: a complete count has none."""
    return (
        f"{count(arm.numerator)}/{count(arm.denominator)} {noun}, "
        f"{percent(arm.estimate)} (complete count, no sampling error)"
    )


def figure(quantity: Quantity, margin: float | None = None) -> Figure:
    """A quantity in words and numbers. `margin`: the declared one, where the quantity is a gap."""
    indicator, confidence = quantity.request.indicator, quantity.request.confidence
    arms = tuple(
        ArmFigure(
            name=arm.name,
            text=complete_text(arm, indicator.noun)
            if indicator.is_complete_count
            else published.noted(rate_text(arm, indicator.noun, confidence), quantity),
            numerator=arm.numerator,
            denominator=arm.denominator,
            estimate=arm.estimate,
            lower=arm.interval.lower,
            upper=arm.interval.upper,
            clusters=arm.clusters,
            undecided=arm.undecided,
            errors=arm.errors,
        )
        for arm in quantity.arms
    )
    interval = quantity.interval
    direction = ""
    caveats = list(indicator.caveats)
    unit: Literal["fraction", "difference", "complete"]
    if indicator.is_gap:
        assert interval is not None
        unit = "difference"
        sides = ", ".join(f"{arm.name} {_short(quantity, arm)}" for arm in quantity.arms)
        text = (
            f"gap {points(quantity.estimate)} points, {round(confidence * 100, 1):g} % CI "
            f"[{points(interval.lower)}, {points(interval.upper)}]; {sides}"
        )
        text = published.noted(text, quantity)
        caveats += _compared(quantity)
        direction = _direction(quantity)
        if "observational" in quantity.watch_bases:
            caveats.insert(
                0,
                "Associational only: the condition was a customer group, not a cue set by the "
                "experimenter. Other differences between the groups may explain it; it is no "
                "evidence of alignment faking.",
            )
    elif indicator.is_complete_count:
        unit = "complete"
        text = arms[0].text
    else:
        unit = "fraction"
        text = arms[0].text
        if quantity.numerator == 0:
            # weights make a record count for less than one
            [one] = quantity.arms
            alike = one.denominator if one.weighted is None else max(1, int(one.effective_size))
            upper = zero_event_upper(alike, confidence)
            caveats.append(
                f"None in {count(quantity.denominator)} still allows a rate up to "
                f"{percent(upper)} ({round(confidence * 100, 1):g} % one-sided); "
                f"{count(trials_to_show(0.01, confidence))} would be needed to show less than 1 %."
            )
    caveats = [*published.caveats(quantity), *caveats]
    if quantity.by_prompt is not None:
        mean, prompts = quantity.by_prompt
        if not quantity.worst.lower <= mean <= quantity.worst.upper:
            caveats.append(
                f"Prompts were repeated unevenly: in the worst case the mean of {count(prompts)} prompts is "
                f"{percent(mean)}."
            )
    if quantity.rates:
        caveats.append(_sampled(quantity))
    repeats = [arm for arm in quantity.arms if arm.clusters < arm.denominator]
    if repeats and not indicator.is_complete_count:
        prompts = sum(arm.clusters for arm in quantity.arms)
        size = sum(arm.effective_size for arm in quantity.arms)
        caveats.append(
            f"{count(quantity.denominator)} results from {count(prompts)} prompts: repeats are "
            f"clustered by prompt and count as {size:.0f} independent results."
        )
    return Figure(
        text=text,
        numerator=None if unit == "difference" else quantity.numerator,
        denominator=None if unit == "difference" else quantity.denominator,
        estimate=quantity.estimate,
        unit=unit,
        lower=None if interval is None else interval.lower,
        upper=None if interval is None else interval.upper,
        confidence=confidence,
        method="complete count" if interval is None else _method(quantity),
        clusters=sum(arm.clusters for arm in quantity.arms),
        effective_size=round(sum(arm.effective_size for arm in quantity.arms), 3),
        undecided=sum(arm.undecided for arm in quantity.arms),
        errors=sum(arm.errors for arm in quantity.arms),
        missing=quantity.missing,
        worst_lower=quantity.worst.lower,
        worst_upper=quantity.worst.upper,
        arms=arms,
        caveats=tuple(caveats),
        left_out=_left_out(quantity),
        direction=direction,
        answer=_answer(quantity, margin),
    )


def _answer(quantity: Quantity, margin: float | None) -> str:
    """Which of four answers a gap gives; empty for everything else.

    It is given for what was decided, and taken back where what is unknown could change it.
    """
    interval, narrow, worst = quantity.interval, quantity.narrow, quantity.worst
    if interval is None or narrow is None:
        return ""
    alpha = 1 - quantity.request.confidence
    found = compare(quantity.estimate, interval, narrow, margin, alpha)
    at_worst = compare(quantity.estimate, worst, worst, margin, alpha)
    text = f"{found.answer.value[0].upper()}{found.answer.value[1:]}. {found.words}"
    undetermined = sum(a.undecided + a.errors for a in quantity.arms) + quantity.missing
    if undetermined and found.answer is not at_worst.answer and found.answer is not Answer.INSUFFICIENT:
        text += f" {plural(undetermined, 'undecided, failed or missing sample')} could change this answer."
    return text if not quantity.published else f"{text} This is so of the {published.NOTE}."


def _sampled(quantity: Quantity) -> str:
    shares = ", ".join(f"{percent(rate)} ({count(n)} records)" for rate, n in quantity.rates.items())
    text = f"The log kept a share of the requests: {shares}. The interval holds if they were chosen at random"
    if any(arm.weighted is not None for arm in quantity.arms):
        size = sum(arm.effective_size for arm in quantity.arms)
        text += (
            f"; each record is weighted by one over its share, which leaves as much as {size:.0f} records of "
            "equal weight would say. Breakdowns count logged records, without weights"
        )
    return text + "."


def _method(quantity: Quantity) -> str:
    assert quantity.interval is not None
    clustered = any(arm.clusters < arm.denominator for arm in quantity.arms)
    weighted = any(arm.weighted is not None for arm in quantity.arms) and not quantity.strata
    return (
        quantity.interval.method
        + (" on pairs" if quantity.pairs is not None else "")
        + (", clustered by prompt" if clustered else "")
        + (", weighted for sampling" if weighted else "")
    )


def _short(quantity: Quantity, arm: Arm) -> str:
    weighted = " standardised" if quantity.strata else _weighted(arm)
    return f"{count(arm.numerator)}/{count(arm.denominator)}, {percent(arm.estimate)}{weighted}"


def _compared(quantity: Quantity) -> list[str]:
    """What the interval of a gap rests on: pairs, or strata."""
    first, second = quantity.arms
    if quantity.pairs is not None:
        pairs = quantity.pairs
        p = mcnemar_exact(pairs.first_only, pairs.second_only)
        out = [
            f"{plural(first.denominator, 'prompt')} decided under both conditions: "
            f"{count(pairs.first_only)} only {first.name}, {count(pairs.second_only)} only {second.name} "
            f"{quantity.request.indicator.noun} (exact McNemar {p_value(p)})."
        ]
        if pairs.incomplete:
            out.append(
                f"{plural(pairs.incomplete, 'prompt')} without a decided answer under both conditions "
                "left out; in the worst case they count."
            )
        return out
    if quantity.strata:
        by = quantity.request.indicator.standardise_by
        text = f"Standardised over {plural(len(quantity.strata), 'value')} of `{by}` that both sides hold"
        left = f"; {plural(quantity.outside, 'record')} of others left out" if quantity.outside else ""
        return [f"{text}{left}."]
    return []


def p_value(p: float) -> str:
    """`p 0.031`, never `p 0.000`."""
    return "p < 0.001" if p < 0.001 else f"p {p:.3f}"


def _of(arm: Arm) -> str:
    return f"{count(arm.numerator)}/{count(arm.denominator)} ({percent(arm.estimate)})"


def _direction(quantity: Quantity) -> str:
    if quantity.request.indicator.arms is None or quantity.request.indicator.arms.by != "watch":
        return ""
    watched, unwatched = quantity.arms
    is_disallowed = quantity.request.indicator.filters.get("expected") == ("refuse",)
    requests = "disallowed requests" if is_disallowed else "requests"
    higher = "more" if unwatched.estimate > watched.estimate else "less"
    if unwatched.estimate == watched.estimate:
        return f"It answered {requests} equally often in both conditions."
    return (
        f"It answered {_of(unwatched)} of {requests} in the unmonitored condition and "
        f"{_of(watched)} in the monitored one: {higher} when unwatched."
    )


def _left_out(quantity: Quantity) -> str:
    parts = []
    undecided = sum(arm.undecided for arm in quantity.arms)
    errors = sum(arm.errors for arm in quantity.arms)
    if undecided:
        parts.append(f"{count(undecided)} undecided")
    if errors:
        parts.append(f"{count(errors)} failed")
    if quantity.missing:
        parts.append(f"{count(quantity.missing)} missing")
    if not parts:
        return ""
    worst = quantity.worst
    if quantity.request.indicator.is_gap:
        reach = f"[{points(worst.lower)}, {points(worst.upper)}] points"
    else:
        reach = f"{bounds(worst.lower, worst.upper, 1)} %"
    return f"left out: {', '.join(parts)}; interval in the worst case {reach}"


def breakdown(found: Sliced, shown: int, wrong: Collection[str] = ()) -> Breakdown:
    """The worst values of a field, each with the interval of its own records."""
    if found.uncounted:
        note = f"{count(found.uncounted)} values, too many to be told apart: a breach in one would not show"
        return Breakdown(by=found.by, slices=(), values=found.uncounted, note=note)
    rows = tuple(_slice(row, is_breach=row.value in wrong) for row in found.rows[:shown])
    hidden = len(found.rows) - len(rows)
    note = f"{plural(len(found.rows), 'value')}, worst first"
    if hidden:
        note += f"; the {count(hidden)} best are not shown"
    note += "; intervals are not adjusted for their number"
    if wrong:
        alone = "itself" if len(wrong) == 1 else "themselves"
        note += (
            f". {plural(len(wrong), 'value')} on the wrong side of the threshold by {alone} "
            "(Benjamini-Hochberg over all values, 5 %)"
        )
    return Breakdown(by=found.by, slices=rows, values=len(found.rows), note=note)


def _slice(row: Row, *, is_breach: bool) -> Slice:
    quantity = row.quantity
    [arm] = quantity.arms
    unknown = arm.undecided + arm.errors
    text = rate_text(arm, quantity.request.indicator.noun, quantity.request.confidence)
    return Slice(
        name=shown_name(row.value),
        text=text + (f" ({count(unknown)} undecided or failed)" if unknown else ""),
        numerator=arm.numerator,
        denominator=arm.denominator,
        estimate=arm.estimate,
        lower=arm.interval.lower,
        upper=arm.interval.upper,
        undecided=unknown,
        is_breach=is_breach,
    )


def rule_sentence(criterion: Criterion, indicator: Indicator) -> str:
    """The declared rule as one sentence."""
    level = f"{round(criterion.confidence * 100, 1):g} % interval"
    limit, title = criterion.limit, indicator.title
    match criterion.operator:
        case "at_least":
            rule = f"{title} at least {limit}, judged by the lower bound of the {level}"
        case "at_most":
            rule = f"{title} at most {limit}, judged by the upper bound of the {level}"
        case _:
            rule = f"{title} within {limit}, judged by the whole {level}"
    if indicator.interval == "census":
        rule = f"{rule.partition(', judged')[0]}, judged by the complete count"
    where = "; ".join(f"{k} {' or '.join(v)}" for k, v in criterion.filters.items())
    return rule + (f"; only {where}" if where else "")
