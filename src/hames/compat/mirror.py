"""Copies what is stored to the caller's store.

Entries are gathered until a result, or until there are many; `eager` hands them on as they come. An
append is tried three times, except when it took too long: then it may have happened.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from hames.compat.session_types import SessionKey, SessionStore
from hames.sdk.world import World

log = logging.getLogger("hames.compat")

MANY = 500
MUCH = 1 << 20
LIMIT = 60.0
"""Seconds for one append."""
PAUSES = (0.0, 0.2, 0.8)
"""Seconds before each attempt."""


class Mirror:
    """Gathers entries and appends them, in order, one batch at a time."""

    def __init__(
        self,
        store: SessionStore,
        projects: str,
        on_error: Callable[[SessionKey, str], None],
        world: World,
        *,
        eager: bool = False,
    ) -> None:
        self._store = store
        self._projects = projects
        self._on_error = on_error
        self._world = world
        self._most = (0, 0) if eager else (MANY, MUCH)
        self._waiting: list[tuple[str, list[Any]]] = []
        self._size = 0
        self._one_at_a_time = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, path: str, entries: list[Any]) -> None:
        """Take entries of a transcript."""
        self._waiting.append((path, entries))
        self._size += len(json.dumps(entries))
        many, much = self._most
        if sum(len(one) for _, one in self._waiting) > many or self._size > much:
            task = asyncio.create_task(self.flush())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def flush(self) -> None:
        """Append all that waits, after what is being appended."""
        batch, self._waiting, self._size = self._waiting, [], 0
        async with self._one_at_a_time:
            together: dict[str, list[Any]] = {}
            for path, entries in batch:
                together.setdefault(path, []).extend(entries)
            for path, entries in together.items():
                if entries:
                    await self._append(path, entries)

    async def close(self) -> None:
        """Append what waits, and wait for what is being appended."""
        await self.flush()
        if self._tasks:
            await asyncio.wait(list(self._tasks))

    async def _append(self, path: str, entries: list[Any]) -> None:
        key = key_of(path, self._projects)
        if key is None:
            log.warning(
                "`%s` is not below `%s`, so it is not copied to the session store; does the session"
                " have another CLAUDE_CONFIG_DIR?", path, self._projects,
            )  # fmt: skip
            return
        failure = ""
        for pause in PAUSES:
            await asyncio.sleep(pause)
            try:
                async with asyncio.timeout(LIMIT):
                    await self._world.call(self._store.append, key, entries)
                return
            except TimeoutError as error:
                failure = str(error) or f"no end within {LIMIT:g} s"
                break
            except Exception as error:  # the caller's store
                failure = str(error) or type(error).__name__
        log.error("Entries of `%s` did not reach the session store: %s", path, failure)
        self._on_error(key, failure)


def key_of(path: str, projects: str) -> SessionKey | None:
    """The store's name for a transcript; None for a file that is none."""
    parts = list(PurePath(os.path.relpath(path, projects)).parts)
    if parts[0] == ".." or len(parts) in (1, 3):
        return None
    last = parts[-1]
    if len(parts) == 2:
        id = last.removesuffix(".jsonl")
        return None if id == last else {"project_key": parts[0], "session_id": id}
    subpath = "/".join([*parts[2:-1], last.removesuffix(".jsonl")])
    return {"project_key": parts[0], "session_id": parts[1], "subpath": subpath}
