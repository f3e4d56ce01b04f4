"""Loading audit.yaml: every fault at its place, all of them at once, before anything is read."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError

from auditgen.canonical import digest_of
from auditgen.checklists import EVIDENCE_CODES, available_checklists, incident_deadlines, load_checklist
from auditgen.diagnostics import Diagnostic, did_you_mean
from auditgen.errors import InputRefused
from auditgen.evidence.pseudonym import KEY_VARIABLE, MIN_KEY_BYTES, read_key
from auditgen.indicators import FILTER_FIELDS, Indicator, core_indicators
from auditgen.indicators.definition import check_indicator
from auditgen.project.model import Audit
from auditgen.project.relabelled import relabelled_faults
from auditgen.project.terms import same_name
from auditgen.sources.suites import SuiteLibrary
from auditgen.yamlspan import YamlDocument, read_yaml, validation_diagnostics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from auditgen.checklists import Checklist
    from auditgen.project.model import AlsoMeasured, Criterion, Principle
    from auditgen.yamlspan import KeyPath


_OPERATORS = {"higher": "at_least", "lower": "at_most", "zero": "within"}
"""Which bound of an indicator a promise can be about; the worst case is computed for that one."""


@dataclass(frozen=True, slots=True)
class Project:
    """A loaded audit.yaml with the checklists it names."""

    path: Path
    audit: Audit
    checklists: tuple[Checklist, ...]
    document: YamlDocument
    """The text with its places, for faults found later."""
    suites: SuiteLibrary
    """What scores of known suites mean: its own files, then the shipped ones."""
    indicators: Mapping[str, Indicator]
    """By id: the shipped definitions, and its own."""
    own_indicators: Mapping[str, str]
    """By id: the file of an own definition, as audit.yaml names it."""

    @property
    def root(self) -> Path:
        """What relative paths start from."""
        return self.path.parent

    def resolve(self, name: str) -> Path:
        """A path written in audit.yaml."""
        return self.root / name

    @property
    def declaration_digest(self) -> str:
        """Identity of everything that was promised: principles, criteria, thresholds."""
        return digest_of([principle_declaration(p, self.indicators) for p in self.audit.principles])


def principle_declaration(principle: Principle, indicators: Mapping[str, Indicator]) -> dict[str, object]:
    """The part of a principle that must stand before the data: promise and criteria."""
    return {
        "id": principle.id,
        "promise": principle.promise,
        "criteria": [criterion_declaration(c, indicators[c.indicator]) for c in principle.criteria],
    }


def criterion_declaration(criterion: Criterion, indicator: Indicator) -> dict[str, object]:
    """A criterion as hashed: what it measures, by which definition, on what, against what."""
    out: dict[str, object] = criterion.model_dump(mode="json", exclude_none=True)
    return {**out, "definition": {"version": indicator.version, "sha256": indicator.digest}}


def load_project(path: Path, *, needs_signer: bool = True) -> Project:
    """Load and check. Without `needs_signer` the keys need not exist.

    Raises InputRefused with every fault of audit.yaml and of its checklists.
    """
    document = read_yaml(path)
    diagnostics = list(document.diagnostics)
    audit: Audit | None = None
    if document.value is not None:
        try:
            audit = Audit.model_validate_json(orjson.dumps(document.value))
        except ValidationError as error:
            diagnostics += validation_diagnostics(document, error, Audit)
            # faults of meaning are told in the same answer, as far as the shape allows
            without = _without_strangers(document.value, error)
            if without is not None:
                found, faults = _checklists(without, document, path.parent)
                defined, _, wrong = _indicators(without, document, path.parent)
                diagnostics += [*faults, *wrong, *_cross_checks(without, document, found, defined)]
                diagnostics += _suites(without, document, path.parent)[1]
    elif not diagnostics:
        diagnostics.append(Diagnostic("empty-file", "the file holds nothing", document.file))
    checklists: list[Checklist] = []
    suites = SuiteLibrary()
    indicators: dict[str, Indicator] = {}
    own: dict[str, str] = {}
    if audit is not None:
        indicators, own, faults = _indicators(audit, document, path.parent)
        diagnostics += faults
        checklists, faults = _checklists(audit, document, path.parent)
        diagnostics += faults
        suites, faults = _suites(audit, document, path.parent)
        diagnostics += faults
        diagnostics += _cross_checks(audit, document, checklists, indicators)
        diagnostics += _pseudonym_faults(audit, document)
        if needs_signer:
            diagnostics += _key_faults(audit, document, path.parent)
    if audit is None or diagnostics:
        count = len(diagnostics)
        raise InputRefused(
            f"{count} fault{'s' if count != 1 else ''} in `{path}`; nothing was read and nothing written",
            hint="`auditgen demo` writes an audit.yaml that works, to compare with",
            diagnostics=diagnostics,
        )
    return Project(path, audit, tuple(checklists), document, suites, indicators, own)


def _without_strangers(value: Any, error: ValidationError) -> Audit | None:
    """The file without its unknown keys, when these are all that is wrong with its shape."""
    pruned = copy.deepcopy(value)
    for item in error.errors(include_url=False):
        if item["type"] != "extra_forbidden":
            return None
        at = pruned
        *path, name = item["loc"]
        try:
            for part in path:
                at = at[part]
            del at[name]
        except (KeyError, IndexError, TypeError):
            return None  # a union's own name stands in the path
    try:
        return Audit.model_validate_json(orjson.dumps(pruned))
    except ValidationError:
        return None


def _checklists(audit: Audit, document: YamlDocument, root: Path) -> tuple[list[Checklist], list[Diagnostic]]:
    shipped = available_checklists()
    out: list[Checklist] = []
    faults: list[Diagnostic] = []
    for index, name in enumerate(audit.standards):
        path = shipped.get(name, root / name)
        if name not in shipped and not path.is_file():
            helps = did_you_mean(name, shipped) or (f"shipped: {', '.join(shipped)}",)
            at: KeyPath = ("standards", index)
            message = f"no checklist `{name}`: neither shipped nor a file"
            faults.append(document.fault("unknown-standard", message, at, helps=helps))
            continue
        try:
            out.append(load_checklist(path))
        except InputRefused as refusal:
            faults += refusal.diagnostics
    return out, faults


def _suites(audit: Audit, document: YamlDocument, root: Path) -> tuple[SuiteLibrary, list[Diagnostic]]:
    """The library with the user's files; their faults, and files that are not there."""
    faults: list[Diagnostic] = []
    found: list[Path] = []
    for index, name in enumerate(audit.suites):
        at: KeyPath = ("suites", index)
        if not (root / name).is_file():
            faults.append(document.fault("missing-file", f"no suite file `{name}`", at))
        elif root / name in found:
            faults.append(document.fault("duplicate-id", f"`{name}` is named twice in `suites`", at))
        else:
            found.append(root / name)
    try:
        return SuiteLibrary.load(found), faults
    except InputRefused as refusal:
        return SuiteLibrary(), [*faults, *refusal.diagnostics]


