"""Cells against plain SQL over the same view, with copies taken away, and two prompts of one number."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditgen.evidence.engine import COUNTED_COLUMNS, Evidence, Period
from auditgen.evidence.model import DECIDED, UNDECIDED
from auditgen.evidence.tables import connect
from auditgen.indicators import Request, core_indicators
from auditgen.indicators import cells as cells_room
from auditgen.indicators.cells import ALONE, FIELDS, read_cells, without_collisions
from auditgen.indicators.counters import count, sliced
from auditgen.indicators.inference.clusters import ClusterShape

PERIOD = Period(date(2026, 7, 1), date(2026, 7, 31))
TYPES = {"n": "HUGEINT", "first_at": "TIMESTAMP", "last_at": "TIMESTAMP", "sampling_rate": "DOUBLE"}
Row = dict[str, Any]
HIT = ("refused", "blocked_input", "blocked_output")


def view(rows: list[Row]) -> Evidence:
    """An open view `observation` over these rows."""
    connection = connect()
    listed = ", ".join(f"{name} {TYPES.get(name, 'VARCHAR')}" for name in COUNTED_COLUMNS)
    connection.execute(f"CREATE TABLE observation ({listed})")
    marks = ", ".join("?" for _ in COUNTED_COLUMNS)
    if rows:
        values = [[_written(row.get(name)) for name in COUNTED_COLUMNS] for row in rows]
        connection.executemany(f"INSERT INTO observation VALUES ({marks})", values)
    return Evidence(connection, PERIOD)


def _written(value: Any) -> Any:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Rows of a view; some are taken away again, wholly or in part, as copies of a log are."""
    words = {
        "source_id": st.sampled_from(["s", "t"]),
        "kind": st.just("evaluation"),
        "suite": st.sampled_from(["u", "v", "", None]),
        "model": st.sampled_from(["m", "", None]),
        "prompt_key": st.sampled_from([None, "", "p", "q", "r"]),
        "outcome": st.sampled_from(["refused", "complied", "unscored", "provider_error", None]),
        "expected": st.sampled_from(["refuse", "refuse", "comply", None]),
        "category": st.sampled_from(["a", "b", "", None]),
        "labels": st.sampled_from([None, "x=yes", "x=no"]),
        "sampling_rate": st.sampled_from([None, None, 0.5, 0.1, 1.0, -1.0]),
        "first_at": st.sampled_from(
            [None, datetime(2026, 7, 3, tzinfo=UTC), datetime(2026, 7, 9, tzinfo=UTC)]
        ),
    }
    out = []
    for row in draw(st.lists(st.fixed_dictionaries(words), max_size=25)):
        first = row["first_at"]
        last = None if first is None else first + timedelta(hours=1)
        n = draw(st.integers(1, 4))
        out.append({**row, "last_at": last, "n": n})
        taken = draw(st.integers(0, n))
        if taken:
            out.append({**row, "last_at": last, "n": -taken})
    return draw(st.permutations(out))


REQUEST = Request("q", core_indicators()["refusal-rate"], ("s",))


