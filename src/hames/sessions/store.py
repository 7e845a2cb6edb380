"""What a session store is. Lines are JSON without the line break, in the official transcript format."""

from __future__ import annotations

import builtins
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


class Span(msgspec.Struct, frozen=True):
    """Where lines stand in a transcript, in units of the store's own (bytes, rows)."""

    start: int
    end: int


class Store(Protocol):
    """Keeps transcripts. Appends are atomic per line; stored lines are never changed.

    A line of type `agent_metadata` describes the subagent whose transcript it is appended to; the last
    one counts, `load` gives it back after the others.
    """

    async def append(self, key: Key, lines: Sequence[bytes]) -> Span | None:
        """Add lines at the end. On return they are durable as the store understands it.

        The span of one append starts where the last one ended unless somebody else has written
        meanwhile. None when the store cannot tell.
        """

    async def load(self, key: Key) -> builtins.list[bytes] | None:
        """All lines, the damaged ones included; None when there is no such transcript."""

    async def read(self, key: Key, span: Span) -> builtins.list[bytes]:
        """The lines in a span."""

    async def list(self, project: str | None = None) -> builtins.list[Stored]:
        """Main transcripts, newest first; of all projects when none is named."""

    async def look(self, key: Key) -> Stored | None:
        """One main transcript as `list` shows it."""

    async def find(self, session_id: str) -> builtins.list[Key]:
        """The main transcripts with this id, in whatever project."""

    async def subpaths(self, key: Key) -> builtins.list[str]:
        """The subpaths of the transcripts that belong to a session, sorted."""

    async def delete(self, key: Key) -> None:
        """Remove a transcript and what belongs to it."""

    def path(self, key: Key) -> str | None:
        """The file it lies in, for stores that have files."""

    def spill_folder(self, key: Key) -> str | None:
        """Where large tool results of the session go, for stores that have files."""
