"""What the report tells of the embedded engine: its version, its queries, a digest of each day."""

from __future__ import annotations

import hashlib
import io
import json

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from helpers.workshop import draft, gateway_rows, write_project
from pypdf import PdfReader

from auditgen.evidence.account import embedded_engine
from engines.test_report import DAYS, project


def test_files_are_accounted_for_as_well(tmp_path):
    """Query, rows and a digest of each day, of what the embedded engine counted; the same twice."""
    rows = gateway_rows(DAYS[:5], verdict="deny", action="block")
    table = pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in rows[0]})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    files = {"evidence/gateway.parquet": buffer.getvalue()}
    told = []
    for place in ("one", "two"):
        path = write_project(tmp_path / place, project(), files)
        made = draft(path, tmp_path / f"{place}-out", formats=("html", "pdf", "xlsx", "json"))
        assert any(p.name == "engine.json" for p in made.files)
        told.append((tmp_path / f"{place}-out" / "engine.json").read_bytes())
    assert told[0] == told[1]
    assert str(tmp_path).encode() not in told[0]
    account = json.loads(told[0])
    assert account["sources"] == []
    assert account["embedded"]["engine"] == embedded_engine()
    [group] = account["embedded"]["sources"]
    assert group["rows"] == len(rows) == sum(day["rows"] for day in group["days"])
    assert [file["name"] for file in group["files"]] == ["evidence/gateway.parquet"]
    assert group["files"][0]["sha256"] == hashlib.sha256(buffer.getvalue()).hexdigest()
    assert "read_parquet(['evidence/gateway.parquet']" in group["query"]
    assert [day["day"] for day in group["days"]] == [day.isoformat() for day in DAYS[:5]]
    assert len({day["sha256"] for day in group["days"]}) == 5
    out = tmp_path / "one-out"
    assert any(embedded_engine() in text for text in json.loads((out / "report.json").read_bytes())["method"])
    assert embedded_engine() in (out / "report.html").read_text("utf-8")
    book = openpyxl.load_workbook(out / "report.xlsx", read_only=True)
    assert any(embedded_engine() in str(cell) for sheet in book for row in sheet.values for cell in row if cell)
    pages = PdfReader(out / "report.pdf").pages
    assert embedded_engine() in " ".join(" ".join(page.extract_text() for page in pages).split())
    # one row less, and that day has another digest
    buffer = io.BytesIO()
    pq.write_table(table.slice(1), buffer)
    path = write_project(tmp_path / "less", project(), {"evidence/gateway.parquet": buffer.getvalue()})
    draft(path, tmp_path / "less-out", formats=("json",))
    less = json.loads((tmp_path / "less-out" / "engine.json").read_bytes())["embedded"]["sources"][0]
    assert less["days"][0] != group["days"][0]
    assert less["days"][1:] == group["days"][1:]
