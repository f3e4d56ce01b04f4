"""promptfoo's other forms: JSON Lines, its database, CSV; and what its numbering and totals give away."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.sources.reading import ReadFile

Read = Callable[..., ReadFile]
Json = dict[str, Any]
DATA = Path(__file__).resolve().parent.parent / "data" / "promptfoo"
FUZZ = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
OUTCOMES = {"refused": 2, "complied": 2, "provider_error": 4, "judge_error": 8, "unscored": 4}
"""Of the twenty rows of `plain.*`, counted by hand in `plain.json`."""
DOUBTS = {"suite-undescribed": 20, "judge-failed": 8, "outcome-undecided": 4}
SAME = ("sample_id", "prompt_key", "epoch", "outcome", "basis", "suite", "model", "prompt", "response", "strategy")


@pytest.fixture
def plain() -> Json:
    """The whole JSON export."""
    value: Json = json.loads((DATA / "plain.json").read_bytes())
    return value


def packed(value: Json) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize("name", ["plain.json", "plain.jsonl", "promptfoo.db"])
def test_three_forms_say_the_same(name: str, read: Read, kit: Any) -> None:
    file, other = read(DATA / name), read(DATA / "plain.json")
    assert file.reading.outcomes == OUTCOMES
    assert kit.codes(file) == DOUBTS
    ours, theirs = ({r["sample_id"]: r for r in kit.rows(f)} for f in (file, other))
    for sample, row in ours.items():
        known = theirs.get(sample)
        # JSON Lines and the database keep the ids; where they do not, the row is compared by its place
        if known is not None:
            assert {k: row[k] for k in SAME} == {k: known[k] for k in SAME}
    assert len(ours) == len(theirs) == 20


def test_what_each_form_lacks(read: Read) -> None:
    wanted = ("run", "time", "version", "denominator")
    found = {
        name: [str(read(DATA / name).reading.completeness[field]) for field in wanted]
        for name in ("plain.json", "promptfoo.db", "plain.jsonl", "plain.csv")
    }
    assert found == {
        "plain.json": ["present"] * 4,
        "promptfoo.db": ["present", "present", "absent", "absent"],
        "plain.jsonl": ["absent"] * 4,
        "plain.csv": ["absent"] * 4,
    }


def test_repeats_of_a_test(read: Read, kit: Any) -> None:
    epochs: dict[tuple[str, str], list[int]] = {}
    for row in kit.rows(read(DATA / "plain.json")):
        epochs.setdefault((row["prompt_key"], row["prompt"]), []).append(row["epoch"])
    assert sorted(epochs.values()) == [[1, 2]] * 10, "five tests, two prompts, twice each"


def test_a_grader_that_failed_is_no_failure_of_the_model(read: Read, kit: Any) -> None:
    file = read(DATA / "plain.json")
    failed = {r["obs_id"] for r in kit.rows(file) if r["outcome"] == "judge_error"}
    scores = [s for s in kit.scores(file) if s["obs_id"] in failed]
    assert {(s["state"], s["value"], s["verdict"], s["raw"]) for s in scores} == {("error", None, None, "0")}
    assert {s["judge"] for s in scores} == {"file://grader.cjs"}


@pytest.mark.parametrize("mark", [True, False])
def test_a_failed_grader_in_a_red_team(mark: bool, plain: Json, read: Read, kit: Any) -> None:
    """Without the mark, which older versions lack, the tool's own words give it away."""
    for row in plain["results"]["results"]:
        for component in (row.get("gradingResult") or {}).get("componentResults", []):
            if component.pop("metadata", None) and mark:
                component["metadata"] = {"graderError": True}
            component["assertion"]["type"] = "promptfoo:redteam:contracts"
    outcomes = read(packed(plain)).reading.outcomes
    assert outcomes.get("judge_error") == (8 if mark else 4)


def test_an_empty_answer_is_no_refusal(plain: Json, read: Read) -> None:
    row = plain["results"]["results"][0]
    row["response"] = {"output": " "}
    row["gradingResult"]["componentResults"] = [
        {"pass": True, "score": 1, "reason": "Model refused the request", "assertion": {"type": "promptfoo:redteam:x"}}
    ]
    assert read(packed(plain)).reading.outcomes["neither"] == 1


def test_guardrails_and_native_refusals(read: Read, kit: Any) -> None:
    rows = kit.rows(read(DATA / "plain.json"))
    flagged = [r for r in rows if r["guardrail_verdict"] == "flag"]
    assert len(flagged) == 2
    assert {(r["refusal_native"], r["outcome"], r["guardrail_action"]) for r in flagged} == {(True, "refused", None)}


def test_the_original_text_stands_for_a_withheld_prompt(plain: Json, read: Read, kit: Any) -> None:
    row = plain["results"]["results"][0]
    row["prompt"]["raw"] = "[REDACTED]"
    row["metadata"]["originalText"] = "the base"
    file = read(packed(plain))
    assert kit.codes(file)["redacted-by-tool"] == 1
    assert (kit.rows(file)[0]["prompt"], kit.rows(file)[0]["prompt_state"]) == ("the base", "redacted_by_tool")


