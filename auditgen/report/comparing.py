"""Two reports held against each other: what is newly broken, what is newly open, what was taken away.

One function for `diff` and for the section *Since the last period*. Numbers of two periods are compared only
where `trend` says that they are the same number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ValidationError

from auditgen.assessment import Conclusion
from auditgen.report import words
from auditgen.report.figures import FROZEN, Status, TrendPoint
from auditgen.report.trend import change_text, why_not

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SCHEMA = "auditgen-report-1"
Kind = Literal["principle", "criterion", "control", "checklist", "finding"]
KINDS: tuple[Kind, ...] = ("principle", "criterion", "control", "checklist", "finding")
UNCHANGED = "unchanged"
_WORST_FIRST = (
    "not_met", "insufficient_evidence", "stale", "needs_review", "needs_legal_view", "waived",
    "not_yet_applicable", "not_applicable", "met",
)  # fmt: skip
_OPEN = frozenset({"insufficient_evidence", "stale", "needs_review"})
_BY_CODE = {status.code: status for status in words.VERDICTS.values()}
_CONCLUSIONS = {status.code: status for status in words.CONCLUSIONS.values()}
_WEIGHTS = {status.code: status for status in words.SEVERITIES.values()}


class Shift(BaseModel):
    """What became of one thing between two reports."""

    model_config = FROZEN
    kind: Kind
    id: str
    title: str
    word: str
    """`newly not met`, `added`, `removed`, `definition changed`, ...; `unchanged` where nothing did."""
    is_worse: bool
    was: Status | None
    now: Status | None
    was_text: str
    """The number, the version or the detail then; empty where there is none."""
    now_text: str
    change: str
    """What became of the number, or why the two are not comparable."""
    definitions: tuple[str, ...]
    """What was declared or defined differently."""


@dataclass(frozen=True, slots=True)
class CriterionState:
    """A criterion as one report has it."""

    title: str
    status: Status
    text: str
    """The number in words, or why there is none."""
    points: tuple[TrendPoint, ...]
    """Earlier ones, then its own; empty where nothing was measured."""
    digest: str
    indicator: str
    definition: str
    declared: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a comparison needs of a report."""

    report_id: str
    period: str
    period_end: str
    system: str
    organisation: str
    principles: Mapping[str, tuple[str, Status]]
    """Title and conclusion."""
    criteria: Mapping[str, CriterionState]
    controls: Mapping[str, tuple[str, Status]]
    """Title and verdict, by `framework:control`."""
    checklists: Mapping[str, str]
    """Version by id."""
    findings: Mapping[tuple[str, str], tuple[str, Status, str]]
    """Title, weight and detail, by code and source."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that changed, and the numbers of all criteria side by side."""

    old: Snapshot
    new: Snapshot
    shifts: tuple[Shift, ...]
    """By kind; within it newly broken first, unchanged ones last."""
    notes: tuple[str, ...]
    """Why the two may not be a pair at all."""

    @property
    def changed(self) -> tuple[Shift, ...]:
        """Without what stayed as it was."""
        return tuple(s for s in self.shifts if s.word != UNCHANGED or s.definitions)


def snapshot(report: Mapping[str, Any]) -> Snapshot:
    """The part of a report.json that is compared. Raises ValueError, KeyError or TypeError for others."""
    if report["schema"] != SCHEMA:
        message = f"it is not of the schema `{SCHEMA}`"
        raise ValueError(message)
    meta = report["meta"]
    definitions = {str(i["id"]): str(i["digest"]) for i in report["indicators"]}
    findings: dict[tuple[str, str], tuple[str, Status, str]] = {}
    for f in report["findings"]:
        key = (str(f["code"]), str(f["source_id"]))
        known = findings.get(key)
        detail = str(f["detail"]) if known is None else f"{known[2]}; {f['detail']}"
        findings[key] = (str(f["title"]), _WEIGHTS[f["severity"]], detail)
    return Snapshot(
        report_id=str(meta["report_id"]),
        period=str(meta["period_words"]),
        period_end=str(meta["period_end"]),
        system=str(meta["system"]),
        organisation=str(meta["organisation"]),
        principles={
            str(p["id"]): (str(p["title"]), _CONCLUSIONS[p["status"]["code"]]) for p in report["principles"]
        },
        criteria={
            str(c["measure"]["id"]): _state(c, definitions)
            for p in report["principles"]
            for c in p["criteria"]
        },
        controls={
            str(c["ref"]): (str(c["title"]), _BY_CODE[c["status"]["code"]])
            for f in report["frameworks"]
            for c in f["controls"]
        },
        checklists={
            str(f["id"]): f"{f['checklist_version']} (source: {f['source_version']})"
            for f in report["frameworks"]
        },
        findings=findings,
    )


