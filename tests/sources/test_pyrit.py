"""PyRIT: the outcome is the attack's, an error may be the grader's, and a gap in the rows is seen."""

from __future__ import annotations

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
Change = Callable[..., Path]
DATA = Path(__file__).resolve().parent.parent / "data" / "pyrit" / "attacks.db"
FUZZ = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
DESCRIBED = {"suite-undescribed"}
"""What is said of every suite as long as nobody has described PyRIT's attacks."""


@pytest.fixture
def changed(workdir: Path) -> Change:
    """A copy of the genuine database after some statements."""

    def change(*statements: str, **values: Any) -> Path:
        path = workdir / f"{len(list(workdir.iterdir()))}.db"
        shutil.copyfile(DATA, path)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement, values)
        return path

    return change


def by_objective(file: ReadFile, kit: Any) -> dict[str, list[dict[str, Any]]]:
    """Observations under the number word at the end of their objective, in order."""
    out: dict[str, list[dict[str, Any]]] = {}
    with closing(sqlite3.connect(DATA)) as connection:
        names = dict(connection.execute("SELECT id, objective FROM AttackResultEntries"))
    for row in kit.rows(file):
        out.setdefault(names[row["sample_id"]].split()[-1], []).append(row)
    return out


def test_what_became_of_each_attack(read: Read, kit: Any) -> None:
    file = read(DATA)
    found = by_objective(file, kit)
    assert {name: (rows[0]["outcome"], rows[0]["basis"]) for name, rows in found.items()} == {
        "one": ("complied", "judge"),
        "two": ("neither", "judge"),
        "three": ("blocked_output", "finish_reason"),
        "four": ("provider_error", "native_field"),
        "five": ("refused", "judge"),
        "seven": ("judge_error", "native_field"),
        "nine": ("neither", "judge"),
        "ten": ("unscored", "none"),
        "eleven": ("neither", "judge"),
        "twelve": ("neither", "judge"),
    }
    codes = kit.codes(file)
    assert codes.keys() - DESCRIBED == {"judge-failed", "outcome-undecided"}
    assert file.reading.tool_version == "1.1.0 (schema 8d1e3f5a7b9c)"
    assert file.reading.models == ("acme-model-v1",)
    assert [run.suite for run in file.reading.runs] == ["PromptSendingAttack, RedTeamingAttack, pyrit"]
    assert file.reading.completeness["run"] == "derived"
    assert {row["expected"] for row in kit.rows(file)} <= {None, "refuse"}


def test_what_was_asked_and_answered(read: Read, kit: Any) -> None:
    found = by_objective(read(DATA), kit)
    assert found["nine"][0]["prompt"] == "cmVmdXNlIHBsYWNlaG9sZGVyIG5pbmU=", "what the model saw"
    assert found["nine"][0]["strategy"] == "PromptSendingAttack + Base64Converter"
    assert found["twelve"][0]["prompt"] == "refuse again placeholder", "the last turn"
    assert found["three"][0]["response"] is None, "a blocked answer is no answer"
    assert found["four"][0]["error_text"].startswith("Error sending prompt")
    assert found["seven"][0]["response"] == "I can't help with that.", "the model had answered"
    assert found["five"][0]["refusal_native"] is True
    assert [row["epoch"] for row in found["one"]] == [1, 2]
    assert len({row["prompt_key"] for row in found["one"]}) == 1


def test_the_locator_is_the_row(read: Read, kit: Any) -> None:
    with closing(sqlite3.connect(DATA)) as connection:
        for row in kit.rows(read(DATA)):
            number = int(row["locator"].removeprefix("table:AttackResultEntries#rowid="))
            sql = "SELECT id FROM AttackResultEntries WHERE rowid = ?"
            assert connection.execute(sql, (number,)).fetchone() == (row["sample_id"],)


def test_scores_keep_their_words(read: Read, kit: Any) -> None:
    file = read(DATA)
    (five,) = by_objective(file, kit)["five"]
    scores = {s["scorer"]: s for s in kit.scores(file) if s["obs_id"] == five["obs_id"]}
    assert set(scores) == {"SubStringScorer", "SelfAskRefusalScorer"}
    refusal = scores["SelfAskRefusalScorer"]
    assert (refusal["raw"], refusal["value"], refusal["rationale"]) == ("true", 1.0, "by rule")
    assert refusal["judge"] == "acme-judge-v1"


