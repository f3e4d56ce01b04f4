"""PyRIT's memory database (`AttackResultEntries`, schema of 1.0 and later).

`outcome` is the attack's: `failure` means that it failed, not that the model refused, and not that the
attack ran well either: without a response it only says that nobody got an answer. `error` covers the
grader's failures too; where the model had answered by then, it is the grader's. Times are UTC: PyRIT
stores them so, without writing the zone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from auditgen.canonical import sha256_bytes
from auditgen.evidence.model import Anomaly, Basis, Observation, Outcome, Presence, Score
from auditgen.sources.fields import FieldReader, Mapped, parse_time
from auditgen.sources.interface import Context, Facts, Item, Probe, Recognition
from auditgen.sources.jsontext import as_dict, as_list, as_number, as_text
from auditgen.sources.pyrit_runs import Runs
from auditgen.sources.pyrit_turns import FAILED_RESPONSE, MESSAGES, Turn, Turns, asked, text_of
from auditgen.sources.sqlite import Database, SqliteFault, journals, open_copy
from auditgen.sources.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ATTACKS, SCORES = "AttackResultEntries", "ScoreEntries"
CONVERSATIONS, REVISION = "Conversations", "pyrit_memory_alembic_version"
IDENTIFIERS = "AtomicAttackIdentifiers"
ATTACK_COLUMNS = (
    "id", "conversation_id", "objective", "objective_sha256", "atomic_attack_identifier",
    "atomic_attack_identifier_hash", "last_response_id", "last_score_id", "executed_turns", "outcome",
    "outcome_reason", "attack_metadata", "pruned_conversation_ids",
    "adversarial_chat_conversation_ids", "timestamp", "pyrit_version", "labels", "error_message",
    "error_type", "attribution_parent_id", "targeted_harm_categories",
)  # fmt: skip
SCORE_COLUMNS = (
    "id", "score_value", "score_type", "score_rationale", "scorer_class_identifier", "status",
)  # fmt: skip
INDEXES = {
    MESSAGES: ("id",),
    SCORES: ("prompt_request_response_id",),
}
REFUSAL_SCORER = "RefusalScorer"
MAX_SCORES, MAX_TARGETS = 50, 1000
MAX_RATIONALE = 2000


class PyritSource:
    """PyRIT 1.x SQLite memory."""

    name: ClassVar[str] = "pyrit"
    version: ClassVar[str] = "1"

    def recognise(self, probe: Probe) -> Recognition | None:
        """By the names of its tables."""
        if MESSAGES in probe.sqlite_tables and {ATTACKS, SCORES} & probe.sqlite_tables:
            return Recognition("pyrit.sqlite", f"SQLite with the table `{MESSAGES}`")
        return None

    def companions(self, path: Path, available: Sequence[Path]) -> Sequence[Path]:
        """Journals of a database that was not closed: part of its rows stand there."""
        return journals(path)

    def read(self, path: Path, context: Context) -> Iterator[Item]:
        """Attack by attack, each with its last message and that message's scores."""
        memory = _Memory(context)
        try:
            with open_copy(path, INDEXES, {MESSAGES: ("conversation_id", "sequence")}) as database:
                yield from memory.read(database)
        except SqliteFault as fault:
            yield Anomaly("unreadable", fault.message, blocks=True)
        yield from memory.closing()


