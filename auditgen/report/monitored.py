"""What the document says of monitoring: hours, balances, counters, versions."""

from __future__ import annotations

from pydantic import BaseModel

from auditgen.report.figures import FROZEN


class BlocksView(BaseModel):
    """Two accounts of what was blocked at one endpoint."""

    model_config = FROZEN
    endpoint: str
    records: int
    both: int
    guardrail_only: int
    transport_only: int


class CounterView(BaseModel):
    """An independent counter beside the log."""

    model_config = FROZEN
    id: str
    title: str
    counts: str
    windows: int
    expected: int
    seen: int
    missing: int
    surplus: int
    worst: tuple[str, ...]
    text: str


class CoverageView(BaseModel):
    """What a monitoring source saw, hour by hour, what was set aside, and what it does not tell."""

    model_config = FROZEN
    source_id: str
    title: str
    records: int
    hours_covered: int
    hours_total: int
    text: str
    days: tuple[str, ...]
    hourly: tuple[tuple[int, ...], ...]
    """Records by day and hour of day (24 columns)."""
    silent: tuple[str, ...]
    balance: str
    """Every row that was read, by what became of it: the parts add up."""
    read: int
    accepted: int
    duplicates: int
    quarantined: int
    late: int
    sampled: str
    """Empty where the log keeps every request, or does not say."""
    blocks: tuple[BlocksView, ...]
    counters: tuple[CounterView, ...]
    ledger: tuple[tuple[str, int, int | None, int, int | None, int | None], ...]
    """Hour (UTC), records, late rows, repeats, blocked by a guardrail's record and by the transport; null
    where no record of the log says anything about it."""


class VersionShare(BaseModel):
    """Production traffic on one model version."""

    model_config = FROZEN
    model: str
    records: int
    share: str
    evaluated: str