def _indicators(
    audit: Audit, document: YamlDocument, root: Path
) -> tuple[dict[str, Indicator], dict[str, str], list[Diagnostic]]:
    """The shipped definitions and the user's, which files these stand in, and every fault."""
    known = dict(core_indicators())
    own: dict[str, str] = {}
    faults: list[Diagnostic] = []
    for index, name in enumerate(audit.indicators):
        at: KeyPath = ("indicators", index)
        if not (root / name).is_file():
            faults.append(document.fault("missing-file", f"no definition `{name}`", at))
            continue
        written = read_yaml(root / name, name=name)
        indicator, found = check_indicator(written)
        faults += found
        if indicator is None:
            continue
        for number, code in enumerate(indicator.codes):
            if code not in EVIDENCE_CODES:
                place: KeyPath = ("codes", number)
                faults.append(_unknown(written, "evidence code", code, EVIDENCE_CODES, place))
        if indicator.id in known:
            origin = f"`{own[indicator.id]}`" if indicator.id in own else "auditgen itself"
            message = f"`{indicator.id}` is defined by {origin} already"
            faults.append(written.fault("duplicate-id", message, ("id",)))
            continue
        known[indicator.id] = indicator
        own[indicator.id] = name
    return known, own, faults


def _cross_checks(
    audit: Audit,
    document: YamlDocument,
    checklists: list[Checklist],
    indicators: Mapping[str, Indicator],
) -> Iterator[Diagnostic]:
    sources = {source.id for source in audit.sources}
    controls = {f"{c.framework.id}:{k.id}" for c in checklists for k in c.controls}
    # what a checklist that could not be loaded would have known is no second fault
    loaded, is_complete = {c.framework.id for c in checklists}, len(checklists) == len(audit.standards)
    yield from _duplicate_ids(document, "principles", [p.id for p in audit.principles])
    practitioner = audit.report.practitioner
    if practitioner is not None and same_name(practitioner.firm, audit.organisation.name):
        message = "nobody gives independent assurance on himself: `firm` is the organisation itself"
        helps = ("use `mode: internal_audit` or `management_report`",)
        yield document.fault("not-independent", message, ("report", "practitioner", "firm"), helps=helps)
    yield from _duplicate_ids(document, "sources", [s.id for s in audit.sources])
    yield from _engine_faults(audit, document, indicators)
    yield from _duplicate_ids(document, "documents", [d.id for d in audit.documents])
    yield from _duplicate_ids(document, "expected", [e.id for e in audit.expected])
    yield from _duplicate_ids(document, "waivers", [w.id for w in audit.waivers])
    yield from _duplicate_ids(document, "remediation", [r.id for r in audit.remediation])
    yield from _incident_faults(audit, document, sources)
    for number, waiver in enumerate(audit.waivers):
        if waiver.control not in controls and (is_complete or waiver.control.partition(":")[0] in loaded):
            yield _unknown(document, "control", waiver.control, controls, ("waivers", number, "control"))
    yield from _duplicate_ids(document, "counters", [c.id for c in audit.counters])
    for number, counter in enumerate(audit.counters):
        if counter.of not in sources:
            yield _unknown(document, "source", counter.of, sources, ("counters", number, "of"))
        if counter.points is not None and counter.points.source not in sources:
            place = ("counters", number, "points", "source")
            yield _unknown(document, "source", counter.points.source, sources, place)
    also = [item.id for item in audit.also_measured]
    yield from _duplicate_ids(document, "also_measured", also)
    criteria: dict[str, KeyPath] = {}
    for number, principle in enumerate(audit.principles):
        at: KeyPath = ("principles", number)
        for index, criterion in enumerate(principle.criteria):
            here: KeyPath = (*at, "criteria", index)
            if criterion.id in criteria:
                message = f"criterion `{criterion.id}` is used twice"
                yield document.fault("duplicate-id", message, (*here, "id"))
            criteria[criterion.id] = here
            yield from _measured_faults(document, here, criterion, sources, indicators)
            indicator = indicators.get(criterion.indicator)
            wanted = None if indicator is None else _OPERATORS[indicator.better]
            if wanted is not None and criterion.operator != wanted:
                message = f"`{criterion.indicator}` is judged by `{wanted}`"
                at_operator = (*here, criterion.operator)
                yield document.fault("wrong-threshold", message, at_operator, key=True)
            if "model" in criterion.where:
                message = "a criterion is bound to versions by `models`, not by `where`"
                at_model = (*here, "where", "model")
                yield document.fault("model-in-where", message, at_model, key=True)
            for k, model in enumerate(criterion.models or ()):
                if model not in audit.system.models:
                    yield _unknown(document, "model", model, audit.system.models, (*here, "models", k))
        for index, control in enumerate(principle.answers):
            if control not in controls and (is_complete or control.partition(":")[0] in loaded):
                yield _unknown(document, "control", control, controls, (*at, "answers", index))
    for number, item in enumerate(audit.also_measured):
        where: KeyPath = ("also_measured", number)
        if item.id in criteria:
            message = f"`{item.id}` is the id of a criterion"
            yield document.fault("duplicate-id", message, (*where, "id"))
        yield from _measured_faults(document, where, item, sources, indicators)
        if item.beside is not None and item.beside not in {p.id for p in audit.principles}:
            known = {p.id for p in audit.principles}
            yield _unknown(document, "principle", item.beside, known, (*where, "beside"))
    yield from _ladder_faults(audit, document, indicators)
    yield from relabelled_faults(audit, document, indicators)
    for number, expected in enumerate(audit.expected):
        where = ("expected", number)
        if expected.source is not None and expected.source not in sources:
            yield _unknown(document, "source", expected.source, sources, (*where, "source"))
        for index, name in enumerate(expected.criteria):
            if name not in criteria:
                yield _unknown(document, "criterion", name, criteria, (*where, "criteria", index))
    for number, entry in enumerate(audit.documents):
        if entry.kind not in EVIDENCE_CODES:
            yield _unknown(document, "kind", entry.kind, EVIDENCE_CODES, ("documents", number, "kind"))
    if is_complete:
        yield from _profile_faults(audit, document, checklists)


