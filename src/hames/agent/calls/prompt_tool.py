"""A tool, usually of an MCP server, that is asked about calls nobody has decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hames import _json
from hames.agent.calls.toolbox import validated
from hames.approvals import PermissionResult, ToolPermissionContext, permission_result
from hames.errors import ToolError
from hames.tools.tool import Call, Result, Tool

SHOWN = 200
"""Characters of an answer that cannot be used."""


class PromptTool:
    """A permission callback that calls the tool: `tool_name`, `input`, `tool_use_id` in, JSON text out."""

    def __init__(self, tool: Tool, call: Callable[[str, str], Call]) -> None:
        self._tool = tool
        self._call = call

    async def __call__(
        self, tool: str, input: dict[str, Any], context: ToolPermissionContext
    ) -> PermissionResult:
        id = context.tool_use_id or ""
        asked = {"tool_name": tool, "input": input, "tool_use_id": id}
        result = await self._tool.run(validated(self._tool, asked), self._call(id, self._tool.name))
        said = _text(result)
        if result.is_error:
            raise ToolError(
                f"the permission prompt tool `{self._tool.name}` failed: {said:.{SHOWN}}"
            )
        try:
            return permission_result(_json.decode(said))
        except (ValueError, _json.DecodeError) as error:
            raise ToolError(
                f"the permission prompt tool `{self._tool.name}` answered `{said:.{SHOWN}}`, which is"
                ' neither {"behavior": "allow"} nor {"behavior": "deny", "message": "…"}: '
                + str(error)
            ) from error


def _text(result: Result) -> str:
    if isinstance(result.content, str):
        return result.content
    return "".join(block["text"] for block in result.content if block.get("type") == "text")
