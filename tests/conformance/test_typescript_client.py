"""The official TypeScript client drives `hames`: its programs are in programs.mjs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hames.testing import calls, fails, says

HERE = Path(__file__).parent
LIMIT = 60
"""Seconds after which something hangs."""

Hames = Callable[..., Any]
Lines = list[dict[str, Any]]

pytestmark = pytest.mark.skipif(
    not (HERE / "node_modules").is_dir() or shutil.which("node") is None,
    reason="the client is not installed: `make test` does it where npm is",
)


def run(hames: Any, program: str, **options: Any) -> Lines:
    """What a program printed."""
    given = {
        "pathToClaudeCodeExecutable": hames.options().cli_path,
        "cwd": str(hames.cwd),
        "settingSources": [],
        "env": {**hames.environment, "PATH": "/usr/bin:/bin"},
    }
    ran = subprocess.run(
        ["node", "programs.mjs", program, json.dumps({**given, **options})],
        cwd=HERE,
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    assert (ran.returncode, ran.stderr.decode()) == (0, "")
    return [json.loads(line) for line in ran.stdout.splitlines()]


def results(lines: Lines) -> Lines:
    return of("result", lines)


def of(kind: str, lines: Lines) -> Lines:
    return [line for line in lines if line["type"] == kind]


def tool_results(lines: Lines) -> Lines:
    blocks = [line["message"]["content"][0] for line in of("user", lines)]
    return [block for block in blocks if block["type"] == "tool_result"]


def test_a_string_is_answered(official: Hames) -> None:
    hames = official(says("Hello."))
    init, said, result = run(hames, "ask")
    assert (init["subtype"], said["message"]["content"][0]["text"]) == ("init", "Hello.")
    assert (result["subtype"], result["result"]) == ("success", "Hello.")


def test_the_prompt_of_initialize_is_the_system_prompt(official: Hames) -> None:
    """Official: this client sends it in `initialize`, and the first user line right behind."""
    hames = official(says("1"), says("2"))
    run(hames, "ask")
    run(hames, "ask", systemPrompt="You are a pirate.")
    assert [request.system_text for request in hames.api.requests] == ["", "You are a pirate."]


@pytest.mark.parametrize("program", ["stream", "converse"])
def test_prompts_are_answered_one_by_one(official: Hames, program: str) -> None:
    hames = official(says("One."), says("Two."))
    lines = run(hames, program)
    assert [result["result"] for result in results(lines)] == ["One.", "Two."]


def test_partial_messages_are_sent(official: Hames) -> None:
    hames = official(says("Hello."))
    lines = run(hames, "ask", includePartialMessages=True)
    kinds = [line["event"]["type"] for line in of("stream_event", lines)]
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"


@pytest.mark.parametrize(
    ("program", "made", "denials"), [("allow", "theirs", 0), ("change", "ours", 0), ("deny", "", 1)]
)
def test_permission_questions_are_answered(
    official: Hames, program: str, made: str, denials: int
) -> None:
    hames = official(calls("Bash", command="touch theirs"), says("Done."))
    lines = run(hames, program)
    assert "".join(path.name for path in hames.cwd.iterdir()) == made
    [result] = results(lines)
    assert (result["result"], len(result["permission_denials"])) == ("Done.", denials)


def test_a_denial_can_end_the_turn_and_the_session_goes_on(official: Hames) -> None:
    hames = official(calls("Bash", command="touch it"), says("Yes."))
    stopped, after = results(run(hames, "denyAndStop"))
    assert (stopped["subtype"], stopped["terminal_reason"]) == (
        "error_during_execution",
        "aborted_tools",
    )
    assert after["result"] == "Yes."


def test_tools_of_the_program_are_called(official: Hames) -> None:
    hames = official(calls("mcp__calc__add", a=1, b=2), says("Three."))
    lines = run(hames, "tools")
    assert lines[0]["mcp_servers"] == [{"name": "calc", "status": "connected", "source": "sdk"}]
    [result] = tool_results(lines)
    assert result["content"] == [{"type": "text", "text": "3"}]


def test_hooks_of_the_program_are_called(official: Hames) -> None:
    hames = official(calls("Bash", command="touch it"), says("Then not."))
    lines = run(hames, "hooks")
    assert of("hook", lines) == [{"type": "hook", "command": "touch it"}]
    [denied] = tool_results(lines)
    assert denied["is_error"]
    assert "Keep it." in denied["content"]


def test_an_interrupt_stops_a_stream(official: Hames) -> None:
    hames = official(says("Hello, whoever you are.").hang(events=4), says("Yes."))
    stopped, after = results(run(hames, "interruptStream"))
    assert stopped["terminal_reason"] == "aborted_streaming"
    assert after["result"] == "Yes."


def test_an_interrupt_stops_a_call(official: Hames) -> None:
    hames = official(calls("Bash", command="touch begun; sleep 60"), says("Yes."))
    stopped, after = results(run(hames, "interruptTool"))
    assert stopped["terminal_reason"] == "aborted_tools"
    assert after["result"] == "Yes."


def test_a_session_is_asked_and_changed(official: Hames) -> None:
    hames = official(says("One."), says("Two."))
    lines = run(hames, "control", model="claude-sonnet-4-5")
    begun, models, servers, usage, *_ = [line["value"] for line in of("told", lines)]
    assert begun["account"]["apiKeySource"] == "ANTHROPIC_API_KEY"
    assert "opus" in [model["value"] for model in models]
    assert (servers, usage["model"]) == ([], "claude-sonnet-4-5")
    before, after = hames.api.requests
    assert [before.model, after.model] == ["claude-sonnet-4-5", "claude-haiku-4-5"]
    assert after.body["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    modes = [line["permissionMode"] for line in of("system", lines) if "permissionMode" in line]
    assert (modes[0], modes[-1]) == ("default", "acceptEdits")


def test_a_server_comes_and_goes_and_asks_the_user(official: Hames) -> None:
    hames = official(says("One."), calls("mcp__desk__ask"), says("Ann."), says("Three."))
    lines = run(hames, "servers", model="claude-sonnet-4-5")
    added, servers = [line["value"] for line in of("told", lines)]
    assert (added["added"], added["removed"], added["errors"]) == (["desk"], [], {})
    assert [(one["name"], one["status"]) for one in servers] == [("desk", "disabled")]
    assert [block["content"][0]["text"] for block in tool_results(lines)] == ["accept: Ann"]
    offered = ["mcp__desk__ask" in request.tools for request in hames.api.requests]
    assert offered == [False, True, True, False]
    assert hames.api.requests[-1].model == "claude-haiku-4-5"


def test_a_failed_request_is_a_result_and_then_an_exception(official: Hames) -> None:
    hames = official(fails(400, "This cannot be."))
    lines = run(hames, "ask")
    [result] = results(lines)
    assert (result["is_error"], result["api_error_status"]) == (True, 400)
    assert "This cannot be" in of("thrown", lines)[0]["text"]


def test_sessions_are_resumed_continued_and_forked(official: Hames) -> None:
    hames = official(says("One."), says("Two."), says("Three."), says("Four."))
    [first] = results(run(hames, "ask"))
    id = first["session_id"]
    [second] = results(run(hames, "goOn", resume=id))
    [third] = results(run(hames, "goOn", **{"continue": True}))
    [fourth] = results(run(hames, "goOn", resume=id, forkSession=True))
    assert id == second["session_id"] == third["session_id"] != fourth["session_id"]
    assert [len(request.messages) for request in hames.api.requests] == [1, 3, 5, 7]


def test_a_session_that_is_not_there_is_an_error(official: Hames) -> None:
    lines = run(official(), "ask", resume="00000000-0000-4000-8000-000000000000")
    assert "No conversation found with session ID" in of("thrown", lines)[0]["text"]


def test_agents_are_listed(official: Hames) -> None:
    hames = official(says("Hello."))
    agents = {"helper": {"description": "Helps.", "prompt": "You help."}}
    lines = run(hames, "ask", agents=agents)
    (init,) = [line for line in of("system", lines) if line["subtype"] == "init"]
    assert (init["agents"], results(lines)[0]["result"]) == (["helper"], "Hello.")


@pytest.mark.parametrize(("sources", "ran"), [(["project"], False), ([], True)])
def test_settings_of_the_named_sources_hold(official: Hames, sources: list[str], ran: bool) -> None:
    hames = official(calls("Bash", command="touch it"), says("Done."))
    (hames.cwd / ".claude").mkdir()
    rules = {"permissions": {"deny": ["Bash(touch:*)"]}}
    (hames.cwd / ".claude/settings.json").write_text(json.dumps(rules))
    run(hames, "ask", settingSources=sources, allowedTools=["Bash"])
    assert (hames.cwd / "it").exists() == ran


def test_a_session_goes_on_from_an_earlier_line(official: Hames) -> None:
    hames = official(says("One."), says("Two."), says("Three."))
    lines = run(hames, "converse")
    reply = of("assistant", lines)[0]["uuid"]
    id = results(lines)[0]["session_id"]
    [third] = results(run(hames, "goOn", resume=id, resumeSessionAt=reply))
    assert (third["session_id"], third["result"]) == (id, "Three.")
    assert "Second." not in str(hames.api.requests[2].messages)


def test_a_store_gets_what_is_stored(official: Hames) -> None:
    told = of("told", run(official(says("Hello.")), "store"))[0]["value"]
    kept = [kind for kind in told if kind in ("user", "assistant")]
    assert kept == ["user", "user", "assistant"]


def test_files_are_put_back(official: Hames) -> None:
    hames = official(calls("Bash", command="echo new > a; touch b"), says("Done."))
    (hames.cwd / "a").write_text("old\n")
    [told] = of("told", run(hames, "rewind"))
    assert told["value"]["canRewind"] is True
    assert {Path(file).name for file in told["value"]["filesChanged"]} == {"a", "b"}
    assert [(path.name, path.read_text()) for path in hames.cwd.iterdir()] == [("a", "old\n")]
