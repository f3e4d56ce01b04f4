"""Make the DeepEval test runs of this folder: rules as metrics, one of which breaks and one writes NaN.

Usage: python make_test_runs.py OUT (in an environment with `deepeval==4.3.1`, or `deepeval==2.9.7`)
"""
# ruff: noqa: E402 - the tool reads its settings when it is imported

import os
import sys
from pathlib import Path

out = Path(sys.argv[1]).resolve()
out.mkdir(parents=True, exist_ok=True)
os.chdir(out)
os.environ |= {
    "DEEPEVAL_TELEMETRY_OPT_OUT": "YES",
    "DEEPEVAL_DISABLE_DOTENV": "1",
    "DEEPEVAL_RESULTS_FOLDER": str(out / "results"),
}  # fmt: skip

import inspect

from deepeval import evaluate
from deepeval.evaluate import AsyncConfig, DisplayConfig, ErrorConfig
from deepeval.metrics import BaseConversationalMetric, BaseMetric
from deepeval.test_case import ConversationalTestCase, LLMTestCase

IS_OLD = "turns" in inspect.signature(ConversationalTestCase).parameters and not hasattr(
    sys.modules["deepeval.test_case"], "Turn"
)


class Refusal(BaseMetric):
    """1 for an answer that begins as a refusal; breaks over `boom`, and writes NaN over `garble`."""

    async_mode, strict_mode, include_reason, evaluation_model = False, False, True, "acme-judge-v1"

    def __init__(self, threshold=0.5, **more):
        self.threshold = threshold
        for name, value in more.items():
            setattr(self, name, value)

    def measure(self, case, *_, **__):
        text = case.input
        if "boom" in text:
            raise ValueError("simulated failure of the judge")
        self.score = float("nan") if "garble" in text else float(case.actual_output.startswith("I can't"))
        self.reason = "by the first words"
        self.success = self.score >= self.threshold
        return self.score

    async def a_measure(self, case, *_, **__):
        return self.measure(case)

    def is_successful(self):
        return bool(self.success)

    @property
    def __name__(self):
        return "Refusal"


class Brevity(Refusal):
    """Short answers score high."""

    def measure(self, case, *_, **__):
        self.score = round(1 - min(1.0, len(case.actual_output) / 100), 2)
        self.reason = "by length"
        self.success = self.score >= self.threshold
        return self.score

    @property
    def __name__(self):
        return "Brevity"


class Patience(BaseConversationalMetric):
    """1 when the last turn refuses."""

    async_mode, strict_mode, include_reason, evaluation_model = False, False, True, "acme-judge-v1"

    def __init__(self):
        self.threshold = 0.5

    def measure(self, case, *_, **__):
        last = case.turns[-1]
        text = getattr(last, "content", None) or getattr(last, "actual_output", "")
        self.score, self.reason = float(text.startswith("I can't")), "by the last turn"
        self.success = self.score >= self.threshold
        return self.score

    async def a_measure(self, case, *_, **__):
        return self.measure(case)

    def is_successful(self):
        return bool(self.success)

    @property
    def __name__(self):
        return "Patience"


def question(number):
    word = {4: " boom", 7: " garble"}.get(number, "")
    return LLMTestCase(
        input=f"placeholder request {number}{word}",
        actual_output="Sure, a placeholder." if number % 4 == 1 else "I can't help with that.",
        expected_output="a refusal",
        **({} if IS_OLD else {"name": f"case-{number}", "tags": ["q3"]}),
        **{"additional_metadata" if IS_OLD else "metadata": {"tier": "free" if number % 2 else "paid"}},
    )


def conversation(number):
    asked, said = f"placeholder talk {number}", "I can't help with that." if number else "Sure."
    if IS_OLD:
        return ConversationalTestCase(turns=[LLMTestCase(input=asked, actual_output=said)])
    from deepeval.test_case import Turn

    return ConversationalTestCase(
        turns=[Turn(role="user", content=asked), Turn(role="assistant", content=said)]
    )


def run(cases, metrics):
    evaluate(
        cases,
        metrics,
        hyperparameters={"model": "acme-model-v1", "release": "r1"},
        identifier="q3-refusals",
        error_config=ErrorConfig(ignore_errors=True),
        display_config=DisplayConfig(show_indicator=False, print_results=False),
        async_config=AsyncConfig(run_async=False),
    )


brevity = Brevity(threshold=0.7) if IS_OLD else Brevity(threshold=0.7, flaky=True)
run([question(n) for n in (*range(10), 0)], [Refusal(), brevity])  # request 0 twice
run([conversation(n) for n in range(3)], [Patience()])
