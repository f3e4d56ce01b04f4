"""Reading a 2,000-sample Inspect log: our reader, our reader with store, and the official package.

Run with `AUDITGEN_INSPECT_PYTHON=/path/to/python python benchmarks/inspect_reader.py`, naming a Python that
has `inspect_ai`; without it only our two sides are measured. The log repeats the samples of a genuine
one (messages, events, attachments, three scorers) under new ids. Each side is a fresh process, imports
included: user plus system seconds and peak memory, median of `ROUNDS`. Only ratios carry over to other
machines.
"""

from __future__ import annotations

import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

ROUNDS = 5
SAMPLES = 2000
ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "tests" / "data" / "inspect" / "policy-0.3.285.eval"
READER = """
import sys
from pathlib import Path
from auditgen.sources.inspect_ai import InspectSource
from auditgen.sources.interface import Context
assert sum(1 for _ in InspectSource().read(Path(sys.argv[1]), Context())) >= 2000
"""
STORED = """
import sys, tempfile
from pathlib import Path
from auditgen.evidence.store import EvidenceStore
from auditgen.sources.reading import SourceRegistry, read_file
with tempfile.TemporaryDirectory() as folder:
    file = read_file(Path(sys.argv[1]), name="x", source_id="s", mapping=None,
                     store=EvidenceStore(Path(folder)), registry=SourceRegistry.load())
    assert file.reading.counts.observations == 2000
    assert not any(a.code == "aggregate-mismatch" for a in file.reading.anomalies)
"""
OFFICIAL = """
import sys
from inspect_ai.log import read_eval_log
assert len(read_eval_log(sys.argv[1]).samples) == 2000
"""


def make_log(path: Path) -> dict[str, int]:
    """Write the log. Returns its size, packed and inflated."""
    from auditgen.sources.inspect_archive import open_archive, sample_members

    with TEMPLATE.open("rb") as stream:
        archive = open_archive(TEMPLATE, stream)
        genuine = [archive.read(info.filename) for info in sample_members(archive)]
        header = json.loads(archive.read("header.json"))
        start = archive.read("_journal/start.json")
        summaries = json.loads(archive.read("summaries.json"))
    ids = [f"s{number:04d}" for number in range(SAMPLES)]
    header["eval"]["dataset"] |= {"samples": SAMPLES, "sample_ids": ids}
    header["eval"]["config"]["epochs"] = 1
    header["results"] = None
    members: dict[str, bytes] = {"_journal/start.json": start}
    listed = []
    for number, name in enumerate(ids):
        old = json.loads(genuine[number % len(genuine)])
        new = {"id": name, "epoch": 1, "uuid": f"u{number:021d}"}
        members[f"samples/{name}_epoch_1.json"] = json.dumps({**old, **new}).encode()
        same = (s for s in summaries if (s["id"], s["epoch"]) == (old["id"], old["epoch"]))
        listed.append({**next(same), **new})
    members["summaries.json"] = json.dumps(listed).encode()
    members["header.json"] = json.dumps(header).encode()
    path.write_bytes(_zip(members))
    return {"bytes": path.stat().st_size, "inflated_bytes": sum(map(len, members.values()))}


def _zip(members: dict[str, bytes]) -> bytes:
    """An archive with zstd members, which `zipfile` cannot write before Python 3.14."""
    import zstandard

    out, directory = bytearray(), bytearray()
    compressor = zstandard.ZstdCompressor(level=3)
    for name, data in members.items():
        packed = compressor.compress(data)
        common = struct.pack(
            "<5H3I2H", 63, 0, 93, 0, 0x5A21, zlib.crc32(data), len(packed), len(data), len(name), 0
        )
        directory += b"PK\x01\x02" + struct.pack("<H", 63) + common
        directory += struct.pack("<3H2I", 0, 0, 0, 0, len(out)) + name.encode()
        out += b"PK\x03\x04" + common + name.encode() + packed
    sizes = (len(members), len(members), len(directory), len(out), 0)
    return bytes(out + directory + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, *sizes))


def measure(python: str, code: str, log: Path) -> dict[str, float]:
    """Median CPU seconds and peak memory (MiB) of fresh processes."""
    seconds, memory = [], []
    for _ in range(ROUNDS):
        with subprocess.Popen([python, "-c", code, str(log)]) as process:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            message = f"`{python}` ended with {process.returncode}"
            raise SystemExit(message)
        seconds.append(used.ru_utime + used.ru_stime)
        memory.append(used.ru_maxrss / 1024)
    return {"cpu_seconds": statistics.median(seconds), "peak_mib": statistics.median(memory)}


def main() -> None:
    """Measure and print JSON: sizes, each side, and the official reader's multiple of ours."""
    official = os.environ.get("AUDITGEN_INSPECT_PYTHON")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.eval"
        # in a process of its own: what this one holds would count as its children's peak memory
        made = subprocess.run([sys.executable, __file__, str(log)], check=True, stdout=subprocess.PIPE)
        result: dict[str, Any] = {"samples": SAMPLES, **json.loads(made.stdout)}
        result["reader"] = measure(sys.executable, READER, log)
        result["reader_and_store"] = measure(sys.executable, STORED, log)
        if official:
            result["official"] = measure(official, OFFICIAL, log)
            result["official_over_ours"] = {
                f"{side}_{figure}": round(result["official"][figure] / result[side][figure], 2)
                for side in ("reader", "reader_and_store")
                for figure in ("cpu_seconds", "peak_mib")
            }
    print(json.dumps(result, indent=2))  # noqa: T201


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(make_log(Path(sys.argv[1]))))  # noqa: T201
    else:
        main()
