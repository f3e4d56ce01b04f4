"""What fuzzing found stays found, and whole files survive being spoiled."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DATA = Path(__file__).resolve().parent.parent / "data"
FOUND = sorted((DATA / "found").iterdir())
SEEDS = sorted(path for path in (DATA / "seeds").iterdir())
MAP = {
    "records": "evaluation",
    "time": {"from": "when"},
    "sample": {"from": "id"},
    "response": {"from": "answer"},
    "outcome": {"from": "label", "values": {"refused": "refused", "helped": "complied"}},
}
FOREIGN = {"reader-failed", "ambiguous-format"}


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_was_found(path: Path, read: Any, kit: Any) -> None:
    assert not FOREIGN & kit.codes(read(path, MAP)).keys()


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.name)
def test_a_seed_is_whole(path: Path, read: Any, kit: Any) -> None:
    """Otherwise spoiling it would prove little."""
    file = read(path, MAP)
    assert file.reading.format
    assert not FOREIGN & kit.codes(file).keys()
    assert file.reading.counts.observations or file.reading.role == "companion" or "giskard" in path.name


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.name)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_spoiled_file_is_read_or_said_to_be_spoiled(path: Path, data: Any, read: Any, kit: Any) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["flip", "cut", "insert", "drop"]))
        if kind == "flip":
            content[at] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "insert":
            content[at:at] = data.draw(st.sampled_from([b"\0", b"{", b'"', b"\n", b"NaN", b"\xff", b"9" * 400]))
        elif kind == "drop":
            del content[at : at + 20]
        elif len(content) > 100:
            del content[max(50, at) :]
        if not content:
            content += b" "
    assert not FOREIGN & kit.codes(read(bytes(content), MAP)).keys()


ODD = st.sampled_from(
    [None, True, -1, 1e308, 2**70, "", "\x00", "\x1b[2J", "=1+1", "2026-09-01T10:00:00", [], {}, [[]], [{}],
     {"": None}, {"a": {"a": []}}, "y" * 5000, float("nan")]
)  # fmt: skip
JSON_SEEDS = [path for path in SEEDS if path.suffix in {".json", ".jsonl"}]


@pytest.mark.parametrize("path", JSON_SEEDS, ids=lambda path: path.name)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_may_be_another(path: Path, data: Any, read: Any, kit: Any) -> None:
    lines = path.read_bytes().splitlines() if path.suffix == ".jsonl" else [path.read_bytes()]
    at = data.draw(st.integers(0, len(lines) - 1))
    value = json.loads(lines[at])
    for _ in range(data.draw(st.integers(1, 3))):
        spot, keys = value, _keys(value)
        while keys:
            key = data.draw(st.sampled_from(keys))
            if not _keys(spot[key]) or data.draw(st.booleans()):
                spot[key] = copy.deepcopy(data.draw(ODD))
                break
            spot, keys = spot[key], _keys(spot[key])
    lines[at] = json.dumps(value).encode()
    assert not FOREIGN & kit.codes(read(b"\n".join(lines) + b"\n", MAP)).keys()


def _keys(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value)
    return list(range(len(value))) if isinstance(value, list) else []
