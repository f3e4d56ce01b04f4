"""Inspect AI logs: `.eval` archives (deflate and zstd members) and `.json`, sample by sample.

Read directly, without the official package. What the log says of itself (`status: success`, aggregate
scores, its list of samples) is kept beside what its samples say, and never stands in for it: a run can
end in "success" although every sample failed. `inspect_archive` finds the bytes, `inspect_sample` reads
one sample, `inspect_totals` compares the log's figures with its samples.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.model import Anomaly, Basis, Observation, Outcome, Presence, Run
from auditgen.sources.fields import FieldReader, Mapped, parse_time
from auditgen.sources.inspect_archive import (
    FAULTS,
    ZIP_DEFLATED,
    ZIP_STORED,
    ZIP_ZSTD,
    json_parts,
    open_archive,
    sample_members,
    whole_sample,
)
from auditgen.sources.inspect_header import (
    TARGET_ROLE,
    aggregates,
    asked_part,
    is_same_model,
    model_under_test,
    planned,
    run_key,
)
from auditgen.sources.inspect_sample import (
    Grading,
    Texts,
    record_of,
    run_view,
    scores_of,
    text_of,
    with_judges,
)
from auditgen.sources.inspect_totals import Listing, Totals
from auditgen.sources.interface import Context, Facts, Item, Probe, Recognition
from auditgen.sources.jsontext import (
    FiniteStream,
    as_count,
    as_dict,
    as_list,
    as_text,
    is_irregular_file,
    loads,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from auditgen.sources.inspect_archive import Archive

MAX_EPOCHS = 2**31
MAX_MODELS, SHOWN = 50, 5
_JOURNAL = re.compile(r"_journal/summaries/(?P<number>[0-9]{1,9})\.json")


class InspectSource:
    """Inspect AI 0.3.43 and later."""

    name: ClassVar[str] = "inspect-ai"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the archive's member names, or by the keys of the outermost JSON object."""
        if probe.zip_names & {"header.json", "_journal/start.json"}:
            return Recognition(f"inspect.eval/{_compression(probe)}", "zip with Inspect's log members")
        if {"version", "status", "eval"} <= probe.top_keys and probe.head.lstrip()[:1] == b"{":
            return Recognition("inspect.json", "JSON with version, status and eval at the top")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """All samples of a log, whole or unfinished."""
        log = _Log(context)
        with path.open("rb") as stream:
            is_archive = stream.read(4) == b"PK\x03\x04"
            stream.seek(0)
            yield from (_read_archive if is_archive else _read_json)(path, stream, log)
        yield from log.closing()


def _compression(probe: Probe) -> str:
    method = int.from_bytes(probe.head[8:10], "little")
    names = {ZIP_STORED: "stored", ZIP_DEFLATED: "deflate", ZIP_ZSTD: "zstd"}
    return names.get(method, f"method-{method}")