def _pseudonym_faults(audit: Audit, document: YamlDocument) -> Iterator[Diagnostic]:
    """Pseudonyms need a key, which stands in no file."""
    if read_key() is not None:
        return
    for number, source in enumerate(audit.sources):
        for field, rules in source.map.rules().items():
            if any(rule.pseudonym for rule in rules):
                message = f"`{field}`: a pseudonym needs a key of {MIN_KEY_BYTES} bytes or more"
                helps = (f"set the environment variable `{KEY_VARIABLE}`",)
                yield document.fault(
                    "no-pseudonym-key", message, ("sources", number, "map", field, "pseudonym"), helps=helps
                )


def _engine_faults(
    audit: Audit, document: YamlDocument, indicators: Mapping[str, Indicator]
) -> Iterator[Diagnostic]:
    """Tables need an engine; and of hours, an engine tells how many rows they hold, not which."""
    queried = {source.id for source in audit.sources if source.table is not None}
    for number, source in enumerate(audit.sources):
        if source.table is not None and audit.engine is None:
            message = f"`{source.id}` is a table, and audit.yaml names no `engine`"
            yield document.fault("no-engine", message, ("sources", number, "table"))
    measured: list[tuple[KeyPath, AlsoMeasured | Criterion]] = [
        (("principles", n, "criteria", k), c)
        for n, p in enumerate(audit.principles)
        for k, c in enumerate(p.criteria)
    ]
    measured += [(("also_measured", n), item) for n, item in enumerate(audit.also_measured)]
    for at, item in measured:
        indicator = indicators.get(item.indicator)
        if indicator is None or indicator.shape != "coverage" or not item.where:
            continue
        shared = sorted(queried.intersection(item.sources))
        if shared:
            message = f"`where` cannot select hours of `{shared[0]}`, which is counted on an engine"
            yield document.fault("where-on-engine", message, (*at, "where"), key=True)


