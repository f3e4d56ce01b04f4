"""A suggested mapping: complete, explained, refused until a person has finished it, and silent about people."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from auditgen.diagnostics import printable
from auditgen.evidence.mapping import RecordMap
from auditgen.project.model import SourceBlock
from auditgen.sources.column_sample import SAMPLED_ROWS, sample_table
from auditgen.sources.interface import Probe
from auditgen.sources.suggest import suggest
from auditgen.sources.table import TableSource

Rows = Sequence[Mapping[str, Any]]
ANSWERS = {
    "outcome": "unscored", "expected": "either", "guardrail_verdict": "flag", "guardrail_action": "pass",
    "transport": "served",
}  # fmt: skip
START = 1_782_864_000  # 2026-07-01


def lines(rows: Rows) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def sheet(rows: Rows) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def suggestion(path: Path, chosen: str | None = None) -> str:
    found = TableSource().recognise(Probe(path))
    assert found is not None
    return suggest(path.name, sample_table(path, found.format, chosen))


def suggested(folder: Path, content: bytes, chosen: str | None = None) -> str:
    path = folder / "table"
    path.write_bytes(content)
    return suggestion(path, chosen)


def parsed(text: str) -> Any:
    [source] = yaml.safe_load(text)
    return source


def finished(value: Any, path: tuple[str, ...] = ()) -> Any:
    """What a person would do: write something in every place that was left open."""
    if isinstance(value, dict):
        return {key: finished(inner, (*path, key)) for key, inner in value.items()}
    if value != "TODO" and value is not None:
        return value
    canonical = next((name for name in path if name in ANSWERS), "")
    said = {
        "time_zone": "Europe/Berlin", "basis": "native_field", "records": "evaluation", "received_on": "2026-10-01",
        "independence": "self",
    }  # fmt: skip
    return said.get(path[-1]) or ANSWERS.get(canonical, "somebody")


def mapping_of(text: str) -> dict[str, Any]:
    """The finished mapping, as auditgen accepts it."""
    source = finished(parsed(text))
    SourceBlock.model_validate_json(json.dumps(source))
    found: dict[str, Any] = source["map"]
    return found


def open_places(text: str) -> int:
    return len([line for line in text.splitlines() if re.search(r": TODO\b|from: TODO", line.split("# ")[0])])


# the sample quarter


@pytest.mark.parametrize("month", ["07.csv", "08.jsonl.gz", "09.parquet"])
def test_the_sample_quarter(quarter: Path, month: str, read: Any, kit: Any) -> None:
    path = quarter / "gateway" / f"gateway-2026-{month}"
    text = suggestion(path)
    source = parsed(text)
    assert source["files"] == [path.name]
    found = source["map"]
    assert found["time"] == {"from": "event_time"}
    assert found["record"] == {"from": "request_id"}
    assert found["model"] == {"from": "model"}
    assert found["cohort"] == {"from": "plan"}
    assert found["category"] == {"from": "category"}
    assert found["guardrail_verdict"] == {"from": "rail_verdict"}
    assert found["guardrail_action"] == {"from": "rail_action"}
    assert found["expected"] == {
        "from": "request_class", "values": {"ordinary": "TODO", "disallowed": "TODO"}
    }  # fmt: skip
    values = found["outcome"]["values"]
    empty = {} if month == "07.csv" else {"": "TODO"}
    assert values == {
        "answered": "TODO", "refused": "refused", "blocked": "TODO", "provider_error": "provider_error", **empty
    }  # fmt: skip
    assert "answered: TODO" in text
    assert "complied?" in text
    assert "watch" not in found
    assert "# watch: which records" in text
    reading = read(path, mapping_of(text)).reading
    assert "value-not-mapped" not in kit.codes(read(path, mapping_of(text)))
    assert reading.counts.observations == {"07": 19487, "08": 18397, "09": 18921}[month[:2]]
    assert "thistle-large-2026-06" in reading.models


def test_nothing_is_accepted_before_it_is_finished(quarter: Path) -> None:
    source = parsed(suggestion(quarter / "gateway" / "gateway-2026-07.csv"))
    with pytest.raises(ValidationError) as caught:
        SourceBlock.model_validate_json(json.dumps(source))
    named = {".".join(str(part) for part in error["loc"]) for error in caught.value.errors()}
    assert {"title", "provider.name", "provider.independence", "custody.received_on"} <= named
    with pytest.raises(ValidationError):
        RecordMap.model_validate_json(json.dumps(source["map"]))


# times


@pytest.mark.parametrize(
    ("value", "unit"),
    [(START, "s"), (START * 1000, "ms"), (START * 10**6, "us"), (START * 10**9, "ns"), (START + 0.25, "s")],
)
def test_numbers_since_1970(tmp_path: Path, value: float, unit: str, read: Any) -> None:
    content = lines([{"ts": value, "id": f"r{n}", "result": "refused"} for n in range(3)])
    text = suggested(tmp_path, content)
    assert parsed(text)["map"]["time"] == {"from": "ts", "unit": unit}
    reading = read(content, mapping_of(text)).reading
    assert reading.first_at is not None
    assert f"{reading.first_at:%Y-%m-%d}" == "2026-07-01"


@pytest.mark.parametrize(
    ("value", "zone"),
    [
        ("2026-07-01T10:00:00Z", None),
        ("2026-07-01T10:00:00+02:00", None),
        ("2026-07-01 10:00:00", "TODO"),
        ("2026-07-01", "TODO"),
    ],
)
def test_a_zone_is_asked_for_where_none_is_written(tmp_path: Path, value: str, zone: str | None) -> None:
    text = suggested(tmp_path, sheet([{"when": value, "outcome": "refused"}] * 3))
    found = parsed(text)["map"]
    assert found["time"] == {"from": "when"}
    assert found.get("time_zone") == zone
    mapping_of(text)
    if zone:
        with pytest.raises(ValidationError, match="no IANA time zone"):
            RecordMap.model_validate_json(json.dumps({"time": {"from": "when"}, "time_zone": zone}))


def test_a_form_that_is_not_read_is_said_to_be_none(tmp_path: Path) -> None:
    text = suggested(tmp_path, sheet([{"when": "07/29/2026 10:00 PM", "outcome": "refused"}] * 3))
    assert parsed(text)["map"]["time"] == {"from": "TODO"}
    assert "99/99/9999 99:99" in text
    assert "07/29" not in text


def test_the_time_it_happened_and_the_time_the_log_got_it(tmp_path: Path) -> None:
    row = {
        "ingested_at": "2026-07-01T10:00:05Z",
        "event_time": "2026-07-01T10:00:00Z",
        "created_at": "2026-07-01",
    }
    text = suggested(tmp_path, lines([row] * 3))
    found = parsed(text)["map"]
    assert found["time"] == {"from": "event_time"}
    assert found["received"] == {"from": "ingested_at"}
    assert "`created_at` could be" in text
    assert "time_zone" not in found


def test_typed_columns(tmp_path: Path, read: Any, kit: Any) -> None:
    table = pa.table(
        {
            "ts": pa.array([START * 10**6] * 4, pa.timestamp("us")),
            "id": ["a", "b", "c", "d"],
            "status": pa.array([200, 200, 429, 500], pa.int32()),
            "flagged": [True, False, None, False],
            "meta": pa.array([{"tier": "free", "score": 1.0}] * 4),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    text = suggestion(tmp_path / "t.parquet")
    found = parsed(text)["map"]
    assert found["time_zone"] == "TODO"
    assert found["cohort"] == {"from": "meta.tier"}
    assert found["transport"]["values"] == {"200": "TODO", "429": "TODO", "500": "TODO"}
    assert found["guardrail_verdict"]["values"] == {"true": "TODO", "false": "TODO"}
    assert kit.codes(read(tmp_path / "t.parquet", mapping_of(text))) == {}


# ids, words, rates


def test_an_id_that_repeats_is_not_taken_for_a_records(tmp_path: Path) -> None:
    rows = [{"time": "2026-07-01T10:00:00Z", "trace_id": f"t{n // 4}"} for n in range(40)]
    text = suggested(tmp_path, lines(rows))
    assert "record" not in parsed(text)["map"]
    assert "`trace_id` repeats itself in 30 of 40 rows" in text


def test_the_likelier_name_wins(tmp_path: Path) -> None:
    rows = [{"time": "2026-07-01T10:00:00Z", "id": f"i{n}", "requestId": f"r{n}"} for n in range(4)]
    assert parsed(suggested(tmp_path, lines(rows)))["map"]["record"] == {"from": "requestId"}


@pytest.mark.parametrize("rate", [0.1, 1, 0])
def test_a_share(tmp_path: Path, rate: float) -> None:
    text = suggested(tmp_path, lines([{"time": "2026-07-01T10:00:00Z", "sample_rate": rate}] * 3))
    found = parsed(text)["map"]
    assert ("sampling_rate" in found) == (0 < rate <= 1)
    assert ("sampling_rate: `sample_rate` is called so" in text) == (rate == 0)


def test_finish_reasons_are_questions(tmp_path: Path) -> None:
    rows = [
        {"time": "2026-07-01T10:00:00Z", "finish_reason": word}
        for word in ("stop", "length", "content_filter")
    ]
    text = suggested(tmp_path, lines(rows))
    assert set(parsed(text)["map"]["outcome"]["values"].values()) == {"TODO"}
    assert re.search("stop: TODO +# 1 row; unscored\\?", text)
    assert re.search("content_filter: TODO +# 1 row; blocked_output\\?", text)


def test_words_of_yaml_stay_words(tmp_path: Path, read: Any, kit: Any) -> None:
    words = [
        "true",
        "null",
        "no",
        "1.0",
        "1e5",
        "y: z",
        "# x",
        "{a}",
        "~",
        "-",
        "'",
        '"',
        "*a",
        "2026-07-01",
        "TODO",
    ]
    rows = [{"time": "2026-07-01T10:00:00Z", "result": word} for word in words]
    text = suggested(tmp_path, lines(rows))
    assert list(parsed(text)["map"]["outcome"]["values"]) == sorted(words)
    assert "value-not-mapped" not in kit.codes(read(lines(rows), mapping_of(text)))


def test_numbers_are_listed_as_the_mapping_will_meet_them(tmp_path: Path, read: Any, kit: Any) -> None:
    rows = [{"time": "2026-07-01T10:00:00Z", "outcome": value} for value in (1.0, 0, True, "1")]
    text = suggested(tmp_path, lines(rows))
    assert "value-not-mapped" not in kit.codes(read(lines(rows), mapping_of(text)))


def test_a_long_list_is_no_vocabulary(tmp_path: Path) -> None:
    rows = [{"time": "2026-07-01T10:00:00Z", "result": f"word{n}", "category": f"c{n}"} for n in range(101)]
    text = suggested(tmp_path, lines(rows))
    assert set(parsed(text)["map"]) == {"time"}
    assert "word7" not in text
    assert "category: `category` is called so, but not mapped" in text


def test_only_the_beginning_is_looked_at_and_said_to_be(tmp_path: Path) -> None:
    rows = [{"time": "2026-07-01T10:00:00Z", "result": "refused"}] * (SAMPLED_ROWS + 5)
    text = suggested(tmp_path, lines([*rows, {"time": "2026-07-01T10:00:00Z", "result": "later"}]))
    assert f"the first {SAMPLED_ROWS:,} rows" in text
    assert "only in later rows" in text
    assert "later: TODO" not in text


# answers given in a test


@pytest.mark.parametrize("form", [lines, sheet])
def test_a_table_of_a_test(tmp_path: Path, form: Any, read: Any, kit: Any) -> None:
    rows = [
        {
            "sample_id": f"s{n}", "epoch": 1, "prompt": f"please {n}", "answer": "no", "label": "refused",
            "harm_score": n / 7, "harmScore": 1.0, "completed_at": "2026-09-01T10:00:00Z", "grade": 1.0,
        }
        for n in range(7)
    ]  # fmt: skip
    text = suggested(tmp_path, form(rows))
    source = parsed(text)
    assert source["map"]["records"] == "TODO"
    found = mapping_of(text)
    assert found["scores"] == {"harm_score": "harm_score", "harmScore": "harmScore", "grade": "grade"}
    file = read(form(rows), found)
    assert file.reading.counts.observations == 7
    assert file.reading.kind == "evaluation"
    assert not {"value-not-mapped", "field-not-found"} & kit.codes(file).keys()


# what belongs to people

PERSONAL = {
    "mail": "alice.miller@example.org",
    "phone": "+49 170 1234567",
    "token": "Bearer abcdefghijkl12345678",
    "prompt": "kindly explain Hannelore whether penicillin interacts with warfarin",
    "ip": "203.0.113.77",
    "person": "Hannelore",
}
FIELDS = [
    "time", "ts", "received_at", "request_id", "id", "model", "outcome", "result", "expected", "plan", "cohort",
    "category", "strategy", "language", "guardrail_verdict", "action", "endpoint", "path", "http_status",
    "sampling_rate", "prompt_id", "user_id", "email", "prompt", "session", "x", "sample_id", "score",
]  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("kind", PERSONAL)
def test_what_belongs_to_people_is_not_shown(tmp_path: Path, field: str, kind: str) -> None:
    if kind == "person" and field not in {"user_id", "email", "session"}:
        return  # a name is a word like any other: only the name of the column can tell
    base = {"time": "2026-07-01T10:00:00Z", "outcome": "refused"}
    for share in (1, 3):
        rows = [{**base, field: PERSONAL[kind] if n % share == 0 else "word"} for n in range(9)]
        text = suggested(tmp_path, lines(rows))
        for word in PERSONAL[kind].split(" "):
            if len(word) > 4:
                assert word not in text, (field, share, text)
        parsed(text)


def test_personal_columns_are_named(tmp_path: Path) -> None:
    row = {
        "time": "2026-07-01T10:00:00Z",
        "user_email": "a@example.org",
        "prompt": "x " * 30,
        "customer_id": "c1",
    }
    text = suggested(tmp_path, lines([row] * 3))
    flat = " ".join(text.replace("#", " ").split())
    assert "Looks personal: not mapped, no value shown: `user_email`" in flat
    assert set(parsed(text)["map"]) == {"time"}
    for name in ("prompt", "customer_id"):
        assert f"`{name}` (" in flat.split("Looks personal")[1]


# anything at all

NAMES = st.one_of(st.sampled_from(FIELDS), st.text(min_size=1, max_size=20))
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False), st.text(max_size=30),
    st.sampled_from(["refused", "stop", "TODO", "2026-07-01", "true", "#", ": "]), st.lists(st.integers(), max_size=2),
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(NAMES, VALUES, min_size=1, max_size=6), min_size=2, max_size=8))
def test_it_is_yaml_whatever_stands_in_the_table(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    # one line that can be read: of a table of nothing but infinities there is nothing to suggest
    text = suggested(tmp_path, lines([{"time": "2026-07-01T10:00:00Z"}, *rows]))
    source = parsed(text)
    for line in text.splitlines():
        assert printable(line) == line
    if "time" in source["map"]:
        mapping_of(text)


def workbook(rows: Rows) -> bytes:
    book = openpyxl.Workbook()
    page = book.active
    page.title = "log"
    page.append(list(rows[0]))
    for row in rows:
        page.append(list(row.values()))
    book.create_sheet("second").append(["nothing"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_sheet(tmp_path: Path, read: Any, kit: Any) -> None:
    rows = [{"time": "2026-07-01T10:00:00Z", "plan": "free", "result": "refused"}] * 3
    text = suggested(tmp_path, workbook(rows), "log")
    assert parsed(text)["map"]["sheet"] == "log"
    assert kit.codes(read(workbook(rows), mapping_of(text))) == {}


def _places(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _places(inner)
    else:
        yield value


def test_every_open_place_is_marked_beside_it(quarter: Path) -> None:
    """Nobody should have to look for what auditgen refuses."""
    text = suggestion(quarter / "gateway" / "gateway-2026-08.jsonl.gz")
    left = [value for value in _places(parsed(text)) if value is None or value == "TODO"]
    marked = [line for line in text.splitlines() if "TODO" in line and not line.lstrip().startswith("#")]
    assert len(marked) == len(left)
    assert open_places(text) <= len(left)


def test_a_first_row_that_is_no_header_is_not_shown(tmp_path: Path) -> None:
    token = "ghp_" + "a1B2c3" * 6
    text = suggested(tmp_path, f"{token},x,y\na,b,c\nd,e,f\n".encode())
    assert token not in text
    assert "Not looked at: 1 more columns" in text
