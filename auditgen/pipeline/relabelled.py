"""From workbooks that people filled in to what they show of a judge. Nothing of a faulty one counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditgen.assessment.relabelled import RelabelFile, RelabelRecord
from auditgen.canonical import sha256_bytes
from auditgen.diagnostics import printable, shown_value
from auditgen.indicators import CorrectionRefused, Quantity
from auditgen.indicators.drawn import draw
from auditgen.indicators.labelling import wording
from auditgen.indicators.relabelling import Codings, relabel, stage_of
from auditgen.pipeline.beside import Beside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from auditgen.evidence.engine import Evidence
    from auditgen.indicators import Measured, Request
    from auditgen.indicators.drawn import Draw
    from auditgen.project import Project
    from auditgen.project.relabelled import RelabelledBlock
    from auditgen.worksheet.labels import Filled, Item, Sheet

MAX_SHOWN = 5
MAX_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class RelabelInput:
    """The workbooks of one block, as they were read."""

    block: RelabelledBlock
    files: tuple[RelabelFile, ...]
    filled: tuple[Filled | None, ...]
    """In the order of `files`; None for what could not be read as a file."""
    faults: tuple[str, ...]


def read_relabelled(project: Project, paths: dict[str, Path]) -> tuple[RelabelInput, ...]:
    """Every workbook that audit.yaml names; what was read is added to `paths`."""
    return tuple(_read(project, block, paths) for block in project.audit.relabelled)


def _read(project: Project, block: RelabelledBlock, paths: dict[str, Path]) -> RelabelInput:
    from auditgen.worksheet.comparing import apart
    from auditgen.worksheet.reading import read_workbook

    files: list[RelabelFile] = []
    found: list[Filled | None] = []
    faults: list[str] = []
    for name, person in block.named:
        path, by = project.resolve(name), f"{person.name}, {person.role}"
        try:
            if not path.is_file():
                raise FileNotFoundError(2, "there is no such file")
            if path.stat().st_size > MAX_BYTES:
                raise OSError(27, f"it has more than {MAX_BYTES:,} bytes")
            data = path.read_bytes()
        except OSError as error:
            faults.append(f"`{printable(name)}` cannot be read: {error.strerror or error}")
            files.append(RelabelFile(name, "", by))
            found.append(None)
            continue
        paths[name] = path
        files.append(RelabelFile(name, sha256_bytes(data), by))
        one = read_workbook(data)
        found.append(one)
        faults += _told(name, [fault.text for fault in one.faults])
    read = [(file.name, one) for file, one in zip(files, found, strict=True) if one is not None]
    for number, fault in apart([one for _, one in read]).items():
        faults.append(f"`{printable(read[number][0])}`: {fault.text}")
    return RelabelInput(block, tuple(files), tuple(found), tuple(faults))


def _told(name: str, texts: Sequence[str]) -> Iterator[str]:
    """One line for each file: the first faults, and how many more there are."""
    if texts:
        more = f"; and {len(texts) - MAX_SHOWN:,} faults more" if len(texts) > MAX_SHOWN else ""
        yield f"`{printable(name)}`: {'; '.join(texts[:MAX_SHOWN])}{more}"


def relabelled_files(project: Project, inputs: Sequence[RelabelInput]) -> Iterator[Beside]:
    """The workbooks, each once, for the register and the pack."""
    seen: set[str] = set()
    for one in inputs:
        for file in one.files:
            if file.sha256 and file.name not in seen:
                seen.add(file.name)
                yield Beside("relabelled", file.name, project.resolve(file.name), file.sha256, file.by)


def relabelled_records(
    project: Project,
    inputs: Sequence[RelabelInput],
    evidence: Evidence,
    requests: Mapping[str, Request],
    measured: Mapping[str, Measured],
) -> tuple[RelabelRecord, ...]:
    """What every block shows, or why it shows nothing."""
    return tuple(
        _record(project, one, evidence, requests[one.block.criterion], measured[one.block.criterion])
        for one in inputs
    )


def _record(
    project: Project, one: RelabelInput, evidence: Evidence, request: Request, measured: Measured
) -> RelabelRecord:
    if one.faults:
        return RelabelRecord(one.block, one.files, faults=one.faults)
    filled = [found for found in one.filled if found is not None]
    task = filled[0].task
    assert task is not None
    asked = wording(request.indicator)
    for wanted, got, what in (
        (project.audit.report.id, task.audit_id, "report"),
        (request.id, task.criterion, "criterion"),
    ):
        if wanted != got:
            fault = f"the workbooks are of {what} {shown_value(got)}, not of `{wanted}`"
            return RelabelRecord(one.block, one.files, faults=(fault,))
    if task.definition != request.indicator.digest or (task.yes, task.no) != (asked.yes, asked.no):
        fault = f"the workbooks ask by another definition of `{request.indicator.id}`"
        return RelabelRecord(one.block, one.files, faults=(fault,))
    if not isinstance(measured, Quantity):
        fault = f"nothing was measured that they could correct: {measured.reason}"
        return RelabelRecord(one.block, one.files, faults=(fault,))
    found = draw(evidence, request, audit_id=task.audit_id, seed=task.seed, limit=task.drawn)
    fault = _other_sample(found, filled)
    if fault:
        return RelabelRecord(one.block, one.files, faults=(fault,))
    items = [record.item for record in found.records]
    first, second, *third = (tuple(one.labels.get(item) for item in items) for one in filled)
    codings = Codings(
        judge=tuple(record.is_hit for record in found.records),
        first=first,
        second=second,
        adjudicator=third[0] if third else None,
    )
    try:
        stage = stage_of(measured, found)
    except CorrectionRefused as refusal:
        return RelabelRecord(one.block, one.files, faults=(str(refusal),))
    return RelabelRecord(
        block=one.block,
        files=one.files,
        result=relabel(stage, codings),
        seed=found.seed,
        population=found.population[1],
        words=(asked.yes, asked.no),
    )


def _other_sample(found: Draw, filled: Sequence[Filled]) -> str:
    """Why these workbooks are not of this sample; empty when they are."""
    task = filled[0].task
    assert task is not None
    if not found.records or found.digest != task.sample or found.population[1] != task.population:
        return (
            f"seed {task.seed} draws another sample from this evidence ({found.population[1]:,} records, the "
            f"workbooks say {task.population:,}): the evidence or audit.yaml changed since they were "
            "written, or they are not what was written"
        )
    shown = {item.id: item.text_digest for item in items_of(found)}
    if any(one.texts != shown for one in filled):
        return "the workbooks show other texts than the evidence holds"
    return ""


def items_of(found: Draw) -> tuple[Item, ...]:
    """The sample as the cells show it."""
    from auditgen.worksheet.labels import Item
    from auditgen.worksheet.writing import shown

    absent = {"redacted_by_tool": "(withheld by the tool that exported it)"}
    return tuple(
        shown(
            Item(
                record.item,
                absent.get(record.prompt_state, "(not in the export)")
                if record.prompt is None
                else record.prompt,
                record.response or "(an empty response)",
            )
        )
        for record in found.records
    )


def sheet_of(audit_id: str, request: Request, found: Draw) -> Sheet:
    """Everything that the coders' workbooks hold."""
    from auditgen.worksheet.labels import Sheet, Task

    asked = wording(request.indicator)
    task = Task(
        audit_id=audit_id,
        criterion=request.id,
        definition=request.indicator.digest,
        seed=found.seed,
        drawn=len(found.records),
        population=found.population[1],
        sample=found.digest,
        yes=asked.yes,
        no=asked.no,
    )
    return Sheet(task, asked, items_of(found))
