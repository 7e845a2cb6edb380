"""Background commands as the agent sees them: events to callers, notes to the model, an orderly end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from hames.agent.prompts.inbox import Prompt
from hames.blocks import text
from hames.context.reminders import finished_note
from hames.tools.jobs import Job, Jobs

if TYPE_CHECKING:
    from hames.agent.agent import Agent

# The wire's words for how a job can end.
NOTICE = {"completed": "completed", "failed": "failed", "killed": "stopped"}


class Background:
    """Watches a session's jobs. After the last answer they have `grace` seconds to end by themselves."""

    def __init__(self, jobs: Jobs, grace: float) -> None:
        self._jobs = jobs
        self._grace = grace
        self._changed = asyncio.Event()

    def attach(self, agent: Agent) -> None:
        """Emit what happens to jobs from now on."""

        def changed(job: Job) -> None:
            if job.status == "running":
                agent.note("task_started", **_started(job))
            else:
                self._changed.set()
                ended = round(agent.clock.now().timestamp() * 1000)
                patch = {"status": job.status, "end_time": ended}
                agent.note("task_updated", task_id=job.id, patch=patch)
                agent.note("task_notification", **_ended(job))
            running = [_listed(job) for job in self._jobs.running()]
            agent.note("background_tasks_changed", tasks=running)

        self._jobs.listeners.append(changed)

    def news(self) -> list[str]:
        """What the model has to be told of jobs that ended since it was last told."""
        return [
            finished_note(job.id, job.tool_use_id, NOTICE[job.status], job.output_file, job.summary)
            for job in self._jobs.take_finished()
        ]

    async def prompt_or(self, get: Callable[[], Awaitable[Prompt]]) -> Prompt:
        """The next prompt, or one that tells of ended jobs, whichever comes first.

        Raises StopAsyncIteration when no prompt follows and the jobs have had their grace.
        """
        waiting = asyncio.ensure_future(get())
        deadline: float | None = None
        try:
            while True:
                if waiting.done() and not isinstance(waiting.exception(), StopAsyncIteration):
                    return waiting.result()  # taken already: news can wait, it cannot
                if notes := self.news():
                    return _notification(notes)
                if waiting.done():
                    if not self._jobs.running():
                        raise StopAsyncIteration
                    deadline = deadline or asyncio.get_running_loop().time() + self._grace
                if not await self._change(waiting, deadline):
                    raise StopAsyncIteration
        finally:
            waiting.cancel()

    async def _change(self, waiting: asyncio.Future[Prompt], deadline: float | None) -> bool:
        """Wait for a prompt or a job's end; False when the deadline passed first."""
        self._changed.clear()
        changed = asyncio.ensure_future(self._changed.wait())
        others: list[asyncio.Future[Any]] = [changed] if waiting.done() else [changed, waiting]
        left = None if deadline is None else max(deadline - asyncio.get_running_loop().time(), 0)
        try:
            done, _ = await asyncio.wait(others, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
        return bool(done)

    def obligations(self) -> list[dict[str, Any]]:
        """Jobs that still run, for the result."""
        return [
            {
                "kind": "background_command",
                "task_id": job.id,
                "state": "running",
                "command": job.command,
            }
            for job in self._jobs.running()
        ]

    async def stop(self) -> None:
        """End all jobs and every process the session has started."""
        await self._jobs.stop_all()


def _started(job: Job) -> dict[str, Any]:
    return {
        "task_id": job.id,
        "tool_use_id": job.tool_use_id,
        "description": job.description or job.command,
        "task_type": job.kind,
        "is_backgrounded": True,
    }


def _listed(job: Job) -> dict[str, Any]:
    named = {"task_id": job.id, "task_type": job.kind}
    return {**named, "description": job.description or job.command}


def _ended(job: Job) -> dict[str, Any]:
    return {
        "task_id": job.id,
        "tool_use_id": job.tool_use_id,
        "status": NOTICE[job.status],
        "output_file": job.output_file,
        "summary": job.summary,
    }


def _notification(notes: list[str]) -> Prompt:
    said = "This message is from the harness, not from the user.\n" + "\n".join(notes)
    origin = "task-notification"
    return Prompt(
        [text(said)], synthetic=True, origin={"kind": origin}, fields={"turnOrigin": origin}
    )
