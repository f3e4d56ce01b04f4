"""DeepEval test runs: cases with metrics, thresholds and the judge that graded.

A grader that failed writes `success: false` with an error and no score, and the tool counts it as a failed
test; here it is a failed judge. The file holds no time, no run id and no version.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.model import Anomaly, Basis, Observation, Outcome, Presence, Run, Score
from auditgen.sources.fields import FieldReader, by_metric
from auditgen.sources.interface import Context, Facts, Item, Probe, Recognition
from auditgen.sources.jsontext import (
    as_count,
    as_dict,
    as_list,
    as_number,
    as_text,
    last_said,
    raw_text,
)
from auditgen.sources.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CASES = ("testCases.item", "conversationalTestCases.item")
TOTALS = ("testPassed", "testFailed", "identifier", "metricsScores.item", "hyperparameters")
VERDICTS = ("passes", "fails", "errors")
MAX_METRICS = 1_000
TOP_KEYS = frozenset({"testCases", "conversationalTestCases", "metricsScores"})
SPANS = ("agentSpans", "toolSpans", "retrieverSpans", "llmSpans", "baseSpans")
"""Parts of a trace; their metrics are in the run's totals, too (4.3: `test_run/test_run.py`)."""


class DeepEvalSource:
    """DeepEval 2 to 4: `test_run_*.json` and `.latest_run_full.json`."""

    name: ClassVar[str] = "deepeval"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the first key, and by what the first case holds."""
        if "testCases" in probe.top_keys and b'"metricsData"' in probe.head:
            return Recognition("deepeval.test_run", "JSON with testCases that hold metricsData")
        if probe.top_keys >= TOP_KEYS:
            return Recognition("deepeval.test_run", f"JSON with {', '.join(sorted(TOP_KEYS))}")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Cases as they stream by; the run's name and totals stand behind them."""
        run = _TestRun(context)
        about = Walk(path, *TOTALS)
        for place, value in about.values():
            if place == "metricsScores.item":
                run.native[as_text(as_dict(value).get("metric"))] = as_dict(value)
            else:
                run.about[place] = value
        walk, numbers = Walk(path, *CASES), Counter[str]()
        for place, case in walk.values():
            index = numbers[place]
            numbers[place] += 1
            if isinstance(case, dict):
                where = place.removesuffix(".item")
                yield run.observation(case, f"pointer:/{where}/{index}")
            else:
                run.no_objects += 1
        yield from walk.anomalies()
        yield from run.closing()


