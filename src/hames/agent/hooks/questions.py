"""Hooks that are questions to a model: asked with the agent's provider, and paid from its budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hames.blocks import Turn, text
from hames.providers.ask import Asking, ask
from hames.providers.protocol import Request

if TYPE_CHECKING:
    from hames.agent.agent import Agent

SMALL_MODEL = "haiku"
PROMPT_HOOK_TOKENS = 1024


async def ask_model(agent: Agent, instructions: str, question: str, name: str | None) -> str:
    """One question to a model, paid for like every other."""
    model, _ = agent.frames(name or SMALL_MODEL)
    turn = Turn("user", [text(question)])
    size = len(question) + len(instructions)
    max_tokens, reserved = agent.budget.reserve(model, size, PROMPT_HOOK_TOKENS)
    request = Request(model.id, [turn.encode()], max_tokens, system=[text(instructions).raw])
    asking = Asking(
        policy=agent.settings.retry,
        timeouts=agent.settings.timeouts,
        clock=agent.clock,
        random=lambda: agent.ids.random,
    )
    try:
        reply = await ask(agent.provider, request, asking)
    finally:
        agent.budget.settle(reserved)
    agent.ledger.record(reply.request_id or reply.message_id, reply.model, reply.usage)
    return reply.text
