"""A session in a process of its own: what `cli_path` names, spoken to over its pipes."""

from __future__ import annotations

import asyncio
import atexit
import codecs
import json
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from hames._version import __version__
from hames.compat.arguments import arguments
from hames.compat.errors import (
    CLIConnectionError,
    CLIJSONDecodeError,
    CLINotFoundError,
    ProcessError,
)
from hames.compat.options import ClaudeAgentOptions
from hames.compat.stderr import Stderr
from hames.compat.transport import Transport
from hames.sdk.world import World

log = logging.getLogger("hames.compat")

LONGEST = 1024 * 1024
"""Characters of a line, unless `max_buffer_size` says otherwise."""
PATIENCE = 5.0
"""Seconds that the process gets to end by itself, and again after it was asked to."""
CHUNK = 1 << 16

_TRACE = ("TRACEPARENT", "TRACESTATE")

_running: set[asyncio.subprocess.Process] = set()


class Subprocess(Transport):
    """Speaks to the program at `cli_path`. Closing it ends the process."""

    def __init__(self, options: ClaudeAgentOptions, world: World) -> None:
        self._options = options
        self._command = [str(options.cli_path), *arguments(options)]
        self._longest = LONGEST if options.max_buffer_size is None else options.max_buffer_size
        self._world = world
        self._process: asyncio.subprocess.Process | None = None
        self._reading_stderr: asyncio.Task[None] | None = None
        self._ready = False
        self._writing = asyncio.Lock()

    async def connect(self) -> None:
        if self._process is not None:
            return
        options, pipe = self._options, asyncio.subprocess.PIPE
        try:
            process = self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe if options.stderr else None,
                cwd=options.cwd,
                env=self._environment(),
                user=options.user,
            )
        except FileNotFoundError as error:
            if options.cwd and not os.path.isdir(options.cwd):
                raise CLIConnectionError(
                    f"Working directory does not exist: {options.cwd}"
                ) from error
            raise CLINotFoundError("Claude Code not found at", str(options.cli_path)) from error
        except (OSError, ValueError) as error:
            raise CLIConnectionError(f"`{options.cli_path}` cannot be started: {error}") from error
        _running.add(process)
        if process.stderr is not None:
            self._reading_stderr = asyncio.create_task(self._read_stderr(process.stderr))
        self._ready = True

    async def write(self, data: str) -> None:
        async with self._writing:
            if not self._ready or self._process is None or self._process.stdin is None:
                raise CLIConnectionError("The process is not ready for writing.")
            if self._process.returncode is not None:
                raise CLIConnectionError(
                    f"The process has ended (exit code: {self._process.returncode}) and cannot be"
                    " written to."
                )
            try:
                self._process.stdin.write(data.encode())
                await self._process.stdin.drain()
            except OSError as error:
                self._ready = False
                raise CLIConnectionError(f"Failed to write to process stdin: {error}") from error

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        if self._process is None or self._process.stdout is None:
            raise CLIConnectionError("Not connected. Call connect() first.")
        async for line in self._lines(self._process.stdout):
            if (message := _parsed(line)) is not None:
                yield message
        code = await self._process.wait()
        if code:
            raise ProcessError(
                f"Command failed with exit code {code}",
                code,
                "what it said is on its standard error",
            )

    async def close(self) -> None:
        process = self._process
        if process is None:
            return
        await self.end_input()
        try:
            for end in (None, process.terminate, process.kill):
                if end is not None:
                    with suppress(ProcessLookupError):
                        end()
                with suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE):
                        await process.wait()
                    break
        finally:
            _running.discard(process)
            if self._reading_stderr is not None:
                await asyncio.wait([self._reading_stderr], timeout=PATIENCE)
                self._reading_stderr.cancel()
        self._process = None

    def is_ready(self) -> bool:
        return self._ready

    async def end_input(self) -> None:
        async with self._writing:
            self._ready = False
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.close()

    def _environment(self) -> dict[str, str]:
        options = self._options
        env = {name: value for name, value in os.environ.items() if name != "CLAUDECODE"}
        if trace := _trace():  # one of before would not go with it
            env = {name: value for name, value in env.items() if name not in _TRACE} | trace
        env |= {"CLAUDE_CODE_ENTRYPOINT": "sdk-py", **options.env}
        env["CLAUDE_AGENT_SDK_VERSION"] = __version__
        if options.client_app is not None:
            env["CLAUDE_AGENT_SDK_CLIENT_APP"] = options.client_app
        env.setdefault("CLAUDE_CODE_SDK_READS_SESSION_STATE", "1")
        if options.enable_file_checkpointing:
            env["CLAUDE_CODE_ENABLE_SDK_FILE_CHECKPOINTING"] = "true"
        if options.cwd:
            env["PWD"] = str(options.cwd)
        return env

    async def _lines(self, stream: asyncio.StreamReader) -> AsyncIterator[str]:
        """Each line with its break, what follows the last break included.

        Raises CLIJSONDecodeError for a line that is longer than `max_buffer_size`.
        """
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        begun: list[str] = []
        size = 0
        while chunk := await stream.read(CHUNK):
            *ended, rest = decoder.decode(chunk).split("\n")
            for line in ended:
                self._guard(size + len(line))
                yield "".join([*begun, line, "\n"])
                begun, size = [], 0
            begun.append(rest)
            size += len(rest)
            self._guard(size)
        yield "".join(begun)

    def _guard(self, size: int) -> None:
        if size > self._longest:
            raise CLIJSONDecodeError(
                f"JSON message exceeded maximum buffer size of {self._longest} bytes",
                ValueError(f"Buffer size {size} exceeds limit {self._longest}"),
            )

    async def _read_stderr(self, stream: asyncio.StreamReader) -> None:
        told = Stderr(self._options.stderr, self._world)
        try:
            async for line in self._lines(stream):
                told.line(line)
        except CLIJSONDecodeError:
            log.warning("A line on standard error is too long; what follows is not told.")
        finally:
            await asyncio.shield(told.close())


def _parsed(line: str) -> dict[str, Any] | None:
    """The JSON of a line; None for lines that are something else, such as a program's warnings."""
    text = line.strip()
    if not text.startswith("{"):
        if text:
            log.debug("A line that is no JSON is passed over: %.200s", text)
        return None
    try:
        message: dict[str, Any] = json.loads(text)
    except ValueError as error:
        if not line.endswith("\n"):  # the process died while it wrote; its exit code tells more
            log.debug("The output ends within a line: %.200s", text)
            return None
        raise CLIJSONDecodeError(text, error) from error
    return message


def _trace() -> dict[str, str]:
    """The trace that the caller is in, for the session to continue; nothing without OpenTelemetry."""
    if "opentelemetry" not in sys.modules:
        return {}
    from opentelemetry import propagate

    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return {name.upper(): value for name, value in carrier.items()}


@atexit.register
def _end_all() -> None:
    """Whoever leaves without closing leaves no process behind."""
    for process in list(_running):
        with suppress(ProcessLookupError):
            process.terminate()
