"""What docs/checklists.md teaches is true: its example is sound, its tables are complete."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from auditgen.checklists import EVIDENCE_CODES, Control, available_checklists, load_checklist
from auditgen.checklists.model import Expression, Framework, Licence, Mapping
from auditgen.checklists.tailoring import Modification, Tailoring
from auditgen.cli import run

DOCS = Path(__file__).parents[2] / "docs" / "checklists.md"


def test_the_example_lints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    path = tmp_path / "my-checklist.yaml"
    path.write_text(example, "utf-8")
    assert run(["standards", "lint", str(path)]) == 0
    assert capsys.readouterr().out == f"ok: 2 controls in {path}\n"


def test_the_tailoring_of_the_page_works_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    (example,) = re.findall(
        r"```\n(schema: auditgen-tailoring-1\n.*?)```", DOCS.read_text("utf-8"), re.DOTALL
    )
    path = tmp_path / "ours.yaml"
    path.write_text(example, "utf-8")
    checklist = load_checklist(path)
    assert "art-26" not in {group.id for group in checklist.groups}
    assert "controls are left out: 26(1)" in checklist.framework.scope
    assert "1 of the" in checklist.framework.scope
    text = DOCS.read_text("utf-8")
    for name in {*Tailoring.model_fields, *Modification.model_fields}:
        assert f"`{name.rstrip('_')}`" in text, name


def test_what_ships_is_listed() -> None:
    text = DOCS.read_text("utf-8")
    for name in available_checklists():
        assert f"`{name}`" in text, name


def test_the_table_of_codes_is_the_catalogue() -> None:
    rows = re.findall(
        r"^\| `([A-Z]{2}-[A-Z]+)` \| (\w+) \| ([^|]+) \|", DOCS.read_text("utf-8"), re.MULTILINE
    )
    assert rows == [(code, kind.value, title) for code, (kind, title) in EVIDENCE_CODES.items()]


def test_every_field_and_word_is_explained() -> None:
    text = DOCS.read_text("utf-8")
    names = {*Framework.model_fields, *Control.model_fields, *Expression.model_fields}
    for name in names:
        assert re.search(rf"`{name}\b", text), name
    for model, field in ((Mapping, "rel"), (Mapping, "rationale"), (Licence, "policy")):
        for word in get_args(model.model_fields[field].annotation):
            assert f"`{word}`" in text
    for word in get_args(Control.model_fields["kind"].annotation):
        assert f"`{word}`" in text
