"""Arize Phoenix: spans as its data frames and its REST interface give them, and annotations beside them.

Spans have OpenInference's attributes as columns (`attributes.llm.model_name`) or in an object; annotations
(`annotator_kind`) are feedback by people, models or code, in a file of their own that names only the span.
Times are UTC with their zone; annotations have no time of the span. A page of the interface that names a
next one (`next_cursor`) is not the whole.

Made for Phoenix 20 and its client 3.5. `to_csv` of pandas writes lists and objects as Python shows them.
"""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.sources.exported_rows import ExportedRows, nested, shape_of
from auditgen.sources.fields import parse_time
from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.jsontext import as_dict, as_list, as_text
from auditgen.sources.otlp_calls import call_of
from auditgen.sources.otlp_files import stamps_of
from auditgen.sources.otlp_joins import SCORE, Known, Notes, score_bodies
from auditgen.sources.otlp_names import REQUEST
from auditgen.sources.otlp_requests import Requests, kept_of, scores_of
from auditgen.sources.otlp_spans import (
    STATUS,
    Event,
    Origin,
    Span,
    clean_id,
    nanoseconds_of,
)
from auditgen.sources.outcomes import Normaliser

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from auditgen.evidence.model import Score

SPANS, ANNOTATIONS = "spans", "annotations"
FLAT_SPAN = {"context.span_id", "span_kind", "start_time"}
REST_SPAN = {"context", "span_kind", "status_code", "start_time"}
ANNOTATION = {"span_id", "annotator_kind"}
JUDGES: Mapping[str, str | None] = {"LLM": "model", "HUMAN": "human", "CODE": None}
MAX_LITERAL = 1 << 20
MAX_DEPTH = 8
_PREFIX = "attributes."


