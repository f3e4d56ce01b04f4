"""From spans to observations: one for each request to a model, and every other span counted by what it is.

An agent's span holds the spans of the requests it made, a wrapper's span the one it wraps: each request
counts once, by its innermost span. Requests that a guardrail or an evaluator made are its own, not users'.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from auditgen.evidence.model import Outcome, Score, is_late
from auditgen.sources import openinference
from auditgen.sources.exported_rows import nested
from auditgen.sources.fields import by_metric
from auditgen.sources.jsontext import as_number, as_text, raw_text
from auditgen.sources.otlp_calls import Call, call_of, has_failed, rate_of, take_event
from auditgen.sources.otlp_guards import Said, guards_of, has_guard
from auditgen.sources.otlp_joins import (
    GUARD,
    SCORE,
    TEXT,
    Guards,
    Known,
    Notes,
    said_of,
    score_bodies,
    scores_kept,
)
from auditgen.sources.otlp_names import (
    DETAILS_EVENT,
    EVALUATION_EVENT,
    EVALUATOR,
    GUARDRAIL,
    MESSAGE_EVENTS,
    REQUEST,
)
from auditgen.sources.otlp_spans import ERROR, LogRecord, Origin, Span, moment
from auditgen.sources.outcomes import FILTERED, FINISH, Normaliser, Signals
from auditgen.sources.production_log import ProductionLog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from auditgen.evidence.model import Observation
    from auditgen.sources.interface import Context, Item
    from auditgen.sources.otlp_spans import Record

NEIGHBOURS = 65_536
"""Requests that are remembered, to know a wrapper from what it wraps: both end within moments."""
AHEAD = timedelta(minutes=1)
"""How much later than its log an event may have happened, before one of the clocks is wrong."""
EARLIEST = 1_420_070_400_000_000_000  # 2015: before any of these conventions; a clock that was never set
_FILTERED_OUTSIDE = "content_filter"
_METADATA = "metadata"
_LABELS = {"pass": "pass", "passed": "pass", "fail": "fail", "failed": "fail"}


class Requests:
    """Reads the spans of one file in order; what belongs to them from elsewhere was gathered before."""

    def __init__(self, context: Context, tool: str, title: str) -> None:
        self.log = ProductionLog(context, tool, title)
        self.notes = Notes()
        """Scores and texts out of this file."""
        self.beside = Notes()
        """The same out of companions, where they are another's to count."""
        self.guards = Guards()
        self.known: Known | None = None
        """Requests of companions, where this file is about them."""
        self.spans = 0
        self.resource: dict[str, Any] = {}
        self._asked: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._wrappers: OrderedDict[tuple[str, str], None] = OrderedDict()

    def gather(self, records: Iterable[Record]) -> None:
        """A pass before: guardrails, evaluations and texts, and the requests in their traces."""
        words = Normaliser()  # what nobody knows is counted once, in the pass that yields
        for record in records:
            if isinstance(record, LogRecord):
                self.note_log(record, self.notes)
            elif isinstance(record, Span):
                self._gather_span(record, words)

    def gather_beside(self, records: Iterable[Record]) -> None:
        """What another file has of the traces of this one: guardrails, and requests that they may watch."""
        words = Normaliser()
        self.guards.is_here = False
        for record in records:
            if isinstance(record, Span) and self.guards.knows(record.trace_id, record.span_id):
                self._gather_span(record, words)
        self.guards.is_here = True

    def _gather_span(self, span: Span, words: Normaliser) -> None:
        call = call_of(span, words)
        trace, own, parent = span.trace_id, span.span_id, span.parent_id
        times = (span.start, span.end)
        if call.kind == REQUEST:
            said = None
            if not call.is_usual and has_guard(span.attributes):
                said = guards_of(span.attributes, "", has_failed=False, normaliser=words)
            self.guards.add_request(
                trace, own, parent, times, said=said, is_filtered=_is_filtered(call)
            )
        elif call.kind == GUARDRAIL:
            self.guards.add_own(trace, own)
            failed = has_failed(span)
            said = guards_of(span.attributes, span.name, has_failed=failed, normaliser=words)
            if said is not None:
                self.guards.add(
                    said,
                    trace=trace,
                    span=own,
                    parent=parent,
                    times=times,
                    locator=span.locator,
                    name=call.operation,
                    record=self._record(span, []),
                )
        elif call.kind == EVALUATOR:
            self.guards.add_own(trace, own)
            scores = evaluator_scores(span)
            if scores and self.guards.is_here:
                self.notes.add(SCORE, score_bodies(scores), trace=trace, span=parent)
        for event in span.events:
            if call.kind != REQUEST and event.name == EVALUATION_EVENT and self.guards.is_here:
                self._note_evaluation(event.attributes, trace, own, self.notes)

    def note_log(self, record: LogRecord, notes: Notes) -> bool:
        """Keep what a log record says of a request elsewhere. False when it says nothing of one."""
        if record.event == EVALUATION_EVENT or "gen_ai.evaluation.name" in record.attributes:
            self._note_evaluation(record.attributes, record.trace_id, record.span_id, notes)
            return True
        if record.event in MESSAGE_EVENTS or record.event == DETAILS_EVENT:
            about = {"event": record.event, "attributes": record.attributes, "body": record.body}
            response = as_text(record.attributes.get("gen_ai.response.id"))
            notes.add(TEXT, about, trace=record.trace_id, span=record.span_id, response=response)
            return True
        if has_guard(record.attributes):
            words = self.log.normaliser
            said = guards_of(record.attributes, "", has_failed=False, normaliser=words)
            if said is not None:  # written within the span that it watched
                self._note_guard(record, said, notes)
            return True
        return False

    def _note_guard(self, record: LogRecord, said: Said, notes: Notes) -> None:
        if notes is not self.notes or (self.known is not None and self.known.holds(record.span_id)):
            notes.add(GUARD, asdict(said), trace=record.trace_id, span=record.span_id)
            return
        self.guards.add(
            said,
            trace=record.trace_id,
            span="",
            parent=record.span_id,
            times=(record.at or record.observed,) * 2,
            locator=record.locator,
            name="guardrail",
            record=record.attributes,
        )

    def _note_evaluation(self, attributes: dict[str, Any], trace: str, span: str, notes: Notes) -> None:
        response = as_text(attributes.get("gen_ai.response.id"))
        bodies = score_bodies(evaluation_scores(attributes))
        notes.add(SCORE, bodies, trace=trace, span=span, response=response)

    def take(self, span: Span) -> Iterator[Observation]:
        """One span: an observation, or one more of the others."""
        self.spans += 1
        call = call_of(span, self.log.normaliser)
        if call.kind == GUARDRAIL:
            words = self.log.normaliser
            said = guards_of(span.attributes, span.name, has_failed=has_failed(span), normaliser=words)
            elsewhere = " (of a tool or a memory)" if said is None else ""
            if said is not None and said.is_known and said.guard.verdict is said.guard.action is None:
                message = "guardrails whose span says neither a verdict nor an action"
                self.log.note("outcome-undecided", message)
            self.log.skip(f"`{call.operation}`{elsewhere}")
        elif call.kind != REQUEST:
            self.log.skip(f"`{call.operation}`")
        elif self.guards.is_inner(span.trace_id, span.parent_id):
            self.log.skip(f"`{call.operation}` (asked by a guardrail or an evaluator)")
        elif self._is_wrapper(span):
            self.log.skip(f"`{call.operation}` (around another one, or within it)")
            if not self.guards.request_count and (_is_filtered(call) or has_guard(span.attributes)):
                message = "requests around another one whose block the record of the inner one does not tell"
                self.log.note("blocks-disagree", message)
        else:
            yield self.observation(span, call)

    def _is_wrapper(self, span: Span) -> bool:
        """Whether the request is another one's: around it, or, where the file is read once, within it."""
        own, outer = (span.trace_id, span.span_id), (span.trace_id, span.parent_id)
        if not span.span_id:
            return False
        if self.guards.request_count:
            return self.guards.is_wrapper(span.trace_id, span.span_id, span.start)
        if own in self._wrappers or (span.parent_id and outer in self._asked):
            return True
        _remember(self._asked, own)
        if span.parent_id:
            _remember(self._wrappers, outer)
        return False

    def observation(self, span: Span, call: Call, received: int = 0, at: int = 0) -> Observation:
        """The record of one request."""
        found: list[tuple[str, Any]] = []
        if self.notes.count or self.beside.count:
            for notes in (self.notes, self.beside):
                found += notes.of(span.trace_id, span.span_id, call.response_id)
        scores = [score for kind, body in found if kind == SCORE for score in scores_kept(body)]
        for kind, body in found:
            if kind == TEXT and isinstance(body, dict):
                take_event(call, body["event"], body["attributes"], body["body"])
        for event in span.events:
            if event.name == EVALUATION_EVENT:
                scores += evaluation_scores(event.attributes)
        said = [*self.guards.of(span.trace_id, span.span_id)]
        said += [said_of(body) for kind, body in found if kind == GUARD]
        around, is_filtered_around = self.guards.around(span.trace_id, span.span_id)
        said += around
        if not call.is_usual and has_guard(span.attributes):
            own = guards_of(span.attributes, "", has_failed=False, normaliser=self.log.normaliser)
            said += [own] if own is not None else []
        for field in call.conflicts:
            message = f"`{field}`: two generations of names differ in one span; the first was read"
            self.log.note("records-contradict", message)
        if call.is_mixed:
            self.log.note("score-undecided", "requests whose choices ended in different ways")
        self._check_clock(span)
        begun = at or span.start or span.end
        failed = span.status == ERROR or bool(call.error_type)
        if found:
            self.log.screen_more([body for _, body in found])
        rate = rate_of(span)
        if rate is not None and rate < 1:
            message = "requests of which a sampler kept only a share, by their own records"
            self.log.note("sampled-log", message)
        observation = self.log.observation(
            self._record(span, scores),
            locator=span.locator,
            sample_id=sample_id(span.trace_id, span.span_id),
            signals=Signals(
                # what stopped it outside came after the answer, where there is one
                finish=_FILTERED_OUTSIDE if is_filtered_around and call.has_response else call.finish,
                refusal=call.refusal,
                is_filtered=call.is_filtered or is_filtered_around,
                is_failed=failed and not call.is_filtered and not is_filtered_around,
                http_status=call.http_status,
                has_response=call.has_response,
                guards=tuple(each.guard for each in said),
            ),
            is_doubtful=not all(each.is_known for each in said),
            time=moment(begun) if span.zone_written else _naive(begun),
            received=moment(received),
            model=call.model,
            endpoint=call.endpoint,
            prompt=call.prompt,
            response=call.response if call.response is not None else call.refusal,
            error_text=(span.status_message or call.error_type)[:2000] if failed else None,
            sampling_rate=rate,
            scores=scores,
        )
        if observation.response is None and call.has_response and observation.outcome is Outcome.UNSCORED:
            self.log.note("content-not-captured", "requests whose answer is not in the log")
        return observation

    def _record(self, span: Span, scores: list[Score]) -> dict[str, Any]:
        """What declared rules look into: attributes by their names, and what stands around them."""
        if not self.log.has_rules:
            return span.attributes
        record: dict[str, Any] = {
            "name": span.name,
            "resource": span.origin.resource,
            "scope": span.origin.scope,
            "trace_id": span.trace_id,
            "span_id": span.span_id,
            **span.attributes,
        }
        if isinstance(record.get(_METADATA), str):
            record[_METADATA] = nested(record[_METADATA])
        if scores:
            record["scores"] = by_metric(scores)
        return record

    def _check_clock(self, span: Span) -> None:
        if span.start and span.end and span.end < span.start:
            self.log.note("clock-suspect", "spans that end before they begin")
        elif 0 < span.start < EARLIEST:
            self.log.note("clock-suspect", "times before 2015: a clock that was not set")

    def check_log(self, record: LogRecord, *, is_request: bool = False) -> None:
        """Compare when an event happened with when the log got it.

        What becomes a request of its own is compared as all requests are (`is_request`).
        """
        happened, got = moment(record.at), moment(record.observed)
        if happened is None or got is None:
            return
        if happened - got > AHEAD:
            self.log.note("clock-suspect", "events that happened after the log had got them")
        elif is_late(happened, got) and not is_request:
            self.log.note("late-rows", "events that the log got more than a day after they happened")

    def stopped(self) -> Iterator[Observation]:
        """Requests that only a guardrail knows, because it stopped them before the model."""
        for blocked in self.guards.blocked():
            self.log.screen([blocked.name, blocked.record], is_counted=False)  # its span was counted
            yield self.log.observation(
                blocked.record,
                locator=f"{blocked.locator}#blocked",
                sample_id=sample_id(blocked.trace_id, blocked.span_id),
                signals=Signals(has_response=False, guards=tuple(each.guard for each in blocked.said)),
                time=moment(blocked.start),
                endpoint=blocked.name,
            )

    def closing(self, role: str = "records") -> Iterator[Item]:
        """What was not joined, the other doubts, and the facts."""
        lost = self.guards.orphans()
        if lost:
            message = "guardrails that belong to no request of this file, and that stopped none"
            self.log.note("annotations-orphaned", message, lost)
        place = "this file" if self.known is None else "the files of spans beside it"
        for kind, message in (
            (SCORE, f"evaluations whose request is not in {place}"),
            (TEXT, f"texts whose request is not in {place}"),
            (GUARD, f"guardrails whose request is not in {place}"),
        ):
            unused = self.notes.unused(kind, self.known)
            if unused:
                self.log.note("annotations-orphaned", message, unused)
        version = as_text(self.resource.get("telemetry.sdk.version"))[:40]
        yield from self.log.closing(calls="requests", tool_version=version, role=role)


