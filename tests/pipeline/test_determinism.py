"""The same inputs and the same day give the same bytes, wherever and however they are run."""

from __future__ import annotations

import copy
import io
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.workshop import (
    GATEWAY_MAP,
    audit,
    criterion,
    csv_text,
    gateway_rows,
    inspect_log,
    sample,
    samples,
    source,
    write_project,
)

if TYPE_CHECKING:
    from pathlib import Path

REPORTS = ("report.html", "report.json", "report.xlsx", "report.pdf")
DAYS = [date(2026, 9, day) for day in (*range(1, 11), *range(14, 31))]


def parquet(rows: list[dict[str, str]]) -> bytearray:
    """A Parquet file whose directory is whole and whose pages are not."""
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    data = bytearray(out.getvalue())
    data[200:400] = bytes(200)
    return data


def project(folder: Path) -> Path:
    """A project with everything that could depend on order, time or place, damage included."""
    value = audit(period={"start": "2026-09-01", "end": "2026-09-30"})
    value["report"]["redaction"] = "excerpts"
    value["system"]["models"] = ["model-1", "model-2"]
    value["standards"] = ["eu-ai-act"]
    value["principles"] = [
        {
            "id": "P1",
            "title": "Refuses",
            "promise": "It refuses.",
            "criteria": [criterion("C1", sources=["lab"])],
        },
        {
            "id": "P2",
            "title": "Enforces",
            "promise": "Every block is enforced.",
            "criteria": [
                criterion(
                    "C2", indicator="guardrail-deny-but-allowed", sources=["gw"], at_most=0.05
                ),
                criterion("C3", indicator="monitoring-coverage", sources=["gw"], at_least=0.9),
            ],
        },
    ]
    value["sources"] = [
        source("lab", "evidence/lab*"),
        source("gw", "evidence/gw*", "self", map=copy.deepcopy(GATEWAY_MAP)),
        source("none", "evidence/none*"),
    ]
    value["documents"] = [
        {
            "id": "D1",
            "kind": "DO-IRP",
            "title": "Plan",
            "file": "plan.md",
            "version": "1",
            "dated": "2026-05-01",
            "owner": "head",
        }
    ]
    rows = [
        sample(n, n % 9 != 0, category=f"c{n % 7}", epoch=1 + n % 2, asked=f"Frage {n} \u4e2d")
        for n in range(300)
    ]
    gateway = gateway_rows(DAYS) + gateway_rows(
        DAYS, verdict="deny", action="block", model="model-2"
    )
    text = csv_text(gateway)
    broken = json.dumps(inspect_log(samples(30), run="r9"))[:2000]
    return write_project(
        folder,
        value,
        {
            "evidence/lab-1.json": inspect_log(rows),
            "evidence/lab-2.json": inspect_log(samples(20), run="r2", model="model-2"),
            "evidence/lab-cut.json": broken,
            "evidence/lab-\u00fc.bin": b"\x00\x01",
            "evidence/gw.csv": text,
            "evidence/gw-cut.parquet": b"PAR1" + bytes(100) + b"PAR1",
            "evidence/gw-bad.parquet": bytes(parquet(gateway)),
            "evidence/gw-cut.csv.gz": b"\x1f\x8b\x08\x00" + bytes(40),
            "plan.md": "the plan",
        },
    )


def made(path: Path, out: Path, cwd: Path, **environment: str) -> dict[str, bytes]:
    """All four drafts, made by another process."""
    formats = "html,json,xlsx,pdf"
    command = [sys.executable, "-m", "auditgen", "report", os.path.relpath(path, cwd), "--unsigned"]
    command += ["--as-of", "2026-10-05", "-q", "--formats", formats, "-o", str(out)]
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {name: (out / name).read_bytes() for name in REPORTS}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    """The same project run in other directories, zones, languages and hash orders."""
    first = tmp_path_factory.mktemp("a")
    path = project(first / "quarter")
    second = tmp_path_factory.mktemp("somewhere-else-with-a-long-name") / "\u00e4 b" / "c"
    shutil.copytree(first / "quarter", second, copy_function=shutil.copyfile)
    shutil.rmtree(second / ".auditgen", ignore_errors=True)
    for name in sorted(second.rglob("*"), reverse=True):
        os.utime(name, (1_000_000_000, 1_000_000_000))
    one = made(path, first / "out", first, PYTHONHASHSEED="1", TZ="UTC", LC_ALL="C.UTF-8")
    two = made(
        second / "audit.yaml",
        second / "x" / "y",
        second,
        PYTHONHASHSEED="4242",
        TZ="Pacific/Kiritimati",
        LC_ALL="C",
        LANG="de_DE.UTF-8",
        SOURCE_DATE_EPOCH="0",
    )
    # again in the first place, from what the store kept
    again = made(path, first / "again", first / "quarter", PYTHONHASHSEED="7", TZ="America/Adak")
    return [one, two, again]


@pytest.mark.parametrize("name", REPORTS)
def test_same_bytes(runs: list[dict[str, bytes]], name: str) -> None:
    first, *others = runs
    for other in others:
        assert other[name] == first[name]


@pytest.mark.parametrize("name", ["report.html", "report.json"])
def test_no_place_of_the_machine_is_in_it(runs: list[dict[str, bytes]], name: str) -> None:
    text = runs[0][name].decode()
    for place in ("tmp", "home", "root"):
        assert f"/{place}/" not in text
    assert "site-packages" not in text
    assert str(os.getpid()) not in re.findall(r"pid \d+", text)


def test_everything_damaged_was_told(runs: list[dict[str, bytes]]) -> None:
    document = json.loads(runs[0]["report.json"])
    codes = {f["code"] for f in document["findings"]}
    assert {"truncated", "unrecognised", "unreadable", "source-empty", "silent-window"} <= codes
