"""The loop: what the model is asked, what is run, how it ends."""

from __future__ import annotations

import asyncio
from typing import Any

from hames import ToolError, tool
from hames.testing import calls, gives, says, thinks


async def test_a_text_reply_is_the_result(harness: Any) -> None:
    run = await harness([says("Hello.")], prompt="hi")
    assert (run.result.subtype, run.result.result, run.result.num_turns) == ("success", "Hello.", 1)
    assert (run.result.is_error, run.result.terminal_reason, run.result.stop_reason) == (
        False,
        "completed",
        "end_turn",
    )
    assert len(run.requests) == 1


async def test_calls_are_run_and_their_results_go_to_the_model_in_the_order_asked(
    harness: Any,
) -> None:
    first_done = asyncio.Event()

    @tool(parallel=True)
    async def slow() -> str:
        await asyncio.wait_for(first_done.wait(), 5)
        return "slow"

    @tool(parallel=True)
    async def quick() -> str:
        first_done.set()
        return "quick"

    run = await harness([calls("slow") + calls("quick"), says("Done.")], tools=[slow, quick])
    assert [r["content"] for r in run.requests[1].tool_results] == ["slow", "quick"]
    assert run.result.num_turns == 2


async def test_calls_that_are_not_parallel_run_one_after_the_other(harness: Any) -> None:
    order: list[str] = []

    @tool
    async def step(name: str) -> str:
        order.append(f"+{name}")
        await asyncio.sleep(0)
        order.append(f"-{name}")
        return name

    await harness([calls("step", name="a") + calls("step", name="b"), says("Done.")], tools=[step])
    assert order == ["+a", "-a", "+b", "-b"]


async def test_blocks_stay_in_the_order_received(harness: Any) -> None:
    @tool
    def look() -> str:
        return "seen"

    run = await harness(
        [thinks("Hm.") + says("First.") + calls("look") + says("After."), says("Done.")],
        tools=[look],
    )
    assert [b["type"] for b in run.requests[1].body["messages"][1]["content"]] == [
        "thinking",
        "text",
        "tool_use",
        "text",
    ]


async def test_the_input_of_a_call_goes_back_byte_for_byte(harness: Any) -> None:
    @tool
    def count(n: float) -> str:
        return str(n)

    run = await harness([calls("count", '{ "n" : 1.50 }'), says("Done.")], tools=[count])
    assert b'"input":{ "n" : 1.50 }' in run.requests[1].raw


async def test_a_failing_tool_is_told_to_the_model_and_the_run_goes_on(harness: Any) -> None:
    @tool
    def breaks() -> str:
        raise RuntimeError("no disk")

    @tool
    def refuses() -> str:
        raise ToolError("Give an id.", invalid=True)

    run = await harness(
        [calls("breaks") + calls("refuses"), says("Sorry.")], tools=[breaks, refuses]
    )
    broken, refused = run.requests[1].tool_results
    assert (broken["is_error"], broken["content"]) == (True, "breaks failed: RuntimeError: no disk")
    assert refused["content"] == "<tool_use_error>Give an id.</tool_use_error>"
    assert run.result.result == "Sorry."


async def test_an_unknown_tool_and_wrong_input_are_told_to_the_model(harness: Any) -> None:
    @tool
    def look(path: str) -> str:
        return path

    run = await harness(
        [calls("Nope") + calls("look", wrong=1) + calls("look", '{"path": '), says("Done.")],
        tools=[look],
    )
    unknown, wrong, broken = run.requests[1].tool_results
    assert "no tool `Nope`" in unknown["content"]
    assert "InputValidationError: look" in wrong["content"]
    assert "not valid JSON" in broken["content"]
    assert all(r["is_error"] for r in (unknown, wrong, broken))


async def test_the_turn_limit_ends_the_run_after_the_last_calls_were_run(harness: Any) -> None:
    ran: list[int] = []

    @tool
    def step() -> str:
        ran.append(1)
        return "ok"

    run = await harness([calls("step").forever()], tools=[step], max_turns=2)
    assert (run.result.subtype, run.result.is_error, run.result.num_turns) == (
        "error_max_turns",
        True,
        3,
    )
    assert run.result.errors == ["Reached maximum number of turns (2)"]
    assert run.result.terminal_reason == "max_turns"
    assert len(ran) == 2


async def test_a_cut_answer_is_continued_and_joined(harness: Any) -> None:
    run = await harness([says("One, ").stopping("max_tokens"), says("two.")])
    assert (run.result.result, run.result.num_turns) == ("One, two.", 1)
    assert run.requests[1].body["messages"][1] == {
        "role": "assistant",
        "content": [{"type": "text", "text": "One, "}],
    }


async def test_an_answer_that_never_ends_is_an_error(harness: Any) -> None:
    run = await harness([says("More. ").stopping("max_tokens").forever()])
    assert (run.result.is_error, len(run.requests)) == (True, 4)


async def test_a_paused_turn_is_continued_without_a_user_message(harness: Any) -> None:
    search = {
        "type": "server_tool_use",
        "id": "srvtoolu_1",
        "name": "web_search",
        "input": {"query": "x"},
    }
    run = await harness([gives(search).stopping("pause_turn"), says("Found.")])
    assert run.requests[1].body["messages"][-1]["role"] == "assistant"
    assert run.result.result == "Found."


async def test_an_empty_answer_is_asked_for_once_more(harness: Any) -> None:
    run = await harness([gives(), says("Here.")])
    assert (run.result.result, len(run.requests)) == ("Here.", 2)
    still = await harness([gives(), thinks("Hm.")])
    assert (still.result.subtype, still.result.result, still.result.is_error) == (
        "success",
        "",
        False,
    )


async def test_a_refusal_is_said(harness: Any) -> None:
    run = await harness([gives().stopping("refusal").times(2)])
    assert (run.result.is_error, run.result.stop_reason) == (True, "refusal")
    assert "refused" in run.result.result


async def test_a_call_that_was_announced_but_not_sent_is_asked_for_again(harness: Any) -> None:
    run = await harness([says("Calling.").stopping("tool_use").times(2), says("Done.")])
    assert run.result.result.endswith("Done.")
    bad = await harness([says("Calling.").stopping("tool_use").forever()])
    assert (bad.result.subtype, bad.result.terminal_reason) == (
        "error_during_execution",
        "malformed_tool_use_exhausted",
    )


async def test_tools_of_earlier_releases_are_answered_beside_tools_of_the_caller(
    harness: Any,
) -> None:
    @tool
    def look(path: str) -> str:
        return path

    plays = [calls("LS", path="."), says("Done.")]
    run = await harness(plays, tools=["default", look], files={"a.py": ""})
    assert "LS" not in run.requests[0].tools
    assert "a.py" in run.requests[1].tool_results[0]["content"]
