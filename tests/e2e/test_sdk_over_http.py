"""`query`, `Client`, `run` and `@tool` over real HTTP: from tasks, threads, running loops and Trio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from asked import ask, options_for

from hames import (
    AssistantMessage,
    Client,
    PermissionResultAllow,
    PermissionResultDeny,
    ResultError,
    ResultMessage,
    StreamEvent,
    UnknownBlock,
    query,
    run,
    tool,
)
from hames.testing import FakeAPI, calls, fails, gives, hangs, says, thinks

Start = Callable[..., FakeAPI]


async def rest(client: Client) -> ResultMessage:
    """The result of the answer under way."""
    async with asyncio.timeout(10):
        messages = [message async for message in client.receive_response()]
    assert isinstance(messages[-1], ResultMessage)
    return messages[-1]


# Tools of one's own


async def test_functions_are_tools_and_their_results_stand_in_the_order_asked(
    fake_api: Start, tmp_path: Path
) -> None:
    second_ran = asyncio.Event()

    @tool(parallel=True)
    async def slow(city: str) -> str:
        """The weather in a city, slowly."""
        await asyncio.wait_for(second_ran.wait(), 5)
        return f"Rain in {city}."

    @tool(parallel=True)
    async def quick(city: str, days: int = 1) -> str:
        """The forecast of a city."""
        second_ran.set()
        return f"Sun in {city} for {days + 1} days."

    both = (
        thinks("Hm.") + calls("slow", city="Oslo", call_id="a") + says("And:")
        + calls("quick", city="Rome", days=2, call_id="b")
    )  # fmt: skip
    api = fake_api([both, says("Done.")])
    asked = await ask(api, tmp_path, tools=[slow, quick], allowed_tools=["slow", "quick"])
    assert asked.result.result == "Done."
    first, second = api.requests
    assert first.tools["quick"]["description"] == "The forecast of a city."
    schema = first.tools["quick"]["input_schema"]
    assert (schema["required"], schema["properties"]["days"]["type"]) == (["city"], "integer")
    assert [block["type"] for block in second.messages[-2]["content"]] == [
        "thinking", "tool_use", "text", "tool_use",
    ]  # fmt: skip
    assert [result["tool_use_id"] for result in second.tool_results] == ["a", "b"]
    assert second.result_texts == ["Rain in Oslo.", "Sun in Rome for 3 days."]


async def test_a_plain_function_may_fail_and_wrong_arguments_are_told(
    fake_api: Start, tmp_path: Path
) -> None:
    def divide(a: int, b: int) -> float:
        """Divide a by b."""
        return a / b

    plays = [calls("divide", a=1, b=0) + calls("divide", a="one"), says("Done.")]
    api = fake_api(plays)
    asked = await ask(api, tmp_path, tools=[divide], allowed_tools=["divide"])
    assert asked.result.result == "Done."
    by_zero, wrong = api.requests[1].tool_results
    assert by_zero["is_error"] is wrong["is_error"] is True
    assert "division by zero" in str(by_zero["content"])
    assert "Expected `int`" in str(wrong["content"])


# Permissions


async def test_a_callback_allows_changes_and_denies(fake_api: Start, tmp_path: Path) -> None:
    seen: list[tuple[str, dict[str, Any]]] = []

    async def ask_me(name: str, input: dict[str, Any], context: Any) -> Any:
        seen.append((name, input))
        if input.get("command") == "touch a":
            return PermissionResultAllow(updated_input={"command": "touch b"})
        return PermissionResultDeny(message="Not on a Sunday.")

    api = fake_api(
        [calls("Bash", command="touch a") + calls("Bash", command="touch c"), says("Done.")]
    )
    asked = await ask(api, tmp_path, can_use_tool=ask_me)
    assert [name for name, _ in seen] == ["Bash", "Bash"]
    assert sorted(path.name for path in (tmp_path / "project").iterdir()) == ["b"]
    assert "Not on a Sunday." in api.requests[1].result_texts[1]
    [denial] = asked.result.permission_denials or []
    assert denial["tool_input"] == {"command": "touch c"}


# A conversation


async def test_a_client_changes_model_and_mode_between_prompts(
    fake_api: Start, tmp_path: Path
) -> None:
    write = calls("Write", file_path="made", content="x")
    api = fake_api([write, says("No."), write, says("Yes."), says("Back.")])
    async with Client(options_for(api, tmp_path, model="haiku")) as client:
        await client.query("One.")
        assert (await rest(client)).permission_denials
        await client.set_permission_mode("acceptEdits")
        await client.set_model("opus")
        await client.query("Two.")
        assert (await rest(client)).permission_denials == []
        await client.set_model(None)
        await client.query("Three.")
        last = await rest(client)
    assert [request.model.split("-")[1] for request in api.requests] == [
        "haiku", "haiku", "opus", "opus", "haiku",
    ]  # fmt: skip
    assert (tmp_path / "project/made").exists()
    assert last.num_turns == 1
    assert set(last.model_usage or {}) == {"claude-haiku-5-5", "claude-opus-5-5"}


async def test_an_interrupt_closes_the_connection_and_the_conversation_goes_on(
    fake_api: Start, tmp_path: Path
) -> None:
    api = fake_api([hangs(), says("Here.")])
    async with Client(options_for(api, tmp_path)) as client:
        await client.query("One.")
        await api.received(1)
        await client.interrupt()
        result = await rest(client)
        assert (result.subtype, result.terminal_reason) == ("error_during_execution", "aborted_streaming")  # fmt: skip
        await api.until(lambda: api.requests[0].abandoned)
        await client.query("Two.")
        assert (await rest(client)).result == "Here."
    assert api.problems == []


async def test_leaving_the_loop_ends_request_and_session(fake_api: Start, tmp_path: Path) -> None:
    """`break`: the connection is closed, no task is left (which the runner of these tests looks for)."""
    api = fake_api([says("A long answer.").hang(events=5)])
    options = options_for(api, tmp_path, include_partial_messages=True)
    async for message in query(prompt="Go.", options=options):
        if isinstance(message, StreamEvent):
            break
    await api.until(lambda: api.requests[0].abandoned)


async def test_prompts_may_come_as_a_stream(fake_api: Start, tmp_path: Path) -> None:
    async def prompts() -> AsyncIterator[dict[str, Any]]:
        yield {"type": "user", "message": {"role": "user", "content": "One."}}
        await api.received(1)
        image = {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
        }
        content = [image, {"type": "text", "text": "Two."}]
        yield {"type": "user", "message": {"role": "user", "content": content}}

    api = fake_api([says("1"), says("2")])
    asked = await ask(api, tmp_path, prompts())
    results = [message for message in asked.messages if isinstance(message, ResultMessage)]
    assert [result.result for result in results] == ["1", "2"]
    assert [b["type"] for b in api.requests[1].last_blocks] == ["image", "text"]


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


# Costs


async def test_cost_is_the_list_price_of_each_response_once(
    fake_api: Start, tmp_path: Path
) -> None:
    """3 and 15 dollars for a million tokens in and out, 3.75 and 0.30 for the cache."""
    usage = {
        "input_tokens": 1_000, "output_tokens": 2_000,
        "cache_creation_input_tokens": 10_000, "cache_read_input_tokens": 100_000,
    }  # fmt: skip
    look = calls("Bash", command="true") + calls("Bash", command="true")
    api = fake_api([look.using(**usage), fails(529), says("Done.").using(**usage)], account=False)
    asked = await ask(api, tmp_path, model="claude-sonnet-4-5")
    each = (1_000 * 3 + 2_000 * 15 + 10_000 * 3.75 + 100_000 * 0.3) / 1e6
    assert asked.result.total_cost_usd == pytest.approx(2 * each)
    assert asked.result.usage is not None
    assert asked.result.usage["output_tokens"] == 4_000
    [model] = (asked.result.model_usage or {}).values()
    assert (model["inputTokens"], model["cacheReadInputTokens"]) == (2_000, 200_000)


# What we do not know yet


async def test_blocks_of_the_future_reach_the_caller_and_their_loss_is_said(
    fake_api: Start, tmp_path: Path
) -> None:
    """They are stored as they came; a request has only blocks that we know the API takes."""
    future = {"type": "crystal_ball", "id": "ball_1", "visions": [{"when": "soon"}]}
    known = {"type": "text", "text": "Done.", "mood": "fine"}
    api = fake_api([gives(future) + calls("Bash", command="true"), gives(known)])
    asked = await ask(api, tmp_path)
    assert asked.result.result == "Done."
    said = [m.content[0] for m in asked.messages if isinstance(m, AssistantMessage)]
    assert isinstance(said[0], UnknownBlock)
    assert said[0].raw == future
    assert "crystal_ball" in str(asked.result.obligations)
    [transcript] = (tmp_path / "config").glob("projects/*/*.jsonl")
    assert '"visions":[{"when":"soon"}]' in transcript.read_text("utf-8")
    assert api.problems == []


# From everywhere


def test_run_raises_for_an_error_and_returns_it_when_told_to(
    fake_api: Start, tmp_path: Path
) -> None:
    api = fake_api([fails(403, "Not yours."), fails(403, "Not yours.")])
    with pytest.raises(ResultError, match=r"Not yours\.") as caught:
        run("Go.", options_for(api, tmp_path))
    assert caught.value.result.api_error_status == 403
    assert run("Go.", options_for(api, tmp_path), check=False).is_error


def test_threads_have_their_sessions_side_by_side(fake_api: Start, tmp_path: Path) -> None:
    api = fake_api([says("Done.").forever()])
    found: list[str | None] = []

    def one(number: int) -> None:
        found.append(run(f"Number {number}.", options_for(api, tmp_path)).result)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == ["Done."] * 8
    assert {request.prompt for request in api.requests} == {f"Number {n}." for n in range(8)}


async def test_a_running_loop_may_call_run_too(fake_api: Start, tmp_path: Path) -> None:
    """As a notebook does: `run` blocks its cell, and not the session."""
    api = fake_api([says("Done.")])
    assert run("Go.", options_for(api, tmp_path)).result == "Done."


def test_trio_programs_hold_conversations(fake_api: Start, tmp_path: Path) -> None:
    trio = pytest.importorskip("trio")
    api = fake_api([calls("where"), says("One."), says("Two.")])

    async def where() -> str:
        """The library this runs in."""
        await trio.lowlevel.checkpoint()
        return "trio"

    async def main() -> list[str | None]:
        found = []
        options = options_for(api, tmp_path, tools=[where], allowed_tools=["where"])
        with trio.fail_after(20):
            async with Client(options) as client:
                for prompt in ("First.", "Second."):
                    await client.query(prompt)
                    async for message in client.receive_response():
                        if isinstance(message, ResultMessage):
                            found.append(message.result)
        return found

    assert trio.run(main) == ["One.", "Two."]
    assert api.requests[1].result_texts == ["trio"]


async def test_fifty_sessions_in_one_process_do_not_meet(fake_api: Start, tmp_path: Path) -> None:
    """Each has its own folder, environment, tools and history; they share connections."""
    api = fake_api(
        [calls("Bash", command="echo $MINE; pwd"), says("Done.")], per="x-claude-code-session-id"
    )

    async def one(number: int) -> list[str]:
        folder = tmp_path / f"folder{number}"
        folder.mkdir()
        asked = await ask(
            api, tmp_path, f"Number {number}.", cwd=folder, env={"MINE": f"mine{number}"},
            allowed_tools=["Bash"],
        )  # fmt: skip
        assert asked.result.result == "Done."
        return [f"mine{number}\n{folder}"]

    async with asyncio.timeout(60):
        expected = await asyncio.gather(*map(one, range(50)))
    seen = [request.result_texts for request in api.requests if request.tool_results]
    assert sorted(seen) == sorted(expected)
    assert api.problems == []
