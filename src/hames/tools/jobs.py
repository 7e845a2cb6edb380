"""Work of a session that goes on beside its turns: commands in the background, and whatever joins them.

`Jobs` is per-session state. Each job has one task, owned here; `stop_all` ends them and everything that
any command of the session has left running. The agent listens for starts and ends, and tells the model
of what `take_finished` gives.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any, Literal

import msgspec

from hames.sandbox.machine import Machine
from hames.sandbox.recording import Recording

Status = Literal["running", "completed", "failed", "killed"]


class Job(msgspec.Struct, eq=False):
    """One piece of background work."""

    id: str
    command: str
    """The command, or what else a person would call the work."""
    tool_use_id: str
    output_file: str
    kind: str = "local_bash"
    """The official `task_type`."""
    description: str = ""
    status: Status = "running"
    code: int | None = None
    """Exit code of a command that has ended by itself."""
    reason: str | None = None
    """Why it was ended, when that was not by request: a time limit."""
    recording: Recording | None = None
    """What a command prints."""
    seen: int = 0
    """Bytes of the output that BashOutput has given."""
    told: bool = False
    """The model knows that it has ended."""

    @property
    def summary(self) -> str:
        """One sentence on how it stands."""
        name = self.description or self.command
        match self.status:
            case "running":
                return f"`{name}` is running."
            case "killed":
                return f"`{name}` was stopped{f': {self.reason}' if self.reason else ''}."
            case "completed" | "failed":
                code = "" if self.code is None else f" with exit code {self.code}"
                why = f": {self.reason}" if self.reason else ""
                return f"`{name}` {'ended' if self.code is not None else self.status}{code}{why}."


class Jobs(msgspec.Struct, eq=False):
    """The background work of one session."""

    owner: str = msgspec.field(default_factory=lambda: os.urandom(8).hex())
    """Under this name the machine knows all processes of the session."""
    listeners: list[Callable[[Job], None]] = msgspec.field(default_factory=list)
    """Called when a job has started and when it has ended; its status tells which."""
    machine: Machine | None = None
    """Where commands of the session have run; None before the first."""
    _jobs: dict[str, Job] = msgspec.field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = msgspec.field(default_factory=dict)

    def start(self, job: Job, work: Coroutine[Any, Any, int | None]) -> None:
        """Run the work of a job beside everything else.

        Its result is the exit code, None where there is none. It fails by a code other than 0 or by
        an exception; it is cancelled to be stopped, and must then leave nothing running.
        """
        self._jobs[job.id] = job
        self._tasks[job.id] = asyncio.create_task(self._follow(job, work))
        self._tell(job)

    def find(self, id: str) -> Job | None:
        """The job of that id, ended ones included."""
        return self._jobs.get(id)

    def running(self) -> list[Job]:
        """What has not ended, oldest first."""
        return [job for job in self._jobs.values() if job.status == "running"]

    def take_finished(self) -> list[Job]:
        """Jobs that have ended and that the model does not know of yet."""
        ended = [job for job in self._jobs.values() if job.status != "running" and not job.told]
        for job in ended:
            job.told = True
        return ended

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait until all jobs have ended, at most so long; whether they have."""
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        return not self.running()

    async def stop(self, id: str) -> Job | None:
        """End a job and all that belongs to it; None when no such job is running."""
        job, task = self._jobs.get(id), self._tasks.get(id)
        if job is None or task is None:
            return None
        await _end([task])
        return job

    async def stop_all(self) -> int:
        """End all jobs, and every process that commands of the session have left; how many there were."""
        ended = len(self._tasks)
        await _end(list(self._tasks.values()))
        if self.machine is not None:
            ended += await self.machine.stop_all(self.owner)
        return ended

    async def _follow(self, job: Job, work: Coroutine[Any, Any, int | None]) -> None:
        try:
            job.code = await work
            if job.status == "running":
                job.status = "completed" if not job.code else "failed"
        except asyncio.CancelledError:
            job.status = "killed"
        except Exception as error:  # the border of a job: its failure is told, not raised
            job.status, job.reason = "failed", f"{type(error).__name__}: {error}"
        finally:
            if job.status == "running":
                job.status = "killed"
            self._tasks.pop(job.id, None)
            self._tell(job)

    def _tell(self, job: Job) -> None:
        for listener in list(self.listeners):
            listener(job)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait for their end, also when the waiting itself is cancelled meanwhile."""
    cancelled: asyncio.CancelledError | None = None
    try:
        # A task that is cancelled before its first step never gets to tidy up.
        await asyncio.sleep(0)
    except asyncio.CancelledError as error:
        cancelled = error
    for task in tasks:
        task.cancel()
    while not all(task.done() for task in tasks):
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
