"""The check at every connection: who reads or counts anything otherwise is not used."""

from __future__ import annotations

from dataclasses import replace

import ibis
import ibis.expr.datatypes as dt
import pytest

from auditgen.errors import EnvironmentRefused
from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.remote import canonical as canonical_rules
from auditgen.evidence.remote import clocks, counting, nasty
from auditgen.evidence.remote import conformance as conformance_rules
from auditgen.evidence.remote.canonical import Source, UnfitColumn
from auditgen.evidence.remote.conformance import PERIOD, conform
from auditgen.evidence.remote.connection import Connection
from auditgen.evidence.remote.counting import count_table
from auditgen.evidence.remote.dialects import Dialect, dialect_of, md5
from engines.counted import mapping_of
from engines.test_equal import MAPPINGS, OUTCOME

KINDS = {
    "id": "string", "at": "string", "s": "string", "ms": "int64", "ns": "int64", "stamp": "timestamp('UTC')",
    "wall": "timestamp", "on": "date", "got": "string", "model": "string", "result": "string", "second": "string",
    "score_text": "string", "score": "float64", "n": "int64", "flag": "boolean", "tier": "string",
    "verdict": "string", "action": "string", "route": "string", "status": "string", "rate": "float64",
    "rate_text": "string", "prompt": "string", "a b.c": "string", "small": "int16", "exact": "decimal(12, 3)",
    "who": "uuid", "seconds": "timestamp('UTC', 0)",
}  # fmt: skip
MORE = {
    "other types": mapping_of(
        time={"from": "seconds"}, record={"from": "who"}, cohort={"from": "small"},
        category={"from": "exact", "bands": [{"at_least": 0.3, "is": "high"}]}, sampling_rate={"from": "exact"},
        outcome=OUTCOME,
    ),
    "a small id": mapping_of(time={"from": "ms", "unit": "ms"}, record={"from": "small"}, outcome=OUTCOME),
}  # fmt: skip


@ibis.udf.scalar.builtin
def epoch_us(moment: dt.timestamp) -> dt.int64:
    """DuckDB's own."""


HERE = Dialect("duckdb", md5, lambda column, _: epoch_us(column), lambda text, kind, _: text.cast(kind), is_fenced=True)


def here(dialect: Dialect = HERE) -> tuple[Connection, Source]:
    """An engine without a server, and an empty table on it."""
    handle = ibis.duckdb.connect()
    handle.raw_sql("SET TimeZone = 'UTC'")
    handle.create_table("log", schema=ibis.schema(KINDS))
    connection = Connection("the engine", dialect, "1", handle)
    return connection, connection.source("log")


@pytest.mark.parametrize("name", ["plain", "half hour zone", "constants", *MORE])
def test_an_engine_that_does_alike_is_used(name):
    connection, source = here()
    mapping = {**MAPPINGS, **MORE}[name]
    check = conform(connection, source, mapping)
    named = {rule.from_ for rules in mapping.rules().values() for rule in rules if rule.from_}
    assert check.columns == len(named)
    assert check.rows >= (nasty.LEAST_ROWS if named else 1)
    assert check.values > check.rows
    assert check.lines >= 2
    assert check.queries >= 3
    assert check.expected_by.startswith("DuckDB ")
    assert connection.queries == []  # none of them is a query about the table


PLAIN = MAPPINGS["plain"]
TYPED = mapping_of(
    time={"from": "stamp"}, record={"from": "id"}, cohort={"from": "tier"}, model={"from": "model"}, outcome=OUTCOME
)
"""Nearly everything but times as text, which take most of the time."""


def spoiled_text(monkeypatch, change):
    before = Source.text
    monkeypatch.setattr(Source, "text", lambda self, field, name: change(before(self, field, name)))


def wrong_case(monkeypatch):
    spoiled_text(monkeypatch, lambda text: text.lower())
    return TYPED, HERE


