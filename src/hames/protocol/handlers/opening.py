"""`initialize`: what a client brings along, and what it is told of the session."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hames._version import COMPATIBLE_VERSION, __version__
from hames.agent.prompts.commands import COMMANDS
from hames.context.output_styles import BUILT_IN, DEFAULT
from hames.models import find_model
from hames.protocol.handlers import handles
from hames.protocol.requests import Initialize, ListModels

if TYPE_CHECKING:
    from hames.agent.start.definitions import AgentDefinition
    from hames.protocol.server import Server

NAMED = ("sonnet", "opus", "haiku")


@handles(Initialize)
async def initialize(server: Server, request: Initialize) -> dict[str, Any]:
    """Tell what there is. What the request brought was taken over as its line was read."""
    agent = await server.agent()
    init = agent.init()
    answer = {
        "commands": commands(init),
        "agents": agents(agent.settings.agents),
        "output_style": init["output_style"],
        "available_output_styles": styles(init),
        "models": models(agent.model.id),
        "account": {
            "tokenSource": "none",
            "apiKeySource": init["apiKeySource"],
            "apiProvider": "firstParty",
        },
        "pid": os.getpid(),
        "claude_code_version": COMPATIBLE_VERSION,
        "hames_version": __version__,
        "current_permission_mode": agent.gate.policy.mode,
        "hook_on_failure_supported": True,
        "session_state": server.state or "idle",
    }
    if request.hooks:
        answer["hooks_applied"] = True
    if request.mcp_servers is not None:
        answer["mcp_servers_applied"] = True
    if request.plugins is not None:  # none were named, or the request would have been refused
        answer["plugins_applied"] = True
    return answer


@handles(ListModels)
async def list_models(server: Server, request: ListModels) -> dict[str, Any]:
    agent = await server.agent()
    return {"models": models(agent.model.id)}


def commands(init: dict[str, Any]) -> list[dict[str, Any]]:
    """The commands that a prompt may begin with."""
    return [
        {"name": one.name, "description": one.summary, "argumentHint": one.takes}
        for one in COMMANDS
    ]


def agents(defined: Mapping[str, AgentDefinition]) -> list[dict[str, Any]]:
    """The kinds of subagents."""
    return [
        {
            "name": name,
            "description": one.description,
            **({"model": one.model} if one.model else {}),
        }
        for name, one in defined.items()
    ]


def styles(init: dict[str, Any]) -> list[str]:
    """The output styles."""
    return list(dict.fromkeys([DEFAULT, *BUILT_IN, init["output_style"]]))


def models(present: str) -> list[dict[str, Any]]:
    """The names that models go by."""
    rows = [("default", present), *((name, find_model(name).id) for name in NAMED)]
    return [
        {"value": name, "resolvedModel": id, "displayName": name.capitalize(), "description": id}
        for name, id in rows
    ]
