"""Which records an indicator is about, as conditions on their columns; values are parameters, never text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditgen.evidence.model import ERRORS, NO_STRATEGY, UNDECIDED
from auditgen.evidence.published import KIND as PUBLISHED
from auditgen.indicators.definition import FILTER_FIELDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditgen.indicators.definition import Indicator, Selection, Side
    from auditgen.indicators.model import Request


class Query:
    """Conditions that must all hold, each with its parameters."""

    def __init__(self) -> None:
        self.conditions: list[tuple[str, tuple[Any, ...]]] = []

    def add(self, sql: str, *parameters: Any) -> None:
        """One more condition."""
        self.conditions.append((sql, parameters))

    def within(self, column: str, values: Sequence[str]) -> None:
        """`column` is one of `values`."""
        self.add(f"{column} IN ({', '.join('?' for _ in values)})", *values)

    @property
    def sql(self) -> str:
        """All of them as one condition."""
        return " AND ".join(sql for sql, _ in self.conditions) or "true"

    @property
    def parameters(self) -> list[Any]:
        """Those of all conditions, in order."""
        return [parameter for _, parameters in self.conditions for parameter in parameters]


def population(request: Request, side: Side | None = None) -> Query:
    """The records a request is about, whatever their outcome; with `side`, of one arm."""
    query = Query()
    indicator = request.indicator
    query.within("source_id", request.sources)
    of_kind(query, indicator)
    for name, values in indicator.filters.items():
        _add(query, name, values)
    if side is not None and indicator.arms is not None:
        _add(query, indicator.arms.by, side.values)
    for name, values in sorted(request.where.items()):
        if name not in FILTER_FIELDS:  # names stand in the SQL text; only values are parameters
            message = f"`{name}` is no filter; known: {', '.join(FILTER_FIELDS)}"
            raise ValueError(message)
        query.within(name, values)
    return query


def of_kind(query: Query, indicator: Indicator) -> None:
    """Only records of the kind that the indicator counts, and published counts of what it counts.

    A published count says one thing of its records: of outcomes, or of one label, it says nothing when it is
    about the other. That is no undecided record.
    """
    if not indicator.takes_published:
        if indicator.records != "any":
            query.within("kind", (indicator.records,))
        else:
            query.add(f"kind <> '{PUBLISHED}'")
        return
    if indicator.records != "any":
        query.within("kind", (indicator.records, PUBLISHED))
    bottom = indicator.denominator
    if bottom.outcomes:
        query.add(f"(kind <> '{PUBLISHED}' OR outcome IS NOT NULL)")
        return
    names = [f"{name}=" for name in bottom.labelled]
    told = " OR ".join("starts_with(labels, ?)" for _ in names) or "false"
    query.add(f"(kind <> '{PUBLISHED}' OR coalesce({told}, false))", *names)


def _add(query: Query, name: str, values: Sequence[str]) -> None:
    if name != "attack":
        query.within(name, values)
        return
    either = {
        "yes": f"coalesce(strategy, '') NOT IN ('', '{NO_STRATEGY}')",
        "no": f"strategy = '{NO_STRATEGY}'",
    }
    query.add(f"({' OR '.join(either[value] for value in values)})")


def undetermined(selection: Selection) -> Query:
    """Records that may belong to the selection, if only it were known what became of them."""
    query = Query()
    if selection.outcomes:
        query.within("outcome", [o.value for o in (*UNDECIDED, *ERRORS)])
        return query
    if selection.labels:
        chosen = selected(selection)
        query.add(f"({chosen.sql}) IS NOT TRUE", *chosen.parameters)
        return query
    if not selection.guardrail_action:
        query.add("false")
        return query
    if selection.guardrail_verdict:
        query.within("guardrail_verdict", selection.guardrail_verdict)
    known = Query()
    known.within("guardrail_action", selection.guardrail_action)
    query.add(f"({known.sql}) IS NOT TRUE", *known.parameters)
    return query


def selected(selection: Selection) -> Query:
    """Records that belong to the selection."""
    query = Query()
    for column, values in (
        ("outcome", [o.value for o in selection.outcomes]),
        ("guardrail_verdict", list(selection.guardrail_verdict)),
        ("guardrail_action", list(selection.guardrail_action)),
    ):
        if values:
            query.within(column, values)
    for name, words in selection.labelled.items():
        marks = ", ".join("?" for _ in words)
        query.add(
            f"list_has_any(string_split(labels, chr(10)), [{marks}])", *(f"{name}={word}" for word in words)
        )
    return query
