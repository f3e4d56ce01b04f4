"""Requests of production, whatever wrote them down: times, outcomes, credentials, and what is missing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

from auditgen.evidence.mapping import lookup, number_of, text_of
from auditgen.evidence.model import (
    GUARDRAIL_ACTIONS,
    GUARDRAIL_VERDICTS,
    TRANSPORT,
    Anomaly,
    Basis,
    MetricPoint,
    Observation,
    Outcome,
    Presence,
    is_late,
)
from auditgen.sources import credentials
from auditgen.sources.clock import Clock
from auditgen.sources.fields import FieldReader
from auditgen.sources.interface import Facts
from auditgen.sources.jsontext import as_number
from auditgen.sources.outcomes import Guard, Normaliser, Signals, resolve
from auditgen.sources.side_records import share_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from auditgen.evidence.mapping import TimeRule
    from auditgen.evidence.model import Score
    from auditgen.sources.interface import Context, Item

T = TypeVar("T")
PRODUCTION = "production"
"""Run and suite of every record that comes from use and not from a test."""
_PLACES = ("record", "endpoint", "time", "received", "sampling_rate")
"""Declared fields beside those of every mapping, and beside a guardrail's words."""
_GUARDED = ("guardrail_verdict", "guardrail_action")
_WORDS = {
    "guardrail_verdict": {word: word for word in GUARDRAIL_VERDICTS},
    "guardrail_action": {word: word for word in GUARDRAIL_ACTIONS},
    "transport": {word: word for word in TRANSPORT},
}
_CERTAIN = (Outcome.BLOCKED_INPUT, Outcome.BLOCKED_OUTPUT, Outcome.GUARDRAIL_ERROR)
_PER_SECOND = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}
MAX_SKIPPED = 50
_NOTHING: frozenset[str] = frozenset()
_ROW_OF: Callable[[tuple[str, dict[str, Any]]], dict[str, Any]] = itemgetter(1)
SHOWN_KINDS = 5


