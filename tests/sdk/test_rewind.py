"""Checkpoints and rewind, through the client: what shell commands and tools did is put back."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hames import AgentOptions, Client, RewindResult, SessionError, tool
from hames.sessions.memory import MemoryStore
from hames.testing import Scripted, calls, says

FIRST = "aaaaaaaa-0000-4000-8000-000000000001"
SECOND = "aaaaaaaa-0000-4000-8000-000000000002"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, and a config folder beside it."""
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("IS_SANDBOX", "1")
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def options(place: Path, plays: list[Any], **more: Any) -> AgentOptions:
    return AgentOptions(
        provider=Scripted(plays),
        cwd=place,
        permission_mode="bypassPermissions",
        **{"enable_file_checkpointing": True, **more},
    )


async def ask(client: Client, uuid: str, text: str = "Go.") -> None:
    message = {"type": "user", "message": {"role": "user", "content": text}, "uuid": uuid}
    await client.query(message)
    async for _ in client.receive_response():
        pass


def shell(command: str) -> Any:
    return calls("Bash", command=command)


def state(folder: Path) -> dict[str, Any]:
    """All that is in a folder: content, link target or None for a folder, with the mode."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name, mode = str(path.relative_to(folder)), path.lstat().st_mode & 0o777
        if path.is_symlink():
            found[name] = os.readlink(path)
        else:
            found[name] = (path.read_bytes() if path.is_file() else None, mode)
    return found


async def rewound(
    place: Path, command: str, *, before: Callable[[], object] = lambda: None
) -> tuple[dict[str, Any], dict[str, Any], RewindResult]:
    """The folder before a command and after its rewind, and what the rewind said."""
    async with Client(options(place, [shell(command), says("Done.")])) as client:
        before()
        was = state(place)
        await ask(client, FIRST)
        assert state(place) != was
        result = await client.rewind_files(FIRST)
        return was, state(place), result


async def test_what_a_command_changed_created_and_deleted_is_put_back(place: Path) -> None:
    (place / "kept.txt").write_text("one\ntwo\n")
    (place / "gone.txt").write_text("here\n")
    (place / "sub/deep").mkdir(parents=True)
    (place / "sub/deep/x").write_bytes(bytes(range(256)))
    command = "echo 2 > kept.txt; rm gone.txt; rm -r sub; mkdir -p new/er; echo 1 > new/er/made"
    was, now, result = await rewound(place, command)
    assert now == was
    names = {os.path.relpath(path, place) for path in result.files_changed}
    assert names == {"kept.txt", "gone.txt", "sub/deep/x", "new/er/made"}
    assert (result.skipped_links, result.left, result.changed_by_others) == (0, [], [])


async def test_modes_links_and_kinds_are_put_back(place: Path) -> None:
    (place / "run.sh").write_text("#!/bin/sh\n")
    (place / "run.sh").chmod(0o755)
    (place / "file").write_text("file")
    (place / "folder").mkdir(mode=0o750)
    (place / "folder/in").write_text("in")
    (place / "empty").mkdir()
    (place / "link").symlink_to("file")
    command = (
        "chmod 644 run.sh; rm file; mkdir file; touch file/x; rm -r folder; echo 1 > folder;"
        " rmdir empty; ln -sfn nowhere link; ln -s file other; chmod 700 ."
    )
    was, now, result = await rewound(place, command)
    assert now == was
    assert result.left == []


async def test_a_rewind_goes_back_to_the_prompt_that_is_named_and_can_be_taken_back(
    place: Path,
) -> None:
    (place / "a").write_text("0\n")
    plays = [shell("echo 1 > a"), says("One."), shell("echo 2 > a; echo 2 > b"), says("Two.")]
    async with Client(options(place, plays)) as client:
        await ask(client, FIRST)
        await ask(client, SECOND)
        last = state(place)
        told = await client.rewind_files(FIRST, dry_run=True)
        assert state(place) == last
        assert (told.insertions, told.deletions, told.skipped_links) == (1, 2, None)
        back = await client.rewind_files(SECOND)
        assert state(place).keys() == {"a"}
        assert (place / "a").read_text() == "1\n"
        assert back.undo is not None
        await client.rewind_files(FIRST)
        assert (place / "a").read_text() == "0\n"
        await client.rewind_files(back.undo)
        assert state(place) == last


async def test_files_that_others_changed_are_named_and_not_lost(place: Path) -> None:
    (place / "mine").write_text("before\n")
    (place / "agents").write_text("before\n")
    async with Client(options(place, [shell("echo 1 > agents"), says("Done.")])) as client:
        await ask(client, FIRST)
        (place / "mine").write_text("after\n")
        told = await client.rewind_files(FIRST, dry_run=True)
        assert told.changed_by_others == [str(place / "mine")]
        result = await client.rewind_files(FIRST)
        assert result.changed_by_others == [str(place / "mine")]
        assert (place / "mine").read_text() == "before\n"
        assert result.undo is not None
        await client.rewind_files(result.undo)
        assert (place / "mine").read_text() == "after\n"


async def test_a_rewind_in_the_middle_of_an_answer_leaves_the_rest_to_it(place: Path) -> None:
    (place / "a").write_text("0\n")

    @tool
    async def back() -> str:
        """Goes back."""
        await client.rewind_files(FIRST)
        return (place / "a").read_text()

    plays = [shell("echo 1 > a"), calls("back"), shell("echo 2 > a"), says("Done.")]
    async with Client(options(place, plays, tools=["default", back])) as client:
        await ask(client, FIRST)
        assert (place / "a").read_text() == "2\n"
        result = await client.rewind_files(FIRST)
    assert (place / "a").read_text() == "0\n"
    assert result.changed_by_others == []


async def test_what_is_kept_is_for_the_user_only(place: Path, tmp_path: Path) -> None:
    (place / "a").write_text("old\n")
    plays = [calls("Write", file_path="b", content="made\n"), says("One."), says("Two.")]
    async with Client(options(place, plays)) as client:
        await ask(client, FIRST)
        await ask(client, SECOND)
    kept = [
        path
        for name in ("file-history", "hames")
        for path in (tmp_path / "config" / name).rglob("*")
    ]
    assert len(kept) > 10
    assert {path.stat().st_mode & 0o777 for path in kept if path.is_dir()} == {0o700}


async def test_a_file_that_tools_wrote_is_put_back_wherever_it_is(
    place: Path, tmp_path: Path
) -> None:
    (place / ".gitignore").write_text("out/\n")
    (place / ".git").mkdir()
    (place / "out").mkdir()
    (place / "out/a").write_text("old\n")
    (place / "out/b").write_text("old\n")
    outside = tmp_path / "outside.txt"
    plays = [
        calls("Write", file_path=str(outside), content="new\n"),
        calls("Read", file_path="out/a"),
        calls("Write", file_path="out/a", content="new\n"),
        shell("echo shell > out/b"),
        says("Done."),
    ]
    async with Client(options(place, plays)) as client:
        await ask(client, FIRST)
        assert (outside.read_text(), (place / "out/a").read_text()) == ("new\n", "new\n")
        await client.rewind_files(FIRST)
    assert not outside.exists()
    assert (place / "out/a").read_text() == "old\n"
    assert (place / "out/b").read_text() == "shell\n", "commands in ignored folders are not undone"


async def test_no_link_leads_a_rewind_outside(place: Path, tmp_path: Path) -> None:
    """The folder of a file is swapped for a link: the link goes, what it led to stays."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_text("theirs")
    (place / "sub").mkdir()
    (place / "sub/x").write_text("ours")
    was, now, _ = await rewound(place, f"rm -r sub; ln -s {outside} sub")
    assert now == was
    assert (outside / "x").read_text() == "theirs"