class _TestRun:
    """What is known of a test run while its cases stream by."""

    def __init__(self, context: Context) -> None:
        self.fields = FieldReader(context, DeepEvalSource.name)
        self.about: dict[str, Any] = {}
        self.native: dict[str, dict[str, Any]] = {}
        self.tallies: dict[str, Counter[str]] = {}
        self.no_objects = 0
        self.count = 0
        self.passed = 0
        self.failed = 0
        self.undecided = 0
        self.judge_failed = 0
        self.thresholds = 0
        self.models: dict[str, None] = {}

    @property
    def suite(self) -> str:
        return as_text(self.about.get("identifier"))

    def observation(self, case: dict[str, Any], locator: str) -> Observation:
        """One case: single question or conversation."""
        self.count += 1
        self.passed += case.get("success") is True
        self.failed += case.get("success") is False
        metrics = [as_dict(item) for item in as_list(case.get("metricsData"))]
        scores = [self._score(metric) for metric in metrics]
        for metric in _of_spans(case):
            self._count(metric)
        turns = as_list(case.get("turns")) or _older_turns(case)
        prompt, response = case.get("input"), case.get("actualOutput")
        if turns and not isinstance(prompt, str):
            prompt, response = last_said(turns, "user"), last_said(turns, "assistant")
        response = response if isinstance(response, str) else None
        mapped = self.fields.read(
            {**case, "scores": by_metric(scores)},
            suite=self.suite,
            response=response,
            scores=scores,
        )
        if mapped.model and len(self.models) < 50:
            self.models.setdefault(mapped.model)
        has_failed_judge = any(score.state == "error" for score in scores)
        self.judge_failed += has_failed_judge
        outcome = mapped.outcome
        if outcome is None:
            self.undecided += 1
            outcome = (Outcome.JUDGE_ERROR if has_failed_judge else Outcome.UNSCORED), Basis.NONE
        order = as_count(case.get("order"))
        name = as_text(case.get("name")) or locator
        prompt = prompt if isinstance(prompt, str) else None
        return mapped.observation(
            run_key=self.suite or "run",
            sample_id=name if order is None else f"{name}#{order}",
            locator=locator,
            outcome=outcome,
            prompt=prompt,
            prompt_key=prompt,
            suite=self.suite,
            response=response,
        )

    def _score(self, metric: dict[str, Any]) -> Score:
        name, raw, error = as_text(metric.get("name")), metric.get("score"), metric.get("error")
        value, threshold = as_number(raw), as_number(metric.get("threshold"))
        self.thresholds += threshold is not None
        success = metric.get("success")
        verdict = ("pass" if success else "fail") if isinstance(success, bool) and not error else None
        self._count(metric)
        return Score(
            scorer=name,
            metric=name,
            raw=raw_text(raw),
            value=value,
            state="error" if error else "unscored" if value is None else "scored",
            verdict=verdict,
            threshold=threshold,
            threshold_origin="file" if threshold is not None else None,
            judge=as_text(metric.get("evaluationModel")) or None,
            rationale=as_text(error or metric.get("reason"))[:2000] or None,
        )

    def _count(self, metric: dict[str, Any]) -> None:
        """As the tool counts: an error is what has no score or no verdict, and NaN is a score."""
        name, success = as_text(metric.get("name")), metric.get("success")
        if name in self.tallies or len(self.tallies) < MAX_METRICS:
            is_error = metric.get("score") is None or success is None
            part = "errors" if is_error else "passes" if success else "fails"
            self.tallies.setdefault(name, Counter())[part] += 1

    def closing(self) -> Iterator[Item]:
        """The run, the anomalies and the facts."""
        passed, failed = as_count(self.about.get("testPassed")), as_count(self.about.get("testFailed"))
        totals = {"testPassed": passed, "testFailed": failed}
        yield Run(
            run_key=self.suite or "run",
            native_id=None,
            suite=self.suite,
            model=", ".join(sorted(self.models)),
            model_origin="audit.yaml" if self.models else "",
            native_aggregates={name: float(n) for name, n in totals.items() if n is not None},
        )
        yield from self.fields.anomalies()
        yield from self._contradictions(passed, failed)
        if self.judge_failed:
            message = "cases in which a grader failed; the tool counts them as failed tests"
            yield Anomaly("judge-failed", message, self.judge_failed)
        if self.undecided:
            message = "cases whose metrics no declared rule reads as an outcome"
            yield Anomaly("outcome-undecided", message, self.undecided)
        if self.no_objects:
            yield Anomaly("samples-unreadable", "cases that are no JSON object", self.no_objects)
        planned = None if passed is None or failed is None else passed + failed
        if planned is not None:  # cases without a verdict are in neither total
            planned += self.count - self.passed - self.failed
        if planned is not None and planned > self.count:
            message = f"{planned:,} cases were run, {self.count:,} are in the file"
            yield Anomaly("samples-missing", message, planned - self.count)
        if not self.count:
            yield Anomaly("no-samples", "the file holds no cases", blocks=True)
        if self.no_objects:
            planned = max(planned or 0, self.count + self.no_objects)
        yield Facts(
            tool="DeepEval",
            planned=planned,
            suites=self.fields.suites,
            completeness={
                "run": Presence.ABSENT,
                "time": Presence.ABSENT,
                "model": Presence.DERIVED if self.models else Presence.ABSENT,
                "version": Presence.ABSENT,
                "denominator": Presence.PRESENT if planned is not None else Presence.DERIVED,
                "threshold": Presence.PRESENT if self.thresholds else Presence.ABSENT,
            },
        )

    def _contradictions(self, passed: int | None, failed: int | None) -> Iterator[Anomaly]:
        wrong = []
        if passed is not None and passed != self.passed:
            wrong.append(f"testPassed is {passed}, {self.passed} cases succeeded")
        if failed is not None and failed != self.failed:
            wrong.append(f"testFailed is {failed}, {self.failed} cases did not succeed")
        for name, native in sorted(self.native.items()):
            tally = self.tallies.get(name, Counter())
            said = {key: as_count(native.get(key)) for key in VERDICTS}
            if any(number is not None and number != tally[key] for key, number in said.items()):
                ours = ", ".join(f"{tally[key]} {key}" for key in VERDICTS)
                wrong.append(f"`{name}` has {ours} in the cases")
        if wrong:
            message = "the file's own totals contradict its cases: " + "; ".join(wrong[:3])
            yield Anomaly("aggregate-mismatch", message, len(wrong))


def _of_spans(case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The metrics of a traced case's parts."""
    trace = as_dict(case.get("trace")) if case.get("metricsData") is not None else {}
    for kind in SPANS:
        for span in as_list(trace.get(kind)):
            yield from (as_dict(metric) for metric in as_list(as_dict(span).get("metricsData")))


def _older_turns(case: dict[str, Any]) -> list[Any]:
    """Before version 3 a turn was a question with its answer, a case inside the conversation."""
    turns: list[Any] = []
    for inner in as_list(case.get("testCases")):
        turn = as_dict(inner)
        turns += [
            {"role": "user", "content": turn.get("input")},
            {"role": "assistant", "content": turn.get("actualOutput")},
        ]
    return turns
