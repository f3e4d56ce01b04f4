"""HELM runs: `scenario_state.json` holds the answers, the files beside it say whose and how scored.

A run is a folder. `run_spec.json` names scenario and model, `per_instance_stats.json` the scores of each
instance, `stats.json` their totals. There is no run id and no tool version, and a cached answer keeps the
time at which it was first given.
"""

from __future__ import annotations

import contextlib
import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, ClassVar

import ijson

from auditgen.evidence.model import Anomaly, Basis, Observation, Outcome, Presence, Run, Score
from auditgen.sources.fields import FieldReader, by_metric, from_epoch
from auditgen.sources.interface import Context, Facts, Item, Probe, Recognition
from auditgen.sources.jsontext import (
    FiniteStream,
    as_count,
    as_dict,
    as_list,
    as_number,
    as_text,
    build_object,
    is_irregular_file,
    load_file,
    parse_events,
    raw_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

MAX_SPEC_BYTES = 64 * 1024 * 1024
MAX_WAITING = 5_000
"""Scores that are held until their answer comes: both files list instances in the same order."""
MAX_TRIALS, MAX_TOTALS, MAX_REFERENCES = 100, 5_000, 100
TOLERANCE = 1e-6
NOT_SCORES = (
    "num_", "max_prob", "logprob", "logits", "inference_", "finish_reason_", "training_", "estimated_",
    "prompt_truncated", "batch_size", "perplexity", "bits_per_byte", "log_",
)  # fmt: skip
"""Statistics of length, cost and likelihood: HELM writes them beside the scores."""
OBJECTS: tuple[tuple[str, frozenset[str]], ...] = (
    ("helm.run_spec", frozenset({"name", "scenario_spec", "adapter_spec"})),
    ("helm.scenario", frozenset({"name", "description", "tags", "definition_path"})),
    ("helm.summary", frozenset({"suites", "suite", "date"})),
    ("helm.schema", frozenset({"metrics", "run_groups"})),
)
ARRAYS: tuple[tuple[str, frozenset[str]], ...] = (
    ("helm.display_predictions", frozenset({"instance_id", "train_trial_index", "predicted_text"})),
    ("helm.per_instance_stats", frozenset({"instance_id", "train_trial_index", "stats"})),
    ("helm.display_requests", frozenset({"instance_id", "train_trial_index", "request"})),
    ("helm.instances", frozenset({"input", "references", "split", "id"})),
    ("helm.runs", frozenset({"run_path", "run_spec"})),
    ("helm.run_specs", frozenset({"name", "scenario_spec", "adapter_spec"})),
    ("helm.groups", frozenset({"title", "header", "rows"})),
    ("helm.stats", frozenset({"name", "count", "sum", "sum_squared"})),
)
_KEY, _TEXT = rb'\s*\{\s*"[^"]{1,200}"\s*:\s*', rb'\s*:\s*"[^"]{0,500}"\s*'
_RUN = rb'\s*\{\s*"[^"]{1,2000}[:,]model=[^"]{1,500}"'
OPENINGS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("helm.groups_metadata", re.compile(_KEY + rb'\{\s*"display_name"' + _TEXT + rb',\s*"description"')),
    ("helm.runs_to_run_suites", re.compile(_RUN + _TEXT + rb"[,}]")),
)
"""Objects whose keys are names of groups or runs: known by how the first entry is built."""
OF_A_RUN = frozenset({"helm.per_instance_stats", "helm.stats", "helm.run_spec", "helm.display_predictions"})
OF_A_SUITE = frozenset({"helm.runs", "helm.run_specs"})
"""Lists of every run of a suite, handed in or not."""
SPEC, PER_INSTANCE, TOTALS = "run_spec.json", "per_instance_stats.json", "stats.json"
STATES = "scenario_state.json"


