"""Published counts in a report: they contradict or leave open, show nothing, and stand apart from records."""

from __future__ import annotations

import copy
import csv
import io
import json
import math
import shutil
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from helpers import judging as j
from helpers.workshop import (
    MODEL,
    audit,
    conclusions,
    criterion,
    draft,
    findings,
    inspect_log,
    judged,
    samples,
    source,
    verdicts,
    write_project,
)
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from auditgen.assessment import Verdict
from auditgen.assessment.judge import judge
from auditgen.errors import InputRefused
from auditgen.evidence.model import PublishedCount
from auditgen.evidence.published import PublishedFigure, gather, repeats_among
from auditgen.report.words import figure as in_words
from auditgen.sources.published import OPTIONAL, REQUIRED, SCHEMA, solutions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from helpers.workshop import Json

    from auditgen.pipeline.build import Built

SAMPLE = Path(__file__).parents[2] / "samples" / "published"
SAMPLE_AS_OF = date(2026, 11, 1)
NOTE = "counts as published, records not seen"

TABLE_5 = {
    "L405-default": ((324, 381), (14.25, 9.89, 18.71), "not_met", "Material difference"),
    "L405-no-cot": ((377, 398), (5.25, 2.95, 8.00), "insufficient_evidence", "Material difference"),
    "L70-default": ((400, 400), (0.00, -0.95, 0.95), "insufficient_evidence", "Equivalent"),
    "L70-no-cot": ((400, 395), (-1.25, -2.89, -0.06), "insufficient_evidence", "Small difference"),
    "L8-default": ((293, 284), (-2.25, -8.44, 3.96), "insufficient_evidence", "Insufficient evidence"),
    "L8-no-cot": ((396, 399), (0.75, -0.55, 2.31), "insufficient_evidence", "Equivalent"),
    "M7-default": ((227, 227), (0.00, -6.83, 6.83), "insufficient_evidence", "Insufficient evidence"),
    "M7-no-cot": ((308, 306), (-0.50, -6.35, 5.35), "insufficient_evidence", "Insufficient evidence"),
    "O3-default": ((374, 396), (5.50, 2.95, 8.42), "insufficient_evidence", "Material difference"),
    "O3-no-cot": ((399, 400), (0.25, -0.72, 1.40), "insufficient_evidence", "Equivalent"),
    "S35-default": ((248, 332), (21.00, 14.89, 26.90), "not_met", "Material difference"),
    "S35-no-cot": ((112, 364), (63.00, 57.40, 67.83), "not_met", "Material difference"),
}
"""Refusals of 400 in the free and the paid tier; difference with Newcombe's interval; verdict; answer."""

CORE = {
    "PROMPTED-helpful-only": (11.3, "not_met"),
    "PROMPTED-no-conflict": (1.2, "insufficient_evidence"),
    "PROMPTED-rlhf-cut": (7.5, "insufficient_evidence"),
    "PROMPTED-honest": (13.9, "insufficient_evidence"),
    "PROMPTED-openai-before": (11.0, "insufficient_evidence"),
    "PROMPTED-no-examples-before": (32.4, "not_met"),
    "TRAINED-rl-default": (6.9, "insufficient_evidence"),
    "TRAINED-openai-after": (35.8, "not_met"),
    "TRAINED-no-examples-after": (19.1, "not_met"),
    "WELFARE-welfare": (14.8, "not_met"),
    "WELFARE-welfare-control": (0.0, "insufficient_evidence"),
}
"""The gap as the paper prints it, in points, and the verdict on `within 5 points`."""
GAP_ERRORS = {
    "helpful-only": 2.1, "no-conflict": 0.8, "rlhf-cut": 2.4, "honest": 4.5, "openai-before": 3.2,
    "no-examples-before": 3.8, "rl-default": 1.9, "openai-after": 3.7, "no-examples-after": 3.2, "welfare": 2.8,
    "welfare-control": 2.9,
}  # fmt: skip


