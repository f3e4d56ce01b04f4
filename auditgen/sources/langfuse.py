"""Langfuse: blob exports of observations, and the scores beside them.

A GENERATION is one call. A GUARDRAIL observation belongs to the call of its trace: to the only one, or to the
one under the same parent; what it decided is no field of Langfuse, so it counts where its `output` or
`metadata` uses our words (`verdict`, `action`) or where `audit.yaml` says how to read it. A guardrail that
blocked in a trace without any call stands for the request that was never made.

Times have no zone and are UTC by the export's documentation. `latency` is in seconds or, from integrations
made before 2026-04, in milliseconds: it is not used. Exports lost windows by overwriting them with empty
files (langfuse/langfuse#15617), so an empty file is doubted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.model import GUARDRAIL_ACTIONS, GUARDRAIL_VERDICTS, Anomaly, Score
from auditgen.sources.chat_reply import is_filter_error, prompt_of, reply_of
from auditgen.sources.exported_rows import ExportedRows, nested, shape_of
from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.joined_scores import JoinedScores, beside
from auditgen.sources.jsontext import as_dict, as_list, as_number, as_text, raw_text
from auditgen.sources.outcomes import Guard, Signals
from auditgen.sources.production_log import ProductionLog
from auditgen.sources.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from auditgen.evidence.model import Observation

OBSERVATIONS = {"trace_id", "type", "start_time"}
OBSERVATION_SIGNS = {"provided_model_name", "parent_observation_id", "level", "model_parameters"}
SCORES = {"data_type", "source", "value", "name", "trace_id"}
TYPES = {
    "SPAN", "GENERATION", "EVENT", "AGENT", "TOOL", "CHAIN", "RETRIEVER", "EVALUATOR", "EMBEDDING",
    "GUARDRAIL",
}  # fmt: skip
JUDGES = {"ANNOTATION": "human", "EVAL": "model", "API": None}
LEVELS = {level: level for level in ("DEBUG", "DEFAULT", "WARNING", "ERROR")}
JSON_COLUMNS = ("metadata", "model_parameters", "usage_details", "cost_details", "tags")
MANIFEST = "rowCount"
_VERDICTS = (None, *GUARDRAIL_VERDICTS)
_ACTIONS = (None, *GUARDRAIL_ACTIONS)
_TOLERANCE = 0.05


class LangfuseSource:
    """Langfuse's exports to blob storage."""

    name: ClassVar[str] = "langfuse"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the columns of observations or scores, or by a manifest that lists such files."""
        kind, form = _kind(probe)
        if kind == "observations":
            return Recognition(f"langfuse.observations/{form}", "columns of Langfuse's observations")
        if kind == "scores":
            return Recognition(f"langfuse.scores/{form}", "columns of Langfuse's scores")
        if kind == "manifest":
            return Recognition("langfuse.manifest", "list of exported files with their row counts")
        return None

    def companions(self, path: Path, available: Sequence[Path]) -> Sequence[Path]:
        """Scores for observations, observations for scores: those of the same window by name."""
        kind = _kind(Probe(path))[0]
        wanted = {"observations": "scores", "scores": "observations"}.get(kind)
        if wanted is None:
            return ()
        return beside(path, available, lambda other: other.is_file() and _kind(Probe(other))[0] == wanted)

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Every call of a model, with the scores about it."""
        kind = _kind(Probe(path))[0]
        log = ProductionLog(context, self.name, "Langfuse")
        if kind == "manifest":
            yield from _manifest(path, log)
            yield from log.closing(role="companion")
            return
        rows = ExportedRows(path)
        if kind == "scores":
            number = sum(1 for _ in rows)
            yield from rows.anomalies()
            if number and not context.companions:
                message = "scores without the observations that they are about"
                log.note("annotations-orphaned", message, number)
            yield from log.closing(role="companion")
            return
        scores = JoinedScores()
        for companion in context.companions:
            yield from _scores(companion, scores)
        yield from _observations(path, rows, log, scores)
        yield from rows.anomalies()
        yield from scores.anomalies()
        yield from log.closing(calls="generations")


def _kind(probe: Probe) -> tuple[str, str]:
    """observations, scores, manifest or nothing; and the form of the file."""
    shape = shape_of(probe)
    columns = shape.columns
    if columns >= OBSERVATIONS and columns & OBSERVATION_SIGNS and "project_id" in columns:
        return "observations", shape.form
    if columns >= SCORES and columns & {"string_value", "observation_id", "project_id"}:
        return "scores", shape.form
    head = probe.unpacked.head
    is_json = shape.form in {"jsonl", "json", "object"}
    if is_json and b'"rowCount"' in head and (b"observations_v2" in head or b"scores/" in head):
        return "manifest", shape.form
    return "", shape.form


