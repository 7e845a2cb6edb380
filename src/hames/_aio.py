"""Small parts for asyncio: an interrupt that can be asked for in any state, and a stream of items."""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType
from typing import Generic, Self, TypeVar

from hames.errors import Interrupted

T = TypeVar("T")


class Interrupt:
    """A request to stop the work in hand.

    Work that may be stopped runs inside `with interrupt:`. A request cancels the tasks that are inside
    and turns their cancellation into `Interrupted`; when nobody is inside, the next one to enter is
    stopped at once. Cancellation from elsewhere passes through untouched.
    """

    def __init__(self) -> None:
        self.requested = False
        self._inside: dict[asyncio.Task[object], bool] = {}

    def request(self) -> None:
        """Stop what is running. Must be called in the loop of the work."""
        self.requested = True
        for task, cancelled in list(self._inside.items()):
            if not cancelled:
                self._inside[task] = True
                task.cancel()

    def clear(self) -> None:
        """Forget the request: a new piece of work begins."""
        self.requested = False

    def __enter__(self) -> Self:
        if self.requested:
            raise Interrupted
        task = asyncio.current_task()
        assert task is not None
        self._inside[task] = False
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        cancelled = self._inside.pop(task)
        if not cancelled:
            return
        others = task.uncancel()
        if kind is asyncio.CancelledError and not others:
            raise Interrupted from error


class Channel(Generic[T]):
    """Items from one side to the other inside one loop; unbounded, closed once.

    A consumer that was cancelled while waiting loses no item.
    """

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self._closed = False
        self._error: BaseException | None = None

    def put(self, item: T) -> None:
        if not self._closed:
            self._items.append(item)
            self._wake()

    def close(self, error: BaseException | None = None) -> None:
        """No more items; `error` is raised to the consumer after the last one."""
        if not self._closed:
            self._closed, self._error = True, error
            self._wake()

    async def get(self) -> T:
        """The next item. Raises StopAsyncIteration, or the error, after the last one."""
        while not self._items:
            if self._closed:
                if self._error is not None:
                    error, self._error = self._error, None
                    raise error
                raise StopAsyncIteration
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return self._items.popleft()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
