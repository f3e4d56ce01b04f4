"""OpenTelemetry's GenAI and OpenInference spans, events and metrics, as OTLP or as the SDK prints them.

A file with spans is evidence; a file of log records is about spans that usually stand in another file, and
is read together with those: evaluations, texts and guardrails' results are joined to their request by span
or by response. Times are nanoseconds since 1970, UTC by the protocol.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.jsontext import as_text
from auditgen.sources.otlp_calls import call_of
from auditgen.sources.otlp_files import Export, form_of, holds_any, known_form, stamps_of
from auditgen.sources.otlp_joins import Known, Notes, Traces
from auditgen.sources.otlp_metrics import points_of
from auditgen.sources.otlp_names import DETAILS_EVENT, NEEDLES, REQUEST
from auditgen.sources.otlp_requests import Requests, kept_of, span_of_details
from auditgen.sources.otlp_spans import LogRecord, Metric, Span
from auditgen.sources.outcomes import Normaliser

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from auditgen.sources.otlp_files import Form

_ESCAPED = re.compile(rb"\\u00[2-7]")
"""A plain letter written as an escape: no tool does, and it must hide nothing."""
_WORDS = {"json": "OTLP/JSON", "console": "spans as the SDK prints them", "protobuf": "OTLP as protobuf",
          "frames": "OTLP in frames with their length before them"}  # fmt: skip


class OpenTelemetrySource:
    """OTLP traces, logs and metrics (1.x) with GenAI or OpenInference names, and the SDK's console spans."""

    name: ClassVar[str] = "opentelemetry"
    version: ClassVar[str] = "3"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the outermost keys, by the keys of a printed span, or by the first fields of the protobuf."""
        form = form_of(probe)
        if form is None:
            return None
        packed = f"+{probe.packed}" if probe.packed else ""
        signals = ", ".join(sorted(form.signals))
        return Recognition(f"otlp.{form.kind}{packed}", f"{_WORDS[form.kind]}: {signals}")

    def companions(self, path: Path, available: Sequence[Path]) -> list[Path]:
        """For spans the files of log records and of the same traces, for log records the files of spans."""
        own = known_form(path)
        if own is None or not own.signals & {"traces", "logs"}:
            return []
        has_spans = "traces" in own.signals
        wanted, unwanted = ("logs", "traces") if has_spans else ("traces", "")
        out = []
        for other in available:
            form = known_form(other) if other != path else None
            if form is not None and wanted in form.signals and unwanted not in form.signals:
                out.append(other)
        if has_spans:
            out += _neighbours(path, available)
        return sorted(out)

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Observations in file order, then requests that a guardrail stopped, then the doubts."""
        form = form_of(Probe(path))
        if form is None:  # the file changed since it was recognised
            return
        requests = Requests(context, self.name, "OpenTelemetry")
        others = tuple(context.companions)
        spans: tuple[Path, ...] = ()
        if "traces" in form.signals:
            forms = {other: known_form(other) for other in others}
            spans = tuple(p for p, found in forms.items() if found is not None and "traces" in found.signals)
            others = tuple(p for p in others if p not in spans)
            requests.beside = _notes(others, stamps_of(others)) if others else requests.beside
        elif others:
            requests.known = _known(others, stamps_of(others))
        if spans or _may_refer(path, form):
            requests.gather(Export(path, form).records())
            for other in spans:
                known = known_form(other)
                requests.gather_beside(Export(other, known).records() if known is not None else ())
            requests.guards.assign()
        yield from _read(path, form, requests)


def _read(path: Path, form: Form, requests: Requests) -> Iterator[Item]:
    export = Export(path, form)
    logs = points = 0
    for record in requests.log.screened_by(export.records(), kept_of):
        match record:
            case Span():
                requests.resource = record.origin.resource
                yield from requests.take(record)
            case LogRecord():
                logs += 1
                found = list(_details(record, requests))
                requests.check_log(record, is_request=bool(found))
                yield from found
            case Metric():
                for point in points_of(record):
                    points += 1
                    yield requests.log.point(point)
    yield from requests.stopped()
    yield from export.anomalies()
    is_about_others = logs and not requests.spans and not requests.log.count
    role = "companion" if is_about_others and (requests.notes.count or requests.guards.count) else "records"
    if logs and not requests.spans and role == "records" and not requests.log.count:
        requests.log.skip("log records of other things")
    yield from requests.closing(role)


