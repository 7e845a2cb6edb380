"""Requests that change how the next answers are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from hames.context.request import LEAST_THINKING
from hames.errors import OptionsError
from hames.permissions.modes import AUTO_REFUSAL, parse_mode
from hames.protocol.handlers import Refused, handles
from hames.protocol.requests import (
    CancelAsyncMessage,
    Interrupt,
    SetMaxThinkingTokens,
    SetModel,
    SetPermissionMode,
)

if TYPE_CHECKING:
    from hames.messages import PermissionMode
    from hames.protocol.server import Server


@handles(Interrupt)
async def interrupt(server: Server, request: Interrupt) -> dict[str, Any]:
    """Stop the answer under way; what is queued is answered next, unless that is to go as well."""
    if not server.opened:
        return {"still_queued": []}
    agent = await server.agent()
    cancelled: list[str] = []
    if request.cancel_queued:
        cancelled = server.prompts.drop()
    server.interrupt()
    queued = [prompt.uuid for prompt in agent.inbox.waiting() if prompt.uuid]
    return {"still_queued": queued, **({"cancelled": cancelled} if request.cancel_queued else {})}


@handles(CancelAsyncMessage)
async def cancel_async_message(server: Server, request: CancelAsyncMessage) -> dict[str, Any]:
    """Drop a prompt that nobody has taken up; false when it is too late, or there is none."""
    await server.agent()
    dropped = server.prompts.drop(request.message_uuid)
    if not dropped:
        return {"cancelled": False}
    return {"cancelled": True, "message_uuid": request.message_uuid}


@handles(SetPermissionMode)
async def set_permission_mode(server: Server, request: SetPermissionMode) -> dict[str, Any]:
    """Judge calls by another mode from the next one on."""
    mode = check_mode(server, request.mode)
    agent = await server.agent()
    agent.use_mode(mode)
    return {"mode": mode}


def check_mode(server: Server, name: str) -> PermissionMode:
    """The mode of that name. Raises `Refused` for one that this client may not switch to."""
    try:
        mode = parse_mode(name)
    except OptionsError as error:
        raise Refused(str(error), "invalid_mode") from error
    if mode == "bypassPermissions" and not server.launch.may_bypass:
        raise Refused(
            "`bypassPermissions` can be switched to only in a session that was started with"
            " `--allow-dangerously-skip-permissions` or `--dangerously-skip-permissions`.",
            "bypass_not_launched",
        )
    if mode == "auto":
        raise Refused(AUTO_REFUSAL, "auto_mode_model")
    return mode


@handles(SetModel)
async def set_model(server: Server, request: SetModel) -> dict[str, Any]:
    """Ask another model from the next request on; none is the session's own."""
    agent = await server.agent()
    agent.use_model(None if request.model in (None, "default") else request.model)
    return {"model": agent.frame.model}


@handles(SetMaxThinkingTokens)
async def set_max_thinking_tokens(server: Server, request: SetMaxThinkingTokens) -> None:
    """Another thinking budget, another form of what comes back, from the next request on."""
    agent = await server.agent()
    assert agent.settings.settled is not None, "an agent is built from settings"
    began = agent.settings.settled.options
    changed: dict[str, Any] = {}
    if request.max_thinking_tokens is not UNSET:
        budget = request.max_thinking_tokens
        if budget is not None and agent.model.thinking == "none":
            raise Refused(f"The model `{agent.model.id}` does not think.")
        if budget is not None and budget != 0 and budget < LEAST_THINKING:
            raise Refused(
                f"A thinking budget is 0 or at least {LEAST_THINKING} tokens, not {budget}."
            )
        changed["max_thinking_tokens"] = began.max_thinking_tokens if budget is None else budget
    if request.thinking_display is not UNSET:
        changed["thinking_display"] = request.thinking_display
    agent.ask_with(**changed)
