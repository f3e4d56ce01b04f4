"""Numbers of the document, in words and as they were computed."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

FROZEN = ConfigDict(
    frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
)


class Status(BaseModel):
    """A verdict or conclusion: the fixed code, the word that is printed, and its tone."""

    model_config = FROZEN
    code: str
    word: str
    tone: Literal["bad", "gap", "comment", "good", "none"]
    """Chooses shape and colour together; never the only carrier of meaning."""


class ArmFigure(BaseModel):
    """One side of a gap, or the whole of a rate."""

    model_config = FROZEN
    name: str
    text: str
    """`x/n noun, p %, 95 % CI [a, b]`."""
    numerator: int
    denominator: int
    estimate: float
    lower: float
    upper: float
    clusters: int
    undecided: int
    errors: int


class Figure(BaseModel):
    """A measured number, in full and in words."""

    model_config = FROZEN
    text: str
    numerator: int | None
    """None for a gap: its arms have them."""
    denominator: int | None
    estimate: float
    """Fraction, or difference of fractions."""
    unit: Literal["fraction", "difference", "complete"]
    lower: float | None
    """None for a complete count."""
    upper: float | None
    confidence: float
    method: str
    clusters: int
    effective_size: float
    undecided: int
    errors: int
    missing: int
    worst_lower: float
    worst_upper: float
    arms: tuple[ArmFigure, ...]
    caveats: tuple[str, ...]
    left_out: str
    """Undecided, failed and missing samples in words; empty when there are none."""
    direction: str
    """What the sign of a gap means here, in words."""
    answer: str
    """Of a gap, one of four: material difference, small difference, equivalent, insufficient evidence."""


class Unmeasured(BaseModel):
    """Why there is no number."""

    model_config = FROZEN
    reason: str
    wanted: str


class Slice(BaseModel):
    """One row of a breakdown."""

    model_config = FROZEN
    name: str
    text: str
    numerator: int
    denominator: int
    estimate: float
    lower: float
    upper: float
    undecided: int
    """Undecided and failed ones."""
    is_breach: bool
    """Whether it lies on the wrong side of the criterion's threshold by itself."""


class Breakdown(BaseModel):
    """A rate by the values of one field, worst first."""

    model_config = FROZEN
    by: str
    slices: tuple[Slice, ...]
    values: int
    """How many values there are; the best of many are not shown."""
    note: str


class TrendPoint(BaseModel):
    """One number in one period, with everything that must be equal to compare it with another one."""

    model_config = FROZEN
    report_id: str
    period: str
    indicator: str
    definition: str
    """Digest of the definition."""
    suites: tuple[str, ...]
    """`name` or `name version`."""
    models: tuple[str, ...]
    filters: str
    confidence: float
    text: str
    estimate: float
    lower: float | None
    upper: float | None
    why_not: str
    """Why it is not comparable with the last point; empty when it is."""


class Trend(BaseModel):
    """A number over the periods, oldest first; the last one is this report's."""

    model_config = FROZEN
    points: tuple[TrendPoint, ...]
    text: str
    """What became of it since the period before; empty when there is none."""


class DriftDay(BaseModel):
    """One day of a rate in production."""

    model_config = FROZEN
    day: str
    hits: int
    decided: int
    lower: float
    """Between these fractions chance alone would have kept it."""
    upper: float
    is_base: bool
    """Whether it is one of those that set the centre."""
    signal: Literal["", "above", "below"]


class Drift(BaseModel):
    """A rate over the days of the period, against its first days."""

    model_config = FROZEN
    text: str
    note: str
    centre: float
    signals: int
    days: tuple[DriftDay, ...]


class Measure(BaseModel):
    """An indicator's result, with or without a criterion."""

    model_config = FROZEN
    id: str
    indicator_id: str
    indicator_title: str
    question: str
    sources: tuple[str, ...]
    filters: str
    figure: Figure | None
    unmeasured: Unmeasured | None
    breakdowns: tuple[Breakdown, ...] = ()
    drift: Drift | None = None
    """Of a rate in production whose log holds enough days."""
    trend: Trend | None = None
    """None where nothing was measured."""
    note: str = ""