def _ladder_faults(
    audit: Audit, document: YamlDocument, indicators: Mapping[str, Indicator]
) -> Iterator[Diagnostic]:
    """Each rung names something that is measured, of the right kind."""
    named = {c.id: c.indicator for p in audit.principles for c in p.criteria}
    named |= {item.id: item.indicator for item in audit.also_measured}
    for number, principle in enumerate(audit.principles):
        ladder = principle.ladder
        if ladder is None:
            continue
        at: KeyPath = ("principles", number, "ladder")
        asked: list[tuple[KeyPath, str | None, bool]] = [
            ((*at, "gap"), ladder.gap, True),
            ((*at, "control"), ladder.control, True),
            ((*at, "reasoning"), ladder.reasoning, False),
            ((*at, "grader"), ladder.grader, False),
        ]
        asked += [((*at, "variations", n), name, True) for n, name in enumerate(ladder.variations)]
        for place, name, is_gap in asked:
            if name is None:
                continue
            if name not in named:
                yield _unknown(document, "measurement", name, named, place)
                continue
            indicator = indicators.get(named[name])
            by = None if indicator is None or indicator.arms is None else indicator.arms.by
            if indicator is not None and is_gap != (indicator.shape == "gap" and by == "watch"):
                kind = "a gap by watch condition" if is_gap else "a rate"
                yield document.fault("wrong-rung", f"`{name}` is not {kind}", place)


