"""Commands that outlast their timeout, are interrupted, or run in the background."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest
from shell_session import Session, is_alive, session, until

from hames.errors import ToolError
from hames.sandbox.recording import SAVE_LIMIT
from hames.tools.jobs import Job

LIVES_ON = "echo $$ > pid; until [ -e go ]; do sleep 0.01; done"


async def test_a_command_that_outlasts_its_timeout_goes_on_in_the_background(tmp_path: Path):
    async with session(tmp_path) as s:
        result = await s.bash(f"echo early; {LIVES_ON}; echo late; exit 3", timeout=300)
        (job,) = s.jobs.running()
        assert result.is_error is False
        assert result.content.startswith("early\n[The command has not ended after 0.3 s")
        assert job.id in result.content
        assert job.output_file in result.content
        assert re.fullmatch("b[0-9a-z]{8}", job.id)
        assert result.data["backgroundTaskId"] == job.id
        assert result.data["timedOutAfterMs"] == 300
        assert result.data["stdout"] == "early"
        (s.root / "go").touch()
        assert await s.jobs.wait(20)
        assert (job.status, job.code) == ("failed", 3)
        assert Path(job.output_file).read_text(encoding="utf-8") == "early\nlate\n"
        assert await s.text("pwd") == str(s.root)


@pytest.mark.parametrize(
    ("command", "env"),
    [
        ("  sleep 300", {}),
        ("sleep 0.01; echo x; sleep 300", {}),
        ("echo x; while :; do sleep 0.05; done", {"CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1"}),
    ],
)
async def test_a_timeout_can_end_the_command(tmp_path: Path, command: str, env: dict[str, str]):
    """Observed (2.1.330): code 143, the limit, and what was printed until then."""
    async with session(tmp_path, **env) as s:
        with pytest.raises(ToolError) as stopped:
            await s.bash(f"{command}", timeout=200)
        expected = "Exit code 143\nThe command was stopped by its timeout after 0.2 s."
        # bash may add that its child was terminated
        assert str(stopped.value).startswith(expected + ("\nx" if "echo" in command else ""))
        assert s.jobs.running() == []
        assert await s.jobs.stop_all() == 0


async def test_timeouts_are_set_and_bounded_by_the_environment(tmp_path: Path):
    limits = {"BASH_DEFAULT_TIMEOUT_MS": "100", "BASH_MAX_TIMEOUT_MS": "200"}
    async with session(tmp_path, **limits) as s:
        for asked, got in ((None, "0.1"), (0, "0.1"), (150, "0.15"), (9_999_999, "0.2")):
            with pytest.raises(ToolError, match=f"after {got} s"):
                await s.bash("sleep 300", timeout=asked)


async def test_a_command_in_the_background_is_answered_at_once(tmp_path: Path):
    async with session(tmp_path) as s:
        heard: list[tuple[str, str]] = []
        s.jobs.listeners.append(lambda job: heard.append((job.id, job.status)))
        result = await s.bash(
            f"echo one; {LIVES_ON}; echo two", run_in_background=True, description="Wait for it"
        )
        (job,) = s.jobs.running()
        assert result.content.startswith(f"Running in the background as `{job.id}`.")
        assert result.data["backgroundTaskId"] == job.id
        assert result.data["stdout"] == ""
        assert (job.tool_use_id, job.kind, job.description) == (
            "toolu_1",
            "local_bash",
            "Wait for it",
        )
        assert Path(job.output_file).parent == s.results
        assert s.jobs.take_finished() == []
        (s.root / "go").touch()
        assert await s.jobs.wait(20)
        assert Path(job.output_file).read_text(encoding="utf-8") == "one\ntwo\n"
        assert s.jobs.take_finished() == [job]
        assert s.jobs.take_finished() == []
        assert heard == [(job.id, "running"), (job.id, "completed")]
        assert job.summary == "`Wait for it` ended with exit code 0."


async def test_a_negative_timeout_means_the_background(tmp_path: Path):
    """Observed (2.1.330)."""
    async with session(tmp_path) as s:
        result = await s.bash("true", timeout=-1)
        assert "backgroundTaskId" in result.data
        assert await s.jobs.wait(20)


async def test_the_background_can_be_switched_off(tmp_path: Path):
    async with session(tmp_path, CLAUDE_CODE_DISABLE_BACKGROUND_TASKS="1") as s:
        assert await s.text("echo x", run_in_background=True) == "x"
        assert await s.text("echo x", timeout=-1) == "x"


async def test_a_background_command_has_a_time_limit(tmp_path: Path):
    async with session(tmp_path) as s:
        await s.bash("trap '' TERM; echo $$; sleep 300", run_in_background=True, timeout=200)
        (job,) = s.jobs.running()
        assert await s.jobs.wait(20)
        assert (job.status, job.code) == ("killed", None)
        assert job.summary == (
            "`trap '' TERM; echo $$; sleep 300` was stopped: it ran longer than 0.2 s."
        )
        assert not is_alive(int(Path(job.output_file).read_text(encoding="utf-8").split()[0]))


async def test_stopping_a_job_ends_its_daemons(tmp_path: Path):
    async with session(tmp_path) as s:
        job = await _started(
            s, "setsid sleep 300 & echo $! > d; (setsid sh -c 'echo $$ > e; sleep 300' &)"
        )
        pids = [int((s.root / name).read_text(encoding="utf-8")) for name in ("d", "pid")]
        assert await s.jobs.stop(job.id) is job
        assert job.status == "killed"
        assert not any(map(is_alive, pids))
        assert await s.jobs.stop(job.id) is None


async def test_stop_all_leaves_nothing(tmp_path: Path):
    async with session(tmp_path) as s:
        fds = set(os.listdir("/proc/self/fd"))
        daemons = """
        setsid sleep 300 >/dev/null 2>&1 & echo $!
        (setsid sh -c 'echo $$; exec sleep 300 >/dev/null 2>&1' &)
        nohup sleep 300 >/dev/null 2>&1 & echo $!
        sleep 0.05
        """
        pids = [int(word) for word in (await s.text(daemons)).split()]
        await s.text("sleep 300 & echo $! > pid3")
        jobs = [await _started(s, "sh -c 'trap \"\" TERM; sleep 300' & true") for _ in range(3)]
        pids += [int((s.root / name).read_text(encoding="utf-8")) for name in ("pid", "pid3")]
        assert len(pids) == 5
        assert all(map(is_alive, pids))
        assert await s.jobs.stop_all() >= 5
        assert not any(map(is_alive, pids))
        assert [job.status for job in jobs] == ["killed"] * 3
        assert await s.jobs.stop_all() == 0
        assert set(os.listdir("/proc/self/fd")) - fds <= _guardian_pipe()


async def test_stopping_a_job_at_once_ends_its_process(tmp_path: Path):
    async with session(tmp_path) as s:
        await s.bash("echo $$ > pid; sleep 300", run_in_background=True)
        (job,) = s.jobs.running()
        await s.jobs.stop(job.id)
        assert await s.machine.stop_all(s.jobs.owner) == 0


async def test_an_interrupt_keeps_what_was_printed_and_ends_the_tree(tmp_path: Path):
    async with session(tmp_path) as s:
        work = asyncio.create_task(
            s.bash(
                "echo partial; setsid sleep 300 & echo $! > d; echo $$ > pid.new; mv pid.new pid; wait"
            )
        )
        await _exists(s.root / "pid")
        work.cancel()
        await asyncio.wait([work], timeout=20)
        assert work.cancelled()
        assert s.last.so_far is not None
        assert s.last.so_far() == "partial"
        pids = [int((s.root / name).read_text(encoding="utf-8")) for name in ("d", "pid")]
        assert not any(map(is_alive, pids))


async def test_an_interrupt_of_one_leaves_the_others(tmp_path: Path):
    async with session(tmp_path) as s:
        kept = asyncio.create_task(s.text(f"{LIVES_ON}; echo done"))
        stopped = asyncio.create_task(s.bash("echo $$ > pid2.new; mv pid2.new pid2; sleep 300"))
        await _exists(s.root / "pid2")
        stopped.cancel()
        await asyncio.wait([stopped], timeout=20)
        (s.root / "go").touch()
        assert await kept == "done"


async def test_what_is_left_running_is_told_with_the_file_of_its_output(tmp_path: Path):
    """Our choice: the reference loses the output of `cmd &`."""
    async with session(tmp_path) as s:
        text = await s.text(
            "(until [ -e go ]; do sleep 0.01; done; echo late; touch done) & echo early"
        )
        assert text.startswith("early\n[Something this command started is still running;")
        (saved,) = s.results.iterdir()
        assert str(saved) in text
        (s.root / "go").touch()
        await _exists(s.root / "done")
        await until(lambda: saved.read_text(encoding="utf-8") == "early\nlate\n")


async def test_the_end_of_a_process_substitution_is_awaited(tmp_path: Path):
    async with session(tmp_path) as s:
        assert await s.text("echo a > >(sleep 0.02; cat; echo b)") == "a\nb"


async def test_endless_output_does_not_fill_the_disk(tmp_path: Path):
    async with session(tmp_path) as s:
        await s.bash("yes", run_in_background=True)
        (job,) = s.jobs.running()
        recording = job.recording
        assert recording is not None
        await until(lambda: recording.size > SAVE_LIMIT + 10_000_000)
        await s.jobs.stop(job.id)
        assert Path(job.output_file).stat().st_size == recording.saved == SAVE_LIMIT


async def test_a_full_disk_is_told(tmp_path: Path):
    async with session(tmp_path) as s:
        command = "head -c 300000 /dev/zero | tr '\\0' x; echo up > up; until [ -e go ]; do sleep 0.01; done; seq 1 1000"
        work = asyncio.create_task(s.bash(command))
        await _exists(s.root / "up")
        await until(lambda: any(s.results.iterdir()))
        (saved,) = s.results.iterdir()
        size = saved.stat().st_size
        saved.unlink()  # stands for every way in which a write can fail
        (s.root / "go").touch()
        result = await work
        assert "could be saved: No such file or directory" in result.content
        assert result.data["persistedOutputSize"] == size
        assert result.content.endswith("\n1000\n</persisted-output>")


async def _started(s: Session, command: str) -> Job:
    """A background command that is known to have begun."""
    (s.root / "pid").unlink(missing_ok=True)
    before = s.jobs.running()
    await s.bash(
        f"{command}; echo $$ > pid.new; mv pid.new pid; wait; sleep 300", run_in_background=True
    )
    await _exists(s.root / "pid")
    (job,) = [job for job in s.jobs.running() if job not in before]
    return job


async def _exists(path: Path) -> None:
    await until(path.exists)


def _guardian_pipe() -> set[str]:
    """The one descriptor that a process keeps once it has run a command."""
    return {max(os.listdir("/proc/self/fd"), key=int)}