def test_cached_answers_are_counted(plain: Json, read: Read, kit: Any) -> None:
    for row in plain["results"]["results"][:3]:
        row["response"]["cached"] = True
    assert kit.codes(read(packed(plain)))["cached-responses"] == 3


# -- numbering and totals -----------------------------------------------------------------------


def drop(plain: Json, keep: Callable[[Json], bool]) -> None:
    plain["results"]["results"] = [row for row in plain["results"]["results"] if keep(row)]


def recount(plain: Json) -> None:
    """Totals that fit the rows again, as somebody who hides rows would write them."""
    rows = plain["results"]["results"]
    kinds = [2 if r["failureReason"] == 2 else 0 if r["success"] else 1 for r in rows]
    plain["results"]["stats"] |= {"successes": kinds.count(0), "failures": kinds.count(1), "errors": kinds.count(2)}
    for prompt in plain["results"]["prompts"]:
        prompt["metrics"] = {}


def test_rows_taken_out_leave_a_gap(plain: Json, read: Read, kit: Any) -> None:
    drop(plain, lambda row: row["testIdx"] not in {0, 1})
    recount(plain)
    file = read(packed(plain))
    assert kit.codes(file)["samples-missing"] == 4
    assert "tests 0, 1" in next(a.message for a in file.reading.anomalies if a.code == "samples-missing")
    assert file.reading.counts.missing == 4


def test_one_cell_taken_out(plain: Json, read: Read, kit: Any) -> None:
    drop(plain, lambda row: (row["testIdx"], row["promptIdx"]) != (3, 1))
    recount(plain)
    assert kit.codes(read(packed(plain)))["samples-missing"] == 1


def test_a_test_meant_for_one_prompt_is_no_gap(plain: Json, read: Read, kit: Any) -> None:
    """promptfoo can confine a test to some prompts; then its own totals have no such row either."""
    drop(plain, lambda row: (row["testIdx"], row["promptIdx"]) != (2, 1))
    plain["results"]["stats"]["errors"] -= 1
    plain["results"]["prompts"][1]["metrics"]["testErrorCount"] -= 1
    assert kit.codes(read(packed(plain))).keys() == DOUBTS.keys()


def test_a_copied_row(plain: Json, read: Read, kit: Any) -> None:
    rows = plain["results"]["results"]
    rows.append(rows[0])
    rows.append({**rows[0], "id": "another"})
    found = kit.codes(read(packed(plain)))
    assert found["duplicate-samples"] == 2, "one under its own id, one under another"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("results", "stats", "successes"), 7),
        (("results", "prompts", 0, "metrics", "testPassCount"), 5),
        (("results", "prompts", 1, "metrics", "score"), 9.5),
    ],
)
def test_totals_that_contradict_the_rows(place: tuple[Any, ...], value: Any, plain: Json, read: Read, kit: Any) -> None:
    target: Any = plain
    for step in place[:-1]:
        target = target[step]
    if place[-1] == "successes":
        target["failures"] -= 1  # the sum stays what it was
    target[place[-1]] = value
    file = read(packed(plain))
    assert "aggregate-mismatch" in kit.codes(file)
    assert file.reading.runs[0].native_aggregates[".".join(map(str, place[1:])).replace(".metrics", "")] == value


# -- database -----------------------------------------------------------------------------------


@pytest.fixture
def changed(workdir: Path) -> Callable[..., Path]:
    def change(*statements: str, **values: Any) -> Path:
        path = workdir / f"{len(list(workdir.iterdir()))}.db"
        shutil.copyfile(DATA / "promptfoo.db", path)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement, values)
        return path

    return change


COLUMNS = (
    "created_at, eval_id, prompt_idx, test_idx, test_case, prompt, provider, response, error, success, "
    "score, grading_result, named_scores, metadata, failure_reason"
)


def test_several_evaluations_are_several_runs(changed: Callable[..., Path], read: Read, kit: Any) -> None:
    file = read(
        changed(
            "INSERT INTO evals SELECT 'eval-2', created_at + 1000, description, results, config, author, "
            "prompts, vars, is_redteam, runtime_options FROM evals",
            f"INSERT INTO eval_results (id, {COLUMNS}) SELECT 'b' || id, {COLUMNS.replace('eval_id', repr('eval-2'))} "
            "FROM eval_results WHERE test_idx <> 4",
        )
    )
    assert [run.native_id for run in file.reading.runs][1] == "eval-2"
    assert {row["run_key"] for row in kit.rows(file)} == {run.run_key for run in file.reading.runs}
    found = next(a for a in file.reading.anomalies if a.code == "samples-missing")
    assert (found.count, found.message.startswith("`eval-2`: ")) == (2, True)


def test_the_locator_is_the_row(read: Read, kit: Any) -> None:
    with closing(sqlite3.connect(DATA / "promptfoo.db")) as connection:
        for row in kit.rows(read(DATA / "promptfoo.db")):
            number = int(row["locator"].removeprefix("table:eval_results#rowid="))
            found = connection.execute("SELECT id FROM eval_results WHERE rowid = ?", (number,)).fetchone()
            assert found == (row["sample_id"],)


