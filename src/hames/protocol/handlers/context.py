"""How full the model's window is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hames.agent.toolbox import definition
from hames.protocol.handlers import handles
from hames.protocol.requests import GetContextUsage

if TYPE_CHECKING:
    from hames.agent.agent import Agent
    from hames.protocol.server import Server

BYTES_PER_TOKEN = 4
"""The usual size of a token, where only a share is estimated."""


@handles(GetContextUsage)
async def get_context_usage(server: Server, request: GetContextUsage) -> dict[str, Any]:
    """How full the window is: shares by size, all of it as the API last counted, where it has."""
    agent = await server.agent()
    window = agent.model.context_window
    parts = _parts(agent)
    total = sum(tokens for _, tokens in parts)
    counted = agent.estimate.counted
    if counted and total:
        parts = [(name, round(tokens * counted / total)) for name, tokens in parts]
        total = sum(tokens for _, tokens in parts)
    categories = [
        {"id": name.lower().replace(" ", "_"), "name": name, "tokens": tokens, "color": color, "kind": "used"}
        for (name, tokens), color in zip(parts, COLORS, strict=True)
    ]  # fmt: skip
    free = max(window - total, 0)
    categories.append(
        {"id": "free", "name": "Free space", "tokens": free, "color": "inactive", "kind": "free"}
    )
    return {
        "categories": categories,
        "totalTokens": total,
        "maxTokens": window,
        "rawMaxTokens": window,
        "percentage": round(100 * total / window),
        "gridRows": [],
        "model": agent.frame.model,
        "memoryFiles": [],
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


COLORS = ("promptBorder", "inactive", "cyan", "purple")


def _parts(agent: Agent) -> list[tuple[str, int]]:
    """What fills the window, by size."""
    mcp = sum(len(definition(tool)) for tool in agent.toolbox.tools if not tool.native)
    sizes = [
        ("System prompt", sum(map(len, agent.frame.system))),
        ("System tools", sum(map(len, agent.frame.tools)) - mcp),
        ("MCP tools", mcp),
        ("Messages", agent.conversation.size),
    ]
    return [(name, max(size, 0) // BYTES_PER_TOKEN) for name, size in sizes]
