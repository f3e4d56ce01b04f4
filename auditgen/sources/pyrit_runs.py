"""Runs of PyRIT, which records scenarios only: other attacks of one operation and day are taken for one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditgen.evidence.model import Run
from auditgen.sources.jsontext import as_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from auditgen.sources.sqlite import Database

SCENARIOS = "ScenarioResultEntries"
SCENARIO_COLUMNS = ("scenario_name", "scenario_version", "scenario_run_state")
OPERATION_LABELS = ("op", "operation", "op_name")
MAX_RUNS, MAX_NAMES = 1000, 50
FURTHER = "further runs"


@dataclass
class Group:
    """Attacks taken for one run."""

    native_id: str | None
    suite: str
    version: str | None = None
    status: str | None = None
    first: datetime | None = None
    last: datetime | None = None
    models: dict[str, None] = field(default_factory=dict)
    suites: dict[str, None] = field(default_factory=dict)


class Runs:
    """The runs of a database while its attacks go by."""

    def __init__(self) -> None:
        self.versions: dict[str, None] = {}
        """Of PyRIT."""
        self.named = 0
        """Attacks that name the scenario they belong to."""
        self._groups: dict[str, Group] = {}

    def take(
        self, database: Database, row: dict[str, Any], labels: dict[str, Any], at: datetime | None,
        model: str, technique: str,
    ) -> str:  # fmt: skip
        """The run an attack is taken to belong to: its scenario, else its operation and day."""
        parent = row.get("attribution_parent_id")
        operation = next((labels[name] for name in OPERATION_LABELS if labels.get(name)), None)
        day = at.date().isoformat() if at else "no day"
        key = as_text(parent) or f"{as_text(operation) or 'pyrit'} {day}"
        self.named += bool(parent)
        if key not in self._groups and len(self._groups) >= MAX_RUNS:
            key, parent = FURTHER, None
        if key not in self._groups:
            self._groups[key] = _opened(database, parent)
        group = self._groups[key]
        _keep(group.suites, technique)
        _keep(group.models, model)
        _keep(self.versions, as_text(row.get("pyrit_version")))
        if at is not None:
            group.first = at if group.first is None else min(group.first, at)
            group.last = at if group.last is None else max(group.last, at)
        return key

    def as_recorded(self, origin: str) -> Iterator[Run]:
        """The runs, in order of their names; `origin` is the field that models were read from."""
        for key, group in sorted(self._groups.items()):
            yield Run(
                run_key=key,
                native_id=group.native_id,
                suite=group.suite or ", ".join(sorted(group.suites)),
                suite_version=group.version,
                model=", ".join(sorted(group.models)),
                model_origin=origin if group.models else "",
                started_at=group.first,
                ended_at=group.last,
                native_status=group.status,
            )


def _opened(database: Database, parent: Any) -> Group:
    if not isinstance(parent, str) or database.kinds.get(SCENARIOS) != "table":
        return Group(None, "")
    found = database.find(SCENARIOS, SCENARIO_COLUMNS, {"id": parent})
    about = found[0][1] if found else {}
    name, version, state = (as_text(about.get(column)) for column in SCENARIO_COLUMNS)
    return Group(parent, name, version or None, state or None)


def _keep(names: dict[str, None], name: str) -> None:
    """Remember a name; a hostile file could invent endless ones."""
    if name and len(names) < MAX_NAMES:
        names[name] = None
