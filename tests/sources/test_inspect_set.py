"""Inspect's own lists of runs: what they name and nobody handed in is a finding."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auditgen.evidence.store import EvidenceStore
from auditgen.sources.reading import ReadFile, SourceRegistry, read_file


def header(kit: Any, number: int) -> Any:
    about = kit.header(1)
    about["eval"] |= {"eval_id": f"e{number}", "task_id": f"t{number}", "task": f"policy-{number}"}
    return about


def logs(folder: Path, kit: Any) -> list[Path]:
    """Two logs, one of each form, the second in a folder below."""
    folder.mkdir(parents=True, exist_ok=True)
    first, second = folder / "one.eval", folder / "below" / "two.json"
    first.write_bytes(kit.archive({"header.json": header(kit, 1), "samples/s1_epoch_1.json": kit.sample(1)}))
    second.parent.mkdir()
    second.write_text(json.dumps(header(kit, 2) | {"samples": [kit.sample(1)]}))
    return [first, second]


def eval_set(*numbers: int) -> bytes:
    tasks = [
        {"name": f"policy-{n}", "task_id": f"t{n}", "task_args": {}, "model": "acme/m", "model_args": {}, "sequence": n}
        for n in numbers
    ]
    return json.dumps({"eval_set_id": "set", "tasks": tasks}).encode()


def listing(kit: Any, *numbers: int) -> bytes:
    return json.dumps({f"log-{n}.eval": header(kit, n) for n in numbers}).encode()


def take(path: Path, available: list[Path]) -> ReadFile:
    return read_file(
        path,
        name=path.name,
        source_id="s",
        mapping=None,
        store=EvidenceStore(path.parent.parent / "store"),
        registry=SourceRegistry.load(),
        available=available,
    )


@pytest.mark.parametrize("form", ["set", "listing"])
def test_every_run_it_names_must_be_there(form: str, tmp_path: Path, kit: Any) -> None:
    folder = tmp_path / "logs"
    handed_in = logs(folder, kit)
    named = folder / ("eval-set.json" if form == "set" else "logs.json")
    named.write_bytes(eval_set(1, 2, 3) if form == "set" else listing(kit, 1, 2, 3))
    file = take(named, [*handed_in, named])
    assert kit.codes(file) == {"runs-withheld": 1}
    assert ("policy-3 on acme/m" if form == "set" else "log-3.eval") in file.reading.anomalies[0].message
    assert (file.reading.role, set(file.reading.companions)) == ("companion", {"one.eval", "below/two.json"})
    named.write_bytes(eval_set(1, 2) if form == "set" else listing(kit, 1, 2))
    assert kit.codes(take(named, [*handed_in, named])) == {}
    assert kit.codes(take(named, [handed_in[0], named])) == {"runs-withheld": 1}
    assert kit.codes(take(named, [named])) == {"runs-withheld": 2}


def test_a_retry_of_a_task_stands_for_it_in_a_set_and_not_in_a_listing(tmp_path: Path, kit: Any) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    again = header(kit, 1)
    again["eval"]["eval_id"] = "e1-again"
    log = folder / "again.eval"
    log.write_bytes(kit.archive({"header.json": again, "samples/s1_epoch_1.json": kit.sample(1)}))
    for content, codes in ((eval_set(1), {}), (listing(kit, 1), {"runs-withheld": 1})):
        named = folder / "list.json"
        named.write_bytes(content)
        assert kit.codes(take(named, [log, named])) == codes


@pytest.mark.parametrize(
    "content",
    [b'{"eval_set_id": "x", "tasks": [', b'{"eval_set_id": "x", "tasks": [1, null, {"name": [], "task_id": {}}]}',
     b'{"eval_set_id": NaN, "tasks": {}}', b'{"a.eval": {"eval": [], "status": 1}, "b.json": null}'],
)  # fmt: skip
def test_spoiled_lists(content: bytes, tmp_path: Path, kit: Any) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    named = folder / "list.json"
    named.write_bytes(content)
    file = take(named, [named])
    assert file.reading.reader == "inspect-set"
    assert not {"reader-failed"} & kit.codes(file).keys()
