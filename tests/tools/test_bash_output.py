"""BashOutput gives what is new since the last call."""

from __future__ import annotations

from pathlib import Path

import pytest
from shell_session import Session, session, until

from hames.errors import ToolError
from hames.tools.jobs import Job

STEPS = "for n in 1 2; do until [ -e go$n ]; do sleep 0.01; done; echo step $n; done; exit 3"


async def test_only_new_output_is_given(tmp_path: Path):
    async with session(tmp_path) as s:
        job = await _start(s, STEPS)
        await _printed(s, job, 1)
        assert await _asked(s, job) == "<status>running</status>\n<stdout>\nstep 1\n</stdout>"
        assert await _asked(s, job) == "<status>running</status>\n<stdout>\n\n</stdout>"
        await _printed(s, job, 2)
        assert await s.jobs.wait(20)
        result = await s.use("BashOutput", bash_id=job.id)
        assert result.content == (
            "<status>failed</status>\n<exit_code>3</exit_code>\n<stdout>\nstep 2\n</stdout>"
        )
        assert result.data.pop("timestamp")
        assert result.data == {
            "shellId": job.id,
            "command": STEPS,
            "status": "failed",
            "exitCode": 3,
            "stdout": "step 2",
            "stderr": "",
            "stdoutLines": 1,
            "stderrLines": 0,
        }


async def test_an_end_that_was_seen_is_not_told_again(tmp_path: Path):
    async with session(tmp_path) as s:
        job = await _start(s, "true")
        assert await s.jobs.wait(20)
        await _asked(s, job)
        assert s.jobs.take_finished() == []


async def test_a_filter_keeps_matching_lines_and_consumes_the_rest(tmp_path: Path):
    async with session(tmp_path) as s:
        job = await _start(
            s,
            r"printf 'an error\nfine\nERROR 7\nhalf an er'; until [ -e go1 ]; do sleep 0.01; done; echo ror",
        )
        await until(lambda: job.recording is not None and job.recording.size >= 30)
        said = await _asked(s, job, filter=r"error|\d$")
        assert "<stdout>\nan error\nERROR 7\n</stdout>" in said
        (s.root / "go1").touch()
        assert await s.jobs.wait(20)
        assert "<stdout>\nhalf an error\n</stdout>" in await _asked(s, job, filter="error")


@pytest.mark.parametrize("env", [{}, {"HAMES_RG": "0"}])
async def test_a_filter_cannot_hold_the_session_up(tmp_path: Path, env: dict[str, str]):
    async with session(tmp_path, **env) as s:
        job = await _start(s, f"echo {'a' * 5000}b")
        assert await s.jobs.wait(20)
        if env:
            with pytest.raises(ToolError, match="repeats within repeats"):
                await _asked(s, job, filter="(a+)+c")
        assert "<stdout>\n\n</stdout>" in await _asked(s, job, filter="a*a*c")


async def test_a_bad_filter_loses_no_output(tmp_path: Path):
    async with session(tmp_path) as s:
        job = await _start(s, "echo x")
        assert await s.jobs.wait(20)
        with pytest.raises(ToolError, match=r"`\(` cannot be used as a filter"):
            await _asked(s, job, filter="(")
        assert "<stdout>\nx\n</stdout>" in await _asked(s, job, filter="x|y")


async def test_much_new_output_is_cut_at_its_beginning(tmp_path: Path):
    async with session(tmp_path) as s:
        job = await _start(s, "seq 1 300000")
        assert await s.jobs.wait(20)
        said = await _asked(s, job)
        assert len(said) < 31_000
        assert said.endswith("\n300000\n</stdout>")
        assert job.output_file in said


async def test_unknown_and_bad_arguments_are_told(tmp_path: Path):
    async with session(tmp_path) as s:
        job = await _start(s, "sleep 300")
        with pytest.raises(
            ToolError, match=f"no background work `b0`. Running: `{job.id}`"
        ) as refused:
            await s.use("BashOutput", bash_id="b0")
        assert refused.value.invalid


async def _start(s: Session, command: str) -> Job:
    await s.bash(command, run_in_background=True)
    (job,) = s.jobs.running()
    return job


async def _asked(s: Session, job: Job, **more: str) -> str:
    result = await s.use("BashOutput", bash_id=job.id, **more)
    assert isinstance(result.content, str)
    return result.content


async def _printed(s: Session, job: Job, step: int) -> None:
    recording = job.recording
    assert recording is not None
    before = recording.size
    (s.root / f"go{step}").touch()
    await until(lambda: recording.size > before)
