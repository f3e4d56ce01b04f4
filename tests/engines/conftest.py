"""Real servers on loopback: Sail in the ordinary suite, Apache Spark and PostgreSQL in `make test-engines`."""

from __future__ import annotations

import os

import pytest

from engines.servers import Server, start

NAMES = tuple(os.environ.get("AUDITGEN_TEST_ENGINES", "sail").split(","))


@pytest.fixture(scope="session", params=NAMES)
def server(request, tmp_path_factory):
    """A running server that tables can be given to. It is an error, not a skip, when it does not start."""
    found: Server = start(request.param, tmp_path_factory.mktemp(request.param))
    yield found
    found.stop()


@pytest.fixture(scope="session")
def connection(server):
    """One connection to it, for tests that only count."""
    from auditgen.evidence.remote.connection import connect

    found = connect(server.url, name=server.name, secret=server.secret)
    yield found
    found.close()
