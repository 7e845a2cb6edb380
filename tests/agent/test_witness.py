"""After a crash the model is told what can be seen of a call that was cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hames import AgentOptions, query
from hames.sessions.memory import MemoryStore
from hames.testing import Play, Scripted, calls, says


async def told_after_a_crash(folder: Path, play: Play, crash: Any, **options: Any) -> str:
    """Run a call whose result is never stored, change the world, go on: what the model is told."""
    store = MemoryStore()
    provider = Scripted([calls("Read", file_path=str(folder / "a.txt")), play, says("Done.")])
    shared = {"cwd": folder, "permission_mode": "acceptEdits", **options}
    first = AgentOptions(provider=provider, session_store=store, **shared)
    result = [message async for message in query(prompt="Go.", options=first)][-1]
    [stored] = await store.list()
    lines = await store.load(stored.key) or []
    mark = max(i for i, line in enumerate(lines) if line.startswith(b'{"type":"hames-call"'))
    frozen = MemoryStore()
    await frozen.append(stored.key, lines[: mark + 1])
    crash()
    again = Scripted([says("I see.")])
    more = AgentOptions(provider=again, session_store=frozen, resume=result.session_id, **shared)
    _ = [message async for message in query(prompt="Go on.", options=more)]
    [block] = [b for b in again.bodies[0]["messages"][-1]["content"] if b["type"] == "tool_result"]
    text: str = block["content"]
    assert text.startswith("This call was started")
    return text


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ("new\n", "has exactly the content that this call was to write"),
        ("old\n", "has another content than this call was to write"),
        (None, "does not exist, so it was not written"),
    ],
)
async def test_a_write_is_compared_with_the_file(
    tmp_path: Path, left: str | None, said: str
) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old\n")
    write = calls("Write", file_path=str(file), content="new\n")
    told = await told_after_a_crash(
        tmp_path, write, lambda: file.write_text(left) if left else file.unlink()
    )
    assert said in told


@pytest.mark.parametrize(
    ("old", "new", "left", "said"),
    [
        ("two", "2", "one\n2\n", "is as after this edit"),
        ("two", "2", "one\ntwo\n", "still holds `old_string`, so it was not edited"),
        ("two", "two and a half", "one\ntwo and a half\n", "is as after this edit"),
        ("two", "two and a half", "one\ntwo\n", "still holds `old_string`, so it was not edited"),
        ("one\ntwo", "one", "one\n", "is as after this edit"),
        ("two", "", "one\n\n", "is as after this edit"),
        ("two", "2", "something else\n", "check before you repeat it."),
    ],
)
async def test_an_edit_is_looked_for_in_the_file(
    tmp_path: Path, old: str, new: str, left: str, said: str
) -> None:
    file = tmp_path / "a.txt"
    file.write_text("one\ntwo\n")
    edit = calls("Edit", file_path=str(file), old_string=old, new_string=new)
    told = await told_after_a_crash(tmp_path, edit, lambda: file.write_text(left))
    assert said in told


async def test_nothing_is_made_up_about_a_command(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    told = await told_after_a_crash(
        tmp_path, calls("Bash", command="touch b"), lambda: None, allowed_tools=["Bash"]
    )
    assert told.endswith("check before you repeat it.")


async def test_what_only_reads_may_be_repeated(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    told = await told_after_a_crash(tmp_path, calls("Grep", pattern="x"), lambda: None)
    assert told.endswith("It only reads, so nothing is lost by repeating it.")
