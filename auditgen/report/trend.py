"""The same number in earlier periods, and whether it is the same number at all.

Two periods are compared only where nothing but the records changed: the definition, the suites and their
versions, what was selected, and the model versions, unless `previous.model_changes` declares the change.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from auditgen.diagnostics import shown_name
from auditgen.report import words
from auditgen.report.figures import Trend, TrendPoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditgen.indicators import Quantity
    from auditgen.project.model import Audit

MAX_POINTS = 40


def trend_of(
    quantity: Quantity,
    text: str,
    audit: Audit,
    suites: Sequence[str],
    earlier: Sequence[Mapping[str, Any]],
) -> Trend:
    """The period's point behind the earlier ones, oldest first, each with why it is not comparable.

    `earlier`: points as a sealed report.json holds them. What is no point is left out.
    """
    request = quantity.request
    shown = sorted((k, v) for k, v in request.where.items() if k != "model")
    interval = quantity.interval
    now = TrendPoint(
        report_id=audit.report.id,
        period=f"{audit.period.start.isoformat()} to {audit.period.end.isoformat()}",
        indicator=request.indicator.id,
        definition=request.indicator.digest,
        suites=tuple(suites),
        models=tuple(sorted({shown_name(name) for name in quantity.models if name})),
        filters="; ".join(f"{k} {' or '.join(v)}" for k, v in shown),
        confidence=request.confidence,
        text=text,
        estimate=quantity.estimate,
        lower=None if interval is None else interval.lower,
        upper=None if interval is None else interval.upper,
        why_not="",
    )
    changes = {} if audit.previous is None else audit.previous.model_changes
    points = []
    for raw in list(earlier)[-MAX_POINTS:]:
        try:
            lists = {name: tuple(raw[name]) for name in ("suites", "models")}
            point = TrendPoint.model_validate({**raw, **lists})
        except (ValidationError, KeyError, TypeError):
            continue
        points.append(point.model_copy(update={"why_not": why_not(point, now, changes)}))
    change = change_text(points[-1], now) if points else ""
    return Trend(points=(*points, now), text=change)


def why_not(then: TrendPoint, now: TrendPoint, changes: Mapping[str, str]) -> str:
    """Why two points must not be compared; empty when they may be."""
    reasons = []
    if then.indicator != now.indicator:
        reasons.append(f"it measured `{then.indicator}`")
    elif then.definition != now.definition:
        reasons.append("the definition has changed")
    if then.filters != now.filters:
        reasons.append(f"it selected {then.filters or 'everything'}")
    if then.suites != now.suites:
        reasons.append(f"the suites were {', '.join(then.suites) or 'not named'}")
    if then.confidence != now.confidence:
        reasons.append(f"its interval was at {then.confidence * 100:g} %")
    models = tuple(sorted({changes.get(name, name) for name in then.models}))
    if models != tuple(sorted({*now.models})):
        reasons.append(f"the model was {', '.join(then.models) or 'not named'}")
    if (then.lower is None) != (now.lower is None):
        reasons.append("one of the two is a complete count")
    return "; ".join(reasons)


def change_text(then: TrendPoint, now: TrendPoint) -> str:
    """What became of the number, with an interval: square-and-add of the two (Zou and Donner 2008)."""
    origin = f"{then.report_id} ({then.period})"
    if then.why_not:
        return f"Not comparable with {origin}, because {then.why_not}. It was {then.text}."
    difference = now.estimate - then.estimate
    if now.lower is None or now.upper is None or then.lower is None or then.upper is None:
        return f"{words.points(difference)} points since {origin}, a complete count. It was {then.text}."
    lower = difference - math.hypot(now.estimate - now.lower, then.upper - then.estimate)
    upper = difference + math.hypot(now.upper - now.estimate, then.estimate - then.lower)
    verdict = "no change is shown" if lower <= 0 <= upper else "a change is shown"
    return (
        f"{words.points(difference)} points since {origin}, {now.confidence * 100:g} % CI "
        f"[{words.points(lower)}, {words.points(upper)}]: {verdict}. It was {then.text}."
    )