def wrong_blanks(monkeypatch):
    spoiled_text(monkeypatch, lambda text: text.rstrip())
    return TYPED, HERE


def wrong_empty(monkeypatch):
    spoiled_text(monkeypatch, lambda text: text.nullif(""))
    return TYPED, HERE


def wrong_unicode(monkeypatch):
    spoiled_text(monkeypatch, lambda text: text.replace("e\u0301", "é"))
    return TYPED, HERE


def wrong_second(monkeypatch):
    return MAPPINGS["moments"], replace(HERE, micros=lambda column, _: epoch_us(column.truncate("s")))


def wrong_leap_day(monkeypatch):
    def days_in(year, month):
        return (month == 2).ifelse(28, 31).cast("int64")

    monkeypatch.setattr(clocks, "_days_in", days_in)
    return PLAIN, HERE


def wrong_offset(monkeypatch):
    monkeypatch.setattr(clocks, "_branch", lambda local, steps: ibis.literal(steps[0][1], type="int64"))
    return MAPPINGS["half hour zone"], HERE


def wrong_number(monkeypatch):
    monkeypatch.setattr(canonical_rules, "PLAIN_NUMBER", "^[+-]?[0-9]+([.][0-9]*)?$")
    return MAPPINGS["bands"], HERE


def wrong_digest(monkeypatch):
    return TYPED, replace(HERE, md5=lambda text: md5(text).upper())


def wrong_length(monkeypatch):
    """Bytes where characters are meant: only the checksum tells."""

    def text(rows, fixed):
        return counting_text(rows, fixed).replace("4:", "5:")

    counting_text = counting.content_text
    monkeypatch.setattr(conformance_rules, "content_text", text)
    return TYPED, HERE


def wrong_count(monkeypatch):
    before = counting._grouped

    def grouped(rows, fixed, keys, **more):
        return before(rows.filter(rows["at"].notnull()), fixed, keys, **more)

    monkeypatch.setattr(counting, "_grouped", grouped)
    return TYPED, HERE


def wrong_copies(monkeypatch):
    monkeypatch.setattr(counting, "MINUTE", clocks.HOUR)
    return TYPED, HERE


def wrong_error(monkeypatch):
    return TYPED, replace(HERE, md5=lambda text: text.cast("int64").cast("string"))


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (wrong_case, "'2OK5'"), (wrong_blanks, "'blocked '"), (wrong_empty, "''"), (wrong_unicode, "e\u0301"),
        (wrong_second, "datetime.datetime("), (wrong_leap_day, "'2024-02-29'"), (wrong_offset, "datetime.datetime("),
        (wrong_number, "'1E-1'"), (wrong_digest, "the checksum of"), (wrong_length, "the checksum of"),
        (wrong_count, "lines of counters"), (wrong_copies, "copies"), (wrong_error, "could not count"),
    ],
)  # fmt: skip
def test_an_engine_that_does_otherwise_is_refused(spoil, named, monkeypatch):
    mapping, dialect = spoil(monkeypatch)
    connection, source = here(dialect)
    with pytest.raises(EnvironmentRefused) as refusal:
        conform(connection, source, mapping)
    text = refusal.value.message
    assert "the engine `the engine`" in text
    assert "nothing was written" in text
    assert named in text, text
    if "could not" not in text:
        assert "is right" in text or "it makes" in text


def test_a_difference_tells_value_column_answer_and_what_is_right(monkeypatch):
    mapping, dialect = wrong_leap_day(monkeypatch)
    connection, source = here(dialect)
    with pytest.raises(EnvironmentRefused) as refusal:
        conform(connection, source, mapping)
    assert (
        "`at` of `'2024-02-29'` in `at`: it makes nothing, and `1709164800000000` is right" in refusal.value.message
    )


def test_a_column_that_does_not_fit_is_told_by_its_name():
    connection, source = here()
    with pytest.raises(UnfitColumn, match="`score` is of type float64"):
        conform(connection, source, mapping_of(time={"from": "at"}, category={"from": "score"}))


