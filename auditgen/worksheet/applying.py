"""Edits of a workbook put into the value of audit.yaml, and the cell that each part of it comes from."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditgen.diagnostics import did_you_mean, shown_value
from auditgen.project.governance import Remedy, Waiver
from auditgen.project.model import Audit, Criterion, DocumentBlock, ExpectedItem, Principle
from auditgen.worksheet.columns import ANSWERED_BY, LIMIT, PRINCIPLE, THRESHOLD, THRESHOLDS
from auditgen.worksheet.facts import ANSWER, LISTS_OF_WORDS
from auditgen.worksheet.faults import Fault
from auditgen.worksheet.pages import LISTED
from auditgen.worksheet.sheets import DELETE_TITLE, Kind, items, parse, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import BaseModel

    from auditgen.worksheet.edits import Entry, Sheets
    from auditgen.worksheet.sheets import Column

Named = tuple[str, ...]
"""A path in which entries of lists are named by their id, not by their number."""
_MODELS: dict[str, type[BaseModel]] = {
    "principles": Principle, "expected": ExpectedItem, "documents": DocumentBlock, "waivers": Waiver,
    "remediation": Remedy,
}  # fmt: skip


@dataclass(slots=True)
class Applied:
    """The wanted value, and the cells that its parts come from."""

    value: dict[str, Any]
    places: dict[Named, tuple[str, str]] = field(default_factory=dict)
    """Sheet and cell."""
    faults: list[Fault] = field(default_factory=list)

    def place(self, path: Named, *, key: bool = False) -> tuple[str, str] | None:
        """The cell of a part of the value: its own, or of what holds it, or of what it holds."""
        if key and (*path, "#key") in self.places:
            return self.places[(*path, "#key")]
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        below = (place for name, place in self.places.items() if name[: len(path)] == path)
        return next(below, None) if path else None


def apply(value: dict[str, Any], sheets: Sheets) -> Applied:
    """A copy of `value` with all edits, and the faults that only show when rows are seen together."""
    out = Applied(copy.deepcopy(value))
    for title, rows in sheets.rows.items():
        entries = list(rows.values())
        if title == "About":
            _facts(out, entries)
        elif title == "Profile":
            _profile(out, entries)
        elif title in LISTED:
            _listed(out, title, entries)
        elif title == "Criteria":
            _criteria(out, entries)
        elif title == "Attestations":
            _attestations(out, entries)
        elif title == "Controls":
            gone = {e.key for e in sheets.rows.get("Principles", {}).values() if e.is_deleted}
            _answers(out, entries, gone)
    _deleted_principles(out, sheets)
    for entry in sheets.rows.get("Principles", {}).values():
        if entry.is_deleted:
            out.value["principles"] = [p for p in out.value["principles"] if p["id"] != entry.key]
    for name in LISTED.values():
        if value.get(name) and not out.value[name]:
            del out.value[name]
    return out


def put(entry: dict[str, Any], path: Sequence[str], value: Any, model: type[BaseModel] | None) -> None:
    """Set or, for None, take away what stands under some keys; a block that becomes empty goes too."""
    name, *more = path
    if more:
        inner = entry.get(name)
        changed = dict(inner) if isinstance(inner, dict) else {}
        put(changed, more, value, _inner(model, name))
        value = changed or None
    if value is None:
        entry.pop(name, None)
    elif name in entry:
        entry[name] = value
    else:
        _insert(entry, name, value, model)


def _insert(entry: dict[str, Any], name: str, value: Any, model: type[BaseModel] | None) -> None:
    """A new key where the model has it, so that the file reads as such files do."""
    order = [info.alias or key for key, info in model.model_fields.items()] if model else []
    later = order[order.index(name) + 1 :] if name in order else []
    kept = dict(entry)
    entry.clear()
    entry.update({k: v for k, v in kept.items() if k not in later})
    entry[name] = value
    entry.update({k: v for k, v in kept.items() if k in later})


def _inner(model: type[BaseModel] | None, name: str) -> type[BaseModel] | None:
    info = model.model_fields.get(name) if model else None
    if info is None:
        return None
    parts = [info.annotation, *getattr(info.annotation, "__args__", ())]
    return next((part for part in parts if hasattr(part, "model_fields")), None)


def _facts(out: Applied, entries: Iterable[Entry]) -> None:
    for entry in entries:
        for column in entry.columns:
            if column.path:
                out.places[column.path] = ("About", entry.cell(column.title))
        for edit in entry.edits:
            put(out.value, edit.column.path, parse(edit.after, edit.column.kind), Audit)


def _profile(out: Applied, entries: list[Entry]) -> None:
    for entry in entries:
        path = next(column.path for column in entry.columns if column.title == ANSWER)
        out.places[path] = ("Profile", entry.cell(ANSWER))
        if entry.edits and path[1] == "facts":
            put(out.value, path, parse(entry.texts[ANSWER], Kind.TEXT), Audit)
    for name, _ in LISTS_OF_WORDS:
        rows = {e.key.partition(".")[2]: e for e in entries if e.key.startswith(f"{name}.")}
        if not any(entry.edits for entry in rows.values()):
            continue
        answers = {word: entry.texts[ANSWER] for word, entry in rows.items()}
        if not any(answers.values()):
            put(out.value, ("profile", name), None, Audit)
            continue
        for word, answer in answers.items():
            if not answer:
                message = f"answer yes or no for every row of `{name}`, or leave all of them empty"
                out.faults.append(Fault("workbook-empty", message, "Profile", rows[word].cell(ANSWER)))
        before = (out.value.get("profile") or {}).get(name) or []
        chosen = [w for w in before if answers.get(w) == "yes"]
        chosen += [w for w, answer in answers.items() if answer == "yes" and w not in before]
        put(out.value, ("profile", name), chosen, Audit)


def _places(out: Applied, sheet: str, entry: Entry, path: Named) -> None:
    for column in entry.columns:
        if column.path and column.title in entry.letters:
            out.places[(*path, *column.path)] = (sheet, entry.cell(column.title))
    out.places[path] = (sheet, entry.cell(entry.columns[0].title))


def _filled(entry: Entry, columns: Iterable[Column], into: dict[str, Any], model: type[BaseModel]) -> None:
    """A new row's cells; the order of the columns is that of the keys."""
    for column in columns:
        text = entry.texts.get(column.title, "")
        if text and column.path:
            put(into, column.path, parse(text, column.kind), model)


