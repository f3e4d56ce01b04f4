"""Applying declared mappings and suite descriptions to records, and keeping count of what they miss."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from auditgen.diagnostics import shown_value
from auditgen.evidence.mapping import LABELS, Rule, lookup, number_of, text_of
from auditgen.evidence.model import (
    Anomaly,
    Basis,
    Expected,
    Observation,
    Outcome,
    Watch,
    WatchBasis,
)
from auditgen.evidence.pseudonym import pseudonym
from auditgen.sources.jsontext import as_number, as_text
from auditgen.sources.refusal import detect

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from auditgen.evidence.mapping import OutcomeRule, RecordMap
    from auditgen.evidence.model import Score
    from auditgen.sources.interface import Context
    from auditgen.sources.suites import Suite, SuiteLibrary

MAX_VALUE_CHARS = 200
MAX_NAMES = 1000
DETECTED = "detected.refusal"
"""What a rule writes after `from:` to decide by the text heuristic."""
JUDGED = "judged.refusal"
"""The same for labels that were handed in separately."""
_SHOWN_VALUES = 5


@dataclass(frozen=True, slots=True)
class Mapped:
    """The canonical fields of one record, as declared; None where nothing was declared or found."""

    outcome: tuple[Outcome, Basis] | None
    expected: Expected | None
    watch: Watch
    watch_basis: WatchBasis | None
    cohort: str | None
    category: str | None
    strategy: str | None
    language: str | None
    model: str | None
    prompt_key: str | None
    labels: str | None
    """Declared labels as lines `name=word`, sorted."""
    scores: tuple[Score, ...]
    """The scores that were handed in, with what the suite says of them."""

    def observation(
        self,
        *,
        run_key: str,
        sample_id: str,
        locator: str,
        outcome: tuple[Outcome, Basis],
        prompt: str | None = None,
        prompt_key: str | None = None,
        model: str = "",
        expected: Expected | None = None,
        category: str | None = None,
        strategy: str | None = None,
        language: str | None = None,
        **native: Any,
    ) -> Observation:
        """The record: what was declared comes before what the reader found in the file itself."""
        native.setdefault("epoch", 1)
        native.setdefault("prompt_state", "absent" if prompt is None else "full")
        return Observation(
            run_key=run_key,
            sample_id=sample_id,
            prompt_key=self.prompt_key or prompt_key or sample_id,
            locator=locator,
            outcome=outcome[0],
            basis=outcome[1],
            model=self.model or model,
            expected=self.expected or expected,
            watch=self.watch,
            watch_basis=self.watch_basis,
            cohort=self.cohort,
            category=self.category or category,
            strategy=self.strategy or strategy,
            language=self.language or language,
            labels=self.labels,
            prompt=prompt,
            scores=self.scores,
            **native,
        )


_NOTHING = Mapped(None, None, Watch.UNKNOWN, None, None, None, None, None, None, None, None, ())


class FieldReader:
    """Reads canonical fields out of native records: `audit.yaml` first, then the suite's description."""

    def __init__(self, context: Context, tool: str) -> None:
        self._mapping = context.mapping
        self._suites: SuiteLibrary = context.suites
        self._labels = context.labels
        self._tool = tool
        self._rules = context.mapping.rules()
        self._has_rules = bool(self._rules)
        self._own = bool(context.mapping.outcomes or context.mapping.expected)
        self._last: tuple[str, str, Suite | None] | None = None
        self._maps: dict[int, RecordMap] = {}
        self._untranslated: dict[str, Counter[str]] = {}
        self._missed: Counter[str] = Counter()
        self._found: Counter[str] = Counter()
        self._asked = 0
        self._described: dict[str, str] = {}
        self._undescribed: Counter[str] = Counter()

    def read(
        self,
        record: dict[str, Any],
        *,
        suite: str = "",
        version: str = "",
        response: str | None = None,
        scores: Sequence[Score] = (),
    ) -> Mapped:
        """Everything declared about one record of a suite.

        `record` is what rules look into; `response` serves rules that ask for the text heuristic.
        """
        self._asked += 1
        last = self._last
        if last is not None and last[0] == suite and last[1] == version:
            known = last[2]  # mostly the suite of the record before
        else:
            known = self._suites.find(self._tool, suite, version)
            self._last = (suite, version, known)
            self._describe(suite, known)
        if known is None and not self._own:
            is_kept = suite in self._undescribed or len(self._undescribed) < MAX_NAMES
            self._undescribed[suite if is_kept else ""] += 1
        if known is None and not self._has_rules and not scores:
            return _NOTHING  # millions of records may pass of which nothing is declared
        mapping = self._merged(known)
        watch = self._field("watch", mapping, record, response)
        expected = self._field("expected", mapping, record, response)
        return Mapped(
            outcome=self._outcome(mapping.outcomes, record, response),
            expected=None if expected is None else Expected(expected),
            watch=Watch.UNKNOWN if watch is None else Watch(watch),
            watch_basis=None if watch is None or mapping.watch is None else mapping.watch.basis,
            cohort=self._field("cohort", mapping, record, response),
            category=self._field("category", mapping, record, response),
            strategy=self._field("strategy", mapping, record, response),
            language=self._field("language", mapping, record, response),
            model=self._field("model", mapping, record, response),
            prompt_key=self._field("prompt", mapping, record, response),
            labels=self._label_lines(mapping, record, response),
            scores=tuple(_annotated(score, known) for score in scores),
        )

    def looks_into(self, suite: str) -> bool:
        """Whether any rule may look into records of a suite; of others no record needs to be prepared."""
        return self._has_rules or self._suites.find(self._tool, suite, "") is not None

    def text(self, field: str, record: dict[str, Any]) -> str | None:
        """A whole text that `audit.yaml` maps: a prompt, a response, an id. Structures become JSON."""
        rule: Rule | None = getattr(self._mapping, field)
        if rule is None:
            return None
        value = rule.is_ if rule.is_ is not None else lookup(record, rule.from_ or "")
        raw = text_of(value) if not isinstance(value, dict | list) else as_text(value)
        if raw is None:
            return None
        self._found[field] += 1
        translated = rule.translate(raw)
        return pseudonym(translated) if rule.pseudonym and translated is not None else translated

    @property
    def suites(self) -> dict[str, str]:
        """Suite as recorded to what it was read by: a description's id, `audit.yaml`, or empty."""
        return dict(sorted(self._described.items()))

    def anomalies(self, columns: Collection[str] = ()) -> Iterator[Anomaly]:
        """What was not covered: unknown values, fields never found, suites nobody described.

        A column that a table has and leaves empty was found.
        """
        for field, values in sorted(self._untranslated.items()):
            shown = ", ".join(f"{shown_value(v)} ({n})" for v, n in values.most_common(_SHOWN_VALUES))
            more = len(values) - _SHOWN_VALUES
            tail = f" and {more} more" if more > 0 else ""
            yield Anomaly(
                "value-not-mapped",
                f"`{field}`: the mapping does not translate {shown}{tail}",
                self._missed[field],
            )
        if not self._asked:
            return
        for field, rules in sorted(self._rules.items()):
            named = [rule.from_ for rule in rules if rule.from_ is not None]
            if set(named) & set(columns):
                continue
            if named and not self._found[field] and field not in {"time", "record"}:
                places = ", ".join(f"`{name}`" for name in named)
                yield Anomaly("field-not-found", f"`{field}`: no record has {places}", self._asked)
        if self._undescribed:
            names = [name or "(no name)" for name, _ in self._undescribed.most_common(_SHOWN_VALUES)]
            more = len(self._undescribed) - len(names)
            shown = ", ".join(f"`{name}`" for name in names) + (f" and {more} more" if more else "")
            message = f"nobody has described what the scores of {shown} mean"
            yield Anomaly("suite-undescribed", message, self._undescribed.total())

    def _describe(self, name: str, known: Suite | None) -> None:
        if name in self._described or len(self._described) < MAX_NAMES:
            described = known.id if known is not None else ""
            self._described[name] = described or ("audit.yaml" if self._own else "")

    def _merged(self, known: Suite | None) -> RecordMap:
        """The user's rule where there is one, else the suite's."""
        if known is None:
            return self._mapping
        if id(known) not in self._maps:
            suite = known.map.as_record_map()
            taken = {
                name: getattr(suite, name)
                for name in type(known.map).model_fields
                if getattr(self._mapping, name) is None and getattr(suite, name) is not None
            }
            self._maps[id(known)] = self._mapping.model_copy(update=taken)
        return self._maps[id(known)]

    def _outcome(
        self, rules: Sequence[OutcomeRule], record: dict[str, Any], response: str | None
    ) -> tuple[Outcome, Basis] | None:
        leftovers: list[str] = []
        for rule in rules:
            raw = self._raw(rule, record, response)
            if raw is None:
                continue
            self._found["outcome"] += 1
            translated = rule.translate(raw)
            if translated is not None:
                return Outcome(translated), self._basis(rule)
            leftovers.append(raw)
        if leftovers:
            self._miss("outcome", leftovers[0])
        return None

    def _field(
        self, field: str, mapping: RecordMap, record: dict[str, Any], response: str | None
    ) -> str | None:
        rule: Rule | None = getattr(mapping, field)
        if rule is None:
            return None
        raw = self._raw(rule, record, response)
        if raw is None:
            return None
        self._found[field] += 1
        translated = rule.translate(raw)  # of the whole text: a part of a number is another number
        if translated is None:
            self._miss(field, raw)
            return None
        return pseudonym(translated) if rule.pseudonym else translated[:MAX_VALUE_CHARS]

    def _label_lines(
        self, mapping: RecordMap, record: dict[str, Any], response: str | None
    ) -> str | None:
        found = []
        for name, rule in mapping.label_rules.items():
            raw = self._raw(rule, record, response)
            if raw is None:
                continue
            self._found[f"{LABELS}.{name}"] += 1
            word = rule.translate(raw)
            if word is None:
                self._miss(f"{LABELS}.{name}", raw)
            else:
                found.append(f"{name}={word}")
        return "\n".join(found) or None

    def _raw(self, rule: Rule, record: dict[str, Any], response: str | None) -> str | None:
        if rule.is_ is not None:
            return rule.is_
        if rule.from_ in {DETECTED, JUDGED}:
            if response is None:
                return None
            if rule.from_ == DETECTED:
                return text_of(detect(response))
            return None if self._labels is None else text_of(self._labels.of(response))
        return text_of(lookup(record, rule.from_ or ""))

    def _basis(self, rule: OutcomeRule) -> Basis:
        """What a rule rests on: of these two nobody may say otherwise."""
        if rule.from_ == DETECTED:
            return Basis.TEXT_HEURISTIC
        if rule.from_ == JUDGED and self._labels is not None:
            return Basis(self._labels.kind)
        return rule.basis

    def _miss(self, field: str, raw: str) -> None:
        self._missed[field] += 1
        counter = self._untranslated.setdefault(field, Counter())
        raw = raw[:MAX_VALUE_CHARS]
        if len(counter) < MAX_NAMES or raw in counter:  # a hostile file could invent endless values
            counter[raw] += 1


