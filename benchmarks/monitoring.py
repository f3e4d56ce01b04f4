"""What counting a quarter of monitoring costs, beside the same counted by hand in the same engine.

Run with `python benchmarks/monitoring.py [--rows 10000000] [--text-rows 2000000] [--rounds 3]`. Every side is
a fresh process; CPU is user plus system seconds of all its threads, the median of the rounds; memory is the
highest resident size of the process. The baselines are `baselines/*.sql` and the few lines below; ratios are
printed with the goal beside them, and no absolute second is compared between machines.

* `counters`: the cube (by day, cohort, category and everything else that is mapped, with the hours of the
  coverage ledger) against one hand-written query that returns the same integers. Engine time alone.
* `process`: interpreter, imports, digest of the file, recognition, the cube, the search for repeated ids, all
  indicators of monitoring and the ledger, against a bare process that runs the hand-written query, the
  engine's `count(distinct)` of the ids and SHA-256 of the bytes.
* `ids`: exact search for repeated ids against the engine's own `count(distinct)`.
* `ingest`: first reading of JSON Lines, digest included, against `table by hand` (the engine's `read_json`
  into a table, and SHA-256 of the bytes), and against the same answers by hand: that, but the mapped columns
  only, then the counters and `count(distinct)` of the ids. Beside it, for whoever asks what keeping a copy
  and looking for repeats cost, against `one query` that only counts while it reads, and SHA-256.
  Packed with gzip against `gzip -dc`; and again, out of the store.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
DAYS = 92
MEMORY = "640MiB"
MAPPING = {
    "time": {"from": "event_time"},
    "record": {"from": "request_id"},
    "model": {"from": "model"},
    "cohort": {"from": "plan"},
    "category": {"from": "category"},
    "outcome": {
        "from": "result",
        "values": {"answered": "complied", "declined": "refused", "blocked": "blocked_input"},
    },
    "expected": {"from": "request_class", "values": {"disallowed": "refuse", "ordinary": "comply"}},
    "guardrail_verdict": {"from": "rail_verdict"},
    "guardrail_action": {"from": "rail_action"},
}
ROWS = """
SELECT
  make_timestamp(1782864000000000 + i::BIGINT * {step}) AT TIME ZONE 'UTC' AS event_time,
  md5(i::VARCHAR || 's') AS request_id,
  ['free', 'free', 'paid', 'enterprise'][1 + (hash(i) % 4)::BIGINT] AS plan,
  ['thistle-1', 'thistle-2'][1 + (hash(i + 1) % 2)::BIGINT] AS model,
  ['ordinary', 'ordinary', 'ordinary', 'disallowed'][1 + (hash(i + 2) % 4)::BIGINT] AS request_class,
  ['coding', 'finance', 'health', 'cyber', 'bio', 'legal', 'travel', 'other'][1 + (hash(i + 3) % 8)::BIGINT]
    AS category,
  CASE WHEN hash(i + 4) % 20 = 0 THEN 'deny' ELSE 'allow' END AS rail_verdict,
  CASE WHEN hash(i + 4) % 20 = 0 AND hash(i + 5) % 50 <> 0 THEN 'block' ELSE 'pass' END AS rail_action,
  CASE WHEN hash(i + 4) % 20 = 0 AND hash(i + 5) % 50 <> 0 THEN 'blocked'
    WHEN hash(i + 6) % 5 = 0 THEN 'declined' ELSE 'answered' END AS result,
  100 + hash(i + 7) % 3000 AS latency_ms
FROM range({rows}) AS r(i)
"""
USAGE = """
import json, resource, sys
def cpu():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)
def done(seconds):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps([seconds, peak]))
"""
ENGINE = USAGE + f"""
import duckdb, tempfile
def engine():
    c = duckdb.connect(config={{"memory_limit": "{MEMORY}"}})
    c.execute("SET enable_progress_bar = false")
    c.execute("SET TimeZone = 'UTC'")
    c.execute(f"SET temp_directory = '{{tempfile.mkdtemp()}}'")
    return c
def counters():
    return open("{HERE}/baselines/counters.sql").read().replace("$file", sys.argv[1])
def digest():
    import hashlib
    d = hashlib.sha256()
    with open(sys.argv[1], "rb") as stream:
        while chunk := stream.read(1 << 20):
            d.update(chunk)
"""
OURS = USAGE + f"""
import tempfile
from datetime import date
from pathlib import Path
from auditgen.evidence.engine import Period, open_evidence
from auditgen.evidence.logged import Logged, has_repeats
from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.store import EvidenceStore
from auditgen.evidence.tables import connect
from auditgen.sources.counting import count_logged
from auditgen.sources.reading import SourceRegistry, read_file
MAPPING = RecordMap.model_validate({MAPPING!r})
def read(store):
    return read_file(Path(sys.argv[1]), name="log", source_id="s", mapping=MAPPING,
                     store=EvidenceStore(store), registry=SourceRegistry.load(), is_alone=False)
def count(file, store):
    return count_logged([file], source_id="s", mapping=MAPPING, store=EvidenceStore(store))
def group():
    from auditgen.sources.table import table_of
    table = table_of(Path(sys.argv[1]), "table.parquet")
    return Logged("s", Path(), ("0" * 64,), (table,), MAPPING)
"""
SIDES = {
    "counters by hand": ENGINE + """
c = engine(); sql = counters(); start = cpu(); c.execute(sql).fetchall(); done(cpu() - start)
""",
    "counters": OURS + """
from auditgen.evidence.cube import cube_sql
c = connect(); g = group(); sql = cube_sql(g.marked_rows, g.fixed)
start = cpu(); c.execute(sql).fetchall(); done(cpu() - start)
""",
    "ids by hand": ENGINE + """
c = engine(); start = cpu()
c.execute(f"SELECT count(DISTINCT request_id) FROM read_parquet('{sys.argv[1]}')").fetchall()
done(cpu() - start)
""",
    "ids": OURS + """
c = connect(); g = group(); start = cpu(); assert not has_repeats(c, g); done(cpu() - start)
""",
    "process by hand": ENGINE + """
c = engine(); c.execute(counters()).fetchall()
c.execute(f"SELECT count(DISTINCT request_id) FROM read_parquet('{sys.argv[1]}')").fetchall()
digest(); done(cpu())
""",
    "process": OURS + """
from auditgen.indicators import Request, core_indicators, measure
from auditgen.indicators.cells import read_cells
from auditgen.indicators.ledger import ledgers
with tempfile.TemporaryDirectory(dir=sys.argv[2]) as folder:
    store = Path(folder) / "store"
    counted = count(read(store), store)
    evidence = open_evidence([], Period(date(2026, 7, 1), date(2026, 9, 30)), counted.logged)
    wanted = [i for i in core_indicators().values() if i.records != "evaluation"]
    requests = [Request(i.id, i, ("s",)) for i in wanted]
    requests += [Request(f"{i.id} {c}", i, ("s",), {"category": (c,)}) for i in wanted if i.shape == "rate"
                 for c in ("coding", "finance", "health", "cyber", "bio", "legal", "travel", "other")]
    found = measure(read_cells(evidence), requests)
    [kept] = ledgers(evidence, [f.reading for f in counted.files])
    assert kept.balance.inside == int(sys.argv[3]), kept.balance
done(cpu())
""",
    "one query": ENGINE + """
sql = counters().replace("read_parquet", "read_json").replace("event_time)", "event_time::TIMESTAMPTZ)")
engine().execute(sql).fetchall(); digest(); done(cpu())
""",
    "table by hand": ENGINE + """
engine().execute(f"CREATE TEMP TABLE log AS SELECT * FROM read_json('{sys.argv[1]}')"); digest(); done(cpu())
""",
    "ingest by hand": ENGINE + """
c = engine()
c.execute("CREATE TEMP TABLE log AS SELECT event_time::TIMESTAMPTZ AS event_time, request_id, plan, model,"
          f" request_class, category, rail_verdict, rail_action, result FROM read_json('{sys.argv[1]}')")
c.execute(counters().replace(f"read_parquet('{sys.argv[1]}')", "log")).fetchall()
c.execute("SELECT count(DISTINCT request_id) FROM log").fetchall(); digest(); done(cpu())
""",
    "gzip -dc": USAGE + """
import subprocess
subprocess.run(["sh", "-c", f"gzip -dc '{sys.argv[1]}' > /dev/null"], check=True); done(cpu())
""",
    "ingest": OURS + """
