"""How signals end a run: the first Ctrl-C interrupts the answer, all others the run."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable
from types import TracebackType
from typing import Self

STOPS = {signal.SIGTERM: 143, signal.SIGHUP: 129}
INTERRUPTED = 130


class Signals:
    """Handles signals for the task that enters it.

    `interrupted` is set by the first SIGINT. A second one, SIGTERM and SIGHUP cancel the task and leave
    the exit code in `code`.
    """

    def __init__(self) -> None:
        self.interrupted = asyncio.Event()
        self.code: int | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._loop.add_signal_handler(signal.SIGINT, self._interrupt)
        for number, code in STOPS.items():
            self._loop.add_signal_handler(number, self.stop, code)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number in (signal.SIGINT, *STOPS):
            self._loop.remove_signal_handler(number)

    def stop(self, code: int) -> None:
        """End the run with this exit code. Once is enough: what follows is the ending, which is bounded."""
        if self.code is None:
            self.code = code
            self._task.cancel()

    async def until_stopped(self, work: Awaitable[object]) -> None:
        """Wait for this, or for a stop, which ends it and is no exception."""
        try:
            await work
        except asyncio.CancelledError:
            if self.code is None:
                raise
            self._task.uncancel()

    def _interrupt(self) -> None:
        if self.interrupted.is_set():
            self.stop(INTERRUPTED)
        self.interrupted.set()
