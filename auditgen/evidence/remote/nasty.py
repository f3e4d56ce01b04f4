"""Values that engines disagree about: the fixed table of the check at every connection, and of our tests."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from auditgen.canonical import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from auditgen.evidence.mapping import RecordMap, Rule

TIMES = (
    "2026-07-01T00:00:00Z", "2026-07-01T23:59:59.999999Z", "2026-07-01T00:00:00.123Z",
    "2026-07-01t05:00:00z", "2026-07-01T00:00:00.5+05:30", "2026-07-01 01:02:03-0930", "2026-07-01 01:02+14",
    "2026-7-1", "2026-7-1 3:04", "2026-07-01T24:00:00", "2026-07-01T24:00:00Z", "2026-07-01T24:00:01Z",
    "2026-07-01T23:59:60Z", "2026-07-01 12:60", "2026-02-30", "2024-02-29", "2100-02-29", "2026-13-01",
    "2026-07-01T00:00:00 Z", "2026-07-01T00:00:00 UTC", "2026-07-01T00:00:00UTC", "2026-07-01 00:00 gmt",
    "2026-07-01T00:00:00.1234567", "2026-07-01T00:00:00.9999999Z", "2026-07-01T10:00:00 PM", "10:00", "",
    "now", "NaT", "1782864000", "2026-07-01T00:00:00\n", "2026-03-29T02:30:00", "2026-10-25T02:30:00",
    "2026-10-25T02:30:00+01:00", "2026-10-25 00:59:59.999999", "2026-10-25 03:00:00", "abcd-ef-ghTij:kl:mnZ",
    "1969-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
    "2026-07-01T00:00:00+99:59", "2026-07-01T00:00:00+05:60", "\u0662\u0660\u0662\u0666-07-01", None,
)  # fmt: skip
SECONDS = (
    "1782864000", "1782864000.5", "+1782864000", "-1", "-0.0000005", "1782864000.1234565",
    "1782864000.12345649999", "1782864000.9999999", "5.", "", "x", "1.2.3", "1782864000,5", "NaN", "0x10",
    "9999999999999999999999999", None, "0001782864000", "1782864000.999999999999",
)  # fmt: skip
WORDS = (
    "ok", "refused", "blocked", "", " ", "OK", "ok ", "it's", 'a "b"', "back\\slash", "%", "_", "é",
    "e\u0301", "日本", "\U0001f600", "tab\t", "line\nbreak", "NULL", "null", "None", "NaN", "--",
    "'; DROP TABLE x", "$1", "{x}", "\\n", "\\'", None,
)  # fmt: skip
NUMBERS = (
    "0", "0.25", ".5", "5.", "-0", "+1", "1e0", "1E-1", "0.30", "0.75", "1.0000000001", "NaN", "inf", "-inf",
    "Infinity", "1_0", "0x1", "1,5", "", " ", "1e", "--1", "\u0661", "0.1 %", "1e99", "-1e99", None, "0.5\n",
)  # fmt: skip
FLOATS = (
    0.0, -0.0, 0.25, 0.3, 0.1, 1.0, 1.5, -1.0, 1e-300, 1e300, float("nan"), float("inf"), float("-inf"), None,
)  # fmt: skip
DECIMALS = ("0", "0.25", "0.3", "1", "-1", "7.5", None)
WHOLE = (0, 1, 2, -3, 499, -1500, 10**15, None)
DAYS = (date(2026, 7, 1), date(2026, 10, 25), date(2024, 2, 29), date(1969, 12, 31), None)
TWICE = tuple(datetime.fromisoformat(t) for t in ("2026-10-25T02:30:00", "2026-03-29T02:30:00"))
"""On a wall in Paris: an hour that occurs twice, and one that does not occur."""
START = datetime(2026, 7, 1, tzinfo=UTC)
CALM = tuple(START + timedelta(seconds=s) for s in (0, 1, 59, 60, 61, 119, 3600, 90_000, 8_640_000))
"""Moments that nobody disagrees about, within and over a minute of one another."""
LEAST_ROWS = 48
NAME = "auditgen-nasty-1"
"""Raised when the table becomes another one."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_UNIT = {"s": 10**6, "ms": 10**3, "us": 1}


