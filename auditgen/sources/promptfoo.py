"""promptfoo evaluations and red teams (`results.version` 3 JSON).

Traps read straight: `error` is also set on ordinary assertion failures, so the error flag is
`failureReason` 2; `success` in a red team means the model behaved; prompts that look like secrets are
redacted by the tool itself, and the row says so.
"""

from __future__ import annotations

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
from auditgen.sources.jsontext import (
    FiniteStream,
    as_count,
    as_dict,
    as_list,
    as_number,
    as_text,
    build_object,
    is_irregular_file,
    parse_events,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


FAILURE_IS_ERROR = 2
REDTEAM = "promptfoo:redteam:"
REFUSED_REASON = "Model refused the request"
REDACTED = "[REDACTED]"


class PromptfooSource:
    """promptfoo JSON exports, version 3 of its results."""

    name: ClassVar[str] = "promptfoo"
    version: ClassVar[str] = "1"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the keys of the outermost object."""
        if {"evalId", "results"} <= probe.top_keys:
            return Recognition("promptfoo.json", "JSON with evalId and results at the top")
        return None

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Rows as they stream by; the run's own totals come after them."""
        import ijson

        rows = _Rows(context)
        with path.open("rb") as raw:
            finite = FiniteStream(raw) if is_irregular_file(path) else None
            events = parse_events(finite or raw)
            index = 0
            try:
                for prefix, event, value in events:
                    if prefix == "results.results.item" and event == "start_map":
                        row = build_object(events, prefix)
                        yield rows.observation(row, f"pointer:/results/results/{index}")
                        index += 1
                    elif prefix == "results.results.item" and not event.startswith("end_"):
                        rows.no_objects += 1
                        index += 1
                    elif prefix in {"results.stats", "metadata"} and event == "start_map":
                        rows.about[prefix] = build_object(events, prefix)
                    elif prefix in {"evalId", "results.timestamp"} and event == "string":
                        rows.about[prefix] = value
            except (ijson.JSONError, ValueError, RecursionError) as error:
                message = f"the file breaks off or is damaged: {str(error)[:120]}"
                yield Anomaly("truncated", message)
            if finite is not None and finite.count:
                yield Anomaly("nonfinite-json", "numbers written as NaN or Infinity", finite.count)
        yield from rows.closing()


class _Rows:
    """What is known of an evaluation while its rows stream by."""

    def __init__(self, context: Context) -> None:
        self.fields = FieldReader(context, PromptfooSource.name)
        self.about: dict[str, Any] = {}
        self.count = 0
        self.errors = 0
        self.redacted = 0
        self.ungraded = 0
        self.no_objects = 0
        self.suites: dict[str, int] = {}
        self.models: dict[str, int] = {}

    @property
    def run_key(self) -> str:
        return str(self.about.get("evalId") or "eval")

    def observation(self, row: dict[str, Any], locator: str) -> Observation:
        """One row: one prompt, one provider."""
        self.count += 1
        metadata, response = as_dict(row.get("metadata")), as_dict(row.get("response"))
        plugin = metadata.get("pluginId")
        record = {**row, "plugin": plugin, "metadata": metadata}
        provider = as_dict(row.get("provider"))
        output = response.get("output")
        answer = output if isinstance(output, str) else None
        mapped = self.fields.read(
            record, suite=as_text(plugin), response=answer, scores=tuple(_scores(row))
        )
        model = mapped.model or as_text(provider.get("label") or provider.get("id"))
        self.models[model] = self.models.get(model, 0) + 1
        described = as_text(as_dict(row.get("testCase")).get("description"))
        suite = "red team" if plugin else described or "eval"
        self.suites[suite] = self.suites.get(suite, 0) + 1
        raw = as_dict(row.get("prompt")).get("raw")
        prompt = raw if isinstance(raw, str) else None
        is_redacted = prompt is not None and REDACTED in prompt
        self.redacted += is_redacted
        outcome, basis = self._outcome(row, mapped, response)
        expected = mapped.expected
        if expected is None and plugin:
            expected = Expected.REFUSE  # every red-team plugin asks for what must not be done
        strategy = mapped.strategy or metadata.get("strategyId")
        at, _ = parse_time(self.about.get("results.timestamp"))
        failed = outcome is Outcome.PROVIDER_ERROR
        return Observation(
            run_key=self.run_key,
            sample_id=as_text(row.get("id"))
            or f"{as_text(row.get('testIdx'))}/{as_text(row.get('promptIdx'))}",
            prompt_key=mapped.prompt_key or _prompt_key(row, metadata),
            epoch=1,
            outcome=outcome,
            basis=basis,
            locator=locator,
            suite=suite,
            model=model,
            expected=expected,
            watch=mapped.watch,
            watch_basis=mapped.watch_basis,
            cohort=mapped.cohort,
            category=mapped.category or (as_text(plugin) if plugin else None),
            strategy=as_text(strategy) if strategy else ("basic" if plugin else None),
            language=mapped.language,
            prompt=prompt,
            prompt_state="redacted_by_tool" if is_redacted else ("full" if prompt else "absent"),
            response=answer,
            error_text=as_text(row.get("error") or response.get("error")) if failed else None,
            observed_at=at,
            refusal_native=response.get("isRefusal") if isinstance(response.get("isRefusal"), bool) else None,
            scores=mapped.scores,
        )

    def _outcome(
        self, row: dict[str, Any], mapped: Mapped, response: dict[str, Any]
    ) -> tuple[Outcome, Basis]:
        if row.get("failureReason") == FAILURE_IS_ERROR or response.get("error"):
            self.errors += 1
            return Outcome.PROVIDER_ERROR, Basis.NATIVE_FIELD
        if mapped.outcome is not None:
            return mapped.outcome
        if response.get("isRefusal") is True:
            return Outcome.REFUSED, Basis.NATIVE_FIELD
        components = as_list(as_dict(row.get("gradingResult")).get("componentResults"))
        graded = [_graded(as_dict(item)) for item in components]
        decided = [found for found in graded if found is not None]
        if decided:  # several graders may disagree: what speaks against the model counts
            return next((d for d in decided if d[0] is Outcome.COMPLIED), decided[0])
        self.ungraded += 1
        return Outcome.UNSCORED, Basis.NONE

    def closing(self) -> Iterator[Item]:
        """The run, the anomalies and the facts."""
        stats, metadata = as_dict(self.about.get("results.stats")), as_dict(self.about.get("metadata"))
        parts = [as_count(stats.get(name)) for name in ("successes", "failures", "errors")]
        planned = sum(part or 0 for part in parts) if None not in parts else None
        created = metadata.get("evaluationCreatedAt") or self.about.get("results.timestamp")
        started, known = parse_time(created)
        models = sorted(model for model in self.models if model)
        yield Run(
            run_key=self.run_key,
            native_id=str(self.about["evalId"]) if self.about.get("evalId") else None,
            suite=", ".join(sorted(self.suites)),
            model=", ".join(models),
            model_origin="provider.label" if models else "",
            started_at=started,
            tz_known=known,
            planned=planned,
        )
        yield from self.fields.anomalies()
        if self.redacted:
            message = "prompts that the tool itself withheld as looking like secrets"
            yield Anomaly("redacted-by-tool", message, self.redacted)
        if self.ungraded:
            message = "rows that no grader and no declared rule decides"
            yield Anomaly("outcome-undecided", message, self.ungraded)
        if self.no_objects:
            yield Anomaly("samples-unreadable", "rows that are no JSON object", self.no_objects)
        if planned is not None and planned != self.count:
            message = f"the file's own totals say {planned} rows, {self.count} are in it"
            yield Anomaly("aggregate-mismatch", message, abs(planned - self.count))
        if not self.count:
            yield Anomaly("no-samples", "the file holds no rows", blocks=True)
        elif self.errors == self.count:
            message = f"every one of {self.count} rows is an error"
            yield Anomaly("all-samples-failed", message, self.count, blocks=True)
        if self.no_objects:
            planned = max(planned or 0, self.count + self.no_objects)
        version = as_text(metadata.get("promptfooVersion"))
        yield Facts(
            tool="promptfoo",
            tool_version=version,
            planned=planned,
            suites=self.fields.suites,
            completeness={
                "run": Presence.PRESENT if self.about.get("evalId") else Presence.ABSENT,
                "time": Presence.PRESENT if started else Presence.ABSENT,
                "model": Presence.PRESENT if models else Presence.ABSENT,
                "version": Presence.PRESENT if version else Presence.ABSENT,
                "denominator": Presence.PRESENT if planned is not None else Presence.ABSENT,
                "threshold": Presence.ABSENT,
            },
        )


def _graded(component: dict[str, Any]) -> tuple[Outcome, Basis] | None:
    """What one assertion says about the outcome, None when it says nothing about refusing."""
    kind = as_text(as_dict(component.get("assertion")).get("type"))
    passed = component.get("pass")
    if not isinstance(passed, bool):
        return None
    if kind.startswith(REDTEAM):
        if not passed:
            return Outcome.COMPLIED, Basis.JUDGE
        if component.get("reason") == REFUSED_REASON:
            return Outcome.REFUSED, Basis.TEXT_HEURISTIC
        return Outcome.NEITHER, Basis.JUDGE
    if kind in {"is-refusal", "not-is-refusal"}:
        refused = passed if kind == "is-refusal" else not passed
        return (Outcome.REFUSED if refused else Outcome.COMPLIED), Basis.TEXT_HEURISTIC
    return None


def _prompt_key(row: dict[str, Any], metadata: dict[str, Any]) -> str:
    """The test behind a row: strategies that dress up one base prompt are repeats of it."""
    variables = as_dict(row.get("vars"))
    base = metadata.get("originalText")
    if not isinstance(base, str):  # the undressed row: its one variable is the base prompt itself
        base = as_text(next(iter(variables.values()))) if len(variables) == 1 else None
    if base is None:
        base = "\n".join(f"{key}={as_text(variables[key])}" for key in sorted(variables))
    text = f"{as_text(metadata.get('pluginId'))}\n{base}"
    return sha256_bytes(text.encode("utf-8", "surrogatepass"))[:20]


def _scores(row: dict[str, Any]) -> Iterator[Score]:
    for component in as_list(as_dict(row.get("gradingResult")).get("componentResults")):
        item = as_dict(component)
        assertion = as_dict(item.get("assertion"))
        kind = as_text(assertion.get("type")) or "assertion"
        value = item.get("score")
        number = as_number(value)
        passed = item.get("pass")
        reason = item.get("reason")
        yield Score(
            scorer=kind,
            metric=as_text(assertion.get("metric")) or kind,
            raw="null" if value is None else as_text(value),
            value=number,
            state="unscored" if number is None else "scored",
            verdict=("pass" if passed else "fail") if isinstance(passed, bool) else None,
            rationale=as_text(reason)[:2000] if reason else None,
        )

