"""lm-evaluation-harness: one `samples_*.jsonl` per task, beside the `results_*.json` of the run.

A samples file holds one line per document and filter, filter by filter, and names neither model nor
run: these come from the results file, which is found among the files handed in by the time stamp both
names end in. The filters of one document are one answer scored several times, so they are read side by
side and become one record. Multiple choice has no generated text; the choice of highest likelihood
stands for it.

Before 0.4.3 a samples file is one JSON array beside a `results.json`, and names neither its filters nor its
metrics: the filters follow each other in the order of the task's own list.
"""

from __future__ import annotations

import contextlib
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.evidence.model import Anomaly, Basis, Observation, Outcome, Presence, Run, Score
from auditgen.sources.fields import FieldReader, by_metric, from_epoch
from auditgen.sources.interface import Context, Facts, Item, Probe, Recognition
from auditgen.sources.jsontext import as_count, as_dict, as_list, as_number, as_text, load_file, raw_text
from auditgen.sources.lines import Lines
from auditgen.sources.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

SAMPLE_KEYS = frozenset({"doc_id", "doc", "arguments", "resps", "filtered_resps"})
RESULT_KEYS = frozenset({"results", "configs", "versions", "n-shot"})
MAX_RESULT_BYTES = 256 * 1024 * 1024
MAX_FILTERS = 20
ARRAY = -1
"""In place of an offset: the items of an array have none."""
OLDER_RESULTS = "results.json"
OLDER_KEYS = SAMPLE_KEYS | {"target"}
"""What is no metric in an older file."""
TOLERANCE = 1e-6
_STDERR = re.compile(rb'"[^"]{1,80}_stderr,[^"]{1,80}"\s*:')
"""Of many tasks only the first key may begin within the head of the file."""
_STAMP = re.compile(r"_(\d{4}-\d\d-\d\dT[0-9.\-]+)\.jsonl?$")
_TASK = re.compile(r"^samples_(.+)_\d{4}-\d\d-\d\dT[0-9.\-]+\.jsonl$")


class LmEvalSource:
    """lm-evaluation-harness 0.4."""

    name: ClassVar[str] = "lm-eval"
    version: ClassVar[str] = "2"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the keys of the first line, or of the outermost object."""
        line = probe.first_line
        if isinstance(line, dict) and line.keys() >= SAMPLE_KEYS:
            return Recognition("lm-eval.samples", "lines with doc_id, resps and filtered_resps")
        if probe.item_keys >= SAMPLE_KEYS:
            return Recognition("lm-eval.samples/array", "array of doc_id, resps and filtered_resps")
        if probe.top_keys >= RESULT_KEYS:
            return Recognition("lm-eval.results", "JSON with results, configs, versions and n-shot")
        if "results" in probe.top_keys and _STDERR.search(probe.head):
            return Recognition("lm-eval.results", "JSON with results that have a `_stderr,` beside them")
        return None

    def companions(self, path: Path, available: Sequence[Path]) -> list[Path]:
        """The files of the same folder whose names end in the same time stamp."""
        stamp = _STAMP.search(path.name)
        if stamp is None:
            is_results = path.name == OLDER_RESULTS
            return sorted(
                other
                for other in available
                if other.parent == path.parent
                and (other.suffix == ".jsonl" if is_results else other.name == OLDER_RESULTS)
            )
        mates = [
            other
            for other in available
            if other.parent == path.parent
            and other != path
            and (found := _STAMP.search(other.name)) is not None
            and found[1] == stamp[1]
        ]
        wanted = "samples_" if path.name.startswith("results") else "results"
        return sorted(other for other in mates if other.name.startswith(wanted))

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """The records of a samples file; of a results file what it says about others."""
        found = self.recognise(Probe(path))
        if found is not None and found.format.startswith("lm-eval.samples"):
            yield from _read_samples(path, context, is_array=found.format.endswith("/array"))
        else:
            yield from _read_results(path, context)


def _read_results(path: Path, context: Context) -> Iterator[Item]:
    """A results file holds totals only: without the samples behind them they prove nothing."""
    results, faults = _load(path)
    yield from faults
    totals = as_dict(results.get("results"))
    groups = {*as_dict(results.get("groups")), *as_dict(results.get("group_subtasks"))}
    names = {_task_of(other, totals) for other in context.companions}
    missing = [task for task in sorted(totals) if task not in names and task not in groups]
    if missing:
        shown = ", ".join(f"`{task}`" for task in missing[:8])
        message = f"totals of {shown} whose samples were not handed in"
        yield Anomaly("records-withheld", message, len(missing), blocks=True)
    yield Facts(
        tool="lm-evaluation-harness",
        tool_version=as_text(results.get("lm_eval_version")),
        role="companion",
    )


def _load(path: Path) -> tuple[dict[str, Any], list[Anomaly]]:
    try:
        value, nonfinite = load_file(path, MAX_RESULT_BYTES)
    except (OSError, ValueError) as error:
        message = f"the results file is damaged: {str(error)[:120]}"
        return {}, [Anomaly("truncated", message)]
    faults = [Anomaly("nonfinite-json", "numbers written as NaN or Infinity", nonfinite)] if nonfinite else []
    return as_dict(value), faults


def _task_of(path: Path, known: Iterable[str]) -> str:
    """The task in a file's name; older names only end in it, so that the results must know it."""
    found = _TASK.match(path.name)
    if found:
        return found[1]
    return max((name for name in known if path.stem.endswith(f"_{name}")), key=len, default="")


