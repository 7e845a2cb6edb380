"""`hames session list`, `info`, `show`, `subagents`, `export`: reading stored sessions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import msgspec

from hames._json import encode
from hames.errors import OptionsError, SessionNotFound
from hames.sessions import export, git, listing, resume
from hames.sessions.files import FileStore
from hames.sessions.memory import MemoryStore
from hames.sessions.names import is_session_id
from hames.sessions.store import Key, Store
from hames.settings.environ import Environ


async def run_list(names: Sequence[str], values: dict[str, Any], out: TextIO) -> int:
    """Write a line for each session: when it was used, its id, what it is about."""
    if names:
        raise OptionsError(f"`hames session list` takes options only, not `{names[0]}`.")
    cwd = folder(values)
    found = await listing.list_sessions(
        stored_files(),
        cwd=None if "all" in values else cwd,
        folders=git.worktrees(cwd),
        limit=values.get("limit"),
        offset=values.get("offset", 0),
    )
    for one in found:
        if "json" in values:
            out.write(_line(one))
        else:
            used = datetime.fromtimestamp(one.last_modified / 1000)
            tag = f" #{one.tag}" if one.tag else ""
            out.write(f"{used:%Y-%m-%d %H:%M}  {one.session_id}  {_short(one.summary)}{tag}\n")
    if not found and "json" not in values:
        out.write("No sessions here. `--all` lists those of other folders.\n")
    return 0


async def run_info(names: Sequence[str], values: dict[str, Any], out: TextIO) -> int:
    """Write what is known of one session."""
    store, key = await session("info", names, values)
    stored = await store.look(key)
    found = listing.info(stored) if stored else None
    if found is None:
        raise SessionNotFound(f"The session `{key.session_id}` has no conversation.")
    if "json" in values:
        out.write(_line(found))
        return 0
    for name, value in msgspec.to_builtins(found).items():
        if value is not None:
            out.write(f"{name:<14} {_shown(name, value)}\n")
    out.write(f"{'transcript':<14} {store.path(key) or names[0]}\n")
    return 0


async def run_show(names: Sequence[str], values: dict[str, Any], out: TextIO) -> int:
    """Write the conversation of a session as Markdown, or its messages as JSON, a line each."""
    store, key = await session("show", names, values)
    part = {"limit": values.get("limit"), "offset": values.get("offset", 0)}
    if agent := values.get("agent"):
        found = await listing.subagent_messages(store, key.session_id, agent, **part)
    else:
        found = await listing.messages(store, key.session_id, **part)
    if "json" in values:
        out.write("".join(map(_line, found)))
    else:
        stored = await store.look(key)
        out.write(export.markdown(found, listing.info(stored) if stored else None))
    return 0


async def run_subagents(names: Sequence[str], values: dict[str, Any], out: TextIO) -> int:
    """Write the ids of a session's subagents."""
    store, key = await session("subagents", names, values)
    for id in await listing.subagents(store, key.session_id):
        out.write(_line(id) if "json" in values else f"{id}\n")
    return 0


async def run_export(names: Sequence[str], values: dict[str, Any], out: TextIO) -> int:
    """Write a session to a file or to `out`."""
    store, key = await session("export", names, values)
    format: export.Format = values.get("format") or ("json" if "json" in values else "markdown")
    text = await export.export(store, key, format)
    if "output" not in values:
        out.write(text)
        return 0
    path = Path(values["output"])
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OptionsError(f"`{path}` cannot be written: {error.strerror}.") from error
    return 0


def stored_files() -> FileStore:
    return FileStore(Environ.read(os.environ).config_folder)


def folder(values: dict[str, Any]) -> str:
    return os.path.realpath(values.get("cwd") or os.getcwd())


async def session(action: str, names: Sequence[str], values: dict[str, Any]) -> tuple[Store, Key]:
    """The session that is meant, and the store it lies in."""
    if len(names) != 1:
        raise OptionsError(f"`hames session {action}` needs one session: an id, a title or a path.")
    if names[0].endswith(".jsonl"):
        return await _from_file(Path(names[0]))
    store = stored_files()
    return store, await resume.find(store, cwd=folder(values), id_or_title=names[0])


async def _from_file(path: Path) -> tuple[Store, Key]:
    """A transcript that lies anywhere, under the id in its name or one that stands for none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SessionNotFound(f"`{path}` cannot be read: {error.strerror}.") from error
    store = MemoryStore()
    id = path.stem if is_session_id(path.stem) else _NO_ID
    key = Key("file", id)
    await store.append(key, data.removesuffix(b"\n").split(b"\n"))
    return store, key


_NO_ID = "00000000-0000-0000-0000-000000000000"


def _shown(name: str, value: Any) -> Any:
    if name in ("last_modified", "created_at"):
        return f"{datetime.fromtimestamp(value / 1000):%Y-%m-%d %H:%M:%S}"
    return value


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 70 else line[:69].rstrip() + "…"


def _line(value: Any) -> str:
    return encode(msgspec.to_builtins(value)).decode() + "\n"
