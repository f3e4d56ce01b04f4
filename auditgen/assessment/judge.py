"""One criterion against one quantity. The interval decides, never the point estimate.

`met` needs the worst case (every undecided, failed and missing sample gone the bad way) to hold.
`not_met` needs the interval of what *was* decided to lie on the wrong side, and then stands whatever
else is missing: evidence against a promise is not taken back because more was expected, because it
is small, or because it comes from the promiser.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, assert_never

from auditgen.assessment.model import CriterionResult, Rule, Verdict
from auditgen.assessment.planned import is_planned
from auditgen.assessment.relabelled import RelabelRecord, unconfirmed
from auditgen.canonical import digest_of
from auditgen.indicators import Quantity, Unmeasured
from auditgen.indicators.inference.differences import newcombe
from auditgen.indicators.inference.paired import tango
from auditgen.indicators.inference.proportions import clopper_pearson, wilson
from auditgen.indicators.slicing import breaches, listed
from auditgen.indicators.together import NO_FAMILY, Together
from auditgen.project import Independence, criterion_declaration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from auditgen.assessment.model import ExpectedResult, PreviousReport, SealedPlan
    from auditgen.indicators import Measured
    from auditgen.indicators.drift import Drift
    from auditgen.indicators.slicing import Breakdown
    from auditgen.project.model import Criterion

MAX_PLANNED = 1_000_000
MAX_PLACES = 6
MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class Context:
    """What judging a criterion needs to know beside its number."""

    as_of: date
    independence: Mapping[str, Independence]
    """By source."""
    last_at: Mapping[str, datetime]
    """Latest record by source, where dated."""
    expected: tuple[ExpectedResult, ...]
    previous: PreviousReport | None
    other_models: Mapping[str, int]
    """Decided records on versions the criterion is not bound to."""
    damaged: Mapping[str, tuple[str, ...]]
    """By source: files that could not be read, or not in full."""
    unplaced: int = 0
    """Records that do not say whether the criterion is about them."""
    breakdowns: Sequence[Breakdown] = ()
    """The same rate by the values of a field."""
    coverage: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By source of monitoring: hours with a record, and all hours of the period."""
    unsigned: frozenset[str] = frozenset()
    """Sources whose independence is a claim that nobody signed."""
    undated: int = 0
    """Records that it counts and that do not say when they were made."""
    plan: SealedPlan | None = None
    """What was sealed before the data."""
    drift: Drift | None = None
    """The same rate day by day, in production."""
    together: Together = NO_FAMILY
    """Which criteria hold when all of the report's are taken as one family."""
    relabelled: Sequence[RelabelRecord] = ()
    """What people say of the labels that it rests on."""


def judge(criterion: Criterion, principle_id: str, measured: Measured, context: Context) -> CriterionResult:
    """The verdict with every reason that applies, weightiest first."""
    digest = digest_of(criterion_declaration(criterion, measured.request.indicator))
    # a record without a time may be older than the declaration: erasing times proves nothing
    is_proven = not context.undated and (
        _is_proven(digest, measured, context.previous)
        or _is_planned(digest, criterion, measured, context.plan)
    )
    missing = [
        f"expected evidence was not received: {e.item.title} ({e.detail})"
        for e in context.expected
        if not e.is_received and _rests_on(criterion, e)
    ]
    comments: list[str] = []
    more: int | None = None
    match measured:
        case Unmeasured():
            reasons = [
                *missing,
                *_damage(criterion, context),
                f"not measured: {measured.reason}; wanted: {measured.wanted}",
                *_other_models(context),
                *_unplaced(context),
            ]
            verdict, rule = Verdict.INSUFFICIENT, Rule.UNMEASURED
        case Quantity():
            verdict, reasons, more, rule = _decide(criterion, measured, context, missing)
            comments = _comments(criterion, measured, context)
            if verdict is Verdict.MET:
                comments += _alone(criterion, measured, context.together)
        case _:
            assert_never(measured)
    if not is_proven:
        comments.append("declared, not proven: no plan or pack sealed before the data holds this criterion")
    return CriterionResult(
        criterion=criterion,
        principle_id=principle_id,
        verdict=verdict,
        reasons=tuple(reasons),
        measured=measured,
        digest=digest,
        is_declaration_proven=is_proven,
        comments=tuple(comments),
        more_needed=more,
        rule=rule,
    )


