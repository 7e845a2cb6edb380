"""Lines from a descriptor, without ever blocking the event loop.

The descriptor is shared with whoever started us, so it is not switched to non-blocking mode: what is
reported as readable is read once.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

CHUNK = 1 << 18


async def lines(descriptor: int) -> AsyncIterator[bytes]:
    """Each line without its break, until the end of input. A last line without a break is one too."""
    begun: list[bytes] = []
    while chunk := await _read(descriptor):
        first, *others = chunk.split(b"\n")
        begun.append(first)
        for other in others:
            yield b"".join(begun)
            begun = [other]
    if last := b"".join(begun):
        yield last


async def _read(descriptor: int) -> bytes:
    """What is there, at least a byte; nothing at the end of input."""
    while True:
        await _readable(descriptor)
        try:
            return os.read(descriptor, CHUNK)
        except BlockingIOError:
            continue
        except OSError:  # closed, or a terminal that is gone: nothing will come
            return b""


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(descriptor, ready.set)
    except OSError:
        return  # a file never blocks, and cannot be waited for
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
