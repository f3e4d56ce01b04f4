"""HELM run folders: answers, scores and description stand in different files."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.evidence.mapping import RecordMap
from auditgen.evidence.store import EvidenceStore
from auditgen.sources.reading import ReadFile, SourceRegistry, read_file
from auditgen.sources.suites import SuiteLibrary

Json = dict[str, Any]
NAME = "policy_probe:subset=cyber,model=acme_model-1"
MAP = {
    "expected": {"is": "refuse"},
    "category": {"from": "scenario.args.subset"},
    "outcome": {"from": "scores.safe", "values": {"1": "refused", "0": "complied"}},
}


def state(number: int, **more: Any) -> Json:
    return {
        "instance": {"input": {"text": f"placeholder {number}"}, "split": "test", "id": f"id{number}"},
        "train_trial_index": 0,
        "request": {"model": "acme/model-1", "prompt": f"Question: placeholder {number}"},
        "result": {
            "success": True,
            "cached": False,
            "request_datetime": 1788000000 + number,
            "completions": [{"text": "No.", "logprob": 0}],
        },
        **more,
    }


def stats(number: int, value: float | None = 1.0, trial: int = 0) -> Json:
    stat = {"name": {"name": "safe", "split": "test"}, "count": 1, "sum": value, "mean": value}
    if value is None:
        stat = {"name": {"name": "safe", "split": "test"}, "count": 0, "sum": 0}
    cost = {"name": {"name": "num_output_tokens", "split": "test"}, "count": 1, "mean": 3.0}
    return {"instance_id": f"id{number}", "train_trial_index": trial, "stats": [cost, stat]}


def total(mean: float, **more: Any) -> Json:
    return {"name": {"name": "safe", "split": "test"} | more, "count": 1, "sum": mean, "sum_squared": mean, "mean": mean}


SPEC = {
    "name": NAME,
    "scenario_spec": {"class_name": "helm.PolicyProbe", "args": {"subset": "cyber"}},
    "adapter_spec": {"method": "generation", "model": "acme/model-1"},
}


def folder(
    root: Path, states: list[Any], scores: list[Any] | None, totals: list[Any] | None = None, spec: Any = SPEC
) -> dict[str, Path]:
    place = root / NAME
    place.mkdir(parents=True)
    content = {
        "scenario_state": {"adapter_spec": SPEC["adapter_spec"], "request_states": states},
        "per_instance_stats": scores,
        "stats": totals,
        "run_spec": spec,
    }
    out = {}
    for name, value in content.items():
        if value is not None:
            out[name] = place / f"{name}.json"
            out[name].write_text(json.dumps(value))
    return out


def take(path: Path, available: list[Path], mapping: Json | None = MAP) -> ReadFile:
    return read_file(
        path,
        name=path.name,
        source_id="s",
        mapping=None if mapping is None else RecordMap.model_validate_json(json.dumps(mapping)),
        store=EvidenceStore(Path(tempfile.mkdtemp(dir=path.parent.parent))),
        registry=SourceRegistry.load(),
        available=available,
    )


THREE = [state(n) for n in range(3)]
SCORED = [stats(0), stats(1, 0.0), stats(2)]


def test_a_folder_is_one_run(tmp_path: Path, kit: Any) -> None:
    files = folder(tmp_path, THREE, SCORED, [total(2 / 3)])
    file = take(files["scenario_state"], list(files.values()))
    reading = file.reading
    assert kit.codes(file) == {}
    assert reading.outcomes == {"complied": 1, "refused": 2}
    assert reading.companions.keys() == {"per_instance_stats.json", "run_spec.json", "stats.json"}
    (run,) = reading.runs
    assert (run.suite, run.model, run.native_id) == ("policy_probe:subset=cyber", "acme/model-1", None)
    assert run.native_aggregates == {"safe/test": pytest.approx(2 / 3)}
    rows = kit.rows(file)
    assert [row["locator"] for row in rows] == [f"pointer:/request_states/{n}" for n in range(3)]
    assert {row["category"] for row in rows} == {"cyber"}
    assert rows[1]["prompt"] == "Question: placeholder 1"
    assert [s["metric"] for s in kit.scores(file)] == ["safe"] * 3, "costs are no scores"
    for name in ("per_instance_stats", "stats", "run_spec"):
        other = take(files[name], list(files.values()))
        assert (other.reading.role, kit.codes(other)) == ("companion", {})


def test_scores_without_answers_prove_nothing(tmp_path: Path, kit: Any) -> None:
    files = folder(tmp_path, THREE, SCORED, [total(1.0)])
    for name in ("per_instance_stats", "stats", "run_spec"):
        file = take(files[name], [files[name]])
        assert kit.codes(file) == {"records-withheld": 1}
        assert file.reading.is_vacuous


def test_answers_without_scores_are_undecided(tmp_path: Path, kit: Any) -> None:
    files = folder(tmp_path, THREE, None, spec=None)
    file = take(files["scenario_state"], list(files.values()))
    assert kit.codes(file)["companion-missing"] == 2
    assert file.reading.outcomes == {"unscored": 3}
    assert file.reading.models == ("acme/model-1",), "the answers repeat the adapter"


def test_totals_that_the_answers_do_not_give(tmp_path: Path, kit: Any) -> None:
    perturbed = total(0.0, perturbation={"name": "robustness"})
    files = folder(tmp_path, THREE, SCORED, [total(0.9), perturbed])
    file = take(files["scenario_state"], list(files.values()))
    assert kit.codes(file) == {"aggregate-mismatch": 1}
    assert "safe (test): 0.9 against 0.666667" in file.reading.anomalies[0].message


def test_trials_are_averaged_as_helm_does(tmp_path: Path, kit: Any) -> None:
    """One trial of two answers (1, 0) and one of a single answer (1): (1/2 + 1) / 2, not 2/3."""
    states = [state(0), state(1), state(0, train_trial_index=1)]
    files = folder(tmp_path, states, [stats(0), stats(1, 0.0), stats(0, trial=1)], [total(0.75)])
    file = take(files["scenario_state"], list(files.values()))
    assert kit.codes(file) == {}
    assert [(row["sample_id"], row["epoch"]) for row in kit.rows(file)] == [("id0", 1), ("id1", 1), ("id0", 2)]


def test_failures_caches_and_missing_answers(tmp_path: Path, kit: Any) -> None:
    failed = state(0, result={"success": False, "error": "rate limit", "completions": []})
    cached = state(1, result=state(1)["result"] | {"cached": True})
    files = folder(tmp_path, [failed, cached, state(2), 7], [stats(1), stats(2, None), stats(9)])
    file = take(files["scenario_state"], list(files.values()))
    assert file.reading.outcomes == {"provider_error": 1, "refused": 1, "unscored": 1}
    assert kit.codes(file) == {
        "cached-responses": 1,
        "outcome-undecided": 1,
        "samples-missing": 1,
        "samples-unreadable": 1,
    }
    assert file.reading.counts.planned == 5
    assert kit.rows(file)[0]["error_text"] == "rate limit"


def test_scores_in_another_order_are_found(tmp_path: Path, kit: Any) -> None:
    files = folder(tmp_path, THREE, SCORED[::-1])
    file = take(files["scenario_state"], list(files.values()))
    assert file.reading.outcomes == {"complied": 1, "refused": 2}


def test_runs_that_the_suite_lists_and_nobody_handed_in(tmp_path: Path, kit: Any) -> None:
    files = folder(tmp_path, THREE, SCORED)
    listed = tmp_path / "run_specs.json"
    listed.write_text(json.dumps([SPEC, SPEC | {"name": "policy_probe:subset=fraud,model=acme/model-1"}]))
    file = take(listed, [*files.values(), listed])
    assert kit.codes(file) == {"runs-withheld": 1}
    assert "subset=fraud" in file.reading.anomalies[0].message
    listed.write_text(json.dumps([SPEC]))
    assert kit.codes(take(listed, [*files.values(), listed])) == {}


@pytest.mark.parametrize("name", ["scenario_state", "per_instance_stats", "stats", "run_spec"])
def test_a_cut_file_is_said_so(name: str, tmp_path: Path, kit: Any) -> None:
    files = folder(tmp_path, THREE, SCORED, [total(2 / 3)])
    data = files[name].read_bytes()
    files[name].write_bytes(data[: len(data) - 40])
    file = take(files["scenario_state"], list(files.values()))
    assert kit.codes(file)["truncated"] == 1


def test_numbers_that_are_none_are_survived(tmp_path: Path, kit: Any) -> None:
    files = folder(tmp_path, THREE, [stats(0, float("nan")), stats(1), stats(2)])
    file = take(files["scenario_state"], list(files.values()))
    assert file.reading.outcomes == {"refused": 2, "unscored": 1}
    assert [s["value"] for s in kit.scores(file)] == [None, 1.0, 1.0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spoiled=st.dictionaries(st.sampled_from(sorted(state(0))), JSON),
    scored=st.dictionaries(st.sampled_from(sorted(stats(0))), JSON),
    spec=st.dictionaries(st.sampled_from(sorted(SPEC)), JSON),
)
def test_whatever_stands_in_the_files_the_rest_is_read(
    spoiled: Json, scored: Json, spec: Json, workdir: Path
) -> None:
    files = folder(
        Path(tempfile.mkdtemp(dir=workdir)),
        [state(0), state(1) | spoiled, state(2)],
        [stats(0), stats(1) | scored, stats(2)],
        spec=SPEC | spec,
    )
    reading = take(files["scenario_state"], list(files.values())).reading
    assert reading.counts.observations == 3
    assert "reader-failed" not in {a.code for a in reading.anomalies}


OWN = Path(__file__).parents[1] / "data" / "helm" / "q3"
REAL_NAME = "xstest_policy:model=acme_model-1"


@pytest.fixture
def suite(tmp_path: Path) -> dict[str, Path]:
    """The made suite's folder under the names that HELM gives."""
    shutil.copytree(OWN, tmp_path / "q3")
    (tmp_path / "q3" / "xstest_policy").rename(tmp_path / "q3" / REAL_NAME)
    return {path.name: path for path in (tmp_path / "q3").rglob("*.json")}


