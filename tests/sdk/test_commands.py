"""Slash commands in prompts that the harness answers itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hames import AgentOptions, AssistantMessage, Client, ResultMessage, SystemMessage, run, tool
from hames.cli.main import main
from hames.messages import ConversationResetMessage
from hames.sessions.memory import MemoryStore
from hames.testing import Scripted, calls, says
from hames.testing.recorder import Recorder

UUID = "aaaaaaaa-0000-4000-8000-000000000001"


def options(plays: list[Any], tmp_path: Path, **more: Any) -> AgentOptions:
    return AgentOptions(
        provider=Recorder(Scripted(plays)), cwd=tmp_path, session_store=MemoryStore(), **more
    )


def requests(chosen: AgentOptions) -> list[Any]:
    assert isinstance(chosen.provider, Recorder)
    return chosen.provider.requests


async def said(client: Client, prompt: Any) -> list[Any]:
    await client.query(prompt)
    return [message async for message in client.receive_response()]


def sent(request: Any) -> list[str]:
    return [
        block["text"]
        for turn in request.body["messages"]
        for block in turn["content"]
        if block["type"] == "text"
    ]


async def test_a_command_is_answered_without_the_model(tmp_path: Path) -> None:
    chosen = options([says("Hello.")], tmp_path)
    async with Client(chosen) as client:
        await said(client, "Hi.")
        init, shown, result = await said(client, "/cost")
    assert isinstance(init, SystemMessage)
    assert {"clear", "compact", "context", "cost"} <= set(init.data["slash_commands"])
    assert isinstance(shown, AssistantMessage)
    assert shown.model == "<synthetic>"
    assert isinstance(result, ResultMessage)
    assert (result.subtype, result.num_turns, result.terminal_reason) == ("success", 0, None)
    assert result.extra["local_command"] == "cost"
    assert result.text == shown.text
    assert result.text.startswith("Cost: $0.0")
    assert len(requests(chosen)) == 1


@pytest.mark.parametrize(
    ("command", "begins"),
    [("/context", "Model: "), ("/help", "/clear: "), (" /usage ", "Cost: $0.0000")],
)
def test_what_commands_say_is_the_result(tmp_path: Path, command: str, begins: str) -> None:
    chosen = options([], tmp_path)
    assert run(command, chosen).text.startswith(begins)
    assert requests(chosen) == []


def test_compact_says_that_it_cannot(tmp_path: Path) -> None:
    result = run("/compact keep the names", options([], tmp_path), check=False)
    assert (result.subtype, result.is_error) == ("error_during_execution", True)
    assert result.errors is not None
    assert "/clear" in result.errors[0]


async def test_clear_begins_another_session_with_nothing_of_the_old(tmp_path: Path) -> None:
    chosen = options([says("One."), says("Two.")], tmp_path)
    async with Client(chosen) as client:
        first = (await said(client, "Remember 17."))[-1]
        reset, init, result = await said(
            client,
            {"type": "user", "message": {"role": "user", "content": "/clear"}, "uuid": UUID},
        )
        second = (await said(client, "Which number?"))[-1]
        assert client.session_id == second.session_id
    assert isinstance(reset, ConversationResetMessage)
    assert reset.session_id == first.session_id
    assert reset.new_conversation_id == init.data["session_id"] == second.session_id
    assert reset.extra["user_message_uuid"] == UUID
    assert (result.session_id, result.total_cost_usd, result.text) == (second.session_id, 0, "")
    assert second.total_cost_usd == pytest.approx(first.total_cost_usd, rel=0.5)
    before, after = requests(chosen)
    assert not any("17" in text for text in sent(after))
    assert len(sent(after)) == len(sent(before)), "what stands before a first prompt is there again"
    assert second.session_id in str(after.body["metadata"])


async def test_files_seen_before_a_clear_have_to_be_read_again(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    edit = calls("Edit", file_path="a", old_string="old", new_string="new")
    plays = [calls("Read", file_path="a"), says("Seen."), edit, says("Done.")]
    async with Client(options(plays, tmp_path, permission_mode="acceptEdits")) as client:
        await said(client, "Read it.")
        await said(client, "/clear")
        await said(client, "Edit it.")
    assert (tmp_path / "a").read_text() == "old"


async def test_both_sessions_of_a_clear_can_be_resumed(tmp_path: Path) -> None:
    chosen = options([says("One."), says("Two.")], tmp_path)
    async with Client(chosen) as client:
        ids = [(await said(client, "First."))[-1].session_id]
        await said(client, "/clear")
        ids.append((await said(client, "Second."))[-1].session_id)
    for id, mine, others in ((ids[0], "First.", "Second."), (ids[1], "Second.", "First.")):
        again = AgentOptions(
            provider=Recorder(Scripted([says("Yes.")])),
            cwd=tmp_path,
            session_store=chosen.session_store,
            resume=id,
        )
        async with Client(again) as client:
            await said(client, "And?")
        texts = sent(requests(again)[0])
        assert mine in texts
        assert others not in texts


async def test_clear_does_not_fill_the_purse_again(tmp_path: Path) -> None:
    """The ceiling is for the process: clearing would otherwise be a way around it."""
    dear = says("One.").using(output_tokens=100_000)
    chosen = options([dear, says("Two.")], tmp_path, model="claude-sonnet-4-5", max_budget_usd=1.5)
    async with Client(chosen) as client:
        first = (await said(client, "First."))[-1]
        assert first.subtype == "success"
        await said(client, "/clear")
        last = (await said(client, "Second."))[-1]
    assert last.subtype == "error_max_budget_usd"
    assert len(requests(chosen)) == 1


async def test_clear_ends_background_commands(tmp_path: Path) -> None:
    plays = [calls("Bash", command="sleep 1000", run_in_background=True), says("Started.")]
    async with Client(options(plays, tmp_path, allowed_tools=["Bash"])) as client:
        await said(client, "Go.")
        told = await said(client, "/clear")
        kinds = [message.subtype for message in told if isinstance(message, SystemMessage)]
        assert "task_notification" in kinds


async def test_hooks_hear_of_a_clear(tmp_path: Path) -> None:
    heard: list[tuple[str, str]] = []

    async def hear(event: dict[str, Any], *_: Any) -> dict[str, Any]:
        heard.append((event["hook_event_name"], event.get("source") or event.get("reason") or ""))
        return {}

    hooks = {name: [{"hooks": [hear]}] for name in ("SessionStart", "SessionEnd")}
    async with Client(options([says("1"), says("2")], tmp_path, hooks=hooks)) as client:
        await said(client, "First.")
        await said(client, "/clear")
        await said(client, "Second.")
    assert heard == [
        ("SessionStart", "startup"),
        ("SessionEnd", "clear"),
        ("SessionStart", "clear"),
        ("SessionEnd", "other"),
    ]


async def test_an_unknown_command_goes_to_the_model_which_is_told(tmp_path: Path) -> None:
    chosen = options([says("Hm."), says("Hm.")], tmp_path)
    async with Client(chosen) as client:
        await said(client, "/nope x")
    texts = sent(requests(chosen)[0])
    assert texts[-1] == "/nope x"
    assert any("no command `/nope`" in text for text in texts)


@pytest.mark.parametrize("prompt", ["/usr/bin/env", "/etc/passwd has /cost", "// comment", "/ x"])
def test_paths_are_no_commands(tmp_path: Path, prompt: str) -> None:
    chosen = options([says("Fine.")], tmp_path)
    assert run(prompt, chosen).text == "Fine."
    assert not any("no command" in text for text in sent(requests(chosen)[0]))


async def test_a_command_that_comes_during_an_answer_waits_for_its_end(tmp_path: Path) -> None:
    began, queued = asyncio.Event(), asyncio.Event()

    @tool
    async def wait() -> str:
        """Waits."""
        began.set()
        await queued.wait()
        return "ok"

    chosen = options([calls("wait"), says("Done.")], tmp_path, tools=[wait])
    async with Client(chosen) as client:
        await client.query("Go.")
        await asyncio.wait_for(began.wait(), 10)
        await client.query("/cost")
        queued.set()
        first = [message async for message in client.receive_response()]
        second = [message async for message in client.receive_response()]
    assert first[-1].text == "Done."
    assert second[-1].extra["local_command"] == "cost"
    assert "/cost" not in sent(requests(chosen)[-1])


async def test_a_conversation_with_commands_is_sent_as_if_they_were_not_there(
    tmp_path: Path,
) -> None:
    chosen = options([says("One."), says("Two.")], tmp_path)
    async with Client(chosen) as client:
        await said(client, "First.")
        await said(client, "/cost")
        await said(client, "Second.")
        id = client.session_id
    again = AgentOptions(
        provider=Recorder(Scripted([says("Three.")])),
        cwd=tmp_path,
        session_store=chosen.session_store,
        resume=id,
    )
    async with Client(again) as client:
        await said(client, "Third.")
    live, resumed = sent(requests(chosen)[1]), sent(requests(again)[0])
    assert resumed[: len(live)] == live


def test_a_command_works_in_print_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.chdir(tmp_path)
    assert main(["-p", "/cost"]) == 0
    assert capfd.readouterr().out == "Cost: $0.0000\nTime of the API: 0.0 s\n"
    assert main(["-p", "/compact"]) == 1
    assert "compacted" in capfd.readouterr().out
