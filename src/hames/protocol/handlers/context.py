"""How full the model's window is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hames.agent import window_use
from hames.agent.calls.toolbox import definition
from hames.agent.window_use import BYTES_PER_TOKEN
from hames.protocol.handlers import handles
from hames.protocol.requests import GetContextUsage

if TYPE_CHECKING:
    from hames.protocol.server import Server

ROWS, COLUMNS = 10, 20
FREE = "Free space"
COLORS = {
    "System prompt": "promptBorder",
    "System tools": "inactive",
    "MCP tools": "cyan",
    "Memory files": "claude",
    "Messages": "purple",
    FREE: "inactive",
}


@handles(GetContextUsage)
async def get_context_usage(server: Server, request: GetContextUsage) -> dict[str, Any]:
    """How full the window is: shares by size, all of it as the API last counted, where it has."""
    agent = await server.agent()
    window = agent.model.context_window
    parts, counted = window_use.parts(agent), agent.estimate.counted
    total = sum(parts.values())
    categories = [_category(name, tokens, "used") for name, tokens in parts.items()]
    categories.append(_category(FREE, max(window - total, 0), "free"))
    return {
        "categories": categories,
        "totalTokens": total,
        "maxTokens": window,
        "rawMaxTokens": window,
        "percentage": round(100 * total / window),
        "gridRows": [] if request.detail == "summary" else _grid(categories, window),
        "model": agent.frame.model,
        "memoryFiles": [
            {"path": file.path, "type": file.kind, "tokens": size // BYTES_PER_TOKEN}
            for file, size in window_use.memory(agent)
        ],
        "mcpTools": [
            {
                "name": tool.name,
                "serverName": tool.name.split("__")[1],
                "tokens": len(definition(tool)) // BYTES_PER_TOKEN,
            }
            for tool in agent.toolbox.tools
            if tool.name.startswith("mcp__")
        ],
        "agents": [],
        "slashCommands": {"totalCommands": 0, "includedCommands": 0, "tokens": 0},
        "skills": {"totalSkills": 0, "includedSkills": 0, "tokens": 0, "skillFrontmatter": []},
        "isAutoCompactEnabled": False,
        "apiUsage": agent.ledger.usage(since=agent.ledger.mark() - 1) if counted else None,
        "isEstimate": not counted,
    }


def _category(name: str, tokens: int, kind: str) -> dict[str, Any]:
    id = name.lower().replace(" ", "_")
    return {"id": id, "name": name, "tokens": tokens, "color": COLORS[name], "kind": kind}


def _grid(categories: list[dict[str, Any]], window: int) -> list[list[dict[str, Any]]]:
    """The window as squares, filled from the first on; a part that is there has at least one."""
    square = window / (ROWS * COLUMNS)
    cells: list[dict[str, Any]] = []
    for category in categories:
        tokens, free = category["tokens"], category["kind"] == "free"
        left = ROWS * COLUMNS - len(cells)
        count = left if free else min(left, max(round(tokens / square), 1 if tokens else 0))
        cells += [
            {
                "color": category["color"],
                "isFilled": not free,
                "categoryName": category["name"],
                "tokens": tokens,
                "percentage": round(100 * tokens / window),
                "squareFullness": min(tokens / square, 1.0),
            }
            for _ in range(count)
        ]
    return [cells[start : start + COLUMNS] for start in range(0, ROWS * COLUMNS, COLUMNS)]
