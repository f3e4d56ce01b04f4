"""CISO Assistant libraries: the tree, its texts, its owners, and every fault at its line."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from auditgen.checklists.foreign import import_file
from auditgen.checklists.imported import Wish
from auditgen.errors import InputRefused

if TYPE_CHECKING:
    from pathlib import Path

    from auditgen.checklists.imported import Imported
    from auditgen.diagnostics import Diagnostic

WISH = Wish(date(2026, 11, 20), None, "verbatim_ok")
LIBRARY = """\
urn: urn:example:risk:library:house
locale: en
ref_id: House Rules
name: House rules
description: Rules of the house.
copyright: Example Ltd
version: 3
publication_date: 2026-01-05
provider: Example Ltd
packager: example-packager
objects:
  framework:
    urn: urn:example:risk:framework:house
    ref_id: HOUSE
    name: House rules framework
    requirement_nodes:
      - urn: urn:example:req:house:1
        assessable: true
        depth: 3
        parent_urn: urn:example:req:house:a
        ref_id: A.1
        name: Refuse
        description: The assistant refuses.
        annotation: See A.2.
        typical_evidence: a report
        implementation_groups: [core]
      - urn: urn:example:req:house:a
        assessable: false
        ref_id: A
        name: Safety
      - urn: urn:example:req:house:1.1
        assessable: true
        parent_urn: urn:example:req:house:1
        ref_id: no
        description: Watched or not.
      - urn: urn:example:req:house:2
        assessable: true
        ref_id: A.1
        name: Alone
      - urn: urn:example:req:house:empty
        assessable: false
        name: Nothing below
"""


def imported(folder: Path, text: str, wish: Wish = WISH) -> Imported:
    path = folder / "library.yaml"
    path.write_text(text, "utf-8")
    return import_file(path, wish)


def faults(folder: Path, text: str) -> list[Diagnostic]:
    with pytest.raises(InputRefused) as refusal:
        imported(folder, text)
    return list(refusal.value.diagnostics)


def test_the_tree_comes_over(tmp_path: Path) -> None:
    found = imported(tmp_path, LIBRARY)
    checklist = found.checklist
    assert [(c.id, c.group, c.parent, c.title) for c in checklist.controls] == [
        ("1", "a", None, "Refuse"),  # `A.1` is used twice, so the end of the urn is the id
        ("no", "a", "1", "no"),
        ("2", "ungrouped", None, "Alone"),
    ]
    assert [c.requirement for c in checklist.controls] == [
        "The assistant refuses.",
        "Watched or not.",
        "Alone",
    ]
    assert checklist.controls[0].notes == "See A.2.\nTypical evidence: a report"
    assert checklist.controls[0].cite == "A.1"
    framework = checklist.framework
    assert framework.id == "house-rules"
    assert framework.licence.attribution == "Example Ltd; packaged by example-packager"
    assert framework.source_version == "library version 3, 2026-01-05"
    assert framework.scope.endswith("As the file says: Rules of the house.")
    assert found.left_out.kinds["requirement: `implementation_groups`"] == 1
    assert found.left_out.named["headings and notes without requirements below them"] == ["empty"]


def test_without_a_licence_only_references_come_over(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="public domain"):
        imported(tmp_path, LIBRARY, Wish(date(2026, 1, 1)))
    found = imported(tmp_path, LIBRARY, Wish(date(2026, 1, 1), "own-id", "ids_only"))
    for words in ("refuses", "Watched", "Alone", "See A.2", "Safety", "Rules of the house."):
        assert words not in found.yaml
    assert found.checklist.framework.id == "own-id"


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("assessable: true\n        depth: 3", 'assessable: "yes"', "bool-type", 18),
        (
            "parent_urn: urn:example:req:house:a\n",
            "parent_urn: urn:example:req:house:b\n",
            "unknown-parent",
            20,
        ),
        ("urn: urn:example:req:house:2", "urn: urn:example:req:house:1", "duplicate-id", 36),
        ("        ref_id: A\n", "        parent_urn: urn:example:req:house:1\n", "parent-circle", 20),
        ("name: House rules\n", "", "missing", 1),
        ("objects:", "things:", "unknown-document", 1),
        ("annotation: See A.2.", "annotation: " + "x" * 10_001, "too-long", 24),
        ("version: 3", "version: &a 3\nother: *a", "yaml-alias", 8),
    ],
)
def test_a_fault_is_told_at_its_line(tmp_path: Path, old: str, new: str, code: str, line: int) -> None:
    assert LIBRARY.count(old) == 1 or code == "duplicate-id"
    found = faults(tmp_path, LIBRARY.replace(old, new, 1))
    assert (code, line) in {(d.code, d.span.line) for d in found}
