"""LiteLLM: payloads of its loggers, rows of its spend table, its daily counts of guardrails.

One payload (`StandardLoggingPayload`) or one row of `LiteLLM_SpendLogs` is one call. The database's times
are UTC (`_ensure_datetime_utc`) and lose their zone on export. `guardrail_response` can hold the request's
headers with a bearer token (BerriAI/litellm#20240): nothing of it is kept. Rows blocked on some routes carry
no guardrail record (BerriAI/litellm#28971): the error's class says so.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.mapping import number_of
from auditgen.evidence.model import MetricPoint
from auditgen.sources import litellm_words as words
from auditgen.sources.chat_reply import prompt_of, reply_of
from auditgen.sources.exported_rows import ExportedRows, nested, shape_of
from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.jsontext import as_dict, as_number, as_text
from auditgen.sources.outcomes import Signals
from auditgen.sources.production_log import ProductionLog
from auditgen.sources.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from auditgen.evidence.model import Observation

PAYLOAD = {"id", "call_type", "startTime", "custom_llm_provider"}
WRAPPED = "standard_logging_object"
SPEND = {"request_id", "call_type", "spend", "startTime", "api_key"}
COUNTS = ("requests_evaluated", "passed_count", "blocked_count", "flagged_count")
METRIC_KEYS = {"guardrail_id": "guardrail", "policy_id": "policy"}
JSON_COLUMNS = ("metadata", "messages", "response", "request_tags", "proxy_server_request")
_LEFT_OUT = ("guardrail_information", "standard_logging_guardrail_information", "requester_custom_headers")
"""Parts of `metadata` that no rule can look into: they may hold headers and found texts."""


class LiteLlmSource:
    """Exports of the LiteLLM proxy and library."""

    name: ClassVar[str] = "litellm"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the names of the first record's fields or of the table's columns."""
        shape = shape_of(probe)
        form, columns = shape.form, shape.columns
        if not form:
            return None
        if columns >= SPEND:
            return Recognition(f"litellm.spend_logs/{form}", "columns of `LiteLLM_SpendLogs`")
        if columns >= PAYLOAD or (WRAPPED in columns and form != "csv"):
            return Recognition(f"litellm.standard_logging/{form}", "fields of a StandardLoggingPayload")
        if columns >= {"date", *COUNTS}:
            for key, kind in METRIC_KEYS.items():
                if key in columns:
                    return Recognition(f"litellm.{kind}_metrics/{form}", f"daily counts of each {kind}")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Every call, or every daily count."""
        rows = ExportedRows(path)
        columns = rows.shape.columns
        log = ProductionLog(context, self.name, "LiteLLM")
        if columns >= {"date", *COUNTS} and not columns >= SPEND:
            yield from _metrics(rows, log)
        else:
            is_table = columns >= SPEND
            for locator, row in log.screened(rows):
                found = _call(_unwrapped(row), locator, log, is_table=is_table)
                if found is not None:
                    yield found
        yield from rows.anomalies()
        yield from log.closing(calls="calls")


def _unwrapped(row: dict[str, Any]) -> dict[str, Any]:
    """The payload, where a logger wrote all it was given."""
    inner = row.get(WRAPPED)
    return inner if isinstance(inner, dict) else row


def _call(raw: dict[str, Any], locator: str, log: ProductionLog, *, is_table: bool) -> Observation | None:
    kind = as_text(raw.get("call_type"))
    if not words.is_call(kind, log.normaliser):
        log.skip(f"`{kind}`")
        return None
    opened = {name: _parsed(raw.get(name), name, log) for name in JSON_COLUMNS}
    metadata = as_dict(opened["metadata"])
    information = nested(raw.get("guardrail_information") or metadata.get("guardrail_information"))
    fields = as_dict(raw.get("status_fields")) or as_dict(metadata.get("status_fields"))
    error = as_dict(raw.get("error_information")) or as_dict(metadata.get("error_information"))
    status = raw.get("status") or metadata.get("status")
    has_failed = status == "failure" or bool(error.get("error_class"))
    code = _status(error.get("error_code"))
    failure = words.failure_of(error, code, has_failed=has_failed)
    guards = words.guards_of(
        information, fields.get("guardrail_status"), failure=failure, words=log.normaliser
    )
    is_strange = status not in (None, "", "success", "failure")
    if is_strange:
        log.normaliser.word("status", as_text(status), {})
    reply = reply_of(opened["response"])
    is_blocked = words.is_block(error)
    signals = Signals(
        finish=None if has_failed else reply.finish,
        refusal=None if has_failed else reply.refusal,
        is_filtered=has_failed and is_blocked,
        is_failed=has_failed and not is_blocked,
        http_status=code,
        has_response=False if has_failed else reply.is_answered or None,
        guards=guards,
    )
    text = raw.get("error_str") or error.get("error_message")
    return log.observation(
        _record(raw, opened, metadata) if log.has_rules else raw,
        locator=locator,
        sample_id=as_text(raw.get("request_id" if is_table else "id") or raw.get("litellm_call_id")),
        signals=signals,
        is_doubtful=is_strange or _has_unknown(information, fields),
        time=raw.get("startTime"),
        is_utc=is_table,
        model=as_text(raw.get("model") or raw.get("model_group")),
        endpoint=as_text(metadata.get("user_api_key_request_route")) or kind or None,
        prompt=prompt_of(opened["messages"]) or prompt_of(opened["proxy_server_request"]),
        response=None if has_failed else reply.text,
        error_text=text if has_failed and isinstance(text, str) else None,
    )


def _record(raw: dict[str, Any], opened: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
    """The row as rules look into it: columns of JSON are opened, what may hold headers is left out."""
    row = {**raw, **opened, "metadata": {k: v for k, v in metadata.items() if k not in _LEFT_OUT}}
    row.pop("guardrail_information", None)
    return row


def _has_unknown(information: Any, fields: dict[str, Any]) -> bool:
    """Whether a guardrail's status is a word that this reader does not know: then it decides nothing."""
    entries = information if isinstance(information, list) else [information] if information else [fields]
    found = (as_dict(entry).get("guardrail_status") for entry in entries)
    return any(isinstance(word, str) and word not in words.STATUSES for word in found)


