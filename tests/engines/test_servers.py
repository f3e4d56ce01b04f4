"""The check at every connection, against running servers."""

from __future__ import annotations

import ibis
import pytest

from auditgen.errors import EnvironmentRefused
from auditgen.evidence.remote import clocks, nasty
from auditgen.evidence.remote.conformance import conform
from engines.nasty import nasty as nasty_log
from engines.test_equal import MAPPINGS


@pytest.fixture(scope="session")
def small(server):
    """A log of which only the columns matter: the check brings its own rows."""
    return server.give(nasty_log(8, structs=server.has_structs))[0]


@pytest.mark.parametrize("name", ["half hour zone", "bands"])
def test_servers_do_alike(name, connection, small):
    check = conform(connection, connection.source(small), MAPPINGS[name])
    assert check.rows >= nasty.LEAST_ROWS


def test_a_server_with_one_wrong_expression_is_refused(connection, small, monkeypatch):
    def days_in(year, month):
        return (month == 2).ifelse(ibis.literal(28), 31).cast("int64")

    monkeypatch.setattr(clocks, "_days_in", days_in)
    with pytest.raises(EnvironmentRefused, match="2024-02-29"):
        conform(connection, connection.source(small), MAPPINGS["plain"])
