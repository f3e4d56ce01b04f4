"""Makes the files beside it out of a running Phoenix: `python make.py http://127.0.0.1:6006`.

Needs `arize-phoenix` (20.26, with its client 3.5) and a server that was just started with an empty
directory. The spans are those of `../openinference/otlp.json`; the annotations are made here, one of them about a
span that is not exported. Phoenix's own ids and times of annotations differ in every run.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from pathlib import Path

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from phoenix.client import Client

HERE = Path(__file__).parent
PROJECT = "prod"


def with_base64(value: object) -> object:
    """Ids as protobuf's JSON wants them."""
    import base64

    if isinstance(value, list):
        return [with_base64(item) for item in value]
    if not isinstance(value, dict):
        return value
    ids = {"traceId", "spanId", "parentSpanId"}
    return {k: base64.b64encode(bytes.fromhex(v)).decode() if k in ids else with_base64(v) for k, v in value.items()}


def main(address: str) -> None:
    """Hand the spans in, annotate them, export."""
    message = json.loads((HERE.parent / "openinference" / "otlp.json").read_text())
    request = ParseDict(with_base64(message), ExportTraceServiceRequest())
    post = urllib.request.Request(
        f"{address}/v1/traces",
        data=request.SerializeToString(),
        headers={"content-type": "application/x-protobuf"},
    )
    urllib.request.urlopen(post).read()
    client = Client(base_url=address)
    for _ in range(50):
        spans = client.spans.get_spans_dataframe(project_identifier=PROJECT)
        if len(spans) == 7:
            break
        time.sleep(0.2)
    by_kind = spans[spans["span_kind"] == "LLM"].sort_values("start_time")
    ids = list(by_kind["context.span_id"])
    for span_id, kind, label, score in (
        (ids[1], "LLM", "safe", 0.1),
        (ids[2], "HUMAN", "pass", None),
        (ids[0], "CODE", None, 1.0),
    ):
        client.spans.add_span_annotation(
            span_id=span_id,
            annotation_name="harm",
            annotator_kind=kind,
            label=label,
            score=score,
            explanation="because",
            sync=True,
        )
    kept = spans[spans["context.span_id"] != ids[0]]
    kept.to_parquet(HERE / "spans.parquet")
    kept.to_csv(HERE / "spans.csv", index=False)
    kept.to_json(HERE / "spans.jsonl", orient="records", lines=True, date_format="iso")
    marks = client.spans.get_span_annotations_dataframe(span_ids=ids, project_identifier=PROJECT).reset_index()
    marks.to_json(HERE / "annotations.jsonl", orient="records", lines=True, date_format="iso")
    marks.to_csv(HERE / "annotations.csv", index=False)
    marks.assign(metadata=None).to_parquet(HERE / "annotations.parquet")  # Parquet has no empty objects
    for name, path in (
        ("rest-spans.json", f"projects/{PROJECT}/spans?limit=100"),
        ("rest-page.json", f"projects/{PROJECT}/spans?limit=2"),
        ("rest-annotations.json", f"projects/{PROJECT}/span_annotations?" + "&".join(f"span_ids={i}" for i in ids)),
    ):
        data = urllib.request.urlopen(f"{address}/v1/{path}").read()
        (HERE / name).write_bytes(data + b"\n")


if __name__ == "__main__":
    main(sys.argv[1])
