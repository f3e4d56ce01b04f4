"""`assess`: from quantities, register and declarations to conclusions. Pure; the day is an argument."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from auditgen.assessment.controls import judge_controls
from auditgen.assessment.crosswalk import carry
from auditgen.assessment.deadlines import incident_duties, missed
from auditgen.assessment.deployed import configurations, unevaluated
from auditgen.assessment.doubts import CODES, DAMAGE
from auditgen.assessment.doubts import findings as find_doubts
from auditgen.assessment.governance import (
    joined_duties,
    overdue_remedies,
    remediations,
    void_waivers,
    waive,
)
from auditgen.assessment.independence import shown_distances
from auditgen.assessment.judge import Context, judge
from auditgen.assessment.ladder import climb
from auditgen.assessment.model import (
    Assessment,
    Conclusion,
    ExpectedResult,
    PrincipleResult,
    Severity,
    Verdict,
)
from auditgen.assessment.planned import planned_otherwise
from auditgen.checklists import incident_deadlines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from auditgen.assessment.model import CriterionResult, Finding, Register
    from auditgen.checklists import Checklist
    from auditgen.evidence.model import Reading
    from auditgen.indicators import Measured
    from auditgen.project.model import Audit, ExpectedItem, Principle

_OPEN = frozenset({Verdict.INSUFFICIENT, Verdict.STALE, Verdict.NEEDS_REVIEW})


def assess(
    audit: Audit,
    checklists: Sequence[Checklist],
    measured: Mapping[str, Measured],
    register: Register,
    as_of: date,
) -> Assessment:
    """Judge everything. `measured` holds a result for every criterion and also-measured id."""
    expected = tuple(_received(item, audit, register, as_of) for item in audit.expected)
    last_at = latest_records(register)
    damaged = damaged_files(register)
    distances = shown_distances(audit, register)
    judged = []
    for principle in audit.principles:
        results = []
        for criterion in principle.criteria:
            bound = criterion.models or audit.system.models
            others = register.criterion_models.get(criterion.id, {})
            context = Context(
                as_of=as_of,
                independence=distances,
                unsigned=frozenset(s.id for s in audit.sources) - {s.source_id for s in register.signed},
                last_at=last_at,
                expected=expected,
                previous=register.previous,
                plan=register.plan,
                undated=register.undated.get(criterion.id, 0),
                other_models={k: n for k, n in others.items() if k not in bound and n},
                damaged=damaged,
                unplaced=register.unplaced.get(criterion.id, 0),
                breakdowns=register.breakdowns.get(criterion.id, ()),
                coverage={kept.source_id: (kept.covered, kept.total_hours) for kept in register.ledgers},
                drift=register.drifts.get(criterion.id),
                together=register.together,
                relabelled=[r for r in register.relabelled if r.block.criterion == criterion.id],
            )
            results.append(judge(criterion, principle.id, measured[criterion.id], context))
        judged.append((principle, results))
    controls = carry(judge_controls(audit, checklists, judged, register, as_of))
    judged_results = [c for _, results in judged for c in results]
    duties = incident_duties(audit, incident_deadlines(), register.incidents, as_of)
    deployed = configurations(audit, register)
    everyone = [p.id for p in audit.principles]
    users = {
        source.id: [p.id for p in audit.principles if any(source.id in c.sources for c in p.criteria)]
        for source in audit.sources
    }
    previous = register.previous
    told: list[tuple[str, str, Sequence[str]]] = [
        *((code, text, ()) for code, text in missed(duties)),
        *((code, text, everyone) for code, text in unevaluated(deployed)),
        *(("duties-not-separated", text, ()) for text in joined_duties(audit)),
        *(("remedy-overdue", text, ()) for text in overdue_remedies(audit, as_of)),
        *(("attestation-void", text, ()) for text in register.void_attestations),
        *(
            ("signature-missing", f"{s.source_id}: {text}", users[s.source_id])
            for s in register.signed
            for text in s.faults
        ),
        *planned_otherwise(audit, judged_results, register.plan),
        *(("waiver-void", text, ()) for text in void_waivers(controls, audit.waivers, as_of)),
    ]
    if previous is not None and not previous.is_verified:
        told.append(("previous-not-relied-on", f"`{previous.pack}`: {previous.status}", ()))
    doubts = find_doubts(audit, register, expected, as_of.isoformat(), told)
    principles = []
    for principle, results in judged:
        concluded = conclude(principle, results, doubts)
        if principle.ladder is not None:
            concluded = replace(concluded, ladder=climb(principle.ladder, measured))
        principles.append(concluded)
    order = list(Conclusion)
    # the sort is stable: equals keep the order in which the organisation declared them
    principles.sort(key=lambda p: order.index(p.conclusion))
    return Assessment(
        as_of=as_of,
        principles=tuple(principles),
        controls=waive(controls, audit.waivers, as_of),
        findings=doubts,
        expected=expected,
        also_measured={item.id: measured[item.id] for item in audit.also_measured},
        register=register,
        incident_duties=duties,
        configurations=deployed,
        remediations=remediations(
            audit,
            judged_results,
            controls,
            doubts,
            as_of,
            register.previous.weaknesses if register.previous is not None else frozenset(),
        ),
    )


def latest_records(register: Register) -> dict[str, datetime]:
    """The latest record of each source, where dated; a file that decided nothing makes none fresher."""
    out: dict[str, datetime] = {}
    for reading in register.readings:
        says_something = reading.counts.scored or reading.kind in {"monitoring", "published"}
        if reading.last_at is not None and says_something:
            out[reading.source_id] = max(out.get(reading.source_id, reading.last_at), reading.last_at)
    return out


def damaged_files(register: Register) -> dict[str, tuple[str, ...]]:
    """Files not read in full, by source; a second copy of a file that was read is no damage."""
    out: dict[str, list[str]] = {}
    for reading in register.readings:
        codes = [
            a.code
            for a in reading.anomalies
            if a.code in DAMAGE or (a.blocks and a.code not in CODES)  # a third party's own code
        ]
        if codes:
            text = f"`{reading.path}` could not be read in full ({', '.join(codes)})"
            out.setdefault(reading.source_id, []).append(text)
    return {source: tuple(texts) for source, texts in out.items()}


def conclude(
    principle: Principle, results: Sequence[CriterionResult], doubts: Sequence[Finding]
) -> PrincipleResult:
    """The conclusion on one principle; the first rule that matches decides."""
    comments = [f"{r.criterion.id}: {text}" for r in results for text in r.comments]
    touching = [f for f in doubts if principle.id in f.principles and f.severity is not Severity.NOTE]
    comments += [f"{f.id} {f.title.lower()}: {f.detail}" for f in touching]
    broken = [r for r in results if r.verdict is Verdict.NOT_MET]
    undecided = [r for r in results if r.verdict in _OPEN]
    if broken:
        conclusion, reason = Conclusion.CONTRADICTED, _because(broken)
    elif undecided:
        conclusion, reason = Conclusion.NOT_CONCLUDED, _because(undecided)
    elif comments:
        conclusion, reason = Conclusion.WITH_COMMENTS, _because(results)
    else:
        conclusion, reason = Conclusion.SUPPORTED, _because(results)
    return PrincipleResult(principle, conclusion, reason, tuple(results), tuple(comments))


def _counted(reading: Reading, register: Register) -> int:
    """Decided samples that can be meant: a copy is no second sample, another period's is none."""
    distinct = max(0, reading.counts.scored - reading.counts.duplicates)
    if reading.kind == "monitoring":
        return min(distinct, register.in_period.get(reading.sha256, 0))
    return distinct


