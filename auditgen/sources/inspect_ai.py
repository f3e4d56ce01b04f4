"""Inspect AI logs: `.eval` archives (deflate and zstd members) and `.json`, sample by sample.

Read directly, without the official package: the archive is a zip whose members are JSON. What the
log says of itself (`status: success`, aggregate scores) is kept beside what its samples say, and
never stands in for it: a run can end in "success" although every sample failed.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.model import (
    Anomaly,
    Basis,
    Observation,
    Outcome,
    Presence,
    Run,
    Score,
)
from auditgen.sources.fields import FieldReader, Mapped, parse_time
from auditgen.sources.interface import ZIP_FAULTS, Context, Facts, Item, Probe, Recognition
from auditgen.sources.jsontext import (
    FiniteStream,
    as_count,
    as_dict,
    as_list,
    as_number,
    as_text,
    build_object,
    is_irregular_file,
    loads,
    parse_events,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO


MAX_MEMBER_BYTES = 512 * 1024 * 1024
"""A member that inflates beyond this is a bomb, or nothing an auditor could read."""
ZIP_DEFLATED, ZIP_ZSTD = 8, 93
MAX_EPOCHS = 2**31
LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""Inspect's letter grades, as its own `value_to_float` reads them."""
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")


class InspectSource:
    """Inspect AI 0.3.43 and later."""

    name: ClassVar[str] = "inspect-ai"
    version: ClassVar[str] = "1"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the archive's member names, or by the keys of the outermost JSON object."""
        if probe.zip_names & {"header.json", "_journal/start.json"}:
            return Recognition(f"inspect.eval/{_compression(probe)}", "zip with Inspect's log members")
        if {"version", "status", "eval"} <= probe.top_keys and probe.head.lstrip()[:1] == b"{":
            return Recognition("inspect.json", "JSON with version, status and eval at the top")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """All samples of a log, whole or unfinished."""
        with path.open("rb") as stream:
            magic = stream.read(4)
        log = _Log(context)
        yield from _read_archive(path, log) if magic == b"PK\x03\x04" else _read_json(path, log)
        yield from log.closing()


def _compression(probe: Probe) -> str:
    method = int.from_bytes(probe.head[8:10], "little")
    return {0: "stored", ZIP_DEFLATED: "deflate", ZIP_ZSTD: "zstd"}.get(method, f"method-{method}")


