"""Commands cancelled, timed out and left behind at random: nothing of them stays."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest
from shell_session import Session, session

from hames.errors import ToolError

COMMANDS = (
    "true",
    "exit 3",
    "kill -9 $$",
    "echo hi; sleep 0.05",
    "seq 1 50000",
    "yes | head -c 3000000",
    "sleep 300 & echo x",
    "sh -c 'sleep 300' | cat",
    "trap '' TERM; sleep 1",
    "setsid sleep 300 >/dev/null 2>&1 & sleep 0.02",
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_left_of_commands_that_end_in_any_way(tmp_path: Path, seed: int):
    chance = random.Random(seed)
    async with session(tmp_path) as s:
        await s.bash("true")  # starts the guardian, which stays
        before = sorted(os.listdir("/proc/self/fd")), _children()
        scratch = os.listdir(await s.machine.scratch())
        await asyncio.gather(*(_several(s, chance) for _ in range(4)))
        await s.jobs.stop_all()
        assert (sorted(os.listdir("/proc/self/fd")), _children()) == before
        assert await s.jobs.stop_all() == 0
        assert os.listdir(await s.machine.scratch()) == scratch


async def _several(s: Session, chance: random.Random) -> None:
    for _ in range(25):
        work = asyncio.create_task(
            s.bash(
                chance.choice(COMMANDS),
                run_in_background=chance.random() < 0.15,
                timeout=chance.choice((20, 100, 300)),
            )
        )
        for _ in range(chance.choice((0, 1, 1, 2))):
            await asyncio.wait([work], timeout=chance.random() * 0.05)
            work.cancel()
        await asyncio.wait([work])
        if not work.cancelled() and (error := work.exception()) is not None:
            assert isinstance(error, ToolError)


def _children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split())
