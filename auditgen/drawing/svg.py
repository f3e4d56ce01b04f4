"""Charts as hand-written SVG: small, accessible, the same bytes every time.

Shape and words carry the meaning, colour only repeats it. Each drawing has a `title` that says in
words what it shows. Colours stand as attributes (for print) and as classes (for the dark screen).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditgen.report.figures import Drift, Slice
    from auditgen.report.model import CriterionView
    from auditgen.report.monitored import CoverageView

INK, SOFT, RULE, BAND = "#14181f", "#5b6470", "#cdd3db", "#dfece4"
TONES = {
    "bad": "#a11d2b",
    "good": "#0f6b4f",
    "comment": "#1d5c8f",
    "gap": "#8a5a00",
    "none": "#46505e",
}
SHADES = ("#d9e6ef", "#a9c7dc", "#6fa1c2", "#3c78a3", "#17527d")
SILENT = "#a11d2b"


def _n(value: float) -> str:
    """A coordinate with at most two decimals and no negative zero."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def _svg(width: float, height: float, label: str, body: str, kind: str) -> Markup:
    return Markup(
        f'<svg class="chart {kind}" role="img" aria-label="{escape(label)}" '
        f'width="{_n(width)}" height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(label)}</title>{body}</svg>'
    )


def mark(tone: str, label: str = "", size: float = 10) -> Markup:
    """The shape of a tone: a cross, a disc, a triangle, a diamond, a broken ring."""
    colour = TONES[tone]
    attributes = f'class="t-{tone}" fill="none" stroke="{colour}"'
    shapes = {
        "bad": f'<path {attributes} stroke-width="2.4" d="M1.4 1.4L8.6 8.6M8.6 1.4L1.4 8.6"/>',
        "good": f'<circle class="f-{tone}" cx="5" cy="5" r="4.2" fill="{colour}"/>',
        "comment": f'<path {attributes} stroke-width="1.7" d="M5 1L9.2 8.8H.8Z"/>',
        "gap": f'<path {attributes} stroke-width="1.7" d="M5 .9L9.1 5 5 9.1.9 5Z"/>',
        "none": f'<circle {attributes} stroke-width="1.7" stroke-dasharray="2.2 1.7" cx="5" cy="5" '
        'r="3.9"/>',
    }
    hidden = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return Markup(
        f'<svg class="mark" {hidden} width="{_n(size)}" height="{_n(size)}" viewBox="0 0 10 10" '
        f'xmlns="http://www.w3.org/2000/svg">{shapes[tone]}</svg>'
    )


class _Axis:
    """A linear scale with a little room at both ends."""

    def __init__(self, low: float, high: float, width: float, margin: float = 6) -> None:
        self.low, self.high = low, high
        self._width, self._margin = width, margin

    def x(self, value: float) -> float:
        span = self.high - self.low or 1.0
        inner = self._width - 2 * self._margin
        return self._margin + min(1.0, max(0.0, (value - self.low) / span)) * inner


def _fraction_axis(values: Sequence[float], width: float) -> _Axis:
    """Between round numbers around all values, within 0 and 1."""
    low, high = min(values), max(values)
    spread = max(high - low, 0.02)
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if spread * 1.3 <= s * 5)
    start = max(0.0, math.floor((low - spread * 0.1) / step + 1e-9) * step)
    end = min(1.0, math.ceil((high + spread * 0.1) / step - 1e-9) * step)
    return _Axis(start, end if end > start else start + step, width)


def _gap_axis(values: Sequence[float], width: float) -> _Axis:
    reach = max(abs(value) for value in values) * 1.1
    step = next(s for s in (0.05, 0.1, 0.2, 0.25, 0.5, 1.0) if reach <= s or s == 1.0)
    return _Axis(-step, step, width)


