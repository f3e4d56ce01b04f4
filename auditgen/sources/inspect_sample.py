"""One sample of an Inspect log: its texts, its scores, and who graded them.

Long texts stand elsewhere in the sample (`attachment://<hash>`); a reference whose text is gone is an
absent text, never a text. A score that its scorer could not give is unscored, whatever value stands in
its place: before 0.3.245 a grader's unreadable verdict was written down as an incorrect answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from auditgen.evidence.model import Score
from auditgen.sources.jsontext import as_dict, as_list, as_number, as_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""Inspect's letter grades, as its own `value_to_float` reads them."""
GRADER_ROLES = ("grader", "judge")
"""Roles under which a log names the model that graded: Inspect's own default, and Petri's."""
MODEL_REASONS = frozenset({"invalid_response_format", "refusal", "no_response"})
"""Reasons of an absent score that lie with the model under test (`ScoreReason` in inspect_ai.scorer)."""
JUDGE_REASONS = frozenset({"grader_failed", "scoring_failed"})
"""Reasons that lie with the measurement."""
_NO_GRADE = "Grade not found in model output:"
_NONFINITE = frozenset({"NaN", "Infinity", "-Infinity"})
_BY_RULE = re.compile(r"(includes|match|pattern|exact|f1|choice|answer|math)\d*")
"""Inspect's scorers that compare texts: no model grades there, whatever roles the log names."""
_GRADED = re.compile(r"model_graded", re.IGNORECASE)
_REFERENCE = ("attachment://", "tc://")
_MAX_PROMPT = 1_000_000


@dataclass(frozen=True, slots=True)
class Grading:
    """Which model graded which scorer, as the header says; one entry per scorer that a model graded."""

    models: Mapping[str, str]
    """Scorer to the grading model; empty text where a model graded and the log does not name it."""
    roles: str
    """The model of the grader's role; empty when the log has no such role."""
    parts: Mapping[str, tuple[str, ...]]
    """Scorer to the names of its scores, from the header's results."""

    @classmethod
    def of(cls, spec: dict[str, Any], results: dict[str, Any]) -> Grading:
        """What `eval.scorers`, `eval.model_roles` and `results` say."""
        roles = as_dict(spec.get("model_roles"))
        role = next((m for name in GRADER_ROLES if (m := model_of(roles.get(name)))), "")
        options: dict[str, dict[str, Any]] = {}
        parts: dict[str, tuple[str, ...]] = {}
        for entry in (*as_list(spec.get("scorers")), *as_list(results.get("scores"))):
            entry = as_dict(entry)  # noqa: PLW2901
            name = as_text(entry.get("scorer") or entry.get("name"))
            options.setdefault(name, {}).update(
                as_dict(entry.get("options")) | as_dict(entry.get("params"))
            )
            own = as_text(entry.get("name"))
            if own != name:
                parts[name] = (*parts.get(name, ()), own)
        only = len(options) == 1
        models = {}
        for name, given in options.items():
            named = model_of(given.get("model"))
            own_role = given.get("model_role")
            by_role = model_of(roles.get(own_role)) if isinstance(own_role, str) else role
            if named or _GRADED.search(name) or "model_role" in given:
                models[name] = named or by_role
            elif role and not _BY_RULE.fullmatch(name) and (only or _names_judge(name)):
                models[name] = role
        return cls(models, role, {name: tuple(dict.fromkeys(found)) for name, found in parts.items()})

    def is_by_model(self, scorer: str) -> bool:
        """Whether the log says that a model graded."""
        return scorer in self.models or bool(_GRADED.search(scorer))


def _names_judge(scorer: str) -> bool:
    return any(role in scorer.lower() for role in GRADER_ROLES)


