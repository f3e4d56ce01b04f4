"""The two commands, as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auditgen.cli import run


def test_verify_says_intact(quarter: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pack = str(quarter.directory / "pack.zip")
    assert run(["verify", pack, "--trust", str(quarter.keys.ca)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("INTACT and signed by A. Auditor")
    assert "✓ passed" in out


def test_verify_without_trust_ends_in_21(quarter: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", str(quarter.directory / "pack.zip")]) == 21
    assert "NOT TRUSTED" in capsys.readouterr().out


def test_verify_requires(quarter: Any, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["verify", str(quarter.directory / "pack.zip"), "--trust", str(quarter.keys.ca)]
    assert run([*arguments, "--require", "timestamp, revocation"]) == 22
    assert "NOT FULLY CHECKED" in capsys.readouterr().out
    assert run([*arguments, "--require", "timestmp"]) == 2
    assert "`timestmp` is not one of" in capsys.readouterr().err


def test_verify_as_json(
    quarter: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoiled = tmp_path / "pack.zip"
    spoiled.write_bytes(quarter.pack[:-1])
    arguments = ["verify", str(spoiled), "--trust", str(quarter.keys.ca), "--format", "json"]
    assert run(arguments) == 20
    plain = json.loads(capsys.readouterr().out)
    assert (plain["schema_version"], plain["exit_code"], plain["kind"]) == (1, 20, "pack")


def test_verify_refuses_a_trust_file_without_certificate(
    quarter: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("x")
    assert run(["verify", str(quarter.directory / "pack.zip"), "--trust", str(junk)]) == 4
    assert "nothing was checked" in capsys.readouterr().err


def test_help_explains_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "--help"]) == 0
    out = capsys.readouterr().out
    assert "auditgen verify pack.zip --trust ca.pem" in out
    for code in ("0 ", "20", "21", "22", "4 "):
        assert f"  {code}" in out


def test_keys_then_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = str(tmp_path / "keys")
    assert run(["keys", "init", "-d", target, "--organisation", "Acme", "--name", "Ann"]) == 0
    out = capsys.readouterr().out
    assert "DEVELOPMENT" in out
    assert "next: " in out
    assert run(["keys", "init", "-d", target]) == 4
    err = capsys.readouterr().err
    assert "never overwritten" in err
    assert "BEGIN" not in err


def test_keys_with_a_passphrase_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["keys", "init", "-d", str(tmp_path / "k"), "--passphrase-env", "SEAL_WORD"]
    assert run(arguments) == 4
    assert "`SEAL_WORD` is empty or not set" in capsys.readouterr().err
    monkeypatch.setenv("SEAL_WORD", "opensesame")
    assert run(arguments) == 0
    assert b"ENCRYPTED" in (tmp_path / "k" / "signer.key.pem").read_bytes()
