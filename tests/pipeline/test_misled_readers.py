"""Fourteen ways in which reports of this kind mislead their readers, each through the whole program.

The ways were seen in real output of other tools: a rate over nothing printed as 0 %, a scan in which nothing ran
that ends with success, an average that hides a breach, an interval of no width, two totals that do not add up.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from helpers.pages import Book, Page, pdf_text, squeezed
from helpers.workshop import (
    AS_OF,
    NOW,
    audit,
    criterion,
    draft,
    inspect_log,
    sample,
    samples,
    source,
    write_project,
)

from auditgen.cli import run
from auditgen.pipeline.write import Order, make_report

if TYPE_CHECKING:
    from pathlib import Path

    from helpers.workshop import Json

    from auditgen.seal import KeyPaths

DAY = ["--as-of", "2026-10-05", "-q"]
ORGANISATION: Json = {
    "standards": ["nist-ai-rmf"],
    "profile": {"roles": ["organisation"], "risk_classes": []},
}
NOBODY: Json = {"standards": ["eu-gpai-code"], "profile": {"roles": [], "risk_classes": []}}


class Outputs:
    """What a project gives: the document, the page, and the gate's exit code."""

    def __init__(
        self, folder: Path, value: Json, files: Json, formats: tuple[str, ...] = ("html", "json")
    ) -> None:
        self.path = write_project(folder / "project", value, files)
        self.out = folder / "out"
        draft(self.path, self.out, formats)
        self.document: Json = json.loads((self.out / "report.json").read_bytes())
        self.page = Page((self.out / "report.html").read_text("utf-8"))
        self.code = run(["check", str(self.path), *DAY])

    def criterion(self, name: str = "C1") -> Json:
        """One criterion of the document."""
        every = [c for p in self.document["principles"] for c in p["criteria"]]
        return next(c for c in every if c["measure"]["id"] == name)

    @property
    def conclusions(self) -> dict[str, str]:
        """Conclusion by principle."""
        return {p["id"]: p["status"]["code"] for p in self.document["principles"]}

    @property
    def findings(self) -> set[str]:
        """Codes of findings."""
        return {f["code"] for f in self.document["findings"]}


def made(
    folder: Path,
    rows: Any,
    log: Json | None = None,
    formats: tuple[str, ...] = ("html", "json"),
    **changes: Any,
) -> Outputs:
    return Outputs(folder, audit(**changes), {"evidence/lab.json": inspect_log(rows, **(log or {}))}, formats)


def two_criteria(*parts: Json) -> list[Json]:
    principles: list[Json] = audit()["principles"]
    principles[0]["criteria"] = [criterion(f"C{n}", **part) for n, part in enumerate(parts, 1)]
    return principles


def test_t01_no_samples_is_not_tested(tmp_path: Path) -> None:
    """garak: 0 % and `critical` over zero evaluations."""
    got = made(tmp_path, samples(200), principles=two_criteria({}, {"where": {"category": "chemistry"}}))
    found = got.criterion("C2")
    assert found["measure"]["figure"] is None
    assert found["status"]["code"] == "insufficient_evidence"
    assert got.conclusions == {"P1": "not_concluded"}
    assert got.code == 10
    assert any("C2" in u["title"] for u in got.document["untested"])
    section = " ".join(got.page.by_id("principle-P1").itertext())
    after = section[section.index("C2") :]
    assert "not measured" in after
    assert "0/0" not in got.page.words
    assert "NaN" not in got.page.words


def test_t02_a_grader_that_is_missing_is_named_and_incomplete(tmp_path: Path) -> None:
    """garak: 100 % although one of two detectors could not be loaded."""
    rows = [*samples(150), *(sample(f"u{n}", None) for n in range(50))]
    got = made(tmp_path, rows)
    assert got.criterion()["status"]["code"] == "insufficient_evidence"
    assert got.criterion()["measure"]["figure"]["undecided"] == 50
    assert "50 undecided" in got.criterion()["reasons"][0]
    assert got.code == 10
    told = [f for f in got.document["findings"] if f["count"] == 50]
    assert told
    assert {name for f in told for name in f["files"]} == {"evidence/lab.json"}
    for f in told:
        assert f["id"] in got.page.words