def interval_plot(view: CriterionView, width: float = 225) -> Markup:
    """A criterion's interval against its threshold: allowed region, bound, estimate, worst case."""
    figure = view.measure.figure
    if figure is None:
        return Markup("")
    limit, tone = view.threshold, view.status.tone
    lower = figure.estimate if figure.lower is None else figure.lower
    upper = figure.estimate if figure.upper is None else figure.upper
    values = [lower, upper, figure.worst_lower, figure.worst_upper]
    if view.operator == "within":
        axis = _gap_axis([*values, limit, -limit], width)
        allowed = (-limit, limit)
        edges: tuple[float, ...] = allowed
    else:
        axis = _fraction_axis([*values, limit], width)
        allowed = (limit, axis.high) if view.operator == "at_least" else (axis.low, limit)
        edges = (limit,)
    y = 9.0
    band = axis.x(allowed[0]), axis.x(allowed[1])
    parts = [
        f'<rect class="band" x="{_n(band[0])}" y="2" width="{_n(max(0.8, band[1] - band[0]))}" '
        f'height="14" fill="{BAND}"/>',
        f'<path class="rule" d="M{_n(axis.x(axis.low))} {_n(y)}H{_n(axis.x(axis.high))}" '
        f'stroke="{RULE}" stroke-width="1"/>',
    ]
    parts += [
        f'<path class="edge" d="M{_n(axis.x(edge))} 1V17" stroke="{SOFT}" stroke-width="1" '
        'stroke-dasharray="2 2"/>'
        for edge in edges
    ]
    colour = TONES[tone]
    if min(figure.worst_lower, lower) < lower or max(figure.worst_upper, upper) > upper:
        parts.append(
            f'<path class="s-{tone}" d="M{_n(axis.x(min(figure.worst_lower, lower)))} {_n(y)}'
            f'H{_n(axis.x(max(figure.worst_upper, upper)))}" stroke="{colour}" stroke-width="1" '
            'stroke-dasharray="1.5 1.5"/>'
        )
    parts.append(
        f'<path class="s-{tone}" d="M{_n(axis.x(lower))} {_n(y)}H{_n(axis.x(upper))}" '
        f'stroke="{colour}" stroke-width="3"/>'
    )
    x = axis.x(figure.estimate)
    parts.append(
        f'<circle class="f-{tone}" cx="{_n(x)}" cy="{_n(y)}" r="4" fill="{colour}" '
        'stroke="#ffffff" stroke-width="1"/>'
    )
    parts.append(_ticks(axis, is_gap=view.operator == "within"))
    label = f"{figure.text}. Declared: {view.statement}. Verdict: {view.status.word}."
    return _svg(width, 26, label, "".join(parts), "interval")


def _ticks(axis: _Axis, *, is_gap: bool) -> str:
    """The scale's ends in words (and zero for a gap)."""
    out = []
    places = [(axis.low, "start"), (axis.high, "end")]
    if is_gap:
        places.insert(1, (0.0, "middle"))
    for value, anchor in places:
        text = f"{value * 100:+.0f}".replace("-", "\u2212") if is_gap else f"{value * 100:g} %"
        text = "0" if is_gap and value == 0 else text
        if not is_gap:
            text = f"{round(value * 100, 1):g} %"
        out.append(
            f'<text class="tick" x="{_n(axis.x(value))}" y="24.5" text-anchor="{anchor}" '
            f'font-family="IBM Plex Sans, sans-serif" font-size="7.5" fill="{SOFT}">{text}</text>'
        )
    return "".join(out)


def slice_plot(slices: Sequence[Slice], index: int, width: float = 150) -> Markup:
    """One row of a breakdown on the scale that all its rows share."""
    bounds = [v for s in slices for v in (s.lower, s.upper)]
    axis, row, y = _fraction_axis(bounds, width), slices[index], 7.0
    body = (
        f'<path class="rule" d="M{_n(axis.x(axis.low))} {y:g}H{_n(axis.x(axis.high))}" '
        f'stroke="{RULE}" stroke-width="1"/>'
        f'<path class="s-ink" d="M{_n(axis.x(row.lower))} {y:g}H{_n(axis.x(row.upper))}" '
        f'stroke="{SOFT}" stroke-width="2.4"/>'
        f'<circle class="f-ink" cx="{_n(axis.x(row.estimate))}" cy="{y:g}" r="3.2" fill="{INK}"/>'
    )
    low, high = f"{round(axis.low * 100, 1):g}", f"{round(axis.high * 100, 1):g}"
    return _svg(width, 14, f"{row.name}: {row.text} (scale {low} to {high} %)", body, "slice")


def heat_strip(view: CoverageView, width: float = 640) -> Markup:
    """Records hour by hour: a column per day, a row per hour of day; silent hours stand out."""
    days = len(view.days)
    cell = width / max(days, 1)
    height = 3.4
    counts = sorted(n for row in view.hourly for n in row if n)
    cuts = [counts[int(len(counts) * q)] for q in (0.2, 0.4, 0.6, 0.8)] if counts else []
    paths: dict[int, list[str]] = {level: [] for level in range(-1, len(SHADES))}
    for column, row in enumerate(view.hourly):
        start, level = 0, None
        levels = [-1 if not n else sum(n >= cut for cut in cuts) for n in row]
        for hour in range(len(levels) + 1):
            here = levels[hour] if hour < len(levels) else None
            if here == level and hour < len(levels):
                continue
            if level is not None:
                x, y = column * cell, start * height
                paths[level].append(
                    f"M{_n(x)} {_n(y)}h{_n(cell)}v{_n((hour - start) * height)}h-{_n(cell)}z"
                )
            start, level = hour, here
    parts = []
    for level, segments in paths.items():
        if segments:
            colour = SILENT if level < 0 else SHADES[level]
            name = "silent" if level < 0 else f"h{level}"
            parts.append(f'<path class="{name}" fill="{colour}" d="{"".join(segments)}"/>')
    bottom = 24 * height
    for index, day in enumerate(view.days):
        if day.endswith("-01"):
            parts.append(
                f'<text class="tick" x="{_n(index * cell + 1)}" y="{_n(bottom + 9)}" '
                f'font-family="IBM Plex Sans, sans-serif" font-size="7.5" fill="{SOFT}">{day}</text>'
            )
    silent = "; ".join(view.silent) or "no silence of six hours or more"
    label = f"{view.text}. {silent}."
    return _svg(width, bottom + 12, label, "".join(parts), "heat")


