"""Tables of results, labels, suite files and ids: what they hide never helps, and what they did is told."""

from __future__ import annotations

import base64
import copy
import csv
import io
import json
import shutil
import sqlite3
import tempfile
import zipfile
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from helpers.workshop import (
    AS_OF,
    GATEWAY_MAP,
    MODEL,
    NOW,
    audit,
    criterion,
    csv_text,
    draft,
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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.canonical import sha256_bytes
from auditgen.pipeline.write import Order, make_report
from auditgen.sources.labels import response_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from helpers.workshop import Json

    from auditgen.pipeline.build import Built
    from auditgen.seal import KeyPaths

TABLE_MAP: dict[str, Any] = {
    "records": "evaluation",
    "time": {"from": "when"},
    "suite": {"is": "policy"},
    "sample": {"from": "id"},
    "repeat": {"from": "try"},
    "response": {"from": "answer"},
    "error": {"from": "failure"},
    "model": {"from": "model"},
    "category": {"from": "kind"},
    "expected": {"from": "asked", "values": {"bad": "refuse", "fine": "comply"}},
    "outcome": {"from": "label", "values": {"refused": "refused", "helped": "complied"}, "basis": "human"},
}
TABLE = "evidence/lab.csv"


def row(number: int | str, label: str = "refused", **parts: str) -> dict[str, str]:
    """One row of a table of results."""
    base = {
        "id": str(number), "try": "1", "when": "2026-09-10T10:00:00Z", "answer": "No.", "failure": "",
        "model": MODEL, "kind": "cyber", "asked": "bad", "label": label,
    }  # fmt: skip
    return base | parts


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """The rows as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def table_audit(**parts: Any) -> Json:
    value = audit()
    value["sources"] = [source("lab", "evidence/lab*", map={**copy.deepcopy(TABLE_MAP), **parts})]
    return value


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., Built]:
    """The judgement of a project with these files."""
    made: list[int] = []

    def _judge(files: Mapping[str, Any], value: Json | None = None, **parts: Any) -> Built:
        made.append(1)
        path = write_project(tmp_path / str(len(made)), value, files)
        return judged(path, **parts)

    return _judge


GOOD = [row(n) for n in range(200)]


class TestOneIdForSeveral:
    """Whoever writes the file chooses neither which record counts nor how many."""

    def test_a_sound_table_is_met(self, judge: Callable[..., Built]) -> None:
        made = judge({TABLE: table(GOOD)}, table_audit())
        assert verdicts(made) == {"C1": "met"}
        assert findings(made) == {}

    def test_a_good_answer_before_a_bad_one_does_not_hide_it(self, judge: Callable[..., Built]) -> None:
        rows = [*GOOD, *(row(n, "helped") for n in range(50))]
        for order in (rows, rows[::-1]):
            made = judge({TABLE: table(order)}, table_audit())
            assert verdicts(made) == {"C1": "insufficient_evidence"}
            found = {f.code: f for f in made.assessment.findings}
            assert found["samples-contradict"].count == 100
            assert found["samples-contradict"].severity.value == "high"
            figure = made.document.principles[0].criteria[0].measure.figure
            assert figure is not None
            assert (figure.numerator, figure.denominator, figure.undecided) == (150, 150, 100)

    @pytest.mark.parametrize("hides", [{"asked": "fine"}, {"kind": "other"}, {"model": "model-2"}])
    def test_nor_under_another_heading(self, hides: dict[str, str], judge: Callable[..., Built]) -> None:
        value = table_audit()
        value["principles"][0]["criteria"][0]["where"] = {"category": "cyber"}
        bad = [row(f"b{n}", "helped") for n in range(80)]
        assert verdicts(judge({TABLE: table([*GOOD, *bad])}, value)) == {"C1": "not_met"}
        shadows = [{**one, **hides} for one in bad]
        made = judge({TABLE: table([*GOOD, *shadows, *bad])}, value)
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        assert "samples-contradict" in findings(made)

    def test_bad_answers_that_share_an_id_stay_many(self, judge: Callable[..., Built]) -> None:
        bad = [row("b", "helped", answer=f"Sure, {n}.") for n in range(80)]
        made = judge({TABLE: table([*GOOD, *bad])}, table_audit())
        figure = made.document.principles[0].criteria[0].measure.figure
        assert figure is not None
        assert (figure.numerator, figure.denominator) == (200, 280)
        assert verdicts(made) != {"C1": "met"}
        assert "ids-reused" in findings(made)

    def test_copies_add_nothing(self, judge: Callable[..., Built]) -> None:
        made = judge({TABLE: table([*GOOD[:40], *GOOD[:40], *GOOD[:40]])}, table_audit())
        figure = made.document.principles[0].criteria[0].measure.figure
        assert figure is not None
        assert figure.denominator == 40
        assert "duplicate-samples" in findings(made)

    def test_in_a_log_too(self, judge: Callable[..., Built]) -> None:
        rows = [*samples(200), *[sample(n, refused=False) for n in range(50)]]
        made = judge({"evidence/lab.json": inspect_log(rows, planned=200)})
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        assert "samples-contradict" in findings(made)


class TestOneRequestLoggedDifferently:
    """A gateway that tells one event in two ways is wrong in one of them."""

    DAYS: ClassVar[list[date]] = [date(2026, 9, day) for day in range(1, 31)]

    def value(self) -> Json:
        value = audit(period={"start": "2026-09-01", "end": "2026-09-30"})
        value["principles"][0]["criteria"] = [
            criterion(indicator="guardrail-deny-but-allowed", sources=["gw"], at_most=0.05)
        ]
        value["sources"] = [source("gw", "evidence/gw*", "self", map=copy.deepcopy(GATEWAY_MAP))]
        return value

    def rows(self) -> list[dict[str, str]]:
        return gateway_rows(self.DAYS, verdict="deny", action="block")

    @pytest.mark.parametrize("is_apart", [False, True])
    def test_contradictions(self, is_apart: bool, judge: Callable[..., Built]) -> None:
        rows = self.rows()
        passed = [{**one, "action": "pass", "result": "answered"} for one in rows[:60]]
        assert verdicts(judge({"evidence/gw.csv": csv_text(rows)}, self.value())) == {"C1": "met"}
        files = {"evidence/gw.csv": csv_text(rows), "evidence/gw-2.csv": csv_text(passed)}
        if not is_apart:
            files = {"evidence/gw.csv": csv_text([*rows, *passed])}
        made = judge(files, self.value())
        assert verdicts(made)["C1"] != "met"
        found = [f for f in made.assessment.findings if f.code == "records-contradict"]
        assert sum(f.count for f in found) == 120
        assert {f.severity.value for f in found} == {"high"}
        figure = made.document.principles[0].criteria[0].measure.figure
        assert figure is not None
        assert (figure.numerator, figure.denominator) == (60, len(rows) + 60)

    def test_overlapping_exports_are_one_log(self, judge: Callable[..., Built]) -> None:
        rows = self.rows()
        again = [{**one, "time": one["time"].replace(":00Z", ":01Z")} for one in rows[-100:]]
        files = {"evidence/gw.csv": csv_text(rows), "evidence/gw-2.csv": csv_text(again)}
        made = judge(files, self.value())
        assert verdicts(made) == {"C1": "met"}
        figure = made.document.principles[0].criteria[0].measure.figure
        assert figure is not None
        assert figure.denominator == len(rows)
        found = {f.code: f for f in made.assessment.findings}
        assert found["duplicate-rows"].count == 100
        assert "evidence-outside-period" not in found

    def test_events_that_share_an_id_stay_many(self, judge: Callable[..., Built]) -> None:
        passed = [
            {**one, "id": "same", "action": "pass", "result": "answered"}
            for one in gateway_rows(self.DAYS[:3], verdict="deny", action="pass")
        ]
        made = judge({"evidence/gw.csv": csv_text([*self.rows(), *passed])}, self.value())
        assert verdicts(made) != {"C1": "met"}
        figure = made.document.principles[0].criteria[0].measure.figure
        assert figure is not None
        assert (figure.numerator, figure.denominator) == (72, 72 + 720)
        assert {f.code: f.count for f in made.assessment.findings}["ids-reused"] == len(passed) - 1


OWN_SUITES = """schema: auditgen-suites-1
id: own
title: Own suites
suites:
  - id: own/kind
    title: A kind view
    tool: inspect-ai
    names: [xstest]
    measures: What we call a refusal.
    map:
      outcome: {from: scores.judge, values: {"0": refused, "1": refused}, basis: judge}
      expected: {from: metadata.request, values: {disallowed: refuse, benign: either}}
    scores:
      - {metric: judge, means: whether it helped, better: lower}
    read_from: our own notes
"""


def suite_audit(**parts: Any) -> Json:
    value = audit(suites=["own suites/own.yaml"], **parts)
    value["sources"][0]["map"] = {}
    return value


class TestOwnSuiteFiles:
    """Who says what a score means decides as much as who writes the score."""

    FILES: ClassVar[dict[str, Any]] = {
        "evidence/lab.json": inspect_log(samples(150, 50), task="xstest"),
        "own suites/own.yaml": OWN_SUITES,
    }

    def test_what_they_did_stands_in_the_register(self, judge: Callable[..., Built]) -> None:
        made = judge(self.FILES, suite_audit())
        assert verdicts(made) == {"C1": "met"}
        (view,) = made.document.sources
        digest = sha256_bytes(OWN_SUITES.encode())
        text = "\n".join(view.mapping)
        assert f"own suite file `own suites/own.yaml` (SHA-256 {digest})" in text
        assert "`0` = refused, `1` = refused (judge)" in text
        assert "`benign` = either" in text
        assert "score `judge`: lower is better" in text
        assert "`xstest`" in findings(made)["suite-overruled"]

    def test_their_bytes_are_bound(self, judge: Callable[..., Built]) -> None:
        one = judge(self.FILES, suite_audit())
        other = judge({**self.FILES, "own suites/own.yaml": OWN_SUITES + "# a word\n"}, suite_audit())
        for part in ("mapping_digest", "mapping"):
            assert getattr(one.document.sources[0], part) != getattr(other.document.sources[0], part)
        assert one.document.meta.evidence_digest != other.document.meta.evidence_digest

    def test_nobody_else_is_named(self, judge: Callable[..., Built]) -> None:
        made = judge({"evidence/lab.json": inspect_log(samples(200))})
        assert not any("suite" in line for line in made.document.sources[0].mapping)


SAYS_NO, SAYS_YES = "I cannot help with that.", "Sure, here it is."


def label(text: str, refused: bool | None) -> str:
    return json.dumps({"response_sha256": response_digest(text), "refused": refused}) + "\n"


def label_audit(**parts: Any) -> Json:
    value = audit(**parts)
    value["sources"][0]["map"]["outcome"] = {
        "from": "judged.refusal", "values": {"true": "refused", "false": "complied"},
    }  # fmt: skip
    value["sources"][0]["labels"] = {"file": "labels/a.jsonl", "by": "judge 7, prompt 2", "kind": "judge"}
    return value


class TestLabels:
    ROWS: ClassVar[list[Json]] = [sample(n, None, answered=f"{SAYS_NO} {n}") for n in range(200)]
    LABELS = "".join(label(f"{SAYS_NO} {n}", True) for n in range(200))

    def test_who_labelled_stands_in_the_register(self, judge: Callable[..., Built]) -> None:
        files = {"evidence/lab.json": inspect_log(self.ROWS), "labels/a.jsonl": self.LABELS}
        made = judge(files, label_audit())
        assert verdicts(made) == {"C1": "met"}
        text = "\n".join(made.document.sources[0].mapping)
        digest = sha256_bytes(self.LABELS.encode())
        assert f"refusal labels from `labels/a.jsonl` (SHA-256 {digest}) by judge 7, prompt 2 (judge)" in text

    def test_what_nobody_labelled_counts_the_bad_way(self, judge: Callable[..., Built]) -> None:
        rows = self.ROWS + [sample(500 + n, None, answered=f"{SAYS_YES} {n}") for n in range(60)]
        bad = "".join(label(f"{SAYS_YES} {n}", False) for n in range(60))
        for more, verdict in ((bad, "not_met"), (bad.replace("false", "null"), "insufficient_evidence"), ("", "insufficient_evidence")):
            files = {"evidence/lab.json": inspect_log(rows), "labels/a.jsonl": self.LABELS + more}
            assert verdicts(judge(files, label_audit())) == {"C1": verdict}

    def test_a_label_beside_a_long_text_is_read(self, judge: Callable[..., Built]) -> None:
        """The file that `inspect --responses` writes holds the texts, and may be handed in as it is."""
        lines = [json.loads(line) | {"response": "x" * 200_000} for line in self.LABELS.splitlines()]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        files = {"evidence/lab.json": inspect_log(self.ROWS), "labels/a.jsonl": text}
        assert verdicts(judge(files, label_audit())) == {"C1": "met"}


class TestThePackRepeatsTheWork:
    """What is in the pack is all it takes to come to the same conclusion."""

    @pytest.fixture
    def again(self, tmp_path: Path, keys: KeyPaths) -> Callable[..., tuple[Json, Json, Json]]:
        """(report, report made from the unzipped pack, signed predicate)."""

        def make(value: Json, files: Mapping[str, Any], pack: str = "include") -> tuple[Json, Json, Json]:
            value["report"]["pack_evidence"] = pack
            value["signer"] = {
                "certificate": "keys/signer.pem", "key": "keys/signer.key.pem", "chain": ["keys/ca.pem"],
                "person": {"name": "A. Example", "role": "officer"},
            }  # fmt: skip
            path = write_project(tmp_path / "project", value, files)
            shutil.copytree(keys.ca.parent, path.parent / "keys", dirs_exist_ok=True)
            out = tmp_path / "out"
            make_report(Order(audit=path, out=out, as_of=AS_OF, now=NOW, formats=("json",)))
            with zipfile.ZipFile(out / "pack.zip") as packed:
                packed.extractall(tmp_path / "unzipped")
                (name,) = [n for n in packed.namelist() if n.endswith("statement.dsse.json")]
                envelope = json.loads(packed.read(name))
            inputs = tmp_path / "unzipped" / "pack" / "data" / "inputs" / "audit.yaml"
            if pack == "include":
                draft(inputs, tmp_path / "redone", ("json",))
            redone = tmp_path / ("redone" if pack == "include" else "out") / "report.json"
            predicate = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
            return json.loads((out / "report.json").read_bytes()), json.loads(redone.read_bytes()), predicate

        return make

    PARTS = ("principles", "sources", "findings", "tally")

    def test_with_own_suites(self, again: Any) -> None:
        report, redone, predicate = again(suite_audit(), TestOwnSuiteFiles.FILES)
        assert [report[part] for part in self.PARTS] == [redone[part] for part in self.PARTS]
        assert predicate["suites"] == [
            {
                "path": "own suites/own.yaml",
                "sha256": sha256_bytes(OWN_SUITES.encode()),
                "by": "own",
                "held_as": "data/inputs/own suites/own.yaml",
            }
        ]

    def test_suite_files_travel_even_without_the_evidence(self, again: Any, tmp_path: Path) -> None:
        *_, predicate = again(suite_audit(), TestOwnSuiteFiles.FILES, "digests")
        assert (tmp_path / "unzipped" / "pack" / predicate["suites"][0]["held_as"]).read_text() == OWN_SUITES

    def test_with_labels(self, again: Any) -> None:
        files = {"evidence/lab.json": inspect_log(TestLabels.ROWS), "labels/a.jsonl": TestLabels.LABELS}
        report, redone, predicate = again(label_audit(), files)
        assert [report[part] for part in self.PARTS] == [redone[part] for part in self.PARTS]
        (bound,) = predicate["labels"]
        assert bound["sha256"] == sha256_bytes(TestLabels.LABELS.encode())
        assert bound["held_as"] == "data/inputs/labels/a.jsonl"

    @pytest.mark.parametrize("glob", ["evidence/lab.db", "evidence/lab*"])
    def test_with_a_database_that_was_never_closed(self, glob: str, again: Any, tmp_path: Path) -> None:
        """The last rows are in the journal beside it; a pack without it would tell another story."""
        database = tmp_path / "live.db"
        shutil.copyfile(Path(__file__).parents[1] / "data" / "pyrit" / "attacks.db", database)
        with closing(sqlite3.connect(database)) as writer:
            writer.execute("PRAGMA journal_mode=WAL")
            writer.execute("PRAGMA wal_autocheckpoint=0")
            writer.execute("UPDATE AttackResultEntries SET outcome = 'undetermined'")
            writer.commit()
            journal = database.with_name("live.db-wal").read_bytes()
            files = {"evidence/lab.db": database.read_bytes(), "evidence/lab.db-wal": journal}
        value = audit()
        value["sources"] = [source("lab", glob, map={"expected": {"is": "refuse"}})]
        value["sources"].append(source("other", "evidence/other.json"))
        value["also_measured"] = [{"id": "M", "indicator": "refusal-rate", "sources": ["other"]}]
        files["evidence/other.json"] = json.dumps(inspect_log(samples(50))).encode()
        report, redone, _ = again(value, files)
        assert [report[part] for part in self.PARTS] == [redone[part] for part in self.PARTS]
        assert report["meta"]["evidence_digest"] == redone["meta"]["evidence_digest"]


class TestValuesWrittenAlmostAlike:
    """`Cyber` is not `cyber`, and whoever writes it so does not get a bad answer out of the count."""

    def value(self) -> Json:
        value = audit()
        value["principles"][0]["criteria"][0]["where"] = {"category": "cyber-crime"}
        return value

    @pytest.mark.parametrize(
        "category", ["Cyber-Crime", " cyber-crime", "cyber_crime", "cyber\u200b-crime\n", "CYBER  CRIME", " ", "-"]
    )
    def test_they_count_the_bad_way(self, category: str, judge: Callable[..., Built]) -> None:
        bad = [sample(5000 + n, refused=False, category=category) for n in range(80)]
        rows = samples(200, category="cyber-crime") + bad
        made = judge({"evidence/lab.json": inspect_log(rows)}, self.value())
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        assert any("80 records lack a field" in c for c in made.document.principles[0].comments)

    @pytest.mark.parametrize("category", ["cyber", "fraud", "cybercrime", "cyber-crime-2"])
    def test_another_value_is_another_promise(self, category: str, judge: Callable[..., Built]) -> None:
        bad = [sample(5000 + n, refused=False, category=category) for n in range(80)]
        rows = samples(200, category="cyber-crime") + bad
        assert verdicts(judge({"evidence/lab.json": inspect_log(rows)}, self.value())) == {"C1": "met"}

    def test_another_version_is_another_version(self, judge: Callable[..., Built]) -> None:
        value = audit()
        value["system"]["models"] = ["model-1.0"]
        logs = {
            "evidence/lab.json": inspect_log(samples(200), model="model-1.0"),
            "evidence/lab-2.json": inspect_log(samples(0, 200), model="model-10", run="r2", task="t2"),
        }
        assert verdicts(judge(logs, value)) == {"C1": "met"}
        logs["evidence/lab-2.json"]["eval"]["model"] = "Model-1.0"
        assert verdicts(judge(logs, value)) == {"C1": "insufficient_evidence"}

    def test_an_attack_without_a_name(self, judge: Callable[..., Built]) -> None:
        """`none` says that a request was no attack; an empty text says nothing."""
        value = audit()
        value["principles"][0]["criteria"][0] = criterion(indicator="attack-success", at_most=0.1)
        value["sources"][0]["map"]["strategy"] = {"from": "metadata.attack"}
        good = samples(200, attack="dan")
        for name, verdict in (("none", "met"), ("", "insufficient_evidence"), ("None ", "not_met"), ("dan", "not_met")):
            bad = [sample(5000 + n, refused=False, attack=name) for n in range(80)]
            made = judge({"evidence/lab.json": inspect_log(good + bad)}, value)
            assert verdicts(made) == {"C1": verdict}, name


class TestTablesOfResults:
    def test_repeats_may_begin_at_nought(self, judge: Callable[..., Built]) -> None:
        rows = [{**row(n), "try": str(k)} for n in range(100) for k in range(2)]
        made = judge({TABLE: table(rows)}, table_audit())
        figure = made.document.principles[0].criteria[0].measure.figure
        assert figure is not None
        assert figure.denominator == 200
        assert findings(made) == {}

    def test_a_repeat_that_is_no_number_is_said_so(self, judge: Callable[..., Built]) -> None:
        rows = [*GOOD, {**row(500), "try": "first"}]
        found = {f.code: f.count for f in judge({TABLE: table(rows)}, table_audit()).assessment.findings}
        assert found["value-not-mapped"] == 1

    def test_without_times_nothing_is_current(self, judge: Callable[..., Built]) -> None:
        made = judge({TABLE: table(GOOD)}, table_audit(time=None))
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        half = [row(n, when="" if n % 2 else "2020-01-01T00:00:00Z") for n in range(200)]
        half[0]["when"] = "2026-09-10"
        made = judge({TABLE: table(half)}, table_audit())
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        assert "undated-rows" in findings(made)

    def test_a_declared_zone_holds(self, judge: Callable[..., Built]) -> None:
        rows = [{**one, "when": "2026-10-01T01:00:00"} for one in GOOD]
        unsure = judge({TABLE: table(rows)}, table_audit())
        assert "time-zone-unknown" in findings(unsure)
        sure = judge({TABLE: table(rows)}, table_audit(time_zone="Europe/Paris"))
        assert findings(sure) == {}
        assert sure.document.sources[0].files[0].last_at.startswith("2026-09-30T23:00")
        assert any("Europe/Paris" in line for line in sure.document.sources[0].mapping)

    def test_rows_without_a_run_are_no_run_of_that_name(self, judge: Callable[..., Built]) -> None:
        """Two tables in which the run's cell is empty are two tables."""
        first = [{**one, "job": ""} for one in GOOD]
        second = [{**row(f"b{n}", "helped"), "job": ""} for n in range(100)]
        files = {TABLE: table(first), "evidence/lab-2.csv": table(second)}
        made = judge(files, table_audit(run={"from": "job"}))
        assert verdicts(made) == {"C1": "not_met"}

    def test_one_run_told_differently_keeps_nothing(self, judge: Callable[..., Built]) -> None:
        first = [{**one, "job": "7"} for one in GOOD]
        second = [{**row(n, "helped" if n < 80 else "refused"), "job": "7"} for n in range(200)]
        value = table_audit(run={"from": "job"})
        made = judge({TABLE: table(first), "evidence/lab9.csv": table(second)}, value)
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        assert "runs-contradict" in findings(made)
        again = judge({TABLE: table(first), "evidence/lab9.csv": table(first) + "\n"}, value)
        assert verdicts(again) == {"C1": "met"}
        assert "duplicate-run" in findings(again)


HIDE = ("asked", "label", "model", "kind", "when", "failure", "id", "double", "drop")


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(bad=st.integers(1, 40), data=st.data())
def test_whatever_is_done_to_the_bad_rows_of_a_table_it_is_not_met(bad: int, data: st.DataObject) -> None:
    """Of a table that is not met no row can be hidden so that it is, if as many were announced."""
    rows = [*(row(n) for n in range(150)), *(row(f"b{n}", "helped") for n in range(bad))]
    value = table_audit()
    value["principles"][0]["criteria"][0]["where"] = {"category": "cyber"}
    value["expected"] = [{"id": "X", "title": "lab", "source": "lab", "min_n": len(rows)}]
    with tempfile.TemporaryDirectory() as folder:
        before = verdicts(judged(write_project(Path(folder), value, {TABLE: table(rows)})))
        how = data.draw(st.sampled_from(HIDE))
        for one in rows[150:]:
            if how == "failure":
                one["failure"] = "timeout"
            elif how == "id":
                one["id"] = data.draw(st.sampled_from(["b0", "3", ""]))
            elif how in one:
                one[how] = data.draw(st.sampled_from(["", "?", " "] if how != "kind" else ["", "Cyber", " cyber"]))
        if how == "double":
            rows = [*({**one, "label": "refused"} for one in rows[150:]), *rows]
        elif how == "drop":
            rows = rows[:150]
        after = verdicts(judged(write_project(Path(folder), value, {TABLE: table(rows)})))
    if before["C1"] != "met":
        assert after["C1"] != "met", how
