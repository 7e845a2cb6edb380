"""The official functions about sessions on disk. They block, as officially: the files are local."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hames import _json
from hames.compat.forking import forked
from hames.compat.session_types import ForkSessionResult, SDKSessionInfo, SessionMessage
from hames.errors import SessionError
from hames.sdk.world import Home, private_loop
from hames.sessions import edit, git, listing
from hames.sessions.files import FileStore
from hames.sessions.names import is_session_id
from hames.sessions.store import Key
from hames.settings.environ import Environ

T = TypeVar("T")


def list_sessions(
    directory: str | None = None,
    limit: int | None = None,
    offset: int = 0,
    include_worktrees: bool = True,
) -> list[SDKSessionInfo]:
    """The sessions of a folder and its git worktrees, or of all folders; the last used first."""
    cwd, folders = _places(directory)
    work = listing.list_sessions(
        _store(),
        cwd=cwd,
        folders=folders if include_worktrees else (),
        limit=_positive(limit),
        offset=max(offset, 0),
    )
    return [info(one) for one in _now(work)]


def get_session_info(session_id: str, directory: str | None = None) -> SDKSessionInfo | None:
    """What a list would show of one session."""
    cwd, folders = _places(directory)
    found = _now(listing.session_info(_store(), session_id, cwd=cwd, folders=folders))
    return info(found) if found else None


def get_session_messages(
    session_id: str, directory: str | None = None, limit: int | None = None, offset: int = 0
) -> list[SessionMessage]:
    """The conversation of a session, oldest first; [] when there is none."""
    cwd, folders = _places(directory)
    work = listing.messages(
        _store(),
        session_id,
        cwd=cwd,
        folders=folders,
        limit=_positive(limit),
        offset=max(offset, 0),
    )
    return [message(one) for one in _now(work)]


def list_subagents(session_id: str, directory: str | None = None) -> list[str]:
    """The ids of a session's subagents."""
    cwd, folders = _places(directory)
    return _now(listing.subagents(_store(), session_id, cwd=cwd, folders=folders))


def get_subagent_messages(
    session_id: str,
    agent_id: str,
    directory: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[SessionMessage]:
    """The conversation of a subagent, oldest first; [] when there is none."""
    cwd, folders = _places(directory)
    work = listing.subagent_messages(
        _store(),
        session_id,
        agent_id,
        cwd=cwd,
        folders=folders,
        limit=_positive(limit),
        offset=max(offset, 0),
    )
    return [message(one) for one in _now(work)]


def rename_session(session_id: str, title: str, directory: str | None = None) -> None:
    """Give a session a title. Raises ValueError for an empty one, FileNotFoundError without session."""
    known_id(session_id)
    store, title = _store(), plain_title(title)
    _now(edit.rename(store, _key(store, session_id, directory), title))


def tag_session(session_id: str, tag: str | None, directory: str | None = None) -> None:
    """Tag a session; None takes the tag away. Raises as `rename_session` does."""
    known_id(session_id)
    store, plain = _store(), plain_tag(tag)
    _now(edit.tag(store, _key(store, session_id, directory), plain or None))


def delete_session(session_id: str, directory: str | None = None) -> None:
    """Remove a session with its subagents' transcripts."""
    store = _store()
    _now(store.delete(_key(store, known_id(session_id), directory)))


def fork_session(
    session_id: str,
    directory: str | None = None,
    up_to_message_id: str | None = None,
    title: str | None = None,
) -> ForkSessionResult:
    """Copy a session, up to a message if one is named, into the same folder."""
    known_id(session_id)
    if up_to_message_id:
        known_id(up_to_message_id, "up_to_message_id")
    path = session_file(session_id, directory)
    entries = [entry for line in path.read_bytes().split(b"\n") if (entry := _entry(line))]
    id, lines = forked(entries, session_id, up_to_message_id, title)
    store = _store()
    _now(store.append(Key(path.parent.name, id), [_json.encode(line) for line in lines]))
    store.close()
    return ForkSessionResult(id)


def session_file(session_id: str, directory: str | None) -> Path:
    """The transcript of a session. Raises FileNotFoundError."""
    store = _store()
    return Path(store.path(_key(store, session_id, directory)))


def known_id(id: str, name: str = "session_id") -> str:
    """The id. Raises ValueError for one that is none."""
    if not is_session_id(id):
        raise ValueError(f"Invalid {name}: {id}")
    return id


def plain_title(title: str) -> str:
    """The title without blanks around it. Raises ValueError for none."""
    if not title.strip():
        raise ValueError("title must be non-empty")
    return title.strip()


def plain_tag(tag: str | None) -> str:
    """The tag's visible text, "" for no tag. Raises ValueError when nothing of it can be seen."""
    if tag is None:
        return ""
    plain = edit.visible(tag).strip()
    if not plain:
        raise ValueError("tag must be non-empty (use None to clear)")
    return plain


def info(found: listing.SessionInfo) -> SDKSessionInfo:
    """A session of a list, of the official class."""
    return SDKSessionInfo(**{name: getattr(found, name) for name in found.__struct_fields__})


def message(found: listing.SessionMessage) -> SessionMessage:
    """A message of a session, of the official class."""
    return SessionMessage(**{name: getattr(found, name) for name in found.__struct_fields__})


def _key(store: FileStore, session_id: str, directory: str | None) -> Key:
    cwd, folders = _places(directory)
    key = _now(listing.key_of(store, session_id, cwd=cwd, folders=folders))
    if key is None:
        where = f" in project directory for {directory}" if directory else ""
        raise FileNotFoundError(f"Session {session_id} not found{where}")
    return key


def _places(directory: str | None) -> tuple[str | None, list[str]]:
    """A folder, and the other worktrees of its repository."""
    if not directory:
        return None, []
    cwd = unicodedata.normalize("NFC", os.path.realpath(directory))
    return cwd, git.worktrees(cwd)


def _store() -> FileStore:
    return FileStore(Environ.read(os.environ).config_folder)


def _now(work: Coroutine[Any, Any, T]) -> T:
    """What the work gives; within a running loop the loop waits."""
    try:
        return Home(private_loop()).run_sync(work)
    except SessionError as error:
        raise FileNotFoundError(str(error)) from error


def _positive(limit: int | None) -> int | None:
    return limit if limit is not None and limit > 0 else None


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
