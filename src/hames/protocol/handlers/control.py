"""Requests that change what a session does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hames.context.request import LEAST_THINKING
from hames.errors import OptionsError
from hames.permissions.modes import mode_warning, parse_mode
from hames.protocol.handlers import Refused, handles
from hames.protocol.requests import (
    BackgroundTasks,
    Interrupt,
    RenameSession,
    SetMaxThinkingTokens,
    SetModel,
    SetPermissionMode,
    StopTask,
)
from hames.tools.jobs import Jobs

if TYPE_CHECKING:
    from hames.agent.agent import Agent
    from hames.protocol.server import Server


@handles(Interrupt)
async def interrupt(server: Server, request: Interrupt) -> dict[str, Any]:
    """Stop the answer under way; what is queued is answered next, unless that is to go as well."""
    if not server.opened:
        return {"still_queued": []}
    agent = await server.agent()
    if request.cancel_queued:
        agent.inbox.drain()
    server.interrupt()
    return {"still_queued": [prompt.uuid for prompt in agent.inbox.waiting() if prompt.uuid]}


@handles(SetPermissionMode)
async def set_permission_mode(server: Server, request: SetPermissionMode) -> dict[str, Any]:
    """Judge calls by another mode from the next one on."""
    try:
        mode = parse_mode(request.mode)
    except OptionsError as error:
        raise Refused(str(error), "invalid_mode") from error
    if mode == "bypassPermissions" and not server.launch.may_bypass:
        raise Refused(
            "`bypassPermissions` can be switched to only in a session that was started with"
            " `--allow-dangerously-skip-permissions` or `--dangerously-skip-permissions`.",
            "bypass_not_launched",
        )
    if mode == "auto" and (warning := mode_warning(mode)):
        raise Refused(warning, "auto_mode_model")
    agent = await server.agent()
    agent.use_mode(mode)
    return {"mode": mode}


@handles(SetModel)
async def set_model(server: Server, request: SetModel) -> dict[str, Any]:
    """Ask another model from the next request on; none is the session's own."""
    agent = await server.agent()
    agent.use_model(None if request.model in (None, "default") else request.model)
    if server.thinking is not None:
        _think(agent, server.thinking)
    return {"model": agent.frame.model}


@handles(SetMaxThinkingTokens)
async def set_max_thinking_tokens(server: Server, request: SetMaxThinkingTokens) -> None:
    """Another thinking budget from the next request on: 0 is none, null as the session began."""
    agent = await server.agent()
    server.thinking = request.max_thinking_tokens
    _think(agent, server.thinking)


@handles(BackgroundTasks)
async def background_tasks(server: Server, request: BackgroundTasks) -> dict[str, Any]:
    """What runs cannot be moved; where nothing runs, there is nothing to move."""
    if server.state != "idle" and server.opened:
        raise Refused("A call that runs cannot be moved to the background in this version.")
    return {}


@handles(StopTask)
async def stop_task(server: Server, request: StopTask) -> dict[str, Any]:
    """End background work; what has ended already is no error."""
    agent = await server.agent()
    jobs: Jobs | None = agent.states.get(Jobs)
    if jobs is not None:
        await jobs.stop(request.task_id)
    return {}


@handles(RenameSession)
async def rename_session(server: Server, request: RenameSession) -> None:
    """Give the session a title."""
    title = request.title.strip()
    if not title:
        raise Refused("A session's title has to have some text.")
    agent = await server.agent()
    await agent.conversation.log.state("custom-title", {"customTitle": title})
    agent.note("session_title_changed", title=title)


def _think(agent: Agent, budget: int | None) -> None:
    if budget is None:
        _, fresh = agent.frames(agent.model.id)
        agent.frame = msgspec.structs.replace(agent.frame, params=fresh.params)
        return
    if agent.model.thinking == "none":
        raise Refused(f"The model `{agent.model.id}` does not think.")
    if 0 < budget < LEAST_THINKING:
        raise Refused(f"A thinking budget is 0 or at least {LEAST_THINKING} tokens, not {budget}.")
    thinking: dict[str, Any] = {"type": "disabled"}
    if budget:
        thinking = {
            "type": "enabled",
            "budget_tokens": min(budget, agent.frame.max_tokens - 1),
        }
    others = {k: v for k, v in agent.frame.params.items() if k not in ("thinking", "output_config")}
    agent.frame = msgspec.structs.replace(agent.frame, params={**others, "thinking": thinking})
