"""Tables of evaluation results, row by row, as `audit.yaml` declares their columns."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from auditgen.canonical import sha256_bytes
from auditgen.evidence.columnar import rejected_lines
from auditgen.evidence.exposure import key_without
from auditgen.evidence.mapping import lookup, number_of, text_of
from auditgen.evidence.model import Anomaly, Basis, Observation, Outcome, Presence, Run, Score
from auditgen.evidence.tables import TableFault, check_text, connect, written_rows
from auditgen.sources.clock import counted_time
from auditgen.sources.credentials import Search, clean, without
from auditgen.sources.credentials import tokens as tokens_in
from auditgen.sources.fields import FieldReader, parse_time
from auditgen.sources.interface import Facts
from auditgen.sources.jsontext import loads

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from auditgen.evidence.mapping import RecordMap, Rule
    from auditgen.evidence.tables import Table
    from auditgen.sources.interface import Context, Item

TOOL = "table"
MAX_REPEAT = 2**31
MAX_NAMES = 200
MAX_RUNS = 100_000
MAX_DEPTH = 100
"""Of values in values, in a row that is looked through one by one; what is nested deeper is left out."""
EXPOSED_CELLS = "cells that hold what looks like a credential (key, token, header); no record holds it"


def read_rows(table: Table, context: Context) -> Iterator[Item]:
    """Every row as an observation, then the runs, the anomalies and the facts."""
    rows = _Rows(context, table.columns)
    connection = connect()
    try:
        check_text(table)
        found = _records(written_rows(connection, table), rows)
        for (number, record), tokens in Search().over(found, itemgetter(1)):
            yield rows.observation(*rows.screened(record, number, tokens), number)
        rejected, lines = rejected_lines(connection, table)
        if rejected:
            shown = ", ".join(str(line) for line in lines)
            yield Anomaly("lines-unreadable", f"lines that are no record (line {shown})", rejected)
    except TableFault as error:
        yield Anomaly("truncated", error.message, blocks=True)
    yield from rows.closing()


def _records(written: Iterable[tuple[int, Any]], rows: _Rows) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, values in written:
        record = values
        if isinstance(record, str):
            record, nonfinite = _object(record)
            rows.nonfinite += nonfinite
        yield number, record


def _object(line: str) -> tuple[dict[str, Any], int]:
    try:
        value, nonfinite = loads(line.encode("utf-8", "surrogatepass"))
    except ValueError:
        return {}, 0
    return (value, nonfinite) if isinstance(value, dict) else ({}, 0)


class _Rows:
    """What is known of a table while its rows stream by."""

    def __init__(self, context: Context, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self.map: RecordMap = context.mapping
        self.zone = None if self.map.time_zone is None else ZoneInfo(self.map.time_zone)
        self.fields = FieldReader(context, TOOL)
        self.nonfinite = 0
        self.count = 0
        self.errors = 0
        self.undecided = 0
        self.undated = 0
        self.zone_unknown = 0
        self.unnumbered = 0
        self.unnamed = 0
        self.without_run = 0
        self.without_model = 0
        self.is_full = False
        self.exposed = 0
        rules = [rule for found in self.map.rules().values() for rule in found]
        self._pseudonymous = frozenset(rule.from_ for rule in rules if rule.pseudonym)
        self.models: dict[str, None] = {}
        self.runs: dict[tuple[str, str], list[datetime | None]] = {}

    def screened(
        self, record: dict[str, Any], number: int, tokens: AbstractSet[str] | None
    ) -> tuple[dict[str, Any], frozenset[str]]:
        """The record without credentials, and which were in it; cells with one are counted.

        What becomes a pseudonym stays as it is until it is one. An id that holds a credential is none: the
        row is known by its number.
        """
        if tokens is not None and not tokens:
            return record, frozenset()
        found: set[str] = set(tokens or ())
        clean: dict[str, Any] = self._cleaned(record, "", found)
        for name in ("sample", "prompt"):
            rule: Rule | None = getattr(self.map, name)
            before = None if rule is None or rule.pseudonym else lookup(record, rule.from_ or "")
            if rule is None or not isinstance(before, str) or key_without(before) == before:
                continue
            key = f"row {number}" if name == "sample" else key_without(before)
            clean = {**clean, rule.from_ or "": key}
        return clean, frozenset(found)

    def _cleaned(self, value: Any, path: str, found: set[str], depth: int = 0) -> Any:
        if path in self._pseudonymous:
            return value
        if isinstance(value, str):
            known = tokens_in(value)
            self.exposed += bool(known)
            found |= known
            return without(value, known) if known else value
        if depth >= MAX_DEPTH:
            return None
        if isinstance(value, dict):
            inside = f"{path}." if path else ""
            return {k: self._cleaned(v, f"{inside}{k}", found, depth + 1) for k, v in value.items()}
        if isinstance(value, list):
            return [self._cleaned(inner, path, found, depth + 1) for inner in value]
        return value

    def observation(self, record: dict[str, Any], tokens: frozenset[str], number: int) -> Observation:
        """One row: one answer. `tokens`: credentials that stood in it."""
        made = self._observation(record, number)
        return clean(made, tokens) if tokens else made

    def _observation(self, record: dict[str, Any], number: int) -> Observation:
        self.count += 1
        suite = self.fields.text("suite", record) or ""
        response, prompt = self.fields.text("response", record), self.fields.text("prompt_text", record)
        mapped = self.fields.read(
            record, suite=suite, response=response, scores=tuple(self._scores(record))
        )
        error = self.fields.text("error", record)
        outcome, basis = mapped.outcome or (Outcome.UNSCORED, Basis.NONE)
        if error and error.strip():
            outcome, basis = Outcome.PROVIDER_ERROR, Basis.NATIVE_FIELD
            self.errors += 1
        elif mapped.outcome is None:
            self.undecided += 1
        sample = self.fields.text("sample", record)
        self.unnamed += sample is None and self.map.sample is not None
        at = self._time(record)
        run_key = self.fields.text("run", record) or ""
        self.without_run += not run_key
        self.without_model += not mapped.model
        self._note(run_key, suite, at)
        if mapped.model and len(self.models) < MAX_NAMES:
            self.models.setdefault(mapped.model)
        return Observation(
            run_key=run_key or TOOL,
            sample_id=sample or f"row {number}",
            prompt_key=mapped.prompt_key or _prompt_key(prompt, sample or f"row {number}"),
            epoch=self._repeat(record),
            outcome=outcome,
            basis=basis,
            locator=f"row:{number}",
            suite=suite,
            model=mapped.model or "",
            expected=mapped.expected,
            watch=mapped.watch,
            watch_basis=mapped.watch_basis,
            cohort=mapped.cohort,
            category=mapped.category,
            strategy=mapped.strategy,
            language=mapped.language,
            labels=mapped.labels,
            prompt=prompt,
            prompt_state="absent" if prompt is None else "full",
            response=response,
            error_text=error if outcome is Outcome.PROVIDER_ERROR else None,
            observed_at=at,
            scores=mapped.scores,
        )

    def _repeat(self, record: dict[str, Any]) -> int:
        raw = self.fields.text("repeat", record)
        if raw is None:
            return 1
        number = number_of(raw.strip())
        if number is None or not number.is_integer() or not 0 <= number < MAX_REPEAT:
            self.unnumbered += 1
            return 1
        return int(number)

    def _time(self, record: dict[str, Any]) -> datetime | None:
        if self.map.time is None:
            return None
        raw = self.fields.text("time", record)
        unit = self.map.time.unit
        counted = None if raw is None or unit is None else counted_time(raw.strip(), unit)
        # a typed time became the text of one, which is a time whatever unit its neighbours count in
        at, is_known = (counted, True) if counted is not None else parse_time(raw)
        self.undated += at is None
        if at is None or is_known:
            return at
        if self.zone is None:
            self.zone_unknown += 1
            return at
        try:
            return at.replace(tzinfo=self.zone).astimezone(UTC)
        except (OverflowError, ValueError):  # the first and the last day there is
            self.undated += 1
            return None

    def _scores(self, record: dict[str, Any]) -> Iterator[Score]:
        for metric, column in (self.map.scores or {}).items():
            raw = text_of(lookup(record, column))
            number = None if raw is None else number_of(raw)
            yield Score(
                scorer=metric,
                metric=metric,
                raw="null" if raw is None else raw,
                value=number,
                state="unscored" if number is None else "scored",
            )

    def _note(self, run: str, suite: str, at: datetime | None) -> None:
        key = (run, suite)
        if key not in self.runs and len(self.runs) >= MAX_RUNS:
            self.is_full = True
            return
        span = self.runs.setdefault(key, [at, at])
        if at is not None:
            span[0] = at if span[0] is None else min(span[0], at)
            span[1] = at if span[1] is None else max(span[1], at)

    def closing(self) -> Iterator[Item]:
        """The runs, the anomalies and the facts."""
        for (run, suite), (first, last) in self.runs.items():
            yield Run(
                run_key=run or TOOL,
                native_id=run or None,
                suite=suite,
                model=", ".join(sorted(self.models)),
                model_origin="audit.yaml" if self.models else "",
                started_at=first,
                ended_at=last,
                tz_known=not self.zone_unknown,
            )
        for anomaly in self.fields.anomalies(self.columns):
            yield replace(anomaly, message=without(anomaly.message))
        if self.exposed:
            yield Anomaly("secrets-in-log", EXPOSED_CELLS, self.exposed)
        if not self.count:
            yield Anomaly("no-samples", "the table holds no rows", blocks=True)
        elif self.errors == self.count:
            message = f"every one of {self.count} rows is an error"
            yield Anomaly("all-samples-failed", message, self.count, blocks=True)
        if self.undecided:
            yield Anomaly("outcome-undecided", "rows that no declared rule decides", self.undecided)
        if self.is_full:
            message = f"more than {MAX_RUNS:,} runs: the others were not compared with those of other files"
            yield Anomaly("truncated", message)
        if self.unnumbered:
            message = "rows whose repeat is no whole number from 0: read as the first"
            yield Anomaly("value-not-mapped", message, self.unnumbered)
        if self.unnamed:
            message = "rows without a sample's id: each counts as its own"
            yield Anomaly("value-not-mapped", message, self.unnamed)
        if self.nonfinite:
            yield Anomaly("nonfinite-json", "numbers written as NaN or Infinity", self.nonfinite)
        if self.undated:
            yield Anomaly("undated-rows", "rows without a readable time", self.undated)
        if self.zone_unknown:
            yield Anomaly("time-zone-unknown", "times without a zone, read as UTC", self.zone_unknown)
        lacking = {
            "run": self.without_run,
            "time": self.count if self.map.time is None else self.undated,
            "model": self.without_model,
        }
        yield Facts(
            tool=TOOL,
            suites=self.fields.suites,
            completeness={name: self._presence(number) for name, number in lacking.items()}
            | {
                "version": Presence.ABSENT,
                "denominator": Presence.DERIVED,
                "threshold": Presence.ABSENT,
            },
        )

    def _presence(self, lacking: int) -> Presence:
        """Present where every row says it, derived where some do."""
        if lacking >= self.count:
            return Presence.ABSENT
        return Presence.DERIVED if lacking else Presence.PRESENT


def _prompt_key(prompt: str | None, sample: str) -> str:
    """Equal prompts are repeats of one, whatever the rows call their samples."""
    if prompt is None:
        return sample
    return sha256_bytes(prompt.encode("utf-8", "surrogatepass"))[:20]
