"""Made with nemoguardrails 0.24.1: `python make_exports.py OUT` (no network, no model: every answer is fixed)."""

import asyncio
import json
import os
import sys
from pathlib import Path

os.environ["NEMO_GUARDRAILS_TELEMETRY_DISABLED"] = "1"

from nemoguardrails import LLMRails, RailsConfig
from nemoguardrails.testing.fake_model import FakeLLMModel

OUT = Path(sys.argv[1])
SETTINGS = """
models: []
enable_rails_exceptions: {exceptions}
rails:
  input:
    flows:
      - check words
      - mask words
  output:
    flows:
      - check answer
tracing:
  enabled: true
  adapters:
    - name: FileSystem
      filepath: {traces}
"""
FLOWS = """
define bot refuse to respond
  "I'm sorry, I can't respond to that."

define bot inform answer unknown
  "I don't know the answer to that."

define bot say whatever we like
  "Let us talk of something else."

define flow check words
  $found = execute check_words
  if $found == "block"
    if $config.enable_rails_exceptions
      create event InputRailException(message="Input not allowed.")
    else
      bot refuse to respond
    stop
  if $found == "unknown"
    bot inform answer unknown
    stop
  if $found == "own"
    bot say whatever we like
    stop

define flow mask words
  $user_message = execute mask_words

define flow check answer
  $found = execute check_answer
  if $found
    bot refuse to respond
    stop
"""
REQUESTS = ["placeholder block", "placeholder harmless", "placeholder crash", "placeholder leak",
            "placeholder unknown", "placeholder own", "placeholder late crash", "placeholder secret"]


async def check_words(context=None):
    text = (context or {}).get("user_message") or ""
    if text.endswith(" crash") and "late" not in text:
        raise TypeError("the check is broken")
    return next((word for word in ("block", "unknown", "own") if word in text), None)


async def mask_words(context=None):
    return ((context or {}).get("user_message") or "").replace("secret", "[masked]")


async def check_answer(context=None):
    text = (context or {}).get("bot_message") or ""
    if "late" in text:
        raise ValueError("the check is broken")
    return "leak" in text


def rails(exceptions, traces):
    config = RailsConfig.from_content(
        colang_content=FLOWS, yaml_content=SETTINGS.format(exceptions=str(exceptions).lower(), traces=traces)
    )
    app = LLMRails(config, llm=FakeLLMModel(responses=["x"]))
    for action in (check_words, mask_words, check_answer):
        app.register_action(action, action.__name__)
    return app


async def main():
    made = []
    for exceptions in (False, True):
        app = rails(exceptions, OUT / "traces.jsonl")
        for text in REQUESTS if not exceptions else REQUESTS[:3]:
            app.update_llm(FakeLLMModel(responses=[f"an answer to: {text}"]))
            made.append(
                await app.generate_async(
                    messages=[{"role": "user", "content": text}],
                    options={"log": {"activated_rails": True, "llm_calls": True, "colang_history": True}, "output_vars": True},
                )
            )
    records = [json.loads(one.model_dump_json()) for one in made]
    (OUT / "responses.json").write_text(json.dumps(records, indent=1))
    bare = await rails(False, OUT / "no.jsonl").generate_async(
        messages=[{"role": "user", "content": "placeholder block"}], options={"output_vars": True}
    )
    (OUT / "no-log.json").write_text(bare.model_dump_json(indent=1))


OUT.mkdir(parents=True, exist_ok=True)
asyncio.run(main())
(OUT / "no.jsonl").unlink()
