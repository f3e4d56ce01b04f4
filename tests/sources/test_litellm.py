"""LiteLLM: payloads and spend rows made by LiteLLM itself, its daily counts, and what can be wrong with them."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

DATA = Path(__file__).parents[1] / "data" / "litellm"
Json = dict[str, Any]
OUTCOMES = {"blocked_input": 2, "guardrail_error": 1, "modified": 1, "provider_error": 1, "unscored": 4}
"""Of the nine calls in both files, as `make_logs.py` made them."""


def payload(**more: Any) -> Json:
    return {
        "id": "c-1", "call_type": "acompletion", "startTime": 1788256800.0, "custom_llm_provider": "openai",
        "status": "success", "status_fields": {"guardrail_status": "not_run"}, "model": "acme-1",
        "metadata": {"requester_metadata": {"tier": "free"}}, "messages": [{"role": "user", "content": "x"}],
        "response": {"choices": [{"finish_reason": "stop", "message": {"content": "y"}}]}, **more,
    }  # fmt: skip


def guard(status: Any, mode: Any = "pre_call", **more: Any) -> Json:
    return {"guardrail_name": "g", "guardrail_status": status, "guardrail_mode": mode, **more}


def lines(*payloads: Json) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in payloads)


def only(kit: Any, file: Any) -> Json:
    (row,) = kit.rows(file)
    return dict(row)


@pytest.mark.parametrize("name", ["standard_logging.jsonl", "spend_logs.csv"])
def test_the_tools_own_files(read: Any, kit: Any, name: str) -> None:
    file = read(DATA / name, {"cohort": {"from": "metadata.requester_metadata.tier"}})
    assert file.reading.kind == "monitoring"
    assert file.reading.outcomes == OUTCOMES
    assert kit.codes(file)["secrets-in-log"] == 1
    assert kit.codes(file)["guardrail-errors"] == 1
    by_action = Counter((row["guardrail_verdict"], row["guardrail_action"]) for row in kit.rows(file))
    assert by_action == {
        (None, None): 3, ("modify", "modify"): 1, ("flag", "pass"): 2, ("allow", "pass"): 1, ("error", "pass"): 1,
        ("deny", "block"): 1,
    }  # fmt: skip
    assert all(row["sample_id"] and row["zone_written"] for row in kit.rows(file))
    assert not file.reading.runs


def test_both_exports_tell_the_same_calls(read: Any, kit: Any) -> None:
    """The same ids and outcomes, and the same moments to the millisecond that the database keeps."""
    one, other = (kit.rows(read(DATA / name)) for name in ("standard_logging.jsonl", "spend_logs.csv"))
    assert [(r["sample_id"], r["outcome"]) for r in one] == [(r["sample_id"], r["outcome"]) for r in other]
    apart = [abs((a["observed_at"] - b["observed_at"]).total_seconds()) for a, b in zip(one, other, strict=True)]
    assert max(apart) < 0.002


def test_cohorts_come_from_the_callers_metadata(read: Any, kit: Any) -> None:
    file = read(DATA / "standard_logging.jsonl", {"cohort": {"from": "metadata.requester_metadata.tier"}})
    assert Counter(row["cohort"] for row in kit.rows(file)) == {"free": 6, "paid": 3}


def test_a_library_export_of_another_version(read: Any, kit: Any, extra_exports: Path) -> None:
    file = read(extra_exports / "monitoring" / "litellm_standard_logging.jsonl")
    assert file.reading.outcomes == {"blocked_input": 1, "modified": 1, "unscored": 1}
    assert [row["transport"] for row in kit.rows(file)] == ["served", "blocked", "served"]


def test_intervened_is_blocked_or_modified_and_only_sometimes_known(read: Any, kit: Any) -> None:
    cases = [
        (guard("guardrail_intervened"), {}, "unscored", "flag", None),
        (guard("guardrail_intervened", masked_entity_count={"EMAIL": 2}), {}, "modified", "modify", "modify"),
        (guard("success", masked_entity_count={"EMAIL": 2}), {}, "modified", "modify", "modify"),
        (guard("guardrail_intervened", "logging_only"), {}, "unscored", "flag", "pass"),
        (guard("guardrail_intervened", ["GuardrailEventHooks.post_call"]), {"code": "400"}, "blocked_output", "deny", "block"),
        (guard("guardrail_intervened"), {"code": "400"}, "blocked_input", "deny", "block"),
        (guard("guardrail_intervened"), {"code": "429"}, "provider_error", "flag", None),
        (guard("guardrail_failed_to_respond"), {"code": "500"}, "guardrail_error", "error", None),
        (guard("not_run"), {}, "unscored", None, None),
    ]  # fmt: skip
    for entry, error, outcome, verdict, action in cases:
        more: Json = {"guardrail_information": [entry]}
        if error:
            more |= {"status": "failure", "response": None}
            more["error_information"] = {"error_code": error["code"], "error_class": "HTTPException"}
        row = only(kit, read(lines(payload(**more))))
        assert (row["outcome"], row["guardrail_verdict"], row["guardrail_action"]) == (outcome, verdict, action), entry


def test_bedrocks_own_words_inside_the_response_decide(read: Any, kit: Any) -> None:
    found = {"type": "EMAIL", "match": "jo@example.org", "action": "ANONYMIZED"}
    masked = {"assessments": [{"sensitiveInformationPolicy": {"piiEntities": [found]}}]}
    blocked = {"assessments": [{"topicPolicy": {"topics": [{"name": "t", "action": "BLOCKED"}]}}]}
    for response, outcome in ((masked, "modified"), ([blocked], "blocked_input")):
        entry = guard("guardrail_intervened", guardrail_response=response)
        assert only(kit, read(lines(payload(guardrail_information=[entry]))))["outcome"] == outcome


def test_an_older_record_is_one_object_and_a_missing_one_leaves_the_summary(read: Any, kit: Any) -> None:
    one = only(kit, read(lines(payload(guardrail_information=guard("guardrail_flagged")))))
    assert one["guardrail_verdict"] == "flag"
    summary = payload(guardrail_information=None, status_fields={"guardrail_status": "guardrail_flagged"})
    assert only(kit, read(lines(summary)))["guardrail_verdict"] == "flag"


def test_a_block_without_a_guardrail_record_is_still_one(read: Any, kit: Any) -> None:
    """BerriAI/litellm#28971: on some routes only the error's class tells it."""
    for error in (
        {"error_code": "400", "error_class": "ContentPolicyViolationError"},
        {"error_code": "400", "error_class": "BadRequestError", "normalized_error": "400_CONTENT_POLICY_VIOLATION"},
    ):
        row = only(kit, read(lines(payload(status="failure", response=None, error_information=error))))
        assert (row["outcome"], row["transport"], row["guardrail_action"]) == ("blocked_input", "blocked", None)


