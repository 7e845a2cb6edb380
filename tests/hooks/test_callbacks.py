"""Functions as hooks: called once, where the caller lives, with the official names."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from hook_parts import Ears, specific

from hames import AgentOptions, Client, HookMatcher, run
from hames.providers.scripted import Scripted
from hames.testing import calls, failed, says, succeeded

PLAY = [calls("Bash", command="echo ran") + calls("Bash", command="echo more"), says("ok")]


def options(cwd: Path, hooks: dict[str, Any], **more: Any) -> AgentOptions:
    return AgentOptions(
        provider=Scripted(PLAY), cwd=cwd, persist_session=False, hooks=hooks, **more
    )


@pytest.mark.parametrize("mode", ["default", "acceptEdits", "plan", "dontAsk", "bypassPermissions"])
async def test_a_function_is_called_once_for_each_event_in_every_mode(
    harness: Any, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IS_SANDBOX", "1")
    ears = Ears()
    await harness(PLAY, permission_mode=mode, hooks={"PreToolUse": [HookMatcher("Bash", [ears])]})
    assert ears.tool_use_ids == ["toolu_0001_0", "toolu_0001_1"]
    assert [i["tool_input"]["command"] for i in ears.inputs] == ["echo ran", "echo more"]


async def test_functions_run_in_the_loop_of_the_caller(tmp_path: Path) -> None:
    where: list[Any] = []

    async def note(*_: Any) -> dict[str, Any]:
        where.append(asyncio.get_running_loop())
        return {}

    async with Client(options(tmp_path, {"Stop": [HookMatcher(None, [note])]})) as client:
        await client.query("Go.")
        async for _ in client.receive_response():
            pass
    assert where == [asyncio.get_running_loop()]


def test_functions_of_a_script_without_a_loop_are_called_too(tmp_path: Path) -> None:
    threads: list[str] = []

    def note(*_: Any) -> dict[str, Any]:
        threads.append(threading.current_thread().name)
        return {}

    result = run("Go.", options=options(tmp_path, {"Stop": [HookMatcher(None, [note])]}))
    assert result.text == "ok"
    assert len(threads) == 1


def test_functions_of_trio_run_in_trio(tmp_path: Path) -> None:
    import trio

    inside: list[bool] = []

    async def note(*_: Any) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        inside.append(trio.lowlevel.in_trio_run())
        return {}

    async def main() -> None:
        hooks = {"PreToolUse": [HookMatcher("Bash", [note])]}
        async with Client(options(tmp_path, hooks)) as client:
            await client.query("Go.")
            async for _ in client.receive_response():
                pass

    trio.run(main)
    assert inside == [True, True]


async def test_names_that_are_keywords_in_python_may_end_in_an_underscore(harness: Any) -> None:
    stop = Ears({"continue_": False, "stopReason": "Enough."})
    result = await harness([PLAY[0]], hooks={"PostToolBatch": [HookMatcher(None, [stop])]})
    assert result.result.terminal_reason == "hook_stopped"
    later = Ears({"async_": True, **specific("PreToolUse", permissionDecision="deny")})
    result = await harness(PLAY, hooks={"PreToolUse": [HookMatcher(None, [later])]})
    assert result.requests[1].tool_results == [succeeded("ran"), succeeded("more")]


async def test_one_function_cannot_change_what_another_or_the_tool_gets(harness: Any) -> None:
    def spoil(input: dict[str, Any], *_: Any) -> dict[str, Any]:
        input["tool_input"]["command"] = "false"
        return {}

    ears = Ears()
    hooks = {"PreToolUse": [HookMatcher(None, [spoil, ears])]}
    result = await harness(PLAY, hooks=hooks)
    assert [i["tool_input"]["command"] for i in ears.inputs] == ["echo ran", "echo more"]
    assert result.requests[1].tool_results == [succeeded("ran"), succeeded("more")]


async def test_the_same_function_under_two_matchers_is_two_hooks(harness: Any) -> None:
    deny = Ears(specific("PreToolUse", permissionDecision="deny", permissionDecisionReason="No."))
    hooks = {"PreToolUse": [HookMatcher("Bash", [deny]), HookMatcher(None, [deny])]}
    result = await harness(PLAY, hooks=hooks)
    assert len(deny.inputs) == 4
    assert result.requests[1].tool_results == [failed("No."), failed("No.")]
