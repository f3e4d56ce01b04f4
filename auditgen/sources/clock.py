"""Times as logs write them: texts with and without a zone, numbers of seconds, values of a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from auditgen.evidence.mapping import number_of
from auditgen.evidence.model import Anomaly
from auditgen.sources.fields import from_epoch, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIRST_DAY = datetime(1970, 1, 2, tzinfo=UTC)
"""A time before it is a zero that stands for none."""
_FIRST_NUMBER = datetime(2000, 1, 1, tzinfo=UTC)
"""A number before it counts from something else than 1970, or in another unit."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROS = {"s": Decimal(1_000_000), "ms": Decimal(1000), "us": Decimal(1), "ns": Decimal("0.001")}
_SHORT_ZONE = " UTC"
_DAY = 8
"""Digits of a day without separators (ISO 8601), which is no number of seconds."""


class Clock:
    """Reads times, and counts those that leave their zone to be guessed.

    A declared `zone` comes before what the tool's documents say (`is_utc`).
    """

    def __init__(self, zone: str | None = None) -> None:
        self._zone = None if zone is None else ZoneInfo(zone)
        self.unzoned = 0

    def read(self, raw: Any, *, is_utc: bool = False) -> tuple[datetime | None, bool]:
        """The same as `when`; a time without a known zone is counted."""
        at, is_known = self.when(raw, is_utc=is_utc)
        self.unzoned += not is_known
        return at, is_known

    def when(self, raw: Any, *, is_utc: bool = False) -> tuple[datetime | None, bool]:
        """The time as UTC, and whether its zone is known: written, declared, or documented by the tool.

        Numbers, also those written as text, are seconds since 1970.
        """
        at, is_known = _read(raw)
        if at is None:
            return None, True
        if not is_known:
            if self._zone is None:
                is_known = is_utc
            else:
                try:
                    at, is_known = at.replace(tzinfo=self._zone).astimezone(UTC), True
                except (OverflowError, ValueError):  # the first and the last day there is
                    return None, True
        return (at, is_known) if at >= _FIRST_DAY else (None, True)

    def anomalies(self) -> Iterator[Anomaly]:
        """Times that were read as UTC because nobody said otherwise."""
        if self.unzoned:
            yield Anomaly("time-zone-unknown", "times without a zone, read as UTC", self.unzoned)


def counted_time(text: str, unit: str) -> datetime | None:
    """A number of `unit` (s, ms, us, ns) since 1970 as UTC, to the microsecond; None when it is none."""
    if number_of(text) is None:
        return None
    try:
        micros = (Decimal(text) * _MICROS[unit]).quantize(Decimal(1), ROUND_HALF_UP)
        return _EPOCH + timedelta(microseconds=int(micros))
    except (OverflowError, ArithmeticError):
        return None


def _read(raw: Any) -> tuple[datetime | None, bool]:
    """A time in UTC, or as it stands where no zone is written, then said to be UTC; and whether one was."""
    if isinstance(raw, datetime):
        if raw.tzinfo is UTC:
            return raw, True
        try:
            return (raw.replace(tzinfo=UTC), False) if raw.tzinfo is None else (raw.astimezone(UTC), True)
        except (OverflowError, ValueError):
            return None, True
    if not isinstance(raw, str):
        return _counted(raw), True
    text = raw.strip()
    if text.endswith(_SHORT_ZONE):
        text = f"{text.removesuffix(_SHORT_ZONE)}Z"
    if len(text) == _DAY or not text[4:5].isdecimal():  # which is where a date has its first hyphen
        at, is_known = parse_time(text)
        if at is not None:
            return at, is_known
    number = number_of(text)
    return (parse_time(text) if number is None else (_counted(number), True))


def _counted(number: Any) -> datetime | None:
    at = from_epoch(number)
    return None if at is None or at < _FIRST_NUMBER else at
