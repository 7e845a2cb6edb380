"""Stored sessions for programs: find them, read them, name them, copy them, remove them.

    from hames import sessions

    for one in await sessions.list_sessions(cwd="app"):
        print(one.session_id, one.summary)

Every function takes a `store`; without one it is the files under the configuration folder. With `cwd` a
session is looked for among those of that folder and the other worktrees of its repository, without it
among all. Nothing here needs a running agent, and all of it may be done beside one.
"""

from __future__ import annotations

import os

from hames._clock import Ids
from hames.errors import SessionNotFound
from hames.sessions import edit, git, listing
from hames.sessions.checkpoints.objects import share
from hames.sessions.files import FileStore
from hames.sessions.fork import fork
from hames.sessions.listing import SessionInfo, SessionMessage
from hames.sessions.store import Key, Store
from hames.settings.environ import Environ

Folder = str | os.PathLike[str]


async def list_sessions(
    *,
    cwd: Folder | None = None,
    limit: int | None = None,
    offset: int = 0,
    worktrees: bool = True,
    store: Store | None = None,
) -> list[SessionInfo]:
    """Sessions, the last used first: of a working directory, or of all."""
    place = _place(cwd)
    folders = git.worktrees(place) if place and worktrees else ()
    return await listing.list_sessions(
        store or _files(), cwd=place, folders=folders, limit=limit, offset=offset
    )


async def session_info(
    session_id: str, *, cwd: Folder | None = None, store: Store | None = None
) -> SessionInfo | None:
    """What a list shows of one session; None when it would not be listed."""
    place = _place(cwd)
    return await listing.session_info(
        store or _files(), session_id, cwd=place, folders=_worktrees(place)
    )


async def session_messages(
    session_id: str,
    *,
    cwd: Folder | None = None,
    limit: int | None = None,
    offset: int = 0,
    store: Store | None = None,
) -> list[SessionMessage]:
    """The conversation of a session, oldest first; [] when there is none."""
    place = _place(cwd)
    return await listing.messages(
        store or _files(),
        session_id,
        cwd=place,
        folders=_worktrees(place),
        limit=limit,
        offset=offset,
    )


async def subagents(
    session_id: str, *, cwd: Folder | None = None, store: Store | None = None
) -> list[str]:
    """Ids of the subagents whose conversations belong to a session."""
    place = _place(cwd)
    return await listing.subagents(
        store or _files(), session_id, cwd=place, folders=_worktrees(place)
    )


async def subagent_messages(
    session_id: str,
    agent_id: str,
    *,
    cwd: Folder | None = None,
    limit: int | None = None,
    offset: int = 0,
    store: Store | None = None,
) -> list[SessionMessage]:
    """The conversation of a subagent, oldest first; [] when there is none."""
    place = _place(cwd)
    return await listing.subagent_messages(
        store or _files(),
        session_id,
        agent_id,
        cwd=place,
        folders=_worktrees(place),
        limit=limit,
        offset=offset,
    )


async def rename_session(
    session_id: str, title: str, *, cwd: Folder | None = None, store: Store | None = None
) -> None:
    """Give a session a title, which wins over all others. Raises SessionNotFound, OptionsError."""
    store = store or _files()
    await edit.rename(store, await _key(store, session_id, cwd), title)


async def tag_session(
    session_id: str, tag: str | None, *, cwd: Folder | None = None, store: Store | None = None
) -> None:
    """Tag a session; None takes the tag away. Raises SessionNotFound, OptionsError."""
    store = store or _files()
    await edit.tag(store, await _key(store, session_id, cwd), tag)


async def delete_session(
    session_id: str, *, cwd: Folder | None = None, store: Store | None = None
) -> None:
    """Remove a session with its subagents, spilled results and checkpoints. Raises SessionNotFound."""
    store = store or _files()
    await store.delete(await _key(store, session_id, cwd))


async def fork_session(
    session_id: str,
    *,
    up_to: str | None = None,
    title: str | None = None,
    new_id: str | None = None,
    cwd: Folder | None = None,
    store: Store | None = None,
) -> str:
    """Copy a session, up to the line of uuid `up_to`, to a new one; its id.

    The lines keep their uuids, and checkpoints go along. Without a title it gets the old one and
    `(fork)`. Raises SessionNotFound, SessionExists, OptionsError, SessionError for an unknown line.
    """
    store = store or _files()
    key = await _key(store, session_id, cwd)
    stored = await store.look(key)
    info = listing.info(stored) if stored else None
    new_id = new_id or Ids().uuid()
    place = (info.cwd if info else None) or _place(cwd) or os.getcwd()
    new = await fork(store, key, new_id=new_id, cwd=place, at=up_to)
    share(Environ.read(os.environ).config_folder, key.session_id, new_id)
    name = (info.custom_title or info.first_prompt or info.summary) if info else "Session"
    await edit.rename(store, new, title or f"{name} (fork)")
    return new_id


def _files() -> FileStore:
    return FileStore(Environ.read(os.environ).config_folder)


def _place(cwd: Folder | None) -> str | None:
    return None if cwd is None else os.path.realpath(cwd)


def _worktrees(place: str | None) -> list[str]:
    return git.worktrees(place) if place else []


async def _key(store: Store, session_id: str, cwd: Folder | None) -> Key:
    place = _place(cwd)
    key = await listing.key_of(store, session_id, cwd=place, folders=_worktrees(place))
    if key is None:
        raise SessionNotFound(f"No conversation found with session ID: {session_id}")
    return key
