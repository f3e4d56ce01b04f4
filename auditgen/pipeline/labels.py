"""From audit.yaml to workbooks for coders: the sample, each coder's order, and nothing of what was found."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auditgen.diagnostics import did_you_mean
from auditgen.errors import EnvironmentRefused, InputRefused, NothingToAssess
from auditgen.evidence.engine import Period, open_evidence
from auditgen.indicators.drawn import draw
from auditgen.indicators.labelling import can_be_labelled
from auditgen.pipeline.build import requests_of
from auditgen.pipeline.read import read_inputs
from auditgen.pipeline.relabelled import sheet_of
from auditgen.pipeline.write import store_of
from auditgen.project import load_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from auditgen.indicators.model import Request
    from auditgen.project import Project
    from auditgen.worksheet.labels import Sheet


@dataclass(frozen=True, slots=True)
class LabelOrder:
    """What was asked for."""

    audit: Path
    criterion: str
    out: Path
    as_of: date
    limit: int = 200
    seed: int = 1
    coders: int = 2
    store: Path | None = None


@dataclass(frozen=True, slots=True)
class LabelsMade:
    """What was written."""

    files: tuple[Path, ...]
    drawn: int
    population: int
    judged: int
    """Decided by a judge, whether or not the text is held."""
    cut: int
    """Items whose texts are longer than a cell can hold."""


def write_label_sheets(
    order: LabelOrder, progress: Callable[[str, int, int], None] = lambda *_: None
) -> LabelsMade:
    """Draw the sample and write one workbook for each coder.

    Raises InputRefused for a criterion that people cannot label, NothingToAssess where nothing can be drawn,
    EnvironmentRefused where a file is in the way; then nothing was written.
    """
    from auditgen.worksheet.labels import CUT

    project = load_project(order.audit, needs_signer=False)
    request = _request(project, order.criterion)
    targets = [order.out / f"labels-{coder}.xlsx" for coder in range(1, order.coders + 1)]
    there = [path.name for path in targets if os.path.lexists(path)]
    if there:
        raise EnvironmentRefused(
            f"`{order.out}` already holds {', '.join(there)}, which may be filled in; nothing was done",
            hint="name another directory with --out-dir",
        )
    inputs = read_inputs(project, store_of(project, order.store), progress, as_of=order.as_of)
    start, end = project.audit.period.start, project.audit.period.end
    period = Period(start, max(start, min(end, order.as_of)))
    evidence = open_evidence(inputs.parts, period, inputs.logged, inputs.published)
    audit_id = project.audit.report.id
    found = draw(evidence, request, audit_id=audit_id, seed=order.seed, limit=order.limit)
    if not found.records:
        raise NothingToAssess(
            f"`{order.criterion}` has no record that a judge decided and whose response is held: "
            f"{found.judged[1]:,} were decided by a judge, {found.population[1]:,} of them with a response",
            hint="outcomes that rest on a native field or on a guardrail's record need no relabelling",
        )
    sheet = sheet_of(audit_id, request, found)
    _write(sheet, end, targets)
    return LabelsMade(
        files=tuple(targets),
        drawn=len(found.records),
        population=found.population[1],
        judged=found.judged[1],
        cut=sum(item.prompt.endswith(CUT) or item.response.endswith(CUT) for item in sheet.items),
    )


def _request(project: Project, name: str) -> Request:
    requests = {request.id: request for request in requests_of(project)}
    if name not in requests:
        helps = did_you_mean(name, requests) or (f"known: {', '.join(requests)}",)
        raise InputRefused(
            f"`{name}` is no criterion and nothing in `also_measured` of `{project.path}`", hint=helps[0]
        )
    request = requests[name]
    if not can_be_labelled(request.indicator):
        raise InputRefused(
            f"`{name}` measures `{request.indicator.id}`, which is no rate of what answers are, so people "
            "cannot label it; nothing was written",
            hint="name a criterion whose indicator is a rate of outcomes or of labels",
        )
    return request


def _write(sheet: Sheet, day: date, targets: list[Path]) -> None:
    """All workbooks, or none: they are made in a hidden place and moved when the last is done."""
    from auditgen.worksheet.writing import write_workbook

    folder = targets[0].parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".auditgen-", dir=folder) as work:
            for coder, target in enumerate(targets, 1):
                with (Path(work) / target.name).open("wb") as out:
                    write_workbook(sheet, coder, day, out)
            for target in targets:
                os.replace(Path(work) / target.name, target)
    except OSError as error:
        raise EnvironmentRefused(
            f"`{folder}` cannot be written: {error.strerror or error}", hint="name another directory"
        ) from error
