"""NeMo Guardrails: responses with their generation log, and the traces of the FileSystem adapter.

A rail blocked a request if and only if it stopped and decided to refuse, or its verdict says so. A rail
whose check crashed stops too (0.24.1: `logging/processing_log.py`), answers with a fixed sentence and counts
as an error; also the `triggered_input_rail` of such a request is set. Rails can be told to raise exceptions
in place of answers; such an exception is a decision to refuse. The engine without Colang writes its verdict
as `return_value: {allowed, failed}`.

A trace tells neither the answer nor the moment: its clock starts at 0. A rail of it that stopped without a
decision may have crashed or refused, and stays undecided.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.model import Anomaly
from auditgen.sources.exported_rows import ExportedRows, shape_of
from auditgen.sources.fields import from_epoch
from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.jsontext import as_dict, as_list, as_text, last_said
from auditgen.sources.outcomes import Guard, Normaliser, Signals
from auditgen.sources.production_log import ProductionLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from auditgen.evidence.model import Observation

RESPONSE_KEYS = frozenset({"response", "llm_output", "output_data", "log", "state"})
TRACE_KEYS = frozenset({"schema_version", "trace_id", "spans"})
INTERNAL_ERROR = "I'm sorry, an internal error has occurred."
ERROR_INTENT = "inform internal error occurred"
REFUSALS: dict[str, str | None] = {
    # what the rails of the tool's own library say before they stop (0.24.1: `library/**/*.co`)
    "inform answer unknown": "deny",
    "inform cannot engage with sensitive content": "deny",
    "response untrustworthy": "deny",
    ERROR_INTENT: "error",
}
"""Decisions other than `refuse ...` that a rail can stop with, by what they mean."""
STAGES = {"input": "input", "retrieval": "input", "tool_input": "input", "output": "output",
          "tool_output": "output", "generation": "output"}  # fmt: skip
CHECKS = frozenset({"input", "output", "retrieval", "tool_input", "tool_output"})
"""Types of rails that check something; dialog and generation only carry the conversation on."""
TRACE_VERSIONS: dict[str, str | None] = {"2.0": "2.0"}
MAX_RAILS = 1000


class NemoSource:
    """NeMo Guardrails: `GenerationResponse` as JSON, JSON lines, and FileSystem traces 2.0."""

    name: ClassVar[str] = "nemo-guardrails"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the keys of the first record."""
        head = probe.unpacked
        keys = head.top_keys | head.item_keys
        if keys >= RESPONSE_KEYS or (keys >= {"response", "log"} and b'"activated_rails"' in head.head):
            return Recognition("nemo.response", "records with a response and its generation log")
        if shape_of(probe).columns >= TRACE_KEYS and b'"guardrails.' in head.head:
            return Recognition("nemo.trace", "traces with spans of rails")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """One observation for each request; all its rails are guards of it."""
        log, rows = ProductionLog(context, self.name, "NeMo Guardrails"), ExportedRows(path)
        silent = 0
        for locator, record in log.screened(rows):
            is_trace = "spans" in record and "response" not in record
            made = (_traced if is_trace else _answered)(log, record, locator)
            silent += is_trace and made.response is None
            yield made
        yield from rows.anomalies()
        if silent:
            yield Anomaly("content-not-captured", "traces without the answer that was given", silent)
        why = "requests whose times count from the start of the request, or that have none"
        yield from log.closing(calls="requests", undated=why)


def _answered(log: ProductionLog, record: dict[str, Any], locator: str) -> Observation:
    told, data = as_dict(record.get("log")), as_dict(record.get("output_data"))
    rails = [as_dict(rail) for rail in as_list(told.get("activated_rails"))[:MAX_RAILS]]
    answer, raised = _answer(record.get("response"))
    is_error = (
        answer is not None and answer.strip() == INTERNAL_ERROR
    ) or f"bot {ERROR_INTENT}" in as_text(told.get("colang_history")).splitlines()
    guards = _guards(rails, log.normaliser, is_error=is_error, is_raised=raised is not None)
    event = as_dict(data.get("event"))
    started = [at for rail in rails if (at := from_epoch(rail.get("started_at"))) is not None]
    calls = [as_dict(call) for call in as_list(told.get("llm_calls"))]
    prompt = data.get("user_message") or data.get("last_user_message")
    is_generated = any(rail.get("type") == "generation" for rail in rails)
    return log.observation(
        record,
        signals=Signals(guards=guards, has_response=is_generated or None),
        locator=locator,
        sample_id=_id(event.get("uid")),
        time=min(started) if started else event.get("event_created_at"),
        is_call=False,
        response=answer if answer is not None else raised,
        prompt=prompt if isinstance(prompt, str) else None,
        model=_model(call.get("llm_model_name") for call in calls),
        error_text=answer if is_error else None,
    )


