"""What a promptfoo row says, and what is counted while the rows of an evaluation stream by.

`error` is also set on ordinary assertion failures; the error flag is `failureReason` 2. `success` in a
red team means the model behaved. A grader that failed writes `pass: false` like one that found fault,
and marks itself with `metadata.graderError`. An empty answer passes red-team checks with the reason of a
refusal. Prompts that look like secrets are withheld by the tool, and the row says so; what the strategy
started from survives as `originalText` and then stands for the prompt.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from auditgen.canonical import sha256_bytes
from auditgen.evidence.model import Anomaly, Basis, Observation, Outcome, Run, Score
from auditgen.sources.fields import FieldReader, Mapped, parse_time
from auditgen.sources.jsontext import as_count, as_dict, as_list, as_number, as_text
from auditgen.sources.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

FAILURE_IS_ERROR = 2
REDTEAM = "promptfoo:redteam:"
REFUSED_REASON = "Model refused the request"
GRADER_FAILED = ("Could not extract JSON from ", "Could not perform remote grading: ")
REDACTED = "[REDACTED]"
MAX_COLUMNS, MAX_NAMES, SHOWN_GAPS, MAX_SEARCHED = 500, 200, 5, 1_000_000
TOLERANCE = 1e-6
_STATS = {"successes": "pass", "failures": "fail", "errors": "error"}
_METRICS = {"testPassCount": "pass", "testFailCount": "fail", "testErrorCount": "error"}


class Doubts:
    """Counts over a whole file, whatever evaluations it holds."""

    def __init__(self) -> None:
        self.rows = self.errors = self.redacted = self.ungraded = self.judge_failed = self.cached = 0

    def anomalies(self) -> Iterator[Anomaly]:
        """What the counts amount to."""
        if self.redacted:
            message = "prompts that the tool itself withheld as looking like secrets"
            yield Anomaly("redacted-by-tool", message, self.redacted)
        if self.judge_failed:
            message = "rows whose grader failed, which the tool writes as ordinary failures"
            yield Anomaly("judge-failed", message, self.judge_failed)
        if self.cached:
            yield Anomaly("cached-responses", "answers that the tool took from its cache", self.cached)
        if self.ungraded:
            message = "rows that no grader and no declared rule decides"
            yield Anomaly("outcome-undecided", message, self.ungraded)
        if not self.rows:
            yield Anomaly("no-samples", "the file holds no rows", blocks=True)
        elif self.errors == self.rows:
            message = f"every one of {self.rows} rows is an error"
            yield Anomaly("all-samples-failed", message, self.rows, blocks=True)


class Evaluation:
    """One evaluation: its rows turned into observations, and its totals recomputed."""

    def __init__(self, run_key: str, fields: FieldReader, doubts: Doubts) -> None:
        self.run_key = run_key
        self.created: Any = None
        """When it was made, as the file writes it: the time of every row, rows have none."""
        self.prompts: list[dict[str, Any]] = []
        self.stats: dict[str, Any] = {}
        self.count = self.no_objects = 0
        self._fields = fields
        self._doubts = doubts
        self._suites: Counter[str] = Counter()
        self._models: Counter[str] = Counter()
        self._origins: set[str] = set()
        self._repeats, self._tests, self._cells, self._ids = Tally(), Tally(), Tally(), Tally()
        self._columns: dict[int, Counter[str]] = {}
        self._scores: dict[int, float] = {}
        self._last_test = -1
        self._doubled = self._unplaced = 0
        self._lacks_success = False

    def observation(self, row: dict[str, Any], locator: str) -> Observation:
        """One row: one prompt, one provider."""
        self.count += 1
        self._doubts.rows += 1
        metadata, response = as_dict(row.get("metadata")), as_dict(row.get("response"))
        plugin = metadata.get("pluginId")
        output = response.get("output")
        answer = output if isinstance(output, str) else None
        described = as_text(as_dict(row.get("testCase")).get("description"))
        suite = "red team" if plugin else described or "eval"
        scores = tuple(_scores(row))
        mapped = self._fields.read(
            {**row, "plugin": plugin, "metadata": metadata},
            suite=as_text(plugin) or suite,
            response=answer,
            scores=scores,
        )
        model = mapped.model or self._model(as_dict(row.get("provider")))
        _tally(self._models, model)
        _tally(self._suites, suite)
        prompt, state = self._prompt(row, metadata)
        outcome, basis = self._outcome(row, mapped, response, answer)
        self._doubts.cached += response.get("cached") is True or metadata.get("cached") is True
        prompt_key = mapped.prompt_key or _prompt_key(row, metadata)
        strategy = mapped.strategy or as_text(metadata.get("strategyId")) or ("basic" if plugin else None)
        failed = outcome is Outcome.PROVIDER_ERROR
        error = row.get("error") or response.get("error")
        sample_id = as_text(row.get("id")) or f"{as_text(row.get('testIdx'))}/{as_text(row.get('promptIdx'))}"
        if not self._ids[sample_id]:  # the same row once more is a copy, not a repeat
            place = f"{prompt_key}\n{strategy}\n{as_text(row.get('promptIdx'))}"
            self._ids[sample_id] = self._repeats.add(place)
            self._place(row)
        return Observation(
            run_key=self.run_key,
            sample_id=sample_id,
            prompt_key=prompt_key,
            epoch=self._ids[sample_id],
            outcome=outcome,
            basis=basis,
            locator=locator,
            suite=suite,
            model=model,
            expected=mapped.expected,
            watch=mapped.watch,
            watch_basis=mapped.watch_basis,
            cohort=mapped.cohort,
            category=mapped.category or (as_text(plugin) if plugin else None),
            strategy=strategy,
            language=mapped.language or as_text(metadata.get("language")) or None,
            labels=mapped.labels,
            prompt=prompt,
            prompt_state=state,
            response=answer,
            error_text=as_text(error) if failed else None,
            observed_at=self.started[0],
            guardrail_verdict=_guardrail(response),
            refusal_native=response.get("isRefusal") if isinstance(response.get("isRefusal"), bool) else None,
            scores=mapped.scores,
        )

    @property
    def started(self) -> tuple[datetime | None, bool]:
        """When it began, and whether the zone was written."""
        return parse_time(self.created)

    @property
    def has_model(self) -> bool:
        """Whether any row names its provider."""
        return any(self._models)

    def _model(self, provider: dict[str, Any]) -> str:
        name = "label" if provider.get("label") else "id"
        if provider.get(name):
            self._origins.add(f"provider.{name}")
        return as_text(provider.get(name))

    def _prompt(self, row: dict[str, Any], metadata: dict[str, Any]) -> tuple[str | None, str]:
        raw = as_dict(row.get("prompt")).get("raw")
        if not isinstance(raw, str):
            return None, "absent"
        if REDACTED not in raw:
            return raw, "full" if raw else "absent"
        self._doubts.redacted += 1
        base = metadata.get("originalText")
        return base if isinstance(base, str) and base else raw, "redacted_by_tool"

    def _outcome(
        self, row: dict[str, Any], mapped: Mapped, response: dict[str, Any], answer: str | None
    ) -> tuple[Outcome, Basis]:
        if row.get("failureReason") == FAILURE_IS_ERROR or response.get("error"):
            self._doubts.errors += 1
            return Outcome.PROVIDER_ERROR, Basis.NATIVE_FIELD
        components = [as_dict(item) for item in _components(row)]
        failed = any(grader_failed(item) for item in components)
        if mapped.outcome is not None and not (failed and mapped.outcome[1] is Basis.JUDGE):
            return mapped.outcome
        if response.get("isRefusal") is True:
            return Outcome.REFUSED, Basis.NATIVE_FIELD
        decided = [found for item in components if (found := _graded(item, answer)) is not None]
        complied = next((d for d in decided if d[0] is Outcome.COMPLIED), None)
        if complied is not None:  # several graders may disagree: what speaks against the model counts
            return complied
        if failed:
            self._doubts.judge_failed += 1
            return Outcome.JUDGE_ERROR, Basis.NATIVE_FIELD
        if decided:
            return decided[0]
        self._doubts.ungraded += 1
        return Outcome.UNSCORED, Basis.NONE

    def _place(self, row: dict[str, Any]) -> None:
        """Note where the row stands in the grid of tests and prompts, and how the tool counted it."""
        test, prompt = as_count(row.get("testIdx")), as_count(row.get("promptIdx"))
        is_known = prompt in self._columns or len(self._columns) < MAX_COLUMNS
        if test is None or prompt is None or not is_known:
            self._unplaced += 1
            return
        self._last_test = max(self._last_test, test)
        self._tests.add(str(test))
        column = self._columns.setdefault(prompt, Counter())
        if self._cells.add(f"{test}/{prompt}") > 1:
            self._doubled += 1
        else:
            column["cells"] += 1
        success, score = row.get("success"), as_number(row.get("score"))
        if not isinstance(success, bool):
            self._lacks_success = True
        is_error = row.get("failureReason") == FAILURE_IS_ERROR
        column["error" if is_error else "pass" if success else "fail"] += 1
        self._scores[prompt] = self._scores.get(prompt, 0.0) + (score or 0.0)

    def run(self, native_id: str | None) -> Run:
        """The evaluation as its tool recorded it."""
        started, known = self.started
        models = sorted(model for model in self._models if model)
        stats = ((name, as_number(self.stats.get(name))) for name in _STATS)
        aggregates = {f"stats.{name}": number for name, number in stats if number is not None}
        for index, prompt in enumerate(self.prompts[:MAX_COLUMNS]):
            metrics = as_dict(prompt.get("metrics"))
            for name in (*_METRICS, "score"):
                number = as_number(metrics.get(name))
                if number is not None:
                    aggregates[f"prompts.{index}.{name}"] = number
        return Run(
            run_key=self.run_key,
            native_id=native_id,
            suite=", ".join(sorted(self._suites)),
            model=", ".join(models),
            model_origin=", ".join(sorted(self._origins)) if models else "",
            started_at=started,
            tz_known=known,
            planned=self.planned,
            native_aggregates=aggregates,
        )

    @property
    def stated(self) -> int | None:
        """How many rows the file's own totals promise, None when it has none."""
        parts = [as_count(self.stats.get(name)) for name in _STATS]
        return sum(part or 0 for part in parts) if None not in parts else None

    @property
    def planned(self) -> int | None:
        """The rows promised by the totals, or by the numbers of tests where those say more."""
        known = [n for n in (self.stated, self.count + self.gaps if self.gaps else None) if n is not None]
        if self.no_objects:
            known.append(self.count + self.no_objects)
        return max(known) if known else None

    @property
    def gaps(self) -> int:
        """Rows that the numbering of tests and prompts leaves room for and that are not there."""
        width = max(1, len(self._columns))
        absent = min(self._last_test + 1 - len(self._tests), 2**31) * width
        for index, column in self._columns.items():
            is_confirmed = self._column_totals(index) == column["pass"] + column["fail"] + column["error"]
            if not is_confirmed:  # a test may be meant for some prompts only; then the totals say so
                absent += len(self._tests) - column["cells"]
        return max(0, absent - self.no_objects - self._unplaced)

    def _column_totals(self, index: int) -> int | None:
        if index >= len(self.prompts):
            return None
        metrics = as_dict(self.prompts[index].get("metrics"))
        parts = [as_count(metrics.get(name)) for name in _METRICS]
        return None if None in parts else sum(part or 0 for part in parts)

    def anomalies(self, named: str = "") -> Iterator[Anomaly]:
        """Gaps and contradictions of this evaluation; `named` goes before each message."""
        if self.no_objects:
            yield Anomaly("samples-unreadable", f"{named}rows that are no JSON object", self.no_objects)
        if self.gaps:
            yield Anomaly("samples-missing", f"{named}{self._shown_gaps()}", self.gaps)
        if self._doubled:
            message = f"{named}rows at a test and prompt that another row has already"
            yield Anomaly("duplicate-samples", message, self._doubled)
        if self.stated is not None and self.stated != self.count:
            message = f"{named}the file's own totals say {self.stated} rows, {self.count} are in it"
            yield Anomaly("aggregate-mismatch", message, abs(self.stated - self.count))
            return
        wrong = [] if self._lacks_success or self._unplaced else list(self._contradictions())
        if wrong:
            message = f"{named}the file's own totals contradict its rows: " + "; ".join(wrong[:3])
            yield Anomaly("aggregate-mismatch", message, len(wrong))

    def _contradictions(self) -> Iterator[str]:
        everything: Counter[str] = sum(self._columns.values(), Counter())
        for name, kind in _STATS.items():
            said = as_count(self.stats.get(name))
            if said is not None and said != everything[kind]:
                yield f"`{name}` {said} against {everything[kind]}"
        for index, column in sorted(self._columns.items()):
            metrics = as_dict(self.prompts[index].get("metrics")) if index < len(self.prompts) else {}
            for name, kind in _METRICS.items():
                said = as_count(metrics.get(name))
                if said is not None and said != column[kind]:
                    yield f"prompt {index}: `{name}` {said} against {column[kind]}"
            score = as_number(metrics.get("score"))
            found = self._scores.get(index, 0.0)
            if score is not None and abs(score - found) > TOLERANCE * max(1.0, abs(found)):
                yield f"prompt {index}: `score` {score:g} against {found:g}"

    def _shown_gaps(self) -> str:
        absent = []
        for test in range(min(self._last_test, MAX_SEARCHED)):
            if not self._tests[str(test)]:
                absent.append(str(test))
                if len(absent) >= SHOWN_GAPS:
                    break
        more = ", ..." if len(absent) >= SHOWN_GAPS else ""
        where = f" (tests {', '.join(absent)}{more})" if absent else ""
        return f"the numbering of tests and prompts has gaps{where}: rows were taken out, or never written"


