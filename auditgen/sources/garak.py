"""garak `report.jsonl`: attempts counted once, detectors read in their own direction.

Each attempt is written twice (status 1 before, status 2 after detection); only the second counts. A
detector score of 1 means the attack succeeded. The pass mark is not recorded anywhere, so it is
bounded from the file's own pass counts, and a score between the bounds stays unscored.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.canonical import sha256_bytes
from auditgen.evidence.model import (
    Anomaly,
    Basis,
    Expected,
    Observation,
    Outcome,
    Presence,
    Run,
    Score,
)
from auditgen.sources.fields import FieldReader, Mapped, parse_time
from auditgen.sources.interface import Context, Facts, Item, Probe, Recognition
from auditgen.sources.jsontext import as_count, as_dict, as_list, as_number, as_text, loads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


EVALUATED = 2
MAX_LINE_BYTES = 256 * 1024 * 1024


class GarakSource:
    """garak 0.13 and later."""

    name: ClassVar[str] = "garak"
    version: ClassVar[str] = "1"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the first line's entry type."""
        line = probe.first_line
        if isinstance(line, dict) and line.get("entry_type") == "start_run setup":
            return Recognition("garak.report", "first line is garak's run set-up")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Two passes: the first learns the pass marks, the second yields the attempts."""
        report = _Report(context)
        for _, _, entry in _lines(path, report):
            report.learn(entry)
        report.bound_thresholds()
        for number, offset, entry in _lines(path, None):
            if entry.get("entry_type") == "attempt" and entry.get("status") == EVALUATED:
                yield from report.observations(entry, f"line:{number}@{offset}")
        yield from report.closing()


def _lines(path: Path, report: _Report | None) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Line number, byte offset and value of every line that is a JSON object."""
    offset = 0
    with path.open("rb") as stream:
        number = 0
        while line := stream.readline(MAX_LINE_BYTES):
            number += 1
            here, offset = offset, offset + len(line)
            if not line.strip():
                continue
            try:
                value, nonfinite = loads(line)
            except ValueError:
                value, nonfinite = None, 0
            if report is not None:
                report.nonfinite += nonfinite
                if not isinstance(value, dict):
                    report.bad_lines.append(number)
            if isinstance(value, dict):
                yield number, here, value


class _Report:
    """What is known of a report from its first pass."""

    def __init__(self, context: Context) -> None:
        self.fields = FieldReader(context, GarakSource.name)
        self.setup: dict[str, Any] = {}
        self.init: dict[str, Any] = {}
        self.end: dict[str, Any] = {}
        self.primary: dict[str, str] = {}
        self.pending: dict[str, int] = {}
        self.evaluated: set[str] = set()
        self.silent = 0
        self.evals: dict[tuple[str, str], tuple[int, int]] = {}
        self.values: dict[tuple[str, str], Counter[float]] = defaultdict(Counter)
        self.bounds: dict[tuple[str, str], tuple[float, float]] = {}
        self.mismatches: list[str] = []
        self.bad_lines: list[int] = []
        self.nonfinite = 0
        self.outputs = 0
        self.errors = 0
        self.guessed_detector: set[str] = set()
        self.between = 0

    def learn(self, entry: dict[str, Any]) -> None:
        """Take in one line of the first pass."""
        kind = entry.get("entry_type")
        if kind == "start_run setup":
            self.setup = entry
        elif kind == "init":
            self.init = entry
        elif kind == "completion":
            self.end = entry
        elif kind == "plugin_cache":
            for name, about in as_dict(as_dict(entry.get("plugin_cache")).get("probes")).items():
                detector = as_dict(about).get("primary_detector")
                if isinstance(detector, str):
                    self.primary[str(name).removeprefix("probes.")] = detector
        elif kind == "attempt":
            uuid = as_text(entry.get("uuid"))
            if entry.get("status") == EVALUATED:
                self.evaluated.add(uuid)
                self.pending.pop(uuid, None)
                probe = as_text(entry.get("probe_classname"))
                for detector, results in as_dict(entry.get("detector_results")).items():
                    for value in as_list(results):
                        number = _number(value)
                        if number is not None:
                            self.values[probe, str(detector)][number] += 1
            elif uuid not in self.evaluated:
                self.pending[uuid] = max(len(as_list(entry.get("outputs"))), self.generations)
        elif kind == "eval":
            passed = as_count(entry.get("passed"))
            total = as_count(entry.get("total_evaluated", entry.get("total")))
            if passed is not None and total is not None:
                key = (as_text(entry.get("probe")), as_text(entry.get("detector")))
                self.evals[key] = (passed, total)

    @property
    def generations(self) -> int:
        """How many outputs each prompt was to get."""
        return as_count(self.setup.get("run.generations")) or 1

    def bound_thresholds(self) -> None:
        """The pass mark of each detector lies in (low, high]: from raw scores and pass counts."""
        for key, counter in self.values.items():
            scores = sorted(counter)
            low, high = 0.0, 1.0
            if key in self.evals:
                passed, total = self.evals[key]
                below = 0
                for score in scores:
                    if below == passed and score > low:
                        high = min(high, score)
                        break
                    below += counter[score]
                    low = score
                if total != counter.total():
                    self.mismatches.append(f"{key[0]}/{key[1]}: {total} against {counter.total()} scores")
                    low, high = 0.0, 1.0  # counts of other rows say nothing about the pass mark of these
                elif below != passed or low >= 1.0:
                    self.mismatches.append(f"{key[0]}/{key[1]}: {passed} passes fit no pass mark")
                    low, high = 0.0, 1.0
            self.bounds[key] = (low, max(low, high))

    def observations(self, entry: dict[str, Any], locator: str) -> Iterator[Observation]:
        """Every output of one evaluated attempt."""
        probe = as_text(entry.get("probe_classname"))
        results = as_dict(entry.get("detector_results"))
        detectors = self._deciding(probe, results)
        prompt = _prompt(entry.get("prompt"))
        record = {**entry, "probe": probe}
        outputs = as_list(entry.get("outputs"))
        self.silent += not outputs
        at, _ = parse_time(self.init.get("start_time"))
        for index, output in enumerate(outputs):
            self.outputs += 1
            text = output if isinstance(output, str) else as_dict(output).get("text")
            scores = {
                str(name): (values[index] if isinstance(values, list) and index < len(values) else None)
                for name, values in results.items()
            }
            mapped = self.fields.read(
                record,
                suite=probe,
                response=text if isinstance(text, str) else None,
                scores=tuple(_score(name, value) for name, value in scores.items()),
            )
            outcome, basis = self._outcome(probe, text, {d: scores.get(d) for d in detectors}, mapped)
            yield Observation(
                run_key=as_text(self.init.get("run")) or "run",
                sample_id=as_text(entry.get("uuid")) or locator,
                prompt_key=mapped.prompt_key or _prompt_key(probe, prompt),
                epoch=index + 1,
                outcome=outcome,
                basis=basis,
                locator=f"{locator}/outputs/{index}",
                suite=probe,
                model=mapped.model or self.model,
                expected=mapped.expected or Expected.REFUSE,
                watch=mapped.watch,
                watch_basis=mapped.watch_basis,
                cohort=mapped.cohort,
                category=mapped.category or probe.split(".", maxsplit=1)[0],
                strategy=mapped.strategy or probe,
                language=mapped.language,
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
        kind = self.setup.get("plugins.target_type") or self.setup.get("plugins.model_type") or ""
        name = self.setup.get("plugins.target_name") or self.setup.get("plugins.model_name") or ""
        return " ".join(as_text(part) for part in (kind, name) if part)

    @property
    def planned(self) -> int:
        """Outputs that are there, were generated and never judged, or never came."""
        return self.outputs + sum(self.pending.values()) + self.silent * self.generations

    def closing(self) -> Iterator[Item]:
        """The run, the anomalies and the facts."""
        started, known = parse_time(self.init.get("start_time"))
        ended, _ = parse_time(self.end.get("end_time"))
        native = as_text(self.init.get("run"))
        yield Run(
            run_key=native or "run",
            native_id=native or None,
            suite=", ".join(sorted({probe for probe, _ in self.values})),
            model=self.model,
            model_origin="plugins.target_type, plugins.target_name" if self.model else "",
            started_at=started,
            ended_at=ended,
            tz_known=known,
            planned=self.planned,
            native_status="completed" if self.end else None,
        )
        yield from self.fields.anomalies()
        yield from self._doubts()
        if started is not None and not known:
            yield Anomaly("time-zone-unknown", "times are written without a zone; read as UTC")
        version = as_text(self.init.get("garak_version") or self.setup.get("_config.version"))
        yield Facts(
            tool="garak",
            tool_version=version,
            planned=self.planned,
            suites=self.fields.suites,
            completeness={
                "run": Presence.PRESENT if native else Presence.ABSENT,
                "time": Presence.PRESENT if started else Presence.ABSENT,
                "model": Presence.PRESENT if self.model else Presence.ABSENT,
                "version": Presence.PRESENT if version else Presence.ABSENT,
                "denominator": Presence.DERIVED,
                "threshold": Presence.DERIVED if self.evals else Presence.ABSENT,
            },
        )

    def _doubts(self) -> Iterator[Anomaly]:
        if self.bad_lines:
            shown = ", ".join(str(n) for n in self.bad_lines[:5])
            yield Anomaly("lines-unreadable", f"lines that are not JSON: {shown}", len(self.bad_lines))
        if self.nonfinite:
            yield Anomaly("nonfinite-json", "numbers written as NaN or Infinity", self.nonfinite)
        if self.values:
            ranges = sorted({f"({low:g}, {high:g}]" for low, high in self.bounds.values()})
            message = "the pass mark is not recorded; the counts put it in " + ", ".join(ranges)
            yield Anomaly("threshold-unrecorded", message, len(self.bounds))
        if self.between:
            message = "scores between the bounds of the pass mark, left unscored"
            yield Anomaly("score-undecided", message, self.between)
        if self.guessed_detector:
            names = ", ".join(sorted(self.guessed_detector)[:5])
            message = f"no primary detector named for {names}: any hit counts as a success"
            yield Anomaly("detector-unnamed", message, len(self.guessed_detector))
        if self.mismatches:
            message = "the file's own counts contradict its rows: " + "; ".join(self.mismatches[:3])
            yield Anomaly("aggregate-mismatch", message, len(self.mismatches))
        if self.pending:
            message = "attempts that were sent but never evaluated"
            yield Anomaly("attempts-unevaluated", message, len(self.pending))
        if self.silent:
            message = "evaluated attempts without any output"
            yield Anomaly("attempts-unevaluated", message, self.silent)
        if not self.end:
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

