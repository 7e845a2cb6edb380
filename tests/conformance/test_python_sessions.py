"""The official Python client rewinds files, goes back in a session, clears it, and prompts with files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from claude_agent_sdk import (
    ClaudeSDKClient,
    ConversationResetMessage,
    Message,
    ProcessError,
    ResultMessage,
    SystemMessage,
    UserMessage,
    query,
)

from hames.testing import calls, says

Hames = Callable[..., Any]
LIMIT = 30
"""Seconds after which something hangs."""


async def answer(client: ClaudeSDKClient, prompt: str) -> list[Message]:
    async with asyncio.timeout(LIMIT):
        await client.query(prompt)
        return [message async for message in client.receive_response()]


async def test_files_are_put_back(official: Hames) -> None:
    hames = official(calls("Bash", command="echo new > a; touch b"), says("Done."))
    (hames.cwd / "a").write_text("old\n")
    options = hames.options(
        enable_file_checkpointing=True,
        allowed_tools=["Bash"],
        extra_args={"replay-user-messages": None},
    )
    async with ClaudeSDKClient(options) as client:
        said = await answer(client, "Go.")
        prompt = next(one.uuid for one in said if isinstance(one, UserMessage))
        assert prompt is not None
        await client.rewind_files(prompt)
    assert [(path.name, path.read_text()) for path in hames.cwd.iterdir()] == [("a", "old\n")]


async def test_a_session_is_cleared_and_goes_on_under_another_id(official: Hames) -> None:
    hames = official(says("One."), says("Two."))
    (hames.cwd / "a.txt").write_text("seventeen")
    async with ClaudeSDKClient(hames.options()) as client:
        first = (await answer(client, "See @a.txt"))[-1]
        told = await answer(client, "/clear")
        second = (await answer(client, "Again."))[-1]
    reset, init = told[:2]
    assert isinstance(reset, ConversationResetMessage)
    assert isinstance(init, SystemMessage)
    assert isinstance(first, ResultMessage)
    assert isinstance(second, ResultMessage)
    assert reset.session_id == first.session_id
    assert init.data["session_id"] == second.session_id != first.session_id
    before, after = (str(request.body["messages"]) for request in hames.api.requests)
    assert "seventeen" in before
    assert "seventeen" not in after


async def test_a_refused_way_back_is_an_exception_with_its_reason(official: Hames) -> None:
    hames = official(says("One."), says("Two."), says("Three."))
    async with ClaudeSDKClient(hames.options()) as client:
        said = [await answer(client, text) for text in ("First.", "Second.")]
    id = said[0][-1].session_id  # type: ignore[union-attr]  # a result
    options = hames.options(
        resume=id,
        resume_session_at=said[0][1].uuid,  # type: ignore[union-attr]  # the reply
        resume_drops_turn="aaaaaaaa-0000-4000-8000-000000000001",
    )
    with pytest.raises(ProcessError, match="Resume rejected by --resume-drops-turn:"):
        await asyncio.wait_for(anext(query(prompt="Third.", options=options)), LIMIT)


async def test_a_session_goes_on_from_an_earlier_line(official: Hames) -> None:
    hames = official(says("One."), says("Two."), says("Three."))
    async with ClaudeSDKClient(hames.options()) as client:
        said = [await answer(client, text) for text in ("First.", "Second.")]
    id = said[0][-1].session_id  # type: ignore[union-attr]  # a result
    options = hames.options(resume=id, resume_session_at=said[0][1].uuid)  # type: ignore[union-attr]
    async with ClaudeSDKClient(options) as client:
        await answer(client, "Third.")
    assert "Second." not in str(hames.api.requests[2].messages)
    assert len(hames.api.requests[2].messages) == 3


@pytest.mark.parametrize(("sources", "ran"), [(["project"], False), ([], True)])
async def test_settings_of_the_named_sources_hold(
    official: Hames, sources: list[str], ran: bool
) -> None:
    hames = official(calls("Bash", command="touch it"), says("Done."))
    (hames.cwd / ".claude").mkdir()
    rules = {"permissions": {"deny": ["Bash(touch:*)"]}}
    (hames.cwd / ".claude/settings.json").write_text(json.dumps(rules))
    options = hames.options(setting_sources=sources, allowed_tools=["Bash"])
    async with ClaudeSDKClient(options) as client:
        await answer(client, "Go.")
    assert (hames.cwd / "it").exists() == ran
