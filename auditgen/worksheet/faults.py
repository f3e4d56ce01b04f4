"""Why a workbook cannot be used, with the place in it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a workbook cannot be used, and where that stands in it."""

    code: str
    message: str
    sheet: str = ""
    cell: str = ""

    @property
    def place(self) -> tuple[int, int]:
        """Row and column of the cell, from 1; the first where the fault is of a whole sheet."""
        found = re.fullmatch(r"([A-Z])([0-9]+)", self.cell)
        return (1, 1) if found is None else (int(found[2]), ord(found[1]) - ord("A") + 1)

    @property
    def text(self) -> str:
        """In one line, with the place."""
        place = ""
        if self.sheet:
            place = f"sheet `{self.sheet}`" + (f", cell `{self.cell}`" if self.cell else "") + ": "
        return f"{place}{self.message}"


class Unusable(Exception):
    """Nothing more can be read from a workbook; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault
