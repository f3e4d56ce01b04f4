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
from auditgen.diagnostics import did_you_mean
from auditgen.errors import InputRefused
from auditgen.evidence.mapping import FROZEN, OutcomeRule, RecordMap, Rule, WatchRule
from auditgen.plugins import plugin_names
from auditgen.resources import resource_dir
from auditgen.sources.globs import covers, has_wildcard, overlap
from auditgen.yamlspan import read_yaml, validation_diagnostics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from auditgen.diagnostics import Diagnostic
    from auditgen.yamlspan import KeyPath, YamlDocument

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Glob = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""`*` any text, `?` one character, `[ab]` one of these; upper and lower case differ."""
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._/-]{0,79}$")]
READERS = "auditgen.sources"


class Meaning(BaseModel):
    """What one score says."""

    model_config = FROZEN
    metric: Glob
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

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low is not None and self.high is not None and self.low >= self.high:
            message = f"the scale ends where it begins or before: {self.low:g} to {self.high:g}"
            raise ValueError(message)
        mark = self.threshold
        if mark is not None and (
            (self.low is not None and mark < self.low) or (self.high is not None and mark > self.high)
        ):
            message = f"the pass mark {mark:g} lies outside the scale"
            raise ValueError(message)
        return self


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
    names: Annotated[tuple[Glob, ...], Field(min_length=1)]
    """Globs over the suite's name as the reader gives it: task, probe, plugin, scenario."""
    versions: tuple[Glob, ...] = ()
    """Globs over the suite's version; any version when absent."""
    measures: Text
    """What the suite puts before the model, and what a good answer is."""
    map: SuiteMap = SuiteMap()
    scores: tuple[Meaning, ...] = ()
    caveats: tuple[Text, ...] = ()
    read_from: Text
    """Where this knowledge comes from: package, version and file."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.scores and not self.map.as_record_map().rules():
            message = "it says nothing: write what the scores mean, or how fields are read"
            raise ValueError(message)
        return self

    def fits(self, tool: str, name: str, version: str) -> tuple[bool, int, bool] | None:
        """How exactly the suite fits: a name without wildcards, its length, a version. None: not at all."""
        if tool != self.tool:
            return None
        if self.versions and not any(fnmatchcase(version, pattern) for pattern in self.versions):
            return None
        found = [
            (not has_wildcard(pattern), len(pattern), bool(self.versions))
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
    names: Annotated[tuple[Glob, ...], Field(min_length=1)]
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
        shipped = _shipped()
        known = {*plugin_names(READERS), *(suite.tool for file in shipped for suite in file.suites)}
        files: list[SuiteFile] = []
        seen: dict[str, str] = {}
        for path in own:
            file, document = _read(path, diagnostics)
            if file is None:
                continue
            diagnostics += _unknown_tools(file, document, known)
            if file.id in seen:
                message = f"`{file.id}` is also the id of `{seen[file.id]}`"
                diagnostics.append(document.fault("duplicate-id", message, ("id",)))
            seen.setdefault(file.id, document.file)
            files.append(file)
        if diagnostics:
            count = len(diagnostics)
            raise InputRefused(
                f"{count} fault{'s' if count != 1 else ''} in suite files; nothing was written",
                diagnostics=diagnostics,
            )
        return cls.of([*files, *shipped])

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
    read = [_read(path, diagnostics)[0] for path in sorted(resource_dir("suites").glob("*.yaml"))]
    if diagnostics:  # a broken installation, not a mistake of the user's
        raise InputRefused("the shipped suite files are damaged", diagnostics=diagnostics)
    return tuple(file for file in read if file is not None)


def _read(path: Path, diagnostics: list[Diagnostic]) -> tuple[SuiteFile | None, YamlDocument]:
    """The file, and its text with places; faults are added to `diagnostics`."""
    document = read_yaml(path)
    diagnostics += document.diagnostics
    if document.diagnostics:
        return None, document
    if not isinstance(document.value, dict):
        message = "a suite file begins with keys such as `schema:`, `id:` and `suites:`"
        diagnostics.append(document.fault("not-a-mapping", message, ()))
        return None, document
    try:
        # JSON mode keeps strictness while lists may stand for tuples
        file = SuiteFile.model_validate_json(orjson.dumps(document.value))
    except ValidationError as error:
        diagnostics += validation_diagnostics(document, error, SuiteFile)
        return None, document
    faults = [*_faults(file, document)]
    diagnostics += faults
    return (None if faults else file), document


def _faults(file: SuiteFile, document: YamlDocument) -> Iterator[Diagnostic]:
    """What is well formed and yet cannot be meant: said twice, never reached, or undecided."""
    ids: set[str] = set()
    for number, suite in enumerate(file.suites):
        here: KeyPath = ("suites", number)
        if suite.id in ids:
            yield document.fault("duplicate-id", f"suite `{suite.id}` is described twice", (*here, "id"))
        ids.add(suite.id)
        yield from _unreached(suite, document, here)
    yield from _clashes(
        [
            (suite.tool, name, suite.versions, ("suites", number, "names", index))
            for number, suite in enumerate(file.suites)
            for index, name in enumerate(suite.names)
        ],
        document,
    )
    strategies: dict[tuple[str, str], KeyPath] = {}
    for number, strategy in enumerate(file.strategies):
        for index, name in enumerate(strategy.names):
            at: KeyPath = ("strategies", number, "names", index)
            known = next((p for t, p in strategies if t == strategy.tool and covers(p, name)), None)
            if known is not None:
                message = f"`{name}` of `{strategy.tool}` is described before, by `{known}`"
                yield document.fault("duplicate-name", message, at)
            strategies.setdefault((strategy.tool, name), at)


def _unreached(suite: Suite, document: YamlDocument, here: KeyPath) -> Iterator[Diagnostic]:
    """The first glob that fits a metric decides: a later one inside it would never be asked."""
    for index, meaning in enumerate(suite.scores):
        earlier = next((m.metric for m in suite.scores[:index] if covers(m.metric, meaning.metric)), None)
        if earlier is not None:
            message = f"`{meaning.metric}` is never reached: `{earlier}` before it fits all of it"
            yield document.fault("unreached-metric", message, (*here, "scores", index, "metric"))


def _clashes(
    named: list[tuple[str, str, tuple[str, ...], KeyPath]], document: YamlDocument
) -> Iterator[Diagnostic]:
    """Names that fit the same suite equally well: nobody could say which description counts.

    Of several globs that fit, one without wildcards is taken first, then the longest. So only globs of
    one tool and of one length can clash.
    """
    ranks: dict[tuple[str, int, bool, bool], list[tuple[str, tuple[str, ...], KeyPath]]] = {}
    for tool, name, versions, at in named:
        rank = (tool, len(name), has_wildcard(name), bool(versions))
        others = ranks.setdefault(rank, [])
        for other, other_versions, place in others:
            if place[1] == at[1] and other != name:
                continue  # two names of one suite lead to the same description
            if versions and not any(overlap(v, o) for v in versions for o in other_versions):
                continue
            if other == name:
                message = f"`{name}` of `{tool}` is described twice"
                yield document.fault("duplicate-name", message, at)
                break
            if overlap(name, other):
                message = f"`{name}` and `{other}` fit the same names equally well"
                yield document.fault("ambiguous-name", message, at)
                break
        others.append((name, versions, at))


def _unknown_tools(
    file: SuiteFile, document: YamlDocument, known: set[str]
) -> Iterator[Diagnostic]:
    """A slip in a reader's name would leave the description unused without a word."""
    named = [("suites", number, suite.tool) for number, suite in enumerate(file.suites)]
    named += [("strategies", number, strategy.tool) for number, strategy in enumerate(file.strategies)]
    for part, number, tool in named:
        if tool not in known:
            shown = ", ".join(f"`{name}`" for name in sorted(known))
            helps = did_you_mean(tool, known) or (f"readers: {shown}",)
            message = f"no reader is called `{tool}`"
            yield document.fault("unknown-tool", message, (part, number, "tool"), helps=helps)
