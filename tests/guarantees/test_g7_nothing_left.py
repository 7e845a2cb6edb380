"""G7: nothing is left behind.

The promise: when a session has ended, however its caller left it, no process, task, thread, descriptor or
memory of it is left; when the host was killed, no process after two seconds.

How it is tried: commands and daemons that resist, callers that cancel, close from elsewhere or just vanish,
hosts that are killed. The soak mixes all of it at random and looks from inside and outside.

Run: `pytest tests/guarantees/test_g7_nothing_left.py -m "not slow"` for some seconds of soak, with
`-m slow` for ten minutes: tens of thousands of sessions. A failure names its seed.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plays import BACK, NAMES, PROMPT, alive, make

from hames import AgentOptions, Client, query
from hames.messages import ResultMessage
from hames.sessions.memory import MemoryStore
from hames.testing import Scripted, calls, says

BOUND = 30.0
"""Seconds after which something hangs."""


def shell(folder: Path, provider: Scripted, **more: Any) -> AgentOptions:
    """Options of a session with a shell and nothing else."""
    return AgentOptions(
        provider=provider,
        cwd=folder,
        persist_session=False,
        tools=["Bash"],
        allowed_tools=["Bash"],
        **more,
    )


async def result_of(client: Client) -> ResultMessage:
    async with asyncio.timeout(BOUND):
        [*_, result] = [message async for message in client.receive_response()]
    assert isinstance(result, ResultMessage)
    return result


@pytest.mark.parametrize(
    "command",
    [
        "trap '' TERM; while :; do sleep 300; done",
        "setsid sleep 300 & sleep 300",
        "nohup sh -c 'trap \"\" TERM; sleep 300' & disown; sleep 300",
    ],
    ids=["ignores TERM", "a daemon", "a stubborn daemon"],
)
async def test_commands_that_outlive_their_clock_leave_nothing(
    command: str, tmp_path: Path
) -> None:
    provider = Scripted([calls("Bash", command=command, timeout=100), says(BACK)])
    env = {"CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1"}
    async with Client(shell(tmp_path, provider, env=env)) as client:
        await client.query(PROMPT)
        assert (await result_of(client)).result == BACK
        assert alive() == []
    assert "stopped by its timeout" in str(provider.bodies[1]["messages"][-1])


async def test_daemons_end_with_the_session(tmp_path: Path) -> None:
    """Also those that left their process group while the command ended well."""
    command = "setsid sleep 300 >/dev/null 2>&1 & echo up"
    provider = Scripted([calls("Bash", command=command), says(BACK)])
    async with Client(shell(tmp_path, provider)) as client:
        await client.query(PROMPT)
        assert (await result_of(client)).result == BACK
        assert alive()
    assert alive() == []


def test_sessions_that_nobody_closed_end_with_their_loop(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    command = f"setsid sleep 300 & touch {begun}; sleep 300"
    provider = Scripted([calls("Bash", command=command), says(BACK)])
    forgotten = Client(shell(tmp_path, provider))

    async def forgets_it() -> None:
        await forgotten.connect(PROMPT)
        async with asyncio.timeout(BOUND):
            while not begun.exists():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert alive()

    asyncio.run(forgets_it())
    assert alive() == []
    asyncio.run(forgotten.close())


def test_ctrl_c_in_a_script_ends_the_session_first(tmp_path: Path) -> None:
    command = "setsid sleep 300 & trap '' TERM INT; touch begun; sleep 300"
    script = f"""
from hames import AgentOptions, run
from hames.testing import Scripted, calls
options = AgentOptions(provider=Scripted([calls("Bash", command={command!r})]), cwd={str(tmp_path)!r},
                       allowed_tools=["Bash"], persist_session=False)
try:
    run("go", options)
except KeyboardInterrupt:
    print("ended", flush=True)
    input()
"""
    mark = f"soak-{os.urandom(8).hex()}"
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "SOAK": mark},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as host:
        assert _soon((tmp_path / "begun").exists, BOUND)
        host.send_signal(signal.SIGINT)
        assert host.stdout is not None
        assert host.stdout.readline() == b"ended\n"
        assert _carrying(mark, but=host.pid) == []
        host.communicate(b"\n")


def test_a_tool_that_blocks_its_thread_does_not_keep_the_process_alive(tmp_path: Path) -> None:
    script = f"""
import threading
from hames import AgentOptions, run, tool
from hames.testing import Scripted, calls, says

@tool(timeout=0.05)
def blocking() -> str:
    threading.Event().wait()

plays = [calls("blocking"), says("Went on.")]
options = AgentOptions(provider=Scripted(plays), tools=[blocking], cwd={str(tmp_path)!r},
                       persist_session=False)
print(run("go", options).result)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=BOUND)
    assert (ran.returncode, ran.stdout) == (0, b"Went on.\n"), ran.stderr.decode()


def test_a_host_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    for number in range(2):
        _kill_a_host(tmp_path / str(number))


