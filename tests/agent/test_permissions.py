"""Permissions through the agent: what may run, what is hidden, what the model and the result are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hames import PermissionResultAllow, PermissionUpdate
from hames.approvals import PermissionRuleValue
from hames.testing import calls, says

FILES = {".env": "SECRET=1\n", "src/app.py": "SECRET = 2\n", "src/.env": "SECRET=3\n"}


async def test_searches_pass_over_files_that_a_rule_denies(harness: Any) -> None:
    run = await harness(
        [
            calls("Grep", pattern="SECRET")
            + calls("Grep", pattern="SECRET", output_mode="content")
            + calls("Glob", pattern="**/*")
            + calls("LS", path="."),
            says("ok"),
        ],
        files=FILES,
        settings={"permissions": {"deny": ["Read(.env)"]}},
    )
    for result in run.requests[1].tool_results:
        assert "app.py" in result["content"]
        assert ".env" not in result["content"]


@pytest.mark.parametrize(
    ("tool", "input"),
    [
        ("Read", {"file_path": ".env"}),
        ("Read", {"file_path": "src/../.env"}),
        ("Edit", {"file_path": ".env", "old_string": "1", "new_string": "2"}),
        ("Write", {"file_path": ".env", "content": "x"}),
        ("MultiEdit", {"file_path": ".env", "edits": [{"old_string": "1", "new_string": "2"}]}),
        ("Grep", {"pattern": "SECRET", "path": ".env"}),
        ("Bash", {"command": "cat .env"}),
        ("Bash", {"command": "cat ./src/../.en?"}),
    ],
)
async def test_a_denied_file_is_denied_to_every_tool_in_every_mode(
    harness: Any, tmp_path: Path, tool: str, input: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IS_SANDBOX", "1")
    for mode in ("default", "acceptEdits", "plan", "dontAsk", "bypassPermissions"):
        run = await harness(
            [calls(tool, input), says("No.")],
            files=FILES,
            disallowed_tools=["Read(.env)"],
            allowed_tools=["Read", "Edit", "Write", "Grep"],
            permission_mode=mode,
        )
        (result,) = run.requests[1].tool_results
        assert result["is_error"] is True, mode
        assert "SECRET" not in result["content"], mode
        assert [d["tool_name"] for d in run.result.permission_denials] == [tool], mode
    assert (tmp_path / ".env").read_text(encoding="utf-8") == FILES[".env"]


async def test_a_command_that_is_not_known_to_be_harmless_asks(
    harness: Any, tmp_path: Path
) -> None:
    run = await harness([calls("Bash", command="touch made"), says("No.")])
    assert not (tmp_path / "made").exists()
    assert [d["tool_input"] for d in run.result.permission_denials] == [{"command": "touch made"}]
    assert (run.result.subtype, run.result.is_error) == ("success", False)


async def test_read_only_commands_run_unasked_and_side_by_side(harness: Any) -> None:
    run = await harness(
        [
            calls("Bash", command="ls") + calls("Bash", command="git status || true; cat a.txt"),
            says("ok"),
        ],
        files={"a.txt": "hello\n"},
    )
    listed, shown = run.requests[1].tool_results
    assert "a.txt" in listed["content"]
    assert "hello" in shown["content"]


async def test_writes_are_allowed_inside_by_accept_edits_and_nowhere_else(
    harness: Any, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    outside = tmp_path / "outside.txt"
    run = await harness(
        [
            calls("Write", file_path="in.txt", content="x")
            + calls("Write", file_path=str(outside), content="x"),
            says("ok"),
        ],
        cwd=work,
        permission_mode="acceptEdits",
    )
    assert (work / "in.txt").read_text(encoding="utf-8") == "x"
    assert not outside.exists()
    assert [d["tool_input"]["file_path"] for d in run.result.permission_denials] == [str(outside)]


async def test_additional_folders_may_be_worked_in(harness: Any, tmp_path: Path) -> None:
    work, more = tmp_path / "work", tmp_path / "more"
    work.mkdir()
    more.mkdir()
    (more / "a.txt").write_text("hello", encoding="utf-8")
    run = await harness(
        [calls("Read", file_path=str(more / "a.txt")), says("ok")], cwd=work, add_dirs=[more]
    )
    assert "hello" in run.requests[1].tool_results[0]["content"]


async def test_a_link_that_leads_out_is_outside(harness: Any, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (tmp_path / "secret.txt").write_text("s3cret", encoding="utf-8")
    (work / "link.txt").symlink_to(tmp_path / "secret.txt")
    run = await harness([calls("Read", file_path="link.txt"), says("No.")], cwd=work)
    assert "s3cret" not in run.requests[1].tool_results[0]["content"]
    assert len(run.result.permission_denials) == 1


async def test_a_tool_removed_by_a_bare_rule_is_not_offered_and_not_run(harness: Any) -> None:
    run = await harness([calls("Bash", command="ls"), says("ok")], disallowed_tools=["Bash"])
    assert "Bash" not in [tool["name"] for tool in run.requests[0].body["tools"]]
    assert "no tool `Bash`" in run.requests[1].tool_results[0]["content"]
    assert run.result.permission_denials == []


async def test_a_callback_may_allow_a_rule_for_the_rest_of_the_session(
    harness: Any, tmp_path: Path
) -> None:
    asked: list[str] = []

    def judge(name: str, input: dict[str, Any], context: Any) -> Any:
        asked.append(input["command"])
        rule = PermissionUpdate(
            "addRules",
            rules=[PermissionRuleValue("Bash", "touch:*")],
            behavior="allow",
            destination="session",
        )
        return PermissionResultAllow(updated_permissions=[rule])

    await harness(
        [calls("Bash", command="touch a"), calls("Bash", command="touch b"), says("ok")],
        can_use_tool=judge,
    )
    assert asked == ["touch a"]
    assert (tmp_path / "b").exists()


async def test_input_that_a_callback_changed_is_judged_again(harness: Any, tmp_path: Path) -> None:
    def judge(name: str, input: dict[str, Any], context: Any) -> Any:
        return PermissionResultAllow(updated_input={"command": "rm -rf keep"})

    (tmp_path / "keep").mkdir()
    run = await harness(
        [calls("Bash", command="touch a"), says("No.")],
        disallowed_tools=["Bash(rm:*)"],
        can_use_tool=judge,
    )
    assert (tmp_path / "keep").exists()
    assert "denied" in run.requests[1].tool_results[0]["content"]
