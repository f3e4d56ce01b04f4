"""Applying a declared mapping to one record, and keeping count of what it did not cover."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from auditgen.evidence.mapping import Rule, lookup, text_of
from auditgen.evidence.model import Anomaly, Basis, Expected, Outcome, Watch, WatchBasis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditgen.evidence.mapping import RecordMap

MAX_VALUE_CHARS = 200
_SHOWN_VALUES = 5


class FieldReader:
    """Reads canonical fields out of native records, by the rules of one mapping."""

    def __init__(self, mapping: RecordMap) -> None:
        self._mapping = mapping
        self._untranslated: dict[str, Counter[str]] = {}
        self._missed: Counter[str] = Counter()
        self._found: Counter[str] = Counter()
        self._asked = 0

    def outcome(self, record: dict[str, Any]) -> tuple[Outcome, Basis] | None:
        """The declared outcome, None when no rule applies. A value no rule knows is counted."""
        self._asked += 1
        leftovers: list[str] = []
        for rule in self._mapping.outcomes:
            raw = self._raw(rule, record)
            if raw is None:
                continue
            self._found["outcome"] += 1
            translated = rule.is_ or (rule.values or {}).get(raw)
            if translated is not None:
                return Outcome(translated), rule.basis
            leftovers.append(raw)
        if leftovers:
            self._miss("outcome", leftovers[0])
        return None

    def expected(self, record: dict[str, Any]) -> Expected | None:
        """The declared expectation."""
        value = self.text("expected", record)
        return None if value is None else Expected(value)

    def watch(self, record: dict[str, Any]) -> tuple[Watch, WatchBasis | None]:
        """The declared watch condition with its basis."""
        rule = self._mapping.watch
        value = self.text("watch", record)
        if rule is None or value is None:
            return Watch.UNKNOWN, None
        return Watch(value), rule.basis

    def text(self, field: str, record: dict[str, Any]) -> str | None:
        """Any other mapped field, translated where the rule translates."""
        rule = getattr(self._mapping, field)
        if rule is None:
            return None
        raw = self._raw(rule, record)
        if raw is None:
            return None
        self._found[field] += 1
        if rule.is_ is not None:
            return str(rule.is_)
        if rule.values is None:
            return raw
        translated = rule.values.get(raw)
        if translated is None:
            self._miss(field, raw)
        return None if translated is None else str(translated)

    def anomalies(self) -> Iterator[Anomaly]:
        """What the mapping did not cover: values it does not know, fields it never found."""
        for field, values in sorted(self._untranslated.items()):
            shown = ", ".join(f"`{v}` ({n})" for v, n in values.most_common(_SHOWN_VALUES))
            more = len(values) - _SHOWN_VALUES
            tail = f" and {more} more" if more > 0 else ""
            yield Anomaly(
                "value-not-mapped",
                f"`{field}`: the mapping does not translate {shown}{tail}",
                self._missed[field],
            )
        if not self._asked:
            return
        for field, rules in sorted(self._mapping.rules().items()):
            named = [rule.from_ for rule in rules if rule.from_ is not None]
            if named and not self._found[field] and field != "time":
                places = ", ".join(f"`{name}`" for name in named)
                yield Anomaly("field-not-found", f"`{field}`: no record has {places}", self._asked)

    def _raw(self, rule: Rule, record: dict[str, Any]) -> str | None:
        if rule.is_ is not None:
            return rule.is_
        text = text_of(lookup(record, rule.from_ or ""))
        return None if text is None else text[:MAX_VALUE_CHARS]

    def _miss(self, field: str, raw: str) -> None:
        self._missed[field] += 1
        counter = self._untranslated.setdefault(field, Counter())
        if len(counter) < 1000 or raw in counter:  # a hostile file could invent endless values
            counter[raw] += 1


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
