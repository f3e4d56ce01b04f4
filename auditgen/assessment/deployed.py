"""Whether what ran in production is what was evaluated: system prompts and safeguards by day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from auditgen.assessment.model import Register
    from auditgen.project.model import Audit


NOT_DECLARED = "not declared"


@dataclass(frozen=True, slots=True)
class Configuration:
    """A system prompt with safeguards, while both were in use."""

    first_day: date
    last_day: date
    system_prompt: str
    safeguards: str
    records: int
    """Production records of these days, each once."""
    evaluated_by: tuple[str, ...]
    """Sources of evaluation whose makers name both versions."""


def configurations(audit: Audit, register: Register) -> tuple[Configuration, ...]:
    """The declared deployments within the period, with the traffic on each and who evaluated it.

    Records are counted by the hour in which they were logged; a day belongs to one configuration.
    """
    declared = sorted(audit.system.deployments, key=lambda d: d.from_)
    if not declared:
        return ()
    used = {source for p in audit.principles for c in p.criteria for source in c.sources}
    aliases = {s.id: {a.recorded: a.is_ for a in s.aliases} for s in audit.sources}
    evaluating = {
        reading.source_id
        for reading in register.readings
        if reading.kind not in {"monitoring", "published"}
        and reading.counts.scored
        and reading.source_id in used  # what no criterion rests on covers nothing
        and {aliases.get(reading.source_id, {}).get(m, m) for m in reading.models} & set(audit.system.models)
    }
    by_day: dict[date, int] = {}
    for kept in register.ledgers:
        for hour, seen in kept.hours.items():
            by_day[hour.date()] = by_day.get(hour.date(), 0) + seen.records
    out = []
    before = declared[0].from_ - timedelta(days=1)
    if before >= audit.period.start:  # nobody said what ran then
        last = min(before, audit.period.end)
        found = sum(n for day, n in by_day.items() if audit.period.start <= day <= last)
        out.append(Configuration(audit.period.start, last, NOT_DECLARED, NOT_DECLARED, found, ()))
    for number, deployment in enumerate(declared):
        first = max(deployment.from_, audit.period.start)
        following = declared[number + 1].from_ if number + 1 < len(declared) else None
        last = audit.period.end if following is None else min(audit.period.end, following - timedelta(days=1))
        if last < first:
            continue
        out.append(
            Configuration(
                first,
                last,
                deployment.system_prompt,
                deployment.safeguards,
                sum(n for day, n in by_day.items() if first <= day <= last),
                tuple(
                    source.id
                    for source in audit.sources
                    if source.id in evaluating
                    and (source.system_prompt, source.safeguards)
                    == (deployment.system_prompt, deployment.safeguards)
                ),
            )
        )
    return tuple(out)


def unevaluated(found: Sequence[Configuration]) -> Iterator[tuple[str, str]]:
    """Findings as (code, detail)."""
    total = sum(one.records for one in found)
    for one in found:
        if not one.evaluated_by:
            yield (
                "unevaluated-configuration",
                f"{one.records:,} of {total:,} production records, {one.first_day.isoformat()} to "
                f"{one.last_day.isoformat()}, ran with system prompt {one.system_prompt} and safeguards "
                f"{one.safeguards}, which no evaluation names",
            )
