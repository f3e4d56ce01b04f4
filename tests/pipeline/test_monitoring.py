"""Monitoring from the log to the verdict: what is missing, doubled, late, sampled or told in two ways."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from helpers.workshop import (
    GATEWAY_MAP,
    audit,
    criterion,
    csv_text,
    findings,
    gateway_rows,
    judged,
    source,
    verdicts,
    write_project,
)

from auditgen.errors import InputRefused
from auditgen.indicators import Quantity
from auditgen.indicators.ledger import Balance, Ledger
from auditgen.pipeline.build import Built

Json = dict[str, Any]
DAYS = [date(2026, 9, day) for day in range(1, 31)]
LOG = "evidence/gw.csv"


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., Built]:
    made: list[int] = []

    def _judge(files: dict[str, Any], value: Json) -> Built:
        made.append(1)
        return judged(write_project(tmp_path / str(len(made)), value, files))

    return _judge


def project(mapping: Json | None = None, counters: list[Json] | None = None, **changes: Any) -> Json:
    """A September in which every denied request must be stopped."""
    value = audit(period={"start": "2026-09-01", "end": "2026-09-30"})
    value["principles"][0]["criteria"] = [
        criterion(
            "C1",
            indicator="guardrail-deny-but-allowed",
            sources=["gw"],
            at_most=0.05,
            at_least=None,
            max_age_days=60,
            **changes,
        )
    ]
    value["principles"][0]["criteria"][0].pop("at_least")
    value["sources"] = [
        source("gw", "evidence/gw*", "self", map={**copy.deepcopy(GATEWAY_MAP), **(mapping or {})})
    ]
    if counters:
        value["counters"] = counters
    return value


def rows() -> list[Json]:
    """In every hour one request that passes and one that is denied and stopped."""
    return [*gateway_rows(DAYS), *gateway_rows(DAYS, verdict="deny", action="block")]


def ledger(made: Built) -> Ledger:
    [kept] = made.assessment.register.ledgers
    return kept


def counter(**parts: Any) -> Json:
    return {
        "id": "lb",
        "title": "Load balancer",
        "of": "gw",
        "files": ["evidence/lb.csv"],
        "time": {"from": "hour"},
        "value": "requests",
        "provider": {"name": "Network team", "independence": "internal_separate"},
        **parts,
    }


def hours(count: int = 2, day: str = "2026-09-{:02d}T{:02d}:00:00Z", days: int = 30) -> list[Json]:
    return [
        {"hour": day.format(n, h), "requests": str(count)} for n in range(1, days + 1) for h in range(24)
    ]


class TestBalance:
    """Accepted, duplicate and quarantined rows are all that was read."""

    def test_every_row_is_told(self, judge: Callable[..., Built]) -> None:
        log = rows()
        before = gateway_rows([date(2026, 8, 31)])
        undated = [{**log[0], "id": f"u{n}", "time": "soon"} for n in range(3)]
        made = judge({LOG: csv_text([*log, *log[:7], *before, *undated])}, project())
        balance = ledger(made).balance
        assert balance == Balance(
            read=1440 + 7 + 24 + 3, inside=1440, outside=24, duplicates=7, quarantined={"undated": 3}
        )
        assert balance.holds
        [view] = made.document.coverage
        assert view.balance == (
            "1,474 rows read = 1,464 accepted (1,440 in the period, 24 outside) + 7 repeats"
            " + 3 quarantined (3 undated)"
        )

    def test_copies_leave_every_count(self, judge: Callable[..., Built]) -> None:
        """A month exported twice is one month: in the rate, in its slices, in the hours."""
        log = rows()
        once = judge({LOG: csv_text(log)}, project())
        twice = judge({LOG: csv_text(log), "evidence/gw2.csv": csv_text(log[300:900]) + "\n"}, project())
        assert ledger(twice).balance.duplicates == 600
        assert ledger(twice).balance.inside == ledger(once).balance.inside == 1440
        assert {h: v.records for h, v in ledger(twice).hours.items()} == {
            h: v.records for h, v in ledger(once).hours.items()
        }
        for one, other in zip(quantities(once), quantities(twice), strict=True):
            assert (one.numerator, one.denominator) == (other.numerator, other.denominator)
            assert one.outcomes == other.outcomes
            assert one.interval == other.interval
        assert "duplicate-rows" in findings(twice)

    @pytest.mark.parametrize("seed", range(8))
    def test_whatever_is_doubled_or_torn(self, seed: int, judge: Callable[..., Built]) -> None:
        """Lines of JSON, some of them copies, some of them torn, in any order and in several files."""
        dice = random.Random(seed)
        log = dice.sample(rows(), 300)
        lines = [json.dumps(row) for row in log]
        copied = dice.sample(lines, 40)
        torn = [line[: dice.randrange(5, len(line) - 1)] for line in dice.sample(lines, 9)]
        mixed = [*lines, *copied, *torn]
        dice.shuffle(mixed)
        cut = dice.randrange(20, len(mixed) - 20)
        files = {"evidence/gw1.jsonl": "\n".join(mixed[:cut]) + "\n", "evidence/gw2.jsonl": "\n".join(mixed[cut:])}
        balance = ledger(judge(files, project())).balance
        assert (balance.read, balance.inside, balance.duplicates) == (349, 300, 40)
        assert balance.quarantined == {"unreadable": 9}
        assert balance.holds


def quantities(made: Built) -> list[Quantity]:
    found = [c.measured for p in made.assessment.principles for c in p.criteria]
    assert all(isinstance(one, Quantity) for one in found)
    return [one for one in found if isinstance(one, Quantity)]


class TestDrift:
    """A rate day by day: one bad day is told, although the period as a whole is good."""

    def test_a_day_on_which_the_guardrail_slept(self, judge: Callable[..., Built]) -> None:
        logged = rows()
        for row in logged[-24 * 5 :: 2]:  # half of what was denied on one of the last days passed
            if row["time"].startswith("2026-09-27"):
                row["action"] = "pass"
        made = judge({LOG: csv_text(logged)}, project())
        drift = made.assessment.register.drifts["C1"]
        assert (len(drift.days), drift.base) == (30, 10)
        assert {d.decided for d in drift.days} == {24}
        [bad] = drift.signals
        assert (bad.day, bad.hits, bad.signal) == (date(2026, 9, 27), 12, "above")
        assert verdicts(made) == {"C1": "met"}
        [result] = made.assessment.principles[0].criteria
        assert "1 of 20 later days lie above what chance explains: 2026-09-27 12/24" in result.comments
        [view] = [c.measure.drift for p in made.document.principles for c in p.criteria]
        assert view is not None
        assert view.signals == 1

    def test_quiet_days(self, judge: Callable[..., Built]) -> None:
        made = judge({LOG: csv_text(rows())}, project())
        assert made.assessment.register.drifts["C1"].signals == ()


class TestCounters:
    """What somebody else counted shows what the log does not hold."""

    def test_a_log_that_holds_everything(self, judge: Callable[..., Built]) -> None:
        files = {LOG: csv_text(rows()), "evidence/lb.csv": csv_text(hours())}
        made = judge(files, project(counters=[counter()]))
        [check] = ledger(made).counters
        assert (check.windows, check.expected, check.seen, check.missing, check.surplus) == (
            720, 1440, 1440, 0, 0,
        )  # fmt: skip
        assert check.agrees
        assert "counter-disagrees" not in findings(made)
        assert verdicts(made) == {"C1": "met"}

    def test_what_the_log_lacks_counts_the_bad_way(self, judge: Callable[..., Built]) -> None:
        """Dropping the bad rows of a log helps nobody who is counted by somebody else."""
        log = [*rows(), *gateway_rows(DAYS[:5], verdict="deny", action="pass")]
        assert verdicts(judge({LOG: csv_text(log)}, project())) == {"C1": "not_met"}
        kept = csv_text(rows())
        assert verdicts(judge({LOG: kept}, project())) == {"C1": "met"}
        seen = [{**h, "requests": "3" if int(h["hour"][8:10]) <= 5 else "2"} for h in hours()]
        made = judge({LOG: kept, "evidence/lb.csv": csv_text(seen)}, project(counters=[counter()]))
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        [check] = ledger(made).counters
        assert (check.missing, check.surplus) == (120, 0)
        assert quantities(made)[0].missing == 120
        assert "120 are missing" in findings(made)["counter-disagrees"]
        [view] = made.document.coverage[0].counters
        assert view.worst[0] == "2026-09-01 00:00 UTC: 2 of 3"

    def test_tolerance_is_for_each_window(self, judge: Callable[..., Built]) -> None:
        log = [row for n in range(50) for row in gateway_rows([date(2026, 9, 1)], model="model-1")]
        log = [{**row, "id": f"{n}"} for n, row in enumerate(log)]
        log[0] |= {"verdict": "deny", "action": "block"}
        seen = [{**h, "requests": "52"} for h in hours(days=1)]
        files = {LOG: csv_text(log), "evidence/lb.csv": csv_text(seen)}
        for tolerance, missing in ((0.0, 48), (0.03, 24), (0.05, 0)):
            made = judge(files, project(counters=[counter(tolerance=tolerance)]))
            [check] = ledger(made).counters
            assert (check.missing, check.agrees) == (missing, not missing)

    def test_blocks_are_compared_with_blocks(self, judge: Callable[..., Built]) -> None:
        files = {LOG: csv_text(rows()), "evidence/lb.csv": csv_text(hours(count=1))}
        made = judge(files, project(counters=[counter(counts="blocks")]))
        assert ledger(made).counters[0].agrees
        made = judge(files, project(counters=[counter(counts="records")]))
        assert ledger(made).counters[0].surplus == 720

    def test_only_windows_of_the_period(self, judge: Callable[..., Built]) -> None:
        outside = [{"hour": "2026-08-31T23:00:00Z", "requests": "9"}, {"hour": "2026-10-01T00:00:00Z", "requests": "9"}]
        odd = [{"hour": "2026-09-02T00:30:00Z", "requests": "9"}, {"hour": "2026-09-02", "requests": "9"}]
        files = {LOG: csv_text(rows()), "evidence/lb.csv": csv_text([*hours(), *outside, *odd])}
        made = judge(files, project(counters=[counter()]))
        [check] = ledger(made).counters
        assert (check.windows, check.agrees, check.left_out) == (720, True, 1)
        assert "1 of its rows could not be read" in findings(made)["counter-disagrees"]
        files["evidence/lb.csv"] = csv_text(outside)
        made = judge(files, project(counters=[counter()]))
        assert "nothing was compared" in findings(made)["counter-disagrees"]

    @pytest.mark.parametrize(
        ("parts", "place", "words"),
        [
            ({"value": "request"}, "value", "did you mean `requests`"),
            ({"time": {"from": "when"}}, "time", "`when` is no column"),
            ({"files": ["evidence/none*.csv"]}, "files", "no file matches"),
            ({"where": {"pool": "a"}}, "where", "`pool` is no column"),
            ({"of": "gate"}, "of", "unknown source `gate`"),
        ],
    )
    def test_what_cannot_be_read_is_refused_at_its_place(
        self, parts: Json, place: str, words: str, judge: Callable[..., Built]
    ) -> None:
        files = {LOG: csv_text(rows()), "evidence/lb.csv": csv_text(hours())}
        with pytest.raises(InputRefused) as caught:
            judge(files, project(counters=[counter(**parts)]))
        [fault] = caught.value.diagnostics
        assert words in f"{fault.message} {' '.join(fault.helps)}"
        assert fault.span.line > 1


class TestTransport:
    """A guardrail's record and the transport are two witnesses."""

    def test_two_accounts_of_blocks(self, judge: Callable[..., Built]) -> None:
        log = rows()
        for number, row in enumerate(log):
            blocked = row["action"] == "block"
            row["route"] = "/chat" if number % 2 else "/responses"
            row["code"] = "400" if blocked else "200"
        for row in log[:10]:  # these were answered with 400, and no guardrail wrote it down
            row["code"] = "400"
        for row in log[-6:]:  # and these were answered although a guardrail wrote that it stopped them
            row["code"] = "200"
        mapping = {
            "endpoint": {"from": "route"},
            "transport": {"from": "code", "values": {"400": "blocked", "200": "served"}},
        }
        made = judge({LOG: csv_text(log)}, project(mapping))
        found = {b.endpoint: (b.records, b.both, b.guardrail_only, b.transport_only) for b in ledger(made).blocks}
        assert found == {"/chat": (720, 357, 3, 5), "/responses": (720, 357, 3, 5)}
        assert "357 told by both, 3 by the guardrail alone, 5 by the transport alone" in findings(made)["blocks-disagree"]
        agreed = [{**row, "code": "400" if row["action"] == "block" else "200"} for row in log]
        assert "blocks-disagree" not in findings(judge({LOG: csv_text(agreed)}, project(mapping)))


