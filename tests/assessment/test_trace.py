"""The trace tells what the judgement decided, and invents nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from helpers import judging as j
from helpers.workshop import (
    AS_OF,
    audit,
    criterion,
    inspect_log,
    judged,
    sample,
    samples,
    source,
    write_project,
)
from hypothesis import given
from hypothesis import strategies as st

from auditgen.assessment import Verdict
from auditgen.assessment.judge import judge
from auditgen.assessment.model import Rule
from auditgen.assessment.trace import names_of, traces
from auditgen.assessment.trace_values import RULES, Trace
from auditgen.project import load_project

if TYPE_CHECKING:
    from pathlib import Path

OF = {
    Rule.UNMEASURED: {Verdict.INSUFFICIENT},
    Rule.BROKEN: {Verdict.NOT_MET},
    Rule.SHORT: {Verdict.INSUFFICIENT},
    Rule.OLD: {Verdict.STALE},
    Rule.UNCONFIRMED: {Verdict.INSUFFICIENT},
    Rule.HOLDS: {Verdict.MET},
    Rule.OPEN: {Verdict.INSUFFICIENT},
}


def trace(
    folder: Path, rows: Any, name: str = "C1", log: Any = None, as_of: date = AS_OF, **changes: Any
) -> Trace:
    path = write_project(folder, audit(**changes), {"evidence/lab.json": inspect_log(rows, **(log or {}))})
    built = judged(path, as_of)
    project = load_project(path, needs_signer=False)
    [found] = traces(built.assessment, project.audit, name)
    return found


def decided(found: Trace) -> list[str]:
    return [step.rule for step in found.precedence if step.decided]


@given(
    n=st.integers(0, 400), share=st.floats(0, 1), unknown=st.integers(0, 60), age=st.integers(1, 400),
    least=st.integers(1, 200),
)  # fmt: skip
def test_the_rule_fits_the_verdict(n: int, share: float, unknown: int, age: int, least: int) -> None:
    k = round(n * share)
    wanted = j.criterion(min_n=least, max_age_days=age)
    measured: Any = j.rate(k, n, undecided=unknown) if n else j.nothing()
    done = judge(wanted, "P1", measured, j.context())
    assert done.rule is not None
    assert done.verdict in OF[done.rule]
    if done.rule is Rule.SHORT:
        assert n < least or done.reasons


def test_met(tmp_path: Path) -> None:
    found = trace(tmp_path, samples(200))
    assert found.verdict == "met"
    assert decided(found) == [RULES[Rule.HOLDS]]
    assert found.changes[0] == "it becomes stale after 2027-03-09, unless newer evidence is handed in"
    [file] = found.considered
    assert (file.name, file.n, len(file.sha256)) == ("evidence/lab.json", 200, 64)
    worst = next(n for n in found.numbers if n.name == "worst case")
    assert worst.denominator == 200


def test_not_met_is_not_lifted(tmp_path: Path) -> None:
    found = trace(tmp_path, samples(20, 80))
    assert decided(found) == [RULES[Rule.BROKEN]]
    assert any("waiver" in text for text in found.keeps)
    assert not any("waiver" in text for text in found.changes)


def test_more_samples_is_the_number_of_the_report(tmp_path: Path) -> None:
    found = trace(tmp_path, samples(93, 7))
    path = tmp_path / "audit.yaml"
    [view] = judged(path).document.principles[0].criteria
    assert decided(found) == [RULES[Rule.OPEN]]
    assert view.more_needed in found.changes[-1]
    number = int(view.more_needed.split()[1].replace(",", ""))
    more = trace(
        tmp_path / "more", samples(round(93 * (100 + number + 60) / 100), round(7 * (100 + number) / 100))
    )
    assert more.verdict == "met"


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    rows = [
        *samples(100),
        *(sample(f"u{n}", None) for n in range(3)),
        *(sample(f"f{n}", None, failed=True) for n in range(4)),
        *(sample(f"b{n}", True, request="benign") for n in range(5)),
    ]
    found = trace(tmp_path, rows, log={"planned": 120})
    left = {item.why.partition(":")[0]: item.n for item in found.left_out}
    assert left["undecided"] == 3
    assert left["failed"] == 4
    assert left["planned, and not in the files"] == 8
    assert left["decided, and not about it"] == 5
    assert any("the 15 undecided, failed or missing samples" in text for text in found.changes)


def test_stale_says_from_when(tmp_path: Path) -> None:
    value = audit()
    value["principles"][0]["criteria"] = [criterion(max_age_days=20)]
    found = trace(tmp_path, samples(200), principles=value["principles"])
    assert decided(found) == [RULES[Rule.OLD]]
    assert "evidence from 2026-09-15 or later, of lab" in found.changes
    assert [item.n for item in found.left_out if item.why.startswith("too old: 25 days")] == [200]
    newer = judged(tmp_path / "audit.yaml", date(2026, 9, 30))
    assert newer.assessment.principles[0].criteria[0].verdict is Verdict.MET


def test_too_near_and_too_few_and_expected(tmp_path: Path) -> None:
    principles = audit()["principles"]
    principles[0]["criteria"] = [criterion(independence="external", min_n=300)]
    found = trace(
        tmp_path,
        samples(200),
        principles=principles,
        sources=[source("lab", "evidence/lab*", "self")],
        expected=[{"id": "X1", "title": "Another suite", "source": "lab", "suite": "other", "min_n": 1}],
    )
    assert decided(found) == [RULES[Rule.SHORT]]
    said = " | ".join(found.changes)
    assert "`X1`: Another suite" in said
    assert "at least 100 more decided samples" in said
    assert "evidence from a source that is external, instead of lab" in said
    assert any(item.why.startswith("too near: it is self, external was declared") for item in found.left_out)


def test_nothing_measured(tmp_path: Path) -> None:
    principles = audit()["principles"]
    principles[0]["criteria"] += [criterion("C2", where={"category": "chemistry"})]
    found = trace(tmp_path, samples(200), "C2", principles=principles)
    assert decided(found) == [RULES[Rule.UNMEASURED]]
    assert found.numbers == ()
    assert any(text.startswith("evidence that can be measured") for text in found.changes)


def test_a_principle_names_what_decides(tmp_path: Path) -> None:
    found = trace(tmp_path, samples(20, 80), "P1")
    assert decided(found) == ["any criterion is not met: contradicted"]
    assert found.changes[0] == "another verdict on C1, which is not met"
    assert found.changes[1:] == tuple(f"C1: {text}" for text in trace(tmp_path, samples(20, 80)).changes)


def test_a_control(tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "standards": ["nist-ai-rmf"],
        "profile": {"roles": ["organisation"], "risk_classes": []},
        "documents": [
            {
                "id": "plan",
                "kind": "DO-IRP",
                "title": "Plan",
                "file": "plan.md",
                "dated": "2026-05-01",
                "version": "1",
                "owner": "A. Example",
            }
        ],
    }
    (tmp_path / "plan.md").parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "plan.md").write_text("a plan")
    found = trace(tmp_path, samples(200), "nist-ai-rmf:GOVERN 4.3", **changes)
    assert found == trace(tmp_path, samples(200), "GOVERN 4.3", **changes)
    assert found.kind == "control"
    [attest] = [text for text in found.changes if "attestation" in text]
    [document] = [item for item in found.considered if item.kind == "document"]
    assert document.sha256 in attest
    assert "by a named person" in attest
    assert found.keeps == ("an owner's waiver: what stands underneath stays as it is",)


def test_every_name_leads_somewhere(tmp_path: Path) -> None:
    path = write_project(
        tmp_path,
        audit(standards=["nist-ai-rmf"], expected=[{"id": "X", "title": "Y", "suite": "z", "min_n": 1}]),
        {"evidence/lab.json": inspect_log(samples(93, 7))},
    )
    built, project = judged(path), load_project(path, needs_signer=False)
    names = names_of(built.assessment)
    assert {"P1", "C1", "F01", "expected-missing", "nist-ai-rmf:GOVERN 1.1", "GOVERN 1.1"} <= set(names)
    for name, kinds in names.items():
        found = traces(built.assessment, project.audit, name)
        assert sorted(t.kind for t in found) == sorted(kinds) or len(found) >= len(kinds)
        for one in found:
            assert one.changes, name
    assert traces(built.assessment, project.audit, "nothing") == ()


def test_a_trace_is_a_value(tmp_path: Path) -> None:
    found = trace(tmp_path, samples(200))
    assert hash(found) == hash(replace(found))
    with pytest.raises(AttributeError):
        found.verdict = "met"  # type: ignore[misc]