class _Log:
    """What is known of a log while its samples stream by."""

    def __init__(self, context: Context) -> None:
        self.fields = FieldReader(context, InspectSource.name)
        self.header: dict[str, Any] = {}
        self.seen: Counter[str] = Counter()
        """How many samples had something an auditor asks about."""
        self.answered_by: Counter[str] = Counter()
        self.graders_missing: Counter[str] = Counter()
        self.unreadable: list[str] = []
        self.listing = Listing()
        self.totals = Totals()
        self.reductions_differ = 0
        self.nonfinite = 0
        self.is_cut = False
        self.begin()

    def begin(self) -> None:
        """Take note of the header, once it is known and before the first sample."""
        self.model, self.model_origin = model_under_test(self.spec)
        self.suite = text_of(self.spec.get("task")) or ""
        self.suite_version = text_of(self.spec.get("task_version"))
        self.run_key = run_key(self.spec)
        self.view = run_view(self.header, self.spec)
        self.grading = Grading.of(self.spec, self.results)
        stats = as_dict(self.header.get("stats"))
        self.run_time, _ = parse_time(stats.get("completed_at") or self.spec.get("created"))

    @property
    def spec(self) -> dict[str, Any]:
        return as_dict(self.header.get("eval"))

    @property
    def results(self) -> dict[str, Any]:
        return as_dict(self.header.get("results"))

    @property
    def samples(self) -> int:
        return self.totals.samples

    def run(self) -> Run:
        """The run as the header tells it."""
        spec, stats = self.spec, as_dict(self.header.get("stats"))
        started, known = parse_time(stats.get("started_at") or spec.get("created"))
        ended, _ = parse_time(stats.get("completed_at"))
        return Run(
            run_key=self.run_key,
            native_id=text_of(spec.get("eval_id") or spec.get("run_id")),
            suite=self.suite,
            suite_version=self.suite_version,
            model=self.model,
            model_origin=self.model_origin,
            started_at=started,
            ended_at=ended,
            tz_known=known,
            planned=planned(spec),
            native_status=text_of(self.header.get("status")),
            native_aggregates=aggregates(self.results),
        )

    def observation(self, sample: dict[str, Any], locator: str) -> Observation:
        """One sample of one epoch."""
        self.totals.note(sample)
        self.listing.meet(sample)
        scored = scores_of(sample, self.grading)
        texts = Texts(sample)
        prompt = texts.prompt(sample, is_conversation=self.model_origin == TARGET_ROLE)
        response = texts.response(sample)
        mapped = self.fields.read(
            record_of(sample, scored.values, self.view),
            suite=self.suite,
            version=self.suite_version or "",
            response=response,
            scores=scored.scores,
        )
        scores = with_judges(mapped.scores, self.grading)
        self.graders_missing.update({score.scorer for score in scores if score.judge == "model"})
        self._note(sample)
        self.seen["edited"] += scored.is_edited
        self.seen["judge-failed"] += scored.is_judge_failed
        self.seen["text-missing"] += bool(texts.missing)
        outcome, basis = self._outcome(sample, mapped)
        sample_id = as_text(sample.get("id")) or "None"
        error = as_dict(sample.get("error")).get("message")
        observed, known = parse_time(sample.get("completed_at") or sample.get("started_at"))
        self.seen["zone-unknown"] += not known
        epoch = as_count(sample.get("epoch"))
        return Observation(
            run_key=self.run_key,
            sample_id=sample_id,
            prompt_key=mapped.prompt_key or sample_id,
            epoch=epoch if epoch is not None and epoch < MAX_EPOCHS else 1,
            outcome=outcome,
            basis=basis,
            locator=locator,
            suite=self.suite,
            model=mapped.model or self.model,
            expected=mapped.expected,
            watch=mapped.watch,
            watch_basis=mapped.watch_basis,
            cohort=mapped.cohort,
            category=mapped.category,
            strategy=mapped.strategy,
            language=mapped.language,
            labels=mapped.labels,
            prompt=prompt,
            prompt_state="absent" if prompt is None else "full",
            response=response,
            error_text=None if error is None else as_text(error),
            observed_at=observed or self.run_time,
            scores=scores,
        )

    def _note(self, sample: dict[str, Any]) -> None:
        self.seen["invalidated"] += bool(sample.get("invalidation"))
        self.seen["limited"] += bool(sample.get("limit"))
        retries = as_list(sample.get("error_retries"))
        self.seen["retried"] += bool(retries)
        self.seen["retries"] += len(retries)
        self.seen["fallbacks"] += bool(sample.get("model_fallbacks"))
        output = as_dict(sample.get("output"))
        model = output.get("model")
        if output.get("choices") and isinstance(model, str) and model:
            is_kept = model in self.answered_by or len(self.answered_by) < MAX_MODELS
            self.answered_by[model if is_kept else "(others)"] += 1

    def _outcome(self, sample: dict[str, Any], mapped: Mapped) -> tuple[Outcome, Basis]:
        if sample.get("error"):
            return Outcome.PROVIDER_ERROR, Basis.NATIVE_FIELD
        if sample.get("invalidation"):
            return Outcome.UNSCORED, Basis.NONE
        choices = as_list(as_dict(sample.get("output")).get("choices"))
        if choices and as_dict(choices[0]).get("stop_reason") == "content_filter":
            return Outcome.BLOCKED_OUTPUT, Basis.FINISH_REASON
        self.seen["undecided"] += mapped.outcome is None
        return mapped.outcome or (Outcome.UNSCORED, Basis.NONE)

    def reduced(self, scorer: Any, reducer: Any, item: Any) -> None:
        """Compare one of the log's reduced scores with its samples."""
        self.reductions_differ += not self.totals.reduced(as_text(scorer), reducer, as_dict(item))

    def closing(self) -> Iterator[Item]:
        """The run, the anomalies and the facts, once every sample was seen."""
        run = self.run()
        yield run
        yield from self.fields.anomalies()
        yield from self._of_samples()
        yield from self._of_models()
        yield from self._of_run(run)
        yield from self._of_totals()
        intended = run.planned
        if self.unreadable:  # what is there and cannot be read was planned, whatever the header says
            intended = max(intended or 0, self.samples + len(self.unreadable))
        packages = as_dict(self.spec.get("packages"))
        yield Facts(
            tool="Inspect AI",
            tool_version=text_of(packages.get("inspect_ai")) or "",
            planned=intended,
            suites=self.fields.suites,
            completeness={
                "run": Presence.PRESENT if run.native_id else Presence.ABSENT,
                "time": Presence.PRESENT if run.started_at else Presence.ABSENT,
                "model": Presence.PRESENT if run.model else Presence.ABSENT,
                "version": Presence.PRESENT if packages.get("inspect_ai") else Presence.ABSENT,
                "denominator": Presence.PRESENT if intended is not None else Presence.ABSENT,
                "threshold": Presence.ABSENT,
            },
        )

    def _of_samples(self) -> Iterator[Anomaly]:
        seen = self.seen
        if seen["undecided"]:
            message = "samples whose scores no declared rule reads as an outcome"
            yield Anomaly("outcome-undecided", message, seen["undecided"])
        if self.nonfinite:
            yield Anomaly("nonfinite-json", "numbers written as NaN or Infinity", self.nonfinite)
        if self.unreadable:
            shown = "; ".join(self.unreadable[:3])
            yield Anomaly("samples-unreadable", f"samples not readable: {shown}", len(self.unreadable))
        if seen["judge-failed"]:
            message = "samples whose grader gave no usable score; such a score is none, whatever stands there"
            yield Anomaly("judge-failed", message, seen["judge-failed"])
        if seen["edited"]:
            yield Anomaly("score-edited", "samples whose scores were edited afterwards", seen["edited"])
        if seen["invalidated"] or self.header.get("invalidated"):
            yield Anomaly("run-invalidated", "samples marked invalid", max(1, seen["invalidated"]))
        if seen["limited"]:
            yield Anomaly("limit-reached", "samples cut off by a limit", seen["limited"])
        if seen["retried"]:
            message = f"samples that failed and were asked again, {seen['retries']:,} times in all"
            yield Anomaly("sample-retried", message, seen["retried"])
        if seen["text-missing"]:
            message = "samples that refer to a text which the log does not hold"
            yield Anomaly("attachment-missing", message, seen["text-missing"])

    def _of_models(self) -> Iterator[Anomaly]:
        others = [name for name in self.answered_by if self.model and not is_same_model(self.model, name)]
        if len(self.answered_by) > 1 or others or self.seen["fallbacks"]:
            found = self.answered_by.most_common()
            names = ", ".join(f"`{name[:80]}` ({count:,})" for name, count in found[:SHOWN])
            more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            fell = f"; {self.seen['fallbacks']:,} fell back to another" if self.seen["fallbacks"] else ""
            message = f"the run names `{self.model}`, the answers came from {names or 'nobody'}{more}{fell}"
            yield Anomaly("mixed-models", message, self.answered_by.total() or self.seen["fallbacks"])
        if self.graders_missing:
            names = ", ".join(f"`{name[:80]}`" for name in sorted(self.graders_missing)[:SHOWN])
            message = f"a model graded {names}, and the log does not say which"
            yield Anomaly("grader-missing", message, max(self.graders_missing.values()))

    def _of_run(self, run: Run) -> Iterator[Anomaly]:
        status = run.native_status or "absent"
        errored = self.totals.errors
        if self.samples and errored == self.samples:
            message = (
                f"every one of {errored} samples failed, although the run's status is "
                f"`{run.native_status or 'unknown'}`"
            )
            yield Anomaly("all-samples-failed", message, errored, blocks=True)
        elif not self.samples:
            yield Anomaly("no-samples", "the log holds no samples", blocks=True)
        if run.native_status != "success":
            yield Anomaly("unfinished-run", f"the run did not finish: status `{status}`")
        if not run.tz_known or self.seen["zone-unknown"]:
            count = max(1, self.seen["zone-unknown"])
            yield Anomaly("time-zone-unknown", "times without a zone, read as UTC", count)
        part = asked_part(self.spec)
        if part:
            yield Anomaly("limit-used", part)
        absent = self.listing.absent
        if run.planned is not None and run.planned != self.samples:
            named = f"; its own list names {absent}" if absent.count else ""
            message = f"{run.planned} samples were planned, {self.samples} are in the file{named}"
            yield Anomaly("samples-missing", message, max(abs(run.planned - self.samples), absent.count))
        elif absent.count > len(self.unreadable):
            message = f"the log's own list names samples that are not in it: {absent}"
            yield Anomaly("samples-missing", message, absent.count)

    def _of_totals(self) -> Iterator[Anomaly]:
        """The log's own figures against its samples; those of a log read in part prove nothing."""
        if self.listing.differing.count:
            message = f"the log's own list gives other scores than the samples: {self.listing.differing}"
            yield Anomaly("aggregate-mismatch", message, self.listing.differing.count)
        if self.listing.unlisted.count and self.header.get("status") == "success":
            message = f"samples that the log's own list does not name: {self.listing.unlisted}"
            yield Anomaly("aggregate-mismatch", message, self.listing.unlisted.count)
        if self.unreadable or self.is_cut:
            return
        config = as_dict(self.spec.get("config"))
        epochs = as_count(config.get("epochs") or 1)
        found = list(self.totals.contradictions(self.results, epochs=epochs))
        if found:
            more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            yield Anomaly("aggregate-mismatch", "; ".join(found[:SHOWN]) + more, len(found))
        if self.reductions_differ:
            message = "reduced scores that are not the mean of their samples"
            yield Anomaly("aggregate-mismatch", message, self.reductions_differ)


