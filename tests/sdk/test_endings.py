"""How sessions end in awkward states: closed half-way, with functions that do not cooperate."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest

from hames import AgentOptions, Client, ClientError, OptionsError, query, tool
from hames.agent.background import Background
from hames.agent.prompts.inbox import Prompt
from hames.events import Answered
from hames.providers.retry import RetryPolicy
from hames.sdk.client import as_prompt
from hames.sdk.supervisor import Supervisor
from hames.sessions.memory import MemoryStore
from hames.testing import Scripted, calls, hangs, says
from hames.tools.jobs import Job, Jobs


def options(plays: list[Any], tmp_path: Path, **more: Any) -> AgentOptions:
    return AgentOptions(
        **{"provider": Scripted(plays), "cwd": tmp_path, "session_store": MemoryStore(), **more}
    )


async def response(client: Client) -> list[Any]:
    async with asyncio.timeout(5):
        return [message async for message in client.receive_response()]


async def test_a_client_closed_while_it_connects_says_so(tmp_path: Path) -> None:
    client = Client(options([], tmp_path))
    connecting = asyncio.create_task(client.connect())
    await asyncio.sleep(0)
    await client.close()
    with pytest.raises(ClientError, match="closed while it connected"):
        await connecting
    await client.connect()
    await client.close()


async def test_a_connect_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    client = Client(options([], tmp_path))
    connecting = asyncio.create_task(client.connect())
    await asyncio.sleep(0)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    with pytest.raises(ClientError, match="not connected"):
        await client.query("x")


async def test_closing_twice_at_once_and_while_prompts_fail_ends_all(tmp_path: Path) -> None:
    async def prompts() -> Any:
        yield "go"
        raise LookupError("no more")

    client = Client(options([hangs()], tmp_path))
    await client.connect()
    await client.feed(prompts())
    await asyncio.gather(client.close(), client.close(), client.close())


async def test_a_prompt_that_comes_together_with_news_of_a_job_is_answered() -> None:
    jobs = Jobs()
    background = Background(jobs, 1.0)
    jobs.listeners.append(lambda job: background._changed.set())
    ended, came = asyncio.Event(), asyncio.Event()

    async def work() -> int | None:
        await ended.wait()
        return 0

    async def get() -> Prompt:
        await came.wait()
        return as_prompt("hello")

    jobs.start(Job("b1", "work", "toolu_1", "/none"), work())
    next_prompt = asyncio.create_task(background.prompt_or(get))
    await asyncio.sleep(0.01)
    ended.set()
    came.set()
    assert not (await next_prompt).synthetic
    assert len(background.news()) == 1


async def test_a_call_cut_short_by_closing_is_not_stored_as_without_effect(tmp_path: Path) -> None:
    started = asyncio.Event()
    store = MemoryStore()

    @tool
    async def pay() -> str:
        started.set()
        await asyncio.Event().wait()
        return ""

    client = Client(
        options([calls("pay") + calls("pay")], tmp_path, tools=[pay], session_store=store)
    )
    await client.connect("go")
    await started.wait()
    await client.close()

    provider = Scripted([says("I see.")])
    resumed = options(
        [], tmp_path, provider=provider, session_store=store, resume=client.session_id
    )
    [m async for m in query(prompt="What happened?", options=resumed)]
    running, unstarted = (
        b["content"] for b in provider.bodies[0]["messages"][2]["content"] if "tool_use_id" in b
    )
    assert "may have taken effect" in running
    assert "not started" in unstarted


async def test_an_interrupted_retry_is_paid_for_once_and_keeps_nothing(tmp_path: Path) -> None:
    plays = [says("Half a sentence that is lost.").cut(events=4), says("Back.")]
    never = RetryPolicy(base_delay=60, max_delay=60)
    provider = Scripted(plays)
    async with Client(options([], tmp_path, provider=provider, retry=never)) as client:
        await client.query("go")
        async for message in client.receive_messages():
            if getattr(message, "subtype", "") == "api_retry":
                break
        await client.interrupt()
        [*_, result] = await response(client)
        assert (result.terminal_reason, result.usage["input_tokens"]) == ("aborted_streaming", 100)
        await client.query("again")
        await response(client)
    assert b"Half a sentence" not in provider.requests[1].body()


async def test_a_listener_that_raises_does_not_end_the_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def listens(event: object) -> None:
        raise OSError("the collector is gone")

    async with Client(options([says("Hello.")], tmp_path)) as client:
        assert client._supervisor is not None
        (await client._supervisor.agent()).listeners.append(listens)
        await client.query("go")
        assert (await response(client))[-1].result == "Hello."
    assert "the collector is gone" in caplog.text


class Odd(MemoryStore):
    """A store of somebody else's: its appends do what a test says."""

    def __init__(self, act: Any) -> None:
        super().__init__()
        self.act = act

    async def append(self, key: Any, lines: Any) -> Any:
        await self.act()
        return await super().append(key, lines)


