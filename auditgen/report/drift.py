"""A rate over the days of the period, in words: what chance explains and what it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from auditgen.indicators.drift import CHANCE
from auditgen.report import figures, words

if TYPE_CHECKING:
    from typing import Literal

    from auditgen.indicators.drift import Day, Drift

SHOWN = 3
NOTE = (
    "Limits: three standard errors, exact binomial ones where few hits are expected; they take the records "
    "of a day as independent of each other, which users who write more than once are not. Moving average: "
    "weight 0.2, three standard errors. A day beyond the limits asks for an explanation; it is none."
)


def drift_view(found: Drift | None) -> figures.Drift | None:
    """The chart and its sentence."""
    if found is None:
        return None
    first, later = found.days[: found.base], found.days[found.base :]
    hits, decided = sum(d.hits for d in first), sum(d.decided for d in first)
    span = f"{first[0].day.isoformat()} to {first[-1].day.isoformat()}"
    text = (
        f"The first {found.base} days with records, {span}, "
        f"set the centre at {words.count(hits)}/{words.count(decided)}, {words.percent(hits / decided)}. "
    )
    parts = []
    for signal in ("above", "below"):
        days = [day for day in found.signals if day.signal == signal]
        if days:
            parts.append(f"{len(days)} {signal} what chance explains ({_listed(days)})")
    if parts:
        text += (
            f"Of the {len(later)} later days: {' and '.join(parts)}; "
            f"about {len(later) * CHANCE:.1f} would be by chance. "
        )
    else:
        text += f"None of the {len(later)} later days lies outside what chance explains. "
    if not found.is_smooth:
        text += "Too few hits are expected of a day for a moving average. "
    for direction, day in sorted(found.moved.items(), key=lambda item: item[1]):
        text += f"The moving average first went {direction} its limits on {day.isoformat()}. "
    seen, all_hits = sum(d.decided for d in found.days), sum(d.hits for d in found.days)
    interval = found.sequence
    text += (
        f"All days together: {words.count(all_hits)}/{words.count(seen)}, {words.percent(all_hits / seen)}, "
        f"{round(interval.confidence * 100, 1):g} % confidence sequence "
        f"{words.bounds(interval.lower, interval.upper, 1)}, which holds however often somebody looked."
    )
    return figures.Drift(
        text=text,
        note=NOTE,
        centre=found.centre,
        signals=len(found.signals),
        days=tuple(
            figures.DriftDay(
                day=d.day.isoformat(),
                hits=d.hits,
                decided=d.decided,
                lower=d.lower,
                upper=d.upper,
                is_base=number < found.base,
                signal=cast("Literal['', 'above', 'below']", d.signal),
            )
            for number, d in enumerate(found.days)
        ),
    )


def _listed(days: list[Day]) -> str:
    shown = [f"{d.day.isoformat()} {words.count(d.hits)}/{words.count(d.decided)}" for d in days[:SHOWN]]
    return ", ".join(shown) + (f" and {len(days) - SHOWN} more" if len(days) > SHOWN else "")