def test_a_typed_time_of_which_nobody_can_say_what_it_is():
    connection, source = here(replace(HERE, micros=None))
    with pytest.raises(UnfitColumn, match="a moment or a clock on a wall"):
        conform(connection, source, MAPPINGS["moments"])


def test_every_value_of_the_table_is_asked():
    kinds = {"at": ibis.schema(KINDS)["at"], "result": ibis.schema(KINDS)["result"]}
    values = nasty.fill(mapping_of(time={"from": "at"}, outcome=OUTCOME), kinds)
    assert set(nasty.TIMES) <= set(values["at"])
    assert set(nasty.WORDS) <= set(values["result"])
    assert {"ok ", "OK", " ok"} <= set(values["result"])
    again = nasty.fill(mapping_of(time={"from": "at"}, outcome=OUTCOME), kinds)
    assert repr(values) == repr(again)


def test_changes_of_the_clock_of_the_zone_in_use_are_asked():
    mapping = mapping_of(time={"from": "at"}, time_zone="Australia/Lord_Howe", outcome=OUTCOME)
    values = nasty.fill(mapping, {"at": ibis.schema(KINDS)["at"], "result": ibis.schema(KINDS)["result"]})
    assert {"2026-04-05 02:29:59.999999", "2026-10-04 02:00:00"} & set(values["at"])


SCHEMES = ("trino", "bigquery", "snowflake", "clickhouse", "databricks")


class Recorder:
    """In place of an engine: every expression becomes SQL of its dialect, and the answer is a plain one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.texts: list[str] = []

    def compile(self, expression, *, pretty=False):
        self.texts.append(str(ibis.to_sql(expression, dialect=self.name)))
        return self.texts[-1]

    def to_pyarrow(self, expression):
        import pyarrow as pa

        schema = expression.schema().to_pyarrow()
        plain = {"n": 3, "copies": 2, "low": 1_774_746_000_000_000, "high": 1_782_864_000_000_000}
        if set(schema.names) & {"day", "hour"}:
            return pa.table({name: pa.array([], kind) for name, kind in zip(schema.names, schema.types, strict=True)})
        return pa.table({
            name: pa.array([plain.get(name, 1 if pa.types.is_integer(kind) else None)], pa.int64())
            for name, kind in zip(schema.names, schema.types, strict=True)
        })  # fmt: skip


@pytest.mark.parametrize("name", ["plain", "half hour zone", "seconds as text", "nanoseconds", "everything"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_expression_becomes_sql_of_every_dialect(scheme, name):
    dialect = replace(dialect_of(scheme))  # another object: no way of its own to be asked
    recorder = Recorder(dialect.name)
    connection = Connection("x", dialect, "1", recorder)
    table = ibis.table(KINDS, name="log")
    clocks_ = {"stamp": True, "wall": False, "seconds": True}
    source = connection.relation(table, clocks_)
    mapping: RecordMap = MAPPINGS[name]
    named = {rule.from_ for rules in mapping.rules().values() for rule in rules}
    if dialect.micros is None and named & set(clocks_):
        with pytest.raises(UnfitColumn):
            count_table(connection, source, mapping, (PERIOD.start, PERIOD.end))
        return
    count_table(connection, source, mapping, (PERIOD.start, PERIOD.end))
    kinds = {n: table[n].type() for n in sorted(n for n in named if n)}
    short = {n: f"c{k}" for k, n in enumerate(kinds)}
    literal = conformance_rules._literal_source(
        connection, source, kinds, nasty.fill(mapping, kinds), short
    )
    renamed = conformance_rules._renamed(mapping, short)
    stages, fixed = canonical_rules.canonical(literal, renamed, keep=(conformance_rules.ROW,))
    recorder.compile(stages.table.select(digest=dialect.md5(counting.content_text(stages.table, fixed))))
    assert len(recorder.texts) >= 3
    assert all("SELECT" in text for text in recorder.texts)
