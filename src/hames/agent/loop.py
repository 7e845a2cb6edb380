"""The loop: ask the model, run its tools, repeat until it stops."""

from __future__ import annotations

from hames.agent.agent import Agent
from hames.agent.ask import ask_model
from hames.agent.calls.toolcalls import run_tools
from hames.agent.outcome import Outcome
from hames.agent.prompts.inbox import Prompt
from hames.agent.stops import conclude


async def answer(agent: Agent, prompt: Prompt) -> Outcome:
    """Answer one prompt.

    All that can be observed goes through `agent.emit`, in the order it happened. Raises `Interrupted`
    when the agent was told to stop, `ProviderError` when the model could not be asked.
    """
    await agent.admit(prompt)
    while True:
        if limit := agent.limits.reached():
            return Outcome(limit)

        reply = await ask_model(agent)
        await agent.conversation.add_reply(reply)

        if reply.calls:
            await run_tools(agent, reply.calls)
            await agent.take_inbox()
        elif outcome := await conclude(agent, reply):
            return outcome
