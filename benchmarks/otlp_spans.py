"""Reading OTLP/JSON spans: how many in a CPU second, beside a plain flatten of the same bytes.

`plain_flatten` is what anybody would write: `json.loads` for each line, then a loop that makes a dict of
each span's attributes, and nothing else. The other sides: `parse_alone` (orjson over the same lines),
`digest_alone` (SHA-256 over the same bytes), `records_alone` (as many observations made of constants),
`store_alone` (as many put into the evidence store), `engine_alone` (no Python at all: the embedded engine
reads the lines with the types of a span and turns seven attributes into columns), `reader` (observations out
of the reader) and `reader_and_store` (the same into the store, as a report has it: digest, reading, Parquet).
Each side is a fresh process; user plus system seconds beyond those of a file of one span, median of `ROUNDS`,
sides interleaved. Only ratios carry over.

Five times the flatten was wished for. `store_alone` is about twice as fast as the flatten, `parse_alone` 3 to
4 times and `records_alone` 3.5 to 7 times, so nothing that hands records over one by one gets there;
`engine_alone` takes about twice as long as the flatten, so leaving the spans to the engine's columns does not
get there either. Of the reader's time a quarter goes into parsing and flattening, a tenth into the search for
credentials (many records at once), a fifth each into words and into the record; the rest is spent on memory.
Collections of garbage are rare while a file is read, in the reader's side here as in a report.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 3
SPANS, BATCH = 40_960, 512
START = 1_788_000_000_000_000_000
SIDES = {
    "plain_flatten": """
import json, sys
count = 0
with open(sys.argv[1], "rb") as stream:
    for line in stream:
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    flat = {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}
                    count += bool(flat)
assert count
""",
    "parse_alone": """
import sys, orjson
with open(sys.argv[1], "rb") as stream:
    for line in stream:
        orjson.loads(line)
""",
    "digest_alone": """
import sys, hashlib
with open(sys.argv[1], "rb") as stream:
    hashlib.file_digest(stream, "sha256").hexdigest()
""",
    "records_alone": """
import sys
from datetime import UTC, datetime, timedelta
from auditgen.evidence.model import Basis, Observation, Outcome
at = datetime(2026, 9, 1, tzinfo=UTC)
with open(sys.argv[1], "rb") as stream:
    for line in stream:
        for number in range(line.count(b'"traceId"')):
            Observation(
                run_key="production", sample_id="s", prompt_key="s", epoch=1, outcome=Outcome.UNSCORED,
                basis=Basis.NONE, locator=f"l{number}", suite="production", model="m", response="r",
                observed_at=at + timedelta(microseconds=number), endpoint="chat", transport="served",
            )
""",
    "store_alone": """
import sys, tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from auditgen.evidence.model import Basis, Observation, Outcome
from auditgen.evidence.store import EvidenceStore
at = datetime(2026, 9, 1, tzinfo=UTC)
one = Observation(
    run_key="production", sample_id="s", prompt_key="s", epoch=1, outcome=Outcome.UNSCORED,
    basis=Basis.NONE, locator="l", suite="production", model="m", response="r",
    observed_at=at, endpoint="chat", transport="served",
)
with open(sys.argv[1], "rb") as stream, tempfile.TemporaryDirectory() as folder:
    writer = EvidenceStore(Path(folder)).write("k" * 40, "a" * 64)
    for line in stream:
        for number in range(line.count(b'"traceId"')):
            writer.add(one)
    writer.discard()
""",
    "engine_alone": r"""
import sys, duckdb
engine = duckdb.connect(config={"memory_limit": "640MiB"})
engine.execute("SET enable_progress_bar = false")
value = "STRUCT(stringValue VARCHAR, intValue VARCHAR, boolValue BOOLEAN, arrayValue JSON)"
attributes = f'STRUCT("key" VARCHAR, "value" {value})[]'
spans = f'STRUCT("spanId" VARCHAR, "startTimeUnixNano" VARCHAR, "attributes" {attributes})[]'
kind = f'STRUCT("scopeSpans" STRUCT("spans" {spans})[])[]'
keys = ("gen_ai.operation.name", "gen_ai.request.model", "gen_ai.response.model", "gen_ai.response.id",
        "user.tier", "gen_ai.output.messages", "gen_ai.response.finish_reasons")
columns = ", ".join(f"m['{key}'] AS a{number}" for number, key in enumerate(keys))
pairs = "(a.key, coalesce(a.value.stringValue, a.value.intValue, a.value.arrayValue::VARCHAR))"
lines = (f"read_json(?, columns = {{resourceSpans: '{kind}'}}, format = 'newline_delimited',"
         " maximum_object_size = 100000000)")
