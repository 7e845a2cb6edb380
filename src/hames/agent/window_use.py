"""How full the model's window is: shares by size, all of it as the API last counted, where it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hames.agent.calls.toolbox import definition

if TYPE_CHECKING:
    from hames.agent.agent import Agent
    from hames.context.memory_files import MemoryFile

BYTES_PER_TOKEN = 4
"""The usual size of a token, where only a share is estimated."""


def parts(agent: Agent) -> dict[str, int]:
    """Tokens by what they are used for."""
    found, counted = _estimated(agent), agent.estimate.counted
    if counted and (estimated := sum(found.values())):
        found = {name: round(size * counted / estimated) for name, size in found.items()}
    return found


def memory(agent: Agent) -> list[tuple[MemoryFile, int]]:
    """The memory files that the model was given, and the bytes of their texts."""
    return agent.memory.held if agent.memory is not None else []


def _estimated(agent: Agent) -> dict[str, int]:
    mcp = sum(len(definition(tool)) for tool in agent.toolbox.tools if not tool.native)
    remembered = sum(size for _, size in memory(agent))
    sizes = {
        "System prompt": sum(map(len, agent.frame.system)),
        "System tools": sum(map(len, agent.frame.tools)) - mcp,
        "MCP tools": mcp,
        "Memory files": remembered,
        "Messages": agent.conversation.size - remembered,
    }
    return {name: max(size, 0) // BYTES_PER_TOKEN for name, size in sizes.items()}
