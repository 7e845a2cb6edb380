"""Lines to a descriptor, in order, without ever blocking the event loop.

The descriptor is shared with whoever started us, so it is not switched to non-blocking mode, which would
hold for them as well: a pipe that is reported as writable takes `PIPE_BUF` bytes.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import stat
from collections import deque
from collections.abc import Callable
from functools import partial

HIGH = 1 << 20
"""Bytes waiting above which a writer should `drain`."""


class Output:
    """Writes lines as fast as they are read.

    What is written between two rounds of the event loop goes out together. When it cannot go out,
    because the reader left or the disk is full, `on_error` is called once and all further writing is
    dropped.
    """

    def __init__(self, descriptor: int, on_error: Callable[[OSError], object]) -> None:
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._socket: socket.socket | None = None
        self._write = self._writer()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._waiting: deque[memoryview] = deque()
        self._size = 0
        self._flushing = False
        self._watching = False
        self._moved = asyncio.Event()
        self._on_error = on_error
        self._failed = False

    def write(self, data: bytes) -> None:
        """Write when the reader takes it; returns at once."""
        if self._failed or not data:
            return
        self._waiting.append(memoryview(data))
        self._size += len(data)
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    async def drain(self) -> None:
        """Wait until little waits to be read."""
        while self._size > HIGH:
            self._moved.clear()
            await self._moved.wait()

    async def finish(self, seconds: float = 30) -> bool:
        """Wait until all is read, at most so long; whether it was."""
        try:
            async with asyncio.timeout(seconds):
                while self._size:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            self._drop()
            return False
        return not self._failed

    def close(self) -> None:
        """Let go of the descriptor, which stays open."""
        self._drop()
        if self._socket is not None:
            self._socket.close()

    def _writer(self) -> Callable[[memoryview], int]:
        mode = os.fstat(self._descriptor).st_mode
        if stat.S_ISREG(mode):
            return partial(os.write, self._descriptor)
        if stat.S_ISSOCK(mode):  # Node starts programs with sockets for pipes
            self._socket = socket.socket(fileno=os.dup(self._descriptor))
            return partial(_send, self._socket)
        return lambda data: os.write(self._descriptor, data[: select.PIPE_BUF])

    def _flush(self) -> None:
        try:
            while self._waiting and self._poll.poll(0):
                self._write_some()
        except OSError as error:
            self._failed = True
            self._drop()
            self._on_error(error)
        self._flushing = bool(self._waiting)
        if self._flushing != self._watching:
            self._watching = self._flushing
            if self._watching:
                self._loop.add_writer(self._descriptor, self._flush)
            else:
                self._loop.remove_writer(self._descriptor)
        self._moved.set()

    def _write_some(self) -> None:
        if len(self._waiting) > 1 and len(self._waiting[0]) < select.PIPE_BUF:
            joined = b"".join(self._waiting)
            self._waiting.clear()
            self._waiting.append(memoryview(joined))
        first = self._waiting[0]
        written = self._write(first)
        self._size -= written
        if written == len(first):
            self._waiting.popleft()
        else:
            self._waiting[0] = first[written:]

    def _drop(self) -> None:
        self._waiting.clear()
        self._size = 0
        if self._watching:
            self._watching = False
            self._loop.remove_writer(self._descriptor)
        self._moved.set()


def _send(connection: socket.socket, data: memoryview) -> int:
    try:
        return connection.send(data, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return 0