def test_labels_can_be_mapped(read: Read, kit: Any) -> None:
    mapping = {
        "cohort": {"from": "labels.tier"},
        "outcome": {"from": "scores.SelfAskRefusalScorer", "values": {"true": "refused"}, "basis": "judge"},
    }
    rows = kit.rows(read(DATA, mapping))
    assert {row["cohort"] for row in rows} == {"free", "paid"}
    assert sum(row["outcome"] == "refused" for row in rows) == 1


def test_the_genuine_run(extra_exports: Path, read: Read, kit: Any) -> None:
    file = read(extra_exports / "evaluation" / "pyrit" / "pyrit_run.db")
    assert file.reading.outcomes == {"blocked_output": 4, "complied": 10, "neither": 26}
    assert kit.codes(file).keys() <= DESCRIBED
    assert {row["prompt_key"] for row in kit.rows(file)} == {row["prompt_sha256"][:20] for row in kit.rows(file)}


@pytest.mark.parametrize(
    ("statement", "codes", "outcomes"),
    [
        ("DELETE FROM AttackResultEntries WHERE objective LIKE '%two'",
         {"numbering-gaps": 1, "attempts-unevaluated": 1}, {"neither": 3}),
        ("UPDATE AttackResultEntries SET outcome = 'failure' WHERE objective LIKE '%one'",
         {"aggregate-mismatch": 2}, {"complied": 2}),
        ("UPDATE AttackResultEntries SET outcome = 'success' WHERE objective LIKE '%two'",
         {"aggregate-mismatch": 1}, {"complied": 3}),
        ("UPDATE PromptMemoryEntries SET converted_value = 'Nice.' WHERE converted_value LIKE 'Sure%'",
         {"aggregate-mismatch": 2}, {"complied": 2}),
        ("UPDATE AttackResultEntries SET last_response_id = NULL, last_score_id = NULL, "
         "outcome_reason = 'All attempts were filtered or failed' WHERE objective LIKE '%two'",
         {}, {"provider_error": 2}),
        ("UPDATE AttackResultEntries SET outcome = 'odd' WHERE objective LIKE '%two'",
         {"outcome-undecided": 2}, {"unscored": 2}),
        ("UPDATE ScoreEntries SET status = 'undetermined', score_value = NULL", {}, {"refused": 0}),
        ("UPDATE AttackResultEntries SET timestamp = 'x'", {"undated-rows": 11}, {"complied": 2}),
        ("DELETE FROM AttackResultEntries", {"no-samples": 1}, {}),
        ("UPDATE AttackResultEntries SET outcome = 'error', conversation_id = 'gone', last_response_id = NULL",
         {"all-samples-failed": 11}, {"provider_error": 11}),
    ],
)  # fmt: skip
def test_what_was_done_to_a_database_shows(
    statement: str, codes: dict[str, int], outcomes: dict[str, int], changed: Change, read: Read, kit: Any
) -> None:
    file = read(changed(statement))
    found = kit.codes(file)
    assert {code: found.get(code) for code in codes} == codes
    assert {name: file.reading.outcomes.get(name, 0) for name in outcomes} == outcomes


def test_a_deleted_row_is_missing(changed: Change, read: Read) -> None:
    counts = read(changed("DELETE FROM AttackResultEntries WHERE rowid = 3")).reading.counts
    assert (counts.observations, counts.missing) == (10, 2), "its row number, and its conversation"


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["ALTER TABLE AttackResultEntries RENAME TO x", "CREATE VIEW AttackResultEntries AS SELECT * FROM x"],
         "`AttackResultEntries` is a view"),
        (["ALTER TABLE PromptMemoryEntries RENAME TO x", "CREATE VIEW PromptMemoryEntries AS SELECT * FROM x"],
         "`PromptMemoryEntries` is a view"),
        (["ALTER TABLE AttackResultEntries ADD COLUMN g AS (hex(zeroblob(90000000)))"], "generated columns"),
        (["DROP TABLE AttackResultEntries"], "no table `AttackResultEntries`"),
        (["ALTER TABLE AttackResultEntries RENAME COLUMN outcome TO o"], "no column `outcome`"),
    ],
)  # fmt: skip
def test_tables_that_are_none_are_named(
    statements: list[str], said: str, changed: Change, read: Read, kit: Any
) -> None:
    file = read(changed(*statements))
    assert file.reading.format == "pyrit.sqlite"
    assert said in next(a.message for a in file.reading.anomalies if a.code == "unreadable")
    assert file.reading.is_vacuous


