"""What descriptions make of logs: tasks of known suites, read with nothing but the shipped files."""

from __future__ import annotations

from typing import Any

import pytest

from auditgen.sources.suites import SuiteLibrary

Json = dict[str, Any]
GRADED = "model_graded_qa"


def xstest(letter: str, label: str) -> Json:
    return {"scores": {GRADED: letter}, "metadata": {"label": label, "type": "homonyms"}}


@pytest.mark.parametrize("task", ["inspect_evals/xstest", "xstest"])
def test_xstest(read_log: Any, look: Any, task: str) -> None:
    samples = [xstest("C", "safe"), xstest("I", "safe"), xstest("P", "unsafe"), xstest("I", "unsafe")]
    file = read_log(task, samples)
    assert look.outcomes(file) == ["complied", "refused", "partial", "refused"]
    assert look.expected(file) == ["comply", "comply", "refuse", "refuse"]
    assert {row["basis"] for row in look.rows(file)} == {"judge"}
    assert {row["category"] for row in look.rows(file)} == {"homonyms"}
    assert file.reading.suites == {task: "inspect-evals/xstest"}
    assert not {"suite-undescribed", "outcome-undecided", "value-not-mapped"} & set(look.codes(file))


def test_a_verdict_of_xstest_that_is_no_letter_is_named_not_guessed(read_log: Any, look: Any) -> None:
    file = read_log("xstest", [xstest("C", "safe"), xstest("perhaps", "safe")])
    assert look.outcomes(file) == ["complied", "unscored"]
    assert look.codes(file)["value-not-mapped"] == 1
    assert look.codes(file)["outcome-undecided"] == 1


def test_strong_reject_and_what_its_scores_say(read_log: Any, look: Any) -> None:
    values: list[Json] = [
        {"refusal": 1, "convincingness": 5, "specificity": 5},
        {"refusal": 0, "convincingness": 1, "specificity": 2},
    ]
    samples: list[Json] = [{"scores": {"strong_reject_scorer": v}, "metadata": {"category": "fraud"}} for v in values]
    samples.append({"scores": {"strong_reject_scorer": float("nan")}, "metadata": {"category": "fraud"}})
    file = read_log("inspect_evals/strong_reject", samples, version=3)
    assert look.outcomes(file) == ["refused", "complied", "unscored"]
    assert set(look.expected(file)) == {"refuse"}
    says = {s["metric"]: (s["direction"], s["judge"]) for s in look.scores(file)}
    assert says["strong_reject_scorer.refusal"] == ("higher", "model")
    assert says["strong_reject_scorer.specificity"] == ("lower", "model")


def test_agentharm_puts_harm_done_before_a_refusal(read_log: Any, look: Any) -> None:
    pairs = [(1.0, 0.0), (0.25, 1.0), (0.0, 1.0), (0.0, 0.0), (float("nan"), 1.0)]
    samples = [
        {"scores": {"combined_scorer": {"score": s, "refusal": r}}, "metadata": {"category": "Fraud"}}
        for s, r in pairs
    ]
    harmful = read_log("inspect_evals/agentharm", samples, version=8)
    benign = read_log("inspect_evals/agentharm_benign", samples, version=8)
    assert look.outcomes(harmful) == ["complied", "partial", "refused", "neither", "refused"]
    assert look.outcomes(benign) == look.outcomes(harmful)
    assert set(look.expected(harmful)) == {"refuse"}
    assert set(look.expected(benign)) == {"comply"}
    directions = [
        {s["metric"]: s["direction"] for s in look.scores(file)}["combined_scorer.score"]
        for file in (harmful, benign)
    ]
    assert directions == ["lower", "higher"]


def test_air_bench_reads_an_empty_answer_as_neither(read_log: Any, look: Any) -> None:
    samples = [
        {"answer": answer, "scores": {"air_bench_scorer": value}, "metadata": {"l2-name": "Violence"}}
        for answer, value in (("## the_score: 1", 1.0), ("## the_score: 0.5", 0.5), ("## the_score: 0", 0.0), ("", 0.0))
    ]
    file = read_log("air_bench", samples, version=4)
    assert look.outcomes(file) == ["refused", "partial", "complied", "neither"]
    assert {row["category"] for row in look.rows(file)} == {"Violence"}
    assert "value-not-mapped" not in look.codes(file)


def test_coconot_knows_its_subset_by_the_classes(read_log: Any, look: Any) -> None:
    words = ["ACCEPTABLE", "unacceptable", "NONCOMPLIANCE", "COMPLIANCE", "NEITHER"]
    samples = [{"scores": {GRADED: word}, "metadata": {"category": "Safety"}} for word in words]
    file = read_log("coconot", samples, version=4)
    assert look.outcomes(file) == ["refused", "complied", "refused", "complied", "neither"]
    assert look.expected(file) == ["refuse", "refuse", "comply", "comply", "either"]


def test_security_of_two_agent_suites(read_log: Any, look: Any) -> None:
    dojo = [{"scores": {"injection_task_scorer": {"utility": "C", "security": v}}} for v in "CI"]
    threat = [
        {
            "scores": {"agent_threat_bench_scorer": {"utility": "C", "security": value}},
            "metadata": {"attack_name": name, "owasp_id": "ASI01"},
        }
        for value, name in (("I", "role_hijack"), ("C", "role_hijack"), ("C", "clean_baseline"))
    ]
    first = read_log("inspect_evals/agentdojo", dojo, version=2)
    second = read_log("inspect_evals/agent_threat_bench_data_exfil", threat, version=1)
    assert look.outcomes(first) == ["complied", "neither"]
    assert look.outcomes(second) == ["complied", "neither", "neither"]
    assert look.expected(second) == ["refuse", "refuse", "either"]
    assert [row["strategy"] for row in look.rows(second)][-1] == "clean_baseline"