@pytest.fixture(scope="module")
def built() -> Built:
    return judged(SAMPLE / "audit.yaml", SAMPLE_AS_OF)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Json]:
    """The sample's report in all formats, and its JSON."""
    folder = tmp_path_factory.mktemp("published")
    shutil.copytree(SAMPLE, folder / "sample")
    out = folder / "out"
    draft(folder / "sample" / "audit.yaml", out, as_of=SAMPLE_AS_OF)
    value: Json = json.loads((out / "report.json").read_bytes())
    return out, value


def criteria(document: Json) -> dict[str, Json]:
    return {c["measure"]["id"]: c for p in document["principles"] for c in p["criteria"]}


class TestTheSample:
    """What a published table can carry, computed from its counts by nothing but `auditgen report`."""

    @pytest.mark.parametrize("name", TABLE_5)
    def test_table_5(self, name: str, printed: tuple[Path, Json]) -> None:
        (free, paid), (gap, lower, upper), verdict, answer = TABLE_5[name]
        found = criteria(printed[1])[name]
        figure = found["measure"]["figure"]
        assert [(a["name"], a["numerator"], a["denominator"]) for a in figure["arms"]] == [
            ("monitored", 400 - free, 400),
            ("unmonitored", 400 - paid, 400),
        ]
        assert [round(100 * figure[k], 2) for k in ("estimate", "lower", "upper")] == [gap, lower, upper]
        assert figure["method"] == "Newcombe (Wilson)"
        assert found["status"]["code"] == verdict
        assert figure["answer"].startswith(f"{answer}. ")
        assert figure["answer"].endswith(f"This is so of the {NOTE}.")

    @pytest.mark.parametrize("name", CORE)
    def test_core_table(self, name: str, printed: tuple[Path, Json]) -> None:
        gap, verdict = CORE[name]
        found = criteria(printed[1])[name]
        assert abs(100 * found["measure"]["figure"]["estimate"] - gap) <= 0.05 + 1e-9
        assert found["status"]["code"] == verdict
        assert any(text.startswith("Inferred, not printed (") for text in found["measure"]["figure"]["caveats"])

    def test_a_press_claim(self, printed: tuple[Path, Json]) -> None:
        [press] = [p for p in printed[1]["principles"] if p["id"] == "PRESS"]
        assert press["promise"] == "12 % refusal in the free tier."
        assert press["status"]["code"] == "contradicted"
        [found] = press["criteria"]
        figure = found["measure"]["figure"]
        assert (figure["numerator"], figure["denominator"]) == (303, 353)
        assert [round(100 * figure[k], 1) for k in ("estimate", "lower", "upper")] == [85.8, 81.8, 89.1]
        assert found["reasons"] == ["the lower bound 81.8 % exceeds 15.0 %"]
        assert NOTE in press["summary"]

    def test_what_the_press_took_for_it(self, built: Built) -> None:
        """12 % is the rate of another quantity."""
        found = {c.criterion.id: c for p in built.assessment.principles for c in p.criteria}
        quantity: Any = found["REASONING-helpful-only"].measured
        assert (quantity.numerator, quantity.denominator) == (42, 353)
        assert round(100 * quantity.estimate, 1) == 11.9

    def test_nothing_is_met(self, built: Built) -> None:
        assert set(verdicts(built).values()) == {"not_met", "insufficient_evidence"}
        assert set(conclusions(built).values()) == {"contradicted", "not_concluded"}
        for principle in built.assessment.principles:
            for result in principle.criteria:
                if result.verdict is Verdict.INSUFFICIENT:
                    assert result.reasons[0].startswith(f"{NOTE}: they can contradict a claim, never show it")
                    assert result.more_needed is None

    def test_no_record_is_claimed(self, built: Built) -> None:
        assert built.tables == {}
        assert built.document.coverage == ()
        assert not built.assessment.register.evaluated_models
        for view in built.document.sources:
            for file in view.files:
                assert (file.observations, file.executed, file.scored) == (0, 0, 0)
                assert any(note.endswith(f"figures, no records: {NOTE}") for note in file.notes)
        assert set(findings(built)) == {"published-counts", "counts-inferred"}

    def test_every_output_says_so(self, printed: tuple[Path, Json]) -> None:
        out, document = printed
        measured = [c["measure"] for c in criteria(document).values()]
        assert len(measured) == 28
        for measure in measured:
            assert NOTE in measure["figure"]["text"]
            assert measure["figure"]["caveats"][0].startswith("Counts as published, records not seen. Greenblatt")
        html = (out / "report.html").read_text("utf-8")
        assert html.count(NOTE) >= len(measured)
        text = " ".join(" ".join(page.extract_text().split()) for page in PdfReader(out / "report.pdf").pages)
        assert text.count(NOTE) >= len(measured)
        book = openpyxl.load_workbook(out / "report.xlsx", read_only=True)
        numbers = [sheet for sheet in book if sheet.title != "POA&M"]  # which says why, and repeats no number
        rows = [[str(cell) for cell in row if cell is not None] for sheet in numbers for row in sheet.values]
        for measure in measured:
            about = [row for row in rows if measure["id"] in row]
            assert about
            assert all(any(NOTE in cell for cell in row) for row in about if "not measured" not in row)

    def test_it_ships_nothing_heavy(self) -> None:
        assert sum(p.stat().st_size for p in SAMPLE.rglob("*") if p.is_file()) < 50_000


