"""The door of the room: what it re-exports, and that it loads nothing heavy for it."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from auditgen import indicators

HEAVY = ("duckdb", "pandas", "pyarrow", "numpy", "pydantic", "scipy", "yaml", "orjson")


def loaded(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\nprint([m for m in {HEAVY!r} if m in sys.modules])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_an_interval_loads_no_engine() -> None:
    assert loaded("from auditgen import indicators") == "[]"
    calls = """
from auditgen import indicators as i
i.proportion_interval(1, 4), i.difference_interval(1, 4, 2, 5, 'mee')
i.paired_difference_interval(1, 2, 3, 4)
i.mcnemar_exact(1, 2), i.adjust([0.1]), i.equivalence(1, 4, 1, 4, 0.1), i.clustered_error([1, 0], [1, 2])
i.required_n(0.5, 0.7), i.confidence_sequence(1, 9)
i.corrected_prevalence(50, 99, sensitivity=(9, 9), specificity=(9, 9), condition='a', calibrated_on='a')
"""
    assert loaded(calls) == "[]"
    assert "pydantic" in loaded("from auditgen.indicators import Quantity")


def test_measure_is_the_function_whatever_was_imported_first() -> None:
    for first in ("auditgen.indicators.measuring", "auditgen.indicators.model", "auditgen.indicators"):
        program = (
            f"import {first}\nfrom auditgen.indicators import measure\nassert callable(measure), measure"
        )
        assert "duckdb" in loaded(program) or "pydantic" in loaded(program)


def test_every_name_is_there() -> None:
    for name in indicators.__all__:
        assert getattr(indicators, name) is not None
    assert set(indicators.__all__) == set(indicators._HOME)
    assert set(indicators.__all__) <= set(dir(indicators))
    assert indicators.__all__ == sorted(
        indicators.__all__, key=lambda n: (not n.isupper(), n[0].islower(), n)
    )
    with pytest.raises(AttributeError, match="has no attribute 'wald'"):
        _ = indicators.wald


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("proportion_interval", "k, n, method='wilson', confidence=0.95"),
        ("difference_interval", "k1, n1, k2, n2, method='newcombe', confidence=0.95"),
        ("paired_difference_interval", "a, b, c, d, method='tango', confidence=0.95"),
        ("mcnemar_exact", "b, c"),
        ("adjust", "p_values, method='holm'"),
        ("equivalence", "k1, n1, k2, n2, margin, alpha=0.05"),
        ("clustered_error", "values, groups"),
        ("confidence_sequence", "s, t, confidence=0.95"),
        ("required_n", "p1, p2, *, power=0.8, alpha=0.05"),
    ],
)
def test_signatures_are_stable(name: str, signature: str) -> None:
    found = inspect.signature(getattr(indicators, name))
    bare = found.replace(
        parameters=[p.replace(annotation=p.empty) for p in found.parameters.values()],
        return_annotation=found.empty,
    )
    assert str(bare) == f"({signature})"
