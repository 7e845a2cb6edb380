"""Hames: the agent harness as a library.

    from hames import AgentOptions, query

    async for message in query(prompt="Why does the build fail?", options=AgentOptions(cwd="app")):
        print(message)

`query` answers one prompt (or a stream of them) and yields messages; `Client` holds a conversation;
`run` is for scripts without async; `tool` makes a tool of a function. Options are `AgentOptions`,
messages plain dataclasses, errors one tree under `HamesError`. Names load when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hames._version import __version__

if TYPE_CHECKING:
    from hames.agent.checkpointing import RewindResult as RewindResult
    from hames.agent.options import AgentOptions as AgentOptions
    from hames.agent.start.definitions import AgentDefinition as AgentDefinition
    from hames.approvals import (
        PermissionResultAllow as PermissionResultAllow,
    )
    from hames.approvals import (
        PermissionResultDefer as PermissionResultDefer,
    )
    from hames.approvals import (
        PermissionResultDeny as PermissionResultDeny,
    )
    from hames.approvals import (
        PermissionRuleValue as PermissionRuleValue,
    )
    from hames.approvals import (
        PermissionUpdate as PermissionUpdate,
    )
    from hames.approvals import (
        ToolPermissionContext as ToolPermissionContext,
    )
    from hames.errors import (
        ClientError as ClientError,
    )
    from hames.errors import (
        CredentialsError as CredentialsError,
    )
    from hames.errors import (
        HamesError as HamesError,
    )
    from hames.errors import (
        OptionsError as OptionsError,
    )
    from hames.errors import (
        ProviderError as ProviderError,
    )
    from hames.errors import (
        ProviderTimeout as ProviderTimeout,
    )
    from hames.errors import (
        ResultError as ResultError,
    )
    from hames.errors import (
        ScriptError as ScriptError,
    )
    from hames.errors import (
        SessionError as SessionError,
    )
    from hames.errors import (
        SessionExists as SessionExists,
    )
    from hames.errors import (
        SessionNotFound as SessionNotFound,
    )
    from hames.errors import (
        ToolError as ToolError,
    )
    from hames.hooks.callback import (
        HookContext as HookContext,
    )
    from hames.hooks.callback import (
        HookMatcher as HookMatcher,
    )
    from hames.messages import (
        AssistantMessage as AssistantMessage,
    )
    from hames.messages import (
        Message as Message,
    )
    from hames.messages import (
        ResultMessage as ResultMessage,
    )
    from hames.messages import (
        ServerToolResultBlock as ServerToolResultBlock,
    )
    from hames.messages import (
        ServerToolUseBlock as ServerToolUseBlock,
    )
    from hames.messages import (
        StreamEvent as StreamEvent,
    )
    from hames.messages import (
        SystemMessage as SystemMessage,
    )
    from hames.messages import (
        TextBlock as TextBlock,
    )
    from hames.messages import (
        ThinkingBlock as ThinkingBlock,
    )
    from hames.messages import (
        ToolResultBlock as ToolResultBlock,
    )
    from hames.messages import (
        ToolUseBlock as ToolUseBlock,
    )
    from hames.messages import (
        UnknownBlock as UnknownBlock,
    )
    from hames.messages import (
        UserMessage as UserMessage,
    )
    from hames.sdk.client import Client as Client
    from hames.sdk.query import query as query
    from hames.sdk.query import run as run
    from hames.sdk.tool import tool as tool
    from hames.tools.tool import Tool as Tool

_HOMES = {
    "hames.agent.start.definitions": ["AgentDefinition"],
    "hames.agent.options": ["AgentOptions"],
    "hames.agent.checkpointing": ["RewindResult"],
    "hames.approvals": [
        "PermissionResultAllow",
        "PermissionResultDefer",
        "PermissionResultDeny",
        "PermissionRuleValue",
        "PermissionUpdate",
        "ToolPermissionContext",
    ],
    "hames.errors": [
        "ClientError",
        "CredentialsError",
        "HamesError",
        "OptionsError",
        "ProviderError",
        "ProviderTimeout",
        "ResultError",
        "ScriptError",
        "SessionError",
        "SessionExists",
        "SessionNotFound",
        "ToolError",
    ],
    "hames.hooks.callback": ["HookContext", "HookMatcher"],
    "hames.messages": [
        "AssistantMessage",
        "Message",
        "ResultMessage",
        "ServerToolResultBlock",
        "ServerToolUseBlock",
        "StreamEvent",
        "SystemMessage",
        "TextBlock",
        "ThinkingBlock",
        "ToolResultBlock",
        "ToolUseBlock",
        "UnknownBlock",
        "UserMessage",
    ],
    "hames.sdk.client": ["Client"],
    "hames.sdk.query": ["query", "run"],
    "hames.sdk.tool": ["tool"],
    "hames.tools.tool": ["Tool"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME_OF)]


def __getattr__(name: str) -> Any:
    if (home := _HOME_OF.get(name)) is None:
        raise AttributeError(f"module 'hames' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
