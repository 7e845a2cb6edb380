"""Glob, Grep, LS and TodoWrite of one session, called as the agent calls them: with JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from hames.errors import ToolError
from hames.sandbox.local import LocalMachine
from hames.sandbox.workspace import Workspace
from hames.tools.glob import GLOB
from hames.tools.grep import GREP
from hames.tools.ls import LS
from hames.tools.todo_write import TODO_WRITE
from hames.tools.tool import Call, Result, Tool

WITHOUT_RIPGREP = {"HAMES_RG": "0"}
"""The environment of a session that finds no ripgrep."""


class Session:
    """The tools of a session that works in `folder`."""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.workspace = Workspace(
            root=str(folder), cwd=str(folder), home=str(folder), env=env or {}
        )
        self.machine = LocalMachine()
        self.states: dict[type, Any] = {}

    async def glob(self, pattern: str, **more: Any) -> Result:
        return await self.use(GLOB, {"pattern": pattern, **more})

    async def grep(self, pattern: str, **more: Any) -> Result:
        """Options of one letter are given without their dash."""
        named = {f"-{key}" if len(key) == 1 else key: value for key, value in more.items()}
        return await self.use(GREP, {"pattern": pattern, **named})

    async def ls(self, path: str, **more: Any) -> Result:
        return await self.use(LS, {"path": path, **more})

    async def todo_write(self, *todos: Mapping[str, Any]) -> Result:
        return await self.use(TODO_WRITE, {"todos": list(todos)})

    async def use(self, tool: Tool, arguments: dict[str, Any]) -> Result:
        assert isinstance(tool.input, type)
        call = Call("toolu_1", tool.name, self.machine, self.workspace, self.states, _no_spill)
        result = await tool.run(msgspec.convert(arguments, tool.input), call)
        msgspec.json.encode(result.data)
        return result

    async def refusal(self, attempt: Any) -> ToolError:
        """The error with which an awaited call ends."""
        try:
            result = await attempt
        except ToolError as error:
            return error
        raise AssertionError(f"the call was answered: {result}")


async def _no_spill(name: str, data: bytes) -> str:
    raise AssertionError("search tools leave spilling to the agent")


def grow(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder
