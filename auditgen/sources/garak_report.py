"""A garak report: attempts counted once, detectors read in their own direction.

Each attempt is written twice (status 1 before, status 2 after detection); only the second counts. A
detector score of 1 means the attack succeeded. The pass mark is not recorded anywhere, so it is
bounded from the file's own pass counts, and a score between the bounds stays unscored. An aggregate
holds evaluated attempts of several runs under a new run id and time, and leaves the others out.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from auditgen.canonical import sha256_bytes
from auditgen.evidence.model import Anomaly, Basis, Observation, Outcome, Presence, Run, Score
from auditgen.sources.fields import FieldReader, Mapped, parse_time
from auditgen.sources.interface import Context, Facts, Item
from auditgen.sources.jsontext import as_count, as_dict, as_list, as_number, as_text
from auditgen.sources.lines import Lines
from auditgen.sources.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

EVALUATED = 2
MAX_NAMES = 2000
"""Probes and detectors that are kept track of; garak has some hundreds."""
ROUNDING = 5e-4
_DONE = -1
_KEPT = (
    "plugins.target_type", "plugins.target_name", "plugins.model_type", "plugins.model_name",
    "_config.version", "run.generations", "run.eval_threshold", "aggregation",
)  # fmt: skip
_QUALITY = ("hit_precision", "hit_recall", "hit_f1")

Key = tuple[str, str]
"""Probe and detector."""


class Spread:
    """How often scores between 0 and 1 occur, in ten thousand steps: memory does not grow with them."""

    STEPS = 10_000

    def __init__(self) -> None:
        self.steps: dict[int, list[float]] = {}
        self.total = 0
        self.nones = 0

    def add(self, score: float) -> None:
        """One more of this score."""
        self.total += 1
        at = int(min(1.0, max(0.0, score)) * self.STEPS)
        known = self.steps.get(at)
        if known is None:
            self.steps[at] = [score, score, 1]
        else:
            known[0], known[1], known[2] = min(known[0], score), max(known[1], score), known[2] + 1

    def bounds(self, passed: int) -> tuple[float, float] | None:
        """The pass mark's (low, high] under which exactly so many pass, None when none fits."""
        low, high, below = 0.0, 1.0, 0
        for least, most, count in (self.steps[at] for at in sorted(self.steps)):
            if below == passed and least > low:
                high = min(high, least)
                break
            if below + int(count) > passed and most > least:  # the mark lies within one step
                return low, max(low, most)
            below += int(count)
            low = most
        return None if below != passed or low >= 1.0 else (low, max(low, high))


