"""The tree, against the definition in RFC 9162 and against the separate checker in `verify`."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditgen.seal import inclusion_path, leaf_hash, root
from auditgen.verify import proves_inclusion


def _definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 section 2.1.1, word for word, over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(
        b"\x01" + _definition(leaves[:k]) + _definition(leaves[k:])
    ).digest()


def _records(count: int) -> list[tuple[dict[str, int], str]]:
    return [({"id": number}, f"salt-{number}") for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 100])
def test_the_root_is_that_of_the_rfc(count: int) -> None:
    leaves = [leaf_hash(record, salt) for record, salt in _records(count)]
    assert root(leaves) == _definition(leaves)


@given(st.integers(1, 70), st.data())
def test_every_record_can_be_proved_and_no_other(count: int, data: st.DataObject) -> None:
    records = _records(count)
    leaves = [leaf_hash(record, salt) for record, salt in records]
    index = data.draw(st.integers(0, count - 1))
    record, salt = records[index]
    path, head = inclusion_path(index, leaves), root(leaves)

    def proof(**other: object) -> bool:
        fields = {"index": index, "size": count, "path": path, "root": head, **other}
        return proves_inclusion(record, salt, **fields)  # type: ignore[arg-type]

    assert proof()
    assert not proves_inclusion({"id": -1}, salt, index=index, size=count, path=path, root=head)
    assert not proves_inclusion(record, "guess", index=index, size=count, path=path, root=head)
    assert not proof(root=b"\x00" * 32)
    assert not proof(index=count)
    assert not proof(path=(*path, b"\x00" * 32))
    if count > 1:
        assert not proof(index=(index + 1) % count)
        assert not proof(path=path[:-1])


@pytest.mark.parametrize(
    "broken",
    [
        {"path": (b"short",)},
        {"path": (b"\x00" * 32,) * 65},
        {"index": -1},
        {"size": 0},
    ],
)
def test_a_malformed_proof_proves_nothing(broken: dict[str, object]) -> None:
    fields = {"index": 0, "size": 1, "path": (), "root": leaf_hash(1, "s"), **broken}
    assert not proves_inclusion(1, "s", **fields)  # type: ignore[arg-type]


def test_a_record_that_is_not_json_proves_nothing() -> None:
    assert not proves_inclusion(float("nan"), "s", index=0, size=1, path=(), root=b"")


def test_there_is_no_path_to_a_leaf_that_is_not_there() -> None:
    with pytest.raises(IndexError):
        inclusion_path(1, [b"\x00" * 32])