def _listed(out: Applied, title: str, entries: list[Entry]) -> None:
    name = LISTED[title]
    model = _MODELS[name]
    found = {item["id"]: item for item in out.value.get(name) or []}
    for entry in entries:
        _places(out, title, entry, (name, entry.key))
        if entry.is_new:
            new: dict[str, Any] = {"id": entry.key}
            _filled(entry, entry.columns[1:], new, model)
            if name not in out.value:
                _insert(out.value, name, [], Audit)
            out.value[name].append(new)
        elif entry.is_deleted and name != "principles":  # principles go when their criteria are known
            out.value[name] = [item for item in out.value[name] if item["id"] != entry.key]
        elif not entry.is_deleted:
            for edit in entry.edits:
                put(found[entry.key], edit.column.path, parse(edit.after, edit.column.kind), model)


def _criteria(out: Applied, entries: list[Entry]) -> None:
    principles = {p["id"]: p for p in out.value["principles"]}
    homes = {c["id"]: p["id"] for p in out.value["principles"] for c in p.get("criteria") or []}
    for entry in entries:
        home = homes.get(entry.key, entry.texts.get(PRINCIPLE, ""))
        path = ("principles", home, "criteria", entry.key)
        _places(out, "Criteria", entry, path)
        for kind in THRESHOLDS:
            out.places[(*path, kind)] = ("Criteria", entry.cell(LIMIT))
            out.places[(*path, kind, "#key")] = ("Criteria", entry.cell(THRESHOLD))
        if home not in principles:
            helps = did_you_mean(home, principles) or (f"known: {', '.join(principles)}",)
            message = f"{shown_value(home)} is no principle; {helps[0]}"
            if home:
                out.faults.append(Fault("workbook-word", message, "Criteria", entry.cell(PRINCIPLE)))
            continue
        principle = principles[home]
        if entry.is_deleted:
            kept = [c for c in principle["criteria"] if c["id"] != entry.key]
            put(principle, ("criteria",), kept or None, Principle)
            continue
        if entry.is_new:
            item: dict[str, Any] = {"id": entry.key}
            put(principle, ("criteria",), [*(principle.get("criteria") or []), item], Principle)
        else:
            item = next(c for c in principle["criteria"] if c["id"] == entry.key)
        _criterion(entry, item)


