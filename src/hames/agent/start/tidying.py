"""Sessions that nobody has used for long are removed (`cleanupPeriodDays`), once a day at most."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator

from hames.agent.start.settle import Settled
from hames.sessions.files import FileStore
from hames.sessions.names import is_session_id
from hames.sessions.store import Key

log = logging.getLogger("hames.session")

DAYS = 30.0
DAY = 86_400.0
STAMP = ".last-cleanup"
"""Its time is when this was last done."""


async def tidy(settled: Settled, *, now: float, using: str) -> None:
    """Remove old sessions of the default store, the one in use excepted.

    Only for sessions that read the user's settings and store something: a library that was told
    nothing removes nothing. Failures are logged; the session goes on.
    """
    options, folder = settled.options, settled.environ.config_folder
    if "user" not in (options.setting_sources or ()) or options.session_store is not None:
        return
    stamp = os.path.join(folder, STAMP)
    if not options.persist_session or _is_younger(stamp, now - DAY) or _in_doubt(settled):
        return
    days = settled.settings.values.cleanup_period_days
    store = FileStore(folder)
    try:
        _touch(stamp, now)
        limit = now - DAY * float(DAYS if days is None else days)
        for key in await asyncio.to_thread(list, _older(folder, limit)):
            if key.session_id != using:
                await store.delete(key)
    except OSError as error:
        # No warning: a folder that cannot be written is told of where the session is to be stored.
        log.info("Old sessions in `%s` could not be removed: %s", folder, error)


def _in_doubt(settled: Settled) -> bool:
    """Whether a number of days may be written somewhere that could not be read."""
    read = settled.settings.loaded
    return any(
        one.broken or any("`cleanupPeriodDays`" in problem.text for problem in one.problems)
        for one in read
    )


def _older(folder: str, limit: float) -> Iterator[Key]:
    projects = os.path.join(folder, "projects")
    if not os.path.isdir(projects):
        return
    for project in os.scandir(projects):
        if not project.is_dir(follow_symlinks=False):
            continue
        for entry in os.scandir(project.path):
            name, extension = os.path.splitext(entry.name)
            if extension != ".jsonl" or not is_session_id(name):
                continue
            if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < limit:
                yield Key(project.name, name)


def _is_younger(file: str, limit: float) -> bool:
    try:
        return os.stat(file).st_mtime > limit
    except OSError:
        return False


def _touch(file: str, now: float) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    os.makedirs(os.path.dirname(file), mode=0o700, exist_ok=True)
    handle = os.open(file, flags, 0o600)
    try:
        os.utime(handle, (now, now))
    finally:
        os.close(handle)
