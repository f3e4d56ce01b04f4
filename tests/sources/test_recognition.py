"""Every file of the project's own is claimed by its reader, by no second one, and others by none."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest

from auditgen.sources.interface import Probe
from auditgen.sources.reading import SourceRegistry

ROOT = Path(__file__).parents[2]
PLACES = (ROOT / "tests" / "data", ROOT / "samples" / "quarter" / "evidence", ROOT / "samples" / "published" / "evidence")
HELM = "tests/data/helm/q3"
FORMATS: tuple[tuple[str, str], ...] = (
    ("tests/data/inspect/*.eval", "inspect.eval*"),
    ("tests/data/inspect/*.json", "inspect.json*"),
    ("tests/data/promptfoo/plain.csv", "promptfoo.csv*"),
    ("tests/data/promptfoo/red.csv", "promptfoo.csv*"),
    ("tests/data/promptfoo/plain.jsonl", "promptfoo.jsonl*"),
    ("tests/data/promptfoo/plain.json", "promptfoo.json*"),
    ("tests/data/promptfoo/promptfoo.db", "promptfoo.*"),
    ("tests/data/pyrit/attacks.db", "pyrit.*"),
    ("tests/data/lm_eval/*/results*.json", "lm-eval.results"),
    ("tests/data/lm_eval/0.4.1/*/*_policy_*.jsonl", "lm-eval.samples/array"),
    ("tests/data/lm_eval/*/*/samples_*.jsonl", "lm-eval.samples"),
    ("tests/data/deepeval/4.3.1/*.json", "deepeval.test_run"),
    ("tests/data/deepeval/2.9.7/*", "deepeval.test_run"),
    ("tests/data/deepteam/*.json", "deepteam.assessment"),
    ("tests/data/openai_evals/*.jsonl", "openai-evals.log"),
    ("tests/data/giskard/*.json", "giskard.scan"),
    (f"{HELM}/groups_metadata.json", "helm.groups_metadata"),
    (f"{HELM}/runs_to_run_suites.json", "helm.runs_to_run_suites"),
    (f"{HELM}/run_specs.json", "helm.run_specs"),
    (f"{HELM}/runs.json", "helm.runs"),
    (f"{HELM}/summary.json", "helm.summary"),
    *(
        (f"{HELM}/xstest_policy/{name}.json", f"helm.{name}")
        for name in (
            "display_predictions", "display_requests", "instances", "per_instance_stats", "run_spec", "scenario",
            "scenario_state", "stats",
        )
    ),
    ("samples/published/evidence/*.csv", "published.csv"),
    ("tests/data/otlp/*.json*", "otlp.*"),
    ("tests/data/otlp/*.pb", "otlp.protobuf"),
    ("tests/data/otlp/*.frames", "otlp.frames"),
    ("tests/data/openinference/*.json*", "otlp.*"),
    ("tests/data/phoenix/*annotations*", "phoenix.annotations/*"),
    ("tests/data/phoenix/*spans*", "phoenix.spans/*"),
    ("tests/data/phoenix/rest-page.json", "phoenix.spans/rest"),
    ("tests/data/seeds/alignment-faking.json", "alignment-faking.results"),
    ("tests/data/seeds/deepeval.json", "deepeval.test_run"),
    ("tests/data/seeds/deepteam.json", "deepteam.assessment"),
    ("tests/data/seeds/giskard.json", "giskard.scan"),
    ("tests/data/seeds/helm-states.json", "helm.scenario_state"),
    ("tests/data/seeds/helm-stats.json", "helm.per_instance_stats"),
    ("tests/data/seeds/inspect.eval", "inspect.eval*"),
    ("tests/data/seeds/inspect.json", "inspect.json*"),
    ("tests/data/seeds/jailbreakbench.json", "jailbreakbench.artifact"),
    ("tests/data/seeds/lm-eval-results.json", "lm-eval.results"),
    ("tests/data/seeds/lm-eval-samples.jsonl", "lm-eval.samples"),
    ("tests/data/seeds/modelbench.jsonl", "modelbench.journal"),
    ("tests/data/seeds/modelbench.jsonl.zst", "modelbench.journal/zstd"),
    ("tests/data/seeds/openai-evals.jsonl", "openai-evals.log"),
    ("tests/data/seeds/table.*", "table.*"),
    ("tests/data/litellm/standard_logging.jsonl", "litellm.standard_logging/jsonl"),
    ("tests/data/litellm/spend_logs.csv", "litellm.spend_logs/csv"),
    ("tests/data/litellm/daily_guardrail_metrics.csv", "litellm.guardrail_metrics/csv"),
    ("tests/data/bedrock/invocations.json.gz", "bedrock.invocation_log/jsonl"),
    ("tests/data/bedrock/apply_guardrail.jsonl", "bedrock.apply_guardrail/jsonl"),
    ("tests/data/azure_openai/replies.jsonl", "azure.openai/jsonl"),
    ("tests/data/azure_openai/wrapped.jsonl", "azure.openai/jsonl"),
    ("tests/data/azure_openai/content_safety.jsonl", "azure.content_safety/jsonl"),
    ("tests/data/azure_openai/gateway_llm_log.csv", "azure.gateway_llm_log/csv"),
    ("tests/data/langfuse/observations_v2/*", "langfuse.observations/*"),
    ("tests/data/langfuse/scores/*", "langfuse.scores/*"),
    ("tests/data/langfuse/manifest.json", "langfuse.manifest"),
    ("tests/data/helicone/output.*", "helicone.requests/*"),
    ("tests/data/helicone/helicone-export-state.json", "helicone.checkpoint"),
    ("tests/data/langsmith/runs.*", "langsmith.runs/*"),
    ("tests/data/langsmith/feedback.jsonl", "langsmith.feedback/jsonl"),
    ("tests/data/vertex/requests.jsonl", "vertex.request_response/jsonl"),
    ("tests/data/moderation/replies.jsonl", "openai.moderated_reply/jsonl"),
    ("tests/data/moderation/[bw]*.jsonl", "openai.moderation/jsonl"),
    ("tests/data/nemo/no-log.json", "nemo.response"),
    ("tests/data/nemo/responses.json*", "nemo.response"),
    ("tests/data/nemo/traces.jsonl", "nemo.trace"),
    ("tests/data/guardrails_ai/outcomes.json", "guardrails-ai.outcome"),
    ("tests/data/guardrails_ai/validator-logs.json", "guardrails-ai.validator_log"),
    ("tests/data/prometheus/*.txt", "prometheus.text"),
    ("tests/data/prometheus/[msv]*.json", "prometheus.api/query"),
    ("tests/data/prometheus/alerts.json", "prometheus.api/alerts"),
    ("tests/data/prometheus/rules.json", "prometheus.api/alerts"),
    ("tests/data/prometheus/failed.json", "prometheus.api/error"),
    ("tests/data/alertmanager/webhook.jsonl", "alertmanager.webhook"),
    ("tests/data/alertmanager/api-v2.json", "alertmanager.api"),
    ("tests/data/alertmanager/grafana.json", "grafana.webhook"),
    ("tests/data/alertmanager/cloudevents.json", "cloudevents.json"),
    ("tests/data/evidently/report.json", "evidently.report"),
    ("tests/data/evidently/snapshot.json", "evidently.snapshot"),
    ("tests/data/nannyml/*.csv", "nannyml.csv"),
    ("tests/data/whylogs/profile.bin", "whylogs.profile"),
    ("tests/data/whylogs/view.csv", "whylogs.view"),
    ("tests/data/incidents/register.csv", "incidents.csv"),
    ("tests/data/incidents/register.xlsx", "incidents.xlsx"),
    ("tests/data/incidents/aiid.csv", "aiid.csv"),
    ("tests/data/incidents/aiid.json", "aiid.json"),
    ("tests/data/ocsf/findings.jsonl", "ocsf.findings"),
    ("samples/quarter/evidence/incidents/*.csv", "incidents.csv"),
    ("samples/quarter/evidence/gateway/*", "table.*"),
    ("samples/quarter/evidence/lantern-rock/*.eval", "inspect.eval*"),
    ("samples/quarter/evidence/lantern-rock/*.json", "inspect.json*"),
    ("samples/quarter/evidence/safety-team/garak.report.jsonl", "garak.report*"),
    ("samples/quarter/evidence/safety-team/redteam.json", "promptfoo.json*"),
)  # fmt: skip
"""Pattern of a path, and of the format it is read as. What no pattern names is nobody's."""
NOBODYS = ("*.md", "*.py", "*.cjs", "*.yaml")
UNDETERMINED = (f"{HELM}/costs.json", "tests/data/found/*")
"""`{}` says nothing about who wrote it; files that once broke a reader are damaged on purpose."""