def _state(view: Mapping[str, Any], definitions: Mapping[str, str]) -> CriterionState:
    measure = view["measure"]
    figure, trend = measure["figure"], measure.get("trend")
    name = str(measure["indicator_id"])
    return CriterionState(
        title=str(measure["indicator_title"]),
        status=_BY_CODE[view["status"]["code"]],
        text=f"not measured: {measure['unmeasured']['reason']}" if figure is None else str(figure["text"]),
        points=() if trend is None or figure is None else tuple(_points(trend["points"])),
        digest=str(view["digest"]),
        indicator=name,
        definition=definitions.get(name, ""),
        declared={
            "rule": str(view["statement"]),
            "least samples": str(view["min_n"]),
            "oldest days": str(view["max_age_days"]),
            "independence": str(view["independence"]),
            "sources": ", ".join(str(s) for s in measure["sources"]),
        },
    )


def _points(raw: Iterable[Mapping[str, Any]]) -> Iterator[TrendPoint]:
    """Points as report.json holds them; what is none is left out."""
    for point in raw:
        try:
            lists = {name: tuple(point[name]) for name in ("suites", "models")}
            yield TrendPoint.model_validate({**point, **lists})
        except (ValidationError, KeyError, TypeError):
            continue


def compare(old: Snapshot, new: Snapshot) -> Comparison:
    """What changed from `old` to `new`."""
    shifts = [
        *_principles(old, new),
        *sorted(_criteria(old, new), key=_rank),
        *sorted(_controls(old, new), key=_rank),
        *_checklists(old, new),
        *_findings(old, new),
    ]
    notes = []
    if old.organisation != new.organisation:
        notes.append(f"the reports are of two organisations: {old.organisation} and {new.organisation}")
    if old.system != new.system:
        notes.append(f"the reports name two systems: {old.system} and {new.system}")
    if old.period_end > new.period_end:
        notes.append("the old report's period ends after the new one's")
    return Comparison(old, new, tuple(shifts), tuple(notes))


def principle_word(was: Status | None, now: Status) -> str:
    """What became of a conclusion."""
    if was is None:
        return "new principle"
    if was.code == now.code:
        return UNCHANGED
    return f"newly {now.word}" + (" (worse)" if _is_worse(was, now) else " (better)")


def _is_worse(was: Status, now: Status) -> bool:
    order = [c.value for c in Conclusion]  # worst first
    return order.index(now.code) < order.index(was.code)


def _principles(old: Snapshot, new: Snapshot) -> Iterator[Shift]:
    for name, (title, now) in new.principles.items():
        _, was = old.principles.get(name, ("", None))
        worse = was is not None and _is_worse(was, now)
        yield _shift("principle", name, title, principle_word(was, now), was, now, is_worse=worse)
    for name, (title, was) in old.principles.items():
        if name not in new.principles:
            yield _shift("principle", name, title, "removed", was, None, is_worse=True)


def _criteria(old: Snapshot, new: Snapshot) -> Iterator[Shift]:
    for name, now in new.criteria.items():
        was = old.criteria.get(name)
        if was is None:
            yield _shift("criterion", name, now.title, "added", None, now.status, now_text=now.text)
            continue
        definitions = tuple(_redefined(was, now))
        word, worse = _verdict_word(was.status, now.status)
        if word == UNCHANGED and definitions:
            word = "definition changed"
        yield Shift(
            kind="criterion",
            id=name,
            title=now.title,
            word=word,
            is_worse=worse,
            was=was.status,
            now=now.status,
            was_text=was.text,
            now_text=now.text,
            change=_change(was, now),
            definitions=definitions,
        )
    for name, was in old.criteria.items():
        if name not in new.criteria:
            yield _shift(
                "criterion", name, was.title, "removed", was.status, None, was_text=was.text, is_worse=True
            )


def _verdict_word(was: Status, now: Status) -> tuple[str, bool]:
    if was.code == now.code:
        return UNCHANGED, False
    order = _WORST_FIRST
    return f"newly {now.word}", order.index(now.code) < order.index(was.code)


