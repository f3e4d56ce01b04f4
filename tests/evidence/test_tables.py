"""Monitoring tables in place: values as they were written, and nothing lost unsaid."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.tables import Table, TableFault, describe
from auditgen.sources.table_summary import missing_columns

HEADER = "t,id,r\n"
ROWS = "2026-07-01T00:00:00Z,1,answered\n2026-07-02T00:00:00Z,2,refused\n"
BOTH = {"complied": 1, "refused": 1}
LINE = {"t": "2026-07-01T00:00:00Z", "id": "1", "r": "refused"}
ONE = "2026-07-01T00:00:00Z,{},{}\n"


def lines(*records: Any) -> str:
    return "".join(json.dumps(r) + "\n" for r in records)


# the sample quarter


def test_the_gateway_of_the_sample_quarter(quarter: Path, kit: Any) -> None:
    mapping = {
        "time": {"from": "event_time"},
        "record": {"from": "request_id"},
        "model": {"from": "model"},
        "outcome": {
            "from": "result",
            "values": {
                "answered": "complied",
                "refused": "refused",
                "blocked": "blocked_output",
                "provider_error": "provider_error",
                "": "unscored",
            },
        },
    }
    files = [kit.read(path, mapping) for path in sorted(quarter.glob("gateway/gateway-*"))]
    formats = [file.reading.format for file in files]
    assert formats == ["table.csv", "table.jsonl+gzip", "table.parquet"]
    assert [file.reading.counts.observations for file in files] == [19487, 18397, 18921]
    assert kit.codes(files[1]) == {"lines-unreadable": 1, "duplicate-rows": 5}
    evidence = kit.view(*files, mapping=mapping)
    assert kit.copies(evidence) == 5
    ((rows, first, last),) = evidence.count(
        "SELECT count(*), min(observed_at), max(observed_at) FROM record"
    )
    assert rows == 19487 + 18397 + 18921 - 5
    assert isinstance(first, dt.datetime)
    assert isinstance(last, dt.datetime)
    assert (first.date(), last.date()) == (dt.date(2026, 7, 1), dt.date(2026, 9, 30))


# CSV


@pytest.mark.parametrize(
    "text",
    [
        HEADER + ROWS,
        "\ufeff" + HEADER + ROWS,
        (HEADER + ROWS).replace("\n", "\r\n"),
        (HEADER + ROWS).replace(",", ";"),
        (HEADER + ROWS).replace(",", "\t"),
        (HEADER + ROWS).replace(",", "|"),
        (HEADER + ROWS).rstrip("\n"),
        HEADER + "\n" + ROWS + "\n",
        't,"id","r"\n' + ROWS.replace("answered", '"answered"'),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_dialects_of_csv(text: str, packed: bool, kit: Any) -> None:
    file = kit.read(kit.file(text, packed=packed))
    assert file.reading.format == "table.csv" + ("+gzip" if packed else "")
    assert file.reading.outcomes == BOTH
    assert kit.codes(file) == {}


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ('"a,b"', "a,b"),
        ('"a\nb"', "a\nb"),
        ('"say ""no"""', 'say "no"'),
        ('" x "', " x "),
        ("'; DROP TABLE x; --", "'; DROP TABLE x; --"),
    ],
)
def test_quoted_cells(cell: str, read: str, kit: Any) -> None:
    mapping = {**kit.mapping, "cohort": {"from": "id"}}
    file = kit.read(kit.file(HEADER + ROWS + ONE.format(cell, "refused")), mapping)
    found = kit.view(file, mapping=mapping).count("SELECT cohort FROM record ORDER BY locator")
    assert found[2] == (read,)


@pytest.mark.parametrize(
    ("broken", "kept", "lost"),
    [
        ("2026-07-03T00:00:00Z,9\n", 4, 1),
        ("2026-07-03T00:00:00Z,9,refused,more\n", 4, 1),
    ],
)
def test_lines_that_do_not_fit_are_counted(broken: str, kept: int, lost: int, kit: Any) -> None:
    more = ROWS.replace(",1,", ",3,").replace(",2,", ",4,")
    file = kit.read(kit.file((HEADER + ROWS + broken + more).encode("latin-1")))
    assert file.reading.counts.observations == kept
    assert kit.codes(file) == {"lines-unreadable": lost}
    assert "4" in file.reading.anomalies[0].message
    ((seen,),) = kit.view(file).count("SELECT count(*) FROM record")
    assert seen == kept


