"""EnterPlanMode and ExitPlanMode: planning first, approval by a person, and the way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hames import PermissionResultAllow, PermissionResultDeny, PermissionUpdate
from hames.messages import SystemMessage, UserMessage
from hames.testing import calls, failed, says, succeeded

PLAN = "# Rename\n1. Edit `a.py`."
TOUCH = calls("Bash", command="touch made")


class Person:
    """Approves plans, in their own way, and nothing else."""

    def __init__(self, **answer: Any) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def __call__(self, tool: str, input: dict[str, Any], context: Any) -> Any:
        self.asked.append(tool)
        if tool == "ExitPlanMode":
            return PermissionResultAllow(**self.answer)
        return PermissionResultDeny(message="Only plans.")


def modes(run: Any) -> list[str]:
    return [m.data["permissionMode"] for m in run.of(SystemMessage) if m.subtype == "status"]


def texts(request: Any) -> str:
    return json.dumps(request.body["messages"])


@pytest.mark.parametrize("mode", ["default", "acceptEdits"])
async def test_a_plan_is_made_approved_and_the_earlier_mode_comes_back(
    harness: Any, tmp_path: Path, mode: str
) -> None:
    person = Person()
    run = await harness(
        [calls("EnterPlanMode"), TOUCH, calls("ExitPlanMode", plan=PLAN), TOUCH, says("ok")],
        can_use_tool=person,
        permission_mode=mode,
    )
    assert modes(run) == ["plan", mode]
    assert "Plan mode is on:" in texts(run.requests[1])
    assert run.requests[2].tool_results[-1:] == [failed("Only plans.")]
    assert run.requests[3].tool_results[-1:] == [succeeded("approved the plan", PLAN)]
    assert "Plan mode is off:" not in texts(run.requests[3])  # the result says it
    assert texts(run.requests[3]).count("Plan mode is on:") == 1
    assert (tmp_path / "made").exists() == (mode == "acceptEdits")
    assert person.asked.count("ExitPlanMode") == 1


async def test_a_session_may_begin_in_plan_mode_and_is_told_so_once(harness: Any) -> None:
    run = await harness([says("a plan")], permission_mode="plan")
    assert texts(run.requests[0]).count("Plan mode is on:") == 1
    assert "Your answer is the plan" in texts(run.requests[0])
    assert "ExitPlanMode" not in texts(run.requests[0])

    run = await harness([says("a plan")], permission_mode="plan", can_use_tool=Person())
    assert "show the plan with ExitPlanMode" in texts(run.requests[0])

    own = "Write the plan as a poem."
    run = await harness([says("a plan")], permission_mode="plan", plan_mode_instructions=own)
    assert (
        f"until it is approved: no edits, no commands with effects, no commits.\\n\\n{own}"
        in texts(run.requests[0])
    )
    assert "Settle what is open" not in texts(run.requests[0])


async def test_a_refused_plan_leaves_the_mode_as_it_is(harness: Any, tmp_path: Path) -> None:
    async def no(tool: str, input: dict[str, Any], context: Any) -> Any:
        return PermissionResultDeny(message="More detail, please.")

    run = await harness(
        [calls("ExitPlanMode", plan=PLAN), TOUCH, says("ok")],
        can_use_tool=no,
        permission_mode="plan",
    )
    assert run.requests[1].tool_results == [failed("More detail, please.")]
    assert modes(run) == []
    assert not (tmp_path / "made").exists()


async def test_who_approves_may_edit_the_plan_and_choose_the_mode(harness: Any) -> None:
    mode = PermissionUpdate("setMode", mode="acceptEdits", destination="session")
    person = Person(updated_input={"plan": "Only step 1."}, updated_permissions=[mode])
    run = await harness(
        [calls("ExitPlanMode", plan=PLAN), says("ok")], can_use_tool=person, permission_mode="plan"
    )
    assert modes(run) == ["acceptEdits"]
    assert run.requests[1].tool_results == [succeeded("Only step 1.")]
    (told,) = [m.tool_use_result for m in run.of(UserMessage) if m.tool_use_result]
    assert (told["plan"], told["isAgent"]) == ("Only step 1.", False)


async def test_an_approved_plan_is_kept_beside_the_settings(harness: Any, tmp_path: Path) -> None:
    from hames.sessions.files import FileStore

    home = tmp_path / "config"
    run = await harness(
        [calls("ExitPlanMode", plan=PLAN), says("ok")],
        can_use_tool=Person(),
        permission_mode="plan",
        env={"CLAUDE_CONFIG_DIR": str(home)},
        session_store=FileStore(str(home)),
    )
    file = home / "plans" / f"{run.session_id}.md"
    assert file.read_text(encoding="utf-8") == PLAN
    (told,) = [m.tool_use_result for m in run.of(UserMessage) if m.tool_use_result]
    assert told["filePath"] == str(file)


async def test_leaving_what_was_not_entered_is_never_asked_about(harness: Any) -> None:
    person = Person()
    run = await harness(
        [
            calls("ExitPlanMode", plan=PLAN),
            calls("EnterPlanMode"),
            calls("EnterPlanMode"),
            says("ok"),
        ],
        can_use_tool=person,
    )
    assert run.requests[1].tool_results == [failed("Plan mode is not on")]
    assert run.requests[3].tool_results[-1:] == [failed("Plan mode is on already")]
    assert person.asked == []
