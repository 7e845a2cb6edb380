"""Looking for files and for text in them, for Glob, Grep and LS.

With ripgrep where there is one (`ripgrep`), else without it (`search_python`); both find the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec

from hames.errors import ToolError
from hames.sandbox.environment import for_children
from hames.tools.search_terms import TIMEOUT, BadPattern, Found, Listing, Query, Scope
from hames.tools.tool import Call

if TYPE_CHECKING:
    from hames.tools.ripgrep import Rg
    from hames.tools.search_python import PythonSearch

MAX_DATED = 50_000
"""Paths that are sorted by time; more are sorted by name."""

T = TypeVar("T")


async def list_files(call: Call, scope: Scope) -> Listing:
    """The files of a scope, in no order; none when its folder is no folder."""
    at = await call.machine.stat(scope.folder)
    if at is None or at.kind != "folder":
        return Listing([])
    return await _in_time((await _backend(call)).list(scope))


async def search_text(call: Call, scope: Scope, query: Query) -> tuple[Found, str | None]:
    """What a query finds, and why its pattern was taken literally, if it was."""
    backend = await _backend(call)
    try:
        return await _in_time(backend.search(scope, query)), None
    except BadPattern as error:
        reason = str(error)
    try:
        literal = msgspec.structs.replace(query, literal=True)
        return await _in_time(backend.search(scope, literal)), reason
    except BadPattern as error:
        raise ToolError(f"The search failed: {error}") from error


async def newest_first(call: Call, paths: Sequence[str]) -> list[str]:
    """Absolute paths by their last change, the newest first; by name where the time is the same."""
    if len(paths) > MAX_DATED:
        return sorted(paths)
    dated = []
    for path in paths:
        found = await call.machine.stat(path, follow=False)
        dated.append((-found.mtime_ns if found else 0, path))
    return [path for _, path in sorted(dated)]


def visible(call: Call, paths: Iterable[str]) -> list[str]:
    """The absolute paths that may be shown: all but those that a rule keeps from being read."""
    return [path for path in paths if call.hidden is None or not call.hidden(path)]


def shown(call: Call, path: str) -> str:
    """An absolute path as results show it: relative when it is below the working directory."""
    inside = call.workspace.cwd.rstrip("/") + "/"
    return readable(path.removeprefix(inside))


def readable(text: str) -> str:
    """Text with bytes that are no UTF-8 replaced."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


async def existing(call: Call, path: str | None) -> tuple[str, str]:
    """The absolute path of an argument, and whether it is a `file` or a `folder`."""
    full = call.resolve(path)
    found = await call.machine.stat(full)
    if found is None:
        raise ToolError(
            f"`{full}` does not exist. The working directory is `{call.workspace.cwd}`.",
            invalid=True,
        )
    if found.kind not in ("file", "folder"):
        raise ToolError(f"`{full}` is neither a file nor a folder.", invalid=True)
    return full, found.kind


async def _backend(call: Call) -> Rg | PythonSearch:
    # Tools are imported at every start, to be offered; what searches only when it is wanted.
    from hames.tools.ripgrep import Rg, Ripgrep

    env = call.workspace.env
    if program := await call.state(Ripgrep).find(call.machine, env):
        return Rg(program, call.machine, for_children(env))
    from hames.tools.search_python import PythonSearch

    return PythonSearch(call.machine, call.clock)


async def _in_time(search: Awaitable[T]) -> T:
    try:
        return await search
    except TimeoutError as error:
        raise ToolError(
            f"The search took longer than {TIMEOUT:g} s and was stopped. Narrow it to a folder or to "
            "fewer files."
        ) from error
