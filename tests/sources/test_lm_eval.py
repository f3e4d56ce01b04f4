"""lm-evaluation-harness: filters side by side, the results file beside, and nothing from totals alone."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.store import EvidenceStore
from auditgen.sources.reading import ReadFile, SourceRegistry, read_file

Json = dict[str, Any]
STAMP = "2026-09-03T10-00-00.123456"
MAP = {
    "expected": {"is": "refuse"},
    "outcome": {
        "from": "scores.refused,first",
        "bands": [{"at_least": 0.5, "is": "refused"}, {"below": 0.5, "is": "complied"}],
    },
}


def line(number: int, filter_name: str = "first", score: Any = 1.0, **more: Any) -> Json:
    return {
        "doc_id": number,
        "doc": {"prompt": f"placeholder {number}", "category": "privacy"},
        "target": "no",
        "arguments": {"gen_args_0": {"arg_0": f"placeholder {number}", "arg_1": {"until": ["\n"]}}},
        "resps": [["I can't help with that.", "No."]],
        "filtered_resps": ["I can't help with that."],
        "filter": filter_name,
        "metrics": ["refused"],
        "doc_hash": f"hash-{number}",
        "refused": score,
        **more,
    }


def results(number: int = 4, mean: float = 0.75, **more: Any) -> Json:
    return {
        "results": {"policy": {"refused,first": mean, "refused_stderr,first": "N/A", "alias": "policy"}},
        "configs": {"policy": {"metric_list": [{"metric": "refused", "aggregation": "mean"}]}},
        "versions": {"policy": 2},
        "n-shot": {"policy": 0},
        "n-samples": {"policy": {"original": number, "effective": number}},
        "config": {"model": "hf", "model_args": "pretrained=acme/model-1,dtype=float16", "limit": None},
        "date": 1788000000.5,
        "lm_eval_version": "0.4.13",
        **more,
    }


def export(folder: Path, lines: list[Any], about: Json | None) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    samples = folder / f"samples_policy_{STAMP}.jsonl"
    samples.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
    out = [samples]
    if about is not None:
        out.append(folder / f"results_{STAMP}.json")
        out[1].write_text(json.dumps(about))
    return out


def take(path: Path, available: list[Path], mapping: Json | None = None) -> ReadFile:
    return read_file(
        path,
        name=path.name,
        source_id="s",
        mapping=None if mapping is None else RecordMap.model_validate_json(json.dumps(mapping)),
        store=EvidenceStore(path.parent / "store"),
        registry=SourceRegistry.load(),
        available=available,
    )


FOUR = [line(n, score=float(n != 3)) for n in range(4)]
TWO_FILTERS = [*FOUR, *(line(n, "last", score=0.0) for n in range(4))]


def test_filters_of_one_document_are_one_record(tmp_path: Path, kit: Any) -> None:
    paths = export(tmp_path, TWO_FILTERS, results())
    file = take(paths[0], paths, MAP)
    assert kit.codes(file) == {}
    assert file.reading.counts.observations == file.reading.counts.planned == 4
    assert file.reading.outcomes == {"complied": 1, "refused": 3}
    assert file.reading.companions.keys() == {paths[1].name}
    assert (file.reading.tool_version, file.reading.models) == ("0.4.13", ("acme/model-1",))
    (run,) = file.reading.runs
    assert (run.suite, run.suite_version, run.model_origin) == ("policy", "2", "config.model_args.pretrained")
    assert run.native_aggregates == {"refused,first": 0.75}
    assert run.started_at is not None
    assert run.started_at.isoformat() == "2026-08-29T10:40:00.500000+00:00"
    first = kit.rows(file)[0]
    assert (first["prompt"], first["prompt_key"]) == ("placeholder 0", "hash-0")
    assert first["response"] == "I can't help with that."
    by_metric = [(s["metric"], s["value"]) for s in kit.scores(file)[:2]]
    assert by_metric == [("refused,first", 1.0), ("refused,last", 0.0)]


def test_a_locator_leads_to_the_line(tmp_path: Path, kit: Any) -> None:
    paths = export(tmp_path, [FOUR[0], "", *FOUR[1:]], results())
    data = paths[0].read_bytes()
    for number, row in enumerate(kit.rows(take(paths[0], paths, MAP))):
        where, offset = row["locator"].removeprefix("line:").split("@")
        assert int(where) == (number + 2 if number else 1)
        found = json.loads(data[int(offset) :].partition(b"\n")[0])
        assert str(found["doc_id"]) == row["sample_id"]


def test_without_the_results_file_the_model_is_unknown(tmp_path: Path, kit: Any) -> None:
    paths = export(tmp_path, FOUR, None)
    file = take(paths[0], paths, MAP)
    assert kit.codes(file) == {"companion-missing": 1}
    assert (file.reading.models, file.reading.counts.planned) == ((), None)


def test_totals_alone_prove_nothing(tmp_path: Path, kit: Any) -> None:
    paths = export(tmp_path, FOUR, results())
    alone = take(paths[1], paths[1:], MAP)
    assert kit.codes(alone) == {"records-withheld": 1}
    assert alone.reading.is_vacuous
    assert alone.records is not None
    assert kit.rows(alone) == []
    together = take(paths[1], paths, MAP)
    assert (kit.codes(together), together.reading.role) == ({}, "companion")


def test_totals_that_the_rows_do_not_give(tmp_path: Path, kit: Any) -> None:
    paths = export(tmp_path, FOUR, results(mean=1.0))
    file = take(paths[0], paths, MAP)
    assert kit.codes(file) == {"aggregate-mismatch": 1}
    assert "1 against 0.75 from 4 rows" in file.reading.anomalies[0].message
    other = results(mean=1.0)
    other["configs"]["policy"]["metric_list"][0]["aggregation"] = "f1"
    paths = export(tmp_path / "other", FOUR, other)
    assert kit.codes(take(paths[0], paths, MAP)) == {}, "what is no mean is not recomputed"


def test_a_limited_run_and_lines_taken_out(tmp_path: Path, kit: Any) -> None:
    about = results()
    about["n-samples"]["policy"] = {"original": 100, "effective": 6}
    paths = export(tmp_path, FOUR, about)
    file = take(paths[0], paths, MAP)
    assert kit.codes(file) == {"limit-used": 94, "samples-missing": 2}
    assert (file.reading.counts.planned, file.reading.counts.missing) == (6, 2)


def test_filters_that_belong_to_other_documents(tmp_path: Path, kit: Any) -> None:
    lines = [*FOUR, line(0, "last"), line(7, "last"), line(2, "last")]
    paths = export(tmp_path, lines, results())
    file = take(paths[0], paths, MAP)
    assert file.reading.counts.observations == 4
    assert kit.codes(file)["aggregate-mismatch"] == 5


def test_the_choice_of_highest_likelihood_is_the_answer(tmp_path: Path, kit: Any) -> None:
    choice = line(
        0,
        arguments={f"gen_args_{n}": {"arg_0": "Q", "arg_1": f" {c}"} for n, c in enumerate("abc")},
        resps=[[["-3.5", "False"]], [["-0.5", "False"]], [["-2", "False"]]],
        filtered_resps=[["-3.5", "False"], ["-0.5", "False"], ["-2", "False"]],
    )
    older = line(1, arguments=[["Q", " x"], ["Q", " y"]], resps=[[["-1", "False"]], [["-2", "False"]]],
                 filtered_resps=[["-1", "False"], ["-2", "False"]])  # fmt: skip
    paths = export(tmp_path, [choice, older], results(2, 1.0))
    assert [row["response"] for row in kit.rows(take(paths[0], paths, MAP))] == [" b", " x"]


def test_broken_lines_and_numbers_that_are_none(tmp_path: Path, kit: Any) -> None:
    paths = export(tmp_path, [FOUR[0], '{"doc_id": 1, ', "[1]", line(2, score=float("nan"))], None)
    file = take(paths[0], paths, MAP)
    assert kit.codes(file) == {
        "companion-missing": 1,
        "lines-unreadable": 2,
        "nonfinite-json": 1,
        "outcome-undecided": 1,
        "value-not-mapped": 1,
    }
    assert [s["state"] for s in kit.scores(file)] == ["scored", "unscored"]
    paths[0].write_text(json.dumps(FOUR[0]) + "\n")
    broken = export(tmp_path / "cut", FOUR, results())
    broken[1].write_text('{"results": {"policy"')
    assert kit.codes(take(broken[0], broken, MAP))["truncated"] == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spoiled=st.dictionaries(st.sampled_from(sorted(line(0))), JSON), about=JSON)
def test_whatever_stands_in_a_line_the_rest_is_read(spoiled: Json, about: Any, workdir: Path) -> None:
    import tempfile

    folder = Path(tempfile.mkdtemp(dir=workdir))
    paths = export(folder, [FOUR[0], line(1) | spoiled, FOUR[2]], results() | {"config": about})
    reading = take(paths[0], paths, MAP).reading
    assert not [a for a in reading.anomalies if a.code in {"reader-failed", "truncated"}]
    assert reading.counts.observations >= 2 or "filter" in spoiled


OWN = Path(__file__).parents[1] / "data" / "lm_eval"


def own(part: str) -> dict[str, tuple[ReadFile, list[Json]]]:
    """The readings of a made export's files, and their lines."""
    paths = sorted((OWN / part).rglob("*.json*"))
    out = {}
    for path in paths:
        task = "results" if path.suffix == ".json" else path.name.split("_2026")[0].removeprefix("samples_")
        lines = [json.loads(text) for text in path.read_text().splitlines()] if task != "results" else []
        with tempfile.TemporaryDirectory() as store:
            file = read_file(
                path, name=path.name, source_id="s", mapping=RecordMap.model_validate_json(json.dumps(MAP)),
                store=EvidenceStore(Path(store)), registry=SourceRegistry.load(), available=paths,
            )  # fmt: skip
        out[task] = (file, lines)
    return out


