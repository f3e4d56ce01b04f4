"""Records that speak against a promise, drawn so that nobody can choose them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditgen.evidence.engine import ELSEWHERE_SQL
from auditgen.indicators.selection import population, selected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditgen.evidence.engine import Evidence
    from auditgen.indicators.model import Request

MANY = 100_000
"""Of more adverse records than this, exhibits are drawn from a share."""


@dataclass(frozen=True, slots=True)
class AdverseRecord:
    """One record that speaks against a promise, with the place it stands at."""

    source_id: str
    file_sha256: str
    locator: str
    sample_id: str
    epoch: int
    category: str
    watch: str
    outcome: str
    prompt: str | None
    prompt_sha256: str | None
    prompt_state: str
    response: str | None


def adverse_combinations(
    evidence: Evidence, request: Request, columns: Sequence[str]
) -> list[dict[str, str | None]]:
    """What values of some columns those records have that speak against the promise, in order."""
    which, parameters = _adverse(request)
    listed = ", ".join(columns)
    query = f"SELECT {listed} FROM observation WHERE {which} GROUP BY ALL HAVING sum(n) > 0 ORDER BY ALL"
    rows = evidence.count(query, parameters)
    return [dict(zip(columns, row, strict=True)) for row in rows]  # type: ignore[arg-type]


def _adverse(request: Request) -> tuple[str, list[Any]]:
    """The condition that a record speaks against the promise, with its parameters."""
    query = population(request)
    inside = selected(request.indicator.denominator)
    hit = selected(request.indicator.numerator)
    adverse = "NOT " if request.indicator.better == "higher" else ""
    which = f"{query.sql} AND {inside.sql} AND {adverse}({hit.sql})"
    return which, [*query.parameters, *inside.parameters, *hit.parameters]


def adverse_records(evidence: Evidence, request: Request, limit: int) -> list[AdverseRecord]:
    """Up to `limit` records that speak against the promise, one of each category in turn.

    Where higher is better these are the records outside the numerator; for a gap, the answered ones of
    both arms. Inside a category the order is a digest of place and bytes, so that nobody can choose them.
    Of very many, a share is drawn by their row numbers before any digest is made.
    """
    which, parameters = _adverse(request)
    [(total,)] = evidence.count(f"SELECT coalesce(sum(n), 0) FROM observation WHERE {which}", parameters)
    drawn = "true"
    if int(str(total)) > MANY:
        step = int(str(total)) // MANY + 1
        seed = "CAST('0x' || left(file_sha256, 8) AS BIGINT)"
        place = (
            "CASE WHEN locator LIKE 'row:%' THEN CAST(substr(locator, 5) AS BIGINT)"
            " ELSE CAST('0x' || left(md5(locator), 8) AS BIGINT) END"
        )
        # mixed twice, so that no order in which rows were written can follow the draw
        first = f"(({place} + {seed}) * 1597334677) % 4294967296"
        second = f"(xor({first}, ({first}) >> 15) * 1431374979) % 4294967296"
        drawn = f"({ELSEWHERE_SQL} OR (xor({second}, ({second}) >> 13)) % {step} = 0)"
    columns = (
        "source_id, file_sha256, locator, sample_id, epoch, coalesce(category, '') AS category, watch,"
        " outcome, prompt, prompt_sha256, prompt_state, response"
    )
    rows = evidence.count(
        f"SELECT * EXCLUDE (place, turn) FROM (SELECT *, row_number() OVER (PARTITION BY category"
        f" ORDER BY place) AS turn FROM (SELECT {columns}, sha256(file_sha256 || locator) AS place"
        f" FROM candidate WHERE {which} AND {drawn})) ORDER BY turn, place LIMIT {int(limit)}",
        parameters,
    )
    return [AdverseRecord(*row) for row in rows]  # type: ignore[arg-type]