def by_hand(evidence: Evidence) -> Counter[ClusterShape]:
    """Clusters of the refusal rate of source `s`, as plain SQL groups them; each alone where without a key."""
    decided, hit, unsure = (
        ", ".join(f"'{word}'" for word in words)
        for words in (DECIDED, HIT, (*UNDECIDED, "provider_error", "guardrail_error"))
    )
    sums = ", ".join(
        f"coalesce(sum(n) FILTER (WHERE outcome IN ({words})), 0)::BIGINT" for words in (hit, decided, unsure)
    )
    where = "source_id = 's' AND expected = 'refuse' AND kind = 'evaluation'"
    share = "CASE WHEN sampling_rate > 0 THEN sampling_rate ELSE 1.0 END"
    # (share, hits, decided, undetermined) of each prompt, once for each share under which it was logged
    prompts: dict[tuple[object, ...], list[tuple[float, int, int, int]]] = {}
    for *prompt, rate, h, d, u in evidence.count(
        f"SELECT source_id, suite, prompt_key, {share} AS share, {sums} FROM observation"
        f" WHERE {where} AND prompt_key IS NOT NULL GROUP BY ALL"
    ):
        prompts.setdefault(tuple(prompt), []).append((float(str(rate)), int(str(h)), int(str(d)), int(str(u))))
    alone: list[tuple[float, tuple[int, int, int], int]] = []
    for rate, h, d, u in evidence.count(
        f"SELECT {share}, {sums} FROM observation WHERE {where} AND prompt_key IS NULL GROUP BY 1"
    ):
        hits, decided, unknown = int(str(h)), int(str(d)), int(str(u))
        for shape, number in (((1, 1, 0), hits), ((0, 1, 0), decided - hits), ((0, 0, 1), unknown)):
            alone.append((float(str(rate)), shape, number))
    records = [(rate, d + u) for parts in prompts.values() for rate, _, d, u in parts]
    records += [(rate, number) for rate, _, number in alone]
    rates = {rate for rate, number in records if number}
    total = sum(number for _, number in records)
    scale = total / sum(number / rate for rate, number in records) if len(rates) > 1 else 1.0

    def weigh(rate: float) -> float:
        return scale / rate if len(rates) > 1 else 1.0

    out: Counter[ClusterShape] = Counter()
    for parts in prompts.values():
        h, d, u = (
            round(sum(weigh(part[0]) * part[place] for part in parts), 6) for place in (1, 2, 3)
        )
        if d + u > 0:
            out[ClusterShape(h, d, u)] += 1
    for rate, shape, number in alone:
        if number:
            weight = weigh(rate)
            out[ClusterShape(*(round(weight * one, 6) for one in shape))] += number
    return out


def counted(evidence: Evidence) -> Counter[ClusterShape]:
    out: Counter[ClusterShape] = Counter()
    for s in count(read_cells(evidence), REQUEST).shapes:
        out[ClusterShape(round(s.hits, 6), round(s.decided, 6), round(s.undetermined, 6))] += s.clusters
    return out


@settings(deadline=None, max_examples=60)
@given(rows=rows())
def test_clusters_are_those_of_plain_sql(rows: list[Row]) -> None:
    evidence = view(rows)
    assert counted(evidence) == by_hand(evidence)


@settings(deadline=None, max_examples=40)
@given(rows=rows())
def test_tallies_are_those_of_plain_sql(rows: list[Row]) -> None:
    evidence = view(rows)
    cells = read_cells(evidence)
    everything = np.ones(cells.profiles, dtype=bool)
    for name in ("model", "category", "outcome", "source_id", "labels", "sampling_rate"):
        query = f"SELECT coalesce({name}::VARCHAR, ''), sum(n)::BIGINT FROM observation GROUP BY 1 HAVING sum(n) > 0"
        assert cells.tally(name, everything) == dict(evidence.count(query))
    [(first, last)] = evidence.count(
        "SELECT min(first_at), max(last_at) FROM (SELECT min(first_at) AS first_at, max(last_at) AS last_at"
        f" FROM observation GROUP BY {', '.join(FIELDS)} HAVING sum(n) > 0)"
    )
    assert tuple(at and at.replace(tzinfo=None) for at in cells.span(everything)) == (first, last)
    decided = ", ".join(f"'{word}'" for word in DECIDED)
    hits = ", ".join(f"'{word}'" for word in HIT)
    query = (
        f"SELECT coalesce(category, ''), coalesce(sum(n) FILTER (WHERE outcome IN ({hits})), 0)::BIGINT,"
        " sum(n)::BIGINT FROM observation WHERE source_id = 's' AND expected = 'refuse'"
        f" AND outcome IN ({decided}) GROUP BY 1 HAVING sum(n) > 0"
    )
    found = {name: (h, n) for name, h, n in evidence.count(query)}
    assert sliced(cells, REQUEST, "category") == found
    arm = count(cells, REQUEST)
    assert arm.seen == (sum(h for h, _ in found.values()), sum(n for _, n in found.values()))


