"""Jobs: what any background work can rely on."""

from __future__ import annotations

import asyncio

from hames.tools.jobs import Job, Jobs


def _job(id: str = "b1") -> Job:
    return Job(id, "work", "toolu_1", "/none", kind="local_agent")


async def _returns(code: int | None) -> int | None:
    return code


async def test_the_status_follows_from_the_result():
    async def breaks() -> int | None:
        raise ValueError("no")

    jobs = Jobs()
    several = [_job("b0"), _job("b1"), _job("b2"), _job("b3")]
    for job, work in zip(
        several, (_returns(0), _returns(None), _returns(2), breaks()), strict=True
    ):
        jobs.start(job, work)
    assert await jobs.wait(5)
    assert [(job.status, job.code) for job in several] == [
        ("completed", 0),
        ("completed", None),
        ("failed", 2),
        ("failed", None),
    ]
    assert several[3].summary == "`work` failed: ValueError: no."
    assert jobs.take_finished() == several


async def test_waiting_is_bounded():
    jobs = Jobs()
    jobs.start(_job(), asyncio.Event().wait())  # type: ignore[arg-type]
    assert not await jobs.wait(0.01)
    assert [job.id for job in jobs.running()] == ["b1"]
    assert await jobs.stop_all() == 1
    assert jobs.running() == []


async def test_work_may_tidy_up_when_it_is_stopped():
    tidy: list[str] = []

    async def work() -> int | None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            tidy.append("up")
        return None

    jobs = Jobs()
    jobs.start(_job(), work())
    assert (await jobs.stop("b1")) is jobs.find("b1")
    assert tidy == ["up"]


async def test_a_cancelled_stop_still_ends_the_work():
    tidy: list[str] = []
    tidying = asyncio.Event()

    async def work() -> int | None:
        try:
            await asyncio.Event().wait()
        finally:
            tidying.set()
            await asyncio.sleep(0.01)
            tidy.append("up")
        return None

    jobs = Jobs()
    jobs.start(_job(), work())
    stopping = asyncio.create_task(jobs.stop_all())
    await tidying.wait()
    stopping.cancel()
    await asyncio.wait([stopping])
    assert stopping.cancelled()
    assert tidy == ["up"]


async def test_two_sessions_have_different_owners():
    assert Jobs().owner != Jobs().owner