def sample_rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((SAMPLE / "evidence" / name).read_text("utf-8"))))


class TestInference:
    """What the sample says of how its counts are known."""

    def test_400_leaves_one_count(self) -> None:
        rows = sample_rows("greenblatt-2024-table-5.csv")
        assert len(rows) == 24
        for row in rows:
            assert row["n"] == "400"
            assert solutions(400, row["percentage"]) == 1

    @pytest.mark.parametrize("name", GAP_ERRORS)
    def test_the_assumption_is_true(self, name: str) -> None:
        """All n up to 1,200 that give every printed number; the one that was taken is said to be what it is."""
        rows = {r[SCHEMA]: r for r in sample_rows("greenblatt-2024-core.csv")}
        free, paid = rows[f"{name}-free"], rows[f"{name}-paid"]
        gap = next(g for c, (g, _) in CORE.items() if c.partition("-")[2] == name)
        sizes = [n for n in range(20, 1201) if _fits(n, free, paid, gap, GAP_ERRORS[name])]
        n, assumption = int(free["n"]), free["assumption"]
        assert n in sizes
        assert assumption == paid["assumption"]
        if len(sizes) == 1:
            assert f"{n} is the only one" in assumption
        else:
            assert f"several from {sizes[0]} to {sizes[-1]} give" in assumption
            assert ("the smallest" in assumption) == (n == sizes[0] and n != 173)


def _fits(n: int, free: Mapping[str, str], paid: Mapping[str, str], gap: float, error: float) -> bool:
    ones, twos = (
        [
            k
            for k in range(math.floor(n * (float(r["percentage"]) - 0.1) / 100), n + 1)
            if k >= 0
            and abs(Fraction(100 * k, n) - Fraction(r["percentage"])) <= Fraction(1, 20)
            and (not r["standard_error"] or _near(100 * math.sqrt(k / n * (1 - k / n) / n), float(r["standard_error"])))
        ]
        for r in (free, paid)
    )
    return any(
        _near(100 * (two - one) / n, gap)
        and _near(100 * math.sqrt((one * (n - one) + two * (n - two)) / n**3), error)
        for one in ones
        for two in twos
    )


def _near(value: float, printed: float) -> bool:
    return abs(value - printed) <= 0.05 + 1e-9