def p_chart(view: Drift, width: float = 640, height: float = 96) -> Markup:
    """A rate by day: a dot per day, the band that chance explains, crosses beyond it."""
    left, top, low = 44.0, 6.0, height - 18
    days = view.days
    largest = max(max(day.hits / day.decided, day.upper) for day in days) or 1.0
    least = min(min(day.hits / day.decided, day.lower) for day in days)
    least = 0.0 if least < largest / 2 else math.floor(least * 20) / 20
    step = (width - left - 6) / len(days)

    def y(value: float) -> float:
        return low - max(0.0, value - least) / (largest - least or 1.0) * (low - top)

    band = "".join(
        f'<rect class="band" x="{_n(left + i * step)}" y="{_n(y(day.upper))}" width="{_n(step)}" '
        f'height="{_n(max(0.5, y(day.lower) - y(day.upper)))}" fill="{BAND}"/>'
        for i, day in enumerate(days)
    )
    base = sum(1 for day in days if day.is_base)
    centre, turn = _n(y(view.centre)), _n(left + base * step)
    lines = (
        f'<path class="soft" stroke="{SOFT}" stroke-width=".8" d="M{_n(left)} {centre}H{_n(width - 6)}"/>'
        f'<path class="rule" stroke="{SOFT}" stroke-width=".8" stroke-dasharray="3 2" '
        f'd="M{turn} {_n(top)}V{_n(low)}"/>'
    )
    points = []
    for i, day in enumerate(days):
        x, at = left + (i + 0.5) * step, y(day.hits / day.decided)
        if day.signal:
            points.append(
                f'<path class="t-bad" stroke="{TONES["bad"]}" stroke-width="2" fill="none" '
                f'd="M{_n(x - 3)} {_n(at - 3)}L{_n(x + 3)} {_n(at + 3)}M{_n(x + 3)} {_n(at - 3)}'
                f'L{_n(x - 3)} {_n(at + 3)}"/>'
            )
        else:
            points.append(f'<circle class="ink" cx="{_n(x)}" cy="{_n(at)}" r="1.8" fill="{INK}"/>')
    text = f'font-size="9" fill="{SOFT}" class="axis"'
    words = (
        f'<text {text} x="{_n(left - 4)}" y="{_n(top + 6)}" text-anchor="end">{largest * 100:.1f} %</text>'
        f'<text {text} x="{_n(left - 4)}" y="{_n(low + 3)}" text-anchor="end">{least * 100:g} %</text>'
        f'<text {text} x="{_n(left)}" y="{_n(height - 4)}">{days[0].day}</text>'
        f'<text {text} x="{turn}" y="{_n(height - 4)}" text-anchor="middle">centre set</text>'
        f'<text {text} x="{_n(width - 6)}" y="{_n(height - 4)}" text-anchor="end">{days[-1].day}</text>'
    )
    label = (
        f"Rate by day, {len(days)} days: {view.signals} of the {len(days) - base} later days lie outside the "
        "band that chance explains"
    )
    return _svg(width, height, label, band + lines + "".join(points) + words, "p-chart")


def tally_bar(tally: Sequence[tuple[str, int]], tones: dict[str, str], width: float = 640) -> Markup:
    """How many controls stand where: lengths in proportion, words beside it carry the numbers."""
    total = sum(n for _, n in tally) or 1
    x, parts = 0.0, []
    for word, number in tally:
        length = width * number / total
        tone = tones.get(word, "none")
        parts.append(
            f'<rect class="f-{tone}" x="{_n(x)}" y="0" width="{_n(max(0.5, length - 1))}" height="10" '
            f'fill="{TONES[tone]}"/>'
        )
        x += length
    label = ", ".join(f"{number} {word}" for word, number in tally) + f", {total} in all"
    return _svg(width, 10, label, "".join(parts), "tally")
