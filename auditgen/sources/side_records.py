"""Numbers, alerts and incidents of one file: what somebody else counted or reported, beside the requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditgen.evidence.model import Anomaly, Presence
from auditgen.sources.interface import Facts
from auditgen.sources.outcomes import Normaliser

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditgen.sources.interface import Item


@dataclass(slots=True)
class SideRecords:
    """What was counted of them, and what is missing from them."""

    count: int = 0
    undated: int = 0
    unread: int = 0
    """Entries that should have been one and could not be read."""
    with_threshold: int = 0
    words: Normaliser = field(default_factory=Normaliser)

    def closing(
        self,
        tool: str,
        what: str,
        *,
        version: str = "",
        undated: str = "",
        is_aggregate: bool = True,
        notes: Sequence[str] = (),
    ) -> Iterator[Item]:
        """The doubts and the facts. `what` names the entries, such as `alerts`; `notes` their gaps."""
        yield from self.words.anomalies()
        if self.unread:
            yield Anomaly("lines-unreadable", f"entries that are no {what}", self.unread)
        if not self.count:
            yield Anomaly("no-samples", f"the file holds no {what}", blocks=not self.unread)
        elif is_aggregate:
            message = "numbers that the tool counted; no request behind them can be looked at"
            yield Anomaly("aggregates-only", "; ".join((message, *notes)), self.count)
        if self.undated:
            message = undated or f"{what} without a readable time"
            yield Anomaly("undated-rows", message, self.undated)
        yield Facts(
            tool=tool,
            tool_version=version,
            kind="monitoring",
            completeness={
                "run": Presence.ABSENT,
                "time": share_of(self.count - self.undated, self.count),
                "model": Presence.ABSENT,
                "version": Presence.of(bool(version)),
                "denominator": Presence.ABSENT if is_aggregate else Presence.DERIVED,
                "threshold": Presence.of(self.with_threshold),
            },
        )


def share_of(number: int, count: int) -> Presence:
    """Present where all of the records say it, derived where some do, absent where none does."""
    if number <= 0:
        return Presence.ABSENT
    return Presence.PRESENT if number >= count else Presence.DERIVED
