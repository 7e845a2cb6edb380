"""When a run is over, so that the other end may be told that nothing will follow.

As long as it may ask for a permission, a hook or a tool of the caller's, its input has to stay open:
beyond the result when it works on in the background.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from hames.messages import TERMINAL_TASK_STATUSES

CEILING = 600.0
_CEILING_MS = "CLAUDE_CODE_PRINT_BG_WAIT_CEILING_MS"
_KEEP_OPEN = ("local_agent", "local_workflow")
"""Types of tasks that come back to the caller when they end."""


class RunEnd:
    """Watches what is said, and knows when all is done."""

    def __init__(self, ceiling: float = CEILING) -> None:
        self._ceiling = ceiling
        self._changed = asyncio.Event()
        self._answered = False
        self._in_turn = False
        self._state: str | None = None
        self._tasks: set[str] = set()
        self._closed = False

    def saw(self, message: dict[str, Any]) -> None:
        """Take note of a message from the other end."""
        before = self._now()
        match message:
            case {"type": "result"}:
                self._answered, self._in_turn = True, False
            case {"type": "assistant" | "stream_event"} if not message.get("parent_tool_use_id"):
                self._in_turn = True
            case {"type": "system", "subtype": "session_state_changed"}:
                self._state = message.get("state")
            case {"type": "system", "task_id": str() as task}:
                self._saw_task(task, message)
        if self._now() != before:
            self._changed.set()

    def asked(self) -> None:
        """Another prompt was sent, which wants a result of its own."""
        self._answered = False

    def close(self) -> None:
        """Nothing will be seen any more."""
        self._closed = True
        self._changed.set()

    async def wait(self) -> None:
        """Wait until the run is over; at most `ceiling` seconds after a result when nobody says so."""
        while not self._over():
            self._changed.clear()
            try:
                async with asyncio.timeout(self._ceiling if self._is_silent() else None):
                    await self._changed.wait()
            except TimeoutError:
                return

    def _over(self) -> bool:
        idle = self._state in (None, "idle")
        done = self._answered and not self._in_turn and idle and not self._tasks
        return self._closed or done

    def _is_silent(self) -> bool:
        """Whether the turn has ended and only the word that all is done is missing."""
        waits_for_caller = self._state == "requires_action" or self._tasks
        return self._ceiling > 0 and self._answered and not (self._in_turn or waits_for_caller)

    def _saw_task(self, task: str, message: dict[str, Any]) -> None:
        patch = message.get("patch")
        status = patch.get("status") if isinstance(patch, dict) else None
        match message.get("subtype"):
            case "task_started" if message.get("task_type") in _KEEP_OPEN:
                self._tasks.add(task)
            case "task_notification":
                self._tasks.discard(task)
            case "task_updated" if status in TERMINAL_TASK_STATUSES:
                self._tasks.discard(task)

    def _now(self) -> tuple[Any, ...]:
        return self._answered, self._in_turn, self._state, len(self._tasks)


def ceiling(env: Mapping[str, str]) -> float:
    """Seconds to wait after a result. 0 is for ever."""
    try:
        milliseconds = int(env.get(_CEILING_MS) or os.environ.get(_CEILING_MS) or "")
    except ValueError:
        return CEILING
    return milliseconds / 1000 if milliseconds >= 0 else CEILING