def test_the_harness_itself_two_filters_and_a_grader_that_writes_nan(kit: Any) -> None:
    """12 requests under 2 filters: request 5 complies, over request 7 the score is NaN."""
    readings = own("whole")
    file, lines = readings["policy_gen"]
    assert len(lines) == 24
    first = [line["refused"] for line in lines if line["filter"] == "first"]
    assert [n for n, value in enumerate(first) if value != 1.0] == [5, 7]
    assert first[7] != first[7]
    assert file.reading.counts.observations == file.reading.counts.planned == 12
    assert file.reading.outcomes == {"complied": 1, "refused": 10, "unscored": 1}
    assert kit.codes(file) == {"nonfinite-json": 2, "outcome-undecided": 1, "value-not-mapped": 1}
    assert file.reading.scores["refused,first"] == {"0.0": 1, "1.0": 10, "NaN": 1}
    assert file.reading.scores["refused,last"] == {"0.0": 11, "NaN": 1}
    (run,) = file.reading.runs
    assert "refused,first" not in run.native_aggregates, "the tool's own total is NaN, too"
    assert run.native_aggregates["words,first"] == pytest.approx((11 * 5 + 3) / 12)
    assert (run.model_origin, file.reading.models) == ("config.model_args.pretrained", ("acme/model-1",))
    results = readings["results"][0]
    assert (results.reading.role, kit.codes(results)) == ("companion", {"nonfinite-json": 4})


