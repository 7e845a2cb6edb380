"""What a session has to say beside its messages, line by line, for the `stderr` callback.

A process has a stream for it; of a session in this process it is what it logs, warnings and worse, or
all of it when the debug flag is given.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import ContextVar

from hames._aio import Channel
from hames.sdk.world import World

log = logging.getLogger("hames.compat")

_teller: ContextVar[object] = ContextVar("teller", default=None)
"""The session that code runs for."""


class Stderr:
    """Lines for a callback, told where the caller lives; what it raises is logged."""

    def __init__(self, callback: Callable[[str], object] | None, world: World) -> None:
        self._callback = callback
        self._world = world
        self._lines: Channel[str] = Channel()
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._tell_all()) if callback else None
        self._log: _Log | None = None

    def line(self, text: str) -> None:
        """Tell a line, from any thread."""
        if self._task is not None and text.rstrip() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._lines.put, text.rstrip())

    def follow_log(self, debug: Callable[[logging.LogRecord], bool] | None) -> None:
        """Also tell what is logged by the task that calls this, and by what it starts.

        That is warnings and worse, or all that passes the filter.
        """
        if self._task is not None:
            _teller.set(self)
            self._log = _Log(self, logging.WARNING if debug is None else logging.DEBUG)
            if debug is not None:
                self._log.addFilter(debug)
            self._log.start()

    async def close(self) -> None:
        """Tell what is left."""
        if self._log is not None:
            self._log.stop()
            self._log = None
        if self._task is not None:
            self._loop.call_soon(self._lines.close)
            await asyncio.wait([self._task])

    async def _tell_all(self) -> None:
        assert self._callback is not None
        while True:
            try:
                line = await self._lines.get()
            except StopAsyncIteration:
                return
            try:
                await self._world.call(self._callback, line)
            except Exception:  # the caller's function; the session goes on
                log.debug("The stderr callback raised; that is passed over.", exc_info=True)


class _Log(logging.Handler):
    """Hands on what is logged for one session."""

    def __init__(self, owner: Stderr, level: int) -> None:
        super().__init__(level)
        self._owner = owner
        self._logger = logging.getLogger("hames")
        self._level_before = self._logger.level
        self.setFormatter(logging.Formatter("%(asctime)s [%(levelname)s] %(name)s: %(message)s"))

    def start(self) -> None:
        self._logger.addHandler(self)
        if self.level < self._logger.getEffectiveLevel():
            self._logger.setLevel(self.level)

    def stop(self) -> None:
        self._logger.removeHandler(self)
        if not any(isinstance(other, _Log) for other in self._logger.handlers):
            self._logger.setLevel(self._level_before)

    def emit(self, record: logging.LogRecord) -> None:
        if _teller.get() is self._owner:
            self._owner.line(self.format(record))
