"""Requests about background work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hames.protocol.handlers import Refused, handles
from hames.protocol.requests import BackgroundTasks, GetTaskOutput, StopTask
from hames.tools.jobs import Jobs

if TYPE_CHECKING:
    from hames.protocol.server import Server

MOST_OUTPUT = 200_000
"""Bytes of a task's output in an answer; the file has it all."""


@handles(BackgroundTasks)
async def background_tasks(server: Server, request: BackgroundTasks) -> dict[str, Any]:
    """What runs cannot be moved; where nothing runs, there is nothing to move."""
    if server.state != "idle" and server.opened:
        raise Refused("A call that runs cannot be moved to the background in this version.")
    return {}


@handles(StopTask)
async def stop_task(server: Server, request: StopTask) -> dict[str, Any]:
    """End background work; what has ended already is no error."""
    agent = await server.agent()
    jobs: Jobs | None = agent.states.get(Jobs)
    if jobs is not None:
        await jobs.stop(request.task_id)
    return {}


@handles(GetTaskOutput)
async def get_task_output(server: Server, request: GetTaskOutput) -> dict[str, Any]:
    """What a command in the background has printed: the end of it, when it is long."""
    agent = await server.agent()
    jobs: Jobs | None = agent.states.get(Jobs)
    job = jobs.find(request.task_id) if jobs is not None else None
    if job is None or not job.output_file:
        raise Refused(f"There is no command `{request.task_id}` in the background.")
    try:
        data = await agent.machine.read(job.output_file)
    except FileNotFoundError:  # it has not printed anything
        data = b""
    shown = data[-MOST_OUTPUT:]
    return {
        "output": shown.decode(errors="replace"),
        "total_bytes": len(data),
        "truncated": len(shown) < len(data),
    }
