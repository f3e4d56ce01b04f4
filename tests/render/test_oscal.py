"""OSCAL: valid by NIST's own schemas, every reference leads somewhere, and only `met` is satisfied."""

from __future__ import annotations

import io
import json
import re
import uuid
import zipfile
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from helpers.workshop import AS_OF, NOW, audit, draft, inspect_log, judged, samples, write_project
from jsonschema import Draft7Validator

from auditgen.cli import run
from auditgen.pipeline.write import FORMATS, MORE_FORMATS, OWN_FILES, Order, make_report
from auditgen.render import oscal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from helpers.workshop import Json

    from auditgen.report import Document
    from auditgen.seal import KeyPaths

STANDARDS: Json = {
    "standards": ["nist-ai-rmf", "eu-ai-act"],
    "profile": {"roles": ["organisation"], "risk_classes": []},
}
HOSTILE = "[x](https://evil.example) <script>{{ insert: param, y }}\x1b[2J\u202e\n\tline  "
REMEDY = {
    "id": "R1",
    "of": "C1",
    "owner": {"name": "B. Example", "role": "engineer"},
    "action": "train again",
    "opened_on": "2026-09-01",
    "due": "2026-12-01",
    "status": "in_progress",
}


def document(folder: Path, rows: Any, **changes: Any) -> Document:
    path = write_project(folder, audit(**changes), {"evidence/lab.json": inspect_log(rows)})
    return judged(path).document


def results(made: Document) -> Json:
    out = io.BytesIO()
    oscal.render(made, {}, out)
    value: Json = json.loads(out.getvalue())["assessment-results"]
    return value


def plan(made: Document) -> Json:
    out = io.BytesIO()
    oscal.render_poam(made, {}, out)
    value: Json = json.loads(out.getvalue())["plan-of-action-and-milestones"]
    return value


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Document:
    return document(
        tmp_path_factory.mktemp("oscal"),
        samples(20, 80),
        **STANDARDS,
        remediation=[REMEDY],
        expected=[{"id": "X", "title": HOSTILE, "source": "lab", "suite": "z", "min_n": 1}],
    )


def schema(folder: Path, name: str) -> Draft7Validator:
    """NIST's schema; its patterns use letter classes that Python writes otherwise."""
    path = folder.parent / "facts" / "oscal" / f"oscal_{name}_schema.json"
    if not path.is_file():
        pytest.skip("the OSCAL schemas are not at hand")
    text = path.read_text("utf-8").replace("\\\\p{L}", "[^\\\\W\\\\d_]").replace("\\\\p{N}", "\\\\d")
    return Draft7Validator(json.loads(text))


@pytest.mark.parametrize("kind", ["full", "bare", "nothing-wrong", "nothing-measured"])
def test_valid_by_the_official_schema(kind: str, full: Document, extra_exports: Path, tmp_path: Path) -> None:
    made = full
    if kind == "bare":
        made = document(tmp_path, samples(20))
    elif kind == "nothing-wrong":
        made = document(tmp_path, samples(200)).model_copy(update={"remediation": ()})
    elif kind == "nothing-measured":
        principles = audit()["principles"]
        principles[0]["criteria"].append(
            {**principles[0]["criteria"][0], "id": "C2", "where": {"category": "none"}}
        )
        made = document(tmp_path, samples(200), principles=principles)
    for name, value in (
        ("assessment-results", {"assessment-results": results(made)}),
        ("poam", {"plan-of-action-and-milestones": plan(made)}),
    ):
        faults = [
            f"{list(e.absolute_path)}: {e.message[:200]}"
            for e in schema(extra_exports, name).iter_errors(value)
        ]
        assert faults == []


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield key, part
            yield from walk(part)
    elif isinstance(value, list):
        for part in value:
            yield from walk(part)


@pytest.mark.parametrize("make", [results, plan])
def test_every_reference_leads_somewhere(make: Any, full: Document) -> None:
    value = make(full)
    own = [part for key, part in walk(value) if key == "uuid"]
    assert len(own) == len(set(own))
    for name in own:
        assert uuid.UUID(name).version == 5
    used = [part for key, part in walk(value) if key.endswith("-uuid")]
    used += [part.removeprefix("#") for key, part in walk(value) if key == "href" and part.startswith("#")]
    used += [name for key, part in walk(value) if key == "party-uuids" for name in part]
    assert set(used) <= set(own)
    assert len(used) > 5


def props(value: Json) -> dict[str, str]:
    return {p["name"]: p["value"] for p in value["props"]}


