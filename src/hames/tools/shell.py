"""The shell that runs a session's commands: always bash, always fresh, never the user's start files.

A command runs through `eval` in a new bash, so nothing but the working directory outlives it. That is
told through a file of our own, because what a command prints can be anything: the script writes it when
the directory has changed, at its end and in an EXIT trap, so that `exit`, `set -e` and syntax errors are
covered. A command that sets its own EXIT trap and then exits by `exit`, or replaces the shell by `exec`,
leaves the directory as it was.
"""

from __future__ import annotations

import os
import shlex

import msgspec

from hames.errors import ToolError
from hames.sandbox.environment import for_children
from hames.sandbox.machine import Machine, Process
from hames.sandbox.recording import Recording
from hames.tools.tool import Call

SHELLS = ("/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash", "/run/current-system/sw/bin/bash")
"""Where bash is; `/bin/sh` where it is nowhere."""

FLAGS = ("--noprofile", "--norc")

ADDED_ENVIRONMENT = {"CLAUDECODE": "1", "TERM": "dumb", "GIT_EDITOR": "true"}
"""Programs learn that an agent runs them, on no terminal, and never open an editor."""

_LONGEST_ARGUMENT = 100_000
"""Bytes; Linux takes 128 KiB. Longer commands go through a file."""

# All before the command in one line, or the line numbers in its error messages would be others.
_SCRIPT = (
    "{prelude}__hames() {{ local status=$?; "
    '[ "${{PWD-}}" = {cwd} ] || command pwd -P >| {report}; return $status; }}; '
    "trap '{{ __hames; }} 2>/dev/null' EXIT; eval {command}\n"
    "{{ __hames; }} 2>/dev/null"
)


class Shell(msgspec.Struct):
    """What a session knows of its shell. Per-session state."""

    program: str | None = None
    commands: int = 0
    """How many have been started."""

    async def find(self, machine: Machine, chosen: str | None) -> str:
        """The program; looked for once.

        `chosen` is honoured when it is a bash: permission rules judge commands by its grammar, and
        another shell would read something else in them.
        """
        if self.program is None:
            named = (chosen,) if chosen and os.path.basename(chosen) == "bash" else ()
            for path in (*named, *SHELLS):
                found = await machine.stat(path)
                if found and found.kind == "file" and found.mode & 0o111:
                    self.program = path
                    break
            else:
                self.program = "/bin/sh"
        return self.program


class Command(msgspec.Struct):
    """A command that has been started."""

    process: Process
    report: str
    """The file in which it tells its last working directory, if that has changed."""
    files: list[str]
    """Our own files that it needs while it runs."""
    recording: Recording = msgspec.field(default_factory=Recording)

    async def directory(self, machine: Machine) -> str | None:
        """Its last working directory, if that has changed. Removes the report."""
        try:
            told = await machine.read(self.report, limit=16_384)
        except FileNotFoundError:
            return None
        await machine.remove(self.report)
        path = os.fsdecode(told.removesuffix(b"\n"))
        return path if path.startswith("/") else None

    async def tidy(self, machine: Machine) -> None:
        """Remove what only the running command needed."""
        for path in self.files:
            await machine.remove(path)
        self.files.clear()


async def start(command: str, call: Call, owner: str) -> Command:
    """Start a command in the session's working directory. Its output is recorded."""
    workspace, machine = call.workspace, call.machine
    state = call.state(Shell)
    shell = await state.find(machine, workspace.env.get("CLAUDE_CODE_SHELL"))
    state.commands += 1
    name = f"{await machine.scratch()}/{owner}-{state.commands}"
    files: list[str] = []
    if len(command) > _LONGEST_ARGUMENT // 4 and len(command.encode()) > _LONGEST_ARGUMENT:
        files.append(f"{name}.sh")
        await machine.write(files[0], command.encode(), mode=0o600)
        evaluated = f'"$(command cat -- {shlex.quote(files[0])})"'
    else:
        evaluated = _on_one_line(command, shell)
    script = _SCRIPT.format(
        prelude=_prelude(workspace.env.get("CLAUDE_ENV_FILE")),
        cwd=shlex.quote(workspace.cwd),
        report=shlex.quote(f"{name}.cwd"),
        command=evaluated,
    )
    recording = Recording()
    try:
        process = await machine.spawn(
            _arguments(shell, script, workspace.env.get("CLAUDE_CODE_SHELL_PREFIX")),
            cwd=workspace.cwd,
            env={
                **for_children(workspace.env),
                **ADDED_ENVIRONMENT,
                "SHELL": shell,
                "PWD": workspace.cwd,
            },
            receive=recording.add,
            owner=owner,
        )
    except FileNotFoundError:
        if await machine.stat(workspace.cwd) is not None:
            raise
        gone, workspace.cwd = workspace.cwd, workspace.root
        raise ToolError(
            f"Nothing was run: the working directory `{gone}` no longer exists. It is set back to"
            f" `{workspace.root}`; run the command again if that is where you want it."
        ) from None
    return Command(process, f"{name}.cwd", files, recording)


def _on_one_line(command: str, shell: str) -> str:
    """The command quoted; bash counts the lines of the quoted text before those of the command."""
    if "\n" not in command or os.path.basename(shell) != "bash":
        return shlex.quote(command)
    escaped = command.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"$'{escaped}'"


def _prelude(env_file: str | None) -> str:
    """Reads the variables that hooks have set for the session's commands."""
    if not env_file:
        return ""
    quoted = shlex.quote(env_file)
    return f"[ -r {quoted} ] && . {quoted}; "


def _arguments(shell: str, script: str, prefix: str | None) -> list[str]:
    """How the shell is called; a prefix is a program of the user's that is given the whole call."""
    flags = FLAGS if os.path.basename(shell) == "bash" else ()
    if not prefix:
        return [shell, *flags, "-c", script]
    call = shlex.join([shell, *flags, "-c", script])
    return [shell, *flags, "-c", f"exec {prefix} {shlex.quote(call)}"]
