"""Relations are read from both sides, carry what NIST IR 8477 lets them carry, and leave as OSCAL."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from auditgen.checklists import available_checklists, load_checklist
from auditgen.checklists.crosswalk import INVERSE, crosswalk, inverse, relations
from auditgen.checklists.oscal import mapping_collection
from auditgen.cli import run

if TYPE_CHECKING:
    from pathlib import Path

    from auditgen.checklists import Checklist


@pytest.fixture(scope="module")
def shipped() -> dict[str, Checklist]:
    return {name: load_checklist(path) for name, path in available_checklists().items()}


def pair(sound: str, rel: str) -> str:
    return sound.replace(
        "    severity: low\n",
        "    severity: low\n"
        f'    maps: [{{to: "nist-ai-rmf:GOVERN 1.1", rel: {rel}, rationale: semantic, strength: 3}}]\n',
    )


@pytest.mark.parametrize(
    ("rel", "forward", "backward"),
    [
        ("equal", True, True),
        ("superset_of", True, False),
        ("subset_of", False, True),
        ("intersects_with", False, False),
        ("no_relationship", False, False),
    ],
)
def test_what_carries_a_verdict(
    sound: str, tmp_path: Path, shipped: dict[str, Checklist], rel: str, forward: bool, backward: bool
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(pair(sound, rel))
    every = relations([load_checklist(path), shipped["nist-ai-rmf"]])
    (there,) = crosswalk(every, "house-rules", "nist-ai-rmf")
    (back,) = crosswalk(every, "nist-ai-rmf", "house-rules")
    assert (there.carries, back.carries) == (forward, backward)
    assert inverse(back) == there
    assert back.rel == INVERSE[rel]
    assert (back.focal, back.reference) == ("nist-ai-rmf:GOVERN 1.1", "house-rules:2")


def test_a_control_that_is_not_there_carries_nothing(sound: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(pair(sound, "equal").replace("GOVERN 1.1", "GOVERN 9.9"))
    nist = load_checklist(available_checklists()["nist-ai-rmf"])
    (found,) = relations([load_checklist(path), nist])[:1]
    assert found.is_dangling
    assert not found.carries
    assert found.effect == "no such control"


def test_the_command_reads_both_directions(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["standards", "crosswalk", "eu-ai-act", "nist-ai-rmf", "--format", "json"]) == 0
    there = json.loads(capsys.readouterr().out)
    assert run(["standards", "crosswalk", "nist-ai-rmf", "eu-ai-act", "--format", "json"]) == 0
    back = json.loads(capsys.readouterr().out)
    assert there
    assert {(r["control"], r["to"]) for r in there} == {(r["to"], r["control"]) for r in back}
    assert run(["standards", "crosswalk", "common-controls"]) == 0
    out = capsys.readouterr().out
    assert "only `equal`, or `superset_of` read from the focal control, carries a verdict;" in out
    assert "everything else contributes." in out
    assert max(map(len, out.splitlines())) <= 100


def test_words_that_are_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["standards", "crosswalk", "common-controls", "iso-4200"]) == 4
    assert "did you mean `iso-42001`?" in capsys.readouterr().err
    assert run(["standards", "crosswalk", "common-contros"]) == 4
    assert "did you mean `common-controls`?" in capsys.readouterr().err


def test_the_oscal_mapping_is_the_same_every_time_and_holds_every_relation(
    shipped: dict[str, Checklist],
) -> None:
    found = crosswalk(relations(shipped.values()), "nist-ai-rmf")
    made = mapping_collection(found, shipped)["mapping-collection"]
    assert made == mapping_collection(found, shipped)["mapping-collection"]
    maps = [(m["target-resource"]["href"], x) for m in made["mappings"] for x in m["maps"]]
    assert len(maps) == len(dict.fromkeys(found))
    assert {(h, x["sources"][0]["id-ref"], x["targets"][0]["id-ref"]) for h, x in maps} == {
        (f"urn:auditgen:checklist:{r.target}", r.control, r.to) for r in found
    }
    uuids = [made["uuid"], *(m["uuid"] for m in made["mappings"]), *(x["uuid"] for _, x in maps)]
    assert len(set(uuids)) == len(uuids)
    assert all(UUID(u).version == 5 for u in uuids)
    days = [shipped[r.written_in].framework.review.last_checked for r in found]
    assert made["metadata"]["last-modified"] == f"{max(days).isoformat()}T00:00:00Z"
    assert made["provenance"]["status"] == "draft"


def _schema(path: Path) -> dict[str, Any]:
    """The official schema, its XML Schema classes written as Python's `re` knows them."""
    text = path.read_text("utf-8").replace("\\\\p{L}", "[^\\\\W\\\\d_]").replace("\\\\p{N}", "\\\\d")
    schema: dict[str, Any] = json.loads(re.sub(r'"\$id": "#/definitions/[^"]+",?', "", text))
    return schema


@pytest.mark.parametrize("name", ["common-controls", "nist-ai-rmf"])
def test_the_oscal_mapping_validates(
    extra_exports: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    import jsonschema

    path = extra_exports.parent / "facts" / "oscal" / "oscal_mapping_schema.json"
    if not path.is_file():
        pytest.skip("the OSCAL schema is not at hand")
    validator = jsonschema.Draft7Validator(_schema(path))
    assert run(["standards", "crosswalk", name, "--format", "oscal"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert [e.message for e in validator.iter_errors(made)] == []
    made["mapping-collection"]["mappings"][0]["maps"][0]["uuid"] = "no uuid"
    assert [*validator.iter_errors(made)]