def _measured_faults(
    document: YamlDocument,
    at: KeyPath,
    item: AlsoMeasured | Criterion,
    sources: set[str],
    indicators: Mapping[str, Indicator],
) -> Iterator[Diagnostic]:
    indicator = indicators.get(item.indicator)
    if indicator is None:
        yield _unknown(document, "indicator", item.indicator, indicators, (*at, "indicator"))
    elif (indicator.shape == "delay") != (item.limit_hours is not None):
        message = f"`limit_hours` belongs to delays, and `{item.indicator}` is none"
        if indicator.shape == "delay":
            message = f"`{item.indicator}` needs `limit_hours`: how many hours are in time"
        yield document.fault("limit-hours", message, (*at, "limit_hours"), key=True)
    for index, name in enumerate(item.sources):
        if name not in sources:
            yield _unknown(document, "source", name, sources, (*at, "sources", index))
    for name in item.where:
        if name not in FILTER_FIELDS:
            helps = did_you_mean(name, FILTER_FIELDS) or (f"known: {', '.join(FILTER_FIELDS)}",)
            message = f"unknown field `{name}` in `where`"
            yield document.fault("unknown-field", message, (*at, "where", name), helps=helps, key=True)


def _duplicate_ids(document: YamlDocument, part: str, ids: list[str]) -> Iterator[Diagnostic]:
    seen: dict[str, int] = {}
    for index, name in enumerate(ids):
        if name in seen:
            message = f"`{name}` is used twice in `{part}`"
            yield document.fault("duplicate-id", message, (part, index, "id"))
        seen.setdefault(name, index)


def _key_faults(audit: Audit, document: YamlDocument, root: Path) -> Iterator[Diagnostic]:
    """Keys and certificates must exist; evidence that is missing is a finding instead."""
    named: list[tuple[str, KeyPath]] = []
    if audit.signer is not None:
        named += [
            (audit.signer.certificate, ("signer", "certificate")),
            (audit.signer.key, ("signer", "key")),
        ]
        named += [(c, ("signer", "chain", i)) for i, c in enumerate(audit.signer.chain)]
    for name, at in named:
        if not (root / name).is_file():
            message = f"`{name}` does not exist"
            helps = ("make development keys with `auditgen keys init`",)
            yield document.fault("missing-file", message, at, helps=helps)


def _profile_faults(
    audit: Audit, document: YamlDocument, checklists: list[Checklist]
) -> Iterator[Diagnostic]:
    if not checklists:
        return
    words = (
        ("roles", {r for c in checklists for r in c.vocabulary.roles}),
        ("risk_classes", {r for c in checklists for r in c.vocabulary.risk_classes}),
    )
    for name, known in words:
        for index, value in enumerate(getattr(audit.profile, name) or ()):
            if known and value not in known:
                what = {"roles": "role", "risk_classes": "risk class"}[name]
                yield _unknown(document, what, value, known, ("profile", name, index))
    questions = {q.id: q for c in checklists for q in c.questions}
    for name, answer in audit.profile.facts.items():
        if name not in questions:
            yield _unknown(document, "fact", name, questions, ("profile", "facts", name))
        elif answer not in questions[name].values:
            known_answers = questions[name].values
            yield _unknown(document, "answer", answer, known_answers, ("profile", "facts", name))


def _incident_faults(audit: Audit, document: YamlDocument, sources: Iterable[str]) -> Iterator[Diagnostic]:
    deadlines = incident_deadlines()
    for number, duty in enumerate(audit.incident_duties):
        at: KeyPath = ("incident_duties", number)
        if duty.source not in sources:
            yield _unknown(document, "source", duty.source, sources, (*at, "source"))
        if duty.deadline is not None and duty.deadline not in deadlines:
            yield _unknown(document, "deadline", duty.deadline, deadlines, (*at, "deadline"))
    days = [d.from_ for d in audit.system.deployments]
    if len(set(days)) < len(days):
        message = "two deployments begin on one day"
        yield document.fault("duplicate-day", message, ("system", "deployments"))


def _unknown(document: YamlDocument, what: str, name: str, known: Iterable[str], path: KeyPath) -> Diagnostic:
    words = sorted(known)
    shown = ", ".join(words[:12]) + (" ..." if len(words) > 12 else "")
    helps = did_you_mean(name, words) or ((f"known: {shown}",) if words else ())
    code = f"unknown-{what.replace(' ', '-')}"
    return document.fault(code, f"unknown {what} `{name}`", path, helps=helps)
