"""`standards new`, `validate`, `coverage`, `diff` and the JSON of the others, as a user runs them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from auditgen.checklists import available_checklists, load_checklist
from auditgen.cli import run

if TYPE_CHECKING:
    from pathlib import Path

    Capture = pytest.CaptureFixture[str]


def said(capsys: Capture, *arguments: str) -> Any:
    assert run(["standards", *arguments, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_new_is_sound_and_writes_over_nothing(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "mine.yaml"
    assert run(["standards", "new", "my-rules", "--out", str(out), "--as-of", "2026-11-20"]) == 0
    assert run(["standards", "validate", str(out)]) == 0
    assert "ok: 2 controls in" in capsys.readouterr().out
    assert load_checklist(out).framework.id == "my-rules"
    before = out.read_bytes()
    assert run(["standards", "new", "my-rules", "--out", str(out)]) == 2
    assert out.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["mine.yaml"]
    link = tmp_path / "link.yaml"
    link.symlink_to(tmp_path / "elsewhere.yaml")
    assert run(["standards", "new", "my-rules", "--out", str(link)]) == 2
    assert not (tmp_path / "elsewhere.yaml").exists()
    assert run(["standards", "new", "my-rules", "--out", str(tmp_path / "gone" / "x.yaml")]) == 1


@pytest.mark.parametrize("name", ["My Rules", "-x", "a" * 81, "eu-ai-act", "x\ny: 1"])
def test_new_takes_no_odd_id(name: str, capsys: Capture) -> None:
    assert run(["standards", "new", "--", name]) == 2
    assert capsys.readouterr().out == ""


def test_validate_in_json(sound: str, tmp_path: Path, capsys: Capture, pytestconfig: pytest.Config) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(sound)
    bad.write_text(sound.replace("severity: high", "severty: high"))
    suite = pytestconfig.rootpath / "suites" / "garak.yaml"
    files = [str(good), str(suite)]
    assert [(r["kind"], r["sound"]) for r in said(capsys, "validate", *files)] == [
        ("checklist", True),
        ("suites", True),
    ]
    assert run(["standards", "validate", str(bad), str(good), "--format", "json"]) == 4
    out, err = capsys.readouterr()
    assert err == ""
    first, second = json.loads(out)
    (fault,) = first["faults"]
    assert (fault["code"], fault["line"], fault["column"]) == ("extra-forbidden", 37, 5)
    assert fault["helps"] == ["did you mean `severity`?"]
    assert (first["sound"], second["sound"], second["controls"]) == (False, True, 2)


def test_list_and_show_in_json(capsys: Capture) -> None:
    listed = {row["id"]: row["controls"] for row in said(capsys, "list")}
    assert set(listed) == set(available_checklists())
    whole = said(capsys, "show", "nist-ai-rmf")
    assert len(whole["controls"]) == listed["nist-ai-rmf"] == 72
    one = said(capsys, "show", "eu-ai-act", "9(8)")
    assert (one["framework"], one["id"], one["severity"]) == ("eu-ai-act", "9(8)", "critical")
    assert one["statement"] == one["requirement"]
    assert one["text_basis"] == "read"


def test_a_control_without_evidence_says_so(sound: str, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        sound.replace("    evidence:\n      - {id: logs, any_of: [MO-COV, DO-LOG]}\n", "    evidence: []\n")
    )
    assert run(["standards", "show", str(path), "2"]) == 0
    assert "none is named; the control cannot be met" in capsys.readouterr().out


OWN = """\
schema: auditgen-checklist-1
framework:
  id: own
  title: Own
  authority: Example Ltd
  citation: Own
  source_version: "1"
  checklist_version: "1"
  binding: internal
  licence: {text: ours, policy: verbatim_ok, attribution: Example Ltd}
  review: {legal_review: none, last_checked: 2026-11-20, text_basis: read, sources: [us]}
  scope: all
