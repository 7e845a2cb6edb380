"""A session's file tools on the local machine, called as the agent calls them: with JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from hames import _json
from hames.errors import ToolError
from hames.sandbox.local import LocalMachine
from hames.sandbox.machine import Machine
from hames.sandbox.workspace import Workspace
from hames.tools.edit import EDIT
from hames.tools.multi_edit import MULTI_EDIT
from hames.tools.notebook_edit import NOTEBOOK_EDIT
from hames.tools.read import READ
from hames.tools.seen import SeenFiles
from hames.tools.tool import Call, Result, Tool
from hames.tools.write import WRITE


class FileTools:
    """The tools of one session that works in `folder`."""

    def __init__(self, folder: Path, machine: Machine | None = None) -> None:
        self.folder = folder
        self.machine = machine or LocalMachine()
        self.states: dict[type, Any] = {}
        self.stored: list[tuple[Tool, Any, Any]] = []

    @property
    def seen(self) -> SeenFiles:
        found: SeenFiles = self.states.setdefault(SeenFiles, SeenFiles())
        return found

    async def read(self, path: str | Path, **more: Any) -> Result:
        return await self.use(READ, {"file_path": str(path), **more})

    async def write(self, path: str | Path, content: str) -> Result:
        return await self.use(WRITE, {"file_path": str(path), "content": content})

    async def edit(self, path: str | Path, old: str, new: str, **more: Any) -> Result:
        arguments = {"file_path": str(path), "old_string": old, "new_string": new, **more}
        return await self.use(EDIT, arguments)

    async def multi_edit(self, path: str | Path, *edits: Mapping[str, Any]) -> Result:
        return await self.use(MULTI_EDIT, {"file_path": str(path), "edits": list(edits)})

    async def notebook_edit(self, path: str | Path, source: str, **more: Any) -> Result:
        arguments = {"notebook_path": str(path), "new_source": source, **more}
        return await self.use(NOTEBOOK_EDIT, arguments)

    async def use(self, tool: Tool, arguments: dict[str, Any]) -> Result:
        assert isinstance(tool.input, type)
        workspace = Workspace(root=str(self.folder), cwd=str(self.folder), home=str(self.folder))
        call = Call("toolu_1", tool.name, self.machine, workspace, self.states, _no_spill)
        result = await tool.run(msgspec.convert(arguments, tool.input), call)
        data = _json.decode(_json.encode(result.data))
        self.stored.append((tool, arguments, data))
        return result

    async def refusal(self, attempt: Any) -> ToolError:
        """The error with which an awaited call ends."""
        try:
            result = await attempt
        except ToolError as error:
            return error
        raise AssertionError(f"the call was answered: {result}")

    def resumed(self) -> FileTools:
        """The session as it is after a restart: it knows what stored calls tell."""
        again = FileTools(self.folder, self.machine)
        for tool, arguments, data in self.stored:
            assert tool.recall
            tool.recall(again.states, arguments, data)
        return again


async def _no_spill(name: str, data: bytes) -> str:
    raise AssertionError("file tools bound their own output")
