"""A thousand quantities over a million observations, beside one query written by hand in the same engine.

Run with `python benchmarks/many_quantities.py [--rows 1000000] [--rounds 3]`. Five indicators in 200 slices
(category x cohort), each with its counts, clusters, interval, worst and best case. The baseline
(`baselines/many.sql`) returns the sums behind the same numbers, and computes no interval. Sides are fresh
processes, interleaved; CPU is user plus system seconds without imports and making the views, which are equal.
`cells` is the reading of the records alone, `quantities` that and everything after it.

Less than three times the query was wished for. Reading alone takes about two times: it groups by every column
by which anything may be counted, the query by the two and the prompt that it was written for. The rest is
about 0.9 ms for each quantity, of which half is counting clusters and half is the statistics.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CATEGORIES, COHORTS, REPEATS = 40, 5, 5
INDICATORS = ("refusal-rate", "over-refusal", "attack-success", "disallowed-completion", "compliance-gap")
ROWS = f"""
SELECT 'o' || i AS obs_id, 'run' AS run_key, 's' || i AS sample_id, md5((i // {REPEATS})::VARCHAR)
  AS prompt_key,
  (1 + i % {REPEATS})::INTEGER AS epoch, 'suite' AS suite, 'thistle-1' AS model,
  ['refused', 'refused', 'refused', 'complied', 'partial', 'neither', 'blocked_output', 'unscored',
   'provider_error', 'complied'][1 + (hash(i) % 10)::BIGINT] AS outcome,
  'judge' AS basis, ['refuse', 'refuse', 'comply'][1 + (hash(i // {REPEATS}) % 3)::BIGINT] AS expected,
  ['monitored', 'unmonitored'][1 + (hash(i + 2) % 2)::BIGINT] AS watch, 'cue' AS watch_basis,
  'c' || (hash(i // {REPEATS} + 3) % {COHORTS}) AS cohort,
  'k' || (hash(i // {REPEATS} + 4) % {CATEGORIES}) AS category,
  ['none', 'jailbreak', 'persona'][1 + (hash(i // {REPEATS} + 5) % 3)::BIGINT] AS strategy, 'en' AS language,
  NULL::VARCHAR AS labels,
  TIMESTAMPTZ '2026-07-10 12:00:00+00' + (i % 100000) * INTERVAL 1 SECOND AS observed_at,
  NULL::VARCHAR AS guardrail_verdict, NULL::VARCHAR AS guardrail_action, 'l' || i AS locator,
  NULL::VARCHAR AS prompt, NULL::VARCHAR AS prompt_sha256, 'absent' AS prompt_state, NULL::VARCHAR AS response
FROM range({{rows}}) AS r(i)
"""
COMMON = f"""
import json, resource, sys
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
def done(seconds):
    print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024]))
by_hand = open("{HERE}/baselines/many.sql").read().replace("$file", sys.argv[1])
"""
OURS = COMMON + f"""
from datetime import date
from pathlib import Path
import numpy, pyarrow
from auditgen.evidence.engine import Part, Period, open_evidence
from auditgen.indicators import Quantity, Request, core_indicators, measure
from auditgen.indicators.cells import read_cells
core, names = core_indicators(), {INDICATORS!r}
requests = [
    Request(f"{{name}} {{k}} {{c}}", core[name], ("s",), {{"category": (f"k{{k}}",), "cohort": (f"c{{c}}",)}})
    for name in names for k in range({CATEGORIES}) for c in range({COHORTS})
]
part = Part("s", "0" * 64, Path(sys.argv[1]), has_repeats=False)
evidence = open_evidence([part], Period(date(2026, 7, 1), date(2026, 7, 31)))
start = cpu()
"""
SIDES = {
    "by hand": COMMON + """
import duckdb, tempfile
c = duckdb.connect(config={"memory_limit": "640MiB"})
c.execute("SET enable_progress_bar = false"); c.execute(f"SET temp_directory = '{tempfile.mkdtemp()}'")
start = cpu(); assert len(c.execute(by_hand).fetchall()) == 200; done(cpu() - start)
""",
    "cells": OURS + """
read_cells(evidence); done(cpu() - start)
""",
    "quantities": OURS + """
found = measure(read_cells(evidence), requests)
assert len(found) == 1000 and all(isinstance(q, Quantity) for q in found.values())
done(cpu() - start)
""",
}
SAME = OURS + """
found = measure(read_cells(evidence), requests)
for row in evidence.connection.execute(by_hand).fetchall():
    key = f"{row[0][1:]} {row[1][1:]}"
    arms = [found[f"{name} {key}"].arms[0] for name in names]
    arms += found[f"compliance-gap {key}"].arms[1:]
    for number, arm in enumerate(arms):
        h, n, u, g = map(int, row[2 + 7 * number: 6 + 7 * number])
        assert (arm.numerator, arm.denominator, arm.clusters) == (h, n, g), (key, number)
        assert arm.undecided + arm.errors == u, (key, number)
"""


def main() -> None:
    """Make the table, compare the counts once, measure, print JSON."""
    import duckdb

    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    order = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "observations.parquet"
        duckdb.connect().execute(f"COPY ({ROWS.format(rows=order.rows)}) TO '{path}' (FORMAT parquet)")
        subprocess.run([sys.executable, "-c", SAME, str(path)], check=True)
        taken: dict[str, list[tuple[float, int]]] = {side: [] for side in SIDES}
        for _ in range(order.rounds):
            for side, code in SIDES.items():
                answer = subprocess.run(
                    [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True
                )
                taken[side].append(tuple(json.loads(answer.stdout)))
    cpu = {side: statistics.median(seconds for seconds, _ in runs) for side, runs in taken.items()}
    result = {
        "rows": order.rows,
        "cpu_seconds": {side: round(seconds, 2) for side, seconds in cpu.items()},
        "of_one_query_by_hand": {side: round(seconds / cpu["by hand"], 2) for side, seconds in cpu.items()},
        "goal": 3.0,
        "peak_mib": {side: max(peak for _, peak in runs) for side, runs in taken.items()},
    }
    print(json.dumps(result, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
