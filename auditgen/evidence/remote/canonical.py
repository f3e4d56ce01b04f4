"""Canonical columns as expressions: the same rules as the SQL of the embedded engine, for any other one.

Every value is first taken as the text that was written. A column whose text would depend on the engine that
writes it (a float, a decimal, a date with a time) is refused where its text decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis

from auditgen.errors import AuditgenError
from auditgen.evidence.columnar import UNKNOWN_WORD, WORDS
from auditgen.evidence.mapping import GUARDED
from auditgen.evidence.model import Basis, Outcome, Watch
from auditgen.evidence.remote.clocks import (
    DAY,
    HOUR,
    Stages,
    add_micros_of_epoch_text,
    add_micros_of_local,
    add_micros_of_text,
    floor_to,
    micros_of_number,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditgen.evidence.mapping import RecordMap, Rule, TimeRule
    from auditgen.evidence.remote.clocks import Ask
    from auditgen.evidence.remote.dialects import Dialect

PLAIN_NUMBER = "^[+-]?([0-9]{1,100}([.][0-9]{0,100})?|[.][0-9]{1,100})([eE][+-]?[0-9]{1,2})?$"
"""What is a number here: narrower than `mapping.NUMBER`, so that every engine can hold it."""
_NOT_NUMERAL = "[^0-9eE.+-]"


class UnfitColumn(AuditgenError):
    """A column that is not there, or whose values this engine cannot take as a mapping wants."""

    def __init__(self, field: str, column: str, message: str, known: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.field = field
        self.column = column
        self.known = known
        """The columns there are, where it is not one of them."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table or view with what its engine says of it."""

    table: Any
    ask: Ask
    clocks: Mapping[str, bool]
    """Columns that are typed times, and whether they are moments rather than clocks on a wall."""
    dialect: Dialect

    def stages(self, table: Any = None, name: str = "rows") -> Stages:
        """A relation of this engine to be built up in steps; the table itself when none is given."""
        start = self.table if table is None else table
        return Stages(start, self.ask, name, is_fenced=self.dialect.is_fenced)

    @property
    def names(self) -> tuple[str, ...]:
        """Every column, and every field of a struct by its dotted name."""
        out: list[str] = []

        def collect(name: str, kind: Any) -> None:
            out.append(name)
            if kind.is_struct():
                for child, of in kind.items():
                    collect(f"{name}.{child}", of)

        for name, kind in self.table.schema().items():
            collect(name, kind)
        return tuple(dict.fromkeys(out))

    def column(self, field: str, name: str) -> Any:
        """The column, or the field of a struct. Raises UnfitColumn."""
        found = _step(self.table, name)
        if found is None:
            message = f"`{name}` is no column of the table"
            raise UnfitColumn(field, name, message, self.names)
        return found

    def unfit(self, mapping: RecordMap) -> list[UnfitColumn]:
        """Every column that a mapping names and the table does not have."""
        out = []
        for field, rules in mapping.rules().items():
            for name in {rule.from_ for rule in rules if rule.from_ is not None}:
                try:
                    self.column(field, name)
                except UnfitColumn as fault:
                    out.append(fault)
            for rule in rules:
                if rule.pseudonym:
                    message = f"`{field}`: pseudonyms cannot be made on another engine; make them in a view"
                    out.append(UnfitColumn(field, rule.from_ or "", message))
        return out

    def text(self, field: str, name: str) -> Any:
        """A column as the text that was written. Raises UnfitColumn where engines would write others."""
        found = self.column(field, name)
        kind = found.type()
        if kind.is_string():
            return found
        if kind.is_integer() or kind.is_boolean() or kind.is_date() or kind.is_uuid():
            return found.cast("string")
        message = (
            f"`{name}` is of type {kind}, which engines write as text in different ways; "
            "make a view in which it is text, a whole number or a boolean"
        )
        raise UnfitColumn(field, name, message)


def _step(parent: Any, name: str) -> Any:
    """The value behind a dotted name; the undivided name comes first."""
    kind = None if not hasattr(parent, "type") else parent.type()
    names = tuple(parent.columns) if kind is None else tuple(kind.names if kind.is_struct() else ())
    if name in names:
        return parent[name]
    head, dot, rest = name.partition(".")
    while dot:
        if head in names:
            found = _step(parent[head], rest)
            if found is not None:
                return found
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return None


