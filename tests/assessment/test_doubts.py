"""The hunt for reasons to disbelieve, on registers made by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest
from helpers import judging as j
from helpers.workshop import audit as audit_value
from helpers.workshop import source

from auditgen.assessment import DocumentRecord, Severity, Verdict, assess
from auditgen.assessment.doubts import CODES, DAMAGE, findings
from auditgen.assessment.model import SilentWindow
from auditgen.evidence.model import Anomaly, Counts, Reading, Run
from auditgen.project.model import Audit

AT = datetime(2026, 9, 10, tzinfo=UTC)


def an_audit(**changes: Any) -> Audit:
    return Audit.model_validate_json(orjson.dumps(audit_value(**changes)))


def reading(name: str = "lab.json", *anomalies: Anomaly, **parts: Any) -> Reading:
    base: dict[str, Any] = {
        "path": name,
        "sha256": name,
        "bytes": 1,
        "source_id": "lab",
        "format": "inspect.json",
        "counts": Counts(observations=200, executed=200, scored=200),
        "runs": (Run("r1", "r1", "policy", "model-1"),),
        "last_at": AT,
        "anomalies": anomalies,
    }
    return Reading(**{**base, **parts})


def found(*readings: Reading, audit: Audit | None = None, **parts: Any) -> list[Any]:
    return list(findings(audit or an_audit(), j.register(*readings, **parts), (), "2026-10-05"))


def test_every_code_has_a_title_and_a_question() -> None:
    for code, (severity, title, ask) in CODES.items():
        assert code == code.lower()
        assert isinstance(severity, Severity)
        assert title[0].isupper()
        assert not title.endswith(".")
        assert ask.endswith("?")
    assert set(CODES) > DAMAGE


def test_nothing_strange_nothing_found() -> None:
    assert found(reading()) == []


def test_heaviest_first_and_numbered() -> None:
    anomalies = [Anomaly(code, "m") for code in sorted(CODES)]
    made = found(reading("a", *anomalies))
    order = list(Severity)
    assert [order.index(f.severity) for f in made] == sorted(order.index(f.severity) for f in made)
    assert [f.id for f in made] == [f"F{n:02d}" for n in range(1, len(made) + 1)]
    assert all(f.ask and f.title for f in made)


def test_equal_anomalies_of_a_source_are_one_finding() -> None:
    made = found(*(reading(f"{n:02d}", Anomaly("truncated", "cut\n   off", 2)) for n in range(12)))
    cut = [f for f in made if f.code == "truncated"]
    assert len(cut) == 1
    assert cut[0].count == 24
    assert cut[0].detail == "cut off"
    assert cut[0].files == (*(f"{n:02d}" for n in range(8)), "and 4 more")
    assert cut[0].principles == ("P1",)


def test_a_code_of_somebody_else_weighs_heavily_and_blocks() -> None:
    """An extension may name faults that we do not know; they are no lighter for that."""
    strange = reading("x", Anomaly("their-own-code", "the index is gone", blocks=True))
    (made,) = [f for f in found(strange) if "index" in f.detail]
    assert (made.code, made.severity) == ("reader-failed", Severity.HIGH)
    assessed = assess(
        an_audit(), (), {"C1": j.rate(1000, 1000)}, j.register(reading(), strange), date(2026, 10, 5)
    )
    assert assessed.principles[0].criteria[0].verdict is Verdict.INSUFFICIENT


@pytest.mark.parametrize("code", sorted(DAMAGE))
def test_damage_blocks_met(code: str) -> None:
    for strange in (
        reading("x", Anomaly(code, "m")),
        reading("x", Anomaly(code, "m", blocks=True)),
    ):
        assessed = assess(
            an_audit(),
            (),
            {"C1": j.rate(1000, 1000)},
            j.register(reading(), strange),
            date(2026, 10, 5),
        )
        assert assessed.principles[0].criteria[0].verdict is Verdict.INSUFFICIENT


def test_damage_elsewhere_does_not() -> None:
    audit = an_audit(sources=[source("lab", "a*"), source("other", "b*")])
    strange = reading("x", Anomaly("truncated", "m", blocks=True), source_id="other")
    assessed = assess(audit, (), {"C1": j.rate(1000, 1000)}, j.register(reading(), strange), date(2026, 10, 5))
    assert assessed.principles[0].criteria[0].verdict is Verdict.MET


def test_days() -> None:
    late = reading(last_at=datetime(2026, 10, 6, tzinfo=UTC))
    early = reading(last_at=datetime(2026, 6, 30, tzinfo=UTC))
    assert {f.code for f in found(late)} == {"dated-after", "evidence-outside-period"}
    assert {f.code for f in found(early)} == {"evidence-outside-period"}
    assert found(reading(last_at=None)) == []


def test_versions() -> None:
    made = found(production_models={"a": 75, "b": 24, "": 1}, evaluated_models={"a": 10, "": 9})
    assert [f.code for f in made] == ["unevaluated-version"] * 2
    said = " ".join(f.detail for f in made)
    assert "24 of 100 production records (24.0 %) ran on version `b`" in said
    assert "1 of 100 production records (1.0 %) ran on no recorded version" in said
    assert found(production_models={"a": 75}, evaluated_models={"a": 0})[0].code == "unevaluated-version"


def test_silence_documents_and_extensions() -> None:
    block = {
        "id": "D1",
        "kind": "DO-IRP",
        "title": "Plan",
        "file": "plan.md",
        "version": "1",
        "dated": "2026-05-01",
        "owner": "head",
    }
    audit = an_audit(documents=[block])
    missing = DocumentRecord(audit.documents[0], None, fault="no file `plan.md`")
    made = found(
        audit=audit,
        silent_windows=(SilentWindow("lab", AT, 31),),
        documents=(missing,),
        broken_plugins=("theirs (their-package): ImportError",),
        empty_sources=("lab",),
    )
    assert {f.code for f in made} == {
        "silent-window",
        "document-missing",
        "plugin-broken",
        "source-empty",
    }
    (silent,) = [f for f in made if f.code == "silent-window"]
    assert silent.detail == "no record for 31 hours from 2026-09-10 00:00 UTC"


def test_a_file_that_says_nothing_is_no_news() -> None:
    """Freshness comes from what was decided, never from a run in which all failed."""
    old = reading(last_at=datetime(2025, 1, 1, tzinfo=UTC))
    empty = reading("new", counts=Counts(observations=9, errored=9))
    measured = {"C1": replace(j.rate(1000, 1000), last_at=AT)}
    assessed = assess(an_audit(), (), measured, j.register(old, empty), date(2026, 10, 5))
    assert assessed.principles[0].criteria[0].verdict is Verdict.STALE
