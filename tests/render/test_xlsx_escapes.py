"""A text that reads as a character's number is shown as it was written (ECMA-376, ST_Xstring)."""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING

from helpers import workshop

if TYPE_CHECKING:
    from pathlib import Path

TITLE = "Say _x0041_x0042_ and _x005F_"


def test_no_text_of_the_report_reads_as_a_number_of_a_character(tmp_path: Path) -> None:
    value = workshop.audit()
    value["principles"][0]["title"] = TITLE
    log = workshop.inspect_log(workshop.samples(40))
    audit = workshop.write_project(tmp_path / "project", value, {"evidence/lab.json": log})
    workshop.draft(audit, tmp_path / "out", ("xlsx",))
    with zipfile.ZipFile(tmp_path / "out" / "report.xlsx") as archive:
        names = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        text = "".join(archive.read(name).decode("utf-8") for name in names)
    shown = re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)
    assert TITLE not in text
    assert TITLE in shown
