"""Calls that are put off: the run ends, the call waits in the session, and later runs once or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hames import (
    AgentOptions,
    Client,
    HookMatcher,
    OptionsError,
    PermissionResultAllow,
    PermissionResultDefer,
    PermissionResultDeny,
    ResultMessage,
    tool,
)
from hames.agent.build import build
from hames.agent.prompts.inbox import Prompt
from hames.agent.respond import respond
from hames.blocks import text
from hames.messages import UserMessage
from hames.providers.scripted import Scripted
from hames.testing import calls, failed, says, succeeded

ONE = calls("Bash", command="touch one")
TWO = calls("Bash", command="echo x >> two")
ALLOW = PermissionResultAllow()


def hooks(decision: str = "defer", matcher: str = "Bash", **more: Any) -> Any:
    """Hooks that say this of every call of a tool."""

    async def hook(input: Any, id: Any, context: Any) -> dict[str, Any]:
        said = {"hookEventName": "PreToolUse", "permissionDecision": decision, **more}
        return {"hookSpecificOutput": said}

    return {"PreToolUse": [HookMatcher(matcher, [hook])]}


async def later(*given: Any) -> Any:
    return PermissionResultDefer(message="The boss is out.")


def deferred(run: Any) -> list[str]:
    """The ids of the calls that wait for somebody."""
    listed = [one["tool_use_id"] for one in run.result.obligations if one["kind"] == "deferred"]
    first = run.result.deferred_tool_use
    assert listed[:1] == ([first.id] if first else [])
    return listed


def results(run: Any) -> list[Any]:
    """The results of calls that a run told of."""
    blocks = [m.content for m in run.of(UserMessage)]
    return [b for content in blocks for b in content if hasattr(b, "tool_use_id")]


@pytest.mark.parametrize(
    "how", [{"hooks": hooks()}, {"can_use_tool": later}], ids=["hook", "callback"]
)
async def test_a_deferred_call_ends_the_run_and_is_told_of(
    harness: Any, tmp_path: Path, how: Any
) -> None:
    """Official 2.1.330: these fields of the result, for hooks."""
    run = await harness([ONE], **how)
    result = run.result
    assert (result.subtype, result.is_error, result.terminal_reason, result.stop_reason) == (
        "success",
        False,
        "tool_deferred",
        "tool_deferred",
    )
    assert (result.deferred_tool_use.name, result.deferred_tool_use.input) == (
        "Bash",
        {"command": "touch one"},
    )
    assert deferred(run) == [result.deferred_tool_use.id]
    assert result.permission_denials == []
    assert len(run.requests) == 1
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize(
    "decision",
    [ALLOW, "allow", {"behavior": "allow"}, {"behavior": "allow", "updatedInput": {}}],
    ids=["object", "word", "wire", "wire-with-input"],
)
async def test_a_decision_to_allow_runs_the_call_in_another_session_object(
    harness: Any, tmp_path: Path, decision: Any
) -> None:
    first = await harness([ONE], hooks=hooks())
    (id,) = deferred(first)
    run = await harness(
        [says("Done.")], None, resume=first.session_id, decisions={id: decision}, hooks=hooks()
    )
    assert (tmp_path / "one").exists()
    assert (run.text, run.result.terminal_reason) == ("Done.", "completed")
    assert run.requests[0].tool_results == [succeeded(id=id)]
    assert deferred(run) == []


async def test_a_decision_to_deny_tells_the_model_and_lists_the_denial(
    harness: Any, tmp_path: Path
) -> None:
    first = await harness([ONE], hooks=hooks())
    (id,) = deferred(first)
    no = PermissionResultDeny(message="Never.")
    run = await harness([says("Well.")], None, resume=first.session_id, decisions={id: no})
    assert not (tmp_path / "one").exists()
    assert run.requests[0].tool_results == [failed("Never.", id=id)]
    assert [d["tool_use_id"] for d in run.result.permission_denials] == [id]


async def test_a_decision_may_change_the_input_and_deny_rules_still_hold(
    harness: Any, tmp_path: Path
) -> None:
    async def resumed(command: str, **options: Any) -> Any:
        first = await harness([ONE], hooks=hooks())
        (id,) = deferred(first)
        changed = PermissionResultAllow(updated_input={"command": command})
        return await harness(
            [says("ok")], None, resume=first.session_id, decisions={id: changed}, **options
        )

    await resumed("touch other")
    assert (tmp_path / "other").exists()
    assert not (tmp_path / "one").exists()
    run = await resumed("rm -rf other", disallowed_tools=["Bash(rm:*)"])
    assert (tmp_path / "other").exists()
    assert run.requests[0].tool_results == [failed("denied")]


async def test_deny_rules_and_hooks_come_before_a_decision(harness: Any, tmp_path: Path) -> None:
    for against in ({"disallowed_tools": ["Bash(touch:*)"]}, {"hooks": hooks("deny")}):
        first = await harness([ONE], hooks=hooks())
        (id,) = deferred(first)
        run = await harness(
            [says("ok")], None, resume=first.session_id, decisions={id: "allow"}, **against
        )
        assert not (tmp_path / "one").exists()
        assert len(run.result.permission_denials) == 1


async def test_a_denied_call_is_never_put_off(harness: Any) -> None:
    run = await harness([ONE, says("ok")], hooks=hooks(), disallowed_tools=["Bash(touch:*)"])
    assert run.requests[1].tool_results == [failed("denied")]
    assert deferred(run) == []


async def test_a_decision_counts_in_every_mode(harness: Any, tmp_path: Path) -> None:
    for mode in ("plan", "dontAsk", "acceptEdits"):
        first = await harness([ONE], hooks=hooks(), permission_mode=mode)
        (id,) = deferred(first)
        no = {id: PermissionResultDeny(message="No.")}
        options = {"resume": first.session_id, "permission_mode": mode}
        fork = {"fork_session": True}
        await harness([says("ok")], None, decisions=no, **options, **fork)
        assert not (tmp_path / "one").exists(), mode
        await harness([says("ok")], None, decisions={id: "allow"}, **options)
        assert (tmp_path / "one").exists(), mode
        (tmp_path / "one").unlink()


async def test_finished_siblings_never_run_again_and_those_behind_wait(
    harness: Any, tmp_path: Path
) -> None:
    """Official 2.1.330 would run what stands behind the deferred call; the order is the model's."""
    reply = (
        calls("Read", file_path="a.txt")
        + calls("Write", file_path="before", content="x")
        + calls("Bash", command="echo run >> deferred")
        + calls("Read", file_path="a.txt")
        + calls("Write", file_path="after", content="x")
    )
    allowed = {"allowed_tools": ["Write"], "files": {"a.txt": "hello"}}
    first = await harness([reply], hooks=hooks(), **allowed)
    ids = [block["id"] for block in await _last_calls(first)]
    assert [b.tool_use_id for b in results(first)] == [ids[1], ids[0], ids[3]] or [
        b.tool_use_id for b in results(first)
    ] == [ids[0], ids[1], ids[3]]
    assert deferred(first) == [ids[2]]
    assert [one["tool_use_id"] for one in first.result.obligations if one["kind"] == "waiting"] == [
        ids[4]
    ]
    assert not (tmp_path / "after").exists()
    (tmp_path / "before").unlink()

    run = await harness(
        [says("ok")],
        None,
        resume=first.session_id,
        decisions={ids[2]: "allow"},
        hooks=hooks(),
        **allowed,
    )
    assert [b.tool_use_id for b in results(run)] == [ids[2], ids[4]]
    assert not (tmp_path / "before").exists()
    assert (tmp_path / "after").exists()
    assert (tmp_path / "deferred").read_text(encoding="utf-8") == "run\n"
    assert [r["tool_use_id"] for r in run.requests[0].tool_results] == ids