class _Log:
    """What is known of a log while its samples stream by."""

    def __init__(self, context: Context) -> None:
        self.fields = FieldReader(context, InspectSource.name)
        self.header: dict[str, Any] = {}
        self.nonfinite = 0
        self.samples = 0
        self.errored = 0
        self.edited = 0
        self.invalidated = 0
        self.limited = 0
        self.undeclared = 0
        self.unreadable: list[str] = []

    @property
    def spec(self) -> dict[str, Any]:
        spec = self.header.get("eval")
        return spec if isinstance(spec, dict) else {}

    def run(self) -> Run:
        """The run as the header tells it."""
        spec, stats = self.spec, as_dict(self.header.get("stats"))
        model, origin = _model(spec)
        started, known = parse_time(stats.get("started_at") or spec.get("created"))
        ended, _ = parse_time(stats.get("completed_at"))
        return Run(
            run_key=self.run_key,
            native_id=_text(spec.get("eval_id") or spec.get("run_id")),
            suite=_text(spec.get("task")) or "",
            suite_version=_text(spec.get("task_version")),
            model=model,
            model_origin=origin,
            started_at=started,
            ended_at=ended,
            tz_known=known,
            planned=self.planned,
            native_status=_text(self.header.get("status")),
            native_aggregates=_aggregates(as_dict(self.header.get("results"))),
        )

    @property
    def run_key(self) -> str:
        names = (_text(self.spec.get(key)) for key in ("eval_id", "run_id", "task_id"))
        return next((name for name in names if name), "run")

    @property
    def planned(self) -> int | None:
        """Samples times epochs, as the header's configuration says."""
        dataset, config = as_dict(self.spec.get("dataset")), as_dict(self.spec.get("config"))
        samples = as_count(dataset.get("samples"))
        epochs = as_count(config.get("epochs") or 1)
        if samples is None or epochs is None:
            return None
        limit, wanted = config.get("limit"), config.get("sample_id")
        first = as_count(limit)
        if wanted is not None:  # the run was asked for these ids, which may be patterns
            patterns = [as_text(item) for item in (wanted if isinstance(wanted, list) else [wanted])]
            known = [as_text(item) for item in as_list(dataset.get("sample_ids"))]
            samples = sum(any(fnmatchcase(i, p) for p in patterns) for i in known) or len(patterns)
        elif first is not None:
            samples = min(samples, first)
        elif isinstance(limit, list) and len(limit) == len(("from", "to")):
            samples = len(range(samples)[slice(as_count(limit[0]), as_count(limit[1]))])
        return as_count(samples * epochs)

    def observation(self, sample: dict[str, Any], locator: str) -> Observation:
        """One sample of one epoch."""
        self.samples += 1
        model, _ = _model(self.spec)
        scores = tuple(_scores(as_dict(sample.get("scores"))))
        self.edited += any(score.state == "edited" for score in scores)
        self.invalidated += bool(sample.get("invalidation"))
        self.limited += bool(sample.get("limit"))
        record = _record_view(sample)
        suite, response = _text(self.spec.get("task")) or "", _response(sample)
        mapped = self.fields.read(
            record,
            suite=suite,
            version=_text(self.spec.get("task_version")) or "",
            response=response,
            scores=scores,
        )
        outcome, basis = self._outcome(sample, mapped)
        sample_id = as_text(sample.get("id")) or "None"
        prompt = _prompt(sample)
        error = as_dict(sample.get("error")).get("message")
        observed, _ = parse_time(sample.get("completed_at") or sample.get("started_at"))
        epoch = as_count(sample.get("epoch"))
        return Observation(
            run_key=self.run_key,
            sample_id=sample_id,
            prompt_key=mapped.prompt_key or sample_id,
            epoch=epoch if epoch is not None and epoch < MAX_EPOCHS else 1,
            outcome=outcome,
            basis=basis,
            locator=locator,
            suite=suite,
            model=mapped.model or model,
            expected=mapped.expected,
            watch=mapped.watch,
            watch_basis=mapped.watch_basis,
            cohort=mapped.cohort,
            category=mapped.category,
            strategy=mapped.strategy,
            language=mapped.language,
            prompt=prompt,
            prompt_state="absent" if prompt is None else "full",
            response=response,
            error_text=None if error is None else as_text(error),
            observed_at=observed or self.run_time,
            scores=mapped.scores,
        )

    @property
    def run_time(self) -> Any:
        stats = as_dict(self.header.get("stats"))
        return parse_time(stats.get("completed_at") or self.spec.get("created"))[0]

    def _outcome(self, sample: dict[str, Any], mapped: Mapped) -> tuple[Outcome, Basis]:
        if sample.get("error"):
            self.errored += 1
            return Outcome.PROVIDER_ERROR, Basis.NATIVE_FIELD
        if sample.get("invalidation"):
            return Outcome.UNSCORED, Basis.NONE
        choices = as_list(as_dict(sample.get("output")).get("choices"))
        if choices and as_dict(choices[0]).get("stop_reason") == "content_filter":
            return Outcome.BLOCKED_OUTPUT, Basis.FINISH_REASON
        self.undeclared += mapped.outcome is None
        return mapped.outcome or (Outcome.UNSCORED, Basis.NONE)

    def closing(self) -> Iterator[Item]:
        """The run, the anomalies and the facts, once every sample was seen."""
        run = self.run()
        yield run
        yield from self.fields.anomalies()
        if self.undeclared:
            message = "samples whose scores no declared rule reads as an outcome"
            yield Anomaly("outcome-undecided", message, self.undeclared)
        if self.nonfinite:
            yield Anomaly("nonfinite-json", "numbers written as NaN or Infinity", self.nonfinite)
        if self.unreadable:
            shown = "; ".join(self.unreadable[:3])
            yield Anomaly("samples-unreadable", f"samples not readable: {shown}", len(self.unreadable))
        if self.samples and self.errored == self.samples:
            status = run.native_status or "unknown"
            yield Anomaly(
                "all-samples-failed",
                f"every one of {self.samples} samples failed, although the run's status is `{status}`",
                self.samples,
                blocks=True,
            )
        elif not self.samples:
            yield Anomaly("no-samples", "the log holds no samples", blocks=True)
        if run.native_status != "success":
            status = run.native_status or "absent"
            yield Anomaly("unfinished-run", f"the run did not finish: status `{status}`")
        if self.edited:
            yield Anomaly("score-edited", "samples whose scores were edited afterwards", self.edited)
        if self.invalidated or self.header.get("invalidated"):
            yield Anomaly("run-invalidated", "samples marked invalid", max(1, self.invalidated))
        if self.limited:
            yield Anomaly("limit-reached", "samples cut off by a limit", self.limited)
        planned = run.planned
        if planned is not None and planned != self.samples:
            yield Anomaly(
                "samples-missing",
                f"{planned} samples were planned, {self.samples} are in the file",
                abs(planned - self.samples),
            )
        if self.unreadable:  # what is there and cannot be read was planned, whatever the header says
            planned = max(planned or 0, self.samples + len(self.unreadable))
        packages = as_dict(self.spec.get("packages"))
        yield Facts(
            tool="Inspect AI",
            tool_version=_text(packages.get("inspect_ai")) or "",
            planned=planned,
            suites=self.fields.suites,
            completeness={
                "run": Presence.PRESENT if run.native_id else Presence.ABSENT,
                "time": Presence.PRESENT if run.started_at else Presence.ABSENT,
                "model": Presence.PRESENT if run.model else Presence.ABSENT,
                "version": Presence.PRESENT if packages.get("inspect_ai") else Presence.ABSENT,
                "denominator": Presence.PRESENT if planned is not None else Presence.ABSENT,
                "threshold": Presence.ABSENT,
            },
        )