def test_helm_itself(suite: dict[str, Path], kit: Any) -> None:
    """6 of 8 requests: one is blocked and judged all the same, one comes from a cache, one is judged 0.5."""
    said = json.loads(suite["per_instance_stats.json"].read_text())
    means = {x["instance_id"]: s["mean"] for x in said for s in x["stats"] if s["name"]["name"] == "safety_score"}
    assert means == {"id0": 0, "id1": 0, "id2": 0, "id3": 0.5, "id6": 0, "id7": 0}
    by_label = {
        "expected": {"from": "correct", "values": {"safe": "comply", "unsafe": "refuse"}},
        "category": {"from": "references.0"},
        "outcome": [
            {"from": "scores_if_correct_is.unsafe.safety_score",
             "bands": [{"is": "refused", "at_least": 1}, {"is": "complied", "at_most": 0}, {"is": "neither", "above": 0}]},
            {"from": "scores_if_correct_is.safe.safety_score",
             "bands": [{"is": "complied", "at_least": 1}, {"is": "refused", "at_most": 0}, {"is": "neither", "above": 0}]},
        ],
    }  # fmt: skip
    file = take(suite["scenario_state.json"], list(suite.values()), by_label)
    found = {r["sample_id"]: (r["expected"], r["outcome"]) for r in kit.rows(file)}
    assert found == {
        "id0": ("comply", "refused"),
        "id1": ("refuse", "complied"),
        "id2": ("comply", "refused"),
        "id3": ("refuse", "neither"),
        "id6": ("comply", "refused"),
        "id7": ("refuse", "provider_error"),
    }
    assert {r["category"] for r in kit.rows(file)} == {"homonyms"}
    assert kit.codes(file) == {"cached-responses": 1, "limit-used": 1}
    assert file.reading.runs[0].native_aggregates["safety_score/test"] == pytest.approx(0.5 / 6)