def _read_archive(path: Path, stream: BinaryIO, log: _Log) -> Iterator[Item]:
    try:
        archive = open_archive(path, stream)
    except FAULTS as error:
        message = f"the archive cannot be opened: {str(error)[:120]}"
        yield Anomaly("truncated", message, blocks=True)
        return
    if archive.superseded:
        message = "members of the archive share a name; the last one counts, as in Inspect"
        yield Anomaly("duplicate-members", message, archive.superseded)
    for name in ("header.json", "_journal/start.json"):
        if name in archive.members and not log.header:
            log.header = yield from _described(archive, name, log)
    if archive.is_recovered:
        message = "the end of the archive is missing; what lies before it was read"
        yield Anomaly("truncated", message, blocks=not any(sample_members(archive)))
    elif "header.json" not in archive.members:
        yield Anomaly("header-missing", "the archive has no header.json: the run never finished")
    log.begin()
    yield from _listed(archive, log)
    for info in sample_members(archive):
        try:
            sample, nonfinite = whole_sample(archive, info)
        except FAULTS as error:
            log.unreadable.append(f"{info.filename[:80]}: {str(error)[:120]}")
            continue
        log.nonfinite += nonfinite
        yield log.observation(sample, f"member:{info.filename}#crc32={info.CRC:08x}")
    if "reductions.json" in archive.members:
        try:
            for entry in archive.items("reductions.json"):
                reduction = as_dict(entry)
                for item in as_list(reduction.get("samples")):
                    log.reduced(reduction.get("scorer"), reduction.get("reducer"), item)
        except FAULTS as error:
            yield Anomaly("truncated", f"the list of reduced scores is damaged: {str(error)[:120]}")