def _read_archive(path: Path, log: _Log) -> Iterator[Item]:
    try:
        archive = zipfile.ZipFile(path)
    except ZIP_FAULTS as error:
        message = f"the archive cannot be opened: {str(error)[:120]}"
        yield Anomaly("truncated", message, blocks=True)
        return
    with archive, path.open("rb") as stream:
        members = {info.filename: info for info in archive.infolist()}
        if len(members) != len(archive.infolist()):
            extra = len(archive.infolist()) - len(members)
            yield Anomaly("duplicate-members", "members of the archive share a name", extra)
        for name in ("header.json", "_journal/start.json"):
            if name in members and not log.header:
                faults: list[str] = []
                log.header = _member(stream, members[name], log, faults) or {}
                for fault in faults:
                    yield Anomaly("truncated", f"the run's description is damaged: {fault}")
        if "header.json" not in members:
            yield Anomaly("header-missing", "the archive has no header.json: the run never finished")
        for info in members.values():
            if not info.filename.startswith("samples/") or not info.filename.endswith(".json"):
                continue
            sample = _member(stream, info, log, log.unreadable)
            if sample is not None:
                yield log.observation(sample, f"member:{info.filename}#crc32={info.CRC:08x}")


def _member(
    stream: BinaryIO, info: zipfile.ZipInfo, log: _Log, faults: list[str]
) -> dict[str, Any] | None:
    """The object in a member; None, with the reason added to `faults`, where there is none."""
    try:
        value, nonfinite = loads(_inflate(stream, info))
        if not isinstance(value, dict):
            message = "not a JSON object"
            raise ValueError(message)
    except (ValueError, OSError, zlib.error, struct.error) as error:
        faults.append(f"{info.filename[:80]}: {str(error)[:120]}")
        return None
    log.nonfinite += nonfinite
    return value


def _inflate(stream: BinaryIO, info: zipfile.ZipInfo) -> bytes:
    """The member's bytes, checked against its CRC. Raises ValueError for damage and for bombs."""
    if info.file_size > MAX_MEMBER_BYTES:
        message = f"inflates beyond {MAX_MEMBER_BYTES} bytes"
        raise ValueError(message)
    if max(info.header_offset, info.compress_size) > os.fstat(stream.fileno()).st_size:
        message = "the directory points beyond the end of the file"
        raise ValueError(message)
    stream.seek(info.header_offset)
    header = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
    if header[0] != b"PK\x03\x04":
        message = "no local header where the directory says"
        raise ValueError(message)
    stream.seek(header[-2] + header[-1], 1)
    raw = stream.read(info.compress_size)
    if info.compress_type == 0:
        data = raw
    elif info.compress_type == ZIP_DEFLATED:
        inflater = zlib.decompressobj(-15)
        data = inflater.decompress(raw, info.file_size + 1)
    elif info.compress_type == ZIP_ZSTD:
        data = _inflate_zstd(raw, info.file_size + 1)
    else:
        message = f"compression method {info.compress_type} is not used by Inspect"
        raise ValueError(message)
    if len(data) != info.file_size:
        message = f"it does not hold the {info.file_size} bytes that the directory says"
        raise ValueError(message)
    if zlib.crc32(data) != info.CRC:
        message = "its checksum does not match its bytes"
        raise ValueError(message)
    return data


