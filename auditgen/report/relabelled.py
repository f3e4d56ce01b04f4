"""Labels by people in the document: what they show of a judge, line by line."""

from __future__ import annotations

from pydantic import BaseModel

from auditgen.report.figures import FROZEN, Status


class CodedFile(BaseModel):
    """One workbook of labels."""

    model_config = FROZEN
    name: str
    sha256: str
    """Empty where it could not be read."""
    by: str


class CodedLine(BaseModel):
    """One number, or the reason why there is none."""

    model_config = FROZEN
    code: str
    """Stable: coders-agree, coders-kappa, sensitivity, specificity, judge-kappa, raw, corrected, powered,
    people, worst."""
    name: str
    text: str
    meaning: str
    numerator: int | None = None
    """None where the number is no count, as of kappa and of a corrected rate."""
    denominator: int | None = None
    estimate: float | None = None
    """None where there is no number."""
    lower: float | None = None
    upper: float | None = None


class RelabelView(BaseModel):
    """What people's labels of a random sample say of the judge behind one number."""

    model_config = FROZEN
    id: str
    measure_id: str
    """The criterion or also-measured id that it is about."""
    status: Status
    text: str
    """What was done and by whom, or why nothing counts."""
    sample: str
    """Seed and size of the draw, in words; empty where nothing counts."""
    lines: tuple[CodedLine, ...]
    notes: tuple[str, ...]
    """What the numbers do not say."""
    seed: int | None
    drawn: int | None
    population: int | None
    files: tuple[CodedFile, ...]
