"""From a path to a reading: whatever lies there, an answer and never an exception."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import auditgen.sources.reading as reading
from auditgen.errors import EnvironmentRefused
from auditgen.evidence.fingerprints import Fingerprint
from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.model import Anomaly, Basis, Observation, Outcome
from auditgen.evidence.store import EvidenceStore
from auditgen.plugins import Plugin
from auditgen.sources.inspect_ai import InspectSource
from auditgen.sources.interface import Facts, Item, Probe, Recognition
from auditgen.sources.promptfoo import PromptfooSource
from auditgen.sources.reading import ReadFile, SourceRegistry, read_file

Read = Callable[..., ReadFile]


def _code(file: ReadFile) -> str:
    (anomaly,) = file.reading.anomalies
    assert anomaly.blocks
    assert file.reading.is_vacuous
    assert file.records is None
    assert file.table is None
    return anomaly.code


# what lies at a path


def test_a_directory(read: Read, tmp_path: Path) -> None:
    assert _code(read(tmp_path)) == "not-a-file"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found: list[str] = []
    worker = threading.Thread(target=lambda: found.append(_code(read(path))), daemon=True)
    worker.start()
    worker.join(20)
    assert found == ["not-a-file"]


def test_a_loop_of_links(read: Read, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert _code(read(tmp_path / "a")) == "unreadable"


def test_nothing(read: Read, tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert _code(read(tmp_path / "nowhere")) == "unreadable"
    assert _code(read(tmp_path / "dangling")) == "unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_we_may_not_read(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("x")
    path.chmod(0)
    assert _code(read(path)) == "unreadable"


def test_a_file_that_vanishes_before_it_is_looked_at(
    read: Read, tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    path.write_bytes(kit.log([kit.sample(1)]))

    def hash_and_remove(where: Path) -> Fingerprint:
        where.unlink()
        return Fingerprint("0" * 64, 1, 1)

    monkeypatch.setattr(reading, "take", hash_and_remove)
    assert _code(read(path)) == "unreadable"


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "empty file"), (b"hello", "no reader"), (b"\x00" * 99, "no reader")]
)
def test_content_nobody_knows(data: bytes, words: str, read: Read) -> None:
    file = read(data)
    assert _code(file) == "unrecognised"
    assert words in file.reading.anomalies[0].message
    assert file.reading.bytes == len(data)
    assert len(file.reading.sha256) == 64


@pytest.mark.parametrize(
    "name", ["x.csv", "x.parquet", "x.json", "x.eval", "no extension", "x.eval.bak"]
)
def test_content_decides_and_not_the_name(name: str, quarter: Path, read: Read, kit: Any) -> None:
    assert read(kit.log([kit.sample(1)]), name=name).reading.format == "inspect.eval/deflate"
    table = b"t,x\n1,2\n"
    assert read(table, name=name).reading.format == "table.csv"
    first = (quarter / "safety-team" / "garak.report.jsonl").read_bytes()
    assert read(first, name=name).reading.format == "garak.report"


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.binary(max_size=60)
    | st.sampled_from(
        [b"PK\x03\x04", b"PAR1", b"\x1f\x8b", b"{", b"[", b"a,b\n", b'{"evalId":1,"results":']
    ).flatmap(lambda head: st.binary(max_size=60).map(lambda tail: head + tail))
)
def test_any_bytes_give_a_reading(data: bytes, read: Read) -> None:
    file = read(data)
    assert file.reading.counts.scored == 0
    assert file.reading.is_vacuous
    assert file.reading.anomalies or file.reading.role == "companion"


def test_deep_json_is_recognised_in_linear_time(read: Read) -> None:
    assert read(b'{"a":' + b"[" * 300_000).reading.is_vacuous


# the cache


class _Counted(InspectSource):
    """Counts how often it reads, and may do worse."""

    reads = 0
    fault: Exception | None = None

    def read(self, path: Path, mapping: RecordMap) -> Iterator[Item]:
        type(self).reads += 1
        for number, item in enumerate(super().read(path, mapping)):
            if number == 1 and type(self).fault is not None:
                raise type(self).fault  # type: ignore[misc]
            yield item


@pytest.fixture
def counted() -> type[_Counted]:
    class Fresh(_Counted):
        reads = 0
        fault = None

    return Fresh


def _registry(*sources: Any) -> SourceRegistry:
    return SourceRegistry(
        tuple(Plugin(f"p{n}", "made", "1", value) for n, value in enumerate(sources))
    )


def _mapping(kit: Any) -> RecordMap:
    return RecordMap.model_validate_json(json.dumps(kit.outcome))


def test_the_second_reading_is_equal_and_costs_nothing(
    tmp_path: Path, kit: Any, counted: type[_Counted]
) -> None:
    path = tmp_path / "log"
    path.write_bytes(kit.log([kit.sample(n, refused=n % 2) for n in range(5)]))
    store = EvidenceStore(tmp_path / "store")

    def again(name: str = "a", mapping: RecordMap | None = None) -> ReadFile:
        return read_file(
            path,
            name=name,
            source_id="s",
            mapping=mapping or _mapping(kit),
            store=store,
            registry=_registry(counted),
        )

    first, second = again(), again()
    assert first == second
    assert counted.reads == 1
    assert again("renamed").reading == dataclasses.replace(first.reading, path="renamed")
    assert counted.reads == 1
    other = again(mapping=RecordMap())
    assert counted.reads == 2
    assert other.records != first.records
    assert first.records is not None
    first.records.write_bytes(first.records.read_bytes()[:-9])
    assert again() == first
    assert counted.reads == 3
    counted.version = "next"
    again()
    assert counted.reads == 4


@pytest.mark.parametrize(
    "fault", [OSError("disk"), ValueError("bytes"), RecursionError("deep"), KeyError("x")]
)
def test_a_reader_that_fails_blocks_leaves_nothing_and_is_tried_again(
    fault: Exception, tmp_path: Path, kit: Any, counted: type[_Counted]
) -> None:
    path = tmp_path / "log"
    path.write_bytes(kit.log([kit.sample(n) for n in range(3)]))
    store = EvidenceStore(tmp_path / "store")

    def again() -> ReadFile:
        return read_file(
            path,
            name="a",
            source_id="s",
            mapping=_mapping(kit),
            store=store,
            registry=_registry(counted),
        )

    counted.fault = fault
    file = again()
    assert [a.code for a in file.reading.anomalies if a.blocks] == ["reader-failed"]
    assert file.reading.is_vacuous
    assert not [p for p in store.directory.iterdir() if p.name.startswith(".")]
    counted.fault = None
    assert again().reading.counts.scored == 3


@pytest.mark.parametrize(
    "fault", [EnvironmentRefused("no room"), MemoryError(), KeyboardInterrupt()]
)
def test_what_is_not_the_files_fault_is_raised_and_leaves_nothing(
    fault: Any, tmp_path: Path, kit: Any, counted: type[_Counted]
) -> None:
    path = tmp_path / "log"
    path.write_bytes(kit.log([kit.sample(n) for n in range(3)]))
    counted.fault = fault
    with pytest.raises(type(fault)):
        read_file(
            path,
            name="a",
            source_id="s",
            mapping=None,
            store=EvidenceStore(tmp_path / "store"),
            registry=_registry(counted),
        )
    assert list((tmp_path / "store").iterdir()) == []


def test_a_file_that_changes_while_it_is_read_blocks(tmp_path: Path, kit: Any) -> None:
    path = tmp_path / "log"
    path.write_bytes(kit.log([kit.sample(1)]))

    class Meddler(InspectSource):
        def read(self, where: Path, mapping: RecordMap) -> Iterator[Item]:
            yield from super().read(where, mapping)
            where.write_bytes(kit.log([kit.sample(1), kit.sample(2)]))

    file = read_file(
        path,
        name="a",
        source_id="s",
        mapping=_mapping(kit),
        store=EvidenceStore(tmp_path / "store"),
        registry=_registry(Meddler),
    )
    assert any(a.blocks and "changed while" in a.message for a in file.reading.anomalies)


# plugins


class _Claims:
    """Claims everything."""

    name = "greedy"
    version = "1"

    def recognise(self, probe: Probe) -> Recognition | None:
        return Recognition("greedy", "wants all")

    def read(self, path: Path, mapping: RecordMap) -> Iterator[Item]:
        del path, mapping
        yield Observation("r", "s", "p", 1, Outcome.REFUSED, Basis.HUMAN, "row:1", suite="made")
        yield Anomaly("outcome-undecided", "words")
        yield Facts(tool="Foreign", tool_version="9", planned=4)


class _Raises(_Claims):
    def recognise(self, probe: Probe) -> Recognition | None:
        raise RuntimeError("broken recogniser")


def _read(path: Path, store: Path, *sources: Any) -> ReadFile:
    return read_file(
        path,
        name="a",
        source_id="s",
        mapping=None,
        store=EvidenceStore(store),
        registry=_registry(*sources),
    )


def test_two_readers_that_claim_one_file_are_named(tmp_path: Path, kit: Any) -> None:
    path = tmp_path / "log"
    path.write_bytes(kit.log([kit.sample(1)]))
    file = _read(path, tmp_path / "store", InspectSource, _Claims)
    assert _code(file) == "ambiguous-format"
    assert "`inspect-ai`" in file.reading.anomalies[0].message
    assert "`greedy`" in file.reading.anomalies[0].message


def test_a_foreign_reader_goes_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"foreign bytes")
    file = _read(path, tmp_path / "store", InspectSource, PromptfooSource, _Claims)
    assert (file.reading.reader, file.reading.tool, file.reading.tool_version) == (
        "greedy",
        "Foreign",
        "9",
    )
    assert (file.reading.counts.planned, file.reading.counts.missing) == (4, 3)


def test_the_fallback_gives_way_to_a_specific_reader(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"t,x\n1,2\n")
    assert SourceRegistry.load().recognise(path) is not None
    plugins = (*SourceRegistry.load().plugins, Plugin("greedy", "made", "1", _Claims))
    chosen = SourceRegistry(plugins).recognise(path)
    assert chosen is not None
    assert chosen[0].name == "greedy"


def test_a_recogniser_that_raises_stops_nobody(tmp_path: Path, kit: Any) -> None:
    path = tmp_path / "log"
    path.write_bytes(kit.log([kit.sample(1)]))
    assert _read(path, tmp_path / "store", _Raises, InspectSource).reading.reader == "inspect-ai"
    path.write_bytes(b"nobody knows this")
    file = _read(path, tmp_path / "store", _Raises, InspectSource)
    assert _code(file) == "reader-failed"
    assert "RuntimeError: broken recogniser" in file.reading.anomalies[0].message


def test_a_plugin_that_does_not_load_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Plugin("odd", "foreign-package", "2", None, "ImportError: no module named x")
    monkeypatch.setattr(
        reading,
        "load_plugins",
        lambda group: (broken, Plugin("inspect-ai", "auditgen", "0", InspectSource)),
    )
    registry = SourceRegistry.load()
    assert registry.broken == (broken,)
    assert broken.is_third_party
    assert registry.recognise(Path(__file__)) is None


def test_the_built_in_readers_are_registered() -> None:
    names = {plugin.name for plugin in SourceRegistry.load().plugins}
    assert {"inspect-ai", "promptfoo", "garak", "table"} <= names
    assert SourceRegistry.load().broken == ()


# every genuine export


def test_every_genuine_export_gives_a_reading(extra_exports: Path, read: Read) -> None:
    formats: dict[str, int] = {}
    for path in sorted(p for p in extra_exports.rglob("*") if p.is_file()):
        file = read(path)
        formats[file.reading.format] = formats.get(file.reading.format, 0) + 1
        assert not any(a.code == "reader-failed" for a in file.reading.anomalies), path.name
        if file.reading.kind == "monitoring" and not file.reading.counts.observations:
            assert file.reading.is_vacuous == (not file.reading.beside)
    assert formats["promptfoo.json"] == 2
    assert formats["garak.report"] == 1
    assert formats["inspect.json"] == 2
