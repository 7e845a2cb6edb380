"""How large the next request is, before the API has counted it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hames.context.reminders import window_note
from hames.providers.assemble import Reply

if TYPE_CHECKING:
    from hames.agent.agent import Agent


_COUNTERS = (
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
)


class Estimate:
    """How many tokens the next request has: what the last one had, and what came since by bytes."""

    BYTES_PER_TOKEN = 2
    """Low on purpose, so that the estimate is high: money is set aside by it."""

    def __init__(self) -> None:
        self._known_tokens = 0
        self._known_bytes = 0

    @property
    def counted(self) -> int:
        """Tokens of the conversation after the last reply, as the API counted them; 0 before it."""
        return self._known_tokens

    def tokens(self, agent: Agent) -> int:
        """A number that the next request's input does not exceed."""
        size = agent.frame.size + agent.conversation.size
        return self._known_tokens + max(size - self._known_bytes, 0) // self.BYTES_PER_TOKEN

    def learn(self, agent: Agent, reply: Reply) -> None:
        """Take the true figure from a reply; tell the model when its window fills up."""
        before = self._known_tokens
        self._known_tokens = sum(int(reply.usage.get(counter) or 0) for counter in _COUNTERS)
        self._known_bytes = (
            agent.frame.size + agent.conversation.size + sum(len(b.raw) for b in reply.blocks)
        )
        if note := window_note(before, self._known_tokens, agent.model.context_window):
            agent.pending_notes.append(note)
