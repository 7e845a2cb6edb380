"""What a client's `initialize` makes of the options of a session."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from hames.agent.options import AgentOptions
from hames.hooks.config import is_known, parse_hooks
from hames.protocol.client_hooks import matchers
from hames.protocol.handlers import Refused
from hames.protocol.questions import Questions
from hames.protocol.requests import Initialize

log = logging.getLogger("hames.protocol")

ABSENT = (
    "skills",
    "json_schema",
    "tool_aliases",
    "plugins",
)
"""What this version cannot do: refused by name, never passed over."""


def something(request: Initialize) -> bool:
    """Whether it asks for anything that has to be there from the beginning."""
    texts = (
        request.system_prompt,
        request.append_system_prompt,
        request.title,
        request.plan_mode_instructions,
    )
    return any(given is not None for given in texts) or bool(
        request.sdk_mcp_servers or request.mcp_servers or request.hooks or request.agents
    )


def servers(request: Initialize) -> list[str]:
    """The servers in the client that it names. Raises `Refused` for others."""
    given = request.mcp_servers or {}
    for name, config in given.items():
        if not isinstance(config, dict) or config.get("type") != "sdk":
            raise Refused(
                f"the server `{name}` is no server of the client's process (`type: sdk`); this version"
                " knows no others"
            )
    return [*(request.sdk_mcp_servers or ()), *given]


def options(given: AgentOptions, request: Initialize, questions: Questions) -> AgentOptions:
    """The options with what the request brings. Raises `Refused` for what there is not."""
    fields = zip(request.__struct_fields__, request.__struct_encode_fields__, strict=True)
    absent = [name for field, name in fields if field in ABSENT and getattr(request, field)]
    if absent:
        named = ", ".join(f"`{name}`" for name in absent)
        raise Refused(f"this version of Hames does not have {named}; leave it out")
    hooks = {**given.hooks, **_hooks(request.hooks or {}, questions)}
    return replace(
        given,
        hooks=hooks,
        agents={**given.agents, **(request.agents or {})},
        system_prompt=_text(request.system_prompt, given.system_prompt),
        title=request.title or given.title,
        plan_mode_instructions=request.plan_mode_instructions or given.plan_mode_instructions,
        append_system_prompt=request.append_system_prompt or given.append_system_prompt,
    )


def _hooks(raw: dict[str, Any], questions: Questions) -> dict[str, Any]:
    """The client's hooks, less those of events that a newer version may have."""
    # Official 2.1.330 begins the session and says nothing of them.
    for name in raw:
        if not is_known(name):
            log.warning("The client's hooks of `%s` do not run: no such event is known.", name)
    found = matchers({name: raw[name] for name in raw if is_known(name)}, questions)
    parse_hooks(found, "initialize")
    return found


def _text(prompt: str | list[Any] | None, otherwise: str | None) -> str | None:
    match prompt:
        case None:
            return otherwise
        case str():
            return prompt
    texts = [part.get("text") if isinstance(part, dict) else part for part in prompt]
    return "\n\n".join(text for text in texts if isinstance(text, str) and text)
