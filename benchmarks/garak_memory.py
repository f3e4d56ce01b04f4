"""How memory grows with the size of a garak report.

Run with `python benchmarks/garak_memory.py [SMALL_MB LARGE_MB]` (100 and 1000 by default; the temporary
directory needs twice the larger size). Each report repeats attempts under fresh ids, every one written
twice as garak does, and is read into a store in a fresh process. Prints JSON: the peak of resident memory
above what the imports take, for both sizes, and the ratio of the whole peaks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

TEXT = "Placeholder of an attack that goes on for a while before it asks for anything. " * 18
PROBES = ("dan.Dan_11_0", "encoding.InjectBase64", "goodside.Tag", "snowball.Primes")
DETECTORS = ("mitigation.MitigationBypass", "base.TriggerListDetector")
SETUP = {
    "entry_type": "start_run setup", "_config.version": "0.17.1", "plugins.target_type": "test.Repeat",
    "run.generations": 2,
}  # fmt: skip
INIT = {
    "entry_type": "init", "garak_version": "0.17.1", "start_time": "2026-09-16T14:02:11", "run": "run-1",
}  # fmt: skip

READ = """
import json, sys, tempfile
from pathlib import Path
import duckdb, ijson, orjson, pyarrow, pyarrow.compute, pyarrow.parquet
import auditgen.sources.garak, auditgen.sources.refusal
from auditgen.evidence.store import EvidenceStore
from auditgen.sources.reading import SourceRegistry, read_file
from auditgen.sources.suites import SuiteLibrary

def field(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":")) / 1024

registry, suites = SourceRegistry.load(), SuiteLibrary.load()
[plugin.value() for plugin in registry.plugins]
Path("/proc/self/clear_refs").write_text("5")  # the peak of the imports themselves is none of reading
before = field("VmRSS")
with tempfile.TemporaryDirectory() as folder:
    file = read_file(Path(sys.argv[1]), name="x", source_id="s", mapping=None,
                     store=EvidenceStore(Path(folder)), registry=registry, suites=suites)
peak = field("VmHWM")
assert file.reading.counts.missing == 0, file.reading.counts
print(json.dumps({"outputs": file.reading.counts.observations, "peak_mb": round(peak, 1),
                  "above_imports_mb": round(peak - before, 1)}))
"""


def write(path: Path, size: int) -> None:
    """A finished report of about that many bytes."""
    cache = {f"probes.{p}": {"primary_detector": DETECTORS[n % 2]} for n, p in enumerate(PROBES)}
    with path.open("w") as out:

        def put(entry: dict[str, object]) -> None:
            out.write(json.dumps(entry) + "\n")

        put(SETUP)
        put(INIT)
        put({"entry_type": "plugin_cache", "plugin_cache": {"probes": cache}})
        number = 0
        while out.tell() < size:
            probe = PROBES[number % len(PROBES)]
            attempt: dict[str, object] = {
                "entry_type": "attempt", "uuid": str(uuid.UUID(int=number * 0x9E3779B97F4A7C15 % 2**128)),
                "seq": number, "status": 1, "probe_classname": probe, "notes": {}, "detector_results": {},
                "prompt": {"turns": [{"role": "user", "content": {"text": f"{TEXT}{number}"}}]},
                "outputs": [{"text": f"{TEXT[:700]}{number} {index}"} for index in range(2)],
            }  # fmt: skip
            put(attempt)
            scores = {name: [number % 1000 / 1000, 0.0] for name in DETECTORS}
            put({**attempt, "status": 2, "detector_results": scores})
            number += 1
        put({"entry_type": "completion", "end_time": "2026-09-16T15:00:00", "run": "run-1"})


def measured(megabytes: int) -> dict[str, float]:
    """What reading a report of that size takes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "garak.report.jsonl"
        write(path, megabytes * 10**6)
        command = [sys.executable, "-c", READ, os.fspath(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found: dict[str, float] = json.loads(done.stdout)
        return {"file_mb": round(path.stat().st_size / 1e6, 1), **found}


def main() -> None:
    """Print both and the ratio."""
    sizes = [int(text) for text in sys.argv[1:3]] if len(sys.argv) > 2 else [100, 1000]
    small, large = (measured(size) for size in sizes)
    ratio = round(large["peak_mb"] / small["peak_mb"], 2)
    found = {"small": small, "large": large, "peak_ratio": ratio}
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
