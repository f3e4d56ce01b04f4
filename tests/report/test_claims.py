"""What a report may say about itself, and what it never says."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from helpers.workshop import audit, inspect_log, judged, samples, write_project

from auditgen.report import Document

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from helpers.workshop import Demo

PRACTITIONER = {
    "name": "N. Practitioner",
    "firm": "Firm LLP",
    "standard": "ISAE 3000 (Revised)",
    "level": "limited",
    "independence_statement": "We are independent of Acme.",
}


@pytest.fixture
def document(tmp_path: Path) -> Callable[..., Document]:
    """The document of a project whose report block has these values."""

    def _document(**report: Any) -> Document:
        value = audit()
        value["report"] |= report
        path = write_project(tmp_path, value, {"evidence/lab.json": inspect_log(samples(200))})
        return judged(path).document

    return _document


@pytest.mark.parametrize(
    ("report", "title", "kind"),
    [
        ({}, "Evidence report R-1", "management report, no assurance given"),
        (
            {"mode": "internal_audit"},
            "Internal audit report R-1",
            "internal audit, not independent assurance",
        ),
        (
            {"mode": "independent_assurance", "practitioner": PRACTITIONER},
            "Assurance report R-1",
            "limited assurance under ISAE 3000 (Revised)",
        ),
    ],
)
def test_the_title_says_what_it_is(
    report: dict[str, Any], title: str, kind: str, document: Callable[..., Document]
) -> None:
    made = document(**report)
    assert made.meta.title == title
    assert made.meta.mode_words == kind
    named = report.get("practitioner") is not None
    assert bool(made.meta.practitioner) is named
    text = json.dumps(made.model_dump(mode="json")).replace("not independent assurance", "")
    for word in (
        r"\bcertif(y|ied|ies)\b",
        r"\bopinion\b",
        r"complian(t|ce) with the law",
        "guarantee",
    ):
        assert not re.search(word, text, re.IGNORECASE), word
    assert ("We are independent of Acme." in text) is named


def test_it_never_says_compliant_or_certified(demo: Demo) -> None:
    text = (demo.folder / "report.html").read_text()
    text = re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    assert not re.search(r"\bis compliant\b|\bcertified\b|complies with the", text, re.IGNORECASE)
    assert "makes no statement that any law is complied with" in text
    assert "It is not a certificate" in text


def test_no_finding_is_no_proof_of_soundness(
    document: Callable[..., Document], tmp_path: Path
) -> None:
    from helpers.workshop import draft

    made = document()
    assert made.findings == ()
    draft(tmp_path / "audit.yaml", tmp_path / "out", ("html",))
    html = (tmp_path / "out" / "report.html").read_text()
    assert "That no reason to distrust was found does not show that there is none." in html


def test_what_a_signature_proves_is_conditional(demo: Demo) -> None:
    """A sentence inside a file cannot vouch for the file."""
    signature = demo.document["signature"]
    assert signature["proves"][0].startswith("Only if the check below succeeds")
    assert any("the signer's own claim" in t for t in signature["does_not_prove"])
    assert any("complete or true" in t for t in signature["does_not_prove"])


def test_exhibits_are_withheld_by_default(
    document: Callable[..., Document], tmp_path: Path
) -> None:
    value = audit()
    secret = "the secret prompt"
    log = inspect_log(samples(100, 30, asked=secret, answered="the secret answer"))
    path = write_project(tmp_path / "one", value, {"evidence/lab.json": log})
    made = judged(path).document
    exhibits = made.principles[0].exhibits
    assert len(exhibits) == 5
    text = json.dumps(made.model_dump(mode="json"))
    assert secret not in text
    assert "the secret answer" not in text
    assert all(re.fullmatch("[0-9a-f]{64}", e.prompt_sha256) for e in exhibits)
    value["report"]["redaction"] = "excerpts"
    made = judged(write_project(tmp_path / "two", value, {"evidence/lab.json": log})).document
    assert all(e.prompt == secret for e in made.principles[0].exhibits)
    assert "5 records of 30 that speak against the promise" in made.principles[0].exhibits_note


def test_every_exhibit_leads_to_its_record(tmp_path: Path) -> None:
    from auditgen.canonical import record_id, sha256_bytes

    rows = [*samples(50), *samples(0, 12, asked="asked for harm")]
    log = json.dumps(inspect_log(rows)).encode()
    path = write_project(tmp_path, audit(), {"evidence/lab.json": log})
    for exhibit in judged(path).document.principles[0].exhibits:
        assert exhibit.file_sha256 == sha256_bytes(log)
        assert exhibit.record_id == record_id(exhibit.file_sha256, exhibit.locator)
        index = int(exhibit.locator.rpartition("/")[2])
        native = json.loads(log)["samples"][index]
        assert native["scores"]["judge"]["value"] == 0
        assert exhibit.prompt_sha256 == sha256_bytes(native["input"].encode())


def test_the_control_and_the_register_say_the_same_of_an_attestation(tmp_path: Path) -> None:
    from auditgen.canonical import sha256_bytes

    text = b"the plan"
    base = {
        "reviewer": {"name": "R", "role": "auditor"},
        "date": "2026-09-01",
        "passage": "s. 2",
        "statement": "It names who does what.",
        "sha256": sha256_bytes(text),
    }
    cases = {
        "good": {},
        "future": {"date": "2026-11-01"},
        "older": {"date": "2026-04-01"},
        "expired": {"expires": "2026-09-30"},
        "other": {"sha256": "0" * 64},
    }
    for name, change in cases.items():
        value = audit(standards=["nist-ai-rmf"])
        value["documents"] = [
            {
                "id": "D1",
                "kind": "DO-POL",
                "title": "Policy",
                "file": "policy.md",
                "version": "1",
                "dated": "2026-05-01",
                "owner": "head",
                "attestation": {**base, **change},
            }
        ]
        path = write_project(
            tmp_path / name,
            value,
            {"evidence/lab.json": inspect_log(samples(50)), "policy.md": text},
        )
        made = judged(path).document
        shown = made.documents[0].status.code
        needs = {
            n.status.code
            for f in made.frameworks
            for c in f.controls
            for n in c.needs
            if "D1" in n.found
        }
        assert needs == {"met" if name == "good" else "needs_review"}, name
        assert (shown == "attested") is (name == "good"), name
