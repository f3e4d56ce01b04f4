"""The notebook door: equal to what files give, and strict about what it is handed."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen import indicators
from auditgen.evidence.engine import Evidence, open_evidence
from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.model import Basis, Incident, Outcome
from auditgen.evidence.store import EvidenceStore
from auditgen.indicators import Quantity, Request, Unmeasured, core_indicators, measure, measure_frame, slices
from auditgen.indicators.cells import read_cells
from auditgen.sources.counting import count_logged
from auditgen.sources.reading import SourceRegistry, read_file

if TYPE_CHECKING:
    from pathlib import Path

QUICK = settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
RATES = pd.DataFrame(
    {
        "outcome": ["refused", "complied", "refused", None, "provider_error", "complied"],
        "expected": ["refuse"] * 6,
        "category": ["a", "a", "b", "b", None, None],
    }
)


def same(one: Any, other: Any) -> None:
    """All of two answers but the names of their requests and sources."""
    assert type(one) is type(other), (one, other)
    for field in dataclasses.fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name == "sources":
            assert sum(mine.values()) == sum(theirs.values())
        elif field.name != "request":
            assert mine == theirs, field.name


EVALUATED = [n for n, i in core_indicators().items() if i.records in {"evaluation", "any"}]
ROW = st.fixed_dictionaries(
    {
        "outcome": st.sampled_from([o.value for o in Outcome]),
        "prompt_key": st.sampled_from(["p", "q", "r", "s", "t"]),
        "expected": st.sampled_from(["refuse", "refuse", "comply", None]),
        "watch": st.sampled_from(["monitored", "unmonitored", None]),
        "cohort": st.sampled_from(["elicited", "incentive", None]),
        "category": st.sampled_from(["x", "y", None]),
        "strategy": st.sampled_from(["none", "a", None]),
        "model": st.sampled_from(["m-1", ""]),
        "label_correct": st.sampled_from([True, False, None]),
        "label_evaluation_aware": st.sampled_from(["yes", "no", "unscored", None]),
        "observed_at": st.sampled_from(
            [None, datetime(2026, 7, 3, 9, tzinfo=UTC), datetime(2026, 7, 8, tzinfo=UTC)]
        ),
    }
)


def as_record(kit: Any, number: int, row: dict[str, Any]) -> Any:
    """The same as a record that a reader would make of it."""
    lines = []
    for name in ("correct", "evaluation_aware"):
        value = row[f"label_{name}"]
        word = {True: "yes", False: "no"}.get(value, value)
        lines += [f"{name}={word}"] if word is not None else []
    parts = {
        k: v
        for k, v in row.items()
        if not k.startswith("label_") and k not in {"outcome", "prompt_key", "watch"}
    }
    watch = {"watch": row["watch"]} if row["watch"] else {}
    return kit.observation(
        number, row["outcome"], prompt=row["prompt_key"], labels="\n".join(lines) or None, **parts, **watch
    )


@QUICK
@given(rows=st.lists(ROW, min_size=1, max_size=25), missing=st.integers(0, 2))
def test_equal_to_what_a_file_gives(rows: list[dict[str, Any]], missing: int, kit: Any) -> None:
    frame = pd.DataFrame(rows).assign(basis="judge", suite="suite")
    frame["watch_basis"] = frame["watch"].map(lambda watch: "cue" if isinstance(watch, str) else None)
    frame["observed_at"] = pd.to_datetime(frame["observed_at"], utc=True)
    cells = read_cells(kit.evidence([as_record(kit, n, row) for n, row in enumerate(rows)]))
    for name in EVALUATED:
        request = Request("q", core_indicators()[name], ("s",), confidence=0.9)
        from_file = measure(cells, [request], {"s": missing})["q"]
        same(measure_frame(frame, name, missing=missing, confidence=0.9), from_file)


@QUICK
@given(rows=st.lists(st.tuples(ROW, st.integers(0, 3), st.integers(1, 2)), min_size=2, max_size=12))
def test_samples_under_one_id_count_as_in_a_file(
    rows: list[tuple[dict[str, Any], int, int]], kit: Any
) -> None:
    records = []
    for number, (row, sample, epoch) in enumerate(rows):
        made = as_record(kit, number, row)
        records.append(dataclasses.replace(made, sample_id=f"s{sample}", epoch=epoch))
    frame = pd.DataFrame(
        [{**row, "sample_id": f"s{s}", "epoch": e, "run_key": "run-1"} for row, s, e in rows]
    )
    frame = frame.assign(basis="judge", suite="suite")
    frame["watch_basis"] = frame["watch"].map(lambda watch: "cue" if isinstance(watch, str) else None)
    frame["observed_at"] = pd.to_datetime(frame["observed_at"], utc=True)
    cells = read_cells(kit.evidence(records))
    for name in ("refusal-rate", "disallowed-completion", "compliance-gap"):
        request = Request("q", core_indicators()[name], ("s",))
        same(measure_frame(frame, name), measure(cells, [request])["q"])


GATEWAY = RecordMap.model_validate(
    {
        "time": {"from": "observed_at"},
        "record": {"from": "sample_id"},
        "model": {"from": "model"},
        "category": {"from": "category"},
        "outcome": {
            "from": "outcome",
            "values": {o.value: o.value for o in Outcome},
            "basis": Basis.GUARDRAIL_RECORD,
        },
        "expected": {"from": "expected", "values": {"refuse": "refuse", "comply": "comply"}},
        "guardrail_verdict": {"from": "guardrail_verdict"},
        "guardrail_action": {"from": "guardrail_action"},
        "sampling_rate": {"from": "sampling_rate"},
    }
)


def logged(folder: Path, frame: pd.DataFrame, period: Any) -> Evidence:
    """The same rows as a table of a gateway."""
    table = folder / "gateway.csv"
    written = frame.drop(columns=["kind", "basis"])
    written["observed_at"] = written["observed_at"].map(lambda at: at.isoformat())
    written.to_csv(table, index=False)
    store = EvidenceStore(folder / "store")
    file = read_file(
        table, name=table.name, source_id="s", mapping=GATEWAY, store=store, registry=SourceRegistry.load()
    )
    counted = count_logged([file], source_id="s", mapping=GATEWAY, store=store)
    return open_evidence([], period, counted.logged)


@pytest.mark.parametrize("seed", [1, 2])
def test_equal_to_what_a_log_gives(seed: int, kit: Any, tmp_path: Path) -> None:
    """200 rows over two months of which one is asked for; some of them are written twice."""
    draw = np.random.default_rng(seed)
    size = 200
    frame = pd.DataFrame(
        {
            "kind": "monitoring",
            "sample_id": [f"r{n}" for n in range(size)],
            "observed_at": [
                datetime(2026, 6, 15, tzinfo=UTC) + timedelta(hours=int(n))
                for n in draw.integers(0, 1400, size)
            ],
            "model": draw.choice(["m-1", "m-2"], size),
            "category": draw.choice(["x", "y", "z"], size),
            "outcome": draw.choice(["refused", "complied", "blocked_input", "unscored"], size),
            "expected": draw.choice(["refuse", "comply"], size),
            "guardrail_verdict": draw.choice(["deny", "allow"], size),
            "guardrail_action": draw.choice(["pass", "block", None], size),
            "sampling_rate": draw.choice([0.5, 1.0], size),
        }
    )
    frame["basis"] = frame["outcome"].map(lambda o: "none" if o == "none" else "guardrail_record")
    frame = pd.concat([frame, frame.iloc[::7]], ignore_index=True)
    cells = read_cells(logged(tmp_path, frame, kit.period))
    period = (kit.period.start, kit.period.end)
    for name in (
        "production-refusal",
        "guardrail-deny-but-allowed",
        "monitoring-coverage",
        "unevaluated-traffic",
    ):
        where = {} if name == "unevaluated-traffic" else {"category": ("x", "z")}
        request = Request("q", core_indicators()[name], ("s",), where)
        found = measure_frame(frame, name, where={k: list(v) for k, v in where.items()}, period=period)
        assert isinstance(found, Quantity)
        same(found, measure(cells, [request])["q"])


def test_incidents() -> None:
    start = datetime(2026, 7, 1, tzinfo=UTC)
    took = [1, 5, 6, None]
    frame = pd.DataFrame(
        {
            "happened": pd.to_datetime([start] * 4, utc=True),
            "noticed": pd.to_datetime(
                [None if h is None else start + timedelta(hours=h) for h in took], utc=True
            ),
            "note": "x",
        }
    )
    found = measure_frame(
        frame, "time-to-detect", limit_hours=5, columns={"occurred_at": "happened", "aware_at": "noticed"}
    )
    incidents = [
        Incident(
            "i", "t", "row:1", occurred_at=start, aware_at=None if h is None else start + timedelta(hours=h)
        )
        for h in took
    ]
    request = Request("q", core_indicators()["time-to-detect"], ("s",), limit_hours=5)
    cells = read_cells(
        open_evidence([], indicators.frames._period(core_indicators()["refusal-rate"], (start, start)))
    )
    same(found, measure(cells, [request], {}, {"s": incidents})["q"])
    assert (found.numerator, found.denominator) == (2, 3)


def test_times_without_a_zone_are_utc() -> None:
    bare = pd.DataFrame({"kind": ["monitoring"], "observed_at": pd.to_datetime(["2026-07-01 23:30"])})
    paris = bare.assign(observed_at=bare["observed_at"].dt.tz_localize("Europe/Paris"))
    day = (date(2026, 7, 1), date(2026, 7, 1))
    for frame, at in ((bare, 23), (paris, 21)):
        found = measure_frame(frame, "monitoring-coverage", period=day)
        assert (found.numerator, found.denominator) == (1, 24)
        assert found.first_at == datetime(2026, 7, 1, at, 30, tzinfo=UTC)


def test_own_columns_and_others_beside() -> None:
    frame = RATES.rename(columns={"outcome": "verdict", "category": "topic"}).assign(
        note=[[n] for n in range(6)]
    )
    columns = {"outcome": "verdict", "expected": "expected", "category": "topic"}
    found = measure_frame(frame, "refusal-rate", columns=columns, where={"category": "a"})
    assert (found.numerator, found.denominator) == (1, 2)


def test_the_index_does_not_matter() -> None:
    same(
        measure_frame(RATES.set_index(pd.Index([5] * 6)), "refusal-rate"),
        measure_frame(RATES, "refusal-rate"),
    )


@pytest.mark.parametrize("kind", ["category", "string", "object"])
def test_the_kind_of_column_does_not_matter(kind: str) -> None:
    same(measure_frame(RATES.astype(kind), "refusal-rate"), measure_frame(RATES, "refusal-rate"))


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([True, False, None], dtype="boolean"),
        pd.Series([True, False, None], dtype="object"),
        pd.Series([np.True_, np.False_, np.nan], dtype="object"),
        pd.Series(["yes", "no", None]),
        pd.Series(["yes", "no", "unscored"]),
    ],
)
def test_labels_of_any_kind(values: Any) -> None:
    found = measure_frame(pd.DataFrame({"label_evaluation_aware": values}), "evaluation-awareness")
    (arm,) = found.arms
    assert (arm.numerator, arm.denominator, arm.undecided) == (1, 2, 1)


def test_no_rows_are_unmeasured() -> None:
    found = measure_frame(RATES.iloc[:0], "refusal-rate")
    assert isinstance(found, Unmeasured)
    assert found.reason.startswith("no record fits")


def test_an_own_definition(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    shipped = indicators.definition.available_indicators()["refusal-rate"].read_text("utf-8")
    path.write_text(
        shipped.replace("id: refusal-rate", "id: own").replace("better: higher", "better: lower"), "utf-8"
    )
    for given_ in (path, indicators.definition.load_indicators([path])[0]):
        found = measure_frame(RATES, given_)
        assert found.request.indicator.id == "own"
        assert found.worst == measure_frame(RATES, "refusal-rate").best


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "indicator": ({"indicator": "refusal-rat"}, "no indicator `refusal-rat`; did you mean `refusal-rate`?; known: "),
    "column": ({"frame": RATES.rename(columns={"category": "categroy"})},
               "no column `categroy`; did you mean `category`?; known: outcome"),
    "number for a column": ({"frame": RATES.set_axis([0, 1, 2], axis=1)}, "no column `0`; known: outcome"),
    "canonical name": ({"columns": {"outcom": "outcome"}}, "no column `outcom`; did you mean `outcome`?"),
    "own name": ({"columns": {"outcome": "outcom"}},
                 "no column in the frame `outcom`; did you mean `outcome`?; known: outcome, expected, category"),
    "two of one name": ({"frame": pd.concat([RATES, RATES[["category"]]], axis=1)}, "several columns `category`"),
    "outcome": ({"frame": RATES.assign(outcome="refussed")},
                "no value of `outcome` `refussed`; did you mean `refused`?; known: refused, complied"),
    "expected": ({"frame": RATES.assign(expected=True)}, "`expected` holds True, which is no text"),
    "watch": ({"frame": RATES.assign(watch="watched")}, "no value of `watch` `watched`"),
    "kind": ({"frame": RATES.assign(kind="production")}, "no value of `kind` `production`; known: evaluation, monitoring"),
    "label": ({"frame": RATES.assign(label_x="maybe")}, "no value of `label_x` `maybe`; known: no, unscored, yes"),
    "label as a number": ({"frame": RATES.assign(label_x=1.0)}, "`label_x` holds 1.0, which is no text"),
    "name of a label": ({"frame": RATES.assign(label_X=True)}, "no column `label_X`"),
    "number for a text": ({"frame": RATES.assign(category=0.5)}, "`category` holds 0.5, which is no text"),
    "share": ({"frame": RATES.assign(sampling_rate=1.5)}, "`sampling_rate` holds 1.5, which is no share above 0"),
    "share as text": ({"frame": RATES.assign(sampling_rate="0.5")}, "`sampling_rate` holds '0.5', which is no share"),
    "repeat": ({"frame": RATES.assign(epoch=1.5)}, "`epoch` holds 1.5, which is no number of a repeat"),
    "time": ({"frame": RATES.assign(observed_at="2026-07-01")}, "`observed_at` holds no times but str"),
    "filter": ({"where": {"categry": "a"}}, "no filter `categry`; did you mean `category`?; known: suite, category"),
    "filter's word": ({"where": {"expected": ["refuse", "refus"]}}, "no value of `expected` `refus`"),
    "filter without words": ({"where": {"category": []}}, "`where` names no value of `category`"),
    "confidence": ({"confidence": 95}, "`confidence` must be between 0 and 1, got 95"),
    "missing": ({"missing": -1}, "`missing` must be at least 0, got -1"),
    "limit of a rate": ({"limit_hours": 2}, "`limit_hours` belongs to delays, and `refusal-rate` is none"),
    "delay without a limit": ({"indicator": "time-to-detect"}, "`time-to-detect` needs `limit_hours`"),
    "delay of records": ({"indicator": "time-to-detect", "limit_hours": 2}, "no column `outcome`; known: incident_id"),
    "delay with a filter": ({"indicator": "time-to-detect", "limit_hours": 2, "where": {"category": "a"}},
                            "`time-to-detect` counts incidents, which `where` does not select"),
    "hours of no period": ({"indicator": "monitoring-coverage"}, "give `period=(first day, last day)`"),
    "period": ({"period": (date(2026, 7, 2), date(2026, 7, 1))}, "the period ends on 2026-07-01, before it begins"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(BAD))
def test_what_means_nothing_is_refused(case: str) -> None:
    changes, words = BAD[case]
    with pytest.raises(ValueError, match=re.escape(words)):
        measure_frame(**{"frame": RATES, "indicator": "refusal-rate", **changes})


def test_what_is_no_frame() -> None:
    with pytest.raises(TypeError, match="need a pandas DataFrame, got list"):
        measure_frame([{"outcome": "refused"}], "refusal-rate")  # type: ignore[arg-type]


@pytest.mark.parametrize("confidence", [0.2, 0.5, 0.999])
def test_any_level(confidence: float) -> None:
    frame = RATES.assign(watch=["monitored", "unmonitored"] * 3, outcome=["refused", "complied"] * 3)
    for name in ("refusal-rate", "compliance-gap"):
        found = measure_frame(frame, name, confidence=confidence)
        assert found.interval.lower <= found.estimate <= found.interval.upper


class TestSlices:
    def test_of_a_rate(self) -> None:
        found = slices(RATES, "refusal-rate", "category", missing=1)
        assert list(found.index) == ["a", "b", pd.NA]
        assert found.index.name == "category"
        for name, row in zip(["a", "b"], found.iloc[:2].to_dict("records"), strict=True):
            one = measure_frame(RATES, "refusal-rate", where={"category": name}, missing=1)
            assert (row["x"], row["n"], row["estimate"]) == (one.numerator, one.denominator, one.estimate)
            assert (row["lower"], row["upper"]) == (one.interval.lower, one.interval.upper)
            assert (row["worst_lower"], row["worst_upper"]) == (one.worst.lower, one.worst.upper)
            assert pd.isna(row["reason"])
        last = found.iloc[2].to_dict()
        assert (last["x"], last["n"], last["errors"]) == (0, 1, 1)

    def test_what_is_unmeasured_has_no_numbers(self) -> None:
        found = slices(RATES.assign(outcome=["refused"] * 2 + ["unscored"] * 4), "refusal-rate", "category")
        row = found.loc["b"]
        assert all(pd.isna(row[name]) for name in ("x", "n", "estimate", "lower", "upper", "worst_lower"))
        assert row["undecided"] == 2
        assert row["reason"] == "nothing was decided: 2 undecided, 0 failed"

    def test_of_a_gap(self) -> None:
        frame = pd.DataFrame({"outcome": ["complied", "refused", "refused", "refused"], "expected": "refuse",
                              "watch": ["monitored", "unmonitored"] * 2, "category": ["a", "a", "b", "b"]})  # fmt: skip
        found = slices(frame, "compliance-gap", "category")
        assert found.loc["a", ["x_first", "n_first", "x_second", "n_second"]].tolist() == [1, 1, 0, 1]
        assert found["estimate"].tolist() == [1.0, 0.0]

    def test_only_what_is_selected(self) -> None:
        assert list(slices(RATES, "refusal-rate", "category", where={"category": ["b", "c"]}).index) == ["b"]
        assert (
            list(slices(RATES, "refusal-rate", "category", where={"expected": "comply"})["n"].isna())
            == [True] * 3
        )

    @pytest.mark.parametrize(
        ("indicator", "by", "words"),
        [
            ("refusal-rate", "categry", "did you mean `category`?"),
            (
                "refusal-rate",
                "cohort",
                "the frame has no column `cohort`; it has `outcome`, `expected`, `category`",
            ),
            ("monitoring-coverage", "category", "`monitoring-coverage` is not broken down"),
        ],
    )
    def test_what_means_nothing_is_refused(self, indicator: str, by: str, words: str) -> None:
        with pytest.raises(ValueError, match=re.escape(words)):
            slices(RATES, indicator, by)


def test_pandas_is_loaded_by_the_door_alone() -> None:
    code = (
        "import sys; from auditgen import indicators; from auditgen.indicators import measure, core_indicators;"
        "import auditgen.indicators.cells, auditgen.indicators.counters; core_indicators();"
        "assert 'pandas' not in sys.modules; indicators.measure_frame; assert 'pandas' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert {"measure_frame", "slices"} <= set(dir(indicators))
