"""Requests about the session as a whole: its title, what it has cost, where it works."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hames._version import COMPATIBLE_VERSION, __version__
from hames.protocol.handlers import Refused, handles
from hames.protocol.requests import (
    GetBinaryVersion,
    GetSessionCost,
    GetUsage,
    RegisterRepoRoot,
    RenameSession,
    SetHasSubscribers,
)

if TYPE_CHECKING:
    from hames.protocol.server import Server


@handles(RenameSession)
async def rename_session(server: Server, request: RenameSession) -> None:
    """Give the session a title."""
    title = request.title.strip()
    if not title:
        raise Refused("A session's title has to have some text.")
    agent = await server.agent()
    await agent.conversation.log.state("custom-title", {"customTitle": title})
    agent.note("session_title_changed", title=title)


@handles(GetSessionCost)
async def get_session_cost(server: Server, request: GetSessionCost) -> dict[str, Any]:
    agent = await server.agent()
    return {"text": f"Total cost: ${agent.ledger.total_cost_usd:.4f}"}


@handles(GetUsage)
async def get_usage(server: Server, request: GetUsage) -> dict[str, Any]:
    """What this session has used. Limits of a plan are not known here."""
    agent = await server.agent()
    session = {
        "total_cost_usd": agent.ledger.total_cost_usd,
        "total_api_duration_ms": agent.ledger.api_milliseconds,
        "total_duration_ms": server.milliseconds(),
        "total_lines_added": 0,
        "total_lines_removed": 0,
        "model_usage": agent.ledger.model_usage(),
    }
    limits = {"subscription_type": None, "rate_limits_available": False, "rate_limits": None}
    return {"session": session, **limits, "behaviors": None}


@handles(GetBinaryVersion)
async def get_binary_version(server: Server, request: GetBinaryVersion) -> dict[str, Any]:
    return {"version": COMPATIBLE_VERSION, "buildTime": None, "hames_version": __version__}


@handles(SetHasSubscribers)
async def set_has_subscribers(server: Server, request: SetHasSubscribers) -> None:
    """Nothing is held back while nobody watches, so there is nothing to change."""


@handles(RegisterRepoRoot)
async def register_repo_root(server: Server, request: RegisterRepoRoot) -> None:
    """Work in a folder below one of the session's own as well; later ones count like the first."""
    agent = await server.agent()
    workspace, machine = agent.workspace, agent.machine
    try:
        folder = await machine.real_path(workspace.resolve(request.directory))
        stat = await machine.stat(folder)
    except OSError as error:
        raise Refused(f"`{request.directory}` cannot be looked at: {error.strerror}.") from error
    if stat is None or stat.kind != "folder":
        raise Refused(f"`{request.directory}` is not a folder.")
    if folder in (workspace.root, *workspace.folders):
        raise Refused(f"`{request.directory}` is worked in already.")
    if not workspace.contains(folder):
        raise Refused(
            f"`{request.directory}` is in none of the session's folders; start it with `--add-dir`."
        )
    workspace.folders = (*workspace.folders, folder)
    agent.gate.policy = replace(agent.gate.policy, folders=(*agent.gate.policy.folders, folder))
