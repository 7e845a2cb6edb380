"""What the fake model does: a task that travels in the prompt, so that the server needs no state.

A task is a list of calls that come first, a list that is repeated, and how many turns there are in
all; after them the model says that it is done. Without a task it says hello.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

HELLO = "Hello there."
DONE = "All of it is done."
ANSWERS = (HELLO, DONE, " word0")
"""One of these is in every answer."""

_TASK = re.compile(rb"bench:([A-Za-z0-9+/=]+):")
CALL = "toolu_01{:022d}"
"""The id of a call tells its turn."""
_CALL = CALL.partition("{")[0].encode()


class ToolCall(NamedTuple):
    """One call of the fake model."""

    name: str
    input: dict[str, Any]


class Task(NamedTuple):
    """What a prompt asks the fake model to do."""

    turns: int
    """Replies with a call."""
    calls: Sequence[ToolCall] = ()
    """Repeated until there were so many turns."""
    first: Sequence[ToolCall] = ()
    """Come before them, and count as turns."""
    deltas: int = 1
    """In how many pieces the last text comes."""

    def prompt(self) -> str:
        """A prompt that carries the task."""
        whole = json.dumps(self).encode()
        return f"Please do this: bench:{base64.b64encode(whole).decode()}:"

    @property
    def answer(self) -> str:
        """What the model says in the end, or the beginning of it."""
        if self.deltas > 1:
            return " word0"
        return DONE if self.turns else HELLO

    def call(self, turn: int) -> ToolCall:
        """The call of this turn, counted from 0."""
        if turn < len(self.first):
            return self.first[turn]
        return self.calls[(turn - len(self.first)) % len(self.calls)]


def task_of(body: bytes) -> Task:
    """The task that a request's body carries."""
    found = _TASK.search(body)
    if found is None:
        return Task(0)
    turns, calls, first, deltas = json.loads(base64.b64decode(found[1]))
    return Task(turns, [ToolCall(*c) for c in calls], [ToolCall(*c) for c in first], deltas)


def turn_of(body: bytes) -> int:
    """How many calls the model has made in this conversation.

    Told by the last one: to count them would take longer with each turn, in which the server's work
    drives that of the client out of the processor's caches.
    """
    at = body.rfind(_CALL)
    return 0 if at < 0 else int(body[at + len(_CALL) : at + len(_CALL) + 22]) + 1
