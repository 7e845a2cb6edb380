"""Plays and the script that hands them out."""

from __future__ import annotations

import pytest

from hames.errors import ScriptError
from hames.providers.plays import Script, calls, events, fails, message, says, thinks


def test_a_play_becomes_the_events_of_the_messages_api():
    play = (says("Hello, world") + calls("Bash", command="ls")).paced(0, chunk=6)
    kinds = [event["type"] for event in events(play)]
    assert kinds == [
        *["message_start", "ping"],
        *["content_block_start", "content_block_delta", "content_block_delta"],
        *["content_block_stop", "content_block_start"],
        *["content_block_delta"] * 4,
        *["content_block_stop", "message_delta", "message_stop"],
    ]
    assert events(play)[-2]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}


def test_added_plays_are_one_reply_with_numbered_calls():
    play = thinks("Hm.") + calls("A", x=1) + calls("B", call_id="mine").using(input_tokens=7)
    whole = message(play, number=3, model="claude-x")
    assert [block.get("id") for block in whole["content"]] == [None, "toolu_0003_1", "mine"]
    assert (whole["model"], whole["stop_reason"], whole["usage"]["input_tokens"]) == (
        "claude-x",
        "tool_use",
        7,
    )


def test_a_cut_play_ends_after_the_complete_blocks():
    play = (says("one") + says("two")).cut(blocks=1)
    assert events(play)[-1] == {"type": "content_block_stop", "index": 0}
    assert events(says("x").broken(events=2))[-1]["error"]["type"] == "overloaded_error"
    assert events(says("x").cut()) == []


def test_plays_are_taken_in_order_and_those_with_a_condition_when_it_is_met():
    side = says("side").when("summarise")
    script = Script([side, says("a").times(2), fails(529)])
    asked = [{"messages": [text]} for text in ("one", "summarise this", "two", "three")]
    played = [script.next_for(body)[1] for body in asked]
    assert played == [says("a").times(2), side, says("a").times(2), fails(529)]
    assert script.left == 0


def test_a_request_without_play_or_against_the_expectation_is_an_error():
    script = Script([says("a").expecting("apple", lambda body: body["max_tokens"] > 5)])
    with pytest.raises(ScriptError, match="`apple` does not hold"):
        script.next_for({"messages": ["pear"], "max_tokens": 9})
    with pytest.raises(ScriptError, match="has no play"):
        script.next_for({"messages": ["apple"], "max_tokens": 9})


def test_a_function_makes_plays_for_all_requests_that_follow():
    script = Script([lambda body: says(f"seen {len(body['messages'])}")])
    assert [script.next_for({"messages": [0] * n})[1] for n in (1, 5)] == [
        says("seen 1"),
        says("seen 5"),
    ]
