"""Requests to look again for what a session was begun with: plugins, skills, output styles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hames.protocol.handlers import handles
from hames.protocol.handlers.opening import agents, commands, styles
from hames.protocol.requests import ReloadOutputStyles, ReloadPlugins, ReloadSkills

if TYPE_CHECKING:
    from hames.protocol.server import Server


@handles(ReloadPlugins)
async def reload_plugins(server: Server, request: ReloadPlugins) -> dict[str, Any]:
    """What there is by now."""
    agent = await server.agent()
    init = agent.init()
    return {
        "commands": commands(init),
        "agents": agents(agent.settings.agents),
        "plugins": init["plugins"],
        "mcpServers": [one.status() for one in server.client_tools.servers],
        "error_count": len(init.get("plugin_errors", ())),
    }


@handles(ReloadSkills)
async def reload_skills(server: Server, request: ReloadSkills) -> dict[str, Any]:
    agent = await server.agent()
    init = agent.init()
    return {"skills": [row for row in commands(init) if row["name"] in init["skills"]]}


@handles(ReloadOutputStyles)
async def reload_output_styles(server: Server, request: ReloadOutputStyles) -> dict[str, Any]:
    agent = await server.agent()
    return {"available_output_styles": styles(agent.init())}
