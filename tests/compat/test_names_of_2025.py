"""Programs for `claude_code_sdk` 0.0.21, the import changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from compat_place import LIMIT, Place

from hames.compat import claude_code_sdk as old
from hames.compat.claude_code_sdk import types
from hames.testing import calls, says

Here = Callable[..., Place]

OPTIONS_OF_2025 = [
    "allowed_tools",
    "max_thinking_tokens",
    "system_prompt",
    "append_system_prompt",
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
    "extra_args",
    "debug_stderr",
    "can_use_tool",
    "hooks",
]


def test_the_options_are_those_of_then() -> None:
    assert [one.name for one in fields(old.ClaudeCodeOptions)] == OPTIONS_OF_2025
    assert old.ClaudeCodeOptions().max_thinking_tokens == 8000


async def asked(prompt: str, options: old.ClaudeCodeOptions) -> list[Any]:
    async with asyncio.timeout(LIMIT):
        return [message async for message in old.query(prompt=prompt, options=options)]


async def test_the_built_in_prompt_is_there_unless_another_is_given(here: Here) -> None:
    """Official in 2025: without `system_prompt` the full one; today it is none."""
    place = here(says("1"), says("2"), says("3"))
    here_and_now = {"cwd": place.cwd, "env": place.environment}
    await asked("Hi.", old.ClaudeCodeOptions(**here_and_now))
    await asked("Hi.", old.ClaudeCodeOptions(system_prompt="You are a pirate.", **here_and_now))
    await asked("Hi.", old.ClaudeCodeOptions(append_system_prompt="- be brief", **here_and_now))
    built_in, own, longer = [request.system_text for request in place.api.requests]
    assert (own, longer) == ("You are a pirate.", longer)
    assert len(built_in) > 500
    assert "- be brief" in longer
    assert "- be brief" not in built_in


async def test_a_client_of_then_has_hooks_and_permissions(here: Here) -> None:
    place = here(calls("Bash", command="touch it"), says("Done."))
    heard: list[str] = []

    async def watch(input: Any, tool_use_id: Any, context: Any) -> Any:
        heard.append(input["tool_name"])
        return {}

    async def allow(tool: str, input: Any, context: Any) -> Any:
        heard.append(f"may {tool}")
        return old.PermissionResultAllow()

    options = old.ClaudeCodeOptions(
        cwd=place.cwd,
        env=place.environment,
        can_use_tool=allow,
        hooks={"PreToolUse": [types.HookMatcher(matcher={"tool_name": "Bash"}, hooks=[watch])]},  # type: ignore[arg-type]  # the type of then
    )
    async with asyncio.timeout(LIMIT), old.ClaudeSDKClient(options) as client:
        await client.query("Go.")
        messages = [message async for message in client.receive_response()]
    assert isinstance(messages[-1], old.ResultMessage)
    assert (messages[-1].result, heard) == ("Done.", ["Bash", "may Bash"])
