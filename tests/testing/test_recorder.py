"""Requests of a provider, kept and compared."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hames.providers.protocol import Request
from hames.testing import (
    Recorded,
    Recorder,
    Scripted,
    assert_prefix_stable,
    first_difference,
    says,
)

TOOL = {"name": "Bash", "input_schema": {"type": "object"}}


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def request(*texts: Any, tools: Any = (TOOL,), system: Any = ("Be brief.",)) -> bytes:
    messages = [
        {
            "role": "assistant" if i % 2 else "user",
            "content": [t if isinstance(t, dict) else text(t)],
        }
        for i, t in enumerate(texts)
    ]
    body = {"tools": tools, "system": [text(s) for s in system], "messages": messages}
    return json.dumps({"model": "m", **body}, separators=(",", ":")).encode()


async def test_requests_of_a_provider_are_kept_and_passed_on() -> None:
    recorder = Recorder(Scripted([says("Hello.")]))
    asked = Request(
        model="m",
        messages=[b'{"role":"user","content":"Hi."}'],
        max_tokens=10,
        headers={"x-session": "1"},
    )
    events = [event.type async for event in recorder.stream(asked)]
    assert events[-1] == "message_stop"
    assert recorder.name == "scripted"
    assert [(r.prompt, r.headers, r.model) for r in recorder.requests] == [
        ("Hi.", {"x-session": "1"}, "m")
    ]
    await recorder.aclose()


def test_a_growing_conversation_is_stable_though_its_mark_moves() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    assert_prefix_stable(
        [
            request(text("a", **mark)),
            request("a", "b", text("c", **mark)),
            Recorded(request("a", "b", "c", "d", text("e", **mark))),
        ]
    )


def test_a_string_is_the_same_as_one_text_block() -> None:
    whole = json.loads(request("a", "b", "c"))
    whole["messages"][0]["content"] = "a"
    assert first_difference(request("a"), json.dumps(whole, separators=(",", ":")).encode()) is None


def test_a_changed_block_is_shown_with_its_place() -> None:
    before = request("a" * 100 + "morning" + "b" * 200, "ok")
    after = request("a" * 100 + "evening" + "b" * 200, "ok", "more")
    with pytest.raises(AssertionError) as caught:
        assert_prefix_stable([before, after])
    message = str(caught.value)
    assert message.startswith(
        "Request 2 does not begin with request 1: `messages.0.content.0` differs"
    )
    assert "morning" in message
    assert "evening" in message
    assert len(message) < 700


@pytest.mark.parametrize(
    ("change", "says_so"),
    [
        ({"tools": [TOOL, {**TOOL, "name": "Read"}]}, "`tools.1` was put in"),
        ({"tools": []}, "`tools.0` is gone"),
        ({"system": ["Be brief.", "It is noon."]}, "`system.1` was put in"),
        ({"system": ["Be long."]}, "`system.0` differs at byte 26"),
        ({"system": []}, "`system.0` is gone"),
    ],
)
def test_tools_and_system_must_be_equal(change: dict[str, Any], says_so: str) -> None:
    difference = first_difference(request("a"), request("a", "b", "c", **change))
    assert difference is not None
    assert says_so in str(difference)


def test_a_message_that_was_dropped_or_changed_its_role_is_a_difference() -> None:
    assert str(first_difference(request("a", "b"), request("a"))).startswith(
        "`messages.1.content.0` is gone"
    )
    shifted = json.loads(request("a", "b"))
    shifted["messages"][1]["role"] = "user"
    found = first_difference(request("a", "b"), json.dumps(shifted, separators=(",", ":")).encode())
    assert found is not None
    assert found.path == "messages.1.content.0"


def test_what_is_lost_is_counted() -> None:
    difference = first_difference(request("a", "b" * 1000), request("A", "b" * 1000))
    assert difference is not None
    assert (
        difference.lost
        == len('{"type":"text","text":"a"}') + len('{"type":"text","text":""}') + 1000
    )
