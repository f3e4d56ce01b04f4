"""One spoiled copy of a sound audit.yaml per fault: the place, the words, the help, and nothing written."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from helpers.workshop import KEYS_AT, csv_text, gateway_rows, inspect_log, samples

from auditgen.cli import run
from auditgen.errors import InputRefused
from auditgen.project import load_project
from auditgen.seal import init_keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from auditgen.diagnostics import Diagnostic
    from auditgen.seal import KeyPaths

SOUND = """\
schema: auditgen-audit-1
organisation: {name: Acme}
system: {name: Assistant, version: "1.0", models: [model-1]}
period: {start: 2026-07-01, end: 2026-09-30}
report:
  id: R-1
  prepared_for: the board
  prepared_by: {name: A. Example, role: officer}
profile:
  roles: [provider]
  facts: {interacts_with_people: "yes"}
standards: [eu-ai-act]
principles:
  - id: P1
    title: Refuses
    promise: It refuses what policy disallows.
    answers: ["eu-ai-act:50(1)"]
    criteria:
      - id: C1
        indicator: refusal-rate
        sources: [lab]
        where: {category: [cyber]}
        at_least: 0.9
      - id: C2
        indicator: compliance-gap
        sources: [lab]
        within: 0.05
also_measured:
  - {id: M1, indicator: over-refusal, sources: [lab], beside: P1}
sources:
  - id: lab
    title: Laboratory
    files: ["evidence/lab*"]
    provider: {name: Them, independence: external}
    custody: {received_from: them, received_on: 2026-10-01, received_by: us}
    map:
      outcome: {from: scores.judge, values: {"1": refused, "0": complied}, basis: judge}
      expected: {from: metadata.request, values: {disallowed: refuse}}
      category: {from: metadata.category}
  - id: gateway
    title: Gateway
    files: ["evidence/gateway*"]
    provider: {name: Us, independence: self}
    custody: {received_from: us, received_on: 2026-10-01, received_by: us}
    map:
      time: {from: time}
      outcome: {from: result, values: {answered: complied}}
documents:
  - {id: D1, kind: DO-IRP, title: Plan, file: plan.md, version: "1", dated: 2026-05-01, owner: head}
expected:
  - {id: X1, title: The evaluation, source: lab, criteria: [C1]}
signer:
  certificate: keys/signer.pem
  key: keys/signer.key.pem
  chain: [keys/ca.pem]
  person: {name: A. Example, role: officer}
