"""A log with everything that engines disagree about."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from auditgen.evidence.remote.nasty import FLOATS, NUMBERS, SECONDS, TIMES, TWICE, WORDS

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