def kept_of(record: Record) -> Any:
    """All of a record that may be stored or shown, to be searched for credentials."""
    if isinstance(record, Span):
        if not record.events and not record.status_message:
            return record.name, record.attributes
        events = [event.attributes for event in record.events]
        return record.name, record.attributes, record.status_message, events
    if isinstance(record, LogRecord):
        return record.attributes, record.body
    return None


def _is_filtered(call: Call) -> bool:
    """Whether the span of a request itself says that a filter stopped it."""
    finish = "" if call.finish is None else call.finish.strip().lower()
    return call.is_filtered or FINISH.get(finish) == FILTERED


def _naive(nanoseconds: int) -> datetime | None:
    """The time as it was written, without the zone that it was not written with."""
    at = moment(nanoseconds)
    return None if at is None else at.replace(tzinfo=None)


def _remember(known: OrderedDict[tuple[str, str], None], key: tuple[str, str]) -> None:
    known[key] = None
    if len(known) > NEIGHBOURS:
        known.popitem(last=False)


def sample_id(trace_id: str, span_id: str) -> str:
    """The id of a span anywhere; empty where it has none."""
    return f"{trace_id}/{span_id}" if span_id else ""


def evaluation_scores(attributes: dict[str, Any]) -> list[Score]:
    """The score of an evaluation event, and its label as a second one where it has both."""
    name = as_text(attributes.get("gen_ai.evaluation.name"))[:200] or "evaluation"
    return scores_of(
        name,
        attributes.get("gen_ai.evaluation.score.value"),
        attributes.get("gen_ai.evaluation.score.label"),
        explanation=attributes.get("gen_ai.evaluation.explanation"),
        error=bool(attributes.get("error.type")),
    )


