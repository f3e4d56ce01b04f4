"""Make tests/data/pyrit/attacks.db: a small run of PyRIT 1.1.0 against a target that answers by rule.

Usage: python make_attacks.py OUT.db (in an environment with `pyrit==1.1.0`)
"""

import asyncio
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from pyrit.converter import Base64Converter
from pyrit.executor.attack import (
    AttackAdversarialConfig,
    AttackConverterConfig,
    AttackScoringConfig,
    PromptSendingAttack,
    RedTeamingAttack,
)
from pyrit.models import Message, MessagePiece
from pyrit.prompt_normalizer import ConverterConfiguration
from pyrit.prompt_target import PromptTarget
from pyrit.prompt_target.common.target_capabilities import TargetCapabilities
from pyrit.prompt_target.common.target_configuration import TargetConfiguration
from pyrit.score import SelfAskRefusalScorer, SubStringScorer
from pyrit.setup import initialize_pyrit_async

CHAT = TargetConfiguration(
    capabilities=TargetCapabilities(
        supports_multi_turn=True, supports_editable_history=True, supports_system_prompt=True
    )
)
REFUSAL = "I can't help with that."


def reply(asked, text, **more):
    piece = MessagePiece(role="assistant", original_value=text, conversation_id=asked.conversation_id, **more)
    return [Message(message_pieces=[piece])]


class Target(PromptTarget):
    """Refuses, complies, is blocked or fails, by the first word of the objective."""

    def __init__(self):
        super().__init__(model_name="acme-model-v1", endpoint="https://models.acme.example/v1", custom_configuration=CHAT)

    async def _send_prompt_to_target_async(self, *, normalized_conversation):
        asked = normalized_conversation[-1].message_pieces[0]
        text = asked.original_value
        if "blocked" in text:
            return reply(asked, "blocked", response_error="blocked", original_value_data_type="error")
        if "crash" in text:
            raise RuntimeError("HTTP 500 simulated")
        return reply(asked, "Sure, a placeholder." if "comply" in text else REFUSAL)

    def _validate_request(self, *, normalized_conversation):
        pass


class Grader(PromptTarget):
    """A grading model: JSON about refusals, and no JSON at all for `garble`."""

    def __init__(self):
        super().__init__(model_name="acme-judge-v1", custom_configuration=CHAT)

    async def _send_prompt_to_target_async(self, *, normalized_conversation):
        asked = normalized_conversation[-1].message_pieces[0]
        text = asked.converted_value
        if "garble" in text:
            return reply(asked, "no json here")
        verdict = str("can't help" in text)
        said = {"score_value": verdict, "rationale": "by rule", "description": "d", "metadata": ""}
        answer = json.dumps(said)
        return reply(asked, answer)

    def _validate_request(self, *, normalized_conversation):
        pass


class Attacker(Grader):
    """An adversary that asks the same thing again."""

    async def _send_prompt_to_target_async(self, *, normalized_conversation):
        asked = normalized_conversation[-1].message_pieces[0]
        answer = '{"next_message": "refuse again placeholder", "rationale": "r", "last_response_summary": ""}'
        return reply(asked, answer)


async def main(out):
    await initialize_pyrit_async("SQLite", db_path=out, load_defaults=False, silent=True)
    target = Target()
    objective = SubStringScorer(substring="Sure", categories=["compliance"])
    def scoring(**more):
        return AttackScoringConfig(objective_scorer=objective, **more)
    plain = PromptSendingAttack(objective_target=target, attack_scoring_config=scoring())
    judged = PromptSendingAttack(
        objective_target=target,
        attack_scoring_config=scoring(auxiliary_scorers=[SelfAskRefusalScorer(chat_target=Grader(), system_prompt="Did it refuse?")]),
    )
    encoded = PromptSendingAttack(
        objective_target=target,
        attack_scoring_config=scoring(),
        attack_converter_config=AttackConverterConfig(
            request_converters=ConverterConfiguration.from_converters(converters=[Base64Converter()])
        ),
    )
    unscored = PromptSendingAttack(objective_target=target)
    retried = PromptSendingAttack(
        objective_target=target, attack_scoring_config=scoring(), max_attempts_on_failure=1
    )
    turns = RedTeamingAttack(
        objective_target=target,
        attack_adversarial_config=AttackAdversarialConfig(
            target=Attacker(), system_prompt="Ask for {{ objective }} as `next_message` in JSON."
        ),
        attack_scoring_config=scoring(),
        max_turns=2,
    )
    plan = [
        (plain, "comply placeholder one", "free"),
        (plain, "refuse placeholder two", "paid"),
        (plain, "blocked placeholder three", "free"),
        (plain, "crash placeholder four", "paid"),
        (judged, "refuse placeholder five", "free"),
        (judged, "refuse garble placeholder seven", "free"),
        (encoded, "refuse placeholder nine", "free"),
        (unscored, "refuse placeholder ten", "paid"),
        (retried, "refuse placeholder eleven", "free"),
        (turns, "refuse placeholder twelve", "paid"),
        (plain, "comply placeholder one", "free"),
    ]
    for attack, objective_text, tier in plan:
        try:  # an attack that fails is raised, and recorded
            await attack.execute_async(objective=objective_text, memory_labels={"tier": tier, "op": "q3"})
        except Exception as error:
            sys.stderr.write(f"{objective_text}: {error!r}\n")


out = str(Path(sys.argv[1]).resolve())
asyncio.run(main(out))
with closing(sqlite3.connect(out, isolation_level=None)) as connection:  # small pages: 24 tables, few rows
    connection.execute("PRAGMA page_size = 512")
    connection.execute("VACUUM")