vocabulary: {roles: [provider, importer], risk_classes: []}
groups: [{id: g, title: G, cite: g}]
controls:
"""


def own_control(name: str, needs: str, applies: str = "{always: true}") -> str:
    return (
        f"  - {{id: {name}, group: g, title: Control {name}, requirement: R., cite: c, kind: control, "
        f"applies: {applies}, severity: low, evidence: [{needs}]}}\n"
    )


AUDIT = """\
schema: auditgen-audit-1
organisation: {name: Example Ltd}
system: {name: Assistant, version: "1", models: [m-1]}
period: {start: 2026-07-01, end: 2026-09-30}
report:
  id: r-1
  prepared_for: the board
  prepared_by: {name: A. Person, role: officer}
profile: {roles: [provider]}
standards: [own.yaml]
principles:
  - id: P1
    title: Refuses
    promise: It refuses.
    criteria:
      - {id: P1-refusal, indicator: refusal-rate, sources: [s], at_least: 0.9}
  - id: P2
    title: The same unwatched
    promise: It does the same.
    answers: ["own:named", "own:partly"]
    criteria:
      - {id: P2-gap, indicator: compliance-gap, sources: [s], within: 0.05}
  - id: P3
    title: Withstands
    promise: It withstands.
    criteria:
      - {id: P3-redteam, indicator: attack-success, sources: [s], at_most: 0.1}
