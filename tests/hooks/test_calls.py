"""Hooks around calls: what they decide, change and add."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hook_parts import Ears, commands, notes, prints, service, specific, stored

from hames import HookMatcher, PermissionResultAllow, PermissionResultDeny
from hames.testing import calls, failed, says, succeeded


def tool_hook(answer: dict[str, Any], event: str = "PreToolUse") -> dict[str, Any]:
    return {event: commands(prints(answer))}


async def test_a_denied_call_is_reported_to_the_model_and_listed(harness: Any) -> None:
    answer = specific(
        "PreToolUse", permissionDecision="deny", permissionDecisionReason="Not today."
    )
    run = await harness([calls("Bash", command="ls"), says("ok")], hooks=tool_hook(answer))
    assert run.requests[1].tool_results == [failed("Not today.")]
    assert [d["tool_name"] for d in run.result.permission_denials] == ["Bash"]


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ({"decision": "block", "reason": "Old word."}, failed("Old word.")),
        ({"decision": "approve"}, succeeded("hi")),
        (specific("PreToolUse", permissionDecision="allow"), succeeded("hi")),
        (specific("PreToolUse", permissionDecision="ask"), failed("nobody is there")),
        ({}, failed("nobody is there")),
    ],
)
async def test_each_decision_about_a_call_that_would_be_asked(
    harness: Any, answer: dict[str, Any], result: Any
) -> None:
    run = await harness(
        [calls("Bash", command="echo hi > f && cat f"), says("ok")], hooks=tool_hook(answer)
    )
    assert run.requests[1].tool_results == [result]


async def test_ask_holds_in_every_mode(harness: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IS_SANDBOX", "1")
    answer = specific("PreToolUse", permissionDecision="ask", permissionDecisionReason="Look.")
    for mode in ("default", "acceptEdits", "plan", "dontAsk", "bypassPermissions"):
        run = await harness(
            [calls("Bash", command="ls"), says("ok")],
            permission_mode=mode,
            allowed_tools=["Bash"],
            hooks=tool_hook(answer),
        )
        assert run.requests[1].tool_results == [failed("Look.")], mode


@pytest.mark.parametrize(
    "command", ["rm -rf build", "rm -rf ~", "echo x > .git/hooks/pre-commit", "git push"]
)
async def test_allow_lifts_neither_rules_nor_safety_checks(harness: Any, command: str) -> None:
    """Observed with the official client."""
    run = await harness(
        [calls("Bash", command=command), says("ok")],
        files={".git/hooks/x": ""},
        settings={"permissions": {"deny": ["Bash(rm -rf build)", "Bash(git push)"]}},
        hooks=tool_hook(specific("PreToolUse", permissionDecision="allow")),
    )
    assert run.requests[1].tool_results == [failed("")]


async def test_a_changed_input_runs_and_is_judged_by_deny_rules(harness: Any) -> None:
    def changed(command: str) -> dict[str, Any]:
        updated = {"command": command}
        return tool_hook(specific("PreToolUse", permissionDecision="allow", updatedInput=updated))

    play = [calls("Bash", command="ls"), says("ok")]
    run = await harness(play, hooks=changed("echo other"))
    assert run.requests[1].tool_results == [succeeded("other")]
    run = await harness(play, hooks=changed("rm x"), disallowed_tools=["Bash(rm:*)"])
    assert run.requests[1].tool_results == [failed("Bash(rm:*)")]
    run = await harness(play, hooks=tool_hook(specific("PreToolUse", updatedInput={"nonsense": 1})))
    assert run.requests[1].tool_results == [failed("command")]


async def test_deny_is_stronger_than_allow_and_stop_is_heard_besides(harness: Any) -> None:
    hooks = {
        "PreToolUse": commands(
            prints(specific("PreToolUse", permissionDecision="allow")),
            prints({"decision": "block", "reason": "No."}),
        )
    }
    run = await harness([calls("Bash", command="ls"), says("ok")], hooks=hooks)
    assert run.requests[1].tool_results == [failed("No.")]


@pytest.mark.parametrize(
    ("event", "code", "model_hears", "blocked"),
    [
        ("PreToolUse", 2, True, True),
        ("PreToolUse", 1, False, False),
        ("PostToolUse", 2, True, False),
        ("PostToolUse", 1, False, False),
        ("PermissionRequest", 2, True, True),
        ("PostToolBatch", 2, True, False),
        ("Notification", 2, False, False),
        ("SessionStart", 2, False, False),
    ],
)
async def test_exit_codes_of_commands(
    harness: Any, event: str, code: int, model_hears: bool, blocked: bool
) -> None:
    run = await harness(
        [calls("Bash", command="touch made"), says("ok")],
        hooks={event: commands(f"echo complaint >&2; exit {code}")},
        can_use_tool=None if event == "PermissionRequest" else lambda *a: PermissionResultAllow(),
    )
    assert ("complaint" in json.dumps(run.requests[-1].body)) is model_hears
    assert (run.cwd / "made").exists() is not blocked


async def test_context_comes_after_the_result_and_objections_in_it(harness: Any) -> None:
    hooks = {
        "PreToolUse": commands(prints(specific("PreToolUse", additionalContext="before it"))),
        "PostToolUse": commands(
            prints({"decision": "block", "reason": "too short", **specific(
                "PostToolUse", additionalContext="after it")})
        ),
    }  # fmt: skip
    run = await harness([calls("Bash", command="echo hi"), says("ok")], hooks=hooks)
    result, *after = run.requests[1].body["messages"][-1]["content"]
    assert result == succeeded("hi", "objects: too short", "PostToolUse:Bash hook: after it")
    assert "PreToolUse:Bash hook: before it" in after[0]["text"]


async def test_a_hook_replaces_the_result(harness: Any) -> None:
    answer = specific("PostToolUse", updatedToolOutput="[hidden]")
    run = await harness(
        [calls("Bash", command="echo secret"), says("ok")], hooks=tool_hook(answer, "PostToolUse")
    )
    assert run.requests[1].tool_results == [succeeded("[hidden]")]
    assert "secret" not in json.dumps(run.requests[1].tool_results)


async def test_a_result_of_a_hook_is_bounded_like_that_of_the_tool(harness: Any) -> None:
    def much(*_: Any) -> dict[str, Any]:
        return specific("PostToolUse", updatedToolOutput="x" * 1_000_000)

    play = [calls("Bash", command="echo hi"), says("ok")]
    run = await harness(play, hooks={"PostToolUse": [HookMatcher(None, [much])]})
    assert len(run.requests[1].tool_results[0]["content"]) < 40_000


@pytest.mark.parametrize("event", ["PreToolUse", "PostToolUse"])
async def test_continue_false_ends_the_turn_after_the_call(harness: Any, event: str) -> None:
    answer = {"continue": False, "stopReason": "Enough.", "decision": "approve"}
    run = await harness(
        [calls("Bash", command="touch made")],
        hooks=tool_hook(answer, event),
        allowed_tools=["Bash"],
    )
    result = run.result
    assert (result.subtype, result.is_error) == ("success", False)
    assert (result.terminal_reason, result.stop_reason) == ("hook_stopped", "tool_use")
    assert result.result == "Enough."
    assert (run.cwd / "made").exists()


async def test_a_system_message_is_told_to_the_person(harness: Any) -> None:
    run = await harness(
        [calls("Bash", command="ls"), says("ok")], hooks=tool_hook({"systemMessage": "Look!"})
    )
    assert [n["content"] for n in notes(run)] == ["PreToolUse:Bash says: Look!"]


async def test_the_decision_of_a_hook_stands_in_the_transcript(harness: Any) -> None:
    answer = specific("PreToolUse", permissionDecision="deny", permissionDecisionReason="No.")
    run = await harness([calls("Bash", command="ls"), says("ok")], hooks=tool_hook(answer))
    (decision,) = [
        line["permissionDecision"] for line in await stored(run) if "permissionDecision" in line
    ]
    assert decision["behavior"] == "deny"
    assert decision["reason"] == "No."
    assert decision["source"].endswith("(options)")


async def test_what_hooks_made_of_a_call_stands_in_the_transcript(harness: Any) -> None:
    change = specific("PreToolUse", updatedInput={"command": "echo other"})
    replace = specific("PostToolUse", updatedToolOutput="[hidden]")
    hooks = {
        "PreToolUse": commands(prints(change)),
        "PostToolUse": commands("echo no >&2; exit 2", prints(replace)),
    }
    run = await harness([calls("Bash", command="echo hi"), says("ok")], hooks=hooks)
    (line,) = [line for line in await stored(run) if "hookEffects" in line]
    effects = [(one["event"], one["effect"], one["source"]) for one in line["hookEffects"]]
    assert effects == [
        ("PreToolUse", "input", "options"),
        ("PostToolUse", "output", "options"),
        ("PostToolUse", "block", "options"),
    ]
    assert line["hookEffects"][2]["hook"] == "echo no >&2; exit 2"


async def test_a_permission_request_hook_answers_in_place_of_the_callback(harness: Any) -> None:
    decision = {"behavior": "allow", "updatedInput": {"command": "touch other"}}
    run = await harness(
        [calls("Bash", command="touch made"), says("ok")],
        hooks=tool_hook(specific("PermissionRequest", decision=decision), "PermissionRequest"),
    )
    assert run.requests[1].tool_results == [succeeded("")]
    assert (run.cwd / "other").exists()
    assert not (run.cwd / "made").exists()


async def test_what_a_permission_request_hook_changes_is_judged_by_deny_rules(harness: Any) -> None:
    decision = {"behavior": "allow", "updatedInput": {"command": "rm x"}}
    run = await harness(
        [calls("Bash", command="touch made"), says("ok")],
        hooks=tool_hook(specific("PermissionRequest", decision=decision), "PermissionRequest"),
        disallowed_tools=["Bash(rm:*)"],
    )
    assert run.requests[1].tool_results == [failed("The changed input is denied")]


async def test_the_first_answer_of_hook_and_callback_counts(harness: Any) -> None:
    import asyncio

    async def slow(*_: Any) -> PermissionResultAllow:
        await asyncio.Event().wait()
        raise AssertionError

    deny = specific("PermissionRequest", decision={"behavior": "deny", "message": "No."})
    play = [calls("Bash", command="touch made"), says("ok")]
    run = await harness(play, hooks=tool_hook(deny, "PermissionRequest"), can_use_tool=slow)
    assert run.requests[1].tool_results == [failed("No.")]
    slow_hook = {"PermissionRequest": commands("sleep 30")}
    run = await harness(
        play, hooks=slow_hook, can_use_tool=lambda *a: PermissionResultDeny(message="Callback.")
    )
    assert run.requests[1].tool_results == [failed("Callback.")]
    run = await harness(play, hooks=slow_hook, can_use_tool=lambda *a: PermissionResultAllow())
    assert run.requests[1].tool_results == [succeeded("")]


async def test_a_refusal_at_the_same_time_wins(harness: Any) -> None:
    """Our choice; the official client takes the first answer."""
    deny = specific("PermissionRequest", decision={"behavior": "deny", "message": "No."})
    run = await harness(
        [calls("Bash", command="touch made"), says("ok")],
        hooks={"PermissionRequest": [HookMatcher(None, [lambda *a: deny])]},
        can_use_tool=lambda *a: PermissionResultAllow(),
    )
    assert run.requests[1].tool_results == [failed("No.")]


async def test_a_hook_with_if_runs_only_for_calls_of_its_rule(harness: Any) -> None:
    ears = Ears()
    hooks = {"PreToolUse": commands("exit 2", **{"if": "Bash(git:*)"})}
    run = await harness(
        [calls("Bash", command="ls && git status") + calls("Bash", command="ls"), says("ok")],
        hooks=hooks,
    )
    assert run.requests[1].tool_results == [failed("denied"), succeeded("")]
    assert ears.inputs == []


async def test_a_service_decides_with_headers_from_allowed_variables(harness: Any) -> None:
    answer = specific(
        "PreToolUse", permissionDecision="deny", permissionDecisionReason="Remote no."
    )
    async with service(json.dumps(answer).encode()) as (url, got):
        hook = {
            "type": "http",
            "url": url,
            "headers": {"x-token": "Bearer $TOKEN", "x-other": "$HOME"},
            "allowedEnvVars": ["TOKEN"],
        }
        run = await harness(
            [calls("Bash", command="ls"), says("ok")],
            hooks={"PreToolUse": [{"matcher": "Bash", "hooks": [hook]}]},
            env={"TOKEN": "t0"},
        )
    assert run.requests[1].tool_results == [failed("Remote no.")]
    assert "x-token: Bearer t0" in got[0][0]
    assert "x-other: \r\n" in got[0][0]


async def test_a_prompt_hook_asks_a_small_model_and_pays_for_it(harness: Any) -> None:
    hook = {"type": "prompt", "prompt": "Only reading is allowed. $ARGUMENTS"}
    run = await harness(
        [
            calls("Bash", command="ls"),
            says('{"ok": false, "reason": "It writes."}'),
            says("ok"),
        ],
        hooks={"PreToolUse": [{"hooks": [hook]}]},
    )
    assert "haiku" in run.requests[1].body["model"]
    assert '"tool_name":"Bash"' in run.requests[1].body["messages"][0]["content"][0]["text"]
    assert run.requests[2].tool_results == [failed("It writes.")]
    assert len(run.result.model_usage) == 2


async def test_hooks_run_side_by_side_and_the_same_command_once(
    harness: Any, tmp_path: Path
) -> None:
    # Each waits for the other: one after the other they would never end.
    meet = "touch {0}; for i in $(seq 500); do [ -e {1} ] && exit 0; sleep 0.01; done; exit 2"
    hooks = {
        "PreToolUse": [
            *commands(meet.format("a", "b"), meet.format("b", "a"), "echo once >> times"),
            *commands("echo once >> times", matcher="Bash"),
        ]
    }
    run = await harness([calls("Bash", command="cat times"), says("ok")], hooks=hooks)
    assert run.requests[1].tool_results == [succeeded("once")]
    assert (tmp_path / "times").read_text() == "once\n"