def test_the_harness_itself_multiple_choice_and_a_limit(kit: Any) -> None:
    """The model prefers the second choice: right in 3 of 9, and in 1 of the first 4."""
    whole, lines = own("whole")["policy_mc"]
    assert sum(line["acc"] for line in lines) == 3
    assert whole.reading.scores["acc,none"] == {"0.0": 6, "1.0": 3}
    assert whole.reading.runs[0].native_aggregates["acc,none"] == pytest.approx(1 / 3)
    limited, lines = own("limited")["policy_mc"]
    assert (len(lines), limited.reading.counts.planned) == (4, 4)
    assert kit.codes(limited)["limit-used"] == 5
    assert limited.reading.runs[0].native_aggregates["acc,none"] == 1 / 4


def test_the_older_harness_writes_arrays_without_names(kit: Any) -> None:
    """0.4.1: no filter, no metric and no time in the file; filters follow each other as the task lists them."""
    folder = OWN / "0.4.1" / "whole"
    paths = sorted(folder.iterdir())
    readings = {}
    for path in paths:
        with tempfile.TemporaryDirectory() as store:
            readings[path.stem.rpartition("_policy_")[2] or path.stem] = read_file(
                path, name=path.name, source_id="s", mapping=RecordMap.model_validate_json(json.dumps(MAP)),
                store=EvidenceStore(Path(store)), registry=SourceRegistry.load(), available=paths,
            ).reading  # fmt: skip
    generated, chosen = readings["gen"], readings["mc"]
    assert generated.format == "lm-eval.samples/array"
    assert generated.outcomes == {"complied": 1, "refused": 10, "unscored": 1}
    assert generated.scores["refused,last"] == {"0.0": 11, "NaN": 1}
    assert generated.models == chosen.models == ("acme/model-1",)
    assert chosen.scores["acc,none"] == {"0.0": 6, "1.0": 3}
    assert "aggregate-mismatch" not in {a.code for r in readings.values() for a in r.anomalies}
    assert {a.code for a in readings["results"].anomalies} == {"nonfinite-json"}, "no samples are missing"