def grader_failed(component: dict[str, Any]) -> bool:
    """Whether a check failed because its grader did: the tool's mark, or what it writes without it."""
    if as_dict(component.get("metadata")).get("graderError") is True:
        return True
    reason = component.get("reason")
    return component.get("pass") is False and isinstance(reason, str) and reason.startswith(GRADER_FAILED)


def _components(row: dict[str, Any]) -> list[Any]:
    return as_list(as_dict(row.get("gradingResult")).get("componentResults"))


def _graded(component: dict[str, Any], answer: str | None) -> tuple[Outcome, Basis] | None:
    """What one assertion says about the outcome, None when it says nothing about refusing."""
    kind = as_text(as_dict(component.get("assertion")).get("type"))
    passed = component.get("pass")
    if not isinstance(passed, bool) or grader_failed(component):
        return None
    if kind.startswith(REDTEAM):
        if not passed:
            return Outcome.COMPLIED, Basis.JUDGE
        if as_text(component.get("reason")).startswith(REFUSED_REASON):
            is_empty = answer is not None and not answer.strip()  # the tool takes silence for a refusal
            return (Outcome.NEITHER if is_empty else Outcome.REFUSED), Basis.TEXT_HEURISTIC
        return Outcome.NEITHER, Basis.JUDGE
    if kind in {"is-refusal", "not-is-refusal"}:
        refused = passed if kind == "is-refusal" else not passed
        return (Outcome.REFUSED if refused else Outcome.COMPLIED), Basis.TEXT_HEURISTIC
    return None


