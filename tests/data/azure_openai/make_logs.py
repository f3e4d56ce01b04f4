"""Makes the files beside it from the public field lists of Azure OpenAI and Azure Monitor: synthetic."""

import csv
import json
from pathlib import Path

HERE = Path(__file__).parent
SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
JAILBREAK = {**SAFE, "jailbreak": {"filtered": False, "detected": True}}
VIOLENT = {**SAFE, "violence": {"filtered": True, "severity": "medium"}}


def reply(number, text, finish="stop", prompt=SAFE, answer=SAFE, **message):
    return {
        "id": f"chatcmpl-{number:02}", "object": "chat.completion", "created": 1788256800 + number, "model": "gpt-4o-2024-11-20",
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message},
                     "content_filter_results": answer}],
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": prompt}],
    }


BLOCKED = {"error": {
    "message": "The response was filtered.", "type": None, "param": "prompt", "code": "content_filter", "status": 400,
    "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": VIOLENT}}}
BUSY = {"error": {"code": "429", "message": "Requests have exceeded the limit."}}
BARE = [
    reply(0, "Fine."),
    reply(1, "Fine.", prompt=JAILBREAK),
    reply(2, "", "content_filter", answer=VIOLENT),
    reply(3, None, refusal="I cannot help with that."),
    {**reply(4, "x"), "choices": None},
    BLOCKED,
    {"id": "", "object": "", "created": 0, "model": "", "choices": [],
     "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": SAFE}]},
    *({"id": "chatcmpl-06", "object": "chat.completion.chunk", "created": 1788256806, "model": "gpt-4o-2024-11-20",
       "choices": [{"index": 0, "finish_reason": finish, "delta": delta, "content_filter_results": SAFE if delta else {}}]}
      for delta, finish in (({"role": "assistant", "content": "Fi"}, None), ({"content": "ne."}, None), ({}, "stop"))),
    {**reply(7, "Fine."), "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {
        "error": {"code": "content_filter_error", "message": "The contents are not filtered"}}}]},
]
WRAPPED = [
    {"time": f"2026-09-01T12:00:0{n}+02:00", "request_id": f"r-{n}", "status": status, "tier": tier,
     "request": {"messages": [{"role": "user", "content": f"placeholder {n}"}]}, "response": body}
    for n, (status, tier, body) in enumerate(
        [(200, "free", reply(10, "Fine.")), (400, "free", BLOCKED), (429, "paid", BUSY), (200, "paid", json.dumps(reply(13, "Fine.")))]
    )
]
SAFETY = [
    {"time": f"2026-09-01T13:00:0{n}Z", "request_id": f"s-{n}", "response": {
        "blocklistsMatch": [], "categoriesAnalysis": [{"category": "Hate", "severity": s}, {"category": "Violence", "severity": 0}]}}
    for n, s in enumerate((0, 4))
]
LONG = json.dumps([{"role": "user", "content": "placeholder " + "x" * 50}])
ROWS = [
    ("c-1", 0, LONG[:30], ""), ("c-2", 0, json.dumps([{"role": "user", "content": "hello"}]), ""), ("c-1", 1, LONG[30:], ""),
    ("c-1", 2, "", json.dumps([{"role": "assistant", "content": "Fi"}])), ("c-1", 3, "", json.dumps([{"role": "assistant", "content": "ne."}])),
    ("c-2", 1, "", json.dumps([{"role": "assistant", "content": None, "refusal": "No."}])), ("c-3", 0, json.dumps([{"role": "user", "content": "gap"}]), ""),
    ("c-3", 2, "", json.dumps([{"role": "assistant", "content": "late"}])),
]

if __name__ == "__main__":
    for name, rows in (("replies", BARE), ("wrapped", WRAPPED), ("content_safety", SAFETY)):
        (HERE / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with (HERE / "gateway_llm_log.csv").open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["TimeGenerated", "CorrelationId", "SequenceNumber", "OperationName", "ModelName", "DeploymentName",
                         "RequestMessages", "ResponseMessages", "PromptTokens", "CompletionTokens"])
        for n, (key, number, asked, said) in enumerate(ROWS):
            first = number == 0
            writer.writerow([f"2026-09-01T10:00:{n:02}Z", key, number, "chat", "gpt-4o" if first else "", "acme" if first else "", asked, said, 3, 3])
