"""The way back: from stored lines to the conversation that is continued."""

from __future__ import annotations

from typing import Any

import msgspec

from hames.blocks import Turn
from hames.sessions.store import Key


class StoredCall(msgspec.Struct, frozen=True):
    """A tool call on the active chain, in the order of the calls."""

    id: str
    name: str
    input: Any
    data: Any = None
    """The structured result (`toolUseResult`) that was stored with it."""
    is_error: bool = False
    finished: bool = True
    """It has a result."""


class Loaded(msgspec.Struct):
    """A stored session, ready to be continued."""

    key: Key
    turns: list[Turn]
    """The conversation as stored, not yet normalised."""
    leaf: str | None
    """uuid of the last line of the active chain; the parent of the next one."""
    positions: dict[str, int] = {}
    """For the uuid of each user and assistant line of the active chain: the index of its turn."""
    calls: list[StoredCall] = []
    started: frozenset[str] | None = None
    """Ids of calls that were marked as started; None when the writer of the calls left no marks."""
    callers: dict[str, str] = {}
    """For each call without a result: the uuid of its assistant line."""
    cost: dict[str, Any] | None = None
    """The last `cost-state`."""
    title: str | None = None
    permission_mode: str | None = None
    cwd: str | None = None
    kept: dict[str, bytes] = {}
    """The last line of each type that listings look for."""
    warnings: list[str] = []
    """Sentences for a person: damaged lines, a branch that was left."""