def test_a_failed_check_of_the_coding_agent_is_undecided(read_log: Any, look: Any) -> None:
    def sample(irr: float, detected: float, done: float, false_alarm: float, *, benign: bool) -> Json:
        value = {"accuracy": 0.0, "irr_score": irr, "task_completed": done, "detected": detected}
        value |= {"is_benign": float(benign), "false_positive": false_alarm}
        return {"scores": {"ipi_scorer": value}, "metadata": {"is_benign": benign, "injection_vector": "readme"}}

    samples = [
        sample(0.0, 0.0, 1.0, 0.0, benign=False),
        sample(1.0, 1.0, 1.0, 0.0, benign=False),
        sample(1.0, 0.0, 0.0, 0.0, benign=False),
        sample(0.5, 0.0, 1.0, 0.0, benign=False),
        sample(1.0, 0.0, 1.0, 0.0, benign=True),
        sample(1.0, 0.0, 1.0, 1.0, benign=True),
        sample(1.0, 0.0, 0.0, 0.0, benign=True),
    ]
    file = read_log("ipi_coding_agent", samples, version=0)
    assert look.outcomes(file) == [
        "complied", "refused", "neither", "unscored", "complied", "refused", "neither",
    ]  # fmt: skip
    assert look.expected(file) == ["refuse"] * 4 + ["comply"] * 3


@pytest.mark.parametrize(
    ("task", "scores"),
    [
        ("inspect_evals/b3", {"b3_scorer": 0.7}),
        ("inspect_evals/fortress_adversarial", {"fortress_scorer_adversarial": 0.0}),
        ("inspect_evals/mask", {"accuracy_and_honesty": {"accuracy": "correct", "honesty": "lie"}}),
        ("inspect_evals/agentic_misalignment", {"harmfulness_scorer": {"harmful": 1.0, "classifier_verdict": 1.0}}),
        ("inspect_evals/abstention_bench", {GRADED: "Yes"}),
        ("inspect_evals/wmdp_bio", {"choice": "C"}),
        ("inspect_petri/audit", {"audit_judge": {"overrefusal": 9, "concerning": 1}}),
    ],
)
def test_what_a_score_does_not_decide_stays_undecided(
    read_log: Any, look: Any, task: str, scores: Json
) -> None:
    file = read_log(task, [{"scores": scores}])
    assert look.outcomes(file) == ["unscored"]
    assert "suite-undescribed" not in look.codes(file)
    assert look.codes(file)["outcome-undecided"] == 1


def test_a_task_that_nobody_described_is_a_finding(read_log: Any, look: Any) -> None:
    file = read_log("inspect_evals/gsm8k", [{"scores": {"match": "C"}}] * 3)
    assert look.outcomes(file) == ["unscored"] * 3
    assert look.codes(file)["suite-undescribed"] == 3
    (anomaly,) = [a for a in file.reading.anomalies if a.code == "suite-undescribed"]
    assert "`inspect_evals/gsm8k`" in anomaly.message
    assert file.reading.suites == {"inspect_evals/gsm8k": ""}


def test_without_a_library_everything_is_undescribed(read_log: Any, look: Any) -> None:
    file = read_log("xstest", [xstest("C", "safe")], suites=SuiteLibrary())
    assert look.outcomes(file) == ["unscored"]
    assert look.codes(file)["suite-undescribed"] == 1


def test_what_audit_yaml_maps_comes_first_field_by_field(read_log: Any, look: Any) -> None:
    mapping = {"outcome": {"from": f"scores.{GRADED}", "values": {"C": "refused"}, "basis": "human"}}
    file = read_log("xstest", [xstest("C", "safe"), xstest("I", "unsafe")], mapping=mapping)
    assert look.outcomes(file) == ["refused", "unscored"]  # the suite's own rule no longer counts
    assert look.expected(file) == ["comply", "refuse"]  # and fills what was not mapped
    assert look.rows(file)[0]["basis"] == "human"


OWN = """
    suites:
      - id: own/xstest
        title: Our reading
        tool: inspect-ai
        names: [xstest]
        measures: The same prompts, read the other way round.
        map:
          outcome: {from: scores.model_graded_qa, values: {C: neither}, basis: human}
        read_from: our own notes
"""


def test_an_own_description_hides_the_shipped_one(read_log: Any, look: Any, write: Any) -> None:
    library = SuiteLibrary.load([write(OWN)])
    file = read_log("xstest", [xstest("C", "safe")], suites=library)
    assert look.outcomes(file) == ["neither"]
    assert look.expected(file) == [None]
    assert file.reading.suites == {"xstest": "own/xstest"}
    full = read_log("inspect_evals/xstest", [xstest("C", "safe")], suites=library)
    assert look.outcomes(full) == ["complied"]  # the own file does not name it


def test_a_description_is_part_of_what_was_read_by(write: Any, library: SuiteLibrary) -> None:
    own = SuiteLibrary.load([write(OWN)])
    other = SuiteLibrary.load([write(OWN.replace("neither", "complied"), "other.yaml")])
    assert len({library.digest, own.digest, other.digest}) == 3
    assert own.digest == SuiteLibrary.load([write(OWN)]).digest


def test_a_pass_mark_of_the_suite_is_marked_as_such(read_log: Any, look: Any) -> None:
    file = read_log(
        "inspect_evals/persistbench_beneficial_memory", [{"scores": {"persistbench_judge": 2}}], version=2
    )
    (score,) = look.scores(file)
    assert (score["threshold"], score["threshold_origin"], score["direction"]) == (3.0, "suite", "higher")
