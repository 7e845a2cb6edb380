"""The official Python client drives `hames`: every test is a program that somebody has written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from claude_agent_sdk import (
    AssistantMessage,
    ClaudeAgentOptions,
    ClaudeSDKClient,
    HookMatcher,
    Message,
    PermissionResultAllow,
    PermissionResultDeny,
    ResultMessage,
    StreamEvent,
    SystemMessage,
    TextBlock,
    ToolResultBlock,
    UserMessage,
    create_sdk_mcp_server,
    query,
    tool,
)

from hames.testing import calls, fails, hangs, says

Hames = Callable[..., Any]
LIMIT = 30
"""Seconds after which something hangs."""


async def answers(client: ClaudeSDKClient, prompt: str) -> list[Message]:
    """All messages of one prompt, the result last."""
    async with asyncio.timeout(LIMIT):
        await client.query(prompt)
        return [message async for message in client.receive_response()]


async def asked(prompt: Any, options: ClaudeAgentOptions) -> list[Message]:
    """All messages of `query`."""
    async with asyncio.timeout(LIMIT):
        return [message async for message in query(prompt=prompt, options=options)]


def said(messages: list[Message]) -> list[str]:
    return [
        block.text
        for message in messages
        if isinstance(message, AssistantMessage)
        for block in message.content
        if isinstance(block, TextBlock)
    ]


def tool_results(messages: list[Message]) -> list[ToolResultBlock]:
    return [
        block
        for message in messages
        if isinstance(message, UserMessage) and isinstance(message.content, list)
        for block in message.content
        if isinstance(block, ToolResultBlock)
    ]


def results(messages: list[Message]) -> list[ResultMessage]:
    return [message for message in messages if isinstance(message, ResultMessage)]


async def test_a_string_is_answered(official: Hames) -> None:
    hames = official(says("Hello."))
    messages = await asked("Hi.", hames.options())
    init, *_, result = messages
    assert isinstance(init, SystemMessage)
    assert (init.subtype, init.data["claude_code_version"]) == ("init", "2.1.330")
    assert said(messages) == ["Hello."]
    assert isinstance(result, ResultMessage)
    assert (result.subtype, result.is_error, result.num_turns) == ("success", False, 1)
    assert (result.result, result.terminal_reason) == ("Hello.", "completed")
    assert hames.errors == []


async def test_without_a_system_prompt_none_is_sent(official: Hames) -> None:
    """Official: the client passes an empty `--system-prompt` unless the preset is asked for."""
    hames = official(says("1"), says("2"))
    await asked("Hi.", hames.options())
    await asked("Hi.", hames.options(system_prompt="You are a pirate."))
    assert [request.system_text for request in hames.api.requests] == ["", "You are a pirate."]


async def test_a_stream_of_prompts_is_answered_one_by_one(official: Hames) -> None:
    hames = official(says("One."), says("Two."))

    async def prompts() -> AsyncIterator[dict[str, Any]]:
        for text in ("First.", "Second."):
            yield {"type": "user", "message": {"role": "user", "content": text}}

    messages = await asked(prompts(), hames.options())
    assert [result.result for result in results(messages)] == ["One.", "Two."]


async def test_a_client_has_a_conversation(official: Hames) -> None:
    hames = official(says("One."), says("Two."))
    async with ClaudeSDKClient(hames.options()) as client:
        info = await client.get_server_info()
        first = await answers(client, "First.")
        second = await answers(client, "Second.")
    assert info is not None
    assert (info["current_permission_mode"], info["output_style"]) == ("default", "default")
    assert (said(first), said(second)) == (["One."], ["Two."])
    assert results(first)[0].session_id == results(second)[0].session_id
    assert [message["role"] for message in hames.api.requests[1].messages] == [
        "user",
        "assistant",
        "user",
    ]


async def test_an_allowed_call_runs(official: Hames) -> None:
    hames = official(calls("Bash", command="echo made > it", description="make it"), says("Made."))
    seen: list[Any] = []

    async def allow(tool: str, input: dict[str, Any], context: Any) -> PermissionResultAllow:
        seen.append((tool, input, context))
        return PermissionResultAllow()

    async with ClaudeSDKClient(hames.options(can_use_tool=allow)) as client:
        messages = await answers(client, "Make it.")
    [(name, input, context)] = seen
    assert (name, input["command"]) == ("Bash", "echo made > it")
    assert (context.display_name, context.description) == ("Bash", "make it")
    assert context.suggestions
    assert (hames.cwd / "it").read_text() == "made\n"
    assert results(messages)[0].permission_denials == []


async def test_a_call_runs_with_the_input_that_the_client_gives(official: Hames) -> None:
    hames = official(calls("Bash", command="touch theirs"), says("Made."))

    async def change(tool: str, input: dict[str, Any], context: Any) -> PermissionResultAllow:
        return PermissionResultAllow(updated_input={"command": "touch ours"})

    async with ClaudeSDKClient(hames.options(can_use_tool=change)) as client:
        await answers(client, "Make it.")
    assert [path.name for path in hames.cwd.iterdir()] == ["ours"]


async def test_the_model_is_told_why_a_call_is_denied(official: Hames) -> None:
    hames = official(calls("Bash", command="touch it"), says("Then not."))

    async def deny(tool: str, input: dict[str, Any], context: Any) -> PermissionResultDeny:
        return PermissionResultDeny(message="Not on a Sunday.")

    async with ClaudeSDKClient(hames.options(can_use_tool=deny)) as client:
        messages = await answers(client, "Make it.")
    [refused] = tool_results(messages)
    assert (refused.is_error, refused.content) == (True, "Not on a Sunday.")
    [result] = results(messages)
    assert (result.is_error, result.result) == (False, "Then not.")
    [denial] = result.permission_denials or []
    assert (denial["tool_name"], denial["tool_input"]) == ("Bash", {"command": "touch it"})
    assert not (hames.cwd / "it").exists()


async def test_a_denial_can_end_the_turn_and_the_session_goes_on(official: Hames) -> None:
    hames = official(calls("Bash", command="touch it"), says("Yes?"))

    async def deny(tool: str, input: dict[str, Any], context: Any) -> PermissionResultDeny:
        return PermissionResultDeny(message="Stop.", interrupt=True)

    async with ClaudeSDKClient(hames.options(can_use_tool=deny)) as client:
        messages = await answers(client, "Make it.")
        after = await answers(client, "Still there?")
    [result] = results(messages)
    assert (result.subtype, result.terminal_reason) == ("error_during_execution", "aborted_tools")
    assert said(after) == ["Yes?"]


async def test_a_callback_that_raises_allows_nothing(official: Hames) -> None:
    hames = official(calls("Bash", command="touch it"), says("Then not."))

    async def fail(tool: str, input: dict[str, Any], context: Any) -> PermissionResultAllow:
        raise RuntimeError("out of order")

    async with ClaudeSDKClient(hames.options(can_use_tool=fail)) as client:
        messages = await answers(client, "Make it.")
    [refused] = tool_results(messages)
    assert refused.is_error
    assert "out of order" in str(refused.content)
    assert results(messages)[0].result == "Then not."


async def test_a_changed_mode_holds_for_the_next_call(official: Hames) -> None:
    hames = official(
        calls("Write", file_path="it", content="1"),
        says("No."),
        calls("Write", file_path="it", content="1"),
        says("Made."),
    )
    async with ClaudeSDKClient(hames.options()) as client:
        before = await answers(client, "Make it.")
        await client.set_permission_mode("acceptEdits")
        after = await answers(client, "Make it.")
    assert len(results(before)[0].permission_denials or []) == 1
    assert results(after)[0].permission_denials == []
    assert (hames.cwd / "it").read_text() == "1"
    modes = [m.data.get("permissionMode") for m in after if isinstance(m, SystemMessage)]
    assert "acceptEdits" in modes


async def test_bypassing_permissions_needs_the_flag_at_the_start(official: Hames) -> None:
    hames = official()
    async with ClaudeSDKClient(hames.options()) as client:
        with pytest.raises(Exception, match="allow-dangerously-skip-permissions"):
            await client.set_permission_mode("bypassPermissions")


async def test_a_changed_model_answers_the_next_prompt(official: Hames) -> None:
    hames = official(says("1"), says("2"), says("3"))
    async with ClaudeSDKClient(hames.options(model="claude-sonnet-4-5")) as client:
        await answers(client, "One.")
        await client.set_model("claude-haiku-4-5")
        await answers(client, "Two.")
        await client.set_model(None)
        await answers(client, "Three.")
    assert [request.model for request in hames.api.requests] == [
        "claude-sonnet-4-5",
        "claude-haiku-4-5",
        "claude-sonnet-4-5",
    ]


async def test_partial_messages_join_to_the_whole(official: Hames) -> None:
    text = "Hello, whoever you are. " * 5
    hames = official(says(text))
    messages = await asked("Hi.", hames.options(include_partial_messages=True))
    deltas = [
        message.event["delta"]["text"]
        for message in messages
        if isinstance(message, StreamEvent) and message.event["type"] == "content_block_delta"
    ]
    assert len(deltas) > 1
    assert "".join(deltas) == text


async def test_an_interrupt_stops_a_stream(official: Hames) -> None:
    hames = official(says("Hello, whoever you are.").hang(events=4), says("Yes?"))
    options = hames.options(include_partial_messages=True)
    async with asyncio.timeout(LIMIT), ClaudeSDKClient(options) as client:
        await client.query("Hi.")
        messages: list[Message] = []
        async for message in client.receive_response():
            messages.append(message)
            if isinstance(message, StreamEvent) and "delta" in message.event:
                await client.interrupt()
        after = await answers(client, "Still there?")
    [result] = results(messages)
    assert (result.subtype, result.terminal_reason) == (
        "error_during_execution",
        "aborted_streaming",
    )
    assert said(after) == ["Yes?"]


async def test_an_interrupt_stops_a_call(official: Hames) -> None:
    hames = official(calls("Bash", command="touch begun; sleep 60"), says("Yes?"))
    options = hames.options(allowed_tools=["Bash"])
    async with asyncio.timeout(LIMIT), ClaudeSDKClient(options) as client:
        await client.query("Wait.")
        while not (hames.cwd / "begun").exists():  # noqa: ASYNC110, another process makes it
            await asyncio.sleep(0.01)
        await client.interrupt()
        messages = [message async for message in client.receive_response()]
        after = await answers(client, "Still there?")
    [stopped] = tool_results(messages)
    assert stopped.is_error
    [result] = results(messages)
    assert (result.subtype, result.terminal_reason) == ("error_during_execution", "aborted_tools")
    assert said(after) == ["Yes?"]


async def test_an_interrupt_takes_a_permission_question_back(official: Hames) -> None:
    hames = official(calls("Bash", command="touch it"), says("Yes?"))
    asking, cancelled = asyncio.Event(), asyncio.Event()

    async def never(tool: str, input: dict[str, Any], context: Any) -> PermissionResultAllow:
        asking.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return PermissionResultAllow()

    options = hames.options(can_use_tool=never)
    async with asyncio.timeout(LIMIT), ClaudeSDKClient(options) as client:
        await client.query("Make it.")
        await asking.wait()
        await client.interrupt()
        messages = [message async for message in client.receive_response()]
        await cancelled.wait()
        after = await answers(client, "Still there?")
    assert results(messages)[0].terminal_reason == "aborted_tools"
    assert said(after) == ["Yes?"]


async def test_a_failed_request_is_a_result_and_then_an_exception(official: Hames) -> None:
    """Official: a query yields the error result, then raises its text."""
    hames = official(fails(400, "This cannot be."))
    seen: list[Message] = []
    with pytest.raises(Exception, match="This cannot be"):  # noqa: PT012
        async for message in query(prompt="Hi.", options=hames.options()):
            seen.append(message)
    [result] = results(seen)
    assert (result.subtype, result.is_error, result.api_error_status) == ("success", True, 400)


async def test_a_session_goes_on_after_an_error(official: Hames) -> None:
    hames = official(fails(400, "This cannot be."), says("Better."))
    async with ClaudeSDKClient(hames.options()) as client:
        first = await answers(client, "Hi.")
        second = await answers(client, "Again.")
    assert (results(first)[0].is_error, said(second)) == (True, ["Better."])


async def test_turns_are_limited(official: Hames) -> None:
    hames = official(calls("Glob", pattern="*").forever())
    seen: list[Message] = []
    with pytest.raises(Exception, match="maximum number of turns"):  # noqa: PT012
        async for message in query(prompt="Hi.", options=hames.options(max_turns=2)):
            seen.append(message)
    [result] = results(seen)
    assert (result.subtype, result.num_turns) == ("error_max_turns", 3)


@tool("add", "Add two numbers.", {"a": int, "b": int})
async def add(args: dict[str, Any]) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": str(args["a"] + args["b"])}]}


@tool("fail", "Fails.", {})
async def fail(args: dict[str, Any]) -> dict[str, Any]:
    raise RuntimeError("out of order")


async def test_tools_of_the_program_are_called(official: Hames) -> None:
    hames = official(calls("mcp__calc__add", a=1, b=2), calls("mcp__calc__fail"), says("Three."))
    server = create_sdk_mcp_server("calc", tools=[add, fail])
    options = hames.options(mcp_servers={"calc": server}, allowed_tools=["mcp__calc"])
    async with ClaudeSDKClient(options) as client:
        status = await client.get_mcp_status()
        messages = await answers(client, "1 + 2?")
    [listed] = status["mcpServers"]
    assert (listed["name"], listed["status"]) == ("calc", "connected")
    assert [known["name"] for known in listed["tools"]] == ["add", "fail"]
    added, failed = tool_results(messages)
    assert (added.content, added.is_error) == ([{"type": "text", "text": "3"}], None)
    assert failed.is_error
    assert "out of order" in str(failed.content)
    assert "mcp__calc__add" in hames.api.requests[0].tools


async def test_servers_of_the_program_are_switched_off_and_on(official: Hames) -> None:
    hames = official(says("One."), says("Two."))
    server = create_sdk_mcp_server("calc", tools=[add])
    async with ClaudeSDKClient(hames.options(mcp_servers={"calc": server})) as client:
        await client.toggle_mcp_server("calc", False)
        [off] = (await client.get_mcp_status())["mcpServers"]
        await answers(client, "Without.")
        await client.toggle_mcp_server("calc", True)
        await client.reconnect_mcp_server("calc")
        with pytest.raises(Exception, match="Server not found: none"):
            await client.reconnect_mcp_server("none")
        await answers(client, "With.")
    assert off["status"] == "disabled"
    offered = ["mcp__calc__add" in request.tools for request in hames.api.requests]
    assert offered == [False, True]


async def test_tools_of_the_program_are_asked_about_too(official: Hames) -> None:
    hames = official(calls("mcp__calc__add", a=1, b=2), says("No."))
    server = create_sdk_mcp_server("calc", tools=[add])
    messages = await asked("1 + 2?", hames.options(mcp_servers={"calc": server}))
    [refused] = tool_results(messages)
    assert refused.is_error
    assert len(results(messages)[0].permission_denials or []) == 1


async def test_hooks_of_the_program_are_called(official: Hames) -> None:
    hames = official(calls("Bash", command="echo 1"), calls("Bash", command="rm x"), says("Done."))
    heard: list[str] = []

    async def watch(input: Any, tool_use_id: str | None, context: Any) -> Any:
        command = input["tool_input"]["command"]
        heard.append(command)
        if not command.startswith("rm"):
            return {}
        decision = {"permissionDecision": "deny", "permissionDecisionReason": "Keep it."}
        return {"hookSpecificOutput": {"hookEventName": "PreToolUse", **decision}}

    hooks = {"PreToolUse": [HookMatcher(matcher="Bash", hooks=[watch])]}
    messages = await asked("Go.", hames.options(hooks=hooks))
    assert heard == ["echo 1", "rm x"]
    ran, denied = tool_results(messages)
    assert (ran.content, denied.is_error) == ("1", True)
    assert "Keep it." in str(denied.content)


async def test_sessions_are_resumed_continued_and_forked(official: Hames) -> None:
    hames = official(says("One."), says("Two."), says("Three."), says("Four."))
    [first] = results(await asked("First.", hames.options()))
    [second] = results(await asked("Second.", hames.options(resume=first.session_id)))
    [third] = results(await asked("Third.", hames.options(continue_conversation=True)))
    fork = hames.options(resume=first.session_id, fork_session=True)
    [fourth] = results(await asked("Fourth.", fork))
    assert first.session_id == second.session_id == third.session_id != fourth.session_id
    assert [len(request.messages) for request in hames.api.requests] == [1, 3, 5, 7]


async def test_a_session_that_is_not_there_is_an_error(official: Hames) -> None:
    hames = official()
    missing = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(Exception, match="No conversation found with session ID"):
        await asked("Hi.", hames.options(resume=missing))


async def test_context_usage_is_told(official: Hames) -> None:
    hames = official(says("Hello."))
    async with ClaudeSDKClient(hames.options()) as client:
        before = await client.get_context_usage()
        await answers(client, "Hi.")
        after = await client.get_context_usage()
    assert 0 < before["totalTokens"] < before["maxTokens"]
    assert before["apiUsage"] is None
    assert after["apiUsage"] is not None
    used = [c["tokens"] for c in after["categories"] if c["kind"] == "used"]  # type: ignore[typeddict-item]
    assert sum(used) == after["totalTokens"]


async def test_agents_are_listed(official: Hames) -> None:
    """Our choice until they can be called: a client that brings them works, and is told."""
    from claude_agent_sdk import AgentDefinition

    hames = official(says("Hello."))
    options = hames.options(
        agents={"helper": AgentDefinition("Helps.", "You help.", model="haiku")}
    )
    async with ClaudeSDKClient(options) as client:
        info = await client.get_server_info()
        messages = await answers(client, "Hi.")
    assert info is not None
    assert info["agents"] == [{"name": "helper", "description": "Helps.", "model": "haiku"}]
    assert messages[0].data["agents"] == ["helper"]


async def test_a_store_gets_what_is_stored(official: Hames) -> None:
    from claude_agent_sdk import InMemorySessionStore

    hames = official(says("Hello."))
    store = InMemorySessionStore()
    [result] = results(await asked("Hi.", hames.options(session_store=store)))
    [stored] = (hames.cwd.parent / "config" / "projects").glob("*/*.jsonl")
    key = {"project_key": stored.parent.name, "session_id": result.session_id}
    entries = await store.load(key)  # type: ignore[arg-type]
    assert entries is not None
    assert [entry["type"] for entry in entries if entry["type"] in ("user", "assistant")] == [
        "user",
        "user",
        "assistant",
    ]


async def test_a_silent_api_is_interrupted_by_leaving(official: Hames) -> None:
    hames = official(hangs())
    async with asyncio.timeout(LIMIT), ClaudeSDKClient(hames.options()) as client:
        await client.query("Hi.")
        await hames.api.received(1)