def _criterion(entry: Entry, item: dict[str, Any]) -> None:
    for column in entry.columns[1:]:
        changed = [edit for edit in entry.edits if edit.column.title == column.title]
        if column.path and changed:
            put(item, column.path, parse(changed[0].after, column.kind), Criterion)
    if not any(edit.column.title in {THRESHOLD, LIMIT} for edit in entry.edits):
        return
    kind, limit = entry.texts.get(THRESHOLD, ""), parse(entry.texts.get(LIMIT, ""), Kind.NUMBER)
    for name in THRESHOLDS:
        if name != kind:
            item.pop(name, None)
    if kind in THRESHOLDS:  # another word was told already
        put(item, (kind,), limit, Criterion)


def _attestations(out: Applied, entries: list[Entry]) -> None:
    documents = {d["id"]: d for d in out.value.get("documents") or []}
    for entry in entries:
        path = ("documents", entry.key)
        for column in entry.columns:
            if column.path:
                out.places[(*path, *column.path)] = ("Attestations", entry.cell(column.title))
        out.places[(*path, "attestation")] = ("Attestations", entry.cell(entry.columns[0].title))
        if entry.key not in documents:
            if entry.is_new:
                cell = entry.cell(entry.columns[0].title)
                message = f"{shown_value(entry.key)} is no document of the sheet Documents"
                out.faults.append(Fault("workbook-word", message, "Attestations", cell))
            continue
        if entry.is_deleted:
            documents[entry.key].pop("attestation", None)
            continue
        for edit in entry.edits:
            put(documents[entry.key], edit.column.path, parse(edit.after, edit.column.kind), DocumentBlock)


def _answers(out: Applied, entries: list[Entry], gone: set[str]) -> None:
    principles = {p["id"]: p for p in out.value["principles"] if p["id"] not in gone}
    for entry in entries:
        for name in principles:
            out.places["principles", name, "answers", entry.key] = ("Controls", entry.cell(ANSWERED_BY))
        for edit in entry.edits:
            wanted = items(edit.after)
            for name in wanted:
                if name not in principles:
                    helps = did_you_mean(name, principles) or (f"known: {', '.join(principles)}",)
                    message = f"{shown_value(name)} is no principle; {helps[0]}"
                    out.faults.append(Fault("workbook-word", message, "Controls", edit.cell))
            for name, principle in principles.items():
                answers = list(principle.get("answers") or [])
                is_there = any(plain(a) == entry.key for a in answers)
                if name in wanted and not is_there:
                    put(principle, ("answers",), [*answers, entry.key], Principle)
                elif name not in wanted and is_there:
                    kept = [a for a in answers if plain(a) != entry.key]
                    put(principle, ("answers",), kept or None, Principle)


def _deleted_principles(out: Applied, sheets: Sheets) -> None:
    """A principle is deleted with its criteria, and somebody has to say so for each of them."""
    criteria = {p["id"]: [c["id"] for c in p.get("criteria") or []] for p in out.value["principles"]}
    for entry in sheets.rows.get("Principles", {}).values():
        left = criteria.get(entry.key, [])
        if entry.is_deleted and left:
            message = f"`{entry.key}` is marked, and its criteria are not: {', '.join(left)}; mark them too"
            out.faults.append(Fault("workbook-delete", message, "Principles", entry.cell(DELETE_TITLE)))


def named(value: Any, path: Sequence[str | int]) -> Named:
    """A path with the ids of entries, and the words of simple lists, in place of their numbers."""
    out: list[str] = []
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            value = None
        if isinstance(part, int):
            name = value.get("id", part) if isinstance(value, dict) else value
            out.append(str(name))
        else:
            out.append(part)
    return tuple(out)
