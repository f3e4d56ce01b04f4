"""A log with everything that engines disagree about."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

TIMES = (
    "2026-07-01T00:00:00Z", "2026-07-01T23:59:59.999999Z", "2026-07-01T00:00:00.123Z",
    "2026-07-01t05:00:00z", "2026-07-01T00:00:00.5+05:30", "2026-07-01 01:02:03-0930", "2026-07-01 01:02+14",
    "2026-7-1", "2026-7-1 3:04", "2026-07-01T24:00:00", "2026-07-01T24:00:00Z", "2026-07-01T24:00:01Z",
    "2026-07-01T23:59:60Z", "2026-07-01 12:60", "2026-02-30", "2024-02-29", "2100-02-29", "2026-13-01",
    "2026-07-01T00:00:00 Z", "2026-07-01T00:00:00 UTC", "2026-07-01T00:00:00UTC", "2026-07-01 00:00 gmt",
    "2026-07-01T00:00:00.1234567", "2026-07-01T00:00:00.9999999Z", "2026-07-01T10:00:00 PM", "10:00", "",
    "now", "NaT", "1782864000", "2026-07-01T00:00:00\n", "2026-03-29T02:30:00", "2026-10-25T02:30:00",
    "2026-10-25T02:30:00+01:00", "2026-10-25 00:59:59.999999", "2026-10-25 03:00:00", "abcd-ef-ghTij:kl:mnZ",
    "1969-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-07-01T00:00:00+99:59",
    "2026-07-01T00:00:00+05:60", "\u0662\u0660\u0662\u0666-07-01", None,
)  # fmt: skip
SECONDS = (
    "1782864000", "1782864000.5", "+1782864000", "-1", "-0.0000005", "1782864000.1234565", "1782864000.12345649999",
    "1782864000.9999999", "5.", "", "x", "1.2.3", "1782864000,5", "NaN", "0x10", "9999999999999999999999999", None,
    "0001782864000", "1782864000.999999999999",
)  # fmt: skip
WORDS = (
    "ok", "refused", "blocked", "", " ", "OK", "ok ", "it's", 'a "b"', "back\\slash", "%", "_", "é", "e\u0301",
    "日本", "\U0001f600", "tab\t", "line\nbreak", "NULL", "null", "None", "NaN", "--", "'; DROP TABLE x", "$1", "{x}",
    "\\n", "\\'", None,
)  # fmt: skip
NUMBERS = (
    "0", "0.25", ".5", "5.", "-0", "+1", "1e0", "1E-1", "0.30", "0.75", "1.0000000001", "NaN", "inf", "-inf",
    "Infinity", "1_0", "0x1", "1,5", "", " ", "1e", "--1", "\u0661", "0.1 %", "1e99", "-1e99", None, "0.5\n",
)  # fmt: skip
FLOATS = (0.0, -0.0, 0.25, 0.3, 0.1, 1.0, 1.5, -1.0, 1e-300, 1e300, float("nan"), float("inf"), float("-inf"), None)
TWICE = tuple(datetime.fromisoformat(t) for t in ("2026-10-25T02:30:00", "2026-03-29T02:30:00"))
"""On a wall in Paris: an hour that occurs twice, and one that does not occur."""
_START = datetime(2026, 7, 1, tzinfo=UTC)


def nasty(rows: int = 1200, seed: int = 1, *, structs: bool = True) -> pa.Table:
    """A table of rows of monitoring; equal ids occur within and over a minute, alike and contradicting.

    Rows that share an id and a time are equal in everything that no criterion judges, because of such rows an
    engine without row numbers cannot say which came first.
    """
    chance = random.Random(seed)
    pool = [_START + timedelta(seconds=s) for s in (0, 1, 59, 60, 61, 119, 3600, 90_000, 8_640_000, -9_000_000)]
    out: dict[str, list[Any]] = {}

    def put(**values: Any) -> None:
        for name, value in values.items():
            out.setdefault(name, []).append(value)

    for number in range(rows):
        shared = chance.random() < 0.5
        record = f"r{chance.randrange(rows // 8)}" if shared else chance.choice((None, f"only-{number}", ""))
        at = chance.choice(pool) if shared or record == "" else _START + timedelta(
            microseconds=chance.randrange(-(10**13), 10**13)
        )  # fmt: skip
        own = random.Random(f"{record}{at}") if shared or record == "" else chance
        calm = shared or record == ""
        # of rows with one id, most agree in what is judged
        judged = random.Random(record) if shared and chance.random() < 0.8 else chance
        put(
            id=record,
            at=at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if calm or chance.random() < 0.3 else chance.choice(TIMES),
            s=f"{at.timestamp():.6f}" if calm else chance.choice(SECONDS),
            ms=_micros(at) // 1000 if calm else chance.choice((None, _micros(at) // 1000, -1, 0)),
            ns=_micros(at) * 1000 if calm else chance.choice((None, _micros(at) * 1000 + 500, -1500, 499)),
            stamp=at if calm else chance.choice((at, None)),
            wall=at.replace(tzinfo=None) if calm else chance.choice(
                (at.replace(tzinfo=None), *TWICE, None)
            ),
            on=at.date() if calm else chance.choice((date(2026, 7, 1), None)),
            got=(at + timedelta(seconds=own.choice((0, 86_400, 86_401)))).isoformat() if own.random() < 0.9 else None,
            model=judged.choice(("m-1", "m-2", "M-1", "it's", None)),
            result=judged.choice(WORDS),
            second=judged.choice(("yes", "no", None, "?")),
            score_text=judged.choice(NUMBERS),
            score=judged.choice(FLOATS),
            n=judged.choice((0, 1, 2, -3, 10**15, None)),
            flag=judged.choice((True, False, None)),
            tier=judged.choice(WORDS),
            verdict=judged.choice(("allow", "deny", "Deny", "", None, "flag")),
            action=judged.choice(("pass", "block", "?", None)),
            route=own.choice(("/chat", "/embed", None)),
            status=own.choice(("served", "blocked", "502", None)),
            rate=own.choice((*FLOATS, 0.5)),
            rate_text=own.choice(NUMBERS),
            prompt=judged.choice(("p1", "p2", None)),
        )  # fmt: skip
    out["a b.c"] = [chance.choice(("x", "y", None)) for _ in range(rows)]
    kinds = {
        "ms": pa.int64(), "ns": pa.int64(), "n": pa.int64(), "score": pa.float64(), "rate": pa.float64(),
        "flag": pa.bool_(), "on": pa.date32(), "stamp": pa.timestamp("us", "UTC"), "wall": pa.timestamp("us"),
    }  # fmt: skip
    columns = {name: pa.array(values, kinds.get(name, pa.string())) for name, values in out.items()}
    if structs:
        inner = [
            None if r is None else {"tier": r, "deep": None if n is None else {"n": n, "a.b": str(n)}}
            for r, n in zip(out["result"], out["n"], strict=True)
        ]
        deep = pa.struct([("n", pa.int64()), ("a.b", pa.string())])
        columns["ctx"] = pa.array(inner, pa.struct([("tier", pa.string()), ("deep", deep)]))
    return pa.table(columns)


def _micros(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
