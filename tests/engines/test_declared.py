"""What audit.yaml may say of an engine, and what happens where the packages are not there."""

from __future__ import annotations

import subprocess
import sys

import pytest
from helpers.workshop import GATEWAY_MAP, audit, criterion, source, write_project

from auditgen.errors import InputRefused
from auditgen.evidence.remote.clocks import offsets
from auditgen.project import load_project


def declared(tmp_path, engine=None, **parts):
    log = source("gateway", "x", map=GATEWAY_MAP, table="gateway_log")
    del log["files"]
    log |= parts
    value = audit(sources=[log])
    value["principles"][0]["criteria"] = [criterion(sources=["gateway"], indicator="production-refusal")]
    if engine is not None:
        value["engine"] = engine
    return write_project(tmp_path, {k: v for k, v in value.items() if v is not None})


SPARK = {"url": "sc://spark.example:15002"}


@pytest.mark.parametrize(
    ("engine", "parts", "said"),
    [
        (None, {}, "names no `engine`"),
        (SPARK, {"files": ["evidence/*"]}, "either `files` or a `table`"),
        (SPARK, {"map": {"model": {"from": "m"}}}, "needs `map.time`"),
        (SPARK, {"map": {**GATEWAY_MAP, "records": "evaluation"}}, "holds monitoring"),
        ({"url": "postgresql://me:hunter2@db.example/log"}, {}, "holds a secret"),
        ({"url": "sc://spark.example:443/;token=hunter2"}, {}, "holds a secret"),
        ({"url": "sc://spark.example:443/;use_ssl=true;TOKEN=hunter2"}, {}, "holds a secret"),
        ({"url": "mysql://spark.example:443/x"}, {}, "begins with `sc://`"),
        ({"url": "postgresql:///log"}, {}, "names a host"),
        ({"url": "sc://spark.example:99999"}, {}, "no URL"),
        ({**SPARK, "secret_env": "no name"}, {}, "secret_env"),
    ],
)
def test_faults_are_answered_at_their_place(tmp_path, engine, parts, said):
    with pytest.raises(InputRefused) as refusal:
        load_project(declared(tmp_path, engine, **parts), needs_signer=False)
    told = [f"{fault.message} {fault.label} {fault.span}" for fault in refusal.value.diagnostics]
    assert any(said in text for text in told), told
    assert not any("hunter2" in fault.message for fault in refusal.value.diagnostics)


def test_hours_cannot_be_selected_on_an_engine(tmp_path):
    path = declared(tmp_path, SPARK)
    value = path.read_text().replace("indicator: production-refusal", "indicator: monitoring-coverage")
    path.write_text(value.replace("min_n: 30", "min_n: 30\n    where: {category: cyber}"))
    with pytest.raises(InputRefused) as refusal:
        load_project(path, needs_signer=False)
    assert "where-on-engine" in {fault.code for fault in refusal.value.diagnostics}


def test_files_need_no_package_of_an_engine():
    """Whoever reads files loads nothing of it; whoever names an engine is told what to install."""
    script = (
        "import sys\n"
        "class Without:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in {'ibis', 'pyspark', 'psycopg', 'pysail'}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Without())\n"
        "import auditgen.pipeline.write\n"
        "from auditgen.errors import EnvironmentRefused\n"
        "try:\n"
        "    import auditgen.evidence.remote.connection\n"
        "except EnvironmentRefused as refusal:\n"
        "    print(refusal.message, '|', refusal.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "`engine:` needs a package that is not installed: ibis | pip install 'auditgen[engines]'" in done.stdout


def test_changes_of_a_clock_are_those_of_its_zone():
    hour, at = 3_600_000_000, 1_774_746_000_000_000  # 2026-03-29 01:00 UTC
    steps = dict(offsets("Europe/Paris"))
    assert steps[at + 2 * hour] == 2 * hour
    assert offsets("UTC") == ((-(2**62), 0),)
    assert len(offsets("Asia/Tokyo")) == 1
