"""MLCommons modelbench journals: every step of a run as a line, nearly always under zstd.

The steps of one item (test, prompt, system under test) stand apart, because a pipeline writes them; they
are gathered in a window of bounded size and become a record when the item is finished or failed; older
journals do not write that, and there an item ends with the window. Lines that carry an exception hold
local variables, of which nothing but the kind of error is kept.

A newer runner tests one system only and leaves it out of the items' lines; it then stands in the line
that starts the run. An item with any exception is left out of the tool's scores, also where one of
several annotators failed. An empty answer that was measured as unsafe is written as safe instead.

Field names are those of modelbench 1.0 (`modelbench/run_journal.py`, `modelbench/benchmark_runner.py`).
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, cast

from auditgen.evidence.model import Anomaly, Basis, Observation, Outcome, Presence, Run, Score
from auditgen.sources.fields import FieldReader, by_metric, parse_time
from auditgen.sources.interface import HEAD_BYTES, Context, Facts, Item, Probe, Recognition
from auditgen.sources.jsontext import as_count, as_dict, as_list, as_number, as_text, loads, raw_text
from auditgen.sources.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
MAX_WINDOW = 1 << 27
MAX_INFLATED_BYTES = 64 * 1024 * 1024 * 1024
MAX_WAITING, MAX_ANNOTATORS, MAX_TESTS = 5_000, 50, 10_000
FIRST = frozenset({"starting journal", "starting run"})
FETCHED = frozenset({"fetched sut response", "using cached sut response"})
MEASURED, OVERRODE = "measured item quality", "overrode item quality"
ENDS = frozenset({"item finished", "item failed"})
STARTS = frozenset({"starting run", "starting calibration run"})
GRADING = frozenset({"annotator exception", "annotation exception"})
"""Exceptions behind the answer; any other one means that there is none."""


class ModelbenchSource:
    """modelbench 1.0 journals, compressed or not."""

    name: ClassVar[str] = "modelbench"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the message of the first line."""
        line, packed = probe.first_line, ""
        if probe.head.startswith(ZSTD_MAGIC):
            line, packed = _first_packed_line(probe.head), "/zstd"
        if as_text(as_dict(line).get("message")) in FIRST and "timestamp" in line:
            return Recognition(f"modelbench.journal{packed}", "first line starts a journal")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Items as they are measured, then what the journal says of itself."""
        import zstandard

        journal, lines = _Journal(context), Lines()
        with contextlib.ExitStack() as stack:
            raw = stack.enter_context(path.open("rb"))
            is_packed = raw.read(4) == ZSTD_MAGIC
            raw.seek(0)
            stream: BinaryIO = raw
            if is_packed:
                inflater = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
                stream = cast("BinaryIO", _Buffered(inflater.stream_reader(raw, read_across_frames=True)))
            try:
                for number, offset, line in lines.of(stream):
                    yield from journal.take(line, f"line:{number}@{offset}")
                    if offset > MAX_INFLATED_BYTES:
                        message = f"it inflates beyond {MAX_INFLATED_BYTES} bytes; the rest is not read"
                        yield Anomaly("truncated", message, blocks=True)
                        break
            except (zstandard.ZstdError, OSError, EOFError) as error:
                yield Anomaly("truncated", f"the file breaks off or is damaged: {str(error)[:120]}")
        yield from journal.rest()
        yield from lines.anomalies()
        yield from journal.closing()


def _first_packed_line(head: bytes) -> Any:
    import zstandard

    try:
        reader = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).stream_reader(head)
        return loads(reader.read(HEAD_BYTES).partition(b"\n")[0])[0]
    except (zstandard.ZstdError, ValueError):
        return None


class _Buffered:
    """Lines out of a stream that only reads blocks. A line beyond the limit comes in pieces."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self._rest = b""

    def readline(self, limit: int) -> bytes:
        """Up to and with the next line feed, at most `limit` bytes."""
        parts: list[bytes] = []
        size, block = 0, self._rest
        while block:
            end = block.find(b"\n") + 1
            if end or size + len(block) >= limit:
                end = min(end or len(block), limit - size)
                self._rest = block[end:]
                return b"".join([*parts, block[:end]])
            parts.append(block)
            size += len(block)
            block = self._reader.read(HEAD_BYTES)
        if not parts:
            first = self._reader.read(HEAD_BYTES)
            if not first:
                return b""
            self._rest = first
            return self.readline(limit)
        self._rest = b""
        return b"".join(parts)