class PhoenixSource:
    """Phoenix's spans and annotations: JSON lines, a JSON array, REST pages, Parquet, CSV."""

    name: ClassVar[str] = "phoenix"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the columns of spans or of annotations."""
        kind, form = _kind(probe)
        if not kind:
            return None
        return Recognition(f"phoenix.{kind}/{form}", f"columns of Phoenix's {kind}")

    def companions(self, path: Path, available: Sequence[Path]) -> list[Path]:
        """For spans the annotations, for annotations the spans."""
        wanted = {SPANS: ANNOTATIONS, ANNOTATIONS: SPANS}.get(_known_kind(path))
        return sorted(other for other in available if other != path and _known_kind(other) == wanted)

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """The requests among the spans; of annotations how many have no span."""
        kind, _ = _kind(Probe(path))
        requests = Requests(context, self.name, "Phoenix")
        if kind == ANNOTATIONS:
            yield from _read_annotations(path, context, requests)
            return
        others = tuple(context.companions)
        requests.beside = _notes(others, stamps_of(others)) if others else requests.beside
        requests.gather(_Pages(path).spans(requests.notes))
        requests.guards.assign()
        pages = _Pages(path)
        for span in requests.log.screened_by(pages.spans(), kept_of):
            yield from requests.take(span)
        yield from requests.stopped()
        yield from pages.rows.anomalies()
        if pages.is_cut:
            message = "the last page names a next one: `next_cursor` is not empty"
            requests.log.note("export-unfinished", message)
        yield from requests.closing()


def _read_annotations(path: Path, context: Context, requests: Requests) -> Iterator[Item]:
    rows = ExportedRows(path)
    for _, row in _items(rows):
        bodies = score_bodies(annotation_scores(row, requests.log.normaliser))
        requests.notes.add(SCORE, bodies, span=clean_id(row.get("span_id")))
    if context.companions:
        others = tuple(context.companions)
        requests.known = _known(others, stamps_of(others))
    yield from rows.anomalies()
    yield from requests.closing("companion")


def annotation_scores(row: dict[str, Any], normaliser: Normaliser) -> list[Score]:
    """The score and the label of one annotation, in a flat row or an object."""
    result = as_dict(nested(row.get("result")))
    name = as_text(row.get("annotation_name") or row.get("name"))[:200] or "annotation"
    kind = row.get("annotator_kind")
    judge = normaliser.word("annotator_kind", kind if isinstance(kind, str) else None, JUDGES)
    score = row.get("result.score", row.get("score", result.get("score")))
    return scores_of(
        name,
        _number(score),
        row.get("result.label", row.get("label", result.get("label"))),
        explanation=row.get("result.explanation", row.get("explanation", result.get("explanation"))),
        judge=judge,
    )


def _number(raw: Any) -> Any:
    """A cell of a CSV as the number that it is."""
    if isinstance(raw, str):
        try:
            return float(raw)
        except ValueError:
            return raw
    return None if isinstance(raw, float) and raw != raw else raw  # pandas has NaN for nothing


class _Pages:
    """The spans of one file, whatever pages they are on."""

    def __init__(self, path: Path) -> None:
        self.rows = ExportedRows(path)
        self.is_cut = False

    def spans(self, notes: Notes | None = None) -> Iterator[Span]:
        """Every span; annotations that stand within one go to `notes`."""
        cursor: Any = None
        for locator, row in self.rows:
            if isinstance(row.get("data"), list):
                cursor = row.get("next_cursor")
                for number, item in enumerate(row["data"]):
                    if isinstance(item, dict):
                        yield self._span(item, f"{locator}/data/{number}", notes)
            else:
                yield self._span(row, locator, notes)
        self.is_cut = bool(cursor)

    def _span(self, row: dict[str, Any], locator: str, notes: Notes | None) -> Span:
        span = span_of_row(row, locator)
        if notes is not None:
            words = Normaliser()
            for item in as_list(nested(row.get("annotations") or row.get("span_annotations"))):
                bodies = score_bodies(annotation_scores(as_dict(item), words))
                notes.add(SCORE, bodies, trace=span.trace_id, span=span.span_id)
        return span


def _items(rows: ExportedRows) -> Iterator[tuple[str, dict[str, Any]]]:
    for locator, row in rows:
        if isinstance(row.get("data"), list):
            for number, item in enumerate(row["data"]):
                if isinstance(item, dict):
                    yield f"{locator}/data/{number}", item
        else:
            yield locator, row


def span_of_row(row: dict[str, Any], locator: str) -> Span:
    """One span out of a row of a data frame, or an object of the REST interface."""
    context = as_dict(nested(row.get("context")))
    attributes: dict[str, Any] = {}
    for key, value in row.items():
        if key.startswith(_PREFIX) and value is not None:
            attributes[key.removeprefix(_PREFIX)] = _plain(value)
    attributes = _flat(attributes | as_dict(nested(row.get("attributes"))))
    attributes.setdefault("openinference.span.kind", row.get("span_kind") or "UNKNOWN")
    start, is_zoned = _time(row.get("start_time"))
    return Span(
        locator,
        Origin(),
        clean_id(row.get("context.trace_id") or context.get("trace_id")),
        clean_id(row.get("context.span_id") or context.get("span_id")),
        clean_id(row.get("parent_id")),
        as_text(row.get("name")),
        start,
        _time(row.get("end_time"))[0],
        STATUS.get(as_text(row.get("status_code")), 0),
        as_text(row.get("status_message")),
        "",
        attributes,
        [
            Event(as_text(as_dict(event).get("name")), as_dict(as_dict(event).get("attributes")))
            for event in as_list(_plain(row.get("events")))
        ],
        is_zoned,
    )


def _time(raw: Any) -> tuple[int, bool]:
    """Nanoseconds, and whether the zone was written."""
    at, is_zoned = (raw, raw.tzinfo is not None) if isinstance(raw, datetime) else parse_time(raw)
    if at is None:
        return 0, True
    try:
        at = at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
    except (OverflowError, ValueError):
        return 0, True
    return nanoseconds_of(at), is_zoned


def _flat(value: dict[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """Objects in objects as dotted names, as Phoenix has every name that is not OpenInference's.

    `metadata` stays whole, and nothing stays nothing: in Parquet all rows have the columns of all others.
    """
    out: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, dict) and name != "metadata" and depth < MAX_DEPTH:
            out |= _flat(item, f"{name}.", depth + 1)
        elif item is not None:
            out[name] = item
    return out


def _plain(value: Any) -> Any:
    """A cell; a list or an object that Python wrote as text, as itself."""
    if not isinstance(value, str) or value[:2] not in {"[{", "{'", "['"} or len(value) > MAX_LITERAL:
        return value
    try:
        found = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value
    return found if isinstance(found, dict | list) else value


def _kind(probe: Probe) -> tuple[str, str]:
    """spans, annotations or nothing; and the form."""
    shape = shape_of(probe)
    columns = shape.columns
    if "data" in columns and shape.form in {"jsonl", "object"} and len(columns) <= 3:
        head = probe.unpacked.head
        if all(f'"{name}"'.encode() in head for name in REST_SPAN):
            return SPANS, "rest"
        is_annotated = all(f'"{name}"'.encode() in head for name in (*ANNOTATION, "result"))
        return (ANNOTATIONS, "rest") if is_annotated else ("", "")
    if columns >= FLAT_SPAN or columns >= {*REST_SPAN, "attributes"}:
        return SPANS, shape.form
    is_annotation = columns >= ANNOTATION and bool(columns & {"annotation_name", "name", "result"})
    return (ANNOTATIONS, shape.form) if is_annotation else ("", "")


def _known_kind(path: Path) -> str:
    try:
        status = path.stat()
        return _remembered(path, status.st_size, status.st_mtime_ns, status.st_ino)
    except OSError:
        return ""


@lru_cache(maxsize=4096)
def _remembered(path: Path, size: int, changed: int, inode: int) -> str:
    del size, changed, inode
    return _kind(Probe(path))[0]


@lru_cache(maxsize=1)
def _notes(paths: tuple[Path, ...], stamps: tuple[tuple[int, int], ...]) -> Notes:
    """What files of annotations say; kept for the next file of spans, which asks for the same."""
    del stamps
    notes, words = Notes(is_counted=False), Normaliser()
    for path in paths:
        for _, row in _items(ExportedRows(path)):
            bodies = score_bodies(annotation_scores(row, words))
            notes.add(SCORE, bodies, span=clean_id(row.get("span_id")))
    return notes


@lru_cache(maxsize=1)
def _known(paths: tuple[Path, ...], stamps: tuple[tuple[int, int], ...]) -> Known:
    """The requests in files of spans."""
    del stamps
    known, words = Known(), Normaliser()
    for path in paths:
        for span in _Pages(path).spans():
            call = call_of(span, words)
            if call.kind == REQUEST:
                known.add(span.span_id, call.response_id)
    return known