def _read_samples(path: Path, context: Context, *, is_array: bool) -> Iterator[Item]:
    results: dict[str, Any] = {}
    for companion in context.companions:
        results, faults = _load(companion)
        yield from (fault for fault in faults if fault.code == "truncated")
    task = _Task(_task_of(path, as_dict(results.get("results"))), results, context)
    starts = task.learn_array(path) if is_array else task.learn(path)
    if starts:
        yield from task.observations(path, starts)
    yield from task.closing()


class _Task:
    """What is known of one task while its documents stream by."""

    def __init__(self, name: str, results: dict[str, Any], context: Context) -> None:
        self.name = name
        self.results = results
        self.fields = FieldReader(context, LmEvalSource.name)
        self.lines = Lines()
        self.faults: list[Anomaly] = []
        self.no_objects = 0
        self.documents = 0
        self.undecided = 0
        self.unpaired = 0
        self.filters: dict[str, int] = {}
        self.sums: dict[str, list[float]] = {}
        self.config = as_dict(results.get("config"))
        self.at = from_epoch(results.get("date"))

    def learn(self, path: Path) -> dict[str, tuple[int, int]]:
        """Where the lines of each filter begin; faults of the file are counted in this pass."""
        starts: dict[str, tuple[int, int]] = {}
        for number, offset, line in self.lines.objects(path):
            name = as_text(line.get("filter"))
            if name in starts or len(starts) < MAX_FILTERS:
                starts.setdefault(name, (number, offset))
                self.filters[name] = self.filters.get(name, 0) + 1
            else:
                self.unpaired += 1
        return starts

    def learn_array(self, path: Path) -> dict[str, tuple[int, int]]:
        """The same of an older file: a new filter begins where the first document comes again."""
        starts: dict[str, tuple[int, int]] = {}
        walk, first, names = Walk(path, "item"), "", self._filter_names()
        for index, (_, value) in enumerate(walk.values()):
            document = as_text(as_dict(value).get("doc_id"))
            self.no_objects += not isinstance(value, dict)
            if not starts or (document and document == first and len(starts) < MAX_FILTERS):
                first = first or document
                name = names[len(starts)] if len(starts) < len(names) else f"filter {len(starts) + 1}"
                starts[name] = (index, ARRAY)
            name = next(reversed(starts))
            self.filters[name] = self.filters.get(name, 0) + 1
        self.faults = list(walk.anomalies())
        if self.no_objects:
            message = "items that are no JSON object"
            self.faults.append(Anomaly("samples-unreadable", message, self.no_objects))
        return starts

    def _filter_names(self) -> list[str]:
        config = as_dict(as_dict(self.results.get("configs")).get(self.name))
        names = [as_text(as_dict(item).get("name")) for item in as_list(config.get("filter_list"))]
        return list(dict.fromkeys(names)) or ["none"]

    def observations(self, path: Path, starts: dict[str, tuple[int, int]]) -> Iterator[Observation]:
        """One record per document: its filters stand side by side."""
        with contextlib.ExitStack() as stack:
            cursors: dict[str, Iterator[tuple[str, dict[str, Any]]]] = {}
            for name, (number, offset) in starts.items():
                if offset == ARRAY:
                    cursors[name] = _items_of(path, name, number, self.filters[name])
                    continue
                stream = stack.enter_context(path.open("rb"))
                stream.seek(offset)
                cursors[name] = _lines_of(name, Lines().of(stream, offset, number - 1))
            first, *others = starts
            waiting = {name: next(cursors[name], None) for name in others}
            for place, line in cursors[first]:
                scores = list(_scores(line, first))
                for name in others:
                    mate = waiting[name]
                    if mate is not None and mate[1].get("doc_id") == line.get("doc_id"):
                        scores += _scores(mate[1], name)
                        waiting[name] = next(cursors[name], None)
                    else:
                        self.unpaired += 1
                yield self._observation(line, scores, place)
            for name in others:
                rest = sum(1 for _ in cursors[name]) + (waiting[name] is not None)
                self.unpaired += rest

    def _observation(self, line: dict[str, Any], scores: list[Score], locator: str) -> Observation:
        self.documents += 1
        for score in scores:
            total = self.sums.setdefault(score.metric, [0.0, 0.0])
            if score.value is not None:
                total[0] += score.value
                total[1] += 1
        response = _response(line)
        record = {
            **line,
            "task": self.name,
            "config": self.config,
            "scores": by_metric(scores),
        }
        mapped = self.fields.read(
            record, suite=self.name, version=self.version, response=response, scores=scores
        )
        self.undecided += mapped.outcome is None
        prompt = _prompt(line.get("arguments"))
        sample = as_text(line.get("doc_id")) or locator
        return mapped.observation(
            run_key=self.run_key,
            sample_id=sample,
            locator=locator,
            outcome=mapped.outcome or (Outcome.UNSCORED, Basis.NONE),
            prompt=prompt,
            prompt_key=as_text(line.get("doc_hash")),
            model=self.model[0],
            suite=self.name,
            response=response,
            observed_at=self.at,
        )

    @property
    def version(self) -> str:
        return as_text(as_dict(self.results.get("versions")).get(self.name))

    @property
    def run_key(self) -> str:
        return f"{self.name} {as_text(self.results.get('date'))}".strip() or "run"

    @property
    def model(self) -> tuple[str, str]:
        """The model's name and the field it came from; the harness writes both in several ways."""
        arguments = self.config.get("model_args")
        if isinstance(arguments, str):
            arguments = dict(part.split("=", 1) for part in arguments.split(",") if "=" in part)
        for key in ("pretrained", "model"):
            if as_dict(arguments).get(key):
                return as_text(as_dict(arguments)[key]), f"config.model_args.{key}"
        if self.results.get("model_name"):
            return as_text(self.results["model_name"]), "model_name"
        return as_text(self.config.get("model")), "config.model" if self.config.get("model") else ""

    @property
    def numbers(self) -> tuple[int | None, int | None]:
        """Documents of the task, and documents it was run on."""
        counts = as_dict(as_dict(self.results.get("n-samples")).get(self.name))
        return as_count(counts.get("original")), as_count(counts.get("effective"))

    def closing(self) -> Iterator[Item]:
        """The run, the anomalies and the facts."""
        model, origin = self.model
        original, effective = self.numbers
        totals = as_dict(as_dict(self.results.get("results")).get(self.name))
        numbers = {str(name): as_number(raw) for name, raw in totals.items() if "," in str(name)}
        native = {name: number for name, number in numbers.items() if number is not None}
        yield Run(
            run_key=self.run_key,
            native_id=None,
            suite=self.name,
            suite_version=self.version or None,
            model=model,
            model_origin=origin,
            started_at=self.at,
            planned=effective,
            native_aggregates=native,
        )
        yield from self.lines.anomalies()
        yield from self.faults
        yield from self.fields.anomalies()
        if not self.results:
            message = "the results file of the run is not beside it: model, time and version are unknown"
            yield Anomaly("companion-missing", message)
        elif self.name not in as_dict(self.results.get("results")):
            message = f"the results file does not know the task `{self.name}`"
            yield Anomaly("companion-missing", message)
        if self.unpaired:
            message = "lines of further filters that belong to no document of the first"
            yield Anomaly("aggregate-mismatch", message, self.unpaired)
        yield from self._contradictions(native)
        if self.undecided:
            message = "documents whose scores no declared rule reads as an outcome"
            yield Anomaly("outcome-undecided", message, self.undecided)
        if original is not None and effective is not None and effective < original:
            message = f"only {effective:,} of the task's {original:,} documents were run"
            yield Anomaly("limit-used", message, original - effective)
        limit = as_number(self.config.get("limit"))
        if original is None and limit is not None and self.documents >= limit > 1:
            message = f"the run was limited to {limit:,.0f} documents; how many the task has is not recorded"
            yield Anomaly("limit-used", message)
        if effective is not None and effective > self.documents:
            message = f"{effective:,} documents were run, {self.documents:,} are in the file"
            yield Anomaly("samples-missing", message, effective - self.documents)
        if not self.documents:
            yield Anomaly("no-samples", "the file holds no documents", blocks=True)
        known = bool(self.results)
        yield Facts(
            tool="lm-evaluation-harness",
            tool_version=as_text(self.results.get("lm_eval_version")),
            planned=effective,
            suites=self.fields.suites,
            completeness={
                "run": Presence.DERIVED if known else Presence.ABSENT,
                "time": Presence.PRESENT if self.at else Presence.ABSENT,
                "model": Presence.PRESENT if model else Presence.ABSENT,
                "version": Presence.PRESENT if self.results.get("lm_eval_version") else Presence.ABSENT,
                "denominator": Presence.PRESENT if effective is not None else Presence.DERIVED,
                "threshold": Presence.ABSENT,
            },
        )

    def _contradictions(self, native: dict[str, float]) -> Iterator[Anomaly]:
        """Means that the rows do not give. Other aggregations are not recomputed."""
        declared = as_dict(as_dict(self.results.get("configs")).get(self.name)).get("metric_list")
        means = {
            as_text(as_dict(item).get("metric"))
            for item in as_list(declared)
            if as_dict(item).get("aggregation") == "mean"
        }
        wrong = []
        for metric, total in native.items():
            name = metric.split(",", maxsplit=1)[0]
            value, number = self.sums.get(metric, (0.0, 0.0))
            if name not in means or not number:
                continue
            if abs(total - value / number) > TOLERANCE:
                wrong.append(f"{metric}: {total:.6g} against {value / number:.6g} from {number:.0f} rows")
        if wrong:
            message = "the run's totals contradict its rows: " + "; ".join(wrong[:3])
            yield Anomaly("aggregate-mismatch", message, len(wrong))