def _decide(
    criterion: Criterion, quantity: Quantity, context: Context, missing: list[str]
) -> tuple[Verdict, list[str], int | None, Rule]:
    """The first rule that applies decides; `trace` tells which one it was."""
    holds, fails = _bounds(criterion, quantity)
    damage = [*_damage(criterion, context), *_silent_sources(criterion, quantity)]
    if (damage or missing) and quantity.interval is None:
        # a complete count over incomplete files: what is missing may be in the unread part
        fails = False
    stale = _staleness(criterion, quantity, context)
    if fails and not stale:
        return Verdict.NOT_MET, [_failure(criterion, quantity), *missing], None, Rule.BROKEN
    few = _too_few(criterion, quantity)
    short = [*damage, *few, *_as_published(criterion, quantity), *_shortcomings(criterion, quantity, context)]
    if missing or short:
        # more samples are an answer only where their number is all that is wanting
        more = _more(criterion, quantity) if short == few and not stale and not missing else None
        return Verdict.INSUFFICIENT, [*missing, *short, *stale], more, Rule.SHORT
    if stale:
        return Verdict.STALE, stale, None, Rule.OLD
    if holds:
        doubted = unconfirmed(criterion, context.relabelled)
        if doubted:
            return Verdict.INSUFFICIENT, doubted, None, Rule.UNCONFIRMED
        return Verdict.MET, [_success(criterion, quantity)], None, Rule.HOLDS
    return Verdict.INSUFFICIENT, [_undecided(criterion, quantity)], _more(criterion, quantity), Rule.OPEN


def _bounds(criterion: Criterion, quantity: Quantity) -> tuple[bool, bool]:
    """Whether the worst case satisfies the threshold, and whether the decided samples violate it."""
    worst, limit = quantity.worst, criterion.threshold
    seen = quantity.interval or quantity.worst
    match criterion.operator:
        case "at_least":
            return worst.lower >= limit, seen.upper < limit
        case "at_most":
            return worst.upper <= limit, seen.lower > limit
        case _:
            holds = -limit <= worst.lower and worst.upper <= limit
            return holds, seen.lower > limit or seen.upper < -limit


def _as_published(criterion: Criterion, quantity: Quantity) -> list[str]:
    """Whoever publishes a number chooses it: it can speak against a promise, and never for it."""
    if not quantity.published:
        return []
    holds, _ = _bounds(criterion, quantity)
    seen = _success(criterion, quantity) if holds else _undecided(criterion, quantity)
    return [
        "counts as published, records not seen: they can contradict a claim, never show it"
        f" (as published, {seen})"
    ]


def _too_few(criterion: Criterion, quantity: Quantity) -> list[str]:
    """Whether the smaller arm has the declared number of samples."""
    smallest = min(quantity.arms, key=lambda arm: arm.denominator)
    if quantity.interval is None or smallest.denominator >= criterion.min_n:
        return []
    where = f" in the {smallest.name} arm" if len(quantity.arms) > 1 else ""
    return [f"{smallest.denominator} decided samples{where}, {criterion.min_n} were declared"]


def _silent_sources(criterion: Criterion, quantity: Quantity) -> list[str]:
    """Sources the criterion names and that gave nothing to it: a promise is not kept by the others."""
    return [
        f"{source} gave no decided record, although the criterion rests on it"
        for source in criterion.sources
        if not quantity.sources.get(source)
    ]


def _thin_logs(criterion: Criterion, context: Context) -> list[str]:
    """Logs that hold too few of the period's hours to carry what the organisation declared."""
    if criterion.min_coverage is None:
        return []
    out = []
    for source in criterion.sources:
        covered, total = context.coverage.get(source, (0, 0))
        if total and covered < criterion.min_coverage * total:
            wanted = f"{(Decimal(repr(criterion.min_coverage)) * 100).normalize():f} %"
            out.append(f"{source} holds records of {covered:,}/{total:,} hours, {wanted} were declared")
    return out


