"""Makes the files beside it from the public field list of OpenAI's moderation: synthetic."""

import json
from pathlib import Path

HERE = Path(__file__).parent
NAMES = ["harassment", "hate", "illicit", "self-harm", "sexual", "violence"]


def result(**scores):
    return {
        "flagged": bool(scores), "categories": {name: name in scores for name in NAMES},
        "category_scores": {name: scores.get(name, 0.01) for name in NAMES},
        "category_applied_input_types": {name: ["text"] for name in NAMES},
    }


BARE = [
    {"id": "modr-0", "model": "omni-moderation-latest", "results": [result()]},
    {"id": "modr-1", "model": "omni-moderation-latest", "results": [result(violence=0.9, hate=0.7)]},
]
WRAPPED = [
    {"time": f"2026-09-01T10:00:0{n}Z", "request_id": f"m-{n}", "tier": tier, "input": f"placeholder {n}", "response": one, "done": done}
    for n, (tier, done, one) in enumerate([("free", "pass", BARE[0]), ("paid", "block", BARE[1])])
]
REPLIES = [
    {"id": f"chatcmpl-{n}", "object": "chat.completion", "created": 1788256800 + n, "model": "gpt-4o",
     "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": text, "refusal": refusal}}],
     "moderation": {"model": "omni-moderation-latest", "input": {"results": [result(**flagged)]}, "output": {"results": [result()]}}}
    for n, (text, refusal, flagged) in enumerate([("Fine.", None, {}), (None, "I cannot help with that.", {"violence": 0.8})])
]

if __name__ == "__main__":
    for name, rows in (("bare", BARE), ("wrapped", WRAPPED), ("replies", REPLIES)):
        (HERE / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
