"""No child outlives the process that started it, however that one ended."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_HOST = """
import asyncio, os, sys
from hames.sandbox.local import LocalMachine
from hames.testing.machine_conformance import ENV

SCRIPT = '''
sleep 300 & echo $!
setsid sleep 300 >/dev/null 2>&1 & echo $!
nohup sleep 300 >/dev/null 2>&1 & echo $!
env -i sleep 300 & echo $!
sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' &
sleep 0.1; echo $$ up; wait
'''

async def main():
    machine = LocalMachine()
    up = asyncio.Event()
    def receive(data):
        sys.stdout.write(data.decode()); sys.stdout.flush()
        if b"up" in data: up.set()
    await machine.spawn(["sh", "-c", SCRIPT], cwd="/", env=ENV, receive=receive, owner="x")
    await up.wait()
    print(await machine.scratch(), flush=True)
    await asyncio.sleep(float(sys.argv[1]))

asyncio.run(main())
"""


def test_a_killed_host_leaves_no_child_and_no_scratch_folder():
    with _host(300) as host:
        pids, scratch = _started(host)
        assert all(map(_alive, pids))
        host.send_signal(signal.SIGKILL)
    assert _soon(lambda: not any(map(_alive, pids)))
    assert _soon(lambda: not scratch.exists())


def test_a_host_that_ends_leaves_no_child_and_no_scratch_folder():
    with _host(0) as host:
        pids, scratch = _started(host)
    assert _soon(lambda: not any(map(_alive, pids)))
    assert _soon(lambda: not scratch.exists())


def test_a_forked_child_does_not_keep_the_guardian_waiting():
    """It has a copy of the pipe whose end the guardian waits for."""
    fork = "    if not os.fork(): os.read(0, 1); os._exit(0)\n"
    with _host(300, _HOST.replace("    print(await", fork + "    print(await")) as host:
        pids, _ = _started(host)
        host.send_signal(signal.SIGKILL)
        assert _soon(lambda: not any(map(_alive, pids)))


def test_nothing_is_started_before_the_first_command():
    script = """
import os
from hames.sandbox.local import LocalMachine
LocalMachine()
print(open(f"/proc/self/task/{os.getpid()}/children").read(), end="")
"""
    assert subprocess.check_output([sys.executable, "-c", script]) == b""


def test_hosts_find_what_the_hosts_inside_them_started():
    """A mark is added to those that are there, so the outer host ends what the inner one lost."""
    inner = """
import asyncio, os
from hames.sandbox.local import LocalMachine
async def main():
    machine = LocalMachine()
    await machine.spawn(["sh", "-c", "setsid sleep 300 & echo $!"], cwd="/",
                        env=dict(os.environ), receive=lambda data: os.write(1, data), owner="in")
    await asyncio.sleep(300)
asyncio.run(main())
"""
    outer = """
import asyncio, os, sys
from hames.sandbox.local import LocalMachine
async def main():
    machine = LocalMachine()
    up = asyncio.Event()
    def receive(data):
        os.write(1, data); up.set()
    await machine.spawn([sys.executable, "-c", sys.argv[1]], cwd="/", env=dict(os.environ),
                        receive=receive, owner="out")
    await up.wait()
    await machine.stop_all("out")
    print("stopped", flush=True)
asyncio.run(main())
"""
    printed = subprocess.check_output([sys.executable, "-c", outer, inner], timeout=30).split()
    assert printed[1] == b"stopped"
    assert not _alive(int(printed[0]))


def _host(seconds: float, script: str = _HOST) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _started(host: subprocess.Popen[str]) -> tuple[list[int], Path]:
    """The processes a host has started, and its scratch folder."""
    assert host.stdout is not None
    words: list[str] = []
    for line in host.stdout:
        if line.startswith("/"):
            assert len(words) == 7
            return [int(word) for word in words if word != "up"], Path(line.strip())
        words += line.split()
    raise AssertionError(f"the host ended early: {words}")


def _alive(pid: int) -> bool:
    try:
        return b") Z" not in Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return False


def _soon(true: Callable[[], bool], seconds: float = 2.0) -> bool:
    end = time.monotonic() + seconds
    while not (reached := true()) and time.monotonic() < end:
        time.sleep(0.005)
    return reached
