"""Makes the files beside it with LiteLLM 1.106.2 itself: its logger's payloads and its spend rows.

    python make_logs.py

No model is asked: `mock_response` answers. Guardrail records are handed in through the library's metadata key;
`get_logging_payload` of its proxy makes the rows of `LiteLLM_SpendLogs` that would go to the database (of a
failed call the proxy adds status and error as here), and its `guardrail_status_to_action` decides what the
daily counts count. The price list in each record and stack traces are left out. The credential is made up.
"""
import asyncio
import contextlib
import csv
import json
import os
from collections import Counter
from datetime import datetime
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["STORE_PROMPTS_IN_SPEND_LOGS"] = "true"
import litellm
from litellm.integrations.custom_logger import CustomLogger
from litellm.litellm_core_utils.litellm_logging import StandardLoggingPayloadSetup
from litellm.proxy.guardrails.usage_tracking import guardrail_status_to_action
from litellm.proxy.spend_tracking.spend_tracking_utils import get_logging_payload

HERE = Path(__file__).parent

PAYLOADS, ROWS = [], []

class Log(CustomLogger):
    def note(self, kwargs, response, start, end):
        payload = json.loads(json.dumps(kwargs["standard_logging_object"], default=str))
        payload["model_map_information"] = None
        if payload.get("error_information"):
            payload["error_information"]["traceback"] = ""  # it names folders of the machine
        PAYLOADS.append(payload)
        if payload["status"] == "failure":
            kwargs["completion_start_time"] = end
            told = kwargs["litellm_params"]["metadata"]
            told["status"] = "failure"
            told["error_information"] = StandardLoggingPayloadSetup.get_error_information(kwargs["exception"])
        row = get_logging_payload(kwargs, response, start, end)
        about = json.loads(row["metadata"])
        about.pop("model_map_information", None)
        if about.get("error_information"):
            about["error_information"]["traceback"] = ""
        row["metadata"] = json.dumps(about)
        ROWS.append(row)
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        self.note(kwargs, response_obj, start_time, end_time)
    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        self.note(kwargs, response_obj, start_time, end_time)

litellm.callbacks = [Log()]

def guard(status, mode="pre_call", **more):
    return {"guardrail_name": "acme-guard", "guardrail_provider": "acme", "guardrail_mode": mode,
            "guardrail_status": status, "start_time": 1.0, "end_time": 1.2, "duration": 0.2, **more}

SECRET = "Bearer acme-gateway-token-0123456789abcdef"
CASES = [
    ("plain", "How do I open a shared folder?", "Press the share button.", "free", None),
    ("masked", "Write to jo@example.org", "Done.", "paid",
     [guard("guardrail_intervened", masked_entity_count={"EMAIL": 1},
            guardrail_response={"secret_fields": {"raw_headers": {"authorization": SECRET}}})]),
    ("flagged", "placeholder flagged", "Fine.", "paid", [guard("guardrail_flagged")]),
    ("allowed", "placeholder allowed", "Fine.", "free", [guard("success")]),
    ("crashed", "placeholder crashed", "Fine.", "free", [guard("guardrail_failed_to_respond")]),
    ("watched", "placeholder watched", "Fine.", "free", [guard("guardrail_intervened", "logging_only")]),
    ("policy", "placeholder policy", litellm.ContentPolicyViolationError("content policy", "gpt-4o", "azure"), "free", None),
    ("guarded", "placeholder guarded", litellm.exceptions.GuardrailRaisedException(guardrail_name="acme-guard", message="not allowed"),
     "free", [guard("guardrail_intervened")]),
    ("busy", "placeholder busy", litellm.RateLimitError("slow down", "openai", "gpt-4o"), "paid", None),
]

async def main():
    for _, prompt, answer, tier, guards in CASES:
        metadata = {"tags": [f"tier:{tier}"], "requester_metadata": {"tier": tier}, "user_api_key_hash": "88dc" * 16,
                    "user_api_key_request_route": "/v1/chat/completions"}
        if guards:
            metadata["standard_logging_guardrail_information"] = guards
        with contextlib.suppress(Exception):  # three of them are meant to fail
            await litellm.acompletion("gpt-4o", [{"role": "user", "content": prompt}], mock_response=answer, metadata=metadata)
        await asyncio.sleep(0.4)
    await litellm.aembedding("text-embedding-3-small", ["placeholder"], mock_response=[0.1, 0.2])
    await asyncio.sleep(1)
asyncio.run(main())
with (HERE / "standard_logging.jsonl").open("w") as out:
    out.writelines(json.dumps(payload) + "\n" for payload in PAYLOADS)


def cell(value):
    """As PostgreSQL writes a TIMESTAMP(3): without its zone."""
    if not isinstance(value, datetime):
        return value
    return value.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")


with (HERE / "spend_logs.csv").open("w", newline="") as out:
    writer = csv.DictWriter(out, list(ROWS[0]))
    writer.writeheader()
    writer.writerows({name: cell(value) for name, value in row.items()} for row in ROWS)

days = {}
for row in ROWS:
    for entry in json.loads(row["metadata"]).get("guardrail_information") or []:
        action = guardrail_status_to_action(entry["guardrail_status"])
        if action != "not_run":
            key = (entry["guardrail_name"], cell(row["startTime"])[:10])
            days.setdefault(key, Counter()).update(["requests_evaluated", f"{action}_count"])
with (HERE / "daily_guardrail_metrics.csv").open("w", newline="") as out:
    names = ["requests_evaluated", "passed_count", "blocked_count", "flagged_count"]
    writer = csv.writer(out)
    writer.writerow(["guardrail_id", "date", *names, "avg_score", "avg_latency_ms"])
    writer.writerows([*key, *(count[name] for name in names), "", ""] for key, count in days.items())
