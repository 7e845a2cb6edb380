"""Bash: run a shell command, in the foreground or the background.

How the shell is started is in `shell`, background work in `jobs`, how output is shortened in
`command_output`, what exit codes mean in `exit_codes`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, NamedTuple

import msgspec

from hames._slots import Slots
from hames.access import Runs
from hames.errors import ToolError
from hames.tools.command_output import Printed, ends, printed, save
from hames.tools.exit_codes import is_silent, meaning
from hames.tools.jobs import Job, Jobs
from hames.tools.shell import Command, start
from hames.tools.shown_files import note_changed, note_shown
from hames.tools.tool import Call, Result, Tool

DEFAULT_TIMEOUT_MS = 120_000
MAX_TIMEOUT_MS = 600_000

DEFAULT_BACKGROUND_MS = 1_800_000
"""How long a command may run that was started in the background."""
MAX_BACKGROUND_MS = 7_200_000
AFTER_TIMEOUT_MS = 600_000
"""How long a command may go on that was moved to the background by its timeout."""

MAX_OUTPUT_CHARS = 30_000
MAX_ERROR_CHARS = 10_000
"""Characters of output that a failed command shows."""
_ERROR_PREVIEW = (4_000, 6_000)

SO_FAR = (5_000, 5_000)
"""Characters of beginning and end that an interrupted command shows."""

MAX_IMAGE_BYTES = 12_000_000
"""Longest data URI that is taken for a picture."""

TIMED_OUT = 143
"""The exit code of a command that its timeout has ended, as shells report TERM."""

IN_FOREGROUND = Slots(256, share=1 / 16)
"""Commands that a call waits for, in all sessions. Each takes three open files, and a process at least."""

_TRAILING_OUTPUT = 0.1
"""Seconds that the end of a `>(process substitution)` is waited for."""


class BashInput(msgspec.Struct, forbid_unknown_fields=True):
    command: str
    timeout: Annotated[
        int | None, msgspec.Meta(description="Milliseconds; default 120000, at most 600000.")
    ] = None
    description: Annotated[
        str | None, msgspec.Meta(description="What it does, in five to ten words.")
    ] = None
    run_in_background: Annotated[
        bool | None, msgspec.Meta(description="Return at once and be told when it ends.")
    ] = None
    dangerouslyDisableSandbox: Annotated[
        bool | None, msgspec.Meta(description="Ask to run outside the sandbox.")
    ] = None


class Limits(NamedTuple):
    """What the session's environment sets."""

    default_ms: int
    max_ms: int
    output: int
    background: bool
    keep_directory: bool

    @classmethod
    def of(cls, env: Mapping[str, str]) -> Limits:
        default = _number(env, "BASH_DEFAULT_TIMEOUT_MS", DEFAULT_TIMEOUT_MS)
        return cls(
            default,
            max(_number(env, "BASH_MAX_TIMEOUT_MS", MAX_TIMEOUT_MS), default),
            min(_number(env, "BASH_MAX_OUTPUT_LENGTH", MAX_OUTPUT_CHARS), MAX_OUTPUT_CHARS),
            not _is_on(env, "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS"),
            _is_on(env, "CLAUDE_BASH_MAINTAIN_PROJECT_WORKING_DIR"),
        )

    def foreground_ms(self, asked: int | None) -> int:
        """Official 2.1.330 takes 0 as no wish and clamps what is too long without a word."""
        return min(asked, self.max_ms) if asked and asked > 0 else self.default_ms

    def background_ms(self, asked: int | None) -> int:
        return min(asked, MAX_BACKGROUND_MS) if asked and asked > 0 else DEFAULT_BACKGROUND_MS


class Running(msgspec.Struct):
    """One call of Bash whose command has been started."""

    args: BashInput
    call: Call
    limits: Limits
    jobs: Jobs
    command: Command
    name: str
    """Id of the job it may become, and name of its file."""

    def data(self, stdout: str, *notes: str, **more: Any) -> dict[str, Any]:
        """The structured result, with the official field names."""
        return {
            "stdout": stdout,
            "stderr": "\n".join(notes),
            "interrupted": False,
            "isImage": False,
            "noOutputExpected": is_silent(self.args.command),
            **more,
        }


async def run(args: BashInput, call: Call) -> Result:
    """Run the command. Failed commands raise ToolError with their exit code and output.

    A command that outlasts its timeout goes on in the background, unless that is switched off or it
    begins with `sleep`. A lone long `sleep` is run like any other command: it is bounded, and refusing
    it only makes models write `sleep 60; true`.
    """
    _refuse_control_characters(args.command)
    limits = Limits.of(call.workspace.env)
    jobs = call.state(Jobs)
    jobs.machine = call.machine
    if (args.run_in_background or (args.timeout or 0) < 0) and limits.background:
        return await _in_background(await _start(args, call, limits, jobs))
    async with IN_FOREGROUND:
        return await _in_foreground(await _start(args, call, limits, jobs))


