"""Fixtures that are slow to make, made once for all workers of a test run."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from auditgen.cli import run
from auditgen.seal import KeyPaths, init_keys
from helpers.workshop import KEYS_AT, Demo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A directory that the first worker to ask for it makes, and the others wait for."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    place = root / name
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            work = root / f"{name}-in-work"
            make(work)
            work.rename(place)
    return place


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """What `auditgen demo` makes. To be read; whoever changes a file copies it first."""

    def make(folder: Path) -> None:
        assert run(["demo", "-o", str(folder), "-q"]) == 0

    return Demo(once(tmp_path_factory, "demo", make))


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyPaths:
    """Development keys, valid from the first half of 2026."""

    def make(folder: Path) -> None:
        init_keys(folder, organisation="Acme", name="A. Example", now=KEYS_AT)

    folder = once(tmp_path_factory, "keys", make)
    return KeyPaths(
        ca=folder / "ca.pem",
        ca_key=folder / "ca.key.pem",
        certificate=folder / "signer.pem",
        key=folder / "signer.key.pem",
    )