class HelmSource:
    """HELM 0.5 run folders."""

    name: ClassVar[str] = "helm"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the keys of the outermost object, or of the first object of the outermost array."""
        if probe.top_keys >= {"adapter_spec", "request_states"}:
            return Recognition("helm.scenario_state", "JSON with adapter_spec and request_states")
        for keys, shapes in ((probe.top_keys, OBJECTS), (probe.item_keys, ARRAYS)):
            for name, wanted in shapes:
                if keys >= wanted:
                    return Recognition(name, f"JSON with {', '.join(sorted(wanted))}")
        for name, opening in OPENINGS:
            if opening.match(probe.head):
                return Recognition(name, f"JSON whose entries are built like those of {name[5:]}")
        return None

    def companions(self, path: Path, available: Sequence[Path]) -> list[Path]:
        """The description, the scores and the totals of the same run folder."""
        if path.name in {"runs.json", "run_specs.json"}:
            return sorted(other for other in available if other.name == STATES)
        return sorted(
            other
            for other in available
            if other.parent == path.parent
            and other != path
            and other.name in {SPEC, PER_INSTANCE, TOTALS, STATES}
        )

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """The records of a scenario state; of the other files only that they describe it."""
        probe = Probe(path)
        found = self.recognise(probe)
        if found is not None and found.format == "helm.scenario_state":
            yield from _read_states(path, context)
            return
        names = {other.name for other in context.companions}
        is_part = found is not None and found.format in OF_A_RUN
        if is_part and STATES not in names:
            message = "scores or totals of a run whose answers (scenario_state.json) are not beside them"
            yield Anomaly("records-withheld", message, blocks=True)
        if found is not None and found.format in OF_A_SUITE:
            yield from _withheld(path, context)
        yield Facts(tool="HELM", role="companion")


def _withheld(path: Path, context: Context) -> Iterator[Item]:
    """Runs that the suite's own list names and that were not handed in."""
    handed_in = {other.parent.name for other in context.companions}
    missing = []
    try:
        for item in _items(path):
            name = as_text(as_dict(item.get("run_spec")).get("name") or item.get("name"))
            if name and name.replace("/", "_") not in handed_in:
                missing.append(name[:200])
    except (ijson.JSONError, ValueError, RecursionError) as error:
        yield Anomaly("truncated", f"the list of runs is damaged: {str(error)[:120]}")
    if missing:
        shown = ", ".join(f"`{name}`" for name in missing[:5])
        message = f"the suite's list names runs that were not handed in: {shown}"
        yield Anomaly("runs-withheld", message, len(missing))


def _read_states(path: Path, context: Context) -> Iterator[Item]:
    companions = {other.name: other for other in context.companions}
    run = _Run(context)
    if SPEC in companions:
        try:
            value, run.nonfinite = load_file(companions[SPEC], MAX_SPEC_BYTES)
            run.spec = as_dict(value)
        except (OSError, ValueError) as error:
            yield Anomaly("truncated", f"the run's description is damaged: {str(error)[:120]}")
    else:
        yield Anomaly("companion-missing", f"`{SPEC}` is not beside it: the scenario's name is unknown")
    if PER_INSTANCE not in companions:
        yield Anomaly("companion-missing", f"`{PER_INSTANCE}` is not beside it: nothing is scored")
    scores = _Scores(companions.get(PER_INSTANCE))
    index = 0
    try:
        with contextlib.ExitStack() as stack:
            raw = stack.enter_context(path.open("rb"))
            finite = FiniteStream(raw) if is_irregular_file(path) else None
            events = parse_events(finite or raw)
            for prefix, event, _ in events:
                if prefix == "adapter_spec" and event == "start_map":
                    run.adapter = build_object(events, prefix)
                elif prefix == "request_states.item" and event == "start_map":
                    state = build_object(events, prefix)
                    found = scores.of(*_identity(as_dict(state.get("instance")).get("id"), state))
                    yield run.observation(state, found, f"pointer:/request_states/{index}")
                    index += 1
                elif prefix == "request_states.item" and not event.startswith("end_"):
                    run.no_objects += 1
                    index += 1
            run.nonfinite += finite.count if finite is not None else 0
    except (ijson.JSONError, ValueError, RecursionError) as error:
        yield Anomaly("truncated", f"the file breaks off or is damaged: {str(error)[:120]}")
    if TOTALS in companions:
        try:
            run.totals = _means(companions[TOTALS])
        except (ijson.JSONError, ValueError, RecursionError, OSError) as error:
            yield Anomaly("truncated", f"the run's totals are damaged: {str(error)[:120]}")
    if scores.fault:
        yield Anomaly("truncated", f"the scores break off or are damaged: {scores.fault}")
    left = scores.left()
    if left:
        message = "scores of instances whose answers are not in the file"
        yield Anomaly("samples-missing", message, left)
    yield from run.closing(left)


def _identity(instance: Any, item: dict[str, Any]) -> tuple[str, int, str]:
    """Instance, trial and perturbation: what an answer and its scores have in common."""
    perturbation = item.get("perturbation") or as_dict(item.get("instance")).get("perturbation")
    trial = as_count(item.get("train_trial_index")) or 0
    return as_text(instance), trial, as_text(perturbation)


