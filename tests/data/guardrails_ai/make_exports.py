"""Made with guardrails-ai 0.11.0: `python make_exports.py OUT` (no network: every answer is handed in)."""

import json
import os
import sys
from pathlib import Path

os.environ["OTEL_SDK_DISABLED"] = "true"
from guardrails import Guard, OnFailAction
from guardrails.validator_base import (
    FailResult,
    PassResult,
    Validator,
    register_validator,
)

OUT = Path(sys.argv[1])


@register_validator(name="sample/no-placeholders", data_type="string")
class NoPlaceholders(Validator):
    def validate(self, value, metadata):
        if "crash" in value:
            raise RuntimeError("the check is broken")
        if "placeholder" in value:
            return FailResult(error_message="a placeholder", fix_value="[withheld]", metadata={"category": "sample"})
        return PassResult()


@register_validator(name="sample/unexplained", data_type="string")
class Unexplained(Validator):
    def validate(self, value, metadata):
        if "placeholder" in value:
            return FailResult(error_message="", fix_value="[withheld]")
        return PassResult()


def recorded(guard, error):
    """What the guard's history makes of a call that raised; a crashed check it cannot make a record of."""
    from guardrails.classes.validation_outcome import ValidationOutcome
    try:
        return json.loads(ValidationOutcome.from_guard_history(guard.history.last).model_dump_json())
    except ValueError:  # a crashed check has no status
        return None


def outcome(validator, action, text):
    guard = Guard().use(validator(on_fail=action))
    try:
        made = guard.parse(text, num_reasks=0)
        record = json.loads(made.model_dump_json())
    except Exception as error:
        record = recorded(guard, error)
    logs = [json.loads(log.model_dump_json(fallback=lambda value: type(value).__name__)) for log in guard.history.last.iterations.last.validator_logs] if guard.history.last.iterations.last else []
    return record, logs


OUT.mkdir(parents=True, exist_ok=True)
outcomes, logs = [], []
for action in (None, "fix", "filter", "refrain", "noop", "reask", "exception", "fix_reask"):
    for text in ("placeholder", "harmless"):
        kind = OnFailAction(action) if action else OnFailAction.NOOP
        made, log = outcome(Unexplained if action is None else NoPlaceholders, OnFailAction.FIX if action is None else kind, text)
        outcomes.append(made)
        logs += log
_, log = outcome(NoPlaceholders, OnFailAction.FIX, "crash")
logs += log
(OUT / "outcomes.json").write_text(json.dumps(outcomes, indent=1))
(OUT / "validator-logs.json").write_text(json.dumps(logs, indent=1))