def _lines_of(
    name: str, lines: Iterator[tuple[int, int, dict[str, Any]]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Locator and value of the lines of one filter."""
    for number, offset, line in lines:
        if as_text(line.get("filter")) == name:
            yield f"line:{number}@{offset}", line


def _items_of(path: Path, name: str, start: int, number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Locator and value of the items of one filter, in the form of newer files."""
    values = Walk(path, "item").values()
    for index, (_, value) in islice(enumerate(values), start, start + number):
        if isinstance(value, dict):
            metrics = [key for key in value if key not in OLDER_KEYS]
            yield f"pointer:/{index}", {**value, "filter": name, "metrics": metrics}


def _scores(line: dict[str, Any], filter_name: str) -> Iterator[Score]:
    """The metrics that the line names, each under `<metric>,<filter>` as the totals call it."""
    for metric in as_list(line.get("metrics")):
        name = as_text(metric)
        raw = line.get(name)
        value = as_number(raw)
        yield Score(
            scorer=name,
            metric=f"{name},{filter_name}",
            raw=raw_text(raw),
            value=value,
            state="unscored" if value is None else "scored",
        )


def _requests(arguments: Any) -> list[tuple[str, Any]]:
    """Prompt and second argument of every request; older files hold lists, newer ones objects."""
    if isinstance(arguments, dict):
        pairs = [(as_dict(a).get("arg_0"), as_dict(a).get("arg_1")) for a in arguments.values()]
    else:
        lists = [as_list(a) for a in as_list(arguments)]
        pairs = [(a[0] if a else None, a[1] if len(a) > 1 else None) for a in lists]
    return [(first, second) for first, second in pairs if isinstance(first, str)]


def _prompt(arguments: Any) -> str | None:
    requests = _requests(arguments)
    return requests[0][0] if requests else None


def _response(line: dict[str, Any]) -> str | None:
    """The first generated text, or the choice of highest likelihood."""
    responses = as_list(line.get("resps"))
    first = as_list(responses[0])[0] if responses and as_list(responses[0]) else None
    if isinstance(first, str):
        return first
    requests = _requests(line.get("arguments"))
    likelihoods = []
    for index, answer in enumerate(as_list(line.get("filtered_resps"))):
        pair = as_list(answer)
        with contextlib.suppress(ValueError, IndexError):
            likelihoods.append((float(as_text(pair[0])), -index))
    if not likelihoods or len(likelihoods) != len(requests) or len(requests) < 2:
        return None
    choice = requests[-max(likelihoods)[1]][1]
    return choice if isinstance(choice, str) else None
