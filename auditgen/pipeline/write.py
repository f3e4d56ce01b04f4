"""From audit.yaml to files: everything is made in a hidden place and appears whole, or not at all."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from auditgen import __version__
from auditgen.canonical import sha256_file
from auditgen.checklists import available_checklists, checklist_files
from auditgen.errors import EnvironmentRefused, InputRefused
from auditgen.evidence.store import EvidenceStore
from auditgen.indicators.definition import available_indicators
from auditgen.pipeline.beside import UNPACKABLE, own_member
from auditgen.pipeline.build import Built, Seal, build
from auditgen.pipeline.plan import load_plan
from auditgen.pipeline.previous import load_previous
from auditgen.pipeline.queried import engine_file, left_out_words
from auditgen.pipeline.read import Inputs, read_inputs
from auditgen.pipeline.signing import packed_line, signer_of
from auditgen.pipeline.statements import signed_exports
from auditgen.plugins import load_plugins
from auditgen.project import criterion_declaration, load_project
from auditgen.seal import Signer, leaf_hash, root, sign_detached, sign_pdf, write_pack
from auditgen.sources.suites import SuiteLibrary
from auditgen.yamlspan import read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, datetime

    from auditgen.project import Project

FORMATS = ("html", "pdf", "xlsx", "json")
MORE_FORMATS = ("oscal", "poam")
"""Made when they are asked for."""
SALTS = "record-salts.json"
ENGINE = "engine.json"
RENDERERS = "auditgen.renderers"
HEAD_BYTES = 1 << 16


def file_name(output: str) -> str:
    """What an output is called in its directory; the OSCAL files are JSON, and say so."""
    return f"report.{output}.json" if output in MORE_FORMATS else f"report.{output}"


OWN_FILES = (
    *(file_name(name) for name in (*FORMATS, *MORE_FORMATS)),
    *(f"{file_name(name)}.p7s" for name in (*FORMATS, *MORE_FORMATS)),
    "pack.zip",
    "ca.pem",
    SALTS,
    ENGINE,
)
"""Everything a run can leave in its directory: none of it may stay from an earlier run."""
_UNSAFE = re.compile(r"[^A-Za-z0-9_+]+")


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for."""

    audit: Path
    out: Path
    as_of: date
    now: datetime
    """The clock, for signatures only; nothing in the report depends on it."""
    formats: tuple[str, ...] = FORMATS
    unsigned: bool = False
    strict: bool = False
    force: bool = False
    store: Path | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What was made."""

    built: Built
    files: tuple[Path, ...]
    signer: Signer | None
    warnings: tuple[str, ...]


def make_report(
    order: Order, progress: Callable[[str, int, int], None] = lambda *_: None
) -> Made:
    """The main job. Raises AuditgenError; then nothing was written to `order.out`."""
    project = load_project(order.audit, needs_signer=not order.unsigned)
    signer = None if order.unsigned else signer_of(project, order.now)
    _refuse_unwritable(order)
    seal = None
    if signer is not None:
        certificate = f"{signer.subject}; SHA-256 {signer.sha256_fingerprint}"
        seal = Seal(certificate, signer.is_development)
    inputs, built = read_and_build(project, order, seal, progress)
    work = Path(tempfile.mkdtemp(prefix=".auditgen-", dir=_nearest(order.out)))
    try:
        _render(built, order, work, progress)
        if inputs.logged:
            (work / ENGINE).write_bytes(engine_file(inputs.queried, inputs.logged, inputs.readings))
        if signer is not None:
            progress("signing", 1, 1)
            _sign(project, inputs, built, order, signer, work)
        files = _publish(work, order.out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    warnings = tuple(w.message for w in signer.warnings) if signer else ()
    return Made(built, files, signer, warnings)


def read_and_build(
    project: Project,
    order: Order,
    seal: Seal | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> tuple[Inputs, Built]:
    """Everything up to the document: what `report`, `check` and `explain` share. Writes to the store only."""
    inputs = read_inputs(project, store_of(project, order.store), progress, as_of=order.as_of)
    if order.strict:
        _refuse_faulty(inputs)
    previous = load_previous(project, order.now)
    plan = load_plan(project, order.now)
    signed = tuple(signed_exports(project, inputs.evidence_files, order.now))
    built = build(project, inputs, order.as_of, previous=previous, plan=plan, signed=signed, seal=seal)
    return inputs, built


def judge_project(
    order: Order, progress: Callable[[str, int, int], None] = lambda *_: None
) -> tuple[Project, Built]:
    """Read and judge as `make_report` does, and make no report; no key is needed. Raises AuditgenError."""
    project = load_project(order.audit, needs_signer=False)
    return project, read_and_build(project, order, None, progress)[1]


def _refuse_unwritable(order: Order) -> None:
    """Refuse before any work when the result cannot be put where it is wanted."""
    out = order.out
    if out.exists() and not out.is_dir():
        raise EnvironmentRefused(f"`{out}` is a file; nothing was done", hint="name a directory")
    try:
        with tempfile.TemporaryDirectory(prefix=".auditgen-", dir=_nearest(out)):
            pass
    except OSError as error:
        raise EnvironmentRefused(
            f"`{out}` cannot be written: {error.strerror or error}; nothing was done",
            hint="name another directory with -o",
        ) from error
    there = [name for name in OWN_FILES if os.path.lexists(out / name)]
    folders = [name for name in there if (out / name).is_dir()]
    if folders:
        raise EnvironmentRefused(
            f"`{out / folders[0]}` is a directory; nothing was done",
            hint="name another directory with -o",
        )
    if there and not order.force:
        raise EnvironmentRefused(
            f"`{out}` already holds {', '.join(there)}; nothing was done",
            hint="name another directory with -o, or replace them with --force",
        )


def _nearest(out: Path) -> Path:
    """The nearest directory that exists. What is made there can be moved to `out` in one step."""
    for place in (out, *out.parents):
        if place.is_dir():
            return place
        if os.path.lexists(place):
            raise NotADirectoryError(20, f"`{place}` is not a directory")
    return Path()


def store_of(project: Project, given: Path | None) -> EvidenceStore:
    """The one that was named; else beside audit.yaml, or in a private place when that cannot be written."""
    if given is not None:
        return EvidenceStore(given)
    beside = project.root / ".auditgen" / "store"
    try:
        beside.mkdir(parents=True, exist_ok=True)
        if os.access(beside, os.W_OK | os.X_OK):
            return EvidenceStore(beside)
    except OSError:
        pass
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return EvidenceStore(Path(cache) / "auditgen" / "store")


def _refuse_faulty(inputs: Inputs) -> None:
    faulty = [
        f"{r.path}: {a.message}" for r in inputs.readings for a in r.anomalies if a.blocks
    ] + [f"source {name}: no file" for name in inputs.empty_sources]
    if faulty:
        raise InputRefused(
            f"--strict: {len(faulty)} faults in evidence; nothing was written: " + "; ".join(faulty),
            hint="without --strict each becomes a finding in the report",
        )


def _render(
    built: Built, order: Order, work: Path, progress: Callable[[str, int, int], None]
) -> None:
    plugins = {p.name: p for p in load_plugins(RENDERERS)}
    for number, name in enumerate(order.formats, 1):
        progress(file_name(name), number, len(order.formats))
        plugin = plugins[name]
        if plugin.failure:
            raise EnvironmentRefused(f"the renderer `{name}` cannot be loaded: {plugin.failure}")
        with (work / file_name(name)).open("wb") as out:
            plugin.value(built.document, built.tables, out)


def _sign(
    project: Project, inputs: Inputs, built: Built, order: Order, signer: Signer, work: Path
) -> None:
    """PDF inside, the others beside, then the pack over the final bytes of everything."""
    meta = built.document.meta
    for name in order.formats:
        path = work / file_name(name)
        if name == "pdf":
            reason = f"Prepared {meta.title} for {meta.period_words}"
            signed = sign_pdf(path.read_bytes(), signer, signed_at=order.now, reason=reason)
            path.write_bytes(signed)
        else:
            signature = sign_detached(path, signer, signed_at=order.now)
            path.with_name(path.name + ".p7s").write_bytes(signature)
    files: dict[str, Path | bytes] = {p.name: p for p in sorted(work.iterdir())}
    # laid out so that `auditgen report data/inputs/audit.yaml --unsigned` repeats the work
    files["inputs/audit.yaml"] = project.path
    shipped = available_checklists()
    for number, name in enumerate(project.audit.standards, 1):
        if name in shipped:
            files[f"standards/{shipped[name].name}"] = shipped[name]
        else:
            path = project.resolve(name)
            member = f"inputs/{name}"
            files[f"standards/{number}/{path.name}" if UNPACKABLE.search(member) else member] = path
            files |= _bases(project, path, number)
    for kind in ("suites", "indicators"):
        for number, found in enumerate((b for b in inputs.beside if b.kind == kind), 1):
            files[own_member(number, found)] = found.path
    shipped_indicators = available_indicators()
    for view in built.document.indicators:
        if not view.is_own:
            path = shipped_indicators[view.id]
            files[f"standards/indicators/{path.name}"] = path
    held = _held(project, inputs)
    _refuse_changed(project, inputs, held)
    files |= {f"inputs/{name}": path for name, path in held.values()}
    salts, predicate = _predicate(project, inputs, built, {k: v[0] for k, v in held.items()})
    write_pack(
        work / "pack.zip",
        files,
        statement_predicate=predicate,
        signer=signer,
        signed_at=order.now,
        bag_info={
            "Source-Organization": packed_line(meta.organisation),
            "External-Identifier": meta.report_id,
            "External-Description": packed_line(f"{meta.title}, {meta.system}, {meta.period_words}"),
            "Bag-Software-Agent": f"auditgen {__version__}",
        },
    )
    anchor = _anchor(project)
    if anchor is not None:
        (work / "ca.pem").write_bytes(anchor)
    if salts:
        private = work / SALTS
        private.touch(mode=0o600)
        private.write_bytes(orjson.dumps({"note": _SALT_NOTE, "salts": salts}))


_SALT_NOTE = (
    "Private. One random salt per evaluation record, in the order of the records table. With it a "
    "single record can be disclosed and proven against the sealed Merkle root; without it nobody can "
    "guess records from their hashes. It is not part of the pack."
)


def _bases(project: Project, tailoring: Path, number: int) -> dict[str, Path]:
    """The files a tailoring rests on, by their names in the pack: beside it where they lie in the project."""
    shipped = {path.resolve(): path for path in available_checklists().values()}
    out = {}
    for path in checklist_files(tailoring)[1:]:
        name = os.path.relpath(path, project.root)
        if path.resolve() in shipped:
            out[f"standards/{path.name}"] = path
        else:
            out[f"standards/{number}/{path.name}" if UNPACKABLE.search(name) else f"inputs/{name}"] = path
    return out


def _held(project: Project, inputs: Inputs) -> dict[str, tuple[str, Path]]:
    """Evidence that travels in the pack: its name in the report to (name in the pack, file)."""
    if project.audit.report.pack_evidence != "include":
        return {}
    _refuse_secrets(project, inputs)
    out = {}
    for number, (name, path) in enumerate(sorted(inputs.paths.items()), 1):
        is_plain = not UNPACKABLE.search(name)
        out[name] = (name if is_plain else f"renamed/{number:04d}-{_UNSAFE.sub('-', path.name)}", path)
    return out


def _refuse_secrets(project: Project, inputs: Inputs) -> None:
    """A wide glob or a planted link must not put a key, or what lies elsewhere, into a pack."""
    root, faults = project.root.resolve(), []
    for name, path in sorted(inputs.paths.items()):
        with path.open("rb") as stream:
            if b"PRIVATE KEY-----" in stream.read(HEAD_BYTES):
                faults.append(f"`{name}` is a private key")
        named_inside = path.is_relative_to(project.root) and ".." not in path.relative_to(project.root).parts
        if named_inside and not path.resolve().is_relative_to(root):
            faults.append(f"`{name}` is a link to a place outside the project")
    if faults:
        raise InputRefused(
            f"the pack would publish what it must not: {'; '.join(faults)}; nothing was written",
            hint="name the evidence files more narrowly, or set `pack_evidence: digests`",
        )


def _refuse_changed(
    project: Project, inputs: Inputs, held: Mapping[str, tuple[str, Path]]
) -> None:
    """The pack must hold the bytes that were judged."""
    known = {r.path: r.sha256 for r in inputs.readings if r.sha256}
    known |= {d.block.file: d.sha256 for d in inputs.documents if d.sha256}
    known |= {b.name: b.sha256 for b in inputs.beside}
    changed = [name for name, (_, path) in held.items() if sha256_file(path) != known[name]]
    own = [b for b in inputs.beside if b.kind == "suites"]
    # what was read at the start and what is packed now must be the same knowledge
    if own:
        again = SuiteLibrary.load([project.resolve(name) for name in project.audit.suites])
        changed += [b.name for b in own] if again.digest != project.suites.digest else []
    for name in project.own_indicators.values():
        [held_] = [b for b in inputs.beside if b.kind == "indicators" and b.name == name]
        changed += [name] if sha256_file(held_.path) != held_.sha256 else []
    if read_yaml(project.path).text != project.document.text:
        changed.insert(0, project.path.name)
    if changed:
        raise EnvironmentRefused(
            f"changed while the report was made: {', '.join(changed)}; nothing was written",
            hint="make the report again when nobody writes to these files",
        )


def _predicate(
    project: Project, inputs: Inputs, built: Built, held: Mapping[str, str]
) -> tuple[list[str], dict[str, Any]]:
    """What the signed statement binds beside the bytes; and the salts of the record tree."""
    audit, meta = project.audit, built.document.meta
    rows = built.tables.get("records", ())
    salts = [secrets.token_hex(16) for _ in rows]
    leaves = [leaf_hash(list(row), salt) for row, salt in zip(rows, salts, strict=True)]
    elsewhere = {one.counters_sha256: left_out_words(one) for one in inputs.queried}
    evidence = [
        {
            "path": r.path,
            "sha256": r.sha256,
            "bytes": r.bytes,
            "records": r.counts.observations,
            "held_as": f"data/inputs/{held[r.path]}" if r.path in held else None,
            **({"left_out": elsewhere[r.sha256]} if r.sha256 in elsewhere else {}),
        }
        for r in inputs.readings
        if r.sha256
    ]
    own = [b for b in inputs.beside if b.kind == "suites"]
    predicate: dict[str, Any] = {
        "report": {
            "id": meta.report_id,
            "version": meta.version,
            "mode": meta.mode,
            "as_of": meta.as_of,
        },
        "organisation": meta.organisation,
        "period": {"start": meta.period_start, "end": meta.period_end},
        "system": {"name": audit.system.name, "version": audit.system.version},
        "models": list(audit.system.models),
        "thresholds_sha256": project.declaration_digest,
        "thresholds": [
            {"principle": p.id, **criterion_declaration(c, project.indicators[c.indicator])}
            for p in audit.principles
            for c in p.criteria
        ],
        "indicators": [
            {"id": view.id, "version": view.version, "definition_sha256": view.digest}
            for view in built.document.indicators
        ],
        "mappings": dict(sorted(inputs.mapping_digests.items())),
        "suites": _beside(inputs, "suites", {b.name: own_member(n, b) for n, b in enumerate(own, 1)}),
        "labels": _beside(inputs, "labels", {k: f"inputs/{v}" for k, v in held.items()}),
        "relabelled": _beside(inputs, "relabelled", {k: f"inputs/{v}" for k, v in held.items()}),
        "checklists": [
            {
                "id": c.framework.id,
                "version": c.framework.checklist_version,
                "source": c.framework.source_version,
            }
            for c in project.checklists
        ],
        "evidence_sha256": inputs.evidence_digest,
        "evidence": evidence,
        "records": {
            "count": sum(r.counts.observations for r in inputs.readings),
            "tree": {"algorithm": "rfc9162-sha256-salted", "size": len(leaves), "root": root(leaves).hex()},
        },
        "conclusions": {p.id: p.status.code for p in built.document.principles},
        "tool": {"name": "auditgen", "version": __version__},
    }  # fmt: skip
    return salts, predicate


def _beside(inputs: Inputs, kind: str, held: Mapping[str, str]) -> list[dict[str, Any]]:
    """Files that decide what records say, as the statement binds them."""
    return [
        {
            "path": b.name,
            "sha256": b.sha256,
            "by": b.note,
            "held_as": f"data/{held[b.name]}" if b.name in held else None,
        }
        for b in inputs.beside
        if b.kind == kind
    ]


def _anchor(project: Project) -> bytes | None:
    """The self-signed certificate of the declared chain, handed out beside the report."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    block = project.audit.signer
    for name in () if block is None else block.chain:
        for certificate in x509.load_pem_x509_certificates(project.resolve(name).read_bytes()):
            if certificate.subject == certificate.issuer:
                return certificate.public_bytes(Encoding.PEM)
    return None


def _publish(work: Path, out: Path) -> tuple[Path, ...]:
    """Move the finished files into place. A new directory appears in one step."""
    names = sorted(path.name for path in work.iterdir())
    try:
        if not out.exists():
            out.parent.mkdir(parents=True, exist_ok=True)
            os.chmod(work, 0o755)
            os.rename(work, out)
        else:
            _replace(work, out, names)
    except OSError as error:
        raise EnvironmentRefused(
            f"`{out}` cannot be written: {error.strerror or error}", hint="name another directory"
        ) from error
    return tuple(out / name for name in names)


def _replace(work: Path, out: Path, names: Sequence[str]) -> None:
    """Put the new files in the place of an earlier run's; when one cannot be moved, all go back."""
    before = work / "before"
    before.mkdir()
    there = [name for name in OWN_FILES if os.path.lexists(out / name)]
    moves = [(out / name, before / name) for name in there]
    moves += [(work / name, out / name) for name in names]
    done: list[tuple[Path, Path]] = []
    try:
        for old, new in moves:
            os.replace(old, new)
            done.append((old, new))
    except OSError:
        for old, new in reversed(done):
            os.replace(new, old)
        raise
