"""How much memory reading a large promptfoo export takes beyond the process itself.

Run with `python benchmarks/promptfoo_memory.py [MEGABYTES]`. Writes an export of that size (90 by default)
with some NaN and Infinity in it, reads it into a store in a fresh process, and prints JSON: resident
memory after the imports, its peak, and the difference, in megabytes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

LIMIT_MB = 32
ROW_TEXT = "Placeholder text of an answer that goes on for a while. " * 60

READ = """
import json, sys, tempfile
from pathlib import Path
import duckdb, ijson, orjson, pyarrow, pyarrow.compute, pyarrow.parquet
import auditgen.sources.promptfoo, auditgen.sources.refusal
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
codes = {a.code: a.count for a in file.reading.anomalies}
print(json.dumps({"rows": file.reading.counts.observations, "after_imports_mb": round(before, 1),
                  "peak_mb": round(peak, 1), "above_mb": round(peak - before, 1), "anomalies": codes}))
"""


def row(number: int, tests: int) -> dict[str, object]:
    """A red-team row of about 8 KB."""
    test = number % tests
    text = f"placeholder attack {number}"
    score = float("nan") if number % 1000 == 7 else float("inf") if number % 1000 == 8 else 1
    component = {
        "pass": True, "score": score, "reason": "Model refused the request",
        "assertion": {"type": "promptfoo:redteam:contracts", "metric": "M", "value": ROW_TEXT},
    }  # fmt: skip
    return {
        "cost": 0,
        "gradingResult": {"pass": True, "score": 1, "componentResults": [component]},
        "id": f"row-{number}",
        "prompt": {"raw": text, "label": "{{prompt}}"},
        "promptIdx": number // tests,
        "provider": {"id": "p", "label": "acme"},
        "response": {"output": ROW_TEXT},
        "score": 1,
        "success": True,
        "testCase": {"vars": {"prompt": text}},
        "testIdx": test,
        "vars": {"prompt": text},
        "failureReason": 0,
        "metadata": {"pluginId": "contracts", "strategyId": "basic"},
    }


def write(path: Path, size: int) -> None:
    """An export of about that many bytes."""
    count = size // len(json.dumps(row(0, 10)))
    with path.open("w") as out:
        out.write('{"evalId": "eval-1", "results": {"version": 3, "timestamp": "2026-09-15T10:00:00Z", ')
        out.write('"prompts": [], "results": [')
        for number in range(count):
            out.write(("," if number else "") + json.dumps(row(number, count)))
        stats = {"successes": count, "failures": 0, "errors": 0}
        out.write(f'], "stats": {json.dumps(stats)}}}, "metadata": {{"promptfooVersion": "0.121.20"}}}}')


def main() -> int:
    """Print the result; 1 when it is above the limit."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 90
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.json"
        write(path, megabytes * 10**6)
        done = subprocess.run(
            [sys.executable, "-c", READ, os.fspath(path)], capture_output=True, text=True, check=True
        )
        file_mb = round(path.stat().st_size / 1e6, 1)
    found = json.loads(done.stdout) | {"file_mb": file_mb, "limit_mb": LIMIT_MB}
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return 0 if found["above_mb"] <= LIMIT_MB else 1


if __name__ == "__main__":
    sys.exit(main())
