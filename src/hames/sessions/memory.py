"""A store in memory, for tests and for sessions that need not outlive the process."""

from __future__ import annotations

import time
from collections.abc import Sequence

from hames.sessions.store import Key, Stored

_END = 64 * 1024


class MemoryStore:
    """Keeps transcripts in a dict."""

    def __init__(self) -> None:
        self._lines: dict[Key, list[bytes]] = {}
        self._modified: dict[Key, float] = {}

    async def append(self, key: Key, lines: Sequence[bytes]) -> None:
        self._lines.setdefault(key, []).extend(lines)
        self._modified[key] = max(time.time(), self._modified.get(key, 0) + 1e-6)

    async def load(self, key: Key) -> list[bytes] | None:
        lines = self._lines.get(key)
        return list(lines) if lines else None

    async def list(self, project: str | None = None) -> list[Stored]:
        found = [
            self._stored(key)
            for key in self._lines
            if key.subpath is None and project in (None, key.project)
        ]
        return sorted(found, key=lambda stored: stored.modified, reverse=True)

    async def delete(self, key: Key) -> None:
        for other in list(self._lines):
            if other == key or (key.subpath is None and _belongs(other, key)):
                del self._lines[other], self._modified[other]

    def path(self, key: Key) -> str | None:
        return None

    def spill_folder(self, key: Key) -> str | None:
        return None

    def _stored(self, key: Key) -> Stored:
        text = b"".join([line + b"\n" for line in self._lines[key]])
        return Stored(key, self._modified[key], len(text), text[:_END], text[-_END:])


def _belongs(key: Key, session: Key) -> bool:
    return (key.project, key.session_id) == (session.project, session.session_id)
