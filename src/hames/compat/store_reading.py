"""A caller's store, read through our own functions about sessions."""

from __future__ import annotations

import builtins
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hames import _json
from hames.compat.session_types import SessionKey, SessionStore, implements
from hames.sessions.store import Key, Span, Stored
from hames.sessions.transcript import END

Entries = builtins.list[Any]


class StoreOf:
    """A store of ours that reads and appends to a caller's, for one project."""

    def __init__(self, store: SessionStore, project: str) -> None:
        self._store = store
        self._project = project

    async def append(self, key: Key, lines: Sequence[bytes]) -> Span | None:
        await self._store.append(official(key), [_json.decode(line) for line in lines])
        return None

    async def load(self, key: Key) -> builtins.list[bytes] | None:
        entries = await self._store.load(official(key))
        return lines_of(entries) if entries else None

    async def read(self, key: Key, span: Span) -> builtins.list[bytes]:
        return (await self.load(key) or [])[span.start : span.end]

    async def list(self, project: str | None = None) -> builtins.list[Stored]:
        sessions = await self._store.list_sessions(self._project)
        keys = [Key(self._project, one["session_id"]) for one in sessions]
        return [stored for key in keys if (stored := await self.look(key))]

    async def look(self, key: Key) -> Stored | None:
        entries = await self._store.load(official(key))
        return stored(key, entries, _last_time(entries)) if entries else None

    async def find(self, session_id: str) -> builtins.list[Key]:
        return [Key(self._project, session_id)]

    async def subpaths(self, key: Key) -> builtins.list[str]:
        if not implements(self._store, "list_subkeys"):
            raise ValueError(
                "session_store does not implement list_subkeys() -- cannot list subagents. Give it"
                " such a method."
            )
        found = await self._store.list_subkeys(
            {"project_key": key.project, "session_id": key.session_id}
        )
        names = [name for name in found if name.startswith("subagents/")]
        return [name for name in names if name.rpartition("/")[2].startswith("agent-")]

    async def delete(self, key: Key) -> None:
        await self._store.delete(official(key))

    def path(self, key: Key) -> str | None:
        return None

    def spill_folder(self, key: Key) -> str | None:
        return None


def official(key: Key) -> SessionKey:
    """The key in the form that callers' stores know."""
    found: SessionKey = {"project_key": key.project, "session_id": key.session_id}
    if key.subpath is not None:
        found["subpath"] = key.subpath
    return found


def lines_of(entries: Entries) -> builtins.list[bytes]:
    """Entries as lines, with their type first, as lists and readers expect it.

    Stores may give keys back in another order. What describes a subagent comes last.
    """
    about = [entry for entry in entries if entry.get("type") == "agent_metadata"]
    others = [entry for entry in entries if entry.get("type") != "agent_metadata"]
    return [_json.encode({"type": entry.get("type"), **entry}) for entry in [*others, *about[-1:]]]


def stored(key: Key, entries: Entries, milliseconds: int) -> Stored:
    """What a list needs of a session."""
    text = b"".join([line + b"\n" for line in lines_of(entries)])
    return Stored(key, milliseconds / 1000, len(text), text[:END], text[-END:])


def _last_time(entries: Entries) -> int:
    """When the last entry was made; now when it does not say."""
    try:
        return int(datetime.fromisoformat(entries[-1]["timestamp"]).timestamp() * 1000)
    except (KeyError, TypeError, ValueError):
        return int(time.time() * 1000)