def test_the_shipped_description_of_xstest_reads_the_label(suite: dict[str, Path], tmp_path: Path, kit: Any) -> None:
    """Under its own name the run is read without any mapping: a safe request that is refused is a refusal."""
    spec = json.loads(suite["run_spec.json"].read_text())
    suite["run_spec.json"].write_text(json.dumps(spec | {"name": "xstest:model=acme_model-1"}))
    file = read_file(
        suite["scenario_state.json"], name="scenario_state.json", source_id="s", mapping=None,
        store=EvidenceStore(tmp_path / "store"), registry=SourceRegistry.load(), suites=SuiteLibrary.load(),
        available=list(suite.values()),
    )  # fmt: skip
    assert file.reading.outcomes == {"complied": 1, "neither": 1, "provider_error": 1, "refused": 3}
    expected = {r["sample_id"]: r["expected"] for r in kit.rows(file)}
    assert expected == {f"id{n}": "refuse" if n % 2 else "comply" for n in (0, 1, 2, 3, 6, 7)}
    assert kit.codes(file) == {"cached-responses": 1, "limit-used": 1}


def test_every_file_of_a_suite_but_an_empty_one_is_known(suite: dict[str, Path], kit: Any) -> None:
    for name, path in suite.items():
        file = take(path, list(suite.values()), None)
        if name == "scenario_state.json":
            continue
        is_known = file.reading.format.startswith("helm.") and file.reading.role == "companion"
        assert is_known != (name == "costs.json"), name
        if is_known:
            assert kit.codes(file) == {}, name
    alone = take(suite["display_predictions.json"], [], None)
    assert kit.codes(alone) == {"records-withheld": 1}


def test_genuine_export(extra_exports: Path, tmp_path: Path, kit: Any) -> None:
    """HELM 0.5.16, its own simple model: 10 answers, none right, all cached."""
    paths = sorted((extra_exports / "evaluation" / "helm").rglob("*.json"))
    readings = {}
    for path in paths:
        readings[path.name] = read_file(
            path, name=path.name, source_id="s", mapping=None, store=EvidenceStore(tmp_path),
            registry=SourceRegistry.load(), available=paths,
        ).reading  # fmt: skip
    state_file = readings["scenario_state.json"]
    assert state_file.counts.observations == 10
    assert state_file.models == ("simple/model1",)
    assert state_file.scores["quasi_exact_match"] == {"0.0": 10}
    codes = {a.code for a in state_file.anomalies}
    assert codes == {"suite-undescribed", "outcome-undecided", "cached-responses", "limit-used"}
    assert {name for name, r in readings.items() if r.role == "records" and r.format} == {
        "scenario_state.json",
    }
    assert not list(readings["run_specs.json"].anomalies), "the one run of the suite is there"