async def _last_calls(run: Any) -> list[dict[str, Any]]:
    lines = [
        json.loads(line) for one in await run.store.list() for line in await run.store.load(one.key)
    ]
    return [
        block
        for line in lines
        if line.get("type") == "assistant" and line["sessionId"] == run.session_id
        for block in line["message"]["content"]
        if block["type"] == "tool_use"
    ]


async def test_several_deferred_calls_are_decided_one_by_one(harness: Any, tmp_path: Path) -> None:
    first = await harness([ONE + TWO + TWO], hooks=hooks())
    a, b, c = deferred(first)
    options = {"resume": first.session_id, "hooks": hooks()}
    second = await harness([], None, decisions={b: "allow"}, **options)
    assert deferred(second) == [a, c]
    assert results(second) == []
    assert not (tmp_path / "two").exists()  # it stands behind the first

    third = await harness([], None, decisions={a: "deny", b: "allow"}, **options)
    assert deferred(third) == [c]
    assert [r.tool_use_id for r in results(third)] == [a, b]

    run = await harness([says("ok")], None, decisions={c: "allow"}, **options)
    assert [r["tool_use_id"] for r in run.requests[0].tool_results] == [a, b, c]
    assert (tmp_path / "two").read_text(encoding="utf-8") == "x\nx\n"
    assert not (tmp_path / "one").exists()


