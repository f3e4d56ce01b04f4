"""An independent counter tells each hour once; a companion of many files is read once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auditgen.evidence import fingerprints
from auditgen.evidence.fingerprints import Fingerprints
from auditgen.evidence.store import EvidenceStore
from auditgen.pipeline.counters import CounterFault, read_counter
from auditgen.project.monitoring import CounterBlock
from auditgen.sources.reading import SourceRegistry, read_file

BLOCK = {
    "id": "lb", "title": "Load balancer", "of": "gw", "files": ["lb.csv"], "time": {"from": "hour"}, "value": "n",
    "provider": {"name": "Network team", "independence": "internal_separate"},
}  # fmt: skip


def counted(folder: Path, *files: list[str], **more: Any) -> Any:
    paths = [folder / f"{n}.csv" for n in range(len(files))]
    for path, lines in zip(paths, files, strict=True):
        path.write_text("\n".join(["hour,n,pod", *lines]) + "\n")
    return read_counter(CounterBlock.model_validate_json(json.dumps(BLOCK | more)), paths, [])


def test_an_hour_that_is_told_twice_is_refused(tmp_path: Path) -> None:
    one, two = "2026-09-01T10:00:00Z,3,a", "2026-09-01T10:00:00Z,4,b"
    for files in (([one, two],), ([one], [two]), ([one], [one])):
        with pytest.raises(CounterFault) as fault:
            counted(tmp_path, *files)
        assert "a window overlaps another one, first that of 2026-09-01 10:00 UTC" in fault.value.message
        assert fault.value.key == "files"
    assert [w.count for w in counted(tmp_path, [one, two], where={"pod": "b"}).windows] == [4]


def test_a_day_that_reaches_over_other_days_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CounterFault, match="2 windows overlap"):
        counted(tmp_path, ["2026-09-01T00:00:00Z,9,a", "2026-09-01T10:00:00Z,1,a", "2026-09-01T20:00:00Z,1,a"], window="day")


def test_neighbours_and_parts_of_hours_are_none(tmp_path: Path) -> None:
    lines = ["2026-09-01T11:00:00Z,1,a", "2026-09-01T10:00:00Z,1,a", "2026-09-01T10:30:00Z,1,a", "2026-09-01T10:30:00Z,1,a"]
    assert len(counted(tmp_path, lines).windows) == 4


def test_a_companion_of_many_files_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Path(__file__).parents[1] / "data" / "otlp"
    files = [tmp_path / f"{n}.json" for n in range(4)]
    for number, path in enumerate(files):
        path.write_bytes((data / "traces.json").read_bytes() + b" " * number)
    logs = [tmp_path / "logs.json", tmp_path / "logs.pb"]
    for path in logs:
        path.write_bytes((data / path.name).read_bytes())
    taken: list[Path] = []
    real = fingerprints.take
    monkeypatch.setattr(fingerprints, "take", lambda path: taken.append(path) or real(path))
    store = EvidenceStore(tmp_path / "store")
    known = Fingerprints(store.directory)
    registry = SourceRegistry.load()
    for path in files:
        file = read_file(
            path, name=path.name, source_id="s", mapping=None, store=store, registry=registry, available=[*files, *logs], fingerprints=known
        )  # fmt: skip
        wanted = {other.name: real(other).sha256 for other in [*files, *logs] if other != path}
        assert file.reading.companions == wanted
    assert all(taken.count(path) == 1 for path in logs)


def test_a_companion_that_changed_is_read_again(tmp_path: Path) -> None:
    known = Fingerprints(tmp_path / "store")
    path = tmp_path / "x"
    path.write_bytes(b"one")
    first = known.once(path)
    path.write_bytes(b"others")
    assert known.once(path).sha256 != first.sha256