def test_a_view_in_place_of_the_results(changed: Callable[..., Path], read: Read, kit: Any) -> None:
    path = changed(
        "ALTER TABLE eval_results RENAME TO x", "CREATE VIEW eval_results AS SELECT * FROM x, x AS y, x AS z"
    )
    file = read(path)
    assert "is a view" in next(a.message for a in file.reading.anomalies if a.code == "unreadable")
    assert file.reading.is_vacuous


WRONG = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=8), st.binary(max_size=8),
    st.sampled_from(['{"output": {}}', "[1]", "NaN", '{"componentResults": [null, {"pass": 1}]}', "[" * 5000, '"\\ud800"']),
)  # fmt: skip


@FUZZ
@given(data=st.data(), wrong=WRONG)
def test_any_column_may_hold_anything(
    data: st.DataObject, wrong: Any, changed: Callable[..., Path], read: Read, kit: Any
) -> None:
    column = data.draw(st.sampled_from(COLUMNS.split(", ")))
    if isinstance(wrong, str):
        wrong = wrong.encode("utf-8", "replace").decode()
    statement = f"UPDATE eval_results SET {column} = coalesce(:wrong, '') WHERE rowid % 2 = 0"
    with closing(sqlite3.connect(DATA / "promptfoo.db")) as connection:  # indexes that parse JSON refuse it
        sql = "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE INDEX%json_extract%'"
        dropped = [f"DROP INDEX {name}" for (name,) in connection.execute(sql)]
    file = read(changed(*dropped, statement, wrong=wrong))
    assert "reader-failed" not in kit.codes(file), file.reading.anomalies
    assert file.reading.counts.observations == 20


# -- JSON Lines and CSV -------------------------------------------------------------------------


def test_lines_that_are_none(read: Read, kit: Any) -> None:
    lines = (DATA / "plain.jsonl").read_bytes().splitlines()
    lines[4] = b'{"cut'
    file = read(b"\n".join(lines) + b"\n")
    assert kit.codes(file)["lines-unreadable"] == 1
    assert kit.codes(file)["samples-missing"] == 1
    assert file.reading.counts.observations == 19


def test_csv_by_place(read: Read, kit: Any) -> None:
    file = read(DATA / "plain.csv")
    assert file.reading.format == "promptfoo.csv"
    assert file.reading.outcomes == {"provider_error": 4, "unscored": 16}
    rows = kit.rows(file)
    assert {r["model"] for r in rows} == {"acme-model-v1"}
    assert sum(r["prompt_state"] == "redacted_by_tool" for r in rows) == 4
    first = [s for s in kit.scores(file) if s["obs_id"] == rows[0]["obs_id"]]
    assert {s["metric"]: (s["raw"], s["verdict"]) for s in first} == {"score": ("1.00", "pass"), "Refusal": ("1.00", None)}
    whole = (DATA / "plain.csv").read_bytes()
    for row in rows:
        place, _, column = row["locator"].partition("/columns/")
        offset = int(place.partition("@")[2])
        cells = next(csv.reader(io.StringIO(whole[offset:].decode())))
        assert (cells[int(column)] or None) == row["response"]


def test_csv_of_a_red_team(read: Read, kit: Any) -> None:
    rows = kit.rows(read(DATA / "red.csv"))
    assert len(rows) == 60
    assert {r["category"] for r in rows} >= {"contracts", "policy", "pii:direct"}
    assert {r["strategy"] for r in rows} == {"basic", "base64", "rot13", "leetspeak", "homoglyph"}
    assert {r["expected"] for r in rows if r["category"] == "contracts"} == {"refuse"}


def test_csv_statuses_can_be_mapped(read: Read) -> None:
    mapping = {"outcome": {"from": "scores.Refusal", "values": {"1.00": "refused", "0.00": "complied"}, "basis": "judge"}}
    assert read(DATA / "plain.csv", mapping).reading.outcomes == {
        "refused": 2, "complied": 2, "provider_error": 4, "unscored": 12,
    }  # fmt: skip


def test_csv_spoiled(read: Read, kit: Any) -> None:
    whole = (DATA / "plain.csv").read_bytes()
    assert "lines-unreadable" in kit.codes(read(whole + b"one,two\n"))
    file = read(whole[:-40] + b'"never closed ' + b"x" * 50_000)
    assert file.reading.counts.observations == 18
    assert {"truncated", "lines-unreadable"} & kit.codes(file).keys()
    nul = read(whole.replace(b"Sure", b"S\x00re").replace(b"Paris", b"\xff"))
    assert nul.reading.format in {"promptfoo.csv", ""}


@FUZZ
@given(data=st.data())
def test_csv_of_anything(data: st.DataObject, read: Read, kit: Any) -> None:
    whole = bytearray((DATA / "plain.csv").read_bytes())
    first = whole.index(b"\n") + 1
    for _ in range(data.draw(st.integers(1, 20))):
        whole[data.draw(st.integers(first, len(whole) - 1))] = data.draw(st.sampled_from(b'",\n\r\x00\xffx'))
    file = read(bytes(whole))
    assert "reader-failed" not in kit.codes(file), file.reading.anomalies
