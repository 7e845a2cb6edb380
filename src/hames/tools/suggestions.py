"""What a path that does not exist was probably meant to be."""

from __future__ import annotations

import os.path

from hames.errors import ToolError
from hames.sandbox.machine import Entry
from hames.tools.tool import Call

MAX_SUGGESTIONS = 3
"""Paths suggested."""

MAX_FOLDERS = 300
"""Folders of the project that are searched for a file of the same name."""

MAX_ENTRIES = 20_000
"""Names looked at in all of them together."""

_SKIPPED = frozenset({"node_modules", "__pycache__", "venv", "target", "dist", "build"})


async def missing(call: Call, path: str) -> ToolError:
    """The error for a file that is not there, with what may be meant instead."""
    text = f"`{path}` does not exist. The working directory is `{call.workspace.cwd}`."
    if found := await suggest(call, path):
        text += f" Did you mean {' or '.join(f'`{item}`' for item in found)}?"
    return ToolError(text)


async def suggest(call: Call, path: str) -> list[str]:
    """Paths like this one that exist: in its folder, else of the same name in the project."""
    folder, name = os.path.split(path)
    here = await _names(call, folder)
    found = [f"{folder.rstrip('/')}/{name}" for name in _alike(name, here)]
    if not found:
        found = await _elsewhere(call, name)
    return found[:MAX_SUGGESTIONS]


def _alike(name: str, names: list[str]) -> list[str]:
    """The names most like this one: other case, then other suffix, then near misspellings."""
    folded = name.casefold()
    if same := [other for other in names if other.casefold() == folded]:
        return same
    stem = os.path.splitext(folded)[0]
    if same := [other for other in names if os.path.splitext(other.casefold())[0] == stem]:
        return same
    from difflib import get_close_matches

    by_folded = {other.casefold(): other for other in names[:2_000]}
    close = get_close_matches(folded, by_folded, MAX_SUGGESTIONS, 0.75)
    return [by_folded[other] for other in close]


async def _elsewhere(call: Call, name: str) -> list[str]:
    """Files of this name, whatever its case, in the project; near the top first."""
    folded = name.casefold()
    found: list[str] = []
    waiting = [call.workspace.cwd]
    if call.workspace.root != call.workspace.cwd:
        waiting.append(call.workspace.root)
    seen = set(waiting)
    entries_left = MAX_ENTRIES
    for _ in range(MAX_FOLDERS):
        if not waiting or entries_left <= 0 or len(found) >= MAX_SUGGESTIONS:
            break
        folder = waiting.pop(0)
        entries = await _entries(call, folder)
        entries_left -= len(entries)
        for entry in entries:
            path = f"{folder.rstrip('/')}/{entry.name}"
            if entry.kind == "folder":
                if path not in seen and entry.name[0] != "." and entry.name not in _SKIPPED:
                    seen.add(path)
                    waiting.append(path)
            elif entry.name.casefold() == folded:
                found.append(path)
    return found


async def _names(call: Call, folder: str) -> list[str]:
    return [entry.name for entry in await _entries(call, folder) if entry.kind != "folder"]


async def _entries(call: Call, folder: str) -> list[Entry]:
    try:
        return await call.machine.list(folder)
    except OSError:
        return []