class _Memory:
    """What is known of a database while its attacks are read."""

    def __init__(self, context: Context) -> None:
        self.fields = FieldReader(context, PyritSource.name)
        self.runs = Runs()
        self.repeats = Tally()
        self.turns = Turns()
        self.targets: set[str] = set()
        self.revision = ""
        self.count = self.errors = self.undecided = self.judge_failed = 0
        self.contradicted = self.orphans = self.lost = 0
        self.origin = ""
        self.undated = 0
        self.breaks: list[str] = []

    def read(self, database: Database) -> Iterator[Item]:
        """Every attack, then what no attack accounts for."""
        database.columns(MESSAGES)
        columns = database.columns(ATTACKS)
        if "outcome" not in columns:
            raise SqliteFault(f"`{ATTACKS}` has no column `outcome`")
        for table in (ATTACKS, MESSAGES, SCORES):
            if table in database.kinds:
                self.breaks += [f"`{table}`: {line}" for line in database.faults(table)[:1]]
        self.revision = _first(database, REVISION, "version_num")
        last = 0
        try:
            for rowid, row in database.rows(ATTACKS, ATTACK_COLUMNS):
                self.lost += max(0, min(rowid - last - 1, 2**31))
                last = rowid
                yield self.observation(database, rowid, row)
            self._look_for_orphans(database)
        except SqliteFault as fault:
            self.breaks.append(fault.message)
        if database.oversized:
            message = "rows with values too long to read"
            yield Anomaly("samples-unreadable", message, database.oversized)

    def observation(self, database: Database, rowid: int, row: dict[str, Any]) -> Observation:
        """One attack."""
        self.count += 1
        identifier = self._identifier(database, row)
        attack = _child(_child(identifier, "attack_technique"), "attack")
        target = _child(attack, "objective_target")
        turn = self.turns.of(database, row)
        scores, refused, last_verdict = self._scores(database, row, turn)
        labels = as_dict(self.turns.opened(row.get("labels")))
        technique = as_text(attack.get("class_name")) or "pyrit"
        converters = self.turns.converters(turn)
        harms = [as_text(h) for h in as_list(self.turns.opened(row.get("targeted_harm_categories"))) if h]
        objective = as_text(row.get("objective"))
        self.turns.note_digest(objective, row.get("objective_sha256"))
        prompt, original = asked(turn, "converted_value"), asked(turn, "original_value")
        answer = text_of(turn.response, "converted_value")
        response_error = as_text(turn.response.get("response_error")) or "none"
        record = {
            **row,
            "labels": labels,
            "attack": technique,
            "converters": converters,
            "targeted_harm_categories": harms,
            "metadata": as_dict(self.turns.opened(row.get("attack_metadata"))),
            "response_error": response_error,
            "prompt": {"original": original, "converted": prompt},
            "scores": {score.scorer: score.raw for score in reversed(scores)},
        }
        mapped = self.fields.read(
            record,
            suite=technique,
            version=as_text(row.get("pyrit_version")),
            response=answer,
            scores=scores,
        )
        outcome, basis = self._outcome(row, turn, mapped, refused=refused, verdict=last_verdict)
        model = mapped.model or self._model(target or self._tested(database, row))
        at, _ = parse_time(row.get("timestamp"))
        self.undated += at is None
        prompt_key = mapped.prompt_key or sha256_bytes(objective.encode("utf-8", "surrogatepass"))[:20]
        strategy = mapped.strategy or " + ".join([technique, *converters])
        run_key = self.runs.take(database, row, labels, at, model, technique)
        failed = outcome in {Outcome.PROVIDER_ERROR, Outcome.JUDGE_ERROR}
        said = row.get("error_message") or row.get("outcome_reason")
        return Observation(
            run_key=run_key,
            sample_id=as_text(row.get("id")) or f"row {rowid}",
            prompt_key=prompt_key,
            epoch=self.repeats.add(f"{run_key}\n{prompt_key}\n{strategy}"),
            outcome=outcome,
            basis=basis,
            locator=f"table:{ATTACKS}#rowid={rowid}",
            suite=technique,
            model=model,
            expected=mapped.expected,
            watch=mapped.watch,
            watch_basis=mapped.watch_basis,
            cohort=mapped.cohort,
            category=mapped.category or ", ".join(harms) or None,
            strategy=strategy,
            language=mapped.language,
            labels=mapped.labels,
            prompt=prompt,
            prompt_state="full" if prompt is not None else "absent",
            response=answer,
            error_text=as_text(said) if failed and said else None,
            observed_at=at,
            refusal_native=refused,
            scores=mapped.scores,
        )

    def _outcome(
        self, row: dict[str, Any], turn: Turn, mapped: Mapped, *, refused: bool | None, verdict: bool | None
    ) -> tuple[Outcome, Basis]:
        said, response_error = row.get("outcome"), turn.response.get("response_error")
        if said == "error" and turn.has_answer:
            self.judge_failed += 1
            return Outcome.JUDGE_ERROR, Basis.NATIVE_FIELD
        if said == "error" or (said == "failure" and not turn.response):
            self.errors += 1
            return Outcome.PROVIDER_ERROR, Basis.NATIVE_FIELD
        achieved = {"success": True, "failure": False}.get(said) if isinstance(said, str) else None
        if achieved is not None and verdict is not None and achieved is not verdict:
            self.contradicted += 1
            achieved = True  # two records of one attack: what speaks against the model counts
        if mapped.outcome is not None:
            return mapped.outcome
        if achieved:
            return Outcome.COMPLIED, Basis.JUDGE
        if response_error == "blocked":
            return Outcome.BLOCKED_OUTPUT, Basis.FINISH_REASON
        if response_error in FAILED_RESPONSE:
            self.errors += 1
            return Outcome.PROVIDER_ERROR, Basis.NATIVE_FIELD
        if achieved is False:
            return (Outcome.REFUSED if refused else Outcome.NEITHER), Basis.JUDGE
        self.undecided += 1
        return Outcome.UNSCORED, Basis.NONE

    def _scores(
        self, database: Database, row: dict[str, Any], turn: Turn
    ) -> tuple[tuple[Score, ...], bool | None, bool | None]:
        """The scores of the last response, whether one says refused, and what the deciding one says."""
        if SCORES not in database.kinds:
            return (), None, None
        found: dict[int, dict[str, Any]] = {}
        answered = turn.response.get("id")
        for column, value in (("id", row.get("last_score_id")), ("prompt_request_response_id", answered)):
            if isinstance(value, str):
                found |= dict(database.find(SCORES, SCORE_COLUMNS, {column: value}, MAX_SCORES))
        scores, refused, verdict = [], None, None
        for _, item in sorted(found.items()):
            score, holds = self._score(item)
            scores.append(score)
            if holds is not None and score.scorer.endswith(REFUSAL_SCORER):
                refused = holds
            if holds is not None and item.get("id") == row.get("last_score_id"):
                verdict = holds
        return tuple(scores), refused, verdict

    def _score(self, item: dict[str, Any]) -> tuple[Score, bool | None]:
        scorer = as_dict(self.turns.opened(item.get("scorer_class_identifier")))
        name = as_text(scorer.get("class_name")) or "scorer"
        raw, holds, value = as_text(item.get("score_value")), None, None
        if item.get("status", "complete") == "complete":
            if item.get("score_type") == "true_false":
                holds = {"true": True, "false": False}.get(raw.strip().lower())
                value = None if holds is None else float(holds)
            else:
                value = _float(raw)
        grader = _child(scorer, "prompt_target") or _child(scorer, "chat_target")
        rationale = item.get("score_rationale")
        return Score(
            scorer=name,
            metric=name,
            raw=raw or "null",
            value=value,
            state="scored" if value is not None else "unscored",
            judge=as_text(grader.get("model_name") or grader.get("class_name")) or None,
            rationale=as_text(rationale)[:MAX_RATIONALE] if rationale else None,
        ), holds

    def _identifier(self, database: Database, row: dict[str, Any]) -> dict[str, Any]:
        """Of the attack: in the row itself, or under its hash in a table of its own."""
        own = as_dict(self.turns.opened(row.get("atomic_attack_identifier")))
        digest = row.get("atomic_attack_identifier_hash")
        if own or not isinstance(digest, str) or IDENTIFIERS not in database.kinds:
            return own
        found = database.find(IDENTIFIERS, ("identifier_json",), {"hash": digest})
        return as_dict(self.turns.opened(found[0][1].get("identifier_json"))) if found else {}

    def _model(self, target: dict[str, Any]) -> str:
        digest = target.get("hash")
        if isinstance(digest, str) and len(self.targets) < MAX_TARGETS:
            self.targets.add(digest)
        for name in ("model_name", "underlying_model_name", "class_name"):
            if target.get(name):
                self.origin = self.origin or f"objective_target.{name}"
                return as_text(target[name])
        return ""

    def _tested(self, database: Database, row: dict[str, Any]) -> dict[str, Any]:
        """The system under test as the conversation names it: attacks that failed do not."""
        name = row.get("conversation_id")
        if not isinstance(name, str) or database.kinds.get(CONVERSATIONS) != "table":
            return {}
        found = database.find(CONVERSATIONS, ("target_identifier",), {"conversation_id": name})
        return as_dict(self.turns.opened(found[0][1].get("target_identifier"))) if found else {}

    def _look_for_orphans(self, database: Database) -> None:
        """Conversations with the tested system that no attack names: results may have been deleted."""
        if database.kinds.get(CONVERSATIONS) != "table":
            return
        wanted = ("conversation_id", "target_identifier_hash")
        for _, row in database.rows(CONVERSATIONS, wanted):
            name, target = row.get("conversation_id"), row.get("target_identifier_hash")
            if isinstance(name, str) and target in self.targets and not self.turns.referenced[name]:
                self.orphans += 1

    def closing(self) -> Iterator[Item]:
        """The runs, the anomalies and the facts."""
        yield from self.runs.as_recorded(self.origin)
        yield from self.fields.anomalies()
        yield from self._doubts()
        version = ", ".join(sorted(self.runs.versions))
        presence = Presence.PRESENT if self.runs.named == self.count else Presence.DERIVED
        yield Facts(
            tool="pyrit",
            tool_version=f"{version} (schema {self.revision})" if self.revision else version,
            planned=self.count + self.lost + self.orphans if self.lost or self.orphans else None,
            suites=self.fields.suites,
            completeness={
                "run": presence if self.count else Presence.ABSENT,
                "time": Presence.PRESENT if self.count > self.undated else Presence.ABSENT,
                "model": Presence.PRESENT if self.origin else Presence.ABSENT,
                "version": Presence.PRESENT if version else Presence.ABSENT,
                "denominator": Presence.DERIVED if self.count else Presence.ABSENT,
                "threshold": Presence.ABSENT,
            },
        )

    def _doubts(self) -> Iterator[Anomaly]:
        if self.breaks:
            yield Anomaly("truncated", "; ".join(self.breaks[:3]), len(self.breaks))
        if self.turns.nonfinite:
            yield Anomaly("nonfinite-json", "numbers written as NaN or Infinity", self.turns.nonfinite)
        if self.turns.changed:
            message = "texts that no longer fit the digest written beside them"
            yield Anomaly("aggregate-mismatch", message, self.turns.changed)
        if self.contradicted:
            message = "attacks whose outcome contradicts the score they ended with"
            yield Anomaly("aggregate-mismatch", message, self.contradicted)
        if self.lost:
            message = f"gaps in the row numbers of `{ATTACKS}`: rows were deleted"
            yield Anomaly("numbering-gaps", message, self.lost)
        if self.orphans:
            message = "conversations with the tested system that no attack result names"
            yield Anomaly("attempts-unevaluated", message, self.orphans)
        if self.judge_failed:
            message = "attacks that were answered and that the grader failed to judge"
            yield Anomaly("judge-failed", message, self.judge_failed)
        if self.undecided:
            message = "attacks whose outcome the tool calls undetermined, or does not name"
            yield Anomaly("outcome-undecided", message, self.undecided)
        if self.undated:
            yield Anomaly("undated-rows", "attacks without a readable time", self.undated)
        if not self.count:
            yield Anomaly("no-samples", "the database holds no attack result", blocks=True)
        elif self.errors == self.count:
            message = f"every one of {self.count} attacks is an error"
            yield Anomaly("all-samples-failed", message, self.count, blocks=True)


def _child(identifier: dict[str, Any], name: str) -> dict[str, Any]:
    return as_dict(as_dict(identifier.get("children")).get(name))


def _float(raw: str) -> float | None:
    try:
        return as_number(float(raw))
    except ValueError:
        return None


def _first(database: Database, table: str, column: str) -> str:
    if database.kinds.get(table) != "table":
        return ""
    return next((as_text(row.get(column)) for _, row in database.rows(table, (column,))), "")
