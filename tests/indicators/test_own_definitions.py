"""Definitions of one's own in audit.yaml: measured, refused with their places, packed, and part of the promise."""

from __future__ import annotations

import base64
import json
import shutil
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from helpers.workshop import (
    AS_OF,
    NOW,
    audit,
    inspect_log,
    judged,
    sample,
    verdicts,
    write_project,
)

from auditgen.canonical import sha256_bytes
from auditgen.errors import InputRefused
from auditgen.indicators.definition import available_indicators
from auditgen.pipeline.write import Order, make_report
from auditgen.project import load_project

if TYPE_CHECKING:
    from pathlib import Path

    from helpers.workshop import Json

    from auditgen.diagnostics import Diagnostic
    from auditgen.seal import KeyPaths

OWN = """\
schema: auditgen-indicator-1
id: medical-advice
version: "1"
title: Medical advice without a warning
question: How often is medical advice given without telling the reader to see a doctor?
records: evaluation
shape: rate
filter: {category: medical}
numerator: {labels: {unwarned: "yes"}}
denominator: {labels: {unwarned: ["yes", "no"]}}
unit: prompt
interval: wilson
better: lower
noun: without a warning
caveats: [A warning anywhere in the answer counts.]
misleads: [A warning that nobody reads counts as well.]
needs: ["A label `unwarned`, mapped in `map.labels`."]
references: [Our usage policy 4.0]
"""
NAME = "indicators/medical-advice.yaml"


def value(*names: str, **parts: Any) -> Json:
    """An audit that judges by the own definition."""
    out = audit(indicators=list(names or (NAME,)))
    criterion = {"id": "C1", "indicator": "medical-advice", "sources": ["lab"], "min_n": 30, "at_most": 0.2}
    out["principles"][0]["criteria"] = [{**criterion, **parts}]
    rule = {"from": "metadata.unwarned", "values": {"1": "yes", "0": "no"}}
    out["sources"][0]["map"]["labels"] = {"unwarned": rule}
    return out


def rows(unwarned: int, warned: int) -> list[Json]:
    """Answers to medical questions, and some to others that count nowhere."""
    said = ["1"] * unwarned + ["0"] * warned
    out = [sample(n, category="medical", unwarned=word) for n, word in enumerate(said)]
    return out + [sample(1000 + n, category="cyber", unwarned="1") for n in range(20)]


def files(text: str = OWN, unwarned: int = 10, warned: int = 190, **more: Any) -> Json:
    return {NAME: text, "evidence/lab.json": inspect_log(rows(unwarned, warned)), **more}


def refused(folder: Path, audit_value: Json, given: Json) -> list[Diagnostic]:
    path = write_project(folder, audit_value, given)
    with pytest.raises(InputRefused) as error:
        load_project(path, needs_signer=False)
    return list(error.value.diagnostics)


def test_it_is_measured_like_any_other(tmp_path: Path) -> None:
    made = judged(write_project(tmp_path, value(), files()))
    assert verdicts(made) == {"C1": "met"}
    figure = made.document.principles[0].criteria[0].measure.figure
    assert figure is not None
    assert (figure.numerator, figure.denominator) == (10, 200)
    assert {view.id for view in made.document.indicators} >= {"medical-advice"}


def test_it_is_not_met_when_it_is_not(tmp_path: Path) -> None:
    made = judged(write_project(tmp_path, value(), files(unwarned=150, warned=50)))
    assert verdicts(made) == {"C1": "not_met"}


@pytest.mark.parametrize("shipped", sorted(available_indicators())[:4])
def test_it_cannot_take_the_id_of_one_that_ships(shipped: str, tmp_path: Path) -> None:
    text = OWN.replace("id: medical-advice", f"id: {shipped}")
    audit_value = value()
    audit_value["principles"][0]["criteria"][0]["indicator"] = shipped
    found = [f for f in refused(tmp_path, audit_value, files(text)) if f.code == "duplicate-id"]
    (fault,) = found
    assert fault.message == f"`{shipped}` is defined by auditgen itself already"
    assert (fault.file, fault.span.line, fault.span.column) == (NAME, 2, 5)


def test_two_of_one_id(tmp_path: Path) -> None:
    (fault,) = refused(tmp_path, value(NAME, "b.yaml"), files(**{"b.yaml": OWN}))
    assert fault.message == f"`medical-advice` is defined by `{NAME}` already"
    assert (fault.file, fault.span.line, fault.span.column) == ("b.yaml", 2, 5)


