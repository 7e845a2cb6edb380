"""The local machine passes the conformance suite, and leaves this process as it was."""

from __future__ import annotations

import asyncio
import os
import resource
from pathlib import Path

import pytest

from hames.sandbox.local import LocalMachine
from hames.sandbox.trees import Seen, table_from_ps
from hames.testing.machine_conformance import CASES, ENV, Case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_the_local_machine(case: Case, tmp_path: Path):
    machine = LocalMachine()
    await case(machine, os.path.realpath(tmp_path))
    await machine.stop_all("conformance")


async def test_commands_leave_no_descriptor_and_no_zombie(tmp_path: Path):
    machine = LocalMachine()

    async def round() -> None:
        process = await machine.spawn(
            ["/bin/sh", "-c", "echo x; sleep 300 &"],
            cwd=str(tmp_path),
            env=ENV,
            receive=lambda data: None,
            owner="me",
        )
        await process.wait()
        await process.stop()
        await machine.run(["cat"], cwd="/", env=ENV, timeout=10, input=b"x")
        with pytest.raises(FileNotFoundError):
            await machine.run(["/no/such"], cwd="/", env=ENV, timeout=10)
        with pytest.raises(TimeoutError):
            await machine.run(["sleep", "300"], cwd="/", env=ENV, timeout=0.01)

    await round()
    before = sorted(os.listdir("/proc/self/fd"))
    children = _children()
    for _ in range(5):
        await round()
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert _children() == children


async def test_a_write_with_little_room_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "f"
    path.write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=str(path)):
            await LocalMachine().write(str(path), b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


async def test_a_loop_that_ends_early_leaves_its_processes_to_stop_all(tmp_path: Path):
    """One machine may serve several loops, one after the other."""
    machine = LocalMachine()

    async def start() -> int:
        process = await machine.spawn(
            ["sleep", "300"], cwd="/", env=ENV, receive=lambda data: None, owner="me"
        )
        return process.pid

    pid = await asyncio.to_thread(asyncio.run, start())
    assert await machine.stop_all("me") == 1
    assert not Path(f"/proc/{pid}").exists()


async def test_without_pidfds_a_thread_tells_the_end(monkeypatch: pytest.MonkeyPatch):
    def refuse(pid: int, flags: int = 0) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "pidfd_open", refuse)
    machine = LocalMachine()
    done = await machine.run(["sh", "-c", "echo x; exit 3"], cwd="/", env=ENV, timeout=10)
    assert (done.code, done.stdout) == (3, b"x\n")
    with pytest.raises(TimeoutError):
        await machine.run(["sleep", "300"], cwd="/", env=ENV, timeout=0.01)


def test_a_listing_of_ps_is_understood():
    """Observed form of macOS and procps; zombies are left out."""
    listing = b"    1     0     1 Ss\n  712     1   700 S+\n  713   712   713 Z\n"
    assert table_from_ps(listing) == {1: Seen(1, 0, 1, 1, ""), 712: Seen(712, 1, 700, 700, "")}


def _children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split())
