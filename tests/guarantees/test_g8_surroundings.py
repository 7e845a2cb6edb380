"""G8: what is around a session fails, work goes on, and says so.

The promise: a full or read-only disk, no home, a clock that jumps, a transcript that is removed or cut
under a running session stop nothing. What could not be stored is stored later or owned up to.

How it is tried: on a real small disk where one can be mounted, else by a limit on file sizes.

Run: `pytest tests/guarantees/test_g8_surroundings.py -rs`, which tells what was skipped.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hames import AgentOptions, Client
from hames._clock import Clock
from hames.messages import ResultMessage
from hames.sessions.files import FileStore
from hames.testing import FakeAPI, Scripted, calls, says

HOST = Path(__file__).with_name("full_disk_host.py")


async def ask(client: Client, prompt: str) -> tuple[ResultMessage, list[str]]:
    """The result of a prompt, and what it owns up to."""
    await client.query(prompt)
    [*_, result] = [message async for message in client.receive_response()]
    assert isinstance(result, ResultMessage)
    return result, [owed.get("text", "") for owed in result.obligations or ()]


def with_full_disk(tmp_path: Path, how: str) -> dict[str, Any]:
    """Run the host on a disk that is full for a while, or read-only."""
    config, folder = tmp_path / "config", tmp_path / "work"
    config.mkdir()
    folder.mkdir()
    command = [sys.executable, str(HOST), str(config), str(folder), how]
    if how != "limit":
        if shutil.which("unshare") is None:
            pytest.skip("needs `unshare`, to mount a small disk of its own")
        options = "size=64k" + (",ro" if how == "readonly" else "")
        mount = f'mount -t tmpfs -o {options} tmpfs "$1" && shift && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", mount, "sh", str(config), *command]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if how != "limit" and ran.returncode and not ran.stdout:
        pytest.skip(f"cannot mount a disk here: {ran.stderr.strip()[-200:]}")
    answer: dict[str, Any] = json.loads(ran.stdout)
    assert (folder / "effects.txt").read_text() == "ran\n"
    return answer


@pytest.mark.parametrize("how", ["tmpfs", "limit"])
def test_a_disk_that_was_full_for_a_while_loses_nothing(tmp_path: Path, how: str) -> None:
    ran = with_full_disk(tmp_path, how)
    assert [each["is_error"] for each in ran["answers"]] == [False] * 3
    first, full, after = (each["told"] for each in ran["answers"])
    assert first == after == []
    assert ["The session cannot be recorded" in text for text in full] == [True]
    for prompt in ("One.", "Two.", "Three."):
        assert prompt in ran["sent"]
    assert "A text that takes room." in ran["sent"]
    assert "Last." in ran["sent"]


def test_a_home_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    ran = with_full_disk(tmp_path, "readonly")
    assert [each["is_error"] for each in ran["answers"]] == [False] * 3
    told = [text for each in ran["answers"] for text in each["told"]]
    assert ["Read-only file system" in text for text in told] == [True], "once, not at every step"
    assert ran["bytes"] == 0
    assert "No conversation found" in ran["missing"]


@pytest.mark.parametrize("home", [None, "", "/proc/nowhere"])
def test_the_command_line_works_without_a_home(tmp_path: Path, home: str | None) -> None:
    with FakeAPI([says("Hello.")]) as api:
        environment = {
            "PATH": os.environ["PATH"],
            "ANTHROPIC_API_KEY": "test",
            "ANTHROPIC_BASE_URL": api.url,
            "CLAUDE_CONFIG_DIR": str(tmp_path / "config"),
            **({} if home is None else {"HOME": home}),
        }
        if home == "/proc/nowhere":
            del environment["CLAUDE_CONFIG_DIR"]
        ran = subprocess.run(
            [sys.executable, "-m", "hames", "-p", "Hi.", "--output-format", "json"],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            cwd=tmp_path,
            timeout=60,
        )
    assert (ran.returncode, json.loads(ran.stdout)["result"]) == (0, "Hello.")
    warned = "The session cannot be recorded" in ran.stdout + ran.stderr
    assert warned == (home == "/proc/nowhere")


@pytest.mark.parametrize("loss", ["removed", "folder removed", "cut", "replaced"])
async def test_a_transcript_lost_under_a_running_session(tmp_path: Path, loss: str) -> None:
    provider = Scripted([says("One."), says("Two."), calls("Read", file_path="x"), says("Three.")])
    store = FileStore(str(tmp_path / "config"))
    options = AgentOptions(provider=provider, session_store=store, cwd=tmp_path)
    async with Client(options) as client:
        await ask(client, "First.")
        [path] = (tmp_path / "config").rglob("*.jsonl")
        match loss:
            case "removed":
                path.unlink()
            case "folder removed":
                shutil.rmtree(path.parent)
            case "cut":
                os.truncate(path, 100)
            case "replaced":
                path.rename(path.with_suffix(".old"))
                path.write_bytes(b"")
        result, told = await ask(client, "Second.")
        assert result.result == "Two."
        assert ["was removed or cut while it was written" in text for text in told] == [True]
        assert "First." in json.dumps(provider.bodies[1]), "the running session forgets nothing"
        session = client.session_id
    store.close()
    again = AgentOptions(provider=provider, session_store=store, cwd=tmp_path, resume=session)
    async with Client(again) as client:
        result, told = await ask(client, "Third.")
    assert result.result == "Three."
    assert told, "what is missing is said"
    assert "Second." in json.dumps(provider.bodies[-1])


class JumpingClock(Clock):
    """A clock that is set back and forth by hours; what it measures is right."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._random.randint(-90_000, 3_000))


@pytest.mark.parametrize("seed", range(5))
async def test_a_clock_that_jumps_changes_no_order(tmp_path: Path, seed: int) -> None:
    (tmp_path / "a.txt").write_text("apples\n")
    read = calls("Read", file_path=str(tmp_path / "a.txt"))
    provider = Scripted([read + read + read, says("One."), says("Two."), says("Three.")])
    store, session, bodies = FileStore(str(tmp_path / "config")), None, provider.bodies
    for prompt in ("First.", "Second.", "Third."):
        options = AgentOptions(
            provider=provider,
            session_store=store,
            cwd=tmp_path,
            clock=JumpingClock(seed),
            resume=session,
        )
        async with Client(options) as client:
            result, told = await ask(client, prompt)
            assert (result.is_error, told) == (False, [])
            session = client.session_id
    bodies = provider.bodies
    for body, before in zip(bodies[1:], bodies, strict=False):
        plain = json.dumps(_unmarked(before["messages"]))[:-1]
        assert json.dumps(_unmarked(body["messages"])).startswith(plain)


def _unmarked(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "role": message["role"],
            "content": [
                {name: value for name, value in block.items() if name != "cache_control"}
                for block in message["content"]
            ],
        }
        for message in messages
    ]