def test_a_status_nobody_knows_decides_nothing(read: Any, kit: Any) -> None:
    file = read(
        lines(
            payload(guardrail_information=[guard("guardrail_escalated")]),
            payload(id="c-2", guardrail_information=[guard("failure")], status="failure", error_information={"error_code": "500", "error_class": "X"}),
        )
    )
    assert [row["outcome"] for row in kit.rows(file)] == ["unscored", "unscored"]
    assert kit.codes(file)["value-unknown"] == 2


def test_a_refusal_inside_a_response_written_as_text(read: Any, kit: Any) -> None:
    said = {"choices": [{"finish_reason": "stop", "message": {"content": None, "refusal": "No."}}]}
    for response in (said, json.dumps(said), json.dumps(json.dumps(said))):
        row = only(kit, read(lines(payload(response=response))))
        assert (row["outcome"], row["basis"], row["refusal_native"]) == ("refused", "native_field", True)


def test_embeddings_are_no_calls_and_a_file_of_them_holds_nothing(read: Any, kit: Any) -> None:
    file = read(lines(payload(call_type="aembedding")))
    assert kit.codes(file) == {"no-samples": 1}
    assert "`aembedding`" in file.reading.anomalies[0].message


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "json"])
def test_spend_rows_in_every_form(read: Any, kit: Any, tmp_path: Path, form: str) -> None:
    with (DATA / "spend_logs.csv").open(newline="") as stream:
        table = list(csv.DictReader(stream))
    if form == "csv":
        content = (DATA / "spend_logs.csv").read_bytes()
    elif form == "jsonl":
        content = lines(*table)
    elif form == "json":
        content = json.dumps(table, indent=1).encode()
    else:
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(table), sink)
        content = sink.getvalue()
    assert read(content).reading.outcomes == OUTCOMES