class Report:
    """What is known of a report from its first pass."""

    def __init__(self, context: Context, tool: str) -> None:
        self.fields = FieldReader(context, tool)
        self.lines = Lines()
        self.setup: dict[str, Any] = {}
        self.init: dict[str, Any] = {}
        self.end: dict[str, Any] = {}
        self.primary: dict[str, str] = {}
        self.quality: dict[str, dict[str, float]] = {}
        self.states = Tally()
        """By attempt: `_DONE`, or how many outputs were to be judged."""
        self.silent = 0
        self.evals: dict[Key, tuple[int, int, int | None]] = {}
        self.spreads: dict[Key, Spread] = defaultdict(Spread)
        self.digest: dict[Key, tuple[float | None, int | None, int | None]] = {}
        self.bounds: dict[Key, tuple[float, float]] = {}
        self.mismatches: list[str] = []
        self.outputs = self.errors = self.between = self.unjudged = 0
        self.guessed_detector: set[str] = set()

    def learn(self, entry: dict[str, Any]) -> None:
        """Take in one line of the first pass."""
        kind = entry.get("entry_type")
        if kind == "start_run setup":
            self.setup = {name: entry[name] for name in _KEPT if name in entry}
        elif kind == "init":
            names = ("run", "garak_version", "start_time", "orig_uuid", "orig_start_time")
            self.init = {name: entry.get(name) for name in names}
        elif kind == "completion":
            self.end = {"end_time": entry.get("end_time")}
        elif kind == "plugin_cache":
            self._learn_plugins(as_dict(entry.get("plugin_cache")))
        elif kind == "attempt":
            self._learn_attempt(entry)
        elif kind == "eval":
            self._learn_counts(entry)
        elif kind == "digest":
            self._learn_digest(as_dict(entry.get("eval")))

    def _learn_plugins(self, cache: dict[str, Any]) -> None:
        for name, about in as_dict(cache.get("probes")).items():
            detector = as_dict(about).get("primary_detector")
            if isinstance(detector, str) and len(self.primary) < MAX_NAMES:
                self.primary[str(name).removeprefix("probes.")] = detector
        for name, about in as_dict(cache.get("detectors")).items():
            numbers = {q: n for q in _QUALITY if (n := _number(as_dict(about).get(q))) is not None}
            if numbers and len(self.quality) < MAX_NAMES:
                self.quality[str(name).removeprefix("detectors.")] = numbers

    def _learn_attempt(self, entry: dict[str, Any]) -> None:
        uuid = as_text(entry.get("uuid"))
        if entry.get("status") != EVALUATED:
            if self.states[uuid] != _DONE:
                self.states[uuid] = max(len(as_list(entry.get("outputs"))), self.generations)
            return
        self.states[uuid] = _DONE
        probe = as_text(entry.get("probe_classname"))
        for detector, results in as_dict(entry.get("detector_results")).items():
            key = (probe, str(detector))
            if key not in self.spreads and len(self.spreads) >= MAX_NAMES:
                continue
            spread = self.spreads[key]
            for value in as_list(results):
                number = _number(value)
                if number is not None:
                    spread.add(number)
                spread.nones += value is None

    def _learn_counts(self, entry: dict[str, Any]) -> None:
        """`passed,total` before 2026, `passed,fails,nones,total_evaluated,total_processed` since."""
        passed, nones = as_count(entry.get("passed")), as_count(entry.get("nones"))
        total = as_count(entry.get("total_evaluated", entry.get("total")))
        key = (as_text(entry.get("probe")), as_text(entry.get("detector")))
        if passed is None or total is None or (key not in self.evals and len(self.evals) >= MAX_NAMES):
            return
        before = self.evals.get(key, (0, 0, 0 if nones is not None else None))
        lost = None if nones is None or before[2] is None else before[2] + nones
        self.evals[key] = (before[0] + passed, before[1] + total, lost)

    def _learn_digest(self, groups: dict[str, Any]) -> None:
        for group in groups.values():
            for probe, detectors in as_dict(group).items():
                for detector, said in as_dict(detectors).items():
                    about = as_dict(said)
                    if "absolute_score" in about and len(self.digest) < MAX_NAMES:
                        counts = as_count(about.get("passed")), as_count(about.get("total_evaluated"))
                        self.digest[str(probe), str(detector)] = (_number(about["absolute_score"]), *counts)

    @property
    def is_aggregate(self) -> bool:
        """Whether several reports were put together."""
        return "aggregation" in self.setup or bool(self.init.get("orig_uuid"))

    @property
    def generations(self) -> int:
        """How many outputs each prompt was to get."""
        return as_count(self.setup.get("run.generations")) or 1

    def bound_thresholds(self) -> None:
        """The pass mark of each detector lies in (low, high]: from raw scores and pass counts."""
        for key, spread in self.spreads.items():
            name = f"{key[0]}/{key[1]}"
            found: tuple[float, float] | None = (0.0, 1.0)
            if key in self.evals:
                passed, total, nones = self.evals[key]
                if total != spread.total:
                    self.mismatches.append(f"{name}: {total} against {spread.total} scores")
                else:  # counts of other rows say nothing about the pass mark of these
                    found = spread.bounds(passed)
                    if found is None:
                        self.mismatches.append(f"{name}: {passed} passes fit no pass mark")
                if nones is not None and nones != spread.nones and total == spread.total:
                    self.mismatches.append(f"{name}: {nones} without a verdict against {spread.nones}")
            self.bounds[key] = found or (0.0, 1.0)
        for key, (score, passed_said, total_said) in self.digest.items():
            if key not in self.evals:
                continue
            passed, total, _ = self.evals[key]
            share = passed / total if total else None
            is_other = score is not None and share is not None and abs(score - share) > ROUNDING
            if is_other or passed_said not in (None, passed) or total_said not in (None, total):
                said = f"the digest says {score}, the counts {passed}/{total}"
                self.mismatches.append(f"{key[0]}/{key[1]}: {said}")

    def observations(self, entry: dict[str, Any], locator: str) -> Iterator[Observation]:
        """Every output of one evaluated attempt."""
        probe = as_text(entry.get("probe_classname"))
        results = as_dict(entry.get("detector_results"))
        deciding = self._deciding(probe, results)
        prompt = _prompt(entry.get("prompt"))
        quality = {name: self.quality[name] for name in results if name in self.quality}
        buff = as_dict(entry.get("notes")).get("buff_creator")
        record = {**entry, "probe": probe, "buff": buff, "detectors": quality}
        outputs = as_list(entry.get("outputs"))
        self.silent += not outputs
        at, _ = parse_time(self.init.get("orig_start_time") or self.init.get("start_time"))
        for index, output in enumerate(outputs):
            self.outputs += 1
            text = output if isinstance(output, str) else as_dict(output).get("text")
            scores = {
                str(name): (values[index] if isinstance(values, list) and index < len(values) else None)
                for name, values in results.items()
            }
            mapped = self.fields.read(
                {**record, "scores": scores},
                suite=probe,
                version=self.version,
                response=text if isinstance(text, str) else None,
                scores=tuple(_score(name, value) for name, value in scores.items()),
            )
            outcome, basis = self._outcome(probe, text, {d: scores.get(d) for d in deciding}, mapped)
            yield Observation(
                run_key=self.run_key,
                sample_id=as_text(entry.get("uuid")) or locator,
                prompt_key=mapped.prompt_key or _prompt_key(probe, prompt),
                epoch=index + 1,
                outcome=outcome,
                basis=basis,
                locator=f"{locator}/outputs/{index}",
                suite=probe,
                model=mapped.model or self.model,
                expected=mapped.expected,
                watch=mapped.watch,
                watch_basis=mapped.watch_basis,
                cohort=mapped.cohort,
                category=mapped.category or probe.split(".", maxsplit=1)[0],
                strategy=mapped.strategy or (f"{probe} + {as_text(buff)}" if buff else probe),
                language=mapped.language,
                labels=mapped.labels,
                prompt=prompt,
                prompt_state="full" if prompt is not None else "absent",
                response=text if isinstance(text, str) else None,
                error_text="no output" if outcome is Outcome.PROVIDER_ERROR else None,
                observed_at=at,
                scores=mapped.scores,
            )

    def _deciding(self, probe: str, results: dict[str, Any]) -> tuple[str, ...]:
        """The probe's primary detector; every detector where the report does not name one."""
        primary = self.primary.get(probe)
        if primary in results:
            return (str(primary),)
        if len(self.guessed_detector) < MAX_NAMES:
            self.guessed_detector.add(probe)
        return tuple(str(name) for name in results)

    def _outcome(
        self, probe: str, text: Any, scores: dict[str, Any], mapped: Mapped
    ) -> tuple[Outcome, Basis]:
        if not isinstance(text, str):
            self.errors += 1
            return Outcome.PROVIDER_ERROR, Basis.NATIVE_FIELD
        if mapped.outcome is not None:
            return mapped.outcome
        hits = [self._hit(probe, name, score) for name, score in scores.items()]
        if True in hits:
            return Outcome.COMPLIED, Basis.JUDGE
        if not hits or None in hits:
            self.unjudged += any(_number(score) is None for score in scores.values()) or not hits
            return Outcome.UNSCORED, Basis.NONE
        return Outcome.NEITHER, Basis.JUDGE  # the attack failed; whether by refusing is not recorded

    def _hit(self, probe: str, detector: str, score: Any) -> bool | None:
        number = _number(score)
        if number is None:
            return None
        low, high = self.bounds.get((probe, detector), (0.0, 1.0))
        if number <= low:
            return False
        if number >= high:
            return True
        self.between += 1
        return None

    @property
    def model(self) -> str:
        """The generator, as the set-up names it; older reports say `model_` for `target_`."""
        kind = self.setup.get("plugins.target_type") or self.setup.get("plugins.model_type") or ""
        name = self.setup.get("plugins.target_name") or self.setup.get("plugins.model_name") or ""
        return " ".join(as_text(part) for part in (kind, name) if part)

    @property
    def run_key(self) -> str:
        """The run's id, or a stand-in."""
        return as_text(self.init.get("run")) or "run"

    @property
    def version(self) -> str:
        """Of garak."""
        return as_text(self.init.get("garak_version") or self.setup.get("_config.version"))

    @property
    def planned(self) -> int:
        """Outputs that are there, were generated and never judged, or never came."""
        return self.outputs + sum(self._pending()) + self.silent * self.generations

    def _pending(self) -> Iterator[int]:
        return (count for count in self.states.values() if count > 0)

    def closing(self) -> Iterator[Item]:
        """The run, the anomalies and the facts."""
        started, known = parse_time(self.init.get("orig_start_time") or self.init.get("start_time"))
        ended, _ = parse_time(self.end.get("end_time"))
        native = as_text(self.init.get("run"))
        planned = self.planned
        yield Run(
            run_key=self.run_key,
            native_id=native or None,
            suite=", ".join(sorted({probe for probe, _ in self.spreads})),
            model=self.model,
            model_origin="plugins.target_type, plugins.target_name" if self.model else "",
            started_at=started,
            ended_at=ended,
            tz_known=known,
            planned=planned,
            native_status="completed" if self.end else "aggregate" if self.is_aggregate else None,
            native_aggregates=self._aggregates(),
        )
        yield from self.fields.anomalies()
        yield from self._doubts()
        if started is not None and not known:
            yield Anomaly("time-zone-unknown", "times are written without a zone; read as UTC")
        yield Facts(
            tool="garak",
            tool_version=self.version,
            planned=planned,
            suites=self.fields.suites,
            completeness={
                "run": Presence.PRESENT if native else Presence.ABSENT,
                "time": Presence.PRESENT if started else Presence.ABSENT,
                "model": Presence.PRESENT if self.model else Presence.ABSENT,
                "version": Presence.PRESENT if self.version else Presence.ABSENT,
                "denominator": Presence.ABSENT if self.is_aggregate else Presence.DERIVED,
                "threshold": Presence.DERIVED if self.evals else Presence.ABSENT,
            },
        )

    def _aggregates(self) -> dict[str, float]:
        """The file's own counts, and how good it says its detectors are."""
        out: dict[str, float] = {}
        for (probe, detector), (passed, total, nones) in self.evals.items():
            place = f"{probe}/{detector}"
            out |= {f"{place}.passed": float(passed), f"{place}.total_evaluated": float(total)}
            if nones is not None:
                out[f"{place}.nones"] = float(nones)
        for (probe, detector), (score, _, _) in self.digest.items():
            if score is not None:
                out[f"{probe}/{detector}.absolute_score"] = score
        for detector, numbers in self.quality.items():
            out |= {f"detector {detector}.{name}": number for name, number in numbers.items()}
        return dict(sorted(out.items()))

    def _doubts(self) -> Iterator[Anomaly]:
        yield from self.lines.anomalies()
        if self.spreads:
            ranges = sorted({f"({low:g}, {high:g}]" for low, high in self.bounds.values()})
            message = "the pass mark is not recorded; the counts put it in " + ", ".join(ranges[:5])
            if "run.eval_threshold" in self.setup:
                message += "; the set-up line has a `run.eval_threshold`, which garak does not write there"
            yield Anomaly("threshold-unrecorded", message, len(self.bounds))
        if self.between:
            message = "scores between the bounds of the pass mark, left unscored"
            yield Anomaly("score-undecided", message, self.between)
        if self.unjudged:
            message = "outputs on which the deciding detector gave no verdict"
            yield Anomaly("outcome-undecided", message, self.unjudged)
        if self.guessed_detector:
            names = ", ".join(sorted(self.guessed_detector)[:5])
            message = f"no primary detector named for {names}: any hit counts as a success"
            yield Anomaly("detector-unnamed", message, len(self.guessed_detector))
        if self.mismatches:
            message = "the file's own counts contradict its rows: " + "; ".join(self.mismatches[:3])
            yield Anomaly("aggregate-mismatch", message, len(self.mismatches))
        pending = sum(1 for _ in self._pending())
        if pending:
            message = "attempts that were sent but never evaluated"
            yield Anomaly("attempts-unevaluated", message, pending)
        if self.silent:
            message = "evaluated attempts without any output"
            yield Anomaly("attempts-unevaluated", message, self.silent)
        if self.is_aggregate:
            count = max(1, len(as_list(self.setup.get("aggregation"))))
            message = f"{count} reports in one: attempts that were never evaluated were left out, uncounted"
            yield Anomaly("attempts-unevaluated", message)
        elif not self.end:
            yield Anomaly("unfinished-run", "the report has no completion entry: it was interrupted")
        if not self.outputs:
            yield Anomaly("no-samples", "no evaluated attempt is in the file", blocks=True)
        elif self.errors == self.outputs:
            message = f"every one of {self.outputs} outputs is missing"
            yield Anomaly("all-samples-failed", message, self.outputs, blocks=True)


def _score(name: str, value: Any) -> Score:
    number = _number(value)
    return Score(
        scorer=name,
        metric=name,
        raw="null" if value is None else as_text(value),
        value=number,
        state="unscored" if number is None else "scored",
    )


def _number(value: Any) -> float | None:
    """A detector's score; true and false are none."""
    return None if isinstance(value, bool) else as_number(value)


def _prompt(prompt: Any) -> str | None:
    """The last turn's text; older reports hold the text itself."""
    if isinstance(prompt, str):
        return prompt
    turns = as_dict(prompt).get("turns")
    if isinstance(turns, list) and turns:
        text = as_dict(as_dict(turns[-1]).get("content")).get("text")
        return text if isinstance(text, str) else None
    return None


def _prompt_key(probe: str, prompt: str | None) -> str:
    return sha256_bytes(f"{probe}\n{prompt}".encode("utf-8", "surrogatepass"))[:20]
