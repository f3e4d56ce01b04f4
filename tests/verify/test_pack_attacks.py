"""An evidence pack: one attack each, by somebody who has everything but the key."""

from __future__ import annotations

import base64
import io
import json
import struct
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from auditgen.canonical import canonical_json
from auditgen.errors import Exit
from auditgen.seal import sign_pdf
from auditgen.verify.wording import describe

if TYPE_CHECKING:
    from collections.abc import Callable

STATEMENT = "pack/statement.dsse.json"


@pytest.fixture
def refuses(quarter: Any, look: Any, tools: Any) -> Callable[..., None]:
    """Assert that spoiled members, zipped in our own layout, are refused for `reason`."""

    def _refuses(members: dict[str, bytes], reason: str, *, hashed: bool = True) -> None:
        members = tools.rehash(members) if hashed else dict(sorted(members.items()))
        data = tools.zip_canonically(members)
        assert data != quarter.pack
        found = look(data, "pack.zip")
        assert found.exit_code is Exit.CHANGED
        assert reason in tools.said(found), tools.said(found)

    return _refuses


@pytest.fixture
def members(quarter: Any, tools: Any) -> dict[str, bytes]:
    found: dict[str, bytes] = tools.pack_members(quarter.pack)
    return found


def test_the_layout_tool_of_these_tests_writes_what_we_write(
    quarter: Any, tools: Any, members: dict[str, bytes]
) -> None:
    assert tools.zip_canonically(tools.rehash(members)) == quarter.pack


def test_changed_file(members: dict[str, bytes], refuses: Any) -> None:
    members["pack/data/evidence/run 1.csv"] = b"id,outcome\n1,complied\n"
    refuses(members, "data/evidence/run 1.csv: its digest is not the one in the signed statement")


def test_changed_file_with_old_manifests(members: dict[str, bytes], refuses: Any) -> None:
    members["pack/data/report.json"] = b'{"gap":0.00}'
    refuses(members, "digest data/report.json", hashed=False)


def test_dropped_file(members: dict[str, bytes], refuses: Any) -> None:
    del members["pack/data/evidence/run 1.csv"]
    refuses(members, "not in the pack (dropped or renamed)")


def test_added_file(members: dict[str, bytes], refuses: Any) -> None:
    members["pack/data/evidence/run 2.csv"] = b"id,outcome\n"
    refuses(members, "not in the signed statement (added or renamed)")


def test_added_tag_file(members: dict[str, bytes], refuses: Any) -> None:
    members["pack/README.txt"] = b"trust me"
    refuses(members, "no such file belongs in a pack")


def test_renamed_file(members: dict[str, bytes], refuses: Any) -> None:
    members["pack/data/evidence/run 9.csv"] = members.pop("pack/data/evidence/run 1.csv")
    refuses(members, "dropped or renamed")


def test_exchanged_files(members: dict[str, bytes], refuses: Any) -> None:
    one, two = "pack/data/report.html.p7s", "pack/data/report.json.p7s"
    members[one], members[two] = members[two], members[one]
    refuses(members, "changed or exchanged")


def test_bag_info_edited(members: dict[str, bytes], refuses: Any) -> None:
    name = "pack/bag-info.txt"
    members[name] = members[name].replace(b"Acme", b"Evil")
    refuses(members, "bag-info.txt: its digest is not the one in the signed statement")


def test_declaration_edited(members: dict[str, bytes], refuses: Any) -> None:
    members["pack/bagit.txt"] = members["pack/bagit.txt"].replace(b"1.0", b"0.9")
    refuses(members, "not the BagIt 1.0 declaration")


@pytest.mark.parametrize("name", ["manifest-sha256.txt", "tagmanifest-sha256.txt"])
def test_manifest_edited(members: dict[str, bytes], refuses: Any, name: str) -> None:
    members[f"pack/{name}"] = members[f"pack/{name}"].upper()
    refuses(members, f"manifest {name}", hashed=False)


@pytest.mark.parametrize(
    "name", ["bag-info.txt", "bagit.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt"]
)
def test_tag_file_missing(members: dict[str, bytes], refuses: Any, name: str) -> None:
    del members[f"pack/{name}"]
    refuses(members, f"{name}: it is missing", hashed=False)


def test_statement_missing(members: dict[str, bytes], refuses: Any) -> None:
    del members[STATEMENT]
    refuses(members, "statement.dsse.json: it is missing")


def test_signature_dropped_from_the_pack(members: dict[str, bytes], refuses: Any) -> None:
    del members["pack/data/report.html.p7s"]
    refuses(members, "its signature `data/report.html.p7s` is missing")


