"""Write the provider's gateway monitoring table for July to September 2026.

This table is synthetic: no tool made it and no person's request is in it. The
story is that the gateway's export format changed twice, so July is CSV, August is
gzipped JSON lines and September is Parquet, all with the same columns.

Usage: python gateway.py OUT_DIR
"""

import csv
import gzip
import io
import json
import math
import random
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from mock_common import BENIGN, DISALLOWED

COLUMNS = [
    "event_time",
    "request_id",
    "plan",
    "model",
    "request_class",
    "category",
    "rail_verdict",
    "rail_action",
    "result",
    "latency_ms",
    "region",
]
START = datetime(2026, 7, 1, tzinfo=UTC)
END = datetime(2026, 10, 1, tzinfo=UTC)
# Planted faults. No row at all falls in the silent window's 31 hours.
SILENT = datetime(2026, 8, 15, 22, tzinfo=UTC), datetime(2026, 8, 17, 5, tzinfo=UTC)
DENIED_BUT_PASSED = 6
DUPLICATES = 5
NEW_MODEL, OLD_MODEL = "thistle-large-2026-06", "thistle-large-2026-03"
MEAN_PER_HOUR = 26.0

rng = random.Random("thistledown-2026-q3/gateway")


def rate(hour: datetime) -> float:
    """Requests expected in an hour: busy in the working day, quiet at weekends."""
    day = 1 + 0.55 * math.sin((hour.hour - 8) / 24 * 2 * math.pi)
    week = (1.12, 1.15, 1.14, 1.1, 1.03, 0.72, 0.74)[hour.weekday()]
    return MEAN_PER_HOUR * day * week


def event(when: datetime) -> dict:
    plan = "paid" if rng.random() < 0.38 else "free"
    disallowed = rng.random() < 0.04
    # 3.5 % of the quarter's events, all of them in July.
    old = when.month == 7 and rng.random() < 0.104
    verdict, action, result = "allow", "pass", "answered"
    if disallowed:
        # Most disallowed requests are denied by the rail before they reach the model.
        verdict = rng.choices(
            ("allow", "deny", "flag", "error"), (0.46, 0.40, 0.12, 0.02)
        )[0]
    else:
        verdict = rng.choices(
            ("allow", "deny", "flag", "error"), (0.963, 0.021, 0.013, 0.003)
        )[0]
    if verdict == "deny":
        action, result = "block", "blocked"
    elif disallowed:
        result = (
            "refused"
            if rng.random() < (0.93 if plan == "free" else 0.88)
            else "answered"
        )
    elif rng.random() < 0.015:
        result = "refused"
    if result != "blocked" and rng.random() < 0.006:
        result = "provider_error"
    if rng.random() < 0.015:
        result = ""  # the gateway lost the outcome
    median = 35 if action == "block" else 900 if plan == "free" else 640
    return {
        "event_time": when,
        "request_id": f"{rng.getrandbits(64):016x}",
        "plan": plan,
        "model": OLD_MODEL if old else NEW_MODEL,
        "request_class": "disallowed" if disallowed else "ordinary",
        "category": rng.choice(DISALLOWED if disallowed else BENIGN),
        "rail_verdict": verdict,
        "rail_action": action,
        "result": result,
        "latency_ms": max(4, round(median * math.exp(rng.gauss(0, 0.45)))),
        "region": rng.choices(("eu", "us", "apac"), (0.55, 0.30, 0.15))[0],
    }


def events() -> list[dict]:
    rows, hour = [], START
    while hour < END:
        if not SILENT[0] <= hour < SILENT[1]:
            expected = rate(hour)
            count = max(1, round(rng.gauss(expected, math.sqrt(expected))))
            rows += [
                event(hour + timedelta(milliseconds=rng.randrange(3_600_000)))
                for _ in range(count)
            ]
        hour += timedelta(hours=1)
    rows.sort(key=lambda row: row["event_time"])
    denied = [row for row in rows if row["rail_verdict"] == "deny" and row["result"]]
    for row in rng.sample(denied, DENIED_BUT_PASSED):
        row["rail_action"], row["result"] = "pass", "answered"
    return rows


def text(row: dict) -> dict:
    when = row["event_time"].isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return row | {"event_time": when}


def balancer(rows: list[dict]) -> list[dict]:
    """What the load balancer counted, hour by hour: it was up while the gateway's log was silent."""
    own = random.Random("thistledown-2026-q3/load-balancer")
    seen = Counter(row["event_time"].replace(minute=0, second=0, microsecond=0) for row in rows)
    out, hour = [], START
    while hour < END:
        expected = rate(hour)
        count = seen[hour]
        if SILENT[0] <= hour < SILENT[1]:
            count = max(1, round(own.gauss(expected, math.sqrt(expected))))
        out.append({"hour": hour.isoformat().replace("+00:00", "Z"), "requests": count})
        hour += timedelta(hours=1)
    return out


def write(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    months = {7: [], 8: [], 9: []}
    rows = events()
    for row in rows:
        months[row["event_time"].month].append(row)
    with (out / "load-balancer.csv").open("w", newline="", encoding="utf-8") as file:
        counts = csv.DictWriter(file, ("hour", "requests"), lineterminator="\n")
        counts.writeheader()
        counts.writerows(balancer(rows))
    with (out / "gateway-2026-07.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(map(text, months[7]))

    august = months[8]
    # Sent twice: same id, a little later.
    for copied in rng.sample(august[:-2000], DUPLICATES):
        august.append(
            copied | {"event_time": copied["event_time"] + timedelta(milliseconds=40)}
        )
    august.sort(key=lambda row: row["event_time"])
    lines = [json.dumps(text(row), separators=(",", ":")) for row in august]
    spoiled = lines.pop()
    # The export was cut off within its last line.
    body = "\n".join(lines) + "\n" + spoiled[: len(spoiled) // 2]
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="") as file:
        file.write(body.encode())
    (out / "gateway-2026-08.jsonl.gz").write_bytes(packed.getvalue())

    kinds = {"event_time": pa.timestamp("us", "UTC"), "latency_ms": pa.int32()}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    pq.write_table(
        pa.Table.from_pylist(months[9], schema),
        out / "gateway-2026-09.parquet",
        compression="zstd",
    )


if __name__ == "__main__":
    write(Path(sys.argv[1]))
