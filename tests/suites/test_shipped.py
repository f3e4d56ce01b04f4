"""The shipped descriptions: whole, sourced, printed in the docs, and covering what they say they cover."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from auditgen.evidence.mapping import RecordMap
from auditgen.resources import resource_dir
from auditgen.sources.garak import GarakSource
from auditgen.sources.inspect_ai import InspectSource
from auditgen.sources.promptfoo import PromptfooSource
from auditgen.sources.suites import SuiteFile, SuiteLibrary

DOCS = Path(__file__).resolve().parents[2] / "docs" / "suites.md"


def files(library: SuiteLibrary) -> dict[str, SuiteFile]:
    return {file.id: file for file in library.files}


def test_every_file_of_the_folder_is_loaded(library: SuiteLibrary) -> None:
    names = sorted(path.stem for path in resource_dir("suites").glob("*.yaml"))
    assert sorted(files(library)) == names
    assert set(names) == {
        "alignment-faking", "deepteam", "garak", "inspect-evals", "petri", "promptfoo", "red-team-benchmarks",
    }  # fmt: skip


def test_every_suite_says_where_it_was_read_and_its_id_is_unique(library: SuiteLibrary) -> None:
    suites = [suite for file in library.files for suite in file.suites]
    assert len({suite.id for suite in suites}) == len(suites) > 90
    for suite in suites:
        assert re.search(r"\d+\.\d+\.\d+|\([a-z]+, [0-9a-f]{8}\)", suite.read_from), suite.id
        assert re.search(r"\.(py|yaml|json|js|md|csv)|_yaml|constants", suite.read_from), suite.id
        assert suite.measures.endswith("."), suite.id
        assert all(caveat.endswith(".") for caveat in suite.caveats), suite.id


def test_every_suite_says_what_is_expected_or_how_to_know(library: SuiteLibrary) -> None:
    """One cannot know: what an alignment-faking run is to refuse stands in its path, not in its file."""
    silent = [s.id for file in library.files for s in file.suites if s.map.expected is None]
    assert silent == ["alignment-faking/replication"]


def test_outcomes_rest_on_a_judge_a_person_or_a_check_of_the_suite(library: SuiteLibrary) -> None:
    bases = {
        rule.basis.value
        for file in library.files
        for suite in file.suites
        for rule in suite.map.as_record_map().outcomes
    }
    assert bases == {"judge", "native_field", "human"}


def test_rules_point_into_the_record_only(library: SuiteLibrary) -> None:
    roots = {"scores", "metadata", "output", "target", "task_attribs", "input"}
    for suite in (s for file in library.files for s in file.suites if s.tool == InspectSource.name):
        rules: RecordMap = suite.map.as_record_map()
        for group in rules.rules().values():
            for rule in group:
                assert rule.from_ is None or rule.from_.split(".")[0] in roots, (suite.id, rule.from_)


def test_petri_has_its_38_dimensions_with_their_directions(library: SuiteLibrary) -> None:
    (petri,) = files(library)["petri"].suites
    metrics = [meaning.metric for meaning in petri.scores]
    assert len(metrics) == len(set(metrics)) == 38
    assert all(metric.startswith("audit_judge.") for metric in metrics)
    assert {(m.low, m.high, m.judge) for m in petri.scores} == {(1, 10, True)}
    by_direction = {
        better: sorted(m.metric.removeprefix("audit_judge.") for m in petri.scores if m.better == better)
        for better in ("higher", "neutral")
    }
    assert by_direction == {
        "higher": ["admirable", "scenario_realism"],
        "neutral": ["fun_or_funny", "high_stakes_setting", "unprompted_pos_affect"],
    }
    assert petri.map.outcome is None


@pytest.mark.parametrize(
    "task",
    [
        "abstention_bench", "agent_threat_bench_memory_poison", "agent_threat_bench_data_exfil", "agentdojo",
        "agentharm", "agentharm_benign", "anima", "ape_eval", "b3", "coconot", "fortress_adversarial",
        "fortress_benign", "ipi_coding_agent", "lab_bench_litqa", "make_me_pay", "makemesay", "mask",
        "mind2web_sc", "moru", "persistbench_cross_domain", "persistbench_beneficial_memory", "stereoset",
        "strong_reject", "tac", "tac_welfare", "wmdp_bio", "wmdp_chem", "wmdp_cyber", "agentic_misalignment",
        "gdm_sp01_e2e", "gdm_sp12_milestones", "gdm_self_reasoning_max_tokens", "gdm_classifier_evasion",
        "gdm_cover_your_tracks", "gdm_oversight_pattern", "gdm_strategic_rule_breaking", "instrumentaleval",
        "sad_stages_full", "sad_facts_llms", "sad_influence", "xstest", "air_bench", "sycophancy",
    ],
)  # fmt: skip
def test_tasks_of_inspect_evals_are_described_under_both_names(library: SuiteLibrary, task: str) -> None:
    plain, full = (library.find("inspect-ai", name, "5") for name in (task, f"inspect_evals/{task}"))
    assert plain is full is not None


def test_a_name_that_nobody_described_is_not_found(library: SuiteLibrary) -> None:
    assert library.find("inspect-ai", "inspect_evals/gsm8k") is None
    assert library.find("inspect-ai", "audit") is None
    assert library.find("garak", "xstest") is None
    assert library.find("promptfoo", "") is None
    assert library.strategy("promptfoo", "unheard-of") is None


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        ("dan.Dan_11_0", "refuse"), ("encoding.InjectBase64", "refuse"), ("goodside.Tag", "refuse"),
        ("goodside.WhoIsRiley", "either"), ("goodside.ThreatenJSON", "either"), ("grandma.Win10", "refuse"),
        ("grandma.Substances", "refuse"), ("snowball.Primes", "either"), ("latentinjection.LatentJailbreak", "refuse"),
        ("packagehallucination.Python", "either"), ("lmrc.Bullying", "either"), ("leakreplay.NYTCloze", "either"),
        ("divergence.Repeat", "either"), ("donotanswer.Malicioususes", "refuse"), ("test.Blank", "either"),
    ],
)  # fmt: skip
def test_probes_of_garak(library: SuiteLibrary, probe: str, expected: str) -> None:
    suite = library.find(GarakSource.name, probe)
    assert suite is not None
    assert suite.map.expected is not None
    assert suite.map.expected.is_ == expected
    meaning = suite.meaning("mitigation.MitigationBypass")
    assert meaning is not None
    assert meaning.better == "lower"


@pytest.mark.parametrize(
    ("plugin", "expected"),
    [
        ("harmful:hate", "refuse"), ("harmful:cybercrime:malicious-code", "refuse"), ("pii:direct", "refuse"),
        ("contracts", "refuse"), ("excessive-agency", "refuse"), ("hallucination", "either"),
        ("overreliance", "either"), ("bias:age", "either"), ("policy", "refuse"), ("sql-injection", "refuse"),
        ("coding-agent:verifier-sabotage", "refuse"), ("financial:hallucination", "either"),
        ("financial:misconduct", "refuse"), ("medical:fda:cyber-audit-tampering", "refuse"),
        ("realestate:steering", "either"), ("agentic:memory-poisoning", "refuse"),
    ],
)  # fmt: skip
def test_plugins_of_promptfoo(library: SuiteLibrary, plugin: str, expected: str) -> None:
    suite = library.find(PromptfooSource.name, plugin)
    assert suite is not None
    assert suite.map.expected is not None
    assert suite.map.expected.is_ == expected
    meaning = suite.meaning("Anything/Base64")
    assert meaning is not None
    assert (meaning.better, meaning.low, meaning.high) == ("higher", 0, 1)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("basic", "none"), ("base64", "encoding"), ("rot13", "encoding"), ("leetspeak", "encoding"),
        ("jailbreak-templates", "template"), ("prompt-injection", "template"), ("crescendo", "multi-turn"),
        ("goat", "multi-turn"), ("jailbreak:hydra", "multi-turn"), ("jailbreak:meta", "iterated rewriting"),
        ("custom:my-plan", "multi-turn"), ("layer/base64", "combination"),
    ],
)  # fmt: skip
def test_strategies_of_promptfoo(library: SuiteLibrary, name: str, family: str) -> None:
    strategy = library.strategy("promptfoo", name)
    assert strategy is not None
    assert strategy.family == family


def test_same_word_opposite_meaning(library: SuiteLibrary) -> None:
    """AgentDojo's `security` is the attacker's, AgentThreatBench's the defender's."""
    found = {}
    for task, scorer in (
        ("agentdojo", "injection_task_scorer"),
        ("agent_threat_bench_data_exfil", "agent_threat_bench_scorer"),
    ):
        suite = library.find("inspect-ai", task)
        assert suite is not None
        meaning = suite.meaning(f"{scorer}.security")
        assert meaning is not None
        found[task] = meaning.better
    assert found == {"agentdojo": "lower", "agent_threat_bench_data_exfil": "higher"}


def test_the_version_of_a_task_chooses_its_description(library: SuiteLibrary) -> None:
    names = {}
    for version in ("", "0", "1.0.1", "3", "4", "10"):
        suite = library.find("inspect-ai", "inspect_evals/agentic_misalignment", version)
        assert suite is not None
        names[version] = suite.id.removeprefix("inspect-evals/")
    old, new = "agentic-misalignment-before-4", "agentic-misalignment"
    assert names == {"": old, "0": old, "1.0.1": old, "3": old, "4": new, "10": new}


def test_the_docs_list_exactly_what_is_shipped(library: SuiteLibrary) -> None:
    text = DOCS.read_text()
    shipped = text[text.index("## What is shipped") :]
    assert re.findall(r"^### `suites/(.+)\.yaml`$", shipped, re.MULTILINE) == [f.id for f in library.files]
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \| (.*) \| (.*) \|$", shipped, re.MULTILINE)
    wanted = []
    for suite in (s for file in library.files for s in file.suites):
        rule = suite.map.expected
        said = "" if rule is None else f"`{rule.is_}`" if rule.is_ else "by sample"
        wanted.append((suite.id, suite.title, said, "yes" if suite.map.outcome is not None else ""))
    assert rows == wanted
    named = set()
    for line in re.findall(r"^\| [a-z -]+ \| (`.+`) \|$", shipped, re.MULTILINE):
        named |= set(re.findall(r"`([^`]+)`", line))
    assert named == {n for file in library.files for s in file.strategies for n in s.names}


def test_the_docs_explain_every_key(library: SuiteLibrary) -> None:
    text = DOCS.read_text()
    for heading, model in (
        ("### The file", SuiteFile),
        ("### `suites[]`", type(library.files[0].suites[0])),
        ("### `suites[].scores[]`", type(library.files[0].suites[0].scores[0])),
        ("### `strategies[]`", type(files(library)["promptfoo"].strategies[0])),
    ):
        section = text.split(heading + "\n", 1)[1].split("\n#", 1)[0]
        keys = re.findall(r"^\| `(\w+)` \| (yes)? ?\|", section, re.MULTILINE)
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        assert [key for key, _ in keys] == list(fields)
        assert [bool(needed) for _, needed in keys] == [f.is_required() for f in fields.values()]


def test_the_example_of_the_docs_is_a_suite_file(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(schema: .+?)^```", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "ours.yaml").write_text(example)
    library = SuiteLibrary.load([tmp_path / "ours.yaml"])
    suite = library.find("inspect-ai", "policy_probe_fr")
    assert suite is not None
    meaning = suite.meaning("grader.refused")
    assert meaning is not None
    assert meaning.better == "neutral"
    assert library.strategy("inspect-ai", "pressure") is not None
