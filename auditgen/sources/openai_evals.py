"""OpenAI evals logs: a line for the run, a line for every event, a line for the final report.

Events of one sample stand near each other and not always next to each other, because samples run in
threads; they are gathered by `sample_id` in a window of bounded size. The numbers of the events run
without a gap, so a line that was taken out shows. The final report often stands before the last events.

A model-graded eval asks two models, and both questions are `sampling` events: the last one is the
grader's. What the grader said when it could not be understood is `__invalid__`, which the tool then scores
as the worst of its choices; here it is a failed judge (evals 3.0.1: `elsuite/modelgraded/classify_utils.py`).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.model import Anomaly, Basis, Observation, Outcome, Presence, Run, Score
from auditgen.sources.fields import FieldReader, by_metric, parse_time
from auditgen.sources.interface import Context, Facts, Item, Probe, Recognition
from auditgen.sources.jsontext import as_count, as_dict, as_list, as_number, as_text, raw_text
from auditgen.sources.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_WAITING = 1_000
MAX_EVENTS = 100
"""Events of one sample that are kept; a sample with more is no sample of an eval."""
TOLERANCE = 1e-9
INVALID = "__invalid__"
"""The choice that stands for a grader's answer nobody could read."""


class OpenAiEvalsSource:
    """OpenAI evals 1 to 3, as its local recorder writes."""

    name: ClassVar[str] = "openai-evals"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the first line, which describes the run."""
        line = probe.first_line
        spec = as_dict(as_dict(line).get("spec"))
        if spec.keys() >= {"completion_fns", "eval_name", "run_id"}:
            return Recognition("openai-evals.log", "first line holds the run's spec")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Samples as their windows close, then what the log says of itself."""
        log, lines = _Log(context), Lines()
        for number, offset, line in lines.objects(path):
            yield from log.take(line, f"line:{number}@{offset}")
        yield from log.rest()
        yield from lines.anomalies()
        yield from log.closing()


@dataclass(slots=True)
class _Sample:
    """The events of one sample so far."""

    locator: str
    events: list[dict[str, Any]] = field(default_factory=list)