"""


@pytest.fixture
def folder(tmp_path: Path, keys: KeyPaths) -> Path:
    """A project that would make a report, but for its audit.yaml."""
    place = tmp_path / "project"
    (place / "evidence").mkdir(parents=True)
    import json
    from datetime import date

    (place / "evidence" / "lab.json").write_text(json.dumps(inspect_log(samples(40))))
    (place / "evidence" / "gateway.csv").write_text(csv_text(gateway_rows([date(2026, 9, 1)])))
    shutil.copytree(keys.ca.parent, place / "keys")
    return place


@dataclass(frozen=True)
class Refused:
    """What a spoiled audit.yaml was answered with."""

    code: int
    said: str
    faults: list[Diagnostic]


@pytest.fixture
def report(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Refused]:
    """Run `auditgen report` on a text; whatever it answers, nothing may be there afterwards."""

    def _report(text: str | bytes, *options: str) -> Refused:
        path = folder / "audit.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        before = sorted(p.name for p in folder.iterdir())
        faults: list[Diagnostic] = []
        try:
            load_project(path)
        except InputRefused as refusal:
            faults = sorted(refusal.diagnostics, key=lambda d: d.span)
        arguments = ["report", str(path), "-o", str(folder / "deep" / "out"), "--formats", "json"]
        code = run([*arguments, "-q", "--as-of", "2026-10-05", *options])
        after = sorted(p.name for p in folder.iterdir() if p.name != ".auditgen")
        assert code == 0 or after == before
        return Refused(code, capsys.readouterr().err, faults)

    return _report


def place(text: str, marker: str) -> tuple[int, int]:
    """Line and column of the first `marker` in `text`, from 1."""
    assert marker in text
    before = text[: text.index(marker)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def test_the_sound_one_is_sound(report: Callable[..., Refused], folder: Path) -> None:
    found = report(SOUND)
    assert found.code == 0, found.said
    assert (folder / "deep" / "out" / "report.json").exists()


SPOILED: dict[str, tuple[str, str, str, str, str, str]] = {
    "unknown key": (
        "title: Refuses\n",
        "titel: Refuses\n",
        "titel",
        "extra-forbidden",
        "unknown key `titel`",
        "did you mean `title`?",
    ),
    "unknown key without a neighbour": (
        "organisation: {name: Acme}",
        "organisation: {name: Acme, zzz: 1}",
        "zzz",
        "extra-forbidden",
        "unknown key `zzz`",
        "known keys: `contact`, `name`",
    ),
    "missing key": (
        "  prepared_for: the board\n",
        "",
        "report",
        "missing",
        "`prepared_for` is required",
        "",
    ),
    "other schema": (
        "auditgen-audit-1",
        "auditgen-audit-9",
        "auditgen-audit-9",
        "literal-error",
        "is not one of 'auditgen-audit-1'",
        "did you mean `auditgen-audit-1`?",
    ),
    "unknown indicator": (
        "indicator: refusal-rate",
        "indicator: refusal-rte",
        "refusal-rte",
        "unknown-indicator",
        "unknown indicator `refusal-rte`",
        "did you mean `refusal-rate`?",
    ),
    "gap judged by a bound": (
        "within: 0.05",
        "at_most: 0.05",
        "at_most",
        "wrong-threshold",
        "`compliance-gap` is judged by `within`",
        "",
    ),
    "rate judged by a margin": (
        "at_least: 0.9",
        "within: 0.9",
        "within",
        "wrong-threshold",
        "`refusal-rate` is judged by `at_least`",
        "",
    ),
    "the harmless bound": (
        "at_least: 0.9",
        "at_most: 0.9",
        "at_most",
        "wrong-threshold",
        "`refusal-rate` is judged by `at_least`",
        "",
    ),
    "two thresholds": (
        "at_least: 0.9",
        "at_least: 0.9\n        at_most: 0.95",
        "id: C1",
        "value-error",
        "exactly one of `at_least`, `at_most`, `within`",
        "",
    ),
    "no threshold": (
        "        at_least: 0.9\n",
        "",
        "id: C1",
        "value-error",
        "exactly one of `at_least`, `at_most`, `within`",
        "",
    ),
    "threshold above one": (
        "at_least: 0.9",
        "at_least: 90",
        "90",
        "less-than-equal",
        "less than or equal to 1",
        "",
    ),
    "threshold as text": (
        "at_least: 0.9",
        'at_least: "0.9"',
        '"0.9"',
        "float-type",
        "valid number",
        "",
    ),
    "threshold that is no number": (
        "at_least: 0.9",
        "at_least: .nan",
        ".nan",
        "float-type",
        "valid number",
        "",
    ),
    "unknown source": (
        "sources: [lab]\n        where",
        "sources: [lap]\n        where",
        "lap",
        "unknown-source",
        "unknown source `lap`",
        "did you mean `lab`?",
    ),
    "unknown source beside": (
        "sources: [lab], beside",
        "sources: [lob], beside",
        "lob",
        "unknown-source",
        "unknown source `lob`",
        "did you mean `lab`?",
    ),
    "unknown principle": (
        "beside: P1",
        "beside: P9",
        "P9",
        "unknown-principle",
        "unknown principle `P9`",
        "",
    ),
    "unknown control": (
        '"eu-ai-act:50(1)"',
        '"eu-ai-act:50(99)"',
        '"eu-ai-act:50(99)"',
        "unknown-control",
        "unknown control `eu-ai-act:50(99)`",
        "did you mean",
    ),
    "unknown standard": (
        "[eu-ai-act]",
        "[eu-ai-akt]",
        "eu-ai-akt",
        "unknown-standard",
        "no checklist `eu-ai-akt`",
        "did you mean `eu-ai-act`?",
    ),
    "unknown role": (
        "[provider]",
        "[providr]",
        "providr",
        "unknown-role",
        "unknown role `providr`",
        "did you mean `provider`?",
    ),
    "unknown fact": (
        "interacts_with_people",
        "interacts_with_peeple",
        '"yes"',
        "unknown-fact",
        "unknown fact `interacts_with_peeple`",
        "did you mean `interacts_with_people`?",
    ),
    "unknown answer": (
        'people: "yes"',
        'people: "perhaps"',
        '"perhaps"',
        "unknown-answer",
        "unknown answer `perhaps`",
        "known: no, yes",
    ),
    "duplicate principle": (
        "also_measured:\n",
        "  - {id: P1, title: A, promise: B, criteria: [{id: C9, indicator: refusal-rate, sources: [lab], at_least: 0.5}]}\nalso_measured:\n",
        "P1, title",
        "duplicate-id",
        "`P1` is used twice",
        "",
    ),
    "duplicate criterion": (
        "id: C2",
        "id: C1",
        "C1\n        indicator: compliance-gap",
        "duplicate-id",
        "criterion `C1` is used twice",
        "",
    ),
    "duplicate source": (
        "id: gateway",
        "id: lab",
        "lab\n    title: Gateway",
        "duplicate-id",
        "`lab` is used twice",
        "",
    ),
    "a measure called like a criterion": (
        "id: M1",
        "id: C1",
        "C1, indicator",
        "duplicate-id",
        "`C1` is the id of a criterion",
        "",
    ),
    "period reversed": (
        "start: 2026-07-01",
        "start: 2026-12-01",
        "{start",
        "value-error",
        "the period ends before it starts",
        "",
    ),
    "a slip in the year": (
        "start: 2026-07-01",
        "start: 2006-07-01",
        "{start",
        "value-error",
        "the period has 7397 days",
        "",
    ),
    "a day that does not exist": (
        "end: 2026-09-30",
        "end: 2026-09-31",
        "2026-09-31",
        "date-parsing",
        "`end`: input should be a valid date",
        "",
    ),
    "unknown field in where": (
        "where: {category",
        "where: {categry",
        "categry",
        "unknown-field",
        "unknown field `categry`",
        "did you mean `category`?",
    ),
    "version in where": (
        "where: {category: [cyber]}",
        "where: {model: model-0}",
        "model: model-0",
        "model-in-where",
        "bound to versions by `models`",
        "",
    ),
    "version never deployed": (
        "at_least: 0.9",
        "at_least: 0.9\n        models: [model-0]",
        "model-0",
        "unknown-model",
        "unknown model `model-0`",
        "did you mean `model-1`?",
    ),
    "practitioner missing": (
        "  id: R-1\n",
        "  id: R-1\n  mode: independent_assurance\n",
        "id: R-1",
        "value-error",
        "`practitioner` is required for `independent_assurance`",
        "",
    ),
    "practitioner out of place": (
        "  id: R-1\n",
        "  id: R-1\n  practitioner: {name: N, firm: F, standard: S, level: limited, independence_statement: I}\n",
        "id: R-1",
        "value-error",
        "and only there",
        "",
    ),
    "unknown mode": (
        "  id: R-1\n",
        "  id: R-1\n  mode: certificate\n",
        "certificate",
        "enum",
        "`mode`: `certificate` is not one of",
        "",
    ),
    "unknown outcome": (
        "answered: complied",
        "answered: complyed",
        "time: {from",
        "value-error",
        "`complyed` is not one of",
        "",
    ),
    "unknown kind of document": (
        "kind: DO-IRP",
        "kind: DO-IRR",
        "DO-IRR",
        "unknown-kind",
        "unknown kind `DO-IRR`",
        "did you mean `DO-",
    ),
    "unknown criterion expected": (
        "criteria: [C1]}",
        "criteria: [C7]}",
        "C7",
        "unknown-criterion",
        "unknown criterion `C7`",
        "",
    ),
    "an id with a space": ("id: C1", "id: C 1", "C 1", "string-pattern-mismatch", "", ""),
    "the same key twice": (
        "    title: Refuses\n",
        "    title: Refuses\n    title: Permits\n",
        "title: Permits",
        "duplicate-key",
        "`title` is written twice",
        "",
    ),
    "an anchor": (
        "title: Refuses",
        "title: &a Refuses\n    promised_in: *a",
        "*a",
        "yaml-alias",
        "anchors and aliases are not used here",
        "",
    ),
    "a tab": ("    title: Refuses", "\ttitle: Refuses", "\ttitle", "yaml-syntax", "", ""),
    "a second document": (
        "schema:",
        "---\nschema: x\n---\nschema:",
        "---\nschema: auditgen",
        "yaml-documents",
        "a second one begins here",
        "",
    ),
    "missing signing key": (
        "key: keys/signer.key.pem",
        "key: keys/none.pem",
        "keys/none.pem",
        "missing-file",
        "`keys/none.pem` does not exist",
        "auditgen keys init",
    ),
}


@pytest.mark.parametrize("name", SPOILED)
def test_spoiled(name: str, report: Callable[..., Refused], folder: Path) -> None:
    old, new, marker, code, message, help_text = SPOILED[name]
    assert SOUND.count(old) == 1, "the spoiling must hit one place"
    text = SOUND.replace(old, new)
    found = report(text)
    assert found.code == 4
    assert [f.code for f in found.faults] == [code]
    line, column = place(text, marker)
    assert (found.faults[0].span.line, found.faults[0].span.column) == (line, column)
    assert f"--> {folder / 'audit.yaml'}:{line}:{column}" in found.said
    assert f"error[{code}]: " in found.said
    assert message in found.said
    if help_text:
        assert any(help_text in text for text in found.faults[0].helps)
        assert f"= help: {help_text}" in found.said or help_text in found.said
    assert text.split("\n")[line - 1].replace("\t", "\t") in found.said
    assert "nothing was read and nothing written" in found.said


def test_all_faults_at_once(report: Callable[..., Refused]) -> None:
    """Faults of the first layer hide none of their own kind, nor do cross references."""
    text = SOUND.replace("within: 0.05", "at_most: 0.05").replace("id: gateway", "id: lab")
    text = text.replace("refusal-rate", "refusal-rte").replace("kind: DO-IRP", "kind: DO-X")
    text = text.replace("[eu-ai-act]", "[eu-ai-akt]").replace("keys/signer.pem", "keys/no.pem")
    found = report(text)
    assert {f.code for f in found.faults} >= {
        "wrong-threshold",
        "duplicate-id",
        "unknown-indicator",
        "unknown-kind",
        "unknown-standard",
        "missing-file",
    }
    assert f"{len(found.faults)} faults in" in found.said
    for fault in found.faults:
        assert f"audit.yaml:{fault.span.line}:{fault.span.column}" in found.said
    first = SOUND.replace("title: Refuses\n", "titel: Refuses\n").replace(
        "at_least: 0.9", "at_least: 9"
    )
    found = report(first.replace("2026-09-30", "2026-06-30"))
    assert {f.code for f in found.faults} >= {"extra-forbidden", "less-than-equal", "value-error"}


def test_a_bomb_is_refused_quickly(report: Callable[..., Refused]) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    found = report("\n".join(lines))
    assert found.code == 4
    assert "anchors and aliases are not used here" in found.said


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", "empty-file", "the file holds nothing"),
        (b"# only a remark\n", "empty-file", "the file holds nothing"),
        (b"\xff\xfe\x00a", "not-utf8", "not UTF-8 text at byte 0"),
        (b"schema: auditgen-audit-1\nx: \xe9\n", "not-utf8", "not UTF-8 text at byte 28"),
        (b"[]\n", "model-type", ""),
        (b"just words\n", "model-type", ""),
        (b"a: " + b"[" * 60 + b"]" * 60, "yaml-depth", "nested deeper"),
        (b"schema: \x00\n", "yaml-syntax", ""),
    ],
)
def test_not_even_yaml(
    content: bytes, code: str, words: str, report: Callable[..., Refused]
) -> None:
    found = report(content)
    assert found.code == 4
    assert [f.code for f in found.faults] == [code]
    assert words in found.said
    assert "nothing was read and nothing written" in found.said


def test_a_wrong_column_is_shown_in_the_mapping(report: Callable[..., Refused]) -> None:
    text = SOUND.replace("outcome: {from: result", "outcome: {from: resutl")
    found = report(text)
    assert found.code == 4
    line, column = place(text, "{from: resutl")
    assert f"audit.yaml:{line}:{column}" in found.said
    assert "`resutl` is no column of `evidence/gateway.csv`" in found.said
    assert "did you mean `result`?" in found.said
    assert "1 fault in mappings, labels or counters; nothing was written" in found.said


def test_a_key_of_another_certificate(report: Callable[..., Refused], folder: Path) -> None:
    # the root's own key is a sound key, and not the signer's
    text = SOUND.replace("key: keys/signer.key.pem", "key: keys/ca.key.pem")
    found = report(text)
    assert found.code == 4
    line, column = place(text, "keys/ca.key.pem")
    assert f"{folder / 'audit.yaml'}:{line}:{column}" in found.said
    assert "does not belong to the certificate" in found.said
    assert "nothing was written" in found.said
    assert report(text, "--unsigned").code == 0


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys under the passphrase `open sesame`."""
    folder = tmp_path_factory.mktemp("locked") / "keys"
    init_keys(folder, organisation="Acme", name="A", now=KEYS_AT, passphrase=b"open sesame")
    return folder


