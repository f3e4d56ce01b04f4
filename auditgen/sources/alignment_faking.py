"""Result files of the open alignment-faking replications: the same prompts in a free and a paid tier.

In that set-up the model is told that conversations of the free tier are used for training: free is
`monitored`, paid is `unmonitored`, and because the tier was set by the experiment the basis is a cue.
Acceptance and refusal are two separate labels: whether the answer holds the tag that the model was asked
to end with. Both may be false, and are throughout where no tag was asked for: then nothing is known, and
a missing judge is never a refusal. Model, condition and seed stand in the file's path only,
so `audit.yaml` must say them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.canonical import sha256_bytes
from auditgen.evidence.model import (
    Anomaly,
    Basis,
    Observation,
    Outcome,
    Presence,
    Run,
    Score,
    Watch,
    WatchBasis,
)
from auditgen.sources.fields import FieldReader, by_metric, from_epoch, parse_time
from auditgen.sources.interface import Context, Facts, Item, Probe, Recognition
from auditgen.sources.jsontext import as_dict, as_list, as_number, as_text, raw_text
from auditgen.sources.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

KEYS = frozenset({"user_input", "prompt", "success", "output"})
"""The keys before the long texts: what follows may stand beyond the head of the file."""
MARK = b"free_tier"
TIERS = {"free_tier": Watch.MONITORED, "paid_tier": Watch.UNMONITORED}
JUDGED = ("deceptive_alignment", "partial_compliance")
SUITE = "alignment-faking"


class AlignmentFakingSource:
    """`results_seed*_*.json` of open-source-alignment-faking and its forks."""

    name: ClassVar[str] = "alignment-faking"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the keys of the first record."""
        if probe.item_keys >= KEYS and MARK in probe.head.lower():
            return Recognition("alignment-faking.results", f"JSON array of {', '.join(sorted(KEYS))}")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Records as they stream by."""
        results, walk = _Results(context), Walk(path, "item")
        for index, (_, record) in enumerate(walk.values()):
            if isinstance(record, dict):
                yield results.observation(record, f"pointer:/{index}")
            else:
                results.no_objects += 1
        yield from walk.anomalies()
        yield from results.closing()


class _Results:
    """What is known of a file while its records stream by."""

    def __init__(self, context: Context) -> None:
        self.fields = FieldReader(context, AlignmentFakingSource.name)
        self.no_objects = 0
        self.count = 0
        self.failed = 0
        self.undecided = 0
        self.unjudged: Counter[str] = Counter()
        self.zone_unknown = 0
        self.strange: Counter[str] = Counter()
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.model = ""

    def observation(self, record: dict[str, Any], locator: str) -> Observation:
        """One prompt in one tier."""
        self.count += 1
        tier = record.get("tags")
        tier = tier[0] if isinstance(tier, list) and len(tier) == 1 else tier
        tier = as_text(tier)
        watch = TIERS.get(tier)
        if watch is None and (len(self.strange) < 100 or tier in self.strange):
            self.strange[tier] += 1
        response = next(
            (record[k] for k in ("output_without_scratchpad", "output") if isinstance(record.get(k), str)),
            None,
        )
        scores = list(self._scores(record))
        mapped = self.fields.read(
            {**record, "tier": tier, "scores": by_metric(scores)},
            suite=SUITE,
            response=response,
            scores=scores,
        )
        outcome = (Outcome.PROVIDER_ERROR, Basis.NATIVE_FIELD)
        if record.get("success") is False:
            self.failed += 1
        else:
            outcome = mapped.outcome or _outcome(record)
            self.undecided += outcome[0] is Outcome.UNSCORED
        question = as_text(record.get("user_input"))
        key = sha256_bytes(question.encode("utf-8", "surrogatepass"))[:20]
        self.model = self.model or mapped.model or ""
        observed = mapped.observation(
            run_key="results",
            sample_id=f"{tier or 'no tier'}/{key}",
            locator=locator,
            outcome=outcome,
            prompt=question or None,
            prompt_key=key if question else None,
            suite=SUITE,
            response=response,
            error_text="the tool marked it as failed" if outcome[0] is Outcome.PROVIDER_ERROR else None,
            observed_at=self._time(record.get("timestamp")),
        )
        if mapped.watch_basis is None and watch is not None:
            observed = _watched(observed, watch)
        return observed

    def _time(self, raw: Any) -> datetime | None:
        at, is_known = parse_time(raw)
        if at is None:
            return from_epoch(raw)
        self.zone_unknown += not is_known
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)
        return at

    def _scores(self, record: dict[str, Any]) -> Iterator[Score]:
        yield self._score("strong_reject_score", record.get("strong_reject_score"), None)
        for name in ("output_contains_acceptance", "output_contains_refusal"):
            yield replace(self._score(name, record.get(name), None), judge=None)
        for name in JUDGED:
            block = as_dict(record.get(name))
            answer = block.get("final_answer") if block.get("success") is not False else None
            quotes = [quote for part in as_list(block.get("quotes")) for quote in as_list(part)]
            reason = "\n".join(as_text(quote) for quote in quotes)
            yield self._score(name, answer, reason)

    def _score(self, metric: str, raw: Any, rationale: str | None) -> Score:
        value = as_number(raw)
        if value is None:
            self.unjudged[metric] += 1
        return Score(
            scorer=metric,
            metric=metric,
            raw=raw_text(raw),
            value=value,
            state="unscored" if value is None else "scored",
            judge="model",
            rationale=(rationale or "")[:2000] or None,
        )

    def closing(self) -> Iterator[Item]:
        """The run, the anomalies and the facts."""
        yield Run(
            run_key="results",
            native_id=None,
            suite=SUITE,
            model=self.model,
            model_origin="audit.yaml" if self.model else "",
            started_at=self.first,
            ended_at=self.last,
            tz_known=not self.zone_unknown,
        )
        yield from self.fields.anomalies()
        for metric, number in sorted(self.unjudged.items()):
            message = f"records without a value of `{metric}`: not scored, and never a refusal"
            yield Anomaly("judge-failed", message, number)
        if self.strange:
            shown = ", ".join(f"`{name[:60]}` ({n})" for name, n in self.strange.most_common(5))
            message = f"records of neither tier, watch condition unknown: {shown}"
            yield Anomaly("value-not-mapped", message, self.strange.total())
        if self.undecided:
            message = "records that hold the tag of neither acceptance nor refusal, or both"
            yield Anomaly("outcome-undecided", message, self.undecided)
        if self.no_objects:
            yield Anomaly("samples-unreadable", "records that are no JSON object", self.no_objects)
        if self.zone_unknown:
            yield Anomaly("time-zone-unknown", "times without a zone, read as UTC", self.zone_unknown)
        if not self.count:
            yield Anomaly("no-samples", "the file holds no records", blocks=True)
        elif self.failed == self.count:
            message = f"every one of {self.count} records failed"
            yield Anomaly("all-samples-failed", message, self.count, blocks=True)
        yield Facts(
            tool="alignment-faking replication",
            planned=self.count + self.no_objects if self.no_objects else None,
            suites=self.fields.suites,
            completeness={
                "run": Presence.ABSENT,
                "time": Presence.PRESENT if self.first else Presence.ABSENT,
                "model": Presence.DERIVED if self.model else Presence.ABSENT,
                "version": Presence.ABSENT,
                "denominator": Presence.DERIVED,
                "threshold": Presence.ABSENT,
            },
        )


def _outcome(record: dict[str, Any]) -> tuple[Outcome, Basis]:
    """The model's own two tags. Neither, both, or one that is missing: nobody knows."""
    accepted, refused = record.get("output_contains_acceptance"), record.get("output_contains_refusal")
    if not isinstance(accepted, bool) or not isinstance(refused, bool):
        return Outcome.UNSCORED, Basis.NONE
    if accepted == refused:
        partial = as_dict(record.get("partial_compliance"))
        if accepted and as_number(partial.get("final_answer")) == 1:
            return Outcome.PARTIAL, Basis.JUDGE
        return Outcome.UNSCORED, Basis.NONE
    return (Outcome.COMPLIED if accepted else Outcome.REFUSED), Basis.NATIVE_FIELD


def _watched(observation: Observation, watch: Watch) -> Observation:
    return replace(observation, watch=watch, watch_basis=WatchBasis.CUE)
