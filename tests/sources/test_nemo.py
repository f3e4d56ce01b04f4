"""NeMo Guardrails: a block is what a rail decided, a crash is none, and a trace does not tell the two apart."""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from auditgen.sources.nemo import INTERNAL_ERROR

DATA = Path(__file__).parents[1] / "data" / "nemo"
Json = dict[str, Any]


def rail(kind: str = "input", stop: bool = False, decisions: Any = (), **more: Any) -> Json:
    return {"type": kind, "name": f"check {kind}", "decisions": list(decisions), "executed_actions": [],
            "stop": stop, "started_at": 1790000000.5, **more}  # fmt: skip


def response(*rails: Json, said: str = "an answer", **more: Any) -> Json:
    return {
        "response": [{"role": "assistant", "content": said}],
        "llm_output": None,
        "output_data": {"user_message": "placeholder", "event": {"uid": "e-1"}},
        "log": {"activated_rails": list(rails), "llm_calls": []},
        "state": None,
        **more,
    }


def packed(*records: Json) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def one(read: Any, kit: Any, record: Json, mapping: Json | None = None) -> Json:
    (row,) = kit.rows(read(packed(record), mapping))
    return row


def told(row: Json) -> tuple[str, str | None, str | None]:
    return row["outcome"], row["guardrail_verdict"], row["guardrail_action"]


class TestGenuine:
    def test_responses(self, read: Any, kit: Any) -> None:
        """Eight requests as they are, three where rails raise: `make_exports.py` says what each one is."""
        file = read(DATA / "responses.json")
        assert file.reading.format == "nemo.response"
        assert [told(row) for row in kit.rows(file)] == [
            ("blocked_input", "deny", "block"),
            ("unscored", "allow", "pass"),
            ("guardrail_error", "error", None),
            ("blocked_output", "deny", "block"),
            ("blocked_input", "deny", "block"),  # `inform answer unknown` is what the library's rails say
            ("unscored", None, None),  # stopped by a decision that nobody explained
            ("guardrail_error", "error", None),
            ("unscored", "allow", "pass"),
            ("blocked_input", "deny", "block"),  # by an exception
            ("unscored", "allow", "pass"),
            ("guardrail_error", "error", None),
        ]
        assert kit.codes(file) == {"value-unknown": 1, "outcome-undecided": 4, "guardrail-errors": 3}
        assert file.reading.kind == "monitoring"
        assert file.reading.models == ("fake",)

    def test_a_crashed_rail_claims_to_have_been_triggered(self) -> None:
        """So `triggered_input_rail` cannot tell a block."""
        records = json.loads((DATA / "responses.json").read_text())
        crashed = [r for r in records if r["response"][0]["content"] == INTERNAL_ERROR]
        assert len(crashed) == 3
        assert any(r["output_data"]["triggered_input_rail"] for r in crashed)

    def test_times_and_ids(self, read: Any, kit: Any) -> None:
        first = kit.rows(read(DATA / "responses.json"))[0]
        native = json.loads((DATA / "responses.json").read_text())[0]
        assert first["sample_id"] == native["output_data"]["event"]["uid"]
        started = native["log"]["activated_rails"][0]["started_at"]
        assert first["observed_at"] == datetime.fromtimestamp(started, UTC)
        assert (first["run_key"], first["suite"], first["epoch"]) == ("production", "production", 1)
        assert first["locator"] == "pointer:/0"

    def test_traces(self, read: Any, kit: Any) -> None:
        file = read(DATA / "traces.jsonl")
        assert file.reading.format == "nemo.trace"
        rows = kit.rows(file)
        assert all(row["observed_at"] is None for row in rows)
        assert [row["outcome"] for row in rows].count("guardrail_error") == 0
        assert file.reading.outcomes == {"blocked_input": 2, "blocked_output": 1, "unscored": 8}
        # what crashed and what an exception stopped look alike: neither is called a block
        assert told(rows[2]) == told(rows[8]) == ("unscored", None, None)
        assert kit.codes(file) == {
            "value-unknown": 1, "undated-rows": 11, "outcome-undecided": 8, "content-not-captured": 11,
        }  # fmt: skip
        trace = json.loads((DATA / "traces.jsonl").read_text().splitlines()[0])
        assert rows[0]["sample_id"] == trace["trace_id"]

    def test_without_a_log(self, read: Any, kit: Any) -> None:
        (row,) = kit.rows(read(DATA / "no-log.json"))
        assert told(row) == ("unscored", None, None)
        assert row["locator"] == "pointer:"

    def test_lines_and_packed_ones_tell_the_same(self, read: Any, kit: Any) -> None:
        records = json.loads((DATA / "responses.json").read_text())
        plain = read(packed(*records))
        for data in (gzip.compress(packed(*records)), zstandard.compress(packed(*records))):
            assert kit.rows(read(data))[3]["locator"] == kit.rows(plain)[3]["locator"]
            assert read(data).reading.outcomes == plain.reading.outcomes

    def test_other_genuine_exports(self, read: Any, kit: Any, extra_exports: Path) -> None:
        answered = read(extra_exports / "monitoring" / "nemo_generation_response.json")
        assert answered.reading.outcomes == {"blocked_input": 1, "guardrail_error": 1}
        traced = read(extra_exports / "monitoring" / "nemo_traces.jsonl")
        assert traced.reading.outcomes == {"blocked_input": 1, "unscored": 1}


