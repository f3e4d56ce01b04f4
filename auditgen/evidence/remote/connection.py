"""The only door to another engine: connect, find a table, ask for integers."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from auditgen.errors import EnvironmentRefused
from auditgen.evidence.remote.model import Query

try:
    import ibis  # noqa: F401  every other module here has it too
except ImportError as error:
    raise EnvironmentRefused(
        f"`engine:` needs a package that is not installed: {error.name or error}",
        hint="pip install 'auditgen[engines]'",
    ) from error

from auditgen.evidence.remote.canonical import Source
from auditgen.evidence.remote.dialects import POSTGRES, SPARK, dialect_of
from auditgen.evidence.remote.opening import open_engine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditgen.evidence.remote.dialects import Dialect

MAX_FAULT = 300


class NoSuchTable(Exception):
    """The engine has no table of that name; `known` are those it has."""

    def __init__(self, known: tuple[str, ...]) -> None:
        super().__init__()
        self.known = known


@dataclass
class Connection:
    """An open engine. Every query that it is asked is kept with the number of rows it gave."""

    name: str
    dialect: Dialect
    version: str
    handle: Any
    session: Any = None
    """Of Spark."""
    secret: str = ""
    is_shared: bool = False
    """Whether the URL names a session, which then is not ours to end."""
    queries: list[Query] = field(default_factory=list)

    @property
    def backend(self) -> str:
        """The kind of engine, by the name that Ibis has for it."""
        return self.dialect.name

    def rows(self, title: str, expression: Any) -> list[dict[str, Any]]:
        """Rows of a query. Raises EnvironmentRefused with what the engine said, without credentials."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                text = str(self.handle.compile(expression, pretty=True))
                found = self._answer(text, expression)
        except Exception as error:  # every engine has its own
            raise self._refused(f"could not count ({title})", error) from error
        self.queries.append(Query(title, text, len(found)))
        return found

    def _answer(self, text: str, expression: Any) -> list[dict[str, Any]]:
        """Ask for a text where we can, for an expression has to be made into one a second time."""
        if self.dialect is SPARK:
            return list(self.session.sql(text).toArrow().to_pylist())
        if self.dialect is POSTGRES:
            with self.handle.con.cursor() as cursor:
                cursor.execute(text)
                names = [column.name for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return list(self.handle.to_pyarrow(expression).to_pylist())

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
        return self.relation(found, clocks)

    def relation(self, table: Any, clocks: Mapping[str, bool]) -> Source:
        """Any relation of this engine. `clocks`: its typed times, and whether they are moments."""
        return Source(table, self.rows, clocks, self.dialect)

    def close(self) -> None:
        """Let go of the engine."""
        try:
            if self.dialect is not SPARK:
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
        if self.dialect is not SPARK:
            named = dict(_typed_clocks("", found.schema().items()))
            return dict.fromkeys(named, True) if self.dialect.has_only_moments else named
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
    dialect = dialect_of(urlsplit(url).scheme)
    logging.getLogger("pyspark").setLevel(logging.CRITICAL)  # it logs what we report
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            handle, session, version = open_engine(dialect, url, secret)
    except ImportError as error:
        missing = error.name or getattr(error.__cause__, "name", None) or f"the client for {dialect.name}"
        raise EnvironmentRefused(
            f"`engine:` needs a package that is not installed: {missing}",
            hint=f"pip install '{dialect.needs or 'auditgen[engines]'}'",
        ) from error
    except Exception as error:
        raise EnvironmentRefused(
            f"the engine `{name}` cannot be reached: {_said(error, secret)}; nothing was written",
            hint="is the address right, is it running, and is the secret in the environment?",
        ) from error
    return Connection(name, dialect, version, handle, session, secret, is_shared="session_id=" in url)


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