async def test_a_folder_above_that_became_a_link_is_not_entered(
    place: Path, tmp_path: Path
) -> None:
    away, outside = tmp_path / "away", tmp_path / "elsewhere"
    (tmp_path / "other").mkdir()
    outside.mkdir()
    (outside / "f").write_text("theirs")
    plays = [calls("Write", file_path=str(tmp_path / "other/f"), content="new"), says("Done.")]
    async with Client(options(place, plays)) as client:
        await ask(client, FIRST)
        (tmp_path / "other").rename(away)
        (tmp_path / "other").symlink_to(outside)
        with pytest.raises(SessionError, match="a link stands in the way"):
            await client.rewind_files(FIRST)
    assert (outside / "f").read_text() == "theirs"


async def test_other_names_of_a_file_keep_their_content(place: Path, tmp_path: Path) -> None:
    (tmp_path / "other name").write_text("old")
    os.link(tmp_path / "other name", place / "name")
    _, _, result = await rewound(place, "echo new > name")
    assert (place / "name").read_text() == "old"
    assert (tmp_path / "other name").read_text() == "new\n"
    assert result.left == []


async def test_git_is_left_alone(place: Path) -> None:
    def git(*words: str) -> str:
        identity = {"GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(place)}
        for role in ("AUTHOR", "COMMITTER"):
            identity |= {f"GIT_{role}_NAME": "A", f"GIT_{role}_EMAIL": "a@b"}
        done = subprocess.run(
            ["git", *words], cwd=place, env={**os.environ, **identity}, capture_output=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    git("init", "-q")
    (place / "a").write_text("1\n")
    git("add", "a")
    git("commit", "-qm", "one")
    (place / "a").write_text("2\n")
    git("stash")
    (place / "a").write_text("3\n")
    git("add", "a")

    plays = [shell("echo 4 > a; echo 5 > b; git add a b"), says("Done.")]
    async with Client(options(place, plays)) as client:
        await ask(client, FIRST)
        staged = state(place / ".git")
        result = await client.rewind_files(FIRST)
    assert result.left == []
    assert state(place / ".git") == staged
    assert ((place / "a").read_text(), (place / "b").exists()) == ("3\n", False)
    assert git("stash", "list").count("\n") == 1
    assert git("diff", "--cached", "--name-only") == "a\nb\n"


async def test_what_is_not_covered_is_told(place: Path) -> None:
    (place / ".git").mkdir()
    (place / ".gitignore").write_text("build/\n")
    command = "mkdir build; echo 1 > build/out; head -c 11000000 /dev/zero > huge; mkfifo pipe"
    _, now, result = await rewound(place, command)
    assert {"build/out", "huge", "pipe"} <= now.keys()
    assert [line.partition(":")[0] for line in result.left] == [
        f"`{place / name}`" for name in ("build", "huge", "pipe")
    ]


async def test_a_folder_that_cannot_be_kept_is_told_and_tools_are_undone_all_the_same(
    place: Path,
) -> None:
    (place / ("d/" * 700)).mkdir(parents=True)
    (place / "a").write_text("old")
    plays = [calls("Write", file_path="b", content="made"), shell("echo 1 > a"), says("Done.")]
    async with Client(options(place, plays)) as client:
        await client.query(
            {"type": "user", "message": {"role": "user", "content": "Go."}, "uuid": FIRST}
        )
        told = [message async for message in client.receive_response()][-1]
        result = await client.rewind_files(FIRST)
    assert "nested too deeply" in str(told.obligations)
    assert result.left == [f"`{place}`: not kept, as was told"]
    assert ((place / "a").read_text(), (place / "b").exists()) == ("1\n", False)


async def test_a_later_process_can_rewind(place: Path) -> None:
    (place / "a").write_text("0\n")
    (place / "b").write_text("0\n")
    plays = [shell("echo 1 > a"), says("One.")]
    async with Client(options(place, plays)) as client:
        await ask(client, FIRST)
        session = client.session_id
    async with Client(
        options(place, [shell("echo 2 > b"), says("Two.")], resume=session)
    ) as client:
        await ask(client, SECOND)
        await client.rewind_files(FIRST)
    assert [(place / name).read_text() for name in "ab"] == ["0\n", "0\n"]


async def test_a_damaged_store_is_told_before_anything_changes(place: Path, tmp_path: Path) -> None:
    (place / "a").write_text("old\n")
    (place / "b").write_text("old\n")
    async with Client(options(place, [shell("echo 1 > a; echo 1 > b"), says("Done.")])) as client:
        await ask(client, FIRST)
        for path in (tmp_path / "config/file-history").rglob("*/objects/*/*"):
            if path.read_bytes() == b"old\n":
                path.write_bytes(b"odd\n")
        was = state(place)
        with pytest.raises(SessionError, match="is damaged"):
            await client.rewind_files(FIRST)
    assert state(place) == was


async def test_unknown_prompts_and_sessions_without_checkpoints_are_refused(place: Path) -> None:
    async with Client(options(place, [says("Done.")])) as client:
        await ask(client, FIRST)
        with pytest.raises(SessionError, match="No file checkpoint"):
            await client.rewind_files(SECOND)
    without = options(place, [says("Done.")], enable_file_checkpointing=None)
    async with Client(without) as client:
        await ask(client, FIRST)
        with pytest.raises(SessionError, match="not enabled"):
            await client.rewind_files(FIRST)


async def test_checkpoints_go_with_their_session(place: Path, tmp_path: Path) -> None:
    (place / "a").write_text("1")
    kept = tmp_path / "config/file-history"
    async with Client(options(place, [says("Done.")], persist_session=False)) as client:
        await ask(client, FIRST)
        assert list(kept.iterdir())
    assert not list(kept.iterdir())


async def test_lines_are_as_the_official_command_line_reads_them(place: Path) -> None:
    """Official 2.1.330, observed, rewinds the files that tools wrote by these lines and backups.

    It passes over a `file-history-delta` whose `messageId` is not that of the line with the call.
    """
    (place / "a").write_text("old\n")
    plays = [
        calls("Read", file_path="a"),
        calls("Edit", file_path="a", old_string="old", new_string="new"),
        calls("Write", file_path="b", content="made\n"),
        says("One."),
        says("Two."),
    ]
    store = MemoryStore()
    async with Client(options(place, plays, session_store=store)) as client:
        await ask(client, FIRST)
        await ask(client, SECOND)
        (key,) = await store.find(client.session_id)
    lines = [json.loads(line) for line in await store.load(key) or []]
    callers = {
        line["message"]["content"][0]["name"]: line["uuid"]
        for line in lines
        if line["type"] == "assistant" and line["message"]["content"][0]["type"] == "tool_use"
    }
    deltas = [line for line in lines if line["type"] == "file-history-delta"]
    assert [
        (d["messageId"], d["snapshotMessageId"], d["trackingPath"], d["backup"]["version"])
        for d in deltas
    ] == [(callers["Edit"], FIRST, "a", 1), (callers["Write"], FIRST, "b", 1)]
    assert deltas[1]["backup"]["backupFileName"] is None
    snapshots = [line for line in lines if line["type"] == "file-history-snapshot"]
    assert [one["messageId"] for one in snapshots] == [FIRST, SECOND]
    later = snapshots[1]["snapshot"]["trackedFileBackups"]
    assert {name: one["version"] for name, one in later.items()} == {"a": 2, "b": 2}
    kept = place.parent / "config/file-history" / key.session_id
    contents = {name: (kept / one["backupFileName"]).read_text() for name, one in later.items()}
    assert contents == {"a": "new\n", "b": "made\n"}
