"""How a connection to each engine is made: from a URL without secrets, and a secret."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import ibis

from auditgen.evidence.remote.dialects import (
    BIGQUERY,
    CLICKHOUSE,
    DATABRICKS,
    POSTGRES,
    SNOWFLAKE,
    SPARK,
    TRINO,
)

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from auditgen.evidence.remote.dialects import Dialect

PORTS = {"pyspark": 15002, "postgres": 5432, "trino": 443, "clickhouse": 8443, "databricks": 443}
"""Where an engine listens that its users run themselves; the others are found by their own clients."""
SECONDS_TO_ANSWER = 10.0
TLS_PORTS = {443, 8443}


def open_engine(dialect: Dialect, url: str, secret: str) -> tuple[Any, Any, str]:
    """The handle, the session (of Spark) and the version. Raises what a client raises."""
    parts = urlsplit(url)
    port = parts.port or PORTS.get(dialect.name)
    if port is not None:  # a client of Spark would try for ten minutes
        socket.create_connection((parts.hostname or "", port), SECONDS_TO_ANSWER).close()
    handle, session = _OPEN[dialect.name](url, secret)
    version = str(session.version if session is not None else handle.version)
    return handle, session, version


def _spark(url: str, secret: str) -> tuple[Any, Any]:
    from pyspark.sql import SparkSession

    address = url if "/;" in url or not secret else f"{url.rstrip('/')}/"
    if secret:
        address += f";token={quote(secret, safe='')}"
    builder: Any = SparkSession.builder
    session = builder.remote(address).create()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    return ibis.pyspark.connect(session), session


def _postgres(url: str, secret: str) -> tuple[Any, Any]:
    parts = urlsplit(url)
    handle = ibis.postgres.connect(
        host=parts.hostname,
        port=parts.port or PORTS[POSTGRES.name],
        user=parts.username,
        password=secret or None,
        database=parts.path.strip("/") or None,
    )
    for setting in ("TIME ZONE 'UTC'", "jit = off", "default_transaction_read_only = on"):
        handle.raw_sql(f"SET {setting}").close()
    return handle, None


def _trino(url: str, secret: str) -> tuple[Any, Any]:
    parts = urlsplit(url)
    port = parts.port or PORTS[TRINO.name]
    catalog, schema = _two(parts)
    scheme = "https" if secret or port in TLS_PORTS else "http"
    handle = ibis.trino.connect(
        user=unquote(parts.username or "auditgen"),
        auth=secret or None,
        host=f"{scheme}://{parts.hostname}" if secret else parts.hostname,
        port=port,
        database=catalog,
        schema=schema,
        source="auditgen",
        http_scheme=scheme,
    )
    return handle, None


def _bigquery(url: str, secret: str) -> tuple[Any, Any]:
    parts = urlsplit(url)
    dataset, _ = _two(parts)
    # who asks is what Google's own client finds in the environment
    return ibis.bigquery.connect(project_id=parts.hostname, dataset_id=dataset or ""), None


def _snowflake(url: str, secret: str) -> tuple[Any, Any]:
    parts = urlsplit(url)
    database, schema = _two(parts)
    settings = {name: _setting(parts, name) for name in ("warehouse", "role", "authenticator")}
    handle = ibis.snowflake.connect(
        user=unquote(parts.username or ""),
        account=parts.hostname,
        password=secret or None,
        database=database,
        schema=schema,
        create_object_udfs=False,  # it would need the right to write
        **{name: value for name, value in settings.items() if value},
    )
    return handle, None


def _clickhouse(url: str, secret: str) -> tuple[Any, Any]:
    parts = urlsplit(url)
    port = parts.port or PORTS[CLICKHOUSE.name]
    database, _ = _two(parts)
    handle = ibis.clickhouse.connect(
        host=parts.hostname,
        port=port,
        database=database or "default",
        user=unquote(parts.username or "default"),
        password=secret,
        secure=port in TLS_PORTS,
        # NULL is what groups and joins without a value give, as in SQL
        settings={"join_use_nulls": 1, "readonly": 2, "session_timezone": "UTC"},
    )
    return handle, None


def _databricks(url: str, secret: str) -> tuple[Any, Any]:
    from ibis.backends.databricks import Backend

    class ReadOnly(Backend):  # type: ignore[misc]
        """Without the volume that Ibis makes for tables of its own, which we have none of."""

        def _post_connect(self, *, memtable_volume: str) -> None:
            return

    parts = urlsplit(url)
    catalog, schema = _two(parts)
    handle = ReadOnly().connect(
        server_hostname=parts.hostname,
        http_path=_setting(parts, "http_path"),
        access_token=secret or None,
        catalog=catalog,
        schema=schema or "default",
        session_configuration={"TIMEZONE": "UTC", "ANSI_MODE": "true"},
    )
    return handle, None


def _two(parts: SplitResult) -> tuple[str | None, str | None]:
    """The first two steps of a path: catalog and schema, database and schema."""
    steps = [unquote(step) for step in parts.path.split("/") if step]
    first, second, *_ = *steps, None, None
    return first, second


def _setting(parts: SplitResult, name: str) -> str | None:
    found = parse_qs(parts.query).get(name)
    return found[0] if found else None


_OPEN = {
    SPARK.name: _spark,
    POSTGRES.name: _postgres,
    TRINO.name: _trino,
    BIGQUERY.name: _bigquery,
    SNOWFLAKE.name: _snowflake,
    CLICKHOUSE.name: _clickhouse,
    DATABRICKS.name: _databricks,
}
