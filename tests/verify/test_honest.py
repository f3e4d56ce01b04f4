"""What was sealed and left alone, and what a reader's policy makes of it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from auditgen.errors import Exit, InputRefused
from auditgen.verify import Policy, Status, examine
from auditgen.verify.wording import describe, verdict

if TYPE_CHECKING:
    from pathlib import Path

SEALED = ["pack.zip", "report.pdf", "reviewed.pdf", "report.html", "report.json", "report.xlsx"]


@pytest.mark.parametrize("name", SEALED)
def test_what_was_left_alone_passes(quarter: Any, look: Any, tools: Any, name: str) -> None:
    path = quarter.directory / name
    found = examine(path, Policy((quarter.keys.ca,), tools.NOW))
    assert found.exit_code is Exit.DONE, tools.said(found)
    assert {c.status for c in found.checks} == {Status.PASSED, Status.NOT_CHECKED}
    assert {c.id for c in found.checks if c.status is Status.NOT_CHECKED} == {
        "timestamp",
        "revocation",
    }
    for fact in found.signatures:
        assert fact.is_development
        assert fact.signed_at == "2025-06-02T09:30:00Z"
        assert fact.time_source == "claimed by signer"
        assert fact.revocation.startswith("not checked (")
        assert fact.timestamp == "not checked (none present)"
        assert fact.anchor.startswith("CN=Root CA (DEVELOPMENT")
    assert verdict(found).startswith("INTACT and signed by A. Auditor")


def test_the_signature_beside_a_file_can_be_named_itself(quarter: Any, tools: Any) -> None:
    path = quarter.directory / "report.html.p7s"
    found = examine(path, Policy((quarter.keys.ca,), tools.NOW))
    assert found.exit_code is Exit.DONE
    assert found.path.endswith("report.html")


def test_a_pack_tells_what_its_statement_says(quarter: Any, look: Any) -> None:
    said = look(quarter.pack, "pack.zip").statement
    assert said is not None
    assert said.period == "2025-04-01 to 2025-06-30"
    assert said.system == "Support assistant 3.1"
    assert said.models == ("model-a@2025-04", "model-b@2025-05")
    assert (said.record_count, said.file_count) == ("1000", 8)


def test_without_an_anchor_nothing_is_trusted(quarter: Any, look: Any) -> None:
    for name in SEALED:
        signature = quarter.directory / f"{name}.p7s"
        found = look(
            (quarter.directory / name).read_bytes(),
            name,
            trust=(),
            signature=signature.read_bytes() if signature.exists() else None,
        )
        assert found.exit_code is Exit.UNTRUSTED
        assert "no trust anchor was given" in verdict(found)
        assert all(f.chain is Status.NOT_CHECKED for f in found.signatures)


@pytest.mark.parametrize("what", ["timestamp", "revocation"])
def test_what_is_required_and_not_checked_is_22(quarter: Any, look: Any, what: str) -> None:
    found = look(quarter.pack, "pack.zip", require=frozenset({what}))
    assert found.exit_code is Exit.NOT_CHECKABLE
    assert verdict(found).startswith(f"intact, but NOT FULLY CHECKED: {what}")


def test_untrusted_outweighs_not_checkable_and_changed_outweighs_both(
    quarter: Any, look: Any
) -> None:
    demands = frozenset({"timestamp"})
    assert look(quarter.pack, "p.zip", trust=(), require=demands).exit_code is Exit.UNTRUSTED
    spoiled = quarter.pack + b"x"
    assert look(spoiled, "p.zip", trust=(), require=demands).exit_code is Exit.CHANGED


def test_an_unknown_requirement_is_a_mistake(tools: Any) -> None:
    with pytest.raises(ValueError, match="cannot be required"):
        Policy((), tools.NOW, frozenset({"magic"}))


def test_a_lone_file_without_signature_is_22(look: Any, quarter: Any) -> None:
    for name, data in (("report.html", b"<p>"), ("report.pdf", quarter.plain_pdf)):
        found = look(data, name)
        assert found.exit_code is Exit.NOT_CHECKABLE
        assert verdict(found).startswith("NOT CHECKABLE")


def test_a_role_that_was_demanded_and_is_missing(quarter: Any, look: Any, tools: Any) -> None:
    roles = ("prepared", "reviewed")
    assert look(quarter.pdf_reviewed, "r.pdf", required_roles=roles).exit_code is Exit.DONE
    found = look(quarter.pdf, "r.pdf", required_roles=roles)
    assert found.exit_code is Exit.NOT_CHECKABLE
    assert "no valid signature as `reviewed`" in tools.said(found)
    assert look(quarter.pack, "p.zip", required_roles=roles).exit_code is Exit.CHANGED


def test_expired_now_but_valid_when_signed_passes_with_a_note(
    quarter: Any, look: Any, tools: Any
) -> None:
    found = look(quarter.pack, "pack.zip", now=tools.NOW + timedelta(days=3000))
    assert found.exit_code is Exit.DONE
    assert not any(fact.valid_now for fact in found.signatures)
    notes = [c.detail for c in found.checks if c.id == "validity-at-signing"]
    assert all("not valid now, and the signing time is only claimed" in note for note in notes)


def test_a_signature_from_the_future_is_not_trusted(quarter: Any, look: Any, tools: Any) -> None:
    found = look(quarter.pack, "pack.zip", now=tools.NOW - timedelta(days=2))
    assert found.exit_code is Exit.UNTRUSTED
    assert "lies in the future" in tools.said(found)


def test_a_mistyped_anchor_is_refused_not_called_untrusted(
    quarter: Any, look: Any, tmp_path: Path
) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("not a certificate")
    with pytest.raises(InputRefused) as refusal:
        look(quarter.pack, "pack.zip", trust=(junk, tmp_path / "absent.pem"))
    assert [d.code for d in refusal.value.diagnostics] == ["trust-not-pem", "trust-unreadable"]


def test_a_file_that_is_not_there_is_refused(tools: Any, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="cannot read"):
        examine(tmp_path / "absent.zip", Policy((), tools.NOW))


def test_the_result_is_plain_json(quarter: Any, look: Any) -> None:
    plain = look(quarter.pack, "pack.zip").to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["schema_version"] == 1
    assert plain["exit_code"] == 0
    assert plain["statement"]["models"] == ["model-a@2025-04", "model-b@2025-05"]
    assert {c["status"] for c in plain["checks"]} == {"passed", "not_checked"}


def test_the_text_warns_loudly_of_a_development_key(quarter: Any, look: Any) -> None:
    text = describe(look(quarter.pack, "pack.zip"))
    assert text.startswith("INTACT and signed by A. Auditor (DEVELOPMENT")
    assert "!! DEVELOPMENT KEY" in text
    assert "[DEVELOPMENT key]" in text
    assert "It does not prove that what was signed is true" in text
    assert "– not checked" in text


async def _inside_a_loop(look: Any, quarter: Any) -> Any:
    return look(quarter.pack, "pack.zip")


def test_it_works_where_an_event_loop_runs(look: Any, quarter: Any) -> None:
    import asyncio

    assert asyncio.run(_inside_a_loop(look, quarter)).exit_code is Exit.DONE
