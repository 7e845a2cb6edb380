"""The gate for what the harness does for a prompt: mentioned files and command lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hames import PermissionResultAllow, PermissionResultDeny
from hames._aio import Interrupt
from hames.access import Reads, Runs
from hames.agent.calls.gate import Gate
from hames.permissions.types import Policy, Rules, SourcedRule


def gate(folder: Path, answer: Any = None, **rules: list[str]) -> Gate:
    sourced = {name: tuple(map(SourcedRule, texts)) for name, texts in rules.items()}
    policy = Policy(root=str(folder), home=str(folder.parent), rules=Rules(**sourced))
    return Gate(policy, answer)


@pytest.mark.parametrize(
    ("access", "allowed"),
    [
        (Reads("notes.md"), True),
        (Reads(".env"), False),
        (Reads("./src/../.env"), False),
        (Reads("link"), False),
        (Reads("/etc/passwd"), False),
        (Runs("ls"), True),
        (Runs("cat .env"), False),
        (Runs("cat < link"), False),
        (Runs("make"), False),
    ],
    ids=str,
)
async def test_what_a_prompt_mentions_is_judged_like_a_call(
    tmp_path: Path, access: Reads | Runs, allowed: bool
) -> None:
    (tmp_path / ".env").write_text("SECRET", encoding="utf-8")
    (tmp_path / "link").symlink_to(".env")
    judge = gate(tmp_path, deny=["Read(.env)"])
    verdict = await judge.judge_access(access, str(tmp_path), Interrupt())
    assert verdict.allowed is allowed
    assert bool(verdict.message) is not allowed


async def test_rules_of_a_command_allow_its_lines_and_lift_no_denial(tmp_path: Path) -> None:
    judge = gate(tmp_path, deny=["Bash(git push:*)"], ask=["Bash(git tag:*)"])
    allowing = ["Bash(git:*)"]
    for line, behavior in {
        "git add .": "allow",
        "git push": "deny",
        "git tag v1": "deny",
        "make": "deny",
    }.items():
        verdict = await judge.judge_access(
            Runs(line), str(tmp_path), Interrupt(), allowing=allowing
        )
        assert verdict.decision.behavior == behavior, line
    assert judge.policy.rules.allow == ()


async def test_a_line_that_no_rule_decides_is_asked_about(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(tool: str, input: dict[str, Any], context: Any) -> Any:
        asked.append(input["command"])
        if input["command"] == "make":
            return PermissionResultAllow()
        if input["command"] == "make other":
            return PermissionResultAllow(updated_input={"command": "rm -rf src"})
        return PermissionResultDeny(message="No.")

    judge = gate(tmp_path, answer)

    async def allowed(line: str, *, may_ask: bool = True) -> bool:
        access = Runs(line)
        return (
            await judge.judge_access(access, str(tmp_path), Interrupt(), may_ask=may_ask)
        ).allowed

    assert await allowed("make")
    assert not await allowed("make install")
    assert not await allowed("make other")
    assert not await allowed("make", may_ask=False)
    assert asked == ["make", "make install", "make other"]