class _Guards:
    """What the guardrails of each trace said: one bit of a number for each combination of words."""

    def __init__(self, log: ProductionLog) -> None:
        self._log = log
        self._said = Tally()
        self._stood = Tally()
        self.calls = Tally()

    def add(self, row: dict[str, Any]) -> Guard:
        """Note one guardrail observation under its trace, and under its parent there."""
        guard = self.guard_of(row)
        bit = 1 << (_VERDICTS.index(guard.verdict) * len(_ACTIONS) + _ACTIONS.index(guard.action))
        for key in _places(row):
            self._said[key] = self._said[key] | bit
        return guard

    def is_first_block(self, row: dict[str, Any]) -> bool:
        """Whether no other guardrail of this trace has stood for its request yet."""
        trace = as_text(row.get("trace_id"))
        return not trace or self._stood.add(trace) == 1

    def call(self, row: dict[str, Any]) -> None:
        """Note one call under the same keys."""
        for key in _places(row):
            self.calls.add(key)

    def guard_of(self, row: dict[str, Any]) -> Guard:
        """Verdict and action where a declared rule or the observation's own fields say them in our words."""
        found: dict[str, str | None] = {}
        record = _record(row)
        holders = [as_dict(record.get(name)) for name in ("output", "metadata")]
        for name, words in (("verdict", GUARDRAIL_VERDICTS), ("action", GUARDRAIL_ACTIONS)):
            found[name] = self._log.fields.text(f"guardrail_{name}", record)
            if found[name] not in words:
                said = [h.get(k) for h in holders for k in (name, f"guardrail_{name}")]
                found[name] = next((word for word in said if isinstance(word, str) and word in words), None)
        return Guard("guardrail", found["verdict"], found["action"])

    def of(self, row: dict[str, Any]) -> tuple[tuple[Guard, ...], bool]:
        """The guards of one call, and whether some of its trace could not be told apart between calls."""
        places = _places(row)
        if not places:
            return (), False
        trace, *narrower = places
        own = f"{trace}\0{as_text(row.get('id'))}"
        bits = self._said[own]
        if self.calls[trace] == 1:
            bits |= self._said[trace]
        else:
            for key in narrower:
                bits |= self._said[key] if self.calls[key] == 1 else 0
        is_unclear = bits == 0 and self._said[trace] != 0
        return tuple(_decoded(bits)), is_unclear


def _places(row: dict[str, Any]) -> tuple[str, ...]:
    trace = as_text(row.get("trace_id"))
    if not trace:  # what is in no trace belongs to nothing
        return ()
    parent = as_text(row.get("parent_observation_id"))
    return (trace, f"{trace}\0{parent}") if parent else (trace,)


def _decoded(bits: int) -> Iterator[Guard]:
    for index in range(len(_VERDICTS) * len(_ACTIONS)):
        if bits >> index & 1:
            verdict, action = divmod(index, len(_ACTIONS))
            yield Guard("guardrail", _VERDICTS[verdict], _ACTIONS[action])


def _observations(
    path: Path, rows: ExportedRows, log: ProductionLog, scores: JoinedScores
) -> Iterator[Item]:
    """Two passes: what belongs to a call may stand behind it."""
    guards = _Guards(log)
    number = 0
    for _, row in ExportedRows(path):
        number += 1
        if row.get("type") == "GUARDRAIL":
            guards.add(row)
        elif row.get("type") == "GENERATION":
            guards.call(row)
    if not number:
        message = "an empty window: it may have been idle, or its export overwritten or broken off"
        yield Anomaly("export-unfinished", message)
    for locator, row in log.screened(rows):
        kind = as_text(row.get("type"))
        if kind not in TYPES:
            log.normaliser.word("type", kind, {})
        if kind == "GENERATION":
            yield _call(row, locator, log, guards, scores)
            continue
        log.skip(kind or "without a type")
        if kind == "GUARDRAIL":
            yield from _guardrail(row, locator, log, guards)


def _guardrail(
    row: dict[str, Any], locator: str, log: ProductionLog, guards: _Guards
) -> Iterator[Observation]:
    guard = guards.guard_of(row)
    if guard.verdict is None and guard.action is None:
        log.note("value-not-mapped", "guardrail observations whose verdict no field and no rule says")
    trace = as_text(row.get("trace_id"))
    if trace and guards.calls[trace]:
        return
    if guard.action != "block":
        log.note("annotations-orphaned", "guardrail observations in traces without a call of a model")
        return
    if not guards.is_first_block(row):  # one request was stopped, however many guardrails say so
        return
    yield log.observation(
        _record(row),
        locator=locator,
        sample_id=as_text(row.get("id")),
        signals=Signals(has_response=False, guards=(guard,)),
        time=row.get("start_time"),
        is_utc=True,
        endpoint=as_text(row.get("trace_name") or row.get("name")) or None,
        prompt=prompt_of(row.get("input")),
    )


