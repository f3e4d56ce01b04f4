"""Makes the files beside it as the exporter in Helicone's repository (examples/export, index.ts) writes them: synthetic.

The exporter's own lines were rewritten here: CSV doubles the quotes of nested JSON before it quotes the cell, and a
JSON array ends with a comma. The field list is the exporter's.
"""

import json
from pathlib import Path

HERE = Path(__file__).parent
CSV = [
    "response_id", "response_created_at", "response_status", "request_created_at", "request_body", "request_properties",
    "request_user_id", "model", "prompt_tokens", "completion_tokens", "latency", "cost",
]


def row(number, status, body, tier="free"):
    return {
        "response_id": f"p-{number}", "response_created_at": f"2026-09-01T10:00:{number + 1:02}.000Z", "response_status": status,
        "response_body": body, "request_id": f"q-{number}", "request_created_at": f"2026-09-01T10:00:{number:02}.000Z",
        "request_body": {"model": "gpt-4o", "messages": [{"role": "user", "content": f"placeholder {number}"}]},
        "request_path": "/v1/chat/completions", "request_properties": {"tier": tier}, "request_user_id": "u-1",
        "model": "gpt-4o", "prompt_tokens": 3, "completion_tokens": 3, "latency": 900, "cost": 0.1,
    }


def said(text, finish="stop", **more):
    return {"choices": [{"finish_reason": finish, "message": {"role": "assistant", "content": text, **more}}]}


ROWS = [
    row(0, 200, said("Fine.")),
    row(1, 200, said(None, refusal="I cannot help with that."), "paid"),
    row(2, 200, said("", "content_filter")),
    row(3, 400, {"error": {"code": "content_filter", "message": "The response was filtered."}}),
    row(4, 429, {"error": {"message": "slow down"}}),
    row(5, 400, {"success": False, "error": {"code": "PROMPT_THREAT_DETECTED", "message": "Prompt threat detected."}}),
    row(6, -2, None),
    row(7, 200, said("unfinis", "length")),
]


def cell(value):
    if value is None:
        return ""
    if isinstance(value, dict):
        value = json.dumps(value, separators=(",", ":")).replace('"', '""')
    return '"' + str(value).replace('"', '""') + '"'


if __name__ == "__main__":
    (HERE / "output.jsonl").write_text("".join(json.dumps(one) + "\n" for one in ROWS))
    (HERE / "output.json").write_text("[\n" + "".join(json.dumps(one, indent=2) + ",\n" for one in ROWS) + "]\n")
    lines = [",".join(cell(one[name]) for name in CSV) for one in ROWS]
    (HERE / "output.csv").write_text("\n".join([",".join(CSV), *lines]) + "\n")
    state = {
        "offset": 1000, "totalRecords": 1000, "lastUpdateTime": "2026-09-30T10:00:00.000Z", "outputPath": "output.jsonl",
        "format": "jsonl", "startDate": "2026-09-01T00:00:00.000Z", "endDate": "2026-09-30T00:00:00.000Z", "includeBody": True,
    }
    (HERE / "helicone-export-state.json").write_text(json.dumps(state, indent=2))