def evaluator_scores(span: Span) -> list[Score]:
    """What OpenInference's EVALUATOR span says of the span around it."""
    found = openinference.evaluation(span.attributes)
    if not found:
        return []
    name = span.name[:200] or "evaluator"
    return scores_of(name, found.get("score"), found.get("label"), explanation=found.get("explanation"))


def scores_of(
    name: str,
    raw: Any,
    label: Any,
    *,
    explanation: Any = None,
    error: bool = False,
    judge: str | None = None,
) -> list[Score]:
    """A value and a label under one name: the value as `name`, a label beside it as `name.label`."""
    rationale = explanation if isinstance(explanation, str) and explanation else None
    word = label if isinstance(label, str) and label else None
    verdict = _LABELS.get(word.lower()) if word is not None else None
    value = as_number(raw)
    about: dict[str, Any] = {"verdict": verdict, "judge": judge, "rationale": rationale}
    out = []
    if raw is not None or word is None:
        state = "error" if error else "scored" if value is not None else "unscored"
        out.append(Score(name, name, raw_text(raw), None if error else value, state, **about))
    if word is not None:
        metric = f"{name}.label" if out else name
        out.append(Score(name, metric, word, None, "error" if error else "scored", **about))
    return out


def span_of_details(record: LogRecord) -> Span:
    """The request that an event of inference details describes by itself."""
    return Span(
        record.locator,
        Origin(record.origin.resource, record.origin.scope, record.origin.schema_url),
        record.trace_id,
        record.span_id,
        name=record.event,
        start=record.at or record.observed,
        end=record.at,
        attributes=record.attributes,
    )


__all__ = ["Requests", "evaluation_scores", "kept_of", "sample_id", "scores_of", "span_of_details"]