def table_digest() -> str:
    """SHA-256 over the values above."""
    texts = [TIMES, SECONDS, WORDS, NUMBERS, [repr(f) for f in FLOATS], DECIMALS, WHOLE]
    moments = [str(at) for at in (*DAYS, *TWICE, *CALM)]
    return digest_of([NAME, *([None if v is None else str(v) for v in kind] for kind in texts), moments])


def fill(mapping: RecordMap, kinds: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Of each column that a mapping names, a value for each row; `kinds`: the types, as Ibis has them.

    Every value of a column's pool stands in some row. At the end rows repeat an earlier one: alike, at
    another time within a minute and later, and contradicting it.
    """
    roles = _roles(mapping)
    pools = {name: _pool(mapping, roles[name], kind) for name, kind in kinds.items()}
    count = max([LEAST_ROWS, *(len(pool) for pool in pools.values())])
    out: dict[str, list[Any]] = {}
    for name, pool in sorted(pools.items()):
        chance = random.Random(name)
        values = (pool * (count // len(pool) + 1))[:count]
        chance.shuffle(values)
        out[name] = values
    _repeat(mapping, kinds, roles, pools, out)
    return out


def _roles(mapping: RecordMap) -> dict[str, list[tuple[str, Rule]]]:
    roles: dict[str, list[tuple[str, Rule]]] = {}
    for field, rules in mapping.rules().items():
        for rule in rules:
            if rule.from_ is not None:
                roles.setdefault(rule.from_, []).append((field, rule))
    return roles


def _repeat(
    mapping: RecordMap,
    kinds: Mapping[str, Any],
    roles: Mapping[str, list[tuple[str, Rule]]],
    pools: Mapping[str, list[Any]],
    out: dict[str, list[Any]],
) -> None:
    """Give every row an id of its own, and add rows that share one."""
    record = mapping.record.from_ if mapping.record is not None else None
    time = mapping.time.from_ if mapping.time is not None else None
    if record is None or time is None or record == time or len(roles[record]) > 1 or len(roles[time]) > 1:
        return
    if kinds[record].is_string():
        out[record] = [f"{n % 3}{WORDS[n % (len(WORDS) - 1)]}{n}" for n in range(len(out[record]))]
        out[record][-2:] = [None, ""]
    elif kinds[record].is_integer() and kinds[record].bounds.upper > len(out[record]):
        out[record] = list(range(len(out[record])))
    else:
        return
    calm = [value for at in CALM if (value := _at(mapping, roles[time], kinds[time], at)) is not None]
    if not calm:
        return
    loose = {"time", "received", "record", "endpoint", "transport", "sampling_rate", "prompt"}
    judged = [n for n in sorted(kinds) if not loose.intersection(f for f, _ in roles[n])]
    for number, other in enumerate((0, 0, 2, 3, 4, 5)):
        row = {name: values[number % 3] for name, values in out.items()} | {time: calm[0]}
        for name, values in out.items():
            values[number % 3] = row[name]
            values.append(calm[other] if name == time and len(calm) > other else row[name])
    if judged:  # one that contradicts: nothing but a word differs
        row = {name: values[0] for name, values in out.items()}
        row[judged[0]] = next((v for v in pools[judged[0]] if v != row[judged[0]]), None)
        for name, value in row.items():
            out[name].append(value)


def _pool(mapping: RecordMap, roles: Sequence[tuple[str, Rule]], kind: Any) -> list[Any]:
    values: list[Any] = []
    for field, rule in roles:
        values += _values(mapping, field, rule, kind)
    seen: dict[str, Any] = {}
    for value in values:
        seen.setdefault(repr(value), value)
    return list(seen.values())


def _values(mapping: RecordMap, field: str, rule: Rule, kind: Any) -> Iterator[Any]:
    is_time = field in {"time", "received"}
    unit = getattr(rule, "unit", None)
    bounds = [bound for band in rule.bands or () for bound in (band.low, band.high) if bound is not None]
    yield None
    if is_time:
        yield from (_at(mapping, [(field, rule)], kind, at) for at in CALM)
    if kind.is_string():
        yield from SECONDS if unit else TIMES if is_time else NUMBERS if field == "sampling_rate" else WORDS
        if is_time and not unit:
            yield from (at.isoformat(sep=" ") for at in _edges(mapping.time_zone))
        for key in rule.values or ():
            yield from (key, f"{key} ", key.swapcase(), f" {key}")
        if rule.bands:
            yield from NUMBERS
        for bound in bounds:
            yield from (repr(bound), repr(bound + 1e-9), repr(bound - 1e-9))
    elif kind.is_boolean():
        yield from (True, False)
    elif kind.is_integer():
        yield from (n for n in (*WHOLE, *_keys(rule)) if n is None or _fits(kind, n))
        yield from (int(b) for b in bounds if _fits(kind, int(b)))
    elif kind.is_date():
        yield from DAYS
    elif kind.is_timestamp():
        yield from (_rounded(at.replace(tzinfo=None), kind) for at in _moments(mapping.time_zone))
    elif kind.is_floating():
        # of four bytes only numbers that both sizes hold alike
        short = getattr(kind, "nbytes", 8) < 8
        yield from (0.0, 0.25, 1.0, 1.5, -1.0, None) if short else (*FLOATS, *bounds)
    elif kind.is_decimal():
        yield from (None if d is None else _scaled(Decimal(d), kind) for d in DECIMALS)
    elif kind.is_uuid():
        yield from (f"0000000{n}-0000-4000-8000-0000000000aB".lower() for n in range(3))


def _at(mapping: RecordMap, roles: Sequence[tuple[str, Rule]], kind: Any, at: datetime) -> Any:
    """A moment as a column of a type holds it; None where it cannot."""
    micros = (at - _EPOCH) // timedelta(microseconds=1)
    unit = next((getattr(rule, "unit", None) for _, rule in roles), None)
    if unit is not None:
        number = micros * 1000 if unit == "ns" else micros // _PER_UNIT[unit]
        if kind.is_integer():
            return number if _fits(kind, number) else None
        return str(number) if kind.is_string() else None
    if kind.is_string():
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")
    if kind.is_timestamp():
        return at.replace(tzinfo=None)
    return at.date() if kind.is_date() else None


def _moments(zone: str | None) -> Iterator[datetime]:
    yield from TWICE
    yield from _edges(zone)
    texts = ["2026-07-01T23:59:59.999999", "2026-07-01T00:00:00.123456", "2024-02-29T12:00:00"]
    if zone is None:  # with a zone, all changes of its clock in between would be asked for
        texts += ["1999-12-31T23:59:59.999999", "1969-12-31T23:59:59.999999", "1900-01-01T00:00:00.000001"]
    yield from map(datetime.fromisoformat, texts)


def _edges(zone: str | None) -> Iterator[datetime]:
    """Clocks on a wall just before and after that zone's clock changes in 2026."""
    if zone is None:
        return
    info, hour = ZoneInfo(zone), datetime(2026, 1, 1, tzinfo=UTC)
    while hour.year == 2026:
        after = hour + timedelta(hours=1)
        if hour.astimezone(info).utcoffset() != after.astimezone(info).utcoffset():
            for minutes in (-30, 30, 90):
                yield (hour.astimezone(info) + timedelta(minutes=minutes)).replace(tzinfo=None)
            yield (after.astimezone(info) - timedelta(microseconds=1)).replace(tzinfo=None)
        hour = after


def _keys(rule: Rule) -> Iterator[int]:
    for key in rule.values or ():
        if key.lstrip("-").isascii() and key.lstrip("-").isdigit() and len(key) < 19:
            yield int(key)


def _fits(kind: Any, number: int) -> bool:
    return bool(kind.bounds.lower <= number <= kind.bounds.upper)


def _rounded(at: datetime, kind: Any) -> datetime:
    """Cut off to the digits that the type has."""
    scale = 6 if kind.scale is None else min(6, kind.scale)
    step = 10 ** (6 - scale)
    return at.replace(microsecond=at.microsecond // step * step)


def _scaled(number: Decimal, kind: Any) -> Decimal | None:
    scale = 9 if kind.scale is None else int(kind.scale)
    whole = 9 if kind.precision is None else int(kind.precision) - scale
    if number and number.adjusted() + 1 > whole:
        return None
    return number.quantize(Decimal(1).scaleb(-scale))


