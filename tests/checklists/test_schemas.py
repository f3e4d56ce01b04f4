"""The published JSON Schemas accept what ships and refuse what the readers refuse."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from auditgen.checklists import available_checklists
from auditgen.checklists.starter import starter
from auditgen.cli import run
from auditgen.cli.schema import KINDS, json_schema
from auditgen.indicators.definition import available_indicators
from auditgen.yamlspan import read_yaml, read_yaml_text

if TYPE_CHECKING:
    from pathlib import Path

TAILORING = """\
schema: auditgen-tailoring-1
id: ours
title: Ours
version: "1"
extends: eu-ai-act
exclude: ["4(1)"]
set: {days: "5"}
modify: {"9(8)": {severity: high, evidence: [{id: results, any_of: [EV-ACC]}]}}
"""


def shipped(kind: str, root: Path) -> dict[str, Any]:
    """Every file of a kind that ships, as values."""
    if kind == "tailoring":
        return {"tailoring": read_yaml_text(TAILORING, "x").value}
    paths = {
        "checklist": list(available_checklists().values()),
        "indicator": list(available_indicators().values()),
        "suite": sorted((root / "suites").glob("*.yaml")),
        "audit": sorted((root / "samples").glob("*/audit.yaml")),
    }[kind]
    return {path.name: read_yaml(path).value for path in paths}


@pytest.mark.parametrize("kind", KINDS)
def test_what_ships_is_valid(kind: str, pytestconfig: pytest.Config) -> None:
    schema = json_schema(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    found = shipped(kind, pytestconfig.rootpath)
    assert found
    for name, value in found.items():
        faults = [(list(e.absolute_path), e.message[:200]) for e in validator.iter_errors(value)]
        assert faults == [], name


def _spoil(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    out = copy.deepcopy(value)
    at = out
    for part in path[:-1]:
        at = at[part]
    if new is None:
        del at[path[-1]]
    else:
        at[path[-1]] = new
    return out


@pytest.mark.parametrize(
    ("kind", "path", "new"),
    [
        ("checklist", ("controls", 0, "severty"), "high"),
        ("checklist", ("controls", 0, "severity"), "hgh"),
        ("checklist", ("controls", 0, "requirement"), None),
        ("checklist", ("controls", 0, "evidence", 0, "any_of"), ["EV-RFE"]),
        ("checklist", ("controls", 0, "applies"), {"always": True, "role": "provider"}),
        ("checklist", ("schema",), "auditgen-checklist-2"),
        ("checklist", ("framework", "review", "last_checked"), 5),
        ("tailoring", ("extend",), "eu-ai-act"),
        ("tailoring", ("modify", "9(8)", "requirement"), "less"),
        ("indicator", ("shape",), "rat"),
        ("indicator", ("numerator", "outcomes"), ["refsued"]),
        ("audit", ("principles", 0, "criteria", 0, "min_n"), 0),
        ("audit", ("principles", 0, "promise"), None),
        ("audit", ("report", "mode"), "audit"),
        ("suite", ("suites", 0, "tol"), "garak"),
    ],
)
def test_what_is_spoiled_is_not(
    kind: str, path: tuple[Any, ...], new: Any, pytestconfig: pytest.Config
) -> None:
    validator = jsonschema.Draft202012Validator(json_schema(kind))
    value = next(iter(shipped(kind, pytestconfig.rootpath).values()))
    assert [*validator.iter_errors(_spoil(value, path, new))]


def test_a_new_file_is_valid_and_names_its_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = starter("mine", "2026-11-20")
    assert [
        *jsonschema.Draft202012Validator(json_schema("checklist")).iter_errors(
            read_yaml_text(text, "x").value
        )
    ] == []
    named = text.splitlines()[0].rpartition("$schema=")[2]
    assert run(["schema", "--out", str(tmp_path / "schemas")]) == 0
    written = {path.name: json.loads(path.read_text("utf-8")) for path in (tmp_path / "schemas").iterdir()}
    assert named in written
    assert set(written) == {f"{json_schema(k)['$id'].rpartition(':')[2]}.schema.json" for k in KINDS}
    assert capsys.readouterr().out.count("\n") == len(KINDS)
    assert run(["schema", "--out", str(tmp_path / "schemas")]) == 0  # a newer one replaces it


def test_it_says_what_it_is_and_describes_its_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "checklist"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == "urn:auditgen:schema:auditgen-checklist-1"
    effective = schema["$defs"]["Effective"]["properties"]
    assert "from" in effective  # by alias
    assert "from_" not in effective
    assert "operative date" in effective["from"]["description"]
    assert run(["schema"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(KINDS)


def test_a_directory_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(["schema", "checklist", "--out", str(tmp_path / "file" / "x")]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert run(["schema", "cheklist"]) == 2