def _shortcomings(criterion: Criterion, quantity: Quantity, context: Context) -> list[str]:
    """What keeps good-looking evidence from counting."""
    out = _thin_logs(criterion, context)
    near = sorted(
        source
        for source in quantity.sources
        if context.independence[source].rank < criterion.independence.rank
    )
    if near:
        wanted = criterion.independence.value.replace("_", " ")
        out.append(f"{wanted} evidence was declared, but {', '.join(near)} is nearer than that")
    out += _uneven(criterion, quantity)
    if quantity.last_at is None:
        out.append("the records are not dated, so nobody can say whether they are current")
    elif quantity.last_at.date() > context.as_of:
        day = quantity.last_at.date().isoformat()
        out.append(f"the records reach {day}, after the day of judgement")
    return out


def _uneven(criterion: Criterion, quantity: Quantity) -> list[str]:
    """Repeating the easy prompts more often must not carry a promise that the prompts do not."""
    if quantity.by_prompt is None or criterion.operator == "within" or not _bounds(criterion, quantity)[0]:
        return []
    rate, prompts = quantity.by_prompt
    limit = criterion.threshold
    if (rate < limit) if criterion.operator == "at_least" else (rate > limit):
        words = "at least" if criterion.operator == "at_least" else "at most"
        mean = _percent(rate, _places(criterion, rate))
        return [
            f"prompts were repeated unevenly: in the worst case the mean of {prompts:,} prompts is {mean}, "
            f"and {words} {criterion.limit} was declared"
        ]
    return []


def _damage(criterion: Criterion, context: Context) -> list[str]:
    """A file that was handed in and could not be read in full: nobody knows what the rest says."""
    return [f"{source}: {text}" for source in criterion.sources for text in context.damaged.get(source, ())]


def _staleness(criterion: Criterion, quantity: Quantity, context: Context) -> list[str]:
    """Too old: counted from the source whose latest record is oldest."""
    ends = [context.last_at[s] for s in quantity.sources if s in context.last_at]
    if not ends:
        return []
    midnight = datetime.combine(context.as_of, time(), UTC)
    age = (midnight.date() - min(ends).date()).days
    if age <= criterion.max_age_days:
        return []
    return [f"the evidence is {age} days old, at most {criterion.max_age_days} were declared"]


def _failure(criterion: Criterion, quantity: Quantity) -> str:
    seen = quantity.interval
    if seen is None:
        return _complete(criterion, quantity)
    places = _places(criterion, seen.lower, seen.upper)
    match criterion.operator:
        case "at_least":
            return f"the upper bound {_percent(seen.upper, places)} stays below {criterion.limit}"
        case "at_most":
            return f"the lower bound {_percent(seen.lower, places)} exceeds {criterion.limit}"
        case _:
            return (
                f"the whole interval from {_points(seen.lower, places)} to "
                f"{_points(seen.upper, places)} points lies outside {criterion.limit}"
            )


def _success(criterion: Criterion, quantity: Quantity) -> str:
    worst = quantity.worst
    undetermined = sum(a.undecided + a.errors for a in quantity.arms) + quantity.missing
    if quantity.interval is None:
        return _complete(criterion, quantity)
    even = " even if every undecided, failed or missing sample had gone the bad way"
    tail = even if undetermined else ""
    places = _places(criterion, worst.lower, worst.upper)
    match criterion.operator:
        case "at_least":
            return f"the lower bound {_percent(worst.lower, places)} reaches the threshold{tail}"
        case "at_most":
            return f"the upper bound {_percent(worst.upper, places)} stays within the threshold{tail}"
        case _:
            return (
                f"the whole interval from {_points(worst.lower, places)} to "
                f"{_points(worst.upper, places)} points lies within {criterion.limit}{tail}"
            )


def _undecided(criterion: Criterion, quantity: Quantity) -> str:
    seen, worst = quantity.interval or quantity.worst, quantity.worst
    undetermined = sum(a.undecided + a.errors for a in quantity.arms) + quantity.missing
    places = _places(criterion, seen.lower, seen.upper, worst.lower, worst.upper)
    straddle = f"the interval [{_percent(seen.lower, places)}, {_percent(seen.upper, places)}]"
    match criterion.operator:
        case "at_least":
            good, bound = seen.lower >= criterion.threshold, _percent(worst.lower, places)
        case "at_most":
            good, bound = seen.upper <= criterion.threshold, _percent(worst.upper, places)
        case _:
            good = -criterion.threshold <= seen.lower and seen.upper <= criterion.threshold
            far = max(worst.lower, worst.upper, key=abs)
            bound = f"{_points(far, places)} points"
            low, high = _points(seen.lower, places), _points(seen.upper, places)
            straddle = f"the interval [{low}, {high}] points"
    if good and undetermined:
        return (
            f"{undetermined} undecided, failed or missing samples could turn it: "
            f"in the worst case the bound is {bound}"
        )
    return f"{straddle} contains values on both sides of {criterion.limit}: too few samples to decide"


