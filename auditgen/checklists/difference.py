"""What changed between two checklists: controls added, removed and changed, field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from auditgen.checklists.model import Checklist, Control


@dataclass(frozen=True, slots=True)
class Change:
    """One field, then and now; None where it was not there."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class ControlChange:
    """A control that is in both, and what of it changed."""

    id: str
    title: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that differs; empty when nothing does. The order of controls is not compared."""

    framework: tuple[Change, ...]
    other: tuple[Change, ...]
    """Vocabulary, questions and groups."""
    added: tuple[Control, ...]
    removed: tuple[Control, ...]
    changed: tuple[ControlChange, ...]
    same: int
    """Controls that are equal in both."""

    @property
    def is_empty(self) -> bool:
        """Whether the two say the same."""
        return not (self.framework or self.other or self.added or self.removed or self.changed)


def difference(old: Checklist, new: Checklist) -> Difference:
    """How `new` differs from `old`."""
    before = {control.id: control for control in old.controls}
    after = {control.id: control for control in new.controls}
    changed = []
    for name, control in after.items():
        if name in before:
            changes = tuple(_changes(before[name], control))
            if changes:
                changed.append(ControlChange(name, control.title, changes))
    return Difference(
        framework=tuple(_changes(old.framework, new.framework)),
        other=(
            *_changes(old.vocabulary, new.vocabulary, "vocabulary."),
            *_keyed("questions", old.questions, new.questions),
            *_keyed("groups", old.groups, new.groups),
        ),
        added=tuple(control for name, control in after.items() if name not in before),
        removed=tuple(control for name, control in before.items() if name not in after),
        changed=tuple(changed),
        same=len(before.keys() & after.keys()) - len(changed),
    )


def _changes(old: BaseModel, new: BaseModel, prefix: str = "") -> Iterator[Change]:
    """Fields that differ; of lists whose entries have an id, entry by entry."""
    then, now = _plain(old), _plain(new)
    for name in dict.fromkeys((*then, *now)):
        was, is_ = then.get(name), now.get(name)
        if was == is_:
            continue
        if _has_ids(was) and _has_ids(is_):
            yield from _entries(f"{prefix}{name}", was or (), is_ or ())
        elif isinstance(was, dict) and isinstance(is_, dict) and name in {"licence", "review"}:
            for key in dict.fromkeys((*was, *is_)):
                if was.get(key) != is_.get(key):
                    yield Change(f"{prefix}{name}.{key}", was.get(key), is_.get(key))
        else:
            yield Change(f"{prefix}{name}", was, is_)


def _keyed(name: str, old: Any, new: Any) -> Iterator[Change]:
    yield from _entries(name, [_plain(item) for item in old], [_plain(item) for item in new])


def _entries(name: str, old: Any, new: Any) -> Iterator[Change]:
    then, now = {item["id"]: item for item in old}, {item["id"]: item for item in new}
    for key in dict.fromkeys((*then, *now)):
        was, is_ = then.get(key), now.get(key)
        if was is None or is_ is None:
            yield Change(f"{name}[{key}]", was, is_)
            continue
        for field in dict.fromkeys((*was, *is_)):
            if was.get(field) != is_.get(field):
                yield Change(f"{name}[{key}].{field}", was.get(field), is_.get(field))


def _has_ids(value: Any) -> bool:
    return value is None or (
        isinstance(value, list) and bool(value) and all(isinstance(v, dict) and "id" in v for v in value)
    )


def _plain(model: BaseModel) -> dict[str, Any]:
    """As JSON would have it, without what is not said."""
    return model.model_dump(mode="json", by_alias=True, exclude_defaults=True)
