"""Asking about calls: what the callback is told, what its answers do, and what is wrong with it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from hames import (
    HookMatcher,
    PermissionResultAllow,
    PermissionResultDeny,
    PermissionUpdate,
    ToolPermissionContext,
)
from hames.approvals import PermissionRuleValue
from hames.messages import SystemMessage
from hames.testing import calls, failed, says

TOUCH = calls("Bash", command="touch made", description="Make a file")


class Judge:
    """A callback that keeps what it is told and gives one answer."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer or PermissionResultAllow()
        self.told: list[ToolPermissionContext] = []

    async def __call__(
        self, tool: str, input: dict[str, Any], context: ToolPermissionContext
    ) -> Any:
        self.told.append(context)
        return self.answer


def notes(run: Any, subtype: str) -> list[dict[str, Any]]:
    return [m.data for m in run.of(SystemMessage) if m.subtype == subtype]


async def test_the_callback_may_allow_change_refuse_and_end_the_turn(
    harness: Any, tmp_path: Path
) -> None:
    await harness([TOUCH, says("ok")], can_use_tool=Judge())
    assert (tmp_path / "made").exists()

    changed = PermissionResultAllow(updated_input={"command": "touch other"})
    await harness([TOUCH, says("ok")], can_use_tool=Judge(changed))
    assert (tmp_path / "other").exists()

    no = PermissionResultDeny(message="Not on my disk.")
    run = await harness([TOUCH, says("ok")], can_use_tool=Judge(no))
    assert run.requests[1].tool_results == [failed("Not on my disk.")]
    (denial,) = run.result.permission_denials
    assert denial["tool_input"] == {"command": "touch made", "description": "Make a file"}

    stop = PermissionResultDeny(message="Stop.", interrupt=True)
    run = await harness([TOUCH], can_use_tool=Judge(stop))
    assert (run.result.subtype, run.result.terminal_reason) == (
        "error_during_execution",
        "aborted_tools",
    )
    assert [d["tool_name"] for d in run.result.permission_denials] == ["Bash"]


@pytest.mark.parametrize(
    ("tool", "input", "expected"),
    [
        (
            "Bash",
            {"command": "touch  made\n", "description": "Make a file"},
            {
                "title": "The agent wants to run `touch made`.",
                "description": "Make a file",
                "decision_reason_type": "other",
                "display_name": "Bash",
            },
        ),
        (
            "Write",
            {"file_path": "a.txt", "content": "x"},
            {"title": "The agent wants to write `a.txt`.", "description": "a.txt"},
        ),
        (
            "Read",
            {"file_path": "/etc/hostname"},
            {"blocked_path": "/etc/hostname", "decision_reason_type": "workingDir"},
        ),
        (
            "Bash",
            {"command": "rm -rf /"},
            {"decision_reason_type": "safetyCheck", "suggestions": []},
        ),
        (
            "Bash",
            {"command": "git push"},
            {"matched_ask_rule": "Bash(git push:*)", "decision_reason_type": "rule"},
        ),
    ],
    ids=["command", "write", "outside", "critical", "ask-rule"],
)
async def test_the_callback_is_told_what_is_asked_and_why(
    harness: Any, tool: str, input: dict[str, Any], expected: dict[str, Any]
) -> None:
    judge = Judge(PermissionResultDeny(message="No."))
    await harness(
        [calls(tool, input), says("ok")],
        can_use_tool=judge,
        settings={"permissions": {"ask": ["Bash(git push:*)"]}},
    )
    (context,) = judge.told
    assert {name: getattr(context, name) for name in expected} == expected
    assert context.tool_use_id
    assert context.decision_reason


async def test_the_callback_is_told_why_a_hook_asks(harness: Any) -> None:
    async def wary(input: Any, id: Any, context: Any) -> dict[str, Any]:
        said = {"permissionDecision": "ask", "permissionDecisionReason": "It is Friday."}
        return {"hookSpecificOutput": {"hookEventName": "PreToolUse", **said}}

    judge = Judge(PermissionResultDeny(message="No."))
    await harness(
        [TOUCH, says("ok")], can_use_tool=judge, hooks={"PreToolUse": [HookMatcher(None, [wary])]}
    )
    assert [(c.decision_reason, c.decision_reason_type) for c in judge.told] == [
        ("It is Friday.", "hook")
    ]


def raises(*given: Any) -> Any:
    raise RuntimeError("no idea")


async def hangs(*given: Any) -> Any:
    await asyncio.Event().wait()


async def gives_up(*given: Any) -> Any:
    raise TimeoutError


@pytest.mark.parametrize(
    ("callback", "said"),
    [
        (raises, "failed (RuntimeError: no idea)"),
        (hangs, "gave no answer within 0.05 s"),
        (lambda *given: {"behavior": "allow"}, "returned `dict`"),
        (lambda *given: None, "returned `NoneType`"),
    ],
    ids=["raises", "hangs", "dict", "nothing"],
)
async def test_a_callback_that_does_not_answer_is_no_permission_and_is_reported(
    harness: Any, tmp_path: Path, callback: Any, said: str
) -> None:
    run = await harness([TOUCH, says("ok")], can_use_tool=callback, approval_timeout=0.05)
    assert not (tmp_path / "made").exists()
    assert run.requests[1].tool_results == [failed(said)]
    assert any(said in one.get("text", "") for one in run.result.obligations)
    assert len(run.result.permission_denials) == 1


