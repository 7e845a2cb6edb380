"""The official functions about sessions in a caller's store: `*_from_store` read, `*_via_store` change."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from hames import _json
from hames.compat.forking import forked
from hames.compat.session_types import (
    ForkSessionResult,
    SDKSessionInfo,
    SessionKey,
    SessionMessage,
    SessionStore,
    SessionStoreListEntry,
    implements,
)
from hames.compat.store_reading import StoreOf, stored
from hames.compat.stored_sessions import (
    info,
    known_id,
    message,
    plain_tag,
    plain_title,
    session_file,
)
from hames.compat.stores import info_of
from hames.sessions import listing, names
from hames.sessions.store import Key

AT_ONCE = 16
"""Transcripts loaded at a time."""
MANY = 500
MUCH = 1 << 20


def project_key_for_directory(directory: str | Path | None = None) -> str:
    """The name under which sessions of a folder are stored."""
    return names.project_key(_folder(directory))


async def list_sessions_from_store(
    session_store: SessionStore,
    directory: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[SDKSessionInfo]:
    """The sessions of a folder, the last used first; by the store's summaries where it keeps some."""
    project, folder = project_key_for_directory(directory), _real(directory)
    listed = implements(session_store, "list_sessions")
    known: dict[str, SDKSessionInfo | None] = {}
    times: dict[str, int] = {}
    if listed:
        times = _times(await session_store.list_sessions(project))
    summarised = implements(session_store, "list_session_summaries")
    if summarised:
        try:
            summaries = await session_store.list_session_summaries(project)
        except NotImplementedError:
            summaries, summarised = [], False
        for one in summaries:
            id, time = one["session_id"], one["mtime"]
            # Without a list all are there; with one, an older summary says too little.
            if not listed or (id in times and time >= times[id]):
                known[id], times[id] = info_of(one, folder), time
    if not (listed or summarised):
        raise ValueError(
            "session_store implements neither list_session_summaries() nor list_sessions() -- cannot"
            " list sessions. Give it one of them."
        )
    start = max(offset, 0)
    wanted = slice(start, start + limit if limit and limit > 0 else None)
    return await _page(session_store, project, folder, known, times, wanted)


async def get_session_info_from_store(
    session_store: SessionStore, session_id: str, directory: str | None = None
) -> SDKSessionInfo | None:
    """What a list would show of one session."""
    store = StoreOf(session_store, project_key_for_directory(directory))
    found = await listing.session_info(store, session_id, cwd=_real(directory))
    return info(found) if found else None


