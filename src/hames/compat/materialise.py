"""A session of the caller's store put on disk, where a run can go on with it.

It gets a configuration folder of its own, with what the real one has to sign in and to set; the folder
is removed when the run ends, and what was added is in the store by then.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, TypeVar

from hames.compat.options import ClaudeAgentOptions
from hames.compat.session_types import SessionKey, SessionStore, implements
from hames.sdk.world import World
from hames.sessions.names import is_session_id, project_key

log = logging.getLogger("hames.compat")

T = TypeVar("T")

_UNWANTED_SETTINGS = ("enabledPlugins", "extraKnownMarketplaces")
"""Of no use in a folder without the plugins."""


def config_folder(env: dict[str, str]) -> Path:
    """Where a session with these variables keeps its sessions and settings."""
    named = env.get("CLAUDE_CONFIG_DIR") or os.environ.get("CLAUDE_CONFIG_DIR")
    return Path(named) if named else _home(env) / ".claude"


async def materialised(
    options: ClaudeAgentOptions, world: World
) -> tuple[ClaudeAgentOptions, Path | None]:
    """Options that go on with the store's session, and the folder to remove afterwards.

    Without such a session the options are as they were. Raises RuntimeError when the store fails or
    takes too long.
    """
    store = options.session_store
    if store is None or not (options.resume or options.continue_conversation):
        return options, None
    loading = _Loading(store, project_key(str(options.cwd or ".")), options.load_timeout_ms, world)
    if options.resume is None:
        found = await loading.newest()
    else:
        found = await loading.session(options.resume)
    if found is None:
        return options, None
    id, entries = found
    folder = Path(tempfile.mkdtemp(prefix="hames-resume-"))
    try:
        _copy_settings(config_folder(options.env), options.env, folder)
        project = folder / "projects" / loading.project
        _write(project / f"{id}.jsonl", entries)
        for subpath, lines in await loading.others(id):
            _write_other(project / id, subpath, lines)
    except BaseException:
        remove(folder)
        raise
    env = {**options.env, "CLAUDE_CONFIG_DIR": str(folder)}
    return replace(options, env=env, resume=id, continue_conversation=False), folder


def remove(folder: Path) -> None:
    """Remove the folder; a file that cannot be removed is left."""
    shutil.rmtree(folder, ignore_errors=True)


class _Loading:
    """Reads from the store, with a bound for each call."""

    def __init__(self, store: SessionStore, project: str, milliseconds: int, world: World) -> None:
        self.project = project
        self._store = store
        self._milliseconds = milliseconds
        self._world = world

    async def session(self, id: str) -> tuple[str, list[Any]] | None:
        if not is_session_id(id):
            return None
        what = f"SessionStore.load() for session {id}"
        entries = await self._bounded(what, self._world.call(self._store.load, self._key(id)))
        return (id, entries) if entries else None

    async def newest(self) -> tuple[str, list[Any]] | None:
        listing = self._world.call(self._store.list_sessions, self.project)
        sessions = await self._bounded("SessionStore.list_sessions()", listing)
        for one in sorted(sessions or (), key=lambda one: one["mtime"], reverse=True):
            found = await self.session(one["session_id"])
            if found and found[1][0].get("isSidechain") is not True:
                return found
        return None

    async def others(self, id: str) -> list[tuple[str, list[Any]]]:
        """The transcripts of its subagents."""
        if not implements(self._store, "list_subkeys"):
            return []
        what = f"SessionStore.list_subkeys() for session {id}"
        listing = self._world.call(self._store.list_subkeys, self._key(id))
        found = []
        for subpath in await self._bounded(what, listing):
            if not _is_safe(subpath):
                log.warning(
                    "The session store names `%s`, which is no place below a session.", subpath
                )
                continue
            key: SessionKey = {**self._key(id), "subpath": subpath}
            what = f"SessionStore.load() for session {id} subpath {subpath}"
            entries = await self._bounded(what, self._world.call(self._store.load, key))
            found.append((subpath, entries or []))
        return found

    def _key(self, id: str) -> SessionKey:
        return {"project_key": self.project, "session_id": id}

    async def _bounded(self, what: str, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._milliseconds / 1000):
                return await work
        except TimeoutError as error:
            raise RuntimeError(
                f"{what} timed out after {self._milliseconds}ms during resume materialization"
            ) from error
        except Exception as error:  # the caller's store
            raise RuntimeError(f"{what} failed during resume materialization: {error}") from error


def _is_safe(subpath: str) -> bool:
    """Whether it names a place below a session's folder, here and on any other system."""
    ways = (PurePosixPath(subpath), PureWindowsPath(subpath))
    parts = subpath.replace("\\", "/").split("/")
    rooted = any(way.anchor for way in ways)
    return bool(subpath) and not rooted and "\0" not in subpath and not {".", ".."} & set(parts)


def _write(path: Path, entries: list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(entry, separators=(",", ":")) + "\n" for entry in entries)
    _write_private(path, text)


def _write_other(session: Path, subpath: str, entries: list[Any]) -> None:
    """A subagent's transcript, and beside it what describes the subagent."""
    about = [entry for entry in entries if entry.get("type") == "agent_metadata"]
    path = session / f"{subpath}.jsonl"
    if lines := [entry for entry in entries if entry.get("type") != "agent_metadata"]:
        _write(path, lines)
    if about:
        fields = {name: value for name, value in about[-1].items() if name != "type"}
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_private(
            path.with_name(path.name.removesuffix(".jsonl") + ".meta.json"), json.dumps(fields)
        )


def _copy_settings(source: Path, env: dict[str, str], folder: Path) -> None:
    named = env.get("CLAUDE_CONFIG_DIR") or os.environ.get("CLAUDE_CONFIG_DIR")
    account = (source if named else _home(env)) / ".claude.json"
    for path, without in (
        (source / ".credentials.json", _without_refreshing),
        (account, None),
        (source / "settings.json", _without_plugins),
    ):
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            log.warning(
                "`%s` cannot be read, and is not there for the resumed session: %s", path, error
            )
            continue
        _write_private(folder / path.name, _changed(text, without) if without else text)


def _changed(text: str, change: Any) -> str:
    try:
        raw = json.loads(text)
    except ValueError:
        return text
    return json.dumps(change(raw)) if isinstance(raw, dict) else text


def _without_refreshing(raw: dict[str, Any]) -> dict[str, Any]:
    """Two holders of one refresh token would sign each other out."""
    if isinstance(login := raw.get("claudeAiOauth"), dict):
        login.pop("refreshToken", None)
    return raw


def _without_plugins(raw: dict[str, Any]) -> dict[str, Any]:
    if isinstance(env := raw.get("env"), dict):
        env.pop("CLAUDE_CONFIG_DIR", None)
    return {name: value for name, value in raw.items() if name not in _UNWANTED_SETTINGS}


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _home(env: dict[str, str]) -> Path:
    return Path(env.get("HOME") or Path.home())
