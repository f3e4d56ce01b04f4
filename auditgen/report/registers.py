"""The registers: evidence files by source, documents."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from auditgen.assessment import Verdict, attestation_fault
from auditgen.checklists import EVIDENCE_CODES
from auditgen.evidence.model import GRADE_WORDS, agreement_text
from auditgen.evidence.pseudonym import key_id
from auditgen.report import figures, model, published, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditgen.assessment import Assessment, DocumentRecord, Register
    from auditgen.evidence.mapping import RecordMap
    from auditgen.evidence.model import Reading
    from auditgen.project import Project
    from auditgen.project.model import SourceBlock
    from auditgen.sources.suites import Suite

MAX_NAMES = 6
MAX_RUNS = 50


def source_views(
    project: Project,
    register: Register,
    mapping_digests: Mapping[str, str],
    file_digests: Mapping[str, str],
) -> tuple[model.SourceView, ...]:
    """Every declared source with its files, found or not.

    `file_digests` are those of labels and own suite files, by their name in audit.yaml.
    """
    audit = project.audit
    files: dict[str, list[Reading]] = defaultdict(list)
    for reading in register.readings:
        files[reading.source_id].append(reading)
    return tuple(
        _source(
            source,
            files.get(source.id, []),
            mapping_digests.get(source.id, ""),
            [
                *_label_lines(source, file_digests),
                *_suite_lines(project, files.get(source.id, []), file_digests),
            ],
            tuple(_suites(project, files.get(source.id, []))),
        )
        for source in audit.sources
    )


def _source(
    source: SourceBlock,
    readings: list[Reading],
    digest: str,
    read_by: list[str],
    suites: tuple[model.SuiteView, ...],
) -> model.SourceView:
    custody, provider = source.custody, source.provider
    note = f"; {custody.note}" if custody.note else ""
    return model.SourceView(
        id=source.id,
        title=source.title,
        provider=provider.name,
        independence=provider.independence.value.replace("_", " "),
        paid_by=provider.paid_by or "",
        custody=f"received from {custody.received_from} on {custody.received_on.isoformat()} "
        f"by {custody.received_by}{note}",
        aliases=tuple(
            f"recorded `{a.recorded}` stands for `{a.is_}` ({a.basis})" for a in source.aliases
        ),
        mapping_digest=digest,
        mapping=(*_rule_lines(source.map), *read_by),
        suites=suites,
        files=tuple(_file(reading) for reading in sorted(readings, key=lambda r: r.path)),
    )


def _suites(project: Project, readings: list[Reading]) -> Iterator[model.SuiteView]:
    """The descriptions that these files were read by, in the order of the library."""
    used = {by for reading in readings for by in reading.suites.values()}
    told: set[str] = set()
    for file in project.suites.files:
        for suite in file.suites:
            if suite.id in used and suite.id not in told:
                told.add(suite.id)
                yield model.SuiteView(
                    id=suite.id,
                    title=suite.title,
                    measures=" ".join(suite.measures.split()),
                    caveats=tuple(" ".join(caveat.split()) for caveat in suite.caveats),
                )


def _label_lines(source: SourceBlock, digests: Mapping[str, str]) -> Iterator[str]:
    labels = source.labels
    if labels is not None:
        yield (
            f"refusal labels from `{labels.file}` (SHA-256 {digests.get(labels.file, 'not read')}) "
            f"by {labels.by} ({labels.kind})"
        )


def _suite_lines(
    project: Project, readings: list[Reading], digests: Mapping[str, str]
) -> Iterator[str]:
    """The rules of the project's own suite files that these files were read by."""
    used = {by for reading in readings for by in reading.suites.values()}
    for name, file in zip(project.audit.suites, project.suites.files, strict=False):
        suites = [suite for suite in file.suites if suite.id in used]
        if not suites:
            continue
        yield f"own suite file `{name}` (SHA-256 {digests.get(name, 'not read')}), before the shipped ones:"
        for suite in suites:
            names = ", ".join(f"`{pattern}`" for pattern in suite.names[:MAX_NAMES])
            lines = [*_rule_lines(suite.map.as_record_map()), *_meaning_lines(suite)]
            yield from (f"suite {suite.id} (fits {names}): {line}" for line in lines)


def _meaning_lines(suite: Suite) -> Iterator[str]:
    for meaning in suite.scores:
        mark = "" if meaning.threshold is None else f", pass mark {meaning.threshold:g}"
        way = "no direction" if meaning.better == "neutral" else f"{meaning.better} is better"
        yield f"score `{meaning.metric}`: {way}{mark}"


