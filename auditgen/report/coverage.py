"""What each log of monitoring holds, hour by hour, and what it does not tell."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from auditgen.report import monitored as model
from auditgen.report import words

if TYPE_CHECKING:
    from datetime import date

    from auditgen.assessment import Assessment, Register
    from auditgen.indicators.ledger import Balance, CounterCheck, Ledger
    from auditgen.project.model import Audit

HOURS = 24


def coverage_views(audit: Audit, assessment: Assessment) -> tuple[model.CoverageView, ...]:
    """One ledger per monitoring source that had rows, up to the day of judgement."""
    register, last = assessment.register, min(audit.period.end, assessment.as_of)
    titles = {source.id: source.title for source in audit.sources}
    order = list(titles)
    kept = sorted(register.ledgers, key=lambda ledger: order.index(ledger.source_id))
    return tuple(
        _coverage(audit.period.start, last, titles[ledger.source_id], ledger, register) for ledger in kept
    )


def _coverage(first: date, last: date, title: str, ledger: Ledger, register: Register) -> model.CoverageView:
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    cells = {day: [0] * HOURS for day in days}
    for hour, seen in ledger.hours.items():
        if hour.date() in cells:
            cells[hour.date()][hour.hour] += seen.records
    covered, total = ledger.covered, ledger.total_hours
    balance = ledger.balance
    return model.CoverageView(
        source_id=ledger.source_id,
        title=title,
        records=balance.inside,
        hours_covered=covered,
        hours_total=total,
        text=f"{words.count(balance.inside)} records in {words.count(covered)}/{words.count(total)} hours, "
        f"{words.percent(covered / total)} of the period (complete count)",
        days=tuple(day.isoformat() for day in days),
        hourly=tuple(tuple(cells[day]) for day in days),
        silent=tuple(
            f"{w.hours} hours from {w.start:%Y-%m-%d %H:%M} UTC"
            for w in register.silent_windows
            if w.source_id == ledger.source_id
        ),
        balance=_balance_text(balance),
        read=balance.read,
        accepted=balance.accepted,
        duplicates=balance.duplicates,
        quarantined=sum(balance.quarantined.values()),
        late=ledger.late,
        sampled=_sampling(ledger),
        blocks=tuple(
            model.BlocksView(
                endpoint=blocks.endpoint or "no endpoint named",
                records=blocks.records,
                both=blocks.both,
                guardrail_only=blocks.guardrail_only,
                transport_only=blocks.transport_only,
            )
            for blocks in ledger.blocks
        ),
        counters=tuple(_counter(check) for check in ledger.counters),
        ledger=tuple(
            (
                f"{hour:%Y-%m-%d %H:00}",
                h.records,
                h.late if ledger.tells_receipt else None,
                h.copies,
                h.blocked if ledger.tells_guardrail else None,
                h.transport_blocked if ledger.tells_transport else None,
            )
            for hour, h in ledger.hours.items()
        ),
    )


def _balance_text(balance: Balance) -> str:
    """`9 rows read = 7 accepted (6 in the period, 1 outside) + 1 repeat + 1 quarantined (1 undated)`."""
    reasons = ", ".join(f"{words.count(n)} {reason}" for reason, n in balance.quarantined.items())
    quarantined = sum(balance.quarantined.values())
    return (
        f"{words.plural(balance.read, 'row')} read = {words.count(balance.accepted)} accepted"
        f" ({words.count(balance.inside)} in the period, {words.count(balance.outside)} outside)"
        f" + {words.plural(balance.duplicates, 'repeat')}"
        f" + {words.count(quarantined)} quarantined" + (f" ({reasons})" if reasons else "")
    )


def _sampling(ledger: Ledger) -> str:
    if not ledger.sampled:
        return ""
    shown = ", ".join(f"{words.count(n)} of {words.percent(rate)}" for rate, n in ledger.sampled.items())
    unsaid = ledger.balance.inside - sum(ledger.sampled.values())
    rest = f", {words.count(unsaid)} do not say" if unsaid else ""
    return (
        f"The log is a sample of the requests: {shown}{rest}."
        " Rates are weighted by it; counts are of logged records."
    )


def _counter(check: CounterCheck) -> model.CounterView:
    tolerance = f", up to {words.percent(check.tolerance)} apart allowed" if check.tolerance else ""
    text = (
        f"{words.count(check.seen)} in the log, {words.count(check.expected)} counted, in "
        f"{words.plural(check.windows, 'window')}{tolerance}: {words.count(check.missing)} missing, "
        f"{words.count(check.surplus)} too many"
        if check.windows
        else "no window of it lies in the period: nothing was compared"
    )
    return model.CounterView(
        id=check.id,
        title=check.title,
        counts=check.counts,
        windows=check.windows,
        expected=check.expected,
        seen=check.seen,
        missing=check.missing,
        surplus=check.surplus,
        worst=tuple(
            f"{start:%Y-%m-%d %H:%M} UTC: {words.count(seen)} of {words.count(expected)}"
            for start, expected, seen in check.worst
        ),
        text=text,
    )