def files() -> list[str]:
    found = (path for place in PLACES for path in place.rglob("*") if path.is_file())
    made = {"__pycache__", "store"}
    return sorted(str(path.relative_to(ROOT)) for path in found if not made.intersection(path.parts))


@pytest.mark.parametrize("name", files())
def test_a_file_is_claimed_by_its_reader_alone(name: str, registry: SourceRegistry) -> None:
    probe = Probe(ROOT / name)
    sources = [plugin.value() for plugin in registry.plugins]
    claims = {
        source.name: (claim.format, getattr(source, "is_fallback", False))
        for source in sources
        if (claim := source.recognise(probe)) is not None
    }
    specific = {format_ for format_, is_fallback in claims.values() if not is_fallback}
    assert not registry.broken
    assert len(specific) <= 1, f"two readers claim it: {claims}"
    if any(fnmatch(name, pattern) for pattern in UNDETERMINED):
        return
    wanted = [format_ for pattern, format_ in FORMATS if fnmatch(name, pattern)]
    if not wanted:
        assert any(fnmatch(name, pattern) for pattern in NOBODYS), "this test must say what the file is"
        assert specific == set(), "a text is no export"
        return
    assert len(wanted) == 1
    (chosen,) = specific or {format_ for format_, _ in claims.values()}
    assert fnmatch(chosen, wanted[0])


def test_costs_without_content_are_nobodys(registry: SourceRegistry) -> None:
    claim = registry.recognise(ROOT / HELM / "costs.json")
    assert claim is None or not claim[1].format.startswith("helm")


def test_results_of_many_tasks_are_recognised_by_their_head(tmp_path: Path, registry: SourceRegistry) -> None:
    """Of a whole benchmark only the first key begins within the head that is looked at."""
    rows = ",".join(f'"task_{n}": {{"alias": "t", "acc,none": 0.5, "acc_stderr,none": 0.1}}' for n in range(3000))
    path = tmp_path / "results.json"
    path.write_text('{"results": {' + rows + '}, "configs": {}, "versions": {}, "n-shot": {}}')
    found = registry.recognise(path)
    assert found is not None
    assert found[1].format == "lm-eval.results"
