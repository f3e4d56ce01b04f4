"""`auditgen standards coverage`, `crosswalk` and `diff`: what belongs together, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditgen.cli.options import as_of_option, format_option
from auditgen.cli.standards.finding import load, nearest, say, say_json, wrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from auditgen.checklists import Checklist
    from auditgen.checklists.coverage import ControlCoverage, Coverage, Plan
    from auditgen.checklists.crosswalk import Relation
    from auditgen.checklists.difference import Change, Difference
    from auditgen.indicators import Indicator

RULE = "only `equal`, or `superset_of` read from the focal control, carries a verdict"
LEGEND = (
    ("named", "something is named for every need"),
    ("partly", "for some needs"),
    ("nothing", "for no need"),
    ("asks for nothing", "the checklist names no evidence; cannot be met"),
    ("does not apply", "by the profile, at this date"),
)


@click.command("coverage")
@click.argument(
    "audit", metavar="[AUDIT.yaml]", required=False, type=click.Path(path_type=Path, dir_okay=False)
)
@click.option("--standards", "names", default=None, help="Checklists instead, by id or path, with commas.")
@format_option
@as_of_option
def coverage(audit: Path | None, names: str | None, output_format: str, as_of: date | None) -> None:
    """Say which controls have evidence named for them, and what serves nothing. No evidence is read.

    With AUDIT.yaml: what its principles, criteria and documents are named for. With --standards: which
    evidence the checklists ask for and which indicators measure it.

    \b
    Examples:
      auditgen standards coverage audit.yaml
      auditgen standards coverage --standards eu-ai-act,nist-ai-rmf --format json
    """
    from datetime import UTC, datetime

    from auditgen.checklists.coverage import Plan
    from auditgen.checklists.coverage import coverage as compute
    from auditgen.indicators import core_indicators

    if (audit is None) == (names is None):
        raise click.UsageError("name either AUDIT.yaml or --standards")
    day = as_of or datetime.now(UTC).date()
    if audit is not None:
        checklists, plan, indicators = _of_audit(audit)
        about = str(audit)
    else:
        wanted = [name.strip() for name in (names or "").split(",") if name.strip()]
        if not wanted:
            raise click.UsageError("--standards names at least one checklist")
        checklists = [load(name) for name in dict.fromkeys(wanted)]
        plan, indicators = Plan(), list(core_indicators().values())
        about = ""
    found = compute(checklists, plan, indicators, day)
    if output_format == "json":
        say_json(_coverage_json(found))
    else:
        say(_coverage_text(found, checklists, about, day))


def _of_audit(path: Path) -> tuple[Sequence[Checklist], Plan, Iterable[Indicator]]:
    from auditgen.checklists import Profile
    from auditgen.checklists.coverage import NamedCriterion, NamedPrinciple, Plan
    from auditgen.project.load import load_project

    project = load_project(path, needs_signer=False)
    audit, known = project.audit, project.indicators
    written = audit.profile
    profile = Profile(
        roles=None if written.roles is None else frozenset(written.roles),
        risk_classes=None if written.risk_classes is None else frozenset(written.risk_classes),
        facts=written.facts,
    )
    principles = tuple(
        NamedPrinciple(
            p.id,
            tuple(p.answers),
            tuple(NamedCriterion(c.id, c.indicator, known[c.indicator].codes) for c in p.criteria),
        )
        for p in audit.principles
    )
    documents = tuple((d.id, d.kind) for d in audit.documents)
    return project.checklists, Plan(principles, documents, profile), list(known.values())


def _coverage_json(found: Coverage) -> dict[str, Any]:
    return {
        "controls": [
            {
                "framework": row.framework,
                "control": row.control,
                "title": row.title,
                "status": row.status,
                "applies": row.applies,
                "principles": list(row.principles),
                "needs": [
                    {
                        "id": need.id,
                        "any_of": list(need.any_of),
                        "criteria": list(need.criteria),
                        "documents": list(need.documents),
                        "criteria_elsewhere": list(need.elsewhere),
                        "indicators": list(need.indicators),
                    }
                    for need in row.needs
                ],
            }
            for row in found.controls
        ],
        "principles_that_answer_nothing": list(found.idle_principles),
        "answers_to_no_control": [{"principle": p, "control": ref} for p, ref in found.unknown_answers],
        "criteria_that_serve_no_need": list(found.idle_criteria),
        "documents_nobody_asks_for": list(found.idle_documents),
        "codes_no_indicator_measures": [{"code": c, "controls": n} for c, n in found.unmeasured],
        "indicators_nobody_asks_for": list(found.idle_indicators),
    }


def _coverage_text(found: Coverage, checklists: Sequence[Checklist], about: str, day: date) -> Iterator[str]:
    names = ", ".join(c.framework.id for c in checklists) or "no checklist"
    if not about:
        yield from wrap(f"{names}: evidence that is asked for", "  ", "")
        yield from _codes(found)
        return
    yield from wrap(f"{names}: evidence named in {about}, as of {day.isoformat()}", "  ", "")
    yield "named is not shown: no evidence was read"
    yield ""
    counts = {status: sum(row.status == status for row in found.controls) for status, _ in LEGEND}
    yield f"{len(found.controls):>6}  controls"
    for status, words in LEGEND:
        yield f"{counts[status]:>6}  {status:<17} {words}"
    touched = [row for row in found.controls if row.status in {"named", "partly"}]
    touched += [row for row in found.controls if row.principles and row not in touched]
    if touched:
        yield ""
        yield "answered"
        for row in touched:
            yield from _row(row)
    alone = [row for row in found.controls if row not in touched and row.status == "nothing"]
    if alone:
        yield ""
        yield f"nobody answers ({len(alone)})"
        for row in alone:
            yield from wrap(f"{row.ref}  {row.title}", "      ", "  ")
    yield from _orphans(found)
    yield from _codes(found)


def _row(row: ControlCoverage) -> Iterator[str]:
    yield from wrap(f"{row.ref}  {row.title}", "      ", "  ")
    by = ", ".join(row.principles) or "no principle"
    yield from wrap(f"{row.status}; answered by {by}", "        ", "    ")
    for need in row.needs:
        if need.is_named:
            words = ", ".join((*need.criteria, *need.documents))
        elif need.elsewhere:
            words = f"nothing; {', '.join(need.elsewhere)} measures it and does not answer here"
        else:
            words = "nothing"
        yield from wrap(f"{need.id} ({' or '.join(need.any_of)}): {words}", "        ", "      ")


def _orphans(found: Coverage) -> Iterator[str]:
    strange = [f"{p} -> {ref}" for p, ref in found.unknown_answers]
    for title, items in (
        ("principles that answer no control", found.idle_principles),
        ("answers to no control that is at hand", strange),
        ("criteria that serve no need of a control they answer", found.idle_criteria),
        ("documents of a kind that no control asks for", found.idle_documents),
    ):
        if items:
            yield ""
            yield f"{title} ({len(items)})"
            yield from wrap(", ".join(items), "  ")


def _codes(found: Coverage) -> Iterator[str]:
    from auditgen.checklists import EVIDENCE_CODES

    served: dict[str, set[str]] = {}
    for row in found.controls:
        for need in row.needs:
            for name in need.indicators:
                served.setdefault(name, set()).add(row.ref)
    yield ""
    yield f"indicators, and how many controls ask for what they measure ({len(served)})"
    for name in sorted(served, key=lambda name: (-len(served[name]), name)):
        yield f"{len(served[name]):>6}  {name}"
    if found.unmeasured:
        yield ""
        yield f"codes that controls ask for and no known indicator measures ({len(found.unmeasured)})"
        for code, count in sorted(found.unmeasured, key=lambda pair: (-pair[1], pair[0])):
            yield f"{count:>6}  {code}  {EVIDENCE_CODES[code][1]}"
    if found.idle_indicators:
        yield ""
        yield f"indicators that measure nothing any control asks for ({len(found.idle_indicators)})"
        yield from wrap(", ".join(found.idle_indicators), "  ")


@click.command("crosswalk")
@click.argument("start", metavar="FROM")
@click.argument("end", metavar="[TO]", required=False)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "oscal"]),
    default="text",
    show_default=True,
    help="How to print the result; `oscal` is a mapping collection.",
)
def crosswalk(start: str, end: str | None, output_format: str) -> None:
    """Show how the controls of FROM relate to those of TO, or of every checklist that is at hand.

    Relations written in either checklist are read from FROM. Only `equal`, or `superset_of` read from the
    focal control, carries a verdict; everything else contributes.

    \b
    Examples:
      auditgen standards crosswalk eu-ai-act nist-ai-rmf
      auditgen standards crosswalk common-controls --format oscal
    """
    from dataclasses import asdict

    from auditgen.checklists import available_checklists, load_checklist
    from auditgen.checklists.crosswalk import crosswalk as read_from
    from auditgen.checklists.crosswalk import relations
    from auditgen.errors import InputRefused

    given = [load(start), *([] if end is None or not _is_there(end) else [load(end)])]
    shipped = [load_checklist(path) for path in available_checklists().values()]
    known = {c.framework.id: c for c in (*shipped, *given)}
    name = given[0].framework.id
    every = relations(known.values())
    target = end if len(given) == 1 else given[1].framework.id
    found = read_from(every, name, target)
    if not found and target is not None:
        related = sorted({r.target for r in read_from(every, name)})
        if target not in known and target not in related:
            message = f"no checklist `{target}` is at hand, and `{name}` names none of that id"
            raise InputRefused(message, hint=nearest(target, sorted({*known, *related})))
    if output_format == "oscal":
        from auditgen.checklists.oscal import mapping_collection

        if not found:
            raise InputRefused(f"`{name}` has no relation to write", hint="`maps` of a control declares them")
        say_json(mapping_collection(found, known))
    elif output_format == "json":
        say_json([asdict(r) | {"carries_verdict": r.carries, "effect": r.effect} for r in found])
    else:
        say(_crosswalk_text(name, target, found, set(known)))


def _is_there(name: str) -> bool:
    from auditgen.checklists import available_checklists

    return name in available_checklists() or Path(name).exists()


def _crosswalk_text(start: str, end: str | None, found: Sequence[Relation], known: set[str]) -> Iterator[str]:
    carrying = sum(relation.carries for relation in found)
    to = "" if end is None else f" to {end}"
    yield f"{start}{to}: {len(found)} relations, {carrying} of them carry a verdict"
    yield f"{RULE};"
    yield "everything else contributes. The relations are drafts until somebody you trust has read them."
    for target in dict.fromkeys(relation.target for relation in found):
        rows = [relation for relation in found if relation.target == target]
        yield ""
        yield f"to {target}" + ("" if target in known else " (not at hand)")
        first = max(min(24, max(len(r.control) for r in rows)), 4)
        second = max(min(24, max(len(r.to) for r in rows)), 4)
        for r in rows:
            strength = "-" if r.strength is None else f"{r.strength}/10"
            origin = "" if r.written_in == start else " *"
            yield (
                f"  {r.control:<{first}}  {r.rel:<15}  {r.to:<{second}}  {r.rationale:<10} {strength:>5}"
                f"  {r.effect}{origin}"
            )
    if any(relation.written_in != start for relation in found):
        yield ""
        yield "* written in the other checklist, read backwards"


@click.command("diff")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@format_option
def diff(old: str, new: str, output_format: str) -> None:
    """Show what NEW changed against OLD: controls added, removed, and changed field by field.

    Both are ids of checklists that ship, or files.

    \b
    Examples:
      auditgen standards diff eu-ai-act our-ai-act.yaml
      auditgen standards diff old.yaml new.yaml --format json
    """
    from auditgen.checklists.difference import difference

    before, after = load(old), load(new)
    found = difference(before, after)
    if output_format == "json":
        say_json(_difference_json(found))
    else:
        say(_difference_text(before, after, found))


def _difference_json(found: Difference) -> dict[str, Any]:
    def plain(changes: Sequence[Change]) -> list[dict[str, Any]]:
        return [{"field": c.field, "old": c.old, "new": c.new} for c in changes]

    return {
        "framework": plain(found.framework),
        "other": plain(found.other),
        "added": [c.model_dump(mode="json", by_alias=True, exclude_unset=True) for c in found.added],
        "removed": [c.model_dump(mode="json", by_alias=True, exclude_unset=True) for c in found.removed],
        "changed": [{"id": c.id, "title": c.title, "changes": plain(c.changes)} for c in found.changed],
        "same": found.same,
    }


def _difference_text(before: Checklist, after: Checklist, found: Difference) -> Iterator[str]:
    names = [f"{c.framework.id} {c.framework.checklist_version}" for c in (before, after)]
    yield f"{names[0]} -> {names[1]}"
    yield (
        f"controls: {len(found.added)} added, {len(found.removed)} removed, {len(found.changed)} changed, "
        f"{found.same} the same"
    )
    for title, controls in (("added", found.added), ("removed", found.removed)):
        if controls:
            yield ""
            yield title
            for control in controls:
                yield from wrap(f"{control.id}  {control.title}", "      ", "  ")
    if found.changed:
        yield ""
        yield "changed"
        for changed in found.changed:
            yield from wrap(f"{changed.id}  {changed.title}", "      ", "  ")
            for change in changed.changes:
                yield from _change(change, "    ")
    for title, changes in (("framework", found.framework), ("vocabulary, questions, groups", found.other)):
        if changes:
            yield ""
            yield title
            for change in changes:
                yield from _change(change, "  ")


def _change(change: Change, indent: str) -> Iterator[str]:
    yield f"{indent}{change.field}"
    yield from wrap(_shown(change.old), f"{indent}      ", f"{indent}  - ")
    yield from wrap(_shown(change.new), f"{indent}      ", f"{indent}  + ")


def _shown(value: Any) -> str:
    import json

    if value is None:
        return "(not said)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
