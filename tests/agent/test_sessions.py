"""Sessions through the agent: stored as they happen, continued byte for byte."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hames import AgentOptions, Client, OptionsError, SessionExists, SessionNotFound, query, tool
from hames.sessions.memory import MemoryStore
from hames.testing import Scripted, assert_prefix_stable, calls, fails, says, thinks
from hames.testing.recorder import Recorder


@tool(parallel=True)
def look(what: str) -> str:
    """Look."""
    return f"{what} seen"


async def answered(provider: Any, store: Any, cwd: Path, **more: Any) -> Any:
    options = AgentOptions(provider=provider, session_store=store, cwd=cwd, tools=[look], **more)
    return [m async for m in query(prompt=more.pop("prompt", "go"), options=options)][-1]


async def test_a_resumed_session_sends_the_same_bytes(tmp_path: Path) -> None:
    store = MemoryStore()
    first = Recorder(
        Scripted(
            [
                thinks("Hm.")
                + says("Both.")
                + calls("look", '{ "what" : "b" }')
                + calls("look", what="a"),
                says("Seen."),
            ]
        )
    )
    done = await answered(first, store, tmp_path)
    second = Recorder(Scripted([calls("look", what="c"), says("Again.")]))
    await answered(second, store, tmp_path, resume=done.session_id)
    third = Recorder(Scripted([says("Third.")]))
    result = await answered(third, store, tmp_path, resume=done.session_id)
    assert_prefix_stable([*first.requests, *second.requests, *third.requests])
    assert (result.session_id, result.result) == (done.session_id, "Third.")


async def test_the_cost_of_a_resumed_session_goes_on(tmp_path: Path) -> None:
    store = MemoryStore()
    done = await answered(
        Scripted([says("1").using(input_tokens=1_000_000)]), store, tmp_path, model="sonnet"
    )
    again = await answered(
        Scripted([says("2")]), store, tmp_path, model="sonnet", resume=done.session_id
    )
    assert again.total_cost_usd > done.total_cost_usd > 1
    assert again.usage["input_tokens"] == 100


async def test_continue_takes_the_newest_session_of_the_folder_or_a_new_one(tmp_path: Path) -> None:
    store = MemoryStore()
    new = await answered(Scripted([says("1")]), store, tmp_path, continue_conversation=True)
    again = await answered(Scripted([says("2")]), store, tmp_path, continue_conversation=True)
    assert new.session_id == again.session_id


async def test_a_fork_leaves_the_original_as_it_is(tmp_path: Path) -> None:
    store = MemoryStore()
    done = await answered(Scripted([says("1")]), store, tmp_path)
    copy = await answered(
        Scripted([says("2")]), store, tmp_path, resume=done.session_id, fork_session=True
    )
    assert copy.session_id != done.session_id
    provider = Scripted([says("3")])
    await answered(provider, store, tmp_path, resume=done.session_id)
    assert [m["role"] for m in provider.bodies[0]["messages"]] == ["user", "assistant", "user"]
    provider = Scripted([says("4")])
    await answered(provider, store, tmp_path, resume=copy.session_id)
    assert [m["role"] for m in provider.bodies[0]["messages"]] == ["user", "assistant"] * 2 + [
        "user"
    ]


async def test_a_chosen_id_is_used_once(tmp_path: Path) -> None:
    store = MemoryStore()
    chosen = "0b5c1d1e-2f3a-4b4c-8d5e-6f7a8b9c0d1e"
    assert (
        await answered(Scripted([says("1")]), store, tmp_path, session_id=chosen)
    ).session_id == chosen
    with pytest.raises(SessionExists, match=chosen):
        await answered(Scripted([]), store, tmp_path, session_id=chosen)
    with pytest.raises(OptionsError, match="UUID"):
        await answered(Scripted([]), store, tmp_path, session_id="mine")


async def test_an_unknown_session_is_named(tmp_path: Path) -> None:
    unknown = "0b5c1d1e-2f3a-4b4c-8d5e-000000000000"
    with pytest.raises(SessionNotFound, match=f"No conversation found with session ID: {unknown}"):
        await answered(Scripted([]), MemoryStore(), tmp_path, resume=unknown)


async def test_options_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    store = MemoryStore()
    done = await answered(Scripted([says("1")]), store, tmp_path)
    for more in (
        {"resume": done.session_id, "continue_conversation": True},
        {"fork_session": True},
        {"resume": done.session_id, "session_id": "0b5c1d1e-2f3a-4b4c-8d5e-6f7a8b9c0d1e"},
    ):
        with pytest.raises(OptionsError):
            await answered(Scripted([]), store, tmp_path, **more)


async def test_without_persistence_nothing_is_stored(tmp_path: Path) -> None:
    store = MemoryStore()
    await answered(Scripted([says("1")]), store, tmp_path, persist_session=False)
    assert await store.list() == []


async def test_a_session_left_in_a_call_goes_on_and_the_model_is_told(tmp_path: Path) -> None:
    store = MemoryStore()
    started = asyncio.Event()

    @tool
    async def wait() -> str:
        started.set()
        await asyncio.Event().wait()
        return ""

    options = AgentOptions(
        provider=Scripted([calls("wait") + calls("wait")]),
        session_store=store,
        cwd=tmp_path,
        tools=[wait],
    )
    client = Client(options)
    await client.connect("go")
    await started.wait()
    # The process dies: what is stored at this moment is all there is.
    frozen = MemoryStore()
    for stored in await store.list():
        await frozen.append(stored.key, await store.load(stored.key) or [])
    await client.close()

    provider = Scripted([says("I see.")])
    await answered(provider, frozen, tmp_path, resume=(await frozen.list())[0].key.session_id)
    first, second = provider.bodies[0]["messages"][2]["content"][:2]
    assert "was started" in first["content"]
    assert "not run" in second["content"]


async def test_a_failed_request_leaves_a_session_that_goes_on(tmp_path: Path) -> None:
    store = MemoryStore()
    failed = await answered(Scripted([fails(400, "credit balance")]), store, tmp_path)
    assert (failed.subtype, failed.is_error, failed.api_error_status) == ("success", True, 400)
    assert "credit balance" in failed.result
    provider = Scripted([says("Back.")])
    again = await answered(provider, store, tmp_path, resume=failed.session_id)
    assert again.result == "Back."
    assert len(provider.bodies[0]["messages"]) == 1


async def test_what_had_arrived_before_an_interrupt_is_kept(tmp_path: Path) -> None:
    store = MemoryStore()
    provider = Scripted(
        [says("One two three four five six seven eight nine ten.").hang(events=4), says("ok")]
    )
    async with Client(
        AgentOptions(
            provider=provider, session_store=store, cwd=tmp_path, include_partial_messages=True
        )
    ) as client:
        await client.query("count")
        async for message in client.receive_response():
            if (
                type(message).__name__ == "StreamEvent"
                and message.event["type"] == "content_block_delta"
            ):
                await client.interrupt()
        await client.query("go on")
        [m async for m in client.receive_response()]
    partial, note = provider.bodies[1]["messages"][1:]
    assert partial["content"][0]["text"].startswith("One two")
    assert note["content"][0]["text"] == "[Request interrupted by user]"


async def test_commands_know_their_session_and_not_our_credentials(
    harness: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "s3cret")
    command = 'echo "$CLAUDE_CODE_SESSION_ID $CLAUDE_CODE_ENTRYPOINT [$ANTHROPIC_API_KEY]"'
    run = await harness([calls("Bash", command=command), says("ok")], allowed_tools=["Bash"])
    assert run.requests[1].tool_results[0]["content"] == f"{run.session_id} sdk-py []"
