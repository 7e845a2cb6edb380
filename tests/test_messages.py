"""The public message classes, and stream-json to and from them."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any

import pytest

from hames import messages
from hames.errors import MessageError
from hames.message_codec import block_from_wire, block_to_wire, from_wire, to_wire
from hames.messages import (
    AssistantMessage,
    HookEventMessage,
    RateLimitInfo,
    ResultMessage,
    ServerToolResultBlock,
    StreamEvent,
    SystemMessage,
    TaskNotificationMessage,
    TaskUpdatedMessage,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    UnknownMessage,
    UserMessage,
)

DATA = Path(__file__).parent / "data"
OFFICIAL = json.loads((DATA / "official_messages.json").read_text(encoding="utf-8"))
LINES = [
    json.loads(line)
    for line in (DATA / "wire_messages.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("name", OFFICIAL["dataclasses"])
def test_class_has_the_official_fields_in_the_official_order_with_the_official_defaults(name: str):
    """Read from the official Python client 0.2.187; `extra` and `obligations` are ours."""
    kind = getattr(messages, name)
    own = [field for field in fields(kind) if field.name not in ("extra", "obligations")]
    assert [described(field) for field in own] == OFFICIAL["dataclasses"][name]["fields"]
    assert kind.__match_args__ == tuple(field.name for field in own)
    for base in OFFICIAL["dataclasses"][name]["bases"]:
        assert issubclass(kind, getattr(messages, base))


def described(field: Any) -> dict[str, Any]:
    if field.default_factory is not MISSING:
        return {"name": field.name, "default": field.default_factory()}
    if field.default is not MISSING:
        return {"name": field.name, "default": field.default}
    return {"name": field.name}


@pytest.mark.parametrize("name", OFFICIAL["typed_dicts"])
def test_typed_dict_has_the_official_keys(name: str):
    kind = getattr(messages, name)
    required, optional = split_by_need(kind)
    assert required == OFFICIAL["typed_dicts"][name]["required"]
    assert optional == OFFICIAL["typed_dicts"][name]["optional"]


def split_by_need(kind: Any) -> tuple[list[str], list[str]]:
    texts = {name: str(item) for name, item in kind.__annotations__.items()}
    optional = [name for name, text in texts.items() if "NotRequired" in text]
    return [name for name in texts if name not in optional], optional


@pytest.mark.parametrize("case", LINES, ids=[case["name"] for case in LINES])
def test_line_becomes_its_class_and_the_same_line_again(case: dict[str, Any]):
    before = copy.deepcopy(case["line"])
    message = from_wire(case["line"])
    assert type(message).__name__ == case["class"]
    assert to_wire(message) == before
    assert from_wire(to_wire(message)) == message
    assert case["line"] == before


@pytest.mark.parametrize("case", LINES, ids=[case["name"] for case in LINES])
def test_field_nobody_knows_yet_survives_both_ways(case: dict[str, Any]):
    line = {**case["line"], "invented_later": {"a": [1, None]}}
    if isinstance(line.get("message"), dict):
        line["message"] = {**line["message"], "also_later": None}
    assert to_wire(from_wire(line)) == line


@pytest.mark.parametrize("case", LINES, ids=[case["name"] for case in LINES])
def test_message_survives_copying_and_pickling(case: dict[str, Any]):
    message = from_wire(case["line"])
    for twin in (copy.deepcopy(message), pickle.loads(pickle.dumps(message))):
        assert twin == message
        assert to_wire(twin) == case["line"]


def test_shortest_lines_official_readers_accept_are_read():
    """The fields without which the official Python parser raises, and no others."""
    said = from_wire({"type": "assistant", "message": {"content": [], "model": "m"}})
    assert said == AssistantMessage([], "m")
    assert from_wire({"type": "user", "message": {"content": "Hi"}}) == UserMessage("Hi")
    assert to_wire(said) == {
        "type": "assistant",
        "parent_tool_use_id": None,
        "message": {
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        },
    }


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ({}, "type"),
        ({"type": 5}, "type"),
        ({"type": "assistant"}, "message.content"),
        ({"type": "assistant", "message": {"content": []}}, "model"),
        ({"type": "assistant", "message": {"content": "x", "model": "m"}}, "list"),
        ({"type": "user", "message": {"content": None}}, "content"),
        ({"type": "user", "message": {"content": [5]}}, "block"),
        ({"type": "user", "message": {"content": [{"type": "text"}]}}, "text"),
        ({"type": "system"}, "subtype"),
        ({"type": "result", "subtype": "success"}, "duration_ms"),
        ({"type": "stream_event", "uuid": "u", "session_id": "s"}, "event"),
        ({"type": "rate_limit_event", "rate_limit_info": {}}, "status"),
        ({"type": "conversation_reset", "uuid": "u"}, "new_conversation_id"),
    ],
)
def test_line_without_what_its_type_needs_is_refused_by_name(line: dict[str, Any], names: str):
    with pytest.raises(MessageError, match=names) as refused:
        from_wire(line)
    assert refused.value.raw is not None


@pytest.mark.parametrize(
    ("raw", "block"),
    [
        ({"type": "text", "text": "Hi"}, TextBlock("Hi")),
        ({"type": "thinking", "thinking": "Hm", "signature": "s"}, ThinkingBlock("Hm", "s")),
        ({"type": "tool_use", "id": "t", "name": "LS", "input": {}}, ToolUseBlock("t", "LS", {})),
        ({"type": "tool_result", "tool_use_id": "t"}, ToolResultBlock("t")),
        (
            {"type": "code_execution_tool_result", "tool_use_id": "t", "content": {"type": "x"}},
            ServerToolResultBlock("t", {"type": "x"}),
        ),
        (
            {"type": "document", "source": {"type": "text"}},
            UnknownBlock("document", {"type": "document", "source": {"type": "text"}}),
        ),
    ],
)
def test_block_becomes_its_class_and_the_same_json_again(raw: dict[str, Any], block: Any):
    assert block_from_wire(raw) == block
    assert block_to_wire(block_from_wire(raw)) == raw


def test_unsigned_thinking_is_read_and_written_as_official_parsers_need_it():
    block = block_from_wire({"type": "thinking", "thinking": "Hm"})
    assert block == ThinkingBlock("Hm", "")
    assert block_to_wire(block) == {"type": "thinking", "thinking": "Hm", "signature": ""}


def test_messages_made_by_hand_become_whole_lines():
    update = TaskUpdatedMessage("task_updated", {}, "t1", {"status": "failed"}, "failed")
    assert to_wire(update) == {
        "type": "system",
        "subtype": "task_updated",
        "task_id": "t1",
        "patch": {"status": "failed"},
    }
    assert to_wire(HookEventMessage("hook_started", {}, "Stop", "5f")) == {
        "type": "system",
        "subtype": "hook_started",
        "hook_event": "Stop",
        "session_id": "5f",
    }
    assert to_wire(ResultMessage("success", 1, 1, False, 1, "5f", result="Hi")) == {
        "type": "result",
        "subtype": "success",
        "duration_ms": 1,
        "duration_api_ms": 1,
        "is_error": False,
        "num_turns": 1,
        "session_id": "5f",
        "stop_reason": None,
        "result": "Hi",
    }


def test_changed_field_is_what_is_written():
    event = from_wire(
        {"type": "system", "subtype": "task_notification", "task_id": "t", "status": "completed",
         "output_file": "/o", "summary": "a", "uuid": "u", "session_id": "s"}
    )  # fmt: skip
    assert isinstance(event, TaskNotificationMessage)
    event.summary = "b"
    assert to_wire(event)["summary"] == "b"


def test_terminal_tasks_are_told_by_update_or_notification():
    update = from_wire(
        {"type": "system", "subtype": "task_updated", "task_id": "t", "patch": {"status": "killed"}}
    )
    assert isinstance(update, TaskUpdatedMessage)
    assert update.status in messages.TERMINAL_TASK_STATUSES


def test_subclasses_match_as_system_messages():
    match from_wire({"type": "system", "subtype": "mirror_error", "error": "gone"}):
        case SystemMessage(subtype, data):
            assert (subtype, data["error"]) == ("mirror_error", "gone")


def test_extra_is_not_compared_and_shown_only_when_it_says_something():
    """Our choice: code written against the official classes sees no difference."""
    assert TextBlock("Hi", extra={"citations": []}) == TextBlock("Hi")
    assert TextBlock("Hi") != TextBlock("Ho")
    assert repr(TextBlock("Hi", extra={"cache_control": None})) == "TextBlock(text='Hi')"
    assert repr(TextBlock("Hi", extra={"n": 1})) == "TextBlock(text='Hi', extra={'n': 1})"
    with pytest.raises(TypeError):
        hash(TextBlock("Hi"))


def test_text_of_a_reply_is_its_prose():
    said = AssistantMessage([TextBlock("a"), ToolUseBlock("t", "LS", {}), TextBlock("b")], "m")
    assert said.text == "ab"
    assert ResultMessage("success", 1, 1, False, 1, "s").text == ""
    assert ResultMessage("success", 1, 1, False, 1, "s", result="ok").text == "ok"


def test_dataclass_tools_work_on_messages():
    event = StreamEvent("u", "s", {"type": "ping"})
    assert asdict(event) == {
        "extra": {},
        "uuid": "u",
        "session_id": "s",
        "event": {"type": "ping"},
        "parent_tool_use_id": None,
        "user_message_uuid": None,
        "user_message_uuids": None,
    }
    assert RateLimitInfo("allowed").raw == {}
    assert UnknownMessage("x", {}) == UnknownMessage("x", {})
