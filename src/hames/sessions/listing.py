"""What lists and viewers show of stored sessions, computed as the official clients do it.

A listing reads the first and last 64 KiB of a transcript and searches them as text; only the messages
of one session are parsed in full.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from hames import _json
from hames.sessions import chain, transcript
from hames.sessions.names import is_session_id, project_key, same_project
from hames.sessions.store import Key, Store, Stored
from hames.sessions.transcript import Entry

_LONGEST_PROMPT = 200

_no_prompt = re.compile(
    r"<local-command-stdout>|<session-start-hook>|<tick>|<goal>"
    r"|\[Request interrupted by user[^\]]*\]"
    r"|\s*<ide_opened_file>[\s\S]*</ide_opened_file>\s*$"
    r"|\s*<ide_selection>[\s\S]*</ide_selection>\s*$"
).match
_rest_of_string = re.compile(r'((?:[^"\\]|\\.)*)"', re.DOTALL).match
_command = re.compile(r"<command-name>(.*?)</command-name>").search


class SessionInfo(msgspec.Struct, frozen=True):
    """A session as a list shows it; the fields of the official `SDKSessionInfo`."""

    session_id: str
    summary: str
    """Title, else the last prompt, else the first."""
    last_modified: int
    """Milliseconds since the epoch."""
    file_size: int | None = None
    custom_title: str | None = None
    first_prompt: str | None = None
    git_branch: str | None = None
    cwd: str | None = None
    tag: str | None = None
    created_at: int | None = None


class SessionMessage(msgspec.Struct, frozen=True):
    """A message of a stored session; the fields of the official class of this name."""

    type: Literal["user", "assistant"]
    uuid: str
    session_id: str
    message: dict[str, Any]
    parent_tool_use_id: str | None = None
    parent_agent_id: str | None = None


async def list_sessions(
    store: Store,
    *,
    cwd: str | None = None,
    folders: Sequence[str] = (),
    limit: int | None = None,
    offset: int = 0,
) -> list[SessionInfo]:
    """Sessions, the last used first: of a working directory, or of all projects.

    `folders` are further working directories of the same project, such as git worktrees.
    """
    if cwd is None:
        found = [info(stored) for stored in await store.list()]
    else:
        places = {project_key(folder): folder for folder in reversed((cwd, *folders))}
        found = [
            info(stored, folder)
            for project, folder in places.items()
            for stored in await store.list(project)
        ]
    shown: dict[str, SessionInfo] = {}
    for one in found:
        if one and (
            one.session_id not in shown or one.last_modified > shown[one.session_id].last_modified
        ):
            shown[one.session_id] = one
    ordered = sorted(shown.values(), key=lambda one: one.last_modified, reverse=True)
    return ordered[offset : offset + limit if limit else None]


async def session_info(
    store: Store, session_id: str, *, cwd: str | None = None, folders: Sequence[str] = ()
) -> SessionInfo | None:
    """What a list would show of one session; None when it would not be listed."""
    key = await key_of(store, session_id, cwd=cwd, folders=folders)
    stored = await store.look(key) if key else None
    return info(stored, cwd) if stored else None


async def messages(
    store: Store,
    session_id: str,
    *,
    cwd: str | None = None,
    folders: Sequence[str] = (),
    limit: int | None = None,
    offset: int = 0,
) -> list[SessionMessage]:
    """The conversation of a session, oldest first; [] when there is none."""
    key = await key_of(store, session_id, cwd=cwd, folders=folders)
    lines = await store.load(key) if key else None
    shown = visible(chain.newest(transcript.decode_all(lines or ())[0], mend=False).entries)
    return [message(entry) for entry in shown[offset : offset + limit if limit else None]]


async def subagents(
    store: Store, session_id: str, *, cwd: str | None = None, folders: Sequence[str] = ()
) -> list[str]:
    """Ids of the subagents whose transcripts belong to a session."""
    key = await key_of(store, session_id, cwd=cwd, folders=folders)
    return [_agent_id(subpath) for subpath in await store.subpaths(key)] if key else []


async def subagent_messages(
    store: Store,
    session_id: str,
    agent_id: str,
    *,
    cwd: str | None = None,
    folders: Sequence[str] = (),
    limit: int | None = None,
    offset: int = 0,
) -> list[SessionMessage]:
    """The conversation of a subagent, oldest first; [] when there is none."""
    key = await key_of(store, session_id, cwd=cwd, folders=folders)
    for subpath in await store.subpaths(key) if key else ():
        if key and _agent_id(subpath) == agent_id:
            lines = await store.load(Key(key.project, key.session_id, subpath)) or []
            parents = _parents(lines)
            shown = _straight(transcript.decode_all(lines)[0])
            shown = shown[offset : offset + limit if limit else None]
            return [message(entry, *parents) for entry in shown]
    return []


async def key_of(
    store: Store, session_id: str, *, cwd: str | None = None, folders: Sequence[str] = ()
) -> Key | None:
    """The main transcript of this id; with a working directory, of its project or of `folders`."""
    if not is_session_id(session_id):
        return None
    keys = await store.find(session_id)
    if cwd is None:
        return keys[0] if keys else None
    for folder in (cwd, *folders):
        for key in keys:
            if same_project(key.project, project_key(folder)):
                return key
    return None


def info(stored: Stored, cwd: str | None = None) -> SessionInfo | None:
    """What a list shows of a stored session; None for sidechains and sessions without any text."""
    head = stored.head.decode(errors="replace")
    tail = stored.tail.decode(errors="replace")
    if _marked(head.partition("\n")[0], "isSidechain"):
        return None
    title = (
        _last(tail, "customTitle")
        or _last(head, "customTitle")
        or _last(tail, "aiTitle")
        or _last(head, "aiTitle")
        or None
    )
    prompt = first_prompt(head) or None
    summary = title or _last(tail, "lastPrompt") or _last(tail, "summary") or prompt
    if not summary:
        return None
    return SessionInfo(
        session_id=stored.key.session_id,
        summary=summary,
        last_modified=int(stored.modified * 1000),
        file_size=stored.size,
        custom_title=title,
        first_prompt=prompt,
        git_branch=_last(tail, "gitBranch") or _first(head, "gitBranch") or None,
        cwd=_first(head, "cwd") or cwd,
        tag=_tag(tail),
        created_at=_milliseconds(_first(head, "timestamp")),
    )


def custom_title(stored: Stored) -> str | None:
    """The title that a person gave the session."""
    for text in (stored.tail, stored.head):
        if title := _last(text.decode(errors="replace"), "customTitle"):
            return title
    return None


def first_prompt(head: str) -> str:
    """The first thing a person said, in one line of at most 200 characters; else a command's name."""
    text, command = prompt_and_command(head)
    return text or command


