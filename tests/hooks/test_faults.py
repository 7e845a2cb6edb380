"""Hooks that crash, hang, lie or flood: bounded, reported, and standing for what their event says."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hook_parts import Ears, commands, is_running, notes, prints, service, specific

from hames import AgentOptions, Client, HookMatcher
from hames.messages import ResultMessage
from hames.providers.scripted import Scripted
from hames.testing import calls, failed, says, succeeded

LS = [calls("Bash", command="echo ran"), says("ok")]
FLOOD = "head -c 100000000 /dev/zero | tr '\\0' 'x'"


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        ("exit 1", "code 1"),
        ("kill -9 $$", "code -9"),
        ("no-such-program", "code 127"),
        ("echo '{\"decision\": '", "JSON"),
        (f"printf '{{'; {FLOOD}", "too long"),
        (prints({"decision": "perhaps"}), "`decision`"),
        (prints(specific("PostToolUse", permissionDecision="deny")), "`hookEventName`"),
        (prints(specific("PreToolUse", permissionDecision="maybe")), "`permissionDecision`"),
        (prints(specific("PreToolUse", updatedInput="rm")), "`updatedInput`"),
        (prints({"hookSpecificOutput": "deny"}), "`hookSpecificOutput`"),
    ],
)
async def test_a_command_without_a_verdict_counts_as_nothing_said_and_is_reported(
    harness: Any, hook: str, words: str
) -> None:
    run = await harness(LS, hooks={"PreToolUse": commands(hook)})
    assert run.requests[1].tool_results == [succeeded("ran")]
    (note,) = notes(run)
    assert words in note["content"]
    assert note["level"] == "warning"


@pytest.mark.parametrize("hook", ["echo '[1, 2]'", "echo words", FLOOD, "printf '\\377\\376'", ""])
async def test_plain_output_of_a_call_hook_is_nothing(harness: Any, hook: str) -> None:
    run = await harness(LS, hooks={"PreToolUse": commands(hook or "true")})
    assert run.requests[1].tool_results == [succeeded("ran")]
    assert notes(run) == []


async def test_a_flood_of_context_is_cut(harness: Any) -> None:
    run = await harness([says("ok")], hooks={"UserPromptSubmit": commands(FLOOD)})
    assert len(run.requests[0].raw) < 60_000
    assert "characters left out" in json.dumps(run.requests[0].body)


@pytest.mark.parametrize("failing", ["exit 1", "echo '{'"])
async def test_failures_block_where_that_is_asked_for(harness: Any, failing: str) -> None:
    groups = [{"onFailure": "block", "hooks": [{"type": "command", "command": failing}]}]
    run = await harness(LS, hooks={"PreToolUse": groups})
    assert run.requests[1].tool_results == [failed("failed")]
    run = await harness([], hooks={"UserPromptSubmit": groups})
    assert "blocked" in run.text


@pytest.mark.parametrize(
    ("event", "ran"),
    [
        ("PreToolUse", False),
        ("PermissionRequest", False),
        ("PostToolUse", True),
        ("PostToolBatch", True),
        ("UserPromptSubmit", True),
        ("SessionStart", True),
        ("Stop", True),
        ("SessionEnd", True),
    ],
)
@pytest.mark.parametrize("kind", ["command", "callback"])
async def test_a_hook_without_an_answer_in_time_refuses_only_where_it_is_a_permission(
    harness: Any, tmp_path: Path, event: str, ran: bool, kind: str
) -> None:
    async def hang(*_: Any) -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    hook = hang if kind == "callback" else {"type": "command", "command": "sleep 60 & sleep 60"}
    rules = {} if event == "PermissionRequest" else {"allowed_tools": ["Bash"]}
    run = await harness(
        [calls("Bash", command="touch made"), says("ok")],
        hooks={event: [HookMatcher(None, [hook], timeout=0.2)]},
        **rules,
    )
    assert (tmp_path / "made").exists() is ran
    assert run.text == "ok"
    if event != "SessionEnd":
        assert ["within 0.2 s" in n["content"] for n in notes(run)] == [True]
    if not ran:
        assert run.requests[1].tool_results == [failed("within 0.2 s")]


async def test_a_callback_that_ignores_its_cancellation_is_left_behind(harness: Any) -> None:
    ends = asyncio.Event()

    async def stubborn(*_: Any) -> dict[str, Any]:
        while not ends.is_set():
            try:
                await ends.wait()
            except asyncio.CancelledError:
                continue
        return {}

    run = await harness(LS, hooks={"PreToolUse": [HookMatcher(None, [stubborn], timeout=0.1)]})
    ends.set()
    assert run.requests[1].tool_results == [failed("within 0.1 s")]


@pytest.mark.parametrize(
    "answer", [None, 3, "deny", [], {"decision": "?"}, {"hookSpecificOutput": []}, {"continue": 0}]
)
async def test_what_a_callback_returns_that_is_no_answer_is_nothing(
    harness: Any, answer: Any
) -> None:
    run = await harness(LS, hooks={"PreToolUse": [HookMatcher(None, [Ears(answer)])]})
    assert run.requests[1].tool_results == [succeeded("ran")]


@pytest.mark.parametrize(
    ("on_failure", "result"),
    [(None, succeeded("ran")), ("continue", succeeded("ran")), ("block", failed("Oops"))],
)
async def test_a_callback_that_raises(harness: Any, on_failure: Any, result: Any) -> None:
    def oops(*_: Any) -> dict[str, Any]:
        raise RuntimeError("Oops")

    run = await harness(
        LS, hooks={"PreToolUse": [HookMatcher("Bash", [oops], on_failure=on_failure)]}
    )
    assert run.requests[1].tool_results == [result]
    (note,) = notes(run)
    assert note["tag"] == "hook_callback_failed"


async def test_one_bad_hook_does_not_silence_the_others(harness: Any) -> None:
    deny = specific("PreToolUse", permissionDecision="deny", permissionDecisionReason="No.")
    run = await harness(LS, hooks={"PreToolUse": commands("exit 1", FLOOD, prints(deny))})
    assert run.requests[1].tool_results == [failed("No.")]


async def test_a_service_that_fails_or_is_not_there_counts_as_nothing(harness: Any) -> None:
    async with service(b"broken", 500) as (url, _):
        hook = {"type": "http", "url": url}
        run = await harness(LS, hooks={"PreToolUse": [{"hooks": [hook]}]})
    assert "status 500" in notes(run)[0]["content"]
    run = await harness(LS, hooks={"PreToolUse": [{"hooks": [hook]}]})
    assert run.requests[1].tool_results == [succeeded("ran")]
    assert len(notes(run)) == 1


async def test_a_model_that_does_not_judge_counts_as_nothing(harness: Any) -> None:
    hook = {"type": "prompt", "prompt": "Fine?"}
    run = await harness([LS[0], says("Maybe."), LS[1]], hooks={"PreToolUse": [{"hooks": [hook]}]})
    assert run.requests[2].tool_results == [succeeded("ran")]
    assert notes(run)[0]["tag"] == "hook_no_verdict"


@pytest.mark.parametrize(
    "hook",
    [
        {"command": "echo '{\"async\": true}'; read -r < go; touch late"},
        {"command": "read -r < go; touch late", "async": True},
    ],
)
async def test_nobody_waits_for_an_async_hook(
    harness: Any, tmp_path: Path, hook: dict[str, Any]
) -> None:
    os.mkfifo(tmp_path / "go")
    play = [calls("Bash", command="echo x > go; while [ ! -e late ]; do :; done"), says("ok")]
    run = await harness(
        play,
        hooks={"PreToolUse": [{"hooks": [{"type": "command", **hook}]}]},
        allowed_tools=["Bash"],
    )
    assert run.requests[1].tool_results == [succeeded("")]


async def test_what_an_async_hook_says_reaches_the_model_later(harness: Any) -> None:
    late = json.dumps(specific("PreToolUse", additionalContext="told late"))
    hook = f"echo '{{\"async\": true}}'; echo '{late}'; touch said"
    play = [
        calls("Bash", command="while [ ! -e said ]; do :; done"),
        calls("Bash", command="echo between"),
        says("ok"),
    ]
    run = await harness(
        play,
        hooks={"PreToolUse": [{"hooks": [{"type": "command", "command": hook, "once": True}]}]},
        allowed_tools=["Bash"],
    )
    assert "told late" in json.dumps(run.requests[-1].body)


@pytest.mark.parametrize("event", ["PreToolUse", "UserPromptSubmit", "Stop", "PostToolUse"])
async def test_an_interrupt_ends_hooks_and_their_processes(tmp_path: Path, event: str) -> None:
    os.mkfifo(tmp_path / "started")
    options = AgentOptions(
        provider=Scripted([calls("Bash", command="echo ran"), says("ok"), says("next")]),
        cwd=tmp_path,
        persist_session=False,
        hooks={event: commands("sleep 60 & echo $$ $! > pids; echo > started; wait")},
    )
    async with Client(options) as client:
        await client.query("Go.")
        answer = asyncio.create_task(_result(client))
        async with asyncio.timeout(20):
            await asyncio.to_thread((tmp_path / "started").read_bytes)
        await client.interrupt()
        result = await asyncio.wait_for(answer, 5)
    assert result.subtype == "error_during_execution"
    for pid in (tmp_path / "pids").read_text().split():
        assert not is_running(pid)


async def _result(client: Client) -> ResultMessage:
    async for message in client.receive_response():
        if isinstance(message, ResultMessage):
            return message
    raise AssertionError