class _Log:
    """What is known of a log while its events stream by."""

    def __init__(self, context: Context) -> None:
        self.fields = FieldReader(context, OpenAiEvalsSource.name)
        self.spec: dict[str, Any] = {}
        self.report: dict[str, Any] | None = None
        self.waiting: OrderedDict[str, _Sample] = OrderedDict()
        self.count = 0
        self.errors = 0
        self.undecided = 0
        self.matches = [0, 0]
        self.graded = [0.0, 0]
        self.judge_failed = 0
        self.events = 0
        self.highest = -1
        self.stray = 0

    def take(self, line: dict[str, Any], locator: str) -> Iterator[Observation]:
        """One line; yields the sample that had to make room."""
        if "spec" in line:
            self.spec = as_dict(line["spec"])
            return
        if "final_report" in line:
            self.report = as_dict(line["final_report"])
            return
        sample, kind = as_text(line.get("sample_id")), as_text(line.get("type"))
        number = as_count(line.get("event_id"))
        if number is not None:
            self.events += 1
            self.highest = max(self.highest, number)
        if not sample or not kind:
            self.stray += 1
            return
        self._add(kind, as_dict(line.get("data")))
        known = self.waiting.setdefault(sample, _Sample(locator))
        if len(known.events) < MAX_EVENTS:
            known.events.append(line)
        if len(self.waiting) > MAX_WAITING:
            yield self._observation(*self.waiting.popitem(last=False))

    def _add(self, kind: str, data: dict[str, Any]) -> None:
        """What the final report is computed from: every event, also where a sample has several."""
        if kind == "match" and isinstance(data.get("correct"), bool):
            self.matches[0] += data["correct"]
            self.matches[1] += 1
        elif kind == "metrics":
            score = as_number(data.get("score"))
            if score is not None:
                self.graded[0] += score
                self.graded[1] += 1

    def rest(self) -> Iterator[Observation]:
        """The samples whose windows the end of the file closes."""
        while self.waiting:
            yield self._observation(*self.waiting.popitem(last=False))

    def _observation(self, name: str, sample: _Sample) -> Observation:
        self.count += 1
        by_kind = {as_text(event.get("type")): as_dict(event.get("data")) for event in sample.events}
        sampling = self._asked(sample)
        sampled = as_list(sampling.get("sampled")) or [sampling.get("sampled")]
        response = sampled[0] if isinstance(sampled[0], str) else None
        scores = list(_scores(by_kind, self._judge))
        record = {**by_kind, "sampling": sampling, "scores": by_metric(scores)}
        mapped = self.fields.read(record, suite=self.suite, response=response, scores=scores)
        error = by_kind.get("error")
        if error is not None:
            self.errors += 1
            outcome = (Outcome.PROVIDER_ERROR, Basis.NATIVE_FIELD)
        elif by_kind.get("metrics", {}).get("choice") == INVALID:
            self.judge_failed += 1
            outcome = (Outcome.JUDGE_ERROR, Basis.NATIVE_FIELD)
        else:
            self.undecided += mapped.outcome is None
            outcome = mapped.outcome or (Outcome.UNSCORED, Basis.NONE)
        times = [parse_time(event.get("created_at"))[0] for event in sample.events]
        return mapped.observation(
            run_key=as_text(self.spec.get("run_id")) or "run",
            sample_id=name,
            locator=sample.locator,
            outcome=outcome,
            prompt=_prompt(sampling.get("prompt")),
            model=self.model,
            suite=self.suite,
            response=response,
            error_text=as_text(error.get("message") or error) if error is not None else None,
            observed_at=max((at for at in times if at is not None), default=None),
        )

    def _asked(self, sample: _Sample) -> dict[str, Any]:
        """The question to the model under test: the last one, of a graded sample the first.

        A graded sample with a single question brought its answer along: nothing was asked.
        """
        asked = [as_dict(event.get("data")) for event in sample.events if event.get("type") == "sampling"]
        if self._judge is None:
            return asked[-1] if asked else {}
        return asked[0] if len(asked) > 1 else {}

    @property
    def suite(self) -> str:
        return as_text(self.spec.get("eval_name"))

    @property
    def model(self) -> str:
        """The models under test; of a graded eval the last function of several is the grader."""
        functions = [as_text(name) for name in as_list(self.spec.get("completion_fns"))]
        if self._judge is not None and len(functions) > 1:
            functions.pop()
        return ", ".join(functions)

    @property
    def _arguments(self) -> dict[str, Any]:
        config = as_dict(as_dict(self.spec.get("run_config")).get("eval_spec"))
        return as_dict(config.get("args"))

    @property
    def _judge(self) -> str | None:
        """A model-graded eval names its rubric; the grading model is a completion function, too."""
        arguments = self._arguments
        if "modelgraded_spec" not in arguments:
            return None
        functions = as_list(self.spec.get("completion_fns"))
        return as_text(arguments.get("eval_completion_fn") or (functions[-1] if functions else "")) or "model"

    def closing(self) -> Iterator[Item]:
        """The run, the anomalies and the facts."""
        started, known = parse_time(self.spec.get("created_at"))
        native = {
            str(name): value
            for name, raw in (self.report or {}).items()
            if (value := as_number(raw)) is not None
        }
        run_id = as_text(self.spec.get("run_id"))
        yield Run(
            run_key=run_id or "run",
            native_id=run_id or None,
            suite=self.suite,
            model=self.model,
            model_origin="spec.completion_fns" if self.model else "",
            started_at=started,
            tz_known=known,
            native_status="finished" if self.report is not None else None,
            native_aggregates=native,
        )
        yield from self.fields.anomalies()
        if started is not None and not known:
            yield Anomaly("time-zone-unknown", "the run's start is written without a zone; read as UTC")
        gaps = self.highest + 1 - self.events
        if gaps > 0:
            message = f"events are numbered to {self.highest:,}, {self.events:,} are in the file"
            yield Anomaly("numbering-gaps", message, gaps)
        elif gaps < 0:
            yield Anomaly("duplicate-rows", "events whose numbers occur more than once", -gaps)
        if self.stray:
            yield Anomaly("lines-unreadable", "events without a sample or a type", self.stray)
        if self.report is None:
            yield Anomaly("unfinished-run", "the log has no final report: the run was interrupted")
        accuracy, (right, number) = native.get("accuracy"), self.matches
        if accuracy is not None and number and abs(accuracy - right / number) > TOLERANCE:
            message = f"the final report's accuracy is {accuracy:.6g}, its samples give {right}/{number}"
            yield Anomaly("aggregate-mismatch", message)
        score, (total, graded) = native.get("score"), self.graded
        is_graded = self._judge is not None and graded
        if score is not None and is_graded and abs(score - total / graded) > TOLERANCE:
            message = f"the final report's score is {score:.6g}, its samples give {total / graded:.6g}"
            yield Anomaly("aggregate-mismatch", message)
        if self.judge_failed:
            message = f"samples whose grader's answer is `{INVALID}`; the tool scores it as the worst choice"
            yield Anomaly("judge-failed", message, self.judge_failed)
        if self.undecided:
            message = "samples whose events no declared rule reads as an outcome"
            yield Anomaly("outcome-undecided", message, self.undecided)
        if not self.count:
            yield Anomaly("no-samples", "the log holds no samples", blocks=True)
        elif self.errors == self.count:
            message = f"every one of {self.count} samples failed"
            yield Anomaly("all-samples-failed", message, self.count, blocks=True)
        wanted = as_count(as_dict(self.spec.get("run_config")).get("max_samples"))
        if wanted is not None and wanted <= self.count:
            message = f"the run was limited to {wanted:,} samples; how many the eval has is not recorded"
            yield Anomaly("limit-used", message)
        yield Facts(
            tool="OpenAI evals",
            suites=self.fields.suites,
            completeness={
                "run": Presence.PRESENT if run_id else Presence.ABSENT,
                "time": Presence.PRESENT if started else Presence.ABSENT,
                "model": Presence.PRESENT if self.model else Presence.ABSENT,
                "version": Presence.ABSENT,
                "denominator": Presence.DERIVED,
                "threshold": Presence.ABSENT,
            },
        )


def _scores(by_kind: dict[str, dict[str, Any]], judge: str | None) -> Iterator[Score]:
    """`match` as 1 or 0, and every plain value of `metrics` events."""
    match = by_kind.get("match")
    if match is not None:
        yield _score("match", match.get("correct"), None)
    metrics = by_kind.get("metrics", {})
    has_failed = metrics.get("choice") == INVALID
    for name, raw in metrics.items():
        if not isinstance(raw, dict | list):
            score = _score(f"metrics.{name}", raw, judge)
            yield replace(score, state="error", value=None) if has_failed else score


def _score(metric: str, raw: Any, judge: str | None) -> Score:
    value = as_number(raw)
    return Score(
        scorer=metric.split(".", maxsplit=1)[0],
        metric=metric,
        raw=raw_text(raw),
        value=value,
        state="scored" if value is not None or isinstance(raw, str) else "unscored",
        judge=judge,
    )


def _prompt(prompt: Any) -> str | None:
    if isinstance(prompt, str):
        return prompt
    texts = [as_dict(message).get("content") for message in as_list(prompt)]
    parts = [text for text in texts if isinstance(text, str)]
    return "\n".join(parts) if parts else None