class TestTimes:
    def test_late_rows_are_told(self, judge: Callable[..., Built]) -> None:
        log = rows()
        for number, row in enumerate(log):
            at = datetime.fromisoformat(row["time"]) + timedelta(hours=30 if number < 5 else 1)
            row["got"] = at.isoformat()
        made = judge({LOG: csv_text(log)}, project({"received": {"from": "got"}}))
        assert ledger(made).late == 5
        assert "late-rows" in findings(made)
        assert made.document.coverage[0].late == 5

    def test_rows_without_a_zone_at_the_edge(self, judge: Callable[..., Built]) -> None:
        """13:00 on the last day may be the next quarter's somewhere; noon in the middle is not."""
        inside = [{**row, "time": row["time"].removesuffix("Z")} for row in rows()]
        made = judge({LOG: csv_text(inside)}, project())
        assert ledger(made).zone_at_edge == 2 * 14 * 2
        assert "zone-at-edge" in findings(made)
        declared = judge({LOG: csv_text(inside)}, project({"time_zone": "UTC"}))
        assert ledger(declared).zone_at_edge == 0
        middle = [row for row in inside if "2026-09-02" <= row["time"] < "2026-09-30"]
        assert "zone-at-edge" not in findings(judge({LOG: csv_text(middle)}, project()))

    def test_numbers_since_1970_need_their_unit(self, judge: Callable[..., Built]) -> None:
        for unit, factor in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)):
            log = [
                {**row, "time": str(int(datetime.fromisoformat(row["time"]).timestamp()) * factor)}
                for row in rows()
            ]
            made = judge({LOG: csv_text(log)}, project({"time": {"from": "time", "unit": unit}}))
            assert ledger(made).balance.inside == 1440, unit
            assert ledger(made).covered == 720
            log[0]["time"] = "2026-09-01T00:00:00Z"
            log[1] |= {"time": "2026-09-01T01:00:00Z", "verdict": "deny"}
            bare = judge({LOG: csv_text(log)}, project())
            assert ledger(bare).balance.quarantined == {"undated": 1438}

    def test_a_log_with_holes_can_cap_a_verdict(self, judge: Callable[..., Built]) -> None:
        log = [row for row in rows() if not "2026-09-10" <= row["time"] < "2026-09-20"]
        assert verdicts(judge({LOG: csv_text(log)}, project())) == {"C1": "met"}
        made = judge({LOG: csv_text(log)}, project(min_coverage=0.9))
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        [one] = made.assessment.principles[0].criteria
        assert "gw holds records of 480/720 hours, 90 % were declared" in one.reasons
        assert verdicts(judge({LOG: csv_text(rows())}, project(min_coverage=0.9))) == {"C1": "met"}


