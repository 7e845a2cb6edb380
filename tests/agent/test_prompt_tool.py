"""A tool that is asked for permission: what it gets, what its answers mean, and who is never asked."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from hames import OptionsError, tool
from hames.agent.calls.toolset import CLIENT
from hames.messages import SystemMessage
from hames.testing import calls, failed, says
from hames.tools.tool import Result

TOUCH = calls("Bash", command="touch made")


def approver(*answers: Any, error: bool = False) -> tuple[Any, list[dict[str, Any]]]:
    """A tool that gives these answers, and what it is asked."""
    asked: list[dict[str, Any]] = []
    given = list(answers)

    @tool(name="mcp__desk__approve")
    def approve(tool_name: str, input: dict[str, Any], tool_use_id: str) -> Result:
        """Decide."""
        asked.append({"tool_name": tool_name, "input": input, "tool_use_id": tool_use_id})
        answer = given.pop(0)
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return Result([{"type": "text", "text": text}], is_error=error or None)

    return approve, asked


async def run_with(harness: Any, *answers: Any, error: bool = False, **options: Any) -> Any:
    approve, asked = approver(*answers, error=error)
    run = await harness(
        [TOUCH, says("ok")],
        tools=["default", approve],
        permission_prompt_tool_name="mcp__desk__approve",
        **options,
    )
    return run, asked


async def test_the_tool_gets_the_call_and_may_allow_it_with_another_input(
    harness: Any, tmp_path: Path
) -> None:
    """Official 2.1.330: three arguments; an answer without `updatedInput` leaves the input alone."""
    run, asked = await run_with(harness, {"behavior": "allow"})
    (result,) = run.requests[1].tool_results
    id = result["tool_use_id"]
    assert asked == [{"tool_name": "Bash", "input": {"command": "touch made"}, "tool_use_id": id}]
    assert (tmp_path / "made").exists()

    await run_with(harness, {"behavior": "allow", "updatedInput": {"command": "touch other"}})
    assert (tmp_path / "other").exists()


async def test_the_tool_may_refuse_end_the_turn_and_change_permissions(harness: Any) -> None:
    run, _ = await run_with(harness, {"behavior": "deny", "message": "Not today."})
    assert run.requests[1].tool_results == [failed("Not today.")]
    assert len(run.result.permission_denials) == 1

    run, _ = await run_with(harness, {"allow": False, "reason": "As clients of 2025 say it."})
    assert run.requests[1].tool_results == [failed("As clients of 2025 say it.")]

    run, _ = await run_with(harness, {"behavior": "deny", "message": "x", "interrupt": True})
    assert run.result.terminal_reason == "aborted_tools"

    mode = {"type": "setMode", "mode": "acceptEdits", "destination": "session"}
    run, _ = await run_with(harness, {"behavior": "allow", "updatedPermissions": [mode]})
    told = [m.data for m in run.of(SystemMessage) if m.subtype == "status"]
    assert [t["permissionMode"] for t in told] == ["acceptEdits"]


@pytest.mark.parametrize(
    "answer",
    [
        "yes please",
        "",
        "null",
        {"behavior": "deny"},
        {"behavior": "maybe"},
        {"behavior": "allow", "updatedInput": "touch x"},
        {"behavior": "allow", "updatedPermissions": [{"type": "sing"}]},
        {"behavior": "allow", "updatedPermissions": [{"type": "addRules", "rules": [{}]}]},
    ],
    ids=str,
)
async def test_an_answer_that_cannot_be_read_refuses_and_says_why(
    harness: Any, tmp_path: Path, answer: Any
) -> None:
    run, _ = await run_with(harness, answer)
    assert not (tmp_path / "made").exists()
    assert run.requests[1].tool_results == [
        failed("permission prompt tool `mcp__desk__approve` answered")
    ]
    assert len(run.result.permission_denials) == 1


async def test_a_tool_that_fails_refuses(harness: Any, tmp_path: Path) -> None:
    run, _ = await run_with(harness, {"behavior": "allow"}, error=True)
    assert not (tmp_path / "made").exists()
    assert run.requests[1].tool_results == [failed("`mcp__desk__approve` failed")]


async def test_the_model_neither_sees_nor_calls_the_tool(harness: Any) -> None:
    """Official 2.1.330: the tool is on no list, and a call of it is one of an unknown tool."""
    approve, asked = approver({"behavior": "allow"})
    run = await harness(
        [calls("mcp__desk__approve", tool_name="x", input={}, tool_use_id="y"), says("ok")],
        tools=["default", approve],
        permission_prompt_tool_name="mcp__desk__approve",
    )
    names = [one["name"] for one in run.requests[0].body["tools"]]
    assert "mcp__desk__approve" not in names
    assert "AskUserQuestion" in names
    assert run.requests[1].tool_results == [failed("no tool `mcp__desk__approve`")]
    assert asked == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"permission_prompt_tool_name": "mcp__desk__nope"}, "no tool `mcp__desk__nope`"),
        ({"permission_prompt_tool_name": "Bash"}, "no tool `Bash` to ask"),
        ({"permission_prompt_tool_name": CLIENT}, "give `can_use_tool` as well"),
        (
            {"permission_prompt_tool_name": "mcp__desk__nope", "can_use_tool": print},
            "not both",
        ),
        ({"permission_prompts": "some"}, "`host` or `none`, not `some`"),
    ],
    ids=["unknown", "built-in", "nobody", "both", "prompts"],
)
async def test_what_cannot_be_asked_is_an_error_at_the_start(
    harness: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(OptionsError, match=said):
        await harness([says("ok")], **options)


async def test_programs_of_old_clients_may_name_the_client_beside_the_callback(
    harness: Any, tmp_path: Path
) -> None:
    from hames import PermissionResultAllow

    await harness(
        [TOUCH, says("ok")],
        can_use_tool=lambda *given: PermissionResultAllow(),
        permission_prompt_tool_name="stdio",
    )
    assert (tmp_path / "made").exists()


async def test_with_prompts_none_nobody_is_asked(harness: Any, tmp_path: Path) -> None:
    run, asked = await run_with(harness, {"behavior": "allow"}, permission_prompts="none")
    assert asked == []
    assert not (tmp_path / "made").exists()
    assert run.requests[1].tool_results == [failed("nobody is there")]

    def never(*given: Any) -> Any:
        raise AssertionError("nobody is asked")

    run = await harness([TOUCH, says("ok")], can_use_tool=never, permission_prompts="none")
    assert run.requests[1].tool_results == [failed("nobody is there")]
    assert len(run.result.permission_denials) == 1


async def test_hooks_answer_even_with_prompts_none(harness: Any, tmp_path: Path) -> None:
    """Official 2.1.330 does the same."""
    from hames import HookMatcher

    async def yes(*given: Any) -> Any:
        decision = {"behavior": "allow"}
        return {"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": decision}}

    hooks = {"PermissionRequest": [HookMatcher(None, [yes])]}
    await harness([TOUCH, says("ok")], permission_prompts="none", hooks=hooks)
    assert (tmp_path / "made").exists()


async def test_a_slow_tool_is_bounded_like_a_callback(harness: Any) -> None:
    @tool(name="mcp__desk__approve")
    async def approve(tool_name: str, input: dict[str, Any], tool_use_id: str) -> str:
        """Decide."""
        await asyncio.Event().wait()
        return ""

    run = await harness(
        [TOUCH, says("ok")],
        tools=["default", approve],
        permission_prompt_tool_name="mcp__desk__approve",
        approval_timeout=0.05,
    )
    assert run.requests[1].tool_results == [failed("gave no answer within 0.05 s")]