def canonical(
    source: Source, mapping: RecordMap, *, keep: tuple[str, ...] = ()
) -> tuple[Stages, dict[str, str | None]]:
    """The table with canonical columns, and those that have one value in every row instead.

    `keep`: columns of the table that stay as they are.

    Times are microseconds since 1970: `at`, `received`, and the beginnings of `day` and `hour`. What the
    mapping does not translate is `UNKNOWN_WORD`. Raises UnfitColumn.
    """
    outcome, basis = _outcome(source, mapping)
    watch = _value(source, "watch", mapping.watch)
    columns: dict[str, Any] = {
        "record": _value(source, "record", mapping.record, mark=False),
        "model": _value(source, "model", mapping.model),
        "outcome": outcome,
        "basis": basis,
        "sampling_rate": _rate(source, mapping),
        "prompt_key": _value(source, "prompt", mapping.prompt),
        "labels": None,
    }
    for name in WORDS:
        rule = mapping.guardrail(name) if name in GUARDED else getattr(mapping, name)
        columns[name] = _value(source, name, rule)
    if mapping.watch is None:
        columns |= {"watch": Watch.UNKNOWN.value, "watch_basis": None}
    elif isinstance(watch, str):
        columns |= {"watch": watch, "watch_basis": mapping.watch.basis.value}
    else:
        columns["watch"] = watch.fill_null(Watch.UNKNOWN.value)
        none = ibis.null("string")
        columns["watch_basis"] = watch.notnull().ifelse(mapping.watch.basis.value, none)
    fixed = {k: v for k, v in columns.items() if v is None or isinstance(v, str)}
    chosen = {k: v for k, v in columns.items() if k not in fixed}
    chosen |= {name: source.table[name] for name in keep}
    clocks = {"time": mapping.time, "received": mapping.received}
    for name, rule in clocks.items():
        if rule is not None:
            chosen[f"clock_{name}"] = raw_moment(source, name, rule)
    stages = source.stages()
    stages.take(source.table.select(**chosen))
    at, known = add_moment(stages, source, "time", mapping.time, mapping.time_zone)
    received, _ = add_moment(stages, source, "received", mapping.received, mapping.time_zone)
    if received is None:
        fixed["received"] = None
    table = stages.table
    assert at is not None  # a mapping without a time was refused before
    times = {"at": table[at], "zone_written": _flag(table, known)}
    times |= {} if received is None else {"received": table[received]}
    names = [name for name in chosen if not name.startswith("clock_")]
    stages.take(table.select(*names, **times))
    stages.keep(day=floor_to(stages.table["at"], DAY), hour=floor_to(stages.table["at"], HOUR))
    return stages, fixed


def _flag(table: Any, known: str | bool) -> Any:
    return ibis.literal(known) if isinstance(known, bool) else table[known]


def raw_moment(source: Source, field: str, rule: TimeRule) -> Any:
    """What a time is made of: a text, or microseconds where it is a number or typed. Raises UnfitColumn."""
    if rule.is_ is not None:
        return ibis.literal(rule.is_)
    name = rule.from_ or ""
    column = source.column(field, name)
    kind = column.type()
    if kind.is_timestamp():
        if source.dialect.micros is None:
            message = f"`{name}` is a typed time, and through this URL nobody can say whether it is a moment"
            message += " or a clock on a wall; make a view in which it is text or a whole number"
            raise UnfitColumn(field, name, message)
        return source.dialect.micros(column, source.clocks[name])
    if rule.unit is not None and kind.is_integer():
        return micros_of_number(column, rule.unit)
    if rule.unit is not None and not kind.is_string():
        message = f"`{name}` is of type {kind}; a number of units since 1970 is a whole number or a text here"
        raise UnfitColumn(field, name, message)
    return source.text(field, name)


def add_moment(
    stages: Stages, source: Source, field: str, rule: TimeRule | None, zone: str | None
) -> tuple[str | None, str | bool]:
    """Read `clock_<field>`: in which column its microseconds are; whether its zone is known, or where."""
    if rule is None:
        return None, True
    name = f"clock_{field}"
    kind = None if rule.is_ is not None else source.column(field, rule.from_ or "").type()
    if kind is not None and kind.is_timestamp():
        if source.clocks[rule.from_ or ""]:
            return name, True
        add_micros_of_local(stages, name, zone)
        return f"{name}_at", zone is not None
    if rule.unit is not None:
        if kind is not None and kind.is_integer():
            return name, True
        add_micros_of_epoch_text(stages, name, rule.unit)
        return f"{name}_at", True
    add_micros_of_text(stages, name, zone)
    return f"{name}_at", f"{name}_known"


def unmarked(name: str, column: Any) -> Any:
    """A canonical column without marks, as `cube_of` reads them."""
    if name == "outcome":
        return (column == UNKNOWN_WORD).ifelse(Outcome.UNSCORED.value, column)
    if name == "watch":
        return (column == UNKNOWN_WORD).ifelse(Watch.UNKNOWN.value, column)
    if name in {*WORDS, "model", "prompt_key"}:
        return column.nullif(UNKNOWN_WORD)
    return column


def untranslated(source: Source, field: str, rules: tuple[Rule, ...]) -> Any | None:
    """The rows of one field that no rule translates, as `text`; None where all stand as they are."""
    translated = [rule for rule in rules if rule.translates]
    if not translated:
        return None
    raw = _raw(source, field, translated[0])
    condition = raw.notnull()
    for rule in translated:
        found = _value(source, field, rule, mark=False)
        condition = condition & (ibis.literal(True) if found is None else found.isnull())
    return source.table.filter(condition).select(text=raw)