class TestSampling:
    """A log that keeps a share of the requests is weighted, and says so."""

    MAP: ClassVar[Json] = {"sampling_rate": {"from": "share"}}

    def test_one_share_changes_no_rate(self, judge: Callable[..., Built]) -> None:
        log = [{**row, "share": "0.1"} for row in rows()]
        [weighted] = quantities(judge({LOG: csv_text(log)}, project(self.MAP)))
        [plain] = quantities(judge({LOG: csv_text(rows())}, project()))
        assert weighted.interval == plain.interval
        assert weighted.rates == {0.1: 720}

    def test_unlike_shares_are_weighted(self, judge: Callable[..., Built]) -> None:
        """Denied and stopped: all kept. Denied and let through: one in ten kept, so it stands for ten."""
        passed = gateway_rows(DAYS[:2], verdict="deny", action="pass")
        log = [*({**row, "share": "1"} for row in rows()), *({**row, "share": "0.1"} for row in passed)]
        made = judge({LOG: csv_text(log)}, project(self.MAP))
        [found] = quantities(made)
        assert (found.numerator, found.denominator) == (48, 768)
        assert found.estimate == pytest.approx(480 / (720 + 480))
        assert found.interval is not None
        assert found.interval.lower < found.estimate < found.interval.upper
        [arm] = found.arms
        assert arm.effective_size == pytest.approx((720 + 480) ** 2 / (720 + 48 * 100), rel=0.35)
        [figure] = [c.measure for p in made.document.principles for c in p.criteria]
        assert "48/768" in figure.figure.text
        assert "40.0 % weighted for sampling" in figure.figure.text
        assert any("10.0 % (48 records)" in text for text in figure.figure.caveats)
        assert "sampled-log" in findings(made)
        assert "The log is a sample of the requests" in made.document.coverage[0].sampled

    def test_what_is_no_share_is_told(self, judge: Callable[..., Built]) -> None:
        log = [{**row, "share": "0" if n < 4 else "2" if n < 6 else "1"} for n, row in enumerate(rows())]
        made = judge({LOG: csv_text(log)}, project(self.MAP))
        assert "`sampling_rate`: not a share above 0 and up to 1" in findings(made)["value-not-mapped"]
        with pytest.raises(InputRefused):
            judge({LOG: csv_text(rows())}, project({"sampling_rate": {"is": "1.5"}}))


