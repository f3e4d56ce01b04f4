"""The parts of audit.yaml about monitoring: what others counted, and engines that stay where they are."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, StringConstraints, model_validator

from auditgen.evidence.mapping import TimeRule
from auditgen.project.terms import FROZEN, Id, Provider, Text

ENGINE_SCHEMES = (
    "sc", "postgresql", "postgres", "trino", "bigquery", "snowflake", "clickhouse", "databricks",
)  # fmt: skip
"""Engines that a source's table can be counted on, by the beginning of their URL."""

class PointsBlock(BaseModel):
    """Points that the files of a source hold: a gateway's own totals."""

    model_config = FROZEN
    source: Id
    series: Text
    labels: dict[str, str] = Field(default_factory=dict)


class CounterBlock(BaseModel):
    """What somebody else counted of the same requests: what a log lacks shows only beside it."""

    model_config = FROZEN
    id: Id
    title: Text
    of: Id
    """The source of monitoring whose records it counts."""
    counts: Literal["records", "blocks"] = "records"
    files: tuple[Text, ...] = ()
    """Tables (CSV, JSON Lines, Parquet) with a row for each window, relative to audit.yaml."""
    window: Literal["hour", "day"] = "hour"
    """How long a row's window is, from its time on."""
    time: TimeRule | None = None
    time_zone: Text | None = None
    value: Text | None = None
    """The column with the count."""
    where: dict[str, str] = Field(default_factory=dict)
    """Only rows in which these columns hold these texts."""
    points: PointsBlock | None = None
    """Instead of files."""
    tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share by which a window may differ before it counts as missing or too much."""
    provider: Provider
    """Who counted: independent of whoever keeps the log, or it says little."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.files) == (self.points is not None):
            message = "a counter has either `files` or `points`"
            raise ValueError(message)
        if self.files and (self.time is None or self.value is None):
            message = "a counter's `files` need `time` (where a window begins) and `value` (its column)"
            raise ValueError(message)
        return self


class EngineBlock(BaseModel):
    """An engine that the organisation already runs. Secrets come from the environment, never from here."""

    model_config = FROZEN
    url: Text
    """`sc://HOST:PORT` for Spark Connect, `postgresql://USER@HOST:PORT/DATABASE`, and others."""
    name: Text | None = None
    """How the report calls it; scheme and host when absent."""
    secret_env: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """Name of an environment variable that holds the password or token."""

    @model_validator(mode="after")
    def _usable(self) -> Self:
        try:
            parts = urlsplit(self.url)
            host, password = parts.hostname, parts.password
            _ = parts.port
        except ValueError as error:
            message = f"no URL: {error}"
            raise ValueError(message) from None
        if parts.scheme not in ENGINE_SCHEMES or not host:
            known = ", ".join(f"`{name}://`" for name in ENGINE_SCHEMES)
            message = f"`url` begins with `sc://` (Spark Connect) or another of {known}, and names a host"
            raise ValueError(message)
        settings = f"{parts.path};{parts.query}".lower()
        if password is not None or any(word in settings for word in ("token=", "password=", "secret")):
            message = "`url` holds a secret; name an environment variable in `secret_env` instead"
            raise ValueError(message)
        return self

    @property
    def shown_name(self) -> str:
        """The declared name, or scheme, host and port."""
        parts = urlsplit(self.url)
        port = f":{parts.port}" if parts.port else ""
        return self.name or f"{parts.scheme}://{parts.hostname}{port}"