async def test_without_a_decision_it_is_asked_again(harness: Any, tmp_path: Path) -> None:
    first = await harness([ONE], hooks=hooks())
    again = await harness([], None, resume=first.session_id, hooks=hooks())
    assert deferred(again) == deferred(first)

    asked: list[Any] = []

    async def yes(tool: str, input: Any, context: Any) -> Any:
        asked.append((tool, input, context.tool_use_id))
        return ALLOW

    await harness([says("ok")], None, resume=first.session_id, can_use_tool=yes)
    assert asked == [("Bash", {"command": "touch one"}, deferred(first)[0])]
    assert (tmp_path / "one").exists()


async def test_without_a_decision_and_with_nobody_to_ask_it_is_denied(harness: Any) -> None:
    """Official 2.1.330 does the same."""
    first = await harness([ONE], hooks=hooks())
    run = await harness([says("ok")], None, resume=first.session_id)
    assert run.requests[0].tool_results == [failed("nobody is there")]


async def test_rules_that_allow_it_now_are_enough(harness: Any, tmp_path: Path) -> None:
    """Official 2.1.330 does the same."""
    first = await harness([ONE], hooks=hooks())
    await harness([says("ok")], None, resume=first.session_id, allowed_tools=["Bash(touch:*)"])
    assert (tmp_path / "one").exists()


async def test_a_prompt_is_answered_together_with_what_waited(harness: Any) -> None:
    first = await harness([ONE], hooks=hooks())
    (id,) = deferred(first)
    run = await harness([says("ok")], "And then?", resume=first.session_id, decisions={id: "allow"})
    last = run.requests[0].body["messages"][-1]["content"]
    assert [block["type"] for block in last] == ["tool_result", "text"]
    assert last[1]["text"] == "And then?"


async def test_a_prompt_that_comes_too_early_is_not_lost_in_silence(harness: Any) -> None:
    first = await harness([ONE], hooks=hooks())
    run = await harness([], "And then?", resume=first.session_id, hooks=hooks())
    assert "prompt_not_answered" in [one["kind"] for one in run.result.obligations]
    assert deferred(run) == deferred(first)


async def test_a_decision_is_about_the_input_that_was_shown(harness: Any, tmp_path: Path) -> None:
    first = await harness([ONE], hooks=hooks())
    (id,) = deferred(first)
    changing = hooks(updatedInput={"command": "touch other"})
    run = await harness([], None, resume=first.session_id, decisions={id: "allow"}, hooks=changing)
    assert run.result.deferred_tool_use.input == {"command": "touch other"}
    assert list(tmp_path.iterdir()) == []

    # What was shown last is what runs, also where no hook changes it any more.
    await harness([says("ok")], None, resume=first.session_id, decisions={id: "allow"})
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