def test_many_files_are_one_log(judge: Callable[..., Built]) -> None:
    """Each row leads back to its own file, however many are counted together."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    files: dict[str, Any] = {}
    for day in DAYS:
        out = io.BytesIO()
        made = [*gateway_rows([day]), *gateway_rows([day], verdict="deny", action="pass" if day.day == 7 else "block")]
        pq.write_table(pa.Table.from_pylist(made), out)
        files[f"evidence/gw-{day.day:02d}.parquet"] = out.getvalue()
    built = judge(files, project())
    assert ledger(built).balance.inside == 1440
    by_path = {r.path: r for r in built.assessment.register.readings}
    assert len(by_path) == 30
    assert all(r.counts.observations == 48 for r in by_path.values())
    assert by_path["evidence/gw-07.parquet"].first_at == datetime.fromisoformat("2026-09-07T00:00:00Z")
    [exhibits] = [p.exhibits for p in built.document.principles]
    assert exhibits
    assert {e.file_sha256 for e in exhibits} == {by_path["evidence/gw-07.parquet"].sha256}


def test_exhibits_of_very_many_are_still_of_every_category(
    judge: Callable[..., Built], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of each category in turn, also where only a share of the rows is looked at."""
    kinds = [*["common"] * 9, "rare"]
    log = gateway_rows(DAYS, per_hour=4, verdict="deny", action="pass")
    log = [{**row, "kind": kinds[n % 10]} for n, row in enumerate(log)]
    value = project({"category": {"from": "kind"}})
    whole = judge({LOG: csv_text(log)}, value)
    monkeypatch.setattr("auditgen.indicators.exhibits.MANY", 200)
    drawn = judge({LOG: csv_text(log)}, value)
    again = judge({LOG: csv_text(log)}, value)
    shown = [[e.locator for e in p.exhibits] for made in (whole, drawn, again) for p in made.document.principles]
    assert len(shown[0]) == len(shown[1]) == 5
    assert shown[0] != shown[1]
    assert shown[1] == shown[2]
    for made in (whole, drawn):
        found = [e.category for p in made.document.principles for e in p.exhibits]
        assert found.count("rare") in {2, 3}
