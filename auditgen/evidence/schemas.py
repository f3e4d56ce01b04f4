"""The Arrow schemas of the evidence tables. Times are UTC microseconds."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from auditgen.evidence.model import Alert, Incident, MetricPoint, PublishedCount

if TYPE_CHECKING:
    import pyarrow as pa

SIDE_TABLES = {
    "metric_points": MetricPoint,
    "published_counts": PublishedCount,
    "alerts": Alert,
    "incidents": Incident,
}
"""Tables of records that are no responses; an entry has them only where there is such a record."""

OBSERVATION_COLUMNS = (
    "obs_id",
    "run_key",
    "sample_id",
    "prompt_key",
    "epoch",
    "suite",
    "model",
    "outcome",
    "basis",
    "expected",
    "watch",
    "watch_basis",
    "cohort",
    "category",
    "strategy",
    "language",
    "labels",
    "observed_at",
    "guardrail_verdict",
    "guardrail_action",
    "received_at",
    "zone_written",
    "endpoint",
    "transport",
    "sampling_rate",
    "locator",
    "prompt",
    "prompt_sha256",
    "prompt_state",
    "response",
    "error_text",
    "refusal_native",
    "refusal_detected",
    "refusal_judged",
)


def observation_schema() -> pa.Schema:
    """The Arrow schema of the observation table; times are UTC microseconds."""
    import pyarrow as pa

    moment = pa.timestamp("us", tz="UTC")
    special = {"epoch": pa.int32(), "sampling_rate": pa.float64()}
    special |= dict.fromkeys(("observed_at", "received_at"), moment)
    flags = ("zone_written", "refusal_native", "refusal_detected", "refusal_judged")
    special |= dict.fromkeys(flags, pa.bool_())
    return pa.schema([(name, special.get(name, pa.string())) for name in OBSERVATION_COLUMNS])


def score_schema() -> pa.Schema:
    """The Arrow schema of the score table."""
    import pyarrow as pa

    text = (
        "obs_id", "scorer", "metric", "raw", "state", "verdict", "threshold_origin", "direction",
        "judge", "rationale", "history",
    )  # fmt: skip
    return pa.schema(
        [(name, pa.string()) for name in text]
        + [("value", pa.float64()), ("threshold", pa.float64())]
    )


def source_file_schema() -> pa.Schema:
    """The Arrow schema of the source-file table: one row per entry."""
    import pyarrow as pa

    text = ("path", "sha256", "format", "tool", "tool_version", "reader", "reader_version")
    anomaly = pa.struct(
        [("code", pa.string()), ("message", pa.string()), ("count", pa.int64()), ("blocks", pa.bool_())]
    )
    return pa.schema(
        [(name, pa.string()) for name in text]
        + [
            ("bytes", pa.int64()),
            ("anomalies", pa.list_(anomaly)),
            ("completeness", pa.map_(pa.string(), pa.string())),
        ]
    )


def run_schema() -> pa.Schema:
    """The Arrow schema of the run table: the tool's own totals stand beside our counts of the file."""
    import pyarrow as pa

    text = (
        "run_key", "native_id", "suite", "suite_version", "model", "model_origin", "native_status",
    )  # fmt: skip
    moment = pa.timestamp("us", tz="UTC")
    counts = ("planned", "file_observations", "file_executed", "file_errored", "file_scored")
    return pa.schema(
        [(name, pa.string()) for name in text]
        + [("started_at", moment), ("ended_at", moment), ("tz_known", pa.bool_())]
        + [(name, pa.int64()) for name in counts]
        + [("native_aggregates", pa.map_(pa.string(), pa.float64()))]
    )


def side_schemas() -> dict[str, pa.Schema]:
    """Arrow schemas of the records that are no responses, by the name of their table."""
    import pyarrow as pa

    text, moment, labels = pa.string(), pa.timestamp("us", tz="UTC"), pa.map_(pa.string(), pa.string())
    special = {"labels": labels, "n": pa.int64(), "numerator": pa.int64(), "is_sound": pa.bool_()}
    special |= dict.fromkeys(("value", "threshold_low", "threshold_high"), pa.float64())
    moments = ("window_start", "window_end", "started_at", "ended_at", "occurred_at", "aware_at")
    special |= dict.fromkeys((*moments, "reported_at", "closed_at", "published_at"), moment)
    return {
        name: pa.schema([(f.name, special.get(f.name, text)) for f in fields(kind)])
        for name, kind in SIDE_TABLES.items()
    }
