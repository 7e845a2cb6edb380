"""What the end of a reply means: is the answer complete, or has the model to go on?

A reply without calls can be complete, cut, paused, empty, refused or malformed. The model is asked to
go on a bounded number of times; what it then adds is joined to one text.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from hames.agent.outcome import Outcome
from hames.blocks import text
from hames.context.reminders import reminder
from hames.errors import Category
from hames.providers.assemble import Reply

if TYPE_CHECKING:
    from hames.agent.agent import Agent

MAX_CONTINUATIONS = 3
"""How often a cut answer is continued."""
MAX_PAUSES = 20
"""How often a paused reply (server tools at work) is continued."""
MAX_EMPTY = 1
MAX_REFUSALS = 1
MAX_MALFORMED = 2

GO_ON = "Your reply was cut off. Continue exactly where it ended, without repeating anything."
NO_OUTPUT = "Your last reply had no visible text. Answer the user, or say in a sentence that the work is done."
REFUSED = (
    "A safety classifier ended your last reply. If part of the request can be answered properly, answer"
    " that part; otherwise say what you cannot do."
)


class Progress(msgspec.Struct):
    """What an answer under way has said, and how often it had to be continued."""

    parts: list[str] = msgspec.field(default_factory=list)
    tries: Counter[str] = msgspec.field(default_factory=Counter)

    def may(self, what: str, at_most: int) -> bool:
        """Count one more try of this kind and say whether it is within bounds."""
        self.tries[what] += 1
        return self.tries[what] <= at_most

    def begin(self) -> None:
        """The model does something else: earlier text is no longer part of its answer."""
        self.parts.clear()
        self.tries.clear()


async def conclude(agent: Agent, reply: Reply) -> Outcome | None:
    """How the answer ended with this reply; None when the model is to go on."""
    progress = agent.progress
    progress.parts.append(reply.text)
    match reply.stop_reason:
        case "pause_turn":
            return None if progress.may("pause", MAX_PAUSES) else Outcome("finished", "pause_turn")
        case "max_tokens" | "model_context_window_exceeded":
            return await _go_on(agent, reply)
        case "refusal":
            return await _refused(agent, reply)
        case "tool_use":
            return None if progress.may("malformed", MAX_MALFORMED) else _malformed()
    if not reply.complete:
        return await _go_on(agent, reply)
    if not "".join(progress.parts).strip() and progress.may("empty", MAX_EMPTY):
        await agent.conversation.say([reminder(NO_OUTPUT)], is_meta=True)
        return None
    if agent.hooks is not None:
        return await agent.hooks.may_stop(reply.stop_reason)
    return Outcome("finished", reply.stop_reason)


async def _go_on(agent: Agent, reply: Reply) -> Outcome | None:
    if agent.progress.may("continue", MAX_CONTINUATIONS):
        await agent.conversation.say([text(GO_ON)], is_meta=True)
        return None
    if reply.error is not None:
        said = f"The reply was cut off each time it was continued, the last time so: {reply.error}"
        await say_error(agent, said, reply.error.category, reply.error.status)
        return Outcome("api_error", reply.stop_reason, reply.error, said)
    said = "The reply was longer than the output limit allows, and still incomplete after being continued."
    await say_error(agent, said, "max_output_tokens")
    return Outcome("max_output_tokens", reply.stop_reason, text=said)


async def _refused(agent: Agent, reply: Reply) -> Outcome | None:
    if agent.progress.may("refusal", MAX_REFUSALS):
        agent.note(
            "informational",
            content="The model declined to go on; it is asked once more.",
            level="notice",
        )
        if reply.text:
            await agent.conversation.say([reminder(REFUSED)], is_meta=True)
        return None
    said = "The model refused to answer (stop reason `refusal`). Rephrase the request or use another model."
    agent.note("model_refusal_no_fallback", content=said, model=agent.frame.model)
    await say_error(agent, said, "invalid_request")
    return Outcome("refused", "refusal", text=said)


def _malformed() -> Outcome:
    said = "The model said it calls a tool but sent no call, three times in a row."
    return Outcome("malformed_calls", "tool_use", text=said)


async def say_error(agent: Agent, said: str, category: Category, status: int | None = None) -> None:
    """Tell the caller in the official way: an assistant message of the model `<synthetic>`."""
    await agent.say_synthetic(text(said), error=category, status=status)
