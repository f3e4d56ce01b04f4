"""Times as whole microseconds since 1970, by arithmetic that every engine does alike.

What an engine's own casts take for a time, and what they do in the hour that a zone has twice, differs from
engine to engine. So a text is taken apart by one strict pattern and put together from integers; a value that
does not fit is no time, and is counted as such.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import ibis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Ask = Callable[[str, Any], list[dict[str, Any]]]
    """Ask the engine: a title for the query, the expression; rows come back."""

SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
_DAY_AND_TIME = (
    "^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})([Tt ]([0-9]{1,2}):([0-9]{2})(:([0-9]{2})([.][0-9]+)?)?"
)
_ZONE = "([Zz]| [Uu][Tt][Cc]| [Gg][Mm][Tt]|[+-][0-9]{2}(:?[0-9]{2})?)"
ISO = f"{_DAY_AND_TIME}{_ZONE}?)?$"
"""What is a time. Groups: 1 year, 2 month, 3 day, 5 hour, 6 minute, 8 second. Engines number nine at most."""
ISO_WITH_ZONE = f"{_DAY_AND_TIME}{_ZONE})$"
FRACTION = "[.]([0-9]+)"
"""Of what fits `ISO`, the digits after the point."""
OFFSET = "([+-])([0-9]{2})(:?([0-9]{2}))?$"
"""Of what fits `ISO_WITH_ZONE`, sign, hours (2) and minutes (4), where these are numbers."""
WITH_ZONE = (
    "^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}[Tt ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)? ?"
    "([Zz]|[Uu][Tt][Cc]|[Gg][Mm][Tt]|[+-][0-9]{2}(:?[0-9]{2})?)$"
)
"""What has a zone written beside it, though it may be none that can be read."""
USUAL = tuple(f"____-__-__T__:__:__{rest}Z" for rest in ("", ".___", ".______"))
NOT_PLAIN = "[^0-9A-Za-z:+. -]"
EPOCH_TEXT = "^([+-]?)([0-9]{1,19})([.]([0-9]{0,60}))?$"
"""A number of units since 1970, plainly written; groups: 1 sign, 2 whole, 4 fraction."""
FIRST_YEAR, LAST_YEAR = 1970, 2100
"""Between these the offsets of a named zone are known."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_UNIT = {"s": SECOND, "ms": 1000, "us": 1}
_MOST = {"s": 10**12, "ms": 10**15, "us": 10**18, "ns": 9 * 10**18}
"""Larger numbers are no times, in any calendar."""


class Stages:
    """A relation built up in named steps, so that a query says each thing once and can be read."""

    def __init__(self, table: Any, ask: Ask, name: str = "rows", *, is_fenced: bool = False) -> None:
        self.table = table
        self._is_fenced = is_fenced  # an engine that would work out each step anew wherever it is named
        self.ask = ask
        self._name = name
        self._count = 0

    def keep(self, **columns: Any) -> Any:
        """The relation with more columns, as the next step."""
        return self.take(self.table.mutate(**columns))

    def take(self, table: Any) -> Any:
        """Another relation as the next step."""
        self._count += 1
        if self._is_fenced:
            table = table.limit(2**62)
        self.table = table.alias(f"auditgen_{self._name}_{self._count}")
        return self.table

    def drop(self, *names: str) -> Any:
        """The relation without some columns."""
        return self.take(self.table.drop(*names))


