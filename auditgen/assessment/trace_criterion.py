"""The trace of a criterion, from the same facts that made its verdict."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from auditgen.assessment.assess import damaged_files, latest_records
from auditgen.assessment.doubts import CODES, COPIES, DAMAGE
from auditgen.assessment.independence import shown_distances
from auditgen.assessment.model import Rule, Verdict
from auditgen.assessment.trace_values import RULES, Considered, LeftOut, Number, Step, Trace, some, word
from auditgen.indicators import Quantity, Unmeasured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from auditgen.assessment.model import Assessment, CriterionResult
    from auditgen.evidence.model import Reading
    from auditgen.indicators import Measured
    from auditgen.project.model import Audit, Criterion
    from auditgen.project.terms import Independence


def trace_criterion(result: CriterionResult, assessment: Assessment, audit: Audit) -> Trace:
    """The trace of one criterion."""
    criterion, measured = result.criterion, result.measured
    declared = criterion.model_dump(mode="json", exclude_none=True, exclude={"id"})
    indicator = measured.request.indicator
    return Trace(
        kind="criterion",
        id=criterion.id,
        title=indicator.title,
        verdict=result.verdict.value,
        underlying="",
        declared=(
            *((name, _spoken(value)) for name, value in declared.items() if value not in ({}, [])),
            ("definition", f"{indicator.id} version {indicator.version}, {indicator.digest}"),
            ("declared before the data", "proven" if result.is_declaration_proven else "not proven"),
        ),
        digest=result.digest,
        considered=(
            *(
                trace_file(reading)
                for source in criterion.sources
                for reading in assessment.register.readings
                if reading.source_id == source
            ),
            *(
                Considered("file", f.name, r.block.id, f.sha256, None, f"labels by people, by {f.by}")
                for r in assessment.register.relabelled
                if r.block.criterion == criterion.id
                for f in r.files
            ),
        ),
        left_out=tuple(_left_out(result, assessment, audit)),
        numbers=tuple(_numbers(measured)) if isinstance(measured, Quantity) else (),
        reasons=result.reasons,
        comments=result.comments,
        precedence=tuple(Step(text, rule is result.rule) for rule, text in RULES.items()),
        changes=changes_of(result, assessment, audit),
        keeps=tuple(_keeps(result)),
    )


def _spoken(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{k} {_spoken(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return str(value)


def trace_file(reading: Reading) -> Considered:
    """A file as it was looked at."""
    counts = reading.counts
    detail = reading.format or "not recognised"
    codes = sorted({a.code for a in reading.anomalies})
    if codes:
        detail += f"; {', '.join(codes)}"
    return Considered("file", reading.path, reading.source_id, reading.sha256, counts.scored, detail)


def _left_out(result: CriterionResult, assessment: Assessment, audit: Audit) -> Iterator[LeftOut]:
    criterion, measured, register = result.criterion, result.measured, assessment.register
    if isinstance(measured, Quantity):
        yield from _samples(measured)
    else:
        yield from some("records", "undecided: no outcome could be told", measured.undecided)
        yield from some("records", "failed: they did not run as intended", measured.errors)
    yield from some(
        "records",
        "they do not say whether the criterion is about them; they count the bad way in the worst case",
        register.unplaced.get(criterion.id, 0),
    )
    bound = criterion.models or audit.system.models
    for model, n in sorted(register.criterion_models.get(criterion.id, {}).items()):
        if model not in bound and n:
            yield LeftOut(
                f"records of {model or 'no named version'}",
                "another version than the criterion is bound to",
                n,
            )
    readings = [r for r in register.readings if r.source_id in criterion.sources]
    for reading in readings:
        for code in dict.fromkeys(a.code for a in reading.anomalies):
            if code in COPIES:
                yield LeftOut(
                    reading.path, f"set aside: {CODES[code][1].lower()} ({code})", reading.counts.scored
                )
            elif code in DAMAGE:
                yield LeftOut(reading.path, f"not read in full: {CODES[code][1].lower()} ({code})", None)
        yield from some(
            reading.path, "rows that repeat a record; each counts once", reading.counts.duplicates
        )
        within = register.in_period.get(reading.sha256)
        if reading.kind == "monitoring" and within is not None:
            outside = reading.counts.observations - reading.counts.duplicates - within
            yield from some(reading.path, "records from outside the period", outside)
    for source in criterion.sources:
        yield from _not_asked(source, readings, measured)
        if source in register.empty_sources:
            yield LeftOut(source, "no file matches what audit.yaml names", None)
    yield from _not_for_met(criterion, measured, assessment, audit)
    for expected in assessment.expected:
        if not expected.is_received and (
            criterion.id in expected.item.criteria or expected.item.source in criterion.sources
        ):
            yield LeftOut(expected.item.title, f"expected and not received: {expected.detail}", None)


def _too_near(criterion: Criterion, measured: Measured, distances: Mapping[str, Independence]) -> list[str]:
    """Sources whose maker stands nearer than was declared."""
    used = measured.sources if isinstance(measured, Quantity) else ()
    return sorted(s for s in used if distances[s].rank < criterion.independence.rank)


def _not_for_met(
    criterion: Criterion, measured: Measured, assessment: Assessment, audit: Audit
) -> Iterator[LeftOut]:
    """Sources that can speak against the promise, and not for it: too near, or too old."""
    if not isinstance(measured, Quantity):
        return
    distances = shown_distances(audit, assessment.register)
    ends = latest_records(assessment.register)
    wanted = word(criterion.independence.value)
    for source in _too_near(criterion, measured, distances):
        why = f"too near: it is {word(distances[source].value)}, {wanted} was declared; it cannot show `met`"
        yield LeftOut(f"records of {source}", why, measured.sources[source])
    for source in sorted(measured.sources):
        age = (assessment.as_of - ends[source].date()).days if source in ends else 0
        if age > criterion.max_age_days:
            why = f"too old: {age} days, at most {criterion.max_age_days} were declared; it decides nothing"
            yield LeftOut(f"records of {source}", why, measured.sources[source])


def _not_asked(source: str, readings: Sequence[Reading], measured: Measured) -> tuple[LeftOut, ...]:
    """Decided records of evaluations that are about something else."""
    if not isinstance(measured, Quantity):
        return ()
    mine = [r for r in readings if r.source_id == source and r.kind == "evaluation"]
    decided = sum(
        r.counts.scored - r.counts.duplicates for r in mine if not COPIES & {a.code for a in r.anomalies}
    )
    why = "decided, and not about it: the definition, `where` or the version selects others"
    return some(f"records of {source}", why, decided - measured.sources.get(source, 0)) if mine else ()


def _samples(quantity: Quantity) -> Iterator[LeftOut]:
    several = len(quantity.arms) > 1
    for arm in quantity.arms:
        what = f"samples, {arm.name}" if several else "samples"
        yield from some(what, "undecided: they ran, and no outcome could be told", arm.undecided)
        yield from some(what, "failed: they did not run as intended", arm.errors)
    yield from some("samples", "planned, and not in the files", quantity.missing)
    yield from some("records", "no stratum or pair holds them", quantity.outside)


def _numbers(quantity: Quantity) -> Iterator[Number]:
    seen, is_gap = quantity.interval, len(quantity.arms) > 1
    for arm in quantity.arms:
        lower, upper = (None, None) if seen is None else (arm.interval.lower, arm.interval.upper)
        name = arm.name if is_gap else "decided"
        yield Number(name, arm.numerator, arm.denominator, arm.estimate, lower, upper)
    if is_gap and seen is not None:
        yield Number("difference", None, None, quantity.estimate, seen.lower, seen.upper)
    total = sum(a.denominator + a.undecided + a.errors for a in quantity.arms) + quantity.missing
    yield Number("worst case", None, total, None, quantity.worst.lower, quantity.worst.upper)
    yield Number("best case", None, total, None, quantity.best.lower, quantity.best.upper)


def changes_of(result: CriterionResult, assessment: Assessment, audit: Audit) -> tuple[str, ...]:
    """What would move the verdict; where nothing fits, what the reason says."""
    found = tuple(dict.fromkeys(_changes(result, assessment, audit)))
    return found or tuple(f"an end to this: {reason}" for reason in result.reasons[:1])


def _changes(result: CriterionResult, assessment: Assessment, audit: Audit) -> Iterator[str]:
    """What would move the verdict, from the same facts that made it."""
    criterion, measured, register = result.criterion, result.measured, assessment.register
    ends = latest_records(register)
    oldest = assessment.as_of - timedelta(days=criterion.max_age_days)
    if result.verdict is Verdict.MET:
        used = [ends[s] for s in getattr(measured, "sources", ()) if s in ends]
        if used:
            last = (min(used).date() + timedelta(days=criterion.max_age_days)).isoformat()
            yield f"it becomes stale after {last}, unless newer evidence is handed in"
        yield "new evidence whose interval reaches over the threshold, or whose worst case does"
        return
    if result.verdict is Verdict.NOT_MET:
        yield "records that decide otherwise: an interval that no longer lies wholly on the wrong side"
        return
    for expected in assessment.expected:
        if not expected.is_received and (
            criterion.id in expected.item.criteria or expected.item.source in criterion.sources
        ):
            yield f"the expected evidence `{expected.item.id}`: {expected.item.title} ({expected.detail})"
    damaged = damaged_files(register)
    for source in criterion.sources:
        for text in damaged.get(source, ()):
            yield f"a whole copy of what is damaged: {text}"
    if isinstance(measured, Unmeasured):
        yield f"evidence that can be measured: {measured.wanted}"
        return
    if measured.published:
        yield "the records behind the published counts"
    for source in criterion.sources:
        if not measured.sources.get(source):
            yield f"decided records from `{source}`, on which the criterion rests too"
    smallest = min(measured.arms, key=lambda arm: arm.denominator)
    if measured.interval is not None and smallest.denominator < criterion.min_n:
        where = f" in the {smallest.name} arm" if len(measured.arms) > 1 else ""
        yield f"at least {criterion.min_n - smallest.denominator:,} more decided samples{where}"
    near = _too_near(criterion, measured, shown_distances(audit, register))
    if near:
        wanted = word(criterion.independence.value)
        yield f"evidence from a source that is {wanted}, instead of {', '.join(near)}"
    for kept in register.ledgers:
        least = criterion.min_coverage
        if (
            least is not None
            and kept.source_id in criterion.sources
            and kept.covered < least * kept.total_hours
        ):
            hours = math.ceil(least * kept.total_hours) - kept.covered
            yield f"records of {hours:,} more hours in `{kept.source_id}`"
    if measured.last_at is None:
        yield "records that carry a time"
    elif measured.last_at.date() > assessment.as_of:
        yield f"records from {assessment.as_of.isoformat()} or earlier, or a later day of judgement"
    old = sorted(s for s in measured.sources if s in ends and ends[s].date() < oldest)
    if old:
        yield f"evidence from {oldest.isoformat()} or later, of {', '.join(old)}"
    if any(reason.startswith("prompts were repeated unevenly") for reason in result.reasons):
        yield "repeating every prompt equally often, where an uneven repetition carried the rate"
    unknown = sum(a.undecided + a.errors for a in measured.arms) + measured.missing
    if unknown:
        yield f"deciding the {unknown:,} undecided, failed or missing samples, or running them again"
    if result.rule is Rule.UNCONFIRMED:
        yield "labels by people that confirm it, or more of them"
    if result.more_needed is not None:
        yield f"about {result.more_needed:,} more samples at the observed rate would decide it"
    elif result.rule is Rule.OPEN and not unknown:
        yield "more samples; at the observed rate no practical number would decide it"


def _keeps(result: CriterionResult) -> Iterator[str]:
    yield "a waiver: it is of a control, and changes no criterion and no conclusion"
    if result.verdict is Verdict.NOT_MET:
        yield "taking evidence away, or waiting for what is missing"
    elif result.verdict is not Verdict.MET:
        yield "leaving out what failed or is missing: it stays in the worst case"
