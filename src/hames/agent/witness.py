"""What the workspace tells of calls that a crash has cut off."""

from __future__ import annotations

from typing import Any

from hames.access import Reads
from hames.agent.calls.toolbox import Toolbox, validated
from hames.errors import ToolError
from hames.sandbox.machine import Machine
from hames.sandbox.workspace import Workspace
from hames.sessions.resume import Loaded
from hames.tools.tool import Call, Tool


async def evidence(
    loaded: Loaded, toolbox: Toolbox, machine: Machine, workspace: Workspace
) -> dict[str, str]:
    """By id what can be seen of the effects of calls that had started and have no result.

    Others are not looked into: nobody has allowed them.
    """
    found = {}
    for stored in loaded.calls:
        tool = toolbox.find(stored.name)
        if loaded.fates.get(stored.id) != "started" or tool is None:
            continue
        call = Call(stored.id, stored.name, machine, workspace, {}, _keep_nothing)
        try:
            said = await _said(tool, validated(tool, stored.input), call)
        except (ToolError, OSError):
            continue
        if said:
            found[stored.id] = said
    return found


async def _said(tool: Tool, args: Any, call: Call) -> str | None:
    if tool.evidence is not None:
        return await tool.evidence(args, call)
    touched = tool.access(args)
    if touched and all(isinstance(access, Reads) for access in touched):
        return "It only reads, so nothing is lost by repeating it."
    return None


async def _keep_nothing(name: str, data: bytes) -> str:
    raise ToolError("Nothing is kept while evidence is looked for.")