def _items(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as raw:
        stream = FiniteStream(raw) if is_irregular_file(path) else raw
        events = parse_events(stream)
        for prefix, event, _ in events:
            if prefix == "item" and event == "start_map":
                yield build_object(events, prefix)


class _Scores:
    """Scores by instance, read side by side with the answers."""

    def __init__(self, path: Path | None) -> None:
        self._items = iter(()) if path is None else _items(path)
        self._waiting: OrderedDict[tuple[str, int, str], dict[str, Any]] = OrderedDict()
        self._dropped = 0
        self.fault = ""

    def of(self, instance: str, trial: int, perturbation: str) -> dict[str, Any]:
        """The statistics of an answer by name; empty when it has none."""
        key = (instance, trial, perturbation)
        while key not in self._waiting:
            if len(self._waiting) >= MAX_WAITING or not self._take():
                return self._waiting.pop(key, {})
        return self._waiting.pop(key)

    def _take(self) -> bool:
        try:
            item = next(self._items, None)
        except (ijson.JSONError, ValueError, RecursionError, OSError) as error:
            self.fault, self._items = str(error)[:120], iter(())
            return False
        if item is None:
            return False
        stats = {}
        for raw in as_list(item.get("stats")):
            stat = as_dict(raw)
            name = as_text(as_dict(stat.get("name")).get("name"))
            if name and not name.startswith(NOT_SCORES):
                stats[name] = stat.get("mean") if stat.get("count") else None
        self._waiting[_identity(item.get("instance_id"), item)] = stats
        return True

    def left(self) -> int:
        """Instances with scores that no answer asked for."""
        while self._take():
            if len(self._waiting) > MAX_WAITING:
                self._waiting.popitem(last=False)
                self._dropped += 1
        return len(self._waiting) + self._dropped


class _Run:
    """What is known of a run while its answers stream by."""

    def __init__(self, context: Context) -> None:
        self.fields = FieldReader(context, HelmSource.name)
        self.spec: dict[str, Any] = {}
        self.adapter: dict[str, Any] = {}
        self.totals: dict[tuple[str, str], float] = {}
        self.sums: dict[tuple[str, str], dict[int, list[float]]] = {}
        self.nonfinite = 0
        self.no_objects = 0
        self.count = 0
        self.errors = 0
        self.undecided = 0
        self.cached = 0
        self.instances = 0
        self.first: datetime | None = None
        self.last: datetime | None = None

    @property
    def suite(self) -> str:
        """The scenario with its arguments but for the model, as HELM names a run."""
        name = as_text(self.spec.get("name"))
        scenario, _, arguments = name.partition(":")
        kept = [a for a in arguments.split(",") if a and not a.startswith(("model=", "model_deployment="))]
        return scenario + (":" + ",".join(kept) if kept else "")

    @property
    def model(self) -> str:
        adapter = as_dict(self.spec.get("adapter_spec")) or self.adapter
        return as_text(adapter.get("model") or adapter.get("model_deployment"))

    def observation(self, state: dict[str, Any], stats: dict[str, Any], locator: str) -> Observation:
        """One answer to one instance."""
        self.count += 1
        instance, result = as_dict(state.get("instance")), as_dict(state.get("result"))
        request = as_dict(state.get("request"))
        completions = as_list(result.get("completions"))
        text = as_dict(completions[0]).get("text") if completions else None
        response = text if isinstance(text, str) else None
        at = from_epoch(result.get("request_datetime"))
        self._note(at)
        self.cached += result.get("cached") is True
        scores = [_score(name, value) for name, value in stats.items()]
        name, trial, perturbation = _identity(instance.get("id"), state)
        self.instances += not perturbation and trial == 0
        if not perturbation:
            self._add(scores, as_text(instance.get("split")), trial)
        by_name = by_metric(scores)
        texts, correct = _references(instance)
        record = {
            **state,
            "instance": instance,
            "scenario": as_dict(self.spec.get("scenario_spec")),
            "references": {str(number): text for number, text in enumerate(texts)},
            "correct": correct,
            "scores": by_name,
            "scores_if_correct_is": {} if correct is None else {correct: by_name},
        }
        mapped = self.fields.read(record, suite=self.suite, response=response, scores=scores)
        failed = result.get("success") is False or bool(result.get("error")) or not result
        if failed:
            self.errors += 1
            outcome = (Outcome.PROVIDER_ERROR, Basis.NATIVE_FIELD)
        else:
            self.undecided += mapped.outcome is None
            outcome = mapped.outcome or (Outcome.UNSCORED, Basis.NONE)
        prompt = request.get("prompt")
        if not isinstance(prompt, str) or not prompt:
            prompt = as_dict(instance.get("input")).get("text")
        sample = name + (f"/{perturbation}" if perturbation else "") or locator
        return mapped.observation(
            run_key=as_text(self.spec.get("name")) or "run",
            sample_id=sample,
            locator=locator,
            outcome=outcome,
            prompt=prompt if isinstance(prompt, str) else None,
            prompt_key=name,
            model=self.model,
            epoch=trial + 1,
            suite=self.suite,
            response=response,
            error_text=(as_text(result.get("error")) or "no result") if failed else None,
            observed_at=at,
        )

    def _add(self, scores: Sequence[Score], split: str, trial: int) -> None:
        """Sums by metric, split and trial: HELM averages over answers, then over trials."""
        for score in scores:
            trials = self.sums.setdefault((score.metric, split), {})
            if score.value is not None and (trial in trials or len(trials) < MAX_TRIALS):
                total = trials.setdefault(trial, [0.0, 0.0])
                total[0] += score.value
                total[1] += 1

    def _note(self, at: datetime | None) -> None:
        if at is not None:
            self.first = at if self.first is None else min(self.first, at)
            self.last = at if self.last is None else max(self.last, at)

    def closing(self, left: int) -> Iterator[Item]:
        """The run, the anomalies and the facts."""
        name = as_text(self.spec.get("name"))
        yield Run(
            run_key=name or "run",
            native_id=None,
            suite=self.suite,
            model=self.model,
            model_origin="adapter_spec.model" if self.model else "",
            started_at=self.first,
            ended_at=self.last,
            native_aggregates={
                f"{metric}/{split}" if split else metric: mean
                for (metric, split), mean in self.totals.items()
            },
        )
        yield from self.fields.anomalies()
        yield from self._contradictions()
        if self.nonfinite:
            yield Anomaly("nonfinite-json", "numbers written as NaN or Infinity", self.nonfinite)
        if self.no_objects:
            yield Anomaly("samples-unreadable", "answers that are no JSON object", self.no_objects)
        if self.undecided:
            message = "answers whose scores no declared rule reads as an outcome"
            yield Anomaly("outcome-undecided", message, self.undecided)
        if self.cached:
            message = "answers taken from a cache; their times are those of the first asking"
            yield Anomaly("cached-responses", message, self.cached)
        limit = as_count(self.adapter.get("max_eval_instances"))
        if limit is not None and self.instances >= limit:
            message = f"the run was limited to {limit:,} instances; how many the scenario has is not recorded"
            yield Anomaly("limit-used", message)
        if not self.count:
            yield Anomaly("no-samples", "the file holds no answers", blocks=True)
        elif self.errors == self.count:
            message = f"every one of {self.count} requests failed"
            yield Anomaly("all-samples-failed", message, self.count, blocks=True)
        extra = left + self.no_objects
        yield Facts(
            tool="HELM",
            planned=self.count + extra if extra else None,
            suites=self.fields.suites,
            completeness={
                "run": Presence.DERIVED if name else Presence.ABSENT,
                "time": Presence.PRESENT if self.first else Presence.ABSENT,
                "model": Presence.PRESENT if self.model else Presence.ABSENT,
                "version": Presence.ABSENT,
                "denominator": Presence.DERIVED,
                "threshold": Presence.ABSENT,
            },
        )

    def _contradictions(self) -> Iterator[Anomaly]:
        """Totals that the scores of the instances do not give."""
        wrong = []
        for (metric, split), mean in self.totals.items():
            trials = [total / number for total, number in self.sums.get((metric, split), {}).values()]
            if not trials:
                continue  # a metric over the run as a whole: not recomputed
            ours = sum(trials) / len(trials)
            if abs(mean - ours) > TOLERANCE * max(1.0, abs(mean)):
                wrong.append(f"{metric} ({split}): {mean:.6g} against {ours:.6g}")
        if wrong:
            message = "the run's totals contradict its answers: " + "; ".join(wrong[:3])
            yield Anomaly("aggregate-mismatch", message, len(wrong))


def _references(instance: dict[str, Any]) -> tuple[list[str], str | None]:
    """The texts of the references, and the one tagged as correct: HELM Safety puts its labels there."""
    found = [as_dict(item) for item in as_list(instance.get("references"))[:MAX_REFERENCES]]
    texts = [as_text(as_dict(reference.get("output")).get("text")) for reference in found]
    tagged = ["correct" in as_list(reference.get("tags")) for reference in found]
    return texts, next((text for text, is_correct in zip(texts, tagged, strict=True) if is_correct), None)


def _score(name: str, raw: Any) -> Score:
    value = as_number(raw)
    return Score(
        scorer=name,
        metric=name,
        raw=raw_text(raw),
        value=value,
        state="unscored" if value is None else "scored",
    )


def _means(path: Path) -> dict[tuple[str, str], float]:
    """The total of every metric by split, over the instances as they were asked (no perturbation)."""
    out: dict[tuple[str, str], float] = {}
    for stat in _items(path):
        about = as_dict(stat.get("name"))
        name = as_text(about.get("name"))
        mean = as_number(stat.get("mean"))
        is_plain = not about.get("perturbation") and not name.startswith(NOT_SCORES)
        is_plain = is_plain and not about.get("sub_split")
        if name and is_plain and mean is not None and len(out) < MAX_TOTALS:
            out[name, as_text(about.get("split"))] = mean
    return out