def _inflate_zstd(raw: bytes, limit: int) -> bytes:
    import zstandard

    try:
        reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(
            raw, read_across_frames=True
        )
        return reader.read(limit)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from None


def _read_json(path: Path, log: _Log) -> Iterator[Item]:
    """One pass: the header stands before the samples in every version seen."""
    import ijson

    with path.open("rb") as raw:
        finite = FiniteStream(raw) if is_irregular_file(path) else None
        events = parse_events(finite or raw)
        index = 0
        try:
            for prefix, event, value in events:
                if prefix == "samples.item" and event == "start_map":
                    sample = build_object(events, "samples.item")
                    yield log.observation(sample, f"pointer:/samples/{index}")
                    index += 1
                elif prefix == "samples.item" and event not in {"end_array", "end_map"}:
                    log.unreadable.append(f"/samples/{index}: not a JSON object")
                    index += 1
                elif prefix in {"eval", "stats", "results"} and event == "start_map":
                    log.header[prefix] = build_object(events, prefix)
                elif prefix in {"status", "version", "invalidated"} and event != "start_map":
                    log.header[prefix] = value
        except (ijson.JSONError, ValueError, RecursionError) as error:
            yield Anomaly("truncated", f"the file breaks off or is damaged: {str(error)[:120]}")
        log.nonfinite += finite.count if finite is not None else 0



def _record_view(sample: dict[str, Any]) -> dict[str, Any]:
    """What mapping paths start from: the sample, with each score's value directly under its scorer."""
    values = {
        name: as_dict(score).get("value") for name, score in as_dict(sample.get("scores")).items()
    }
    return {**sample, "scores": values}


def _scores(scores: dict[str, Any]) -> Iterator[Score]:
    for scorer, score in scores.items():
        value = as_dict(score).get("value")
        state = "edited" if as_dict(score).get("history") else "scored"
        rationale = _text(as_dict(score).get("explanation"))
        parts: list[tuple[str, Any]]
        if isinstance(value, dict):
            parts = [(f"{scorer}.{key}", part) for key, part in value.items()]
        elif isinstance(value, list):
            parts = [(f"{scorer}[{index}]", part) for index, part in enumerate(value)]
        else:
            parts = [(str(scorer), value)]
        for metric, part in parts:
            number = _number(part)
            yield Score(
                scorer=str(scorer),
                metric=metric,
                raw="null" if part is None else as_text(part),
                value=number,
                state=state if number is not None else "unscored",
                rationale=rationale,
            )


def _number(value: Any) -> float | None:
    return LETTERS.get(value) if isinstance(value, str) else as_number(value)


def _model(spec: dict[str, Any]) -> tuple[str, str]:
    """The model under test and where the log says so (`none/none` when only roles are given)."""
    model = _text(spec.get("model")) or ""
    if model in {"", "none/none"}:
        target = as_dict(as_dict(spec.get("model_roles")).get("target")).get("model")
        if target:
            return as_text(target), "eval.model_roles.target.model"
    return ("", "") if model in {"", "none/none"} else (model, "eval.model")


def _aggregates(results: dict[str, Any]) -> dict[str, float]:
    out = {}
    for score in as_list(results.get("scores")):
        for name, metric in as_dict(as_dict(score).get("metrics")).items():
            value = _number(as_dict(metric).get("value"))
            if value is not None:
                out[f"{as_text(as_dict(score).get('name'))}/{name}"] = value
    return out


def _prompt(sample: dict[str, Any]) -> str | None:
    text = sample.get("input")
    if isinstance(text, str):
        return text
    if isinstance(text, list):
        parts = [_content(as_dict(message).get("content")) for message in text]
        return "\n".join(part for part in parts if part)
    return None


def _response(sample: dict[str, Any]) -> str | None:
    output = as_dict(sample.get("output"))
    if isinstance(output.get("completion"), str):
        return str(output["completion"])
    choices = as_list(output.get("choices"))
    if choices:
        return _content(as_dict(as_dict(choices[0]).get("message")).get("content"))
    return None


def _content(content: Any) -> str | None:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(as_text(as_dict(part).get("text")) for part in content)
    return None


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int | float) and value != "" else None
