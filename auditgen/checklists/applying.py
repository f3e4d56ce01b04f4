"""What a tailoring does to a checklist, and in which words the result says where it asks for less."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from auditgen.checklists.model import Checklist, Control, EvidenceNeed, Group, Parameter
    from auditgen.checklists.tailoring import Modification, Tailoring

MARK = "tailored:"
"""Begins what a tailoring says on a control, so that it can be found in a report."""
SEVERITIES = ("low", "medium", "high", "critical")
DISTANCES = ("none", "internal_separate", "external", "external_accredited")
MAX_LISTED = 600
"""Of what a scope says about one control; its notes say all of it."""
MAX_CHARS = 19_000
"""Of a note or a scope; the model allows a little more."""


def apply(base: Checklist, tailoring: Tailoring, kept: Collection[str]) -> Checklist:
    """The checklist that results; `kept` are the ids of its controls."""
    controls: list[Control] = []
    weaker: list[str] = []
    for control in base.controls:
        if control.id not in kept:
            continue
        changed, less, said = _changed(control, tailoring, kept)
        if less:
            weaker.append(f"{control.id} ({'; '.join(less)})")  # a report prints the scope, not the notes
        controls.append(_noted(changed, [*less, *said]))
    groups = _groups_of(base, controls)
    review = base.framework.review
    if review.legal_review != "none":
        words = f"of the original only: {review.legal_review}"
        review = review.model_copy(update={"legal_review": words[:2000]})
    framework = base.framework.model_copy(
        update={
            "id": tailoring.id,
            "title": tailoring.title,
            "checklist_version": f"{tailoring.version} (on {base.framework.checklist_version})"[:2000],
            "review": review,
            "scope": _scope(base, tailoring, kept, weaker),
        }
    )
    return base.model_copy(update={"framework": framework, "groups": groups, "controls": tuple(controls)})


def _groups_of(base: Checklist, controls: Sequence[Control]) -> tuple[Group, ...]:
    """Groups that still hold a control, and those above them."""
    parents = {group.id: group.parent for group in base.groups}
    wanted: set[str] = set()
    for control in controls:
        above: str | None = control.group
        while above is not None and above not in wanted:
            wanted.add(above)
            above = parents.get(above)
    return tuple(group for group in base.groups if group.id in wanted)


def _changed(
    control: Control, tailoring: Tailoring, kept: Collection[str]
) -> tuple[Control, list[str], list[str]]:
    """The control, where it asks for less than before, and what else changed."""
    less: list[str] = []
    said: list[str] = []
    update: dict[str, object] = {}
    parameters = tuple(_filled(p, tailoring.set_, said) for p in control.parameters)
    if parameters != control.parameters:
        update["parameters"] = parameters
    if control.parent is not None and control.parent not in kept:
        update["parent"] = None
        less.append(f"{control.parent}, which it refines, is left out")
    change = tailoring.modify.get(control.id)
    if change is not None:
        update |= _modified(control, change, less, said)
        if change.reason is not None:
            (less or said).append(f"reason given: {change.reason}")
    return control.model_copy(update=update), less, said


def _filled(parameter: Parameter, values: dict[str, str], said: list[str]) -> Parameter:
    value = values.get(parameter.id)
    if value is None or value == parameter.value:
        return parameter
    was = "" if parameter.value is None else f", which was `{parameter.value}`"
    said.append(f"parameter {parameter.id} is set to `{value}`{was}")
    return parameter.model_copy(update={"value": value})


def _modified(control: Control, change: Modification, less: list[str], said: list[str]) -> dict[str, object]:
    update: dict[str, object] = {}
    for name, order in (("severity", SEVERITIES), ("independence", DISTANCES)):
        before, after = getattr(control, name), getattr(change, name)
        if after is not None and after != before:
            update[name] = after
            words = f"{name} {after.replace('_', ' ')}, which was {before.replace('_', ' ')}"
            (less if order.index(after) < order.index(before) else said).append(words)
    if change.every_days is not None and change.every_days != control.every_days:
        update["every_days"] = change.every_days
        words = f"evidence may be {change.every_days} days old"
        if control.every_days is None:
            said.append(f"{words}; there was no such limit")
        else:
            is_less = change.every_days > control.every_days
            (less if is_less else said).append(f"{words}, which was {control.every_days}")
    if change.frequency is not None and change.frequency != control.frequency:
        update["frequency"] = change.frequency
        was = "nothing" if control.frequency is None else f"`{control.frequency}`"
        # nobody can tell from words whether they ask for less: then they count as if they did
        (less if control.frequency else said).append(f"frequency `{change.frequency}`, which was {was}")
    needs = _needs(control, change)
    if needs != control.evidence:
        update["evidence"] = needs
        less += _needs_lost(control.evidence, needs)
        said += [f"need `{n.id}` is added" for n in needs if n.id not in {b.id for b in control.evidence}]
        changed = {n.id for n in needs if any(b.id == n.id and b != n for b in control.evidence)}
        told = " ".join(less)
        said += [f"need `{name}` is changed" for name in sorted(changed) if f"`{name}`" not in told]
    if change.notes is not None:
        kept = "" if control.notes is None else f"{control.notes} "
        update["notes"] = kept + change.notes
    return update


def _needs(control: Control, change: Modification) -> tuple[EvidenceNeed, ...]:
    written = {need.id: need for need in change.evidence}
    out: list[EvidenceNeed] = []
    for need in control.evidence:
        if need.id in change.without:
            continue
        if need.id in written:
            out.append(written.pop(need.id))
        elif change.max_age_days is not None:
            out.append(need.model_copy(update={"max_age_days": change.max_age_days}))
        else:
            out.append(need)
    return (*out, *written.values())


def _needs_lost(before: Sequence[EvidenceNeed], after: Sequence[EvidenceNeed]) -> Iterator[str]:
    """In which ways `after` may be satisfied where `before` was not."""
    now = {need.id: need for need in after}
    for was in before:
        need = now.get(was.id)
        if need is None:
            yield f"need `{was.id}` ({' or '.join(was.any_of)}) is dropped"
            continue
        if other := [code for code in need.any_of if code not in was.any_of]:
            yield f"need `{was.id}` may also be satisfied by {' or '.join(other)}"
        if was.max_age_days is not None and (need.max_age_days or 10**6) > was.max_age_days:
            age = "of any age" if need.max_age_days is None else f"{need.max_age_days} days old"
            yield f"evidence for need `{was.id}` may be {age}, which was {was.max_age_days}"
        if any(item not in need.must_show for item in was.must_show):
            yield f"need `{was.id}` asks a reviewer to look for less or for other things"
        for name in ("predicate", "sampling", "bind_to"):
            asked = getattr(was, name)
            if asked and getattr(need, name) != asked:
                yield f"need `{was.id}` asks for another `{name}`, or for none"


def _noted(control: Control, words: Sequence[str]) -> Control:
    if not words:
        return control
    before = "" if control.notes is None else f"{control.notes} "
    note = f"{MARK} {'; '.join(words)}."
    room = MAX_CHARS - len(note)
    if room < 0:
        note, room = _cut(note, MAX_CHARS), 0
    return control.model_copy(update={"notes": _cut(before, room) + note})


def _scope(base: Checklist, tailoring: Tailoring, kept: Collection[str], weaker: Sequence[str]) -> str:
    framework = base.framework
    total = len(base.controls)
    gone = [control.id for control in base.controls if control.id not in kept]
    parts = [
        f"Tailored from `{framework.id}` (checklist version {framework.checklist_version}) by "
        f"`{tailoring.id}` version {tailoring.version}."
    ]
    if tailoring.why is not None:
        parts.append(f"Reason given: {_cut(tailoring.why, MAX_CHARS // 4)}")
    if gone:
        verb = "is" if len(gone) == 1 else "are"
        parts.append(_listed(f"{len(gone)} of {total} controls {verb} left out", gone))
    else:
        parts.append(f"All {total} controls are kept.")
    if weaker:
        verb = "asks" if len(weaker) == 1 else "ask"
        words = f"{len(weaker)} of the {total - len(gone)} kept {verb} for less than the original"
        parts.append(_listed(words, weaker))
    filled = {p.id for c in base.controls if c.id in kept for p in c.parameters if p.id in tailoring.set_}
    if filled:
        parts.append(f"{len(filled)} parameter{'s are' if len(filled) != 1 else ' is'} filled in.")
    parts.append(f"Of the original: {framework.scope}")
    return _cut(" ".join(parts), MAX_CHARS)


def _listed(words: str, ids: Sequence[str]) -> str:
    """The words with as many entries as fit a scope, and how many more there are."""
    shown: list[str] = []
    room = MAX_CHARS // 4
    for entry in ids:
        name = _cut(entry, MAX_LISTED)
        room -= len(name) + 2
        if room < 0:
            break
        shown.append(name)
    rest = len(ids) - len(shown)
    return f"{words}: {', '.join(shown)}{f' and {rest} more' if rest else ''}."


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: max(0, limit - 4)] + " ..."
