"""What differs between engines and no expression can hide: a digest, typed times, how to be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.datatypes as dt

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of engine, by the name that Ibis has for it."""

    name: str
    md5: Callable[[Any], Any]
    """The digest of a text as 32 hexadecimal digits in lower case."""
    micros: Callable[[Any, bool], Any] | None
    """A typed time as microseconds since 1970, of a clock on the wall as if it were UTC; the flag says
    whether it is a moment. None where nobody can say which of the two a column is."""
    typed: Callable[[Any, Any, bool], Any]
    """A text as a column of a type; the flag says whether a time is a moment."""
    is_fenced: bool = False
    """Whether it would work out each step anew wherever it is named."""
    has_only_moments: bool = False
    """Whether its times are moments, whatever zone they are shown in."""
    is_proven: bool = False
    """Whether our tests run against it."""
    needs: str = ""
    """What to install; of the proven ones our own extra has it."""


def dialect_of(scheme: str) -> Dialect:
    """The kind of engine behind the scheme of a URL. Raises KeyError."""
    return _BY_SCHEME[scheme]


def _udf(function: Any, **options: Any) -> Any:
    return ibis.udf.scalar.builtin(**options)(function) if options else ibis.udf.scalar.builtin(function)


@_udf
def unix_micros(moment: dt.timestamp) -> dt.int64:
    """Spark's, Databricks' and BigQuery's own: microseconds since 1970."""


@_udf
def to_timestamp_ntz(text: dt.string) -> dt.timestamp:
    """Spark's own: a text as a clock on the wall."""


@_udf
def md5(text: dt.string) -> dt.string:
    """The digest as 32 hexadecimal digits: Spark, PostgreSQL, Snowflake, Databricks."""


def _pg_extract(part: dt.string, moment: dt.timestamp) -> dt.decimal:
    """PostgreSQL's own, exact since version 14."""


def _pg_isfinite(moment: dt.timestamp) -> dt.boolean:
    """PostgreSQL's own: its times can be infinite."""


def _md5_bytes(data: dt.binary) -> dt.binary:
    """The digest as bytes: Trino and BigQuery."""


def _click_md5(text: dt.string) -> dt.binary:
    """ClickHouse's own: the digest as bytes."""


def _click_hex(data: dt.binary) -> dt.string:
    """ClickHouse's own, in capitals."""


def _click_micros(moment: dt.timestamp) -> dt.int64:
    """ClickHouse's own: microseconds since 1970."""


def _click_64(moment: dt.timestamp, digits: dt.int64) -> dt.timestamp:
    """ClickHouse's own: a time with a number of digits after the second."""


def _to_utf8(text: dt.string) -> dt.binary:
    """Trino's own."""


def _to_hex(data: dt.binary) -> dt.string:
    """Trino's own, in capitals; BigQuery's, in small letters."""


def _to_unixtime(moment: dt.timestamp) -> dt.float64:
    """Trino's own: seconds since 1970."""


def _date_part(part: dt.string, moment: dt.timestamp) -> dt.int64:
    """Snowflake's own."""


pg_extract = _udf(_pg_extract, name="extract", database="pg_catalog")
pg_isfinite = _udf(_pg_isfinite, name="isfinite")
md5_bytes = _udf(_md5_bytes, name="md5")
md5_text = _udf(_click_md5, name="MD5")
click_hex = _udf(_click_hex, name="hex")
click_micros = _udf(_click_micros, name="toUnixTimestamp64Micro")
click_64 = _udf(_click_64, name="toDateTime64")
to_utf8 = _udf(_to_utf8, name="to_utf8")
to_hex = _udf(_to_hex, name="to_hex")
to_unixtime = _udf(_to_unixtime, name="to_unixtime")
date_part = _udf(_date_part, name="date_part")


def _micros_by_spark(column: Any, is_moment: bool) -> Any:
    if not is_moment:  # read in the session's zone, which is UTC
        column = column.cast("timestamp('UTC')")
    return unix_micros(column)


def _micros_by_extract(column: Any, is_moment: bool) -> Any:
    finite = pg_isfinite(column).ifelse(column, ibis.null(column.type()))
    return (pg_extract("epoch", finite) * 1_000_000).cast("int64")


def _micros_by_trino(column: Any, is_moment: bool) -> Any:
    seconds = to_unixtime(column.truncate("s")).cast("int64")
    return seconds * 1_000_000 + column.microsecond().cast("int64")


def _micros_by_bigquery(column: Any, is_moment: bool) -> Any:
    return unix_micros(column if is_moment else column.cast("timestamp('UTC')"))


def _micros_by_snowflake(column: Any, is_moment: bool) -> Any:
    return date_part("epoch_microsecond", column).cast("int64")


def _micros_by_clickhouse(column: Any, is_moment: bool) -> Any:
    return click_micros(click_64(column, 6))


def _cast(text: Any, kind: Any, is_moment: bool) -> Any:
    return text.cast(kind)


def _typed_by_spark(text: Any, kind: Any, is_moment: bool) -> Any:
    if not kind.is_timestamp():
        return text.cast(kind)
    # a type of Ibis does not say which of Spark's two kinds of times it is
    return text.cast("timestamp('UTC')") if is_moment else to_timestamp_ntz(text)


SPARK = Dialect("pyspark", md5, _micros_by_spark, _typed_by_spark, is_proven=True)
POSTGRES = Dialect("postgres", md5, _micros_by_extract, _cast, is_fenced=True, is_proven=True)
TRINO = Dialect(
    "trino", lambda text: to_hex(md5_bytes(to_utf8(text))).lower(), _micros_by_trino, _cast,
    needs="ibis-framework[trino]",
)  # fmt: skip
BIGQUERY = Dialect(
    "bigquery", lambda text: to_hex(md5_text(text)), _micros_by_bigquery, _cast,
    needs="ibis-framework[bigquery]",
)  # fmt: skip
SNOWFLAKE = Dialect("snowflake", md5, _micros_by_snowflake, _cast, needs="ibis-framework[snowflake]")
CLICKHOUSE = Dialect(
    "clickhouse", lambda text: click_hex(md5_text(text)).lower(), _micros_by_clickhouse, _cast,
    has_only_moments=True, needs="ibis-framework[clickhouse]",
)  # fmt: skip
DATABRICKS = Dialect("databricks", md5, None, _cast, needs="ibis-framework[databricks]")
_BY_SCHEME = {
    "sc": SPARK, "postgres": POSTGRES, "postgresql": POSTGRES, "trino": TRINO, "bigquery": BIGQUERY,
    "snowflake": SNOWFLAKE, "clickhouse": CLICKHOUSE, "databricks": DATABRICKS,
}  # fmt: skip
