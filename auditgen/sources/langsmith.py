"""LangSmith: runs (bulk export as Parquet, or JSON lines of the API's runs) and the feedback about them.

A run of type `llm` is one call. One call can be two runs, an outer and an inner one: the inner run, whose
parent is a call itself, does not count. Times are UTC by the run's own `dotted_order`, which ends in `Z`,
and are written without a zone. Field names are those of the SDK's `Run` and `Feedback` (langsmith 0.14).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.model import Score
from auditgen.sources.chat_reply import is_filter_error, prompt_of, reply_of
from auditgen.sources.exported_rows import ExportedRows, nested, shape_of
from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.joined_scores import JoinedScores, beside
from auditgen.sources.jsontext import as_dict, as_number, as_text, raw_text
from auditgen.sources.outcomes import Signals
from auditgen.sources.production_log import ProductionLog
from auditgen.sources.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from auditgen.evidence.model import Observation

RUNS = {"run_type", "start_time", "id"}
RUN_SIGNS = {"dotted_order", "trace_id", "parent_run_id"}
FEEDBACK = {"run_id", "key", "score"}
FEEDBACK_SIGNS = {"feedback_source", "comment", "value", "created_at"}
OPENED = ("inputs", "outputs", "extra", "tags", "feedback_stats", "metadata")
STATES = {"success": "done", "error": "failed", "pending": "open", "interrupted": "open"}
TYPES = dict.fromkeys(("tool", "chain", "retriever", "embedding", "prompt", "parser"))
HUMAN, MODEL = ("app", "human"), ("model", "auto_eval")


class LangSmithSource:
    """Exports of LangSmith's runs."""

    name: ClassVar[str] = "langsmith"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By a run's type and its place in the trace, or by feedback about a run."""
        kind, form = _kind(probe)
        if kind == "runs":
            return Recognition(f"langsmith.runs/{form}", "fields of LangSmith's runs")
        if kind == "feedback":
            return Recognition(f"langsmith.feedback/{form}", "fields of LangSmith's feedback")
        return None

    def companions(self, path: Path, available: Sequence[Path]) -> Sequence[Path]:
        """Feedback for runs, runs for feedback."""
        kind = _kind(Probe(path))[0]
        wanted = "feedback" if kind == "runs" else "runs"
        return beside(path, available, lambda other: other.is_file() and _kind(Probe(other))[0] == wanted)

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Every outer call of a model, with the feedback about it."""
        log = ProductionLog(context, self.name, "LangSmith")
        rows = ExportedRows(path)
        if _kind(Probe(path))[0] == "feedback":
            number = sum(1 for _ in rows)
            yield from rows.anomalies()
            if number and not context.companions:
                log.note("annotations-orphaned", "feedback without the runs that it is about", number)
            yield from log.closing(role="companion")
            return
        scores = JoinedScores()
        for companion in context.companions:
            feedback = ExportedRows(companion)
            for _, row in feedback:
                scores.add(as_text(row.get("run_id")), _score(row))
            yield from feedback.anomalies()
        calls = Tally()
        for _, row in ExportedRows(path):
            if row.get("run_type") == "llm":
                calls[as_text(row.get("id"))] = 1
        for locator, row in log.screened(rows):
            kind = as_text(row.get("run_type"))
            parent = as_text(row.get("parent_run_id"))
            if kind != "llm":
                log.normaliser.word("run_type", kind, TYPES)
                log.skip(f"`{kind}`")
            elif parent and parent != row.get("id") and calls[parent]:
                log.skip("calls inside another call")
            else:
                yield _run(row, locator, log, scores)
        yield from rows.anomalies()
        yield from scores.anomalies()
        yield from log.closing(calls="calls")


def _kind(probe: Probe) -> tuple[str, str]:
    shape = shape_of(probe)
    if shape.columns >= RUNS and shape.columns & RUN_SIGNS:
        return "runs", shape.form
    if shape.columns >= FEEDBACK and shape.columns & FEEDBACK_SIGNS:
        return "feedback", shape.form
    return "", shape.form


def _run(raw: dict[str, Any], locator: str, log: ProductionLog, scores: JoinedScores) -> Observation:
    row = {**raw, **{name: nested(raw[name]) for name in OPENED if raw.get(name) is not None}}
    own = as_text(raw.get("id"))
    joined = scores.of(own)
    row["scores"] = {s.metric: s.value if s.value is not None else s.raw for s in joined}
    reply = reply_of(row.get("outputs"))
    error = raw.get("error") if isinstance(raw.get("error"), str) and raw.get("error") else None
    status = raw.get("status")
    state = log.normaliser.word("status", status if isinstance(status, str) else None, STATES)
    has_failed = state == "failed" or error is not None
    is_filtered = has_failed and is_filter_error(error)
    is_open = state == "open" or (state is None and raw.get("end_time") is None)
    if is_open and not has_failed:
        log.note("export-unfinished", "calls that were still running when they were exported")
    metadata = as_dict(as_dict(row.get("extra")).get("metadata"))
    params = as_dict(as_dict(row.get("extra")).get("invocation_params"))
    named = (metadata.get("ls_model_name"), reply.model, params.get("model"), params.get("model_name"))
    return log.observation(
        row,
        locator=locator,
        sample_id=own,
        signals=Signals(
            finish=reply.finish,
            refusal=reply.refusal,
            is_filtered=is_filtered,
            is_failed=has_failed and not is_filtered,
            has_response=False if has_failed else reply.is_answered or None,
        ),
        is_doubtful=is_open or (isinstance(status, str) and state is None),
        time=raw.get("start_time"),
        is_utc=True,
        model=as_text(next((name for name in named if name), "")),
        endpoint=as_text(raw.get("name")) or None,
        prompt=prompt_of(row.get("inputs")),
        response=reply.text,
        error_text=error,
        scores=joined,
    )


def _score(row: dict[str, Any]) -> Score:
    raw = row.get("score") if row.get("score") is not None else row.get("value")
    value = as_number(raw)
    source = as_dict(nested(row.get("feedback_source")))
    kind = as_text(source.get("type") or row.get("feedback_source_type"))
    comment = row.get("comment")
    return Score(
        scorer=kind or "feedback",
        metric=as_text(row.get("key"))[:100] or "feedback",
        raw=raw_text(raw),
        value=value,
        state="scored" if value is not None or isinstance(raw, str) else "unscored",
        judge="human" if kind in HUMAN else "model" if kind in MODEL else None,
        rationale=comment[:2000] if isinstance(comment, str) and comment else None,
    )