def prompt_and_command(head: str) -> tuple[str, str]:
    """The same two apart: the name is that of the first command before anything was said."""
    command = ""
    for line in head.split("\n"):
        for text in _texts_of_prompt(line):
            text = text.replace("\n", " ").strip()
            if found := _command(text):
                command = command or found[1]
            elif text and not _no_prompt(text):
                if len(text) > _LONGEST_PROMPT:
                    text = text[:_LONGEST_PROMPT].rstrip() + "…"
                return text, command
    return "", command


def visible(entries: Sequence[Entry]) -> list[Entry]:
    """The lines of a chain that are shown as conversation."""
    return [
        entry
        for entry in entries
        if entry.type in ("user", "assistant")
        and not (entry.isMeta or entry.isSidechain or entry.teamName)
    ]


def _texts_of_prompt(line: str) -> list[str]:
    """The texts of a user line that may be a prompt."""
    if '"type":"user"' not in line and '"type": "user"' not in line:
        return []
    if '"tool_result"' in line or _marked(line, "isMeta") or _marked(line, "isCompactSummary"):
        return []
    entry = transcript.decode(line.encode())
    if entry is None or entry.type != "user":
        return []
    return [_json.decode(b.raw).get("text") or "" for b in entry.blocks if b.type == "text"]


def _marked(text: str, key: str) -> bool:
    return f'"{key}":true' in text or f'"{key}": true' in text


def _values(text: str, key: str) -> list[str]:
    """All string values of a key in a text of JSON lines, the compact spelling first."""
    found = []
    for pattern in (f'"{key}":"', f'"{key}": "'):
        start = text.find(pattern)
        while start >= 0:
            start += len(pattern)
            if value := _rest_of_string(text, start):
                found.append(_unescaped(value[1]))
            start = text.find(pattern, value.end() if value else start)
    return found


def _first(text: str, key: str) -> str | None:
    for pattern in (f'"{key}":"', f'"{key}": "'):
        start = text.find(pattern)
        if start >= 0 and (value := _rest_of_string(text, start + len(pattern))):
            return _unescaped(value[1])
    return None


def _last(text: str, key: str) -> str | None:
    values = _values(text, key)
    return values[-1] if values else None


def _unescaped(raw: str) -> str:
    if "\\" not in raw:
        return raw
    try:
        return str(_json.decode(f'"{raw}"'))
    except _json.DecodeError:
        return raw


def _tag(tail: str) -> str | None:
    for line in reversed(tail.split("\n")):
        if line.startswith('{"type":"tag"'):
            return _last(line, "tag") or None
    return None


def _milliseconds(timestamp: str | None) -> int | None:
    if not timestamp:
        return None
    try:
        return int(datetime.fromisoformat(timestamp).timestamp() * 1000)
    except ValueError:
        return None


def message(
    entry: Entry, parent_tool_use_id: str | None = None, parent_agent_id: str | None = None
) -> SessionMessage:
    """A user or assistant line as the official clients give it."""
    return SessionMessage(
        type="user" if entry.type == "user" else "assistant",
        uuid=entry.uuid or "",
        session_id=entry.sessionId or "",
        message=_json.decode(entry.raw).get("message"),
        parent_tool_use_id=parent_tool_use_id,
        parent_agent_id=parent_agent_id,
    )


def _agent_id(subpath: str) -> str:
    return subpath.rpartition("/")[2].removeprefix("agent-")


def _straight(entries: Sequence[Entry]) -> list[Entry]:
    """A subagent's conversation: from the last thing said straight up to the root."""
    by_uuid = {entry.uuid: entry for entry in entries if entry.in_chain}
    said = [entry for entry in by_uuid.values() if entry.type in ("user", "assistant")]
    entry = said[-1] if said else None
    found: dict[str | None, Entry] = {}
    while entry is not None and entry.uuid not in found:
        found[entry.uuid] = entry
        entry = by_uuid.get(entry.parentUuid) if entry.parentUuid else None
    return [entry for entry in reversed(found.values()) if entry.type in ("user", "assistant")]


def _parents(lines: Sequence[bytes]) -> tuple[str | None, str | None]:
    """The Agent call and the agent that a subagent was started by, from its metadata."""
    if not lines or not lines[-1].startswith(transcript.AGENT_METADATA):
        return None, None
    fields = _json.decode(lines[-1])
    return tuple(  # type: ignore[return-value]  # two names, two values
        value if isinstance(value := fields.get(name), str) else None
        for name in ("toolUseId", "parentAgentId")
    )