@pytest.mark.parametrize("packed", [False, True])
def test_text_that_is_not_utf8_is_refused_whole(packed: bool, kit: Any) -> None:
    """The engine would keep or drop such a row, depending on which columns a query needs."""
    data = (
        HEADER.encode() + ROWS.encode() * 3 + b"2026-07-03T00:00:00Z,\xe9,refused\n" + ROWS.encode()
    )
    file = kit.read(kit.file(gzip.compress(data) if packed else data))
    assert [(a.code, a.message) for a in file.reading.anomalies] == [
        ("unreadable", "line 8 is not UTF-8 text")
    ]


def test_a_quote_that_never_ends_is_said(kit: Any) -> None:
    file = kit.read(kit.file(HEADER + ROWS + '2026-07-03T00:00:00Z,"9,refused\n' + ROWS))
    assert kit.codes(file)["lines-unreadable"] >= 1


@pytest.mark.parametrize(
    "text", ["", "\n", HEADER, "a\nb\n", "one line", "t,t,r\n1,2,3\n", "x" * 200_000]
)
def test_what_is_no_table(text: str, kit: Any) -> None:
    file = kit.read(kit.file(text))
    assert kit.codes(file) == {"unrecognised": 1}
    assert file.reading.is_vacuous


def test_columns_that_differ_in_case_only_cannot_be_told_apart(kit: Any) -> None:
    file = kit.read(kit.file("T,t,id,r\nx,2026-07-01T00:00:00Z,1,refused\n"))
    assert kit.codes(file) == {"unreadable": 1}


@pytest.mark.parametrize(
    "name",
    ["row", "record", "line", "part", "auditgen", "observed_at", "file_row_number", "filename"],
)
def test_columns_named_like_our_own(name: str, kit: Any) -> None:
    text = f"{name},{HEADER}7,{ROWS.splitlines()[0]}\n8,{ROWS.splitlines()[1]}\n"
    mapping = {**kit.mapping, "cohort": {"from": name}}
    file = kit.read(kit.file(text), mapping)
    found = kit.view(file, mapping=mapping).count(
        "SELECT locator, cohort FROM record ORDER BY 1"
    )
    assert found == [("row:1", "7"), ("row:2", "8")]


NASTY = [
    'i"d',
    "i'd",
    "i;d",
    "a.b",
    "i`d",
    "x); DROP TABLE observation; --",
    '"; SELECT 1; --',
    "é",
    "a b",
    "$",
    "*",
    "#",
    "a/b",
    "a~b",
    "\\",
    "%s",
    "?",
    "{x",
]


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_nasty_column_names_and_values(kind: str, name: str, kit: Any) -> None:
    if kind == "csv" and "{" in name:
        pytest.skip("a header does not look so")
    values = ["plain", "'; DROP TABLE observation; --"]
    times = ["2026-07-01T00:00:00Z", "2026-07-02T00:00:00Z"]
    if kind == "csv":
        quoted = '"' + name.replace('"', '""') + '"'
        path = kit.file(
            f"t,{quoted}\n" + "".join(f'{t},"{v}"\n' for t, v in zip(times, values, strict=True))
        )
    elif kind == "jsonl":
        path = kit.file(lines(*({"t": t, name: v} for t, v in zip(times, values, strict=True))))
    else:
        path = kit.file(b"")
        pq.write_table(pa.table({"t": times, name: values}), path)
    mapping = {
        "time": {"from": "t"},
        "cohort": {"from": name},
        "outcome": {"from": name, "values": {values[1]: "refused"}},
    }
    file = kit.read(path, mapping)
    assert file.reading.outcomes == {"refused": 1, "unscored": 1}
    assert kit.codes(file) == {"value-not-mapped": 1}
    assert missing_columns(_table(file), RecordMap.model_validate_json(json.dumps(mapping))) == {}
    found = kit.view(file, mapping=mapping).count("SELECT cohort FROM record ORDER BY locator")
    assert [v for (v,) in found] == values


def _table(file: Any) -> Table:
    table = file.mapped or file.table
    assert isinstance(table, Table)
    return table


