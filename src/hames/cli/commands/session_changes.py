"""`hames session rename`, `tag`, `fork`, `delete`, `prune`: changing which sessions are stored."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any, TextIO

from hames._json import encode
from hames.cli.commands.session_reading import folder, session, stored_files
from hames.errors import OptionsError
from hames.sessions import edit, resume, stored
from hames.sessions.checkpoints.objects import folder_of
from hames.sessions.store import Stored
from hames.settings.effective import effective
from hames.settings.environ import Environ

DAYS = 30.0
"""How long sessions are kept where no setting says otherwise, as in the official command line."""


async def run_rename(names: Sequence[str], values: dict[str, Any], out: TextIO) -> int:
    """Give a session a title."""
    if len(names) != 2:
        raise OptionsError("`hames session rename` needs a session and its title, in quotes.")
    store, key = await _stored("rename", names[:1], values)
    await edit.rename(store, key, names[1])
    return 0


async def run_tag(names: Sequence[str], values: dict[str, Any], out: TextIO) -> int:
    """Tag a session, or take its tag away."""
    if len(names) not in (1, 2):
        raise OptionsError("`hames session tag` needs a session, and a tag in quotes.")
    store, key = await _stored("tag", names[:1], values)
    await edit.tag(store, key, names[1] if len(names) == 2 else None)
    return 0


async def run_fork(names: Sequence[str], values: dict[str, Any], out: TextIO) -> int:
    """Copy a session; write the id of the copy."""
    store, key = await _stored("fork", names, values)
    copy = await stored.fork_session(
        key.session_id, up_to=values.get("up-to"), title=values.get("title"), store=store
    )
    out.write(f"{copy}\n")
    return 0


async def run_delete(names: Sequence[str], values: dict[str, Any], out: TextIO) -> int:
    """Remove sessions; all are looked for before the first one goes."""
    if not names:
        raise OptionsError("`hames session delete` needs a session: an id or a title.")
    store = stored_files()
    keys = [await resume.find(store, cwd=folder(values), id_or_title=name) for name in names]
    for key in keys:
        await store.delete(key)
    return 0


async def run_prune(names: Sequence[str], values: dict[str, Any], out: TextIO) -> int:
    """Remove what was not used for long, and checkpoints whose session is gone."""
    if names:
        raise OptionsError(f"`hames session prune` takes options only, not `{names[0]}`.")
    environ = Environ.read(os.environ)
    days = values["older-than"] if "older-than" in values else _days(environ)
    if days < 0:
        raise OptionsError("`--older-than` must be 0 or more days.")
    store = stored_files()
    limit = time.time() - days * 86_400
    old = [one for one in await store.list() if one.modified < limit]
    for one in old:
        out.write(_told(one, values))
        if "dry-run" not in values:
            await store.delete(one.key)
    if "dry-run" not in values:
        await _sweep(environ.config_folder, limit)
    return 0


def _days(environ: Environ) -> float:
    found = effective(environ, os.getcwd(), setting_sources=("user",)).values.cleanup_period_days
    return DAYS if found is None else float(found)


async def _sweep(config_folder: str, limit: float) -> None:
    """Remove checkpoints of sessions that others have deleted."""
    import shutil

    from hames.sessions.checkpoints.objects import pool_of, sweep

    store = stored_files()
    parent = os.path.dirname(folder_of(config_folder, "x"))
    names = os.listdir(parent) if os.path.isdir(parent) else []
    for name in names:
        kept = folder_of(config_folder, name)
        if not await store.find(name) and os.stat(kept).st_mtime < limit:
            shutil.rmtree(kept, ignore_errors=True)
    sweep(pool_of(config_folder))


async def _stored(action: str, names: Sequence[str], values: dict[str, Any]) -> Any:
    if names and names[0].endswith(".jsonl"):
        raise OptionsError(f"`hames session {action}` takes a stored session, not a file.")
    return await session(action, names, values)


def _told(one: Stored, values: dict[str, Any]) -> str:
    if "json" in values:
        return (
            encode({"session_id": one.key.session_id, "project": one.key.project}).decode() + "\n"
        )
    return f"{time.strftime('%Y-%m-%d', time.localtime(one.modified))}  {one.key.session_id}\n"
