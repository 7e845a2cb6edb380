"""What waits for the agent: prompts that came while it was working."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from hames.blocks import Block

Priority = Literal["now", "next", "later"]
"""What a prompt does to an answer under way: end it, join it at its next round of tools, wait for its end."""


class Prompt(msgspec.Struct):
    """One message of the user, or of the harness when `synthetic`."""

    blocks: list[Block]
    uuid: str | None = None
    synthetic: bool = False
    origin: dict[str, Any] | None = None
    """Why there is a turn that no user message started: `{"kind": "task-notification"}`."""
    fields: dict[str, Any] = msgspec.field(default_factory=dict)
    """Further fields of its transcript line."""
    replay: bool = False
    """Listeners are told when it is taken up."""
    priority: Priority = "next"
    asks: bool = True
    """The model answers; else it is only added to the conversation."""
    is_meta: bool = False
    """A program wrote it, not the user."""
    is_literal: bool = False
    """Its text names no commands and no files."""
    on_taken: Callable[[Prompt], None] | None = None
    """Called as it is taken up."""

    def taken(self) -> None:
        """Tell whoever follows it."""
        if self.on_taken is not None:
            self.on_taken(self)


class Inbox:
    """Prompts in the order they came."""

    def __init__(self) -> None:
        self._waiting: deque[Prompt] = deque()

    def put(self, prompt: Prompt) -> None:
        self._waiting.append(prompt)

    def put_back(self, prompt: Prompt) -> None:
        """It was taken too early: it is the oldest again."""
        self._waiting.appendleft(prompt)

    def empty(self) -> bool:
        return not self._waiting

    def waiting(self) -> list[Prompt]:
        """What waits, oldest first; it stays."""
        return list(self._waiting)

    def take(self) -> Prompt | None:
        """The oldest prompt, or None."""
        return self._waiting.popleft() if self._waiting else None

    def drop(self, uuid: str | None) -> list[Prompt]:
        """Take out the prompts of that id, or all; what was taken out."""
        dropped = [one for one in self._waiting if uuid in (None, one.uuid)]
        self._waiting = deque(one for one in self._waiting if uuid not in (None, one.uuid))
        return dropped

    def drain(self) -> list[Prompt]:
        """All that waits, oldest first."""
        drained = list(self._waiting)
        self._waiting.clear()
        return drained