def add_micros_of_text(stages: Stages, name: str, zone: str | None) -> None:
    """Of the ISO 8601 text in column `name`: `name_at`, microseconds since 1970 UTC, and `name_known`."""
    groups = {"year": 1, "month": 2, "day": 3, "hour": 5, "minute": 6, "second": 8}
    offset = {"hours": 2, "minutes": 4}
    others = ("micros", "sign", "zone", "iso", "local", "written")
    column = {part: f"{name}_{part}" for part in (*groups, *offset, *others)}
    text = stages.table[name]
    stages.keep(
        **{column[part]: _whole(text, ISO, group) for part, group in groups.items()},
        **{
            **{column[part]: _whole(text, OFFSET, group) for part, group in offset.items()},
            column["micros"]: _fraction(text, FRACTION, 1, 6),
            column["sign"]: (_piece(text, OFFSET, 1) == "-").ifelse(-1, 1).cast("int64"),
            column["zone"]: text.re_search(ISO_WITH_ZONE).fill_null(False),
            column["iso"]: (text.re_search(ISO) & ~text.re_search(NOT_PLAIN)).fill_null(False),
        },
    )
    part = {key: stages.table[of] for key, of in column.items() if key not in {"local", "written"}}
    is_day = part["month"].between(1, 12) & (part["day"] >= 1)
    is_day = is_day & (part["day"] <= _days_in(part["year"], part["month"]))
    midnight = (part["hour"] == 24) & (part["minute"] == 0) & (part["second"] == 0) & (part["micros"] == 0)
    is_time = ((part["hour"] <= 23) | midnight) & (part["minute"] <= 59) & (part["second"] <= 59)
    time = part["hour"] * HOUR + part["minute"] * MINUTE + part["second"] * SECOND + part["micros"]
    local = _days(part["year"], part["month"], part["day"]) * DAY + time
    stages.keep(
        **{
            column["local"]: (part["iso"] & is_day & is_time).ifelse(local, ibis.null("int64")),
            column["written"]: part["sign"] * (part["hours"] * HOUR + part["minutes"] * MINUTE),
        }
    )
    local, written, has_zone = (stages.table[column[key]] for key in ("local", "written", "zone"))
    text = stages.table[name]
    if zone is not None:
        known = ibis.literal(True)
    else:
        usual = text.like(USUAL[0]) | text.like(USUAL[1]) | text.like(USUAL[2])
        plain = text.re_search(WITH_ZONE) & ~text.re_search(NOT_PLAIN)
        known = (usual | plain).fill_null(True)
    at = has_zone.ifelse(local - written, _from_wall(stages, local, zone))
    stages.keep(**{f"{name}_at": at, f"{name}_known": known})
    stages.drop(*column.values())


def add_micros_of_local(stages: Stages, name: str, zone: str | None) -> None:
    """Of the microseconds of a clock on the wall in column `name`: `name_at`, microseconds UTC."""
    stages.keep(**{f"{name}_at": _from_wall(stages, stages.table[name], zone)})


def _from_wall(stages: Stages, local: Any, zone: str | None) -> Any:
    """Microseconds of a clock on the wall as microseconds UTC, NULL where the zone's offset is not known.

    The engine is asked first from when to when the times are: hardly a log sees more than a few changes of
    the clock, and a query with those of a century takes a minute to plan.
    """
    if zone in {None, "UTC"}:
        return local
    first, last = (_micros(datetime(year, 1, 1, tzinfo=UTC)) for year in (FIRST_YEAR, LAST_YEAR))
    is_within = (local >= first) & (local < last)
    inside = stages.table.select(local=is_within.ifelse(local, ibis.null("int64")))
    ends = inside.aggregate(low=inside.local.min(), high=inside.local.max())
    [seen] = stages.ask("times on the wall", ends)
    none = ibis.null("int64")
    if seen["low"] is None:
        return none
    steps = [step for step in offsets(zone or "UTC") if step[0] <= seen["high"]]
    begun = [number for number, step in enumerate(steps) if step[0] <= seen["low"]]
    return is_within.ifelse(local - _branch(local, steps[begun[-1] :]), none)


def micros_of_number(value: Any, unit: str) -> Any:
    """A whole number of units since 1970."""
    number = value.cast("int64")
    most = _MOST[unit]
    fits = (number >= -most) & (number <= most)
    kept = fits.ifelse(number, 0)
    negative, size = kept < 0, kept.abs()
    if unit == "ns":
        found = _thousands(size) + (size % 1000 >= 500).ifelse(1, 0)
    else:
        found = size * _PER_UNIT[unit]
    signed = negative.ifelse(-found, found).cast("int64")
    return fits.ifelse(signed, ibis.null("int64"))


def add_micros_of_epoch_text(stages: Stages, name: str, unit: str) -> None:
    """Of a written number of units since 1970 in column `name`: `name_at`.

    Its fraction is rounded to nine digits and then to microseconds, as the embedded engine does.
    """
    text = stages.table[name]
    digits = _piece(text, EPOCH_TEXT, 2)
    # a text of nineteen digits may be more than an integer holds
    small = (digits.length() < 19) | (digits <= str(_MOST["ns"]))
    fraction = _piece(text, EPOCH_TEXT, 4)
    tenth = fraction.concat("0000000000").substr(9, 1) >= "5"
    number, nano, negative = f"{name}_number", f"{name}_nano", f"{name}_negative"
    none = ibis.null("int64")
    is_number = (text.re_search(EPOCH_TEXT) & ~text.re_search("[^0-9+.-]") & small).fill_null(False)
    stages.keep(
        **{
            number: is_number.ifelse(small.ifelse(digits, "0").nullif("").fill_null("0").cast("int64"), none),
            nano: _fraction(text, EPOCH_TEXT, 4, 9) + tenth.ifelse(1, 0),
            negative: _piece(text, EPOCH_TEXT, 1) == "-",
        }
    )
    number_, nano_ = stages.table[number], stages.table[nano]
    kept = (number_ <= _MOST[unit]).ifelse(number_, none)
    if unit == "s":
        found = kept * SECOND + _halves(nano_, 1000)
    elif unit == "ms":
        found = kept * 1000 + _halves(nano_, 1_000_000)
    elif unit == "us":
        found = kept + _halves(nano_, 1_000_000_000)
    else:
        rest = (kept % 1000) * 1_000_000_000 + nano_
        found = _thousands(kept) + (rest >= 500_000_000_000).ifelse(1, 0)
    signed = stages.table[negative].ifelse(-found, found).cast("int64")
    stages.keep(**{f"{name}_at": signed})
    stages.drop(number, nano, negative)


