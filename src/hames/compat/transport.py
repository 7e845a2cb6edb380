"""Who is at the other end: the official `Transport`, and how a caller's own one is used from our loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any

from hames.sdk.world import World


class Transport(ABC):
    """Lines to and from whoever serves the session."""

    @abstractmethod
    async def connect(self) -> None:
        """Make ready to read and write."""

    @abstractmethod
    async def write(self, data: str) -> None:
        """Send text that ends with a line break."""

    @abstractmethod
    def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        """What comes back, line by line as JSON."""

    @abstractmethod
    async def close(self) -> None:
        """End it now."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it can be written to."""

    @abstractmethod
    async def end_input(self) -> None:
        """Say that nothing will follow."""


class Foreign(Transport):
    """A caller's transport, called where the caller lives: in its loop, or in Trio."""

    def __init__(self, transport: Transport, world: World) -> None:
        self._transport = transport
        self._world = world

    async def connect(self) -> None:
        await self._world.call(self._transport.connect)

    async def write(self, data: str) -> None:
        await self._world.call(self._transport.write, data)

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        messages = self._transport.read_messages()
        while True:
            try:
                message = await self._world.call(_next, messages)
            except StopAsyncIteration:
                return
            if message is _END:
                return
            yield message

    async def close(self) -> None:
        await self._world.call(self._transport.close)

    def is_ready(self) -> bool:
        return self._transport.is_ready()

    async def end_input(self) -> None:
        await self._world.call(self._transport.end_input)


_END = object()


async def _next(messages: AsyncIterator[Any]) -> Any:
    return await anext(messages, _END)
