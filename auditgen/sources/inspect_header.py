"""What the header of an Inspect log says of the run: its model, its key, and what it was to ask."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

from auditgen.sources.inspect_sample import model_of, number_of, text_of
from auditgen.sources.jsontext import as_count, as_dict, as_list, as_text

TARGET_ROLE = "eval.model_roles.target.model"
MAX_PATTERNS = 100
_SNAPSHOT = re.compile(r"([-@:_]v?[0-9]+)*")


def run_key(spec: dict[str, Any]) -> str:
    """The evaluation's id; before there was one, the run's with the task's: a run can have many tasks."""
    evaluation = text_of(spec.get("eval_id"))
    if evaluation:
        return evaluation
    names = [name for key in ("run_id", "task_id") if (name := text_of(spec.get(key)))]
    return "/".join(names) or "run"


def planned(spec: dict[str, Any]) -> int | None:
    """Samples times epochs, as the header's configuration says."""
    asked = _asked(spec)
    epochs = as_count(as_dict(spec.get("config")).get("epochs") or 1)
    return None if asked is None or epochs is None else as_count(asked * epochs)


def _asked(spec: dict[str, Any]) -> int | None:
    """How many samples of the dataset the run was configured to ask."""
    dataset, config = as_dict(spec.get("dataset")), as_dict(spec.get("config"))
    samples = as_count(dataset.get("samples"))
    if samples is None:
        return None
    limit, wanted = config.get("limit"), config.get("sample_id")
    first = as_count(limit)
    if wanted is not None:  # the run was asked for these ids, which may be patterns
        patterns = [as_text(item) for item in (wanted if isinstance(wanted, list) else [wanted])]
        exact, globs = set(patterns), [p for p in patterns if any(sign in p for sign in "*?[")][:MAX_PATTERNS]
        known = [as_text(item) for item in as_list(dataset.get("sample_ids"))]
        return sum(i in exact or any(fnmatchcase(i, p) for p in globs) for i in known) or len(patterns)
    if first is not None:
        return min(samples, first)
    if isinstance(limit, list) and len(limit) == len(("from", "to")):
        return len(range(samples)[slice(as_count(limit[0]), as_count(limit[1]))])
    return samples


def asked_part(spec: dict[str, Any]) -> str:
    """In words, which part of the dataset was asked; empty when the whole was."""
    dataset, config = as_dict(spec.get("dataset")), as_dict(spec.get("config"))
    by = [name for name in ("limit", "sample_id") if config.get(name) is not None]
    asked, samples = _asked(spec), as_count(dataset.get("samples"))
    if not by or (asked is not None and samples is not None and asked >= samples):
        return ""
    size = "an unknown number of" if asked is None else f"{asked:,}"
    of = "" if samples is None else f" of {samples:,}"
    given = ", ".join(f"`{name}: {as_text(config[name])[:80]}`" for name in by)
    return f"only {size}{of} samples of the dataset were asked, as configured by {given}"


def is_same_model(named: str, answered: str) -> bool:
    """Whether a provider's name may be the model the run asked for: `openai/a` and `a-2024-08-06`."""
    return any(
        ours == theirs or (theirs.startswith(ours) and _SNAPSHOT.fullmatch(theirs[len(ours) :]))
        for ours in _spellings(named)
        for theirs in _spellings(answered)
    )


def _spellings(name: str) -> set[str]:
    """With and without its provider, and without a pointer to the newest snapshot."""
    name = name.removesuffix("-latest")
    return {name, name.partition("/")[2] or name, name.rpartition("/")[2] or name}


def model_under_test(spec: dict[str, Any]) -> tuple[str, str]:
    """The model under test and where the log says so (`none/none` when only roles are given)."""
    model = text_of(spec.get("model")) or ""
    if model in {"", "none/none"}:
        target = model_of(as_dict(spec.get("model_roles")).get("target"))
        if target:
            return target, TARGET_ROLE
    return ("", "") if model in {"", "none/none"} else (model, "eval.model")


def aggregates(results: dict[str, Any]) -> dict[str, float]:
    """The header's own figures, verbatim: `score/metric` to value."""
    out = {}
    for score in as_list(results.get("scores")):
        for name, metric in as_dict(as_dict(score).get("metrics")).items():
            value = number_of(as_dict(metric).get("value"))
            if value is not None:
                out[f"{as_text(as_dict(score).get('name'))}/{name}"] = value
    return out
