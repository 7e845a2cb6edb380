"""What a session knows of files, and how it learns that others have changed them."""

from __future__ import annotations

import os
from pathlib import Path

from file_tools import FileTools

from hames.sandbox.local import LocalMachine
from hames.tools.edit import EDIT
from hames.tools.read import READ
from hames.tools.seen import Change, SeenFiles, digest_of
from hames.tools.write import WRITE


async def test_a_change_by_others_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one")
    tools = FileTools(tmp_path)
    await tools.read(path)
    assert await tools.seen.changes(tools.machine) == []
    path.write_bytes(b"two")
    os.utime(path, (1, 1))
    assert await tools.seen.changes(tools.machine) == [Change(str(path), removed=False)]
    assert await tools.seen.changes(tools.machine) == []
    assert (await tools.refusal(tools.write(path, "x"))).invalid, "told is not read"
    await tools.read(path)
    await tools.write(path, "x")


async def test_our_own_changes_are_not_told(tmp_path: Path) -> None:
    tools = FileTools(tmp_path)
    await tools.write("a.txt", "one")
    await tools.edit("a.txt", "one", "two")
    assert await tools.seen.changes(tools.machine) == []


async def test_a_touch_is_not_told(tmp_path: Path) -> None:
    tools = FileTools(tmp_path)
    await tools.write("a.txt", "one")
    os.utime(tmp_path / "a.txt", (1, 1))
    assert await tools.seen.changes(tools.machine) == []


async def test_a_removed_file_is_told_once_and_forgotten(tmp_path: Path) -> None:
    tools = FileTools(tmp_path)
    await tools.write("a.txt", "one")
    (tmp_path / "a.txt").unlink()
    assert await tools.seen.changes(tools.machine) == [Change(f"{tmp_path}/a.txt", removed=True)]
    assert await tools.seen.changes(tools.machine) == []


async def test_unchanged_files_are_not_read_again(tmp_path: Path) -> None:
    class Counting(LocalMachine):
        reads = 0

        async def read(self, path: str, *, limit: int | None = None) -> bytes:
            self.reads += 1
            return await super().read(path, limit=limit)

    machine = Counting()
    tools = FileTools(tmp_path, machine)
    await tools.write("a.txt", "one")
    await tools.seen.changes(machine)
    assert machine.reads == 1
    await tools.seen.changes(machine)
    assert machine.reads == 1


async def test_a_shell_tool_can_tell_that_a_file_was_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one")
    tools = FileTools(tmp_path)
    tools.seen.saw(str(path), digest_of(path.read_bytes()), whole=True)
    await tools.write(path, "two")


def test_sessions_stored_by_the_official_cli_are_taken_up() -> None:
    """They have no hash, but for plain files the content tells it."""
    states: dict[type, object] = {}
    whole = {"filePath": "/p/a", "content": "x\n", "numLines": 2, "startLine": 1, "totalLines": 2}
    part = {"filePath": "/p/b", "content": "x", "numLines": 1, "startLine": 2, "totalLines": 3}
    change = {"filePath": "/p/c", "originalFile": "a b", "oldString": "b", "newString": "c"}
    creation = {"filePath": "/p/d", "originalFile": "", "oldString": "", "newString": "new"}
    assert READ.recall
    assert WRITE.recall
    assert EDIT.recall
    READ.recall(states, {}, {"type": "text", "file": whole})
    READ.recall(states, {}, {"type": "text", "file": part})
    EDIT.recall(states, {}, change)
    EDIT.recall(states, {}, creation)
    WRITE.recall(states, {}, {"type": "create", "filePath": "/p/e", "content": "é"})
    seen = states[SeenFiles]
    assert isinstance(seen, SeenFiles)
    assert seen.state("/p/a", digest_of(b"x\n")) == "current"
    assert seen.state("/p/b", digest_of(b"x")) == "unseen"
    assert seen.state("/p/c", digest_of(b"a c")) == "current"
    assert seen.state("/p/d", digest_of(b"new")) == "current"
    assert seen.state("/p/e", digest_of("é".encode())) == "current"


def test_unusable_stored_data_is_passed_over() -> None:
    states: dict[type, object] = {}
    for tool in (READ, WRITE, EDIT):
        assert tool.recall
        for data in (
            None,
            "Error: x",
            [],
            {},
            {"file": 1},
            {"type": "text", "file": {"filePath": 3}},
        ):
            tool.recall(states, None, data)
    assert states == {} or states[SeenFiles].files == {}  # type: ignore[attr-defined]
