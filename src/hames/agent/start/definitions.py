"""Subagents as callers define them. This version lists them; none can be called yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from hames.errors import OptionsError
from hames.messages import PermissionMode


class AgentDefinition(msgspec.Struct, frozen=True, rename="camel"):
    """A subagent. Official name and fields; in JSON they are written in camel case."""

    description: str
    """When the model should call it."""
    prompt: str
    """Its system prompt."""
    tools: list[str] | None = None
    disallowed_tools: list[str] | None = None
    model: str | None = None
    skills: list[str] | None = None
    memory: Literal["user", "project", "local"] | None = None
    mcp_servers: list[str | dict[str, Any]] | None = None
    initial_prompt: str | None = None
    max_turns: int | None = None
    background: bool | None = None
    effort: str | int | None = None
    permission_mode: PermissionMode | None = None


def defined(agents: Mapping[str, Any]) -> dict[str, AgentDefinition]:
    """The definitions by name, in the order given. Raises OptionsError that names what is wrong.

    Fields that are not known are passed over: clients may be newer.
    """
    return {name: _definition(name, given) for name, given in agents.items()}


def not_called(agents: Mapping[str, AgentDefinition]) -> str | None:
    """What a caller has to know of the definitions; None when there are none."""
    if not agents:
        return None
    names = ", ".join(f"`{name}`" for name in agents)
    return f"The agents {names} are listed, but cannot be called: this version has no subagents."


def _definition(name: str, given: Any) -> AgentDefinition:
    if isinstance(given, AgentDefinition):
        return given
    try:
        definition = msgspec.convert(given, AgentDefinition)
    except msgspec.ValidationError as error:
        raise OptionsError(f"The agent `{name}` is not defined rightly: {error}.") from error
    if not name or not definition.description or not definition.prompt:
        raise OptionsError(f"The agent `{name}` needs a name, a `description` and a `prompt`.")
    return definition
