"""What each client is given of a URL and a secret; no client is installed for these."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from auditgen.errors import EnvironmentRefused
from auditgen.evidence.remote import opening
from auditgen.evidence.remote.connection import connect
from auditgen.evidence.remote.dialects import dialect_of
from auditgen.project.monitoring import ENGINE_SCHEMES, EngineBlock

SECRET = "p@ss'1"
GIVEN = [
    ("trino://me@t.example:8443/hive/logs", SECRET,
     {"user": "me", "auth": SECRET, "host": "https://t.example", "port": 8443, "database": "hive", "schema": "logs",
      "http_scheme": "https"}),
    ("trino://t.example:8080/hive", "",
     {"user": "auditgen", "auth": None, "host": "t.example", "port": 8080, "database": "hive", "schema": None,
      "http_scheme": "http"}),
    ("trino://t.example/hive", "", {"port": 443, "http_scheme": "https"}),
    ("bigquery://project-1/logs", "", {"project_id": "project-1", "dataset_id": "logs"}),
    ("snowflake://me@org-acc/DB/LOGS?warehouse=WH", SECRET,
     {"user": "me", "account": "org-acc", "password": SECRET, "database": "DB", "schema": "LOGS", "warehouse": "WH",
      "create_object_udfs": False}),
    ("clickhouse://me@c.example/logs", SECRET,
     {"host": "c.example", "port": 8443, "secure": True, "database": "logs", "user": "me", "password": SECRET}),
    ("clickhouse://c.example:8123", "", {"port": 8123, "secure": False, "database": "default", "user": "default"}),
    ("databricks://w.example/main/logs?http_path=/sql/1.0/warehouses/7", SECRET,
     {"server_hostname": "w.example", "http_path": "/sql/1.0/warehouses/7", "access_token": SECRET, "catalog": "main",
      "schema": "logs"}),
]  # fmt: skip


@pytest.fixture
def clients(monkeypatch):
    """Every client replaced by one that keeps what it is given."""
    given: list[dict[str, object]] = []

    def take(**settings):
        given.append(settings)
        return SimpleNamespace(version="9", disconnect=lambda: None)

    for name in ("trino", "bigquery", "snowflake", "clickhouse"):
        monkeypatch.setitem(vars(opening.ibis), name, SimpleNamespace(connect=take))
    module = ModuleType("ibis.backends.databricks")
    module.Backend = type("Backend", (), {"connect": lambda self, **settings: take(**settings)})
    monkeypatch.setitem(sys.modules, "ibis.backends.databricks", module)
    sockets: list[tuple[str, int]] = []

    def create(address, timeout):
        sockets.append(address)
        return SimpleNamespace(close=lambda: None)

    monkeypatch.setattr(opening.socket, "create_connection", create)
    return given, sockets


@pytest.mark.parametrize(("url", "secret", "expected"), GIVEN)
def test_a_client_is_given_what_the_url_says(clients, url, secret, expected):
    given, sockets = clients
    block = EngineBlock(url=url)  # audit.yaml takes it
    assert SECRET not in block.shown_name
    found = connect(url, name="x", secret=secret)
    assert found.version == "9"
    assert {name: given[0][name] for name in expected} == expected
    assert sockets == ([] if found.backend in {"bigquery", "snowflake"} else [(sockets[0][0], sockets[0][1])])
    found.close()


def test_every_scheme_of_audit_yaml_has_a_dialect():
    assert {dialect_of(scheme).name for scheme in ENGINE_SCHEMES} == set(opening._OPEN)


def test_a_server_that_does_not_answer_is_told_without_the_secret(monkeypatch):
    def refuse(address, timeout):
        raise ConnectionRefusedError(111, f"refused for {SECRET}")

    monkeypatch.setattr(opening.socket, "create_connection", refuse)
    with pytest.raises(EnvironmentRefused) as refusal:
        connect("trino://me@t.example/hive", name="the warehouse", secret=SECRET)
    assert "the engine `the warehouse` cannot be reached" in refusal.value.message
    assert SECRET not in refusal.value.message


@pytest.mark.parametrize("url", ["trino://me:hunter2@t.example/x", "snowflake://me@a/DB?password=hunter2"])
def test_no_secret_stands_in_a_url(url):
    with pytest.raises(ValueError, match="holds a secret"):
        EngineBlock(url=url)


@pytest.mark.parametrize("scheme", ["trino", "bigquery", "snowflake", "clickhouse", "databricks"])
def test_what_to_install_is_said(scheme, monkeypatch):
    if scheme not in {"bigquery", "snowflake"}:
        monkeypatch.setattr(opening.socket, "create_connection", lambda *_: SimpleNamespace(close=lambda: None))
    with pytest.raises(EnvironmentRefused) as refusal:
        connect(f"{scheme}://h.example/x", name="the warehouse")
    assert "needs a package that is not installed: " in refusal.value.message
    assert "\n" not in refusal.value.message
    assert refusal.value.hint == f"pip install 'ibis-framework[{scheme}]'"
