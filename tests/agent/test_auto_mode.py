"""Mode `auto`: a function of the host judges what people would be asked about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hames import PermissionResultAllow, PermissionResultDeny
from hames.errors import OptionsError
from hames.testing import calls, says


async def test_the_classifier_judges_what_would_be_asked_about_and_nothing_else(
    harness: Any, tmp_path: Path
) -> None:
    judged: list[str] = []
    asked: list[str] = []

    async def judge(tool: str, input: dict[str, Any], context: Any) -> Any:
        judged.append(input["command"])
        match input["command"]:
            case "touch fine":
                return PermissionResultAllow()
            case "touch changed":
                return PermissionResultAllow(updated_input={"command": "git push"})
            case "touch unsure":
                return None
            case "touch broken":
                raise ValueError("no idea")
        return PermissionResultDeny(message="Too risky.")

    def person(tool: str, input: dict[str, Any], context: Any) -> Any:
        asked.append(input["command"])
        return PermissionResultDeny(message="A person says no.")

    commands = ["ls", "git push", "touch ruled", "touch risky", "touch broken", "touch changed"]
    commands += ["touch unsure", "touch fine"]
    play = calls("Bash", command=commands[0])
    for command in commands[1:]:
        play += calls("Bash", command=command)
    run = await harness(
        [play, says("ok")],
        permission_mode="auto",
        classifier=judge,
        can_use_tool=person,
        disallowed_tools=["Bash(git push:*)"],
        settings={"permissions": {"ask": ["Bash(touch ruled)"]}},
    )
    assert judged == commands[3:]
    assert asked == ["touch ruled", "touch unsure"]
    results = [result["content"] for result in run.requests[1].tool_results]
    assert ["denied by" in text for text in results].index(True) == 1
    assert "Too risky." in results[3]
    assert "classifier failed (ValueError" in results[4]
    assert "The changed input is denied" in results[5]
    assert (tmp_path / "fine").exists()
    assert not (tmp_path / "risky").exists()
    assert len(run.result.permission_denials) == 6


async def test_without_a_classifier_the_mode_cannot_be_had(harness: Any, tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match="`classifier`"):
        await harness([says("x")], permission_mode="auto")
    settings = {"permissions": {"defaultMode": "auto"}}
    run = await harness([calls("Bash", command="touch made"), says("No.")], settings=settings)
    assert not (tmp_path / "made").exists()
    assert len(run.result.permission_denials) == 1
