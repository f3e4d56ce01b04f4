"""Extensions: through one door, named in the report, and never in silence when they are broken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from helpers.workshop import audit, findings, inspect_log, judged, samples, verdicts, write_project

from auditgen import plugins
from auditgen.errors import EnvironmentRefused
from auditgen.evidence.model import Anomaly, Basis, Expected, Observation, Outcome
from auditgen.plugins import Plugin, load_plugins
from auditgen.resources import resource_dir
from auditgen.sources.interface import Facts, Recognition
from auditgen.sources.reading import SourceRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class _Distribution:
    name: str
    version: str = "1"


@dataclass(frozen=True)
class _Point:
    name: str
    value: str
    dist: _Distribution = field(default_factory=lambda: _Distribution("auditgen"))

    def load(self) -> Any:
        if self.value == "broken":
            raise ImportError("no module named x")
        return self.value


def points(monkeypatch: pytest.MonkeyPatch, *found: _Point) -> None:
    monkeypatch.setattr(plugins, "entry_points", lambda group: list(found))


def test_two_packages_under_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report could not say which of them took part."""
    points(monkeypatch, _Point("a", "x"), _Point("a", "y", _Distribution("other")))
    with pytest.raises(EnvironmentRefused, match="two packages register `a`"):
        load_plugins("auditgen.sources")


def test_nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    points(monkeypatch)
    with pytest.raises(EnvironmentRefused, match="nothing is registered"):
        load_plugins("auditgen.sources")


def test_a_broken_one_is_a_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    points(monkeypatch, _Point("b", "broken", _Distribution("other")), _Point("a", "x"))
    first, second = load_plugins("auditgen.sources")
    assert (first.name, first.failure, first.is_third_party) == ("a", "", False)
    assert second.is_third_party
    assert second.value is None
    assert "no module named x" in second.failure


class _Theirs:
    """A reader of another package, for files that begin with `THEIRS`."""

    name = "theirs"
    version = "1"
    fault: Anomaly | None = None

    def recognise(self, probe: Any) -> Recognition | None:
        return Recognition("theirs", "begins so") if probe.head.startswith(b"THEIRS") else None

    def read(self, path: Path, mapping: Any) -> Iterator[Any]:
        from datetime import UTC, datetime

        for number in range(200):
            yield Observation(
                run_key="r",
                sample_id=str(number),
                prompt_key=str(number),
                epoch=1,
                outcome=Outcome.REFUSED,
                basis=Basis.JUDGE,
                locator=f"line:{number}",
                suite="s",
                model="model-1",
                expected=Expected.REFUSE,
                observed_at=datetime(2026, 9, 10, tzinfo=UTC),
            )
        if self.fault is not None:
            yield self.fault
        yield Facts(tool="theirs", planned=200)


def registry(monkeypatch: pytest.MonkeyPatch, *more: Plugin) -> None:
    real = SourceRegistry.load()
    monkeypatch.setattr(SourceRegistry, "load", lambda: SourceRegistry((*real.plugins, *more)))


def test_one_that_takes_part_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry(monkeypatch, Plugin("theirs", "their-package", "2.0", _Theirs))
    made = judged(write_project(tmp_path, audit(), {"evidence/lab.x": b"THEIRS"}))
    assert verdicts(made) == {"C1": "met"}
    assert made.document.meta.plugins == ("their-package 2.0: theirs",)


def test_their_own_fault_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Faulty(_Theirs):
        fault = Anomaly("theirs-index-lost", "the index is gone", blocks=True)

    registry(monkeypatch, Plugin("theirs", "their-package", "2.0", Faulty))
    files: dict[str, Any] = {
        "evidence/lab.x": b"THEIRS",
        "evidence/lab.json": inspect_log(samples(200)),
    }
    made = judged(write_project(tmp_path, audit(), files))
    assert verdicts(made) == {"C1": "insufficient_evidence"}
    assert "the index is gone" in str([f.detail for f in made.assessment.findings])


def test_one_that_breaks_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry(monkeypatch, Plugin("theirs", "their-package", "2.0", None, "ImportError: x"))
    made = judged(
        write_project(tmp_path, audit(), {"evidence/lab.json": inspect_log(samples(200))})
    )
    assert findings(made)["plugin-broken"] == "theirs (their-package): ImportError: x"


def test_a_reader_that_crashes_is_a_finding_and_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crashing(_Theirs):
        def read(self, path: Path, mapping: Any) -> Iterator[Any]:
            for number, item in enumerate(super().read(path, mapping)):
                if number == 100:
                    raise RuntimeError(f"lost at {path}")
                yield item

    registry(monkeypatch, Plugin("theirs", "their-package", "2.0", Crashing))
    made = judged(write_project(tmp_path, audit(), {"evidence/lab.x": b"THEIRS"}))
    assert findings(made)["reader-failed"].endswith("the reader failed: RuntimeError")
    assert verdicts(made) == {"C1": "insufficient_evidence"}


def test_what_ships_is_found_or_the_installation_is_incomplete() -> None:
    assert (resource_dir("templates") / "report" / "report.html.j2").is_file()
    with pytest.raises(EnvironmentRefused, match="are missing from this installation"):
        resource_dir("no-such-thing")