with tempfile.TemporaryDirectory(dir=sys.argv[2]) as folder:
    store = Path(folder) / "store"
    counted = count(read(store), store)
    assert counted.files[0].reading.counts.observations == int(sys.argv[3])
done(cpu())
""",
    "ingest again": OURS + """
from auditgen.evidence.fingerprints import Fingerprints
folder = Path(sys.argv[2])
counted = count(read(folder / "kept"), folder / "kept")
start = cpu(); counted = count(read(folder / "kept"), folder / "kept"); done(cpu() - start)
""",
}


def make(rows: int, path: Path) -> None:
    """A table of so many rows, always the same; JSON Lines with about 600 bytes each."""
    import duckdb

    connection = duckdb.connect(config={"memory_limit": "2GiB"})
    sql = ROWS.format(step=DAYS * 86_400_000_000 // rows, rows=rows)
    if path.suffix == ".parquet":
        options = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 250000"
    else:
        sql = (
            "SELECT * REPLACE (strftime(timezone('UTC', event_time), '%Y-%m-%dT%H:%M:%S.%gZ') AS event_time),"
            " repeat('a prompt that nobody asked for, ', 8) || request_id AS prompt,"
            f" repeat('and an answer. ', 5) AS answer FROM ({sql})"
        )
        options = "FORMAT json"
    connection.execute(f"COPY ({sql}) TO '{path}' ({options})")


def run(side: str, path: Path, folder: Path, rows: int, rounds: int) -> tuple[float, int]:
    """Median CPU seconds and the highest memory in MiB."""
    seconds, peaks = [], []
    for _ in range(rounds):
        answer = subprocess.run(
            [sys.executable, "-c", SIDES[side], str(path), str(folder), str(rows)],
            check=True, capture_output=True, text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        used, peak = json.loads(answer.stdout)
        seconds.append(used)
        peaks.append(peak)
    return statistics.median(seconds), max(peaks)


def compare(name: str, pair: tuple[str, str], goal: float, *where: object, rounds: int) -> None:
    """Print one ratio."""
    path, folder, rows = where
    bare, low = run(pair[1], path, folder, rows, rounds)  # type: ignore[arg-type]
    ours, high = run(pair[0], path, folder, rows, rounds)  # type: ignore[arg-type]
    kept = "" if ours <= goal * bare else "  ABOVE THE GOAL"
    print(  # noqa: T201
        f"{name:24} {ours / bare:5.2f} x {pair[1]} (goal {goal} x)   {ours:7.2f} / {bare:.2f} CPU s,"
        f" {high} / {low} MiB{kept}",
        flush=True,
    )


def main() -> None:
    """Make the tables, run the sides."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--text-rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", type=Path, default=None, help="where the tables go: some GB")
    order = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=order.dir) as name:
        folder = Path(name)
        table = folder / "log.parquet"
        make(order.rows, table)
        print(f"{order.rows:,} rows, {table.stat().st_size / 1e6:.0f} MB Parquet", flush=True)  # noqa: T201
        there = (table, folder, order.rows)
        compare("counters", ("counters", "counters by hand"), 1.3, *there, rounds=order.rounds)
        compare("repeated ids", ("ids", "ids by hand"), 1.2, *there, rounds=order.rounds)
        compare("whole process", ("process", "process by hand"), 2.0, *there, rounds=order.rounds)
        table.unlink()
        if not order.text_rows:
            return
        text = folder / "log.jsonl"
        make(order.text_rows, text)
        print(f"{order.text_rows:,} rows, {text.stat().st_size / 1e6:.0f} MB JSON Lines", flush=True)  # noqa: T201
        there = (text, folder, order.text_rows)
        compare("JSON Lines, first", ("ingest", "table by hand"), 1.4, *there, rounds=order.rounds)
        compare("JSON Lines, first", ("ingest", "ingest by hand"), 1.4, *there, rounds=order.rounds)
        compare("JSON Lines, first", ("ingest", "one query"), 1.4, *there, rounds=order.rounds)
        compare("JSON Lines, again", ("ingest again", "ingest by hand"), 1.0, *there, rounds=1)
        subprocess.run(["gzip", "-1", str(text)], check=True)
        packed = text.with_suffix(".jsonl.gz")
        there = (packed, folder, order.text_rows)
        compare("packed, first", ("ingest", "gzip -dc"), 1.6, *there, rounds=order.rounds)


if __name__ == "__main__":
    main()
