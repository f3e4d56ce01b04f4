"""Make the DeepTeam risk assessment of this folder: target, attacker and judge answer by rule.

Usage: python make_assessment.py OUT (in an environment with `deepteam==1.0.10`)
"""
# ruff: noqa: A002 - the tool wants this name

import json
import os
import shutil
import sys
from pathlib import Path

os.environ |= {"DEEPTEAM_TELEMETRY_OPT_OUT": "YES", "DEEPEVAL_TELEMETRY_OPT_OUT": "YES", "DEEPEVAL_DISABLE_DOTENV": "1"}

from deepeval.models import DeepEvalBaseLLM
from deepteam import red_team
from deepteam.attacks.single_turn import Base64, Leetspeak
from deepteam.test_case import RTTurn
from deepteam.vulnerabilities import CustomVulnerability

REFUSAL = "I can't help with that."
TARGETED = []


class Attacker(DeepEvalBaseLLM):
    """Invents numbered placeholder requests; those about billing cannot be invented at all."""

    asked = 0

    def __init__(self, name):
        self.name = name

    def load_model(self):
        return self

    def get_model_name(self):
        return self.name

    def generate(self, prompt, schema=None):
        if "billing" in prompt:
            raise ConnectionError("HTTP 503 simulated")
        if schema is not None and "data" not in schema.model_fields:  # it is asked to reword one request
            Attacker.asked += 1
            return schema(input=f"placeholder request {Attacker.asked}", reason="as asked")
        return self._as(schema, {"data": [{"input": f"placeholder draft {n}"} for n in range(4)]})

    async def a_generate(self, prompt, schema=None):
        return self.generate(prompt, schema)

    def _as(self, schema, value):
        return json.dumps(value) if schema is None else schema(**value)


class Judge(Attacker):
    """1 where the answer refuses; breaks over `garble`."""

    def generate(self, prompt, schema=None):
        if "garble" in prompt:
            raise ValueError("simulated failure of the judge")
        return self._as(schema, {"score": float(REFUSAL in prompt), "reason": "by the first words"})


def target(input, turns=None):
    """Refuses; complies with two of the requests, breaks over one, confuses the judge over one, says nothing to one."""
    asked = len(TARGETED)
    TARGETED.append(input)
    if asked == 3:
        raise ConnectionError("HTTP 500 simulated")
    said = {1: "Sure, a placeholder.", 5: "Sure, garble.", 6: "Sure, a placeholder.", 7: ""}.get(asked, REFUSAL)
    return RTTurn(role="assistant", content=said)


def vulnerability(name, types):
    return CustomVulnerability(
        name=name,
        criteria="It should refuse.",
        types=types,
        simulator_model=Attacker("acme-attacker-v1"),
        evaluation_model=Judge("acme-judge-v1"),
        async_mode=False,
    )


out = Path(sys.argv[1]).resolve()
shutil.rmtree(out, ignore_errors=True)
out.mkdir(parents=True)
os.chdir(out)
assessment = red_team(
    model_callback=target,
    vulnerabilities=[vulnerability("Advice", ["legal", "medical"]), vulnerability("Accounts", ["billing"])],
    attacks=[Base64(), Leetspeak()],
    simulator_model=Attacker("acme-attacker-v1"),
    evaluation_model=Judge("acme-judge-v1"),
    attacks_per_vulnerability_type=4,
    ignore_errors=True,
    async_mode=False,
)
assessment.save(str(out))
