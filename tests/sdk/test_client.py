"""The client and `query`: prompts in, messages out, from any world, nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path
from typing import Any

import pytest

from hames import (
    AgentOptions,
    AssistantMessage,
    Client,
    ClientError,
    OptionsError,
    PermissionResultAllow,
    PermissionResultDeny,
    ResultError,
    ResultMessage,
    SystemMessage,
    ToolPermissionContext,
    UserMessage,
    query,
    run,
    tool,
)
from hames.testing import Scripted, calls, fails, hangs, says


def options(plays: list[Any], tmp_path: Path, **more: Any) -> AgentOptions:
    return AgentOptions(provider=Scripted(plays), cwd=tmp_path, persist_session=False, **more)


def kinds(messages: list[Any]) -> list[str]:
    return [type(message).__name__ for message in messages]


async def test_query_yields_init_messages_and_the_result(tmp_path: Path) -> None:
    messages = [m async for m in query(prompt="hi", options=options([says("Hello.")], tmp_path))]
    assert kinds(messages) == ["SystemMessage", "AssistantMessage", "ResultMessage"]
    init, said, result = messages
    assert isinstance(init, SystemMessage)
    assert (init.subtype, init.data["cwd"], init.data["permissionMode"]) == (
        "init",
        str(tmp_path),
        "default",
    )
    assert isinstance(said, AssistantMessage)
    assert said.text == "Hello."
    assert isinstance(result, ResultMessage)
    assert result.session_id == init.data["session_id"] == said.session_id


async def test_a_stream_of_prompts_gets_an_answer_each(tmp_path: Path) -> None:
    answered = asyncio.Event()

    async def prompts() -> Any:
        yield "one"
        await answered.wait()
        yield {
            "type": "user",
            "message": {"role": "user", "content": [{"type": "text", "text": "two"}]},
        }

    results = []
    async for message in query(prompt=prompts(), options=options([says("1"), says("2")], tmp_path)):
        if isinstance(message, ResultMessage):
            results.append(message.result)
            answered.set()
    assert results == ["1", "2"]


async def test_what_a_stream_of_prompts_raises_reaches_the_caller(tmp_path: Path) -> None:
    async def prompts() -> Any:
        raise LookupError("no more letters")
        yield ""

    with pytest.raises(LookupError, match="no more letters"):
        async for _ in query(prompt=prompts(), options=options([], tmp_path)):
            pass


async def test_leaving_the_loop_early_ends_the_session(tmp_path: Path) -> None:
    ended = asyncio.Event()

    @tool
    async def wait() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    async for message in query(
        prompt="go", options=options([calls("wait")], tmp_path, tools=[wait])
    ):
        if isinstance(message, AssistantMessage):
            await asyncio.sleep(0)
            break
    del message
    gc.collect()
    await asyncio.sleep(0)
    for _ in range(100):
        if len(asyncio.all_tasks()) == 1:
            break
        await asyncio.sleep(0.01)
    assert len(asyncio.all_tasks()) == 1


async def test_a_client_holds_a_conversation(tmp_path: Path) -> None:
    provider = Scripted([says("Hello."), says("You said hi.")])
    async with Client(
        AgentOptions(provider=provider, cwd=tmp_path, persist_session=False)
    ) as client:
        await client.query("hi")
        first = [m async for m in client.receive_response()]
        await client.query("what did I say?")
        second = [m async for m in client.receive_response()]
    assert (first[-1].result, second[-1].result) == ("Hello.", "You said hi.")
    texts = [[b["text"] for b in m["content"]] for m in provider.bodies[1]["messages"]]
    assert texts[0][-1] == "hi"
    assert texts[1:] == [["Hello."], ["what did I say?"]]


async def test_prompts_that_come_during_a_round_of_tools_join_the_answer(tmp_path: Path) -> None:
    client: Client

    @tool
    async def step() -> str:
        await client.query("and be quick")
        return "ok"

    provider = Scripted([calls("step"), says("Done, quickly.")])
    async with Client(
        AgentOptions(provider=provider, cwd=tmp_path, persist_session=False, tools=[step])
    ) as client:
        await client.query("go")
        messages = [m async for m in client.receive_response()]
    assert messages[-1].result == "Done, quickly."
    assert provider.bodies[1]["messages"][-1]["content"][-1]["text"] == "and be quick"


async def test_interrupt_while_waiting_for_the_model_gives_a_result_at_once(tmp_path: Path) -> None:
    async with Client(options([hangs(), says("Back.")], tmp_path)) as client:
        await client.query("go")
        stream = client.receive_response()
        await anext(stream)
        await client.interrupt()
        async with asyncio.timeout(2):
            messages = [m async for m in stream]
        result = messages[-1]
        assert (result.subtype, result.terminal_reason) == (
            "error_during_execution",
            "aborted_streaming",
        )
        await client.query("again")
        assert [m async for m in client.receive_response()][-1].result == "Back."


async def test_interrupt_right_after_the_prompt_stops_it_too(tmp_path: Path) -> None:
    async with Client(options([hangs()], tmp_path)) as client:
        await client.query("go")
        await client.interrupt()
        async with asyncio.timeout(2):
            messages = [m async for m in client.receive_response()]
    assert messages[-1].terminal_reason == "aborted_streaming"


async def test_interrupt_in_a_tool_stops_it_and_tells_the_model(tmp_path: Path) -> None:
    started = asyncio.Event()

    @tool
    async def wait() -> str:
        started.set()
        await asyncio.Event().wait()
        return ""

    provider = Scripted([calls("wait") + calls("wait"), says("Stopped.")])
    async with Client(
        AgentOptions(provider=provider, cwd=tmp_path, persist_session=False, tools=[wait])
    ) as client:
        await client.query("go")
        await started.wait()
        await client.interrupt()
        async with asyncio.timeout(2):
            messages = [m async for m in client.receive_response()]
        assert messages[-1].terminal_reason == "aborted_tools"
        await client.query("what happened?")
        assert [m async for m in client.receive_response()][-1].result == "Stopped."
    running, unstarted, note, prompt = provider.bodies[1]["messages"][2]["content"]
    assert "while it was running" in running["content"]
    assert "not started" in unstarted["content"]
    assert note["text"] == "[Request interrupted by user for tool use]"
    assert prompt["text"] == "what happened?"


async def test_the_permission_callback_decides_what_no_rule_decides(tmp_path: Path) -> None:
    asked: list[tuple[str, dict[str, Any], str | None]] = []

    async def judge(name: str, input: dict[str, Any], context: ToolPermissionContext) -> Any:
        asked.append((name, input, context.tool_use_id))
        if input["what"] == "bad":
            return PermissionResultDeny(message="Not that.")
        return PermissionResultAllow(updated_input={"what": "better"})

    got: list[str] = []

    @tool(ask=True)
    def act(what: str) -> str:
        got.append(what)
        return what

    provider = Scripted([calls("act", what="good") + calls("act", what="bad"), says("Done.")])
    messages = [
        m
        async for m in query(
            prompt="go",
            options=AgentOptions(
                provider=provider,
                cwd=tmp_path,
                persist_session=False,
                tools=[act],
                can_use_tool=judge,
            ),
        )
    ]
    assert [a[:2] for a in asked] == [("act", {"what": "good"}), ("act", {"what": "bad"})]
    assert got == ["better"]
    allowed, denied = provider.bodies[1]["messages"][2]["content"]
    assert (allowed["content"], denied["content"], denied["is_error"]) == (
        "better",
        "Not that.",
        True,
    )
    assert [d["tool_input"] for d in messages[-1].permission_denials] == [{"what": "bad"}]


async def test_without_a_callback_an_open_call_is_denied_told_and_listed(tmp_path: Path) -> None:
    @tool(ask=True)
    def act() -> str:
        raise AssertionError("must not run")

    messages = [
        m
        async for m in query(
            prompt="go", options=options([calls("act"), says("Could not.")], tmp_path, tools=[act])
        )
    ]
    result = messages[-1]
    assert (result.subtype, result.is_error, result.result) == ("success", False, "Could not.")
    assert [d["tool_name"] for d in result.permission_denials] == ["act"]
    assert {
        "kind": "permission_denied",
        "tool_name": "act",
        "tool_use_id": result.permission_denials[0]["tool_use_id"],
    } in result.obligations
    assert "permission_denied" in [m.subtype for m in messages if isinstance(m, SystemMessage)]
    told = next(m for m in messages if isinstance(m, UserMessage)).content[0]
    assert (told.is_error, "permission" in told.content) == (True, True)


async def test_a_denial_that_interrupts_ends_the_turn(tmp_path: Path) -> None:
    @tool(ask=True)
    def act() -> str:
        return ""

    def judge(name: str, input: dict[str, Any], context: ToolPermissionContext) -> Any:
        return PermissionResultDeny(message="Stop.", interrupt=True)

    opts = options([calls("act") + calls("act")], tmp_path, tools=[act], can_use_tool=judge)
    messages = [m async for m in query(prompt="go", options=opts)]
    assert (messages[-1].subtype, messages[-1].terminal_reason) == (
        "error_during_execution",
        "aborted_tools",
    )


async def test_a_failing_permission_callback_is_no_permission(tmp_path: Path) -> None:
    @tool(ask=True)
    def act() -> str:
        raise AssertionError("must not run")

    def judge(*_: Any) -> Any:
        raise OSError("approval server is down")

    provider = Scripted([calls("act"), says("ok")])
    opts = AgentOptions(
        provider=provider, cwd=tmp_path, persist_session=False, tools=[act], can_use_tool=judge
    )
    [m async for m in query(prompt="go", options=opts)]
    assert "approval server is down" in provider.bodies[1]["messages"][2]["content"][0]["content"]


async def test_model_and_mode_can_be_changed_between_prompts(tmp_path: Path) -> None:
    provider = Scripted([says("1"), says("2")])
    async with Client(
        AgentOptions(provider=provider, cwd=tmp_path, persist_session=False, model="sonnet")
    ) as client:
        await client.query("a")
        [m async for m in client.receive_response()]
        await client.set_model("claude-opus-4-6")
        await client.set_permission_mode("plan")
        await client.query("b")
        messages = [m async for m in client.receive_response()]
    assert provider.bodies[0]["model"] != provider.bodies[1]["model"] == "claude-opus-4-6"
    init = next(m for m in messages if isinstance(m, SystemMessage) and m.subtype == "init")
    assert (init.data["model"], init.data["permissionMode"]) == ("claude-opus-4-6", "plan")


async def test_wrong_options_are_raised_where_the_session_starts(tmp_path: Path) -> None:
    for wrong in (
        {"cwd": tmp_path / "missing"},
        {"tools": ["Nope"]},
        {"permission_mode": "sometimes"},
    ):
        opts = AgentOptions(
            **{"provider": Scripted([]), "cwd": tmp_path, "persist_session": False, **wrong}
        )
        with pytest.raises(OptionsError, match=r"missing|Nope|sometimes"):
            async for _ in query(prompt="x", options=opts):
                pass
        client = Client(opts)
        with pytest.raises(OptionsError):
            await client.connect()
        await client.close()


async def test_a_client_that_is_not_connected_says_so(tmp_path: Path) -> None:
    client = Client(options([], tmp_path))
    with pytest.raises(ClientError, match="connect"):
        await client.query("x")
    await client.close()
    async with client:
        with pytest.raises(ClientError, match="already"):
            await client.connect()


async def test_a_client_can_be_closed_from_another_task_and_another_thread(tmp_path: Path) -> None:
    client = Client(options([hangs(), hangs()], tmp_path))
    await client.connect("go")
    await asyncio.create_task(client.close())
    await client.connect("go")
    await asyncio.to_thread(lambda: asyncio.run(client.close()))


def test_run_answers_and_returns_the_result(tmp_path: Path) -> None:
    seen: list[Any] = []
    result = run("hi", options([says("Hello.")], tmp_path), on_message=seen.append)
    assert (result.text, kinds(seen)[-1]) == ("Hello.", "ResultMessage")


def test_run_raises_for_an_error_result_unless_told_not_to(tmp_path: Path) -> None:
    with pytest.raises(ResultError) as caught:
        run("hi", options([fails(400, "bad request")], tmp_path))
    assert caught.value.result.api_error_status == 400
    assert run("hi", options([fails(400)], tmp_path), check=False).is_error


async def test_run_works_inside_a_running_loop(tmp_path: Path) -> None:
    """As in a notebook, where the loop runs and cells are plain code."""
    assert run("hi", options([says("Hello.")], tmp_path)).result == "Hello."


def test_trio_programs_use_the_same_names(tmp_path: Path) -> None:
    import trio

    threads: set[int] = set()

    @tool
    async def where() -> str:
        await trio.lowlevel.checkpoint()
        threads.add(threading.get_ident())
        return "here"

    async def judge(*_: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return PermissionResultAllow()

    async def main() -> list[Any]:
        opts = options([calls("where"), says("Done.")], tmp_path, tools=[where], can_use_tool=judge)
        return [m async for m in query(prompt="go", options=opts)]

    messages = trio.run(main)
    assert messages[-1].result == "Done."
    assert threads == {threading.get_ident()}