@pytest.mark.parametrize(
    "name",
    [
        "it's.csv",
        'a"b',
        "new\nline",
        "*.csv",
        "[ab].csv",
        "a?.csv",
        "{a,b}.csv",
        "-x",
        "~",
        "r=x/t.csv",
        "%20",
        "a;b",
        "s3:x",
        "é\u202e",
    ],
)
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_nasty_file_names_name_one_file(kind: str, name: str, kit: Any) -> None:
    data: bytes | str = (
        HEADER + ROWS if kind == "csv" else lines(LINE, {**LINE, "id": "2", "r": "answered"})
    )
    path = kit.file(b"" if kind == "parquet" else data, name)
    if kind == "parquet":
        records = {"t": [LINE["t"]] * 2, "id": ["1", "2"], "r": ["answered", "refused"]}
        pq.write_table(pa.table(records), path)
    for other in ("a.csv", "ab.csv", "b.csv", "a1.csv"):
        if other != name and not (path.parent / other).exists():
            (path.parent / other).write_bytes(path.read_bytes())
    file = kit.read(path)
    assert file.reading.outcomes == BOTH, (
        "a wildcard must not read the neighbours, nor `r=x` a column"
    )
    ((seen,),) = kit.view(file).count("SELECT count(*) FROM record")
    assert seen == 2


def test_a_file_name_that_is_no_text_is_answered(kit: Any) -> None:
    raw = os.fsencode(kit.file(HEADER + ROWS)) + b"\xff"
    os.rename(raw[:-1], raw)
    file = kit.read(Path(os.fsdecode(raw)))
    assert kit.codes(file) == {"unreadable": 1}


# JSON lines


@pytest.mark.parametrize(
    ("text", "outcomes", "codes"),
    [
        (lines(LINE), {"refused": 1}, {}),
        (lines(LINE).replace("\n", "\r\n"), {"refused": 1}, {}),
        ("\n" + lines(LINE) + "\n  \n\t\n", {"refused": 1}, {}),
        (lines(LINE) + '{"t": "2026', {"refused": 1}, {"lines-unreadable": 1}),
        (lines(LINE) + '[1]\n5\nnull\n"x"\n', {"refused": 1}, {"lines-unreadable": 4}),
        (lines(LINE, LINE), {"refused": 2}, {"duplicate-rows": 1}),
        (
            lines(LINE, {**LINE, "id": "2", "r": "odd"}),
            {"refused": 1, "unscored": 1},
            {"value-not-mapped": 1},
        ),
        (lines(LINE, {**LINE, "id": "2", "r": None}), {"refused": 1, "unscored": 1}, {}),
        (
            lines(LINE, {**LINE, "id": "2", "r": {"a": 1}}),
            {"refused": 1, "unscored": 1},
            {"value-not-mapped": 1},
        ),
        (lines(LINE, {**LINE, "id": "2", "t": None}), {"refused": 2}, {"undated-rows": 1}),
        (lines(LINE, {**LINE, "x": "\x00\u2028\ud800"}), {"refused": 1}, {"lines-unreadable": 1}),
        (lines(LINE, {**LINE, "id": "2", "x": "\u2028\x85\x0b"}), {"refused": 2}, {}),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_json_lines(
    text: str, outcomes: dict[str, int], codes: dict[str, int], packed: bool, kit: Any
) -> None:
    text = text.removeprefix("\n")
    file = kit.read(kit.file(text, packed=packed))
    assert file.reading.outcomes == outcomes
    assert kit.codes(file) == codes


def test_the_bad_lines_are_named_by_number(kit: Any) -> None:
    file = kit.read(kit.file(lines(LINE) + "\n\nbad\n" + lines({**LINE, "id": "2"})))
    (anomaly,) = file.reading.anomalies
    assert "line 4" in anomaly.message


@pytest.mark.parametrize("junk", ['{"a": "\x01"}\n', '{"a": "\xff"}\n'])
def test_bytes_that_no_json_holds_never_pass_silently(junk: str, kit: Any) -> None:
    file = kit.read(kit.file((lines(LINE) + junk + lines(LINE)).encode("latin-1")))
    assert set(kit.codes(file)) & {"unreadable", "lines-unreadable"}


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ({"a": {"b": {"c": "x"}}}, "a.b.c"),
        ({"a.b.c": "x"}, "a.b.c"),
        ({"a.b": {"c": "x"}}, "a.b.c"),
        ({"a": {"b.c": "x"}}, "a.b.c"),
        ({"a.b.c": "x", "a": {"b": {"c": "y"}}}, "a.b.c"),
        ({"a.b": {"c": "x"}, "a": {"b.c": "y"}}, "a.b.c"),
        ({"p.q.r.s.t.u.v": "x"}, "p.q.r.s.t.u.v"),
        ({"a": {"": "x"}}, "a."),
    ],
)
def test_keys_with_dots_and_nested_keys(record: dict[str, Any], path: str, kit: Any) -> None:
    mapping = {**kit.mapping, "cohort": {"from": path}}
    file = kit.read(kit.file(lines({**LINE, **record})), mapping)
    assert kit.view(file, mapping=mapping).count("SELECT cohort FROM record") == [("x",)]


