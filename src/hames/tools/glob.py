"""Glob: find files by pattern, newest first."""

from __future__ import annotations

import os
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from hames.errors import ToolError
from hames.tools import globs
from hames.tools.search import existing, list_files, newest_first, shown, visible
from hames.tools.search_terms import Scope
from hames.tools.tool import Call, Reads, Result, Tool

MAX_FILES = 100
"""Paths that one call shows."""
IGNORED_TOO = "CLAUDE_CODE_GLOB_NO_IGNORE"
"""Environment variable; `true` lists also what ignore files leave out."""


class GlobInput(Struct, forbid_unknown_fields=True):
    pattern: Annotated[str, Meta(description="For example `src/**/*.{ts,tsx}`.")]
    path: Annotated[
        str | None, Meta(description="Folder to search; the working directory if left out.")
    ] = None


async def run(args: GlobInput, call: Call) -> Result:
    """Files whose path matches, newest first, with how many there are in all."""
    started = call.clock.monotonic()
    full, kind = await existing(call, args.path)
    if kind != "folder":
        raise ToolError(f"`{full}` is a file. Give the folder as `path`.", invalid=True)
    scope = _scope(args, call)
    found = await list_files(call, scope)
    only_ignored = False
    if not found.paths and not scope.ignored:
        found = await list_files(call, msgspec.structs.replace(scope, ignored=True))
        only_ignored = bool(found.paths)
    paths = visible(call, [os.path.join(scope.folder, path) for path in found.paths])
    names = [shown(call, path) for path in await newest_first(call, paths)]
    total, names = len(names), names[:MAX_FILES]
    data = {
        "filenames": names,
        "durationMs": round((call.clock.monotonic() - started) * 1000),
        "numFiles": len(names),
        "truncated": total > len(names) or not found.complete,
        "totalMatches": total,
        "countIsComplete": found.complete,
    }
    return Result(_text(names, total, found.complete, only_ignored), data)


def _scope(args: GlobInput, call: Call) -> Scope:
    """Where to look. Official 2.1.330 lists ignored files always; here only when nothing else is found."""
    _, pattern = globs.fixed_folder(args.pattern)
    try:
        keep, names = globs.matcher([pattern]), globs.names([pattern])
    except ValueError as error:
        raise ToolError(f"`{args.pattern}` is no pattern: {error}.", invalid=True) from error
    ignored = call.workspace.env.get(IGNORED_TOO, "").lower() in ("1", "true")
    return Scope(call.resolve(_folder(args)), keep, names, ignored)


def _folder(args: GlobInput) -> str:
    """The folder below which all matches are: `path`, and what the pattern begins with."""
    fixed, _ = globs.fixed_folder(args.pattern)
    if fixed.startswith("~"):
        return fixed
    return os.path.join(args.path or ".", fixed)


def _text(names: list[str], total: int, complete: bool, only_ignored: bool) -> str:
    if not names:
        return "No files found."
    lines = list(names)
    if total > len(names):
        least = "" if complete else "at least "
        lines.append(f"({len(names)} of {least}{total} files are shown, the newest first.)")
    if only_ignored:
        lines.append("(Ignore files such as .gitignore leave out all of these.)")
    return "\n".join(lines)


GLOB = Tool(
    "Glob",
    "glob.md",
    input=GlobInput,
    run=run,
    access=lambda args: (Reads(_folder(args)),),
    parallel=True,
    folder=__file__.rpartition("/")[0],
)