sources:
  - id: s
    title: Tests
    files: [nowhere/*.json]
    provider: {name: Example Ltd, independence: self}
    custody: {received_from: lab, received_on: 2026-10-01, received_by: A. Person}
documents:
  - {id: incident-policy, kind: DO-IRP, title: Plan, file: a.pdf, version: "1", dated: 2026-06-01, owner: A. Person}
  - {id: monitoring-plan, kind: DO-PMM, title: Plan, file: b.pdf, version: "1", dated: 2026-06-01, owner: A. Person}
"""


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    """An audit.yaml with a checklist of six controls, and no evidence at all."""
    controls = [
        own_control("named", "{id: a, any_of: [EV-MUG, DO-TD]}"),
        own_control("partly", "{id: a, any_of: [EV-MUG]}, {id: b, any_of: [EV-CBR]}"),
        own_control("nothing", "{id: a, any_of: [EV-ASR]}"),
        own_control("empty", ""),
        own_control("outside", "{id: a, any_of: [EV-ASR]}", "{role: importer}"),
        own_control("document", "{id: a, any_of: [DO-IRP]}"),
    ]
    (tmp_path / "own.yaml").write_text(OWN + "".join(controls))
    path = tmp_path / "audit.yaml"
    path.write_text(AUDIT)
    return path


def test_coverage_of_an_audit_without_any_evidence(audit: Path, capsys: Capture) -> None:
    found = said(capsys, "coverage", str(audit), "--as-of", "2026-11-20")
    assert {row["control"]: row["status"] for row in found["controls"]} == {
        "named": "named",
        "partly": "partly",
        "nothing": "nothing",
        "empty": "asks for nothing",
        "outside": "does not apply",
        "document": "named",
    }
    rows = {row["control"]: row for row in found["controls"]}
    assert rows["named"]["principles"] == ["P2"]
    assert rows["named"]["needs"][0]["criteria"] == ["P2-gap"]
    assert rows["nothing"]["needs"][0]["criteria_elsewhere"] == ["P3-redteam"]
    assert rows["nothing"]["needs"][0]["indicators"] == ["attack-success"]
    assert rows["document"]["needs"][0]["documents"] == ["incident-policy"]
    assert found["answers_to_no_control"] == []
    assert found["principles_that_answer_nothing"] == ["P1", "P3"]
    assert found["codes_no_indicator_measures"] == [{"code": "EV-CBR", "controls": 1}]
    assert found["criteria_that_serve_no_need"] == ["P1-refusal", "P3-redteam"]
    assert found["documents_nobody_asks_for"] == ["monitoring-plan"]
    assert "compliance-gap" not in found["indicators_nobody_asks_for"]
    assert "refusal-rate" in found["indicators_nobody_asks_for"]
    assert run(["standards", "coverage", str(audit), "--as-of", "2026-11-20"]) == 0
    out = capsys.readouterr().out
    assert "     2  named" in out
    assert "nobody answers (1)\n  own:nothing  Control nothing\n" in out
    assert "P3-redteam" not in out.split("nobody answers")[0]
    assert max(map(len, out.splitlines())) <= 100


def test_coverage_of_checklists(capsys: Capture) -> None:
    found = said(capsys, "coverage", "--standards", "eu-ai-act,nist-ai-rmf")
    assert len(found["controls"]) == 220 + 72
    assert all(not row["principles"] for row in found["controls"])
    assert {"code": "EV-CBR", "controls": 2} in found["codes_no_indicator_measures"]
    assert run(["standards", "coverage", "--standards", "eu-ai-akt"]) == 4
    assert "did you mean `eu-ai-act`?" in capsys.readouterr().err
    for arguments in ([], ["x.yaml", "--standards", "eu-ai-act"], ["--standards", ","]):
        assert run(["standards", "coverage", *arguments]) == 2


def test_diff_says_what_changed_field_by_field(sound: str, tmp_path: Path, capsys: Capture) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(sound)
    changed = (
        sound.replace("severity: high", "severity: critical")
        .replace("{id: logs, any_of: [MO-COV, DO-LOG]}", "{id: logs, any_of: [MO-COV]}")
        .replace('version: "1.0"', 'version: "1.1"')
        .replace("title: Second", "title: The second")
    )
    third = sound[sound.index('  - id: "2"') :].replace('"2"', '"3"').replace("Keep logs", "Keep more")
    new.write_text(changed + third)
    found = said(capsys, "diff", str(old), str(new))
    assert [(c["id"], c["changes"]) for c in found["changed"]] == [
        ("1", [{"field": "severity", "old": "high", "new": "critical"}]),
        ("2", [{"field": "evidence[logs].any_of", "old": ["MO-COV", "DO-LOG"], "new": ["MO-COV"]}]),
    ]
    assert [c["id"] for c in found["added"]] == ["3"]
    assert found["framework"] == [{"field": "checklist_version", "old": "1.0", "new": "1.1"}]
    assert found["other"] == [{"field": "groups[two].title", "old": "Second", "new": "The second"}]
    back = said(capsys, "diff", str(new), str(old))
    assert [c["id"] for c in back["removed"]] == ["3"]
    same = said(capsys, "diff", str(old), str(old))
    assert same == {"framework": [], "other": [], "added": [], "removed": [], "changed": [], "same": 2}
    assert run(["standards", "diff", str(old), str(new)]) == 0
    out = capsys.readouterr().out
    assert "controls: 1 added, 0 removed, 2 changed, 0 the same" in out
    assert "    severity\n      - high\n      + critical\n" in out
    assert run(["standards", "diff", str(old), "gone.yaml"]) == 4


def test_every_checklist_that_ships_compares_with_itself_and_another(capsys: Capture) -> None:
    names = list(available_checklists())
    for name, other in pairwise(names):
        assert said(capsys, "diff", name, name)["changed"] == []
        found = said(capsys, "diff", name, other)
        count = len(load_checklist(available_checklists()[other]).controls)
        assert len(found["added"]) + len(found["changed"]) + found["same"] == count


@pytest.mark.parametrize("name", ["nist-ai-rmf", "iso-42001", "owasp-llm-2025", "mitre-atlas-mitigations"])
def test_text_fits_a_hundred_columns(name: str, capsys: Capture) -> None:
    for arguments in (
        ["coverage", "--standards", name],
        ["crosswalk", name],
        ["show", name],
        ["diff", name, "eu-ai-act"],
    ):
        assert run(["standards", *arguments]) == 0
        out = capsys.readouterr().out
        assert [line for line in out.splitlines() if len(line) > 100] == [], arguments
