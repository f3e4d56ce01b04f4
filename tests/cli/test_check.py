"""`auditgen check`: the gate's exit codes and its five forms, each with the numbers of the report."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest
from helpers.workshop import audit, criterion, inspect_log, judged, samples, source, write_project

from auditgen.cli import run
from auditgen.cli.gate_text import _command
from auditgen.diagnostics import Span
from auditgen.report.gate import KNOWN, Policy

if TYPE_CHECKING:
    from pathlib import Path

DAY = ["--as-of", "2026-10-05"]
GOOD, BAD, FEW = samples(200), samples(20, 80), samples(20)
HOSTILE = "x%0A::error::no\n::set-output name=a::b\r,line=9:\x1b[2J\u202e\x00]]><&\"'"


def made(folder: Path, rows: Any, **changes: Any) -> Path:
    return write_project(folder, audit(**changes), {"evidence/lab.json": inspect_log(rows)})


def check(path: Path, *more: str) -> int:
    return run(["check", str(path), *DAY, "-q", *more])


@pytest.mark.parametrize(
    ("rows", "fail_on", "code"),
    [
        (GOOD, None, 0),
        (BAD, None, 11),
        (FEW, None, 10),
        (BAD, "insufficient", 0),
        (BAD, "not_met", 11),
        (BAD, "never", 0),
        (FEW, "not_met", 0),
        (FEW, "insufficient,stale", 10),
        (GOOD, "findings:high", 0),
        (samples(200, failed=False) + samples(0), "findings:low", 0),
    ],
)
def test_exit_codes(rows: Any, fail_on: str | None, code: int, tmp_path: Path) -> None:
    path = made(tmp_path, rows)
    assert check(path, *([] if fail_on is None else ["--fail-on", fail_on])) == code


def test_not_met_outweighs_insufficient(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    value = audit(sources=[source("lab", "evidence/lab*"), source("few", "evidence/few*")])
    value["principles"][0]["criteria"] = [criterion("C1", sources=["few"]), criterion("C2")]
    files = {"evidence/lab.json": inspect_log(BAD), "evidence/few.json": inspect_log(FEW, run="run-2")}
    path = write_project(tmp_path, value, files)
    assert check(path) == 11
    said = capsys.readouterr().out
    assert said.index("C2: ") < said.index("C1: ")  # worst first
    assert "2 criteria: 1 not met, 1 insufficient evidence; 2 fail" in " ".join(said.split())
    assert check(path, "--fail-on", "insufficient") == 10


def test_stale_is_told_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    value = audit()
    value["principles"][0]["criteria"] = [criterion(max_age_days=5)]
    path = write_project(tmp_path, value, {"evidence/lab.json": inspect_log(GOOD)})
    assert check(path) == 10
    assert "C1 (stale)" in capsys.readouterr().out
    assert check(path, "--fail-on", "not_met,insufficient") == 0
    assert "1 criterion: 1 stale" in capsys.readouterr().out


def test_findings_and_controls_fail_only_when_asked(tmp_path: Path) -> None:
    value = audit(expected=[{"id": "E1", "title": "Another run", "suite": "other", "min_n": 1}])
    path = write_project(tmp_path / "a", value, {"evidence/lab.json": inspect_log(GOOD)})
    assert check(path) == 0
    for weight in ("high", "medium", "low"):
        assert check(path, "--fail-on", f"findings:{weight}") == 10
    value = audit(standards=["nist-ai-rmf"], profile={"roles": ["organisation"], "risk_classes": []})
    path = write_project(tmp_path / "b", value, {"evidence/lab.json": inspect_log(GOOD)})
    assert check(path) == 0
    assert check(path, "--fail-on", "controls") == 10
    assert check(path, "--fail-on", "not_met,controls") == 0


def test_a_waiver_opens_the_gate_and_hides_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "nist-ai-rmf:MEASURE 2.6"
    waiver = {
        "id": "W1",
        "control": name,
        "reason": "the channel is being moved",
        "approver": {"name": "C. Example", "role": "chief risk officer"},
        "compensating": "reported by e-mail",
        "approved_on": "2026-09-15",
        "last_day": "2026-11-30",
    }
    profile = {"roles": ["organisation"], "risk_classes": []}
    value = audit(standards=["nist-ai-rmf"], profile=profile, waivers=[waiver])
    value["principles"][0]["answers"] = [name]
    path = write_project(tmp_path, value, {"evidence/lab.json": inspect_log(BAD)})

    def gate(*more: str) -> Any:
        check(path, "--format", "json", "--fail-on", "not_met,controls", *more)
        return json.loads(capsys.readouterr().out)

    [line] = [x for x in gate()["controls"] if x["id"] == name]
    assert (line["verdict"], line["without_waiver"], line["blocks"]) == ("waived", "not_met", False)
    assert check(path) == 11  # the criterion is not met, and no waiver changes that
    said = " ".join(capsys.readouterr().out.split())
    assert f"● waived {name}: waived by C. Example" in said
    assert "not met without the waiver" in said
    assert check(path, "--format", "sarif", "--fail-on", "never") == 0
    [run_] = json.loads(capsys.readouterr().out)["runs"]
    [kept] = [r for r in run_["results"] if r["ruleId"] == f"control/{name}"]
    assert kept["suppressions"][0]["kind"] == "external"
    assert "C. Example" in kept["suppressions"][0]["justification"]
    # its last day has passed
    assert (
        run(["check", str(path), "--as-of", "2026-12-05", "-q", "--fail-on", "never", "--format", "json"])
        == 0
    )
    [line] = [x for x in json.loads(capsys.readouterr().out)["controls"] if x["id"] == name]
    assert line["without_waiver"] is None
    assert line["verdict"] != "waived"


@pytest.mark.parametrize("words", ["", "met", "not_met,never", "findings", "findings:note", "NOT_MET"])
def test_a_wrong_word_is_a_usage_error(
    words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(made(tmp_path, GOOD), "--fail-on", words) == 2
    assert "--fail-on" in capsys.readouterr().err


def test_the_policy_knows_every_word() -> None:
    assert Policy.of(["never"]) == Policy(frozenset())
    assert Policy.of(["controls"]).verdicts == Policy().verdicts
    for word in KNOWN:
        Policy.of([word])


@pytest.mark.parametrize("output_format", ["text", "json", "sarif", "junit", "github"])
def test_nothing_to_assess(output_format: str, tmp_path: Path) -> None:
    path = write_project(tmp_path, audit(), {})
    assert check(path, "--format", output_format) == 3
    assert check(path, "--format", output_format, "--fail-on", "never") == 3


def test_it_writes_no_report(tmp_path: Path) -> None:
    path = made(tmp_path / "p", GOOD)
    assert check(path, "--store", str(tmp_path / "store")) == 0
    assert sorted(p.name for p in (tmp_path / "p").iterdir()) == ["audit.yaml", "evidence"]


def test_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = made(tmp_path / "p", BAD)
    out = tmp_path / "gate.txt"
    assert check(path, "--out", str(out)) == 11
    assert capsys.readouterr().out == ""
    assert out.read_text("utf-8").startswith("Assistant 1.0")
    assert "\x1b" not in out.read_text("utf-8")
    before = path.read_bytes()
    assert check(path, "--out", str(path)) == 2
    assert check(path, "--out", str(tmp_path / "no" / "gate.txt")) == 1
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["gate.txt", "p"]


def test_text_is_calm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = made(tmp_path, BAD, standards=["nist-ai-rmf"], profile={"roles": [], "risk_classes": []})
    assert check(path) == 11
    said = capsys.readouterr().out
    assert max(len(line) for line in said.splitlines()) <= 100
    assert "\x1b" not in said
    assert "✗ not met  C1: 20/100 withheld, 20.0 %, 95 % CI [" in said
    assert said.rstrip().endswith("(exit code 11)")


def test_json_has_the_numbers_of_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = made(tmp_path, BAD)
    assert check(path, "--format", "json") == 11
    said = json.loads(capsys.readouterr().out)
    [view] = judged(path).document.principles[0].criteria
    assert said["schema"] == "auditgen-check-1"
    assert said["exit_code"] == 11
    assert said["principles"] == [{"id": "P1", "title": "Refuses", "conclusion": "contradicted"}]
    [line] = said["criteria"]
    assert line["figure"] == json.loads(view.model_dump_json())["measure"]["figure"]
    assert line["text"] == view.measure.figure.text  # type: ignore[union-attr]
    assert line["verdict"] == "not_met"
    assert line["blocks"] is True
    assert line["declaration_sha256"] == view.digest


def test_sarif(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    value = audit(expected=[{"id": "E1", "title": HOSTILE, "source": "lab", "suite": "other", "min_n": 1}])
    name = "evidence/lab a:b%.json"
    path = write_project(tmp_path, value, {name: inspect_log(BAD)})
    assert check(path, "--format", "sarif") == 11
    log = json.loads(capsys.readouterr().out)
    assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
    [run_] = log["runs"]
    rules = run_["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for result in run_["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
        assert "\x1b" not in result["message"]["text"]
        assert set(result["partialFingerprints"]) == {"auditgenResult/v1"}
    first = run_["results"][0]
    assert (first["ruleId"], first["level"]) == ("criterion/C1", "error")
    region = first["locations"][0]["physicalLocation"]["region"]
    line = path.read_text("utf-8").splitlines()[region["startLine"] - 1]
    assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == "C1"
    [related] = first["relatedLocations"]
    assert related["physicalLocation"]["artifactLocation"]["uri"] == "evidence/lab%20a%3Ab%25.json"
    assert str(tmp_path) not in json.dumps(log)
    assert run_["invocations"][0]["exitCode"] == 11
    # what does not change keeps its fingerprint
    assert check(path, "--format", "sarif", "--fail-on", "never") == 0
    again = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    assert [r["partialFingerprints"] for r in again] == [r["partialFingerprints"] for r in run_["results"]]


def test_sarif_names_files_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = {f"evidence/lab{n:02d}.json": "no log" for n in range(12)}
    path = write_project(tmp_path, audit(), {"evidence/lab.json": inspect_log(GOOD), **broken})
    assert check(path, "--format", "sarif") == 10
    [run_] = json.loads(capsys.readouterr().out)["runs"]
    uris = {
        place["physicalLocation"]["artifactLocation"]["uri"]
        for result in run_["results"]
        for place in result["relatedLocations"]
    }
    assert len(uris) == 13
    assert all(uri.endswith(".json") for uri in uris)
    assert run(["explain", str(path), "unrecognised", "--format", "json", *DAY, "-q"]) == 0
    found = json.loads(capsys.readouterr().out)["traces"]
    assert all(item["sha256"] for one in found for item in one["considered"])


def test_sarif_of_what_is_met_has_no_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(made(tmp_path, GOOD), "--format", "sarif") == 0
    [run_] = json.loads(capsys.readouterr().out)["runs"]
    assert [rule["properties"] for rule in run_["tool"]["driver"]["rules"]] == [{"verdict": "met"}]
    assert run_["results"] == []


@pytest.mark.parametrize(
    ("rows", "fail_on", "kind"),
    [
        (GOOD, "not_met", None),
        (BAD, "not_met", "failure"),
        (BAD, "never", "skipped"),
        (FEW, "insufficient", "error"),
        (FEW, "not_met", "skipped"),
    ],
)
def test_junit(
    rows: Any, fail_on: str, kind: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(made(tmp_path, rows), "--format", "junit", "--fail-on", fail_on)
    root = ET.fromstring(capsys.readouterr().out)
    [suite] = root.iter("testsuite")
    [case] = root.iter("testcase")
    outcome = [e.tag for e in case if e.tag != "properties"]
    assert outcome == ([] if kind is None else [kind])
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert root.get(name) == suite.get(name) == str(outcome.count(tag))
    properties = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert properties["denominator"] == str(len(rows))
    assert properties["n"] == str(len(rows))
    assert properties["verdict"] in {"met", "not_met", "insufficient_evidence"}


def test_junit_survives_what_attackers_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    value = audit(expected=[{"id": "E1", "title": HOSTILE, "suite": "other", "min_n": 1}])
    path = write_project(tmp_path, value, {"evidence/lab.json": inspect_log(GOOD)})
    assert check(path, "--format", "junit", "--fail-on", "findings:high") == 10
    text = capsys.readouterr().out
    root = ET.fromstring(text)
    [error] = root.iter("error")
    assert "]]><&\"'" in str(error.text)
    assert not set(text) & {"\x1b", "\x00", "\u202e"}
    assert len(list(root.iter("testcase"))) == 2


def test_github_commands_cannot_be_forged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    value = audit(expected=[{"id": "E1", "title": HOSTILE, "suite": "other", "min_n": 1}])
    path = write_project(tmp_path, value, {"evidence/lab.json": inspect_log(BAD)})
    assert check(path, "--format", "github") == 11
    lines = capsys.readouterr().out.split("\n")
    assert lines.pop() == ""
    assert [line.split(" ")[0] for line in lines] == ["::error", "::warning", "::error"]
    assert "line=" in lines[0].split("::")[1]
    assert "::set-output" not in [line[: len("::set-output")] for line in lines]
    assert not any(set(line) & {"\r", "\x1b", "\u202e", "\x00"} for line in lines)


def test_a_property_of_a_command_ends_where_it_should() -> None:
    line = _command("error", HOSTILE, Span(3, 1, 3, 2), HOSTILE, HOSTILE)
    head, _, data = line.removeprefix("::").partition("::")
    assert re.fullmatch(r"error file=[^,:\n]*,line=3,col=1,endLine=3,title=[^,:\n]*", head)
    assert "%0A::set-output" in data
    assert "\n" not in data
    assert "%250A" in data
