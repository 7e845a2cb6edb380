"""LS: show a folder as a tree."""

from __future__ import annotations

import os
from collections import deque
from typing import Annotated

from msgspec import Meta, Struct

from hames.errors import ToolError
from hames.sandbox.machine import Entry
from hames.tools import globs
from hames.tools.ignore import Level, is_left_out, level_of, levels_above
from hames.tools.search import existing, readable, visible
from hames.tools.tool import Call, Reads, Result, Tool

MAX_ENTRIES = 1000
"""Entries that one call shows; upper levels go first."""


class LsInput(Struct, forbid_unknown_fields=True):
    path: Annotated[str, Meta(description="Absolute path of a folder.")]
    ignore: Annotated[list[str], Meta(description="Glob patterns to leave out.")] = []


async def run(args: LsInput, call: Call) -> Result:
    """The tree below a folder, folders first opened at the top, bounded."""
    full, kind = await existing(call, args.path)
    if kind != "folder":
        raise ToolError(f"`{full}` is a file. Use Read.", invalid=True)
    tree = _Tree(call, args.ignore)
    await tree.grow(full)
    lines = [f"- {readable(full.rstrip('/'))}/", *tree.lines(full, 1)]
    if tree.left_out:
        lines.append(f"(Only {MAX_ENTRIES} entries are shown; folders with `…` hold more.)")
    return Result("\n".join(lines))


class _Tree:
    def __init__(self, call: Call, ignore: list[str]) -> None:
        self._call = call
        self._inside: dict[str, list[Entry]] = {}
        self._closed: dict[str, str] = {}
        self.left_out = False
        try:
            self._unwanted = globs.matcher(ignore) if ignore else None
        except ValueError as error:
            raise ToolError(f"`ignore` has no valid pattern: {error}.", invalid=True) from error

    async def grow(self, top: str) -> None:
        """Read folders level by level until enough entries are known."""
        machine = self._call.machine
        pending: deque[tuple[str, Level | None]] = deque()
        pending.append((top, await levels_above(machine, top)))
        known = 0
        while pending:
            folder, up = pending.popleft()
            if known >= MAX_ENTRIES:
                self._closed[folder] = " …"
                self.left_out = True
                continue
            try:
                entries = await machine.list(folder)
            except OSError as error:
                self._closed[folder] = f" ({error.strerror})"
                continue
            level = await level_of(machine, folder, up, {entry.name for entry in entries})
            kept = [entry for entry in entries if self._wants(top, folder, entry)]
            if known + len(kept) > MAX_ENTRIES:
                kept = kept[: MAX_ENTRIES - known]
                self._closed[folder] = " …"
                self.left_out = True
            self._inside[folder] = kept
            known += len(kept)
            for entry in kept:
                path = os.path.join(folder, entry.name)
                if entry.kind != "folder":
                    continue
                if level and is_left_out(level, path, is_folder=True):
                    self._closed[path] = " (ignored)"
                else:
                    pending.append((path, level))

    def _wants(self, top: str, folder: str, entry: Entry) -> bool:
        path = os.path.join(folder, entry.name)
        relative = os.path.relpath(path, top)
        if entry.name == ".git" or (self._unwanted and self._unwanted(relative)):
            return False
        return bool(visible(self._call, [path]))

    def lines(self, folder: str, depth: int) -> list[str]:
        found = []
        for entry in self._inside.get(folder, []):
            path = os.path.join(folder, entry.name)
            mark = {"folder": "/", "link": "@"}.get(entry.kind, "") + self._closed.get(path, "")
            found.append(f"{'  ' * depth}- {readable(entry.name)}{mark}")
            if entry.kind == "folder":
                found += self.lines(path, depth + 1)
        return found


LS = Tool(
    "LS",
    "ls.md",
    input=LsInput,
    run=run,
    access=lambda args: (Reads(args.path),),
    parallel=True,
    folder=__file__.rpartition("/")[0],
)