def _comments(criterion: Criterion, quantity: Quantity, context: Context) -> list[str]:
    out = []
    if quantity.first_at is not None and quantity.request.indicator.records == "evaluation":
        age = (context.as_of - quantity.first_at.date()).days
        if age > criterion.max_age_days:
            out.append(f"the oldest records are {age} days old; age is judged by the latest")
    if len(quantity.models) > 1:
        parts = ", ".join(f"{name or 'unnamed'} ({n})" for name, n in sorted(quantity.models.items()))
        out.append(f"several model versions together: {parts}")
    heuristic = quantity.bases.get("text_heuristic", 0)
    if heuristic:
        total = sum(quantity.bases.values())
        out.append(f"{heuristic} of {total} outcomes rest on a text heuristic, not on a judge")
    if quantity.request.indicator.is_gap and "observational" in quantity.watch_bases:
        out.append("the watch condition was observed, not manipulated: an associational gap only")
    return [
        *out,
        *_breaches(criterion, context),
        *_drifted(criterion, context),
        *_claimed_only(criterion, quantity, context),
        *_other_models(context),
        *_unplaced(context),
    ]


def _claimed_only(criterion: Criterion, quantity: Quantity, context: Context) -> list[str]:
    """Where independence was asked for, whose word it is."""
    names = sorted(context.unsigned & set(quantity.sources))
    if criterion.independence is Independence.SELF or not names:
        return []
    return [f"that {', '.join(names)} is independent is declared; its maker did not sign the files"]


def _alone(criterion: Criterion, quantity: Quantity, together: Together) -> list[str]:
    """Of many criteria some hold by chance: whether this one does when they are taken as one family."""
    if together.size < 2 or criterion.id in together.held or quantity.interval is None:
        return []
    return [
        f"met by itself, but not when the {together.size} criteria of this report are held at once "
        f"(Holm's procedure, family of {together.size})"
    ]


def _drifted(criterion: Criterion, context: Context) -> list[str]:
    """Days on which the rate moved to the bad side: a mean over the period must not hide them."""
    drift = context.drift
    if drift is None or criterion.operator == "within":
        return []
    bad = "below" if criterion.operator == "at_least" else "above"
    days = [day for day in drift.signals if day.signal == bad]
    later = len(drift.days) - drift.base
    out = []
    if days:
        named = ", ".join(f"{d.day.isoformat()} {d.hits:,}/{d.decided:,}" for d in days[:MAX_NAMED])
        more = f" and {len(days) - MAX_NAMED} more" if len(days) > MAX_NAMED else ""
        out.append(f"{len(days)} of {later} later days lie {bad} what chance explains: {named}{more}")
    if bad in drift.moved:
        out.append(f"its moving average went {bad} its limits on {drift.moved[bad].isoformat()}")
    return out


def holds(criterion: Criterion, quantity: Quantity) -> bool:
    """Whether the number satisfies the threshold, with everything undecided counted the bad way."""
    return _bounds(criterion, quantity)[0]


def _breaches(criterion: Criterion, context: Context) -> list[str]:
    """Values of a field that break the threshold by themselves: an average must not hide them."""
    out = []
    for breakdown in context.breakdowns:
        if breakdown.uncounted:
            out.append(
                f"`{breakdown.by}` has {breakdown.uncounted:,} values, too many to be told apart: "
                "a breach in one of them would not show"
            )
        wrong = breaches(breakdown, criterion.operator, criterion.threshold)
        if wrong:
            out.append(
                f"{len(wrong)} of {len(breakdown.rows)} values of `{breakdown.by}` lie on the wrong side of "
                f"{criterion.limit} by themselves: {listed(wrong, MAX_NAMED)}"
            )
    return out


