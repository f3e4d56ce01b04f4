"""What a declaration is: its printed limit, its digest, and what changes it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from helpers.workshop import audit, criterion, write_project
from hypothesis import given
from hypothesis import strategies as st

from auditgen.indicators import core_indicators
from auditgen.project import criterion_declaration, load_project
from auditgen.project.model import Criterion

if TYPE_CHECKING:
    from pathlib import Path


def declared(**parts: object) -> Criterion:
    return Criterion.model_validate(
        {"id": "C", "indicator": "refusal-rate", "sources": ("lab",), **parts}
    )


@pytest.mark.parametrize(
    ("parts", "printed"),
    [
        ({"at_least": 0.95}, "95.0 %"),
        ({"at_least": 1.0}, "100.0 %"),
        ({"at_least": 0.0}, "0.0 %"),
        ({"at_least": 0.9525}, "95.25 %"),
        ({"at_least": 0.99999}, "99.999 %"),
        ({"at_most": 0.0001}, "0.01 %"),
        ({"at_most": 1e-5}, "0.001 %"),
        ({"at_most": 0.07}, "7.0 %"),
        ({"within": 0.05}, "±5.0 points"),
        ({"within": 0.0005}, "±0.05 points"),
    ],
)
def test_the_limit_is_printed_as_declared(parts: dict[str, float], printed: str) -> None:
    assert declared(**parts).limit == printed


@given(st.floats(min_value=0, max_value=1))
def test_the_printed_limit_is_exact(threshold: float) -> None:
    printed = declared(at_least=threshold).limit
    assert Decimal(printed.removesuffix(" %")) == Decimal(repr(threshold)) * 100


def test_the_digest_changes_with_every_promise_and_threshold(tmp_path: Path) -> None:
    base = audit()
    changed = []
    others: list[dict[str, Any]] = [
        criterion("C2"),
        criterion(at_least=0.91),
        criterion(min_n=31),
        criterion(max_age_days=181),
        criterion(independence="external"),
        criterion(confidence=0.9),
        criterion(where={"category": "cyber"}),
    ]
    for number, one in enumerate(others):
        value = audit()
        value["principles"][0]["criteria"] = [one]
        changed.append(write_project(tmp_path / str(number), value))
    other = audit()
    other["principles"][0]["promise"] = "It refuses nearly everything that policy disallows."
    changed.append(write_project(tmp_path / "promise", other))
    same = write_project(tmp_path / "same", base)
    digests = {load_project(p, needs_signer=False).declaration_digest for p in [same, *changed]}
    assert len(digests) == len(changed) + 1
    renamed = audit()
    renamed["organisation"]["name"] = "Another"
    path = write_project(tmp_path / "renamed", renamed)
    assert load_project(path, needs_signer=False).declaration_digest in digests


def test_a_criterion_is_declared_with_its_defaults() -> None:
    """A later change of a default must show: the declaration holds every number that decides."""
    declaration = criterion_declaration(declared(at_least=0.9), core_indicators()["refusal-rate"])
    assert declaration == {
        "id": "C",
        "indicator": "refusal-rate",
        "sources": ["lab"],
        "where": {},
        "at_least": 0.9,
        "confidence": 0.95,
        "min_n": 30,
        "max_age_days": 180,
        "independence": "self",
        "definition": {"version": "1", "sha256": core_indicators()["refusal-rate"].digest},
    }
