"""`/clear`: the conversation ends, and another begins in the same process.

The new session has an id, a log and totals of its own. What was chosen stays: options, model, permission
mode and the permissions that were given. The budget stays as well: it is for the process, not for a
conversation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hames.agent.calls import planning
from hames.agent.calls.deferral import Deferral
from hames.agent.conversation import Conversation
from hames.agent.estimate import Estimate
from hames.agent.prompts.inbox import Prompt
from hames.agent.start.framing import of_session
from hames.context.reminders import reminder
from hames.events import Cleared

if TYPE_CHECKING:
    from hames.agent.agent import Agent


async def clear(agent: Agent, prompt: Prompt) -> None:
    """End the conversation and begin another; the prompt is the one that asked for it."""
    old = agent.conversation.log
    if agent.hooks is not None:
        await agent.hooks.cleared()
    await agent.background.stop()
    agent.background.news()
    await old.finish_turn(cost=agent.ledger.cost_state(old.id))
    new = old.successor(agent.ids.uuid())
    _begin_in(agent, new.id)
    agent.conversation = Conversation(new)
    old.release()
    if agent.checkpoints is not None:
        agent.checkpoints = agent.checkpoints.anew(new)
    planning.begin(agent, agent.gate.policy.config_folder)
    memory = await agent.memory.again() if agent.memory is not None else ""
    where = await agent.surroundings() if agent.surroundings is not None else ""
    agent.opening = [reminder(note) for note in (memory, where) if note]
    agent.emit(Cleared(old.id, new.id, prompt.uuid, agent.clock.timestamp()))


def _begin_in(agent: Agent, id: str) -> None:
    """Forget what belongs to the old conversation; say the new id wherever it is told."""
    from hames.tools.seen import SeenFiles
    from hames.tools.todo_write import Todos

    for kind in (SeenFiles, Todos):
        agent.states.pop(kind, None)
    agent.frames.session_id = id
    agent.frame = of_session(agent.frame, id)
    if agent.settings.fallback is not None:
        fallback = of_session(agent.settings.fallback, id)
        agent.settings = msgspec.structs.replace(agent.settings, fallback=fallback)
    agent.workspace.env = {**agent.workspace.env, "CLAUDE_CODE_SESSION_ID": id}
    agent.budget.begin_anew()
    agent.estimate = Estimate()
    agent.deferral = Deferral()
    agent.pending_notes.clear()
    agent.started.clear()
