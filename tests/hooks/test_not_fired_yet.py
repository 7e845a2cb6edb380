"""Hooks around compactions and subagents, by the functions that those are to call."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hook_parts import Ears, commands, prints, specific

from hames import AgentOptions, HookMatcher
from hames.agent.agent import Agent
from hames.agent.hooks.firing import Hooks
from hames.agent.hooks.words import Subagent
from hames.agent.prompts.inbox import Prompt
from hames.agent.respond import respond
from hames.blocks import from_content
from hames.hooks.events import EVENTS
from hames.providers.scripted import Scripted
from hames.sdk.supervisor import Supervisor
from hames.testing import calls, says

CLERK = Subagent("a1", "clerk", "/t/agent-a1.jsonl")


@asynccontextmanager
async def agent(folder: Path, *plays: Any, **options: Any) -> AsyncIterator[Agent]:
    """An agent that nobody drives but the test."""
    (folder / "CLAUDE.md").write_text("Be brief.", "utf-8")
    chosen = AgentOptions(
        provider=Scripted(plays),
        cwd=folder,
        env={"CLAUDE_CONFIG_DIR": str(folder / "config")},
        persist_session=False,
        **options,
    )
    supervisor = Supervisor(chosen, lambda event: None)
    try:
        yield await supervisor.agent()
    finally:
        supervisor.cancel()
        await supervisor.closed()


def hooks_of(one: Agent) -> Hooks:
    assert one.hooks is not None
    return one.hooks


def texts(blocks: list[Any]) -> str:
    return "\n".join(str(block.value()["text"]) for block in blocks)


async def test_a_compaction_is_told_of_before_and_after(tmp_path: Path) -> None:
    ears = Ears()
    names = ("PreCompact", "PostCompact", "SessionStart", "InstructionsLoaded")
    table = {name: [HookMatcher(None, [ears])] for name in names}
    async with agent(tmp_path, hooks=table, setting_sources=["project"]) as one:
        said = await hooks_of(one).before_compaction("manual", "Keep the names.")
        assert (said.instructions, said.refusal) == ("Keep the names.", None)
        assert one.memory is not None
        one.memory.given()
        assert "Be brief." in await one.memory.again()
        await hooks_of(one).after_compaction("manual", "All of it.")
    told = [
        (i["hook_event_name"], i.get("trigger") or i.get("source") or i.get("load_reason"))
        for i in ears.inputs
    ]
    assert told == [
        ("PreCompact", "manual"),
        ("PostCompact", "manual"),
        ("SessionStart", "compact"),
        ("InstructionsLoaded", "compact"),
    ]
    assert ears.inputs[0]["custom_instructions"] == "Keep the names."
    assert ears.inputs[1]["compact_summary"] == "All of it."


async def test_hooks_say_what_a_compaction_is_to_keep_and_what_comes_after(tmp_path: Path) -> None:
    table = {
        "PreCompact": commands("echo Keep the plan.", matcher="auto"),
        "SessionStart": commands("echo The ticket is 7.", matcher="compact"),
    }
    async with agent(tmp_path, hooks=table) as one:
        said = await hooks_of(one).before_compaction("auto", None)
        assert said.instructions == "Keep the plan."
        said = await hooks_of(one).before_compaction("manual", "Mine.")
        assert said.instructions == "Mine."
        notes = await hooks_of(one).after_compaction("auto", "So far.")
        assert "The ticket is 7." in texts(notes)


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        ("echo Not in the middle. >&2; exit 2", "Not in the middle."),
        (prints({"decision": "block", "reason": "Later."}), "Later."),
        (prints({"continue": False, "stopReason": "Enough."}), "Enough."),
        ("exit 1", None),
        ("sleep 60", None),
    ],
)
async def test_a_hook_may_keep_a_compaction_away(
    tmp_path: Path, hook: str, why: str | None
) -> None:
    async with agent(tmp_path, hooks={"PreCompact": commands(hook, timeout=0.3)}) as one:
        said = await hooks_of(one).before_compaction("auto", None)
    assert said.refusal == why


async def test_a_subagent_has_events_of_its_own_and_is_named_in_the_others(tmp_path: Path) -> None:
    ears = Ears()
    table = {name: [HookMatcher(None, [ears])] for name in EVENTS}
    play = [calls("Bash", command="echo hi"), says("done")]
    async with agent(tmp_path, hooks=table) as main, agent(tmp_path, *play) as child:
        child.hooks = hooks_of(main).of_subagent(child, CLERK)
        result = await respond(child, Prompt(from_content("Do it.")))
    assert result.text == "done"
    count = Counter(i["hook_event_name"] for i in ears.inputs)
    assert count == {
        "SubagentStart": 1,
        "PreToolUse": 1,
        "PostToolUse": 1,
        "PostToolBatch": 1,
        "SubagentStop": 1,
    }
    assert {(i["agent_id"], i["agent_type"]) for i in ears.inputs} == {("a1", "clerk")}
    assert {i["session_id"] for i in ears.inputs} == {main.session_id}
    stop = ears.inputs[-1]
    assert (stop["last_assistant_message"], stop["agent_transcript_path"]) == (
        "done",
        CLERK.transcript_path,
    )


async def test_a_subagent_may_be_told_more_and_sent_back_to_work(tmp_path: Path) -> None:
    hook = 'grep -q \'"stop_hook_active":true\' || { echo "Count again." >&2; exit 2; }'
    start = specific("SubagentStart", additionalContext="Today is Monday.")
    table = {
        "SubagentStart": commands(prints(start), matcher="clerk"),
        "SubagentStop": commands(hook, matcher="clerk|other"),
        "Stop": commands("exit 2"),
    }
    async with (
        agent(tmp_path, hooks=table) as main,
        agent(tmp_path, says("one"), says("two")) as child,
    ):
        child.hooks = hooks_of(main).of_subagent(child, CLERK)
        result = await respond(child, Prompt(from_content("Count.")))
        sent = texts([block for turn in child.conversation.turns for block in turn.blocks])
    assert result.text == "two"
    assert "Today is Monday." in sent
    assert "Count again." in sent


async def test_a_hook_that_runs_once_runs_once_for_all_agents(tmp_path: Path) -> None:
    table = {"PreToolUse": commands("echo >> ran", once=True)}
    play = [calls("Bash", command="echo hi"), says("done")]
    async with agent(tmp_path, *play, hooks=table) as main, agent(tmp_path, *play) as child:
        child.hooks = hooks_of(main).of_subagent(child, CLERK)
        for one in (child, main):
            await respond(one, Prompt(from_content("Do it.")))
    assert (tmp_path / "ran").read_text() == "\n"