async def test_a_store_that_raises_anything_does_not_end_the_run(tmp_path: Path) -> None:
    async def breaks() -> None:
        raise LookupError("the table is gone")

    store = Odd(breaks)
    [*_, result] = [
        m
        async for m in query(
            prompt="go", options=options([says("Hi.")], tmp_path, session_store=store)
        )
    ]
    assert result.result == "Hi."
    assert "the table is gone" in str(result.obligations)


async def test_a_store_that_never_answers_does_not_hang_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hames.sessions.log._LONGEST_APPEND", 0.02)
    monkeypatch.setattr("hames.sessions.log._NEXT_APPEND", 0.01)

    async def hangs_forever() -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        store = Odd(hangs_forever)
        [*_, result] = [
            m
            async for m in query(
                prompt="go", options=options([says("Hi.")], tmp_path, session_store=store)
            )
        ]
    assert result.result == "Hi."
    assert "TimeoutError" in str(result.obligations)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
async def test_stored_sessions_leave_no_descriptor_open(tmp_path: Path) -> None:
    async def one() -> None:
        more = {"session_store": None, "env": {"CLAUDE_CONFIG_DIR": str(tmp_path / "config")}}
        [m async for m in query(prompt="go", options=options([says("Hi.")], tmp_path, **more))]

    await one()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        await one()
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_tool_that_ignores_the_interrupt_does_not_hold_up_the_result(
    tmp_path: Path,
) -> None:
    started, end = asyncio.Event(), asyncio.Event()

    @tool
    async def stubborn() -> str:
        started.set()
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                pass
        return ""

    async with Client(
        options([calls("stubborn"), says("On.")], tmp_path, tools=[stubborn])
    ) as client:
        await client.query("go")
        await started.wait()
        await client.interrupt()
        assert (await response(client))[-1].terminal_reason == "aborted_tools"
        await client.query("go on")
        assert (await response(client))[-1].result == "On."
    end.set()


async def test_a_tool_in_a_thread_that_never_returns_does_not_hold_up_the_result(
    tmp_path: Path,
) -> None:
    started, end = threading.Event(), threading.Event()

    @tool
    def stuck() -> str:
        started.set()
        end.wait()
        return ""

    async with Client(options([calls("stuck"), says("On.")], tmp_path, tools=[stuck])) as client:
        await client.query("go")
        await asyncio.to_thread(started.wait)
        await client.interrupt()
        assert (await response(client))[-1].terminal_reason == "aborted_tools"
        await client.query("go on")
        assert (await response(client))[-1].result == "On."
    end.set()


async def test_a_permission_callback_that_ignores_the_interrupt_does_not_hold_up_the_result(
    tmp_path: Path,
) -> None:
    asked, end = asyncio.Event(), asyncio.Event()

    @tool(ask=True)
    async def act() -> str:
        raise AssertionError("must not run")

    async def never(*_: Any) -> Any:
        asked.set()
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                pass

    more: dict[str, Any] = {"tools": [act], "can_use_tool": never}
    async with Client(options([calls("act"), says("On.")], tmp_path, **more)) as client:
        await client.query("go")
        await asked.wait()
        await client.interrupt()
        assert (await response(client))[-1].terminal_reason == "aborted_tools"
        await client.query("go on")
        assert (await response(client))[-1].result == "On."
    end.set()


