"""Rows of API Management's `ApiManagementGatewayLlmLog`: one exchange over several rows.

Messages above 32 KB are cut into pieces with sequence numbers, and request and reply stand in rows of their
own; rows of one exchange share `CorrelationId`. They are put together before anything is counted. Whether a
filter stopped a request is not in this table (the response code is in `ApiManagementGatewayLogs`).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditgen.evidence.mapping import number_of
from auditgen.sources.chat_reply import prompt_of, reply_of
from auditgen.sources.exported_rows import ExportedRows, nested
from auditgen.sources.jsontext import as_count, as_dict, as_text
from auditgen.sources.outcomes import Signals
from auditgen.sources.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from auditgen.evidence.model import Observation
    from auditgen.sources.production_log import ProductionLog

COLUMNS = {"CorrelationId", "SequenceNumber"}
MESSAGES = ("RequestMessages", "ResponseMessages")
MAX_WAITING = 64 * 1024 * 1024
"""Characters of exchanges whose rows are not all there yet."""


@dataclass(slots=True)
class _Exchange:
    locator: str
    rows: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    chars: int = 0


def read_exchanges(path: Path, rows: ExportedRows, log: ProductionLog) -> Iterator[Observation]:
    """Every exchange, once. The file is read twice: first to learn how many rows each has."""
    expected = Tally()
    for _, row in ExportedRows(path):
        expected.add(as_text(row.get("CorrelationId")))
    waiting: OrderedDict[str, _Exchange] = OrderedDict()
    chars = 0
    for locator, row in rows:
        key = as_text(row.get("CorrelationId"))
        if not key:
            log.note("lines-unreadable", "rows without `CorrelationId`, of no known exchange")
            continue
        known = waiting.setdefault(key, _Exchange(locator))
        size = sum(len(as_text(row.get(name))) for name in MESSAGES)
        known.rows.append((_number(row.get("SequenceNumber")), row))
        known.chars += size
        chars += size
        if len(known.rows) >= expected[key]:
            chars -= known.chars
            yield _exchange(key, waiting.pop(key), log)
        while chars > MAX_WAITING:
            name, oldest = waiting.popitem(last=False)
            chars -= oldest.chars
            log.note("truncated", "exchanges whose rows lie too far apart to be put together")
            expected[name] = 0
            yield _exchange(name, oldest, log)
    for key, exchange in waiting.items():
        yield _exchange(key, exchange, log)


def _exchange(key: str, exchange: _Exchange, log: ProductionLog) -> Observation:
    log.screen([row for _, row in exchange.rows])
    ordered = _ordered(exchange.rows, log)
    first = ordered[0]
    about = {name: _first(ordered, name) for name in first if name not in MESSAGES}
    reply = reply_of(_joined([row.get("ResponseMessages") for row in ordered]))
    return log.observation(
        about,
        locator=exchange.locator,
        sample_id=key,
        signals=Signals(
            finish=reply.finish,
            refusal=reply.refusal,
            has_response=reply.is_answered or None,
        ),
        time=about.get("TimeGenerated") or about.get("TimeGenerated [UTC]"),
        is_utc=True,
        model=as_text(about.get("ModelName") or about.get("DeploymentName")),
        endpoint=as_text(about.get("OperationName")) or None,
        prompt=prompt_of(_joined([row.get("RequestMessages") for row in ordered])),
        response=reply.text,
    )


def _ordered(rows: list[tuple[int, dict[str, Any]]], log: ProductionLog) -> list[dict[str, Any]]:
    """The rows by their number, each once; pieces that are missing are counted."""
    found: list[tuple[int, dict[str, Any]]] = []
    for number, row in sorted(rows, key=lambda pair: pair[0]):
        if found and found[-1][0] == number and found[-1][1] == row:
            log.note("duplicate-rows", "rows of an exchange that occur more than once")
            continue
        found.append((number, row))
    numbers = {number for number, _ in found if number >= 0}
    if numbers:
        begins = min(*numbers, 1)
        gaps = max(numbers) - begins + 1 - len(numbers)
        if gaps > 0:
            log.note("numbering-gaps", "pieces of messages that are not in the file, by their numbers", gaps)
    return [row for _, row in found]


def _joined(pieces: list[Any]) -> Any:
    """Messages out of their pieces: lists of messages, or text that is JSON only when it is whole."""
    texts = [piece for piece in pieces if piece not in (None, "")]
    parsed = [nested(text) for text in texts]
    if not all(isinstance(value, list | dict) for value in parsed):
        return nested("".join(as_text(text) for text in texts))
    messages: list[Any] = []
    for value in parsed:
        for index, message in enumerate(value if isinstance(value, list) else [value]):
            last = as_dict(messages[-1]) if messages and index == 0 else {}
            contents = last.get("content"), as_dict(message).get("content")
            is_same = bool(last) and last.get("role") == as_dict(message).get("role")
            if is_same and all(isinstance(content, str) for content in contents):
                messages[-1] = {**last, **message, "content": "".join(map(str, contents))}
            else:
                messages.append(message)
    return messages


def _first(rows: list[dict[str, Any]], name: str) -> Any:
    return next((row[name] for row in rows if row.get(name) not in (None, "")), None)


def _number(raw: Any) -> int:
    number = number_of(raw.strip()) if isinstance(raw, str) else as_count(raw)
    return int(number) if number is not None and 0 <= number < 1_000_000 else -1
