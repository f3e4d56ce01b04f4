"""The only door to another engine: connect, find a table, ask for integers."""

from __future__ import annotations

import logging
import socket
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from auditgen.errors import EnvironmentRefused
from auditgen.evidence.remote.model import Query

try:
    import ibis
    import ibis.expr.datatypes as dt
except ImportError as error:
    raise EnvironmentRefused(
        f"`engine:` needs a package that is not installed: {error.name or error}",
        hint="pip install 'auditgen[engines]'",
    ) from error

from auditgen.evidence.remote.canonical import Source

if TYPE_CHECKING:
    pass

SPARK, POSTGRES = "pyspark", "postgres"
BACKENDS = {"sc": SPARK, "postgres": POSTGRES, "postgresql": POSTGRES}
"""Scheme of a URL to the backend behind it: those that our tests run against."""
MAX_FAULT = 300
SPARK_PORT, POSTGRES_PORT = 15002, 5432
SECONDS_TO_ANSWER = 10.0


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def unix_micros(moment: dt.timestamp) -> dt.int64:
    """Spark's own: microseconds since 1970."""


@ibis.udf.scalar.builtin(name="extract", database="pg_catalog")  # type: ignore[untyped-decorator]
def pg_extract(part: dt.string, moment: dt.timestamp) -> dt.decimal:
    """PostgreSQL's own, exact since version 14."""


@ibis.udf.scalar.builtin(name="isfinite")  # type: ignore[untyped-decorator]
def pg_isfinite(moment: dt.timestamp) -> dt.boolean:
    """PostgreSQL's own: its times can be infinite."""


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def md5(text: dt.string) -> dt.string:
    """The digest as 32 hexadecimal digits, which every backend here has under this name."""


class NoSuchTable(Exception):
    """The engine has no table of that name; `known` are those it has."""

    def __init__(self, known: tuple[str, ...]) -> None:
        super().__init__()
        self.known = known


