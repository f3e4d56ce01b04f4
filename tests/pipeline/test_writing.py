"""The files appear whole or not at all, and nothing of an earlier run stays among them."""

from __future__ import annotations

import json
import os
import shutil
import stat
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from helpers.workshop import (
    AS_OF,
    NOW,
    audit,
    draft,
    inspect_log,
    samples,
    write_project,
    yaml_text,
)

from auditgen.cli import run
from auditgen.errors import EnvironmentRefused, InputRefused
from auditgen.pipeline.write import Made, Order, make_report
from auditgen.plugins import Plugin, load_plugins
from auditgen.project import load_project
from auditgen.verify import Policy, examine

if TYPE_CHECKING:
    from helpers.workshop import Json

    from auditgen.seal import KeyPaths

GOOD = inspect_log(samples(200))
FILES: dict[str, Json | str | bytes] = {"evidence/lab.json": GOOD, "plan.md": "the plan"}
PLAN = {
    "id": "D1",
    "kind": "DO-IRP",
    "title": "Plan",
    "file": "plan.md",
    "version": "1",
    "dated": "2026-05-01",
    "owner": "head",
}


@pytest.fixture
def project(tmp_path: Path, keys: KeyPaths) -> Path:
    """A project that can be signed and packs its evidence."""
    value = audit(documents=[PLAN])
    value["report"]["pack_evidence"] = "include"
    value["signer"] = {
        "certificate": "keys/signer.pem",
        "key": "keys/signer.key.pem",
        "chain": ["keys/ca.pem"],
        "person": {"name": "A. Example", "role": "officer"},
    }
    path = write_project(tmp_path / "project", value, FILES)
    shutil.copytree(keys.ca.parent, path.parent / "keys")
    return path


def signed(path: Path, out: Path, **parts: Any) -> Made:
    order = {"as_of": AS_OF, "now": NOW, "formats": ("html", "json"), **parts}
    return make_report(Order(audit=path, out=out, **order))


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


SIGNED = ["ca.pem", "pack.zip", "record-salts.json", "report.html", "report.html.p7s"]
SIGNED += ["report.json", "report.json.p7s"]


