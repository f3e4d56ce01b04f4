"""The first sheet of an audit's workbook: what each sheet is for, and what must not be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditgen.worksheet.sheets import DELETE, DELETE_TITLE

if TYPE_CHECKING:
    from auditgen.worksheet.sheets import Page

PURPOSES = {
    "About": "the organisation, the system, the period and the report.",
    "Profile": "questions that decide which controls apply. What is left empty stays open.",
    "Principles": "the promises, in your own words.",
    "Criteria": "when a promise counts as kept. The numbers are yours; fix them before the data are there.",
    "Expected": "evidence that should exist. When it was not received, its criteria cannot be met.",
    "Documents": "policies, plans and statements.",
    "Attestations": "a named reviewer's word on one version of a document; one row for each document.",
    "Waivers": "who accepts, for a time, that a control is not shown to be met.",
    "Remediation": "who repairs which weakness, and until when.",
    "Controls": "every control of the chosen checklists. Only the column “Answered by” can be edited.",
    "Sources": "the files of evidence, to read. They are changed in audit.yaml.",
}


def guidance(pages: tuple[Page, ...], name: str) -> tuple[tuple[str, bool], ...]:
    """Lines with whether each is a heading."""
    return (
        (f"The audit {name} as a workbook", True),
        (
            "This workbook shows the parts of audit.yaml that people without YAML edit. When you are done, "
            "save it as .xlsx and give it back. The command auditgen worksheet import makes a new "
            "audit.yaml of it. What has no sheet here (how files are read, counters, keys) stays as it is.",
            False,
        ),
        ("The sheets", True),
        *((f"\N{BULLET} {page.title}: {PURPOSES[page.title]}", False) for page in pages),
        ("What to do", True),
        (
            "1. Edit white cells. Grey cells are to read. The note of a heading says what its column means.",
            False,
        ),
        (
            "2. Where a cell has a list, choose from it. Dates are dates and numbers are numbers, not texts.",
            False,
        ),
        ("3. To add an entry, fill in the next empty row, with an id of its own.", False),
        (
            f"4. To take an entry out, choose “{DELETE}” in its column “{DELETE_TITLE}”. Do not "
            "remove rows: a row that is lost is a fault, so that nothing disappears by accident.",
            False,
        ),
        ("5. An empty cell means that the key is left out; the notes say what then counts.", False),
        ("What not to do", True),
        (
            "Do not rename sheets or columns, do not change ids, do not merge cells and do not use "
            "formulas. If something is wrong, the import names every sheet and cell, and writes nothing.",
            False,
        ),
        ("What it does not do", True),
        (
            "A changed threshold is another declaration: an earlier sealed plan no longer holds "
            "it, and the report says so. The workbook is protected without a password; "
            "that keeps from slips, not from intent.",
            False,
        ),
    )
