"""Bounds that all sessions share: who waits comes in order, and nobody keeps what he does not use."""

from __future__ import annotations

import asyncio
import threading

import pytest

from hames import _slots
from hames._slots import Slots


async def test_no_more_than_the_bound_are_inside_and_they_come_in_order() -> None:
    slots, inside, most, came = Slots(3, share=1.0), 0, 0, []

    async def work(number: int) -> None:
        nonlocal inside, most
        async with slots:
            inside += 1
            most = max(most, inside)
            came.append(number)
            for _ in range(5):
                await asyncio.sleep(0)
            inside -= 1

    async with asyncio.TaskGroup() as group:
        for number in range(40):
            group.create_task(work(number))
    assert (most, came) == (3, list(range(40)))


async def test_a_small_limit_of_open_files_makes_the_bound_smaller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_slots, "most_open_files", lambda: 40)
    slots = Slots(1000, share=0.5)
    for _ in range(20):
        await asyncio.wait_for(slots.enter(), 5)
    waiting = asyncio.create_task(slots.enter())
    await asyncio.sleep(0)
    assert not waiting.done()
    slots.leave()
    await asyncio.wait_for(waiting, 5)


async def test_whoever_is_cancelled_while_waiting_takes_no_slot() -> None:
    slots = Slots(1, share=1.0)
    await slots.enter()
    waiting = [asyncio.create_task(slots.enter()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # before its turn
    slots.leave()
    waiting[1].cancel()  # called in, and has not heard of it
    await asyncio.wait_for(waiting[2], 5)
    assert [task.cancelled() for task in waiting[:2]] == [True, True]
    slots.leave()
    await asyncio.wait_for(slots.enter(), 5)


async def test_whoever_is_cancelled_after_being_let_in_gives_the_slot_back() -> None:
    slots = Slots(1, share=1.0)
    await slots.enter()
    waiting = asyncio.create_task(slots.enter())
    await asyncio.sleep(0)
    slots.leave()
    # The callback that lets it in runs first, then this one, then the task.
    asyncio.get_running_loop().call_soon(waiting.cancel)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(slots.enter(), 5)


async def test_other_loops_wait_in_the_same_line() -> None:
    slots = Slots(1, share=1.0)
    await slots.enter()
    in_line, came = threading.Event(), threading.Event()

    async def elsewhere() -> None:
        async with slots:
            came.set()

    async def arrived() -> None:
        waiting = asyncio.create_task(elsewhere())
        await asyncio.sleep(0)
        in_line.set()
        await waiting

    thread = threading.Thread(target=lambda: asyncio.run(arrived()))
    thread.start()
    assert await asyncio.to_thread(in_line.wait, 5)
    assert not came.is_set()
    slots.leave()
    await asyncio.to_thread(thread.join, 5)
    assert came.is_set()
    await asyncio.wait_for(slots.enter(), 5)


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
async def test_a_loop_that_was_closed_holds_up_nobody() -> None:
    slots = Slots(1, share=1.0)
    await slots.enter()
    gone = asyncio.new_event_loop()

    def begin_and_close() -> None:
        waiting = gone.create_task(slots.enter())
        gone.run_until_complete(asyncio.sleep(0))
        waiting.get_loop().close()

    await asyncio.to_thread(begin_and_close)
    assert len(slots._waiting) == 1
    slots.leave()
    await asyncio.wait_for(slots.enter(), 5)