async def get_session_messages_from_store(
    session_store: SessionStore,
    session_id: str,
    directory: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[SessionMessage]:
    """The conversation of a session, oldest first."""
    store = StoreOf(session_store, project_key_for_directory(directory))
    found = await listing.messages(
        store, session_id, cwd=_real(directory), limit=limit, offset=offset
    )
    return [message(one) for one in found]


async def list_subagents_from_store(
    session_store: SessionStore, session_id: str, directory: str | None = None
) -> list[str]:
    """The ids of a session's subagents."""
    store = StoreOf(session_store, project_key_for_directory(directory))
    return list(dict.fromkeys(await listing.subagents(store, session_id, cwd=_real(directory))))


async def get_subagent_messages_from_store(
    session_store: SessionStore,
    session_id: str,
    agent_id: str,
    directory: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[SessionMessage]:
    """The conversation of a subagent, oldest first."""
    store = _Guessing(session_store, project_key_for_directory(directory), agent_id)
    found = await listing.subagent_messages(
        store, session_id, agent_id, cwd=_real(directory), limit=limit, offset=offset
    )
    return [message(one) for one in found]


async def rename_session_via_store(
    session_store: SessionStore, session_id: str, title: str, directory: str | None = None
) -> None:
    """Give a session a title. Raises ValueError for an empty one."""
    key = _key(session_id, directory)
    await _append(session_store, key, "custom-title", customTitle=plain_title(title))


async def tag_session_via_store(
    session_store: SessionStore, session_id: str, tag: str | None, directory: str | None = None
) -> None:
    """Tag a session; None takes the tag away."""
    await _append(session_store, _key(session_id, directory), "tag", tag=plain_tag(tag))


async def delete_session_via_store(
    session_store: SessionStore, session_id: str, directory: str | None = None
) -> None:
    """Remove a session; nothing happens in a store that only grows."""
    key = _key(session_id, directory)
    if implements(session_store, "delete"):
        await session_store.delete(key)


async def fork_session_via_store(
    session_store: SessionStore,
    session_id: str,
    directory: str | None = None,
    up_to_message_id: str | None = None,
    title: str | None = None,
) -> ForkSessionResult:
    """Copy a session, up to a message if one is named."""
    key = _key(session_id, directory)
    if up_to_message_id:
        known_id(up_to_message_id, "up_to_message_id")
    entries: list[Any] | None = await session_store.load(key)
    if not entries:
        raise FileNotFoundError(f"Session {session_id} not found")
    id, lines = forked(entries, session_id, up_to_message_id, title)
    await session_store.append({**key, "session_id": id}, lines)
    return ForkSessionResult(id)


async def import_session_to_store(
    session_id: str,
    store: SessionStore,
    *,
    directory: str | None = None,
    include_subagents: bool = True,
    batch_size: int = MANY,
) -> None:
    """Copy a session from disk to a store. Raises FileNotFoundError when there is none."""
    path = session_file(known_id(session_id), directory)
    key: SessionKey = {"project_key": path.parent.name, "session_id": session_id}
    await _import(path, key, store, batch_size)
    if not include_subagents:
        return
    folder = path.with_suffix("")
    for other in sorted((folder / "subagents").rglob("*.jsonl")):
        subpath = other.relative_to(folder).with_suffix("").as_posix()
        under: SessionKey = {**key, "subpath": subpath}
        await _import(other, under, store, batch_size)
        if fields := _about(other.with_name(f"{other.stem}.meta.json")):
            described: Any = {**fields, "type": "agent_metadata"}
            await store.append(under, [described])


class _Guessing(StoreOf):
    """Stores that cannot list subagents still have them where they usually are."""

    def __init__(self, store: SessionStore, project: str, agent_id: str) -> None:
        super().__init__(store, project)
        self._usual = None if implements(store, "list_subkeys") else f"subagents/agent-{agent_id}"

    async def subpaths(self, key: Key) -> list[str]:
        return [self._usual] if self._usual else await super().subpaths(key)


async def _page(
    store: SessionStore,
    project: str,
    folder: str,
    known: dict[str, SDKSessionInfo | None],
    times: dict[str, int],
    wanted: slice,
) -> list[SDKSessionInfo]:
    """What is wanted of the list. Where summaries tell what is shown, only that much is loaded."""
    shown = [id for id in times if id not in known or known[id] is not None]
    order = sorted(shown, key=lambda id: times[id], reverse=True)
    if known:
        order, wanted = order[wanted], slice(None)
    at_once = asyncio.Semaphore(AT_ONCE)

    async def of(id: str) -> SDKSessionInfo | None:
        if id in known:
            return known[id]
        async with at_once:
            try:
                entries = await store.load({"project_key": project, "session_id": id})
            except Exception:  # the caller's store: the session is listed all the same
                return SDKSessionInfo(id, "", times[id])
        if not entries:
            return None
        found = listing.info(stored(Key(project, id), entries, times[id]), folder)
        return info(found) if found else None

    return [one for one in await asyncio.gather(*map(of, order)) if one][wanted]


async def _append(store: SessionStore, key: SessionKey, type: str, **fields: str) -> None:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    own = {"sessionId": key["session_id"], "uuid": str(uuid4()), "timestamp": now}
    line: Any = {"type": type, **fields, **own}
    await store.append(key, [line])


async def _import(path: Path, key: SessionKey, store: SessionStore, batch_size: int) -> None:
    most = batch_size if batch_size > 0 else MANY
    batch: list[Any] = []
    size = 0
    with path.open("rb") as file:
        for line in file:
            if not line.strip():
                continue
            batch.append(_json.decode(line))
            size += len(line)
            if len(batch) >= most or size >= MUCH:
                await store.append(key, batch)
                batch, size = [], 0
    if batch:
        await store.append(key, batch)


def _about(path: Path) -> dict[str, Any] | None:
    """What describes a subagent; None when nothing does, or nothing that can be read."""
    try:
        fields = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return fields if isinstance(fields, dict) else None


def _times(sessions: list[SessionStoreListEntry]) -> dict[str, int]:
    return {one["session_id"]: one["mtime"] for one in sessions}


def _key(session_id: str, directory: str | None) -> SessionKey:
    return {
        "project_key": project_key_for_directory(directory),
        "session_id": known_id(session_id),
    }


def _folder(directory: str | Path | None) -> str:
    return str(directory) if directory is not None else "."


def _real(directory: str | Path | None) -> str:
    return str(Path(_folder(directory)).resolve())
