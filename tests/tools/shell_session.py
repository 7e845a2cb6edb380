"""A session's worth of shell: the real tools on the real machine, in a folder of the test's own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from hames.sandbox.local import LocalMachine
from hames.sandbox.workspace import Workspace
from hames.tools.bash import BASH
from hames.tools.bash_output import BASH_OUTPUT
from hames.tools.jobs import Jobs
from hames.tools.task_stop import TASK_STOP
from hames.tools.tool import Call, Result, Tool

TOOLS = {tool.name: tool for tool in (BASH, BASH_OUTPUT, TASK_STOP)}


class Session:
    """Calls tools one after the other, as an agent would."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.root = folder / "project"
        self.root.mkdir()
        self.results = folder / "results"
        self.results.mkdir()
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), **env}
        self.workspace = Workspace(str(self.root), str(self.root), env=env)
        self.machine = LocalMachine()
        self.states: dict[type, Any] = {}
        self.last: Call

    @property
    def jobs(self) -> Jobs:
        return self.call("Bash").state(Jobs)

    def call(self, name: str) -> Call:
        self.last = Call("toolu_1", name, self.machine, self.workspace, self.states, self._spill)
        return self.last

    async def use(self, name: str, **input: Any) -> Result:
        """Call a tool with arguments as a model gives them."""
        tool: Tool = TOOLS[name]
        assert isinstance(tool.input, type)
        return await tool.run(msgspec.convert(input, tool.input), self.call(name))

    async def bash(self, command: str, **input: Any) -> Result:
        return await self.use("Bash", command=command, **input)

    async def text(self, command: str, **input: Any) -> str:
        """What a command that succeeds shows the model."""
        result = await self.bash(command, **input)
        assert isinstance(result.content, str)
        assert not result.is_error
        return result.content

    async def _spill(self, name: str, data: bytes) -> str:
        path = self.results / name
        path.write_bytes(data)
        return str(path)


@asynccontextmanager
async def session(folder: Path, **env: str) -> AsyncIterator[Session]:
    """A session that leaves no process behind."""
    opened = Session(Path(os.path.realpath(folder)), env)
    try:
        yield opened
    finally:
        await opened.jobs.stop_all()


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is so that no event tells of, for example a file of another process."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def is_alive(pid: int) -> bool:
    """Whether a process is alive; a zombie is not."""
    try:
        return b") Z" not in Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return False
