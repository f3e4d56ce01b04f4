"""Makes the file beside it from the public field lists of Gemini's replies and of request-response logging: synthetic."""

import json
from pathlib import Path

HERE = Path(__file__).parent


def said(text, finish="STOP", **more):
    return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": finish, **more}], "modelVersion": "acme-1"}


BODIES = [
    said("Fine."),
    {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "modelVersion": "acme-1"},
    {"candidates": [{"finishReason": "SAFETY", "safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": True}]}]},
    json.dumps(said("unfinis", "MAX_TOKENS")),
    [said("Fi", None), said("ne.")],
    {"error": {"code": 429, "message": "Resource exhausted", "status": "RESOURCE_EXHAUSTED"}},
]

if __name__ == "__main__":
    rows = [
        {"logging_time": f"2026-09-01 10:00:0{n} UTC", "request_id": f"v-{n}", "endpoint": "projects/acme", "api_method": "GenerateContent",
         "model": "acme", "model_version": "1", "full_request": {"contents": [{"role": "user", "parts": [{"text": f"placeholder {n}"}]}]},
         "full_response": body, "metadata": {"tier": "free", "sampling_rate": 0.25}}
        for n, body in enumerate(BODIES)
    ]
    (HERE / "requests.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
