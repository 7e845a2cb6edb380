"""Density: a thousand sessions in one process.

The promise: sessions that run side by side advance side by side, share one pool of connections, stay
within the process's limit of open files, run a bounded number of commands, and leave nothing.

How it is tried: hundreds of sessions at once against an API in another process, each with a folder of its
own in which it reads, edits and runs a command, under a limit of open files that has less than one file
for each of them and its connection.

Run: `pytest tests/guarantees/test_density.py` for 200 sessions, with `-m slow` for 1,000.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hames import AgentOptions, AssistantMessage, Client, ResultMessage, query
from hames._slots import Slots
from hames.providers import http
from hames.testing import Scripted, calls, says
from hames.tools import bash

REPOSITORY = Path(__file__).resolve().parents[2]


@contextmanager
def limited_files(soft: int) -> Iterator[None]:
    """The usual limit of a shell, or less."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def prompt_for(folder: Path) -> str:
    """Five calls in a folder of its own."""
    from bench.plays import Task, ToolCall

    notes = str(folder / "notes.txt")
    folder.mkdir()
    (folder / "notes.txt").write_text("one two three\n", encoding="utf-8")
    count = {"command": "wc -l < notes.txt", "description": "Count lines"}
    calls = [
        ToolCall("Read", {"file_path": notes}),
        ToolCall("Edit", {"file_path": notes, "old_string": "two", "new_string": "2"}),
        ToolCall("Bash", count),
        ToolCall("Edit", {"file_path": notes, "old_string": "one", "new_string": "1"}),
        ToolCall("Bash", count),
    ]
    return Task(len(calls), calls).prompt()


async def test_commands_of_all_sessions_take_turns_when_they_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bash, "IN_FOREGROUND", Slots(3, share=1.0))
    (tmp_path / "live").mkdir()
    command = "touch live/$$; ls live | wc -l >> alive; sleep 0.1; rm live/$$"
    (tmp_path / "count.sh").write_text(command, encoding="utf-8")

    async def session() -> None:
        provider = Scripted([calls("Bash", command="sh count.sh"), says("Done.")])
        options = AgentOptions(
            provider=provider, cwd=tmp_path, allowed_tools=["Bash"], persist_session=False
        )
        [*_, result] = [message async for message in query(prompt="Count.", options=options)]
        assert isinstance(result, ResultMessage)
        assert result.result == "Done."

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for _ in range(12):
            group.create_task(session())
    alive = (tmp_path / "alive").read_text(encoding="utf-8").split()
    assert (len(alive), max(map(int, alive))) == (12, 3)


async def test_a_command_that_waits_for_its_turn_can_be_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived = asyncio.Event()

    class Line(Slots):
        async def enter(self) -> None:
            arrived.set()
            await super().enter()

    places = Line(1, share=1.0)
    monkeypatch.setattr(bash, "IN_FOREGROUND", places)
    provider = Scripted([calls("Bash", command="touch ran"), says("Done.")])
    options = AgentOptions(
        provider=provider, cwd=tmp_path, allowed_tools=["Bash"], persist_session=False
    )
    await places.enter()
    arrived.clear()
    async with asyncio.timeout(10), Client(options) as client:
        await client.query("Run it.")
        await arrived.wait()
        await client.interrupt()
        [*_, result] = [message async for message in client.receive_response()]
        assert isinstance(result, ResultMessage)
        assert result.terminal_reason == "aborted_tools"
        assert not (tmp_path / "ran").exists()
        places.leave()
        await client.query("And now?")
        [*_, result] = [message async for message in client.receive_response()]
        assert isinstance(result, ResultMessage)
        assert result.result == "Done."


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files by /proc")
@pytest.mark.parametrize(
    ("count", "files"),
    [
        pytest.param(200, 192, id="200 sessions, 192 files"),
        pytest.param(1000, 1024, id="1,000 sessions, 1,024 files", marks=pytest.mark.slow),
    ],
)
async def test_sessions_side_by_side_share_what_there_is_and_all_arrive(
    count: int, files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY))
    from bench.apis import Api

    prompts = [prompt_for(tmp_path / f"folder{number}") for number in range(count)]
    turns = [0] * count
    behind: list[int] = []
    pools: set[int] = set()

    async def session(number: int) -> None:
        folder = tmp_path / f"folder{number}"
        options = AgentOptions(cwd=folder, allowed_tools=["Edit", "Bash"])
        async for message in query(prompt=prompts[number], options=options):
            if isinstance(message, AssistantMessage):
                turns[number] += 1
                pools.update(id(shared) for shared in http._routes.values())
            if isinstance(message, ResultMessage):
                assert (message.subtype, message.num_turns) == ("success", 6), message
                assert not message.permission_denials
                behind.append(min(turns))

    with Api() as api, limited_files(files):
        monkeypatch.setenv("ANTHROPIC_BASE_URL", api.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-density")
        monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "config"))
        await session(0)
        turns[0] = 0
        behind.clear()
        pools.clear()
        (tmp_path / "folder0" / "notes.txt").write_text("one two three\n", encoding="utf-8")
        before, others = open_files(), (threading.active_count(), children())
        async with asyncio.timeout(240), asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(session(number))
        gc.collect()
        assert (threading.active_count(), children()) == others
        assert open_files() <= before

    assert all(n == 6 for n in turns)
    assert len(pools) == 1
    assert behind[0] >= 2, "when the first session was done, another had hardly begun"
    for number in range(count):
        assert (tmp_path / f"folder{number}" / "notes.txt").read_text(encoding="utf-8") == (
            "1 2 three\n"
        )
    transcripts = list((tmp_path / "config" / "projects").glob("*/*.jsonl"))
    assert len(transcripts) == count + 1


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii").split()