def _details(record: LogRecord, requests: Requests) -> Iterator[Item]:
    """A request that only its event describes: where neither this file nor a companion has its span."""
    if record.event != DETAILS_EVENT:
        return
    is_elsewhere = requests.known is not None and requests.known.holds(
        record.span_id, as_text(record.attributes.get("gen_ai.response.id"))
    )
    if is_elsewhere or requests.guards.has_request(record.trace_id, record.span_id):
        return
    span = span_of_details(record)
    call = call_of(span, requests.log.normaliser)
    if call.kind == REQUEST:
        yield requests.observation(span, call, received=record.observed)
    else:
        requests.log.skip(f"`{call.operation}`")


def _may_refer(path: Path, form: Form) -> bool:
    """Whether any record of the file may be about another one, so that it must be read twice."""
    is_plain = form.kind in {"json", "console"} or (form.kind == "protobuf" and form.signals == {"traces"})
    return not is_plain or holds_any(path, NEEDLES, _ESCAPED.search)


def _neighbours(path: Path, available: Sequence[Path]) -> list[Path]:
    """Files of spans with a trace of this one, where any of those handed in tells of guardrails or of blocks.

    Exporters rotate their files in the middle of a trace, and its spans are written as they end.
    """
    forms = {other: known_form(other) for other in available}
    files = tuple(sorted(p for p, form in forms.items() if form is not None and "traces" in form.signals))
    if len(files) < 2 or path not in files:
        return []
    stamps = stamps_of(files)
    if not any(_tells(p, stamp) for p, stamp in zip(files, stamps, strict=True)):
        return []
    return list(_shared(files, stamps).get(path, ()))


@lru_cache(maxsize=4096)
def _tells(path: Path, stamp: tuple[int, int]) -> bool:
    del stamp
    return holds_any(path, NEEDLES, _ESCAPED.search)


@lru_cache(maxsize=2)
def _shared(paths: tuple[Path, ...], stamps: tuple[tuple[int, int], ...]) -> dict[Path, tuple[Path, ...]]:
    """By file: the others with one of its traces; kept for the next file, which asks for the same."""
    del stamps
    traces = Traces()
    for number, path in enumerate(paths):
        form = known_form(path)
        for record in Export(path, form).records() if form is not None else ():
            if isinstance(record, Span):
                traces.add(record.trace_id, number)
    found = traces.shared()
    return {paths[number]: tuple(paths[other] for other in others) for number, others in found.items()}


@lru_cache(maxsize=1)
def _notes(paths: tuple[Path, ...], stamps: tuple[tuple[int, int], ...]) -> Notes:
    """What files of log records say; kept for the next file of spans, which asks for the same."""
    del stamps
    notes = Notes(is_counted=False)
    scratch = Requests(Context(), OpenTelemetrySource.name, "")
    for path in paths:
        form = form_of(Probe(path))
        if form is not None:
            for record in Export(path, form).records():
                if isinstance(record, LogRecord):
                    scratch.note_log(record, notes)
    return notes


@lru_cache(maxsize=1)
def _known(paths: tuple[Path, ...], stamps: tuple[tuple[int, int], ...]) -> Known:
    """The requests in files of spans; kept for the next file of log records."""
    del stamps
    known, words = Known(), Normaliser()
    for path in paths:
        form = form_of(Probe(path))
        for record in Export(path, form).records() if form is not None else ():
            if isinstance(record, Span):
                call = call_of(record, words)
                if call.kind == REQUEST:
                    known.add(record.span_id, call.response_id)
    return known
