"""Helicone: exports of requests as JSON Lines, JSON or CSV.

One row is one request. The exporter (examples/export in Helicone's repository) ends a JSON array with a comma
unless a limit was reached, doubles the quotes of nested JSON in CSV twice, and takes the last 30 days unless
told otherwise; its checkpoint `.helicone-export-state.json` stays when it did not finish. Without
`--include-body` there is no answer in the file. `latency` has no unit and is not used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.mapping import number_of
from auditgen.sources.chat_reply import is_filter_error, prompt_of, reply_of
from auditgen.sources.exported_rows import ExportedRows, nested, shape_of
from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.jsontext import as_dict, as_number, as_text
from auditgen.sources.outcomes import Signals
from auditgen.sources.production_log import ProductionLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from auditgen.evidence.model import Observation

COLUMNS = {"request_created_at", "response_status"}
CHECKPOINT = {"offset", "totalRecords", "outputPath", "includeBody"}
OPENED = ("request_properties", "properties", "request_body", "response_body", "scores")
_LOWEST, _HIGHEST = 100, 599


class HeliconeSource:
    """Requests that Helicone's proxy or logger saw."""

    name: ClassVar[str] = "helicone"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By a request's time and status; or the checkpoint that an unfinished export leaves."""
        shape = shape_of(probe)
        if shape.columns >= COLUMNS:
            return Recognition(f"helicone.requests/{shape.form}", "columns of Helicone's requests")
        if _is_checkpoint(probe):
            return Recognition("helicone.checkpoint", "state of an export that can be resumed")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Every request."""
        log = ProductionLog(context, self.name, "Helicone")
        if _is_checkpoint(Probe(path)):
            log.note("export-unfinished", "the exporter's checkpoint is still there: it did not finish")
            yield from log.closing(role="companion")
            return
        rows = ExportedRows(path, repair=_single, trailing_comma=True)
        for locator, row in log.screened(rows):
            yield _request(row, locator, log)
        yield from rows.anomalies()
        yield from log.closing(calls="requests")


def _is_checkpoint(probe: Probe) -> bool:
    shape = shape_of(probe)
    return shape.form in {"jsonl", "object"} and shape.columns >= CHECKPOINT


def _single(cell: str) -> str:
    """A cell of nested JSON whose quotes were doubled twice: `{""tier"":""free""}`."""
    return cell.replace('""', '"') if cell[:1] in "{[" and '""' in cell and nested(cell) is cell else cell


def _request(raw: dict[str, Any], locator: str, log: ProductionLog) -> Observation:
    row = {**raw, **{name: nested(raw[name]) for name in OPENED if raw.get(name) is not None}}
    status = _number(raw.get("response_status"))
    body = row.get("response_body")
    error = as_dict(body).get("error") if isinstance(body, dict) else None
    reply = reply_of(body) if error is None else reply_of(None)
    is_filtered = is_filter_error(as_text(error)) if error else False
    is_strange = status is None or not _LOWEST <= status <= _HIGHEST
    if is_strange:  # numbers below stand for states such as pending; which, the export does not say
        log.normaliser.word("response_status", as_text(raw.get("response_status")) or "(none)", {})
    message = as_dict(error).get("message") if isinstance(error, dict) else error
    has_failed = not is_strange and status is not None and status >= 400
    return log.observation(
        row,
        locator=locator,
        sample_id=as_text(raw.get("request_id") or raw.get("response_id")),
        signals=Signals(
            finish=reply.finish,
            refusal=reply.refusal,
            is_filtered=is_filtered,
            http_status=None if is_strange else status,
            has_response=False if has_failed else reply.is_answered or None,
        ),
        is_doubtful=is_strange,
        time=raw.get("request_created_at"),
        model=as_text(raw.get("model") or raw.get("response_model") or raw.get("request_model")),
        endpoint=as_text(raw.get("request_path") or raw.get("target_url")) or None,
        prompt=prompt_of(row.get("request_body")),
        response=None if has_failed else reply.text,
        error_text=message if has_failed and isinstance(message, str) else None,
    )


def _number(raw: Any) -> int | None:
    number = number_of(raw.strip()) if isinstance(raw, str) else as_number(raw)
    return int(number) if number is not None and number.is_integer() and abs(number) < 1e6 else None