def test_only_met_is_satisfied(tmp_path: Path) -> None:
    principles = audit()["principles"]
    principles[0]["answers"] = ["nist-ai-rmf:MEASURE 2.6"]
    made = document(tmp_path, samples(200), **STANDARDS, principles=principles)
    [result] = results(made)["results"]
    states: Counter[tuple[str, str]] = Counter()
    for finding in result["findings"]:
        states[props(finding)["verdict"], finding["target"]["status"]["state"]] += 1
    assert {verdict for verdict, state in states if state == "satisfied"} <= {"met"}
    assert {state for verdict, state in states if verdict == "met"} <= {"satisfied"}
    tally = Counter(c.status.code for f in made.frameworks for c in f.controls)
    assert Counter({v: n for (v, _), n in states.items()}) == tally
    selected = [
        c["control-id"]
        for s in result["reviewed-controls"]["control-selections"]
        for c in s["include-controls"]
    ]
    assert len(selected) == len(set(selected)) == sum(tally.values())
    assert {f["target"]["target-id"] for f in result["findings"]} == set(selected)


def test_the_numbers_are_the_reports(full: Document) -> None:
    [result] = results(full)["results"]
    observation = next(o for o in result["observations"] if props(o).get("criterion") == "C1")
    [view] = full.principles[0].criteria
    figure = view.measure.figure
    assert figure is not None
    said = props(observation)
    assert (said["numerator"], said["denominator"]) == ("20", "100")
    assert float(said["estimate"]) == figure.estimate
    assert float(said["lower"]) == figure.lower
    assert float(said["worst-upper"]) == figure.worst_upper
    assert said["number"] == figure.text
    assert said["declaration-sha256"] == view.digest
    [evidence] = observation["relevant-evidence"]
    value = results(full)
    resource = next(r for r in value["back-matter"]["resources"] if evidence["href"] == f"#{r['uuid']}")
    assert resource["rlinks"][0]["hashes"][0]["value"] == full.sources[0].files[0].sha256


def test_a_missing_plan_is_said_to_be_missing(full: Document) -> None:
    value = results(full)
    resource = value["back-matter"]["resources"][0]
    assert value["import-ap"]["href"] == f"#{resource['uuid']}"
    assert "No assessment plan exists" in resource["description"]
    assert "rlinks" not in resource


def test_a_plan_of_action(full: Document) -> None:
    value = plan(full)
    assert len(value["poam-items"]) == len(full.remediation)
    taken = [i for i in value["poam-items"] if props(i)["owner"] != "nobody"]
    assert [props(i)["owner"] for i in taken] == ["B. Example (engineer)"]
    risk = next(r for r in value["risks"] if props(r)["of"] == "C1")
    assert (risk["status"], risk["deadline"]) == ("remediating", "2026-12-01T00:00:00Z")
    assert risk["remediations"][0]["description"] == "train again"
    assert not any(r["status"] == "closed" for r in value["risks"])


def test_hostile_text_makes_no_link(full: Document) -> None:
    for value in (results(full), plan(full)):
        text = json.dumps(value, ensure_ascii=False)
        assert "evil.example" in text
        assert not re.search(r"\]\(|<script|\{\{|\u001b|\u202e|\\u001b|\\n|\\t", text)


def test_the_same_document_the_same_bytes(full: Document) -> None:
    assert results(full) == results(full)
    assert results(full)["uuid"] != plan(full)["uuid"]


def test_they_are_made_sealed_and_signed(
    tmp_path: Path, keys: KeyPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    value = audit(
        signer={
            "certificate": str(keys.certificate),
            "key": str(keys.key),
            "chain": [str(keys.ca)],
            "person": {"name": "A. Example", "role": "officer"},
        }
    )
    path = write_project(tmp_path / "p", value, {"evidence/lab.json": inspect_log(samples(200))})
    out = tmp_path / "out"
    make_report(Order(audit=path, out=out, as_of=AS_OF, now=NOW, formats=("json", "oscal", "poam")))
    names = {p.name for p in out.iterdir()}
    wanted = {f"report.{n}{end}" for n in ("oscal.json", "poam.json") for end in ("", ".p7s")}
    assert wanted <= names
    assert wanted <= set(OWN_FILES)
    with zipfile.ZipFile(out / "pack.zip") as pack:
        assert {f"pack/data/{n}" for n in wanted} <= set(pack.namelist())
    assert run(["verify", str(out / "pack.zip"), "--trust", str(keys.ca)]) == 0
    assert run(["verify", str(out / "report.oscal.json"), "--trust", str(keys.ca)]) == 0
    text = (out / "report.oscal.json").read_bytes()
    (out / "report.oscal.json").write_bytes(text.replace(b"not-satisfied", b"satisfied", 1) + b" ")
    assert run(["verify", str(out / "report.oscal.json"), "--trust", str(keys.ca)]) == 20
    capsys.readouterr()


def test_an_earlier_runs_files_do_not_stay(tmp_path: Path) -> None:
    path = write_project(tmp_path / "p", audit(), {"evidence/lab.json": inspect_log(samples(200))})
    draft(path, tmp_path / "out", ("json", *MORE_FORMATS))
    draft(path, tmp_path / "out", ("json",), force=True)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["report.json"]
    assert not set(FORMATS) & set(MORE_FORMATS)