@dataclass
class Connection:
    """An open engine. Every query that it is asked is kept with the number of rows it gave."""

    name: str
    backend: str
    version: str
    handle: Any
    session: Any = None
    """Of Spark."""
    secret: str = ""
    is_shared: bool = False
    """Whether the URL names a session, which then is not ours to end."""
    queries: list[Query] = field(default_factory=list)

    def rows(self, title: str, expression: Any) -> list[dict[str, Any]]:
        """Rows of a query. Raises EnvironmentRefused with what the engine said, without credentials."""
        try:
            text = str(ibis.to_sql(expression, dialect=self.backend))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found: list[dict[str, Any]] = self.handle.to_pyarrow(expression).to_pylist()
        except Exception as error:  # every engine has its own
            raise self._refused(f"could not count ({title})", error) from error
        self.queries.append(Query(title, text, len(found)))
        return found

    def source(self, table: str) -> Source:
        """A table or view, dotted names allowed. Raises NoSuchTable, EnvironmentRefused."""
        *above, name = table.split(".")
        database = tuple(above) or None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = self.handle.table(name, database=database)
                found.schema()
                clocks = self._clocks(found, table)
        except Exception as error:
            known = self._tables(database)
            if known is not None and name not in known:
                raise NoSuchTable(tuple(".".join((*above, other)) for other in known)) from error
            raise self._refused(f"does not show `{table}`", error) from error
        micros = _micros_by_extract if self.backend == POSTGRES else _micros_by_spark
        return Source(found, self.rows, clocks, micros, is_fenced=self.backend == POSTGRES)

    def close(self) -> None:
        """Let go of the engine."""
        try:
            if self.backend != SPARK:
                self.handle.disconnect()
            elif not self.is_shared:
                self.session.stop()
        except Exception:  # it is gone already
            return

    def _tables(self, database: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Names of tables and views there, none in a schema that is not there; None where nobody says."""
        try:
            return tuple(sorted(set(self.handle.list_tables(database=database))))
        except Exception:
            try:
                self.handle.list_tables()
            except Exception:
                return None
            return ()

    def _clocks(self, found: Any, table: str) -> dict[str, bool]:
        if self.backend != SPARK:
            return dict(_typed_clocks("", found.schema().items()))
        quoted = ".".join(f"`{part.replace('`', '``')}`" for part in table.split("."))
        native = self.session.table(quoted).schema
        return dict(_spark_clocks("", native.fields))

    def _refused(self, what: str, error: Exception) -> EnvironmentRefused:
        return EnvironmentRefused(
            f"the engine `{self.name}` {what}: {_said(error, self.secret)}; nothing was written",
            hint="can the engine be reached, and may this user read the table?",
        )


def connect(url: str, *, name: str, secret: str = "") -> Connection:
    """Open an engine. Raises EnvironmentRefused with its name, never with credentials."""
    parts = urlsplit(url)
    backend = BACKENDS[parts.scheme]
    logging.getLogger("pyspark").setLevel(logging.CRITICAL)  # it logs what we report
    try:
        # a client of Spark would try for ten minutes
        port = parts.port or (SPARK_PORT if backend == SPARK else POSTGRES_PORT)
        socket.create_connection((parts.hostname or "", port), SECONDS_TO_ANSWER).close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            handle, session, version = (_spark if backend == SPARK else _postgres)(url, secret)
    except ImportError as error:
        raise EnvironmentRefused(
            f"`engine:` needs a package that is not installed: {error.name or error}",
            hint="pip install 'auditgen[engines]'",
        ) from error
    except Exception as error:
        raise EnvironmentRefused(
            f"the engine `{name}` cannot be reached: {_said(error, secret)}; nothing was written",
            hint="is the address right, is it running, and is the secret in the environment?",
        ) from error
    return Connection(name, backend, version, handle, session, secret, is_shared="session_id=" in url)


def _spark(url: str, secret: str) -> tuple[Any, Any, str]:
    from pyspark.sql import SparkSession

    address = url if "/;" in url or not secret else f"{url.rstrip('/')}/"
    if secret:
        address += f";token={quote(secret, safe='')}"
    builder: Any = SparkSession.builder
    session = builder.remote(address).create()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    handle = ibis.pyspark.connect(session)
    return handle, session, str(session.version)


def _postgres(url: str, secret: str) -> tuple[Any, Any, str]:
    parts = urlsplit(url)
    handle = ibis.postgres.connect(
        host=parts.hostname,
        port=parts.port or POSTGRES_PORT,
        user=parts.username,
        password=secret or None,
        database=parts.path.strip("/") or None,
    )
    for setting in ("TIME ZONE 'UTC'", "jit = off", "default_transaction_read_only = on"):
        handle.raw_sql(f"SET {setting}").close()
    return handle, None, str(handle.version)


def _micros_by_spark(column: Any, is_moment: bool) -> Any:
    if not is_moment:  # read in the session's zone, which is UTC
        column = column.cast("timestamp('UTC')")
    return unix_micros(column)


def _micros_by_extract(column: Any, is_moment: bool) -> Any:
    finite = pg_isfinite(column).ifelse(column, ibis.null(column.type()))
    return (pg_extract("epoch", finite) * 1_000_000).cast("int64")


def _typed_clocks(above: str, columns: Any) -> Any:
    for name, kind in columns:
        if kind.is_timestamp():
            yield f"{above}{name}", kind.timezone is not None
        elif kind.is_struct():
            yield from _typed_clocks(f"{above}{name}.", kind.items())


def _spark_clocks(above: str, fields: Any) -> Any:
    for one in fields:
        kind = one.dataType
        if hasattr(kind, "fields"):
            yield from _spark_clocks(f"{above}{one.name}.", kind.fields)
        elif kind.typeName() in {"timestamp", "timestamp_ntz"}:
            yield f"{above}{one.name}", kind.typeName() == "timestamp"


def _said(error: Exception, secret: str) -> str:
    """The first line of what an engine said, without a secret that it may have repeated."""
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return (text.replace(secret, "***") if secret else text)[:MAX_FAULT]


