"""The options of 2025, and the types of hooks and permissions that programs imported from here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hames.compat.hook_types import HookCallback as HookCallback
from hames.compat.hook_types import HookContext as HookContext
from hames.compat.hook_types import HookMatcher as HookMatcher
from hames.compat.messages import AssistantMessage as AssistantMessage
from hames.compat.messages import ContentBlock as ContentBlock
from hames.compat.messages import Message as Message
from hames.compat.messages import ResultMessage as ResultMessage
from hames.compat.messages import SystemMessage as SystemMessage
from hames.compat.messages import TextBlock as TextBlock
from hames.compat.messages import ThinkingBlock as ThinkingBlock
from hames.compat.messages import ToolResultBlock as ToolResultBlock
from hames.compat.messages import ToolUseBlock as ToolUseBlock
from hames.compat.messages import UserMessage as UserMessage
from hames.compat.options import ClaudeAgentOptions, SystemPromptPreset
from hames.compat.permission_types import CanUseTool as CanUseTool
from hames.compat.permission_types import PermissionBehavior as PermissionBehavior
from hames.compat.permission_types import PermissionResult as PermissionResult
from hames.compat.permission_types import PermissionResultAllow as PermissionResultAllow
from hames.compat.permission_types import PermissionResultDeny as PermissionResultDeny
from hames.compat.permission_types import PermissionRuleValue as PermissionRuleValue
from hames.compat.permission_types import PermissionUpdate as PermissionUpdate
from hames.compat.permission_types import PermissionUpdateDestination as PermissionUpdateDestination
from hames.compat.permission_types import ToolPermissionContext as ToolPermissionContext
from hames.compat.server_types import McpHttpServerConfig as McpHttpServerConfig
from hames.compat.server_types import McpSdkServerConfig as McpSdkServerConfig
from hames.compat.server_types import McpServerConfig as McpServerConfig
from hames.compat.server_types import McpSSEServerConfig as McpSSEServerConfig
from hames.compat.server_types import McpStdioServerConfig as McpStdioServerConfig
from hames.messages import PermissionMode as PermissionMode


@dataclass
class ClaudeCodeOptions:
    """Options with the names, order and defaults of 2025."""

    allowed_tools: list[str] = field(default_factory=list)
    max_thinking_tokens: int = 8000
    """Not sent, as then."""
    system_prompt: str | None = None
    append_system_prompt: str | None = None
    mcp_servers: dict[str, McpServerConfig] | str | Path = field(default_factory=dict)
    permission_mode: PermissionMode | None = None
    continue_conversation: bool = False
    resume: str | None = None
    max_turns: int | None = None
    disallowed_tools: list[str] = field(default_factory=list)
    model: str | None = None
    permission_prompt_tool_name: str | None = None
    cwd: str | Path | None = None
    settings: str | None = None
    add_dirs: list[str | Path] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    extra_args: dict[str, str | None] = field(default_factory=dict)
    debug_stderr: Any = sys.stderr
    """Not read."""
    can_use_tool: CanUseTool | None = None
    hooks: dict[str, list[HookMatcher]] | None = None


_THE_SAME: Sequence[str] = (
    "allowed_tools",
    "mcp_servers",
    "permission_mode",
    "continue_conversation",
    "resume",
    "max_turns",
    "disallowed_tools",
    "model",
    "permission_prompt_tool_name",
    "cwd",
    "settings",
    "add_dirs",
    "env",
    "debug_stderr",
    "can_use_tool",
)


def of_today(options: ClaudeCodeOptions | ClaudeAgentOptions | None) -> ClaudeAgentOptions:
    """The same options under today's names, with what was then the default."""
    if isinstance(options, ClaudeAgentOptions):
        return options
    options = options or ClaudeCodeOptions()
    prompt: str | SystemPromptPreset = {"type": "preset", "preset": "claude_code"}
    extra = dict(options.extra_args)
    if options.system_prompt is not None:
        prompt = options.system_prompt
    if options.append_system_prompt is not None:
        extra["append-system-prompt"] = options.append_system_prompt
    hooks: Any = options.hooks and {
        event: [_matcher(one) for one in matchers] for event, matchers in options.hooks.items()
    }
    same = {name: getattr(options, name) for name in _THE_SAME}
    return ClaudeAgentOptions(system_prompt=prompt, hooks=hooks, extra_args=extra, **same)


def _matcher(given: Any) -> HookMatcher:
    """A matcher of then, whose criteria were a mapping with the tool's name in it."""
    criteria = getattr(given, "matcher", None)
    if isinstance(criteria, dict):
        criteria = criteria.get("tool_name") or criteria.get("tool")
    return HookMatcher(criteria, list(getattr(given, "hooks", ())))
