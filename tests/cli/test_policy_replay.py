"""`hames policy replay`: stored calls under the rules of today."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest

from hames import PermissionResultAllow, PermissionResultDeny
from hames.cli.commands.policy import FLAGS, main
from hames.cli.commands.replay import run_replay
from hames.cli.parse import parse
from hames.errors import OptionsError, SessionNotFound
from hames.sessions.files import FileStore
from hames.testing import calls, says


def replay(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    out = io.StringIO()
    parsed = parse(FLAGS, [*arguments, "--json"])
    code = run_replay(parsed.rest, parsed.values, out)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def changes(*arguments: str) -> list[tuple[str, str, str]]:
    """What the call was, what was decided, what would be now."""
    return [
        (next(iter(one["input"].values())), one["then"], one["now"])
        for one in replay(*arguments)[1]
    ]


@pytest.fixture
def session(harness: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A session with calls that were allowed, asked about (one allowed, one refused), and denied."""
    config = tmp_path / "config"
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(config))

    def answer(tool: str, input: dict[str, Any], context: Any) -> Any:
        if input.get("command") == "touch asked":
            return PermissionResultAllow()
        return PermissionResultDeny(message="No.")

    work = harness(
        [
            calls("Bash", command="ls")
            + calls("Bash", command="touch made")
            + calls("Bash", command="touch asked")
            + calls("Bash", command="touch refused")
            + calls("Bash", command="git push")
            + calls("Read", file_path="a.txt")
            + calls("Bash", wrong="x"),
            says("ok"),
        ],
        files={"a.txt": "x"},
        allowed_tools=["Bash(touch made)"],
        disallowed_tools=["Bash(git push:*)"],
        can_use_tool=answer,
        session_store=FileStore(str(config)),
    )
    return str(asyncio.run(work).result.session_id)


def test_calls_that_are_decided_differently_are_listed(session: str, tmp_path: Path) -> None:
    here = ["--cwd", str(tmp_path)]
    same = ["--allow", "Bash(touch made)", "--deny", "Bash(git push:*)"]
    assert replay(session, *here, *same) == (0, [])
    assert changes(session, *here) == [("touch made", "allow", "ask"), ("git push", "deny", "ask")]
    assert changes(session, *here, *same, "--deny", "Read(a.txt) Bash(touch:*)") == [
        ("touch made", "allow", "deny"),
        ("touch asked", "ask", "deny"),
        ("touch refused", "ask", "deny"),
        ("a.txt", "allow", "deny"),
    ]
    assert changes(session, *here, *same, "--mode", "dontAsk") == [
        ("touch asked", "ask", "deny"),
        ("touch refused", "ask", "deny"),
    ]
    looser = ["--allow", "Bash", "--only", "looser"]
    assert changes(session, *here, *looser) == [
        ("touch asked", "ask", "allow"),
        ("touch refused", "ask", "allow"),
        ("git push", "deny", "allow"),
    ]


def test_the_rule_of_today_is_told_with_file_and_line(
    session: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / ".claude" / "settings.json"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text('{"permissions": {"deny": [\n"Bash(git push:*)", "Bash(ls)"]}}', "utf-8")
    code, (found,) = replay(session, "--cwd", str(tmp_path), "--allow", "Bash(touch made)")
    assert code == 1
    assert (found["tool"], found["then"], found["ran"], found["now"]) == (
        *("Bash", "allow", True, "deny"),
    )
    assert (found["rule"], found["rule_file"], found["rule_line"]) == ("Bash(ls)", str(settings), 2)
    assert main(["replay", session, "--cwd", str(tmp_path), "--only", "stricter"]) == 1
    said = capsys.readouterr().out
    assert ": allow -> deny\n" in said
    assert f"  Rule `Bash(ls)` from `{settings}`, line 2.\n" in said


def test_the_sessions_of_a_folder_and_of_its_files_are_found(session: str, tmp_path: Path) -> None:
    deny = ["--allow", "Bash(touch made)", "--deny", "Bash(git push:*) Bash(ls)"]
    expected = [("ls", "allow", "deny")]
    assert changes(str(tmp_path), *deny) == expected
    path = replay(session, "--cwd", str(tmp_path), *deny)[1][0]["path"]
    assert changes(path, *deny) == expected
    assert changes(str(Path(path).parent), *deny) == expected


def test_what_nobody_could_answer_counts_as_asked(
    harness: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(config))
    play = [calls("Bash", command="touch made"), says("ok")]
    asyncio.run(harness(play, session_store=FileStore(str(config))))
    assert replay(str(tmp_path)) == (0, [])
    assert changes(str(tmp_path), "--deny", "Bash(touch:*)") == [("touch made", "ask", "deny")]


def line(**fields: Any) -> str:
    return json.dumps({"cwd": "/gone", **fields}) + "\n"


def call_line(id: str, command: str) -> str:
    block = {"type": "tool_use", "id": id, "name": "Bash", "input": {"command": command}}
    return line(type="assistant", message={"role": "assistant", "content": [block]})


def result_line(id: str, content: str, **fields: Any) -> str:
    error = {"is_error": True} if content else {}
    block = {"type": "tool_result", "tool_use_id": id, "content": content, **error}
    return line(type="user", message={"role": "user", "content": [block]}, **fields)


def test_transcripts_of_others_and_of_subagents_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such transcripts tell only what was refused. Damaged lines are named."""
    main_file = tmp_path / "one.jsonl"
    main_file.write_text(
        call_line("a", "rm x")
        + result_line("a", "")
        + "{torn\n"
        + call_line("b", "rm y")
        + result_line("b", "Permission to use Bash with command rm y has been denied.")
        + call_line("c", "rm z")
        + result_line("c", "No.", toolDenialKind="user-rejected")
        + call_line("d", "rm w")
        + result_line("d", "<tool_use_error>invalid</tool_use_error>")
        + call_line("e", "rm v"),
        encoding="utf-8",
    )
    (tmp_path / "one" / "subagents").mkdir(parents=True)
    sub = tmp_path / "one" / "subagents" / "agent-1.jsonl"
    sub.write_text(call_line("f", "rm u") + result_line("f", ""), encoding="utf-8")
    assert changes(str(main_file), "--deny", "Bash(rm:*)", "--no-settings") == [
        ("rm x", "allow", "deny"),
        ("rm z", "ask", "deny"),
        ("rm u", "allow", "deny"),
    ]
    said = capsys.readouterr().err
    assert "1 line(s) cannot be read" in said
    assert "`/gone` is not there" in said


def test_what_cannot_be_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(str(tmp_path / "none.jsonl"))[0] == 2
    assert "cannot be read" in capsys.readouterr().err
    with pytest.raises(SessionNotFound, match="no sessions"):
        replay(str(tmp_path))
    with pytest.raises(OptionsError, match="needs sessions"):
        replay()