class ProductionLog:
    """What is known of a log while its records stream by."""

    def __init__(self, context: Context, tool: str, title: str) -> None:
        self.normaliser = Normaliser()
        self.fields = FieldReader(context, tool)
        self._map = context.mapping
        self._title = title
        self._has_rules = self.fields.looks_into(PRODUCTION)
        self._has_guard_rules = any(context.mapping.guardrail(name) is not None for name in _GUARDED)
        self._has_place_rules = any(getattr(context.mapping, name) is not None for name in _PLACES)
        self._clock = Clock(context.mapping.time_zone)
        self.count = 0
        self.points = 0
        self.notes: Counter[tuple[str, str]] = Counter()
        """Anomalies that are counted by the reader: (code, message) to number."""
        self.skipped: Counter[str] = Counter()
        """Rows that are no call of a model, by what they are."""
        self._undecided = self._undated = self._bare = self._crashed = self._late = 0
        self._with_model = 0
        self._exposed = 0
        self._secrets: set[str] = set()
        self._found: AbstractSet[str] = _NOTHING
        self._is_unsearched = False
        self._search = credentials.Search()

    @property
    def has_rules(self) -> bool:
        """Whether any declared rule looks into records; else nobody asks for the rest of them."""
        return self._has_rules

    def note(self, code: str, message: str, number: int = 1) -> None:
        """Count one more of these; each becomes one anomaly at the end."""
        self.notes[code, message] += number

    def skip(self, kind: str) -> None:
        """Count a row that is no call of a model."""
        if kind not in self.skipped:  # the first of its kind, or one with a credential in its name
            kind = credentials.without(kind[:60])
            if kind not in self.skipped and len(self.skipped) >= MAX_SKIPPED:
                kind = "others"
        self.skipped[kind] += 1

    def screened(
        self, rows: Iterable[tuple[str, dict[str, Any]]]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Rows as `ExportedRows` gives them; each was screened when it comes, some ahead of it."""
        return self.screened_by(rows, _ROW_OF)

    def screened_by(self, items: Iterable[T], raw_of: Callable[[T], Any]) -> Iterator[T]:
        """The same for anything; `raw_of` gives all that may be kept of it."""
        for item, found in self._search.over(items, raw_of):
            self._take_found(found)
            yield item

    def screen(self, raw: Any, *, is_counted: bool = True) -> None:
        """Look for credentials in one native record, before anything of it is kept."""
        self._take_found(credentials.tokens_of(raw), is_counted=is_counted)

    def screen_more(self, raw: Any) -> None:
        """Look through something else that belongs to the record that was screened last."""
        found = credentials.tokens_of(raw)
        if found is None:
            self._is_unsearched = True
        elif found:
            self._exposed += not self._found
            self._found = self._found | found
            if len(self._secrets) < credentials.MAX_REMEMBERED:
                self._secrets |= found

    def _take_found(self, found: AbstractSet[str] | None, *, is_counted: bool = True) -> None:
        self._is_unsearched = found is None
        self._found = found or _NOTHING
        if not found:
            return
        self._exposed += is_counted
        if len(self._secrets) < credentials.MAX_REMEMBERED:
            self._secrets |= self._found

    def cleaned(self, text: str) -> str:
        """A text of the record that was screened last, without any credential."""
        return credentials.without(text, self._found)

    def when(self, raw: Any, *, is_utc: bool = False) -> tuple[datetime | None, bool]:
        """A time as UTC, and whether its zone was written or is documented (`is_utc`); it is not counted."""
        return self._clock.when(raw, is_utc=is_utc)

    def observation(
        self,
        record: dict[str, Any],
        *,
        locator: str,
        sample_id: str,
        signals: Signals,
        time: Any,
        is_doubtful: bool = False,
        is_call: bool = True,
        is_utc: bool = False,
        received: Any = None,
        model: str = "",
        endpoint: str | None = None,
        prompt: str | None = None,
        response: str | None = None,
        error_text: str | None = None,
        category: str | None = None,
        sampling_rate: float | None = None,
        scores: Sequence[Score] = (),
    ) -> Observation:
        """One call of a model. `record` is what declared rules look into; see `screen`.

        `is_doubtful`: a word that nobody knows may have decided it, so that nothing else does.
        `is_call`: whether an answer could be there; a judgement of a text alone has none.
        """
        self.count += 1
        mapped = self.fields.read(record, suite=PRODUCTION, response=response, scores=scores)
        declared = self._declared_guard(record) if self._has_guard_rules else None
        if declared is not None:
            signals = replace(signals, guards=(*signals.guards, declared))
        if self._has_place_rules:
            sample_id = self.fields.text("record", record) or sample_id
            endpoint = self.fields.text("endpoint", record) or endpoint
            if self._map.time is not None:
                time, is_utc = _declared_time(self._map.time, record), False
            if self._map.received is not None:
                self.fields.text("received", record)  # so that it counts as found
                received = _declared_time(self._map.received, record)
            if self._map.sampling_rate is not None:
                sampling_rate = self._declared_rate(record, sampling_rate)
        at, is_zoned = self._clock.read(time, is_utc=is_utc)
        got = None if received is None else self._clock.when(received, is_utc=is_utc)[0]
        self._late += is_late(at, got)
        native = self.normaliser.normalise(signals)
        transport = native.transport
        if transport is None and self._map.transport is not None:
            transport = self._declared_word("transport", record)
        if is_doubtful and native.outcome not in _CERTAIN:
            native = replace(native, outcome=Outcome.UNSCORED, basis=Basis.NONE)
        outcome, basis = resolve(native, mapped.outcome)
        model = mapped.model or model
        self._undated += at is None
        self._with_model += bool(model)
        self._crashed += outcome is Outcome.GUARDRAIL_ERROR
        if outcome is Outcome.UNSCORED:
            self._undecided += 1
            is_served = is_call and transport in {"served", None}
            self._bare += response is None and not signals.has_response and is_served
        is_refusal = bool(signals.refusal and signals.refusal.strip())
        observation = Observation(
            PRODUCTION,
            sample_id,
            mapped.prompt_key or sample_id or locator,
            1,
            outcome,
            basis,
            locator,
            PRODUCTION,
            model,
            mapped.expected,
            mapped.watch,
            mapped.watch_basis,
            mapped.cohort,
            mapped.category or category,
            mapped.strategy,
            mapped.language,
            prompt,
            "absent" if prompt is None else "full",
            response,
            error_text,
            labels=mapped.labels,
            observed_at=at,
            received_at=got,
            zone_written=is_zoned,
            guardrail_verdict=native.verdict,
            guardrail_action=native.action,
            endpoint=endpoint,
            transport=transport,
            sampling_rate=sampling_rate,
            refusal_native=True if is_refusal else None,
            scores=mapped.scores,
        )
        if self._found or self._is_unsearched:
            return credentials.clean(observation, self._found)
        return observation

    def _declared_rate(self, record: dict[str, Any], native: float | None) -> float | None:
        """The declared share of requests that the log kept; counted where the reader has not done so."""
        is_known = native is not None and native < 1
        rate = _share_of(self.fields.text("sampling_rate", record))
        if rate is not None and rate < 1 and not is_known:
            self.note("sampled-log", "requests of a log that keeps only a share, as declared")
        return rate

    def _declared_guard(self, record: dict[str, Any]) -> Guard | None:
        """What `audit.yaml` says of a guardrail; its words are checked as everybody's are."""
        verdict = self._declared_word("guardrail_verdict", record)
        action = self._declared_word("guardrail_action", record)
        return Guard("audit.yaml", verdict, action) if verdict or action else None

    def _declared_word(self, name: str, record: dict[str, Any]) -> str | None:
        rule = self._map.guardrail(name)
        if rule is None:
            return None
        raw = self.fields.text(name, record)
        if raw is None and rule.from_ is not None:
            raw = text_of(lookup(record, rule.from_))
        return self.normaliser.word(name, raw, _WORDS[name])

    def point(self, point: MetricPoint) -> MetricPoint:
        """Count one number that somebody else counted."""
        self.points += 1
        return point

    def closing(
        self,
        *,
        calls: str = "records",
        tool_version: str = "",
        role: str = "records",
        denominator: Presence = Presence.DERIVED,
        undated: str = "",
    ) -> Iterator[Item]:
        """The anomalies, without any credential, and the facts.

        `calls` names what was counted, `undated` says why some of it has no time.
        """
        for anomaly in self._anomalies(calls, role, undated or f"{calls} without a readable time"):
            yield replace(anomaly, message=credentials.without(anomaly.message, self._secrets))
        completeness = {
            "run": Presence.ABSENT,
            "time": share_of(self.count - self._undated, self.count),
            "model": share_of(self._with_model, self.count),
            "version": Presence.PRESENT if tool_version else Presence.ABSENT,
            "denominator": denominator,
            "threshold": Presence.ABSENT,
        }
        yield Facts(
            tool=self._title,
            tool_version=credentials.without(tool_version, self._secrets),
            kind="monitoring",
            role=role,
            suites=self.fields.suites,
            completeness=completeness if role == "records" else None,
        )

    def _anomalies(self, calls: str, role: str, undated: str) -> Iterator[Anomaly]:
        for anomaly in self.fields.anomalies():
            if anomaly.code != "suite-undescribed":  # production is no suite
                yield anomaly
        yield from self.normaliser.anomalies()
        for (code, message), number in self.notes.items():
            yield Anomaly(code, message, number)
        if self._undecided:
            message = f"{calls} of which neither the log nor a declared rule says what was answered"
            yield Anomaly("outcome-undecided", message, self._undecided)
        if self._undated:
            yield Anomaly("undated-rows", undated, self._undated)
        if self._late:
            message = f"{calls} that the log got more than a day after they happened"
            yield Anomaly("late-rows", message, self._late)
        yield from self._clock.anomalies()
        if self._bare:
            yield Anomaly("content-not-captured", f"{calls} whose answer is not in the log", self._bare)
        if self._crashed:
            message = f"{calls} at which a guardrail crashed; they count neither as blocked nor as answered"
            yield Anomaly("guardrail-errors", message, self._crashed)
        if self._exposed:
            message = "records that hold what looks like a credential (key, token, header); not stored"
            yield Anomaly("secrets-in-log", message, self._exposed)
        if self.skipped and (self.count or role != "records"):
            message = f"rows that are no {calls} of a model: {self._skipped_shown()}"
            yield Anomaly("rows-beside", message, self.skipped.total())
        if self.count or role != "records":
            return
        if self.points:
            yield Anomaly("aggregates-only", "totals without the requests behind them", self.points)
            return
        message = "the file holds no records"
        if self.skipped:
            message = f"no call of a model in the file; other rows: {self._skipped_shown()}"
        yield Anomaly("no-samples", message, blocks=True)

    def _skipped_shown(self) -> str:
        shown = [f"{number:,} {kind}" for kind, number in self.skipped.most_common(SHOWN_KINDS)]
        more = len(self.skipped) - SHOWN_KINDS
        return ", ".join(shown) + (f" and {more} more kinds" if more > 0 else "")


def _declared_time(rule: TimeRule, record: dict[str, Any]) -> Any:
    """What a declared rule finds; a number is a time only where the rule names its unit."""
    raw = rule.is_ if rule.is_ is not None else lookup(record, rule.from_ or "")
    number = number_of(raw.strip()) if isinstance(raw, str) else as_number(raw)
    if number is None:
        return raw
    return None if rule.unit is None else number / _PER_SECOND[rule.unit]


def _share_of(raw: str | None) -> float | None:
    """A share above 0 and up to 1, None for anything else."""
    number = None if raw is None else number_of(raw.strip())
    return number if number is not None and 0 < number <= 1 else None