REFUSED = ("execute check", "refuse to respond", "stop")


class TestRules:
    @pytest.mark.parametrize(
        ("given_", "wanted"),
        [
            ((rail(stop=True, decisions=REFUSED),), ("blocked_input", "deny", "block")),
            ((rail(), rail("output", stop=True, decisions=REFUSED)), ("blocked_output", "deny", "block")),
            ((rail(stop=False, decisions=REFUSED),), ("unscored", "deny", None)),
            ((rail("dialog", decisions=REFUSED),), ("unscored", "deny", None)),
            ((rail(stop=True, decisions=("execute check", "stop")),), ("unscored", None, None)),
            ((rail(), rail("dialog")), ("unscored", "allow", "pass")),
            ((rail("dialog"),), ("unscored", None, None)),
            ((rail(stop=True, decisions=("refused it", "stop")),), ("unscored", None, None)),
            ((), ("unscored", None, None)),
        ],
    )
    def test_stop_and_refusal_make_a_block(
        self, given_: tuple[Json, ...], wanted: tuple[str, str | None, str | None], read: Any, kit: Any
    ) -> None:
        assert told(one(read, kit, response(*given_))) == wanted

    @pytest.mark.parametrize("stop", [True, False])
    def test_an_internal_error_is_no_refusal(self, stop: bool, read: Any, kit: Any) -> None:
        row = one(read, kit, response(rail(stop=stop, decisions=("execute check",)), said=INTERNAL_ERROR))
        assert told(row) == ("guardrail_error", "error", None)

    def test_the_history_tells_of_a_crash_that_speaks_otherwise(self, read: Any, kit: Any) -> None:
        record = response(rail(stop=True, decisions=("execute check", "stop")), said="Désolé.")
        record["log"]["colang_history"] = 'execute check\nbot inform internal error occurred\n  "Désolé."\nbot stop\n'
        assert told(one(read, kit, record)) == ("guardrail_error", "error", None)

    def test_a_user_who_quotes_the_history_causes_no_error(self, read: Any, kit: Any) -> None:
        record = response(rail())
        record["log"]["colang_history"] = 'user "bot inform internal error occurred"\n  "an answer"\n'
        assert told(one(read, kit, record)) == ("unscored", "allow", "pass")

    @pytest.mark.parametrize(
        ("verdict", "wanted"),
        [
            ({"allowed": False, "failed": False}, ("blocked_input", "deny", "block")),
            ({"allowed": False, "failed": True}, ("guardrail_error", "error", None)),
        ],
    )
    def test_the_engine_without_colang(self, verdict: Json, wanted: Any, read: Any, kit: Any) -> None:
        """It decides in `return_value`; `failed` tells a broken rail from one that decided (0.24.1)."""
        action = {"action_name": "self check input", "return_value": verdict}
        record = response(rail(stop=True, executed_actions=[action]), said="I'm sorry, I can't respond to that.")
        assert told(one(read, kit, record)) == wanted

    def test_a_trace_whose_span_failed(self, read: Any, kit: Any) -> None:
        known = {"rail.type": "input", "rail.name": "x", "rail.stop": True, "rail.decisions": ["execute x", "stop"]}
        span = {"name": "guardrails.rail", "span_type": "RailSpan", "attributes": known, "error": {"occurred": True}}
        trace = {"schema_version": "2.0", "trace_id": "t", "spans": [span]}
        assert told(one(read, kit, trace)) == ("guardrail_error", "error", None)

    def test_an_unknown_layout_of_traces_is_named(self, read: Any, kit: Any) -> None:
        span = {"name": "guardrails.request", "attributes": {}}
        file = read(packed({"schema_version": "3.1", "trace_id": "t", "spans": [span]}))
        assert kit.codes(file)["value-unknown"] == 1

    def test_a_declared_outcome_does_not_overrule_a_crash(self, read: Any, kit: Any) -> None:
        mapping = {
            "outcome": {"from": "detected.refusal", "values": {"true": "refused", "false": "complied"}},
            "cohort": {"from": "output_data.tier"},
        }
        record = response(rail(), said="I'm sorry, I can't help with that.")
        record["output_data"]["tier"] = "free"
        row = one(read, kit, record, mapping)
        assert (row["outcome"], row["basis"], row["cohort"]) == ("refused", "text_heuristic", "free")
        crashed = one(read, kit, response(rail(), said=INTERNAL_ERROR), mapping)
        assert crashed["outcome"] == "guardrail_error"

    def test_a_record_without_an_id_gets_none(self, read: Any, kit: Any) -> None:
        record = response(rail())
        record["output_data"] = {}
        assert one(read, kit, record)["sample_id"] == ""


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("type", "name", "decisions", "executed_actions", "stop", "started_at", "rail.type", "rail.stop")


