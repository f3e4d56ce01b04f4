"""JailbreakBench artifacts: one attack on one model, a row for each behaviour.

A row without a prompt is an attack that found nothing; it belongs to the denominator. The stored attack
success rate can come from another judge than the label beside it, so it is recomputed under each of them.
Only rows with a prompt count as submitted (1.0.0: `submission.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.canonical import sha256_bytes
from auditgen.evidence.model import Anomaly, Basis, Observation, Outcome, Presence, Run, Score
from auditgen.sources.fields import FieldReader, by_metric, parse_time
from auditgen.sources.interface import Context, Facts, Item, Probe, Recognition
from auditgen.sources.jsontext import as_count, as_dict, as_number, as_text, raw_text
from auditgen.sources.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JUDGES = ("jailbroken", "jailbroken_llama_guard1")
TOLERANCE = 0.005
"""Stored rates are rounded to two digits."""


class JailbreakBenchSource:
    """JailbreakBench artifacts, version 1."""

    name: ClassVar[str] = "jailbreakbench"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the keys of the outermost object."""
        if probe.top_keys >= {"parameters", "jailbreaks"}:
            return Recognition("jailbreakbench.artifact", "JSON with parameters and jailbreaks")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Behaviours as they stream by. The parameters may stand behind them: they are read first."""
        about = Walk(path, "parameters")
        parameters: dict[str, Any] = {}
        for _, value in about.values():
            parameters = as_dict(value)
            break
        artifact, rows = _Artifact(parameters, context), Walk(path, "jailbreaks.item")
        for index, (_, row) in enumerate(rows.values()):
            if isinstance(row, dict):
                yield artifact.observation(row, f"pointer:/jailbreaks/{index}")
            else:
                artifact.no_objects += 1
        yield from rows.anomalies()
        yield from artifact.closing()


class _Artifact:
    """What is known of an artifact while its rows stream by."""

    def __init__(self, parameters: dict[str, Any], context: Context) -> None:
        self.fields = FieldReader(context, JailbreakBenchSource.name)
        self.about = parameters
        self.no_objects = 0
        self.count = 0
        self.without_prompt = 0
        self.undecided = 0
        self.labels = {name: [0, 0] for name in JUDGES}
        self.at, self.zone_known = parse_time(parameters.get("evaluation_date"))

    @property
    def model(self) -> str:
        return as_text(self.about.get("model"))

    @property
    def run_key(self) -> str:
        parts = ("method", "attack_type", "model", "defense", "evaluation_date")
        return " ".join(text for part in parts if (text := as_text(self.about.get(part)))) or "run"

    def observation(self, row: dict[str, Any], locator: str) -> Observation:
        """One behaviour."""
        self.count += 1
        prompt, response = row.get("prompt"), row.get("response")
        self.without_prompt += prompt is None
        judge = as_dict(self.about.get("method_parameters")).get("judge-model")
        scores = []
        for name in JUDGES:
            if name not in row:
                continue
            label = row[name]
            if isinstance(label, bool):
                self.labels[name][0] += label
                self.labels[name][1] += 1
            by = as_text(judge) if name == "jailbroken" else "llama-guard-1"
            scores.append(_score(name, label, by or "model"))
        mapped = self.fields.read(
            {**row, "parameters": self.about, "scores": by_metric(scores)},
            suite="JailbreakBench",
            response=response if isinstance(response, str) else None,
            scores=scores,
        )
        outcome = mapped.outcome or _outcome(row.get("jailbroken"))
        self.undecided += outcome[0] is Outcome.UNSCORED
        behaviour = as_text(row.get("behavior")) or as_text(row.get("goal"))
        key = sha256_bytes(behaviour.encode("utf-8", "surrogatepass"))[:20]
        return mapped.observation(
            run_key=self.run_key,
            sample_id=as_text(row.get("index")) or locator,
            locator=locator,
            outcome=outcome,
            prompt=prompt if isinstance(prompt, str) else None,
            prompt_key=key if behaviour else None,
            model=self.model,
            category=as_text(row.get("category")) or None,
            strategy=as_text(self.about.get("method")) or None,
            suite="JailbreakBench",
            response=response if isinstance(response, str) else None,
            observed_at=self.at,
        )

    def closing(self) -> Iterator[Item]:
        """The run, the anomalies and the facts."""
        names = ("attack_success_rate", "total_number_of_jailbreaks", "number_of_submitted_prompts")
        numbers = {name: as_number(self.about.get(name)) for name in names}
        native = {name: number for name, number in numbers.items() if number is not None}
        submitted = as_count(self.about.get("number_of_submitted_prompts"))
        missing = max(0, (submitted or 0) - (self.count - self.without_prompt))
        planned = None if submitted is None else self.count + missing
        yield Run(
            run_key=self.run_key,
            native_id=None,
            suite="JailbreakBench",
            model=self.model,
            model_origin="parameters.model" if self.model else "",
            started_at=self.at,
            tz_known=self.zone_known,
            planned=planned,
            native_aggregates=native,
        )
        yield from self.fields.anomalies()
        yield from self._contradictions(native)
        if self.at is not None and not self.zone_known:
            yield Anomaly("time-zone-unknown", "the day of evaluation is written without a zone; read as UTC")
        if self.undecided:
            yield Anomaly("outcome-undecided", "behaviours without a judge's label", self.undecided)
        if self.no_objects:
            yield Anomaly("samples-unreadable", "rows that are no JSON object", self.no_objects)
        if missing:
            here = self.count - self.without_prompt
            message = f"{submitted:,} prompts were submitted, {here:,} are in the file"
            yield Anomaly("samples-missing", message, missing)
        if not self.count:
            yield Anomaly("no-samples", "the artifact holds no behaviours", blocks=True)
        if self.no_objects:
            planned = max(planned or 0, self.count + self.no_objects)
        yield Facts(
            tool="JailbreakBench",
            planned=planned,
            suites=self.fields.suites,
            completeness={
                "run": Presence.DERIVED if self.about else Presence.ABSENT,
                "time": Presence.PRESENT if self.at else Presence.ABSENT,
                "model": Presence.PRESENT if self.model else Presence.ABSENT,
                "version": Presence.ABSENT,
                "denominator": Presence.PRESENT if planned is not None else Presence.DERIVED,
                "threshold": Presence.ABSENT,
            },
        )

    def _contradictions(self, native: dict[str, float]) -> Iterator[Anomaly]:
        """Header totals that the first judge's labels do not give; another judge's may."""
        if not self.count:
            return
        right, labelled = self.labels["jailbroken"]
        total = native.get("total_number_of_jailbreaks")
        rate = native.get("attack_success_rate")
        wrong = []
        if labelled and total is not None and total != right:
            fits = [name for name, (hits, _) in self.labels.items() if hits == total]
            of = f", as `{fits[0]}` gives" if fits else ", as no judge in the rows gives"
            wrong.append(f"the header says {total:g} jailbreaks{of}; `jailbroken` is true in {right}")
        if labelled and rate is not None and abs(rate - right / self.count) > TOLERANCE:
            wrong.append(f"the header's rate is {rate:g}, its rows give {right}/{self.count}")
        if wrong:
            message = "the artifact's totals contradict its rows: " + "; ".join(wrong)
            yield Anomaly("aggregate-mismatch", message, len(wrong))


def _outcome(jailbroken: Any) -> tuple[Outcome, Basis]:
    """The judge says whether the attack succeeded; whether a failed one was refused it does not say."""
    if not isinstance(jailbroken, bool):
        return Outcome.UNSCORED, Basis.NONE
    return (Outcome.COMPLIED if jailbroken else Outcome.NEITHER), Basis.JUDGE


def _score(name: str, label: Any, judge: str) -> Score:
    value = as_number(label)
    return Score(
        scorer=name,
        metric=name,
        raw=raw_text(label),
        value=value,
        state="unscored" if value is None else "scored",
        judge=judge,
    )
