"""Records that do not say whether a criterion is about them.

A record without an expectation, a watch condition or a value that the criterion selects on belongs to
no count, and hiding that value would be the easiest way to hide a bad answer. The second easiest is to
write it a little differently: `Cyber` where the criterion selects `cyber`. So such records are missing
ones: they count the bad way in the worst case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditgen.evidence.model import GUARDRAIL_VERDICTS
from auditgen.evidence.tables import sql_text
from auditgen.indicators.selection import Query, of_kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditgen.indicators import Request
    from auditgen.indicators.cells import Cells


def unplaced(cells: Cells, request: Request) -> dict[str, int]:
    """How many records of each source fit a request but for fields in which nothing is known."""
    indicator = request.indicator
    if not indicator.is_of_versions:
        return {}
    # a field and the values that count; none listed: any value does, as long as there is one
    selected: list[tuple[str, Sequence[str]]] = sorted(request.where.items())
    sides = [] if indicator.arms is None else [indicator.arms.first, indicator.arms.second]
    fields: dict[str, Sequence[str]] = dict(indicator.filters)
    if indicator.arms is not None:
        fields[indicator.arms.by] = tuple(value for side in sides for value in side.values)
    for name, values in sorted(fields.items()):
        if name == "attack":
            selected.append(("strategy", ()))
        elif name != "kind":  # every record has one
            selected.append((name, values))
    if indicator.standardise_by is not None:
        selected.append((indicator.standardise_by, ()))
    if indicator.denominator.guardrail_verdict:
        selected.append(("guardrail_verdict", indicator.denominator.guardrail_verdict))
    query = Query()
    query.within("source_id", request.sources)
    of_kind(query, indicator)
    unknown = []
    for name, values in selected:
        is_unknown = _unknown(name)
        if not values:
            unknown.append(is_unknown)
            continue
        listed = ", ".join(sql_text(value) for value in values)
        near = ", ".join(_plain(sql_text(value)) for value in values)
        is_unknown = f"({is_unknown} OR ({name} NOT IN ({listed}) AND {_plain(name)} IN ({near})))"
        unknown.append(is_unknown)
        query.add(f"({name} IN ({listed}) OR {is_unknown})")
    query.add(f"({' OR '.join(unknown) or 'false'})")
    return cells.tally("source_id", cells.where(query))


def _unknown(name: str) -> str:
    if name == "watch":
        return "watch_basis IS NULL"  # a condition that was declared to be unknown has a basis
    if name == "guardrail_verdict":
        known = ", ".join(f"'{verdict}'" for verdict in GUARDRAIL_VERDICTS)
        return f"coalesce(guardrail_verdict, '') NOT IN ({known})"
    # a value without a letter or a digit (`?`, `-`) says as little as an empty one
    return f"regexp_replace(coalesce({name}, ''), '[^\\pL\\pN]+', '', 'g') = ''"


def _plain(text: str) -> str:
    """A text without what a slip of the pen changes: case, spaces, invisible characters, hyphens."""
    joined = f"regexp_replace(lower({text}), '[\\pZ\\pC_-]+', '-', 'g')"
    return f"trim({joined}, '-')"
