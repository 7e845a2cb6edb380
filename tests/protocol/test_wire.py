"""Events as stream-json lines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hames import blocks
from hames._clock import Ids
from hames.blocks import Block
from hames.events import (
    Answered,
    AssistantSaid,
    Event,
    Noted,
    Streamed,
    TurnStarted,
    UserSaid,
)
from hames.message_codec import from_wire
from hames.messages import AssistantMessage, ResultMessage, StreamEvent, SystemMessage, UserMessage
from hames.protocol.shorten import LONGEST
from hames.protocol.wire import Wire

USAGE = {"input_tokens": 9, "output_tokens": 1}
RESULT = ResultMessage(
    "success", 812, 640, False, 2, "s1",
    result="Done.", total_cost_usd=0.01, usage=USAGE, model_usage={}, permission_denials=[],
    uuid="r1", terminal_reason="completed",
)  # fmt: skip


class Numbered(Ids):
    """Ids that can be foreseen."""

    def __init__(self) -> None:
        self.count = 0

    def uuid(self) -> str:
        self.count += 1
        return f"id{self.count}"


def wired(event: Event, session_id: str = "s1") -> dict[str, Any]:
    line = Wire(session_id, Numbered()).line(event)
    assert b"\n" not in line
    value: dict[str, Any] = json.loads(line)
    return value


def said(block: Block, **fields: Any) -> AssistantSaid:
    return AssistantSaid(block, "u1", "msg_1", "claude-x", USAGE, **fields)


def test_the_session_starts_with_init() -> None:
    assert wired(TurnStarted({"cwd": "/app", "session_id": "s2", "tools": ["Bash"]})) == {
        "type": "system",
        "subtype": "init",
        "cwd": "/app",
        "session_id": "s2",
        "tools": ["Bash"],
        "uuid": "id1",
    }


def test_lines_after_init_carry_its_session() -> None:
    wire = Wire("", Numbered())
    wire.line(TurnStarted({"session_id": "s2"}))
    assert json.loads(wire.line(Noted("status", {"status": "requesting"}))) == {
        "type": "system",
        "subtype": "status",
        "status": "requesting",
        "session_id": "s2",
        "uuid": "id2",
    }


def test_a_block_of_a_reply_is_a_line() -> None:
    block = blocks.tool_use("toolu_1", "Bash", b'{"command": "ls"}')
    event = said(
        block, request_id="req_1", timestamp="2026-01-01T10:00:00.000Z", stop_reason="tool_use"
    )
    assert wired(event) == {
        "type": "assistant",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-x",
            "content": [
                {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls"}}
            ],
            "stop_reason": "tool_use",
            "stop_sequence": None,
            "usage": USAGE,
            "context_management": None,
        },
        "parent_tool_use_id": None,
        "session_id": "s1",
        "uuid": "u1",
        "timestamp": "2026-01-01T10:00:00.000Z",
        "request_id": "req_1",
    }


def test_what_the_model_wrote_stands_in_the_line_byte_for_byte() -> None:
    block = blocks.from_raw(b'{"type":"text",  "text":"caf\\u00e9 \\ud83d\\ude00"}')
    assert block.raw in Wire("s1").line(said(block))
    raw = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\\u00e9"}}'
    assert raw in Wire("s1").line(Streamed(raw))


def test_a_failed_request_says_so_beside_its_prose() -> None:
    line = wired(said(blocks.text("Overloaded."), error="overloaded", api_error_status=529))
    told = {k: line[k] for k in ("error", "is_api_error_message", "api_error_status")}
    assert told == {"error": "overloaded", "is_api_error_message": True, "api_error_status": 529}


def test_a_tool_result_is_a_user_line_with_the_result_for_programs() -> None:
    event = UserSaid(
        [blocks.tool_result("toolu_1", "ok")], "u2", {"stdout": "ok"}, parent_tool_use_id="toolu_0"
    )
    assert wired(event) == {
        "type": "user",
        "message": {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}],
        },
        "parent_tool_use_id": "toolu_0",
        "session_id": "s1",
        "uuid": "u2",
        "tool_use_result": {"stdout": "ok"},
    }


def test_synthetic_and_replayed_user_lines_are_marked() -> None:
    line = wired(UserSaid([blocks.text("x")], "u2", is_synthetic=True, is_replay=True))
    assert (line["isSynthetic"], line["isReplay"]) == (True, True)


def test_the_result_line_has_the_official_names() -> None:
    line = wired(Answered(RESULT))
    assert line == {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "duration_ms": 812,
        "duration_api_ms": 640,
        "num_turns": 2,
        "session_id": "s1",
        "stop_reason": None,
        "result": "Done.",
        "total_cost_usd": 0.01,
        "usage": USAGE,
        "modelUsage": {},
        "permission_denials": [],
        "terminal_reason": "completed",
        "api_error_status": None,
        "uuid": "r1",
    }


def test_a_refused_start_is_a_zeroed_result() -> None:
    """Observed of 2.1.330: clients raise the text in `errors`."""
    line = json.loads(Wire("s9", Numbered()).refusal("No conversation found with session ID: s9"))
    assert line["errors"] == ["No conversation found with session ID: s9"]
    assert (line["subtype"], line["is_error"], line["num_turns"], line["session_id"], line["uuid"]) == (
        "error_during_execution", True, 0, "s9", "id1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (TurnStarted({"session_id": "s1"}), SystemMessage),
        (Noted("api_retry", {"attempt": 1}), SystemMessage),
        (said(blocks.text("Hi.")), AssistantMessage),
        (UserSaid([blocks.text("Hi.")], "u1"), UserMessage),
        (Streamed(b'{"type":"message_stop"}', "toolu_1"), StreamEvent),
        (Answered(RESULT), ResultMessage),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_line_is_read_back_as_its_message(event: Event, kind: type) -> None:
    assert isinstance(from_wire(wired(event)), kind)


HUGE = "x" * 1_200_000


def fitted(event: Event) -> dict[str, Any]:
    line = Wire("s1").line(event)
    assert len(line.decode()) <= LONGEST
    value: dict[str, Any] = json.loads(line)
    return value


def test_a_long_line_first_loses_the_result_for_programs() -> None:
    result = blocks.tool_result("toolu_1", "short")
    line = fitted(UserSaid([result], "u2", {"originalFile": HUGE}))
    assert "tool_use_result" not in line
    assert line["message"]["content"] == [result.value()]


def test_a_long_text_is_cut_and_says_so() -> None:
    line = fitted(UserSaid([blocks.tool_result("toolu_1", HUGE)], "u2"))
    text = line["message"]["content"][0]["content"]
    assert text == "x" * 400_000 + "… [800000 characters left out of the stream]"
    assert line["message"]["content"][0]["tool_use_id"] == "toolu_1"


def test_a_long_image_becomes_a_note_because_half_an_image_is_none() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": HUGE}}
    line = fitted(UserSaid([blocks.tool_result("toolu_1", [image])], "u2"))
    assert line["message"]["content"][0]["content"] == [
        {"type": "text", "text": "[image of 1200000 characters left out of the stream]"}
    ]


def test_a_long_call_keeps_its_id_and_name() -> None:
    block = blocks.from_value(
        {"type": "tool_use", "id": "toolu_1", "name": "Write", "input": {"content": "\0" * 500_000}}
    )
    content = fitted(said(block))["message"]["content"][0]
    assert (content["id"], content["name"]) == ("toolu_1", "Write")


def test_countless_small_values_are_left_out_whole() -> None:
    block = blocks.from_value(
        {"type": "tool_use", "id": "t", "name": "X", "input": {"many": [123456789] * 200_000}}
    )
    line = fitted(said(block))
    assert line["type"] == "assistant"
    assert "left out of the stream" in line["message"]["content"][0]["text"]


def test_the_limit_counts_characters_not_bytes() -> None:
    text = "é" * 600_000
    assert wired(UserSaid([blocks.text(text)], "u2"))["message"]["content"][0]["text"] == text
