"""Hooks that are commands: the event on standard input, the answer on standard output.

They run through the machine, with the environment of the session's other children, their output is
bounded, and their whole process tree is ended with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hames import _json
from hames.hooks.config import CommandHook
from hames.sandbox.environment import for_children
from hames.sandbox.machine import Finished, Machine
from hames.sandbox.workspace import Workspace

LONGEST_OUTPUT = 1_000_000
"""Bytes of each output that are kept."""
_FIRST_LINE = 4096
"""Bytes within which a command says that it goes on in the background."""
_SHELLS = ("/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash")


class Announcement:
    """Waits for `{"async": true}` in the first line of what a command prints."""

    def __init__(self) -> None:
        self.made: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        """Done when it was made; how many seconds the command may go on, if it says so."""
        self._first = b""

    def take(self, data: bytes) -> None:
        """Look at what was printed."""
        if self.made.done() or len(self._first) > _FIRST_LINE:
            return
        self._first += data[: _FIRST_LINE + 1]
        line = self._first.lstrip().partition(b"\n")[0]
        if not (line.startswith(b"{") and line.rstrip().endswith(b"}")):
            return
        try:
            raw = _json.decode(line)
        except _json.DecodeError:
            return
        if isinstance(raw, dict) and raw.get("async") is True:
            limit = raw.get("asyncTimeout")
            self.made.set_result(limit / 1000 if isinstance(limit, int | float) else None)


async def run(
    hook: CommandHook,
    payload: bytes,
    *,
    machine: Machine,
    workspace: Workspace,
    extra: Mapping[str, str],
    seconds: float,
    announcement: Announcement,
) -> Finished:
    """Run the command to its end. Raises TimeoutError and OSError."""
    if hook.args is not None:
        argv = [hook.command, *hook.args]
    else:
        argv = [await _shell(machine), "-c", hook.command]
    session = for_children(workspace.env)
    session.pop("CLAUDE_ENV_FILE", None)  # for the events that may write to it
    env = {
        **session,
        "CLAUDECODE": "1",
        "CLAUDE_PROJECT_DIR": workspace.root,
        **extra,
    }
    there = await machine.stat(workspace.cwd)
    return await machine.run(
        argv,
        cwd=workspace.cwd if there else workspace.root,
        env=env,
        timeout=seconds,
        limit=LONGEST_OUTPUT,
        input=payload + b"\n",
        receive=announcement.take,
    )


async def _shell(machine: Machine) -> str:
    for path in _SHELLS:
        if await machine.stat(path):
            return path
    return "/bin/sh"
