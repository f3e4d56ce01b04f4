"""A first mapping for a table, to be finished by a person.

Names and values of the first rows are looked at, and every line says why it stands there. What a value
means is never decided here: unless a word is exactly one of ours, `TODO` stands in its place, which auditgen
refuses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from auditgen.diagnostics import printable
from auditgen.evidence.mapping import UNFINISHED, number_of
from auditgen.sources.column_profile import UNIT_WORDS, Column
from auditgen.sources.column_sample import SAMPLED_ROWS, Sampled
from auditgen.sources.column_words import (
    NAMES,
    OF_TESTS,
    VOCABULARY,
    hint,
    is_of_person,
    is_of_text,
    is_score,
    is_sign_of_test,
    last_name,
    plain_name,
)
from auditgen.sources.suggestion_text import Lines, scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_REPEATS = 0.01
"""Beyond this share of repeated values an id is not believed to be that of a record."""
_IN_TESTS = ("model", "outcome", "expected", "cohort", "category", "strategy", "language", "prompt")
_NAMED = ("cohort", "category", "strategy", "language", "endpoint")
"""Fields whose words may stay as they are."""


def suggest(name: str, sampled: Sampled) -> str:
    """The entry of a source for `audit.yaml`, as text. `name`: the file as audit.yaml will name it."""
    return _Suggestion(sampled).text(name)


@dataclass
class _Suggestion:
    """One suggestion while it is written."""

    sampled: Sampled
    lines: Lines = field(default_factory=Lines)
    used: dict[str, str] = field(default_factory=dict)
    """Column to the field that reads it."""
    left: list[str] = field(default_factory=list)
    """Remarks on fields that have a column, which is not taken."""

    def text(self, name: str) -> str:
        """Everything, from the head to the columns that nothing reads."""
        self._head(name)
        if self.sampled.is_test:
            self._records()
        if self.sampled.inside is not None:
            kind, chosen = self.sampled.inside
            self.lines.entry(6, f"{kind}: {scalar(chosen)}")
        self._clock("time")
        self._clock("received")
        self._zone()
        if self.sampled.is_test:
            self._fields_of_tests()
        else:
            self._record()
        self._plain("model", "`system.models` must know these names")
        for canonical in ("outcome", "expected"):
            self._vocabulary(canonical)
        self._watch()
        for canonical in ("cohort", "category", "strategy", "language"):
            self._plain(canonical)
        if not self.sampled.is_test:
            for canonical in ("guardrail_verdict", "guardrail_action"):
                self._vocabulary(canonical)
            self._plain("endpoint")
            self._vocabulary("transport")
            self._rate()
        self._prompt()
        self._rest()
        return self.lines.text()

    def _head(self, name: str) -> None:
        rows = (
            f"all {self.sampled.rows:,} rows" if self.sampled.is_whole else f"the first {SAMPLED_ROWS:,} rows"
        )
        lines = self.lines
        lines.remark(0, f"A first mapping for {printable(name)}: an entry for `sources:` in audit.yaml.")
        lines.remark(
            0,
            f"Looked at: {rows}, {len(self.sampled.columns)} columns. "
            "All of it is a guess from names and values.",
        )
        lines.remark(
            0,
            "Where TODO stands, or nothing, only you know: auditgen refuses the file until it is filled in.",
        )
        if not self.sampled.is_whole:
            lines.remark(
                0,
                "A word that stands only in later rows is reported as value-not-mapped "
                "when the report is made.",
            )
        lines.entry(2, f"- id: {scalar(_slug(name))}")
        lines.entry(4, "title:", "TODO: what this evidence is")
        lines.entry(
            4, f"files: [{scalar(name)}]", "from the folder of audit.yaml; `*` stands for any letters"
        )
        lines.entry(4, "provider:")
        lines.entry(6, "name:", "TODO: who made this export")
        lines.entry(6, "independence: TODO", "internal, internal_separate or external")
        lines.entry(4, "custody:")
        lines.entry(6, "received_from:", "TODO: who gave it to you")
        lines.entry(6, "received_on: TODO", "a date such as 2026-10-01")
        lines.entry(6, "received_by:", "TODO: your name")
        lines.entry(4, "map:")

    def _records(self) -> None:
        signs = [column.name for column in self.sampled.columns if is_sign_of_test(column.name)]
        self.lines.entry(
            6,
            "records: TODO",
            f"evaluation? {_listed(signs)} are called as in tests; else `monitoring`, without the lines "
            "run, suite, sample, repeat, prompt_text, response, error, scores",
        )

    def _clock(self, canonical: str) -> None:
        taken = self._named(
            canonical, lambda column: column.clock is not None and column.clock.form != "other"
        )
        if taken is None and canonical == "time":
            taken = next((c for c in self._free() if c.clock is not None and c.clock.form != "other"), None)
        if taken is not None and taken.clock is not None:
            clock, origin = taken.clock, f"from {scalar(taken.name)}"
            unit = f", unit: {clock.form}" if clock.form in UNIT_WORDS else ""
            self.used[taken.name] = canonical
            said = [self._why(taken, canonical), _clock_words(taken), f"{clock.first} to {clock.last}"]
            if clock.share < 1 or taken.filled < taken.rows:
                lost = taken.rows - round(taken.filled * clock.share)
                said.append(f"{lost:,} rows have no time that can be read")
            self.lines.entry(6, f"{canonical}: {{{origin.replace(' ', ': ', 1)}{unit}}}", "; ".join(said))
            return
        if canonical == "time" and not self.sampled.is_test:
            like = next((c for c in self._free() if c.clock is not None), None)
            said_ = "TODO: no column looks like a time; auditgen reads ISO 8601, or a number with its `unit`"
            if like is not None and like.clock is not None:
                said_ = (
                    f"TODO: {_code(like.name)} looks like a time, in the form {like.clock.first}; "
                    "export it as ISO 8601"
                )
            self.lines.entry(6, "time: {from: TODO}", said_)

    def _zone(self) -> None:
        bare = [c for c in self.sampled.columns if c.name in self.used and c.clock is not None]
        bare = [c for c in bare if c.clock is not None and (c.clock.form == "bare" or c.clock.mixed)]
        if bare:
            self.lines.entry(
                6,
                "time_zone: TODO",
                f"{_listed([c.name for c in bare])}: written without a zone. In which one? A name such as "
                "Europe/Berlin, or UTC if that is what the exporter says of itself",
            )

    def _record(self) -> None:
        taken = self._named("record", lambda column: column.filled > 0)
        if taken is None:
            self.lines.remark(
                6, "record: what identifies a row? Without it, rows that were exported twice count twice."
            )
            return
        if taken.repeats > MAX_REPEATS * taken.filled:
            self.left.append(
                f"record: {_code(taken.name)} repeats itself in {taken.repeats:,} of {taken.filled:,} rows. "
                "As `record` "
                "each of its values would count once. Is there an id of the request itself?"
            )
            self.used[taken.name] = ""
            return
        self.used[taken.name] = "record"
        again = (
            f"{taken.repeats:,} rows repeat one; each id counts once"
            if taken.repeats
            else "no two rows share one"
        )
        self.lines.entry(
            6, f"record: {{from: {scalar(taken.name)}}}", f"{self._why(taken, 'record')}; {again}"
        )

    def _fields_of_tests(self) -> None:
        for canonical, names in OF_TESTS.items():
            taken = self._named(canonical, lambda column: column.filled > 0, names)
            if taken is None:
                continue
            self.used[taken.name] = canonical
            said = self._why(taken, canonical)
            if canonical in {"prompt_text", "response"}:
                said += "; the whole text goes into the store"
            self.lines.entry(6, f"{canonical}: {{from: {scalar(taken.name)}}}", said)
        scores = [c for c in self._free() if is_score(c.name) and c.is_number]
        if scores:
            self.lines.entry(6, "scores:", "numbers that somebody gave; a name for each")
            for column in scores:
                self.used[column.name] = "scores"
                said = f"{len(column.values):,} different numbers"
                self.lines.entry(8, f"{scalar(column.name)}: {scalar(column.name)}", said)

    def _plain(self, canonical: str, more: str = "") -> None:
        taken = self._named(canonical, lambda column: column.filled > 0)
        if taken is None:
            return
        too_many = canonical != "model" and len([v for v in taken.values if v]) > 100
        if taken.looks_like or too_many or is_of_person(taken.name):
            why = (
                f"it looks like {taken.looks_like}" if taken.looks_like else "more than 100 different values"
            )
            self.left.append(f"{canonical}: {_code(taken.name)} is called so, but not mapped: {why}.")
            self.used[taken.name] = ""
            return
        self.used[taken.name] = canonical
        said = "; ".join(part for part in (self._why(taken, canonical), taken.words(), more) if part)
        self.lines.entry(6, f"{canonical}: {{from: {scalar(taken.name)}}}", said)

    def _vocabulary(self, canonical: str) -> None:
        taken = self._named(
            canonical, lambda column: column.filled > 0 and (canonical == "transport" or not column.is_status)
        )
        known = VOCABULARY[canonical]
        if taken is None:
            if canonical == "outcome":
                self.lines.remark(
                    6,
                    "outcome: no column says what became of a request. Without it every row is undecided; "
                    "see `outcome` in docs/audit-yaml.md.",
                )
            return
        if not taken.is_vocabulary:
            why = (
                f"it looks like {taken.looks_like}"
                if taken.looks_like
                else "its values are no short list of words"
            )
            self.left.append(
                f"{canonical}: {_code(taken.name)} is called so, but not mapped: {why}. No value is shown."
            )
            self.used[taken.name] = ""
            return
        self.used[taken.name] = canonical
        why = self._why(taken, canonical)
        if set(taken.values) <= set(known) and canonical not in {"outcome", "expected"}:
            self.lines.entry(
                6,
                f"{canonical}: {{from: {scalar(taken.name)}}}",
                f"{why}; all words are ours: {taken.words()}",
            )
            return
        self.lines.entry(6, f"{canonical}:", why)
        self.lines.entry(8, f"from: {scalar(taken.name)}")
        self.lines.entry(8, "values:", f"each one of: {', '.join(known)}")
        ordered = sorted(taken.values.items(), key=lambda item: (-item[1], item[0]))
        for word, number in ordered:
            ours = word in known
            said = "our own word" if ours else hint(canonical, taken.name, word)
            rows = f"{number:,} row{'s' if number != 1 else ''}"
            self.lines.entry(
                10, f"{scalar(word)}: {word if ours else UNFINISHED}", f"{rows}{f'; {said}' if said else ''}"
            )
        absent = taken.rows - taken.filled
        if absent:
            self.lines.remark(10, f"{absent:,} rows have nothing there, and stay undecided")
        if canonical == "outcome":
            self.lines.entry(
                8,
                "basis: TODO",
                "on what it rests: native_field, finish_reason, guardrail_record, judge, human, "
                "text_heuristic",
            )

    def _watch(self) -> None:
        cohort = next((c for c in self._candidates("cohort") if c.is_vocabulary), None)
        example = "{from: COLUMN, values: {...}, basis: observational}"
        if cohort is not None:
            example = f"{{from: {scalar(cohort.name)}, values: {{...}}, basis: observational}}"
        self.lines.remark(
            6,
            "watch: which records were made while the system could believe it was watched? "
            "No file says so by itself. "
            f"If a column does: watch: {example}, each value as monitored or unmonitored; basis: cue only "
            "where the condition was set in an experiment.",
        )

    def _rate(self) -> None:
        taken = self._named("sampling_rate", lambda column: column.is_number)
        if taken is None:
            return
        self.used[taken.name] = "sampling_rate"
        numbers = [number_of(text) for text in taken.values if text]
        if all(number is not None and 0 < number <= 1 for number in numbers):
            said = f"{self._why(taken, 'sampling_rate')}; {taken.words()}"
            self.lines.entry(6, f"sampling_rate: {{from: {scalar(taken.name)}}}", said)
            return
        self.left.append(
            f"sampling_rate: {_code(taken.name)} is called so, but holds more than shares above 0 "
            "and up to 1 "
            f'({taken.words()}). One in how many? A constant: sampling_rate: {{is: "0.1"}}.'
        )

    def _prompt(self) -> None:
        taken = self._named("prompt", lambda column: column.filled > 0)
        if taken is None or taken.looks_like:
            return
        self.used[taken.name] = "prompt"
        self.lines.entry(
            6,
            f"prompt: {{from: {scalar(taken.name)}}}",
            f"{self._why(taken, 'prompt')}; equal values are repeats of one prompt "
            f"({len(taken.values):,} different)",
        )

    def _rest(self) -> None:
        for remark in self.left:
            self.lines.remark(6, remark)
        free = self._free()
        private = [c for c in free if c.is_private or (is_of_text(c.name) and not c.is_vocabulary)]
        if private:
            told = ", ".join(f"{_code(c.name)} ({c.looks_like or 'by its name'})" for c in private)
            self.lines.remark(6, f"Looks personal: not mapped, no value shown: {told}.")
        others = [c for c in free if c not in private]
        if others:
            self.lines.remark(6, f"Not mapped: {', '.join(_other(c) for c in others)}.")
        if self.sampled.unseen:
            self.lines.remark(6, f"Not looked at: {self.sampled.unseen:,} more columns.")

    def _free(self) -> list[Column]:
        return [column for column in self.sampled.columns if column.name not in self.used]

    def _candidates(self, canonical: str, names: Sequence[str] | None = None) -> list[Column]:
        """Columns that are called as the field is, likelier ones first."""
        wanted = {name: place for place, name in enumerate(names or NAMES[canonical])}
        found = []
        for place, column in enumerate(self.sampled.columns):
            rank = min(wanted.get(plain_name(column.name), 999), wanted.get(last_name(column.name), 999))
            if rank < 999:
                found.append((rank, column.name.count("."), place, column))
        return [column for *_, column in sorted(found, key=lambda item: item[:3])]

    def _named(
        self, canonical: str, fits: Callable[[Column], bool], names: Sequence[str] | None = None
    ) -> Column | None:
        return next(
            (c for c in self._candidates(canonical, names) if c.name not in self.used and fits(c)), None
        )

    def _why(self, column: Column, canonical: str) -> str:
        named = {*NAMES.get(canonical, ()), *OF_TESTS.get(canonical, ())}
        by_name = {plain_name(column.name), last_name(column.name)} & named
        others = [
            c.name for c in self._candidates(canonical, OF_TESTS.get(canonical))
            if c.name != column.name and c.name not in self.used
        ] if canonical in NAMES or canonical in OF_TESTS else []  # fmt: skip
        why = "by its name" if by_name else "by its values alone"
        return f"{why}, as {_listed(others[:3])} could be" if others else why


def _clock_words(column: Column) -> str:
    clock = column.clock
    if clock is None:
        return ""
    if column.is_zoned_type is not None:
        return "typed times in UTC" if column.is_zoned_type else "typed times without a zone"
    if clock.form in UNIT_WORDS:
        return f"by their size {UNIT_WORDS[clock.form]} since 1970"
    if clock.mixed:
        return f"ISO 8601, {clock.mixed:,} of them without a zone"
    return "ISO 8601 with a zone" if clock.form == "zoned" else "ISO 8601 without a zone"


def _other(column: Column) -> str:
    name = _code(column.name)
    if not column.filled:
        return f"{name} (empty)"
    if column.is_vocabulary and len(column.values) <= 12:
        return f"{name} ({column.words(4)})"
    if column.is_number:
        return f"{name} (numbers)"
    if column.clock is not None:
        return f"{name} (times)"
    return f"{name} (ids)" if column.is_id else f"{name} ({len(column.values):,} different texts)"


def _code(name: str) -> str:
    return f"`{printable(name[:100])}`"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(_code(name) for name in names)


def _slug(name: str) -> str:
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(name).name.split(".")[0]).strip("-._")
    return stem[:60] or "table"