async def _start(args: BashInput, call: Call, limits: Limits, jobs: Jobs) -> Running:
    command = await start(args.command, call, jobs.owner)
    call.so_far = lambda: ends(command.recording, *SO_FAR)
    return Running(args, call, limits, jobs, command, call.ids.short("b"))


async def _in_foreground(running: Running) -> Result:
    """Wait for the command, at most until its timeout."""
    args, limits = running.args, running.limits
    milliseconds = limits.foreground_ms(args.timeout)
    try:
        ended = await _ended(running, milliseconds / 1000)
        if not ended and limits.background and not re.match(r"\s*sleep\b", args.command):
            return await _moved_to_background(running, milliseconds)
    except BaseException:
        await _stop(running)
        raise
    if ended:
        return await _finished(running)
    await _stop(running)
    raise await _timed_out(running, milliseconds)


async def _ended(running: Running, seconds: float) -> bool:
    """Wait for the end of the command, and save its output when that grows large; whether it ended."""
    recording, loop = running.command.recording, asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        try:
            async with asyncio.timeout_at(deadline) as clock:
                # The timeout is the one thing that can wake us while we wait for the end.
                recording.on_growth = partial(_expire, clock)
                try:
                    await running.command.process.wait()
                finally:
                    recording.on_growth = None
            break
        except TimeoutError:
            if loop.time() >= deadline:
                return False
            await save(recording, running.call, running.name)
    if running.command.process.lingers:
        await running.command.process.settle(_TRAILING_OUTPUT)
    return True


def _expire(clock: asyncio.Timeout) -> None:
    try:
        clock.reschedule(asyncio.get_running_loop().time())
    except RuntimeError:
        pass  # it has just expired by itself


async def _stop(running: Running) -> None:
    running.command.recording.keep_ends()
    await running.command.process.stop()
    await running.command.tidy(running.call.machine)


async def _finished(running: Running) -> Result:
    """The result of a command that has ended."""
    command, call, limits = running.command, running.call, running.limits
    code = exit_code(command.process.code or 0)
    cwd = call.workspace.cwd
    stale = await note_changed(call)
    notes = [
        note for note in (await _follow_directory(running), await _left(running), stale) if note
    ]
    await command.tidy(call.machine)
    if picture := await _picture(running):
        return picture
    said = meaning(
        running.args.command, code, command.recording.head[:2_000].decode("utf-8", "replace")
    )
    if code and not said:
        limit = min(limits.output, MAX_ERROR_CHARS)
        output = await printed(command.recording, call, running.name, limit, _ERROR_PREVIEW)
        raise ToolError("\n".join(filter(None, (f"Exit code {code}", output.shown, *notes))))
    output = await printed(command.recording, call, running.name, limits.output)
    data = running.data(output.start, *notes, **_saved(output))
    if stale:
        data["staleReadFileStateHint"] = stale
    if output.path is None:
        await note_shown(running.args.command, cwd, command.recording, call)
    if said:
        data["returnCodeInterpretation"] = said
        notes.insert(0, f"[Exit code {code}: {said}.]")
    content = "\n".join(filter(None, (output.shown, *notes)))
    return Result(content, data, is_error=False, keep_whole=True)


def _saved(output: Printed) -> dict[str, Any]:
    if output.path is None:
        return {}
    return {"persistedOutputPath": output.path, "persistedOutputSize": output.size}


async def _follow_directory(running: Running) -> str | None:
    """Make the command's last directory the session's, where that is allowed; else a note."""
    workspace = running.call.workspace
    there = await running.command.directory(running.call.machine)
    if running.limits.keep_directory:
        workspace.cwd = workspace.root
        return None
    if there is None:
        return None
    if workspace.contains(there):
        workspace.cwd = there
        return None
    return (
        f"[The working directory stays `{workspace.cwd}`: `{there}` is outside the folders of this"
        " session.]"
    )


async def _left(running: Running) -> str | None:
    """A note on something that lives on and holds the output, whose file is named."""
    if not running.command.process.lingers:
        return None
    path = await save(running.command.recording, running.call, running.name)
    return f"[Something this command started is still running; what it prints goes to {path}. It ends with the session.]"