def _record(row: dict[str, Any]) -> dict[str, Any]:
    """The row as rules look into it: columns of JSON are opened."""
    opened = {name: nested(row[name]) for name in (*JSON_COLUMNS, "output", "input") if name in row}
    return {**row, **opened}


def _call(
    row: dict[str, Any], locator: str, log: ProductionLog, guards: _Guards, scores: JoinedScores
) -> Observation:
    own = as_text(row.get("id"))
    said, is_unclear = guards.of(row)
    if is_unclear:
        log.note("annotations-orphaned", "calls of a trace whose guardrails belong to one of several calls")
    _check_latency(row, log)
    trace = as_text(row.get("trace_id"))
    joined = scores.of(own, f"trace\0{trace}" if trace and guards.calls[trace] == 1 else "")
    level = row.get("level")
    is_strange = level not in (None, "") and log.normaliser.word("level", as_text(level), LEVELS) is None
    reply = reply_of(row.get("output"))
    message = row.get("status_message")
    error = message if isinstance(message, str) and message else None
    has_failed = level == "ERROR"
    is_filtered = has_failed and is_filter_error(error)
    record = row
    if log.has_rules:
        record = _record(row)
        record["scores"] = {s.metric: s.value if s.value is not None else s.raw for s in joined}
    return log.observation(
        record,
        locator=locator,
        sample_id=own,
        signals=Signals(
            finish=reply.finish,
            refusal=reply.refusal,
            is_filtered=is_filtered,
            is_failed=has_failed and not is_filtered,
            has_response=reply.is_answered or (False if has_failed else None),
            guards=said,
        ),
        is_doubtful=is_strange,
        time=row.get("start_time"),
        is_utc=True,
        model=as_text(row.get("provided_model_name") or row.get("model") or row.get("model_id")),
        endpoint=as_text(row.get("trace_name") or row.get("name")) or None,
        prompt=prompt_of(row.get("input")),
        response=reply.text,
        error_text=error if has_failed else None,
        scores=joined,
    )


def _check_latency(row: dict[str, Any], log: ProductionLog) -> None:
    """Whether `latency` is the time between start and end, in seconds."""
    raw = row.get("latency")
    if raw is None:
        return
    try:
        latency = float(raw)
    except (TypeError, ValueError):
        return
    start, _ = log.when(row.get("start_time"))
    end, _ = log.when(row.get("end_time"))
    if start is None or end is None:
        return
    seconds = (end - start).total_seconds()
    if abs(latency - seconds) > _TOLERANCE * max(seconds, 1):
        log.note("units-uncertain", "`latency` is not the seconds between start and end; it is not used")


def _scores(path: Path, scores: JoinedScores) -> Iterator[Anomaly]:
    rows = ExportedRows(path)
    for _, row in rows:
        about = as_text(row.get("observation_id"))
        if not about:
            about = f"trace\0{as_text(row.get('trace_id'))}"
        scores.add(about, _score(row))
    yield from rows.anomalies()


def _score(row: dict[str, Any]) -> Score:
    """One score. The number of a text is always 0, so the text counts."""
    name, kind = as_text(row.get("name"))[:100], as_text(row.get("data_type"))
    source = as_text(row.get("source"))
    raw: Any = row.get("value")
    if kind in {"TEXT", "CATEGORICAL"} and row.get("string_value") not in (None, ""):
        raw = row.get("string_value")
    value = None
    if kind in {"NUMERIC", "BOOLEAN", ""}:
        try:
            value = as_number(float(raw)) if raw is not None else None
        except (TypeError, ValueError):
            value = None
    comment = row.get("comment")
    return Score(
        scorer=source or "score",
        metric=name or "score",
        raw=raw_text(raw),
        value=value,
        state="scored" if value is not None or isinstance(raw, str) else "unscored",
        judge=JUDGES.get(source),
        rationale=comment[:2000] if isinstance(comment, str) and comment else None,
    )


def _manifest(path: Path, log: ProductionLog) -> Iterator[Anomaly]:
    """Files that an export lists without knowing how many rows it wrote into them."""
    rows = ExportedRows(path)
    for _, row in rows:
        for entry in _entries(row, 0):
            if entry[MANIFEST] is None:
                log.note("export-unfinished", "files in the manifest without a number of rows")
            elif entry[MANIFEST] == 0:
                log.note("export-unfinished", "files in the manifest with no rows")
    yield from rows.anomalies()


def _entries(value: Any, depth: int) -> Iterable[dict[str, Any]]:
    if isinstance(value, dict):
        if MANIFEST in value:
            yield value
        if depth < 4:
            for inner in value.values():
                yield from _entries(inner, depth + 1)
    for inner in as_list(value) if depth < 4 else ():
        yield from _entries(inner, depth + 1)
