"""`can_use_tool` over lines: what is asked, what answers mean, and when a question is taken back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from talk import HI, Talk

from hames.protocol.server import Launch
from hames.sessions.memory import MemoryStore
from hames.testing import calls, says

TOUCH = calls("Bash", command="touch made", description="Make a file")
ASKED = Launch(ask_client=True)


async def told(talk: Talk, answer: dict[str, Any], *, error: str = "") -> dict[str, Any]:
    """The question that came of a prompt, answered so; the session has ended."""
    serving = asyncio.create_task(talk.serve())
    talk.send(HI)
    asked = await talk.until(type="control_request")
    response: dict[str, Any] = {"subtype": "success", "response": answer}
    if error:
        response = {"subtype": "error", "error": error}
    talk.send(
        {
            "type": "control_response",
            "response": {**response, "request_id": asked["request_id"]},
        }
    )
    await talk.until(type="result")
    talk.end()
    await serving
    request: dict[str, Any] = asked["request"]
    return request


def result_of(talk: Talk) -> dict[str, Any]:
    (found,) = [line for line in talk.said if line["type"] == "result"]
    return found


async def test_the_client_is_told_what_is_asked_and_why(tmp_path: Path) -> None:
    ask = {"permissions": {"ask": ["Bash(touch:*)"]}}
    talk = Talk(tmp_path, TOUCH, says("ok"), launch=ASKED, settings=ask)
    request = await told(talk, {"behavior": "allow"})
    id = request.pop("tool_use_id")
    assert id
    assert request == {
        "subtype": "can_use_tool",
        "tool_name": "Bash",
        "display_name": "Bash",
        "input": {"command": "touch made", "description": "Make a file"},
        "title": "The agent wants to run `touch made`.",
        "description": "Make a file",
        "permission_suggestions": [],
        "decision_reason": request["decision_reason"],
        "decision_reason_type": "rule",
        "matched_ask_rule": "Bash(touch:*)",
    }
    assert (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"behavior": "deny"},
        {"behavior": "perhaps"},
        {"behavior": "allow", "updatedInput": ["touch"]},
        {"behavior": "allow", "updatedPermissions": [{"type": "addRules", "rules": [{}]}]},
        {"behavior": "allow", "updatedPermissions": {"type": "setMode"}},
    ],
    ids=str,
)
async def test_a_wrong_answer_is_no_permission_and_is_reported(tmp_path: Path, answer: Any) -> None:
    talk = Talk(tmp_path, TOUCH, says("ok"), launch=ASKED)
    await told(talk, answer)
    assert not (tmp_path / "made").exists()
    owed = result_of(talk)["obligations"]
    assert any("The permission callback failed" in one.get("text", "") for one in owed)
    assert len(result_of(talk)["permission_denials"]) == 1


async def test_an_error_of_the_client_is_no_permission(tmp_path: Path) -> None:
    talk = Talk(tmp_path, TOUCH, says("ok"), launch=ASKED)
    await told(talk, {}, error="nobody is at the desk")
    assert not (tmp_path / "made").exists()
    assert b"nobody is at the desk" in talk.model.requests[1].body()


async def test_a_question_that_a_hook_answers_first_is_taken_back(tmp_path: Path) -> None:
    said = '{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"allow"}}}'
    command = f"cat > /dev/null; echo '{said}'"
    hooks = {"PermissionRequest": [{"hooks": [{"type": "command", "command": command}]}]}
    talk = Talk(tmp_path, TOUCH, says("ok"), launch=ASKED, hooks=hooks)
    serving = asyncio.create_task(talk.serve())
    talk.send(HI)
    asked = await talk.until(type="control_request")
    taken_back = await talk.until(type="control_cancel_request")
    assert taken_back["request_id"] == asked["request_id"]
    await talk.until(type="result")
    talk.end()
    await serving
    assert (tmp_path / "made").exists()


async def test_a_client_may_put_a_call_off_and_is_asked_when_the_session_goes_on(
    tmp_path: Path,
) -> None:
    """Official 2.1.330 goes on by itself with a resumed session; `defer` as an answer is our own."""
    store: Any = {"session_store": MemoryStore(), "persist_session": True}
    talk = Talk(tmp_path, TOUCH, launch=ASKED, **store)
    await told(talk, {"behavior": "defer", "message": "Ask me tomorrow."})
    result = result_of(talk)
    assert result["terminal_reason"] == "tool_deferred"
    assert result["deferred_tool_use"]["input"]["command"] == "touch made"
    assert not (tmp_path / "made").exists()

    again = Talk(tmp_path, says("ok"), launch=ASKED, resume=result["session_id"], **store)
    request = await told(again, {"behavior": "allow"})
    assert request["tool_use_id"] == result["deferred_tool_use"]["id"]
    assert (tmp_path / "made").exists()
