"""Measurements in the document: the number, its breakdowns, its trend, its definition."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditgen.diagnostics import shown_name
from auditgen.indicators import Quantity
from auditgen.indicators import Unmeasured as NoQuantity
from auditgen.indicators.slicing import JOINED, breaches
from auditgen.report import figures, model, monitored, prose, words
from auditgen.report.drift import drift_view
from auditgen.report.trend import trend_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditgen.assessment import Assessment
    from auditgen.indicators import Indicator, Measured
    from auditgen.indicators.exhibits import AdverseRecord
    from auditgen.indicators.slicing import Breakdown
    from auditgen.project.model import Audit, Criterion

MAX_SLICES, MAX_CROSSED = 24, 12


@dataclass(frozen=True, slots=True)
class Details:
    """What the document shows beside the judgement: breakdowns, exhibits, hours, tables, signer."""

    audit: Audit
    breakdowns: Mapping[str, Sequence[Breakdown]] = field(default_factory=dict)
    """By criterion or also-measured id."""
    exhibits: Mapping[str, Sequence[AdverseRecord]] = field(default_factory=dict)
    """By principle id."""
    mapping_digests: Mapping[str, str] = field(default_factory=dict)
    file_digests: Mapping[str, str] = field(default_factory=dict)
    """Of labels and own suite files, by the name in audit.yaml."""
    tables: Sequence[model.TableRef] = ()
    plugins: Sequence[str] = ()
    evidence_digest: str = ""
    engines: Sequence[str] = ()
    """Which query engines took part, and in which role."""
    signer_certificate: str = ""
    """Subject and fingerprint, empty for a draft."""
    is_development_key: bool = False


def measure_view(
    name: str,
    measured: Measured,
    assessment: Assessment,
    details: Details,
    note: str,
    criterion: Criterion | None = None,
) -> figures.Measure:
    """A measurement as it is printed; `criterion` where one is judged by it."""
    request = measured.request
    indicator = request.indicator
    breakdowns = tuple(
        words.breakdown(
            found,
            MAX_CROSSED if JOINED in found.by else MAX_SLICES,
            frozenset() if criterion is None else _wrong(found, criterion),
        )
        for found in details.breakdowns.get(name, ())
    )
    margin = None if criterion is None else criterion.within
    figure = words.figure(measured, margin) if isinstance(measured, Quantity) else None
    missing = None
    if isinstance(measured, NoQuantity):
        missing = figures.Unmeasured(reason=measured.reason, wanted=measured.wanted)
    shown = {k: v for k, v in request.where.items() if k != "model"}
    return figures.Measure(
        id=name,
        indicator_id=indicator.id,
        indicator_title=indicator.title,
        question=indicator.question,
        sources=request.sources,
        filters="; ".join(f"{k} {' or '.join(v)}" for k, v in sorted(shown.items())),
        figure=figure,
        unmeasured=missing,
        breakdowns=breakdowns,
        drift=drift_view(assessment.register.drifts.get(name)),
        trend=_trend(name, measured, figure, assessment, details),
        note=note,
    )


def _trend(
    name: str,
    measured: Measured,
    figure: figures.Figure | None,
    assessment: Assessment,
    details: Details,
) -> figures.Trend | None:
    """A number over the periods, out of packs whose seal held."""
    if figure is None or not isinstance(measured, Quantity):
        return None
    previous = assessment.register.previous
    earlier = previous.trends.get(name, ()) if previous is not None and previous.is_verified else ()
    versions: dict[str, set[str]] = {}
    for reading in assessment.register.readings:
        if reading.source_id in measured.request.sources:
            for run in reading.runs:
                versions.setdefault(run.suite, set()).add(run.suite_version or "")
    suites = [
        " ".join(part for part in (shown_name(suite), shown_name(version)) if part)
        for suite in measured.suites
        for version in sorted(versions.get(suite, {""}))
    ]
    return trend_of(measured, figure.text, details.audit, suites, earlier)


def _wrong(found: Breakdown, criterion: Criterion) -> frozenset[str]:
    return frozenset(row.value for row in breaches(found, criterion.operator, criterion.threshold))


def indicator_view(indicator: Indicator, *, own: bool) -> model.IndicatorView:
    """The definition behind a number; `own` where the organisation wrote it."""
    return model.IndicatorView(
        id=indicator.id,
        version=indicator.version,
        digest=indicator.digest,
        is_own=own,
        title=indicator.title,
        question=indicator.question,
        counts=prose.counts_sentence(indicator),
        interval={
            "gap": "Tango's score interval on pairs where each prompt was asked once under both conditions; "
            "otherwise Newcombe's method from two Wilson intervals",
            "standardised-gap": "Newcombe's method by stratum, weighted",
        }.get(indicator.shape)
        or {
            "wilson": "Wilson score interval",
            "clopper-pearson": "Clopper-Pearson, conservative",
            "census": "none: a complete count",
        }[indicator.interval],
        caveats=indicator.caveats,
        misleads=indicator.misleads,
        references=indicator.references,
    )


def version_shares(assessment: Assessment) -> tuple[monitored.VersionShare, ...]:
    """Production traffic by model version, most first."""
    register = assessment.register
    total = sum(register.production_models.values())
    return tuple(
        monitored.VersionShare(
            model=name or "(not recorded)",
            records=number,
            share=f"{words.count(number)}/{words.count(total)}, {words.percent(number / total)}",
            evaluated=f"{words.count(register.evaluated_models[name])} decided evaluation records"
            if name and register.evaluated_models.get(name)
            else "no evaluation handed in",
        )
        for name, number in sorted(register.production_models.items(), key=lambda item: (-item[1], item[0]))
        if number
    )
