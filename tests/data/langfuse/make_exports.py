"""Makes the files beside it from the public field list of Langfuse's blob export: synthetic. Needs pyarrow."""

import csv
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
NAMES = [
    "id", "trace_id", "project_id", "environment", "type", "parent_observation_id", "start_time", "end_time", "name", "metadata",
    "level", "status_message", "version", "input", "output", "provided_model_name", "model_parameters", "latency", "user_id",
    "trace_name", "tags",
]


def row(number, trace, kind="GENERATION", parent="root", output=None, **more):
    asked = json.dumps([{"role": "user", "content": f"placeholder {number}"}])
    made = {
        "id": f"o-{number}", "trace_id": trace, "project_id": "p-1", "environment": "production", "type": kind,
        "parent_observation_id": parent, "start_time": f"2026-09-01 10:00:{number:02}.000000",
        "end_time": f"2026-09-01 10:00:{number + 1:02}.500000", "name": kind.lower(), "metadata": json.dumps({"tier": "free"}),
        "level": "DEFAULT", "status_message": None, "version": None, "input": asked,
        "output": json.dumps(output) if isinstance(output, dict) else output,
        "provided_model_name": "acme-1" if kind == "GENERATION" else None, "model_parameters": "{}", "latency": 1.5,
        "user_id": "u-1", "trace_name": "chat", "tags": '["tier:free"]',
    }
    return {**made, **more}


SAYS = {"verdict": "deny", "action": "block"}
ROWS = [
    row(0, "t-0", output={"role": "assistant", "content": "Fine."}),
    row(1, "t-1", output={"choices": [{"finish_reason": "stop", "message": {"content": None, "refusal": "No."}}]}),
    row(2, "t-2", output="cut", level="ERROR", status_message="Error code: 400 - {'error': {'code': 'content_filter'}}"),
    row(3, "t-3", output=None, level="ERROR", status_message="Connection reset"),
    row(4, "t-4", "GUARDRAIL", output={"verdict": "flag", "action": "pass"}),
    row(5, "t-4", output={"role": "assistant", "content": "Fine."}),
    row(6, "t-5", "GUARDRAIL", output=SAYS),
    row(7, "t-6", "GUARDRAIL", parent="a", output={"verdict": "modify", "action": "modify"}),
    row(8, "t-6", parent="a", output={"role": "assistant", "content": "Masked."}),
    row(9, "t-6", parent="b", output={"role": "assistant", "content": "Fine."}),
    row(10, "t-7", "GUARDRAIL", output="harmful"),
    row(11, "t-7", output={"role": "assistant", "content": "Fine."}),
    row(12, "t-0", "SPAN", parent=None),
]
SCORE_NAMES = [
    "id", "timestamp", "project_id", "environment", "trace_id", "observation_id", "session_id", "dataset_run_id", "name", "value",
    "source", "comment", "data_type", "string_value",
]


def score(number, name, value, source, data_type, about=None, trace=None, text=None):
    return dict(zip(SCORE_NAMES, [
        f"s-{number}", "2026-09-01 11:00:00.000000", "p-1", "production", trace, about, None, None, name, value, source, None,
        data_type, text], strict=True))


SCORES = [
    score(0, "refused", 1.0, "ANNOTATION", "BOOLEAN", "o-0", "t-0", "True"),
    score(1, "tone", 0.0, "EVAL", "TEXT", "o-0", "t-0", "curt"),
    score(2, "quality", 0.5, "API", "NUMERIC", None, "t-4"),
    score(3, "quality", 0.1, "EVAL", "NUMERIC", "o-99", "t-99"),
]

if __name__ == "__main__":
    window = "2026-09-01-10"
    with (HERE / "observations_v2" / f"{window}.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, NAMES)
        writer.writeheader()
        writer.writerows(ROWS)
    lines = "".join(json.dumps(one) + "\n" for one in ROWS).encode()
    (HERE / "observations_v2" / "2026-09-01-11.jsonl.gz").write_bytes(gzip.compress(lines, mtime=0))
    pq.write_table(pa.Table.from_pylist(ROWS), HERE / "observations_v2" / "2026-09-01-12.parquet")
    pq.write_table(pa.Table.from_pylist(ROWS).slice(0, 0), HERE / "observations_v2" / "2026-09-01-13.parquet")
    (HERE / "observations_v2" / "2026-09-01-14.json").write_text(json.dumps(ROWS))
    with (HERE / "scores" / f"{window}.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, SCORE_NAMES)
        writer.writeheader()
        writer.writerows(SCORES)
    files = [{"path": f"observations_v2/{window}.csv", "rowCount": 13}, {"path": "observations_v2/2026-09-01-13.parquet", "rowCount": None}]
    (HERE / "manifest.json").write_text(json.dumps({"files": files}, indent=2))