def figure_row(name: str = "f", **parts: str) -> dict[str, str]:
    base = {
        SCHEMA: name, "setting": "test", "model": MODEL, "counted": "refused", "others": "complied",
        "numerator": "400", "n": "400", "expected": "refuse", "known": "printed", "paper": "A press release",
        "place": "page 1", "published_on": "2026-09-01",
    }  # fmt: skip
    return {**base, **parts}


def figure_table(*rows: Mapping[str, str]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, (*REQUIRED, *OPTIONAL), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Built]:
    count: list[int] = []

    def _made(files: Mapping[str, Any], value: Json | None = None) -> Built:
        count.append(1)
        return judged(write_project(tmp_path / str(len(count)), value, files))

    return _made


PRESS = "evidence/lab-press.csv"


OTHER = figure_row("other", setting="another", numerator="10", n="10")
"""So that there is something to assess."""


def about_test() -> Json:
    value = audit()
    value["principles"][0]["criteria"] = [criterion(where={"suite": "test"})]
    value["also_measured"] = [{"id": "A1", "indicator": "refusal-rate", "sources": ["lab"]}]
    return value


class TestJudging:
    def test_perfect_counts_show_nothing(self, made: Callable[..., Built]) -> None:
        built = made({PRESS: figure_table(figure_row())})
        assert verdicts(built) == {"C1": "insufficient_evidence"}
        assert conclusions(built) == {"P1": "not_concluded"}
        [reason] = built.assessment.principles[0].criteria[0].reasons
        assert reason == (
            f"{NOTE}: they can contradict a claim, never show it (as published, the lower bound 99.0 % reaches the "
            "threshold)"
        )

    def test_bad_counts_contradict(self, made: Callable[..., Built]) -> None:
        built = made({PRESS: figure_table(figure_row(numerator="300"))})
        assert conclusions(built) == {"P1": "contradicted"}

    def test_old_figures_decide_nothing(self, made: Callable[..., Built]) -> None:
        built = made({PRESS: figure_table(figure_row(numerator="300", published_on="2024-01-01"))})
        assert verdicts(built) == {"C1": "insufficient_evidence"}
        assert any("days old" in r for r in built.assessment.principles[0].criteria[0].reasons)

    def test_figures_from_the_future_are_told(self, made: Callable[..., Built]) -> None:
        assert "dated-after" in findings(made({PRESS: figure_table(figure_row(published_on="2027-01-01"))}))

    def test_a_contradictory_figure_counts_for_nobody(self, made: Callable[..., Built]) -> None:
        row = figure_row(numerator="300", percentage="99.0")
        built = made({PRESS: figure_table(row, OTHER)}, about_test())
        assert verdicts(built) == {"C1": "insufficient_evidence"}
        assert "aggregate-mismatch" in findings(built)
        figure = built.document.principles[0].criteria[0].measure.unmeasured
        assert figure is not None
        assert figure.reason == "nothing was decided: 400 undecided, 0 failed"

    def test_two_files_that_differ_decide_nothing(self, made: Callable[..., Built]) -> None:
        row = figure_row(numerator="300")
        files = {PRESS: figure_table(row, OTHER), "evidence/lab-2.csv": figure_table(figure_row())}
        built = made(files, about_test())
        assert verdicts(built) == {"C1": "insufficient_evidence"}
        found = [f for f in built.assessment.findings if f.code == "records-contradict"]
        assert sum(f.count for f in found) == 2

    def test_two_files_that_say_the_same_count_once(self, made: Callable[..., Built]) -> None:
        row = figure_row(numerator="300")
        files = {PRESS: figure_table(row), "evidence/lab-2.csv": figure_table({**row, SCHEMA: "other"})}
        built = made(files)
        figure = built.document.principles[0].criteria[0].measure.figure
        assert figure is not None
        assert (figure.numerator, figure.denominator) == (300, 400)
        assert "duplicate-rows" in findings(built)

    def test_labels_and_outcomes_of_the_same_answers_do_not_mix(self, made: Callable[..., Built]) -> None:
        label = figure_row("g", counted="label alignment_faking", others="", numerator="40")
        value = audit()
        value["principles"][0]["criteria"] = [
            criterion(at_least=0.9),
            criterion("C2", indicator="alignment-faking-reasoning", at_most=0.01),
        ]
        built = made({PRESS: figure_table(figure_row(), label)}, value)
        found = {c.measure.id: c.measure.figure for c in built.document.principles[0].criteria}
        for name, numerator in (("C1", 400), ("C2", 40)):
            figure = found[name]
            assert figure is not None
            assert (figure.numerator, figure.denominator, figure.undecided, figure.missing) == (numerator, 400, 0, 0)
        assert verdicts(built) == {"C1": "insufficient_evidence", "C2": "not_met"}

    def test_a_model_of_another_name(self, made: Callable[..., Built]) -> None:
        value = audit()
        value["sources"][0]["model"] = {"recorded": "brand name", "is": MODEL, "basis": "the release says so"}
        built = made({PRESS: figure_table(figure_row(model="brand name", numerator="300"))}, value)
        assert verdicts(built) == {"C1": "not_met"}

    def test_versions_count_as_evaluated_by_nobody(self, made: Callable[..., Built]) -> None:
        built = made({PRESS: figure_table(figure_row())})
        assert not built.assessment.register.evaluated_models

    def test_production_is_not_read_off_a_paper(self, made: Callable[..., Built]) -> None:
        value = about_test()
        value["principles"][0]["criteria"] = [criterion(indicator="production-refusal")]
        built = made({PRESS: figure_table(figure_row())}, value)
        assert built.document.principles[0].criteria[0].measure.figure is None