def test_a_rare_key_need_not_stand_in_the_first_lines(kit: Any) -> None:
    records = [{**LINE, "id": str(n)} for n in range(300)] + [
        {**LINE, "id": "x", "rail": {"verdict": "deny"}}
    ]
    table = _table(kit.read(kit.file(lines(*records))))
    known = RecordMap.model_validate(
        {"time": {"from": "t"}, "guardrail_verdict": {"from": "rail.verdict"}}
    )
    wrong = RecordMap.model_validate({"time": {"from": "when"}, "cohort": {"from": "rail.verdct"}})
    assert missing_columns(table, known) == {}
    assert missing_columns(table, wrong) == {"time": "when", "cohort": "rail.verdct"}


def test_wrong_columns_are_named(kit: Any) -> None:
    mapping = RecordMap.model_validate(
        {"time": {"from": "T"}, "cohort": {"from": "x"}, "model": {"is": "m"}}
    )
    table = _table(kit.read(kit.file(HEADER + ROWS)))
    assert missing_columns(table, mapping) == {"time": "T", "cohort": "x"}


# damage


@pytest.mark.parametrize("cut", [0.02, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_cut_off_files_are_refused_whole(kind: str, cut: float, kit: Any) -> None:
    records = [
        {"t": "2026-07-01T00:00:00Z", "id": os.urandom(8).hex(), "r": "refused"}
        for _ in range(3000)
    ]
    if kind == "parquet":
        path = kit.file(b"")
        pq.write_table(pa.Table.from_pylist(records), path)
        data = path.read_bytes()
    else:
        text = (
            lines(*records)
            if kind == "jsonl"
            else HEADER + "".join(f"{r['t']},{r['id']},{r['r']}\n" for r in records)
        )
        data = gzip.compress(text.encode())
    file = kit.read(kit.file(data[: int(len(data) * cut)]))
    assert kit.codes(file) == {"unreadable": 1}
    assert file.reading.is_vacuous


def test_a_damaged_gzip_is_not_data(kit: Any) -> None:
    whole = bytearray(gzip.compress(lines(*({**LINE, "id": str(n)} for n in range(5000))).encode()))
    middle = len(whole) // 2
    whole[middle : middle + 40] = b"\xff" * 40
    file = kit.read(kit.file(bytes(whole)))
    assert kit.codes(file) == {"unreadable": 1}


def test_gzip_in_several_members_is_read_to_the_end(kit: Any) -> None:
    first, second = (gzip.compress(lines({**LINE, "id": str(n)}).encode()) for n in (1, 2))
    assert kit.read(kit.file(first + second)).reading.counts.observations == 2


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_flipped_byte_of_a_parquet_leaves_a_reading(data: st.DataObject, kit: Any) -> None:
    path = kit.file(b"")
    pq.write_table(pa.table({"t": [LINE["t"]], "id": ["1"], "r": ["refused"]}), path)
    raw = bytearray(path.read_bytes())
    at = data.draw(st.integers(4, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    file = kit.read(kit.file(bytes(raw)))
    assert file.reading.counts.observations <= 1 or file.reading.anomalies


# Parquet


def test_typed_and_written_times_agree(kit: Any) -> None:
    at = dt.datetime(2026, 7, 1, 12, 30, 0, 5, tzinfo=dt.UTC)
    columns = {
        "utc": pa.array([at], pa.timestamp("us", "UTC")),
        "ns": pa.array([at], pa.timestamp("ns", "UTC")),
        "paris": pa.array([at], pa.timestamp("us", "Europe/Paris")),
        "naive": pa.array([at.replace(tzinfo=None)], pa.timestamp("us")),
        "text": pa.array(["2026-07-01T14:30:00.000005+02:00"]),
        "lower": pa.array(["2026-07-01t12:30:00.000005z"]),
    }
    path = kit.file(b"")
    pq.write_table(pa.table(columns), path)
    for name in columns:
        file = kit.read(path, {"time": {"from": name}})
        assert file.reading.first_at == at, name
        assert ("time-zone-unknown" in kit.codes(file)) == (name == "naive")


@pytest.mark.parametrize(
    ("written", "zone", "at"),
    [
        ("2026-07-01T00:00:00", "America/New_York", "2026-07-01T04:00:00"),
        ("2026-07-01", "America/New_York", "2026-07-01T04:00:00"),
        ("2026-01-01 00:00", "America/New_York", "2026-01-01T05:00:00"),
        ("2026-07-01T00:00:00Z", "America/New_York", "2026-07-01T00:00:00"),
        ("2026-07-01T00:00:00+05:30", "America/New_York", "2026-06-30T18:30:00"),
        ("2026-07-01 00:00:00 UTC", "America/New_York", "2026-07-01T00:00:00"),
        ("2026-07-01T00:00:00-03", None, "2026-07-01T03:00:00"),
        ("2026-07-01", None, "2026-07-01T00:00:00"),
    ],
)
def test_declared_zones_apply_where_none_is_written(
    written: str, zone: str | None, at: str, kit: Any
) -> None:
    mapping = {**kit.mapping, "time": {"from": "t"}} | ({} if zone is None else {"time_zone": zone})
    file = kit.read(kit.file(f"{HEADER}{written},1,refused\n"), mapping)
    assert file.reading.first_at == dt.datetime.fromisoformat(at).replace(tzinfo=dt.UTC)
    assert ("time-zone-unknown" in kit.codes(file)) == (zone is None and written == "2026-07-01")


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../../etc/passwd", "Europe"])
def test_a_zone_nobody_knows_is_the_users_mistake(zone: str) -> None:
    with pytest.raises(ValidationError, match="no IANA time zone"):
        RecordMap.model_validate({"time": {"from": "t"}, "time_zone": zone})


@pytest.mark.parametrize(
    "written",
    [
        "1782864000",
        "1782864000000",
        "1782864000.5",
        "20260701",
        "2026",
        "07/01/2026",
        "infinity",
        "-infinity",
        "now",
        "soon",
        "epoch",
        "2026-07-01 00:00 Europe/Paris",
        "2026-07-01 10:00:00 PM",
        "2026-07-01 10:00:00 FOO",
        "99999-01-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
    ],
)
def test_what_is_no_iso_time_is_undated_and_shown(written: str, kit: Any) -> None:
    file = kit.read(kit.file(f"{HEADER}{written},1,refused\n"))
    evidence = kit.view(file)
    assert evidence.count("SELECT count(*) FROM record") == [(0,)]
    assert file.reading.first_at is None
    (anomaly,) = file.reading.anomalies
    assert (anomaly.code, anomaly.count) == ("undated-rows", 1)
    shown = re.sub("[0-9]{7,}", lambda digits: "9" * len(digits[0]), written)
    assert f"`{shown}`" in anomaly.message


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.int32()])
def test_epoch_numbers_are_not_guessed(kind: pa.DataType, kit: Any) -> None:
    path = kit.file(b"")
    pq.write_table(
        pa.table({"t": pa.array([1782864000], kind), "id": ["1"], "r": ["refused"]}), path
    )
    file = kit.read(path)
    assert kit.codes(file) == {"undated-rows": 1}
    assert "ISO 8601" in file.reading.anomalies[0].message


def test_structs_and_columns_with_dots(kit: Any) -> None:
    path = kit.file(b"")
    nested = pa.array([{"verdict": "deny", "a": {"b": "deep"}}])
    pq.write_table(
        pa.table({"t": [LINE["t"]], "rail": nested, "x.y": ["dotted"], "rail.a.b": ["top"]}), path
    )
    for name, value in (("rail.verdict", "deny"), ("x.y", "dotted"), ("rail.a.b", "top")):
        mapping = {"time": {"from": "t"}, "cohort": {"from": name}}
        file = kit.read(path, mapping)
        assert missing_columns(_table(file), RecordMap.model_validate(mapping)) == {}
        assert kit.view(file, mapping=mapping).count("SELECT cohort FROM record") == [(value,)]


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_describing_what_is_something_else(kind: str, kit: Any) -> None:
    with pytest.raises(TableFault):
        describe(
            kit.file(b"\x00\x01not a table" if kind == "parquet" else b""), kind
        )


# the view


def test_the_period_holds_its_last_microsecond_and_not_the_next(kit: Any) -> None:
    times = [
        "2026-06-30T23:59:59.999999Z", "2026-07-01T00:00:00Z", "2026-09-30T23:59:59.999999Z",
        "2026-09-30T23:59:59.9999999Z", "2026-10-01T00:00:00Z", "2026-10-01T01:00:00+02:00",
        "2026-09-30T23:00:00-02:00",
    ]  # fmt: skip
    file = kit.read(kit.file(HEADER + "".join(f"{t},{n},refused\n" for n, t in enumerate(times))))
    found = {name for (name,) in kit.view(file).count("SELECT sample_id FROM record")}
    assert found == {"1", "2", "3", "5"}


def test_undated_rows_are_counted_and_left_out(kit: Any) -> None:
    file = kit.read(kit.file(HEADER + ROWS + ",3,refused\nsoon,4,refused\n"))
    assert kit.codes(file) == {"undated-rows": 2}
    assert kit.view(file).count("SELECT count(*) FROM record") == [(2,)]


def test_a_record_counts_once_within_and_across_files(kit: Any) -> None:
    first = kit.read(kit.file(HEADER + ROWS + ROWS))
    second = kit.read(kit.file(lines({**LINE, "id": "2", "t": "2026-07-02T00:00:59Z"}, {**LINE, "id": "3"})))
    assert kit.codes(first) == {"duplicate-rows": 2}
    evidence = kit.view(first, second)
    found = evidence.count("SELECT sample_id, outcome FROM record ORDER BY 1")
    assert found == [("1", "complied"), ("2", "refused"), ("3", "refused")]
    assert kit.copies(evidence) == 3


def test_a_copy_outside_the_period_hides_nothing(kit: Any) -> None:
    text = HEADER + "2020-01-01T00:00:00Z,1,refused\n,1,refused\n" + ONE.format(1, "answered")
    found = kit.view(kit.read(kit.file(text))).count("SELECT outcome FROM record")
    assert found == [("complied",)]


def test_records_without_an_id_are_all_kept(kit: Any) -> None:
    text = HEADER + ONE.format("", "refused") * 3
    for mapping in (kit.mapping, {k: v for k, v in kit.mapping.items() if k != "record"}):
        files = [
            kit.read(kit.file(text + "2026-07-01T00:00:00Z,x,refused\n" * n), mapping)
            for n in (0, 1)
        ]
        found = kit.view(*files, mapping=mapping).count(
            "SELECT count(*), count(DISTINCT prompt_key) FROM record"
        )
        assert found == [(7, 7)]


def test_other_sources_keep_records_of_the_same_name(kit: Any) -> None:
    file = kit.read(kit.file(HEADER + ROWS))
    logged = [group for name in ("a", "b") for group in kit.logged(file, source=name)]
    evidence = kit.open(logged)
    assert evidence.count("SELECT count(*) FROM record") == [(4,)]
    assert kit.copies(evidence) == 0


def test_unknown_values_are_counted_most_frequent_first(kit: Any) -> None:
    rows = [("odd", 3), ("strange", 2), ("refused", 1)]
    text = HEADER + "".join(ONE.format(f"{v}{n}", v) for v, times in rows for n in range(times))
    file = kit.read(kit.file(text))
    (anomaly,) = file.reading.anomalies
    assert (anomaly.code, anomaly.count) == ("value-not-mapped", 5)
    assert "`odd` (3), `strange` (2)" in anomaly.message
    assert file.reading.outcomes == {"refused": 1, "unscored": 5}


def test_the_first_rule_that_matches_decides(kit: Any) -> None:
    mapping = {
        "time": {"from": "t"},
        "outcome": [
            {"from": "a", "values": {"1": "refused"}, "basis": "human"},
            {"from": "b", "values": {"1": "complied"}, "basis": "judge"},
        ],
    }
    text = "t,a,b\n" + "".join(f"2026-07-01T00:00:00Z,{a},{b}\n" for a, b in ("11", "01", "00"))
    found = kit.view(kit.read(kit.file(text), mapping), mapping=mapping).count(
        "SELECT outcome, basis FROM record ORDER BY locator"
    )
    assert found == [("refused", "human"), ("complied", "judge"), ("unscored", "none")]


def test_a_table_without_a_mapping_is_described_only(kit: Any) -> None:
    file = kit.read(kit.file(HEADER + ROWS), None)
    assert kit.codes(file) == {"mapping-missing": 1}
    assert "t, id, r" in file.reading.anomalies[0].message
    assert file.reading.is_vacuous
