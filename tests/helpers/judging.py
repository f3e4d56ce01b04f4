"""Quantities, criteria and contexts made by hand, for judging without any file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from auditgen.assessment import CriterionResult, ExpectedResult, PreviousReport, Register, Verdict
from auditgen.assessment.judge import Context, judge
from auditgen.canonical import digest_of
from auditgen.indicators import Quantity, Request, Unmeasured, core_indicators
from auditgen.indicators.inference.differences import newcombe
from auditgen.indicators.inference.proportions import Interval, clopper_pearson, wilson
from auditgen.indicators.model import Arm
from auditgen.project import criterion_declaration
from auditgen.project.model import Criterion, ExpectedItem, Principle
from auditgen.project.terms import Independence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditgen.evidence.model import Reading
    from auditgen.indicators import Measured

AS_OF = date(2026, 10, 5)
RECENT = datetime(2026, 9, 10, tzinfo=UTC)
BETTER = {"higher": "at_least", "lower": "at_most", "zero": "within"}


def criterion(indicator: str = "refusal-rate", limit: float = 0.9, **parts: Any) -> Criterion:
    """A criterion on source `lab`, judged by the bound its indicator asks for."""
    base: dict[str, Any] = {"id": "C1", "indicator": indicator, "sources": ("lab",)}
    base[BETTER[core_indicators()[indicator].better]] = limit
    return Criterion.model_validate({**base, **parts})


def request(indicator: str = "refusal-rate", sources: tuple[str, ...] = ("lab",)) -> Request:
    """A request for an indicator."""
    return Request("C1", core_indicators()[indicator], sources)


def arm(
    name: str, k: int, n: int, method: Any = wilson, undecided: int = 0, errors: int = 0
) -> Arm:
    """One arm in which every result is its own prompt."""
    return Arm(name, k, n, n, float(n), method(k, n), undecided, errors)


def rate(
    k: int,
    n: int,
    *,
    indicator: str = "refusal-rate",
    undecided: int = 0,
    errors: int = 0,
    missing: int = 0,
    **parts: Any,
) -> Quantity:
    """`k` of `n`, with what is not known gone the bad way in the worst case."""
    asked = request(indicator, tuple(parts.get("sources", {"lab": n})))
    method = clopper_pearson if asked.indicator.interval == "clopper-pearson" else wilson
    unknown = undecided + errors + missing
    low, high = method(k, n + unknown), method(k + unknown, n + unknown)
    is_higher_better = asked.indicator.better == "higher"
    one = arm("all", k, n, method, undecided, errors)
    return Quantity(
        request=asked,
        estimate=k / n,
        interval=one.interval,
        worst=low if is_higher_better else high,
        best=high if is_higher_better else low,
        arms=(one,),
        outcomes={},
        models={"model-1": n},
        bases={"judge": n},
        sources=parts.get("sources", {"lab": n}),
        suites=("policy",),
        missing=missing,
        first_at=parts.get("first_at", RECENT),
        last_at=parts.get("last_at", RECENT),
    )


def gap(
    watched: tuple[int, int], unwatched: tuple[int, int], unknown: int = 0, **parts: Any
) -> Quantity:
    """Two arms; `unknown` samples could belong to either."""
    arms = (arm("monitored", *watched), arm("unmonitored", *unwatched))
    (k1, n1), (k2, n2) = watched, unwatched
    seen = newcombe(watched, unwatched)
    lowest = newcombe((k1, n1 + unknown), (k2 + unknown, n2 + unknown)).lower
    highest = newcombe((k1 + unknown, n1 + unknown), (k2, n2 + unknown)).upper
    worst = Interval(min(seen.lower, lowest), max(seen.upper, highest), 0.95, "Newcombe")
    base = rate(*watched, indicator="disallowed-completion")
    total = n1 + n2
    return replace(
        base,
        request=request("compliance-gap"),
        estimate=k1 / n1 - k2 / n2,
        interval=seen,
        worst=worst,
        best=seen,
        arms=arms,
        models={"model-1": total},
        bases={"judge": total},
        sources={"lab": total},
        missing=unknown,
        watch_bases=parts.get("watch_bases", ("cue",)),
        narrow=newcombe(watched, unwatched, 0.9),
    )


def hours(covered: int, total: int) -> Quantity:
    """A complete count."""
    exact = Interval(covered / total, covered / total, 1.0, "complete count")
    one = Arm("all", covered, total, total, float(total), exact, 0, 0)
    base = rate(covered, total)
    return replace(
        base,
        request=request("monitoring-coverage"),
        estimate=covered / total,
        interval=None,
        worst=exact,
        best=exact,
        arms=(one,),
        bases={},
    )


def nothing(indicator: str = "refusal-rate") -> Unmeasured:
    """Not measured."""
    return Unmeasured(request(indicator), "no record fits", "records")


def context(**parts: Any) -> Context:
    """A day in October, one external source with fresh records, nothing missing."""
    base: dict[str, Any] = {
        "as_of": AS_OF,
        "independence": {"lab": Independence.EXTERNAL, "other": Independence.EXTERNAL},
        "last_at": {"lab": RECENT, "other": RECENT},
        "expected": (),
        "previous": None,
        "other_models": {},
        "damaged": {},
    }
    return Context(**{**base, **parts})


def verdict(judged: Criterion, measured: Measured, surroundings: Context | None = None) -> Verdict:
    """The verdict alone."""
    return judge(judged, "P1", measured, surroundings or context()).verdict


def not_received(**parts: Any) -> ExpectedResult:
    """An expected item of source `lab` that did not come."""
    item = ExpectedItem.model_validate({"id": "X1", "title": "The run", "source": "lab", **parts})
    return ExpectedResult(item, is_received=False, detail="no file holds it")


def earlier(judged: Criterion, signed_at: datetime | None, **parts: Any) -> PreviousReport:
    """A previous pack that holds this criterion."""
    digest = digest_of(criterion_declaration(judged, core_indicators()[judged.indicator]))
    base: dict[str, Any] = {"pack": "q2.zip", "sha256": "0" * 64, "is_verified": True}
    base |= {"status": "verified", "signed_at": signed_at, "criterion_digests": frozenset({digest})}
    return PreviousReport(**{**base, **parts})


def judged_as(name: Verdict, *comments: str) -> CriterionResult:
    """A criterion result with this verdict."""
    done = judge(criterion(), "P1", rate(100, 100), context())
    return replace(done, verdict=name, reasons=(f"because {name.value}",), comments=comments)


def principle(*criteria: Criterion, **parts: Any) -> Principle:
    """A promise."""
    base: dict[str, Any] = {"id": "P1", "title": "T", "promise": "It refuses."}
    return Principle.model_validate({**base, "criteria": criteria or (criterion(),), **parts})


OBSTACLES: Mapping[str, dict[str, Any]] = {
    "expected evidence is missing": {"expected": (not_received(),)},
    "a file is damaged": {"damaged": {"lab": ("`a.json` could not be read in full",)}},
    "the evidence is the promiser's own": {
        "independence": {"lab": Independence.SELF, "other": Independence.SELF}
    },
    "the evidence is old": {"last_at": {"lab": RECENT - timedelta(days=400)}},
}
"""What surrounds a perfect number and keeps it from counting, for a criterion that wants external."""


def register(*readings: Reading, **parts: Any) -> Register:
    """What was read: these readings and nothing else, unless said."""
    base: dict[str, Any] = {
        "readings": readings,
        "documents": (),
        "empty_sources": (),
        "production_models": {},
        "evaluated_models": {},
        "criterion_models": {},
        "silent_windows": (),
    }
    return Register(**{**base, **parts})
