"""What readers of production have in common: requests as observations, and numbers that others counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from auditgen.evidence.model import Anomaly, Outcome, Presence
from auditgen.sources.fields import FieldReader, parse_time
from auditgen.sources.interface import Facts
from auditgen.sources.outcomes import Normaliser, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditgen.evidence.model import Observation
    from auditgen.sources.interface import Context, Item
    from auditgen.sources.outcomes import Signals

PRODUCTION = "production"
"""Run and suite of everything that was not asked for a test."""
_BEFORE_CLOCKS = datetime(1970, 1, 2, tzinfo=UTC)


class Clock:
    """Reads times as a file writes them, and counts those that leave their zone to be guessed."""

    def __init__(self, zone: str | None = None, *, is_utc: bool = False) -> None:
        self._zone = None if zone is None else ZoneInfo(zone)
        self._is_utc = is_utc
        self.unzoned = 0

    def read(self, text: Any) -> tuple[datetime | None, bool]:
        """The time as UTC and whether its zone is known: written, declared, or documented by the tool."""
        at, is_known = parse_time(text)
        if at is None or at < _BEFORE_CLOCKS:  # a zero time stands for none
            return None, True
        if is_known or self._is_utc:
            return at, True
        if self._zone is None:
            self.unzoned += 1
            return at, False
        try:
            return at.replace(tzinfo=self._zone).astimezone(UTC), True
        except (OverflowError, ValueError):
            return None, True

    def anomalies(self) -> Iterator[Anomaly]:
        """Times that were read as UTC because nobody said otherwise."""
        if self.unzoned:
            yield Anomaly("time-zone-unknown", "times without a zone, read as UTC", self.unzoned)


class Requests:
    """The requests of one file: declared fields, normalised outcomes, and what is missing from them."""

    def __init__(self, context: Context, tool: str, *, is_utc: bool = False) -> None:
        self.fields = FieldReader(context, tool)
        self.normaliser = Normaliser()
        self.clock = Clock(context.mapping.time_zone, is_utc=is_utc)
        self.count = 0
        self.undecided = 0
        self.undated = 0
        self.unnamed = 0
        self.without_model = 0
        self.crashed = 0

    def observation(
        self,
        record: dict[str, Any],
        signals: Signals,
        *,
        locator: str,
        sample_id: str = "",
        at: tuple[datetime | None, bool] = (None, True),
        response: str | None = None,
        **native: Any,
    ) -> Observation:
        """One request. Its `sample_id` is empty where the tool gave it no id of its own."""
        self.count += 1
        mapped = self.fields.read(record, suite=PRODUCTION, response=response)
        normal = self.normaliser.normalise(signals)
        outcome = resolve(normal, mapped.outcome)
        self.undecided += outcome[0] is Outcome.UNSCORED
        self.crashed += outcome[0] is Outcome.GUARDRAIL_ERROR
        self.undated += at[0] is None
        self.unnamed += not sample_id
        made = mapped.observation(
            run_key=PRODUCTION,
            sample_id=sample_id,
            prompt_key=sample_id or locator,
            locator=locator,
            outcome=outcome,
            suite=PRODUCTION,
            observed_at=at[0],
            zone_written=at[1],
            response=response,
            guardrail_verdict=normal.verdict,
            guardrail_action=normal.action,
            transport=normal.transport,
            **native,
        )
        self.without_model += not made.model
        return made

    def closing(
        self, tool: str, *, undated: str = "", version: str = "", is_whole: bool = True
    ) -> Iterator[Item]:
        """The doubts about all requests together, then the facts.

        `undated` says why requests have no time; `is_whole` whether each request is one record of the file.
        """
        yield from (a for a in self.fields.anomalies() if a.code != "suite-undescribed")
        yield from self.normaliser.anomalies()
        yield from self.clock.anomalies()
        if not self.count:
            yield Anomaly("no-samples", "the file holds no request", blocks=True)
        if self.undated:
            yield Anomaly("undated-rows", undated or "requests without a readable time", self.undated)
        if self.undecided:
            message = "requests of which no field says what became of them"
            yield Anomaly("outcome-undecided", message, self.undecided)
        if self.crashed:
            message = "requests at which a guardrail crashed; they count neither as blocked nor as answered"
            yield Anomaly("guardrail-errors", message, self.crashed)
        yield Facts(
            tool=tool,
            tool_version=version,
            kind="monitoring",
            suites=self.fields.suites,
            completeness={
                "run": Presence.ABSENT,
                "time": _presence(self.undated, self.count),
                "model": _presence(self.without_model, self.count),
                "version": Presence.of(bool(version)),
                "denominator": Presence.DERIVED if is_whole else Presence.ABSENT,
                "threshold": Presence.ABSENT,
            },
        )


def _presence(lacking: int, count: int) -> Presence:
    """Present where every record says it, derived where some do."""
    if lacking >= count:
        return Presence.ABSENT
    return Presence.DERIVED if lacking else Presence.PRESENT


@dataclass(slots=True)
class Beside:
    """Numbers, alerts or incidents of one file: counted, and what is missing from them."""

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
                "time": _presence(self.undated, self.count),
                "model": Presence.ABSENT,
                "version": Presence.of(bool(version)),
                "denominator": Presence.ABSENT if is_aggregate else Presence.DERIVED,
                "threshold": Presence.of(self.with_threshold),
            },
        )
