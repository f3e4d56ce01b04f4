"""What the scores of a known suite mean: expected behaviour, categories, direction, who graded.

A suite file is knowledge, not evidence: shipped ones lie in `suites/`, users add their own. What
`audit.yaml` maps comes first, field by field; a suite nobody described is reported as such.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal, Self

import orjson
from pydantic import BaseModel, Field, StringConstraints, ValidationError, model_validator

from auditgen.canonical import digest_of
from auditgen.errors import InputRefused
from auditgen.evidence.mapping import FROZEN, OutcomeRule, RecordMap, Rule, WatchRule
from auditgen.resources import resource_dir
from auditgen.yamlspan import read_yaml, validation_diagnostics

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from auditgen.diagnostics import Diagnostic

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._/-]{0,79}$")]
WILDCARDS = "*?["


class Meaning(BaseModel):
    """What one score says."""

    model_config = FROZEN
    metric: Text
    """Glob over the metric's name as readers give it, such as `audit_judge.eval_awareness`."""
    means: Text
    better: Literal["higher", "lower", "neutral"]
    """Which way is better for the promise; neutral where the number only describes."""
    judge: bool = False
    """Whether a model graded it."""
    low: float | None = None
    high: float | None = None
    """The ends of the scale."""
    threshold: float | None = None
    """The suite's own pass mark, where it has one."""


class SuiteMap(BaseModel):
    """The mapping fields a suite may fill; the same rules as in `audit.yaml`."""

    model_config = FROZEN
    outcome: OutcomeRule | tuple[OutcomeRule, ...] | None = None
    expected: Rule | None = None
    watch: WatchRule | None = None
    cohort: Rule | None = None
    category: Rule | None = None
    strategy: Rule | None = None
    language: Rule | None = None
    prompt: Rule | None = None

    @model_validator(mode="after")
    def _meaningful(self) -> Self:
        self.as_record_map()
        return self

    def as_record_map(self) -> RecordMap:
        """The same rules as a record map."""
        return RecordMap(**{name: getattr(self, name) for name in type(self).model_fields})


class Suite(BaseModel):
    """One suite, or a family of suites whose scores mean the same."""

    model_config = FROZEN
    id: Id
    title: Text
    tool: Text
    """Name of the reader: `inspect-ai`, `garak`, `promptfoo`, `lm-eval`, `helm`, ..."""
    names: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Globs over the suite's name as the reader gives it: task, probe, plugin, scenario."""
    versions: tuple[Text, ...] = ()
    """Globs over the suite's version; any version when absent."""
    measures: Text
    """What the suite puts before the model, and what a good answer is."""
    map: SuiteMap = SuiteMap()
    scores: tuple[Meaning, ...] = ()
    caveats: tuple[Text, ...] = ()
    read_from: Text
    """Where this knowledge comes from: package, version and file."""

    def fits(self, tool: str, name: str, version: str) -> tuple[bool, int] | None:
        """How exactly the suite's names fit: whether a name is exact, and its length. None: not at all."""
        if tool != self.tool:
            return None
        if self.versions and not any(fnmatchcase(version, pattern) for pattern in self.versions):
            return None
        found = [
            (not any(char in pattern for char in WILDCARDS), len(pattern))
            for pattern in self.names
            if fnmatchcase(name, pattern)
        ]
        return max(found) if found else None

    def meaning(self, metric: str) -> Meaning | None:
        """What a metric of this suite says; the first glob that fits decides."""
        return next((m for m in self.scores if fnmatchcase(metric, m.metric)), None)


class Strategy(BaseModel):
    """A way of dressing up a request, as a tool names it."""

    model_config = FROZEN
    tool: Text
    names: Annotated[tuple[Text, ...], Field(min_length=1)]
    family: Text
    """Such as encoding, role play, multi-turn, none."""
    means: Text


class SuiteFile(BaseModel):
    """One YAML file of suites."""

    model_config = FROZEN
    schema_: Annotated[Literal["auditgen-suites-1"], Field(alias="schema")]
    id: Id
    title: Text
    suites: tuple[Suite, ...] = ()
    strategies: tuple[Strategy, ...] = ()


@dataclass(frozen=True)
class SuiteLibrary:
    """All descriptions at hand, the user's own before the shipped ones."""

    files: tuple[SuiteFile, ...] = ()
    digest: str = ""
    """Over everything in it: it binds what was read to the knowledge it was read by."""
    _found: dict[tuple[str, str, str], Suite | None] = field(default_factory=dict, compare=False)

    @classmethod
    def load(cls, own: Sequence[Path] = ()) -> SuiteLibrary:
        """The user's files and the shipped ones. Raises InputRefused with every fault of the user's."""
        diagnostics: list[Diagnostic] = []
        files = [_read(path, diagnostics) for path in own]
        if diagnostics:
            count = len(diagnostics)
            raise InputRefused(
                f"{count} fault{'s' if count != 1 else ''} in suite files; nothing was written",
                diagnostics=diagnostics,
            )
        return cls.of([*(file for file in files if file is not None), *_shipped()])

    @classmethod
    def of(cls, files: Iterable[SuiteFile]) -> SuiteLibrary:
        """A library of given files, in order of precedence."""
        kept = tuple(files)
        content = [file.model_dump(mode="json", by_alias=True, exclude_none=True) for file in kept]
        return cls(kept, digest_of(content))

    def find(self, tool: str, name: str, version: str = "") -> Suite | None:
        """The most exact description in the first file that has one; None when nobody described it."""
        key = (tool, name, version)
        if key not in self._found:
            if len(self._found) > 10_000:  # a hostile file could invent endless names
                self._found.clear()
            self._found[key] = self._find(tool, name, version)
        return self._found[key]

    def _find(self, tool: str, name: str, version: str) -> Suite | None:
        for file in self.files:
            fitting = [(fit, suite) for suite in file.suites if (fit := suite.fits(tool, name, version))]
            if fitting:
                return max(fitting, key=lambda pair: pair[0])[1]
        return None

    def strategy(self, tool: str, name: str) -> Strategy | None:
        """What a tool's strategy does, None when nobody described it."""
        for file in self.files:
            for strategy in file.strategies:
                if strategy.tool == tool and any(fnmatchcase(name, p) for p in strategy.names):
                    return strategy
        return None


@cache
def _shipped() -> tuple[SuiteFile, ...]:
    diagnostics: list[Diagnostic] = []
    files = [_read(path, diagnostics) for path in sorted(resource_dir("suites").glob("*.yaml"))]
    if diagnostics:  # a broken installation, not a mistake of the user's
        raise InputRefused("the shipped suite files are damaged", diagnostics=diagnostics)
    return tuple(file for file in files if file is not None)


def _read(path: Path, diagnostics: list[Diagnostic]) -> SuiteFile | None:
    document = read_yaml(path)
    diagnostics += document.diagnostics
    if document.diagnostics:
        return None
    if not isinstance(document.value, dict):
        message = "a suite file begins with keys such as `schema:`, `id:` and `suites:`"
        diagnostics.append(document.fault("not-a-mapping", message, ()))
        return None
    try:
        # JSON mode keeps strictness while lists may stand for tuples
        return SuiteFile.model_validate_json(orjson.dumps(document.value))
    except ValidationError as error:
        diagnostics += validation_diagnostics(document, error, SuiteFile)
        return None
