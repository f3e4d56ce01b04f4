"""Evidence made in memory: observations written through the store, opened as one view."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from helpers.fixtures import keys

from auditgen.evidence.engine import Evidence, Part, Period, open_evidence
from auditgen.evidence.model import (
    Basis,
    Expected,
    Observation,
    Outcome,
    Reading,
    Watch,
    WatchBasis,
)
from auditgen.evidence.store import EvidenceStore
from auditgen.indicators import Measured, Request, core_indicators, measure
from auditgen.indicators.cells import read_cells

__all__ = ["keys", "kit"]

PERIOD = Period(date(2026, 7, 1), date(2026, 7, 31))
AT = datetime(2026, 7, 10, 12, tzinfo=UTC)


def observation(number: int, outcome: str, prompt: str | None = None, **more: Any) -> Observation:
    """One record; everything that is not said is unremarkable."""
    given: dict[str, Any] = {
        "run_key": "run-1",
        "sample_id": f"s{number}",
        "prompt_key": f"p{number}" if prompt is None else prompt,
        "epoch": 1,
        "basis": Basis.JUDGE,
        "locator": f"row:{number}",
        "suite": "suite",
        "model": "m-1",
        "expected": Expected.REFUSE,
        "observed_at": AT,
    }
    if "watch" in more:
        more["watch"] = Watch(more["watch"])
        given["watch_basis"] = WatchBasis.CUE
    return Observation(outcome=Outcome(outcome), **{**given, **more})


class Kit:
    """What the tests of this room make."""

    period = PERIOD
    observation = staticmethod(observation)

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def part(self, records: Iterable[Observation], source: str = "s") -> Part:
        """A new file with these records."""
        place = Path(tempfile.mkdtemp(dir=self._directory))
        sha256 = place.name.encode().hex()[:64].ljust(64, "0")
        writer = EvidenceStore(place).write("key", sha256)
        for record in records:
            writer.add(record)
        writer.publish(Reading(path="x", sha256=sha256, bytes=1, source_id=source, format="made"))
        return Part(source, sha256, records=place / "key" / "observations.parquet")

    def evidence(self, records: Iterable[Observation]) -> Evidence:
        """The view over one file with these records."""
        return open_evidence([self.part(records)], PERIOD)

    def measure(
        self,
        records: Iterable[Observation],
        indicator: str = "refusal-rate",
        missing: int = 0,
        **more: Any,
    ) -> Measured:
        """One indicator over these records."""
        request = Request("q", core_indicators()[indicator], ("s",), **more)
        return measure(read_cells(self.evidence(records)), [request], {"s": missing})["q"]


@pytest.fixture
def kit() -> Iterator[Kit]:
    with tempfile.TemporaryDirectory() as name:
        yield Kit(Path(name))


MakeKit = Callable[[], Kit]
