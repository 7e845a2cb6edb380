"""TaskStop, and the names it had in 2025."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shell_session import session

from hames.errors import ToolError
from hames.tools.task_stop import TASK_STOP


@pytest.mark.parametrize("argument", ["task_id", "shell_id"])
async def test_a_background_command_is_stopped(tmp_path: Path, argument: str):
    async with session(tmp_path) as s:
        await s.bash("sleep 300", run_in_background=True)
        (job,) = s.jobs.running()
        result = await s.use("TaskStop", **{argument: job.id})
        assert result.data == {
            "message": f"Stopped `{job.id}`.",
            "task_id": job.id,
            "task_type": "local_bash",
            "command": "sleep 300",
        }
        assert json.loads(result.content) == result.data
        assert job.status == "killed"
        assert s.jobs.take_finished() == []


async def test_what_does_not_run_cannot_be_stopped(tmp_path: Path):
    """Observed (2.1.330): a finished task is as unknown as any other."""
    async with session(tmp_path) as s:
        await s.bash("true", run_in_background=True)
        (job,) = s.jobs.running()
        assert await s.jobs.wait(20)
        for arguments in ({"task_id": job.id}, {"shell_id": "b1"}, {}):
            with pytest.raises(ToolError) as refused:
                await s.use("TaskStop", **arguments)
            assert refused.value.invalid


def test_older_names_are_aliases():
    assert TASK_STOP.aliases == ("KillShell", "KillBash")
