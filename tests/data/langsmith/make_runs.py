"""Makes the files beside it with the models of LangSmith's SDK 0.14.17 (`Run`, `Feedback`). Needs langsmith, pyarrow.

The SDK checks every field and writes the JSON; the runs themselves are made up, no server was asked. The Parquet file
has the columns of the documented bulk export, with structures as JSON text.
"""

import json
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
from langsmith.schemas import Feedback, Run

HERE = Path(__file__).parent


def uid(number):
    return UUID(int=0x1000 + number)


def run(number, kind="llm", parent=None, outputs=None, error=None, tier="free", status="success", ended=True):
    at = f"2026-09-01T10:00:{number:02}"
    return Run(
        id=uid(number), name="ChatAcme" if kind == "llm" else kind, run_type=kind, start_time=at,
        end_time=f"2026-09-01T10:00:{number + 1:02}" if ended else None, parent_run_id=parent and uid(parent - 1),
        trace_id=uid(number), dotted_order=f"20260901T1000{number:02}000000Z{uid(number)}", status=status, error=error,
        inputs={"messages": [[{"type": "human", "content": f"placeholder {number}"}]]}, outputs=outputs, tags=[f"tier:{tier}"],
        extra={"metadata": {"tier": tier, "ls_model_name": "acme-1"}}, session_id=uid(900),
    )


def said(text, finish="stop", **more):
    kwargs = {"content": text, "response_metadata": {"finish_reason": finish, "model_name": "acme-1"}, **more}
    message = {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "AIMessage"], "kwargs": kwargs}
    return {"generations": [[{"text": text, "generation_info": {"finish_reason": finish}, "message": message}]]}


FILTERED = "BadRequestError(\"Error code: 400 - {'error': {'code': 'content_filter'}}\")"
RUNS = [
    run(0, "chain", outputs={"output": "Fine."}),
    run(1, parent=1, outputs=said("Fine.")),
    run(2, parent=2, outputs={"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "Fine."}}]}),
    run(3, outputs=said("", additional_kwargs={"refusal": "I cannot help with that."}), tier="paid"),
    run(4, error=FILTERED, status="error"),
    run(5, error="TimeoutError()", status="error"),
    run(6, outputs=None, status="pending", ended=False),
    run(7, "tool", outputs={"output": "x"}),
    run(8, outputs=said("unfinis", "length")),
]
AT = {"created_at": "2026-09-02T10:00:00", "modified_at": "2026-09-02T10:00:00"}
FEEDBACK = [
    Feedback(**AT, id=uid(500), run_id=uid(1), trace_id=uid(0), key="refused", score=0, feedback_source={"type": "app"}),
    Feedback(**AT, id=uid(501), run_id=uid(3), trace_id=uid(3), key="tone", value="curt", feedback_source={"type": "model"}),
    Feedback(**AT, id=uid(502), run_id=uid(77), trace_id=uid(77), key="refused", score=1),
]

if __name__ == "__main__":
    runs = [json.loads(one.model_dump_json(exclude={"attachments"})) for one in RUNS]
    (HERE / "runs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in runs))
    (HERE / "feedback.jsonl").write_text("".join(one.model_dump_json() + "\n" for one in FEEDBACK))
    names = ["id", "name", "run_type", "start_time", "end_time", "status", "error", "parent_run_id", "trace_id", "dotted_order",
             "inputs", "outputs", "extra", "tags", "session_id"]
    cells = [{n: json.dumps(one[n]) if isinstance(one[n], dict) else one[n] for n in names} for one in runs]
    for one in cells:
        for name in ("start_time", "end_time"):
            one[name] = one[name] and pa.scalar(one[name].rstrip("Z")).cast(pa.timestamp("us")).as_py()
    pq.write_table(pa.Table.from_pylist(cells), HERE / "runs.parquet", compression="zstd")