async def test_a_tool_that_is_gone_leaves_the_call_waiting(harness: Any) -> None:
    """Official 2.1.330: this subtype and reason."""

    @tool(ask=True)
    def deploy() -> str:
        """Deploy."""
        return "deployed"

    first = await harness([calls("deploy")], tools=[deploy], hooks=hooks(matcher="deploy"))
    (id,) = deferred(first)
    resumed = {"resume": first.session_id, "decisions": {id: "allow"}}
    run = await harness([], None, tools=["Read"], **resumed)
    assert (run.result.subtype, run.result.is_error, run.result.terminal_reason) == (
        "success",
        True,
        "tool_deferred_unavailable",
    )
    assert "`deploy`" in run.text
    assert deferred(run) == [id]
    run = await harness([says("ok")], None, tools=[deploy], **resumed)
    assert run.requests[0].tool_results == [succeeded("deployed")]


async def test_a_question_may_wait_for_its_answers(harness: Any) -> None:
    """A web back end needs no callback: hooks put the question off, a decision brings the answers."""
    options = [{"label": "A", "description": "a"}, {"label": "B", "description": "b"}]
    questions = [{"question": "Which?", "header": "H", "options": options}]
    asks = {"tools": ["AskUserQuestion"], "hooks": hooks(matcher="AskUserQuestion")}
    first = await harness([calls("AskUserQuestion", questions=questions)], **asks)
    (id,) = deferred(first)
    assert first.result.deferred_tool_use.input == {"questions": questions}
    answer = {"questions": questions, "answers": {"Which?": "B"}}
    run = await harness(
        [says("ok")],
        None,
        resume=first.session_id,
        decisions={id: {"behavior": "allow", "updatedInput": answer}},
        **asks,
    )
    assert run.requests[0].tool_results == [succeeded("Which? B", id=id)]


async def test_decisions_that_make_no_sense_are_errors_and_late_ones_are_told(harness: Any) -> None:
    first = await harness([ONE], hooks=hooks())
    (id,) = deferred(first)
    options = {"resume": first.session_id}
    with pytest.raises(OptionsError, match="no call `toolu_x`"):
        await harness([], None, decisions={"toolu_x": "allow"}, **options)
    with pytest.raises(OptionsError, match=f"about `{id}` cannot be read"):
        await harness([], None, decisions={id: "perhaps"}, **options)
    await harness([says("ok")], None, decisions={id: "allow"}, **options)
    run = await harness([says("ok")], "More.", decisions={id: "allow"}, **options)
    assert any("does not wait any more" in one.get("text", "") for one in run.result.obligations)


async def test_without_a_prompt_something_has_to_wait(harness: Any) -> None:
    first = await harness([says("Hi.")])
    run = await harness([], None, resume=first.session_id)
    assert run.result.is_error
    assert "no call waits" in run.result.errors[0]


async def test_a_call_of_a_subagent_is_denied_instead(tmp_path: Path) -> None:
    provider = Scripted([ONE, says("Done.")])
    options = AgentOptions(
        provider=provider, cwd=tmp_path, persist_session=False, can_use_tool=later
    )
    agent = await build(options, [])
    agent.conversation.log = agent.conversation.log.subagent("a1")
    result = await respond(agent, Prompt([text("Go.")]))
    await agent.close()
    assert result.terminal_reason == "completed"
    assert [d["tool_name"] for d in result.permission_denials or []] == ["Bash"]
    assert b"The boss is out. A call of a subagent" in provider.requests[1].body()


async def test_a_client_may_decide_within_the_same_session(tmp_path: Path) -> None:
    provider = Scripted([ONE, says("Done.")])
    options = AgentOptions(
        provider=provider, cwd=tmp_path, persist_session=False, can_use_tool=later
    )
    async with Client(options) as client:

        async def result() -> ResultMessage:
            messages = [m async for m in client.receive_response()]
            assert isinstance(messages[-1], ResultMessage)
            return messages[-1]

        await client.query("Go.")
        waits = (await result()).deferred_tool_use
        assert waits is not None
        await client.decide({waits.id: "allow"})
        await client.query(None)
        assert (await result()).result == "Done."
    assert (tmp_path / "one").exists()
