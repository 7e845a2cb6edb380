"""Clocks on a stream: to its first event, between events, and over all of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Literal

import msgspec

from hames.errors import ProviderTimeout
from hames.providers.protocol import ModelEvent


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds that a model request may wait; None waits forever."""

    connect: float | None = 10.0
    """For a connection, proxy and TLS included."""
    first_byte: float | None = 600.0
    """From the request to the first event. `API_TIMEOUT_MS` sets it."""
    gap: float | None = 300.0
    """Between two events. The API sends pings while the model thinks, so silence is a fault."""
    total: float | None = None
    """For the whole reply. None: a long answer that keeps coming is no fault."""


async def with_clocks(
    events: AsyncIterator[ModelEvent], timeouts: Timeouts
) -> AsyncGenerator[ModelEvent, None]:
    """The same events. Raises `ProviderTimeout` when one of the clocks runs out.

    Only waiting for the provider counts, not what the consumer does between events (`total` counts
    both). Closing this iterator closes the inner one.
    """
    watch = _Watch(timeouts)
    try:
        while True:
            watch.begin()
            try:
                event = await anext(events)
            except StopAsyncIteration:
                return
            except asyncio.CancelledError as cancelled:
                if timeout := watch.fired():
                    raise timeout from cancelled
                raise
            finally:
                watch.waiting = False
            yield event
    finally:
        watch.stop()
        if close := getattr(events, "aclose", None):
            await close()


class _Watch:
    """One timer for all events: it looks at the deadline when it rings, instead of being set anew."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._timeouts = timeouts
        self._end = None if timeouts.total is None else self._loop.time() + timeouts.total
        self._wait = timeouts.first_byte
        self._clock: Literal["first_byte", "gap", "total"] = "first_byte"
        self._fired: ProviderTimeout | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._begun = 0.0
        self.waiting = False

    def begin(self) -> None:
        """The next event is waited for."""
        self.waiting = True
        if self._begun and self._clock == "first_byte":
            self._clock, self._wait = "gap", self._timeouts.gap
            self.stop()  # the deadline may be nearer than the first one; later ones only move away
        self._begun = self._loop.time()
        if self._timer is None:
            self._set()

    def fired(self) -> ProviderTimeout | None:
        """Whether the cancellation that just came was ours and nobody else's."""
        if self._fired is not None and self._task.uncancel() <= self._cancelling:
            return self._fired
        return None

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _deadline(self) -> tuple[float | None, Literal["first_byte", "gap", "total"]]:
        due = None if self._wait is None else self._begun + self._wait
        if self._end is not None and (due is None or self._end <= due):
            return self._end, "total"
        return due, self._clock

    def _set(self) -> None:
        due, _ = self._deadline()
        if due is not None:
            self._timer = self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        due, clock = self._deadline()
        self._timer = None
        if due is None or self._fired is not None:
            return
        if not self.waiting:
            return  # the consumer is at work; `begin` sets the timer again
        if self._loop.time() < due:
            self._set()
            return
        seconds = {
            "first_byte": self._timeouts.first_byte,
            "gap": self._timeouts.gap,
            "total": self._timeouts.total,
        }[clock]
        self._fired = ProviderTimeout(clock, seconds or 0.0)
        self._task.cancel()
