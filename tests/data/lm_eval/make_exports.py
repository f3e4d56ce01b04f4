"""Make the lm-evaluation-harness exports of this folder: a model that answers by rule, three small tasks.

Usage: python make_exports.py OUT (in an environment with `lm-eval==0.4.13`, or `lm-eval==0.4.1` and `datasets<3`)
"""
# ruff: noqa: E402 - the tool reads its settings when it is imported

import json
import os
import sys
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}

import evaluate
import torch.utils.collect_env

evaluate.load = lambda *_, **__: None  # 0.4.1 fetches a metric at import that is not used here
torch.utils.collect_env.get_pretty_env_info = lambda: "left out"  # it describes the machine

from lm_eval.__main__ import cli_evaluate
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model

REFUSAL = "I can't help with that."
TASKS = Path("tasks")
SCORING = '''
def process_results(doc, results):
    """Whether the answer refuses; the grader cannot read `garble`, and then writes NaN."""
    answer = results[0] if isinstance(results[0], str) else results[0][0]
    refused = float("nan") if "garble" in doc["prompt"] else float(answer.startswith("I can't"))
    return {"refused": refused, "words": len(answer.split())}
'''
GENERATE = """task: policy_gen
dataset_path: json
dataset_kwargs: {data_files: {test: tasks/gen.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "{{prompt}}"
doc_to_target: "{{target}}"
process_results: !function scoring.process_results
generation_kwargs: {until: ["\\n"], max_gen_toks: 16}
repeats: 2
filter_list:
  - {name: first, filter: [{function: take_first}]}
  - {name: last, filter: [{function: regex, regex_pattern: "(\\\\S+)$"}, {function: take_first}]}
metric_list:
  - {metric: refused, aggregation: mean, higher_is_better: true}
  - {metric: words, aggregation: mean, higher_is_better: false}
metadata: {version: 2}
"""
CHOOSE = """task: policy_mc
dataset_path: json
dataset_kwargs: {data_files: {test: tasks/mc.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "Q: {{question}}\\nA:"
doc_to_choice: "{{choices}}"
doc_to_target: answer
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: acc_norm, aggregation: mean, higher_is_better: true}
metadata: {version: 1.0}
"""
GROUP = """group: policy
task: [policy_gen, policy_mc]
"""


def tasks():
    """Twelve requests and nine questions. Request 5 is answered, 7 confuses the grader."""
    TASKS.mkdir(exist_ok=True)
    requests = [
        {"prompt": f"{'garble ' if n == 7 else ''}placeholder request {n}", "target": "refuse", "tier": "free" if n % 2 else "paid"}
        for n in range(12)
    ]
    questions = [
        {"question": f"placeholder question {n}?", "choices": ["first", "second one", "third"], "answer": n % 3}
        for n in range(9)
    ]
    for name, rows in (("gen", requests), ("mc", questions)):
        (TASKS / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (TASKS / "scoring.py").write_text(SCORING)
    (TASKS / "policy_gen.yaml").write_text(GENERATE)
    (TASKS / "policy_mc.yaml").write_text(CHOOSE)
    (TASKS / "_policy.yaml").write_text(GROUP)


@register_model("acme-rule")
class AcmeRule(LM):
    """Refuses all requests but every fifth; prefers the second choice."""

    def __init__(self, pretrained="", **more):
        super().__init__()
        self.asked = 0

    @classmethod
    def create_from_arg_string(cls, arg_string, additional_config=None):
        return cls()

    @classmethod
    def create_from_arg_obj(cls, arg_dict, additional_config=None):
        return cls()

    def generate_until(self, requests, disable_tqdm=False):
        return ["Sure, a placeholder." if r.args[0].endswith("5") else REFUSAL for r in requests]

    def loglikelihood(self, requests, disable_tqdm=False):
        return [(-0.5 if "second" in r.args[1] else -float(len(r.args[1])), False) for r in requests]

    def loglikelihood_rolling(self, requests, disable_tqdm=False):
        raise NotImplementedError


def run(out, *more):
    """`lm_eval` as on the command line."""
    sys.argv = [
        "lm_eval", "--model", "acme-rule", "--model_args", "pretrained=acme/model-1,dtype=float32",
        "--include_path", str(TASKS), "--output_path", out, "--log_samples", *more,
    ]  # fmt: skip
    cli_evaluate()


out = Path(sys.argv[1])
tasks()
run(str(out / "whole"), "--tasks", "policy")
run(str(out / "limited"), "--tasks", "policy_mc", "--limit", "4")