def model_of(value: Any) -> str:
    """A model as logs write it: a name, an object with `model`, or several of them."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return value["model"] if isinstance(value.get("model"), str) else ""
    if isinstance(value, list):
        return ", ".join(dict.fromkeys(name for item in value[:20] if (name := model_of(item))))
    return ""


@dataclass(frozen=True, slots=True)
class Scored:
    """The scores of one sample."""

    scores: tuple[Score, ...]
    values: Mapping[str, Any]
    """Scorer to its native value, for mappings; None where the scorer gave none."""
    is_edited: bool
    is_judge_failed: bool


def scores_of(sample: dict[str, Any], grading: Grading) -> Scored:
    """Every score of a sample, verbatim, with what can be said of its state."""
    out: list[Score] = []
    values: dict[str, Any] = {}
    is_edited = is_judge_failed = False
    for scorer, given in as_dict(sample.get("scores")).items():
        entry = as_dict(given)
        value = entry.get("value")
        history = as_list(entry.get("history"))
        is_edited = is_edited or bool(history)
        withheld = _withheld(entry, value, grading.is_by_model(scorer))
        is_judge_failed = is_judge_failed or withheld == "judge"
        values[scorer] = None if withheld else _without_nonfinite(value)
        judge = _judge(entry, scorer, grading)
        for metric, part in _parts(scorer, value, grading):
            number = None if withheld else number_of(part)
            nan = isinstance(part, str) and part in _NONFINITE
            is_judge_failed = is_judge_failed or (nan and withheld != "model")
            out.append(
                Score(
                    scorer=scorer,
                    metric=metric,
                    raw="null" if part is None else as_text(part),
                    value=number,
                    state="unscored" if number is None else "edited" if history else "scored",
                    judge=judge,
                    rationale=text_of(entry.get("explanation")),
                    history=as_text(history) if history else None,
                )
            )
    return Scored(tuple(out), values, is_edited, is_judge_failed)


def _withheld(entry: dict[str, Any], value: Any, is_by_model: bool) -> str:
    """Why a value is none: `judge`, `model`, or empty when it is one."""
    reason = entry.get("reason") or as_dict(entry.get("metadata")).get("unscored_reason")
    if isinstance(reason, str) and reason in JUDGE_REASONS:
        return "judge"
    explanation = entry.get("explanation")
    if is_by_model and isinstance(explanation, str) and explanation.startswith(_NO_GRADE):
        return "judge"
    if isinstance(value, str) and value in _NONFINITE:
        return "model" if isinstance(reason, str) and reason in MODEL_REASONS else "judge"
    return ""


def _without_nonfinite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: None if isinstance(v, str) and v in _NONFINITE else v for k, v in value.items()}
    return value


def _parts(scorer: str, value: Any, grading: Grading) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"{scorer}.{key}", part) for key, part in value.items())
    elif isinstance(value, list):
        yield from ((f"{scorer}[{index}]", part) for index, part in enumerate(value))
    elif isinstance(value, str) and value in _NONFINITE and scorer in grading.parts:
        # the whole is NaN where other samples have many scores: each of them is missing here
        yield from ((f"{scorer}.{name}", value) for name in grading.parts[scorer])
    else:
        yield scorer, value


def _judge(entry: dict[str, Any], scorer: str, grading: Grading) -> str | None:
    """The model that graded: who answered the grading prompt, else what the header says."""
    for message in reversed(as_list(as_dict(entry.get("metadata")).get("grading"))):
        if as_dict(message).get("role") == "assistant":
            answered = as_dict(message).get("model")
            if isinstance(answered, str) and answered:
                return answered
            break
    if not grading.is_by_model(scorer):
        return None
    return grading.models.get(scorer) or grading.roles or "model"


def with_judges(scores: tuple[Score, ...], grading: Grading) -> tuple[Score, ...]:
    """Scores that a suite's description calls graded by a model, with the model of the grader's role."""
    if not grading.roles or all(score.judge != "model" for score in scores):
        return scores
    return tuple(replace(s, judge=grading.roles) if s.judge == "model" else s for s in scores)


def number_of(value: Any) -> float | None:
    """A native value as a number, letters as Inspect reads them."""
    return LETTERS.get(value) if isinstance(value, str) else as_number(value)


def text_of(value: Any) -> str | None:
    """A scalar as text, None for anything else and for empty text."""
    return str(value) if isinstance(value, str | int | float) and value != "" else None


class Texts:
    """Resolves the texts of one sample."""

    def __init__(self, sample: dict[str, Any]) -> None:
        self._attachments = as_dict(sample.get("attachments"))
        self.missing = 0
        """References to texts that the sample does not hold."""

    def resolved(self, text: str) -> str | None:
        """The text itself, the text it refers to, or None when that is gone."""
        if not text.startswith(_REFERENCE):
            return text
        found = self._attachments.get(text.partition("://")[2])
        if isinstance(found, str):
            return found
        self.missing += 1
        return None

    def content(self, content: Any) -> str | None:
        """The text of a message's content: text, or a list of parts."""
        if isinstance(content, str):
            return self.resolved(content)
        if isinstance(content, list):
            parts = (self.resolved(as_text(as_dict(part).get("text"))) for part in content)
            return "\n".join(part for part in parts if part is not None)
        return None

    def prompt(self, sample: dict[str, Any], *, is_conversation: bool) -> str | None:
        """What the model was asked.

        The sample's input; for a conversation that another model led, what was said before the last
        answer, since the input was never shown to the model under test.
        """
        if is_conversation and (told := self._conversation(as_list(sample.get("messages")))):
            return told
        given = sample.get("input")
        if isinstance(given, list):
            parts = [self.content(as_dict(message).get("content")) for message in given]
            return "\n".join(part for part in parts if part) if any(parts) or not self.missing else None
        return self.content(given)

    def _conversation(self, messages: list[Any]) -> str | None:
        roles = [as_dict(message).get("role") for message in messages]
        last = len(roles) - 1 - roles[::-1].index("assistant") if "assistant" in roles else len(roles)
        lines, size = [], 0
        for message in messages[:last]:
            text = self.content(as_dict(message).get("content")) or ""
            lines.append(f"[{as_text(as_dict(message).get('role'))}] {text}")
            size += len(text)
            if size > _MAX_PROMPT:
                break
        return "\n\n".join(lines) or None

    def response(self, sample: dict[str, Any]) -> str | None:
        """What the model answered last."""
        output = as_dict(sample.get("output"))
        if isinstance(output.get("completion"), str):
            return self.resolved(output["completion"])
        choices = as_list(output.get("choices"))
        if choices:
            return self.content(as_dict(as_dict(choices[0]).get("message")).get("content"))
        return None


def record_of(
    sample: dict[str, Any], values: Mapping[str, Any], run: Mapping[str, Any]
) -> dict[str, Any]:
    """What mapping paths start from: the sample, each score's value under its scorer, and the run's."""
    return {**sample, **run, "scores": values}


def run_view(header: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """What a mapping may ask of the run: `task_attribs`, `task_args`, `tags` and `run.*`."""
    metadata = header.get("metadata") or spec.get("metadata")  # at the top: with later edits
    tags = [as_text(tag) for tag in as_list(header.get("tags") or spec.get("tags"))]
    return {
        "task_attribs": as_dict(spec.get("task_attribs")),
        "task_args": as_dict(spec.get("task_args")),
        "tags": ",".join(tags),
        "run": {
            "metadata": as_dict(metadata),
            "tags": dict.fromkeys(tags, True),
            "task": spec.get("task"),
            "model": spec.get("model"),
        },
    }
