"""A host that dies: `python crash_host.py` reads jobs, one JSON line each, and runs each in forks.

    play      a scene of `plays`, killed by itself with SIGKILL at some append to the transcript:
              before it, within the line, or after it; or before it touches the disk for the nth time
    resume    the same while the session is taken up again
    together  several processes that go on with one session at the same time

The answer to a job is one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plays import AGAIN, EFFECTS, PROMPT, make

from hames import AgentOptions, Client
from hames.agent.build import build  # noqa: F401  # loaded once, before the forks
from hames.messages import ResultMessage
from hames.providers.anthropic import Anthropic  # noqa: F401
from hames.sessions.files import FileStore
from hames.sessions.store import Key, Span
from hames.tools import DEFAULT, load


class DeadlyStore(FileStore):
    """Files, until the process kills itself."""

    def __init__(self, config: str, at: int, when: str) -> None:
        super().__init__(config)
        self.count = 0
        self._at = at
        self._when = when

    async def append(self, key: Key, lines: Sequence[bytes]) -> Span | None:
        self.count += bool(lines)
        now = bool(lines) and self.count == self._at
        if now and self._when == "before":
            _die()
        if now and self._when == "within":
            _write_half(Path(self.path(key)), b"\n".join([*lines, b""]))
            _die()
        span = await super().append(key, lines)
        if now and self._when == "after":
            _die()
        return span


def _write_half(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab", buffering=0) as file:
        file.write(data[: len(data) // 2])


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Touches:
    """Every file that is opened to be written, made, renamed or removed, and every write.

    At one of them we die: before it, of a write in the middle.
    """

    def __init__(self, at: int) -> None:
        self.count = 0
        self._at = at
        self._write = os.write
        sys.addaudithook(self._hear)
        os.write = self._write_or_die

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes or event in ("os.rename", "os.remove", "os.mkdir", "os.truncate"):
            self._next()

    def _write_or_die(self, handle: int, data: Any) -> int:
        if self.count + 1 == self._at:
            self._write(handle, bytes(data)[: len(data) // 2])
        self._next()
        return self._write(handle, data)

    def _next(self) -> None:
        self.count += 1
        if self.count == self._at:
            _die()


def _options(job: dict[str, Any], store: FileStore) -> AgentOptions:
    folder = Path(job["folder"])
    effects = folder / EFFECTS
    before = effects.read_bytes() if effects.exists() else None
    scene = make(job["play"], folder)
    if job["do"] != "play" and before is not None:
        effects.write_bytes(before)  # what was done stays done
    which = "session_id" if job["do"] == "play" else "resume"
    environ = {"ANTHROPIC_BASE_URL": job["url"], "ANTHROPIC_API_KEY": "test"}
    return AgentOptions(
        session_store=store, env=environ, **{which: job["session"]}, **scene.options
    )


async def _play(job: dict[str, Any]) -> dict[str, Any]:
    store = DeadlyStore(job["config"], job["at"], job["when"])
    options = _options(job, store)
    touches = Touches(job["at"] if job["when"] == "touch" else 0)
    async with Client(options) as client:
        await client.query(PROMPT if job["do"] == "play" else AGAIN)
        async for _ in client.receive_response():
            pass
    return {"appends": store.count, "touches": touches.count}


async def _together(job: dict[str, Any], number: int, ready: int, go: int) -> dict[str, Any]:
    options = _options(job, FileStore(job["config"]))
    told: list[str] = []
    async with Client(options) as client:
        os.write(ready, b".")
        await asyncio.to_thread(os.read, go, 1)
        for turn in ("first", "second"):
            await client.query(f"{AGAIN} Process {number}, {turn} prompt.")
            async for message in client.receive_response():
                if isinstance(message, ResultMessage):
                    told += [owed.get("text", "") for owed in message.obligations or ()]
    return {"told": told}


def _fork(work: Any, *ends: int) -> tuple[int, int]:
    """A child that runs a coroutine and writes what it gave to the pipe that is returned."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        for end in ends:
            os.close(end)
        code = 1
        try:
            os.write(write, json.dumps(asyncio.run(work())).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    return child, read


def _ended(child: int, read: int) -> dict[str, Any]:
    with open(read, "rb") as answer:
        told = answer.read()
    _, status = os.waitpid(child, 0)
    return {"exit": os.waitstatus_to_exitcode(status), **json.loads(told or b"{}")}


def run(job: dict[str, Any]) -> dict[str, Any]:
    if job["do"] != "together":
        return _ended(*_fork(lambda: _play(job)))
    ready, all_ready = os.pipe()
    go, say_go = os.pipe()
    children = [
        _fork(lambda n=n: _together(job, n, all_ready, go), ready, say_go)  # type: ignore[misc]
        for n in range(job["processes"])
    ]
    for _ in children:
        os.read(ready, 1)
    os.write(say_go, b"." * len(children))
    answers = [_ended(*child) for child in children]
    for end in (ready, all_ready, go, say_go):
        os.close(end)
    return {"processes": answers}


def main() -> None:
    for name in DEFAULT:
        load(name)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