def _because(results: Sequence[CriterionResult]) -> str:
    return "; ".join(f"{r.criterion.id}: {r.reasons[0]}" for r in results)


def _received(item: ExpectedItem, audit: Audit, register: Register, as_of: date) -> ExpectedResult:
    """Whether an expected item is among the readings: suite, version, provider and size must fit."""
    providers = {s.id: s.provider.name for s in audit.sources}
    aliases = {s.id: {a.recorded: a.is_ for a in s.aliases} for s in audit.sources}
    candidates = [r for r in register.readings if item.source in {None, r.source_id}]
    if item.suite is not None:
        candidates = [r for r in candidates if any(run.suite == item.suite for run in r.runs)]
    if item.provider is not None:
        candidates = [r for r in candidates if providers.get(r.source_id) == item.provider]
    if item.model is not None:
        candidates = [
            r for r in candidates if item.model in {aliases[r.source_id].get(m, m) for m in r.models}
        ]
    found = sum(_counted(r, register) for r in candidates if not r.is_vacuous)
    overdue = item.due is not None and item.due < as_of
    due = f", due {item.due.isoformat()}" if item.due else ""
    if found >= item.min_n:
        return ExpectedResult(item, True, f"{found} decided samples", found)
    if not candidates:
        what = f"no file holds it{due}"
    else:
        what = f"{found} decided samples, {item.min_n} expected{due}"
    return ExpectedResult(item, False, what + (" (overdue)" if overdue else ""), found)