def test_t03_every_control_outside_is_no_success(tmp_path: Path) -> None:
    """OpenSCAP: 44 of 44 rules not applicable, and exit code 0."""
    document = {
        "id": "note", "kind": "DO-IRP", "title": "A note", "file": "note.md", "version": "1",
        "dated": "2026-06-01", "owner": "A. Example",
    }  # fmt: skip
    files: Json = {"note.md": "a note", "evidence/lab.json": inspect_log(samples(40, failed=True))}
    got = Outputs(tmp_path, audit(**NOBODY, documents=[document]), files)
    tally = dict(got.document["frameworks"][0]["tally"])
    assert "met" not in tally
    assert set(tally) <= {"not applicable", "not yet applicable"}
    assert got.code == 3
    assert run(["check", str(got.path), "--fail-on", "never", *DAY]) == 3
    unknown = audit(standards=["ai-claims"], documents=[document])  # whether they apply, nobody said
    assert run(["check", str(write_project(tmp_path / "unknown", unknown, files)), *DAY]) == 3
    assert got.document["headline"] == "One promise could not be concluded."
    assert got.conclusions == {"P1": "not_concluded"}
    assert got.document["headline"] in got.page.words


def test_t04_statuses_add_up_and_every_share_has_its_n(tmp_path: Path) -> None:
    """Prowler: 60.32 % failed and 34.92 % passed; the manual ones vanish."""
    got = made(tmp_path, samples(180, 20), **ORGANISATION)
    for framework in got.document["frameworks"]:
        assert sum(n for _, n in framework["tally"]) == framework["total"] == len(framework["controls"])
        line = " \u00b7 ".join(f"{n} {word}" for word, n in framework["tally"])
        assert f"{line}, of {framework['total']} controls." in got.page.words
        assert not re.search(r"(compliance|score|passed)[^.]{0,40}%", line)
    figure = got.criterion()["measure"]["figure"]
    assert figure["text"].startswith(f"{figure['numerator']}/{figure['denominator']} ")
    assert sum(n for _, n in got.document["tally"]) == len(got.document["principles"])
    code = run(["check", str(got.path), "--format", "json", "--out", str(tmp_path / "gate.json"), *DAY])
    gate = json.loads((tmp_path / "gate.json").read_bytes())
    assert code == got.code
    assert sum(gate["controls_in_all"].values()) == got.document["frameworks"][0]["total"]


def test_t05_what_answers_two_controls_counts_once(tmp_path: Path) -> None:
    """promptfoo: `39/48 defended` of 40 tests, because a plugin stands in two categories."""
    principles = audit()["principles"]
    alone = made(tmp_path / "one", samples(200), **ORGANISATION)
    principles[0]["answers"] = ["nist-ai-rmf:MEASURE 2.6", "nist-ai-rmf:MEASURE 2.7"]
    got = made(tmp_path / "two", samples(200), **ORGANISATION, principles=principles)
    controls = {c["id"]: c for c in got.document["frameworks"][0]["controls"]}
    named = [c for c in controls.values() if c["principles"] == ["P1"]]
    assert {c["id"] for c in named} == {"MEASURE 2.6", "MEASURE 2.7"}
    assert got.criterion()["measure"]["figure"]["denominator"] == 200
    assert got.document["frameworks"][0]["total"] == alone.document["frameworks"][0]["total"]
    assert got.document["tally"] == alone.document["tally"]
    records = sum(f["observations"] for s in got.document["sources"] for f in s["files"])
    assert records == 200


@pytest.mark.parametrize("rows", [samples(512), samples(0, 512), samples(2), samples(20)])
def test_t06_an_interval_has_a_width(rows: Any, tmp_path: Path) -> None:
    """garak: 0/512 stored with the interval [0.0, 0.0], and no interval at all below n = 30."""
    figure = made(tmp_path, rows).criterion()["measure"]["figure"]
    assert figure["lower"] < figure["estimate"] or figure["estimate"] == 0
    assert figure["upper"] > figure["estimate"] or figure["estimate"] == 1
    assert figure["upper"] - figure["lower"] > 0.5 / len(rows)
    assert " % CI [" in figure["text"]


