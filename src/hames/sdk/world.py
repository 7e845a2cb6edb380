"""Callers and sessions may live in different worlds: another loop, another thread, Trio, no loop.

A session lives in one asyncio loop, its home: the caller's when it has one, else a private loop in a
thread. `Home.run` brings a coroutine there from anywhere; `World` calls back into where the caller is.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from hames._aio import in_thread

T = TypeVar("T")

ENDING = 10.0


def in_trio() -> bool:
    """Whether the caller runs in Trio."""
    trio = sys.modules.get("trio")
    return trio is not None and bool(trio.lowlevel.in_trio_run())


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The running asyncio loop of this thread."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Home:
    """The loop in which a session lives."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    @classmethod
    def here(cls) -> Home:
        """The caller's loop; the private one for callers without asyncio."""
        loop = running_loop()
        return cls(loop if loop is not None else private_loop())

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine at home and wait for it, from any loop, thread or from Trio."""
        loop = running_loop()
        if loop is self.loop:
            return await work
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        if loop is not None:
            return await asyncio.wrap_future(future)
        import trio

        try:
            return await trio.to_thread.run_sync(future.result, abandon_on_cancel=True)
        except BaseException:
            future.cancel()
            raise

    def run_sync(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine at home and block until it is done. Not from the home's own thread.

        When the waiting is ended by Ctrl-C, so is the work, which gets `ENDING` seconds to tidy up.
        """
        ended = threading.Event()

        async def whole() -> T:
            try:
                return await work
            finally:
                ended.set()

        future = asyncio.run_coroutine_threadsafe(whole(), self.loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            ended.wait(ENDING)
            raise

    def soon(self, function: Callable[[], object]) -> None:
        """Call a function at home: at once when already there, else soon; not when the loop is closed."""
        if running_loop() is self.loop:
            function()
        elif not self.loop.is_closed():
            self.loop.call_soon_threadsafe(function)


class World:
    """Where the caller is, so that its callbacks run there."""

    def __init__(self) -> None:
        self._loop = running_loop()
        self._trio_token: Any = None
        if self._loop is None and in_trio():
            import trio

            self._trio_token = trio.lowlevel.current_trio_token()

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a caller's function, async or not, where the caller lives."""
        here = asyncio.get_running_loop()
        if self._trio_token is not None:
            return await self._call_in_trio(function, arguments)
        if self._loop is None or self._loop is here or self._loop.is_closed():
            return await settled(function(*arguments))
        future = asyncio.run_coroutine_threadsafe(_calling(function, arguments), self._loop)
        return await asyncio.wrap_future(future)

    async def _call_in_trio(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        import trio

        scope = trio.CancelScope()

        async def called() -> Any:
            with scope:
                return await _calling(function, arguments)

        try:
            return await in_thread(trio.from_thread.run, called, trio_token=self._trio_token)
        except asyncio.CancelledError:
            try:
                self._trio_token.run_sync_soon(scope.cancel)
            except trio.RunFinishedError:
                pass
            raise


async def settled(value: Any) -> Any:
    """The value, awaited when it has to be."""
    return await value if inspect.isawaitable(value) else value


async def _calling(
    function: Callable[..., Awaitable[Any] | Any], arguments: tuple[Any, ...]
) -> Any:
    return await settled(function(*arguments))


_private: asyncio.AbstractEventLoop | None = None
_lock = threading.Lock()


def private_loop() -> asyncio.AbstractEventLoop:
    """The process's own loop in a daemon thread, started at first use."""
    global _private
    with _lock:
        if _private is None or _private.is_closed():
            _private = asyncio.new_event_loop()
            threading.Thread(target=_private.run_forever, name="hames", daemon=True).start()
        return _private
