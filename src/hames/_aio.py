"""Small parts for asyncio: an interrupt that can be asked for in any state, a stream of items, and ways
to wait for the functions of callers, which may do anything."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from hames.errors import Interrupted

T = TypeVar("T")

PATIENCE = 0.3
"""Seconds that a caller's function gets to end after it was cancelled."""

log = logging.getLogger("hames.session")


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
        present = asyncio.current_task()
        for task in list(self._inside):
            if task is present:
                # Work that stops itself may leave the scope before it next waits, and a cancellation
                # on its way cannot be taken back before Python 3.13.
                asyncio.get_running_loop().call_soon(self._cancel, task)
            else:
                self._cancel(task)

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
        # What was cancelled may end by an error of its own making instead.
        if kind is not None and not others and issubclass(kind, asyncio.CancelledError | Exception):
            raise Interrupted from error

    def _cancel(self, task: asyncio.Task[object]) -> None:
        if self.requested and self._inside.get(task) is False:
            self._inside[task] = True
            task.cancel()


class Channel(Generic[T]):
    """Items from one side to the other inside one loop; unbounded, closed once.

    A consumer that was cancelled while waiting loses no item; of several each item goes to one.
    """

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._waiting: list[asyncio.Future[None]] = []
        self._closed = False
        self._error: BaseException | None = None

    def put(self, item: T) -> None:
        if not self._closed:
            self._items.append(item)
            self._wake()

    def drop(self, unwanted: Callable[[T], bool]) -> list[T]:
        """Take out items that nobody has got; what was taken out."""
        dropped = [item for item in self._items if unwanted(item)]
        self._items = deque(item for item in self._items if not unwanted(item))
        return dropped

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
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting
        return self._items.popleft()

    def _wake(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for one in waiting:
                if not one.done():
                    one.set_result(None)


async def patiently(work: Awaitable[T], patience: float = PATIENCE) -> T:
    """Wait for a caller's coroutine, but not for ever once this wait is cancelled.

    What ignores its cancellation is left behind after `patience` seconds, with a warning.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task], timeout=patience)
        if not task.done():
            log.warning("%r ignores that it was cancelled and is left behind.", work)
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        raise
    if task.cancelled():  # by itself: to let that pass would end us as well
        raise RuntimeError("it cancelled itself")
    return task.result()


async def in_thread(function: Callable[..., T], /, *arguments: Any, **named: Any) -> T:
    """Call a blocking function of a caller's in a thread of its own.

    One that never returns holds up neither other sessions, as it would in the loop's few threads, nor
    the end of the process.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def tell(settle: Callable[[Any], None], value: Any) -> None:
        if not ended.done():
            settle(value)

    def call() -> None:
        settle: Callable[[Any], None] = ended.set_result
        value: Any
        try:
            value = context.run(function, *arguments, **named)
        except StopIteration as error:
            settle, value = ended.set_exception, RuntimeError(f"it raised {error!r}")
        except BaseException as error:  # the caller's function; it is raised where it is awaited
            settle, value = ended.set_exception, error
        try:
            loop.call_soon_threadsafe(tell, settle, value)
        except RuntimeError:
            pass  # the loop has been closed; nobody waits

    threading.Thread(target=call, name="hames call", daemon=True).start()
    return await ended
