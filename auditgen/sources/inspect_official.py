"""The same Inspect log through the official package, to compare with our own reading.

Our reader does without `inspect_ai` (about eighty packages). Whoever wants a second opinion installs
`auditgen[inspect]`. Compared are samples by id and epoch, which of them failed, and every score value.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from auditgen.errors import EnvironmentRefused
from auditgen.evidence.model import Observation
from auditgen.sources.inspect_ai import InspectSource
from auditgen.sources.interface import Context
from auditgen.sources.jsontext import as_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MAX_SHOWN = 20
_NAN = "NaN"
Identity = tuple[str, int]


@dataclass(slots=True)
class View:
    """One reader's view of a log."""

    samples: Counter[Identity] = field(default_factory=Counter)
    failed: set[Identity] = field(default_factory=set)
    scores: dict[Identity, dict[str, str]] = field(default_factory=dict)
    """Sample and epoch to the raw text of each score, by the name our reader gives it."""


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """What comparing the two readers gave."""

    official: str
    """Name and version of the other reader."""
    samples: int
    failed: int
    scores: int
    differences: tuple[str, ...]
    """The first of them in words; empty when the readers agree."""
    difference_count: int

    @property
    def agrees(self) -> bool:
        """Whether both readers saw the same."""
        return not self.difference_count


def load_official() -> Any:
    """The module `inspect_ai.log`. Raises EnvironmentRefused when it cannot be imported."""
    try:
        return import_module("inspect_ai.log")
    except ImportError as error:
        message = f"`--cross-check` needs the official reader, and it cannot be imported: {error}"
        raise EnvironmentRefused(message, hint="pip install 'auditgen[inspect]'") from None


def cross_check(path: Path, log_format: str, official: Any) -> CrossCheck:
    """Read a log both ways. `log_format` is the recognised one; `official` is `load_official()`."""
    ours = our_view(path)
    name = f"inspect_ai {_version()}"
    try:
        kind = "json" if log_format == "inspect.json" else "eval"
        theirs = official_view(official.read_eval_log(str(path), format=kind))
    except Exception as error:  # whatever it raises, it has not read the file
        fault = f"{type(error).__name__}: {str(error)[:160]}"
        found = [f"{name} cannot read the file ({fault})"]
    else:
        found = list(_differences(ours, theirs))
    return CrossCheck(
        official=name,
        samples=ours.samples.total(),
        failed=len(ours.failed),
        scores=sum(len(scores) for scores in ours.scores.values()),
        differences=tuple(found[:MAX_SHOWN]),
        difference_count=len(found),
    )


def _version() -> str:
    try:
        return version("inspect_ai")
    except PackageNotFoundError:
        return "of unknown version"


def our_view(path: Path) -> View:
    """The log as our reader gives it."""
    view = View()
    for item in InspectSource().read(path, Context()):
        if isinstance(item, Observation):
            identity = (item.sample_id, item.epoch)
            view.samples[identity] += 1
            if item.outcome == "provider_error":
                view.failed.add(identity)
            view.scores[identity] = {score.metric: score.raw for score in item.scores}
    return view


def official_view(log: Any) -> View:
    """The log as the official package gives it: an `EvalLog`."""
    view = View()
    for sample in log.samples or ():
        identity = (as_text(sample.id), int(sample.epoch))
        view.samples[identity] += 1
        if sample.error is not None:
            view.failed.add(identity)
        scores: dict[str, str] = {}
        for scorer, score in (sample.scores or {}).items():
            scores.update(_flat(scorer, score.value))
        view.scores[identity] = scores
    return view


def _flat(scorer: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        yield from ((f"{scorer}.{key}", _raw(part)) for key, part in value.items())
    elif isinstance(value, list | tuple):
        yield from ((f"{scorer}[{index}]", _raw(part)) for index, part in enumerate(value))
    else:
        yield scorer, _raw(value)


def _raw(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return _NAN if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return "null" if value is None else as_text(value)


def _differences(ours: View, theirs: View) -> Iterator[str]:
    if ours.samples.total() != theirs.samples.total():
        yield f"{ours.samples.total():,} samples, the official reader has {theirs.samples.total():,}"
    for identity in sorted(ours.samples.keys() | theirs.samples.keys()):
        name = f"sample `{identity[0][:60]}` epoch {identity[1]}"
        mine, other = ours.samples[identity], theirs.samples[identity]
        if mine != other:
            yield f"{name}: read {mine} times, by the official reader {other} times"
        elif (identity in ours.failed) != (identity in theirs.failed):
            yield f"{name}: {_state(identity, ours)}, by the official reader {_state(identity, theirs)}"
        else:
            yield from _of_scores(name, ours.scores[identity], theirs.scores[identity])


def _state(identity: Identity, view: View) -> str:
    return "failed" if identity in view.failed else "did not fail"


def _of_scores(name: str, ours: Mapping[str, str], theirs: Mapping[str, str]) -> Iterator[str]:
    for metric in sorted(ours.keys() | theirs.keys()):
        mine, other = ours.get(metric), theirs.get(metric)
        if mine is not None and other is not None and _is_same(mine, other):
            continue
        whole = metric.partition(".")[0]
        if mine == _NAN and theirs.get(whole) == _NAN:
            continue  # the scorer gave nothing at all: we list each score that is missing
        if other == _NAN and mine is None and any(m.startswith(f"{metric}.") for m in ours):
            continue
        yield f"{name}: `{metric[:80]}` is {_shown(mine)}, by the official reader {_shown(other)}"


def _is_same(one: str, other: str) -> bool:
    if one == other:
        return True
    try:  # a whole number may be written with a fraction
        return float(one) == float(other)
    except ValueError:
        return False


def _shown(raw: str | None) -> str:
    return "absent" if raw is None else f"`{raw[:60]}`"