def floor_to(micros: Any, step: int) -> Any:
    """The beginning of the hour or day that a time lies in; also before 1970."""
    rest = micros % step
    return (micros - (rest < 0).ifelse(rest + step, rest)).cast("int64")


def _piece(text: Any, pattern: str, group: int) -> Any:
    """What a group of the pattern holds; empty where it holds nothing, on every engine."""
    return text.re_extract(pattern, group).fill_null("")


def _whole(text: Any, pattern: str, group: int) -> Any:
    """The digits of a group as a number, 0 where there are none: no engine is asked to cast anything else."""
    return _piece(text, pattern, group).nullif("").fill_null("0").cast("int64")


def _fraction(text: Any, pattern: str, group: int, digits: int) -> Any:
    """The first digits after the point as a whole number; later ones are cut off."""
    return _piece(text, pattern, group).concat("0" * digits).substr(0, digits).cast("int64")


def _quotient(number: Any, divisor: int) -> Any:
    """Whole division of what is not negative and so small that floating point holds it exactly."""
    return ((number - number % divisor) // divisor).cast("int64")


def _thousands(number: Any) -> Any:
    """A thousandth of what is not negative, cut off; by its digits, for floating point may not hold it."""
    text = number.cast("string")
    head = text.substr(0, text.length() - 3)
    return (number < 1000).ifelse("0", head).cast("int64")


def _halves(number: Any, divisor: int) -> Any:
    """Division of a number up to a billion, halves up."""
    return ((number * 2 + divisor) // (2 * divisor)).cast("int64")


def _days_in(year: Any, month: Any) -> Any:
    is_leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    short = (month == 4) | (month == 6) | (month == 9) | (month == 11)
    return (month == 2).ifelse(is_leap.ifelse(29, 28), short.ifelse(30, 31)).cast("int64")


def _days(year: Any, month: Any, day: Any) -> Any:
    """Days since 1970 of a date of the proleptic Gregorian calendar, for years from 0."""
    shifted = year + 400 - (month <= 2).ifelse(1, 0).cast("int64")
    leaps = _quotient(shifted, 4) - _quotient(shifted, 100) + _quotient(shifted, 400)
    of_year = _quotient(((month + 9) % 12) * 153 + 2, 5) + day - 1
    return shifted * 365 + leaps + of_year - 719_468 - 146_097


def _branch(local: Any, steps: Sequence[tuple[int, int]]) -> Any:
    if len(steps) == 1:
        return ibis.literal(steps[0][1], type="int64")
    middle = len(steps) // 2
    return (local < steps[middle][0]).ifelse(_branch(local, steps[:middle]), _branch(local, steps[middle:]))


@lru_cache(maxsize=16)
def offsets(zone: str) -> tuple[tuple[int, int], ...]:
    """Of a named zone: from which time on its wall its offset is which, both in microseconds."""
    info = ZoneInfo(zone)
    at, last = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(LAST_YEAR, 1, 1, tzinfo=UTC)
    known = at.astimezone(info).utcoffset() or timedelta()
    steps = [(-(2**62), _length(known))]
    while at < last:
        after = at + timedelta(days=7)
        offset = after.astimezone(info).utcoffset() or timedelta()
        if offset != known:
            low, high = at, after
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                same = (middle.astimezone(info).utcoffset() or timedelta()) == known
                low, high = (middle, high) if same else (low, middle)
            steps.append((_micros(high) + _length(offset), _length(offset)))
            known = offset
        at = after
    return tuple(steps)


def _micros(at: datetime) -> int:
    return _length(at - _EPOCH)


def _length(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
