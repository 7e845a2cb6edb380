"""A store in memory, for tests and for sessions that need not outlive the process."""

from __future__ import annotations

import builtins
import time
from collections.abc import Sequence

from hames.sessions.store import Key, Span, Stored
from hames.sessions.transcript import AGENT_METADATA, END


class MemoryStore:
    """Keeps transcripts in a dict."""

    def __init__(self) -> None:
        self._lines: dict[Key, list[bytes]] = {}
        self._agents: dict[Key, bytes] = {}
        self._modified: dict[Key, float] = {}

    async def append(self, key: Key, lines: Sequence[bytes]) -> Span:
        stored = self._lines.setdefault(key, [])
        start = len(stored)
        for line in lines:
            if line.startswith(AGENT_METADATA):
                self._agents[key] = line
            else:
                stored.append(line)
        self._modified[key] = max(time.time(), self._modified.get(key, 0) + 1e-6)
        return Span(start, len(stored))

    async def load(self, key: Key) -> builtins.list[bytes] | None:
        lines = builtins.list(self._lines.get(key, ()))
        if key in self._agents:
            lines.append(self._agents[key])
        return lines or None

    async def read(self, key: Key, span: Span) -> builtins.list[bytes]:
        return self._lines.get(key, [])[span.start : span.end]

    async def list(self, project: str | None = None) -> builtins.list[Stored]:
        found = [
            self._stored(key)
            for key, lines in self._lines.items()
            if lines and key.subpath is None and project in (None, key.project)
        ]
        return sorted(found, key=lambda stored: stored.modified, reverse=True)

    async def look(self, key: Key) -> Stored | None:
        return self._stored(key) if self._lines.get(key) else None

    async def find(self, session_id: str) -> builtins.list[Key]:
        return [
            key
            for key, lines in self._lines.items()
            if lines and key.subpath is None and key.session_id == session_id
        ]

    async def subpaths(self, key: Key) -> builtins.list[str]:
        return sorted(other.subpath for other in self._lines if other.subpath and _of(key, other))

    async def delete(self, key: Key) -> None:
        for other in builtins.list(self._lines):
            if other == key or (key.subpath is None and _of(key, other)):
                del self._lines[other], self._modified[other]
                self._agents.pop(other, None)

    def path(self, key: Key) -> str | None:
        return None

    def spill_folder(self, key: Key) -> str | None:
        return None

    def _stored(self, key: Key) -> Stored:
        text = b"".join([line + b"\n" for line in self._lines[key]])
        return Stored(key, self._modified[key], len(text), text[:END], text[-END:])


def _of(session: Key, key: Key) -> bool:
    return (key.project, key.session_id) == (session.project, session.session_id)
