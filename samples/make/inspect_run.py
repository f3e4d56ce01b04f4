"""Run one of the tasks in inspect_tasks.py with the mock model and write its log.

Usage: python inspect_run.py policy|watch|cyber-first|cyber-rerun LOG_DIR
"""

import sys

import tiktoken


class Words:
    """Inspect estimates token counts with tiktoken, which would fetch a vocabulary."""

    def encode(self, text, **_):
        return text.split()


tiktoken.get_encoding = tiktoken.encoding_for_model = lambda name: Words()

from inspect_ai import eval
from inspect_ai.log import read_eval_log, write_eval_log
from inspect_ai.model import get_model
from inspect_tasks import MODEL, answer, cyber_assist, policy_behaviour, watch_cue

RUNS = {
    "policy": (policy_behaviour, {}, "eval"),
    "watch": (watch_cue, {}, "json"),
    "cyber-first": (cyber_assist, {"count": 40, "tool_works": False}, "eval"),
    "cyber-rerun": (cyber_assist, {"count": 24, "tool_works": True}, "eval"),
}

make, arguments, log_format = RUNS[sys.argv[1]]
(log,) = eval(
    make(**arguments),
    model=get_model(MODEL, custom_outputs=answer),
    log_dir=sys.argv[2],
    log_format=log_format,
    display="none",
    tags=["2026-q3"],
    metadata={"evaluator": "Lantern Rock Evaluation (fictional)", "responses": "mock"},
)
if log_format == "json":
    # Without the trace of events the JSON log is a quarter of its size; scores,
    # messages and metadata are all kept. Inspect's own writer writes the file again.
    slim = read_eval_log(log.location)
    for sample in slim.samples:
        sample.events, sample.events_data = [], None
    write_eval_log(slim, log.location, format="json")
print(log.status, log.eval.task)