engine.execute(
    f"CREATE TABLE spans AS SELECT spanId, startTimeUnixNano, {columns} FROM (SELECT s.spanId,"
    f" s.startTimeUnixNano, map_from_entries([{pairs} for a in s.attributes]) AS m"
    " FROM (SELECT unnest(p.spans) AS s FROM (SELECT unnest(r.scopeSpans) AS p FROM"
    f" (SELECT unnest(resourceSpans) AS r FROM {lines}))))", [sys.argv[1]])
assert engine.execute("SELECT count(a0) FROM spans").fetchone()[0]
""",
    "reader": """
import sys
from pathlib import Path
from auditgen.evidence.model import Observation
from auditgen.sources.interface import Context
from auditgen.sources.otlp import OpenTelemetrySource
from auditgen.sources.reading import rarely_collected
items = rarely_collected(OpenTelemetrySource().read(Path(sys.argv[1]), Context()))
assert sum(isinstance(item, Observation) for item in items)
""",
    "reader_and_store": """
import sys, tempfile
from pathlib import Path
from auditgen.evidence.store import EvidenceStore
from auditgen.sources.reading import SourceRegistry, read_file
with tempfile.TemporaryDirectory() as folder:
    file = read_file(Path(sys.argv[1]), name="x", source_id="s", mapping=None,
                     store=EvidenceStore(Path(folder)), registry=SourceRegistry.load())
    assert file.reading.counts.observations
""",
}


def span(number: int) -> dict[str, object]:
    """One request, with the attributes that the SDK's own sample has (1,409 bytes a span there)."""
    texts = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.conversation.id": f"conv-{number}",
        "user.tier": ("free", "paid")[number % 2],
        "tenant.id": "acme",
        "gen_ai.response.model": "gpt-4o-2024-11-20",
        "gen_ai.response.id": f"chatcmpl-{number:08d}",
    }
    finish = ("stop", "stop", "stop", "content_filter")[number % 4]
    said = [{"role": "assistant", "parts": [{"type": "text", "content": "..."}], "finish_reason": finish}]
    attributes: list[dict[str, object]] = [
        {"key": key, "value": {"stringValue": text}} for key, text in texts.items()
    ]
    attributes += [
        {
            "key": "gen_ai.response.finish_reasons",
            "value": {"arrayValue": {"values": [{"stringValue": finish}]}},
        },
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": str(number % 997)}},
        {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "40"}},
        {"key": "gen_ai.output.messages", "value": {"stringValue": json.dumps(said)}},
    ]
    at = START + number * 1_000_000
    return {
        "traceId": f"{number + 1:032x}",
        "spanId": f"{number + 1:016x}",
        "name": "chat gpt-4o",
        "kind": 3,
        "startTimeUnixNano": str(at),
        "endTimeUnixNano": str(at + 900_000),
        "attributes": attributes,
        "status": {},
        "flags": 256,
    }


def write(path: Path, spans: int) -> float:
    """A file as the collector's file exporter writes it; bytes a span."""
    with path.open("w", encoding="utf-8") as stream:
        for start in range(0, spans, BATCH):
            made = [span(number) for number in range(start, min(spans, start + BATCH))]
            scope = {"scope": {"name": "acme"}, "spans": made}
            scope |= {"schemaUrl": "https://opentelemetry.io/schemas/1.41.0"}
            service = {"key": "service.name", "value": {"stringValue": "chat-gateway"}}
            of_resource = {"resource": {"attributes": [service]}, "scopeSpans": [scope]}
            stream.write(json.dumps({"resourceSpans": [of_resource]}) + "\n")
    return path.stat().st_size / spans


def seconds(code: str, path: Path) -> float:
    """User and system seconds of a fresh process."""
    with subprocess.Popen([sys.executable, "-c", code, str(path)]) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        message = f"a side ended with {process.returncode}"
        raise SystemExit(message)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure and print JSON."""
    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder) / "large.jsonl", Path(folder) / "small.jsonl"
        size = write(large, SPANS)
        write(small, 1)
        taken: dict[str, list[float]] = {side: [] for side in SIDES}
        for _ in range(ROUNDS):
            for side, code in SIDES.items():
                taken[side].append(seconds(code, large) - seconds(code, small))
    rates = {side: SPANS / statistics.median(times) for side, times in taken.items()}
    plain = rates["plain_flatten"]
    result = {
        "spans": SPANS,
        "bytes_per_span": round(size),
        "spans_per_cpu_second": {side: round(rate) for side, rate in rates.items()},
        "of_plain_flatten": {side: round(rate / plain, 2) for side, rate in rates.items()},
    }
    print(json.dumps(result, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
