"""Guardrails AI: a repaired failure is a failure, and what was done is told by the texts alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

DATA = Path(__file__).parents[1] / "data" / "guardrails_ai"
Json = dict[str, Any]


def outcome(raw: Any = "text", given_: Any = "text", status: str | None = None, **more: Any) -> Json:
    summaries = [] if status is None else [{"validator_name": "NoWeapons", "validator_status": status}]
    return {"call_id": "1", "raw_llm_output": raw, "validation_summaries": summaries, "validated_output": given_,
            "reask": None, "validation_passed": status != "fail", "error": None, **more}  # fmt: skip


def packed(*records: Json) -> bytes:
    return json.dumps(records).encode()


def told(row: Json) -> tuple[str, str | None, str | None]:
    return row["outcome"], row["guardrail_verdict"], row["guardrail_action"]


PASSED, MODIFIED, BLOCKED = ("unscored", "allow", "pass"), ("modified", "deny", "modify"), ("blocked_output", "deny", "block")


class TestGenuine:
    def test_outcomes_of_every_policy(self, read: Any, kit: Any) -> None:
        """fix without a reason, fix, filter, refrain, noop, reask, exception, fix_reask; each beside a pass."""
        file = read(DATA / "outcomes.json")
        rows = kit.rows(file)
        assert [told(row) for row in rows[1::2]] == [PASSED] * 8
        assert [told(row) for row in rows[::2]] == [
            ("modified", "modify", "modify"),
            MODIFIED,
            BLOCKED,
            BLOCKED,
            ("unscored", "deny", None),  # noop hands the text on and says that it failed
            MODIFIED,
            BLOCKED,
            MODIFIED,
        ]
        assert kit.codes(file) == {"blocks-disagree": 1, "undated-rows": 16, "outcome-undecided": 9}

    def test_a_repaired_failure_claims_to_have_passed(self) -> None:
        """The trap itself: `validation_passed` beside a validator that failed."""
        records = json.loads((DATA / "outcomes.json").read_text())
        assert any(r["validation_passed"] and r["validation_summaries"] for r in records)

    def test_no_address_becomes_an_id(self, read: Any, kit: Any) -> None:
        assert {row["sample_id"] for row in kit.rows(read(DATA / "outcomes.json"))} == {""}

    def test_validator_logs(self, read: Any, kit: Any) -> None:
        file = read(DATA / "validator-logs.json")
        assert file.reading.format == "guardrails-ai.validator_log"
        assert file.reading.outcomes == {"blocked_output": 3, "guardrail_error": 1, "modified": 3, "unscored": 10}
        assert told(kit.rows(file)[-1]) == ("guardrail_error", "error", None)
        assert kit.codes(file) == {
            "annotations-orphaned": 17, "time-zone-unknown": 17, "outcome-undecided": 10, "guardrail-errors": 1,
        }  # fmt: skip
        assert not any(row["zone_written"] for row in kit.rows(file))
        assert file.reading.completeness["denominator"] == "absent"

    def test_a_declared_zone_is_honoured(self, read: Any, kit: Any) -> None:
        bare, placed = read(DATA / "validator-logs.json"), read(
            DATA / "validator-logs.json", {"time_zone": "Asia/Tokyo"}
        )
        assert "time-zone-unknown" not in kit.codes(placed)
        shift = kit.rows(bare)[0]["observed_at"] - kit.rows(placed)[0]["observed_at"]
        assert shift.total_seconds() == 9 * 3600
        assert kit.rows(placed)[0]["zone_written"]

    def test_other_genuine_exports(self, read: Any, kit: Any, extra_exports: Path) -> None:
        file = read(extra_exports / "monitoring" / "guardrails_ai_outcome.json")
        assert [told(row) for row in kit.rows(file)] == [MODIFIED, PASSED]
        logs = read(extra_exports / "monitoring" / "guardrails_ai_validator_logs.json")
        assert [told(row) for row in kit.rows(logs)] == [MODIFIED, PASSED]


class TestRules:
    @pytest.mark.parametrize(
        ("record", "wanted"),
        [
            (outcome(status="fail", given_="[withheld]", validation_passed=True), MODIFIED),
            (outcome(status="fail", given_=None), BLOCKED),
            (outcome(status="fail"), ("unscored", "deny", None)),
            (outcome(status="pass"), PASSED),
            (outcome('{"a": 1}', {"a": 1}), PASSED),
            (outcome('{"a": 1}', {"a": 2}), ("modified", "modify", "modify")),
            (outcome(given_=None, validation_passed=False), ("blocked_output", None, "block")),
            (outcome(given_=None), ("unscored", "allow", None)),
            (outcome(raw=None, given_=None, error="connection refused", validation_passed=False),
             ("provider_error", None, None)),
            (outcome(given_=None, error="TypeError", validation_passed=False), ("guardrail_error", "error", None)),
        ],
    )  # fmt: skip
    def test_verdict_and_action(self, record: Json, wanted: Any, read: Any, kit: Any) -> None:
        (row,) = kit.rows(read(packed(record)))
        assert told(row) == wanted

    def test_camel_case_is_the_same(self, read: Any, kit: Any) -> None:
        record = {
            "callId": "1", "rawLlmOutput": "x", "validatedOutput": "[withheld]", "validationPassed": True,
            "validationSummaries": [{"validatorName": "No", "validatorStatus": "fail", "failureReason": "x"}],
        }  # fmt: skip
        assert told(kit.rows(read(packed(record)))[0]) == MODIFIED

    def test_an_unknown_status_is_named_and_decides_nothing(self, read: Any, kit: Any) -> None:
        file = read(packed(outcome(status="unsure")))
        assert told(kit.rows(file)[0]) == ("unscored", None, None)
        assert kit.codes(file)["value-unknown"] == 1

    def test_of_several_validators_one_that_failed_decides(self, read: Any, kit: Any) -> None:
        record = outcome(given_="[withheld]")
        record["validation_summaries"] = [
            {"validator_name": str(n), "validator_status": status} for n, status in enumerate(["pass", "fail", "pass"])
        ]
        assert told(kit.rows(read(packed(record)))[0]) == MODIFIED


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


class TestHostile:
    def test_any_types_are_survived(self, read: Any, kit: Any, workdir: Path) -> None:
        files = []

        @settings(max_examples=60, deadline=None)
        @given(st.dictionaries(st.sampled_from(sorted(outcome())), JUNK), JUNK, JUNK)
        def one(broken: Json, before: Any, result: Any) -> None:
            check = {"validator_name": before, "value_before_validation": before, "validation_result": result,
                     "value_after_validation": result, "start_time": before}  # fmt: skip
            file = read(packed(outcome(), outcome() | broken, check), is_counted=False)
            assert file.reading.counts.observations == 3
            assert "reader-failed" not in kit.codes(file)
            files.append(file)

        one()
        assert kit.counted_together(files, workdir / "counted") >= 3

    def test_entries_that_are_no_objects(self, read: Any, kit: Any) -> None:
        file = read(json.dumps([outcome(), 7, [outcome()], None, outcome()]).encode())
        assert file.reading.counts.observations == 2
        assert kit.codes(file)["lines-unreadable"] >= 2

    def test_a_cut_file(self, read: Any, kit: Any) -> None:
        file = read(packed(*[outcome()] * 9)[:-30])
        assert file.reading.counts.observations == 8
        assert kit.codes(file)["truncated"] == 1
