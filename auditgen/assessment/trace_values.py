"""The values of a trace, and the rules of precedence in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from auditgen.assessment.model import Conclusion, Rule

RULES: dict[Rule, str] = {
    Rule.UNMEASURED: "nothing was measured: insufficient evidence",
    Rule.BROKEN: "the whole interval of the decided records lies on the wrong side, and they are not too old:"
    " not met, whatever else is missing",
    Rule.SHORT: "something that was expected or declared is wanting (an expected item, a file that cannot be"
    " read, samples, independence, hours, dates): insufficient evidence",
    Rule.OLD: "the evidence is older than was declared: stale",
    Rule.UNCONFIRMED: "labels by people do not confirm what the judge's labels show: insufficient evidence",
    Rule.HOLDS: "with every undecided, failed and missing sample gone the bad way it still holds: met",
    Rule.OPEN: "the interval allows both, or what is unknown could turn it: insufficient evidence",
}
"""On a criterion; the first that applies decides."""
CONTROL_RULES = (
    "the control does not apply, not yet, or nobody can say: that is the verdict",
    "the checklist names no evidence for it: insufficient evidence",
    "every kind of evidence it needs is judged by itself; the worst of them decides",
    "a waiver that counts changes the word to waived, and nothing underneath",
)
PRINCIPLE_RULES: dict[Conclusion, str] = {
    Conclusion.CONTRADICTED: "any criterion is not met: contradicted",
    Conclusion.NOT_CONCLUDED: "any criterion is insufficient, stale or needs review: not concluded",
    Conclusion.WITH_COMMENTS: "all are met, with a comment or a finding above note: supported, with comments",
    Conclusion.SUPPORTED: "all are met, without comment: supported",
}
Kind = Literal["criterion", "control", "principle", "finding"]


@dataclass(frozen=True, slots=True)
class Considered:
    """Something the judgement looked at."""

    kind: Literal["file", "document", "criterion", "finding"]
    name: str
    """Path of a file, or id."""
    of: str
    """Source of a file; kind of a document."""
    sha256: str
    n: int | None
    """Decided records in the file; None where nothing is counted."""
    detail: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that does not count, and why."""

    what: str
    why: str
    n: int | None


@dataclass(frozen=True, slots=True)
class Number:
    """A measured fraction, or difference of fractions, with what it is of."""

    name: str
    numerator: int | None
    """None for a gap; its arms have them."""
    denominator: int | None
    estimate: float | None
    lower: float | None
    """None for a complete count, and for a bound that has no estimate."""
    upper: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """One rule in the order of precedence."""

    rule: str
    decided: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """Why something is judged as it is."""

    kind: Kind
    id: str
    title: str
    verdict: str
    """Code of the verdict, the conclusion or the weight."""
    underlying: str
    """Of a waived control, the verdict without the waiver."""
    declared: tuple[tuple[str, str], ...]
    """What was declared, by its name in audit.yaml or in the checklist."""
    digest: str
    """Of the declaration; empty where there is none."""
    considered: tuple[Considered, ...]
    left_out: tuple[LeftOut, ...]
    numbers: tuple[Number, ...]
    reasons: tuple[str, ...]
    comments: tuple[str, ...]
    precedence: tuple[Step, ...]
    changes: tuple[str, ...]
    """What would change the verdict."""
    keeps: tuple[str, ...]
    """What would not."""


def word(code: str) -> str:
    """A code as it is spoken."""
    return code.replace("_", " ")


def some(what: str, why: str, n: int) -> tuple[LeftOut, ...]:
    """Something left out, where there is any of it."""
    return (LeftOut(what, why, n),) if n > 0 else ()
