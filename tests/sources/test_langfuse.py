"""Langfuse: observations in four forms, scores beside them, guardrails of the same trace."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.store import EvidenceStore
from auditgen.sources.reading import read_file
from auditgen.sources.suites import SuiteLibrary

DATA = Path(__file__).parents[1] / "data" / "langfuse"
WINDOW = "2026-09-01-10.csv"
Json = dict[str, Any]
OUTCOMES = {"blocked_input": 2, "modified": 1, "provider_error": 1, "refused": 1, "unscored": 4}


@pytest.fixture
def export(tmp_path: Path) -> Path:
    shutil.copytree(DATA, tmp_path / "export")
    return tmp_path / "export"


@pytest.fixture
def read_all(registry: Any, tmp_path: Path) -> Any:
    def read_all(path: Path, mapping: Json | None = None) -> Any:
        root = path.parent.parent
        declared = None if mapping is None else RecordMap.model_validate_json(json.dumps(mapping))
        return read_file(
            path, name=path.name, source_id="s", mapping=declared, store=EvidenceStore(tmp_path / "store"),
            registry=registry, suites=SuiteLibrary.load(), available=[p for p in root.rglob("*") if p.is_file()],
        )  # fmt: skip

    return read_all


def row(**more: Any) -> Json:
    return {
        "id": "o", "trace_id": "t", "project_id": "p", "type": "GENERATION", "parent_observation_id": "r", "level": "DEFAULT",
        "start_time": "2026-09-01 10:00:00.000000", "end_time": "2026-09-01 10:00:01.000000", **more,
    }  # fmt: skip


def lines(*rows: Json) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in rows)


@pytest.mark.parametrize("name", [WINDOW, "2026-09-01-11.jsonl.gz", "2026-09-01-12.parquet", "2026-09-01-14.json"])
def test_one_window_in_every_form(read: Any, kit: Any, name: str) -> None:
    file = read(DATA / "observations_v2" / name, {"cohort": {"from": "metadata.tier"}})
    assert file.reading.outcomes == OUTCOMES
    rows = {r["sample_id"]: r for r in kit.rows(file)}
    assert {r["cohort"] for r in rows.values()} == {"free"}
    assert {r["zone_written"] for r in rows.values()} == {True}, "UTC by the documents"
    assert (rows["o-5"]["guardrail_verdict"], rows["o-5"]["guardrail_action"]) == ("flag", "pass")
    assert rows["o-6"]["outcome"] == "blocked_input", "a block without a call stands for the call never made"
    assert (rows["o-8"]["outcome"], rows["o-9"]["guardrail_action"]) == ("modified", None), "by the same parent"
    assert rows["o-2"]["transport"] == "blocked", "the error quotes the filter's code"


def test_scores_are_joined_from_the_left(read_all: Any, kit: Any, export: Path) -> None:
    path = export / "observations_v2" / WINDOW
    mapping = {"outcome": {"from": "scores.refused", "values": {"1": "refused", "0": "complied"}, "basis": "human"}}
    file = read_all(path, mapping)
    assert [Path(name).name for name in file.reading.companions] == [WINDOW]
    found = {(s["metric"], s["raw"], s["value"], s["judge"], s["scorer"]) for s in kit.scores(file)}
    assert found == {
        ("refused", "1.0", 1.0, "human", "ANNOTATION"), ("tone", "curt", None, "model", "EVAL"),
        ("quality", "0.5", 0.5, None, "API"),
    }  # fmt: skip
    rows = {r["sample_id"]: r for r in kit.rows(file)}
    assert (rows["o-0"]["outcome"], rows["o-0"]["basis"]) == ("refused", "human")
    messages = [a.message for a in file.reading.anomalies if a.code == "annotations-orphaned"]
    assert any("scores about records" in message for message in messages)


def test_scores_alone_are_companions_and_say_so(read: Any, read_all: Any, kit: Any, export: Path) -> None:
    alone = read(DATA / "scores" / WINDOW)
    assert (alone.reading.role, kit.codes(alone)) == ("companion", {"annotations-orphaned": 4})
    together = read_all(export / "scores" / WINDOW)
    assert (together.reading.role, kit.codes(together)) == ("companion", {})


def test_a_rule_reads_what_a_guardrail_decided(read: Any, kit: Any) -> None:
    rows = [
        row(id="g", type="GUARDRAIL", output=json.dumps({"decision": "stop"})),
        row(id="c", output=json.dumps({"role": "assistant", "content": "x"})),
    ]
    silent = read(lines(*rows))
    assert (kit.rows(silent)[0]["guardrail_action"], kit.codes(silent)["value-not-mapped"]) == (None, 1)
    rule = {"guardrail_action": {"from": "output.decision", "values": {"stop": "block", "go": "pass"}}}
    told = read(lines(*rows), rule)
    assert kit.rows(told)[0]["outcome"] == "blocked_output"
    assert "field-not-found" not in kit.codes(told)


def test_two_calls_of_a_trace_do_not_share_one_block(read: Any, kit: Any) -> None:
    block = json.dumps({"verdict": "deny", "action": "block"})
    rows = [row(id="g", type="GUARDRAIL", parent_observation_id="x", output=block), row(id="a"), row(id="b")]
    file = read(lines(*rows))
    assert file.reading.outcomes == {"unscored": 2}
    assert kit.codes(file)["annotations-orphaned"] == 2


def test_a_refusal_in_an_output_written_as_text(read: Any, kit: Any) -> None:
    said = {"role": "assistant", "content": None, "refusal": "No."}
    for output in (said, json.dumps(said), json.dumps([said])):
        assert read(lines(row(output=output))).reading.outcomes == {"refused": 1}


def test_an_empty_window_is_doubted(read: Any, kit: Any) -> None:
    file = read(DATA / "observations_v2" / "2026-09-01-13.parquet")
    assert kit.codes(file) == {"export-unfinished": 1, "no-samples": 1}
    out = io.StringIO()
    csv.DictWriter(out, list(row())).writeheader()
    assert "export-unfinished" in kit.codes(read(out.getvalue().encode()))


def test_a_manifest_without_row_counts(read: Any, kit: Any) -> None:
    file = read(DATA / "manifest.json")
    assert (file.reading.role, kit.codes(file)) == ("companion", {"export-unfinished": 1})


def test_latency_is_not_believed(read: Any, kit: Any) -> None:
    assert kit.codes(read(lines(row(latency=1000))))["units-uncertain"] == 1
    assert "units-uncertain" not in kit.codes(read(lines(row(latency="1.0"))))


def test_a_type_nobody_knows(read: Any, kit: Any) -> None:
    assert kit.codes(read(lines(row(), row(type="ORACLE"))))["value-unknown"] == 1


def test_a_credential_in_a_comment_on_a_score_is_not_kept(read_all: Any, kit: Any, export: Path) -> None:
    token = "acme-gateway-Zx81QqLm4470token"
    path = export / "scores" / WINDOW
    with path.open(newline="") as stream:
        table = list(csv.DictReader(stream))
    table[0]["comment"] = f"seen with Bearer {token}"
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    file = read_all(export / "observations_v2" / WINDOW)
    assert kit.codes(file)["secrets-in-log"] == 1
    assert token not in str(kit.scores(file))
    assert any("seen with" in str(score["rationale"]) for score in kit.scores(file))


def test_guardrails_that_stopped_one_request_are_one_request(read: Any, kit: Any) -> None:
    said = {"type": "GUARDRAIL", "output": {"verdict": "deny", "action": "block"}}
    file = read(lines(row(id="g1", **said), row(id="g2", **said), row(id="g3", trace_id="u", **said)))
    assert file.reading.outcomes == {"blocked_input": 2}
    assert [r["sample_id"] for r in kit.rows(file)] == ["g1", "g3"]


def test_what_is_in_no_trace_belongs_to_nothing(read: Any, kit: Any) -> None:
    """Rows without a trace are not of one trace: no block of one may be another's."""
    said = {"type": "GUARDRAIL", "output": {"verdict": "deny", "action": "block"}, "trace_id": ""}
    file = read(lines(row(id="a", trace_id=""), row(id="g", **said)))
    assert {r["sample_id"]: r["outcome"] for r in kit.rows(file)} == {"a": "unscored", "g": "blocked_input"}


@pytest.mark.parametrize(("level", "outcome"), [("ERROR", "provider_error"), ("error", "unscored"), ("FATAL", "unscored"), (7, "unscored")])
def test_a_level_nobody_knows_decides_nothing(read: Any, kit: Any, level: Any, outcome: str) -> None:
    refused = {"role": "assistant", "content": None, "refusal": "no"}
    file = read(lines(row(), row(id="x", trace_id="u", level=level, output=refused)))
    found = {r["sample_id"]: r["outcome"] for r in kit.rows(file)}
    assert found["x"] == outcome
    assert ("value-unknown" in kit.codes(file)) is (level != "ERROR")


def test_other_observations_are_told(read: Any, kit: Any) -> None:
    file = read(lines(row(), row(id="s", type="SPAN"), row(id="e", type="EMBEDDING"), row(id="n", type="generation")))
    assert file.reading.counts.observations == 1
    codes = kit.codes(file)
    assert codes["rows-beside"] == 3
    assert codes["value-unknown"] == 1