def test_signed_file_dropped_its_signature_kept(members: dict[str, bytes], refuses: Any) -> None:
    del members["pack/data/report.html"]
    refuses(members, "the file it signs is missing")


def test_pdf_in_the_pack_replaced_by_the_unsigned_one(
    quarter: Any, members: dict[str, bytes], refuses: Any
) -> None:
    members["pack/data/report.pdf"] = quarter.plain_pdf
    refuses(members, "it carries no signature")


def test_another_genuine_pdf_of_the_same_signer(
    quarter: Any, tools: Any, members: dict[str, bytes], refuses: Any
) -> None:
    """Last quarter's report, validly signed: only the statement can tell."""
    other = sign_pdf(quarter.plain_pdf, quarter.signer, signed_at=tools.NOW, reason="Q1")
    members["pack/data/report.pdf"] = other
    refuses(members, "data/report.pdf: its digest is not the one in the signed statement")


def _statement(edit: Callable[[dict[str, Any]], None]) -> Callable[[bytes], bytes]:
    def attack(data: bytes) -> bytes:
        envelope = json.loads(data)
        edit(envelope)
        return canonical_json(envelope)

    return attack


def _payload(edit: Callable[[dict[str, Any]], None]) -> Callable[[bytes], bytes]:
    def change(envelope: dict[str, Any]) -> None:
        statement = json.loads(base64.b64decode(envelope["payload"]))
        edit(statement)
        envelope["payload"] = base64.b64encode(canonical_json(statement)).decode()

    return _statement(change)


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (_statement(lambda e: e.update(payloadType="application/json")), "payloadType is"),
        (_statement(lambda e: e.update(note="x")), "does not have exactly"),
        (_statement(lambda e: e.update(signatures=[])), "exactly one signature"),
        (_statement(lambda e: e["signatures"].append(e["signatures"][0])), "exactly one"),
        (_statement(lambda e: e["signatures"][0].update(keyid="0" * 64)), "keyid"),
        (_statement(lambda e: e["signatures"][0].update(x5c=[])), "certificates are expected"),
        (_statement(lambda e: e["signatures"][0].update(x5c=["AAAA"])), "cannot be read"),
        (_statement(lambda e: e["signatures"][0].update(sig="****")), "not base64"),
        (_payload(lambda s: s["predicate"].update(period="Q9")), "does not fit its content"),
        (_payload(lambda s: s["subject"].pop()), "does not fit its content"),
        (lambda d: d + b"\n", "not in canonical form"),
        (lambda d: d.replace(b'{"payload"', b'{"payload":1,"payload"', 1), "canonical form"),
        (lambda _: b"[" * 200_000, "not JSON that can be read"),
        (lambda _: b'{"a":NaN}', "not JSON that can be read"),
        (lambda _: b"9" * 100_000, "not JSON that can be read"),
        (lambda _: b"\xff\xfe", "not JSON that can be read"),
    ],
    ids=[
        "payload-type", "extra-member", "no-signature", "signature-twice", "keyid", "no-chain",
        "junk-certificate", "junk-signature", "predicate", "subject", "white-space",
        "duplicate-key", "deep", "nan", "huge-number", "not-utf8",
    ],
)  # fmt: skip
def test_statement_spoiled(
    members: dict[str, bytes], refuses: Any, attack: Callable[[bytes], bytes], reason: str
) -> None:
    members[STATEMENT] = attack(members[STATEMENT])
    refuses(members, reason)


def test_statement_of_another_pack(
    quarter: Any, tools: Any, members: dict[str, bytes], refuses: Any, tmp_path: Any
) -> None:
    from auditgen.seal import write_pack

    other = tmp_path / "other.zip"
    write_pack(
        other,
        {"report.html": b"x"},
        statement_predicate={},
        signer=quarter.signer,
        signed_at=tools.NOW,
        bag_info={},
    )
    members[STATEMENT] = tools.pack_members(other.read_bytes())[STATEMENT]
    refuses(members, "added or renamed")


# The container itself: everything below is refused before any of it is believed.


@pytest.fixture
def container(quarter: Any, look: Any, tools: Any) -> Callable[..., None]:
    def _container(data: bytes, reason: str) -> None:
        assert data != quarter.pack
        found = look(data, "pack.zip")
        assert found.exit_code is Exit.CHANGED
        assert reason in tools.said(found), tools.said(found)
        assert found.checks[0].id == "container"

    return _container


def test_duplicate_member(tools: Any, members: dict[str, bytes], container: Any) -> None:
    pairs = list(members.items())
    at = next(i for i, (n, _) in enumerate(pairs) if n.endswith("report.html"))
    pairs.insert(at, ("pack/data/report.html", b"<p>Gap: 0 %</p>"))
    container(tools.zip_canonically(pairs), "duplicate member `data/report.html`")


