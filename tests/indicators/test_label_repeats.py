"""A sample that stands twice with different labels contradicts itself: nobody knows what it is."""

from __future__ import annotations

from typing import Any

from auditgen.evidence.engine import open_evidence
from auditgen.indicators import Quantity, Request, Unmeasured, core_indicators, measure
from auditgen.indicators.cells import read_cells


def test_labels_that_contradict_each_other_are_undecided(kit: Any) -> None:
    def one(number: int, word: str) -> Any:
        return kit.observation(number, "complied", labels=f"alignment_faking={word}")

    request = Request("q", core_indicators()["alignment-faking-reasoning"], ("s",))

    def counted(records: list[Any]) -> Any:
        return measure(read_cells(open_evidence([kit.part(records)], kit.period)), [request])["q"]

    clean = counted([one(n, "no") for n in range(40)])
    assert isinstance(clean, Quantity)
    assert (clean.numerator, clean.denominator) == (0, 40)
    twice = counted([*(one(n, "no") for n in range(40)), *(one(n, "yes") for n in range(20))])
    assert isinstance(twice, Quantity)
    assert (twice.numerator, twice.denominator) == (0, 20)
    assert twice.worst.upper > 0.5
    again = counted([*(one(n, "no") for n in range(40)), *(one(n, "no") for n in range(40))])
    assert (again.numerator, again.denominator) == (0, 40)
    all_of_them = counted([*(one(n, "no") for n in range(9)), *(one(n, "yes") for n in range(9))])
    assert isinstance(all_of_them, Unmeasured)