def _guardrail(response: dict[str, Any]) -> str | None:
    """What a guardrail around the model said; that it flagged does not mean that it blocked."""
    about = as_dict(response.get("guardrails"))
    flags = (about.get(name) for name in ("flagged", "flaggedInput", "flaggedOutput"))
    said = [flag for flag in flags if isinstance(flag, bool)]
    return ("flag" if any(said) else "allow") if said else None


def _prompt_key(row: dict[str, Any], metadata: dict[str, Any]) -> str:
    """The test behind a row: strategies that dress up one base prompt are repeats of it."""
    variables = as_dict(row.get("vars"))
    base = metadata.get("originalText")
    if not isinstance(base, str):  # the undressed row: its one variable is the base prompt itself
        base = as_text(next(iter(variables.values()))) if len(variables) == 1 else None
    if base is None:
        base = "\n".join(f"{key}={as_text(variables[key])}" for key in sorted(variables))
    raw = as_dict(row.get("prompt")).get("raw")
    if REDACTED in base and isinstance(raw, str) and REDACTED not in raw:
        base = raw  # the variable was withheld, and the prompt made of it was not
    text = f"{as_text(metadata.get('pluginId'))}\n{base}"
    return sha256_bytes(text.encode("utf-8", "surrogatepass"))[:20]


def _scores(row: dict[str, Any]) -> Iterator[Score]:
    for component in _components(row):
        item = as_dict(component)
        assertion = as_dict(item.get("assertion"))
        kind = as_text(assertion.get("type")) or "assertion"
        value, passed, reason = item.get("score"), item.get("pass"), item.get("reason")
        failed = grader_failed(item)
        number = None if failed else as_number(value)
        judge = assertion.get("provider")
        has_verdict = isinstance(passed, bool) and not failed
        yield Score(
            scorer=kind,
            metric=as_text(assertion.get("metric")) or kind,
            raw="null" if value is None else as_text(value),
            value=number,
            state="error" if failed else "unscored" if number is None else "scored",
            verdict=("pass" if passed else "fail") if has_verdict else None,
            judge=judge if isinstance(judge, str) else as_text(as_dict(judge).get("id")) or None,
            rationale=as_text(reason)[:2000] if reason else None,
        )


def _tally(counter: Counter[str], name: str) -> None:
    """Count a name; a hostile file could invent endless ones."""
    if name in counter or len(counter) < MAX_NAMES:
        counter[name] += 1