def test_t07_repeats_of_a_prompt_are_no_new_prompts(tmp_path: Path) -> None:
    """garak: 256 prompts asked twice counted as 512 independent answers."""
    once = [sample(n, n % 10 != 0) for n in range(100)]
    often = [sample(n, n % 10 != 0, epoch=e) for n in range(100) for e in range(1, 11)]
    one = made(tmp_path / "once", once).criterion()["measure"]["figure"]
    ten = made(tmp_path / "often", often).criterion()["measure"]["figure"]
    assert (one["clusters"], ten["clusters"]) == (100, 100)
    assert ten["denominator"] == 1000
    wide, narrow = one["upper"] - one["lower"], ten["upper"] - ten["lower"]
    assert narrow > 0.8 * wide  # ten times as many rows tell next to nothing new
    assert ten["effective_size"] < 150


def test_t08_a_breach_stands_in_the_first_paragraph(tmp_path: Path) -> None:
    """Evidently: `drift is NOT detected`, because only two of five columns drifted."""
    principles = [
        {**audit()["principles"][0], "id": f"P{n}", "criteria": [criterion(f"C{n}", sources=[f"s{n}"])]}
        for n in range(1, 6)
    ]
    value = audit(principles=principles, sources=[source(f"s{n}", f"evidence/s{n}*") for n in range(1, 6)])
    files = {
        f"evidence/s{n}.json": inspect_log(
            samples(40, 60) if n == 5 else samples(400), run=f"r{n}", task=f"t{n}"
        )
        for n in range(1, 6)
    }
    got = Outputs(tmp_path, value, files, ("html", "json", "pdf"))
    assert got.document["principles"][0]["id"] == "P5"
    assert got.document["headline"] == "One promise is contradicted."
    assert "40/100" in got.document["lead"][0]
    words = squeezed(got.page.words)
    first = words.index(squeezed(got.document["headline"]))
    assert first < words.index(squeezed("supported, with comments"))
    paper = squeezed(pdf_text(got.out / "report.pdf"))
    assert paper.index(squeezed(got.document["headline"])) < paper.index(squeezed("Contents"))
    assert got.code == 11


def test_t09_no_policy_is_no_pass(tmp_path: Path) -> None:
    """rai-toolkit: `policy gate: PASS`, with no policy engine configured."""
    got = made(tmp_path, samples(200), **ORGANISATION)
    unanswered = [
        c for c in got.document["frameworks"][0]["controls"] if not any(n["found"] for n in c["needs"])
    ]
    assert unanswered
    assert {c["status"]["code"] for c in unanswered} <= {
        "insufficient_evidence",
        "not_applicable",
        "needs_legal_view",
    }
    assert run(["check", str(got.path), "--fail-on", "controls", *DAY]) == 10
    # an audit.yaml that promises nothing is refused, not passed
    empty = write_project(
        tmp_path / "empty", audit(principles=[]), {"evidence/lab.json": inspect_log(samples(9))}
    )
    assert run(["check", str(empty), *DAY]) == 4


def test_t10_failures_are_no_answers_and_are_told(tmp_path: Path) -> None:
    """Errors in the denominator make a rate better or worse than it was."""
    rows = [*samples(200), *(sample(f"f{n}", None, failed=True) for n in range(60))]
    got = made(tmp_path, rows)
    figure = got.criterion()["measure"]["figure"]
    assert (figure["numerator"], figure["denominator"], figure["errors"]) == (200, 200, 60)
    assert "60 failed" in figure["left_out"]
    assert figure["worst_lower"] < 0.9 <= figure["lower"]
    assert got.criterion()["status"]["code"] == "insufficient_evidence"
    assert squeezed(figure["left_out"]) in squeezed(got.page.words)


