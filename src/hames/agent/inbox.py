"""What waits for the agent: prompts that came while it was working."""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from hames.blocks import Block


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

    def drain(self) -> list[Prompt]:
        """All that waits, oldest first."""
        drained = list(self._waiting)
        self._waiting.clear()
        return drained