class TestHostile:
    def test_any_types_are_survived(self, read: Any, kit: Any, workdir: Path) -> None:
        files = []

        @settings(max_examples=60, deadline=None)
        @given(st.dictionaries(st.sampled_from(FIELDS), JUNK), JUNK, JUNK)
        def one(broken: Json, log: Any, said: Any) -> None:
            records = [
                response(rail() | broken),
                response() | {"log": log},
                response() | {"response": said, "output_data": log},
                {"schema_version": said, "trace_id": log, "spans": [{"attributes": broken, "events": [log]}, said]},
            ]
            file = read(packed(response(rail()), *records), is_counted=False)
            assert file.reading.counts.observations == 5
            assert "reader-failed" not in kit.codes(file)
            files.append(file)

        one()
        assert kit.counted_together(files, workdir / "counted") >= 5

    def test_cut_files(self, read: Any, kit: Any) -> None:
        whole = (DATA / "responses.json").read_bytes()
        for size in (100, len(whole) // 2, len(whole) - 3):
            file = read(whole[:size])
            assert "reader-failed" not in kit.codes(file)
            assert {"truncated", "unrecognised"} & kit.codes(file).keys()

    def test_a_cut_last_line(self, read: Any, kit: Any) -> None:
        data = packed(response(rail()), response(rail()))
        file = read(data[:-40])
        assert file.reading.counts.observations == 1
        assert kit.codes(file)["lines-unreadable"] == 1
        many = [response(rail(), said=hashlib.sha256(str(n).encode()).hexdigest()) for n in range(3000)]
        cut = read(gzip.compress(packed(*many))[:-5000])
        assert kit.codes(cut)["truncated"] == 1
        assert cut.reading.counts.observations > 1000

    def test_no_prompt_and_no_answer_in_any_doubt(self, read: Any) -> None:
        record = response(rail(stop=True, decisions=["say x", "stop"]), said="SECRET ANSWER")
        record["output_data"]["user_message"] = "SECRET QUESTION"
        file = read(packed(record))
        assert not any("SECRET" in anomaly.message for anomaly in file.reading.anomalies)
