"""Sealed before the data, signed by its maker, attested by a name: what each is worth, and what undoes it."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from helpers.fixtures import KEYS_AT, once
from helpers.workshop import (
    audit,
    conclusions,
    criterion,
    draft,
    findings,
    inspect_log,
    samples,
    source,
    verdicts,
    write_project,
)

from auditgen.cli import run
from auditgen.errors import InputRefused
from auditgen.pipeline.attesting import write_attestation
from auditgen.pipeline.plan import seal_plan
from auditgen.pipeline.signing import write_signature
from auditgen.seal import load_signer
from auditgen.seal.keys import init_keys

if TYPE_CHECKING:
    from pathlib import Path

    from helpers.workshop import Json

    from auditgen.pipeline.write import Built
    from auditgen.seal import KeyPaths

BEFORE = datetime(2026, 6, 30, 9, tzinfo=UTC)
DATA = datetime(2026, 9, 10, tzinfo=UTC)
AFTER = datetime(2026, 9, 20, 9, tzinfo=UTC)
SIGNER = {
    "certificate": "keys/signer.pem",
    "key": "keys/signer.key.pem",
    "chain": ["keys/ca.pem"],
    "person": {"name": "S. Example", "role": "officer"},
}
UNPROVEN = "declared, not proven: no plan or pack sealed before the data holds this criterion"


@dataclass(frozen=True)
class Place:
    """A project with keys."""

    folder: Path

    def write(self, **changes: Any) -> Path:
        value = audit(signer=SIGNER, **changes)
        return write_project(
            self.folder, value, {"evidence/lab.json": inspect_log(samples(300, at=DATA), at=DATA)}
        )

    def seal(self, at: datetime = BEFORE, **changes: Any) -> Path:
        seal_plan(self.write(**changes), self.folder / "plan.zip", at)
        return self.folder / "plan.zip"

    def judge(self, trust: tuple[str, ...] = ("keys/ca.pem",), **changes: Any) -> Built:
        path = self.write(plan={"pack": "plan.zip", "trust": list(trust)}, **changes)
        return draft(path, self.folder / "out", ("json",), force=True).built

    def sign(self, name: str) -> None:
        keys = self.folder / "maker"
        signer = load_signer(
            keys / "signer.pem", keys / "signer.key.pem", chain=[keys / "ca.pem"], passphrase=None, now=DATA
        )
        file = self.folder / name
        write_signature(file, file.with_name(file.name + ".p7s"), signer, DATA)


@pytest.fixture
def place(tmp_path: Path, keys: KeyPaths, tmp_path_factory: pytest.TempPathFactory) -> Place:
    def make(folder: Path) -> None:
        init_keys(folder, organisation="Lab Ltd", name="L. Example", now=KEYS_AT)

    shutil.copytree(keys.ca.parent, tmp_path / "project" / "keys")
    shutil.copytree(once(tmp_path_factory, "maker", make), tmp_path / "project" / "maker")
    return Place(tmp_path / "project")


def comments(made: Built) -> list[str]:
    return [text for p in made.assessment.principles for c in p.criteria for text in c.comments]


class TestPlan:
    """What a plan sealed before the data proves."""

    def test_sealed_before_the_data(self, place: Place) -> None:
        assert UNPROVEN in comments(draft(place.write(), place.folder / "o1", ("json",)).built)
        place.seal()
        made = place.judge()
        assert UNPROVEN not in comments(made)
        assert conclusions(made) == {"P1": "supported"}
        assert any("plan.zip (SHA-256" in text and "1 criterion" in text for text in made.document.method)

    def test_needs_no_evidence(self, place: Place) -> None:
        path = place.write()
        shutil.rmtree(place.folder / "evidence")
        seal_plan(path, place.folder / "plan.zip", BEFORE)
        with zipfile.ZipFile(place.folder / "plan.zip") as pack:
            plan = json.loads(pack.read("pack/data/plan.json"))
        assert plan["schema"] == "auditgen-plan-1"
        assert plan["principles"][0]["criteria"][0]["declaration"]["at_least"] == 0.9

    def test_sealed_after_the_first_record(self, place: Place) -> None:
        place.seal(AFTER)
        made = place.judge()
        assert UNPROVEN in comments(made)
        assert "sealed at 2026-09-20 09:00 UTC" in findings(made)["declared-after-data"]

    def test_a_threshold_that_moved(self, place: Place) -> None:
        place.seal()
        lower = audit()["principles"]
        lower[0]["criteria"] = [criterion(at_least=0.5)]
        made = place.judge(principles=lower)
        assert "C1 is judged otherwise" in findings(made)["threshold-changed"]
        assert UNPROVEN in comments(made)

    def test_a_criterion_that_went_away(self, place: Place) -> None:
        both = audit()["principles"]
        both[0]["criteria"] = [criterion(), criterion("C2", at_least=0.99)]
        place.seal(principles=both)
        assert "C2 stands in the sealed plan" in findings(place.judge())["criterion-dropped"]

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            (
                {"expected": [{"id": "X1", "title": "Run", "source": "lab", "min_n": 1}]},
                "X1 is announced otherwise",
            ),
            ({"sources": [source("lab", "evidence/lab*", "self")]}, "source lab is read otherwise"),
        ],
    )
    def test_what_else_was_planned(self, place: Place, changes: Json, told: str) -> None:
        place.seal(expected=[{"id": "X1", "title": "Run", "source": "lab", "min_n": 300}])
        made = place.judge(
            **{"expected": [{"id": "X1", "title": "Run", "source": "lab", "min_n": 300}], **changes}
        )
        assert told in findings(made)["threshold-changed"]
        assert conclusions(made) == {"P1": "supported_with_comments"}

    def test_erasing_times_proves_nothing(self, place: Place) -> None:
        place.seal()
        rows = samples(300, at=DATA)
        path = place.write(plan={"pack": "plan.zip", "trust": ["keys/ca.pem"]})
        log = inspect_log([*rows[:299]], at=DATA)
        undated = inspect_log([rows[299]], at=None, run="run-2", task="policy")
        for row in undated["samples"]:
            for name in [k for k in row if "_at" in k or k == "timestamp"]:
                del row[name]
        (place.folder / "evidence" / "lab.json").write_text(json.dumps(log), "utf-8")
        (place.folder / "evidence" / "lab-2.json").write_text(json.dumps(undated), "utf-8")
        made = draft(path, place.folder / "out", ("json",), force=True).built
        assert sum(made.assessment.register.undated.values()) == 1
        assert UNPROVEN in comments(made)

    def test_expected_evidence_that_went_away(self, place: Place) -> None:
        place.seal(expected=[{"id": "X1", "title": "Run", "source": "lab", "min_n": 5000}])
        assert "X1 was announced" in findings(place.judge())["criterion-dropped"]

    @pytest.mark.parametrize(
        ("spoil", "told"),
        [
            (lambda pack: pack.unlink(), "no such file"),
            (lambda pack: pack.write_bytes(pack.read_bytes()[:-40]), "changed after sealing"),
            ("flip", "changed after sealing"),
        ],
    )
    def test_a_spoiled_plan_proves_nothing(self, place: Place, spoil: Any, told: str) -> None:
        (_flip if spoil == "flip" else spoil)(place.seal())
        made = place.judge()
        assert told in findings(made)["plan-not-relied-on"]
        assert UNPROVEN in comments(made)

    def test_nobody_trusted(self, place: Place) -> None:
        place.seal()
        assert "does not lead to a certificate" in findings(place.judge(trust=()))["plan-not-relied-on"]

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"organisation": {"name": "Other"}}, "another organisation"),
            ({"system": {"name": "Other", "version": "1", "models": ["m"]}}, "another system"),
            ({"period": {"start": "2026-04-01", "end": "2026-06-30"}}, "another period"),
            ({"report": {**audit()["report"], "id": "R-9"}}, "another report"),
            ({"system": {**audit()["system"], "version": "9"}}, "another version"),
        ],
    )
    def test_a_plan_of_something_else(self, place: Place, changes: Json, told: str) -> None:
        place.seal(**changes)
        assert told in findings(place.judge())["plan-not-relied-on"]

    def test_the_commands(self, place: Place, capsys: pytest.CaptureFixture[str]) -> None:
        path = place.write()
        plan = place.folder / "sealed.zip"
        assert run(["sign", str(path), "-o", str(plan)]) == 0
        assert f"sealed the plan in {plan}" in capsys.readouterr().out
        assert run(["verify", str(plan), "--trust", str(place.folder / "keys" / "ca.pem")]) == 0
        assert run(["sign", str(path), "-o", str(plan)]) == 1
        assert "is there already" in capsys.readouterr().err
        assert (
            run(["sign", str(path), "-o", str(plan), "--key", str(place.folder / "keys/signer.key.pem")]) == 1
        )
        assert run(["sign", str(place.folder / "evidence/lab.json")]) == 4
        assert "name who signs it" in capsys.readouterr().err


def _flip(pack: Path) -> None:
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(bytes(data))


class TestSignedByItsMaker:
    """A signed claim of independence is worth more than an unsigned one; a broken one is worth nothing."""

    def value(self, independence: str, **provider: Any) -> Json:
        lab = source("lab", "evidence/lab*", independence)
        lab["provider"].update(provider)
        wanted = audit()["principles"]
        wanted[0]["criteria"] = [criterion(independence=independence)]
        return {"sources": [lab], "principles": wanted}

    def judge(self, place: Place, independence: str, **provider: Any) -> Built:
        path = place.folder / "audit.yaml"
        place.write(**self.value(independence, **provider))
        return draft(path, place.folder / "out", ("json",), force=True).built

    def test_unsigned_is_a_claim(self, place: Place) -> None:
        made = self.judge(place, "external")
        assert verdicts(made) == {"C1": "met"}
        assert "that lab is independent is declared; its maker did not sign the files" in comments(made)

    def test_unsigned_accreditation_does_not_count(self, place: Place) -> None:
        assert verdicts(self.judge(place, "external_accredited")) == {"C1": "insufficient_evidence"}

    def test_signed(self, place: Place) -> None:
        place.write()
        place.sign("evidence/lab.json")
        made = self.judge(place, "external_accredited", signed_by=["maker/ca.pem"])
        assert verdicts(made) == {"C1": "met"}
        assert not any("did not sign" in text for text in comments(made))
        # the signature is no evidence of its own, although the glob fits it
        assert [r.path for r in made.assessment.register.readings] == ["evidence/lab.json"]
        [signed] = made.assessment.register.signed
        assert (signed.files, signed.signed, signed.faults) == (1, 1, ())

    def test_signed_by_the_organisation_itself(self, place: Place) -> None:
        """Whoever signs with the organisation's own key is no outsider, whatever `provider` says."""
        place.write()
        shutil.rmtree(place.folder / "maker")
        shutil.copytree(place.folder / "keys", place.folder / "maker")
        place.sign("evidence/lab.json")
        made = self.judge(place, "external", signed_by=["keys/ca.pem"])
        assert "signed with a certificate of `Acme`" in findings(made)["signature-missing"]
        assert verdicts(made) == {"C1": "insufficient_evidence"}

    def test_evidence_by_another_name_is_evidence(self, place: Place) -> None:
        """A damning log named like a signature is not set aside."""
        bad = json.dumps(inspect_log(samples(10, 290, at=DATA), at=DATA, run="run-2"))
        for signed_by in ([], ["maker/ca.pem"]):
            place.write()
            (place.folder / "evidence" / "lab.json.p7s").write_text(bad, "utf-8")
            made = self.judge(place, "external", **({"signed_by": signed_by} if signed_by else {}))
            assert verdicts(made) == {"C1": "not_met"}

    def test_a_signature_nobody_announced_is_not_passed_over(self, place: Place) -> None:
        place.write()
        place.sign("evidence/lab.json")
        made = self.judge(place, "external")
        assert verdicts(made) == {"C1": "insufficient_evidence"}
        assert "unrecognised" in findings(made)

    def test_leaving_out_who_signs_cures_no_broken_signature(self, place: Place) -> None:
        place.write()
        place.sign("evidence/lab.json")
        value = self.value("external")
        value["sources"][0]["files"] = ["evidence/lab.json"]  # the signature is no file of the source
        place.write(**value)
        made = draft(place.folder / "audit.yaml", place.folder / "out", ("json",), force=True).built
        assert "`signed_by` names nobody" in findings(made)["signature-missing"]
        assert verdicts(made) == {"C1": "insufficient_evidence"}

    @pytest.mark.parametrize("case", ["no signature", "changed", "another maker"])
    def test_broken(self, place: Place, case: str, tmp_path: Path) -> None:
        place.write()
        trust = "maker/ca.pem"
        if case != "no signature":
            place.sign("evidence/lab.json")
        value = self.value("external", signed_by=[trust])
        if case == "another maker":
            other = tmp_path / "other"
            assert run(["keys", "init", "-d", str(other), "--organisation", "Other"]) == 0
            shutil.copy(other / "ca.pem", place.folder / "keys" / "other.pem")
            value = self.value("external", signed_by=["keys/other.pem"])
        place.write(**value)
        if case == "changed":
            file = place.folder / "evidence" / "lab.json"
            file.write_text(json.dumps(inspect_log(samples(301, at=DATA), at=DATA)), "utf-8")
        made = draft(place.folder / "audit.yaml", place.folder / "out", ("json",), force=True).built
        assert "`evidence/lab.json`" in findings(made)["signature-missing"]
        assert verdicts(made) == {"C1": "insufficient_evidence"}