def test_everything_appears(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "a" / "b" / "out"
    made = signed(project, out)
    assert names(out) == SIGNED
    assert names(tmp_path) == ["a", "project"]
    assert [p.name for p in made.files] == SIGNED
    assert stat.S_IMODE((out / "record-salts.json").stat().st_mode) == 0o600
    with zipfile.ZipFile(out / "pack.zip") as pack:
        held = {n.removeprefix("pack/data/") for n in pack.namelist() if "/data/" in n}
    assert held == {
        "inputs/audit.yaml",
        "inputs/evidence/lab.json",
        "inputs/plan.md",
        "standards/indicators/refusal-rate.yaml",
        "report.html",
        "report.html.p7s",
        "report.json",
        "report.json.p7s",
    }
    examination = examine(out / "pack.zip", Policy((out / "ca.pem",), NOW + timedelta(days=1)))
    assert examination.exit_code == 0


def test_the_statement_binds_what_decides(project: Path, tmp_path: Path) -> None:
    """Period, versions, thresholds, mappings, evidence, checklists, conclusions and the tool."""
    signed(project, tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out" / "pack.zip") as pack:
        import base64

        (name,) = [n for n in pack.namelist() if n.endswith("statement.dsse.json")]
        envelope = json.loads(pack.read(name))
    statement = json.loads(base64.b64decode(envelope["payload"]))
    predicate = statement["predicate"]
    loaded = load_project(project)
    assert predicate["period"] == {"start": "2026-07-01", "end": "2026-09-30"}
    assert predicate["models"] == ["model-1"]
    assert predicate["system"] == {"name": "Assistant", "version": "1.0"}
    assert predicate["thresholds_sha256"] == loaded.declaration_digest
    assert predicate["thresholds"][0]["at_least"] == 0.9
    assert set(predicate["mappings"]) == {"lab"}
    assert predicate["evidence"][0]["held_as"] == "data/inputs/evidence/lab.json"
    assert predicate["conclusions"] == {"P1": "supported_with_comments"}
    assert predicate["records"]["count"] == 200
    assert predicate["tool"]["name"] == "auditgen"


class _Broken(Exception):
    """What a renderer of somebody else may raise."""


def renderers(monkeypatch: pytest.MonkeyPatch, name: str, render: Any) -> None:
    """Replace one renderer."""
    real = load_plugins

    def load(group: str) -> tuple[Plugin, ...]:
        return tuple(
            Plugin(name, "auditgen", "0", render) if p.name == name else p for p in real(group)
        )

    monkeypatch.setattr("auditgen.pipeline.write.load_plugins", load)


@pytest.mark.parametrize(
    "error", [_Broken("no"), KeyboardInterrupt(), MemoryError(), OSError(28, "full")]
)
def test_a_renderer_that_fails_leaves_nothing(
    error: BaseException, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def render(document: Any, tables: Any, out: Any) -> None:
        out.write(b"half of it")
        raise error

    renderers(monkeypatch, "json", render)
    with pytest.raises(type(error)):
        signed(project, tmp_path / "deep" / "out")
    assert names(tmp_path) == ["project"]
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "report.html").write_text("the earlier one")
    with pytest.raises(type(error)):
        signed(project, tmp_path / "there", force=True)
    assert contents(tmp_path / "there") == {"report.html": b"the earlier one"}


def test_the_command_says_which_kind_of_failure(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["report", str(project), "-o", str(tmp_path / "out"), "--formats", "json"]
    arguments += ["--unsigned", "--as-of", "2026-10-05"]

    def raises(error: BaseException) -> Any:
        def render(document: Any, tables: Any, out: Any) -> None:
            raise error

        return render

    renderers(monkeypatch, "json", raises(_Broken("what was it")))
    assert run(arguments) == 70
    assert "this is a mistake in auditgen" in capsys.readouterr().err
    monkeypatch.undo()
    renderers(monkeypatch, "json", raises(KeyboardInterrupt()))
    assert run(arguments) == 1
    assert "stopped" in capsys.readouterr().err
    monkeypatch.undo()
    renderers(monkeypatch, "json", raises(EnvironmentRefused("no Pango", hint="install it")))
    assert run(arguments) == 1
    assert "  = help: install it" in capsys.readouterr().err
    assert names(tmp_path) == ["project"]


def test_a_renderer_that_cannot_be_loaded(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = load_plugins
    broken = Plugin("json", "other", "1", None, "ImportError: no")
    monkeypatch.setattr(
        "auditgen.pipeline.write.load_plugins",
        lambda group: tuple(broken if p.name == "json" else p for p in real(group)),
    )
    with pytest.raises(EnvironmentRefused, match="renderer `json` cannot be loaded"):
        signed(project, tmp_path / "out")
    assert names(tmp_path) == ["project"]


class TestExisting:
    """An earlier run is kept, replaced whole, or put back whole."""

    def test_refused_without_force(self, project: Path, tmp_path: Path) -> None:
        for name in ("report.pdf", "report.html.p7s", "pack.zip", "ca.pem", "record-salts.json"):
            out = tmp_path / f"out-{name}"
            out.mkdir()
            (out / name).write_text("mine")
            with pytest.raises(EnvironmentRefused, match=f"already holds {name}; nothing was done"):
                signed(project, out)
            assert contents(out) == {name: b"mine"}

    def test_other_files_are_left_alone(self, project: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        out.mkdir()
        (out / "notes.txt").write_text("mine")
        signed(project, out)
        assert names(out) == ["ca.pem", "notes.txt", *SIGNED[1:]]
        assert (out / "notes.txt").read_text() == "mine"

    def test_force_leaves_nothing_of_before(self, project: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        signed(project, out)
        (out / "notes.txt").write_text("mine")
        draft(project, out, ("json",), force=True)
        assert names(out) == ["notes.txt", "report.json"]

    @pytest.mark.parametrize("at", range(12))
    def test_an_interrupted_replacement_puts_all_back(
        self, at: int, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = tmp_path / "out"
        signed(project, out)
        before = contents(out)
        real, count = os.replace, iter(range(99))

        def replace(old: Any, new: Any) -> None:
            if next(count) == at:
                raise OSError(28, "No space left on device")
            real(old, new)

        monkeypatch.setattr("auditgen.pipeline.write.os.replace", replace)
        with pytest.raises(EnvironmentRefused, match="No space left on device"):
            signed(project, out, now=NOW + timedelta(days=1), force=True)
        monkeypatch.undo()
        assert contents(out) == before
        assert names(tmp_path) == ["out", "project"]

    def test_a_directory_in_the_way_is_not_removed(self, project: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        (out / "report.html").mkdir(parents=True)
        (out / "report.html" / "mine").write_text("mine")
        for force in (False, True):
            with pytest.raises(EnvironmentRefused, match="is a directory"):
                signed(project, out, force=force)
        assert (out / "report.html" / "mine").read_text() == "mine"

    def test_another_disk(self, project: Path, tmp_path: Path) -> None:
        """A mounted output directory: nothing can be moved into it from outside."""
        memory = Path("/dev/shm")
        if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("no second file system here")
        place = memory / f"auditgen-test-{os.getpid()}"
        place.mkdir()
        try:
            (tmp_path / "out").symlink_to(place)
            signed(project, tmp_path / "out")
            assert names(place) == SIGNED
            signed(project, tmp_path / "out", force=True)
            assert names(place) == SIGNED
        finally:
            shutil.rmtree(place)


class TestChangedMeanwhile:
    """The pack holds the bytes that were judged, or there is no pack."""

    def made(self, project: Path, out: Path, spoil: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        from auditgen.render.json import render as real

        def render(document: Any, tables: Any, stream: Any) -> None:
            spoil()
            real(document, tables, stream)

        renderers(monkeypatch, "json", render)
        signed(project, out)

    @pytest.mark.parametrize("name", ["evidence/lab.json", "plan.md", "audit.yaml"])
    def test_refused(
        self, name: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = project.parent / name

        def spoil() -> None:
            target.write_text(target.read_text() + "\n")

        with pytest.raises(EnvironmentRefused, match=f"changed while the report was made: {name}"):
            self.made(project, tmp_path / "out", spoil, monkeypatch)
        assert names(tmp_path) == ["project"]


def test_two_checklists_of_one_name_are_both_packed(project: Path, tmp_path: Path) -> None:
    def own(name: str) -> Json:
        return {
            "schema": "auditgen-checklist-1",
            "framework": {
                "id": name,
                "title": name,
                "authority": "Acme",
                "citation": name,
                "source_version": "1",
                "checklist_version": "1",
                "binding": "internal",
                "licence": {"text": "own", "policy": "paraphrase_only", "attribution": "Acme"},
                "review": {"legal_review": "none", "last_checked": "2026-01-01", "text_basis": "read", "sources": ["s"]},
                "scope": "all",
            },
            "vocabulary": {},
            "groups": [{"id": "g", "title": "G", "cite": "s. 1"}],
            "controls": [
                {
                    "id": "1",
                    "group": "g",
                    "title": "T",
                    "requirement": "R",
                    "cite": "C",
                    "kind": "obligation",
                    "applies": {"always": True},
                    "severity": "low",
                    "evidence": [{"id": "n", "any_of": ["EV-REF"]}],
                }
            ],
        }

    for name in ("one", "two"):
        (project.parent / name).mkdir()
        (project.parent / name / "list.yaml").write_text(yaml_text(own(name)))
    text = project.read_text().replace(
        "principles:", "standards: [one/list.yaml, two/list.yaml]\nprinciples:", 1
    )
    project.write_text(text)
    signed(project, tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out" / "pack.zip") as pack:
        held = [n for n in pack.namelist() if n.endswith("list.yaml")]
        texts = {pack.read(n).decode() for n in held}
    assert len(held) == len(texts) == 2


def test_evidence_names_that_become_one_are_kept_apart(project: Path, tmp_path: Path) -> None:
    folder = project.parent / "evidence"
    for name in ("lab \u00e4.json", "lab \u00f6.json", "lab(1).json"):
        (folder / name).write_text(json.dumps(inspect_log(samples(5), run=name)))
    made = signed(project, tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out" / "pack.zip") as pack:
        held = [n for n in pack.namelist() if "data/inputs/" in n and "audit.yaml" not in n]
    assert len(held) == 5
    assert all(n.isascii() for n in held)
    assert len(made.built.assessment.register.readings) == 4


def test_names_with_line_breaks_are_sealed_on_one_line(project: Path, tmp_path: Path) -> None:
    """A line break in a name must not write a field of its own into the bag."""
    evil = "Acme\\nPayload-Oxum: 0.0\\r\\u2028\\u202e\\u0378 x"
    text = project.read_text().replace("name: Acme", f'name: "{evil}"')
    assert evil in text
    project.write_text(text)
    signed(project, tmp_path / "out", formats=("html", "json", "pdf"))
    with zipfile.ZipFile(tmp_path / "out" / "pack.zip") as pack:
        lines = pack.read("pack/bag-info.txt").decode().splitlines()
    assert [line.partition(":")[0] for line in lines].count("Payload-Oxum") == 1
    anchor = tmp_path / "out" / "ca.pem"
    examination = examine(tmp_path / "out" / "pack.zip", Policy((anchor,), NOW + timedelta(days=1)))
    assert examination.exit_code == 0


class TestSecrets:
    """What a wide glob or a planted link reaches does not leave the house in a pack."""

    def refused(self, project: Path, out: Path, words: str) -> None:
        with pytest.raises(InputRefused, match=words):
            signed(project, out)
        assert not out.exists()

    def test_a_glob_that_reaches_the_key(self, project: Path, tmp_path: Path) -> None:
        project.write_text(project.read_text().replace("evidence/lab*", '"**/*"'))
        self.refused(project, tmp_path / "out", "`keys/signer.key.pem` is a private key")

    def test_a_link_to_the_key(self, project: Path, tmp_path: Path) -> None:
        (project.parent / "evidence" / "lab-2.json").symlink_to("../keys/signer.key.pem")
        self.refused(project, tmp_path / "out", "`evidence/lab-2.json` is a private key")

    def test_a_link_out_of_the_project(self, project: Path, tmp_path: Path) -> None:
        (tmp_path / "secret.txt").write_text("somebody else's")
        (project.parent / "evidence" / "lab-2.json").symlink_to(tmp_path / "secret.txt")
        self.refused(
            project, tmp_path / "out", "`evidence/lab-2.json` is a link to a place outside"
        )
        value = project.read_text().replace("pack_evidence: include", "pack_evidence: digests")
        project.write_text(value)
        signed(project, tmp_path / "out")

    def test_links_inside_and_a_project_behind_a_link_are_fine(
        self, project: Path, tmp_path: Path
    ) -> None:
        (project.parent / "store").mkdir()
        (project.parent / "evidence" / "lab.json").rename(project.parent / "store" / "real.json")
        (project.parent / "evidence" / "lab.json").symlink_to("../store/real.json")
        (tmp_path / "linked").symlink_to(project.parent)
        signed(tmp_path / "linked" / "audit.yaml", tmp_path / "out")


def test_strict_refuses_faulty_evidence(project: Path, tmp_path: Path) -> None:
    (project.parent / "evidence" / "lab.bin").write_bytes(b"\x00")
    with pytest.raises(InputRefused, match=r"--strict: 1 faults? in evidence.*lab\.bin"):
        signed(project, tmp_path / "out", strict=True)
    assert names(tmp_path) == ["project"]
    signed(project, tmp_path / "out")


def test_the_clock_is_in_no_report(project: Path, tmp_path: Path) -> None:
    """The report depends on the day of judgement; only signatures know the time."""
    early, late = NOW, datetime(2027, 1, 1, tzinfo=UTC)
    first = signed(project, tmp_path / "one", now=early)
    second = signed(project, tmp_path / "two", now=late)
    assert first.built.document == second.built.document
    for name in ("report.html", "report.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