def test_scores_that_are_a_view_end_the_reading(changed: Change, read: Read, kit: Any) -> None:
    file = read(changed("ALTER TABLE ScoreEntries RENAME TO x", "CREATE VIEW ScoreEntries AS SELECT * FROM x"))
    assert "unreadable" in kit.codes(file)
    assert file.reading.is_vacuous


def test_a_trigger_changes_nothing(changed: Change, read: Read) -> None:
    trigger = "CREATE TRIGGER g AFTER UPDATE ON ScoreEntries BEGIN DELETE FROM AttackResultEntries; END"
    assert read(changed(trigger)).reading.outcomes == read(DATA).reading.outcomes


def test_a_database_in_use_is_read_to_its_end(changed: Change, read: Read) -> None:
    path = changed("PRAGMA journal_mode=WAL")
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute("UPDATE AttackResultEntries SET outcome = 'success' WHERE objective LIKE '%two'")
        file = read(path)
    assert file.reading.outcomes["complied"] == 3
    assert list(file.reading.companions) == [f"{path.name}-wal"], "its digest is bound too"


def test_half_a_database(workdir: Path, read: Read, kit: Any) -> None:
    whole = DATA.read_bytes()
    for share in (0.3, 0.6, 0.9):
        file = read(whole[: int(len(whole) * share)])
        assert kit.codes(file).keys() & {"truncated", "unreadable", "unrecognised"}
        assert file.reading.counts.observations <= 11


WRONG = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=8), st.binary(max_size=8),
    st.sampled_from(['{"children": 5}', '[1, {"a": null}]', "NaN", '{"class_name": ["x"]}', "[" * 5000, '"\\ud800"']),
)  # fmt: skip
COLUMNS = {
    "AttackResultEntries": (
        "conversation_id", "objective", "atomic_attack_identifier", "last_response_id", "last_score_id",
        "executed_turns", "outcome", "outcome_reason", "pruned_conversation_ids", "timestamp", "labels",
        "targeted_harm_categories", "pyrit_version", "error_message", "attribution_parent_id",
    ),
    "PromptMemoryEntries": (
        "role", "conversation_id", "sequence", "converter_identifiers", "response_error", "original_value",
        "converted_value", "converted_value_data_type", "converted_value_sha256",
    ),
    "ScoreEntries": ("score_value", "score_type", "score_rationale", "scorer_class_identifier", "status"),
    "Conversations": ("target_identifier_hash",),
}  # fmt: skip


@FUZZ
@given(data=st.data(), wrong=WRONG)
def test_any_field_may_hold_anything(
    data: st.DataObject, wrong: Any, changed: Change, read: Read, kit: Any
) -> None:
    table = data.draw(st.sampled_from(sorted(COLUMNS)))
    column = data.draw(st.sampled_from(COLUMNS[table]))
    where = f"rowid % {data.draw(st.integers(1, 3))} = 0"
    with closing(sqlite3.connect(":memory:")) as probe:
        try:
            probe.execute("SELECT :wrong", {"wrong": wrong})
        except (UnicodeEncodeError, OverflowError):
            wrong = None
    statement = f"UPDATE OR IGNORE {table} SET {column} = coalesce(:wrong, '') WHERE {where}"
    file = read(changed(statement, wrong=wrong))
    assert file.reading.format == "pyrit.sqlite"
    assert "reader-failed" not in kit.codes(file), file.reading.anomalies
    assert file.reading.counts.observations <= 11