def _described(archive: Archive, name: str, log: _Log) -> Generator[Item, None, dict[str, Any]]:
    """The run's description in a member; empty, with an anomaly, where it is damaged."""
    try:
        value, nonfinite = loads(archive.read(name))
        if not isinstance(value, dict):
            message = "not a JSON object"
            raise ValueError(message)
    except FAULTS as error:
        fault = f"{name}: {str(error)[:120]}"
        yield Anomaly("truncated", f"the run's description is damaged: {fault}")
        return {}
    log.nonfinite += nonfinite
    return value


def _listed(archive: Archive, log: _Log) -> Iterator[Item]:
    """The log's own list of samples: whole at the end of a run, else as the journal left it."""
    names = [name for name in archive.members if name == "summaries.json"]
    if not names:
        found = (_JOURNAL.fullmatch(name) for name in archive.members)
        names = [m.string for m in sorted((m for m in found if m), key=lambda m: int(m["number"]))]
    for name in names:
        try:
            for summary in archive.items(name):
                log.listing.expect(summary)
        except FAULTS as error:
            yield Anomaly("truncated", f"the list of samples is damaged: {name}: {str(error)[:120]}")


def _read_json(path: Path, stream: BinaryIO, log: _Log) -> Iterator[Item]:
    """One pass: the header stands before the samples in every version seen."""
    finite = FiniteStream(stream) if is_irregular_file(path) else None
    index = 0
    try:
        for place, value in json_parts(finite or stream):
            if place == "samples":
                if not index:
                    log.begin()
                if value is None:
                    log.unreadable.append(f"/samples/{index}: not a JSON object")
                else:
                    yield log.observation(value, f"pointer:/samples/{index}")
                index += 1
            elif place == "reductions":
                log.reduced(*value)
            elif place == "tags":
                log.header.setdefault("tags", []).append(value)
            else:
                log.header[place] = value
    except FAULTS as error:
        log.is_cut = True
        yield Anomaly("truncated", f"the file breaks off or is damaged: {str(error)[:120]}")
    log.nonfinite += finite.count if finite is not None else 0
