"""BashOutput: what a background command has printed since it was last asked for. A name of 2025."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from hames.errors import ToolError
from hames.sandbox.environment import for_children
from hames.sandbox.recording import Recording
from hames.tools.command_output import tidied
from hames.tools.jobs import Job, Jobs
from hames.tools.regexes import compile_regex
from hames.tools.ripgrep import Ripgrep
from hames.tools.tool import Call, Result, Tool

MAX_CHARS = 30_000

MAX_BYTES = 1_000_000
"""Bytes that one call looks at; of more, the last."""

MAX_LINE = 2_000
SLOW_MAX_LINE = 200
"""Characters of a line that a filter sees without ripgrep; fewer where it could take long."""

FILTER_SECONDS = 20.0


class BashOutputInput(msgspec.Struct, forbid_unknown_fields=True):
    bash_id: Annotated[str, msgspec.Meta(description="Id of the background command.")]
    filter: Annotated[
        str | None, msgspec.Meta(description="Regular expression for the lines to show.")
    ] = None


async def run(args: BashOutputInput, call: Call) -> Result:
    """New output, status and exit code."""
    jobs = call.state(Jobs)
    job = jobs.find(args.bash_id)
    if job is None or job.recording is None:
        raise no_such_job(args.bash_id, jobs)
    job.told = job.told or job.status != "running"
    seen, text = job.seen, _fresh(job, job.recording, whole_lines=bool(args.filter))
    if args.filter:
        try:
            text = await _matching(text, args.filter, call)
        except ToolError:
            job.seen = seen
            raise
    text = tidied(text)
    left_out = len(text) - MAX_CHARS
    if left_out > 0:
        text = f"... {left_out:,} characters left out; all is in {job.output_file} ...\n{text[-MAX_CHARS:]}"
    code = "" if job.code is None else f"<exit_code>{job.code}</exit_code>\n"
    content = f"<status>{job.status}</status>\n{code}<stdout>\n{text}\n</stdout>"
    return Result(content, _data(job, text, args.filter, call), keep_whole=True)


def no_such_job(id: str, jobs: Jobs) -> ToolError:
    """The error for an id that names nothing, or nothing any more."""
    running = ", ".join(f"`{job.id}`" for job in jobs.running()) or "nothing"
    return ToolError(f"There is no background work `{id}`. Running: {running}.", invalid=True)


async def _matching(text: str, wanted: str, call: Call) -> str:
    """The lines that match, found by ripgrep: its expressions cannot take long."""
    program = await call.state(Ripgrep).find(call.machine, call.workspace.env)
    if program is None:
        return _matching_without_ripgrep(text, wanted)
    done = await call.machine.run(
        [program, "--no-config", "--text", "--no-line-number", f"--regexp={wanted}", "-"],
        cwd=call.workspace.root,
        env=for_children(call.workspace.env),
        timeout=FILTER_SECONDS,
        input=text.encode(),
    )
    if done.code not in (0, 1):
        raise _bad_filter(wanted, done.stderr.decode("utf-8", "replace").strip())
    return done.stdout.decode("utf-8", "replace")


def _matching_without_ripgrep(text: str, wanted: str) -> str:
    try:
        pattern, slow = compile_regex(wanted, literal=False, ignore_case=False, dotall=False)
    except ValueError as error:
        raise _bad_filter(wanted, str(error)) from error
    length = SLOW_MAX_LINE if slow else MAX_LINE
    return "\n".join(line for line in text.splitlines() if pattern.search(line[:length]))


def _bad_filter(wanted: str, why: str) -> ToolError:
    return ToolError(f"`{wanted}` cannot be used as a filter: {why}", invalid=True)


def _fresh(job: Job, recording: Recording, *, whole_lines: bool) -> str:
    """What was printed since `job.seen`, which moves on."""
    start = max(job.seen, recording.size - MAX_BYTES)
    data = recording.since(start, recording.size - start) or recording.end(recording.size - start)
    if whole_lines and job.status == "running":
        data = data[: data.rfind(b"\n") + 1]
        job.seen = start + len(data)
    else:
        job.seen = recording.size
    return data.decode("utf-8", "replace")


def _data(job: Job, text: str, filter: str | None, call: Call) -> dict[str, Any]:
    data = {
        "shellId": job.id,
        "command": job.command,
        "status": job.status,
        "exitCode": job.code,
        "stdout": text,
        "stderr": "",
        "stdoutLines": len(text.splitlines()),
        "stderrLines": 0,
        "timestamp": call.clock.timestamp(),
    }
    return {**data, "filterPattern": filter} if filter else data


BASH_OUTPUT = Tool("BashOutput", "bash_output.md", input=BashOutputInput, run=run, parallel=True)