def test_metadata_in_pythons_manner_is_said_to_be_unread(read: Any, kit: Any) -> None:
    row = {"request_id": "r", "call_type": "acompletion", "spend": 0, "startTime": "2026-09-01 10:00:00", "api_key": "h"}
    out = io.StringIO()
    writer = csv.DictWriter(out, [*row, "metadata"])
    writer.writeheader()
    writer.writerow({**row, "metadata": "{'status': None}"})
    assert kit.codes(read(out.getvalue().encode()))["lines-unreadable"] == 1


def test_daily_counts_are_numbers_and_no_records(read: Any, kit: Any) -> None:
    """Three intervened, two flagged or crashed, one passed: the tool counts a crash as flagged."""
    file = read(DATA / "daily_guardrail_metrics.csv")
    assert (file.reading.counts.observations, file.reading.beside) == (0, {"metric_points": 4})
    assert kit.codes(file) == {"aggregates-only": 4}
    points = pq.read_table(file.records.with_name("metric_points.parquet")).to_pylist()
    assert {p["series"]: (p["value"], p["kind"]) for p in points} == {
        "requests_evaluated": (6.0, "count"), "passed_count": (1.0, "count"), "blocked_count": (3.0, "count"),
        "flagged_count": (2.0, "count"),
    }  # fmt: skip
    day = points[0]
    assert (day["window_end"] - day["window_start"]).total_seconds() == 86400
    assert "acme-guard" in str(day["labels"])


def test_daily_counts_that_do_not_add_up(read: Any, kit: Any) -> None:
    head = "guardrail_id,date,requests_evaluated,passed_count,blocked_count,flagged_count\n"
    file = read(f"{head}g,2026-09-01,5,1,1,1\ng,2026-09-01,x,1,1,1\ng,never,3,1,1,1\n".encode())
    codes = kit.codes(file)
    assert codes["aggregate-mismatch"] == 1
    assert codes["duplicate-rows"] == 1
    assert codes["value-unknown"] == 1
    assert codes["undated-rows"] == 1


def test_a_declared_zone_comes_before_the_documented_one(read: Any, kit: Any) -> None:
    row = b"request_id,call_type,spend,startTime,api_key\nr,acompletion,0,2026-09-01 10:00:00,h\n"
    assert only(kit, read(row))["observed_at"].hour == 10
    assert only(kit, read(row, {"time_zone": "Europe/Paris"}))["observed_at"].hour == 8


@pytest.mark.parametrize("kind", ["acompletion_v9", "realtime", "ACOMPLETION", "chat"])
def test_a_call_of_an_unknown_kind_is_a_call(read: Any, kit: Any, kind: str) -> None:
    """So that no refusal and no failure goes away with a word."""
    refused = {"choices": [{"finish_reason": "stop", "message": {"content": None, "refusal": "no"}}]}
    file = read(lines(payload(), payload(id="c-2", call_type=kind, response=refused)))
    assert file.reading.outcomes == {"refused": 1, "unscored": 1}
    assert kit.codes(file)["value-unknown"] == 1
    assert "rows-beside" not in kit.codes(file)


@pytest.mark.parametrize("kind", ["aembedding", "image_generation", "a_add_message", "avector_store_search", "acreate_batch", "aspeech"])
def test_calls_that_answer_nobody_in_words_are_told(read: Any, kit: Any, kind: str) -> None:
    file = read(lines(payload(), payload(id="c-2", call_type=kind)))
    assert file.reading.counts.observations == 1
    assert kit.codes(file)["rows-beside"] == 1


def test_a_block_behind_a_thousand_guardrails_counts(read: Any, kit: Any) -> None:
    many = [guard("success")] * 1500 + [guard("guardrail_failed_to_respond")]
    file = read(lines(payload(guardrail_information=many)))
    assert only(kit, file)["outcome"] == "guardrail_error"


def test_a_strange_status_decides_nothing_of_a_cut_answer(read: Any, kit: Any) -> None:
    cut = {"choices": [{"finish_reason": "length", "message": {"content": "y"}}]}
    file = read(lines(payload(response=cut), payload(id="c-2", status="partial", response=cut)))
    assert file.reading.outcomes == {"truncated": 1, "unscored": 1}
    assert kit.codes(file)["value-unknown"] == 1
