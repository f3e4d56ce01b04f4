"""A tailoring changes what it says and nothing else, and never asks for less without saying so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.checklists import available_checklists, load_checklist
from auditgen.checklists.applying import DISTANCES, SEVERITIES
from auditgen.checklists.load import checklist_files
from auditgen.errors import InputRefused
from auditgen.project.load import load_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from auditgen.checklists import Checklist
    from auditgen.diagnostics import Diagnostic

BASE = """\
  - id: "3"
    group: two
    title: Report
    requirement: "Report within {{ days }} to {{ whom }}."
    cite: s. 3
    kind: obligation
    parent: "2"
    applies: {always: true}
    severity: high
    independence: external
    every_days: 90
    frequency: monthly
    notes: Own note.
    parameters:
      - {id: days, label: number of days, choices: ["1", "2"], how_many: one_or_more}
      - {id: whom, label: authority, value: the board}
    evidence:
      - {id: plan, any_of: [DO-IRP], max_age_days: 100, must_show: [the dates]}
      - {id: rate, any_of: [EV-REF], bind_to: [model_version], sampling: {min_n: 50}}
"""
HEAD = """\
schema: auditgen-tailoring-1
id: ours
title: Ours
version: "1"
extends: base.yaml
"""


@pytest.fixture
def tailored(sound: str, tmp_path: Path) -> Callable[[str], Checklist]:
    """The checklist that the sound one (with a third control) becomes under a tailoring."""
    (tmp_path / "base.yaml").write_text(sound + BASE)

    def load(text: str) -> Checklist:
        path = tmp_path / "ours.yaml"
        path.write_text(HEAD + text)
        return load_checklist(path)

    return load


def faults(tailored: Callable[[str], Checklist], text: str) -> list[Diagnostic]:
    with pytest.raises(InputRefused) as refusal:
        tailored(text)
    return sorted(refusal.value.diagnostics, key=lambda d: d.span)


def test_nothing_changed_is_everything_kept(tailored: Callable[[str], Checklist], tmp_path: Path) -> None:
    base = load_checklist(tmp_path / "base.yaml")
    found = tailored("")
    assert found.controls == base.controls
    assert found.groups == base.groups
    assert (found.framework.id, found.framework.title) == ("ours", "Ours")
    assert found.framework.checklist_version == "1 (on 1.0)"
    assert found.framework.scope == (
        "Tailored from `house-rules` (checklist version 1.0) by `ours` version 1. All 3 controls are kept. "
        "Of the original: everything"
    )


def test_what_is_chosen(tailored: Callable[[str], Checklist]) -> None:
    def ids(text: str) -> list[str]:
        return [control.id for control in tailored(text).controls]

    assert ids('include: ["1"]') == ["1"]
    assert ids("include: [two]") == ["2", "3"]
    assert ids("include: [one]") == ["1", "2", "3"]  # `two` lies below `one`
    assert ids('exclude: ["1", "3"]') == ["2"]
    assert ids('include: [two]\nexclude: ["2"]') == ["3"]
    alone = tailored('include: ["3"]\nwhy: We only report.')
    assert alone.controls[0].parent is None
    assert alone.controls[0].notes == "Own note. tailored: 2, which it refines, is left out."
    assert "2 of 3 controls are left out: 1, 2." in alone.framework.scope
    assert (
        "1 of the 1 kept asks for less than the original: 3 (2, which it refines, is left out)."
        in alone.framework.scope
    )
    assert "Reason given: We only report." in alone.framework.scope
    assert {group.id for group in tailored('include: ["1"]').groups} == {"one"}


def test_parameters_are_filled_in_and_said(tailored: Callable[[str], Checklist]) -> None:
    found = tailored('set: {days: "1; 2", whom: the minister}')
    control = found.controls[2]
    assert control.statement == "Report within 1; 2 to the minister."
    assert control.requirement == "Report within {{ days }} to {{ whom }}."
    assert control.notes == (
        "Own note. tailored: parameter days is set to `1; 2`; "
        "parameter whom is set to `the minister`, which was `the board`."
    )
    assert "2 parameters are filled in." in found.framework.scope


LESS = [
    ("severity: medium", "severity medium, which was high"),
    ("independence: none", "independence none, which was external"),
    ("every_days: 365", "evidence may be 365 days old, which was 90"),
    ("frequency: yearly", "frequency `yearly`, which was `monthly`"),
    ("max_age_days: 200", "evidence for need `plan` may be 200 days old, which was 100"),
    ("without: [plan]", "need `plan` (DO-IRP) is dropped"),
    (
        "evidence: [{id: plan, any_of: [DO-IRP], must_show: [the dates]}]",
        "`plan` may be of any age, which was 100",
    ),
    (
        "evidence: [{id: plan, any_of: [DO-IRP, DO-POL], max_age_days: 100, must_show: [the dates]}]",
        "need `plan` may also be satisfied by DO-POL",
    ),
    ("evidence: [{id: plan, any_of: [DO-IRP], max_age_days: 100}]", "asks a reviewer to look for less"),
    (
        "evidence: [{id: rate, any_of: [EV-REF], sampling: {min_n: 50}}]",
        "asks for another `bind_to`, or for none",
    ),
    ("evidence: [{id: rate, any_of: [EV-REF], bind_to: [model_version]}]", "asks for another `sampling`"),
]
MORE = [
    "severity: critical",
    "independence: external_accredited",
    "every_days: 30",
    "max_age_days: 50",
    "notes: Mind the holidays.",
    "evidence: [{id: extra, any_of: [AT-IND]}]",
    "evidence: [{id: plan, any_of: [DO-IRP], max_age_days: 100, must_show: [the dates, the names]}]",
]


@pytest.mark.parametrize(("text", "said"), LESS)
def test_less_is_said_on_the_control_and_in_the_scope(
    tailored: Callable[[str], Checklist], text: str, said: str
) -> None:
    found = tailored(f'modify: {{"3": {{{text}, reason: a small firm}}}}')
    notes = found.controls[2].notes or ""
    assert notes.startswith("Own note. tailored: ")
    assert said in notes
    assert "reason given: a small firm" in notes
    assert "1 of the 3 kept asks for less than the original: 3 (" in found.framework.scope
    assert said in found.framework.scope  # a report prints the scope
    assert found.controls[2].requirement == "Report within {{ days }} to {{ whom }}."


@pytest.mark.parametrize("text", MORE)
def test_more_is_no_weakening(tailored: Callable[[str], Checklist], text: str) -> None:
    found = tailored(f'modify: {{"3": {{{text}}}}}')
    assert "less than the original" not in found.framework.scope
    notes = found.controls[2].notes or ""
    assert notes != "Own note."
    assert ("tailored:" in notes) == ("notes:" not in text)


@given(
    severity=st.sampled_from(SEVERITIES),
    distance=st.sampled_from(DISTANCES),
    age=st.integers(1, 3660),
    every=st.integers(1, 3660),
    drops=st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_tailoring_is_quiet_only_where_it_asks_for_no_less(
    tailored: Callable[[str], Checklist], severity: str, distance: str, age: int, every: int, drops: bool
) -> None:
    gone = ", without: [rate]" if drops else ""
    change = (
        f"{{severity: {severity}, independence: {distance}, max_age_days: {age}, every_days: {every}{gone}}}"
    )
    found = tailored(f'modify: {{"3": {change}}}')
    is_less = (
        SEVERITIES.index(severity) < SEVERITIES.index("high")
        or DISTANCES.index(distance) < DISTANCES.index("external")
        or age > 100
        or every > 90
        or drops
    )
    assert ("less than the original: 3 (" in found.framework.scope) == is_less


SPOILED = [
    ("include: [thre]", "unknown-control-or-group", 6, 11),
    ('exclude: ["1", "2", "3"]', "nothing-left", 2, 1),
    ("set: {dayz: x}", "unknown-parameter", 6, 7),
    ('set: {days: "3"}', "unknown-choice", 6, 13),
    ('exclude: ["3"]\nset: {days: "1"}', "unknown-parameter", 7, 7),
    ('modify: {"4": {severity: low}}', "unknown-control", 6, 10),
    ('exclude: ["1"]\nmodify: {"1": {severity: low}}', "left-out", 7, 10),
    ('modify: {"1": {reason: none}}', "nothing-changed", 6, 10),
    ('modify: {"1": {without: [refusal]}}', "unknown-need", 6, 26),
    (
        'modify: {"1": {without: [refusals], evidence: [{id: refusals, any_of: [EV-REF]}]}}',
        "contradiction",
        6,
        26,
    ),
    ('modify: {"1": {requirement: Do what you like.}}', "extra-forbidden", 6, 16),
    ('modify: {"1": {severity: lo}}', "literal-error", 6, 26),
    ('modify: {"1": {evidence: [{id: a, any_of: [EV-RFE]}]}}', "unknown-code", 6, 44),
]


@pytest.mark.parametrize(("text", "code", "line", "column"), SPOILED)
def test_a_fault_has_its_place_in_the_tailoring(
    tailored: Callable[[str], Checklist], text: str, code: str, line: int, column: int
) -> None:
    found = faults(tailored, text)
    if code == "nothing-left":  # no `include` was written: the file itself is the place
        assert [d.code for d in found] == [code]
        return
    assert (code, line, column) in {(d.code, d.span.line, d.span.column) for d in found}
    assert all(d.file.endswith("ours.yaml") for d in found)


def test_chains_circles_and_files_that_are_not_there(sound: str, tmp_path: Path) -> None:
    def write(name: str, extends: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEAD.replace("base.yaml", extends).replace("id: ours", f"id: {path.stem}"))
        return path

    (tmp_path / "base.yaml").write_text(sound)
    write("a.yaml", "base.yaml")
    top = write("sub/b.yaml", "../a.yaml")
    assert load_checklist(top).framework.checklist_version == "1 (on 1 (on 1.0))"
    assert [p.name for p in checklist_files(top)] == ["b.yaml", "a.yaml", "base.yaml"]
    assert load_checklist(write("n.yaml", "nist-ai-rmf")).framework.binding == "voluntary"
    write("x.yaml", "y.yaml")
    for path, code in (
        (write("y.yaml", "x.yaml"), "extends-circle"),
        (write("self.yaml", "self.yaml"), "extends-circle"),
        (write("gone.yaml", "nist-ai-rfm"), "unknown-standard"),
        (write("abs.yaml", str(tmp_path / "base.yaml")), "absolute-path"),
    ):
        with pytest.raises(InputRefused) as refusal:
            load_checklist(path)
        assert code in {d.code for d in refusal.value.diagnostics}, path
    before = "base.yaml"
    for number in range(8):
        before = write(f"c{number}.yaml", before).name
    with pytest.raises(InputRefused) as refusal:
        load_checklist(tmp_path / before)
    assert "extends-depth" in {d.code for d in refusal.value.diagnostics}


def test_faults_of_the_base_are_told_where_they_are(sound: str, tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(sound.replace("severity: high", "severty: high"))
    path = tmp_path / "ours.yaml"
    path.write_text(HEAD)
    with pytest.raises(InputRefused) as refusal:
        load_checklist(path)
    assert {(d.code, d.file.rpartition("/")[2], d.span.line) for d in refusal.value.diagnostics} == {
        ("faulty-base", "ours.yaml", 5),
        ("extra-forbidden", "base.yaml", 37),
    }


def test_audit_yaml_takes_a_tailoring(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    sample = pytestconfig.rootpath / "samples" / "quarter"
    text = (sample / "audit.yaml").read_text("utf-8")
    for name in ("documents", "evidence"):
        (tmp_path / name).symlink_to(sample / name)
    (tmp_path / "ours.yaml").write_text(
        HEAD.replace("base.yaml", "nist-ai-rmf") + 'exclude: ["MEASURE 1.1"]\n'
    )
    (tmp_path / "audit.yaml").write_text(text.replace("standards: [", "standards: [ours.yaml, ", 1))
    assert "standards: [ours.yaml, " in (tmp_path / "audit.yaml").read_text("utf-8")
    project = load_project(tmp_path / "audit.yaml", needs_signer=False)
    first = project.checklists[0]
    assert first.framework.id == "ours"
    assert len(first.controls) == len(load_checklist(available_checklists()["nist-ai-rmf"]).controls) - 1


def test_what_does_not_fit_is_counted(sound: str, tmp_path: Path) -> None:
    one = sound[sound.index('  - id: "2"') :]
    many = "".join(one.replace('"2"', f'"control-number-{n}"') for n in range(900))
    (tmp_path / "base.yaml").write_text(sound + many)
    path = tmp_path / "ours.yaml"
    path.write_text(HEAD + "exclude: [two]\n")
    scope = load_checklist(path).framework.scope
    assert "901 of 902 controls are left out: 2, control-number-0, " in scope
    listed = scope.split("left out: ")[1].split(" and ")[0].split(", ")
    assert f" and {901 - len(listed)} more." in scope
    assert len(scope) <= 20_000
