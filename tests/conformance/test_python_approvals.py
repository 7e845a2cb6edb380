"""The official Python client answers questions and plans, puts calls off and goes on with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from claude_agent_sdk import (
    ClaudeAgentOptions,
    ClaudeSDKClient,
    HookMatcher,
    Message,
    PermissionResultAllow,
    ResultMessage,
    SystemMessage,
    ToolPermissionContext,
    create_sdk_mcp_server,
    tool,
)

from hames.testing import calls, says, succeeded

Hames = Callable[..., Any]
LIMIT = 30
TOUCH = calls("Bash", command="touch made")


async def response(client: ClaudeSDKClient) -> list[Message]:
    async with asyncio.timeout(LIMIT):
        return [message async for message in client.receive_response()]


async def conversation(options: ClaudeAgentOptions) -> list[Message]:
    async with ClaudeSDKClient(options) as client:
        await client.query("Go.")
        return await response(client)


def result(messages: list[Message]) -> ResultMessage:
    last = messages[-1]
    assert isinstance(last, ResultMessage)
    return last


async def test_questions_are_answered_through_the_callback(official: Hames) -> None:
    options = [{"label": "A", "description": "a"}, {"label": "B", "description": "b"}]
    ask = {"questions": [{"question": "Which?", "header": "H", "options": options}]}

    async def answer(name: str, input: dict[str, Any], context: ToolPermissionContext) -> Any:
        return PermissionResultAllow(updated_input={**input, "answers": {"Which?": "B"}})

    hames = official(calls("AskUserQuestion", ask), says("B it is."))
    messages = await conversation(hames.options(can_use_tool=answer))
    assert result(messages).result == "B it is."
    assert hames.api.requests[1].tool_results == [succeeded("Which? B")]


async def test_a_plan_is_approved_and_the_mode_before_holds_again(official: Hames) -> None:
    async def approve(name: str, input: dict[str, Any], context: ToolPermissionContext) -> Any:
        assert (name, input) == ("ExitPlanMode", {"plan": "1. Do it."})
        return PermissionResultAllow()

    hames = official(calls("ExitPlanMode", plan="1. Do it."), says("Doing it."))
    messages = await conversation(hames.options(can_use_tool=approve, permission_mode="plan"))
    modes = [m.data for m in messages if isinstance(m, SystemMessage) and m.subtype == "status"]
    assert [data["permissionMode"] for data in modes] == ["default"]
    assert hames.api.requests[1].tool_results == [succeeded("1. Do it.")]


async def test_a_tool_of_the_client_is_asked_for_permission(official: Hames) -> None:
    asked: list[dict[str, Any]] = []

    @tool("approve", "Decide.", {"tool_name": str, "input": dict, "tool_use_id": str})
    async def approve(args: dict[str, Any]) -> dict[str, Any]:
        asked.append(args)
        return {"content": [{"type": "text", "text": '{"behavior": "allow"}'}]}

    hames = official(TOUCH, says("Done."))
    server = create_sdk_mcp_server("desk", tools=[approve])
    messages = await conversation(
        hames.options(
            mcp_servers={"desk": server}, permission_prompt_tool_name="mcp__desk__approve"
        )
    )
    assert [(a["tool_name"], a["input"]) for a in asked] == [("Bash", {"command": "touch made"})]
    assert (hames.cwd / "made").exists()
    assert result(messages).result == "Done."
    offered = [one["name"] for one in hames.api.requests[0].body["tools"]]
    assert "mcp__desk__approve" not in offered


async def test_a_call_is_put_off_and_gone_on_with_when_the_session_is_resumed(
    official: Hames,
) -> None:
    async def defer(input: Any, id: str | None, context: Any) -> Any:
        said = {"hookEventName": "PreToolUse", "permissionDecision": "defer"}
        return {"hookSpecificOutput": said}

    hames = official(TOUCH, says("Done."))
    hooks: Any = {"PreToolUse": [HookMatcher(matcher="Bash", hooks=[defer])]}
    first = result(await conversation(hames.options(hooks=hooks)))
    assert first.terminal_reason == "tool_deferred"
    waits = first.deferred_tool_use
    assert waits is not None
    assert (waits.name, waits.input) == ("Bash", {"command": "touch made"})
    assert not (hames.cwd / "made").exists()

    asked: list[str | None] = []

    async def allow(name: str, input: dict[str, Any], context: ToolPermissionContext) -> Any:
        asked.append(context.tool_use_id)
        return PermissionResultAllow()

    options = hames.options(can_use_tool=allow, resume=first.session_id)
    async with ClaudeSDKClient(options) as client:  # nothing has to be said
        messages = await response(client)
    assert (asked, result(messages).result) == ([waits.id], "Done.")
    assert (hames.cwd / "made").exists()