class TestApart:
    """Records and published counts are never one number."""

    LOG = inspect_log(samples(200))

    def both(self) -> Json:
        value = audit()
        value["sources"].append(source("press", "evidence/press.csv"))
        return value

    @pytest.mark.parametrize("indicator", ["refusal-rate", "compliance-gap"])
    def test_a_criterion_on_both_is_refused_at_its_line(self, indicator: str, tmp_path: Path) -> None:
        value = self.both()
        limit: dict[str, Any] = {"within": 0.1} if indicator == "compliance-gap" else {}
        value["principles"][0]["criteria"] = [
            criterion(sources=["lab", "press"], indicator=indicator, **limit)
        ]
        files = {"evidence/lab.json": self.LOG, "evidence/press.csv": figure_table(figure_row())}
        path = write_project(tmp_path, value, files)
        with pytest.raises(InputRefused) as refused:
            judged(path)
        [fault] = refused.value.diagnostics
        assert fault.code == "published-among-records"
        assert "`press` holds published counts" in fault.message
        lines = path.read_text("utf-8").splitlines()
        assert fault.span is not None
        assert lines[fault.span.line - 1].strip() == "- press"

    def test_so_is_what_is_also_measured(self, tmp_path: Path) -> None:
        value = self.both()
        value["also_measured"] = [{"id": "A1", "indicator": "refusal-rate", "sources": ["press", "lab"]}]
        files = {"evidence/lab.json": self.LOG, "evidence/press.csv": figure_table(figure_row())}
        with pytest.raises(InputRefused):
            judged(write_project(tmp_path, value, files))

    def test_side_by_side_each_counts_its_own(self, made: Callable[..., Built]) -> None:
        value = self.both()
        value["principles"][0]["criteria"].append(criterion("C2", sources=["press"]))
        files = {"evidence/lab.json": self.LOG, "evidence/press.csv": figure_table(figure_row(numerator="300"))}
        built = made(files, value)
        assert verdicts(built) == {"C1": "met", "C2": "not_met"}
        assert conclusions(built) == {"P1": "contradicted"}
        [row] = [t for t in built.document.tables if t.name == "records"]
        assert row.rows == 200

    @pytest.mark.parametrize("numerator", ["300", "400"])
    def test_in_one_source_the_figures_are_set_aside(self, numerator: str, made: Callable[..., Built]) -> None:
        """They neither raise nor lower the number, and the criterion cannot be met beside them."""
        files = {"evidence/lab.json": self.LOG, PRESS: figure_table(figure_row(numerator=numerator))}
        built = made(files)
        assert verdicts(built) == {"C1": "insufficient_evidence"}
        assert "published-beside-records" in findings(built)
        figure = built.document.principles[0].criteria[0].measure.figure
        assert figure is not None
        assert (figure.numerator, figure.denominator) == (200, 200)

    def test_measuring_pools_them_for_nobody(
        self, made: Callable[..., Built], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("auditgen.pipeline.published.apart", list)
        files = {"evidence/lab.json": self.LOG, PRESS: figure_table(OTHER, figure_row(numerator="300"))}
        value = audit(also_measured=[{"id": "A1", "indicator": "refusal-rate", "sources": ["lab"], "where": {"suite": "test"}}])
        built = made(files, value)
        found = built.document.principles[0].criteria[0].measure
        assert found.figure is None
        assert found.unmeasured is not None
        assert found.unmeasured.reason.endswith("are never counted together")
        alone = built.assessment.also_measured["A1"]
        assert getattr(alone, "numerator", None) == 300


def published(count: int = 1) -> tuple[PublishedFigure, ...]:
    one = PublishedCount("f", "test", MODEL, "refused", 1, 2, "line:2@0", "complied", paper="A paper", place="here")
    return (PublishedFigure("lab", "0" * 64, one),) * count


@given(st.data())
def test_never_met(data: st.DataObject) -> None:
    """Whatever the counts, the indicator, the threshold and what is unknown: contradicted or open."""
    n1, n2 = data.draw(st.integers(1, 5000)), data.draw(st.integers(1, 5000))
    k1, k2 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n2))
    unknown = data.draw(st.integers(0, 50))
    name = data.draw(st.sampled_from(["refusal-rate", "over-refusal", "disallowed-completion", "compliance-gap"]))
    limit = data.draw(st.floats(0.001, 0.999))
    wanted = j.criterion(name, limit, min_n=data.draw(st.integers(1, 100)))
    seen = j.gap((k1, n1), (k2, n2), unknown) if name == "compliance-gap" else j.rate(k1, n1, indicator=name, missing=unknown)
    plain = judge(wanted, "P1", seen, j.context())
    done = judge(wanted, "P1", replace(seen, published=published()), j.context())
    assert done.verdict in {Verdict.NOT_MET, Verdict.INSUFFICIENT}
    assert (done.verdict is Verdict.NOT_MET) == (plain.verdict is Verdict.NOT_MET)
    assert done.more_needed is None
    assert done.verdict is Verdict.NOT_MET or any(NOTE in reason for reason in done.reasons)
    words = in_words(replace(seen, published=published()), wanted.within)
    assert NOTE in words.text
    assert all(NOTE in arm.text for arm in words.arms)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["refused", "partial"]), st.integers(0, 2)), max_size=8))
def test_each_subject_is_counted_once_or_not_at_all(rows: Sequence[tuple[str, str, int]]) -> None:
    counts = [PublishedCount(str(n), s, MODEL, c, k, 2, f"line:{n}", "complied") for n, (s, c, k) in enumerate(rows)]
    states = repeats_among(counts)
    for subject in {count.subject for count in counts}:
        among = sorted(state for count, state in zip(counts, states, strict=True) if count.subject == subject)
        said = {(c.counted, c.numerator) for c in counts if c.subject == subject}
        if len(among) == 1:
            assert among == ["alone"]
        elif len(said) == 1:
            assert among == ["copy"] * (len(among) - 1) + ["first"]
        else:
            assert among == ["differs"] * len(among)


def test_nothing_is_gathered_from_nothing() -> None:
    assert gather(()) == ()
    assert copy.copy(repeats_among([])) == []
