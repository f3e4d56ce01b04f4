"""The records that people are asked about: a simple random sample of those that a judge decided.

The sample is drawn by a digest of seed and record, so that the same audit and seed give the same records
everywhere, whatever program draws them, and whoever wrote the files cannot know which these will be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditgen.canonical import digest_of
from auditgen.evidence.model import Basis
from auditgen.indicators.selection import Query, population, selected

if TYPE_CHECKING:
    from auditgen.evidence.engine import Evidence
    from auditgen.indicators.model import Request

JUDGED = (Basis.JUDGE, Basis.TEXT_HEURISTIC)
"""What an outcome rests on that can be wrong, and that people can check."""
ITEM_CHARS = 20
"""Of the digest: enough to tell records apart, short enough to compare by eye."""


@dataclass(frozen=True, slots=True)
class DrawnRecord:
    """One record of the sample."""

    item: str
    """What the worksheet calls it. It does not show which record of the report it is."""
    is_hit: bool
    """Whether the judge's word puts it into the numerator."""
    prompt: str | None
    prompt_state: str
    response: str


@dataclass(frozen=True, slots=True)
class Draw:
    """A sample, and what it was drawn from. Counts are (in the numerator, records)."""

    seed: int
    records: tuple[DrawnRecord, ...]
    """In the order of their items."""
    population: tuple[int, int]
    """Decided by a judge, text held: what was drawn from."""
    judged: tuple[int, int]
    """Decided by a judge, whether or not the text is held."""

    @property
    def digest(self) -> str:
        """Identity of the sample: over the sorted items."""
        return sample_digest(record.item for record in self.records)


def sample_digest(items: Any) -> str:
    """SHA-256 over the sorted items as canonical JSON."""
    return digest_of(sorted(items))


def draw(evidence: Evidence, request: Request, *, audit_id: str, seed: int, limit: int) -> Draw:
    """Up to `limit` records, each with the same chance, none twice.

    Items are digests of audit, request, seed and record; the smallest are the sample.
    """
    indicator = request.indicator
    hit = selected(indicator.numerator)
    is_hit = f"coalesce({hit.sql}, false)"
    query = _judged(request)
    [(hits, total)] = evidence.count(
        f"SELECT coalesce(sum(n) FILTER (WHERE {is_hit}), 0), coalesce(sum(n), 0) FROM observation"
        f" WHERE {query.sql} AND kind <> 'published'",
        [*hit.parameters, *query.parameters],
    )
    judged = int(str(hits)), int(str(total))
    held = f"{query.sql} AND response IS NOT NULL"
    [(hits, total)] = evidence.count(
        f"SELECT count(*) FILTER (WHERE {is_hit}), count(*) FROM record WHERE {held}",
        [*hit.parameters, *query.parameters],
    )
    prefix = f"{audit_id}\n{request.id}\n{seed}\n"
    rows = evidence.count(
        f"SELECT sha256(? || sha256(file_sha256 || locator)) AS item, {is_hit}, prompt, prompt_state,"
        f" response FROM record WHERE {held} ORDER BY item LIMIT {int(limit)}",
        [prefix, *hit.parameters, *query.parameters],
    )
    return Draw(
        seed=seed,
        records=tuple(
            DrawnRecord(str(item)[:ITEM_CHARS], bool(is_one), prompt, str(state), str(response))  # type: ignore[arg-type]
            for item, is_one, prompt, state, response in rows
        ),
        population=(int(str(hits)), int(str(total))),
        judged=judged,
    )


def _judged(request: Request) -> Query:
    """Decided records of a request that a judge's word decides. Labels do not say who gave them."""
    query = population(request)
    inside = selected(request.indicator.denominator)
    query.conditions += inside.conditions
    if request.indicator.counts_outcomes:
        query.within("basis", [basis.value for basis in JUDGED])
    return query