async def _picture(running: Running) -> Result | None:
    """The output as an image block, when it is one data URI of a picture."""
    recording = running.command.recording
    if (
        not recording.head[:64].lstrip().startswith(b"data:image/")
        or recording.size > MAX_IMAGE_BYTES
    ):
        return None
    from hames.tools.images import prepare

    whole = await asyncio.to_thread(recording.since, 0, recording.size)
    found = re.fullmatch(rb"\s*data:image/[\w.+-]+;base64,([A-Za-z0-9+/=\s]+)", whole)
    if not found:
        return None
    import binascii

    try:
        data = binascii.a2b_base64(found[1])
        picture = await asyncio.to_thread(prepare, data, "output")
    except (binascii.Error, ToolError):
        return None  # shown as the text it is
    uri = f"data:{picture.media_type};base64,{picture.base64}"
    note = picture.note("output")
    after = [{"type": "text", "text": note}] if note else []
    return Result([picture.block()], running.data(uri, isImage=True), is_error=False, after=after)


async def _timed_out(running: Running, milliseconds: int) -> ToolError:
    """The error of a command that was stopped by its timeout."""
    limit = min(running.limits.output, MAX_ERROR_CHARS)
    recording = running.command.recording
    output = await printed(recording, running.call, running.name, limit, _ERROR_PREVIEW)
    head = f"Exit code {TIMED_OUT}\nThe command was stopped by its timeout after {_seconds(milliseconds)}."
    return ToolError("\n".join(filter(None, (head, output.shown))))


async def _in_background(running: Running) -> Result:
    try:
        job = await _start_job(running, running.limits.background_ms(running.args.timeout))
    except BaseException:
        await _stop(running)
        raise
    text = f"Running in the background as `{job.id}`. {_how_to_follow(job)}"
    return Result(text, running.data("", backgroundTaskId=job.id), is_error=False, keep_whole=True)


async def _moved_to_background(running: Running, milliseconds: int) -> Result:
    job = await _start_job(running, AFTER_TIMEOUT_MS)
    output = ends(running.command.recording, *SO_FAR)
    text = (
        f"The command has not ended after {_seconds(milliseconds)} and goes on in the background as"
        f" `{job.id}`, for at most {AFTER_TIMEOUT_MS // 60_000} more minutes. {_how_to_follow(job)}"
    )
    data = running.data(output, backgroundTaskId=job.id, timedOutAfterMs=milliseconds)
    return Result(
        "\n".join(filter(None, (output, f"[{text}]"))), data, is_error=False, keep_whole=True
    )


def _how_to_follow(job: Job) -> str:
    return f"Its output goes to {job.output_file}. You will be told when it ends; TaskStop ends it earlier."


async def _start_job(running: Running, milliseconds: int) -> Job:
    """Hand the command over to the session's jobs."""
    args, command = running.args, running.command
    job = Job(
        running.name,
        args.command,
        running.call.id,
        await save(command.recording, running.call, running.name),
        description=args.description or "",
        recording=command.recording,
    )
    running.jobs.start(job, _work(running, job, milliseconds))
    return job


async def _work(running: Running, job: Job, milliseconds: int) -> int | None:
    """Follow a background command to its end; its exit code."""
    process = running.command.process
    try:
        async with asyncio.timeout(milliseconds / 1000):
            code = await process.wait()
    except TimeoutError:
        job.status, job.reason = "killed", f"it ran longer than {_seconds(milliseconds)}"
        return None
    finally:
        if process.code is None:
            await process.stop()
        await running.command.tidy(running.call.machine)
        await running.command.directory(running.call.machine)
    await process.settle(_TRAILING_OUTPUT)
    return exit_code(code)


def exit_code(code: int) -> int:
    """The code as a shell reports it: 128 and the signal for what a signal has ended."""
    return 128 - code if code < 0 else code


def _refuse_control_characters(command: str) -> None:
    found = re.search(r"[\x00-\x08\x0b-\x1f\x7f]", command)
    if found:
        raise ToolError(
            f"The command has the control character U+{ord(found[0]):04X} at position {found.start()}"
            " and was not run. Write it as an escape, for example with `printf` or `$'\\r'`.",
            invalid=True,
        )


def _number(env: Mapping[str, str], name: str, default: int) -> int:
    """A variable as a positive number; anything else counts as not set."""
    text = env.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else default


def _is_on(env: Mapping[str, str], name: str) -> bool:
    return env.get(name, "").strip().lower() in ("1", "true", "yes", "on")


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:g} s"


BASH = Tool(
    "Bash",
    "bash.md",
    input=BashInput,
    run=run,
    access=lambda args: (Runs(args.command),),
    timeout=None,
)
