"""The hunt for reasons to disbelieve: every anomaly, gap and contradiction becomes a finding.

Each code has a weight and a question to put to whoever handed the evidence in.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from auditgen.assessment.model import Finding, Severity
from auditgen.evidence.engine import EDGE_HOURS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from auditgen.assessment.model import ExpectedResult, Register
    from auditgen.evidence.model import Reading, Run
    from auditgen.project.model import Audit

H, M, L, N = Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.NOTE
SHOWN_FILES = 8

CODES: dict[str, tuple[Severity, str, str]] = {
    "aggregate-mismatch": (H, "A file contradicts itself", "Which of the two counts is right, and who wrote the other?"),
    "all-samples-failed": (H, "A run in which nothing ran", "Why was a run without a single result handed in, and where is its repetition?"),
    "ambiguous-format": (M, "Two readers claim one file", "Which tool wrote this file?"),
    "attachment-missing": (M, "A text the log refers to is gone", "Who removed these texts, and can the whole log be handed in?"),
    "attestation-void": (M, "An attestation that does not count", "Who attests the version that is in force now?"),
    "attempts-unevaluated": (M, "Attempts without a result", "Why were these attempts never evaluated?"),
    "criterion-dropped": (H, "Announced, and not judged", "Why was it dropped, and what do the records say?"),
    "declared-after-data": (M, "Thresholds declared when the data were there", "Who had seen the results when the thresholds were set?"),
    "previous-not-relied-on": (M, "An earlier report that does not count", "Where is the pack as it was sealed?"),
    "plan-not-relied-on": (H, "A sealed plan that does not count", "Where is the plan as it was sealed?"),
    "threshold-changed": (H, "Judged otherwise than planned", "What was changed after the plan was sealed, and who knew the results then?"),
    "dated-after": (H, "Evidence from the future", "Which clock wrote these times?"),
    "deadline-missed": (H, "An incident was reported late, or not at all", "When was the authority told, and what kept it?"),
    "detector-unnamed": (L, "Deciding detector not named", "Which detector decides for these probes?"),
    "document-missing": (H, "A named document is missing", "Where is the document that audit.yaml names?"),
    "document-changed": (H, "A document changed after its review", "Who reviewed the version that is in force now?"),
    "duties-not-separated": (M, "One person in two duties", "Who else can approve, review or evaluate?"),
    "duplicate-file": (M, "The same file twice", "Was another file meant?"),
    "duplicate-members": (H, "Archive members share a name", "Which of the two is the genuine sample?"),
    "duplicate-rows": (L, "Records logged twice", "Why does the log repeat these records?"),
    "duplicate-run": (H, "One run in two files", "Which of the two files is the run, and how do they differ?"),
    "duplicate-samples": (M, "Samples occur twice", "Why does the same sample and repeat occur more than once?"),
    "evidence-outside-period": (N, "Evidence from outside the period", "Is there newer evidence?"),
    "expected-missing": (H, "Expected evidence was not received", "When will it be handed in, and what do the runs so far say?"),
    "field-not-found": (M, "A mapped field is in no record", "Has the export's layout changed?"),
    "grader-missing": (M, "A grader nobody named", "Which model graded, and in which version?"),
    "header-missing": (M, "A log without its header", "Was the run stopped, and what was left out?"),
    "hits-only": (H, "Successes without attempts", "Where is the report that this hit log belongs to?"),
    "incident-undecided": (H, "Incidents that wait for a person's decision", "Does this incident start a clock, which one, and since when?"),
    "ids-reused": (M, "Different records under one id", "What identifies a record, and why do these share it?"),
    "lines-unreadable": (M, "Lines that could not be read", "Can the file be exported again in full?"),
    "limit-reached": (M, "Samples cut off by a limit", "Would the outcome differ without the limit?"),
    "mixed-models": (H, "Answers from another model", "Which model answered, and is it the one in use?"),
    "mapping-missing": (H, "A table nobody explained", "What do its columns mean?"),
    "no-samples": (H, "A file without a single record", "Is this the file that was meant?"),
    "nonfinite-json": (M, "Numbers that are none", "Why did the grader write NaN?"),
    "not-a-file": (H, "Not a regular file", "What was meant to lie here?"),
    "outcome-undecided": (M, "Samples without an outcome", "Which score says whether the model refused?"),
    "period-without-data": (H, "Nothing from the period", "Where are the records of the period?"),
    "plugin-broken": (M, "A reader could not be loaded", "Is the extension installed for this version?"),
    "remedy-overdue": (M, "A repair is overdue", "What keeps it from being done, and who accepts the risk until then?"),
    "reader-failed": (H, "A file broke its reader", "Can the file be exported again?"),
    "queried-not-held": (L, "Rows counted elsewhere, not held", "Can the same state of the table be read again, and under which snapshot?"),
    "queried-snapshot": (N, "Rows counted elsewhere, at a snapshot", "Is the snapshot kept as long as this report may be doubted?"),
    "records-contradict": (H, "Records that contradict each other", "Which of the rows with the same id tells what happened?"),
    "relabelling-incomplete": (L, "Answers that people could not settle", "Who decides the answers on which the coders differ?"),
    "relabelling-unusable": (H, "Labels by people that cannot be used", "Can the workbooks be handed in as they were filled in?"),
    "redacted-by-tool": (L, "Prompts withheld by the tool", "Can the original prompts be handed in separately?"),
    "repeated-run": (M, "Several runs of one task", "Were all runs of this task handed in, and why was it repeated?"),
    "run-invalidated": (H, "Samples marked invalid", "Who invalidated them, when, and why?"),
    "sample-retried": (L, "Samples that were run again", "What made them fail, and did the repetition change what was asked?"),
    "samples-contradict": (H, "Samples that contradict each other", "Which of the results under one id is the genuine one?"),
    "samples-missing": (M, "Planned samples are missing", "Where are the samples that were planned?"),
    "samples-unreadable": (H, "Samples that could not be read", "Can the file be exported again?"),
    "score-edited": (H, "Scores edited afterwards", "Who changed these scores, when, and why?"),
    "score-undecided": (L, "Scores that no pass mark decides", "Which pass mark was used?"),
    "silent-window": (M, "Silence in the monitoring", "Was the system down, or did nobody look?"),
    "source-empty": (H, "A source without files", "Where are the files this source names?"),
    "threshold-unrecorded": (L, "Pass mark not recorded", "Which pass mark was used?"),
    "time-zone-unknown": (L, "Times without a zone", "In which zone did the machine run?"),
    "truncated": (H, "A damaged file", "Can the file be exported again in full?"),
    "undated-rows": (M, "Records without a time", "When did these happen?"),
    "unevaluated-configuration": (H, "Traffic under a system prompt or safeguards nobody evaluated", "Which evaluation covers this configuration?"),
    "unevaluated-version": (H, "Traffic on a version nobody evaluated", "Which evaluation covers this version?"),
    "unfinished-run": (M, "A run that never finished", "Why did it stop, and what would the rest have shown?"),
    "unreadable": (H, "A file that cannot be read", "Can it be handed in again?"),
    "unrecognised": (M, "A file nobody recognises", "Which tool wrote it, and is it meant as evidence?"),
    "value-not-mapped": (M, "Values the mapping does not know", "What do these values mean?"),
    "cached-responses": (L, "Answers from a cache", "When were these answers given, and by which version?"),
    "cells-hidden": (M, "What the open workbook does not show", "Why are these cells hidden, and from whom?"),
    "cells-unread": (M, "Cells beyond the named columns", "What do the cells without a column name hold?"),
    "companion-missing": (M, "A file of the export is missing", "Can the whole folder of the run be handed in?"),
    "judge-failed": (M, "The grader failed", "Why did the grader fail, and what would these samples have scored?"),
    "limit-used": (M, "Only a part was run", "Who chose the part, and what of the rest?"),
    "numbering-gaps": (H, "Gaps in the numbering", "What was taken out, by whom, and why?"),
    "records-withheld": (H, "Totals without their records", "Where are the records behind these totals?"),
    "runs-contradict": (H, "Two files tell one run differently", "Which of the two files is the run, and who changed the other?"),
    "runs-withheld": (H, "Runs that were not handed in", "Where are these runs, and what do they show?"),
    "sheets-unread": (M, "Sheets that were not read", "What do the other sheets hold?"),
    "signature-missing": (H, "An export that its maker did not sign, or that changed since", "Can the maker hand in the export again, with its signature?"),
    "suite-overruled": (L, "A shipped description was replaced", "Why does the organisation's own description differ from the shipped one?"),
    "suite-undescribed": (M, "A suite nobody described", "What do the scores of this suite mean, and who says so?"),
    "tool-finding": (H, "The tool itself reports a weakness", "Was it repaired, and where is the run that shows it?"),
    "repeated-times": (M, "Runs that began at the same moment", "Is one of these runs a copy of the other, with other results?"),
    "aggregates-only": (L, "Totals, not records", "Where are the records behind these numbers?"),
    "alerts-truncated": (M, "Alerts were left out", "Which alerts did the notification leave out?"),
    "annotations-orphaned": (M, "Labels without their record", "Where are the records that these labels are about?"),
    "blocks-disagree": (M, "Two accounts of what was blocked", "Which requests does one account know and the other not?"),
    "clock-suspect": (M, "Times that cannot be right", "Which clock wrote these times?"),
    "content-not-captured": (L, "Answers were not logged", "Who can say what was answered, and how often is it checked?"),
    "counts-inferred": (M, "Counts inferred from percentages", "Which counts stand behind these percentages?"),
    "counter-disagrees": (H, "An independent counter disagrees", "Where are the requests that the log does not hold?"),
    "export-unfinished": (H, "An export that did not finish", "Can the export be run again to its end?"),
    "guardrail-errors": (M, "Guardrails that crashed", "What went through while the guardrail was down?"),
    "published-beside-records": (M, "Published counts among records", "Are these figures about the records beside them?"),
    "published-counts": (L, "Counts as published, records not seen", "Can the records behind these figures be handed in?"),
    "late-rows": (L, "Records that came late", "Why did they come late, and which earlier report left them out?"),
    "rows-beside": (N, "Rows that are no requests", "Is each of these rows something else than a request to a model?"),
    "sampled-log": (M, "Only a share of requests was logged", "Who chose the share, and was it chosen at random?"),
    "secrets-in-log": (M, "Credentials in the log", "Were these credentials withdrawn?"),
    "units-uncertain": (L, "A unit that the file does not name", "In which unit was this measured?"),
    "value-unknown": (H, "Words the reader does not know", "What does the tool mean by these words, and since which version?"),
    "waiver-void": (M, "A waiver that does not count", "Who decides now, and until when?"),
    "zone-at-edge": (M, "Records that may belong to another period", "In which zone were these times written?"),
}  # fmt: skip
"""Code to (severity, title, what to ask)."""

COPIES = frozenset({"duplicate-file", "duplicate-run", "runs-contradict"})
"""Codes of files that were set aside, because their runs were handed in before."""
DAMAGE = frozenset(
    {
        "ambiguous-format", "hits-only", "lines-unreadable", "mapping-missing", "not-a-file",
        "published-beside-records", "reader-failed",
        "records-contradict", "records-withheld", "runs-contradict", "samples-unreadable",
        "truncated", "unreadable", "unrecognised",
    }
)  # fmt: skip
"""Codes that say a file was not read in full: criteria that use its source cannot be met."""


def findings(
    audit: Audit,
    register: Register,
    expected: Sequence[ExpectedResult],
    as_of_day: str,
    told: Sequence[tuple[str, str, Sequence[str]]] = (),
) -> tuple[Finding, ...]:
    """All findings, heaviest first, with stable codes and running ids.

    `told`: more of them, as (code, detail, ids of the principles they touch), from elsewhere in the judgement.
    """
    users = _principles_by_source(audit)
    raw: list[Finding] = [
        *_anomalies(register, users),
        *_missing(audit, register, expected, users),
        *_runs(audit, register, users, as_of_day),
        *_versions(audit, register, users),
        *_silence(register, users),
        *_ledger_doubts(register, users),
        *_documents(register),
        *_relabelled(audit, register),
        *(_finding("plugin-broken", message) for message in register.broken_plugins),
        *(_finding(code, detail, principles=touched) for code, detail, touched in told),
    ]
    order = list(Severity)
    ranked = sorted(raw, key=lambda f: (order.index(f.severity), f.code, f.source_id, f.detail))
    return tuple(
        Finding(
            id=f"F{number:02d}",
            code=f.code,
            severity=f.severity,
            title=f.title,
            detail=f.detail,
            ask=f.ask,
            source_id=f.source_id,
            files=f.files,
            principles=f.principles,
            count=f.count,
        )
        for number, f in enumerate(ranked, 1)
    )


def _finding(
    code: str,
    detail: str,
    *,
    source_id: str = "",
    files: Sequence[str] = (),
    principles: Sequence[str] = (),
    count: int = 1,
) -> Finding:
    severity, title, ask = CODES[code]
    return Finding("", code, severity, title, detail, ask, source_id, tuple(files), tuple(principles), count)


def _principles_by_source(audit: Audit) -> dict[str, tuple[str, ...]]:
    users: dict[str, set[str]] = defaultdict(set)
    for principle in audit.principles:
        for criterion in principle.criteria:
            for source in criterion.sources:
                users[source].add(principle.id)
    return {source: tuple(sorted(ids)) for source, ids in users.items()}


def _anomalies(register: Register, users: Mapping[str, tuple[str, ...]]) -> Iterator[Finding]:
    """Equal anomalies of one source are one finding that names its files."""
    grouped: dict[tuple[str, str, str], list[tuple[Reading, int]]] = defaultdict(list)
    for reading in register.readings:
        for anomaly in reading.anomalies:
            message = " ".join(anomaly.message.split())
            grouped[reading.source_id, anomaly.code, message].append((reading, anomaly.count))
    for (source, code, message), hits in sorted(grouped.items()):
        known = code if code in CODES else "reader-failed"
        yield _finding(
            known,
            message,
            source_id=source,
            files=_names([reading for reading, _ in hits]),
            principles=users.get(source, ()),
            count=sum(count for _, count in hits),
        )


def _names(readings: Sequence[Reading]) -> list[str]:
    names = sorted(reading.path for reading in readings)
    if len(names) > SHOWN_FILES:
        return [*names[:SHOWN_FILES], f"and {len(names) - SHOWN_FILES} more"]
    return names


def _missing(
    audit: Audit,
    register: Register,
    expected: Sequence[ExpectedResult],
    users: Mapping[str, tuple[str, ...]],
) -> Iterator[Finding]:
    for source in register.empty_sources:
        block = next(s for s in audit.sources if s.id == source)
        detail = f"no file matches {', '.join(block.files or ())}"
        yield _finding("source-empty", detail, source_id=source, principles=users.get(source, ()))
    for result in expected:
        if result.is_received:
            continue
        item = result.item
        touched = set(users.get(item.source or "", ()))
        touched |= {p.id for p in audit.principles for c in p.criteria if c.id in item.criteria}
        yield _finding(
            "expected-missing",
            f"{item.title}: {result.detail}",
            source_id=item.source or "",
            principles=sorted(touched),
        )


def _runs(
    audit: Audit, register: Register, users: Mapping[str, tuple[str, ...]], as_of_day: str
) -> Iterator[Finding]:
    by_task: dict[str, list[tuple[Reading, Run]]] = defaultdict(list)
    for reading in register.readings:
        is_copy = any(anomaly.code in COPIES for anomaly in reading.anomalies)
        for run in reading.runs if reading.role == "records" and not is_copy else ():
            by_task[run.suite].append((reading, run))
        if reading.kind == "monitoring" or reading.last_at is None:
            continue
        day = reading.last_at.date()
        if day.isoformat() > as_of_day:
            what = "figures" if reading.kind == "published" else "records"
            detail = f"the {what} reach {day.isoformat()}, after the day of judgement {as_of_day}"
            yield _finding(
                "dated-after",
                detail,
                source_id=reading.source_id,
                files=[reading.path],
                principles=users.get(reading.source_id, ()),
            )
        # when something was published says little of when it happened
        if reading.kind != "published" and not audit.period.start <= day <= audit.period.end:
            detail = f"run of {day.isoformat()}, outside the reporting period"
            yield _finding(
                "evidence-outside-period",
                detail,
                source_id=reading.source_id,
                files=[reading.path],
                principles=users.get(reading.source_id, ()),
            )
    yield from _outside(register, users)
    for suite, runs in sorted(by_task.items()):
        yield from _repeated(suite, runs, users)


def _repeated(
    suite: str, runs: Sequence[tuple[Reading, Run]], users: Mapping[str, tuple[str, ...]]
) -> Iterator[Finding]:
    """One task that was run several times, whichever sources the runs were handed in under."""
    distinct = {run.native_id or f"{reading.sha256} {run.run_key}" for reading, run in runs}
    if not suite or len(distinct) < 2:
        return
    sources = sorted({reading.source_id for reading, _ in runs})
    common: dict[str, Any] = {
        "source_id": sources[0] if len(sources) == 1 else "",
        "principles": sorted({p for source in sources for p in users.get(source, ())}),
    }
    yield _finding(
        "repeated-run",
        f"{len(distinct)} runs of `{suite}` were handed in; nobody can see runs that were not",
        files=_names([reading for reading, _ in runs]),
        count=len(distinct),
        **common,
    )
    starts: dict[datetime, list[Reading]] = defaultdict(list)
    for reading, run in runs:
        if run.started_at is not None:
            starts[run.started_at].append(reading)
    for start, same in sorted(starts.items()):
        if len({reading.sha256 for reading in same}) > 1:
            yield _finding(
                "repeated-times",
                f"{len(same)} runs of `{suite}` say that they began at {start:%Y-%m-%d %H:%M:%S} UTC",
                files=_names(same),
                count=len(same),
                **common,
            )


def _outside(register: Register, users: Mapping[str, tuple[str, ...]]) -> Iterator[Finding]:
    """Monitoring records that the period leaves out."""
    for reading in register.readings:
        if reading.kind != "monitoring" or not reading.counts.observations:
            continue
        inside = register.in_period.get(reading.sha256, 0)
        set_aside = sum(a.count for a in reading.anomalies if a.code in {"undated-rows", "duplicate-rows"})
        outside = reading.counts.observations - inside - set_aside
        touched = users.get(reading.source_id, ())
        if not inside:
            detail = f"none of its {reading.counts.observations:,} records lies in the period"
            code = "period-without-data"
        elif outside > 0:
            detail = f"{outside:,} of {reading.counts.observations:,} records lie outside the period"
            code = "evidence-outside-period"
        else:
            continue
        yield _finding(
            code,
            detail,
            source_id=reading.source_id,
            files=[reading.path],
            principles=touched,
            count=max(outside, 1),
        )


def _versions(audit: Audit, register: Register, users: Mapping[str, tuple[str, ...]]) -> Iterator[Finding]:
    total = sum(register.production_models.values())
    everyone = sorted({p for source in users.values() for p in source})
    for model, number in sorted(register.production_models.items()):
        if (model and register.evaluated_models.get(model)) or not number:
            continue
        name = f"version `{model}`" if model else "no recorded version"
        share = 100 * number / total
        known = "" if model in audit.system.models or not model else "; audit.yaml does not declare it"
        yield _finding(
            "unevaluated-version",
            f"{number:,} of {total:,} production records ({share:.1f} %) ran on {name}, "
            f"for which no evaluation was handed in{known}",
            principles=everyone,
            count=number,
        )


def _silence(register: Register, users: Mapping[str, tuple[str, ...]]) -> Iterator[Finding]:
    for window in register.silent_windows:
        start = window.start.strftime("%Y-%m-%d %H:%M")
        yield _finding(
            "silent-window",
            f"no record for {window.hours} hours from {start} UTC",
            source_id=window.source_id,
            principles=users.get(window.source_id, ()),
            count=window.hours,
        )


def _ledger_doubts(register: Register, users: Mapping[str, tuple[str, ...]]) -> Iterator[Finding]:
    """Where two accounts of the same traffic differ, or its times leave open which period it was."""
    for kept in register.ledgers:
        of: dict[str, Any] = {"source_id": kept.source_id, "principles": users.get(kept.source_id, ())}
        for check in kept.counters:
            if check.left_out:
                detail = (
                    f"{check.title}: {check.left_out:,} of its rows could not be read and were not compared"
                )
                yield _finding("counter-disagrees", detail, count=check.left_out, **of)
            if not check.windows:
                detail = f"{check.title}: no window of it lies in the period, so nothing was compared"
                yield _finding("counter-disagrees", detail, **of)
            elif not check.agrees:
                detail = (
                    f"{check.title} counts {check.expected:,} {check.counts} in {check.windows:,} windows, the "
                    f"log {check.seen:,}; {check.missing:,} are missing from the log and {check.surplus:,} are "
                    "too many, window by window"
                )
                yield _finding("counter-disagrees", detail, count=check.missing + check.surplus, **of)
        lone = [b for b in kept.blocks if b.guardrail_only or b.transport_only]
        if lone:
            shown = "; ".join(
                f"{b.endpoint or 'no endpoint named'}: {b.both:,} told by both, {b.guardrail_only:,} by the "
                f"guardrail alone, {b.transport_only:,} by the transport alone"
                for b in lone[:SHOWN_FILES]
            )
            more = f"; and {len(lone) - SHOWN_FILES} more endpoints" if len(lone) > SHOWN_FILES else ""
            count = sum(b.guardrail_only + b.transport_only for b in lone)
            yield _finding("blocks-disagree", f"blocked requests at {shown}{more}", count=count, **of)
        if kept.zone_at_edge:
            detail = f"{kept.zone_at_edge:,} rows without a zone lie within {EDGE_HOURS} hours of the period's ends"
            yield _finding("zone-at-edge", detail, count=kept.zone_at_edge, **of)


def _documents(register: Register) -> Iterator[Finding]:
    for document in register.documents:
        block = document.block
        if document.sha256 is None:
            yield _finding("document-missing", f"{block.title}: {document.fault}", files=[block.file])
        elif block.attestation is not None and block.attestation.sha256 != document.sha256:
            detail = f"{block.title}: the attestation is for another version of the file"
            yield _finding("document-changed", detail, files=[block.file])


def _relabelled(audit: Audit, register: Register) -> Iterator[Finding]:
    """Labels by people that are not there, not sound, or leave items open."""
    for record in register.relabelled:
        block = record.block
        touched = [p.id for p in audit.principles if any(c.id == block.criterion for c in p.criteria)]
        named = [file.name for file in record.files]
        for fault in record.faults:
            detail = f"{block.id} for {block.criterion}: {fault}"
            yield _finding("relabelling-unusable", detail, files=named, principles=touched)
        if record.result is not None and record.result.without_reference:
            left = record.result.without_reference
            detail = (
                f"{block.id} for {block.criterion}: {left:,} of {record.result.drawn:,} answers have no label "
                "that both coders or an adjudicator stand for; they count the bad way in the worst case"
            )
            yield _finding("relabelling-incomplete", detail, files=named, principles=touched, count=left)