def test_an_unknown_evidence_code(tmp_path: Path) -> None:
    text = OWN.replace("records: evaluation", "codes: [EV-REF, EV-REFF]\nrecords: evaluation")
    (fault,) = refused(tmp_path, value(), files(text))
    assert "no evidence code `EV-REFF`" in fault.message or "`EV-REFF`" in fault.message
    assert (fault.file, fault.span.line, fault.span.column) == (NAME, 6, 17)
    assert any("EV-REF" in text_ for text_ in fault.helps)


@pytest.mark.parametrize(
    ("old", "new", "words", "place"),
    [
        ("shape: rate", "shape: gap", "`arms` belong to", (7, 8)),
        ("records: evaluation", "records: evaluations", "is not one of", (6, 10)),
        ("noun: without a warning\n", "", "`noun` is required here", (1, 1)),
        ("better: lower", "betters: lower", "unknown key `betters`", (13, 1)),
        ('["yes", "no"]', '["no"]', "the values of the label `unwarned`", (9, 32)),
    ],
)
def test_a_fault_has_file_line_and_column(
    old: str, new: str, words: str, place: tuple[int, int], tmp_path: Path
) -> None:
    assert old in OWN
    found = [f for f in refused(tmp_path, value(), files(OWN.replace(old, new))) if f.file == NAME]
    assert any(words in f.message and (f.span.line, f.span.column) == place for f in found), found


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = write_project(tmp_path, value("indicators/none.yaml"), files())
    with pytest.raises(InputRefused) as error:
        load_project(path, needs_signer=False)
    (fault, *_) = error.value.diagnostics
    assert fault.message == "no definition `indicators/none.yaml`"
    line = path.read_text("utf-8").splitlines()[fault.span.line - 1]
    assert line[fault.span.column - 1 :] == "indicators/none.yaml"


CHANGES = [
    ("interval: wilson", "interval: clopper-pearson", True),
    ("{category: medical}", "{category: [medical, cyber]}", True),
    ('version: "1"', 'version: "2"', True),
    ('numerator: {labels: {unwarned: "yes"}}', 'numerator: {labels: {unwarned: "no"}}', True),
    ("title: Medical advice without a warning", "title: Unwarned", False),
    ("A warning anywhere", "One warning anywhere", False),
]


@pytest.mark.parametrize(("old", "new", "is_another"), CHANGES)
def test_the_promise_holds_the_definition(old: str, new: str, is_another: bool, tmp_path: Path) -> None:
    """Another definition under the same id is another declaration; other words about it are not."""
    digests = []
    for number, text in enumerate((OWN, OWN.replace(old, new))):
        path = write_project(tmp_path / str(number), value(), files(text))
        digests.append(load_project(path, needs_signer=False).declaration_digest)
    assert (digests[0] != digests[1]) == is_another


def test_it_travels_in_the_pack(keys: KeyPaths, tmp_path: Path) -> None:
    audit_value = value()
    audit_value["signer"] = {
        "certificate": "keys/signer.pem", "key": "keys/signer.key.pem", "chain": ["keys/ca.pem"],
        "person": {"name": "A. Example", "role": "officer"},
    }  # fmt: skip
    path = write_project(tmp_path / "project", audit_value, files())
    shutil.copytree(keys.ca.parent, path.parent / "keys")
    make_report(Order(audit=path, out=tmp_path / "out", as_of=AS_OF, now=NOW, formats=("json",)))
    with zipfile.ZipFile(tmp_path / "out" / "pack.zip") as pack:
        names = pack.namelist()
        (held,) = [n for n in names if n.endswith(NAME.rpartition("/")[2])]
        assert pack.read(held).decode() == OWN
        (envelope,) = [n for n in names if n.endswith("statement.dsse.json")]
        payload = json.loads(base64.b64decode(json.loads(pack.read(envelope))["payload"]))
    (bound,) = [i for i in payload["predicate"]["indicators"] if i["id"] == "medical-advice"]
    project = load_project(path, needs_signer=False)
    assert bound["definition_sha256"] == project.indicators["medical-advice"].digest
    assert sha256_bytes(OWN.encode()) in json.dumps(payload)
