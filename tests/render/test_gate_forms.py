"""Whatever a log says, the gate's files stay well formed, and asking for more never lets more through."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from helpers.workshop import audit, criterion, inspect_log, judged, samples, source, write_project
from hypothesis import given
from hypothesis import strategies as st

from auditgen.cli.gate_text import _command, text
from auditgen.diagnostics import Span
from auditgen.errors import Exit
from auditgen.render import junit, sarif
from auditgen.report.gate import KNOWN, NEVER, Gate, Policy, gate

if TYPE_CHECKING:
    from auditgen.report.model import Document

BITS = [
    *"\x1b\x00\r\n\t\x85\u202e\ufffe]>[(<&\"'%:,\u2028{}\\",
    "](",
    "]]>",
    "::",
    "%0A",
    "<!--",
    "&#0;",
    "\ud800",
    "a b",
]
TEXTS = st.lists(st.sampled_from(BITS), max_size=12).map("".join) | st.text(max_size=20)


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    value = audit(
        standards=["nist-ai-rmf"],
        profile={"roles": ["organisation"], "risk_classes": []},
        sources=[source(n, f"evidence/{n}*") for n in ("a", "b", "c")],
        expected=[{"id": "X", "title": "Y", "suite": "z", "min_n": 1}],
    )
    value["principles"][0]["criteria"] = [criterion(f"C-{n}", sources=[n]) for n in ("a", "b", "c")]
    rows = {"a": samples(200), "b": samples(20, 80), "c": samples(20)}
    files = {f"evidence/{n}.json": inspect_log(r, run=n, task=n) for n, r in rows.items()}
    return judged(write_project(tmp_path_factory.mktemp("gate"), value, files)).document


@pytest.fixture(scope="module")
def whole(document: Document) -> Gate:
    return gate(document, Policy.of(["not_met", "insufficient", "controls", "findings:low"]))


def told(found: Gate, said: str) -> Gate:
    """The gate with hostile words in every place where a log's words can stand."""
    lines = [replace(x, title=said, rule=said, reason=said, files=(said, *x.files)) for x in found.criteria]
    doubts = [
        replace(d, view=d.view.model_copy(update={"detail": said, "title": said, "files": (said,)}))
        for d in found.findings
    ]
    return replace(found, criteria=tuple(lines), findings=tuple(doubts))


@given(said=TEXTS)
def test_junit_is_xml_and_counts_what_it_holds(said: str, whole: Gate) -> None:
    found = told(whole, said.encode("utf-8", "replace").decode("utf-8"))
    out = io.BytesIO()
    junit.render(found, out)
    assert b"<!" not in out.getvalue()  # no document type, no entity, no comment
    root = ET.fromstring(out.getvalue())
    cases = list(root.iter("testcase"))
    assert root.get("tests") == str(len(cases))
    passed = [c.get("name") for c in cases if not any(e.tag in {"failure", "error", "skipped"} for e in c)]
    met = [x.id for x in (*found.criteria, *found.controls) if x.status.code == "met"]
    assert sorted(map(str, passed)) == sorted(met)
    assert not {chr(n) for n in range(32)} - set("\n\t") & set(out.getvalue().decode("utf-8"))


@given(said=TEXTS)
def test_sarif_holds_no_link_and_no_control_character(said: str, whole: Gate) -> None:
    out = io.BytesIO()
    sarif.render(told(whole, said.encode("utf-8", "replace").decode("utf-8")), "audit.yaml", {}, out)
    [log] = json.loads(out.getvalue())["runs"]
    for result in log["results"]:
        message = result["message"]["text"]
        assert "](" not in message
        assert not any(ord(c) < 32 and c not in "\n\t" for c in message)
        for related in result["relatedLocations"]:
            uri = related["physicalLocation"]["artifactLocation"]["uri"]
            assert uri.isascii()
            assert ":" not in uri


def test_a_finding_keeps_its_fingerprint_when_only_its_numbers_change(whole: Gate) -> None:
    def known(detail: str) -> list[Any]:
        out = io.BytesIO()
        sarif.render(told(whole, detail), "audit.yaml", {}, out)
        return [r["partialFingerprints"] for r in json.loads(out.getvalue())["runs"][0]["results"]]

    assert known("12 of 40 lines") == known("1,300 of 4,000 lines")
    assert known("12 of 40 lines") != known("12 of 40 pages")


@given(said=TEXTS, title=TEXTS)
def test_a_command_is_one_line(said: str, title: str) -> None:
    line = _command("error", "audit.yaml", Span(2, 3, 2, 5), title, said)
    assert len(line.splitlines()) == 1
    head, _, _ = line.removeprefix("::").partition("::")
    assert head.count(",") == 4
    assert head.startswith("error file=audit.yaml,line=2,col=3,endLine=2,title=")


@given(said=TEXTS)
def test_text_stays_within_its_lines(said: str, whole: Gate) -> None:
    plain = told(whole, said)
    for line in text(plain).splitlines():
        coloured = line.replace("\x1b[", "")
        assert "\x00" not in line
        assert "\r" not in coloured
        assert "\u202e" not in line


def _fails(document: Document, words: tuple[str, ...]) -> Exit:
    return gate(document, Policy.of(words)).exit_code


def test_asking_for_more_lets_no_more_through(document: Document) -> None:
    words = [w for w in KNOWN if w != NEVER]
    codes = {
        chosen: _fails(document, chosen)
        for n in range(1, len(words) + 1)
        for chosen in combinations(words, n)
    }
    rank = {Exit.DONE: 0, Exit.INSUFFICIENT: 1, Exit.NOT_MET: 2}
    for chosen, code in codes.items():
        for word in words:
            # `controls` alone stands for all four verdicts; beside one of them for that one only
            if word in chosen or chosen == ("controls",) or set(chosen) <= {"controls", *words[5:]}:
                continue
            wider = tuple(w for w in words if w in {*chosen, word})
            assert rank[codes[wider]] >= rank[code], (chosen, word)
    assert set(codes.values()) == {Exit.DONE, Exit.INSUFFICIENT, Exit.NOT_MET}
    assert _fails(document, (NEVER,)) is Exit.DONE


def test_the_gate_holds_the_documents_numbers(document: Document, whole: Gate) -> None:
    views = {c.measure.id: c for p in document.principles for c in p.criteria}
    assert [x.id for x in whole.criteria] == ["C-b", "C-c", "C-a"]
    for line in whole.criteria:
        assert line.figure == views[line.id].measure.figure
        assert line.status == views[line.id].status
    assert sum(n for _, n in whole.control_tally) == document.frameworks[0].total