def test_whoever_unpacks_it_finds_the_same(place: Place) -> None:
    """Plan, signature and certificate travel with the evidence."""
    value = TestSignedByItsMaker().value("external", signed_by=["maker/ca.pem"])
    report = {**audit()["report"], "pack_evidence": "include"}
    place.seal(report=report, **value)
    place.sign("evidence/lab.json")
    path = place.write(plan={"pack": "plan.zip", "trust": ["keys/ca.pem"]}, report=report, **value)
    out = place.folder / "out"
    order = ["--as-of", "2026-10-05", "--formats", "json", "-q"]
    assert run(["report", str(path), "-o", str(out), *order]) == 0
    shutil.unpack_archive(out / "pack.zip", place.folder / "unpacked")
    again = place.folder / "unpacked" / "pack" / "data" / "inputs" / "audit.yaml"
    assert run(["report", str(again), "-o", str(place.folder / "again"), "--unsigned", *order]) == 0
    first, second = (json.loads((f / "report.json").read_bytes()) for f in (out, place.folder / "again"))
    assert first["principles"][0]["status"]["code"] == "supported"
    for document in (first, second):
        document.pop("signature")
    assert first == second


class TestAttestationFiles:
    """A reviewer's word in a file: for one version of a document, by name, until a day."""

    def write(self, place: Place, **changes: Any) -> Path:
        (place.folder / "plan.md").write_text("Who acts, and by when.", "utf-8")
        document = {
            "id": "D1", "kind": "DO-IRP", "title": "Plan", "file": "plan.md", "version": "1",
            "dated": "2026-05-01", "owner": "head",
        }  # fmt: skip
        return place.write(documents=[document], attestations=["attestations/*.yaml"], **changes)

    def attest(self, path: Path, **said: Any) -> Path:
        base = {
            "reviewer": {"name": 'R. "Q" Example', "role": "audit: internal"},
            "date": date(2026, 9, 1),
            "method": "examine",
            "passage": "# 2",
            "statement": "no",
            "expires": None,
        }
        return write_attestation(path, "D1", {**base, **said}, out=None, force=False)

    def states(self, path: Path) -> tuple[Built, str]:
        made = draft(path, path.parent / "out", ("json",), force=True).built
        [document] = made.document.documents
        return made, document.status.code

    def test_counts_for_this_version_only(self, place: Place) -> None:
        path = self.write(place)
        assert self.states(path)[1] == "needs_review"
        self.attest(path)
        made, state = self.states(path)
        assert state == "attested"
        [record] = made.assessment.register.documents
        assert record.block.attestation is not None
        assert record.block.attestation.reviewer.name == 'R. "Q" Example'
        (place.folder / "plan.md").write_text("Nobody acts.", "utf-8")
        assert self.states(path)[1] != "attested"

    def test_the_latest_for_this_version(self, place: Place) -> None:
        path = self.write(place)
        self.attest(path, date=date(2026, 8, 1), expires=date(2026, 8, 31))
        self.attest(path, date=date(2026, 9, 2))
        assert self.states(path)[1] == "attested"

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("schema: auditgen-attestation-1\n", "reviewer"),
            ("[", "`attestations/bad.yaml`"),
            ("schema: auditgen-attestation-1\ndocument: &a [*a]\n", "`attestations/bad.yaml`"),
        ],
    )
    def test_a_malformed_one_stops_counting_and_says_so(self, place: Place, text: str, told: str) -> None:
        path = self.write(place)
        (place.folder / "attestations").mkdir()
        (place.folder / "attestations" / "bad.yaml").write_text(text, "utf-8")
        made, state = self.states(path)
        assert state == "needs_review"
        assert told in findings(made)["attestation-void"]

    def test_of_a_document_that_is_not_there(self, place: Place) -> None:
        path = self.write(place)
        with pytest.raises(InputRefused, match="`D2` is no document"):
            write_attestation(path, "D2", {}, out=None, force=False)

    def test_the_command(self, place: Place, capsys: pytest.CaptureFixture[str]) -> None:
        path = self.write(place)
        order = ["attest", str(path), "D1", "--reviewer", "R", "--role", "audit", "--passage", "2"]
        order += ["--statement", "It does.", "--as-of", "2026-09-01", "--method", "interview"]
        assert run(order) == 0
        assert "D1-2026-09-01.yaml" in capsys.readouterr().out
        assert run(order) == 1
        assert self.states(path)[1] == "attested"
        assert run([*order[:-4], "--as-of", "2026-04-30"]) == 4
        assert "before the document" in capsys.readouterr().err


