"""OSCAL 1.2.1 (NIST): assessment results, and a plan of action and milestones, both as JSON.

Only `met` is `satisfied`; the other verdicts are `not-satisfied`, and the property `verdict` says which of
them it is. All identifiers are version 5 UUIDs over what is identified: the same document, the same bytes.
There is no OSCAL assessment plan: `import-ap` leads to a resource that says so.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote

import orjson

from auditgen.canonical import digest_of
from auditgen.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from auditgen.report import Document
    from auditgen.report.model import ControlView, CriterionView, DocumentView, FindingView, RemediationView

FILE_NAME = "report.oscal.json"
POAM_FILE_NAME = "report.poam.json"
OSCAL_VERSION = "1.2.1"
SPACE = uuid.UUID("6d1b0d9e-5a0f-5c0e-9a57-0f5b6a1f3c11")
"""Of every identifier here, and of the properties' own names."""
NAMES = f"urn:uuid:{SPACE}"
_REASONS = {"met": "pass", "not_met": "fail"}
_IMPLEMENTED = {"not_applicable": "not-applicable"}
_STATES = {"": "open", "open": "open", "in progress": "remediating", "done": "investigating"}
"""A repair that is done stays a weakness until the evidence shows it: it is looked into, never closed."""
Json = dict[str, Any]


def render(document: Document, tables: Mapping[str, Sequence[tuple[object, ...]]], out: BinaryIO) -> None:
    """Write the assessment results."""
    del tables
    book = _Book(document)
    meta = document.meta
    observations = [*book.observations(), *(book.examined(d) for d in document.documents)]
    risks = [book.risk(f) for f in document.findings]
    findings = [book.finding(c) for f in document.frameworks for c in f.controls]
    plan = book.id("no-plan")
    result: Json = {
        "uuid": book.id("result"),
        "title": _line(meta.title),
        "description": _text(" ".join([document.headline, *document.lead])),
        "start": _day(meta.period_start),
        "end": _day(meta.period_end),
        "props": [
            _prop("conclusion", p.status.code, group=_token(p.id), remarks=p.reason)
            for p in document.principles
        ]
        + [
            _prop("evidence-sha256", meta.evidence_digest),
            _prop("declaration-sha256", meta.declaration_digest),
        ],
        "local-definitions": {"components": [book.system()]},
        "reviewed-controls": {"control-selections": list(book.selections())},
        "observations": observations,
        "risks": risks,
        "findings": findings,
        "remarks": _text(" ".join(document.limitations)),
    }
    value = {
        "uuid": book.id("assessment-results"),
        "metadata": book.metadata("Assessment results"),
        "import-ap": {
            "href": f"#{plan}",
            "remarks": "There is no OSCAL assessment plan. The reference leads to a resource that says so.",
        },
        "results": [_without_empty(result)],
        "back-matter": {"resources": [_no_plan(plan, meta.declaration_digest), *book.resources()]},
    }
    _write({"assessment-results": value}, out)


def render_poam(
    document: Document, tables: Mapping[str, Sequence[tuple[object, ...]]], out: BinaryIO
) -> None:
    """Write the plan of action and milestones: every weakness, with who repairs it or with nobody."""
    del tables
    book = _Book(document)
    rows = document.remediation
    value: Json = {
        "uuid": book.id("poam"),
        "metadata": book.metadata("Plan of action and milestones"),
        "system-id": {"id": _value(document.meta.system)},
        "local-definitions": {"components": [book.system()]},
        "observations": [*book.observations(), *(book.examined(d) for d in document.documents)],
        "risks": [book.weakness(row) for row in rows],
        "findings": [
            book.finding(c)
            for f in document.frameworks
            for c in f.controls
            if any(r.kind == "control" and r.of == c.ref for r in rows)
        ],
        "poam-items": [book.item(row) for row in rows] or [_nothing(book.id("nothing"), document)],
        "back-matter": _without_empty({"resources": list(book.resources())}),
    }
    _write({"plan-of-action-and-milestones": _without_empty(value)}, out)


