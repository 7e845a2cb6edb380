"""A session in this process, behind the interface of a transport: no child process is started."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hames import _json
from hames._aio import Channel
from hames.compat.absent import refuse_absent, refuse_flags
from hames.compat.arguments import arguments, in_folder
from hames.compat.errors import CLIConnectionError, ProcessError
from hames.compat.options import ClaudeAgentOptions
from hames.compat.stderr import Stderr
from hames.compat.transport import Transport
from hames.errors import HamesError, SessionNotFound
from hames.sdk.world import World

if TYPE_CHECKING:
    from hames.agent.options import AgentOptions
    from hames.protocol.server import Launch

log = logging.getLogger("hames.compat")

_SHOW_STATES = "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS"
_CHECKPOINTS = "CLAUDE_CODE_ENABLE_SDK_FILE_CHECKPOINTING"


class Inside(Transport):
    """Serves a session over lines in memory, as the command line does over its pipes."""

    def __init__(self, options: ClaudeAgentOptions, world: World) -> None:
        self._options = in_folder(options)
        self._flags = arguments(self._options)
        self._world = world
        self._lines_in: Channel[bytes] = Channel()
        self._lines_out: Channel[bytes] = Channel()
        self._ready = False
        self._failure: Exception | None = None
        self._task: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        if self._task is not None:
            return
        if not os.path.isdir(str(self._options.cwd)):
            raise CLIConnectionError(f"Working directory does not exist: {self._options.cwd}")
        refuse_absent(self._options)
        self._stderr = Stderr(self._options.stderr, self._world)
        self._task = asyncio.create_task(self._run(), name="hames compat session")
        self._ready = True

    async def write(self, data: str) -> None:
        if not self._ready or self._task is None or self._task.done():
            raise CLIConnectionError(
                "The session has ended, or its input was ended; connect again."
            )
        for line in data.split("\n"):
            if line:
                self._lines_in.put(line.encode())

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            try:
                line = await self._lines_out.get()
            except StopAsyncIteration:
                break
            yield _json.decode(line)
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        self._ready = False
        self._lines_in.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def is_ready(self) -> bool:
        return self._ready

    async def end_input(self) -> None:
        self._ready = False
        self._lines_in.close()

    async def _run(self) -> None:
        """Serve, and tell at the end what an exit code would tell."""
        try:
            await self._serve()
        except HamesError as error:
            self._fail(str(error))
        except Exception as error:  # the border of a session: its caller is told
            log.exception("The session failed")
            self._fail(f"{type(error).__name__}: {error}")
        finally:
            self._lines_out.close()
            await asyncio.shield(self._stderr.close())

    async def _serve(self) -> None:
        # Not at import: a program that imports us may never start a session.
        from hames.cli.debug import chosen_parts
        from hames.cli.flags import ELSEWHERE, FLAGS
        from hames.cli.options import options_from
        from hames.cli.parse import parse
        from hames.cli.stream_mode import launch_from, open_session
        from hames.protocol.server import Server
        from hames.protocol.wire import Wire

        values = parse(FLAGS, self._flags, absent=ELSEWHERE).values
        refuse_flags(values)
        debugs = "debug" in values or "debug-to-stderr" in values
        self._stderr.follow_log(chosen_parts(values.get("debug")) if debugs else None)
        log.debug("A session begins in this process with the flags of %s", ", ".join(values))
        options = self._agent_options(options_from(values))
        launch = self._launch(launch_from(values))
        server = Server(options, launch, self._lines_out.put, open_session)
        try:
            await server.run(_each(self._lines_in))
        except SessionNotFound as error:
            id = options.resume or options.session_id or ""
            self._lines_out.put(Wire(id).refusal(str(error)))
            raise
        if server.result is not None and server.result.is_error:
            self._fail()

    def _agent_options(self, options: AgentOptions) -> AgentOptions:
        """What a process would find in its environment."""
        given = self._options
        env = dict(given.env)
        if given.enable_file_checkpointing:
            env[_CHECKPOINTS] = "true"
        return replace(
            options,
            cwd=given.cwd,
            env=env,
            entrypoint=env.get("CLAUDE_CODE_ENTRYPOINT") or "sdk-py",
            client_app=given.client_app,
        )

    def _launch(self, launch: Launch) -> Launch:
        shown = {**os.environ, **self._options.env}.get(_SHOW_STATES) == "1"
        return replace(launch, states="shown" if shown else "hidden")

    def _fail(self, text: str = "") -> None:
        if text:
            self._stderr.line(f"Error: {text}")
        self._failure = ProcessError("Command failed with exit code 1", 1, text or None)


async def _each(lines: Channel[bytes]) -> AsyncIterator[bytes]:
    while True:
        try:
            line = await lines.get()
        except StopAsyncIteration:
            return
        yield line