class TestIndependentAssurance:
    """The word is not printed on what the organisation signs itself."""

    PRACTITIONER: ClassVar[Json] = {
        "name": "N. Practitioner",
        "firm": "Firm LLP",
        "standard": "ISAE 3000 (Revised)",
        "level": "limited",
        "independence_statement": "We are independent of it.",
    }

    def value(self, organisation: str, firm: str = "Firm LLP") -> Json:
        report = audit()["report"]
        report |= {"mode": "independent_assurance", "practitioner": {**self.PRACTITIONER, "firm": firm}}
        return {"organisation": {"name": organisation}, "report": report}

    def test_signed_by_the_organisation_itself(
        self, place: Place, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = place.write(**self.value("ACME"))  # the keys are of `Acme`
        assert run(["report", str(path), "-o", str(place.folder / "out"), "--as-of", "2026-10-05"]) == 4
        assert "independent assurance is signed by the practitioner" in capsys.readouterr().err
        assert not (place.folder / "out").exists()

    def test_signed_by_somebody_else(self, place: Place) -> None:
        path = place.write(**self.value("Other Ltd"))
        order = ["report", str(path), "-o", str(place.folder / "out"), "--as-of", "2026-10-05"]
        assert run([*order, "--formats", "json", "-q"]) == 0

    def test_a_firm_that_is_the_organisation(self, place: Place, capsys: pytest.CaptureFixture[str]) -> None:
        path = place.write(**self.value("Firm LLP", "firm  llp"))
        assert run(["report", str(path), "--unsigned", "-o", str(place.folder / "out")]) == 4
        assert "nobody gives independent assurance on himself" in capsys.readouterr().err
