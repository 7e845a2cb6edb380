"""Lines become the messages that the official client makes of them."""

from __future__ import annotations

import importlib
from dataclasses import asdict
from typing import Any

import pytest

from hames.compat.parse import parse_message

IN = {"uuid": "u", "session_id": "s"}
TASK = {**IN, "type": "system", "task_id": "t", "description": "d"}
USAGE = {"total_tokens": 1, "tool_uses": 2, "duration_ms": 3}
NUMBERS = {"duration_ms": 1, "duration_api_ms": 1, "num_turns": 1}
RESULT = {**IN, **NUMBERS, "type": "result", "subtype": "success", "is_error": False}
BLOCKS = [
    {"type": "text", "text": "a"},
    {"type": "thinking", "thinking": "b", "signature": "c"},
    {"type": "tool_use", "id": "1", "name": "Bash", "input": {}},
    {"type": "tool_result", "tool_use_id": "1", "content": "d", "is_error": True},
    {"type": "tool_result", "tool_use_id": "1"},
    {"type": "server_tool_use", "id": "2", "name": "web_search", "input": {}},
    {"type": "advisor_tool_result", "tool_use_id": "2", "content": {"type": "x"}},
    {"type": "image", "source": {}},
]


def assistant(**inner: Any) -> dict[str, Any]:
    return {**IN, "type": "assistant", "message": {"model": "m", "content": BLOCKS, **inner}}


LINES: dict[str, Any] = {
    "assistant": assistant(id="i", usage={"input_tokens": 1}, stop_reason="end_turn"),
    "assistant with more": {
        **assistant(), "parent_tool_use_id": "p", "error": "rate_limit", "user_message_uuids": ["v"],
    },
    "assistant without model": {"type": "assistant", "message": {"content": []}},
    "assistant with a text": {"type": "assistant", "message": {"content": "x", "model": "m"}},
    "assistant with no block": {"type": "assistant", "message": {"content": ["x"], "model": "m"}},
    "assistant with half a block": assistant(content=[{"type": "text"}]),
    "user": {**IN, "type": "user", "message": {"content": BLOCKS}, "tool_use_result": {"a": 1}},
    "user with a text": {"type": "user", "message": {"content": "x"}, "origin": {"kind": "human"}},
    "user with no origin": {"type": "user", "message": {"content": "x"}, "origin": "human"},
    "user without content": {"type": "user", "message": {}},
    "init": {**IN, "type": "system", "subtype": "init", "tools": []},
    "system without subtype": {"type": "system"},
    "task started": {**TASK, "subtype": "task_started", "task_type": "local_bash"},
    "task progress": {**TASK, "subtype": "task_progress", "usage": USAGE, "last_tool_name": "Bash"},
    "task notification": {
        **TASK, "subtype": "task_notification", "status": "completed", "output_file": "f", "summary": "s",
    },
    "task updated": {**TASK, "subtype": "task_updated", "patch": {"status": "killed"}},
    "task updated by nothing": {"type": "system", "subtype": "task_updated", "patch": None},
    "task without id": {"type": "system", "subtype": "task_started"},
    "mirror error": {**IN, "type": "system", "subtype": "mirror_error", "error": "e", "key": None},
    "hook started": {**IN, "type": "system", "subtype": "hook_started", "hook_name": "PreToolUse"},
    "hook response": {"type": "system", "subtype": "hook_response", "hook_event": "Stop"},
    "result": RESULT,
    "result with everything": {
        **RESULT, "stop_reason": "end_turn", "total_cost_usd": 0.1, "usage": {}, "result": "r",
        "structured_output": {"a": 1}, "modelUsage": {"m": {}}, "permission_denials": [{}],
        "deferred_tool_use": {"id": "1", "name": "Bash", "input": {}}, "errors": ["e"],
        "api_error_status": 400, "terminal_reason": "completed", "origin": {"kind": "human"},
        "user_message_uuid": "v", "user_message_uuids": ["v"], "something": "new",
    },
    "result without numbers": {"type": "result", "subtype": "success"},
    "result with half a deferred call": {**RESULT, "deferred_tool_use": {"id": "1"}},
    "stream event": {**IN, "type": "stream_event", "event": {"type": "ping"}},
    "stream event without event": {**IN, "type": "stream_event"},
    "rate limit": {
        **IN, "type": "rate_limit_event",
        "rate_limit_info": {"status": "rejected", "resetsAt": 1, "rateLimitType": "overage", "new": 1},
    },
    "rate limit without info": {**IN, "type": "rate_limit_event"},
    "reset": {**IN, "type": "conversation_reset", "new_conversation_id": "n"},
    "something new": {"type": "keep_alive"},
    "without type": {"subtype": "init"},
    "no object": [1],
}  # fmt: skip


def seen(parse: Any, line: Any) -> Any:
    """The class and the fields, or the exception."""
    try:
        message = parse(line)
    except Exception as error:
        return type(error).__name__, str(error)
    return message and (type(message).__name__, asdict(message))


@pytest.mark.parametrize("name", LINES)
def test_a_line_is_the_official_message(name: str) -> None:
    official: Any = importlib.import_module("claude_agent_sdk._internal.message_parser")
    assert seen(parse_message, LINES[name]) == seen(official.parse_message, LINES[name])