def _rule_lines(mapping: RecordMap) -> list[str]:
    out = []
    for field, rules in mapping.rules().items():
        for rule in rules:
            if rule.is_ is not None:
                text = f"{field} = `{rule.is_}`"
            else:
                text = f"{field} from `{rule.from_}`"
            if rule.bands:
                text += ": " + ", ".join(band.text for band in rule.bands)
            if rule.values and any(k != v for k, v in rule.values.items()):
                text += ": " + ", ".join(f"`{k}` = {v}" for k, v in rule.values.items())
            if rule.pseudonym:
                text += f", as a pseudonym under key {key_id(mapping)}"
            basis = getattr(rule, "basis", None)
            out.append(text + (f" ({str(basis.value).replace('_', ' ')})" if basis else ""))
    out += [f"score `{name}` from `{column}`" for name, column in (mapping.scores or {}).items()]
    if mapping.sheet is not None:
        out.append(f"sheet `{mapping.sheet}`")
    if mapping.table is not None:
        out.append(f"table `{mapping.table}`")
    if mapping.time_zone is not None:
        out.append(f"times without a zone are those of {mapping.time_zone}")
    return out


def _file(reading: Reading) -> model.FileView:
    counts = reading.counts
    tool = " ".join(part for part in (reading.tool, reading.tool_version) if part)
    return model.FileView(
        path=reading.path,
        sha256=reading.sha256,
        bytes=reading.bytes,
        format=reading.format or "unrecognised",
        recognised_by=reading.recognised_by,
        tool=tool or "unknown",
        reader=" ".join(part for part in (reading.reader, reading.reader_version) if part),
        runs=tuple(_run_names(reading)),
        models=reading.models,
        first_at=words.moment(reading.first_at),
        last_at=words.moment(reading.last_at),
        planned=counts.planned,
        observations=counts.observations,
        executed=counts.executed,
        errored=counts.errored,
        scored=counts.scored,
        unscored=counts.unscored,
        grade=f"{reading.grade.value}: {GRADE_WORDS[reading.grade]}" if reading.grade else "",
        completeness={k: v.value for k, v in reading.completeness.items()},
        notes=tuple(_file_notes(reading)),
        doubts=tuple(anomaly.code for anomaly in reading.anomalies),
        status=_file_status(reading),
    )


def _run_names(reading: Reading) -> Iterator[str]:
    for run in reading.runs[:MAX_RUNS]:
        yield f"{run.suite or 'run'} {run.native_id or '(no id)'}".strip()
    if len(reading.runs) > MAX_RUNS:
        yield f"and {len(reading.runs) - MAX_RUNS:,} more"


def _file_notes(reading: Reading) -> Iterator[str]:
    printed = reading.beside.get("published_counts", 0)
    if printed:
        yield f"{words.plural(printed, 'figure')}, no records: {published.NOTE}"
    yield from reading.about
    if reading.companions:
        yield f"read together with {', '.join(reading.companions)}"
    described = sorted({by for by in reading.suites.values() if by and by != "audit.yaml"})
    if described:
        yield f"scores read by the description of {', '.join(described[:MAX_NAMES])}" + (
            f" and {len(described) - MAX_NAMES} more" if len(described) > MAX_NAMES else ""
        )
    for pair, table in reading.agreement.items():
        yield f"refusal labels {agreement_text(pair, table)}"


def _file_status(reading: Reading) -> figures.Status:
    if not reading.format:
        return figures.Status(code="not_read", word="not read", tone="bad")
    if reading.role == "companion" and not any(a.blocks for a in reading.anomalies):
        return figures.Status(code="read_with_others", word="describes other files", tone="none")
    if reading.is_vacuous:
        return figures.Status(code="no_evidence", word="no evidence", tone="bad")
    if reading.anomalies:
        return figures.Status(code="read_with_doubts", word="read, with doubts", tone="comment")
    return figures.Status(code="read", word="read", tone="good")


def document_views(assessment: Assessment) -> tuple[model.DocumentView, ...]:
    """Every named document."""
    return tuple(_document(d, assessment) for d in assessment.register.documents)


def _document(record: DocumentRecord, assessment: Assessment) -> model.DocumentView:
    block = record.block
    attestation = block.attestation
    if record.sha256 is None:
        status = figures.Status(code="missing", word="missing", tone="bad")
        detail = record.fault
    elif attestation is None:
        status = words.VERDICTS[Verdict.NEEDS_REVIEW]
        detail = "nobody attested what it satisfies"
    elif fault := attestation_fault(record, assessment.as_of):
        status = words.VERDICTS[Verdict.NEEDS_REVIEW]
        detail = f"the attestation does not count, {fault}"
    else:
        status = figures.Status(code="attested", word="attested", tone="good")
        reviewer = attestation.reviewer
        detail = (
            f"{attestation.passage}: {attestation.statement} ({reviewer.name}, {reviewer.role}, "
            f"{attestation.date.isoformat()})"
        )
    return model.DocumentView(
        id=block.id,
        kind=block.kind,
        kind_title=EVIDENCE_CODES[block.kind][1],
        title=block.title,
        file=block.file,
        version=block.version,
        dated=block.dated.isoformat(),
        owner=block.owner,
        sha256=record.sha256 or "",
        status=status,
        detail=detail,
    )
