"""One development key set for the whole session (RSA keys are slow to make), and a small PDF."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from auditgen.seal import KeyPaths, Signer, init_keys, load_signer

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2025, 6, 2, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyPaths:
    directory: Path = tmp_path_factory.mktemp("seal") / "keys"
    return init_keys(directory, organisation="Acme Ltd", name="A. Auditor", now=NOW)


@pytest.fixture(scope="session")
def signer(keys: KeyPaths) -> Signer:
    return load_signer(keys.certificate, keys.key, passphrase=None, now=NOW)


@pytest.fixture(scope="session")
def plain_pdf() -> bytes:
    from weasyprint import HTML  # type: ignore[import-untyped]

    document = HTML(string="<html lang=en><title>Report</title><h1>Gap: 14 %</h1></html>")
    data = document.write_pdf(pdf_variant="pdf/a-3a")
    assert isinstance(data, bytes)
    return data
