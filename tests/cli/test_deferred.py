"""Calls that wait, by the command line: put off by a hook, gone on with when the session is resumed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine

from hames.testing import calls, says
from hames.testing.fake_api import FakeAPI

DESK = Path(__file__).resolve().parents[2] / "examples/approval_desk.py"
STREAMS = ("--output-format", "stream-json", "--verbose", "--input-format", "stream-json")
TOUCH = calls("Bash", command="touch made")
SAID = {"hookEventName": "PreToolUse", "permissionDecision": "defer"}
DEFER = json.dumps(
    {
        "hooks": {
            "PreToolUse": [
                {
                    "matcher": "Bash",
                    "hooks": [
                        {
                            "type": "command",
                            "command": f"echo '{json.dumps({'hookSpecificOutput': SAID})}'",
                        }
                    ],
                }
            ]
        }
    }
)

Hames = Callable[..., CommandLine]


@pytest.fixture
def hames(fake_api: Callable[..., FakeAPI], tmp_path: Path) -> Hames:
    return lambda *plays: CommandLine(tmp_path, fake_api(plays))


def begun(line: CommandLine) -> dict[str, Any]:
    """The result of a run whose call was put off."""
    ran = line.run("-p", "Go.", "--output-format", "json", "--settings", DEFER)
    assert ran.code == 0, ran.errors
    result: dict[str, Any] = json.loads(ran.output)
    return result


def test_a_session_is_resumed_without_a_prompt(hames: Hames) -> None:
    """Official 2.1.330: fields of the result; resuming goes on with the call by itself."""
    line = hames(TOUCH, says("Done."))
    result = begun(line)
    assert (result["stop_reason"], result["terminal_reason"]) == ("tool_deferred", "tool_deferred")
    waits = result["deferred_tool_use"]
    assert (waits["name"], waits["input"]) == ("Bash", {"command": "touch made"})

    ran = line.run("-p", "--resume", result["session_id"], "--allowedTools", "Bash(touch:*)")
    assert (ran.code, ran.output) == (0, "Done.\n")
    assert (line.cwd / "made").exists()

    ran = line.run("-p", "--resume", result["session_id"])
    assert ran.code == 1
    assert "no call waits" in ran.output + ran.errors


def test_decisions_may_be_given_by_a_flag(hames: Hames) -> None:
    line = hames(TOUCH, says("Well."))
    result = begun(line)
    id = result["deferred_tool_use"]["id"]
    resume = ("-p", "--resume", result["session_id"], "--decisions")
    no = json.dumps({id: {"behavior": "deny", "message": "Not now."}})
    ran = line.run(*resume, no)
    assert (ran.code, ran.output) == (0, "Well.\n")
    assert line.api.requests[-1].result_texts == ["Not now."]
    assert not (line.cwd / "made").exists()

    for wrong, said in (("[]", "an object"), ("{", "cannot be read"), ('{"x":"allow"}', "`x`")):
        ran = line.run(*resume, wrong)
        assert (ran.code, ran.output) == (1, "")
        assert said in ran.errors


def test_a_client_is_asked_about_what_waits_before_it_has_said_anything(hames: Hames) -> None:
    """Official 2.1.330: goes on by itself, asking the client."""
    line = hames(TOUCH, says("Done."))
    process = line.start(
        *STREAMS, "--permission-prompt-tool", "stdio", "--resume", begun(line)["session_id"]
    )
    assert process.stdin is not None
    assert process.stdout is not None
    begin = {"type": "control_request", "request_id": "1", "request": {"subtype": "initialize"}}
    process.stdin.write(json.dumps(begin).encode() + b"\n")
    process.stdin.flush()
    result = None
    for raw in process.stdout:
        said = json.loads(raw)
        if said["type"] == "control_request":
            assert said["request"]["input"] == {"command": "touch made"}
            answer = {"behavior": "allow", "updatedInput": {}}
            response = {"subtype": "success", "request_id": said["request_id"], "response": answer}
            line_back = {"type": "control_response", "response": response}
            process.stdin.write(json.dumps(line_back).encode() + b"\n")
            process.stdin.flush()
        if said["type"] == "result":
            result = said
            process.stdin.close()
    process.wait(30)
    process.stdout.close()
    assert process.stderr is not None
    process.stderr.close()
    assert result is not None
    assert (result["result"], process.returncode) == ("Done.", 0)
    assert (line.cwd / "made").exists()


def test_a_session_with_a_call_that_waits_is_sound(hames: Hames) -> None:
    line = hames(TOUCH)
    id = begun(line)["session_id"]
    checked = line.run("session", "check", id)
    assert (checked.code, checked.errors) == (0, "")
    assert "1 call(s) wait for a decision" in checked.output


def test_the_approval_desk_of_the_examples_works_across_processes(hames: Hames) -> None:
    line = hames(TOUCH + calls("Bash", command="touch other"), TOUCH, says("Done."))

    def desk(*arguments: str) -> list[str]:
        ran = subprocess.run(
            [sys.executable, "-W", "error", str(DESK), *arguments],
            cwd=line.cwd,
            env=line.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        return ran.stdout.splitlines()

    assert desk("start", "Make two files.") == ["2 call(s) wait for a decision."]
    first, second = (row.split()[0] for row in desk("list"))
    assert desk("decide", first, "no") == ["1 more to decide."]
    assert desk("decide", second, "yes") == ["1 call(s) wait for a decision."]
    assert sorted(path.name for path in line.cwd.iterdir()) == ["desk.sqlite", "other"]
    (third,) = (row.split()[0] for row in desk("list"))
    assert desk("decide", third, "yes") == ["Done."]
    assert (line.cwd / "made").exists()
    assert desk("list") == []
