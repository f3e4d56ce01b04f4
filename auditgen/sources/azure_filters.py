"""Azure's content filter annotations: what was found, and what was stopped.

`filtered` is the action; `detected` and `severity` are findings. A finding that was let through (annotate
only) is a flag and no block. Names occur in singular and plural (`content_filter_result(s)`,
`prompt_filter_results`, `prompt_annotations`), the error of a stopped prompt has the singular.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditgen.sources.jsontext import as_dict, as_list
from auditgen.sources.outcomes import Guard

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPT_KEYS = ("prompt_filter_results", "prompt_filter_result", "prompt_annotations")
RESULT_KEYS = ("content_filter_results", "content_filter_result")
SIGNS = (*PROMPT_KEYS, *RESULT_KEYS, "content_filters")
MAX_RESULTS = 1000
_STAGES = {"prompt": "input", "completion": "output", "input": "input", "output": "output"}


def results_of(value: Any) -> Any:
    """The annotations at an object, under either name."""
    holder = as_dict(value)
    return next((holder[key] for key in RESULT_KEYS if holder.get(key) is not None), None)


def guard_of(results: Any, stage: str) -> Guard | None:
    """All annotations of one text as one guard, None where there is none.

    A filter that says it failed let the text through unchecked.
    """
    if not isinstance(results, dict) or not results:
        return None
    is_filtered = is_found = has_failed = False
    for name, found in list(results.items())[:MAX_RESULTS]:
        if name == "error":
            has_failed = has_failed or bool(found)
            continue
        for one in found if isinstance(found, list) else [found]:
            is_filtered = is_filtered or as_dict(one).get("filtered") is True
            is_found = is_found or as_dict(one).get("detected") is True
    if is_filtered:
        return Guard("content filter", "deny", "block", stage)
    if has_failed:
        return Guard("content filter", "error", "pass", stage)
    return Guard("content filter", "flag" if is_found else "allow", "pass", stage)


def guards_of(reply: Any) -> tuple[Guard, ...]:
    """The guards in a reply or an error: of the prompt, of each choice, of Responses' `content_filters`."""
    return tuple(guard for guard in _guards(as_dict(reply)) if guard is not None)


def _guards(reply: dict[str, Any]) -> Iterator[Guard | None]:
    for key in PROMPT_KEYS:
        value = reply.get(key)
        for one in (value if isinstance(value, list) else [value])[:MAX_RESULTS]:
            yield guard_of(results_of(one), "input")
    for choice in as_list(reply.get("choices"))[:MAX_RESULTS]:
        yield guard_of(results_of(choice), "output")
    for one in map(as_dict, as_list(reply.get("content_filters"))[:MAX_RESULTS]):
        guard = guard_of(results_of(one), _STAGES.get(str(one.get("source_type")), "output"))
        if one.get("blocked") is True:
            guard = Guard("content filter", "deny", "block", _STAGES.get(str(one.get("source_type"))))
        yield guard
    error = as_dict(reply.get("error"))
    inner = as_dict(error.get("innererror") or error.get("inner_error"))
    yield guard_of(results_of(inner) or results_of(error), "input")


def is_filter_code(error: dict[str, Any]) -> bool:
    """Whether an error's code says that the content filter stopped the request."""
    inner = as_dict(error.get("innererror") or error.get("inner_error"))
    return error.get("code") == "content_filter" or inner.get("code") == "ResponsibleAIPolicyViolation"