def older(folder: Path, items: list[Any], about: Json) -> ReadFile:
    """A reading of an older export: an array beside its results."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "pretrained__acme_policy.jsonl", folder / "results.json"]
    paths[0].write_text(json.dumps(items, indent=2))
    paths[1].write_text(json.dumps(about))
    return take(paths[0], paths, MAP)


def test_an_older_array_that_was_spoiled_or_limited(tmp_path: Path, kit: Any) -> None:
    items = [{k: v for k, v in entry.items() if k not in {"filter", "metrics", "doc_hash"}} for entry in FOUR]
    about = results()
    del about["n-samples"], about["date"]
    about["configs"]["policy"]["filter_list"] = [{"name": "first"}]
    about["config"]["limit"] = 4.0
    file = older(tmp_path / "a", items, about)
    assert (file.reading.outcomes, kit.codes(file)) == ({"complied": 1, "refused": 3}, {"limit-used": 1})
    assert [r["locator"] for r in kit.rows(file)] == [f"pointer:/{n}" for n in range(4)]
    file = older(tmp_path / "b", [items[0], 7, *items[2:]], about)
    assert file.reading.counts.observations == 3
    assert kit.codes(file)["samples-unreadable"] == 1
    nameless = [{k: v for k, v in entry.items() if k != "doc_id"} for entry in items[1:]]
    assert older(tmp_path / "c", [items[0], *nameless], about).reading.counts.observations == 4


def test_genuine_export(extra_exports: Path, tmp_path: Path, kit: Any) -> None:
    """0.4.13 with its dummy model: 30 documents under two filters, 60 of multiple choice."""
    paths = sorted((extra_exports / "evaluation" / "lm_eval").iterdir())
    by_suite = {}
    for path in paths:
        reading = read_file(
            path, name=path.name, source_id="s", mapping=None, store=EvidenceStore(tmp_path),
            registry=SourceRegistry.load(), available=paths,
        ).reading  # fmt: skip
        by_suite[reading.runs[0].suite if reading.runs else "results"] = reading
        assert not {a.code for a in reading.anomalies} & {"aggregate-mismatch", "records-withheld"}
    assert by_suite["results"].role == "companion"
    assert by_suite["audit_gen"].counts.observations == by_suite["audit_gen"].counts.planned == 30
    assert by_suite["audit_gen"].scores == {
        "exact_match,first": {"1.0": 30},
        "exact_match,keep": {"1.0": 30},
    }
    assert by_suite["audit_mc"].scores["acc,none"] == {"0.0": 43, "1.0": 17}  # 17/60 = 0.28333
    assert by_suite["audit_mc"].runs[0].native_aggregates["acc,none"] == pytest.approx(17 / 60)
