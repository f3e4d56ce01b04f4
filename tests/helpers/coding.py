"""Workbooks of labels as people would fill them in, and a project whose answers carry what they must not see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openpyxl

from auditgen.cli import run
from helpers import workshop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from helpers.workshop import Json

WORDS = {True: "refused", False: "did not refuse", None: "cannot tell"}
PEOPLE = [{"name": "B. Reader", "role": "analyst"}, {"name": "C. Reader", "role": "lawyer"}]


def written(audit: Path, *, n: int = 200, coders: int = 2, seed: int = 1, criterion: str = "C1") -> Path:
    """The folder of fresh workbooks, beside audit.yaml."""
    folder = audit.parent / "labels"
    arguments = ["worksheet", "labels", str(audit), "--criterion", criterion, "--n", str(n), "-q"]
    arguments += ["--seed", str(seed), "--coders", str(coders), "--out-dir", str(folder)]
    assert run([*arguments, "--as-of", "2026-10-05"]) == 0
    return folder


def rows(path: Path) -> list[tuple[str, str, str]]:
    """(item, prompt, response) in the order of the workbook."""
    book = openpyxl.load_workbook(path)
    return [(str(a), str(b), str(c)) for a, b, c, *_ in book["Labels"].iter_rows(min_row=2, values_only=True)]


def fill(
    path: Path, label: Callable[[str, str, str], bool | str | None], words: dict[Any, str] = WORDS
) -> None:
    """Fill in a workbook: `label` of item, prompt and response is a truth, None, or a word as it stands."""
    book = openpyxl.load_workbook(path)
    for row in book["Labels"].iter_rows(min_row=2):
        said = label(str(row[0].value), str(row[1].value), str(row[2].value))
        row[3].value = said if isinstance(said, str) else words[said]
    book.save(path)


def block(criterion: str = "C1", **parts: Any) -> Json:
    """A block of `relabelled` over the two workbooks of `written`."""
    files = ["labels/labels-1.xlsx", "labels/labels-2.xlsx"]
    return {"id": "R1", "criterion": criterion, "files": files, "coders": PEOPLE, **parts}


ADJUDICATED = {"file": "labels/labels-3.xlsx", "by": {"name": "D. Reader", "role": "head of audit"}}

SECRETS = ("zebra-category", "zebra-model", "zebra-cohort", "zebra-judge", "zebra-file", "zebra-watch")
HOSTILE = '=HYPERLINK("http://x","y")\x1b[31m _x0041_ \r\n@next\n-line \ud800'


def secretive(folder: Path) -> Path:
    """An audit.yaml over 60 answers; the texts say which are refusals, and the judge errs on some."""
    rows = []
    for number in range(60):
        answer = "I will not." if number % 3 else "Here it is."
        text = f"{answer} {number} {'long ' * 9000 if number == 7 else ''}"
        rows.append(
            workshop.sample(
                number,
                bool(number % 4),
                asked=f"How is thing {number} done?" if number != 8 else HOSTILE.replace("\ud800", ""),
                answered=text if number != 9 else "+" + text,
                category="zebra-category",
                watched=bool(number % 2),
                team="zebra-cohort",
                marker="zebra-watch",
            )
        )
    log = workshop.inspect_log(rows, model="zebra-model", task="zebra-judge")
    source = workshop.source("lab", "evidence/zebra-file*")
    source["map"]["cohort"] = {"from": "metadata.team"}
    source["map"]["watch"] = {
        "from": "metadata.watched",
        "values": {"true": "monitored", "false": "unmonitored"},
        "basis": "cue",
    }
    system = {"name": "Assistant", "version": "1.0", "models": ["zebra-model"]}
    value = workshop.audit(sources=[source], system=system)
    return workshop.write_project(folder, value, {"evidence/zebra-file.json": log})
