"""When the API refuses the conversation: what it refuses is found, left out, told, and remembered."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from damaged_histories import image

from hames import SystemMessage, tool
from hames.testing import Play, assert_prefix_stable, calls, fails, says, thinks
from hames.testing.harness import Harness
from hames.tools.tool import Result

Body = dict[str, Any]


def refusing(what: str, answer: Callable[[Body], Play], *, path: bool = False) -> Any:
    """A model whose API refuses requests that hold this text: saying where, or not."""

    def play(body: Body) -> Play:
        for i, message in enumerate(body["messages"]):
            for j, block in enumerate(message["content"]):
                if what in json.dumps(block):
                    where = f"messages.{i}.content.{j}: " if path else ""
                    return fails(400, f"{where}this cannot be processed")
        return says("") if body["max_tokens"] == 1 else answer(body)

    return play


def answering(*plays: Play) -> Callable[[Body], Play]:
    """The play for a conversation with so many replies."""
    return lambda body: plays[sum(m["role"] == "assistant" for m in body["messages"])]


def probes(run: Any) -> list[Body]:
    return [r.body for r in run.requests if r.body["max_tokens"] == 1]


def texts(body: Body) -> str:
    return json.dumps(body["messages"])


@tool
def fetch(what: str) -> str:
    """Fetch."""
    return f"<<{what}>>"


@pytest.mark.parametrize("path", [True, False])
async def test_a_refused_result_is_left_out_and_the_answer_goes_on(
    harness: Harness, path: bool
) -> None:
    play = refusing(
        "<<bad>>",
        answering(calls("fetch", what="good"), calls("fetch", what="bad"), says("Done.")),
        path=path,
    )
    run = await harness([play], tools=[fetch], allowed_tools=["fetch"])
    assert run.text == "Done."
    last = run.requests[-1]
    assert last.result_texts[-1] == "[The result is left out here: the API refused it.]"
    assert "<<good>>" in texts(last.body)
    assert len(probes(run)) == (0 if path else 4)
    owed = [o for o in run.result.obligations if o["kind"] == "repair"]
    assert [o["cause"] for o in owed] == ["refused"]
    assert "this cannot be processed" in owed[0]["text"]
    told = [m for m in run.of(SystemMessage) if m.subtype == "informational"]
    assert told[0].data["content"] == owed[0]["text"]


async def test_a_resume_sends_what_was_sent_after_the_repair(harness: Harness) -> None:
    replies = answering(calls("fetch", what="bad"), says("1"), says("2"), says("3"))
    play = refusing("<<bad>>", replies)
    run = await harness([play], tools=[fetch], allowed_tools=["fetch"])
    again = await harness([play], tools=[fetch], resume=run.session_id)
    assert again.text == "2"
    assert_prefix_stable([run.requests[-1], *again.requests])
    copy = await harness([play], tools=[fetch], resume=run.session_id, fork_session=True)
    assert (copy.text, len(copy.requests)) == ("3", 1)
    assert "<<bad>>" not in texts(copy.requests[0].body)


async def test_the_stored_lines_stay_as_they_are(harness: Harness) -> None:
    play = refusing("<<bad>>", answering(calls("fetch", what="bad"), says("1")))
    run = await harness([play], tools=[fetch], allowed_tools=["fetch"])
    lines = await run.store.load((await run.store.list())[0].key) or []
    assert any(b"<<bad>>" in line for line in lines)
    [repair] = [line for line in lines if line.startswith(b'{"type":"hames-repair"')]
    assert b"this cannot be processed" in repair


async def test_a_call_goes_with_its_result(harness: Harness) -> None:
    play = refusing('"evil"', answering(calls("fetch", what="evil"), says("Done.")), path=True)
    run = await harness([play], tools=[fetch], allowed_tools=["fetch"])
    assert run.text == "Done."
    _, reply, results = run.requests[-1].body["messages"]
    assert (
        reply["content"][0]["text"] == "[A call of `fetch` is left out here: the API refused it.]"
    )
    assert results["content"][0]["text"] == "[A tool result is left out here: the API refused it.]"


async def test_wrong_signatures_cost_all_thinking_and_nothing_else(harness: Harness) -> None:
    def play(body: Body) -> Play:
        if "idea" in texts(body):
            return fails(400, "messages.1.content.0: Invalid `signature` in `thinking` block")
        replies = sum(m["role"] == "assistant" for m in body["messages"])
        return says(f"Answer {replies}.")

    first = await harness([thinks("idea 1") + says("One.")])
    second = await harness([thinks("idea 2") + says("Two.")], resume=first.session_id)
    run = await harness([play], resume=second.session_id)
    assert run.text == "Answer 2."
    assert len(run.requests) == 2
    assert "One." in texts(run.requests[1].body)


async def test_an_old_turn_is_found_with_few_requests(harness: Harness) -> None:
    run = await harness([says("0")], prompt="What is POISON?")
    for n in range(1, 40):
        run = await harness([says(str(n))], prompt=f"Question {n}", resume=run.session_id)
    play = refusing("POISON", lambda body: says("Still here."))
    run = await harness([play], prompt="And now?", resume=run.session_id)
    assert run.text == "Still here."
    assert len(probes(run)) <= 10
    assert "Question 20" in texts(run.requests[-1].body)
    assert "What is" not in texts(run.requests[-1].body)


async def test_a_refused_prompt_fails_and_the_session_goes_on(harness: Harness) -> None:
    run = await harness([says("Hello.")], prompt="Hi.")
    play = refusing("POISON", lambda body: says("Fine."), path=True)
    failed = await harness([play], prompt="POISON", resume=run.session_id)
    assert (failed.result.is_error, failed.result.api_error_status) == (True, 400)
    assert any(o.get("cause") == "refused" for o in failed.result.obligations)
    again = await harness([play], prompt="Better?", resume=run.session_id)
    assert again.text == "Fine."
    assert len(again.requests) == 1


@pytest.mark.parametrize(
    "message",
    [
        "tools.3.custom.input_schema: JSON schema is invalid",
        "max_tokens: 99999 > 64000",
        "Your credit balance is too low",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "Output blocked by content filtering policy",
    ],
)
async def test_other_errors_are_not_searched_for_in_the_conversation(
    harness: Harness, message: str
) -> None:
    first = await harness([says("1")])
    second = await harness([says("2")], resume=first.session_id)
    run = await harness([fails(400, message).times(2)], resume=second.session_id)
    assert run.result.is_error
    assert len(run.requests) <= 2
    assert not probes(run)


async def test_an_api_that_refuses_everything_is_believed(harness: Harness) -> None:
    run = await harness([says("1")])
    for _ in range(3):
        run = await harness([says("more")], resume=run.session_id)
    run = await harness([fails(400, "no").forever()], resume=run.session_id)
    assert run.result.is_error
    assert len(run.requests) == 3, "the request, its beginning alone, and all but its beginning"


async def test_what_is_refused_once_only_stays(harness: Harness) -> None:
    run = await harness([says("1")])
    run = await harness([says("2")], resume=run.session_id)
    whims = [fails(400, "a whim"), says("").times(2)]
    run = await harness(whims, resume=run.session_id)
    assert run.result.is_error
    assert len(run.requests) == 3, "the request, a control, and all of it once more"
    again = await harness([says("3")], resume=run.session_id)
    assert [m["role"] for m in again.requests[0].messages] == ["user", "assistant"] * 2 + ["user"]


async def test_at_most_two_repairs_for_one_prompt(harness: Harness) -> None:
    run = await harness([says("1")])
    run = await harness([says("2")], resume=run.session_id)

    def stubborn(body: Body) -> Play:
        return fails(400, "messages.0.content.0: no")

    run = await harness([stubborn], resume=run.session_id)
    assert run.result.is_error
    assert len(run.requests) == 3


async def test_probes_stay_within_the_budget(harness: Harness) -> None:
    run = await harness([says("1")], prompt="POISON", model="sonnet")
    for _ in range(3):
        run = await harness([says("2")], resume=run.session_id, model="sonnet")
    play = refusing("POISON", lambda body: says("Fine."))
    spent = run.result.total_cost_usd or 0
    run = await harness(
        [play], resume=run.session_id, model="sonnet", max_budget_usd=spent + 0.0001
    )
    assert run.result.is_error
    assert not run.requests


async def test_a_request_that_is_too_large_loses_its_oldest_pictures(harness: Harness) -> None:
    @tool
    def picture(n: int) -> Any:
        """Take a picture."""
        return Result([image(4, 4), {"type": "text", "text": f"picture {n}"}])

    def play(body: Body) -> Play:
        replies = sum(m["role"] == "assistant" for m in body["messages"])
        if texts(body).count('"image"') > 2:
            return fails(413, "Request exceeds the maximum size")
        return calls("picture", n=replies) if replies < 4 else says("Done.")

    run = await harness([play], tools=[picture], allowed_tools=["picture"])
    assert run.text == "Done."
    last = texts(run.requests[-1].body)
    assert all(f"picture {n}" in last for n in range(4))
    assert "An image is left out here" in last


async def test_a_text_that_is_too_large_is_left_out(harness: Harness) -> None:
    """Also when a gateway takes much less than the API: the prompt fails, the session goes on."""

    def play(body: Body) -> Play:
        too_large = len(texts(body)) > 500_000
        return fails(413, "Request Entity Too Large") if too_large else says("Fine.")

    failed = await harness([play], prompt="x" * 600_000)
    assert (failed.result.is_error, failed.result.api_error_status) == (True, 413)
    assert [o["cause"] for o in failed.result.obligations if o["kind"] == "repair"] == ["refused"]
    run = await harness([play], prompt="And now?", resume=failed.session_id)
    assert (run.text, len(run.requests)) == ("Fine.", 1)


async def test_the_very_first_block_may_be_what_is_refused(harness: Harness) -> None:
    """It stands in every beginning of the conversation, so it is found by leaving it out."""
    run = await harness([says("Hello.")], prompt="What is the time?")
    play = refusing("Where you work", lambda body: says("Fine."))
    run = await harness([play], prompt="And now?", resume=run.session_id)
    assert run.text == "Fine."
    assert "What is the time?" in texts(run.requests[-1].body)
