"""A workbook as it came back: every fault with its cell, all of them at once.

A workbook is somebody's file: it is measured before it is opened, and nothing in it is taken on trust.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from auditgen.diagnostics import did_you_mean, shown_value
from auditgen.indicators.drawn import sample_digest
from auditgen.indicators.labelling import CANNOT_TELL
from auditgen.worksheet.faults import Fault, Unusable
from auditgen.worksheet.labels import COLUMNS, KEEP, SCHEMA, SHEET, Filled, Task, text_digest
from auditgen.worksheet.opening import measure, page_cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KEYS = (
    "schema", "audit", "criterion", "definition", "seed", "drawn", "population", "sample", "coder", "yes",
    "no",
)  # fmt: skip
_ITEM = re.compile(r"[0-9a-f]{20}")


def read_workbook(data: bytes) -> Filled:
    """What one workbook holds. Never raises for what is in it: that is told as faults."""
    try:
        measure(data)
        kept, rows = _sheets(data)
        task, coder, digests = _kept(kept)
    except Unusable as stop:
        return Filled(None, 0, {}, {}, (stop.fault,))
    labels, texts, faults = _labels(rows, task, digests)
    return Filled(task, coder, labels, texts, tuple(faults))


def _sheets(data: bytes) -> tuple[list[list[Any]], list[list[Any]]]:
    """The rows of the kept sheet and of the labels, as cells."""
    from openpyxl import load_workbook

    try:
        workbook = load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
        try:
            names = [page.title for page in workbook.worksheets]
            missing = [name for name in (SHEET, KEEP) if name not in names]
            if len(missing) == 2:
                message = "it was not written by `auditgen worksheet labels`"
                raise Unusable(Fault("labels-not-ours", message))
            if missing:
                listed = ", ".join(shown_value(name) for name in names[:10])
                message = f"there is no sheet `{missing[0]}`; it was renamed or removed. There is {listed}"
                raise Unusable(Fault("labels-sheet", message))
            return page_cells(workbook[KEEP]), page_cells(workbook[SHEET])
        finally:
            workbook.close()
    except Unusable:
        raise
    except Exception as error:  # openpyxl raises whatever its XML makes it raise
        message = f"it is no sound workbook: {type(error).__name__}"
        raise Unusable(Fault("labels-unreadable", message)) from error


def _value(row: list[Any], column: int) -> str:
    """A cell's text; empty for what is not there."""
    value = row[column].value if 0 <= column < len(row) else None
    return "" if value is None else str(value).strip()


def _kept(rows: list[list[Any]]) -> tuple[Task, int, dict[str, str]]:
    """What the workbook says of itself: the task, the coder, and the digests of the texts by item."""
    pairs = [(_value(row, 0), _value(row, 1)) for row in rows]
    told = dict(pairs[: len(KEYS)])
    if told.get("schema") != SCHEMA:
        raise Unusable(Fault("labels-not-ours", f"it does not say `{SCHEMA}`", KEEP, "B1"))
    if tuple(told) != KEYS:
        raise Unusable(Fault("labels-kept", "what the reading needs was changed", KEEP))
    numbers = {}
    for name in ("seed", "drawn", "population", "coder"):
        if not re.fullmatch(r"[0-9]{1,18}", told[name]):
            cell = f"B{KEYS.index(name) + 1}"
            raise Unusable(Fault("labels-kept", f"`{name}` is no whole number", KEEP, cell))
        numbers[name] = int(told[name])
    digests = dict(pair for pair in pairs[len(KEYS) :] if any(pair))
    is_whole = len(digests) == numbers["drawn"] and sample_digest(digests) == told["sample"]
    if not is_whole or not all(_ITEM.fullmatch(item) for item in digests):
        raise Unusable(Fault("labels-kept", "the list of items is not the one that was drawn", KEEP))
    task = Task(
        audit_id=told["audit"],
        criterion=told["criterion"],
        definition=told["definition"],
        seed=numbers["seed"],
        drawn=numbers["drawn"],
        population=numbers["population"],
        sample=told["sample"],
        yes=told["yes"],
        no=told["no"],
    )
    return task, numbers["coder"], digests


def _labels(
    rows: list[list[Any]], task: Task, digests: Mapping[str, str]
) -> tuple[dict[str, bool | None], dict[str, str], list[Fault]]:
    heads = [_value(rows[0], column) for column in range(len(rows[0]))] if rows else []
    missing = [name for name in COLUMNS if heads.count(name) != 1]
    if missing:
        message = f"its first row must name each column once: {', '.join(COLUMNS)}; wrong: {missing[0]}"
        return {}, {}, [Fault("label-columns", message, SHEET, "A1")]
    at = {name: heads.index(name) for name in COLUMNS}
    faults: list[Fault] = []
    labels: dict[str, bool | None] = {}
    texts: dict[str, str] = {}
    words = {task.yes.casefold(): True, task.no.casefold(): False, CANNOT_TELL.casefold(): None}
    for number, row in enumerate(rows[1:], 2):
        if not any(_value(row, column) for column in range(len(row))):
            continue
        faults += _formulas(row, number)
        item = _value(row, at["Item"])
        place = f"{_letter(at['Item'])}{number}"
        if item not in digests:
            message = f"{shown_value(item)} is no item of this sample; the id was changed, or the row added"
            helps = did_you_mean(item, digests)
            faults.append(Fault("label-item", "; ".join([message, *helps]), SHEET, place))
            continue
        if item in texts:
            faults.append(Fault("label-twice", f"item `{item}` stands here a second time", SHEET, place))
            continue
        texts[item] = text_digest(_value(row, at["Prompt"]), _value(row, at["Response"]))
        if texts[item] != digests[item]:
            message = f"the prompt or the response of item `{item}` was changed"
            faults.append(Fault("label-text", message, SHEET, f"{_letter(at['Prompt'])}{number}"))
        word = _value(row, at["Label"])
        if not word:
            continue
        if word.casefold() not in words:
            message = f"{shown_value(word)} is not one of {task.yes}, {task.no}, {CANNOT_TELL}"
            faults.append(Fault("label-word", message, SHEET, f"{_letter(at['Label'])}{number}"))
            continue
        labels[item] = words[word.casefold()]
    faults += [
        Fault("label-removed", f"the row of item `{item}` was removed", SHEET)
        for item in digests
        if item not in texts
    ]
    return labels, texts, faults


def _formulas(row: list[Any], number: int) -> Iterator[Fault]:
    for column, cell in enumerate(row):
        if getattr(cell, "data_type", "n") == "f":
            place = f"{_letter(column)}{number}"
            yield Fault("label-formula", "a formula stands where text is expected", SHEET, place)


def _letter(column: int) -> str:
    """The letter of a column by its number from 0; there are few."""
    return chr(ord("A") + column) if column < 26 else f"A{chr(ord('A') + column - 26)}"