@dataclass(slots=True)
class _Unit:
    """The steps of one item so far."""

    locator: str
    prompt: str | None = None
    response: str | None = None
    annotations: dict[str, Any] = field(default_factory=dict)
    measurements: dict[str, Any] | None = None
    error: str = ""
    grading_error: str = ""
    has_failed: bool = False
    is_overridden: bool = False
    at: datetime | None = None


class _Journal:
    """What is known of a journal while its lines stream by."""

    def __init__(self, context: Context) -> None:
        self.fields = FieldReader(context, ModelbenchSource.name)
        self.run: dict[str, Any] = {}
        self.finished = False
        self.waiting: OrderedDict[tuple[str, str, str], _Unit] = OrderedDict()
        self.hazards: dict[str, str] = {}
        self.planned = 0
        self.count = 0
        self.errors = 0
        self.undecided = 0
        self.cached = 0
        self.unmeasured = 0
        self.judge_failed = 0
        self.overridden = 0
        self.ended: dict[str, int] = {}
        self.said_finished: dict[str, int] = {}
        self.suts: dict[str, None] = {}
        self.tests: dict[str, None] = {}
        self.native: dict[str, float] = {}
        self.first: datetime | None = None
        self.last: datetime | None = None

    def take(self, line: dict[str, Any], locator: str) -> Iterator[Observation]:
        """One line; yields the item it completes, or the one that had to make room."""
        message = as_text(line.get("message"))
        at, _ = parse_time(line.get("timestamp"))
        if at is not None:
            self.first = at if self.first is None else min(self.first, at)
            self.last = at if self.last is None else max(self.last, at)
        if message in STARTS:
            self.run = line
        elif message == "finished run":
            self.finished = True
        elif message == "hazard info":
            for test in as_list(line.get("tests")):
                self.hazards[as_text(test)] = as_text(line.get("hazard"))
        elif message == "using test items":
            self.planned += as_count(line.get("using")) or 0
        elif message.endswith(" scored"):
            self._note_total(message, line)
        test, prompt_id = as_text(line.get("test")), as_text(line.get("prompt_id"))
        if test and prompt_id:
            sut = as_text(line.get("sut")) or self.only_sut
            yield from self._step(message, line, (test, prompt_id, sut), locator, at)

    def _step(
        self,
        message: str,
        line: dict[str, Any],
        key: tuple[str, str, str],
        locator: str,
        at: datetime | None,
    ) -> Iterator[Observation]:
        unit = self.waiting.setdefault(key, _Unit(locator))
        unit.at = at or unit.at
        if isinstance(line.get("prompt_text"), str):
            unit.prompt = line["prompt_text"]
        if isinstance(line.get("response_text"), str):
            unit.response = line["response_text"]
        self.cached += message == "using cached sut response"
        if message == "translated annotation":
            name = as_text(line.get("annotator")) or f"annotator {len(unit.annotations)}"
            if len(unit.annotations) < MAX_ANNOTATORS:
                unit.annotations[name] = as_dict(line.get("annotation")).get("is_safe")
        exception = as_dict(line.get("exception"))
        if exception:
            kind = as_text(exception.get("class") or exception.get("type") or "an exception")[:80]
            if message in GRADING:
                unit.grading_error = kind
            else:
                unit.error = kind
        unit.is_overridden |= message == OVERRODE
        if message == MEASURED:
            unit.measurements = as_dict(line.get("measurements"))
        if message in ENDS:
            unit.has_failed = message == "item failed"
            if not unit.has_failed and (key[0] in self.ended or len(self.ended) < MAX_TESTS):
                self.ended[key[0]] = self.ended.get(key[0], 0) + 1
            yield self._observation(key, self.waiting.pop(key))
        elif len(self.waiting) > MAX_WAITING:
            yield self._observation(*self.waiting.popitem(last=False))

    def rest(self) -> Iterator[Observation]:
        """Items whose end is not in the journal."""
        while self.waiting:
            yield self._observation(*self.waiting.popitem(last=False))

    @property
    def only_sut(self) -> str:
        """The system under test, where the run has a single one."""
        suts = as_list(self.run.get("suts"))
        return as_text(as_dict(suts[0]).get("uid") or suts[0]) if len(suts) == 1 else ""

    def _observation(self, key: tuple[str, str, str], unit: _Unit) -> Observation:
        self.count += 1
        test, prompt_id, sut = key
        measurements = unit.measurements or {}
        for names, name in ((self.suts, sut), (self.tests, test)):
            if name and len(names) < 200:
                names.setdefault(name)
        scores = [_score(f"annotation.{name}.is_safe", safe) for name, safe in unit.annotations.items()]
        plain = {name: raw for name, raw in measurements.items() if not isinstance(raw, dict | list)}
        scores += [_score(name, raw) for name, raw in plain.items()]
        if unit.is_overridden:
            scores = [replace(s, state="edited") if s.metric == "is_safe" else s for s in scores]
        is_safe = measurements.get("is_safe")
        if is_safe is None and len(unit.annotations) == 1:
            is_safe = next(iter(unit.annotations.values()))
        hazard = self.hazards.get(test, "")
        mapped = self.fields.read(
            {
                "test": test,
                "prompt_id": prompt_id,
                "sut": sut,
                "hazard": hazard,
                "measurements": measurements,
                "scores": by_metric(scores),
            },
            suite=test,
            response=unit.response,
            scores=scores,
        )
        outcome = mapped.outcome or _outcome(is_safe)
        has_failed_judge = bool(unit.grading_error) and (unit.has_failed or unit.measurements is None)
        if unit.error and unit.response is None:
            self.errors += 1
            outcome = (Outcome.PROVIDER_ERROR, Basis.NATIVE_FIELD)
        elif has_failed_judge:
            self.judge_failed += 1
            outcome = (Outcome.JUDGE_ERROR, Basis.NATIVE_FIELD)
        elif unit.measurements is None:
            self.unmeasured += 1
        self.overridden += unit.is_overridden
        self.undecided += outcome[0] is Outcome.UNSCORED
        return mapped.observation(
            run_key=self.run_key,
            sample_id=f"{test}/{prompt_id}/{sut}",
            locator=unit.locator,
            outcome=outcome,
            prompt=unit.prompt,
            prompt_key=f"{test}/{prompt_id}",
            model=sut,
            category=hazard or None,
            suite=test,
            response=unit.response,
            error_text=unit.error or unit.grading_error or None,
            observed_at=unit.at,
        )

    def _note_total(self, message: str, line: dict[str, Any]) -> None:
        score = line.get("score")
        value = as_number(as_dict(score).get("estimate") if isinstance(score, dict) else score)
        names = [as_text(line.get(k)) for k in ("benchmark", "hazard", "test", "sut") if line.get(k)]
        grade = as_number(line.get("numeric_grade"))
        name = "/".join([message.removesuffix(" scored"), *names])
        for label, number in ((name, value), (f"{name}/numeric_grade", grade)):
            if number is not None and len(self.native) < 1000:
                self.native[label] = number
        finished = as_count(line.get("items_finished"))
        if message == "test scored" and finished is not None and len(self.said_finished) < MAX_TESTS:
            self.said_finished[as_text(line.get("test"))] = finished

    @property
    def run_key(self) -> str:
        return as_text(self.run.get("run_id")) or "run"

    def closing(self) -> Iterator[Item]:
        """The run, the anomalies and the facts."""
        suts = [as_text(as_dict(s).get("uid") or s) for s in as_list(self.run.get("suts"))] or list(self.suts)
        planned = self.planned * max(1, len(suts)) if self.planned else None
        run_id = as_text(self.run.get("run_id"))
        yield Run(
            run_key=self.run_key,
            native_id=run_id or None,
            suite=", ".join(list(self.tests)[:20]),
            model=", ".join(suts),
            model_origin="suts" if suts else "",
            started_at=self.first,
            ended_at=self.last,
            planned=planned,
            native_status="finished" if self.finished else None,
            native_aggregates=self.native,
        )
        yield from self.fields.anomalies()
        if not self.finished:
            yield Anomaly("unfinished-run", "the journal does not tell of the run's end: it was interrupted")
        limit = as_count(self.run.get("max_items"))
        if limit is not None:
            yield Anomaly("limit-used", f"the run was limited to {limit:,} items a test")
        if planned is not None and planned > self.count:
            message = f"{planned:,} items were to be asked, {self.count:,} are in the journal"
            yield Anomaly("samples-missing", message, planned - self.count)
        if self.cached:
            yield Anomaly("cached-responses", "answers taken from a cache of an earlier run", self.cached)
        if self.judge_failed:
            message = "items over which an annotator failed; the tool leaves them out of its scores"
            yield Anomaly("judge-failed", message, self.judge_failed)
        if self.overridden:
            message = "empty answers that were measured as unsafe and written as safe by the tool's own rule"
            yield Anomaly("score-edited", message, self.overridden)
        yield from self._contradictions()
        if self.unmeasured:
            yield Anomaly("attempts-unevaluated", "items that were begun and never measured", self.unmeasured)
        if self.undecided:
            yield Anomaly("outcome-undecided", "items that no annotator decides", self.undecided)
        if not self.count:
            yield Anomaly("no-samples", "the journal holds no items", blocks=True)
        elif self.errors == self.count:
            message = f"every one of {self.count} items failed"
            yield Anomaly("all-samples-failed", message, self.count, blocks=True)
        yield Facts(
            tool="modelbench",
            planned=planned,
            suites=self.fields.suites,
            completeness={
                "run": Presence.PRESENT if run_id else Presence.ABSENT,
                "time": Presence.PRESENT if self.first else Presence.ABSENT,
                "model": Presence.PRESENT if suts else Presence.ABSENT,
                "version": Presence.ABSENT,
                "denominator": Presence.PRESENT if planned is not None else Presence.DERIVED,
                "threshold": Presence.ABSENT,
            },
        )


    def _contradictions(self) -> Iterator[Anomaly]:
        """Finished items as the tool counted them, and as the journal holds them."""
        wrong = [
            f"`{test[:80]}`: {said} counted, {self.ended.get(test, 0)} in the journal"
            for test, said in self.said_finished.items()
            if said != self.ended.get(test, 0) and (self.ended or not self.count)
        ]
        if wrong:
            message = "items that finished: " + "; ".join(wrong[:3])
            yield Anomaly("aggregate-mismatch", message, len(wrong))


def _outcome(is_safe: Any) -> tuple[Outcome, Basis]:
    """An unsafe answer gave what the hazard forbids; whether a safe one refused is not recorded."""
    safe = as_number(is_safe)
    if safe is None:
        return Outcome.UNSCORED, Basis.NONE
    return (Outcome.NEITHER if safe >= 1 else Outcome.COMPLIED), Basis.JUDGE


def _score(metric: str, raw: Any) -> Score:
    value = as_number(raw)
    return Score(
        scorer=metric,
        metric=metric,
        raw=raw_text(raw),
        value=value,
        state="unscored" if value is None else "scored",
        judge="model",
    )
