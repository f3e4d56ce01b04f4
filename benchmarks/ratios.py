"""Ratios of CPU time against a named baseline, measured in the same run on the same machine.

Run with `python benchmarks/ratios.py`. Each side is a fresh process; user plus system seconds, median
of `ROUNDS`. A ratio says what the program adds to a bare program that does the same reading; absolute
seconds are not compared between machines.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 5
ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples" / "quarter" / "evidence"

CLICK = """
import click
@click.group()
def cli(): "a group"
@cli.command()
def one(): "a command"
try:
    cli(["--help"], standalone_mode=False)
except SystemExit:
    pass
"""
HELP = "from auditgen.cli import run; run(['--help'])"
BARE_EVAL = """
import struct, sys, zipfile, zlib
import orjson, zstandard
with zipfile.ZipFile(sys.argv[1]) as archive, open(sys.argv[1], "rb") as stream:
    for info in archive.infolist():
        stream.seek(info.header_offset)
        header = stream.read(30)
        stream.seek(sum(struct.unpack("<HH", header[26:30])), 1)
        raw = stream.read(info.compress_size)
        data = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True).read()
        assert zlib.crc32(data) == info.CRC
        orjson.loads(data)
"""
READ_EVAL = """
import sys, tempfile
from pathlib import Path
from auditgen.evidence.store import EvidenceStore
from auditgen.sources.reading import SourceRegistry, read_file
with tempfile.TemporaryDirectory() as folder:
    file = read_file(Path(sys.argv[1]), name="x", source_id="s", mapping=None,
                     store=EvidenceStore(Path(folder)), registry=SourceRegistry.load())
    assert file.reading.counts.observations == 1000
"""
BARE_TABLE = """
import sys
import duckdb
connection = duckdb.connect()
for column in ("result", "rail_verdict", "rail_action", "plan", "model", "request_class"):
    connection.execute(
        f"SELECT {column}, count(*) FROM read_parquet(?) GROUP BY 1", [sys.argv[1]]
    ).fetchall()
"""
READ_TABLE = """
import sys
from pathlib import Path
from auditgen.evidence.columnar import scan
from auditgen.evidence.tables import connect
from auditgen.evidence.mapping import RecordMap
from auditgen.sources.table import table_of
mapping = RecordMap.model_validate({
    "time": {"from": "event_time"}, "model": {"from": "model"}, "cohort": {"from": "plan"},
    "outcome": {"from": "result", "values": {"answered": "complied", "refused": "refused"}},
    "guardrail_verdict": {"from": "rail_verdict"}, "guardrail_action": {"from": "rail_action"},
})
assert scan(connect(), table_of(Path(sys.argv[1]), "table.parquet"), mapping).rows
"""


def cpu_seconds(code: str, *arguments: str) -> float:
    """User plus system seconds of one fresh interpreter running `code`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run(
        [sys.executable, "-c", code, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def large_parquet(folder: Path) -> Path:
    """The sample's September, fifty times over: about a million rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(SAMPLES / "gateway" / "gateway-2026-09.parquet")
    path = folder / "large.parquet"
    pq.write_table(pa.concat_tables([table] * 50), path, compression="zstd")
    return path


def main() -> None:
    """Measure every pair and print one line each, then JSON."""
    log = str(next((SAMPLES / "lantern-rock").glob("*policy-behaviour*.eval")))
    with tempfile.TemporaryDirectory() as folder:
        parquet = str(large_parquet(Path(folder)))
        pairs = {
            "`auditgen --help` / bare click program": (HELP, CLICK, ()),
            "read 1,000-sample .eval / zstandard + orjson over its members": (READ_EVAL, BARE_EVAL, (log,)),
            "scan a mapped million-row Parquet / DuckDB counting six columns": (
                READ_TABLE,
                BARE_TABLE,
                (parquet,),
            ),
        }
        results = {}
        for name, (ours, baseline, arguments) in pairs.items():
            cpu_seconds(ours, *arguments)  # the first run writes bytecode and warms the page cache
            mine = statistics.median(cpu_seconds(ours, *arguments) for _ in range(ROUNDS))
            base = statistics.median(cpu_seconds(baseline, *arguments) for _ in range(ROUNDS))
            results[name] = {
                "ours": round(mine, 3),
                "baseline": round(base, 3),
                "ratio": round(mine / base, 2),
            }
            print(f"{results[name]['ratio']:6.2f}  {name}")  # noqa: T201
    print(json.dumps(results, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
