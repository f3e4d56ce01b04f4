"""JSON as real tools write it, whole and streamed."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import ijson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import auditgen.sources.jsontext as jsontext
from auditgen.sources.jsontext import (
    FiniteStream,
    as_count,
    as_number,
    as_text,
    build_object,
    is_irregular_file,
    loads,
    parse_events,
)

QUICK = settings(deadline=None, max_examples=300)
TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(
        ["NaN", '"NaN', '\\"NaN\\', "\\", "\\\\", "-Infinity", "Infinity,", 'a"b', "\\u00", "😀"]
    ),
)
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(width=32),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXT),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


class _Drip(io.RawIOBase):
    """Gives at most `step` bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        self._data, self._step = io.BytesIO(data), step

    def read(self, size: int = -1) -> bytes:
        return self._data.read(self._step if size < 0 else min(size, self._step))


def _expected(text: str) -> tuple[Any, int]:
    names: list[str] = []

    def constant(name: str) -> str:
        names.append(name)
        return name

    return json.loads(text, parse_constant=constant), len(names)


@QUICK
@given(
    value=VALUES,
    ascii_only=st.booleans(),
    step=st.integers(1, 40),
    size=st.integers(1, 30) | st.just(-1),
)
def test_streaming_quotes_exactly_what_is_not_finite(
    value: Any, ascii_only: bool, step: int, size: int
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    stream = FiniteStream(_Drip(text.encode(), step))  # type: ignore[arg-type]
    out = b"".join(iter(lambda: stream.read(size), b""))
    assert (json.loads(out), stream.count) == _expected(text)


@settings(deadline=None, max_examples=200)
@given(value=VALUES)
def test_the_events_are_those_of_ijson_and_build_the_same_value(value: Any) -> None:
    text = json.dumps({"x": {"deep": value}})
    stream = FiniteStream(io.BytesIO(text.encode()))
    events = parse_events(stream)
    built = next(
        build_object(events, "x")
        for place, event, _ in events
        if (place, event) == ("x", "start_map")
    )
    assert built == _expected(text)[0]["x"]
    plain = json.dumps(
        {"a": [1, {"b": [None, "c"], "d": {"e": {"f": {"g": [2]}}}}], "h": True}
    ).encode()
    ours = list(parse_events(io.BytesIO(plain)))
    theirs = list(ijson.parse(plain))
    assert [(e, v) for _, e, v in ours] == [(e, v) for _, e, v in theirs]
    assert [p for p, _, _ in ours if p != "\x00"] == [
        p for (q, _, _), (p, _, _) in zip(ours, theirs, strict=True) if q != "\x00"
    ]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r'"\ud83d\ude00"', "😀"),
        (r'"\ud83d"', "\ufffd"),
        (r'"\ude00 x"', "\ufffd x"),
        (r'"\ud83d\ud83d\ude00"', "\ufffd😀"),
        (r'"\\ud83d"', r"\ud83d"),
        (r'"\\\ud83d"', "\\\ufffd"),
        (r'"\uD83Dtail"', "\ufffdtail"),
    ],
)
@pytest.mark.parametrize("step", [1, 5, 64])
def test_lone_surrogates_become_the_replacement_character(
    written: str, read: str, step: int
) -> None:
    stream = FiniteStream(_Drip(written.encode(), step))  # type: ignore[arg-type]
    assert [v for _, _, v in parse_events(stream)] == [read]
    assert stream.count == 0
    assert loads(written.encode()) == (read, 0)


def test_chunk_boundaries_inside_every_token(monkeypatch: pytest.MonkeyPatch) -> None:
    text = '[NaN, "NaN", -Infinity, "\\"Infinity", {"NaN": Infinity}, "\\ud83d\\ude00"]'
    for step in range(1, 40):
        monkeypatch.setattr(jsontext, "CHUNK_BYTES", step)
        stream = FiniteStream(io.BytesIO(text.encode()))
        assert json.loads(stream.read()) == _expected(text)[0]
        assert stream.count == 3


@pytest.mark.parametrize("depth", [499, 501, 100_000])
def test_nesting_has_an_end(depth: int) -> None:
    data = io.BytesIO(b"[" * depth + b"]" * depth)
    if depth < jsontext.MAX_DEPTH:
        assert len(list(parse_events(data))) == 2 * depth
    else:
        with pytest.raises(ValueError, match="too deeply"):
            list(parse_events(data))


def test_large_integers_survive() -> None:
    (event,) = parse_events(io.BytesIO(b"18446744073709551616"))
    assert event[2] == 2**64


@pytest.mark.parametrize(
    ("data", "value", "count"),
    [
        (b'{"a": 1}', {"a": 1}, 0),
        (b'{"a": NaN, "b": [-Infinity]}', {"a": "NaN", "b": ["-Infinity"]}, 2),
        (b'{"\xed\xa0\x80": "\xed\xa0\x80"}', {"\ufffd": "\ufffd"}, 0),
    ],
)
def test_whole_values(data: bytes, value: Any, count: int) -> None:
    assert loads(data) == (value, count)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"nul", b"[" * 100_000, b"1" * 5000 + b"x"])
def test_what_is_no_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any kind of it
        loads(data)


@pytest.mark.parametrize(
    ("value", "number", "count"),
    [
        (1, 1.0, 1),
        (True, 1.0, None),
        (0, 0.0, 0),
        (-1, -1.0, None),
        (1.5, 1.5, None),
        (2**53, 2.0**53, None),
        (10**400, None, None),
        (math.nan, None, None),
        (math.inf, None, None),
        ("1", None, None),
        ([1], None, None),
        (None, None, None),
    ],
)
def test_numbers_and_counts(value: Any, number: float | None, count: int | None) -> None:
    assert as_number(value) == number
    assert as_count(value) == count


def test_text_of_anything() -> None:
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    assert [as_text(v) for v in (None, "a", 1, 1.5, True)] == ["", "a", "1", "1.5", "True"]
    assert as_text({"a": [1]}) == '{"a":[1]}'
    assert as_text(deep) == as_text({"a": 2**80}) == "(a structure)"


def test_irregular_files_are_found(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for data, is_irregular in (
        (b"", False),
        (b"{}", False),
        (b'"NaN"', True),
        (b'"\\uD800"', True),
    ):
        path.write_bytes(data)
        assert is_irregular_file(path) is is_irregular
