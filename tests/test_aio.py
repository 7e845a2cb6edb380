"""The small parts for asyncio: interrupts, channels, and waiting for the functions of callers."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from hames._aio import Channel, Interrupt, in_thread, patiently
from hames.errors import Interrupted


async def test_work_that_stops_itself_and_then_ends_is_not_cancelled_later() -> None:
    interrupt = Interrupt()
    with interrupt:
        interrupt.request()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(Interrupted), interrupt:
        raise AssertionError("the request still stands")


async def test_work_that_stops_itself_is_stopped_where_it_next_waits() -> None:
    interrupt = Interrupt()

    async def stops_itself() -> None:
        with interrupt:
            interrupt.request()
            await asyncio.Event().wait()

    with pytest.raises(Interrupted):
        await stops_itself()
    await asyncio.sleep(0)


async def test_a_request_that_was_cleared_stops_nothing() -> None:
    interrupt = Interrupt()
    with interrupt:
        interrupt.request()
        interrupt.clear()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_an_error_that_the_interrupt_provoked_counts_as_the_interrupt() -> None:
    interrupt = Interrupt()

    async def fails_when_cancelled() -> None:
        with interrupt:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ConnectionError("it was closed") from None

    task = asyncio.create_task(fails_when_cancelled())
    await asyncio.sleep(0)
    interrupt.request()
    with pytest.raises(Interrupted):
        await task


async def test_a_cancellation_from_elsewhere_is_not_taken_for_the_interrupt() -> None:
    interrupt = Interrupt()

    async def waits() -> None:
        with interrupt:
            await asyncio.Event().wait()

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    interrupt.request()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_each_of_several_consumers_of_a_channel_is_woken() -> None:
    channel: Channel[int] = Channel()
    first = asyncio.create_task(channel.get())
    second = asyncio.create_task(channel.get())
    third = asyncio.create_task(channel.get())
    await asyncio.sleep(0)
    channel.put(1)
    channel.put(2)
    async with asyncio.timeout(2):
        assert sorted([await first, await second]) == [1, 2]
    channel.close()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(third, 2)


async def test_a_consumer_that_was_cancelled_loses_no_item() -> None:
    channel: Channel[int] = Channel()
    waiting = asyncio.create_task(channel.get())
    await asyncio.sleep(0)
    channel.put(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await channel.get() == 1


async def test_what_ignores_its_cancellation_is_left_behind() -> None:
    end = asyncio.Event()

    async def stubborn() -> None:
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                pass

    waiting = asyncio.create_task(patiently(stubborn(), 0.01))
    await asyncio.sleep(0)
    waiting.cancel()
    async with asyncio.timeout(2):
        with pytest.raises(asyncio.CancelledError):
            await waiting
    end.set()


async def test_what_is_cancelled_gets_time_to_tidy_up() -> None:
    tidied = False

    async def tidies() -> None:
        nonlocal tidied
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            tidied = True

    waiting = asyncio.create_task(patiently(tidies()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert tidied


async def test_what_cancels_itself_does_not_cancel_who_waits() -> None:
    async def cancels_itself() -> None:
        raise asyncio.CancelledError

    with pytest.raises(RuntimeError, match="cancelled itself"):
        await patiently(cancels_itself())


async def test_a_function_in_a_thread_gives_what_it_returns_and_raises() -> None:
    def fails() -> None:
        raise LookupError("nothing")

    def stops() -> None:
        raise StopIteration

    assert await in_thread(lambda a, b: a + b, 1, b=2) == 3
    with pytest.raises(LookupError, match="nothing"):
        await in_thread(fails)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await in_thread(stops)


async def test_functions_that_never_return_hold_up_neither_others_nor_the_end() -> None:
    end = threading.Event()
    stuck = [asyncio.create_task(in_thread(end.wait)) for _ in range(50)]
    began = time.monotonic()
    assert await in_thread(lambda: "done") == "done"
    assert await asyncio.to_thread(lambda: "done") == "done"
    for task in stuck:
        task.cancel()
    await asyncio.wait(stuck, timeout=2)
    assert time.monotonic() - began < 2
    assert all(task.cancelled() for task in stuck)
    assert all(t.daemon for t in threading.enumerate() if t.name == "hames call")
    end.set()
