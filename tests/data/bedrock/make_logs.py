"""Makes the files beside it: invocation logs of Amazon Bedrock as its documents describe them.

    python make_logs.py        (needs boto3)

Replies of Converse and results of ApplyGuardrail are checked by botocore against the service's own model before
they are written; the envelope around them (`ModelInvocationLog`) is made from the public field list.
"""

import gzip
import json
from pathlib import Path

import boto3
from botocore.stub import Stubber

HERE = Path(__file__).parent
CLIENT = boto3.client("bedrock-runtime", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
MODEL = "acme.model-v1:0"
USAGE = {"inputTokens": 3, "outputTokens": 3, "totalTokens": 6}


def topic(action, detected):
    return {"topics": [{"name": "weapons", "type": "DENY", "action": action, "detected": detected}]}


def pii(action):
    return {"piiEntities": [{"match": "jo@example.org", "type": "EMAIL", "action": action, "detected": True}], "regexes": []}


def checked(operation, response, **params):
    """The response, if the service's model allows it."""
    with Stubber(CLIENT) as stubber:
        stubber.add_response(operation, response)
        getattr(CLIENT, operation)(**params)
    response.pop("ResponseMetadata", None)
    return response


def converse(text, stop, **guardrail):
    body = {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": stop, "usage": USAGE, "metrics": {"latencyMs": 12},
    }
    if guardrail:
        body["trace"] = {"guardrail": guardrail}
    return checked("converse", body, modelId=MODEL, messages=[{"role": "user", "content": [{"text": "x"}]}])


def record(number, operation, body, tier="free", **more):
    output = {"outputContentType": "application/json", "outputTokenCount": 3}
    if body is not None:
        output["outputBodyJson"] = body
    asked = {"messages": [{"role": "user", "content": [{"text": f"placeholder {number}"}]}]}
    return {
        "schemaType": "ModelInvocationLog", "schemaVersion": "1.0", "timestamp": f"2026-09-01T10:00:{number:02}Z",
        "accountId": "111122223333", "region": "eu-central-1", "requestId": f"req-{number:02}", "operation": operation,
        "modelId": MODEL, "requestMetadata": {"tier": tier},
        "input": {"inputContentType": "application/json", "inputTokenCount": 3,
                  **({"inputBodyJson": asked} if body is not None else {})},
        "output": output, **more,
    }


BLOCKED_INPUT = {"inputAssessment": {"gr-1": {"topicPolicy": topic("BLOCKED", True)}}}
FLAGGED = {"inputAssessment": {"gr-1": {"topicPolicy": topic("NONE", True)}}}
BLOCKED_OUTPUT = {"outputAssessments": {"gr-1": [{"topicPolicy": topic("BLOCKED", True)}]}}
MASKED = {"outputAssessments": {"gr-1": [{"sensitiveInformationPolicy": pii("ANONYMIZED")}]}}
STREAM = [
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"delta": {"text": "Sorry, "}, "contentBlockIndex": 0}},
    {"contentBlockDelta": {"delta": {"text": "blocked."}, "contentBlockIndex": 0}},
    {"messageStop": {"stopReason": "guardrail_intervened"}},
    {"metadata": {"usage": USAGE, "trace": {"guardrail": BLOCKED_INPUT}}},
]
CLAUDE = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Sorry."}], "stop_reason": "end_turn"}
LOGS = [
    record(0, "Converse", converse("Fine.", "end_turn")),
    record(1, "Converse", converse("Sorry, blocked.", "guardrail_intervened", **BLOCKED_INPUT), "paid"),
    record(2, "Converse", converse("Sorry, blocked.", "guardrail_intervened", **BLOCKED_OUTPUT)),
    record(3, "Converse", converse("Write to {EMAIL}.", "end_turn", **MASKED)),
    record(4, "Converse", converse("Fine.", "end_turn", **FLAGGED)),
    record(5, "ConverseStream", STREAM),
    record(6, "InvokeModel", {**CLAUDE, "amazon-bedrock-guardrailAction": "INTERVENED"}),
    record(7, "InvokeModel", json.dumps({**CLAUDE, "amazon-bedrock-guardrailAction": "NONE"})),
    record(8, "InvokeModel", {"outputText": "unfinis", "completionReason": "LENGTH"}),
    record(9, "Converse", None, errorCode="ThrottlingException"),
    record(10, "Converse", None),
    record(11, "InvokeModel", {"embedding": [0.1, 0.2], "inputTextTokenCount": 2}),
    record(12, "InvokeModel", {"choices": [{"finish_reason": "stop", "message": {"content": None, "refusal": "I will not."}}]}),
]
RESULTS = [
    checked(
        "apply_guardrail",
        {"action": action, "outputs": [], "usage": {
            "topicPolicyUnits": 1, "contentPolicyUnits": 0, "wordPolicyUnits": 0,
            "sensitiveInformationPolicyUnits": 0, "sensitiveInformationPolicyFreeUnits": 0,
            "contextualGroundingPolicyUnits": 0}, "assessments": assessments},
        guardrailIdentifier="gr-1", guardrailVersion="1", source="INPUT", content=[{"text": {"text": "x"}}],
    )
    for action, assessments in (
        ("GUARDRAIL_INTERVENED", [{"topicPolicy": topic("BLOCKED", True)}]),
        ("NONE", [{"topicPolicy": topic("NONE", True)}]),
        ("NONE", []),
    )
]

if __name__ == "__main__":
    lines = "".join(json.dumps(log) + "\n" for log in LOGS).encode()
    (HERE / "invocations.json.gz").write_bytes(gzip.compress(lines, mtime=0))
    wrapped = [{"time": f"2026-09-01T11:00:0{n}Z", "requestId": f"g-{n}", "source": "INPUT", **r} for n, r in enumerate(RESULTS)]
    (HERE / "apply_guardrail.jsonl").write_text("".join(json.dumps(r) + "\n" for r in wrapped))