def test_a_locked_key(
    report: Callable[..., Refused],
    folder: Path,
    locked: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.rmtree(folder / "keys")
    shutil.copytree(locked, folder / "keys")
    line, column = place(SOUND, "keys/signer.key.pem")
    found = report(SOUND)
    assert found.code == 4
    assert f"audit.yaml:{line}:{column}" in found.said
    assert "is encrypted and no passphrase was given" in found.said
    assert "`signer.passphrase_env` names the environment variable" in found.said
    text = SOUND.replace("  chain:", "  passphrase_env: AUDIT_PASSPHRASE\n  chain:")
    monkeypatch.delenv("AUDIT_PASSPHRASE", raising=False)
    found = report(text)
    line, column = place(text, "AUDIT_PASSPHRASE")
    assert found.code == 4
    assert f"audit.yaml:{line}:{column}" in found.said
    assert "`AUDIT_PASSPHRASE` is empty or not set" in found.said
    monkeypatch.setenv("AUDIT_PASSPHRASE", "wrong")
    found = report(text)
    assert found.code == 4
    assert "wrong" not in found.said.replace("wrong passphrase", "")
    monkeypatch.setenv("AUDIT_PASSPHRASE", "open sesame")
    assert report(text).code == 0


def test_without_a_signer_only_drafts(report: Callable[..., Refused]) -> None:
    text = SOUND[: SOUND.index("signer:")]
    found = report(text)
    assert found.code == 4
    assert "names no `signer`" in found.said
    assert report(text, "--unsigned").code == 0


def test_fault_in_an_own_checklist_is_shown_at_its_place(
    report: Callable[..., Refused], folder: Path
) -> None:
    (folder / "own.yaml").write_text("schema: auditgen-checklist-1\nframwork: {}\n")
    found = report(SOUND.replace("[eu-ai-act]", "[eu-ai-act, own.yaml]"))
    assert found.code == 4
    assert f"{folder / 'own.yaml'}:2:1" in found.said
    assert "did you mean `framework`?" in found.said
