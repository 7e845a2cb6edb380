"""Hooks of a session's beginning and end, of prompts and of stops."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hook_parts import Ears, commands, heard, notes, prints, specific, stored

from hames import AgentOptions, Client, HookMatcher
from hames.messages import HookEventMessage, UserMessage
from hames.providers.scripted import Scripted
from hames.testing import calls, says


def sent(run: Any, number: int = 0) -> str:
    return json.dumps(run.requests[number].body["messages"])


@pytest.mark.parametrize(
    "command",
    ["echo remember", prints(specific("UserPromptSubmit", additionalContext="remember"))],
)
async def test_a_prompt_hook_adds_context_before_the_prompt(harness: Any, command: str) -> None:
    run = await harness([says("ok")], "The prompt.", hooks={"UserPromptSubmit": commands(command)})
    assert sent(run).index("remember") < sent(run).index("The prompt.")


@pytest.mark.parametrize(
    "command",
    ["echo private >&2; exit 2", prints({"decision": "block", "reason": "private"})],
)
async def test_a_blocked_prompt_is_forgotten(harness: Any, command: str) -> None:
    first = await harness([says("ok")], "The first.")
    run = await harness(
        [], "The prompt.", hooks={"UserPromptSubmit": commands(command)}, resume=first.session_id
    )
    assert run.requests == []
    result = run.result
    assert (result.subtype, result.is_error, result.num_turns) == ("success", False, 0)
    assert "private" in result.result
    assert result.terminal_reason is None
    assert notes(run)[-1]["prevent_continuation"] is True
    run = await harness([says("ok")], "Next.", resume=run.session_id)
    assert "The first." in sent(run)
    assert "The prompt." not in sent(run)


async def test_a_prompt_blocked_during_an_answer_is_left_out(tmp_path: Path) -> None:
    started = Ears({})

    def check(input: dict[str, Any], *_: Any) -> dict[str, Any]:
        return {"decision": "block", "reason": "no"} if "second" in input["prompt"] else {}

    options = AgentOptions(
        provider=Scripted([calls("Read", file_path="x"), says("ok")]),
        cwd=tmp_path,
        persist_session=False,
        hooks={
            "UserPromptSubmit": [HookMatcher(None, [check])],
            "PreToolUse": [HookMatcher(None, [started])],
        },
    )
    async with Client(options) as client:

        async def ask(*_: Any) -> dict[str, Any]:
            await client.query("The second.")
            return {}

        options.hooks["PreToolUse"][0].hooks = [ask]  # type: ignore[index,union-attr]
        await client.query("The first.")
        seen = [message async for message in client.receive_response()]
    assert seen[-1].result == "ok"  # type: ignore[union-attr]


async def test_session_start_hooks_add_context_variables_and_events(harness: Any) -> None:
    hook = 'echo "remember"; echo "export COLOUR=blue" >> "$CLAUDE_ENV_FILE"'
    run = await harness(
        [calls("Bash", command="echo $COLOUR $CLAUDE_PROJECT_DIR"), says("ok")],
        hooks={"SessionStart": commands(hook)},
        allowed_tools=["Bash"],
    )
    assert "remember" in sent(run)
    assert run.requests[1].tool_results[0]["content"].strip() == "blue"
    told = run.of(HookEventMessage)
    assert [m.subtype for m in told] == ["hook_started", "hook_response"]
    assert told[1].data["outcome"] == "success"
    assert {m.session_id for m in told} == {run.session_id}
    assert told[1].data["stdout"] == "remember\n"


async def test_session_start_tells_how_the_session_began(harness: Any) -> None:
    ears = Ears()
    hooks = {"SessionStart": [HookMatcher(None, [ears])]}
    first = await harness([says("ok")], hooks=hooks)
    await harness([says("ok")], hooks=hooks, resume=first.session_id)
    await harness([says("ok")], hooks=hooks, resume=first.session_id, fork_session=True)
    assert [i["source"] for i in ears.inputs] == ["startup", "resume", "fork"]


async def test_commands_know_project_session_and_entrypoint(
    harness: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    names = "CLAUDE_PROJECT_DIR CLAUDECODE CLAUDE_CODE_ENTRYPOINT CLAUDE_CODE_SESSION_ID"
    say = f"for n in {names} ANTHROPIC_API_KEY CLAUDE_ENV_FILE; do echo $n=$(printenv $n); done"
    run = await harness(
        [says("ok")],
        hooks={"Stop": commands(f"({say}) > told")},
        session_id="0" * 8 + "-1111-4111-8111-" + "0" * 12,
    )
    told = dict(x.split("=", 1) for x in (tmp_path / "told").read_text().splitlines())
    assert told == {
        "CLAUDE_PROJECT_DIR": str(tmp_path),
        "CLAUDECODE": "1",
        "CLAUDE_CODE_ENTRYPOINT": "sdk-py",
        "CLAUDE_CODE_SESSION_ID": run.session_id,
        "ANTHROPIC_API_KEY": "",
        "CLAUDE_ENV_FILE": "",
    }


async def test_a_stop_hook_sends_the_model_back_once(harness: Any, tmp_path: Path) -> None:
    hook = (
        "tee -a log | grep -q '\"stop_hook_active\":true' || { echo 'Run the tests.' >&2; exit 2; }"
    )
    run = await harness([says("done"), says("really done")], hooks={"Stop": commands(hook)})
    assert run.text == "really done"
    assert "Run the tests." in sent(run, 1)
    assert [e["stop_hook_active"] for e in heard(tmp_path / "log")] == [False, True]
    assert any("Run the tests." in str(m.content) for m in run.of(UserMessage))
    summaries = [line for line in await stored(run) if line.get("subtype") == "stop_hook_summary"]
    assert [line["hookCount"] for line in summaries] == [1, 1]


async def test_stop_hooks_that_never_agree_are_overruled(harness: Any) -> None:
    run = await harness([says("done").forever()], hooks={"Stop": commands("exit 2")})
    assert len(run.requests) == 9
    assert any("back to work" in o.get("text", "") for o in run.result.obligations)


async def test_continue_false_is_stronger_than_block_at_a_stop(harness: Any) -> None:
    hook = prints({"continue": False, "decision": "block", "reason": "more"})
    run = await harness([says("done")], hooks={"Stop": commands(hook)})
    assert (run.text, run.result.terminal_reason) == ("done", "stop_hook_prevented")


async def test_hook_events_are_told_when_wanted_and_hushed_when_asked(harness: Any) -> None:
    hooks = {"Stop": commands("echo loud", prints({"suppressOutput": True}))}
    run = await harness([says("ok")], hooks=hooks)
    assert run.of(HookEventMessage) == []
    run = await harness([says("ok")], hooks=hooks, include_hook_events=True)
    ends = [m.data for m in run.of(HookEventMessage) if m.subtype == "hook_response"]
    assert sorted(end["stdout"] for end in ends) == ["", "loud\n"]
    assert {end["hook_name"] for end in ends} == {"Stop"}


async def test_session_end_hooks_run_when_the_client_is_closed_early(tmp_path: Path) -> None:
    ears = Ears()
    options = AgentOptions(
        provider=Scripted([calls("Bash", command="sleep 30"), says("ok")]),
        cwd=tmp_path,
        persist_session=False,
        allowed_tools=["Bash"],
        hooks={"SessionEnd": [HookMatcher(None, [ears])]},
    )
    async with Client(options) as client:
        await client.query("Go.")
        async for message in client.receive_messages():
            if "AssistantMessage" in type(message).__name__:
                break
    assert [i["reason"] for i in ears.inputs] == ["other"]


async def test_hooks_hear_which_memory_the_model_was_given_and_why(
    harness: Any, tmp_path: Path
) -> None:
    """The fields and words were observed with the official client."""
    ears = Ears()
    work = tmp_path / "work"
    files = {
        "CLAUDE.md": "@more.md",
        "more.md": "More.",
        "sub/CLAUDE.md": "Below.",
        "sub/a.py": "x",
        ".claude/rules/py.md": "---\npaths: '**/*.py'\n---\nPython.",
    }
    await harness(
        [calls("Read", file_path=str(work / "sub/a.py")), says("ok")],
        files=files,
        cwd=work,
        setting_sources=["project"],
        hooks={"InstructionsLoaded": [HookMatcher(None, [ears])]},
    )
    common = {"session_id", "transcript_path", "cwd", "hook_event_name", "permission_mode"}
    common |= {"prompt_id", "effort"}
    told = [{k: v for k, v in one.items() if k not in common} for one in ears.inputs]
    kind = {"memory_type": "Project"}
    read = {"trigger_file_path": f"{work}/sub/a.py"}
    assert told == [
        {"file_path": f"{work}/CLAUDE.md", "load_reason": "session_start", **kind},
        {
            "file_path": f"{work}/more.md",
            "load_reason": "include",
            "parent_file_path": f"{work}/CLAUDE.md",
            **kind,
        },
        {"file_path": f"{work}/sub/CLAUDE.md", "load_reason": "nested_traversal", **kind, **read},
        {
            "file_path": f"{work}/.claude/rules/py.md",
            "load_reason": "path_glob_match",
            "globs": ["**/*.py"],
            **kind,
            **read,
        },
    ]