def _kill_a_host(folder: Path) -> None:
    """Start a host whose agent runs commands and daemons, kill it, and look for what it left."""
    folder.mkdir()
    command = "setsid sleep 300 & trap '' TERM; sleep 300 & touch begun; wait; sleep 300"
    script = f"""
from hames import AgentOptions, run
from hames.testing import Scripted, calls
plays = [calls("Bash", command='sleep 300', run_in_background=True), calls("Bash", {{"command": {command!r}}})]
run("go", AgentOptions(provider=Scripted(plays), cwd={str(folder)!r}, allowed_tools=["Bash"],
                       persist_session=False))
"""
    mark = f"soak-{os.urandom(8).hex()}"
    host = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "SOAK": mark})
    try:
        assert _soon((folder / "begun").exists, BOUND)
        assert len(_carrying(mark, but=host.pid)) >= 4
    finally:
        host.kill()
        host.wait()
    assert _soon(lambda: not _carrying(mark), 2), _carrying(mark)


def _carrying(mark: str, *, but: int = 0) -> list[int]:
    """Processes with this in their environment; found in another way than the package does."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if mark.encode() in Path(f"/proc/{pid}/environ").read_bytes() and int(pid) != but:
                found.append(int(pid))
    return found


def _soon(true: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not (reached := true()) and time.monotonic() < end:
        time.sleep(0.01)
    return reached


# The soak.


async def test_callers_that_do_anything_leave_nothing_behind(tmp_path: Path) -> None:
    await _soak(random.Random(7), tmp_path, seconds=8)


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_callers_that_do_anything_for_long_leave_nothing_behind(tmp_path: Path) -> None:
    await _soak(random.Random(), tmp_path, seconds=600)
    for number in range(30):
        await asyncio.to_thread(_kill_a_host, tmp_path / f"host-{number}")


async def _soak(rng: random.Random, folder: Path, *, seconds: float) -> None:
    """Sessions side by side that are left in every way, for so long; then look at what there is."""
    end, seed = time.monotonic() + seconds, rng.getrandbits(32)
    rng.seed(seed)
    sessions, turns = 0, 0
    stops: list[int] = []
    try:
        await _batch(rng, folder / "warm", 20)
        before, grown = _resources(), _memory()
        while time.monotonic() < end:
            turns += await _batch(rng, folder / str(sessions), 10)
            sessions += 10
            after = _resources()
            assert after == before, f"{before} became {after}"
            stops.append(_memory())
    except BaseException as error:
        error.add_note(f"The seed was {seed}; {sessions} sessions had ended well.")
        raise
    print(f"{sessions} sessions, {turns} turns, {grown:,} to {stops[-1]:,} KiB")
    # Allocators keep what they had at most; what leaks grows with every session.
    assert stops[-1] - min(stops[: len(stops) // 2]) < 4_000 + sessions // 4, stops


async def _batch(rng: random.Random, folder: Path, count: int) -> int:
    """So many sessions at the same time; how many results they gave."""
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_one(random.Random(rng.random()), folder / str(number)))
            for number in range(count)
        ]
    # What was dropped is ended by the garbage collector and a few turns of the loop.
    gc.collect()
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    async with asyncio.timeout(2):
        while alive():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return sum(task.result() for task in tasks)


async def _one(rng: random.Random, folder: Path) -> int:
    """One session that somebody uses and leaves in some way."""
    scene = make(rng.choice(NAMES), folder)
    provider: Any = Scripted([*scene.plays, says("More.").forever()])
    given = AgentOptions(provider=provider, session_store=MemoryStore(), **scene.options)
    results = 0

    async def use(client: Client) -> None:
        nonlocal results
        for _ in range(rng.randint(1, 4)):
            await client.query(PROMPT)
            stop = rng.randint(0, 12)
            async for message in client.receive_response():
                stop -= 1
                if stop == 0:
                    await client.interrupt()
                results += isinstance(message, ResultMessage)

    async def drop() -> None:
        client = Client(given)
        await client.connect(PROMPT)
        async for _ in client.receive_response():
            if rng.random() < 0.2:
                break

    match rng.randrange(6):
        case 0 | 1:
            async with Client(given) as client:
                await use(client)
        case 2:  # cancelled anywhere, connecting included
            task = asyncio.create_task(_used(given, use))
            for _ in range(rng.randint(0, 60)):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        case 3:  # closed by somebody else
            client = Client(given)
            await client.connect()
            using = asyncio.create_task(use(client))
            for _ in range(rng.randint(0, 60)):
                await asyncio.sleep(0)
            await client.close()
            using.cancel()
            await asyncio.wait([using])
            assert using.cancelled() or isinstance(using.exception(), Exception | None)
        case 4:  # dropped without a word
            await drop()
        case 5:
            async for message in query(prompt=PROMPT, options=given):
                results += isinstance(message, ResultMessage)
                if rng.random() < 0.1:
                    break
    return results


async def _used(given: AgentOptions, use: Callable[[Client], Any]) -> None:
    async with Client(given) as client:
        await use(client)


def _resources() -> dict[str, int]:
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": len([t for t in threading.enumerate() if t.name == "hames call"]),
        "children": len(alive()),
    }


def _memory() -> int:
    """Resident memory in KiB."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
