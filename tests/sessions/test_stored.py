"""Stored sessions for programs, and the commands for people: find, name, copy, remove, rewind."""

from __future__ import annotations

import importlib.util
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hames import AgentOptions, Client, SessionNotFound, run, sessions
from hames.cli.commands.session import ACTIONS, main
from hames.testing import Scripted, calls, says

PROMPT = "aaaaaaaa-0000-4000-8000-000000000001"


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Makes a stored session in a config folder of the test; its id."""
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("IS_SANDBOX", "1")
    (tmp_path / "app").mkdir()

    def make(*plays: Any, prompt: Any = "Begin.", **options: Any) -> str:
        provider = Scripted(plays or [says("Done.")])
        chosen = AgentOptions(provider=provider, cwd=tmp_path / "app", **options)
        return run(prompt, chosen).session_id

    return make


async def begun(folder: Path, *plays: Any) -> str:
    """A session with checkpoints, whose prompt has a uuid that is known."""
    options = AgentOptions(
        provider=Scripted(plays),
        cwd=folder,
        permission_mode="bypassPermissions",
        enable_file_checkpointing=True,
    )
    message = {"type": "user", "message": {"role": "user", "content": "Go."}, "uuid": PROMPT}
    async with Client(options) as client:
        await client.query(message)
        async for _ in client.receive_response():
            pass
        return client.session_id


async def test_sessions_are_listed_read_named_and_removed(
    begin: Callable[..., str], tmp_path: Path
) -> None:
    first, second = begin(prompt="First."), begin(prompt="Second.")
    cwd = tmp_path / "app"
    assert {one.session_id for one in await sessions.list_sessions(cwd=cwd)} == {first, second}
    assert len(await sessions.list_sessions(limit=1, offset=1)) == 1
    assert await sessions.list_sessions(cwd=tmp_path) == []
    said = await sessions.session_messages(first)
    assert [one.type for one in said] == ["user", "assistant"]
    assert await sessions.session_messages(first, limit=1, offset=1) == said[1:]
    assert await sessions.subagents(first) == []
    await sessions.rename_session(first, " A title ")
    await sessions.tag_session(first, "kept")
    info = await sessions.session_info(first, cwd=cwd)
    assert info is not None
    assert (info.custom_title, info.tag, info.first_prompt) == ("A title", "kept", "First.")
    await sessions.delete_session(second)
    assert [one.session_id for one in await sessions.list_sessions()] == [first]
    with pytest.raises(SessionNotFound):
        await sessions.rename_session(second, "gone")


async def test_a_copy_ends_where_it_is_asked_to_and_can_be_resumed(
    begin: Callable[..., str],
) -> None:
    first = begin(prompt="First.")
    begin(prompt="Second.", resume=first)
    said = await sessions.session_messages(first)
    copy = await sessions.fork_session(first, up_to=said[1].uuid)
    assert [one.uuid for one in await sessions.session_messages(copy)] == [
        one.uuid for one in said[:2]
    ]
    info = await sessions.session_info(copy)
    assert info is not None
    assert info.custom_title == "First. (fork)"
    assert len(await sessions.session_messages(first)) == 4


@pytest.mark.skipif(
    importlib.util.find_spec("claude_agent_sdk") is None,
    reason="the official Python client is not installed",
)
async def test_the_official_reader_sees_the_same(begin: Callable[..., str]) -> None:
    import claude_agent_sdk as official

    first = begin(prompt="First.")
    await sessions.rename_session(first, "A title")
    await sessions.tag_session(first, "kept")
    copy = await sessions.fork_session(first, title="Copy")
    for id in (first, copy):
        ours, theirs = await sessions.session_info(id), official.get_session_info(id)
        assert theirs is not None
        assert msgspec.to_builtins(ours) == asdict(theirs)
        assert [one.uuid for one in await sessions.session_messages(id)] == [
            one.uuid for one in official.get_session_messages(id)
        ]
    await sessions.delete_session(first)
    assert [one.session_id for one in official.list_sessions()] == [copy]


async def test_a_copy_takes_its_checkpoints_along(
    begin: Callable[..., str], tmp_path: Path
) -> None:
    folder = tmp_path / "app"
    (folder / "a").write_text("old\n")
    first = await begun(folder, calls("Bash", command="echo new > a"), says("Done."))
    copy = await sessions.fork_session(first)
    await sessions.delete_session(first)
    options = AgentOptions(
        provider=Scripted([]), cwd=folder, resume=copy, enable_file_checkpointing=True
    )
    async with Client(options) as client:
        await client.rewind_files(PROMPT)
    assert (folder / "a").read_text() == "old\n"


async def test_objects_that_no_session_holds_are_removed(
    begin: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "app/a").write_text("content")
    ids = [await begun(tmp_path / "app", says("Done.")) for _ in range(2)]
    pool = tmp_path / "config/hames/file-history/objects"
    for left, id in zip((2, 0), ids, strict=True):
        await sessions.delete_session(id)
        assert len([path for path in pool.rglob("*") if path.is_file()]) == left
    assert not list((tmp_path / "config/file-history").iterdir())


def test_commands_name_tag_copy_and_remove(
    begin: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    id = begin(prompt="First.")
    assert main(["rename", id, "A title"]) == 0
    assert main(["tag", "A title", "kept"]) == 0
    assert main(["info", "A title", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["session_id"], shown["tag"]) == (id, "kept")
    assert main(["tag", id]) == 0
    assert main(["fork", id, "--title", "Copy"]) == 0
    copy = capsys.readouterr().out.strip()
    assert main(["info", copy]) == 0
    assert "Copy" in capsys.readouterr().out
    assert main(["subagents", id]) == 0
    assert main(["delete", id, "Copy"]) == 0
    assert main(["list", "--all"]) == 0
    assert "No sessions here" in capsys.readouterr().out


def test_prune_removes_what_was_not_used_for_long(
    begin: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = begin(prompt="Old."), begin(prompt="New.")
    (transcript,) = (tmp_path / "config/projects").glob(f"*/{old}.jsonl")
    orphan = tmp_path / "config/file-history" / PROMPT
    orphan.mkdir(parents=True)
    week = time.time() - 7 * 86_400
    os.utime(transcript, (week, week))
    os.utime(orphan, (week, week))
    (tmp_path / "config/settings.json").write_text('{"cleanupPeriodDays": 6}')
    assert main(["prune", "--older-than", "8"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["prune", "--dry-run"]) == 0
    assert old in capsys.readouterr().out
    assert transcript.exists()
    assert main(["prune"]) == 0
    assert old in capsys.readouterr().out
    assert (transcript.exists(), orphan.exists()) == (False, False)
    assert main(["list", "--all"]) == 0
    assert new in capsys.readouterr().out


async def test_rewind_lists_prompts_and_puts_files_back(
    begin: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from hames._aio import in_thread

    folder = tmp_path / "app"
    (folder / "a").write_text("old\n")
    id = await begun(folder, calls("Bash", command="echo new > a; touch b"), says("Done."))
    assert await in_thread(main, ["rewind", id]) == 0
    assert capsys.readouterr().out == f"{PROMPT}  Go.\n"
    assert await in_thread(main, ["rewind", id, PROMPT, "--dry-run"]) == 0
    assert "2 file(s) would be put back, 1 line(s) added, 1 taken away." in capsys.readouterr().out
    assert (folder / "b").exists()
    assert await in_thread(main, ["rewind", id, PROMPT, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files_changed"] == [str(folder / "a"), str(folder / "b")]
    assert (folder / "a").read_text() == "old\n"
    assert await in_thread(main, ["rewind", id, told["undo"]]) == 0
    assert (folder / "a").read_text() == "new\n"


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_every_action_explains_itself(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([action, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: hames session {action}")
