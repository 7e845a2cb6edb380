"""Clocks on a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hames.errors import ProviderTimeout
from hames.providers.clocks import Timeouts, with_clocks
from hames.providers.protocol import ModelEvent

SHORT, LONG = 0.02, 60.0
PING = ModelEvent("ping")


class Source:
    """Events after delays in seconds; remembers that it was closed."""

    def __init__(self, *delays: float) -> None:
        self.delays, self.closed = delays, False

    async def events(self) -> AsyncIterator[ModelEvent]:
        try:
            for delay in self.delays:
                await asyncio.sleep(delay)
                yield PING
        finally:
            self.closed = True


async def clock_of(source: Source, timeouts: Timeouts) -> str:
    async def read() -> None:
        async for _ in with_clocks(source.events(), timeouts):
            pass

    with pytest.raises(ProviderTimeout) as caught:
        await asyncio.wait_for(read(), 5)
    assert source.closed
    return caught.value.clock


async def test_events_in_time_pass_through():
    source = Source(0, 0, 0)
    timeouts = Timeouts(first_byte=LONG, gap=LONG, total=LONG)
    assert [event async for event in with_clocks(source.events(), timeouts)] == [PING] * 3
    assert source.closed


async def test_the_clock_that_ran_out_is_named():
    assert await clock_of(Source(LONG), Timeouts(first_byte=SHORT)) == "first_byte"
    assert await clock_of(Source(0, LONG), Timeouts(gap=SHORT)) == "gap"
    assert await clock_of(Source(0, LONG), Timeouts(total=SHORT)) == "total"
    assert await clock_of(Source(LONG), Timeouts(first_byte=LONG, total=SHORT)) == "total"
    steady = Source(*[0.005] * 100)
    assert await clock_of(steady, Timeouts(gap=LONG, total=SHORT)) == "total"


async def test_a_gap_is_counted_from_the_last_event():
    source = Source(*[0.1] * 5)
    events = with_clocks(source.events(), Timeouts(first_byte=LONG, gap=0.4))
    assert len([event async for event in events]) == 5


async def test_the_time_of_the_consumer_does_not_count():
    source = Source(0, 0, 0)
    async for _ in with_clocks(source.events(), Timeouts(first_byte=SHORT, gap=SHORT)):
        await asyncio.sleep(2 * SHORT)
    assert source.closed


async def test_without_clocks_it_waits_forever():
    source = Source(0.01, 0.01)
    forever = Timeouts(first_byte=None, gap=None, total=None)
    assert len([event async for event in with_clocks(source.events(), forever)]) == 2


async def test_a_cancellation_from_outside_stays_one():
    source = Source(LONG)
    events = with_clocks(source.events(), Timeouts(first_byte=LONG))
    task = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.closed


async def test_a_cancellation_beside_a_timeout_is_not_lost():
    source = Source(LONG)

    async def work() -> None:
        async for _ in with_clocks(source.events(), Timeouts(first_byte=SHORT)):
            pass

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    loop.call_later(SHORT, task.cancel)  # in the same round as the timeout
    with pytest.raises((asyncio.CancelledError, ProviderTimeout)):
        await task
    assert task.cancelled() or task.cancelling()


async def test_closing_early_closes_the_source():
    source = Source(0, LONG)
    events = with_clocks(source.events(), Timeouts(gap=SHORT))
    await anext(events)
    await events.aclose()
    assert source.closed