def _write(value: Json, out: BinaryIO) -> None:
    out.write(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")


class _Book:
    """The parts of both files, with the identifiers they share."""

    def __init__(self, document: Document) -> None:
        meta = document.meta
        self._document = document
        self._basis = digest_of(
            [meta.organisation, meta.report_id, meta.version, meta.as_of, meta.evidence_digest]
        )
        refs = [c.ref for f in document.frameworks for c in f.controls]
        shared = Counter(_token(ref) for ref in refs)
        # `9(2)` and `9.2` would become one token: then the digest tells them apart
        self._tokens = {
            ref: _token(ref) if shared[_token(ref)] == 1 else f"{_token(ref)}-{digest_of([ref])[:8]}"
            for ref in refs
        }
        self._criteria = {c.measure.id: p.id for p in document.principles for c in p.criteria}
        self._documents = {d.id for d in document.documents}

    def id(self, *parts: str) -> str:
        """The identifier of something in this report; the same in both files."""
        return str(uuid.uuid5(SPACE, "\0".join([self._basis, *parts])))

    def metadata(self, kind: str) -> Json:
        """Title, version, parties. `last-modified` is the day of judgement: the clock plays no part."""
        meta = self._document.meta
        company, preparer = self.id("organisation"), self.id("preparer")
        return {
            "title": _line(f"{kind}: {meta.title}"),
            "last-modified": _day(meta.as_of),
            "version": _value(meta.version),
            "oscal-version": OSCAL_VERSION,
            "props": [
                _prop("report-id", meta.report_id),
                _prop("mode", meta.mode_words),
                _prop("tool", meta.tool),
                _prop("signature-state", self._document.signature.state),
            ],
            "roles": [{"id": "prepared-by", "title": "Prepared by"}],
            "parties": [
                {"uuid": company, "type": "organization", "name": _value(meta.organisation)},
                {"uuid": preparer, "type": "person", "name": _value(meta.prepared_by)},
            ],
            "responsible-parties": [{"role-id": "prepared-by", "party-uuids": [preparer]}],
        }

    def system(self) -> Json:
        """The system that the report is about."""
        meta = self._document.meta
        return {
            "uuid": self.id("system"),
            "type": "system",
            "title": _line(meta.system),
            "description": _text(f"Model versions as declared: {', '.join(meta.models)}"),
            "status": {"state": "other", "remarks": "Not examined."},
        }

    def selections(self) -> Iterator[Json]:
        """One selection for each checklist."""
        for framework in self._document.frameworks:
            controls = [{"control-id": self._tokens[c.ref]} for c in framework.controls]
            yield _without_empty(
                {
                    "description": _text(f"{framework.title}, checklist {framework.checklist_version}"),
                    "include-controls": controls,
                }
            )
        if not self._document.frameworks:
            # the schema wants one; `include-all` would say that everything was assessed
            yield {
                "description": "No checklist was named and no control was assessed: `no-control` names none.",
                "include-controls": [{"control-id": "no-control"}],
            }

    def observations(self) -> Iterator[Json]:
        """One for each criterion."""
        for principle in self._document.principles:
            for view in principle.criteria:
                yield self._observation(principle.id, view)

    def _observation(self, principle: str, view: CriterionView) -> Json:
        figure = view.measure.figure
        number = "not measured" if figure is None else figure.text
        said = f"{view.statement}. {view.status.word}: {number}. {'; '.join(view.reasons)}"
        props = [
            _prop("criterion", view.measure.id),
            _prop("principle", principle),
            _prop("verdict", view.status.code),
            _prop("operator", view.operator),
            _prop("threshold", repr(view.threshold)),
            _prop("declaration-sha256", view.digest),
            _prop("number", number),
        ]
        if figure is not None:
            numbers = {
                "estimate": figure.estimate, "lower": figure.lower, "upper": figure.upper,
                "confidence": figure.confidence, "worst-lower": figure.worst_lower,
                "worst-upper": figure.worst_upper, "undecided": figure.undecided, "failed": figure.errors,
                "missing": figure.missing,
            }  # fmt: skip
            props += [_prop(name, repr(number)) for name, number in numbers.items() if number is not None]
            for arm in figure.arms:
                parts = {"numerator": arm.numerator, "denominator": arm.denominator}
                group = _token(arm.name) if len(figure.arms) > 1 else ""
                props += [_prop(name, repr(number), group=group) for name, number in parts.items()]
        return {
            "uuid": self.id("criterion", view.measure.id),
            "title": _line(f"{view.measure.id} {view.measure.indicator_title}"),
            "description": _text(said),
            "props": props,
            "methods": ["TEST"],
            "types": ["control-objective"],
            **self._origin(),
            "subjects": [{"subject-uuid": self.id("system"), "type": "component"}],
            "relevant-evidence": [
                {
                    "href": f"#{self.id('file', source.id, file.path)}",
                    "description": _text(f"{source.id}: {file.path}"),
                }
                for source in self._document.sources
                if source.id in view.measure.sources
                for file in source.files
            ]
            or [{"description": "No file was handed in for it."}],
            "collected": _day(self._document.meta.as_of),
        }

    def _origin(self) -> Json:
        return {"origins": [{"actors": [{"type": "party", "actor-uuid": self.id("organisation")}]}]}

    def examined(self, view: DocumentView) -> Json:
        """A document that was handed in."""
        return {
            "uuid": self.id("document", view.id),
            "title": _line(view.title),
            "description": _text(f"{view.status.word}: {view.detail}" if view.detail else view.status.word),
            "props": [
                _prop("document", view.id),
                _prop("kind", view.kind),
                _prop("state", view.status.code),
                *([_prop("sha256", view.sha256)] if view.sha256 else []),
            ],
            "methods": ["EXAMINE"],
            **self._origin(),
            "collected": _day(self._document.meta.as_of),
        }

    def finding(self, view: ControlView) -> Json:
        """A control with its verdict."""
        code = view.status.code
        refs = dict.fromkeys(ref for need in view.needs for ref in need.found)
        criteria = [self.id("criterion", r) for r in refs if r in self._criteria]
        documents = [self.id("document", r) for r in refs if r in self._documents]
        target: Json = {
            "type": "objective-id",
            "target-id": self._tokens[view.ref],
            "status": {
                "state": "satisfied" if code == "met" else "not-satisfied",
                "reason": _REASONS.get(code, "other"),
                "remarks": _text(f"{view.status.word}: {view.reason}"),
            },
        }
        if code in _IMPLEMENTED:
            target["implementation-status"] = {"state": _IMPLEMENTED[code]}
        props = [_prop("control", view.ref), _prop("verdict", code), _prop("cite", view.cite)]
        if view.underlying is not None:
            props.append(_prop("verdict-without-waiver", view.underlying.code, remarks=view.waiver))
        found = {
            "uuid": self.id("control", view.ref),
            "title": _line(f"{view.ref} {view.title}"),
            "description": _text(view.requirement),
            "props": props,
            **self._origin(),
            "target": target,
            "related-observations": [{"observation-uuid": name} for name in (*criteria, *documents)],
        }
        return _without_empty(found)

    def risk(self, view: FindingView) -> Json:
        """A reason to distrust the evidence."""
        touched = [name for name, principle in self._criteria.items() if principle in view.principles]
        return _without_empty(
            {
                "uuid": self.id("finding", view.id),
                "title": _line(f"{view.id} {view.title}"),
                "description": _text(view.detail),
                "statement": _text(f"To ask: {view.ask}"),
                "props": [
                    _prop("code", view.code),
                    _prop("severity", view.severity),
                    _prop("count", str(view.count)),
                    *([_prop("source", view.source_id)] if view.source_id else []),
                ],
                "status": "open",
                **self._origin(),
                "related-observations": [{"observation-uuid": self.id("criterion", c)} for c in touched],
            }
        )

    def weakness(self, row: RemediationView) -> Json:
        """A weakness as a risk: its state, when it is due, and what is planned."""
        planned: Json = {
            "uuid": self.id("response", *self._key(row)),
            "lifecycle": "completed" if row.status == "done" else "planned",
            "title": _line(f"{row.id}: {row.owner}"),
            "description": _text(row.action),
        }
        state = "deviation-approved" if row.waiver else _STATES.get(row.status, "open")
        observed = [self.id("criterion", row.of)] if row.of in self._criteria else []
        return _without_empty(
            {
                "uuid": self.id("weakness", *self._key(row)),
                "title": _line(f"{row.of}: {row.state}"),
                "description": _text(row.weakness),
                "statement": _text(row.waiver or f"It is {row.state}."),
                "props": [_prop("kind", row.kind), _prop("verdict", row.state), _prop("of", row.of)],
                "status": state,
                **self._origin(),
                "deadline": _day(row.due) if row.due else "",
                "remediations": [planned] if row.id else [],
                "related-observations": [{"observation-uuid": name} for name in observed],
            }
        )

    def item(self, row: RemediationView) -> Json:
        """A line of the plan."""
        flags = {"overdue": row.is_overdue, "also-in-previous-report": row.is_recurrent}
        owner = f"Owner: {row.owner}." if row.owner else "Nobody has taken it on."
        return _without_empty(
            {
                "uuid": self.id("item", *self._key(row)),
                "title": _line(f"{row.of}: {row.state}"),
                "description": _text(f"{row.weakness} {owner} {row.action}".strip()),
                "props": [
                    _prop("kind", row.kind),
                    _prop("owner", row.owner or "nobody"),
                    *(_prop(name, "yes") for name, is_so in flags.items() if is_so),
                    *([_prop("opened-on", row.opened_on)] if row.opened_on else []),
                    *([_prop("closed-on", row.closed_on)] if row.closed_on else []),
                ],
                "related-findings": [{"finding-uuid": self.id("control", row.of)}]
                if row.kind == "control"
                else [],
                "related-risks": [{"risk-uuid": self.id("weakness", *self._key(row))}],
            }
        )

    def _key(self, row: RemediationView) -> tuple[str, ...]:
        return row.kind, row.of, row.source_id, row.weakness

    def resources(self) -> Iterator[Json]:
        """Every file of evidence, with its digest."""
        for source in self._document.sources:
            for file in source.files:
                link: Json = {"href": quote(file.path.encode("utf-8", "replace"), safe="/-._~")}
                if file.sha256:
                    link["hashes"] = [{"algorithm": "SHA-256", "value": file.sha256}]
                yield {
                    "uuid": self.id("file", source.id, file.path),
                    "title": _line(file.path),
                    "description": _text(f"{source.id}, by {source.provider}; {file.status.word}"),
                    "rlinks": [link],
                }


def _no_plan(name: str, digest: str) -> Json:
    return {
        "uuid": name,
        "title": "No OSCAL assessment plan",
        "description": (
            "No assessment plan exists in OSCAL. What was to be shown stands in the declared criteria of"
            f" audit.yaml, SHA-256 of the declaration {digest}."
        ),
    }


def _nothing(name: str, document: Document) -> Json:
    return {
        "uuid": name,
        "title": "Nothing to repair was found",
        "description": _text(document.remediation_note or "No weakness stands in the report."),
        "props": [_prop("weaknesses", "0")],
    }


def _prop(name: str, value: str, *, group: str = "", remarks: str = "") -> Json:
    out = {"name": name, "ns": NAMES, "value": _value(value)}
    if group:
        out["group"] = group
    if remarks:
        out["remarks"] = _text(remarks)
    return out


def _value(text: str) -> str:
    """A `string` of OSCAL: one line, not empty, no blank at its ends."""
    return " ".join(printable(text).split()) or "-"


def _text(text: str) -> str:
    """Markup on one line in which text from logs makes no link, no picture, no tag and no parameter."""
    return _value(text).replace("<", "&lt;").replace("](", "] (").replace("{{", "{ {")


_line = _text


def _token(text: str) -> str:
    """A `token` of OSCAL: begins with a letter, then letters, digits, dots, hyphens and underscores."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-")
    return plain if re.match(r"[A-Za-z_]", plain) else f"_{plain}"


def _day(iso: str) -> str:
    return f"{iso}T00:00:00Z"


def _without_empty(value: Json) -> Json:
    """OSCAL has no empty lists and no empty strings: what is not there is left out."""
    return {name: part for name, part in value.items() if part not in ([], "", {})}