def by_metric(scores: Iterable[Score]) -> dict[str, Any]:
    """Scores as rules look into them, under `scores.`: numbers as numbers, so that 1.0 reads as `1`."""
    return {
        score.metric: score.value
        if number_of(score.raw) is not None
        else None
        if score.raw == "null"
        else score.raw
        for score in scores
    }


def _annotated(score: Score, suite: Suite | None) -> Score:
    """The score with what its suite's description says: direction, pass mark, who graded."""
    meaning = None if suite is None else suite.meaning(score.metric)
    if meaning is None:
        return score
    has_own = score.threshold is not None or meaning.threshold is None
    return replace(
        score,
        direction=score.direction or meaning.better,
        judge=score.judge or ("model" if meaning.judge else None),
        threshold=score.threshold if has_own else meaning.threshold,
        threshold_origin=score.threshold_origin if has_own else "suite",
    )


def parse_time(text: Any) -> tuple[datetime | None, bool]:
    """An ISO time as UTC, and whether its zone was written. None when it cannot be read."""
    if not isinstance(text, str):
        return None, True
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None, True
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC), False
    try:
        return at.astimezone(UTC), True
    except (OverflowError, ValueError):
        return None, True


def from_epoch(seconds: Any) -> datetime | None:
    """A number of seconds since 1970 as UTC, None when it is no such number."""
    number = as_number(seconds)
    if number is None or isinstance(seconds, bool):
        return None
    try:
        return datetime.fromtimestamp(number, UTC)
    except (OverflowError, ValueError, OSError):
        return None