def test_members_out_of_order(tools: Any, members: dict[str, bytes], container: Any) -> None:
    container(tools.zip_canonically(list(reversed(members.items()))), "out of order")


@pytest.mark.parametrize(
    "name",
    ["pack/../../etc/passwd", "/etc/passwd", "pack/data/../x", "C:\\x", "other/x", "pack//x",
     "pack/data/a\\b", "pack/data/a\x1b[2Jb", "pack/data/\u202efdp.exe", "pack/data/x."],
)  # fmt: skip
def test_path_traversal_and_names_that_lie(
    tools: Any, members: dict[str, bytes], container: Any, name: str
) -> None:
    members[name] = b"x"
    container(tools.zip_canonically(dict(sorted(members.items()))), "member `")


def test_a_name_that_is_not_utf8(tools: Any, members: dict[str, bytes], container: Any) -> None:
    data = tools.zip_canonically(dict(sorted((members | {"pack/data/zz": b""}).items())))
    container(data.replace(b"pack/data/zz", b"pack/data/\xff\xfe"), "not UTF-8")


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        (50_000_000, "declares 50000000 bytes, more than the file holds"),
        (90, "is not the canonical"),
    ],
)
def test_a_zip_bomb_is_not_inflated(container: Any, size: int, reason: str) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo("pack/bag-info.txt", (1980, 1, 1, 0, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, b"\x00" * size)
    container(stream.getvalue(), reason)


def test_a_declared_size_of_10_gb(quarter: Any, container: Any) -> None:
    wide = struct.pack("<HHQQ", 1, 16, 10 << 30, 10 << 30)
    header = struct.pack(
        "<4sHHHHHLLLHH",
        b"PK\x03\x04", 45, 0, 0, 0, 0x21, 0, 0xFFFFFFFF, 0xFFFFFFFF, 17, 20,
    )  # fmt: skip
    container(header + b"pack/bag-info.txt" + wide + quarter.pack[120:], "more than the file holds")


def _directory_at(data: bytes) -> int:
    return int.from_bytes(data[-6:-2], "little")


def test_a_symbolic_link(quarter: Any, container: Any) -> None:
    data = bytearray(quarter.pack)
    place = _directory_at(quarter.pack) + 38
    data[place : place + 4] = struct.pack("<L", 0o120777 << 16)
    container(bytes(data), "symbolic link")


def test_bytes_after_the_end(quarter: Any, container: Any) -> None:
    container(quarter.pack + b"\x00", "bytes follow the end")


def test_bytes_before_the_start(quarter: Any, container: Any) -> None:
    container(b"#!/bin/sh\n" + quarter.pack, "does not begin with a zip member")


def test_bytes_between_members_and_directory(quarter: Any, container: Any) -> None:
    at = _directory_at(quarter.pack)
    container(quarter.pack[:at] + b"gap" + quarter.pack[at:], "neither a member nor the directory")


def test_a_comment(quarter: Any, container: Any) -> None:
    container(quarter.pack[:-2] + b"\x02\x00hi", "end of the directory is not the canonical one")


def test_an_extra_field(quarter: Any, container: Any) -> None:
    data = bytearray(quarter.pack)
    struct.pack_into("<H", data, 28, 4)
    name_end = 30 + 17
    data[name_end:name_end] = b"\x00\x00\x00\x00"
    container(bytes(data), "extra field")


def test_a_member_hidden_from_the_directory(
    quarter: Any, tools: Any, members: dict[str, bytes], container: Any
) -> None:
    short = dict(list(members.items())[:-1])
    with_all, without = tools.zip_canonically(members), tools.zip_canonically(short)
    body = with_all[: _directory_at(with_all)]
    container(body + without[_directory_at(without) :], "directory is not the canonical one")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.99])
def test_cut_off(quarter: Any, container: Any, share: float) -> None:
    container(quarter.pack[: int(len(quarter.pack) * share)], "container pack.zip")


def test_repacked_by_another_zip_tool(members: dict[str, bytes], container: Any) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    container(stream.getvalue(), "not the canonical one")


def test_names_are_harmless_on_a_terminal(
    tools: Any, look: Any, members: dict[str, bytes]
) -> None:
    members["pack/data/a\x1b[2Jb"] = b"x"
    text = describe(look(tools.zip_canonically(dict(sorted(members.items()))), "pack.zip"))
    assert "\x1b" not in text
    assert text.startswith("CHANGED after sealing")