def _answer(response: Any) -> tuple[str | None, str | None]:
    """What the user was told, and what an exception said that stands in its place."""
    if isinstance(response, str):
        return response, None
    for message in reversed(as_list(response)):
        if as_dict(message).get("role") == "exception":
            return None, as_text(as_dict(message.get("content")).get("message"))
    return last_said(as_list(response), "assistant"), None


def _traced(log: ProductionLog, record: dict[str, Any], locator: str) -> Observation:
    log.normaliser.word("schema_version", as_text(record.get("schema_version")), TRACE_VERSIONS)
    rails, models, texts, is_error = [], [], {}, False
    for entry in as_list(record.get("spans"))[: 10 * MAX_RAILS]:
        span = as_dict(entry)
        known = as_dict(span.get("attributes"))
        is_error = is_error or bool(as_dict(span.get("error")).get("occurred"))
        models.append(known.get("gen_ai.response.model") or known.get("gen_ai.request.model"))
        for event in as_list(span.get("events")):
            said = as_dict(as_dict(event).get("attributes")).get("content")
            if isinstance(said, str):
                texts[as_text(as_dict(event).get("name"))] = said
        if span.get("span_type") == "RailSpan" or "rail.type" in known:
            rails.append({name[5:]: value for name, value in known.items() if name.startswith("rail.")})
    answer = texts.get("guardrails.utterance.bot.finished") or texts.get("guardrails.utterance.bot.started")
    is_error = is_error or (answer is not None and answer.strip() == INTERNAL_ERROR)
    guards = _guards(rails[:MAX_RAILS], log.normaliser, is_error=is_error, is_raised=False)
    is_generated = any(rail.get("type") == "generation" for rail in rails)
    return log.observation(
        record,
        signals=Signals(guards=guards, has_response=is_generated or None),
        locator=locator,
        sample_id=_id(record.get("trace_id")),
        time=None,
        is_call=False,
        response=answer,
        prompt=texts.get("guardrails.user_message"),
        model=_model(models),
    )


def _guards(
    rails: list[dict[str, Any]], words: Normaliser, *, is_error: bool, is_raised: bool
) -> tuple[Guard, ...]:
    """Every rail as a guard; none at all where one stopped and nothing says why."""
    guards = [_guard(rail, words, is_raised=is_raised) for rail in rails]
    if is_error:
        # the last rail that was entered is the one that broke
        last = guards[-1] if guards else Guard("rails")
        guards = [*guards[:-1], Guard(last.name, "error", None, last.stage)]
    if any(guard.verdict == "error" for guard in guards):  # that others passed is not what was done
        guards = [replace(guard, action=None) if guard.action == "pass" else guard for guard in guards]
    decided = any(guard.action == "block" or guard.verdict == "error" for guard in guards)
    if not decided and any(rail.get("stop") is True for rail in rails):
        return ()
    return tuple(guards)


def _guard(rail: dict[str, Any], words: Normaliser, *, is_raised: bool) -> Guard:
    kind, name = as_text(rail.get("type")), as_text(rail.get("name"))[:200]
    stage = STAGES.get(kind)
    verdict = _verdict(rail, words, is_raised=is_raised)
    if rail.get("stop") is True:
        return Guard(name, verdict, "block" if verdict == "deny" else None, stage)
    if verdict is not None:
        return Guard(name, verdict, None, stage)  # refused and not stopped: what was then done is not said
    return Guard(name, "allow", "pass", stage) if kind in CHECKS else Guard(name, None, None, stage)


def _verdict(rail: dict[str, Any], words: Normaliser, *, is_raised: bool) -> str | None:
    """`deny`, `error`, or None where the rail decided nothing that is known."""
    for action in as_list(rail.get("executed_actions")):
        result = as_dict(as_dict(action).get("return_value"))
        if result.get("failed") is True:
            return "error"
        if result.get("allowed") is False:
            return "deny"
    is_stopped = rail.get("stop") is True
    said = [
        text.removeprefix("bot ")
        for text in (as_text(decision) for decision in as_list(rail.get("decisions")))
        if text and text != "stop" and not text.startswith("execute ")
    ]
    if any(text == "refuse" or text.startswith("refuse ") for text in said):
        return "deny"
    if is_stopped and is_raised:
        return "deny"
    known = [REFUSALS[text] for text in said if text in REFUSALS]
    if known and (is_stopped or "error" in known):
        return "error" if "error" in known else "deny"
    if is_stopped and said:  # a flow's own name: what it means, nobody has said
        words.word("decisions", said[-1], REFUSALS)
    return None


def _model(names: Any) -> str:
    """The models that were called, as they are written."""
    found = dict.fromkeys(as_text(name) for name in names if isinstance(name, str) and name)
    return ", ".join(list(found)[:5])


def _id(value: Any) -> str:
    return value if isinstance(value, str) else ""
