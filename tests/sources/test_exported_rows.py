"""Rows of exports, in whatever file they stand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.sources import exported_rows
from auditgen.sources.exported_rows import ExportedRows

ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": "y, z"}, {"a": 3, "b": '"q"'}]
JSON_LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
PRINTED = "".join(json.dumps(row, indent=2) + "\n" for row in ROWS)
CSV = 'a,b\n1,x\n2,"y, z"\n3,"""q"""\n'


def rows(path: Path, data: bytes | str) -> tuple[list[tuple[str, Any]], dict[str, int]]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    found = ExportedRows(path)
    return list(found), {a.code: a.count for a in found.anomalies()}


@pytest.mark.parametrize("text", [JSON_LINES, json.dumps(ROWS), json.dumps(ROWS, indent=1), PRINTED])
@pytest.mark.parametrize("mark", ["", "\N{ZERO WIDTH NO-BREAK SPACE}"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_objects_however_they_are_strung_together(tmp_path: Path, text: str, mark: str, pack: Any) -> None:
    found, doubts = rows(tmp_path / "x", pack((mark + text).encode()))
    assert [row for _, row in found] == ROWS
    assert len({place for place, _ in found}) == len(ROWS)
    assert doubts == {}


def test_cells_of_a_table(tmp_path: Path) -> None:
    found, doubts = rows(tmp_path / "x", "\N{ZERO WIDTH NO-BREAK SPACE}" + CSV.replace("a,b", "a, b"))
    assert [row for _, row in found] == [{"a": str(row["a"]), "b": row["b"]} for row in ROWS]
    assert [place.split("@")[0] for place, _ in found] == ["line:2", "line:3", "line:4"]
    assert doubts == {}


@pytest.mark.parametrize("rest", ['4,"open\n5,x\n6,y\n', '4,"open', '"open'])
def test_a_quote_that_is_never_closed_hides_no_rows(tmp_path: Path, rest: str) -> None:
    """Whatever stands behind it was taken for one cell: how many rows that were, nobody knows."""
    found, doubts = rows(tmp_path / "x", CSV + rest)
    assert len(found) == 3
    assert doubts == {"truncated": 1}


def test_rows_of_another_width_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text(CSV + "a\n1,2,3\n\n4,w\n")
    found = ExportedRows(path)
    assert len(list(found)) == 4
    (doubt,) = found.anomalies()
    assert (doubt.code, doubt.count) == ("lines-unreadable", 2)
    assert "line:5" in doubt.message
    assert "line:6" in doubt.message


def test_a_frame_of_zstd_that_is_cut_off_says_so(tmp_path: Path) -> None:
    long = "".join(json.dumps({"a": n, "b": str(hash(n * 7919))}) + "\n" for n in range(40_000))
    found, doubts = rows(tmp_path / "x", zstandard.compress(long.encode())[:-4])
    assert 0 < len(found) < 40_000
    assert doubts.keys() >= {"truncated"}


def test_a_first_line_that_is_damaged_leaves_the_others(tmp_path: Path) -> None:
    found, doubts = rows(tmp_path / "x", '{"a": 1, "b\n' + JSON_LINES)
    assert [row for _, row in found] == ROWS
    assert doubts == {"lines-unreadable": 1}


def test_one_object_that_does_not_end_takes_no_memory_without_end(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(exported_rows, "MAX_OBJECT", 2 << 20)
    huge = json.dumps({"a": ["x" * 1000] * 8000}, indent=1)
    found, doubts = rows(tmp_path / "x", json.dumps(ROWS[0], indent=1) + huge)
    assert [row for _, row in found] == ROWS[:1]
    assert doubts == {"truncated": 1}


@pytest.mark.parametrize("text", [PRINTED, json.dumps(ROWS), JSON_LINES])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_file_that_is_cut_off_says_so(tmp_path: Path, text: str, pack: Any) -> None:
    found, doubts = rows(tmp_path / "x", pack(text.encode())[:-4])
    assert [row for _, row in found] == ROWS[: len(found)]
    assert set(doubts) & {"truncated", "lines-unreadable"}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=300), st.text(alphabet='{}[]",:ab1\n \\', max_size=60).map(str.encode)))
def test_any_file_is_rows_or_doubts(tmp_path: Path, data: bytes) -> None:
    found, _ = rows(tmp_path / "x", data)
    assert all(isinstance(row, dict) for _, row in found)
    assert len({place for place, _ in found}) == len(found)
