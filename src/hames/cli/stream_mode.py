"""`--input-format stream-json`: an official client, or a program like one, drives the session by lines."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hames.cli.options import options_from
from hames.cli.parse import Parsed
from hames.cli.report import was_interrupted
from hames.cli.signals import Signals
from hames.errors import CredentialsError, HamesError, OptionsError, SessionError, SessionExists
from hames.protocol.input import lines
from hames.protocol.output import Output
from hames.protocol.server import Launch, Server
from hames.protocol.wire import Wire
from hames.providers.absent import Absent

if TYPE_CHECKING:
    from hames.agent.options import AgentOptions
    from hames.events import Event
    from hames.sdk.supervisor import Supervisor

CLOSED_PIPE = 141
DRAIN = 30.0
"""Seconds that a slow reader gets for what is left at the end."""


def serve(parsed: Parsed) -> int:
    """Serve the client at standard input and output; the exit code."""
    values = parsed.values
    if parsed.rest:
        raise OptionsError(
            "With `--input-format stream-json` prompts come as lines on standard input, not as"
            f" arguments such as `{parsed.rest[0]}`."
        )
    if values.get("output-format") != "stream-json":
        raise OptionsError("`--input-format stream-json` needs `--output-format stream-json`.")
    if "verbose" not in values:
        raise OptionsError("`--output-format stream-json` needs `--verbose`.")
    options = options_from(values)
    launch = launch_from(values)
    if any(name in values for name in ("debug", "debug-to-stderr", "debug-file")):
        from hames.cli.debug import log_as_asked

        log_as_asked(values)
    # Whatever else prints in this process must not get between the lines.
    printed, sys.stdout = sys.stdout, sys.stderr
    try:
        return asyncio.run(_Run(options, launch).run())
    finally:
        sys.stdout = printed


def launch_from(values: Mapping[str, Any]) -> Launch:
    """What flags and environment say of the conversation with the client."""
    return Launch(
        ask_client=values.get("permission-prompt-tool") == "stdio"
        and values.get("permission-prompts") != "none",
        client_servers=_client_servers(values.get("mcp-config", ())),
        replay="replay-user-messages" in values,
        mirror="session-mirror" in values,
        await_initialize="await-initialize" in values,
        states=_states(),
        may_bypass=values.get("permission-mode") == "bypassPermissions"
        or "dangerously-skip-permissions" in values
        or "allow-dangerously-skip-permissions" in values,
    )


def _states() -> Any:
    if os.environ.get("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS") == "1":
        return "shown"
    return "hidden" if os.environ.get("CLAUDE_CODE_SDK_READS_SESSION_STATE") == "1" else None


def _client_servers(given: Any) -> list[str]:
    """The names of the servers that live in the client. Raises OptionsError for all others."""
    names = []
    for text in given:
        servers = _config(text).get("mcpServers")
        if not isinstance(servers, dict):
            raise OptionsError("`--mcp-config` needs an object with `mcpServers`.")
        for name, server in servers.items():
            if not isinstance(server, dict) or server.get("type") != "sdk":
                raise OptionsError(
                    f"`--mcp-config`: the server `{name}` is no server of the client's process"
                    " (`type: sdk`); this version knows no others."
                )
            names.append(name)
    return names


def _config(text: str) -> dict[str, Any]:
    try:
        whole = text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8")
        config = json.loads(whole)
    except (OSError, ValueError) as error:
        raise OptionsError(f"`--mcp-config`: `{text:.80}` cannot be read: {error}.") from error
    return config if isinstance(config, dict) else {}


async def open_session(options: AgentOptions, listener: Callable[[Event], None]) -> Supervisor:
    """A session that is ready for prompts. Raises what kept it from starting."""
    from hames.sdk.supervisor import Supervisor

    supervisor = Supervisor(options, listener)
    try:
        await supervisor.agent()
    except CredentialsError as error:
        # Official 2.1.330 begins as with a key, and ends with an error result.
        return await open_session(replace(options, provider=Absent(error)), listener)
    except BaseException:
        supervisor.cancel()
        await asyncio.shield(supervisor.closed())
        raise
    return supervisor


class _Run:
    """One client from its first line to its last."""

    def __init__(self, options: AgentOptions, launch: Launch) -> None:
        self._options = options
        self._launch = launch
        self._unwritable: OSError | None = None

    async def run(self) -> int:
        with Signals() as self._signals:
            self._output = Output(1, self._cannot_write)
            self._server = Server(self._options, self._launch, self._write, open_session)
            try:
                await self._signals.until_stopped(self._serve())
            finally:
                seconds = DRAIN if self._signals.code is None else 1
                await self._signals.until_stopped(self._output.finish(seconds))
                self._output.close()
            return self._exit_code()

    async def _serve(self) -> None:
        watch = asyncio.create_task(self._interrupt_when_asked())
        try:
            await self._server.run(lines(0))
        except SessionExists:
            raise
        except SessionError as error:
            id = self._options.resume or self._options.session_id or ""
            self._write(Wire(id).refusal(str(error)))
            raise
        finally:
            watch.cancel()

    async def _interrupt_when_asked(self) -> None:
        """Ctrl-C stops the answer under way, and then the session ends as at the end of input."""
        await self._signals.interrupted.wait()
        self._server.interrupt()
        self._server.stop_reading()

    def _write(self, line: bytes) -> None:
        self._output.write(line + b"\n")

    def _cannot_write(self, error: OSError) -> None:
        self._unwritable = error
        self._signals.stop(CLOSED_PIPE)

    def _exit_code(self) -> int:
        if self._unwritable and not isinstance(self._unwritable, BrokenPipeError | ConnectionError):
            raise HamesError(f"Standard output cannot be written to: {self._unwritable.strerror}.")
        if self._signals.code is not None:
            return self._signals.code
        result = self._server.result
        if result is None:
            return 0
        if was_interrupted(result) and self._signals.interrupted.is_set():
            return 0  # Official 2.1.330: an interrupt is no failure.
        return int(result.is_error)