async def test_a_tool_that_is_cancelled_from_within_fails_and_the_session_goes_on(
    tmp_path: Path,
) -> None:
    @tool
    async def waits() -> str:
        inner = asyncio.create_task(asyncio.sleep(10))
        inner.cancel()
        await inner
        return ""

    provider = Scripted([calls("waits"), says("On.")])
    async with Client(options([], tmp_path, provider=provider, tools=[waits])) as client:
        await client.query("go")
        assert (await response(client))[-1].result == "On."
    assert "cancelled itself" in str(provider.bodies[1]["messages"][-1])


async def test_a_tool_may_interrupt_its_own_session(tmp_path: Path) -> None:
    client: Client

    @tool
    async def stop() -> str:
        await client.interrupt()
        return "asked for it"

    plays = [calls("stop"), says("On."), calls("stop"), says("On.")]
    async with Client(options(plays, tmp_path, tools=[stop])) as client:
        for _ in range(2):
            await client.query("go")
            assert "aborted" in (await response(client))[-1].terminal_reason
            await client.query("go on")
            assert (await response(client))[-1].result == "On."


def test_a_tool_in_trio_is_cancelled_by_an_interrupt(tmp_path: Path) -> None:
    import trio

    cancelled = []

    async def main() -> str:
        started = trio.Event()

        @tool
        async def wait() -> str:
            started.set()
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                cancelled.append(True)
                raise

        async with Client(options([calls("wait")], tmp_path, tools=[wait])) as client:
            await client.query("go")
            await started.wait()
            await client.interrupt()
            with trio.fail_after(5):
                [*_, result] = [m async for m in client.receive_response()]
            return result.terminal_reason

    assert trio.run(main) == "aborted_tools"
    assert cancelled == [True]


async def test_an_interrupt_while_the_session_is_built_stops_the_first_prompt(
    tmp_path: Path,
) -> None:
    supervisor = Supervisor(options([says("Too late."), says("On.")], tmp_path))
    supervisor.prompt(as_prompt("go"))
    supervisor.interrupt()
    supervisor.prompt(as_prompt("go on"))
    supervisor.finish()
    results = []
    async with asyncio.timeout(5):
        while len(results) < 2:
            event = await supervisor.events.get()
            results += [event.result] if isinstance(event, Answered) else []
        await supervisor.closed()
    assert [result.terminal_reason for result in results] == ["aborted_streaming", "completed"]


async def test_an_interrupt_after_the_session_could_not_be_built_does_nothing(
    tmp_path: Path,
) -> None:
    supervisor = Supervisor(options([], tmp_path / "missing"))
    supervisor.prompt(as_prompt("go"))
    with pytest.raises(OptionsError):
        await supervisor.agent()
    supervisor.interrupt()
    supervisor.cancel()
    await supervisor.closed()
    supervisor.interrupt()


async def test_one_who_reads_slowly_or_not_at_all_does_not_hold_up_the_session(
    tmp_path: Path,
) -> None:
    more = {"include_partial_messages": True}
    client = Client(options([says("word " * 2000).forever()], tmp_path, **more))
    await client.connect("go")
    stream = client.receive_messages()
    await anext(stream)
    async with asyncio.timeout(5):
        await client.query("again")
        await client.close()


async def test_tools_are_forgotten_with_their_sessions(tmp_path: Path) -> None:
    """Also when the function refers to its own tool, as those of a client's owner do."""

    class Owner:
        tools: list[Any]

    async def one() -> weakref.ref[Owner]:
        owner = Owner()

        @tool
        def look() -> str:
            return str(owner)

        owner.tools = [look]
        [
            m
            async for m in query(
                prompt="go", options=options([says("Hi.")], tmp_path, tools=[look])
            )
        ]
        return weakref.ref(owner)

    forgotten = await one()
    gc.collect()
    assert forgotten() is None
