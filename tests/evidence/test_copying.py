"""Copies of text tables: whichever way a line is read, the same words come out."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.evidence.copying import copied_fields, copy_table, table_of_copy
from auditgen.evidence.fingerprints import Fingerprints, take
from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.tables import TableFault, describe

MAPPING = RecordMap.model_validate(
    {
        "time": {"from": "t"},
        "record": {"from": "id"},
        "cohort": {"from": "a.b"},
        "category": {"from": "A"},
        "model": {"from": "a"},
        "language": {"from": "x/y~z"},
    }
)
KEYS = ("t", "id", "a", "A", "b", "a.b", "x/y~z", "x", "")
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(["2026-07-01T00:00:00Z", "2026-07-01T00:00:00.123Z", "2026-07-01 00:00", "2026-02-30", ""]),
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6)


def rows_of(path: Path, lines: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    table = describe(path, "jsonl", packed="gzip" if path.suffix == ".gz" else "")
    out = path.with_suffix(".parquet")
    about = copy_table(table, MAPPING, out, lines)
    return pq.read_table(out).to_pylist(), about


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(objects=st.lists(OBJECTS, min_size=1, max_size=8), data=st.data())
def test_the_fast_way_and_the_careful_way_agree(objects: list[Any], data: st.DataObject) -> None:
    """One torn line at the end sends every other line the careful way."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "log.jsonl"
        separators = data.draw(st.sampled_from([(",", ":"), (", ", ": ")]))
        text = "".join(json.dumps({"t": "x", **o}, separators=separators) + "\n" for o in objects)
        path.write_text(text)
        fast, about = rows_of(path, len(objects))
        assert about == {"rejected": 0, "lines": []}
        assert [row["auditgen_row"] for row in fast] == list(range(1, len(objects) + 1))
        path.write_text(text + '{"t": \n')
        careful, about = rows_of(path, len(objects) + 1)
        assert about == {"rejected": 1, "lines": [len(objects) + 1]}
        assert careful == fast


@pytest.mark.parametrize(
    ("odd", "readable"),
    [
        ('{"id": "2", "id": "3"}', True),  # one key twice
        ("[1]", False),
        ('"text"', False),
        ("", None),  # an empty line is no row and no fault
        ('{"id": "2"} {"id": "3"}', False),
        ('{"id": NaN}', True),
    ],
)
def test_any_doubt_is_looked_at_line_by_line(odd: str, readable: bool | None, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(f'{{"t": "x", "id": "1"}}\n{odd}\n{{"t": "x", "id": "4"}}\n')
    rows, about = rows_of(path, 3)
    number = copied_fields(MAPPING).index("id")
    ids = {row["auditgen_row"]: row[f"c{number}"] for row in rows}
    assert ids[1] == "1"
    assert ids[3] == "4"
    assert (2 in ids) == (readable is True)
    assert about["rejected"] == (1 if readable is False else 0)


def test_packed_text_is_checked_to_its_end(tmp_path: Path) -> None:
    text = "".join(f'{{"t": "x", "id": "{n}"}}\n' for n in range(1000)).encode()
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(gzip.compress(text))
    rows, _ = rows_of(path, take(path).lines)
    assert len(rows) == 1000
    packed = path.read_bytes()
    for spoiled in (packed[:-9], packed[:-5] + b"\0\0\0\0" + packed[-1:], packed[: len(packed) // 2]):
        path.write_bytes(spoiled)
        with pytest.raises(TableFault, match="damaged or cut off"):
            rows_of(path, 0)
    assert not [name for name in os.listdir(tmp_path) if name.startswith("auditgen-text-")]


def test_names_that_differ_in_case_stay_apart(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"t": "x", "a": "small", "A": "great"}\n')
    rows, _ = rows_of(path, 1)
    table = table_of_copy(path.with_suffix(".parquet"), MAPPING)
    assert rows[0][table.steps["a"][0]] == "small"
    assert rows[0][table.steps["A"][0]] == "great"


def test_fields_are_copied_and_nothing_else(tmp_path: Path) -> None:
    """A prompt that no rule names is in no copy."""
    path = tmp_path / "log.jsonl"
    path.write_text('{"t": "x", "id": "1", "prompt": "my secret prompt"}\n')
    rows_of(path, 1)
    assert b"secret" not in path.with_suffix(".parquet").read_bytes()


# fingerprints


def test_a_fingerprint_is_kept_while_nothing_touches_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo")
    long_ago = time.time() - 3600
    os.utime(path, (long_ago, long_ago))
    monkeypatch.setattr("auditgen.evidence.fingerprints.SETTLED_NS", -1)
    first = Fingerprints(tmp_path / "store")
    assert first.of(path) == take(path)
    assert first.of(path).lines == 2
    first.save()
    read: list[Path] = []

    def counted(where: Path) -> Any:
        read.append(where)
        return take(where)

    monkeypatch.setattr("auditgen.evidence.fingerprints.take", counted)
    again = Fingerprints(tmp_path / "store")
    assert again.of(path).sha256 == take(path).sha256
    assert read == []
    path.write_bytes(b"two\none")  # as long as before
    os.utime(path, (long_ago, long_ago))  # and as old; the time of change tells
    assert again.of(path).sha256 == take(path).sha256
    assert read == [path]


def test_a_file_of_this_moment_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"1")
    kept = Fingerprints(tmp_path / "store")
    kept.of(path)
    kept.save()
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}', '{"a": [1, 2]}', "\ud800"])
def test_a_damaged_cache_is_no_cache(text: str, tmp_path: Path) -> None:
    (tmp_path / "fingerprints.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    path = tmp_path / "log"
    path.write_bytes(b"1\n")
    kept = Fingerprints(tmp_path)
    kept.prepare([path, tmp_path / "absent", tmp_path])
    assert kept.of(path).size == 2


