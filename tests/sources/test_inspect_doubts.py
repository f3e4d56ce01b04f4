"""What an Inspect log says against itself, and what it leaves unsaid."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditgen.sources import inspect_archive, inspect_totals
from auditgen.sources.inspect_header import is_same_model
from auditgen.sources.reading import ReadFile

Read = Callable[..., ReadFile]
Json = dict[str, Any]
FUZZ = settings(
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _results(mean: float, **more: Any) -> Json:
    score = {"name": "refused", "scorer": "judge", "metrics": {"mean": {"name": "mean", "value": mean}}}
    return {"scores": [{**score, **more}]}


def _message(file: ReadFile, code: str) -> str:
    (found,) = (a.message for a in file.reading.anomalies if a.code == code)
    return found


# totals


def test_a_mean_that_is_not_that_of_the_samples(read: Read, kit: Any) -> None:
    samples = [kit.sample(1, refused=1), kit.sample(2, refused=0)]
    assert kit.codes(read(kit.log(samples, results=_results(0.5)), kit.outcome)) == {}
    spoiled = read(kit.log(samples, results=_results(1.0)), kit.outcome)
    assert kit.codes(spoiled) == {"aggregate-mismatch": 1}
    assert "the header says 1, the samples give 0.5" in _message(spoiled, "aggregate-mismatch")


def test_a_mean_of_scores_that_no_sample_has(read: Read, kit: Any) -> None:
    results = _results(0.9, name="kind")
    file = read(kit.log([kit.sample(1)], results=results), kit.outcome)
    assert "no sample has such a score" in _message(file, "aggregate-mismatch")


@pytest.mark.parametrize(
    "entry",
    [
        {"reducer": "mode"},
        {"reducer": "pass_at_2"},
        {"metrics": {"stderr": {"name": "stderr", "value": 9}}},
        {"metrics": {"mean": {"name": "mean", "value": 9, "params": {"to_float": "own"}}}},
        {"metrics": {"mean": {"name": "mean", "value": 9, "group": "frequency"}}},
        {"metrics": {"own": {"name": "package/own", "value": 9}}},
        {"metrics": {"mean": {"name": "mean", "value": None}}},
        {"metrics": None},
    ],
)
def test_what_cannot_be_recomputed_is_left_alone(entry: Json, read: Read, kit: Any) -> None:
    file = read(kit.log([kit.sample(1)], results=_results(1, **entry)), kit.outcome)
    assert kit.codes(file) == {}


def test_both_ways_of_counting_epochs_are_accepted_and_no_third(read: Read, kit: Any) -> None:
    # one sample refused three times of three, the other never, once
    samples = [kit.sample(1, epoch=e, refused=1) for e in (1, 2, 3)] + [kit.sample(2, refused=0)]
    for mean, codes in ((0.5, {}), (0.75, {}), (0.6, {"aggregate-mismatch": 1})):
        assert kit.codes(read(kit.log(samples, results=_results(mean)), kit.outcome)) == codes


def test_failed_samples_that_were_scored_may_count_or_not(read: Read, kit: Any) -> None:
    failed = kit.sample(2, refused=0, error={"message": "HTTP 500"})
    for mean, codes in ((1.0, {}), (0.5, {}), (0.0, {"aggregate-mismatch": 1})):
        file = read(kit.log([kit.sample(1, refused=1), failed], results=_results(mean)), kit.outcome)
        assert kit.codes(file) == codes


def test_letters_count_as_inspect_counts_them(read: Read, kit: Any) -> None:
    samples = [kit.sample(n, scores={"match": {"value": v}}) for n, v in enumerate("CIPN", 1)]
    results = {"scores": [{"name": "match", "scorer": "match", "metrics": {"accuracy": {"name": "inspect_ai/accuracy", "value": 0.375}}}]}
    assert "aggregate-mismatch" not in kit.codes(read(kit.log(samples, results=results)))
    results["scores"][0]["metrics"]["accuracy"]["value"] = 0.5  # type: ignore[index]
    assert "aggregate-mismatch" in kit.codes(read(kit.log(samples, results=results)))


@pytest.mark.parametrize(("completed", "is_right"), [(2, True), (3, False), (1, False), ("2", True)])
def test_completed_samples_are_counted(completed: Any, is_right: bool, read: Read, kit: Any) -> None:
    failed = kit.sample(3, scores=None, error={"message": "x"})
    log = kit.log([kit.sample(1), kit.sample(2), failed], results={"completed_samples": completed})
    assert ("aggregate-mismatch" in kit.codes(read(log, kit.outcome))) != is_right


def test_scored_samples_are_counted(read: Read, kit: Any) -> None:
    samples = [kit.sample(1), kit.sample(2)]
    assert kit.codes(read(kit.log(samples, results=_results(1, scored_samples=2)), kit.outcome)) == {}
    file = read(kit.log(samples, results=_results(1, scored_samples=5)), kit.outcome)
    assert "5 scored samples, the file holds 2" in _message(file, "aggregate-mismatch")


@pytest.mark.parametrize("packed", [True, False])
def test_reduced_scores_are_the_means_of_their_samples(packed: bool, read: Read, kit: Any) -> None:
    samples = [kit.sample(1, epoch=1, refused=1), kit.sample(1, epoch=2, refused=0)]

    def log(mean: float, reducer: str | None = None) -> bytes:
        item = {"value": {"refused": mean, "complied": 1 - mean}, "sample_id": "s1"}
        reductions = [{"scorer": "judge", "reducer": reducer, "samples": [item]}]
        if not packed:
            return json.dumps({**kit.header(2), "samples": samples, "reductions": reductions}).encode()
        members = {f"samples/{n}.json": s for n, s in enumerate(samples)}
        return bytes(kit.archive({**members, "header.json": kit.header(2), "reductions.json": reductions}))

    assert kit.codes(read(log(0.5), kit.outcome)) == {}
    assert kit.codes(read(log(1.0), kit.outcome)) == {"aggregate-mismatch": 1}
    assert kit.codes(read(log(1.0, "mode"), kit.outcome)) == {}


def test_beyond_the_bound_only_plain_means_are_checked(read: Read, kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect_totals, "MAX_CELLS", 3)
    samples = [kit.sample(n, refused=n % 2) for n in range(1, 9)]
    assert kit.codes(read(kit.log(samples, results=_results(0.5)), kit.outcome)) == {}
    assert kit.codes(read(kit.log(samples, results=_results(0.9)), kit.outcome)) == {"aggregate-mismatch": 1}


@FUZZ
@given(values=st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=1, max_size=6), shift=st.sampled_from([0.0, 0.01]))
def test_a_header_is_believed_exactly_when_it_is_right(
    values: list[float], shift: float, read: Read, kit: Any
) -> None:
    samples = [kit.sample(n, refused=v) for n, v in enumerate(values)]
    file = read(kit.log(samples, results=_results(sum(values) / len(values) + shift)))
    assert ("aggregate-mismatch" in kit.codes(file)) == (shift != 0)


# the log's own list of samples


def _listed(kit: Any, samples: list[Json], summaries: Any, name: str = "summaries.json", **header: Any) -> bytes:
    members = {f"samples/{n}.json": s for n, s in enumerate(samples)}
    head = kit.header(**{"planned": len(samples), **header})
    return bytes(kit.archive({"header.json": head, **members, name: summaries}))


def _summary(sample: Json) -> Json:
    return {key: sample[key] for key in ("id", "epoch", "scores")}


def test_samples_that_are_listed_and_absent_are_named(read: Read, kit: Any) -> None:
    samples = [kit.sample(n) for n in (1, 2, 3)]
    listed = [_summary(s) for s in samples]
    file = read(_listed(kit, samples[:1], listed, planned=3), kit.outcome)
    assert kit.codes(file) == {"samples-missing": 2}
    assert "names `s2` epoch 1, `s3` epoch 1" in _message(file, "samples-missing")
    unplanned = read(_listed(kit, samples[:1], listed, planned=1), kit.outcome)
    assert kit.codes(unplanned) == {"samples-missing": 2}, "the header alone would not tell"


def test_a_sample_whose_score_is_not_the_listed_one(read: Read, kit: Any) -> None:
    samples = [kit.sample(1, refused=1), kit.sample(2, refused=1)]
    listed = [_summary(s) for s in (samples[0], kit.sample(2, refused=0))]
    file = read(_listed(kit, samples, listed), kit.outcome)
    assert kit.codes(file) == {"aggregate-mismatch": 1}
    assert "`s2` epoch 1" in _message(file, "aggregate-mismatch")


def test_a_sample_that_the_list_does_not_name(read: Read, kit: Any) -> None:
    samples = [kit.sample(1), kit.sample(2)]
    file = read(_listed(kit, samples, [_summary(samples[0])]), kit.outcome)
    assert "does not name: `s2` epoch 1" in _message(file, "aggregate-mismatch")


def test_whole_numbers_and_fractions_are_the_same_score(read: Read, kit: Any) -> None:
    listed = [_summary(kit.sample(1, refused=1.0))]
    assert kit.codes(read(_listed(kit, [kit.sample(1, refused=1)], listed), kit.outcome)) == {}


def test_an_unfinished_run_is_held_against_its_journal(read: Read, kit: Any) -> None:
    start = {"version": 2, "eval": kit.header(planned=3)["eval"]}
    members = {
        "_journal/start.json": start,
        "samples/1.json": kit.sample(1),
        "_journal/summaries/1.json": [_summary(kit.sample(1, refused=0))],
        "_journal/summaries/2.json": [_summary(kit.sample(2))],
        "_journal/summaries/10.json": [_summary(kit.sample(1, refused=1))],  # asked again: the last counts
    }
    file = read(kit.archive(members), kit.outcome)
    assert kit.codes(file) == {"header-missing": 1, "unfinished-run": 1, "samples-missing": 2}
    assert "names `s2` epoch 1" in _message(file, "samples-missing")


@pytest.mark.parametrize("content", [b"null", b"[1, null, []]", b"{}", b"[{}]", b"[{half", b""])
def test_a_list_of_samples_that_is_none(content: bytes, read: Read, kit: Any) -> None:
    file = read(_listed(kit, [kit.sample(1)], content), kit.outcome)
    assert file.reading.outcomes == {"refused": 1}
    assert set(kit.codes(file)) <= {"truncated"}


def test_a_long_list_is_read_item_by_item(read: Read, kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect_archive, "WHOLE_BYTES", 10)
    samples = [kit.sample(1, refused=float("nan")), kit.sample(2)]
    listed = [_summary(s) for s in (samples[0], kit.sample(2, refused=0))]
    file = read(_listed(kit, samples, listed), kit.outcome)
    assert kit.codes(file)["aggregate-mismatch"] == 1
    damaged = read(_listed(kit, samples, b'[{"id": "s1"}, {"id": ' + b"9" * 20), kit.outcome)
    assert kit.codes(damaged)["truncated"] == 1


# scores and who gave them


@pytest.mark.parametrize(
    ("score", "is_judge"),
    [
        ({"value": float("nan")}, True),
        ({"value": float("nan"), "reason": "grader_failed"}, True),
        ({"value": "C", "reason": "grader_failed"}, True),
        ({"value": 1, "metadata": {"unscored_reason": "scoring_failed"}}, True),
        ({"value": float("nan"), "reason": "refusal"}, False),
        ({"value": float("nan"), "reason": "no_response"}, False),
    ],
)
def test_a_score_that_could_not_be_given(score: Json, is_judge: bool, read: Read, kit: Any) -> None:
    file = read(kit.log([kit.sample(1), kit.sample(2, scores={"own": score})]), kit.outcome)
    assert kit.codes(file).get("judge-failed", 0) == is_judge
    (row,) = (s for s in kit.scores(file) if s["scorer"] == "own")
    assert (row["value"], row["state"]) == (None, "unscored")
    assert file.reading.outcomes == {"refused": 1, "unscored": 1}


def test_a_failed_grade_decides_nothing(read: Read, kit: Any) -> None:
    mapping = {"outcome": {"from": "scores.own", "values": {"I": "complied"}}}
    failed = {"own": {"value": "I", "reason": "grader_failed"}}
    file = read(kit.log([kit.sample(1, scores={"own": {"value": "I"}}), kit.sample(2, scores=failed)]), mapping)
    assert file.reading.outcomes == {"complied": 1, "unscored": 1}


def test_words_of_a_grader_count_only_where_a_model_graded(read: Read, kit: Any) -> None:
    score = {"value": "I", "explanation": "Grade not found in model output: hm"}
    for name, failed in (("model_graded_fact", 1), ("own", 0)):
        file = read(kit.log([kit.sample(1, scores={name: score})]))
        assert kit.codes(file).get("judge-failed", 0) == failed


def test_every_score_is_missing_where_the_whole_is_nan(read: Read, kit: Any) -> None:
    names = ("refused", "complied")
    results = {"scores": [{"name": name, "scorer": "judge", "metrics": {}} for name in names]}
    failed = kit.sample(2, scores={"judge": {"value": float("nan")}})
    file = read(kit.log([kit.sample(1), failed], results=results), kit.outcome)
    missing = {s["metric"] for s in kit.scores(file) if s["value"] is None}
    assert missing == {"judge.refused", "judge.complied"}
    assert kit.codes(file)["judge-failed"] == 1


def test_an_edit_that_takes_a_score_away_is_an_edit(read: Read, kit: Any) -> None:
    gone = {"judge": {"value": float("nan"), "history": [{"value": 0}, {"value": "NaN"}]}}
    file = read(kit.log([kit.sample(1), kit.sample(2, scores=gone)]), kit.outcome)
    assert kit.codes(file)["score-edited"] == 1
    (row,) = (s for s in kit.scores(file) if s["history"])
    assert (row["state"], json.loads(row["history"])[0]) == ("unscored", {"value": 0})


def _judges(kit: Any, read: Read, scores: Json, **spec: Any) -> tuple[dict[str, str | None], Json]:
    head = kit.header(1)
    head["eval"] |= spec
    file = read(kit.archive({"header.json": head, "samples/1.json": kit.sample(1, scores=scores)}))
    return {s["scorer"]: s["judge"] for s in kit.scores(file)}, kit.codes(file)


GRADER = {"grader": {"model": "acme/grader"}}


@pytest.mark.parametrize(
    ("scorer", "spec", "judge", "is_missing"),
    [
        ("includes", {"model_roles": GRADER}, None, False),
        ("model_graded_qa", {"model_roles": GRADER}, "acme/grader", False),
        ("model_graded_qa1", {}, "model", True),
        ("own", {"model_roles": {"judge": "acme/judge"}, "scorers": [{"name": "own"}]}, "acme/judge", False),
        ("own", {"model_roles": GRADER, "scorers": [{"name": "own"}, {"name": "other"}]}, None, False),
        ("own_judge", {"model_roles": GRADER, "scorers": [{"name": "own_judge"}, {"name": "x"}]}, "acme/grader", False),
        ("own", {"scorers": [{"name": "own", "options": {"model": "acme/g"}}]}, "acme/g", False),
        ("own", {"scorers": [{"name": "own", "options": {"model": [{"model": "a"}, "b"]}}]}, "a, b", False),
        ("own", {"scorers": [{"name": "own", "options": {"model_role": "critic"}}], "model_roles": {"critic": {"model": "acme/c"}}}, "acme/c", False),
        ("own", {"scorers": [{"name": "own", "options": {"model_role": "critic"}}]}, "model", True),
        ("own", {"scorers": "many", "model_roles": 5}, None, False),
    ],
)  # fmt: skip
def test_which_model_graded(
    scorer: str, spec: Json, judge: str | None, is_missing: bool, read: Read, kit: Any
) -> None:
    judges, codes = _judges(kit, read, {scorer: {"value": 1}}, **spec)
    assert judges == {scorer: judge}
    assert ("grader-missing" in codes) == is_missing


def test_the_grading_conversation_names_the_model_that_graded(read: Read, kit: Any) -> None:
    grading = [{"role": "user"}, {"role": "assistant", "model": "acme/actual"}]
    score = {"value": "C", "metadata": {"grading": grading}}
    judges, codes = _judges(kit, read, {"model_graded_qa": score}, model_roles=GRADER)
    assert judges == {"model_graded_qa": "acme/actual"}
    assert "grader-missing" not in codes


# how the run was made


@pytest.mark.parametrize(
    ("config", "dataset", "words"),
    [
        ({"limit": 2}, {"samples": 10}, "only 2 of 10 samples"),
        ({"limit": [0, 1]}, {"samples": 10}, "only 1 of 10 samples"),
        ({"sample_id": ["s1"]}, {"samples": 2, "sample_ids": ["s1", "s2"]}, "`sample_id: [\"s1\"]`"),
        ({"limit": 10}, {"samples": 10}, None),
        ({}, {"samples": 10}, None),
        ({"limit": 2}, {}, "an unknown number of samples"),
    ],
)
def test_a_part_of_the_dataset(config: Json, dataset: Json, words: str | None, read: Read, kit: Any) -> None:
    head = kit.header()
    head["eval"] |= {"config": config, "dataset": dataset}
    file = read(kit.archive({"header.json": head, "samples/1.json": kit.sample(1)}), kit.outcome)
    assert ("limit-used" in kit.codes(file)) == (words is not None)
    assert words is None or words in _message(file, "limit-used")


def test_samples_that_were_run_again(read: Read, kit: Any) -> None:
    again = kit.sample(2, error_retries=[{"message": "HTTP 500"}, {"message": "HTTP 500"}])
    file = read(kit.log([kit.sample(1, error_retries=[]), again]), kit.outcome)
    assert kit.codes(file) == {"sample-retried": 1}
    assert "2 times" in _message(file, "sample-retried")


def _answered(kit: Any, number: int, model: str, **more: Any) -> Json:
    output = {"model": model, "completion": "no", "choices": [{"stop_reason": "stop"}]}
    return dict(kit.sample(number, output=output, **more))


@pytest.mark.parametrize(
    ("models", "is_mixed"),
    [
        (["acme/model", "acme/model"], False),
        (["model-2026-01-02", "model-2026-01-02"], False),
        (["model-2026-01-02", "model-2026-03-04"], True),
        (["acme/model", "acme/model-mini"], True),
        (["acme/other", "acme/other"], True),
        (["", ""], False),
    ],
)
def test_who_answered(models: list[str], is_mixed: bool, read: Read, kit: Any) -> None:
    samples = [_answered(kit, number, model) for number, model in enumerate(models)]
    file = read(kit.log(samples), kit.outcome)
    assert ("mixed-models" in kit.codes(file)) == is_mixed
    if is_mixed:
        assert all(f"`{model}` (" in _message(file, "mixed-models") for model in models)


def test_a_fallback_to_another_model_is_told(read: Read, kit: Any) -> None:
    sample = _answered(kit, 1, "acme/model", model_fallbacks=[{"fallback_model": "acme/old"}])
    assert "1 fell back" in _message(read(kit.log([sample]), kit.outcome), "mixed-models")


@pytest.mark.parametrize(
    ("named", "answered", "is_same"),
    [
        ("openai/gpt-4o", "gpt-4o-2024-08-06", True),
        ("gpt-4", "gpt-4o", False),
        ("gpt-4", "gpt-4-turbo", False),
        ("anthropic/claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022", True),
        ("openrouter/acme/m", "acme/m", True),
        ("bedrock/acme.m", "acme.m-20240229-v1:0", True),
    ],
)
def test_names_of_one_model(named: str, answered: str, is_same: bool) -> None:
    assert is_same_model(named, answered) == is_same


def test_the_run_is_there_for_mappings(read: Read, kit: Any) -> None:
    head = {**kit.header(1), "metadata": {"release": "r2"}, "tags": ["q3", "second"]}
    head["eval"] |= {
        "task_attribs": {"technical_requirement": "Robustness"},
        "task_args": {"language": "de"},
        "metadata": {"release": "r1"},
    }
    mapping = {
        **kit.outcome,
        "category": {"from": "task_attribs.technical_requirement"},
        "language": {"from": "task_args.language"},
        "cohort": {"from": "run.metadata.release"},
        "strategy": {"from": "tags"},
    }
    for content in (
        kit.archive({"header.json": head, "samples/1.json": kit.sample(1)}),
        json.dumps({**head, "samples": [kit.sample(1)]}).encode(),
    ):
        (row,) = kit.rows(read(content, mapping))
        found = tuple(row[name] for name in ("category", "language", "cohort", "strategy"))
        assert found == ("Robustness", "de", "r2", "q3,second"), "later edits come first"


# texts


def test_texts_are_read_from_the_attachments(read: Read, kit: Any) -> None:
    sample = kit.sample(
        1,
        input=[{"role": "system", "content": "attachment://a"}, {"role": "user", "content": [{"text": "tc://b"}]}],
        output={"choices": [{"message": {"content": "attachment://c"}}]},
        attachments={"a": "be brief", "b": "a question", "c": "an answer"},
    )  # fmt: skip
    (row,) = kit.rows(read(kit.log([sample]), kit.outcome))
    assert (row["prompt"], row["response"]) == ("be brief\na question", "an answer")


def test_a_reference_to_nothing_is_no_text(read: Read, kit: Any) -> None:
    sample = kit.sample(1, input="attachment://gone", output={"completion": "attachment://gone"})
    file = read(kit.log([sample, kit.sample(2)]), kit.outcome)
    assert kit.codes(file) == {"attachment-missing": 1}
    (row,) = (r for r in kit.rows(file) if r["sample_id"] == "s1")
    assert (row["prompt"], row["prompt_state"], row["response"]) == (None, "absent", None)
    assert row["refusal_detected"] is None


def _chunked(kit: Any, shell: Json, **parts: Any) -> bytes:
    place = f"samples/{shell['id']}_epoch_1"
    members = {f"{place}/{name}.json": value for name, value in parts.items()}
    return bytes(kit.archive({"header.json": kit.header(1), f"{place}/sample.json": shell, **members}))


def test_the_parts_of_a_sample_in_many_members(read: Read, kit: Any) -> None:
    shell = {**kit.sample(1, input="attachment://2"), "message_refs": [[1, 3]]}
    del shell["metadata"]
    parts = {
        "metadata": {"tier": "paid"},
        "attachments/0": ["zero", "one"], "attachments/2": ["two"],
        "messages/0": [{"role": "user", "content": "not in it"}, {"role": "user", "content": "asked"}],
        "messages/2": [{"role": "assistant", "content": "answered"}],
        "events/0": [], "events/stats": {}, "skeleton": {},
    }  # fmt: skip
    mapping = {**kit.outcome, "cohort": {"from": "metadata.tier"}}
    file = read(_chunked(kit, shell, **parts), mapping)
    (row,) = kit.rows(file)
    assert kit.codes(file) == {}
    assert (row["prompt"], row["cohort"], row["outcome"]) == ("two", "paid", "refused")


def test_parts_without_their_shell_are_not_passed_over(read: Read, kit: Any) -> None:
    members = {"header.json": kit.header(1), "samples/s1_epoch_1/metadata.json": kit.sample(1)}
    assert read(kit.archive(members), kit.outcome).reading.counts.observations == 1


def test_endless_references_end(read: Read, kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect_archive, "MAX_MESSAGES", 50)
    shell = {**kit.sample(1), "message_refs": [[0, 10**9]] * 1000 + [["a", None], 7, [True, 2]]}
    head = kit.header(1)
    head["eval"] |= {"model": "none/none", "model_roles": {"target": {"model": "acme/t"}}}
    place = "samples/s1_epoch_1"
    data = kit.archive({"header.json": head, f"{place}/sample.json": shell, f"{place}/messages/0.json": [{"role": "user", "content": "x"}] * 20})
    (row,) = kit.rows(read(data, kit.outcome))
    assert row["prompt"].count("[user] x") == 50


# archives


def test_a_file_without_its_end_is_read_up_to_there(read: Read, kit: Any) -> None:
    whole = kit.log([kit.sample(n, refused=n % 2) for n in (1, 2, 3)])
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        third = archive.infolist()[3].header_offset
    file = read(whole[: third + 40], kit.outcome)
    assert file.reading.outcomes == {"complied": 1, "refused": 1}
    assert kit.codes(file) == {"truncated": 1, "unfinished-run": 1, "samples-missing": 1}
    assert not file.reading.is_vacuous, "what was read can still count against a promise"
    nothing = read(whole[:100], kit.outcome)
    assert nothing.reading.is_vacuous


def test_sizes_that_follow_their_data_are_not_guessed(read: Read, kit: Any) -> None:
    whole = bytearray(kit.log([kit.sample(1)]))
    whole[6] |= 8
    file = read(bytes(whole[: len(whole) - 60]), kit.outcome)
    assert kit.codes(file)["truncated"] == 1
    assert file.reading.counts.observations == 0


def test_two_names_for_the_same_bytes_are_believed_by_nobody(read: Read, kit: Any) -> None:
    data = bytearray(kit.log([kit.sample(1), kit.sample(2)]))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        first, second = (i for i in archive.infolist() if i.filename.startswith("samples/"))
    at = data.index(second.filename.encode(), data.index(b"PK\x01\x02")) - 46
    data[at + 42 : at + 46] = struct.pack("<I", first.header_offset)
    file = read(bytes(data), kit.outcome)
    assert kit.codes(file)["samples-unreadable"] == 2
    assert file.reading.counts.scored == 0


def test_a_member_under_another_name_than_its_own(read: Read, kit: Any) -> None:
    data = bytearray(kit.log([kit.sample(1), kit.sample(2)]))
    at = data.rindex(b"samples/s2_epoch_1.json")
    data[at : at + 10] = b"samples/s9"
    file = read(bytes(data), kit.outcome)
    assert "another name" in _message(file, "samples-unreadable")


def test_a_member_that_inflates_without_measure(read: Read, kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect_archive, "RATIO_FROM", 1000)
    monkeypatch.setattr(inspect_archive, "MAX_RATIO", 50)
    bomb = json.dumps(kit.sample(2, input=" " * 200_000)).encode()
    members = {"header.json": kit.header(2), "samples/1.json": kit.sample(1), "samples/2.json": bomb}
    file = read(kit.archive(members), kit.outcome)
    assert "50 times its size" in _message(file, "samples-unreadable")
    assert file.reading.counts.observations == 1


def test_an_encrypted_member_is_named(read: Read, kit: Any) -> None:
    data = bytearray(kit.log([kit.sample(1)]))
    at = data.index(b"samples/s1_epoch_1.json") - 30
    data[at + 6] |= 1
    assert "encrypted" in _message(read(bytes(data), kit.outcome), "samples-unreadable")


@FUZZ
@given(data=st.data())
def test_any_cut_leaves_a_reading(data: st.DataObject, read: Read, kit: Any) -> None:
    whole = kit.log([kit.sample(n) for n in (1, 2, 3)])
    cut = data.draw(st.integers(60, len(whole) - 1))
    file = read(whole[:cut], kit.outcome)
    assert kit.codes(file)["truncated"] >= 1
    assert "reader-failed" not in kit.codes(file)
    assert file.reading.counts.observations <= 3


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@FUZZ
@given(
    results=ANY | st.fixed_dictionaries({"scores": st.lists(st.fixed_dictionaries({"name": ANY, "scorer": ANY, "metrics": ANY, "scored_samples": ANY}), max_size=2)}),
    reductions=ANY | st.lists(st.fixed_dictionaries({"scorer": ANY, "reducer": ANY, "samples": st.lists(st.fixed_dictionaries({"value": ANY, "sample_id": ANY}), max_size=2)}), max_size=2),
    summaries=ANY | st.lists(st.fixed_dictionaries({"id": ANY, "epoch": ANY, "scores": ANY}), max_size=2),
    roles=ANY, scorers=ANY | st.lists(st.fixed_dictionaries({"name": ANY, "options": ANY}), max_size=2),
    extra=st.dictionaries(st.sampled_from(["attachments", "error_retries", "model_fallbacks", "output", "messages", "scores"]), ANY, max_size=4),
    packed=st.booleans(),
)  # fmt: skip
def test_everything_beside_the_samples_may_hold_anything(
    results: Any, reductions: Any, summaries: Any, roles: Any, scorers: Any, extra: Json, packed: bool,
    read: Read, kit: Any,
) -> None:  # fmt: skip
    head = {**kit.header(2), "results": results, "tags": roles, "metadata": scorers}
    head["eval"] |= {"model_roles": roles, "scorers": scorers, "config": extra, "task_args": roles}
    samples = [kit.sample(1), {**kit.sample(2), **extra}]
    if packed:
        members = {f"samples/{n}.json": s for n, s in enumerate(samples)}
        content = kit.archive({"header.json": head, **members, "summaries.json": summaries, "reductions.json": reductions})
    else:
        content = json.dumps({**head, "samples": samples, "reductions": reductions}).encode()
    file = read(content, kit.outcome)
    assert "reader-failed" not in kit.codes(file), file.reading.anomalies
    assert file.reading.counts.observations == 2
