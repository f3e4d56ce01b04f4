"""Coverage-guided fuzzing of every reader, with atheris.

    pip install atheris
    python fuzz/readers.py tests/data/seeds tests/data/found -max_total_time=600

The first bytes of an input choose how it is read; what a reader raises, or what takes longer than a few
seconds, is a find. Put it into `tests/data/found/` under a name that says what it is: the test suite
reads everything there.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["auditgen"]):
    from auditgen.evidence.mapping import RecordMap
    from auditgen.evidence.store import EvidenceStore
    from auditgen.evidence.tables import TableFault
    from auditgen.sources.interface import Context, Probe
    from auditgen.sources.reading import SourceRegistry
    from auditgen.sources.rows import read_rows
    from auditgen.sources.suites import SuiteLibrary
    from auditgen.sources.table import TableSource, table_of

REGISTRY = SourceRegistry.load()
SUITES = SuiteLibrary.load()
PLACE = Path(tempfile.mkdtemp())
TABLE = Context(
    RecordMap.model_validate(
        {
            "records": "evaluation",
            "sample": {"from": "id"},
            "response": {"from": "answer"},
            "time": {"from": "when"},
        }
    ),
    SUITES,
)


def one(data: bytes) -> None:
    """Let every reader look at the bytes, and read them with each that claims them."""
    path = PLACE / "input"
    path.write_bytes(data)
    probe = Probe(path)
    for plugin in REGISTRY.plugins:
        source = plugin.value()
        claim = source.recognise(probe)
        if claim is None:
            continue
        if not isinstance(source, TableSource):
            writer = EvidenceStore(PLACE / "store").write("0" * 40, "0" * 64)
            try:
                for item in source.read(path, Context(suites=SUITES)):
                    if type(item).__name__ == "Observation":
                        writer.add(item)
            finally:
                writer.discard()
        elif claim.format != "table.xlsx":
            try:
                for _ in read_rows(table_of(path, claim.format), TABLE):
                    pass
            except (TableFault, OSError, EOFError):
                pass  # said so, as `read_file` would


ODD = [
    None, True, False, 0, -1, 1.5, 1e308, 2**70, "", "x", "\ud800", "\x00", "=1+1", "2026-09-01",
    "NaN", [], {}, [[]], [{}], {"": None}, {"a": {"a": {"a": []}}}, "y" * 5000, float("nan"), float("-inf"),
]  # fmt: skip


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Every other time a value somewhere in a JSON document or line becomes another one."""
    dice = random.Random(seed)
    lines = data.split(b"\n")
    at = dice.randrange(len(lines))
    try:
        value = json.loads(data if dice.random() < 0.5 else lines[at])
    except (ValueError, RecursionError):
        return atheris.Mutate(data, max_size)
    spot = value
    for _ in range(dice.randrange(1, 6)):
        keys = list(spot) if isinstance(spot, dict) else range(len(spot)) if isinstance(spot, list) else ()
        if not keys:
            break
        key = dice.choice(list(keys))
        if dice.random() < 0.4 or not isinstance(spot[key], dict | list):
            spot[key] = dice.choice(ODD)
            break
        spot = spot[key]
    made = json.dumps(value).encode("utf-8", "replace")
    try:
        json.loads(data)
    except ValueError:
        lines[at] = made
        made = b"\n".join(lines)
    return made[:max_size]


if __name__ == "__main__":
    atheris.Setup(sys.argv, one, custom_mutator=mutate)
    atheris.Fuzz()