def test_no_records() -> None:
    cells = read_cells(view([]))
    assert cells.profiles == 0
    assert cells.starts.tolist() == [0]
    nothing = np.zeros(0, dtype=bool)
    assert cells.tally("model", nothing) == {}
    assert cells.span(nothing) == (None, None)
    found = count(cells, REQUEST)
    assert (found.seen, found.shapes, found.undecided, found.errors) == ((0, 0), (), 0, 0)


def test_all_of_it_taken_away_again() -> None:
    row = {
        "source_id": "s",
        "kind": "evaluation",
        "outcome": "refused",
        "expected": "refuse",
        "prompt_key": "p",
    }
    found = count(
        read_cells(view([{**row, "n": 2}, {**row, "n": -2}, {**row, "n": 1, "prompt_key": None}])), REQUEST
    )
    assert found.seen == (1, 1)
    assert found.shapes == (ClusterShape(1, 1, 0, 1),)


@given(
    pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40).map(
        # a record without a prompt has neither number
        lambda found: [(a, b) if a else (ALONE, ALONE) for a, b in found]
    )
)
def test_the_second_number_tells_prompts_apart(pairs: list[tuple[int, int]]) -> None:
    cluster, again = (np.array([p[n] for p in pairs], dtype=np.int64) for n in (0, 1))
    found = without_collisions(cluster, again).tolist()
    assert len(found) == len(pairs)
    for (one, made), (other, made_too) in zip(
        zip(pairs, found, strict=True), [*list(zip(pairs, found, strict=True))[1:], (pairs[0], found[0])] if pairs else [],
        strict=True,
    ):  # fmt: skip
        assert (one == other) == (made == made_too)
    assert len(set(found)) == len(set(pairs))
    assert all((made == ALONE) == (pair[0] == ALONE) for pair, made in zip(pairs, found, strict=True))


@settings(deadline=None, max_examples=25)
@given(rows=rows())
def test_prompts_that_share_a_number_stay_apart(rows: list[Row]) -> None:
    """With a first number of two values every second prompt collides, and nothing changes."""
    honest = cells_room._hash

    def crowded(columns: list[str]) -> str:
        is_first_of_prompts = "prompt_key" in columns and columns[0] == "'0'"
        return f"({honest(columns)} % 2 + 1)" if is_first_of_prompts else honest(columns)

    evidence = view(rows)
    expected = counted(evidence)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells_room, "_hash", crowded)
        assert counted(evidence) == expected == by_hand(evidence)


def test_a_prompt_is_one_cluster_whatever_share_its_records_were_kept_under() -> None:
    """Two prompts asked ten times, half of it under another share: two independent units, not four."""
    base = {"source_id": "s", "kind": "evaluation", "expected": "refuse", "suite": "x"}
    made = [
        {**base, "prompt_key": f"p{n % 2}", "sampling_rate": (1.0, 0.1)[n // 2 % 2], "outcome": "refused", "n": 1}
        for n in range(20)
    ]
    found = count(read_cells(view(made)), REQUEST)
    assert found.sums.clusters == 2
    assert found.seen == (20, 20)
    assert found.sums.total == pytest.approx(20)
    # ten records of weight 1 and ten of weight 10, in units of the mean
    assert found.heaviest == pytest.approx(10 * 20 / 110)


@settings(max_examples=30)
@given(rows())
def test_where_no_hash_of_the_engine_tells_lines_apart(made: list[Row]) -> None:
    """Words can be made to collide in the engine's hash; then a slower number is taken, and nothing else differs."""
    request = Request("q", core_indicators()["refusal-rate"], ("s", "t"))
    plain = count(read_cells(view(made)), request)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells_room, "_tells_apart", lambda *_: False)
        slow = count(read_cells(view(made)), request)
    assert slow == plain
