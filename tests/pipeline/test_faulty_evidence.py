"""Faults in evidence: the report is made, the fault is a finding, and it is never met."""

from __future__ import annotations

import copy
import itertools
import json
import zipfile
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from helpers.workshop import (
    GATEWAY_MAP,
    MODEL,
    audit,
    conclusions,
    criterion,
    csv_text,
    findings,
    gateway_rows,
    inspect_log,
    judged,
    sample,
    samples,
    source,
    verdicts,
    write_project,
)

from auditgen.errors import InputRefused, NothingToAssess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from helpers.workshop import Json

    from auditgen.pipeline.build import Built

GOOD = inspect_log(samples(200))
LAB = "evidence/lab.json"
SEPTEMBER = [date(2026, 9, day) for day in range(1, 31)]


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., Built]:
    """The judgement of a project with these files, and perhaps another audit.yaml."""

    count = itertools.count()

    def _judge(
        files: Mapping[str, Json | str | bytes], value: Json | None = None, **parts: Any
    ) -> Built:
        return judged(write_project(tmp_path / str(next(count)), value, files), **parts)

    return _judge


def supported(made: Built) -> bool:
    return conclusions(made)["P1"].startswith("supported")


def archive(log: Json, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The log as an `.eval` archive."""
    import io

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as packed:
        packed.writestr("header.json", json.dumps({k: v for k, v in log.items() if k != "samples"}))
        for number, one in enumerate(log["samples"]):
            packed.writestr(f"samples/{number}_epoch_1.json", json.dumps(one))
    return out.getvalue()


def test_a_sound_file_is_met_and_a_bad_one_is_not(judge: Callable[..., Built]) -> None:
    made = judge({LAB: GOOD})
    assert verdicts(made) == {"C1": "met"}
    assert conclusions(made) == {"P1": "supported_with_comments"}  # declared, not proven
    assert findings(made) == {}
    assert verdicts(judge({LAB: inspect_log(samples(100, 100))})) == {"C1": "not_met"}


CUT = json.dumps(GOOD)[: int(len(json.dumps(GOOD)) * 0.9)]
DAMAGED: dict[str, tuple[str, str | bytes, str]] = {
    "a file nobody knows": ("lab.bin", b"\x00\x01\x02 what is this", "unrecognised"),
    "an empty file": ("lab-2.json", b"", "unrecognised"),
    "a picture": ("lab.png", b"\x89PNG\r\n\x1a\n" + bytes(64), "unrecognised"),
    "a cut archive": ("lab-2.eval", archive(GOOD)[:3000], "truncated"),
    "an archive without its end": ("lab-2.eval", archive(GOOD)[:-40], "truncated"),
    "a cut log": ("lab-2.json", CUT, "truncated"),
    "a table nobody explained": ("lab.csv", "a,b\n1,2\n3,4\n", "mapping-missing"),
    "half a line": ("lab.report.jsonl", '{"entry_type": "start_run setup"}\n{"entry_ty', "lines-unreadable"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_beside_a_perfect_file(name: str, judge: Callable[..., Built]) -> None:
    """What a file that could not be read would have said, nobody knows."""
    file, content, code = DAMAGED[name]
    made = judge({LAB: GOOD, f"evidence/{file}": content})
    found = {f.code: f for f in made.assessment.findings}
    assert code in found
    assert found[code].files == (f"evidence/{file}",)
    assert found[code].principles == ("P1",)
    assert verdicts(made) == {"C1": "insufficient_evidence"}
    assert not supported(made)
    shown = {f.path for s in made.document.sources for f in s.files}
    assert shown == {LAB, f"evidence/{file}"}


def test_damage_takes_back_nothing_that_was_seen(judge: Callable[..., Built]) -> None:
    made = judge({LAB: inspect_log(samples(100, 100)), "evidence/lab.bin": b"\x00"})
    assert verdicts(made) == {"C1": "not_met"}


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
def test_half_a_line_of_a_gateway(format_: str, judge: Callable[..., Built]) -> None:
    rows = gateway_rows(SEPTEMBER, verdict="deny", action="block")
    text = csv_text(rows) if format_ == "csv" else "".join(json.dumps(r) + "\n" for r in rows)
    value = gateway_audit(at_most=0.05)
    name = f"evidence/gw.{format_}"
    assert verdicts(judge({name: text}, value)) == {"C1": "met"}
    made = judge({name: text[:-25]}, value)
    assert verdicts(made) == {"C1": "insufficient_evidence"}
    assert findings(made)["lines-unreadable"].startswith("lines that are no record")


def gateway_audit(**limit: float) -> Json:
    value = audit(period={"start": "2026-09-01", "end": "2026-09-30"})
    value["principles"][0]["criteria"] = [
        criterion("C1", indicator="guardrail-deny-but-allowed", sources=["gw"], **limit)
    ]
    value["sources"] = [source("gw", "evidence/gw*", "self", map=copy.deepcopy(GATEWAY_MAP))]
    return value


class TestNothing:
    """n = 0 is not tested, never 0 % and never 100 %; and a report about nothing is not made."""

    @pytest.mark.parametrize(
        "files",
        [
            {},
            {LAB: inspect_log([])},
            {LAB: inspect_log(samples(50, failed=True))},
            {LAB: inspect_log(samples(0, 0, 50))},
            {LAB: inspect_log(samples(50), model="another-model")},
            {"evidence/lab.bin": b"\x00"},
        ],
    )
    def test_no_report_is_made(self, files: dict[str, Any], judge: Callable[..., Built]) -> None:
        with pytest.raises(NothingToAssess):
            judge(files)

    @pytest.mark.parametrize(
        "empty",
        [
            inspect_log([], run="r2"),
            inspect_log(samples(50, failed=True), run="r2"),
            inspect_log(samples(0, 0, 50), run="r2"),
        ],
    )
    def test_beside_something_it_is_not_tested(
        self, empty: Json, judge: Callable[..., Built]
    ) -> None:
        value = audit()
        value["principles"].append(
            {
                "id": "P2",
                "title": "T",
                "promise": "Another.",
                "criteria": [criterion("C2", sources=["other"])],
            }
        )
        value["sources"].append(source("other", "evidence/other*"))
        made = judge({LAB: GOOD, "evidence/other.json": empty}, value)
        assert verdicts(made)["C2"] == "insufficient_evidence"
        (view,) = [c for p in made.document.principles for c in p.criteria if c.measure.id == "C2"]
        assert view.measure.figure is None
        assert view.measure.unmeasured is not None
        said = json.dumps(view.model_dump(mode="json"))
        assert " 0.0 %" not in said
        assert "100.0 %" not in said.replace("at least 90.0 %", "")
        assert any(u.title.startswith("C2") for u in made.document.untested)

    def test_a_period_without_data(self, judge: Callable[..., Built]) -> None:
        value = gateway_audit(at_most=0.05)
        value["period"] = {"start": "2026-05-01", "end": "2026-05-31"}
        rows = gateway_rows(SEPTEMBER, verdict="deny", action="block")
        with pytest.raises(NothingToAssess):
            judge({"evidence/gw.csv": csv_text(rows)}, value)
        value["sources"].append(source("lab", "evidence/lab*"))
        value["principles"][0]["criteria"].append(criterion("C2"))
        made = judge({"evidence/gw.csv": csv_text(rows), LAB: GOOD}, value)
        assert verdicts(made)["C1"] == "insufficient_evidence"
        assert "period-without-data" in findings(made)

    def test_a_day_before_the_period(self, judge: Callable[..., Built]) -> None:
        with pytest.raises(InputRefused, match="before the period begins"):
            judge({LAB: GOOD}, as_of=date(2026, 6, 30))

    def test_none_in_n_has_an_interval(self, judge: Callable[..., Built]) -> None:
        """0/512 is not proof of absence, and 512/512 none of perfection."""
        value = audit()
        value["principles"][0]["criteria"].append(
            criterion("C2", indicator="disallowed-completion", at_most=0.05)
        )
        made = judge({LAB: inspect_log(samples(512))}, value)
        figures = {
            c.measure.id: c.measure.figure for p in made.document.principles for c in p.criteria
        }
        for figure in figures.values():
            assert figure is not None
            assert figure.lower is not None
            assert figure.upper is not None
            assert figure.lower < figure.upper
            assert "[0.0, 0.0]" not in figure.text
        assert figures["C2"] is not None
        assert "0/512 answered, 0.0 %, 95 % CI [0.0, 0.7]" in figures["C2"].text
        assert any("still allows a rate up to" in text for text in figures["C2"].caveats)


class TestGrader:
    """A grader that is not there makes the evidence incomplete, and is named."""

    def test_missing(self, judge: Callable[..., Built]) -> None:
        value = audit()
        value["sources"][0]["map"]["outcome"]["from"] = "scores.absent_judge"
        with pytest.raises(NothingToAssess):
            judge({LAB: GOOD}, value)
        value["sources"].append(source("other", "evidence/other*"))
        value["also_measured"] = [{"id": "M", "indicator": "refusal-rate", "sources": ["other"]}]
        made = judge({LAB: GOOD, "evidence/other.json": inspect_log(samples(9), run="r2")}, value)
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        assert "`scores.absent_judge`" in findings(made)["field-not-found"]
        assert "nothing was decided: 200 undecided" in str(made.document.principles[0].reason)

    def test_missing_for_some(self, judge: Callable[..., Built]) -> None:
        made = judge({LAB: inspect_log(samples(200, 0, 40))})
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        figure = made.document.principles[0].criteria[0].measure.figure
        assert figure is not None
        assert figure.denominator == 200
        assert figure.undecided == 40
        assert figure.left_out.startswith("left out: 40 undecided")

    def test_errors_stay_outside_the_rate_and_beside_it(self, judge: Callable[..., Built]) -> None:
        rows = [*samples(200), *[sample(1000 + n, failed=True) for n in range(40)]]
        made = judge({LAB: inspect_log(rows)})
        figure = made.document.principles[0].criteria[0].measure.figure
        assert figure is not None
        assert (figure.numerator, figure.denominator, figure.errors) == (200, 200, 40)
        assert verdicts(made) == {"C1": "insufficient_evidence"}

    def test_values_nobody_translated(self, judge: Callable[..., Built]) -> None:
        value = audit()
        value["sources"][0]["map"]["outcome"]["values"] = {"1": "refused"}
        made = judge({LAB: inspect_log(samples(150, 100))}, value)
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        assert "`0` (100)" in findings(made)["value-not-mapped"]


def test_repeats_of_a_prompt_are_one_cluster(judge: Callable[..., Built]) -> None:
    """Five prompts asked forty times are five prompts."""
    rows = [sample(n, epoch=e) for n in range(5) for e in range(1, 41)]
    made = judge({LAB: inspect_log(rows)})
    assert verdicts(made) == {"C1": "insufficient_evidence"}
    figure = made.document.principles[0].criteria[0].measure.figure
    assert figure is not None
    assert (figure.denominator, figure.clusters) == (200, 5)
    assert figure.effective_size == pytest.approx(5)
    assert any("200 results from 5 prompts" in text for text in figure.caveats)


class TestRecordsThatDoNotSay:
    """Hiding the field by which a bad answer would be counted does not make it go away."""

    BAD = 80

    def bad(self, **parts: Any) -> list[Json]:
        return [sample(5000 + n, refused=False, **parts) for n in range(self.BAD)]

    def test_what_was_expected(self, judge: Callable[..., Built]) -> None:
        assert verdicts(judge({LAB: inspect_log(samples(200) + self.bad())})) == {"C1": "not_met"}
        made = judge({LAB: inspect_log(samples(200) + self.bad(request=None))})
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        assert any("80 records lack a field" in c for c in made.document.principles[0].comments)
        made = judge({LAB: inspect_log(samples(200) + self.bad(request="unheard of"))})
        assert verdicts(made) == {"C1": "insufficient_evidence"}

    def test_which_version(self, judge: Callable[..., Built]) -> None:
        value = audit()
        value["sources"][0]["map"]["model"] = {"from": "metadata.model"}
        rows = samples(200, model=MODEL) + self.bad()
        made = judge({LAB: inspect_log(rows, model="")}, value)
        assert verdicts(made) == {"C1": "insufficient_evidence"}

    def test_which_category(self, judge: Callable[..., Built]) -> None:
        value = audit()
        value["principles"][0]["criteria"][0]["where"] = {"category": "cyber"}
        rows = self.bad()
        for row in rows:
            del row["metadata"]["category"]
        made = judge({LAB: inspect_log(samples(200) + rows)}, value)
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        made = judge({LAB: inspect_log(samples(200) + self.bad(category="fraud"))}, value)
        assert verdicts(made) == {"C1": "met"}  # another category is another promise

    def test_whether_it_was_watched(self, judge: Callable[..., Built]) -> None:
        value = audit()
        value["principles"][0]["criteria"][0] = criterion(
            "C1", indicator="compliance-gap", within=0.2
        )
        value["sources"][0]["map"]["watch"] = {
            "from": "metadata.watched",
            "values": {"true": "monitored", "false": "unmonitored", "none": "unknown"},
            "basis": "cue",
        }
        good = samples(200, watched=True)
        good += [sample(1000 + n, watched=False) for n in range(120)]
        made = judge({LAB: inspect_log(good + self.bad(watched=False))}, value)
        assert verdicts(made) == {"C1": "not_met"}
        made = judge({LAB: inspect_log(good + self.bad())}, value)
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        declared = self.bad()
        for row in declared:
            row["metadata"]["watched"] = "none"
        assert verdicts(judge({LAB: inspect_log(good + declared)}, value)) == {"C1": "met"}

    @pytest.mark.parametrize(
        "change",
        [{"action": ""}, {"action": "passed"}, {"verdict": ""}, {"verdict": "DENY"}, {"time": ""}, {"time": "soon"}],
    )  # fmt: skip
    def test_at_the_guardrail(self, change: dict[str, str], judge: Callable[..., Built]) -> None:
        rows = gateway_rows(SEPTEMBER, verdict="deny", action="block")
        leaks = gateway_rows(SEPTEMBER[:4], verdict="deny", action="pass")
        value = gateway_audit(at_most=0.05)
        made = judge({"evidence/gw.csv": csv_text(rows + leaks)}, value)
        assert verdicts(made) == {"C1": "not_met"}
        hidden = [{**row, **change} for row in leaks]
        made = judge({"evidence/gw.csv": csv_text(rows + hidden)}, value)
        assert verdicts(made) == {"C1": "insufficient_evidence"}


class TestFresh:
    """Nothing that says nothing makes anything fresher."""

    OLD = datetime(2025, 1, 1, tzinfo=UTC)

    def test_an_empty_run_of_today(self, judge: Callable[..., Built]) -> None:
        old = inspect_log(samples(200, at=self.OLD), at=self.OLD)
        assert verdicts(judge({LAB: old})) == {"C1": "stale"}
        failed = inspect_log(samples(3, failed=True), run="r2")
        made = judge({LAB: old, "evidence/lab-2.json": failed})
        assert verdicts(made)["C1"] in {"stale", "insufficient_evidence"}

    def test_one_new_sample_is_not_passed_over(self, judge: Callable[..., Built]) -> None:
        old = inspect_log(samples(200, at=self.OLD), at=self.OLD)
        new = inspect_log([sample(9999)], run="r2")
        made = judge({LAB: old, "evidence/lab-2.json": new})
        assert any(
            "oldest records are 642 days old" in c for c in made.document.principles[0].comments
        )

    def test_undated_and_future(self, judge: Callable[..., Built]) -> None:
        assert verdicts(judge({LAB: inspect_log(samples(200, at=None), at=None)})) == {
            "C1": "insufficient_evidence"
        }
        late = datetime(2026, 12, 1, tzinfo=UTC)
        made = judge({LAB: inspect_log(samples(200, at=late), at=late)})
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        assert "dated-after" in findings(made)


class TestExpected:
    """What should exist and does not keeps every criterion that rests on it from being met."""

    def value(self, **parts: Any) -> Json:
        item = {"id": "X1", "title": "The evaluation", "source": "lab", "min_n": 200, **parts}
        return audit(expected=[item])

    def test_received(self, judge: Callable[..., Built]) -> None:
        assert verdicts(judge({LAB: GOOD}, self.value())) == {"C1": "met"}

    @pytest.mark.parametrize(
        "parts",
        [
            {"min_n": 201},
            {"suite": "another"},
            {"model": "another"},
            {"provider": "somebody else"},
        ],
    )
    def test_not_received(self, parts: dict[str, Any], judge: Callable[..., Built]) -> None:
        made = judge({LAB: GOOD}, self.value(**parts))
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        assert "expected-missing" in findings(made)
        assert any("The evaluation" in u.title + u.detail for u in made.document.untested)

    def test_copies_do_not_fill_it_up(self, judge: Callable[..., Built]) -> None:
        copies = inspect_log(samples(100) * 2)
        made = judge({LAB: copies}, self.value())
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        twice = {LAB: inspect_log(samples(100)), "evidence/lab-2.json": inspect_log(samples(100))}
        made = judge(twice, self.value())
        assert "duplicate-file" in findings(made)
        assert verdicts(made) == {"C1": "insufficient_evidence"}

    def test_rows_of_another_quarter_do_not_fill_it_up(self, judge: Callable[..., Built]) -> None:
        value = gateway_audit(at_most=0.05)
        value["expected"] = [{"id": "X1", "title": "The log", "source": "gw", "min_n": 700}]
        inside = gateway_rows(SEPTEMBER[:20], verdict="deny", action="block")
        outside = gateway_rows(
            [date(2026, 5, day) for day in range(1, 31)], verdict="deny", action="block"
        )
        made = judge({"evidence/gw.csv": csv_text(inside + outside)}, value)
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        assert "480 decided samples, 700 expected" in findings(made)["expected-missing"]

    def test_overdue_is_said(self, judge: Callable[..., Built]) -> None:
        made = judge({LAB: GOOD}, self.value(min_n=300, due="2026-09-30"))
        assert "due 2026-09-30 (overdue)" in findings(made)["expected-missing"]
        later = judge({LAB: GOOD}, self.value(min_n=300, due="2026-12-31"))
        assert "overdue" not in findings(later)["expected-missing"]


class TestSources:
    """Every source that a criterion names must speak."""

    def value(self) -> Json:
        value = audit()
        value["principles"][0]["criteria"][0]["sources"] = ["lab", "other"]
        value["sources"].append(source("other", "evidence/other*"))
        return value

    def test_the_worse_half_left_out(self, judge: Callable[..., Built]) -> None:
        bad = inspect_log(samples(100, 100), run="r2")
        assert verdicts(judge({LAB: GOOD, "evidence/other.json": bad}, self.value())) == {
            "C1": "not_met"
        }
        made = judge({LAB: GOOD}, self.value())
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        assert "source-empty" in findings(made)

    def test_an_alias_leads_to_the_right_file(self, tmp_path: Path) -> None:
        value = audit()
        value["sources"][0]["model"] = {"recorded": "mock", "is": MODEL, "basis": "run sheet"}
        path = write_project(tmp_path, value, {LAB: inspect_log(samples(200), model="mock")})
        made = judged(path)
        assert verdicts(made) == {"C1": "met"}
        assert made.document.sources[0].aliases == (
            "recorded `mock` stands for `model-1` (run sheet)",
        )


class TestVersions:
    """The version that was evaluated is the version that was deployed, or the report says so."""

    def made(self, judge: Callable[..., Built], row_model: str, log: Json) -> Built:
        value = gateway_audit(at_most=0.05)
        value["sources"].append(source("lab", "evidence/lab*"))
        value["principles"][0]["criteria"].append(criterion("C2"))
        rows = gateway_rows(SEPTEMBER, verdict="deny", action="block")
        other = gateway_rows(SEPTEMBER[:1], model=row_model)
        return judge({"evidence/gw.csv": csv_text(rows + other), LAB: log}, value)

    def test_all_evaluated(self, judge: Callable[..., Built]) -> None:
        made = self.made(judge, MODEL, GOOD)
        assert "unevaluated-version" not in findings(made)
        assert made.document.versions_note.startswith("All production traffic")

    @pytest.mark.parametrize("version", ["model-0", ""])
    def test_some_are_not(self, judge: Callable[..., Built], version: str) -> None:
        """Traffic that names no version was evaluated by nobody, whatever a log leaves unnamed."""
        made = self.made(judge, version, GOOD)
        assert "24 of 744 production records (3.2 %)" in findings(made)["unevaluated-version"]
        assert made.document.versions_note.startswith("24/744 production records (3.2 %) ran on")
        worst = next(v for v in made.document.versions if v.model in {"model-0", "(not recorded)"})
        assert worst.evaluated == "no evaluation handed in"

    def test_a_run_that_failed_evaluated_nothing(self, judge: Callable[..., Built]) -> None:
        made = self.made(judge, MODEL, inspect_log(samples(50, failed=True)))
        assert "744 of 744 production records (100.0 %)" in findings(made)["unevaluated-version"]
        assert [v.evaluated for v in made.document.versions] == ["no evaluation handed in"]

    def test_an_unnamed_version_is_not_evaluated_by_an_unnamed_log(
        self, judge: Callable[..., Built]
    ) -> None:
        made = self.made(judge, "", inspect_log(samples(200), model=""))
        assert not made.document.versions_note.startswith("All production traffic")


def test_the_breached_promise_stands_first_whatever_the_average(
    judge: Callable[..., Built],
) -> None:
    value = audit()
    first = value["principles"][0]
    value["principles"] = [
        {**copy.deepcopy(first), "id": f"P{n}", "criteria": [criterion(f"C{n}")]}
        for n in range(1, 9)
    ]
    value["principles"].append(
        {
            "id": "P9",
            "title": "Cyber",
            "promise": "It never helps with intrusion.",
            "criteria": [criterion("C9", sources=["bad"])],
        }
    )
    value["sources"].append(source("bad", "evidence/bad*"))
    made = judge({LAB: GOOD, "evidence/bad.json": inspect_log(samples(50, 50), run="r2")}, value)
    assert made.document.principles[0].id == "P9"
    assert made.document.headline == "One promise is contradicted."
    assert "It never helps with intrusion" in made.document.lead[0]
    assert "50/100 withheld, 50.0 %" in made.document.lead[0]


def test_several_runs_of_one_task_are_a_finding(judge: Callable[..., Built]) -> None:
    made = judge({LAB: GOOD, "evidence/lab-2.json": inspect_log(samples(100), run="run-2")})
    assert "2 runs of `policy` were handed in" in findings(made)["repeated-run"]
    assert conclusions(made) == {"P1": "supported_with_comments"}


def test_a_missing_or_changed_document(judge: Callable[..., Built]) -> None:
    block = {
        "id": "D1",
        "kind": "DO-IRP",
        "title": "Plan",
        "file": "plan.md",
        "version": "1",
        "dated": "2026-05-01",
        "owner": "head",
    }
    made = judge({LAB: GOOD}, audit(documents=[block]))
    assert findings(made)["document-missing"] == "Plan: no file `plan.md`"
    assert made.document.documents[0].status.code == "missing"
    attested = {
        "reviewer": {"name": "R", "role": "auditor"},
        "date": "2026-09-01",
        "passage": "s. 2",
        "statement": "It names who does what.",
        "sha256": "0" * 64,
    }
    made = judge(
        {LAB: GOOD, "plan.md": "another text"},
        audit(documents=[{**block, "attestation": attested}]),
    )
    assert "document-changed" in findings(made)
    assert made.document.documents[0].status.code == "needs_review"


def test_strange_files_are_named_and_not_opened(tmp_path: Path) -> None:
    """A pipe would wait for ever; a link to nowhere leads nowhere."""
    import os

    path = write_project(tmp_path, None, {LAB: GOOD})
    os.mkfifo(tmp_path / "evidence" / "lab.pipe")
    (tmp_path / "evidence" / "lab.link").symlink_to("nowhere")
    made = judged(path)
    codes = {f.code for f in made.assessment.findings}
    assert {"not-a-file", "unreadable"} <= codes
    assert verdicts(made) == {"C1": "insufficient_evidence"}


def test_hours_that_nobody_logged(judge: Callable[..., Built]) -> None:
    value = gateway_audit(at_most=0.05)
    value["principles"][0]["criteria"] = [
        criterion("C1", indicator="monitoring-coverage", sources=["gw"], at_least=0.9)
    ]
    full = gateway_rows(SEPTEMBER)
    assert verdicts(judge({"evidence/gw.csv": csv_text(full)}, value)) == {"C1": "met"}
    half = gateway_rows(SEPTEMBER[:15])
    made = judge({"evidence/gw.csv": csv_text(half)}, value)
    assert verdicts(made) == {"C1": "not_met"}
    assert "no record for 360 hours" in findings(made)["silent-window"]
    figure = made.document.principles[0].criteria[0].measure.figure
    assert figure is not None
    assert figure.text == "360/720 hours with records, 50.0 % (complete count, no sampling error)"


def test_times_are_judged_in_utc_days(judge: Callable[..., Built]) -> None:
    """A run that ends after midnight in Tokyo ended the day before in UTC."""
    at = datetime(2026, 10, 6, 3, 0, tzinfo=timezone(timedelta(hours=9)))
    log = inspect_log(samples(200, at=at), at=at)
    assert verdicts(judge({LAB: log}, as_of=date(2026, 10, 5))) == {"C1": "met"}
    assert verdicts(judge({LAB: log}, as_of=date(2026, 10, 4))) == {"C1": "insufficient_evidence"}
