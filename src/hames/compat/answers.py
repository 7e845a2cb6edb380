"""What the other end asks of the caller: permissions, hooks, messages to MCP servers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from hames import approvals
from hames._aio import patiently
from hames.compat.errors import ClaudeSDKError
from hames.compat.mcp_bridge import NOT_FOUND, Bridge
from hames.compat.options import ClaudeAgentOptions
from hames.compat.permission_types import (
    PermissionResultAllow,
    PermissionResultDeny,
    PermissionUpdate,
    ToolPermissionContext,
)
from hames.sdk.world import World

log = logging.getLogger("hames.compat")

_TOLD = (
    "tool_use_id",
    "agent_id",
    "blocked_path",
    "decision_reason",
    "title",
    "display_name",
    "description",
)
_KEYWORDS = {"async_": "async", "continue_": "continue"}


class Answers:
    """Calls the caller's functions, in the caller's world."""

    def __init__(self, options: ClaudeAgentOptions, world: World) -> None:
        self._can_use_tool = options.can_use_tool
        self._given = options.hooks or {}
        self._world = world
        self._hooks: dict[str, Any] = {}
        servers: Mapping[str, Any] = (
            options.mcp_servers if isinstance(options.mcp_servers, dict) else {}
        )
        self._bridges = {
            name: Bridge(name, config["instance"], world)
            for name, config in servers.items()
            if isinstance(config, dict) and config.get("type") == "sdk" and "instance" in config
        }

    @property
    def needed(self) -> bool:
        """Whether there is anything that may be asked for."""
        return bool(self._can_use_tool or self._given or self._bridges)

    def hooks(self) -> tuple[dict[str, Any] | None, bool]:
        """The hooks as `initialize` names them, and whether one of them blocks when it fails."""
        told: dict[str, Any] = {}
        blocks = False
        for event, matchers in self._given.items():
            for matcher in matchers:
                fields = _fields(matcher)
                blocks |= fields["onFailure"] not in (None, "continue")
                ids = [self._named(hook) for hook in fields.pop("hooks")]
                named = {"matcher": fields.pop("matcher"), "hookCallbackIds": ids}
                named |= {name: value for name, value in fields.items() if value is not None}
                told.setdefault(event, []).append(named)
        return told or None, blocks

    async def to(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a control request. What it raises is told the other end."""
        match request.get("subtype"):
            case "can_use_tool":
                return await self._permission(request)
            case "hook_callback":
                return await self._hook(request)
            case "mcp_message":
                return await self._mcp(request)
            case subtype:
                raise ClaudeSDKError(f"Unsupported control request subtype: {subtype}")

    async def close(self) -> None:
        """End the MCP servers."""
        if self._bridges:
            await asyncio.gather(*(bridge.close() for bridge in self._bridges.values()))

    def _named(self, hook: Any) -> str:
        name = f"hook_{len(self._hooks)}"
        self._hooks[name] = hook
        return name

    async def _permission(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._can_use_tool is None:
            raise ClaudeSDKError("There is no can_use_tool callback to ask.")
        suggestions = request.get("permission_suggestions") or ()
        context = ToolPermissionContext(
            suggestions=[PermissionUpdate.from_dict(one) for one in suggestions],
            **{name: request.get(name) for name in _TOLD},
        )
        result = await patiently(
            self._world.call(self._can_use_tool, request["tool_name"], request["input"], context)
        )
        match result:
            case PermissionResultAllow() | approvals.PermissionResultAllow():
                changed = result.updated_input
                answer: dict[str, Any] = {
                    "behavior": "allow",
                    "updatedInput": request["input"] if changed is None else changed,
                }
                if (updates := _updates(result)) is not None:
                    answer["updatedPermissions"] = updates
                return answer
            case PermissionResultDeny() | approvals.PermissionResultDeny():
                denied = {"behavior": "deny", "message": result.message}
                return {**denied, "interrupt": True} if result.interrupt else denied
        raise TypeError(
            "Tool permission callback must return PermissionResult (PermissionResultAllow or"
            f" PermissionResultDeny), got {type(result)}"
        )

    async def _hook(self, request: dict[str, Any]) -> dict[str, Any]:
        hook = self._hooks.get(str(request.get("callback_id")))
        if hook is None:
            raise ClaudeSDKError(f"No hook callback found for ID: {request.get('callback_id')}")
        said = await patiently(
            self._world.call(
                hook, request.get("input"), request.get("tool_use_id"), {"signal": None}
            )
        )
        return {_KEYWORDS.get(name, name): value for name, value in (said or {}).items()}

    async def _mcp(self, request: dict[str, Any]) -> dict[str, Any]:
        name, message = request.get("server_name"), request.get("message")
        if not name or not isinstance(message, dict):
            raise ClaudeSDKError("Missing server_name or message for MCP request")
        bridge = self._bridges.get(name)
        if bridge is None:
            error = {"code": NOT_FOUND, "message": f"Server '{name}' not found"}
            return {"mcp_response": {"jsonrpc": "2.0", "id": message.get("id"), "error": error}}
        return {"mcp_response": await bridge.answer(message)}


def _fields(matcher: Any) -> dict[str, Any]:
    """A matcher's fields, of a `HookMatcher` or a mapping; what is missing is not set."""
    names: dict[str, Any] = {"matcher": None, "hooks": [], "timeout": None, "on_failure": None}
    if isinstance(matcher, Mapping):
        given = {name: matcher.get(name, default) for name, default in names.items()}
    else:
        given = {name: getattr(matcher, name, default) for name, default in names.items()}
    given["onFailure"] = given.pop("on_failure")
    return given


def _updates(
    result: PermissionResultAllow | approvals.PermissionResultAllow,
) -> list[dict[str, Any]] | None:
    """The updates of an answer; none of them when one cannot be sent, as officially."""
    if result.updated_permissions is None:
        return None
    try:
        return [PermissionUpdate.to_dict(update) for update in result.updated_permissions]  # type: ignore[arg-type]  # the native class has the same fields
    except ValueError as error:
        log.warning(
            "The call is allowed, but none of its permission updates are applied: %s", error
        )
        return None
