"""Guardrails AI: outcomes of guarded calls, and the logs of single validators.

`validation_passed` says that a valid output was found, not that nothing was wrong: where a validator repairs
(`on_fail="fix"`) it is true although the validator failed, so the verdict comes from `validator_status`. A
failure that gives no reason is not in the summaries at all (0.11.0: `from_validator_logs_only_fails`); it
shows only in an output that differs. What was done: `modify` where another text was handed out, `block` where
none was, and nothing known where the failed text itself was (`noop`: the caller decides).

`call_id` and `instance_id` are addresses of objects in the process that wrote them: two records can share
one, so neither identifies a record. Validator logs are single checks, not requests. Their times are those of
the machine, without a zone; outcomes have no time at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.model import Anomaly, Presence
from auditgen.sources.exported_rows import ExportedRows
from auditgen.sources.interface import Context, Item, Probe, Recognition
from auditgen.sources.jsontext import as_dict, as_list, as_text
from auditgen.sources.outcomes import Guard, Signals
from auditgen.sources.production_log import ProductionLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from auditgen.evidence.model import Observation

STATUS: dict[str, str | None] = {"pass": "allow", "fail": "deny"}
WITHHELD = frozenset({"Filter", "Refrain"})
"""Marker objects of the policies `filter` and `refrain`, as a dump may name them."""
OUTCOME_KEYS = ({"raw_llm_output", "validated_output", "validation_passed"},
                {"rawLlmOutput", "validatedOutput", "validationPassed"})  # fmt: skip
LOG_KEYS = ({"validator_name", "value_before_validation", "validation_result"},
            {"validatorName", "valueBeforeValidation", "validationResult"})  # fmt: skip
MAX_GUARDS = 1000


class GuardrailsAiSource:
    """Guardrails AI: `ValidationOutcome` and `ValidatorLogs` as JSON or JSON lines."""

    name: ClassVar[str] = "guardrails-ai"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the keys of the first record, in either spelling."""
        head = probe.unpacked
        keys = head.top_keys | head.item_keys
        if any(wanted <= keys for wanted in OUTCOME_KEYS):
            return Recognition("guardrails-ai.outcome", "records with a raw and a validated output")
        if any(wanted <= keys for wanted in LOG_KEYS):
            return Recognition("guardrails-ai.validator_log", "records of single validators")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """One observation for each guarded call, or for each check where that is all the file has."""
        log, rows = ProductionLog(context, self.name, "Guardrails AI"), ExportedRows(path)
        checks = silent = 0
        for locator, record in log.screened(rows):
            if not {"value_before_validation", "valueBeforeValidation"}.isdisjoint(record):
                checks += 1
                yield _check(log, record, locator)
                continue
            made = _outcome(log, record, locator)
            silent += made.guardrail_action == "modify" and not _failures(record)
            yield made
        yield from rows.anomalies()
        if silent:
            message = "outputs that were changed although no summary says that a validator failed"
            yield Anomaly("blocks-disagree", message, silent)
        if checks:
            message = "rows are single checks; the requests that they belong to are not in the file"
            yield Anomaly("annotations-orphaned", message, checks)
        why = "records of a tool that writes no time into them"
        denominator = Presence.ABSENT if checks else Presence.DERIVED
        yield from log.closing(calls="requests", denominator=denominator, undated=why)


def _get(record: dict[str, Any], name: str) -> Any:
    """A field in either spelling: `call_id` or `callId`."""
    if name in record:
        return record[name]
    head, *rest = name.split("_")
    return record.get(head + "".join(word.title() for word in rest))


def _failures(record: dict[str, Any]) -> int:
    summaries = as_list(_get(record, "validation_summaries"))
    return sum(_get(as_dict(s), "validator_status") == "fail" for s in summaries)


def _outcome(log: ProductionLog, record: dict[str, Any], locator: str) -> Observation:
    raw, given = _get(record, "raw_llm_output"), _get(record, "validated_output")
    passed, error = _get(record, "validation_passed"), record.get("error")
    action = _action(raw, given, passed)
    guards = []
    for entry in as_list(_get(record, "validation_summaries"))[:MAX_GUARDS]:
        status = _get(as_dict(entry), "validator_status")
        verdict = log.normaliser.word(
            "validator_status", None if status is None else as_text(status), STATUS
        )
        done = (action if action != "pass" else None) if verdict == "deny" else "pass" if verdict else None
        guards.append(Guard(_name(as_dict(entry)), verdict, done, "output"))
    denied = any(guard.verdict == "deny" for guard in guards)
    is_failed = False
    if not denied and error:
        # no validator failed: either there was nothing to validate, or a validator broke
        is_failed = raw is None
        guards.append(Guard("guard", None if is_failed else "error", None, "output"))
    elif not denied and action == "modify":
        guards.append(Guard("guard", "modify", "modify", "output"))
    elif not denied and not guards:
        guards.append(Guard("guard", "allow" if passed is True else None, action, "output"))
    return log.observation(
        record,
        signals=Signals(guards=tuple(guards), has_response=raw is not None, is_failed=is_failed),
        locator=locator,
        sample_id="",
        time=None,
        is_call=False,
        response=_shown(given),
        error_text=as_text(error)[:2000] if error else None,
    )


def _action(raw: Any, given: Any, passed: Any) -> str | None:
    """What became of the text, as far as the record shows; a missing output with no verdict shows nothing."""
    if given is None:
        return "block" if passed is False and raw is not None else None
    if given != raw and not _is_parsed(raw, given):
        return "modify"
    return "pass" if passed is True else None


def _is_parsed(raw: Any, given: Any) -> bool:
    """Whether the output is the raw text as the structure that it spells."""
    if not isinstance(raw, str) or isinstance(given, str):
        return False
    from auditgen.sources.jsontext import loads

    try:
        return bool(loads(raw.encode("utf-8", "surrogatepass"))[0] == given)
    except (ValueError, RecursionError):
        return False


def _check(log: ProductionLog, record: dict[str, Any], locator: str) -> Observation:
    result = _get(record, "validation_result")
    before, after = _get(record, "value_before_validation"), _get(record, "value_after_validation")
    if result is None:  # the validator was called and never came to a result
        verdict, action = "error", None
    else:
        said = as_dict(result).get("outcome")
        word = log.normaliser.word(
            "validation_result.outcome", None if said is None else as_text(said), STATUS
        )
        verdict, action = word or "", _done(word, before, after)
    guard = Guard(_name(record), verdict or None, action, "output")
    return log.observation(
        record,
        signals=Signals(guards=(guard,), has_response=None),
        locator=locator,
        sample_id="",
        time=_get(record, "start_time"),
        is_call=False,
        response=_shown(after),
        error_text=None,
    )


def _done(word: str | None, before: Any, after: Any) -> str | None:
    if word == "allow":
        return "pass" if after == before else "modify"
    if word != "deny" or after == before:
        return None
    is_reask = isinstance(after, dict) and ("fail_results" in after or "failResults" in after)
    if is_reask:
        return None
    return "block" if after is None or (isinstance(after, str) and after in WITHHELD) else "modify"


def _name(record: dict[str, Any]) -> str:
    return as_text(_get(record, "registered_name") or _get(record, "validator_name"))[:200]


def _shown(value: Any) -> str | None:
    return None if value is None else as_text(value)