async def test_a_timeout_of_the_callbacks_own_is_a_failure_like_others(harness: Any) -> None:
    run = await harness([TOUCH, says("ok")], can_use_tool=gives_up)
    assert run.requests[1].tool_results == [failed("The permission callback")]


async def test_a_hook_that_answers_first_ends_the_question(harness: Any, tmp_path: Path) -> None:
    cancelled = asyncio.Event()

    async def slow(*given: Any) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def hook(input: Any, id: Any, context: Any) -> dict[str, Any]:
        decision = {"behavior": "allow"}
        return {"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": decision}}

    await harness(
        [TOUCH, says("ok")],
        can_use_tool=slow,
        hooks={"PermissionRequest": [HookMatcher(None, [hook])]},
    )
    assert (tmp_path / "made").exists()
    assert cancelled.is_set()


async def test_a_call_that_nobody_allowed_is_told_of_and_hooks_hear_of_it(harness: Any) -> None:
    heard: list[dict[str, Any]] = []

    async def hook(input: Any, id: Any, context: Any) -> dict[str, Any]:
        heard.append(input)
        return {}

    run = await harness(
        [TOUCH, says("ok")], hooks={"PermissionDenied": [HookMatcher(None, [hook])]}
    )
    (note,) = notes(run, "permission_denied")
    (result,) = run.requests[1].tool_results
    assert (note["tool_name"], note["tool_use_id"]) == ("Bash", result["tool_use_id"])
    assert note["message"] in result["content"]
    assert [(h["tool_name"], h["reason"]) for h in heard] == [("Bash", note["message"])]


RULE = [PermissionRuleValue("Bash", "touch:*")]
OLD = ["Bash(make:*)", "Bash(touch:*)"]
UPDATES: dict[str, tuple[PermissionUpdate, dict[str, Any]]] = {
    "addRules": (
        PermissionUpdate("addRules", rules=RULE, behavior="ask"),
        {"allow": OLD, "ask": ["Bash(touch:*)"]},
    ),
    "replaceRules": (
        PermissionUpdate("replaceRules", rules=RULE, behavior="allow"),
        {"allow": ["Bash(touch:*)"]},
    ),
    "removeRules": (
        PermissionUpdate("removeRules", rules=RULE, behavior="allow"),
        {"allow": ["Bash(make:*)"]},
    ),
    "setMode": (
        PermissionUpdate("setMode", mode="acceptEdits"),
        {"allow": OLD, "defaultMode": "acceptEdits"},
    ),
    "addDirectories": (
        PermissionUpdate("addDirectories", directories=["/opt"]),
        {"allow": OLD, "additionalDirectories": ["/opt"]},
    ),
    "removeDirectories": (
        PermissionUpdate("removeDirectories", directories=["/opt"]),
        {"allow": OLD},
    ),
}
PLACES = {
    "userSettings": "home/.claude/settings.json",
    "projectSettings": "work/.claude/settings.json",
    "localSettings": "work/.claude/settings.local.json",
}


@pytest.mark.parametrize("destination", [*PLACES, "session", None])
@pytest.mark.parametrize("kind", UPDATES)
async def test_updates_are_written_to_where_they_are_meant_for_and_nowhere_else(
    harness: Any, tmp_path: Path, kind: str, destination: Any
) -> None:
    for place in PLACES.values():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(json.dumps({"permissions": {"allow": OLD}}))
    update, expected = UPDATES[kind]
    given = PermissionUpdate(**{**vars(update), "destination": destination})
    judge = Judge(PermissionResultAllow(updated_permissions=[given]))
    await harness(
        [calls("Bash", command="mkdir made"), says("ok")],
        cwd=tmp_path / "work",
        env={"HOME": str(tmp_path / "home"), "CLAUDE_CONFIG_DIR": str(tmp_path / "home/.claude")},
        can_use_tool=judge,
    )
    assert len(judge.told) == 1
    for name, place in PLACES.items():
        stored = json.loads((tmp_path / place).read_text(encoding="utf-8"))["permissions"]
        assert stored == (expected if name == destination else {"allow": OLD}), name


async def test_a_mode_that_an_answer_sets_is_told_whoever_answered(harness: Any) -> None:
    update = PermissionUpdate("setMode", mode="acceptEdits", destination="session")
    run = await harness(
        [
            calls("Write", file_path="a.txt", content="x"),
            calls("Write", file_path="b.txt", content="y"),
            says("ok"),
        ],
        can_use_tool=(judge := Judge(PermissionResultAllow(updated_permissions=[update]))),
    )
    assert len(judge.told) == 1
    assert [n["permissionMode"] for n in notes(run, "status")] == ["acceptEdits"]


async def test_an_update_that_says_too_little_is_reported_and_the_call_runs(
    harness: Any, tmp_path: Path
) -> None:
    judge = Judge(PermissionResultAllow(updated_permissions=[PermissionUpdate("setMode")]))
    run = await harness([TOUCH, says("ok")], can_use_tool=judge)
    assert (tmp_path / "made").exists()
    assert any("`setMode`" in one.get("text", "") for one in run.result.obligations)
