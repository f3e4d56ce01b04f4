"""DeepTeam risk assessments: red-team cases with one score each, 1 when the model withstood.

A case that failed has an error and no score: the attack was never made up (no input), the target failed (no
output), or the grader did. The overview leaves such cases out, also out of its own count of errors (1.0.10:
`red_teamer/risk_assessment.py`). An answer that is empty or begins as a refusal scores 1 without a grader.
The file holds no model, run id or version; its time stands only in its name.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.canonical import sha256_bytes
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

PLAIN = "basic"
"""An attack without a method is an attack all the same: the bare request, as promptfoo calls it."""
PARTS = ("passing", "failing", "errored")
BY_RULE = "The model declined or returned no substantive output."
"""The reason of a score that no grader gave."""


class DeepTeamSource:
    """DeepTeam 1: what `RiskAssessment.save` writes."""

    name: ClassVar[str] = "deepteam"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the overview that stands first."""
        if "overview" in probe.top_keys and b'"vulnerability_type_results"' in probe.head:
            return Recognition("deepteam.assessment", "JSON with an overview of vulnerability types")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Cases as they stream by, after the overview."""
        assessment, walk = _Assessment(context), Walk(path, "overview", "test_cases.item")
        index = 0
        for place, value in walk.values():
            if place == "overview":
                assessment.overview = as_dict(value)
                continue
            if isinstance(value, dict):
                yield assessment.observation(value, f"pointer:/test_cases/{index}")
            else:
                assessment.no_objects += 1
            index += 1
        yield from walk.anomalies()
        yield from assessment.closing()


class _Assessment:
    """What is known of an assessment while its cases stream by."""

    def __init__(self, context: Context) -> None:
        self.fields = FieldReader(context, DeepTeamSource.name)
        self.overview: dict[str, Any] = {}
        self.no_objects = 0
        self.count = 0
        self.errors = 0
        self.judge_failed = 0
        self.empty = 0
        self.undecided = 0
        self.tallies: dict[tuple[str, str], Counter[str]] = {}
        self.repeats: Counter[bytes] = Counter()
        self.models: dict[str, None] = {}

    def observation(self, case: dict[str, Any], locator: str) -> Observation:
        """One attack on one vulnerability."""
        self.count += 1
        vulnerability, kind = as_text(case.get("vulnerability")), as_text(case.get("vulnerability_type"))
        raw, error = case.get("score"), case.get("error")
        value = as_number(raw)
        score = Score(
            scorer="score",
            metric="score",
            raw=raw_text(raw),
            value=value,
            state="error" if error else "unscored" if value is None else "scored",
            judge=None if case.get("reason") == BY_RULE else "model",
            rationale=as_text(case.get("reason"))[:2000] or None,
        )
        turns = as_list(case.get("turns"))
        prompt = _either(case, "input") or last_said(turns, "user")
        response = _either(case, "actual_output", "actualOutput")
        if response is None:
            response = last_said(turns, "assistant")
        mapped = self.fields.read(
            {**case, "scores": by_metric([score])},
            suite=vulnerability,
            response=response,
            scores=[score],
        )
        if mapped.model and len(self.models) < 50:
            self.models.setdefault(mapped.model)
        outcome = mapped.outcome or _outcome(value, score.judge)
        part = "errored" if error else "passing" if value and value > 0 else "failing"
        if error:
            self.errors += 1
            has_answer = bool(response)
            self.judge_failed += has_answer
            failed = Outcome.JUDGE_ERROR if has_answer else Outcome.PROVIDER_ERROR
            outcome = (failed, Basis.NATIVE_FIELD)
        elif value and value > 0 and response is not None and not response.strip():
            self.empty += 1
            outcome = (Outcome.UNSCORED, Basis.NONE)
        self.undecided += outcome[0] is Outcome.UNSCORED
        key = (vulnerability, kind)
        if key in self.tallies or len(self.tallies) < 1000:
            self.tallies.setdefault(key, Counter())[part] += 1
        return mapped.observation(
            run_key="assessment",
            sample_id=locator,
            locator=locator,
            outcome=outcome,
            prompt=prompt,
            prompt_key=None if prompt is None else sha256_bytes(prompt.encode("utf-8", "surrogatepass"))[:20],
            category=f"{vulnerability}/{kind}" if kind else vulnerability or None,
            strategy=as_text(case.get("attack_method")) or PLAIN,
            suite=vulnerability,
            response=response,
            error_text=as_text(error)[:2000] if error else None,
        )

    def closing(self) -> Iterator[Item]:
        """The run, the anomalies and the facts."""
        results = [as_dict(item) for item in as_list(self.overview.get("vulnerability_type_results"))]
        said = [as_count(result.get(part)) for result in results for part in PARTS]
        planned = sum(n or 0 for n in said) if said and None not in said else None
        counts_errors = sum(as_count(result.get("errored")) or 0 for result in results)
        if planned is not None and not counts_errors:
            planned += self.errors
        yield Run(
            run_key="assessment",
            native_id=None,
            suite=", ".join(sorted({name for name, _ in self.tallies if name})[:20]),
            model=", ".join(sorted(self.models)),
            model_origin="audit.yaml" if self.models else "",
            planned=planned,
            native_aggregates={
                f"{as_text(r.get('vulnerability'))}/{as_text(r.get('vulnerability_type'))}/pass_rate": rate
                for r in results
                if (rate := as_number(r.get("pass_rate"))) is not None
            },
        )
        yield from self.fields.anomalies()
        wrong = []
        for result in results:
            key = (as_text(result.get("vulnerability")), as_text(result.get("vulnerability_type")))
            tally = self.tallies.get(key, Counter())
            counted = PARTS if counts_errors else PARTS[:2]
            if any(as_count(result.get(part)) not in {None, tally[part]} for part in counted):
                ours = ", ".join(f"{tally[part]} {part}" for part in PARTS)
                wrong.append(f"`{key[0]}/{key[1]}` has {ours} in the cases")
        if wrong:
            message = "the overview contradicts its cases: " + "; ".join(wrong[:3])
            yield Anomaly("aggregate-mismatch", message, len(wrong))
        if self.errors and not counts_errors:
            message = "cases with an error; the overview does not count them, and its rates leave them out"
            yield Anomaly("attempts-unevaluated", message, self.errors)
        if self.judge_failed:
            yield Anomaly("judge-failed", "answers over which the grader failed", self.judge_failed)
        if self.empty:
            message = "empty answers, which the tool passes without a grader; here they decide nothing"
            yield Anomaly("score-undecided", message, self.empty)
        if self.undecided:
            yield Anomaly("outcome-undecided", "cases that no score decides", self.undecided)
        if self.no_objects:
            yield Anomaly("samples-unreadable", "cases that are no JSON object", self.no_objects)
        if not self.count:
            yield Anomaly("no-samples", "the file holds no cases", blocks=True)
        elif self.errors == self.count:
            message = f"every one of {self.count} cases is an error"
            yield Anomaly("all-samples-failed", message, self.count, blocks=True)
        if self.no_objects:
            planned = max(planned or 0, self.count + self.no_objects)
        yield Facts(
            tool="DeepTeam",
            planned=planned,
            suites=self.fields.suites,
            completeness={
                "run": Presence.ABSENT,
                "time": Presence.ABSENT,
                "model": Presence.DERIVED if self.models else Presence.ABSENT,
                "version": Presence.ABSENT,
                "denominator": Presence.PRESENT if planned is not None else Presence.DERIVED,
                "threshold": Presence.ABSENT,
            },
        )


def _outcome(score: float | None, judge: str | None) -> tuple[Outcome, Basis]:
    """Above zero passes, as the tool itself counts; whether by refusing is not recorded."""
    if score is None:
        return Outcome.UNSCORED, Basis.NONE
    basis = Basis.TEXT_HEURISTIC if judge is None else Basis.JUDGE
    return (Outcome.NEITHER if score > 0 else Outcome.COMPLIED), basis


def _either(case: dict[str, Any], *names: str) -> str | None:
    return next((case[name] for name in names if isinstance(case.get(name), str)), None)