def first_translated(rules: tuple[Rule, ...]) -> Rule:
    """The rule whose column tells whether there was anything to translate."""
    return next(rule for rule in rules if rule.translates)


def _raw(source: Source, field: str, rule: Rule) -> Any:
    """The text behind a rule; of a number that only bands look at, any text that says whether it is there."""
    name = rule.from_ or ""
    kind = source.column(field, name).type()
    if rule.bands is not None and not rule.values and (kind.is_floating() or kind.is_decimal()):
        return source.column(field, name).cast("string")
    return source.text(field, name)


def _value(source: Source, field: str, rule: Rule | None, *, mark: bool = True) -> Any:
    """A rule as an expression; a plain text or None where every row has the same."""
    if rule is None:
        return None
    if rule.is_ is not None:
        return rule.is_
    raw = _raw(source, field, rule)
    if not rule.translates:
        return raw
    none = ibis.null("string")
    found = raw.notnull().ifelse(UNKNOWN_WORD, none) if mark else none
    for band in reversed(rule.bands or ()):
        number = _number(source, field, rule)
        inside = number.notnull()
        if band.at_least is not None:
            inside = inside & (number >= _float(band.at_least))
        if band.above is not None:
            inside = inside & (number > _float(band.above))
        if band.at_most is not None:
            inside = inside & (number <= _float(band.at_most))
        if band.below is not None:
            inside = inside & (number < _float(band.below))
        found = inside.ifelse(band.is_, found)
    if rule.values:
        cases = [(ibis.literal(key), word) for key, word in rule.values.items()]
        found = raw.cases(*cases, else_=found)
    return found


def _number(source: Source, field: str, rule: Rule) -> Any:
    """The number in a field, NULL where there is none or no finite one."""
    column = source.column(field, rule.from_ or "")
    if column.type().is_floating():
        number = column.cast("float64")
        limit = 1.7976931348623157e308
        return ((number >= _float(-limit)) & (number <= _float(limit))).ifelse(number, ibis.null("float64"))
    if column.type().is_decimal():
        return column.cast("float64")
    return number_of_text(source.text(field, rule.from_ or ""))


def number_of_text(text: Any) -> Any:
    """A written number as float64; no engine is ever asked to cast anything else."""
    is_number = text.re_search(PLAIN_NUMBER) & ~text.re_search(_NOT_NUMERAL)
    return is_number.ifelse(is_number.ifelse(text, "0").cast("float64"), ibis.null("float64"))


def _float(number: float) -> Any:
    """A float as its text, cast: a bare `0.25` is a decimal to some engines, and takes the column with it."""
    return ibis.literal(repr(float(number))).cast("float64")


def _rate(source: Source, mapping: RecordMap) -> Any:
    """The share of requests that the log kept; -1 where what is written is no such share."""
    rule = mapping.sampling_rate
    if rule is None:
        return None
    if rule.is_ is not None:
        return _float(float(rule.is_))
    column = source.column("sampling_rate", rule.from_ or "")
    if rule.translates or not (column.type().is_floating() or column.type().is_decimal()):
        text = _value(source, "sampling_rate", rule, mark=False)
        if text is None:
            return ibis.null("float64")
        number, present = number_of_text(text), text.notnull()
    else:
        # asked as a text: of a float, ibis does not tell NaN from NULL
        number, present = _number(source, "sampling_rate", rule), column.cast("string").notnull()
    is_share = (number > 0) & (number <= 1)
    bad = present.ifelse(_float(-1.0), ibis.null("float64"))
    return is_share.ifelse(number, bad)


def _outcome(source: Source, mapping: RecordMap) -> tuple[Any, Any]:
    rules = mapping.outcomes
    if not rules:
        return Outcome.UNSCORED.value, Basis.NONE.value
    values = [_value(source, "outcome", rule, mark=False) for rule in rules]
    if isinstance(values[0], str):  # the first rule is a constant, so it decides
        return values[0], rules[0].basis.value
    translated = [rule for rule in rules if rule.translates]
    outcome: Any = ibis.literal(Outcome.UNSCORED.value)
    if translated:
        raw = _raw(source, "outcome", translated[0])
        outcome = raw.notnull().ifelse(UNKNOWN_WORD, outcome)
    basis: Any = ibis.literal(Basis.NONE.value)
    for value, rule in reversed(list(zip(values, rules, strict=True))):
        if isinstance(value, str):
            outcome, basis = ibis.literal(value), ibis.literal(rule.basis.value)
            continue
        outcome = ibis.coalesce(value, outcome)
        basis = value.notnull().ifelse(rule.basis.value, basis)
    return outcome, basis
