"""OpenAI's moderation: results that an application logged, and the block of them in newer chat replies.

A result is a verdict, flagged or not, and never an action: what the application did with it, it must say
itself (`guardrail_action` in `audit.yaml`). A bare result has no time and no request id. Scores are not
comparable between versions of the moderation model, so its name is kept as the judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.model import Score
from auditgen.sources.chat_reply import prompt_of, reply_of
from auditgen.sources.exported_rows import ExportedRows, nested, shape_of
from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.jsontext import as_dict, as_list, as_number, as_text, raw_text
from auditgen.sources.outcomes import Guard, Signals
from auditgen.sources.production_log import ProductionLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from auditgen.evidence.model import Observation

BODIES = ("response", "body", "result", "moderation_response")
TIMES = ("time", "timestamp", "ts", "created_at", "@timestamp", "date")
IDS = ("request_id", "requestId", "id")
STAGES = ("input", "output")
MAX_RESULTS = 1000
OTHERS = {"call_type", "run_type", "request_created_at", "schemaType", "trace_id", "object_type"}


class ModerationSource:
    """Logged results of OpenAI's moderation."""

    name: ClassVar[str] = "openai-moderation"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By a result with `flagged` and `category_scores`, or a reply with `moderation`."""
        shape = shape_of(probe)
        if shape.form not in {"jsonl", "json", "object"} or shape.columns & OTHERS:
            return None
        first = shape.first
        if not first and shape.columns >= {"results", "id", "model"}:
            head = probe.unpacked.head
            if b'"category_scores"' in head and b'"flagged"' in head:
                return Recognition(f"openai.moderation/{shape.form}", "`results` with `category_scores`")
        if _results(_body(first)):
            return Recognition(f"openai.moderation/{shape.form}", "`results` with `category_scores`")
        if "choices" in _body(first) and any(_staged(_body(first))):
            return Recognition(f"openai.moderated_reply/{shape.form}", "replies with a `moderation` block")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Every moderated request."""
        rows = ExportedRows(path)
        log = ProductionLog(context, self.name, "OpenAI moderation")
        for locator, row in log.screened(rows):
            yield _request(row, locator, log)
        yield from rows.anomalies()
        yield from log.closing(calls="requests")


def _body(row: dict[str, Any]) -> dict[str, Any]:
    if "results" in row or "choices" in row:
        return row
    for name in BODIES:
        inner = nested(row.get(name))
        if isinstance(inner, dict) and ("results" in inner or "choices" in inner):
            return inner
    return row


def _results(body: dict[str, Any]) -> list[dict[str, Any]]:
    found = [as_dict(one) for one in as_list(body.get("results"))[:MAX_RESULTS]]
    return [one for one in found if "flagged" in one and ("category_scores" in one or "categories" in one)]


def _staged(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The results in a reply's own `moderation` block, by what they are about."""
    block = as_dict(body.get("moderation"))
    for stage in STAGES:
        value = block.get(stage)
        many = as_dict(value).get("results", value)
        for one in many[:MAX_RESULTS] if isinstance(many, list) else [many]:
            if isinstance(one, dict) and "flagged" in one:
                yield stage, one


def _request(raw: dict[str, Any], locator: str, log: ProductionLog) -> Observation:
    body = _body(raw)
    is_wrapped = body is not raw
    judge = as_text((body if "results" in body else as_dict(body.get("moderation"))).get("model"))
    found: list[tuple[str | None, dict[str, Any]]] = [(None, one) for one in _results(body)]
    found += list(_staged(body))
    guards = []
    for stage, one in found:
        flagged = one.get("flagged")
        if not isinstance(flagged, bool):
            log.normaliser.word("flagged", as_text(flagged) or "null", {})
            continue
        guards.append(Guard("moderation", "flag" if flagged else "allow", None, stage))
    scores = tuple(_scores(found, judge))
    categories = [_highest(one) for _, one in found if one.get("flagged") is True]
    reply = reply_of(body) if "choices" in body else reply_of(None)
    asked = nested(raw.get("request")) if is_wrapped else None
    written = next((raw[name] for name in TIMES if raw.get(name) is not None), None)
    holder = raw if is_wrapped else {}
    own = next((as_text(holder[name]) for name in IDS if holder.get(name)), "")
    record = {**raw, "scores": {score.metric: score.value for score in scores}}
    return log.observation(
        record,
        locator=locator,
        sample_id=own or as_text(body.get("id")),
        signals=Signals(
            finish=reply.finish,
            refusal=reply.refusal,
            has_response=reply.is_answered or None,
            guards=tuple(guards),
        ),
        is_call="choices" in body,
        time=written if written is not None else body.get("created"),
        model=reply.model if "choices" in body else as_text(as_dict(asked).get("target_model")),
        endpoint=as_text(raw.get("endpoint") or raw.get("path")) or None,
        prompt=prompt_of(asked) or prompt_of(raw.get("input")),
        response=reply.text,
        category=next((name for name in categories if name), None),
        scores=scores,
    )


def _highest(one: dict[str, Any]) -> str | None:
    """The flagged category with the highest score."""
    flags = as_dict(one.get("categories"))
    values = as_dict(one.get("category_scores"))
    named = [str(name)[:100] for name, flag in flags.items() if flag is True]
    return max(named, key=lambda name: (as_number(values.get(name)) or 0.0, name), default=None)


def _scores(found: list[tuple[str | None, dict[str, Any]]], judge: str) -> Iterator[Score]:
    for stage, one in found:
        for name, raw in list(as_dict(one.get("category_scores")).items())[:100]:
            value = as_number(raw)
            metric = f"{stage}.{name}" if stage else str(name)
            state = "unscored" if value is None else "scored"
            yield Score("moderation", metric[:100], raw_text(raw), value, state, judge=judge or None)
