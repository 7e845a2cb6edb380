"""What a session store is. Lines are JSON without the line break, in the official transcript format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Key(msgspec.Struct, frozen=True):
    """Names one transcript."""

    project: str
    """PROJECT_KEY of the working directory."""
    session_id: str
    subpath: str | None = None
    """`subagents/agent-ID` for a subagent's transcript."""


class Stored(msgspec.Struct, frozen=True):
    """A stored session, as a listing shows it."""

    key: Key
    modified: float
    """Seconds since the epoch."""
    size: int
    head: bytes = b""
    """The first and last 64 KiB, from which titles and dates are read."""
    tail: bytes = b""


class Store(Protocol):
    """Keeps transcripts. Appends are atomic per line; stored lines are never changed."""

    async def append(self, key: Key, lines: Sequence[bytes]) -> None:
        """Add lines at the end. On return they are durable as the store understands it."""

    async def load(self, key: Key) -> list[bytes] | None:
        """All lines, the damaged ones included; None when there is no such transcript."""

    async def list(self, project: str | None = None) -> list[Stored]:
        """Main transcripts, newest first; of all projects when none is named."""

    async def find(self, session_id: str) -> list[Key]:
        """The main transcripts with this id, in whatever project; empty ones do not count."""

    async def changes(self, key: Key) -> list[bytes]:
        """Lines that somebody else has added since this store last loaded, wrote or was asked.

        [] also when the store cannot tell.
        """

    async def delete(self, key: Key) -> None:
        """Remove a transcript and what belongs to it."""

    def path(self, key: Key) -> str | None:
        """The file it lies in, for stores that have files."""

    def spill_folder(self, key: Key) -> str | None:
        """Where large tool results of the session go, for stores that have files."""
