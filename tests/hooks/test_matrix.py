"""Every event that is fired, in every mode, to every kind of hook: counted."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hook_parts import Ears, heard, service

from hames import HookMatcher
from hames.hooks.events import EVENTS, FIRED_LATER
from hames.testing import calls, fails, says

MODES = ["default", "acceptEdits", "plan", "dontAsk", "bypassPermissions"]

ASKED = {"Notification": 1, "PermissionRequest": 1}
ONCE = {
    "SessionStart": 1,
    "InstructionsLoaded": 1,
    "UserPromptSubmit": 1,
    "PreToolUse": 4,
    "PostToolBatch": 1,
    "CwdChanged": 1,
    "Stop": 1,
    "SessionEnd": 1,
}
# Of the four calls one is allowed by rule, one fails, one is denied by rule, one only the mode decides.
EXPECTED: dict[str, dict[str, int]] = {
    "default": {**ONCE, **ASKED, "PostToolUse": 1, "PostToolUseFailure": 1, "PermissionDenied": 2},
    "acceptEdits": {**ONCE, "PostToolUse": 2, "PostToolUseFailure": 1, "PermissionDenied": 1},
    "plan": {**ONCE, **ASKED, "PostToolUse": 1, "PostToolUseFailure": 1, "PermissionDenied": 2},
    "dontAsk": {**ONCE, "PostToolUse": 1, "PostToolUseFailure": 1, "PermissionDenied": 2},
    "bypassPermissions": {**ONCE, "PostToolUse": 2, "PostToolUseFailure": 1, "PermissionDenied": 1},
}
PLAY = [
    calls("Bash", command="cd sub")
    + calls("Read", file_path="missing")
    + calls("Bash", command="rm -r sub")
    + calls("Write", file_path="new", content="x"),
    says("done"),
]
FIRED = [name for name in EVENTS if name not in FIRED_LATER]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["callback", "command", "http"])
async def test_each_event_reaches_each_kind_of_hook_as_often_as_it_happens(
    harness: Any, mode: str, kind: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IS_SANDBOX", "1")
    ears, log = Ears(), tmp_path / "heard.jsonl"
    async with service() as (url, got):
        hook: Any = {
            "callback": ears,
            "command": {"type": "command", "command": f"cat >> {log}"},
            "http": {"type": "http", "url": url},
        }[kind]
        await harness(
            PLAY,
            files={"sub/a": "1", "CLAUDE.md": "Be brief."},
            setting_sources=["project"],
            cwd=tmp_path / "work",
            permission_mode=mode,
            allowed_tools=["Bash(cd:*)"],
            disallowed_tools=["Bash(rm:*)"],
            hooks={name: [{"hooks": [hook]}] for name in FIRED},
        )
    inputs = {
        "callback": ears.inputs,
        "command": heard(log),
        "http": [event for _, event in got],
    }[kind]
    count = Counter(input["hook_event_name"] for input in inputs)
    expected = dict(EXPECTED[mode])
    # Nobody waits for these: at the end of so short a session they may be cut.
    for name in ("Notification", "InstructionsLoaded") if kind != "callback" else ():
        count.pop(name, None)
        expected.pop(name, None)
    assert count == expected
    for input in inputs:
        assert input["permission_mode"] == mode
        assert input["session_id"]
        assert input["prompt_id"]
        fields = set(EVENTS[input["hook_event_name"]].__struct_fields__)
        common = {"session_id", "transcript_path", "cwd", "hook_event_name", "permission_mode"}
        assert set(input) <= fields | common | {"prompt_id", "effort"}


async def test_an_api_error_is_told_to_stop_failure_hooks(harness: Any) -> None:
    ears = Ears()
    run = await harness([fails(401)], hooks={"StopFailure": [HookMatcher(None, [ears])]})
    assert run.result.terminal_reason == "api_error"
    assert [i["error"] for i in ears.inputs] == ["authentication_failed"]


def test_every_event_is_either_fired_or_named_as_coming_later() -> None:
    counted = {name for row in EXPECTED.values() for name in row} | {
        "StopFailure",
        "ConfigChange",
        "Setup",
    }
    assert counted == set(EVENTS) - FIRED_LATER
