"""The environment block: where the agent works, told once at the start of a session.

It is stored with the session, so that a resumed session sends the same bytes. Git is asked without
running anything the repository configures: no hooks, no fsmonitor, no pager.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable

from hames._clock import Clock
from hames.sandbox.environment import for_children
from hames.sandbox.machine import Machine
from hames.sandbox.workspace import Workspace

STATUS_LINES = 40
"""Changed files named in the block; more are counted."""
GIT_TIMEOUT = 5.0

_GIT = (
    "git",
    "--no-optional-locks",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
)


async def environment(
    machine: Machine, workspace: Workspace, clock: Clock, model: str, more: Iterable[str] = ()
) -> str:
    """The block's text: folders, platform, date, model, `more`, and the state of the git repository."""
    lines = [
        "Where you work:",
        f"- Working directory: {workspace.cwd}",
        *(f"- Additional directory: {folder}" for folder in workspace.folders),
        f"- Platform: {platform.system()} {platform.release()}",
        f"- Date: {clock.now():%Y-%m-%d}",
        f"- Model: {model}",
        *more,
        *await _git_lines(machine, workspace),
    ]
    return "\n".join(lines)


async def _git_lines(machine: Machine, workspace: Workspace) -> list[str]:
    if not await _inside_repository(machine, workspace.cwd):
        return ["- Git repository: no"]
    status = await _git(machine, workspace, "status", "--porcelain=v1", "--branch")
    if status is None:
        return ["- Git repository: yes (its state could not be read)"]
    branch, *changed = status.splitlines() or [""]
    shown = [f"    {line}" for line in changed[:STATUS_LINES]]
    if len(changed) > STATUS_LINES:
        shown.append(f"    … and {len(changed) - STATUS_LINES} more")
    log = await _git(machine, workspace, "log", "--oneline", "-n", "5")
    return [
        f"- Git branch: {branch.removeprefix('## ')}",
        "- Changed files when the session began:"
        if changed
        else "- Working tree: clean when the session began",
        *shown,
        *(["- Newest commits:", *(f"    {line}" for line in log.splitlines())] if log else []),
    ]


async def _inside_repository(machine: Machine, folder: str) -> bool:
    while True:
        if await machine.stat(f"{folder.rstrip('/')}/.git"):
            return True
        parent = folder.rpartition("/")[0]
        if not parent or parent == folder:
            return False
        folder = parent


async def _git(machine: Machine, workspace: Workspace, *arguments: str) -> str | None:
    try:
        done = await machine.run(
            [*_GIT, *arguments],
            cwd=workspace.cwd,
            env=for_children(workspace.env),
            timeout=GIT_TIMEOUT,
            limit=200_000,
        )
    except (OSError, TimeoutError):
        return None
    return done.stdout.decode("utf-8", "replace").rstrip() if done.code == 0 else None
