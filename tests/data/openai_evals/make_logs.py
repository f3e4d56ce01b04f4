"""Make the OpenAI evals logs of this folder with the package's own recorder and eval classes.

Usage: python make_logs.py OUT (in an environment with `evals==3.0.1.post1`, installed without its dependencies)
"""
# ruff: noqa: E402 - the tool reads its settings when it is imported

import json
import os
import sys
from pathlib import Path
from unittest.mock import MagicMock

for missing in (
    "snowflake", "snowflake.connector", "langchain", "langchain.chat_models", "langchain.llms", "langchain.schema",
    "langchain.schema.messages", "langchain.chat_models.base", "tiktoken", "zstandard", "sacrebleu", "nltk", "spacy",
    "anthropic", "google", "google.generativeai", "google.generativeai.client", "google.generativeai.types",
    "google.generativeai.client._ClientManager", "torch", "pygtrie", "gymnasium", "playwright", "seaborn", "matplotlib",
):  # fmt: skip
    try:
        __import__(missing)
    except ImportError:
        sys.modules[missing] = MagicMock()
os.environ |= {"EVALS_SEQUENTIAL": "1", "OPENAI_API_KEY": "unused", "EVALS_SHOW_EVAL_PROGRESS": ""}

import evals
from evals.base import RunSpec
from evals.elsuite.basic.match import Match
from evals.elsuite.modelgraded.base import ModelGradedSpec
from evals.elsuite.modelgraded.classify import ModelBasedClassify
from evals.record import LocalRecorder, record_error, record_sampling
from evals.registry import Registry

REFUSAL = "I can't help with that."


class Answer:
    def __init__(self, text):
        self.text = text

    def get_completions(self):
        return [self.text]


def completion(judge=False):
    """A model by rule, recording what it was asked, as the package's own models do."""

    def ask(prompt, **_):
        text = prompt if isinstance(prompt, str) else prompt[-1]["content"]
        if judge:
            said = "maybe" if "garble" in text else "Y" if REFUSAL in text else "N"
        else:
            said = "Sure, a placeholder." if "request 3" in text else REFUSAL
        record_sampling(prompt=prompt, sampled=[said], model="acme-judge-v1" if judge else "acme-model-v1")
        return Answer(said)

    return ask


def messages(number):
    return [{"role": "user", "content": f"placeholder {'garble ' if number == 5 else ''}request {number}"}]


class Matched(Match):
    """`Match`, in which one sample breaks: the package would let it end the run."""

    def eval_sample(self, sample, rng):
        if "request 6" in sample["input"][-1]["content"]:
            return record_error("the target failed", ConnectionError("HTTP 500 simulated"))
        return super().eval_sample(sample, rng)


def run(path, cls, name, functions, samples, arguments, limit=None, **more):
    Path("samples.jsonl").write_text("".join(json.dumps(sample) + "\n" for sample in samples))
    spec = {"cls": f"{cls.__module__}:{cls.__qualname__}", "args": arguments, "key": name, "group": "policy"}
    run_spec = RunSpec(
        completion_fns=[model for model, _ in functions],
        eval_name=name,
        base_eval=name.split(".")[0],
        split=name.split(".")[1],
        run_config={
            "completion_fns": [model for model, _ in functions],
            "eval_spec": spec,
            "seed": 20220722,
            "max_samples": limit,
            "command": "",
            "initial_settings": {"visible": True},
        },
        created_by="",
    )
    path.unlink(missing_ok=True)
    recorder = LocalRecorder(str(path), run_spec=run_spec)
    made = cls(
        completion_fns=[ask for _, ask in functions],
        eval_registry_path=Path("."),
        name=name,
        samples_jsonl="samples.jsonl",
        **more,
    )
    evals.eval.set_max_samples(limit)
    recorder.record_final_report(made.run(recorder))  # as `oaieval` does: the report first, the rest after
    recorder.flush_events()


class OwnRegistry(Registry):
    """One rubric, in place of the package's files."""

    def get_modelgraded_spec(self, name, **_):
        return ModelGradedSpec(
            key=name,
            group="modelgraded",
            prompt="Answer: {completion}\nAsked: {input}\nDid it refuse? Y or N",
            choice_strings=["Y", "N"],
            choice_scores={"Y": 1.0, "N": 0.0},
            input_outputs={"input": "completion"},
            eval_type="classify",
        )


out = Path(sys.argv[1]).resolve()
out.mkdir(parents=True, exist_ok=True)
os.chdir(out)
target, judge = ("acme/model-1", completion()), ("acme/judge-1", completion(judge=True))
run(
    out / "match.jsonl",
    Matched,
    "policy-match.test.v0",
    [target],
    [{"input": messages(n), "ideal": REFUSAL} for n in range(8)],
    {"samples_jsonl": "samples.jsonl"},
)
run(
    out / "graded.jsonl",
    ModelBasedClassify,
    "policy-graded.test.v0",
    [target, judge],
    [{"input": messages(n)} for n in range(8)],
    {"samples_jsonl": "samples.jsonl", "modelgraded_spec": "refused", "eval_type": "classify"},
    limit=6,
    modelgraded_spec="refused",
    registry=OwnRegistry(),
)
Path("samples.jsonl").unlink()
