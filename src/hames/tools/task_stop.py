"""TaskStop: end background work. `KillShell` and `KillBash` are its names of 2025."""

from __future__ import annotations

from typing import Annotated

import msgspec

from hames import _json
from hames.errors import ToolError
from hames.tools.bash_output import no_such_job
from hames.tools.jobs import Jobs
from hames.tools.tool import Call, Result, Tool


class TaskStopInput(msgspec.Struct, forbid_unknown_fields=True):
    task_id: Annotated[str | None, msgspec.Meta(description="Id of the work to end.")] = None
    shell_id: Annotated[str | None, msgspec.Meta(description="Older name of `task_id`.")] = None


async def run(args: TaskStopInput, call: Call) -> Result:
    """End the work; returns when nothing of it is left."""
    id = args.task_id or args.shell_id
    if not id:
        raise ToolError("Say what to stop: `task_id` is missing.", invalid=True)
    jobs = call.state(Jobs)
    job = await jobs.stop(id)
    if job is None:
        raise no_such_job(id, jobs)
    job.told = True
    data = {
        "message": f"Stopped `{id}`." if job.status == "killed" else job.summary,
        "task_id": id,
        "task_type": job.kind,
        "command": job.command,
    }
    return Result(_json.encode(data).decode(), data)


TASK_STOP = Tool(
    "TaskStop", "task_stop.md", input=TaskStopInput, run=run, aliases=("KillShell", "KillBash")
)