def _unplaced(context: Context) -> list[str]:
    if not context.unplaced:
        return []
    return [
        f"{context.unplaced} records lack a field that the criterion selects on, or all but write its value; "
        "they count the bad way in the worst case"
    ]


def _other_models(context: Context) -> list[str]:
    if not context.other_models:
        return []
    parts = ", ".join(f"{k or 'no version named'} ({n})" for k, n in sorted(context.other_models.items()))
    return [f"records on other versions were left out: {parts}"]


def _rests_on(criterion: Criterion, expected: ExpectedResult) -> bool:
    item = expected.item
    return criterion.id in item.criteria or item.source in criterion.sources


def _is_proven(digest: str, measured: Measured, previous: PreviousReport | None) -> bool:
    """An earlier, verified pack holds the same declaration and was sealed before the first record."""
    if previous is None or not previous.is_verified or digest not in previous.criterion_digests:
        return False
    if previous.signed_at is None:
        return False
    if not isinstance(measured, Quantity):
        return True
    return measured.first_at is not None and previous.signed_at < measured.first_at


def _is_planned(
    digest: str, criterion: Criterion, measured: Measured, plan: SealedPlan | None
) -> bool:
    """A verified plan holds the same declaration and was sealed before the first record."""
    if plan is None or plan.signed_at is None or not is_planned(digest, criterion, plan):
        return False
    if not isinstance(measured, Quantity):
        return True
    return measured.first_at is not None and plan.signed_at < measured.first_at


def _more(criterion: Criterion, quantity: Quantity) -> int | None:
    """How many more samples, at the observed rates, would bring the bound to the threshold."""
    if quantity.interval is None:
        return None  # a complete count has no samples
    if quantity.missing or any(arm.undecided or arm.errors for arm in quantity.arms):
        return None  # what was left out stays in the worst case, however many samples follow
    if quantity.strata:
        return None  # it depends on the strata that the samples would fall into
    limit, pairs = criterion.threshold, quantity.pairs
    arms = [(arm.estimate, arm.denominator) for arm in quantity.arms]
    smallest = min(n for _, n in arms)

    def decides(factor: float) -> bool:
        sized = [(p * n * factor, n * factor) for p, n in arms]
        if criterion.operator == "within":
            if pairs is None:
                gap = newcombe(sized[0], sized[1], criterion.confidence)
            else:
                cells = (pairs.both, pairs.first_only, pairs.second_only, pairs.neither)
                a, b, c, d = (round(cell * factor) for cell in cells)
                gap = tango((a, b, c, d), criterion.confidence)
            return -limit <= gap.lower and gap.upper <= limit
        exact = quantity.request.indicator.interval == "clopper-pearson"
        method = clopper_pearson if exact else wilson
        found = method(*sized[0], criterion.confidence)
        return found.lower >= limit if criterion.operator == "at_least" else found.upper <= limit

    high = max(1.0, criterion.min_n / smallest)
    while not decides(high):
        high *= 2
        if high * smallest > MAX_PLANNED:
            return None
    low = max(1.0, criterion.min_n / smallest)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    total = sum(n for _, n in arms)
    return max(1, round(total * (high - 1) + 0.4999))


def _complete(criterion: Criterion, quantity: Quantity) -> str:
    words = {"at_least": "at least", "at_most": "at most", "within": "within"}
    return (
        f"the complete count is {quantity.numerator:,}/{quantity.denominator:,}, "
        f"{_percent(quantity.estimate, _places(criterion, quantity.estimate))}; "
        f"{words[criterion.operator]} {criterion.limit} was declared"
    )


def _places(criterion: Criterion, *values: float) -> int:
    """The fewest decimals at which no value looks like the threshold that it is not."""
    limit = criterion.threshold
    for places in range(1, MAX_PLACES):
        if not any(
            abs(v) != limit and f"{abs(v) * 100:.{places}f}" == f"{limit * 100:.{places}f}" for v in values
        ):
            return places
    return MAX_PLACES


def _percent(value: float, places: int) -> str:
    return f"{value * 100:.{places}f} %"


def _points(value: float, places: int) -> str:
    return f"{value * 100:+.{places}f}".replace("-", "\N{MINUS SIGN}")