def _redefined(was: CriterionState, now: CriterionState) -> Iterator[str]:
    """What differs in what was declared. The digest covers more than is printed."""
    if was.digest == now.digest:
        return
    if was.indicator != now.indicator:
        yield f"it measured `{was.indicator}`"
    elif was.definition and now.definition and was.definition != now.definition:
        yield f"the definition of `{now.indicator}` has changed"
    for name, text in was.declared.items():
        if text != now.declared[name]:
            yield f"{name}: was {text}; is {now.declared[name]}"
    yield f"the declaration's digest was {was.digest}, and is {now.digest}"


def _change(was: CriterionState, now: CriterionState) -> str:
    """The change with its interval, or why there is none to tell."""
    if not was.points or not now.points:
        return "" if was.text == now.text else "not comparable, because one of the two was not measured"
    then, point = was.points[-1], now.points[-1]
    # what the new report says of the old point knows the changes of models that were declared
    told = next((p for p in now.points[:-1] if p.report_id == then.report_id and p.text == then.text), None)
    reason = why_not(then, point, {}) if told is None else told.why_not
    return change_text(then.model_copy(update={"why_not": reason}), point)


def _controls(old: Snapshot, new: Snapshot) -> Iterator[Shift]:
    """Controls of checklists that both reports hold; a whole checklist is told as one."""
    for name, (title, now) in new.controls.items():
        if name in old.controls:
            was = old.controls[name][1]
            word, worse = _verdict_word(was, now)
            yield _shift("control", name, title, word, was, now, is_worse=worse)
        elif name.partition(":")[0] in old.checklists:
            yield _shift("control", name, title, "added", None, now)
    for name, (title, was) in old.controls.items():
        if name not in new.controls and name.partition(":")[0] in new.checklists:
            yield _shift("control", name, title, "removed", was, None, is_worse=True)


def _checklists(old: Snapshot, new: Snapshot) -> Iterator[Shift]:
    for name in sorted({*old.checklists, *new.checklists}):
        was, now = old.checklists.get(name, ""), new.checklists.get(name, "")
        word = "added" if not was else "removed" if not now else "version changed"
        if was != now:
            yield _shift(
                "checklist", name, name, word, None, None, was_text=was, now_text=now, is_worse=not now
            )


def _findings(old: Snapshot, new: Snapshot) -> Iterator[Shift]:
    """New ones, heaviest first, then those that are gone; what both hold is not listed."""
    order = list(_WEIGHTS)
    grouped: dict[str, list[Shift]] = defaultdict(list)
    for (code, source), (title, weight, detail) in new.findings.items():
        if (code, source) not in old.findings:
            name = f"{code}@{source}" if source else code
            grouped["new"].append(
                _shift("finding", name, title, "new", None, weight, now_text=detail, is_worse=True)
            )
    for (code, source), (title, weight, detail) in old.findings.items():
        if (code, source) not in new.findings:
            name = f"{code}@{source}" if source else code
            grouped["gone"].append(_shift("finding", name, title, "gone", weight, None, was_text=detail))
    for word in ("new", "gone"):
        yield from sorted(
            grouped[word], key=lambda s: (order.index((s.now or s.was or _WEIGHTS["note"]).code), s.id)
        )


def _shift(
    kind: Kind,
    name: str,
    title: str,
    word: str,
    was: Status | None,
    now: Status | None,
    *,
    was_text: str = "",
    now_text: str = "",
    is_worse: bool = False,
) -> Shift:
    return Shift(
        kind=kind, id=name, title=title, word=word, is_worse=is_worse, was=was, now=now, was_text=was_text,
        now_text=now_text, change="", definitions=(),
    )  # fmt: skip


def _rank(shift: Shift) -> tuple[int, int]:
    """Newly broken, newly open, removed, changed definitions, added, better, unchanged."""
    if shift.word == UNCHANGED:
        return 6, 0
    if shift.word == "removed":
        return 2, 0
    if shift.word == "definition changed":
        return 3, 0
    if shift.word == "added":
        return 4, 0
    code = "met" if shift.now is None else shift.now.code
    place = _WORST_FIRST.index(code)
    return (0 if code == "not_met" else 1 if shift.is_worse or code in _OPEN else 5), place


def by_kind(shifts: Sequence[Shift], kind: Kind) -> tuple[Shift, ...]:
    """Those of one kind, in order."""
    return tuple(s for s in shifts if s.kind == kind)