def _parsed(value: Any, name: str, log: ProductionLog) -> Any:
    """A column of JSON; a text in Python's manner, as pandas writes it, holds what cannot be read."""
    parsed = nested(value)
    if name == "metadata" and isinstance(parsed, str) and parsed.strip():
        log.note("lines-unreadable", "rows whose `metadata` is no JSON: guardrails and errors stand in it")
    return parsed


def _status(code: Any) -> int | None:
    number = as_number(code) if not isinstance(code, str) else number_of(code.strip())
    return int(number) if number is not None and 100 <= number < 600 else None


def _metrics(rows: ExportedRows, log: ProductionLog) -> Iterator[Item]:
    """Four counts a day and guardrail. The tool counts a crashed guardrail as flagged."""
    seen = Tally()
    for locator, row in log.screened(rows):
        key = next((k for k in METRIC_KEYS if row.get(k) is not None), "guardrail_id")
        name, day = as_text(row.get(key))[:200], _day(row.get("date"))
        counts = {series: _count(row.get(series)) for series in COUNTS}
        if day is None:
            log.note("undated-rows", "daily counts without a readable day")
        if seen.add(f"{key}\0{name}\0{row.get('date')}") > 1:
            log.note("duplicate-rows", "days that occur more than once for one guardrail")
        parts = [counts[series] for series in COUNTS[1:]]
        total = counts[COUNTS[0]]
        if total is not None and all(part is not None for part in parts):
            if total != sum(part for part in parts if part is not None):
                log.note("aggregate-mismatch", "days whose passed, blocked and flagged are not all evaluated")
        else:
            log.note("value-unknown", "daily counts that are no whole number")
        for series, value in counts.items():
            yield log.point(
                MetricPoint(
                    series=series,
                    locator=f"{locator}/{series}",
                    value=None if value is None else float(value),
                    raw=as_text(row.get(series))[:40],
                    labels={METRIC_KEYS[key]: log.cleaned(name)},
                    window_start=day,
                    window_end=None if day is None else _next(day),
                    n=total,
                    kind="count",
                )
            )


def _count(raw: Any) -> int | None:
    number = number_of(raw.strip()) if isinstance(raw, str) else as_number(raw)
    if number is None or isinstance(raw, bool) or number < 0 or not number.is_integer():
        return None
    return int(number)


def _day(raw: Any) -> datetime | None:
    """A day as its first moment, UTC: the tool cuts its days so."""
    if isinstance(raw, datetime):
        raw = raw.date()
    if isinstance(raw, str):
        try:
            raw = date.fromisoformat(raw.strip()[:10])
        except ValueError:
            return None
    return datetime(raw.year, raw.month, raw.day, tzinfo=UTC) if isinstance(raw, date) else None


def _next(day: datetime) -> datetime | None:
    try:
        return day + timedelta(days=1)
    except OverflowError:
        return None