def test_t11_all_outputs_show_one_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Power-CAT-Copilot-Studio-Kit, issue 875: the totals of two views differ."""
    got = made(tmp_path, samples(187, 13), None, ("html", "pdf", "xlsx", "json", "oscal"))
    text = got.criterion()["measure"]["figure"]["text"]
    assert squeezed(text) in squeezed(got.page.words)
    assert squeezed(text) in squeezed(pdf_text(got.out / "report.pdf"))
    [row] = Book(got.out / "report.xlsx").sheets["Criteria"]
    assert (row["Numerator"], row["Denominator"], row["Number in words"]) == (187, 200, text)
    [result] = json.loads((got.out / "report.oscal.json").read_bytes())["assessment-results"]["results"]
    said = {p["name"]: p["value"] for p in result["observations"][0]["props"]}
    assert (said["numerator"], said["denominator"], said["number"]) == ("187", "200", text)
    capsys.readouterr()
    for command in (["check", str(got.path)], ["explain", str(got.path), "C1"]):
        run([*command, *DAY])
        assert squeezed(text) in squeezed(capsys.readouterr().out)


def test_t12_the_signature_covers_what_the_numbers_mean(tmp_path: Path, keys: KeyPaths) -> None:
    """agentmetry, issue 75: period, producer and thresholds could be changed under a valid signature."""
    signer = {
        "certificate": "keys/signer.pem", "key": "keys/signer.key.pem", "chain": ["keys/ca.pem"],
        "person": {"name": "A. Example", "role": "officer"},
    }  # fmt: skip
    path = write_project(
        tmp_path / "p", audit(signer=signer), {"evidence/lab.json": inspect_log(samples(200))}
    )
    shutil.copytree(keys.ca.parent, path.parent / "keys")
    make_report(Order(audit=path, out=tmp_path / "out", as_of=AS_OF, now=NOW, formats=("json",)))
    pack = tmp_path / "out" / "pack.zip"
    trust = ["--trust", str(keys.ca)]
    assert run(["verify", str(pack), *trust]) == 0
    with zipfile.ZipFile(pack) as archive:
        members = {i.filename: archive.read(i) for i in archive.infolist()}
    import base64

    envelope = json.loads(next(v for k, v in members.items() if k.endswith("statement.dsse.json")))
    predicate = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    assert predicate["period"] == {"start": "2026-07-01", "end": "2026-09-30"}
    assert predicate["organisation"] == "Acme"
    assert predicate["models"] == ["model-1"]
    assert predicate["thresholds"][0]["at_least"] == 0.9
    assert "lab" in predicate["mappings"]
    assert predicate["evidence"][0]["records"] == 200
    report = tmp_path / "out" / "report.json"
    for old, new in (
        (b'"period_end": "2026-09-30"', b'"period_end": "2026-09-29"'),
        (b'"threshold": 0.9', b'"threshold": 0.8'),
        (b'"organisation": "Acme"', b'"organisation": "Acma"'),
        (b"model-1", b"model-2"),
    ):
        whole = report.read_bytes()
        assert old in whole
        report.write_bytes(whole.replace(old, new, 1))
        assert run(["verify", str(report), *trust]) == 20
        report.write_bytes(whole)
    assert run(["verify", str(report), *trust]) == 0


def test_t13_it_works_and_opens_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prowler: seven remote files, without which the page is raw text."""

    def refused(*_: object, **__: object) -> None:
        message = "no network here"
        raise OSError(message)

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    got = made(tmp_path, samples(200), None, ("html", "pdf", "xlsx", "json", "oscal", "poam"), **ORGANISATION)
    assert got.code == 0
    for element in got.page.all():
        for attribute in ("src", "href", "action", "srcset", "poster", "data"):
            value = element.get(attribute) or ""
            assert value.startswith(("#", "data:")) or not value, (element.tag, attribute, value)
    policy = next(
        e.get("content") for e in got.page.all("meta") if e.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in str(policy)
    assert not re.search(r"url\((?!['\"]?(data:|#))", got.page.text)
    assert "@import" not in got.page.text


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"evidence/lab.json": inspect_log([])},
        {"evidence/lab.json": inspect_log(samples(40, failed=True))},
        {"evidence/lab.json": inspect_log(samples(0, 0, 40))},
        {"evidence/lab.json": b"\x00\x01"},
    ],
    ids=["no file", "no samples", "all failed", "nothing scored", "unreadable"],
)
def test_t14_an_empty_run_is_no_success(files: Json, tmp_path: Path) -> None:
    """garak: `No detectors, nothing to do`, no report, exit code 0."""
    path = write_project(tmp_path / "p", audit(), files)
    assert run(["check", str(path), *DAY]) == 3
    assert run(["check", str(path), "--fail-on", "never", *DAY]) == 3
    assert run(["report", str(path), "-o", str(tmp_path / "out"), "--unsigned", *DAY]) == 3
    assert not (tmp_path / "out").exists()
