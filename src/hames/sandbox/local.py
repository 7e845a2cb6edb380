"""This computer as a machine.

Small files are read and written in the event loop: handing 100 KB to a thread and back costs more than
the work. What is large, or a whole folder, goes to a thread.
"""

from __future__ import annotations

import asyncio
import copy
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from hames.sandbox import files
from hames.sandbox.guard import Closes, refuse_closed
from hames.sandbox.host import known_host, this_host
from hames.sandbox.machine import Entry, Finished, Stat
from hames.sandbox.processes import LocalProcess, Receive, start
from hames.sandbox.trees import Roots, end_tree

_LARGE = 1_000_000


class LocalMachine:
    """Files and processes of this computer, with the rights of this process."""

    def __init__(self) -> None:
        self._owned: dict[str, set[LocalProcess]] = {}
        self._closes: Closes | None = None

    def guarded(self, closes: Closes) -> Self:
        before = self._closes

        def but_scratch(path: str, writing: bool) -> str | None:
            host = known_host()
            if host is not None and path.startswith(host.scratch + "/"):
                return None
            return closes(path, writing) or (before(path, writing) if before else None)

        other = copy.copy(self)
        other._closes = but_scratch
        return other

    async def read(self, path: str, *, limit: int | None = None) -> bytes:
        handle, size = files.open_regular(path, self._closes)
        if min(size, size if limit is None else limit) > _LARGE:
            return await asyncio.to_thread(files.read_and_close, handle, limit)
        return files.read_and_close(handle, limit)

    async def write(self, path: str, data: bytes, *, mode: int | None = None) -> None:
        self._refuse_closed(path)
        if len(data) > _LARGE:
            await asyncio.to_thread(files.write, path, data, mode)
        else:
            files.write(path, data, mode)

    async def append(self, path: str, data: bytes) -> None:
        self._refuse_closed(path)
        if len(data) > _LARGE:
            await asyncio.to_thread(files.append, path, data)
        else:
            files.append(path, data)

    async def stat(self, path: str, *, follow: bool = True) -> Stat | None:
        return files.look(path, follow=follow)

    async def list(self, path: str) -> list[Entry]:
        return files.names(path, self._closes)

    async def real_path(self, path: str) -> str:
        return os.path.realpath(path)

    async def remove(self, path: str) -> None:
        self._refuse_closed(path)
        await asyncio.to_thread(files.remove, path)

    async def scratch(self) -> str:
        return this_host().scratch

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        timeout: float,
        limit: int = 16_000_000,
        stop_at_limit: bool = False,
        input: bytes = b"",
        receive: Receive | None = None,
    ) -> Finished:
        out, err = _Bounded(limit, receive), _Bounded(limit)
        process = start(
            argv, cwd=cwd, env=env, owner="", stdout=out.add, stderr=err.add, input=input
        )
        if stop_at_limit:
            out.when_full = err.when_full = process.kill
        try:
            async with asyncio.timeout(timeout):
                code = await process.wait()
        except BaseException:
            await process.stop()
            raise
        if process.left_group:
            await process.stop(grace=0)
        process.close()
        return Finished(code, bytes(out.kept), bytes(err.kept), out.cut or err.cut)

    async def spawn(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        receive: Receive,
        owner: str,
    ) -> LocalProcess:
        process = start(argv, cwd=cwd, env=env, owner=owner, stdout=receive)
        mine = self._owned.setdefault(owner, set())
        mine.difference_update([one for one in mine if one.is_over])
        mine.add(process)
        return process

    async def stop_all(self, owner: str) -> int:
        mine = self._owned.pop(owner, None)
        host = known_host()
        if mine is None or host is None:
            return 0
        roots = [process.roots() for process in mine]
        ended = await end_tree(
            Roots(
                host.mark_of(owner),
                [pid for one in roots for pid in one.leaders],
                [pid for one in roots for pid in one.orphaned],
            ),
            grace=0.3,
        )
        for process in mine:
            await process.settle(1.0)
            process.close()
        return ended

    def _refuse_closed(self, path: str) -> None:
        """Writing follows no link, so the path says where it goes."""
        if self._closes is not None:
            refuse_closed(os.path.normpath(path), self._closes, writing=True)


class _Bounded:
    """Keeps the beginning of what it is given, and passes on all of it."""

    def __init__(self, limit: int, receive: Receive | None = None) -> None:
        self.kept = bytearray()
        self.cut = False
        self.when_full: Callable[[], None] | None = None
        self._limit = limit
        self._receive = receive

    def add(self, data: bytes) -> None:
        if self._receive is not None:
            self._receive(data)
        room = self._limit - len(self.kept)
        self.cut = self.cut or len(data) > room
        self.kept += data[: max(room, 0)]
        if self.cut and self.when_full is not None:
            self.when_full()
